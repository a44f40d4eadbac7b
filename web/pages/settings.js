// settings.js: who may come in. Administrators, tokens for programs, the reader's own password and sessions, and the colours.
import { send, session as sessions } from '../api.js';
import { chooseTheme, theme } from '../theme.js';
import { Ago, Badge, Button, Confirm, ConfirmTyped, Copy, Dialog, Empty, Form, Notice, Page, Problem, Section, Select, Table, TextField, Time, html, toast, useAction, useData, useState } from '../ui.js';

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const NAME_HINT = 'Lower-case letters, digits and hyphens, at most 40.';
const PASSWORD_MIN = 12;

export default function Settings({ session }) {
  const admin = session.scope === 'admin';
  return html`<${Page} title="Settings">
    <div class="columns">
      <${Own} session=${session} />
      <${Look} />
    </div>
    ${admin && html`<${Access} by=${session.by} />`}
    ${!admin && html`<${Notice}>Administrators and tokens are shown to administrators.<//>`}
  <//>`;
}

function Access({ by }) {
  const administrators = useData('/v1/administrators');
  const tokens = useData('/v1/tokens');
  return html`<${Administrators} by=${by} list=${administrators} /><${Tokens} list=${tokens} />`;
}

function Look() {
  const [chosen, setChosen] = useState(theme());
  const choose = (value) => {
    chooseTheme(value);
    setChosen(value);
  };
  return html`<${Section} title="Appearance"><div class="narrow"><${Select} label="Colours" value=${chosen} onValue=${choose} options=${[['', 'as the system has them'], ['light', 'light'], ['dark', 'dark']]} /></div><//>`;
}

function Own({ session }) {
  const [asked, ask] = useState(false);
  const [password, setPassword] = useState(false);
  const token = session.by.startsWith('token:');
  const everywhere = async () => {
    await sessions.signOut(true);
    location.assign('/');
  };
  return html`<${Section} title="Your account" about=${`${session.name || 'Signed in with a link'}, ${session.scope}`}>
    ${token && html`<p class="quiet">Signed in with a token, which has no password.</p>`}
    <div class="actions">${!token && html`<${Button} onClick=${() => setPassword(true)}>Change the password<//>`}<${Button} tone="danger" onClick=${() => ask(true)}>Sign out everywhere<//></div>
    ${password && html`<${Password} onClose=${() => setPassword(false)} />`}
    ${asked && html`<${Confirm} title="Sign out everywhere?" verb="Sign out everywhere" tone="danger" onClose=${() => ask(false)} act=${everywhere}><p>Every browser that you are signed in with has to sign in again, this one too.</p><//>`}
  <//>`;
}

function Password({ onClose }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [wrong, setWrong] = useState({});
  const [save, busy, error] = useAction(() => sessions.changePassword(current, next), 'The password is changed. Your other sessions are over.');
  const submit = async () => {
    const now = passwordProblems(next, again);
    setWrong(now);
    if (!now.next && !now.again && (await save())) onClose();
  };
  return html`<${Dialog} title="Change the password" onClose=${onClose}><${Form} onSubmit=${submit}>
    <${TextField} label="Present password" type="password" autocomplete="current-password" value=${current} onValue=${setCurrent} autofocus />
    <${NewPassword} ...${{ next, setNext, again, setAgain, wrong }} />
    <${Problem} error=${error?.status === 403 ? { title: 'Not changed', detail: 'The present password is another.' } : error} />
    <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy} disabled=${!current || !next}>Change it<//></div>
  <//><//>`;
}

function passwordProblems(next, again) {
  return { next: next.length >= PASSWORD_MIN ? null : `At least ${PASSWORD_MIN} characters; four words are good.`, again: next === again ? null : 'This is not the same.' };
}

function NewPassword({ next, setNext, again, setAgain, wrong }) {
  return html`<${TextField} label="New password" type="password" autocomplete="new-password" hint=${`At least ${PASSWORD_MIN} characters.`} error=${wrong.next} value=${next} onValue=${setNext} />
    <${TextField} label="The new password again" type="password" autocomplete="new-password" error=${wrong.again} value=${again} onValue=${setAgain} />`;
}

const scopeBadge = (scope) => html`<${Badge} tone=${scope === 'admin' ? 'info' : 'quiet'}>${scope}<//>`;

function Administrators({ by, list }) {
  const [asked, ask] = useState(null);
  const close = () => ask(null);
  const columns = [
    { label: 'Name', wide: true, cell: (one) => html`${one.name} ${by === `admin:${one.name}` && html`<span class="quiet">(you)</span>`}` },
    { label: 'Scope', cell: (one) => scopeBadge(one.scope) },
    { label: 'Made', cell: (one) => html`<${Time} at=${one.created} />` },
    { label: 'Last signed in', cell: (one) => html`<${Ago} at=${one.used} />` },
    { label: '', hidden: 'Actions', cell: (one) => html`<span class="actions end"><${Button} tone="small" aria-label=${`New password for ${one.name}`} onClick=${() => ask({ set: one })}>New password<//><${Button} tone="small danger" aria-label=${`Remove ${one.name}`} onClick=${() => ask({ remove: one })}>Remove<//></span>` },
  ];
  const remove = async () => {
    await send('DELETE', `/v1/administrators/${asked.remove.name}`);
    toast(`${asked.remove.name} is removed.`);
    list.reload();
  };
  return html`<${Section} title="Administrators" about="People. An admin may change everything, a viewer nothing." actions=${html`<${Button} onClick=${() => ask({ link: true })}>Sign-in link<//><${Button} tone="main" onClick=${() => ask({ set: null })}>New administrator<//>`}>
    <${Problem} error=${list.error} retry=${list.reload} />
    ${list.data && (list.data.administrators.length === 0 ? html`<${Empty} title="There is no administrator." /> ` : html`<${Table} caption="Administrators" columns=${columns} rows=${list.data.administrators} />`)}
    ${asked && 'set' in asked && html`<${Administrator} one=${asked.set} onClose=${close} onDone=${list.reload} />`}
    ${asked?.remove && html`<${ConfirmTyped} title=${`Remove ${asked.remove.name}?`} word=${asked.remove.name} verb="Remove" onClose=${close} act=${remove}><p>${by === `admin:${asked.remove.name}` ? 'This is you: you are signed out at once.' : 'Every session of this administrator ends at once.'}</p><//>`}
    ${asked?.link && html`<${Link} onClose=${close} />`}
  <//>`;
}

function Administrator({ one, onClose, onDone }) {
  const [name, setName] = useState(one?.name ?? '');
  const [scope, setScope] = useState(one?.scope ?? 'viewer');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [wrong, setWrong] = useState({});
  const [save, busy, error] = useAction(() => sessions.makeAdministrator(name, scope, next), `${name} may sign in.`);
  const submit = async () => {
    const now = { name: NAME.test(name) ? null : NAME_HINT, ...passwordProblems(next, again) };
    setWrong(now);
    if (Object.values(now).some(Boolean) || !(await save())) return;
    onDone();
    onClose();
  };
  return html`<${Dialog} title=${one ? `New password for ${one.name}` : 'New administrator'} onClose=${onClose}><${Form} onSubmit=${submit}>
    ${one ? html`<p class="quiet">Every session of ${one.name} ends.</p>` : html`<${TextField} label="Name" hint="It stands beside every change that this person makes." autocapitalize="none" error=${wrong.name} value=${name} onValue=${setName} autofocus />`}
    <${Select} label="Scope" value=${scope} onValue=${setScope} options=${[['viewer', 'viewer: sees, changes nothing'], ['admin', 'admin: may do everything']]} />
    <${NewPassword} ...${{ next, setNext, again, setAgain, wrong }} />
    <${Problem} error=${error} />
    <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy}>${one ? 'Set the password' : 'Make the administrator'}<//></div>
  <//><//>`;
}

function Link({ onClose }) {
  const [link, setLink] = useState(null);
  const [make, busy, error] = useAction(async () => setLink(await send('POST', '/v1/sign-in-links')));
  const address = link && `${location.origin}/sign-in#${link.link}`;
  return html`<${Dialog} title="Sign-in link" onClose=${onClose}>
    <p>Whoever opens it first makes an administrator who may do everything. It works once, for ten minutes.</p>
    <${Problem} error=${error} />
    ${!link ? html`<div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" busy=${busy} onClick=${make}>Make a link<//></div>` : html`
      <${Secret} label="The link" value=${address} />
      <p class="quiet">It ends <${Ago} at=${link.expires} />.</p>`}
  <//>`;
}

// Shown once: it can be copied, and nothing shows it again.
function Secret({ label, value }) {
  return html`<div class="secret"><${TextField} label=${label} readonly value=${value} onValue=${() => {}} onFocus=${(event) => event.currentTarget.select()} /><${Copy} text=${value} what=${label.toLowerCase()} /></div>`;
}

function Tokens({ list }) {
  const [making, setMaking] = useState(false);
  const [gone, setGone] = useState(null);
  const columns = [
    { label: 'Name', wide: true, cell: (one) => one.name },
    { label: 'Scope', cell: (one) => scopeBadge(one.scope) },
    { label: 'Made', cell: (one) => html`<${Time} at=${one.created} />` },
    { label: 'Ends', cell: (one) => html`<${Time} at=${one.expires} />` },
    { label: 'Last used', cell: (one) => html`<${Ago} at=${one.used} />` },
    { label: '', hidden: 'Actions', cell: (one) => html`<span class="actions end"><${Button} tone="small danger" aria-label=${`Remove the token ${one.name}`} onClick=${() => setGone(one)}>Remove<//></span>` },
  ];
  const remove = async () => {
    await send('DELETE', `/v1/tokens/${gone.name}`);
    toast(`The token ${gone.name} is useless now.`);
    list.reload();
  };
  return html`<${Section} title="Tokens" about="For programs that use the API over TCP, and for signing in without a password." actions=${html`<${Button} tone="main" onClick=${() => setMaking(true)}>New token<//>`}>
    <${Problem} error=${list.error} retry=${list.reload} />
    ${list.data && (list.data.tokens.length === 0 ? html`<${Empty} title="There is no token.">A program that applies tenants, or one that watches them, gets one of its own.<//>` : html`<${Table} caption="Tokens" columns=${columns} rows=${list.data.tokens} />`)}
    ${making && html`<${NewToken} onClose=${() => setMaking(false)} onDone=${list.reload} />`}
    ${gone && html`<${Confirm} title=${`Remove the token ${gone.name}?`} verb="Remove" tone="danger" onClose=${() => setGone(null)} act=${remove}><p>It is useless at once, and so is every session that began with it.</p><//>`}
  <//>`;
}

function NewToken({ onClose, onDone }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState('viewer');
  const [tenant, setTenant] = useState('');
  const [days, setDays] = useState('');
  const [wrong, setWrong] = useState({});
  const [made, setMade] = useState(null);
  const [create, busy, error] = useAction(async () => {
    const body = { name, scope: kind === 'tenant' ? `tenant:${tenant}` : kind };
    if (days) body.expires_days = Number(days);
    setMade(await send('POST', '/v1/tokens', body));
    onDone();
  });
  const submit = () => {
    const now = {
      name: NAME.test(name) ? null : NAME_HINT,
      tenant: kind !== 'tenant' || NAME.test(tenant) ? null : 'The name of a tenant.',
      days: days === '' || (/^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= 3650) ? null : 'A number from 1 to 3650, or nothing.',
    };
    setWrong(now);
    if (!Object.values(now).some(Boolean)) create();
  };
  if (made) {
    return html`<${Dialog} title=${`Token ${made.name}`} onClose=${onClose}><p>It is shown this once.</p><${Secret} label="The token" value=${made.token} /><div class="dialog-actions"><${Button} tone="main" onClick=${onClose}>I have it<//></div><//>`;
  }
  return html`<${Dialog} title="New token" onClose=${onClose}><${Form} onSubmit=${submit}>
    <${TextField} label="Name" hint="Of the program, say; it stands beside every change that it makes." autocapitalize="none" error=${wrong.name} value=${name} onValue=${setName} autofocus />
    <${Select} label="Scope" value=${kind} onValue=${setKind} options=${[['viewer', 'viewer: sees, changes nothing'], ['tenant', 'tenant: all that is about one tenant'], ['admin', 'admin: may do everything']]} />
    ${kind === 'tenant' && html`<${TextField} label="Tenant" autocapitalize="none" error=${wrong.tenant} value=${tenant} onValue=${setTenant} />`}
    <${TextField} label="Ends after so many days" inputmode="numeric" hint="Empty: it does not end by itself." error=${wrong.days} value=${days} onValue=${setDays} />
    <${Problem} error=${error} />
    <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy}>Make the token<//></div>
  <//><//>`;
}

// sign_in.js: who are you? A name and a password, a token, or the link that the server printed; and, with such a link, making an
// administrator.
import { session as sessions } from '../api.js';
import { Button, Form, Page, Problem, TextField, html, useEffect, useState } from '../ui.js';

const linkHere = () => /^#(cbxl_[A-Za-z0-9_-]+)$/.exec(location.hash)?.[1] ?? null;

/** onSignedIn gets the session. `first`: there is one already, of a link, and an administrator has to be made. */
export default function SignIn({ first, onSignedIn }) {
  const [link, setLink] = useState(linkHere);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(Boolean(link));

  const prove = async (proof) => {
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await sessions.signIn(proof));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  useEffect(() => {
    // A link that is put into the address of this page loads nothing: it only tells.
    const look = () => setLink((before) => linkHere() ?? before);
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  useEffect(() => {
    if (!link) return;
    // It works once: it does not stay in the address, nor in the history.
    history.replaceState(null, '', '/sign-in');
    prove({ link });
  }, [link]);

  if (first) return html`<${First} onSignedIn=${onSignedIn} />`;
  if (link && busy) return html`<${Page} title="clawbox"><p class="quiet" role="status">Signing in with the link</p><//>`;
  return html`<${Page} title="Sign in to clawbox"><${Proofs} ...${{ prove, busy, error: sentence(error) }} /><//>`;
}

// What a wrong guess is told; the server says less to it than to anybody else.
function sentence(error) {
  if (error?.status !== 401) return error;
  return { title: 'Not signed in', detail: 'That is not right, or no longer: names, passwords and tokens are checked as a whole, and a link works once, for ten minutes. After wrong tries the answer comes more slowly.' };
}

function Proofs({ prove, busy, error }) {
  const [byToken, setByToken] = useState(false);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [token, setToken] = useState('');
  const submit = () => prove(byToken ? { token: token.trim() } : { name: name.trim(), password });
  return html`<section class="section"><${Form} onSubmit=${submit}>
    <${Problem} error=${error} />
    ${byToken
    ? html`<${TextField} key="token" type="password" label="Token" hint="As clawbox token create printed it; it begins with cbxt_." value=${token} onValue=${setToken} autofocus />`
    : html`<${TextField} key="name" label="Name" value=${name} onValue=${setName} autocomplete="username" autocapitalize="none" autofocus />
      <${TextField} key="password" type="password" label="Password" value=${password} onValue=${setPassword} autocomplete="current-password" />`}
    <div class="actions">
      <${Button} tone="main" type="submit" busy=${busy} disabled=${byToken ? !token : !name || !password}>Sign in<//>
      <${Button} onClick=${() => setByToken(!byToken)}>${byToken ? 'Use a password' : 'Use a token'}<//>
    </div>
  <//></section>
  <p class="quiet">No way in? Whoever runs the server gets a link for ten minutes from <code>clawbox console</code>.</p>`;
}

function First({ onSignedIn }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [wrong, setWrong] = useState({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const submit = async () => {
    const now = {
      name: /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name) ? null : 'Lower-case letters, digits and hyphens, at most 40.',
      password: password.length >= 12 ? null : 'At least 12 characters; four words are good.',
      again: password === again ? null : 'This is not the same.',
    };
    setWrong(now);
    if (Object.values(now).some(Boolean)) return;
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await sessions.makeFirst(name, password));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Page} title="Make your account"><section class="section"><${Form} onSubmit=${submit}>
    <p class="quiet">The link is used up. This name and password are your way in from now on.</p><br />
    <${Problem} error=${error} />
    <${TextField} label="Name" hint="It stands beside every change that you make." error=${wrong.name} value=${name} onValue=${setName} autocomplete="username" autocapitalize="none" autofocus />
    <${TextField} label="Password" type="password" hint="At least 12 characters." error=${wrong.password} value=${password} onValue=${setPassword} autocomplete="new-password" />
    <${TextField} label="The password again" type="password" error=${wrong.again} value=${again} onValue=${setAgain} autocomplete="new-password" />
    <${Button} tone="main" type="submit" busy=${busy}>Make the administrator<//>
  <//></section><//>`;
}

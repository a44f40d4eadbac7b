// credentials.js: a tenant's credentials. A value is pasted once, sealed here, in the browser, to the vault's key, and sent as a box:
// neither the console nor the API can open it, and nothing reads it back.
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, getAll, send } from '../api.js';
import { routesOf } from '../model/binding.js';
import { trimValue, wrongValue } from '../model/credential.js';
import { Badge, Button, Copy } from '../ui/button.js';
import { useData } from '../ui/data.js';
import { Confirm, Dialog } from '../ui/dialog.js';
import { Checkbox, Field, Form } from '../ui/form.js';
import { Ago } from '../ui/format.js';
import { Goes } from '../ui/goes.js';
import { html } from '../ui/html.js';
import { Empty, Loading, Notice, Page, Problem, Section } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { OneTenant } from '../ui/tenant.js';
import { toast } from '../ui/toast.js';

const path = (tenant, name = '') => `/v1/tenants/${encodeURIComponent(tenant)}/credentials${name && `/${encodeURIComponent(name)}`}`;

const GRANTS = { clientCredentials: 'A token is fetched with it as the client’s secret.', refreshToken: 'A token is fetched with it as the refresh token.',
  jwtBearer: 'A token is fetched with assertions that this private key signs.', gcp: 'A token is fetched with it: the JSON file of a Google service account, or of a user.' };

/** Where a credential may go, line by line. */
const Binding = ({ lines }) => html`<ul class="binding">${lines.map((line) => html`<li><code>${line}</code></li>`)}</ul>`;

// ---- a value ----

function ValueFields({ prepared, box, error, onTouched }) {
  const [shown, setShown] = useState(false);
  const [file, setFile] = useState(null);
  const take = async (event) => {
    const chosen = event.currentTarget.files[0];
    if (!chosen) return;
    // More than any credential has is not read at all; what is wrong with it is said with the value.
    box.current.value = await chosen.slice(0, 20_000).text();
    event.target.value = '';
    setFile(chosen.name);
    onTouched();
  };
  const hint = prepared.client_certificate ? 'The client certificate and its key in PEM, one after the other.' : GRANTS[prepared.grant] ?? 'As the provider gave it, on one line.';
  return html`
    <${Field} label="Value" hint=${hint} error=${error} control=${(link) => html`<textarea ref=${box} class=${`code ${shown ? '' : 'covered'}`} rows="4" spellcheck=${false} autocomplete="off" autocapitalize="off" autofocus onInput=${onTouched} ...${link}></textarea>`} />
    <div class="row">
      <${Checkbox} label="Show it" checked=${shown} onValue=${setShown} />
      <label class="button small file">From a file<input type="file" class="hidden" onChange=${take} /></label>
      ${file && html`<span class="quiet">${file}</span>`}
    </div>`;
}

/** Asks where the credential is to go, shows it, and seals the value to exactly that. */
function SetValue({ tenant, name, replaces, onClose, onSet }) {
  const box = useRef(null);
  const [prepared, setPrepared] = useState(null);
  const [wrong, setWrong] = useState(null);
  const [error, setError] = useState(null);
  const [changed, setChanged] = useState(false);
  const [busy, setBusy] = useState(false);

  const prepare = () => get(`${path(tenant, name)}:prepare`).then(setPrepared, setError);
  useEffect(() => {
    prepare();
    return () => { if (box.current) box.current.value = ''; };
  }, []);

  const seal = async () => {
    const text = trimValue(box.current.value);
    const why = wrongValue(prepared, text);
    setWrong(why);
    setError(null);
    if (why) return;
    setBusy(true);
    try {
      const { sealCredential } = await import('../seal.js');
      const body = sealCredential(prepared, tenant, name, new TextEncoder().encode(text));
      await send('PUT', path(tenant, name), body);
      box.current.value = '';
      toast(`${name} is set.`);
      onSet();
      onClose();
    } catch (failure) {
      setBusy(false);
      setError(failure);
      if (failure.status === 409) {
        setChanged(true);
        await prepare();
      }
    }
  };

  return html`<${Dialog} title=${`${replaces ? 'Replace' : 'Set'} ${name} of ${tenant}`} onClose=${onClose}>
    ${!prepared && !error && html`<${Loading} />`}
    ${prepared && html`<${Form} onSubmit=${seal}>
      ${changed && html`<${Notice} tone="warn">The routes were changed meanwhile. Look at where it would go now, and seal it again.<//>`}
      <p>It is bound to these, and goes nowhere else:</p>
      <${Binding} lines=${prepared.binding} />
      <${ValueFields} prepared=${prepared} box=${box} error=${wrong} onTouched=${() => setWrong(null)} />
      <p class="hint">This page seals it to the vault’s key <code>${prepared.public_key.slice(0, 16)}…</code> before it leaves the browser. Nobody can read it back, not even you.</p>
      <${Problem} error=${error} />
      <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy}>Seal and ${replaces ? 'replace' : 'set'}<//></div>
    <//>`}
    ${!prepared && html`<${Problem} error=${error} />`}
  <//>`;
}

// ---- the list ----

function State({ credential }) {
  if (credential.version > 0) return html`<${Badge} tone="good">set<//>${!credential.used && html` <${Badge}>no route uses it<//>`}`;
  return credential.used ? html`<${Badge} tone="warn">not set<//>` : html`<${Badge}>no route uses it<//>`;
}

// What it is for: the providers whose routes have it; a route to another host has none.
const Provider = ({ names, presets }) => (names.length > 0 ? names.map((name) => presets.find((one) => one.name === name)?.title ?? name).join(', ') : html`<span class="quiet whole">own host</span>`);

function goesTo(one, hosts) {
  if (one.bound_to.length > 0) return html`<${Goes} lines=${one.bound_to} />`;
  return hosts.length > 0 ? html`<code>${hosts.join(' ')}</code> <span class="quiet">once it is set</span>` : null;
}

function columns({ change, routes, presets, onSet, onRemove }) {
  return [
    { label: 'Name', cell: (one) => html`<b>${one.name}</b>` },
    { label: 'Provider', cell: (one) => one.used && html`<${Provider} names=${routesOf(routes, one.name).providers} presets=${presets} />` },
    { label: 'State', cell: (one) => html`<${State} credential=${one} />` },
    { label: 'Goes to', wide: true, cell: (one) => goesTo(one, routesOf(routes, one.name).hosts) },
    { label: 'Its variable', cell: (one) => one.env && html`<code class="whole">${one.env.replaceAll(',', ' ')}</code>` },
    change && { label: 'Placeholder', cell: (one) => one.placeholder && html`<${Copy} text=${one.placeholder} what=${`The placeholder of ${one.name}`} />` },
    { label: 'Age', cell: (one) => html`<${Ago} at=${one.set} never="–" />` },
    { label: 'Last used', cell: (one) => ('last_used' in one ? html`<${Ago} at=${one.last_used} />` : '–') },
    change && { label: '', hidden: 'Actions', cell: (one) => html`
      ${one.used && html`<${Button} class="button small" aria-label=${`${one.version > 0 ? 'Replace' : 'Set'} ${one.name}`} onClick=${() => onSet(one)}>${one.version > 0 ? 'Replace' : 'Set'}<//>`}
      ${one.version > 0 && html` <${Button} class="button small danger" aria-label=${`Remove ${one.name}`} onClick=${() => onRemove(one)}>Remove<//>`}` },
  ].filter(Boolean);
}

function List({ tenant, session }) {
  const target = `${path(tenant)}?limit=1000`;
  const { data, error, reload } = useData(target, { load: () => getAll(target, 'credentials') });
  const routes = useData(`/v1/tenants/${encodeURIComponent(tenant)}`).data?.routes ?? [];
  const presets = useData('/v1/presets').data?.presets ?? []; // without it a provider is shown by its name
  const [setting, setSetting] = useState(null);
  const [removing, setRemoving] = useState(null);
  const change = session.scope !== 'viewer';
  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} lines=${5} />`;
  const missing = data.filter((one) => one.used && one.version === 0);
  return html`
    ${missing.length > 0 && html`<${Notice} tone="warn">${missing.map((one) => one.name).join(', ')}: ${missing.length === 1 ? 'a route needs it, and it is' : 'routes need them, and they are'} not set. Requests there are answered with 503 until then.<//>`}
    <${Section} title="Credentials" about="Values are sealed in this browser; only the vault opens them, for the requests that need them.">
      ${data.length > 0 ? html`<${Table} caption=${`Credentials of ${tenant}`} columns=${columns({ change, routes, presets, onSet: setSetting, onRemove: setRemoving })} rows=${data} />`
        : html`<${Empty} title="No route of this tenant has a credential.">A credential is named by a route: add one under <a href=${`/routes?tenant=${encodeURIComponent(tenant)}`}>Routes</a>, and its value is set here.<//>`}
    <//>
    ${setting && html`<${SetValue} tenant=${tenant} name=${setting.name} replaces=${setting.version > 0} onClose=${() => setSetting(null)} onSet=${reload} />`}
    ${removing && html`<${Confirm} title=${`Remove ${removing.name}`} verb="Remove" tone="danger" onClose=${() => setRemoving(null)} act=${async () => {
      await send('DELETE', path(tenant, removing.name));
      toast(`${removing.name} is removed.`);
      reload();
    }}><p>The sealed value is deleted. Requests that need it are answered with 503 until it is set again.</p><//>`}`;
}

export default function Credentials({ params, query, session }) {
  return html`<${Page} title="Credentials">
    <${OneTenant} page="/credentials" params=${params} query=${query}>${(tenant, picker) => html`<div class="bar">${picker}</div><${List} key=${tenant} tenant=${tenant} session=${session} />`}<//>
  <//>`;
}

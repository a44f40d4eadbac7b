// tenant.js: one tenant. What it may reach and with what, where it listens, what its agent needs, and how it is stopped.
import { get, getAll, send } from '../api.js';
import { Changes } from '../changes.js';
import { go } from '../router.js';
import { routesOf } from '../model/binding.js';
import { Spans, Traffic, useTraffic } from '../traffic.js';
import { Ago, Badge, Button, Confirm, ConfirmTyped, Copy, Dialog, Empty, Facts, Goes, Loading, Menu, Notice, Page, Problem, Section, Select, Table, TextField, Time, bytes, count, download, html, toast, useAction, useData, useEffect, useState } from '../ui.js';

export default function Tenant({ params, query, session }) {
  const name = params.tenant;
  const base = `/v1/tenants/${encodeURIComponent(name)}`;
  const tenant = useData(base, { every: 10_000 });
  const traffic = useTraffic(name, query.span);
  const [asked, ask] = useState(null);
  const [turn, setTurn] = useState(0); // of its CA
  const admin = session.scope === 'admin';
  const changes = admin || session.scope === `tenant:${name}`;
  const data = tenant.data;
  const done = (act, words) => async () => {
    await act();
    toast(words);
    tenant.reload();
    setTurn((n) => n + 1);
  };
  const close = () => ask(null);

  const actions = data && changes && html`
    ${data.suspended ? admin && html`<${Button} tone="main" onClick=${() => ask('resume')}>Resume<//>` : html`<${Button} tone="danger" onClick=${() => ask('suspend')}>Suspend<//>`}
    <${Menu} label="More" items=${[
    { label: 'Manifests for Kubernetes', act: () => ask('manifests') },
    { label: 'New proxy token', act: () => ask('token') },
    { label: 'Successor of the CA', act: () => ask('rotate') },
    { label: 'Let the successor sign', act: () => ask('finish') },
    admin && { label: 'Delete', tone: 'danger', act: () => ask('delete') },
  ]} />`;
  return html`<${Page} title=${name} trail=${[['Tenants', '/tenants']]} actions=${actions}>
    <${Problem} error=${tenant.error} retry=${tenant.reload} />
    ${tenant.loading && html`<${Loading} lines=${10} />`}
    ${data && html`
      ${data.suspended && html`<${Notice} tone="warn"><strong>Suspended</strong> <${Ago} at=${data.suspended} />${data.suspended_by && ` by ${data.suspended_by}`}. Every request of its agent is answered with 403.${changes && !admin && ' An administrator lets it go on.'}<//>`}
      <div class="columns">
        <${Routes} ...${{ data, name }} />
        <${Credentials} ...${{ data, name, base }} />
      </div>
      <${Section} title="Traffic" actions=${html`<a class="button small" href=${`/audit?tenant=${name}`}>Audit</a><a class="button small" href=${`/denials?tenant=${name}`}>Denials</a><${Spans} chosen=${query.span} />`}><${Traffic} traffic=${traffic} /><//>
      <div class="columns">
        <${Listener} ...${{ data, base, may: changes }} />
        <${Environment} ...${{ name, base, address: data.address, may: changes }} />
      </div>
      ${changes && html`<${Ca} key=${turn} ...${{ name, base }} />`}
      <${Section} title="Last changes"><${Changes} target=${`${base}/history`} limit=${8} tenant /><//>`}
    ${asked === 'suspend' && html`<${Confirm} title=${`Suspend ${name}?`} verb="Suspend" tone="danger" onClose=${close} act=${done(() => send('POST', `${base}:suspend`), `${name} is suspended.`)}><p>Every request of its agent is refused from now on, what is under way is cut, and its credentials are dropped from memory.</p><//>`}
    ${asked === 'resume' && html`<${Confirm} title=${`Resume ${name}?`} verb="Resume" onClose=${close} act=${done(() => send('POST', `${base}:resume`), `${name} goes on.`)}><p>Its agent may send requests again, as its routes allow.</p><//>`}
    ${asked === 'rotate' && html`<${Confirm} title="Make a successor of the CA?" verb="Make it" onClose=${close} act=${done(() => send('POST', `${base}:rotate-ca`), 'There is a successor.')}><p>Agents are given it beside the present one with their next environment. When all of them have it, let it sign.</p><//>`}
    ${asked === 'finish' && html`<${Confirm} title="Let the successor sign?" verb="Let it sign" onClose=${close} act=${done(() => send('POST', `${base}:finish-ca`), 'The successor signs.')}><p>An agent that has not taken its environment since the successor was made will see TLS errors.</p><//>`}
    ${asked === 'token' && html`<${Confirm} title="Give it a new proxy token?" verb="New token" onClose=${close} act=${done(() => send('PUT', `${base}/proxy-token`, { token: newToken() }), 'It has a new proxy token.')}><p>The agent needs its environment again: the present token opens no new connection. Connections that are open go on.</p><//>`}
    ${asked === 'delete' && html`<${ConfirmTyped} title=${`Delete ${name}?`} word=${name} verb="Delete it" onClose=${close} act=${async () => { await send('DELETE', base); toast(`${name} is deleted.`); go('/tenants'); }}><p>Its document, its credentials and its CA go, and cannot be had again. The audit keeps its records.</p><//>`}
    ${asked === 'manifests' && html`<${Manifests} ...${{ name, base }} onClose=${close} />`}
  <//>`;
}

// 32 random bytes, as the server's own tokens are.
function newToken() {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const SHOWN = 12;

// The first few; all of them are on the page of the routes, and under the pointer.
function methods(route) {
  if (route.methods.length === 0) return 'all';
  if (route.methods.length <= 3) return route.methods.join(' ');
  return html`<span class="once" title=${route.methods.join(' ')}>${route.methods.slice(0, 2).join(' ')} +${route.methods.length - 2}</span>`;
}

function Routes({ data, name }) {
  const columns = [
    { label: 'Route', cell: (route) => html`${route.name} ${route.action === 'deny' && html`<${Badge} tone="bad">deny<//>`}` },
    { label: 'Where', wide: true, code: true, cell: (route) => `${route.scheme === 'http' ? 'http://' : ''}${route.host}${route.port === (route.scheme === 'http' ? 80 : 443) ? '' : `:${route.port}`}` },
    { label: 'Methods', cell: methods },
    { label: 'Credential', cell: (route) => route.credential ?? '–' },
  ];
  return html`<${Section} title=${`Routes (${data.routes.length})`} actions=${html`<a class="button small" href=${`/tenants/${name}/routes`}>Edit and explain</a>`}>
    ${data.routes.length === 0 ? html`<${Empty} title="It may reach nothing.">Add a route, and its agent can go there.<//>` : html`<${Table} caption="Routes" columns=${columns} rows=${data.routes.slice(0, SHOWN)} />`}
    ${data.routes.length > SHOWN && html`<p class="quiet">And ${data.routes.length - SHOWN} more.</p>`}
  <//>`;
}

function Credentials({ data, name, base }) {
  // The list says when each was last used; the tenant itself does not.
  const list = useData(`${base}/credentials`, { every: 15_000, load: () => getAll(`${base}/credentials`, 'credentials') });
  const credentials = list.data ?? data.credentials;
  const columns = [
    { label: 'Name', cell: (one) => html`<a href=${`/tenants/${name}/credentials`}>${one.name}</a>` },
    { label: 'Provider', cell: (one) => routesOf(data.routes, one.name).providers.join(', ') || null },
    { label: 'State', cell: (one) => (one.version > 0 ? html`<${Badge} tone="good">set<//>` : html`<${Badge} tone="warn">not set<//>`) },
    { label: 'Age', cell: (one) => html`<${Ago} at=${one.set} never="–" />` },
    { label: 'Last used', cell: (one) => (one.last_used === undefined ? '–' : html`<${Ago} at=${one.last_used} />`) },
    { label: 'May go to', wide: true, cell: (one) => (one.bound_to.length > 0 ? html`<${Goes} lines=${one.bound_to} />` : html`<code>${routesOf(data.routes, one.name).hosts.join(' ')}</code>`) },
  ];
  return html`<${Section} title=${`Credentials (${data.credentials.length})`} actions=${html`<a class="button small" href=${`/tenants/${name}/credentials`}>Set and remove</a>`}>
    ${data.credentials.length === 0 ? html`<${Empty} title="Its routes use no credential." />` : html`<${Table} caption="Credentials" columns=${columns} rows=${credentials.slice(0, SHOWN)} />`}
    ${data.credentials.length > SHOWN && html`<p class="quiet">And ${data.credentials.length - SHOWN} more.</p>`}
  <//>`;
}

const LIMITS = [['requestsPerMinute', 'Requests a minute', 'no limit', count], ['concurrent', 'At the same time', 'the built-in ceiling', count], ['requestBytes', 'Largest request', 'no limit', bytes]];

// A number, or as the document has it: "8MiB".
function limitOf(value, none, format) {
  if (value === undefined || value === null) return html`<span class="quiet">${none}</span>`;
  return typeof value === 'number' ? format(value) : String(value).replace(/^(\d+)\s*([KMG]i?B)$/, '$1 $2');
}

function Listener({ data, base, may }) {
  const shown = useData(may ? `${base}/document` : null); // not for a viewer
  const spec = (shown.data?.document ?? shown.data)?.spec;
  const limits = LIMITS.map(([key, label, none, format]) => [label, shown.loading ? '–' : limitOf(spec?.limits?.[key], none, format)]);
  return html`<${Section} title="Listener and limits">
    <${Facts} rows=${[
    ['Listens on', listensOn(data)],
    ['Number', data.id],
    ['Generation', data.generation],
    ...(spec || shown.loading ? limits : []),
    (spec || shown.loading) && ['Misplaced secret', shown.loading ? '–' : spec.tripwire === 'suspend' ? 'suspends it' : 'is refused'],
    (spec || shown.loading) && ['CA for its hosts only', shown.loading ? '–' : spec.ca?.nameConstraints ? 'yes' : 'no'],
  ]} />
    ${!may && html`<p class="quiet">Its limits are in its document, which a viewer does not see.</p>`}
    ${shown.error && html`<${Notice}>Its limits are not shown: ${shown.error.detail}<//>`}
  <//>`;
}

const isAny = (address) => address === '0.0.0.0' || address === '::';
const at = (address, port) => `${address.includes(':') ? `[${address}]` : address}:${port}`;

function listensOn({ address, port }) {
  if (!port) return html`<span class="quiet">no port yet</span>`;
  if (!address) return html`port <code>${port}</code>`;
  return isAny(address) ? html`port <code>${port}</code> of every address` : html`<code>${at(address, port)}</code>`;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The lines that `clawbox env` prints; the CA is a file that the reader saves.
function lines(env, address, file) {
  const place = at(address, env.port);
  const proxy = `http://${env.tenant}:${env.token}@${place}`;
  return [
    ...['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].map((key) => [key, proxy]),
    ['CLAWBOX_BASE_URL', `http://${place}/t/${env.token}/https`],
    ...['NO_PROXY', 'no_proxy'].map((key) => [key, 'localhost,127.0.0.1,::1']),
    ...['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'AWS_CA_BUNDLE', 'PIP_CERT'].map((key) => [key, file]),
    ['NODE_USE_ENV_PROXY', '1'],
    ...Object.entries(env.variables),
  ].map(([key, value]) => `export ${key}=${quoted(value)}`).join('\n');
}

function Environment({ name, base, address, may }) {
  const [env, setEnv] = useState(null);
  const [reached, setReached] = useState(!address || isAny(address) ? '127.0.0.1' : address);
  const [file, setFile] = useState(`/etc/clawbox/${name}.pem`);
  const [show, busy, error] = useAction(async () => setEnv(await get(`${base}/env`)));
  if (!may) return html`<${Section} title="Environment"><p class="quiet">It has the proxy token, which a viewer does not see.</p><//>`;
  const text = env && lines(env, reached.trim(), file);
  return html`<${Section} title="Environment" about="What its agent needs. The placeholders are worth nothing elsewhere; the proxy token opens this listener.">
    <${Problem} error=${error} />
    ${!env ? html`<div class="actions"><${Button} busy=${busy} onClick=${show}>Show it<//><span class="quiet">On this machine: <code>eval "$(clawbox env ${name})"</code></span></div>` : html`
      <div class="fields"><${TextField} label="Where its agent reaches this server" value=${reached} maxlength="255" onValue=${setReached} />
      <${TextField} label="The CA's file, where the agent runs" value=${file} onValue=${setFile} /></div>
      <pre class="block" tabindex="0" aria-label="Environment">${text}</pre>
      <div class="actions"><${Copy} text=${text} label="Copy" what="the environment" />
        ${Object.entries(env.google_files).map(([path, content]) => html`<${Button} key=${path} onClick=${() => download(path.split('/').pop(), 'application/json', content)}>${path.split('/').pop()}<//>`)}
        <${Button} onClick=${() => setEnv(null)}>Hide<//></div>`}
  <//>`;
}

const DAY = 86_400_000;
const END_IS_NEAR = 30 * DAY; // the server makes a successor by itself then

function validity(one) {
  const left = Date.parse(one.not_after) - Date.now();
  if (left <= 0) return html`<${Badge} tone="bad">over<//>`;
  return html`<span class="whole"><${Time} at=${one.not_after} /></span> <${Badge} tone=${left < END_IS_NEAR ? 'warn' : 'quiet'}>${count(Math.floor(left / DAY))} days<//>`;
}

const CA_COLUMNS = [
  { label: 'Certificate', cell: (one) => (one.signs ? html`<${Badge} tone="good">signs<//>` : html`<${Badge} tone="info">successor<//>`) },
  { label: 'Valid from', cell: (one) => html`<span class="whole"><${Time} at=${one.not_before} /></span>` },
  { label: 'Until', cell: validity },
  { label: 'SHA-256', wide: true, cell: (one) => html`<code>${one.sha256}</code>` },
];

/** The certificates that its agent is to trust, and until when they are good. */
function Ca({ name, base }) {
  const { data, error, reload } = useData(`${base}/ca`);
  const list = data?.certificates ?? [];
  const about = list.length > 1 ? 'Agents are given both. When all of them have the successor, let it sign.' : 'It signs what its agent sees of the hosts. A month before its end a successor is made by itself.';
  return html`<${Section} title="CA" about=${about} actions=${data && html`<${Button} class="button small" onClick=${() => download(`${name}.pem`, 'application/x-pem-file', list.map((one) => one.pem).join(''))}>CA as a file<//>`}>
    <${Problem} error=${error} retry=${reload} />
    ${data && html`<${Table} caption="CA" columns=${CA_COLUMNS} rows=${list} rowKey=${(one) => one.sha256} />`}
  <//>`;
}

function Manifests({ name, base, onClose }) {
  const [flavor, setFlavor] = useState('');
  const { data, error, loading } = useData(`${base}/manifests${flavor ? `?flavor=${flavor}` : ''}`);
  const [path, setPath] = useState('');
  useEffect(() => {
    if (data && !data.files.some((file) => file.path === path)) setPath(data.files[0].path);
  }, [data]);
  const file = data?.files.find((one) => one.path === path);
  // One stream of documents, which kubectl takes as it is; the kustomizations only name the files.
  const joined = () => data.files.filter((one) => !one.path.endsWith('kustomization.yaml')).map((one) => `---\n# ${one.path}\n${one.content}`).join('');
  return html`<${Dialog} title=${`Manifests of ${name}`} wide onClose=${onClose}>
    <${Select} label="Flavor" value=${flavor} onValue=${setFlavor} options=${[['', 'as its document says'], ['kubernetes', 'Kubernetes'], ['openshift', 'OpenShift']]} />
    ${loading && html`<${Loading} lines=${8} />`}
    <${Problem} error=${error} />
    ${data && html`
      ${data.secrets.length > 0 && html`<p>Before the pods start, these Secrets have to exist: ${data.secrets.map((one, i) => html`${i > 0 && ', '}<code>${one.namespace}/${one.name}</code>`)}.</p>`}
      <${Select} label=${`File, of ${data.files.length}`} value=${path} onValue=${setPath} options=${data.files.map((one) => [one.path, one.path])} />
      ${file && html`<pre class="block" tabindex="0" aria-label=${file.path}>${file.content}</pre><br />`}
      ${data.notes.length > 0 && html`<details class="notice info"><summary>What to know before they are applied (${data.notes.length})</summary><ul>${data.notes.map((note) => html`<li>${note}</li>`)}</ul></details>`}
      <div class="dialog-actions"><${Button} disabled=${!file} onClick=${() => download(path.split('/').pop(), 'application/yaml', file.content)}>Save this file<//><${Button} tone="main" onClick=${() => download(`${name}.yaml`, 'application/yaml', joined())}>Save all as ${name}.yaml<//></div>`}
  <//>`;
}


// denials.js: what the assistants were refused, grouped, with the smallest route that would allow it; and what is allowed for a time.
import { useEffect, useState } from 'preact/hooks';
import { get, getAll, getTagged, send } from '../api.js';
import { setQuery } from '../router.js';
import { Button } from '../ui/button.js';
import { Changes, saveDocument, useDiff } from '../ui/changes.js';
import { useData } from '../ui/data.js';
import { Confirm, Dialog } from '../ui/dialog.js';
import { Checkbox, Form, Select, TextField } from '../ui/form.js';
import { Ago, count, Time } from '../ui/format.js';
import { html } from '../ui/html.js';
import { Empty, Loading, Notice, Page, Problem, Section } from '../ui/page.js';
import { More, Table } from '../ui/table.js';
import { TenantPicker, useTenants } from '../ui/tenant.js';
import { toast } from '../ui/toast.js';

const PAGE = 100;
const PAGE_MAX = 1000;
const EVERY_MS = 10_000;
const at = (tenant) => `/v1/tenants/${encodeURIComponent(tenant)}`;
const keyOf = (one) => [one.tenant, one.scheme, one.host, one.port, one.method, one.path].join(' ');
const where = ({ scheme, host, port, path }) => `${scheme}://${host}${port === (scheme === 'http' ? 80 : 443) ? '' : `:${port}`}${path}`;
// A tunnel that was refused: nothing is known of the requests that would have gone through it.
const isTunnel = (denial) => denial.method === 'CONNECT';

/** Its records in the audit. One that was refused on its way has the reason in its outcome, which names no host. */
const recordsOf = ({ tenant, host, reason, detail }) =>
  `/audit?tenant=${encodeURIComponent(tenant)}${detail === null ? `&host=${encodeURIComponent(host)}` : ''}&reason=${encodeURIComponent(reason)}`;

const SPANS = [['once', 'once, within a day'], ['3600', 'for an hour'], ['28800', 'for eight hours'], ['86400', 'for a day'], ['604800', 'for a week']];
const limitsOf = (span) => (span === 'once' ? { uses: 1 } : { seconds: Number(span) });

// ---- for a time ----

/** Makes a grant: exactly this request, or what the reader widens it to. */
function AllowForTime({ denial, span: first, onClose, onDone }) {
  const [span, setSpan] = useState(first);
  const [method, setMethod] = useState(isTunnel(denial) ? 'GET' : denial.method);
  const [path, setPath] = useState(denial.path || '/**');
  const [websocket, setWebsocket] = useState(false);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const allow = async () => {
    setBusy(true);
    setError(null);
    try {
      const { scheme, host, port } = denial;
      await send('POST', `${at(denial.tenant)}/grants`, { scheme, host, port, method, path, websocket: websocket && method === 'GET', ...limitsOf(span) });
      toast(`${method} ${host} is allowed ${SPANS.find(([value]) => value === span)[1]}.`);
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${`Allow ${denial.tenant} for a time`} onClose=${onClose}>
    <${Form} onSubmit=${allow}>
      <p>To <code>${where({ ...denial, path: '' })}</code>, without a credential. It ends by itself.</p>
      ${isTunnel(denial) && html`<${Notice}>The tunnel was refused, so what would have gone through it is not known. Say what to allow.<//>`}
      <div class="fields">
        <${TextField} label="Method" value=${method} maxlength="32" onValue=${setMethod} />
        <${Select} label="How long" value=${span} options=${SPANS} onValue=${setSpan} />
      </div>
      <${TextField} label="Path" hint="* stands for a part of it, ** at the end for everything below." value=${path} maxlength="1024" onValue=${setPath} />
      ${method === 'GET' && html`<${Checkbox} label="Also as a WebSocket" hint="It can send as much as it likes, and is cut when the time is over." checked=${websocket} onValue=${setWebsocket} />`}
      <${Problem} error=${error} />
      <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy}>Allow<//></div>
    <//>
  <//>`;
}

// ---- for ever ----

/** Adds the suggested route to the tenant's document: shows the route and what it would newly allow, then saves. */
function AllowForEver({ denial, onClose, onDone }) {
  const [state, setState] = useState({ text: null, etag: null, added: '', error: null });
  const [saving, setSaving] = useState({ busy: false, error: null });
  const diff = useDiff(denial.tenant, state.text);
  useEffect(() => {
    const load = async () => {
      const [{ addRoute, routeText }, { data, etag }] = await Promise.all([import('../model/document.js'), getTagged(at(denial.tenant))]);
      setState({ text: addRoute(data.yaml, denial.suggestion), etag, added: routeText(denial.suggestion), error: null });
    };
    load().catch((error) => setState({ text: null, etag: null, added: '', error }));
  }, []);
  const save = async () => {
    setSaving({ busy: true, error: null });
    try {
      await saveDocument(denial.tenant, state.text, state.etag);
      toast(`${denial.tenant} has a new route.`);
      onDone();
      onClose();
    } catch (error) {
      setSaving({ busy: false, error });
    }
  };
  return html`<${Dialog} title=${`Allow ${denial.tenant} for ever`} wide onClose=${onClose}>
    <p>This route is added behind those that are there:</p>
    ${state.text === null && !state.error && html`<${Loading} />`}
    ${state.text !== null && html`<pre class="block" tabindex="0">${state.added}</pre>
      <div class="said" aria-live="polite">${diff.changes ? html`<${Changes} changes=${diff.changes} />` : !diff.error && html`<${Loading} lines=${2} />`}</div>`}
    <${Problem} error=${state.error ?? saving.error ?? diff.error} />
    <div class="dialog-actions">
      <${Button} onClick=${onClose}>Cancel<//>
      <${Button} tone="main" busy=${saving.busy} disabled=${!diff.changes || diff.busy} onClick=${save}>Save<//>
    </div>
  <//>`;
}

// ---- the list ----

// The suggestion has the host of the request: what it allows there is its methods and paths.
function Suggestion({ denial }) {
  const { methods = [], paths = [] } = denial.suggestion ?? {};
  const allows = `${methods.join(' ')} ${paths.join(' ')}`;
  return html`${denial.suggestion && html`<code class="clamped" title=${allows}>${allows}</code>`}
    <p class="hint">${denial.why}${denial.route && html` <a href=${`/routes?tenant=${encodeURIComponent(denial.tenant)}`}>Its routes</a>`}</p>`;
}

function Acts({ denial, acts }) {
  const what = html`<span class="hidden"> ${denial.method} ${where(denial)}</span>`;
  const small = (label, act) => html`<${Button} class="button small" onClick=${act}>${label}${what}<//>`;
  if (denial.muted) return small('Unmute', () => acts.onMute(denial, false));
  return html`${denial.grantable && html`${small('Once', () => acts.onTime(denial, 'once'))}${small('An hour', () => acts.onTime(denial, '3600'))}`}
    ${denial.suggestion && small('For ever', () => acts.onEver(denial))}${small('Mute', () => acts.onMute(denial, true))}`;
}

const COLUMNS = (change, acts) => [
  { label: 'Tenant', cell: (one) => one.tenant },
  { label: 'Refused', half: true, cell: (one) => html`<code class="clamped" title=${where(one)}>${one.method} ${where(one)}</code><p class="hint"><a href=${recordsOf(one)}>${one.reason}</a></p>` },
  { label: 'Times', number: true, cell: (one) => count(one.count) },
  { label: 'Last', cell: (one) => html`<${Ago} at=${one.last} />${one.count > 1 && html`<p class="hint">since <${Time} at=${one.first} /></p>`}` },
  { label: 'What would allow it', half: true, cell: (one) => html`<${Suggestion} denial=${one} />` },
  change && { label: 'Allow or mute', cell: (one) => html`<div class="pairs"><${Acts} denial=${one} acts=${acts} /></div>` },
].filter(Boolean);

/** Of one tenant, or of all (''): only those are asked that have some by the list of tenants. */
async function allGrants(only) {
  const tenants = only ? [only] : (await getAll('/v1/tenants?limit=1000', 'tenants')).filter((one) => one.grants > 0).map((one) => one.name);
  const lists = [];
  for (const tenant of tenants) lists.push(...(await get(`${at(tenant)}/grants`)).grants.map((grant) => ({ tenant, ...grant })));
  return lists;
}

function Grants({ tenant, turn, change, onChanged }) {
  const { data, error, reload } = useData(`grants of ${tenant}, ${turn}`, { load: () => allGrants(tenant), every: EVERY_MS });
  const [ending, setEnding] = useState(null);
  const columns = [
    { label: 'Tenant', key: 'tenant' },
    { label: 'Allowed', wide: true, cell: (one) => html`<code>${one.method} ${where(one)}</code>${one.websocket && html`<p class="hint">also as a WebSocket</p>`}` },
    { label: 'Ends', cell: (one) => html`<span class="whole"><${Time} at=${one.until} /></span> <span class="quiet"><${Ago} at=${one.until} /></span>` },
    { label: 'Uses left', cell: (one) => (one.uses_left === null ? html`<span class="quiet">any number</span>` : count(one.uses_left)) },
    { label: 'By', cell: (one) => html`${one.by} <span class="quiet"><${Ago} at=${one.created} /></span>` },
    change && { label: '', hidden: 'Actions', cell: (one) => html`<${Button} class="button small danger" onClick=${() => setEnding(one)}>End now<span class="hidden"> ${one.method} ${where(one)}</span><//>` },
  ].filter(Boolean);
  return html`<${Section} title="Allowed for a time" about="These end by themselves.">
    <${Problem} error=${error} retry=${reload} />
    ${data?.length > 0 ? html`<${Table} caption="Allowed for a time" columns=${columns} rows=${data} rowKey=${(one) => `${one.tenant} ${one.id}`} />`
      : !error && html`<p class="quiet">Nothing is allowed for a time at the moment.</p>`}
    ${ending && html`<${Confirm} title="End it now" verb="End" tone="danger" onClose=${() => setEnding(null)} act=${async () => {
      await send('DELETE', `${at(ending.tenant)}/grants/${encodeURIComponent(ending.id)}`);
      toast('It has ended.');
      reload();
      onChanged();
    }}><p><code>${ending.method} ${where(ending)}</code> of ${ending.tenant} is refused again.</p><//>`}
  <//>`;
}

export default function Denials({ query, session }) {
  const { names } = useTenants();
  const own = session.scope.startsWith('tenant:') ? session.scope.slice('tenant:'.length) : null;
  const tenant = own ?? query.tenant ?? '';
  const muted = query.muted === '1';
  const [turn, setTurn] = useState(0);
  const [limit, setLimit] = useState(PAGE);
  const [asked, setAsked] = useState(null);
  const [failure, setFailure] = useState(null);
  const target = `/v1/denials?limit=${limit}&muted=${muted ? 1 : 0}${tenant ? `&tenant=${encodeURIComponent(tenant)}` : ''}`;
  const { data, error, reload } = useData(target, { every: EVERY_MS });
  const change = session.scope !== 'viewer';
  const changed = () => {
    setTurn((n) => n + 1);
    reload();
  };
  const mute = async (denial, off) => {
    const { scheme, host, port, method, path } = denial;
    try {
      setFailure(null);
      await send('POST', `${at(denial.tenant)}/denials:mute`, { scheme, host, port, method, path, muted: off });
      toast(off ? 'It is muted, and still refused.' : 'It is shown again.');
      reload();
    } catch (problem) {
      setFailure(problem);
    }
  };
  const acts = { onTime: (denial, span) => setAsked({ denial, span }), onEver: (denial) => setAsked({ denial, span: null }), onMute: mute };
  const rows = data?.denials ?? [];
  return html`<${Page} title="Denials">
    <div class="bar"><${TenantPicker} names=${names ?? []} value=${tenant} all=${own ? null : 'all tenants'} /><${Checkbox} label="Muted ones" checked=${muted} onValue=${(on) => setQuery({ muted: on ? '1' : null })} /></div>
    <${Problem} error=${failure ?? error} retry=${reload} />
    <${Section} title=${muted ? 'Refused, and muted' : 'Refused'} about="The same request is one line. Muting hides it from here; it stays refused either way.">
      ${!data && !error && html`<${Loading} lines=${6} />`}
      ${rows.length > 0 && html`<${Table} caption="Refused requests" columns=${COLUMNS(change, acts)} rows=${rows} rowKey=${keyOf} tone=${(one) => (one.reason === 'placeholder_misplaced' ? 'bad' : '')} />`}
      ${data && rows.length === 0 && html`<${Empty} title=${muted ? 'Nothing is muted.' : 'Nothing was refused.'}>${muted ? 'What you mute is kept here.' : 'When an assistant asks for what no route allows, it is listed here, with the route that would.'}<//>`}
      ${data?.next && limit < PAGE_MAX && html`<${More} onMore=${() => setLimit(Math.min(limit + PAGE, PAGE_MAX))} />`}
    <//>
    <${Grants} tenant=${tenant} turn=${turn} change=${change} onChanged=${changed} />
    ${asked?.span && html`<${AllowForTime} denial=${asked.denial} span=${asked.span} onClose=${() => setAsked(null)} onDone=${changed} />`}
    ${asked && !asked.span && html`<${AllowForEver} denial=${asked.denial} onClose=${() => setAsked(null)} onDone=${changed} />`}
  <//>`;
}

// audit.js: what the assistants did. A search through the records, newest first; while it is live, what comes in is shown at once.
import { useEffect, useRef, useState } from 'preact/hooks';
import { follow, get } from '../api.js';
import { lastWord, matches, merge, CSV_NAMES, searchTarget, target, toCsv, toJsonLines, VERDICTS } from '../model/records.js';
import { setQuery } from '../router.js';
import { Badge, Button, Copy, download, Menu } from '../ui/button.js';
import { Dialog } from '../ui/dialog.js';
import { Checkbox, Form, Select, TextField } from '../ui/form.js';
import { bytes, count, duration, exactTime, Time } from '../ui/format.js';
import { html } from '../ui/html.js';
import { Empty, Facts, Loading, Notice, Page, Problem, Section } from '../ui/page.js';
import { More, Table } from '../ui/table.js';
import { TenantPicker, useTenants } from '../ui/tenant.js';
import { useWaiting } from '../ui/together.js';

const PAGE = 100; // rows asked for at a time
const LIVE_ROWS = 1000; // that stay on the page while it is live
const EXPORT_PAGE = 1000;
const FILTERS = ['tenant', 'verdict', 'reason', 'kind', 'route', 'host', 'since', 'until', 'text'];

// Who may see one tenant alone has to ask for that one.
const own = (session) => (session.scope.startsWith('tenant:') ? session.scope.slice('tenant:'.length) : '');

const filterOf = (query, session) => ({ ...Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ''])), tenant: own(session) || (query.tenant ?? '') });

// ---- the search ----

/** What is found: {rows, next, busy, error, more, add}. The server may answer with less than it was asked for, and goes on in `next`. */
function useSearch(filter) {
  const key = JSON.stringify(filter);
  const [state, setState] = useState({ rows: [], next: null, busy: true, error: null });
  const current = useRef(key);
  current.current = key;

  const ask = async (first, rows) => {
    setState((now) => ({ ...now, busy: true, error: null }));
    try {
      let next = first;
      const wanted = rows.length + PAGE;
      let all = rows;
      do {
        const page = await get(next);
        if (current.current !== key) return;
        all = merge(all, page.records);
        next = page.next;
        setState((now) => ({ ...now, rows: merge(now.rows, page.records), next }));
      } while (next && all.length < wanted);
      setState((now) => ({ ...now, busy: false }));
    } catch (error) {
      if (current.current === key) setState((now) => ({ ...now, busy: false, error }));
    }
  };
  const start = () => {
    setState({ rows: [], next: null, busy: true, error: null });
    ask(searchTarget(filter, { limit: PAGE }), []);
  };
  useEffect(start, [key]);
  useWaiting(state.busy && state.rows.length === 0);
  const add = (...records) => setState((now) => ({ ...now, rows: merge(now.rows, records, Math.max(LIVE_ROWS, now.rows.length)) }));
  return { ...state, start, more: () => ask(state.next, state.rows), add };
}

/** Live: records that come from now on, those that the search would find; and those that came before the stream was open. */
function useLive(on, filter, add) {
  const [state, setState] = useState('off');
  const latest = useRef({});
  latest.current = { filter, add };
  useEffect(() => {
    if (!on) {
      setState('off');
      return undefined;
    }
    setState('waiting');
    const only = filter.tenant ? `?tenant=${filter.tenant}` : '';
    const catchUp = async () => {
      const wanted = latest.current.filter;
      const page = await get(searchTarget(wanted, { limit: PAGE }));
      if (wanted === latest.current.filter || JSON.stringify(wanted) === JSON.stringify(latest.current.filter)) latest.current.add(...page.records);
    };
    const onState = (now) => {
      setState(now);
      if (now === 'open') catchUp().catch(() => setState('behind'));
    };
    return follow(`/v1/audit:follow${only}`, (record) => matches(record, latest.current.filter) && latest.current.add(record), onState);
  }, [on, filter.tenant]);
  return state;
}

const LIVE_WORDS = { off: null, waiting: ['quiet', 'connecting'], open: ['good', 'live'], behind: ['warn', 'live, search again for what came before'],
  closed: ['bad', 'the server does not give live records'] };

// ---- the filter ----

// A time in the address is in milliseconds; the field has the reader's own clock.
const toField = (ms) => (ms ? new Date(Number(ms) - new Date(Number(ms)).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '');
const fromField = (text) => (text ? String(new Date(text).getTime()) : '');

function Filter({ filter, names, all, live, onLive, liveState }) {
  const [draft, setDraft] = useState(filter);
  useEffect(() => setDraft(filter), [JSON.stringify(filter)]);
  const set = (name) => (value) => setDraft({ ...draft, [name]: value });
  const now = (name) => (value) => setQuery({ ...draft, [name]: value });
  const word = LIVE_WORDS[liveState];
  return html`<${Form} class="filter" role="search" aria-label="Audit" onSubmit=${() => setQuery(Object.fromEntries(FILTERS.map((name) => [name, draft[name].trim()])))}>
    <${TenantPicker} names=${names} value=${draft.tenant} all=${all} onValue=${now('tenant')} />
    <${Select} label="Verdict" value=${draft.verdict} options=${[['', 'any'], ...Object.keys(VERDICTS).map((name) => [name, name])]} onValue=${now('verdict')} />
    <${Select} label="Kind" value=${draft.kind} options=${[['', 'any'], ['decision', 'decisions'], ['outcome', 'outcomes'], ['change', 'changes']]} onValue=${now('kind')} />
    <${TextField} label="Host" value=${draft.host} maxlength="255" onValue=${set('host')} />
    <${TextField} label="Route" value=${draft.route} maxlength="64" onValue=${set('route')} />
    <${TextField} label="Reason" value=${draft.reason} maxlength="64" onValue=${set('reason')} />
    <${TextField} label="From" type="datetime-local" value=${toField(draft.since)} onValue=${(text) => set('since')(fromField(text))} />
    <${TextField} label="Until" type="datetime-local" value=${toField(draft.until)} onValue=${(text) => set('until')(fromField(text))} />
    <${TextField} label="Text" value=${draft.text} maxlength="120" onValue=${set('text')} />
    <div class="filter-end">
      <${Button} type="submit" tone="main">Search<//>
      <${Button} onClick=${() => setQuery(Object.fromEntries(FILTERS.map((name) => [name, null])))}>Clear<//>
      <${Checkbox} label="Live" checked=${live} onValue=${onLive} />
      <span class="live-state" role="status">${word && html`<${Badge} tone=${word[0]}>${word[1]}<//>`}</span>
    </div>
  <//>`;
}

// ---- the list ----

// A change of no tenant, of an administrator say, is the server's.
const tenantOf = (row) => (lastWord(row).tenant === '-' ? 'the server' : lastWord(row).tenant);
const verdictOf = (row) => lastWord(row).verdict;

function What({ row, onOpen }) {
  const { decision, outcome, change } = row;
  const words = change ? change.change : decision ? `${decision.method} ${target(decision)}` : `outcome of request ${outcome.request_id}`;
  return html`<button type="button" class="plain code" onClick=${() => onOpen(row)}><span class="clamped">${words}</span></button>`;
}

function Verdict({ row }) {
  if (row.change) return html`<${Badge} tone="info">change<//>`;
  const verdict = verdictOf(row);
  return html`<${Badge} tone=${VERDICTS[verdict] ?? 'quiet'}>${verdict}<//>`;
}

function why(row) {
  const last = lastWord(row);
  if (row.change) return last.by ? `by ${last.by}` : null;
  return last.reason === 'route' ? row.decision?.route ?? null : last.reason;
}

const COLUMNS = (onOpen) => [
  { label: 'Time', cell: (row) => html`<span class="whole"><${Time} at=${row.time} /></span>` },
  { label: 'Tenant', cell: (row) => (row.change?.tenant === '-' ? html`<span class="quiet whole">the server</span>` : tenantOf(row)) },
  { label: 'Verdict', cell: (row) => html`<${Verdict} row=${row} />` },
  { label: 'Request', wide: true, cell: (row) => html`<${What} row=${row} onOpen=${onOpen} />` },
  { label: 'Route or reason', cell: why },
  { label: 'Status', number: true, cell: (row) => row.outcome?.status || null },
  { label: 'Took', number: true, cell: (row) => row.outcome && html`<span class="whole">${duration(row.outcome.duration_us / 1000)}</span>` },
  { label: 'Answer', number: true, cell: (row) => row.outcome && html`<span class="whole">${bytes(row.outcome.response_bytes)}</span>` },
];

// ---- one record ----

const micro = (us) => (us === undefined ? null : duration(us / 1000));
const known = (record, name) => record[name] !== undefined && record[name] !== null && record[name] !== '';

function decisionFacts(record) {
  return [['Method', record.method], ['Target', html`<code>${target(record)}</code>`], ['Scheme, host, port', html`<code>${record.scheme} ${record.host} ${record.port}</code>`],
    ['Path', html`<code>${record.path || '–'}</code>`], ['Names in the query', record.query_keys.length > 0 ? html`<code>${record.query_keys.join(' ')}</code>` : 'none'],
    ['Route', record.route ?? 'none'], ['Credential', record.credential ?? 'none']];
}

function outcomeFacts(record) {
  return [['Status', record.status || 'none'], ['Sent', bytes(record.request_bytes)], ['Received', bytes(record.response_bytes)], ['First byte after', micro(record.first_byte_us)],
    ['Took', micro(record.duration_us)], ['Credentials taken out of the answer', count(record.scrubs)], ['Provider’s address', record.peer ?? 'none'],
    known(record, 'model') && ['Model', record.model], record.input_tokens > 0 && ['Input tokens', count(record.input_tokens)],
    record.output_tokens > 0 && ['Output tokens', count(record.output_tokens)], known(record, 'detail') && ['What stood behind it', record.detail]];
}

const changeFacts = (record) => [['Change', record.change], ['By', record.by || 'unknown'], known(record, 'detail') && ['What', record.detail]];
const PARTS = [['decision', 'Decision', decisionFacts], ['outcome', 'Outcome', outcomeFacts], ['change', 'Change', changeFacts]];

function Part({ title, record, facts }) {
  return html`<section class="record-part">
    <h3>${title}</h3>
    <${Facts} rows=${[['Record', count(record.seq)], ['Time', exactTime(record.time)], ['Verdict', record.verdict], ['Reason', record.reason], ...facts(record)]} />
    <p class="hint">Its place in the chain: <code>${record.hash}</code></p>
    <details><summary>As JSON</summary><pre class="block" tabindex="0">${JSON.stringify(record, null, 2)}</pre></details>
  </section>`;
}

/** Everything known about a request: what the list has of it, and what the server finds by its id. */
function Opened({ row: first, onClose }) {
  const [row, setRow] = useState(first);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(!first.change);
  const last = lastWord(row);
  useEffect(() => {
    if (first.change) return;
    const around = Date.parse(first.time) - 86_400_000;
    const ask = async () => {
      let next = searchTarget({ request: first.key, tenant: last.tenant, since: String(around > 0 ? around : 0) }, { limit: 10 });
      for (let turns = 0; next && turns < 20; turns += 1) {
        const page = await get(next);
        setRow((now) => merge([now], page.records).find((one) => one.key === first.key) ?? now);
        next = page.records.length >= 2 ? null : page.next;
      }
    };
    ask().catch(setError).finally(() => setBusy(false));
  }, []);
  return html`<${Dialog} title=${first.change ? `Change of ${tenantOf(row)}` : `Request of ${last.tenant}`} wide onClose=${onClose}>
    <p><${Verdict} row=${row} /> ${!row.change && html`<span class="quiet">request <code>${row.key}</code></span>${' '}<${Copy} text=${row.key} what="The request’s id" />`}</p>
    <${Problem} error=${error} />
    ${PARTS.map(([kind, title, facts]) => row[kind] && html`<${Part} ...${{ title, facts, record: row[kind] }} />`)}
    ${!row.change && !row.outcome && !busy && html`<p class="quiet">${row.decision?.verdict === 'allowed' ? 'It has no outcome yet: it is under way, or the server was stopped meanwhile.' : 'It was refused, so it was not carried out.'}</p>`}
    ${!row.change && !row.decision && !busy && html`<p class="quiet">Its decision is not to be found any more.</p>`}
  <//>`;
}

// ---- export and verification ----

/** Everything that the search finds, as a file, put together here. The reader may stop it. */
function Export({ filter, format, onClose }) {
  const [found, setFound] = useState(0);
  const [error, setError] = useState(null);
  const abort = useRef(new AbortController()).current;
  useEffect(() => {
    const run = async () => {
      const csv = format === 'csv';
      // Parts that the browser keeps, on its disk when they are many: the page itself has one answer at a time, so there is no limit.
      const parts = csv ? [CSV_NAMES] : [];
      let read = 0;
      for (let next = searchTarget(filter, { limit: EXPORT_PAGE }); next;) {
        const page = await get(next, { signal: abort.signal });
        parts.push(new Blob([csv ? toCsv(page.records) : toJsonLines(page.records)]));
        read += page.records.length;
        setFound(read);
        next = page.next;
      }
      const name = `clawbox-audit${filter.tenant ? `-${filter.tenant}` : ''}-${new Date().toISOString().slice(0, 10)}`;
      download(`${name}.${csv ? 'csv' : 'jsonl'}`, csv ? 'text/csv' : 'application/jsonl', ...parts);
      onClose();
    };
    run().catch((failure) => failure.name === 'AbortError' || setError(failure));
    return () => abort.abort();
  }, []);
  return html`<${Dialog} title="Export" onClose=${onClose}>
    ${error ? html`<${Problem} error=${error} />` : html`<p role="status">Read so far: ${count(found)} records.</p>`}
    <div class="dialog-actions"><${Button} onClick=${onClose}>${error ? 'Close' : 'Stop'}<//></div>
  <//>`;
}

function Chain({ onClose }) {
  const [state, setState] = useState({ answer: null, error: null });
  useEffect(() => {
    const abort = new AbortController();
    get('/v1/audit:verify', { signal: abort.signal }).then((answer) => setState({ answer, error: null }), (error) => abort.signal.aborted || setState({ answer: null, error }));
    return () => abort.abort();
  }, []);
  const { answer, error } = state;
  return html`<${Dialog} title="The chain of records" onClose=${onClose}>
    <p class="quiet">Every record holds the hash of the one before it, so a record that was changed, taken out or put in breaks the chain from there on.</p>
    <${Problem} error=${error} />
    ${!answer && !error && html`<${Loading} lines=${2} />`}
    ${answer && html`<${Notice} tone=${answer.ok ? 'good' : 'bad'}>
      ${answer.ok ? html`<strong>It is whole.</strong> ${count(answer.rows)} records were walked, up to record ${count(answer.last_seq)}.` : html`<strong>It is broken</strong> after record ${count(answer.last_seq)}: ${answer.detail}`}
    <//>
    ${answer.hash && html`<p>The last hash, to keep somewhere else: <code>${answer.hash}</code> <${Copy} text=${answer.hash} what="The last hash" /></p>`}`}
  <//>`;
}

// ---- the page ----

export default function Audit({ query, session }) {
  const filter = filterOf(query, session);
  const { names } = useTenants();
  const search = useSearch(filter);
  const [live, setLive] = useState(true);
  const [open, setOpen] = useState(null);
  const [exported, setExported] = useState(null);
  const [chain, setChain] = useState(false);
  const state = useLive(live, filter, search.add);
  const filtered = FILTERS.some((name) => query[name]);
  const actions = html`
    ${!own(session) && html`<${Button} onClick=${() => setChain(true)}>Verify the chain<//>`}
    <${Menu} label="Export" items=${[{ label: 'JSON lines', act: () => setExported('jsonl') }, { label: 'CSV', act: () => setExported('csv') }]} />`;
  return html`<${Page} title="Audit" actions=${actions}>
    <${Filter} filter=${filter} names=${names ?? []} all=${own(session) ? null : 'all tenants'} live=${live} onLive=${setLive} liveState=${state} />
    <${Section} title="Records" about="Times are yours. A request is one row: its decision, and how it went.">
      ${search.error && html`<${Problem} error=${search.error} retry=${search.start} />`}
      ${search.rows.length > 0 && html`<${Table} caption="Records, newest first" columns=${COLUMNS(setOpen)} rows=${search.rows} rowKey=${(row) => row.key} open=${setOpen} tone=${(row) => (verdictOf(row) === 'tripwire' ? 'bad' : '')} />`}
      ${search.rows.length === 0 && search.busy && html`<${Loading} lines=${8} />`}
      ${search.rows.length === 0 && !search.busy && !search.error && (filtered
        ? html`<${Empty} title="No record is like that.">Clear a field, or look at another time.<//>`
        : html`<${Empty} title="Nothing was recorded yet.">What an assistant asks for through its proxy is seen here at once. Begin with a tenant and its environment, under <a href="/tenants">Tenants</a>.<//>`)}
      ${search.next && search.rows.length > 0 && html`<${More} busy=${search.busy} onMore=${search.more} label="Show older" />`}
      ${search.next && search.rows.length === 0 && search.busy && html`<p class="quiet" role="status">Searching further back.</p>`}
    <//>
    ${open && html`<${Opened} row=${open} onClose=${() => setOpen(null)} />`}
    ${exported && html`<${Export} filter=${filter} format=${exported} onClose=${() => setExported(null)} />`}
    ${chain && html`<${Chain} onClose=${() => setChain(false)} />`}
  <//>`;
}

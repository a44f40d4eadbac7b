// records.js: what the audit's records say together. A request has a decision, and an outcome when it was carried out; both carry
// its request_id. Everything in a record is text that an agent may have written.

/** Verdicts as policy/verdict.h has them, with the colour of their words. */
export const VERDICTS = { allowed: 'good', denied: 'bad', tripwire: 'bad', invalid: 'warn', limited: 'warn', failed: 'warn' };

/**
 * Adds records to what is shown: a list of {key, decision, outcome, change, seq, time}, newest first. `records` are in any order; one that is
 * there already changes nothing. At most `limit` stay.
 */
export function merge(shown, records, limit = Infinity) {
  const rows = new Map(shown.map((row) => [row.key, row]));
  for (const record of records) {
    const key = record.kind === 'change' ? `change ${record.seq}` : record.request_id;
    const row = { ...(rows.get(key) ?? { key, decision: null, outcome: null, change: null, seq: 0 }), [record.kind]: record };
    row.seq = Math.max(row.decision?.seq ?? 0, row.change?.seq ?? 0) || row.outcome.seq;
    row.time = (row.decision ?? row.change ?? row.outcome).time;
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => b.seq - a.seq).slice(0, limit);
}

/** The record that says how it went in the end. */
export const lastWord = (row) => row.change ?? (row.outcome && row.outcome.verdict !== 'allowed' ? row.outcome : row.decision ?? row.outcome);

/** "https://api.example.com/v1?key&page": what was asked for; of a tunnel that was refused, its host and port. */
export function target(decision) {
  const ordinary = decision.port === (decision.scheme === 'http' ? 80 : 443);
  const keys = decision.query_keys?.length > 0 ? `?${decision.query_keys.join('&')}` : '';
  return `${decision.scheme}://${decision.host}${ordinary ? '' : `:${decision.port}`}${decision.path}${keys}`;
}

const has = (text, part) => (text ?? '').toLowerCase().includes(part.toLowerCase());

/** Whether a record that just came would be found by this search; as the server's own search looks at it. */
export function matches(record, filter) {
  return (!filter.tenant || record.tenant === filter.tenant)
    && (!filter.verdict || record.verdict === filter.verdict)
    && (!filter.reason || record.reason === filter.reason)
    && (!filter.kind || record.kind === filter.kind)
    && (!filter.route || record.route === filter.route)
    && (!filter.host || record.host === filter.host)
    && (!filter.since || Date.parse(record.time) >= Number(filter.since))
    && (!filter.until || Date.parse(record.time) < Number(filter.until))
    && (!filter.text || [record.host, record.path, record.method, record.route, record.credential, record.detail, record.change, record.by, record.peer]
      .some((text) => has(text, filter.text)));
}

/** The query of /v1/audit:search for a filter; empty members are left out. */
export function searchTarget(filter, more = {}) {
  const members = Object.entries({ ...filter, ...more }).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return `/v1/audit:search?${members.map(([name, value]) => `${name}=${name === 'text' ? encodeURIComponent(value) : value}`).join('&')}`;
}

// ---- export ----

const COLUMNS = ['seq', 'time', 'kind', 'tenant', 'request_id', 'verdict', 'reason', 'route', 'credential', 'method', 'scheme', 'host', 'port', 'path', 'query_keys',
  'status', 'request_bytes', 'response_bytes', 'first_byte_us', 'duration_us', 'scrubs', 'peer', 'detail', 'model', 'input_tokens', 'output_tokens', 'change', 'by', 'hash'];

// A cell that a spreadsheet would take for a formula gets an apostrophe in front: the agent chooses paths and hosts.
function cell(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = Array.isArray(value) ? value.join('&') : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const csvLine = (values) => `${values.map(cell).join(',')}\r\n`;

/** The first line of a file in CSV (RFC 4180). */
export const CSV_NAMES = csvLine(COLUMNS);

/** Its other lines. */
export const toCsv = (records) => records.map((record) => csvLine(COLUMNS.map((name) => record[name]))).join('');

export const toJsonLines = (records) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

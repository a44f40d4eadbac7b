// traffic.js: what /v1/series says over a span of time, for the overview and for one tenant: read, filled up, summed and drawn.
import { get } from './api.js';
import { setQuery } from './router.js';
import { Chart, Problem, bytes, count, html, useData, useMemo } from './ui.js';

const MINUTE = 60_000;
/** The spans that can be looked at: [word, label, milliseconds, step]. Each is some 60 to 170 points. */
export const spans = [
  ['1h', '1 hour', 60 * MINUTE, MINUTE],
  ['24h', '24 hours', 24 * 60 * MINUTE, 15 * MINUTE],
  ['7d', '7 days', 7 * 24 * 60 * MINUTE, 60 * MINUTE],
  ['30d', '30 days', 30 * 24 * 60 * MINUTE, 6 * 60 * MINUTE],
];
const columns = ['time', 'allowed', 'denied', 'failed', 'tripwire', 'request_bytes', 'response_bytes', 'input_tokens', 'output_tokens'];

/** The span of that word; without one, a day. */
export const spanOf = (word) => spans.find(([name]) => name === word) ?? spans[1];

// The server leaves out what had no traffic: here that is zero.
function filled(answer, from, to, step) {
  const length = Math.floor((to - from) / step) + 1;
  const table = Object.fromEntries(columns.map((name) => [name, new Array(length).fill(0)]));
  for (let i = 0; i < length; i += 1) table.time[i] = from + i * step;
  for (const point of answer.points) {
    const at = Math.floor((point[0] - from) / step);
    if (at < 0 || at >= length) continue;
    for (let column = 1; column < columns.length; column += 1) table[columns[column]][at] += point[column] ?? 0;
  }
  return table;
}

/** Of one tenant, or of all (null): {data: {table, sums}, error, loading, reload}, kept up to date. */
export function useTraffic(tenant, word) {
  const [name, , span, step] = spanOf(word);
  return useData(`series ${tenant ?? ''} ${name}`, {
    every: name === '1h' ? 10_000 : 30_000,
    load: async () => {
      const to = Math.floor(Date.now() / step) * step;
      const from = to - span + step;
      const whose = tenant ? `tenant=${tenant}&` : '';
      const table = filled(await get(`/v1/series?${whose}from=${from}&to=${to + step}&step=${step / 1000}`), from, to, step);
      return { table, sums: Object.fromEntries(columns.slice(1).map((column) => [column, table[column].reduce((a, b) => a + b, 0)])) };
    },
  });
}

/** Which span: a group of buttons; it is in the address as `span`. */
export function Spans({ chosen }) {
  const [name] = spanOf(chosen);
  return html`<div class="group" role="group" aria-label="Span of time">${spans.map(([word, label]) => html`<button type="button" aria-pressed=${word === name ? 'true' : 'false'} title=${label} onClick=${() => setQuery({ span: word === '24h' ? null : word })}>${word}</button>`)}</div>`;
}

const NOTHING = { time: null };

/** The charts: requests, and what went through. `traffic` is of useTraffic(). */
export function Traffic({ traffic }) {
  const { data, error, loading, reload } = traffic;
  const table = data?.table ?? NOTHING;
  const lines = useMemo(() => ({
    requests: [
      { label: 'allowed', tone: 'one', values: table.allowed },
      { label: 'denied', tone: 'two', values: table.denied },
      { label: 'failed', tone: 'four', values: table.failed },
    ],
    volume: [
      { label: 'to providers', tone: 'three', values: table.request_bytes },
      { label: 'to agents', tone: 'one', values: table.response_bytes },
    ],
    tokens: [
      { label: 'input', tone: 'three', values: table.input_tokens },
      { label: 'output', tone: 'one', values: table.output_tokens },
    ],
  }), [table]);
  if (!data && !loading) return html`<${Problem} error=${error} retry=${reload} />`;
  return html`<div class="charts">
    <${Chart} title="Requests" times=${table.time} series=${lines.requests} format=${count} whole />
    <${Chart} title="Tokens" times=${table.time} series=${lines.tokens} format=${count} whole />
    <${Chart} title="Bytes" times=${table.time} series=${lines.volume} format=${bytes} />
  </div>`;
}


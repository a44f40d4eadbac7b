// changes.js: who changed what and when, as lists of changes show it.
import { Empty, Loading, Problem, Table, Time, changeWords, html, useData } from './ui.js';

const columns = [
  { label: 'When', cell: (one) => html`<${Time} at=${one.time} />` },
  { label: 'Who', cell: (one) => one.by || html`<span class="quiet">the server</span>` },
  { label: 'What', cell: (one) => html`<span class="whole">${changeWords(one.change)}</span>` },
  { label: 'Of', cell: (one) => one.tenant && one.tenant !== '-' && html`<a href=${`/tenants/${one.tenant}`}>${one.tenant}</a>` },
  { label: 'Detail', wide: true, cell: (one) => one.detail },
];

/** The last `limit` of "/v1/changes" or of a tenant's history. */
export function Changes({ target, limit, tenant = false }) {
  const { data, error, loading, reload } = useData(target, { every: 15_000 });
  if (loading) return html`<${Loading} lines=${4} />`;
  if (!data) return html`<${Problem} error=${error} retry=${reload} />`;
  const list = (data.changes ?? data.history).slice(0, limit);
  if (list.length === 0) return html`<${Empty} title="Nothing was changed yet." />`;
  return html`<${Table} caption="Changes" columns=${tenant ? columns.filter((column) => column.label !== 'Of') : columns} rows=${list} rowKey=${(one) => one.seq} />`;
}

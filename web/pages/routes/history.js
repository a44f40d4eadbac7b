// history.js: who changed a tenant, when, and what it newly allowed; an earlier document can be taken up again.
import { useState } from 'preact/hooks';
import { get } from '../../api.js';
import { Button } from '../../ui/button.js';
import { Changes } from '../../ui/changes.js';
import { useData } from '../../ui/data.js';
import { Dialog } from '../../ui/dialog.js';
import { changeWords, Time } from '../../ui/format.js';
import { html } from '../../ui/html.js';
import { Empty, Loading, Problem } from '../../ui/page.js';
import { More, Table } from '../../ui/table.js';

const at = (tenant) => `/v1/tenants/${encodeURIComponent(tenant)}/history`;

function Revision({ tenant, generation, onClose, onTake }) {
  const { data, error } = useData(`${at(tenant)}/${generation}`);
  return html`<${Dialog} title=${`${tenant}, generation ${generation}`} wide onClose=${onClose}>
    <${Problem} error=${error} />
    ${!data && !error && html`<${Loading} />`}
    ${data && html`<div class="said"><${Changes} changes=${data.changes ?? []} /></div>
      ${data.yaml && html`<details open><summary>Its document</summary><pre class="block" tabindex="0">${data.yaml}</pre></details>
        <div class="dialog-actions"><${Button} onClick=${() => { onTake(data.yaml); onClose(); }}>Take it up in the editor<//></div>`}`}
  <//>`;
}

export function History({ tenant, generation, onTake }) {
  const [pages, setPages] = useState({ of: null, list: [], next: null, busy: false, error: null });
  const { data, error, reload } = useData(`${at(tenant)}?limit=50`);
  const [open, setOpen] = useState(null);
  const later = pages.of === data ? pages : { list: [], next: data?.next, busy: false, error: null };
  const more = async () => {
    setPages({ ...later, of: data, busy: true, error: null });
    try {
      const page = await get(later.next);
      setPages({ of: data, list: [...later.list, ...page.history], next: page.next, busy: false, error: null });
    } catch (failure) {
      setPages({ ...later, of: data, busy: false, error: failure });
    }
  };
  const rows = [...(data?.history ?? []), ...later.list];
  const columns = [
    { label: 'When', cell: (one) => html`<${Time} at=${one.time} />` },
    { label: 'Who', cell: (one) => html`<span class="any">${one.by || 'unknown'}</span>` },
    { label: 'What', cell: (one) => html`<span class="whole">${changeWords(one.change)}</span>` },
    { label: 'About', wide: true, cell: (one) => one.detail },
    { label: 'Document', cell: (one) => (one.generation === null ? html`<span class="quiet">–</span>`
      : html`<${Button} class="button small" onClick=${() => setOpen(one.generation)}><span class="hidden">Generation </span>${one.generation}${one.generation === generation ? ', now' : ''}<//>`) },
  ];
  return html`
    <${Problem} error=${error ?? later.error} retry=${reload} />
    ${!data && !error && html`<${Loading} lines=${5} />`}
    ${rows.length > 0 && html`<${Table} caption=${`Changes of ${tenant}`} columns=${columns} rows=${rows} rowKey=${(one) => one.seq} />`}
    ${data && rows.length === 0 && html`<${Empty} title="No change is recorded yet." />`}
    ${later.next && html`<${More} busy=${later.busy} onMore=${more} />`}
    ${open !== null && html`<${Revision} tenant=${tenant} generation=${open} onClose=${() => setOpen(null)} onTake=${onTake} />`}`;
}

// table.js: tables, which are lists of cards on a narrow screen.
import { html } from './html.js';

/**
 * columns: [{key, label, cell: (row) => content, number: aligned right, wide: takes what is left, half: one of two that do, code: monospaced}]; without `cell`
 * it is row[key]; null is nothing, which takes no room on a narrow screen. `caption` is read aloud. `open`: (row) => a click anywhere in the row that is on nothing else; the row must also
 * hold a link or button that does the same, for the keyboard.
 */
export function Table({ caption, columns, rows, rowKey = (row) => row.name, open, tone = () => '' }) {
  const click = (row) => (event) => {
    if (event.target.closest('a, button, input, label, select') || getSelection()?.toString()) return;
    open(row);
  };
  return html`<div class="table-frame" tabindex="0" role="group" aria-label=${caption}><table>
    <caption class="hidden">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${kind(column)}>${column.label || html`<span class="hidden">${column.hidden ?? 'Actions'}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${rowKey(row)} class=${`${open ? 'opens ' : ''}${tone(row)}`} onClick=${open ? click(row) : undefined}>
      ${columns.map((column) => html`<${Cell} column=${column} content=${column.cell ? column.cell(row) : row[column.key]} />`)}
    </tr>`)}</tbody>
  </table></div>`;
}

const isNothing = (content) => content === null || content === undefined || content === false || content === '';

function Cell({ column, content }) {
  const nothing = isNothing(content);
  return html`<td class=${`${kind(column)} ${nothing ? 'none' : ''}`} data-label=${column.label}><div>${nothing && column.label && !column.number ? html`<span class="quiet">–</span>` : content}</div></td>`;
}

const kind = (column) => [column.number && 'number', column.wide && 'wide', column.half && 'half', column.code && 'code', !column.label && 'bare'].filter(Boolean).join(' ');

/** Below a list that goes on: asks for what comes next. */
export function More({ busy, onMore, label = 'Show more' }) {
  return html`<div class="more"><button type="button" class="button" disabled=${busy} onClick=${onMore}>${busy ? 'Loading' : label}</button></div>`;
}

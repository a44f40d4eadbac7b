// table.js: tables, which are lists of cards on a narrow screen.
import { html } from './html.js';

/**
 * columns: [{key, label, cell: (row) => content, number: aligned right, wide: takes what is left, code: monospaced}]; without `cell`
 * it is row[key]. `caption` is read aloud. `open`: (row) => a click anywhere in the row that is on nothing else; the row must also
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
      ${columns.map((column) => html`<td class=${kind(column)} data-label=${column.label}>${column.cell ? column.cell(row) : row[column.key]}</td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

const kind = (column) => [column.number && 'number', column.wide && 'wide', column.code && 'code', !column.label && 'bare'].filter(Boolean).join(' ');

/** Below a list that goes on: asks for what comes next. */
export function More({ busy, onMore, label = 'Show more' }) {
  return html`<div class="more"><button type="button" class="button" disabled=${busy} onClick=${onMore}>${busy ? 'Loading' : label}</button></div>`;
}

// goes.js: where a credential may go.
import { bindingOf } from '../model/binding.js';
import { html } from './html.js';

/** Lines as the API has them in `bound_to`; pointing at one shows it as it is sealed. */
export function Goes({ lines }) {
  return html`<ul>${lines.map((line) => {
    const { to, notes } = bindingOf(line);
    return html`<li title=${line}><code>${to}</code>${notes.length > 0 && html` <span class="quiet">${notes.join(', ')}</span>`}</li>`;
  })}</ul>`;
}

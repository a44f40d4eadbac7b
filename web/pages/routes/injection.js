// injection.js: how a route's credential goes in: the kind, and the fields of that kind.
import { errorAt } from '../../model/document.js';
import { changeOf, FIELDS, injectionOfKind, INJECTIONS, kindOf, memberAt } from '../../model/injection.js';
import { Checkbox, Select, TextField } from '../../ui/form.js';
import { html } from '../../ui/html.js';
import { Notice } from '../../ui/page.js';
import { asText, Typed, words } from './fields.js';

function InjectionField({ field, inject, error, onChange }) {
  const value = memberAt(inject, field.path);
  const change = (next) => onChange(...changeOf(inject, field, next));
  const about = { label: field.label, hint: field.hint, error };
  if (field.options) return html`<${Select} ...${about} value=${asText(value)} options=${field.options.some(([key]) => key === asText(value)) ? field.options : [...field.options, [asText(value), asText(value)]]} onValue=${change} />`;
  if (field.words) return html`<${Typed} ...${about} ...${words} value=${value} onValue=${change} />`;
  if ('flag' in field) return html`<${Checkbox} label=${field.label} checked=${value ?? field.flag} onValue=${change} />`;
  return html`<${TextField} ...${about} value=${asText(value)} maxlength="1024" onValue=${change} />`;
}

/** `at` is the route's place, "routes[1]"; onSet(path, value) changes the route. */
export function Injection({ inject, at, fields: errors, onSet }) {
  const kind = kindOf(inject);
  const shown = FIELDS[kind] ?? [];
  const place = (field) => `${at}.inject.${field.path.join('.')}`;
  // What is wrong with a member that has no field is said at the kind.
  const own = new Map([...errors].filter(([name]) => !shown.some((field) => name === place(field) || name.startsWith(`${place(field)}[`))));
  const error = errorAt(own, `${at}.inject`);
  if (kind === 'other') return html`<${Notice}>How the credential goes in is edited as text, under YAML: <code>${JSON.stringify(inject)}</code>${error && html`<p class="field-error">${error}</p>`}<//>`;
  return html`
    <${Select} label="Goes in as" value=${kind} options=${INJECTIONS} error=${error} onValue=${(next) => onSet(['inject'], injectionOfKind(next))} />
    ${shown.map((field) => html`<${InjectionField} key=${`${kind} ${field.path.join(' ')}`} field=${field} inject=${inject} error=${errorAt(errors, place(field))} onChange=${(path, value) => onSet(['inject', ...path], value)} />`)}`;
}

// advanced.js: what few routes have: where they are dialled and whom they trust there, headers of their own, places of credentials, and what
// may be asked of a Kubernetes API.
import { errorAt, isOfForm } from '../../model/document.js';
import { Button } from '../../ui/button.js';
import { TextArea, TextField } from '../../ui/form.js';
import { html } from '../../ui/html.js';
import { asText, Folded, orNone, pairs, Typed, words } from './fields.js';

// The fields of one place that is dialled: the provider's (`upstream`), or that of its tokens (`tokenUpstream`).
function Dialled({ name, value, at, fields, onSet, title, certificate }) {
  const errorOf = (member) => errorAt(fields, `${at}.${name}.${member}`);
  const text = (member) => ({ value: asText(value?.[member]), error: errorOf(member), onValue: (typed) => onSet([name, member], orNone(typed)) });
  return html`
    <div class="fields">
      <${TextField} label=${`${title}: address`} hint="ADDRESS:PORT that is dialled. None: as the name says" maxlength="255" ...${text('address')} />
      ${value?.caFile !== undefined && html`<${TextField} label=${`${title}: file with its CA`} hint="The server reads no files: clear it, and paste what is in it" maxlength="1024" ...${text('caFile')} />`}
      ${certificate && html`<${TextField} label="Client certificate" hint="The credential that is one, shown to servers that ask" maxlength="40" ...${text('clientCredential')} />
        <${Typed} label="Public keys" hint="sha256/…, of which the chain has to have one" ...${words} value=${value?.pins} error=${errorOf('pins')} onValue=${(list) => onSet([name, 'pins'], list)} />`}
    </div>
    <${TextArea} label=${`${title}: its CA`} hint="In PEM, in place of the system’s roots" code rows="3" ...${text('ca')} />`;
}

// Names of headers and of query parameters: `places` or `pass`.
function Names({ name, value, at, fields, onSet, title }) {
  const list = (member, label) => html`<${Typed} label=${`${title}: ${label}`} ...${words} value=${value?.[member]} error=${errorAt(fields, `${at}.${name}.${member}`)} onValue=${(next) => onSet([name, member], next)} />`;
  return html`${list('headers', 'headers')}${list('query', 'query parameters')}`;
}

const PARTS = ['headers', 'upstream', 'tokenUpstream', 'places', 'pass'];

/** `at` is the route's place, "routes[1]"; onSet(path, value) changes the route. */
export function Advanced({ route, at, fields, onSet }) {
  const used = PARTS.filter((name) => route[name] !== undefined);
  const wrong = PARTS.some((name) => errorAt(fields, `${at}.${name}`));
  const tokens = route.inject?.oauth2 !== undefined || route.inject?.gcp !== undefined || route.tokenUpstream !== undefined;
  const part = (name, more) => ({ name, value: route[name], at, fields, onSet, ...more });
  return html`<${Folded} summary=${used.length > 0 ? `Advanced: ${used.join(', ')}` : 'Advanced'} wrong=${wrong}>
    ${isOfForm(route, 'headers') && html`<${Typed} as=${TextArea} code rows="2" label="Headers that every request gets" hint="Name: value, one a line. Never a credential" ...${pairs} value=${route.headers} error=${errorAt(fields, `${at}.headers`)} onValue=${(map) => onSet(['headers'], map)} />`}
    ${isOfForm(route, 'upstream') && html`<${Dialled} ...${part('upstream', { title: 'Server', certificate: true })} />`}
    ${tokens && isOfForm(route, 'tokenUpstream') && html`<${Dialled} ...${part('tokenUpstream', { title: 'Token server' })} />`}
    <div class="fields">
      ${isOfForm(route, 'places') && html`<${Names} ...${part('places', { title: 'Also taken for a credential’s place' })} />`}
      ${isOfForm(route, 'pass') && html`<${Names} ...${part('pass', { title: 'Goes on although it is one' })} />`}
    </div>
  <//>`;
}

const RULE = [
  { member: 'verbs', label: 'Verbs', hint: 'get list watch create update patch delete, or *', needed: true },
  { member: 'resources', label: 'Resources', hint: 'pods pods/log deployments.apps', needed: true },
  { member: 'namespaces', label: 'Namespaces', hint: 'None: what has no namespace' },
];

/** Rules in the words of RBAC. */
export function Kubernetes({ rules, at, fields, onSet }) {
  const list = rules ?? [];
  const without = (index) => list.filter((_, i) => i !== index);
  return html`<fieldset class="rules"><legend>What may be asked of the Kubernetes API</legend>
    ${list.map((rule, index) => html`<div class="fields" key=${index}>
      ${RULE.map(({ member, label, hint, needed }) => html`<${Typed} label=${label} hint=${hint} ...${words} value=${rule?.[member]} error=${errorAt(fields, `${at}[${index}].${member}`)} onValue=${(next) => onSet(['kubernetes', index, member], next ?? (needed ? [] : undefined))} />`)}
      <div class="field"><${Button} class="button small danger" onClick=${() => onSet(['kubernetes'], list.length > 1 ? without(index) : undefined)}>Remove<span class="hidden"> rule ${index + 1}</span><//></div>
      ${fields.has(`${at}[${index}]`) && html`<p class="field-error">${fields.get(`${at}[${index}]`)}</p>`}
    </div>`)}
    ${fields.has(at) && html`<p class="field-error">${fields.get(at)}</p>`}
    <${Button} class="button small" onClick=${() => onSet(['kubernetes', list.length], { verbs: ['get', 'list', 'watch'], resources: [] })}>Add a rule<//>
  </fieldset>`;
}

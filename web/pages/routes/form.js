// form.js: a document's routes as fields, each with the server's error at it. What a route has beyond these fields stays in the text, and is named.
import { addRoute, beyondForm, errorAt, errorsOfRoute, isOfForm, moveRoute, removeRoute, routeName, set, withOwnName } from '../../model/document.js';
import { Badge, Button } from '../../ui/button.js';
import { useData } from '../../ui/data.js';
import { Checkbox, Select, TextArea, TextField } from '../../ui/form.js';
import { html } from '../../ui/html.js';
import { Empty } from '../../ui/page.js';
import { Advanced, Kubernetes } from './advanced.js';
import { asText, Folded, lines, number, orNone, Typed, words } from './fields.js';
import { Injection } from './injection.js';

// ---- one route ----

function hostHint(preset) {
  if (!preset) return 'A name, an address, or *.name for all below it';
  if (preset.hosts.length > 0) return `None: ${preset.hosts.join(', ')}`;
  return preset.host_suffix ? `One that ends in ${preset.host_suffix}` : 'The provider has none of its own: name it';
}

function Summary({ route, index, wrong }) {
  const deny = route.action === 'deny';
  const where = route.provider ?? route.host ?? 'no host yet';
  return html`<summary>
    <span class="route-name">${routeName(route) || `route ${index + 1}`}</span>
    <${Badge} tone=${deny ? 'bad' : 'good'}>${deny ? 'refuses' : 'allows'}<//>
    ${wrong && html`<${Badge} tone="bad">to be corrected<//>`}
    <span class="quiet any">${asText(where)}${route.credential ? `, with ${asText(route.credential)}` : ''}${Array.isArray(route.methods) ? `, ${route.methods.join(' ')}` : ''}${Array.isArray(route.paths) ? ` ${route.paths.join(' ')}` : ''}</span>
  </summary>`;
}

const MORE = ['name', 'scheme', 'port', 'placeholder', 'env', 'shape', 'websocket', 'insecure'];

function Route({ route, index, count, open, presets, fields, onSet, onMove, onRemove, onOpen }) {
  const start = `routes[${index}]`;
  const errorOf = (name) => errorAt(fields, `${start}.${name}`);
  const own = errorsOfRoute(fields, index);
  const wrong = own.length > 0 || [...fields.keys()].some((name) => name === start || name.startsWith(`${start}.`));
  const put = (name) => (value) => onSet([name], value);
  const text = (name) => ({ value: asText(route[name]), error: errorOf(name), onValue: (typed) => onSet([name], orNone(typed)) });
  const preset = presets.find((one) => one.name === route.provider);
  const deny = route.action === 'deny';
  const beyond = beyondForm(route);
  const providers = [['', 'another host'], ...presets.map((one) => [one.name, one.title ?? one.name])];
  if (route.provider && !preset) providers.push([asText(route.provider), asText(route.provider)]);

  return html`<details class=${`route ${wrong ? 'wrong' : ''}`} open=${open} onToggle=${(event) => onOpen(event.currentTarget.open)}>
    <${Summary} ...${{ route, index, wrong }} />
    ${own.length > 0 && html`<ul class="field-error">${own.map((detail) => html`<li>${detail}</li>`)}</ul>`}
    <div class="fields">
      <${Select} label="Does" value=${deny ? 'deny' : 'allow'} options=${[['allow', 'allows'], ['deny', 'refuses']]} error=${errorOf('action')} onValue=${(value) => onSet(['action'], value === 'deny' ? 'deny' : undefined)} />
      <${Select} label="Provider" value=${asText(route.provider)} options=${providers} error=${errorOf('provider')} onValue=${(value) => onSet(['provider'], orNone(value))} />
      <${TextField} label="Host" hint=${hostHint(preset)} maxlength="255" ...${text('host')} />
      ${!deny && preset?.credential !== false && html`<${TextField} label="Credential" hint=${route.provider ? undefined : 'None: requests go on as they are'} maxlength="40" ...${text('credential')} />`}
      <${Typed} label="Methods" hint="None: the provider’s, or GET HEAD POST" ...${words} value=${route.methods} error=${errorOf('methods')} onValue=${put('methods')} />
    </div>
    ${!deny && !route.provider && (route.credential || route.inject) && html`<div class="fields"><${Injection} inject=${route.inject} at=${start} fields=${fields} onSet=${onSet} /></div>`}
    <${Typed} as=${TextArea} code rows="3" label="Paths" hint="One a line; * within a segment, ** as the last one. None: every path." ...${lines} value=${route.paths} error=${errorOf('paths')} onValue=${put('paths')} />
    ${!deny && (preset?.kubernetes || route.kubernetes !== undefined) && isOfForm(route, 'kubernetes') && html`<${Kubernetes} rules=${route.kubernetes} at=${`${start}.kubernetes`} fields=${fields} onSet=${onSet} />`}
    <${Folded} summary="More" wrong=${MORE.some((name) => errorOf(name))}>
      <div class="fields">
        <${TextField} label="Name" hint="In the audit" maxlength="40" ...${text('name')} />
        ${!route.provider && html`<${Select} label="Scheme" value=${asText(route.scheme) || 'https'} options=${[['https', 'https'], ['http', 'http, readable on the way']]} error=${errorOf('scheme')} onValue=${(value) => onSet(['scheme'], value === 'http' ? 'http' : undefined)} />
          <${Typed} label="Port" inputmode="numeric" ...${number} value=${route.port} error=${errorOf('port')} onValue=${put('port')} />`}
        ${!deny && html`
          <${Select} label="The agent’s placeholder" value=${asText(route.placeholder) || 'optional'} options=${[['optional', 'may be sent'], ['required', 'has to be sent']]} error=${errorOf('placeholder')} onValue=${(value) => onSet(['placeholder'], value === 'required' ? 'required' : undefined)} />
          <${TextField} label="The agent’s variable" maxlength="128" ...${text('env')} />
          <${TextField} label="Shape of the placeholder" maxlength="255" ...${text('shape')} />`}
      </div>
      ${!deny && html`<${Checkbox} label="A GET may become a WebSocket" checked=${route.websocket ?? preset?.websocket ?? false} onValue=${(on) => onSet(['websocket'], on)} />`}
      ${!deny && route.scheme === 'http' && html`<${Checkbox} label="The credential may go over plain http" checked=${route.insecure === true} onValue=${(on) => onSet(['insecure'], on || undefined)} />`}
    <//>
    ${!deny && html`<${Advanced} route=${route} at=${start} fields=${fields} onSet=${onSet} />`}
    ${beyond.length > 0 && html`<p class="quiet">This route has parts that are edited as text, under YAML: ${beyond.map((name, i) => html`${i > 0 && ', '}<code>${name}</code>`)}</p>`}
    <div class="actions">
      <${Button} class="button small" disabled=${index === 0} onClick=${() => onMove(index - 1)}>Up<span class="hidden"> ${routeName(route)}</span><//>
      <${Button} class="button small" disabled=${index === count - 1} onClick=${() => onMove(index + 1)}>Down<span class="hidden"> ${routeName(route)}</span><//>
      <${Button} class="button small danger" onClick=${onRemove}>Remove<span class="hidden"> ${routeName(route)}</span><//>
    </div>
  </details>`;
}

// ---- the tenant's own settings ----

function Settings({ spec, fields, onSet }) {
  const limits = spec.limits ?? {};
  const limit = (name, label, hint) => html`<${Typed} label=${label} hint=${hint} inputmode="numeric" ...${number} value=${limits[name]} error=${errorAt(fields, `limits.${name}`)} onValue=${(value) => onSet(['limits', name], value)} />`;
  return html`<details class="route"><summary><span class="route-name">Limits and tripwire</span></summary>
    <div class="fields">
      ${limit('requestsPerMinute', 'Requests a minute')}
      ${limit('concurrent', 'Requests at the same time')}
      ${limit('requestBytes', 'Largest body of a request', 'Bytes, or a number with KiB, MiB or GiB')}
      <${Select} label="A placeholder in the wrong place" value=${spec.tripwire ?? 'refuse'} options=${[['refuse', 'refuses that request'], ['suspend', 'suspends the tenant']]} error=${errorAt(fields, 'tripwire')} onValue=${(value) => onSet(['tripwire'], value === 'suspend' ? 'suspend' : undefined)} />
    </div>
  </details>`;
}

/** `opened`: which routes are unfolded, a Set of places; it outlives a look at the text. */
export function RoutesForm({ text, spec, fields, opened, setOpened, onText }) {
  const { data } = useData('/v1/presets'); // without it a provider can be chosen in the text
  const presets = data?.presets ?? [];
  const { routes } = spec;
  const setOpen = (index, on) => {
    const next = new Set(opened);
    if (on) next.add(index);
    else next.delete(index);
    setOpened(next);
  };
  const add = (route) => {
    onText(addRoute(text, withOwnName(text, route)));
    setOpened(new Set([...opened, routes.length]));
  };
  const onSet = (index) => (path, value) => onText(set(text, ['spec', 'routes', index, ...path], value));
  return html`
    ${routes.length === 0 && html`<${Empty} title="No route: every request is refused.">Add a provider with its credential, or a host of your own.<//>`}
    ${routes.map((route, index) => html`<${Route} key=${index} ...${{ route, index, presets, fields }} count=${routes.length} open=${opened.has(index)} onOpen=${(on) => setOpen(index, on)}
      onSet=${onSet(index)} onMove=${(to) => { onText(moveRoute(text, index, to)); setOpened(new Set([to])); }} onRemove=${() => { onText(removeRoute(text, index)); setOpened(new Set()); }} />`)}
    <div class="row">
      ${presets.length > 0 && html`<${Button} onClick=${() => add({ provider: presets[0].name, ...(presets[0].credential && { credential: presets[0].name }) })}>Add a provider<//>`}
      <${Button} onClick=${() => add({ host: '', methods: ['GET'] })}>Add a host<//>
      <${Button} onClick=${() => add({ action: 'deny', host: '' })}>Add a refusal<//>
    </div>
    <${Settings} spec=${spec} fields=${fields} onSet=${(path, value) => onText(set(text, ['spec', ...path], value))} />`;
}

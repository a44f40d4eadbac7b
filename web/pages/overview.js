// overview.js: how it goes. What was asked and refused, whether every role runs and is confined, and what changed last.
import { Traffic, Spans, spanOf, useTraffic } from '../traffic.js';
import { Changes } from '../changes.js';
import { Ago, Badge, Empty, Facts, Notice, Page, Problem, Section, Table, bytes, count, html, useData } from '../ui.js';

export default function Overview({ query, session }) {
  const [, label] = spanOf(query.span);
  // A tenant's own token sees that tenant: not the server, and not what others do.
  const own = session.scope.startsWith('tenant:') ? session.scope.slice(7) : null;
  const status = useData(own ? null : '/v1/status', { every: 5_000 });
  const traffic = useTraffic(own, query.span);
  const sums = traffic.data?.sums;
  const tokens = sums && sums.input_tokens + sums.output_tokens;
  return html`<${Page} title="Overview" actions=${html`<${Spans} chosen=${query.span} />`}>
    <div class="tiles">
      ${own ? html`<${Tile} name="Tenant" href=${`/tenants/${own}`} figure="1" about=${own} />` : html`<${Tile} name="Tenants" href="/tenants" figure=${count(status.data?.tenants)} about=${status.data ? `${count(status.data.active)} active now` : ''} />`}
      <${Tile} name="Requests" href="/audit" figure=${sums ? count(sums.allowed + sums.denied + sums.failed) : '–'} about=${sums ? `in ${label}` : ''} />
      <${Tile} name="Denied" href="/denials" figure=${sums ? count(sums.denied) : '–'} about=${sums && sums.failed > 0 ? `and ${count(sums.failed)} failed` : ''} />
      <${Tile} name="Tripwires" href="/audit?verdict=tripwire" figure=${sums ? count(sums.tripwire) : '–'} about=${sums?.tripwire > 0 ? 'look at these' : ''} bad=${sums?.tripwire > 0} />
      <${Tile} name="Tokens" figure=${count(tokens)} about=${sums ? `${count(sums.output_tokens)} answered` : ''} />
      <${Tile} name="Bytes" figure=${sums ? bytes(sums.request_bytes + sums.response_bytes) : '–'} about=${sums ? `${bytes(sums.request_bytes)} sent` : ''} />
    </div>
    ${status.data?.tenants === 0 && html`<${Section} title="Begin here"><${Empty} title="There is no tenant yet."><a href="/tenants">Make the first tenant</a>, set its credentials, and give its agent the environment that its page shows.<//><//>`}
    <${Section} title="Traffic"><${Traffic} traffic=${traffic} /><//>
    ${!own && html`<${Health} status=${status} />
    <${Section} title="Last changes"><${Changes} target="/v1/changes" limit=${8} /><//>`}
  <//>`;
}

function Tile({ name, figure, about, href, bad }) {
  return html`<div class=${`tile ${bad ? 'bad' : ''}`}><span class="quiet">${href ? html`<a href=${href}>${name}</a>` : name}</span><span class="figure">${figure}</span><span class="quiet">${about}</span></div>`;
}

// One process of these serves all; the two others are made for each tenant, when it has connections.
const PER_TENANT = ['gate', 'egress'];

const layerWord = (layer) => layer.replaceAll('_', ' ');

function roleState(role) {
  if (role.running > 0) return PER_TENANT.includes(role.role) ? html`<${Badge} tone="good">${count(role.running)} running<//>` : html`<${Badge} tone="good">running<//>`;
  return PER_TENANT.includes(role.role) ? html`<${Badge}>none needed<//>` : html`<${Badge} tone="bad">not running<//>`;
}

function Health({ status }) {
  const { data, error, reload } = status;
  if (!data) return html`<${Section} title="Roles and their confinement"><${Problem} error=${error} retry=${reload} /><//>`;
  const columns = [
    { label: 'Role', cell: (role) => role.role },
    { label: 'State', cell: roleState },
    { label: 'Layers that hold', wide: true, cell: (role) => (role.layers.length > 0 ? html`<span class="quiet">${role.layers.map(layerWord).join(', ')}</span>` : html`<span class="quiet">–</span>`) },
    { label: 'Process', number: true, cell: (role) => role.pid ?? '–' },
  ];
  return html`<${Section} title="Roles and their confinement">
    ${error && html`<${Problem} error=${error} />`}
    ${data.lacking.length > 0 && html`<${Notice} tone="warn">This kernel does not give: ${data.lacking.map(layerWord).join(', ')}.<//>`}
    ${data.waived.length > 0 && html`<${Notice} tone="warn">Waived at the start: ${data.waived.map(layerWord).join(', ')}.<//>`}
    <${Facts} rows=${[['Version', data.version], ['Started', html`<${Ago} at=${data.started} />`], ['Landlock', data.landlock ? `version ${data.landlock}` : 'not there']]} />
    <${Table} caption="Roles" columns=${columns} rows=${data.roles} rowKey=${(role) => role.role} tone=${(role) => (role.running === 0 && !PER_TENANT.includes(role.role) ? 'bad' : '')} />
  <//>`;
}

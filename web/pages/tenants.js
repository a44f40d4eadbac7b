// tenants.js: all tenants, to be searched; and making one.
import { getAll, send } from '../api.js';
import { go, setQuery } from '../router.js';
import { Ago, Badge, Button, Dialog, Empty, Form, Loading, Page, Problem, Search, Section, Table, TextArea, TextField, count, html, useData, useState } from '../ui.js';

const columns = [
  { label: 'Name', wide: true, cell: (one) => html`<a href=${`/tenants/${one.name}`}>${one.name}</a>` },
  { label: 'State', cell: (one) => (one.suspended ? html`<${Badge} tone="warn">suspended<//>` : html`<${Badge} tone="good">active<//>`) },
  { label: 'Routes', number: true, cell: (one) => count(one.routes) },
  { label: 'Credentials', number: true, cell: (one) => (one.credentials_set < one.credentials_used ? html`<${Badge} tone="warn">${one.credentials_set} of ${one.credentials_used} set<//>` : count(one.credentials_set)) },
  { label: 'Requests, 24 h', number: true, cell: (one) => count(one.requests_24h) },
  { label: 'Denied, 24 h', number: true, cell: (one) => (one.denied_24h > 0 ? html`<a href=${`/audit?tenant=${one.name}&verdict=denied`}>${count(one.denied_24h)}</a>` : count(one.denied_24h)) },
  { label: 'Last request', cell: (one) => (one.last_request === undefined ? '–' : html`<${Ago} at=${one.last_request} />`) },
  { label: 'Changed', cell: (one) => html`<${Ago} at=${one.updated} />` },
];

export default function Tenants({ query, session }) {
  const list = useData('/v1/tenants', { every: 15_000, load: () => getAll('/v1/tenants', 'tenants') });
  const [making, setMaking] = useState(false);
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const shown = (list.data ?? []).filter((one) => words.every((word) => one.name.includes(word)));
  const make = session.scope === 'admin' && html`<${Button} tone="main" onClick=${() => setMaking(true)}>New tenant<//>`;
  return html`<${Page} title="Tenants" actions=${make}>
    <${Problem} error=${list.error} retry=${list.reload} />
    <${Section} title=${heading(list.data, shown)} actions=${html`<${Search} label="Search by name" value=${query.q ?? ''} onValue=${(q) => setQuery({ q })} />`}>
      ${list.loading ? html`<${Loading} lines=${6} />`
    : !list.data ? null
      : list.data.length === 0 ? html`<${Empty} title="There is no tenant yet.">A tenant is one assistant: the hosts that it may reach, and the credentials that go there for it.${make && ' Make the first one with the button above.'}<//>`
        : shown.length === 0 ? html`<${Empty} title=${`No tenant has “${query.q}” in its name.`} />`
          : html`<${Table} caption="Tenants" columns=${columns} rows=${shown} open=${(one) => go(`/tenants/${one.name}`)} />`}
    <//>
    ${making && html`<${Make} onClose=${() => setMaking(false)} />`}
  <//>`;
}

// How many there are; of a search, how many it finds.
function heading(all, shown) {
  if (!all || all.length === 0) return 'Tenants';
  if (shown.length < all.length) return `${count(shown.length)} of ${count(all.length)} tenants`;
  return all.length === 1 ? '1 tenant' : `${count(all.length)} tenants`;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const document = (name) => `apiVersion: clawbox/v1
kind: Tenant
metadata:
  name: ${name}
spec:
  routes:
    - provider: openai
      credential: openai
`;

function Make({ onClose }) {
  const [name, setName] = useState('');
  const [text, setText] = useState(null);
  const [wrong, setWrong] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const yaml = text ?? document(name || 'NAME');
  const submit = async () => {
    setError(null);
    setWrong(NAME.test(name) ? null : 'Lower-case letters, digits and hyphens, at most 40.');
    if (!NAME.test(name)) return;
    setBusy(true);
    try {
      await send('PUT', `/v1/tenants/${name}`, yaml, { type: 'application/yaml', headers: { 'If-None-Match': '*' } });
      go(`/tenants/${name}`);
    } catch (failure) {
      setError(failure.status === 412 ? { title: 'Not made', detail: `There is a tenant ${name} already.` } : failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="New tenant" wide onClose=${onClose}><${Form} onSubmit=${submit}>
    <${TextField} label="Name" hint="It stays: it is in addresses, in the audit and in namespaces." error=${wrong} value=${name} onValue=${setName} autocapitalize="none" autofocus />
    <${TextArea} label="Document" hint="What the assistant may reach. It can be changed at any time." code rows="10" value=${yaml} onValue=${setText} />
    <${Problem} error=${error} />
    <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="main" type="submit" busy=${busy}>Make the tenant<//></div>
  <//><//>`;
}

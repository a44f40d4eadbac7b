// routes.js: what a tenant's assistant may reach. The document's text is edited, by a form or as it is; the server says at each field what is
// wrong, what a request would get, and what the change newly allows, before it is saved.
import { useEffect, useState } from 'preact/hooks';
import { emptyDocument, read, sameMeaning, specOf, sortErrors } from '../model/document.js';
import { Button } from '../ui/button.js';
import { Changes, saveDocument, useDiff } from '../ui/changes.js';
import { useData } from '../ui/data.js';
import { Confirm } from '../ui/dialog.js';
import { Field } from '../ui/form.js';
import { html } from '../ui/html.js';
import { Empty, Loading, Notice, Page, Problem, Section } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { OneTenant } from '../ui/tenant.js';
import { toast } from '../ui/toast.js';
import { Explain } from './routes/explain.js';
import { RoutesForm } from './routes/form.js';
import { History } from './routes/history.js';

// What is written and not saved yet, by tenant: it outlives a look at another page.
const drafts = new Map();

const TABS = [['form', 'Form'], ['yaml', 'YAML'], ['history', 'History']];

function Tabs({ tab, onTab }) {
  const key = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.findIndex(([name]) => name === tab) + step + TABS.length) % TABS.length][0];
    onTab(next);
    event.currentTarget.querySelector(`[data-tab="${next}"]`).focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="How to look at it" onKeyDown=${key}>
    ${TABS.map(([name, label]) => html`<button type="button" role="tab" data-tab=${name} id=${`tab-${name}`} aria-controls="tab-panel" aria-selected=${tab === name ? 'true' : 'false'} tabindex=${tab === name ? 0 : -1} onClick=${() => onTab(name)}>${label}</button>`)}
  </div>`;
}

function Yaml({ text, errors, onText }) {
  const first = errors.find((error) => error.line);
  const wrong = first && `Line ${first.line}: ${first.detail}`;
  return html`<${Field} label="The tenant’s document" error=${wrong} control=${(link) => html`<textarea class="code yaml" rows=${Math.max(16, text.split('\n').length + 1)} spellcheck=${false} autocomplete="off" value=${text} onInput=${(event) => onText(event.currentTarget.value)} ...${link}></textarea>`} />`;
}

/** Beside the document: what the change does, and what stands against it. */
function Change({ dirty, diff, rest }) {
  return html`<${Section} title="This change" about="Against what is saved, the most dangerous first.">
    <div class="said" aria-live="polite" aria-busy=${diff.busy ? 'true' : 'false'}>
      ${!dirty && html`<p class="quiet">Nothing is changed yet.</p>`}
      ${dirty && diff.changes && html`<${Changes} changes=${diff.changes} />`}
      ${dirty && diff.error && (diff.error.errors?.length > 0
        ? html`<${Notice} tone="bad"><strong>It is not valid yet.</strong>${rest.length > 0 ? html`<ul>${rest.map((error) => html`<li>${error.field && html`<code>${error.field}</code>${': '}`}${error.detail}${error.line ? ` (line ${error.line})` : ''}</li>`)}</ul>` : ' What is wrong stands at its field.'}<//>`
        : html`<${Problem} error=${diff.error} />`)}
      ${dirty && !diff.changes && !diff.error && html`<${Loading} lines=${2} />`}
    </div>
  <//>`;
}

function Editor({ tenant, data, etag, reload }) {
  const saved = data.yaml || emptyDocument(tenant);
  const [text, setText] = useState(drafts.get(tenant)?.text ?? saved);
  const [base, setBase] = useState(drafts.get(tenant)?.etag ?? etag);
  const [tab, setTab] = useState('form');
  const [opened, setOpened] = useState(new Set());
  const [asking, setAsking] = useState(false);
  const [conflict, setConflict] = useState(base !== etag);
  const dirty = text !== saved;
  const parsed = read(text);
  const diff = useDiff(tenant, dirty && parsed.document ? text : null);
  const errors = parsed.error ? [parsed.error] : diff.error?.errors ?? [];
  const { fields, rest } = sortErrors(errors);
  // In the text's view every error is said; the form shows those that have a field there.
  const unsaid = tab === 'form' ? rest : errors;

  const edit = (next) => {
    setText(next);
    if (next === saved) drafts.delete(tenant);
    else drafts.set(tenant, { text: next, etag: base });
  };
  const discard = () => {
    drafts.delete(tenant);
    setText(saved);
    setBase(etag);
    setConflict(false);
  };
  // After a change of what is saved (by this page or another): an untouched text follows it.
  useEffect(() => {
    if (base === etag) return;
    if (drafts.has(tenant)) setConflict(true);
    else discard();
  }, [etag]);
  useEffect(() => {
    const warn = (event) => drafts.size > 0 && event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, []);

  const save = async () => {
    try {
      await saveDocument(tenant, text, base);
    } catch (error) {
      if (error.status !== 412) throw error;
      // The question is closed, and the page says what to do.
      setConflict(true);
      reload();
      return;
    }
    drafts.delete(tenant);
    toast(`${tenant} is saved.`);
    reload();
  };
  const valid = dirty && diff.changes !== null && !diff.busy && parsed.document;

  return html`
    ${conflict && html`<${Notice} tone="warn"><strong>The document was changed meanwhile</strong>, by somebody else or in another window. What you wrote is still here; saving is only possible from what is there now.
      <div class="row"><${Button} onClick=${discard}>Take what is saved, lose mine<//><${Button} onClick=${() => { setBase(etag); setConflict(false); drafts.set(tenant, { text, etag }); }}>Keep mine, and compare with what is saved<//></div><//>`}
    <div class="editor">
      <${Section} title="Document" actions=${html`<${Tabs} tab=${tab} onTab=${setTab} />`}>
        <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${tab}`}>
          ${tab === 'form' && (parsed.document
            ? html`<${RoutesForm} text=${text} spec=${specOf(parsed.document)} ...${{ fields, opened, setOpened }} onText=${edit} />`
            : html`<${Notice} tone="bad">The text cannot be read, so there is no form for it: line ${parsed.error.line}: ${parsed.error.detail}<div class="row"><${Button} onClick=${() => setTab('yaml')}>Repair it in the text<//></div><//>`)}
          ${tab === 'yaml' && html`<${Yaml} text=${text} errors=${errors} onText=${edit} />`}
          ${tab === 'history' && html`<${History} tenant=${tenant} generation=${data.generation} onTake=${(yaml) => { edit(yaml); setTab('form'); }} />`}
        </div>
        ${tab !== 'history' && html`<div class="save-bar">
          <span class="quiet" role="status">${!dirty ? 'As it is saved' : sameMeaning(text, saved) ? 'Only its text is changed' : 'Changed, and not saved'}</span>
          <${Button} disabled=${!dirty} onClick=${discard}>Discard<//>
          <${Button} tone="main" disabled=${!valid || conflict} onClick=${() => setAsking(true)}>Save<//>
        </div>`}
      <//>
      <div class="beside">
        <${Change} dirty=${dirty} diff=${parsed.error ? { changes: null, busy: false, error: { errors: [parsed.error] } } : diff} rest=${unsaid} />
        <${Explain} tenant=${tenant} text=${dirty && parsed.document ? text : null} />
      </div>
    </div>
    ${asking && html`<${Confirm} title=${`Save ${tenant}`} verb="Save" onClose=${() => setAsking(false)} act=${save}><div class="said"><${Changes} changes=${diff.changes ?? []} /></div><//>`}`;
}

const RULES = [
  { label: 'Route', cell: (route) => html`<b>${route.name}</b>` },
  { label: 'Does', cell: (route) => (route.action === 'deny' ? 'refuses' : 'allows') },
  { label: 'Where', cell: (route) => html`<code class="suggestion">${route.scheme}://${route.host}:${route.port}</code>` },
  { label: 'Methods', cell: (route) => route.methods.join(' ') },
  { label: 'Paths', wide: true, cell: (route) => (route.paths.length > 0 ? html`<code>${route.paths.join(' ')}</code>` : 'all') },
  { label: 'Credential', cell: (route) => route.credential ?? '–' },
];

/** For who may look and not change: what the document comes to. */
function ReadOnly({ tenant, routes }) {
  return html`<${Section} title="Routes" about="What the tenant’s document comes to.">
    ${routes.length > 0 ? html`<${Table} caption=${`Routes of ${tenant}`} columns=${RULES} rows=${routes} />` : html`<${Empty} title="No route: every request is refused." />`}
  <//>`;
}

function One({ tenant, session }) {
  const { data, error, etag, reload } = useData(`/v1/tenants/${encodeURIComponent(tenant)}`);
  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} lines=${10} />`;
  if (session.scope === 'viewer') return html`<${ReadOnly} tenant=${tenant} routes=${data.routes} />`;
  return html`<${Editor} tenant=${tenant} data=${data} etag=${etag} reload=${reload} />`;
}

export default function Routes({ params, query, session }) {
  return html`<${Page} title="Routes">
    <${OneTenant} page="/routes" params=${params} query=${query}>${(tenant, picker) => html`<div class="bar">${picker}</div><${One} key=${tenant} tenant=${tenant} session=${session} />`}<//>
  <//>`;
}

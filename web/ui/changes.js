// changes.js: what a changed document would do, in the server's words, before it is saved.
import { useEffect, useState } from 'preact/hooks';
import { send } from '../api.js';
import { html } from './html.js';

const TONES = { credential: 'bad', transport: 'bad', allows: 'warn', weaker: 'warn', limit: 'warn', other: 'info', refuses: 'good', stricter: 'good' };
const WAIT_MS = 400; // after the last key

/** changes=[{effect, heading, route, text}], in the server's order: the most dangerous first. */
export function Changes({ changes }) {
  if (changes.length === 0) return html`<p class="quiet">What requests get is the same as now.</p>`;
  const groups = [];
  for (const change of changes) {
    if (groups.at(-1)?.effect !== change.effect) groups.push({ effect: change.effect, heading: change.heading, list: [] });
    groups.at(-1).list.push(change);
  }
  return html`${groups.map((group) => html`<div class=${`change ${TONES[group.effect] ?? 'info'}`}>
    <h3>${group.heading}</h3>
    <ul>${group.list.map((change) => html`<li>${change.route && html`<code>${change.route}</code>${': '}`}${change.text}</li>`)}</ul>
  </div>`)}`;
}

const diff = (tenant, text, signal) => send('POST', `/v1/tenants/${encodeURIComponent(tenant)}:diff`, { document: text }, { signal });

/**
 * What the server says about a text that is being written: {changes, error, busy}. `error` is an ApiError, with `errors` when the text is not valid.
 * null asks nothing.
 */
export function useDiff(tenant, text) {
  const [state, setState] = useState({ changes: null, error: null, busy: false });
  useEffect(() => {
    if (text === null) {
      setState({ changes: null, error: null, busy: false });
      return undefined;
    }
    const abort = new AbortController();
    setState((now) => ({ ...now, busy: true }));
    const timer = setTimeout(() => diff(tenant, text, abort.signal).then(
      (answer) => setState({ changes: answer.changes, error: null, busy: false }),
      (error) => abort.signal.aborted || setState({ changes: null, error, busy: false }),
    ), WAIT_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [tenant, text]);
  return state;
}

/** Saves a text as the tenant's document, if that is still what `etag` stands for. */
export const saveDocument = (tenant, text, etag) => send('PUT', `/v1/tenants/${encodeURIComponent(tenant)}`, text,
  { type: 'application/yaml', headers: etag ? { 'If-Match': etag } : {} });

// page.js: the frame of a page, and the states that every page has: loading, empty, failed.
import { useEffect, useRef } from 'preact/hooks';
import { html, newId } from './html.js';
import { useShown } from './together.js';

/**
 * A page: its title (also of the window), buttons at its right, `trail` ([[label, address]]) above. The heading takes the focus. What is
 * in it is shown when all of it has been read.
 */
export function Page({ title, trail = [], actions, children }) {
  const heading = useRef(null);
  const shown = useShown();
  useEffect(() => {
    document.title = `${title} · clawbox`;
  }, [title]);
  useEffect(() => {
    // The keyboard and a screen reader go on at the new page: at its heading, or at the field that it begins with.
    const begin = heading.current.closest('main')?.querySelector('[autofocus]') ?? heading.current;
    begin.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return html`
    ${trail.length > 0 && html`<nav class="trail" aria-label="Where this is"><ol>${trail.map(([label, href]) => html`<li><a href=${href}>${label}</a></li>`)}</ol></nav>`}
    <header class="page-head"><h1 tabindex="-1" ref=${heading}>${title}</h1>${actions && html`<div class="actions" hidden=${!shown}>${actions}</div>`}</header>
    ${!shown && html`<${Loading} lines=${8} />`}
    <div hidden=${!shown}>${children}</div>`;
}

/** A part of a page with a heading; `about` is a quiet line below it. */
export function Section({ title, about, actions, children }) {
  const id = useRef(newId('section')).current;
  return html`<section class="section" aria-labelledby=${id}>
    <header class="section-head"><div><h2 id=${id}>${title}</h2>${about && html`<p class="quiet">${about}</p>`}</div>${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}
  </section>`;
}

/** Pairs of a name and what it is: rows=[[name, content]]; null rows are left out. */
export function Facts({ rows }) {
  return html`<dl class="facts">${rows.filter(Boolean).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Nothing is here: says so, and what to do first. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<div class="quiet">${children}</div>`}</div>`;
}

/** Keeps the place of what is being read; `lines` high. */
export function Loading({ lines = 3 }) {
  return html`<div class="loading" role="status"><span class="hidden">Loading</span>${Array.from({ length: lines }, () => html`<span class="bone" aria-hidden="true"></span>`)}</div>`;
}

/** A failure in words, with everything that is wrong in a file, and a way to try again. */
export function Problem({ error, retry }) {
  if (!error) return null;
  return html`<div class="notice bad" role="alert">
    <p><strong>${error.title || 'That did not work'}.</strong> ${error.detail ?? error.message}</p>
    ${error.errors?.length > 0 && html`<ul>${error.errors.map((one) => html`<li>${one.field && html`<code>${one.field}</code>${': '}`}${one.detail}${one.line ? ` (line ${one.line})` : ''}</li>`)}</ul>`}
    ${retry && html`<button type="button" class="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/** A remark: tone is info, good, warn or bad. */
export function Notice({ tone = 'info', children }) {
  return html`<div class=${`notice ${tone}`}>${children}</div>`;
}

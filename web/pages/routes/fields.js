// fields.js: the fields of the form of routes: what is typed stays as it is typed, and the document gets what it means.
import { useEffect, useState } from 'preact/hooks';
import { listOf } from '../../model/document.js';
import { TextField } from '../../ui/form.js';
import { html } from '../../ui/html.js';

/** A text field of a list or a number. */
export function Typed({ as: Control = TextField, value, parse, show, onValue, ...rest }) {
  const [typed, setTyped] = useState(null);
  const shown = typed !== null && same(parse(typed), value) ? typed : show(value);
  return html`<${Control} ...${rest} value=${shown} onValue=${(text) => { setTyped(text); onValue(parse(text)); }} />`;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
export const words = { parse: (text) => listOf(text), show: (list) => (Array.isArray(list) ? list.join(' ') : list ?? '') };
export const lines = { parse: (text) => listOf(text, /\n/), show: (list) => (Array.isArray(list) ? list.join('\n') : list ?? '') };
// Digits become a number; anything else stays, so that the server says what is wrong with it.
export const number = { parse: (text) => (text.trim() === '' ? undefined : /^\d{1,15}$/.test(text.trim()) ? Number(text) : text.trim()), show: (value) => (value === undefined ? '' : String(value)) };
export const orNone = (text) => (text === '' ? undefined : text);
export const asText = (value) => (value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));

// "Name: value", one a line. A line without a colon is a name whose value is still to come.
export const pairs = {
  parse: (text) => {
    const list = text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
    return list.length > 0 ? Object.fromEntries(list) : undefined;
  },
  show: (map) => Object.entries(map ?? {}).map(([name, value]) => `${name}: ${value}`).join('\n'),
};

/** A part that can be folded away; it opens by itself when something in it is wrong. */
export function Folded({ summary, wrong, children }) {
  const [open, setOpen] = useState(wrong);
  useEffect(() => {
    if (wrong) setOpen(true);
  }, [wrong]);
  return html`<details class="more-fields" open=${open} onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>${summary}</summary>${children}</details>`;
}

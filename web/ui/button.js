// button.js: buttons, copying, files to keep, and small coloured words.
import { useRef, useState } from 'preact/hooks';
import { html } from './html.js';
import { toast } from './toast.js';

/** tone: '' (ordinary), 'main' or 'danger'. `busy` disables it. */
export function Button({ tone = '', busy, disabled, type = 'button', children, ...rest }) {
  return html`<button type=${type} class=${`button ${tone}`} disabled=${disabled || busy} aria-busy=${busy ? 'true' : undefined} ...${rest}>${children}</button>`;
}

/** Copies `text` (or what the async function gives). */
export function Copy({ text, label = 'Copy', what }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'function' ? await text() : text);
      toast(`${what ?? 'It'} is copied.`);
    } catch {
      toast('The browser does not let this page copy: select the text and copy it yourself.');
    }
  };
  return html`<button type="button" class="button small" onClick=${copy} aria-label=${what ? `${label}: ${what}` : undefined}>${label}</button>`;
}

/** Gives the reader a file, made here of texts and Blobs. */
export function download(name, type, ...parts) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A word with a colour that means something: good, warn, bad, info or quiet. The word says it too. */
export function Badge({ tone = 'quiet', children }) {
  return html`<span class=${`badge ${tone}`}>${children}</span>`;
}

/** A button that opens a few others: items=[{label, act, tone}]. */
export function Menu({ label, items }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const close = () => setOpen(false);
  // The focus goes back to what opened it, where a dialog that is closed later finds it.
  const back = () => {
    close();
    box.current.querySelector('button').focus();
  };
  const leave = (event) => box.current?.contains(event.relatedTarget) === false && close(); // null: it is taken out of the page
  const key = (event) => {
    if (event.key !== 'Escape' || !open) return;
    back();
  };
  return html`<div class="menu" ref=${box} onFocusOut=${leave} onKeyDown=${key}>
    <button type="button" class="button" aria-expanded=${open ? 'true' : 'false'} onClick=${() => setOpen(!open)}>${label} <span aria-hidden="true">▾</span></button>
    ${open && html`<ul class="menu-items">${items.filter(Boolean).map((item) => html`<li><button type="button" class=${item.tone ?? ''} onClick=${() => { back(); item.act(); }}>${item.label}</button></li>`)}</ul>`}
  </div>`;
}

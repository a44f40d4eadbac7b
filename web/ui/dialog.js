// dialog.js: questions in front of the page. The browser's own <dialog> keeps the focus in and gives it back.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from './button.js';
import { Form, TextField } from './form.js';
import { html, newId } from './html.js';
import { Problem } from './page.js';

/** Shown as long as it is drawn; onClose is asked by Escape and the cross. `wide` for what needs room. */
export function Dialog({ title, onClose, wide, children }) {
  const dialog = useRef(null);
  const id = useRef(newId('dialog')).current;
  useLayoutEffect(() => { // before anything is painted, so that no key gets between
    const before = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    return () => {
      shown.close(); // what is behind it cannot have the focus while it is open
      if (before?.isConnected) before.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-labelledby=${id} onCancel=${cancel}>
    <header class="dialog-head"><h2 id=${id}>${title}</h2><button type="button" class="cross" aria-label="Close" onClick=${onClose}>×</button></header>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}

/** A question before something is done. `act` is async; when it throws, the dialog stays and says why. */
export function Confirm({ title, act, verb, tone = 'main', onClose, children }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const run = async () => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    ${children}
    <${Problem} error=${error} />
    <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone=${tone} busy=${busy} onClick=${run}>${verb}<//></div>
  <//>`;
}

/** The same for what cannot be undone: the reader types `word` first. */
export function ConfirmTyped({ title, word, act, verb, onClose, children }) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const run = async () => {
    if (typed !== word) return;
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${Form} onSubmit=${run}>
      ${children}
      <${TextField} label=${html`Type <code>${word}</code> to confirm`} value=${typed} onValue=${setTyped} autofocus />
      <${Problem} error=${error} />
      <div class="dialog-actions"><${Button} onClick=${onClose}>Cancel<//><${Button} tone="danger" type="submit" busy=${busy} disabled=${typed !== word}>${verb}<//></div>
    <//>
  <//>`;
}

// form.js: fields with a label, a hint and an error that belongs to them.
import { useEffect, useRef } from 'preact/hooks';
import { html, newId } from './html.js';

/** A form: onSubmit is called without the browser's own sending. Afterwards the first field that is wrong has the focus. */
export function Form({ onSubmit, children, ...rest }) {
  const form = useRef(null);
  const asked = useRef(false);
  useEffect(() => {
    const wrong = asked.current && form.current.querySelector('[aria-invalid="true"]');
    if (!wrong) return;
    asked.current = false;
    wrong.focus();
  });
  const submit = (event) => {
    event.preventDefault();
    asked.current = true;
    onSubmit();
  };
  return html`<form ref=${form} novalidate onSubmit=${submit} ...${rest}>${children}</form>`;
}

/** The frame: `control` gets {id, 'aria-describedby', 'aria-invalid'} for the input. */
export function Field({ label, hint, error, control }) {
  const id = useRef(newId('field')).current;
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${control({ id, 'aria-describedby': described || undefined, 'aria-invalid': error ? 'true' : undefined })}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="field-error" id=${`${id}-error`}>${error}</p>`}
  </div>`;
}

const value = (onValue) => (event) => onValue(event.currentTarget.value);

/** One line. onValue gets the text. Everything else (type, autocomplete, required, maxlength ...) goes to the input. */
export function TextField({ label, hint, error, onValue, ...rest }) {
  return html`<${Field} ...${{ label, hint, error }} control=${(link) => html`<input type="text" spellcheck=${false} autocomplete="off" ...${rest} ...${link} onInput=${value(onValue)} />`} />`;
}

/** Several lines; `code` for a monospaced one. */
export function TextArea({ label, hint, error, onValue, code, ...rest }) {
  return html`<${Field} ...${{ label, hint, error }} control=${(link) => html`<textarea class=${code ? 'code' : ''} rows="6" spellcheck=${false} autocomplete="off" ...${rest} ...${link} onInput=${value(onValue)}></textarea>`} />`;
}

/** options: [[value, label]] */
export function Select({ label, hint, error, onValue, options, value: chosen, ...rest }) {
  return html`<${Field} ...${{ label, hint, error }} control=${(link) => html`<select ...${rest} ...${link} value=${chosen} onChange=${value(onValue)}>${options.map(([key, words]) => html`<option value=${key} selected=${key === chosen}>${words}</option>`)}</select>`} />`;
}

export function Checkbox({ label, hint, checked, onValue, ...rest }) {
  const id = useRef(newId('check')).current;
  return html`<div class="check"><input type="checkbox" id=${id} checked=${checked} aria-describedby=${hint ? `${id}-hint` : undefined} ...${rest} onChange=${(event) => onValue(event.currentTarget.checked)} /><label for=${id}>${label}</label>${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}</div>`;
}

/** A search above a list. */
export function Search({ label, value: text, onValue, ...rest }) {
  const id = useRef(newId('search')).current;
  return html`<div class="search"><label class="hidden" for=${id}>${label}</label><input type="search" id=${id} placeholder=${label} value=${text} spellcheck=${false} autocomplete="off" ...${rest} onInput=${value(onValue)} /></div>`;
}

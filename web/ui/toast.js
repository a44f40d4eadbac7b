// toast.js: short words in a corner that go by themselves, read aloud too. Failures do not go here: they stay where they happened.
import { useEffect, useState } from 'preact/hooks';
import { html } from './html.js';

const said = new EventTarget();
const STAYS_MS = 5000;

/** Says that something was done. */
export const toast = (text) => said.dispatchEvent(new CustomEvent('say', { detail: text }));

/** Where they appear; once, in the shell. */
export function Toasts() {
  const [list, setList] = useState([]);
  useEffect(() => {
    let number = 0;
    const timers = new Set();
    const say = (event) => {
      const id = (number += 1);
      setList((now) => [...now.slice(-2), { id, text: event.detail }]);
      const timer = setTimeout(() => {
        timers.delete(timer);
        setList((now) => now.filter((one) => one.id !== id));
      }, STAYS_MS);
      timers.add(timer);
    };
    said.addEventListener('say', say);
    return () => {
      said.removeEventListener('say', say);
      timers.forEach(clearTimeout);
    };
  }, []);
  return html`<div class="toasts" role="status">${list.map((one) => html`<div class="toast" key=${one.id}>${one.text}</div>`)}</div>`;
}

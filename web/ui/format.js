// format.js: numbers with units and times in the reader's zone.
import { useEffect, useState } from 'preact/hooks';
import { html } from './html.js';

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const thisYear = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const otherYear = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' });

/** 12,345; beyond 100,000 shortened: 1.2M. Nothing known: an en dash. */
export function count(number) {
  if (number === null || number === undefined) return '–';
  return Math.abs(number) < 100_000 ? whole.format(number) : short.format(number);
}

/** "password-changed" -> "password changed": what was done, as the audit names it. */
export const changeWords = (change) => change.replaceAll('-', ' ');

/** 1,234 -> "1.2 kB". */
export function bytes(number) {
  if (number === null || number === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let value = number;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds -> "340 ms", "2.1 s", "5 min", "3 h", "2 d". */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000 * 2) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** A time (what Date takes) as the reader writes it, whole, with the zone. */
export const exactTime = (at) => exact.format(new Date(at));

/** A time in the reader's zone; pointing at it shows all of it. `at` may be null: "never", or the word given. */
export function Time({ at, never = 'never' }) {
  if (at === null || at === undefined || at === 0) return html`<span class="quiet">${never}</span>`;
  const date = new Date(at);
  const format = date.getFullYear() === new Date().getFullYear() ? thisYear : otherYear;
  return html`<time datetime=${date.toISOString()} title=${exactTime(date)}>${format.format(date)}</time>`;
}

// One clock for all, so that a page of a thousand times has one timer.
const clock = new EventTarget();
setInterval(() => document.hidden || clock.dispatchEvent(new Event('tick')), 10_000);

function ago(date) {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 10) return 'now';
  if (size < 60) return relative.format(Math.trunc(seconds / 10) * 10, 'second');
  if (size < 3600) return relative.format(Math.trunc(seconds / 60), 'minute');
  if (size < 86_400) return relative.format(Math.trunc(seconds / 3600), 'hour');
  return relative.format(Math.trunc(seconds / 86_400), 'day');
}

/** How long ago, "5m ago", kept up to date; pointing at it shows the time. */
export function Ago({ at, never = 'never' }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const update = () => tick((n) => n + 1);
    clock.addEventListener('tick', update);
    return () => clock.removeEventListener('tick', update);
  }, []);
  if (at === null || at === undefined || at === 0) return html`<span class="quiet">${never}</span>`;
  const date = new Date(at);
  return html`<time datetime=${date.toISOString()} title=${exactTime(date)}>${ago(date)}</time>`;
}

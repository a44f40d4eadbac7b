// router.js: which page an address means. Links are ordinary links; a click on one of our own changes the page without a load.
import { useEffect, useState } from 'preact/hooks';

const changed = new EventTarget();

/** Goes to an address of the console, "/tenants/alice?x=1". `replace`: without a step in the history. */
export function go(address, { replace = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  changed.dispatchEvent(new Event('change'));
}

addEventListener('popstate', () => changed.dispatchEvent(new Event('change')));
addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute('download') || link.getAttribute('href').startsWith('#')) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

const here = () => ({ path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) });

/** The present address: {path, query}. Changes of it draw the caller again. */
export function useAddress() {
  const [address, setAddress] = useState(here);
  useEffect(() => {
    const update = () => setAddress(here());
    changed.addEventListener('change', update);
    return () => changed.removeEventListener('change', update);
  }, []);
  return address;
}

/** Sets members of the query, so that what is shown can be linked to; null and '' take one away. */
export function setQuery(members) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(members)) {
    if (value === null || value === undefined || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ''), { replace: true });
}

/** The parameters of `path` by `pattern` ("/tenants/:tenant"), or null. */
export function match(pattern, path) {
  const wanted = pattern.split('/');
  const got = path.split('/');
  if (wanted.length !== got.length) return null;
  const params = {};
  for (const [i, word] of wanted.entries()) {
    if (!word.startsWith(':')) {
      if (word !== got[i]) return null;
      continue;
    }
    try {
      params[word.slice(1)] = decodeURIComponent(got[i]);
    } catch {
      return null;
    }
  }
  return params;
}

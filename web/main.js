// main.js: the shell. Finds out who is signed in, shows the navigation and the page that the address names.
import { render } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, session as sessions, whenSignedOut } from './api.js';
import { pages } from './pages.js';
import SignIn from './pages/sign_in.js';
import { go, match, useAddress } from './router.js';
import { applyTheme } from './theme.js';
import { html } from './ui/html.js';
import { Empty, Loading, Page, Problem } from './ui/page.js';
import { Toasts } from './ui/toast.js';
import { Together } from './ui/together.js';

function find(path) {
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params };
  }
  return null;
}

// The page's code, loaded when it is first asked for.
function useModule(load) {
  const [state, setState] = useState({ load: null, module: null, error: null });
  useLayoutEffect(() => {
    let gone = false;
    load?.().then((module) => gone || setState({ load, module, error: null }), (error) => gone || setState({ load, module: null, error }));
    return () => { gone = true; };
  }, [load]);
  return state;
}

function Shown({ address, session }) {
  const found = find(address.path);
  const state = useModule(found?.page.load);
  const shown = useRef(null);
  if (!found) return html`<${Page} title="Nothing here"><${Empty} title="The console has no page of that address."><a href="/">To the overview</a><//><//>`;
  if (state.load === found.page.load && state.error) return html`<${Page} title="Not loaded"><${Problem} error=${new ApiError(0, { title: 'The page did not load', detail: 'The server may have been updated: load the page again.' })} retry=${() => location.reload()} /><//>`;
  // Until a page's code is there the one before stays, so that nothing jumps.
  if (state.load === found.page.load) shown.current = { Component: state.module.default, key: address.path, params: found.params, query: address.query };
  if (!shown.current) return html`<${Loading} lines=${8} />`;
  const { Component, key, params, query } = shown.current;
  return html`<${Together} key=${key}><${Component} ...${{ params, query, session }} /><//>`;
}

function Navigation({ address, session, signOut }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [address.path]);
  const found = find(address.path);
  const here = found?.page.under ?? found?.page.path;
  const link = (page) => html`<li><a href=${page.path} aria-current=${here === page.path ? 'page' : undefined}>${page.nav}</a></li>`;
  const shown = pages.filter((page) => page.nav);
  return html`<header class=${`side ${open ? 'open' : ''}`}>
    <a class="brand" href="/"><span class="mark" aria-hidden="true"></span>clawbox</a>
    <button type="button" class="button menu-button" aria-expanded=${open ? 'true' : 'false'} aria-controls="navigation" onClick=${() => setOpen(!open)}>Menu</button>
    <nav id="navigation" aria-label="Pages">
      <ul>${shown.filter((page) => !page.last).map(link)}</ul>
      <ul class="last">${shown.filter((page) => page.last).map(link)}</ul>
      <div class="who"><span><b>${session.name}</b><span class="quiet">${session.scope}</span></span><button type="button" class="button small" onClick=${signOut}>Sign out</button></div>
    </nav>
  </header>`;
}

function Shell() {
  const [session, setSession] = useState(undefined);
  const [error, setError] = useState(null);
  const address = useAddress();

  const look = async () => {
    setError(null);
    if (hasLink()) return setSession(null);
    const asked = early ?? sessions.current();
    early = null;
    try {
      setSession(await asked);
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) setSession(null);
      else setError(failure);
    }
  };
  useLayoutEffect(() => {
    whenSignedOut(() => setSession(null));
    look();
  }, []);

  const signedIn = (who) => {
    if (!who.first && location.pathname === '/sign-in') go('/', { replace: true });
    setSession(who);
  };
  const signOut = async () => {
    try {
      await sessions.signOut(false);
      setSession(null);
    } catch (failure) {
      setError(failure);
    }
  };

  if (error) return html`<main class="alone"><${Page} title="clawbox"><${Problem} error=${error} retry=${look} /><//></main>`;
  if (session === undefined) return html`<main class="alone"><${Loading} /></main>`;
  if (session === null || session.first) {
    return html`<main class="alone"><${SignIn} first=${Boolean(session?.first)} onSignedIn=${signedIn} /></main><${Toasts} />`;
  }
  return html`<a class="skip" href="#main">To the content</a>
    <div class="shell"><${Navigation} ...${{ address, session, signOut }} /><main id="main" tabindex="-1"><${Shown} ...${{ address, session }} /></main></div><${Toasts} />`;
}

// A link from the command line is for signing in again, whoever was signed in.
const hasLink = () => location.pathname === '/sign-in' && location.hash.startsWith('#cbxl_');

// What every view begins with is on its way before anything is drawn: who this is, and the page's code. Failures are met where they are used.
let early = hasLink() ? null : sessions.current();
early?.catch(() => {});
find(location.pathname)?.page.load().catch(() => {});

applyTheme();
render(html`<${Shell} />`, document.getElementById('app'));

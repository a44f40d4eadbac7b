// api.js: the API's client. Every request of the pages goes through here, to the console's own origin, with its cookie; a change
// also carries the word against forged requests that the session gave.

let csrf = '';
let onSignedOut = () => {};

/** Told once by main.js: what to do when the server no longer knows this browser. */
export function whenSignedOut(act) {
  onSignedOut = act;
}

/** An answer that is none: `status` (0: no answer came), `type` (the word), `detail` (a sentence), `errors` (of a file). */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.type = (problem.type ?? '').replace('urn:clawbox:problem:', '');
    this.title = problem.title ?? '';
    this.detail = this.message;
    this.errors = problem.errors ?? [];
  }
}

async function problemOf(response) {
  try {
    if ((response.headers.get('Content-Type') ?? '').includes('json')) return new ApiError(response.status, await response.json());
  } catch {
    // A body that is not what it says is treated as none.
  }
  if (response.status === 404) return new ApiError(404, { title: 'Not found', detail: 'This server has nothing here. It may be of another version than this page.' });
  return new ApiError(response.status, {});
}

async function request(method, target, options = {}) {
  const used = csrf;
  try {
    return await ask(method, target, options);
  } catch (problem) {
    // Another tab's session was renewed, and with it the word: asked for again, once.
    if (!(problem instanceof ApiError) || problem.status !== 403 || method === 'GET' || !used) throw problem;
    await session.current();
    if (csrf === used) throw problem;
    return ask(method, target, options);
  }
}

async function ask(method, target, { body, type, headers = {}, signal } = {}) {
  const init = { method, headers: { ...headers }, signal, redirect: 'error', cache: 'no-store' };
  if (method !== 'GET' && csrf) init.headers['X-Clawbox-Csrf'] = csrf;
  if (body !== undefined) {
    init.headers['Content-Type'] = type ?? 'application/json';
    init.body = typeof body === 'string' ? body : JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(target, init);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { title: 'No answer', detail: 'The server does not answer. Is clawbox running?' });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && target !== '/session') onSignedOut();
  throw problem;
}

// "/v1/..." as the API names it (also in `next`) is below /api here.
const place = (target) => (target.startsWith('/v1/') ? `/api${target}` : target);

async function parsed(response) {
  if (response.status === 204) return null;
  return (response.headers.get('Content-Type') ?? '').includes('json') && !response.headers.get('Content-Type').includes('jsonl')
    ? response.json() : response.text();
}

/** GET "/v1/...": the parsed JSON, or the text of what is none. */
export async function get(target, options) {
  return parsed(await request('GET', place(target), options));
}

/** The same with its entity tag: {data, etag}. */
export async function getTagged(target, options) {
  const response = await request('GET', place(target), options);
  return { data: await parsed(response), etag: response.headers.get('ETag') };
}

/** POST, PUT, DELETE "/v1/...". `body`: an object becomes JSON; a string goes as `type`. `headers`: {'If-Match': etag}, say. */
export async function send(method, target, body, options = {}) {
  return parsed(await request(method, place(target), { ...options, body }));
}

/** All pages of a list, joined: `member` names the array. For lists that are bounded; the audit is not one. */
export async function getAll(target, member) {
  const all = [];
  for (let next = target; next;) {
    const page = await get(next);
    all.push(...page[member]);
    next = page.next ?? null;
  }
  return all;
}

/** Server-sent events of "/v1/...": `onRecord` gets each event's JSON. Returns what ends it. `onState`: 'open', 'waiting'. */
export function follow(target, onRecord, onState = () => {}) {
  const source = new EventSource(place(target));
  source.onopen = () => onState('open');
  source.onerror = () => onState(source.readyState === EventSource.CLOSED ? 'closed' : 'waiting');
  source.onmessage = (event) => onRecord(JSON.parse(event.data), event.lastEventId);
  return () => source.close();
}

// --- the session, which the console itself keeps ------------------------------------------------------------------

function remember(session) {
  csrf = session.csrf;
  return session;
}

export const session = {
  /** Who is signed in: {name, by, scope, first}; an ApiError with 401 when nobody is. */
  async current() {
    return remember(await get('/session'));
  },
  /** `proof`: {name, password}, {token} or {link}. */
  async signIn(proof) {
    return remember(await send('POST', '/session', proof));
  },
  /** With a link's session: makes the administrator, whose session this becomes. */
  async makeFirst(name, password) {
    return remember(await send('POST', '/session/first', { name, password }));
  },
  async signOut(everywhere) {
    await send('DELETE', everywhere ? '/session?everywhere=1' : '/session');
    csrf = '';
  },
  async changePassword(current, next) {
    const answer = await send('PUT', '/session/password', { current, new: next });
    if (answer?.csrf) remember(answer);
  },
  async makeAdministrator(name, scope, password) {
    await send('PUT', `/session/administrators/${encodeURIComponent(name)}`, { scope, password });
  },
};

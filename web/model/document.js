// document.js: a tenant's document as the form sees it. The text is what there is: each change of the form is made in the text, so
// that its comments, its order and what the form has no field for stay. What is valid is the server's to say, not this file's.
import { Document, isMap, isSeq, parseDocument, visit } from 'yaml';

const OPTIONS = { schema: 'yaml-1.1', prettyErrors: false, uniqueKeys: true };

/** A text read: {document} or {error: {line, detail}}. */
export function read(text) {
  const document = parseDocument(text, OPTIONS);
  const wrong = document.errors[0];
  if (wrong) return { error: { line: lineAt(text, wrong.pos[0]), detail: wrong.message } };
  if (!isMap(document.contents)) return { error: { line: 1, detail: 'It should be a document with apiVersion, kind, metadata and spec.' } };
  return { document };
}

export const lineAt = (text, position) => text.slice(0, position).split('\n').length;

/** The document's `spec` as plain values, with `routes` always a list of maps. */
export function specOf(document) {
  const spec = document.toJS({ maxAliasCount: 0 })?.spec ?? {};
  const routes = Array.isArray(spec.routes) ? spec.routes.filter((route) => route !== null && typeof route === 'object') : [];
  return { ...spec, routes };
}

const write = (document) => document.toString({ lineWidth: 0, flowCollectionPadding: false });

/** The text without its comments, to see whether two say the same. */
export function sameMeaning(a, b) {
  const [one, other] = [read(a), read(b)];
  return Boolean(one.document && other.document) && JSON.stringify(one.document.toJS()) === JSON.stringify(other.document.toJS());
}

function node(document, value) {
  const made = document.createNode(value);
  // Lists of words read best on one line; everything else as the file has it.
  visit(made, { Seq: (_, seq) => { seq.flow = seq.items.every((item) => !isMap(item) && !isSeq(item)); } });
  return made;
}

/** The text with `path` (['spec', 'routes', 1, 'host']) set; undefined takes it away, and maps that are then empty. */
export function set(text, path, value) {
  const { document } = read(text);
  if (!document) return text;
  if (value === undefined) {
    document.deleteIn(path);
    const parent = path.slice(0, -1);
    const left = document.getIn(parent);
    if (parent.length > 1 && typeof parent.at(-1) === 'string' && isMap(left) && left.items.length === 0) document.deleteIn(parent);
  } else {
    document.setIn(path, value !== null && typeof value === 'object' ? node(document, value) : value);
  }
  return write(document);
}

/** The text with the routes as `change`, which gets the list of their nodes, makes them. */
function withRoutes(text, change) {
  const { document } = read(text);
  if (!document) return text;
  let routes = document.getIn(['spec', 'routes']);
  if (!isSeq(routes) || routes.items.length === 0) {
    routes = document.createNode([]);
    document.setIn(['spec', 'routes'], routes);
  }
  change(routes.items, document);
  if (routes.items.length === 0) routes.flow = true;
  return write(document);
}

/** The route with a name of its own, when the one that it would have is another's. */
export function withOwnName(text, route) {
  const { document } = read(text);
  const taken = new Set(document ? specOf(document).routes.map(routeName) : []);
  const base = String(routeName(route)).slice(0, 36).replace(/-+$/, '');
  if (!taken.has(routeName(route))) return route;
  let number = 2;
  while (taken.has(`${base}-${number}`)) number += 1;
  return { name: `${base}-${number}`, ...route };
}

/** A route of plain values behind the others. */
export const addRoute = (text, route) => withRoutes(text, (items, document) => items.push(node(document, route)));
/** A route alone, as it will stand in the file. */
export function routeText(route) {
  const document = new Document([], OPTIONS);
  document.contents.items.push(node(document, route));
  return write(document);
}

export const removeRoute = (text, index) => withRoutes(text, (items) => items.splice(index, 1));
export const moveRoute = (text, from, to) => withRoutes(text, (items) => items.splice(to, 0, ...items.splice(from, 1)));

/** The document of a tenant that has none yet. */
export const emptyDocument = (name) => write(new Document({ apiVersion: 'clawbox/v1', kind: 'Tenant', metadata: { name }, spec: { routes: [] } }));

// ---- the fields of a route ----

/** The ways to put a credential in that the form has fields for. Others stay as the text has them. */
export const INJECTIONS = [
  ['', 'choose how'], ['bearer', 'Authorization: Bearer'], ['header', 'a header'], ['basic', 'Basic, user and password'],
  ['query', 'a query parameter'], ['path', 'in the path, at {credential}'], ['body', 'a field of the body'],
];

/** What the form shows of `inject`: {kind, header, prefix, user, query, body}; kind 'other' is only in the text. */
export function injectionOf(inject) {
  if (inject === undefined || inject === null) return { kind: '' };
  const keys = Object.keys(inject);
  const only = (...allowed) => keys.every((key) => allowed.includes(key));
  if (inject.bearer === true && only('bearer')) return { kind: 'bearer' };
  if (typeof inject.header === 'string' && only('header', 'prefix')) return { kind: 'header', header: inject.header, prefix: inject.prefix ?? '' };
  if (inject.basic === true && only('basic', 'user')) return { kind: 'basic', user: inject.user ?? '' };
  if (typeof inject.query === 'string' && only('query')) return { kind: 'query', query: inject.query };
  if (inject.path === true && only('path')) return { kind: 'path' };
  if (typeof inject.body === 'string' && only('body')) return { kind: 'body', body: inject.body };
  return { kind: 'other' };
}

/** The other way; undefined for none. */
export function injectionValue({ kind, header = '', prefix = '', user = '', query = '', body = '' }) {
  switch (kind) {
    case 'bearer': return { bearer: true };
    case 'header': return prefix === '' ? { header } : { header, prefix };
    case 'basic': return user === '' ? { basic: true } : { basic: true, user };
    case 'query': return { query };
    case 'path': return { path: true };
    case 'body': return { body };
    default: return undefined;
  }
}

/** "GET, HEAD POST" -> ['GET', 'HEAD', 'POST']; nothing -> undefined, which is the default. */
export function listOf(text, separator = /[\s,]+/) {
  const words = text.split(separator).map((word) => word.trim()).filter(Boolean);
  return words.length > 0 ? [...new Set(words)] : undefined;
}

const FORM_KEYS = ['provider', 'host', 'name', 'credential', 'port', 'scheme', 'methods', 'paths', 'inject', 'action', 'websocket',
  'placeholder', 'insecure', 'env', 'shape'];

/** The names of what a route has that the form has no field for. */
export function beyondForm(route) {
  const keys = Object.keys(route).filter((key) => !FORM_KEYS.includes(key));
  return injectionOf(route.inject).kind === 'other' ? [...keys, 'inject'] : keys;
}

/** What a route is called: by its name, as the server makes one when it has none. */
export function routeName(route) {
  const made = route.provider ?? (typeof route.host === 'string' ? route.host.replace(/^\*\./, '').replaceAll('.', '-') : '');
  return String(route.name ?? made);
}

// ---- the server's errors, at the fields that they are about ----

/** errors of a problem document -> {fields: Map of "routes[1].host" -> detail, rest: those of no field}. */
export function sortErrors(errors) {
  const fields = new Map();
  const rest = [];
  for (const error of errors ?? []) {
    const at = /^spec\.(.+)$/.exec(error.field ?? '')?.[1];
    if (at) fields.set(at, fields.has(at) ? `${fields.get(at)}; ${error.detail}` : error.detail);
    else rest.push(error);
  }
  return { fields, rest };
}

/** The detail for a field, or for anything inside it: 'routes[1].paths' also takes 'routes[1].paths[0]'. */
export function errorAt(fields, at) {
  const found = [...fields].filter(([name]) => name === at || (name.startsWith(at) && /^[.[]/.test(name.slice(at.length))));
  return found.length > 0 ? found.map(([name, detail]) => (name === at ? detail : `${name.slice(at.length).replace(/^\./, '')}: ${detail}`)).join('; ') : undefined;
}

const FIELD_NAMES = [...FORM_KEYS, 'prefix', 'query', 'body', 'user'];
/** What is wrong with a route as a whole, or with what the form does not show. */
export function errorsOfRoute(fields, index) {
  const start = `routes[${index}]`;
  return [...fields].filter(([name]) => {
    if (!name.startsWith(start)) return false;
    const inside = name.slice(start.length).replace(/^\./, '').split(/[.[]/)[0];
    return inside === '' || !FIELD_NAMES.includes(inside);
  }).map(([name, detail]) => (name === start ? detail : `${name.slice(start.length + 1)}: ${detail}`));
}

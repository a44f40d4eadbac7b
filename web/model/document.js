// document.js: a tenant's document as the form sees it. The text is what there is: each change of the form is made in the text, so
// that its comments, its order and what the form has no field for stay. What is valid is the server's to say, not this file's.
import { Document, isMap, isSeq, parseDocument, visit } from 'yaml';
import { kindOf } from './injection.js';

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

/** "GET, HEAD POST" -> ['GET', 'HEAD', 'POST']; nothing -> undefined, which is the default. */
export function listOf(text, separator = /[\s,]+/) {
  const words = text.split(separator).map((word) => word.trim()).filter(Boolean);
  return words.length > 0 ? [...new Set(words)] : undefined;
}

const FORM_KEYS = ['provider', 'host', 'name', 'credential', 'port', 'scheme', 'methods', 'paths', 'inject', 'action', 'websocket',
  'placeholder', 'insecure', 'env', 'shape', 'headers', 'upstream', 'tokenUpstream', 'places', 'pass', 'kubernetes'];
// Of those that have members: which ones the form has.
const FORM_MEMBERS = {
  upstream: ['address', 'ca', 'caFile', 'pins', 'clientCredential'], tokenUpstream: ['address', 'ca', 'caFile'],
  places: ['headers', 'query'], pass: ['headers', 'query'],
};

const isPlainMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Whether a member of a route is of the kind that its fields are for: what is something else is not changed by the form. */
export function isOfForm(route, key) {
  if (route[key] === undefined) return true;
  if (key === 'kubernetes') return Array.isArray(route[key]) && route[key].every(isPlainMap);
  return key in FORM_MEMBERS || key === 'headers' ? isPlainMap(route[key]) : true;
}

/** The names of what a route has that the form has no field for. */
export function beyondForm(route) {
  const beyond = Object.keys(route).filter((key) => !FORM_KEYS.includes(key) || !isOfForm(route, key));
  for (const [key, members] of Object.entries(FORM_MEMBERS)) {
    if (isPlainMap(route[key])) beyond.push(...Object.keys(route[key]).filter((member) => !members.includes(member)).map((member) => `${key}.${member}`));
  }
  return kindOf(route.inject) === 'other' ? [...beyond, 'inject'] : beyond;
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

// "upstream.later", which has no field; "upstream" as a whole has none either.
function isBeyondMember(name) {
  const [key, member] = name.split(/[.[]/);
  return Object.hasOwn(FORM_MEMBERS, key) && !FORM_MEMBERS[key].includes(member);
}

/** What is wrong with a route as a whole, or with what the form does not show. */
export function errorsOfRoute(fields, index) {
  const start = `routes[${index}]`;
  return [...fields].filter(([name]) => {
    if (!name.startsWith(start)) return false;
    const inside = name.slice(start.length).replace(/^\./, '').split(/[.[]/)[0];
    return inside === '' || !FORM_KEYS.includes(inside) || isBeyondMember(name.slice(start.length + 1));
  }).map(([name, detail]) => (name === start ? detail : `${name.slice(start.length + 1)}: ${detail}`));
}

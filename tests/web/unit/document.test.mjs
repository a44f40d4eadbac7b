// The form's changes are made in the text: what it does not know about has to stay.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addRoute, beyondForm, emptyDocument, errorAt, errorsOfRoute, isOfForm, listOf, moveRoute, read, removeRoute, routeName, sameMeaning, set,
  sortErrors, specOf, withOwnName } from '../../../web/model/document.js';

const TEXT = `# of the platform team
apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
    - provider: openai # the main one
      credential: openai
    - host: api.example.com
      credential: example
      inject: {header: X-Key, prefix: "Key "}
      # only what is needed
      paths: [/v1/**]
      upstream:
        pins: [sha256/AAAA]
  limits: {concurrent: 8}
`;
const routes = (text) => specOf(read(text).document).routes;

test('a change of one field leaves the rest as it is written', () => {
  const after = set(TEXT, ['spec', 'routes', 1, 'host'], 'eu.example.com');
  assert.equal(after, TEXT.replace('api.example.com', 'eu.example.com'));
  assert.equal(set(after, ['spec', 'routes', 1, 'host'], 'api.example.com'), TEXT);
});

test('a field that is taken away is gone, and the map that it alone was in', () => {
  assert.equal('limits' in specOf(read(set(TEXT, ['spec', 'limits', 'concurrent'], undefined)).document), false);
  assert.equal('paths' in routes(set(TEXT, ['spec', 'routes', 1, 'paths'], undefined))[1], false);
  assert.deepEqual(routes(set(TEXT, ['spec', 'routes', 0, 'name'], undefined)), routes(TEXT));
});

test('lists are written on one line', () => {
  assert.match(set(TEXT, ['spec', 'routes', 0, 'methods'], ['GET', 'POST']), /\n {6}methods: \[GET, POST\]\n/);
});

test('words that YAML takes for something else come in quotes', () => {
  for (const word of ['no', 'true', '12', '1e3', '0x1F', 'null', '~', 'a: b', '# c', '"', '- x', 'on', '*x', '&y', '!z', '@', '`']) {
    const after = set(TEXT, ['spec', 'routes', 1, 'credential'], word);
    assert.equal(routes(after)[1].credential, word);
  }
  assert.match(set(TEXT, ['spec', 'routes', 1, 'credential'], 'no'), /credential: ["']no["']/);
  assert.match(set(TEXT, ['spec', 'routes', 1, 'port'], 8443), /port: 8443\n/);
});

test('routes come, move and go with their comments', () => {
  const added = addRoute(TEXT, { host: 'a.example', action: 'deny', methods: ['GET'] });
  assert.deepEqual(routes(added)[2], { host: 'a.example', action: 'deny', methods: ['GET'] });
  assert.ok(added.startsWith('# of the platform team\n') && added.includes('# the main one'));
  const moved = moveRoute(added, 2, 0);
  assert.deepEqual(routes(moved).map((route) => route.host ?? route.provider), ['a.example', 'openai', 'api.example.com']);
  assert.ok(moved.includes('# only what is needed'));
  assert.deepEqual(routes(removeRoute(moved, 1)).map((route) => route.host), ['a.example', 'api.example.com']);
});

test('a tenant without routes gets its first', () => {
  for (const text of [emptyDocument('bob'), 'apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: bob}\nspec: {routes: []}\n',
    'apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: bob}\nspec:\n  routes:\n']) {
    const after = addRoute(text, { provider: 'openai', credential: 'openai' });
    assert.deepEqual(routes(after), [{ provider: 'openai', credential: 'openai' }], after);
    assert.deepEqual(routes(removeRoute(after, 0)), []);
  }
});

test('a text that is no YAML says where', () => {
  assert.equal(read('a: [1\nb: 2\n').error.line > 0, true);
  assert.equal(read('- a\n').error.line, 1);
  assert.ok(read('').error);
  assert.ok(read('a: 1\na: 2\n').error);
});

test('what the form has no field for is named', () => {
  assert.deepEqual(beyondForm(routes(TEXT)[1]), []);
  assert.deepEqual(beyondForm({ host: 'a', later: 1, upstream: { address: 'a', other: 2 }, inject: { headers: [] } }), ['later', 'upstream.other', 'inject']);
  assert.deepEqual(beyondForm({ host: 'a', upstream: 'text', headers: ['x'], kubernetes: [{}, 'pods'], pass: null }), ['upstream', 'headers', 'kubernetes', 'pass']);
  assert.ok(isOfForm({}, 'upstream') && isOfForm({ kubernetes: [{ verbs: [] }] }, 'kubernetes') && !isOfForm({ kubernetes: {} }, 'kubernetes'));
  assert.equal(routeName({ host: '*.example.com' }), 'example-com');
  assert.deepEqual(listOf(' GET, HEAD  GET '), ['GET', 'HEAD']);
  assert.equal(listOf(' '), undefined);
});

test('errors stand at the field that they are about', () => {
  const { fields, rest } = sortErrors([{ field: 'spec.routes[1].paths[0]', detail: 'bad' }, { field: 'spec.routes[1]', detail: 'whole' },
    { field: 'spec.routes[10].host', detail: 'ten' }, { field: 'metadata.name', detail: 'name' }, { detail: 'none' },
    { field: 'spec.routes[1].upstream.pins', detail: 'pin' }, { field: 'spec.routes[1].upstream.later', detail: 'unknown' }, { field: 'spec.routes[1].upstream', detail: 'both' }]);
  assert.equal(errorAt(fields, 'routes[1].paths'), '[0]: bad');
  assert.equal(errorAt(fields, 'routes[1].path'), undefined);
  assert.equal(errorAt(fields, 'routes[10].host'), 'ten');
  assert.deepEqual(errorsOfRoute(fields, 1), ['whole', 'upstream.later: unknown', 'upstream: both']);
  assert.deepEqual(rest.map((error) => error.detail), ['name', 'none']);
});

test('a route that is added has a name of its own', () => {
  assert.deepEqual(withOwnName(TEXT, { host: 'b.example' }), { host: 'b.example' });
  assert.deepEqual(withOwnName(TEXT, { host: 'api.example.com' }), { name: 'api-example-com-2', host: 'api.example.com' });
  const twice = addRoute(TEXT, { name: 'api-example-com-2', host: 'c' });
  assert.equal(withOwnName(twice, { host: 'api.example.com' }).name, 'api-example-com-3');
});

test('two texts that mean the same', () => {
  assert.ok(sameMeaning(TEXT, TEXT.replace('# the main one', '')));
  assert.ok(!sameMeaning(TEXT, TEXT.replace('concurrent: 8', 'concurrent: 9')));
});

// What the answer of :explain rests on, in words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aboutGrant, decidedBy } from '../../../web/model/explanation.js';

const grant = { id: 17, until: '2026-01-02T03:04:05.000Z', uses_left: null, without: 'no_route_path', without_text: 'The route to this host does not allow this path.' };

test('a route that decides, or came nearest, is named', () => {
  assert.deepEqual(decidedBy({ route: 'docs', decides: true }), ['Decided by route', 'docs']);
  assert.deepEqual(decidedBy({ route: 'docs', decides: false }), ['The nearest route', 'docs']);
  assert.equal(decidedBy({ route: null }), null);
  assert.equal(aboutGrant({ route: 'docs', verdict: 'allowed' }), '');
});

test('a grant is said to be one, with how often it goes and what would be without it', () => {
  const answer = { verdict: 'allowed', route: 'grant:17', decides: true, grant };
  assert.deepEqual(decidedBy(answer), ['Allowed for a time', 'by grant 17, for any number of requests']);
  assert.deepEqual(decidedBy({ ...answer, grant: { ...grant, uses_left: 1 } })[1], 'by grant 17, for one more request');
  assert.equal(aboutGrant(answer), 'Without the grant it would be refused: The route to this host does not allow this path.');
});

test('what a grant covers and something else refuses is not called allowed', () => {
  assert.match(aboutGrant({ verdict: 'tripwire', grant }), /refused all the same/);
});

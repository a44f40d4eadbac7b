// Where a credential may go, in words; and what its routes say of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindingOf, routesOf } from '../../../web/model/binding.js';

test('a line is a destination, and what is special about it', () => {
  assert.deepEqual(bindingOf('api.example.com:443'), { to: 'api.example.com:443', notes: [] });
  assert.deepEqual(bindingOf('api.example.com:443 clear via 10.0.0.1:80 own-ca:45fd2be5'), { to: 'api.example.com:443', notes: ['over plain http', 'via 10.0.0.1:80', 'with a CA of its own'] });
  assert.deepEqual(bindingOf('[2001:db8::1]:443 token-endpoint rotates'), { to: '[2001:db8::1]:443', notes: ['to fetch a token', 'which renews it'] });
});

test('a word that this page does not know stays as it is', () => {
  assert.deepEqual(bindingOf('a.example:443 later:x constructor via'), { to: 'a.example:443', notes: ['later:x', 'constructor', 'via'] });
});

test('providers and hosts of a credential, each once', () => {
  const routes = [{ credential: 'k', provider: 'openai', host: 'api.openai.com' }, { credential: 'k', provider: 'openai', host: 'eu.api.openai.com' },
    { credential: 'k', provider: null, host: 'a.example' }, { credential: 'other', provider: 'xai', host: 'api.x.ai' }];
  assert.deepEqual(routesOf(routes, 'k'), { providers: ['openai'], hosts: ['api.openai.com', 'eu.api.openai.com', 'a.example'] });
  assert.deepEqual(routesOf(routes, 'none'), { providers: [], hosts: [] });
});

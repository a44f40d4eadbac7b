// What is said about a value before it is sealed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { trimValue, wrongValue } from '../../../web/model/credential.js';

const plain = { grant: 'none', forms: [] };
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';

const good = (prepared, text) => assert.equal(wrongValue({ ...plain, ...prepared }, text), null);
const bad = (prepared, text, part) => assert.match(wrongValue({ ...plain, ...prepared }, text) ?? 'nothing', part);

test('one line break at the end is not the value’s', () => {
  assert.equal(trimValue('k\n'), 'k');
  assert.equal(trimValue('k\r\n'), 'k');
  assert.equal(trimValue('k\n\n'), 'k\n');
});

test('a value that goes in as it is', () => {
  good({}, 'sk-real 1234~');
  good({}, 'k'.repeat(16384));
  bad({}, '', /nothing to seal/);
  bad({}, 'k'.repeat(16385), /longer than 16384/);
  bad({}, 'uno\ndos', /line break after 3/);
  bad({}, 'k\tk', /not printable/);
  bad({}, 'schlüssel', /not printable/);
  bad({}, ' k', /blank/);
  bad({}, '{"a":1}', /JSON or PEM/);
  bad({}, KEY, /JSON or PEM/);
});

test('what the routes ask of it', () => {
  good({ forms: ['user:password'] }, 'me:pass');
  bad({ forms: ['user:password'] }, 'me', /USER:PASSWORD/);
  good({ forms: ['path segment'] }, '123:ABC');
  bad({ forms: ['path segment'] }, 'a/b', /path/);
  bad({ forms: ['path segment'] }, '..a', /path/);
  good({ forms: ['aws'] }, 'AKIDEXAMPLE:secret/+');
  good({ forms: ['aws'] }, 'AKIDEXAMPLE:secret:token');
  for (const text of ['AKIDEXAMPLE', 'short:secret', 'AKIDEXAMPLE:', 'AKIDEXAMPLE:a:b:c', 'AKIDEXAMPLE:a b']) bad({ forms: ['aws'] }, text, /AWS/);
  good({ forms: ['a form of a later version'] }, 'k');
});

test('what tokens are fetched with', () => {
  good({ grant: 'clientCredentials' }, 'secret');
  good({ grant: 'clientCredentials' }, '{"client_secret":"s","client_id":"c"}');
  bad({ grant: 'clientCredentials' }, '{"refresh_token":"s"}', /client_secret/);
  bad({ grant: 'clientCredentials' }, '{"client_secret":', /client_secret/);
  good({ grant: 'refreshToken' }, 'token');
  good({ grant: 'jwtBearer' }, KEY);
  good({ grant: 'jwtBearer' }, JSON.stringify({ private_key: KEY }));
  bad({ grant: 'jwtBearer' }, 'secret', /private key/);
  bad({ grant: 'jwtBearer' }, KEY.replace('PRIVATE', 'ENCRYPTED PRIVATE'), /not encrypted/);
  good({ grant: 'gcp' }, JSON.stringify({ type: 'service_account', client_email: 'a@b', private_key: KEY }));
  good({ grant: 'gcp' }, JSON.stringify({ type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' }));
  bad({ grant: 'gcp' }, JSON.stringify({ type: 'service_account' }), /client_email/);
  bad({ grant: 'gcp' }, JSON.stringify({ type: 'other' }), /type/);
  bad({ grant: 'gcp' }, '[]', /Google/);
  bad({ grant: 'gcp' }, 'null', /printable|Google/);
});

test('a client certificate comes with its key', () => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  good({ client_certificate: true }, certificate + KEY);
  bad({ client_certificate: true }, KEY, /certificate/);
  bad({ client_certificate: true }, certificate, /key/);
});

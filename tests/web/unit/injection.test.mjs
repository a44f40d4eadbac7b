// How a credential goes in: every kind is recognised, changed member by member, and what the form does not know is left to the text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, set, specOf } from '../../../web/model/document.js';
import { changeOf, FIELDS, injectionOfKind, INJECTIONS, kindOf, memberAt } from '../../../web/model/injection.js';

const field = (kind, ...path) => FIELDS[kind].find((one) => one.path.join('.') === path.join('.'));
/** What `inject` is after a change of one field, by way of the document's text. */
function after(inject, kind, path, value) {
  const text = `apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: a}\nspec:\n  routes:\n    - host: a.example\n      credential: c\n      inject: ${JSON.stringify(inject)} # kept\n`;
  const [at, next] = changeOf(inject, field(kind, ...path), value);
  const changed = set(text, ['spec', 'routes', 0, 'inject', ...at], next);
  return specOf(read(changed).document).routes[0].inject;
}

test('what each kind begins with is of that kind', () => {
  for (const [kind] of INJECTIONS) assert.equal(kindOf(injectionOfKind(kind)), kind);
});

test('kinds as documents have them', () => {
  for (const [inject, kind] of [[undefined, ''], [null, ''], [{}, ''], [{ bearer: true }, 'bearer'], [{ header: 'X-Key', prefix: 'Key ' }, 'header'], [{ basic: true, user: 'me' }, 'basic'],
    [{ oauth2: { tokenUrl: 'https://a/', scopes: ['a'], answer: true }, header: 'X-Token' }, 'oauth2'], [{ gcp: true }, 'gcp'], [{ gcp: { subject: 'a@b' }, prefix: 'P ' }, 'gcp'],
    [{ aws: { service: 's3', region: 'eu-west-1' } }, 'aws']]) assert.equal(kindOf(inject), kind, JSON.stringify(inject));
});

test('what the form cannot show without losing some of it is left to the text', () => {
  for (const inject of [{ headers: [{ name: 'A' }] }, { body: 'a', bearer: true }, { bearer: true, later: 1 }, { bearer: 'yes' }, { oauth2: true }, { oauth2: { tokenUrl: 'https://a/', later: 1 } },
    { oauth2: { tokenUrl: ['a'] } }, { oauth2: { tokenUrl: 'a', scopes: 'a b' } }, { gcp: false }, { gcp: { answer: 'no' } }, { aws: 's3' }, { aws: { service: 's3', account: '1' } }, { aws: { service: 3 } },
    { header: 'X', query: 'y' }, [], 'bearer', 7, { constructor: 1 }]) assert.equal(kindOf(inject), 'other', JSON.stringify(inject));
});

test('one member is changed, and the others stay', () => {
  assert.deepEqual(after({ oauth2: { tokenUrl: 'https://a/', audience: 'x' }, header: 'X-T' }, 'oauth2', ['oauth2', 'audience'], 'y'), { oauth2: { tokenUrl: 'https://a/', audience: 'y' }, header: 'X-T' });
  assert.deepEqual(after({ oauth2: { tokenUrl: 'https://a/', audience: 'x' } }, 'oauth2', ['oauth2', 'audience'], ''), { oauth2: { tokenUrl: 'https://a/' } });
  assert.deepEqual(after({ oauth2: { tokenUrl: 'https://a/' } }, 'oauth2', ['oauth2', 'scopes'], ['a', 'b']), { oauth2: { tokenUrl: 'https://a/', scopes: ['a', 'b'] } });
  assert.deepEqual(after({ oauth2: { tokenUrl: 'https://a/' } }, 'oauth2', ['oauth2', 'grant'], 'jwtBearer'), { oauth2: { tokenUrl: 'https://a/', grant: 'jwtBearer' } });
  assert.deepEqual(after({ header: 'X', prefix: 'P ' }, 'header', ['prefix'], ''), { header: 'X' });
});

test('what is needed stays, empty, so that the server says so at its field', () => {
  assert.deepEqual(after({ oauth2: { tokenUrl: 'https://a/' } }, 'oauth2', ['oauth2', 'tokenUrl'], ''), { oauth2: { tokenUrl: '' } });
  assert.deepEqual(after({ aws: { service: 's3' } }, 'aws', ['aws', 'service'], ''), { aws: { service: '' } });
});

test('Google’s has members or is simply true', () => {
  assert.deepEqual(after({ gcp: true }, 'gcp', ['gcp', 'subject'], 'a@b'), { gcp: { subject: 'a@b' } });
  assert.deepEqual(after({ gcp: { subject: 'a@b' } }, 'gcp', ['gcp', 'subject'], ''), { gcp: true });
  assert.deepEqual(after({ gcp: { subject: 'a@b', scopes: ['s'] } }, 'gcp', ['gcp', 'subject'], ''), { gcp: { scopes: ['s'] } });
  assert.deepEqual(after({ gcp: true }, 'gcp', ['gcp', 'answer'], false), { gcp: { answer: false } });
  assert.deepEqual(after({ gcp: { answer: false } }, 'gcp', ['gcp', 'answer'], true), { gcp: true });
  assert.equal(memberAt({ gcp: true }, ['gcp', 'answer']), undefined);
  assert.deepEqual(after({ gcp: true }, 'gcp', ['header'], 'X-T'), { gcp: true, header: 'X-T' });
});

// Records of the audit: together, searched, and written into files.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CSV_NAMES, lastWord, matches, merge, searchTarget, target, toCsv, toJsonLines } from '../../../web/model/records.js';

const decision = (seq, id, more = {}) => ({ seq, time: '2026-01-02T03:04:05.000Z', kind: 'decision', tenant: 'alice', request_id: id, verdict: 'allowed', reason: 'route',
  route: 'openai', credential: 'openai', method: 'GET', scheme: 'https', host: 'api.openai.com', port: 443, path: '/v1/models', query_keys: [], hash: '00', ...more });
const outcome = (seq, id, more = {}) => ({ seq, time: '2026-01-02T03:04:06.000Z', kind: 'outcome', tenant: 'alice', request_id: id, verdict: 'allowed', reason: 'route', status: 200,
  request_bytes: 1, response_bytes: 2, hash: '01', ...more });
const change = (seq) => ({ seq, time: '2026-01-02T03:04:07.000Z', kind: 'change', tenant: 'alice', request_id: '', change: 'updated', by: 'admin:eve', hash: '02' });

test('a decision and its outcome are one row, whichever comes first', () => {
  const both = [decision(5, 'a'), outcome(9, 'a')];
  for (const records of [both, both.toReversed?.() ?? [...both].reverse()]) {
    const rows = records.reduce((shown, record) => merge(shown, [record]), []);
    assert.equal(rows.length, 1);
    assert.equal(rows[0].seq, 5);
    assert.deepEqual([rows[0].decision.seq, rows[0].outcome.seq], [5, 9]);
  }
});

test('rows are newest first, once, and no more than asked for', () => {
  const rows = merge([], [decision(1, 'a'), change(3), decision(2, 'b'), change(4), decision(2, 'b')]);
  assert.deepEqual(rows.map((row) => row.seq), [4, 3, 2, 1]);
  assert.deepEqual(merge(rows, [decision(5, 'c')], 2).map((row) => row.seq), [5, 4]);
});

test('how it went is said by the outcome when that is worse', () => {
  assert.equal(lastWord(merge([], [decision(1, 'a'), outcome(2, 'a', { verdict: 'failed' })])[0]).verdict, 'failed');
  assert.equal(lastWord(merge([], [decision(1, 'a'), outcome(2, 'a')])[0]).kind, 'decision');
  assert.equal(lastWord(merge([], [outcome(2, 'a')])[0]).kind, 'outcome');
});

test('targets', () => {
  assert.equal(target(decision(1, 'a', { query_keys: ['a', 'b'] })), 'https://api.openai.com/v1/models?a&b');
  assert.equal(target(decision(1, 'a', { scheme: 'http', port: 8080 })), 'http://api.openai.com:8080/v1/models');
});

test('live records are held to the filter', () => {
  const record = decision(1, 'a');
  for (const filter of [{}, { tenant: 'alice' }, { host: 'api.openai.com' }, { text: 'MODELS' }, { since: Date.parse(record.time) }, { kind: 'decision' }]) assert.ok(matches(record, filter));
  for (const filter of [{ tenant: 'bob' }, { host: 'openai.com' }, { text: 'nothing' }, { until: Date.parse(record.time) }, { verdict: 'denied' }, { kind: 'change' }]) {
    assert.ok(!matches(record, filter), JSON.stringify(filter));
  }
  assert.ok(matches(change(1), { text: 'eve' }));
});

test('the search as the server reads it', () => {
  assert.equal(searchTarget({ tenant: 'alice', text: 'a b&c', host: '' }, { limit: 5 }), '/v1/audit:search?tenant=alice&text=a%20b%26c&limit=5');
});

test('CSV quotes what has to be, and starts no formula', () => {
  const csv = CSV_NAMES + toCsv([decision(1, 'a', { path: '/a,"b"\n', host: '=cmd()' }), decision(2, 'b', { path: '+1', method: '@X', host: '-1', query_keys: ['a', 'b'] })]);
  const lines = csv.split('\r\n');
  assert.ok(lines[0].startsWith('seq,time,kind,'));
  assert.ok(csv.includes(',"/a,""b""\n",') && csv.includes(",'=cmd(),"));
  assert.ok(csv.includes(",'+1,a&b,") && csv.includes(",'@X,") && csv.includes(",'-1,"));
  assert.equal(lines.at(-1), '');
});

test('JSON lines', () => {
  const records = [decision(1, 'a', { path: '/\u2028"' }), change(2)];
  assert.deepEqual(toJsonLines(records).trimEnd().split('\n').map((line) => JSON.parse(line)), records);
});

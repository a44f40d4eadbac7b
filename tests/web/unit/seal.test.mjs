// What the browser seals is opened here by tests/cli/sealedbox.py, which shares no line with it and no library.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { sealCredential } from '../../../web/seal.js';

const OPENER = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
from sealedbox import keypair, unseal
if sys.argv[2] == "pair":
    print(json.dumps([key.hex() for key in keypair()]))
else:
    public, secret = (bytes.fromhex(key) for key in json.loads(sys.argv[3]))
    print(unseal(base64.b64decode(sys.stdin.read(), validate=True), public, secret).hex())
`;

function python(words, input = '') {
  const run = spawnSync('python3', ['-c', OPENER, join(process.env.CLAWBOX_ROOT, 'tests/cli'), ...words], { input, encoding: 'utf8' });
  return { good: run.status === 0, out: run.stdout.trim(), why: run.stderr };
}

const pair = JSON.parse(python(['pair']).out);
const binding = ['api.openai.com:443', 'eu.api.openai.com:443 via 10.0.0.1:8443'];
const prepared = { tenant_id: 7, public_key: pair[0], binding };
const bytes = (text) => new TextEncoder().encode(text);

// As seal_credential_read() of modules/tls/seal.c takes it apart.
function fields(plain) {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  const found = [plain[0], Number(view.getBigUint64(1))];
  let at = 9;
  while (at < plain.length) {
    const size = view.getUint32(at);
    found.push(plain.subarray(at + 4, at + 4 + size).toString('utf8'));
    at += 4 + size;
  }
  assert.equal(at, plain.length);
  return found;
}

test('a box holds the format, the tenant, the name, the binding and the value', () => {
  for (const text of ['k', 'sk-real-0123456789\\\'"~', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(16384), '{"private_key":"ü"}']) {
    const body = sealCredential(prepared, 'alice', 'openai', bytes(text));
    assert.deepEqual([body.tenant_id, body.binding], [7, binding]);
    const opened = python(['open', JSON.stringify(pair)], body.box);
    assert.ok(opened.good, opened.why);
    assert.deepEqual(fields(Buffer.from(opened.out, 'hex')), [1, 7, 'alice', 'openai', binding.join('\n'), text]);
  }
});

test('two boxes of the same value have nothing in common, and the value stands in neither', () => {
  const [a, b] = [1, 2].map(() => sealCredential(prepared, 'alice', 'openai', bytes('sk-secret-value')).box);
  assert.notEqual(a.slice(0, 43), b.slice(0, 43));
  for (const box of [a, b]) assert.ok(!Buffer.from(box, 'base64').includes('sk-secret-value'));
});

test('a box that was changed, or is for another key, does not open', () => {
  const body = sealCredential(prepared, 'alice', 'openai', bytes('value'));
  const box = Buffer.from(body.box, 'base64');
  for (const at of [0, 32, 48, box.length - 1]) {
    const changed = Buffer.from(box);
    changed[at] ^= 1;
    assert.ok(!python(['open', JSON.stringify(pair)], changed.toString('base64')).good, `byte ${at}`);
  }
  assert.ok(!python(['open', python(['pair']).out], body.box).good);
});

test('the value is wiped, also when there is no box', () => {
  const value = bytes('sk-secret');
  sealCredential(prepared, 'alice', 'openai', value);
  assert.ok(value.every((byte) => byte === 0));
  const wrong = [{ public_key: '' }, { public_key: '00'.repeat(32) }, { public_key: 'zz'.repeat(32) }, { tenant_id: 0 }, { tenant_id: 2 ** 53 },
    { binding: ['x'.repeat(70000)] }];
  for (const change of wrong) {
    const kept = bytes('sk-secret');
    assert.throws(() => sealCredential({ ...prepared, ...change }, 'alice', 'openai', kept), undefined, JSON.stringify(change).slice(0, 60));
    assert.ok(kept.every((byte) => byte === 0));
  }
  assert.throws(() => sealCredential(prepared, 'a'.repeat(65), 'openai', bytes('k')));
  assert.throws(() => sealCredential(prepared, 'alice', 'openai', bytes('k'.repeat(16385))));
});

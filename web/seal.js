// seal.js - a credential's value sealed to the vault's public key, in the browser: what leaves this module is a box that neither the
// console nor the API can open. The same bytes as seal_credential() of modules/tls/seal.c makes: a libsodium sealed box (an
// ephemeral X25519 key, its nonce from BLAKE2b, XSalsa20-Poly1305) of one format byte, the tenant's number, and four fields.
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2b } from '@noble/hashes/blake2.js';

const FORMAT = 1;
const LIMITS = { tenant: 64, name: 64, binding: 64 * 1024, value: 16 * 1024 };
const SIGMA = words(new TextEncoder().encode('expand 32-byte k'));

// Little-endian words, on a machine of either order.
function words(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytes(words) {
  const out = new Uint8Array(4 * words.length);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => view.setUint32(4 * i, word, true));
  return out;
}

function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function fromHex(text) {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error('the server gave no key to seal to');
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}

export function toBase64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

// crypto_box_beforenm(): what both sides can compute, made into a key.
function sharedKey(secretKey, publicKey) {
  const shared = x25519.getSharedSecret(secretKey, publicKey); // throws for a key of low order
  const out = new Uint32Array(8);
  hsalsa(SIGMA, words(shared), new Uint32Array(4), out);
  shared.fill(0);
  const key = bytes(out);
  out.fill(0);
  return key;
}

// crypto_box_seal()
export function sealBox(publicKey, plain) {
  const ephemeral = x25519.keygen();
  const nonce = blake2b(join([ephemeral.publicKey, publicKey]), { dkLen: 24 });
  const key = sharedKey(ephemeral.secretKey, publicKey);
  ephemeral.secretKey.fill(0);
  try {
    return join([ephemeral.publicKey, xsalsa20poly1305(key, nonce).encrypt(plain)]);
  } finally {
    key.fill(0);
  }
}

function field(name, content) {
  if (content.length > LIMITS[name]) throw new Error(`the ${name} is longer than ${LIMITS[name]} bytes`);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, content.length);
  return [length, content];
}

// The body of PUT /v1/tenants/TENANT/credentials/NAME. `prepared` is the answer of `:prepare`, of which the binding has been shown to
// the administrator; `value` is bytes, and is wiped here whatever happens.
export function sealCredential(prepared, tenant, name, value) {
  const text = (s) => new TextEncoder().encode(s);
  let plain;
  try {
    if (!Number.isSafeInteger(prepared.tenant_id) || prepared.tenant_id < 1) {
      throw new Error('the server gave no number of the tenant');
    }
    const head = new Uint8Array(9);
    head[0] = FORMAT;
    new DataView(head.buffer).setBigUint64(1, BigInt(prepared.tenant_id));
    plain = join([head, ...field('tenant', text(tenant)), ...field('name', text(name)),
      ...field('binding', text(prepared.binding.join('\n'))), ...field('value', value)]);
    const box = sealBox(fromHex(prepared.public_key), plain);
    return { tenant_id: prepared.tenant_id, binding: prepared.binding, box: toBase64(box) };
  } finally {
    plain?.fill(0);
    value.fill(0);
  }
}

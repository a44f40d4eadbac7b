"""Opens libsodium's sealed boxes (X25519, XSalsa20-Poly1305) slowly and without libsodium, to see what a client sealed."""

import hashlib
import secrets
import struct

P = 2**255 - 19


def x25519(scalar, point):
    """RFC 7748, section 5."""
    k = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    u = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = (x2 + z2) % P, (x2 - z2) % P, (x3 + z3) % P, (x3 - z3) % P
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = (aa - bb) % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        for target, left, right, turn in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
            s = (x[left] + x[right]) & 0xFFFFFFFF
            x[target] ^= (s << turn | s >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for q in ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)):
            quarter(*q)
        for q in ((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)):
            quarter(*q)
    return x


def salsa_state(key, middle):
    c, k, m = struct.unpack("<4I", b"expand 32-byte k"), struct.unpack("<8I", key), struct.unpack("<4I", middle)
    return [c[0], *k[:4], c[1], *m, c[2], *k[4:], c[3]]


def hsalsa20(key, nonce):
    x = rounds(salsa_state(key, nonce))
    return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def xsalsa20(key, nonce, length):
    subkey, out, block = hsalsa20(key, nonce[:16]), b"", 0
    while len(out) < length:
        state = salsa_state(subkey, nonce[16:] + struct.pack("<Q", block))
        out += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(state), state)))
        block += 1
    return out[:length]


def poly1305(key, text):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    h = 0
    for i in range(0, len(text), 16):
        h = (h + int.from_bytes(text[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (h + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def keypair():
    """(public, secret)"""
    secret = secrets.token_bytes(32)
    return x25519(secret, (9).to_bytes(32, "little")), secret


def unseal(box, public, secret):
    sender, tag, sealed = box[:32], box[32:48], box[48:]
    nonce = hashlib.blake2b(sender + public, digest_size=24).digest()
    key = hsalsa20(x25519(secret, sender), bytes(16))
    stream = xsalsa20(key, nonce, 32 + len(sealed))
    if poly1305(stream[:32], sealed) != tag:
        raise ValueError("the box does not authenticate")
    return bytes(a ^ b for a, b in zip(sealed, stream[32:]))

/* digest.c - SHA-256 and HMAC-SHA-256, by libsodium. */
#include "tls/digest.h"

#include <sodium.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct digest), "the state fits");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= _Alignof(struct digest), "and stands where it may");

static crypto_hash_sha256_state *state_of(struct digest *d)
{
    return (crypto_hash_sha256_state *)(void *)d->state;
}

void digest_begin(struct digest *d)
{
    (void)crypto_hash_sha256_init(state_of(d));
}

void digest_add(struct digest *d, struct span bytes)
{
    (void)crypto_hash_sha256_update(state_of(d), bytes.ptr, bytes.len);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
    (void)crypto_hash_sha256_final(state_of(d), out);
    secret_wipe(d, sizeof(*d));
}

void digest_hmac_sha256(struct span key, const struct span *parts, size_t count, uint8_t out[DIGEST_LEN])
{
    _Static_assert(DIGEST_LEN == crypto_auth_hmacsha256_BYTES, "SHA-256");
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key.ptr, key.len);
    for (size_t i = 0; i < count; i++) {
        (void)crypto_auth_hmacsha256_update(&state, parts[i].ptr, parts[i].len);
    }
    (void)crypto_auth_hmacsha256_final(&state, out);
    secret_wipe(&state, sizeof(state));
}

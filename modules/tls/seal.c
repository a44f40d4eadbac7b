/* seal.c - sealed boxes, derived keys and digests, by libsodium; and the start of both libraries. */
#include "tls/seal.h"

#include <mbedtls/version.h>
#include <psa/crypto.h>
#include <sodium.h>
#include <stdio.h>

#define SEAL_FORMAT          1
#define SEAL_VALUE_MAX       ((size_t)16 * 1024)
#define SEAL_BINDING_MAX     ((size_t)64 * 1024)
#define SEAL_NAME_MAX        64
#define SEAL_CONTEXT         "clawseal"
#define SEAL_DATABASE_ID_MAX 64

int tls_init(void)
{
    return sodium_init() >= 0 && psa_crypto_init() == PSA_SUCCESS ? 0 : CB_ECRYPTO;
}

/* The seed of the pair: a subkey of the master key, and the hash of the database's id under it. */
static int seal_seed(const struct secret *master, struct span database_id, struct secret *seed)
{
    struct secret *key = secret_new(crypto_generichash_KEYBYTES);
    if (key == NULL) {
        return CB_ENOMEM;
    }
    int r = crypto_kdf_derive_from_key(secret_ptr(key), crypto_generichash_KEYBYTES, 1, SEAL_CONTEXT,
                                       secret_span(master).ptr);
    if (r == 0 && database_id.len == 0) {
        memcpy(secret_ptr(seed), secret_ptr(key), crypto_box_SEEDBYTES);
    } else if (r == 0) {
        r = crypto_generichash(secret_ptr(seed), crypto_box_SEEDBYTES, database_id.ptr, database_id.len,
                               secret_span(key).ptr, crypto_generichash_KEYBYTES);
    }
    secret_free(key);
    return r == 0 ? 0 : CB_ECRYPTO;
}

int seal_keypair(const struct secret *master, struct span database_id, uint8_t public_key[SEAL_PUBLIC_LEN],
                 struct secret **secret_key)
{
    _Static_assert(SEAL_MASTER_LEN == crypto_kdf_KEYBYTES, "the master key is a derivation key");
    _Static_assert(SEAL_PUBLIC_LEN == crypto_box_PUBLICKEYBYTES, "keys of sealed boxes");
    _Static_assert(crypto_generichash_KEYBYTES == crypto_box_SEEDBYTES, "a subkey can be the seed");
    if (secret_len(master) != SEAL_MASTER_LEN || database_id.len > SEAL_DATABASE_ID_MAX) {
        return CB_EINVAL;
    }
    struct secret *seed = secret_new(crypto_box_SEEDBYTES);
    struct secret *key = secret_new(crypto_box_SECRETKEYBYTES);
    int r = seed != NULL && key != NULL ? seal_seed(master, database_id, seed) : CB_ENOMEM;
    if (r == 0 && crypto_box_seed_keypair(public_key, secret_ptr(key), secret_ptr(seed)) != 0) {
        r = CB_ECRYPTO;
    }
    secret_free(seed);
    if (r != 0) {
        secret_free(key);
        return r;
    }
    *secret_key = key;
    return 0;
}

int seal_box(const uint8_t public_key[SEAL_PUBLIC_LEN], struct span plain, struct buf *out)
{
    uint8_t *to;
    int r = buf_reserve(out, plain.len + crypto_box_SEALBYTES, &to);
    if (r != 0) {
        return r;
    }
    if (crypto_box_seal(to, plain.ptr, plain.len, public_key) != 0) {
        return CB_ECRYPTO;
    }
    buf_commit(out, plain.len + crypto_box_SEALBYTES);
    return 0;
}

int seal_open(const uint8_t public_key[SEAL_PUBLIC_LEN], const struct secret *secret_key, struct span box,
              struct secret **out)
{
    if (box.len <= crypto_box_SEALBYTES || secret_len(secret_key) != crypto_box_SECRETKEYBYTES) {
        return CB_EAUTHENTIC;
    }
    struct secret *plain = secret_new(box.len - crypto_box_SEALBYTES);
    if (plain == NULL) {
        return CB_ENOMEM;
    }
    if (crypto_box_seal_open(secret_ptr(plain), box.ptr, box.len, public_key, secret_span(secret_key).ptr) !=
        0) {
        secret_free(plain);
        return CB_EAUTHENTIC;
    }
    *out = plain;
    return 0;
}

static int put_u64(struct buf *out, uint64_t value, size_t bytes)
{
    int r = 0;
    for (size_t i = 0; i < bytes && r == 0; i++) {
        r = buf_append_byte(out, (uint8_t)(value >> (8 * (bytes - 1 - i))));
    }
    return r;
}

static int put_span(struct buf *out, struct span s, size_t max)
{
    if (s.len > max) {
        return CB_ELIMIT;
    }
    int r = put_u64(out, s.len, 4);
    return r == 0 ? buf_append_span(out, s) : r;
}

/* The plaintext: u8 format, u64 tenant id, then tenant, name, binding and value, each with a u32 length in front. */
int seal_credential(const uint8_t public_key[SEAL_PUBLIC_LEN], const struct seal_credential *c,
                    struct buf *out)
{
    struct buf plain;
    buf_init(&plain, SEAL_VALUE_MAX + SEAL_BINDING_MAX + 1024);
    buf_set_sensitive(&plain);
    int r;
    if ((r = buf_append_byte(&plain, SEAL_FORMAT)) == 0 && (r = put_u64(&plain, c->tenant_id, 8)) == 0 &&
        (r = put_span(&plain, c->tenant, SEAL_NAME_MAX)) == 0 &&
        (r = put_span(&plain, c->name, SEAL_NAME_MAX)) == 0 &&
        (r = put_span(&plain, c->binding, SEAL_BINDING_MAX)) == 0 &&
        (r = put_span(&plain, c->value, SEAL_VALUE_MAX)) == 0) {
        r = seal_box(public_key, buf_span(&plain), out);
    }
    buf_deinit(&plain);
    return r;
}

static bool take(struct span *from, size_t len, struct span *out)
{
    if (len > from->len) {
        return false;
    }
    *out = span_of(from->ptr, len);
    *from = span_of(from->ptr + len, from->len - len);
    return true;
}

static bool take_number(struct span *from, size_t bytes, uint64_t *out)
{
    struct span s;
    if (!take(from, bytes, &s)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < bytes; i++) {
        *out = *out << 8 | s.ptr[i];
    }
    return true;
}

static bool take_field(struct span *from, size_t max, struct span *out)
{
    uint64_t len;
    return take_number(from, 4, &len) && len <= max && take(from, (size_t)len, out);
}

int seal_credential_read(struct span opened, struct seal_credential *out)
{
    uint64_t format;
    bool whole = take_number(&opened, 1, &format) && format == SEAL_FORMAT &&
                 take_number(&opened, 8, &out->tenant_id) &&
                 take_field(&opened, SEAL_NAME_MAX, &out->tenant) &&
                 take_field(&opened, SEAL_NAME_MAX, &out->name) &&
                 take_field(&opened, SEAL_BINDING_MAX, &out->binding) &&
                 take_field(&opened, SEAL_VALUE_MAX, &out->value) && opened.len == 0;
    return whole ? 0 : CB_EMALFORMED;
}

void digest_sha256(const struct span *parts, size_t count, uint8_t out[DIGEST_LEN])
{
    _Static_assert(DIGEST_LEN == crypto_hash_sha256_BYTES, "SHA-256");
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        (void)crypto_hash_sha256_update(&state, parts[i].ptr, parts[i].len);
    }
    (void)crypto_hash_sha256_final(&state, out);
}

void digest_sha256_of(struct span bytes, uint8_t out[DIGEST_LEN])
{
    digest_sha256(&bytes, 1, out);
}

const char *tls_mbedtls_version(void)
{
    return MBEDTLS_VERSION_STRING;
}

const char *tls_sodium_version(void)
{
    return sodium_version_string();
}

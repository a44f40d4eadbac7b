/*
 * seal.h - sealing to the vault's public key (X25519 sealed boxes), keys derived from the master key, hashing.
 */
#ifndef CB_TLS_SEAL_H
#define CB_TLS_SEAL_H

#include "base/buf.h"
#include "base/secret.h"

#define SEAL_PUBLIC_LEN 32
#define SEAL_MASTER_LEN 32
#define DIGEST_LEN      32

/* Must be called once before anything else of this module. 0 or CB_ECRYPTO. */
CB_MUST_USE int tls_init(void);

/* The vault's key pair, derived from the master key (SEAL_MASTER_LEN bytes) with a key derivation of its own context, and from
 * the database's id (at most 64 bytes), so that what is sealed in one database does not open in another. */
CB_MUST_USE int seal_keypair(const struct secret *master, struct span database_id,
                             uint8_t public_key[SEAL_PUBLIC_LEN], struct secret **secret_key);
/* Appends the sealed box of `plain` to `out`. Anybody with the public key can seal; only the vault can open. */
CB_MUST_USE int seal_box(const uint8_t public_key[SEAL_PUBLIC_LEN], struct span plain, struct buf *out);
/* Opens a box into locked memory. CB_EAUTHENTIC when it was changed or made for another key. */
CB_MUST_USE int seal_open(const uint8_t public_key[SEAL_PUBLIC_LEN], const struct secret *secret_key,
                          struct span box, struct secret **out);

/* What is inside a sealed credential. All spans borrow. */
struct seal_credential {
    uint64_t
        tenant_id; /* the store's id: never reused, so a removed and re-created tenant does not inherit */
    struct span tenant;
    struct span name;
    struct span binding; /* spec_credential_binding() text */
    struct span value;
};

/* Seals a credential with everything that it is bound to. */
CB_MUST_USE int seal_credential(const uint8_t public_key[SEAL_PUBLIC_LEN], const struct seal_credential *c,
                                struct buf *out);
/* Reads an opened box; spans point into `opened`. CB_EMALFORMED when it is not a credential. */
CB_MUST_USE int seal_credential_read(struct span opened, struct seal_credential *out);

/* SHA-256 of the parts, one after the other. */
void digest_sha256(const struct span *parts, size_t count, uint8_t out[DIGEST_LEN]);

/* SHA-256 of one text. */
void digest_sha256_of(struct span bytes, uint8_t out[DIGEST_LEN]);

/* SHA-1, which protects nothing any more: only for Sec-WebSocket-Accept. 0 or CB_ECRYPTO. */
#define DIGEST_SHA1_LEN 20
CB_MUST_USE int digest_sha1(struct span data, uint8_t out[DIGEST_SHA1_LEN]);

/* Library versions for `clawbox version`. */
const char *tls_mbedtls_version(void);
const char *tls_sodium_version(void);

#endif

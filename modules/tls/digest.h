/*
 * digest.h - SHA-256 piece by piece, and HMAC-SHA-256 (RFC 2104). Pure functions over bytes: the one part of this module that
 * `inject` uses, for signatures. tls_init() must have been called.
 */
#ifndef CB_TLS_DIGEST_H
#define CB_TLS_DIGEST_H

#include "tls/seal.h"

/* A digest that is being made. On the stack, or anywhere. */
struct digest {
    uint64_t state[16];
};

void digest_begin(struct digest *d);
void digest_add(struct digest *d, struct span bytes);
/* The result; nothing of the state is left behind. */
void digest_end(struct digest *d, uint8_t out[DIGEST_LEN]);
/* The HMAC of the parts, one after the other. */
void digest_hmac_sha256(struct span key, const struct span *parts, size_t count, uint8_t out[DIGEST_LEN]);

#endif

/*
 * sign.h - signatures of assertions (RFC 7515) with a private key from a credential: RS256 and ES256.
 */
#ifndef CB_TLS_SIGN_H
#define CB_TLS_SIGN_H

#include "base/buf.h"

#define TLS_SIGNATURE_MAX 1024 /* bytes; RSA with 8192 bits */

struct tls_signer;

/* From a private key in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted: RSA with 2048 to 8192 bits, or P-256. CB_EINVAL for
 * everything else, CB_ENOMEM. Free at once after use: that wipes the key. */
CB_MUST_USE int tls_signer_new(struct span pem, struct tls_signer **out);
/* "RS256" or "ES256". */
const char *tls_signer_algorithm(const struct tls_signer *signer);
/* Appends the signature of `message` as JWS has it: PKCS #1 v1.5 with SHA-256, or r and s of 32 bytes each. CB_ECRYPTO. */
CB_MUST_USE int tls_signer_sign(struct tls_signer *signer, struct span message, struct buf *out);
/* NULL is fine. */
void tls_signer_free(struct tls_signer *signer);

#endif

/*
 * passphrase.h - a master key from a passphrase: argon2id, whose salt and costs are stored beside what is sealed.
 */
#ifndef CB_TLS_PASSPHRASE_H
#define CB_TLS_PASSPHRASE_H

#include "base/secret.h"

#define PASSPHRASE_SALT_LEN 16
#define PASSPHRASE_KDF_LEN  25   /* encoded */
#define PASSPHRASE_MIN      12   /* bytes: who has the database can try as many as he likes */
#define PASSPHRASE_MAX      1024 /* bytes */

/* Nothing of this is secret. */
struct passphrase_kdf {
    uint8_t salt[PASSPHRASE_SALT_LEN];
    uint32_t passes;
    uint32_t kib; /* of memory */
};

/* A new salt, and the costs of today. */
void passphrase_kdf_new(struct passphrase_kdf *out);
void passphrase_kdf_write(const struct passphrase_kdf *kdf, uint8_t out[PASSPHRASE_KDF_LEN]);
/* CB_EMALFORMED, or CB_ELIMIT for costs that are out of bounds. */
CB_MUST_USE int passphrase_kdf_read(struct span from, struct passphrase_kdf *out);
/* The master key (SEAL_MASTER_LEN bytes), which the caller frees. CB_ENOMEM when there is no memory for it. */
CB_MUST_USE int passphrase_master(struct span passphrase, const struct passphrase_kdf *kdf,
                                  struct secret **out);

#endif

/* keys.h - where the vault's key pair comes from; see keys.c. Only for this module. */
#ifndef CB_VAULT_KEYS_H
#define CB_VAULT_KEYS_H

#include "base/secret.h"
#include "tls/passphrase.h"
#include "tls/seal.h"

/* A master key, or the passphrase that one is made from; or neither. */
struct vault_source {
    struct secret *master;
    struct secret *passphrase;
};

struct vault_pair {
    uint8_t public_key[SEAL_PUBLIC_LEN];
    struct secret *secret_key; /* NULL: none */
};

/* How the master key is made from a passphrase, as it is stored; empty when there is none. */
struct vault_kdf {
    uint8_t bytes[PASSPHRASE_KDF_LEN];
    size_t len;
};

/* Reads what the descriptor has; it stays the caller's. CB_EINVAL has been said. */
CB_MUST_USE int source_read(struct vault_source *s, bool passphrase, int fd);
bool source_is_there(const struct vault_source *s);
void source_forget(struct vault_source *s);
/* The key pair for that database. CB_EINVAL: a passphrase for a database that has none (an empty `kdf`), or the other way round. */
CB_MUST_USE int source_pair(const struct vault_source *s, struct span database_id, struct span kdf,
                            struct vault_pair *out);
/* The same for a source that nothing is sealed for yet. */
CB_MUST_USE int source_new_pair(const struct vault_source *s, struct span database_id, struct vault_kdf *kdf,
                                struct vault_pair *out);
void pair_forget(struct vault_pair *p);

#endif

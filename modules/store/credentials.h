/*
 * credentials.h - sealed credentials and certificate authorities in the database. What is sealed stays sealed here.
 *
 * Functions that change something are transactions of their own; see tenants.h.
 */
#ifndef CB_STORE_CREDENTIALS_H
#define CB_STORE_CREDENTIALS_H

#include "ipc/codec.h"
#include "store/db.h"

/*
 * Sets a credential or replaces it, and raises the tenant's generation. `binding` is our copy of what the box has inside.
 * CB_ENOTFOUND: no such tenant. CB_ECONFLICT: the name is another tenant's by now, or its routes send the credential where
 * `binding` does not allow it. CB_EINVAL: an invalid name, an empty box or binding.
 */
CB_MUST_USE int store_credential_put(struct store_db *db, const struct ipc_credential_put *put,
                                     uint64_t now_ms, uint64_t *generation);
/*
 * Another box in the place of the one with this SHA-256: the same credential in the same version, with what the vault has put
 * inside. CB_ENOTFOUND: not set. CB_ECONFLICT: another one is there. CB_EINVAL: an empty box, or no hash.
 */
CB_MUST_USE int store_credential_replace(struct store_db *db, const struct ipc_sealed_replace *replace);
/* Takes box and binding away; placeholder and version stay. CB_ENOTFOUND: no such tenant, or not set. */
CB_MUST_USE int store_credential_delete(struct store_db *db, const struct ipc_credential_delete *m,
                                        uint64_t now_ms, uint64_t *tenant_id, uint64_t *generation);
/* A request with it was allowed at that time: the latest is remembered, in the transaction that is open. Harmless when it is not there. */
CB_MUST_USE int store_credential_used(struct store_db *db, uint64_t tenant_id, struct span credential,
                                      uint64_t time_ms);
/* Appends the sealed box. CB_ENOTFOUND: not set. */
CB_MUST_USE int store_credential_box(struct store_db *db, uint64_t tenant_id, struct span credential,
                                     struct buf *box);
/* Appends the list of the message SPEC: what the tenant's spec uses. */
CB_MUST_USE int store_credentials_for_egress(struct store_db *db, uint64_t tenant_id, struct buf *out);
/* Appends the list of the message TENANT: what is used or set. */
CB_MUST_USE int store_credentials_for_people(struct store_db *db, uint64_t tenant_id, struct buf *out);

/* When the tenant's CA was made; 0 when it has none. */
CB_MUST_USE int store_ca_made(struct store_db *db, uint64_t tenant_id, uint64_t *made_ms);
/* Appends the certificate of its successor; nothing when there is none. */
CB_MUST_USE int store_ca_next_get(struct store_db *db, uint64_t tenant_id, struct buf *cert);
/* Stores a successor, and a record of that in the audit. CB_EEXIST: there is one, which agents may have been given. CB_ENOTFOUND: the
 * tenant has no CA that it could succeed. */
CB_MUST_USE int store_ca_next_add(struct store_db *db, const struct ipc_ca_put *m, uint64_t now_ms);
/* The successor takes its place, with a record, and the tenant's generation is raised. CB_ENOTFOUND: there is none. */
CB_MUST_USE int store_ca_finish(struct store_db *db, uint64_t tenant_id, struct span by, uint64_t now_ms,
                                uint64_t *generation);

/* A sealed box, wherever it is. */
struct store_sealed {
    enum ipc_sealed_kind kind;
    uint64_t tenant_id;
    char name[IPC_NAME_MAX + 1]; /* of a credential */
    struct buf box;
};

/*
 * For `clawbox rekey` (rekey.c), inside one transaction of the caller. next: the box after that one, credentials first; CB_ENOTFOUND
 * after the last; buf_deinit() the box. put: the row's box is replaced. finish: the public key and how it is derived; CB_ECONFLICT
 * when `rows` is not the number of boxes that there are.
 */
CB_MUST_USE int store_rekey_next(struct store_db *db, enum ipc_sealed_kind kind, uint64_t tenant_id,
                                 struct span name, struct store_sealed *out);
CB_MUST_USE int store_rekey_put(struct store_db *db, enum ipc_sealed_kind kind, uint64_t tenant_id,
                                struct span name, struct span box);
CB_MUST_USE int store_rekey_finish(struct store_db *db, struct span public_key, struct span kdf,
                                   uint64_t rows);

/* Appends certificate and sealed key of the tenant's CA. CB_ENOTFOUND: it has none, or there is no such tenant. */
CB_MUST_USE int store_ca_get(struct store_db *db, uint64_t tenant_id, struct buf *cert,
                             struct buf *sealed_key);
/* Stores or replaces it. CB_ENOTFOUND: no such tenant. */
CB_MUST_USE int store_ca_put(struct store_db *db, uint64_t tenant_id, struct span cert,
                             struct span sealed_key, uint64_t now_ms);

#endif

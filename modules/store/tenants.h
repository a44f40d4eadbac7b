/*
 * tenants.h - tenants in the database: apply, get, list, delete.
 *
 * Functions that change something are transactions of their own (CB_ESTATE inside another one), with a record of who did it in the audit
 * (change.h): after a failure nothing has happened, and store_db_why() has a text for people.
 */
#ifndef CB_STORE_TENANTS_H
#define CB_STORE_TENANTS_H

#include "ipc/codec.h"
#include "store/db.h"

#define STORE_APPLY_TENANTS_MAX 4096

enum store_applied_what { STORE_APPLIED_UNCHANGED, STORE_APPLIED_CREATED, STORE_APPLIED_UPDATED };

/* What became of one tenant of an apply, in the order in which they were given. */
struct store_applied {
    uint64_t tenant_id;
    uint64_t generation;
    enum store_applied_what what;
    uint16_t port; /* that its listener had last; 0 for none */
    char name[IPC_NAME_MAX + 1];
};

/*
 * Applies the list of the message TENANTS_APPLY, all or none; with `dry_run` none, but everything else as if. Every spec is decoded and must be of the tenant it is given
 * for; every credential of it needs a placeholder in the list. A credential that is set is bound to hosts: a spec that sends
 * it anywhere else is refused.
 * 0 and *out (free() it, even for an empty list). CB_EMALFORMED, CB_EINVAL and others of reader.h: the list. CB_EPERM: a binding does not cover
 * the routes. CB_EEXIST, CB_ECONFLICT: the tenant is not as `expect` says. CB_EFULL and others.
 */
CB_MUST_USE int store_tenants_apply(struct store_db *db, const struct ipc_tenants_apply *apply,
                                    uint64_t now_ms, struct store_applied **out, size_t *count);
/* Appends the list of the message TENANTS_APPLIED. */
CB_MUST_USE int store_applied_write(const struct store_applied *applied, size_t count, struct buf *out);

struct store_tenant {
    uint64_t id;
    uint64_t generation;
    uint16_t port;
    char name[IPC_NAME_MAX + 1];
    char token[IPC_TOKEN_MAX + 1];
    uint64_t suspended_ms; /* 0: it is not */
    char suspended_by[33];
    struct buf yaml;
    struct buf spec; /* spec_encode()'s */
};

/* CB_ENOTFOUND when there is none. Free with store_tenant_deinit(), which a failed get does not need but stands. */
CB_MUST_USE int store_tenant_get(struct store_db *db, struct span name, struct store_tenant *out);
CB_MUST_USE int store_tenant_get_by_id(struct store_db *db, uint64_t id, struct store_tenant *out);
void store_tenant_deinit(struct store_tenant *tenant);

/* The few things that are asked often, without the tenant's file and specification. CB_ENOTFOUND. */
struct store_brief {
    uint16_t port;
    uint64_t suspended_ms;
    uint64_t generation;
    char name[IPC_NAME_MAX + 1];
};
CB_MUST_USE int store_tenant_brief(struct store_db *db, uint64_t id, struct store_brief *out);

/* Appends the list of the message TENANT_PAGE: at most `limit` tenants whose names come after `after`, and no more than there is
 * room for; with `only` no other than that. Without `now_ms` nothing is said of their requests. CB_ELIMIT when there is not room for one. */
CB_MUST_USE int store_tenant_list(struct store_db *db, struct span only, struct span after, uint32_t limit,
                                  uint64_t now_ms, struct buf *out, bool *more);

/* Deletes the tenant with its credentials and its CA; its audit stays, its id is never used again. CB_ENOTFOUND. CB_ECONFLICT: it is not
 * the one, or not in the generation, that is asked for. */
CB_MUST_USE int store_tenant_delete(struct store_db *db, const struct ipc_tenant_delete *which,
                                    uint64_t now_ms, uint64_t *tenant_id);
/*
 * Suspends a tenant or lets it go on. `by` is who did it, for people, and of it 32 bytes stay with the tenant;
 * `request_id` is that of the request that caused it, or empty. CB_EEXIST when it is so already: nothing is changed then.
 * CB_ENOTFOUND.
 */
CB_MUST_USE int store_tenant_suspend(struct store_db *db, uint64_t id, bool suspend, struct span by,
                                     struct span request_id, uint64_t now_ms, uint64_t *generation);
/* Gives the tenant this proxy token: STORE_TOKEN_MIN to IPC_TOKEN_MAX letters, digits and "-._~" (what a URL takes as it is, RFC 3986).
 * CB_EINVAL; CB_ENOTFOUND; CB_EEXIST when it has it already, and then nothing is changed. */
#define STORE_TOKEN_MIN 22
CB_MUST_USE int store_tenant_set_token(struct store_db *db, const struct ipc_tenant_token *m, uint64_t now_ms,
                                       uint64_t *id, uint64_t *generation);
/* Remembers the port that the tenant's listener got. CB_ENOTFOUND. */
CB_MUST_USE int store_tenant_set_port(struct store_db *db, uint64_t id, uint16_t port);

#endif

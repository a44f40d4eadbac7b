/*
 * grants.h - what somebody allowed for a time, or once (policy/grant.h), in the database.
 *
 * The store counts the use of a grant in the transaction of the decision's record: what was granted once passes once, whoever is
 * killed in between, because the record of the pass and the end of the grant become durable together.
 */
#ifndef CB_STORE_GRANTS_H
#define CB_STORE_GRANTS_H

#include "ipc/codec.h"
#include "policy/grants.h"
#include "store/audit_row.h"
#include "store/db.h"

struct store_granted {
    uint64_t id;
    uint64_t tenant_id;
    uint64_t until_ms;
};

/* Grants, with a record of that in the audit. CB_EINVAL; CB_ENOTFOUND: no such tenant; CB_ELIMIT: it has as many as there can be. */
CB_MUST_USE int store_grant_create(struct store_db *db, const struct ipc_grant_create *m, uint64_t now_ms,
                                   struct store_granted *out);
/* Takes a grant back, with a record. CB_ENOTFOUND: the tenant has none of that number, or no more. */
CB_MUST_USE int store_grant_delete(struct store_db *db, const struct ipc_grant_delete *m, uint64_t now_ms,
                                   uint64_t *tenant_id);
/* Appends the list of SPEC, or with `people` that of GRANTS: those that are not over, the newest last. */
CB_MUST_USE int store_grants_list(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, bool people,
                                  struct buf *out);
/* Appends "HOST\n" of each that is not over. */
CB_MUST_USE int store_grants_hosts(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, struct buf *out);
/*
 * The decision is made by the grant of that number: counts the use. Only inside a transaction (CB_ESTATE else). CB_EPERM, and nothing is changed:
 * the tenant has no such grant, it is over or used up, or it is for another scheme, host, port, method or path. *last: it is used up now.
 */
CB_MUST_USE int store_grant_use(struct store_db *db, uint64_t id, const struct store_audit_row *row,
                                uint64_t now_ms, bool *last);
/* Forgets one that is over, of any tenant: 1 and whose it was; 0 when there is none. An error else. */
CB_MUST_USE int store_grants_prune(struct store_db *db, uint64_t now_ms, uint64_t *tenant_id);
/* When the next one ends; 0: there are none. */
CB_MUST_USE int store_grants_next(struct store_db *db, uint64_t *until_ms);

#endif

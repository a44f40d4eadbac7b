/*
 * change.h - who changed what: a record in the audit's chain, with a row beside it that is found without reading the audit; and what tenants'
 * documents were.
 */
#ifndef CB_STORE_CHANGE_H
#define CB_STORE_CHANGE_H

#include "ipc/codec.h"
#include "store/audit_row.h"
#include "store/db.h"

#define STORE_REVISIONS_MAX  100           /* of one tenant; the oldest go */
#define STORE_CHANGES_LIMIT  500           /* in one page */
#define STORE_CHANGE_NOBODYS SPAN_LIT("-") /* stands for the tenant of what is no tenant's */

struct store_change {
    struct span tenant; /* empty: it is no tenant's */
    uint64_t tenant_id;
    uint64_t generation;    /* of the document that it made; 0: none */
    struct span change;     /* "created", "suspended", ... */
    struct span detail;     /* of what: a credential's name, a token's; for people */
    struct span by;         /* as `by` in messages has it */
    struct span request_id; /* of the request that caused it; empty: none did */
    uint8_t reason;         /* why requests are refused from now on; POLICY_REASON_ROUTE: they are not */
    uint64_t now_ms;
};

/* Writes both. Only inside a transaction (CB_ESTATE else). */
CB_MUST_USE int store_change_add(struct store_db *db, const struct store_change *change);
/* Appends the list of CHANGES: those before `before` (0: the newest), newest first; of one tenant, or with 0 of all. CB_ELIMIT: there is not room
 * for one. */
CB_MUST_USE int store_change_list(struct store_db *db, uint64_t tenant_id, uint64_t before, uint32_t limit,
                                  struct buf *out, bool *more);

/* Keeps the document that a tenant has from this generation on, and what it means. Only inside a transaction. */
CB_MUST_USE int store_revision_add(struct store_db *db, uint64_t tenant_id, uint64_t generation,
                                   struct span yaml, struct span spec, struct span by, uint64_t now_ms);

struct store_revision {
    uint64_t time_ms;
    char by[IPC_BY_MAX + 1];
    struct buf yaml;
    struct buf spec;   /* spec_encode()'s, of the time when it was written */
    struct buf before; /* that of the document before it; empty: that is not kept, or there was none */
};

/* CB_ENOTFOUND: it is not kept. Free with store_revision_deinit() after 0. */
CB_MUST_USE int store_revision_get(struct store_db *db, uint64_t tenant_id, uint64_t generation,
                                   struct store_revision *out);
void store_revision_deinit(struct store_revision *revision);

#endif

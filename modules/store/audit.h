/*
 * audit.h - the audit in the database: append, page, verify.
 *
 * Each record's hash is SHA-256(hash of the record before || its encoding), with 32 zero bytes before the first; the
 * encoding has seq in it, and seq counts 1, 2, 3, ... So a changed, removed, added or exchanged record breaks the chain, unless
 * somebody computes it anew from there to the end: who keeps a (seq, hash) elsewhere finds that too, and likewise a cut end.
 */
#ifndef CB_STORE_AUDIT_H
#define CB_STORE_AUDIT_H

#include "store/audit_row.h"
#include "store/db.h"

/* Appends one record, with what is kept beside it: the summary of a block (audit_block.h), and for every 256 what they add up to (series.h). `row->seq` is not read. Only inside a transaction (CB_ESTATE else): the record is durable when the
 * transaction has been committed, and many can share one. After a failure roll the transaction back. */
CB_MUST_USE int store_audit_append(struct store_db *db, const struct store_audit_row *row, uint64_t *seq);

/* The number of the last record; 0 when there is none. */
CB_MUST_USE int store_audit_last_seq(struct store_db *db, uint64_t *seq);

/* As in the message AUDIT_PAGE. */
struct store_audit_query {
    struct span tenant; /* empty: all */
    uint64_t after_seq;
    uint64_t since_ms;
    bool denied_only;
    bool newest; /* the last `limit` instead of the first; oldest first all the same */
    uint32_t limit;
};

struct store_audit_page {
    uint64_t last_seq; /* of the last record in the page; after_seq when it is empty */
    bool more;         /* there are further records that match: after it, or with `newest` before it */
};

/* Appends the list that AUDIT_ROWS carries (audit_row.h) to `rows`, as many records as it has room for. CB_ELIMIT when it has
 * not room for the list's head and one record. */
CB_MUST_USE int store_audit_page(struct store_db *db, const struct store_audit_query *query, struct buf *rows,
                                 struct store_audit_page *page);

struct store_audit_verified {
    uint64_t last_seq;          /* the last good record, or the one where the chain breaks */
    uint64_t rows;              /* good ones in this slice */
    uint8_t hash[IPC_HASH_LEN]; /* of the last good record: goes into the next call */
    bool more;
};

/*
 * Verifies at most `limit` records after `after_seq`, whose hash is given by whoever remembers it (empty: `after_seq` must be
 * 0, CB_EINVAL else). CB_ECORRUPT at the first break, with store_db_why() saying how.
 */
CB_MUST_USE int store_audit_verify(struct store_db *db, uint64_t after_seq, struct span hash, uint32_t limit,
                                   struct store_audit_verified *out);

#endif

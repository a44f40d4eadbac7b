/*
 * audit_block.h - summaries of the audit, by which a search passes over what it need not read.
 *
 * The audit is cut into blocks of STORE_BLOCK_ROWS records. Of each block that is complete there is its span of time and a Bloom
 * filter of what its records can be searched for, each alone and together with its tenant: so a rare reason in millions of
 * records is found by reading one summary per block. That costs appending nothing but for one record in so many, where an index for each
 * field would cost a page of the log for each field of each record.
 *
 * A filter never says no to what is there. An agent that makes up hosts can make filters say yes in vain, which costs a search time
 * and no record; what a search does at once is bounded (audit_search.h).
 */
#ifndef CB_STORE_AUDIT_BLOCK_H
#define CB_STORE_AUDIT_BLOCK_H

#include "store/audit_row.h"
#include "store/db.h"

#define STORE_BLOCK_ROWS     256
#define STORE_BLOCK_KEYS_LEN 1024

struct store_block {
    uint64_t min_ms;
    uint64_t max_ms;
    uint8_t keys[STORE_BLOCK_KEYS_LEN];
};

/* What a record can be searched for. */
enum store_block_field {
    STORE_BLOCK_TENANT,
    STORE_BLOCK_KIND,
    STORE_BLOCK_VERDICT,
    STORE_BLOCK_REASON,
    STORE_BLOCK_ROUTE,
    STORE_BLOCK_HOST,
    STORE_BLOCK_REQUEST
};

/* The filter's key of that value (numbers: one byte; hosts: in letters of either case), in records of that tenant, or of any when it is
 * empty. */
uint64_t store_block_key(enum store_block_field field, struct span tenant, struct span value);
/* Whether a record with that key may be in the block; `keys` is its filter. */
bool store_block_may_have(struct span keys, uint64_t key);

/* Writes the summary of the block whose last record is `last_seq`, a multiple of STORE_BLOCK_ROWS. Inside of a transaction. */
CB_MUST_USE int store_block_add(struct store_db *db, uint64_t last_seq);
/* Writes those that are missing: in a database from before there were any. Transactions of its own. */
CB_MUST_USE int store_blocks_complete(struct store_db *db);
/* Whether the summary of that block is there and is that of its records. CB_ECORRUPT: no. */
CB_MUST_USE int store_block_check(struct store_db *db, uint64_t last_seq);

#endif

/*
 * audit_search.h - records that fit a description, newest first, found slice by slice.
 */
#ifndef CB_STORE_AUDIT_SEARCH_H
#define CB_STORE_AUDIT_SEARCH_H

#include "ipc/codec.h"
#include "store/db.h"

/* What one slice reads at most: some ten milliseconds. */
#define STORE_SEARCH_ROWS   8192
#define STORE_SEARCH_BLOCKS 8192

/*
 * Appends the records that fit, as the list that AUDIT_FOUND carries (audit_row.h), newest first, at most `search->limit` of them and as
 * many as `rows` has room for. *next is the `before_seq` with which the search goes on, whether or not something was found; 0 when every
 * record has been looked at. CB_EINVAL: a verdict, reason or kind that there is not. CB_ELIMIT when `rows` has not room for the list's head
 * and one record.
 */
CB_MUST_USE int store_audit_search(struct store_db *db, const struct ipc_audit_search *search,
                                   struct buf *rows, uint64_t *next);

#endif

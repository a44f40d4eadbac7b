/*
 * series.h - sums of the audit by minute and hour, for each tenant and for all together: what charts are made of.
 *
 * A request is counted once, when it is refused or when it has ended, as in count.h. Minutes are kept for STORE_SERIES_MINUTES_MS, hours for good.
 */
#ifndef CB_STORE_SERIES_H
#define CB_STORE_SERIES_H

#include "ipc/codec.h"
#include "store/audit_row.h"
#include "store/db.h"

#define STORE_SERIES_MINUTES_MS (UINT64_C(8) * 24 * 3600 * 1000)

/*
 * Adds the records that are not in the sums yet, and when their credentials were used, in the transaction that is open or in one of its
 * own. store_audit_append() calls it for every 256 records, in their transaction; whoever reads has to call it before, where it is not said
 * that it is done. Nothing to add costs two small reads.
 */
CB_MUST_USE int store_series_catch_up(struct store_db *db);
/*
 * Appends the list of the message SERIES. CB_ENOTFOUND: no such tenant. CB_EINVAL: a step that is no multiple of a minute, or more than
 * IPC_SERIES_POINTS of them in the time.
 */
CB_MUST_USE int store_series_read(struct store_db *db, const struct ipc_series_get *query,
                                  struct buf *points);

struct store_recent {
    uint64_t requests; /* in the 24 hours before now */
    uint64_t denied;   /* of them: refused, for whatever reason */
    uint64_t last_ms;  /* the last request; 0: none */
};
/* Of the records that are in the sums. */
CB_MUST_USE int store_series_recent(struct store_db *db, uint64_t tenant_id, uint64_t now_ms,
                                    struct store_recent *out);
/* The tenant is gone: its rows go, in the transaction that is open. Its last records have to be in the sums before that. */
CB_MUST_USE int store_series_forget(struct store_db *db, uint64_t tenant_id);
/* Takes away minutes that are too old: at most an hour of them, so that nobody waits for it; *more: call it again. A transaction of its own. */
CB_MUST_USE int store_series_prune(struct store_db *db, uint64_t now_ms, bool *more);
/* The same at the start, with as many transactions as it takes: the records of before there were sums, of which minutes are made only
 * where they are kept. Not what any store leaves for the next one, fewer than 256: a start that fails after this has changed nothing. */
CB_MUST_USE int store_series_complete(struct store_db *db, uint64_t now_ms);

#endif

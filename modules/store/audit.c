/* audit.c - the hash chain. */
#include "store/audit.h"

#include "ipc/codec.h"
#include "policy/verdict.h"
#include "store/audit_block.h"
#include "store/series.h"
#include "tls/seal.h"
#include "wire/writer.h"

_Static_assert(DIGEST_LEN == IPC_HASH_LEN, "the chain uses SHA-256");

static void chain_hash(struct span before, struct span encoded, uint8_t out[DIGEST_LEN])
{
    const struct span parts[] = {before, encoded};
    digest_sha256(parts, 2, out);
}

/* What clawbox said no to, whatever the name of the no. */
static bool is_denied(uint8_t reason)
{
    enum policy_verdict verdict = policy_reason_verdict((enum policy_reason)reason);
    return verdict != POLICY_VERDICT_ALLOWED && verdict != POLICY_VERDICT_FAILED;
}

/* seq and hash of the last record; 0 and zeroes when there is none. */
static int store_audit_last(struct store_db *db, uint64_t *seq, uint8_t hash[DIGEST_LEN])
{
    if (db->appended && store_db_in_transaction(db)) {
        *seq = db->last_seq;
        memcpy(hash, db->last_hash, DIGEST_LEN);
        return 0;
    }
    *seq = 0;
    memset(hash, 0, DIGEST_LEN);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_LAST);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        struct span last = store_column_span(stmt, 1);
        *seq = store_column_u64(stmt, 0);
        r = last.len == DIGEST_LEN ? 0 : store_db_fail(db, CB_ECORRUPT, "a hash has the wrong length");
        if (r == 0) {
            memcpy(hash, last.ptr, DIGEST_LEN);
        }
    }
    store_stmt_done(stmt);
    return r;
}

int store_audit_last_seq(struct store_db *db, uint64_t *seq)
{
    uint8_t hash[DIGEST_LEN];
    return store_audit_last(db, seq, hash);
}

int store_audit_append(struct store_db *db, const struct store_audit_row *row, uint64_t *seq)
{
    if (!store_db_in_transaction(db)) {
        return store_db_fail(db, CB_ESTATE, "no transaction is open");
    }
    struct buf encoded;
    uint8_t before[DIGEST_LEN];
    uint8_t hash[DIGEST_LEN];
    struct store_audit_row numbered = *row;
    buf_init(&encoded, STORE_AUDIT_ROW_MAX);
    int r = store_audit_last(db, &numbered.seq, before);
    if (r == 0) {
        numbered.seq++;
        r = store_audit_row_encode(&numbered, &encoded);
    }
    if (r != 0) {
        goto out;
    }
    chain_hash(span_of(before, sizeof(before)), buf_span(&encoded), hash);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_ADD);
    store_bind_u64(stmt, 1, numbered.seq);
    store_bind_text(stmt, 2, row->tenant);
    store_bind_u64(stmt, 3, row->time_ms);
    store_bind_u64(stmt, 4, is_denied(row->reason) ? 1 : 0);
    store_bind_blob(stmt, 5, buf_span(&encoded));
    store_bind_blob(stmt, 6, span_of(hash, sizeof(hash)));
    r = store_stmt_run(db, stmt);
    if (r == 0) {
        db->appended = true;
        db->last_seq = numbered.seq;
        memcpy(db->last_hash, hash, DIGEST_LEN);
    }
    if (r == 0 && numbered.seq % STORE_BLOCK_ROWS == 0) {
        r = store_block_add(db, numbered.seq);
        r = r == 0 ? store_series_catch_up(db) : r;
    }
    if (r == 0) {
        *seq = numbered.seq;
    }
out:
    buf_deinit(&encoded);
    return r;
}

/* ---- pages ---- */

/* Where one record of the page lies in the collected bytes. */
static int page_add(struct store_db *db, sqlite3_stmt *stmt, struct buf *out)
{
    struct span encoded = store_column_span(stmt, 1);
    struct span hash = store_column_span(stmt, 2);
    struct store_audit_row row;
    /* A record that cannot be read would make the whole list unreadable at the other end. */
    if (hash.len != DIGEST_LEN || store_audit_row_decode(encoded, &row) != 0 ||
        row.seq != store_column_u64(stmt, 0)) {
        return store_db_fail(db, CB_ECORRUPT, "record %llu of the audit is damaged",
                             (unsigned long long)store_column_u64(stmt, 0));
    }
    if (4 + encoded.len + DIGEST_LEN > buf_room(out)) {
        return CB_ELIMIT;
    }
    struct writer w = writer_to(out);
    writer_bytes(&w, encoded, STORE_AUDIT_ROW_MAX);
    writer_raw(&w, hash.ptr, hash.len);
    return writer_finish(&w);
}

/* Appends the records of `from` in the opposite order. */
static int page_reverse(struct span from, struct buf *to)
{
    size_t base = buf_len(to);
    uint8_t *out;
    int r = buf_reserve(to, from.len, &out);
    if (r != 0 || from.len == 0) {
        return r;
    }
    struct reader reader = reader_of(from);
    uint8_t *end = out + from.len;
    while (reader.rest.len > 0 && reader.error == 0) {
        struct span rest = reader.rest;
        (void)reader_bytes(&reader, STORE_AUDIT_ROW_MAX);
        (void)reader_take(&reader, DIGEST_LEN);
        size_t len = rest.len - reader.rest.len;
        end -= len;
        memcpy(end, rest.ptr, len);
    }
    if (reader.error != 0 || base + from.len > to->max) {
        return CB_EINTERNAL;
    }
    buf_commit(to, from.len);
    return 0;
}

int store_audit_page(struct store_db *db, const struct store_audit_query *query, struct buf *rows,
                     struct store_audit_page *page)
{
    static const enum store_stmt which[2][2] = {
        {STORE_STMT_AUDIT_PAGE, STORE_STMT_AUDIT_PAGE_TENANT},
        {STORE_STMT_AUDIT_NEWEST, STORE_STMT_AUDIT_NEWEST_TENANT},
    };
    if (buf_room(rows) < 4) {
        return CB_ELIMIT;
    }
    struct buf found;
    buf_init(&found, buf_room(rows) - 4);
    *page = (struct store_audit_page){.last_seq = query->after_seq, .more = false};

    sqlite3_stmt *stmt = store_stmt(db, which[query->newest ? 1 : 0][query->tenant.len > 0 ? 1 : 0]);
    store_bind_u64(stmt, 1, query->after_seq);
    store_bind_u64(stmt, 2, query->since_ms);
    store_bind_u64(stmt, 3, query->denied_only ? 1 : 0);
    store_bind_u64(stmt, 4, (uint64_t)query->limit + 1); /* one more tells whether there are more */
    if (query->tenant.len > 0) {
        store_bind_text(stmt, 5, query->tenant);
    }
    uint32_t count = 0;
    int r;
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (count == query->limit) {
            page->more = true;
            r = 0;
            break;
        }
        r = page_add(db, stmt, &found);
        if (r == CB_ELIMIT && count > 0) {
            page->more = true;
            r = 0;
            break;
        }
        if (r != 0) {
            break;
        }
        if (!query->newest || count == 0) {
            page->last_seq = store_column_u64(stmt, 0);
        }
        count++;
    }
    store_stmt_done(stmt);
    if (r == 0) {
        struct writer w = writer_to(rows);
        writer_u32(&w, count);
        r = writer_finish(&w);
    }
    if (r == 0) {
        r = query->newest ? page_reverse(buf_span(&found), rows) : buf_append_span(rows, buf_span(&found));
    }
    buf_deinit(&found);
    return r;
}

/* ---- verification ---- */

/* Checks the record that `stmt` stands on against the last good one. */
static int verify_row(struct store_db *db, sqlite3_stmt *stmt, struct store_audit_verified *v)
{
    uint64_t seq = store_column_u64(stmt, 0);
    struct span encoded = store_column_span(stmt, 4);
    struct span stored = store_column_span(stmt, 5);
    struct store_audit_row row;
    uint8_t hash[DIGEST_LEN];
    const char *how = NULL;

    chain_hash(span_of(v->hash, sizeof(v->hash)), encoded, hash);
    if (seq != v->last_seq + 1) {
        how = "the record before it is missing";
    } else if (!span_eq(stored, span_of(hash, sizeof(hash)))) {
        how = "its hash does not fit its content and the record before it";
    } else if (store_audit_row_decode(encoded, &row) != 0) {
        how = "its content cannot be read";
    } else if (row.seq != seq) {
        how = "its content says another number";
    } else if (!span_eq(row.tenant, store_column_span(stmt, 1)) || row.time_ms != store_column_u64(stmt, 2) ||
               is_denied(row.reason) != (store_column_u64(stmt, 3) != 0)) {
        how = "the columns for searching differ from its content";
    } else if (seq % STORE_BLOCK_ROWS == 0) {
        int r = store_block_check(db, seq);
        if (r != 0 && r != CB_ECORRUPT) {
            return r;
        }
        how = r != 0 ? "the summary for searching differs from the records before it" : NULL;
    }
    v->last_seq = seq;
    if (how != NULL) {
        return store_db_fail(db, CB_ECORRUPT, "the audit breaks at record %llu: %s", (unsigned long long)seq,
                             how);
    }
    memcpy(v->hash, hash, sizeof(hash));
    v->rows++;
    return 0;
}

int store_audit_verify(struct store_db *db, uint64_t after_seq, struct span hash, uint32_t limit,
                       struct store_audit_verified *out)
{
    *out = (struct store_audit_verified){.last_seq = after_seq};
    uint8_t zeroes[DIGEST_LEN] = {0};
    if ((hash.len != 0 && hash.len != DIGEST_LEN) || (hash.len == 0 && after_seq != 0) ||
        (hash.len != 0 && after_seq == 0 && !span_eq(hash, span_of(zeroes, sizeof(zeroes))))) {
        return store_db_fail(db, CB_EINVAL, "a record's number and its hash go together");
    }
    sqlite3_stmt *stmt;
    int r = 0;
    if (after_seq != 0) {
        memcpy(out->hash, hash.ptr, DIGEST_LEN);
        /* What is remembered must still be there; else a cut end would pass as the end. */
        stmt = store_stmt(db, STORE_STMT_AUDIT_HASH);
        store_bind_u64(stmt, 1, after_seq);
        r = store_stmt_step(db, stmt);
        bool same = r == 1 && span_eq(store_column_span(stmt, 0), hash);
        store_stmt_done(stmt);
        if (r >= 0 && !same) {
            return store_db_fail(db, CB_ECORRUPT, "record %llu is missing or has another hash than before",
                                 (unsigned long long)after_seq);
        }
    }
    if (r < 0) {
        return r;
    }
    stmt = store_stmt(db, STORE_STMT_AUDIT_WALK);
    store_bind_u64(stmt, 1, after_seq);
    store_bind_u64(stmt, 2, (uint64_t)limit + 1);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (out->rows == limit) {
            out->more = true;
            r = 0;
            break;
        }
        r = verify_row(db, stmt, out);
        if (r != 0) {
            break;
        }
    }
    store_stmt_done(stmt);
    return r;
}

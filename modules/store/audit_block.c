/* audit_block.c - summaries of the audit: their filter, and when they are written and compared. */
#include "store/audit_block.h"

#include "policy/verdict.h"
#include "store/audit.h"

#define KEY_BITS       4   /* that a key sets */
#define COMPLETE_SLICE 256 /* blocks in one transaction */

_Static_assert(STORE_BLOCK_KEYS_LEN * 8 == 1 << 13, "store_block_bit() takes 13 bits");

/* ---- the filter ---- */

/* FNV-1a over the lengths and bytes, and then the last steps of splitmix64, which spread it over all bits. Nothing depends on its being hard
 * to guess. */
static uint64_t hash_bytes(uint64_t hash, struct span bytes, bool any_case)
{
    hash = (hash ^ bytes.len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = any_case ? ascii_lower(bytes.ptr[i]) : bytes.ptr[i];
        hash = (hash ^ byte) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t store_block_key(enum store_block_field field, struct span tenant, struct span value)
{
    uint64_t hash = (UINT64_C(0xcbf29ce484222325) ^ (uint64_t)field) * UINT64_C(0x100000001b3);
    hash = hash_bytes(hash, tenant, false);
    hash = hash_bytes(hash, value, field == STORE_BLOCK_HOST);
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

static size_t store_block_bit(uint64_t key, unsigned i)
{
    return (size_t)(key >> (i * 13)) & 0x1fff;
}

bool store_block_may_have(struct span keys, uint64_t key)
{
    bool all = keys.len == STORE_BLOCK_KEYS_LEN;
    for (unsigned i = 0; all && i < KEY_BITS; i++) {
        size_t bit = store_block_bit(key, i);
        all = (keys.ptr[bit / 8] >> (bit % 8) & 1) != 0;
    }
    return all;
}

static void block_put(struct store_block *b, uint64_t key)
{
    for (unsigned i = 0; i < KEY_BITS; i++) {
        size_t bit = store_block_bit(key, i);
        b->keys[bit / 8] |= (uint8_t)(1U << (bit % 8));
    }
}

static void block_put_both(struct store_block *b, enum store_block_field field, struct span tenant,
                           struct span value)
{
    if (value.len != 0) {
        block_put(b, store_block_key(field, SPAN_EMPTY, value));
        block_put(b, store_block_key(field, tenant, value));
    }
}

static void block_put_row(struct store_block *b, const struct store_audit_row *row)
{
    uint8_t kind = (uint8_t)row->kind;
    uint8_t verdict = (uint8_t)policy_reason_verdict((enum policy_reason)row->reason);
    uint8_t reason = row->reason;
    block_put(b, store_block_key(STORE_BLOCK_TENANT, SPAN_EMPTY, row->tenant));
    block_put(b, store_block_key(STORE_BLOCK_REQUEST, SPAN_EMPTY, row->request_id));
    block_put_both(b, STORE_BLOCK_KIND, row->tenant, span_of(&kind, 1));
    block_put_both(b, STORE_BLOCK_VERDICT, row->tenant, span_of(&verdict, 1));
    block_put_both(b, STORE_BLOCK_REASON, row->tenant, span_of(&reason, 1));
    block_put_both(b, STORE_BLOCK_ROUTE, row->tenant, row->route);
    block_put_both(b, STORE_BLOCK_HOST, row->tenant, row->host);
}

/* ---- summaries ---- */

/* Reads the block's records. One that is damaged makes the filter say yes to everything, so that whoever searches hears of it. */
static int block_make(struct store_db *db, uint64_t last_seq, struct store_block *b)
{
    *b = (struct store_block){.min_ms = INT64_MAX};
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_BLOCK_ROWS);
    store_bind_u64(stmt, 1, last_seq - STORE_BLOCK_ROWS);
    store_bind_u64(stmt, 2, last_seq);
    int r;
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct store_audit_row row;
        uint64_t time_ms = store_column_u64(stmt, 0);
        b->min_ms = time_ms < b->min_ms ? time_ms : b->min_ms;
        b->max_ms = time_ms > b->max_ms ? time_ms : b->max_ms;
        if (store_audit_row_decode(store_column_span(stmt, 1), &row) == 0) {
            block_put_row(b, &row);
        } else {
            memset(b->keys, 0xff, sizeof(b->keys));
        }
    }
    store_stmt_done(stmt);
    b->min_ms = b->min_ms < b->max_ms
                    ? b->min_ms
                    : b->max_ms; /* of a block without records, which only an edited file has */
    return r;
}

int store_block_add(struct store_db *db, uint64_t last_seq)
{
    struct store_block b;
    int r = block_make(db, last_seq, &b);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_BLOCK_ADD);
    store_bind_u64(stmt, 1, last_seq / STORE_BLOCK_ROWS - 1);
    store_bind_u64(stmt, 2, b.min_ms);
    store_bind_u64(stmt, 3, b.max_ms);
    store_bind_blob(stmt, 4, span_of(b.keys, sizeof(b.keys)));
    return store_stmt_run(db, stmt);
}

/* How many blocks have a summary: they are written in order. */
static int blocks_count(struct store_db *db, uint64_t *count)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_BLOCK_LAST);
    int r = store_stmt_step(db, stmt);
    *count = r == 1 ? store_column_u64(stmt, 0) + 1 : 0;
    store_stmt_done(stmt);
    return r < 0 ? r : 0;
}

static int complete_slice(struct store_db *db, uint64_t *next, uint64_t blocks)
{
    int r = store_db_begin(db);
    for (unsigned n = 0; r == 0 && n < COMPLETE_SLICE && *next < blocks; n++, (*next)++) {
        r = store_block_add(db, (*next + 1) * STORE_BLOCK_ROWS);
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_blocks_complete(struct store_db *db)
{
    uint64_t last_seq = 0;
    uint64_t next = 0;
    int r = store_audit_last_seq(db, &last_seq);
    if (r == 0) {
        r = blocks_count(db, &next);
    }
    while (r == 0 && next < last_seq / STORE_BLOCK_ROWS) {
        r = complete_slice(db, &next, last_seq / STORE_BLOCK_ROWS);
    }
    return r;
}

int store_block_check(struct store_db *db, uint64_t last_seq)
{
    struct store_block b;
    int r = block_make(db, last_seq, &b);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_BLOCKS);
    store_bind_u64(stmt, 1, last_seq / STORE_BLOCK_ROWS - 1);
    r = store_stmt_step(db, stmt);
    bool same = r == 1 && store_column_u64(stmt, 0) == last_seq / STORE_BLOCK_ROWS - 1 &&
                store_column_u64(stmt, 1) == b.min_ms && store_column_u64(stmt, 2) == b.max_ms &&
                span_eq(store_column_span(stmt, 3), span_of(b.keys, sizeof(b.keys)));
    store_stmt_done(stmt);
    return r < 0 || same ? (r < 0 ? r : 0) : CB_ECORRUPT;
}

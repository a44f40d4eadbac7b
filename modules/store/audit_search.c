/*
 * audit_search.c - the search: block after block from the newest on, those by their summary that may have something, and record after
 * record in them.
 */
#include "store/audit_search.h"

#include "policy/verdict.h"
#include "store/audit.h"
#include "store/audit_block.h"
#include "wire/writer.h"

#define SEARCH_KEYS_MAX 7

/* One slice under way. */
struct search {
    struct store_db *db;
    const struct ipc_audit_search *q;
    uint64_t keys[SEARCH_KEYS_MAX]; /* that a block has to have */
    size_t key_count;
    uint64_t complete;    /* how many blocks are complete, and have a summary */
    uint64_t upper;       /* records below it are still to be looked at */
    uint64_t rows_left;   /* of the budget */
    uint64_t blocks_left; /* the same */
    struct writer out;
    uint32_t found;
    bool full; /* there is no room for more */
};

/* ---- what is looked for ---- */

static void add_key(struct search *s, enum store_block_field field, struct span value)
{
    if (value.len != 0) {
        s->keys[s->key_count++] = store_block_key(field, s->q->tenant, value);
    }
}

static void add_number(struct search *s, enum store_block_field field, uint8_t number, bool is_set)
{
    add_key(s, field, span_of(&number, is_set ? 1 : 0));
}

static void make_keys(struct search *s)
{
    const struct ipc_audit_search *q = s->q;
    add_number(s, STORE_BLOCK_KIND, q->kind, q->kind != 0);
    add_number(s, STORE_BLOCK_VERDICT, (uint8_t)(q->verdict - 1), q->verdict != 0);
    add_number(s, STORE_BLOCK_REASON, (uint8_t)(q->reason - 1), q->reason != 0);
    add_key(s, STORE_BLOCK_ROUTE, q->route);
    add_key(s, STORE_BLOCK_HOST, q->host);
    /* These are there without a tenant only. */
    if (q->request_id.len != 0) {
        s->keys[s->key_count++] = store_block_key(STORE_BLOCK_REQUEST, SPAN_EMPTY, q->request_id);
    }
    if (q->tenant.len != 0) {
        s->keys[s->key_count++] = store_block_key(STORE_BLOCK_TENANT, SPAN_EMPTY, q->tenant);
    }
}

static bool has_text(struct span in, struct span text)
{
    for (size_t i = 0; i + text.len <= in.len; i++) {
        if (span_eq_nocase(span_sub(in, i, text.len), text)) {
            return true;
        }
    }
    return false;
}

static bool row_has_text(const struct store_audit_row *row, struct span text)
{
    const struct span where[] = {row->path,   row->host,       row->query_keys, row->method,
                                 row->route,  row->credential, row->peer,       row->detail,
                                 row->change, row->by,         row->tenant};
    bool has = text.len == 0;
    for (size_t i = 0; !has && i < sizeof(where) / sizeof(where[0]); i++) {
        has = has_text(where[i], text);
    }
    return has;
}

static bool fits(const struct ipc_audit_search *q, const struct store_audit_row *row)
{
    enum policy_verdict verdict = policy_reason_verdict((enum policy_reason)row->reason);
    return (q->tenant.len == 0 || span_eq(row->tenant, q->tenant)) &&
           (q->kind == 0 || (unsigned)row->kind == q->kind) &&
           (q->verdict == 0 || (unsigned)verdict + 1 == q->verdict) &&
           (q->reason == 0 || row->reason + 1U == q->reason) &&
           (q->route.len == 0 || span_eq(row->route, q->route)) &&
           (q->host.len == 0 || span_eq_nocase(row->host, q->host)) &&
           (q->request_id.len == 0 || span_eq(row->request_id, q->request_id)) &&
           row->time_ms >= q->since_ms && (q->until_ms == 0 || row->time_ms <= q->until_ms) &&
           row_has_text(row, q->text);
}

/* ---- looking ---- */

/* Whether the block that `stmt` stands on may have something. */
static bool block_fits(const struct search *s, sqlite3_stmt *stmt)
{
    bool fits = store_column_u64(stmt, 2) >= s->q->since_ms &&
                (s->q->until_ms == 0 || store_column_u64(stmt, 1) <= s->q->until_ms);
    for (size_t i = 0; fits && i < s->key_count; i++) {
        fits = store_block_may_have(store_column_span(stmt, 3), s->keys[i]);
    }
    return fits;
}

/* Lowers `upper` over the blocks that have nothing. One without a summary is taken for one that may have something. */
static int pass_over(struct search *s)
{
    uint64_t block = (s->upper - 2) / STORE_BLOCK_ROWS;
    if (block >= s->complete) {
        return 0;
    }
    sqlite3_stmt *stmt = store_stmt(s->db, STORE_STMT_AUDIT_BLOCKS);
    store_bind_u64(stmt, 1, block);
    int r = 0;
    while (s->blocks_left > 0 && s->upper > 1 && (r = store_stmt_step(s->db, stmt)) == 1) {
        block = (s->upper - 2) / STORE_BLOCK_ROWS;
        if (store_column_u64(stmt, 0) != block || block_fits(s, stmt)) {
            break;
        }
        s->upper = block * STORE_BLOCK_ROWS + 1;
        s->blocks_left--;
    }
    store_stmt_done(stmt);
    return r < 0 ? r : 0;
}

/* The record that `stmt` stands on. */
static int look_at(struct search *s, sqlite3_stmt *stmt)
{
    struct store_audit_row row;
    uint64_t seq = store_column_u64(stmt, 0);
    struct span encoded = store_column_span(stmt, 1);
    struct span hash = store_column_span(stmt, 2);
    if (hash.len != IPC_HASH_LEN || store_audit_row_decode(encoded, &row) != 0 || row.seq != seq) {
        return store_db_fail(s->db, CB_ECORRUPT, "record %llu of the audit is damaged",
                             (unsigned long long)seq);
    }
    if (fits(s->q, &row)) {
        if (4 + encoded.len + hash.len > buf_room(s->out.out)) {
            s->full = true;
            return s->found == 0 ? CB_ELIMIT : 0;
        }
        writer_bytes(&s->out, encoded, STORE_AUDIT_ROW_MAX);
        writer_raw(&s->out, hash.ptr, hash.len);
        s->found++;
        s->full = s->found == s->q->limit;
    }
    s->upper = seq;
    return s->out.error;
}

/* The rest of the block that `upper` is in. */
static int look_through(struct search *s)
{
    uint64_t first = (s->upper - 2) / STORE_BLOCK_ROWS * STORE_BLOCK_ROWS + 1;
    sqlite3_stmt *stmt = store_stmt(s->db, STORE_STMT_AUDIT_DOWN);
    store_bind_u64(stmt, 1, first);
    store_bind_u64(stmt, 2, s->upper);
    int r = 0;
    while (!s->full && (r = store_stmt_step(s->db, stmt)) == 1) {
        r = look_at(s, stmt);
        if (r != 0) {
            break;
        }
        s->rows_left -= s->rows_left > 0 ? 1 : 0;
    }
    store_stmt_done(stmt);
    if (r == 0 && !s->full) {
        s->upper = first; /* numbers have no gaps, but an edited file might */
    }
    return r < 0 ? r : 0;
}

int store_audit_search(struct store_db *db, const struct ipc_audit_search *search, struct buf *rows,
                       uint64_t *next)
{
    struct search s = {.db = db,
                       .q = search,
                       .rows_left = STORE_SEARCH_ROWS,
                       .blocks_left = STORE_SEARCH_BLOCKS,
                       .full = search->limit == 0};
    uint64_t last = 0;
    if (search->verdict > POLICY_VERDICT__COUNT || search->reason > POLICY_REASON__COUNT ||
        search->kind > STORE_AUDIT_CHANGE ||
        (search->request_id.len != 0 && search->request_id.len != IPC_REQUEST_ID_LEN)) {
        return store_db_fail(db, CB_EINVAL, "there are no such records");
    }
    if (buf_room(rows) < 4) {
        return CB_ELIMIT;
    }
    int r = store_audit_last_seq(db, &last);
    if (r != 0) {
        return r;
    }
    s.out = writer_to(rows);
    s.complete = last / STORE_BLOCK_ROWS;
    s.upper = search->before_seq == 0 || search->before_seq > last ? last + 1 : search->before_seq;
    make_keys(&s);
    size_t at = ipc_list_begin(&s.out);
    while (r == 0 && !s.full && s.upper > 1 && s.rows_left > 0 && s.blocks_left > 0) {
        r = pass_over(&s);
        if (r == 0 && s.upper > 1 && s.blocks_left > 0) {
            r = look_through(&s);
        }
    }
    ipc_list_end(&s.out, at, s.found);
    *next = s.upper > 1 ? s.upper : 0;
    return r != 0 ? r : writer_finish(&s.out);
}

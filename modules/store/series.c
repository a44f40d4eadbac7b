/* series.c - sums of the audit by minute and hour. */
#include "store/series.h"

#include "base/strnum.h"
#include "policy/verdict.h"
#include "store/tenants.h"
#include "wire/writer.h"

#include <stdio.h>

#define MINUTE         60
#define HOUR           3600
#define DAY_MS         (UINT64_C(24) * HOUR * 1000)
#define COMPLETE_SLICE 5000
#define META_LEFT      SPAN_LIT("series_left")
/* What one record adds at most; sums stop at the 2^62 that their statement has. So no egress makes a number that the table refuses, which would
 * cost everybody in the batch their records. */
#define ADD_MAX (UINT64_C(1) << 48)

/* The columns of one record, or of a point. */
struct sums {
    uint64_t counts[4]; /* allowed, denied, failed, tripwire */
    uint64_t amounts[4];
};

/* ---- adding ---- */

static bool is_end(const struct store_audit_row *row)
{
    return row->kind == STORE_AUDIT_OUTCOME ||
           (row->kind == STORE_AUDIT_DECISION &&
            policy_reason_verdict((enum policy_reason)row->reason) != POLICY_VERDICT_ALLOWED);
}

static unsigned column_of(uint8_t reason)
{
    switch (policy_reason_verdict((enum policy_reason)reason)) {
    case POLICY_VERDICT_ALLOWED:
        return 0;
    case POLICY_VERDICT_FAILED:
        return 2;
    case POLICY_VERDICT_TRIPWIRE:
        return 3;
    default:
        return 1;
    }
}

static uint64_t amount(uint64_t value)
{
    return value < ADD_MAX ? value : ADD_MAX;
}

static int add_to(struct store_db *db, unsigned span, uint64_t tenant_id, const struct store_audit_row *row)
{
    uint64_t second = row->time_ms / 1000;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_ADD);
    store_bind_u64(stmt, 1, span);
    store_bind_u64(stmt, 2, tenant_id);
    store_bind_u64(stmt, 3, second - second % span);
    for (unsigned i = 0; i < 4; i++) {
        store_bind_u64(stmt, 4 + (int)i, column_of(row->reason) == i ? 1 : 0);
    }
    store_bind_u64(stmt, 8, amount(row->request_bytes));
    store_bind_u64(stmt, 9, amount(row->response_bytes));
    store_bind_u64(stmt, 10, amount(row->input_tokens));
    store_bind_u64(stmt, 11, amount(row->output_tokens));
    store_bind_u64(stmt, 12, row->time_ms);
    return store_stmt_run(db, stmt);
}

static int add_both(struct store_db *db, unsigned span, const struct store_audit_row *row)
{
    int r = add_to(db, span, 0, row);
    return r == 0 && row->tenant_id != 0 ? add_to(db, span, row->tenant_id, row) : r;
}

int store_series_add(struct store_db *db, const struct store_audit_row *row)
{
    if (!is_end(row)) {
        return 0;
    }
    int r = add_both(db, MINUTE, row);
    return r == 0 ? add_both(db, HOUR, row) : r;
}

/* ---- reading ---- */

static int find_tenant(struct store_db *db, struct span name, uint64_t *id)
{
    *id = 0;
    if (name.len == 0) {
        return 0;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_ID);
    store_bind_text(stmt, 1, name);
    int r = store_stmt_step(db, stmt);
    *id = r == 1 ? store_column_u64(stmt, 0) : 0;
    store_stmt_done(stmt);
    return r == 0 ? store_db_fail(db, CB_ENOTFOUND, "there is no tenant \"%.*s\"", SPAN_ARG(name))
                  : (r < 0 ? r : 0);
}

static void write_point(struct writer *w, uint64_t start, const struct sums *s)
{
    writer_u64(w, start);
    for (unsigned i = 0; i < 4; i++) {
        writer_u64(w, s->counts[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        writer_u64(w, s->amounts[i]);
    }
}

int store_series_read(struct store_db *db, const struct ipc_series_get *query, struct buf *points)
{
    uint64_t step = query->step_s;
    uint64_t id;
    if (step == 0 || step % MINUTE != 0 || query->from_s > query->to_s || query->to_s > INT64_MAX / 2 ||
        (query->to_s - query->from_s) / step >= IPC_SERIES_POINTS) {
        return store_db_fail(db, CB_EINVAL, "there is no such series");
    }
    int r = find_tenant(db, query->tenant, &id);
    if (r != 0) {
        return r;
    }
    struct writer w = writer_to(points);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    uint64_t start = 0;
    struct sums sums = {.counts = {0}};
    bool any = false;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_READ);
    store_bind_u64(stmt, 1, step % HOUR == 0 ? HOUR : MINUTE);
    store_bind_u64(stmt, 2, id);
    store_bind_u64(stmt, 3, query->from_s - query->from_s % step);
    store_bind_u64(stmt, 4, query->to_s + (step - query->to_s % step) % step); /* no point is half */
    while ((r = store_stmt_step(db, stmt)) == 1) {
        uint64_t second = store_column_u64(stmt, 0);
        if (any && second - second % step != start) {
            write_point(&w, start, &sums);
            count++;
            sums = (struct sums){.counts = {0}};
        }
        any = true;
        start = second - second % step;
        for (int i = 0; i < 4; i++) {
            sums.counts[i] += store_column_u64(stmt, 1 + i);
            sums.amounts[i] += store_column_u64(stmt, 5 + i);
        }
    }
    store_stmt_done(stmt);
    if (r == 0 && any) {
        write_point(&w, start, &sums);
        count++;
    }
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

int store_series_recent(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, struct store_recent *out)
{
    uint64_t from = now_ms > DAY_MS ? (now_ms - DAY_MS) / 1000 : 0;
    *out = (struct store_recent){.requests = 0};
    /* Whole hours, and before them the minutes of the one that the day begins in. */
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_RECENT);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, from + (HOUR - from % HOUR) % HOUR);
    store_bind_u64(stmt, 3, from);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        out->requests = store_column_u64(stmt, 0);
        out->denied = store_column_u64(stmt, 1);
        out->last_ms = store_column_u64(stmt, 2);
    }
    store_stmt_done(stmt);
    return r < 0 ? r : 0;
}

/* ---- rows that go ---- */

int store_series_forget(struct store_db *db, uint64_t tenant_id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_FORGET);
    store_bind_u64(stmt, 1, tenant_id);
    return store_stmt_run(db, stmt);
}

int store_series_prune(struct store_db *db, uint64_t now_ms, bool *more)
{
    uint64_t before = now_ms > STORE_SERIES_MINUTES_MS ? (now_ms - STORE_SERIES_MINUTES_MS) / 1000 : 0;
    *more = false;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_OLDEST);
    int r = store_stmt_step(db, stmt);
    uint64_t oldest = r == 1 ? store_column_u64(stmt, 0) : before;
    store_stmt_done(stmt);
    if (r < 0 || oldest >= before) {
        return r < 0 ? r : 0;
    }
    *more = oldest + HOUR < before;
    stmt = store_stmt(db, STORE_STMT_SERIES_PRUNE);
    store_bind_u64(stmt, 1, *more ? oldest + HOUR : before);
    return store_stmt_run(db, stmt); /* a transaction by itself */
}

/* ---- records from before ---- */

static int read_left(struct store_db *db, uint64_t *left)
{
    struct buf text;
    buf_init(&text, 32);
    int r = store_meta_get(db, META_LEFT, &text);
    if (r == 0 && strnum_u64(buf_span(&text), INT64_MAX, left) != 0) {
        r = store_db_fail(db, CB_ECORRUPT, "it is not known how many records the sums lack");
    }
    buf_deinit(&text);
    return r;
}

static int write_left(struct store_db *db, uint64_t left)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)left);
    return store_meta_put(db, META_LEFT, span_str(text));
}

/* The record that `stmt` stands on. One that is damaged is not counted: the verification tells of it. */
static int complete_row(struct store_db *db, sqlite3_stmt *stmt, uint64_t now_ms)
{
    struct store_audit_row row;
    if (store_audit_row_decode(store_column_span(stmt, 1), &row) != 0 || !is_end(&row)) {
        return 0;
    }
    int r = row.time_ms + STORE_SERIES_MINUTES_MS >= now_ms ? add_both(db, MINUTE, &row) : 0;
    return r == 0 ? add_both(db, HOUR, &row) : r;
}

static int complete_slice(struct store_db *db, uint64_t now_ms, uint64_t *left)
{
    uint64_t first = *left > COMPLETE_SLICE ? *left - COMPLETE_SLICE + 1 : 1;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_DOWN);
    store_bind_u64(stmt, 1, first);
    store_bind_u64(stmt, 2, *left + 1);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        r = complete_row(db, stmt, now_ms);
        if (r != 0) {
            break;
        }
    }
    store_stmt_done(stmt);
    *left = first - 1;
    r = r == 0 ? write_left(db, *left) : r;
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_series_complete(struct store_db *db, uint64_t now_ms)
{
    uint64_t left = 0;
    int r = read_left(db, &left);
    while (r == 0 && left != 0) {
        r = complete_slice(db, now_ms, &left);
    }
    return r;
}

/* series.c - sums of the audit by minute and hour. */
#include "store/series.h"

#include "base/strnum.h"
#include "policy/verdict.h"
#include "store/audit.h"
#include "store/audit_block.h"
#include "store/credentials.h"
#include "wire/writer.h"

#include <stdio.h>

#define MINUTE   60
#define HOUR     3600
#define DAY_MS   (UINT64_C(24) * HOUR * 1000)
#define SLICE    4096 /* records in one transaction */
#define META_SEQ SPAN_LIT("series_seq")
/* What one record adds at most: a slice less than 2^61, and sums stop at the 2^62 that their statement has. So no egress makes a number
 * that the table refuses, which would cost everybody in the batch their records. */
#define ADD_MAX (UINT64_C(1) << 48)

/* The columns of one record, or of a point. */
struct sums {
    uint64_t counts[4]; /* allowed, denied, failed, tripwire */
    uint64_t amounts[4];
};

/* ---- adding ---- */

/* What a slice of the audit adds up to, before it is written: each row of the table once, and not once for each record. */
#define SET_SUMS        64
#define SET_CREDENTIALS 16

struct slice_sums {
    uint64_t span;
    uint64_t tenant_id;
    uint64_t start;
    uint64_t last_ms;
    struct sums sums;
};

struct slice_credential {
    uint64_t tenant_id;
    uint64_t used_ms;
    size_t len;
    uint8_t name[IPC_NAME_MAX];
};

struct slice {
    uint64_t minutes_from_ms; /* older records count for their hour alone */
    size_t sums_count;
    size_t credential_count;
    struct slice_sums sums[SET_SUMS];
    struct slice_credential credentials[SET_CREDENTIALS];
};

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

static int write_sums(struct store_db *db, const struct slice_sums *s)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SERIES_ADD);
    store_bind_u64(stmt, 1, s->span);
    store_bind_u64(stmt, 2, s->tenant_id);
    store_bind_u64(stmt, 3, s->start);
    for (int i = 0; i < 4; i++) {
        store_bind_u64(stmt, 4 + i, s->sums.counts[i]);
        store_bind_u64(stmt, 8 + i, s->sums.amounts[i]);
    }
    store_bind_u64(stmt, 12, s->last_ms);
    return store_stmt_run(db, stmt);
}

static int slice_write(struct store_db *db, struct slice *slice)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < slice->sums_count; i++) {
        r = write_sums(db, &slice->sums[i]);
    }
    for (size_t i = 0; r == 0 && i < slice->credential_count; i++) {
        const struct slice_credential *c = &slice->credentials[i];
        r = store_credential_used(db, c->tenant_id, span_of(c->name, c->len), c->used_ms);
    }
    slice->sums_count = slice->credential_count = 0;
    return r;
}

static int add_to(struct store_db *db, struct slice *slice, unsigned span, uint64_t tenant_id,
                  const struct store_audit_row *row)
{
    uint64_t second = row->time_ms / 1000;
    uint64_t start = second - second % span;
    size_t i = 0;
    while (i < slice->sums_count && (slice->sums[i].span != span || slice->sums[i].tenant_id != tenant_id ||
                                     slice->sums[i].start != start)) {
        i++;
    }
    if (i == SET_SUMS) {
        int r = slice_write(db, slice);
        if (r != 0) {
            return r;
        }
        i = 0;
    }
    struct slice_sums *s = &slice->sums[i];
    if (i == slice->sums_count) {
        *s = (struct slice_sums){.span = span, .tenant_id = tenant_id, .start = start};
        slice->sums_count++;
    }
    s->last_ms = row->time_ms > s->last_ms ? row->time_ms : s->last_ms;
    s->sums.counts[column_of(row->reason)]++;
    s->sums.amounts[0] += amount(row->request_bytes);
    s->sums.amounts[1] += amount(row->response_bytes);
    s->sums.amounts[2] += amount(row->input_tokens);
    s->sums.amounts[3] += amount(row->output_tokens);
    return 0;
}

static int add_both(struct store_db *db, struct slice *slice, unsigned span,
                    const struct store_audit_row *row)
{
    int r = add_to(db, slice, span, 0, row);
    return r == 0 && row->tenant_id != 0 ? add_to(db, slice, span, row->tenant_id, row) : r;
}

static int add_credential(struct store_db *db, struct slice *slice, const struct store_audit_row *row)
{
    struct span name = row->credential;
    size_t i = 0;
    while (i < slice->credential_count &&
           (slice->credentials[i].tenant_id != row->tenant_id ||
            !span_eq(span_of(slice->credentials[i].name, slice->credentials[i].len), name))) {
        i++;
    }
    if (i == SET_CREDENTIALS) {
        int r = slice_write(db, slice);
        if (r != 0) {
            return r;
        }
        i = 0;
    }
    struct slice_credential *c = &slice->credentials[i];
    if (i == slice->credential_count) {
        *c = (struct slice_credential){.tenant_id = row->tenant_id, .len = name.len};
        memcpy(c->name, name.ptr, name.len);
        slice->credential_count++;
    }
    c->used_ms = row->time_ms > c->used_ms ? row->time_ms : c->used_ms;
    return 0;
}

static int add_row(struct store_db *db, struct slice *slice, const struct store_audit_row *row)
{
    int r = 0;
    if (is_end(row)) {
        r = row->time_ms >= slice->minutes_from_ms ? add_both(db, slice, MINUTE, row) : 0;
        r = r == 0 ? add_both(db, slice, HOUR, row) : r;
    }
    bool uses =
        row->credential.len != 0 && row->credential.len <= IPC_NAME_MAX && row->reason == POLICY_REASON_ROUTE;
    return r == 0 && uses ? add_credential(db, slice, row) : r;
}

/* Adds the records after `after` up to `last`. One that is damaged is not counted: the verification tells of it. */
static int add_rows(struct store_db *db, uint64_t after, uint64_t last, uint64_t minutes_from_ms)
{
    struct slice slice;
    slice.minutes_from_ms = minutes_from_ms;
    slice.sums_count = slice.credential_count = 0;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_BLOCK_ROWS);
    store_bind_u64(stmt, 1, after);
    store_bind_u64(stmt, 2, last);
    int r;
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct store_audit_row row;
        r = store_audit_row_decode(store_column_span(stmt, 1), &row) == 0 ? add_row(db, &slice, &row) : 0;
        if (r != 0) {
            break;
        }
    }
    store_stmt_done(stmt);
    return r == 0 ? slice_write(db, &slice) : r;
}

static int read_seq(struct store_db *db, uint64_t *seq)
{
    struct buf text;
    buf_init(&text, 32);
    int r = store_meta_get(db, META_SEQ, &text);
    if (r == 0 && strnum_u64(buf_span(&text), INT64_MAX, seq) != 0) {
        r = store_db_fail(db, CB_ECORRUPT, "it is not known how many records the sums have");
    }
    buf_deinit(&text);
    return r;
}

static int write_seq(struct store_db *db, uint64_t seq)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)seq);
    return store_meta_put(db, META_SEQ, span_str(text));
}

/* Adds at most SLICE records, in the transaction that is open or in one of its own, when they are `least` or more. */
static int catch_up(struct store_db *db, uint64_t least, uint64_t minutes_from_ms, bool *more)
{
    uint64_t done = 0;
    uint64_t last = 0;
    *more = false;
    int r = read_seq(db, &done);
    r = r == 0 ? store_audit_last_seq(db, &last) : r;
    if (r != 0 || last < done + least) {
        return r;
    }
    *more = last - done > SLICE;
    last = *more ? done + SLICE : last;
    bool own = !store_db_in_transaction(db);
    r = own ? store_db_begin(db) : 0;
    r = r == 0 ? add_rows(db, done, last, minutes_from_ms) : r;
    r = r == 0 ? write_seq(db, last) : r;
    if (r == 0) {
        return own ? store_db_commit(db) : 0;
    }
    if (own) {
        store_db_rollback(db);
    }
    return r;
}

static int catch_up_all(struct store_db *db, uint64_t least, uint64_t minutes_from_ms)
{
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        r = catch_up(db, least, minutes_from_ms, &more);
    }
    return r;
}

int store_series_catch_up(struct store_db *db)
{
    return catch_up_all(db, 1, 0);
}

int store_series_complete(struct store_db *db, uint64_t now_ms)
{
    return catch_up_all(db, STORE_BLOCK_ROWS,
                        now_ms > STORE_SERIES_MINUTES_MS ? now_ms - STORE_SERIES_MINUTES_MS : 0);
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
    int r = store_series_catch_up(db);
    r = r == 0 ? find_tenant(db, query->tenant, &id) : r;
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

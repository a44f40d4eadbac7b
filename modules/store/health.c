/*
 * health.c - HEALTH_GET and COUNTERS_GET: whether records can be written, what tenants lack, and what was counted.
 *
 * Whether the audit takes records is tried, since a disk that is full or has become read-only tells nobody before: one row of `meta` is
 * written and committed, always the same, as large as a record, so that nothing grows. When a real record has been committed a
 * moment ago nothing has to be tried; and for a while after a real one has failed, none is believed to succeed.
 */
#include "base/log.h"
#include "store/credentials.h"
#include "store/state.h"
#include "tls/cert.h"

#define HEALTH_TRUST_MS  5000  /* how long a success stands */
#define HEALTH_DOUBT_MS  30000 /* and a failure */
#define HEALTH_TENANTS   1000
#define HEALTH_TRY_BYTES 2048
#define HEALTH_META      SPAN_LIT("write_check")

void health_written(struct store *s)
{
    s->health.written_ms = net_loop_now_ms(s->loop);
    s->health.failed_code = 0;
}

void health_failed(struct store *s, int code)
{
    s->health.failures++;
    s->health.failed_ms = net_loop_now_ms(s->loop);
    s->health.failed_code = code;
}

static int try_to_write(struct store *s)
{
    uint8_t bytes[HEALTH_TRY_BYTES];
    uint64_t now_ms = net_loop_now_ms(s->loop);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] =
            (uint8_t)(now_ms >> (8 * (i % 8))); /* another content each time, or nothing might be written */
    }
    int r = store_db_begin(s->db);
    if (r != 0) {
        return r;
    }
    r = store_meta_put(s->db, HEALTH_META, span_of(bytes, sizeof(bytes)));
    r = r == 0 ? store_db_commit(s->db) : r;
    if (r != 0) {
        store_db_rollback(s->db);
    }
    return r;
}

/* 0, or why the audit takes no records. */
static int health_check(struct store *s)
{
    struct store_health *h = &s->health;
    uint64_t now_ms = net_loop_now_ms(s->loop);
    if (h->failed_code != 0 && now_ms - h->failed_ms < HEALTH_DOUBT_MS) {
        return h->failed_code;
    }
    if (h->written_ms != 0 && now_ms - h->written_ms < HEALTH_TRUST_MS) {
        return 0;
    }
    int r = try_to_write(s);
    if (r == 0) {
        health_written(s);
    } else {
        log_error_r(r, "the database cannot be written (%s)", store_db_why(s->db));
        health_failed(s, r);
    }
    return r;
}

/* One tenant of the list. */
static int write_tenant(struct writer *w, sqlite3_stmt *stmt)
{
    uint64_t ends_ms = 0;
    struct span cert = store_column_span(stmt, 4);
    ipc_write_text(w, store_column_span(stmt, 0), IPC_NAME_MAX);
    writer_u32(w, (uint32_t)store_column_u64(stmt, 1));
    writer_u32(w, (uint32_t)store_column_u64(stmt, 2));
    ipc_write_text(w, store_column_span(stmt, 3), IPC_NAME_MAX);
    int r = cert.len != 0 ? tls_cert_not_after(cert, &ends_ms) : 0;
    writer_u64(w, ends_ms);
    writer_u64(w, store_column_u64(stmt, 5));
    return r;
}

static int list_tenants(struct store *s, struct buf *out, bool *more)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    sqlite3_stmt *stmt = store_stmt(s->db, STORE_STMT_HEALTH_TENANTS);
    store_bind_u64(stmt, 1, HEALTH_TENANTS + 1);
    int r;
    *more = false;
    while ((r = store_stmt_step(s->db, stmt)) == 1) {
        *more = count == HEALTH_TENANTS;
        r = *more ? 0 : write_tenant(&w, stmt);
        if (*more || r != 0) {
            break;
        }
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

static int answer_health(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_health_get get;
    int r = ipc_get_health_get(in->payload, &get);
    if (r != 0) {
        return r;
    }
    struct ipc_health m = {.audit_code = ipc_code(health_check(s)),
                           .audit_failures = s->health.failures,
                           .audit_lost = s->batch.lost};
    struct buf list;
    buf_init(&list, IPC_PAGE_MAX);
    int code = store_audit_last_seq(s->db, &m.audit_seq);
    code = code == 0 ? list_tenants(s, &list, &m.more) : code;
    m.code = ipc_code(code);
    m.tenants = code == 0 ? buf_span(&list) : SPAN_EMPTY;
    r = ipc_send_health(p->chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

static int answer_counters(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_counters_get get;
    struct buf list;
    int r = ipc_get_counters_get(in->payload, &get);
    if (r != 0) {
        return r;
    }
    buf_init(&list, IPC_PAGE_MAX);
    r = counts_write(&p->store->counts, &list);
    struct ipc_counters m = {.code = ipc_code(r), .counters = r == 0 ? buf_span(&list) : SPAN_EMPTY};
    r = ipc_send_counters(p->chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

int health_message(struct store_peer *p, const struct ipc_in *in)
{
    return in->msg == IPC_MSG_HEALTH_GET ? answer_health(p, in) : answer_counters(p, in);
}

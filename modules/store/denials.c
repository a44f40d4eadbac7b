/* denials.c - the table of refusals: counting, pages, muting. */
#include "store/denials.h"

#include "base/clock.h"
#include "base/log.h"
#include "policy/spec.h"
#include "policy/verdict.h"
#include "store/change.h"
#include "store/state.h"
#include "store/tenants.h"

#include <stdio.h>

bool store_denial_counts(uint8_t reason)
{
    enum policy_verdict verdict = policy_reason_verdict((enum policy_reason)reason);
    switch ((enum policy_reason)reason) {
    case POLICY_REASON_PROXY_AUTH:
    case POLICY_REASON_TENANT_SUSPENDED:
    case POLICY_REASON_BASE_URL_FOREIGN:
    case POLICY_REASON_TRUST_FOREIGN:
        return false;
    default:
        return verdict == POLICY_VERDICT_DENIED || verdict == POLICY_VERDICT_TRIPWIRE;
    }
}

bool store_denial_comes_late(uint8_t reason)
{
    switch ((enum policy_reason)reason) {
    case POLICY_REASON_SPECIAL_ADDRESS:
    case POLICY_REASON_FOREIGN_CREDENTIAL:
    case POLICY_REASON_PLACEHOLDER_MISPLACED:
    case POLICY_REASON_PLACEHOLDER_REQUIRED:
        return true;
    default:
        return false;
    }
}

/* What was asked for: the parameters 1 to 6 of the statements below. */
static void bind_what(sqlite3_stmt *stmt, uint64_t tenant_id, const struct store_audit_row *row)
{
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, row->scheme);
    store_bind_text(stmt, 3, row->host);
    store_bind_u64(stmt, 4, row->port);
    store_bind_text(stmt, 5, row->method);
    store_bind_text(stmt, 6, row->path);
}

static int denial_write(struct store_db *db, enum store_stmt which, const struct store_audit_row *row,
                        uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, which);
    bind_what(stmt, row->tenant_id, row);
    store_bind_u64(stmt, 7, row->reason);
    store_bind_text(stmt, 8, row->route);
    store_bind_text(stmt, 9, row->credential);
    store_bind_u64(stmt, 10, now_ms);
    store_bind_text(stmt, 11, row->detail);
    return store_stmt_run(db, stmt);
}

static int denial_count(struct store_db *db, const struct store_audit_row *row, uint64_t now_ms)
{
    if (row->host.len == 0) {
        return 0;
    }
    int r = denial_write(db, STORE_STMT_DENIAL_AGAIN, row, now_ms);
    if (r != 0 || sqlite3_changes(db->sqlite) != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_DENIAL_TRIM);
    store_bind_u64(stmt, 1, row->tenant_id);
    store_bind_u64(stmt, 2, STORE_DENIALS_MAX - 1);
    r = store_stmt_run(db, stmt);
    return r != 0 ? r : denial_write(db, STORE_STMT_DENIAL_ADD, row, now_ms);
}

/* The decision of the outcome's request, whose texts go into `encoded`. 1: found. A record that cannot be read is not it: the audit's own
 * verification is there to complain about that. */
static int find_decision(struct store_db *db, const struct store_audit_row *outcome, struct buf *encoded,
                         struct store_audit_row *out)
{
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_AUDIT_TENANT_DOWN);
    store_bind_text(stmt, 1, outcome->tenant);
    store_bind_u64(stmt, 2, STORE_DENIALS_BACK);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct span row = store_column_span(stmt, 0);
        bool found = store_audit_row_decode(row, out) == 0 && out->kind == STORE_AUDIT_DECISION &&
                     out->tenant_id == outcome->tenant_id && out->reason == POLICY_REASON_ROUTE &&
                     span_eq(out->request_id, outcome->request_id);
        if (found) {
            r = buf_append_span(encoded, row);
            r = r == 0 ? store_audit_row_decode(buf_span(encoded), out) : r;
            r = r == 0 ? 1 : r;
            break;
        }
    }
    store_stmt_done(stmt);
    return r;
}

/* Counts what the decision says, with the outcome's reason. */
static int denial_count_late(struct store_db *db, const struct store_audit_row *outcome, uint64_t now_ms)
{
    struct buf encoded;
    struct store_audit_row row;
    buf_init(&encoded, STORE_AUDIT_ROW_MAX);
    int r = find_decision(db, outcome, &encoded, &row);
    if (r == 1) {
        row.reason = outcome->reason;
        row.detail = outcome->detail;
        r = denial_count(db, &row, now_ms);
    }
    buf_deinit(&encoded);
    return r;
}

int store_denial_note(struct store_db *db, const struct store_audit_row *row, uint64_t now_ms)
{
    bool outcome = row->kind == STORE_AUDIT_OUTCOME;
    if (outcome ? !store_denial_comes_late(row->reason) : !store_denial_counts(row->reason)) {
        return 0;
    }
    if (!store_db_in_transaction(db)) {
        return store_db_fail(db, CB_ESTATE, "no transaction is open");
    }
    return outcome ? denial_count_late(db, row, now_ms) : denial_count(db, row, now_ms);
}

/* ---- pages ---- */

static int denial_append(sqlite3_stmt *stmt, struct buf *out)
{
    struct buf one;
    buf_init(&one, 4096);
    struct writer w = writer_to(&one);
    ipc_write_text(&w, store_column_span(stmt, 0), IPC_NAME_MAX);
    writer_u64(&w, store_column_u64(stmt, 1));
    writer_u8(&w, (uint8_t)store_column_u64(stmt, 2));
    ipc_write_text(&w, store_column_span(stmt, 3), IPC_HOST_MAX);
    writer_u16(&w, (uint16_t)store_column_u64(stmt, 4));
    ipc_write_text(&w, store_column_span(stmt, 5), 32);
    ipc_write_text(&w, store_column_span(stmt, 6), IPC_AUDIT_PATH_MAX);
    writer_u8(&w, (uint8_t)store_column_u64(stmt, 7));
    ipc_write_text(&w, store_column_span(stmt, 14), IPC_AUDIT_DETAIL_MAX);
    ipc_write_text(&w, store_column_span(stmt, 8), IPC_NAME_MAX);
    ipc_write_text(&w, store_column_span(stmt, 9), IPC_NAME_MAX);
    writer_u64(&w, store_column_u64(stmt, 10));
    writer_u64(&w, store_column_u64(stmt, 11));
    writer_u64(&w, store_column_u64(stmt, 12));
    writer_u8(&w, (uint8_t)store_column_u64(stmt, 13));
    int r = writer_finish(&w);
    if (r == 0) {
        r = buf_len(&one) <= buf_room(out) ? buf_append_span(out, buf_span(&one)) : CB_ELIMIT;
    }
    buf_deinit(&one);
    return r;
}

int store_denials_list(struct store_db *db, const struct ipc_denials_get *m, struct buf *out, bool *more)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    int r;
    *more = false;
    sqlite3_stmt *stmt =
        store_stmt(db, m->tenant.len != 0 ? STORE_STMT_DENIAL_PAGE_TENANT : STORE_STMT_DENIAL_PAGE);
    bool first = m->before_id == 0;
    store_bind_u64(stmt, 1, m->muted ? 1 : 0);
    store_bind_u64(stmt, 2, first ? INT64_MAX : m->before_ms);
    store_bind_u64(stmt, 3, first ? INT64_MAX : m->before_id);
    store_bind_u64(stmt, 4, (uint64_t)m->limit + 1); /* one more tells whether there are more */
    if (m->tenant.len != 0) {
        store_bind_text(stmt, 5, m->tenant);
    }
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (count == m->limit) {
            *more = true;
            r = 0;
            break;
        }
        r = denial_append(stmt, out);
        if (r == CB_ELIMIT && count > 0) {
            *more = true;
            r = 0;
            break;
        }
        if (r != 0) {
            break;
        }
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

/* Both, and only together. */
static int mute_write(struct store_db *db, const struct ipc_denial_mute *m, const struct store_tenant *t,
                      uint64_t now_ms)
{
    char detail[IPC_AUDIT_DETAIL_MAX + 1];
    (void)snprintf(detail, sizeof(detail), "%.*s %s://%.*s:%u%.*s", SPAN_ARG(m->method),
                   m->scheme == SPEC_SCHEME_HTTP ? "http" : "https", SPAN_ARG(m->host), (unsigned)m->port,
                   SPAN_ARG(m->path));
    struct store_change row = {.tenant = span_str(t->name),
                               .tenant_id = t->id,
                               .change = m->muted ? SPAN_LIT("denial-muted") : SPAN_LIT("denial-unmuted"),
                               .detail = span_str(detail),
                               .by = m->by,
                               .now_ms = now_ms};
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_DENIAL_MUTE);
    store_bind_u64(stmt, 1, t->id);
    store_bind_u64(stmt, 2, m->scheme);
    store_bind_text(stmt, 3, m->host);
    store_bind_u64(stmt, 4, m->port);
    store_bind_text(stmt, 5, m->method);
    store_bind_text(stmt, 6, m->path);
    store_bind_u64(stmt, 7, m->muted ? 1 : 0);
    int r = store_stmt_run(db, stmt);
    if (r == 0 && sqlite3_changes(db->sqlite) == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "nothing of the kind was refused of tenant %s", t->name);
    }
    return r != 0 ? r : store_change_add(db, &row);
}

int store_denial_mute(struct store_db *db, const struct ipc_denial_mute *m, uint64_t now_ms)
{
    struct store_tenant t;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = store_tenant_get(db, m->tenant, &t);
    if (r == 0) {
        r = mute_write(db, m, &t, now_ms);
    }
    store_tenant_deinit(&t);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/* ---- what the api asks ---- */

static int denials_get(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_denials_get m;
    struct buf list;
    int r = ipc_get_denials_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    buf_init(&list, IPC_PAGE_MAX);
    struct ipc_denials answer = {.code = 0};
    int code = store_denials_list(p->store->db, &m, &list, &answer.more);
    if (code == 0) {
        answer.denials = buf_span(&list);
    } else {
        log_error_r(code, "the refusals cannot be listed (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_denials(p->chan, in->call, &answer);
    buf_deinit(&list);
    return r;
}

static int denial_mute(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_denial_mute m;
    int r = ipc_get_denial_mute(in->payload, &m);
    return r != 0 ? r : rows_done(p, in->call, store_denial_mute(p->store->db, &m, clock_wall_ms()));
}

int denials_message(struct store_peer *p, const struct ipc_in *in)
{
    return in->msg == IPC_MSG_DENIALS_GET ? denials_get(p, in) : denial_mute(p, in);
}

/* grants.c - the table of grants: made, listed, used, taken back, forgotten when they are over. */
#include "store/grants.h"

#include <stdio.h>

#include "policy/path.h"
#include "store/change.h"
#include "store/tenants.h"

/* The row that a statement stands on, whose columns are id, scheme, host, port, method, path, until_ms, uses_left, websocket. */
static struct policy_grant grant_row(sqlite3_stmt *stmt)
{
    bool any = sqlite3_column_type(stmt, 7) == SQLITE_NULL;
    return (struct policy_grant){.id = store_column_u64(stmt, 0),
                                 .scheme = (enum spec_scheme)store_column_u64(stmt, 1),
                                 .host = store_column_span(stmt, 2),
                                 .port = (uint16_t)store_column_u64(stmt, 3),
                                 .method = store_column_span(stmt, 4),
                                 .path = store_column_span(stmt, 5),
                                 .until_ms = store_column_u64(stmt, 6),
                                 .uses_left = any ? POLICY_GRANT_ANY : (uint8_t)store_column_u64(stmt, 7),
                                 .websocket = store_column_u64(stmt, 8) != 0};
}

/* ---- making and taking back ---- */

/* "https POST api.example.com:443/v1/x for 3600 s" */
static int record(struct store_db *db, const struct store_tenant *t, const struct policy_grant *g,
                  struct span change, struct span by, uint64_t now_ms)
{
    char detail[IPC_AUDIT_DETAIL_MAX + 1];
    uint64_t seconds = g->until_ms > now_ms ? (g->until_ms - now_ms) / 1000 : 0;
    (void)snprintf(detail, sizeof(detail), "grant:%llu %s %llu s %s%.*s %s://%.*s:%u%.*s",
                   (unsigned long long)g->id, g->uses_left == POLICY_GRANT_ANY ? "for" : "once within",
                   (unsigned long long)seconds, g->websocket ? "also as a WebSocket " : "",
                   SPAN_ARG(g->method), g->scheme == SPEC_SCHEME_HTTP ? "http" : "https", SPAN_ARG(g->host),
                   (unsigned)g->port, SPAN_ARG(g->path));
    struct store_change row = {.tenant = span_str(t->name),
                               .tenant_id = t->id,
                               .change = change,
                               .detail = span_str(detail),
                               .by = by,
                               .now_ms = now_ms};
    return store_change_add(db, &row);
}

/* Whether one more fits, for the tenant and into what its egress takes. */
static int room(struct store_db *db, const struct store_tenant *t, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_COUNT);
    store_bind_u64(stmt, 1, t->id);
    store_bind_u64(stmt, 2, now_ms);
    int r = store_stmt_step(db, stmt);
    uint64_t count = r == 1 ? store_column_u64(stmt, 0) : 0;
    uint64_t routes = r == 1 ? store_column_u64(stmt, 1) : 0;
    store_stmt_done(stmt);
    if (r < 0) {
        return r;
    }
    if (count >= POLICY_GRANTS_MAX || routes + count >= SPEC_ROUTES_MAX) {
        return store_db_fail(db, CB_ELIMIT,
                             "tenant %s has %llu grants, and there can be no more: take one back", t->name,
                             (unsigned long long)count);
    }
    return 0;
}

static int grant_insert(struct store_db *db, const struct policy_grant *g, uint64_t tenant_id, struct span by,
                        uint64_t now_ms, uint64_t *id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_ADD);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, g->scheme);
    store_bind_text(stmt, 3, g->host);
    store_bind_u64(stmt, 4, g->port);
    store_bind_text(stmt, 5, g->method);
    store_bind_text(stmt, 6, g->path);
    store_bind_u64(stmt, 7, g->until_ms);
    if (g->uses_left != POLICY_GRANT_ANY) { /* else NULL */
        store_bind_u64(stmt, 8, g->uses_left);
    }
    store_bind_u64(stmt, 9, now_ms);
    store_bind_text(stmt, 10, by);
    store_bind_u64(stmt, 11, g->websocket ? 1 : 0);
    int r = store_stmt_run(db, stmt);
    *id = r == 0 ? (uint64_t)sqlite3_last_insert_rowid(db->sqlite) : 0;
    return r;
}

static int grant_write(struct store_db *db, struct policy_grant *g, const struct ipc_grant_create *m,
                       uint64_t now_ms, struct store_granted *out)
{
    struct store_tenant t;
    int r = store_tenant_get(db, m->tenant, &t);
    if (r == 0) {
        r = room(db, &t, now_ms);
    }
    if (r == 0) {
        r = grant_insert(db, g, t.id, m->by, now_ms, &g->id);
    }
    if (r == 0) {
        r = record(db, &t, g, SPAN_LIT("granted"), m->by, now_ms);
        *out = (struct store_granted){.id = g->id, .tenant_id = t.id, .until_ms = g->until_ms};
    }
    store_tenant_deinit(&t);
    return r;
}

int store_grant_create(struct store_db *db, const struct ipc_grant_create *m, uint64_t now_ms,
                       struct store_granted *out)
{
    char why[256] = "";
    struct policy_grant g = {.scheme = (enum spec_scheme)m->scheme,
                             .host = m->host,
                             .port = m->port,
                             .method = m->method,
                             .path = m->path,
                             .until_ms = now_ms + m->for_ms,
                             .uses_left = m->once ? 1 : POLICY_GRANT_ANY,
                             .websocket = m->websocket};
    if (m->for_ms == 0 || m->for_ms > POLICY_GRANT_MS_MAX || m->by.len == 0) {
        return store_db_fail(db, CB_EINVAL, "a grant ends within a week, and somebody makes it");
    }
    if (policy_grant_check(&g, why, sizeof(why)) != 0) {
        return store_db_fail(db, CB_EINVAL, "%s", why);
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = grant_write(db, &g, m, now_ms, out);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

static int grant_remove(struct store_db *db, const struct ipc_grant_delete *m, uint64_t now_ms,
                        struct store_tenant *t)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_GET);
    store_bind_u64(stmt, 1, m->grant);
    store_bind_u64(stmt, 2, t->id);
    store_bind_u64(stmt, 3, now_ms);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        struct policy_grant g = grant_row(stmt);
        r = record(db, t, &g, SPAN_LIT("grant-ended"), m->by, now_ms);
    } else if (r == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "tenant %s has no grant %llu", t->name,
                          (unsigned long long)m->grant);
    }
    store_stmt_done(stmt);
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_GRANT_DELETE);
        store_bind_u64(stmt, 1, m->grant);
        r = store_stmt_run(db, stmt);
    }
    return r;
}

int store_grant_delete(struct store_db *db, const struct ipc_grant_delete *m, uint64_t now_ms,
                       uint64_t *tenant_id)
{
    struct store_tenant t;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = store_tenant_get(db, m->tenant, &t);
    if (r == 0) {
        *tenant_id = t.id;
        r = grant_remove(db, m, now_ms, &t);
    }
    store_tenant_deinit(&t);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/* ---- lists ---- */

int store_grants_list(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, bool people, struct buf *out)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_LIST);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, now_ms);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct policy_grant g = grant_row(stmt);
        policy_grant_write(&w, &g);
        if (people) {
            writer_u64(&w, store_column_u64(stmt, 9));
            ipc_write_text(&w, store_column_span(stmt, 10), IPC_BY_MAX);
        }
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

int store_grants_hosts(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, struct buf *out)
{
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_LIST);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, now_ms);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        r = buf_appendf(out, "%.*s\n", SPAN_ARG(grant_row(stmt).host));
        if (r != 0) {
            break;
        }
    }
    store_stmt_done(stmt);
    return r;
}

/* ---- use and end ---- */

int store_grant_use(struct store_db *db, uint64_t id, const struct store_audit_row *row, uint64_t now_ms,
                    bool *last)
{
    *last = false;
    if (!store_db_in_transaction(db)) {
        return store_db_fail(db, CB_ESTATE, "no transaction is open");
    }
    struct policy_query query = {.scheme = (enum spec_scheme)row->scheme,
                                 .host = row->host,
                                 .port = row->port,
                                 .method = row->method,
                                 .path = row->path};
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_GET);
    store_bind_u64(stmt, 1, id);
    store_bind_u64(stmt, 2, row->tenant_id);
    store_bind_u64(stmt, 3, now_ms);
    int r = store_stmt_step(db, stmt);
    bool fine = false;
    if (r == 1) {
        struct policy_grant g = grant_row(stmt);
        fine = policy_grant_matches(&g, &query, now_ms);
        *last = fine && g.uses_left == 1;
    }
    store_stmt_done(stmt);
    if (r < 0) {
        return r;
    }
    if (!fine) {
        return store_db_fail(db, CB_EPERM, "there is no such grant any more");
    }
    if (!*last) {
        return 0;
    }
    stmt = store_stmt(db, STORE_STMT_GRANT_USE);
    store_bind_u64(stmt, 1, id);
    return store_stmt_run(db, stmt);
}

int store_grants_prune(struct store_db *db, uint64_t now_ms, uint64_t *tenant_id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_OVER);
    store_bind_u64(stmt, 1, now_ms);
    int r = store_stmt_step(db, stmt);
    uint64_t id = r == 1 ? store_column_u64(stmt, 0) : 0;
    *tenant_id = r == 1 ? store_column_u64(stmt, 1) : 0;
    store_stmt_done(stmt);
    if (r != 1) {
        return r;
    }
    stmt = store_stmt(db, STORE_STMT_GRANT_DELETE);
    store_bind_u64(stmt, 1, id);
    r = store_stmt_run(db, stmt);
    return r != 0 ? r : 1;
}

int store_grants_next(struct store_db *db, uint64_t *until_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_GRANT_NEXT);
    int r = store_stmt_step(db, stmt);
    *until_ms = r == 1 ? store_column_u64(stmt, 0) : 0;
    store_stmt_done(stmt);
    return r < 0 ? r : 0;
}

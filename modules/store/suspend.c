/*
 * suspend.c - suspending a tenant and letting it go on: the row and its record in the audit together, then everybody hears.
 *
 * The egress drops what it holds when it hears of the change. That it does so is not left to it: the monitor ends the
 * tenant's processes as well, and new ones get no credential while the tenant is suspended (rows.c).
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "policy/verdict.h"
#include "store/change.h"
#include "store/state.h"
#include "store/tenants.h"

#define SUSPENDED_BY_MAX 32 /* as the schema has it */

static int suspend_write(struct store_db *db, const struct store_brief *t, uint64_t id, bool suspend,
                         struct span by, struct span request_id, uint64_t now_ms)
{
    const struct store_change change = {
        .tenant = span_str(t->name),
        .tenant_id = id,
        .change = suspend ? SPAN_LIT("suspended") : SPAN_LIT("resumed"),
        .by = by,
        .request_id = request_id,
        .reason = suspend ? POLICY_REASON_TENANT_SUSPENDED : POLICY_REASON_ROUTE,
        .now_ms = now_ms,
    };
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_SUSPEND);
    store_bind_u64(stmt, 1, id);
    store_bind_u64(stmt, 2, suspend ? now_ms : 0);
    store_bind_text(stmt, 3, span_sub(by, 0, SUSPENDED_BY_MAX));
    int r = store_stmt_run(db, stmt);
    return r != 0 ? r : store_change_add(db, &change);
}

int store_tenant_suspend(struct store_db *db, uint64_t id, bool suspend, struct span by,
                         struct span request_id, uint64_t now_ms, uint64_t *generation)
{
    struct store_tenant t;
    struct store_brief brief;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = store_tenant_brief(db, id, &brief);
    if (r == 0 && (brief.suspended_ms != 0) == suspend) {
        r = store_db_fail(db, CB_EEXIST, suspend ? "it is suspended already" : "it is not suspended");
    }
    if (r == 0) {
        r = suspend_write(db, &brief, id, suspend, by, request_id, now_ms);
    }
    if (r == 0 && (r = store_tenant_get_by_id(db, id, &t)) == 0) {
        *generation = t.generation;
        store_tenant_deinit(&t);
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

static int suspend(struct store *s, uint64_t id, bool on, struct span by, struct span request_id)
{
    uint64_t generation = 0;
    int r = store_tenant_suspend(s->db, id, on, by, request_id, clock_wall_ms(), &generation);
    if (r != 0) {
        return r;
    }
    log_info("tenant %llu was %s by %.*s", (unsigned long long)id, on ? "suspended" : "resumed",
             SPAN_ARG(by));
    peer_tell_spec_changed(s, id, generation);
    struct ipc_tenant_restart m = {.tenant_id = id};
    if (on && ipc_send_tenant_restart(ipc_role()->life, 0, &m) != 0) {
        log_error("the monitor cannot be told to end the processes of tenant %llu", (unsigned long long)id);
    }
    return 0;
}

int suspend_by_admin(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_tenant_suspend m;
    struct store_tenant t;
    int r = ipc_get_tenant_suspend(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_tenant_get(s->db, m.tenant, &t);
    if (code == 0) {
        uint64_t id = t.id;
        store_tenant_deinit(&t);
        code = suspend(s, id, m.suspend, m.by, SPAN_EMPTY);
    }
    code = code == CB_EEXIST ? 0 : code; /* it is as it was to be */
    struct ipc_done done = {.code = ipc_code(code),
                            .why = code != 0 ? span_str(store_db_why(s->db)) : SPAN_EMPTY};
    return ipc_send_done(p->chan, in->call, &done);
}

int suspend_by_tripwire(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_tripwire m;
    int r = ipc_get_tripwire(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.request_id.len != IPC_REQUEST_ID_LEN) {
        return CB_EMALFORMED;
    }
    r = suspend(p->store, p->tenant_id, true, SPAN_LIT("tripwire"), m.request_id);
    if (r != 0 && r != CB_EEXIST) {
        log_error_r(r, "tenant %s is not suspended although it met a tripwire (%s)", p->tenant,
                    store_db_why(p->store->db));
    }
    return 0;
}

/* ca.c - the successor of a tenant's certificate authority: stored beside it, then in its place; each with a record of it. */
#include "policy/verdict.h"
#include "store/change.h"
#include "store/credentials.h"
#include "store/tenants.h"

int store_ca_made(struct store_db *db, uint64_t tenant_id, uint64_t *made_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CA_MADE);
    store_bind_u64(stmt, 1, tenant_id);
    int r = store_stmt_step(db, stmt);
    *made_ms = r == 1 ? store_column_u64(stmt, 0) : 0;
    store_stmt_done(stmt);
    return r == 1 ? 0 : r;
}

int store_ca_next_get(struct store_db *db, uint64_t tenant_id, struct buf *cert)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CA_NEXT_GET);
    store_bind_u64(stmt, 1, tenant_id);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        r = buf_append_span(cert, store_column_span(stmt, 0));
    }
    store_stmt_done(stmt);
    return r;
}

static int ca_record(struct store_db *db, uint64_t tenant_id, struct span what, struct span by,
                     uint64_t now_ms)
{
    struct store_brief t;
    int r = store_tenant_brief(db, tenant_id, &t);
    return r != 0 ? r
                  : store_change_add(db, &(struct store_change){.tenant = span_str(t.name),
                                                                .tenant_id = tenant_id,
                                                                .change = what,
                                                                .by = by,
                                                                .now_ms = now_ms});
}

static int ca_end(struct store_db *db, int r)
{
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_ca_next_add(struct store_db *db, const struct ipc_ca_put *m, uint64_t now_ms)
{
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, m->replace ? STORE_STMT_CA_NEXT_PUT : STORE_STMT_CA_NEXT_ADD);
    store_bind_u64(stmt, 1, m->tenant_id);
    store_bind_blob(stmt, 2, m->cert);
    store_bind_blob(stmt, 3, m->sealed_key);
    store_bind_u64(stmt, 4, now_ms);
    r = store_stmt_run(db, stmt);
    if (r == CB_ECONFLICT) {
        r = sqlite3_extended_errcode(db->sqlite) == SQLITE_CONSTRAINT_FOREIGNKEY
                ? store_db_fail(db, CB_ENOTFOUND, "the tenant has no CA")
                : store_db_fail(db, CB_EEXIST, "the tenant's CA has a successor already");
    }
    return ca_end(db, r == 0 ? ca_record(db, m->tenant_id, SPAN_LIT("CA successor made"), m->by, now_ms) : r);
}

int store_ca_finish(struct store_db *db, uint64_t tenant_id, struct span by, uint64_t now_ms,
                    uint64_t *generation)
{
    static const enum store_stmt steps[] = {STORE_STMT_CA_FINISH, STORE_STMT_CA_NEXT_DELETE,
                                            STORE_STMT_TENANT_TOUCH};
    struct store_tenant t;
    int r = store_db_begin(db);
    for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        sqlite3_stmt *stmt = store_stmt(db, steps[i]);
        store_bind_u64(stmt, 1, tenant_id);
        r = store_stmt_run(db, stmt);
        if (r == 0 && sqlite3_changes(db->sqlite) != 1) {
            r = store_db_fail(db, CB_ENOTFOUND, "the tenant's CA has no successor");
        }
    }
    if (r == 0 && (r = store_tenant_get_by_id(db, tenant_id, &t)) == 0) {
        *generation = t.generation;
        store_tenant_deinit(&t);
    }
    return ca_end(db, r == 0 ? ca_record(db, tenant_id, SPAN_LIT("CA replaced"), by, now_ms) : r);
}

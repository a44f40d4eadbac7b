/* change.c - records of changes, and revisions of tenants' documents. */
#include "store/change.h"

#include "policy/verdict.h"
#include "store/audit.h"

#include <stdio.h>

/* ---- changes ---- */

int store_change_add(struct store_db *db, const struct store_change *c)
{
    static const uint8_t none[IPC_REQUEST_ID_LEN];
    struct store_audit_row row = {
        .kind = STORE_AUDIT_CHANGE,
        .tenant = c->tenant.len != 0 ? c->tenant : STORE_CHANGE_NOBODYS,
        .tenant_id = c->tenant_id,
        .request_id = c->request_id.len != 0 ? c->request_id : span_of(none, sizeof(none)),
        .time_ms = c->now_ms,
        .reason = c->reason,
        .change = c->change,
        .by = c->by,
        .detail = c->detail,
    };
    uint64_t seq;
    int r = store_audit_append(db, &row, &seq);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CHANGE_ADD);
    store_bind_u64(stmt, 1, seq);
    store_bind_u64(stmt, 2, c->tenant_id);
    store_bind_text(stmt, 3, c->tenant);
    store_bind_u64(stmt, 4, c->generation);
    store_bind_u64(stmt, 5, c->now_ms);
    store_bind_text(stmt, 6, c->by);
    store_bind_text(stmt, 7, c->change);
    store_bind_text(stmt, 8, c->detail);
    return store_stmt_run(db, stmt);
}

/* The largest element of the list. */
#define CHANGE_ROW_MAX \
    (3 * 8 + 5 * 4 + 2 * IPC_NAME_MAX + IPC_BY_MAX + STORE_AUDIT_WORD_MAX + IPC_AUDIT_DETAIL_MAX)

int store_change_list(struct store_db *db, uint64_t tenant_id, uint64_t before, uint32_t limit,
                      struct buf *out, bool *more)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    int r;
    *more = false;
    sqlite3_stmt *stmt =
        store_stmt(db, tenant_id != 0 ? STORE_STMT_CHANGE_LIST_TENANT : STORE_STMT_CHANGE_LIST);
    store_bind_u64(stmt, 1, before != 0 ? before : INT64_MAX);
    store_bind_u64(stmt, 2, (uint64_t)limit + 1);
    if (tenant_id != 0) {
        store_bind_u64(stmt, 3, tenant_id);
    }
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (count == limit || buf_room(out) < CHANGE_ROW_MAX) {
            *more = true;
            r = count != 0 ? 0 : CB_ELIMIT;
            break;
        }
        writer_u64(&w, store_column_u64(stmt, 0));
        ipc_write_text(&w, store_column_span(stmt, 1), IPC_NAME_MAX);
        writer_u64(&w, store_column_u64(stmt, 2));
        writer_u64(&w, store_column_u64(stmt, 3));
        ipc_write_text(&w, store_column_span(stmt, 4), IPC_BY_MAX);
        ipc_write_text(&w, store_column_span(stmt, 5), STORE_AUDIT_WORD_MAX);
        ipc_write_text(&w, store_column_span(stmt, 6), IPC_AUDIT_DETAIL_MAX);
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

/* ---- revisions ---- */

int store_revision_add(struct store_db *db, uint64_t tenant_id, uint64_t generation, struct span yaml,
                       struct span spec, struct span by, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REVISION_ADD);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, generation);
    store_bind_u64(stmt, 3, now_ms);
    store_bind_text(stmt, 4, by);
    store_bind_blob(stmt, 5, yaml);
    store_bind_blob(stmt, 6, spec);
    int r = store_stmt_run(db, stmt);
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_REVISION_TRIM);
        store_bind_u64(stmt, 1, tenant_id);
        store_bind_u64(stmt, 2, STORE_REVISIONS_MAX);
        r = store_stmt_run(db, stmt);
    }
    return r;
}

int store_revision_get(struct store_db *db, uint64_t tenant_id, uint64_t generation,
                       struct store_revision *out)
{
    *out = (struct store_revision){.time_ms = 0};
    buf_init(&out->yaml, IPC_PAGE_MAX);
    buf_init(&out->spec, IPC_SPEC_MAX);
    buf_init(&out->before, IPC_SPEC_MAX);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REVISION_GET);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_u64(stmt, 2, generation);
    int r = store_stmt_step(db, stmt);
    if (r == 1 && store_column_u64(stmt, 0) == generation) {
        out->time_ms = store_column_u64(stmt, 1);
        (void)snprintf(out->by, sizeof(out->by), "%.*s", SPAN_ARG(store_column_span(stmt, 2)));
        r = buf_append_span(&out->yaml, store_column_span(stmt, 3));
        r = r == 0 ? buf_append_span(&out->spec, store_column_span(stmt, 4)) : r;
        r = r == 0 ? store_stmt_step(db, stmt) : r;
        r = r == 1 ? buf_append_span(&out->before, store_column_span(stmt, 4)) : r;
    } else if (r >= 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "that revision is not kept");
    }
    store_stmt_done(stmt);
    if (r != 0) {
        store_revision_deinit(out);
    }
    return r;
}

void store_revision_deinit(struct store_revision *revision)
{
    buf_deinit(&revision->yaml);
    buf_deinit(&revision->spec);
    buf_deinit(&revision->before);
}

/* credentials.c - sealed rows: credentials and certificate authorities. */
#include "store/credentials.h"

#include "ipc/codec.h"
#include "policy/placeholder.h"
#include "policy/spec.h"
#include "store/change.h"
#include "store/tenants.h"
#include "tls/seal.h"

static int store_tenant_touch(struct store_db *db, uint64_t tenant_id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_TOUCH);
    store_bind_u64(stmt, 1, tenant_id);
    return store_stmt_run(db, stmt);
}

/* The tenant has changed by that, and somebody has done it. */
static int store_credential_changed(struct store_db *db, const struct store_change *change)
{
    int r = store_tenant_touch(db, change->tenant_id);
    return r == 0 ? store_change_add(db, change) : r;
}

/* Whether the routes as they are now stay within the binding that comes with the credential. */
static int put_check(struct store_db *db, const struct ipc_credential_put *put,
                     const struct store_tenant *tenant)
{
    if (tenant->id != put->tenant_id) {
        return store_db_fail(db, CB_ECONFLICT, "the tenant was removed and made again meanwhile");
    }
    struct spec *spec = NULL;
    struct buf wanted;
    buf_init(&wanted, IPC_BINDING_MAX);
    int r = spec_decode(buf_span(&tenant->spec), &spec);
    if (r != 0) {
        r = store_db_fail(db, CB_ECORRUPT, "the tenant's specification cannot be read");
        goto out;
    }
    r = spec_credential_binding(spec, put->credential, digest_sha256_of, &wanted);
    if (r == CB_ENOTFOUND) {
        r = 0; /* no route uses it: any binding covers that */
    } else if (r != 0) {
        (void)store_db_fail(db, r, "the credential goes to too many hosts");
    } else if (!spec_binding_covers(put->binding, buf_span(&wanted))) {
        r = store_db_fail(
            db, CB_ECONFLICT,
            "the routes send this credential to hosts that it was not sealed for; seal it again");
    }
out:
    buf_deinit(&wanted);
    spec_free(spec);
    return r;
}

static int put_write(struct store_db *db, const struct ipc_credential_put *put, uint64_t now_ms,
                     uint64_t *generation)
{
    struct store_tenant tenant;
    int r = store_tenant_get(db, put->tenant, &tenant);
    if (r != 0) {
        return r;
    }
    *generation = tenant.generation + 1;
    r = put_check(db, put, &tenant);
    store_tenant_deinit(&tenant);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_PUT);
    store_bind_u64(stmt, 1, put->tenant_id);
    store_bind_text(stmt, 2, put->credential);
    store_bind_blob(stmt, 3, put->binding);
    store_bind_blob(stmt, 4, put->box);
    store_bind_u64(stmt, 5, now_ms);
    r = store_stmt_run(db, stmt);
    return r != 0 ? r
                  : store_credential_changed(db, &(struct store_change){.tenant = put->tenant,
                                                                        .tenant_id = put->tenant_id,
                                                                        .change = SPAN_LIT("credential-set"),
                                                                        .detail = put->credential,
                                                                        .by = put->by,
                                                                        .now_ms = now_ms});
}

int store_credential_put(struct store_db *db, const struct ipc_credential_put *put, uint64_t now_ms,
                         uint64_t *generation)
{
    if (!spec_name_valid(put->credential) || put->box.len == 0 || put->box.len > IPC_BOX_MAX ||
        put->binding.len == 0 || put->binding.len > IPC_BINDING_MAX) {
        return store_db_fail(db, CB_EINVAL, "a credential needs a valid name, a box and a binding");
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = put_write(db, put, now_ms, generation);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_credential_delete(struct store_db *db, const struct ipc_credential_delete *m, uint64_t now_ms,
                            uint64_t *tenant_id, uint64_t *generation)
{
    struct store_tenant tenant;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = store_tenant_get(db, m->tenant, &tenant);
    if (r != 0) {
        goto out;
    }
    *tenant_id = tenant.id;
    *generation = tenant.generation + 1;
    store_tenant_deinit(&tenant);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_CLEAR);
    store_bind_u64(stmt, 1, *tenant_id);
    store_bind_text(stmt, 2, m->credential);
    r = store_stmt_run(db, stmt);
    if (r == 0 && sqlite3_changes(db->sqlite) == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "the credential is not set");
    }
    if (r == 0) {
        r = store_credential_changed(db, &(struct store_change){.tenant = m->tenant,
                                                                .tenant_id = *tenant_id,
                                                                .change = SPAN_LIT("credential-removed"),
                                                                .detail = m->credential,
                                                                .by = m->by,
                                                                .now_ms = now_ms});
    }
    if (r == 0) {
        return store_db_commit(db);
    }
out:
    store_db_rollback(db);
    return r;
}

int store_credential_box(struct store_db *db, uint64_t tenant_id, struct span credential, struct buf *box)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_GET);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_text(stmt, 2, credential);
    int r = store_stmt_step(db, stmt);
    if (r == 1 && store_column_span(stmt, 4).len > 0) {
        r = buf_append_span(box, store_column_span(stmt, 4));
    } else if (r >= 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "the credential is not set");
    }
    store_stmt_done(stmt);
    return r;
}

static int replace_write(struct store_db *db, const struct ipc_sealed_replace *replace)
{
    struct buf old;
    uint8_t hash[DIGEST_LEN];
    buf_init(&old, IPC_BOX_MAX);
    int r = store_credential_box(db, replace->tenant_id, replace->credential, &old);
    if (r == 0) {
        struct span box = buf_span(&old);
        digest_sha256(&box, 1, hash);
        r = span_eq(span_of(hash, sizeof(hash)), replace->old_box_hash)
                ? 0
                : store_db_fail(db, CB_ECONFLICT, "the credential was set anew meanwhile");
    }
    if (r == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_REPLACE);
        store_bind_u64(stmt, 1, replace->tenant_id);
        store_bind_text(stmt, 2, replace->credential);
        store_bind_blob(stmt, 3, replace->box);
        r = store_stmt_run(db, stmt);
    }
    buf_deinit(&old);
    return r;
}

int store_credential_replace(struct store_db *db, const struct ipc_sealed_replace *replace)
{
    if (replace->box.len == 0 || replace->old_box_hash.len != DIGEST_LEN) {
        return store_db_fail(db, CB_EINVAL, "a box needs a box whose place it takes");
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = replace_write(db, replace);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/* Both lists: for egress without binding and time. */
int store_credential_used(struct store_db *db, uint64_t tenant_id, struct span credential, uint64_t time_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_USED);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_text(stmt, 2, credential);
    store_bind_u64(stmt, 3, time_ms);
    return store_stmt_run(db, stmt);
}

static int store_credentials_list(struct store_db *db, uint64_t tenant_id, bool for_people, struct buf *out)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_LIST);
    store_bind_u64(stmt, 1, tenant_id);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        uint64_t version = store_column_u64(stmt, 3);
        bool used = store_column_u64(stmt, 5) != 0;
        if (!used && (!for_people || version == 0)) {
            continue;
        }
        ipc_write_text(&w, store_column_span(stmt, 0), IPC_NAME_MAX);
        ipc_write_text(&w, store_column_span(stmt, 1), PLACEHOLDER_MAX - 1);
        if (for_people) {
            writer_bytes(&w, store_column_span(stmt, 2), IPC_BINDING_MAX);
        }
        writer_u64(&w, version);
        if (for_people) {
            writer_u64(&w, store_column_u64(stmt, 4));
            writer_u64(&w, store_column_u64(stmt, 6));
        }
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

int store_credentials_for_egress(struct store_db *db, uint64_t tenant_id, struct buf *out)
{
    return store_credentials_list(db, tenant_id, false, out);
}

int store_credentials_for_people(struct store_db *db, uint64_t tenant_id, struct buf *out)
{
    return store_credentials_list(db, tenant_id, true, out);
}

/* ---- certificate authorities ---- */

int store_ca_get(struct store_db *db, uint64_t tenant_id, struct buf *cert, struct buf *sealed_key)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CA_GET);
    store_bind_u64(stmt, 1, tenant_id);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        r = buf_append_span(cert, store_column_span(stmt, 0));
        if (r == 0) {
            r = buf_append_span(sealed_key, store_column_span(stmt, 1));
        }
    } else if (r == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "the tenant has no CA");
    }
    store_stmt_done(stmt);
    return r;
}

int store_ca_put(struct store_db *db, uint64_t tenant_id, struct span cert, struct span sealed_key,
                 uint64_t now_ms)
{
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CA_PUT);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_blob(stmt, 2, cert);
    store_bind_blob(stmt, 3, sealed_key);
    store_bind_u64(stmt, 4, now_ms);
    r = store_stmt_run(db, stmt);
    if (r == CB_ECONFLICT && sqlite3_extended_errcode(db->sqlite) == SQLITE_CONSTRAINT_FOREIGNKEY) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no such tenant");
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/*
 * rekey.c - the store's part of `clawbox rekey`: hands out every sealed box, takes it back sealed anew, and makes all of them
 * durable in one transaction together with the new public key.
 *
 * Only a store that was started for this does it. The order is fixed: a box is taken back only for the row that was handed
 * out last, and at the end as many must have come back as there are.
 */
#include "base/log.h"
#include "store/credentials.h"
#include "store/state.h"

static int rekey_step(struct store_db *db, sqlite3_stmt *stmt, bool has_name, struct store_sealed *out)
{
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        struct span name = has_name ? store_column_span(stmt, 2) : SPAN_EMPTY;
        out->tenant_id = store_column_u64(stmt, 0);
        r = buf_append_span(&out->box, store_column_span(stmt, 1));
        if (r == 0 && name.len < sizeof(out->name)) {
            memcpy(out->name, name.ptr != NULL ? (const char *)name.ptr : "", name.len);
            out->name[name.len] = '\0';
        } else if (r == 0) {
            r = CB_ECORRUPT;
        }
    } else if (r == 0) {
        r = CB_ENOTFOUND;
    }
    store_stmt_done(stmt);
    return r;
}

int store_rekey_next(struct store_db *db, enum ipc_sealed_kind kind, uint64_t tenant_id, struct span name,
                     struct store_sealed *out)
{
    buf_init(&out->box, IPC_BOX_MAX);
    out->kind = IPC_SEALED_CREDENTIAL;
    int r = CB_ENOTFOUND;
    if (kind == IPC_SEALED_CREDENTIAL) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REKEY_CREDENTIAL);
        store_bind_u64(stmt, 1, tenant_id);
        store_bind_text(stmt, 2, name);
        r = rekey_step(db, stmt, true, out);
    }
    if (r == CB_ENOTFOUND && kind <= IPC_SEALED_CA) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REKEY_CA);
        store_bind_u64(stmt, 1, kind == IPC_SEALED_CA ? tenant_id : 0);
        out->kind = IPC_SEALED_CA;
        r = rekey_step(db, stmt, false, out);
    }
    if (r == CB_ENOTFOUND) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REKEY_CA_NEXT);
        store_bind_u64(stmt, 1, kind == IPC_SEALED_CA_NEXT ? tenant_id : 0);
        out->kind = IPC_SEALED_CA_NEXT;
        r = rekey_step(db, stmt, false, out);
    }
    if (r != 0) {
        buf_deinit(&out->box);
    }
    return r;
}

int store_rekey_put(struct store_db *db, enum ipc_sealed_kind kind, uint64_t tenant_id, struct span name,
                    struct span box)
{
    static const enum store_stmt which[IPC_SEALED__COUNT] = {
        [IPC_SEALED_CREDENTIAL] = STORE_STMT_REKEY_CREDENTIAL_PUT,
        [IPC_SEALED_CA] = STORE_STMT_REKEY_CA_PUT,
        [IPC_SEALED_CA_NEXT] = STORE_STMT_REKEY_CA_NEXT_PUT,
    };
    sqlite3_stmt *stmt = store_stmt(db, which[kind]);
    store_bind_u64(stmt, 1, tenant_id);
    store_bind_blob(stmt, 2, box);
    if (kind == IPC_SEALED_CREDENTIAL) {
        store_bind_text(stmt, 3, name);
    }
    int r = store_stmt_run(db, stmt);
    return r == 0 && sqlite3_changes(db->sqlite) != 1 ? CB_ENOTFOUND : r;
}

static int rekey_count(struct store_db *db, uint64_t *out)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_REKEY_COUNT);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        *out = store_column_u64(stmt, 0);
        r = 0;
    } else if (r == 0) {
        r = CB_EDB;
    }
    store_stmt_done(stmt);
    return r;
}

int store_rekey_finish(struct store_db *db, struct span public_key, struct span kdf, uint64_t rows)
{
    uint64_t count = 0;
    int r = rekey_count(db, &count);
    if (r == 0 && count != rows) {
        r = store_db_fail(db, CB_ECONFLICT, "%llu boxes came back, but there are %llu",
                          (unsigned long long)rows, (unsigned long long)count);
    }
    if (r == 0 && (r = store_meta_put(db, STORE_META_VAULT_KEY, public_key)) == 0) {
        r = store_meta_put(db, STORE_META_VAULT_KDF, kdf);
    }
    return r;
}

/* ---- messages ---- */

static int rekey_on_next(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_rekey_next m;
    struct store_sealed row = {.tenant_id = 0};
    int r = ipc_get_rekey_next(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = s->rekey.open ? 0 : store_db_begin(s->db);
    if (code == 0) {
        s->rekey.open = true;
        code = store_rekey_next(s->db, (enum ipc_sealed_kind)m.kind, m.tenant_id, m.name, &row);
    }
    s->rekey.out = code == 0;
    s->rekey.kind = row.kind;
    s->rekey.tenant_id = row.tenant_id;
    memcpy(s->rekey.name, row.name, sizeof(row.name));
    struct ipc_rekey_box box = {.code = ipc_code(code),
                                .kind = (uint8_t)row.kind,
                                .tenant_id = row.tenant_id,
                                .name = code == 0 ? span_str(row.name) : SPAN_EMPTY,
                                .box = code == 0 ? buf_span(&row.box) : SPAN_EMPTY};
    r = ipc_send_rekey_box(p->chan, in->call, &box);
    buf_deinit(&row.box);
    return r;
}

static int rekey_on_put(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_rekey_put m;
    int r = ipc_get_rekey_put(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (!s->rekey.out || m.kind != s->rekey.kind || m.tenant_id != s->rekey.tenant_id ||
        !span_eq_str(m.name, s->rekey.name)) {
        return CB_ESTATE; /* not the one that was handed out */
    }
    s->rekey.out = false;
    int code = store_rekey_put(s->db, (enum ipc_sealed_kind)m.kind, m.tenant_id, m.name, m.box);
    s->rekey.rows += code == 0 ? 1 : 0;
    return rows_done(p, in->call, code);
}

static int rekey_on_commit(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_rekey_commit m;
    int r = ipc_get_rekey_commit(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (!s->rekey.open || m.rows != s->rekey.rows || m.public_key.len != IPC_HASH_LEN) {
        return CB_ESTATE;
    }
    int code = store_rekey_finish(s->db, m.public_key, m.kdf, m.rows);
    if (code == 0) {
        code = store_db_commit(s->db);
    } else {
        store_db_rollback(s->db);
    }
    s->rekey = (struct rekey){.open = false};
    return rows_done(p, in->call, code);
}

int rekey_message(struct store_peer *p, const struct ipc_in *in)
{
    switch (in->msg) {
    case IPC_MSG_REKEY_NEXT:
        return rekey_on_next(p, in);
    case IPC_MSG_REKEY_PUT:
        return rekey_on_put(p, in);
    case IPC_MSG_REKEY_COMMIT:
        return rekey_on_commit(p, in);
    default:
        return CB_EPERM;
    }
}

void rekey_abandon(struct store *s)
{
    if (s->rekey.open) {
        store_db_rollback(s->db);
        s->rekey = (struct rekey){.open = false};
    }
}

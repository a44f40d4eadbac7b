/* tokens.c - tokens for the API over TCP: their table, and what the api asks about them. */
#include "store/tokens.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "policy/spec.h"
#include "store/change.h"
#include "store/state.h"
#include "store/tenants.h"

/* ---- the table ---- */

static void copy_name(struct span from, char to[IPC_NAME_MAX + 1])
{
    size_t len = from.len <= IPC_NAME_MAX ? from.len : IPC_NAME_MAX;
    if (len != 0) {
        memcpy(to, from.ptr, len);
    }
    to[len] = '\0';
}

/* The row that the statement stands on. The hash is not in it. */
static struct store_token token_row(sqlite3_stmt *stmt)
{
    struct store_token t = {.scope = (enum ipc_scope)store_column_u64(stmt, 2),
                            .tenant_id = store_column_u64(stmt, 3),
                            .tenant_created_ms = store_column_u64(stmt, 5),
                            .created_ms = store_column_u64(stmt, 6),
                            .expires_ms = store_column_u64(stmt, 7),
                            .used_ms = store_column_u64(stmt, 8)};
    copy_name(store_column_span(stmt, 0), t.name);
    copy_name(store_column_span(stmt, 4), t.tenant);
    return t;
}

static int token_room(struct store_db *db, struct span name)
{
    uint32_t count = 0;
    bool exists = false;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        exists = exists || span_eq(store_column_span(stmt, 0), name);
        count++;
    }
    store_stmt_done(stmt);
    if (r == 0 && exists) {
        r = store_db_fail(db, CB_EEXIST, "there is a token %.*s already", SPAN_ARG(name));
    } else if (r == 0 && count >= STORE_TOKENS_MAX) {
        r = store_db_fail(db, CB_ELIMIT, "there are %d tokens, and there can be no more: remove one",
                          STORE_TOKENS_MAX);
    }
    return r;
}

static int token_add(struct store_db *db, const struct ipc_token_create *m, uint64_t now_ms)
{
    struct store_tenant tenant;
    uint64_t tenant_id = 0;
    int r = token_room(db, m->name);
    if (r == 0 && m->scope == IPC_SCOPE_TENANT) {
        r = store_tenant_get(db, m->tenant, &tenant);
        tenant_id = tenant.id;
        store_tenant_deinit(&tenant);
    }
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_ADD);
    store_bind_text(stmt, 1, m->name);
    store_bind_blob(stmt, 2, m->hash);
    store_bind_u64(stmt, 3, m->scope);
    if (tenant_id != 0) { /* else NULL */
        store_bind_u64(stmt, 4, tenant_id);
    }
    store_bind_u64(stmt, 5, now_ms);
    store_bind_u64(stmt, 6, m->expires_ms);
    r = store_stmt_run(db, stmt);
    return r != 0 ? r
                  : store_change_add(db, &(struct store_change){.tenant = m->tenant,
                                                                .tenant_id = tenant_id,
                                                                .change = SPAN_LIT("token-created"),
                                                                .detail = m->name,
                                                                .by = m->by,
                                                                .now_ms = now_ms});
}

int store_token_create(struct store_db *db, const struct ipc_token_create *m, uint64_t now_ms)
{
    if (!spec_name_valid(m->name) || m->hash.len != IPC_HASH_LEN ||
        (m->scope == IPC_SCOPE_TENANT) != (m->tenant.len != 0)) {
        return store_db_fail(db, CB_EINVAL, "a token has a name, a hash, and a tenant if it is of one");
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = token_add(db, m, now_ms);
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_token_list(struct store_db *db, struct buf *out)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct store_token t = token_row(stmt);
        ipc_write_text(&w, span_str(t.name), IPC_NAME_MAX);
        writer_u8(&w, (uint8_t)t.scope);
        ipc_write_text(&w, span_str(t.tenant), IPC_NAME_MAX);
        writer_u64(&w, t.created_ms);
        writer_u64(&w, t.expires_ms);
        writer_u64(&w, t.used_ms);
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

/* Whose token of that name is: for the record. CB_ENOTFOUND. */
static int token_named(struct store_db *db, struct span name, struct store_token *out)
{
    bool found = false;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (span_eq(store_column_span(stmt, 0), name)) {
            *out = token_row(stmt);
            found = true;
        }
    }
    store_stmt_done(stmt);
    return r == 0 && !found ? store_db_fail(db, CB_ENOTFOUND, "there is no token %.*s", SPAN_ARG(name)) : r;
}

int store_token_delete(struct store_db *db, const struct ipc_token_delete *m, uint64_t now_ms)
{
    struct store_token t;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = token_named(db, m->name, &t);
    if (r == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_DELETE);
        store_bind_text(stmt, 1, m->name);
        r = store_stmt_run(db, stmt);
    }
    if (r == 0) {
        r = store_change_add(db, &(struct store_change){.tenant = span_str(t.tenant),
                                                        .tenant_id = t.tenant_id,
                                                        .change = SPAN_LIT("token-removed"),
                                                        .detail = m->name,
                                                        .by = m->by,
                                                        .now_ms = now_ms});
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_token_find(struct store_db *db, struct span hash, uint64_t now_ms, struct store_token *out)
{
    bool found = false;
    int r;
    *out = (struct store_token){.scope = IPC_SCOPE_VIEWER};
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (secret_eq(store_column_span(stmt, 1), hash)) {
            *out = token_row(stmt);
            found = true;
        }
    }
    store_stmt_done(stmt);
    if (r == 0 && (!found || (out->expires_ms != 0 && out->expires_ms <= now_ms))) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no such token");
    }
    return r;
}

int store_token_used(struct store_db *db, struct span name, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TOKEN_USED);
    store_bind_text(stmt, 1, name);
    store_bind_u64(stmt, 2, now_ms);
    return store_stmt_run(db, stmt);
}

/* ---- what the api asks ---- */

static int token_done(struct store_peer *p, uint32_t call, int code)
{
    struct ipc_done m = {.code = ipc_code(code),
                         .why = code != 0 ? span_str(store_db_why(p->store->db)) : SPAN_EMPTY};
    return ipc_send_done(p->chan, call, &m);
}

static int token_create(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_token_create m;
    int r = ipc_get_token_create(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_token_create(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("token %.*s was made", SPAN_ARG(m.name));
    }
    return token_done(p, in->call, code);
}

static int token_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_token_delete m;
    int r = ipc_get_token_delete(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_token_delete(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("token %.*s was removed", SPAN_ARG(m.name));
    }
    return token_done(p, in->call, code);
}

static int token_list(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_token_list m;
    struct buf list;
    int r = ipc_get_token_list(in->payload, &m);
    if (r != 0) {
        return r;
    }
    buf_init(&list, IPC_TOKENS_MAX - 64);
    struct ipc_tokens answer = {.code = 0};
    int code = store_token_list(p->store->db, &list);
    if (code == 0) {
        answer.tokens = buf_span(&list);
    } else {
        log_error_r(code, "the tokens cannot be listed (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_tokens(p->chan, in->call, &answer);
    buf_deinit(&list);
    return r;
}

int tokens_check(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_token_check m;
    struct store_token t;
    int r = ipc_get_token_check(in->payload, &m);
    if (r != 0) {
        return r;
    }
    uint64_t now_ms = clock_wall_ms();
    int code = m.hash.len == IPC_HASH_LEN ? store_token_find(db, m.hash, now_ms, &t) : CB_EINVAL;
    struct ipc_token answer = {.code = ipc_code(code), .scope = IPC_SCOPE_VIEWER};
    if (code == 0) {
        answer = (struct ipc_token){.name = span_str(t.name),
                                    .scope = (uint8_t)t.scope,
                                    .tenant_id = t.tenant_id,
                                    .tenant = span_str(t.tenant),
                                    .tenant_created_ms = t.tenant_created_ms};
        /* The clock may have gone back. */
        uint64_t since = now_ms > t.used_ms ? now_ms - t.used_ms : t.used_ms - now_ms;
        int used = since >= STORE_TOKEN_USED_MS ? store_token_used(db, span_str(t.name), now_ms) : 0;
        if (used != 0) {
            log_warn_r(used, "the last use of token %s cannot be written (%s)", t.name, store_db_why(db));
        }
    } else if (code != CB_ENOTFOUND) {
        log_error_r(code, "a token cannot be looked up (%s)", store_db_why(db));
    }
    return ipc_send_token(p->chan, in->call, &answer);
}

int tokens_message(struct store_peer *p, const struct ipc_in *in)
{
    switch (in->msg) {
    case IPC_MSG_TOKEN_CREATE:
        return token_create(p, in);
    case IPC_MSG_TOKEN_LIST:
        return token_list(p, in);
    case IPC_MSG_TOKEN_DELETE:
        return token_delete(p, in);
    default:
        return CB_EPERM;
    }
}

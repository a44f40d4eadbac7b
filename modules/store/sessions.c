/* sessions.c - sessions of the console, and sign-in links: their tables. */
#include "store/sessions.h"

#include "store/administrators.h"
#include "store/change.h"
#include "store/tokens.h"

#include <stdio.h>

static void copy_name(struct span from, char to[IPC_NAME_MAX + 1])
{
    (void)snprintf(to, IPC_NAME_MAX + 1, "%.*s", SPAN_ARG(from));
}

/* ---- finding ---- */

/* The row that the statement stands on. */
static struct store_session session_row(sqlite3_stmt *stmt)
{
    struct span administrator = store_column_span(stmt, 0);
    struct span token = store_column_span(stmt, 2);
    struct store_session s = {.kind = IPC_SIGN_IN_LINK,
                              .scope = IPC_SCOPE_ADMIN,
                              .made_ms = store_column_u64(stmt, 8),
                              .used_ms = store_column_u64(stmt, 9),
                              .ends_ms = store_column_u64(stmt, 10),
                              .replaced = store_column_u64(stmt, 11) != 0};
    if (administrator.len != 0) {
        s.kind = IPC_SIGN_IN_PASSWORD;
        s.scope = (enum ipc_scope)store_column_u64(stmt, 1);
        copy_name(administrator, s.name);
    } else if (token.len != 0) {
        uint64_t token_ends_ms = store_column_u64(stmt, 7);
        s.kind = IPC_SIGN_IN_TOKEN;
        s.scope = (enum ipc_scope)store_column_u64(stmt, 3);
        s.tenant_id = store_column_u64(stmt, 4);
        s.tenant_created_ms = store_column_u64(stmt, 6);
        s.ends_ms = token_ends_ms != 0 && token_ends_ms < s.ends_ms ? token_ends_ms : s.ends_ms;
        copy_name(token, s.name);
        copy_name(store_column_span(stmt, 5), s.tenant);
    }
    return s;
}

int store_session_find(struct store_db *db, struct span hash, uint64_t now_ms, struct store_session *out)
{
    *out = (struct store_session){.kind = IPC_SIGN_IN_LINK, .scope = IPC_SCOPE_VIEWER};
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_FIND);
    store_bind_blob(stmt, 1, hash);
    int r = store_stmt_step(db, stmt);
    bool found = r == 1;
    if (found) {
        *out = session_row(stmt);
        r = 0;
    }
    store_stmt_done(stmt);
    bool idle = now_ms > out->used_ms && now_ms - out->used_ms >= STORE_SESSION_IDLE_MS;
    if (r == 0 && (!found || idle || out->ends_ms <= now_ms)) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no such session");
    }
    return r;
}

int store_session_used(struct store_db *db, struct span hash, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_USED);
    store_bind_blob(stmt, 1, hash);
    store_bind_u64(stmt, 2, now_ms);
    return store_stmt_run(db, stmt);
}

/* ---- signing in ---- */

static int link_check(struct store_db *db, struct span hash, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_LINK_FIND);
    store_bind_blob(stmt, 1, hash);
    int r = store_stmt_step(db, stmt);
    bool good = r == 1 && store_column_u64(stmt, 0) > now_ms;
    store_stmt_done(stmt);
    return r < 0 ? r : good ? 0 : store_db_fail(db, CB_EAUTHENTIC, "the link was used, or is too old");
}

static int token_check(struct store_db *db, struct span hash, uint64_t now_ms, char name[IPC_NAME_MAX + 1])
{
    struct store_token token;
    int r = store_token_find(db, hash, now_ms, &token);
    if (r == 0) {
        copy_name(span_str(token.name), name);
    }
    return r == CB_ENOTFOUND
               ? store_db_fail(db, CB_EAUTHENTIC, "the token is wrong, has expired, or was removed")
               : r;
}

int store_sign_in_check(struct store_db *db, const struct ipc_session_create *m, uint64_t now_ms,
                        char name[IPC_NAME_MAX + 1])
{
    name[0] = '\0';
    if (m->shown.len != IPC_HASH_LEN || m->hash.len != IPC_HASH_LEN) {
        return store_db_fail(db, CB_EINVAL, "what is shown has the wrong length");
    }
    if (m->kind == IPC_SIGN_IN_LINK) {
        return link_check(db, m->shown, now_ms);
    }
    if (m->kind == IPC_SIGN_IN_TOKEN) {
        return token_check(db, m->shown, now_ms, name);
    }
    int r = store_administrator_check(db, m->name, m->shown);
    if (r == 0) {
        copy_name(m->name, name);
    }
    return r;
}

/* Whose a session is, as the statements have it: both NULL for a link's. */
static void bind_owner(sqlite3_stmt *stmt, int at, enum ipc_sign_in kind, struct span name)
{
    if (kind != IPC_SIGN_IN_LINK) {
        store_bind_text(stmt, kind == IPC_SIGN_IN_PASSWORD ? at : at + 1, name);
    }
}

/* Leaves room for one more. */
static int session_trim(struct store_db *db, enum ipc_sign_in kind, struct span name, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_PRUNE);
    store_bind_u64(stmt, 1, now_ms);
    store_bind_u64(stmt, 2, now_ms > STORE_SESSION_IDLE_MS ? now_ms - STORE_SESSION_IDLE_MS : 0);
    int r = store_stmt_run(db, stmt);
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_SESSION_TRIM);
        bind_owner(stmt, 1, kind, name);
        store_bind_u64(stmt, 3, STORE_SESSIONS_MAX - 1);
        r = store_stmt_run(db, stmt);
    }
    return r;
}

static int session_write(struct store_db *db, enum ipc_sign_in kind, struct span name, struct span hash,
                         uint64_t now_ms, uint64_t ends_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_ADD);
    store_bind_blob(stmt, 1, hash);
    bind_owner(stmt, 2, kind, name);
    store_bind_u64(stmt, 4, now_ms);
    store_bind_u64(stmt, 5, ends_ms);
    return store_stmt_run(db, stmt);
}

static int signed_in(struct store_db *db, const struct ipc_session_create *m, struct span name,
                     uint64_t now_ms)
{
    sqlite3_stmt *stmt;
    if (m->kind == IPC_SIGN_IN_LINK) {
        stmt = store_stmt(db, STORE_STMT_LINK_DELETE);
        store_bind_blob(stmt, 1, m->shown);
        store_bind_u64(stmt, 2, now_ms);
    } else if (m->kind == IPC_SIGN_IN_PASSWORD) {
        stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_USED);
        store_bind_text(stmt, 1, name);
        store_bind_u64(stmt, 2, now_ms);
    } else {
        return store_token_used(db, name, now_ms);
    }
    return store_stmt_run(db, stmt);
}

/* That somebody signed in. */
static int record(struct store_db *db, enum ipc_sign_in kind, const char *name, uint64_t now_ms)
{
    char by[IPC_BY_MAX + 1];
    (void)snprintf(by, sizeof(by), "%s%s",
                   kind == IPC_SIGN_IN_LINK    ? "link"
                   : kind == IPC_SIGN_IN_TOKEN ? "token:"
                                               : "admin:",
                   name);
    return store_change_add(
        db, &(struct store_change){.change = SPAN_LIT("signed-in"), .by = span_str(by), .now_ms = now_ms});
}

int store_session_add(struct store_db *db, const struct ipc_session_create *m, const char *name,
                      uint64_t now_ms)
{
    enum ipc_sign_in kind = (enum ipc_sign_in)m->kind;
    struct span whose = span_str(name);
    /* Who came by a link has as long for making an administrator as the link would have had. */
    uint64_t ends_ms = now_ms + (kind == IPC_SIGN_IN_LINK ? STORE_LINK_MS : STORE_SESSION_MS);
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = session_trim(db, kind, whose, now_ms);
    r = r == 0 ? session_write(db, kind, whose, m->hash, now_ms, ends_ms) : r;
    r = r == 0 ? signed_in(db, m, whose, now_ms) : r;
    r = r == 0 ? record(db, kind, name, now_ms) : r;
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/* ---- going on, and ending ---- */

int store_session_rotate(struct store_db *db, struct span hash, struct span next, uint64_t now_ms)
{
    struct store_session s;
    sqlite3_stmt *stmt;
    int r = next.len == IPC_HASH_LEN ? store_db_begin(db)
                                     : store_db_fail(db, CB_EINVAL, "a session's hash has 32 bytes");
    if (r != 0) {
        return r;
    }
    r = store_session_find(db, hash, now_ms, &s);
    if (r == 0 && s.replaced) {
        r = store_db_fail(db, CB_ECONFLICT, "another session has taken its place already");
    }
    r = r == 0 ? session_trim(db, s.kind, span_str(s.name), now_ms) : r;
    r = r == 0 ? session_write(db, s.kind, span_str(s.name), next, now_ms, s.ends_ms) : r;
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_SESSION_REPLACED);
        store_bind_blob(stmt, 1, hash);
        store_bind_u64(stmt, 2, now_ms + STORE_SESSION_OVER_MS);
        r = store_stmt_run(db, stmt);
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_session_delete(struct store_db *db, struct span hash, bool all, uint64_t now_ms)
{
    struct store_session s;
    int r = store_session_find(db, hash, now_ms, &s);
    if (r != 0) {
        return r;
    }
    /* One came by a link, and what others do who came by another is not his. */
    bool own = all && s.kind != IPC_SIGN_IN_LINK;
    sqlite3_stmt *stmt = store_stmt(db, own ? STORE_STMT_SESSION_DELETE_OWN : STORE_STMT_SESSION_DELETE);
    if (own) {
        bind_owner(stmt, 1, s.kind, span_str(s.name));
        store_bind_blob(stmt, 3, SPAN_EMPTY);
    } else {
        store_bind_blob(stmt, 1, hash);
    }
    return store_stmt_run(db, stmt);
}

/* ---- links ---- */

static int link_write(struct store_db *db, const struct ipc_link_create *m, uint64_t now_ms)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_LINK_DELETE);
    store_bind_blob(stmt, 1, m->hash);
    store_bind_u64(stmt, 2, now_ms);
    int r = store_stmt_run(db, stmt);
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_LINK_ADD);
        store_bind_blob(stmt, 1, m->hash);
        store_bind_u64(stmt, 2, m->ends_ms);
        r = store_stmt_run(db, stmt);
    }
    if (r == 0) {
        stmt = store_stmt(db, STORE_STMT_LINK_TRIM);
        store_bind_u64(stmt, 1, STORE_LINKS_MAX);
        r = store_stmt_run(db, stmt);
    }
    return r;
}

/* CB_EEXIST: there is an administrator. */
static int nobody_yet(struct store_db *db)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_ALL);
    int r = store_stmt_step(db, stmt);
    store_stmt_done(stmt);
    return r == 1 ? store_db_fail(db, CB_EEXIST, "there is an administrator already") : r;
}

int store_link_create(struct store_db *db, const struct ipc_link_create *m, uint64_t now_ms)
{
    if (m->hash.len != IPC_HASH_LEN || m->ends_ms <= now_ms || m->ends_ms - now_ms > STORE_LINK_MS) {
        return store_db_fail(db, CB_EINVAL, "a link has a hash, and %llu minutes",
                             (unsigned long long)(STORE_LINK_MS / 60000));
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = m->first ? nobody_yet(db) : 0;
    r = r == 0 ? link_write(db, m, now_ms) : r;
    if (r == 0) {
        r = store_change_add(
            db, &(struct store_change){.change = SPAN_LIT("link-made"), .by = m->by, .now_ms = now_ms});
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

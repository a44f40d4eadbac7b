/* administrators.c - administrators of the console: their table, and what is derived from the secret of this database. */
#include "store/administrators.h"

#include "base/secret.h"
#include "policy/spec.h"
#include "store/change.h"
#include "store/sessions.h"
#include "tls/digest.h"
#include "tls/passphrase.h"

#define SIGN_IN_KEY_LEN  32
#define DEVICE_ID_LEN    16
#define META_SIGN_IN_KEY SPAN_LIT("sign_in_key")
_Static_assert(IPC_KDF_LEN == PASSPHRASE_KDF_LEN, "what tls/passphrase.h writes");
_Static_assert(IPC_DEVICE_LEN == DEVICE_ID_LEN + DIGEST_LEN, "a number and its HMAC");
_Static_assert(PASSPHRASE_SALT_LEN <= DIGEST_LEN, "a made-up salt is a part of an HMAC");

/* ---- the table ---- */

static int find(struct store_db *db, struct span name, uint8_t kdf[IPC_KDF_LEN], uint8_t hash[DIGEST_LEN])
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_GET);
    store_bind_text(stmt, 1, name);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        struct span as = store_column_span(stmt, 1);
        struct span key = store_column_span(stmt, 2);
        r = as.len == IPC_KDF_LEN && key.len == DIGEST_LEN
                ? 0
                : store_db_fail(db, CB_ECORRUPT, "an administrator's row is damaged");
        if (r == 0) {
            memcpy(kdf, as.ptr, IPC_KDF_LEN);
            memcpy(hash, key.ptr, DIGEST_LEN);
        }
    } else if (r == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no administrator %.*s", SPAN_ARG(name));
    }
    store_stmt_done(stmt);
    return r;
}

static int room_for(struct store_db *db, struct span name)
{
    uint32_t count = 0;
    bool exists = false;
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        exists = exists || span_eq(store_column_span(stmt, 0), name);
        count++;
    }
    store_stmt_done(stmt);
    if (r == 0 && !exists && count >= STORE_ADMINISTRATORS_MAX) {
        r = store_db_fail(db, CB_ELIMIT, "there are %d administrators, and there can be no more: remove one",
                          STORE_ADMINISTRATORS_MAX);
    }
    return r;
}

/*
 * Without an administrator whose scope is admin nobody could make another but from the machine itself, with `clawbox console`: so the last one
 * goes only on the word of somebody there, who knows.
 */
static int stays(struct store_db *db, struct span name, struct span by)
{
    bool is_admin = false;
    bool others = span_eq_str(by, IPC_BY_SOCKET);
    int r;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        if (store_column_u64(stmt, 1) == IPC_SCOPE_ADMIN) {
            bool own = span_eq(store_column_span(stmt, 0), name);
            is_admin = is_admin || own;
            others = others || !own;
        }
    }
    store_stmt_done(stmt);
    if (r == 0 && is_admin && !others) {
        r = store_db_fail(
            db, CB_ECONFLICT,
            "%.*s is the last administrator with the scope admin: make another one first, or use "
            "`clawbox admin rm` on the machine itself",
            SPAN_ARG(name));
    }
    return r;
}

/* Ends the administrator's sessions but for the one of that hash (empty: all). */
static int end_sessions(struct store_db *db, struct span name, struct span but)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_DELETE_OWN);
    store_bind_text(stmt, 1, name);
    store_bind_blob(stmt, 3, but);
    return store_stmt_run(db, stmt);
}

static int write_row(struct store_db *db, const struct ipc_administrator_put *m, uint64_t now_ms)
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256_of(m->key, hash);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_PUT);
    store_bind_text(stmt, 1, m->name);
    store_bind_u64(stmt, 2, m->scope);
    store_bind_blob(stmt, 3, m->kdf);
    store_bind_blob(stmt, 4, span_of(hash, sizeof(hash)));
    store_bind_u64(stmt, 5, now_ms);
    return store_stmt_run(db, stmt);
}

static int record(struct store_db *db, struct span change, struct span name, struct span by, uint64_t now_ms)
{
    return store_change_add(
        db, &(struct store_change){.change = change, .detail = name, .by = by, .now_ms = now_ms});
}

/* A link makes one administrator. */
static int use_link(struct store_db *db, struct span hash, uint64_t now_ms)
{
    struct store_session session;
    int r = store_session_find(db, hash, now_ms, &session);
    if (r == 0 && session.kind != IPC_SIGN_IN_LINK) {
        r = store_db_fail(db, CB_ENOTFOUND, "the session is not a link's");
    }
    if (r == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_SESSION_DELETE);
        store_bind_blob(stmt, 1, hash);
        r = store_stmt_run(db, stmt);
    }
    return r;
}

static bool key_valid(struct span kdf, struct span key)
{
    struct passphrase_kdf read;
    return key.len == IPC_HASH_LEN && passphrase_kdf_read(kdf, &read) == 0;
}

int store_administrator_put(struct store_db *db, const struct ipc_administrator_put *m, uint64_t now_ms)
{
    if (!spec_name_valid(m->name) || (m->scope != IPC_SCOPE_ADMIN && m->scope != IPC_SCOPE_VIEWER) ||
        !key_valid(m->kdf, m->key)) {
        return store_db_fail(db, CB_EINVAL,
                             "an administrator has a name, the scope admin or viewer, and a key");
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = m->link.len != 0 ? use_link(db, m->link, now_ms) : 0;
    r = r == 0 ? room_for(db, m->name) : r;
    r = r == 0 && m->scope != IPC_SCOPE_ADMIN ? stays(db, m->name, m->by) : r;
    r = r == 0 ? write_row(db, m, now_ms) : r;
    r = r == 0 ? end_sessions(db, m->name, SPAN_EMPTY) : r;
    r = r == 0 ? record(db, SPAN_LIT("administrator-set"), m->name, m->by, now_ms) : r;
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_administrator_list(struct store_db *db, struct buf *out, uint32_t *count)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    int r;
    *count = 0;
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_ALL);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        ipc_write_text(&w, store_column_span(stmt, 0), IPC_NAME_MAX);
        writer_u8(&w, (uint8_t)store_column_u64(stmt, 1));
        writer_u64(&w, store_column_u64(stmt, 2));
        writer_u64(&w, store_column_u64(stmt, 3));
        ++*count;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, *count);
    return r != 0 ? r : writer_finish(&w);
}

int store_administrator_delete(struct store_db *db, const struct ipc_administrator_delete *m, uint64_t now_ms)
{
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = stays(db, m->name, m->by);
    if (r == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ADMINISTRATOR_DELETE);
        store_bind_text(stmt, 1, m->name);
        r = store_stmt_run(db, stmt);
    }
    if (r == 0 && sqlite3_changes(db->sqlite) == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no administrator %.*s", SPAN_ARG(m->name));
    }
    r = r == 0 ? record(db, SPAN_LIT("administrator-removed"), m->name, m->by, now_ms) : r;
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_administrator_check(struct store_db *db, struct span name, struct span key)
{
    uint8_t kdf[IPC_KDF_LEN];
    uint8_t kept[DIGEST_LEN] = {0};
    uint8_t shown[DIGEST_LEN];
    int r = find(db, name, kdf, kept);
    if (r != 0 && r != CB_ENOTFOUND) {
        return r;
    }
    digest_sha256_of(key, shown);
    bool same = secret_eq(span_of(kept, sizeof(kept)), span_of(shown, sizeof(shown)));
    secret_wipe(kept, sizeof(kept));
    secret_wipe(shown, sizeof(shown));
    return r == 0 && same ? 0 : store_db_fail(db, CB_EAUTHENTIC, "the name or the password is wrong");
}

static int rekey(struct store_db *db, const struct ipc_session_key *m, const struct store_session *session,
                 uint64_t now_ms)
{
    const struct ipc_administrator_put put = {
        .name = span_str(session->name), .scope = (uint8_t)session->scope, .kdf = m->kdf, .key = m->key};
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = write_row(db, &put, now_ms);
    r = r == 0 ? end_sessions(db, put.name, m->hash) : r;
    r = r == 0 ? record(db, SPAN_LIT("password-changed"), put.name, m->by, now_ms) : r;
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_administrator_rekey(struct store_db *db, const struct ipc_session_key *m, uint64_t now_ms)
{
    struct store_session session;
    int r = store_session_find(db, m->hash, now_ms, &session);
    if (r == 0 && session.kind != IPC_SIGN_IN_PASSWORD) {
        r = store_db_fail(db, CB_ENOTFOUND, "who signed in with a token has no password to change");
    }
    if (r == 0 && !key_valid(m->kdf, m->key)) {
        r = store_db_fail(db, CB_EINVAL, "the key or its derivation is not valid");
    }
    r = r == 0 ? store_administrator_check(db, span_str(session.name), m->current) : r;
    return r == 0 ? rekey(db, m, &session, now_ms) : r;
}

/* ---- what the secret of this database makes ---- */

static int derive(struct store_db *db, const struct span *parts, size_t count, uint8_t out[DIGEST_LEN])
{
    struct buf key;
    uint8_t fresh[SIGN_IN_KEY_LEN];
    buf_init(&key, SIGN_IN_KEY_LEN);
    buf_set_sensitive(&key);
    int r = store_meta_get(db, META_SIGN_IN_KEY, &key);
    if (r == CB_ENOTFOUND) {
        secret_random(fresh, sizeof(fresh));
        r = store_meta_add(db, META_SIGN_IN_KEY, span_of(fresh, sizeof(fresh)));
        r = r == 0 ? buf_append(&key, fresh, sizeof(fresh)) : r;
        secret_wipe(fresh, sizeof(fresh));
    }
    if (r == 0 && buf_len(&key) != SIGN_IN_KEY_LEN) {
        r = store_db_fail(db, CB_ECORRUPT, "the secret for signing in has the wrong length");
    }
    if (r == 0) {
        digest_hmac_sha256(buf_span(&key), parts, count, out);
    }
    buf_deinit(&key);
    return r;
}

int store_sign_in_kdf(struct store_db *db, struct span name, uint8_t kdf[IPC_KDF_LEN])
{
    const struct span parts[] = {SPAN_LIT("salt\n"), name};
    struct passphrase_kdf made_up;
    uint8_t salt[DIGEST_LEN];
    uint8_t kept[DIGEST_LEN];
    int r = derive(db, parts, 2, salt);
    if (r != 0) {
        return r;
    }
    passphrase_kdf_new(&made_up);
    memcpy(made_up.salt, salt, sizeof(made_up.salt));
    r = find(db, name, kdf, kept);
    secret_wipe(kept, sizeof(kept));
    if (r == CB_ENOTFOUND) {
        passphrase_kdf_write(&made_up, kdf);
        r = 0;
    }
    return r;
}

static int device_mac(struct store_db *db, struct span name, struct span id, uint8_t out[DIGEST_LEN])
{
    /* The id has its length, so that no other pair of name and id makes the same text. */
    const struct span parts[] = {SPAN_LIT("device\n"), id, name};
    return derive(db, parts, 3, out);
}

int store_device_make(struct store_db *db, struct span name, uint8_t device[IPC_DEVICE_LEN])
{
    secret_random(device, DEVICE_ID_LEN);
    return device_mac(db, name, span_of(device, DEVICE_ID_LEN), device + DEVICE_ID_LEN);
}

int store_device_check(struct store_db *db, struct span name, struct span device, bool *known)
{
    uint8_t mac[DIGEST_LEN];
    *known = false;
    if (device.len != IPC_DEVICE_LEN) {
        return 0;
    }
    int r = device_mac(db, name, span_sub(device, 0, DEVICE_ID_LEN), mac);
    *known = r == 0 && secret_eq(span_of(mac, sizeof(mac)), span_sub(device, DEVICE_ID_LEN, SIZE_MAX));
    secret_wipe(mac, sizeof(mac));
    return r;
}

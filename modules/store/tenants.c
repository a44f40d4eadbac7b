/* tenants.c - applying, reading and deleting tenants. */
#include "store/tenants.h"
#include "store/series.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/secret.h"
#include "ipc/codec.h"
#include "policy/placeholder.h"
#include "policy/spec.h"
#include "store/change.h"
#include "tls/seal.h"

#define TOKEN_BYTES         32
#define TENANT_LIST_ROW_MAX 128
_Static_assert(ENCODE_BASE64_SIZE(TOKEN_BYTES) <= IPC_TOKEN_MAX + 1, "a token must fit");

/* ---- reading ---- */

static void copy_text(struct span from, char *to, size_t size)
{
    size_t len = from.len < size ? from.len : size - 1;
    if (len > 0) {
        memcpy(to, from.ptr, len);
    }
    to[len] = '\0';
}

static int store_tenant_take(struct store_db *db, sqlite3_stmt *stmt, struct store_tenant *out)
{
    memset(out, 0, sizeof(*out));
    buf_init(&out->yaml, IPC_PAGE_MAX);
    buf_init(&out->spec, IPC_SPEC_MAX);
    int r = store_stmt_step(db, stmt);
    if (r == 0) {
        r = CB_ENOTFOUND;
        (void)store_db_fail(db, r, "there is no such tenant");
    } else if (r == 1) {
        out->id = store_column_u64(stmt, 0);
        copy_text(store_column_span(stmt, 1), out->name, sizeof(out->name));
        out->generation = store_column_u64(stmt, 2);
        out->port = (uint16_t)store_column_u64(stmt, 3);
        copy_text(store_column_span(stmt, 4), out->token, sizeof(out->token));
        r = buf_append_span(&out->yaml, store_column_span(stmt, 5));
        if (r == 0) {
            r = buf_append_span(&out->spec, store_column_span(stmt, 6));
        }
        out->suspended_ms = store_column_u64(stmt, 7);
        copy_text(store_column_span(stmt, 8), out->suspended_by, sizeof(out->suspended_by));
    }
    store_stmt_done(stmt);
    if (r != 0) {
        store_tenant_deinit(out);
    }
    return r;
}

int store_tenant_get(struct store_db *db, struct span name, struct store_tenant *out)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_BY_NAME);
    store_bind_text(stmt, 1, name);
    return store_tenant_take(db, stmt, out);
}

int store_tenant_get_by_id(struct store_db *db, uint64_t id, struct store_tenant *out)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_BY_ID);
    store_bind_u64(stmt, 1, id);
    return store_tenant_take(db, stmt, out);
}

int store_tenant_brief(struct store_db *db, uint64_t id, struct store_brief *out)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_BRIEF);
    store_bind_u64(stmt, 1, id);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        copy_text(store_column_span(stmt, 0), out->name, sizeof(out->name));
        out->port = (uint16_t)store_column_u64(stmt, 1);
        out->suspended_ms = store_column_u64(stmt, 2);
        out->generation = store_column_u64(stmt, 3);
        r = 0;
    } else if (r == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no such tenant");
    }
    store_stmt_done(stmt);
    return r;
}

void store_tenant_deinit(struct store_tenant *tenant)
{
    buf_deinit(&tenant->yaml);
    buf_deinit(&tenant->spec);
    secret_wipe(tenant->token, sizeof(tenant->token));
}

int store_tenant_list(struct store_db *db, struct span only, struct span after, uint32_t limit,
                      uint64_t now_ms, struct buf *out, bool *more)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    *more = false;
    int r = now_ms != 0 ? store_series_catch_up(db) : 0;
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_LIST);
    store_bind_text(stmt, 1, after);
    store_bind_u64(stmt, 2, (uint64_t)limit + 1);
    store_bind_text(stmt, 3, only);
    store_bind_u64(stmt, 4, now_ms);
    while ((r = store_stmt_step(db, stmt)) == 1) {
        struct store_recent recent = {.requests = 0};
        if (count == limit || buf_room(out) < TENANT_LIST_ROW_MAX) {
            *more = true;
            r = count == limit || count > 0
                    ? 0
                    : CB_ELIMIT; /* an empty page would be asked for again and again */
            break;
        }
        if (now_ms != 0 && (r = store_series_recent(db, store_column_u64(stmt, 1), now_ms, &recent)) != 0) {
            break;
        }
        ipc_write_text(&w, store_column_span(stmt, 0), IPC_NAME_MAX);
        writer_u64(&w, store_column_u64(stmt, 1));
        writer_u16(&w, (uint16_t)store_column_u64(stmt, 2));
        writer_u32(&w, (uint32_t)store_column_u64(stmt, 3));
        writer_u32(&w, (uint32_t)store_column_u64(stmt, 4));
        writer_u32(&w, (uint32_t)store_column_u64(stmt, 5));
        writer_u64(&w, store_column_u64(stmt, 6));
        writer_u64(&w, store_column_u64(stmt, 7));
        writer_u64(&w, store_column_u64(stmt, 8));
        writer_u64(&w, recent.requests);
        writer_u64(&w, recent.denied);
        writer_u64(&w, recent.last_ms);
        writer_u32(&w, (uint32_t)store_column_u64(stmt, 9));
        count++;
    }
    store_stmt_done(stmt);
    ipc_list_end(&w, at, count);
    return r != 0 ? r : writer_finish(&w);
}

/* ---- applying ---- */

/* One tenant of the list, while it is applied. */
struct apply {
    struct span name;
    struct span yaml;
    struct span encoded;
    struct reader placeholders; /* stands on the first of `placeholder_count` */
    uint32_t placeholder_count;
    struct spec *spec;
};

static int apply_read(struct store_db *db, struct reader *r, struct apply *a)
{
    a->name = ipc_read_text(r, IPC_NAME_MAX);
    a->yaml = reader_bytes(r, IPC_PAGE_MAX);
    a->encoded = reader_bytes(r, IPC_SPEC_MAX);
    a->placeholder_count = ipc_list_read(r, SPEC_ROUTES_MAX);
    a->placeholders = *r;
    for (uint32_t i = 0; i < a->placeholder_count && r->error == 0; i++) {
        (void)ipc_read_text(r, IPC_NAME_MAX);
        (void)ipc_read_text(r, PLACEHOLDER_MAX - 1);
        if (reader_u8(r) > 1 && r->error == 0) {
            return store_db_fail(db, CB_EMALFORMED, "the list of tenants is malformed");
        }
    }
    if (r->error != 0) {
        return store_db_fail(db, r->error, "the list of tenants is malformed");
    }
    if (!spec_name_valid(a->name)) {
        return store_db_fail(db, CB_EINVAL, "a tenant's name is not valid");
    }
    int error = spec_decode(a->encoded, &a->spec);
    if (error != 0) {
        return store_db_fail(db, error, "tenant %.*s: the specification is not valid", SPAN_ARG(a->name));
    }
    if (!span_eq_str(a->name, a->spec->tenant)) {
        return store_db_fail(db, CB_EINVAL, "tenant %.*s: the specification is another tenant's",
                             SPAN_ARG(a->name));
    }
    return 0;
}

/* Whether a credential that is set may go wherever the new routes send it. */
static int apply_check_binding(struct store_db *db, const struct apply *a, uint64_t id, const char *name)
{
    struct buf wanted;
    buf_init(&wanted, IPC_BINDING_MAX);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_GET);
    store_bind_u64(stmt, 1, id);
    store_bind_text(stmt, 2, span_str(name));
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        bool is_set = store_column_span(stmt, 4).len > 0;
        r = is_set ? spec_credential_binding(a->spec, span_str(name), digest_sha256_of, &wanted)
                   : CB_ENOTFOUND;
        if (r == CB_ENOTFOUND) {
            r = 0;
        } else if (r != 0) {
            (void)store_db_fail(db, r, "tenant %.*s: credential %s goes to too many hosts", SPAN_ARG(a->name),
                                name);
        } else if (!spec_binding_covers(store_column_span(stmt, 3), buf_span(&wanted))) {
            r = store_db_fail(
                db, CB_EPERM,
                "tenant %.*s: credential %s is not bound to all the hosts that the routes send it "
                "to; set it again to widen that",
                SPAN_ARG(a->name), name);
        }
    }
    store_stmt_done(stmt);
    buf_deinit(&wanted);
    return r;
}

/* The placeholder that the list has for a credential; empty when it has none. `*fixed`: also in place of another one. */
static struct span apply_placeholder(const struct apply *a, const char *name, bool *fixed)
{
    struct reader r = a->placeholders;
    for (uint32_t i = 0; i < a->placeholder_count; i++) {
        struct span credential = ipc_read_text(&r, IPC_NAME_MAX);
        struct span placeholder = ipc_read_text(&r, PLACEHOLDER_MAX - 1);
        *fixed = reader_u8(&r) != 0;
        if (span_eq_str(credential, name)) {
            return placeholder;
        }
    }
    return SPAN_EMPTY;
}

static int apply_credentials(struct store_db *db, const struct apply *a, uint64_t id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_CREDENTIAL_UNUSE);
    store_bind_u64(stmt, 1, id);
    int r = store_stmt_run(db, stmt);
    for (size_t i = 0; r == 0 && i < a->spec->credential_count; i++) {
        const char *name = a->spec->credentials[i].name;
        bool fixed = false;
        struct span placeholder = apply_placeholder(a, name, &fixed);
        if (placeholder.len == 0) {
            return store_db_fail(db, CB_EINVAL, "tenant %.*s: credential %s has no placeholder",
                                 SPAN_ARG(a->name), name);
        }
        r = apply_check_binding(db, a, id, name);
        if (r == 0) {
            stmt = store_stmt(db, STORE_STMT_CREDENTIAL_USE);
            store_bind_u64(stmt, 1, id);
            store_bind_text(stmt, 2, span_str(name));
            store_bind_text(stmt, 3, placeholder);
            store_bind_u64(stmt, 4, fixed);
            r = store_stmt_run(db, stmt);
        }
    }
    return r;
}

static int apply_create(struct store_db *db, const struct apply *a, uint64_t now_ms, uint64_t *id)
{
    uint8_t random[TOKEN_BYTES];
    char token[ENCODE_BASE64_SIZE(TOKEN_BYTES)];
    secret_random(random, sizeof(random));
    size_t len = encode_base64url(random, sizeof(random), token);
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_ADD);
    store_bind_text(stmt, 1, a->name);
    store_bind_text(stmt, 2, span_of(token, len));
    store_bind_blob(stmt, 3, a->yaml);
    store_bind_blob(stmt, 4, a->encoded);
    store_bind_u64(stmt, 5, a->spec->route_count);
    store_bind_u64(stmt, 6, now_ms);
    int r = store_stmt_run(db, stmt);
    *id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    secret_wipe(random, sizeof(random));
    secret_wipe(token, sizeof(token));
    return r;
}

static int apply_update(struct store_db *db, const struct apply *a, uint64_t now_ms, uint64_t id)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_CHANGE);
    store_bind_u64(stmt, 1, id);
    store_bind_blob(stmt, 2, a->yaml);
    store_bind_blob(stmt, 3, a->encoded);
    store_bind_u64(stmt, 4, a->spec->route_count);
    store_bind_u64(stmt, 5, now_ms);
    return store_stmt_run(db, stmt);
}

/* Whether the tenant is as whoever changes it believes. */
static int apply_check_expected(struct store_db *db, const struct ipc_tenants_apply *m,
                                const struct store_tenant *old)
{
    if (m->expect == IPC_EXPECT_ABSENT && old != NULL) {
        return store_db_fail(db, CB_EEXIST, "there is a tenant %s already", old->name);
    }
    if (m->expect == IPC_EXPECT_GENERATION &&
        (old == NULL || old->id != m->tenant_id || old->generation != m->generation)) {
        return store_db_fail(db, CB_ECONFLICT, "the tenant has been changed meanwhile");
    }
    return 0;
}

/* Who did it, and what the document is from now on. */
static int apply_record(struct store_db *db, const struct apply *a, struct span by, uint64_t now_ms,
                        const struct store_applied *applied)
{
    const struct store_change change = {
        .tenant = a->name,
        .tenant_id = applied->tenant_id,
        .generation = applied->generation,
        .change = applied->what == STORE_APPLIED_CREATED ? SPAN_LIT("created") : SPAN_LIT("updated"),
        .by = by,
        .now_ms = now_ms};
    int r = store_revision_add(db, applied->tenant_id, applied->generation, a->yaml, a->encoded, by, now_ms);
    return r == 0 ? store_change_add(db, &change) : r;
}

static int apply_one(struct store_db *db, const struct apply *a, const struct ipc_tenants_apply *m,
                     uint64_t now_ms, struct store_applied *out)
{
    struct store_tenant old;
    int r = store_tenant_get(db, a->name, &old);
    if (r != 0 && r != CB_ENOTFOUND) {
        return r;
    }
    bool exists = r == 0;
    r = apply_check_expected(db, m, exists ? &old : NULL);
    if (r != 0) {
        store_tenant_deinit(&old);
        return r;
    }
    memset(out, 0, sizeof(*out));
    copy_text(a->name, out->name, sizeof(out->name));
    out->what = !exists ? STORE_APPLIED_CREATED
                : span_eq(buf_span(&old.spec), a->encoded) && span_eq(buf_span(&old.yaml), a->yaml)
                    ? STORE_APPLIED_UNCHANGED
                    : STORE_APPLIED_UPDATED;
    out->tenant_id = exists ? old.id : 0;
    out->generation = exists ? old.generation : 1;
    out->port = exists ? old.port : 0;
    store_tenant_deinit(&old);
    if (out->what == STORE_APPLIED_UNCHANGED) {
        return 0;
    }
    if (out->what == STORE_APPLIED_UPDATED) {
        out->generation++;
        r = apply_update(db, a, now_ms, out->tenant_id);
    } else {
        r = apply_create(db, a, now_ms, &out->tenant_id);
    }
    r = r == 0 ? apply_credentials(db, a, out->tenant_id) : r;
    return r == 0 ? apply_record(db, a, m->by, now_ms, out) : r;
}

static int apply_all(struct store_db *db, const struct ipc_tenants_apply *m, struct reader *r, uint32_t count,
                     uint64_t now_ms, struct store_applied *applied)
{
    int result = m->expect == IPC_EXPECT_ANY || count == 1
                     ? 0
                     : store_db_fail(db, CB_EINVAL, "what is expected can be said of one tenant only");
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct apply a = {0};
        result = apply_read(db, r, &a);
        for (uint32_t k = 0; result == 0 && k < i; k++) {
            if (span_eq_str(a.name, applied[k].name)) {
                result =
                    store_db_fail(db, CB_EINVAL, "tenant %.*s is there more than once", SPAN_ARG(a.name));
            }
        }
        if (result == 0) {
            result = apply_one(db, &a, m, now_ms, &applied[i]);
        }
        spec_free(a.spec);
    }
    if (result == 0 && reader_finish(r) != 0) {
        result = store_db_fail(db, reader_finish(r), "the list of tenants is malformed");
    }
    return result;
}

int store_tenants_apply(struct store_db *db, const struct ipc_tenants_apply *apply, uint64_t now_ms,
                        struct store_applied **out, size_t *count)
{
    struct reader r = reader_of(apply->tenants);
    uint32_t n = ipc_list_read(&r, STORE_APPLY_TENANTS_MAX);
    if (r.error != 0) {
        return store_db_fail(db, r.error, "the list of tenants is malformed or too long");
    }
    struct store_applied *applied = calloc((size_t)n + 1, sizeof(*applied));
    if (applied == NULL) {
        return store_db_fail(db, CB_ENOMEM, "%s", cb_strerror(CB_ENOMEM));
    }
    int result = store_db_begin(db);
    if (result != 0) {
        free(applied);
        return result;
    }
    result = apply_all(db, apply, &r, n, now_ms, applied);
    if (result == 0 && !apply->dry_run) {
        result = store_db_commit(db);
    } else {
        store_db_rollback(db);
    }
    if (result != 0) {
        free(applied);
        return result;
    }
    *out = applied;
    *count = n;
    return 0;
}

int store_applied_write(const struct store_applied *applied, size_t count, struct buf *out)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    for (size_t i = 0; i < count; i++) {
        ipc_write_text(&w, span_str(applied[i].name), IPC_NAME_MAX);
        writer_u8(&w, (uint8_t)applied[i].what);
    }
    ipc_list_end(&w, at, (uint32_t)count);
    return writer_finish(&w);
}

/* ---- deleting, ports ---- */

int store_tenant_delete(struct store_db *db, const struct ipc_tenant_delete *which, uint64_t now_ms,
                        uint64_t *tenant_id)
{
    struct store_tenant tenant;
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    r = store_tenant_get(db, which->tenant, &tenant);
    if (r == 0) {
        *tenant_id = tenant.id;
        if (which->tenant_id != 0 &&
            (which->tenant_id != tenant.id || which->generation != tenant.generation)) {
            r = store_db_fail(db, CB_ECONFLICT, "the tenant has been changed meanwhile");
        }
        store_tenant_deinit(&tenant);
    }
    r = r == 0 ? store_series_catch_up(db) : r;
    if (r == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_DELETE);
        store_bind_u64(stmt, 1, *tenant_id);
        r = store_stmt_run(db, stmt);
        r = r == 0 ? store_series_forget(db, *tenant_id) : r;
    }
    if (r == 0) {
        r = store_change_add(db, &(struct store_change){.tenant = which->tenant,
                                                        .tenant_id = *tenant_id,
                                                        .change = SPAN_LIT("deleted"),
                                                        .by = which->by,
                                                        .now_ms = now_ms});
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

static bool token_is_valid(struct span token)
{
    static const char marks[] = "-._~";
    bool fine = token.len >= STORE_TOKEN_MIN && token.len <= IPC_TOKEN_MAX;
    for (size_t i = 0; fine && i < token.len; i++) {
        uint8_t c = token.ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               memchr(marks, c, strlen(marks)) != NULL;
    }
    return fine;
}

int store_tenant_set_token(struct store_db *db, const struct ipc_tenant_token *m, uint64_t now_ms,
                           uint64_t *id, uint64_t *generation)
{
    struct store_tenant t;
    if (!token_is_valid(m->token)) {
        return store_db_fail(db, CB_EINVAL, "a proxy token is %d to %d letters, digits and \"-._~\"",
                             STORE_TOKEN_MIN, IPC_TOKEN_MAX);
    }
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    if ((r = store_tenant_get(db, m->tenant, &t)) == 0) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_SET_TOKEN);
        *id = t.id;
        *generation = t.generation + 1;
        store_bind_u64(stmt, 1, t.id);
        store_bind_text(stmt, 2, m->token);
        r = store_stmt_run(db, stmt);
        r = r == 0 && sqlite3_changes(db->sqlite) == 0 ? CB_EEXIST : r;
        store_tenant_deinit(&t);
    }
    if (r == 0) {
        r = store_change_add(db, &(struct store_change){.tenant = m->tenant,
                                                        .tenant_id = *id,
                                                        .change = SPAN_LIT("proxy-token"),
                                                        .by = m->by,
                                                        .now_ms = now_ms});
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

int store_tenant_set_port(struct store_db *db, uint64_t id, uint16_t port)
{
    int r = store_db_begin(db);
    if (r != 0) {
        return r;
    }
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_TENANT_SET_PORT);
    store_bind_u64(stmt, 1, id);
    store_bind_u64(stmt, 2, port);
    r = store_stmt_run(db, stmt);
    if (r == 0 && sqlite3_changes(db->sqlite) == 0) {
        r = store_db_fail(db, CB_ENOTFOUND, "there is no such tenant");
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

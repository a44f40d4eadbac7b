/* admin.c - what an administrator does, by way of the api: tenants, credentials, pages of the audit. */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "store/audit_search.h"
#include "store/credentials.h"
#include "store/series.h"
#include "store/state.h"
#include "store/tenants.h"

#include <stdlib.h>

#define APPLY_WAIT_MS    3000
#define VERIFY_LIMIT_MAX 2000

static struct span admin_why(struct store *s, int r)
{
    return r == 0 ? SPAN_EMPTY : span_sub(span_str(store_db_why(s->db)), 0, 2048);
}

static int admin_done(struct store_peer *p, uint32_t call, int r)
{
    struct ipc_done m = {.code = ipc_code(r), .why = admin_why(p->store, r)};
    return ipc_send_done(p->chan, call, &m);
}

void admin_tell_vault(struct store *s, uint64_t tenant_id)
{
    struct store_peer *vault = peer_find(s, IPC_ROLE_VAULT, 0);
    if (vault != NULL && ipc_send_forget(vault->chan, 0, &(struct ipc_forget){.tenant_id = tenant_id}) != 0) {
        log_warn("the vault cannot be told that tenant %llu changed", (unsigned long long)tenant_id);
    }
}

/* ---- applying ---- */

/* An answer that waits until the new tenants have a listener, so that `clawbox env` can be asked right after it. */
struct apply_wait {
    struct list link;
    uint32_t call;
    struct store_applied *applied;
    size_t count;
    size_t left; /* tenants without a listener */
};

static void apply_wait_free(struct apply_wait *w)
{
    list_remove(&w->link);
    free(w->applied);
    free(w);
}

static int apply_answer(struct store_peer *p, uint32_t call, int code, const struct store_applied *applied,
                        size_t count)
{
    struct buf results;
    buf_init(&results, IPC_PAGE_MAX - 4096);
    int r = store_applied_write(applied, count, &results);
    if (r == 0) {
        struct ipc_tenants_applied m = {
            .code = ipc_code(code), .results = buf_span(&results), .why = admin_why(p->store, code)};
        r = ipc_send_tenants_applied(p->chan, call, &m);
    }
    buf_deinit(&results);
    return r;
}

static void apply_wait_end(struct store *s, struct apply_wait *w)
{
    struct store_peer *api = peer_find(s, IPC_ROLE_API, 0);
    if (api != NULL && apply_answer(api, w->call, 0, w->applied, w->count) != 0) {
        log_error("the api cannot be told that tenants were applied");
    }
    apply_wait_free(w);
}

static void on_apply_timer(void *arg)
{
    struct store *s = arg;
    LIST_FOR_EACH (node, safe, &s->applies) {
        log_warn("a new tenant has no listener after %d ms", APPLY_WAIT_MS);
        apply_wait_end(s, LIST_ENTRY(node, struct apply_wait, link));
    }
}

void admin_listening(struct store *s, uint64_t tenant_id)
{
    LIST_FOR_EACH (node, safe, &s->applies) {
        struct apply_wait *w = LIST_ENTRY(node, struct apply_wait, link);
        for (size_t i = 0; i < w->count; i++) {
            if (w->applied[i].tenant_id == tenant_id && w->applied[i].what == STORE_APPLIED_CREATED) {
                w->left--;
                break;
            }
        }
        if (w->left == 0) {
            apply_wait_end(s, w);
        }
    }
}

void admin_forget_api(struct store *s)
{
    LIST_FOR_EACH (node, safe, &s->applies) {
        apply_wait_free(LIST_ENTRY(node, struct apply_wait, link));
    }
}

/* Everybody whom a tenant of the list concerns hears of it. Returns how many are new. */
static size_t apply_tell(struct store *s, const struct store_applied *applied, size_t count)
{
    size_t created = 0;
    for (size_t i = 0; i < count; i++) {
        const struct store_applied *a = &applied[i];
        if (a->what == STORE_APPLIED_CREATED) {
            struct ipc_tenant_up m = {
                .tenant_id = a->tenant_id, .tenant = span_str(a->name), .port = a->port};
            if (ipc_send_tenant_up(ipc_role()->life, 0, &m) != 0) {
                log_error("the monitor cannot be told of tenant %s", a->name);
            }
            created++;
        } else if (a->what == STORE_APPLIED_UPDATED) {
            admin_tell_vault(s, a->tenant_id);
            peer_tell_spec_changed(s, a->tenant_id, a->generation);
        }
        if (a->what != STORE_APPLIED_UNCHANGED) {
            log_info("tenant %s was %s", a->name, a->what == STORE_APPLIED_CREATED ? "created" : "changed");
        }
    }
    return created;
}

static int admin_apply(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_tenants_apply m;
    int r = ipc_get_tenants_apply(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct store_applied *applied = NULL;
    size_t count = 0;
    int code = store_tenants_apply(s->db, &m, clock_wall_ms(), &applied, &count);
    if (code != 0) {
        return apply_answer(p, in->call, code, NULL, 0);
    }
    size_t created = m.dry_run ? 0 : apply_tell(s, applied, count);
    struct apply_wait *w = created != 0 ? calloc(1, sizeof(*w)) : NULL;
    if (w == NULL) {
        r = apply_answer(p, in->call, 0, applied, count);
        free(applied);
        return r;
    }
    *w = (struct apply_wait){.call = in->call, .applied = applied, .count = count, .left = created};
    list_push_back(&s->applies, &w->link);
    if (s->apply_timer == NULL) {
        s->apply_timer = net_timer_new(s->loop, on_apply_timer, s);
    }
    if (s->apply_timer == NULL) {
        apply_wait_end(s, w);
        return 0;
    }
    net_timer_start(s->apply_timer, APPLY_WAIT_MS, 0);
    return 0;
}

/* ---- reading, deleting ---- */

static int admin_list(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_tenant_list m;
    int r = ipc_get_tenant_list(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct buf page;
    buf_init(&page, IPC_PAGE_MAX);
    struct ipc_tenant_page answer = {.more = false};
    int code =
        store_tenant_list(p->store->db, m.only, m.after, m.limit, clock_wall_ms(), &page, &answer.more);
    if (code == 0) {
        answer.tenants = buf_span(&page);
    } else {
        log_error_r(code, "the tenants cannot be listed (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_tenant_page(p->chan, in->call, &answer);
    buf_deinit(&page);
    return r;
}

static int admin_get(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_tenant_get m;
    int r = ipc_get_tenant_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct store_tenant t;
    struct buf credentials;
    buf_init(&credentials, IPC_PAGE_MAX / 2);
    struct ipc_tenant answer = {.code = 0};
    int code = store_tenant_get(p->store->db, m.tenant, &t);
    if (code == 0) {
        code = store_series_catch_up(p->store->db); /* when they were used */
    }
    if (code == 0) {
        code = store_credentials_for_people(p->store->db, t.id, &credentials);
    }
    if (code == 0) {
        answer = (struct ipc_tenant){.tenant_id = t.id,
                                     .generation = t.generation,
                                     .port = t.port,
                                     .suspended_ms = t.suspended_ms,
                                     .suspended_by = span_str(t.suspended_by),
                                     .token = span_str(t.token),
                                     .yaml = buf_span(&t.yaml),
                                     .spec = buf_span(&t.spec),
                                     .credentials = buf_span(&credentials)};
    }
    answer.code = ipc_code(code);
    r = ipc_send_tenant(p->chan, in->call, &answer);
    store_tenant_deinit(&t);
    buf_deinit(&credentials);
    return r;
}

static int admin_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_tenant_delete m;
    int r = ipc_get_tenant_delete(in->payload, &m);
    if (r != 0) {
        return r;
    }
    uint64_t id = 0;
    int code = store_tenant_delete(s->db, &m, clock_wall_ms(), &id);
    if (code == 0) {
        log_info("tenant %.*s was removed", SPAN_ARG(m.tenant));
        admin_tell_vault(s, id);
        if (ipc_send_tenant_down(ipc_role()->life, 0, &(struct ipc_tenant_down){.tenant_id = id}) != 0) {
            log_error("the monitor cannot be told that tenant %llu is gone", (unsigned long long)id);
        }
    }
    return admin_done(p, in->call, code);
}

static int admin_credential_put(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_credential_put m;
    int r = ipc_get_credential_put(in->payload, &m);
    if (r != 0) {
        return r;
    }
    uint64_t generation = 0;
    int code = store_credential_put(p->store->db, &m, clock_wall_ms(), &generation);
    if (code == 0) {
        log_info("credential %.*s of tenant %.*s was set", SPAN_ARG(m.credential), SPAN_ARG(m.tenant));
        peer_tell_spec_changed(p->store, m.tenant_id, generation);
    }
    return admin_done(p, in->call, code);
}

static int admin_credential_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_credential_delete m;
    int r = ipc_get_credential_delete(in->payload, &m);
    if (r != 0) {
        return r;
    }
    uint64_t id = 0;
    uint64_t generation = 0;
    int code = store_credential_delete(p->store->db, &m, clock_wall_ms(), &id, &generation);
    if (code == 0) {
        log_info("credential %.*s of tenant %.*s was removed", SPAN_ARG(m.credential), SPAN_ARG(m.tenant));
        peer_tell_spec_changed(p->store, id, generation);
    }
    return admin_done(p, in->call, code);
}

/* ---- the audit ---- */

static int admin_audit_page(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_audit_page m;
    int r = ipc_get_audit_page(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct store_audit_query query = {.tenant = m.tenant,
                                      .after_seq = m.after_seq,
                                      .since_ms = m.since_ms,
                                      .denied_only = m.denied_only,
                                      .newest = m.newest,
                                      .limit = m.limit};
    struct store_audit_page page;
    struct buf rows;
    buf_init(&rows, IPC_PAGE_MAX);
    struct ipc_audit_rows answer = {.code = 0};
    int code = store_audit_page(p->store->db, &query, &rows, &page);
    if (code == 0) {
        answer =
            (struct ipc_audit_rows){.last_seq = page.last_seq, .more = page.more, .rows = buf_span(&rows)};
    } else {
        log_error_r(code, "the audit cannot be read (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_audit_rows(p->chan, in->call, &answer);
    buf_deinit(&rows);
    return r;
}

static int admin_audit_search(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_audit_search m;
    int r = ipc_get_audit_search(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct buf rows;
    buf_init(&rows, IPC_PAGE_MAX);
    struct ipc_audit_found answer = {.code = 0};
    int code = store_audit_search(p->store->db, &m, &rows, &answer.next);
    if (code == 0) {
        answer.rows = buf_span(&rows);
    } else {
        log_error_r(code, "the audit cannot be searched (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_audit_found(p->chan, in->call, &answer);
    buf_deinit(&rows);
    return r;
}

static int admin_series(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_series_get m;
    int r = ipc_get_series_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct buf points;
    buf_init(&points, IPC_PAGE_MAX);
    struct ipc_series answer = {.code = 0};
    int code = store_series_read(p->store->db, &m, &points);
    if (code == 0) {
        answer.points = buf_span(&points);
    } else if (code != CB_ENOTFOUND) {
        log_error_r(code, "a series cannot be read (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_series(p->chan, in->call, &answer);
    buf_deinit(&points);
    return r;
}

static int admin_audit_verify(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_audit_verify m;
    int r = ipc_get_audit_verify(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct store_audit_verified v;
    uint32_t limit = m.limit < VERIFY_LIMIT_MAX ? m.limit : VERIFY_LIMIT_MAX;
    int code = store_audit_verify(p->store->db, m.after_seq, m.hash, limit, &v);
    struct ipc_audit_verified answer = {.code = ipc_code(code),
                                        .last_seq = v.last_seq,
                                        .rows = v.rows,
                                        .hash = span_of(v.hash, sizeof(v.hash)),
                                        .more = v.more,
                                        .why = span_sub(admin_why(p->store, code), 0, 512)};
    return ipc_send_audit_verified(p->chan, in->call, &answer);
}

static int admin_token(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_tenant_token m;
    uint64_t id = 0;
    uint64_t generation = 0;
    int r = ipc_get_tenant_token(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_tenant_set_token(p->store->db, &m, clock_wall_ms(), &id, &generation);
    if (code == 0) {
        log_info("tenant %.*s has another proxy token", SPAN_ARG(m.tenant));
        peer_tell_spec_changed(p->store, id, generation);
    }
    code = code == CB_EEXIST ? 0 : code; /* it is as it was to be */
    struct ipc_done done = {.code = ipc_code(code), .why = admin_why(p->store, code)};
    return ipc_send_done(p->chan, in->call, &done);
}

int admin_message(struct store_peer *p, const struct ipc_in *in)
{
    if (in->msg == IPC_MSG_TOKEN_CHECK) {
        return tokens_check(p, in);
    }
    if (people_is(in->msg)) {
        return people_message(p, in);
    }
    batch_flush(p->store);
    switch (in->msg) {
    case IPC_MSG_TENANTS_APPLY:
        return admin_apply(p, in);
    case IPC_MSG_TENANT_LIST:
        return admin_list(p, in);
    case IPC_MSG_TENANT_GET:
        return admin_get(p, in);
    case IPC_MSG_TENANT_DELETE:
        return admin_delete(p, in);
    case IPC_MSG_TENANT_SUSPEND:
        return suspend_by_admin(p, in);
    case IPC_MSG_TENANT_TOKEN:
        return admin_token(p, in);
    case IPC_MSG_CREDENTIAL_PUT:
        return admin_credential_put(p, in);
    case IPC_MSG_CREDENTIAL_DELETE:
        return admin_credential_delete(p, in);
    case IPC_MSG_AUDIT_PAGE:
        return admin_audit_page(p, in);
    case IPC_MSG_AUDIT_SEARCH:
        return admin_audit_search(p, in);
    case IPC_MSG_SERIES_GET:
        return admin_series(p, in);
    case IPC_MSG_HEALTH_GET:
    case IPC_MSG_COUNTERS_GET:
        return health_message(p, in);
    case IPC_MSG_DENIALS_GET:
    case IPC_MSG_DENIAL_MUTE:
        return denials_message(p, in);
    case IPC_MSG_CHANGES_GET:
    case IPC_MSG_REVISION_GET:
        return history_message(p, in);
    case IPC_MSG_GRANT_CREATE:
    case IPC_MSG_GRANTS_GET:
    case IPC_MSG_GRANT_DELETE:
        return grants_message(p, in);
    case IPC_MSG_AUDIT_VERIFY:
        return admin_audit_verify(p, in);
    default:
        return tokens_message(p, in);
    }
}

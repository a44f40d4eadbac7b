/*
 * granting.c - grants as the role has them: what the api asks, who has to hear of it, and their end.
 *
 * A grant that is over is of no use from that moment, whatever this role does: egress looks at the clock with each request, and so does
 * the decision's transaction. The timer makes the egress look again at what is under way, and forgets the row.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/grants.h"
#include "store/state.h"
#include "store/tenants.h"

#define LOOK_MS       UINT64_C(3600000) /* the clock of the wall may be set, and nothing tells */
#define LOOK_AGAIN_MS UINT64_C(5000)    /* after a failure */

/* The vault, because it signs leaves for the host; then the egress, which tells its gate. */
void grants_tell(struct store *s, uint64_t tenant_id)
{
    struct store_brief t;
    int r = store_tenant_brief(s->db, tenant_id, &t);
    if (r != 0) {
        if (r != CB_ENOTFOUND) {
            log_error_r(r, "the egress of tenant %llu does not hear of its grants (%s)",
                        (unsigned long long)tenant_id, store_db_why(s->db));
        }
        return;
    }
    admin_tell_vault(s, tenant_id);
    peer_tell_spec_changed(s, tenant_id, t.generation);
}

/* Forgets what is over, one after the other, and comes again when the next one ends. */
void grants_look(struct store *s)
{
    uint64_t now_ms = clock_wall_ms();
    uint64_t tenant_id = 0;
    uint64_t until_ms = 0;
    int r;
    batch_commit(s);
    while ((r = store_grants_prune(s->db, now_ms, &tenant_id)) == 1) {
        log_info("a grant of tenant %llu is over", (unsigned long long)tenant_id);
        grants_tell(s, tenant_id);
    }
    r = r == 0 ? store_grants_next(s->db, &until_ms) : r;
    if (r != 0) {
        log_error_r(r, "grants that are over cannot be forgotten (%s)", store_db_why(s->db));
        net_timer_start(s->grant_timer, LOOK_AGAIN_MS, 0);
        return;
    }
    if (until_ms == 0) {
        net_timer_stop(s->grant_timer);
        return;
    }
    uint64_t left = until_ms > now_ms ? until_ms - now_ms : 0;
    net_timer_start(s->grant_timer, left < LOOK_MS ? left + 1 : LOOK_MS, 0);
}

static void on_grant_timer(void *arg)
{
    grants_look(arg);
}

int grants_init(struct store *s)
{
    s->grant_timer = net_timer_new(s->loop, on_grant_timer, s);
    return s->grant_timer != NULL ? 0 : CB_ENOMEM;
}

void grants_deinit(struct store *s)
{
    net_timer_free(s->grant_timer);
    s->grant_timer = NULL;
}

/* ---- what the api asks ---- */

static int grant_create(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_grant_create m;
    struct store_granted g = {.id = 0};
    int r = ipc_get_grant_create(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_grant_create(s->db, &m, clock_wall_ms(), &g);
    if (code == 0) {
        log_info("tenant %.*s was granted a request: grant %llu", SPAN_ARG(m.tenant),
                 (unsigned long long)g.id);
        grants_tell(s, g.tenant_id);
        grants_look(s);
    }
    struct ipc_grant_created answer = {.code = ipc_code(code),
                                       .grant = g.id,
                                       .until_ms = g.until_ms,
                                       .why = code != 0 ? span_str(store_db_why(s->db)) : SPAN_EMPTY};
    return ipc_send_grant_created(p->chan, in->call, &answer);
}

static int grants_get(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct ipc_grants_get m;
    struct store_tenant t;
    struct buf list;
    int r = ipc_get_grants_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    buf_init(&list, IPC_GRANTS_MAX);
    int code = store_tenant_get(s->db, m.tenant, &t);
    if (code == 0) {
        code = store_grants_list(s->db, t.id, clock_wall_ms(), true, &list);
    }
    store_tenant_deinit(&t);
    struct ipc_grants answer = {.code = ipc_code(code), .grants = code == 0 ? buf_span(&list) : SPAN_EMPTY};
    r = ipc_send_grants(p->chan, in->call, &answer);
    buf_deinit(&list);
    return r;
}

static int grant_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_grant_delete m;
    uint64_t tenant_id = 0;
    int r = ipc_get_grant_delete(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_grant_delete(p->store->db, &m, clock_wall_ms(), &tenant_id);
    if (code == 0) {
        log_info("grant %llu of tenant %.*s was taken back", (unsigned long long)m.grant, SPAN_ARG(m.tenant));
        grants_tell(p->store, tenant_id);
    }
    return rows_done(p, in->call, code);
}

int grants_message(struct store_peer *p, const struct ipc_in *in)
{
    switch (in->msg) {
    case IPC_MSG_GRANT_CREATE:
        return grant_create(p, in);
    case IPC_MSG_GRANTS_GET:
        return grants_get(p, in);
    case IPC_MSG_GRANT_DELETE:
        return grant_delete(p, in);
    default:
        return CB_EPERM;
    }
}

/*
 * store.c - the role `store`: its channels, its start (open the database, name the tenants), its end (nothing is lost).
 *
 * Holds      the database: tenants, routes, sealed credentials, the audit (client.h).
 * Answers    the vault, the api, each tenant's egress.
 * May never  open what is sealed, touch a network, see a file outside of its directory, or execute one.
 * Calls      what every role may (priv/calls.h), and what a database in a file needs: open, read, write, sync, truncate, lock,
 *            remove. No socket of its own.
 */
#include "store/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "store/audit_block.h"
#include "store/series.h"
#include "store/state.h"
#include "store/tenants.h"
#include "tls/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STORE_FILE_MAX   ((uint64_t)1 << 40)
#define STORE_LIST_LIMIT 512
#define PRUNE_MS         600000
#define PRUNE_MORE_MS    1000

const struct priv_profile store_profile = {.needs = PRIV_NEED_FILES,
                                           .root = PRIV_ROOT_DIRECTORY,
                                           .max_descriptors = 32768, /* a channel to each active egress */
                                           .max_file_bytes = STORE_FILE_MAX,
                                           .max_memory = (uint64_t)8
                                                         << 30, /* answers that wait for 30,000 peers */
                                           .max_locked = (uint64_t)64 * 1024};

/* ---- channels ---- */

struct store_peer *peer_find(struct store *s, enum ipc_role role, uint64_t tenant_id)
{
    LIST_FOR_EACH (node, safe, &s->peers) {
        struct store_peer *p = LIST_ENTRY(node, struct store_peer, link);
        if (p->role == role && p->tenant_id == tenant_id && !p->superseded) {
            return p;
        }
    }
    return NULL;
}

void peer_tell_spec_changed(struct store *s, uint64_t tenant_id, uint64_t generation)
{
    struct store_peer *p = peer_find(s, IPC_ROLE_EGRESS, tenant_id);
    if (p != NULL &&
        ipc_send_spec_changed(p->chan, 0, &(struct ipc_spec_changed){.generation = generation}) != 0) {
        log_error("the egress of %s cannot be told that its routes changed", p->tenant);
    }
}

/* Minutes that are too old go, an hour of them at a time. */
static void on_prune_timer(void *arg)
{
    struct store *s = arg;
    bool more = false;
    batch_commit(s);
    int r = store_series_prune(s->db, clock_wall_ms(), &more);
    if (r != 0) {
        log_warn_r(r, "old sums are not taken away (%s)", store_db_why(s->db));
    }
    net_timer_start(s->prune_timer, r == 0 && more ? PRUNE_MORE_MS : PRUNE_MS, 0);
}

static void store_end(struct store *s)
{
    net_timer_free(s->prune_timer);
    s->prune_timer = NULL;
    net_timer_free(s->stop_timer);
    s->stop_timer = NULL;
    batch_deinit(s);
    grants_deinit(s);
    grew_deinit(s);
    counts_free(&s->counts);
    store_db_free(s->db);
    s->db = NULL;
    net_loop_stop(s->loop);
}

static void peer_free(struct store_peer *p)
{
    struct store *s = p->store;
    batch_forget_peer(s, p);
    if (p->role == IPC_ROLE_API) {
        admin_forget_api(s);
    } else if (p->role == IPC_ROLE_VAULT) {
        rekey_abandon(s);
    }
    list_remove(&p->link);
    ipc_chan_free(p->chan);
    free(p);
}

static void on_closed(void *arg, int code)
{
    struct store_peer *p = arg;
    struct store *s = p->store;
    if (code != CB_ECLOSED) {
        log_error_r(code, "the %s%s%s broke the protocol", ipc_role_name(p->role),
                    p->tenant[0] != '\0' ? " of " : "", p->tenant);
    }
    peer_free(p);
    if (s->stopping && list_empty(&s->peers)) {
        store_end(s);
    }
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct store_peer *p = arg;
    int r;
    switch (p->role) {
    case IPC_ROLE_EGRESS:
        r = rows_egress(p, in);
        break;
    case IPC_ROLE_VAULT:
        r = rows_vault(p, in);
        grew_maybe(p->store);
        break;
    case IPC_ROLE_API:
        r = admin_message(p, in);
        grew_maybe(p->store); /* most of what an administrator does is recorded */
        break;
    default:
        r = CB_EPERM;
        break;
    }
    /* A peer that does not read its answers is not read: its requests would pile up here. */
    if (r == 0 && ipc_chan_is_full(p->chan)) {
        ipc_chan_read(p->chan, false);
    }
    return r;
}

static void on_drained(void *arg)
{
    struct store_peer *p = arg;
    ipc_chan_read(p->chan, true);
}

static const struct ipc_chan_handler peer_handler = {
    .on_message = on_message, .on_closed = on_closed, .on_drained = on_drained};

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct store *s = arg;
    s->loop = ipc_role()->loop;
    if (role != IPC_ROLE_VAULT && role != IPC_ROLE_API && role != IPC_ROLE_EGRESS) {
        (void)close(fd);
        return CB_EPERM;
    }
    struct store_peer *p = calloc(1, sizeof(*p));
    int r = p != NULL ? ipc_chan_open(s->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_STORE, role, false,
                                      &peer_handler, p, &p->chan)
                      : CB_ENOMEM;
    if (r != 0) {
        (void)close(fd);
        free(p);
        return r;
    }
    p->store = s;
    p->role = role;
    p->tenant_id = role == IPC_ROLE_EGRESS ? tenant_id : 0;
    (void)snprintf(p->tenant, sizeof(p->tenant), "%.*s", SPAN_ARG(tenant));
    struct store_peer *older = peer_find(s, role, p->tenant_id);
    if (older != NULL && role == IPC_ROLE_EGRESS) {
        older->superseded = true; /* it ended, and its last outcomes may still be on their way */
    } else if (older != NULL) {
        peer_free(older);
    }
    list_push_back(&s->peers, &p->link);
    if (role == IPC_ROLE_API) {
        grew_forget_api(s);
    }
    if (s->db == NULL) {
        ipc_chan_read(p->chan, false); /* until the database is open */
    }
    return 0;
}

/* ---- the role ---- */

/* Tells the monitor who is to have a listener. */
static int name_tenants(struct store *s)
{
    struct buf page;
    char after[IPC_NAME_MAX + 1] = "";
    uint32_t total = 0;
    bool more = true;
    int r = 0;
    buf_init(&page, IPC_PAGE_MAX);
    while (r == 0 && more) {
        buf_reset(&page);
        r = store_tenant_list(s->db, SPAN_EMPTY, span_str(after), STORE_LIST_LIMIT, 0, &page, &more);
        struct reader reader = reader_of(buf_span(&page));
        uint32_t count = r == 0 ? ipc_list_read(&reader, STORE_LIST_LIMIT) : 0;
        for (uint32_t i = 0; r == 0 && i < count; i++) {
            struct ipc_tenant_up m = {.tenant = ipc_read_text(&reader, IPC_NAME_MAX)};
            m.tenant_id = reader_u64(&reader);
            m.port = reader_u16(&reader);
            (void)reader_take(&reader, 3 * 4 + 6 * 8 + 4);
            r = reader.error != 0 ? reader.error : ipc_send_tenant_up(ipc_role()->life, 0, &m);
            (void)snprintf(after, sizeof(after), "%.*s", SPAN_ARG(m.tenant));
            total++;
        }
    }
    buf_deinit(&page);
    return r != 0
               ? r
               : ipc_send_tenants_loaded(ipc_role()->life, 0, &(struct ipc_tenants_loaded){.count = total});
}

static int on_go(void *arg, uint32_t waived)
{
    struct store *s = arg;
    char why[STORE_WHY_MAX] = "";
    uint32_t held;
    s->loop = ipc_role()->loop;
    int r = batch_init(s);
    if (r == 0) {
        r = grants_init(s);
    }
    if (r == 0) {
        r = priv_confine(&store_profile, waived, &held);
    }
    if (r != 0) {
        return r;
    }
    r = store_db_open(STORE_FILE, &s->db, why, sizeof(why));
    if (r != 0) {
        log_error("%s: nothing was changed; put a good copy in its place, or start with another --state",
                  why);
        return r;
    }
    r = ipc_role()->rekey ? 0 : store_blocks_complete(s->db);
    r = r == 0 && !ipc_role()->rekey ? store_series_complete(s->db, clock_wall_ms()) : r;
    if (r != 0) {
        log_error_r(r, "the audit cannot be made searchable (%s)", store_db_why(s->db));
        return r;
    }
    r = ipc_role()->rekey ? 0 : name_tenants(s);
    if (r != 0) {
        log_error_r(r, "the tenants cannot be read (%s)", store_db_why(s->db));
        return r;
    }
    s->prune_timer = net_timer_new(s->loop, on_prune_timer, s);
    if (s->prune_timer == NULL || grew_init(s) != 0) {
        return CB_ENOMEM;
    }
    net_timer_start(s->prune_timer, PRUNE_MORE_MS, 0);
    if (!ipc_role()->rekey) {
        grants_look(s);
    }
    LIST_FOR_EACH (node, safe, &s->peers) {
        ipc_chan_read(LIST_ENTRY(node, struct store_peer, link)->chan, true);
    }
    ipc_role_ready(held);
    return 0;
}

static int on_life(void *arg, struct ipc_in *in)
{
    struct store *s = arg;
    struct ipc_listening m;
    int r = in->msg == IPC_MSG_LISTENING ? ipc_get_listening(in->payload, &m) : CB_EPERM;
    if (r != 0 || s->db == NULL) {
        return r;
    }
    struct store_brief t;
    r = store_tenant_brief(s->db, m.tenant_id, &t);
    if (r == 0 && t.port != m.port) {
        batch_commit(s);
        r = store_tenant_set_port(s->db, m.tenant_id, m.port);
    }
    if (r != 0 && r != CB_ENOTFOUND) {
        log_error_r(r, "the port of tenant %llu is not remembered", (unsigned long long)m.tenant_id);
    }
    admin_listening(s, m.tenant_id);
    return 0;
}

static void on_stop_timer(void *arg)
{
    struct store *s = arg;
    log_warn("some peers are still there; ending without them");
    store_end(s);
}

/* The others have ended before, so what they still had to say is in the channels: read each to its end. */
static void on_stop(void *arg, uint32_t grace_ms)
{
    struct store *s = arg;
    s->loop = ipc_role()->loop; /* nothing else may have come before */
    s->stopping = true;
    s->stop_timer = net_timer_new(s->loop, on_stop_timer, s);
    if (list_empty(&s->peers) || s->stop_timer == NULL) {
        store_end(s);
        return;
    }
    net_timer_start(s->stop_timer, grace_ms * 3 / 4, 0);
}

static const struct ipc_role_handler store_role = {
    .on_peer = on_peer, .on_go = on_go, .on_stop = on_stop, .on_message = on_life};

int store_main(void)
{
    static struct store s;
    list_init(&s.peers);
    list_init(&s.applies);
    int r = tls_init();
    if (r != 0) {
        log_error_r(r, "cryptography");
        return 1;
    }
    return ipc_role_run(IPC_ROLE_STORE, &store_role, &s);
}

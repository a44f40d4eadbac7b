/*
 * gate.c - the role `gate`: speaks with one tenant's agents and holds nothing that is worth stealing.
 *
 * Holds      the agents' sockets, one leaf key that never leaves, the hash of the proxy token.
 * Answers    agents: CONNECT, TLS, HTTP/1.1. Nobody else.
 * Asks       the vault to sign leaves (only for this tenant's hosts, or a denial), and for the CA's certificates; its egress to carry out requests.
 * May never  hold a credential, open an outgoing connection, open a file, or learn of another tenant.
 * Calls      what every role may (priv/calls.h), accept on the sockets that it was given, socketpair for each connection, TCP_NODELAY.
 *            No socket of its own, no network: the agents' sockets belong to the network that the listener was made in.
 */
#include "gate/gate.h"

#include "base/log.h"
#include "gate/state.h"
#include "ipc/role.h"
#include "tls/seal.h"

#include <unistd.h>

const struct priv_profile gate_profile = {
    .needs = PRIV_NEED_ACCEPT | PRIV_NEED_SOCKETPAIR | PRIV_NEED_TCP,
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors = 16384,             /* three for each of GATE_AGENTS_MAX */
    .max_memory = (uint64_t)4 << 30,      /* GATE_AGENTS_MAX with full queues both ways take half of it */
    .max_locked = (uint64_t)1024 * 1024}; /* one leaf key */

static void gate_accept(struct gate *g, int fd, bool needs_token)
{
    int r = g->stopping ? CB_ESTATE : agent_open(g, fd, needs_token);
    if (r != 0) {
        log_warn_r(r, "a connection is not taken");
        (void)close(fd);
        return;
    }
    for (size_t i = 0; i < 2 && g->agent_count >= GATE_AGENTS_MAX; i++) {
        if (g->listeners[i] != NULL) {
            net_listener_pause(g->listeners[i], true);
        }
    }
}

static void on_accept_unix(void *arg, int fd)
{
    gate_accept(arg, fd, false); /* who may connect, the socket file's mode says */
}

static void on_accept_tcp(void *arg, int fd)
{
    gate_accept(arg, fd, true);
}

static int on_egress_message(void *arg, struct ipc_in *in)
{
    struct gate *g = arg;
    if (in->msg != IPC_MSG_GATE_CONFIG) {
        return CB_EPERM;
    }
    uint64_t ca_ms = g->routes.ca_ms;
    int r = routes_take(&g->routes, in->payload);
    if (r != 0) {
        return r;
    }
    if (g->leaves != NULL) {
        leaf_drop_some(g->leaves, ca_ms != g->routes.ca_ms);
    }
    LIST_FOR_EACH (node, safe, &g->agents) {
        agent_wake(LIST_ENTRY(node, struct agent, link)); /* the first may have waited for this */
    }
    return 0;
}

static int on_vault_message(void *arg, struct ipc_in *in)
{
    (void)arg;
    (void)in;
    return CB_EPERM; /* the vault only answers */
}

static void on_vault_closed(void *arg, int code)
{
    struct gate *g = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "the vault broke the protocol");
    }
    ipc_chan_free(g->vault);
    g->vault = NULL;
}

static void on_egress_closed(void *arg, int code)
{
    struct gate *g = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "egress broke the protocol");
    }
    ipc_chan_free(g->egress);
    g->egress = NULL;
}

static const struct ipc_chan_handler egress_handler = {.on_message = on_egress_message,
                                                       .on_closed = on_egress_closed};
static const struct ipc_chan_handler vault_handler = {.on_message = on_vault_message,
                                                      .on_closed = on_vault_closed};

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct gate *g = arg;
    (void)tenant_id;
    (void)tenant;
    bool is_egress = role == IPC_ROLE_EGRESS;
    if (!is_egress && role != IPC_ROLE_VAULT) {
        (void)close(fd);
        return CB_EPERM;
    }
    struct ipc_chan *chan;
    int r = ipc_chan_open(ipc_role()->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_GATE, role, is_egress,
                          is_egress ? &egress_handler : &vault_handler, g, &chan);
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    struct ipc_chan **slot = is_egress ? &g->egress : &g->vault;
    ipc_chan_free(*slot);
    *slot = chan;
    if (!is_egress && g->leaves != NULL) {
        leaf_ask_again(g->leaves);
    }
    LIST_FOR_EACH (node, safe, &g->agents) {
        if (!is_egress) {
            trust_ask_again(LIST_ENTRY(node, struct agent, link));
        }
    }
    return 0;
}

static int on_listener(void *arg, enum ipc_listener_kind kind, int fd)
{
    struct gate *g = arg;
    if (kind == IPC_LISTENER_CONTROL) {
        (void)close(fd);
        return CB_EPERM;
    }
    bool tcp = kind == IPC_LISTENER_TCP;
    int r = g->listeners[tcp] != NULL
                ? CB_EEXIST
                : net_listener_open(ipc_role()->loop, fd, tcp ? on_accept_tcp : on_accept_unix, g,
                                    &g->listeners[tcp]);
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    if (tcp) {
        base_url_learn_listener(g, fd);
    }
    net_listener_pause(g->listeners[tcp], true); /* until the role is confined */
    return 0;
}

static int on_go(void *arg, uint32_t waived)
{
    struct gate *g = arg;
    g->loop = ipc_role()->loop;
    g->tls = tls_server_new();
    g->leaves = leaf_cache_new(g);
    if (g->tls == NULL || g->leaves == NULL) {
        return CB_ECRYPTO;
    }
    int r = idle_begin(g);
    if (r != 0) {
        return r;
    }
    uint32_t held;
    r = priv_confine(&gate_profile, waived, &held);
    if (r != 0) {
        return r;
    }
    for (size_t i = 0; i < 2; i++) {
        if (g->listeners[i] != NULL) {
            net_listener_pause(g->listeners[i], false);
        }
    }
    ipc_role_ready(held);
    return 0;
}

/* The last refusals are still queued when the last agent goes, and belong into the audit. */
static void gate_stop_now(void *arg)
{
    struct gate *g = arg;
    if (g->egress != NULL) {
        ipc_chan_flush(g->egress);
    }
    net_loop_stop(g->loop);
}

static void gate_stop_when_idle(void *arg)
{
    struct gate *g = arg;
    LIST_FOR_EACH (node, safe, &g->agents) {
        struct agent *a = LIST_ENTRY(node, struct agent, link);
        if (!a->in_answer && !a->in_request && !a->closing && net_conn_queued(a->conn) == 0) {
            agent_close(a);
        }
    }
    if (g->agent_count == 0) {
        gate_stop_now(g);
    }
}

/* Requests under way may finish; connections that wait for a next request are closed. */
static void on_stop(void *arg, uint32_t grace_ms)
{
    struct gate *g = arg;
    g->stopping = true;
    for (size_t i = 0; i < 2; i++) {
        if (g->listeners[i] != NULL) {
            net_listener_close(g->listeners[i]);
            g->listeners[i] = NULL;
        }
    }
    g->stop_timer = net_timer_new(g->loop, gate_stop_now, g);
    struct net_timer *poll = net_timer_new(g->loop, gate_stop_when_idle, g);
    if (g->stop_timer == NULL || poll == NULL) {
        gate_stop_now(g);
        return;
    }
    net_timer_start(g->stop_timer, grace_ms, 0);
    net_timer_start(poll, 0, 50);
}

static const struct ipc_role_handler gate_role = {
    .on_listener = on_listener, .on_peer = on_peer, .on_go = on_go, .on_stop = on_stop};

int gate_main(void)
{
    static struct gate g;
    list_init(&g.agents);
    int r = tls_init();
    if (r != 0) {
        log_error_r(r, "cryptography");
        return 1;
    }
    return ipc_role_run(IPC_ROLE_GATE, &gate_role, &g);
}

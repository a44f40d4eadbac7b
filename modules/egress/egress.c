/*
 * egress.c - the role `egress`: one tenant's routes and unsealed credentials, and its connections to providers.
 *
 * Holds      the tenant's routes, placeholders and, once used, its credentials (locked memory; the keys of client
 *            certificates besides in mbedTLS's own, which wipes them); the system's roots; the parent proxy's login.
 * Answers    its own gate: CONNECTION (a stream of requests), REFUSED (for the audit).
 * Asks       the store for routes and for durable records; the vault for this tenant's credentials, and to keep a
 *            refresh token that its endpoint has replaced.
 * May never  accept a connection, parse a byte that the agent wrote other than length-delimited fields, open a file
 *            or learn of another tenant.
 * Calls      what every role may (priv/calls.h), socket for TCP and UDP over IPv4 and IPv6, connect, sendto on a connected
 *            socket, TCP_NODELAY. No listen, no bind, no Unix or raw socket. It alone stays in the server's network.
 */
#include "egress/egress.h"

#include "base/clock.h"
#include "base/log.h"
#include "egress/state.h"
#include "ipc/role.h"
#include "tls/seal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define EGRESS_ROOTS_MAX       ((size_t)4 * 1024 * 1024)
#define EGRESS_RESOLV_CONF_MAX ((size_t)256 * 1024)
#define EGRESS_RESOLVE_MS      10000
#define EGRESS_CONNECT_MS      10000

const struct priv_profile egress_profile = {
    .needs = PRIV_NEED_CONNECT | PRIV_NEED_TCP,
    .network = true,
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors = 16384,
    .max_memory = (uint64_t)4 << 30,   /* as its gate */
    .max_locked = (uint64_t)64 << 20}; /* a page or more for each credential in use */

/* ---- messages of the peers ---- */

static int on_connection(struct egress *e, struct ipc_in *in)
{
    struct ipc_connection m;
    int r = ipc_get_connection(in->payload, &m);
    if (r != 0) {
        return r;
    }
    r = stream_open(e, in->fd);
    if (r == 0) {
        in->fd = -1; /* the stream's now */
        return 0;
    }
    log_warn_r(r, "a connection of the gate is not taken");
    return r == CB_EINVAL ? r : 0;
}

static int on_refused(struct egress *e, struct ipc_in *in)
{
    struct ipc_refused m;
    int r = ipc_get_refused(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.request_id.len != IPC_REQUEST_ID_LEN || m.reason >= POLICY_REASON__COUNT ||
        m.reason == POLICY_REASON_ROUTE || m.scheme >= SPEC_SCHEME__COUNT) {
        return CB_EMALFORMED; /* a gate must not be able to write that something was allowed */
    }
    if (!limits_refusal(&e->limits, net_loop_now_ms(e->loop))) {
        return 0;
    }
    struct record record = {0};
    memcpy(record.id, m.request_id.ptr, sizeof(record.id));
    struct ipc_request request = {
        .scheme = m.scheme, .host = m.host, .port = m.port, .method = m.method, .path = m.path};
    r = record_decision(e, &record, (enum policy_reason)m.reason, NULL, &request, 0, NULL, NULL, NULL);
    if (r != 0) {
        log_warn_r(r, "a refusal of the gate is not recorded");
    }
    return 0;
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct egress *e = arg;
    switch (in->msg) {
    case IPC_MSG_CONNECTION:
        return on_connection(e, in);
    case IPC_MSG_REFUSED:
        return on_refused(e, in);
    case IPC_MSG_SPEC_CHANGED: {
        struct ipc_spec_changed m;
        int r = ipc_get_spec_changed(in->payload, &m);
        if (r == 0) {
            config_fetch(e);
        }
        return r;
    }
    default:
        return CB_EPERM;
    }
}

static void peer_closed(struct ipc_chan **chan, int code)
{
    if (code != CB_ECLOSED) {
        log_error_r(code, "the %s broke the protocol", ipc_role_name(ipc_chan_peer(*chan)));
    }
    ipc_chan_free(*chan);
    *chan = NULL;
}

static void on_store_closed(void *arg, int code)
{
    struct egress *e = arg;
    e->fetching = e->fetch_again = false;
    peer_closed(&e->store, code);
}

static void on_vault_closed(void *arg, int code)
{
    struct egress *e = arg;
    peer_closed(&e->vault, code);
}

static void on_gate_closed(void *arg, int code)
{
    struct egress *e = arg;
    peer_closed(&e->gate, code);
}

static const struct ipc_chan_handler store_handler = {.on_message = on_message, .on_closed = on_store_closed};
static const struct ipc_chan_handler vault_handler = {.on_message = on_message, .on_closed = on_vault_closed};
static const struct ipc_chan_handler gate_handler = {.on_message = on_message, .on_closed = on_gate_closed};

/* ---- the role ---- */

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct egress *e = arg;
    e->loop = ipc_role()->loop;
    (void)tenant_id;
    (void)tenant;
    struct ipc_chan **slot;
    const struct ipc_chan_handler *handler;
    switch (role) {
    case IPC_ROLE_STORE:
        slot = &e->store;
        handler = &store_handler;
        break;
    case IPC_ROLE_VAULT:
        slot = &e->vault;
        handler = &vault_handler;
        break;
    case IPC_ROLE_GATE:
        slot = &e->gate;
        handler = &gate_handler;
        break;
    default:
        (void)close(fd);
        return CB_EPERM;
    }
    struct ipc_chan *chan;
    int r = ipc_chan_open(e->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_EGRESS, role, role == IPC_ROLE_GATE,
                          handler, e, &chan);
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    struct ipc_chan *older = *slot;
    *slot = chan;
    if (older != NULL) {
        /* Its end has not been noticed yet, and what was asked there is answered by nobody. */
        LIST_FOR_EACH (node, safe, &e->streams) {
            stream_lose_call(LIST_ENTRY(node, struct stream, link), older);
        }
        tokens_lose_call(e, older);
        ipc_chan_free(older);
    }
    if (role == IPC_ROLE_STORE) {
        e->fetching = e->fetch_again = false;
        record_tell_kept(e);
        config_fetch(e);
    } else if (role == IPC_ROLE_VAULT) {
        rotations_retry(e);
    } else if (role == IPC_ROLE_GATE) {
        config_send_to_gate(e);
    }
    return 0;
}

static int read_file(int fd, struct buf *out)
{
    for (;;) {
        uint8_t *to;
        int r = buf_reserve(out, 65536, &to);
        if (r != 0) {
            return r;
        }
        ssize_t got = read(fd, to, 65536);
        if (got > 0) {
            buf_commit(out, (size_t)got);
        } else if (got == 0) {
            return 0;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
}

/* The roots and the name servers. Their files are opened by the monitor, because here is no directory to open them in. */
static int on_file(void *arg, enum ipc_file_kind what, int fd)
{
    struct egress *e = arg;
    struct buf text;
    bool mine = what == IPC_FILE_ROOTS || what == IPC_FILE_RESOLV_CONF || what == IPC_FILE_PARENT_LOGIN;
    buf_init(&text, what == IPC_FILE_ROOTS ? EGRESS_ROOTS_MAX : EGRESS_RESOLV_CONF_MAX);
    buf_set_sensitive(&text);
    int r = mine ? read_file(fd, &text) : CB_EPERM;
    (void)close(fd);
    if (r == 0 && what == IPC_FILE_ROOTS) {
        size_t skipped = 0;
        r = tls_roots_new(buf_span(&text), &e->system_roots, &skipped);
    } else if (r == 0 && what == IPC_FILE_PARENT_LOGIN) {
        r = parent_login(&e->parent, buf_span(&text));
        if (r != 0) {
            log_error_r(r, "the file with the parent proxy's login should have one line, user:password");
        }
    } else if (r == 0) {
        net_resolvconf_read(buf_span(&text), e->name_servers);
    }
    buf_deinit(&text);
    return r;
}

static int on_go(void *arg, uint32_t waived)
{
    struct egress *e = arg;
    e->loop = ipc_role()->loop;
    pool_init(e);
    int r = parent_set(&e->parent, span_str(ipc_role()->parent));
    if (r != 0) {
        return r;
    }
    const char *servers = ipc_role()->dns_servers;
    if (servers[0] == '\0') {
        servers = e->name_servers;
    }
    struct net_dialer_options options = {.servers = servers[0] != '\0' ? servers : NULL,
                                         .resolve_timeout_ms = EGRESS_RESOLVE_MS,
                                         .connect_timeout_ms = EGRESS_CONNECT_MS};
    r = net_dialer_new(e->loop, &options, &e->dialer);
    if (r != 0) {
        return r;
    }
    e->tls = tls_client_new();
    if (e->tls == NULL || e->idle_timer == NULL) {
        return CB_ENOMEM;
    }
    if (e->system_roots == NULL) {
        log_warn("no root certificates: only routes with a caFile can be used");
    }
    uint32_t held;
    if ((r = priv_confine(&egress_profile, waived, &held)) == 0) {
        ipc_role_ready(held);
    }
    return r;
}

/* What the store has not been told yet fits into the socket as soon as it has read some more; and a refresh token that is not
 * stored would be lost. */
static void stop_when_told(void *arg)
{
    struct egress *e = arg;
    bool told = e->store == NULL || ipc_chan_queued(e->store) == 0;
    if ((told && list_empty(&e->rotations)) || net_loop_now_ms(e->loop) >= e->stop_by_ms) {
        net_loop_stop(e->loop);
    }
}

static void on_stop(void *arg, uint32_t grace_ms)
{
    struct egress *e = arg;
    e->loop = ipc_role()->loop; /* nothing else may have come before */
    e->stopping = true;
    e->stop_by_ms = net_loop_now_ms(e->loop) + grace_ms;
    /* The gate has stopped before, so what is still open has nobody to read it. Outcomes must reach the store. */
    LIST_FOR_EACH (node, safe, &e->streams) {
        stream_close(LIST_ENTRY(node, struct stream, link));
    }
    tokens_stop(e);
    pool_clear(e);
    if (e->store != NULL) {
        ipc_chan_flush(e->store);
    }
    struct net_timer *poll = net_timer_new(e->loop, stop_when_told, e);
    if (poll == NULL) {
        net_loop_stop(e->loop);
        return;
    }
    net_timer_start(poll, 0, 10);
}

static const struct ipc_role_handler egress_role = {
    .on_file = on_file, .on_peer = on_peer, .on_go = on_go, .on_stop = on_stop};

int egress_main(void)
{
    static struct egress e;
    list_init(&e.streams);
    list_init(&e.tokens);
    list_init(&e.rotations);
    list_init(&e.idle);
    int r = tls_init();
    if (r != 0) {
        log_error_r(r, "cryptography");
        return 1;
    }
    return ipc_role_run(IPC_ROLE_EGRESS, &egress_role, &e);
}

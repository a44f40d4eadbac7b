/* api.c - the role `api` (api.h): its listener, its channels, who may connect, setup and stop. */
#include "api/api.h"

#include "api/state.h"
#include "base/log.h"
#include "ipc/role.h"
#include "tls/seal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

const struct priv_profile api_profile = {
    .needs = PRIV_NEED_ACCEPT | PRIV_NEED_TCP, /* connections of the API and health listeners */
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors = 512,
    .max_memory =
        (uint64_t)8
        << 30, /* answers of API_ANSWER_MAX to API_CONNS_MAX, API_REMOTE_MAX and the console's 128 at once */
    .max_locked = (uint64_t)64 * 1024};

/* ---- who may connect ---- */

/* What the kernel shows for a uid that does not exist in the user namespace of this process: that of an ordinary user's server has one
 * user. The mode of the socket's file lets in nobody but that user and root, so it is root. */
#define UID_UNKNOWN 65534

/* For a connection: the process that connected. For a listening socket: the one that called listen(). */
static int peer_uid(int fd, uid_t *out)
{
    struct ucred who;
    socklen_t size = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        return -errno;
    }
    *out = who.uid;
    return size == sizeof(who) ? 0 : CB_EINVAL;
}

static void on_accept(void *arg, int fd)
{
    struct api *api = arg;
    uid_t uid;
    int r = peer_uid(fd, &uid);
    bool refused = r == 0 && uid != 0 && uid != api->owner && !(api->owner != 0 && uid == UID_UNKNOWN);
    if (refused) {
        log_warn("a connection of uid %u to the control socket is refused", (unsigned)uid);
    }
    if (r == 0) {
        r = api->stopping ? CB_ESTATE : api_conn_open(api, fd, refused ? API_CONN_REFUSED : API_CONN_CONTROL);
    }
    if (r != 0) {
        log_warn_r(r, "a connection is not taken");
        (void)close(fd);
    }
    size_t others = api->health_count + api->remote_count + api->console_count;
    if (api->conn_count - others >= API_CONNS_MAX) {
        net_listener_pause(api->listener, true);
    }
}

static void on_accept_health(void *arg, int fd)
{
    struct api *api = arg;
    int r = api->stopping ? CB_ESTATE : api_conn_open(api, fd, API_CONN_HEALTH);
    if (r != 0) {
        log_warn_r(r, "a connection to the health listener is not taken");
        (void)close(fd);
    }
    if (api->health_count >= HEALTH_CONNS_MAX) {
        net_listener_pause(api->health, true);
    }
}

static void on_accept_remote(void *arg, int fd)
{
    struct api *api = arg;
    int r = api->stopping ? CB_ESTATE : api_conn_open(api, fd, API_CONN_REMOTE);
    if (r != 0) {
        log_warn_r(r, "a connection over TCP is not taken");
        (void)close(fd);
    } else {
        api_remote_make_room(api);
    }
}

void api_conn_gone(struct api *api, enum api_conn_kind kind)
{
    bool health = kind == API_CONN_HEALTH;
    bool remote = kind == API_CONN_REMOTE;
    struct net_listener *listener = health ? api->health : api->listener;
    api->conn_count--;
    api->health_count -= health ? 1 : 0;
    api->remote_count -= remote ? 1 : 0;
    api->console_count -= kind == API_CONN_CONSOLE ? 1 : 0;
    if (api->stopping && api->conn_count == 0) {
        net_loop_stop(api->loop);
    } else if (remote) {
        api_remote_make_room(api);
    } else if (listener != NULL) {
        net_listener_pause(listener, false);
    }
}

/* ---- channels ---- */

static int on_message(void *arg, struct ipc_in *in)
{
    (void)arg;
    (void)in;
    return CB_EPERM; /* the vault only answers */
}

static int on_store_message(void *arg, struct ipc_in *in)
{
    struct api *api = arg;
    struct ipc_audit_grew m;
    int r = in->msg == IPC_MSG_AUDIT_GREW ? ipc_get_audit_grew(in->payload, &m) : CB_EPERM;
    if (r == 0) {
        api->audit_seq = m.seq;
        api_follow_grown(api);
    }
    return r;
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
    struct api *api = arg;
    peer_closed(&api->store, code);
}

static void on_vault_closed(void *arg, int code)
{
    struct api *api = arg;
    peer_closed(&api->vault, code);
}

static const struct ipc_chan_handler store_handler = {.on_message = on_store_message,
                                                      .on_closed = on_store_closed};
static const struct ipc_chan_handler vault_handler = {.on_message = on_message, .on_closed = on_vault_closed};

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct api *api = arg;
    (void)tenant_id;
    (void)tenant;
    if (role == IPC_ROLE_CONSOLE) {
        int taken = api_console_peer(api, fd);
        if (taken != 0) {
            (void)close(fd);
        }
        return taken;
    }
    bool is_store = role == IPC_ROLE_STORE;
    if (!is_store && role != IPC_ROLE_VAULT) {
        (void)close(fd);
        return CB_EPERM;
    }
    struct ipc_chan *chan;
    int r = ipc_chan_open(ipc_role()->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_API, role, false,
                          is_store ? &store_handler : &vault_handler, api, &chan);
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    struct ipc_chan **slot = is_store ? &api->store : &api->vault;
    api_fail_calls(api, *slot);
    ipc_chan_free(*slot);
    *slot = chan;
    return 0;
}

/* ---- the role ---- */

static int on_listener(void *arg, enum ipc_listener_kind kind, int fd)
{
    struct api *api = arg;
    bool control = kind == IPC_LISTENER_CONTROL;
    bool remote = kind == IPC_LISTENER_API;
    struct net_listener **slot = control ? &api->listener : remote ? &api->remote : &api->health;
    net_accept_fn *accepted = control ? on_accept : remote ? on_accept_remote : on_accept_health;
    int r = !control && !remote && kind != IPC_LISTENER_HEALTH ? CB_EPERM : *slot != NULL ? CB_EEXIST : 0;
    if (r == 0 && control) {
        r = peer_uid(fd, &api->owner);
    } else if (r == 0 && remote) {
        r = api_remote_listens(api, fd);
    }
    if (r == 0) {
        r = net_listener_open(ipc_role()->loop, fd, accepted, api, slot);
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    net_listener_pause(*slot, true); /* until the role is confined */
    return 0;
}

/* Before the role is confined, and again when somebody has renewed them. */
static int on_file(void *arg, enum ipc_file_kind what, int fd)
{
    struct api *api = arg;
    if (what != IPC_FILE_TLS_CERT && what != IPC_FILE_TLS_KEY) {
        (void)close(fd);
        return CB_EPERM;
    }
    return link_serving_take(what == IPC_FILE_TLS_KEY, fd, &api->tls_cert_fd, &api->serving);
}

static int on_file_again(void *arg, enum ipc_file_kind what, int fd)
{
    struct api *api = arg;
    if (api->serving == NULL) { /* what is in clear stays in clear */
        (void)close(fd);
        return CB_ESTATE;
    }
    return on_file(arg, what, fd);
}

static int on_go(void *arg, uint32_t waived)
{
    struct api *api = arg;
    uint32_t held;
    api->loop = ipc_role()->loop;
    net_loop_set_lingering(api->loop, API_LINGERING_MAX);
    if (api->remote != NULL && !api->remote_place.loopback && api->serving == NULL) {
        log_error("the API is not served without TLS at an address that others reach");
        return CB_EPERM;
    }
    int r = api->listener != NULL ? priv_confine(&api_profile, waived, &held) : CB_ESTATE;
    if (r != 0) {
        return r;
    }
    net_listener_pause(api->listener, false);
    if (api->health != NULL) {
        net_listener_pause(api->health, false);
    }
    if (api->remote != NULL) {
        net_listener_pause(api->remote, false);
    }
    if (ipc_role()->console[0] != '\0') {
        api_link_first(api);
    }
    ipc_role_ready(held);
    return 0;
}

static void stop_now(void *arg)
{
    struct api *api = arg;
    net_loop_stop(api->loop);
}

/* Requests under way may finish; connections that wait for a next request are closed. */
static void on_stop(void *arg, uint32_t grace_ms)
{
    struct api *api = arg;
    api->loop = ipc_role()->loop;
    api->stopping = true;
    if (api->listener != NULL) {
        net_listener_close(api->listener);
        api->listener = NULL;
    }
    if (api->health != NULL) {
        net_listener_close(api->health);
        api->health = NULL;
    }
    if (api->remote != NULL) {
        net_listener_close(api->remote);
        api->remote = NULL;
        net_timer_stop(api->room_timer);
    }
    api_conns_stop(api);
    api->stop_timer = net_timer_new(api->loop, stop_now, api);
    if (api->conn_count == 0 || api->stop_timer == NULL) {
        net_loop_stop(api->loop);
        return;
    }
    net_timer_start(api->stop_timer, grace_ms, 0);
}

static int on_life(void *arg, struct ipc_in *in)
{
    return in->msg == IPC_MSG_STATUS ? api_status_take(arg, in->payload) : CB_EPERM;
}

static const struct ipc_role_handler api_role = {.on_file = on_file,
                                                 .on_file_again = on_file_again,
                                                 .on_listener = on_listener,
                                                 .on_peer = on_peer,
                                                 .on_go = on_go,
                                                 .on_stop = on_stop,
                                                 .on_message = on_life};

int api_run(struct api *api)
{
    list_init(&api->conns);
    api->tls_cert_fd = -1;
    int r = tls_init();
    if (r != 0) {
        log_error_r(r, "cryptography");
        return 1;
    }
    buf_init(&api->status, IPC_STATUS_MAX);
    attempts_init(&api->attempts);
    return ipc_role_run(IPC_ROLE_API, &api_role, api);
}

int api_main(void)
{
    static struct api api = {.idle_ms = API_IDLE_MS,
                             .deadline_ms = HEALTH_DEADLINE_MS,
                             .head_ms = API_REMOTE_HEAD_MS,
                             .wrong_ms = API_REMOTE_WRONG_MS,
                             .tick_ms = API_STREAM_TICK_MS,
                             .follow_ms = API_FOLLOW_MS};
    return api_run(&api);
}

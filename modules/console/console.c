/* console.c - the role `console` (console.h): its listener, its channel to the api, setup and stop. */
#include "console/console.h"

#include "base/log.h"
#include "console/state.h"
#include "ipc/role.h"
#include "tls/seal.h"

#include <unistd.h>

const struct priv_profile console_profile = {
    .needs = PRIV_NEED_ACCEPT | PRIV_NEED_SOCKETPAIR | PRIV_NEED_TCP,
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors =
        512, /* two for each of CONSOLE_BROWSERS_MAX, one for each of CONSOLE_LINGERING_MAX, and a few */
    .max_memory =
        (uint64_t)2 << 30, /* CONSOLE_BROWSERS_MAX with a body and full queues take a quarter of it */
    .max_locked = (uint64_t)64 * 1024};

static void on_accept(void *arg, int fd)
{
    struct console *console = arg;
    int r = console->stopping ? CB_ESTATE : browser_open(console, fd);
    if (r != 0) {
        log_warn_r(r, "a browser is not taken");
        (void)close(fd);
    } else {
        room_make(console);
    }
}

void console_browser_gone(struct console *console)
{
    console->count--;
    if (console->stopping && console->count == 0) {
        net_loop_stop(console->loop);
    } else {
        room_make(console);
    }
}

/* ---- the api ---- */

static int on_api_message(void *arg, struct ipc_in *in)
{
    (void)arg;
    (void)in;
    return CB_EPERM; /* it speaks on the streams alone */
}

static void on_api_closed(void *arg, int code)
{
    struct console *console = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "the api broke the protocol");
    }
    ipc_chan_free(console->api);
    console->api = NULL;
}

static const struct ipc_chan_handler api_handler = {.on_message = on_api_message, .on_closed = on_api_closed};

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct console *console = arg;
    (void)tenant_id;
    (void)tenant;
    struct ipc_chan *chan = NULL;
    int r = role == IPC_ROLE_API ? ipc_chan_open(ipc_role()->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_CONSOLE,
                                                 IPC_ROLE_API, true, &api_handler, console, &chan)
                                 : CB_EPERM;
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    ipc_chan_free(console->api);
    console->api = chan;
    upstreams_drop(console);
    return 0;
}

/* ---- the role ---- */

static int on_listener(void *arg, enum ipc_listener_kind kind, int fd)
{
    struct console *console = arg;
    int r = kind != IPC_LISTENER_CONSOLE ? CB_EPERM : console->listener != NULL ? CB_EEXIST : 0;
    if (r == 0) {
        r = net_listener_place(fd, &console->place);
    }
    if (r == 0) {
        r = net_listener_open(ipc_role()->loop, fd, on_accept, console, &console->listener);
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    net_listener_pause(console->listener, true); /* until the role is confined */
    return 0;
}

/* Before the role is confined, and again when somebody has renewed them. */
static int on_file(void *arg, enum ipc_file_kind what, int fd)
{
    struct console *console = arg;
    if (what != IPC_FILE_TLS_CERT && what != IPC_FILE_TLS_KEY) {
        (void)close(fd);
        return CB_EPERM;
    }
    return link_serving_take(what == IPC_FILE_TLS_KEY, fd, &console->tls_cert_fd, &console->serving);
}

static int on_file_again(void *arg, enum ipc_file_kind what, int fd)
{
    struct console *console = arg;
    if (console->serving == NULL) { /* what is in clear stays in clear */
        (void)close(fd);
        return CB_ESTATE;
    }
    return on_file(arg, what, fd);
}

static void on_room_timer(void *arg)
{
    room_make(arg);
}

static int on_go(void *arg, uint32_t waived)
{
    struct console *console = arg;
    uint32_t held;
    console->loop = ipc_role()->loop;
    net_loop_set_lingering(console->loop, CONSOLE_LINGERING_MAX);
    console->room_timer = net_timer_new(console->loop, on_room_timer, console);
    if (console->listener != NULL && !console->place.loopback && console->serving == NULL) {
        log_error("the console is not served without TLS at an address that others reach");
        return CB_EPERM;
    }
    int r = kdf_begin(console);
    if (r == 0) {
        r = console->room_timer == NULL ? CB_ENOMEM : console->listener == NULL ? CB_ESTATE : 0;
    }
    if (r == 0) {
        r = priv_confine(&console_profile, waived, &held);
    }
    if (r != 0) {
        return r;
    }
    net_listener_pause(console->listener, false);
    ipc_role_ready(held);
    return 0;
}

static void stop_now(void *arg)
{
    struct console *console = arg;
    net_loop_stop(console->loop);
}

/* Requests under way may finish; connections that wait for a next request are closed, and so are answers that have no end. */
static void on_stop(void *arg, uint32_t grace_ms)
{
    struct console *console = arg;
    console->loop = ipc_role()->loop;
    console->stopping = true;
    net_listener_close(console->listener);
    console->listener = NULL;
    console->stop_timer = net_timer_new(console->loop, stop_now, console);
    if (console->count == 0 || console->stop_timer == NULL) {
        net_loop_stop(console->loop);
        return;
    }
    browsers_stop(console);
    net_timer_start(console->stop_timer, grace_ms, 0);
}

static const struct ipc_role_handler console_role = {.on_file = on_file,
                                                     .on_file_again = on_file_again,
                                                     .on_listener = on_listener,
                                                     .on_peer = on_peer,
                                                     .on_go = on_go,
                                                     .on_stop = on_stop};

int console_run(struct console *console)
{
    list_init(&console->browsers);
    console->tls_cert_fd = -1;
    int r = tls_init();
    if (r != 0) {
        log_error_r(r, "cryptography");
        return 1;
    }
    return ipc_role_run(IPC_ROLE_CONSOLE, &console_role, console);
}

int console_main(void)
{
    static struct console console = {.head_ms = CONSOLE_HEAD_MS, .answer_ms = CONSOLE_ANSWER_MS};
    return console_run(&console);
}

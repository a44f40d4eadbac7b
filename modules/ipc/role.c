/* role.c - the life of a role process, over the channel to the monitor. */
#include "ipc/role.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum role_state { ROLE_NEW, ROLE_STARTED, ROLE_GOING, ROLE_READY, ROLE_STOPPING };

static struct {
    struct ipc_role_info info;
    const struct ipc_role_handler *handler;
    void *arg;
    enum role_state state;
    int status;
} role;

const struct ipc_role_info *ipc_role(void)
{
    return &role.info;
}

static void role_end(int status)
{
    role.status = status;
    net_loop_stop(role.info.loop);
}

static void copy_text(char *out, size_t size, struct span text)
{
    (void)snprintf(out, size, "%.*s", SPAN_ARG(text));
}

static int on_start(struct ipc_in *in)
{
    struct ipc_start m;
    int r = ipc_get_start(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (role.state != ROLE_NEW || m.log_level > LOG_LEVEL_DEBUG) {
        return CB_ESTATE;
    }
    role.info.tenant_id = m.tenant_id;
    role.info.idle_ms = m.idle_ms;
    role.info.rekey = m.rekey;
    copy_text(role.info.tenant, sizeof(role.info.tenant), m.tenant);
    copy_text(role.info.dns_servers, sizeof(role.info.dns_servers), m.dns_servers);
    copy_text(role.info.parent, sizeof(role.info.parent), m.parent);
    copy_text(role.info.console, sizeof(role.info.console), m.console);
    char name[64];
    (void)snprintf(name, sizeof(name), m.tenant.len != 0 ? "%s %s" : "%s%s", ipc_role_name(role.info.role),
                   role.info.tenant);
    log_init(name, (enum log_level)m.log_level);
    role.state = ROLE_STARTED;
    return 0;
}

/* A descriptor that a role cannot use: before GO the role is not what was asked for and ends; later it lives without. */
static int descriptor_result(int r, const char *what)
{
    if (r == 0) {
        return 0;
    }
    log_error_r(r, "%s from the monitor cannot be used", what);
    if (role.state < ROLE_GOING) {
        role_end(1);
    }
    return 0;
}

static int on_file(struct ipc_in *in)
{
    struct ipc_file m;
    int r = ipc_get_file(in->payload, &m);
    int (*take)(void *arg, enum ipc_file_kind what, int fd) =
        role.state == ROLE_STARTED ? role.handler->on_file
        : role.state == ROLE_READY ? role.handler->on_file_again
                                   : NULL;
    if (r != 0 || take == NULL) {
        return r != 0 ? r : CB_ESTATE;
    }
    int fd = in->fd;
    in->fd = -1;
    return descriptor_result(take(role.arg, (enum ipc_file_kind)m.what, fd), "a file");
}

static int on_listener(struct ipc_in *in)
{
    struct ipc_listener m;
    int r = ipc_get_listener(in->payload, &m);
    if (r != 0 || role.state != ROLE_STARTED || role.handler->on_listener == NULL) {
        return r != 0 ? r : CB_ESTATE;
    }
    int fd = in->fd;
    in->fd = -1;
    return descriptor_result(role.handler->on_listener(role.arg, (enum ipc_listener_kind)m.kind, fd),
                             "a listener");
}

static int on_peer(struct ipc_in *in)
{
    struct ipc_peer m;
    int r = ipc_get_peer(in->payload, &m);
    if (r != 0 || role.state == ROLE_NEW || role.handler->on_peer == NULL) {
        return r != 0 ? r : CB_ESTATE;
    }
    int fd = in->fd;
    in->fd = -1;
    return descriptor_result(
        role.handler->on_peer(role.arg, (enum ipc_role)m.role, m.tenant_id, m.tenant, fd), "a channel");
}

static int on_go(struct ipc_in *in)
{
    struct ipc_go m;
    int r = ipc_get_go(in->payload, &m);
    if (r != 0 || role.state != ROLE_STARTED) {
        return r != 0 ? r : CB_ESTATE;
    }
    role.state = ROLE_GOING;
    r = role.handler->on_go != NULL ? role.handler->on_go(role.arg, m.waived) : 0;
    if (r != 0) {
        log_error_r(r, "the start failed");
        role_end(1);
    }
    return 0;
}

static int on_stop(struct ipc_in *in)
{
    struct ipc_stop m;
    int r = ipc_get_stop(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (role.state == ROLE_STOPPING) {
        return 0;
    }
    role.state = ROLE_STOPPING;
    if (role.handler->on_stop != NULL) {
        role.handler->on_stop(role.arg, m.grace_ms);
    } else {
        net_loop_stop(role.info.loop);
    }
    return 0;
}

static int on_message(void *arg, struct ipc_in *in)
{
    (void)arg;
    switch (in->msg) {
    case IPC_MSG_START:
        return on_start(in);
    case IPC_MSG_FILE:
        return on_file(in);
    case IPC_MSG_LISTENER:
        return on_listener(in);
    case IPC_MSG_PEER:
        return on_peer(in);
    case IPC_MSG_GO:
        return on_go(in);
    case IPC_MSG_STOP:
        return on_stop(in);
    default:
        return role.handler->on_message != NULL && role.state >= ROLE_GOING
                   ? role.handler->on_message(role.arg, in)
                   : CB_EPERM;
    }
}

/* Without the monitor nobody would restart or stop this process, so it does not outlive it. */
static void on_closed(void *arg, int code)
{
    (void)arg;
    if (role.state != ROLE_STOPPING) {
        log_debug_r(code, "the monitor is gone");
        role_end(1);
    }
}

static const struct ipc_chan_handler life_handler = {.on_message = on_message, .on_closed = on_closed};

void ipc_role_ready(uint32_t layers)
{
    if (role.state != ROLE_GOING) {
        return;
    }
    role.state = ROLE_READY;
    int r = ipc_send_ready(role.info.life, 0, &(struct ipc_ready){.layers = layers});
    if (r != 0) {
        log_error_r(r, "the monitor cannot be told that this role is ready");
        role_end(1);
    }
}

static void ignore_signals(void)
{
    /* A terminal sends INT, HUP and QUIT to the whole group; the monitor alone decides what they mean. PIPE and XFSZ are
     * errors of the call that caused them. */
    static const int signals[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], SIG_IGN);
    }
}

int ipc_role_run(enum ipc_role self, const struct ipc_role_handler *handler, void *arg)
{
    log_init(ipc_role_name(self), LOG_LEVEL_INFO);
    ignore_signals();
    tzset(); /* the C library reads a file for its first time conversion, gmtime() included; later it may not */
    role.info.role = self;
    role.handler = handler;
    role.arg = arg;
    role.info.loop = net_loop_new();
    int r = role.info.loop != NULL ? 0 : CB_ENOMEM;
    if (r == 0) {
        r = ipc_chan_open(role.info.loop, IPC_ROLE_LIFE_FD, IPC_CHANNEL_LIFE, self, IPC_ROLE_MONITOR, true,
                          &life_handler, NULL, &role.info.life);
    }
    if (r != 0) {
        log_error_r(r, "a role is started by `clawbox serve`, not by hand: no channel to the monitor");
        return 2;
    }
    net_loop_run(role.info.loop);
    ipc_chan_flush(role.info.life);
    return role.status;
}

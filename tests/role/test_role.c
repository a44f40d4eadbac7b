/* test_role.c - the life of a role: a child runs it on descriptor 3, the test is its monitor. */
#include "ipc/pair.h"
#include "ipc/role.h"
#include "priv/confine.h"
#include "support/check.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- the role under test ---- */

static int role_on_go(void *arg, uint32_t waived)
{
    (void)arg;
    static const struct priv_profile profile = {.needs = 0, .max_descriptors = 64};
    uint32_t held;
    int r = priv_confine(&profile, waived, &held);
    if (r == 0) {
        ipc_role_ready(held);
    }
    return r;
}

static int role_on_peer(void *arg, enum ipc_role peer, uint64_t tenant_id, struct span tenant, int fd)
{
    int *peers = arg;
    (void)close(fd);
    (*peers)++;
    return peer == IPC_ROLE_VAULT && tenant_id == 7 && span_eq_str(tenant, "alice") ? 0 : CB_EPERM;
}

static const struct ipc_role_handler test_role = {.on_go = role_on_go, .on_peer = role_on_peer};

/* ---- the monitor ---- */

struct monitor {
    struct net_loop *loop;
    struct ipc_chan *life;
    pid_t pid;
    bool ready;
    uint32_t layers;
    bool closed;
};

static int on_message(void *arg, struct ipc_in *in)
{
    struct monitor *m = arg;
    struct ipc_ready ready;
    int r = in->msg == IPC_MSG_READY ? ipc_get_ready(in->payload, &ready) : CB_EPERM;
    if (r == 0) {
        m->ready = true;
        m->layers = ready.layers;
        net_loop_stop(m->loop);
    }
    return r;
}

static void on_closed(void *arg, int code)
{
    struct monitor *m = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    m->closed = true;
    net_loop_stop(m->loop);
}

static const struct ipc_chan_handler monitor_handler = {.on_message = on_message, .on_closed = on_closed};

static bool start_role(struct monitor *m)
{
    int fds[2];
    *m = (struct monitor){.pid = -1};
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        return false;
    }
    m->pid = fork();
    if (m->pid == 0) {
        /* As after an exec: the channel on its descriptor, the monitor's end gone. */
        (void)close(fds[0]);
        if (fds[1] != IPC_ROLE_LIFE_FD && dup2(fds[1], IPC_ROLE_LIFE_FD) < 0) {
            _exit(100);
        }
        int peers = 0;
        _exit(ipc_role_run(IPC_ROLE_GATE, &test_role, &peers));
    }
    (void)close(fds[1]);
    m->loop = net_loop_new();
    return CHECK(m->pid > 0) && CHECK(m->loop != NULL) &&
           CHECK_EQ_INT(ipc_chan_open(m->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR, IPC_ROLE_GATE,
                                      true, &monitor_handler, m, &m->life),
                        0);
}

static int end_role(struct monitor *m)
{
    int status = -1;
    ipc_chan_free(m->life);
    CHECK(waitpid(m->pid, &status, 0) == m->pid);
    net_loop_free(m->loop);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void send_start(struct monitor *m)
{
    struct ipc_start start = {.tenant_id = 7, .tenant = SPAN_LIT("alice"), .log_level = 0};
    CHECK_EQ_INT(ipc_send_start(m->life, 0, &start), 0);
}

static void send_go(struct monitor *m)
{
    /* Sanitizers need calls that the filter forbids. */
    CHECK_EQ_INT(ipc_send_go(m->life, 0, &(struct ipc_go){.waived = PRIV_LAYER_SECCOMP}), 0);
}

static void send_peer(struct monitor *m, enum ipc_role role)
{
    int fds[2];
    if (CHECK_EQ_INT(ipc_pair(fds), 0)) {
        struct ipc_peer peer = {.role = (uint8_t)role, .tenant_id = 7, .tenant = SPAN_LIT("alice")};
        CHECK_EQ_INT(ipc_send_peer(m->life, 0, &peer, fds[1]), 0);
        (void)close(fds[0]);
    }
}

TEST(start_peer_go_ready_stop)
{
    struct monitor m;
    if (!start_role(&m)) {
        return;
    }
    send_start(&m);
    send_peer(&m, IPC_ROLE_VAULT);
    send_go(&m);
    net_loop_run(m.loop);
    CHECK(m.ready);
    CHECK_EQ_UINT(m.layers, PRIV_LAYERS_OWN & ~(uint32_t)PRIV_LAYER_SECCOMP);
    /* After GO a channel that cannot be used is lost alone. */
    send_peer(&m, IPC_ROLE_STORE);
    CHECK_EQ_INT(ipc_send_stop(m.life, 0, &(struct ipc_stop){.grace_ms = 1000}), 0);
    net_loop_run(m.loop);
    CHECK(m.closed);
    CHECK_EQ_INT(end_role(&m), 0);
}

TEST(a_role_does_not_outlive_the_monitor)
{
    struct monitor m;
    if (!start_role(&m)) {
        return;
    }
    send_start(&m);
    send_go(&m);
    net_loop_run(m.loop);
    CHECK(m.ready);
    CHECK_EQ_INT(end_role(&m), 1);
}

TEST(go_before_start_is_refused)
{
    struct monitor m;
    if (!start_role(&m)) {
        return;
    }
    send_go(&m);
    net_loop_run(m.loop);
    CHECK(m.closed && !m.ready);
    CHECK_EQ_INT(end_role(&m), 1);
}

TEST(a_wrong_channel_before_go_ends_the_role)
{
    struct monitor m;
    if (!start_role(&m)) {
        return;
    }
    send_start(&m);
    send_peer(&m, IPC_ROLE_STORE);
    net_loop_run(m.loop);
    CHECK(m.closed && !m.ready);
    CHECK_EQ_INT(end_role(&m), 1);
}

TEST_MAIN()

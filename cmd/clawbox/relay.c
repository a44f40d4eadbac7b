/* relay.c - two connections, each the way out of the other: what comes is passed on, and the end as well. */
#include "relay.h"

#include "base/log.h"
#include "net/conn.h"
#include "net/listener.h"
#include "priv/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELAY_DESCRIPTORS 4096

static const struct priv_profile relay_profile = {
    .needs = PRIV_NEED_ACCEPT | PRIV_NEED_CONNECT | PRIV_NEED_TCP,
    .network = true,
    .max_descriptors = RELAY_DESCRIPTORS,
    .max_memory = (uint64_t)4 * 1024 * 1024 * 1024,
};

struct relay {
    struct net_loop *loop;
    struct sockaddr_in to;
};

/* One way of a pair. */
struct end {
    struct pair *pair;
    struct net_conn *conn;
    struct end *other;
    bool ended; /* it has sent all */
};

struct pair {
    struct end ends[2];
};

static void pair_close(struct pair *p)
{
    net_conn_close(p->ends[0].conn);
    net_conn_close(p->ends[1].conn);
    free(p);
}

static void on_data(void *arg, struct span data)
{
    struct end *e = arg;
    if (net_conn_write(e->other->conn, data) != 0) {
        pair_close(e->pair);
    } else if (net_conn_is_full(e->other->conn)) {
        net_conn_read(e->conn, false);
    }
}

static void on_drained(void *arg)
{
    const struct end *e = arg;
    if (!e->other->ended) {
        net_conn_read(e->other->conn, true);
    }
}

static void on_end(void *arg)
{
    struct end *e = arg;
    e->ended = true;
    if (e->other->ended) {
        struct pair *p = e->pair;
        net_conn_close_gently(e->other->conn, 1000);
        net_conn_close_gently(e->conn, 1000);
        free(p);
    } else {
        net_conn_shutdown(e->other->conn);
    }
}

static void on_error(void *arg, int code)
{
    const struct end *e = arg;
    (void)code;
    pair_close(e->pair);
}

static const struct net_conn_handler handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

static int open_end(struct relay *r, struct pair *p, int i, int fd)
{
    p->ends[i] = (struct end){.pair = p, .other = &p->ends[1 - i]};
    return net_conn_open(r->loop, fd, &handler, &p->ends[i], &p->ends[i].conn);
}

/* Loopback connects at once or not at all, so this needs no waiting. */
static int connect_out(const struct relay *r)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&r->to, sizeof(r->to)) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void on_accept(void *arg, int fd)
{
    struct relay *r = arg;
    struct pair *p = calloc(1, sizeof(*p));
    int out = p != NULL ? connect_out(r) : -1;
    if (out < 0) {
        free(p);
        (void)close(fd);
        return;
    }
    if (open_end(r, p, 0, fd) != 0) {
        (void)close(fd);
        (void)close(out);
        free(p);
        return;
    }
    if (open_end(r, p, 1, out) != 0) {
        (void)close(out);
        pair_close(p);
        return;
    }
    net_conn_read(p->ends[0].conn, true);
    net_conn_read(p->ends[1].conn, true);
}

static _Noreturn void relay_main(int listener, uint16_t port)
{
    struct relay r = {.to = {.sin_family = AF_INET, .sin_port = htons(port)}};
    struct net_listener *l = NULL;
    uint32_t held;
    r.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)signal(SIGINT, SIG_IGN); /* of a terminal: the program inside decides about its end */
    (void)signal(SIGQUIT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    r.loop = net_loop_new();
    int code = r.loop != NULL ? net_listener_open(r.loop, listener, on_accept, &r, &l) : CB_ENOMEM;
    code = code == 0 ? priv_confine(&relay_profile, 0, &held) : code;
    if (code != 0) {
        log_error_r(code, "the way out of the program cannot be opened");
        _exit(1);
    }
    net_loop_run(r.loop);
    _exit(0);
}

int relay_start(int listener, uint16_t port, pid_t *pid)
{
    (void)fflush(NULL);
    *pid = fork();
    if (*pid == 0) {
        relay_main(listener, port);
    }
    return *pid > 0 ? 0 : -errno;
}

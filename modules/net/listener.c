/*
 * listener.c - accepting connections, and making the sockets to accept from.
 *
 * The listening socket may be shared: another process may hold it as well and take a connection first. So accept is
 * tried until it says that there is nothing, and never waits.
 */
#include "net/listener.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* At most so many before everybody else has a turn. */
#define LISTENER_BURST   16
#define LISTENER_REST_MS 1000
#define LISTENER_BACKLOG 1024
#define LISTENER_SOCK    (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

struct net_listener {
    struct net_loop *loop;
    struct net_watch *watch;
    struct net_timer *rest; /* runs while descriptors are short */
    struct net_task release;
    net_accept_fn *on_accept;
    void *arg;
    int fd;
    bool paused;
    bool resting;
    bool closed;
};

/* ---- accepting ---- */

/* Watches the socket when that is wanted. */
static void listener_update(struct net_listener *l)
{
    bool wanted = !l->paused && !l->resting;
    int r = net_watch_set(l->watch, wanted ? NET_WATCH_READ : 0);
    if (r != 0) {
        log_error_r(r, "a listening socket cannot be watched");
    }
}

static void listener_rested(void *arg)
{
    struct net_listener *l = arg;
    l->resting = false;
    listener_update(l);
}

static void listener_rest(struct net_listener *l, int code)
{
    log_warn_r(code, "accepting stops for %d ms", LISTENER_REST_MS);
    l->resting = true;
    net_timer_start(l->rest, LISTENER_REST_MS, 0);
    listener_update(l);
}

/* Whether an error of accept() is about the one connection that went away, as accept(2) lists them. */
static bool listener_lost_one(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static void listener_ready(void *arg, int events)
{
    struct net_listener *l = arg;
    (void)events;
    for (int i = 0; i < LISTENER_BURST && !l->closed && !l->paused && !l->resting; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->on_accept(l->arg, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (!listener_lost_one(errno)) {
            listener_rest(l, -errno);
        }
    }
}

static void listener_release(void *arg)
{
    free(arg);
}

int net_listener_open(struct net_loop *loop, int fd, net_accept_fn *on_accept, void *arg,
                      struct net_listener **out)
{
    int listening = 0;
    socklen_t size = sizeof(listening);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
        return -errno;
    }
    if (listening == 0) {
        return CB_EINVAL;
    }
    struct net_listener *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return CB_ENOMEM;
    }
    l->loop = loop;
    l->fd = fd;
    l->on_accept = on_accept;
    l->arg = arg;
    net_task_init(&l->release, listener_release, l);
    l->rest = net_timer_new(loop, listener_rested, l);
    l->watch = net_watch_new(loop, fd, listener_ready, l);
    int r = CB_ENOMEM;
    if (l->rest != NULL && l->watch != NULL) {
        r = net_watch_set(l->watch, NET_WATCH_READ);
    }
    if (r != 0) {
        net_watch_free(l->watch);
        net_timer_free(l->rest);
        free(l);
        return r;
    }
    *out = l;
    return 0;
}

void net_listener_pause(struct net_listener *l, bool paused)
{
    if (paused != l->paused) {
        l->paused = paused;
        listener_update(l);
    }
}

void net_listener_close(struct net_listener *l)
{
    if (l == NULL || l->closed) {
        return;
    }
    l->closed = true;
    net_watch_free(l->watch);
    net_timer_free(l->rest);
    (void)close(l->fd);
    /* It may be listener_ready() that is calling. */
    net_task_post(l->loop, &l->release);
}

/* ---- making listening sockets ---- */

/* Removes a socket that an earlier run left at `path`; anything else that is there stays. */
static int listener_clear_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return CB_EEXIST;
    }
    return unlink(path) == 0 ? 0 : -errno;
}

int net_listener_place(int fd, struct net_place *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at = {.any.sa_family = AF_UNSPEC};
    char text[INET6_ADDRSTRLEN];
    socklen_t size = sizeof(at);
    if (getsockname(fd, &at.any, &size) != 0) {
        return -errno;
    }
    bool six = at.any.sa_family == AF_INET6;
    if (!six && at.any.sa_family != AF_INET) {
        return CB_EINVAL;
    }
    const void *address = six ? (const void *)&at.in6.sin6_addr : (const void *)&at.in.sin_addr;
    if (inet_ntop(at.any.sa_family, address, text, sizeof(text)) == NULL) {
        return -errno;
    }
    (void)snprintf(out->host, sizeof(out->host), six ? "[%s]" : "%s", text);
    out->port = ntohs(six ? at.in6.sin6_port : at.in.sin_port);
    out->loopback = six ? IN6_IS_ADDR_LOOPBACK(&at.in6.sin6_addr)
                        : (ntohl(at.in.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    return 0;
}

int net_listen_unix(const char *path, unsigned mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || (mode & ~0777U) != 0) {
        return CB_EINVAL;
    }
    if (len >= sizeof(address.sun_path)) {
        return CB_ELIMIT;
    }
    memcpy(address.sun_path, path, len);
    int r = listener_clear_path(path);
    if (r != 0) {
        return r;
    }
    int fd = socket(AF_UNIX, LISTENER_SOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    /* The file is born with its mode: there is no moment in which others could connect. */
    mode_t old_mask = umask((mode_t)(~mode & 0777));
    r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
    (void)umask(old_mask);
    if (r == 0 && listen(fd, LISTENER_BACKLOG) != 0) {
        r = -errno;
        (void)unlink(path);
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

int net_listen_tcp(const char *address, uint16_t port, uint16_t *bound_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    memset(&to, 0, sizeof(to));
    socklen_t size;
    if (inet_pton(AF_INET, address, &to.v4.sin_addr) == 1) {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(port);
        size = sizeof(to.v4);
    } else if (inet_pton(AF_INET6, address, &to.v6.sin6_addr) == 1) {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(port);
        size = sizeof(to.v6);
    } else {
        return CB_EINVAL;
    }
    int fd = socket(to.any.sa_family, LISTENER_SOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = 0;
    int on = 1;
    /* "::" means IPv6 only: whoever wants both families opens two sockets and sees both in the configuration. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (to.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, &to.any, size) != 0 || listen(fd, LISTENER_BACKLOG) != 0 ||
        getsockname(fd, &to.any, &size) != 0) {
        r = -errno;
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    if (bound_port != NULL) {
        *bound_port = ntohs(to.any.sa_family == AF_INET ? to.v4.sin_port : to.v6.sin6_port);
    }
    return fd;
}

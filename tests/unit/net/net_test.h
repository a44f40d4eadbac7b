/*
 * net_test.h - what the tests of modules/net share: a loop that does not run forever, and plain sockets.
 */
#ifndef TESTS_UNIT_NET_NET_TEST_H
#define TESTS_UNIT_NET_NET_TEST_H

#include "net/loop.h"
#include "support/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Long enough for a machine that is busy with other things; no passing test waits for it. */
#define NET_TEST_PATIENCE_MS 30000

static inline void net_test_gave_up(void *arg)
{
    FAIL("what the test waits for did not happen");
    net_loop_stop(arg);
}

/* Runs until net_loop_stop(); a failed check when that takes too long. */
static inline void net_test_run(struct net_loop *loop)
{
    struct net_timer *patience = net_timer_new(loop, net_test_gave_up, loop);
    net_timer_start(patience, NET_TEST_PATIENCE_MS, 0);
    net_loop_run(loop);
    net_timer_free(patience);
}

static inline void net_test_stop(void *arg)
{
    net_loop_stop(arg);
}

/* Lets the loop run for a while: for the tests that something does *not* happen, or whose subject is a time. */
static inline void net_test_run_for(struct net_loop *loop, uint64_t ms)
{
    struct net_timer *end = net_timer_new(loop, net_test_stop, loop);
    net_timer_start(end, ms, 0);
    net_loop_run(loop);
    net_timer_free(end);
}

static inline int net_test_count_dir(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -1;
    }
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static inline int net_test_count_fds(void)
{
    return net_test_count_dir("/proc/self/fd");
}

/* Two connected sockets, blocking: AF_UNIX, or AF_INET over the loopback. */
static inline bool net_test_pair(int domain, int fds[2])
{
    if (domain == AF_UNIX) {
        return CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(to);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = CHECK(bind(listening, (struct sockaddr *)&to, size) == 0) && CHECK(listen(listening, 1) == 0) &&
              CHECK(getsockname(listening, (struct sockaddr *)&to, &size) == 0) &&
              CHECK(connect(fds[0], (struct sockaddr *)&to, size) == 0);
    fds[1] = ok ? accept4(listening, NULL, NULL, SOCK_CLOEXEC) : -1;
    (void)close(listening);
    return ok && CHECK(fds[1] >= 0);
}

/* Closing it will send a reset. */
static inline void net_test_close_with_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    CHECK_EQ_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    (void)close(fd);
}

static inline bool net_test_is_private(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) != 0;
}

static inline bool net_test_is_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

#endif

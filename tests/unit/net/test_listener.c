/* test_listener.c - accepting, pausing, running out of descriptors, and the making of listening sockets. */
#include "net/listener.h"
#include "net_test.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

struct acceptor {
    struct net_loop *loop;
    struct net_listener *listener;
    int fds[64];
    int count;
    int stop_at;
    int pause_at;
    bool close_it;
};

static void acceptor_accept(void *arg, int fd)
{
    struct acceptor *a = arg;
    CHECK(net_test_is_private(fd));
    CHECK(net_test_is_nonblocking(fd));
    a->fds[a->count++] = fd;
    if (a->close_it) {
        net_listener_close(a->listener);
        a->listener = NULL;
    }
    if (a->count == a->pause_at) {
        net_listener_pause(a->listener, true);
    }
    if (a->count == a->stop_at) {
        net_loop_stop(a->loop);
    }
}

static void acceptor_close_accepted(struct acceptor *a)
{
    for (int i = 0; i < a->count; i++) {
        (void)close(a->fds[i]);
    }
    a->count = 0;
}

static bool acceptor_open(struct acceptor *a, int fd)
{
    *a = (struct acceptor){.loop = net_loop_new()};
    return CHECK(fd >= 0) && CHECK(a->loop != NULL) &&
           CHECK_EQ_INT(net_listener_open(a->loop, fd, acceptor_accept, a, &a->listener), 0);
}

static int connect_tcp(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        int error = errno;
        (void)close(fd);
        return -error;
    }
    return fd;
}

static void make_dir(char *dir, size_t size)
{
    (void)snprintf(dir, size, "%s/clawbox-test-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(mkdtemp(dir) != NULL);
}

/* ---- accepting ---- */

TEST(accepts_tcp_in_bursts)
{
    uint16_t port = 0;
    int clients[40];
    struct acceptor a;
    if (!acceptor_open(&a, net_listen_tcp("127.0.0.1", 0, &port))) {
        return;
    }
    for (int i = 0; i < 40; i++) {
        clients[i] = connect_tcp(port);
    }
    CHECK_EQ_INT(a.count, 0);
    a.stop_at = 40;
    net_test_run(a.loop);
    CHECK_EQ_INT(a.count, 40);
    acceptor_close_accepted(&a);
    for (int i = 0; i < 40; i++) {
        (void)close(clients[i]);
    }
    net_listener_close(a.listener);
    net_listener_close(NULL);
    net_loop_free(a.loop);
}

TEST(accepts_unix)
{
    char dir[256];
    char path[300];
    struct acceptor a;
    make_dir(dir, sizeof(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    if (!acceptor_open(&a, net_listen_unix(path, 0600))) {
        return;
    }
    int client = connect_unix(path);
    CHECK(client >= 0);
    a.stop_at = 1;
    net_test_run(a.loop);
    CHECK_EQ_INT(write(client, "x", 1), 1);
    char byte = 0;
    CHECK_EQ_INT(read(a.fds[0], &byte, 1), 1);
    CHECK_EQ_INT(byte, 'x');
    acceptor_close_accepted(&a);
    (void)close(client);
    net_listener_close(a.listener);
    net_loop_free(a.loop);
    (void)unlink(path);
    (void)rmdir(dir);
}

TEST(pauses_at_once_and_goes_on)
{
    uint16_t port = 0;
    int clients[5];
    struct acceptor a;
    if (!acceptor_open(&a, net_listen_tcp("127.0.0.1", 0, &port))) {
        return;
    }
    for (int i = 0; i < 5; i++) {
        clients[i] = connect_tcp(port);
    }
    a.pause_at = 2;
    net_test_run_for(a.loop, 20);
    CHECK_EQ_INT(a.count, 2);
    net_listener_pause(a.listener, true);
    net_listener_pause(a.listener, false);
    a.stop_at = 5;
    net_test_run(a.loop);
    CHECK_EQ_INT(a.count, 5);
    acceptor_close_accepted(&a);
    for (int i = 0; i < 5; i++) {
        (void)close(clients[i]);
    }
    net_listener_close(a.listener);
    net_loop_free(a.loop);
}

TEST(may_be_closed_by_its_callback)
{
    uint16_t port = 0;
    struct acceptor a;
    if (!acceptor_open(&a, net_listen_tcp("127.0.0.1", 0, &port))) {
        return;
    }
    int one = connect_tcp(port);
    int two = connect_tcp(port);
    a.close_it = true;
    a.stop_at = 1;
    net_test_run(a.loop);
    net_test_run_for(a.loop, 10);
    CHECK_EQ_INT(a.count, 1);
    acceptor_close_accepted(&a);
    (void)close(one);
    (void)close(two);
    net_loop_free(a.loop);
}

TEST(tolerates_that_somebody_else_accepts_first)
{
    /* Two listeners share one socket, as two processes would: both wake up, one finds nothing. */
    uint16_t port = 0;
    int fd = net_listen_tcp("127.0.0.1", 0, &port);
    int same = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    struct acceptor a;
    struct acceptor b = {.count = 0};
    if (!acceptor_open(&a, fd)) {
        return;
    }
    b.loop = a.loop;
    CHECK_EQ_INT(net_listener_open(a.loop, same, acceptor_accept, &b, &b.listener), 0);
    int clients[10];
    for (int i = 0; i < 10; i++) {
        clients[i] = connect_tcp(port);
        a.stop_at = a.count + 1;
        b.stop_at = b.count + 1;
        net_test_run(a.loop);
    }
    net_test_run_for(a.loop, 5);
    CHECK_EQ_INT(a.count + b.count, 10);
    /* One goes, the other stays. */
    net_listener_close(a.listener);
    int last = connect_tcp(port);
    b.stop_at = b.count + 1;
    net_test_run(a.loop);
    CHECK_EQ_INT(a.count + b.count, 11);
    acceptor_close_accepted(&a);
    acceptor_close_accepted(&b);
    for (int i = 0; i < 10; i++) {
        (void)close(clients[i]);
    }
    (void)close(last);
    net_listener_close(b.listener);
    net_loop_free(a.loop);
}

/* In a child with few descriptors: 0 when all is as it should be, else the number of the step that is not. */
static int run_out_of_descriptors(void)
{
    uint16_t port = 0;
    struct acceptor a;
    if (!acceptor_open(&a, net_listen_tcp("127.0.0.1", 0, &port))) {
        return 1;
    }
    int clients[6];
    for (int i = 0; i < 6; i++) {
        clients[i] = connect_tcp(port);
    }
    /* Room for two more. */
    int next = fcntl(0, F_DUPFD, 0);
    (void)close(next);
    struct rlimit limit = {.rlim_cur = (rlim_t)next + 2, .rlim_max = (rlim_t)next + 2};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 2;
    }
    struct timespec before;
    struct timespec after;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    net_test_run_for(a.loop, 300);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    if (a.count != 2) {
        return 3;
    }
    int64_t cpu_us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    if (cpu_us > 100000) {
        return 4; /* it spins */
    }
    /* Descriptors come back; the listener finds that out by itself. */
    acceptor_close_accepted(&a);
    for (int i = 0; i < 2; i++) {
        (void)close(clients[i]);
    }
    a.stop_at = 4;
    net_test_run(a.loop);
    return a.count == 4 ? 0 : 5;
}

TEST(rests_when_descriptors_run_out)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(run_out_of_descriptors());
    }
    int status = 0;
    CHECK_EQ_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

TEST(takes_only_listening_sockets)
{
    struct net_loop *loop = net_loop_new();
    struct net_listener *l = NULL;
    int fds[2];
    if (!net_test_pair(AF_UNIX, fds)) {
        return;
    }
    CHECK_EQ_INT(net_listener_open(loop, fds[0], acceptor_accept, NULL, &l), CB_EINVAL);
    CHECK_EQ_INT(close(fds[0]), 0);
    CHECK_EQ_INT(net_listener_open(loop, fds[0], acceptor_accept, NULL, &l), -EBADF);
    (void)close(fds[1]);
    net_loop_free(loop);
}

/* ---- making sockets ---- */

TEST(listen_unix_has_its_mode_whatever_the_umask)
{
    char dir[256];
    char path[300];
    struct stat st;
    make_dir(dir, sizeof(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    mode_t old = umask(0077);
    int fd = net_listen_unix(path, 0660);
    CHECK(fd >= 0);
    CHECK(net_test_is_private(fd));
    CHECK(net_test_is_nonblocking(fd));
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0660);
    CHECK_EQ_INT(umask(0), 0077);
    (void)close(fd);
    /* The stale socket is replaced. */
    CHECK_EQ_INT(connect_unix(path), -ECONNREFUSED);
    fd = net_listen_unix(path, 0600);
    CHECK(fd >= 0);
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    int client = connect_unix(path);
    CHECK(client >= 0);
    (void)close(client);
    (void)close(fd);
    (void)umask(old);
    (void)unlink(path);
    (void)rmdir(dir);
}

TEST(listen_unix_removes_nothing_but_sockets)
{
    char dir[256];
    char path[300];
    char sibling[300];
    struct stat st;
    make_dir(dir, sizeof(dir));
    (void)snprintf(path, sizeof(path), "%s/f", dir);
    (void)snprintf(sibling, sizeof(sibling), "%s/l", dir);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(file);
    CHECK_EQ_INT(net_listen_unix(path, 0600), CB_EEXIST);
    CHECK_EQ_INT(symlink(path, sibling), 0);
    CHECK_EQ_INT(net_listen_unix(sibling, 0600), CB_EEXIST);
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK(S_ISREG(st.st_mode));
    (void)unlink(sibling);
    (void)unlink(path);
    (void)rmdir(dir);
    CHECK_EQ_INT(net_listen_unix(path, 0600), -ENOENT);
    CHECK_EQ_INT(net_listen_unix("", 0600), CB_EINVAL);
    CHECK_EQ_INT(net_listen_unix(path, 04600), CB_EINVAL);
    char deep[200];
    memset(deep, 'x', sizeof(deep) - 1);
    deep[0] = '/';
    deep[sizeof(deep) - 1] = '\0';
    CHECK_EQ_INT(net_listen_unix(deep, 0600), CB_ELIMIT);
}

TEST(listen_tcp_takes_literals_only)
{
    uint16_t port = 0;
    CHECK_EQ_INT(net_listen_tcp("localhost", 0, &port), CB_EINVAL);
    CHECK_EQ_INT(net_listen_tcp("127.1", 0, &port), CB_EINVAL);
    CHECK_EQ_INT(net_listen_tcp("", 0, &port), CB_EINVAL);
    int fd = net_listen_tcp("127.0.0.1", 0, &port);
    CHECK(fd >= 0);
    CHECK(port != 0);
    CHECK(net_test_is_private(fd));
    uint16_t taken = 0;
    CHECK_EQ_INT(net_listen_tcp("127.0.0.1", port, &taken), -EADDRINUSE);
    int client = connect_tcp(port);
    (void)close(client);
    (void)close(fd);
    fd = net_listen_tcp("127.0.0.1", port, NULL);
    CHECK(fd >= 0);
    (void)close(fd);
    fd = net_listen_tcp("::1", 0, &port);
    if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT) {
        SKIP("no IPv6 here");
        return;
    }
    CHECK(fd >= 0);
    CHECK(port != 0);
    (void)close(fd);
}

TEST(a_listener_knows_its_place)
{
    static const struct {
        const char *address;
        const char *host;
        bool loopback;
    } cases[] = {{"127.0.0.1", "127.0.0.1", true},
                 {"127.9.8.7", "127.9.8.7", true},
                 {"0.0.0.0", "0.0.0.0", false},
                 {"::1", "[::1]", true},
                 {"::", "[::]", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t port = 0;
        struct net_place place;
        int fd = net_listen_tcp(cases[i].address, 0, &port);
        if (CHECK(fd >= 0) && CHECK_EQ_INT(net_listener_place(fd, &place), 0)) {
            CHECK_EQ_STR(place.host, cases[i].host);
            CHECK_EQ_UINT(place.port, port);
            CHECK(place.loopback == cases[i].loopback);
        }
        (void)close(fd);
    }
    struct net_place place;
    int fds[2];
    if (CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0)) {
        CHECK_EQ_INT(net_listener_place(fds[0], &place), CB_EINVAL);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}

TEST_MAIN()

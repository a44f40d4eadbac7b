/* test_conn_close.c - closing a connection at every awkward moment, and gently. */
#include "conn_end.h"

#include <poll.h>
#include <stdio.h>

/* ---- closing at awkward moments ---- */

static void close_and_stop(struct end *e)
{
    net_conn_close(e->conn);
    /* In the turn of the close the memory is still there, and nothing can be done with it. */
    CHECK_EQ_INT(net_conn_write(e->conn, text("late")), CB_ESTATE);
    net_conn_read(e->conn, true);
    net_conn_shutdown(e->conn);
    net_conn_close(e->conn);
    e->conn = NULL;
    net_loop_stop(e->loop);
}

static void close_on_data(void *arg, struct span data)
{
    end_data(arg, data);
    close_and_stop(arg);
}

static void close_on_end(void *arg)
{
    end_end(arg);
    close_and_stop(arg);
}

static void close_on_drained(void *arg)
{
    end_drained(arg);
    close_and_stop(arg);
}

static void close_on_error(void *arg, int code)
{
    end_error(arg, code);
    close_and_stop(arg);
}

static const struct net_conn_handler closing_handler = {.on_data = close_on_data,
                                                        .on_end = close_on_end,
                                                        .on_drained = close_on_drained,
                                                        .on_error = close_on_error};

TEST(close_from_on_data)
{
    struct end e;
    int raw;
    uint8_t *bytes = pattern(3 * NET_READ_SIZE);
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    net_conn_set_handler(e.conn, &closing_handler, &e);
    net_conn_read(e.conn, true);
    CHECK(send(raw, bytes, 3 * NET_READ_SIZE, MSG_DONTWAIT) > 0);
    net_test_run(e.loop);
    net_test_run_for(e.loop, 5);
    CHECK_EQ_INT(e.data_calls, 1);
    CHECK_EQ_INT(e.ends + e.errors, 0);
    (void)close(raw);
    net_loop_free(e.loop);
    free(bytes);
}

TEST(close_from_on_end)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    net_conn_set_handler(e.conn, &closing_handler, &e);
    net_conn_read(e.conn, true);
    (void)close(raw);
    net_test_run(e.loop);
    CHECK_EQ_INT(e.ends, 1);
    net_loop_free(e.loop);
}

TEST(close_from_on_error)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    net_conn_set_handler(e.conn, &closing_handler, &e);
    net_conn_read(e.conn, true);
    net_test_close_with_reset(raw);
    net_test_run(e.loop);
    CHECK_EQ_INT(e.errors, 1);
    net_loop_free(e.loop);
}

TEST(close_from_on_drained)
{
    struct end a;
    struct end b;
    uint8_t *bytes = pattern(4 * MEBI);
    if (!open_two(&a, &b, AF_UNIX)) {
        return;
    }
    net_conn_set_handler(a.conn, &closing_handler, &a);
    CHECK_EQ_INT(net_conn_write(a.conn, span_of(bytes, 4 * MEBI)), 0);
    net_conn_read(b.conn, true);
    net_test_run(a.loop);
    CHECK_EQ_INT(a.drains, 1);
    b.stop_on_end = true;
    net_test_run(a.loop);
    CHECK_EQ_UINT(b.received, 4 * MEBI);
    net_conn_close(b.conn);
    net_loop_free(a.loop);
    free(bytes);
}

static void close_other_on_data(void *arg, struct span data)
{
    struct end *e = arg;
    end_data(e, data);
    net_conn_close(e->peer->conn);
    e->peer->conn = NULL;
    net_loop_stop(e->loop);
}

TEST(close_of_another_that_has_data_waiting_too)
{
    /* Two connections become readable in the same turn; the first closes the second. */
    static const struct net_conn_handler handler = {
        .on_data = close_other_on_data, .on_end = end_end, .on_error = end_error};
    struct net_loop *loop = net_loop_new();
    struct end a = {.loop = loop};
    struct end b = {.loop = loop, .peer = &a};
    int one[2];
    int two[2];
    a.peer = &b;
    if (!net_test_pair(AF_UNIX, one) || !net_test_pair(AF_UNIX, two)) {
        return;
    }
    CHECK_EQ_INT(net_conn_open(loop, one[0], &handler, &a, &a.conn), 0);
    CHECK_EQ_INT(net_conn_open(loop, two[0], &handler, &b, &b.conn), 0);
    net_conn_read(a.conn, true);
    net_conn_read(b.conn, true);
    CHECK_EQ_INT(write(one[1], "x", 1), 1);
    CHECK_EQ_INT(write(two[1], "x", 1), 1);
    net_test_run(loop);
    net_test_run_for(loop, 5);
    CHECK_EQ_INT(a.data_calls + b.data_calls, 1);
    net_conn_close(a.conn);
    net_conn_close(b.conn);
    (void)close(one[1]);
    (void)close(two[1]);
    net_loop_free(loop);
}

TEST(close_with_a_full_queue_frees_it)
{
    struct end e;
    int raw;
    uint8_t *bytes = pattern(8 * MEBI);
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, 8 * MEBI)), 0);
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, MEBI)), 0);
    CHECK(net_conn_queued(e.conn) > 0);
    net_conn_close(e.conn);
    net_test_run_for(e.loop, 5);
    CHECK_EQ_INT(e.errors + e.drains, 0);
    (void)close(raw);
    net_loop_free(e.loop);
    free(bytes);
}

/* ---- closing gently ---- */

/* The plain end of a connection, read when it is readable; `pause` lets the test decide when. */
struct reader {
    struct net_loop *loop;
    struct net_watch *watch;
    int fd;
    size_t received;
    int error;
    bool ended;
};

static void reader_ready(void *arg, int events)
{
    struct reader *r = arg;
    uint8_t memory[65536];
    (void)events;
    ssize_t n = read(r->fd, memory, sizeof(memory));
    if (n > 0) {
        r->received += (size_t)n;
    } else if (n == 0 || errno != EAGAIN) {
        r->ended = n == 0;
        r->error = n < 0 ? errno : 0;
        CHECK_EQ_INT(net_watch_set(r->watch, 0), 0);
        net_loop_stop(r->loop);
    }
}

static bool reader_open(struct reader *r, struct net_loop *loop, int fd)
{
    *r = (struct reader){.loop = loop, .fd = fd};
    r->watch = net_watch_new(loop, fd, reader_ready, r);
    return CHECK(r->watch != NULL);
}

static void gently(int domain, bool unread_request)
{
    struct end e;
    int raw;
    struct reader r;
    uint8_t *bytes = pattern(6 * MEBI);
    if (!open_one(&e, domain, &raw) || !reader_open(&r, e.loop, raw)) {
        return;
    }
    if (unread_request) {
        /* More than the owner ever reads: closing now would send a reset, which destroys the answer. */
        CHECK(send(raw, bytes, 100000, MSG_DONTWAIT) > 0);
    }
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, 6 * MEBI)), 0);
    net_conn_close_gently(e.conn, NET_TEST_PATIENCE_MS);
    net_test_run_for(e.loop, 20);
    CHECK_EQ_INT(net_watch_set(r.watch, NET_WATCH_READ), 0);
    net_test_run(e.loop);
    CHECK(r.ended);
    CHECK_EQ_INT(r.error, 0);
    CHECK_EQ_UINT(r.received, 6 * MEBI);
    CHECK_EQ_UINT(e.received, 0);
    CHECK_EQ_INT(e.errors + e.ends + e.drains, 0);
    net_watch_free(r.watch);
    (void)close(raw);
    net_loop_free(e.loop);
    free(bytes);
}

TEST(close_gently_delivers_the_queue)
{
    gently(AF_INET, false);
    gently(AF_UNIX, false);
}

TEST(close_gently_is_not_spoiled_by_an_unread_request)
{
    gently(AF_INET, true);
    gently(AF_UNIX, true);
}

TEST(close_gently_ends_when_the_peer_has_ended)
{
    /* With a linger time that the test would never live to see. */
    struct end e;
    int raw;
    struct reader r;
    int before = net_test_count_fds();
    if (!open_one(&e, AF_INET, &raw) || !reader_open(&r, e.loop, raw)) {
        return;
    }
    int open = net_test_count_fds();
    CHECK(open > before);
    CHECK_EQ_INT(net_conn_write(e.conn, text("answer")), 0);
    net_conn_close_gently(e.conn, 1000 * (uint64_t)NET_TEST_PATIENCE_MS);
    CHECK_EQ_INT(net_watch_set(r.watch, NET_WATCH_READ), 0);
    net_test_run(e.loop);
    CHECK(r.ended);
    CHECK_EQ_INT(net_test_count_fds(), open);
    (void)shutdown(raw, SHUT_WR);
    net_test_run_for(e.loop, 50);
    CHECK_EQ_INT(net_test_count_fds(), open - 1);
    net_watch_free(r.watch);
    (void)close(raw);
    /* The other order: the peer has ended first. */
    int fds[2];
    if (!net_test_pair(AF_INET, fds)) {
        return;
    }
    CHECK_EQ_INT(net_conn_open(e.loop, fds[0], &end_handler, &e, &e.conn), 0);
    net_conn_read(e.conn, true);
    (void)shutdown(fds[1], SHUT_WR);
    e.stop_on_end = true;
    net_test_run(e.loop);
    open = net_test_count_fds();
    CHECK_EQ_INT(net_conn_write(e.conn, text("answer")), 0);
    net_conn_close_gently(e.conn, 1000 * (uint64_t)NET_TEST_PATIENCE_MS);
    CHECK_EQ_INT(net_test_count_fds(), open - 1);
    char answer[16];
    CHECK_EQ_INT(read(fds[1], answer, sizeof(answer)), 6);
    CHECK_EQ_INT(read(fds[1], answer, sizeof(answer)), 0);
    (void)close(fds[1]);
    net_loop_free(e.loop);
}

TEST(close_gently_gives_up_after_its_time)
{
    struct end e;
    int raw;
    uint8_t *bytes = pattern(8 * MEBI);
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    int open = net_test_count_fds();
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, 8 * MEBI)), 0);
    net_conn_close_gently(e.conn, 60);
    net_test_run_for(e.loop, 20);
    CHECK_EQ_INT(net_test_count_fds(), open);
    net_test_run_for(e.loop, 100);
    CHECK_EQ_INT(net_test_count_fds(), open - 1);
    (void)close(raw);
    net_loop_free(e.loop);
    free(bytes);
}

TEST(of_many_that_close_gently_the_oldest_ends_first)
{
    enum { MANY = 6, MAX = 4 };
    struct end e;
    int raw[MANY];
    struct pollfd p = {.events = POLLIN};
    char bytes[16];
    if (!open_one(&e, AF_INET, &raw[0])) {
        return;
    }
    net_loop_set_lingering(e.loop, MAX);
    int open = net_test_count_fds();
    for (size_t i = 0; i < MANY; i++) {
        int fds[2];
        if (i != 0 && (!CHECK(net_test_pair(AF_INET, fds)) ||
                       !CHECK_EQ_INT(net_conn_open(e.loop, fds[0], &end_handler, &e, &e.conn), 0))) {
            return;
        }
        raw[i] = i != 0 ? fds[1] : raw[0];
        CHECK_EQ_INT(net_conn_write(e.conn, text("answer")), 0);
        net_conn_close_gently(e.conn, 1000 * (uint64_t)NET_TEST_PATIENCE_MS);
    }
    CHECK_EQ_INT(net_test_count_fds(), open + 2 * (MANY - 1) - (MANY - MAX));
    for (size_t i = 0; i < MANY; i++) {
        CHECK_EQ_INT(read(raw[i], bytes, sizeof(bytes)), 6); /* nobody's answer is lost */
        CHECK_EQ_INT(read(raw[i], bytes, sizeof(bytes)), 0);
        CHECK_EQ_INT(send(raw[i], "x", 1, MSG_NOSIGNAL), 1);
        p.fd = raw[i];
        if (i < MANY - MAX) { /* it is gone, and says so */
            CHECK(poll(&p, 1, NET_TEST_PATIENCE_MS) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0);
        }
        (void)close(raw[i]);
    }
    net_loop_free(e.loop);
}

TEST(close_gently_of_the_dead_the_impatient_and_nothing)
{
    struct end e;
    int raw;
    net_conn_close_gently(NULL, 10);
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    int open = net_test_count_fds();
    (void)close(raw);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -EPIPE);
    net_conn_close_gently(e.conn, NET_TEST_PATIENCE_MS);
    CHECK_EQ_INT(net_test_count_fds(), open - 2);
    net_loop_free(e.loop);
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    net_conn_close_gently(e.conn, 0);
    char byte;
    CHECK_EQ_INT(read(raw, &byte, 1), 0);
    (void)close(raw);
    net_loop_free(e.loop);
}

TEST(a_loop_may_end_while_a_connection_lingers)
{
    struct end e;
    int raw;
    uint8_t *bytes = pattern(8 * MEBI);
    int before = net_test_count_fds();
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, 8 * MEBI)), 0);
    net_conn_close_gently(e.conn, NET_TEST_PATIENCE_MS);
    net_loop_free(e.loop);
    (void)close(raw);
    CHECK(net_test_count_fds() <= before + 2); /* libuv keeps one pipe for the whole process */
    free(bytes);
}

static void gently_on_data(void *arg, struct span data)
{
    struct end *e = arg;
    end_data(e, data);
    CHECK_EQ_INT(net_conn_write(e->conn, text("no")), 0);
    net_conn_close_gently(e->conn, NET_TEST_PATIENCE_MS);
}

TEST(close_gently_from_on_data)
{
    static const struct net_conn_handler handler = {
        .on_data = gently_on_data, .on_end = end_end, .on_error = end_error};
    struct end e;
    int raw;
    struct reader r;
    uint8_t *bytes = pattern(MEBI);
    if (!open_one(&e, AF_INET, &raw) || !reader_open(&r, e.loop, raw)) {
        return;
    }
    net_conn_set_handler(e.conn, &handler, &e);
    net_conn_read(e.conn, true);
    CHECK(send(raw, bytes, MEBI, MSG_DONTWAIT) > 0);
    CHECK_EQ_INT(net_watch_set(r.watch, NET_WATCH_READ), 0);
    net_test_run(e.loop);
    CHECK(r.ended);
    CHECK_EQ_UINT(r.received, 2);
    CHECK_EQ_INT(e.data_calls, 1);
    net_watch_free(r.watch);
    (void)close(raw);
    net_test_run_for(e.loop, 10);
    net_loop_free(e.loop);
    free(bytes);
}

TEST_MAIN()

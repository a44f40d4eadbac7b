/* test_conn.c - bytes both ways with back-pressure, half-close, resets. */
#include "conn_end.h"

#include <poll.h>
#include <stdio.h>

/* ---- opening ---- */

TEST(open_makes_the_socket_nonblocking_and_reads_nothing_yet)
{
    struct end e;
    int raw;
    int fds[2];
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    CHECK_EQ_INT(write(raw, "hello", 5), 5);
    net_test_run_for(e.loop, 10);
    CHECK_EQ_UINT(e.received, 0);
    net_conn_read(e.conn, true);
    CHECK_EQ_UINT(e.received, 0);
    e.stop_on_data = true;
    net_test_run(e.loop);
    CHECK_EQ_UINT(e.received, 5);
    net_conn_close(e.conn);
    net_conn_close(NULL);
    /* On failure the descriptor stays the caller's. */
    CHECK_EQ_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_EQ_INT(net_conn_open(e.loop, fds[0], &end_handler, &e, &e.conn), -ENOTSOCK);
    CHECK_EQ_INT(close(fds[0]), 0);
    CHECK_EQ_INT(close(fds[1]), 0);
    (void)close(raw);
    net_loop_free(e.loop);
}

TEST(open_sets_nodelay_on_tcp)
{
    struct net_loop *loop = net_loop_new();
    int fds[2];
    struct end e = {.loop = loop};
    if (!net_test_pair(AF_INET, fds)) {
        return;
    }
    CHECK_EQ_INT(net_conn_open(loop, fds[0], &end_handler, &e, &e.conn), 0);
    int on = 0;
    socklen_t size = sizeof(on);
    CHECK_EQ_INT(getsockopt(fds[0], IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, &size), 0);
    CHECK(on != 0);
    CHECK(net_test_is_nonblocking(fds[0]));
    net_conn_close(e.conn);
    (void)close(fds[1]);
    net_loop_free(loop);
}

/* ---- much data ---- */

/* Writes `to_send` bytes of the pattern as room allows and checks that the same come back. */
struct pump {
    struct net_loop *loop;
    struct net_conn *near;
    struct net_conn *far; /* echoes */
    const uint8_t *bytes; /* 251 * n long, so that the pattern goes on at its start */
    size_t period;
    size_t to_send;
    size_t sent;
    size_t received;
    size_t most_queued;
    unsigned wrong;
    unsigned far_pauses;
    bool near_ended;
};

static void pump_note_queue(struct pump *p)
{
    size_t queued = net_conn_queued(p->near);
    if (net_conn_queued(p->far) > queued) {
        queued = net_conn_queued(p->far);
    }
    if (queued > p->most_queued) {
        p->most_queued = queued;
    }
}

static void pump_send(void *arg)
{
    struct pump *p = arg;
    while (p->sent < p->to_send && !net_conn_is_full(p->near)) {
        size_t from = p->sent % p->period;
        size_t len = p->period - from;
        if (len > 100000) {
            len = 100000;
        }
        if (len > p->to_send - p->sent) {
            len = p->to_send - p->sent;
        }
        if (!CHECK_EQ_INT(net_conn_write(p->near, span_of(p->bytes + from, len)), 0)) {
            net_loop_stop(p->loop);
            return;
        }
        p->sent += len;
        pump_note_queue(p);
    }
    if (p->sent == p->to_send) {
        net_conn_shutdown(p->near);
    }
}

static void pump_near_data(void *arg, struct span data)
{
    struct pump *p = arg;
    size_t from = p->received % p->period;
    size_t first = data.len < p->period - from ? data.len : p->period - from;
    if (memcmp(data.ptr, p->bytes + from, first) != 0 ||
        memcmp(data.ptr + first, p->bytes, data.len - first) != 0) {
        p->wrong++;
    }
    p->received += data.len;
}

static void pump_near_end(void *arg)
{
    struct pump *p = arg;
    p->near_ended = true;
    net_loop_stop(p->loop);
}

static void pump_error(void *arg, int code)
{
    struct pump *p = arg;
    CHECK_EQ_INT(code, 0);
    net_loop_stop(p->loop);
}

static void pump_far_data(void *arg, struct span data)
{
    struct pump *p = arg;
    CHECK_EQ_INT(net_conn_write(p->far, data), 0);
    pump_note_queue(p);
    if (net_conn_is_full(p->far)) {
        net_conn_read(p->far, false);
        p->far_pauses++;
        net_conn_read(p->near, true); /* a slow near end has waited for this */
    }
}

static void pump_far_end(void *arg)
{
    struct pump *p = arg;
    net_conn_shutdown(p->far);
}

static void pump_far_drained(void *arg)
{
    struct pump *p = arg;
    net_conn_read(p->far, true);
}

static const struct net_conn_handler pump_near = {
    .on_data = pump_near_data, .on_end = pump_near_end, .on_drained = pump_send, .on_error = pump_error};
static const struct net_conn_handler pump_far = {
    .on_data = pump_far_data, .on_end = pump_far_end, .on_drained = pump_far_drained, .on_error = pump_error};

static void pump_through(int domain, size_t bytes, bool slow)
{
    struct pump p = {.loop = net_loop_new(), .period = 251 * 4096, .to_send = bytes};
    uint8_t *memory = pattern(p.period);
    int fds[2];
    p.bytes = memory;
    if (!CHECK(p.loop != NULL && memory != NULL) || !net_test_pair(domain, fds)) {
        return;
    }
    CHECK_EQ_INT(net_conn_open(p.loop, fds[0], &pump_near, &p, &p.near), 0);
    CHECK_EQ_INT(net_conn_open(p.loop, fds[1], &pump_far, &p, &p.far), 0);
    net_conn_read(p.near, !slow); /* a slow one reads nothing before the queues are full */
    net_conn_read(p.far, true);
    pump_send(&p);
    net_test_run(p.loop);
    CHECK(p.near_ended);
    CHECK_EQ_UINT(p.received, bytes);
    CHECK_EQ_UINT(p.wrong, 0);
    CHECK(p.most_queued <= NET_CONN_HIGH_WATER + 100000);
    if (slow) {
        CHECK(p.far_pauses > 0);
    }
    net_conn_close(p.near);
    net_conn_close(p.far);
    net_loop_free(p.loop);
    free(memory);
}

TEST(a_hundred_mebibytes_echo_over_tcp)
{
    pump_through(AF_INET, 100 * MEBI, false);
}

TEST(a_hundred_mebibytes_echo_over_unix)
{
    pump_through(AF_UNIX, 100 * MEBI, false);
}

TEST(a_slow_reader_holds_the_writer_back)
{
    pump_through(AF_INET, 64 * MEBI, true);
    pump_through(AF_UNIX, 64 * MEBI, true);
}

/* ---- back-pressure ---- */

TEST(full_until_empty_then_drained_once)
{
    struct end a;
    struct end b;
    if (!open_two(&a, &b, AF_UNIX)) {
        return;
    }
    uint8_t *bytes = pattern(MEBI);
    size_t sent = 0;
    while (!net_conn_is_full(a.conn)) {
        CHECK_EQ_INT(net_conn_write(a.conn, span_of(bytes, 50000)), 0);
        sent += 50000;
    }
    CHECK(net_conn_queued(a.conn) > NET_CONN_HIGH_WATER);
    net_test_run_for(a.loop, 20);
    CHECK(net_conn_is_full(a.conn));
    CHECK_EQ_INT(a.drains, 0);
    net_conn_read(b.conn, true);
    a.stop_on_drained = true;
    net_test_run(a.loop);
    CHECK(!net_conn_is_full(a.conn));
    CHECK_EQ_UINT(net_conn_queued(a.conn), 0);
    b.stop_at = sent;
    if (b.received < sent) {
        net_test_run(a.loop);
    }
    CHECK_EQ_UINT(b.received, sent);
    CHECK_EQ_INT(a.drains, 1);
    /* A queue that stayed below the mark drains in silence. */
    b.stop_at = sent + 10;
    CHECK_EQ_INT(net_conn_write(a.conn, text("0123456789")), 0);
    net_test_run(a.loop);
    CHECK_EQ_INT(a.drains, 1);
    net_conn_close(a.conn);
    net_conn_close(b.conn);
    net_loop_free(a.loop);
    free(bytes);
}

static void pause_after_first(void *arg, struct span data)
{
    struct end *e = arg;
    end_data(e, data);
    net_conn_read(e->conn, false);
    net_loop_stop(e->loop);
}

TEST(reading_can_be_paused_from_inside)
{
    static const struct net_conn_handler handler = {
        .on_data = pause_after_first, .on_end = end_end, .on_error = end_error};
    struct end e;
    int raw;
    uint8_t *bytes = pattern(4 * NET_READ_SIZE);
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    net_conn_set_handler(e.conn, &handler, &e);
    int size = (int)(8 * NET_READ_SIZE);
    CHECK_EQ_INT(setsockopt(raw, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    CHECK_EQ_INT(send(raw, bytes, 2 * NET_READ_SIZE, MSG_DONTWAIT), 2 * NET_READ_SIZE);
    (void)shutdown(raw, SHUT_WR);
    net_conn_read(e.conn, true);
    net_test_run(e.loop);
    CHECK_EQ_INT(e.data_calls, 1);
    net_test_run_for(e.loop, 10);
    CHECK_EQ_INT(e.data_calls, 1);
    CHECK_EQ_INT(e.ends, 0);
    size_t first = e.received;
    net_conn_read(e.conn, true);
    net_test_run(e.loop);
    CHECK_EQ_INT(e.data_calls, 2);
    CHECK(e.received > first);
    /* The rest, and then the end. */
    net_conn_set_handler(e.conn, &end_handler, &e);
    e.stop_on_end = true;
    net_conn_read(e.conn, true);
    net_test_run(e.loop);
    CHECK_EQ_UINT(e.received, 2 * NET_READ_SIZE);
    CHECK_EQ_INT(e.ends, 1);
    net_conn_close(e.conn);
    (void)close(raw);
    net_loop_free(e.loop);
    free(bytes);
}

TEST(a_large_single_write_arrives_whole)
{
    struct end a;
    struct end b;
    size_t len = 20 * MEBI;
    uint8_t *bytes = pattern(len);
    if (!open_two(&a, &b, AF_INET)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(a.conn, SPAN_EMPTY), 0);
    CHECK_EQ_INT(net_conn_write(a.conn, span_of(bytes, len)), 0);
    net_conn_read(b.conn, true);
    b.stop_at = len;
    net_test_run(a.loop);
    CHECK_EQ_UINT(b.received, len);
    CHECK_EQ_UINT(b.last, bytes[len - 1]);
    net_conn_close(a.conn);
    net_conn_close(b.conn);
    net_loop_free(a.loop);
    free(bytes);
}

TEST(a_queue_without_end_is_refused)
{
    struct end a;
    int raw;
    size_t len = 65 * MEBI;
    uint8_t *bytes = calloc(1, len);
    if (!open_one(&a, AF_UNIX, &raw) || !CHECK(bytes != NULL)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(a.conn, span_of(bytes, len)), CB_ELIMIT);
    net_conn_close(a.conn);
    (void)close(raw);
    net_loop_free(a.loop);
    free(bytes);
}

/* ---- half-close ---- */

static void answer_after_end(void *arg)
{
    struct end *e = arg;
    e->ends++;
    CHECK_EQ_INT(net_conn_write(e->conn, text("answer")), 0);
    net_conn_shutdown(e->conn);
}

static void half_close(int domain)
{
    static const struct net_conn_handler answering = {
        .on_data = end_data, .on_end = answer_after_end, .on_error = end_error};
    struct end a;
    struct end b;
    if (!open_two(&a, &b, domain)) {
        return;
    }
    net_conn_set_handler(b.conn, &answering, &b);
    net_conn_read(a.conn, true);
    net_conn_read(b.conn, true);
    a.stop_on_end = true;
    CHECK_EQ_INT(net_conn_write(a.conn, text("question")), 0);
    net_conn_shutdown(a.conn);
    net_conn_shutdown(a.conn);
    CHECK_EQ_INT(net_conn_write(a.conn, text("more")), CB_ESTATE);
    net_test_run(a.loop);
    CHECK_EQ_UINT(b.received, 8);
    CHECK_EQ_UINT(a.received, 6);
    CHECK_EQ_INT(a.ends, 1);
    CHECK_EQ_INT(b.ends, 1);
    CHECK_EQ_INT(a.errors + b.errors, 0);
    /* Reading on after the end tells nothing twice. */
    net_conn_read(a.conn, true);
    net_conn_read(b.conn, true);
    net_test_run_for(a.loop, 10);
    CHECK_EQ_INT(a.ends + b.ends, 2);
    CHECK_EQ_INT(a.errors + b.errors, 0);
    net_conn_close(a.conn);
    net_conn_close(b.conn);
    net_loop_free(a.loop);
}

TEST(half_close_then_answer)
{
    half_close(AF_INET);
    half_close(AF_UNIX);
}

TEST(fin_comes_after_the_queue)
{
    struct end a;
    struct end b;
    size_t len = 5 * MEBI;
    uint8_t *bytes = pattern(len);
    if (!open_two(&a, &b, AF_INET)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(a.conn, span_of(bytes, len)), 0);
    net_conn_shutdown(a.conn);
    CHECK(net_conn_queued(a.conn) > 0);
    net_conn_read(b.conn, true);
    b.stop_on_end = true;
    net_test_run(a.loop);
    CHECK_EQ_UINT(b.received, len);
    /* The other direction is still open: data, then its end. */
    net_conn_read(a.conn, true);
    a.stop_on_end = true;
    CHECK_EQ_INT(net_conn_write(b.conn, text("still here")), 0);
    net_conn_shutdown(b.conn);
    net_test_run(a.loop);
    CHECK_EQ_UINT(a.received, 10);
    net_conn_close(a.conn);
    net_conn_close(b.conn);
    net_loop_free(a.loop);
    free(bytes);
}

/* ---- errors ---- */

TEST(a_reset_is_an_error_told_once)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    net_conn_read(e.conn, true);
    net_test_close_with_reset(raw);
    e.stop_on_error = true;
    net_test_run(e.loop);
    CHECK_EQ_INT(e.code, -ECONNRESET);
    CHECK_EQ_INT(e.ends, 0);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -ECONNRESET);
    net_conn_read(e.conn, true);
    net_conn_shutdown(e.conn);
    net_test_run_for(e.loop, 10);
    CHECK_EQ_INT(e.errors, 1);
    net_conn_close(e.conn);
    net_loop_free(e.loop);
}

TEST(a_close_is_an_end_and_no_error)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    net_conn_read(e.conn, true);
    CHECK_EQ_INT(write(raw, "bye", 3), 3);
    (void)close(raw);
    e.stop_on_end = true;
    net_test_run(e.loop);
    net_test_run_for(e.loop, 10);
    CHECK_EQ_UINT(e.received, 3);
    CHECK_EQ_INT(e.ends, 1);
    CHECK_EQ_INT(e.errors, 0);
    net_conn_close(e.conn);
    net_loop_free(e.loop);
}

TEST(what_the_peer_said_before_it_went_is_read_after_a_write_has_failed)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    net_conn_read(e.conn, true);
    CHECK_EQ_INT(write(raw, "bye", 3), 3);
    (void)close(raw);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -EPIPE);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -EPIPE);
    e.stop_on_end = true;
    net_test_run(e.loop);
    CHECK_EQ_UINT(e.received, 3);
    CHECK_EQ_INT(e.ends, 1);
    CHECK_EQ_INT(e.errors, 0);
    net_conn_close(e.conn);
    net_loop_free(e.loop);
}

TEST(an_error_of_the_queue_is_told_once)
{
    struct end e;
    int raw;
    uint8_t *bytes = pattern(8 * MEBI);
    if (!open_one(&e, AF_INET, &raw)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(e.conn, span_of(bytes, 8 * MEBI)), 0);
    CHECK(net_conn_queued(e.conn) > 0);
    net_test_close_with_reset(raw);
    e.stop_on_error = true;
    net_test_run(e.loop);
    CHECK(e.code == -EPIPE || e.code == -ECONNRESET);
    net_test_run_for(e.loop, 10);
    CHECK_EQ_INT(e.errors, 1);
    CHECK_EQ_INT(e.drains, 0);
    net_conn_close(e.conn);
    net_loop_free(e.loop);
    free(bytes);
}

TEST_MAIN()

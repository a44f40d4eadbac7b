/* test_conn.c - bytes both ways with back-pressure, half-close, resets, and closing at every awkward moment. */
#include "net/conn.h"
#include "net_test.h"

#include <poll.h>
#include <stdio.h>

#define MEBI ((size_t)1024 * 1024)

/* One end: counts what happens, and does what a test asks for. */
struct end {
    struct net_loop *loop;
    struct net_conn *conn;
    struct end *peer;
    size_t received;
    int data_calls;
    int ends;
    int drains;
    int errors;
    int code;
    uint8_t last;
    bool stop_on_data;
    bool stop_on_end;
    bool stop_on_error;
    bool stop_on_drained;
    size_t stop_at; /* bytes */
};

static void end_data(void *arg, struct span data)
{
    struct end *e = arg;
    e->data_calls++;
    e->received += data.len;
    e->last = data.ptr[data.len - 1];
    if (e->stop_on_data || (e->stop_at != 0 && e->received >= e->stop_at)) {
        net_loop_stop(e->loop);
    }
}

static void end_end(void *arg)
{
    struct end *e = arg;
    e->ends++;
    if (e->stop_on_end) {
        net_loop_stop(e->loop);
    }
}

static void end_drained(void *arg)
{
    struct end *e = arg;
    e->drains++;
    if (e->stop_on_drained) {
        net_loop_stop(e->loop);
    }
}

static void end_error(void *arg, int code)
{
    struct end *e = arg;
    e->errors++;
    e->code = code;
    if (e->stop_on_error) {
        net_loop_stop(e->loop);
    }
}

static const struct net_conn_handler end_handler = {
    .on_data = end_data, .on_end = end_end, .on_drained = end_drained, .on_error = end_error};

/* A loop, one end of a connection under it, and the other as a plain descriptor. */
static bool open_one(struct end *e, int domain, int *raw)
{
    int fds[2];
    *e = (struct end){.loop = net_loop_new()};
    if (!CHECK(e->loop != NULL) || !net_test_pair(domain, fds) ||
        !CHECK_EQ_INT(net_conn_open(e->loop, fds[0], &end_handler, e, &e->conn), 0)) {
        return false;
    }
    *raw = fds[1];
    return true;
}

/* Both ends under one loop. */
static bool open_two(struct end *a, struct end *b, int domain)
{
    int fds[2];
    *a = (struct end){.loop = net_loop_new(), .peer = b};
    *b = (struct end){.loop = a->loop, .peer = a};
    return CHECK(a->loop != NULL) && net_test_pair(domain, fds) &&
           CHECK_EQ_INT(net_conn_open(a->loop, fds[0], &end_handler, a, &a->conn), 0) &&
           CHECK_EQ_INT(net_conn_open(b->loop, fds[1], &end_handler, b, &b->conn), 0);
}

static struct span text(const char *s)
{
    return span_str(s);
}

static uint8_t *pattern(size_t len)
{
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; bytes != NULL && i < len; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    return bytes;
}

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

TEST(an_error_that_write_returned_is_not_told_again)
{
    struct end e;
    int raw;
    if (!open_one(&e, AF_UNIX, &raw)) {
        return;
    }
    net_conn_read(e.conn, true);
    (void)close(raw);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -EPIPE);
    CHECK_EQ_INT(net_conn_write(e.conn, text("x")), -EPIPE);
    net_test_run_for(e.loop, 20);
    CHECK_EQ_INT(e.errors, 0);
    CHECK_EQ_INT(e.ends, 0);
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

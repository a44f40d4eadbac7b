/*
 * conn_end.h - what the tests of conn.c share: an end of a connection that counts what happens to it.
 */
#ifndef TESTS_UNIT_NET_CONN_END_H
#define TESTS_UNIT_NET_CONN_END_H

#include "net/conn.h"
#include "net_test.h"

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

static inline void end_data(void *arg, struct span data)
{
    struct end *e = arg;
    e->data_calls++;
    e->received += data.len;
    e->last = data.ptr[data.len - 1];
    if (e->stop_on_data || (e->stop_at != 0 && e->received >= e->stop_at)) {
        net_loop_stop(e->loop);
    }
}

static inline void end_end(void *arg)
{
    struct end *e = arg;
    e->ends++;
    if (e->stop_on_end) {
        net_loop_stop(e->loop);
    }
}

static inline void end_drained(void *arg)
{
    struct end *e = arg;
    e->drains++;
    if (e->stop_on_drained) {
        net_loop_stop(e->loop);
    }
}

static inline void end_error(void *arg, int code)
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
static inline bool open_one(struct end *e, int domain, int *raw)
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
static inline bool open_two(struct end *a, struct end *b, int domain)
{
    int fds[2];
    *a = (struct end){.loop = net_loop_new(), .peer = b};
    *b = (struct end){.loop = a->loop, .peer = a};
    return CHECK(a->loop != NULL) && net_test_pair(domain, fds) &&
           CHECK_EQ_INT(net_conn_open(a->loop, fds[0], &end_handler, a, &a->conn), 0) &&
           CHECK_EQ_INT(net_conn_open(b->loop, fds[1], &end_handler, b, &b->conn), 0);
}

static inline struct span text(const char *s)
{
    return span_str(s);
}

static inline uint8_t *pattern(size_t len)
{
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; bytes != NULL && i < len; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    return bytes;
}

#endif

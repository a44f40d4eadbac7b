/*
 * conn.c - connected stream sockets: read into one shared buffer, write at once, queue the rest.
 *
 * What the kernel did not take waits in two buffers: `flight` is in libuv's hands, `queue` collects what comes
 * meanwhile; they swap when the flight has landed. Both are empty allocations of nothing while a connection idles,
 * and are wiped when they are let go, because credentials travel through connections between roles.
 */
#include "net/conn.h"
#include "net/loop_uv.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* No well-behaved owner comes near: it stops at NET_CONN_HIGH_WATER plus one message. */
#define CONN_QUEUE_MAX ((size_t)64 * 1024 * 1024)

struct net_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t write;
    struct net_loop *loop;
    const struct net_conn_handler *handler; /* NULL once nobody wants to hear any more */
    void *arg;
    struct buf queue;
    struct buf flight;
    struct net_timer *linger;
    struct list link; /* in the loop's list while it lingers */
    int fd;
    int error;      /* why it is dead, or 0 */
    int unwritable; /* the peer takes no more, for this reason, but what it has sent is still to be read; or 0 */
    bool is_plain; /* what is read may be a secret that nothing hides */
    bool reading;
    bool full;
    bool ended;       /* the peer's FIN came */
    bool shut_wanted; /* FIN after the queue */
    bool shut;        /* FIN was sent */
    bool closing;
};

static void conn_set_reading(struct net_conn *c, bool on);

/* ---- opening and closing ---- */

int net_conn_open(struct net_loop *loop, int fd, const struct net_conn_handler *handler, void *arg,
                  struct net_conn **out)
{
    int domain = 0;
    socklen_t size = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) {
        return -errno;
    }
    struct net_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return CB_ENOMEM;
    }
    c->loop = loop;
    c->handler = handler;
    c->arg = arg;
    c->fd = fd;
    bool is_local = domain == AF_UNIX;
    c->is_plain = is_local; /* between roles; what comes from a network is encrypted or the agent's own */
    list_init(&c->link);
    buf_init(&c->queue, CONN_QUEUE_MAX);
    buf_init(&c->flight, CONN_QUEUE_MAX);
    buf_set_sensitive(&c->queue);
    buf_set_sensitive(&c->flight);

    int r;
    if (is_local) {
        r = uv_pipe_init(&loop->uv, &c->uv.pipe, 0);
    } else {
        r = uv_tcp_init(&loop->uv, &c->uv.tcp);
    }
    if (r != 0) {
        free(c);
        return net_uv_error(r);
    }
    c->uv.handle.data = c;
    if (is_local) {
        r = uv_pipe_open(&c->uv.pipe, fd);
    } else {
        r = uv_tcp_open(&c->uv.tcp, fd);
        if (r == 0) {
            /* A socket whose peer reset it already refuses this; the reset is told by the first read. */
            (void)uv_tcp_nodelay(&c->uv.tcp, 1);
        }
    }
    if (r != 0) {
        net_conn_close(c);
        return net_uv_error(r);
    }
    *out = c;
    return 0;
}

void net_conn_set_plain(struct net_conn *c)
{
    c->is_plain = true;
}

void net_conn_set_handler(struct net_conn *c, const struct net_conn_handler *handler, void *arg)
{
    c->handler = handler;
    c->arg = arg;
}

static void conn_closed(uv_handle_t *handle)
{
    struct net_conn *c = handle->data;
    buf_deinit(&c->queue);
    buf_deinit(&c->flight);
    free(c);
}

void net_conn_close(struct net_conn *c)
{
    if (c == NULL || c->closing) {
        return;
    }
    c->closing = true;
    c->handler = NULL;
    if (c->linger != NULL) {
        list_remove(&c->link);
        c->loop->lingering_count--;
        net_timer_free(c->linger);
        c->linger = NULL;
    }
    uv_close(&c->uv.handle, conn_closed);
}

/* The connection is of no more use. Reading stops, so that nothing more is found out about it. */
static void conn_die(struct net_conn *c, int code)
{
    c->error = code;
    conn_set_reading(c, false);
}

/* A write has failed. When the peer is gone, what it said before may still be unread: reading goes on, and finds the end. */
static void conn_write_failed(struct net_conn *c, int code)
{
    if (code == -EPIPE || code == -ECONNRESET) {
        c->unwritable = code;
        buf_reset(&c->queue);
    } else {
        conn_die(c, code);
    }
}

/* As conn_die(), from a place where nobody waits for a return value. */
static void conn_fail(struct net_conn *c, int code)
{
    if (c->closing || c->error != 0) {
        return;
    }
    conn_die(c, code);
    if (c->handler != NULL) {
        c->handler->on_error(c->arg, code);
    } else {
        net_conn_close(c);
    }
}

/* ---- reading ---- */

static void conn_on_end(struct net_conn *c)
{
    c->ended = true;
    c->reading = false;
    if (c->handler != NULL) {
        c->handler->on_end(c->arg);
    } else if (c->shut) {
        net_conn_close(c);
    }
}

static void conn_read_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct net_conn *c = handle->data;
    *out = uv_buf_init((char *)c->loop->read_memory, (unsigned)NET_READ_SIZE);
}

static void conn_has_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *memory)
{
    struct net_conn *c = stream->data;
    (void)memory;
    if (count == UV_EOF) {
        conn_on_end(c);
    } else if (count < 0) {
        conn_fail(c, net_uv_error((int)count));
    } else if (count > 0 && c->handler != NULL) {
        bool is_plain = c->is_plain;
        uint8_t *data = c->loop->read_memory;
        c->handler->on_data(c->arg, span_of(data, (size_t)count));
        if (is_plain) {
            secret_wipe(data, (size_t)count);
        }
    }
}

static void conn_set_reading(struct net_conn *c, bool on)
{
    if (on == c->reading) {
        return;
    }
    c->reading = on;
    if (on) {
        /* Fails only for a handle that is closing or not open, which was excluded. */
        (void)uv_read_start(&c->uv.stream, conn_read_memory, conn_has_read);
    } else {
        (void)uv_read_stop(&c->uv.stream);
    }
}

void net_conn_read(struct net_conn *c, bool on)
{
    if (!c->closing && c->error == 0 && !c->ended) {
        conn_set_reading(c, on);
    }
}

/* ---- writing ---- */

static void conn_send_fin(struct net_conn *c)
{
    if (c->shut || c->error != 0) {
        return;
    }
    c->shut = true;
    /* Fails when the peer is gone, which reading or nobody finds out. */
    (void)shutdown(c->fd, SHUT_WR);
    if (c->handler == NULL && c->ended) {
        net_conn_close(c);
    }
}

static void conn_has_written(uv_write_t *req, int status);

/* Gives everything that waits to libuv, which calls back when the kernel has taken all of it. */
static int conn_launch(struct net_conn *c)
{
    struct buf landed = c->flight;
    c->flight = c->queue;
    c->queue = landed;
    buf_deinit(&c->queue);
    struct span data = buf_span(&c->flight);
    /* libuv does not write to the memory; its type has no const. CONN_QUEUE_MAX fits into unsigned. */
    uv_buf_t piece = uv_buf_init((char *)c->flight.data + c->flight.start, (unsigned)data.len);
    c->write.data = c;
    return net_uv_error(uv_write(&c->write, &c->uv.stream, &piece, 1, conn_has_written));
}

static void conn_has_written(uv_write_t *req, int status)
{
    struct net_conn *c = req->data;
    if (c->closing) {
        return;
    }
    buf_deinit(&c->flight);
    if (status != 0) {
        int code = net_uv_error(status);
        if (c->reading && (code == -EPIPE || code == -ECONNRESET)) {
            conn_write_failed(c, code);
        } else {
            conn_fail(c, code);
        }
        return;
    }
    if (c->error != 0) {
        return;
    }
    if (buf_len(&c->queue) != 0) {
        int r = conn_launch(c);
        if (r != 0) {
            conn_fail(c, r);
        }
        return;
    }
    if (c->shut_wanted) {
        conn_send_fin(c);
    }
    if (c->full) {
        c->full = false;
        if (c->handler != NULL && c->handler->on_drained != NULL) {
            c->handler->on_drained(c->arg);
        }
    }
}

int net_conn_write(struct net_conn *c, struct span data)
{
    if (c->closing) {
        return CB_ESTATE;
    }
    if (c->error != 0 || c->unwritable != 0) {
        return c->error != 0 ? c->error : c->unwritable;
    }
    if (c->shut_wanted) {
        return CB_ESTATE;
    }
    if (data.len > CONN_QUEUE_MAX) {
        conn_die(c, CB_ELIMIT);
        return CB_ELIMIT;
    }
    bool idle = buf_len(&c->flight) == 0;
    if (idle && data.len != 0) {
        /* libuv does not write to the memory; its type has no const. */
        union {
            const uint8_t *in;
            char *out;
        } base = {.in = data.ptr};
        uv_buf_t piece = uv_buf_init(base.out, (unsigned)data.len);
        int n = uv_try_write(&c->uv.stream, &piece, 1);
        if (n < 0 && n != UV_EAGAIN) {
            conn_write_failed(c, net_uv_error(n));
            return net_uv_error(n);
        }
        if (n > 0) {
            data = span_sub(data, (size_t)n, SIZE_MAX);
        }
    }
    if (data.len == 0) {
        return 0;
    }
    int r = buf_append_span(&c->queue, data);
    if (r == 0 && idle) {
        r = conn_launch(c);
    }
    if (r != 0) {
        /* A part may have been sent: the stream has a hole, nothing may follow. */
        conn_die(c, r);
        return r;
    }
    if (net_conn_queued(c) > NET_CONN_HIGH_WATER) {
        c->full = true;
    }
    return 0;
}

size_t net_conn_queued(const struct net_conn *c)
{
    /* Of what is in flight, libuv knows how much the kernel has taken. */
    return buf_len(&c->queue) + (c->closing ? 0 : uv_stream_get_write_queue_size(&c->uv.stream));
}

bool net_conn_is_full(const struct net_conn *c)
{
    return c->full;
}

void net_conn_shutdown(struct net_conn *c)
{
    if (c->closing || c->error != 0 || c->shut_wanted) {
        return;
    }
    c->shut_wanted = true;
    if (buf_len(&c->flight) == 0) {
        conn_send_fin(c);
    }
}

/* ---- closing gently ---- */

static void conn_lingered(void *arg)
{
    net_conn_close(arg);
}

void net_conn_close_gently(struct net_conn *c, uint64_t linger_ms)
{
    if (c == NULL || c->closing) {
        return;
    }
    struct net_loop *loop = c->loop;
    c->handler = NULL;
    if (c->error == 0 && c->unwritable == 0 && linger_ms != 0) {
        c->linger = net_timer_new(loop, conn_lingered, c);
    }
    if (c->linger == NULL) {
        net_conn_close(c);
        return;
    }
    net_timer_start(c->linger, linger_ms, 0);
    if (loop->lingering_count >= loop->lingering_max) {
        net_conn_close(LIST_ENTRY(loop->lingering.next, struct net_conn, link));
    }
    list_push_back(&loop->lingering, &c->link);
    loop->lingering_count++;
    net_conn_read(c, true);
    net_conn_shutdown(c);
    if (!c->closing && c->shut && c->ended) {
        net_conn_close(c);
    }
}

void net_loop_set_lingering(struct net_loop *loop, size_t max)
{
    loop->lingering_max = max;
}

void net_conn_end_lingering(struct net_loop *loop)
{
    while (!list_empty(&loop->lingering)) {
        net_conn_close(LIST_ENTRY(loop->lingering.next, struct net_conn, link));
    }
}

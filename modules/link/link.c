/* link.c - bytes of a socket to what is in them, and back. */
#include "link/internal.h"

#include "base/log.h"

#include <stdlib.h>

struct link {
    struct net_conn *conn; /* NULL: closed */
    struct tls_session *tls;
    const struct net_conn_handler *handler;
    void *arg;
    bool ready; /* the handshake stands */
    bool ended; /* the handler knows that nothing more comes */
    unsigned depth;
};

static void enter(struct link *l)
{
    l->depth++;
}

static void leave(struct link *l)
{
    if (--l->depth == 0 && l->conn == NULL) {
        tls_session_free(l->tls);
        free(l);
    }
}

static void end(struct link *l)
{
    if (l->conn != NULL && !l->ended) {
        l->ended = true;
        l->handler->on_end(l->arg);
    }
}

static void fail(struct link *l, int code)
{
    if (l->conn != NULL) {
        l->handler->on_error(l->arg, code);
    }
}

/* What TLS has to say goes out. */
static int flush(struct link *l)
{
    struct buf *out = tls_session_output(l->tls);
    int r = buf_len(out) != 0 ? net_conn_write(l->conn, buf_span(out)) : 0;
    buf_consume(out, buf_len(out));
    return r;
}

static void take(struct link *l, struct span data)
{
    int r = tls_session_feed(l->tls, data);
    if (r == 0 && !l->ready) {
        r = tls_session_handshake(l->tls);
        l->ready = r == 0;
    }
    while (r == 0 && l->conn != NULL && !l->ended) {
        struct span plain;
        r = tls_session_read(l->tls, &plain);
        if (r == 0) {
            l->handler->on_data(l->arg, plain);
        }
    }
    if (l->conn == NULL || l->ended) {
        return;
    }
    int sent = flush(l); /* the handshake's next step, or an alert */
    if (r == CB_ECLOSED) {
        end(l);
    } else if (r != CB_EAGAIN || sent != 0) {
        log_debug("TLS: %s", tls_session_why(l->tls));
        fail(l, r != CB_EAGAIN ? r : sent);
    }
}

static void on_data(void *arg, struct span data)
{
    struct link *l = arg;
    enter(l);
    if (l->tls != NULL) {
        take(l, data);
    } else {
        l->handler->on_data(l->arg, data);
    }
    leave(l);
}

static void on_end(void *arg)
{
    struct link *l = arg;
    enter(l);
    end(l);
    leave(l);
}

static void on_drained(void *arg)
{
    struct link *l = arg;
    enter(l);
    if (l->handler->on_drained != NULL) {
        l->handler->on_drained(l->arg);
    }
    leave(l);
}

static void on_error(void *arg, int code)
{
    struct link *l = arg;
    enter(l);
    fail(l, code);
    leave(l);
}

static const struct net_conn_handler conn_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

int link_open(struct net_loop *loop, int fd, const struct link_serving *serving,
              const struct net_conn_handler *handler, void *arg, struct link **out)
{
    struct link *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return CB_ENOMEM;
    }
    l->handler = handler;
    l->arg = arg;
    int r = serving != NULL ? tls_session_new_server(serving->server, serving->leaf, &l->tls) : 0;
    if (r == 0) {
        r = net_conn_open(loop, fd, &conn_handler, l, &l->conn);
    }
    if (r == 0 && serving == NULL) {
        net_conn_set_plain(l->conn); /* tokens, passwords */
    }
    if (r != 0) {
        tls_session_free(l->tls);
        free(l);
        return r;
    }
    *out = l;
    return 0;
}

void link_read(struct link *l, bool on)
{
    if (l->conn != NULL && !l->ended) {
        net_conn_read(l->conn, on);
    }
}

int link_write(struct link *l, struct span data)
{
    if (l->conn == NULL) {
        return CB_ECLOSED;
    }
    if (l->tls == NULL) {
        return net_conn_write(l->conn, data);
    }
    int r = l->ready ? tls_session_write(l->tls, data) : CB_ESTATE;
    return r == 0 ? flush(l) : r;
}

bool link_is_full(const struct link *l)
{
    return l->conn != NULL && net_conn_is_full(l->conn);
}

static void gone(struct link *l)
{
    l->conn = NULL;
    enter(l);
    leave(l);
}

void link_close_gently(struct link *l, uint64_t linger_ms)
{
    if (l == NULL || l->conn == NULL) {
        return;
    }
    if (l->tls != NULL && l->ready) {
        tls_session_close(l->tls);
        if (flush(l) != 0) {
            linger_ms = 0; /* nobody is there */
        }
    }
    net_conn_close_gently(l->conn, linger_ms);
    gone(l);
}

void link_close(struct link *l)
{
    if (l != NULL && l->conn != NULL) {
        net_conn_close(l->conn);
        gone(l);
    }
}

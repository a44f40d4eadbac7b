/* demo_wire.c - a blocking connection: socket calls around a TLS session that knows no sockets. */
#include "demo_wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_all(int fd, struct span data)
{
    while (data.len > 0) {
        ssize_t sent = send(fd, data.ptr, data.len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return errno == EPIPE || errno == ECONNRESET ? CB_ECLOSED : -errno;
        }
        data = span_sub(data, sent > 0 ? (size_t)sent : 0, SIZE_MAX);
    }
    return 0;
}

static int flush(struct demo_wire *w)
{
    struct buf *out = tls_session_output(w->tls);
    int r = send_all(w->fd, buf_span(out));
    buf_consume(out, buf_len(out));
    return r;
}

static int receive_some(struct demo_wire *w, struct span *out)
{
    ssize_t got;
    do {
        got = recv(w->fd, w->bytes, sizeof(w->bytes), 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got == 0 || errno == ECONNRESET ? CB_ECLOSED : -errno;
    }
    *out = span_of(w->bytes, (size_t)got);
    return 0;
}

static int feed_some(struct demo_wire *w)
{
    struct span cipher = SPAN_EMPTY;
    int r = receive_some(w, &cipher);
    return r == 0 ? tls_session_feed(w->tls, cipher) : r;
}

int demo_wire_handshake(struct demo_wire *w)
{
    for (;;) {
        int r = tls_session_handshake(w->tls);
        int sent = flush(w); /* also when it failed: the alert says why */
        if (r != CB_EAGAIN) {
            return r != 0 ? r : sent;
        }
        if (sent != 0 || (r = feed_some(w)) != 0) {
            return sent != 0 ? sent : r;
        }
    }
}

int demo_wire_send(struct demo_wire *w, struct span data)
{
    if (w->tls == NULL) {
        return send_all(w->fd, data);
    }
    int r = tls_session_write(w->tls, data);
    return r == 0 ? flush(w) : r;
}

int demo_wire_receive(struct demo_wire *w, struct span *out)
{
    if (w->tls == NULL) {
        return receive_some(w, out);
    }
    for (;;) {
        int r = tls_session_read(w->tls, out);
        if (r == 0 && out->len == 0) {
            continue;
        }
        if (r != CB_EAGAIN) {
            return r;
        }
        if ((r = flush(w)) != 0 || (r = feed_some(w)) != 0) {
            return r;
        }
    }
}

void demo_wire_close(struct demo_wire *w)
{
    if (w->tls != NULL) {
        tls_session_close(w->tls);
        (void)flush(w); /* goodbye is a courtesy */
        tls_session_free(w->tls);
        w->tls = NULL;
    }
    if (w->fd >= 0) {
        (void)close(w->fd);
        w->fd = -1;
    }
}

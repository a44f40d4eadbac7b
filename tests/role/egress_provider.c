/* egress_provider.c - the providers that test_egress plays: in the clear, and with TLS. */
#include "egress_stage.h"

#include "net/listener.h"

static void provider_send(struct egress_provider *p, struct span bytes)
{
    if (p->tls == NULL) {
        CHECK_EQ_INT(net_conn_write(p->conn, bytes), 0);
        return;
    }
    CHECK_EQ_INT(tls_session_write(p->tls, bytes), 0);
    struct buf *out = tls_session_output(p->tls);
    CHECK_EQ_INT(net_conn_write(p->conn, buf_span(out)), 0);
    buf_consume(out, buf_len(out));
}

void egress_provider_send(struct egress_provider *p, struct span bytes)
{
    provider_send(p, bytes);
}

void egress_provider_write(struct egress_provider *p, const char *text)
{
    provider_send(p, span_str(text));
}

void egress_provider_close(struct egress_provider *p)
{
    if (p->tls != NULL && p->conn != NULL) {
        tls_session_close(p->tls);
        struct buf *out = tls_session_output(p->tls);
        int r = net_conn_write(p->conn, buf_span(out));
        buf_consume(out, buf_len(out));
        CHECK(r <= 0);
    }
    net_conn_close_gently(p->conn, 0);
    p->conn = NULL;
}

bool egress_provider_got(const struct egress_provider *p, const char *text)
{
    struct span in = buf_span(&p->in);
    return in.len != 0 && memmem(in.ptr, in.len, text, strlen(text)) != NULL;
}

/* How many whole requests there are: by Content-Length, or to the last chunk. */
static size_t whole_requests(struct span in)
{
    size_t count = 0;
    while (in.len != 0) {
        const uint8_t *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
        if (end == NULL) {
            break;
        }
        size_t head = (size_t)(end - in.ptr) + 4;
        size_t body = 0;
        const uint8_t *length = memmem(in.ptr, head, "Content-Length: ", 16);
        if (length != NULL) {
            body = strtoul((const char *)length + 16, NULL, 10);
        } else if (memmem(in.ptr, head, "chunked", 7) != NULL) {
            const uint8_t *last = memmem(end + 2, in.len - head + 2, "\r\n0\r\n\r\n", 7);
            if (last == NULL) {
                break;
            }
            body = (size_t)(last + 7 - in.ptr) - head;
        }
        if (in.len < head + body) {
            break;
        }
        in = span_sub(in, head + body, SIZE_MAX);
        count++;
    }
    return count;
}

static void provider_requests(struct egress_provider *p)
{
    struct egress_stage *t = p->t;
    size_t whole = whole_requests(buf_span(&p->in));
    while (p->requests < whole) {
        p->requests++;
        egress_note(t, 'R');
        if (t->mode == PROVIDER_ANSWERS || t->mode == PROVIDER_ANSWERS_CLOSING) {
            provider_send(p, span_str(t->answer));
        }
        if (t->mode == PROVIDER_ANSWERS_CLOSING || t->mode == PROVIDER_CLOSES_AT_REQUEST) {
            egress_provider_close(p);
            return;
        }
    }
}

static void provider_flush(struct egress_provider *p)
{
    struct buf *out = tls_session_output(p->tls);
    if (buf_len(out) != 0) {
        int r = net_conn_write(p->conn, buf_span(out));
        CHECK(r <= 0);
        buf_consume(out, buf_len(out));
    }
}

static void on_provider_data(void *arg, struct span data)
{
    struct egress_provider *p = arg;
    struct span plain;
    net_loop_stop(p->t->s.loop);
    if (p->tls == NULL) {
        CHECK_EQ_INT(buf_append_span(&p->in, data), 0);
        provider_requests(p);
        return;
    }
    int r = tls_session_feed(p->tls, data);
    if (r == 0) {
        r = tls_session_handshake(p->tls);
        provider_flush(p);
    }
    while (r == 0 && (r = tls_session_read(p->tls, &plain)) == 0) {
        CHECK_EQ_INT(buf_append_span(&p->in, plain), 0);
    }
    if (p->conn != NULL) {
        provider_requests(p);
    }
}

static void on_provider_end(void *arg)
{
    struct egress_provider *p = arg;
    p->closed = true;
    net_loop_stop(p->t->s.loop);
}

static void on_provider_error(void *arg, int code)
{
    (void)code;
    on_provider_end(arg);
}

static void on_provider_drained(void *arg)
{
    struct egress_provider *p = arg;
    net_loop_stop(p->t->s.loop);
}

static const struct net_conn_handler provider_handler = {.on_data = on_provider_data,
                                                         .on_end = on_provider_end,
                                                         .on_drained = on_provider_drained,
                                                         .on_error = on_provider_error};

static void accept_provider(struct egress_stage *t, int fd, bool tls)
{
    if (!CHECK(t->provider_count < EGRESS_PROVIDERS_MAX)) {
        (void)close(fd);
        return;
    }
    struct egress_provider *p = make_or_die(calloc(1, sizeof(*p)));
    p->t = t;
    buf_init(&p->in, (size_t)64 * 1024 * 1024);
    t->providers[t->provider_count++] = p;
    if (t->mode == PROVIDER_CLOSES_AT_ONCE) {
        (void)close(fd);
    } else {
        CHECK_EQ_INT(net_conn_open(t->s.loop, fd, &provider_handler, p, &p->conn), 0);
        if (tls && t->mode != PROVIDER_NO_HANDSHAKE) {
            CHECK_EQ_INT(tls_session_new_server(t->server, t->leaf, &p->tls), 0);
        }
        net_conn_read(p->conn, true);
    }
    egress_note(t, 'C');
}

static void on_accept(void *arg, int fd)
{
    accept_provider(arg, fd, false);
}

static void on_accept_tls(void *arg, int fd)
{
    accept_provider(arg, fd, true);
}

void egress_provider_leaf(struct egress_stage *t, const char *host, bool trusted)
{
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;
    uint64_t not_after_ms;
    struct buf ca;
    struct buf leaf;
    struct buf public_key;
    buf_init(&ca, TLS_CERT_DER_MAX);
    buf_init(&leaf, TLS_CERT_DER_MAX);
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    struct tls_key *ca_key = tls_key_new();
    tls_leaf_unref(t->leaf);
    CHECK_EQ_INT(tls_ca_create(ca_key, "provider", now_ms, &ca), 0);
    CHECK_EQ_INT(tls_key_public(t->key, &public_key), 0);
    CHECK_EQ_INT(tls_ca_issue(ca_key, buf_span(&ca), span_str(host), buf_span(&public_key), now_ms, 3600,
                              &leaf, &not_after_ms),
                 0);
    CHECK_EQ_INT(tls_leaf_new(buf_span(&leaf), buf_span(&ca), t->key, &t->leaf), 0);
    if (trusted) {
        buf_reset(&t->ca_pem);
        CHECK_EQ_INT(tls_cert_to_pem(buf_span(&ca), &t->ca_pem), 0);
    }
    tls_key_free(ca_key);
    buf_deinit(&ca);
    buf_deinit(&leaf);
    buf_deinit(&public_key);
}

static void listen_on(struct egress_stage *t, net_accept_fn *on_accept_fn, uint16_t *port,
                      struct net_listener **out)
{
    int fd = net_listen_tcp("127.0.0.1", 0, port);
    CHECK(fd >= 0);
    CHECK_EQ_INT(net_listener_open(t->s.loop, fd, on_accept_fn, t, out), 0);
}

void egress_providers_open(struct egress_stage *t)
{
    listen_on(t, on_accept, &t->port, &t->listener);
    listen_on(t, on_accept_tls, &t->tls_port, &t->tls_listener);
}

void egress_providers_close(struct egress_stage *t)
{
    net_listener_close(t->listener);
    net_listener_close(t->tls_listener);
    for (size_t i = 0; i < t->provider_count; i++) {
        net_conn_close(t->providers[i]->conn);
    }
}

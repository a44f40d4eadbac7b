/* gate_client.c - agents of a gate, good and bad ones (gate_stage.h). */
#include "base/encode.h"
#include "http/fields.h"
#include "role/gate_stage.h"
#include "role/gate_world.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GOT_MAX ((size_t)96 * 1024 * 1024)

/* ---- bytes ---- */

static void client_tls_bytes(struct client *c, struct span bytes)
{
    int r = tls_session_feed(c->tls, bytes);
    if (r == 0 && !c->tls_ready) {
        r = tls_session_handshake(c->tls);
        c->tls_ready = r == 0;
    }
    while (r == 0) {
        struct span plain;
        r = tls_session_read(c->tls, &plain);
        if (r == 0) {
            CHECK_EQ_INT(buf_append_span(&c->got, plain), 0);
        }
    }
    if (r == CB_ECLOSED) {
        c->tls_closed = true;
    } else if (r != CB_EAGAIN) {
        c->tls_error = r;
    }
    client_flush(c);
}

static size_t head_end(struct span text)
{
    const uint8_t *end = text.len != 0 ? memmem(text.ptr, text.len, "\r\n\r\n", 4) : NULL;
    return end != NULL ? (size_t)(end - text.ptr) + 4 : 0;
}

/* When the answer to CONNECT has come: the tunnel is up, and what follows is TLS if that was begun. */
static void client_look_for_tunnel(struct client *c)
{
    size_t end = head_end(buf_span(&c->got));
    if (end == 0) {
        return;
    }
    CHECK(span_starts(buf_span(&c->got), SPAN_LIT("HTTP/1.1 200 ")));
    c->tunnel_up = true;
    struct buf rest = c->got;
    buf_init(&c->got, GOT_MAX);
    buf_consume(&rest, end);
    if (buf_len(&rest) != 0) {
        client_tls_bytes(c, buf_span(&rest));
    }
    buf_deinit(&rest);
}

static void on_data(void *arg, struct span data)
{
    struct client *c = arg;
    if (c->tls != NULL && c->tunnel_up) {
        client_tls_bytes(c, data);
    } else {
        CHECK_EQ_INT(buf_append_span(&c->got, data), 0);
        if (c->tls != NULL) {
            client_look_for_tunnel(c);
        }
    }
    net_loop_stop(c->stage->loop);
}

static void on_end(void *arg)
{
    struct client *c = arg;
    c->ended = true;
    net_loop_stop(c->stage->loop);
}

static void on_drained(void *arg)
{
    struct client *c = arg;
    net_loop_stop(c->stage->loop);
}

static void on_error(void *arg, int code)
{
    struct client *c = arg;
    c->error = code;
    net_loop_stop(c->stage->loop);
}

static const struct net_conn_handler client_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

static struct client *client_new(struct stage *s, int fd, bool tcp)
{
    struct client *c = calloc(1, sizeof(*c));
    if (!CHECK(c != NULL)) {
        abort();
    }
    c->stage = s;
    c->fd = fd;
    c->tcp = tcp;
    c->parser = http_parser_new_response();
    buf_init(&c->got, GOT_MAX);
    if (!CHECK_EQ_INT(net_conn_open(s->loop, fd, &client_handler, c, &c->conn), 0)) {
        abort();
    }
    net_conn_read(c->conn, true);
    return c;
}

struct client *client_tcp(struct stage *s)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return client_new(s, fd, true);
}

struct client *client_unix(struct stage *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return client_new(s, fd, false);
}

void client_free(struct client *c)
{
    net_conn_close(c->conn);
    tls_session_free(c->tls);
    http_parser_free(c->parser);
    buf_deinit(&c->got);
    free(c);
}

bool client_is_over(const struct client *c)
{
    return c->ended || c->error != 0;
}

static void client_write(struct client *c, struct span data)
{
    int r = c->error == 0 ? net_conn_write(c->conn, data) : 0;
    if (r != 0) {
        c->error = r; /* the gate may have gone before: for the test to judge */
    }
}

void client_flush(struct client *c)
{
    struct buf *out = tls_session_output(c->tls);
    if (buf_len(out) != 0) {
        client_write(c, buf_span(out));
        buf_consume(out, buf_len(out));
    }
}

void client_send(struct client *c, struct span data)
{
    if (c->tls_ready) {
        CHECK_EQ_INT(tls_session_write(c->tls, data), 0);
        client_flush(c);
    } else {
        client_write(c, data);
    }
}

void client_text(struct client *c, const char *text)
{
    client_send(c, span_str(text));
}

void client_text_bytewise(struct client *c, struct span data)
{
    for (size_t i = 0; i < data.len; i++) {
        client_write(c, span_sub(data, i, 1));
        UNTIL(c->stage, net_conn_queued(c->conn) == 0);
        /* The byte is in the kernel; when the gate has read it, it is no more. */
        int waiting = 1;
        while (waiting != 0 && ioctl(c->fd, SIOCOUTQ, &waiting) == 0) {
            (void)sched_yield();
        }
    }
}

/* ---- tunnels ---- */

void client_ask_tunnel(struct client *c, const char *authority)
{
    char text[1024];
    char pair[ENCODE_BASE64_SIZE(64)];
    (void)encode_base64("alice:" STAGE_TOKEN, strlen("alice:" STAGE_TOKEN), pair);
    (void)snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", authority, authority,
                   c->tcp ? "Proxy-Authorization: Basic " : "", c->tcp ? pair : "", c->tcp ? "\r\n" : "");
    client_text(c, text);
}

void client_tunnel(struct client *c, const char *authority)
{
    client_ask_tunnel(c, authority);
    UNTIL(c->stage, head_end(buf_span(&c->got)) != 0 || client_is_over(c));
    size_t end = head_end(buf_span(&c->got));
    CHECK(span_starts(buf_span(&c->got), SPAN_LIT("HTTP/1.1 200 ")));
    CHECK_EQ_UINT(buf_len(&c->got), end);
    buf_consume(&c->got, end);
    c->tunnel_up = true;
}

void client_begin_tls(struct client *c, const char *host)
{
    CHECK_EQ_INT(tls_session_new_client(gate_world.client, gate_world.roots, host, &c->tls), 0);
    CHECK_EQ_INT(tls_session_handshake(c->tls), CB_EAGAIN);
}

bool client_tls(struct client *c, const char *host)
{
    client_begin_tls(c, host);
    client_flush(c);
    UNTIL(c->stage, c->tls_ready || c->tls_error != 0 || client_is_over(c));
    return c->tls_ready;
}

struct client *client_https(struct stage *s)
{
    struct client *c = client_tcp(s);
    client_tunnel(c, API);
    CHECK(client_tls(c, "api.example.com"));
    return c;
}

struct client *client_clear(struct stage *s)
{
    struct client *c = client_unix(s);
    client_tunnel(c, PLAIN);
    return c;
}

/* ---- answers ---- */

void answer_init(struct answer *a)
{
    *a = (struct answer){.status = 0};
    buf_init(&a->fields, IPC_FIELDS_MAX);
    buf_init(&a->body, GOT_MAX);
}

void answer_deinit(struct answer *a)
{
    buf_deinit(&a->fields);
    buf_deinit(&a->body);
}

/* Takes one event; true when the answer is over, one way or the other. */
static bool answer_event(struct answer *a, const struct http_event *event)
{
    switch (event->type) {
    case HTTP_EVENT_INTERIM:
        if (CHECK(a->interim_count < sizeof(a->interims) / sizeof(a->interims[0]))) {
            a->interims[a->interim_count++] = event->head->status;
        }
        return false;
    case HTTP_EVENT_HEAD:
        a->status = event->head->status;
        a->framing = event->head->framing;
        a->keep_alive = event->head->keep_alive;
        buf_reset(&a->fields);
        CHECK_EQ_INT(http_fields_encode(event->head->fields, event->head->field_count, &a->fields), 0);
        return false;
    case HTTP_EVENT_BODY:
        CHECK_EQ_INT(buf_append_span(&a->body, event->body), 0);
        return false;
    case HTTP_EVENT_END:
    default:
        a->complete = true;
        return true;
    }
}

/* Parses what has come; true when the answer is over. */
static bool answer_parse(struct client *c, struct answer *a)
{
    struct http_event event;
    struct span in = buf_span(&c->got);
    size_t before = in.len;
    int r;
    bool over = false;
    while (!over && (r = http_parser_next(c->parser, &in, &event)) == 0) {
        over = answer_event(a, &event);
    }
    buf_consume(&c->got, before - in.len);
    if (over) {
        /* The idle parser lets go of the head; an answer that follows stays where it is. */
        struct span none = SPAN_EMPTY;
        r = http_parser_next(c->parser, &none, &event);
        CHECK(r == CB_EAGAIN);
        return true;
    }
    if (r != CB_EAGAIN) {
        printf("malformed answer: %s\n", http_parser_why(c->parser));
        return true;
    }
    if (client_is_over(c)) {
        if (c->error == 0 && (c->tls == NULL || c->tls_closed) && http_parser_eof(c->parser, &event) == 0) {
            a->complete = true;
        }
        return true;
    }
    return false;
}

void client_answer_to(struct client *c, bool head, struct answer *a)
{
    http_parser_set_head_request(c->parser, head);
    bool over = answer_parse(c, a);
    while (!over && !c->stage->overdue) {
        net_loop_run(c->stage->loop);
        over = answer_parse(c, a);
    }
    CHECK(over && "an answer before the patience ends");
}

void client_answer(struct client *c, struct answer *a)
{
    client_answer_to(c, false, a);
}

void expect_answer(struct client *c, unsigned status, const char *body)
{
    struct answer a;
    answer_init(&a);
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, status);
    CHECK(a.complete);
    if (body != NULL) {
        CHECK_EQ_BYTES(buf_span(&a.body).ptr, buf_len(&a.body), body, strlen(body));
    }
    answer_deinit(&a);
}

void expect_end(struct client *c)
{
    UNTIL(c->stage, client_is_over(c));
    CHECK_EQ_UINT(buf_len(&c->got), 0);
}

void expect_last_answer(struct client *c, unsigned status)
{
    struct answer a;
    answer_init(&a);
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, status);
    CHECK(a.complete && !a.keep_alive);
    CHECK_EQ_STR(answer_field(&a, "Content-Type"), "application/problem+json");
    expect_end(c);
    CHECK_EQ_INT(c->error, 0); /* gently: what the agent had still under way did not destroy the answer */
    answer_deinit(&a);
}

const char *answer_field(struct answer *a, const char *name)
{
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t count = 0;
    CHECK_EQ_INT(http_fields_decode(buf_span(&a->fields), fields, HTTP_FIELDS_MAX, &count), 0);
    const struct http_field *f = http_field_find(fields, count, name);
    (void)snprintf(a->text, sizeof(a->text), "%.*s", f != NULL ? (int)f->value.len : 0,
                   f != NULL ? (const char *)f->value.ptr : "");
    return a->text;
}

void round_trip(struct client *c, struct stage_stream *st)
{
    unsigned before = st->ended;
    client_text(c, "GET /round HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    UNTIL(c->stage, st->ended > before || st->closed);
    stream_reply(st, 200, "trip");
    expect_answer(c, 200, "trip");
}

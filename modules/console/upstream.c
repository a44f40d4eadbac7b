/*
 * upstream.c - a browser's connection to the api: a socketpair, of which the api gets one end when the browser first needs it.
 *
 * Here this role is a client that speaks HTTP, one request at a time. What the api answers is parsed as strictly as what a browser
 * asks, and written anew.
 */
#include "console/state.h"

#include "base/log.h"
#include "ipc/pair.h"

#include <stdlib.h>
#include <unistd.h>

#define UPSTREAM_HEAD_MAX ((size_t)24 * 1024)

struct upstream {
    struct browser *browser;
    struct net_conn *conn;
    struct http_parser *parser;
    const struct upstream_handler *handler; /* NULL: nothing is asked */
    bool last;                              /* the api closes it after this answer, as its head has said */
    bool ended;                             /* and the answer has come to its end */
    bool late;                              /* it has not come in its time */
    struct net_timer *timer;                /* while the api is waited for */
    struct net_task lost;
};

void upstream_free(struct upstream *u)
{
    if (u != NULL) {
        net_task_cancel(&u->lost);
        net_timer_free(u->timer);
        net_conn_close(u->conn);
        http_parser_free(u->parser);
        free(u);
    }
}

/* The connection is of no use any more. Not from inside the parser's loop. */
static void on_lost(void *arg)
{
    struct upstream *u = arg;
    struct browser *b = u->browser;
    const struct upstream_handler *handler = u->handler;
    bool ended = u->ended;
    struct ask_refusal why = {.status = u->late ? 504 : 503,
                              .detail = u->late ? "The server has not answered in time. Try again."
                                                : "The server has not answered. Try again."};
    b->upstream = NULL;
    upstream_free(u);
    if (handler != NULL && ended) {
        handler->on_end(b);
    } else if (handler != NULL) {
        handler->on_lost(b, why);
    }
}

static void lose(struct upstream *u)
{
    net_conn_read(u->conn, false);
    net_task_post(u->browser->console->loop, &u->lost);
}

/* The api has so long to go on. An answer that has no end goes on when there is something to say. */
static void expect(struct upstream *u)
{
    if (u->handler != NULL && !u->browser->endless) {
        net_timer_start(u->timer, u->browser->console->answer_ms, 0);
    } else {
        net_timer_stop(u->timer);
    }
}

static void on_late(void *arg)
{
    struct upstream *u = arg;
    log_warn("the api has not answered in its time");
    u->late = true;
    lose(u);
}

static void on_event(struct upstream *u, const struct http_event *event)
{
    struct browser *b = u->browser;
    const struct upstream_handler *handler = u->handler;
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        u->last = !event->head->keep_alive;
        handler->on_head(b, event->head);
        break;
    case HTTP_EVENT_BODY:
        handler->on_body(b, event->body);
        break;
    case HTTP_EVENT_END:
        if (u->last) {
            /* The answer has ended when the connection is given up: what is asked next would be written to one that closes. */
            u->ended = true;
            lose(u);
        } else {
            u->handler = NULL;
            handler->on_end(b);
        }
        break;
    case HTTP_EVENT_INTERIM:
        break;
    }
}

static void on_data(void *arg, struct span data)
{
    struct upstream *u = arg;
    while (!u->browser->dropped && !u->ended) {
        struct http_event event;
        int r = u->handler != NULL ? http_parser_next(u->parser, &data, &event)
                : data.len != 0    ? CB_EMALFORMED /* nobody asked */
                                   : CB_EAGAIN;
        if (r == CB_EAGAIN) {
            expect(u);
            return;
        }
        if (r != 0) {
            log_error_r(r, "the api broke the protocol");
            lose(u);
            return;
        }
        on_event(u, &event);
    }
}

static void on_end(void *arg)
{
    struct upstream *u = arg;
    lose(u);
}

static void on_error(void *arg, int code)
{
    log_debug_r(code, "a connection to the api is lost");
    lose(arg);
}

static const struct net_conn_handler upstream_handler = {
    .on_data = on_data, .on_end = on_end, .on_error = on_error};

static int upstream_open(struct browser *b)
{
    struct console *console = b->console;
    int fds[2];
    if (console->api == NULL) {
        return CB_ECLOSED;
    }
    struct upstream *u = calloc(1, sizeof(*u));
    int r = u != NULL ? ipc_pair(fds) : CB_ENOMEM;
    if (r != 0) {
        free(u);
        return r;
    }
    u->browser = b;
    net_task_init(&u->lost, on_lost, u);
    u->parser = http_parser_new_response();
    u->timer = net_timer_new(console->loop, on_late, u);
    r = u->parser != NULL && u->timer != NULL
            ? net_conn_open(console->loop, fds[0], &upstream_handler, u, &u->conn)
            : CB_ENOMEM;
    if (r != 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        net_timer_free(u->timer);
        http_parser_free(u->parser);
        free(u);
        return r;
    }
    r = ipc_send_console_stream(console->api, 0,
                                &(struct ipc_console_stream){.serial = console->next_serial++}, fds[1]);
    if (r != 0) {
        upstream_free(u);
        return r;
    }
    b->upstream = u;
    net_conn_read(u->conn, true);
    return 0;
}

/* The head of a request: of what a browser sent only what is named in `ask`. */
static int write_head(const struct upstream_ask *ask, struct buf *out)
{
    int r = http_write_request_line(out, ask->method, ask->target);
    if (r == 0) {
        r = http_write_field(out, SPAN_LIT("Host"), SPAN_LIT("api"));
    }
    for (size_t i = 0; r == 0 && i < ask->field_count; i++) {
        r = ask->fields[i].value.len != 0 ? http_write_field(out, ask->fields[i].name, ask->fields[i].value)
                                          : 0;
    }
    if (r == 0 && ask->session.len != 0 && (r = buf_append_str(out, "Authorization: Bearer ")) == 0 &&
        (r = buf_append_span(out, ask->session)) == 0) {
        r = buf_append_str(out, "\r\n");
    }
    if (r == 0) {
        r = http_write_framing(out, ask->body.len != 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE,
                               ask->body.len);
    }
    return r == 0 ? http_write_head_end(out) : r;
}

int upstream_send(struct browser *b, const struct upstream_ask *ask, const struct upstream_handler *handler)
{
    struct buf head;
    int r = b->upstream != NULL ? 0 : upstream_open(b);
    if (r != 0) {
        return r;
    }
    struct upstream *u = b->upstream;
    buf_init(&head, UPSTREAM_HEAD_MAX);
    buf_set_sensitive(&head);
    r = write_head(ask, &head);
    if (r == 0) {
        r = net_conn_write(u->conn, buf_span(&head));
    }
    if (r == 0) {
        r = net_conn_write(u->conn, ask->body);
    }
    buf_deinit(&head);
    if (r == 0) {
        http_parser_set_head_request(u->parser, span_eq_str(ask->method, "HEAD"));
        u->handler = handler;
        expect(u);
    } else {
        lose(u); /* it may be that one of its own callbacks is above us */
    }
    return r;
}

void upstream_read(struct browser *b, bool on)
{
    struct upstream *u = b->upstream;
    if (u != NULL) {
        net_conn_read(u->conn, on);
        if (on) {
            expect(u);
        } else {
            net_timer_stop(u->timer); /* it is the browser that is waited for */
        }
    }
}

void upstreams_drop(struct console *console)
{
    LIST_FOR_EACH (node, safe, &console->browsers) {
        struct browser *b = LIST_ENTRY(node, struct browser, link);
        if (b->upstream != NULL) {
            lose(b->upstream);
        }
    }
}

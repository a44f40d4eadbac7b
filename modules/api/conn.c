/*
 * conn.c - one connection: bytes to requests, answers to bytes, at once or in pieces.
 *
 * One request at a time: while it is under way, what the client sends is held, and above a mark no longer read. A client that
 * closes its side before the answer is taken for gone: its call is cancelled. (What store or vault were asked to do
 * happens all the same.)
 */
#include "api/state.h"

#include "base/log.h"
#include "base/secret.h"
#include "http/write.h"

#include <stdio.h>
#include <stdlib.h>

#define CONN_HELD_MAX  ((size_t)256 * 1024)
#define CONN_HELD_STOP ((size_t)64 * 1024)
#define CONN_HEAD_MAX  1024
#define CONN_LINGER_MS 2000

static void conn_free(struct api_conn *c)
{
    struct api *api = c->api;
    net_task_cancel(&c->turn);
    net_timer_free(c->timer);
    http_parser_free(c->parser);
    buf_deinit(&c->held);
    buf_deinit(&c->body);
    buf_deinit(&c->request.out);
    buf_deinit(&c->request.list);
    secret_wipe(&c->request.sign_in, sizeof(c->request.sign_in));
    list_remove(&c->link);
    enum api_conn_kind kind = c->kind;
    free(c);
    api_conn_gone(api, kind);
}

void api_conn_close(struct api_conn *c)
{
    if (c->request.chan != NULL) {
        ipc_call_cancel(c->request.chan, c->request.call);
    }
    link_close(c->net);
    conn_free(c);
}

/* Lets what was written reach the client, also when it still sends. */
static void conn_finish(struct api_conn *c)
{
    link_close_gently(c->net, CONN_LINGER_MS);
    conn_free(c);
}

/* ---- the answer ---- */

void api_conn_answered(struct api_conn *c)
{
    net_task_post(c->api->loop, &c->turn);
}

static int conn_write_head(const struct api_conn *c, struct buf *out)
{
    const struct api_request *q = &c->request;
    bool has_body = q->content_type != NULL;
    char retry[16] = "";
    if (q->retry_s != 0) {
        (void)snprintf(retry, sizeof(retry), "%u", (unsigned)q->retry_s);
    }
    int r = http_write_status_line(out, q->status);
    if (r == 0 && has_body) {
        r = http_write_field(out, SPAN_LIT("Content-Type"), span_str(q->content_type));
    }
    if (r == 0) {
        enum http_framing framing = !has_body             ? HTTP_FRAMING_NONE
                                    : !c->streaming       ? HTTP_FRAMING_LENGTH
                                    : q->head->minor != 0 ? HTTP_FRAMING_CHUNKED
                                                          : HTTP_FRAMING_CLOSE;
        r = http_write_framing(out, framing, buf_len(&q->out));
    }
    const struct http_field more[] = {
        {SPAN_LIT("Allow"), span_str(q->allow)},
        {SPAN_LIT("ETag"), span_str(q->tag)},
        {SPAN_LIT("Location"), span_str(q->location)},
        {SPAN_LIT("Retry-After"), span_str(retry)},
        {SPAN_LIT("WWW-Authenticate"), q->challenge != NULL ? span_str(q->challenge) : SPAN_EMPTY},
        {SPAN_LIT("Cache-Control"), c->kind >= API_CONN_REMOTE ? SPAN_LIT("no-store") : SPAN_EMPTY}};
    for (size_t i = 0; r == 0 && i < sizeof(more) / sizeof(more[0]); i++) {
        r = more[i].value.len != 0 ? http_write_field(out, more[i].name, more[i].value) : 0;
    }
    if (r == 0 && c->closing) {
        r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("close"));
    }
    return r == 0 ? http_write_head_end(out) : r;
}

static int conn_write_answer(struct api_conn *c)
{
    const struct api_request *q = &c->request;
    struct buf head;
    buf_init(&head, CONN_HEAD_MAX);
    int r = conn_write_head(c, &head);
    if (r == 0) {
        r = link_write(c->net, buf_span(&head));
    }
    if (r == 0 && (q->head == NULL || !span_eq_str(q->head->method, "HEAD"))) {
        r = link_write(c->net, buf_span(&q->out));
    }
    buf_deinit(&head);
    return r;
}

/* ---- answers in pieces ---- */

static void conn_broken(struct api_conn *c, int r)
{
    log_debug_r(r, "a stream cannot be written");
    c->broken = true;
    net_task_post(c->api->loop, &c->turn); /* not from under whoever wrote */
}

void api_stream_begin(struct api_request *q, const char *content_type)
{
    struct api_conn *c = q->conn;
    struct buf head;
    q->status = 200;
    q->content_type = content_type;
    c->streaming = true;
    c->stuck = 0;
    net_timer_start(c->timer, c->api->tick_ms, c->api->tick_ms);
    buf_init(&head, CONN_HEAD_MAX);
    int r = conn_write_head(c, &head);
    r = r == 0 ? link_write(c->net, buf_span(&head)) : r;
    buf_deinit(&head);
    if (r != 0) {
        conn_broken(c, r);
    }
}

/* Without chunks, which HTTP/1.0 has not, the end of the connection is the end. */
static bool conn_has_chunks(const struct api_conn *c)
{
    return c->request.head->minor != 0;
}

void api_stream_write(struct api_request *q, struct span data)
{
    struct api_conn *c = q->conn;
    struct buf chunk;
    int r = 0;
    if (c->broken || data.len == 0) {
        return;
    }
    buf_init(&chunk, API_ANSWER_MAX + CONN_HEAD_MAX);
    r = conn_has_chunks(c) ? http_write_chunk(&chunk, data) : buf_append_span(&chunk, data);
    r = r == 0 ? link_write(c->net, buf_span(&chunk)) : r;
    buf_deinit(&chunk);
    if (r != 0) {
        conn_broken(c, r);
    }
}

void api_stream_end(struct api_request *q)
{
    if (q->chan != NULL) {
        ipc_call_cancel(q->chan, q->call);
        q->chan = NULL;
    }
    if (!q->answered) {
        q->answered = true;
        api_conn_answered(q->conn);
    }
}

bool api_stream_has_room(const struct api_request *q)
{
    return !q->conn->broken && !link_is_full(q->conn->net);
}

/* Whatever it ended for: that its head said 200 cannot be taken back. */
static int conn_write_end(struct api_conn *c)
{
    struct buf last;
    c->streaming = false;
    net_timer_stop(c->timer);
    buf_init(&last, CONN_HEAD_MAX);
    int r = conn_has_chunks(c) ? http_write_last_chunk(&last) : 0;
    r = r == 0 ? link_write(c->net, buf_span(&last)) : r;
    buf_deinit(&last);
    return r;
}

static void conn_tick(struct api_conn *c)
{
    c->stuck = link_is_full(c->net) ? c->stuck + 1 : 0;
    if (c->stuck >= API_STREAM_STUCK) {
        api_conn_close(c);
    } else if (c->stuck == 0 && !c->request.answered) {
        api_follow_tick(&c->request);
    }
}

static void conn_request_init(struct api_conn *c)
{
    buf_deinit(&c->request.out);
    buf_deinit(&c->request.list);
    buf_deinit(&c->body);
    secret_wipe(&c->request.sign_in, sizeof(c->request.sign_in));
    c->request = (struct api_request){.api = c->api, .conn = c};
    /* The kernel has said who is at the control socket. */
    c->request.who = c->kind == API_CONN_CONTROL
                         ? (struct api_who){.scope = IPC_SCOPE_ADMIN, .by = IPC_BY_SOCKET}
                         : (struct api_who){.scope = IPC_SCOPE__COUNT};
    c->unread = c->admit = c->delayed = false;
    buf_init(&c->request.out, API_ANSWER_MAX);
    buf_set_sensitive(&c->request.out); /* proxy tokens */
    buf_init(&c->request.list, IPC_APPLY_MAX - 64);
}

/* ---- requests ---- */

/* What comes next has its time. The console's connections are there as long as the browsers' are: it sees to those. */
static void conn_expect_more(struct api_conn *c)
{
    if (c->kind != API_CONN_CONSOLE) {
        net_timer_start(c->timer, c->api->idle_ms, 0);
    }
}

/* A request that cannot be read to its end: the answer is the last on this connection. */
static void conn_refuse(struct api_conn *c, unsigned status, const char *detail)
{
    c->busy = true;
    c->closing = true;
    api_refuse(&c->request, status, "%s", detail);
}

static void conn_refuse_malformed(struct api_conn *c)
{
    static const unsigned statuses[] = {
        [HTTP_ERROR_NONE] = 500,           [HTTP_ERROR_SYNTAX] = 400,      [HTTP_ERROR_TARGET_TOO_LONG] = 414,
        [HTTP_ERROR_HEAD_TOO_LARGE] = 431, [HTTP_ERROR_EXPECTATION] = 417, [HTTP_ERROR_VERSION] = 505};
    conn_refuse(c, statuses[http_parser_error(c->parser)], http_parser_why(c->parser));
}

static const char body_too_large[] = "A body has at most 1 MiB.";

/* The request may go on with its body. */
static int conn_body(struct api_conn *c, const struct http_head *head)
{
    if (head->framing == HTTP_FRAMING_LENGTH && head->content_length > API_BODY_MAX) {
        conn_refuse(c, 413, body_too_large);
        return 0;
    }
    return head->expect_continue ? link_write(c->net, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n")) : 0;
}

static int conn_head(struct api_conn *c, const struct http_head *head)
{
    c->request.head = head;
    c->unread = true;
    c->closing = !head->keep_alive || head->minor == 0 || c->api->stopping;
    if (c->kind == API_CONN_HEALTH) {
        c->closing = true;
        if (head->framing == HTTP_FRAMING_CHUNKED || head->content_length != 0) {
            conn_refuse(c, 400, "A request has no body here.");
        }
        return 0;
    }
    if (c->kind == API_CONN_REMOTE) {
        c->busy = true;
        api_remote_check(&c->request);
        return 0;
    }
    if (c->kind == API_CONN_CONSOLE) {
        c->busy = true;
        api_session_check(&c->request);
        return 0;
    }
    return conn_body(c, head);
}

static int conn_event(struct api_conn *c, const struct http_event *event)
{
    int r = 0;
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        return conn_head(c, event->head);
    case HTTP_EVENT_BODY:
        r = buf_append_span(&c->body, event->body);
        if (r == CB_ELIMIT) {
            conn_refuse(c, 413, body_too_large);
            return 0;
        }
        return r;
    case HTTP_EVENT_END:
        c->busy = true;
        c->unread = false;
        c->request.body = buf_span(&c->body);
        if (c->kind == API_CONN_HEALTH) {
            api_health_dispatch(&c->request);
        } else {
            net_timer_stop(c->timer);
            api_dispatch(&c->request);
        }
        return 0;
    case HTTP_EVENT_INTERIM:
        return 0; /* a request parser has none */
    }
    return CB_EINTERNAL;
}

/* Parses what is held until a request is complete or bytes are missing. 0, or why the connection cannot go on. */
static int conn_parse(struct api_conn *c)
{
    while (!c->busy && !link_is_full(c->net)) {
        struct http_event event;
        struct span in = buf_span(&c->held);
        size_t before = in.len;
        int r = http_parser_next(c->parser, &in, &event);
        if (r == CB_EAGAIN) {
            buf_consume(&c->held, before - in.len);
            break;
        }
        if (r != 0) {
            conn_refuse_malformed(c);
            break;
        }
        r = conn_event(c, &event);
        buf_consume(&c->held, before - in.len); /* the body of the event is in there */
        if (r != 0) {
            return r;
        }
    }
    link_read(c->net, buf_len(&c->held) < CONN_HELD_STOP);
    return 0;
}

/* At the end of a turn in which the token was found to be right. */
static void conn_go_on(struct api_conn *c)
{
    c->admit = false;
    c->admitted = true;
    c->busy = false;
    conn_expect_more(c);
    int r = conn_body(c, c->request.head);
    r = r == 0 ? conn_parse(c) : r;
    if (r != 0) {
        api_conn_close(c);
    }
}

void api_conn_admit(struct api_conn *c)
{
    c->admit = true;
    net_task_post(c->api->loop, &c->turn);
}

void api_conn_delay(struct api_conn *c, uint64_t ms, api_handler_fn *late)
{
    c->delayed = true;
    c->late = late;
    net_timer_start(c->timer, ms, 0);
    if (c->kind == API_CONN_REMOTE && c->api->remote_count >= API_REMOTE_MAX) {
        net_timer_start(c->api->room_timer, 0, 0); /* its place can be had; not from under it */
    }
}

/* At the end of a turn in which the request was answered. */
static void conn_turn(void *arg)
{
    struct api_conn *c = arg;
    if (c->broken) {
        api_conn_close(c);
        return;
    }
    if (!c->request.answered) {
        if (c->admit) {
            conn_go_on(c);
        }
        return;
    }
    /* What has not been read of a request is not looked for the next one in. */
    c->closing = c->closing || c->api->stopping || c->ended || c->unread;
    int r = c->streaming ? conn_write_end(c) : conn_write_answer(c);
    if (r != 0) {
        log_debug_r(r, "an answer cannot be written");
        api_conn_close(c);
        return;
    }
    if (c->closing) {
        conn_finish(c);
        return;
    }
    c->busy = false;
    conn_request_init(c);
    conn_expect_more(c);
    r = conn_parse(c);
    if (r != 0) {
        api_conn_close(c);
    }
}

/* ---- the socket ---- */

static void on_data(void *arg, struct span data)
{
    struct api_conn *c = arg;
    if (c->closing && c->busy && (c->request.answered || !c->unread)) {
        return; /* nothing that comes now is read */
    }
    int r = buf_append_span(&c->held, data);
    if (r == 0 && !c->busy) {
        /* Over TCP a head has its time as a whole. */
        if (c->kind == API_CONN_REMOTE ? c->unread : c->kind != API_CONN_HEALTH) {
            conn_expect_more(c);
        }
        r = conn_parse(c);
    } else if (buf_len(&c->held) >= CONN_HELD_STOP) {
        link_read(c->net, false);
    }
    if (r != 0) {
        api_conn_close(c);
    }
}

static void on_end(void *arg)
{
    struct api_conn *c = arg;
    c->ended = true;
    if (c->busy && c->request.answered) {
        return; /* its turn is yet to come */
    }
    if (c->busy) {
        api_conn_close(c);
    } else {
        conn_finish(c);
    }
}

static void on_drained(void *arg)
{
    struct api_conn *c = arg;
    if (c->streaming) {
        api_follow_pump(&c->request);
    } else if (!c->busy && conn_parse(c) != 0) {
        api_conn_close(c);
    }
}

static void on_error(void *arg, int code)
{
    log_debug_r(code, "a connection is lost");
    api_conn_close(arg);
}

static void on_timeout(void *arg)
{
    struct api_conn *c = arg;
    if (c->streaming) {
        conn_tick(c);
    } else if (c->delayed) {
        c->delayed = false;
        c->late(&c->request);
    } else {
        api_conn_close(c);
    }
}

static const struct net_conn_handler conn_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

int api_conn_open(struct api *api, int fd, enum api_conn_kind kind)
{
    struct api_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return CB_ENOMEM;
    }
    c->api = api;
    c->kind = kind;
    c->since_ms = net_loop_now_ms(api->loop);
    buf_init(&c->held, CONN_HELD_MAX);
    buf_set_sensitive(&c->held); /* tokens */
    buf_init(&c->body, API_BODY_MAX);
    buf_set_sensitive(&c->held); /* a proxy token that somebody brings */
    buf_set_sensitive(&c->body);
    conn_request_init(c);
    net_task_init(&c->turn, conn_turn, c);
    list_push_back(&api->conns, &c->link);
    api->conn_count++;
    api->health_count += kind == API_CONN_HEALTH ? 1 : 0;
    api->remote_count += kind == API_CONN_REMOTE ? 1 : 0;
    api->console_count += kind == API_CONN_CONSOLE ? 1 : 0;
    c->parser = http_parser_new_request();
    c->timer = net_timer_new(api->loop, on_timeout, c);
    int r = c->parser != NULL && c->timer != NULL ? 0 : CB_ENOMEM;
    if (r == 0) {
        r = link_open(api->loop, fd, kind == API_CONN_REMOTE ? api->serving : NULL, &conn_handler, c,
                      &c->net);
    }
    if (r != 0) {
        conn_free(c);
        return r;
    }
    if (kind == API_CONN_HEALTH || kind == API_CONN_REMOTE) {
        net_timer_start(c->timer, kind == API_CONN_HEALTH ? api->deadline_ms : api->head_ms, 0);
    } else {
        conn_expect_more(c);
    }
    link_read(c->net, true);
    if (kind == API_CONN_REFUSED) {
        conn_refuse(c, 403, "This socket is for root and for the user who runs clawbox.");
    }
    return 0;
}

void api_conns_stop(struct api *api)
{
    LIST_FOR_EACH (node, safe, &api->conns) {
        struct api_conn *c = LIST_ENTRY(node, struct api_conn, link);
        if (!c->busy) {
            conn_finish(c);
        } else if (c->streaming) {
            api_stream_end(&c->request);
        }
    }
}

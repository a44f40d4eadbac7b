/*
 * browser.c - one connection of a browser: bytes to requests, answers to bytes.
 *
 * One request at a time, and complete before anybody but this role hears of it: a slow body holds nothing of the api's. A browser that
 * closes its side before the answer is taken for gone.
 */
#include "console/state.h"

#include "base/log.h"

#include <stdlib.h>

#define BROWSER_HELD_MAX  ((size_t)256 * 1024)
#define BROWSER_HELD_STOP ((size_t)64 * 1024)
#define BROWSER_LINGER_MS 2000

static void browser_free(struct browser *b)
{
    struct console *console = b->console;
    link_close(b->conn);
    upstream_free(b->upstream);
    session_free(b->work);
    net_task_cancel(&b->turn);
    net_timer_free(b->timer);
    http_parser_free(b->parser);
    buf_deinit(&b->held);
    buf_deinit(&b->body);
    list_remove(&b->link);
    free(b);
    console_browser_gone(console);
}

void browser_drop(struct browser *b)
{
    b->dropped = true;
    net_task_post(b->console->loop, &b->turn);
}

void browser_write(struct browser *b, struct span bytes)
{
    if (!b->dropped && link_write(b->conn, bytes) != 0) {
        browser_drop(b);
    }
}

void browser_answered(struct browser *b)
{
    b->answered = true;
    net_task_post(b->console->loop, &b->turn);
}

/* ---- requests ---- */

/* What cannot be read to its end, or is not to be: the answer is the last on this connection, unless the request is complete. */
static void browser_refuse(struct browser *b, unsigned status, const char *detail)
{
    b->busy = true;
    b->closing = b->closing || b->unread;
    reply_refuse(b, status, detail);
}

static void browser_malformed(struct browser *b)
{
    static const unsigned statuses[] = {
        [HTTP_ERROR_NONE] = 500,           [HTTP_ERROR_SYNTAX] = 400,      [HTTP_ERROR_TARGET_TOO_LONG] = 414,
        [HTTP_ERROR_HEAD_TOO_LARGE] = 431, [HTTP_ERROR_EXPECTATION] = 417, [HTTP_ERROR_VERSION] = 505};
    b->unread = true;
    browser_refuse(b, statuses[http_parser_error(b->parser)], http_parser_why(b->parser));
}

static void browser_head(struct browser *b, const struct http_head *head)
{
    b->head = head;
    b->begun = false;
    b->unread = true;
    b->closing = !head->keep_alive || b->console->stopping;
    net_timer_start(b->timer, CONSOLE_BODY_MS, 0);
    b->refusal = ask_read(b->console, head, &b->ask);
    buf_init(&b->body, ask_body_max(&b->ask));
    buf_set_sensitive(&b->body);
    if (b->refusal.status != 0 && head->framing != HTTP_FRAMING_NONE) {
        browser_refuse(b, b->refusal.status, b->refusal.detail); /* and its body is not waited for */
    } else if (head->expect_continue) {
        browser_write(b, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

static void browser_complete(struct browser *b)
{
    b->busy = true;
    b->unread = false;
    net_timer_stop(b->timer);
    if (b->refusal.status != 0) {
        reply_refuse(b, b->refusal.status, b->refusal.detail);
        return;
    }
    if (b->ask.what == ASK_API) {
        forward(b);
        return;
    }
    if (b->ask.what == ASK_SESSION) {
        session_begin(b);
        return;
    }
    const struct console_asset *asset = console_asset_find(b->ask.path);
    reply_asset(b, asset != NULL ? asset : console_asset_page());
}

static void browser_event(struct browser *b, const struct http_event *event)
{
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        browser_head(b, event->head);
        break;
    case HTTP_EVENT_BODY:
        if (buf_append_span(&b->body, event->body) != 0) {
            browser_refuse(b, 413, ask_body_too_large(&b->ask));
        }
        break;
    case HTTP_EVENT_END:
        browser_complete(b);
        break;
    case HTTP_EVENT_INTERIM:
        break; /* a request parser has none */
    }
}

/* Parses what is held until a request is complete or bytes are missing. */
static void browser_parse(struct browser *b)
{
    while (!b->busy && !b->dropped && !link_is_full(b->conn)) {
        struct http_event event;
        struct span in = buf_span(&b->held);
        size_t before = in.len;
        int r = http_parser_next(b->parser, &in, &event);
        if (r == 0) {
            browser_event(b, &event);
        } else if (r != CB_EAGAIN) {
            browser_malformed(b);
            return;
        }
        buf_consume(&b->held, before - in.len); /* the body of the event is in there */
        if (r != 0) {
            break;
        }
    }
    if (!b->dropped) {
        link_read(b->conn, buf_len(&b->held) < BROWSER_HELD_STOP);
    }
}

/* The answer is written: what has not been read of its request is not looked for the next one in. */
static void browser_next(struct browser *b)
{
    b->closing = b->closing || b->console->stopping || b->ended || b->unread;
    if (b->closing) {
        link_close_gently(b->conn, BROWSER_LINGER_MS);
        b->conn = NULL;
        browser_free(b);
        return;
    }
    b->busy = b->answered = b->endless = false;
    session_free(b->work);
    b->work = NULL;
    b->head = NULL;
    b->ask = (struct ask){.what = ASK_NOTHING};
    buf_deinit(&b->body);
    b->begun = buf_len(&b->held) != 0;
    net_timer_start(b->timer, b->begun ? b->console->head_ms : CONSOLE_IDLE_MS, 0);
    browser_parse(b);
}

static void browser_turn(void *arg)
{
    struct browser *b = arg;
    if (b->dropped) {
        browser_free(b);
    } else if (b->answered) {
        browser_next(b);
    }
}

/* ---- the socket ---- */

static void on_data(void *arg, struct span data)
{
    struct browser *b = arg;
    if (b->dropped || (b->busy && b->closing)) {
        return; /* nothing that comes now is read */
    }
    if (buf_append_span(&b->held, data) != 0) {
        browser_drop(b);
    } else if (!b->busy) {
        if (b->head == NULL && !b->begun) {
            b->begun = true;
            net_timer_start(b->timer, b->console->head_ms, 0);
        }
        browser_parse(b);
    } else if (buf_len(&b->held) >= BROWSER_HELD_STOP) {
        link_read(b->conn, false);
    }
}

static void on_end(void *arg)
{
    struct browser *b = arg;
    b->ended = true;
    if (!b->answered) {
        browser_drop(b);
    }
}

static void on_drained(void *arg)
{
    struct browser *b = arg;
    if (b->busy) {
        net_timer_stop(b->timer);
        upstream_read(b, true);
    } else {
        browser_parse(b);
    }
}

static void on_error(void *arg, int code)
{
    log_debug_r(code, "a browser is lost");
    browser_drop(arg);
}

static void on_timeout(void *arg)
{
    browser_drop(arg);
}

static const struct net_conn_handler browser_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

int browser_open(struct console *console, int fd)
{
    struct browser *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return CB_ENOMEM;
    }
    b->console = console;
    b->since_ms = net_loop_now_ms(console->loop);
    b->begun = true; /* a new connection has its time for the whole head */
    buf_init(&b->held, BROWSER_HELD_MAX);
    buf_set_sensitive(&b->held); /* cookies */
    net_task_init(&b->turn, browser_turn, b);
    b->parser = http_parser_new_request();
    b->timer = net_timer_new(console->loop, on_timeout, b);
    int r = b->parser != NULL && b->timer != NULL
                ? link_open(console->loop, fd, console->serving, &browser_handler, b, &b->conn)
                : CB_ENOMEM;
    if (r != 0) {
        net_timer_free(b->timer);
        http_parser_free(b->parser);
        free(b);
        return r;
    }
    list_push_back(&console->browsers, &b->link);
    console->count++;
    net_timer_start(b->timer, console->head_ms, 0);
    link_read(b->conn, true);
    return 0;
}

void browsers_stop(struct console *console)
{
    LIST_FOR_EACH (node, safe, &console->browsers) {
        struct browser *b = LIST_ENTRY(node, struct browser, link);
        if (!b->busy || b->endless) {
            browser_drop(b);
        }
    }
}

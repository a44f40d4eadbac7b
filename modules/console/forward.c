/*
 * forward.c - requests under /api: to the api with the session that they show, and its answers back, as they come.
 */
#include "console/state.h"

#include "http/fields.h"

#include <stdio.h>

#define FORWARD_HEAD_MAX ((size_t)16 * 1024)
#define FORWARD_CHUNK    64 /* around a chunk */

/* What passes of a request, and of an answer. */
static const char *const request_fields[] = {"Accept", "Content-Type", "If-Match", "If-None-Match",
                                             "Last-Event-ID"};
static const char *const answer_fields[] = {"Allow", "Content-Disposition", "Content-Type",
                                            "ETag",  "Retry-After",         "WWW-Authenticate"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- the answer ---- */

static int write_head(struct browser *b, const struct http_head *head, struct buf *out)
{
    int r = http_write_status_line(out, head->status);
    for (size_t i = 0; r == 0 && i < COUNT(answer_fields); i++) {
        const struct http_field *field = http_field_find(head->fields, head->field_count, answer_fields[i]);
        r = field != NULL ? http_write_field(out, span_str(answer_fields[i]), field->value) : 0;
    }
    const struct http_field *location = http_field_find(head->fields, head->field_count, "Location");
    if (r == 0 && location != NULL) {
        r = http_write_fieldf(out, "Location", "/api%.*s", SPAN_ARG(location->value));
    }
    if (r == 0) {
        r = http_write_framing(out, head->framing, head->content_length);
    }
    return r == 0 ? reply_head_end(b, out, false) : r;
}

static void on_head(struct browser *b, const struct http_head *head)
{
    struct buf out;
    if (head->framing == HTTP_FRAMING_CLOSE) {
        browser_drop(b); /* the api's answers say where they end */
        return;
    }
    b->admitted = b->admitted || (head->status != 401 && head->status < 500);
    const struct http_field *type = http_field_find(head->fields, head->field_count, "Content-Type");
    b->endless = type != NULL && span_eq_str(type->value, "text/event-stream");
    buf_init(&out, FORWARD_HEAD_MAX);
    int r = write_head(b, head, &out);
    if (r == 0) {
        browser_write(b, buf_span(&out));
    } else {
        browser_drop(b);
    }
    buf_deinit(&out);
    b->chunked = head->framing == HTTP_FRAMING_CHUNKED;
    b->passing = true;
    if (b->endless && b->console->stopping) {
        browser_drop(b);
    }
}

static void on_body(struct browser *b, struct span body)
{
    if (b->chunked) {
        struct buf chunk;
        buf_init(&chunk, body.len + FORWARD_CHUNK);
        if (http_write_chunk(&chunk, body) == 0) {
            browser_write(b, buf_span(&chunk));
        } else {
            browser_drop(b);
        }
        buf_deinit(&chunk);
    } else {
        browser_write(b, body);
    }
    if (!b->dropped && link_is_full(b->conn)) {
        upstream_read(b, false); /* until the browser has taken it, for which it has its time */
        net_timer_start(b->timer, CONSOLE_IDLE_MS, 0);
    }
}

static void on_end(struct browser *b)
{
    if (b->chunked) {
        browser_write(b, SPAN_LIT("0\r\n\r\n"));
    }
    browser_answered(b);
}

/* An answer that is cut must look like it. */
static void on_lost(struct browser *b, struct ask_refusal why)
{
    if (b->passing) {
        browser_drop(b);
    } else {
        reply_refuse(b, why.status, why.detail);
    }
}

static const struct upstream_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_lost = on_lost};

/* ---- the request ---- */

void forward(struct browser *b)
{
    struct http_field fields[COUNT(request_fields)];
    for (size_t i = 0; i < COUNT(request_fields); i++) {
        const struct http_field *field =
            http_field_find(b->head->fields, b->head->field_count, request_fields[i]);
        fields[i] = (struct http_field){.name = span_str(request_fields[i]),
                                        .value = field != NULL ? field->value : SPAN_EMPTY};
    }
    struct upstream_ask ask = {.method = b->head->method,
                               .target = b->ask.target,
                               .session = b->ask.session,
                               .fields = fields,
                               .field_count = COUNT(fields),
                               .body = buf_span(&b->body)};
    b->chunked = b->passing = false;
    if (upstream_send(b, &ask, &handler) != 0) {
        reply_refuse(b, 503, "The server cannot be asked just now. Try again.");
    }
}

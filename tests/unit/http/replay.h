/*
 * replay.h - runs bytes through a parser, in pieces, and writes down what comes out as text that can be compared.
 *
 * Every piece is handed over in a block of its own that is freed as soon as the parser has used it: a parser that
 * keeps a pointer into its input is found by a sanitizer.
 */
#ifndef TESTS_UNIT_HTTP_REPLAY_H
#define TESTS_UNIT_HTTP_REPLAY_H

#include <stdlib.h>

#include "base/buf.h"
#include "http/parser.h"

enum replay_kind { REPLAY_REQUEST, REPLAY_RESPONSE, REPLAY_RESPONSE_TO_HEAD };

struct replay {
    struct buf log; /* one line per event; neighbouring pieces of body are one */
    bool in_body;   /* the log ends inside a body */
    unsigned heads; /* final heads seen */
    unsigned ends;  /* complete messages */
    size_t body_bytes;
    unsigned body_events;
    int result; /* the last answer: CB_EAGAIN, a refusal, or CB_ECLOSED or CB_ETRUNCATED from the end */
    enum http_error error;
    const char *why; /* static storage */
};

static inline void replay_must(int r)
{
    if (r != 0) {
        abort(); /* the test's own memory */
    }
}

static inline void replay_log_fields(struct replay *t, const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        replay_must(buf_append_byte(&t->log, '['));
        replay_must(buf_append_span(&t->log, fields[i].name));
        replay_must(buf_append_byte(&t->log, '='));
        replay_must(buf_append_span(&t->log, fields[i].value));
        replay_must(buf_append_byte(&t->log, ']'));
    }
    replay_must(buf_append_byte(&t->log, '\n'));
}

static inline void replay_log_event(struct replay *t, const struct http_event *event)
{
    static const char framing[] = "nlkc";
    const struct http_head *h = event->head;
    if (event->type == HTTP_EVENT_BODY) {
        replay_must(buf_append_str(&t->log, t->in_body ? "" : "body "));
        replay_must(buf_append_span(&t->log, event->body));
        t->in_body = true;
        t->body_bytes += event->body.len;
        t->body_events++;
        return;
    }
    replay_must(buf_append_str(&t->log, t->in_body ? "\n" : ""));
    t->in_body = false;
    if (event->type == HTTP_EVENT_END) {
        t->ends++;
        replay_must(buf_append_str(&t->log, "end "));
        replay_log_fields(t, event->trailers, event->trailer_count);
        return;
    }
    t->heads += event->type == HTTP_EVENT_HEAD ? 1 : 0;
    replay_must(buf_append_str(&t->log, event->type == HTTP_EVENT_HEAD ? "head " : "interim "));
    replay_must(buf_append_span(&t->log, h->method));
    replay_must(buf_append_byte(&t->log, ' '));
    replay_must(buf_append_span(&t->log, h->target));
    replay_must(buf_appendf(&t->log, " %u ", h->status));
    replay_must(buf_append_span(&t->log, h->phrase));
    replay_must(buf_appendf(&t->log, " 1.%u %c%llu %s%s ", h->minor, framing[h->framing],
                            (unsigned long long)h->content_length, h->keep_alive ? "keep" : "close",
                            h->expect_continue ? " expect" : ""));
    replay_log_fields(t, h->fields, h->field_count);
}

/* Feeds one piece; false when the parser refused. */
static inline bool replay_piece(struct replay *t, struct http_parser *p, struct span piece)
{
    uint8_t *copy = malloc(piece.len != 0 ? piece.len : 1);
    replay_must(copy == NULL);
    if (piece.len != 0) {
        memcpy(copy, piece.ptr, piece.len);
    }
    struct span in = span_of(copy, piece.len);
    struct http_event event;
    while ((t->result = http_parser_next(p, &in, &event)) == 0) {
        if (event.type == HTTP_EVENT_BODY && (event.body.len == 0 || event.body.ptr < copy ||
                                              event.body.ptr + event.body.len > copy + piece.len)) {
            abort(); /* a body is a piece of the input */
        }
        replay_log_event(t, &event);
    }
    if (t->result == CB_EAGAIN && in.len != 0) {
        abort(); /* "all input used" */
    }
    free(copy);
    return t->result == CB_EAGAIN;
}

/* Feeds `bytes` in pieces of `step` bytes, with one extra cut at `cut` (0 for none), then the end of the connection when
 * `eof` says so. */
static inline void replay_run(struct replay *t, enum replay_kind kind, struct span bytes, size_t cut,
                              size_t step, bool eof)
{
    struct http_event event;
    struct http_parser *p = kind == REPLAY_REQUEST ? http_parser_new_request() : http_parser_new_response();
    *t = (struct replay){.result = CB_EAGAIN};
    buf_init(&t->log, (size_t)64 << 20);
    replay_must(p == NULL);
    http_parser_set_head_request(p, kind == REPLAY_RESPONSE_TO_HEAD);
    for (size_t at = 0; at < bytes.len && t->result == CB_EAGAIN;) {
        size_t len = cut > at && cut - at < step ? cut - at : step;
        (void)replay_piece(t, p, span_sub(bytes, at, len));
        at += len;
    }
    if (eof && t->result == CB_EAGAIN) {
        while ((t->result = http_parser_eof(p, &event)) == 0) {
            replay_log_event(t, &event);
        }
    }
    t->error = http_parser_error(p);
    t->why = http_parser_why(p);
    replay_must(
        buf_appendf(&t->log, "%s%d %d %s\n", t->in_body ? "\n" : "", t->result, (int)t->error, t->why));
    http_parser_free(p);
}

static inline void replay_free(struct replay *t)
{
    buf_deinit(&t->log);
}

static inline bool replay_refused(const struct replay *t)
{
    return t->result == CB_EMALFORMED || t->result == CB_ELIMIT;
}

/* Runs with another way of cutting and compares. */
static inline bool replay_same(const struct replay *whole, enum replay_kind kind, struct span bytes,
                               size_t cut, size_t step, bool eof)
{
    struct replay t;
    replay_run(&t, kind, bytes, cut, step, eof);
    bool same = span_eq(buf_span(&whole->log), buf_span(&t.log));
    replay_free(&t);
    return same;
}

/* True when whole, byte by byte, and each single cut give the same (for long inputs, about 40 of the cuts). */
static inline bool replay_split_invariant(const struct replay *whole, enum replay_kind kind,
                                          struct span bytes, bool eof)
{
    size_t stride = bytes.len > 700 ? bytes.len / 40 : 1;
    if (!replay_same(whole, kind, bytes, 0, 1, eof) || !replay_same(whole, kind, bytes, 0, 7, eof)) {
        return false;
    }
    for (size_t cut = 1; cut < bytes.len; cut += stride) {
        if (!replay_same(whole, kind, bytes, cut, bytes.len, eof)) {
            return false;
        }
    }
    return true;
}

#endif

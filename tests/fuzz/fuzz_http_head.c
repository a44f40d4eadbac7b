/*
 * fuzz_http_head.c - any bytes as HTTP/1.1 messages.
 *
 * The first byte chooses request, response, or response to HEAD (modulo 3), the second the length of the pieces; the
 * rest is what the peer sends. Checked: the answers do not depend on how the bytes are cut; and what was accepted can be
 * written again and reads back as the same, so that parser and writer agree on what a message is.
 */
#include <stdlib.h>

#include "../unit/http/replay.h"
#include "http/fields.h"
#include "http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool same_fields(const struct http_field *a, const struct http_field *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!span_eq(a[i].name, b[i].name) || !span_eq(a[i].value, b[i].value)) {
            return false;
        }
    }
    return true;
}

/* Writes a head and reads it back. The writer says HTTP/1.1 whatever came in, so an HTTP/1.0 head may not read back. */
static void check_round_trip(const struct http_head *head, enum replay_kind kind)
{
    struct buf out;
    struct http_event event;
    buf_init(&out, 4 * HTTP_HEAD_MAX);
    must((kind == REPLAY_REQUEST ? http_write_request_line(&out, head->method, head->target)
                                 : http_write_status_line(&out, head->status)) == 0);
    for (size_t i = 0; i < head->field_count; i++) {
        must(http_write_field(&out, head->fields[i].name, head->fields[i].value) == 0);
    }
    must(http_write_head_end(&out) == 0);
    struct http_parser *p = kind == REPLAY_REQUEST ? http_parser_new_request() : http_parser_new_response();
    must(p != NULL);
    http_parser_set_head_request(p, kind == REPLAY_RESPONSE_TO_HEAD);
    struct span in = buf_span(&out);
    int r = http_parser_next(p, &in, &event);
    /* The writer's ": " and phrase may make a head at the limit too large. */
    if (r == 0) {
        must(event.head->field_count == head->field_count && span_eq(event.head->method, head->method) &&
             span_eq(event.head->target, head->target) && event.head->status == head->status &&
             event.head->framing == head->framing && event.head->content_length == head->content_length &&
             same_fields(event.head->fields, head->fields, head->field_count));
    } else {
        must(r == CB_ELIMIT);
    }
    http_parser_free(p);
    buf_deinit(&out);
}

static void check_field_list(const struct http_head *head)
{
    struct http_field back[HTTP_FIELDS_MAX];
    size_t count = 0;
    struct buf out;
    buf_init(&out, 4 * HTTP_HEAD_MAX);
    must(http_fields_encode(head->fields, head->field_count, &out) == 0);
    must(http_fields_decode(buf_span(&out), back, HTTP_FIELDS_MAX, &count) == 0);
    must(count == head->field_count && same_fields(back, head->fields, count));
    buf_deinit(&out);
}

static void check_heads(enum replay_kind kind, struct span bytes)
{
    struct http_event event;
    struct http_parser *p = kind == REPLAY_REQUEST ? http_parser_new_request() : http_parser_new_response();
    must(p != NULL);
    http_parser_set_head_request(p, kind == REPLAY_RESPONSE_TO_HEAD);
    enum replay_kind now = kind;
    while (http_parser_next(p, &bytes, &event) == 0) {
        if (event.type == HTTP_EVENT_HEAD || event.type == HTTP_EVENT_INTERIM) {
            check_field_list(event.head);
            if (event.head->minor == 1) {
                check_round_trip(event.head, now);
            }
        } else if (event.type == HTTP_EVENT_END && kind == REPLAY_RESPONSE_TO_HEAD) {
            now = REPLAY_RESPONSE;
        }
    }
    http_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    enum replay_kind kind = (enum replay_kind)(data[0] % 3);
    size_t step = 1 + (size_t)data[1] % 64;
    struct span bytes = span_of(data + 2, size - 2);
    struct replay whole;
    replay_run(&whole, kind, bytes, 0, bytes.len + 1, true);
    must(replay_same(&whole, kind, bytes, 0, 1, true));
    must(replay_same(&whole, kind, bytes, 0, step, true));
    replay_free(&whole);
    check_heads(kind, bytes);
    return 0;
}

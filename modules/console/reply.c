/* reply.c - heads of answers, with everything that browsers are told on each; problem documents and pages. */
#include "console/session.h"

#include "http/fields.h"

#define ANSWER_HEAD_MAX    ((size_t)8 * 1024)
#define ANSWER_PROBLEM_MAX ((size_t)4 * 1024)

/*
 * Nothing comes from elsewhere and nothing goes elsewhere; no script or style stands in a page; no text becomes a part of the page other
 * than as text; nobody puts it into a frame; other windows and origins get no hold of it.
 */
static const struct {
    const char *name;
    const char *value;
} always[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
     "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), "
     "publickey-credentials-get=(), serial=(), usb=()"},
    {"X-Frame-Options", "DENY"},
};

int reply_head_end(const struct browser *b, struct buf *out, bool may_be_kept)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(always) / sizeof(always[0]); i++) {
        r = http_write_field(out, span_str(always[i].name), span_str(always[i].value));
    }
    if (r == 0 && b->console->serving != NULL) {
        r = http_write_field(out, SPAN_LIT("Strict-Transport-Security"), SPAN_LIT("max-age=31536000"));
    }
    if (r == 0) {
        r = http_write_field(out, SPAN_LIT("Cache-Control"),
                             may_be_kept ? SPAN_LIT("public, max-age=31536000, immutable")
                                         : SPAN_LIT("no-store"));
    }
    if (r == 0 && b->closing) {
        r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("close"));
    }
    return r == 0 ? http_write_head_end(out) : r;
}

/* Writes head and body, and the answer is complete. */
static void send(struct browser *b, int r, const struct buf *head, struct span body)
{
    if (r != 0) {
        browser_drop(b);
        return;
    }
    browser_write(b, buf_span(head));
    if (!b->ask.is_head) {
        browser_write(b, body);
    }
    browser_answered(b);
}

void reply_refuse(struct browser *b, unsigned status, const char *detail)
{
    struct buf head;
    struct buf body;
    struct json j;
    buf_init(&head, ANSWER_HEAD_MAX);
    buf_init(&body, ANSWER_PROBLEM_MAX);
    json_init(&j, &body);
    json_object(&j, NULL);
    json_text(&j, "type", SPAN_LIT("about:blank"));
    json_text(&j, "title", span_str(http_phrase(status)));
    json_number(&j, "status", status);
    json_text(&j, "detail", span_str(detail));
    json_object_end(&j);
    int r = json_finish(&j);
    if (r == 0 && (r = http_write_status_line(&head, status)) == 0 &&
        (r = http_write_field(&head, SPAN_LIT("Content-Type"), SPAN_LIT("application/problem+json"))) == 0 &&
        (r = http_write_framing(&head, HTTP_FRAMING_LENGTH, buf_len(&body))) == 0) {
        r = reply_head_end(b, &head, false);
    }
    send(b, r, &head, buf_span(&body));
    buf_deinit(&head);
    buf_deinit(&body);
}

void reply_session(struct browser *b, unsigned status, struct span body)
{
    const struct session_work *w = b->work;
    struct buf head;
    buf_init(&head, ANSWER_HEAD_MAX);
    buf_set_sensitive(&head);
    int r = http_write_status_line(&head, status);
    if (r == 0 && body.len != 0) {
        r = http_write_field(&head, SPAN_LIT("Content-Type"),
                             status >= 400 ? SPAN_LIT("application/problem+json")
                                           : SPAN_LIT("application/json"));
    }
    if (r == 0 && w->retry[0] != '\0') {
        r = http_write_field(&head, SPAN_LIT("Retry-After"), span_str(w->retry));
    }
    for (size_t i = 0; r == 0 && i < sizeof(w->cookies) / sizeof(w->cookies[0]); i++) {
        r = w->cookies[i][0] != '\0'
                ? http_write_field(&head, SPAN_LIT("Set-Cookie"), span_str(w->cookies[i]))
                : 0;
    }
    if (r == 0) {
        r = http_write_framing(&head, status == 204 ? HTTP_FRAMING_NONE : HTTP_FRAMING_LENGTH, body.len);
    }
    r = r == 0 ? reply_head_end(b, &head, false) : r;
    send(b, r, &head, body);
    buf_deinit(&head);
}

static bool has_it(const struct browser *b, const struct console_asset *asset)
{
    const struct http_field *field = http_field_find(b->head->fields, b->head->field_count, "If-None-Match");
    return field != NULL && span_eq_str(field->value, asset->tag);
}

void reply_asset(struct browser *b, const struct console_asset *asset)
{
    bool same = has_it(b, asset);
    struct buf head;
    buf_init(&head, ANSWER_HEAD_MAX);
    int r = http_write_status_line(&head, same ? 304 : 200);
    if (r == 0 && !same) {
        r = http_write_field(&head, SPAN_LIT("Content-Type"), span_str(asset->type));
    }
    if (r == 0 && !same) {
        r = http_write_field(&head, SPAN_LIT("Content-Encoding"), SPAN_LIT("gzip"));
    }
    if (r == 0) {
        r = http_write_field(&head, SPAN_LIT("ETag"), span_str(asset->tag));
    }
    if (r == 0) {
        r = http_write_framing(&head, same ? HTTP_FRAMING_NONE : HTTP_FRAMING_LENGTH, asset->len);
    }
    r = r == 0 ? reply_head_end(b, &head, asset->immutable) : r;
    send(b, r, &head, same ? SPAN_EMPTY : span_of(asset->gzip, asset->len));
    buf_deinit(&head);
}

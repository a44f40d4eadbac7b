/* rules.c - what a message has to be beyond its syntax. */
#include "http/rules.h"

#include "base/strnum.h"
#include "http/fields.h"

/* Fields that the rules look at, collected in one pass. */
struct found {
    const struct http_field *length;
    const struct http_field *coding;
    const struct http_field *expect;
    size_t lengths;
    size_t codings;
    size_t expects;
    size_t hosts;
    bool close;
    bool keep_alive;
};

static bool name_is(struct span name, const char *lower)
{
    size_t i = 0;
    while (i < name.len && ascii_lower(name.ptr[i]) == (uint8_t)lower[i] && lower[i] != '\0') {
        i++;
    }
    return i == name.len && lower[i] == '\0';
}

/* "Content_Length" is another field to us and may be the same one to what runs behind the upstream (CGI, WSGI), so
 * names that differ from a framing field in underscores only are refused. */
static bool name_mimics_framing(struct span name)
{
    static const char *const framing[] = {"content-length", "transfer-encoding"};
    for (size_t f = 0; f < sizeof(framing) / sizeof(framing[0]); f++) {
        bool same = name.len == strlen(framing[f]);
        for (size_t i = 0; same && i < name.len; i++) {
            uint8_t c = name.ptr[i] == '_' ? '-' : ascii_lower(name.ptr[i]);
            same = c == (uint8_t)framing[f][i];
        }
        if (same && memchr(name.ptr, '_', name.len) != NULL) {
            return true;
        }
    }
    return false;
}

static int find(const struct http_head *head, struct found *found, struct http_refusal *refusal)
{
    *found = (struct found){0};
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *f = &head->fields[i];
        switch (f->name.len) {
        case 4:
            found->hosts += name_is(f->name, "host") ? 1 : 0;
            break;
        case 6:
            if (name_is(f->name, "expect")) {
                found->expect = f;
                found->expects++;
            }
            break;
        case 10:
            if (name_is(f->name, "connection")) {
                found->close = found->close || http_field_has_token(f->value, "close");
                found->keep_alive = found->keep_alive || http_field_has_token(f->value, "keep-alive");
            }
            break;
        case 14:
            if (name_is(f->name, "content-length")) {
                found->length = f;
                found->lengths++;
            } else if (name_mimics_framing(f->name)) {
                return http_refuse_syntax(refusal, "Content_Length");
            }
            break;
        case 17:
            if (name_is(f->name, "transfer-encoding")) {
                found->coding = f;
                found->codings++;
            } else if (name_mimics_framing(f->name)) {
                return http_refuse_syntax(refusal, "Transfer_Encoding");
            }
            break;
        default:
            break;
        }
    }
    return 0;
}

/* The framing that the fields name, `absent` when they name none. */
static int decide_framing(struct http_head *head, const struct found *found, enum http_framing absent,
                          struct http_refusal *refusal)
{
    if (found->lengths > 1) {
        return http_refuse_syntax(refusal, "more than one Content-Length");
    }
    if (found->codings > 1) {
        return http_refuse_syntax(refusal, "more than one Transfer-Encoding");
    }
    if (found->coding != NULL && found->length != NULL) {
        return http_refuse_syntax(refusal, "Content-Length beside Transfer-Encoding");
    }
    if (found->coding != NULL) {
        if (!span_eq_nocase(found->coding->value, SPAN_LIT("chunked"))) {
            return http_refuse_syntax(refusal, "a Transfer-Encoding other than chunked");
        }
        if (head->minor == 0) {
            return http_refuse_syntax(refusal, "Transfer-Encoding in HTTP/1.0");
        }
        head->framing = HTTP_FRAMING_CHUNKED;
        return 0;
    }
    if (found->length != NULL) {
        if (strnum_u64(found->length->value, HTTP_LENGTH_MAX, &head->content_length) != 0) {
            return http_refuse_syntax(refusal, "a Content-Length that is not plain digits or too large");
        }
        head->framing = HTTP_FRAMING_LENGTH;
        return 0;
    }
    head->framing = absent;
    return 0;
}

static bool allows_another(const struct http_head *head, const struct found *found)
{
    if (found->close || head->framing == HTTP_FRAMING_CLOSE) {
        return false;
    }
    return head->minor == 1 || found->keep_alive;
}

int rules_request(struct http_head *head, struct http_refusal *refusal)
{
    struct found found;
    int r = find(head, &found, refusal);
    if (r == 0) {
        r = decide_framing(head, &found, HTTP_FRAMING_NONE, refusal);
    }
    if (r != 0) {
        return r;
    }
    if (found.hosts > 1) {
        return http_refuse_syntax(refusal, "more than one Host");
    }
    if (found.hosts == 0 && head->minor == 1) {
        return http_refuse_syntax(refusal, "no Host");
    }
    if (found.expects > 1 ||
        (found.expects == 1 && !span_eq_nocase(found.expect->value, SPAN_LIT("100-continue")))) {
        return http_refuse(refusal, CB_EMALFORMED, HTTP_ERROR_EXPECTATION,
                           "an Expect other than one 100-continue");
    }
    /* What follows a CONNECT is the tunnel; a length in its head would name bytes of it (RFC 9110, 9.3.6). */
    if (span_eq_str(head->method, "CONNECT")) {
        if (head->framing == HTTP_FRAMING_CHUNKED || head->content_length != 0) {
            return http_refuse_syntax(refusal, "CONNECT with a body");
        }
        head->framing = HTTP_FRAMING_NONE;
    }
    /* An HTTP/1.0 client does not know 100 (RFC 9110, 10.1.1), and without a body there is nothing to wait for. */
    head->expect_continue = found.expects == 1 && head->minor == 1 &&
                            (head->framing == HTTP_FRAMING_CHUNKED || head->content_length != 0);
    head->keep_alive = allows_another(head, &found);
    return 0;
}

int rules_response(struct http_head *head, bool head_request, bool upgrade, struct http_refusal *refusal)
{
    struct found found;
    int r = find(head, &found, refusal);
    if (r == 0) {
        r = decide_framing(head, &found, HTTP_FRAMING_CLOSE, refusal);
    }
    if (r != 0) {
        return r;
    }
    if (head->status == 101 && !upgrade) {
        return http_refuse_syntax(refusal, "101 although no upgrade was asked for");
    }
    /* These have no body whatever their fields say (RFC 9112, 6.3), and must not say that they have one (6.1 and
     * RFC 9110, 8.6): bytes that follow would be read as the next response. */
    bool bodyless = head->status < 200 || head->status == 204;
    if (bodyless && (head->framing == HTTP_FRAMING_CHUNKED || head->content_length != 0)) {
        return http_refuse_syntax(refusal, "a status without body, with the length of one");
    }
    if (bodyless || head->status == 304 || head_request) {
        head->framing = HTTP_FRAMING_NONE;
    }
    head->keep_alive = head->status != 101 && allows_another(head, &found);
    return 0;
}

int rules_trailers(const struct http_field *fields, size_t count, struct http_refusal *refusal)
{
    for (size_t i = 0; i < count; i++) {
        struct span name = fields[i].name;
        if (name_is(name, "content-length") || name_is(name, "transfer-encoding") || name_is(name, "host") ||
            name_mimics_framing(name)) {
            return http_refuse_syntax(refusal, "a framing or routing field in the trailers");
        }
    }
    return 0;
}

/* "HTTP/1.0" or "HTTP/1.1" at `at`. Only HTTP: llhttp reads RTSP and ICE as well. */
static int read_version(struct span raw, size_t at, struct http_head *head, struct http_refusal *refusal)
{
    struct span version = span_sub(raw, at, 8);
    if (version.len != 8 || !span_starts(version, SPAN_LIT("HTTP/"))) {
        return http_refuse_syntax(refusal, "a protocol other than HTTP");
    }
    if (span_eq_str(version, "HTTP/1.1")) {
        head->minor = 1;
    } else if (span_eq_str(version, "HTTP/1.0")) {
        head->minor = 0;
    } else {
        return http_refuse(refusal, CB_EMALFORMED, HTTP_ERROR_VERSION, "a version other than 1.0 and 1.1");
    }
    return 0;
}

static bool method_valid(struct span method)
{
    for (size_t i = 0; i < method.len; i++) {
        if ((method.ptr[i] < 'A' || method.ptr[i] > 'Z') && method.ptr[i] != '-') {
            return false;
        }
    }
    return method.len != 0 && method.len <= HTTP_METHOD_MAX;
}

static bool target_valid(struct span target)
{
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] <= 0x20 || target.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return target.len != 0;
}

int rules_request_line(const struct section *s, struct section_part method, struct section_part target,
                       struct http_head *head, size_t *first, struct http_refusal *refusal)
{
    struct span raw = buf_span(&s->raw);
    size_t end = target.at + target.len;
    if (method.at != 0 || target.at != method.len + 1 || end >= raw.len || raw.ptr[method.len] != ' ' ||
        raw.ptr[end] != ' ') {
        return http_refuse_syntax(refusal, "a request line that is not three words with single spaces");
    }
    head->method = section_span(s, method);
    head->target = section_span(s, target);
    if (!method_valid(head->method)) {
        return http_refuse_syntax(refusal, "a method that is not upper-case letters and hyphens");
    }
    if (!target_valid(head->target)) {
        return http_refuse_syntax(refusal, "a target with bytes that are not visible ASCII");
    }
    int r = read_version(raw, end + 1, head, refusal);
    if (r != 0) {
        return r;
    }
    if (!span_eq_str(span_sub(raw, end + 9, 2), "\r\n")) {
        return http_refuse_syntax(refusal, "a request line that does not end in CRLF");
    }
    *first = end + 11;
    return 0;
}

int rules_status_line(const struct section *s, struct section_part phrase, struct http_head *head,
                      size_t *first, struct http_refusal *refusal)
{
    struct span raw = buf_span(&s->raw);
    int r = read_version(raw, 0, head, refusal);
    if (r != 0) {
        return r;
    }
    /* Three digits, the first not zero. */
    uint64_t status = 0;
    if (!span_eq_str(span_sub(raw, 8, 1), " ") || strnum_u64(span_sub(raw, 9, 3), 599, &status) != 0) {
        return http_refuse_syntax(refusal, "a status that is not 100 to 599");
    }
    head->status = (unsigned)status;
    /* Many servers leave out the space before an empty phrase. */
    size_t end = 12;
    if (span_eq_str(span_sub(raw, 12, 1), " ")) {
        end = 13 + phrase.len;
    }
    if (phrase.len != 0 && (phrase.at != 13 || end == 12)) {
        return http_refuse_syntax(refusal, "a status line that is not version, status and phrase");
    }
    if (!span_eq_str(span_sub(raw, end, 2), "\r\n")) {
        return http_refuse_syntax(refusal, "a status line that does not end in CRLF");
    }
    head->phrase = phrase.len != 0 ? section_span(s, phrase) : SPAN_EMPTY;
    for (size_t i = 0; i < head->phrase.len; i++) {
        if ((head->phrase.ptr[i] < 0x20 && head->phrase.ptr[i] != '\t') || head->phrase.ptr[i] == 0x7f) {
            return http_refuse_syntax(refusal, "a reason phrase with a control byte");
        }
    }
    *first = end + 2;
    return 0;
}

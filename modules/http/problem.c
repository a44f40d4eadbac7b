/* problem.c - answers of our own: problem documents (RFC 9457) with Proxy-Status (RFC 9209), and the JSON they need. */
#include <stdio.h>

#include "http/fields.h"
#include "http/write.h"

#define PROBLEM_BODY_MAX         ((size_t)16 * 1024)
#define PROBLEM_PROXY_STATUS_MAX ((size_t)1024)

/* Length of the UTF-8 character at the front (RFC 3629: no overlong form, no surrogate), or 0 when there is none;
 * *bad is then how many bytes one replacement character stands for: the longest start of a character, at least one. */
static size_t utf8_length(struct span s, size_t *bad)
{
    uint8_t first = s.ptr[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t len;
    *bad = 1;
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        len = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        len = 3;
        low = first == 0xe0 ? 0xa0 : low;
        high = first == 0xed ? 0x9f : high;
    } else if (first >= 0xf0 && first <= 0xf4) {
        len = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (i >= s.len || s.ptr[i] < low || s.ptr[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

/* What stands in a JSON string for a byte that cannot stand for itself; NULL when it can. `text` has room for 7. */
static const char *json_escape(uint8_t c, char *text)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20 && c != 0x7f) {
            return NULL;
        }
        (void)snprintf(text, 7, "\\u%04x", c);
        return text;
    }
}

int http_json_string(struct buf *out, struct span text)
{
    int r = buf_append_byte(out, '"');
    size_t plain = 0; /* bytes at the front of `text` that are copied as they are */
    while (r == 0 && plain < text.len) {
        size_t bad;
        char room[7];
        struct span rest = span_sub(text, plain, text.len);
        size_t len = utf8_length(rest, &bad);
        const char *instead = len == 0 ? "\xef\xbf\xbd" : json_escape(rest.ptr[0], room);
        if (instead == NULL) {
            plain += len;
            continue;
        }
        r = buf_append(out, text.ptr, plain);
        if (r == 0) {
            r = buf_append_str(out, instead);
        }
        text = span_sub(text, plain + (len == 0 ? bad : len), text.len);
        plain = 0;
    }
    if (r == 0) {
        r = buf_append_span(out, text);
    }
    return r == 0 ? buf_append_byte(out, '"') : r;
}

/* `"name":"text"` with `before` in front; NULL stands for the empty text. */
static int json_member(struct buf *out, const char *before, const char *name, const char *text)
{
    int r = buf_appendf(out, "%s\"%s\":", before, name);
    return r == 0 ? http_json_string(out, span_str(text)) : r;
}

int http_problem_body(const struct http_problem *problem, struct buf *out)
{
    char type[128];
    const char *reason = problem->reason != NULL ? problem->reason : "";
    int len = snprintf(type, sizeof(type), "urn:clawbox:problem:%s", reason);
    if (len < 0 || (size_t)len >= sizeof(type)) {
        return CB_EINVAL;
    }
    int r = json_member(out, "{", "type", type);
    if (r == 0) {
        r = json_member(out, ",", "title", http_phrase(problem->status));
    }
    if (r == 0) {
        r = buf_appendf(out, ",\"status\":%u", problem->status);
    }
    if (r == 0) {
        r = json_member(out, ",", "detail", problem->detail);
    }
    if (r == 0) {
        r = json_member(out, ",", "verdict", problem->verdict);
    }
    if (r == 0) {
        r = json_member(out, ",", "reason", reason);
    }
    if (r == 0 && problem->request_id != NULL) {
        r = json_member(out, ",", "request_id", problem->request_id);
    }
    if (r == 0) {
        r = json_member(out, ",\"error\":{", "type", problem->verdict);
    }
    if (r == 0) {
        r = json_member(out, ",", "code", reason);
    }
    if (r == 0) {
        r = json_member(out, ",", "message", problem->detail);
    }
    return r == 0 ? buf_append_str(out, "}}\n") : r;
}

/* An RFC 8941 string: printable ASCII, with quotes and backslashes escaped. */
static int append_sf_string(struct buf *out, struct span text)
{
    int r = buf_append_byte(out, '"');
    for (size_t i = 0; r == 0 && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c >= 0x7f) {
            return CB_EINVAL;
        }
        if (c == '"' || c == '\\') {
            r = buf_append_byte(out, '\\');
        }
        if (r == 0) {
            r = buf_append_byte(out, c);
        }
    }
    return r == 0 ? buf_append_byte(out, '"') : r;
}

int http_problem_proxy_status(const struct http_problem *problem, struct buf *out)
{
    int r = buf_append_str(out, "clawbox");
    if (r == 0 && problem->proxy_error != NULL && problem->proxy_error[0] != '\0') {
        if (!http_name_valid(span_str(problem->proxy_error))) {
            return CB_EINVAL;
        }
        r = buf_appendf(out, "; error=%s", problem->proxy_error);
    }
    if (r == 0 && problem->reason != NULL && problem->reason[0] != '\0') {
        r = buf_append_str(out, "; details=");
        if (r == 0) {
            r = append_sf_string(out, span_str(problem->reason));
        }
    }
    return r;
}

static int write_head(const struct http_problem *problem, bool close, struct span proxy_status, size_t length,
                      struct buf *out)
{
    int r = http_write_status_line(out, problem->status);
    if (r == 0) {
        r = http_write_field(out, SPAN_LIT("Content-Type"), SPAN_LIT("application/problem+json"));
    }
    if (r == 0) {
        r = http_write_field(out, SPAN_LIT("Proxy-Status"), proxy_status);
    }
    if (r == 0 && problem->status == 407) {
        r = http_write_field(out, SPAN_LIT("Proxy-Authenticate"), SPAN_LIT("Basic realm=\"clawbox\""));
    }
    if (r == 0) {
        r = http_write_framing(out, HTTP_FRAMING_LENGTH, length);
    }
    if (r == 0 && close) {
        r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("close"));
    }
    return r == 0 ? http_write_head_end(out) : r;
}

int http_problem_response(const struct http_problem *problem, bool close, bool head_only, struct buf *out)
{
    struct buf body;
    struct buf proxy_status;
    buf_init(&body, PROBLEM_BODY_MAX);
    buf_init(&proxy_status, PROBLEM_PROXY_STATUS_MAX);
    int r = problem->status >= 400 && problem->status <= 599 ? 0 : CB_EINVAL;
    if (r == 0) {
        r = http_problem_body(problem, &body);
    }
    if (r == 0) {
        r = http_problem_proxy_status(problem, &proxy_status);
    }
    if (r == 0) {
        r = write_head(problem, close, buf_span(&proxy_status), buf_len(&body), out);
    }
    if (r == 0 && !head_only) {
        r = buf_append_span(out, buf_span(&body));
    }
    buf_deinit(&body);
    buf_deinit(&proxy_status);
    return r;
}

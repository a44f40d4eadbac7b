/* problem.c - answers of our own: problem documents (RFC 9457) with Proxy-Status (RFC 9209). */
#include <stdio.h>

#include "base/json.h"
#include "http/fields.h"
#include "http/write.h"

#define PROBLEM_BODY_MAX         ((size_t)16 * 1024)
#define PROBLEM_PROXY_STATUS_MAX ((size_t)1024)

int http_problem_body(const struct http_problem *problem, struct buf *out)
{
    char type[128];
    const char *reason = problem->reason != NULL ? problem->reason : "";
    int len = snprintf(type, sizeof(type), "urn:clawbox:problem:%s", reason);
    if (len < 0 || (size_t)len >= sizeof(type)) {
        return CB_EINVAL;
    }
    struct json j;
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "type", span_str(type));
    json_text(&j, "title", span_str(http_phrase(problem->status)));
    json_number(&j, "status", problem->status);
    json_text(&j, "detail", span_str(problem->detail));
    json_text(&j, "verdict", span_str(problem->verdict));
    json_text(&j, "reason", span_str(reason));
    if (problem->request_id != NULL) {
        json_text(&j, "request_id", span_str(problem->request_id));
    }
    json_object(&j, "error");
    json_text(&j, "type", span_str(problem->verdict));
    json_text(&j, "code", span_str(reason));
    json_text(&j, "message", span_str(problem->detail));
    json_object_end(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    return r == 0 ? buf_append_byte(out, '\n') : r;
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

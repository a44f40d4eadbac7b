/*
 * write.c - HTTP/1.1 messages to bytes. Each call appends all of its bytes or, when it fails, none.
 */
#include "http/write.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "http/fields.h"

#define FIELDF_MAX 1024

/* Appends the pieces in one go. */
static int append_all(struct buf *out, const struct span *pieces, size_t count)
{
    size_t len = 0;
    uint8_t *to;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len > SIZE_MAX - len) {
            return CB_ELIMIT;
        }
        len += pieces[i].len;
    }
    int r = buf_reserve(out, len, &to);
    if (r != 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len != 0) {
            memcpy(to, pieces[i].ptr, pieces[i].len);
            to += pieces[i].len;
        }
    }
    buf_commit(out, len);
    return 0;
}

int http_write_request_line(struct buf *out, struct span method, struct span target)
{
    if (!http_name_valid(method) || target.len == 0) {
        return CB_EINVAL;
    }
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] <= 0x20 || target.ptr[i] >= 0x7f) {
            return CB_EINVAL;
        }
    }
    const struct span pieces[] = {method, SPAN_LIT(" "), target, SPAN_LIT(" HTTP/1.1\r\n")};
    return append_all(out, pieces, 4);
}

int http_write_status_line(struct buf *out, unsigned status)
{
    if (status < 100 || status > 599) {
        return CB_EINVAL;
    }
    return buf_appendf(out, "HTTP/1.1 %u %s\r\n", status, http_phrase(status));
}

int http_write_field(struct buf *out, struct span name, struct span value)
{
    if (!http_name_valid(name) || !http_value_valid(value)) {
        return CB_EINVAL;
    }
    const struct span pieces[] = {name, SPAN_LIT(": "), value, SPAN_LIT("\r\n")};
    return append_all(out, pieces, 4);
}

int http_write_fieldf(struct buf *out, const char *name, const char *fmt, ...)
{
    char text[FIELDF_MAX];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0) {
        return CB_EINVAL;
    }
    if ((size_t)len >= sizeof(text)) {
        return CB_ELIMIT;
    }
    return http_write_field(out, span_str(name), span_of(text, (size_t)len));
}

int http_write_framing(struct buf *out, enum http_framing framing, uint64_t content_length)
{
    switch (framing) {
    case HTTP_FRAMING_LENGTH:
        return buf_appendf(out, "Content-Length: %" PRIu64 "\r\n", content_length);
    case HTTP_FRAMING_CHUNKED:
        return buf_append_str(out, "Transfer-Encoding: chunked\r\n");
    case HTTP_FRAMING_NONE:
    case HTTP_FRAMING_CLOSE:
        return 0;
    case HTTP_FRAMING__COUNT:
    default:
        return CB_EINVAL;
    }
}

int http_write_head_end(struct buf *out)
{
    return buf_append_str(out, "\r\n");
}

int http_write_chunk(struct buf *out, struct span body)
{
    if (body.len == 0) {
        return 0;
    }
    char size[24];
    int len = snprintf(size, sizeof(size), "%zx\r\n", body.len);
    const struct span pieces[] = {span_of(size, (size_t)len), body, SPAN_LIT("\r\n")};
    return append_all(out, pieces, 3);
}

int http_write_last_chunk(struct buf *out)
{
    return buf_append_str(out, "0\r\n\r\n");
}

const char *http_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } table[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].status == status) {
            return table[i].phrase;
        }
    }
    return "";
}

/*
 * write.h - HTTP/1.1 messages to bytes. Every name and value is checked again here, so that nothing that could split
 * a head is ever written, whoever made it.
 */
#ifndef CB_HTTP_WRITE_H
#define CB_HTTP_WRITE_H

#include "base/buf.h"
#include "http/parser.h"

/* "METHOD target HTTP/1.1\r\n". The target must be visible ASCII, the method a token. CB_EINVAL otherwise. */
CB_MUST_USE int http_write_request_line(struct buf *out, struct span method, struct span target);
/* "HTTP/1.1 STATUS Phrase\r\n" with the standard phrase of the status, or none for an unknown one. 100 to 599. */
CB_MUST_USE int http_write_status_line(struct buf *out, unsigned status);
CB_MUST_USE int http_write_field(struct buf *out, struct span name, struct span value);
CB_MUST_USE int http_write_fieldf(struct buf *out, const char *name, const char *fmt, ...) CB_PRINTF(3, 4);
/* The framing field that belongs to it: Content-Length, Transfer-Encoding, or none for NONE and CLOSE. */
CB_MUST_USE int http_write_framing(struct buf *out, enum http_framing framing, uint64_t content_length);
CB_MUST_USE int http_write_head_end(struct buf *out);
/* One chunk around `body` (nothing for an empty body, which would end the message), and the last chunk without trailers. */
CB_MUST_USE int http_write_chunk(struct buf *out, struct span body);
CB_MUST_USE int http_write_last_chunk(struct buf *out);
/* The standard phrase, or "" for an unknown status. */
const char *http_phrase(unsigned status);

/* What a problem document says (RFC 9457). All text is ours but `instance`, which is a request id or NULL. */
struct http_problem {
    unsigned status;
    const char *verdict;     /* "denied" */
    const char *reason;      /* "no_route" */
    const char *detail;      /* a sentence for people */
    const char *proxy_error; /* RFC 9209 error type, or "" */
    const char *request_id;  /* or NULL */
};

/* The JSON body of the problem, shaped so that SDKs of model providers show it too: "type","title","status","detail",
 * "verdict","reason","request_id" (RFC 9457) and an "error" object with "type","code","message" (the same texts). */
CB_MUST_USE int http_problem_body(const struct http_problem *problem, struct buf *out);
/* The value of the Proxy-Status field: `clawbox; error=...; details="reason"`. */
CB_MUST_USE int http_problem_proxy_status(const struct http_problem *problem, struct buf *out);
/* A whole response: status line, Content-Type application/problem+json, Proxy-Status, Content-Length, Date-free, optional
 * Connection: close, optional Proxy-Authenticate for a 407, and the body unless `head_only`. */
CB_MUST_USE int http_problem_response(const struct http_problem *problem, bool close, bool head_only,
                                      struct buf *out);

#endif

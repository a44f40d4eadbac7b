/*
 * parser.h - HTTP/1.1 messages from bytes, strictly. Bytes in, events out; no sockets.
 *
 * llhttp (no lenient flags) reads the syntax; what it lets through and must not, this module refuses: more than one
 * Host, a Host that is missing (HTTP/1.1), more than one Content-Length or a form other than plain digits, any
 * Transfer-Encoding but exactly one "chunked", Transfer-Encoding with Content-Length or in HTTP/1.0, versions other
 * than 1.0 and 1.1, methods that are not a token of at most 32 upper-case letters and hyphens, bare CR or LF, obs-fold, control bytes, chunk extensions
 * over 256 bytes, chunk sizes with more than 16 digits, and heads over their limits.
 * The caller pulls:
 *
 *     struct span in = bytes;                          // what has arrived
 *     while ((r = http_parser_next(p, &in, &event)) == 0) switch (event.type) ...
 *     // CB_EAGAIN: `in` is empty, come back with more
 *
 * One message at a time: after HTTP_EVENT_END the parser waits in a state from which the next message is read, so
 * pipelined bytes stay in `in` until the caller asks for them. So do the first bytes of the tunnel after a CONNECT.
 * When the message said that it is the last (keep_alive is false), any byte after it is refused.
 *
 * Also refused, because what runs behind an upstream may read them as framing: Content_Length and Transfer_Encoding; and
 * trailers named like framing fields or Host. Up to two empty lines before a request are ignored, none before a
 * response. Upgrade is a field like any other; a 101 is refused unless it was asked for, and so are 204 and 1xx with a length.
 *
 * The events and the refusal are the same however the bytes are cut.
 */
#ifndef CB_HTTP_PARSER_H
#define CB_HTTP_PARSER_H

#include "base/err.h"
#include "base/span.h"

#define HTTP_HEAD_MAX           ((size_t)64 * 1024) /* start line and fields together */
#define HTTP_TARGET_MAX         ((size_t)16 * 1024)
#define HTTP_FIELDS_MAX         128
#define HTTP_TRAILERS_MAX       32
#define HTTP_TRAILERS_BYTES_MAX ((size_t)16 * 1024)
#define HTTP_INTERIMS_MAX       16 /* before one final response */

enum http_framing {
    HTTP_FRAMING_NONE,   /* no body */
    HTTP_FRAMING_LENGTH, /* content_length bytes */
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE, /* a response that ends with the connection */
    HTTP_FRAMING__COUNT
};

struct http_field {
    struct span name;  /* as sent */
    struct span value; /* without surrounding blanks */
};

/* A head. All spans, and those of trailers, are owned by the parser and live until the http_parser_next() that follows
 * HTTP_EVENT_END or HTTP_EVENT_INTERIM (with or without input: an idle parser holds no head), or http_parser_free(). */
struct http_head {
    struct span method; /* request */
    struct span target; /* request, as sent */
    unsigned status;    /* response */
    struct span phrase; /* response: the reason phrase as sent */
    unsigned minor;     /* HTTP/1.minor: 0 or 1 */
    const struct http_field *fields;
    size_t field_count;
    enum http_framing framing;
    uint64_t content_length;
    bool keep_alive; /* the sender allows another message on this connection */
    bool
        expect_continue; /* request with Expect: 100-continue that waits with its body: HTTP/1.1, and there is one */
};

enum http_event_type {
    HTTP_EVENT_HEAD,   /* event.head */
    HTTP_EVENT_BODY,   /* event.body: decoded bytes, a span into the caller's input */
    HTTP_EVENT_END,    /* the message is complete; event.trailers */
    HTTP_EVENT_INTERIM /* a 1xx response other than 101: event.head; the final head follows */
};

struct http_event {
    enum http_event_type type;
    const struct http_head *head;
    struct span body;
    const struct http_field *trailers;
    size_t trailer_count;
};

/* Why a message was refused; CB_EMALFORMED or CB_ELIMIT tells that, this tells which answer says it best. */
enum http_error {
    HTTP_ERROR_NONE,
    HTTP_ERROR_SYNTAX,          /* 400 */
    HTTP_ERROR_TARGET_TOO_LONG, /* 414 */
    HTTP_ERROR_HEAD_TOO_LARGE,  /* 431 */
    HTTP_ERROR_EXPECTATION,     /* 417: an Expect that is not 100-continue */
    HTTP_ERROR_VERSION          /* 505 */
};

struct http_parser;

/* NULL when out of memory. */
struct http_parser *http_parser_new_request(void);
struct http_parser *http_parser_new_response(void);
void http_parser_free(struct http_parser *p);
/* For a response parser, before each response: the response belongs to a HEAD request, so it has no body. The end of
 * that response sets it back to false. */
void http_parser_set_head_request(struct http_parser *p, bool is_head);
/* For a response parser, before a response: it may be a 101 (RFC 9110, 15.2.2), which is then the final head, without body, and the
 * last: its END leaves the bytes behind it in the input. The end of that response sets it back to false. */
void http_parser_set_upgrade(struct http_parser *p, bool asked);
/* The next event from *input, which is advanced past what was used. 0, CB_EAGAIN (all input used), CB_EMALFORMED,
 * CB_ELIMIT, CB_ENOMEM. After an error the parser answers with the same error for ever. */
CB_MUST_USE int http_parser_next(struct http_parser *p, struct span *input, struct http_event *event);
/* The connection ended. 0 with *event END when that ends a message (HTTP_FRAMING_CLOSE); CB_ECLOSED when no message
 * was under way; CB_ETRUNCATED when one was cut; an earlier refusal again. Call it when http_parser_next() has said
 * CB_EAGAIN. */
CB_MUST_USE int http_parser_eof(struct http_parser *p, struct http_event *event);
enum http_error http_parser_error(const struct http_parser *p);
/* A short text for logs: what was wrong. Static storage. */
const char *http_parser_why(const struct http_parser *p);

/* Library version for `clawbox version`. */
const char *http_llhttp_version(void);

#endif

/*
 * rules.h - what a message has to be beyond its syntax: start line, framing, Host, Expect. Private to modules/http.
 */
#ifndef CB_HTTP_RULES_H
#define CB_HTTP_RULES_H

#include "http/section.h"

/* Largest length that a Content-Length or a chunk may name: sums of such numbers then stay below 2^64. */
#define HTTP_LENGTH_MAX ((uint64_t)INT64_MAX)
#define HTTP_METHOD_MAX ((size_t)32)

/* Checks a start line byte by byte against the parts that llhttp found, fills method, target and minor (or status,
 * phrase and minor) of the head, and gives the offset of the first field line. 0 or the refusal's code. */
CB_MUST_USE int rules_request_line(const struct section *s, struct section_part method,
                                   struct section_part target, struct http_head *head, size_t *first,
                                   struct http_refusal *refusal);
CB_MUST_USE int rules_status_line(const struct section *s, struct section_part phrase, struct http_head *head,
                                  size_t *first, struct http_refusal *refusal);
/* The fields of a head: decides framing, content_length, keep_alive and expect_continue. 0 or the refusal's code. */
CB_MUST_USE int rules_request(struct http_head *head, struct http_refusal *refusal);
/* `head_request`: it answers a HEAD; `upgrade`: it answers a request that asked for one. */
CB_MUST_USE int rules_response(struct http_head *head, bool head_request, bool upgrade,
                               struct http_refusal *refusal);
/* Trailers must not say what only a head may (RFC 9110, 6.5.1): framing and routing. */
CB_MUST_USE int rules_trailers(const struct http_field *fields, size_t count, struct http_refusal *refusal);

#endif

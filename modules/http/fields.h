/*
 * fields.h - header fields: finding, classifying, checking, listing for the wire between processes.
 */
#ifndef CB_HTTP_FIELDS_H
#define CB_HTTP_FIELDS_H

#include "base/buf.h"
#include "http/parser.h"

/* The first field of that name (any case), or NULL; `name` is a NUL-terminated literal. */
const struct http_field *http_field_find(const struct http_field *fields, size_t count, const char *name);
/* The value of the only field of that name; empty when there is none. False when there are more, which means nothing. */
bool http_field_only(const struct http_head *head, const char *name, struct span *value);
/* True for a field that is about one connection and is never forwarded: Connection, Keep-Alive, Proxy-*, TE, Trailer,
 * Transfer-Encoding, Upgrade (RFC 9110, 7.6.1), HTTP2-Settings, and every name that a Connection field of the same message lists. */
bool http_field_is_hop_by_hop(const struct http_field *fields, size_t count, struct span name);
/* True when the comma-separated value lists the token (any case). */
bool http_field_has_token(struct span value, const char *token);
/* RFC 9110, 5.6.2 token, and 5.5 field value without obs-text folding: what may be put into a head that we write. Bytes above 0x7f are allowed in values. */
bool http_name_valid(struct span name);
bool http_value_valid(struct span value);

/* A field list as bytes, as it crosses between gate and egress: u16 count, then name (u16 length) and value (u32
 * length) of each. The reader checks counts, lengths, names and values, and fills at most `max` fields whose spans
 * point into `encoded`. */
CB_MUST_USE int http_fields_encode(const struct http_field *fields, size_t count, struct buf *out);
CB_MUST_USE int http_fields_decode(struct span encoded, struct http_field *fields, size_t max, size_t *count);

#endif

/*
 * json.h - writing JSON (RFC 8259) in one pass. Commas are put by the writer, text is escaped by it, and the first
 * error latches, so that a caller writes a whole document and asks once, in json_finish(), whether it worked.
 *
 * Keys are ours and NUL-terminated; they are NULL inside arrays and at the top. That ends match beginnings, and that
 * members of an object have keys, is the caller's duty: nothing that came from outside decides the structure.
 */
#ifndef CB_BASE_JSON_H
#define CB_BASE_JSON_H

#include "base/buf.h"

struct json {
    struct buf *out;
    int error;  /* the first one; nothing is appended after it */
    bool comma; /* the next value is not the first of its object or array */
};

/* Writes to the end of `out`, which is borrowed until json_finish(). Several documents may follow each other: call it
 * again for each. */
void json_init(struct json *j, struct buf *out);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
/* A string; what is not valid UTF-8 becomes U+FFFD. */
void json_text(struct json *j, const char *key, struct span value);
/* An integer, exact: readers that keep numbers as doubles lose what is above 2^53. */
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
#define JSON_TIME_MAX_MS 253402300799999U /* 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write */
/* Milliseconds since 1970 as a string like "2026-11-24T03:15:00.042Z" (RFC 3339). CB_EINVAL for years past 9999. */
void json_time(struct json *j, const char *key, uint64_t unix_ms);
/* The first error that latched, or 0. */
CB_MUST_USE int json_finish(struct json *j);

/* Appends one string literal with its quotes, as json_text() does, for those who need no more than that. */
CB_MUST_USE int json_quote(struct buf *out, struct span text);

#endif

/*
 * span.h - borrowed bytes: a pointer and a length, owned by somebody else.
 *
 * A span never owns memory and need not end in NUL. The empty span has length 0 and may have a NULL pointer.
 */
#ifndef CB_BASE_SPAN_H
#define CB_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *ptr;
    size_t len;
};

#define SPAN_EMPTY ((struct span){NULL, 0})
/* A span over a string literal, without its NUL. */
#define SPAN_LIT(literal) ((struct span){(const uint8_t *)("" literal ""), sizeof(literal) - 1})
/* printf helper: printf("%.*s", SPAN_ARG(s)). For text that is known to be printable. */
#define SPAN_ARG(s) \
    (int)((s).len > 4096 ? 4096 : (s).len), (const char *)((s).ptr ? (s).ptr : (const uint8_t *)"")

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

/* A span over a NUL-terminated string; NULL gives the empty span. */
static inline struct span span_str(const char *text)
{
    return (struct span){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_eq_str(struct span a, const char *text)
{
    return span_eq(a, span_str(text));
}

static inline uint8_t ascii_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t)(c | 0x20) : c;
}

/* ASCII case-insensitive equality, as header names and schemes need it. Never locale dependent. */
static inline bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

/* The part from `from`, at most `len` bytes; positions past the end give the empty span. */
static inline struct span span_sub(struct span s, size_t from, size_t len)
{
    if (from > s.len || s.ptr == NULL) {
        return SPAN_EMPTY;
    }
    size_t rest = s.len - from;
    return (struct span){s.ptr + from, len < rest ? len : rest};
}

#endif

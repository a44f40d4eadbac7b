/*
 * reader.h - reads fields from bytes that somebody else wrote; an error latches.
 *
 * After the first failure every call does nothing and gives zeroes, so a caller reads a whole message and asks once,
 * with reader_finish(), whether all of it was there and nothing was left over. All numbers are big-endian. Spans point
 * into the input.
 */
#ifndef CB_WIRE_READER_H
#define CB_WIRE_READER_H

#include "base/err.h"
#include "base/span.h"

struct reader {
    struct span rest;
    int error; /* 0 or the first failure */
};

static inline struct reader reader_of(struct span input)
{
    return (struct reader){.rest = input, .error = 0};
}

/* Takes `len` raw bytes. */
static inline struct span reader_take(struct reader *r, size_t len)
{
    if (r->error != 0 || len > r->rest.len) {
        r->error = r->error != 0 ? r->error : CB_ETRUNCATED;
        return SPAN_EMPTY;
    }
    struct span out = {r->rest.ptr, len};
    r->rest.ptr += len;
    r->rest.len -= len;
    return out;
}

static inline uint64_t reader_uint(struct reader *r, size_t bytes)
{
    struct span s = reader_take(r, bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        value = value << 8 | s.ptr[i];
    }
    return value;
}

static inline uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_uint(r, 1);
}

static inline uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_uint(r, 2);
}

static inline uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_uint(r, 4);
}

static inline uint64_t reader_u64(struct reader *r)
{
    return reader_uint(r, 8);
}

/* A boolean is one byte, 0 or 1; anything else is malformed. */
static inline bool reader_bool(struct reader *r)
{
    uint8_t value = reader_u8(r);
    if (value > 1) {
        r->error = r->error != 0 ? r->error : CB_EMALFORMED;
        return false;
    }
    return value == 1;
}

/* Bytes with a 32-bit length in front, at most `max` of them. */
static inline struct span reader_bytes(struct reader *r, size_t max)
{
    size_t len = reader_u32(r);
    if (r->error == 0 && len > max) {
        r->error = CB_ELIMIT;
    }
    return reader_take(r, len);
}

/* 0 when everything was read and nothing is left; else the first error, or CB_ETRAILING. */
CB_MUST_USE static inline int reader_finish(const struct reader *r)
{
    if (r->error != 0) {
        return r->error;
    }
    return r->rest.len == 0 ? 0 : CB_ETRAILING;
}

#endif

/*
 * writer.h - writes the fields that reader.h reads, into a buf; an error latches.
 */
#ifndef CB_WIRE_WRITER_H
#define CB_WIRE_WRITER_H

#include "base/buf.h"

struct writer {
    struct buf *out; /* borrowed */
    int error;       /* 0, CB_ELIMIT or CB_ENOMEM */
};

static inline struct writer writer_to(struct buf *out)
{
    return (struct writer){.out = out, .error = 0};
}

static inline void writer_raw(struct writer *w, const void *ptr, size_t len)
{
    if (w->error == 0) {
        w->error = buf_append(w->out, ptr, len);
    }
}

static inline void writer_uint(struct writer *w, uint64_t value, size_t bytes)
{
    uint8_t out[8];
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
    writer_raw(w, out, bytes);
}

static inline void writer_u8(struct writer *w, uint8_t value)
{
    writer_uint(w, value, 1);
}

static inline void writer_u16(struct writer *w, uint16_t value)
{
    writer_uint(w, value, 2);
}

static inline void writer_u32(struct writer *w, uint32_t value)
{
    writer_uint(w, value, 4);
}

static inline void writer_u64(struct writer *w, uint64_t value)
{
    writer_uint(w, value, 8);
}

static inline void writer_bool(struct writer *w, bool value)
{
    writer_u8(w, value ? 1 : 0);
}

/* Bytes with a 32-bit length in front; longer than `max` latches CB_ELIMIT. */
static inline void writer_bytes(struct writer *w, struct span s, size_t max)
{
    if (w->error == 0 && (s.len > max || s.len > UINT32_MAX)) {
        w->error = CB_ELIMIT;
    }
    writer_u32(w, (uint32_t)s.len);
    writer_raw(w, s.ptr, s.len);
}

CB_MUST_USE static inline int writer_finish(const struct writer *w)
{
    return w->error;
}

#endif

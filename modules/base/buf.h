/*
 * buf.h - owned bytes that grow up to a hard cap and are wiped when they are freed.
 *
 * A buf is a queue: bytes are appended at the end and consumed from the front. Appending fails with CB_ELIMIT past
 * its cap and with CB_ENOMEM when memory ends; the content is unchanged then. Every byte that leaves a buf (free,
 * reset, growth that moves it) is wiped when the buf was made sensitive with buf_set_sensitive(): so nobody has to
 * remember. A zeroed struct is not usable: call buf_init() first.
 */
#ifndef CB_BASE_BUF_H
#define CB_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
    uint8_t *data;   /* allocation, NULL while empty */
    size_t start;    /* first live byte */
    size_t end;      /* one past the last live byte */
    size_t capacity; /* of the allocation */
    size_t max;      /* cap on end - start */
    bool sensitive;
};

/* Prepares an empty buffer that may hold at most `max` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* From now on, wipe what the buffer lets go of. */
void buf_set_sensitive(struct buf *b);
/* Frees the memory; the buffer is empty and usable again. A zeroed struct and NULL are fine. */
void buf_deinit(struct buf *b);
/* Drops the content and keeps the allocation. */
void buf_reset(struct buf *b);

/* The live bytes, borrowed until the next call that changes the buffer. */
static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->data != NULL ? b->data + b->start : NULL, b->end - b->start};
}

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

/* How many bytes may still be appended under the cap. */
static inline size_t buf_room(const struct buf *b)
{
    return b->max - buf_len(b);
}

/* Makes room for `len` more contiguous bytes and returns where to write them in *out; buf_commit() then makes them
 * part of the content. 0, CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int buf_reserve(struct buf *b, size_t len, uint8_t **out);
void buf_commit(struct buf *b, size_t len);

CB_MUST_USE int buf_append(struct buf *b, const void *ptr, size_t len);
CB_MUST_USE int buf_append_span(struct buf *b, struct span s);
CB_MUST_USE int buf_append_str(struct buf *b, const char *text);
CB_MUST_USE int buf_append_byte(struct buf *b, uint8_t byte);
/* Formatted text. Never for secrets: printf keeps copies on the stack. */
CB_MUST_USE int buf_appendf(struct buf *b, const char *fmt, ...) CB_PRINTF(2, 3);

/* Drops `len` bytes from the front; `len` must not be larger than buf_len(). */
void buf_consume(struct buf *b, size_t len);

#endif

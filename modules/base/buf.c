/* buf.c - the capped, wiping byte queue. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_CAPACITY 256

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_set_sensitive(struct buf *b)
{
    b->sensitive = true;
}

static void buf_wipe(struct buf *b, size_t from, size_t to)
{
    if (b->sensitive && b->data != NULL && to > from) {
        explicit_bzero(b->data + from, to - from);
    }
}

void buf_deinit(struct buf *b)
{
    if (b == NULL) {
        return;
    }
    buf_wipe(b, 0, b->capacity);
    free(b->data);
    b->data = NULL;
    b->start = b->end = b->capacity = 0;
}

void buf_reset(struct buf *b)
{
    buf_wipe(b, b->start, b->end);
    b->start = b->end = 0;
}

/* Moves the content to the front of an allocation of at least `need` bytes. A sensitive buffer is never handed to
 * realloc(), which would leave the old copy behind. */
static int buf_grow(struct buf *b, size_t need)
{
    size_t len = buf_len(b);
    size_t capacity = b->capacity != 0 ? b->capacity : BUF_FIRST_CAPACITY;
    while (capacity < need) {
        if (capacity > SIZE_MAX / 2) {
            return CB_ENOMEM;
        }
        capacity *= 2;
    }
    uint8_t *data = malloc(capacity);
    if (data == NULL) {
        return CB_ENOMEM;
    }
    if (len != 0) {
        memcpy(data, b->data + b->start, len);
    }
    buf_wipe(b, 0, b->capacity);
    free(b->data);
    b->data = data;
    b->capacity = capacity;
    b->start = 0;
    b->end = len;
    return 0;
}

int buf_reserve(struct buf *b, size_t len, uint8_t **out)
{
    size_t used = buf_len(b);
    if (len > b->max - used) {
        return CB_ELIMIT;
    }
    if (b->data == NULL || len > b->capacity - b->end) {
        if (b->data != NULL && used + len <= b->capacity && b->start >= b->capacity / 2) {
            memmove(b->data, b->data + b->start, used);
            buf_wipe(b, used, b->end);
            b->start = 0;
            b->end = used;
        } else {
            int r = buf_grow(b, used + len);
            if (r != 0) {
                return r;
            }
        }
    }
    *out = b->data + b->end;
    return 0;
}

void buf_commit(struct buf *b, size_t len)
{
    b->end += len;
}

int buf_append(struct buf *b, const void *ptr, size_t len)
{
    uint8_t *to;
    int r = buf_reserve(b, len, &to);
    if (r != 0) {
        return r;
    }
    if (len != 0) {
        memcpy(to, ptr, len);
    }
    buf_commit(b, len);
    return 0;
}

int buf_append_span(struct buf *b, struct span s)
{
    return buf_append(b, s.ptr, s.len);
}

int buf_append_str(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_append_byte(struct buf *b, uint8_t byte)
{
    return buf_append(b, &byte, 1);
}

int buf_appendf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    int r = CB_EINVAL;
    uint8_t *to;
    if (len >= 0 && (r = buf_reserve(b, (size_t)len + 1, &to)) == 0) {
        (void)vsnprintf((char *)to, (size_t)len + 1, fmt, again);
        buf_commit(b, (size_t)len);
    }
    va_end(again);
    return r;
}

void buf_consume(struct buf *b, size_t len)
{
    size_t used = buf_len(b);
    if (len > used) {
        len = used;
    }
    buf_wipe(b, b->start, b->start + len);
    b->start += len;
    if (b->start == b->end) {
        b->start = b->end = 0;
    }
}

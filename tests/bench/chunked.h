/*
 * chunked.h - the chunked transfer coding, read as it comes (RFC 9112, 7.1). For origin and load.
 */
#ifndef BENCH_CHUNKED_H
#define BENCH_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_DATA,
    CHUNKED_DATA_END,
    CHUNKED_TRAILER,      /* at the start of a line */
    CHUNKED_TRAILER_LINE, /* inside one */
};

/* Zeroed at the start of a body. */
struct chunked {
    enum chunked_state state;
    uint64_t left; /* of the chunk's data */
};

/* Reads framing up to the next data or the end of the body, which sets *end. Returns how many bytes of `data` it was, and
 * SIZE_MAX when it is none. Afterwards the next `left` bytes are data. */
size_t chunked_skip(struct chunked *c, const char *data, size_t length, bool *end);
/* Notes that `length` bytes of data, at most `left`, were taken. */
void chunked_used(struct chunked *c, size_t length);

#endif

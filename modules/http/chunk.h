/*
 * chunk.h - how long a chunk's first line may be. Private to modules/http.
 *
 * llhttp reads the line; this looks at the same bytes first, because llhttp neither counts digits nor extensions.
 */
#ifndef CB_HTTP_CHUNK_H
#define CB_HTTP_CHUNK_H

#include "http/refusal.h"

#define HTTP_CHUNK_DIGITS_MAX    16
#define HTTP_CHUNK_EXTENSION_MAX 256

struct chunk_line {
    enum { CHUNK_LINE_SIZE, CHUNK_LINE_EXTENSION, CHUNK_LINE_LF } stage;
    unsigned digits;
    unsigned extension; /* bytes behind the first semicolon */
};

/* Looks at what has arrived of a line, up to its LF. Returns how many bytes are fine; when fewer than there are and the
 * line is not complete, *refusal says what the next one breaks. */
size_t chunk_line_scan(struct chunk_line *line, struct span input, struct http_refusal *refusal);

#endif

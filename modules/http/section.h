/*
 * section.h - the bytes of a head or of trailers as they were sent, and the fields in them. Private to modules/http.
 *
 * llhttp says where names and values are. section_finish() then takes that as a claim and accounts for every byte of
 * the section: what is not a name, a value or a part of the start line has to be exactly the ": ", blanks and CRLF
 * that RFC 9112 puts there. So nothing that llhttp skips silently can pass.
 */
#ifndef CB_HTTP_SECTION_H
#define CB_HTTP_SECTION_H

#include "base/buf.h"
#include "http/refusal.h"

/* A part of a section, as offsets, because the bytes move while they are collected. */
struct section_part {
    size_t at;
    size_t len;
};

struct section_line {
    struct section_part name;
    struct section_part value;
};

struct section {
    struct buf
        raw; /* wiped when it is let go: heads hold proxy passwords, and upstreams may echo credentials */
    struct section_line *lines;
    size_t capacity;
    size_t count;
    size_t max_fields;
    struct http_field *fields; /* after section_finish() */
};

/* Prepares an empty section; allocates nothing. */
void section_init(struct section *s, size_t max_bytes, size_t max_fields);
/* Frees what the section holds; it is empty and usable again. */
void section_release(struct section *s);
/* How many bytes have been collected. */
static inline size_t section_len(const struct section *s)
{
    return buf_len(&s->raw);
}
/* Adds `len` bytes at offset `at` to a part. False when they do not follow on what the part already has. */
CB_MUST_USE bool section_part_extend(struct section_part *part, size_t at, size_t len);
/* Notes one field line. 0, CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int section_add(struct section *s, struct section_part name, struct section_part value);
/* All bytes are there: checks every line from offset `first` to the empty line, and makes the fields. */
CB_MUST_USE int section_finish(struct section *s, size_t first, struct http_refusal *refusal);
/* The bytes of a part, borrowed from the section. */
struct span section_span(const struct section *s, struct section_part part);

#endif

/*
 * aws_chunks.c - a body of signed chunks gets the signatures of the right key; its length stays.
 *
 *   SIZE ";chunk-signature=" 64 hexadecimal digits CRLF, SIZE bytes, CRLF, ... and a chunk of size 0 at the end; then, where the
 *   head has announced them, trailers, one on a line, the last of which is x-amz-trailer-signature; and an empty line.
 *
 * A signature stands before what it signs, so each chunk is held until it is whole.
 */
#include "inject/aws.h"

#include <stdlib.h>

#include "base/encode.h"
#include "inject/internal.h"

#define SIGNATURE_NAME         ";chunk-signature="
#define TRAILER_SIGNATURE_NAME "x-amz-trailer-signature:"
#define LINE_MAX_LEN           256
#define TRAILERS_MAX           2048 /* bytes */

enum where { AT_HEADER, AT_DATA, AT_DATA_END, AT_TRAILER, AT_LAST_LINE, AT_END };

struct inject_aws_chunks {
    struct secret *memory; /* `signing` */
    struct inject_aws *signing;
    bool has_trailer;
    enum where where;
    enum policy_reason reason;
    uint8_t line[LINE_MAX_LEN]; /* as far as it has come, with its CRLF */
    size_t line_len;
    size_t size_len; /* digits of the chunk's size, at the start of `line` */
    size_t left;     /* of the chunk's bytes */
    struct buf data;
    struct buf trailers; /* as they are signed */
};

struct inject_aws_chunks *inject_aws_chunks_new(const struct inject_aws *signing, bool trailer)
{
    struct inject_aws_chunks *c = calloc(1, sizeof(*c));
    struct secret *memory = secret_from(span_of(signing, sizeof(*signing)));
    if (c == NULL || memory == NULL) {
        secret_free(memory);
        free(c);
        return NULL;
    }
    c->memory = memory;
    c->signing = (struct inject_aws *)(void *)secret_ptr(memory);
    c->has_trailer = trailer;
    c->reason = POLICY_REASON_ROUTE;
    buf_init(&c->data, INJECT_AWS_CHUNK_MAX);
    buf_init(&c->trailers, TRAILERS_MAX);
    return c;
}

void inject_aws_chunks_free(struct inject_aws_chunks *c)
{
    if (c != NULL) {
        secret_free(c->memory);
        buf_deinit(&c->data);
        buf_deinit(&c->trailers);
        free(c);
    }
}

static void hash_hex(struct span bytes, char out[INJECT_AWS_HEX + 1])
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256(&bytes, 1, hash);
    encode_hex(hash, sizeof(hash), out);
}

/* The next signature of the chain. */
static void sign_chunk(struct inject_aws_chunks *c)
{
    char before[INJECT_AWS_HEX + 1];
    char nothing[INJECT_AWS_HEX + 1];
    char data[INJECT_AWS_HEX + 1];
    memcpy(before, c->signing->signature, sizeof(before));
    hash_hex(SPAN_EMPTY, nothing);
    hash_hex(buf_span(&c->data), data);
    const struct span lines[] = {span_str(before), span_str(nothing), span_str(data)};
    inject_aws_sign(c->signing, "AWS4-HMAC-SHA256-PAYLOAD", lines, 3);
}

static void sign_trailers(struct inject_aws_chunks *c)
{
    char before[INJECT_AWS_HEX + 1];
    char trailers[INJECT_AWS_HEX + 1];
    memcpy(before, c->signing->signature, sizeof(before));
    hash_hex(buf_span(&c->trailers), trailers);
    const struct span lines[] = {span_str(before), span_str(trailers)};
    inject_aws_sign(c->signing, "AWS4-HMAC-SHA256-TRAILER", lines, 2);
}

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = ascii_lower(s.ptr[i]);
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

/* The line that begins a chunk, without its CRLF. */
static enum policy_reason read_header(struct inject_aws_chunks *c, struct span line)
{
    const struct span name = SPAN_LIT(SIGNATURE_NAME);
    size_t size = 0;
    size_t len = 0;
    while (len < line.len && len < 8 && is_hex(span_sub(line, len, 1))) {
        uint8_t digit = ascii_lower(line.ptr[len++]);
        size = size << 4 | (size_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    struct span signature = span_sub(line, len + name.len, SIZE_MAX);
    if (len == 0 || !span_eq(span_sub(line, len, name.len), name) || signature.len != INJECT_AWS_HEX ||
        !is_hex(signature)) {
        return POLICY_REASON_BODY_FORMAT;
    }
    if (size > INJECT_AWS_CHUNK_MAX) {
        return POLICY_REASON_BODY_BUFFER;
    }
    c->size_len = len;
    c->left = size;
    buf_reset(&c->data);
    c->where = AT_DATA;
    return POLICY_REASON_ROUTE;
}

/* The chunk is whole: its line, with the new signature, and its bytes. */
static enum policy_reason write_chunk(struct inject_aws_chunks *c, struct buf *out)
{
    sign_chunk(c);
    bool last = buf_len(&c->data) == 0;
    bool written = buf_append(out, c->line, c->size_len) == 0 && buf_append_str(out, SIGNATURE_NAME) == 0 &&
                   buf_append_str(out, c->signing->signature) == 0 && buf_append_str(out, "\r\n") == 0 &&
                   buf_append_span(out, buf_span(&c->data)) == 0;
    c->line_len = 0;
    c->where = !last ? AT_DATA_END : c->has_trailer ? AT_TRAILER : AT_LAST_LINE;
    return written ? POLICY_REASON_ROUTE : POLICY_REASON_INTERNAL;
}

/* A trailer, without its CRLF: names are signed in lower case, values without the blanks around them. */
static enum policy_reason read_trailer(struct inject_aws_chunks *c, struct span line, struct buf *out)
{
    const struct span own = SPAN_LIT(TRAILER_SIGNATURE_NAME);
    const uint8_t *colon = line.len != 0 ? memchr(line.ptr, ':', line.len) : NULL;
    if (colon == NULL || !http_name_valid(span_sub(line, 0, (size_t)(colon - line.ptr)))) {
        return POLICY_REASON_BODY_FORMAT;
    }
    if (span_eq_nocase(span_sub(line, 0, own.len), own)) {
        struct span signature = span_sub(line, own.len, SIZE_MAX);
        if (signature.len != INJECT_AWS_HEX || !is_hex(signature)) {
            return POLICY_REASON_BODY_FORMAT;
        }
        sign_trailers(c);
        c->where = AT_LAST_LINE;
        bool written = buf_append_span(out, span_sub(line, 0, own.len)) == 0 &&
                       buf_append_str(out, c->signing->signature) == 0 && buf_append_str(out, "\r\n") == 0;
        return written ? POLICY_REASON_ROUTE : POLICY_REASON_INTERNAL;
    }
    struct span value = span_sub(line, (size_t)(colon - line.ptr) + 1, SIZE_MAX);
    while (value.len != 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value = span_sub(value, 1, SIZE_MAX);
    }
    while (value.len != 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t')) {
        value.len--;
    }
    int r = http_value_valid(value) ? 0 : CB_EINVAL;
    for (const uint8_t *p = line.ptr; r == 0 && p <= colon; p++) {
        r = buf_append_byte(&c->trailers, ascii_lower(*p));
    }
    r = r == 0 ? buf_append_span(&c->trailers, value) : r;
    r = r == 0 ? buf_append_byte(&c->trailers, '\n') : r;
    if (r != 0) {
        return r == CB_ENOMEM ? POLICY_REASON_INTERNAL : POLICY_REASON_BODY_FORMAT;
    }
    bool written = buf_append_span(out, line) == 0 && buf_append_str(out, "\r\n") == 0;
    return written ? POLICY_REASON_ROUTE : POLICY_REASON_INTERNAL;
}

/* A whole line, without its CRLF. */
static enum policy_reason take_line(struct inject_aws_chunks *c, struct span line, struct buf *out)
{
    enum policy_reason reason;
    switch (c->where) {
    case AT_HEADER:
        reason = read_header(c, line);
        return reason == POLICY_REASON_ROUTE && c->left == 0 ? write_chunk(c, out) : reason;
    case AT_TRAILER:
        c->line_len = 0;
        return read_trailer(c, line, out);
    default: /* nothing stands on the line behind a chunk's bytes, nor on the last */
        c->line_len = 0;
        c->where = c->where == AT_DATA_END ? AT_HEADER : AT_END;
        return line.len != 0                      ? POLICY_REASON_BODY_FORMAT
               : buf_append_str(out, "\r\n") == 0 ? POLICY_REASON_ROUTE
                                                  : POLICY_REASON_INTERNAL;
    }
}

static enum policy_reason take_byte(struct inject_aws_chunks *c, uint8_t byte, struct buf *out)
{
    if (c->where == AT_END || c->line_len == sizeof(c->line)) {
        return POLICY_REASON_BODY_FORMAT;
    }
    c->line[c->line_len++] = byte;
    bool after_cr = c->line_len >= 2 && c->line[c->line_len - 2] == '\r';
    if ((byte == '\n') != after_cr) {
        return POLICY_REASON_BODY_FORMAT; /* CR and LF stand together, or not at all */
    }
    return byte == '\n' ? take_line(c, span_of(c->line, c->line_len - 2), out) : POLICY_REASON_ROUTE;
}

static enum policy_reason feed(struct inject_aws_chunks *c, struct span in, struct buf *out)
{
    enum policy_reason reason = POLICY_REASON_ROUTE;
    while (reason == POLICY_REASON_ROUTE && in.len != 0) {
        if (c->where != AT_DATA) {
            reason = take_byte(c, in.ptr[0], out);
            in = span_sub(in, 1, SIZE_MAX);
            continue;
        }
        struct span part = span_sub(in, 0, c->left);
        if (buf_append_span(&c->data, part) != 0) {
            return POLICY_REASON_INTERNAL;
        }
        in = span_sub(in, part.len, SIZE_MAX);
        c->left -= part.len;
        reason = c->left == 0 ? write_chunk(c, out) : reason;
    }
    return reason;
}

enum policy_reason inject_aws_chunks_feed(struct inject_aws_chunks *c, struct span in, struct buf *out)
{
    if (c->reason == POLICY_REASON_ROUTE) {
        c->reason = feed(c, in, out);
    }
    return c->reason;
}

enum policy_reason inject_aws_chunks_end(const struct inject_aws_chunks *c)
{
    return c->reason != POLICY_REASON_ROUTE || c->where == AT_END ? c->reason : POLICY_REASON_BODY_FORMAT;
}

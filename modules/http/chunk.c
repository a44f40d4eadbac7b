/* chunk.c - limits on a chunk's first line. */
#include "http/chunk.h"

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* Takes one byte into account. 0, or the code of the refusal. */
static int chunk_line_step(struct chunk_line *line, uint8_t c, struct http_refusal *refusal)
{
    switch (line->stage) {
    case CHUNK_LINE_SIZE:
        if (is_hex(c) && line->digits == HTTP_CHUNK_DIGITS_MAX) {
            return http_refuse(refusal, CB_ELIMIT, HTTP_ERROR_SYNTAX, "a chunk size of too many digits");
        }
        if (is_hex(c)) {
            line->digits++;
            return 0;
        }
        if (line->digits == 0 || (c != ';' && c != '\r')) {
            return http_refuse_syntax(refusal, "a chunk size that is not hexadecimal digits");
        }
        line->stage = c == ';' ? CHUNK_LINE_EXTENSION : CHUNK_LINE_LF;
        return 0;
    case CHUNK_LINE_EXTENSION:
        if (c == '\r' && line->extension != 0) {
            line->stage = CHUNK_LINE_LF;
            return 0;
        }
        if ((c < 0x20 && c != '\t') || c >= 0x7f) {
            return http_refuse_syntax(refusal, "a chunk extension that is empty or not plain text");
        }
        if (line->extension == HTTP_CHUNK_EXTENSION_MAX) {
            return http_refuse(refusal, CB_ELIMIT, HTTP_ERROR_SYNTAX, "a chunk extension that is too long");
        }
        line->extension++;
        return 0;
    case CHUNK_LINE_LF:
    default:
        return c == '\n' ? 0 : http_refuse_syntax(refusal, "a chunk size line that does not end in CRLF");
    }
}

size_t chunk_line_scan(struct chunk_line *line, struct span input, struct http_refusal *refusal)
{
    for (size_t i = 0; i < input.len; i++) {
        bool last = line->stage == CHUNK_LINE_LF;
        if (chunk_line_step(line, input.ptr[i], refusal) != 0) {
            return i;
        }
        if (last) {
            return i + 1;
        }
    }
    return input.len;
}

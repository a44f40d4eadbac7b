/* chunked.c - the chunked transfer coding, read byte by byte. */
#include "chunked.h"

static int digit_value(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool size_byte(struct chunked *c, char byte)
{
    int digit = digit_value(byte);
    if (digit < 0 || c->left > UINT64_MAX >> 8) {
        return false;
    }
    c->left = c->left * 16 + (uint64_t)digit;
    return true;
}

size_t chunked_skip(struct chunked *c, const char *data, size_t length, bool *end)
{
    size_t i = 0;
    while (i < length && c->state != CHUNKED_DATA && !*end) {
        char byte = data[i++];
        bool newline = byte == '\n';
        switch (c->state) {
        case CHUNKED_SIZE:
        case CHUNKED_EXTENSION:
            if (newline) {
                c->state = c->left == 0 ? CHUNKED_TRAILER : CHUNKED_DATA;
            } else if (byte == ';') {
                c->state = CHUNKED_EXTENSION;
            } else if (c->state == CHUNKED_SIZE && byte != '\r' && !size_byte(c, byte)) {
                return SIZE_MAX;
            }
            break;
        case CHUNKED_DATA_END:
            c->state = newline ? CHUNKED_SIZE : CHUNKED_DATA_END;
            break;
        case CHUNKED_TRAILER:
            *end = newline;
            c->state = byte == '\r' ? CHUNKED_TRAILER : CHUNKED_TRAILER_LINE;
            break;
        case CHUNKED_TRAILER_LINE:
            c->state = newline ? CHUNKED_TRAILER : CHUNKED_TRAILER_LINE;
            break;
        case CHUNKED_DATA:
            break;
        }
    }
    return i;
}

void chunked_used(struct chunked *c, size_t length)
{
    c->left -= length;
    if (c->left == 0) {
        c->state = CHUNKED_DATA_END;
    }
}

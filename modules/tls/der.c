/* der.c - one element of DER. */
#include "tls/der.h"

bool der_take(struct span *rest, uint8_t *tag, struct span *value)
{
    if (rest->len < 2 || (rest->ptr[0] & 0x1f) == 0x1f) {
        return false;
    }
    size_t head = 2;
    size_t len = rest->ptr[1];
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;
        if (bytes == 0 || bytes > 3 || rest->len < head + bytes || rest->ptr[head] == 0) {
            return false;
        }
        len = 0;
        for (size_t i = 0; i < bytes; i++) {
            len = len << 8 | rest->ptr[head + i];
        }
        head += bytes;
        if (len < 0x80) {
            return false;
        }
    }
    if (len > rest->len - head) {
        return false;
    }
    *tag = rest->ptr[0];
    *value = span_sub(*rest, head, len);
    *rest = span_sub(*rest, head + len, SIZE_MAX);
    return true;
}

bool der_expect(struct span *rest, uint8_t tag, struct span *value)
{
    struct span left = *rest;
    uint8_t found;
    if (!der_take(&left, &found, value) || found != tag) {
        return false;
    }
    *rest = left;
    return true;
}

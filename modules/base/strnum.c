/* strnum.c - strict decimal numbers. */
#include "base/strnum.h"

int strnum_u64(struct span text, uint64_t max, uint64_t *out)
{
    if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0')) {
        return CB_EMALFORMED;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return CB_EMALFORMED;
        }
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return CB_ELIMIT;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return CB_ELIMIT;
    }
    *out = value;
    return 0;
}

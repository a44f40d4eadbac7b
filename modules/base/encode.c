/* encode.c - hexadecimal and base64. */
#include "base/encode.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void encode_hex(const void *ptr, size_t len, char *out)
{
    const uint8_t *in = ptr;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[in[i] >> 4];
        out[2 * i + 1] = hex_digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int decode_hex(struct span text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len) {
        return CB_EMALFORMED;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.ptr[2 * i]);
        int low = hex_value(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return CB_EMALFORMED;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static size_t base64_write(const void *ptr, size_t len, char *out, const char *alphabet, bool padded)
{
    const uint8_t *in = ptr;
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)in[i] << 16;
        group |= have > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        group |= have > 2 ? (uint32_t)in[i + 2] : 0;
        out[at++] = alphabet[group >> 18 & 63];
        out[at++] = alphabet[group >> 12 & 63];
        if (have > 1) {
            out[at++] = alphabet[group >> 6 & 63];
        } else if (padded) {
            out[at++] = '=';
        }
        if (have > 2) {
            out[at++] = alphabet[group & 63];
        } else if (padded) {
            out[at++] = '=';
        }
    }
    out[at] = '\0';
    return at;
}

size_t encode_base64(const void *ptr, size_t len, char *out)
{
    return base64_write(ptr, len, out, base64_std, true);
}

size_t encode_base64url(const void *ptr, size_t len, char *out)
{
    return base64_write(ptr, len, out, base64_url, false);
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int decode_base64(struct span text, uint8_t *out, size_t *out_len)
{
    if (text.len % 4 != 0) {
        return CB_EMALFORMED;
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=') {
        padding++;
    }
    size_t len = text.len / 4 * 3 - padding;
    if (len > *out_len) {
        return CB_ELIMIT;
    }
    size_t at = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t digits = i + 4 == text.len ? 4 - padding : 4;
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j < digits ? base64_value(text.ptr[i + j]) : 0;
            if (value < 0) {
                return CB_EMALFORMED;
            }
            group = group << 6 | (uint32_t)value;
        }
        if ((digits == 3 && (group & 0xff) != 0) || (digits == 2 && (group & 0xffff) != 0)) {
            return CB_EMALFORMED;
        }
        for (size_t j = 0; j + 1 < digits; j++) {
            out[at++] = (uint8_t)(group >> (16 - 8 * j));
        }
    }
    *out_len = at;
    return 0;
}

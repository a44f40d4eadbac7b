/* placeholder.c - random values in the shape of a credential. */
#include "policy/placeholder.h"

#include <stdio.h>

#include "base/secret.h"
#include "base/strnum.h"

#define RANDOM_MIN 22 /* of 62 letters and digits: 131 bits */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#define ALPHABET_LEN (sizeof(alphabet) - 1)

/* A byte below the largest multiple of 62 chooses every letter equally often; others are thrown away. */
static char random_letter(void)
{
    uint8_t byte;
    do {
        secret_random(&byte, 1);
    } while (byte >= 256 / ALPHABET_LEN * ALPHABET_LEN);
    return alphabet[byte % ALPHABET_LEN];
}

/* What a header may carry and no place that quotes it would change: no blank, quote, comma, semicolon or backslash. */
static bool is_literal(uint8_t c)
{
    return c > 0x20 && c < 0x7f && memchr("{}\"'\\,;", c, 7) == NULL;
}

/* Walks the shape; writes the placeholder when `out` is not NULL. Returns NULL, or what is wrong. */
static const char *expand(struct span shape, char *out)
{
    size_t len = 0;
    uint64_t total = 0;
    for (size_t at = 0; at < shape.len;) {
        uint64_t count = 1;
        bool random = shape.ptr[at] == '{';
        if (random) {
            struct span rest = span_sub(shape, at + 1, shape.len);
            const uint8_t *close = rest.len != 0 ? memchr(rest.ptr, '}', rest.len) : NULL;
            if (close == NULL ||
                strnum_u64(span_sub(rest, 0, (size_t)(close - rest.ptr)), PLACEHOLDER_MAX, &count) != 0 ||
                count == 0) {
                return "braces hold the number of random characters, as in \"sk-{48}\"";
            }
            at += (size_t)(close - rest.ptr) + 2;
            total += count;
        } else if (is_literal(shape.ptr[at])) {
            at++;
        } else {
            return "a shape is visible ASCII without quotes, commas, semicolons and backslashes";
        }
        if (count >= PLACEHOLDER_MAX - len) {
            return "the placeholder would be longer than 255 bytes";
        }
        for (uint64_t i = 0; out != NULL && i < count; i++) {
            out[len + i] = random ? random_letter() : (char)shape.ptr[at - 1];
        }
        len += count;
    }
    if (total < RANDOM_MIN) {
        return "too easy to guess: at least 22 random characters in all, as in \"{22}\"";
    }
    if (out != NULL) {
        out[len] = '\0';
    }
    return NULL;
}

int placeholder_make(struct span shape, char out[PLACEHOLDER_MAX])
{
    out[0] = '\0';
    return expand(shape, NULL) == NULL && expand(shape, out) == NULL ? 0 : CB_EINVAL;
}

bool placeholder_is_valid(struct span value)
{
    size_t letters = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_literal(value.ptr[i])) {
            return false;
        }
        letters += value.ptr[i] != 0 && strchr(alphabet, value.ptr[i]) != NULL;
    }
    return letters >= RANDOM_MIN && value.len < PLACEHOLDER_MAX;
}

int placeholder_shape_check(struct span shape, char *why, size_t why_size)
{
    const char *wrong = expand(shape, NULL);
    if (wrong == NULL) {
        return 0;
    }
    (void)snprintf(why, why_size, "%s", wrong);
    return CB_EINVAL;
}

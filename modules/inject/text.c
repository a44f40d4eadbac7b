/* text.c - percent-escapes, read and written. */
#include "inject/internal.h"

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint8_t inject_text_next(struct span text, size_t *at)
{
    uint8_t c = text.ptr[(*at)++];
    if (c != '%' || text.len - *at < 2) {
        return c;
    }
    int high = hex_digit(text.ptr[*at]);
    int low = hex_digit(text.ptr[*at + 1]);
    if (high < 0 || low < 0) {
        return c;
    }
    *at += 2;
    return (uint8_t)(high << 4 | low);
}

/* True when `part` stands decoded at `at`; *end is then behind it. */
static bool stands_at(struct span text, size_t at, struct span part, size_t *end)
{
    for (size_t i = 0; i < part.len; i++) {
        if (at >= text.len || inject_text_next(text, &at) != part.ptr[i]) {
            return false;
        }
    }
    *end = at;
    return true;
}

bool inject_text_is(struct span text, struct span want)
{
    size_t end = 0;
    return stands_at(text, 0, want, &end) && end == text.len;
}

bool inject_text_contains(struct span text, struct span part)
{
    if (part.len == 0 || text.len < part.len) {
        return false;
    }
    if (memmem(text.ptr, text.len, part.ptr, part.len) != NULL) {
        return true;
    }
    if (memchr(text.ptr, '%', text.len) == NULL) {
        return false;
    }
    for (size_t at = 0; at < text.len; (void)inject_text_next(text, &at)) {
        size_t end;
        if (stands_at(text, at, part, &end)) {
            return true;
        }
    }
    return false;
}

static bool is_unreserved(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

int inject_text_escape(struct span text, const char *keep, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    struct span kept = span_str(keep);
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (is_unreserved(c) || (kept.len != 0 && memchr(kept.ptr, c, kept.len) != NULL)) {
            r = buf_append_byte(out, c);
        } else {
            const uint8_t escape[3] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
            r = buf_append(out, escape, sizeof(escape));
        }
    }
    return r;
}

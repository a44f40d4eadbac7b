/* tags.c - reading lists of entity tags. */
#include "http/tags.h"

static bool is_tag_byte(uint8_t c)
{
    return c == 0x21 || (c >= 0x23 && c != 0x7f); /* etagc of RFC 9110, 8.8.3 */
}

/* Takes blanks off the front. */
static void skip_blanks(struct span *text)
{
    while (text->len != 0 && (text->ptr[0] == ' ' || text->ptr[0] == '\t')) {
        *text = span_sub(*text, 1, SIZE_MAX);
    }
}

/* Takes one tag with its quotes off the front. False when none stands there. */
static bool take_tag(struct span *text, struct span *tag, bool *is_weak)
{
    *is_weak = span_starts(*text, SPAN_LIT("W/"));
    if (*is_weak) {
        *text = span_sub(*text, 2, SIZE_MAX);
    }
    if (text->len == 0 || text->ptr[0] != '"') {
        return false;
    }
    size_t len = 1;
    while (len < text->len && is_tag_byte(text->ptr[len])) {
        len++;
    }
    if (len == text->len || text->ptr[len] != '"') {
        return false;
    }
    *tag = span_sub(*text, 0, len + 1);
    *text = span_sub(*text, len + 1, SIZE_MAX);
    return true;
}

int http_tags_have(struct span value, struct span tag, bool weak, bool *has)
{
    size_t count = 0;
    *has = span_eq_str(value, "*");
    if (*has) {
        return 0;
    }
    for (struct span rest = value;;) {
        struct span one;
        bool is_weak = false;
        skip_blanks(&rest);
        if (rest.len != 0 && rest.ptr[0] != ',') {
            if (!take_tag(&rest, &one, &is_weak)) {
                return CB_EMALFORMED;
            }
            count++;
            *has = *has || (tag.len != 0 && (weak || !is_weak) && span_eq(one, tag));
            skip_blanks(&rest);
        }
        if (rest.len == 0) {
            return count != 0 ? 0 : CB_EMALFORMED;
        }
        if (rest.ptr[0] != ',') {
            return CB_EMALFORMED;
        }
        rest = span_sub(rest, 1, SIZE_MAX);
    }
}

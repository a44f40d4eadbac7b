/* json_read.c - the grammar of RFC 8259, once through. */
#include "base/json_read.h"

/* ---- bytes ---- */

static int peek(const struct json_reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : -1;
}

static bool take(struct json_reader *r, int c)
{
    if (peek(r) != c) {
        return false;
    }
    r->at++;
    return true;
}

static void skip_blanks(struct json_reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r') {
        r->at++;
    }
}

static bool take_word(struct json_reader *r, const char *word)
{
    struct span w = span_str(word);
    if (!span_eq(span_sub(r->text, r->at, w.len), w)) {
        return false;
    }
    r->at += w.len;
    return true;
}

static bool take_digits(struct json_reader *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') {
        r->at++;
    }
    return r->at > from;
}

static bool take_number(struct json_reader *r)
{
    (void)take(r, '-');
    if (!take(r, '0') && !take_digits(r)) {
        return false;
    }
    if (take(r, '.') && !take_digits(r)) {
        return false;
    }
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) {
            (void)take(r, '-');
        }
        return take_digits(r);
    }
    return true;
}

/* ---- texts ---- */

/* The length of the UTF-8 sequence at the front (RFC 3629), 0 when there is none. */
static size_t utf8_length(struct span s)
{
    uint8_t c = s.ptr[0];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    if (len == 0 || len > s.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && s.ptr[1] < 0xa0) || (c == 0xf0 && s.ptr[1] < 0x90);
    bool outside = (c == 0xed && s.ptr[1] > 0x9f) || (c == 0xf4 && s.ptr[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit behind "\u", or -1. */
static int32_t read_unit(struct span digits)
{
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < digits.len ? hex_digit(digits.ptr[i]) : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The length of an escape at the front, 0 when it is none. */
static size_t escape_length(struct span s)
{
    if (s.len < 2) {
        return 0;
    }
    if (s.ptr[1] == 'u') {
        return read_unit(span_sub(s, 2, 4)) >= 0 ? 6 : 0;
    }
    return memchr("\"\\/bfnrt", s.ptr[1], 8) != NULL ? 2 : 0;
}

static bool take_text(struct json_reader *r, struct span *out)
{
    if (!take(r, '"')) {
        return false;
    }
    size_t from = r->at;
    while (r->at < r->text.len && r->text.ptr[r->at] != '"') {
        struct span rest = span_sub(r->text, r->at, SIZE_MAX);
        size_t len = rest.ptr[0] == '\\' ? escape_length(rest) : rest.ptr[0] < 0x20 ? 0 : utf8_length(rest);
        if (len == 0) {
            return false;
        }
        r->at += len;
    }
    *out = span_sub(r->text, from, r->at - from);
    return take(r, '"');
}

/* ---- values ---- */

static bool take_scalar(struct json_reader *r, enum json_kind *kind)
{
    int c = peek(r);
    *kind = c == 't' || c == 'f' ? JSON_BOOL : c == 'n' ? JSON_NULL : JSON_NUMBER;
    switch (c) {
    case 't':
        return take_word(r, "true");
    case 'f':
        return take_word(r, "false");
    case 'n':
        return take_word(r, "null");
    default:
        return take_number(r);
    }
}

/* Behind '{', or behind a comma in an object: a name and its colon. */
static bool take_name(struct json_reader *r, struct span *name)
{
    skip_blanks(r);
    if (!take_text(r, name)) {
        return false;
    }
    skip_blanks(r);
    if (!take(r, ':')) {
        return false;
    }
    skip_blanks(r);
    return true;
}

/* Goes over an object or array and all in it. A loop with the open ones on a small stack: what comes from a network does not
 * decide how deep we call. */
static bool take_nested(struct json_reader *r)
{
    char open[JSON_DEPTH_MAX]; /* the byte that closes each */
    size_t depth = 0;
    struct span ignored;
    enum json_kind kind;
    for (;;) {
        /* At the start of a value. */
        int c = peek(r);
        if (c == '{' || c == '[') {
            if (depth == JSON_DEPTH_MAX) {
                return false;
            }
            open[depth++] = c == '{' ? '}' : ']';
            r->at++;
            skip_blanks(r);
            if (peek(r) != open[depth - 1]) {
                if (c == '{' && !take_name(r, &ignored)) {
                    return false;
                }
                continue;
            }
        } else if (c == '"' ? !take_text(r, &ignored) : !take_scalar(r, &kind)) {
            return false;
        }
        /* Behind a value. */
        for (;;) {
            skip_blanks(r);
            if (depth != 0 && take(r, open[depth - 1])) {
                if (--depth == 0) {
                    return true;
                }
                continue;
            }
            break;
        }
        if (!take(r, ',')) {
            return false;
        }
        skip_blanks(r);
        if (open[depth - 1] == '}' && !take_name(r, &ignored)) {
            return false;
        }
    }
}

static bool take_value(struct json_reader *r, struct json_member *out)
{
    size_t from = r->at;
    int c = peek(r);
    if (c == '"') {
        out->kind = JSON_TEXT;
        return take_text(r, &out->value);
    }
    bool nested = c == '{' || c == '[';
    bool good = nested ? take_nested(r) : take_scalar(r, &out->kind);
    if (nested) {
        out->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
    }
    out->value = span_sub(r->text, from, r->at - from);
    return good;
}

/* ---- the object ---- */

void json_reader_init(struct json_reader *r, struct span text)
{
    *r = (struct json_reader){.text = text};
}

static int object_end(struct json_reader *r)
{
    skip_blanks(r);
    return r->at == r->text.len ? 0 : CB_EMALFORMED;
}

int json_reader_next(struct json_reader *r, struct json_member *out)
{
    bool first = !r->begun;
    skip_blanks(r);
    if (first && !take(r, '{')) {
        return CB_EMALFORMED;
    }
    r->begun = true;
    skip_blanks(r);
    if (take(r, '}')) {
        return object_end(r);
    }
    if (!first && !take(r, ',')) {
        return CB_EMALFORMED;
    }
    return take_name(r, &out->name) && take_value(r, out) ? 1 : CB_EMALFORMED;
}

/* ---- what values stand for ---- */

static int append_utf8(uint32_t c, struct buf *out)
{
    uint8_t bytes[4];
    size_t len;
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        len = 1;
    } else if (c < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | c >> 6);
        len = 2;
    } else if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | c >> 12);
        len = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | c >> 18);
        len = 4;
    }
    for (size_t i = 1; i < len; i++) {
        bytes[i] = (uint8_t)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3f));
    }
    return buf_append(out, bytes, len);
}

static int append_unit(struct span value, size_t *at, struct buf *out)
{
    int32_t unit = read_unit(span_sub(value, *at + 2, 4));
    *at += 6;
    if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000)) {
        return CB_EMALFORMED;
    }
    if (unit < 0xd800 || unit >= 0xe000) {
        return append_utf8((uint32_t)unit, out);
    }
    struct span next = span_sub(value, *at, 6);
    int32_t low =
        next.len == 6 && next.ptr[0] == '\\' && next.ptr[1] == 'u' ? read_unit(span_sub(next, 2, 4)) : -1;
    if (low < 0xdc00 || low >= 0xe000) {
        return CB_EMALFORMED;
    }
    *at += 6;
    return append_utf8(0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

int json_decode_text(struct span value, struct buf *out)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    int r = 0;
    for (size_t at = 0; r == 0 && at < value.len;) {
        if (value.ptr[at] != '\\') {
            r = buf_append_byte(out, value.ptr[at++]);
        } else if (at + 1 >= value.len) {
            r = CB_EMALFORMED;
        } else if (value.ptr[at + 1] == 'u') {
            r = append_unit(value, &at, out);
        } else {
            const char *known = memchr(from, value.ptr[at + 1], sizeof(from) - 1);
            r = buf_append_byte(out, known != NULL ? (uint8_t)to[known - from] : value.ptr[at + 1]);
            at += 2;
        }
    }
    return r;
}

bool json_decode_number(struct span value, uint64_t *out)
{
    uint64_t number = 0;
    if (value.len == 0 || value.len > 18) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9') {
            return false;
        }
        number = number * 10 + (value.ptr[i] - '0');
    }
    *out = number;
    return true;
}

/* path.c - request paths: one pass makes them canonical. Patterns are in glob.c. */
#include "policy/path.h"

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static bool is_visible(uint8_t c)
{
    return c > 0x20 && c < 0x7f;
}

/* Reads one byte or escape of a segment and writes its canonical form, 1 or 3 bytes. Returns how many bytes of input
 * it took, 0 when it has no business in a path. */
static size_t canonical_unit(struct span in, size_t at, uint8_t out[3], size_t *out_len)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t c = in.ptr[at];
    *out_len = 1;
    if (c != '%') {
        out[0] = c;
        return is_visible(c) && c != '\\' && c != '#' ? 1 : 0;
    }
    int high = in.len - at >= 3 ? hex_value(in.ptr[at + 1]) : -1;
    int low = high >= 0 ? hex_value(in.ptr[at + 2]) : -1;
    if (low < 0) {
        return 0;
    }
    uint8_t value = (uint8_t)(high * 16 + low);
    if (value < 0x20 || value == 0x7f || value == '/' || value == '\\') {
        return 0;
    }
    if (is_unreserved(value)) {
        out[0] = value;
        return 3;
    }
    out[0] = '%';
    out[1] = (uint8_t)digits[value >> 4];
    out[2] = (uint8_t)digits[value & 15];
    *out_len = 3;
    return 3;
}

static bool is_dots(struct span segment)
{
    return span_eq_str(segment, ".") || span_eq_str(segment, "..");
}

/* "..;x", also with the semicolon escaped: a dot segment to servers that cut path parameters off first. */
static bool is_disguised_dots(struct span segment)
{
    for (size_t dots = 1; dots <= 2 && dots < segment.len; dots++) {
        struct span rest = span_sub(segment, dots, segment.len);
        if (is_dots(span_sub(segment, 0, dots)) &&
            (rest.ptr[0] == ';' || span_starts(rest, SPAN_LIT("%3B")))) {
            return true;
        }
    }
    return false;
}

/* Where the last of the segments in out[0..len) starts (at its '/'). False at the root. */
static bool parent(const uint8_t *out, size_t len, size_t *start)
{
    while (len > 0) {
        len--;
        if (out[len] == '/') {
            *start = len;
            return true;
        }
    }
    return false;
}

/* Canonical form of `raw`, which starts with '/'. It is never longer than `raw`, so `out` has that size. Every byte is
 * written once and taken back at most once: linear, whatever the path. */
static bool canonical_path(struct span raw, uint8_t *out, size_t *out_len)
{
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        size_t mark = len;
        out[len++] = '/';
        at++;
        size_t start = at;
        while (at < raw.len && raw.ptr[at] != '/') {
            uint8_t unit[3];
            size_t unit_len;
            size_t took = canonical_unit(raw, at, unit, &unit_len);
            if (took == 0) {
                return false;
            }
            memcpy(out + len, unit, unit_len);
            len += unit_len;
            at += took;
        }
        bool last = at == raw.len;
        struct span segment = span_of(out + mark + 1, len - mark - 1);
        if ((at == start && !last) || is_disguised_dots(segment)) {
            return false;
        }
        if (!is_dots(segment)) {
            continue;
        }
        len = mark;
        if (segment.len == 2 && !parent(out, mark, &len)) {
            return false;
        }
        if (last) {
            out[len++] = '/';
        }
    }
    *out_len = len;
    return true;
}

int policy_path_parse(struct span target, struct buf *path, struct span *query, bool *has_query)
{
    if (target.len == 0 || target.ptr[0] != '/') {
        return CB_EMALFORMED;
    }
    const uint8_t *mark = memchr(target.ptr, '?', target.len);
    struct span raw = span_sub(target, 0, mark != NULL ? (size_t)(mark - target.ptr) : target.len);
    struct span rest = mark != NULL ? span_sub(target, raw.len + 1, target.len) : SPAN_EMPTY;
    for (size_t i = 0; i < rest.len; i++) {
        if (!is_visible(rest.ptr[i]) || rest.ptr[i] == '#') {
            return CB_EMALFORMED;
        }
    }
    uint8_t *out;
    size_t len;
    int r = buf_reserve(path, raw.len, &out);
    if (r != 0) {
        return r;
    }
    if (!canonical_path(raw, out, &len)) {
        return CB_EMALFORMED;
    }
    buf_commit(path, len);
    *query = rest;
    *has_query = mark != NULL;
    return 0;
}

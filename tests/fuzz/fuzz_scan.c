/*
 * fuzz_scan.c - the search for credentials in an answer, against the obvious one.
 *
 * The input: a byte with the number of credentials and the seed of the cuts, then each credential behind its length, then the
 * answer. The obvious search writes each form out as a text and tries it at each place, character by character in each
 * spelling. Both have to find the same, whatever the cuts, and may change nothing else.
 */
#include "inject/scan.h"

#include "base/encode.h"

#include <stdint.h>
#include <stdlib.h>

#define ANSWER_MAX 2048
#define KEY_MAX    24
#define FORM_MAX   64
#define FORMS_MAX  40

struct form {
    char text[FORM_MAX];
    size_t len;
    bool
        escapes_all; /* any character may be escaped; else only those of base64 that are no letters and digits */
    bool no_case;    /* hexadecimal */
};

struct oracle {
    struct form forms[FORMS_MAX];
    size_t count;
};

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* ---- the obvious search ---- */

static void add(struct oracle *o, const char *text, size_t len, bool escapes_all, bool no_case)
{
    struct form *f = &o->forms[o->count++];
    memcpy(f->text, text, len);
    *f = (struct form){.len = len, .escapes_all = escapes_all, .no_case = no_case};
    memcpy(f->text, text, len);
}

static void add_base64(struct oracle *o, struct span key, size_t shift, bool url)
{
    uint8_t padded[KEY_MAX + 3] = {0};
    char text[ENCODE_BASE64_SIZE(KEY_MAX + 3)];
    memcpy(padded + shift, key.ptr, key.len);
    (void)(url ? encode_base64url(padded, shift + key.len, text)
               : encode_base64(padded, shift + key.len, text));
    /* Only characters whose six bits are all the key's. */
    size_t first = shift == 0 ? 0 : shift == 1 ? 2 : 3;
    size_t end = (shift + key.len) * 8 / 6;
    add(o, text + first, end - first, false, false);
}

static void add_key(struct oracle *o, struct span key)
{
    char hex[2 * KEY_MAX + 1];
    if (key.len < SCAN_MIN) {
        return;
    }
    add(o, (const char *)key.ptr, key.len, true, false);
    if (key.len < SCAN_ENCODED_MIN) {
        return;
    }
    encode_hex(key.ptr, key.len, hex);
    add(o, hex, 2 * key.len, false, true);
    for (size_t shift = 0; shift < 3; shift++) {
        add_base64(o, key, shift, false);
        add_base64(o, key, shift, true);
    }
}

static bool is_hex_of(struct span in, size_t at, uint8_t c)
{
    static const char lower[] = "0123456789abcdef";
    return at + 2 <= in.len && ascii_lower(in.ptr[at]) == (uint8_t)lower[c >> 4] &&
           ascii_lower(in.ptr[at + 1]) == (uint8_t)lower[c & 15];
}

/* The end of the longest match of the form's rest from `k` on, 0 when there is none. */
static size_t match_from(const struct form *f, struct span in, size_t at, size_t k)
{
    if (k == f->len) {
        return at;
    }
    if (at >= in.len) {
        return 0;
    }
    uint8_t c = (uint8_t)f->text[k];
    uint8_t have = in.ptr[at];
    size_t best = 0;
    size_t end;
    bool plain =
        have == c || (f->no_case && ascii_lower(have) == c) || (f->escapes_all && c == ' ' && have == '+');
    if (plain && (end = match_from(f, in, at + 1, k + 1)) > best) {
        best = end;
    }
    if (!f->escapes_all && strchr("+/-_", c) == NULL) {
        return best;
    }
    if (have == '%' && is_hex_of(in, at + 1, c) && (end = match_from(f, in, at + 3, k + 1)) > best) {
        best = end;
    }
    if (have == '\\' && span_eq_str(span_sub(in, at + 1, 3), "u00") && is_hex_of(in, at + 4, c) &&
        (end = match_from(f, in, at + 6, k + 1)) > best) {
        best = end;
    }
    uint8_t after = c == '\t' ? 't' : c;
    if (have == '\\' && (c == '"' || c == '\\' || c == '/' || c == '\t') && at + 1 < in.len &&
        in.ptr[at + 1] == after && (end = match_from(f, in, at + 2, k + 1)) > best) {
        best = end;
    }
    return best;
}

/* Marks what is to be replaced, from the left, the longest first. How often. */
static uint64_t mark(const struct oracle *o, struct span in, bool *marks)
{
    uint64_t found = 0;
    for (size_t at = 0; at < in.len;) {
        size_t end = at;
        for (size_t i = 0; i < o->count; i++) {
            size_t e = match_from(&o->forms[i], in, at, 0);
            end = e > end ? e : end;
        }
        if (end == at) {
            at++;
            continue;
        }
        found++;
        for (; at < end; at++) {
            marks[at] = true;
        }
    }
    return found;
}

/* ---- the search under test ---- */

static int collect(void *arg, struct span clean)
{
    return buf_append_span(arg, clean);
}

static uint64_t feed(const struct inject_scan *scan, struct span in, unsigned seed, struct buf *out)
{
    struct inject_scanner s;
    inject_scanner_init(&s, scan, SPAN_LIT("placeholder"));
    for (size_t at = 0; at < in.len;) {
        seed = seed * 1103515245U + 12345U;
        struct span part = span_sub(in, at, 1 + (seed >> 16) % 17);
        must(inject_scanner_feed(&s, part, collect, out) == 0);
        at += part.len;
    }
    must(inject_scanner_end(&s, collect, out) == 0);
    uint64_t found = s.found;
    inject_scanner_deinit(&s);
    return found;
}

static void compare(const struct inject_scan *scan, const struct oracle *o, struct span in, unsigned seed)
{
    bool marks[ANSWER_MAX] = {false};
    struct buf whole;
    struct buf parts;
    uint64_t found = 0;
    buf_init(&whole, ANSWER_MAX);
    buf_init(&parts, ANSWER_MAX);
    must(inject_scan_text(scan, SPAN_LIT("placeholder"), in, &whole, &found) == 0);
    must(found == mark(o, in, marks));
    must(feed(scan, in, seed, &parts) == found);
    must(span_eq(buf_span(&whole), buf_span(&parts)) && buf_len(&whole) == in.len);
    for (size_t i = 0; i < in.len; i++) {
        must(marks[i] || buf_span(&whole).ptr[i] == in.ptr[i]);
    }
    buf_deinit(&whole);
    buf_deinit(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct span keys[SCAN_NEEDLES_MAX];
    struct oracle oracle = {.count = 0};
    struct inject_scan *scan = NULL;
    if (size == 0) {
        return 0;
    }
    unsigned seed = data[0];
    size_t count = 1 + seed % SCAN_NEEDLES_MAX;
    in = span_sub(in, 1, size);
    for (size_t i = 0; i < count; i++) {
        size_t len = in.len != 0 ? in.ptr[0] % (KEY_MAX + 1) : 0;
        keys[i] = span_sub(in, 1, len);
        in = span_sub(in, 1 + keys[i].len, size);
        /* A credential is printable, and no key of a form is longer than its recursion may be deep. */
        for (size_t k = 0; k < keys[i].len; k++) {
            if ((keys[i].ptr[k] < 0x20 && keys[i].ptr[k] != '\t') || keys[i].ptr[k] >= 0x7f) {
                return 0;
            }
        }
        add_key(&oracle, keys[i]);
    }
    int r = inject_scan_new_of(keys, count, &scan);
    must((r == 0) == (oracle.count != 0));
    if (r == 0) {
        compare(scan, &oracle, span_sub(in, 0, ANSWER_MAX), seed);
    }
    inject_scan_unref(scan);
    return 0;
}

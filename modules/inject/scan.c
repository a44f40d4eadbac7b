/*
 * scan.c - the search.
 *
 * Most bytes are looked at once in a while: no match is shorter than the shortest credential, so with m bytes of it, whatever
 * starts in a window of m - 1 bytes covers the pair of bytes at the window's end. When that pair stands in no form at all, the whole
 * window is skipped. Else each start in it is tried whose first pair can begin a form. A form is compared byte by byte with
 * its escapes; where the input ends in the middle of what still fits, everything from there on is held back.
 */
#include "inject/scan.h"

#include "base/secret.h"

#include <stdlib.h>

#define PAIRS_BYTES (65536 / 8)
#define NO_MATCH    0
#define NEED_MORE   (-1)

enum scan_kind { SCAN_TEXT, SCAN_BASE64, SCAN_BASE64URL, SCAN_HEX };

struct scan_form {
    enum scan_kind kind;
    struct span text; /* the credential, in the scan's memory */
    size_t first; /* base64: which character of the encoding is the form's first; its bits begin 6 * first */
    size_t shift; /* base64: bytes before the credential, modulo 3 */
    size_t len;   /* characters */
};

#define FORMS_MAX ((size_t)8 * SCAN_NEEDLES_MAX)

struct inject_scan {
    unsigned refs;
    size_t len;            /* of the shortest credential */
    struct secret *memory; /* the two tables, then the credentials */
    uint8_t *inside;       /* pairs that stand somewhere in a form */
    uint8_t *begins;       /* pairs that a form can begin with */
    struct scan_form forms[FORMS_MAX];
    size_t form_count;
};

static const char base64_standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_lower[] = "0123456789abcdef";

/* ---- the characters of a form ---- */

/* Bit `at` of `shift` zero bytes and then `text`. */
static unsigned bit_of(struct span text, size_t shift, size_t at)
{
    size_t byte = at / 8;
    return byte < shift ? 0 : (unsigned)(text.ptr[byte - shift] >> (7 - at % 8)) & 1U;
}

/* Of the form as it is for `text`: its own credential, or a placeholder of the same length. */
static uint8_t form_char(const struct scan_form *f, struct span text, size_t k)
{
    unsigned six = 0;
    switch (f->kind) {
    case SCAN_TEXT:
        return text.ptr[k];
    case SCAN_HEX:
        return (uint8_t)hex_lower[k % 2 == 0 ? text.ptr[k / 2] >> 4 : text.ptr[k / 2] & 15];
    default:
        for (size_t i = 0; i < 6; i++) {
            six = six << 1 | bit_of(text, f->shift, 6 * (f->first + k) + i);
        }
        return (uint8_t)(f->kind == SCAN_BASE64 ? base64_standard[six] : base64_url[six]);
    }
}

/* Whether this character may be written with an escape. Letters and digits of base64 never are by anybody. */
static bool form_escapes(const struct scan_form *f, uint8_t c)
{
    return f->kind == SCAN_TEXT || c == '+' || c == '/' || c == '-' || c == '_';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- comparing ---- */

/* What stands behind a backslash for `c` in JSON, or 0. Other control bytes no credential has. */
static uint8_t short_escape(uint8_t c)
{
    return c == '"' || c == '\\' || c == '/' ? c : c == '\t' ? 't' : 0;
}

/* Compares an escape with the byte `c`: its length, NO_MATCH, or NEED_MORE when the input ends inside of it. */
static int escape_match(struct span in, uint8_t c)
{
    if (in.ptr[0] == '\\' && in.len >= 2 && short_escape(c) != 0 && in.ptr[1] == short_escape(c)) {
        return 2;
    }
    const char head[] = {in.ptr[0] == '%' ? '%' : '\\', 'u', '0', '0'};
    size_t head_len = in.ptr[0] == '%' ? 1 : sizeof(head);
    for (size_t i = 0; i < head_len + 2; i++) {
        if (i >= in.len) {
            return NEED_MORE;
        }
        bool fits = i < head_len ? in.ptr[i] == (uint8_t)head[i]
                                 : hex_value(in.ptr[i]) == (i == head_len ? c >> 4 : c & 15);
        if (!fits) {
            return NO_MATCH;
        }
    }
    return (int)head_len + 2;
}

/* Input in which a form is looked for at the front. `end`: nothing will come after it. */
struct candidate {
    const struct inject_scan *scan;
    struct span in;
    bool end;
};

/* Compares from a character of the form on: the length of the match in bytes of input (`at` included), NO_MATCH, or NEED_MORE.
 * Where a character of the form is itself '%' or '\\', it may be meant or begin its own escape: both are tried. */
static ptrdiff_t form_match(const struct candidate *c, const struct scan_form *f, size_t at, size_t k)
{
    const ptrdiff_t cut = c->end ? NO_MATCH : NEED_MORE;
    for (; k < f->len; k++) {
        if (at >= c->in.len) {
            return cut;
        }
        uint8_t have = c->in.ptr[at];
        uint8_t want = form_char(f, f->text, k);
        bool plain = have == want || (f->kind == SCAN_HEX && ascii_lower(have) == want) ||
                     (f->kind == SCAN_TEXT && want == ' ' && have == '+');
        if ((have != '%' && have != '\\') || !form_escapes(f, want)) {
            if (!plain) {
                return NO_MATCH;
            }
            at++;
            continue;
        }
        int escape = escape_match(span_sub(c->in, at, SIZE_MAX), want);
        ptrdiff_t escaped = escape > 0 ? form_match(c, f, at + (size_t)escape, k + 1)
                                       : (escape == NEED_MORE ? cut : NO_MATCH);
        ptrdiff_t meant = plain ? form_match(c, f, at + 1, k + 1) : NO_MATCH;
        if (escaped == NEED_MORE || meant == NEED_MORE) {
            return NEED_MORE;
        }
        return escaped > meant ? escaped : meant;
    }
    return (ptrdiff_t)at;
}

/* The longest match of any form at the front of the input; NEED_MORE when one may still become one: so what is found does not
 * depend on how the stream is cut. */
static ptrdiff_t any_match(const struct candidate *c, const struct scan_form **form)
{
    ptrdiff_t best = NO_MATCH;
    for (size_t i = 0; i < c->scan->form_count; i++) {
        ptrdiff_t r = form_match(c, &c->scan->forms[i], 0, 0);
        if (r == NEED_MORE) {
            return NEED_MORE;
        }
        if (r > best) {
            best = r;
            *form = &c->scan->forms[i];
        }
    }
    return best;
}

/* ---- tables ---- */

static size_t pair_index(uint8_t a, uint8_t b)
{
    return (size_t)a << 8 | b;
}

static bool pair_has(const uint8_t *pairs, uint8_t a, uint8_t b)
{
    size_t i = pair_index(a, b);
    return (pairs[i / 8] >> (i % 8) & 1) != 0;
}

static void pair_add(uint8_t *pairs, uint8_t a, uint8_t b)
{
    size_t i = pair_index(a, b);
    pairs[i / 8] = (uint8_t)(pairs[i / 8] | 1U << (i % 8));
}

/* One way to write one character of a form. */
struct spelling {
    uint8_t bytes[6];
    size_t len;
};

#define SPELLINGS_MAX 12

static size_t add_spelling(struct spelling *out, size_t count, const void *bytes, size_t len)
{
    memcpy(out[count].bytes, bytes, len);
    out[count].len = len;
    return count + 1;
}

/* All ways to write a character, with both cases of each hexadecimal digit. */
static size_t spellings_of(const struct scan_form *f, uint8_t c, struct spelling out[SPELLINGS_MAX])
{
    static const char digits[2][17] = {"0123456789abcdef", "0123456789ABCDEF"};
    size_t count = add_spelling(out, 0, &c, 1);
    if (f->kind == SCAN_HEX && c >= 'a') {
        uint8_t upper = (uint8_t)(c - 'a' + 'A');
        return add_spelling(out, count, &upper, 1);
    }
    if (!form_escapes(f, c)) {
        return count;
    }
    for (unsigned cases = 0; cases < 4; cases++) {
        uint8_t high = (uint8_t)digits[cases & 1][c >> 4];
        uint8_t low = (uint8_t)digits[cases >> 1][c & 15];
        count = add_spelling(out, count, (const uint8_t[]){'%', high, low}, 3);
        count = add_spelling(out, count, (const uint8_t[]){'\\', 'u', '0', '0', high, low}, 6);
    }
    if (short_escape(c) != 0) {
        count = add_spelling(out, count, (const uint8_t[]){'\\', short_escape(c)}, 2);
    }
    if (f->kind == SCAN_TEXT && c == ' ') {
        count = add_spelling(out, count, "+", 1);
    }
    return count;
}

static void tables_add_form(struct inject_scan *scan, const struct scan_form *f)
{
    struct spelling before[SPELLINGS_MAX];
    struct spelling now[SPELLINGS_MAX];
    size_t before_count = 0;
    for (size_t k = 0; k < f->len; k++) {
        size_t count = spellings_of(f, form_char(f, f->text, k), now);
        for (size_t i = 0; i < count; i++) {
            for (size_t b = 0; b + 1 < now[i].len; b++) {
                pair_add(scan->inside, now[i].bytes[b], now[i].bytes[b + 1]);
            }
            for (size_t j = 0; j < before_count; j++) {
                pair_add(scan->inside, before[j].bytes[before[j].len - 1], now[i].bytes[0]);
                if (k == 1 && before[j].len == 1) {
                    pair_add(scan->begins, before[j].bytes[0], now[i].bytes[0]);
                }
            }
            if (k == 0 && now[i].len > 1) {
                pair_add(scan->begins, now[i].bytes[0], now[i].bytes[1]);
            }
        }
        memcpy(before, now, sizeof(before));
        before_count = count;
    }
    secret_wipe(before, sizeof(before));
    secret_wipe(now, sizeof(now));
}

static void add_form(struct inject_scan *scan, struct span text, enum scan_kind kind, size_t shift)
{
    struct scan_form *f = &scan->forms[scan->form_count++];
    *f = (struct scan_form){.kind = kind, .text = text, .shift = shift, .len = text.len};
    if (kind == SCAN_HEX) {
        f->len = 2 * text.len;
    } else if (kind != SCAN_TEXT) {
        f->first = (8 * shift + 5) / 6;
        f->len = 8 * (shift + text.len) / 6 - f->first;
    }
    tables_add_form(scan, f);
}

/* `text` lies in the scan's memory. */
static void add_needle(struct inject_scan *scan, struct span text)
{
    if (scan->form_count == 0 || text.len < scan->len) {
        scan->len = text.len;
    }
    add_form(scan, text, SCAN_TEXT, 0);
    if (text.len >= SCAN_ENCODED_MIN) {
        add_form(scan, text, SCAN_HEX, 0);
        for (size_t shift = 0; shift < 3; shift++) {
            add_form(scan, text, SCAN_BASE64, shift);
            add_form(scan, text, SCAN_BASE64URL, shift);
        }
    }
}

/* Whether there is one before it that is the same. */
static bool is_known(const struct span *needles, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (span_eq(needles[i], needles[at])) {
            return true;
        }
    }
    return false;
}

int inject_scan_new_of(const struct span *credentials, size_t count, struct inject_scan **out)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (credentials[i].len > SCAN_MAX) {
            return CB_ELIMIT;
        }
        total += credentials[i].len >= SCAN_MIN ? credentials[i].len : 0;
    }
    if (total == 0 || count > SCAN_NEEDLES_MAX) {
        return CB_ELIMIT;
    }
    struct inject_scan *scan = calloc(1, sizeof(*scan));
    if (scan == NULL || (scan->memory = secret_new(total + (size_t)2 * PAIRS_BYTES)) == NULL) {
        free(scan);
        return CB_ENOMEM;
    }
    uint8_t *memory = secret_ptr(scan->memory);
    scan->refs = 1;
    scan->inside = memory;
    scan->begins = memory + PAIRS_BYTES;
    uint8_t *at = memory + (size_t)2 * PAIRS_BYTES;
    for (size_t i = 0; i < count; i++) {
        if (credentials[i].len >= SCAN_MIN && !is_known(credentials, i)) {
            memcpy(at, credentials[i].ptr, credentials[i].len);
            add_needle(scan, span_of(at, credentials[i].len));
            at += credentials[i].len;
        }
    }
    *out = scan;
    return 0;
}

int inject_scan_new(struct span credential, struct inject_scan **out)
{
    return inject_scan_new_of(&credential, 1, out);
}

struct inject_scan *inject_scan_ref(struct inject_scan *scan)
{
    scan->refs++;
    return scan;
}

void inject_scan_unref(struct inject_scan *scan)
{
    if (scan != NULL && --scan->refs == 0) {
        secret_free(scan->memory);
        free(scan);
    }
}

/* ---- the stream ---- */

/* Where the next match begins, or what may become one: the length of what is clean before it. */
static size_t clean_length(const struct inject_scan *scan, struct span in, size_t from, bool end,
                           ptrdiff_t *match, const struct scan_form **form)
{
    size_t at = from;
    size_t window_end = from;
    *match = NO_MATCH;
    while (at < in.len) {
        if (at >= window_end) {
            window_end = at + scan->len - 1;
            if (at + scan->len <= in.len &&
                !pair_has(scan->inside, in.ptr[window_end - 1], in.ptr[window_end])) {
                at = window_end;
                continue;
            }
        }
        if (at + 1 == in.len || pair_has(scan->begins, in.ptr[at], in.ptr[at + 1])) {
            struct candidate c = {.scan = scan, .in = span_sub(in, at, SIZE_MAX), .end = end};
            *match = any_match(&c, form);
            if (*match != NO_MATCH) {
                return at;
            }
        }
        at++;
    }
    return in.len;
}

/* Passes on the placeholder in the form of what was found, with its length. */
static int pass_replacement(const struct inject_scanner *s, const struct scan_form *form, size_t len,
                            inject_scan_fn *pass, void *arg)
{
    struct span placeholder = span_sub(s->placeholder, 0, form->text.len);
    uint8_t *padded = malloc(form->text.len + len);
    if (padded == NULL) {
        return CB_ENOMEM;
    }
    uint8_t *written = padded + form->text.len;
    memset(padded, '*', form->text.len + len);
    if (placeholder.len != 0) {
        memcpy(padded, placeholder.ptr, placeholder.len);
    }
    for (size_t k = 0; k < form->len && k < len; k++) {
        written[k] = form_char(form, span_of(padded, form->text.len), k);
    }
    int r = pass(arg, span_of(written, len));
    free(padded);
    return r;
}

/* Goes through a text; *used is how much of it was passed on or replaced. At the end nothing is kept. */
static int scan_through(struct inject_scanner *s, struct span in, bool end, size_t *used,
                        inject_scan_fn *pass, void *arg)
{
    size_t from = 0;
    int r = 0;
    while (r == 0 && from < in.len) {
        const struct scan_form *form = NULL;
        ptrdiff_t match;
        size_t clean = clean_length(s->scan, in, from, end, &match, &form);
        if (clean > from) {
            r = pass(arg, span_sub(in, from, clean - from));
        }
        from = clean;
        if (r != 0 || match == NEED_MORE) {
            break;
        }
        if (match > 0) {
            s->found++;
            r = pass_replacement(s, form, (size_t)match, pass, arg);
            from += (size_t)match;
        }
    }
    *used = from;
    return r;
}

void inject_scanner_init(struct inject_scanner *s, const struct inject_scan *scan, struct span placeholder)
{
    *s = (struct inject_scanner){.scan = scan, .placeholder = placeholder};
    buf_init(&s->held, SIZE_MAX);
    buf_set_sensitive(&s->held);
}

void inject_scanner_deinit(struct inject_scanner *s)
{
    buf_deinit(&s->held);
}

int inject_scanner_feed(struct inject_scanner *s, struct span in, inject_scan_fn *pass, void *arg)
{
    size_t used;
    int r;
    if (buf_len(&s->held) == 0) {
        r = scan_through(s, in, false, &used, pass, arg);
        return r == 0 && used < in.len ? buf_append_span(&s->held, span_sub(in, used, SIZE_MAX)) : r;
    }
    r = buf_append_span(&s->held, in);
    if (r == 0) {
        r = scan_through(s, buf_span(&s->held), false, &used, pass, arg);
    }
    if (r == 0) {
        buf_consume(&s->held, used);
    }
    return r;
}

int inject_scanner_end(struct inject_scanner *s, inject_scan_fn *pass, void *arg)
{
    size_t used;
    int r = scan_through(s, buf_span(&s->held), true, &used, pass, arg);
    buf_reset(&s->held);
    return r;
}

static int append(void *arg, struct span clean)
{
    return buf_append_span(arg, clean);
}

int inject_scan_text(const struct inject_scan *scan, struct span placeholder, struct span in, struct buf *out,
                     uint64_t *found)
{
    struct inject_scanner s;
    size_t used;
    inject_scanner_init(&s, scan, placeholder);
    int r = scan_through(&s, in, true, &used, append, out);
    *found += s.found;
    inject_scanner_deinit(&s);
    return r;
}

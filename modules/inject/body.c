/*
 * body.c - a lexer for forms and one for JSON, byte by byte, that know one thing: whether the next byte stands in the value of the
 * route's own field.
 *
 * Both hand each decoded byte to body_take(). What is decoded goes through a window in which the tenant's placeholders are looked
 * for, except the own value, which is collected and compared when it ends.
 */
#include "inject/body.h"

#include <stdlib.h>

#include "inject/internal.h"
#include "policy/placeholder.h"
#include "policy/spec_check.h"

#define WINDOW_SIZE 4096

/* Where the byte stands. */
enum place {
    PLACE_OTHER,
    PLACE_NAME, /* in a form's name, or in a key of the outermost object */
    PLACE_OWN,  /* in the value of the route's field */
    PLACE_STRANGE /* in a value that may only be empty: the field's name in another spelling, or for the second time */
};

struct inject_body {
    struct inject_body_setup setup;
    struct span placeholder; /* the route's own */
    enum policy_reason reason;
    bool replaced;
    enum place place;
    unsigned escape; /* how far into an escape; 0: not in one */
    unsigned code;   /* its digits so far */

    bool in_string; /* JSON only, to `value_place` */
    bool root_is_object;
    bool key_next;
    size_t depth;
    enum { JSON_ELSEWHERE, JSON_AFTER_KEY, JSON_AFTER_COLON } after;
    enum place value_place; /* of the value that follows the key */

    bool inner; /* FORM: behind a ';', which some servers take for '&' */

    uint8_t name[SPEC_PARAMETER_MAX + 8];
    size_t name_len; /* may be larger than what is kept */
    uint8_t value[PLACEHOLDER_MAX];
    size_t value_len;
    struct buf held; /* the own value as it was written */
    uint8_t window[WINDOW_SIZE];
    size_t window_len;
    size_t window_seen; /* has been looked through up to here */
};

/* ---- what type the body has ---- */

static struct span trim(struct span s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = span_sub(s, 1, SIZE_MAX);
    }
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* Takes what stands before the next ';' off the value. */
static struct span next_part(struct span *value)
{
    const uint8_t *end = value->len != 0 ? memchr(value->ptr, ';', value->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - value->ptr) : value->len;
    struct span part = trim(span_sub(*value, 0, len));
    *value = span_sub(*value, len + 1, SIZE_MAX);
    return part;
}

/* A parameter of the type that does not make other characters of the same bytes. */
static bool parameter_is_harmless(struct span part)
{
    const struct span name = SPAN_LIT("charset=");
    if (!span_eq_nocase(span_sub(part, 0, name.len), name)) {
        return part.len < 7 || !span_eq_nocase(span_sub(part, 0, 7), SPAN_LIT("charset"));
    }
    struct span value = span_sub(part, name.len, SIZE_MAX);
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value = span_sub(value, 1, value.len - 2);
    }
    return span_eq_nocase(value, SPAN_LIT("utf-8")) || span_eq_nocase(value, SPAN_LIT("utf8")) ||
           span_eq_nocase(value, SPAN_LIT("us-ascii"));
}

static enum inject_body_format format_of_type(struct span value)
{
    enum inject_body_format format = INJECT_BODY_UNKNOWN;
    struct span type = next_part(&value);
    struct span suffix = span_sub(type, type.len >= 5 ? type.len - 5 : 0, 5);
    if (span_eq_nocase(type, SPAN_LIT("application/x-www-form-urlencoded"))) {
        format = INJECT_BODY_FORM;
    } else if (span_eq_nocase(type, SPAN_LIT("application/json")) ||
               span_eq_nocase(suffix, SPAN_LIT("+json"))) {
        format = INJECT_BODY_JSON;
    }
    while (value.len != 0) {
        if (!parameter_is_harmless(next_part(&value))) {
            return INJECT_BODY_UNKNOWN;
        }
    }
    return format;
}

enum inject_body_format inject_body_format(const struct http_field *fields, size_t count)
{
    enum inject_body_format format = INJECT_BODY_UNKNOWN;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (span_eq_nocase(fields[i].name, SPAN_LIT("Content-Encoding")) &&
            !span_eq_nocase(fields[i].value, SPAN_LIT("identity"))) {
            return INJECT_BODY_UNKNOWN;
        }
        if (span_eq_nocase(fields[i].name, SPAN_LIT("Content-Type"))) {
            if (found) {
                return INJECT_BODY_UNKNOWN;
            }
            found = true;
            format = format_of_type(fields[i].value);
        }
    }
    return format;
}

/* ---- the credential in the body's own spelling ---- */

/* How many bytes an escape has more than the byte that it stands for, where the byte need not be escaped. */
static size_t escape_cost(enum inject_body_format format)
{
    return format == INJECT_BODY_JSON ? 5 : 2;
}

/* Bytes for this byte of a credential when no more is escaped than must be. */
static size_t spelled_len(enum inject_body_format format, uint8_t c)
{
    if (format == INJECT_BODY_JSON) {
        return c == '"' || c == '\\' ? 2 : 1;
    }
    uint8_t lower = ascii_lower(c);
    bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '*';
    return plain ? 1 : 3;
}

/* How many bytes beyond those that must be are to be escaped for `len` bytes in all; SIZE_MAX: it cannot be done. */
static size_t more_escapes(enum inject_body_format format, struct span credential, size_t len)
{
    size_t least = 0;
    size_t plain = 0;
    for (size_t i = 0; i < credential.len; i++) {
        size_t n = spelled_len(format, credential.ptr[i]);
        least += n;
        plain += n == 1 ? 1 : 0;
    }
    size_t cost = escape_cost(format);
    bool fits = len >= least && (len - least) % cost == 0 && (len - least) / cost <= plain;
    return fits ? (len - least) / cost : SIZE_MAX;
}

size_t inject_body_len(enum inject_body_format format, struct span credential)
{
    size_t len = 0;
    for (size_t i = 0; i < credential.len; i++) {
        len += spelled_len(format, credential.ptr[i]);
    }
    return len;
}

static int write_credential(enum inject_body_format format, struct span credential, size_t more,
                            struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    int r = 0;
    for (size_t i = 0; r == 0 && i < credential.len; i++) {
        uint8_t c = credential.ptr[i];
        size_t len = spelled_len(format, c);
        const uint8_t escape[] = {'\\', 'u', '0', '0', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        const uint8_t percent[] = {'%', escape[4], escape[5]};
        const uint8_t quoted[] = {'\\', c};
        if (len == 1 && more == 0) {
            r = buf_append_byte(out, c);
            continue;
        }
        more -= len == 1 ? 1 : 0;
        if (format == INJECT_BODY_FORM) {
            r = buf_append(out, percent, sizeof(percent));
        } else {
            r = len == 1 ? buf_append(out, escape, sizeof(escape)) : buf_append(out, quoted, sizeof(quoted));
        }
    }
    return r;
}

/* ---- placeholders where they do not belong ---- */

static bool has_placeholder(const struct inject_body *b, struct span text)
{
    for (size_t i = 0; i < b->setup.placeholder_count; i++) {
        struct span value = b->setup.placeholders[i].value;
        if (value.len != 0 && text.len >= value.len &&
            memmem(text.ptr, text.len, value.ptr, value.len) != NULL) {
            return true;
        }
    }
    return false;
}

/* Looks through what came into the window since the last time, with as much before it as a placeholder may begin in. */
static enum policy_reason window_search(struct inject_body *b)
{
    size_t before = b->window_seen < PLACEHOLDER_MAX ? b->window_seen : PLACEHOLDER_MAX;
    struct span text = span_of(b->window + b->window_seen - before, b->window_len - b->window_seen + before);
    b->window_seen = b->window_len;
    return has_placeholder(b, text) ? POLICY_REASON_PLACEHOLDER_MISPLACED : POLICY_REASON_ROUTE;
}

static enum policy_reason window_put(struct inject_body *b, uint8_t c)
{
    enum policy_reason reason = POLICY_REASON_ROUTE;
    if (b->window_len == WINDOW_SIZE) {
        reason = window_search(b);
        memmove(b->window, b->window + WINDOW_SIZE - PLACEHOLDER_MAX, PLACEHOLDER_MAX);
        b->window_len = b->window_seen = PLACEHOLDER_MAX;
    }
    b->window[b->window_len++] = c;
    return reason;
}

/* ---- what both lexers do ---- */

static enum policy_reason not_ours(const struct inject_body *b)
{
    return has_placeholder(b, span_of(b->value, b->value_len)) ? POLICY_REASON_PLACEHOLDER_MISPLACED
                                                               : POLICY_REASON_FOREIGN_CREDENTIAL;
}

/* A decoded byte of a name or of a value. */
static enum policy_reason body_take(struct inject_body *b, uint8_t c)
{
    if (b->place == PLACE_OWN || b->place == PLACE_STRANGE) {
        if (b->value_len == sizeof(b->value)) {
            return not_ours(b); /* longer than any placeholder */
        }
        b->value[b->value_len++] = c;
        return POLICY_REASON_ROUTE;
    }
    if (b->place == PLACE_NAME) {
        if (b->name_len < sizeof(b->name)) {
            b->name[b->name_len] = c;
        }
        b->name_len++;
    }
    return window_put(b, c);
}

static void begin_name(struct inject_body *b)
{
    b->place = PLACE_NAME;
    b->name_len = 0;
}

/* Where a value stands that follows the name just read. Some servers take "token[]", " TOKEN" and what ends in a NUL for "token". */
static enum place place_after_name(const struct inject_body *b)
{
    struct span want = span_str(b->setup.route->parameter);
    struct span name = span_of(b->name, b->name_len < sizeof(b->name) ? b->name_len : sizeof(b->name));
    if (b->name_len == want.len && span_eq(name, want) && !b->inner && !b->replaced) {
        return PLACE_OWN;
    }
    while (name.len != 0 && name.ptr[0] == ' ') {
        name = span_sub(name, 1, SIZE_MAX);
    }
    size_t len = 0;
    while (len < name.len && name.ptr[len] != '[' && name.ptr[len] != '\0') {
        len++;
    }
    return span_eq_nocase(span_sub(name, 0, len), want) ? PLACE_STRANGE : PLACE_OTHER;
}

static void begin_value(struct inject_body *b, enum place place)
{
    b->place = place;
    b->value_len = 0;
}

/* The value is whole: the credential takes the place of the placeholder, an empty one stays, and any other is refused. */
static enum policy_reason end_value(struct inject_body *b, struct span credential, struct buf *out)
{
    bool own = b->place == PLACE_OWN && b->placeholder.len != 0 &&
               span_eq(span_of(b->value, b->value_len), b->placeholder);
    b->place = PLACE_OTHER;
    if (!own) {
        return b->value_len == 0 ? POLICY_REASON_ROUTE : not_ours(b);
    }
    if (credential.len == 0 || !http_value_valid(credential)) {
        return POLICY_REASON_CREDENTIAL_UNAVAILABLE;
    }
    size_t more = 0;
    if (b->setup.same_length &&
        (more = more_escapes(b->setup.format, credential, buf_len(&b->held))) == SIZE_MAX) {
        return POLICY_REASON_BODY_BUFFER;
    }
    b->replaced = true;
    buf_reset(&b->held);
    return write_credential(b->setup.format, credential, more, out) == 0 ? POLICY_REASON_ROUTE
                                                                         : POLICY_REASON_INTERNAL;
}

/* One more hexadecimal digit of an escape. */
static bool take_digit(struct inject_body *b, uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    bool letter = lower >= 'a' && lower <= 'f';
    b->escape++;
    b->code = b->code << 4 | (unsigned)(letter ? lower - 'a' + 10 : c - '0');
    return letter || (c >= '0' && c <= '9');
}

static bool is_control(uint8_t c)
{
    return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

/* ---- forms: the URL standard, 5.1 ---- */

static enum policy_reason form_byte(struct inject_body *b, uint8_t c)
{
    if (b->escape != 0) {
        if (!take_digit(b, c)) {
            return POLICY_REASON_BODY_FORMAT;
        }
        if (b->escape < 3) {
            return POLICY_REASON_ROUTE;
        }
        b->escape = 0;
        return body_take(b, (uint8_t)b->code);
    }
    if (c == '%') {
        b->escape = 1;
        b->code = 0;
        return POLICY_REASON_ROUTE;
    }
    if (c == '&' || (c == ';' && (b->place == PLACE_OTHER || b->place == PLACE_NAME))) {
        enum policy_reason reason = window_put(b, c);
        begin_name(b);
        b->inner = c == ';';
        return reason;
    }
    if (c == '=' && b->place == PLACE_NAME) {
        begin_value(b, place_after_name(b));
        return window_put(b, c);
    }
    return body_take(b, c == '+' ? ' ' : c);
}

/* ---- JSON: RFC 8259 ---- */

static enum policy_reason json_string_end(struct inject_body *b)
{
    b->in_string = false;
    if (b->place == PLACE_NAME) {
        b->value_place = place_after_name(b);
        b->after = b->value_place != PLACE_OTHER ? JSON_AFTER_KEY : JSON_ELSEWHERE;
    }
    b->place = PLACE_OTHER;
    return window_put(b, '"');
}

static enum policy_reason json_in_string(struct inject_body *b, uint8_t c)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (b->escape > 1) {
        if (!take_digit(b, c)) {
            return POLICY_REASON_BODY_FORMAT;
        }
        if (b->escape < 6) {
            return POLICY_REASON_ROUTE;
        }
        b->escape = 0;
        /* What is not ASCII stands in no name and in no placeholder. */
        return body_take(b, b->code < 0x80 ? (uint8_t)b->code : 0xff);
    }
    if (b->escape == 1) {
        const char *name = c != '\0' ? strchr(names, c) : NULL;
        if (name != NULL) {
            b->escape = 0;
            return body_take(b, (uint8_t)meant[name - names]);
        }
        b->escape = 2;
        b->code = 0;
        return c == 'u' ? POLICY_REASON_ROUTE : POLICY_REASON_BODY_FORMAT;
    }
    if (c == '\\') {
        b->escape = 1;
        return POLICY_REASON_ROUTE;
    }
    return c == '"' ? json_string_end(b) : body_take(b, c);
}

/* The first byte of the value that follows the route's key. */
static enum policy_reason json_own_value(struct inject_body *b, uint8_t c)
{
    b->after = JSON_ELSEWHERE;
    if (c == '"') {
        b->in_string = true;
        begin_value(b, b->value_place);
        return window_put(b, c);
    }
    return c == 'n' ? window_put(b, c)
                    : POLICY_REASON_FOREIGN_CREDENTIAL; /* null; or a number, a list, an object */
}

static enum policy_reason json_outside(struct inject_body *b, uint8_t c)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        return window_put(b, c);
    }
    if (b->after == JSON_AFTER_COLON) {
        return json_own_value(b, c);
    }
    if (b->after == JSON_AFTER_KEY) {
        b->after = JSON_AFTER_COLON;
        return c == ':' ? window_put(b, c) : POLICY_REASON_BODY_FORMAT;
    }
    bool at_root = b->depth == 1 && b->root_is_object;
    switch (c) {
    case '"':
        b->in_string = true;
        if (at_root && b->key_next) {
            begin_name(b);
        }
        b->key_next = false;
        break;
    case '{':
    case '[':
        if (b->depth++ == 0) {
            b->root_is_object = b->key_next = c == '{';
        }
        break;
    case '}':
    case ']':
        if (b->depth == 0) {
            return POLICY_REASON_BODY_FORMAT;
        }
        b->depth--;
        break;
    case ',':
        b->key_next = at_root;
        break;
    default:
        if (!(c >= '0' && c <= ':') && !(c >= 'a' && c <= 'z') && c != '-' && c != '+' && c != '.' &&
            c != 'E') {
            return POLICY_REASON_BODY_FORMAT;
        }
    }
    return window_put(b, c);
}

static enum policy_reason json_byte(struct inject_body *b, uint8_t c)
{
    return b->in_string ? json_in_string(b, c) : json_outside(b, c);
}

/* ---- the stream ---- */

struct inject_body *inject_body_new(const struct inject_body_setup *setup)
{
    struct inject_body *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return NULL;
    }
    b->setup = *setup;
    b->reason = POLICY_REASON_ROUTE;
    b->place = setup->format == INJECT_BODY_FORM ? PLACE_NAME : PLACE_OTHER;
    buf_init(&b->held, (size_t)6 * sizeof(b->value) + 6);
    for (size_t i = 0; i < setup->placeholder_count; i++) {
        if (span_eq_str(setup->placeholders[i].credential, setup->route->credential)) {
            b->placeholder = setup->placeholders[i].value;
        }
    }
    return b;
}

void inject_body_free(struct inject_body *b)
{
    if (b != NULL) {
        buf_deinit(&b->held);
        free(b);
    }
}

/* Whether this byte, which stands in a value, ends it. */
static bool ends_value(const struct inject_body *b, uint8_t c)
{
    return b->escape == 0 && c == (b->setup.format == INJECT_BODY_FORM ? '&' : '"');
}

static enum policy_reason body_byte(struct inject_body *b, uint8_t c)
{
    if (is_control(c)) {
        return POLICY_REASON_BODY_FORMAT;
    }
    return b->setup.format == INJECT_BODY_FORM ? form_byte(b, c) : json_byte(b, c);
}

static bool is_holding(const struct inject_body *b)
{
    return b->place == PLACE_OWN || b->place == PLACE_STRANGE;
}

/* What stood in the value and was not replaced: it is empty. */
static int release_held(struct inject_body *b, struct buf *out)
{
    int r = buf_append_span(out, buf_span(&b->held));
    buf_reset(&b->held);
    return r;
}

static enum policy_reason feed(struct inject_body *b, struct span credential, struct span in, struct buf *out)
{
    size_t from = 0; /* what comes before is in `out` or held */
    enum policy_reason reason = POLICY_REASON_ROUTE;
    for (size_t i = 0; reason == POLICY_REASON_ROUTE && i < in.len; i++) {
        uint8_t c = in.ptr[i];
        bool held = is_holding(b);
        if (held && ends_value(b, c)) {
            reason = end_value(b, credential, out);
            if (reason == POLICY_REASON_ROUTE && release_held(b, out) != 0) {
                reason = POLICY_REASON_INTERNAL;
            }
            from = i;
            held = false;
        }
        if (held && buf_append_byte(&b->held, c) != 0) {
            reason = not_ours(b); /* no placeholder is as long as that, however it is written */
            break;
        }
        if (reason == POLICY_REASON_ROUTE) {
            reason = body_byte(b, c);
        }
        if (!held && is_holding(b) && buf_append_span(out, span_sub(in, from, i + 1 - from)) != 0) {
            return POLICY_REASON_INTERNAL;
        }
    }
    if (reason == POLICY_REASON_ROUTE && !is_holding(b) &&
        buf_append_span(out, span_sub(in, from, SIZE_MAX)) != 0) {
        reason = POLICY_REASON_INTERNAL;
    }
    /* Also before another refusal: what is said must not depend on how the body was cut. */
    enum policy_reason found = window_search(b);
    return found != POLICY_REASON_ROUTE ? found : reason;
}

enum policy_reason inject_body_feed(struct inject_body *b, struct span credential, struct span in,
                                    struct buf *out)
{
    if (b->reason == POLICY_REASON_ROUTE) {
        b->reason = feed(b, credential, in, out);
    }
    return b->reason;
}

enum policy_reason inject_body_end(struct inject_body *b, struct span credential, struct buf *out)
{
    if (b->reason != POLICY_REASON_ROUTE) {
        return b->reason;
    }
    if (b->escape != 0 || b->in_string || b->depth != 0 || b->after != JSON_ELSEWHERE) {
        b->reason = POLICY_REASON_BODY_FORMAT;
    } else if (is_holding(b)) {
        b->reason = end_value(b, credential, out);
        if (b->reason == POLICY_REASON_ROUTE && release_held(b, out) != 0) {
            b->reason = POLICY_REASON_INTERNAL;
        }
    }
    return b->reason;
}

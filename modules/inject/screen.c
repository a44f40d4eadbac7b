/* screen.c - finds credentials in a request and decides whether they may be there. */
#include "inject/inject.h"
#include "inject/places.h"

static bool name_matches(struct span name, const char *pattern)
{
    struct span p = span_str(pattern);
    if (p.len != 0 && p.ptr[p.len - 1] == '*') {
        return name.len >= p.len && span_eq_nocase(span_sub(name, 0, p.len - 1), span_sub(p, 0, p.len - 1));
    }
    return span_eq_nocase(name, p);
}

bool inject_is_place(struct span header_name)
{
    static const char *const places[] = {
#define INJECT_ITEM(text) text,
        INJECT_HEADER_PLACES(INJECT_ITEM)};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (name_matches(header_name, places[i])) {
            return true;
        }
    }
    return false;
}

static bool is_query_place(struct span key)
{
    static const char *const places[] = {INJECT_QUERY_PLACES(INJECT_ITEM)};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (span_eq_nocase(key, span_str(places[i]))) {
            return true;
        }
    }
    return false;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes percent escapes and '+' of a parameter name into `out`; a longer name than fits is none of ours. */
static struct span decode_key(struct span key, uint8_t *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.ptr[i];
        if (c == '%' && i + 2 < key.len && hex_digit(key.ptr[i + 1]) >= 0 && hex_digit(key.ptr[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit(key.ptr[i + 1]) << 4 | hex_digit(key.ptr[i + 2]));
            i += 2;
        }
        if (at == size) {
            return SPAN_EMPTY;
        }
        out[at++] = c;
    }
    return span_of(out, at);
}

/* True when some parameter of the query is a credential's place, in any spelling that a server might decode. */
static bool query_has_place(struct span query)
{
    size_t from = 0;
    for (size_t i = 0; i <= query.len; i++) {
        if (i < query.len && query.ptr[i] != '&' && query.ptr[i] != ';') {
            continue;
        }
        struct span pair = span_sub(query, from, i - from);
        from = i + 1;
        size_t len = 0;
        while (len < pair.len && pair.ptr[len] != '=' && pair.ptr[len] != '[') {
            len++;
        }
        uint8_t decoded[32];
        if (is_query_place(decode_key(span_sub(pair, 0, len), decoded, sizeof(decoded)))) {
            return true;
        }
    }
    return false;
}

static bool contains(struct span text, struct span part)
{
    return part.len != 0 && text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

static bool has_placeholder(struct span text, const struct inject_placeholder *placeholders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (contains(text, placeholders[i].value)) {
            return true;
        }
    }
    return false;
}

/* True when the field is exactly the route's header with the route's placeholder: "Authorization: Bearer PH". */
static bool is_own_placeholder(const struct spec_route *route, const struct http_field *field,
                               const struct inject_placeholder *placeholders, size_t count)
{
    if (route->inject == SPEC_INJECT_NONE || !span_eq_nocase(field->name, span_str(route->header))) {
        return false;
    }
    struct span prefix = span_str(route->prefix);
    if (field->value.len < prefix.len || !span_eq_nocase(span_sub(field->value, 0, prefix.len), prefix)) {
        return false;
    }
    struct span value = span_sub(field->value, prefix.len, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (span_eq_str(placeholders[i].credential, route->credential)) {
            return span_eq(value, placeholders[i].value);
        }
    }
    return false;
}

enum policy_reason inject_screen(const struct spec_route *route, const struct inject_request *request,
                                 const struct inject_placeholder *placeholders, size_t placeholder_count)
{
    bool injects = route->inject != SPEC_INJECT_NONE;
    bool own = false;
    bool foreign = false;
    if (has_placeholder(request->path, placeholders, placeholder_count) ||
        has_placeholder(request->query, placeholders, placeholder_count)) {
        return POLICY_REASON_PLACEHOLDER_MISPLACED;
    }
    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (is_own_placeholder(route, field, placeholders, placeholder_count)) {
            /* Twice the same place is two credentials to whoever reads only one of them. */
            foreign = foreign || own;
            own = true;
        } else if (has_placeholder(field->value, placeholders, placeholder_count)) {
            return POLICY_REASON_PLACEHOLDER_MISPLACED;
        } else if (injects && field->value.len != 0 &&
                   (inject_is_place(field->name) || span_eq_nocase(field->name, span_str(route->header)))) {
            foreign = true;
        }
    }
    if (foreign || query_has_place(request->query)) {
        return POLICY_REASON_FOREIGN_CREDENTIAL;
    }
    return route->placeholder_required && !own ? POLICY_REASON_PLACEHOLDER_REQUIRED : POLICY_REASON_ROUTE;
}

/* screen.c - finds credentials in a request and decides whether they may be there. */
#include "inject/internal.h"
#include "inject/places.h"

#define INJECT_ITEM(text) text,

/* What the screening has come to know about one request. */
struct screening {
    const struct spec_route *route;
    const struct inject_placeholder *placeholders;
    size_t placeholder_count;
    struct span placeholder; /* the route's own; empty when it has none */
    size_t own;              /* how often that stands where it belongs */
    unsigned own_headers;    /* bits: which of the route's headers hold it */
    bool foreign;
    bool misplaced;
};

static bool name_matches(struct span name, const char *pattern)
{
    struct span p = span_str(pattern);
    if (p.len != 0 && p.ptr[p.len - 1] == '*') {
        return name.len >= p.len && span_eq_nocase(span_sub(name, 0, p.len - 1), span_sub(p, 0, p.len - 1));
    }
    return span_eq_nocase(name, p);
}

static bool is_listed(const struct spec_list *list, struct span name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (name_matches(name, list->items[i])) {
            return true;
        }
    }
    return false;
}

static bool contains_nocase(struct span text, const char *word)
{
    struct span w = span_str(word);
    for (size_t i = 0; i + w.len <= text.len; i++) {
        if (span_eq_nocase(span_sub(text, i, w.len), w)) {
            return true;
        }
    }
    return false;
}

bool inject_is_place(const struct spec_route *route, const struct http_field *field)
{
    static const char *const places[] = {INJECT_HEADER_PLACES(INJECT_ITEM)};
    static const struct {
        const char *name;
        const char *word;
    } by_value[] = {
#define INJECT_PAIR(name_, word_) {name_, word_},
        INJECT_VALUE_PLACES(INJECT_PAIR)};
    bool place = is_listed(&route->place_headers, field->name);
    for (size_t i = 0; !place && i < sizeof(places) / sizeof(places[0]); i++) {
        place = name_matches(field->name, places[i]);
    }
    for (size_t i = 0; !place && i < sizeof(by_value) / sizeof(by_value[0]); i++) {
        place =
            name_matches(field->name, by_value[i].name) && contains_nocase(field->value, by_value[i].word);
    }
    /* There the others are the request's own words, and part of what is signed. */
    if (place && route->inject == SPEC_INJECT_AWS &&
        span_eq_nocase(span_sub(field->name, 0, 6), SPAN_LIT("x-amz-"))) {
        place = inject_aws_is_place(field->name) || is_listed(&route->place_headers, field->name);
    }
    return place && !is_listed(&route->pass_headers, field->name);
}

bool inject_is_query_place(const struct spec_route *route, struct span name)
{
    static const char *const places[] = {INJECT_QUERY_PLACES(INJECT_ITEM)};
    bool place = is_listed(&route->place_query, name) ||
                 (route->parameter != NULL && span_eq_nocase(name, span_str(route->parameter)));
    static const char *const presigned[] = {INJECT_AWS_QUERY_PLACES(INJECT_ITEM)};
    for (size_t i = 0; !place && i < sizeof(places) / sizeof(places[0]); i++) {
        place = span_eq_nocase(name, span_str(places[i]));
    }
    for (size_t i = 0;
         !place && route->inject == SPEC_INJECT_AWS && i < sizeof(presigned) / sizeof(presigned[0]); i++) {
        place = span_eq_nocase(name, span_str(presigned[i]));
    }
    return place && !is_listed(&route->pass_query, name);
}

/* True when some name in this part of the query is a credential's place, in any spelling that a server might decode:
 * escapes, "key[]", and ';' between parameters. */
static bool pair_has_place(const struct spec_route *route, struct span pair)
{
    for (size_t from = 0; from <= pair.len;) {
        size_t end = from;
        while (end < pair.len && pair.ptr[end] != ';') {
            end++;
        }
        struct span part = span_sub(pair, from, end - from);
        uint8_t name[72];
        size_t len = 0;
        size_t at = 0;
        while (at < part.len && part.ptr[at] != '=' && len < sizeof(name)) {
            uint8_t c = inject_text_next(part, &at);
            if (c == '[') {
                break;
            }
            name[len++] = c;
        }
        if (inject_is_query_place(route, span_of(name, len))) {
            return true;
        }
        from = end + 1;
    }
    return false;
}

static bool has_placeholder(const struct screening *s, struct span text)
{
    for (size_t i = 0; i < s->placeholder_count; i++) {
        if (inject_text_contains(text, s->placeholders[i].value)) {
            return true;
        }
    }
    return false;
}

/* Text outside of the route's own place, or in it and not the route's placeholder. */
static void judge(struct screening *s, struct span text, bool is_place)
{
    if (has_placeholder(s, text)) {
        s->misplaced = true;
    } else if (is_place && text.len != 0) {
        s->foreign = true;
    }
}

static void screen_path(struct screening *s, struct span path)
{
    struct inject_place place;
    if (!inject_path_find(s->route, path, &place)) {
        judge(s, path, false);
        return;
    }
    judge(s, place.before, false);
    judge(s, place.after, false);
    if (s->placeholder.len != 0 && inject_text_is(place.value, s->placeholder)) {
        s->own++;
    } else {
        judge(s, place.value, true);
    }
}

static void screen_query(struct screening *s, struct span query)
{
    struct inject_pair pair;
    size_t own = 0;
    while (inject_query_next(&query, &pair)) {
        if (!inject_query_is_own(s->route, &pair)) {
            judge(s, pair.whole, false);
            s->foreign = s->foreign || pair_has_place(s->route, pair.whole);
        } else if (s->placeholder.len != 0 && inject_text_is(pair.value, s->placeholder)) {
            own++;
        } else {
            judge(s, pair.value, true);
        }
    }
    /* Twice the same place is two credentials to whoever reads only one of them. */
    s->foreign = s->foreign || own > 1;
    s->own += own;
}

static bool holds_own(const struct screening *s, const struct spec_field *header, struct span value)
{
    switch (s->route->inject) {
    case SPEC_INJECT_BASIC:
        return inject_basic_holds(value, s->placeholder);
    case SPEC_INJECT_AWS:
        return inject_aws_holds(value, s->placeholder);
    default:
        return inject_header_holds(header, value, s->placeholder);
    }
}

static void screen_field(struct screening *s, const struct http_field *field)
{
    const struct spec_route *route = s->route;
    size_t index = inject_header_find(route, field->name);
    if (index == SIZE_MAX) {
        judge(s, field->value, route->inject != SPEC_INJECT_NONE && inject_is_place(route, field));
    } else if (s->placeholder.len != 0 && holds_own(s, &route->headers[index], field->value)) {
        s->foreign = s->foreign || (s->own_headers & 1U << index) != 0;
        s->own_headers |= 1U << index;
        s->own++;
        return;
    } else {
        judge(s, field->value, true);
    }
    uint8_t bytes[INJECT_BASIC_MAX];
    struct span decoded;
    if (inject_basic_decode(field->value, bytes, &decoded)) {
        judge(s, decoded, false);
    }
}

enum policy_reason inject_screen(const struct spec_route *route, const struct inject_request *request,
                                 const struct inject_placeholder *placeholders, size_t placeholder_count)
{
    struct screening s = {
        .route = route, .placeholders = placeholders, .placeholder_count = placeholder_count};
    for (size_t i = 0; route->inject != SPEC_INJECT_NONE && i < placeholder_count; i++) {
        if (span_eq_str(placeholders[i].credential, route->credential)) {
            s.placeholder = placeholders[i].value;
        }
    }
    screen_path(&s, request->path);
    screen_query(&s, request->query);
    for (size_t i = 0; i < request->field_count; i++) {
        screen_field(&s, &request->fields[i]);
    }
    if (s.misplaced) {
        return POLICY_REASON_PLACEHOLDER_MISPLACED;
    }
    if (s.foreign) {
        return POLICY_REASON_FOREIGN_CREDENTIAL;
    }
    return route->placeholder_required && s.own == 0 ? POLICY_REASON_PLACEHOLDER_REQUIRED
                                                     : POLICY_REASON_ROUTE;
}

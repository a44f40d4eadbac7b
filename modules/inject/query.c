/* query.c - the credential as a parameter of the query. */
#include "inject/internal.h"

bool inject_query_next(struct span *query, struct inject_pair *out)
{
    if (query->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(query->ptr, '&', query->len);
    out->whole = span_sub(*query, 0, end != NULL ? (size_t)(end - query->ptr) : query->len);
    *query = end != NULL ? span_sub(*query, out->whole.len + 1, query->len) : SPAN_EMPTY;
    const uint8_t *equals = out->whole.len != 0 ? memchr(out->whole.ptr, '=', out->whole.len) : NULL;
    size_t len = equals != NULL ? (size_t)(equals - out->whole.ptr) : out->whole.len;
    out->name = span_sub(out->whole, 0, len);
    out->value = span_sub(out->whole, len + 1, out->whole.len);
    return true;
}

bool inject_query_is_own(const struct spec_route *route, const struct inject_pair *pair)
{
    return route->inject == SPEC_INJECT_QUERY && inject_text_is(pair->name, span_str(route->parameter));
}

int inject_query_write(const struct spec_route *route, struct span query, struct span credential,
                       struct buf *out)
{
    struct inject_pair pair;
    bool first = true;
    int r = credential.len != 0 && http_value_valid(credential) ? 0 : CB_EINVAL;
    while (r == 0 && inject_query_next(&query, &pair)) {
        if (inject_query_is_own(route, &pair)) {
            continue;
        }
        r = first ? 0 : buf_append_byte(out, '&');
        first = false;
        r = r == 0 ? buf_append_span(out, pair.whole) : r;
    }
    if (r != 0 || (!first && (r = buf_append_byte(out, '&')) != 0) ||
        (r = buf_append_str(out, route->parameter)) != 0 || (r = buf_append_byte(out, '=')) != 0) {
        return r;
    }
    return inject_text_escape(credential, "", out);
}

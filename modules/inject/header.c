/* header.c - the credential in header fields, behind a prefix. */
#include "inject/internal.h"

size_t inject_header_find(const struct spec_route *route, struct span name)
{
    for (size_t i = 0; i < route->header_count; i++) {
        if (span_eq_nocase(name, span_str(route->headers[i].name))) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool holds_behind(struct span value, struct span prefix, struct span placeholder)
{
    return value.len >= prefix.len && span_eq_nocase(span_sub(value, 0, prefix.len), prefix) &&
           span_eq(span_sub(value, prefix.len, value.len), placeholder);
}

bool inject_header_holds(const struct spec_field *header, struct span value, struct span placeholder)
{
    struct span prefix = span_str(header->value);
    return holds_behind(value, prefix, placeholder) || (span_eq_nocase(prefix, SPAN_LIT("Bearer ")) &&
                                                        holds_behind(value, SPAN_LIT("token "), placeholder));
}

int inject_header_write(const struct spec_route *route, struct span credential, struct buf *out)
{
    /* Written piece by piece: a copy of the whole value anywhere else would have to be wiped as well. */
    if (credential.len == 0 || !http_value_valid(credential)) {
        return CB_EINVAL;
    }
    for (size_t i = 0; i < route->header_count; i++) {
        const struct spec_field *header = &route->headers[i];
        int r;
        if (!http_name_valid(span_str(header->name))) {
            return CB_EINVAL;
        }
        if ((r = buf_append_str(out, header->name)) != 0 || (r = buf_append_str(out, ": ")) != 0 ||
            (r = buf_append_str(out, header->value)) != 0 || (r = buf_append_span(out, credential)) != 0 ||
            (r = buf_append_str(out, "\r\n")) != 0) {
            return r;
        }
    }
    return 0;
}

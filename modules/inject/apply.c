/* apply.c - which fields travel, and the credential's own field. */
#include "http/write.h"
#include "inject/inject.h"

static bool is_one_of(struct span name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (span_eq_nocase(name, span_str(*list))) {
            return true;
        }
    }
    return false;
}

bool inject_field_passes(const struct spec_route *route, const struct inject_request *request,
                         const struct http_field *field)
{
    /* The overrides would let a GET that the route allows become a DELETE that it does not. */
    static const char *const ours[] = {
        "host",          "content-length",    "expect", "x-http-method-override",
        "x-http-method", "x-method-override", NULL};
    return !is_one_of(field->name, ours) && !inject_is_place(field->name) &&
           !http_field_is_hop_by_hop(request->fields, request->field_count, field->name) &&
           (route->inject == SPEC_INJECT_NONE || !span_eq_nocase(field->name, span_str(route->header)));
}

bool inject_answer_field_passes(const struct spec_route *route, const struct http_field *fields, size_t count,
                                const struct http_field *field)
{
    static const char *const never[] = {"alt-svc", "content-length", NULL};
    static const char *const session[] = {"set-cookie", "set-cookie2", NULL};
    return !is_one_of(field->name, never) && !http_field_is_hop_by_hop(fields, count, field->name) &&
           !(route->credential != NULL && is_one_of(field->name, session));
}

int inject_write(const struct spec_route *route, struct span credential, struct buf *out)
{
    /* Written piece by piece: a copy of the whole value anywhere else would have to be wiped as well. */
    if (!http_name_valid(span_str(route->header)) || !http_value_valid(credential)) {
        return CB_EINVAL;
    }
    int r;
    if ((r = buf_append_str(out, route->header)) == 0 && (r = buf_append_str(out, ": ")) == 0 &&
        (r = buf_append_str(out, route->prefix)) == 0 && (r = buf_append_span(out, credential)) == 0) {
        r = buf_append_str(out, "\r\n");
    }
    return r;
}

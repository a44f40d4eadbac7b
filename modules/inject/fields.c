/* fields.c - which fields travel, and what the route writes into a request. */
#include "http/write.h"
#include "inject/internal.h"

static bool is_one_of(struct span name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (span_eq_nocase(name, span_str(*list))) {
            return true;
        }
    }
    return false;
}

static bool route_writes(const struct spec_route *route, struct span name)
{
    for (size_t i = 0; i < route->extra_count; i++) {
        if (span_eq_nocase(name, span_str(route->extras[i].name))) {
            return true;
        }
    }
    return inject_header_find(route, name) != SIZE_MAX ||
           (route->inject == SPEC_INJECT_AWS && inject_aws_writes(name));
}

/* "Impersonate-User" and its like would make the route's credential act as somebody else (Kubernetes). */
static bool is_impersonation(struct span name)
{
    return span_eq_nocase(span_sub(name, 0, 12), SPAN_LIT("impersonate-"));
}

enum inject_fate inject_field_fate(const struct spec_route *route, const struct inject_request *request,
                                   const struct http_field *field)
{
    static const char *const ours[] = {"host", "content-length", "expect", NULL};
    /* These would let a GET that the route allows become a DELETE that it does not. */
    static const char *const overrides[] = {"x-http-method-override", "x-http-method", "x-method-override",
                                            NULL};
    if (is_one_of(field->name, ours)) {
        return INJECT_FATE_OURS;
    }
    if (is_one_of(field->name, overrides)) {
        return INJECT_FATE_OVERRIDE;
    }
    if (is_impersonation(field->name)) {
        return INJECT_FATE_IMPERSONATION;
    }
    if (route_writes(route, field->name)) {
        return INJECT_FATE_ROUTE;
    }
    if (inject_is_place(route, field)) {
        return INJECT_FATE_PLACE;
    }
    return http_field_is_hop_by_hop(request->fields, request->field_count, field->name) ? INJECT_FATE_HOP
                                                                                        : INJECT_FATE_PASSES;
}

const char *inject_fate_text(enum inject_fate fate)
{
    static const char *const texts[] = {
#define INJECT_FATE(id_, text_) [INJECT_FATE_##id_] = (text_),
        INJECT_FATES(INJECT_FATE)};
    return texts[fate];
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
    int r = 0;
    if (route->inject == SPEC_INJECT_BASIC) {
        r = inject_basic_write(route, credential, out);
    } else if (route->header_count != 0 && route->inject != SPEC_INJECT_AWS) {
        r = inject_header_write(route, credential, out);
    }
    for (size_t i = 0; r == 0 && i < route->extra_count; i++) {
        r = http_write_field(out, span_str(route->extras[i].name), span_str(route->extras[i].value));
    }
    return r;
}

int inject_write_target(const struct spec_route *route, const struct inject_request *request,
                        struct span credential, struct buf *out)
{
    struct inject_place place;
    bool own_query = route->inject == SPEC_INJECT_QUERY;
    int r;
    if (route->inject != SPEC_INJECT_PATH) {
        r = buf_append_span(out, request->path);
    } else if (inject_path_find(route, request->path, &place)) {
        r = inject_path_write(&place, credential, out);
    } else {
        r = CB_EINTERNAL; /* the route matched by one of these patterns */
    }
    if (r != 0 || (!request->has_query && !own_query) || (r = buf_append_byte(out, '?')) != 0) {
        return r;
    }
    return own_query ? inject_query_write(route, request->query, credential, out)
                     : buf_append_span(out, request->query);
}

int inject_shown_path(const struct spec_route *route, struct span path, struct buf *out)
{
    struct inject_place place;
    int r;
    if (route == NULL || !inject_path_find(route, path, &place)) {
        return buf_append_span(out, path);
    }
    if ((r = buf_append_span(out, place.before)) != 0 || (r = buf_append_str(out, INJECT_SHOWN)) != 0) {
        return r;
    }
    return buf_append_span(out, place.after);
}

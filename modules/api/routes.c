/* routes.c - the routes of a tenant: what its document expands to. */
#include "api/state.h"

static void write_texts(struct json *j, const char *key, char *const *texts, size_t count)
{
    json_array(j, key);
    for (size_t i = 0; i < count; i++) {
        json_text(j, NULL, span_str(texts[i]));
    }
    json_array_end(j);
}

/* "ADDRESS:PORT", as a tenant file has it. */
static int write_upstream(struct json *j, const struct spec_route *route)
{
    struct buf text;
    if (route->upstream_address == NULL) {
        json_null(j, "upstream");
        return 0;
    }
    buf_init(&text, 512);
    int r = buf_appendf(&text, "%s:%u", route->upstream_address, (unsigned)route->upstream_port);
    if (r == 0) {
        json_text(j, "upstream", buf_span(&text));
    }
    buf_deinit(&text);
    return r;
}

static int write_route(struct json *j, const struct spec_route *route)
{
    json_object(j, NULL);
    json_text(j, "name", span_str(route->name));
    json_text(j, "action", span_str(route->action == SPEC_ACTION_DENY ? "deny" : "allow"));
    json_text(j, "scheme", span_str(route->scheme == SPEC_SCHEME_HTTP ? "http" : "https"));
    json_text(j, "host", span_str(route->host));
    json_number(j, "port", route->port);
    write_texts(j, "methods", route->methods, route->method_count);
    write_texts(j, "paths", route->paths, route->path_count);
    api_json_text_or_null(j, "provider", route->provider);
    api_json_text_or_null(j, "credential", route->credential);
    int r = write_upstream(j, route);
    json_object_end(j);
    return r;
}

int api_routes_write(struct json *j, const struct api_tenant *tenant, const struct api_page *page,
                     struct span *last)
{
    const struct spec *spec = tenant->spec;
    size_t from = 0;
    int r = 0;
    if (page->after.len != 0) {
        while (from < spec->route_count && !span_eq_str(page->after, spec->routes[from].name)) {
            from++;
        }
        if (from++ == spec->route_count) {
            return CB_ENOTFOUND;
        }
    }
    uint64_t left = page->limit;
    json_array(j, "routes");
    for (size_t i = from; r == 0 && i < spec->route_count && left > 0; i++, left--) {
        r = write_route(j, &spec->routes[i]);
        if (last != NULL) {
            *last = i + 1 < spec->route_count ? span_str(spec->routes[i].name) : SPAN_EMPTY;
        }
    }
    json_array_end(j);
    return r;
}

static int on_routes(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    struct span last = SPAN_EMPTY;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    r = api_routes_write(api_json_begin(q), &tenant, &q->page, &last);
    if (r == CB_ENOTFOUND) {
        api_page_refuse(q, "route");
        r = 0;
    } else if (r == 0) {
        api_page_next(q, last);
        api_answer_json(q);
    }
    api_tenant_deinit(&tenant);
    return r;
}

void api_routes_list(struct api_request *q)
{
    if (api_page_read(q, API_PAGE_MAX)) {
        api_tenant_get(q, on_routes);
    }
}

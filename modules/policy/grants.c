/* grants.c - a tenant's grants, as routes of their own. */
#include "policy/grants.h"

#include <stdlib.h>

#include "policy/host.h"
#include "policy/spec_check.h"

void policy_grant_write(struct writer *w, const struct policy_grant *grant)
{
    writer_u64(w, grant->id);
    writer_u8(w, (uint8_t)grant->scheme);
    writer_bytes(w, grant->host, SPEC_HOST_MAX);
    writer_u16(w, grant->port);
    writer_bytes(w, grant->method, SPEC_METHOD_MAX);
    writer_bytes(w, grant->path, SPEC_PATH_MAX);
    writer_u64(w, grant->until_ms);
    writer_u8(w, grant->uses_left);
    writer_bool(w, grant->websocket);
}

struct policy_grant policy_grant_read(struct reader *r)
{
    struct policy_grant g = {.id = reader_u64(r)};
    g.scheme = (enum spec_scheme)reader_u8(r);
    g.host = reader_bytes(r, SPEC_HOST_MAX);
    g.port = reader_u16(r);
    g.method = reader_bytes(r, SPEC_METHOD_MAX);
    g.path = reader_bytes(r, SPEC_PATH_MAX);
    g.until_ms = reader_u64(r);
    g.uses_left = reader_u8(r);
    g.websocket = reader_bool(r);
    return g;
}

static int copy_text(struct span from, char **to)
{
    *to = strndup(from.len != 0 ? (const char *)from.ptr : "", from.len);
    return *to != NULL ? 0 : CB_ENOMEM;
}

static int copy_list(char *const *from, size_t count, char ***to, size_t *to_count)
{
    int r = 0;
    *to = calloc(count + 1, sizeof(**to));
    if (*to == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = copy_text(span_str(from[i]), &(*to)[i]);
        *to_count += r == 0 ? 1 : 0;
    }
    return r;
}

/* The allow route of the specification by which the host is reached at that port: an exact one, else the longest pattern. */
static const struct spec_route *way_of(const struct policy_grants *grants, const struct policy_grant *g)
{
    const struct spec_route *best = NULL;
    for (size_t i = 0; i < grants->own; i++) {
        const struct spec_route *route = &grants->spec->routes[i];
        bool fits = route->action == SPEC_ACTION_ALLOW && route->scheme == g->scheme &&
                    route->port == g->port && policy_host_matches(span_str(route->host), g->host);
        if (fits && (best == NULL || span_eq_str(g->host, route->host) ||
                     (!span_eq_str(g->host, best->host) && strlen(route->host) > strlen(best->host)))) {
            best = route;
        }
    }
    return best;
}

static int take_way(const struct spec_route *way, struct spec_route *route)
{
    int r = 0;
    if (way->upstream_address != NULL) {
        r = copy_text(span_str(way->upstream_address), &route->upstream_address);
        route->upstream_port = way->upstream_port;
    }
    if (r == 0 && way->upstream_ca != NULL) {
        r = copy_text(span_str(way->upstream_ca), &route->upstream_ca);
    }
    if (r == 0 && way->upstream_pins.count != 0) {
        r = copy_list(way->upstream_pins.items, way->upstream_pins.count, &route->upstream_pins.items,
                      &route->upstream_pins.count);
    }
    return r;
}

static int fill_route(const struct policy_grants *grants, const struct policy_grant *g,
                      struct spec_route *route)
{
    char name[POLICY_GRANT_NAME_SIZE];
    char method[SPEC_METHOD_MAX + 1] = "";
    char path[SPEC_PATH_MAX + 1] = "";
    char *methods[] = {method};
    char *paths[] = {path};
    policy_grant_name(g->id, name);
    memcpy(method, g->method.ptr, g->method.len); /* policy_grant_check() knows that they fit */
    memcpy(path, g->path.ptr, g->path.len);
    route->action = SPEC_ACTION_ALLOW;
    route->inject = SPEC_INJECT_NONE;
    route->scheme = g->scheme;
    route->port = g->port;
    route->websocket = g->websocket;
    int r = copy_text(span_str(name), &route->name);
    if (r == 0) {
        r = copy_text(g->host, &route->host);
    }
    if (r == 0) {
        r = copy_list(methods, 1, &route->methods, &route->method_count);
    }
    if (r == 0) {
        r = copy_list(paths, 1, &route->paths, &route->path_count);
    }
    const struct spec_route *way = r == 0 ? way_of(grants, g) : NULL;
    return way != NULL ? take_way(way, route) : r;
}

/* The grant as it was read, and its route. The texts are the route's from now on, which keep their place when the array of routes grows. */
static int add(struct policy_grants *grants, struct spec *spec, const struct policy_grant *g)
{
    struct spec_route *route;
    char why[160];
    int r = policy_grant_check(g, why, sizeof(why));
    if (r != 0 || spec->route_count == SPEC_ROUTES_MAX) {
        return r;
    }
    r = spec_add_route(spec, &route);
    r = r == 0 ? fill_route(grants, g, route) : r;
    if (r == 0) {
        struct policy_grant *item = &grants->items[grants->count++];
        *item = *g;
        item->host = span_str(route->host);
        item->method = span_str(route->methods[0]);
        item->path = span_str(route->paths[0]);
    }
    return r;
}

int policy_grants_take(struct policy_grants *grants, struct spec *spec, struct span list)
{
    struct reader r = reader_of(list);
    uint32_t count = list.len != 0 ? reader_u32(&r) : 0;
    *grants = (struct policy_grants){.spec = spec, .own = spec->route_count};
    if (r.error == 0 && count > POLICY_GRANTS_MAX) {
        return CB_ELIMIT;
    }
    grants->items = calloc((size_t)count + 1, sizeof(*grants->items));
    if (grants->items == NULL) {
        return CB_ENOMEM;
    }
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct policy_grant g = policy_grant_read(&r);
        int error = r.error == 0 ? add(grants, spec, &g) : r.error;
        if (error != 0) {
            return error;
        }
    }
    return reader_finish(&r);
}

void policy_grants_free(struct policy_grants *grants)
{
    free(grants->items);
    *grants = (struct policy_grants){.spec = NULL};
}

int policy_grants_table(const struct policy_grants *grants, struct policy_table **out, char *why,
                        size_t why_size)
{
    struct spec own = *grants->spec; /* the table points to the routes alone */
    own.route_count = grants->own;
    return policy_table_new(&own, out, why, why_size);
}

const struct spec_route *policy_grants_route(const struct policy_grants *grants,
                                             const struct policy_grant *grant)
{
    return &grants->spec->routes[grants->own + (size_t)(grant - grants->items)];
}

const struct policy_grant *policy_grants_find(const struct policy_grants *grants, enum policy_reason reason,
                                              const struct policy_query *query, uint64_t now_ms)
{
    for (size_t i = 0; policy_grant_may(reason) && i < grants->count; i++) {
        if (policy_grant_matches(&grants->items[i], query, now_ms)) {
            return &grants->items[i];
        }
    }
    return NULL;
}

bool policy_grants_still(const struct policy_grants *grants, uint64_t id, uint64_t now_ms)
{
    for (size_t i = 0; i < grants->count; i++) {
        if (grants->items[i].id == id) {
            return now_ms < grants->items[i].until_ms;
        }
    }
    return false;
}

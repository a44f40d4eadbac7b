/*
 * grants.c - what somebody allowed for a time, or once: as routes behind those of the specification, without a credential.
 *
 * They are routes so that everything that goes by a route has one to go by: the name in the audit, the way to the provider, whom the
 * connection trusts. They are not in the table: a grant is asked only when no route decides. To a host that the specification's routes reach in a
 * way of their own (an address, a CA, pins) a grant goes by the same way, and with none of what they inject or show.
 */
#include "base/clock.h"
#include "egress/state.h"
#include "policy/spec_check.h"

#include <stdlib.h>

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
static const struct spec_route *way_of(const struct spec *spec, size_t count, const struct policy_grant *g)
{
    const struct spec_route *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct spec_route *route = &spec->routes[i];
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

/* `routes`: how many of the spec's are its own. */
static int add_route(struct spec *spec, size_t routes, const struct policy_grant *g)
{
    struct spec_route *route;
    char name[POLICY_GRANT_NAME_SIZE];
    char method[SPEC_METHOD_MAX + 1] = "";
    char path[SPEC_PATH_MAX + 1] = "";
    char *methods[] = {method};
    char *paths[] = {path};
    int r = spec_add_route(spec, &route);
    if (r != 0) {
        return r;
    }
    policy_grant_name(g->id, name);
    memcpy(method, g->method.ptr, g->method.len); /* policy_grant_check() knows that they fit */
    memcpy(path, g->path.ptr, g->path.len);
    route->action = SPEC_ACTION_ALLOW;
    route->inject = SPEC_INJECT_NONE;
    route->scheme = g->scheme;
    route->port = g->port;
    r = copy_text(span_str(name), &route->name);
    if (r == 0) {
        r = copy_text(g->host, &route->host);
    }
    if (r == 0) {
        r = copy_list(methods, 1, &route->methods, &route->method_count);
    }
    if (r == 0) {
        r = copy_list(paths, 1, &route->paths, &route->path_count);
    }
    const struct spec_route *way = r == 0 ? way_of(spec, routes, g) : NULL;
    return way != NULL ? take_way(way, route) : r;
}

static struct policy_grant read_grant(struct reader *r)
{
    struct policy_grant g = {.id = reader_u64(r)};
    g.scheme = (enum spec_scheme)reader_u8(r);
    g.host = ipc_read_text(r, IPC_HOST_MAX);
    g.port = reader_u16(r);
    g.method = ipc_read_text(r, SPEC_METHOD_MAX);
    g.path = ipc_read_text(r, SPEC_PATH_MAX);
    g.until_ms = reader_u64(r);
    g.uses_left = reader_u8(r);
    return g;
}

int grants_take(struct egress_config *config, struct span list)
{
    struct reader r = reader_of(list);
    uint32_t count = ipc_list_read(&r, POLICY_GRANTS_MAX);
    char why[160];
    config->own_routes = config->spec->route_count;
    config->grants = calloc(count + 1, sizeof(*config->grants));
    if (config->grants == NULL) {
        return CB_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct policy_grant g = read_grant(&r);
        int error = r.error != 0 ? r.error : policy_grant_check(&g, why, sizeof(why));
        if (error == 0) {
            error = add_route(config->spec, config->own_routes, &g);
        }
        if (error != 0) {
            return error;
        }
        config->grants[config->grant_count++] = g;
    }
    /* The routes have their place now, and the texts are theirs. */
    for (size_t i = 0; i < config->grant_count; i++) {
        const struct spec_route *route = &config->spec->routes[config->own_routes + i];
        config->grants[i].host = span_str(route->host);
        config->grants[i].method = span_str(route->methods[0]);
        config->grants[i].path = span_str(route->paths[0]);
    }
    return reader_finish(&r);
}

const struct policy_grant *grants_find(const struct egress_config *config, enum policy_reason reason,
                                       const struct policy_query *query, const struct spec_route **route)
{
    uint64_t now_ms = clock_wall_ms();
    for (size_t i = 0; policy_grant_may(reason) && i < config->grant_count; i++) {
        if (policy_grant_matches(&config->grants[i], query, now_ms)) {
            *route = &config->spec->routes[config->own_routes + i];
            return &config->grants[i];
        }
    }
    return NULL;
}

bool grants_still(const struct egress_config *config, uint64_t id)
{
    uint64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < config->grant_count; i++) {
        if (config->grants[i].id == id) {
            return now_ms < config->grants[i].until_ms;
        }
    }
    return false;
}

/* routes.c - the little that the gate knows of the routes. */
#include "gate/state.h"

#include <stdlib.h>

#define ROUTES_MAX 4096

static void routes_free(struct gate_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(routes[i].host);
    }
    free(routes);
}

int routes_take(struct gate_routes *routes, struct span payload)
{
    struct ipc_gate_config m;
    int r = ipc_get_gate_config(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.token_hash.len != IPC_HASH_LEN) {
        return CB_EMALFORMED;
    }
    struct reader list = reader_of(m.hosts);
    uint32_t count = ipc_list_read(&list, ROUTES_MAX);
    struct gate_route *fresh = calloc(count + 1, sizeof(*fresh));
    if (fresh == NULL) {
        return CB_ENOMEM;
    }
    for (uint32_t i = 0; i < count && list.error == 0; i++) {
        struct span host = ipc_read_text(&list, IPC_HOST_MAX);
        fresh[i].port = reader_u16(&list);
        uint8_t scheme = reader_u8(&list);
        fresh[i].scheme = (enum spec_scheme)scheme;
        if (list.error == 0 && scheme >= SPEC_SCHEME__COUNT) {
            list.error = CB_EMALFORMED;
        } else if (list.error == 0 && (fresh[i].host = strndup((const char *)host.ptr, host.len)) == NULL) {
            list.error = CB_ENOMEM;
        }
    }
    r = reader_finish(&list);
    if (r != 0) {
        routes_free(fresh, count);
        return r;
    }
    routes_free(routes->routes, routes->count);
    routes->routes = fresh;
    routes->count = count;
    routes->generation = m.generation;
    routes->suspended = m.suspended;
    routes->ca_ms = m.ca_ms;
    routes->known = true;
    memcpy(routes->token_hash, m.token_hash.ptr, IPC_HASH_LEN);
    return 0;
}

bool routes_have_host(const struct gate_routes *routes, struct span host)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (policy_host_matches(span_str(routes->routes[i].host), host)) {
            return true;
        }
    }
    return false;
}

bool routes_have_port(const struct gate_routes *routes, uint16_t port)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (routes->routes[i].port == port) {
            return true;
        }
    }
    return false;
}

bool routes_have_host_port(const struct gate_routes *routes, struct span host, uint16_t port)
{
    return routes_have_scheme(routes, host, port, SPEC_SCHEME_HTTPS) ||
           routes_have_scheme(routes, host, port, SPEC_SCHEME_HTTP);
}

bool routes_have_scheme(const struct gate_routes *routes, struct span host, uint16_t port,
                        enum spec_scheme scheme)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct gate_route *route = &routes->routes[i];
        if (route->port == port && route->scheme == scheme &&
            policy_host_matches(span_str(route->host), host)) {
            return true;
        }
    }
    return false;
}

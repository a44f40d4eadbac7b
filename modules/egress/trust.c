/* trust.c - whom the connections of each route trust: the route's own CA or the system's, pins, a client certificate. */
#include "egress/state.h"

#include <stdlib.h>

static int trust_route(const struct tls_roots *system, const struct spec_route *route, struct tls_roots **out)
{
    struct tls_roots *roots = NULL;
    int r = 0;
    if (route->upstream_ca != NULL) {
        r = tls_roots_new(span_str(route->upstream_ca), &roots, NULL);
    } else if (system != NULL && (route->upstream_pins.count != 0 || route->upstream_credential != NULL)) {
        r = tls_roots_share(system, &roots);
    }
    for (size_t i = 0; r == 0 && roots != NULL && i < route->upstream_pins.count; i++) {
        uint8_t digest[SPEC_DIGEST_LEN];
        r = spec_pin_read(span_str(route->upstream_pins.items[i]), digest);
        if (r == 0) {
            r = tls_roots_pin(roots, digest);
        }
    }
    if (r != 0) {
        tls_roots_free(roots);
        return r;
    }
    *out = roots;
    return 0;
}

int trust_make(const struct tls_roots *system, struct egress_config *config)
{
    config->trust = calloc(config->spec->route_count + 1, sizeof(*config->trust));
    int r = config->trust != NULL ? 0 : CB_ENOMEM;
    for (size_t i = 0; r == 0 && i < config->spec->route_count; i++) {
        const struct spec_route *route = &config->spec->routes[i];
        r = trust_route(system, route, &config->trust[i].roots);
        if (r == 0 && route->token.ca != NULL) {
            r = tls_roots_new(span_str(route->token.ca), &config->trust[i].token_roots, NULL);
        }
    }
    return r;
}

void trust_free(struct egress_config *config)
{
    for (size_t i = 0; config->trust != NULL && config->spec != NULL && i < config->spec->route_count; i++) {
        tls_roots_free(config->trust[i].roots);
        tls_roots_free(config->trust[i].token_roots);
    }
    free(config->trust);
}

const struct tls_roots *trust_of_token(const struct egress *e, const struct egress_config *config,
                                       const struct spec_route *route)
{
    const struct egress_trust *trust = &config->trust[route - config->spec->routes];
    return route->token.ca != NULL ? trust->token_roots : e->system_roots;
}

int trust_of(const struct egress *e, struct egress_config *config, const struct spec_route *route,
             const struct tls_roots **out, const char **why)
{
    struct egress_trust *trust = &config->trust[route - config->spec->routes];
    bool special =
        route->upstream_ca != NULL || route->upstream_pins.count != 0 || route->upstream_credential != NULL;
    /* A route with pins never falls back on roots without them. */
    *out = special ? trust->roots : e->system_roots;
    if (route->upstream_credential == NULL || trust->roots == NULL || trust->identified) {
        return 0;
    }
    const struct egress_credential *credential = config_credential(config, route->upstream_credential);
    if (credential == NULL || credential->value == NULL) {
        return CB_EINTERNAL;
    }
    struct tls_identity *identity = NULL;
    int r = tls_identity_new(secret_span(credential->value), &identity, why);
    if (r == 0) {
        tls_roots_identify(trust->roots, identity);
        trust->identified = true;
    }
    return r;
}

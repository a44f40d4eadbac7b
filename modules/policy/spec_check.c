/* spec_check.c - the checks that a specification has to pass again whenever it crosses a process or the database. */
#include "policy/spec_check.h"

#include <stdlib.h>

#include "policy/host.h"
#include "policy/path.h"
#include "policy/placeholder.h"

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* A token (RFC 9110, 5.6.2). */
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || memchr("\"(),/:;<=>?@[\\]{}", c, 17) != NULL) {
            return false;
        }
    }
    return s.len > 0;
}

static bool name_is_valid(const char *name)
{
    return name != NULL && spec_name_valid(span_str(name));
}

static bool method_is_valid(const char *method)
{
    struct span s = span_str(method);
    if (s.len > SPEC_METHOD_MAX || !is_token(s)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') {
            return false;
        }
    }
    return true;
}

static bool env_is_valid(const char *env)
{
    struct span s = span_str(env);
    if (s.len == 0 || s.len > SPEC_ENV_MAX || is_digit(s.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (!is_upper((uint8_t)(c & ~0x20U)) && !is_digit(c) && c != '_') {
            return false;
        }
    }
    return true;
}

/* In the canonical form of an authority, as policy_host_parse() gives it. */
static bool address_is_valid(const char *address)
{
    struct policy_host host;
    return policy_host_parse(span_str(address), &host) == 0 && host.kind != POLICY_HOST_NAME &&
           strcmp(host.text, address) == 0;
}

static bool injection_is_valid(const struct spec_route *route)
{
    bool injects = route->inject != SPEC_INJECT_NONE;
    if (route->header == NULL
            ? injects
            : strlen(route->header) > SPEC_HEADER_MAX || !is_token(span_str(route->header))) {
        return false;
    }
    if (route->prefix == NULL
            ? injects
            : strlen(route->prefix) > SPEC_PREFIX_MAX || !is_printable(span_str(route->prefix))) {
        return false;
    }
    if (injects) {
        return route->action == SPEC_ACTION_ALLOW && name_is_valid(route->credential);
    }
    return route->credential == NULL;
}

static bool upstream_is_valid(const struct spec_route *route)
{
    return (route->upstream_address == NULL || address_is_valid(route->upstream_address)) &&
           (route->upstream_ca == NULL || strlen(route->upstream_ca) <= SPEC_CA_MAX);
}

static bool route_is_valid(const struct spec *spec, const struct spec_route *route)
{
    char why[256];
    if (!name_is_valid(route->name) || (route->provider != NULL && !name_is_valid(route->provider)) ||
        (unsigned)route->action >= SPEC_ACTION__COUNT || (unsigned)route->scheme >= SPEC_SCHEME__COUNT ||
        (unsigned)route->inject >= SPEC_INJECT__COUNT || route->port == 0 || route->host == NULL ||
        policy_host_pattern_check(span_str(route->host), why, sizeof(why)) != 0 || route->method_count == 0 ||
        route->method_count > SPEC_METHODS_MAX || route->path_count > SPEC_PATHS_MAX) {
        return false;
    }
    for (size_t i = 0; i < route->method_count; i++) {
        if (!method_is_valid(route->methods[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < route->path_count; i++) {
        if (policy_path_pattern_check(span_str(route->paths[i]), why, sizeof(why)) != 0) {
            return false;
        }
    }
    return injection_is_valid(route) && upstream_is_valid(route) &&
           (route->credential == NULL || spec_find_credential(spec, span_str(route->credential)) != NULL);
}

static bool credential_is_valid(const struct spec_credential *credential)
{
    char why[256];
    return name_is_valid(credential->name) && (credential->env == NULL || env_is_valid(credential->env)) &&
           (credential->shape == NULL ||
            placeholder_shape_check(span_str(credential->shape), why, sizeof(why)) == 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool names_are_unique(const char **names, size_t count)
{
    if (count > 1) {
        qsort(names, count, sizeof(names[0]), compare_names);
    }
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return false;
        }
    }
    return true;
}

bool spec_is_valid(const struct spec *spec)
{
    const char *names[SPEC_ROUTES_MAX];
    if (!name_is_valid(spec->tenant) || spec->route_count > SPEC_ROUTES_MAX ||
        spec->credential_count > SPEC_ROUTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < spec->credential_count; i++) {
        if (!credential_is_valid(&spec->credentials[i])) {
            return false;
        }
        names[i] = spec->credentials[i].name;
    }
    if (!names_are_unique(names, spec->credential_count)) {
        return false;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        if (!route_is_valid(spec, &spec->routes[i])) {
            return false;
        }
        names[i] = spec->routes[i].name;
    }
    return names_are_unique(names, spec->route_count);
}

/* spec.c - a specification in memory: making, growing, freeing, names. The encoding is in spec_code.c. */
#include "policy/spec.h"

#include <stdlib.h>

#include "base/encode.h"

struct spec *spec_new(void)
{
    return calloc(1, sizeof(struct spec));
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; strings != NULL && i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

static void free_fields(struct spec_field *fields, size_t count)
{
    for (size_t i = 0; fields != NULL && i < count; i++) {
        free(fields[i].name);
        free(fields[i].value);
    }
    free(fields);
}

static void token_deinit(struct spec_token *token)
{
    free(token->host);
    free(token->path);
    free(token->client_id);
    free(token->scope);
    free(token->audience);
    free(token->subject);
    free(token->address);
    free(token->ca);
}

static void route_deinit(struct spec_route *route)
{
    free(route->name);
    free(route->provider);
    free(route->host);
    free_strings(route->methods, route->method_count);
    free_strings(route->paths, route->path_count);
    free_fields(route->headers, route->header_count);
    free(route->user);
    free(route->parameter);
    free(route->path_marks);
    free(route->service);
    free(route->region);
    free(route->credential);
    token_deinit(&route->token);
    free_fields(route->extras, route->extra_count);
    free_strings(route->place_headers.items, route->place_headers.count);
    free_strings(route->place_query.items, route->place_query.count);
    free_strings(route->pass_headers.items, route->pass_headers.count);
    free_strings(route->pass_query.items, route->pass_query.count);
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        free_strings(route->kube_rules[i].namespaces.items, route->kube_rules[i].namespaces.count);
        free_strings(route->kube_rules[i].verbs.items, route->kube_rules[i].verbs.count);
        free_strings(route->kube_rules[i].resources.items, route->kube_rules[i].resources.count);
    }
    free(route->kube_rules);
    free(route->upstream_address);
    free(route->upstream_ca);
    free_strings(route->upstream_pins.items, route->upstream_pins.count);
    free(route->upstream_credential);
}

void spec_free(struct spec *spec)
{
    if (spec == NULL) {
        return;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        route_deinit(&spec->routes[i]);
    }
    for (size_t i = 0; i < spec->credential_count; i++) {
        free(spec->credentials[i].name);
        free(spec->credentials[i].env);
        free(spec->credentials[i].shape);
    }
    free(spec->tenant);
    free(spec->routes);
    free(spec->credentials);
    free(spec);
}

/* Room for one more element: the arrays double, and a power of two is when they are full. */
static int grow(void **array, size_t count, size_t max, size_t size)
{
    if (count >= max) {
        return CB_ELIMIT;
    }
    if ((count & (count - 1)) != 0) {
        return 0;
    }
    void *larger = reallocarray(*array, count == 0 ? 1 : count * 2, size);
    if (larger == NULL) {
        return CB_ENOMEM;
    }
    *array = larger;
    return 0;
}

int spec_add_route(struct spec *spec, struct spec_route **out)
{
    void *routes = spec->routes;
    int r = grow(&routes, spec->route_count, SPEC_ROUTES_MAX, sizeof(*spec->routes));
    if (r != 0) {
        return r;
    }
    spec->routes = routes;
    *out = &spec->routes[spec->route_count++];
    **out = (struct spec_route){0};
    return 0;
}

int spec_add_credential(struct spec *spec, struct spec_credential **out)
{
    void *credentials = spec->credentials;
    int r = grow(&credentials, spec->credential_count, SPEC_ROUTES_MAX, sizeof(*spec->credentials));
    if (r != 0) {
        return r;
    }
    spec->credentials = credentials;
    *out = &spec->credentials[spec->credential_count++];
    **out = (struct spec_credential){0};
    return 0;
}

int spec_add_field(struct spec_field **fields, size_t *count, size_t max, const char *name, const char *value)
{
    void *array = *fields;
    int r = grow(&array, *count, max, sizeof(**fields));
    if (r != 0) {
        return r;
    }
    *fields = array;
    struct spec_field field = {.name = strdup(name), .value = strdup(value)};
    if (field.name == NULL || field.value == NULL) {
        free(field.name);
        free(field.value);
        return CB_ENOMEM;
    }
    (*fields)[(*count)++] = field;
    return 0;
}

int spec_add_kube_rule(struct spec_route *route, struct spec_kube_rule **out)
{
    void *rules = route->kube_rules;
    int r = grow(&rules, route->kube_rule_count, SPEC_KUBE_RULES_MAX, sizeof(*route->kube_rules));
    if (r != 0) {
        return r;
    }
    route->kube_rules = rules;
    *out = &route->kube_rules[route->kube_rule_count++];
    **out = (struct spec_kube_rule){0};
    return 0;
}

const char *spec_inject_form(const struct spec_route *route)
{
    switch (route->inject) {
    case SPEC_INJECT_BASIC:
        return route->user == NULL ? SPEC_FORM_USER : NULL;
    case SPEC_INJECT_PATH:
        return SPEC_FORM_SEGMENT;
    case SPEC_INJECT_AWS:
        return SPEC_FORM_AWS;
    default:
        return NULL;
    }
}

bool spec_env_next(struct span *list, struct span *name)
{
    if (list->len == 0) {
        return false;
    }
    const uint8_t *comma = memchr(list->ptr, ',', list->len);
    *name = span_sub(*list, 0, comma != NULL ? (size_t)(comma - list->ptr) : list->len);
    *list = span_sub(*list, name->len + 1, SIZE_MAX);
    return true;
}

const struct spec_credential *spec_find_credential(const struct spec *spec, struct span name)
{
    for (size_t i = 0; i < spec->credential_count; i++) {
        const char *known = spec->credentials[i].name;
        if (known != NULL && span_eq_str(name, known)) {
            return &spec->credentials[i];
        }
    }
    return NULL;
}

static const char *const grant_names[SPEC_GRANT__COUNT] = {[SPEC_GRANT_NONE] = "none",
                                                           [SPEC_GRANT_CLIENT] = "clientCredentials",
                                                           [SPEC_GRANT_REFRESH] = "refreshToken",
                                                           [SPEC_GRANT_JWT] = "jwtBearer",
                                                           [SPEC_GRANT_GCP] = "gcp"};

const char *spec_grant_name(enum spec_grant grant)
{
    return grant_names[(unsigned)grant < SPEC_GRANT__COUNT ? grant : SPEC_GRANT_NONE];
}

enum spec_grant spec_grant_of_name(struct span name)
{
    for (unsigned i = 0; i < SPEC_GRANT__COUNT; i++) {
        if (span_eq_str(name, grant_names[i])) {
            return (enum spec_grant)i;
        }
    }
    return SPEC_GRANT__COUNT;
}

bool spec_name_valid(struct span name)
{
    if (name.len == 0 || name.len > SPEC_NAME_MAX || name.ptr[0] == '-' || name.ptr[name.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') {
            return false;
        }
    }
    return true;
}

int spec_pin_read(struct span pin, uint8_t out[SPEC_DIGEST_LEN])
{
    uint8_t bytes[SPEC_DIGEST_LEN + 2];
    size_t len = sizeof(bytes);
    struct span prefix = SPAN_LIT("sha256/");
    if (!span_starts(pin, prefix) || decode_base64(span_sub(pin, prefix.len, pin.len), bytes, &len) != 0 ||
        len != SPEC_DIGEST_LEN) {
        return CB_EMALFORMED;
    }
    memcpy(out, bytes, SPEC_DIGEST_LEN);
    return 0;
}

bool spec_credential_is_client(const struct spec *spec, struct span credential)
{
    bool is_client = false;
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (route->credential != NULL && span_eq_str(credential, route->credential)) {
            return false;
        }
        is_client = is_client || (route->upstream_credential != NULL &&
                                  span_eq_str(credential, route->upstream_credential));
    }
    return is_client && spec_find_credential(spec, credential) != NULL;
}

/*
 * spec_code.c - the encoding of a specification.
 *
 *   u8 version (3), bytes tenant, u32 requests per minute, u32 concurrent, u64 request bytes,
 *   bool tripwire suspends, bool name constraints,
 *   u16 count and then credentials: bytes name, opt env, opt shape
 *   u16 count and then routes: bytes name, opt provider, u8 action, u8 scheme, bytes host, u16 port,
 *       u8 count and methods, u8 count and paths, u8 inject, u8 count and headers (bytes name, bytes prefix),
 *       opt user, opt parameter, for a path injector a u16 for each path, opt service, opt region,
 *       opt credential,
 *       u8 grant, and unless that is 0: bytes host, u16 port, bytes path, opt client id, opt scope, opt audience, opt subject,
 *       bool client in body, bool answers, opt address, u16 address port, opt CA;
 *       u8 count and extra headers (bytes name, bytes value), and four times u8 count and names: headers that are places,
 *       parameters that are places, headers to pass, parameters to pass,
 *       u8 count and Kubernetes rules (three times u8 count and texts: namespaces, verbs, resources),
 *       bool placeholder required, bool insecure, bool websocket, opt upstream address, u16 upstream port, opt upstream CA,
 *       u8 count and pins, opt client credential
 *
 * "bytes" has a 32-bit length in front, "opt" is a bool and, when that is 1, bytes; no text holds a NUL. Any change of
 * this list is a new version. The encoding of a spec is unique, so equal specs are equal bytes.
 */
#include <stdlib.h>

#include "policy/spec_check.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define SPEC_VERSION 3

static void put_text(struct writer *w, const char *text, size_t max)
{
    writer_bytes(w, span_str(text), max);
}

static void put_optional(struct writer *w, const char *text, size_t max)
{
    writer_bool(w, text != NULL);
    if (text != NULL) {
        put_text(w, text, max);
    }
}

static void put_fields(struct writer *w, const struct spec_field *fields, size_t count, size_t max)
{
    writer_u8(w, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        put_text(w, fields[i].name, SPEC_HEADER_MAX);
        put_text(w, fields[i].value, max);
    }
}

static void put_list(struct writer *w, const struct spec_list *list, size_t max)
{
    writer_u8(w, (uint8_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        put_text(w, list->items[i], max);
    }
}

static void put_kube_rules(struct writer *w, const struct spec_route *route)
{
    writer_u8(w, (uint8_t)route->kube_rule_count);
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        put_list(w, &route->kube_rules[i].namespaces, SPEC_KUBE_WORD_MAX);
        put_list(w, &route->kube_rules[i].verbs, SPEC_KUBE_WORD_MAX);
        put_list(w, &route->kube_rules[i].resources, SPEC_KUBE_RESOURCE_MAX);
    }
}

static void put_token(struct writer *w, const struct spec_token *token)
{
    writer_u8(w, (uint8_t)token->grant);
    if (token->grant == SPEC_GRANT_NONE) {
        return;
    }
    put_text(w, token->host, SPEC_HOST_MAX);
    writer_u16(w, token->port);
    put_text(w, token->path, SPEC_PATH_MAX);
    put_optional(w, token->client_id, SPEC_CLAIM_MAX);
    put_optional(w, token->scope, SPEC_SCOPE_MAX);
    put_optional(w, token->audience, SPEC_CLAIM_MAX);
    put_optional(w, token->subject, SPEC_CLAIM_MAX);
    writer_bool(w, token->client_in_body);
    writer_bool(w, token->answers);
    put_optional(w, token->address, SPEC_UPSTREAM_MAX);
    writer_u16(w, token->address_port);
    put_optional(w, token->ca, SPEC_CA_MAX);
}

static void put_injection(struct writer *w, const struct spec_route *route)
{
    writer_u8(w, (uint8_t)route->inject);
    put_fields(w, route->headers, route->header_count, SPEC_PREFIX_MAX);
    put_optional(w, route->user, SPEC_USER_MAX);
    put_optional(w, route->parameter, SPEC_PARAMETER_MAX);
    for (size_t i = 0; route->inject == SPEC_INJECT_PATH && i < route->path_count; i++) {
        writer_u16(w, route->path_marks[i]);
    }
    put_optional(w, route->service, SPEC_AWS_NAME_MAX);
    put_optional(w, route->region, SPEC_AWS_NAME_MAX);
    put_optional(w, route->credential, SPEC_NAME_MAX);
    put_token(w, &route->token);
    put_fields(w, route->extras, route->extra_count, SPEC_VALUE_MAX);
    put_list(w, &route->place_headers, SPEC_HEADER_MAX);
    put_list(w, &route->place_query, SPEC_HEADER_MAX);
    put_list(w, &route->pass_headers, SPEC_HEADER_MAX);
    put_list(w, &route->pass_query, SPEC_HEADER_MAX);
}

static void put_route(struct writer *w, const struct spec_route *route)
{
    put_text(w, route->name, SPEC_NAME_MAX);
    put_optional(w, route->provider, SPEC_NAME_MAX);
    writer_u8(w, (uint8_t)route->action);
    writer_u8(w, (uint8_t)route->scheme);
    put_text(w, route->host, SPEC_HOST_MAX);
    writer_u16(w, route->port);
    writer_u8(w, (uint8_t)route->method_count);
    for (size_t i = 0; i < route->method_count; i++) {
        put_text(w, route->methods[i], SPEC_METHOD_MAX);
    }
    writer_u8(w, (uint8_t)route->path_count);
    for (size_t i = 0; i < route->path_count; i++) {
        put_text(w, route->paths[i], SPEC_PATH_MAX);
    }
    put_injection(w, route);
    put_kube_rules(w, route);
    writer_bool(w, route->placeholder_required);
    writer_bool(w, route->insecure);
    writer_bool(w, route->websocket);
    put_optional(w, route->upstream_address, SPEC_UPSTREAM_MAX);
    writer_u16(w, route->upstream_port);
    put_optional(w, route->upstream_ca, SPEC_CA_MAX);
    put_list(w, &route->upstream_pins, SPEC_PIN_MAX);
    put_optional(w, route->upstream_credential, SPEC_NAME_MAX);
}

int spec_encode(const struct spec *spec, struct buf *out)
{
    struct buf encoded;
    if (!spec_is_valid(spec)) {
        return CB_EINVAL;
    }
    buf_init(&encoded, SPEC_ENCODED_MAX);
    struct writer w = writer_to(&encoded);
    writer_u8(&w, SPEC_VERSION);
    put_text(&w, spec->tenant, SPEC_NAME_MAX);
    writer_u32(&w, spec->limits.requests_per_minute);
    writer_u32(&w, spec->limits.concurrent);
    writer_u64(&w, spec->limits.request_bytes);
    writer_bool(&w, spec->limits.tripwire_suspends);
    writer_bool(&w, spec->name_constraints);
    writer_u16(&w, (uint16_t)spec->credential_count);
    for (size_t i = 0; i < spec->credential_count; i++) {
        put_text(&w, spec->credentials[i].name, SPEC_NAME_MAX);
        put_optional(&w, spec->credentials[i].env, SPEC_ENV_MAX);
        put_optional(&w, spec->credentials[i].shape, SPEC_SHAPE_MAX);
    }
    writer_u16(&w, (uint16_t)spec->route_count);
    for (size_t i = 0; i < spec->route_count; i++) {
        put_route(&w, &spec->routes[i]);
    }
    int r = writer_finish(&w);
    if (r == 0) {
        r = buf_append_span(out, buf_span(&encoded));
    }
    buf_deinit(&encoded);
    return r;
}

static void fail(struct reader *r, int error)
{
    if (r->error == 0) {
        r->error = error;
    }
}

/* A copy of the text, owned by whoever `*out` belongs to; NULL and a latched error when there is none. */
static void get_text(struct reader *r, size_t max, char **out)
{
    struct span s = reader_bytes(r, max);
    if (r->error != 0) {
        return;
    }
    if (s.len != 0 && memchr(s.ptr, '\0', s.len) != NULL) {
        fail(r, CB_EMALFORMED);
        return;
    }
    char *copy = malloc(s.len + 1);
    if (copy == NULL) {
        fail(r, CB_ENOMEM);
        return;
    }
    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    *out = copy;
}

static void get_optional(struct reader *r, size_t max, char **out)
{
    if (reader_bool(r)) {
        get_text(r, max, out);
    }
}

static unsigned get_enum(struct reader *r, unsigned count)
{
    unsigned value = reader_u8(r);
    if (value >= count) {
        fail(r, CB_EMALFORMED);
        return 0;
    }
    return value;
}

/* The count goes up with every string read, so that what is there can be freed whenever reading ends. */
static void get_texts(struct reader *r, size_t count_max, size_t max, char ***out, size_t *out_count)
{
    size_t count = reader_u8(r);
    if (r->error != 0 || count == 0) {
        return;
    }
    if (count > count_max) {
        fail(r, CB_ELIMIT);
        return;
    }
    *out = calloc(count, sizeof(**out));
    if (*out == NULL) {
        fail(r, CB_ENOMEM);
        return;
    }
    while (r->error == 0 && *out_count < count) {
        get_text(r, max, &(*out)[*out_count]);
        (*out_count)++;
    }
}

static void get_fields(struct reader *r, size_t count_max, size_t max, struct spec_field **out,
                       size_t *out_count)
{
    size_t count = reader_u8(r);
    if (r->error != 0 || count == 0) {
        return;
    }
    if (count > count_max) {
        fail(r, CB_ELIMIT);
        return;
    }
    *out = calloc(count, sizeof(**out));
    if (*out == NULL) {
        fail(r, CB_ENOMEM);
        return;
    }
    while (r->error == 0 && *out_count < count) {
        struct spec_field *field = &(*out)[(*out_count)++];
        get_text(r, SPEC_HEADER_MAX, &field->name);
        get_text(r, max, &field->value);
    }
}

static void get_list(struct reader *r, struct spec_list *out, size_t max)
{
    get_texts(r, SPEC_LIST_MAX, max, &out->items, &out->count);
}

static void get_kube_rules(struct reader *r, struct spec_route *route)
{
    size_t count = reader_u8(r);
    for (size_t i = 0; r->error == 0 && i < count; i++) {
        struct spec_kube_rule *rule;
        int error = spec_add_kube_rule(route, &rule);
        if (error != 0) {
            fail(r, error);
            return;
        }
        get_list(r, &rule->namespaces, SPEC_KUBE_WORD_MAX);
        get_list(r, &rule->verbs, SPEC_KUBE_WORD_MAX);
        get_list(r, &rule->resources, SPEC_KUBE_RESOURCE_MAX);
    }
}

static void get_marks(struct reader *r, struct spec_route *route)
{
    if (r->error != 0 || route->inject != SPEC_INJECT_PATH || route->path_count == 0) {
        return;
    }
    route->path_marks = calloc(route->path_count, sizeof(*route->path_marks));
    if (route->path_marks == NULL) {
        fail(r, CB_ENOMEM);
        return;
    }
    for (size_t i = 0; i < route->path_count; i++) {
        route->path_marks[i] = reader_u16(r);
    }
}

static void get_token(struct reader *r, struct spec_token *token)
{
    token->grant = (enum spec_grant)get_enum(r, SPEC_GRANT__COUNT);
    if (token->grant == SPEC_GRANT_NONE) {
        return;
    }
    get_text(r, SPEC_HOST_MAX, &token->host);
    token->port = reader_u16(r);
    get_text(r, SPEC_PATH_MAX, &token->path);
    get_optional(r, SPEC_CLAIM_MAX, &token->client_id);
    get_optional(r, SPEC_SCOPE_MAX, &token->scope);
    get_optional(r, SPEC_CLAIM_MAX, &token->audience);
    get_optional(r, SPEC_CLAIM_MAX, &token->subject);
    token->client_in_body = reader_bool(r);
    token->answers = reader_bool(r);
    get_optional(r, SPEC_UPSTREAM_MAX, &token->address);
    token->address_port = reader_u16(r);
    get_optional(r, SPEC_CA_MAX, &token->ca);
}

static void get_injection(struct reader *r, struct spec_route *route)
{
    route->inject = (enum spec_inject)get_enum(r, SPEC_INJECT__COUNT);
    get_fields(r, SPEC_HEADERS_MAX, SPEC_PREFIX_MAX, &route->headers, &route->header_count);
    get_optional(r, SPEC_USER_MAX, &route->user);
    get_optional(r, SPEC_PARAMETER_MAX, &route->parameter);
    get_marks(r, route);
    get_optional(r, SPEC_AWS_NAME_MAX, &route->service);
    get_optional(r, SPEC_AWS_NAME_MAX, &route->region);
    get_optional(r, SPEC_NAME_MAX, &route->credential);
    get_token(r, &route->token);
    get_fields(r, SPEC_EXTRAS_MAX, SPEC_VALUE_MAX, &route->extras, &route->extra_count);
    get_list(r, &route->place_headers, SPEC_HEADER_MAX);
    get_list(r, &route->place_query, SPEC_HEADER_MAX);
    get_list(r, &route->pass_headers, SPEC_HEADER_MAX);
    get_list(r, &route->pass_query, SPEC_HEADER_MAX);
}

static void get_route(struct reader *r, struct spec_route *route)
{
    get_text(r, SPEC_NAME_MAX, &route->name);
    get_optional(r, SPEC_NAME_MAX, &route->provider);
    route->action = (enum spec_action)get_enum(r, SPEC_ACTION__COUNT);
    route->scheme = (enum spec_scheme)get_enum(r, SPEC_SCHEME__COUNT);
    get_text(r, SPEC_HOST_MAX, &route->host);
    route->port = reader_u16(r);
    get_texts(r, SPEC_METHODS_MAX, SPEC_METHOD_MAX, &route->methods, &route->method_count);
    get_texts(r, SPEC_PATHS_MAX, SPEC_PATH_MAX, &route->paths, &route->path_count);
    get_injection(r, route);
    get_kube_rules(r, route);
    route->placeholder_required = reader_bool(r);
    route->insecure = reader_bool(r);
    route->websocket = reader_bool(r);
    get_optional(r, SPEC_UPSTREAM_MAX, &route->upstream_address);
    route->upstream_port = reader_u16(r);
    get_optional(r, SPEC_CA_MAX, &route->upstream_ca);
    get_list(r, &route->upstream_pins, SPEC_PIN_MAX);
    get_optional(r, SPEC_NAME_MAX, &route->upstream_credential);
}

static void get_credentials(struct reader *r, struct spec *spec)
{
    size_t count = reader_u16(r);
    for (size_t i = 0; r->error == 0 && i < count; i++) {
        struct spec_credential *credential;
        int error = spec_add_credential(spec, &credential);
        if (error != 0) {
            fail(r, error);
            return;
        }
        get_text(r, SPEC_NAME_MAX, &credential->name);
        get_optional(r, SPEC_ENV_MAX, &credential->env);
        get_optional(r, SPEC_SHAPE_MAX, &credential->shape);
    }
}

static void get_routes(struct reader *r, struct spec *spec)
{
    size_t count = reader_u16(r);
    for (size_t i = 0; r->error == 0 && i < count; i++) {
        struct spec_route *route;
        int error = spec_add_route(spec, &route);
        if (error != 0) {
            fail(r, error);
            return;
        }
        get_route(r, route);
    }
}

int spec_decode(struct span encoded, struct spec **out)
{
    if (encoded.len > SPEC_ENCODED_MAX) {
        return CB_ELIMIT;
    }
    struct spec *spec = spec_new();
    if (spec == NULL) {
        return CB_ENOMEM;
    }
    struct reader r = reader_of(encoded);
    if (reader_u8(&r) != SPEC_VERSION) {
        fail(&r, CB_EUNSUPPORTED);
    }
    get_text(&r, SPEC_NAME_MAX, &spec->tenant);
    spec->limits.requests_per_minute = reader_u32(&r);
    spec->limits.concurrent = reader_u32(&r);
    spec->limits.request_bytes = reader_u64(&r);
    spec->limits.tripwire_suspends = reader_bool(&r);
    spec->name_constraints = reader_bool(&r);
    get_credentials(&r, spec);
    get_routes(&r, spec);
    int error = reader_finish(&r);
    if (error == 0 && !spec_is_valid(spec)) {
        error = CB_EMALFORMED;
    }
    if (error != 0) {
        spec_free(spec);
        return error;
    }
    *out = spec;
    return 0;
}

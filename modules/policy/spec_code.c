/*
 * spec_code.c - the encoding of a specification.
 *
 *   u8 version (1), bytes tenant, u32 requests per minute, u32 concurrent, u64 request bytes,
 *   u16 count and then credentials: bytes name, opt env, opt shape
 *   u16 count and then routes: bytes name, opt provider, u8 action, u8 scheme, bytes host, u16 port,
 *       u8 count and methods, u8 count and paths, u8 inject, opt header, opt prefix, opt credential,
 *       bool placeholder required, bool insecure, opt upstream address, u16 upstream port, opt upstream CA
 *
 * "bytes" has a 32-bit length in front, "opt" is a bool and, when that is 1, bytes; no text holds a NUL. Any change of
 * this list is a new version. The encoding of a spec is unique, so equal specs are equal bytes.
 */
#include <stdlib.h>

#include "policy/spec_check.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define SPEC_VERSION 1

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
    writer_u8(w, (uint8_t)route->inject);
    put_optional(w, route->header, SPEC_HEADER_MAX);
    put_optional(w, route->prefix, SPEC_PREFIX_MAX);
    put_optional(w, route->credential, SPEC_NAME_MAX);
    writer_bool(w, route->placeholder_required);
    writer_bool(w, route->insecure);
    put_optional(w, route->upstream_address, SPEC_UPSTREAM_MAX);
    writer_u16(w, route->upstream_port);
    put_optional(w, route->upstream_ca, SPEC_CA_MAX);
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
    route->inject = (enum spec_inject)get_enum(r, SPEC_INJECT__COUNT);
    get_optional(r, SPEC_HEADER_MAX, &route->header);
    get_optional(r, SPEC_PREFIX_MAX, &route->prefix);
    get_optional(r, SPEC_NAME_MAX, &route->credential);
    route->placeholder_required = reader_bool(r);
    route->insecure = reader_bool(r);
    get_optional(r, SPEC_UPSTREAM_MAX, &route->upstream_address);
    route->upstream_port = reader_u16(r);
    get_optional(r, SPEC_CA_MAX, &route->upstream_ca);
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

/* write.c - a tenant file made of a specification: what stands around the routes, and whether it is read as the same. */
#include "conf/write.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/preset.h"
#include "conf/tenant.h"
#include "conf/write_route.h"

static bool same_endpoint(const struct spec_token *a, const struct spec_token *b)
{
    return a->answers && b->answers && a->port == b->port && strcmp(a->host, b->host) == 0 &&
           strcmp(a->path, b->path) == 0;
}

/* True when the reader adds a route behind this one by itself: for the agent's own requests to the token endpoint. */
static bool is_followed(const struct spec *spec, size_t index)
{
    if (!spec->routes[index].token.answers) {
        return false;
    }
    for (size_t i = 0; i < index; i++) {
        if (same_endpoint(&spec->routes[i].token, &spec->routes[index].token)) {
            return false;
        }
    }
    return true;
}

static void write_limits(struct emit *e, const struct spec_limits *limits)
{
    if (limits->requests_per_minute == 0 && limits->concurrent == 0 && limits->request_bytes == 0) {
        return;
    }
    emit_map(e, "limits");
    if (limits->requests_per_minute != 0) {
        emit_number(e, "requestsPerMinute", limits->requests_per_minute);
    }
    if (limits->concurrent != 0) {
        emit_number(e, "concurrent", limits->concurrent);
    }
    if (limits->request_bytes != 0) {
        emit_number(e, "requestBytes", limits->request_bytes);
    }
    emit_map_end(e);
}

static void write_placeholders(struct emit *e, const struct conf_write *with)
{
    if (with->placeholder_count == 0) {
        return;
    }
    emit_map(e, "placeholders");
    for (size_t i = 0; i < with->placeholder_count; i++) {
        emit_text(e, with->placeholders[i].credential, with->placeholders[i].value);
    }
    emit_map_end(e);
}

static int write_routes(struct write *w)
{
    const struct spec *spec = w->spec;
    int r = 0;
    emit_list(w->e, "routes");
    for (size_t i = 0; r == 0 && i < spec->route_count; i++) {
        r = write_route(w, i);
        i += is_followed(spec, i);
    }
    emit_list_end(w->e);
    return r;
}

static int write_spec(struct write *w)
{
    const struct spec *spec = w->spec;
    emit_map(w->e, "spec");
    int r = write_routes(w);
    write_limits(w->e, &spec->limits);
    if (spec->limits.tripwire_suspends) {
        emit_text(w->e, "tripwire", "suspend");
    }
    if (spec->name_constraints) {
        emit_map(w->e, "ca");
        emit_bool(w->e, "nameConstraints", true);
        emit_map_end(w->e);
    }
    write_placeholders(w->e, w->with);
    emit_map_end(w->e);
    return r;
}

int conf_tenant_write(const struct spec *spec, const struct conf_write *with, struct buf *out)
{
    struct conf_presets presets = {0};
    int r = conf_presets_load(&presets);
    if (r != 0) {
        return r;
    }
    struct write w = {.spec = spec, .with = with, .presets = &presets, .e = emit_new(out)};
    if (w.e != NULL) {
        emit_map(w.e, NULL);
        emit_text(w.e, "apiVersion", "clawbox/v1");
        emit_text(w.e, "kind", "Tenant");
        emit_map(w.e, "metadata");
        emit_text(w.e, "name", spec->tenant);
        emit_map_end(w.e);
        r = write_spec(&w);
        emit_map_end(w.e);
    }
    int end = emit_finish(w.e);
    conf_presets_deinit(&presets);
    return r != 0 ? r : end;
}

/* Compares the encodings: they hold everything. */
static int compare(const struct spec *a, const struct spec *b)
{
    struct buf x;
    struct buf y;
    buf_init(&x, SPEC_ENCODED_MAX);
    buf_init(&y, SPEC_ENCODED_MAX);
    int r = spec_encode(a, &x);
    if (r == 0) {
        r = spec_encode(b, &y);
    }
    if (r == 0 && !span_eq(buf_span(&x), buf_span(&y))) {
        r = CB_EINTERNAL;
    }
    buf_deinit(&x);
    buf_deinit(&y);
    return r;
}

/* Written out in full it may be more than a file may have. */
static int check_size(struct span text)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(text, &tree, &error);
    conf_tree_deinit(&tree);
    return r == CB_EMALFORMED ? CB_EINTERNAL : r;
}

int conf_tenant_write_check(const struct spec *spec)
{
    static const struct conf_write nothing;
    struct buf text;
    struct buf errors;
    struct conf_tenants tenants = {0};
    buf_init(&text, CONF_TREE_BYTES_MAX);
    buf_init(&errors, (size_t)64 * 1024);
    int r = conf_tenant_write(spec, &nothing, &text);
    if (r == 0) {
        r = check_size(buf_span(&text));
    }
    if (r == 0) {
        r = conf_tenants_load(buf_span(&text), spec->tenant, NULL, &tenants, &errors);
        r = r == CB_ECONFIG ? CB_EINTERNAL : r;
    }
    if (r == 0) {
        r = tenants.count == 1 ? compare(spec, tenants.specs[0]) : CB_EINTERNAL;
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&text);
    buf_deinit(&errors);
    return r;
}

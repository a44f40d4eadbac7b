/* write_route.c - one route of a tenant file that is written. */
#include "conf/write_route.h"

#include <stdio.h>

#include "conf/entry.h"

static void texts(struct emit *e, const char *key, char *const *items, size_t count)
{
    if (count == 0) {
        return;
    }
    emit_list(e, key);
    for (size_t i = 0; i < count; i++) {
        emit_text(e, NULL, items[i]);
    }
    emit_list_end(e);
}

static void list(struct emit *e, const char *key, const struct spec_list *of)
{
    texts(e, key, of->items, of->count);
}

/* ---- where to ---- */

static int write_target(struct write *w, const struct spec_route *route)
{
    struct conf_preset preset;
    if (route->provider == NULL) {
        emit_text(w->e, "host", route->host);
        if (route->scheme == SPEC_SCHEME_HTTP) {
            emit_text(w->e, "scheme", "http");
        }
        emit_number(w->e, "port", route->port);
        return 0;
    }
    emit_text(w->e, "provider", route->provider);
    int r = conf_presets_find(w->presets, route->provider, &preset);
    if (r != 0) {
        return r == CB_ENOTFOUND ? CB_EINTERNAL : r;
    }
    if (preset.suffix != NULL) {
        emit_text(w->e, "host", route->host);
    }
    return 0;
}

static void write_paths(struct write *w, const struct spec_route *route)
{
    if (route->path_marks == NULL) {
        texts(w->e, "paths", route->paths, route->path_count);
        return;
    }
    emit_list(w->e, "paths");
    for (size_t i = 0; i < route->path_count; i++) {
        char path[SPEC_PATH_MAX + sizeof(CONF_CREDENTIAL_MARK)];
        unsigned mark = route->path_marks[i];
        (void)snprintf(path, sizeof(path), "%.*s" CONF_CREDENTIAL_MARK "%s", (int)mark, route->paths[i],
                       route->paths[i] + mark + 1);
        emit_text(w->e, NULL, path);
    }
    emit_list_end(w->e);
}

/* ---- what goes in ---- */

static void write_header(struct emit *e, const struct spec_field *field, const char *name_key)
{
    emit_text(e, name_key, field->name);
    if (field->value[0] != '\0') {
        emit_text(e, "prefix", field->value);
    }
}

static void write_headers(struct emit *e, const struct spec_route *route)
{
    if (route->header_count == 1) {
        write_header(e, &route->headers[0], "header");
        return;
    }
    emit_list(e, "headers");
    for (size_t i = 0; i < route->header_count; i++) {
        emit_map(e, NULL);
        write_header(e, &route->headers[i], "name");
        emit_map_end(e);
    }
    emit_list_end(e);
}

/* "a b c" as a list. */
static void write_scopes(struct emit *e, const char *scope)
{
    struct span rest = span_str(scope);
    if (scope == NULL) {
        return;
    }
    emit_list(e, "scopes");
    while (rest.len != 0) {
        const uint8_t *blank = memchr(rest.ptr, ' ', rest.len);
        size_t len = blank != NULL ? (size_t)(blank - rest.ptr) : rest.len;
        emit_span(e, NULL, span_sub(rest, 0, len));
        rest = span_sub(rest, len + 1, SIZE_MAX);
    }
    emit_list_end(e);
}

static void claim(struct emit *e, const char *key, const char *value)
{
    if (value != NULL) {
        emit_text(e, key, value);
    }
}

static void write_token(struct emit *e, const struct spec_token *token)
{
    bool gcp = token->grant == SPEC_GRANT_GCP;
    char url[sizeof("https://:65535") + SPEC_HOST_MAX + 2 + SPEC_PATH_MAX];
    (void)snprintf(url, sizeof(url), "https://%s:%u%s", token->host, (unsigned)token->port, token->path);
    emit_map(e, gcp ? "gcp" : "oauth2");
    emit_text(e, "tokenUrl", url);
    if (!gcp) {
        emit_text(e, "grant", spec_grant_name(token->grant));
        claim(e, "clientId", token->client_id);
        claim(e, "audience", token->audience);
    }
    write_scopes(e, token->scope);
    claim(e, "subject", token->subject);
    if (!gcp && token->grant != SPEC_GRANT_JWT) {
        emit_text(e, "clientAuth", token->client_in_body ? "body" : "basic");
    }
    emit_bool(e, "answer", token->answers);
    emit_map_end(e);
}

static void write_body(struct emit *e, const struct spec_route *route)
{
    emit_text(e, "body", route->parameter);
    if (route->header_count != 0) {
        write_headers(e, route);
    }
}

static void write_inject(struct emit *e, const struct spec_route *route)
{
    emit_map(e, "inject");
    if (route->token.grant != SPEC_GRANT_NONE) {
        write_token(e, &route->token);
    }
    switch (route->inject) {
    case SPEC_INJECT_BEARER:
        if (route->token.grant == SPEC_GRANT_NONE) {
            emit_bool(e, "bearer", true);
        }
        break;
    case SPEC_INJECT_HEADER:
        write_headers(e, route);
        break;
    case SPEC_INJECT_BASIC:
        emit_bool(e, "basic", true);
        claim(e, "user", route->user);
        break;
    case SPEC_INJECT_QUERY:
        emit_text(e, "query", route->parameter);
        break;
    case SPEC_INJECT_PATH:
        emit_bool(e, "path", true);
        break;
    case SPEC_INJECT_BODY:
        write_body(e, route);
        break;
    case SPEC_INJECT_AWS:
        emit_map(e, "aws");
        emit_text(e, "service", route->service);
        emit_text(e, "region", route->region);
        emit_map_end(e);
        break;
    case SPEC_INJECT_NONE:
    case SPEC_INJECT__COUNT:
        break;
    }
    emit_map_end(e);
}

static bool is_first_use(const struct spec *spec, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        const char *other = spec->routes[i].credential;
        if (other != NULL && strcmp(other, spec->routes[index].credential) == 0) {
            return false;
        }
    }
    return true;
}

static void write_credential(struct write *w, size_t index)
{
    const struct spec_route *route = &w->spec->routes[index];
    if (route->credential == NULL) {
        return;
    }
    emit_text(w->e, "credential", route->credential);
    if (route->provider == NULL) {
        write_inject(w->e, route);
    }
    const struct spec_credential *credential = spec_find_credential(w->spec, span_str(route->credential));
    if (credential != NULL && is_first_use(w->spec, index)) {
        claim(w->e, "env", credential->env);
        claim(w->e, "shape", credential->shape);
    }
    if (route->placeholder_required) {
        emit_text(w->e, "placeholder", "required");
    }
    if (route->insecure) {
        emit_bool(w->e, "insecure", true);
    }
}

/* ---- what else ---- */

static void write_extras(struct emit *e, const struct spec_route *route)
{
    if (route->extra_count == 0) {
        return;
    }
    emit_map(e, "headers");
    for (size_t i = 0; i < route->extra_count; i++) {
        emit_text(e, route->extras[i].name, route->extras[i].value);
    }
    emit_map_end(e);
}

static void write_names(struct emit *e, const char *key, const struct spec_list *headers,
                        const struct spec_list *query)
{
    if (headers->count == 0 && query->count == 0) {
        return;
    }
    emit_map(e, key);
    list(e, "headers", headers);
    list(e, "query", query);
    emit_map_end(e);
}

static void write_rules(struct emit *e, const struct spec_route *route)
{
    if (route->kube_rule_count == 0) {
        return;
    }
    emit_list(e, "kubernetes");
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        const struct spec_kube_rule *rule = &route->kube_rules[i];
        emit_map(e, NULL);
        list(e, "namespaces", &rule->namespaces);
        list(e, "verbs", &rule->verbs);
        list(e, "resources", &rule->resources);
        emit_map_end(e);
    }
    emit_list_end(e);
}

static void write_address(struct emit *e, const char *address, uint16_t port)
{
    if (address != NULL) {
        emit_textf(e, "address", "%s:%u", address, (unsigned)port);
    }
}

static void write_upstream(struct write *w, const struct spec_route *route)
{
    const struct spec_token *token = &route->token;
    bool relocated = w->with->relocated == route;
    bool plain = route->upstream_address == NULL && route->upstream_ca == NULL &&
                 route->upstream_pins.count == 0 && route->upstream_credential == NULL;
    if (relocated || !plain) {
        emit_map(w->e, "upstream");
        if (relocated) {
            emit_text(w->e, "address", w->with->address);
            emit_text(w->e, "caFile", w->with->ca_file);
        } else {
            write_address(w->e, route->upstream_address, route->upstream_port);
            claim(w->e, "ca", route->upstream_ca);
        }
        list(w->e, "pins", &route->upstream_pins);
        claim(w->e, "clientCredential", route->upstream_credential);
        emit_map_end(w->e);
    }
    if (token->address != NULL || token->ca != NULL) {
        emit_map(w->e, "tokenUpstream");
        write_address(w->e, token->address, token->address_port);
        claim(w->e, "ca", token->ca);
        emit_map_end(w->e);
    }
}

int write_route(struct write *w, size_t index)
{
    const struct spec_route *route = &w->spec->routes[index];
    struct emit *e = w->e;
    emit_map(e, NULL);
    emit_text(e, "name", route->name);
    int r = write_target(w, route);
    if (route->action == SPEC_ACTION_DENY) {
        emit_text(e, "action", "deny");
    }
    texts(e, "methods", route->methods, route->method_count);
    write_paths(w, route);
    write_credential(w, index);
    if (route->websocket || (route->provider != NULL && route->action == SPEC_ACTION_ALLOW)) {
        emit_bool(e, "websocket", route->websocket); /* a provider may have it, and the route not */
    }
    write_extras(e, route);
    write_names(e, "places", &route->place_headers, &route->place_query);
    write_names(e, "pass", &route->pass_headers, &route->pass_query);
    write_rules(e, route);
    write_upstream(w, route);
    emit_map_end(e);
    return r;
}

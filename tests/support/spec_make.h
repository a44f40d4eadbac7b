/*
 * spec_make.h - makes specifications for tests in a line per route.
 */
#ifndef TESTS_SUPPORT_SPEC_MAKE_H
#define TESTS_SUPPORT_SPEC_MAKE_H

#include <stdio.h>
#include <stdlib.h>

#include "policy/spec.h"

/* A test without memory has nothing to say. */
static inline void *make_or_die(void *ptr)
{
    if (ptr == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return ptr;
}

static inline char *make_text(const char *text)
{
    return text != NULL ? (char *)make_or_die(strdup(text)) : NULL;
}

/* Splits at blanks: "GET POST". */
static inline void make_list(const char *words, char ***out, size_t *count)
{
    *out = (char **)make_or_die(calloc(SPEC_PATHS_MAX + 1, sizeof(**out)));
    *count = 0;
    while (*words != '\0' && *count <= SPEC_PATHS_MAX) {
        size_t len = strcspn(words, " ");
        (*out)[(*count)++] = (char *)make_or_die(strndup(words, len));
        words += len + (words[len] == ' ' ? 1 : 0);
    }
}

static inline struct spec *make_spec(const char *tenant)
{
    struct spec *spec = (struct spec *)make_or_die(spec_new());
    spec->tenant = make_text(tenant);
    return spec;
}

/* `destination` is "https://host:port" or "http://host:port"; methods and paths are separated by blanks. */
static inline struct spec_route *make_route(struct spec *spec, const char *name, const char *destination,
                                            const char *methods, const char *paths)
{
    struct spec_route *route;
    if (spec_add_route(spec, &route) != 0) {
        make_or_die(NULL);
    }
    const char *host = strstr(destination, "://");
    const char *colon = strrchr(destination, ':');
    if (host == NULL || colon == host) {
        make_or_die(NULL);
    }
    host += 3;
    route->name = make_text(name);
    route->scheme = strncmp(destination, "http:", 5) == 0 ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    route->host = (char *)make_or_die(strndup(host, (size_t)(colon - host)));
    route->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    make_list(methods, &route->methods, &route->method_count);
    make_list(paths, &route->paths, &route->path_count);
    return route;
}

static inline void make_credential(struct spec *spec, const char *name, const char *env, const char *shape)
{
    struct spec_credential *credential;
    if (spec_add_credential(spec, &credential) != 0) {
        make_or_die(NULL);
    }
    credential->name = make_text(name);
    credential->env = make_text(env);
    credential->shape = make_text(shape);
}

static inline void make_header(struct spec_route *route, const char *name, const char *prefix)
{
    if (spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, name, prefix) != 0) {
        make_or_die(NULL);
    }
}

static inline void make_extra(struct spec_route *route, const char *name, const char *value)
{
    if (spec_add_field(&route->extras, &route->extra_count, SPEC_EXTRAS_MAX, name, value) != 0) {
        make_or_die(NULL);
    }
}

static inline void make_bearer(struct spec_route *route, const char *credential)
{
    route->inject = SPEC_INJECT_BEARER;
    make_header(route, "Authorization", "Bearer ");
    route->credential = make_text(credential);
}

/* An empty `namespaces` is a rule for what has none. */
static inline void make_kube_rule(struct spec_route *route, const char *namespaces, const char *verbs,
                                  const char *resources)
{
    struct spec_kube_rule *rule;
    if (spec_add_kube_rule(route, &rule) != 0) {
        make_or_die(NULL);
    }
    make_list(namespaces, &rule->namespaces.items, &rule->namespaces.count);
    make_list(verbs, &rule->verbs.items, &rule->verbs.count);
    make_list(resources, &rule->resources.items, &rule->resources.count);
}

/* An access token goes in, from https://HOST:443/token. */
static inline void make_token(struct spec_route *route, const char *credential, enum spec_grant grant,
                              const char *host)
{
    make_bearer(route, credential);
    route->token.grant = grant;
    route->token.host = make_text(host);
    route->token.port = 443;
    route->token.path = make_text("/token");
}

/* A spec that uses every field. */
static inline struct spec *make_full_spec(void)
{
    struct spec *spec = make_spec("alice");
    spec->limits = (struct spec_limits){600, 64, UINT64_C(64) << 20, true};
    spec->name_constraints = true;
    make_credential(spec, "openai", "OPENAI_API_KEY,OPENAI_KEY", "sk-proj-{48}");
    make_credential(spec, "docs", NULL, NULL);
    make_credential(spec, "client", NULL, NULL);
    struct spec_route *route =
        make_route(spec, "openai", "https://api.openai.com:443", "GET HEAD POST", "/v1/**");
    route->provider = make_text("openai");
    make_bearer(route, "openai");
    route->placeholder_required = true;
    route = make_route(spec, "docs", "http://docs.example.com:8080", "GET", "/api/** /status");
    route->inject = SPEC_INJECT_HEADER;
    make_header(route, "X-Api-Key", "");
    make_header(route, "X-Second", "Token ");
    make_extra(route, "X-Version", "2026-11");
    route->credential = make_text("docs");
    route->insecure = true;
    route = make_route(spec, "inside", "https://*.internal.example:443", "GET POST", "");
    route->upstream_address = make_text("[2001:db8::1]");
    route->upstream_port = 8443;
    route->upstream_ca = make_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    make_list("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
              "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
              &route->upstream_pins.items, &route->upstream_pins.count);
    route->upstream_credential = make_text("client");
    route =
        make_route(spec, "no-admin", "https://x.internal.example:443", "GET DELETE M-SEARCH", "/admin/**");
    route->action = SPEC_ACTION_DENY;
    route = make_route(spec, "bot", "https://bot.example.com:443", "GET POST", "/bot*/send /file/bot*/**");
    route->inject = SPEC_INJECT_PATH;
    route->path_marks = (uint16_t *)make_or_die(calloc(2, sizeof(*route->path_marks)));
    route->path_marks[0] = 4;
    route->path_marks[1] = 9;
    route->credential = make_text("docs");
    make_list("x-key x-sign-*", &route->place_headers.items, &route->place_headers.count);
    make_list("sig", &route->place_query.items, &route->place_query.count);
    make_list("cookie", &route->pass_headers.items, &route->pass_headers.count);
    make_list("token", &route->pass_query.items, &route->pass_query.count);
    route = make_route(spec, "git", "https://git.example.com:443", "GET POST", "");
    route->inject = SPEC_INJECT_BASIC;
    make_header(route, "Authorization", "Basic ");
    route->user = make_text("x-access-token");
    route->credential = make_text("docs");
    route = make_route(spec, "maps", "https://maps.example.com:443", "GET", "");
    route->inject = SPEC_INJECT_QUERY;
    route->parameter = make_text("key");
    route->websocket = true;
    route->credential = make_text("docs");
    route = make_route(spec, "cluster", "https://kubernetes.default.svc:443", "GET POST DELETE", "");
    make_bearer(route, "docs");
    make_kube_rule(route, "alice-dev", "get list watch", "* secrets");
    make_kube_rule(route, "", "get", "nodes *.metrics.k8s.io");
    route = make_route(spec, "chat", "https://chat.example.com:443", "POST", "");
    route->inject = SPEC_INJECT_BODY;
    make_header(route, "Authorization", "Bearer ");
    route->parameter = make_text("token");
    route->credential = make_text("docs");
    route = make_route(spec, "tokens", "https://tokens.example.com:443", "GET", "");
    make_token(route, "docs", SPEC_GRANT_JWT, "login.example.com");
    route->token.client_id = make_text("client id");
    route->token.scope = make_text("read write");
    route->token.audience = make_text("https://login.example.com/");
    route->token.subject = make_text("somebody@example.com");
    route->token.client_in_body = true;
    route->token.answers = true;
    route->token.address = make_text("192.0.2.1");
    route->token.address_port = 8443;
    route->token.ca = make_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    route = make_route(spec, "s3", "https://b.s3.eu-central-1.amazonaws.com:443", "GET PUT", "");
    route->inject = SPEC_INJECT_AWS;
    make_header(route, "Authorization", "AWS4-HMAC-SHA256 ");
    route->service = make_text("s3");
    route->region = make_text("eu-central-1");
    route->credential = make_text("docs");
    return spec;
}

#endif

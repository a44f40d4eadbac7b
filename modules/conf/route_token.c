/*
 * route_token.c - tokens that are fetched with the credential: from where, by which grant; and the agent's way to that
 * endpoint, where it gets a placeholder.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/host.h"
#include "policy/path.h"
#include "policy/spec_check.h"

#define GCP_URL   "https://oauth2.googleapis.com/token"
#define GCP_SCOPE "https://www.googleapis.com/auth/cloud-platform"

/* Takes the URL apart. False when it is not one that a token may be fetched from; 0 or CB_ENOMEM in *r. */
static bool read_url(struct spec_token *token, const char *text, int *r)
{
    static const char scheme[] = "https://";
    struct span rest = span_str(text);
    struct policy_host host;
    struct span query;
    bool has_query = false;
    uint16_t port = 0;
    if (!span_eq_str(span_sub(rest, 0, sizeof(scheme) - 1), scheme)) {
        return false;
    }
    rest = span_sub(rest, sizeof(scheme) - 1, rest.len);
    const uint8_t *slash = rest.len != 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
    if (slash == NULL) {
        return false;
    }
    struct span authority = span_sub(rest, 0, (size_t)(slash - rest.ptr));
    struct span target = span_sub(rest, authority.len, rest.len);
    struct buf path;
    buf_init(&path, SPEC_PATH_MAX);
    bool fine = policy_authority_parse(authority, 443, &host, &port) == 0 &&
                policy_path_parse(target, &path, &query, &has_query) == 0 && !has_query &&
                span_eq(buf_span(&path), target);
    if (fine) {
        *r = conf_copy_text(&token->host, host.text);
        token->port = port;
        if (*r == 0) {
            token->path = strndup((const char *)target.ptr, target.len);
            *r = token->path != NULL ? 0 : CB_ENOMEM;
        }
    }
    buf_deinit(&path);
    return fine;
}

static int read_endpoint(struct conf_entry *entry, const struct conf_node *map)
{
    const struct conf_node *node = conf_node_get(map, "tokenUrl");
    const char *text = NULL;
    int r = 0;
    if (node == NULL) {
        conf_report_node(entry->draft->report, map, "names no endpoint: write tokenUrl: https://HOST/PATH");
    } else if (conf_read_text(entry->draft->report, node, &text) &&
               !read_url(&entry->route->token, text, &r)) {
        conf_report_node(entry->draft->report, node,
                         "should be https://HOST/PATH or https://HOST:PORT/PATH, in the canonical form and "
                         "without a query");
    }
    return r;
}

static int read_claim(struct conf_entry *entry, const struct conf_node *map, const char *key, char **out)
{
    const struct conf_node *node = conf_node_get(map, key);
    const char *text = NULL;
    if (node == NULL || !conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (!spec_claim_is_valid(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "should be 1 to %d printable ASCII characters without a blank at an end",
                         SPEC_CLAIM_MAX);
        return 0;
    }
    return conf_copy_text(out, text);
}

/* A list, because that is how scopes are thought of; joined as they are sent. */
static int read_scopes(struct conf_entry *entry, const struct conf_node *map)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_node *list = conf_node_get(map, "scopes");
    struct buf scope;
    int r = 0;
    if (list == NULL || !conf_read_kind(report, list, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (list->count == 0) {
        conf_report_node(report, list, "should have entries, or be left out");
        return 0;
    }
    buf_init(&scope, SPEC_SCOPE_MAX);
    for (const struct conf_node *item = list->first; r == 0 && item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            continue;
        }
        if (!spec_scope_is_valid(span_str(text)) || strchr(text, ' ') != NULL) {
            conf_report_node(report, item,
                             "not a scope: visible ASCII without blanks, quotes and backslashes");
            continue;
        }
        r = buf_len(&scope) != 0 ? buf_append_byte(&scope, ' ') : 0;
        r = r == 0 ? buf_append_str(&scope, text) : r;
    }
    if (r == CB_ELIMIT) {
        conf_report_node(report, list, "should have at most %d bytes in all", SPEC_SCOPE_MAX);
        r = 0;
    } else if (r == 0 && buf_len(&scope) != 0) {
        free(entry->route->token.scope);
        entry->route->token.scope = strndup((const char *)buf_span(&scope).ptr, buf_len(&scope));
        r = entry->route->token.scope != NULL ? 0 : CB_ENOMEM;
    }
    buf_deinit(&scope);
    return r;
}

static void read_answer(struct conf_entry *entry, const struct conf_node *map)
{
    const struct conf_node *node = conf_node_get(map, "answer");
    if (node != NULL) {
        (void)conf_read_bool(entry->draft->report, node, &entry->route->token.answers);
    }
}

/* Keys that another grant has. */
static void refuse_keys(struct conf_entry *entry, const struct conf_node *map, const char *const *keys,
                        const char *grant)
{
    for (; *keys != NULL; keys++) {
        const struct conf_node *node = conf_node_get(map, *keys);
        if (node != NULL) {
            conf_report_key(entry->draft->report, node, "means nothing for %s: remove it", grant);
        }
    }
}

static void read_grant(struct conf_entry *entry, const struct conf_node *map)
{
    static const char *const not_client[] = {"subject", NULL};
    static const char *const not_refresh[] = {"subject", "audience", NULL};
    static const char *const not_jwt[] = {"clientAuth", NULL};
    static const char *const *const refused[SPEC_GRANT__COUNT] = {
        [SPEC_GRANT_CLIENT] = not_client, [SPEC_GRANT_REFRESH] = not_refresh, [SPEC_GRANT_JWT] = not_jwt};
    const struct conf_node *node = conf_node_get(map, "grant");
    const char *text = "clientCredentials";
    if (node != NULL && !conf_read_text(entry->draft->report, node, &text)) {
        return;
    }
    enum spec_grant grant = spec_grant_of_name(span_str(text));
    if (grant != SPEC_GRANT__COUNT && refused[grant] != NULL) {
        entry->route->token.grant = grant;
        refuse_keys(entry, map, refused[grant], text);
        return;
    }
    conf_report_node(entry->draft->report, node, "should be clientCredentials, refreshToken or jwtBearer");
}

static void read_client_auth(struct conf_entry *entry, const struct conf_node *map)
{
    const struct conf_node *node = conf_node_get(map, "clientAuth");
    const char *text = NULL;
    if (node == NULL || !conf_read_text(entry->draft->report, node, &text)) {
        return;
    }
    entry->route->token.client_in_body = strcmp(text, "body") == 0;
    if (!entry->route->token.client_in_body && strcmp(text, "basic") != 0) {
        conf_report_node(entry->draft->report, node, "should be basic or body");
    }
}

static int read_oauth2(struct conf_entry *entry, const struct conf_node *map)
{
    static const char *const keys[] = {"tokenUrl", "grant",      "clientId", "scopes", "audience",
                                       "subject",  "clientAuth", "answer",   NULL};
    struct spec_token *token = &entry->route->token;
    if (!conf_read_keys(entry->draft->report, map, keys)) {
        return 0;
    }
    read_grant(entry, map);
    read_client_auth(entry, map);
    read_answer(entry, map);
    int r;
    if ((r = read_endpoint(entry, map)) != 0 || (r = read_scopes(entry, map)) != 0 ||
        (r = read_claim(entry, map, "clientId", &token->client_id)) != 0 ||
        (r = read_claim(entry, map, "audience", &token->audience)) != 0) {
        return r;
    }
    return read_claim(entry, map, "subject", &token->subject);
}

/* Google's SDKs ask for a token themselves before they do anything else, so they get their answer unless told otherwise. */
static int read_gcp(struct conf_entry *entry, const struct conf_node *node)
{
    static const char *const keys[] = {"tokenUrl", "scopes", "subject", "answer", NULL};
    struct spec_token *token = &entry->route->token;
    struct conf_report *report = entry->draft->report;
    bool yes = true;
    int r = 0;
    token->grant = SPEC_GRANT_GCP;
    token->answers = true;
    if (node->kind == CONF_KIND_SCALAR) {
        if (conf_read_bool(report, node, &yes) && !yes) {
            conf_report_node(report, node, "should be true, or {scopes: [...]}");
        }
    } else if (conf_read_keys(report, node, keys)) {
        read_answer(entry, node);
        r = conf_node_get(node, "tokenUrl") != NULL ? read_endpoint(entry, node) : 0;
        r = r == 0 ? read_scopes(entry, node) : r;
        r = r == 0 ? read_claim(entry, node, "subject", &token->subject) : r;
    }
    if (r == 0 && token->host == NULL) {
        (void)read_url(token, GCP_URL, &r);
    }
    return r == 0 && token->scope == NULL ? conf_copy_text(&token->scope, GCP_SCOPE) : r;
}

int conf_entry_read_token(struct conf_entry *entry, const struct conf_node *map)
{
    static const char *const oauth2_keys[] = {"header", "prefix", "oauth2", NULL};
    static const char *const gcp_keys[] = {"header", "prefix", "gcp", NULL};
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const struct conf_node *oauth2 = conf_node_get(map, "oauth2");
    const struct conf_node *gcp = conf_node_get(map, "gcp");
    const struct conf_node *header = conf_node_get(map, "header");
    if (!conf_read_keys(report, map, oauth2 != NULL ? oauth2_keys : gcp_keys)) {
        return 0;
    }
    if (header == NULL && conf_node_get(map, "prefix") != NULL) {
        conf_report_key(report, conf_node_get(map, "prefix"),
                        "stands before what goes into a header: write header too");
    }
    route->inject = header != NULL ? SPEC_INJECT_HEADER : SPEC_INJECT_BEARER;
    int r = header != NULL && conf_read_kind(report, header, CONF_KIND_SCALAR)
                ? conf_entry_add_header(entry, header, conf_node_get(map, "prefix"))
                : 0;
    if (r == 0 && header == NULL) {
        r = spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, "Authorization",
                           "Bearer ");
    }
    if (r != 0) {
        return r;
    }
    return oauth2 != NULL ? read_oauth2(entry, oauth2) : read_gcp(entry, gcp);
}

/* ---- the agent's own way to the endpoint ---- */

static bool same_endpoint(const struct spec_token *a, const struct spec_token *b)
{
    return a->host != NULL && b->host != NULL && strcmp(a->host, b->host) == 0 && a->port == b->port &&
           strcmp(a->path, b->path) == 0;
}

/* The earlier route that has made the way to this endpoint already; NULL when there is none. */
static const struct spec_route *find_answering(const struct spec *spec, size_t before)
{
    const struct spec_token *token = &spec->routes[before].token;
    for (size_t i = 0; i < before; i++) {
        if (spec->routes[i].token.answers && same_endpoint(&spec->routes[i].token, token)) {
            return &spec->routes[i];
        }
    }
    return NULL;
}

static int fill_token_route(struct spec_route *route, const struct spec_route *from)
{
    char name[SPEC_NAME_MAX + 1];
    int room = SPEC_NAME_MAX - (int)sizeof("-token") + 1;
    (void)snprintf(name, sizeof(name), "%.*s-token", room, from->name);
    route->port = from->token.port;
    route->name = strdup(name);
    route->host = strdup(from->token.host);
    route->methods = calloc(1, sizeof(*route->methods));
    route->paths = calloc(1, sizeof(*route->paths));
    if (route->name == NULL || route->host == NULL || route->methods == NULL || route->paths == NULL) {
        return CB_ENOMEM;
    }
    route->methods[route->method_count++] = strdup("POST");
    route->paths[route->path_count++] = strdup(from->token.path);
    return route->methods[0] != NULL && route->paths[0] != NULL ? 0 : CB_ENOMEM;
}

int conf_route_add_answering(struct conf_draft *draft, size_t index)
{
    struct spec *spec = draft->spec;
    struct spec_route *added = NULL;
    const struct spec_route *from = &spec->routes[index];
    if (!from->token.answers || !draft->route_good[index]) {
        return 0;
    }
    const struct spec_route *earlier = find_answering(spec, index);
    if (earlier != NULL) {
        if (strcmp(earlier->credential, from->credential) != 0) {
            conf_report_node(draft->report, draft->route_nodes[index],
                             "the agent's own requests to https://%s%s are answered for credential \"%s\" "
                             "already: use that one, or write the injection out with answer: false",
                             from->token.host, from->token.path, earlier->credential);
            draft->route_good[index] = false;
        }
        return 0;
    }
    int r = spec_add_route(spec, &added);
    if (r == CB_ELIMIT) {
        conf_report_node(draft->report, draft->route_nodes[index],
                         "needs a second route, to its token endpoint, and a tenant has at most %d",
                         SPEC_ROUTES_MAX);
        return 0;
    }
    if (r != 0) {
        return r;
    }
    draft->route_nodes[spec->route_count - 1] = draft->route_nodes[index];
    r = fill_token_route(added, &spec->routes[index]); /* which may have moved */
    draft->route_good[spec->route_count - 1] = r == 0;
    return r;
}

/* ---- one credential, one use ---- */

static const char *grant_name(enum spec_grant grant)
{
    static const char *const names[] = {"goes in itself", "is a client's secret", "is a refresh token",
                                        "is a private key", "is Google's JSON"};
    return names[grant];
}

/* What a credential is must not depend on who uses it: it is set once, in one form. */
void conf_check_grants(const struct conf_draft *draft)
{
    const struct spec *spec = draft->spec;
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (route->credential == NULL || route->inject == SPEC_INJECT_NONE) {
            continue;
        }
        enum spec_grant grant = spec_credential_grant(spec, span_str(route->credential));
        if (route->token.grant != grant) {
            conf_report_node(draft->report, draft->route_nodes[i],
                             "credential \"%s\" %s in an earlier route, and %s here: use two credentials",
                             route->credential, grant_name(grant), grant_name(route->token.grant));
        }
    }
}

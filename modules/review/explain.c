/* explain.c - what would become of a request. */
#include "review/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/address.h"
#include "policy/glob.h"
#include "policy/path.h"
#include "tls/seal.h"

#define TARGET_MAX ((size_t)16 * 1024)
#define METHOD_MAX 32

/* ---- reading the URL, as gate does ---- */

static bool take_scheme(struct span *url, enum spec_scheme *scheme)
{
    static const char *const names[] = {[SPEC_SCHEME_HTTPS] = "https://", [SPEC_SCHEME_HTTP] = "http://"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct span name = span_str(names[i]);
        if (span_eq_nocase(span_sub(*url, 0, name.len), name)) {
            *scheme = (enum spec_scheme)i;
            *url = span_sub(*url, name.len, url->len);
            return true;
        }
    }
    return false;
}

static struct span take_authority(struct span *url)
{
    size_t len = 0;
    while (len < url->len && memchr("/?#", url->ptr[len], 3) == NULL) {
        len++;
    }
    struct span authority = span_sub(*url, 0, len);
    *url = span_sub(*url, len, url->len);
    return authority;
}

/* Which part of a refused authority it was. */
static void tell_authority(struct span authority, char out[REVIEW_TEXT_MAX])
{
    char why[256] = "";
    struct policy_host host;
    size_t len = authority.len;
    while (len > 0 && authority.ptr[len - 1] != ':' && authority.ptr[len - 1] != ']') {
        len--;
    }
    struct span name = len > 0 && authority.ptr[len - 1] == ':' ? span_sub(authority, 0, len - 1) : authority;
    if (policy_host_parse(name, &host) == 0) {
        (void)snprintf(out, REVIEW_TEXT_MAX, "the port is not a plain number from 1 to 65535");
    } else if (policy_host_pattern_check(name, why, sizeof(why)) != 0 && why[0] != '\0') {
        (void)snprintf(out, REVIEW_TEXT_MAX, "the host: %s", why);
    } else {
        (void)snprintf(out, REVIEW_TEXT_MAX, "the host is not a canonical name or address");
    }
}

static int parse_target(struct span target, struct buf *path, struct span *query, bool *has_query)
{
    buf_reset(path);
    return policy_path_parse(target, path, query, has_query);
}

/* The longest beginning that would have been taken shows where it went wrong. */
static void tell_path(struct span target, struct review_explanation *e)
{
    for (size_t len = target.len; len > 0; len--) {
        struct span query;
        bool has_query;
        if (parse_target(span_sub(target, 0, len), &e->path, &query, &has_query) == 0) {
            (void)snprintf(e->detail, sizeof(e->detail), "the path and query, from byte %zu on: \"%.*s\"",
                           len, SPAN_ARG(span_sub(target, len, 24)));
            break;
        }
    }
    buf_reset(&e->path);
}

/* Methods and fields as the parser takes them. */
static enum policy_reason check_parts(const struct review_request *request, struct review_explanation *e)
{
    if (!http_name_valid(request->method) || request->method.len > METHOD_MAX) {
        (void)snprintf(e->detail, sizeof(e->detail), "the method is not a token (RFC 9110, 5.6.2)");
        return POLICY_REASON_BAD_REQUEST;
    }
    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (!http_name_valid(field->name) || !http_value_valid(field->value)) {
            (void)snprintf(e->detail, sizeof(e->detail), "header %zu is not one that HTTP can carry", i + 1);
            return POLICY_REASON_BAD_REQUEST;
        }
    }
    return POLICY_REASON_ROUTE;
}

static enum policy_reason check_host_field(const struct review_request *request, struct review_explanation *e)
{
    const struct http_field *field = http_field_find(request->fields, request->field_count, "Host");
    struct policy_host host;
    uint16_t port;
    if (field == NULL) {
        return POLICY_REASON_ROUTE;
    }
    if (policy_authority_parse(field->value, e->port, &host, &port) != 0) {
        (void)snprintf(e->detail, sizeof(e->detail), "the Host header");
        return POLICY_REASON_BAD_AUTHORITY;
    }
    if (port != e->port || !span_eq(span_of(host.text, host.len), span_of(e->host.text, e->host.len))) {
        (void)snprintf(e->detail, sizeof(e->detail), "the Host header names another host than the URL");
        return POLICY_REASON_AUTHORITY_MISMATCH;
    }
    return POLICY_REASON_ROUTE;
}

static enum policy_reason read_url(const struct review_request *request, struct review_explanation *e)
{
    struct span rest = request->url;
    enum policy_reason reason = check_parts(request, e);
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    if (!take_scheme(&rest, &e->scheme)) {
        (void)snprintf(e->detail, sizeof(e->detail), "a URL starts with https:// or http://");
        return POLICY_REASON_BAD_REQUEST;
    }
    struct span authority = take_authority(&rest);
    uint16_t usual = e->scheme == SPEC_SCHEME_HTTP ? 80 : 443;
    if (policy_authority_parse(authority, usual, &e->host, &e->port) != 0) {
        e->port = 0;
        tell_authority(authority, e->detail);
        return POLICY_REASON_BAD_AUTHORITY;
    }
    reason = check_host_field(request, e);
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    struct span target = rest.len != 0 ? rest : SPAN_LIT("/");
    int r = parse_target(target, &e->path, &e->query, &e->has_query);
    if (r == CB_ELIMIT) {
        return POLICY_REASON_URI_TOO_LONG;
    }
    if (r != 0) {
        tell_path(target, e);
        return POLICY_REASON_BAD_PATH;
    }
    return POLICY_REASON_ROUTE;
}

/* ---- why this route ---- */

static struct span matched_pattern(const struct spec_route *route, struct span path)
{
    struct span best = SPAN_EMPTY;
    for (size_t i = 0; i < route->path_count; i++) {
        struct span pattern = span_str(route->paths[i]);
        bool matches = route->action == SPEC_ACTION_DENY ? policy_glob_matches_decoded(pattern, path)
                                                         : policy_path_matches(pattern, path);
        struct policy_glob_rank rank = policy_glob_rank(pattern);
        struct policy_glob_rank best_rank = policy_glob_rank(best);
        if (matches && (best.len == 0 || policy_glob_rank_compare(&rank, &best_rank) < 0)) {
            best = pattern;
        }
    }
    return best.len != 0 ? best : SPAN_LIT("/**");
}

static void tell_why(const struct spec_route *winner, const struct spec_route *loser, struct span path,
                     char out[REVIEW_TEXT_MAX])
{
    struct span a = matched_pattern(winner, path);
    struct span b = matched_pattern(loser, path);
    if (strcmp(winner->host, loser->host) != 0) {
        (void)snprintf(out, REVIEW_TEXT_MAX, "its host %s is more specific than %s", winner->host,
                       loser->host);
    } else if (!span_eq(a, b)) {
        (void)snprintf(out, REVIEW_TEXT_MAX, "its path %.*s is more specific than %.*s",
                       SPAN_ARG(span_sub(a, 0, 100)), SPAN_ARG(span_sub(b, 0, 100)));
    } else {
        (void)snprintf(out, REVIEW_TEXT_MAX, "a deny route wins over an allow route that is as specific");
    }
}

/* Asks again without the routes that have won so far. */
static int find_rivals(const struct review_policy *policy, const struct policy_query *query,
                       struct review_explanation *e)
{
    struct spec rest = *policy->spec;
    rest.route_count = policy->grants.own; /* a grant is no rival: it is asked when no route decides */
    const struct spec_route *winner = e->route;
    rest.routes = calloc(rest.route_count + 1, sizeof(*rest.routes));
    if (rest.routes == NULL) {
        return CB_ENOMEM;
    }
    memcpy(rest.routes, policy->spec->routes, rest.route_count * sizeof(*rest.routes));
    int r = 0;
    while (r == 0 && e->rival_count < REVIEW_RIVALS_MAX) {
        struct policy_table *table = NULL;
        const struct spec_route *found = NULL;
        char why[8];
        size_t at = 0;
        while (at < rest.route_count && strcmp(rest.routes[at].name, winner->name) != 0) {
            at++;
        }
        if (at == rest.route_count) {
            break;
        }
        rest.routes[at] = rest.routes[--rest.route_count];
        r = policy_table_new(&rest, &table, why, sizeof(why));
        enum policy_reason reason =
            r == 0 ? policy_table_match(table, query, &found) : POLICY_REASON_INTERNAL;
        policy_table_free(table);
        if (r != 0 || (reason != POLICY_REASON_ROUTE && reason != POLICY_REASON_ROUTE_DENIES)) {
            break;
        }
        struct review_rival *rival = &e->rivals[e->rival_count++];
        for (size_t i = 0; i < policy->grants.own; i++) {
            if (strcmp(policy->spec->routes[i].name, found->name) == 0) {
                rival->route = &policy->spec->routes[i];
            }
        }
        tell_why(winner, rival->route, query->path, rival->why);
        winner = rival->route;
    }
    free(rest.routes);
    return r;
}

/* ---- what would be sent ---- */

struct inject_request review_inject_request(const struct review_explanation *e,
                                            const struct review_request *request)
{
    return (struct inject_request){.path = buf_span(&e->path),
                                   .query = e->query,
                                   .has_query = e->has_query,
                                   .fields = request->fields,
                                   .field_count = request->field_count};
}

/* The target with INJECT_SHOWN in it, whose braces the writers escape. */
static int show_target(const struct spec_route *route, const struct inject_request *request, struct buf *out)
{
    const struct span escaped = SPAN_LIT("%7Bcredential%7D");
    struct buf raw;
    buf_init(&raw, 3 * TARGET_MAX);
    int r = inject_write_target(route, request, SPAN_LIT(INJECT_SHOWN), &raw);
    struct span text = buf_span(&raw);
    for (size_t at = 0; r == 0 && at < text.len;) {
        if (span_starts(span_sub(text, at, text.len), escaped)) {
            r = buf_append_str(out, INJECT_SHOWN);
            at += escaped.len;
        } else {
            r = buf_append_byte(out, text.ptr[at++]);
        }
    }
    buf_deinit(&raw);
    return r;
}

int review_injected(const struct spec_route *route, struct buf *out)
{
    /* Where a grant is named, what goes in is a token that was fetched with the credential. */
    const char *what = route->token.grant != SPEC_GRANT_NONE ? "{token}" : INJECT_SHOWN;
    int r = 0;
    for (size_t i = 0; r == 0 && route->inject != SPEC_INJECT_NONE && i < route->header_count; i++) {
        const struct spec_field *header = &route->headers[i];
        if (route->inject == SPEC_INJECT_AWS) {
            r = buf_appendf(out,
                            "header %s: AWS4-HMAC-SHA256, a signature with " INJECT_SHOWN " for %s in %s\n",
                            header->name, route->service, route->region);
        } else if (route->inject != SPEC_INJECT_BASIC) {
            r = buf_appendf(out, "header %s: %s%s\n", header->name, header->value, what);
        } else if (route->user != NULL) {
            r = buf_appendf(out, "header %s: Basic base64(%s:" INJECT_SHOWN ")\n", header->name, route->user);
        } else {
            r = buf_appendf(out, "header %s: Basic base64(" INJECT_SHOWN ")\n", header->name);
        }
    }
    if (r == 0 && route->inject == SPEC_INJECT_QUERY) {
        r = buf_appendf(out, "query parameter %s=" INJECT_SHOWN "\n", route->parameter);
    }
    if (r == 0 && route->inject == SPEC_INJECT_BODY) {
        r = buf_appendf(out, "field %s of a JSON or form body, where the agent writes the placeholder\n",
                        route->parameter);
    }
    for (size_t i = 0; r == 0 && route->inject == SPEC_INJECT_PATH && i < route->path_count; i++) {
        r = buf_appendf(out, "path %.*s" INJECT_SHOWN "%s\n", (int)route->path_marks[i], route->paths[i],
                        route->paths[i] + route->path_marks[i] + 1);
    }
    for (size_t i = 0; r == 0 && i < route->extra_count; i++) {
        r = buf_appendf(out, "header %s: %s\n", route->extras[i].name, route->extras[i].value);
    }
    return r;
}

static void tell_address(struct review_explanation *e)
{
    const struct spec_route *route = e->route;
    const char *trust = route->upstream_ca != NULL ? ", certificate checked against the route's own CA" : "";
    if (route->upstream_address != NULL) {
        (void)snprintf(e->address, sizeof(e->address),
                       "%s:%u, without asking for the name (upstream.address)%s", route->upstream_address,
                       (unsigned)route->upstream_port, trust);
    } else {
        (void)snprintf(e->address, sizeof(e->address), "%s:%u, if it is a public address%s", e->host.text,
                       (unsigned)e->port, trust);
    }
}

/* What is asked after the routes have allowed it: the credential, then the address. */
static enum policy_reason check_sending(const struct review_policy *policy, struct review_explanation *e)
{
    const struct spec_route *route = e->route;
    const char *block = NULL;
    if (route->inject != SPEC_INJECT_NONE) {
        e->credential = review_policy_find(policy, route->credential);
        if (e->credential == NULL || !e->credential->set) {
            return POLICY_REASON_CREDENTIAL_NOT_SET;
        }
        e->bound = spec_binding_allows_route(span_str(e->credential->binding), route,
                                             span_of(e->host.text, e->host.len), digest_sha256_of) &&
                   (route->token.grant == SPEC_GRANT_NONE ||
                    spec_binding_allows_token(span_str(e->credential->binding), route, digest_sha256_of));
        if (!e->bound) {
            return POLICY_REASON_BINDING;
        }
    }
    if (route->upstream_address == NULL && e->host.kind != POLICY_HOST_NAME &&
        !policy_address_is_public(e->host.address, e->host.kind == POLICY_HOST_IPV4 ? 4 : 16, &block)) {
        (void)snprintf(e->detail, sizeof(e->detail), "the address is in %s", block);
        return POLICY_REASON_SPECIAL_ADDRESS;
    }
    return POLICY_REASON_ROUTE;
}

/* Which part of the request it was: each is looked at alone, on the way that all of them went. */
static void tell_carrier(const struct review_policy *policy, const struct inject_request *request,
                         struct review_explanation *e)
{
    struct inject_request part = {.path = request->path};
    if (inject_screen(e->route, &part, policy->placeholders, policy->credential_count) == e->reason) {
        (void)snprintf(e->detail, sizeof(e->detail), "what stands in the path");
        return;
    }
    part.query = request->query;
    part.has_query = request->has_query;
    if (inject_screen(e->route, &part, policy->placeholders, policy->credential_count) == e->reason) {
        (void)snprintf(e->detail, sizeof(e->detail), "what stands in the query");
        return;
    }
    part.query = SPAN_EMPTY;
    part.field_count = 1;
    for (size_t i = 0; i < request->field_count; i++) {
        part.fields = &request->fields[i];
        if (inject_screen(e->route, &part, policy->placeholders, policy->credential_count) == e->reason) {
            (void)snprintf(e->detail, sizeof(e->detail), "what stands in the header %.*s",
                           SPAN_ARG(span_sub(request->fields[i].name, 0, 100)));
            return;
        }
    }
}

static int decide(const struct review_policy *policy, const struct review_request *request,
                  struct review_explanation *e)
{
    struct policy_query query = {.scheme = e->scheme,
                                 .host = span_of(e->host.text, e->host.len),
                                 .port = e->port,
                                 .method = request->method,
                                 .path = buf_span(&e->path)};
    struct inject_request carried = review_inject_request(e, request);
    struct inject_rules rules = {.table = policy->table,
                                 .grants = &policy->grants,
                                 .placeholders = policy->placeholders,
                                 .placeholder_count = policy->credential_count};
    struct inject_decision decision = inject_decide(&rules, &query, &carried, policy->now_ms);
    e->reason = decision.reason;
    e->route = decision.route;
    e->grant = decision.grant;
    e->ungranted = decision.ungranted;
    const struct spec_route *matched;
    enum policy_reason by_routes = policy_table_match(policy->table, &query, &matched);
    bool by_route = by_routes == POLICY_REASON_ROUTE || by_routes == POLICY_REASON_ROUTE_DENIES;
    e->decides = by_route || e->grant != NULL;
    int r = by_route ? find_rivals(policy, &query, e) : 0;
    if (e->reason == POLICY_REASON_FOREIGN_CREDENTIAL || e->reason == POLICY_REASON_PLACEHOLDER_MISPLACED) {
        tell_carrier(policy, &carried, e);
    }
    if (r != 0 || e->reason != POLICY_REASON_ROUTE) {
        return r;
    }
    e->reason = check_sending(policy, e);
    if (e->reason == POLICY_REASON_ROUTE) {
        tell_address(e);
        r = show_target(e->route, &carried, &e->target);
    }
    return r;
}

const char *review_explanation_text(const struct review_explanation *e)
{
    return e->grant != NULL && e->reason == POLICY_REASON_ROUTE
               ? "no route allows it, but somebody has allowed it for a time"
               : policy_reason_detail(e->reason);
}

int review_explain(const struct review_policy *policy, const struct review_request *request,
                   struct review_explanation *out)
{
    *out = (struct review_explanation){.port = 0};
    buf_init(&out->path, TARGET_MAX);
    buf_init(&out->target, 3 * TARGET_MAX);
    out->reason = read_url(request, out);
    int r = out->reason == POLICY_REASON_ROUTE ? decide(policy, request, out) : 0;
    if (r != 0) {
        review_explanation_deinit(out);
    }
    return r;
}

void review_explanation_deinit(struct review_explanation *e)
{
    buf_deinit(&e->path);
    buf_deinit(&e->target);
}

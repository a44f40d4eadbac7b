/* diff_route.c - two routes that decide about the same requests: what the new one does otherwise with them. */
#include "review/diff.h"

#include <stdio.h>
#include <stdlib.h>

#include "review/explain.h"

#define TEXT_MAX_LEN ((size_t)64 * 1024)

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool lists(const struct spec_list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], item) == 0) {
            return true;
        }
    }
    return false;
}

/* Items of `b` that `a` does not have. */
static void tell_items(struct review_diff *diff, enum review_effect effect, const char *route,
                       const char *words, const struct spec_list *a, const struct spec_list *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!lists(a, b->items[i])) {
            review_diff_add(diff, effect, route, "%s %s", words, b->items[i]);
        }
    }
}

static void compare_places(struct review_diff *diff, const struct spec_route *o, const struct spec_route *n)
{
    tell_items(diff, REVIEW_EFFECT_WEAKER, n->name,
               "passes whatever credential the agent writes into the header", &o->pass_headers,
               &n->pass_headers);
    tell_items(diff, REVIEW_EFFECT_WEAKER, n->name,
               "passes whatever credential the agent writes into the parameter", &o->pass_query,
               &n->pass_query);
    tell_items(diff, REVIEW_EFFECT_WEAKER, n->name,
               "takes for no credential any more what stands in the header", &n->place_headers,
               &o->place_headers);
    tell_items(diff, REVIEW_EFFECT_WEAKER, n->name,
               "takes for no credential any more what stands in the parameter", &n->place_query,
               &o->place_query);
    tell_items(diff, REVIEW_EFFECT_STRICTER, n->name, "does not pass any more the header", &n->pass_headers,
               &o->pass_headers);
    tell_items(diff, REVIEW_EFFECT_STRICTER, n->name, "does not pass any more the parameter", &n->pass_query,
               &o->pass_query);
    tell_items(diff, REVIEW_EFFECT_STRICTER, n->name, "takes for a credential what stands in the header",
               &o->place_headers, &n->place_headers);
    tell_items(diff, REVIEW_EFFECT_STRICTER, n->name, "takes for a credential what stands in the parameter",
               &o->place_query, &n->place_query);
}

static const char *extra_of(const struct spec_route *route, const char *name)
{
    for (size_t i = 0; i < route->extra_count; i++) {
        if (strcmp(route->extras[i].name, name) == 0) {
            return route->extras[i].value;
        }
    }
    return NULL;
}

static void compare_extras(struct review_diff *diff, const struct spec_route *o, const struct spec_route *n)
{
    for (size_t i = 0; i < n->extra_count; i++) {
        const struct spec_field *f = &n->extras[i];
        const char *before = extra_of(o, f->name);
        if (before == NULL || strcmp(before, f->value) != 0) {
            review_diff_add(diff, REVIEW_EFFECT_WEAKER, n->name, "adds the header %s: %.200s%s%.200s",
                            f->name, f->value, before != NULL ? " instead of " : "",
                            before != NULL ? before : "");
        }
    }
    for (size_t i = 0; i < o->extra_count; i++) {
        if (extra_of(n, o->extras[i].name) == NULL) {
            review_diff_add(diff, REVIEW_EFFECT_OTHER, n->name, "does not add any more the header %s",
                            o->extras[i].name);
        }
    }
}

static void tell_address(const struct spec_route *route, char out[96])
{
    if (route->upstream_address != NULL) {
        (void)snprintf(out, 96, "%.64s:%u", route->upstream_address, (unsigned)route->upstream_port);
    } else {
        (void)snprintf(out, 96, "what the name resolves to");
    }
}

static bool same_pins(const struct spec_route *a, const struct spec_route *b)
{
    bool same = a->upstream_pins.count == b->upstream_pins.count;
    for (size_t i = 0; same && i < a->upstream_pins.count; i++) {
        same = strcmp(a->upstream_pins.items[i], b->upstream_pins.items[i]) == 0;
    }
    return same;
}

static void compare_upstream(struct review_diff *diff, const struct spec_route *o, const struct spec_route *n)
{
    if (!same_text(o->upstream_address, n->upstream_address) ||
        (n->upstream_address != NULL && o->upstream_port != n->upstream_port)) {
        char before[96];
        char after[96];
        tell_address(o, before);
        tell_address(n, after);
        review_diff_add(diff, REVIEW_EFFECT_TRANSPORT, n->name, "%s is reached at %s instead of %s", n->host,
                        after, before);
    }
    if (!same_text(o->upstream_ca, n->upstream_ca)) {
        review_diff_add(diff, REVIEW_EFFECT_TRANSPORT, n->name,
                        "the certificate of %s is checked against %s instead of %s", n->host,
                        n->upstream_ca == NULL   ? "the system's roots"
                        : o->upstream_ca == NULL ? "a CA of the route's own"
                                                 : "another CA",
                        o->upstream_ca == NULL ? "the system's roots" : "the route's own before");
    }
    if (!same_pins(o, n)) {
        bool stricter = o->upstream_pins.count == 0;
        bool weaker = n->upstream_pins.count == 0;
        review_diff_add(diff,
                        stricter ? REVIEW_EFFECT_STRICTER
                        : weaker ? REVIEW_EFFECT_WEAKER
                                 : REVIEW_EFFECT_TRANSPORT,
                        n->name, "%s of %s %s", stricter || weaker ? "the keys" : "other keys", n->host,
                        weaker ? "are not pinned any more" : "are pinned");
    }
    if (!same_text(o->upstream_credential, n->upstream_credential)) {
        review_diff_add(diff, REVIEW_EFFECT_TRANSPORT, n->name,
                        n->upstream_credential != NULL ? "%s is shown the client certificate \"%s\""
                                                       : "%s is shown no client certificate any more",
                        n->host, n->upstream_credential != NULL ? n->upstream_credential : "");
    }
    if (o->insecure != n->insecure) {
        review_diff_add(diff, n->insecure ? REVIEW_EFFECT_TRANSPORT : REVIEW_EFFECT_STRICTER, n->name,
                        n->insecure ? "a credential may go in the clear" : "no credential goes in the clear");
    }
}

/* How the credential goes in, without the headers that are always the same. */
static int injected(const struct spec_route *route, struct buf *out)
{
    struct spec_route bare = *route;
    bare.extra_count = 0;
    buf_init(out, TEXT_MAX_LEN);
    int r = review_injected(&bare, out);
    return r;
}

static void compare_injection(struct review_diff *diff, const struct spec_route *o,
                              const struct spec_route *n)
{
    struct buf before;
    struct buf after;
    bool had = o->inject != SPEC_INJECT_NONE;
    bool has = n->inject != SPEC_INJECT_NONE;
    if (had != has) {
        review_diff_add(
            diff, has ? REVIEW_EFFECT_CREDENTIAL : REVIEW_EFFECT_WEAKER, n->name,
            has ? "requests to %s get the credential \"%s\"; before they got none"
                : "requests to %s do not get the credential \"%s\" any more, so what the agent writes "
                  "there is only taken out",
            n->host, has ? n->credential : o->credential);
        return;
    }
    if (has && !same_text(o->credential, n->credential)) {
        review_diff_add(diff, REVIEW_EFFECT_CREDENTIAL, n->name,
                        "requests to %s get the credential \"%s\" instead of \"%s\"", n->host, n->credential,
                        o->credential);
    }
    int r = injected(o, &before);
    int r2 = injected(n, &after);
    if (r != 0 || r2 != 0) {
        diff->error = r != 0 ? r : r2;
    } else if (o->inject != SPEC_INJECT_PATH || n->inject != SPEC_INJECT_PATH) {
        if (o->inject != n->inject || !span_eq(buf_span(&before), buf_span(&after))) {
            struct span b = buf_span(&before);
            struct span a = buf_span(&after);
            review_diff_add(diff, REVIEW_EFFECT_CREDENTIAL, n->name,
                            "the credential goes in as %.*s instead of %.*s",
                            SPAN_ARG(span_sub(a, 0, a.len < 300 ? a.len - (a.len != 0) : 300)),
                            SPAN_ARG(span_sub(b, 0, b.len < 300 ? b.len - (b.len != 0) : 300)));
        }
    }
    buf_deinit(&before);
    buf_deinit(&after);
}

/* ---- tokens ---- */

static void add_part(char out[900], const char *label, const char *text)
{
    size_t len = strlen(out);
    if (text != NULL) {
        (void)snprintf(out + len, 900 - len, "%s%.120s", label, text);
    }
}

static void tell_token(const struct spec_token *t, char out[900])
{
    static const char *const grants[SPEC_GRANT__COUNT] = {[SPEC_GRANT_NONE] =
                                                              "nowhere: the credential itself goes in",
                                                          [SPEC_GRANT_CLIENT] = "by client credentials",
                                                          [SPEC_GRANT_REFRESH] = "by a refresh token",
                                                          [SPEC_GRANT_JWT] = "by a signed assertion",
                                                          [SPEC_GRANT_GCP] = "by Google's JSON"};
    (void)snprintf(out, 900, "%s", grants[t->grant]);
    if (t->grant == SPEC_GRANT_NONE) {
        return;
    }
    size_t len = strlen(out);
    (void)snprintf(out + len, 900 - len, " at https://%.100s:%u%.120s", t->host, (unsigned)t->port, t->path);
    if (t->address != NULL) {
        len = strlen(out);
        (void)snprintf(out + len, 900 - len, " (%.64s:%u)", t->address, (unsigned)t->address_port);
    }
    add_part(out, ", client ", t->client_id);
    add_part(out, ", scope ", t->scope);
    add_part(out, ", audience ", t->audience);
    add_part(out, ", subject ", t->subject);
    add_part(out, t->client_in_body ? ", the client's secret in the body" : "", "");
    add_part(out, t->answers ? ", the agent's own requests there answered" : "", "");
}

static void compare_token(struct review_diff *diff, const struct spec_route *o, const struct spec_route *n)
{
    char before[900];
    char after[900];
    tell_token(&o->token, before);
    tell_token(&n->token, after);
    if (strcmp(before, after) != 0) {
        review_diff_add(diff, REVIEW_EFFECT_TRANSPORT, n->name,
                        "the token for %s is fetched %.440s; before: %.440s", n->host, after, before);
    }
    if (!same_text(o->token.ca, n->token.ca)) {
        review_diff_add(diff, REVIEW_EFFECT_TRANSPORT, n->name,
                        "the certificate of the endpoint of tokens is checked against %s instead of %s",
                        n->token.ca != NULL ? "a CA of its own" : "the system's roots",
                        o->token.ca != NULL ? "another" : "the system's roots");
    }
}

/* ---- Kubernetes ---- */

static void tell_words(const struct spec_list *list, const char *none, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        size_t len = strlen(out);
        (void)snprintf(out + len, size - len, "%s%s", i != 0 ? "," : "", list->items[i]);
    }
    if (list->count == 0) {
        (void)snprintf(out, size, "%s", none);
    }
}

static void tell_rule(const struct spec_kube_rule *rule, char out[800])
{
    char verbs[200];
    char resources[300];
    char namespaces[200];
    tell_words(&rule->verbs, "nothing", verbs, sizeof(verbs));
    tell_words(&rule->resources, "nothing", resources, sizeof(resources));
    tell_words(&rule->namespaces, "(what has none)", namespaces, sizeof(namespaces));
    (void)snprintf(out, 800, "%s %s in the namespaces %s", verbs, resources, namespaces);
}

/* Rules of `b` that `a` does not have word for word. */
static void tell_rules(struct review_diff *diff, enum review_effect effect, const char *route,
                       const char *words, const struct spec_route *a, const struct spec_route *b)
{
    for (size_t i = 0; i < b->kube_rule_count; i++) {
        char rule[800];
        bool found = false;
        tell_rule(&b->kube_rules[i], rule);
        for (size_t k = 0; k < a->kube_rule_count && !found; k++) {
            char other[800];
            tell_rule(&a->kube_rules[k], other);
            found = strcmp(rule, other) == 0;
        }
        if (!found) {
            review_diff_add(diff, effect, route, "%s: %s", words, rule);
        }
    }
}

static void compare_kube(struct review_diff *diff, const struct spec_route *o, const struct spec_route *n)
{
    if (o->kube_rule_count != 0 && n->kube_rule_count == 0) {
        review_diff_add(diff, REVIEW_EFFECT_ALLOWS, n->name,
                        "every request to the Kubernetes API of %s that the paths allow: its rules are gone",
                        n->host);
    } else if (o->kube_rule_count != 0) {
        tell_rules(diff, REVIEW_EFFECT_ALLOWS, n->name, "Kubernetes", o, n);
        tell_rules(diff, REVIEW_EFFECT_REFUSES, n->name, "Kubernetes", n, o);
    } else if (n->kube_rule_count != 0) {
        tell_rules(diff, REVIEW_EFFECT_STRICTER, n->name, "only this of Kubernetes", o, n);
    }
}

/* ---- what there are no words for ---- */

static int encode_alone(const struct spec_route *route, const struct spec *spec, struct buf *out)
{
    const char *const names[] = {route->credential, route->upstream_credential};
    struct spec_route one = *route;
    struct spec_credential credentials[2];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct spec_credential *used =
            names[i] != NULL ? spec_find_credential(spec, span_str(names[i])) : NULL;
        if (used != NULL) {
            credentials[count++] = *used;
        }
    }
    struct spec alone = {.tenant = spec->tenant,
                         .routes = &one,
                         .route_count = 1,
                         .credentials = credentials,
                         .credential_count = count};
    buf_init(out, SPEC_ENCODED_MAX);
    return spec_encode(&alone, out);
}

/* The new route, and the same with all that the old one has and nothing above has compared: when they are not equal, something
 * differs that has no words. */
static void compare_rest(struct review_diff *diff, const struct spec_route *o, const struct spec *new_spec,
                         const struct spec_route *n)
{
    struct spec_route mixed = *o;
    struct buf a;
    struct buf b;
#define SAME(field_) mixed.field_ = n->field_
    SAME(name), SAME(provider), SAME(action), SAME(scheme), SAME(host), SAME(port);
    SAME(methods), SAME(method_count), SAME(paths), SAME(path_count);
    SAME(inject), SAME(headers), SAME(header_count), SAME(user), SAME(parameter), SAME(path_marks);
    SAME(credential), SAME(extras), SAME(extra_count);
    SAME(place_headers), SAME(place_query), SAME(pass_headers), SAME(pass_query);
    SAME(token), SAME(kube_rules), SAME(kube_rule_count), SAME(placeholder_required), SAME(insecure),
        SAME(websocket);
    SAME(upstream_address), SAME(upstream_port), SAME(upstream_ca);
    SAME(upstream_pins), SAME(upstream_credential);
#undef SAME
    int r = encode_alone(n, new_spec, &a);
    int r2 = encode_alone(&mixed, new_spec, &b);
    if (r != 0 && r != CB_EINVAL) {
        diff->error = r;
    } else if (r != r2 || !span_eq(buf_span(&a), buf_span(&b))) {
        review_diff_add(
            diff, REVIEW_EFFECT_TRANSPORT, n->name,
            "settings changed that this comparison has no words for: look at the route in both files");
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

void review_diff_routes(struct review_diff *diff, const struct spec_route *old, const struct spec *new_spec,
                        const struct spec_route *new)
{
    compare_injection(diff, old, new);
    compare_token(diff, old, new);
    compare_upstream(diff, old, new);
    if (old->placeholder_required != new->placeholder_required) {
        review_diff_add(
            diff, new->placeholder_required ? REVIEW_EFFECT_STRICTER : REVIEW_EFFECT_WEAKER, new->name,
            new->placeholder_required ? "the agent has to send the placeholder"
                                      : "a request gets the credential without the placeholder too");
    }
    if (old->websocket != new->websocket) {
        review_diff_add(diff, new->websocket ? REVIEW_EFFECT_ALLOWS : REVIEW_EFFECT_REFUSES, new->name,
                        "WebSockets to %s", new->host);
    }
    compare_places(diff, old, new);
    compare_extras(diff, old, new);
    compare_kube(diff, old, new);
    compare_rest(diff, old, new_spec, new);
}

/* route_inject.c - a route's credential and how it goes in. */
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/spec_check.h"

/* A header that a route may write; reports what is wrong with it. */
static bool check_header(struct conf_report *report, const struct conf_node *node, const char *text)
{
    struct span name = span_str(text);
    if (spec_header_is_reserved(name)) {
        conf_report_node(report, node,
                         "\"%s\" belongs to the proxy or to the message itself: write the header that the "
                         "provider reads, such as X-Api-Key",
                         text);
        return false;
    }
    if (!spec_header_is_valid(name)) {
        conf_report_node(report, node, "not a header name: write one such as X-Api-Key");
        return false;
    }
    return true;
}

static bool has_header(const struct spec_route *route, const char *name)
{
    for (size_t i = 0; i < route->header_count; i++) {
        if (span_eq_nocase(span_str(route->headers[i].name), span_str(name))) {
            return true;
        }
    }
    return false;
}

int conf_entry_add_header(struct conf_entry *entry, const struct conf_node *name,
                          const struct conf_node *prefix)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const char *text = NULL;
    const char *before = "";
    if (!conf_read_text(report, name, &text) || !check_header(report, name, text) ||
        (prefix != NULL && !conf_read_text(report, prefix, &before))) {
        return 0;
    }
    if (!spec_value_is_valid(span_str(before), SPEC_PREFIX_MAX)) {
        conf_report_node(report, prefix,
                         "should be at most %d printable ASCII characters without a blank in front",
                         SPEC_PREFIX_MAX);
        return 0;
    }
    if (has_header(route, text)) {
        conf_report_node(report, name, "stands in this list already: remove it");
        return 0;
    }
    return spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, text, before);
}

/* A list of {name: NAME, prefix: TEXT}. */
static int read_headers(struct conf_entry *entry, const struct conf_node *list)
{
    static const char *const keys[] = {"name", "prefix", NULL};
    struct conf_report *report = entry->draft->report;
    if (!conf_read_kind(report, list, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (list->count == 0 || list->count > SPEC_HEADERS_MAX) {
        conf_report_node(report, list, "should have 1 to %d entries", SPEC_HEADERS_MAX);
        return 0;
    }
    for (const struct conf_node *item = list->first; item != NULL; item = item->next) {
        if (!conf_read_keys(report, item, keys)) {
            continue;
        }
        const struct conf_node *name = conf_node_get(item, "name");
        if (name == NULL) {
            conf_report_node(report, item, "names no header: write {name: NAME, prefix: TEXT}");
            continue;
        }
        int r = conf_entry_add_header(entry, name, conf_node_get(item, "prefix"));
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int read_user(struct conf_entry *entry, const struct conf_node *node)
{
    const char *text = NULL;
    if (node == NULL || !conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (!spec_user_is_valid(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "should be 1 to %d printable ASCII characters without \":\"", SPEC_USER_MAX);
        return 0;
    }
    return conf_copy_text(&entry->route->user, text);
}

static int read_query(struct conf_entry *entry, const struct conf_node *node)
{
    const char *text = NULL;
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (!spec_parameter_is_valid(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "not a parameter's name: 1 to %d letters, digits, \"-\", \".\", \"_\" or \"~\"",
                         SPEC_PARAMETER_MAX);
        return 0;
    }
    return conf_copy_text(&entry->route->parameter, text);
}

/* "bearer: true": the value says nothing, so it has to be the one that can be meant. */
static bool read_yes(struct conf_entry *entry, const struct conf_node *node)
{
    bool yes = false;
    if (!conf_read_bool(entry->draft->report, node, &yes)) {
        return false;
    }
    if (!yes) {
        conf_report_node(entry->draft->report, node,
                         "should be true; for no injection remove inject and credential");
    }
    return yes;
}

static int add_authorization(struct spec_route *route, const char *prefix)
{
    return spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, "Authorization", prefix);
}

static int read_kind(struct conf_entry *entry, enum spec_inject inject, const struct conf_node *map,
                     const struct conf_node *node)
{
    struct spec_route *route = entry->route;
    route->inject = inject;
    switch (inject) {
    case SPEC_INJECT_BEARER:
        return read_yes(entry, node) ? add_authorization(route, "Bearer ") : 0;
    case SPEC_INJECT_BASIC: {
        int r = read_yes(entry, node) ? add_authorization(route, "Basic ") : 0;
        return r != 0 ? r : read_user(entry, conf_node_get(map, "user"));
    }
    case SPEC_INJECT_HEADER:
        return node->kind == CONF_KIND_SEQUENCE
                   ? read_headers(entry, node)
                   : conf_entry_add_header(entry, node, conf_node_get(map, "prefix"));
    case SPEC_INJECT_QUERY:
        return read_query(entry, node);
    case SPEC_INJECT_PATH:
        (void)read_yes(entry, node); /* where it goes, the paths say */
        return 0;
    case SPEC_INJECT_BODY: /* route_body.c */
    case SPEC_INJECT_AWS:  /* route_aws.c */
    case SPEC_INJECT_NONE:
    case SPEC_INJECT__COUNT:
        break;
    }
    return CB_EINTERNAL;
}

int conf_entry_read_inject(struct conf_entry *entry, const struct conf_node *node)
{
    static const char *const keys[] = {"bearer", "header", "prefix", "headers", "basic", "user", "query",
                                       "path",   "body",   "aws",    "oauth2",  "gcp",   NULL};
    /* Each kind by its key, and the key that may stand beside it. */
    static const struct {
        const char *key;
        const char *beside;
        enum spec_inject inject;
    } kinds[] = {{"bearer", NULL, SPEC_INJECT_BEARER},  {"header", "prefix", SPEC_INJECT_HEADER},
                 {"headers", NULL, SPEC_INJECT_HEADER}, {"basic", "user", SPEC_INJECT_BASIC},
                 {"query", NULL, SPEC_INJECT_QUERY},    {"path", NULL, SPEC_INJECT_PATH}};
    if (conf_node_get(node, "body") != NULL) {
        return conf_entry_read_body(entry, node);
    }
    if (conf_node_get(node, "aws") != NULL) {
        return conf_entry_read_aws(entry, node);
    }
    if (conf_node_get(node, "oauth2") != NULL || conf_node_get(node, "gcp") != NULL) {
        return conf_entry_read_token(entry, node);
    }
    if (!conf_read_keys(entry->draft->report, node, keys)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct conf_node *found = conf_node_get(node, kinds[i].key);
        bool beside = kinds[i].beside != NULL && conf_node_get(node, kinds[i].beside) != NULL;
        /* The key of a kind, and what belongs to it, are all there is. A single header is a text, a list has its key. */
        if (found != NULL && node->count == (beside ? 2U : 1U)) {
            bool list = strcmp(kinds[i].key, "headers") == 0;
            struct conf_report *report = entry->draft->report;
            if (kinds[i].inject == SPEC_INJECT_HEADER &&
                !conf_read_kind(report, found, list ? CONF_KIND_SEQUENCE : CONF_KIND_SCALAR)) {
                return 0;
            }
            return read_kind(entry, kinds[i].inject, node, found);
        }
    }
    conf_report_node(
        entry->draft->report, node,
        "should be {bearer: true}, {header: NAME, prefix: TEXT}, {headers: [{name: NAME, prefix: "
        "TEXT}]}, {basic: true, user: NAME}, {query: NAME}, {path: true}, {body: NAME, "
        "bearer: true}, {aws: {service: NAME, region: NAME}}, {oauth2: {...}} or {gcp: true}");
    return 0;
}

int conf_entry_read_credential(struct conf_entry *entry)
{
    static const char *const deny_keys[] = {"credential", "inject",    "placeholder",   "env",    "shape",
                                            "insecure",   "upstream",  "headers",       "places", "pass",
                                            "kubernetes", "websocket", "tokenUpstream", NULL};
    static const char *const inject_keys[] = {"inject", NULL};
    static const char *const credential_keys[] = {"placeholder", "env", "shape", "insecure", NULL};
    struct conf_report *report = entry->draft->report;
    const struct conf_node *credential = conf_entry_get(entry, "credential");
    const struct conf_node *inject = conf_entry_get(entry, "inject");
    if (entry->route->action == SPEC_ACTION_DENY) {
        conf_entry_refuse(entry, deny_keys, "a deny route injects and sends nothing: remove it");
        return 0;
    }
    if (conf_entry_get(entry, "provider") != NULL) {
        conf_entry_refuse(entry, inject_keys, "the provider says how its credential goes in: remove it");
    }
    conf_entry_name(entry, "credential", &entry->credential);
    conf_entry_choice(entry, "placeholder", "optional", "required", &entry->route->placeholder_required);
    if (credential == NULL) {
        if (inject != NULL || (entry->has_preset && entry->preset.inject != NULL)) {
            conf_report_node(report, entry->has_preset ? entry->node : inject,
                             "no credential is named: write credential: NAME");
        } else {
            conf_entry_refuse(entry, credential_keys, "means something only with a credential: remove it");
        }
        return 0;
    }
    if (entry->has_preset && entry->preset.inject == NULL) {
        conf_report_key(report, credential, "provider %s takes none: remove it", entry->preset.name);
        entry->credential = NULL;
        return 0;
    }
    int r = 0;
    if (entry->has_preset || (inject != NULL && conf_entry_get(entry, "provider") == NULL)) {
        r = conf_entry_read_inject(entry, entry->has_preset ? entry->preset.inject : inject);
    } else if (conf_entry_get(entry, "provider") == NULL) {
        conf_report_node(report, credential,
                         "no allow route injects it: write inject: {bearer: true} or inject: {header: NAME}");
    }
    if (entry->route->scheme == SPEC_SCHEME_HTTP && !entry->route->insecure) {
        conf_report_node(report, credential,
                         "would go over plain http: use scheme https, or say insecure: true");
    }
    if (r == 0 && entry->credential != NULL) {
        r = conf_copy_text(&entry->route->credential, entry->credential);
    }
    return r;
}

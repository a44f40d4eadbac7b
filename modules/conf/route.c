/* route.c - one entry of spec.routes: where it goes, and the entry as a whole. */
#include "conf/route.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/host.h"
#include "policy/spec_check.h"

static const char *const route_keys[] = {
    "provider", "host",   "name",        "credential", "port",          "scheme", "methods", "paths",
    "inject",   "action", "placeholder", "insecure",   "upstream",      "env",    "shape",   "headers",
    "places",   "pass",   "kubernetes",  "websocket",  "tokenUpstream", NULL};

int conf_copy_text(char **out, const char *text)
{
    free(*out);
    *out = strdup(text);
    return *out != NULL ? 0 : CB_ENOMEM;
}

const struct conf_node *conf_entry_get(const struct conf_entry *entry, const char *key)
{
    return conf_node_get(entry->node, key);
}

/* Reads an optional text that is one of two words; *second says which. */
void conf_entry_choice(const struct conf_entry *entry, const char *key, const char *a, const char *b,
                       bool *second)
{
    const struct conf_node *node = conf_entry_get(entry, key);
    const char *text = NULL;
    if (node == NULL || !conf_read_text(entry->draft->report, node, &text)) {
        return;
    }
    if (strcmp(text, a) != 0 && strcmp(text, b) != 0) {
        conf_report_node(entry->draft->report, node, "should be %s or %s", a, b);
        return;
    }
    *second = strcmp(text, b) == 0;
}

/* A name that tenants, routes and credentials may have. */
void conf_entry_name(const struct conf_entry *entry, const char *key, const char **out)
{
    const struct conf_node *node = conf_entry_get(entry, key);
    const char *text = NULL;
    if (node == NULL || !conf_read_text(entry->draft->report, node, &text)) {
        return;
    }
    if (!spec_name_valid(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "not a name: 1 to %d of a-z, 0-9 and \"-\", no \"-\" at an end", SPEC_NAME_MAX);
        return;
    }
    *out = text;
}

/* Keys that mean nothing where they stand are more likely a mistake than a wish. */
void conf_entry_refuse(const struct conf_entry *entry, const char *const *keys, const char *message)
{
    for (; *keys != NULL; keys++) {
        const struct conf_node *node = conf_entry_get(entry, *keys);
        if (node != NULL) {
            conf_report_key(entry->draft->report, node, "%s", message);
        }
    }
}

static void read_host(struct conf_entry *entry, const struct conf_node *node)
{
    const char *text = NULL;
    char why[320];
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return;
    }
    if (policy_host_pattern_check(span_str(text), why, sizeof(why)) != 0) {
        conf_report_node(entry->draft->report, node, "%s", why);
    } else {
        entry->host = text;
    }
}

/* Between a prefix and the suffix stands a region, and nothing else: other names there are customers' own. */
static bool is_host_of_preset(const struct conf_preset *preset, struct span host)
{
    struct span suffix = span_str(preset->suffix);
    struct span prefix = span_str(preset->prefix);
    if (host.ptr[0] == '*' || !span_ends(host, suffix)) {
        return false;
    }
    return prefix.len == 0 ||
           (host.len > prefix.len + suffix.len && span_starts(host, prefix) &&
            conf_aws_region_is_valid(span_sub(host, prefix.len, host.len - prefix.len - suffix.len)));
}

/* A provider whose hosts belong to its customers: the route names one of them, and no wildcard, below which others have
 * theirs. */
static void read_host_of_preset(struct conf_entry *entry, const struct conf_node *host)
{
    struct conf_report *report = entry->draft->report;
    const char *suffix = entry->preset.suffix;
    const char *prefix = entry->preset.prefix != NULL ? entry->preset.prefix : "";
    const char *between = entry->preset.prefix != NULL ? "REGION" : "NAME";
    if (suffix == NULL) {
        if (host != NULL) {
            conf_report_key(report, host, "the provider has its own hosts: remove host, or provider");
        }
        return;
    }
    if (host == NULL && entry->preset.host != NULL) {
        return;
    }
    if (host == NULL) {
        conf_report_node(report, entry->node, "provider %s needs your host: write host: %s%s%s",
                         entry->preset.name, prefix, between, suffix);
        return;
    }
    read_host(entry, host);
    if (entry->host != NULL && !is_host_of_preset(&entry->preset, span_str(entry->host))) {
        conf_report_node(report, host, "is not a host of provider %s: write %s%s%s", entry->preset.name,
                         prefix, between, suffix);
        entry->host = NULL;
    }
}

static int read_target(struct conf_entry *entry)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_node *provider = conf_entry_get(entry, "provider");
    const struct conf_node *host = conf_entry_get(entry, "host");
    const char *text = NULL;
    char names[640];
    if (provider == NULL && host == NULL) {
        conf_report_node(report, entry->node, "names no destination: write provider or host");
    } else if (provider == NULL) {
        read_host(entry, host);
    } else if (conf_read_text(report, provider, &text)) {
        int r = conf_presets_find(entry->draft->presets, text, &entry->preset);
        if (r == CB_ENOTFOUND) {
            conf_presets_names(entry->draft->presets, names, sizeof(names));
            conf_report_node(report, provider, "unknown provider; known are %s: else write a host", names);
            return 0;
        }
        entry->has_preset = r == 0;
        if (r == 0) {
            read_host_of_preset(entry, host);
        }
        return r;
    }
    return 0;
}

static void read_transport(struct conf_entry *entry)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    static const char *const keys[] = {"scheme", "port", "insecure", NULL};
    bool http = false;
    uint64_t port = 0;
    if (conf_entry_get(entry, "provider") != NULL) {
        /* A credential of a preset goes to the preset's port and by TLS, or nowhere. */
        route->port = 443;
        conf_entry_refuse(entry, keys, "a provider is reached by https on port 443: remove it");
        return;
    }
    conf_entry_choice(entry, "scheme", "https", "http", &http);
    route->scheme = http ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    route->port = http ? 80 : 443;
    const struct conf_node *node = conf_entry_get(entry, "port");
    if (node != NULL && conf_read_number(report, node, 1, 65535, &port)) {
        route->port = (uint16_t)port;
    }
    node = conf_entry_get(entry, "insecure");
    if (node != NULL) {
        (void)conf_read_bool(report, node, &route->insecure);
    }
}

/* A provider's routes are as wide as the provider's; a route can only be narrower. */
static void read_websocket(struct conf_entry *entry)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const struct conf_node *node = conf_entry_get(entry, "websocket");
    if (route->action == SPEC_ACTION_DENY) {
        return; /* conf_entry_read_credential() has refused the key */
    }
    bool get = spec_route_has_method(route, SPAN_LIT("GET"));
    route->websocket = entry->has_preset && entry->preset.websocket && get;
    if (node == NULL || !conf_read_bool(report, node, &route->websocket) || !route->websocket) {
        return;
    }
    if (entry->has_preset && !entry->preset.websocket) {
        conf_report_node(report, node,
                         "provider %s has no WebSockets: remove it, or write a route with a host",
                         entry->preset.name);
    } else if (!get) {
        conf_report_node(report, node, "begins with a GET: add it to methods");
    }
}

/* The host with dots as hyphens, other characters left out, cut to what a name may have. */
static void name_from_host(const char *host, char out[SPEC_NAME_MAX + 1])
{
    size_t len = 0;
    for (; *host != '\0' && len < SPEC_NAME_MAX; host++) {
        char c = *host == '.' || *host == ':' || *host == '_' ? '-' : *host;
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && len > 0);
        if (fits) {
            out[len++] = c;
        }
    }
    while (len > 0 && out[len - 1] == '-') {
        len--;
    }
    out[len] = '\0';
}

static int finish_preset(struct conf_entry *entry)
{
    struct spec_route *route = entry->route;
    const struct conf_preset *preset = &entry->preset;
    int r = conf_copy_text(&route->name, entry->name != NULL ? entry->name : preset->name);
    if (r == 0) {
        r = conf_copy_text(&route->provider, preset->name);
    }
    const char *host = entry->host != NULL ? entry->host : preset->host;
    return r != 0 || host == NULL ? r : conf_copy_text(&route->host, host);
}

static int finish_host(struct conf_entry *entry)
{
    char name[SPEC_NAME_MAX + 1] = "";
    if (entry->host == NULL) {
        return 0;
    }
    name_from_host(entry->host, name);
    if (entry->name == NULL && name[0] == '\0') { /* "[::]" */
        conf_report_node(entry->draft->report, conf_entry_get(entry, "host"),
                         "gives no name: write name: NAME");
        return 0;
    }
    int r = conf_copy_text(&entry->route->name, entry->name != NULL ? entry->name : name);
    return r != 0 ? r : conf_copy_text(&entry->route->host, entry->host);
}

int conf_route_read(struct conf_draft *draft, const struct conf_node *node)
{
    struct conf_entry entry = {.draft = draft, .node = node};
    size_t errors = draft->report->count;
    bool deny = false;
    if (!conf_read_kind(draft->report, node, CONF_KIND_MAP)) {
        return 0;
    }
    (void)conf_read_keys(draft->report, node, route_keys);
    int r = spec_add_route(draft->spec, &entry.route);
    if (r != 0) {
        return r;
    }
    size_t index = draft->spec->route_count - 1;
    draft->route_nodes[index] = node;
    r = read_target(&entry);
    conf_entry_name(&entry, "name", &entry.name);
    conf_entry_choice(&entry, "action", "allow", "deny", &deny);
    entry.route->action = deny ? SPEC_ACTION_DENY : SPEC_ACTION_ALLOW;
    read_transport(&entry);
    if (r == 0) {
        r = conf_entry_read_credential(&entry);
    }
    if (r == 0) {
        r = conf_entry_read_match(&entry);
    }
    if (r == 0) {
        r = conf_entry_read_fields(&entry);
    }
    if (r == 0) {
        r = conf_entry_read_kubernetes(&entry);
    }
    read_websocket(&entry);
    if (r == 0) {
        r = conf_entry_read_upstream(&entry);
    }
    if (r == 0 && entry.credential != NULL) {
        r = conf_credential_use(draft, node, entry.credential, entry.has_preset ? &entry.preset : NULL);
    }
    if (r == 0) {
        r = entry.has_preset ? finish_preset(&entry) : finish_host(&entry);
    }
    draft->route_good[index] = draft->report->count == errors;
    return r != 0 ? r : conf_route_add_answering(draft, index);
}

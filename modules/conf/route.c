/* route.c - one entry of spec.routes. */
#include "conf/route.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/host.h"
#include "policy/path.h"
#include "policy/spec_check.h"

/* An entry while it is read. The texts are borrowed from the trees. */
struct entry {
    struct conf_draft *draft;
    const struct conf_node *node;
    struct conf_preset preset;
    bool has_preset;
    struct spec_route *route;
    const char *name;
    const char *host;
    const char *credential;
};

static const char *const route_keys[] = {
    "provider", "host",   "name",        "credential", "port",     "scheme", "methods", "paths",
    "inject",   "action", "placeholder", "insecure",   "upstream", "env",    "shape",   NULL};

static int copy_text(char **out, const char *text)
{
    free(*out);
    *out = strdup(text);
    return *out != NULL ? 0 : CB_ENOMEM;
}

static const struct conf_node *get(const struct entry *entry, const char *key)
{
    return conf_node_get(entry->node, key);
}

/* Reads an optional text that is one of two words; *second says which. */
static void read_choice(const struct entry *entry, const char *key, const char *a, const char *b,
                        bool *second)
{
    const struct conf_node *node = get(entry, key);
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
static void read_name(const struct entry *entry, const char *key, const char **out)
{
    const struct conf_node *node = get(entry, key);
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

static int read_target(struct entry *entry)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_node *provider = get(entry, "provider");
    const struct conf_node *host = get(entry, "host");
    const char *text = NULL;
    char why[320];
    if (provider == NULL && host == NULL) {
        conf_report_node(report, entry->node, "names no destination: write provider or host");
    } else if (provider != NULL && host != NULL) {
        conf_report_key(report, host, "the provider has its own hosts: remove host, or provider");
    } else if (host != NULL && conf_read_text(report, host, &text)) {
        if (policy_host_pattern_check(span_str(text), why, sizeof(why)) != 0) {
            conf_report_node(report, host, "%s", why);
        } else {
            entry->host = text;
        }
    } else if (provider != NULL && conf_read_text(report, provider, &text)) {
        int r = conf_presets_find(entry->draft->presets, text, &entry->preset);
        if (r == CB_ENOTFOUND) {
            conf_presets_names(entry->draft->presets, why, sizeof(why));
            conf_report_node(report, provider, "unknown provider; known are %s: else write a host", why);
            return 0;
        }
        entry->has_preset = r == 0;
        return r;
    }
    return 0;
}

/* Keys that mean nothing where they stand are more likely a mistake than a wish. */
static void refuse_keys(const struct entry *entry, const char *const *keys, const char *message)
{
    for (; *keys != NULL; keys++) {
        const struct conf_node *node = get(entry, *keys);
        if (node != NULL) {
            conf_report_key(entry->draft->report, node, "%s", message);
        }
    }
}

static void read_transport(struct entry *entry)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    static const char *const keys[] = {"scheme", "port", "insecure", NULL};
    bool http = false;
    uint64_t port = 0;
    if (get(entry, "provider") != NULL) {
        /* A credential of a preset goes to the preset's port and by TLS, or nowhere. */
        route->port = 443;
        refuse_keys(entry, keys, "a provider is reached by https on port 443: remove it");
        return;
    }
    read_choice(entry, "scheme", "https", "http", &http);
    route->scheme = http ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    route->port = http ? 80 : 443;
    const struct conf_node *node = get(entry, "port");
    if (node != NULL && conf_read_number(report, node, 1, 65535, &port)) {
        route->port = (uint16_t)port;
    }
    node = get(entry, "insecure");
    if (node != NULL) {
        (void)conf_read_bool(report, node, &route->insecure);
    }
}

static bool method_is_token(const char *method)
{
    return strlen(method) <= SPEC_METHOD_MAX && method[0] != '\0' &&
           method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_!#$%&'*+.^`|~")] == '\0';
}

static bool check_method(const struct entry *entry, const struct conf_node *node, const char *method)
{
    struct conf_report *report = entry->draft->report;
    if (!method_is_token(method)) {
        conf_report_node(report, node, "not a method: write it in capitals, as in GET");
    } else if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0 ||
               strcmp(method, "TRACK") == 0) {
        conf_report_node(report, node, "%s is never forwarded: remove it", method);
    } else if (entry->has_preset && entry->route->action == SPEC_ACTION_ALLOW &&
               !conf_preset_has_method(&entry->preset, method)) {
        conf_report_node(
            report, node,
            "a route may only narrow what provider %s allows: remove it, or write a route with a host",
            entry->preset.name);
    } else {
        return true;
    }
    return false;
}

static bool check_path(const struct entry *entry, const struct conf_node *node, const char *path)
{
    char why[320] = "a path pattern has at most 1024 bytes";
    struct conf_report *report = entry->draft->report;
    if (node->len > SPEC_PATH_MAX || policy_path_pattern_check(span_str(path), why, sizeof(why)) != 0) {
        conf_report_node(report, node, "%s", why);
    } else if (entry->has_preset && entry->route->action == SPEC_ACTION_ALLOW &&
               !conf_preset_covers_path(&entry->preset, path)) {
        conf_report_node(report, node,
                         "a route may only narrow what provider %s allows: write a path below %s",
                         entry->preset.name, entry->preset.paths->first->text);
    } else {
        return true;
    }
    return false;
}

typedef bool check_fn(const struct entry *entry, const struct conf_node *node, const char *text);

static bool is_in(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads a list of texts of the tenant's file, or copies one of a preset (check NULL). */
static int read_list(const struct entry *entry, const struct conf_node *list, size_t max, check_fn *check,
                     char ***out, size_t *out_count)
{
    struct conf_report *report = entry->draft->report;
    if (!conf_read_kind(report, list, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (list->count == 0 || list->count > max) {
        conf_report_node(report, list, "should have 1 to %zu entries%s", max,
                         list->count == 0 ? ": leave the key out for the default" : "");
        return 0;
    }
    *out = calloc(list->count, sizeof(**out));
    if (*out == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = list->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text) || (check != NULL && !check(entry, item, text))) {
            continue;
        }
        if (is_in(*out, *out_count, text)) {
            conf_report_node(report, item, "stands in this list already: remove it");
            continue;
        }
        (*out)[*out_count] = strdup(text);
        if ((*out)[*out_count] == NULL) {
            return CB_ENOMEM;
        }
        ++*out_count;
    }
    return 0;
}

static int default_methods(struct spec_route *route)
{
    /* What a deny route does not say, it denies: so it starts with more, and conf_tenants_load() adds what others allow. */
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    size_t count = route->action == SPEC_ACTION_DENY ? sizeof(methods) / sizeof(methods[0]) : 3;
    route->methods = calloc(SPEC_METHODS_MAX, sizeof(*route->methods));
    if (route->methods == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        route->methods[i] = strdup(methods[i]);
        if (route->methods[i] == NULL) {
            return CB_ENOMEM;
        }
        route->method_count++;
    }
    return 0;
}

static int read_methods_and_paths(struct entry *entry)
{
    struct spec_route *route = entry->route;
    bool preset = entry->has_preset && route->action == SPEC_ACTION_ALLOW;
    const struct conf_node *methods = get(entry, "methods");
    const struct conf_node *paths = get(entry, "paths");
    check_fn *method_check = methods != NULL ? check_method : NULL;
    check_fn *path_check = paths != NULL ? check_path : NULL;
    methods = methods == NULL && preset ? entry->preset.methods : methods;
    paths = paths == NULL && preset ? entry->preset.paths : paths;
    int r = methods != NULL ? read_list(entry, methods, SPEC_METHODS_MAX, method_check, &route->methods,
                                        &route->method_count)
                            : default_methods(route);
    if (r == 0 && paths != NULL) {
        r = read_list(entry, paths, SPEC_PATHS_MAX, path_check, &route->paths, &route->path_count);
    }
    return r;
}

/* Headers that the proxy itself writes or that decide how a message is framed or routed. */
static bool header_is_reserved(struct span name)
{
    static const char *const names[] = {
        "host",     "connection", "keep-alive", "proxy-connection",    "transfer-encoding",  "te",
        "trailer",  "via",        "upgrade",    "proxy-authorization", "proxy-authenticate", "expect",
        "forwarded"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_eq_nocase(name, span_str(names[i]))) {
            return true;
        }
    }
    return span_eq_nocase(span_sub(name, 0, 8), SPAN_LIT("content-"));
}

static int read_header(struct entry *entry, const struct conf_node *node)
{
    static const char token[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
    const char *text = NULL;
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (*text == '\0' || strlen(text) > SPEC_HEADER_MAX || text[strspn(text, token)] != '\0') {
        conf_report_node(entry->draft->report, node, "not a header name: write one such as X-Api-Key");
        return 0;
    }
    if (header_is_reserved(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "\"%s\" belongs to the proxy or to the message itself: write the header that the "
                         "provider reads, such as X-Api-Key",
                         text);
        return 0;
    }
    return copy_text(&entry->route->header, text);
}

static int read_prefix(struct entry *entry, const struct conf_node *node)
{
    const char *text = "";
    if (node != NULL && !conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    bool good = strlen(text) <= SPEC_PREFIX_MAX && *text != ' ';
    for (const char *p = text; *p != '\0'; p++) {
        good = good && *p >= ' ' && *p <= '~';
    }
    if (!good) {
        conf_report_node(entry->draft->report, node,
                         "should be at most %d printable ASCII characters without a blank in front",
                         SPEC_PREFIX_MAX);
        return 0;
    }
    return copy_text(&entry->route->prefix, text);
}

static int read_inject(struct entry *entry, const struct conf_node *node)
{
    static const char *const keys[] = {"bearer", "header", "prefix", NULL};
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const struct conf_node *bearer = conf_node_get(node, "bearer");
    const struct conf_node *header = conf_node_get(node, "header");
    const struct conf_node *prefix = conf_node_get(node, "prefix");
    bool yes = false;
    if (!conf_read_keys(report, node, keys)) {
        return 0;
    }
    if ((bearer == NULL) == (header == NULL) || (bearer != NULL && prefix != NULL)) {
        conf_report_node(report, node, "should be {bearer: true} or {header: NAME, prefix: TEXT}");
        return 0;
    }
    if (header != NULL) {
        route->inject = SPEC_INJECT_HEADER;
        int r = read_header(entry, header);
        return r != 0 ? r : read_prefix(entry, prefix);
    }
    if (!conf_read_bool(report, bearer, &yes)) {
        return 0;
    }
    if (!yes) {
        conf_report_node(report, bearer, "should be true; for no injection remove inject and credential");
        return 0;
    }
    route->inject = SPEC_INJECT_BEARER;
    int r = copy_text(&route->header, "Authorization");
    return r != 0 ? r : copy_text(&route->prefix, "Bearer ");
}

static int preset_inject(struct entry *entry)
{
    struct spec_route *route = entry->route;
    bool bearer =
        strcmp(entry->preset.header, "Authorization") == 0 && strcmp(entry->preset.prefix, "Bearer ") == 0;
    route->inject = bearer ? SPEC_INJECT_BEARER : SPEC_INJECT_HEADER;
    int r = copy_text(&route->header, entry->preset.header);
    return r != 0 ? r : copy_text(&route->prefix, entry->preset.prefix);
}

static int read_credential(struct entry *entry)
{
    static const char *const deny_keys[] = {"credential", "inject",   "placeholder", "env",
                                            "shape",      "insecure", "upstream",    NULL};
    static const char *const inject_keys[] = {"inject", NULL};
    static const char *const credential_keys[] = {"placeholder", "env", "shape", "insecure", NULL};
    struct conf_report *report = entry->draft->report;
    const struct conf_node *credential = get(entry, "credential");
    const struct conf_node *inject = get(entry, "inject");
    if (entry->route->action == SPEC_ACTION_DENY) {
        refuse_keys(entry, deny_keys, "a deny route injects and sends nothing: remove it");
        return 0;
    }
    if (get(entry, "provider") != NULL) {
        refuse_keys(entry, inject_keys, "the provider says how its credential goes in: remove it");
    }
    read_name(entry, "credential", &entry->credential);
    read_choice(entry, "placeholder", "optional", "required", &entry->route->placeholder_required);
    if (credential == NULL) {
        if (inject != NULL || entry->has_preset) {
            conf_report_node(report, entry->has_preset ? entry->node : inject,
                             "no credential is named: write credential: NAME");
        } else {
            refuse_keys(entry, credential_keys, "means something only with a credential: remove it");
        }
        return 0;
    }
    int r = 0;
    if (entry->has_preset) {
        r = preset_inject(entry);
    } else if (inject != NULL) {
        r = read_inject(entry, inject);
    } else if (get(entry, "provider") == NULL) {
        conf_report_node(report, credential,
                         "no allow route injects it: write inject: {bearer: true} or inject: {header: NAME}");
    }
    if (entry->route->scheme == SPEC_SCHEME_HTTP && !entry->route->insecure) {
        conf_report_node(report, credential,
                         "would go over plain http: use scheme https, or say insecure: true");
    }
    if (r == 0 && entry->credential != NULL) {
        r = copy_text(&entry->route->credential, entry->credential);
    }
    return r;
}

static int read_ca_file(struct entry *entry, const struct conf_node *node)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_files *files = entry->draft->files;
    const char *path = NULL;
    struct buf pem;
    if (!conf_read_text(report, node, &path)) {
        return 0;
    }
    if (files == NULL) {
        conf_report_key(report, node, "files cannot be read here: write the PEM text itself as ca");
        return 0;
    }
    buf_init(&pem, SPEC_CA_MAX);
    int r = files->read(files->arg, path, &pem);
    struct span text = buf_span(&pem);
    if (r == CB_ENOMEM) {
        goto out;
    }
    if (r != 0) {
        conf_report_node(report, node, "\"%.200s\" could not be read: %s", path,
                         r == CB_ELIMIT ? "it is larger than 64 KiB" : cb_strerror(r));
        r = 0;
        goto out;
    }
    if (text.len == 0 || memchr(text.ptr, 0, text.len) != NULL ||
        memmem(text.ptr, text.len, "-----BEGIN CERTIFICATE-----", 27) == NULL) {
        conf_report_node(report, node, "\"%.200s\" has no certificate in PEM form", path);
        goto out;
    }
    entry->route->upstream_ca = strndup((const char *)text.ptr, text.len);
    r = entry->route->upstream_ca != NULL ? 0 : CB_ENOMEM;
out:
    buf_deinit(&pem);
    return r;
}

static int read_ca(struct entry *entry, const struct conf_node *node)
{
    const char *text = NULL;
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (strlen(text) > SPEC_CA_MAX || strstr(text, "-----BEGIN CERTIFICATE-----") == NULL) {
        conf_report_node(entry->draft->report, node, "should be at most 64 KiB of certificates in PEM form");
        return 0;
    }
    return copy_text(&entry->route->upstream_ca, text);
}

static int read_upstream(struct entry *entry)
{
    static const char *const keys[] = {"address", "caFile", "ca", NULL};
    struct conf_report *report = entry->draft->report;
    const struct conf_node *node = get(entry, "upstream");
    if (node == NULL || entry->route->action == SPEC_ACTION_DENY || !conf_read_keys(report, node, keys)) {
        return 0;
    }
    const struct conf_node *address = conf_node_get(node, "address");
    const struct conf_node *ca_file = conf_node_get(node, "caFile");
    const struct conf_node *ca = conf_node_get(node, "ca");
    const char *text = NULL;
    struct policy_host host;
    uint16_t port = 0;
    int r = 0;
    if (node->count == 0) {
        conf_report_node(report, node, "is empty: write address, caFile or ca, or remove it");
    }
    if (address != NULL && conf_read_text(report, address, &text)) {
        if (policy_authority_parse(span_str(text), entry->route->port, &host, &port) != 0 ||
            host.kind == POLICY_HOST_NAME) {
            conf_report_node(
                report, address,
                "should be an address, with a port or without: \"192.0.2.1:443\" or \"[2001:db8::1]\"");
        } else {
            entry->route->upstream_port = port;
            r = copy_text(&entry->route->upstream_address, host.text);
        }
    }
    if (ca_file != NULL && ca != NULL) {
        conf_report_key(report, ca, "caFile is there too: remove one of them");
    } else if (r == 0 && ca_file != NULL) {
        r = read_ca_file(entry, ca_file);
    } else if (r == 0 && ca != NULL) {
        r = read_ca(entry, ca);
    }
    if (entry->route->scheme == SPEC_SCHEME_HTTP && (ca_file != NULL || ca != NULL)) {
        conf_report_key(report, ca_file != NULL ? ca_file : ca, "plain http has no certificates: remove it");
    }
    return r;
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

static int finish_preset(struct entry *entry)
{
    struct spec_route *route = entry->route;
    const struct conf_preset *preset = &entry->preset;
    int r = copy_text(&route->name, entry->name != NULL ? entry->name : preset->name);
    if (r == 0) {
        r = copy_text(&route->provider, preset->name);
    }
    return r != 0 ? r : copy_text(&route->host, preset->host);
}

static int finish_host(struct entry *entry)
{
    char name[SPEC_NAME_MAX + 1] = "";
    if (entry->host == NULL) {
        return 0;
    }
    name_from_host(entry->host, name);
    if (entry->name == NULL && name[0] == '\0') { /* "[::]" */
        conf_report_node(entry->draft->report, get(entry, "host"), "gives no name: write name: NAME");
        return 0;
    }
    int r = copy_text(&entry->route->name, entry->name != NULL ? entry->name : name);
    return r != 0 ? r : copy_text(&entry->route->host, entry->host);
}

int conf_route_read(struct conf_draft *draft, const struct conf_node *node)
{
    struct entry entry = {.draft = draft, .node = node};
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
    read_name(&entry, "name", &entry.name);
    read_choice(&entry, "action", "allow", "deny", &deny);
    entry.route->action = deny ? SPEC_ACTION_DENY : SPEC_ACTION_ALLOW;
    read_transport(&entry);
    if (r == 0) {
        r = read_methods_and_paths(&entry);
    }
    if (r == 0) {
        r = read_credential(&entry);
    }
    if (r == 0) {
        r = read_upstream(&entry);
    }
    if (r == 0 && entry.credential != NULL) {
        r = conf_credential_use(draft, node, entry.credential, entry.has_preset ? &entry.preset : NULL);
    }
    if (r == 0) {
        r = entry.has_preset ? finish_preset(&entry) : finish_host(&entry);
    }
    draft->route_good[index] = draft->report->count == errors;
    return r;
}

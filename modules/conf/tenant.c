/* tenant.c - whole tenant files: the documents, what stands around the routes, and all or none. */
#include "conf/tenant.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/kube_route.h"
#include "conf/route.h"
#include "policy/placeholder.h"

#define REQUESTS_PER_MINUTE_MAX 1000000
#define CONCURRENT_MAX          65536
#define REQUEST_BYTES_MAX       ((uint64_t)1 << 40)

/* The required child; reports and gives NULL when it is missing. */
static const struct conf_node *need(struct conf_report *report, const struct conf_node *map, const char *key)
{
    const struct conf_node *node = conf_node_get(map, key);
    if (node == NULL) {
        conf_report_node(report, map, "\"%s\" is missing", key);
    }
    return node;
}

static void check_word(struct conf_report *report, const struct conf_node *document, const char *key,
                       const char *word)
{
    const struct conf_node *node = need(report, document, key);
    const char *text = NULL;
    if (node != NULL && conf_read_text(report, node, &text) && strcmp(text, word) != 0) {
        conf_report_node(report, node, "should be %s", word);
    }
}

static int read_metadata(struct conf_draft *draft, const struct conf_node *document)
{
    static const char *const keys[] = {"name", NULL};
    const struct conf_node *metadata = need(draft->report, document, "metadata");
    const char *name = NULL;
    if (metadata == NULL || !conf_read_kind(draft->report, metadata, CONF_KIND_MAP)) {
        return 0;
    }
    (void)conf_read_keys(draft->report, metadata, keys);
    const struct conf_node *node = need(draft->report, metadata, "name");
    if (node == NULL || !conf_read_text(draft->report, node, &name)) {
        return 0;
    }
    if (!spec_name_valid(span_str(name))) {
        conf_report_node(draft->report, node, "not a name: 1 to %d of a-z, 0-9 and \"-\", no \"-\" at an end",
                         SPEC_NAME_MAX);
        return 0;
    }
    draft->spec->tenant = strdup(name);
    return draft->spec->tenant != NULL ? 0 : CB_ENOMEM;
}

static void read_limits(struct conf_draft *draft, const struct conf_node *node)
{
    static const char *const keys[] = {"requestsPerMinute", "concurrent", "requestBytes", NULL};
    struct spec_limits *limits = &draft->spec->limits;
    uint64_t value = 0;
    if (node == NULL || !conf_read_kind(draft->report, node, CONF_KIND_MAP)) {
        return;
    }
    (void)conf_read_keys(draft->report, node, keys);
    const struct conf_node *child = conf_node_get(node, "requestsPerMinute");
    if (child != NULL && conf_read_number(draft->report, child, 1, REQUESTS_PER_MINUTE_MAX, &value)) {
        limits->requests_per_minute = (uint32_t)value;
    }
    child = conf_node_get(node, "concurrent");
    if (child != NULL && conf_read_number(draft->report, child, 1, CONCURRENT_MAX, &value)) {
        limits->concurrent = (uint32_t)value;
    }
    child = conf_node_get(node, "requestBytes");
    if (child != NULL && conf_read_size(draft->report, child, REQUEST_BYTES_MAX, &value)) {
        limits->request_bytes = value;
    }
}

/* What a placeholder in a wrong place does besides being refused. */
static void read_tripwire(struct conf_draft *draft, const struct conf_node *node)
{
    const char *text = NULL;
    if (node == NULL || !conf_read_text(draft->report, node, &text)) {
        return;
    }
    if (strcmp(text, "refuse") != 0 && strcmp(text, "suspend") != 0) {
        conf_report_node(draft->report, node, "should be refuse or suspend");
        return;
    }
    draft->spec->limits.tripwire_suspends = strcmp(text, "suspend") == 0;
}

/* The names have to fit into one certificate, so this is read when the routes have been. */
static int read_ca(struct conf_draft *draft, const struct conf_node *node)
{
    static const char *const keys[] = {"nameConstraints", NULL};
    if (node == NULL || !conf_read_kind(draft->report, node, CONF_KIND_MAP)) {
        return 0;
    }
    (void)conf_read_keys(draft->report, node, keys);
    const struct conf_node *child = conf_node_get(node, "nameConstraints");
    if (child == NULL || !conf_read_bool(draft->report, child, &draft->spec->name_constraints) ||
        !draft->spec->name_constraints) {
        return 0;
    }
    struct buf names;
    buf_init(&names, SPEC_CA_NAMES_MAX);
    int r = spec_ca_names(draft->spec, &names);
    buf_deinit(&names);
    if (r == CB_ELIMIT) {
        conf_report_node(draft->report, child,
                         "the routes have too many hosts for the certificate of one CA");
        return 0;
    }
    return r;
}

static bool is_taken(const struct conf_placeholders *placeholders, const char *value)
{
    for (size_t i = 0; i < placeholders->count; i++) {
        if (strcmp(placeholders->items[i].value, value) == 0) {
            return true;
        }
    }
    return false;
}

/* The values of credentials that the routes use, when two places have to have the same. */
static int read_placeholders(struct conf_draft *draft, const struct conf_node *node)
{
    struct conf_report *report = draft->report;
    struct conf_placeholders *out = draft->placeholders;
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_MAP)) {
        return 0;
    }
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        const char *value = NULL;
        if (spec_find_credential(draft->spec, span_str(child->key)) == NULL) {
            conf_report_key(report, child, "no route has a credential of this name: remove it");
        } else if (conf_read_text(report, child, &value)) {
            if (!placeholder_is_valid(span_of(child->text, child->len))) {
                conf_report_node(
                    report, child,
                    "should have 22 letters and digits at least and %d bytes at most, and no blanks, quotes, "
                    "braces, commas, semicolons or backslashes",
                    PLACEHOLDER_MAX - 1);
            } else if (is_taken(out, value)) {
                conf_report_node(report, child, "is another credential's too: each has its own");
            } else {
                int r = spec_add_field(&out->items, &out->count, SPEC_ROUTES_MAX, child->key, value);
                if (r != 0) {
                    return r;
                }
            }
        }
    }
    return 0;
}

static int read_routes(struct conf_draft *draft, const struct conf_node *routes)
{
    if (routes == NULL || !conf_read_kind(draft->report, routes, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    for (const struct conf_node *node = routes->first; node != NULL; node = node->next) {
        int r = conf_route_read(draft, node);
        if (r == CB_ELIMIT) {
            conf_report_node(draft->report, node, "a tenant has at most %d routes", SPEC_ROUTES_MAX);
            return 0;
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* A spec without errors has to be one that the store and egress take. */
static int check_encoding(const struct conf_draft *draft, const struct conf_node *document)
{
    struct buf encoded;
    buf_init(&encoded, SPEC_ENCODED_MAX);
    int r = spec_encode(draft->spec, &encoded);
    buf_deinit(&encoded);
    if (r == CB_ELIMIT) {
        conf_report_node(draft->report, document,
                         "the tenant is too large: fewer or shorter routes and certificates");
        return 0;
    }
    return r == CB_EINVAL ? CB_EINTERNAL : r; /* a rule of spec_check.c that is missing here */
}

static int read_tenant(struct conf_draft *draft, const struct conf_node *document)
{
    static const char *const keys[] = {"apiVersion", "kind", "metadata", "spec", NULL};
    static const char *const spec_keys[] = {"routes",     "limits",       "tripwire", "ca",
                                            "kubernetes", "placeholders", NULL};
    struct conf_report *report = draft->report;
    size_t errors = report->count;
    if (!conf_read_kind(report, document, CONF_KIND_MAP)) {
        return 0;
    }
    (void)conf_read_keys(report, document, keys);
    check_word(report, document, "apiVersion", "clawbox/v1");
    check_word(report, document, "kind", "Tenant");
    int r = read_metadata(draft, document);
    const struct conf_node *spec = need(report, document, "spec");
    if (r != 0 || spec == NULL || !conf_read_kind(report, spec, CONF_KIND_MAP)) {
        return r;
    }
    (void)conf_read_keys(report, spec, spec_keys);
    const struct conf_node *routes = need(report, spec, "routes");
    const struct conf_node *kubernetes = conf_node_get(spec, "kubernetes");
    if ((r = read_routes(draft, routes)) != 0 ||
        (r = conf_kubernetes_read(report, kubernetes, draft->kubernetes)) != 0 ||
        (r = conf_kubernetes_add_route(draft, kubernetes, draft->kubernetes)) != 0 ||
        (r = read_placeholders(draft, conf_node_get(spec, "placeholders"))) != 0) {
        return r;
    }
    read_limits(draft, conf_node_get(spec, "limits"));
    read_tripwire(draft, conf_node_get(spec, "tripwire"));
    r = conf_routes_cross_check(draft);
    if (r == 0 && report->count == errors) {
        r = read_ca(draft, conf_node_get(spec, "ca"));
    }
    return r == 0 && report->count == errors ? check_encoding(draft, document) : r;
}

static void check_tenant_name(struct conf_report *report, const struct conf_tenants *tenants,
                              const struct spec *spec, const struct conf_node *document)
{
    for (size_t i = 0; spec->tenant != NULL && i < tenants->count; i++) {
        const char *name = tenants->specs[i]->tenant;
        if (name != NULL && strcmp(name, spec->tenant) == 0) {
            conf_report_node(report, conf_node_get(conf_node_get(document, "metadata"), "name"),
                             "an earlier document has the name \"%s\" too: write another name", name);
            return;
        }
    }
}

static int read_documents(struct conf_draft *draft, const struct conf_tree *tree, struct conf_tenants *out)
{
    size_t count = 0;
    for (const struct conf_node *node = tree->documents; node != NULL; node = node->next) {
        count++;
    }
    if (count == 0) {
        conf_report_place(draft->report, 1, 1, "",
                          "there is no tenant in this file: write apiVersion: clawbox/v1, ...");
        return 0;
    }
    out->specs = calloc(count, sizeof(struct spec *));
    out->kubernetes = calloc(count, sizeof(*out->kubernetes));
    out->placeholders = calloc(count, sizeof(*out->placeholders));
    if (out->specs == NULL || out->kubernetes == NULL || out->placeholders == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *node = tree->documents; node != NULL; node = node->next) {
        *draft = (struct conf_draft){.report = draft->report,
                                     .files = draft->files,
                                     .presets = draft->presets,
                                     .spec = spec_new(),
                                     .kubernetes = &out->kubernetes[out->count],
                                     .placeholders = &out->placeholders[out->count]};
        if (draft->spec == NULL) {
            return CB_ENOMEM;
        }
        int r = read_tenant(draft, node);
        check_tenant_name(draft->report, out, draft->spec, node);
        out->specs[out->count++] = draft->spec;
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

int conf_tenants_load(struct span text, const char *file_name, const struct conf_files *files,
                      struct conf_tenants *out, struct buf *errors)
{
    struct conf_report report = {.file = file_name, .out = errors};
    struct conf_presets presets = {0};
    struct conf_tree tree = {0};
    struct conf_tree_error error;
    *out = (struct conf_tenants){0};
    struct conf_draft *draft = calloc(1, sizeof(*draft));
    int r = draft != NULL ? conf_presets_load(&presets) : CB_ENOMEM;
    if (r != 0) {
        goto out;
    }
    *draft = (struct conf_draft){.report = &report, .files = files, .presets = &presets};
    r = conf_tree_read(text, &tree, &error);
    if (r == 0) {
        r = read_documents(draft, &tree, out);
    } else if (error.line != 0) {
        conf_report_place(&report, error.line, error.column, error.path, error.message);
        r = 0;
    }
    conf_report_end(&report);
    if (r == 0) {
        r = report.failure != 0 ? report.failure : report.count != 0 ? CB_ECONFIG : 0;
    }
out:
    if (r != 0) {
        conf_tenants_deinit(out);
    }
    conf_tree_deinit(&tree);
    conf_presets_deinit(&presets);
    free(draft);
    return r;
}

void conf_tenants_deinit(struct conf_tenants *tenants)
{
    for (size_t i = 0; i < tenants->count; i++) {
        spec_free(tenants->specs[i]);
        conf_kubernetes_deinit(&tenants->kubernetes[i]);
        for (size_t j = 0; j < tenants->placeholders[i].count; j++) {
            free(tenants->placeholders[i].items[j].name);
            free(tenants->placeholders[i].items[j].value);
        }
        free(tenants->placeholders[i].items);
    }
    free(tenants->specs);
    free(tenants->kubernetes);
    free(tenants->placeholders);
    *tenants = (struct conf_tenants){0};
}

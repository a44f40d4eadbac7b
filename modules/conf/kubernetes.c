/* kubernetes.c - spec.kubernetes of a tenant file. */
#include "conf/kubernetes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strnum.h"
#include "conf/kube_route.h"
#include "conf/report.h"
#include "policy/host.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *const flavors[CONF_KUBE_FLAVOR__COUNT] = {"kubernetes", "openshift"};
static const char *const secret_sources[CONF_KUBE_SECRETS__COUNT] = {"reference", "external", "file"};
static const char *const accesses[CONF_KUBE_ACCESS__COUNT] = {"edit", "view", "none"};
static const char *const egresses[CONF_KUBE_EGRESS__COUNT] = {"closed", "sealed", "open"};

static unsigned find_word(const char *const *words, unsigned count, struct span word)
{
    unsigned i = 0;
    while (i < count && !span_eq_str(word, words[i])) {
        i++;
    }
    return i;
}

const char *conf_kube_flavor_name(enum conf_kube_flavor flavor)
{
    return flavors[flavor];
}

const char *conf_kube_secrets_name(enum conf_kube_secrets secrets)
{
    return secret_sources[secrets];
}

enum conf_kube_flavor conf_kube_flavor_of(struct span word)
{
    return (enum conf_kube_flavor)find_word(flavors, CONF_KUBE_FLAVOR__COUNT, word);
}

enum conf_kube_secrets conf_kube_secrets_of(struct span word)
{
    return (enum conf_kube_secrets)find_word(secret_sources, CONF_KUBE_SECRETS__COUNT, word);
}

/* ---- what words may look like ---- */

/* 1 to `max` of the characters, and one of `edge` at each end. */
static bool is_word(struct span text, const char *characters, const char *edge, size_t max)
{
    if (text.len == 0 || text.len > max || strchr(edge, text.ptr[0]) == NULL ||
        strchr(edge, text.ptr[text.len - 1]) == NULL) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr(characters, text.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool conf_kube_image_valid(struct span text)
{
    return is_word(text, LOWER UPPER DIGITS "._-/:@", LOWER UPPER DIGITS, CONF_KUBE_IMAGE_MAX) &&
           memmem(text.ptr, text.len, "//", 2) == NULL;
}

/* A registry's host, with a port or without, and a path or none; the first has no ':' but for the port. */
static bool is_registry(struct span text)
{
    return is_word(text, LOWER DIGITS "._-/:", LOWER DIGITS, SPEC_HOST_MAX) &&
           memmem(text.ptr, text.len, "//", 2) == NULL;
}

/* RFC 1123, 2.1, as objects are named. */
static bool is_object_name(struct span text)
{
    return is_word(text, LOWER DIGITS ".-", LOWER DIGITS, SPEC_HOST_MAX);
}

static bool is_quantity(struct span text)
{
    static const char *const units[] = {"Mi", "Gi", "Ti"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t number = 0;
        if (span_ends(text, span_str(units[i])) &&
            strnum_u64(span_sub(text, 0, text.len - 2), 9999, &number) == 0 && number != 0) {
            return true;
        }
    }
    return false;
}

/* PROVIDER/MODEL; the model may have slashes. */
static bool is_model(struct span text)
{
    return is_word(text, LOWER UPPER DIGITS "._-/:@", LOWER UPPER DIGITS, CONF_KUBE_MODEL_MAX) &&
           memchr(text.ptr, '/', text.len) != NULL;
}

static bool is_label_value(struct span text)
{
    return text.len == 0 || is_word(text, LOWER UPPER DIGITS "._-", LOWER UPPER DIGITS, 63);
}

static bool is_label_name(struct span text)
{
    const uint8_t *slash = text.len != 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct span prefix = span_sub(text, 0, slash != NULL ? (size_t)(slash - text.ptr) : 0);
    struct span name = slash != NULL ? span_sub(text, prefix.len + 1, text.len) : text;
    return name.len != 0 && is_label_value(name) && (slash == NULL || is_object_name(prefix));
}

/* "https://HOST" or "https://HOST:PORT", as a browser writes it. */
static bool is_origin(struct span text)
{
    static const char scheme[] = "https://";
    struct policy_host host;
    uint16_t port = 0;
    char canonical[sizeof(scheme) + SPEC_HOST_MAX + 8];
    if (!span_starts(text, span_str(scheme)) ||
        policy_authority_parse(span_sub(text, sizeof(scheme) - 1, text.len), 443, &host, &port) != 0 ||
        host.kind != POLICY_HOST_NAME) {
        return false;
    }
    (void)snprintf(canonical, sizeof(canonical), port == 443 ? "%s%s" : "%s%s:%u", scheme, host.text,
                   (unsigned)port);
    return span_eq_str(text, canonical);
}

/* ---- values ---- */

typedef bool word_check(struct span text);

static int read_word(struct conf_report *report, const struct conf_node *map, const char *key,
                     word_check *check, const char *wrong, char **out)
{
    const struct conf_node *node = conf_node_get(map, key);
    const char *text = NULL;
    if (node == NULL || !conf_read_text(report, node, &text)) {
        return 0;
    }
    if (!check(span_of(node->text, node->len))) {
        conf_report_node(report, node, "%s", wrong);
        return 0;
    }
    *out = strdup(text);
    return *out != NULL ? 0 : CB_ENOMEM;
}

static void read_choice(struct conf_report *report, const struct conf_node *map, const char *key,
                        const char *const *words, unsigned count, unsigned *out)
{
    const struct conf_node *node = conf_node_get(map, key);
    const char *text = NULL;
    char known[128] = "";
    if (node == NULL || !conf_read_text(report, node, &text)) {
        return;
    }
    unsigned found = find_word(words, count, span_str(text));
    if (found != count) {
        *out = found;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof(known) - used, "%s%s",
                       i == 0           ? ""
                       : i + 1 == count ? " or "
                                        : ", ",
                       words[i]);
    }
    conf_report_node(report, node, "should be %s", known);
}

static int read_list(struct conf_report *report, const struct conf_node *map, const char *key, size_t max,
                     word_check *check, const char *wrong, struct spec_list *out)
{
    const struct conf_node *node = conf_node_get(map, key);
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (node->count == 0 || node->count > max) {
        conf_report_node(report, node, "should have 1 to %zu entries", max);
        return 0;
    }
    out->items = calloc(node->count, sizeof(*out->items));
    if (out->items == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            continue;
        }
        if (!check(span_of(item->text, item->len))) {
            conf_report_node(report, item, "%s", wrong);
        } else if ((out->items[out->count] = strdup(text)) == NULL) {
            return CB_ENOMEM;
        } else {
            out->count++;
        }
    }
    return 0;
}

static int read_labels(struct conf_report *report, const struct conf_node *map, const char *key,
                       struct conf_kube_labels *out)
{
    const struct conf_node *node = conf_node_get(map, key);
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_MAP)) {
        return 0;
    }
    if (node->count == 0 || node->count > CONF_KUBE_LABELS_MAX) {
        conf_report_node(report, node, "should have 1 to %d labels: without one it would be every namespace",
                         CONF_KUBE_LABELS_MAX);
        return 0;
    }
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        const char *value = NULL;
        if (!is_label_name(span_str(child->key))) {
            conf_report_key(report, child, "not a label's name: as in kubernetes.io/metadata.name");
        } else if (conf_read_text(report, child, &value)) {
            if (!is_label_value(span_of(child->text, child->len))) {
                conf_report_node(report, child,
                                 "not a label's value: at most 63 letters, digits, \"-\", \"_\" or "
                                 "\".\", with a letter or digit at each end");
                continue;
            }
            int r = spec_add_field(&out->items, &out->count, CONF_KUBE_LABELS_MAX, child->key, value);
            if (r != 0) {
                return r;
            }
        }
    }
    return 0;
}

/* ---- endpoints ---- */

/* True when no bit behind the prefix is set: "10.0.0.1/8" is a mistake. */
static bool is_prefix(const uint8_t *address, size_t len, unsigned bits)
{
    for (size_t i = bits; i < 8 * len; i++) {
        if ((address[i / 8] >> (7 - i % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

static bool read_endpoint(struct span text, struct conf_kube_endpoint *out)
{
    struct policy_host host;
    uint64_t port = 0;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || strnum_u64(span_sub(text, colon, text.len), 65535, &port) != 0 || port == 0) {
        return false;
    }
    struct span range = span_sub(text, 0, colon - 1);
    const uint8_t *slash = range.len != 0 ? memchr(range.ptr, '/', range.len) : NULL;
    struct span address = span_sub(range, 0, slash != NULL ? (size_t)(slash - range.ptr) : range.len);
    if (policy_host_parse(address, &host) != 0 || host.kind == POLICY_HOST_NAME) {
        return false;
    }
    bool ipv6 = host.kind == POLICY_HOST_IPV6;
    uint64_t bits = ipv6 ? 128 : 32;
    if (slash != NULL && strnum_u64(span_sub(range, address.len + 1, range.len), bits, &bits) != 0) {
        return false;
    }
    if (!is_prefix(host.address, ipv6 ? 16 : 4, (unsigned)bits)) {
        return false;
    }
    char plain[INET6_ADDRSTRLEN];
    (void)inet_ntop(ipv6 ? AF_INET6 : AF_INET, host.address, plain, sizeof(plain));
    (void)snprintf(out->prefix, sizeof(out->prefix), "%s/%u", plain, (unsigned)bits);
    out->port = (uint16_t)port;
    return true;
}

static void read_endpoints(struct conf_report *report, const struct conf_node *map, const char *key,
                           struct conf_kube_endpoints *out)
{
    const struct conf_node *node = conf_node_get(map, key);
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_SEQUENCE)) {
        return;
    }
    if (node->count == 0 || node->count > CONF_KUBE_ENDPOINTS_MAX) {
        conf_report_node(report, node, "should have 1 to %d entries", CONF_KUBE_ENDPOINTS_MAX);
        return;
    }
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            continue;
        }
        if (read_endpoint(span_of(item->text, item->len), &out->items[out->count])) {
            out->count++;
        } else {
            conf_report_node(report, item,
                             "should be ADDRESS/PREFIX:PORT with no bit set behind the prefix: "
                             "\"192.0.2.1/32:6443\" or \"[2001:db8::1]/128:6443\"");
        }
    }
}

/* ---- the map ---- */

static int read_store(struct conf_report *report, const struct conf_node *map, struct conf_kubernetes *out)
{
    static const char *const keys[] = {"name", "kind", NULL};
    static const char *const kinds[] = {"SecretStore", "ClusterSecretStore"};
    const struct conf_node *node = conf_node_get(map, "secretStore");
    bool external = out->secrets == CONF_KUBE_SECRETS_EXTERNAL;
    unsigned kind = 0;
    if (node == NULL) {
        if (external) {
            conf_report_node(report, conf_node_get(map, "secrets"),
                             "names no store: write secretStore: {name: NAME} too");
        }
        return 0;
    }
    if (!external) {
        conf_report_key(report, node, "is for secrets: external: write that, or remove it");
    }
    if (!conf_read_keys(report, node, keys)) {
        return 0;
    }
    if (conf_node_get(node, "name") == NULL) {
        conf_report_node(report, node, "names no store: write {name: NAME, kind: ClusterSecretStore}");
    }
    read_choice(report, node, "kind", kinds, 2, &kind);
    out->secret_store_cluster = kind == 1;
    return read_word(report, node, "name", is_object_name, "not an object's name: a-z, 0-9, \"-\" and \".\"",
                     &out->secret_store);
}

static int read_workspace(struct conf_report *report, const struct conf_node *map,
                          struct conf_kubernetes *out)
{
    static const char *const keys[] = {"access", "egress", "exec", "registries", NULL};
    const struct conf_node *node = conf_node_get(map, "workspace");
    unsigned access = CONF_KUBE_ACCESS_EDIT;
    unsigned egress = CONF_KUBE_EGRESS_CLOSED;
    if (node == NULL || !conf_read_keys(report, node, keys)) {
        return 0;
    }
    read_choice(report, node, "access", accesses, CONF_KUBE_ACCESS__COUNT, &access);
    read_choice(report, node, "egress", egresses, CONF_KUBE_EGRESS__COUNT, &egress);
    out->access = (enum conf_kube_access)access;
    out->egress = (enum conf_kube_egress)egress;
    const struct conf_node *exec = conf_node_get(node, "exec");
    if (exec != NULL && conf_read_bool(report, exec, &out->exec) && out->exec &&
        out->access != CONF_KUBE_ACCESS_EDIT) {
        conf_report_key(report, exec, "is for who may start pods too: write access: edit, or remove it");
    }
    return read_list(report, node, "registries", CONF_KUBE_REGISTRIES_MAX, is_registry,
                     "should be as in registry.example/team: a-z, 0-9, \".\", \"-\", \"_\", \":\" and \"/\"",
                     &out->registries);
}

static int read_texts(struct conf_report *report, const struct conf_node *node, struct conf_kubernetes *out)
{
    static const char image[] =
        "not a reference to an image: as in registry.example/clawbox:1.0 or ...@sha256:...";
    const struct {
        const char *key;
        word_check *check;
        const char *wrong;
        char **out;
    } texts[] = {
        {"image", conf_kube_image_valid, image, &out->image},
        {"gatewayImage", conf_kube_image_valid, image, &out->gateway_image},
        {"storageClass", is_object_name, "not an object's name: a-z, 0-9, \"-\" and \".\"",
         &out->storage_class},
        {"storage", is_quantity, "should be a whole number with Mi, Gi or Ti, such as 10Gi", &out->storage},
        {"model", is_model, "should be PROVIDER/MODEL, such as openai/gpt-5.5", &out->model},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int r = read_word(report, node, texts[i].key, texts[i].check, texts[i].wrong, texts[i].out);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

int conf_kubernetes_read(struct conf_report *report, const struct conf_node *node,
                         struct conf_kubernetes *out)
{
    static const char *const keys[] = {
        "flavor",    "image",        "gatewayImage", "apiServer", "dns",
        "storage",   "storageClass", "model",        "secrets",   "secretStore",
        "workspace", "ingressFrom",  "metricsFrom",  "origins",   NULL};
    unsigned flavor = CONF_KUBE_KUBERNETES;
    unsigned secrets = CONF_KUBE_SECRETS_REFERENCE;
    if (node == NULL || !conf_read_keys(report, node, keys)) {
        return 0;
    }
    out->present = true;
    read_choice(report, node, "flavor", flavors, CONF_KUBE_FLAVOR__COUNT, &flavor);
    read_choice(report, node, "secrets", secret_sources, CONF_KUBE_SECRETS__COUNT, &secrets);
    out->flavor = (enum conf_kube_flavor)flavor;
    out->secrets = (enum conf_kube_secrets)secrets;
    read_endpoints(report, node, "apiServer", &out->api_server);
    read_endpoints(report, node, "dns", &out->dns);
    int r;
    if ((r = read_texts(report, node, out)) != 0 || (r = read_store(report, node, out)) != 0 ||
        (r = read_workspace(report, node, out)) != 0 ||
        (r = read_labels(report, node, "ingressFrom", &out->ingress_from)) != 0 ||
        (r = read_labels(report, node, "metricsFrom", &out->metrics_from)) != 0) {
        return r;
    }
    return read_list(report, node, "origins", CONF_KUBE_ORIGINS_MAX, is_origin,
                     "should be https://HOST or https://HOST:PORT, as a browser writes it", &out->origins);
}

static void free_list(struct spec_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

static void free_labels(struct conf_kube_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->items[i].name);
        free(labels->items[i].value);
    }
    free(labels->items);
}

void conf_kubernetes_deinit(struct conf_kubernetes *kubernetes)
{
    free(kubernetes->image);
    free(kubernetes->gateway_image);
    free(kubernetes->storage_class);
    free(kubernetes->storage);
    free(kubernetes->model);
    free(kubernetes->secret_store);
    free_list(&kubernetes->registries);
    free_list(&kubernetes->origins);
    free_labels(&kubernetes->ingress_from);
    free_labels(&kubernetes->metrics_from);
    *kubernetes = (struct conf_kubernetes){0};
}

int conf_kubernetes_load(struct span text, const char *file_name, struct conf_kubernetes *out,
                         struct buf *errors)
{
    struct conf_report report = {.file = file_name, .out = errors};
    struct conf_tree tree;
    struct conf_tree_error error;
    *out = (struct conf_kubernetes){0};
    int r = conf_tree_read(text, &tree, &error);
    if (r == 0) {
        const struct conf_node *spec = conf_node_get(tree.documents, "spec");
        r = conf_kubernetes_read(&report, conf_node_get(spec, "kubernetes"), out);
    } else if (error.line != 0) {
        conf_report_place(&report, error.line, error.column, error.path, error.message);
        r = 0;
    }
    conf_report_end(&report);
    if (r == 0) {
        r = report.failure != 0 ? report.failure : report.count != 0 ? CB_ECONFIG : 0;
    }
    if (r != 0) {
        conf_kubernetes_deinit(out);
    }
    conf_tree_deinit(&tree);
    return r;
}

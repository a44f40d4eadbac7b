/* route_upstream.c - another address than the name's, another root than the system's, pins, a client certificate. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/host.h"

static int read_ca_file(struct conf_entry *entry, const struct conf_node *node, char **out)
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
    buf_set_sensitive(&pem);
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
    /* What is named here is kept and shown like the rest of the file: nobody may get a key into that by naming its file. */
    if (memmem(text.ptr, text.len, CONF_PRIVATE_KEY, strlen(CONF_PRIVATE_KEY)) != NULL) {
        conf_report_node(report, node,
                         "\"%.200s\" has a private key in it: name a file of certificates alone", path);
        goto out;
    }
    *out = strndup((const char *)text.ptr, text.len);
    r = *out != NULL ? 0 : CB_ENOMEM;
out:
    buf_deinit(&pem); /* sensitive: it may have been the wrong file */
    return r;
}

static int read_ca(struct conf_entry *entry, const struct conf_node *node, char **out)
{
    const char *text = NULL;
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (strlen(text) > SPEC_CA_MAX || strstr(text, "-----BEGIN CERTIFICATE-----") == NULL ||
        strstr(text, CONF_PRIVATE_KEY) != NULL) {
        conf_report_node(entry->draft->report, node,
                         "should be at most 64 KiB of certificates, and of nothing else, in PEM form");
        return 0;
    }
    return conf_copy_text(out, text);
}

/* The address as it is written, or what the pod knows in place of it. False when there is none, which has been said. */
static bool find_address(struct conf_entry *entry, const struct conf_node *node, char *out, size_t size)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_files *files = entry->draft->files;
    const char *text = NULL;
    struct buf known;
    if (!conf_read_text(report, node, &text)) {
        return false;
    }
    buf_init(&known, size - 1);
    int r = strcmp(text, CONF_IN_CLUSTER) != 0 ? buf_append_str(&known, text)
            : files != NULL                    ? files->read(files->arg, text, &known)
                                               : CB_ENOTFOUND;
    (void)snprintf(out, size, "%.*s", SPAN_ARG(buf_span(&known)));
    buf_deinit(&known);
    if (r != 0 && strcmp(text, CONF_IN_CLUSTER) == 0) {
        conf_report_node(report, node,
                         "\"" CONF_IN_CLUSTER
                         "\" is known in a pod of a cluster only (KUBERNETES_SERVICE_HOST)");
        return false;
    }
    return true; /* one that is too long is no address */
}

/* What may stand behind a name: {address: ..., caFile: ...}. *address keeps its own port, or gets `port`. */
struct behind {
    char **address;
    uint16_t *port;
    char **ca;
};

static int read_behind(struct conf_entry *entry, const struct conf_node *node, const char *const *keys,
                       uint16_t port, const struct behind *out)
{
    struct conf_report *report = entry->draft->report;
    if (!conf_read_keys(report, node, keys)) {
        return 0;
    }
    const struct conf_node *address = conf_node_get(node, "address");
    const struct conf_node *ca_file = conf_node_get(node, "caFile");
    const struct conf_node *ca = conf_node_get(node, "ca");
    char text[128];
    struct policy_host host;
    int r = 0;
    if (node->count == 0) {
        conf_report_node(
            report, node,
            "is empty: write what of it is another one, such as address or caFile, or remove it");
    }
    if (address != NULL && find_address(entry, address, text, sizeof(text))) {
        uint16_t dialled = 0;
        if (policy_authority_parse(span_str(text), port, &host, &dialled) != 0 ||
            host.kind == POLICY_HOST_NAME) {
            conf_report_node(
                report, address,
                "should be an address, with a port or without: \"192.0.2.1:443\" or \"[2001:db8::1]\"");
        } else {
            *out->port = dialled;
            r = conf_copy_text(out->address, host.text);
        }
    }
    if (ca_file != NULL && ca != NULL) {
        conf_report_key(report, ca, "caFile is there too: remove one of them");
    } else if (r == 0 && ca_file != NULL) {
        r = read_ca_file(entry, ca_file, out->ca);
    } else if (r == 0 && ca != NULL) {
        r = read_ca(entry, ca, out->ca);
    }
    return r;
}

static int read_pins(struct conf_entry *entry, const struct conf_node *node)
{
    struct conf_report *report = entry->draft->report;
    struct spec_list *pins = &entry->route->upstream_pins;
    uint8_t digest[SPEC_DIGEST_LEN];
    if (!conf_read_kind(report, node, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (node->count == 0 || node->count > SPEC_PINS_MAX) {
        conf_report_node(report, node, "should have 1 to %d entries", SPEC_PINS_MAX);
        return 0;
    }
    pins->items = calloc(node->count, sizeof(*pins->items));
    if (pins->items == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            return 0;
        }
        if (spec_pin_read(span_str(text), digest) != 0) {
            conf_report_node(report, item,
                             "should be \"sha256/\" and the base64 of the digest of a public key");
            return 0;
        }
        for (size_t i = 0; i < pins->count; i++) {
            if (strcmp(pins->items[i], text) == 0) {
                conf_report_node(report, item, "is there twice: remove one of them");
                return 0;
            }
        }
        int r = conf_copy_text(&pins->items[pins->count], text);
        if (r != 0) {
            return r;
        }
        pins->count++;
    }
    return 0;
}

static int read_client(struct conf_entry *entry, const struct conf_node *node)
{
    const char *text = NULL;
    if (!conf_read_text(entry->draft->report, node, &text)) {
        return 0;
    }
    if (!spec_name_valid(span_str(text))) {
        conf_report_node(entry->draft->report, node,
                         "not a name: 1 to 40 of a-z, 0-9 and \"-\", no \"-\" at an end");
        return 0;
    }
    int r = conf_copy_text(&entry->route->upstream_credential, text);
    return r != 0 ? r : conf_credential_show(entry->draft, node, text);
}

/* What only a route says of TLS, and that plain http says nothing of it. */
static int read_trust(struct conf_entry *entry, const struct conf_node *node)
{
    static const char *const keys[] = {"caFile", "ca", "pins", "clientCredential"};
    const struct conf_node *pins = conf_node_get(node, "pins");
    const struct conf_node *client = conf_node_get(node, "clientCredential");
    int r = pins != NULL ? read_pins(entry, pins) : 0;
    if (r == 0 && client != NULL) {
        r = read_client(entry, client);
    }
    for (size_t i = 0; entry->route->scheme == SPEC_SCHEME_HTTP && i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct conf_node *key = conf_node_get(node, keys[i]);
        if (key != NULL) {
            conf_report_key(entry->draft->report, key, "plain http has no certificates: remove it");
        }
    }
    return r;
}

int conf_entry_read_upstream(struct conf_entry *entry)
{
    static const char *const keys[] = {"address", "caFile", "ca", "pins", "clientCredential", NULL};
    static const char *const endpoint_keys[] = {"address", "caFile", "ca", NULL};
    struct spec_route *route = entry->route;
    const struct conf_node *node = conf_entry_get(entry, "upstream");
    const struct conf_node *endpoint = conf_entry_get(entry, "tokenUpstream");
    int r = 0;
    if (route->action == SPEC_ACTION_DENY) {
        return 0; /* conf_entry_read_credential() has refused the keys */
    }
    if (node != NULL) {
        const struct behind out = {&route->upstream_address, &route->upstream_port, &route->upstream_ca};
        r = read_behind(entry, node, keys, route->port, &out);
        if (r == 0 && node->kind == CONF_KIND_MAP) {
            r = read_trust(entry, node);
        }
    }
    if (r == 0 && endpoint != NULL && route->token.grant == SPEC_GRANT_NONE) {
        conf_report_key(entry->draft->report, endpoint,
                        "is for the endpoint that tokens are fetched from: this route fetches none");
    } else if (r == 0 && endpoint != NULL) {
        const struct behind out = {&route->token.address, &route->token.address_port, &route->token.ca};
        r = read_behind(entry, endpoint, endpoint_keys, route->token.port, &out);
    }
    return r;
}

/* network.c - the rules of NetworkPolicies that depend on the tenant: which ports, which addresses. */
#include "kube/internal.h"
#include "policy/address.h"
#include "policy/host.h"

#include <stdio.h>
#include <stdlib.h>

#define DNS_PORT           53
#define OPENSHIFT_DNS_PORT 5353 /* of its DNS pods; a policy sees the pod's port, not the Service's */

static void port(struct emit *e, const char *protocol, uint16_t number)
{
    emit_map(e, NULL);
    emit_text(e, "protocol", protocol);
    emit_number(e, "port", number);
    emit_map_end(e);
}

static void ip_block(struct emit *e, const char *prefix)
{
    emit_map(e, NULL);
    emit_map(e, "ipBlock");
    emit_text(e, "cidr", prefix);
    emit_map_end(e);
    emit_map_end(e);
}

/* ---- DNS ---- */

static void dns_of_cluster(const struct kube_work *w, struct emit *e)
{
    bool openshift = w->settings->flavor == CONF_KUBE_OPENSHIFT;
    uint16_t number = openshift ? OPENSHIFT_DNS_PORT : DNS_PORT;
    emit_map(e, NULL);
    emit_list(e, "to");
    emit_map(e, NULL);
    emit_map(e, "namespaceSelector");
    emit_map(e, "matchLabels");
    emit_text(e, "kubernetes.io/metadata.name", openshift ? "openshift-dns" : "kube-system");
    emit_map_end(e);
    emit_map_end(e);
    emit_map(e, "podSelector");
    emit_map(e, "matchLabels");
    if (openshift) {
        emit_text(e, "dns.operator.openshift.io/daemonset-dns", "default");
    } else {
        emit_text(e, "k8s-app", "kube-dns");
    }
    emit_map_end(e);
    emit_map_end(e);
    emit_map_end(e);
    emit_list_end(e);
    emit_list(e, "ports");
    port(e, "UDP", number);
    port(e, "TCP", number);
    emit_list_end(e);
    emit_map_end(e);
}

static void endpoint(struct emit *e, const struct conf_kube_endpoint *to, bool udp)
{
    emit_map(e, NULL);
    emit_list(e, "to");
    ip_block(e, to->prefix);
    emit_list_end(e);
    emit_list(e, "ports");
    if (udp) {
        port(e, "UDP", to->port);
    }
    port(e, "TCP", to->port);
    emit_list_end(e);
    emit_map_end(e);
}

void kube_dns(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    dns_of_cluster(w, e);
    for (size_t i = 0; i < w->settings->dns.count; i++) {
        endpoint(e, &w->settings->dns.items[i], true);
    }
}

/* ---- the world ---- */

static void world(struct emit *e, bool ipv6)
{
    char prefix[POLICY_ADDRESS_PREFIX_SIZE];
    emit_map(e, NULL);
    emit_map(e, "ipBlock");
    emit_text(e, "cidr", ipv6 ? POLICY_ADDRESS_PUBLIC_IPV6 : POLICY_ADDRESS_PUBLIC_IPV4);
    emit_list(e, "except");
    for (size_t i = 0; policy_address_exception(ipv6, i, prefix); i++) {
        emit_text(e, NULL, prefix);
    }
    emit_list_end(e);
    emit_map_end(e);
    emit_map_end(e);
}

static void world_both(struct emit *e)
{
    emit_list(e, "to");
    world(e, false);
    world(e, true);
    emit_list_end(e);
}

/* ---- where routes go ---- */

/* One end of a route: the host itself, or the endpoint of its tokens. */
struct target {
    struct policy_host address; /* when it is literal */
    bool literal;
    uint16_t port;
};

static struct target target_of(const char *host, uint16_t host_port, const char *address,
                               uint16_t address_port)
{
    struct target t = {.port = address != NULL ? address_port : host_port};
    const char *text = address != NULL ? address : host;
    t.literal = policy_host_parse(span_str(text), &t.address) == 0 && t.address.kind != POLICY_HOST_NAME;
    return t;
}

/* At most two for a route. The workspace's goes to the API server, which has its own setting. */
static size_t targets_of(const struct kube_work *w, const struct spec_route *route, struct target out[2])
{
    size_t count = 0;
    if (route->action != SPEC_ACTION_ALLOW || route == w->workspace) {
        return 0;
    }
    out[count++] = target_of(route->host, route->port, route->upstream_address, route->upstream_port);
    if (route->token.grant != SPEC_GRANT_NONE) {
        out[count++] =
            target_of(route->token.host, route->token.port, route->token.address, route->token.address_port);
    }
    return count;
}

static int compare_ports(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static int compare_targets(const void *a, const void *b)
{
    const struct target *x = a;
    const struct target *y = b;
    int order = strcmp(x->address.text, y->address.text);
    return order != 0 ? order : x->port - y->port;
}

static void public_rule(struct emit *e, uint16_t *ports, size_t count)
{
    if (count == 0) {
        return;
    }
    qsort(ports, count, sizeof(*ports), compare_ports);
    emit_map(e, NULL);
    world_both(e);
    emit_list(e, "ports");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || ports[i] != ports[i - 1]) {
            port(e, "TCP", ports[i]);
        }
    }
    emit_list_end(e);
    emit_map_end(e);
}

static void literal_rules(struct emit *e, struct target *targets, size_t count)
{
    if (count == 0) {
        return;
    }
    qsort(targets, count, sizeof(*targets), compare_targets);
    for (size_t i = 0; i < count; i++) {
        if (i != 0 && compare_targets(&targets[i], &targets[i - 1]) == 0) {
            continue;
        }
        struct conf_kube_endpoint to = {.port = targets[i].port};
        const char *text = targets[i].address.text; /* IPv6 in brackets */
        bool ipv6 = targets[i].address.kind == POLICY_HOST_IPV6;
        int len = (int)strlen(text) - (ipv6 ? 2 : 0);
        (void)snprintf(to.prefix, sizeof(to.prefix), "%.*s/%d", len, text + (ipv6 ? 1 : 0), ipv6 ? 128 : 32);
        endpoint(e, &to, false);
    }
}

void kube_proxy_egress(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    size_t most = 2 * w->spec->route_count + 1;
    uint16_t *ports = calloc(most, sizeof(*ports));
    struct target *literals = calloc(most, sizeof(*literals));
    size_t port_count = 0;
    size_t literal_count = 0;
    if (ports == NULL || literals == NULL) {
        w->error = CB_ENOMEM;
        goto out;
    }
    for (size_t i = 0; i < w->spec->route_count; i++) {
        struct target targets[2];
        size_t count = targets_of(w, &w->spec->routes[i], targets);
        for (size_t j = 0; j < count; j++) {
            if (targets[j].literal) {
                literals[literal_count++] = targets[j];
            } else {
                ports[port_count++] = targets[j].port;
            }
        }
    }
    for (size_t i = 0; w->workspace != NULL && i < w->settings->api_server.count; i++) {
        endpoint(e, &w->settings->api_server.items[i], false);
    }
    public_rule(e, ports, port_count);
    literal_rules(e, literals, literal_count);
out:
    free(ports);
    free(literals);
}

/* ---- the workspace ---- */

void kube_workspace_dns(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    if (w->settings->egress != CONF_KUBE_EGRESS_SEALED) {
        kube_dns(w, e, key, argument);
    }
}

void kube_workspace_open(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    if (w->settings->egress == CONF_KUBE_EGRESS_OPEN) {
        emit_map(e, NULL);
        world_both(e);
        emit_map_end(e);
    }
}

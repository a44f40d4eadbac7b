/* test_network.c - which ports and addresses the proxy may reach, by the tenant's routes. */
#include <stdlib.h>

#include "kube_test.h"

#define NETWORK "claw/17-networkpolicy-proxy.yaml"

/* The egress rules behind DNS as "PREFIX[,PREFIX]:PORT[,PORT]" joined by blanks; "except" is left out. */
static void rules_of(struct made *m, char *out, size_t size)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    out[0] = '\0';
    const char *text = file_of(m, NETWORK);
    if (!CHECK_EQ_INT(conf_tree_read(span_str(text), &tree, &error), 0)) {
        return;
    }
    const struct conf_node *egress = conf_node_get(conf_node_get(tree.documents, "spec"), "egress");
    for (const struct conf_node *rule = egress->first->next; rule != NULL; rule = rule->next) {
        size_t used = strlen(out);
        (void)snprintf(out + used, size - used, "%s", used != 0 ? " " : "");
        for (const struct conf_node *to = conf_node_get(rule, "to")->first; to != NULL; to = to->next) {
            used = strlen(out);
            (void)snprintf(out + used, size - used, "%s%s", to->index != 0 ? "," : "",
                           conf_node_get(conf_node_get(to, "ipBlock"), "cidr")->text);
        }
        for (const struct conf_node *port = conf_node_get(rule, "ports")->first; port != NULL;
             port = port->next) {
            used = strlen(out);
            (void)snprintf(out + used, size - used, "%s%s", port->index != 0 ? "," : ":",
                           conf_node_get(port, "port")->text);
        }
    }
    conf_tree_deinit(&tree);
}

static void check(const char *routes, const char *want)
{
    char text[4096];
    char got[1024];
    (void)snprintf(text, sizeof(text), KUBE_HEAD "%s", routes);
    struct made *m = make(text);
    CHECK_EQ_INT(m->r, 0);
    rules_of(m, got, sizeof(got));
    if (!CHECK_EQ_STR(got, want)) {
        printf("%s\n", routes);
    }
    made_free(m);
}

TEST(ports_and_addresses_are_those_of_the_routes)
{
    check("    []\n", "");
    check("  - {host: a.example}\n", "0.0.0.0/0,2000::/3:443");
    check("  - {host: a.example, action: deny}\n", "");
    check("  - {host: a.example, scheme: http}\n  - {host: b.example, port: 8443}\n  - {host: c.example}\n",
          "0.0.0.0/0,2000::/3:80,443,8443");
    check("  - {host: a.example, upstream: {address: '10.1.2.3:8443'}}\n", "10.1.2.3/32:8443");
    check("  - {host: a.example, port: 99, upstream: {address: '[fd00::1]'}}\n", "fd00::1/128:99");
    check("  - {name: a, host: a.example, upstream: {address: '10.1.2.3'}}\n"
          "  - {name: b, host: b.example, upstream: {address: '10.1.2.3'}}\n"
          "  - {name: c, host: c.example, upstream: {address: '10.1.2.3:80'}}\n",
          "10.1.2.3/32:80 10.1.2.3/32:443");
    check("  - {host: '192.0.2.9', upstream: {address: '192.0.2.9'}}\n", "192.0.2.9/32:443");
    check("  - {host: a.example, upstream: {address: '10.0.0.1'}, credential: a,\n"
          "     inject: {oauth2: {tokenUrl: 'https://t.example:444/t', clientId: x}}}\n",
          "0.0.0.0/0,2000::/3:444 10.0.0.1/32:443");
    check("  - {host: a.example, credential: a, tokenUpstream: {address: '10.0.0.2:9'},\n"
          "     inject: {oauth2: {tokenUrl: 'https://t.example:444/t', clientId: x}}}\n",
          "0.0.0.0/0,2000::/3:443 10.0.0.2/32:9");
    check("  - {host: a.example}\n  kubernetes: {apiServer: ['10.0.0.1/32:6443', '[fd00::2]/128:443']}\n",
          "10.0.0.1/32:6443 fd00::2/128:443 0.0.0.0/0,2000::/3:443");
    /* Without a workspace nothing asks the API server. */
    check(
        "  - {host: a.example}\n  kubernetes: {apiServer: ['10.0.0.1/32:6443'], workspace: {access: none}}\n",
        "0.0.0.0/0,2000::/3:443");
}

TEST(no_private_range_is_public)
{
    static const char *const ranges[] = {"10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                                         "100.64.0.0/10", "127.0.0.0/8",   "224.0.0.0/4",    "2002::/16",
                                         "2001::/23",     "2001:db8::/32", "240.0.0.0/4",    "0.0.0.0/8"};
    struct made *m = make(KUBE_HEAD KUBE_OPENAI "  kubernetes: {workspace: {egress: open}}\n");
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "\n        - \"%s\"\n", ranges[i]);
        CHECK(strstr(file_of(m, NETWORK), line) != NULL);
        CHECK(strstr(file_of(m, "dev/16-networkpolicy-workspace.yaml"), line) != NULL);
    }
    made_free(m);
}

/* Whoever is not named by a rule is denied, in both directions. */
TEST(everything_else_is_denied)
{
    static const char *const folders[] = {"claw", "dev"};
    struct made *m = make(KUBE_HEAD KUBE_OPENAI "  kubernetes: {}\n");
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s/15-networkpolicy-default-deny.yaml", folders[i]);
        CHECK(strstr(file_of(m, path),
                     "spec:\n  podSelector: {}\n  policyTypes:\n  - Ingress\n  - Egress\n") != NULL);
        CHECK(strstr(file_of(m, path), "\n  egress") == NULL &&
              strstr(file_of(m, path), "\n  ingress") == NULL);
    }
    const char *gateway = file_of(m, "claw/16-networkpolicy-gateway.yaml");
    CHECK(strstr(gateway, "\n  ingress") == NULL && strstr(gateway, "53") == NULL);
    made_free(m);
}

TEST_MAIN()

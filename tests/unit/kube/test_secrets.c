/* test_secrets.c - which Secrets there must be, how they are made, and that no value of one is in any file. */
#include <stdlib.h>

#include "kube_test.h"

#define ROUTES                                                                                   \
    KUBE_HEAD KUBE_OPENAI                                                                        \
        "  - {name: llm, host: '*.internal.example', upstream: {address: '10.20.30.40:8443'},\n" \
        "     inject: {bearer: true}, credential: internal}\n"                                   \
        "  - {name: two, host: two.example, inject: {bearer: true}, credential: internal}\n"

static const struct kube_secret *find(const struct made *m, const char *name)
{
    for (size_t i = 0; i < m->manifests.secret_count; i++) {
        if (strcmp(m->manifests.secrets[i].name, name) == 0) {
            return &m->manifests.secrets[i];
        }
    }
    return NULL;
}

TEST(the_list)
{
    struct made *m = make(ROUTES "  kubernetes: {}\n");
    CHECK_EQ_UINT(m->manifests.secret_count, 5);
    const struct kube_secret *secret = find(m, "proxy-token");
    CHECK_EQ_STR(secret->command,
                 "head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' | kubectl --namespace alice-claw "
                 "create secret generic proxy-token --from-file=proxy-token=/dev/stdin");
    CHECK_EQ_STR(secret->space, "alice-claw");
    CHECK_EQ_UINT(secret->key_count, 1);
    CHECK_EQ_INT(secret->keys[0].value, KUBE_VALUE_RANDOM);
    CHECK(find(m, "proxy-master-key") != NULL && find(m, "gateway-token") != NULL);
    secret = find(m, "credential-internal");
    CHECK_EQ_STR(
        secret->command,
        "kubectl --namespace alice-claw create secret generic credential-internal --from-file=value=/dev/stdin "
        "--from-literal=hosts='*.internal.example:443 via 10.20.30.40:8443\ntwo.example:443'");
    CHECK_EQ_UINT(secret->key_count, 2);
    CHECK_EQ_STR(secret->keys[0].name, "value");
    CHECK_EQ_INT(secret->keys[0].value, KUBE_VALUE_GIVEN);
    CHECK_EQ_STR(secret->keys[1].name, "hosts");
    CHECK_EQ_STR(secret->keys[1].text, "*.internal.example:443 via 10.20.30.40:8443\ntwo.example:443");
    /* The workspace's token is the cluster's to make. */
    CHECK(find(m, "credential-workspace") == NULL);
    made_free(m);
}

/* Every Secret that a pod refers to is in the list, and none is left over. */
TEST(pods_refer_to_what_is_listed)
{
    struct made *m = make(ROUTES "  kubernetes: {}\n");
    const char *proxy = file_of(m, "50-deployment-proxy.yaml");
    const char *gateway = file_of(m, "51-deployment-gateway.yaml");
    for (size_t i = 0; i < m->manifests.secret_count; i++) {
        char volume[96];
        char projected[96];
        char variable[96];
        const char *name = m->manifests.secrets[i].name;
        (void)snprintf(volume, sizeof(volume), "          secretName: %s\n", name);
        (void)snprintf(projected, sizeof(projected), "          - secret:\n              name: %s\n", name);
        (void)snprintf(variable, sizeof(variable), "            secretKeyRef:\n              name: %s\n",
                       name);
        bool in_proxy = strstr(proxy, volume) != NULL || strstr(proxy, projected) != NULL;
        bool in_gateway = strstr(gateway, variable) != NULL;
        bool both = strcmp(name, "proxy-token") == 0;
        bool of_gateway = both || strcmp(name, "gateway-token") == 0;
        CHECK_EQ_INT(in_gateway, of_gateway);
        CHECK_EQ_INT(in_proxy, both || !of_gateway);
    }
    CHECK(strstr(gateway, "\n        secret:") == NULL && strstr(gateway, "secretName") == NULL &&
          strstr(gateway, "- secret:") == NULL && strstr(gateway, "secretRef") == NULL);
    CHECK(strstr(proxy, "secretKeyRef") == NULL);
    made_free(m);
}

TEST(external_secrets)
{
    struct made *m = make(
        ROUTES "  kubernetes: {secrets: external, secretStore: {name: vault, kind: ClusterSecretStore}}\n");
    static const char want[] = "spec:\n"
                               "  refreshInterval: \"5m\"\n"
                               "  secretStoreRef:\n"
                               "    kind: ClusterSecretStore\n"
                               "    name: vault\n"
                               "  target:\n"
                               "    name: credential-openai\n"
                               "    creationPolicy: Owner\n"
                               "    deletionPolicy: Retain\n"
                               "  data:\n"
                               "  - secretKey: value\n"
                               "    remoteRef:\n"
                               "      key: alice-claw/credential-openai\n"
                               "      property: value\n"
                               "  - secretKey: hosts\n"
                               "    remoteRef:\n"
                               "      key: alice-claw/credential-openai\n"
                               "      property: hosts\n";
    const char *text = file_of(m, "claw/35-externalsecret-credential-openai.yaml");
    const char *spec = strstr(text, "spec:\n");
    CHECK_EQ_STR(spec != NULL ? spec : "", want);
    CHECK_EQ_UINT(m->manifests.secret_count, 5);
    made_free(m);
}

TEST_MAIN()

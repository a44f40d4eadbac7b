/* test_settings.c - each setting of a tenant changes the files that it is about, and no other. */
#include <stdlib.h>

#include "kube_test.h"

#define BASE "  kubernetes: {"

struct change {
    const char *settings; /* beside "present" */
    const char
        *files; /* that differ from those of no settings, sorted, with their folder; "+" new, "-" gone */
    const char *line; /* that stands in the first of them */
};

static const char *path_of(const struct made *m, size_t i)
{
    return m->manifests.files[i].path + strlen("alice/");
}

static const struct kube_file *find(const struct made *m, const char *path)
{
    for (size_t i = 0; i < m->manifests.file_count; i++) {
        if (strcmp(path_of(m, i), path) == 0) {
            return &m->manifests.files[i];
        }
    }
    return NULL;
}

static void add(char *out, size_t size, const char *mark, const char *path)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, size - used, "%s%s%s", used != 0 ? " " : "", mark, path);
}

/* What differs, as change.files has it. */
static void compare(const struct made *base, const struct made *other, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < other->manifests.file_count; i++) {
        const struct kube_file *before = find(base, path_of(other, i));
        if (before == NULL) {
            add(out, size, "+", path_of(other, i));
        } else if (!span_eq(buf_span(&before->content), buf_span(&other->manifests.files[i].content))) {
            add(out, size, "", path_of(other, i));
        }
    }
    for (size_t i = 0; i < base->manifests.file_count; i++) {
        if (find(other, path_of(base, i)) == NULL) {
            add(out, size, "-", path_of(base, i));
        }
    }
}

#define GATEWAY "claw/51-deployment-gateway.yaml"
#define PROXY   "claw/50-deployment-proxy.yaml"
#define NETWORK "claw/17-networkpolicy-proxy.yaml"
#define DEV_NET "dev/16-networkpolicy-workspace.yaml"
#define POLICY  "dev/30-validatingadmissionpolicy.yaml"
#define RIGHTS  "claw/20-configmap-tenant.yaml dev/20-role.yaml"

TEST(each_setting_changes_only_what_it_should)
{
    static const struct change changes[] = {
        {"image: r.example/clawbox:2", PROXY " " GATEWAY, "        image: \"r.example/clawbox:2\"\n"},
        {"gatewayImage: r.example/openclaw:2", GATEWAY, "        image: \"r.example/openclaw:2\"\n"},
        {"apiServer: ['192.0.2.1/32:6443']", NETWORK, "        cidr: \"192.0.2.1/32\"\n"},
        {"apiServer: ['[2001:db8::]/64:443']", NETWORK, "        cidr: \"2001:db8::/64\"\n"},
        {"dns: ['169.254.20.10/32:53']", NETWORK " " DEV_NET, "        cidr: \"169.254.20.10/32\"\n"},
        {"storageClass: fast",
         "claw/30-persistentvolumeclaim-gateway.yaml claw/31-persistentvolumeclaim-proxy.yaml",
         "  storageClassName: fast\n"},
        {"storage: 1Ti", "claw/30-persistentvolumeclaim-gateway.yaml", "      storage: \"1Ti\"\n"},
        {"model: openai/x", "claw/22-configmap-gateway.yaml " GATEWAY,
         "            \"primary\": \"openai/x\"\n"},
        {"secrets: file", "", NULL},
        {"secrets: external, secretStore: {name: vault}",
         "+claw/35-externalsecret-credential-openai.yaml +claw/35-externalsecret-gateway-token.yaml "
         "+claw/35-externalsecret-proxy-master-key.yaml +claw/35-externalsecret-proxy-token.yaml "
         "claw/kustomization.yaml",
         "    kind: SecretStore\n"},
        {"workspace: {access: view}", RIGHTS, NULL},
        {"workspace: {exec: true}", RIGHTS, NULL},
        {"workspace: {access: none}",
         "claw/20-configmap-tenant.yaml " PROXY " " GATEWAY " claw/kustomization.yaml dev/kustomization.yaml "
         "-claw/23-configmap-kubeconfig.yaml -dev/20-role.yaml "
         "-dev/21-rolebinding.yaml",
         NULL},
        {"workspace: {egress: sealed}", DEV_NET, NULL},
        {"workspace: {egress: open}", DEV_NET, "        cidr: \"0.0.0.0/0\"\n"},
        {"workspace: {registries: [r.example/team]}", POLICY,
         "  - message: \"Images here come from: r.example/team/.\"\n"},
        {"ingressFrom: {team: web}", "claw/16-networkpolicy-gateway.yaml", "          team: web\n"},
        {"metricsFrom: {team: 'yes'}", NETWORK, "          team: \"yes\"\n"},
        {"origins: ['https://claw.example.com']", "claw/22-configmap-gateway.yaml " GATEWAY,
         "            \"https://claw.example.com\"\n"},
        {"flavor: openshift", NETWORK " " PROXY " " GATEWAY " " DEV_NET " " POLICY,
         "          dns.operator.openshift.io/daemonset-dns: default\n"},
        {"flavor: openshift, ingressFrom: {a: b}, origins: ['https://c.example.com:8443']",
         "claw/16-networkpolicy-gateway.yaml " NETWORK " claw/22-configmap-gateway.yaml " PROXY " " GATEWAY
         " +claw/70-route-gateway.yaml " DEV_NET " " POLICY " claw/kustomization.yaml",
         "          a: b\n"},
    };
    struct made *base = make(KUBE_HEAD KUBE_OPENAI BASE "}\n");
    CHECK_EQ_INT(base->r, 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char text[1024];
        char got[2048];
        (void)snprintf(text, sizeof(text), KUBE_HEAD KUBE_OPENAI BASE "%s}\n", changes[i].settings);
        struct made *m = make(text);
        CHECK_EQ_INT(m->r, 0);
        compare(base, m, got, sizeof(got));
        if (!CHECK_EQ_STR(got, changes[i].files)) {
            printf("%s\n", changes[i].settings);
        }
        got[strcspn(got, " ")] = '\0';
        const char *first = got + (got[0] == '+');
        if (changes[i].line != NULL && !CHECK(strstr(file_of(m, first), changes[i].line) != NULL)) {
            printf("%s is not in %s:\n%s\n", changes[i].line, first, file_of(m, first));
        }
        made_free(m);
    }
    made_free(base);
}

TEST(no_fixed_user_on_openshift)
{
    struct made *m = make(KUBE_HEAD KUBE_OPENAI BASE "flavor: openshift}\n");
    for (size_t i = 0; i < m->manifests.file_count; i++) {
        struct span text = buf_span(&m->manifests.files[i].content);
        CHECK(memmem(text.ptr, text.len, "runAsUser", 9) == NULL &&
              memmem(text.ptr, text.len, "fsGroup:", 8) == NULL);
    }
    CHECK(strstr(file_of(m, PROXY), "runAsNonRoot: true") != NULL);
    made_free(m);
    m = make(KUBE_HEAD KUBE_OPENAI BASE
             "flavor: openshift, ingressFrom: {a: b}, origins: ['https://c.example.com:8443']}\n");
    CHECK(strstr(file_of(m, "claw/70-route-gateway.yaml"), "\n  host: c.example.com\n") != NULL);
    made_free(m);
}

/* Whoever is suspended has no pods, and keeps all else. */
TEST(suspended)
{
    char got[1024];
    struct made *base = make(KUBE_HEAD KUBE_OPENAI BASE "}\n");
    struct made *m = make(KUBE_HEAD KUBE_OPENAI BASE "}\n");
    kube_manifests_deinit(&m->manifests);
    m->tenant.suspended = true;
    CHECK_EQ_INT(kube_manifests_make(&m->tenant, &m->manifests, &m->why), 0);
    compare(base, m, got, sizeof(got));
    CHECK_EQ_STR(got, PROXY " " GATEWAY);
    CHECK(strstr(file_of(base, PROXY), "\n  replicas: 1\n") != NULL);
    CHECK(strstr(file_of(m, PROXY), "\n  replicas: 0\n") != NULL);
    CHECK(strstr(file_of(m, GATEWAY), "\n  replicas: 0\n") != NULL);
    made_free(base);
    made_free(m);
}

/* Without spec.kubernetes there are the defaults, and no rights for the assistant. */
TEST(no_settings)
{
    struct made *m = make(KUBE_HEAD KUBE_OPENAI);
    CHECK_EQ_INT(m->r, 0);
    CHECK(find(m, "dev/20-role.yaml") == NULL && find(m, "claw/23-configmap-kubeconfig.yaml") == NULL);
    CHECK(strstr(file_of(m, GATEWAY), "KUBECONFIG") == NULL);
    CHECK(strstr(file_of(m, PROXY), "serviceAccountToken:") == NULL);
    made_free(m);
}

TEST_MAIN()

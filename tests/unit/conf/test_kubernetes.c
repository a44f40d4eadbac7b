/* test_kubernetes.c - spec.kubernetes: what is read, what is refused and how, and the route to the workspace. */
#include "conf/kubernetes.h"

#include "conf_test.h"
#include "policy/kube.h"

#define START \
    "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  routes: []\n  kubernetes:\n"
#define PLACE "spec.kubernetes."

TEST(everything_is_read)
{
    struct conf_tenants tenants;
    struct buf errors;
    CHECK_EQ_INT(
        test_load(
            START
            "    flavor: openshift\n"
            "    image: registry.example:5000/clawbox@sha256:00ff\n"
            "    gatewayImage: openclaw:1\n"
            "    apiServer: ['192.0.2.1/32:6443', '[2001:db8::]/32:443', '192.0.2.0/24:1', '192.0.2.9:65535']\n"
            "    dns: ['169.254.20.10:53']\n"
            "    storageClass: fast.ssd\n"
            "    storage: 20Gi\n"
            "    model: openrouter/a/b\n"
            "    secrets: external\n"
            "    secretStore: {name: vault, kind: ClusterSecretStore}\n"
            "    workspace: {access: edit, egress: sealed, exec: true, registries: [r.example/team]}\n"
            "    ingressFrom: {kubernetes.io/metadata.name: ingress, team: ''}\n"
            "    metricsFrom: {a: b}\n"
            "    origins: ['https://claw.example.com', 'https://claw.example.com:8443']\n",
            &tenants, &errors),
        0);
    printf("%.*s", (int)buf_len(&errors), (const char *)buf_span(&errors).ptr);
    const struct conf_kubernetes *k = &tenants.kubernetes[0];
    CHECK(k->present && k->exec && k->secret_store_cluster);
    CHECK_EQ_INT(k->flavor, CONF_KUBE_OPENSHIFT);
    CHECK_EQ_STR(conf_kube_flavor_name(k->flavor), "openshift");
    CHECK_EQ_STR(k->image, "registry.example:5000/clawbox@sha256:00ff");
    CHECK_EQ_STR(k->gateway_image, "openclaw:1");
    CHECK_EQ_UINT(k->api_server.count, 4);
    CHECK_EQ_STR(k->api_server.items[0].prefix, "192.0.2.1/32");
    CHECK_EQ_UINT(k->api_server.items[0].port, 6443);
    CHECK_EQ_STR(k->api_server.items[1].prefix, "2001:db8::/32");
    CHECK_EQ_STR(k->api_server.items[2].prefix, "192.0.2.0/24");
    CHECK_EQ_STR(k->api_server.items[3].prefix, "192.0.2.9/32");
    CHECK_EQ_UINT(k->dns.count, 1);
    CHECK_EQ_STR(k->storage_class, "fast.ssd");
    CHECK_EQ_STR(k->storage, "20Gi");
    CHECK_EQ_STR(k->model, "openrouter/a/b");
    CHECK_EQ_INT(k->secrets, CONF_KUBE_SECRETS_EXTERNAL);
    CHECK_EQ_STR(conf_kube_secrets_name(k->secrets), "external");
    CHECK_EQ_STR(k->secret_store, "vault");
    CHECK_EQ_INT(k->egress, CONF_KUBE_EGRESS_SEALED);
    CHECK_EQ_UINT(k->registries.count, 1);
    CHECK_EQ_UINT(k->ingress_from.count, 2);
    CHECK_EQ_STR(k->ingress_from.items[1].value, "");
    CHECK_EQ_UINT(k->metrics_from.count, 1);
    CHECK_EQ_UINT(k->origins.count, 2);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(nothing_means_the_defaults)
{
    struct conf_tenants tenants;
    struct buf errors;
    CHECK_EQ_INT(test_load(HEAD TAIL, &tenants, &errors), 0);
    CHECK(!tenants.kubernetes[0].present);
    CHECK_EQ_UINT(tenants.specs[0]->route_count, 0);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    CHECK_EQ_INT(test_load(START "    {}\n", &tenants, &errors), 0);
    CHECK(tenants.kubernetes[0].present && !tenants.kubernetes[0].exec);
    CHECK_EQ_INT(tenants.kubernetes[0].flavor, CONF_KUBE_KUBERNETES);
    CHECK_EQ_INT(tenants.kubernetes[0].access, CONF_KUBE_ACCESS_EDIT);
    CHECK_EQ_INT(tenants.kubernetes[0].egress, CONF_KUBE_EGRESS_CLOSED);
    CHECK_EQ_UINT(tenants.specs[0]->route_count, 1);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    CHECK_EQ_INT(conf_kube_flavor_of(SPAN_LIT("openshift")), CONF_KUBE_OPENSHIFT);
    CHECK_EQ_INT(conf_kube_flavor_of(SPAN_LIT("Openshift")), CONF_KUBE_FLAVOR__COUNT);
    CHECK_EQ_INT(conf_kube_secrets_of(SPAN_LIT("")), CONF_KUBE_SECRETS__COUNT);
}

/* Each value alone, in line 7. */
TEST(what_is_refused)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"flavor: eks", "t.yaml:7:13: " PLACE "flavor: should be kubernetes or openshift"},
        {"secrets: inline", "t.yaml:7:14: " PLACE "secrets: should be reference, external or file"},
        {"image: 'a b'",
         "t.yaml:7:12: " PLACE
         "image: not a reference to an image: as in registry.example/clawbox:1.0 or ...@sha256:..."},
        {"gatewayImage: '-x'", "t.yaml:7:19: " PLACE "gatewayImage: not a reference to an image: as in "
                               "registry.example/clawbox:1.0 or ...@sha256:..."},
        {"image: a//b",
         "t.yaml:7:12: " PLACE
         "image: not a reference to an image: as in registry.example/clawbox:1.0 or ...@sha256:..."},
        {"storage: 0Gi",
         "t.yaml:7:14: " PLACE "storage: should be a whole number with Mi, Gi or Ti, such as 10Gi"},
        {"storage: 10G",
         "t.yaml:7:14: " PLACE "storage: should be a whole number with Mi, Gi or Ti, such as 10Gi"},
        {"storageClass: A",
         "t.yaml:7:19: " PLACE "storageClass: not an object's name: a-z, 0-9, \"-\" and \".\""},
        {"model: gpt", "t.yaml:7:12: " PLACE "model: should be PROVIDER/MODEL, such as openai/gpt-5.5"},
        {"apiServer: []", "t.yaml:7:16: " PLACE "apiServer: should have 1 to 16 entries"},
        {"origins: ['http://a.example']",
         "t.yaml:7:15: " PLACE
         "origins[0]: should be https://HOST or https://HOST:PORT, as a browser writes it"},
        {"origins: ['https://A.example']",
         "t.yaml:7:15: " PLACE
         "origins[0]: should be https://HOST or https://HOST:PORT, as a browser writes it"},
        {"origins: ['https://a.example:443']",
         "t.yaml:7:15: " PLACE
         "origins[0]: should be https://HOST or https://HOST:PORT, as a browser writes it"},
        {"origins: ['https://a.example/']",
         "t.yaml:7:15: " PLACE
         "origins[0]: should be https://HOST or https://HOST:PORT, as a browser writes it"},
        {"ingressFrom: {}",
         "t.yaml:7:18: " PLACE
         "ingressFrom: should have 1 to 8 labels: without one it would be every namespace"},
        {"ingressFrom: {'a b': c}",
         "t.yaml:7:19: " PLACE "ingressFrom.a b: not a label's name: as in kubernetes.io/metadata.name"},
        {"metricsFrom: {a: '-'}",
         "t.yaml:7:22: " PLACE
         "metricsFrom.a: not a label's value: at most 63 letters, digits, \"-\", \"_\" or \".\", with a "
         "letter or digit at each end"},
        {"secretStore: {name: a}",
         "t.yaml:7:5: " PLACE "secretStore: is for secrets: external: write that, or remove it"},
        {"secrets: external",
         "t.yaml:7:14: " PLACE "secrets: names no store: write secretStore: {name: NAME} too"},
        {"workspace: {access: all}", "t.yaml:7:25: " PLACE "workspace.access: should be edit, view or none"},
        {"workspace: {access: view, exec: true}",
         "t.yaml:7:31: " PLACE
         "workspace.exec: is for who may start pods too: write access: edit, or remove it"},
        {"workspace: {egress: true}",
         "t.yaml:7:25: " PLACE "workspace.egress: should be a text: write it in quotes, \"true\""},
        {"workspace: {registries: [\"a'\"]}",
         "t.yaml:7:30: " PLACE
         "workspace.registries[0]: should be as in registry.example/team: a-z, 0-9, \".\", \"-\", \"_\", "
         "\":\" and \"/\""},
        {"zzz: 1", "t.yaml:7:5: " PLACE
                   "zzz: unknown key; known here: flavor, image, gatewayImage, apiServer, dns, storage, "
                   "storageClass, model, secrets, secretStore, workspace, ingressFrom, metricsFrom, origins"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        char want[1024];
        (void)snprintf(text, sizeof(text), START "    %s\n", cases[i].text);
        (void)snprintf(want, sizeof(want), "%s\n", cases[i].error);
        CHECK_ERRORS(text, want);
    }
}

TEST(endpoints_that_are_none)
{
    static const char *const wrong[] = {"192.0.2.1",
                                        "192.0.2.1:0",
                                        "192.0.2.1:65536",
                                        "192.0.2.1/33:1",
                                        "192.0.2.1/24:1",
                                        "a.example:443",
                                        "0300.0.2.1:1",
                                        "192.0.2.1/:1",
                                        "[2001:db8::1]/64:1",
                                        "2001:db8::1:443",
                                        "[2001:db8::]/129:1",
                                        "192.0.2.1/32:",
                                        ":1",
                                        "/32:1",
                                        "192.0.2.1/32:1 ",
                                        "192.0.2.1/+32:1",
                                        "127.1:1",
                                        "192.0.2.1/032:1x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), START "    apiServer: ['%s']\n", wrong[i]);
        struct conf_tenants tenants;
        struct buf errors;
        if (!CHECK_EQ_INT(test_load(text, &tenants, &errors), CB_ECONFIG)) {
            printf("%s\n", wrong[i]);
        }
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
}

/* ---- the workspace ---- */

struct asked {
    const char *method, *path;
    bool edit, view, exec; /* whether it is allowed with such settings */
};

static void check_rules(const char *workspace, size_t column)
{
    static const struct asked asked[] = {
        {"GET", "/api/v1/namespaces/t-dev/pods", true, true, true},
        {"GET", "/api/v1/namespaces/t-dev/pods/a/log", true, true, true},
        {"POST", "/api/v1/namespaces/t-dev/pods", true, false, true},
        {"PATCH", "/apis/apps/v1/namespaces/t-dev/deployments/a", true, false, true},
        {"PATCH", "/apis/apps/v1/namespaces/t-dev/deployments/a/scale", true, false, true},
        {"DELETE", "/apis/batch/v1/namespaces/t-dev/jobs", true, false, true},
        {"GET", "/apis/discovery.k8s.io/v1/namespaces/t-dev/endpointslices", true, true, true},
        {"GET", "/api/v1/namespaces/t-dev/pods/a/exec", false, false, true},
        {"POST", "/api/v1/namespaces/t-dev/pods/a/exec", false, false, true},
        {"POST", "/api/v1/namespaces/t-dev/pods/a/portforward", false, false, true},
        {"GET", "/api", true, true, true},
        {"GET", "/api/v1/namespaces/t-dev/secrets", false, false, false},
        {"GET", "/api/v1/namespaces/t-dev/secrets/a", false, false, false},
        {"POST", "/api/v1/namespaces/t-dev/serviceaccounts/default/token", false, false, false},
        {"GET", "/api/v1/namespaces/t-dev/serviceaccounts", false, false, false},
        {"POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/t-dev/rolebindings", false, false, false},
        {"POST", "/apis/networking.k8s.io/v1/namespaces/t-dev/networkpolicies", false, false, false},
        {"POST", "/apis/networking.k8s.io/v1/namespaces/t-dev/ingresses", false, false, false},
        {"DELETE", "/api/v1/namespaces/t-dev/resourcequotas/workspace", false, false, false},
        {"PATCH", "/api/v1/namespaces/t-dev/pods/a/ephemeralcontainers", false, false, false},
        {"GET", "/api/v1/namespaces/t-dev/services/a/proxy", false, false, false},
        {"POST", "/api/v1/namespaces/t-dev/endpoints", false, false, false},
        {"GET", "/api/v1/namespaces/t-claw/pods", false, false, false},
        {"GET", "/api/v1/namespaces/other-dev/pods", false, false, false},
        {"GET", "/api/v1/pods", false, false, false},
        {"GET", "/api/v1/nodes", false, false, false},
        {"GET", "/api/v1/namespaces", false, false, false},
    };
    char text[512];
    struct conf_tenants tenants;
    struct buf errors;
    (void)snprintf(text, sizeof(text), START "    workspace: %s\n", workspace);
    if (!CHECK_EQ_INT(test_load(text, &tenants, &errors), 0)) {
        return;
    }
    const struct spec *spec = tenants.specs[0];
    CHECK_EQ_UINT(spec->route_count, 1);
    CHECK_EQ_STR(spec->routes[0].name, CONF_KUBE_WORKSPACE);
    CHECK_EQ_STR(spec->routes[0].credential, CONF_KUBE_WORKSPACE);
    CHECK_EQ_INT(spec->routes[0].websocket, column == 2);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        bool want = column == 0 ? asked[i].edit : column == 1 ? asked[i].view : asked[i].exec;
        enum policy_reason reason = policy_kube_judge(&spec->routes[0], span_str(asked[i].method),
                                                      span_str(asked[i].path), SPAN_EMPTY);
        if (!CHECK_EQ_INT(reason == POLICY_REASON_ROUTE, want)) {
            printf("%s: %s %s\n", workspace, asked[i].method, asked[i].path);
        }
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(the_route_allows_what_its_settings_say)
{
    check_rules("{}", 0);
    check_rules("{access: view}", 1);
    check_rules("{exec: true}", 2);
}

TEST(no_access_no_route)
{
    struct conf_tenants tenants;
    struct buf errors;
    CHECK_EQ_INT(test_load(START "    workspace: {access: none}\n", &tenants, &errors), 0);
    CHECK_EQ_UINT(tenants.specs[0]->route_count, 0);
    CHECK_EQ_UINT(tenants.specs[0]->credential_count, 0);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(names_that_the_workspace_has)
{
    CHECK_ERRORS(
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  kubernetes: {}\n  routes:\n"
        "  - {host: a.example, credential: workspace, inject: {bearer: true}}\n",
        "t.yaml:7:35: spec.routes[0].credential: is the credential of the assistant's workspace "
        "(spec.kubernetes): write another name\n");
    CHECK_ERRORS(
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  kubernetes: {}\n  routes:\n"
        "  - {host: a.example, name: workspace}\n",
        "t.yaml:5:15: spec.kubernetes: the route in line 7 has the name \"workspace\" too: write a name of its own, "
        "name: NAME\n");
}

TEST(the_settings_alone)
{
    static const char text[] = START "    storage: 3Gi\n    workspace: {access: view}\n";
    struct conf_kubernetes k;
    struct buf errors;
    buf_init(&errors, 65536);
    CHECK_EQ_INT(conf_kubernetes_load(span_str(text), "f", &k, &errors), 0);
    CHECK(k.present);
    CHECK_EQ_STR(k.storage, "3Gi");
    CHECK_EQ_INT(k.access, CONF_KUBE_ACCESS_VIEW);
    conf_kubernetes_deinit(&k);
    /* Files that are not there do not matter. */
    CHECK_EQ_INT(
        conf_kubernetes_load(SPAN_LIT("spec: {routes: [{upstream: {caFile: /gone}}]}"), "f", &k, &errors), 0);
    CHECK(!k.present);
    conf_kubernetes_deinit(&k);
    CHECK_EQ_INT(conf_kubernetes_load(SPAN_LIT("spec: {kubernetes: {storage: much}}"), "f", &k, &errors),
                 CB_ECONFIG);
    CHECK(span_starts(buf_span(&errors), SPAN_LIT("f:1:30: spec.kubernetes.storage: ")));
    CHECK_EQ_INT(conf_kubernetes_load(SPAN_LIT("{"), "f", &k, &errors), CB_ECONFIG);
    buf_deinit(&errors);
}

TEST_MAIN()

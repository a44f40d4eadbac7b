/* test_kube.c - what a Kubernetes API server would be asked, and what rules make of it. */
#include "policy/kube.h"

#include "support/check.h"
#include "support/spec_make.h"

static void reads(const char *method, const char *path, const char *query, const char *want)
{
    struct policy_kube_request q;
    char got[512] = "refused";
    if (policy_kube_read(span_str(method), span_str(path), span_str(query), &q) == 0) {
        (void)snprintf(got, sizeof(got), q.discovery ? "%.*s discovery" : "%.*s %.*s.%.*s/%.*s in %.*s",
                       SPAN_ARG(q.verb), SPAN_ARG(q.resource), SPAN_ARG(q.group), SPAN_ARG(q.subresource),
                       SPAN_ARG(q.space));
    }
    if (!CHECK_EQ_STR(got, want)) {
        printf("%s %s?%s\n", method, path, query);
    }
}

TEST(requests_are_read_as_the_server_reads_them)
{
    reads("GET", "/api/v1/namespaces/dev/pods", "", "list pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods", "limit=500", "list pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods", "watch=1", "watch pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods", "a=b&watch", "watch pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods", "watch=FALSE", "list pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods", "watch=0", "list pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods/web", "", "get pods./ in dev");
    reads("HEAD", "/api/v1/namespaces/dev/pods/web", "", "get pods./ in dev");
    reads("GET", "/api/v1/namespaces/dev/pods/web/log", "follow=true", "get pods./log in dev");
    reads("POST", "/api/v1/namespaces/dev/pods/web/exec", "command=sh", "create pods./exec in dev");
    reads("GET", "/api/v1/namespaces/dev/services/web/proxy/a/b/c", "", "get services./proxy in dev");
    reads("POST", "/apis/apps/v1/namespaces/dev/deployments", "", "create deployments.apps/ in dev");
    reads("PATCH", "/apis/apps/v1/namespaces/dev/deployments/x/scale", "",
          "patch deployments.apps/scale in dev");
    reads("DELETE", "/api/v1/namespaces/dev/pods", "", "deletecollection pods./ in dev");
    reads("DELETE", "/api/v1/namespaces/dev/pods/web", "", "delete pods./ in dev");
    reads("PUT", "/api/v1/namespaces/dev", "", "update namespaces./ in dev");
    reads("PUT", "/api/v1/namespaces/dev/finalize", "", "update namespaces./finalize in dev");
    reads("GET", "/api/v1/namespaces", "", "list namespaces./ in ");
    reads("GET", "/api/v1/pods", "", "list pods./ in ");
    reads("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/x", "",
          "get clusterroles.rbac.authorization.k8s.io/ in ");
    reads("POST", "/api/v1/namespaces/dev/serviceaccounts/x/token", "",
          "create serviceaccounts./token in dev");
}

TEST(discovery)
{
    static const char *const paths[] = {"/version",
                                        "/api",
                                        "/api/v1",
                                        "/apis",
                                        "/apis/apps",
                                        "/apis/apps/v1",
                                        "/healthz",
                                        "/openapi/v2",
                                        "/openapi/v3",
                                        "/readyz",
                                        "/openapi/v3/apis/apps/v1"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        reads("GET", paths[i], "timeout=32s", "get discovery");
        reads("HEAD", paths[i], "", "get discovery");
    }
}

TEST(what_is_not_sure_is_refused)
{
    static const char *const paths[] = {
        "/",
        "/api/v1/",
        "/api/v1/namespaces/dev/pods/",
        "/api/v1/watch/namespaces/dev/pods",
        "/api/v1/proxy/namespaces/dev/pods/x",
        "/api/v1/namespaces/dev%21/pods",
        "/api/v1/namespaces/DEV/pods",
        "/api/v1/namespaces/-/pods",
        "/api/v1/namespaces/dev/Secrets",
        "/api/v1/namespaces/dev/pods/web/log/more",
        "/apis/apps/v1/namespaces/dev/deployments/x/scale/y",
        "/apis/Apps/v1/deployments",
        "/apis/apps/v1/namespaces/dev",
        "/apis/apps/v1/namespaces/dev/status",
        "/logs/kubelet.log",
        "/metrics",
        "/healthz/etcd",
        "/version/x",
        "/.well-known/openid-configuration",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        reads("GET", paths[i], "", "refused");
    }
    reads("OPTIONS", "/api/v1/namespaces/dev/pods", "", "refused");
    reads("GET", "/api/v1/namespaces/dev/pods", "watch=0&watch=1", "refused");
    reads("GET", "/api/v1/namespaces/dev/pods", "%77atch=1", "refused");
    reads("GET", "/api/v1/namespaces/dev/pods", "watch=%30", "refused");
    reads("GET", "/api/v1/namespaces/dev/pods", "limit=1;watch=1", "refused");
}

static void judged(const struct spec_route *route, const char *request, enum policy_reason want)
{
    const char *blank = strchr(request, ' ');
    const char *question = strchr(request, '?');
    size_t path_len = question != NULL ? (size_t)(question - blank - 1) : strlen(blank + 1);
    enum policy_reason got =
        policy_kube_judge(route, span_of(request, (size_t)(blank - request)), span_of(blank + 1, path_len),
                          span_str(question != NULL ? question + 1 : ""));
    if (!CHECK_EQ_STR(policy_reason_name(got), policy_reason_name(want))) {
        printf("%s\n", request);
    }
}

#define DEV "/api/v1/namespaces/dev/"

TEST(a_star_does_not_stand_for_what_gives_away_rights)
{
    struct spec *spec = make_spec("alice");
    struct spec_route *route = make_route(spec, "k", "https://k.example:443", "GET", "");
    judged(route, "GET /anything", POLICY_REASON_ROUTE);
    make_kube_rule(route, "dev", "*", "*");
    make_kube_rule(route, "dev", "*", "*.apps *.batch");
    static const char *const allowed[] = {"GET " DEV "pods",
                                          "POST " DEV "pods",
                                          "GET " DEV "pods?watch=true",
                                          "GET " DEV "pods/a/log",
                                          "DELETE " DEV "pods",
                                          "GET " DEV "configmaps",
                                          "POST " DEV "pods/a/eviction",
                                          "GET /apis/apps/v1",
                                          "GET " DEV "services",
                                          "GET /version",
                                          "PATCH /apis/apps/v1/namespaces/dev/deployments/x/scale",
                                          "GET " DEV "serviceaccounts"};
    static const char *const refused[] = {
        "GET " DEV "secrets",
        "GET " DEV "secrets/x",
        "GET " DEV "secrets?watch=1",
        "POST " DEV "serviceaccounts/default/token",
        "POST " DEV "pods/a/exec",
        "GET " DEV "pods/a/exec",
        "GET " DEV "pods/a/attach",
        "GET " DEV "pods/a/portforward",
        "GET " DEV "pods/a/proxy/x",
        "PATCH " DEV "pods/a/ephemeralcontainers",
        "GET " DEV "services/a/proxy/",
        "DELETE /api/v1/namespaces/dev",
        "GET /api/v1/namespaces/other/pods",
        "GET /api/v1/pods",
        "GET /api/v1/nodes",
        "GET /api/v1/nodes/n/proxy/metrics",
        "POST /apis/rbac.authorization.k8s.io/v1/namespaces/dev/rolebindings",
        "POST /apis/authentication.k8s.io/v1/tokenreviews",
        "GET /apis/networking.k8s.io/v1/namespaces/dev/networkpolicies",
        "POST /version",
        "GET /metrics",
    };
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        judged(route, allowed[i], POLICY_REASON_ROUTE);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        judged(route, refused[i], POLICY_REASON_KUBERNETES_RULE);
    }
    spec_free(spec);
}

TEST(what_is_named_is_allowed_and_no_more)
{
    struct spec *spec = make_spec("alice");
    struct spec_route *route = make_route(spec, "k", "https://k.example:443", "GET", "");
    make_kube_rule(route, "dev test", "get", "secrets pods/exec *.rbac.authorization.k8s.io");
    make_kube_rule(route, "", "list watch", "nodes");
    judged(route, "GET " DEV "secrets/x", POLICY_REASON_ROUTE);
    judged(route, "GET /api/v1/namespaces/test/secrets/x", POLICY_REASON_ROUTE);
    judged(route, "GET " DEV "secrets", POLICY_REASON_KUBERNETES_RULE); /* list */
    judged(route, "GET " DEV "secrets?watch=1", POLICY_REASON_KUBERNETES_RULE);
    judged(route, "GET " DEV "pods/a/exec", POLICY_REASON_ROUTE);
    judged(route, "POST " DEV "pods/a/exec", POLICY_REASON_KUBERNETES_RULE);
    judged(route, "GET " DEV "pods/a", POLICY_REASON_KUBERNETES_RULE);
    judged(route, "GET /apis/rbac.authorization.k8s.io/v1/namespaces/dev/roles/x", POLICY_REASON_ROUTE);
    judged(route, "GET /apis/other.k8s.io/v1/namespaces/dev/secrets/x", POLICY_REASON_KUBERNETES_RULE);
    judged(route, "GET /api/v1/nodes", POLICY_REASON_ROUTE);
    judged(route, "GET /api/v1/nodes/n", POLICY_REASON_KUBERNETES_RULE);
    spec_free(spec);
}

TEST(words)
{
    static const char *const good[] = {
        "*", "pods", "pods/log", "deployments.apps", "deployments.apps/scale", "*.apps", "*.a.b.c"};
    static const char *const bad[] = {"",      "Pods",         "pods/", "/log", "pods.", ".apps",
                                      "*/log", "*.apps/scale", "a/b/c", "a b",  "po*",   "pods/*",
                                      "*."};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(policy_kube_resource_is_valid(span_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!CHECK(!policy_kube_resource_is_valid(span_str(bad[i])))) {
            printf("%s\n", bad[i]);
        }
    }
    CHECK(policy_kube_verb_is_valid(SPAN_LIT("watch")) && !policy_kube_verb_is_valid(SPAN_LIT("GET")) &&
          !policy_kube_verb_is_valid(SPAN_EMPTY));
    CHECK(policy_kube_namespace_is_valid(SPAN_LIT("a-1")) &&
          !policy_kube_namespace_is_valid(SPAN_LIT("-a")) && !policy_kube_namespace_is_valid(SPAN_EMPTY) &&
          !policy_kube_namespace_is_valid(SPAN_LIT("*")));
}

TEST_MAIN()

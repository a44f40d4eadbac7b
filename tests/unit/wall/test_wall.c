/* test_wall.c - a set of objects that holds (good.yaml), and each hole opened by one change of it, and named. */
#include "support/check.h"
#include "wall/wall.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)256 * 1024)

/* What the policy of this clawbox is taken to be. */
static const char expected[] = "spec: {validations: [{expression: no Secrets}]}";

static char *load(const char *path)
{
    char *text = calloc(1, TEXT_MAX);
    FILE *file = fopen(path, "rb");
    if (text == NULL || file == NULL || fread(text, 1, TEXT_MAX - 1, file) == 0) {
        abort();
    }
    (void)fclose(file);
    return text;
}

static char *good(void)
{
    return load("tests/unit/wall/good.yaml");
}

/* One place becomes another text. */
static void change(char *text, const char *from, const char *to, int line)
{
    char *at = strstr(text, from);
    if (at == NULL || strstr(at + 1, from) != NULL) {
        (void)printf("line %d: not there once: %s\n", line, from);
        abort();
    }
    size_t tail = strlen(at) - strlen(from) + 1;
    memmove(at + strlen(to), at + strlen(from), tail);
    memcpy(at, to, strlen(to));
}

struct setting {
    enum wall_source source;
    bool unreadable;
    bool enforces;
    bool no_policy; /* none is expected */
};

/* "secrets hole Kind space/name field: text" for each finding, and both answers. */
static void judge(const char *text, const struct setting *setting, struct buf *out)
{
    struct conf_tree tree;
    struct conf_tree policy;
    struct conf_tree_error error;
    char why[256] = "";
    static const char *const questions[] = {"secrets", "elsewhere"};
    static const char *const weights[] = {"hole", "unsure", "assumed"};
    struct wall *wall = wall_new("alice", setting->source);
    CHECK_EQ_INT(conf_tree_read(span_str(text), &tree, &error), 0);
    CHECK_EQ_INT(conf_tree_read(span_str(expected), &policy, &error), 0);
    for (const struct conf_node *d = tree.documents; d != NULL; d = d->next) {
        CHECK_EQ_INT(wall_add(wall, d, why, sizeof(why)), 0);
    }
    CHECK_EQ_STR(why, "");
    if (!setting->no_policy) {
        wall_expect_policy(wall, policy.documents);
    }
    if (setting->unreadable) {
        CHECK_EQ_INT(wall_unreadable(wall, "roles", "forbidden"), 0);
    }
    if (setting->enforces) {
        wall_network_enforces(wall);
    }
    CHECK_EQ_INT(wall_judge(wall), 0);
    size_t count;
    const struct wall_finding *f = wall_findings(wall, &count);
    CHECK_EQ_INT(buf_appendf(out, "%s %s\n", wall_answer_text(wall_answer(wall, WALL_SECRETS)),
                             wall_answer_text(wall_answer(wall, WALL_ELSEWHERE))),
                 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ_INT(buf_appendf(out, "%s %s %s %s/%s %s: %s\n", questions[f[i].question],
                                 weights[f[i].weight], f[i].kind, f[i].space, f[i].name, f[i].field,
                                 f[i].text),
                     0);
    }
    wall_free(wall);
    conf_tree_deinit(&tree);
    conf_tree_deinit(&policy);
}

#define WRITES                                                                                                          \
    "elsewhere assumed Namespace /alice-dev : no controller of the cluster carries out what the assistant writes into " \
    "objects there, such as a name in an annotation that external-dns publishes\n"
#define IMAGES                                                                                                       \
    "elsewhere assumed Namespace /alice-dev : its nodes pull images from registries that you trust: the name of an " \
    "image that the assistant starts goes to one\n" WRITES

#define RIGHTS                                                                                                      \
    "secrets assumed  /rights : nothing else in the cluster gives rights to the ServiceAccounts of alice-claw and " \
    "alice-dev, or to all of them, which files cannot show\n"

static void check(const char *text, const struct setting *setting, const char *want, int line)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    judge(text, setting, &out);
    check_eq_bytes(buf_span(&out).ptr, buf_len(&out), want, strlen(want), "findings", __FILE__, line);
    buf_deinit(&out);
}

static const struct setting live = {.source = WALL_CLUSTER};

/* After the change: both answers, and the findings. */
static void check_change(const char *from, const char *to, const char *want, int line)
{
    char *text = good();
    change(text, from, to, line);
    check(text, &live, want, line);
    free(text);
}
#define CHANGE(from_, to_, want_)         check_change((from_), (to_), want_ IMAGES, __LINE__)
#define CHANGE_ASSUMED(from_, to_, want_) check_change((from_), (to_), "no no\n" IMAGES want_, __LINE__)

static void check_added(const char *document, const char *want, int line)
{
    char *text = good();
    (void)snprintf(text + strlen(text), TEXT_MAX - strlen(text), "---\n%s\n", document);
    check(text, &live, want, line);
    free(text);
}
#define ADD(document_, want_) check_added((document_), want_ IMAGES, __LINE__)

TEST(what_holds)
{
    char *text = good();
    check(text, &live, "no no\n" IMAGES, __LINE__);
    const struct setting files = {.source = WALL_FILES};
    check(text, &files, "no no\n" RIGHTS IMAGES, __LINE__);
    free(text);
}

#define GATEWAY "Deployment alice-claw/gateway "

TEST(secrets_in_the_assistants_pods)
{
    CHANGE(
        "envFrom: []", "envFrom: [{secretRef: {name: credential-openai}}]",
        "yes no\nsecrets hole " GATEWAY
        "spec.template.spec.containers[0].envFrom[0].secretRef: has a Secret in its environment: credential-openai\n");
    CHANGE("secretKeyRef: {name: proxy-token,", "secretKeyRef: {name: credential-openai,",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.initContainers[0].env[0].valueFrom.secretKeyRef: has a Secret in "
           "its environment: credential-openai\n");
    CHANGE("emptyDir: {}", "secret: {secretName: proxy-master-key}",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[1].secret: mounts a Secret: proxy-master-key\n");
    CHANGE("emptyDir: {}", "projected: {sources: [{secret: {name: x}}]}",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[1].projected.sources[0].secret: mounts a Secret: x\n");
    CHANGE("emptyDir: {}", "projected: {sources: [{serviceAccountToken: {path: t}}]}",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[1].projected.sources[0].serviceAccountToken: mounts a token "
           "of its ServiceAccount: gateway\n");
    CHANGE("emptyDir: {}", "hostPath: {path: /var/lib/kubelet}",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[1].hostPath: mounts files of the node: /var/lib/kubelet\n");
    CHANGE("emptyDir: {}", "csi: {driver: secrets-store.csi.k8s.io}",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[1].csi: mounts secrets by the driver secrets-store.csi.k8s.io\n");
    CHANGE("emptyDir: {}", "csi: {driver: other.example}",
           "unsure no\nsecrets unsure " GATEWAY
           "spec.template.spec.volumes[1].csi: mounts what the driver other.example gives, "
           "which is not known here\n");
    CHANGE("claimName: gateway", "claimName: proxy",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.volumes[0].persistentVolumeClaim: has the proxy's own volume: proxy\n");
}

TEST(identities_and_the_node)
{
    CHANGE("      automountServiceAccountToken: false\n", "      automountServiceAccountToken: true\n",
           "yes no\nsecrets hole " GATEWAY "spec.template.spec.automountServiceAccountToken: gets a token "
           "(automountServiceAccountToken is not false) of its ServiceAccount: gateway\n");
    CHANGE("serviceAccountName: gateway", "serviceAccountName: proxy",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.serviceAccountName: runs as the proxy's ServiceAccount: proxy\n");
    /* The account says it for the pod, as long as that says nothing. */
    char *text = good();
    change(text, "      automountServiceAccountToken: false\n", "", __LINE__);
    check(text, &live, "no no\n" IMAGES, __LINE__);
    change(text, "\nautomountServiceAccountToken: false", "", __LINE__);
    check(text, &live,
          "yes no\nsecrets hole " GATEWAY
          "spec.template.spec: gets a token (automountServiceAccountToken is not false) of its "
          "ServiceAccount: gateway\n" IMAGES,
          __LINE__);
    free(text);
    CHANGE("hostNetwork: false", "hostNetwork: true",
           "no yes\nelsewhere hole " GATEWAY
           "spec.template.spec.hostNetwork: has the node's network, where no NetworkPolicy holds\n");
    CHANGE("hostNetwork: false", "hostPID: true",
           "yes no\nsecrets hole " GATEWAY "spec.template.spec.hostPID: sees the processes of the node\n");
    CHANGE("privileged: false", "privileged: true",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.containers[0].securityContext.privileged: is privileged, so it can "
           "read all of the node: gateway\n");
    CHANGE(
        "drop: [ALL]", "add: [SYS_ADMIN]",
        "yes no\nsecrets hole " GATEWAY
        "spec.template.spec.initContainers[0].securityContext.capabilities.add[0]: has a capability: SYS_ADMIN\n");
    CHANGE("privileged: false", "runAsUser: 0",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.containers[0].securityContext.runAsUser: may run as root "
           "(runAsNonRoot is not true), and what leaves the container then is root on the node: gateway\n");
    CHANGE("privileged: false", "runAsNonRoot: false",
           "yes no\nsecrets hole " GATEWAY
           "spec.template.spec.containers[0].securityContext.runAsNonRoot: may run as root (runAsNonRoot is "
           "not true), and what leaves the container then is root on the node: gateway\n");
}

#define POD                                                                                                            \
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  namespace: alice-claw\n  labels: {part: gateway}\n%s"         \
    "spec: {serviceAccountName: gateway, securityContext: {runAsNonRoot: true}, automountServiceAccountToken: false, " \
    "hostPID: true}"

TEST(pods_and_who_made_them)
{
    /* What has been added to a pod that a Deployment made is told of the pod; what the Deployment says, of that alone. */
    char text[2048];
    static const char owner[] =
        "  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: gateway, controller: true}]\n";
    (void)snprintf(text, sizeof(text), POD, "gateway-1", owner);
    check_added(
        text,
        "yes no\nsecrets hole Pod alice-claw/gateway-1 spec.hostPID: sees the processes of the node\n" IMAGES,
        __LINE__);
    char *all = good();
    change(all, "hostNetwork: false", "hostPID: true", __LINE__);
    (void)snprintf(all + strlen(all), TEXT_MAX - strlen(all), "---\n%s\n", text);
    check(all, &live,
          "yes no\nsecrets hole " GATEWAY
          "spec.template.spec.hostPID: sees the processes of the node\n" IMAGES,
          __LINE__);
    free(all);
    /* Who only calls itself the proxy is the assistant's. */
    ADD("apiVersion: v1\nkind: Pod\nmetadata: {name: proxy, namespace: alice-claw, labels: {part: gateway}}\nspec: {serviceAccountName: "
        "gateway, securityContext: {runAsNonRoot: true}, automountServiceAccountToken: false, volumes: [{secret: {secretName: s}}]}",
        "yes no\nsecrets hole Pod alice-claw/proxy spec.volumes[0].secret: mounts a Secret: s\n");
    ADD("apiVersion: v1\nkind: Pod\nmetadata: {name: done, namespace: alice-claw}\nspec: {volumes: [{secret: {secretName: "
        "s}}]}\nstatus: {phase: Succeeded}",
        "no no\n");
    CHANGE(
        "      - name: proxy\n", "      - name: other\n      - name: proxy\n",
        "unsure no\nsecrets unsure Deployment alice-claw/proxy spec.template.spec.containers[0]: runs in the proxy's pod, and what "
        "it is is not known here: container other\n");
}

#define ROLE "Role alice-dev/assistant "
#define BY   "in alice-dev (by RoleBinding assistant)\n"
#define LETS "lets ServiceAccount proxy "

TEST(rights_in_the_workspace)
{
    CHANGE("[pods, configmaps, services]", "[pods, configmaps, secrets]",
           "yes no\nsecrets hole " ROLE "rules[0]: " LETS
           "change Secrets, and the answer shows what was in them " BY "secrets hole " ROLE "rules[0]: " LETS
           "read Secrets " BY);
    CHANGE("resources: [pods/log], verbs: [get]", "resources: [serviceaccounts/token], verbs: [create]",
           "yes no\nsecrets hole " ROLE "rules[1]: " LETS "mint tokens of ServiceAccounts " BY);
    CHANGE("apiGroups: [\"\"], resources: [pods/log], verbs: [get]",
           "apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]",
           "yes no\nsecrets hole " ROLE "rules[1]: " LETS
           "give rights that it does not have (bind, escalate) " BY);
    CHANGE("apiGroups: [\"\"], resources: [pods/log], verbs: [get]",
           "apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [create]",
           "yes no\nsecrets hole " ROLE "rules[1]: " LETS "bind roles to itself " BY);
    CHANGE("resources: [pods/log], verbs: [get]", "resources: [serviceaccounts], verbs: [impersonate]",
           "yes no\nsecrets hole " ROLE "rules[1]: " LETS "impersonate others " BY);
    CHANGE("apiGroups: [\"\"], resources: [pods/log], verbs: [get]",
           "apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [delete]",
           "no yes\nelsewhere hole " ROLE "rules[1]: " LETS "change NetworkPolicies " BY);
    CHANGE("resources: [pods/log], verbs: [get]", "resources: [services/proxy], verbs: [get]",
           "no yes\nelsewhere hole " ROLE "rules[1]: " LETS
           "have the API server send requests to a Service's addresses " BY);
    CHANGE("resources: [pods/log], verbs: [get]", "resources: [\"*/exec\"], verbs: [create]",
           "yes no\nsecrets hole " ROLE "rules[1]: " LETS
           "speak with the kubelet, which runs commands in every pod of a node " BY);
    CHANGE("apiGroups: [\"\"], resources: [pods/log], verbs: [get]",
           "apiGroups: [x.example], resources: [things], verbs: [create]",
           "unsure unsure\nsecrets unsure " ROLE "rules[1]: " LETS
           "create things of x.example, and what follows from that is not known here " BY
           "elsewhere unsure " ROLE "rules[1]: " LETS
           "create things of x.example, and what follows from that is not known here " BY);
    CHANGE("apiGroups: [\"\"], resources: [pods/log], verbs: [get]",
           "apiGroups: [x.example], resources: [things], verbs: [list]", "no no\n");
}

TEST(commands_in_the_workspaces_pods)
{
    static const char pod[] =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: alice-dev}\nspec: {serviceAccountName: db, "
        "volumes: [{secret: {secretName: db}}]}\n---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: db, namespace: alice-dev}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}\n"
        "subjects: [{kind: User, name: 'system:serviceaccount:alice-dev:db'}]";
    check_added(pod, "no no\n" IMAGES, __LINE__);
    char *text = good();
    change(text, "resources: [pods/log], verbs: [get]", "resources: [pods/exec], verbs: [create]", __LINE__);
    check(text, &live, "no no\n" IMAGES, __LINE__); /* by itself that is the tenant's wish */
    (void)snprintf(text + strlen(text), TEXT_MAX - strlen(text), "---\n%s\n", pod);
    struct buf out;
    buf_init(&out, TEXT_MAX);
    judge(text, &live, &out);
    CHECK_EQ_INT(buf_append_byte(&out, 0), 0);
    const char *found = (const char *)buf_span(&out).ptr;
    CHECK(strstr(found, "secrets hole Pod alice-dev/db spec.volumes[0].secret: mounts a Secret: db\n") !=
          NULL);
    CHECK(
        strstr(found,
               "secrets hole RoleBinding alice-dev/db roleRef: lets User system:serviceaccount:alice-dev:db "
               "read Secrets in alice-dev (by ClusterRole operator)\n") != NULL);
    buf_deinit(&out);
    free(text);
}

#define READER                                                                                                          \
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader, labels: {to: sum}}\nrules: " \
    "[{apiGroups: [''], resources: [secrets], verbs: [get]}]\n---\n"                                                    \
    "apiVersion: rbac.authorization.k8s.io/v1\n"
#define REF     "\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}\n"
#define CLUSTER "read Secrets in the whole cluster (by ClusterRole reader)\n"

TEST(rights_from_elsewhere)
{
    ADD("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: alice-claw}\nrules: [{apiGroups: [''], "
        "resources: [configmaps], verbs: [patch]}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: "
        "b, namespace: alice-claw}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects: [{kind: "
        "ServiceAccount, name: proxy}]",
        "no yes\nelsewhere hole Role alice-claw/r rules[0]: lets ServiceAccount proxy change the proxy's routes in alice-claw (by "
        "RoleBinding b)\n");
    ADD(READER "kind: ClusterRoleBinding\nmetadata: {name: b}" REF
               "subjects: [{kind: Group, name: 'system:authenticated'}]",
        "yes no\nsecrets hole ClusterRoleBinding /b roleRef: lets Group system:authenticated " CLUSTER);
    ADD(READER "kind: ClusterRoleBinding\nmetadata: {name: b}" REF
               "subjects: [{kind: Group, name: 'system:serviceaccounts:alice-dev'}]",
        "yes no\nsecrets hole ClusterRoleBinding /b roleRef: lets Group system:serviceaccounts:alice-dev " CLUSTER);
    ADD(READER "kind: ClusterRoleBinding\nmetadata: {name: b}" REF
               "subjects: [{kind: ServiceAccount, name: gateway, namespace: alice-claw}]",
        "yes no\nsecrets hole ClusterRoleBinding /b roleRef: lets ServiceAccount gateway " CLUSTER);
    ADD(READER "kind: RoleBinding\nmetadata: {name: b, namespace: alice-claw}" REF
               "subjects: [{kind: ServiceAccount, name: proxy}]",
        "yes no\nsecrets hole RoleBinding alice-claw/b roleRef: lets ServiceAccount proxy read Secrets in alice-claw (by "
        "ClusterRole reader)\n");
    ADD(READER "kind: ClusterRoleBinding\nmetadata: {name: b}" REF
               "subjects: [{kind: Group, name: 'system:serviceaccounts:bob-dev'}]",
        "no no\n");
    /* A role that is the sum of others. */
    ADD(READER
        "kind: ClusterRole\nmetadata: {name: sum}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {to: sum}}]}\n---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: alice-dev}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sum}\n"
        "subjects: [{kind: ServiceAccount, name: default}]",
        "yes no\nsecrets hole RoleBinding alice-dev/b roleRef: lets ServiceAccount default read Secrets in alice-dev (by "
        "ClusterRole sum)\n");
    /* Pods in the claw namespace have the Secrets there. */
    CHANGE(
        "metadata: {name: assistant, namespace: alice-dev}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "
        "assistant}",
        "metadata: {name: assistant, namespace: alice-claw}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, "
        "name: makes}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: assistant, namespace: "
        "alice-dev}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: assistant}\nsubjects: [{kind: "
        "ServiceAccount, name: proxy, namespace: alice-claw}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: "
        "ClusterRole\nmetadata: {name: makes}\nrules: [{apiGroups: [apps], resources: [deployments], verbs: [patch]}]\n---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: other, namespace: alice-claw}\nroleRef: "
        "{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: makes}",
        "yes yes\nsecrets hole RoleBinding alice-claw/other roleRef: lets ServiceAccount proxy start pods outside of its "
        "workspace in alice-claw (by ClusterRole makes)\nelsewhere hole RoleBinding alice-claw/other roleRef: lets ServiceAccount "
        "proxy start pods outside of its workspace in alice-claw (by ClusterRole makes)\n");
}

/* Files do not have the roles that every cluster has. */
TEST(roles_that_are_not_there)
{
#define BIND(role_)                                                                                                          \
    "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: alice-dev}\nroleRef: " \
    "{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " role_                                                  \
    "}\nsubjects: [{kind: ServiceAccount, name: "                                                                            \
    "proxy, namespace: alice-claw}]\n"
    const struct setting files = {.source = WALL_FILES};
    const char *roles[] = {BIND("view"), BIND("edit"), BIND("cluster-admin"), BIND("own")};
    const char *answers[] = {"no no\n", "yes yes\n", "yes yes\n", "unsure unsure\n"};
    for (size_t i = 0; i < 4; i++) {
        struct buf out;
        char *text = good();
        (void)snprintf(text + strlen(text), TEXT_MAX - strlen(text), "%s", roles[i]);
        buf_init(&out, TEXT_MAX);
        judge(text, &files, &out);
        CHECK(span_starts(buf_span(&out), span_str(answers[i])));
        buf_reset(&out);
        judge(text, &live, &out);
        CHECK(span_starts(buf_span(&out),
                          SPAN_LIT("no no\n"))); /* in a cluster a role that is not there gives nothing */
        buf_deinit(&out);
        free(text);
    }
}

#define POLICY "NetworkPolicy alice-claw/"

TEST(what_the_assistant_may_reach)
{
    CHANGE(
        "    - podSelector: {matchLabels: {part: proxy}}\n    ports: [{protocol: TCP, port: 8080}]",
        "    - podSelector: {matchLabels: {part: proxy}}\n    ports: [{protocol: TCP, port: 8080}]\n  - ports: [{port: 443}]",
        "no yes\nelsewhere hole " POLICY "gateway spec.egress[1]: lets the assistant send anywhere\n");
    CHANGE("    - podSelector: {matchLabels: {part: proxy}}\n", "    - podSelector: {}\n",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.egress[0].to[0]: lets the assistant send to others than the proxy\n");
    CHANGE("    - podSelector: {matchLabels: {part: proxy}}\n",
           "    - podSelector: {matchLabels: {app: clawbox}}\n",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.egress[0].to[0]: lets the assistant send to others than the proxy\n");
    CHANGE("    - podSelector: {matchLabels: {part: proxy}}\n",
           "    - podSelector: {matchLabels: {part: proxy}}\n      namespaceSelector: {}\n",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.egress[0].to[0]: lets the assistant send to others than the proxy\n");
    CHANGE("    - podSelector: {matchLabels: {part: proxy}}\n",
           "    - podSelector: {matchLabels: {part: proxy}}\n    - ipBlock: {cidr: 192.0.2.1/32}\n",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.egress[0].to[1]: lets the assistant send to others than the proxy\n");
    CHANGE("port: 8080}] # of the way out", "port: 8080}, {port: 8081}]",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.egress[0]: lets the assistant reach ports of the proxy's pod beside 8080\n");
    /* As the operator has it: every pod of every namespace, by the port of DNS. */
    CHANGE(
        "port: 8080}] # of the way out",
        "port: 8080}]\n  - to: [{namespaceSelector: {}}]\n    ports: [{port: 53}, {port: 5353}]",
        "no yes\nelsewhere hole " POLICY
        "gateway spec.egress[1].to[0]: lets the assistant ask name servers, and a question carries data out\n");
    CHANGE("  policyTypes: [Ingress, Egress] # of the gateway\n  ingress: []\n  egress:",
           "  policyTypes: [Ingress, Egress]\n  ingress: [{}]\n  egress:",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.ingress[0]: lets everybody fetch what the assistant offers\n");
    CHANGE("  ingress: []\n", "  ingress: [{from: [{namespaceSelector: {}}]}]\n",
           "no yes\nelsewhere hole " POLICY
           "gateway spec.ingress[0].from[0]: lets pods of every namespace fetch what the assistant offers\n");
    CHANGE_ASSUMED("  ingress: []\n",
                   "  ingress: [{from: [{namespaceSelector: {matchLabels: {ingress: ''}}}]}]\n",
                   "elsewhere assumed " POLICY
                   "gateway spec.ingress[0].from[0]: pods of these namespaces carry nothing out: they "
                   "may fetch what the assistant offers\n");
}

TEST(what_no_policy_takes)
{
    CHANGE(
        "[Ingress, Egress] # of the first", "[Ingress]",
        "no yes\nelsewhere hole NetworkPolicy alice-claw/default-deny : there is none that takes every pod of the namespace and "
        "denies Egress\n");
    CHANGE(
        "policyTypes: [Ingress, Egress] # of the workspace", "policyTypes: [Ingress]",
        "no yes\nelsewhere hole NetworkPolicy alice-dev/default-deny : there is none that takes every pod of the namespace and "
        "denies Egress\n");
    char *text = good();
    change(text, "[Ingress, Egress] # of the first", "[Ingress]", __LINE__);
    change(text, "[Ingress, Egress] # of the gateway", "[Ingress]", __LINE__);
    check(
        text, &live,
        "no yes\nelsewhere hole " GATEWAY
        ": no NetworkPolicy about Egress takes it\nelsewhere hole NetworkPolicy "
        "alice-claw/default-deny : there is none that takes every pod of the namespace and denies Egress\n" IMAGES,
        __LINE__);
    free(text);
}

TEST(the_proxy)
{
    CHANGE("  - from: [{podSelector: {matchLabels: {part: gateway}}}]\n", "  - from: []\n",
           "yes no\nsecrets hole " POLICY
           "proxy spec.ingress[0]: lets everybody use the proxy, and with it the assistant's credentials\n");
    CHANGE(
        "  - from: [{podSelector: {matchLabels: {part: gateway}}}]\n",
        "  - from: [{namespaceSelector: {}}]\n",
        "yes no\nsecrets hole " POLICY
        "proxy spec.ingress[0].from[0]: lets others than the assistant use the proxy, and with it its credentials\n");
    CHANGE("  - to: [{ipBlock: {cidr: 10.0.0.1/32}}]\n", "  - to: []\n",
           "no yes\nelsewhere hole " POLICY
           "proxy spec.egress[2]: lets the proxy reach every address, those inside the cluster too\n");
    CHANGE(
        ", 169.254.0.0/16", "",
        "no yes\nelsewhere hole " POLICY
        "proxy spec.egress[1].to[0]: lets the proxy reach addresses inside the cluster or its cloud: 169.254.0.0/16\n");
    CHANGE(
        "10.0.0.1/32", "10.0.0.0/16",
        "no yes\nelsewhere hole " POLICY
        "proxy spec.egress[2].to[0]: lets the proxy reach addresses inside the cluster or its cloud: 10.0.0.0/8\n");
    CHANGE(
        "10.0.0.1/32", "\"::/0\"",
        "no yes\nelsewhere hole " POLICY
        "proxy spec.egress[2].to[0]: lets the proxy reach addresses inside the cluster or its cloud: fc00::/7\n");
    CHANGE(
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: "
        "kube-dns}}}",
        "{namespaceSelector: {}}",
        "no yes\nelsewhere hole " POLICY
        "proxy spec.egress[0].to[0]: lets the proxy reach pods of every namespace\n");
}

#define DNS                                                                                                               \
    "  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: " \
    "{k8s-app: kube-dns}}}]\n    ports: [{port: 53}]\n"
#define WORKSPACE "NetworkPolicy alice-dev/workspace "

TEST(what_the_workspace_may_reach)
{
    CHANGE("  - to: [{podSelector: {}}]\n", "  - to: []\n",
           "no yes\nelsewhere hole " WORKSPACE
           "spec.egress[0]: lets pods that the assistant starts send anywhere\n");
    CHANGE("  - to: [{podSelector: {}}]\n", "  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n",
           "no yes\nelsewhere hole " WORKSPACE
           "spec.egress[0].to[0]: lets pods that the assistant starts send out of the workspace\n");
    CHANGE_ASSUMED("  - to: [{podSelector: {}}]\n", DNS,
                   "elsewhere assumed " WORKSPACE
                   "spec.egress[0].to[0]: the cluster's DNS carries nothing out: pods that the "
                   "assistant starts may ask it (`workspace: {egress: sealed}` forbids that)\n");
    CHANGE(
        "  - to: [{podSelector: {}}]\n", "  - to: [{namespaceSelector: {}}]\n    ports: [{port: 53}]\n",
        "no yes\nelsewhere hole " WORKSPACE
        "spec.egress[0].to[0]: lets pods that the assistant starts reach others than the cluster's DNS by its port\n");
    CHANGE("  - from: [{podSelector: {}}]\n", "  - {}\n",
           "no yes\nelsewhere hole " WORKSPACE
           "spec.ingress[0]: lets everybody fetch what the assistant offers\n");
    /* The assistant chooses the labels of what it starts. */
    ADD("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: alice-dev}\nspec: {podSelector: "
        "{matchLabels: {app: web}}, egress: [{}]}",
        "no yes\nelsewhere hole NetworkPolicy alice-dev/web spec.egress[0]: lets pods that the assistant starts send anywhere\n");
}

TEST(who_enforces)
{
    CHANGE(
        "{name: calico-node, namespace: kube-system}", "{name: kube-flannel-ds, namespace: kube-flannel}",
        "no yes\nelsewhere hole DaemonSet kube-flannel/kube-flannel-ds : is the cluster's network, and enforces no NetworkPolicy "
        "by itself\n");
    ADD("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: allow}\nspec: {}",
        "no unsure\nelsewhere unsure AdminNetworkPolicy /allow : may let through what NetworkPolicies deny; what it says is not known "
        "here\n");
    char *text = good();
    struct buf out;
    change(text, "calico-node", "unknown", __LINE__);
    buf_init(&out, TEXT_MAX);
    judge(text, &live, &out);
    CHECK(span_starts(buf_span(&out),
                      SPAN_LIT("no unsure\nelsewhere unsure  /network : no DaemonSet of a network")));
    const struct setting told = {.source = WALL_CLUSTER, .enforces = true};
    check(text, &told, "no no\n" IMAGES, __LINE__);
    const struct setting files = {.source = WALL_FILES};
    check(
        text, &files,
        "no no\n" RIGHTS
        "elsewhere assumed  /network : the cluster's network enforces NetworkPolicies, which files cannot show\n" IMAGES,
        __LINE__);
    buf_deinit(&out);
    free(text);
}

#define ADMISSION "ValidatingAdmissionPolicy /clawbox-alice-dev "
#define BINDING   "ValidatingAdmissionPolicyBinding /clawbox-alice-dev "
#define MAY_START ", and the assistant may start pods in alice-dev\n"

TEST(admission)
{
    CHANGE(
        "{pod-security.kubernetes.io/enforce: restricted} # of the workspace", "{}",
        "yes no\nsecrets hole Namespace /alice-dev metadata.labels: Pod Security admits pods that take the node over: label "
        "pod-security.kubernetes.io/enforce: restricted\n");
    CHANGE(
        "{pod-security.kubernetes.io/enforce: restricted} # of the workspace",
        "{pod-security.kubernetes.io/enforce: baseline}",
        "no yes\nelsewhere hole Namespace /alice-dev metadata.labels.pod-security.kubernetes.io/enforce: Pod Security at "
        "\"baseline\" admits pods that have a node mount volumes of any server (nfs, iscsi): label "
        "pod-security.kubernetes.io/enforce: restricted\n");
    CHANGE(
        "failurePolicy: Fail", "failurePolicy: Ignore",
        "yes no\nsecrets hole " ADMISSION
        "spec.failurePolicy: lets everything through when it cannot be evaluated (failurePolicy)" MAY_START);
    CHANGE("[Deny, Audit]", "[Warn, Audit]",
           "yes no\nsecrets hole " BINDING "spec.validationActions: does not deny" MAY_START);
    CHANGE("alice-dev}} # of the binding", "bob-dev}}",
           "yes no\nsecrets hole " BINDING
           "spec.matchResources.namespaceSelector: does not take the workspace's namespace" MAY_START);
    CHANGE("alice-dev}} # of the policy", "bob-dev}}",
           "yes no\nsecrets hole " ADMISSION
           "spec.matchConstraints.namespaceSelector: does not take the workspace's namespace" MAY_START);
    CHANGE("alice-dev}} # of the policy", "alice-dev}}\n    objectSelector: {matchLabels: {checked: 'yes'}}",
           "yes no\nsecrets hole " ADMISSION
           "spec.matchConstraints.objectSelector: leaves objects out" MAY_START);
    CHANGE(
        "resources: [jobs, cronjobs]", "resources: [jobs]",
        "yes no\nsecrets hole " ADMISSION
        "spec.matchConstraints.resourceRules: does not look at what creates and updates cronjobs" MAY_START);
    CHANGE("operations: [CREATE, UPDATE], resources: [pods,", "operations: [CREATE], resources: [pods,",
           "yes no\nsecrets hole " ADMISSION
           "spec.matchConstraints.resourceRules: does not look at what creates and updates pods" MAY_START);
    CHANGE("policyName: clawbox-alice-dev", "policyName: gone",
           "yes no\nsecrets hole " BINDING "spec.policyName: is for a policy that is not there" MAY_START);
    CHANGE("kind: ValidatingAdmissionPolicyBinding", "kind: Other",
           "yes no\nsecrets hole " BINDING
           ": there is neither this nor another one with a policy that refuses pods with Secrets "
           "or other identities" MAY_START);
    CHANGE("operations: [CREATE, UPDATE], resources: [jobs,", "operations: ['*'], resources: [jobs,",
           "no no\n");
    CHANGE("{apiGroups: [batch], apiVersions: [\"*\"],", "{apiGroups: [batch], apiVersions: [v1beta1],",
           "yes no\nsecrets hole " ADMISSION
           "spec.matchConstraints.resourceRules: does not look at what creates and updates jobs" MAY_START);
    CHANGE("  failurePolicy: Fail", "  paramKind: {apiVersion: v1, kind: ConfigMap}",
           "unsure no\nsecrets unsure " ADMISSION
           "spec.validations: is not the policy that this version of clawbox writes, so "
           "what its expressions refuse is not known here: provision alice again\n");
    CHANGE("expression: \"no Secrets\"", "expression: \"true || no Secrets\"",
           "unsure no\nsecrets unsure " ADMISSION
           "spec.validations: is not the policy that this version of clawbox writes, so "
           "what its expressions refuse is not known here: provision alice again\n");
}

/* Who cannot start pods needs none. */
TEST(without_a_right_to_pods)
{
    char *text = good();
    change(text, "verbs: [get, list, watch, create, update, patch, delete]", "verbs: [get]", __LINE__);
    change(text, "verbs: [\"*\"]}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding",
           "verbs: [get]}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding", __LINE__);
    change(text, "kind: ValidatingAdmissionPolicyBinding", "kind: Other", __LINE__);
    check(text, &live, "no no\n", __LINE__);
    free(text);
}

TEST(what_cannot_be_read)
{
    char *text = good();
    const struct setting setting = {.source = WALL_CLUSTER, .unreadable = true};
    check(
        text, &setting,
        "unsure unsure\nsecrets unsure  /roles : cannot be read: forbidden\nelsewhere unsure  /roles : cannot be read: "
        "forbidden\n" IMAGES,
        __LINE__);
    free(text);
    const struct setting none = {.source = WALL_FILES};
    struct buf out;
    buf_init(&out, TEXT_MAX);
    judge("", &none, &out);
    CHECK(span_starts(buf_span(&out), SPAN_LIT("unsure unsure\n")));
    buf_deinit(&out);
}

TEST(what_files_leave_open)
{
    const struct setting files = {.source = WALL_FILES};
    char *text = good();
    static const char twice[] =
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: gateway, namespace: alice-claw}\n";
    static const char nowhere[] = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: gateway}\n";
    (void)snprintf(text + strlen(text), TEXT_MAX - strlen(text), "%s", twice);
    check(
        text, &files,
        "unsure unsure\nsecrets unsure ServiceAccount alice-claw/gateway : stands in the files twice, and which one counts is not "
        "known\nelsewhere unsure ServiceAccount alice-claw/gateway : stands in the files twice, and which one counts is not "
        "known\n" RIGHTS IMAGES,
        __LINE__);
    memcpy(text + strlen(text) - strlen(twice), nowhere, sizeof(nowhere));
    check(
        text, &files,
        "unsure unsure\nsecrets unsure ServiceAccount /gateway : has no namespace in the file, so where it goes is not "
        "known\nelsewhere unsure ServiceAccount /gateway : has no namespace in the file, so where it goes is not known\n" RIGHTS
            IMAGES,
        __LINE__);
    free(text);
}

TEST(what_is_no_object)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    char why[256];
    static const char *const texts[] = {"a: b", "[1]", "kind: Pod\napiVersion: v1",
                                        "apiVersion: v1\nkind: List\nitems: [1]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct wall *wall = wall_new("alice", WALL_FILES);
        CHECK_EQ_INT(conf_tree_read(span_str(texts[i]), &tree, &error), 0);
        CHECK_EQ_INT(wall_add(wall, tree.documents, why, sizeof(why)), CB_EMALFORMED);
        conf_tree_deinit(&tree);
        wall_free(wall);
    }
}

/* Each of these is a hole of that system that is known. */
TEST(what_the_operator_leaves_open)
{
    char *text = load("tests/unit/wall/operator.yaml");
    check(
        text, &live,
        "yes yes\n"
        "secrets hole Namespace /alice-claw metadata.labels: Pod Security admits pods that take the node over: label pod-security.kubernetes.io/enforce: restricted\n"
        "secrets hole Namespace /alice-dev metadata.labels: Pod Security admits pods that take the node over: label pod-security.kubernetes.io/enforce: restricted\n"
        "secrets hole ValidatingAdmissionPolicyBinding /clawbox-alice-dev : there is neither this nor another one with a policy that refuses pods with Secrets or other identities, and the assistant may start pods in alice-dev\n"
        "secrets hole Deployment alice-claw/gateway : runs as the proxy's ServiceAccount: default\n"
        "secrets hole Deployment alice-claw/gateway spec.template.spec.containers[0]: may run as root (runAsNonRoot is not true), and what leaves the container then is root on the node: gateway\n"
        "secrets hole Deployment alice-claw/gateway spec.template.spec.containers[0].envFrom[0].secretRef: has a Secret in its environment: mcp-server\n"
        "secrets hole Deployment alice-claw/gateway spec.template.spec.volumes[0].secret: mounts a Secret: proxy-ca\n"
        "secrets hole NetworkPolicy alice-claw/allow-from-openshift-monitoring spec.ingress[0].from[0]: lets others than the assistant use the proxy, and with it its credentials\n"
        "secrets hole RoleBinding alice-dev/assistant-edit roleRef: lets ServiceAccount default mint tokens of ServiceAccounts in alice-dev (by ClusterRole edit)\n"
        "secrets hole RoleBinding alice-dev/assistant-edit roleRef: lets ServiceAccount default read Secrets in alice-dev (by ClusterRole edit)\n"
        "elsewhere hole NetworkPolicy alice-claw/default-deny : there is none that takes every pod of the namespace and denies Egress\n"
        "elsewhere hole NetworkPolicy alice-claw/egress spec.egress[1].to[0]: lets the assistant ask name servers, and a question carries data out\n"
        "elsewhere hole NetworkPolicy alice-claw/proxy-egress spec.egress[0]: lets the proxy reach every address, those inside the cluster too\n"
        "elsewhere hole NetworkPolicy alice-claw/proxy-egress spec.egress[1].to[0]: lets the proxy reach pods of every namespace\n"
        "elsewhere hole NetworkPolicy alice-dev/default-deny : there is none that takes every pod of the namespace and denies Egress\n"
        "elsewhere hole RoleBinding alice-dev/assistant-edit roleRef: lets ServiceAccount default change NetworkPolicies in alice-dev (by ClusterRole edit)\n"
        "elsewhere hole RoleBinding alice-dev/assistant-edit roleRef: lets ServiceAccount default have the API server send requests to a Service's addresses in alice-dev (by ClusterRole edit)\n"
        "elsewhere unsure  /network : no DaemonSet of a network that is known to enforce NetworkPolicies is there: ask who runs the cluster, or start a pod in a namespace with a default-deny policy and see whether it reaches anything; then: --network-enforces\n"
        "elsewhere assumed Namespace /alice-dev : its nodes pull images from registries that you trust: the name of an image that the assistant starts goes to one\n" WRITES
        "elsewhere assumed NetworkPolicy alice-claw/allow-from-openshift-monitoring spec.ingress[0].from[0]: pods of these namespaces carry nothing out: they may fetch what the assistant offers\n"
        "elsewhere assumed NetworkPolicy alice-claw/ingress spec.ingress[0].from[0]: pods of these namespaces carry nothing out: they may fetch what the assistant offers\n",
        __LINE__);
    free(text);
}

TEST_MAIN()

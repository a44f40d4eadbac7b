/* test_provisioned.c - what is written for a tenant holds, by the judgement of those who did not write it; and what is opened is named. */
#include <stdlib.h>

#include "unit/kube/kube_test.h"
#include "wall/wall.h"

/* "no yes", and of the findings the weights, objects and fields. */
static void judge(struct made *m, enum wall_source source, struct buf *out)
{
    static const char *const weights[] = {"hole", "unsure", "assumed"};
    struct conf_tree trees[64];
    struct conf_tree_error error;
    char why[256];
    size_t count = 0;
    struct wall *wall = wall_new("alice", source);
    for (size_t i = 0; i < m->manifests.file_count && count < 64; i++) {
        CHECK_EQ_INT(conf_tree_read(buf_span(&m->manifests.files[i].content), &trees[count], &error), 0);
        const struct conf_node *document = trees[count++].documents;
        if (!span_ends(span_str(m->manifests.files[i].path), SPAN_LIT("/kustomization.yaml"))) {
            CHECK_EQ_INT(wall_add(wall, document, why, sizeof(why)), 0);
        }
        const struct conf_node *kind = conf_node_get(document, "kind");
        if (kind != NULL && strcmp(kind->text, "ValidatingAdmissionPolicy") == 0) {
            wall_expect_policy(wall, document);
        }
    }
    CHECK_EQ_INT(wall_judge(wall), 0);
    CHECK_EQ_INT(buf_appendf(out, "%s %s\n", wall_answer_text(wall_answer(wall, WALL_SECRETS)),
                             wall_answer_text(wall_answer(wall, WALL_ELSEWHERE))),
                 0);
    size_t found;
    const struct wall_finding *f = wall_findings(wall, &found);
    for (size_t i = 0; i < found; i++) {
        CHECK_EQ_INT(buf_appendf(out, "%s %s %s/%s %s\n", weights[f[i].weight], f[i].kind, f[i].space,
                                 f[i].name, f[i].field),
                     0);
    }
    wall_free(wall);
    for (size_t i = 0; i < count; i++) {
        conf_tree_deinit(&trees[i]);
    }
}

static void check(const char *settings, const char *want, int line)
{
    char text[4096];
    struct buf out;
    buf_init(&out, (size_t)64 * 1024);
    (void)snprintf(text, sizeof(text), KUBE_HEAD KUBE_OPENAI "  kubernetes: %s\n", settings);
    struct made *m = make(text);
    CHECK_EQ_INT(m->r, 0);
    judge(m, WALL_FILES, &out);
    check_eq_bytes(buf_span(&out).ptr, buf_len(&out), want, strlen(want), settings, __FILE__, line);
    made_free(m);
    buf_deinit(&out);
}
#define CHECK_WALL(settings_, want_) check((settings_), (want_), __LINE__)

#define FILES "assumed  /rights \nassumed  /network \n"

#define IMAGES "assumed Namespace /alice-dev \n" /* whose names say something */
#define WRITES "assumed Namespace /alice-dev \n"
#define DNS    "assumed NetworkPolicy alice-dev/workspace spec.egress[1].to[0]\n"

TEST(what_is_written_holds)
{
    CHECK_WALL("{}", "no no\n" FILES IMAGES WRITES DNS);
    CHECK_WALL("{workspace: {egress: sealed}}", "no no\n" FILES IMAGES WRITES);
    CHECK_WALL("{workspace: {exec: true}}", "no no\n" FILES IMAGES WRITES DNS);
    CHECK_WALL("{workspace: {registries: [registry.example/team]}}", "no no\n" FILES WRITES DNS);
    CHECK_WALL("{workspace: {access: none}}", "no no\n" FILES);
    CHECK_WALL("{workspace: {access: view}}", "no no\n" FILES);
    CHECK_WALL("{flavor: openshift, apiServer: ['10.0.0.1/32:6443'], dns: ['169.254.20.10/32:53']}",
               "no no\n" FILES IMAGES WRITES DNS
               "assumed NetworkPolicy alice-dev/workspace spec.egress[2].to[0]\n");
    CHECK_WALL(
        "{ingressFrom: {team: ingress}, metricsFrom: {team: monitoring}, origins: ['https://claw.example.com']}",
        "no no\n" FILES IMAGES WRITES
        "assumed NetworkPolicy alice-claw/gateway spec.ingress[0].from[0]\n" DNS);
}

TEST(what_is_opened_is_named)
{
    CHECK_WALL(
        "{workspace: {egress: open}}",
        "no yes\nhole NetworkPolicy alice-dev/workspace spec.egress[2].to[0]\nhole NetworkPolicy alice-dev/workspace "
        "spec.egress[2].to[1]\n" FILES IMAGES WRITES DNS);
}

/* One text of one file becomes another. */
static void check_broken(const char *end, const char *from, const char *to, const char *want, int line)
{
    struct buf out;
    struct made *m = make(KUBE_HEAD KUBE_OPENAI
                          "  kubernetes: {workspace: {egress: sealed, registries: [registry.example]}}\n");
    buf_init(&out, (size_t)64 * 1024);
    for (size_t i = 0; i < m->manifests.file_count; i++) {
        struct kube_file *file = &m->manifests.files[i];
        const uint8_t *at =
            span_ends(span_str(file->path), span_str(end))
                ? memmem(buf_span(&file->content).ptr, buf_len(&file->content), from, strlen(from))
                : NULL;
        if (at != NULL) {
            struct buf changed;
            struct span text = buf_span(&file->content);
            size_t before = (size_t)(at - text.ptr);
            buf_init(&changed, (size_t)1024 * 1024);
            CHECK_EQ_INT(buf_append(&changed, text.ptr, before), 0);
            CHECK_EQ_INT(buf_append_str(&changed, to), 0);
            CHECK_EQ_INT(buf_append_span(&changed, span_sub(text, before + strlen(from), text.len)), 0);
            buf_deinit(&file->content);
            file->content = changed;
            from = "";
        }
    }
    CHECK_EQ_STR(from, ""); /* it was there */
    judge(m, WALL_FILES, &out);
    check_eq_bytes(buf_span(&out).ptr, buf_len(&out), want, strlen(want), end, __FILE__, line);
    made_free(m);
    buf_deinit(&out);
}
#define CHECK_BROKEN(end_, from_, to_, want_) \
    check_broken((end_), (from_), (to_), want_ FILES WRITES, __LINE__)

/* Whether that says something about images does not count then. */
#define CHECK_BROKEN_POLICY(end_, from_, to_, want_) \
    check_broken((end_), (from_), (to_), want_ FILES IMAGES WRITES, __LINE__)

TEST(what_is_broken_is_named)
{
    CHECK_BROKEN("deployment-gateway.yaml", "serviceAccountName: gateway", "serviceAccountName: proxy",
                 "yes no\nhole Deployment alice-claw/gateway spec.template.spec.serviceAccountName\n");
    CHECK_BROKEN(
        "deployment-gateway.yaml", "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
        "yes no\nhole Deployment alice-claw/gateway spec.template.spec.automountServiceAccountToken\n");
    CHECK_BROKEN(
        "deployment-gateway.yaml", "runAsNonRoot: true", "runAsNonRoot: false",
        "yes no\nhole Deployment alice-claw/gateway spec.template.spec.securityContext.runAsNonRoot\nhole Deployment alice-claw/gateway spec.template.spec.securityContext.runAsNonRoot\n");
    CHECK_BROKEN("dev/20-role.yaml", "pods/log", "secrets",
                 "yes no\nhole Role alice-dev/assistant rules[4]\n");
    CHECK_BROKEN("claw/16-networkpolicy-gateway.yaml", "port: 8080", "port: 8081",
                 "no yes\nhole NetworkPolicy alice-claw/gateway spec.egress[0]\n");
    CHECK_BROKEN("dev/15-networkpolicy-default-deny.yaml", "spec:", "spec:\n  egress: [{}]",
                 "no yes\nhole NetworkPolicy alice-dev/default-deny spec.egress[0]\n");
    CHECK_BROKEN_POLICY("dev/30-validatingadmissionpolicy.yaml", "failurePolicy: Fail",
                        "failurePolicy: Ignore",
                        "yes no\nhole ValidatingAdmissionPolicy /clawbox-alice-dev spec.failurePolicy\n");
    CHECK_BROKEN_POLICY(
        "dev/31-validatingadmissionpolicybinding.yaml", "Deny", "Warn",
        "yes no\nhole ValidatingAdmissionPolicyBinding /clawbox-alice-dev spec.validationActions\n");
    CHECK_BROKEN("dev/00-namespace.yaml", "enforce: restricted", "enforce: privileged",
                 "yes no\nhole Namespace /alice-dev metadata.labels.pod-security.kubernetes.io/enforce\n");
}

TEST_MAIN()

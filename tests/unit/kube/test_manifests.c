/* test_manifests.c - the files as a whole: which there are, that they are YAML of the right shape, the same bytes again. */
#include <stdlib.h>

#include "kube_test.h"

#define FULL                                                                                     \
    KUBE_HEAD KUBE_OPENAI                                                                        \
        "  - {provider: telegram, credential: telegram}\n"                                       \
        "  - {provider: vertex, credential: vertex}\n"                                           \
        "  - {name: llm, host: llm.internal.example, upstream: {address: '10.20.30.40:8443'},\n" \
        "     inject: {bearer: true}, credential: internal}\n"                                   \
        "  kubernetes: {apiServer: ['10.0.0.1/32:6443'], model: openai/gpt-5.5}\n"

static const char *const kinds_of_claw[] = {"Namespace",          "ServiceAccount", "ResourceQuota",
                                            "LimitRange",         "NetworkPolicy",  "ConfigMap",
                                            "Deployment",         "Service",        "PersistentVolumeClaim",
                                            "PodDisruptionBudget"};

/* Each file is one object with a name, in the namespace of its folder or without one. */
static void check_object(const struct kube_file *file, const struct conf_node *object)
{
    const struct conf_node *metadata = conf_node_get(object, "metadata");
    const struct conf_node *kind = conf_node_get(object, "kind");
    const struct conf_node *space = conf_node_get(metadata, "namespace");
    const struct conf_node *labels = conf_node_get(metadata, "labels");
    bool claw = strstr(file->path, "/claw/") != NULL;
    if (!CHECK(kind != NULL && conf_node_get(metadata, "name") != NULL && labels != NULL)) {
        printf("%s\n", file->path);
        return;
    }
    if (space != NULL) {
        CHECK_EQ_STR(space->text, claw ? "alice-claw" : "alice-dev");
    } else {
        CHECK(strcmp(kind->text, "Namespace") == 0 || strncmp(kind->text, "Validating", 10) == 0);
    }
    CHECK_EQ_STR(conf_node_get(labels, "clawbox/tenant")->text, "alice");
    CHECK_EQ_STR(conf_node_get(labels, "app.kubernetes.io/managed-by")->text, "clawbox");
}

TEST(every_file_is_one_object)
{
    struct made *m = make(FULL);
    size_t kustomizations = 0;
    if (!CHECK_EQ_INT(m->r, 0)) {
        printf("%.*s\n", (int)buf_len(&m->why), (const char *)buf_span(&m->why).ptr);
    }
    for (size_t i = 0; i < m->manifests.file_count; i++) {
        const struct kube_file *file = &m->manifests.files[i];
        struct conf_tree tree;
        struct conf_tree_error error;
        CHECK(strncmp(file->path, "alice/", 6) == 0 && strstr(file->path, "..") == NULL);
        if (!CHECK_EQ_INT(conf_tree_read(buf_span(&file->content), &tree, &error), 0)) {
            printf("%s:%zu: %s\n", file->path, error.line, error.message);
            continue;
        }
        CHECK(tree.documents != NULL && tree.documents->next == NULL);
        if (span_ends(span_str(file->path), SPAN_LIT("kustomization.yaml"))) {
            kustomizations++;
        } else {
            check_object(file, tree.documents);
        }
        conf_tree_deinit(&tree);
    }
    CHECK_EQ_UINT(kustomizations, 3);
    for (size_t i = 0; i < sizeof(kinds_of_claw) / sizeof(kinds_of_claw[0]); i++) {
        char line[64];
        bool found = false;
        (void)snprintf(line, sizeof(line), "\nkind: %s\n", kinds_of_claw[i]);
        for (size_t j = 0; j < m->manifests.file_count; j++) {
            struct span text = buf_span(&m->manifests.files[j].content);
            found = found || memmem(text.ptr, text.len, line, strlen(line)) != NULL;
        }
        CHECK(found);
    }
    made_free(m);
}

TEST(the_same_bytes_again)
{
    struct made *a = make(FULL);
    struct made *b = make(FULL);
    CHECK_EQ_UINT(a->manifests.file_count, b->manifests.file_count);
    for (size_t i = 0; i < a->manifests.file_count && i < b->manifests.file_count; i++) {
        CHECK_EQ_STR(a->manifests.files[i].path, b->manifests.files[i].path);
        CHECK(span_eq(buf_span(&a->manifests.files[i].content), buf_span(&b->manifests.files[i].content)));
    }
    made_free(a);
    made_free(b);
}

TEST(a_placeholder_that_is_missing_is_said)
{
    struct made *m = make(FULL);
    kube_manifests_deinit(&m->manifests);
    m->tenant.placeholder_count--;
    CHECK_EQ_INT(kube_manifests_make(&m->tenant, &m->manifests, &m->why), CB_EINVAL);
    CHECK_EQ_UINT(m->manifests.file_count, 0);
    CHECK(buf_len(&m->why) != 0);
    made_free(m);
}

static struct made *with_certificates(int count)
{
    static char text[64 * 1024];
    size_t used = (size_t)snprintf(text, sizeof(text), KUBE_HEAD);
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "  - {host: a%d.example, upstream: {caFile: /big.pem}}\n", i);
    }
    return make(text);
}

static bool has_note(const struct made *m, const char *part)
{
    for (size_t i = 0; i < m->manifests.note_count; i++) {
        if (strstr(m->manifests.notes[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

/* An object that an API server would not take is said before anything is written. */
TEST(what_is_too_large)
{
    struct made *m = with_certificates(1);
    CHECK_EQ_INT(m->r, 0);
    CHECK(!has_note(m, "--server-side"));
    made_free(m);
    m = with_certificates(10);
    CHECK_EQ_INT(m->r, 0);
    CHECK(has_note(m, "--server-side"));
    made_free(m);
    m = with_certificates(30);
    CHECK_EQ_INT(m->r, CB_ELIMIT);
    CHECK_EQ_UINT(m->manifests.file_count, 0);
    CHECK(memmem(buf_span(&m->why).ptr, buf_len(&m->why), "1 MiB", 5) != NULL);
    made_free(m);
}

TEST_MAIN()

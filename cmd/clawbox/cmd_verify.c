/*
 * cmd_verify.c - clawbox verify: whether a tenant's two namespaces hold, asked of the cluster or of files. Exit code 0 only when both
 * answers are "no".
 */
#include "cmd.h"
#include "verify_read.h"

#include "base/json.h"
#include "kube/kube.h"

static const char *const questions[WALL_QUESTION__COUNT][2] = {
    {"secrets", "can the assistant read its own secrets?"},
    {"elsewhere", "can it send data anywhere else?"},
};
static const char *const weights[WALL_WEIGHT__COUNT][2] = {
    {"hole", "opens a hole"},
    {"unsure", "not known"},
    {"assumed", "as long as"},
};

static const char *answer_of(const struct wall *wall, int question)
{
    return wall_answer_text(wall_answer(wall, (enum wall_question)question));
}

/* ---- printing ---- */

static void print_object(const struct wall_finding *f)
{
    const char *const parts[] = {
        f->kind, f->kind[0] != '\0' ? " " : "",   f->space, f->space[0] != '\0' ? "/" : "",
        f->name, f->field[0] != '\0' ? ": " : "", f->field};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        cmd_print_text(stdout, span_str(parts[i]));
    }
}

static void print_text(const struct wall *wall, const char *tenant)
{
    size_t count;
    const struct wall_finding *findings = wall_findings(wall, &count);
    (void)printf("%s: %s %s\n", tenant, questions[0][1], answer_of(wall, 0));
    (void)printf("%s: %s %s\n", tenant, questions[1][1], answer_of(wall, 1));
    for (size_t i = 0; i < count; i++) {
        const struct wall_finding *f = &findings[i];
        bool first = i == 0 || findings[i - 1].weight != f->weight || findings[i - 1].question != f->question;
        if (first) {
            (void)printf("\n%s (%s):\n", weights[f->weight][1], questions[f->question][1]);
        }
        (void)fputs("  ", stdout);
        print_object(f);
        (void)fputs("\n      ", stdout);
        cmd_print_text(stdout, span_str(f->text));
        (void)fputc('\n', stdout);
    }
}

static int print_json(const struct wall *wall, const char *tenant, bool files)
{
    struct json j;
    struct buf out;
    size_t count;
    const struct wall_finding *findings = wall_findings(wall, &count);
    buf_init(&out, (size_t)16 * 1024 * 1024);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_text(&j, "tenant", span_str(tenant));
    json_text(&j, "source", span_str(files ? "files" : "cluster"));
    json_object(&j, "answers");
    for (int q = 0; q < WALL_QUESTION__COUNT; q++) {
        json_text(&j, questions[q][0], span_str(answer_of(wall, q)));
    }
    json_object_end(&j);
    json_array(&j, "findings");
    for (size_t i = 0; i < count; i++) {
        const struct wall_finding *f = &findings[i];
        json_object(&j, NULL);
        json_text(&j, "question", span_str(questions[f->question][0]));
        json_text(&j, "weight", span_str(weights[f->weight][0]));
        json_text(&j, "kind", span_str(f->kind));
        json_text(&j, "namespace", span_str(f->space));
        json_text(&j, "name", span_str(f->name));
        json_text(&j, "field", span_str(f->field));
        json_text(&j, "text", span_str(f->text));
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    if (r == 0) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return r;
}

/* ---- what clawbox itself would write ---- */

#define POLICY_KIND "ValidatingAdmissionPolicy"

static int expect(struct wall *wall, const struct kube_manifests *manifests, struct verify_trees *trees)
{
    for (size_t i = 0; i < manifests->file_count; i++) {
        const struct kube_file *file = &manifests->files[i];
        const struct conf_tree *tree = NULL;
        int status = verify_read_text(buf_span(&file->content), file->path, trees, &tree);
        if (status != CMD_GO) {
            return status;
        }
        const struct conf_node *kind =
            tree->documents != NULL ? conf_node_get(tree->documents, "kind") : NULL;
        if (kind != NULL && kind->text != NULL && strcmp(kind->text, POLICY_KIND) == 0) {
            wall_expect_policy(wall, tree->documents);
        }
    }
    return CMD_GO;
}

/* The admission policy is the same for every tenant but for names and the flavor, so one without anything has it, too. */
static int expect_flavor(struct wall *wall, const struct spec *spec, enum conf_kube_flavor flavor,
                         struct verify_trees *trees)
{
    const struct conf_kubernetes settings = {.present = true, .flavor = flavor};
    const struct kube_tenant input = {.spec = spec, .settings = &settings, .version = "0"};
    struct kube_manifests manifests = {0};
    struct buf why;
    buf_init(&why, 1024);
    int status = CMD_GO;
    int r = kube_manifests_make(&input, &manifests, &why);
    if (r == 0) {
        status = expect(wall, &manifests, trees);
    } else {
        status = buf_len(&why) != 0 ? cmd_fail("%.*s", SPAN_ARG(buf_span(&why)))
                                    : cmd_fail_r(r, "the manifests of %s cannot be made", spec->tenant);
    }
    kube_manifests_deinit(&manifests);
    buf_deinit(&why);
    return status;
}

static int expect_policies(struct wall *wall, const char *tenant, struct verify_trees *trees)
{
    struct spec *spec = spec_new();
    int status = spec != NULL && (spec->tenant = strdup(tenant)) != NULL
                     ? CMD_GO
                     : cmd_fail_r(CB_ENOMEM, "%s", tenant);
    for (int flavor = 0; status == CMD_GO && flavor < CONF_KUBE_FLAVOR__COUNT; flavor++) {
        status = expect_flavor(wall, spec, (enum conf_kube_flavor)flavor, trees);
    }
    spec_free(spec);
    return status;
}

/* ---- the command ---- */

struct verify {
    const char *tenant;
    const char *file;
    const char *kubeconfig;
    const char *context;
    bool enforces;
    bool json;
};

static int judge(const struct verify *v, struct wall *wall)
{
    int r = wall_judge(wall);
    if (r == 0 && v->json) {
        r = print_json(wall, v->tenant, v->file != NULL);
    } else if (r == 0) {
        print_text(wall, v->tenant);
    }
    if (r != 0) {
        return cmd_fail_r(r, "the objects of %s cannot be judged", v->tenant);
    }
    bool both =
        wall_answer(wall, WALL_SECRETS) >= WALL_ASSUMED && wall_answer(wall, WALL_ELSEWHERE) >= WALL_ASSUMED;
    return both ? CMD_DONE : CMD_FAILED;
}

static int verify(const struct verify *v)
{
    struct verify_trees trees = {0};
    struct wall *wall = wall_new(v->tenant, v->file != NULL ? WALL_FILES : WALL_CLUSTER);
    if (wall == NULL) {
        return cmd_fail_r(CB_ENOMEM, "%s", v->tenant);
    }
    if (v->enforces) {
        wall_network_enforces(wall);
    }
    int status = expect_policies(wall, v->tenant, &trees);
    if (status == CMD_GO) {
        status = v->file != NULL ? verify_read_files(wall, v->file, &trees)
                                 : verify_read_cluster(wall, v->tenant, v->kubeconfig, v->context, &trees);
    }
    status = status == CMD_GO ? judge(v, wall) : status;
    wall_free(wall);
    verify_trees_deinit(&trees);
    return status;
}

int cmd_verify(int argc, char **argv)
{
    struct verify v = {.tenant = NULL};
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = &v.file},
        {.name = "kubeconfig", .value = &v.kubeconfig},
        {.name = "context", .value = &v.context},
        {.name = "network-enforces", .flag = &v.enforces},
        {.name = "json", .flag = &v.json},
    };
    const struct cmd_usage usage = {
        .command = "verify",
        .line = "verify NAME [--kubeconfig FILE] [--context CONTEXT] | [-f DIR] [--json]",
        .min = 1,
        .max = 1,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    if (v.file != NULL && (v.kubeconfig != NULL || v.context != NULL)) {
        return cmd_wrong_usage("verify", "either files (-f) or a cluster (--kubeconfig, --context)");
    }
    v.tenant = line.args[0];
    return verify(&v);
}

/* cmd_tenant_test.c - clawbox tenant test: policy tests against a tenant file, without a server. */
#include "cmd.h"
#include "policy_source.h"
#include "tenant.h"
#include "tenant_file.h"

#include "base/json.h"
#include "review/cases.h"

#include <stdlib.h>

#define FILES_MAX 256

/* One run over several files of tests. */
struct run {
    const char *tenant_path;
    struct conf_tenants tenants;
    struct review_policy **policies; /* of the tenants, in their order */
    size_t passed;
    size_t failed;
    bool json;
    struct json out;
};

static int compile(struct run *run)
{
    run->policies = calloc(run->tenants.count + 1, sizeof(struct review_policy *));
    int status = run->policies != NULL ? CMD_GO : cmd_fail_r(CB_ENOMEM, "the policies cannot be read");
    for (size_t i = 0; status == CMD_GO && i < run->tenants.count; i++) {
        char name[SPEC_NAME_MAX + 1];
        (void)snprintf(name, sizeof(name), "%s", run->tenants.specs[i]->tenant);
        status = policy_from_tenants(&run->tenants, run->tenant_path, name, &run->policies[i]);
    }
    return status;
}

static const struct review_policy *policy_of(const struct run *run, const char *tenant)
{
    if (tenant == NULL) {
        return run->tenants.count == 1 ? run->policies[0] : NULL;
    }
    for (size_t i = 0; i < run->tenants.count; i++) {
        if (strcmp(run->policies[i]->spec->tenant, tenant) == 0) {
            return run->policies[i];
        }
    }
    return NULL;
}

static void print_failure(const char *path, const struct review_case *test,
                          const struct review_result *result)
{
    (void)printf("%s:%zu:%zu: ", path, test->line, test->column);
    if (test->name != NULL) {
        cmd_print_text(stdout, span_str(test->name));
    } else {
        cmd_print_text(stdout, test->method);
        (void)fputc(' ', stdout);
        cmd_print_text(stdout, test->url);
    }
    (void)fputs(": ", stdout);
    cmd_print_text(stdout, span_str(result->why));
    (void)fputc('\n', stdout);
}

static void json_result(struct json *j, const char *path, const struct review_case *test,
                        const struct review_result *result)
{
    json_object(j, NULL);
    json_text(j, "file", span_str(path));
    json_number(j, "line", test->line);
    if (test->name != NULL) {
        json_text(j, "name", span_str(test->name));
    } else {
        json_null(j, "name");
    }
    json_text(j, "method", test->method);
    json_text(j, "url", test->url);
    json_bool(j, "passed", result->passed);
    json_text(j, "verdict", span_str(policy_verdict_name(policy_reason_verdict(result->reason))));
    json_text(j, "reason", span_str(policy_reason_name(result->reason)));
    if (result->route != NULL) {
        json_text(j, "route", span_str(result->route));
    } else {
        json_null(j, "route");
    }
    json_text(j, "why", span_str(result->why));
    json_object_end(j);
}

static int run_case(struct run *run, const char *path, const struct review_case *test)
{
    struct review_result result;
    const struct review_policy *policy = policy_of(run, test->tenant);
    if (policy == NULL && test->tenant == NULL) {
        return cmd_fail("%s:%zu: %s has %zu tenants: say in the tests which one is meant (spec.tenant)", path,
                        test->line, run->tenant_path, run->tenants.count);
    }
    if (policy == NULL) {
        return cmd_fail("%s:%zu: %s has no tenant \"%s\"", path, test->line, run->tenant_path, test->tenant);
    }
    int r = review_case_run(policy, test, &result);
    if (r != 0) {
        return cmd_fail_r(r, "%s:%zu: the test cannot be run", path, test->line);
    }
    run->passed += result.passed ? 1 : 0;
    run->failed += result.passed ? 0 : 1;
    if (run->json) {
        json_result(&run->out, path, test, &result);
    } else if (!result.passed) {
        print_failure(path, test, &result);
    }
    return CMD_GO;
}

static int run_file(struct run *run, const char *path)
{
    struct buf text;
    struct buf errors;
    struct review_cases cases = {.count = 0};
    buf_init(&text, CONF_TREE_BYTES_MAX);
    buf_init(&errors, (size_t)256 * 1024);
    int r = tenant_file_slurp(path, &text);
    int status = r == 0 ? CMD_GO : cmd_fail_r(r, "cannot read %s", path);
    if (status == CMD_GO && (r = review_cases_load(buf_span(&text), path, &cases, &errors)) != 0) {
        (void)fwrite(buf_span(&errors).ptr, 1, buf_len(&errors), stderr);
        status = r == CB_ECONFIG ? cmd_fail("%s is not a valid file of policy tests", path)
                                 : cmd_fail_r(r, "cannot read %s", path);
    }
    for (size_t i = 0; status == CMD_GO && i < cases.count; i++) {
        status = run_case(run, path, &cases.list[i]);
    }
    review_cases_deinit(&cases);
    buf_deinit(&errors);
    buf_deinit(&text);
    return status;
}

static int run_files(struct run *run, const char *const *files, size_t count)
{
    struct buf out;
    buf_init(&out, (size_t)64 * 1024 * 1024);
    json_init(&run->out, &out);
    json_object(&run->out, NULL);
    json_array(&run->out, "tests");
    int status = CMD_GO;
    for (size_t i = 0; status == CMD_GO && i < count; i++) {
        status = run_file(run, files[i]);
    }
    json_array_end(&run->out);
    json_number(&run->out, "passed", run->passed);
    json_number(&run->out, "failed", run->failed);
    json_object_end(&run->out);
    int r = json_finish(&run->out);
    if (status == CMD_GO && r != 0) {
        status = cmd_fail_r(r, "the results cannot be printed");
    }
    if (status == CMD_GO && run->json) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    } else if (status == CMD_GO) {
        (void)printf("%zu passed, %zu failed\n", run->passed, run->failed);
    }
    buf_deinit(&out);
    return status != CMD_GO ? status : run->failed == 0 ? CMD_DONE : CMD_FAILED;
}

int tenant_test(int argc, char **argv)
{
    const char *files[FILES_MAX];
    size_t count = 0;
    struct run run = {.tenant_path = NULL};
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = &run.tenant_path},
        {.name = "tests", .letter = 't', .value = files, .count = &count, .max = FILES_MAX},
        {.name = "json", .flag = &run.json},
    };
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant test -f FILE -t TESTS [-t TESTS ...] [--json]",
                                    .options = options,
                                    .option_count = 3};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    if (run.tenant_path == NULL || count == 0) {
        return cmd_wrong_usage("tenant", "which file? It is: clawbox %s", usage.line);
    }
    r = tenant_file_load(run.tenant_path, &run.tenants);
    r = r == CMD_GO ? compile(&run) : r;
    r = r == CMD_GO ? run_files(&run, files, count) : r;
    for (size_t i = 0; run.policies != NULL && i < run.tenants.count; i++) {
        review_policy_free(run.policies[i]);
    }
    free(run.policies);
    conf_tenants_deinit(&run.tenants);
    return r;
}

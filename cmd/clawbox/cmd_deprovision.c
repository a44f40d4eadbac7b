/*
 * cmd_deprovision.c - clawbox deprovision: the way back. What is to be deleted in the cluster is said, in the order in which nothing is
 * left without a guard on the way; only files that clawbox provision wrote are removed, and what cannot be made again is kept.
 */
#include "control.h"
#include "provision.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool has_file(const struct provision_files *files, const char *part)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strstr(files->items[i].path, part) != NULL) {
            return true;
        }
    }
    return false;
}

/* The agent first, then what it could have started; the policy goes after the namespace that it guards. */
static void print_steps(const char *name, const struct provision_files *files)
{
    (void)printf(
        "in the cluster, in this order:\n"
        "  kubectl --namespace %s-claw delete deployment gateway\n"
        "  kubectl delete namespace %s-dev\n"
        "  kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy clawbox-%s-dev\n"
        "  kubectl --namespace %s-claw delete deployment,service,poddisruptionbudget,configmap%s --selector "
        "app.kubernetes.io/instance=%s,app.kubernetes.io/managed-by=clawbox\n"
        "The namespace %s-claw stays with its volumes (what the assistant remembers; the audit) and its Secrets, without "
        "which the proxy's volume does not open. When nothing of it is wanted any more:\n"
        "  kubectl delete namespace %s-claw\n",
        name, name, name, name, has_file(files, "-route-") ? ",route" : "", name, name, name);
}

static int remove_tenant(const char *state, const char *name)
{
    char target[128];
    struct control_answer answer;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", name);
    struct control_request request = {.method = "DELETE", .target = target, .absent_is_fine = true};
    int r = control_ask(state, &request, &answer);
    if (r == CMD_GO) {
        (void)printf("tenant %s: %s\n", name, answer.status == 404 ? "is not there" : "removed");
        control_answer_deinit(&answer);
    }
    return r;
}

/* The folder goes when nothing is left in it. */
static int remove_folder(const char *dir, const char *name)
{
    int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = top < 0 || unlinkat(top, name, AT_REMOVEDIR) != 0 ? -errno : 0;
    if (top >= 0) {
        (void)close(top);
    }
    if (r == -ENOTEMPTY || r == -EEXIST) {
        cmd_say("%s/%s stays, because " PROVISION_SECRETS
                " is in it: its keys open the volume in the cluster",
                dir, name);
        r = 0;
    }
    return r == 0 || r == -ENOENT ? CMD_GO : cmd_fail_r(r, "%s/%s cannot be removed", dir, name);
}

struct options {
    const char *out;
    bool tenant;
    bool yes;
};

static int ask(const struct options *o, const char *name)
{
    char question[256];
    if (!o->tenant || o->yes) {
        return CMD_GO;
    }
    if (isatty(STDIN_FILENO) != 1) {
        return cmd_wrong_usage("deprovision",
                               "nobody is here to ask: to remove %s with its credentials, say --yes", name);
    }
    (void)snprintf(question, sizeof(question), "Remove the tenant %s with its credentials as well?", name);
    return cmd_confirm(question) ? CMD_GO : cmd_fail("nothing was removed");
}

static int deprovision(const struct options *o, const char *state, const char *name,
                       struct provision_files *files)
{
    int r = provision_files_compare(o->out, name, files);
    r = r == CMD_GO ? ask(o, name) : r;
    if (r == CMD_GO && o->tenant) {
        r = remove_tenant(state, name);
    }
    if (r != CMD_GO) {
        return r;
    }
    if (files->count != 0) {
        r = provision_files_write(o->out, name, files);
        r = r == CMD_GO ? remove_folder(o->out, name) : r;
    }
    if (r == CMD_GO) {
        (void)printf("%s/%s: %zu files removed\n", o->out, name, files->count);
        print_steps(name, files);
    }
    return r;
}

int cmd_deprovision(int argc, char **argv)
{
    struct options o = {.out = "."};
    const struct cmd_option options[] = {{.name = "out", .letter = 'o', .value = &o.out},
                                         {.name = "tenant", .flag = &o.tenant},
                                         {.name = "yes", .letter = 'y', .flag = &o.yes}};
    const struct cmd_usage usage = {.command = "deprovision",
                                    .line = "deprovision NAME [--out DIR] [--tenant] [--yes]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 3};
    struct cmd_line line;
    struct provision_files files = {0};
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    r = deprovision(&o, line.state, line.args[0], &files);
    provision_files_deinit(&files);
    return r == CMD_GO ? CMD_DONE : r;
}

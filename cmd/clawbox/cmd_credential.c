/*
 * cmd_credential.c - clawbox credential: set, ls, rm.
 *
 * `set` seals here: what leaves this process is a box that only the vault opens, and the hosts that it may go to are
 * inside. So neither the control socket nor the database ever carries the value.
 */
#include "control.h"
#include "credential.h"
#include "credential_seal.h"
#include "prompt.h"
#include "table.h"

#include <unistd.h>

/* Seals it, and says from what was sealed where it may go: that is what holds. */
static int seal_and_put(const struct credential_target *target, const struct credential_prepared *p,
                        const struct secret *value, bool json)
{
    struct control_answer answer;
    int r = credential_seal(target, p, value, &answer);
    if (r != CMD_GO) {
        return r;
    }
    if (json) {
        control_print_body(&answer);
    } else {
        struct span lines = buf_span(&p->binding);
        (void)printf("%s is set; it may go to: ", target->name);
        for (struct span line; credential_next_line(&lines, &line);) {
            (void)printf("%.*s%s", SPAN_ARG(line), lines.len != 0 ? ", " : "\n");
        }
    }
    control_answer_deinit(&answer);
    return CMD_DONE;
}

/* How often a followed file is read. Tokens of Kubernetes are replaced long before they end, by swapping a link of their
 * directory, which no watch on the file itself would notice. */
#define FOLLOW_EVERY_S 1

/* The file has another value than *last: sets it, and keeps it. CMD_FAILED ends the following. */
static int follow_change(const struct credential_target *target, const char *path, struct span binding,
                         struct secret **last)
{
    struct credential_prepared p;
    struct secret *value = NULL;
    if (prompt_file(path, &value) != CMD_GO) {
        return CMD_GO; /* said already; it may be there again the next time */
    }
    if (secret_eq(secret_span(value), secret_span(*last)) || credential_prepare(target, &p) != CMD_GO) {
        secret_free(value);
        return CMD_GO;
    }
    /* Who edits routes must not get a secret by waiting for its next value. */
    int r = span_eq(buf_span(&p.binding), binding)
                ? seal_and_put(target, &p, value, false)
                : cmd_fail("the routes now send %s elsewhere: start again to bind it to that", target->name);
    credential_prepared_deinit(&p);
    if (r == CMD_DONE) {
        struct secret *old = *last;
        *last = value;
        value = old;
        r = CMD_GO;
    }
    secret_free(value);
    (void)fflush(stdout);
    return r;
}

static int set_from_file(const struct credential_target *target, const char *path, bool follow, bool json)
{
    struct credential_prepared p;
    struct secret *value = NULL;
    int r = tls_init();
    if (r != 0) {
        return cmd_fail_r(r, "%s cannot be set", target->name);
    }
    if ((r = prompt_file(path, &value)) != CMD_GO) {
        return r;
    }
    if ((r = credential_prepare(target, &p)) != CMD_GO) {
        secret_free(value);
        return r;
    }
    r = seal_and_put(target, &p, value, json);
    (void)fflush(stdout);
    while (follow && (r == CMD_DONE || r == CMD_GO)) {
        (void)sleep(FOLLOW_EVERY_S);
        r = follow_change(target, path, buf_span(&p.binding), &value);
    }
    secret_free(value);
    credential_prepared_deinit(&p);
    return r;
}

static int set(const struct credential_target *target, bool json)
{
    struct credential_prepared p;
    struct secret *value = NULL;
    struct buf question;
    int r = credential_prepare(target, &p);
    if (r != CMD_GO) {
        return r;
    }
    buf_init(&question, (size_t)256 * 1024);
    /* Said before anything is typed: whoever sets a credential decides with it where it may go. */
    r = buf_appendf(&question, "%s will go to: ", target->name);
    struct span lines = buf_span(&p.binding);
    for (struct span line; r == 0 && credential_next_line(&lines, &line);) {
        r = buf_appendf(&question, "%.*s%s", SPAN_ARG(line), lines.len != 0 ? ", " : "\n");
    }
    r = r == 0 ? buf_appendf(&question, "Value (it is not shown): ") : r;
    r = r == 0 ? buf_append_byte(&question, '\0') : r;
    r = r == 0 ? tls_init() : r;
    if (r != 0) {
        r = cmd_fail_r(r, "%s cannot be set", target->name);
        goto out;
    }
    r = p.client_certificate ? prompt_identity(&value)
                             : prompt_secret((const char *)buf_span(&question).ptr, &value);
    if (r != CMD_GO) {
        goto out;
    }
    r = seal_and_put(target, &p, value, json);
    secret_free(value);
out:
    buf_deinit(&question);
    credential_prepared_deinit(&p);
    return r;
}

static int parse(const struct cmd_usage *usage, int argc, char **argv, struct cmd_line *line,
                 struct credential_target *target)
{
    int r = cmd_line_parse(usage, argc, argv, line);
    r = r == CMD_GO ? cmd_check_name("tenant", line->args[0]) : r;
    r = r == CMD_GO && line->arg_count > 1 ? cmd_check_name("credential", line->args[1]) : r;
    if (r != CMD_GO) {
        return r;
    }
    credential_target_make(line->state, line->args[0], line->arg_count > 1 ? line->args[1] : "", target);
    return CMD_GO;
}

static int credential_set(int argc, char **argv)
{
    bool json = false;
    bool follow = false;
    const char *file = NULL;
    const struct cmd_option options[] = {{.name = "json", .flag = &json},
                                         {.name = "from-file", .value = &file},
                                         {.name = "follow", .flag = &follow}};
    const struct cmd_usage usage = {
        .command = "credential",
        .line = "credential set TENANT CREDENTIAL < FILE (the value is never an argument)",
        .min = 2,
        .max = 2,
        .options = options,
        .option_count = 3};
    struct cmd_line line;
    struct credential_target target;
    int r = parse(&usage, argc, argv, &line, &target);
    if (r != CMD_GO) {
        return r;
    }
    if (follow && file == NULL) {
        return cmd_wrong_usage("credential", "--follow needs --from-file FILE");
    }
    return file != NULL ? set_from_file(&target, file, follow, json) : set(&target, json);
}

static int credential_ls(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {.command = "credential",
                                    .line = "credential ls TENANT [--json]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 1};
    struct cmd_line line;
    struct credential_target target;
    struct control_answer answer;
    int r = parse(&usage, argc, argv, &line, &target);
    if (r != CMD_GO) {
        return r;
    }
    struct control_request request = {.method = "GET", .target = target.path};
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    if (json) {
        control_print_body(&answer);
    } else if ((r = control_answer_read(&answer)) == CMD_GO) {
        if (control_first(control_answer_root(&answer), "credentials") == NULL) {
            cmd_say("the routes of %s use no credential", target.tenant);
        } else {
            r = credential_print_table(control_answer_root(&answer));
        }
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

static int credential_rm(int argc, char **argv)
{
    const struct cmd_usage usage = {
        .command = "credential", .line = "credential rm TENANT CREDENTIAL", .min = 2, .max = 2};
    struct cmd_line line;
    struct credential_target target;
    struct control_answer answer;
    int r = parse(&usage, argc, argv, &line, &target);
    if (r != CMD_GO) {
        return r;
    }
    struct control_request request = {.method = "DELETE", .target = target.path};
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    control_answer_deinit(&answer);
    (void)printf("%s is removed; requests that need it are answered with 503 until it is set again\n",
                 target.name);
    return CMD_DONE;
}

int credential_print_table(const struct conf_node *answer)
{
    static const char *const titles[] = {"CREDENTIAL", "SET", "MAY GO TO", "VARIABLE"};
    struct table t;
    table_init(&t, titles, 4);
    for (const struct conf_node *credential = control_first(answer, "credentials"); credential != NULL;
         credential = credential->next) {
        const char *set_at = control_text(credential, "set");
        table_cell(&t, span_str(control_text(credential, "name")));
        table_cell(&t, span_str(set_at[0] != '\0' ? set_at : "not yet"));
        table_cell_joined(&t, conf_node_get(credential, "bound_to"), ", ");
        table_cell(&t, span_str(control_text(credential, "env")));
    }
    int r = table_print(&t, stdout);
    table_deinit(&t);
    return r;
}

int cmd_credential(int argc, char **argv)
{
    static const struct cmd_verb verbs[] = {
        {"set", credential_set}, {"ls", credential_ls}, {"rm", credential_rm}};
    return cmd_verb_run(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

/* cmd_tenant.c - clawbox tenant: apply, ls, show, suspend, resume, rotate-ca, rm. The other verbs are in tenant.h. */
#include "control.h"
#include "credential.h"
#include "table.h"
#include "tenant.h"
#include "tenant_file.h"

#include "base/json.h"

#include <unistd.h>

#define FILES_MAX 256
/* Tenants asked for at once: what the reader of answers takes is bounded (conf/tree.h). */
#define PAGE 500

/* ---- apply ---- */

static void print_results(const struct control_answer *answer)
{
    for (const struct conf_node *tenant = control_first(control_answer_root(answer), "tenants");
         tenant != NULL; tenant = tenant->next) {
        (void)printf("tenant %s: %s\n", control_text(tenant, "name"), control_text(tenant, "result"));
    }
}

static int apply_one(const char *state, struct span body, bool json)
{
    struct control_request request = {.method = "POST", .target = "/v1/tenants:apply", .body = body};
    struct control_answer answer;
    int r = control_ask(state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    if (json) {
        control_print_body(&answer);
    } else if ((r = control_answer_read(&answer)) == CMD_GO) {
        print_results(&answer);
    }
    control_answer_deinit(&answer);
    return r;
}

static int tenant_apply(int argc, char **argv)
{
    const char *files[FILES_MAX];
    size_t count = 0;
    bool json = false;
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = files, .count = &count, .max = FILES_MAX},
        {.name = "json", .flag = &json},
    };
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant apply -f FILE [-f FILE ...]",
                                    .options = options,
                                    .option_count = 2};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    if (count == 0) {
        return cmd_wrong_usage("tenant", "which file? It is: clawbox %s", usage.line);
    }
    /* All files are read before the first is sent: a missing one shall not be noticed half way. */
    struct buf bodies[FILES_MAX];
    size_t read = 0;
    for (; read < count && r == CMD_GO; read++) {
        r = tenant_file_read(files[read], &bodies[read]);
    }
    for (size_t i = 0; i < count && r == CMD_GO; i++) {
        r = apply_one(line.state, buf_span(&bodies[i]), json);
        if (r != CMD_GO && i > 0) {
            cmd_say("%s was not applied, nor what follows it; the files before it were", files[i]);
        }
    }
    for (size_t i = 0; i < read; i++) {
        buf_deinit(&bodies[i]);
    }
    return r == CMD_GO ? CMD_DONE : r;
}

/* ---- ls ---- */

static void list_row(struct table *t, const struct conf_node *tenant)
{
    char text[64];
    table_cell(t, span_str(control_text(tenant, "name")));
    uint64_t port = control_number(tenant, "port");
    if (port != 0) {
        table_cell_number(t, port);
    } else {
        table_cell(t, SPAN_EMPTY); /* it has not listened yet */
    }
    table_cell_number(t, control_number(tenant, "routes"));
    (void)snprintf(text, sizeof(text), "%llu of %llu",
                   (unsigned long long)control_number(tenant, "credentials_set"),
                   (unsigned long long)control_number(tenant, "credentials_used"));
    table_cell(t, span_str(text));
    table_cell(t, span_str(control_text(tenant, "updated")));
    table_cell(t, span_str(control_text(tenant, "suspended")));
}

static void list_json(struct json *j, const struct conf_node *tenant)
{
    json_object(j, NULL);
    for (const struct conf_node *member = tenant->first; member != NULL; member = member->next) {
        uint64_t number = control_number(tenant, member->key);
        if (member->kind != CONF_KIND_SCALAR) {
            continue;
        }
        if (!member->plain) {
            json_text(j, member->key, span_of(member->text, member->len));
        } else if (strcmp(member->text, "null") == 0) {
            json_null(j, member->key);
        } else {
            json_number(j, member->key, number);
        }
    }
    json_object_end(j);
}

/* Calls for page after page, into a table or into JSON. */
static int list_pages(const char *state, struct table *t, struct json *j)
{
    char target[256];
    (void)snprintf(target, sizeof(target), "/v1/tenants?limit=%d", PAGE);
    while (target[0] != '\0') {
        struct control_answer answer;
        int r = control_read(state, target, &answer);
        if (r != CMD_GO) {
            return r;
        }
        for (const struct conf_node *tenant = control_first(control_answer_root(&answer), "tenants");
             tenant != NULL; tenant = tenant->next) {
            if (j != NULL) {
                list_json(j, tenant);
            } else {
                list_row(t, tenant);
            }
        }
        (void)snprintf(target, sizeof(target), "%s", control_text(control_answer_root(&answer), "next"));
        control_answer_deinit(&answer);
    }
    return CMD_GO;
}

static int list_print_json(const char *state)
{
    struct buf out;
    struct json j;
    buf_init(&out, (size_t)256 * 1024 * 1024);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_array(&j, "tenants");
    int status = list_pages(state, NULL, &j);
    json_array_end(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    if (status == CMD_GO && r != 0) {
        status = cmd_fail_r(r, "the list of tenants cannot be printed");
    }
    if (status == CMD_GO) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return status == CMD_GO ? CMD_DONE : status;
}

static int list_print_table(const char *state)
{
    static const char *const titles[] = {"TENANT",          "PORT",    "ROUTES",
                                         "CREDENTIALS SET", "UPDATED", "SUSPENDED"};
    struct table t;
    table_init(&t, titles, 6);
    int r = list_pages(state, &t, NULL);
    if (r == CMD_GO && table_empty(&t)) {
        cmd_say("there are no tenants yet: make one with clawbox tenant apply -f FILE");
    } else if (r == CMD_GO) {
        r = table_print(&t, stdout);
    }
    table_deinit(&t);
    return r == CMD_GO ? CMD_DONE : r;
}

static int tenant_ls(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "tenant", .line = "tenant ls [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    return json ? list_print_json(line.state) : list_print_table(line.state);
}

/* ---- show ---- */

static int show_routes(const struct conf_node *root)
{
    static const char *const titles[] = {"ROUTE", "ACTION",     "TO",      "METHODS",
                                         "PATHS", "CREDENTIAL", "UPSTREAM"};
    struct table t;
    table_init(&t, titles, 7);
    for (const struct conf_node *route = control_first(root, "routes"); route != NULL; route = route->next) {
        char to[320];
        (void)snprintf(to, sizeof(to), "%s://%s:%llu", control_text(route, "scheme"),
                       control_text(route, "host"), (unsigned long long)control_number(route, "port"));
        table_cell(&t, span_str(control_text(route, "name")));
        table_cell(&t, span_str(control_text(route, "action")));
        table_cell(&t, span_str(to));
        table_cell_joined(&t, conf_node_get(route, "methods"), ",");
        if (control_first(route, "paths") == NULL) {
            table_cell(&t, SPAN_LIT("/**"));
        } else {
            table_cell_joined(&t, conf_node_get(route, "paths"), " ");
        }
        table_cell(&t, span_str(control_text(route, "credential")));
        table_cell(&t, span_str(control_text(route, "upstream")));
    }
    int r = table_print(&t, stdout);
    table_deinit(&t);
    return r;
}

static int show_table(const struct conf_node *root)
{
    (void)printf("tenant %s, id %llu, generation %llu, listening on 127.0.0.1:%llu\n\n",
                 control_text(root, "name"), (unsigned long long)control_number(root, "id"),
                 (unsigned long long)control_number(root, "generation"),
                 (unsigned long long)control_number(root, "port"));
    if (control_text(root, "suspended")[0] != '\0') {
        (void)printf("suspended since %s (%s): clawbox tenant resume %s\n\n", control_text(root, "suspended"),
                     control_text(root, "suspended_by"), control_text(root, "name"));
    }
    int r = show_routes(root);
    if (r == CMD_GO && control_first(root, "credentials") != NULL) {
        (void)fputc('\n', stdout);
        r = credential_print_table(root);
    }
    for (const struct conf_node *credential = control_first(root, "credentials");
         r == CMD_GO && credential != NULL; credential = credential->next) {
        if (control_text(credential, "set")[0] == '\0') {
            cmd_say("%s is not set yet: clawbox credential set %s %s", control_text(credential, "name"),
                    control_text(root, "name"), control_text(credential, "name"));
        }
    }
    return r;
}

static int tenant_show(int argc, char **argv)
{
    bool yaml = false;
    bool json = false;
    const struct cmd_option options[] = {{.name = "yaml", .flag = &yaml}, {.name = "json", .flag = &json}};
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant show NAME [--yaml | --json]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 2};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    if (yaml && json) {
        return cmd_wrong_usage("tenant", "--yaml and --json do not go together");
    }
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", line.args[0]);
    struct control_request request = {.method = "GET", .target = target};
    struct control_answer answer;
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    if (json) {
        control_print_body(&answer);
        r = CMD_DONE;
    } else if ((r = control_answer_read(&answer)) == CMD_GO) {
        if (yaml) {
            const char *text = control_text(control_answer_root(&answer), "yaml");
            (void)fputs(text, stdout);
            r = CMD_DONE;
        } else {
            r = show_table(control_answer_root(&answer));
        }
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

/* ---- suspend, resume ---- */

static int post(const char *state, const char *name, const char *verb, const char *done)
{
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s:%s", name, verb);
    struct control_request request = {.method = "POST", .target = target};
    struct control_answer answer;
    int r = control_ask(state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    control_answer_deinit(&answer);
    (void)printf("tenant %s: %s\n", name, done);
    return CMD_DONE;
}

static int tenant_post(int argc, char **argv, const char *line_text, const char *verb, const char *done)
{
    const struct cmd_usage usage = {.command = "tenant", .line = line_text, .min = 1, .max = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    return r == CMD_GO ? post(line.state, line.args[0], verb, done) : r;
}

static int tenant_rotate_ca(int argc, char **argv)
{
    bool finish = false;
    const struct cmd_option options[] = {{.name = "finish", .flag = &finish}};
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant rotate-ca NAME [--finish]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    return finish
               ? post(line.state, line.args[0], "finish-ca", "the new CA signs from now on")
               : post(
                     line.state, line.args[0], "rotate-ca",
                     "its CA has a successor, and `clawbox env` gives both; when every agent has them: --finish");
}

static int tenant_suspend(int argc, char **argv)
{
    return tenant_post(argc, argv, "tenant suspend NAME", "suspend", "suspended");
}

static int tenant_resume(int argc, char **argv)
{
    return tenant_post(argc, argv, "tenant resume NAME", "resume", "resumed");
}

/* ---- rm ---- */

static int tenant_rm(int argc, char **argv)
{
    bool yes = false;
    const struct cmd_option options[] = {{.name = "yes", .letter = 'y', .flag = &yes}};
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant rm NAME [--yes]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    const char *name = line.args[0];
    if (!yes && isatty(STDIN_FILENO) != 1) {
        return cmd_wrong_usage("tenant",
                               "nobody is here to ask: to remove %s with its credentials, say --yes", name);
    }
    if (!yes) {
        char question[256];
        (void)snprintf(question, sizeof(question),
                       "Remove the tenant %s with its credentials? Its agent will have no way out.", name);
        if (!cmd_confirm(question)) {
            return cmd_fail("nothing was removed");
        }
    }
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", name);
    struct control_request request = {.method = "DELETE", .target = target};
    struct control_answer answer;
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    control_answer_deinit(&answer);
    (void)printf("tenant %s: removed\n", name);
    return CMD_DONE;
}

int cmd_tenant(int argc, char **argv)
{
    static const struct cmd_verb verbs[] = {
        {"apply", tenant_apply},     {"ls", tenant_ls},         {"show", tenant_show},
        {"suspend", tenant_suspend}, {"resume", tenant_resume}, {"rotate-ca", tenant_rotate_ca},
        {"rm", tenant_rm},           {"test", tenant_test},     {"diff", tenant_diff}};
    return cmd_verb_run(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

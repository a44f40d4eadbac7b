/* cmd_token.c - clawbox token: create, ls, rm. */
#include "control.h"
#include "table.h"

#include "base/json.h"
#include "base/strnum.h"

#define DAYS_MAX 3650

/* ---- create ---- */

static int write_body(const char *name, const char *scope, uint64_t days, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "name", span_str(name));
    json_text(&j, "scope", span_str(scope));
    if (days != 0) {
        json_number(&j, "expires_days", days);
    }
    json_object_end(&j);
    return json_finish(&j);
}

/* The token goes to standard output, alone, so that it can go into a file; what is said about it does not. */
static int print_token(struct control_answer *answer)
{
    int r = control_answer_read(answer);
    if (r != CMD_GO) {
        return r;
    }
    const struct conf_node *root = control_answer_root(answer);
    const struct conf_node *token = conf_node_get(root, "token");
    const char *expires = control_text(root, "expires");
    if (token == NULL || token->kind != CONF_KIND_SCALAR) {
        return cmd_fail("the server said no token");
    }
    cmd_say("this is token %s for %s%s%s. It is shown this once:", control_text(root, "name"),
            control_text(root, "scope"), expires[0] != '\0' ? ", until " : "", expires);
    (void)printf("%s\n", token->text);
    return CMD_GO;
}

static int token_create(int argc, char **argv)
{
    bool json = false;
    const char *scope = NULL;
    const char *expires = NULL;
    uint64_t days = 0;
    const struct cmd_option options[] = {{.name = "json", .flag = &json},
                                         {.name = "scope", .value = &scope},
                                         {.name = "expires", .value = &expires}};
    const struct cmd_usage usage = {
        .command = "token",
        .line = "token create NAME --scope admin|viewer|tenant:TENANT [--expires DAYS]",
        .min = 1,
        .max = 1,
        .options = options,
        .option_count = 3};
    struct cmd_line line;
    struct control_answer answer;
    struct buf body;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("token", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    if (scope == NULL) {
        return cmd_wrong_usage("token", "what may it do? --scope admin, viewer or tenant:TENANT");
    }
    if (expires != NULL && (strnum_u64(span_str(expires), DAYS_MAX, &days) != 0 || days == 0)) {
        return cmd_wrong_usage("token", "--expires %s: it is a number of days, 1 to %d", expires, DAYS_MAX);
    }
    buf_init(&body, 4096);
    r = write_body(line.args[0], scope, days, &body);
    if (r != 0) {
        buf_deinit(&body);
        return cmd_fail_r(r, "the token could not be asked for");
    }
    struct control_request request = {.method = "POST", .target = "/v1/tokens", .body = buf_span(&body)};
    r = control_ask(line.state, &request, &answer);
    buf_deinit(&body);
    if (r != CMD_GO) {
        return r;
    }
    buf_set_sensitive(&answer.body);
    if (json) {
        control_print_body(&answer);
    } else {
        r = print_token(&answer);
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

/* ---- ls ---- */

static int print_table(const struct control_answer *answer)
{
    static const char *const titles[] = {"TOKEN", "SCOPE", "CREATED", "LAST USED", "EXPIRES"};
    static const char *const keys[] = {"name", "scope", "created", "used", "expires"};
    struct table t;
    table_init(&t, titles, 5);
    for (const struct conf_node *token = control_first(control_answer_root(answer), "tokens"); token != NULL;
         token = token->next) {
        for (size_t i = 0; i < 5; i++) {
            const char *text = control_text(token, keys[i]);
            table_cell(&t, span_str(text[0] != '\0' ? text : "never"));
        }
    }
    int r = CMD_GO;
    if (table_empty(&t)) {
        cmd_say("there are no tokens");
    } else {
        r = table_print(&t, stdout);
    }
    table_deinit(&t);
    return r;
}

static int token_ls(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "token", .line = "token ls [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    struct control_answer answer = {.status = 0};
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    r = control_read(line.state, "/v1/tokens", &answer);
    if (r == CMD_GO && json) {
        control_print_body(&answer);
    } else if (r == CMD_GO) {
        r = print_table(&answer);
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

/* ---- rm ---- */

static int token_rm(int argc, char **argv)
{
    const struct cmd_usage usage = {.command = "token", .line = "token rm NAME", .min = 1, .max = 1};
    struct cmd_line line;
    struct control_answer answer;
    char target[128];
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("token", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    (void)snprintf(target, sizeof(target), "/v1/tokens/%s", line.args[0]);
    struct control_request request = {.method = "DELETE", .target = target};
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    control_answer_deinit(&answer);
    (void)printf("token %s is removed: what shows it is answered with 401 from now on\n", line.args[0]);
    return CMD_DONE;
}

int cmd_token(int argc, char **argv)
{
    static const struct cmd_verb verbs[] = {{"create", token_create}, {"ls", token_ls}, {"rm", token_rm}};
    return cmd_verb_run(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

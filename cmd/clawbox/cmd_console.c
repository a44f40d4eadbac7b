/* cmd_console.c - clawbox console: a link that signs in at the console once. */
#include "control.h"

/* The link goes to standard output, alone; what is said about it does not. */
static int print_link(struct control_answer *answer)
{
    int r = control_answer_read(answer);
    if (r != CMD_GO) {
        return r;
    }
    const struct conf_node *root = control_answer_root(answer);
    const char *url = control_text(root, "url");
    if (url[0] == '\0') {
        return cmd_fail(
            "this server has no console: it was started with --console off, or the console's port was taken");
    }
    cmd_say("this signs in once, until %s:", control_text(root, "expires"));
    (void)printf("%s\n", url);
    return CMD_GO;
}

int cmd_console(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "console", .line = "console [--json]", .options = options, .option_count = 1};
    const struct control_request request = {.method = "POST", .target = "/v1/sign-in-links"};
    struct cmd_line line;
    struct control_answer answer;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    buf_set_sensitive(&answer.body);
    if (json) {
        control_print_body(&answer);
    } else {
        r = print_link(&answer);
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

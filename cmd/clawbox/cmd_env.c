/* cmd_env.c - clawbox env: what a tenant's agent needs in its environment. */
#include "agent_env.h"
#include "cmd.h"

#include "base/json.h"

#include <unistd.h>

#define VARIABLES_MAX ((size_t)512 * 1024)

/* Where the variables go: lines for a shell, or members of a JSON object. */
struct output {
    struct buf text;
    struct json *json; /* NULL: a shell */
    int error;
};

static void put(void *arg, const char *name, struct span value)
{
    struct output *o = arg;
    if (o->json != NULL) {
        json_text(o->json, name, value);
        return;
    }
    int r = o->error;
    r = r == 0 ? buf_appendf(&o->text, "export %s='", name) : r;
    for (size_t i = 0; r == 0 && i < value.len; i++) {
        r = value.ptr[i] == '\'' ? buf_append_str(&o->text, "'\\''")
                                 : buf_append_byte(&o->text, value.ptr[i]);
    }
    o->error = r == 0 ? buf_append_str(&o->text, "'\n") : r;
}

static int print(const char *tenant, const char *state, bool as_json)
{
    struct output o = {.json = NULL};
    struct json json;
    buf_init(&o.text, VARIABLES_MAX);
    if (as_json) {
        o.json = &json;
        json_init(&json, &o.text);
        json_object(&json, NULL);
        json_object(&json, "variables");
    }
    struct agent_env env;
    int status = agent_env_read(state, tenant, put, &o, &env);
    if (as_json) {
        json_object_end(&json);
        json_object_end(&json);
        o.error = json_finish(&json);
        o.error = o.error == 0 ? buf_append_byte(&o.text, '\n') : o.error;
    }
    if (status == CMD_GO && o.error != 0) {
        status = cmd_fail_r(o.error, "the variables cannot be printed");
    }
    if (status == CMD_GO) {
        (void)fwrite(buf_span(&o.text).ptr, 1, buf_len(&o.text), stdout);
        status = CMD_DONE;
    }
    buf_deinit(&o.text);
    return status;
}

int cmd_env(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {.command = "env",
                                    .line = "env TENANT [--json]",
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
    r = print(line.args[0], line.state, json);
    if (r == CMD_DONE && !json && isatty(STDOUT_FILENO) == 1) {
        cmd_say("to put these into a shell: eval \"$(clawbox env %s)\"", line.args[0]);
    }
    return r;
}

/*
 * cmd_admin.c - clawbox admin: add, ls, rm, password.
 *
 * The password stays here: what the server gets is what argon2id makes of it.
 */
#include "control.h"
#include "prompt.h"
#include "table.h"

#include "base/encode.h"
#include "base/json.h"
#include "tls/passphrase.h"
#include "tls/seal.h"

#include <unistd.h>

/* ---- the password ---- */

/* On a terminal it is asked for twice. */
static int read_password(struct secret **out)
{
    struct secret *again = NULL;
    int r = prompt_secret("Password: ", out);
    if (r != CMD_GO) {
        return r;
    }
    struct span password = secret_span(*out);
    if (password.len < PASSPHRASE_MIN || password.len > PASSPHRASE_MAX) {
        r = cmd_fail("a password has %d to %d bytes", PASSPHRASE_MIN, PASSPHRASE_MAX);
    } else if (isatty(STDIN_FILENO) != 0) {
        r = prompt_secret("The same again: ", &again);
        if (r == CMD_GO && !secret_eq(password, secret_span(again))) {
            r = cmd_fail("that was not the same password");
        }
        secret_free(again);
    }
    if (r != CMD_GO) {
        secret_free(*out);
        *out = NULL;
    }
    return r;
}

static int write_body(const char *scope, const struct passphrase_kdf *kdf, const struct secret *key,
                      struct buf *out)
{
    uint8_t written[PASSPHRASE_KDF_LEN];
    char kdf_hex[2 * PASSPHRASE_KDF_LEN + 1];
    char key_hex[2 * SEAL_MASTER_LEN + 1];
    struct json j;
    passphrase_kdf_write(kdf, written);
    encode_hex(written, sizeof(written), kdf_hex);
    encode_hex(secret_span(key).ptr, SEAL_MASTER_LEN, key_hex);
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "scope", span_str(scope));
    json_text(&j, "kdf", span_str(kdf_hex));
    json_text(&j, "key", span_str(key_hex));
    json_object_end(&j);
    secret_wipe(key_hex, sizeof(key_hex));
    return json_finish(&j);
}

static int put(const char *state, const char *name, const char *scope, const struct secret *key,
               const struct passphrase_kdf *kdf)
{
    struct control_answer answer = {.status = 0};
    struct buf body;
    char target[128];
    buf_init(&body, 4096);
    buf_set_sensitive(&body);
    int r = write_body(scope, kdf, key, &body);
    if (r != 0) {
        buf_deinit(&body);
        return cmd_fail_r(r, "the administrator could not be asked for");
    }
    (void)snprintf(target, sizeof(target), "/v1/administrators/%s", name);
    struct control_request request = {.method = "PUT", .target = target, .body = buf_span(&body)};
    r = control_ask(state, &request, &answer);
    buf_deinit(&body);
    control_answer_deinit(&answer);
    return r;
}

static int set_password(const char *state, const char *name, const char *scope)
{
    struct secret *password = NULL;
    struct secret *key = NULL;
    struct passphrase_kdf kdf;
    int code = tls_init();
    if (code != 0) {
        return cmd_fail_r(code, "cryptography");
    }
    int r = read_password(&password);
    if (r == CMD_GO) {
        passphrase_kdf_new(&kdf);
        code = passphrase_master(secret_span(password), &kdf, &key);
        r = code != 0 ? cmd_fail_r(code, "the password cannot be made a key of") : CMD_GO;
    }
    secret_free(password);
    if (r == CMD_GO) {
        r = put(state, name, scope, key, &kdf);
    }
    secret_free(key);
    return r;
}

/* ---- who there is ---- */

/* Calls for all, and finds one. CMD_GO and the scope, "" when there is none of that name. */
static int find_scope(const char *state, const char *name, char scope[16])
{
    struct control_answer answer = {.status = 0};
    int r = control_read(state, "/v1/administrators", &answer);
    scope[0] = '\0';
    if (r == CMD_GO) {
        for (const struct conf_node *one = control_first(control_answer_root(&answer), "administrators");
             one != NULL; one = one->next) {
            if (strcmp(control_text(one, "name"), name) == 0) {
                (void)snprintf(scope, 16, "%s", control_text(one, "scope"));
            }
        }
    }
    control_answer_deinit(&answer);
    return r;
}

static int print_table(const struct control_answer *answer)
{
    static const char *const titles[] = {"ADMINISTRATOR", "SCOPE", "CREATED", "LAST SIGN-IN"};
    static const char *const keys[] = {"name", "scope", "created", "used"};
    struct table t;
    table_init(&t, titles, 4);
    for (const struct conf_node *one = control_first(control_answer_root(answer), "administrators");
         one != NULL; one = one->next) {
        for (size_t i = 0; i < 4; i++) {
            const char *text = control_text(one, keys[i]);
            table_cell(&t, span_str(text[0] != '\0' ? text : "never"));
        }
    }
    int r = CMD_GO;
    if (table_empty(&t)) {
        cmd_say("there are no administrators");
    } else {
        r = table_print(&t, stdout);
    }
    table_deinit(&t);
    return r;
}

/* ---- the verbs ---- */

static int admin_add(int argc, char **argv)
{
    const char *scope = "admin";
    const struct cmd_option options[] = {{.name = "scope", .value = &scope}};
    const struct cmd_usage usage = {.command = "admin",
                                    .line = "admin add NAME [--scope admin|viewer]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 1};
    struct cmd_line line;
    char had[16];
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("administrator", line.args[0]) : r;
    if (r == CMD_GO && strcmp(scope, "admin") != 0 && strcmp(scope, "viewer") != 0) {
        r = cmd_wrong_usage("admin", "--scope %s: it is admin or viewer", scope);
    }
    r = r == CMD_GO ? find_scope(line.state, line.args[0], had) : r;
    if (r == CMD_GO && had[0] != '\0') {
        r = cmd_fail(
            "there is an administrator %s already: `clawbox admin password %s` gives another password",
            line.args[0], line.args[0]);
    }
    r = r == CMD_GO ? set_password(line.state, line.args[0], scope) : r;
    if (r == CMD_GO) {
        (void)printf("administrator %s (%s) can sign in at the console\n", line.args[0], scope);
        r = CMD_DONE;
    }
    return r;
}

static int admin_password(int argc, char **argv)
{
    const struct cmd_usage usage = {.command = "admin", .line = "admin password NAME", .min = 1, .max = 1};
    struct cmd_line line;
    char scope[16];
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("administrator", line.args[0]) : r;
    r = r == CMD_GO ? find_scope(line.state, line.args[0], scope) : r;
    if (r == CMD_GO && scope[0] == '\0') {
        r = cmd_fail("there is no administrator %s", line.args[0]);
    }
    r = r == CMD_GO ? set_password(line.state, line.args[0], scope) : r;
    if (r == CMD_GO) {
        (void)printf("administrator %s has another password, and is signed out everywhere\n", line.args[0]);
        r = CMD_DONE;
    }
    return r;
}

static int admin_ls(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "admin", .line = "admin ls [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    struct control_answer answer = {.status = 0};
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    r = control_read(line.state, "/v1/administrators", &answer);
    if (r == CMD_GO && json) {
        control_print_body(&answer);
    } else if (r == CMD_GO) {
        r = print_table(&answer);
    }
    control_answer_deinit(&answer);
    return r == CMD_GO ? CMD_DONE : r;
}

/* After the last one nobody signs in any more but by a link. */
static int warn_of_none(const char *state)
{
    struct control_answer answer = {.status = 0};
    int r = control_read(state, "/v1/administrators", &answer);
    const struct conf_node *list =
        r == CMD_GO ? conf_node_get(answer.tree.documents, "administrators") : NULL;
    bool none = r == CMD_GO;
    for (const struct conf_node *one = list != NULL ? list->first : NULL; one != NULL; one = one->next) {
        const struct conf_node *scope = conf_node_get(one, "scope");
        none = none && (scope == NULL || scope->text == NULL || strcmp(scope->text, "admin") != 0);
    }
    if (none) {
        (void)fprintf(
            stderr,
            "clawbox: no administrator with the scope admin is left: `clawbox console` prints a link to make one\n");
    }
    control_answer_deinit(&answer);
    return r;
}

static int admin_rm(int argc, char **argv)
{
    const struct cmd_usage usage = {.command = "admin", .line = "admin rm NAME", .min = 1, .max = 1};
    struct cmd_line line;
    struct control_answer answer = {.status = 0};
    char target[128];
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("administrator", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    (void)snprintf(target, sizeof(target), "/v1/administrators/%s", line.args[0]);
    struct control_request request = {.method = "DELETE", .target = target};
    r = control_ask(line.state, &request, &answer);
    control_answer_deinit(&answer);
    if (r == CMD_GO) {
        (void)printf("administrator %s is removed, and signed out everywhere\n", line.args[0]);
        r = warn_of_none(line.state);
    }
    if (r == CMD_GO) {
        r = CMD_DONE;
    }
    return r;
}

int cmd_admin(int argc, char **argv)
{
    static const struct cmd_verb verbs[] = {
        {"add", admin_add}, {"ls", admin_ls}, {"rm", admin_rm}, {"password", admin_password}};
    return cmd_verb_run(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

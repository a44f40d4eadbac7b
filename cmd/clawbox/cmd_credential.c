/*
 * cmd_credential.c - clawbox credential: set, ls, rm.
 *
 * `set` seals here: what leaves this process is a box that only the vault opens, and the hosts that it may go to are
 * inside. So neither the control socket nor the database ever carries the value.
 */
#include "control.h"
#include "credential.h"
#include "prompt.h"
#include "table.h"

#include "base/encode.h"
#include "base/json.h"
#include "inject/token.h"
#include "inject/value.h"
#include "tls/seal.h"
#include "tls/sign.h"

#include <stdlib.h>
#include <unistd.h>

#define BOX_MAX ((size_t)128 * 1024)

struct target {
    char path[192]; /* of the credential */
    const char *tenant;
    const char *name;
    const char *state;
};

/* What has to be inside the box: the answer of :prepare. */
struct prepared {
    struct control_answer answer;
    uint8_t public_key[SEAL_PUBLIC_LEN];
    uint64_t tenant_id;
    enum spec_grant grant;   /* what the routes use it for */
    bool client_certificate; /* or this */
    const struct conf_node *binding;
    struct buf binding_text; /* as spec_credential_binding() writes it */
};

static void prepared_deinit(struct prepared *p)
{
    buf_deinit(&p->binding_text);
    control_answer_deinit(&p->answer);
}

/* What is shown before the value is typed is what is sealed, so it may not hold anything that shows as something else. */
static bool binding_valid(const struct conf_node *binding)
{
    for (const struct conf_node *line = binding->first; line != NULL; line = line->next) {
        if (line->kind != CONF_KIND_SCALAR || line->len == 0) {
            return false;
        }
        for (size_t i = 0; i < line->len; i++) {
            if (line->text[i] < 0x20 || line->text[i] > 0x7e) {
                return false;
            }
        }
    }
    return binding->first != NULL;
}

static int prepare(const struct target *target, struct prepared *p)
{
    char path[256];
    *p = (struct prepared){0};
    buf_init(&p->binding_text, (size_t)64 * 1024);
    (void)snprintf(path, sizeof(path), "%s:prepare", target->path);
    int r = control_read(target->state, path, &p->answer);
    if (r != CMD_GO) {
        return r;
    }
    const struct conf_node *root = control_answer_root(&p->answer);
    p->tenant_id = control_number(root, "tenant_id");
    p->binding = conf_node_get(root, "binding");
    p->client_certificate = strcmp(control_text(root, "client_certificate"), "true") == 0;
    p->grant = spec_grant_of_name(span_str(control_text(root, "grant")));
    if (p->tenant_id == 0 || p->grant == SPEC_GRANT__COUNT || p->binding == NULL ||
        !binding_valid(p->binding) || control_join(p->binding, "\n", &p->binding_text) != 0 ||
        decode_hex(span_str(control_text(root, "public_key")), p->public_key, SEAL_PUBLIC_LEN) != 0) {
        prepared_deinit(p);
        return cmd_fail(
            "clawbox serve on %s did not say how to seal the credential: is it of another version?",
            target->state);
    }
    return CMD_GO;
}

static int write_body(const struct target *target, const struct prepared *p, const struct secret *value,
                      struct buf *body)
{
    struct buf box;
    buf_init(&box, BOX_MAX);
    struct seal_credential credential = {.tenant_id = p->tenant_id,
                                         .tenant = span_str(target->tenant),
                                         .name = span_str(target->name),
                                         .binding = buf_span(&p->binding_text),
                                         .value = secret_span(value)};
    int r = seal_credential(p->public_key, &credential, &box);
    char *text = r == 0 ? malloc(ENCODE_BASE64_SIZE(buf_len(&box))) : NULL;
    if (r == 0 && text == NULL) {
        r = CB_ENOMEM;
    }
    if (r == 0) {
        struct json j;
        size_t len = encode_base64(buf_span(&box).ptr, buf_len(&box), text);
        json_init(&j, body);
        json_object(&j, NULL);
        json_number(&j, "tenant_id", p->tenant_id);
        json_array(&j, "binding");
        for (const struct conf_node *host = p->binding->first; host != NULL; host = host->next) {
            json_text(&j, NULL, span_of(host->text, host->len));
        }
        json_array_end(&j);
        json_text(&j, "box", span_of(text, len));
        json_object_end(&j);
        r = json_finish(&j);
    }
    free(text);
    buf_deinit(&box);
    return r;
}

static int put(const struct target *target, const struct prepared *p, struct span body, bool json)
{
    struct control_request request = {.method = "PUT", .target = target->path, .body = body};
    struct control_answer answer;
    int r = control_ask(target->state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    if (json) {
        control_print_body(&answer);
    } else {
        /* From what was sealed: that is what holds. */
        (void)printf("%s is set; it may go to: ", target->name);
        for (const struct conf_node *host = p->binding->first; host != NULL; host = host->next) {
            (void)printf("%s%s", host->text, host->next != NULL ? ", " : "\n");
        }
    }
    control_answer_deinit(&answer);
    return CMD_DONE;
}

/* What the routes ask of the value: in words now, instead of at each request later. */
static int check_value(const struct target *target, const struct prepared *p, const struct secret *value)
{
    for (const struct conf_node *form = control_first(control_answer_root(&p->answer), "forms"); form != NULL;
         form = form->next) {
        const char *wrong = form->kind == CONF_KIND_SCALAR
                                ? inject_value_wrong(span_of(form->text, form->len), secret_span(value))
                                : NULL;
        if (wrong != NULL) {
            return cmd_fail("%s %s", target->name, wrong);
        }
    }
    return CMD_GO;
}

/* A private key is tried, because whether it can sign shows no other way. */
static int check_key(const struct target *target, struct span pem)
{
    struct tls_signer *signer = NULL;
    int r = tls_signer_new(pem, &signer);
    tls_signer_free(signer);
    return r == 0 ? CMD_GO
                  : cmd_fail_r(
                        r,
                        "%s is no private key that can sign: RSA from 2048 bits on or P-256, in PEM and not "
                        "encrypted",
                        target->name);
}

/* What the routes need is said by clawbox serve; whether it is that is looked at here, since nobody else ever sees it. */
static int check_form(const struct target *target, const struct prepared *p, const struct secret *value)
{
    struct inject_grant grant;
    const char *why = "";
    if (p->client_certificate) {
        return CMD_GO; /* prompt_identity() has looked, and egress will say what is wrong with one from a file */
    }
    if (p->grant == SPEC_GRANT_NONE) {
        return !prompt_is_document(secret_span(value))
                   ? CMD_GO
                   : cmd_fail(
                         "%s goes into a request as it is, and this is a JSON or PEM file: is it the right one?",
                         target->name);
    }
    int r = inject_grant_read(p->grant, secret_span(value), &grant, &why);
    if (r == CB_EINVAL) {
        r = cmd_fail("%s fetches tokens (%s), and this value does not fit: %s", target->name,
                     spec_grant_name(p->grant), why);
    } else if (r != 0) {
        r = cmd_fail_r(r, "%s could not be read", target->name);
    } else {
        r = grant.kind == SPEC_GRANT_JWT ? check_key(target, grant.private_key) : CMD_GO;
    }
    inject_grant_deinit(&grant);
    return r;
}

static int seal_and_put(const struct target *target, const struct prepared *p, const struct secret *value,
                        bool json)
{
    struct buf body;
    int r = check_form(target, p, value);
    r = r == CMD_GO ? check_value(target, p, value) : r;
    if (r != CMD_GO) {
        return r;
    }
    buf_init(&body, 2 * BOX_MAX + (size_t)128 * 1024);
    r = write_body(target, p, value, &body);
    r = r != 0 ? cmd_fail_r(r, "%s could not be sealed", target->name)
               : put(target, p, buf_span(&body), json);
    buf_deinit(&body);
    return r;
}

/* How often a followed file is read. Tokens of Kubernetes are replaced long before they end, by swapping a link of their
 * directory, which no watch on the file itself would notice. */
#define FOLLOW_EVERY_S 1

/* The file has another value than *last: sets it, and keeps it. CMD_FAILED ends the following. */
static int follow_change(const struct target *target, const char *path, struct span binding,
                         struct secret **last)
{
    struct prepared p;
    struct secret *value = NULL;
    if (prompt_file(path, &value) != CMD_GO) {
        return CMD_GO; /* said already; it may be there again the next time */
    }
    if (secret_eq(secret_span(value), secret_span(*last)) || prepare(target, &p) != CMD_GO) {
        secret_free(value);
        return CMD_GO;
    }
    /* Who edits routes must not get a secret by waiting for its next value. */
    int r = span_eq(buf_span(&p.binding_text), binding)
                ? seal_and_put(target, &p, value, false)
                : cmd_fail("the routes now send %s elsewhere: start again to bind it to that", target->name);
    prepared_deinit(&p);
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

static int set_from_file(const struct target *target, const char *path, bool follow, bool json)
{
    struct prepared p;
    struct secret *value = NULL;
    int r = tls_init();
    if (r != 0) {
        return cmd_fail_r(r, "%s cannot be set", target->name);
    }
    if ((r = prompt_file(path, &value)) != CMD_GO) {
        return r;
    }
    if ((r = prepare(target, &p)) != CMD_GO) {
        secret_free(value);
        return r;
    }
    r = seal_and_put(target, &p, value, json);
    (void)fflush(stdout);
    while (follow && (r == CMD_DONE || r == CMD_GO)) {
        (void)sleep(FOLLOW_EVERY_S);
        r = follow_change(target, path, buf_span(&p.binding_text), &value);
    }
    secret_free(value);
    prepared_deinit(&p);
    return r;
}

static int set(const struct target *target, bool json)
{
    struct prepared p;
    struct secret *value = NULL;
    struct buf question;
    int r = prepare(target, &p);
    if (r != CMD_GO) {
        return r;
    }
    buf_init(&question, (size_t)256 * 1024);
    /* Said before anything is typed: whoever sets a credential decides with it where it may go. */
    r = buf_appendf(&question, "%s will go to: ", target->name);
    for (const struct conf_node *host = p.binding->first; r == 0 && host != NULL; host = host->next) {
        r = buf_appendf(&question, "%s%s", host->text, host->next != NULL ? ", " : "\n");
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
    prepared_deinit(&p);
    return r;
}

static int parse(const struct cmd_usage *usage, int argc, char **argv, struct cmd_line *line,
                 struct target *target)
{
    int r = cmd_line_parse(usage, argc, argv, line);
    r = r == CMD_GO ? cmd_check_name("tenant", line->args[0]) : r;
    r = r == CMD_GO && line->arg_count > 1 ? cmd_check_name("credential", line->args[1]) : r;
    if (r != CMD_GO) {
        return r;
    }
    target->state = line->state;
    target->tenant = line->args[0];
    target->name = line->arg_count > 1 ? line->args[1] : "";
    (void)snprintf(target->path, sizeof(target->path), "/v1/tenants/%s/credentials%s%s", target->tenant,
                   line->arg_count > 1 ? "/" : "", target->name);
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
    struct target target;
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
    struct target target;
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
    struct target target;
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

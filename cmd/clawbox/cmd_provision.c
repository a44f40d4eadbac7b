/*
 * cmd_provision.c - clawbox provision: a tenant on the server, and the manifests of its two namespaces in a folder.
 *
 * What is written comes from the server (GET .../manifests); what would be written comes from it too (:preview), so that --dry-run and
 * --diff show what the next run does, and change neither tenant nor files.
 */
#include "control.h"
#include "provision.h"

#include "base/json.h"

#include <stdlib.h>
#include <unistd.h>

#define PAGE        500
#define TARGET_MAX  2048
#define CLEAR_LINE  "\r\x1b[K"
#define DIFFERENCES 1 /* exit codes of --diff, as kubectl diff and diff(1) have them */
#define TROUBLE     2

struct options {
    const char *state;
    const char *out;
    const char *file;
    const char *flavor;
    const char *image;
    const char *gateway_image;
    const char *secrets;
    struct provision_providers providers;
    struct provision_secrets given;
    bool dry_run;
    bool diff;
    bool all;
    bool json;
    bool progress; /* a line on the terminal says how far it is */
};

/* One tenant's way through it. */
struct run {
    const struct options *options;
    const char *name;
    struct provision_document document;
    char result[16];              /* "created", "updated", "unchanged"; "" when nothing was applied */
    struct control_answer answer; /* of .../manifests */
    struct provision_files files;
    struct buf missing; /* names of Secrets that the file does not have, a line each */
};

static bool keeps_all(const struct options *o)
{
    return o->dry_run || o->diff;
}

static bool to_stdout(const struct options *o)
{
    return strcmp(o->out, "-") == 0;
}

/* ---- the server ---- */

/* The query that options stand for. What is in it was checked to need no escape. */
static void add_query(char target[TARGET_MAX], const struct options *o)
{
    const char *const pairs[][2] = {{"flavor", o->flavor},
                                    {"image", o->image},
                                    {"gateway_image", o->gateway_image},
                                    {"secrets", o->secrets}};
    char mark = '?';
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t len = strlen(target);
        if (pairs[i][1] != NULL) {
            (void)snprintf(target + len, TARGET_MAX - len, "%c%s=%s", mark, pairs[i][0], pairs[i][1]);
            mark = '&';
        }
    }
}

static int put_document(struct run *run)
{
    char target[128];
    struct control_answer answer;
    const struct provision_document *d = &run->document;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s%s", run->name,
                   keeps_all(run->options) ? "?dry_run=1" : "");
    struct control_request request = {.method = "PUT",
                                      .target = target,
                                      .body = buf_span(&d->body),
                                      .type = PROVISION_TYPE,
                                      .if_match = d->if_match[0] != '\0' ? d->if_match : NULL,
                                      .if_none_match = d->if_none_match ? "*" : NULL};
    int r = control_ask(run->options->state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    r = control_answer_read(&answer);
    if (r == CMD_GO) {
        (void)snprintf(run->result, sizeof(run->result), "%s",
                       control_text(control_answer_root(&answer), "result"));
    }
    control_answer_deinit(&answer);
    return r;
}

/* Of the tenant as it is, or as it would be with the document. */
static int ask_manifests(struct run *run, bool preview)
{
    char target[TARGET_MAX];
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/manifests%s", run->name,
                   preview ? ":preview" : "");
    add_query(target, run->options);
    struct control_request request = {
        .method = preview ? "POST" : "GET", .target = target, .absent_is_fine = true};
    if (preview) {
        request.body = buf_span(&run->document.body);
        request.type = PROVISION_TYPE;
    }
    int r = control_ask(run->options->state, &request, &run->answer);
    if (r == CMD_GO && run->answer.status == 404) {
        return cmd_fail("there is no tenant %s yet: give its document with -f, or make one with --provider",
                        run->name);
    }
    return r == CMD_GO ? control_answer_read(&run->answer) : r;
}

/* ---- what is said at the end ---- */

static void print_json(const struct run *run, struct json *j)
{
    const struct conf_node *root = control_answer_root(&run->answer);
    json_object(j, NULL);
    json_text(j, "tenant", span_str(run->name));
    json_text(j, "result", span_str(run->result[0] != '\0' ? run->result : "unchanged"));
    json_bool(j, "dry_run", keeps_all(run->options));
    json_array(j, "files");
    for (size_t i = 0; i < run->files.count; i++) {
        json_object(j, NULL);
        json_text(j, "path", span_str(run->files.items[i].path));
        json_text(j, "change", span_str(provision_change_word(run->files.items[i].change)));
        json_object_end(j);
    }
    json_array_end(j);
    json_array(j, "secrets");
    for (const struct conf_node *secret = control_first(root, "secrets"); secret != NULL;
         secret = secret->next) {
        json_object(j, NULL);
        json_text(j, "namespace", span_str(control_text(secret, "namespace")));
        json_text(j, "name", span_str(control_text(secret, "name")));
        json_text(j, "command", span_str(control_text(secret, "command")));
        json_object_end(j);
    }
    json_array_end(j);
    json_array(j, "notes");
    for (const struct conf_node *note = control_first(root, "notes"); note != NULL; note = note->next) {
        json_text(j, NULL, span_of(note->text, note->len));
    }
    json_array_end(j);
    json_object_end(j);
}

static int print_one_json(const struct run *run)
{
    struct buf out;
    struct json j;
    buf_init(&out, (size_t)16 * 1024 * 1024);
    json_init(&j, &out);
    print_json(run, &j);
    int r = json_finish(&j);
    if (r == 0) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the answer cannot be printed");
}

static void print_changes(const struct run *run, FILE *out)
{
    const struct options *o = run->options;
    if (run->result[0] != '\0') {
        (void)fprintf(out, "tenant %s: %s%s\n", run->name, run->result, keeps_all(o) ? " (dry run)" : "");
    }
    for (size_t i = 0; i < run->files.count; i++) {
        const struct provision_file *file = &run->files.items[i];
        if (file->change != PROVISION_SAME) {
            (void)fprintf(out, "%s/%s: %s%s\n", o->out, file->path, provision_change_word(file->change),
                          keeps_all(o) ? " (dry run)" : "");
        }
    }
    if (provision_files_changed(&run->files) == 0) {
        (void)fprintf(out, "%s/%s: %zu files, unchanged\n", o->out, run->name, run->files.count);
    }
}

/* Where Secrets come from: the option, or what the document says. */
static bool secrets_from(const struct run *run, const char *source)
{
    return strcmp(control_text(control_answer_root(&run->answer), "secrets_from"), source) == 0;
}

/* Whether it is one of the lines. */
static bool is_missing(const struct run *run, const char *name)
{
    struct span rest = buf_span(&run->missing);
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        if (span_eq_str(span_sub(rest, 0, len), name)) {
            return true;
        }
        rest = span_sub(rest, len + 1, SIZE_MAX);
    }
    return false;
}

static void print_secret_steps(const struct run *run, const char *folder)
{
    bool file = secrets_from(run, "file");
    if (file) {
        (void)printf("  kubectl apply --server-side -f %s/" PROVISION_SECRETS "\n", folder);
    }
    for (const struct conf_node *secret = control_first(control_answer_root(&run->answer), "secrets");
         secret != NULL; secret = secret->next) {
        if (file && !is_missing(run, control_text(secret, "name"))) {
            continue;
        }
        bool given = false;
        for (const struct conf_node *key = control_first(secret, "keys"); key != NULL; key = key->next) {
            given = given || strcmp(control_text(key, "value"), "given") == 0;
        }
        (void)printf("  %s%s\n", control_text(secret, "command"), given ? " < FILE-WITH-THE-VALUE" : "");
    }
}

/* In the order in which they work: the namespaces come with the manifests, and pods wait for their Secrets. */
static int print_steps(const struct run *run)
{
    const struct options *o = run->options;
    const struct conf_node *root = control_answer_root(&run->answer);
    struct buf folder;
    buf_init(&folder, (size_t)5 * PATH_MAX);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", o->out, run->name);
    int r = cmd_shell_word(&folder, span_str(path));
    r = r == 0 ? buf_append_byte(&folder, '\0') : r;
    if (r != 0) {
        buf_deinit(&folder);
        return cmd_fail_r(r, "the next steps cannot be printed");
    }
    const char *word = (const char *)buf_span(&folder).ptr;
    (void)printf("\nnext:\n  kubectl apply --server-side -k %s\n", word);
    if (!secrets_from(run, "external")) {
        (void)printf("and once, for what the pods wait for:\n");
        print_secret_steps(run, word);
    }
    for (const struct conf_node *note = control_first(root, "notes"); note != NULL; note = note->next) {
        (void)fputs(note == control_first(root, "notes") ? "\nnotes:\n- " : "- ", stdout);
        cmd_print_text(stdout, span_of(note->text, note->len));
        (void)fputc('\n', stdout);
    }
    buf_deinit(&folder);
    return CMD_GO;
}

/* ---- one tenant ---- */

static int write_out(struct run *run)
{
    const struct options *o = run->options;
    if (to_stdout(o)) {
        provision_files_print(&run->files, stdout);
        return CMD_GO;
    }
    int r = provision_files_write(o->out, run->name, &run->files);
    if (r == CMD_GO && secrets_from(run, "file")) {
        r = provision_secrets_write(o->out, run->name, control_answer_root(&run->answer), &o->given,
                                    &run->missing);
    }
    return r;
}

static int report(const struct run *run)
{
    const struct options *o = run->options;
    if (o->json) {
        return print_one_json(run);
    }
    if (o->diff) {
        return provision_files_diff(&run->files);
    }
    if (to_stdout(o)) {
        return CMD_GO;
    }
    if (o->progress) {
        (void)fputs(CLEAR_LINE, stderr);
    }
    print_changes(run, stdout);
    return o->dry_run || o->all ? CMD_GO : print_steps(run);
}

/* What the server has to say of the manifests is fine, and so are the options that depend on it. */
static int check_answer(const struct run *run)
{
    const struct options *o = run->options;
    int r = provision_secrets_check(control_answer_root(&run->answer), &o->given);
    if (r == CMD_GO && o->given.count != 0 && !secrets_from(run, "file")) {
        r = cmd_wrong_usage("provision", "--credential-file goes with --secrets file");
    }
    return r;
}

/* Looks at the folder before anything is known of its files: whether it is ours, and whether it can be written. */
static int check_folder(const struct run *run)
{
    struct provision_files nothing = {0};
    int r =
        to_stdout(run->options) ? CMD_GO : provision_files_compare(run->options->out, run->name, &nothing);
    provision_files_deinit(&nothing);
    return r == CMD_GO && !to_stdout(run->options) && !keeps_all(run->options)
               ? provision_folder_check(run->options->out, run->name)
               : r;
}

/*
 * What can fail comes before anything is changed: the document is read, the folder is ours, the server checks the document and makes
 * manifests of it. Then the tenant is changed, then the files.
 */
static int provision(struct run *run)
{
    const struct options *o = run->options;
    int r = provision_document_make(o->state, run->name, o->file, &o->providers, &run->document);
    r = r == CMD_GO ? check_folder(run) : r;
    if (r == CMD_GO && buf_len(&run->document.body) != 0) {
        r = ask_manifests(run, true);
        r = r == CMD_GO ? check_answer(run) : r;
        r = r == CMD_GO ? put_document(run) : r;
    }
    if (r == CMD_GO && !(keeps_all(o) && buf_len(&run->document.body) != 0)) {
        control_answer_deinit(&run->answer);
        r = ask_manifests(run, false);
        r = r == CMD_GO ? check_answer(run) : r;
    }
    r = r == CMD_GO ? provision_files_take(control_answer_root(&run->answer), run->name, &run->files) : r;
    if (r == CMD_GO && !to_stdout(o)) {
        r = provision_files_compare(o->out, run->name, &run->files);
    }
    if (r == CMD_GO && !keeps_all(o)) {
        r = write_out(run);
    }
    return r == CMD_GO ? report(run) : r;
}

/* Exit code of one tenant; *differs says whether files change. */
static int provision_one(const struct options *o, const char *name, bool *differs)
{
    struct run run = {.options = o, .name = name};
    buf_init(&run.missing, (size_t)256 * 1024);
    int r = provision(&run);
    *differs = provision_files_changed(&run.files) != 0;
    provision_document_deinit(&run.document);
    provision_files_deinit(&run.files);
    control_answer_deinit(&run.answer);
    buf_deinit(&run.missing);
    return r == CMD_GO ? CMD_DONE : r;
}

/* ---- all of them ---- */

struct everybody {
    char (*names)[64];
    size_t count;
};

static int list_page(const char *state, char target[256], struct everybody *all)
{
    struct control_answer answer;
    int r = control_read(state, target, &answer);
    if (r != CMD_GO) {
        return r;
    }
    for (const struct conf_node *tenant = control_first(control_answer_root(&answer), "tenants");
         tenant != NULL && r == CMD_GO; tenant = tenant->next) {
        char(*grown)[64] = reallocarray(all->names, all->count + 1, sizeof(*grown));
        if (grown == NULL) {
            r = cmd_fail_r(CB_ENOMEM, "the tenants cannot be listed");
            break;
        }
        all->names = grown;
        (void)snprintf(grown[all->count++], sizeof(*grown), "%s", control_text(tenant, "name"));
    }
    (void)snprintf(target, 256, "%s", control_text(control_answer_root(&answer), "next"));
    control_answer_deinit(&answer);
    return r;
}

static int list_everybody(const char *state, struct everybody *all)
{
    char target[256];
    int r = CMD_GO;
    (void)snprintf(target, sizeof(target), "/v1/tenants?limit=%d", PAGE);
    while (r == CMD_GO && target[0] != '\0') {
        r = list_page(state, target, all);
    }
    return r;
}

/* A tenant that fails keeps nobody else from being written; which they were is said at the end. */
static int provision_all(struct options *o, bool *differs)
{
    struct everybody all = {0};
    int r = list_everybody(o->state, &all);
    o->progress = isatty(STDERR_FILENO) == 1 && !o->diff && !o->json && !to_stdout(o);
    size_t failed = 0;
    for (size_t i = 0; r == CMD_GO && i < all.count; i++) {
        bool one = false;
        if (o->progress) {
            (void)fprintf(stderr, CLEAR_LINE "[%zu/%zu] %s", i + 1, all.count, all.names[i]);
        }
        if (provision_one(o, all.names[i], &one) != CMD_DONE) {
            cmd_say("tenant %s was not provisioned", all.names[i]);
            failed++;
        }
        *differs = *differs || one;
    }
    if (o->progress) {
        (void)fputs(CLEAR_LINE, stderr);
    }
    if (r == CMD_GO && all.count == 0) {
        cmd_say("there are no tenants yet");
    }
    free(all.names);
    if (r != CMD_GO) {
        return r;
    }
    return failed == 0 ? CMD_DONE : cmd_fail("%zu of %zu tenants were not provisioned", failed, all.count);
}

/* ---- the arguments ---- */

/* It becomes part of a query, where these need no escape; what they mean is checked by the server. */
static int check_word(const char *option, const char *text)
{
    if (text == NULL ||
        (text[0] != '\0' && strlen(text) <= 512 &&
         text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@")] ==
             '\0')) {
        return CMD_GO;
    }
    return cmd_wrong_usage("provision", "--%s is followed by letters, digits and . _ - / : @", option);
}

static int check_options(const struct options *o, int names)
{
    if (o->all && (names != 0 || o->file != NULL || o->providers.count != 0 || o->given.count != 0)) {
        return cmd_wrong_usage("provision",
                               "--all is for the tenants as they are: without NAME, -f, --provider and "
                               "--credential-file");
    }
    if (!o->all && names == 0) {
        return cmd_wrong_usage("provision", "which tenant? Or --all of them");
    }
    if (o->file != NULL && o->providers.count != 0) {
        return cmd_wrong_usage("provision",
                               "-f and --provider do not go together: write the routes into the file");
    }
    if (o->dry_run && o->diff) {
        return cmd_wrong_usage("provision",
                               "--dry-run and --diff do not go together: neither changes anything");
    }
    if (to_stdout(o) && (keeps_all(o) || o->json)) {
        return cmd_wrong_usage("provision", "--out - goes neither with --dry-run and --diff nor with --json");
    }
    if (to_stdout(o) && o->given.count != 0) {
        return cmd_wrong_usage("provision", "--credential-file needs a folder to write to");
    }
    const char *const words[][2] = {{"flavor", o->flavor},
                                    {"image", o->image},
                                    {"gateway-image", o->gateway_image},
                                    {"secrets", o->secrets}};
    int r = CMD_GO;
    for (size_t i = 0; r == CMD_GO && i < sizeof(words) / sizeof(words[0]); i++) {
        r = check_word(words[i][0], words[i][1]);
    }
    return r;
}

int cmd_provision(int argc, char **argv)
{
    struct options o = {.out = "."};
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = &o.file},
        {.name = "provider",
         .value = o.providers.items,
         .count = &o.providers.count,
         .max = PROVISION_PROVIDERS_MAX},
        {.name = "out", .letter = 'o', .value = &o.out},
        {.name = "flavor", .value = &o.flavor},
        {.name = "image", .value = &o.image},
        {.name = "gateway-image", .value = &o.gateway_image},
        {.name = "secrets", .value = &o.secrets},
        {.name = "credential-file",
         .value = o.given.files,
         .count = &o.given.count,
         .max = PROVISION_PROVIDERS_MAX},
        {.name = "dry-run", .flag = &o.dry_run},
        {.name = "diff", .flag = &o.diff},
        {.name = "all", .flag = &o.all},
        {.name = "json", .flag = &o.json},
    };
    const struct cmd_usage usage = {.command = "provision",
                                    .line =
                                        "provision NAME [-f FILE | --provider P[=CREDENTIAL]...] [--out DIR]",
                                    .max = 1,
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    bool differs = false;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    o.state = line.state;
    r = check_options(&o, line.arg_count);
    if (r == CMD_GO && !o.all) {
        r = cmd_check_name("tenant", line.args[0]);
    }
    if (r == CMD_GO) {
        r = o.all ? provision_all(&o, &differs) : provision_one(&o, line.args[0], &differs);
    }
    if (o.diff) {
        return r != CMD_DONE ? TROUBLE : differs ? DIFFERENCES : CMD_DONE;
    }
    return r;
}

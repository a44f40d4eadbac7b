/* cmd_env.c - clawbox env: what a tenant's agent needs in its environment. */
#include "bundle.h"
#include "control.h"

#include "base/json.h"
#include "inject/token.h"

#include <unistd.h>

#define VARIABLES_MAX ((size_t)512 * 1024)

/* The same value under each of the names that somebody reads: curl the lower case ones, most others the upper case. */
static const char *const proxy_names[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                                          "http_proxy",  "ALL_PROXY",   "all_proxy"};
static const char *const direct_names[] = {"NO_PROXY", "no_proxy"};
static const char *const bundle_names[] = {
    "SSL_CERT_FILE",       /* OpenSSL, Go, Rust */
    "NODE_EXTRA_CA_CERTS", /* Node, beside its own roots */
    "REQUESTS_CA_BUNDLE",  /* Python's requests */
    "CURL_CA_BUNDLE",      "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT",
};
/* Node 24 heeds the proxy variables only when it is told so. */
static const char *const node_names[] = {"NODE_USE_ENV_PROXY"};

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

/* Where the variables go: lines for a shell, or members of a JSON object. */
struct output {
    struct buf text;
    struct json *json; /* NULL: a shell */
    int error;
};

static void put(struct output *o, const char *name, struct span value)
{
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

static void put_all(struct output *o, const char *const *names, size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        put(o, names[i], span_str(value));
    }
}

/* These lines are run by a shell: what is no name of a variable is not printed as one. */
static bool name_valid(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        bool letter =
            (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') || name[i] == '_';
        if (!letter && !(i > 0 && name[i] >= '0' && name[i] <= '9')) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

/* What may stand in a URL's user part as it is (RFC 3986, unreserved). */
static bool token_valid(const char *token)
{
    return token[0] != '\0' &&
           strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") ==
               strlen(token);
}

static int put_placeholders(struct output *o, const struct conf_node *root)
{
    for (const struct conf_node *v = control_first(root, "variables"); v != NULL; v = v->next) {
        if (v->kind != CONF_KIND_SCALAR || !name_valid(v->key) || !printable(v->text)) {
            return cmd_fail(
                "clawbox serve named a variable that no environment can hold: see `env` in the tenant file");
        }
        put(o, v->key, span_of(v->text, v->len));
    }
    return CMD_GO;
}

/* Google's SDKs read a file. What it holds is the placeholder, in the form that they take for a user's credentials. */
static int put_google_files(struct output *o, const char *tenant, const char *state,
                            const struct conf_node *root)
{
    int status = CMD_GO;
    for (const struct conf_node *v = control_first(root, "google_files"); status == CMD_GO && v != NULL;
         v = v->next) {
        char file[160];
        char path[PATH_MAX];
        struct buf content;
        buf_init(&content, 4096);
        int len = v->kind == CONF_KIND_SCALAR && name_valid(v->key)
                      ? snprintf(file, sizeof(file), "%s.json", v->key)
                      : -1;
        int r = len < 0 || (size_t)len >= sizeof(file)
                    ? CB_EINVAL
                    : inject_gcp_write_stub(span_of(v->text, v->len), &content);
        status = r != 0 ? cmd_fail_r(r, "the file for Google's SDKs cannot be made")
                        : bundle_write_file(state, tenant, file, buf_span(&content), path, sizeof(path));
        if (status == CMD_GO) {
            put(o, v->key, span_str(path));
        }
        buf_deinit(&content);
    }
    return status;
}

static int put_variables(struct output *o, const char *tenant, const char *state,
                         const struct conf_node *root)
{
    char bundle[PATH_MAX];
    char proxy[256];
    char base[256];
    uint64_t port = control_number(root, "port");
    const char *token = control_text(root, "token");
    const char *ca = control_text(root, "ca_pem");
    if (port == 0 || port > 65535) {
        return cmd_fail("the listener of %s is not open: the log of clawbox serve tells why", tenant);
    }
    if (!token_valid(token) || ca[0] == '\0') {
        return cmd_fail("clawbox serve did not say how %s is reached: is it of another version?", tenant);
    }
    int len = snprintf(proxy, sizeof(proxy), "http://%s:%s@127.0.0.1:%u", tenant, token, (unsigned)port);
    if (len < 0 || (size_t)len >= sizeof(proxy)) {
        return cmd_fail("the token of %s is too long", tenant);
    }
    /* For SDKs that take no proxy: this, a slash, the host, and what else their base URL has. */
    len = snprintf(base, sizeof(base), "http://127.0.0.1:%u/t/%s/https", (unsigned)port, token);
    if (len < 0 || (size_t)len >= sizeof(base)) {
        return cmd_fail("the token of %s is too long", tenant);
    }
    int r = bundle_write(state, tenant, span_str(ca), bundle, sizeof(bundle));
    if (r != CMD_GO) {
        return r;
    }
    put_all(o, proxy_names, COUNT(proxy_names), proxy);
    put(o, "CLAWBOX_BASE_URL", span_str(base));
    put_all(o, direct_names, COUNT(direct_names), "localhost,127.0.0.1,::1");
    put_all(o, bundle_names, COUNT(bundle_names), bundle);
    put_all(o, node_names, COUNT(node_names), "1");
    r = put_placeholders(o, root);
    return r == CMD_GO ? put_google_files(o, tenant, state, root) : r;
}

static int print(const char *tenant, const char *state, const struct conf_node *root, bool as_json)
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
    int status = put_variables(&o, tenant, state, root);
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
    struct control_answer answer;
    char target[128];
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/env", line.args[0]);
    r = control_read(line.state, target, &answer);
    if (r != CMD_GO) {
        return r;
    }
    r = print(line.args[0], line.state, control_answer_root(&answer), json);
    control_answer_deinit(&answer);
    if (r == CMD_DONE && !json && isatty(STDOUT_FILENO) == 1) {
        cmd_say("to put these into a shell: eval \"$(clawbox env %s)\"", line.args[0]);
    }
    return r;
}

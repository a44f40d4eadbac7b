/* agent_env.c - what the server says about a tenant, as variables and files. */
#include "agent_env.h"

#include "bundle.h"
#include "control.h"

#include "inject/token.h"

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

struct sink {
    agent_env_fn *put;
    void *arg;
};

static void sink_put(const struct sink *to, const char *name, struct span value)
{
    to->put(to->arg, name, value);
}

static void put_all(const struct sink *to, const char *const *names, size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        sink_put(to, names[i], span_str(value));
    }
}

/* A shell runs what `env` prints: what is no name of a variable is not printed as one. */
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

static int put_placeholders(const struct sink *to, const struct conf_node *root)
{
    for (const struct conf_node *v = control_first(root, "variables"); v != NULL; v = v->next) {
        if (v->kind != CONF_KIND_SCALAR || !name_valid(v->key) || !printable(v->text)) {
            return cmd_fail(
                "clawbox serve named a variable that no environment can hold: see `env` in the tenant file");
        }
        sink_put(to, v->key, span_of(v->text, v->len));
    }
    return CMD_GO;
}

/* Google's SDKs read a file. What it holds is the placeholder, in the form that they take for a user's credentials. */
static int put_google_files(const struct sink *to, const char *tenant, const char *state,
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
            sink_put(to, v->key, span_str(path));
        }
        buf_deinit(&content);
    }
    return status;
}

static int put_variables(const struct sink *to, const char *tenant, const char *state,
                         const struct conf_node *root, struct agent_env *out)
{
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
    out->port = (uint16_t)port;
    int r = bundle_write(state, tenant, span_str(ca), out->bundle, sizeof(out->bundle));
    if (r != CMD_GO) {
        return r;
    }
    put_all(to, proxy_names, COUNT(proxy_names), proxy);
    sink_put(to, "CLAWBOX_BASE_URL", span_str(base));
    put_all(to, direct_names, COUNT(direct_names), "localhost,127.0.0.1,::1");
    put_all(to, bundle_names, COUNT(bundle_names), out->bundle);
    put_all(to, node_names, COUNT(node_names), "1");
    r = put_placeholders(to, root);
    return r == CMD_GO ? put_google_files(to, tenant, state, root) : r;
}

int agent_env_read(const char *state, const char *tenant, agent_env_fn *put, void *arg, struct agent_env *out)
{
    struct control_answer answer;
    char target[128];
    const struct sink to = {.put = put, .arg = arg};
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/env", tenant);
    int r = control_read(state, target, &answer);
    if (r == CMD_GO) {
        r = put_variables(&to, tenant, state, control_answer_root(&answer), out);
        control_answer_deinit(&answer);
    }
    return r;
}

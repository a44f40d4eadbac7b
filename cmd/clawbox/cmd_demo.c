/*
 * cmd_demo.c - `clawbox demo`: the main job played through in a minute, on this machine alone, and checked line by line.
 *
 * Everything in it is real: the server and the commands are this program, run as people run them; the agent speaks TLS through
 * the proxy; only the provider is played. The agent is started before the key exists, so that whatever its memory has of the
 * key must have come to it.
 */
#include "cmd.h"
#include "conf/tree.h"
#include "demo_agent.h"
#include "demo_look.h"
#include "demo_provider.h"

#include "base/secret.h"
#include "base/strnum.h"
#include "policy/placeholder.h"
#include "tls/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEMO_HOST    "api.openai.com"
#define DEMO_SHAPE   "sk-proj-{48}"
#define DEMO_PATH    "/v1/models"
#define DEMO_SEEN_MS 10000

#define DEMO_ARGUMENTS_MAX 15
#define DEMO_RECORDS_MIN   5 /* one request and four refusals */

struct demo {
    char dir[64];
    char state[80];
    char log[96];
    struct demo_agent agent;
    struct demo_provider provider;
    pid_t server;
    char key[PLACEHOLDER_MAX];
    char placeholder[PLACEHOLDER_MAX];
    char bundle[PATH_MAX];
    char proxy_user[64];
    uint16_t proxy_port;
    unsigned lines;
    unsigned failed;
};

/* ---- telling ---- */

static void line(struct demo *d, bool holds, const char *claim, const char *fmt, ...) CB_PRINTF(4, 5);

static void line(struct demo *d, bool holds, const char *claim, const char *fmt, ...)
{
    char saw[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(saw, sizeof(saw), fmt, args);
    va_end(args);
    bool colour = cmd_colour(stdout);
    const char *mark =
        holds ? (colour ? "\033[32mok  \033[0m" : "ok  ") : (colour ? "\033[31mFAIL\033[0m" : "FAIL");
    (void)printf("  %s  %-58s ", mark, claim);
    cmd_print_text(stdout, span_str(saw));
    (void)printf("\n");
    (void)fflush(stdout);
    d->lines++;
    d->failed += holds ? 0 : 1;
}

/* Enough of a key to recognise it. */
static const char *shortened(const char *key, char out[32])
{
    (void)snprintf(out, 32, "%.14s...%s", key, strlen(key) > 18 ? key + strlen(key) - 4 : "");
    return out;
}

/* ---- running this program as people run it ---- */

static _Noreturn void become(const char *const argv[], int in, int out, int err)
{
    /* execv() wants texts that it could change, and does not. */
    char *args[DEMO_ARGUMENTS_MAX + 1] = {NULL};
    for (size_t i = 0; i < DEMO_ARGUMENTS_MAX && argv[i] != NULL; i++) {
        memcpy(&args[i], &argv[i], sizeof(args[i]));
    }
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        (err < 0 || dup2(err, STDERR_FILENO) >= 0)) {
        (void)execv("/proc/self/exe", args);
    }
    _exit(126);
}

/* Runs a command to its end: `input` goes to its standard input, its standard output to `out`. CMD_GO when it succeeds. */
static int run_command(const char *const argv[], struct span input, struct buf *out)
{
    int in[2];
    int from[2];
    if (pipe2(in, O_CLOEXEC) != 0) {
        return cmd_fail_r(-errno, "a pipe");
    }
    if (pipe2(from, O_CLOEXEC) != 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return cmd_fail_r(-errno, "a pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(argv, in[0], from[1], -1);
    }
    (void)close(in[0]);
    (void)close(from[1]);
    int r = pid > 0 && write(in[1], input.ptr, input.len) == (ssize_t)input.len ? 0 : -errno;
    (void)close(in[1]);
    uint8_t *to;
    ssize_t got = 1;
    while (r == 0 && got > 0 && (r = buf_reserve(out, 4096, &to)) == 0) {
        got = read(from[0], to, 4096);
        buf_commit(out, got > 0 ? (size_t)got : 0);
    }
    (void)close(from[0]);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) != pid) {
        r = -errno;
    }
    if (r != 0) {
        return cmd_fail_r(r, "clawbox %s", argv[1]);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? CMD_GO
               : cmd_fail("`clawbox %s %s` failed", argv[1], argv[2] != NULL ? argv[2] : "");
}

static int start_server(struct demo *d)
{
    int out[2];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(d->log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (null < 0 || log < 0 || pipe2(out, O_CLOEXEC) != 0) {
        return cmd_fail_r(-errno, "%s", d->log);
    }
    d->server = fork();
    if (d->server == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        become((const char *const[]){"clawbox", "serve", "--state", d->state, NULL}, null, out[1], log);
    }
    (void)close(out[1]);
    (void)close(null);
    (void)close(log);
    FILE *lines = d->server > 0 ? fdopen(out[0], "re") : NULL;
    char text[128];
    bool ready = false;
    while (lines != NULL && !ready && fgets(text, sizeof(text), lines) != NULL) {
        ready = strcmp(text, "clawbox: ready\n") == 0;
    }
    if (lines != NULL) {
        (void)fclose(lines);
    } else {
        (void)close(out[0]);
    }
    return ready ? CMD_GO : cmd_fail("the server did not start");
}

static void print_log(const struct demo *d)
{
    char text[4096];
    FILE *log = fopen(d->log, "re");
    if (log == NULL) {
        return;
    }
    (void)fputs("what the server said:\n", stderr);
    while (fgets(text, sizeof(text), log) != NULL) {
        (void)fputs(text, stderr);
    }
    (void)fclose(log);
}

/* ---- setting up ---- */

static int write_tenant_file(const struct demo *d, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/alice.yaml", d->dir);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return cmd_fail_r(-errno, "%s", path);
    }
    (void)fprintf(file,
                  "apiVersion: clawbox/v1\n"
                  "kind: Tenant\n"
                  "metadata: {name: alice}\n"
                  "spec:\n"
                  "  routes:\n"
                  "    - provider: openai\n"
                  "      credential: openai\n"
                  "      upstream: {address: \"127.0.0.1:%u\", caFile: provider-ca.pem}\n",
                  d->provider.port);
    return fclose(file) == 0 ? CMD_GO : cmd_fail_r(-errno, "%s", path);
}

static const char *variable(const struct conf_tree *tree, const char *name)
{
    const struct conf_node *node = conf_node_get(conf_node_get(tree->documents, "variables"), name);
    return node != NULL && node->text != NULL ? node->text : "";
}

/* "http://alice:TOKEN@127.0.0.1:PORT" */
static int read_proxy(struct demo *d, struct span url)
{
    struct span scheme = SPAN_LIT("http://");
    struct span address = SPAN_LIT("@127.0.0.1:");
    const uint8_t *at = memmem(url.ptr, url.len, address.ptr, address.len);
    uint64_t port = 0;
    if (!span_starts(url, scheme) || at == NULL ||
        strnum_u64(span_sub(url, (size_t)(at - url.ptr) + address.len, SIZE_MAX), UINT16_MAX, &port) != 0) {
        return cmd_fail("clawbox env: no proxy in it");
    }
    struct span user = span_sub(url, scheme.len, (size_t)(at - url.ptr) - scheme.len);
    (void)snprintf(d->proxy_user, sizeof(d->proxy_user), "%.*s", SPAN_ARG(user));
    d->proxy_port = (uint16_t)port;
    return CMD_GO;
}

/* What `clawbox env` says is all that the agent is told. */
static int read_environment(struct demo *d)
{
    struct conf_tree tree = {.documents = NULL};
    struct conf_tree_error error;
    struct buf json;
    buf_init(&json, CONF_TREE_BYTES_MAX);
    const char *const argv[] = {"clawbox", "env", "alice", "--json", "--state", d->state, NULL};
    int r = run_command(argv, SPAN_EMPTY, &json);
    if (r == CMD_GO && conf_tree_read(buf_span(&json), &tree, &error) != 0) {
        r = cmd_fail("clawbox env: %s", error.message);
    }
    if (r == CMD_GO) {
        r = read_proxy(d, span_str(variable(&tree, "HTTPS_PROXY")));
        (void)snprintf(d->placeholder, sizeof(d->placeholder), "%s", variable(&tree, "OPENAI_API_KEY"));
        (void)snprintf(d->bundle, sizeof(d->bundle), "%s", variable(&tree, "SSL_CERT_FILE"));
    }
    conf_tree_deinit(&tree);
    buf_deinit(&json);
    return r;
}

static int set_up(struct demo *d)
{
    char path[128];
    int r;
    (void)snprintf(d->dir, sizeof(d->dir), "/tmp/clawbox-demo-XXXXXX");
    if (mkdtemp(d->dir) == NULL) {
        return cmd_fail_r(-errno, "/tmp");
    }
    (void)snprintf(d->state, sizeof(d->state), "%s/state", d->dir);
    (void)snprintf(d->log, sizeof(d->log), "%s/serve.log", d->dir);
    (void)snprintf(path, sizeof(path), "%s/provider-ca.pem", d->dir);
    if ((r = tls_init()) != 0 || (r = demo_agent_start(&d->agent)) != 0 ||
        (r = demo_provider_start(DEMO_HOST, path, &d->provider)) != 0 ||
        (r = placeholder_make(SPAN_LIT(DEMO_SHAPE), d->key)) != 0) {
        return cmd_fail_r(r, "setting the scene");
    }
    struct buf out;
    buf_init(&out, (size_t)64 * 1024);
    const char *const apply[] = {"clawbox", "tenant", "apply", "-f", path, "--state", d->state, NULL};
    const char *const set[] = {"clawbox", "credential", "set", "alice", "openai", "--state", d->state, NULL};
    if ((r = write_tenant_file(d, path, sizeof(path))) == CMD_GO && (r = start_server(d)) == CMD_GO &&
        (r = run_command(apply, SPAN_EMPTY, &out)) == CMD_GO &&
        (r = run_command(set, span_str(d->key), &out)) == CMD_GO) {
        r = read_environment(d);
    }
    buf_deinit(&out);
    return r;
}

/* ---- the story ---- */

static struct demo_errand errand_to(const struct demo *d, enum demo_how how, const char *host, uint16_t port,
                                    const char *key)
{
    struct demo_errand e = {.how = how, .proxy_port = d->proxy_port, .port = port, .path = DEMO_PATH};
    (void)snprintf(e.host, sizeof(e.host), "%s", host);
    (void)snprintf(e.proxy_user, sizeof(e.proxy_user), "%s", d->proxy_user);
    (void)snprintf(e.ca_path, sizeof(e.ca_path), "%s", d->bundle);
    if (key != NULL) {
        (void)snprintf(e.credential, sizeof(e.credential), "Bearer %s", key);
    }
    return e;
}

static void tell_injection(struct demo *d)
{
    char text[32];
    struct demo_answer answer = {.code = CB_ECLOSED};
    struct demo_errand e = errand_to(d, DEMO_TLS, DEMO_HOST, 443, d->placeholder);
    struct buf seen;
    char want[PLACEHOLDER_MAX + 16];
    buf_init(&seen, 1024);
    int r = demo_agent_run(&d->agent, &e, &answer);
    r = r != 0 ? r : answer.code;
    line(d, r == 0 && answer.status == 200, "The agent asked the provider, and was answered.",
         r != 0 ? "it failed: %s" : "GET https://" DEMO_HOST DEMO_PATH ": %s",
         r != 0                 ? cb_strerror(r)
         : answer.status == 200 ? "200"
                                : answer.body);
    line(d, strcmp(d->placeholder, d->key) != 0 && strncmp(d->placeholder, "sk-proj-", 8) == 0,
         "The agent knows only a placeholder.", "%s", shortened(d->placeholder, text));
    (void)snprintf(want, sizeof(want), "Bearer %s", d->key);
    r = demo_provider_seen(&d->provider, DEMO_SEEN_MS, &seen);
    bool real = r == 0 && span_eq_str(buf_span(&seen), want);
    /* What the provider saw is told only when it is not the real key. */
    line(d, real, "The provider saw the real key.", "%.*s", real ? 64 : 200,
         real     ? shortened(d->key, text)
         : r != 0 ? cb_strerror(r)
                  : "something else");
    buf_deinit(&seen);
}

static void tell_memory(struct demo *d, const char *claim, pid_t pid, bool expected)
{
    struct demo_look look;
    int r = pid > 0 ? demo_look(pid, span_str(d->key), &look) : CB_ENOTFOUND;
    if (r == CB_EPERM) {
        line(d, !expected, claim,
             "not even we may look: it is not dumpable (root may: run the demo as root)");
        return;
    }
    if (r != 0) {
        line(d, false, claim, "it cannot be looked into: %s", cb_strerror(r));
        return;
    }
    bool found = look.in_memory || look.in_environment;
    line(d, found == expected, claim, "%s in %.1f MiB of memory and its environment",
         found ? "found" : "not found", (double)look.bytes / (1 << 20));
}

/* The reason in a problem document. */
static void read_reason(const char *body, char *out, size_t size)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    out[0] = '\0';
    if (conf_tree_read(span_str(body), &tree, &error) == 0) {
        const struct conf_node *node = conf_node_get(tree.documents, "reason");
        (void)snprintf(out, size, "%s", node != NULL && node->text != NULL ? node->text : "");
        conf_tree_deinit(&tree);
    }
}

static void tell_refusal(struct demo *d, const char *claim, const struct demo_errand *e, const char *reason)
{
    struct demo_answer answer = {.code = CB_ECLOSED};
    char got[64];
    int r = demo_agent_run(&d->agent, e, &answer);
    r = r != 0 ? r : answer.code;
    if (r != 0) {
        line(d, false, claim, "no answer: %s", cb_strerror(r));
        return;
    }
    read_reason(answer.body, got, sizeof(got));
    line(d, answer.status == 403 && strcmp(got, reason) == 0, claim, "%u %s", answer.status, got);
}

static void tell_refusals(struct demo *d)
{
    char foreign[PLACEHOLDER_MAX];
    struct demo_errand e = errand_to(d, DEMO_TLS, "collector.example.net", 443, d->placeholder);
    tell_refusal(d, "A host that no route names is refused.", &e, "no_route");
    e = errand_to(d, DEMO_ABSOLUTE, "169.254.169.254", 80, NULL);
    tell_refusal(d, "The cloud's metadata address is refused.", &e, "no_route");
    if (placeholder_make(SPAN_LIT(DEMO_SHAPE), foreign) == 0) {
        e = errand_to(d, DEMO_TLS, DEMO_HOST, 443, foreign);
        tell_refusal(d, "A key that somebody slipped to the agent is refused.", &e, "foreign_credential");
    }
    e = errand_to(d, DEMO_CLEAR_IN_TUNNEL, DEMO_HOST, 443, d->placeholder);
    tell_refusal(d, "Clear text where TLS belongs is refused.", &e, "plaintext_in_tunnel");
    struct buf seen;
    buf_init(&seen, 1024);
    int r = demo_provider_seen(&d->provider, 0, &seen);
    line(d, r == CB_ETIMEOUT, "None of these reached the provider.", "%s",
         r == CB_ETIMEOUT ? "it saw one request in all" : "it saw another request");
    buf_deinit(&seen);
}

static void tell_audit(struct demo *d)
{
    struct conf_tree tree = {.documents = NULL};
    struct conf_tree_error error;
    struct buf json;
    buf_init(&json, (size_t)64 * 1024);
    const char *const argv[] = {"clawbox", "audit", "verify", "--json", "--state", d->state, NULL};
    int r = run_command(argv, SPAN_EMPTY, &json);
    bool read = r == CMD_GO && conf_tree_read(buf_span(&json), &tree, &error) == 0;
    const struct conf_node *ok = read ? conf_node_get(tree.documents, "ok") : NULL;
    uint64_t count = 0;
    const struct conf_node *rows = read ? conf_node_get(tree.documents, "rows") : NULL;
    bool holds = ok != NULL && ok->text != NULL && strcmp(ok->text, "true") == 0 && rows != NULL &&
                 rows->text != NULL && strnum_u64(span_str(rows->text), UINT64_MAX, &count) == 0 &&
                 count >= DEMO_RECORDS_MIN;
    line(d, holds, "The audit has all of it, and its chain is whole.", "%s records",
         rows != NULL && rows->text != NULL ? rows->text : "no");
    conf_tree_deinit(&tree);
    buf_deinit(&json);
}

static void tell_story(struct demo *d)
{
    (void)printf(
        "An agent that you need not trust, a provider that wants a key, and clawbox in between.\n\n");
    tell_injection(d);
    tell_memory(d, "Searching memory works: the demo itself has the key.", getpid(), true);
    tell_memory(d, "The agent does not have the key.", d->agent.pid, false);
    tell_memory(d, "The process that parses the agent's bytes has not either.",
                demo_find_role(d->server, "gate", "alice"), false);
    tell_refusals(d);
    tell_audit(d);
}

/* ---- cleaning up ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void tear_down(struct demo *d, bool story_told)
{
    demo_agent_stop(&d->agent);
    demo_provider_stop(&d->provider);
    if (d->server > 0) {
        int status = 0;
        (void)kill(d->server, SIGTERM);
        bool clean =
            waitpid(d->server, &status, 0) == d->server && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (story_told) {
            line(d, clean, "The server stopped cleanly.", "status %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128);
        }
    }
    if (!story_told || d->failed != 0) {
        print_log(d);
    }
    if (d->dir[0] != '\0' && nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        cmd_say("%s is left over", d->dir);
    }
    secret_wipe(d->key, sizeof(d->key));
}

int cmd_demo(int argc, char **argv)
{
    const struct cmd_usage usage = {.command = "demo", .line = "demo"};
    struct cmd_line given;
    int r = cmd_line_parse(&usage, argc, argv, &given);
    if (r != CMD_GO) {
        return r;
    }
    static struct demo d = {.agent = {.fd = -1}, .provider = {.seen_fd = -1}};
    (void)signal(SIGPIPE, SIG_IGN);
    r = set_up(&d);
    if (r == CMD_GO) {
        tell_story(&d);
    }
    tear_down(&d, r == CMD_GO);
    if (r != CMD_GO) {
        return r;
    }
    if (d.failed != 0) {
        (void)printf("\n%u of %u lines do not hold.\n", d.failed, d.lines);
        return CMD_FAILED;
    }
    (void)printf("\nAll %u lines hold. Next: `clawbox serve`, and a tenant of your own (README.md).\n",
                 d.lines);
    return CMD_DONE;
}

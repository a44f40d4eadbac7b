/*
 * attack_stage.c - the throw-away tenants: a mirror of the tenant's routes whose every upstream is the origin, and another
 * tenant with an echo. Their credentials are made up here and are good nowhere.
 */
#include "attack.h"

#include "control.h"
#include "policy_source.h"

#include "base/encode.h"
#include "base/json.h"
#include "policy/placeholder.h"
#include "tls/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX ((size_t)900 * 1024)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool attack_interrupted(void)
{
    return interrupted != 0;
}

/* ---- which routes, and one request for each ---- */

/* A path that the pattern matches: "x" for what may be anything, nothing where a credential goes. */
static void concrete_path(const struct spec_route *route, char out[600])
{
    const char *pattern = route->path_count != 0 ? route->paths[0] : "/**";
    size_t mark = route->inject == SPEC_INJECT_PATH ? route->path_marks[0] : SIZE_MAX;
    size_t len = 0;
    for (size_t i = 0; pattern[i] != '\0' && len + 2 < 600; i++) {
        if (pattern[i] != '*') {
            out[len++] = pattern[i];
        } else if (i != mark) {
            out[len++] = 'x';
            i += pattern[i + 1] == '*' ? 1 : 0;
        }
    }
    out[len] = '\0';
}

static void concrete_host(const struct spec_route *route, char out[256])
{
    if (route->host[0] == '*') {
        (void)snprintf(out, 256, "attack%s", route->host + 1);
    } else {
        (void)snprintf(out, 256, "%s", route->host);
    }
}

static void choose_routes(struct attack *a)
{
    const struct spec *spec = a->live->spec;
    for (size_t i = 0; i < spec->route_count && a->route_count < ATTACK_ROUTES_MAX; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (route->action != SPEC_ACTION_ALLOW) {
            continue;
        }
        struct attack_route *out = &a->routes[a->route_count++];
        *out = (struct attack_route){.route = route};
        concrete_host(route, out->host);
        concrete_path(route, out->path);
        if (route->kube_rule_count != 0) {
            (void)snprintf(out->path, sizeof(out->path), "/version"); /* what every rule allows to ask */
        }
        (void)snprintf(out->method, sizeof(out->method), "%s", route->methods[0]);
    }
}

/* ---- the tenants' files ---- */

static void json_texts(struct json *j, const char *key, char *const *texts, size_t n)
{
    json_array(j, key);
    for (size_t i = 0; i < n; i++) {
        json_text(j, NULL, span_str(texts[i]));
    }
    json_array_end(j);
}

static void json_names(struct json *j, const char *key, const struct spec_list *headers,
                       const struct spec_list *query)
{
    if (headers->count + query->count == 0) {
        return;
    }
    json_object(j, key);
    if (headers->count != 0) {
        json_texts(j, "headers", headers->items, headers->count);
    }
    if (query->count != 0) {
        json_texts(j, "query", query->items, query->count);
    }
    json_object_end(j);
}

static int json_paths(struct json *j, const struct spec_route *route)
{
    int r = 0;
    if (route->path_count == 0) {
        return 0;
    }
    json_array(j, "paths");
    for (size_t i = 0; r == 0 && i < route->path_count; i++) {
        struct buf text;
        buf_init(&text, 2 * SPEC_PATH_MAX);
        if (route->inject == SPEC_INJECT_PATH) {
            size_t mark = route->path_marks[i];
            r = buf_append(&text, route->paths[i], mark);
            r = r == 0 ? buf_append_str(&text, INJECT_SHOWN) : r;
            r = r == 0 ? buf_append_str(&text, route->paths[i] + mark + 1) : r;
        } else {
            r = buf_append_str(&text, route->paths[i]);
        }
        json_text(j, NULL, buf_span(&text));
        buf_deinit(&text);
    }
    json_array_end(j);
    return r;
}

/* How the made-up credential goes in. False for an injector that cannot be mirrored. */
static bool json_inject(struct json *j, const struct spec_route *route)
{
    if (route->inject == SPEC_INJECT_NONE) {
        return true;
    }
    bool by_headers = route->inject == SPEC_INJECT_BEARER || route->inject == SPEC_INJECT_HEADER;
    if (!by_headers && route->inject != SPEC_INJECT_BASIC && route->inject != SPEC_INJECT_QUERY &&
        route->inject != SPEC_INJECT_PATH && route->inject != SPEC_INJECT_BODY) {
        return false; /* a signature is no credential that an origin could look for */
    }
    json_text(j, "credential", span_str(route->credential));
    json_object(j, "inject");
    if (route->inject == SPEC_INJECT_QUERY) {
        json_text(j, "query", span_str(route->parameter));
    } else if (route->inject == SPEC_INJECT_PATH) {
        json_bool(j, "path", true);
    } else if (route->inject == SPEC_INJECT_BASIC) {
        json_bool(j, "basic", true);
        json_text(j, "user", span_str(route->user != NULL ? route->user : "attack"));
    } else if (route->inject == SPEC_INJECT_BODY) {
        json_text(j, "body", span_str(route->parameter));
        if (route->header_count != 0) {
            json_text(j, "header", span_str(route->headers[0].name));
            json_text(j, "prefix", span_str(route->headers[0].value));
        }
    } else {
        json_array(j, "headers");
        for (size_t i = 0; i < route->header_count; i++) {
            json_object(j, NULL);
            json_text(j, "name", span_str(route->headers[i].name));
            json_text(j, "prefix", span_str(route->headers[i].value));
            json_object_end(j);
        }
        json_array_end(j);
    }
    json_object_end(j);
    return true;
}

static void json_kube(struct json *j, const struct spec_route *route)
{
    if (route->kube_rule_count == 0) {
        return;
    }
    json_array(j, "kubernetes");
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        const struct spec_kube_rule *rule = &route->kube_rules[i];
        json_object(j, NULL);
        if (rule->namespaces.count != 0) {
            json_texts(j, "namespaces", rule->namespaces.items, rule->namespaces.count);
        }
        json_texts(j, "verbs", rule->verbs.items, rule->verbs.count);
        json_texts(j, "resources", rule->resources.items, rule->resources.count);
        json_object_end(j);
    }
    json_array_end(j);
}

/* `port` of the origin; 0 for a deny route. */
static int json_route(struct json *j, const struct spec_route *route, uint16_t port)
{
    char address[32];
    bool allow = route->action == SPEC_ACTION_ALLOW;
    json_object(j, NULL);
    json_text(j, "name", span_str(route->name));
    json_text(j, "host", span_str(route->host));
    json_number(j, "port", route->port);
    json_text(j, "scheme", span_str(route->scheme == SPEC_SCHEME_HTTP ? "http" : "https"));
    json_texts(j, "methods", route->methods, route->method_count);
    int r = json_paths(j, route);
    if (!allow) {
        json_text(j, "action", SPAN_LIT("deny"));
        json_object_end(j);
        return r;
    }
    (void)json_inject(j, route);
    json_kube(j, route);
    json_names(j, "places", &route->place_headers, &route->place_query);
    json_names(j, "pass", &route->pass_headers, &route->pass_query);
    if (route->placeholder_required) {
        json_text(j, "placeholder", SPAN_LIT("required"));
    }
    if (route->scheme == SPEC_SCHEME_HTTP && route->inject != SPEC_INJECT_NONE) {
        json_bool(j, "insecure", true);
    }
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
    json_object(j, "upstream");
    json_text(j, "address", span_str(address));
    if (route->scheme == SPEC_SCHEME_HTTPS) {
        json_text(j, "caFile", SPAN_LIT("origin.pem"));
    }
    json_object_end(j);
    json_object_end(j);
    return r;
}

static void json_head(struct json *j, const char *name)
{
    json_object(j, NULL);
    json_text(j, "apiVersion", SPAN_LIT("clawbox/v1"));
    json_text(j, "kind", SPAN_LIT("Tenant"));
    json_object(j, "metadata");
    json_text(j, "name", span_str(name));
    json_object_end(j);
    json_object(j, "spec");
    json_array(j, "routes");
}

static int json_tail(struct json *j)
{
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
    return json_finish(j);
}

static int write_mirror(const struct attack *a, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_head(&j, a->mirror_name);
    int r = 0;
    for (size_t i = 0; r == 0 && i < a->route_count; i++) {
        r = json_route(&j, a->routes[i].route, a->origin.ports[ORIGIN_ROUTES + i]);
    }
    for (size_t i = 0; r == 0 && i < a->live->spec->route_count; i++) {
        if (a->live->spec->routes[i].action == SPEC_ACTION_DENY) {
            r = json_route(&j, &a->live->spec->routes[i], 0);
        }
    }
    int written = json_tail(&j);
    return r == 0 ? written : r;
}

/* An echo with a credential, and a route to loopback without leave to go there. */
static int write_other(const struct attack *a, struct buf *out)
{
    char get[] = "GET";
    char post[] = "POST";
    char *methods[] = {get, post};
    struct spec_field header = {.name = (char[]){"Authorization"}, .value = (char[]){"Bearer "}};
    struct spec_route echo = {.name = (char[]){"echo"},
                              .host = (char[]){ATTACK_ECHO_HOST},
                              .port = 443,
                              .methods = methods,
                              .method_count = 2,
                              .inject = SPEC_INJECT_BEARER,
                              .headers = &header,
                              .header_count = 1,
                              .credential = (char[]){"echo"}};
    struct json j;
    json_init(&j, out);
    json_head(&j, a->other_name);
    int r = json_route(&j, &echo, a->origin.ports[ORIGIN_ECHO]);
    json_object(&j, NULL);
    json_text(&j, "name", SPAN_LIT("inside"));
    json_text(&j, "host", SPAN_LIT("127.0.0.1"));
    json_text(&j, "scheme", SPAN_LIT("http"));
    json_number(&j, "port", a->origin.ports[ORIGIN_INSIDE]);
    json_object_end(&j);
    int written = json_tail(&j);
    return r == 0 ? written : r;
}

static int apply(const struct attack *a, int (*write)(const struct attack *, struct buf *))
{
    struct buf text;
    struct buf body;
    struct json j;
    struct control_answer answer;
    buf_init(&text, FILE_MAX);
    buf_init(&body, FILE_MAX);
    int r = write(a, &text);
    json_init(&j, &body);
    json_object(&j, NULL);
    json_text(&j, "file", SPAN_LIT("clawbox attack"));
    json_text(&j, "text", buf_span(&text));
    json_object(&j, "files");
    json_text(&j, "origin.pem", buf_span(&a->origin.ca_pem));
    json_object_end(&j);
    json_object_end(&j);
    r = r == 0 ? json_finish(&j) : r;
    int status = r == 0 ? CMD_GO : cmd_fail_r(r, "the throw-away tenant cannot be written");
    struct control_request request = {
        .method = "POST", .target = "/v1/tenants:apply", .body = buf_span(&body)};
    if (status == CMD_GO && (status = control_ask(a->state, &request, &answer)) == CMD_GO) {
        control_answer_deinit(&answer);
    }
    buf_deinit(&text);
    buf_deinit(&body);
    return status;
}

/* ---- credentials ---- */

/* `clawbox credential set`, which seals what it reads. */
static int set_credential(const struct attack *a, const char *tenant, const char *name)
{
    int input[2];
    if (pipe2(input, O_CLOEXEC) != 0) {
        return cmd_fail_r(-errno, "the made-up credential cannot be set");
    }
    pid_t pid = fork();
    if (pid == 0) {
        const char *const argv[] = {"clawbox", "credential", "set", tenant, name, "--state", a->state, NULL};
        int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nothing >= 0 && dup2(input[0], STDIN_FILENO) >= 0 && dup2(nothing, STDOUT_FILENO) >= 0) {
            (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
        }
        _exit(127);
    }
    (void)close(input[0]);
    size_t len = strlen(a->credential);
    bool written = pid > 0 && write(input[1], a->credential, len) == (ssize_t)len;
    (void)close(input[1]);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return written && WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? CMD_GO
               : cmd_fail("the made-up credential of %s cannot be set", tenant);
}

/* All that the tenant's routes use; *out is its policy then. */
static int set_credentials(const struct attack *a, const char *tenant, struct review_policy **out)
{
    struct review_policy *before = NULL;
    int status = policy_from_server(a->state, tenant, &before);
    for (size_t i = 0; status == CMD_GO && i < before->spec->credential_count; i++) {
        status = set_credential(a, tenant, before->spec->credentials[i].name);
    }
    review_policy_free(before);
    return status == CMD_GO ? policy_from_server(a->state, tenant, out) : status;
}

/* ---- listeners ---- */

static int read_listener(const struct attack *a, const char *tenant, struct attack_listener *out)
{
    char target[128];
    struct control_answer answer;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/env", tenant);
    int status = control_read(a->state, target, &answer);
    if (status != CMD_GO) {
        return status;
    }
    const struct conf_node *root = control_answer_root(&answer);
    (void)snprintf(out->login, sizeof(out->login), "%s:%s", tenant, control_text(root, "token"));
    (void)snprintf(out->address, sizeof(out->address), "127.0.0.1");
    out->port = (uint16_t)control_number(root, "port");
    int r = tls_roots_new(span_str(control_text(root, "ca_pem")), &out->roots, NULL);
    control_answer_deinit(&answer);
    if (r != 0 || out->port == 0) {
        return cmd_fail("the listener of %s is not open: the log of clawbox serve tells why", tenant);
    }
    if (a->listener != NULL) {
        const char *colon = strrchr(a->listener, ':');
        (void)snprintf(out->address, sizeof(out->address), "%.*s", (int)(colon - a->listener), a->listener);
        out->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    }
    return CMD_GO;
}

/* ---- all of it ---- */

static int choose_names(struct attack *a)
{
    uint8_t bytes[4];
    char hex[2 * sizeof(bytes) + 1];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return cmd_fail_r(-errno, "no random bytes");
    }
    encode_hex(bytes, sizeof(bytes), hex);
    (void)snprintf(a->mirror_name, sizeof(a->mirror_name), "attack-%s-mirror", hex);
    (void)snprintf(a->other_name, sizeof(a->other_name), "attack-%s-other", hex);
    char made[PLACEHOLDER_MAX];
    int r = placeholder_make(SPAN_LIT("attack-{40}"), made);
    (void)snprintf(a->credential, sizeof(a->credential), "%.60s", made);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "no credential can be made up");
}

/* Routes whose injector has no mirror are left out, and the report says so. */
static void drop_routes(struct attack *a)
{
    static const struct attack_case c = {"a route that cannot be mirrored is not attacked", "control"};
    size_t kept = 0;
    a->family = "policy";
    for (size_t i = 0; i < a->route_count; i++) {
        struct buf nothing;
        struct json j;
        buf_init(&nothing, 4096);
        json_init(&j, &nothing);
        json_object(&j, NULL);
        if (json_inject(&j, a->routes[i].route)) {
            a->routes[kept++] = a->routes[i];
        } else {
            attack_add(a, &c, ATTACK_SKIPPED, "%s: how its credential goes in has no mirror",
                       a->routes[i].route->name);
        }
        buf_deinit(&nothing);
    }
    a->route_count = kept;
}

int attack_stage_set(struct attack *a)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int status = policy_from_server(a->state, a->tenant, &a->live);
    int r = status == CMD_GO ? tls_init() : 0;
    if (r != 0) {
        return cmd_fail_r(r, "the attack cannot begin");
    }
    status = status == CMD_GO ? choose_names(a) : status;
    if (status != CMD_GO) {
        return status;
    }
    choose_routes(a);
    drop_routes(a);
    r = attack_origin_start(a->routes, a->route_count, span_str(a->credential), &a->origin);
    if (r != 0) {
        return cmd_fail_r(r, "the origin cannot be started");
    }
    status = apply(a, write_other);
    status = status == CMD_GO ? apply(a, write_mirror) : status;
    status = status == CMD_GO ? set_credentials(a, a->other_name, &a->other) : status;
    status = status == CMD_GO ? set_credentials(a, a->mirror_name, &a->mirror) : status;
    status = status == CMD_GO ? read_listener(a, a->tenant, &a->at_live) : status;
    status = status == CMD_GO ? read_listener(a, a->mirror_name, &a->at_mirror) : status;
    status = status == CMD_GO ? read_listener(a, a->other_name, &a->at_other) : status;
    return status;
}

static int remove_tenant(const struct attack *a, const char *name)
{
    char target[128];
    struct control_answer answer;
    if (name[0] == '\0') {
        return CMD_GO;
    }
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", name);
    struct control_request request = {.method = "DELETE", .target = target, .absent_is_fine = true};
    int status = control_ask(a->state, &request, &answer);
    if (status == CMD_GO) {
        control_answer_deinit(&answer);
    } else {
        cmd_say("the tenant %s was made for the attack and is still there: clawbox tenant rm %s", name, name);
    }
    return status;
}

int attack_stage_clear(struct attack *a)
{
    int status = CMD_GO;
    if (a->origin.pid > 0) {
        status = remove_tenant(a, a->mirror_name);
        int other = remove_tenant(a, a->other_name);
        status = status == CMD_GO ? other : status;
    }
    attack_origin_stop(&a->origin);
    tls_roots_free(a->at_live.roots);
    tls_roots_free(a->at_mirror.roots);
    tls_roots_free(a->at_other.roots);
    review_policy_free(a->live);
    review_policy_free(a->mirror);
    review_policy_free(a->other);
    for (size_t i = 0; i < a->result_count; i++) {
        free(a->results[i].title);
        free(a->results[i].reference);
        free(a->results[i].why);
    }
    free(a->results);
    return status;
}

/* cmd_explain.c - clawbox explain: what would become of a request, and why. No traffic. */
#include "cmd.h"
#include "policy_source.h"

#include "review/json.h"

#define HEADERS_MAX  64
#define TEXT_MAX_LEN ((size_t)64 * 1024)

struct asked {
    struct review_request request;
    struct http_field fields[HEADERS_MAX];
    struct buf text; /* URL and headers, with placeholders put in */
};

/* ---- the request ---- */

/* "Name: value", without blanks around the value. */
static bool split_header(struct span text, struct http_field *out)
{
    const uint8_t *colon = text.len != 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (colon == NULL) {
        return false;
    }
    out->name = span_sub(text, 0, (size_t)(colon - text.ptr));
    out->value = span_sub(text, out->name.len + 1, text.len);
    while (out->value.len != 0 && memchr(" \t", out->value.ptr[0], 2) != NULL) {
        out->value = span_sub(out->value, 1, out->value.len);
    }
    while (out->value.len != 0 && memchr(" \t", out->value.ptr[out->value.len - 1], 2) != NULL) {
        out->value.len--;
    }
    return true;
}

static int expand(const struct review_policy *policy, struct asked *asked, const char *text, struct span *out)
{
    char why[128] = "";
    size_t at = buf_len(&asked->text);
    int r = review_policy_expand(policy, span_str(text), &asked->text, why, sizeof(why));
    if (r == CB_ENOTFOUND) {
        return cmd_wrong_usage("explain", "%s", why);
    }
    if (r != 0) {
        return cmd_fail_r(r, "the request is too large");
    }
    *out = span_sub(buf_span(&asked->text), at, SIZE_MAX);
    return CMD_GO;
}

static int read_request(const struct review_policy *policy, char **args, const char *const *headers,
                        size_t count, struct asked *asked)
{
    uint8_t *room; /* all of it now, so that nothing moves later */
    int r = buf_reserve(&asked->text, TEXT_MAX_LEN, &room);
    if (r != 0) {
        return cmd_fail_r(r, "the request cannot be read");
    }
    asked->request =
        (struct review_request){.method = span_str(args[0]), .fields = asked->fields, .field_count = count};
    int status = expand(policy, asked, args[1], &asked->request.url);
    for (size_t i = 0; status == CMD_GO && i < count; i++) {
        struct span text;
        status = expand(policy, asked, headers[i], &text);
        if (status == CMD_GO && !split_header(text, &asked->fields[i])) {
            status = cmd_wrong_usage("explain", "a header is written -H 'Name: value'");
        }
    }
    return status;
}

/* ---- for people ---- */

static void label(const char *name)
{
    (void)printf("%-11s", name);
}

static void put_line(const char *name, const char *text)
{
    label(name);
    cmd_print_text(stdout, span_str(text));
    (void)fputc('\n', stdout);
}

static void print_route(const struct review_explanation *e)
{
    const struct spec_route *route = e->route;
    label("route");
    if (route == NULL) {
        (void)printf("none covers this host\n");
        return;
    }
    (void)printf("%s%s: %s%s://%s:%u", e->decides ? "" : "none; the nearest is ", route->name,
                 route->action == SPEC_ACTION_DENY ? "deny " : "",
                 route->scheme == SPEC_SCHEME_HTTP ? "http" : "https", route->host, (unsigned)route->port);
    for (size_t i = 0; i < route->method_count; i++) {
        (void)printf("%s%s", i == 0 ? ", " : " ", route->methods[i]);
    }
    for (size_t i = 0; i < route->path_count; i++) {
        (void)printf("%s%s", i == 0 ? ", " : " ", route->paths[i]);
    }
    (void)printf("%s\n", route->path_count == 0 ? ", every path" : "");
    for (size_t i = 0; i < e->rival_count; i++) {
        const char *winner = i == 0 ? route->name : e->rivals[i - 1].route->name;
        label("");
        (void)printf("before %s: %s wins because %s\n", e->rivals[i].route->name, winner, e->rivals[i].why);
    }
}

/* "grant:17 ends in 59 min": what allows it, when no route does. */
static void print_grant(const struct review_policy *policy, const struct review_explanation *e)
{
    uint64_t left_s = (e->grant->until_ms - policy->now_ms + 999) / 1000;
    label("grant");
    (void)printf("%llu, which ends in ", (unsigned long long)e->grant->id);
    if (left_s >= 7200) {
        (void)printf("%llu h", (unsigned long long)(left_s / 3600));
    } else if (left_s >= 120) {
        (void)printf("%llu min", (unsigned long long)(left_s / 60));
    } else {
        (void)printf("%llu s", (unsigned long long)left_s);
    }
    (void)printf("%s; without it: %s\n",
                 e->grant->uses_left == POLICY_GRANT_ANY ? "" : ", or when it is used",
                 policy_reason_name(e->ungranted));
}

static int print_injected(const struct review_explanation *e)
{
    struct buf lines;
    buf_init(&lines, TEXT_MAX_LEN);
    int r = review_injected(e->route, &lines);
    struct span rest = buf_span(&lines);
    label("put in");
    if (r == 0 && rest.len == 0) {
        (void)printf("nothing\n");
    }
    for (bool first = true; r == 0 && rest.len != 0; first = false) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        struct span one = span_sub(rest, 0, end != NULL ? (size_t)(end - rest.ptr) : rest.len);
        rest = span_sub(rest, one.len + 1, rest.len);
        if (!first) {
            label("");
        }
        cmd_print_text(stdout, one);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&lines);
    return r;
}

static void print_credential(const struct review_policy *policy, const struct review_explanation *e)
{
    const struct spec_route *route = e->route;
    if (route->inject == SPEC_INJECT_NONE) {
        return;
    }
    label("credential");
    if (policy->assumed) {
        (void)printf("%s (from a file: whether it is set is not known)\n", route->credential);
    } else if (e->credential == NULL || !e->credential->set) {
        (void)printf("%s is not set: clawbox credential set %s %s\n", route->credential, policy->spec->tenant,
                     route->credential);
    } else {
        (void)printf("%s is set, and its binding %s\n", route->credential,
                     e->bound ? "covers this host"
                              : "does not cover this host by this route: set it again to bind it");
    }
}

static void print_removed(const struct review_explanation *e, const struct review_request *request)
{
    struct inject_request carried = review_inject_request(e, request);
    const char *name = "taken out";
    for (size_t i = 0; i < request->field_count; i++) {
        enum inject_fate fate = inject_field_fate(e->route, &carried, &request->fields[i]);
        if (fate != INJECT_FATE_PASSES) {
            label(name);
            cmd_print_text(stdout, request->fields[i].name);
            (void)printf(": %s\n", inject_fate_text(fate));
            name = "";
        }
    }
}

static void print_sent(const struct review_explanation *e, const struct review_request *request)
{
    label("sent");
    cmd_print_text(stdout, request->method);
    (void)printf(" %s://%s:%u", e->scheme == SPEC_SCHEME_HTTP ? "http" : "https", e->host.text,
                 (unsigned)e->port);
    cmd_print_text(stdout, buf_span(&e->target));
    (void)fputc('\n', stdout);
    put_line("to", e->address);
}

static int print_text(const struct review_policy *policy, const struct review_explanation *e,
                      const struct review_request *request)
{
    (void)printf("%s (%s): %s\n", policy_verdict_name(policy_reason_verdict(e->reason)),
                 policy_reason_name(e->reason), review_explanation_text(e));
    if (e->detail[0] != '\0') {
        put_line("refused", e->detail);
    }
    if (buf_len(&e->path) == 0) {
        return 0; /* it did not come to the routes */
    }
    label("read as");
    (void)printf("%s://%s:%u", e->scheme == SPEC_SCHEME_HTTP ? "http" : "https", e->host.text,
                 (unsigned)e->port);
    cmd_print_text(stdout, buf_span(&e->path));
    (void)fputc('\n', stdout);
    print_route(e);
    if (e->grant != NULL) {
        print_grant(policy, e);
    }
    if (!e->decides || e->route->action == SPEC_ACTION_DENY) {
        return 0;
    }
    print_credential(policy, e);
    int r = 0;
    if (e->reason == POLICY_REASON_ROUTE) {
        print_sent(e, request);
        r = print_injected(e);
        print_removed(e, request);
    }
    return r;
}

/* ---- for programs ---- */

static int print_json(const struct review_policy *policy, const struct review_explanation *e,
                      const struct review_request *request)
{
    struct buf out;
    struct json j;
    buf_init(&out, (size_t)1024 * 1024);
    json_init(&j, &out);
    json_object(&j, NULL);
    int r = review_explanation_write(&j, policy, e, request);
    json_object_end(&j);
    r = r == 0 ? json_finish(&j) : r;
    if (r == 0) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return r;
}

/* ---- the command ---- */

static int explain(const struct review_policy *policy, const struct review_request *request, bool json)
{
    struct review_explanation e;
    int r = review_explain(policy, request, &e);
    if (r == 0) {
        r = json ? print_json(policy, &e, request) : print_text(policy, &e, request);
        review_explanation_deinit(&e);
    }
    return r == 0 ? CMD_DONE : cmd_fail_r(r, "the request cannot be explained");
}

int cmd_explain(int argc, char **argv)
{
    const char *headers[HEADERS_MAX];
    size_t count = 0;
    const char *file = NULL;
    bool json = false;
    const struct cmd_option options[] = {
        {.name = "header", .letter = 'H', .value = headers, .count = &count, .max = HEADERS_MAX},
        {.name = "file", .letter = 'f', .value = &file},
        {.name = "json", .flag = &json},
    };
    const struct cmd_usage usage = {.command = "explain",
                                    .line =
                                        "explain TENANT METHOD URL [-H 'Name: value']... [-f FILE] [--json]",
                                    .min = 3,
                                    .max = 3,
                                    .options = options,
                                    .option_count = 3};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    struct review_policy *policy = NULL;
    r = file != NULL ? policy_from_file(file, line.args[0], &policy)
                     : policy_in_force(line.state, line.args[0], &policy);
    if (r != CMD_GO) {
        return r;
    }
    struct asked asked = {.request = {.field_count = 0}};
    buf_init(&asked.text, TEXT_MAX_LEN);
    buf_set_sensitive(&asked.text); /* somebody may try a real key */
    r = read_request(policy, line.args + 1, headers, count, &asked);
    if (r == CMD_GO) {
        r = explain(policy, &asked.request, json);
    }
    buf_deinit(&asked.text);
    review_policy_free(policy);
    return r;
}

/* fuzz_policy_kube.c - requests to a Kubernetes API: a rule for everything in one namespace never reaches outside of it,
 * nor what has to be named. The input is a method, a path and a query, a line each; the path is made canonical first. */
#include <stdlib.h>

#include "policy/kube.h"
#include "policy/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dev[] = "dev";
static char star[] = "*";
static char *spaces[] = {dev};
static char *stars[] = {star};

static struct span line(struct span *rest)
{
    const uint8_t *end = rest->len != 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    struct span s = span_sub(*rest, 0, end != NULL ? (size_t)(end - rest->ptr) : rest->len);
    *rest = span_sub(*rest, s.len + 1, rest->len);
    return s;
}

static void check(struct span method, struct span path, struct span query)
{
    struct spec_kube_rule rule = {.namespaces = {spaces, 1}, .verbs = {stars, 1}, .resources = {stars, 1}};
    struct spec_route route = {.kube_rules = &rule, .kube_rule_count = 1};
    struct policy_kube_request q;
    int r = policy_kube_read(method, path, query, &q);
    bool allowed = policy_kube_judge(&route, method, path, query) == POLICY_REASON_ROUTE;
    if (allowed && (r != 0 || (!q.discovery && !span_eq_str(q.space, "dev")))) {
        abort();
    }
    /* Seen without the reader: the text of the path itself. */
    static const char inside[] = "/namespaces/dev/";
    const uint8_t *at = memmem(path.ptr, path.len, inside, sizeof(inside) - 1);
    if (allowed && !q.discovery) {
        if (at == NULL) {
            abort();
        }
        struct span behind = span_sub(path, (size_t)(at - path.ptr) + sizeof(inside) - 1, path.len);
        bool core = span_starts(path, SPAN_LIT("/api/"));
        if (core && (span_eq_str(behind, "secrets") || span_starts(behind, SPAN_LIT("secrets/")))) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct span method = line(&rest);
    struct span target = line(&rest);
    struct span query = line(&rest);
    struct span no_query;
    bool has_query;
    struct buf path;
    buf_init(&path, 16384);
    if (policy_path_parse(target, &path, &no_query, &has_query) == 0) {
        check(method, buf_span(&path), query);
    }
    buf_deinit(&path);
    return 0;
}

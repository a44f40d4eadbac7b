/* cases.c - policy tests: read in full, then asked one by one. */
#include "review/cases.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/report.h"

#define TEXT_MAX_LEN ((size_t)128 * 1024)

/* ---- reading ---- */

struct reading {
    struct conf_report report;
    struct review_cases *out;
    const char *tenant; /* of the document */
};

static const struct conf_node *need(struct conf_report *report, const struct conf_node *map, const char *key)
{
    const struct conf_node *node = conf_node_get(map, key);
    if (node == NULL) {
        conf_report_node(report, map, "\"%s\" is missing", key);
    }
    return node;
}

/* "GET https://..." */
static void read_line(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    const char *text = NULL;
    if (!conf_read_text(&x->report, node, &text)) {
        return;
    }
    struct span all = span_of(node->text, node->len);
    const uint8_t *blank = memchr(all.ptr, ' ', all.len);
    if (blank == NULL || blank == all.ptr) {
        conf_report_node(&x->report, node, "should be METHOD URL, or a map with method, url and headers");
        return;
    }
    out->method = span_sub(all, 0, (size_t)(blank - all.ptr));
    out->url = span_sub(all, out->method.len + 1, all.len);
}

static void read_headers(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    if (node == NULL || !conf_read_kind(&x->report, node, CONF_KIND_MAP)) {
        return;
    }
    if (node->count > REVIEW_CASE_HEADERS_MAX) {
        conf_report_node(&x->report, node, "a request has %d headers at most here", REVIEW_CASE_HEADERS_MAX);
    }
    for (const struct conf_node *header = node->first; header != NULL; header = header->next) {
        if (conf_read_kind(&x->report, header, CONF_KIND_SCALAR) &&
            (!http_name_valid(span_str(header->key)) ||
             !http_value_valid(span_of(header->text, header->len)))) {
            conf_report_node(&x->report, header, "not a header that HTTP can carry");
        }
    }
    out->first_header = node->first;
}

static void read_map(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    static const char *const keys[] = {"method", "url", "headers", NULL};
    const char *text = NULL;
    (void)conf_read_keys(&x->report, node, keys);
    const struct conf_node *method = conf_node_get(node, "method");
    const struct conf_node *url = need(&x->report, node, "url");
    out->method = SPAN_LIT("GET");
    if (method != NULL && conf_read_text(&x->report, method, &text)) {
        out->method = span_str(text);
    }
    if (url != NULL && conf_read_text(&x->report, url, &text)) {
        out->url = span_str(text);
    }
    read_headers(x, conf_node_get(node, "headers"), out);
}

static void read_reason(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    const char *text = NULL;
    if (node == NULL || !conf_read_text(&x->report, node, &text)) {
        return;
    }
    for (int i = 0; i < POLICY_REASON__COUNT; i++) {
        if (strcmp(policy_reason_name((enum policy_reason)i), text) == 0) {
            out->has_reason = true;
            out->reason = (enum policy_reason)i;
        }
    }
    if (!out->has_reason) {
        conf_report_node(&x->report, node,
                         "no such reason: no_route, no_route_path, foreign_credential, ... (as "
                         "clawbox explain and the audit name them)");
    } else if ((out->reason == POLICY_REASON_ROUTE) != out->allow) {
        conf_report_node(&x->report, node, "does not go with the \"expect\" of this test");
    }
}

static void read_expect(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    const char *text = NULL;
    const struct conf_node *expect = need(&x->report, node, "expect");
    if (expect != NULL && conf_read_text(&x->report, expect, &text)) {
        out->allow = strcmp(text, "allow") == 0;
        if (!out->allow && strcmp(text, "deny") != 0) {
            conf_report_node(&x->report, expect, "should be allow or deny");
        }
    }
    read_reason(x, conf_node_get(node, "reason"), out);
    const struct conf_node *route = conf_node_get(node, "route");
    if (route != NULL && conf_read_text(&x->report, route, &text)) {
        out->route = text;
    }
}

static void read_case(struct reading *x, const struct conf_node *node, struct review_case *out)
{
    static const char *const keys[] = {"name", "request", "expect", "reason", "route", NULL};
    *out = (struct review_case){.line = node->line, .column = node->column, .tenant = x->tenant};
    if (!conf_read_keys(&x->report, node, keys)) {
        return;
    }
    const struct conf_node *name = conf_node_get(node, "name");
    const struct conf_node *request = need(&x->report, node, "request");
    if (name != NULL) {
        (void)conf_read_text(&x->report, name, &out->name);
    }
    if (request != NULL && request->kind == CONF_KIND_MAP) {
        read_map(x, request, out);
    } else if (request != NULL) {
        read_line(x, request, out);
    }
    read_expect(x, node, out);
}

static void check_word(struct reading *x, const struct conf_node *document, const char *key, const char *word)
{
    const struct conf_node *node = need(&x->report, document, key);
    const char *text = NULL;
    if (node != NULL && conf_read_text(&x->report, node, &text) && strcmp(text, word) != 0) {
        conf_report_node(&x->report, node, "should be %s", word);
    }
}

static int read_document(struct reading *x, const struct conf_node *document)
{
    static const char *const keys[] = {"apiVersion", "kind", "spec", NULL};
    static const char *const spec_keys[] = {"tenant", "tests", NULL};
    if (!conf_read_keys(&x->report, document, keys)) {
        return 0;
    }
    check_word(x, document, "apiVersion", "clawbox/v1");
    check_word(x, document, "kind", "PolicyTest");
    const struct conf_node *spec = need(&x->report, document, "spec");
    if (spec == NULL || !conf_read_keys(&x->report, spec, spec_keys)) {
        return 0;
    }
    const struct conf_node *tenant = conf_node_get(spec, "tenant");
    const struct conf_node *tests = need(&x->report, spec, "tests");
    x->tenant = NULL;
    if (tenant != NULL) {
        (void)conf_read_text(&x->report, tenant, &x->tenant);
    }
    if (tests == NULL || !conf_read_kind(&x->report, tests, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (tests->count > REVIEW_CASES_MAX - x->out->count) {
        conf_report_node(&x->report, tests, "a file has %d tests at most: split it", REVIEW_CASES_MAX);
        return 0;
    }
    void *more = realloc(x->out->list, (x->out->count + tests->count + 1) * sizeof(*x->out->list));
    if (more == NULL) {
        return CB_ENOMEM;
    }
    x->out->list = more;
    for (const struct conf_node *node = tests->first; node != NULL; node = node->next) {
        read_case(x, node, &x->out->list[x->out->count++]);
    }
    return 0;
}

int review_cases_load(struct span text, const char *file_name, struct review_cases *out, struct buf *errors)
{
    struct conf_tree_error error;
    *out = (struct review_cases){.count = 0};
    struct reading x = {.report = {.file = file_name, .out = errors}, .out = out};
    int r = conf_tree_read(text, &out->tree, &error);
    if (r != 0 && error.line != 0) {
        conf_report_place(&x.report, error.line, error.column, error.path, error.message);
        r = 0;
    }
    for (const struct conf_node *node = out->tree.documents; r == 0 && node != NULL; node = node->next) {
        r = read_document(&x, node);
    }
    if (r == 0 && x.report.count == 0 && out->count == 0) {
        conf_report_place(&x.report, 1, 1, "", "there is no test in this file");
    }
    conf_report_end(&x.report);
    if (r == 0) {
        r = x.report.failure != 0 ? x.report.failure : x.report.count != 0 ? CB_ECONFIG : 0;
    }
    if (r != 0) {
        review_cases_deinit(out);
    }
    return r;
}

void review_cases_deinit(struct review_cases *cases)
{
    free(cases->list);
    conf_tree_deinit(&cases->tree);
    *cases = (struct review_cases){.count = 0};
}

/* ---- asking ---- */

static void judge(const struct review_case *test, const struct review_explanation *e,
                  struct review_result *out)
{
    bool allowed = e->reason == POLICY_REASON_ROUTE;
    out->reason = e->reason;
    out->route = e->decides ? e->route->name : NULL;
    if (allowed != test->allow || (test->has_reason && test->reason != e->reason)) {
        (void)snprintf(out->why, sizeof(out->why), "expected %s%s%s%s, but it is %s (%s)%s%s%s%s",
                       test->allow ? "allow" : "deny", test->has_reason ? " (" : "",
                       test->has_reason ? policy_reason_name(test->reason) : "", test->has_reason ? ")" : "",
                       policy_verdict_name(policy_reason_verdict(e->reason)), policy_reason_name(e->reason),
                       out->route != NULL ? " by route " : "", out->route != NULL ? out->route : "",
                       e->detail[0] != '\0' ? ": " : "", e->detail);
    } else if (test->route != NULL && (out->route == NULL || strcmp(out->route, test->route) != 0)) {
        (void)snprintf(out->why, sizeof(out->why), "expected route %.60s to decide, but it is %s",
                       test->route, out->route != NULL ? out->route : "none");
    }
    out->passed = out->why[0] == '\0';
}

/* Method, URL and headers with their placeholders, in one buffer that does not move. */
static int make_request(const struct review_policy *policy, const struct review_case *test, struct buf *text,
                        struct http_field fields[REVIEW_CASE_HEADERS_MAX], struct review_request *request,
                        struct review_result *out)
{
    uint8_t *room;
    int r = buf_reserve(text, TEXT_MAX_LEN, &room);
    if (r == 0) {
        r = review_policy_expand(policy, test->url, text, out->why, sizeof(out->why));
    }
    *request = (struct review_request){.method = test->method, .url = buf_span(text), .fields = fields};
    for (const struct conf_node *header = test->first_header;
         r == 0 && header != NULL && request->field_count < REVIEW_CASE_HEADERS_MAX; header = header->next) {
        size_t at = buf_len(text);
        r = review_policy_expand(policy, span_of(header->text, header->len), text, out->why,
                                 sizeof(out->why));
        fields[request->field_count++] = (struct http_field){.name = span_str(header->key),
                                                             .value = span_sub(buf_span(text), at, SIZE_MAX)};
    }
    return r;
}

int review_case_run(const struct review_policy *policy, const struct review_case *test,
                    struct review_result *out)
{
    struct http_field fields[REVIEW_CASE_HEADERS_MAX];
    struct review_request request;
    struct review_explanation e;
    struct buf text;
    *out = (struct review_result){.reason = POLICY_REASON_INTERNAL};
    buf_init(&text, TEXT_MAX_LEN);
    int r = make_request(policy, test, &text, fields, &request, out);
    if (r == CB_ENOTFOUND) {
        r = 0; /* the result says that there is no such placeholder */
    } else if (r == 0 && (r = review_explain(policy, &request, &e)) == 0) {
        judge(test, &e, out);
        review_explanation_deinit(&e);
    }
    buf_deinit(&text);
    return r;
}

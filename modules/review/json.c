/* json.c - explanations and comparisons as JSON, in the one form that programs know. */
#include "review/json.h"

#define TEXT_MAX_LEN ((size_t)64 * 1024)

static void write_text_or_null(struct json *j, const char *key, const char *text)
{
    if (text != NULL) {
        json_text(j, key, span_str(text));
    } else {
        json_null(j, key);
    }
}

static void write_lines(struct json *j, const char *key, struct span rest)
{
    json_array(j, key);
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        json_text(j, NULL, span_sub(rest, 0, len));
        rest = span_sub(rest, len + 1, rest.len);
    }
    json_array_end(j);
}

static int write_sent(struct json *j, const struct review_explanation *e,
                      const struct review_request *request)
{
    struct inject_request carried = review_inject_request(e, request);
    struct buf lines;
    buf_init(&lines, TEXT_MAX_LEN);
    json_object(j, "sent");
    json_text(j, "target", buf_span(&e->target));
    json_text(j, "to", span_str(e->address));
    int r = review_injected(e->route, &lines);
    write_lines(j, "put_in", buf_span(&lines));
    json_array(j, "taken_out");
    for (size_t i = 0; i < request->field_count; i++) {
        enum inject_fate fate = inject_field_fate(e->route, &carried, &request->fields[i]);
        if (fate != INJECT_FATE_PASSES) {
            json_object(j, NULL);
            json_text(j, "header", request->fields[i].name);
            json_text(j, "why", span_str(inject_fate_text(fate)));
            json_object_end(j);
        }
    }
    json_array_end(j);
    json_object_end(j);
    buf_deinit(&lines);
    return r;
}

static void write_credential(struct json *j, const struct review_policy *policy,
                             const struct review_explanation *e)
{
    const struct review_credential *c = review_policy_find(policy, e->route->credential);
    json_object(j, "credential");
    json_text(j, "name", span_str(e->route->credential));
    if (policy->assumed) {
        json_null(j, "set");
        json_null(j, "bound");
    } else {
        json_bool(j, "set", c != NULL && c->set);
        json_bool(j, "bound", e->bound);
    }
    json_object_end(j);
}

/* By which it passes, or would. */
static void write_grant(struct json *j, const struct review_explanation *e)
{
    json_object(j, "grant");
    json_number(j, "id", e->grant->id);
    json_time(j, "until", e->grant->until_ms);
    if (e->grant->uses_left == POLICY_GRANT_ANY) {
        json_null(j, "uses_left");
    } else {
        json_number(j, "uses_left", e->grant->uses_left);
    }
    json_text(j, "without", span_str(policy_reason_name(e->ungranted)));
    json_text(j, "without_text", span_str(policy_reason_detail(e->ungranted)));
    json_object_end(j);
}

static void write_route(struct json *j, const struct review_policy *policy,
                        const struct review_explanation *e)
{
    if (e->route == NULL) {
        json_null(j, "route");
        return;
    }
    json_text(j, "route", span_str(e->route->name));
    json_bool(j, "decides", e->decides);
    json_array(j, "before");
    for (size_t i = 0; i < e->rival_count; i++) {
        json_object(j, NULL);
        json_text(j, "route", span_str(e->rivals[i].route->name));
        json_text(j, "why", span_str(e->rivals[i].why));
        json_object_end(j);
    }
    json_array_end(j);
    if (e->grant != NULL) {
        write_grant(j, e);
    }
    if (e->decides && e->route->credential != NULL && e->route->inject != SPEC_INJECT_NONE) {
        write_credential(j, policy, e);
    }
}

int review_explanation_write(struct json *j, const struct review_policy *policy,
                             const struct review_explanation *e, const struct review_request *request)
{
    json_text(j, "verdict", span_str(policy_verdict_name(policy_reason_verdict(e->reason))));
    json_text(j, "reason", span_str(policy_reason_name(e->reason)));
    json_number(j, "status", policy_reason_status(e->reason));
    json_text(j, "text", span_str(review_explanation_text(e)));
    json_text(j, "refused", span_str(e->detail));
    if (e->port != 0) {
        json_object(j, "canonical");
        json_text(j, "scheme", span_str(e->scheme == SPEC_SCHEME_HTTP ? "http" : "https"));
        json_text(j, "host", span_str(e->host.text));
        json_number(j, "port", e->port);
        json_text(j, "path", buf_span(&e->path));
        json_object_end(j);
    }
    write_route(j, policy, e);
    return e->reason == POLICY_REASON_ROUTE ? write_sent(j, e, request) : 0;
}

void review_diff_write(struct json *j, const struct review_diff *diff)
{
    json_array(j, "changes");
    for (size_t i = 0; i < diff->count; i++) {
        const struct review_change *c = &diff->changes[i];
        json_object(j, NULL);
        json_text(j, "effect", span_str(review_effect_name(c->effect)));
        json_text(j, "heading", span_str(review_effect_heading(c->effect)));
        write_text_or_null(j, "route", c->route);
        json_text(j, "text", span_str(c->text));
        json_object_end(j);
    }
    json_array_end(j);
}

/*
 * fuzz_base_url.c - any bytes as a request to a listener, and what becomes of it as a base URL.
 *
 * The first byte says by which listener they came (bit 0: TCP); the rest is the request. Checked: what is let through without
 * the token, came by the Unix socket; what is let through names a canonical host and a port; and the token stands in
 * nothing that goes on from there.
 */
#include <stdlib.h>

#include "gate/state.h"
#include "tls/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "cbx_right-token"

static struct gate gate = {.base_literal = "127.0.0.1:8080", .base_name = "localhost:8080"};

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool has_token(struct span text)
{
    return text.len != 0 && memmem(text.ptr, text.len, TOKEN, strlen(TOKEN)) != NULL;
}

static void check_head(const struct agent *a, const struct http_head *head)
{
    struct destination d = {.port = 0};
    struct policy_host again;
    if (!base_url_is_asked(a, head) || base_url_destination(a, head, &d) != POLICY_REASON_ROUTE) {
        return;
    }
    bool named = has_token(head->target);
    must(named || !a->needs_token);
    must(d.port != 0 && d.scheme == SPEC_SCHEME_HTTPS && d.host.len != 0);
    must(policy_host_parse(span_of(d.host.text, d.host.len), &again) == 0 && again.len == d.host.len &&
         memcmp(again.text, d.host.text, d.host.len) == 0);
    must(!span_eq_str(head->method, "OPTIONS") && !span_eq_str(head->method, "CONNECT"));
    if (a->needs_token) {
        must(!has_token(d.path_and_query) && !has_token(span_of(d.host.text, d.host.len)));
        for (size_t i = 0; i < head->field_count; i++) {
            must(!has_token(head->fields[i].value));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct span token = SPAN_LIT(TOKEN);
    digest_sha256(&token, 1, gate.routes.token_hash);
    struct agent a = {.gate = &gate, .needs_token = (data[0] & 1) != 0, .mode = AGENT_PROXY};
    struct http_parser *p = http_parser_new_request();
    struct span in = span_of(data + 1, size - 1);
    struct http_event event;
    must(p != NULL);
    if (http_parser_next(p, &in, &event) == 0 && event.type == HTTP_EVENT_HEAD) {
        check_head(&a, event.head);
    }
    http_parser_free(p);
    return 0;
}

/*
 * base_url.c - the way in for SDKs that take a base URL and no proxy: http://LISTENER/t/TOKEN/https/HOST[:PORT]/PATH.
 *
 * It stands for https://HOST[:PORT]/PATH, and goes on as any other request for that. The listener is an origin here, and not a
 * proxy, so that everybody who can send a request to it could try, a web page in a browser on the same machine included; who may,
 * is decided before the token is looked at. Between agent and gate there is no TLS, which the kernel's loopback and a Unix socket do
 * without: beyond them the token, which is in each request, and the content would be in clear on a network, so a listener
 * that is reached from elsewhere does not speak this form.
 *
 * The token goes no further than this file: not to egress, not into a log or the audit, whatever becomes of the request.
 */
#include "gate/state.h"
#include "http/fields.h"

#include <stdio.h>

#define BASE_TOKEN_MAX 128

void base_url_learn_listener(struct gate *g, int fd)
{
    struct net_place at;
    g->base_literal[0] = g->base_name[0] = '\0';
    if (net_listener_place(fd, &at) == 0 && at.loopback) { /* else there is no base URL */
        (void)snprintf(g->base_literal, sizeof(g->base_literal), "%s:%u", at.host, (unsigned)at.port);
        (void)snprintf(g->base_name, sizeof(g->base_name), "localhost:%u", (unsigned)at.port);
    }
}

/* A page whose name was made to resolve to this machine (DNS rebinding) still says its own name as Host. On the Unix socket,
 * which no browser reaches, a Host has no meaning; clients of one say "localhost". */
static bool is_own_authority(const struct agent *a, struct span authority)
{
    if (!a->needs_token) {
        return span_eq_nocase(authority, SPAN_LIT("localhost"));
    }
    return a->gate->base_literal[0] != '\0' && (span_eq_nocase(authority, span_str(a->gate->base_literal)) ||
                                                span_eq_nocase(authority, span_str(a->gate->base_name)));
}

/* The target in origin-form. Who has a proxy set up as well sends his base URL in absolute-form, which a server has to take too
 * (RFC 9112, 3.2.2). False for a request to the proxy. */
static bool origin_form(const struct agent *a, const struct http_head *head, struct span *target)
{
    *target = head->target;
    if (span_starts(*target, SPAN_LIT("/"))) {
        return true;
    }
    struct span authority;
    return request_split_absolute(head->target, SPAN_LIT("http://"), &authority, target) &&
           is_own_authority(a, authority) && span_starts(*target, SPAN_LIT("/t/"));
}

bool base_url_is_asked(const struct agent *a, const struct http_head *head)
{
    struct span target;
    return a->mode == AGENT_PROXY && !span_eq_str(head->method, "CONNECT") && origin_form(a, head, &target);
}

/* Takes what comes before the next slash, and the slash. */
static bool take_element(struct span *target, struct span *element)
{
    const uint8_t *slash = target->len != 0 ? memchr(target->ptr, '/', target->len) : NULL;
    if (slash == NULL) {
        return false;
    }
    size_t len = (size_t)(slash - target->ptr);
    *element = span_sub(*target, 0, len);
    *target = span_sub(*target, len + 1, SIZE_MAX);
    return true;
}

/* True when it comes from a program on this machine, as far as a request can tell: browsers say with every request to another
 * site where it comes from, and no page can make them leave that out. */
static bool is_local_program(const struct agent *a, const struct http_head *head)
{
    const struct http_field *host = http_field_find(head->fields, head->field_count, "Host");
    return host != NULL && is_own_authority(a, host->value) &&
           http_field_find(head->fields, head->field_count, "Origin") == NULL &&
           http_field_find(head->fields, head->field_count, "Sec-Fetch-Site") == NULL;
}

/* Whether the token stands in another place too: behind a second prefix, or in a field that says where a request came from. It would
 * go to the provider. */
static bool is_repeated(struct span token, const struct http_head *head, struct span rest)
{
    bool found = memmem(rest.ptr, rest.len, token.ptr, token.len) != NULL;
    for (size_t i = 0; i < head->field_count && !found; i++) {
        struct span value = head->fields[i].value;
        found = value.len != 0 && memmem(value.ptr, value.len, token.ptr, token.len) != NULL;
    }
    return found;
}

enum policy_reason base_url_destination(const struct agent *a, const struct http_head *head,
                                        struct destination *d)
{
    struct span target;
    struct span token = SPAN_EMPTY;
    struct span authority;
    (void)origin_form(a, head, &target);
    bool with_token = span_starts(target, SPAN_LIT("/t/"));
    if (!with_token && (a->needs_token || !span_starts(target, SPAN_LIT("/https/")))) {
        return a->needs_token && !connect_has_token(a, head) ? POLICY_REASON_PROXY_AUTH
                                                             : POLICY_REASON_BAD_REQUEST;
    }
    if (!is_local_program(a, head)) {
        return POLICY_REASON_BASE_URL_FOREIGN;
    }
    if (span_eq_str(head->method, "OPTIONS")) {
        return POLICY_REASON_METHOD_NEVER; /* a browser's question whether it may */
    }
    target = span_sub(target, with_token ? strlen("/t/") : strlen("/"), SIZE_MAX);
    if (with_token && (!take_element(&target, &token) || token.len == 0 || token.len > BASE_TOKEN_MAX ||
                       !connect_token_matches(a, token))) {
        return POLICY_REASON_PROXY_AUTH;
    }
    struct span scheme;
    if (!take_element(&target, &scheme) || !span_eq(scheme, SPAN_LIT("https"))) {
        return POLICY_REASON_BAD_REQUEST;
    }
    if (with_token && is_repeated(token, head, target)) {
        return POLICY_REASON_BAD_PATH;
    }
    d->scheme = SPEC_SCHEME_HTTPS;
    request_split_authority(target, &authority, &d->path_and_query);
    return policy_authority_parse(authority, 443, &d->host, &d->port) == 0 ? POLICY_REASON_ROUTE
                                                                           : POLICY_REASON_BAD_AUTHORITY;
}

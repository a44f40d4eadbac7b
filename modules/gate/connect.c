/* connect.c - what an agent says to the proxy itself: CONNECT, the token, and the first byte inside a tunnel. */
#include "base/encode.h"
#include "base/log.h"
#include "base/secret.h"
#include "gate/state.h"
#include "http/fields.h"
#include "tls/seal.h"

#define CONNECT_TLS_HANDSHAKE 0x16 /* RFC 8446, 5.1: the first byte of a ClientHello's record */
#define CONNECT_INSIDE_MS     60000

bool connect_token_matches(const struct agent *a, struct span token)
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256(&token, 1, hash);
    return secret_eq(span_of(hash, sizeof(hash)), span_of(a->gate->routes.token_hash, IPC_HASH_LEN));
}

/* Proxy-Authorization: Basic base64(anything ":" token). The name is not looked at: who the tenant is, the listener says. */
bool connect_has_token(const struct agent *a, const struct http_head *head)
{
    const struct http_field *field = http_field_find(head->fields, head->field_count, "Proxy-Authorization");
    struct span scheme = SPAN_LIT("Basic ");
    if (field == NULL || field->value.len < scheme.len ||
        !span_eq_nocase(span_sub(field->value, 0, scheme.len), scheme)) {
        return false;
    }
    uint8_t pair[256];
    size_t len = sizeof(pair);
    if (decode_base64(span_sub(field->value, scheme.len, SIZE_MAX), pair, &len) != 0) {
        return false;
    }
    const uint8_t *colon = memchr(pair, ':', len);
    if (colon == NULL) {
        return false;
    }
    struct span token = span_of(colon + 1, len - (size_t)(colon + 1 - pair));
    bool right = connect_token_matches(a, token);
    secret_wipe(pair, sizeof(pair));
    return right;
}

/* Whether a tunnel to this authority is opened. A host that no route has gets one all the same, so that the agent is
 * told inside of it, in words, why it is refused; an address that no route has, or a port, does not. */
static enum policy_reason connect_decide(const struct agent *a)
{
    const struct gate_routes *routes = &a->gate->routes;
    struct span host = span_of(a->host.text, a->host.len);
    if (routes->suspended) {
        return a->host.kind == POLICY_HOST_NAME ? POLICY_REASON_ROUTE : POLICY_REASON_TENANT_SUSPENDED;
    }
    if (routes_have_host_port(routes, host, a->port)) {
        return POLICY_REASON_ROUTE;
    }
    if (routes_have_host(routes, host) || !routes_have_port(routes, a->port)) {
        return POLICY_REASON_NO_ROUTE_PORT;
    }
    return a->host.kind == POLICY_HOST_NAME ? POLICY_REASON_ROUTE : POLICY_REASON_NO_ROUTE;
}

static void connect_tunnel(struct agent *a, const struct http_head *head)
{
    enum policy_reason reason = POLICY_REASON_BAD_AUTHORITY;
    if (head->framing != HTTP_FRAMING_NONE) {
        reason = POLICY_REASON_BAD_REQUEST; /* RFC 9110, 9.3.6: a CONNECT has no content */
    } else if (policy_authority_parse(head->target, 0, &a->host, &a->port) == 0) {
        reason = connect_decide(a);
    }
    if (reason != POLICY_REASON_ROUTE) {
        struct span host =
            reason == POLICY_REASON_BAD_AUTHORITY ? SPAN_EMPTY : span_of(a->host.text, a->host.len);
        answer_refuse(a, reason, head, host, a->port, SPEC_SCHEME_HTTPS);
        return;
    }
    if (agent_write(a, SPAN_LIT("HTTP/1.1 200 Connection established\r\n\r\n")) != 0) {
        agent_close(a);
        return;
    }
    /* The parser has delivered the whole CONNECT; what follows belongs to the tunnel. */
    a->mode = AGENT_TUNNEL_OPEN;
    a->in_request = a->in_answer = a->is_head = false;
    agent_expect_more(a, CONNECT_INSIDE_MS);
}

void connect_head(struct agent *a, const struct http_head *head)
{
    bool trust = trust_is_asked(a, head);
    if (!trust && base_url_is_asked(a, head)) {
        request_head(a, head); /* the token is in its target */
    } else if (a->needs_token && !connect_has_token(a, head)) {
        answer_refuse(a, POLICY_REASON_PROXY_AUTH, head, SPAN_EMPTY, 0, SPEC_SCHEME_HTTPS);
    } else if (trust) {
        trust_head(a, head);
    } else if (span_eq_str(head->method, "CONNECT")) {
        connect_tunnel(a, head);
    } else {
        request_head(a, head);
    }
}

static void on_leaf(void *arg, int code, struct tls_leaf *leaf)
{
    struct agent *a = arg;
    agent_enter(a);
    int r = code;
    if (r == 0) {
        r = tls_session_new_server(a->gate->tls, leaf, &a->tls);
        tls_leaf_unref(leaf);
    }
    if (r != 0) {
        log_warn_r(r, "TLS for %s cannot begin", a->host.text);
        a->mode = AGENT_TUNNEL_CLEAR;
        agent_close(a);
        agent_leave(a);
        return;
    }
    a->mode = AGENT_TUNNEL_TLS;
    /* What came while the certificate was signed is the start of the handshake, and goes its ordinary way now. */
    struct buf first = a->held;
    buf_init(&a->held, first.max);
    if (buf_len(&first) != 0) {
        agent_received(a, buf_span(&first));
    }
    buf_deinit(&first);
    agent_leave(a);
}

void connect_first_bytes(struct agent *a, struct span bytes)
{
    struct span host = span_of(a->host.text, a->host.len);
    http_parser_free(a->parser);
    a->parser = http_parser_new_request();
    if (a->parser == NULL || buf_append_span(&a->held, bytes) != 0) {
        agent_close(a);
        return;
    }
    if (bytes.ptr[0] == CONNECT_TLS_HANDSHAKE) {
        a->mode = AGENT_TUNNEL_LEAF;
        (void)leaf_get(a->gate->leaves, host, on_leaf, a);
        return;
    }
    bool clear_allowed = a->gate->routes.suspended || /* refused for another reason */
                         routes_have_scheme(&a->gate->routes, host, a->port, SPEC_SCHEME_HTTP) ||
                         !routes_have_host_port(&a->gate->routes, host, a->port);
    a->mode = AGENT_TUNNEL_CLEAR;
    if (!clear_allowed) {
        a->in_request = a->in_answer = true;
        answer_refuse(a, POLICY_REASON_PLAINTEXT_IN_TUNNEL, NULL, host, a->port, SPEC_SCHEME_HTTP);
        return;
    }
    agent_wake(a);
}

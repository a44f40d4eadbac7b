/*
 * verdict.h - the closed lists of outcomes: what was decided, and why. One place for names, statuses and texts.
 *
 * A reason belongs to one verdict and one HTTP status. The texts go to the agent, so they name no address and no
 * secret; they say what to do next where that helps. Proxy-Status error types are those of RFC 9209, section 2.3.
 */
#ifndef CB_POLICY_VERDICT_H
#define CB_POLICY_VERDICT_H

/* verdict: what kind of outcome; printed in the audit and in problem documents */
#define POLICY_VERDICTS(V)                                               \
    V(ALLOWED, "allowed")   /* sent to the provider */                   \
    V(DENIED, "denied")     /* well-formed, and policy says no */        \
    V(TRIPWIRE, "tripwire") /* a placeholder where it does not belong */ \
    V(INVALID, "invalid")   /* not a request that may be passed on */    \
    V(LIMITED, "limited")   /* over a limit of the tenant */             \
    V(FAILED, "failed")     /* allowed, but it could not be carried out */

/* reason, verdict, HTTP status, name, RFC 9209 error type, text. Records hold the number: new ones go to the end. */
#define POLICY_REASONS(R)                                                                                           \
    R(ROUTE, ALLOWED, 200, "route", "", "a route allows it")                                                        \
    R(NO_ROUTE, DENIED, 403, "no_route", "http_request_denied", "No route of this tenant allows this host.")        \
    R(NO_ROUTE_PORT, DENIED, 403, "no_route_port", "http_request_denied",                                           \
      "No route of this tenant allows this port.")                                                                  \
    R(NO_ROUTE_SCHEME, DENIED, 403, "no_route_scheme", "http_request_denied",                                       \
      "The route to this host is for another scheme. Plain http goes only to a route that says `scheme: http`.")    \
    R(NO_ROUTE_METHOD, DENIED, 403, "no_route_method", "http_request_denied",                                       \
      "The route to this host does not allow this method.")                                                         \
    R(NO_ROUTE_PATH, DENIED, 403, "no_route_path", "http_request_denied",                                           \
      "The route to this host does not allow this path.")                                                           \
    R(ROUTE_DENIES, DENIED, 403, "route_denies", "http_request_denied",                                             \
      "A deny route forbids this request.")                                                                         \
    R(KUBERNETES_RULE, DENIED, 403, "kubernetes_rule", "http_request_denied",                                       \
      "No rule of the route allows this verb on this Kubernetes resource in this namespace.")                       \
    R(METHOD_NEVER, DENIED, 405, "method_never", "http_request_denied", "This method is never forwarded.")          \
    R(PLAINTEXT_IN_TUNNEL, DENIED, 403, "plaintext_in_tunnel", "http_request_denied",                               \
      "Clear text inside a tunnel is allowed only to a route that says `scheme: http`. Use https.")                 \
    R(FOREIGN_CREDENTIAL, DENIED, 403, "foreign_credential", "http_request_denied",                                 \
      "The request carries a credential that is not this tenant's placeholder. Use the placeholder, or send none.") \
    R(PLACEHOLDER_REQUIRED, DENIED, 403, "placeholder_required", "http_request_denied",                             \
      "The route requires the tenant's placeholder, and the request carries none.")                                 \
    R(PLACEHOLDER_MISPLACED, TRIPWIRE, 403, "placeholder_misplaced", "http_request_denied",                         \
      "A placeholder was sent where it does not belong.")                                                           \
    R(BINDING, DENIED, 403, "credential_binding", "http_request_denied",                                            \
      "The route's credential is not bound to this host. Set the credential again to bind it.")                     \
    R(SPECIAL_ADDRESS, DENIED, 403, "special_address", "destination_ip_prohibited",                                 \
      "The host resolves to an address that is not allowed as a destination.")                                      \
    R(AUTHORITY_MISMATCH, INVALID, 421, "authority_mismatch", "http_request_error",                                 \
      "The tunnel's authority, the TLS server name and the Host header must name the same host.")                   \
    R(PROXY_AUTH, DENIED, 407, "proxy_auth", "http_request_denied",                                                 \
      "The proxy token is missing or wrong. `clawbox env TENANT` prints the right proxy URL.")                      \
    R(BAD_REQUEST, INVALID, 400, "bad_request", "http_request_error",                                               \
      "The request is not well-formed HTTP/1.1.")                                                                   \
    R(BAD_AUTHORITY, INVALID, 400, "bad_authority", "http_request_error",                                           \
      "The host is not a canonical name or address.")                                                               \
    R(BAD_PATH, INVALID, 400, "bad_path", "http_request_error",                                                     \
      "The path is not one that can be forwarded safely.")                                                          \
    R(HEAD_TOO_LARGE, INVALID, 431, "head_too_large", "http_request_error",                                         \
      "The request's header section is too large.")                                                                 \
    R(URI_TOO_LONG, INVALID, 414, "uri_too_long", "http_request_error", "The request target is too long.")          \
    R(BODY_TOO_LARGE, LIMITED, 413, "body_too_large", "http_request_error",                                         \
      "The request's body is larger than the tenant's limit.")                                                      \
    R(EXPECTATION, INVALID, 417, "expectation", "http_request_error",                                               \
      "Only `Expect: 100-continue` is understood.")                                                                 \
    R(VERSION, INVALID, 505, "version", "http_request_error",                                                       \
      "Only HTTP/1.1 and HTTP/1.0 requests are understood.")                                                        \
    R(RATE, LIMITED, 429, "rate", "http_request_denied", "The tenant's request rate is used up.")                   \
    R(CONCURRENCY, LIMITED, 429, "concurrency", "http_request_denied",                                              \
      "The tenant has too many requests in flight.")                                                                \
    R(CREDENTIAL_NOT_SET, FAILED, 503, "credential_not_set", "proxy_configuration_error",                           \
      "The route's credential is not set yet. `clawbox credential set TENANT NAME` sets it.")                       \
    R(CREDENTIAL_UNAVAILABLE, FAILED, 503, "credential_unavailable", "proxy_internal_error",                        \
      "The route's credential could not be opened.")                                                                \
    R(TOKEN_REFUSED, FAILED, 502, "token_refused", "proxy_configuration_error",                                     \
      "The token endpoint gave no token for the route's credential.")                                               \
    R(TOKEN_UNAVAILABLE, FAILED, 503, "token_unavailable", "destination_unavailable",                               \
      "The token endpoint could not be reached, or did not answer. Try again.")                                     \
    R(AUDIT_UNAVAILABLE, FAILED, 503, "audit_unavailable", "proxy_internal_error",                                  \
      "The request could not be recorded, so it was not sent.")                                                     \
    R(NOT_READY, FAILED, 503, "not_ready", "proxy_internal_error",                                                  \
      "The proxy is starting or reloading. Try again.")                                                             \
    R(DNS, FAILED, 502, "dns_failed", "dns_error", "The host's name could not be resolved.")                        \
    R(DNS_TIMEOUT, FAILED, 504, "dns_timeout", "dns_timeout", "Resolving the host's name took too long.")           \
    R(CONNECT, FAILED, 502, "connect_failed", "connection_refused", "The provider could not be reached.")           \
    R(CONNECT_TIMEOUT, FAILED, 504, "connect_timeout", "connection_timeout",                                        \
      "Connecting to the provider took too long.")                                                                  \
    R(UPSTREAM_TLS, FAILED, 502, "upstream_tls", "tls_protocol_error",                                              \
      "The TLS handshake with the provider failed.")                                                                \
    R(UPSTREAM_CERTIFICATE, FAILED, 502, "upstream_certificate", "tls_certificate_error",                           \
      "The provider's certificate was not accepted.")                                                               \
    R(UPSTREAM_CLOSED, FAILED, 502, "upstream_closed", "connection_terminated",                                     \
      "The provider closed the connection before it answered.")                                                     \
    R(UPSTREAM_RESPONSE, FAILED, 502, "upstream_response", "http_protocol_error",                                   \
      "The provider's answer is not well-formed HTTP.")                                                             \
    R(UPSTREAM_TIMEOUT, FAILED, 504, "upstream_timeout", "http_response_timeout",                                   \
      "The provider did not answer in time.")                                                                       \
    R(CLIENT_CLOSED, FAILED, 499, "client_closed", "",                                                              \
      "The agent closed its connection before the answer was complete.")                                            \
    R(INTERNAL, FAILED, 500, "internal", "proxy_internal_error",                                                    \
      "The proxy could not carry out the request.")                                                                 \
    R(BODY_FORMAT, DENIED, 415, "body_format", "http_request_denied",                                               \
      "The route puts its credential into the body or signs it, and this body is not one of those that it can: "    \
      "well-formed JSON or a form, in UTF-8 and without a coding, for the former; see the route's documentation.")  \
    R(BODY_BUFFER, LIMITED, 413, "body_buffer", "http_request_error",                                               \
      "The body has to be held until its end before it is sent, and it is too large for that.")                     \
    R(CLIENT_TIMEOUT, FAILED, 408, "client_timeout", "http_request_error",                                          \
      "The agent sent no more of its request, or took no more of the answer.")                                      \
    R(TENANT_SUSPENDED, DENIED, 403, "tenant_suspended", "http_request_denied",                                     \
      "This tenant is suspended. `clawbox tenant resume NAME` lets its requests go on.")                            \
    R(BASE_URL_FOREIGN, DENIED, 403, "base_url_foreign", "http_request_denied",                                     \
      "The base URL is for programs on this machine: at a loopback address, with the listener's own address as "    \
      "Host, and without the fields by which browsers say where a request comes from.")                             \
    R(TRUST_FOREIGN, DENIED, 403, "trust_foreign", "http_request_denied",                                           \
      "The CA's certificates are for programs, and are not given to a page in a browser.")

enum policy_verdict {
#define POLICY_VERDICT_ENUM(name, text) POLICY_VERDICT_##name,
    POLICY_VERDICTS(POLICY_VERDICT_ENUM)
#undef POLICY_VERDICT_ENUM
        POLICY_VERDICT__COUNT
};

enum policy_reason {
#define POLICY_REASON_ENUM(name, verdict, status, text, proxy_error, detail) POLICY_REASON_##name,
    POLICY_REASONS(POLICY_REASON_ENUM)
#undef POLICY_REASON_ENUM
        POLICY_REASON__COUNT
};

/* All of these accept any value and answer for one that is out of range as for POLICY_REASON_INTERNAL / FAILED. */
const char *policy_verdict_name(enum policy_verdict verdict);
const char *policy_reason_name(enum policy_reason reason);
enum policy_verdict policy_reason_verdict(enum policy_reason reason);
unsigned policy_reason_status(enum policy_reason reason);
const char *policy_reason_detail(enum policy_reason reason);
const char *policy_reason_proxy_error(enum policy_reason reason);

#endif

/*
 * spec.h - a tenant's specification: what a tenant file says after validation and with presets expanded.
 *
 * conf makes a spec from YAML, the store keeps its encoding as an opaque blob, egress decodes it and compiles it into
 * a table (table.h). Everything in a spec is canonical; spec_decode() checks bounds and enumerations again, because
 * what comes from a database may have been changed.
 */
#ifndef CB_POLICY_SPEC_H
#define CB_POLICY_SPEC_H

#include "base/buf.h"

#define SPEC_NAME_MAX          40 /* tenant, route and credential names: [a-z0-9]([-a-z0-9]*[a-z0-9])? */
#define SPEC_HOST_MAX          253
#define SPEC_ROUTES_MAX        512 /* per tenant, presets expanded */
#define SPEC_METHODS_MAX       16
#define SPEC_PATHS_MAX         64
#define SPEC_PATH_MAX          1024
#define SPEC_HEADERS_MAX       4  /* that carry the credential */
#define SPEC_EXTRAS_MAX        16 /* that are the same in every request */
#define SPEC_LIST_MAX          32 /* names of places, or to pass; words of a Kubernetes rule */
#define SPEC_KUBE_RULES_MAX    32
#define SPEC_KUBE_WORD_MAX     253                          /* a resource, a group, a namespace, a verb */
#define SPEC_KUBE_RESOURCE_MAX (3 * SPEC_KUBE_WORD_MAX + 2) /* "RESOURCE.GROUP/SUBRESOURCE" */
#define SPEC_PINS_MAX          16
#define SPEC_DIGEST_LEN        32 /* SHA-256 */
#define SPEC_CA_MAX            ((size_t)64 * 1024)
#define SPEC_CA_NAMES_MAX      3072 /* bytes that name constraints take in the CA's certificate */
#define SPEC_ENCODED_MAX       ((size_t)2 * 1024 * 1024)

enum spec_action { SPEC_ACTION_ALLOW, SPEC_ACTION_DENY, SPEC_ACTION__COUNT };
enum spec_scheme { SPEC_SCHEME_HTTPS, SPEC_SCHEME_HTTP, SPEC_SCHEME__COUNT };
/* How a credential goes in. Further injectors come with further values. */
enum spec_inject {
    SPEC_INJECT_NONE,
    SPEC_INJECT_BEARER, /* one header, "Authorization: Bearer CREDENTIAL" */
    SPEC_INJECT_HEADER, /* one or more headers, each with what stands before the credential */
    SPEC_INJECT_BASIC,  /* "Authorization: Basic" and base64 of USER:CREDENTIAL, or of the credential alone */
    SPEC_INJECT_QUERY,  /* a parameter of the query */
    SPEC_INJECT_PATH,   /* in place of one "*" of each path pattern */
    SPEC_INJECT_BODY, /* in place of the placeholder in one field of a JSON or form body, and in headers if there are any */
    SPEC_INJECT_AWS, /* no credential, but a signature with it: Authorization, and X-Amz-* fields */
    SPEC_INJECT__COUNT
};

/* When not the credential itself goes in, but an access token that is fetched with it: by which grant. */
enum spec_grant {
    SPEC_GRANT_NONE,
    SPEC_GRANT_CLIENT,  /* client credentials (RFC 6749, 4.4): the credential is the client's secret */
    SPEC_GRANT_REFRESH, /* refresh token (RFC 6749, 6), which the endpoint may replace by another one */
    SPEC_GRANT_JWT,     /* a signed assertion (RFC 7523, 2.1): the credential is the private key */
    SPEC_GRANT_GCP,     /* Google's JSON: service_account as JWT, or authorized_user as REFRESH */
    SPEC_GRANT__COUNT
};

/* Where and how a token is fetched: always by https. */
struct spec_token {
    enum spec_grant grant;
    char *host; /* canonical, no wildcard */
    uint16_t port;
    char *path;          /* canonical */
    char *client_id;     /* CLIENT, REFRESH, JWT: NULL when the credential has it, or there is none */
    char *scope;         /* joined by blanks, or NULL */
    char *audience;      /* CLIENT: a parameter of that name; JWT: the claim, NULL for the endpoint's URL */
    char *subject;       /* JWT: the claim; NULL for the issuer, which is the client id */
    bool client_in_body; /* the client's secret stands in the body instead of in Authorization */
    bool answers;        /* the agent's own requests for tokens there get this route's placeholder */
    char *address;       /* as upstream_address, upstream_port and upstream_ca: for the endpoint */
    uint16_t address_port;
    char *ca;
};

struct spec_field {
    char *name;
    char *value;
};

struct spec_list {
    char **items;
    size_t count;
};

/* What the route's agent may ask of a Kubernetes API server, in the words of RBAC (kube.h). */
struct spec_kube_rule {
    struct spec_list namespaces; /* none: what has no namespace */
    struct spec_list verbs;
    struct spec_list resources;
};

struct spec_route {
    char *name;     /* unique within the tenant */
    char *provider; /* the preset it came from, or NULL */
    enum spec_action action;
    enum spec_scheme scheme;
    char *host; /* canonical: A-labels in lower case, "*.example.com", "192.0.2.1" or "[2001:db8::1]" */
    uint16_t port;
    char **methods; /* upper case; never empty after conf (GET, HEAD, POST by default) */
    size_t method_count;
    char **paths; /* canonical segment patterns; empty means every path */
    size_t path_count;
    enum spec_inject inject;
    struct spec_field *
        headers; /* BEARER, HEADER, BASIC, BODY, AWS: names as they are sent, and as values the prefixes: "Bearer " */
    size_t header_count;
    char *user;           /* BASIC: the user; NULL when the credential is "user:password" */
    char *parameter;      /* QUERY, BODY: its name */
    uint16_t *path_marks; /* PATH: for each path the offset of the "*" in whose place the credential stands */
    char *service;        /* AWS: what the signature is for, "bedrock" */
    char *region;         /* AWS: "eu-central-1" */
    char *credential;     /* name of the credential, or NULL */
    struct spec_token
        token; /* BEARER, HEADER: what goes in is fetched; else its grant is NONE and the rest empty */
    struct spec_field *extras; /* headers that every request on this route gets, in place of the agent's */
    size_t extra_count;
    /* Lower case; a header name may end in "*". Places are taken for credentials in addition to those that always are;
     * what is passed goes on although it stands in such a place. */
    struct spec_list place_headers;
    struct spec_list place_query;
    struct spec_list pass_headers;
    struct spec_list pass_query;
    struct spec_kube_rule *kube_rules; /* none: it is no Kubernetes API server */
    size_t kube_rule_count;
    bool placeholder_required;
    bool insecure;  /* a credential may go over plain http */
    bool websocket; /* a GET may become a WebSocket (RFC 6455) */
    char
        *upstream_address; /* literal address dialled instead of a resolved one (IPv6 in brackets), or NULL */
    uint16_t upstream_port;         /* with upstream_address; else the route's port */
    char *upstream_ca;              /* PEM that replaces the system roots for this route, or NULL */
    struct spec_list upstream_pins; /* "sha256/BASE64=" of public keys, of which the verified chain has one */
    char *upstream_credential; /* name of the credential that is a client certificate and its key, or NULL */
};

/* One per credential name that the routes use. */
struct spec_credential {
    char *name;
    char *env; /* the environment variable that the agent's SDK reads; more than one are joined by commas */
    char *
        shape; /* placeholder shape: a literal with {N} for N random letters and digits, e.g. "sk-proj-{48}" */
};

struct spec_limits {
    uint32_t requests_per_minute; /* 0: no limit */
    uint32_t concurrent;          /* 0: the built-in ceiling */
    uint64_t request_bytes;       /* 0: no limit */
    bool tripwire_suspends;       /* a placeholder where it does not belong suspends the tenant */
};

struct spec {
    char *tenant;
    struct spec_route *routes;
    size_t route_count;
    struct spec_credential *credentials;
    size_t credential_count;
    struct spec_limits limits;
    bool name_constraints; /* the tenant's CA is constrained to spec_ca_names() */
};

/* An empty spec. NULL when out of memory. */
struct spec *spec_new(void);
void spec_free(struct spec *spec);
/* Appends a zeroed route or credential and returns it in *out (owned by the spec, valid until the next is added).
 * CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int spec_add_route(struct spec *spec, struct spec_route **out);
CB_MUST_USE int spec_add_credential(struct spec *spec, struct spec_credential **out);
/* Appends a header field with copies of the texts to an array of the route (headers or extras). CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int spec_add_field(struct spec_field **fields, size_t *count, size_t max, const char *name,
                               const char *value);
/* Appends a zeroed rule to the route. CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int spec_add_kube_rule(struct spec_route *route, struct spec_kube_rule **out);
/* What a value has to look like beside being one that a header can carry, for the injector of this route. */
#define SPEC_FORM_USER    "user:password"
#define SPEC_FORM_SEGMENT "path segment"
#define SPEC_FORM_AWS     "aws"
/* One of them, or NULL. */
const char *spec_inject_form(const struct spec_route *route);
/* Takes the first variable off the credential's list. False at the end. */
bool spec_env_next(struct span *list, struct span *name);
/* The credential of that name, or NULL. */
const struct spec_credential *spec_find_credential(const struct spec *spec, struct span name);

/* Appends the encoding (a version byte, then fields; see spec_code.c) to `out`. CB_EINVAL, and nothing appended, when the
 * spec breaks a rule that spec_decode() checks (spec_check.h). */
CB_MUST_USE int spec_encode(const struct spec *spec, struct buf *out);
/* Reads an encoding. CB_EMALFORMED, CB_ELIMIT, ... on bad input; *out is set only on success; free with spec_free. */
CB_MUST_USE int spec_decode(struct span encoded, struct spec **out);

/* Appends the names of a tenant's allow routes (and of token endpoints that are answered for) as a certificate has them, sorted,
 * without doubles, each with '\n' behind it; of a wildcard the suffix. CB_ELIMIT when they are too many for a certificate. */
CB_MUST_USE int spec_ca_names(const struct spec *spec, struct buf *out);

/* True for a name that tenants, routes and credentials may have: 1 to SPEC_NAME_MAX of [a-z0-9-], no '-' at an end. */
bool spec_name_valid(struct span name);

/* SHA-256, by whoever calls: this module has no cryptography. */
typedef void spec_digest_fn(struct span bytes, uint8_t out[SPEC_DIGEST_LEN]);

/* Reads a pin of upstream_pins. 0 or CB_EMALFORMED. */
CB_MUST_USE int spec_pin_read(struct span pin, uint8_t out[SPEC_DIGEST_LEN]);
/* True when routes use the credential as a client certificate, and not in requests. */
bool spec_credential_is_client(const struct spec *spec, struct span credential);

/*
 * The hosts to which the named credential goes according to the spec: "host:port" of every allow route that injects
 * it or shows it as a client certificate, sorted, without doubles, joined by '\n'. This is what a credential is bound to when it is set. CB_ENOTFOUND when
 * no route uses the credential.
 * A route that is not the plain way to its host says so behind a blank, since that too decides who gets the
 * credential: "host:port clear" (scheme http), "via ADDRESS:PORT" (upstream_address), "own-ca:" and 32 hexadecimal
 * digits of the digest of upstream_ca, in this order, and then "token" where only a token goes that was fetched with the
 * credential. The endpoint that gives out the tokens has a line of its own, which ends in "token-endpoint", or in
 * "token-endpoint rotates" when what it answers may replace the credential. Pins are not in it: they only narrow what is
 * verified all the same. A line covers another one only when these are equal.
 */
CB_MUST_USE int spec_credential_binding(const struct spec *spec, struct span credential,
                                        spec_digest_fn *digest, struct buf *out);
/* "none", and as tenant files have it: "clientCredentials", "refreshToken", "jwtBearer", "gcp". */
const char *spec_grant_name(enum spec_grant grant);
/* SPEC_GRANT__COUNT for a name that is none of them. */
enum spec_grant spec_grant_of_name(struct span name);
/* True when every line of `wanted` is a line of `bound` or is covered by a wildcard line of it. Both as above. */
bool spec_binding_covers(struct span bound, struct span wanted);
/* True when a request to this canonical host and port is covered by some line of the binding, whatever is said behind the
 * blank: for messages. What decides about an injection is spec_binding_allows_route(). */
bool spec_binding_allows(struct span bound, struct span host, uint16_t port);
/* True when the credential, or a token fetched with it, may go to this canonical host by this route. */
bool spec_binding_allows_route(struct span bound, const struct spec_route *route, struct span host,
                               spec_digest_fn *digest);
/* The same for a route that is asked about at every request: what a line of it has behind the host and its colon, appended to `out`
 * once (there can be a digest in it), and then asked with the host. CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int spec_route_way(const struct spec_route *route, spec_digest_fn *digest, struct buf *out);
bool spec_binding_allows_way(struct span bound, struct span host, struct span way);
/* True when the credential itself may go to the token endpoint of this route, which has one. */
bool spec_binding_allows_token(struct span bound, const struct spec_route *route, spec_digest_fn *digest);
/* True when whoever set the credential has agreed that a token endpoint replaces it. */
bool spec_binding_rotates(struct span bound);
/* The grant with which the routes use the credential; NONE when it goes in itself, or nobody uses it. */
enum spec_grant spec_credential_grant(const struct spec *spec, struct span credential);

#endif

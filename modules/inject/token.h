/*
 * token.h - access tokens that are fetched with a credential: what the credential holds, what is asked of the endpoint, what
 * it answers. Pure functions; egress carries the bytes (egress/token.c).
 *
 *   grant.c   the credential of an oauth2 route: plain, or JSON with its parts
 *   gcp.c     Google's JSON: service_account, authorized_user
 *   jwt.c     the assertion that is signed (RFC 7523, RFC 7519)
 *   oauth2.c  the request to the endpoint and its answer (RFC 6749); the answer that the agent gets instead
 */
#ifndef CB_INJECT_TOKEN_H
#define CB_INJECT_TOKEN_H

#include "base/buf.h"
#include "policy/spec.h"

#define INJECT_TOKEN_ANSWER_MAX  ((size_t)64 * 1024) /* of an endpoint; more is refused */
#define INJECT_TOKEN_MAX         ((size_t)12 * 1024) /* bytes of an access or refresh token */
#define INJECT_CLIENT_SECRET_MAX ((size_t)4 * 1024)

/* What a credential holds. Spans point into `memory`, and are empty where there is nothing. */
struct inject_grant {
    enum spec_grant kind; /* CLIENT, REFRESH or JWT: Google's JSON is one of the last two */
    bool google;
    bool json;
    struct span client_id; /* of JWT: the issuer */
    struct span client_secret;
    struct span refresh_token;
    struct span private_key; /* PEM */
    struct span key_id;
    struct span token_uri; /* Google: where the JSON wants it to be fetched */
    struct buf memory;     /* sensitive */
};

/*
 * Takes a credential apart. With SPEC_GRANT_CLIENT, REFRESH or JWT it is the client's secret, the refresh token or the private
 * key; or a JSON object with these as "client_secret", "refresh_token", "private_key", and beside them "client_id"
 * (a JWT's issuer) and "private_key_id". With SPEC_GRANT_GCP it is Google's JSON. CB_EINVAL with a message for people, which
 * shows none of the credential, in *why; CB_ENOMEM. inject_grant_deinit() follows in each case.
 */
CB_MUST_USE int inject_grant_read(enum spec_grant grant, struct span credential, struct inject_grant *out,
                                  const char **why);
/* The same for SPEC_GRANT_GCP. gcp.c. */
CB_MUST_USE int inject_gcp_read(struct span credential, struct inject_grant *out, const char **why);
/* Appends the JSON of an authorized_user that holds a placeholder: with it a Google SDK asks for a token, and gets the
 * placeholder. gcp.c. */
CB_MUST_USE int inject_gcp_write_stub(struct span placeholder, struct buf *out);
/* Wipes it. A zeroed struct is fine. */
void inject_grant_deinit(struct inject_grant *grant);
/* Appends the credential with another refresh token in it, in the form that it had. `out` must be a sensitive buffer. */
CB_MUST_USE int inject_grant_replace(const struct inject_grant *grant, struct span refresh_token,
                                     struct buf *out);

/* Appends "https://HOST[:PORT]/PATH". */
CB_MUST_USE int inject_token_url(const struct spec_token *token, struct buf *out);
/* Checks a credential against the route: a client id that nobody names, a JSON that wants another endpoint. CB_EINVAL with a
 * message in *why. */
CB_MUST_USE int inject_grant_check(const struct spec_token *token, const struct inject_grant *grant,
                                   const char **why);

/* Appends what is to be signed: the header and the claims, each as base64url, with a dot between. `id` makes it unlike every
 * other one. */
CB_MUST_USE int inject_jwt_unsigned(const struct spec_token *token, const struct inject_grant *grant,
                                    const char *algorithm, uint64_t now_s, struct span id, struct buf *out);
/* Appends a dot and the signature to it. */
CB_MUST_USE int inject_jwt_sign(struct span signature, struct buf *out);

/* Appends the whole request to the endpoint. `assertion` is for JWT. `out` must be a sensitive buffer. */
CB_MUST_USE int inject_token_request(const struct spec_token *token, const struct inject_grant *grant,
                                     struct span assertion, struct buf *out);

struct inject_token_answer {
    struct span access_token;
    struct span refresh_token; /* empty: it stays as it is */
    uint64_t lifetime_s;       /* 0: not said */
};

/* Reads the body of a 200. Spans point into `memory`, which must be an empty, sensitive buffer. CB_EMALFORMED for what is not
 * an object with a usable token of the type Bearer, each at most once. */
CB_MUST_USE int inject_token_answer_read(struct span body, struct buf *memory,
                                         struct inject_token_answer *out);
/* The "error" of the body of another answer (RFC 6749, 5.2), "" when there is none that can be shown. */
void inject_token_error_read(struct span body, char out[64]);
/* Appends the body of the answer that the agent gets. */
CB_MUST_USE int inject_token_answer_write(struct span placeholder, struct buf *out);

#endif

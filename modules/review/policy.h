/*
 * policy.h - a tenant's policy as egress holds it: compiled routes, grants, placeholders, what is known of the credentials.
 *
 * Made from a running server's answers (review_policy_credential()) or from a file alone (review_policy_assume()).
 */
#ifndef CB_REVIEW_POLICY_H
#define CB_REVIEW_POLICY_H

#include "inject/inject.h"

struct review_credential {
    char *name;
    char *placeholder;
    char *binding; /* as spec_credential_binding() writes it; "" when it is not set */
    bool set;
};

struct review_policy {
    struct spec *spec; /* its routes, and then a route for each grant */
    struct policy_grants grants;
    struct policy_table *table;
    uint64_t now_ms; /* when it was made: as of then grants are over or not */
    struct review_credential *credentials;
    struct inject_placeholder *placeholders; /* of the credentials, in their order */
    size_t credential_count;
    bool assumed; /* from a file: whether credentials are set is not known */
};

/* Compiles a specification, which it takes over in any case, with the grants beside it: the list of SPEC, empty when there are none or nobody
 * knows. CB_ECONFLICT with a message in `why`, CB_ENOMEM; or what policy_grants_take() says. */
CB_MUST_USE int review_policy_new(struct spec *spec, struct span grants, struct review_policy **out,
                                  char *why, size_t why_size);
/* NULL is fine. */
void review_policy_free(struct review_policy *policy);
/* Adds what a server said about a credential. `set` tells whether it has a value. */
CB_MUST_USE int review_policy_credential(struct review_policy *policy, struct span name,
                                         struct span placeholder, struct span binding, bool set);
/* For a file without a server: every credential gets a placeholder of its shape, and counts as set and bound to the hosts
 * that the routes send it to. */
CB_MUST_USE int review_policy_assume(struct review_policy *policy);
/* The credential of that name, or NULL. */
const struct review_credential *review_policy_find(const struct review_policy *policy, const char *name);
/*
 * Appends `text` with "{placeholder:NAME}", and "{placeholder}" where the tenant has one credential only, as the placeholder
 * itself: so that a request can be written down before anybody knows it. CB_ENOTFOUND with a message when there is no
 * such credential.
 */
CB_MUST_USE int review_policy_expand(const struct review_policy *policy, struct span text, struct buf *out,
                                     char *why, size_t why_size);
/* Whether this binding, of a credential that is set, does not cover all that the routes of `spec` send the credential to: such a specification is
 * refused when it is applied. 0 and *out, or CB_ENOMEM or CB_ELIMIT. */
CB_MUST_USE int review_binding_lacks(const struct spec *spec, struct span name, struct span binding,
                                     bool *out);

#endif

/*
 * grant.h - a request that somebody allowed for a time, or once: less than a route, and never with a credential.
 *
 * A grant stands beside a tenant's specification and not in it. It is asked only when no route of the specification decides, so what a deny
 * route forbids, or a rule for Kubernetes does not allow, stays refused.
 */
#ifndef CB_POLICY_GRANT_H
#define CB_POLICY_GRANT_H

#include "policy/table.h"

#define POLICY_GRANTS_MAX   64 /* of a tenant at a time */
#define POLICY_GRANT_MS_MAX (UINT64_C(7) * 24 * 3600 * 1000)
#define POLICY_GRANT_MS_ONCE \
    (UINT64_C(24) * 3600 * 1000)   /* a grant for once that is not used ends after that */
#define POLICY_GRANT_ANY UINT8_MAX /* of `uses_left`: as often as it is asked for */

/* What is granted. All but `path` is compared as it is. */
struct policy_grant {
    uint64_t id;
    enum spec_scheme scheme;
    struct span host; /* canonical, no pattern */
    uint16_t port;
    struct span method;
    struct span path; /* a pattern as a route has it */
    uint64_t until_ms;
    uint8_t uses_left; /* 0, 1 or POLICY_GRANT_ANY */
    bool websocket;    /* it may become one, which ends with the grant */
};

/* 0, or CB_EINVAL with a message for people: what is granted has to be something that a route could allow. */
CB_MUST_USE int policy_grant_check(const struct policy_grant *grant, char *why, size_t why_size);
/* True for a reason with which policy_table_match() says that no route decides: then a grant may. */
bool policy_grant_may(enum policy_reason reason);
/* True when the request is what is granted, and the grant is neither used up nor over. */
bool policy_grant_matches(const struct policy_grant *grant, const struct policy_query *query,
                          uint64_t now_ms);
/* The name that a granted request's route has in the audit, "grant:17": no route can be called so. */
#define POLICY_GRANT_NAME_SIZE 32
void policy_grant_name(uint64_t id, char out[POLICY_GRANT_NAME_SIZE]);

#endif

/*
 * grants.h - a tenant's grants (grant.h), as routes behind those of its specification, without a credential.
 *
 * They are routes so that everything that goes by a route has one to go by: the name in the audit, the way to the provider, whom the
 * connection trusts. They are not in the table: a grant is asked only when no route decides. To a host that the specification's routes reach in a
 * way of their own (an address, a CA, pins) a grant goes by the same way, and with none of what they inject or show.
 */
#ifndef CB_POLICY_GRANTS_H
#define CB_POLICY_GRANTS_H

#include "policy/grant.h"
#include "wire/reader.h"
#include "wire/writer.h"

struct policy_grants {
    const struct spec *spec;
    size_t own; /* how many of the spec's routes are its own; then comes one for each grant */
    struct policy_grant *items;
    size_t count;
};

/* A grant as it stands in lists. What was read has not been checked, and points into the message. */
void policy_grant_write(struct writer *w, const struct policy_grant *grant);
struct policy_grant policy_grant_read(struct reader *r);

/*
 * Takes the list of the message SPEC (empty: there are none), and puts a route for each behind the spec's own; before a table is made of those, with
 * policy_grants_table(). Grants for which a spec has no room are left out, the last first. The spec has to outlive them. On an error, which is
 * CB_EINVAL for what nobody could have granted, some routes may be there; free both.
 */
CB_MUST_USE int policy_grants_take(struct policy_grants *grants, struct spec *spec, struct span list);
void policy_grants_free(struct policy_grants *grants);
/* policy_table_new() of the spec's own routes. */
CB_MUST_USE int policy_grants_table(const struct policy_grants *grants, struct policy_table **out, char *why,
                                    size_t why_size);
/* The route of a grant. */
const struct spec_route *policy_grants_route(const struct policy_grants *grants,
                                             const struct policy_grant *grant);
/* The grant by which a request passes about which no route decides, for that reason. NULL: none. */
const struct policy_grant *policy_grants_find(const struct policy_grants *grants, enum policy_reason reason,
                                              const struct policy_query *query, uint64_t now_ms);
/* Whether what a grant of that number began may go on. */
bool policy_grants_still(const struct policy_grants *grants, uint64_t id, uint64_t now_ms);

#endif

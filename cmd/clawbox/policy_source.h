/* policy_source.h - a tenant's policy for the commands that look at it: the running server's, or a file's. */
#ifndef CB_CLAWBOX_POLICY_SOURCE_H
#define CB_CLAWBOX_POLICY_SOURCE_H

#include "conf/tenant.h"
#include "review/policy.h"

/* Asks the server. CMD_GO and *out, free with review_policy_free(); or CMD_FAILED, and standard error has said why. */
CB_MUST_USE int policy_from_server(const char *state, const char *tenant, struct review_policy **out);
/* The same with what is granted to the tenant at this moment, beside its document. */
CB_MUST_USE int policy_in_force(const char *state, const char *tenant, struct review_policy **out);
/* As policy_from_server(); *out is NULL when the server has no such tenant. */
CB_MUST_USE int policy_from_server_if_any(const char *state, const char *tenant, struct review_policy **out);
/* Reads a file. `tenant` NULL takes the only one in it. Placeholders are made up, credentials count as set. As above. */
CB_MUST_USE int policy_from_file(const char *path, const char *tenant, struct review_policy **out);
/* Takes a specification out of a file that was read; `path` is for messages. As above. */
CB_MUST_USE int policy_from_tenants(struct conf_tenants *tenants, const char *path, const char *tenant,
                                    struct review_policy **out);

#endif

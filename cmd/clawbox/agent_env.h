/* agent_env.h - the variables that a tenant's agent needs: for `env`, which prints them, and `run`, which sets them. */
#ifndef CB_CLAWBOX_AGENT_ENV_H
#define CB_CLAWBOX_AGENT_ENV_H

#include "cmd.h"

/* One variable. The name is one that a shell takes; the value, borrowed for the call, has no NUL and no line break. */
typedef void agent_env_fn(void *arg, const char *name, struct span value);

struct agent_env {
    char bundle[PATH_MAX]; /* the file with the certificates; what else the agent reads lies beside it */
    uint16_t port;         /* of the tenant's TCP listener */
};

/* Asks the running server, writes the files that the variables name (bundle.h), and calls `put` for each variable. CMD_GO; or
 * CMD_FAILED, which has been said. */
CB_MUST_USE int agent_env_read(const char *state, const char *tenant, agent_env_fn *put, void *arg,
                               struct agent_env *out);

#endif

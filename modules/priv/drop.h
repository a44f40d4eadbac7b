/* drop.h - becoming a uid that has nothing, and giving up capabilities. */
#ifndef CB_PRIV_DROP_H
#define CB_PRIV_DROP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Sets real, effective and saved uid and gid to `id` and drops every supplementary group; checks that there is no way
 * back. Needs root. 0 or a negative errno; after a failure the process must end. */
CB_MUST_USE int priv_drop(uint32_t id);

/* Keeps those of its permitted capabilities that are in `set` (bit CAP_...), and no others; nothing is inherited by a program
 * that is executed. 0 or a negative errno. */
CB_MUST_USE int priv_capabilities_keep(uint64_t set);
/* Whether the capability is effective now. */
bool priv_capability_has(unsigned capability);

#endif

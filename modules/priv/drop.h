/* drop.h - becoming a uid that has nothing. */
#ifndef CB_PRIV_DROP_H
#define CB_PRIV_DROP_H

#include "base/err.h"

#include <stdint.h>

/* Sets real, effective and saved uid and gid to `id` and drops every supplementary group; checks that there is no way
 * back. Needs root. 0 or a negative errno; after a failure the process must end. */
CB_MUST_USE int priv_drop(uint32_t id);

#endif

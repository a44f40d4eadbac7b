/* demo_look.h - looking for bytes in the memory and the environment of another process, through /proc. */
#ifndef CB_CLAWBOX_DEMO_LOOK_H
#define CB_CLAWBOX_DEMO_LOOK_H

#include "base/err.h"
#include "base/span.h"

#include <sys/types.h>

struct demo_look {
    bool in_memory;
    bool in_environment;
    size_t bytes; /* of memory that were read */
};

/* Searches all readable memory and the environment of a process. 0; CB_EPERM when the kernel does not let us look. */
CB_MUST_USE int demo_look(pid_t pid, struct span wanted, struct demo_look *out);
/* The child of `parent` whose arguments are "clawbox", `role` and `tenant` (NULL for none), or 0. */
pid_t demo_find_role(pid_t parent, const char *role, const char *tenant);

#endif

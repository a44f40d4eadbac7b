/* confined.h - runs an attempt in a child that has confined itself. */
#ifndef TESTS_SUPPORT_CONFINED_H
#define TESTS_SUPPORT_CONFINED_H

#include "priv/confine.h"
#include "support/check.h"

#include <sys/wait.h>
#include <unistd.h>

enum { CONFINED_SIGNALED = 1000, CONFINED_NOT = 255 };

/* The attempt's result, from 0 to 254; CONFINED_SIGNALED and the signal that ended it; CONFINED_NOT when a layer does not hold. */
static inline int confined(const struct priv_profile *profile, uint32_t waived, int (*attempt)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t held;
        int r = priv_confine(profile, waived, &held);
        _exit(r == 0 && held == (PRIV_LAYERS_OWN & ~waived) ? attempt() : CONFINED_NOT);
    }
    int status = 0;
    if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid)) {
        return -1;
    }
    return WIFSIGNALED(status) ? CONFINED_SIGNALED + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif

/* seccomp.h - the system call filter of a role. Used by confine.c only. */
#ifndef CB_PRIV_SECCOMP_H
#define CB_PRIV_SECCOMP_H

#include "base/err.h"

/* Loads a filter that allows the base set and what `needs` (enum priv_need) adds, and ends the process on anything
 * else. no_new_privs must hold. 0 or a negative errno. */
CB_MUST_USE int priv_seccomp_load(unsigned needs);

#endif

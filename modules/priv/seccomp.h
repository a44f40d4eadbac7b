/* seccomp.h - the filter of a role's system calls (seccomp(2)); calls.h has the calls. */
#ifndef CB_PRIV_SECCOMP_H
#define CB_PRIV_SECCOMP_H

#include "base/err.h"

/* 0 when this kernel can end a process for a call, else a negative errno. */
CB_MUST_USE int priv_seccomp_available(void);

/* Loads a filter that allows what calls.h allows to `needs` (enum priv_need) and ends the process on anything else.
 * no_new_privs must hold, and the process must be the one that goes on: abort() is allowed to its pid. 0 or a negative errno. */
CB_MUST_USE int priv_seccomp_load(unsigned needs);

#endif

/* landlock.h - Landlock (landlock(7)): an unprivileged process forbids itself files, TCP ports, and reaching other processes. */
#ifndef CB_PRIV_LANDLOCK_H
#define CB_PRIV_LANDLOCK_H

#include "priv/confine.h"

/* The version of the kernel's interface, from 1 on, or a negative errno: ENOSYS, or EOPNOTSUPP when it is switched off.
 * 1 files; 2 moving files between directories; 3 truncating; 4 TCP ports; 5 devices' ioctl; 6 abstract Unix sockets and signals. */
int priv_landlock_version(void);

/* Forbids everything that the kernel's version knows, but for a role with PRIV_ROOT_DIRECTORY files in the working
 * directory, for one with readable directories to read there, and for one with a network to connect by TCP. no_new_privs must hold. 0 or a negative errno. */
CB_MUST_USE int priv_landlock_load(const struct priv_profile *profile);

#endif

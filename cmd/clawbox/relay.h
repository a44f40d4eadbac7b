/* relay.h - connections that arrive at a listener, passed on to an address as they are. */
#ifndef CB_CLAWBOX_RELAY_H
#define CB_CLAWBOX_RELAY_H

#include "cmd.h"

#include <sys/types.h>

/*
 * Forks a process that accepts from `listener` (the caller keeps its own descriptor) and passes bytes on between each connection and
 * 127.0.0.1:`port`, until it is ended or the caller ends. It is confined, as the roles are that speak with agents. *pid is the process.
 * 0 or an error.
 */
CB_MUST_USE int relay_start(int listener, uint16_t port, pid_t *pid);

#endif

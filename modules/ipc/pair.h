/* pair.h - the two ends of a channel, made by whoever wires roles together. */
#ifndef CB_IPC_PAIR_H
#define CB_IPC_PAIR_H

#include "base/err.h"

/* A connected pair of Unix stream sockets, close-on-exec and non-blocking. 0 or a negative errno. */
CB_MUST_USE int ipc_pair(int fds[2]);

#endif

/*
 * confine.h - what a role gives up before it reads its first untrusted byte.
 *
 * The first layers: no_new_privs, not dumpable (so not traceable by its own uid, and no core), resource limits, and a
 * default-deny seccomp filter. Each is fatal if it does not load, unless it is waived by name, which is said loudly.
 */
#ifndef CB_PRIV_CONFINE_H
#define CB_PRIV_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of `waived` and of what holds. */
enum priv_layer {
    PRIV_LAYER_NO_NEW_PRIVS = 1 << 0,
    PRIV_LAYER_DUMPABLE = 1 << 1,
    PRIV_LAYER_LIMITS = 1 << 2,
    PRIV_LAYER_SECCOMP = 1 << 3,
    PRIV_LAYER_UID = 1 << 4 /* a uid of its own; set by the monitor before the role is executed */
};
#define PRIV_LAYERS_ALL 31U

/* "seccomp" and so on; NULL for a value that is not one layer. */
const char *priv_layer_name(enum priv_layer layer);
/* The layer of a name, or 0. */
enum priv_layer priv_layer_parse(const char *name);

/* What a role needs beyond the base set of calls (memory, clocks, epoll, read, write and sendmsg/recvmsg on descriptors it has, exit). */
enum priv_need {
    PRIV_NEED_ACCEPT = 1 << 0, /* accept4 on sockets it was given */
    PRIV_NEED_CONNECT =
        1 << 1, /* socket(AF_INET, AF_INET6; stream, datagram), connect, sockopts, and what DNS needs */
    PRIV_NEED_FILES = 1 << 2, /* the store's database: open, fsync, ftruncate, unlink, ... but no execution */
    PRIV_NEED_SOCKETPAIR = 1 << 3 /* AF_UNIX pairs: the gate makes one per connection */
};

struct priv_profile {
    unsigned needs;           /* of enum priv_need */
    uint64_t max_descriptors; /* RLIMIT_NOFILE */
    uint64_t
        max_file_bytes; /* RLIMIT_FSIZE; 0: may not write files at all (pipes and sockets are not files), but the log */
};

/* Confines the calling process for good. *held receives the layers. A layer in `waived` may fail or is skipped
 * (seccomp is skipped when waived). */
CB_MUST_USE int priv_confine(const struct priv_profile *profile, uint32_t waived, uint32_t *held);

#endif

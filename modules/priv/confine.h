/*
 * confine.h - what a role gives up before it reads its first untrusted byte, in layers that each hold alone.
 *
 * Some layers are put around a role by the monitor before the role is executed (cage.h, drop.h), the others by the role
 * itself on GO (priv_confine()). A layer that does not hold ends the start, unless it is waived by name; what holds and what
 * is waived is said at every start and by `clawbox status`.
 */
#ifndef CB_PRIV_CONFINE_H
#define CB_PRIV_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every layer: its name in `enum priv_layer`, its name for people, and who it is put on by. */
#define PRIV_LAYERS(L)                                                                                                           \
    /* by the role: nothing executed here could gain a right */                                                                  \
    L(NO_NEW_PRIVS, "no_new_privs")                                                                                              \
    /* by the role: not traceable by its own uid, its memory in /proc closed, no core */                                         \
    L(DUMPABLE, "dumpable")                                                                                                      \
    /* by the role: no core, no processes, bounds on memory, descriptors and files */                                            \
    L(LIMITS, "limits")                                                                                                          \
    /* by the role: a default-deny filter of system calls that looks at arguments (calls.h) */                                   \
    L(SECCOMP, "seccomp")                                                                                                        \
    /* by the monitor, when it is root: a uid that no other role and no other active tenant has */                               \
    L(UID, "uid")                                                                                                                \
    /* by the monitor: IPC and UTS namespaces without anything in them, and a network namespace as empty for all but egress */   \
    L(NAMESPACES, "namespaces")                                                                                                  \
    /* by the monitor: a root directory that is empty; for the store its own directory */                                        \
    L(ROOT, "root")                                                                                                              \
    /* by the role: no file at all but the store's, and, as far as the kernel has them, no TCP, no abstract socket, no signal */ \
    L(LANDLOCK, "landlock")                                                                                                      \
    /* by the role: no capability is left in any set */                                                                          \
    L(CAPABILITIES, "capabilities")

enum priv_layer_number {
#define PRIV_LAYER_NUMBER(NAME, name) PRIV_NUMBER_##NAME,
    PRIV_LAYERS(PRIV_LAYER_NUMBER)
#undef PRIV_LAYER_NUMBER
        PRIV_NUMBER__COUNT
};

/* Bits of `waived` and of what holds. */
enum priv_layer {
#define PRIV_LAYER_BIT(NAME, name) PRIV_LAYER_##NAME = 1 << PRIV_NUMBER_##NAME,
    PRIV_LAYERS(PRIV_LAYER_BIT)
#undef PRIV_LAYER_BIT
};
#define PRIV_LAYERS_ALL ((1U << PRIV_NUMBER__COUNT) - 1)
/* Those that priv_confine() puts on; the others are the monitor's. */
#define PRIV_LAYERS_OWN                                                                                  \
    ((uint32_t)(PRIV_LAYER_NO_NEW_PRIVS | PRIV_LAYER_DUMPABLE | PRIV_LAYER_LIMITS | PRIV_LAYER_SECCOMP | \
                PRIV_LAYER_LANDLOCK | PRIV_LAYER_CAPABILITIES))

/* "seccomp" and so on; NULL for a value that is not one layer. */
const char *priv_layer_name(enum priv_layer layer);
/* The layer of a name, or 0. */
enum priv_layer priv_layer_parse(const char *name);

/* What a role may call beyond what every role may (calls.h has both). */
enum priv_need {
    PRIV_NEED_ACCEPT = 1 << 0, /* accept4 on sockets that it was given */
    PRIV_NEED_CONNECT =
        1 << 1, /* IPv4 and IPv6 sockets, connect: TCP to providers, UDP and TCP to name servers */
    PRIV_NEED_FILES = 1 << 2,      /* the store's database; nothing of it executes or changes modes upwards */
    PRIV_NEED_SOCKETPAIR = 1 << 3, /* Unix stream pairs: the gate makes one per connection */
    PRIV_NEED_TCP = 1 << 4,        /* TCP_NODELAY */
    PRIV_NEED_CONTROL = 1 << 5,    /* to ask at the control socket: Unix sockets, connect */
    PRIV_NEED_READ = 1 << 6,       /* files, and nothing of them can be changed */
    PRIV_NEED_POSITION = 1 << 7    /* to write down, in a file that is open, how far it has come */
};

enum priv_root {
    PRIV_ROOT_EMPTY, /* no file at all */
    PRIV_ROOT_DIRECTORY /* one directory, which is its root and its working directory, and nothing executable in it */
};

/* A role's declaration; it stands at the beginning of the role's file. */
struct priv_profile {
    unsigned needs;              /* of enum priv_need */
    bool network;                /* it stays in the network that the server was started in */
    enum priv_root root;         /* what it sees of files */
    const char *const *readable; /* with PRIV_NEED_READ: directories whose files it reads, NULL at the end */
    uint64_t max_descriptors;    /* RLIMIT_NOFILE */
    uint64_t max_file_bytes;     /* RLIMIT_FSIZE; 0: no file (pipes and sockets are none) but the log */
    uint64_t max_memory;         /* RLIMIT_AS; 0: as it is */
    uint64_t max_locked;         /* RLIMIT_MEMLOCK */
};

/* First thing in a role: until it is confined, nobody of the same uid shall look into it. */
void priv_close_memory(void);

/* Confines the calling process for good. *held receives the layers. A layer in `waived` is skipped. */
CB_MUST_USE int priv_confine(const struct priv_profile *profile, uint32_t waived, uint32_t *held);

#endif

/*
 * role.h - the life of a role process, the same for every role.
 *
 * A role starts in a fresh address space (re-executed) with descriptor IPC_ROLE_LIFE_FD connected to the monitor, and
 * standard error. What it gets comes over that channel, in this order: START, any FILE, LISTENER and PEER, then GO. On GO it
 * confines itself and says READY. Later FILEs stand in the place of what was given; later PEERs replace or add channels (a peer was restarted; a tenant became active).
 * STOP asks it to end; so does the death of the monitor.
 *
 *     int store_main(void) { ...; return ipc_role_run(IPC_ROLE_STORE, &handler, &state); }
 */
#ifndef CB_IPC_ROLE_H
#define CB_IPC_ROLE_H

#include "ipc/chan.h"

#define IPC_ROLE_LIFE_FD 3

struct ipc_role_handler {
    /* Descriptors are the callee's from here on. A result other than 0 ends the process (before GO) or drops the
     * descriptor and is logged (after GO). Members that a role has no use for may be NULL. */
    int (*on_file)(void *arg, enum ipc_file_kind what, int fd);
    /* A file again, after READY: there is another one in its place. NULL: that does not happen to this role. */
    int (*on_file_again)(void *arg, enum ipc_file_kind what, int fd);
    int (*on_listener)(void *arg, enum ipc_listener_kind kind, int fd);
    int (*on_peer)(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd);
    /* Everything that was to come before GO has come. Open what needs opening, confine (priv/confine.h), and either
     * return 0 after ipc_role_ready() or arrange for ipc_role_ready() to be called later. */
    int (*on_go)(void *arg, uint32_t waived);
    /* Finish within the time, then call net_loop_stop(). NULL: stops at once. */
    void (*on_stop)(void *arg, uint32_t grace_ms);
    /* Any other message on the life channel (the store gets LISTENING). */
    int (*on_message)(void *arg, struct ipc_in *in);
};

/* What START said; valid from the first callback on. */
struct ipc_role_info {
    enum ipc_role role;
    uint64_t tenant_id;
    char tenant[IPC_NAME_MAX + 1];
    uint32_t idle_ms;
    bool rekey; /* started by `clawbox rekey` */
    char dns_servers[513];
    char parent[IPC_HOST_MAX + 8 + 1];
    char console[IPC_ORIGIN_MAX + 1];
    struct net_loop *loop;
    struct ipc_chan *life;
};

/* Runs the role until it stops. Sets the process up first: SIGPIPE ignored, signals that a terminal sends (INT, HUP, QUIT) ignored: the
 * monitor decides. Logging starts with the role's name (and tenant). Returns the exit status. */
int ipc_role_run(enum ipc_role self, const struct ipc_role_handler *handler, void *arg);
/* The running role. */
const struct ipc_role_info *ipc_role(void);
/* Tells the monitor that this role serves now, with the confinement layers that hold. */
void ipc_role_ready(uint32_t layers);

#endif

/*
 * state.h - what the files of this module share. Nothing outside of it includes this.
 *
 *   monitor.c    start, ready, stop
 *   process.c    forking, wiring, restarting
 *   tenant.c     listeners, and the pair of processes that the first connection starts
 *   directory.c  the state directory: owner, mode, lock
 *   keys.c       the master key, or the two of a rekey
 *   surround.c   what the kernel, or a container, lets the confinement be; the monitor's own
 *   slot.c       the uids of active tenants
 *   status.c     what runs, for `clawbox status`
 */
#ifndef CB_MONITOR_STATE_H
#define CB_MONITOR_STATE_H

#include "base/list.h"
#include "ipc/chan.h"
#include "monitor/monitor.h"
#include "net/loop.h"
#include "priv/cage.h"

#include <sys/types.h>

#define MONITOR_FIXED_MAX 8
#define MONITOR_BUCKETS   1024
#define TENANT_ROLES      2
/* --uid-base is the first of 61,000: the fixed roles', then so many pairs. */
#define SLOT_COUNT 30000U
#define SLOT_UIDS  1000U /* offset of the first pair's */
#define SLOT_NONE  UINT32_MAX

struct monitor;
struct tenant;

/* A process of a role, or the place where one will be. */
struct process {
    struct monitor *monitor;
    const struct monitor_role *role;
    struct tenant *tenant; /* NULL for a fixed role */
    pid_t pid;             /* 0: none runs */
    struct ipc_chan *life;
    bool ready;     /* it said so */
    bool was_ready; /* some process in this place once did */
    uint32_t layers;
    uint64_t started_ms;
    uint64_t backoff_ms;
    struct net_timer *restart;
};

enum tenant_state {
    TENANT_WATCHED, /* no processes; the first connection starts them */
    TENANT_RUNNING,
    TENANT_RETIRING, /* nobody uses them, or the tenant changed: the gate ends, then the egress */
    TENANT_ENDING,   /* one of them died, the other is being ended */
    TENANT_WAITING   /* both are gone; a while of nothing, because they died quickly */
};

struct tenant {
    struct list link;
    struct list by_id; /* in its bucket */
    struct monitor *monitor;
    uint64_t id;
    uint32_t slot; /* which uids its processes have; SLOT_NONE: none run */
    char name[IPC_NAME_MAX + 1];
    uint16_t port;
    int fds[2]; /* listening: Unix (or -1), TCP */
    struct net_watch *watches[2];
    enum tenant_state state;
    struct process processes[TENANT_ROLES];
    struct net_timer *timer; /* while it is not at rest: ten thousand have none */
    uint64_t started_ms;
    uint64_t backoff_ms;
    bool seen;    /* named by the store since it started last */
    bool removed; /* goes as soon as its processes are gone */
};

struct monitor {
    const struct monitor_options *options;
    struct net_loop *loop;
    int exe_fd;
    int store_dir_fd;
    int lock_fd;
    int empty_fd; /* a directory without anything in it, for roots by chroot; -1: not needed */
    int control_fd;
    int api_fd;                       /* the API over TCP, listening; -1: none */
    int health_fd;                    /* listening; -1: none */
    int console_fd;                   /* listening; -1: none */
    char console[IPC_ORIGIN_MAX + 1]; /* where browsers find it; empty: there is none */
    unsigned descriptors;             /* that may be open */
    bool descriptors_short;           /* not every tenant gets two; that was said */
    bool is_root;
    bool has_uids; /* roles get uids of their own */
    struct priv_cage cage;
    uint32_t imposed;              /* layers that are put around every role before it is executed */
    uint32_t lacking;              /* layers that are not to be had here */
    uint8_t slots[SLOT_COUNT / 8]; /* a bit for each that is taken */
    struct process fixed[MONITOR_FIXED_MAX];
    size_t fixed_count;
    struct list tenants;
    struct list tenants_by_id[MONITOR_BUCKETS];
    bool loaded;         /* the store has named all tenants */
    bool announced;      /* "clawbox: ready" was printed */
    uint64_t started_ms; /* wall clock */
    struct net_task status_task;
    uint64_t failures[IPC_ROLE__COUNT]; /* processes that ended and should not have */
    bool draining;                      /* what comes now is better sent elsewhere */
    unsigned stop_stage;                /* 0: not stopping */
    struct net_timer *stop_timer;
    int status;
    bool rekeyed; /* everything is sealed for the new key, which has its place */
    uint64_t rekeyed_rows;
};

/* ---- directory.c ---- */

/* Creates or checks the state directory, takes its lock, looks at the master key. Reports what is wrong. */
CB_MUST_USE int directory_prepare(struct monitor *m);

/* ---- keys.c ---- */

/* Looks at the master key, makes that of a new state directory, and the new one of a rekey. Reports what is wrong. */
CB_MUST_USE int keys_prepare(struct monitor *m);
/* Gives the vault its master key, and the other one if there are two. */
CB_MUST_USE int keys_hand_over(struct process *p);
/* The vault has found out which of the two is in use, or has sealed that many boxes for the new one. */
CB_MUST_USE int keys_in_use(struct monitor *m, bool next, uint64_t rows);

/* ---- surround.c ---- */

/* Finds out which layers are to be had, makes the cage, and says what is missing or waived. An error, reported, when a layer that
 * was not waived is missing: then nothing may be started. */
CB_MUST_USE int surround_prepare(struct monitor *m);
/* The monitor gives up what it does not need any more. */
CB_MUST_USE int surround_confine_monitor(const struct monitor *m);

/* ---- status.c ---- */

void status_init(struct monitor *m);
/* Something that `clawbox status` shows has changed. */
void status_changed(struct monitor *m);

/* ---- slot.c ---- */

/* Takes uids that no other active tenant has. CB_ELIMIT when all are taken. */
CB_MUST_USE int slot_take(struct monitor *m, struct tenant *t);
/* Both processes of the tenant are gone. */
void slot_give_back(struct monitor *m, struct tenant *t);
/* The first uid of a tenant that is active. */
uint32_t slot_uid(const struct monitor *m, const struct tenant *t);

/* ---- process.c ---- */

void process_init(struct process *p, struct monitor *m, const struct monitor_role *role,
                  struct tenant *tenant);
/* Forks, executes, hands over what the role is to have, wires its edges, says GO. */
CB_MUST_USE int process_start(struct process *p);
void process_kill(struct process *p);
/* Asks it to end within that time. */
void process_stop(struct process *p, uint32_t grace_ms);
/* Hands the certificate and its key over again, to whoever has such: the files may have changed. */
void process_renew(struct process *p);
/* Takes notice of children that ended. */
void process_reap(struct monitor *m);

/* ---- tenant.c ---- */

void tenant_up(struct monitor *m, uint64_t id, struct span name, uint16_t port);
void tenant_down(struct monitor *m, uint64_t id);
/* The store has named all: those that it did not name are gone. */
void tenants_sweep(struct monitor *m);
void tenants_unsee(struct monitor *m);
/* One of the tenant's processes ended. */
void tenant_process_ended(struct process *p, int status);
/* Whether the tenant's process was to end in this way, so that nobody need be told. */
bool tenant_end_is_right(const struct process *p, int status);
/* Ends the tenant's processes in order; the next connection starts new ones. */
void tenant_restart(struct monitor *m, uint64_t id);
/* No tenant has a listening socket any more: who connects is refused at once, instead of waiting for nobody. */
void tenants_stop_listening(struct monitor *m);

/* ---- monitor.c ---- */

/* A process became ready, or the tenants are known: perhaps the whole is ready. */
void monitor_progress(struct monitor *m);
/* A fixed role cannot be started: the server ends with status 1. */
void monitor_give_up(struct monitor *m);
/* What a rekey was to do is done: ends with the present status. */
void monitor_finish(struct monitor *m);
/* While stopping: goes on when all of a stage are gone. */
void monitor_stop_progress(struct monitor *m);

#endif

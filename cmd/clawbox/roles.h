/*
 * roles.h - which processes there are, and which of them may talk. The whole of it: the monitor wires exactly this.
 */
#ifndef CB_CMD_ROLES_H
#define CB_CMD_ROLES_H

#include "monitor/monitor.h"

#define CLAWBOX_UID_BASE 400000U /* first of the user ids of roles, as root */

extern const struct monitor_role clawbox_roles[];
extern const size_t clawbox_role_count;
extern const struct monitor_edge clawbox_edges[];
extern const size_t clawbox_edge_count;

/* The two that `clawbox rekey` starts; how many. */
size_t clawbox_rekey_roles(struct monitor_role out[2]);

/* Runs the process of a role (`name` begins with "@"), which only the monitor starts: without a life channel on its
 * descriptor it says so and ends. Returns the exit status. */
int role_main(const char *name, int argc, char **argv);

#endif

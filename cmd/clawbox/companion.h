/*
 * companion.h - the two processes beside the appliance in the pod of `clawbox proxy`: the loader, which does what an administrator
 * does by hand, and the audit's way to standard output. Both ask at the control socket, as commands do.
 */
#ifndef CB_CLAWBOX_COMPANION_H
#define CB_CLAWBOX_COMPANION_H

#include "cmd.h"

/* As what the program is executed for them (argv[1]). */
#define COMPANION_LOADER "@loader"
#define COMPANION_AUDIT  "@audit"
/* The audit's position file (audit_stream.c). */
#define COMPANION_POSITION_FD 3

/* Whether a name is one of these, and the entry: 0 or 1 as the process's exit status. argv[0] is the name. */
bool companion_is(const char *name);
int companion_main(int argc, char **argv);

/* argv: the name, state directory, tenant, tenant file, directory of credentials, file of the proxy token or "", layers that are waived as a
 * number, and directories that may be read. */
int loader_main(int argc, char **argv);
/* argv: the name, state directory, waived layers. */
int audit_stream_main(int argc, char **argv);

#endif

/* gate.h - the role that speaks with the agent; one per active tenant. */
#ifndef CB_GATE_GATE_H
#define CB_GATE_GATE_H

#include "priv/confine.h"

/* Runs the role; returns the exit status. */
int gate_main(void);

/* How it is confined: gate.c. */
extern const struct priv_profile gate_profile;

#endif

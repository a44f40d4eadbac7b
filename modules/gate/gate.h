/* gate.h - the role that speaks with the agent; one per active tenant. */
#ifndef CB_GATE_GATE_H
#define CB_GATE_GATE_H

/* Runs the role; returns the exit status. */
int gate_main(void);

#endif

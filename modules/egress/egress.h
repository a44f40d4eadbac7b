/* egress.h - the role that decides, records, injects and sends; one per active tenant. */
#ifndef CB_EGRESS_EGRESS_H
#define CB_EGRESS_EGRESS_H

/* Runs the role; returns the exit status. */
int egress_main(void);

#endif

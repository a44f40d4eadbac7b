/* egress.h - the role that decides, records, injects and sends; one per active tenant. */
#ifndef CB_EGRESS_EGRESS_H
#define CB_EGRESS_EGRESS_H

#include "priv/confine.h"

/* Runs the role; returns the exit status. */
int egress_main(void);

/* How it is confined: egress.c. */
extern const struct priv_profile egress_profile;

#endif

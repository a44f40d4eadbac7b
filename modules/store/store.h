/* store.h - the role that has the database; see client.h for what it holds and whom it answers. */
#ifndef CB_STORE_STORE_H
#define CB_STORE_STORE_H

#include "priv/confine.h"

/* Runs the role on the channel IPC_ROLE_LIFE_FD. The database is STORE_FILE in the working directory. Returns the process's
 * exit status: 0 after STOP, else the reason was logged. */
#define STORE_FILE "clawbox.db"
int store_main(void);

/* How it is confined: store.c. */
extern const struct priv_profile store_profile;

#endif

/* vault.h - the role that opens sealed credentials and signs certificates; see vault.c. */
#ifndef CB_VAULT_VAULT_H
#define CB_VAULT_VAULT_H

#include "priv/confine.h"

/* Runs the role on the channel IPC_ROLE_LIFE_FD and returns the process's exit status: 0 after STOP,
 * VAULT_EXIT_WRONG_KEY when the master key is not the one that the database's credentials are sealed for (a restart
 * would not help), 1 or 2 for other failures. */
#define VAULT_EXIT_WRONG_KEY 3
int vault_main(void);

/* How it is confined: vault.c. */
extern const struct priv_profile vault_profile;

#endif

/* credential.h - what is shown of credentials in more than one command. */
#ifndef CB_CLAWBOX_CREDENTIAL_H
#define CB_CLAWBOX_CREDENTIAL_H

#include "cmd.h"
#include "conf/tree.h"

/* Prints the "credentials" of an answer as a table. CMD_GO or CMD_FAILED. */
CB_MUST_USE int credential_print_table(const struct conf_node *answer);

#endif

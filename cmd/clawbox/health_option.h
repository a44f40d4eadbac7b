/* health_option.h - `--health ADDRESS:PORT`, of the commands that run a server. */
#ifndef CB_CLAWBOX_HEALTH_OPTION_H
#define CB_CLAWBOX_HEALTH_OPTION_H

#include "start_options.h"

/* Reads it (NULL: not given) into the options, which borrow `address`. CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int health_option_read(const char *command, const char *text, char address[START_ADDRESS_MAX],
                                   struct monitor_options *out);

#endif

/* api_option.h - `--api ADDRESS:PORT` of `clawbox serve`. */
#ifndef CB_CLAWBOX_API_OPTION_H
#define CB_CLAWBOX_API_OPTION_H

#include "cmd.h"
#include "monitor/monitor.h"

/* Reads it (NULL: not given) into the options, which borrow `address`. CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int api_option_read(const char *command, const char *text, char address[64],
                                struct monitor_options *out);
/* Whether an address is one that only this machine reaches. */
bool api_option_loopback(const char *address);

#endif

/* console_option.h - `--console ADDRESS:PORT` of `clawbox serve`. */
#ifndef CB_CLAWBOX_CONSOLE_OPTION_H
#define CB_CLAWBOX_CONSOLE_OPTION_H

#include "cmd.h"
#include "start_options.h"

/* Reads it into the options, which borrow `address`: where the console is, or nothing for "off". NULL: it is at its usual place, unless
 * that is taken. CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int console_option_read(const char *text, char address[START_ADDRESS_MAX],
                                    struct monitor_options *out);

#endif

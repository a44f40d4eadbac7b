/* tls_option.h - `--tls-cert FILE` and `--tls-key FILE` of `clawbox serve`. */
#ifndef CB_CLAWBOX_TLS_OPTION_H
#define CB_CLAWBOX_TLS_OPTION_H

#include "cmd.h"
#include "monitor/monitor.h"

/* Reads both (NULL: not given) into the options, which borrow them. CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int tls_option_read(const char *cert, const char *key, struct monitor_options *out);

#endif

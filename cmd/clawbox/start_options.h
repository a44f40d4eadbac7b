/* start_options.h - options of the commands that run the appliance: serve, and proxy for one tenant. */
#ifndef CB_CLAWBOX_START_OPTIONS_H
#define CB_CLAWBOX_START_OPTIONS_H

#include "cmd.h"
#include "monitor/monitor.h"

/* The tables of roles and edges, this version, and the usual log level; `state` is borrowed. */
void start_options_init(struct monitor_options *o, const char *state);

/* Each reads one option (NULL: not given). CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int start_roots(const char *path, struct monitor_options *o);
CB_MUST_USE int start_dns(const char *command, const char *servers, struct monitor_options *o);
CB_MUST_USE int start_log_level(const char *command, const char *name, enum log_level *out);

/* --drain, in seconds. */
CB_MUST_USE int start_drain(const char *command, const char *seconds, uint32_t *out_ms);

#define START_ADDRESS_MAX 64
/* "192.0.2.1:8080" or "[::]:8080", without brackets in *address. CMD_GO, or the exit code, and it has been said. */
CB_MUST_USE int start_address(const char *command, const char *option, const char *text,
                              char address[START_ADDRESS_MAX], uint16_t *port);

#endif

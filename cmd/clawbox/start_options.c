/* start_options.c - what serve and proxy have in common. */
#include "start_options.h"

#include "roles.h"
#include "system_roots.h"

#include "base/strnum.h"
#include "policy/host.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SERVERS_MAX 512
#define DRAIN_MAX_S 86400

void start_options_init(struct monitor_options *o, const char *state)
{
    *o = (struct monitor_options){.state_dir = state,
                                  .log_level = LOG_LEVEL_INFO,
                                  .version = CLAWBOX_VERSION,
                                  .roles = clawbox_roles,
                                  .role_count = clawbox_role_count,
                                  .edges = clawbox_edges,
                                  .edge_count = clawbox_edge_count};
}

int start_roots(const char *path, struct monitor_options *o)
{
    o->roots_path = path != NULL ? path : system_roots();
    /* It is opened for each tenant's first request, and then nobody is there to read why that fails. */
    return path == NULL || access(path, R_OK) == 0 ? CMD_GO : cmd_fail_r(-errno, "--roots %s", path);
}

int start_dns(const char *command, const char *servers, struct monitor_options *o)
{
    o->dns_servers = servers != NULL ? servers : "";
    return strlen(o->dns_servers) <= SERVERS_MAX ? CMD_GO
                                                 : cmd_wrong_usage(command, "--dns: too many servers");
}

int start_log_level(const char *command, const char *name, enum log_level *out)
{
    static const char *const names[] = {[LOG_LEVEL_ERROR] = "error",
                                        [LOG_LEVEL_WARN] = "warn",
                                        [LOG_LEVEL_INFO] = "info",
                                        [LOG_LEVEL_DEBUG] = "debug"};
    if (name == NULL) {
        return CMD_GO;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_level)i;
            return CMD_GO;
        }
    }
    return cmd_wrong_usage(command, "--log-level %s: it is error, warn, info or debug", name);
}

int start_drain(const char *command, const char *seconds, uint32_t *out_ms)
{
    uint64_t number = 0;
    if (seconds == NULL) {
        return CMD_GO;
    }
    if (strnum_u64(span_str(seconds), DRAIN_MAX_S, &number) != 0 || number == 0) {
        return cmd_wrong_usage(command, "--drain %s: it is a number of seconds from 1 to %d", seconds,
                               DRAIN_MAX_S);
    }
    *out_ms = (uint32_t)number * 1000;
    return CMD_GO;
}

int start_address(const char *command, const char *option, const char *text, char address[START_ADDRESS_MAX],
                  uint16_t *port)
{
    struct policy_host host;
    if (policy_authority_parse(span_str(text), 0, &host, port) != 0 || host.kind == POLICY_HOST_NAME) {
        return cmd_wrong_usage(command, "--%s %s: it is ADDRESS:PORT, such as 127.0.0.1:8081 or [::]:8081",
                               option, text);
    }
    bool brackets = host.kind == POLICY_HOST_IPV6;
    (void)snprintf(address, START_ADDRESS_MAX, "%.*s", (int)(host.len - (brackets ? 2 : 0)),
                   host.text + (brackets ? 1 : 0));
    return CMD_GO;
}

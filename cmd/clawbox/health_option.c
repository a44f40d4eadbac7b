/* health_option.c - where the health listener is. */
#include "health_option.h"

#include "policy/host.h"

int health_option_read(const char *command, const char *text, char address[64], struct monitor_options *out)
{
    struct policy_host host;
    uint16_t port;
    if (text == NULL) {
        out->health_address = NULL;
        return CMD_GO;
    }
    if (policy_authority_parse(span_str(text), 0, &host, &port) != 0 || host.kind == POLICY_HOST_NAME) {
        return cmd_wrong_usage(command,
                               "--health %s: it is ADDRESS:PORT, such as 127.0.0.1:8081 or [::]:8081", text);
    }
    bool brackets = host.kind == POLICY_HOST_IPV6;
    (void)snprintf(address, 64, "%.*s", (int)(host.len - (brackets ? 2 : 0)), host.text + (brackets ? 1 : 0));
    out->health_address = address;
    out->health_port = port;
    return CMD_GO;
}

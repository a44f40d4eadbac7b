/* api_option.c - where the API is over TCP: without TLS on this machine only. */
#include "api_option.h"

#include "policy/host.h"

#include <arpa/inet.h>

bool api_option_loopback(const char *address)
{
    struct in_addr in;
    struct in6_addr in6;
    if (inet_pton(AF_INET, address, &in) == 1) {
        return (ntohl(in.s_addr) >> 24) == IN_LOOPBACKNET;
    }
    return inet_pton(AF_INET6, address, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

int api_option_read(const char *command, const char *text, char address[64], struct monitor_options *out)
{
    struct policy_host host;
    uint16_t port;
    out->api_address = NULL;
    if (text == NULL) {
        return CMD_GO;
    }
    if (policy_authority_parse(span_str(text), 0, &host, &port) != 0 || host.kind == POLICY_HOST_NAME) {
        return cmd_wrong_usage(command, "--api %s: it is ADDRESS:PORT, such as 127.0.0.1:8090 or [::1]:8090",
                               text);
    }
    bool brackets = host.kind == POLICY_HOST_IPV6;
    (void)snprintf(address, 64, "%.*s", (int)(host.len - (brackets ? 2 : 0)), host.text + (brackets ? 1 : 0));
    if (!api_option_loopback(address) && out->tls_cert_path == NULL) {
        return cmd_wrong_usage(
            command, "--api %s: without TLS only on 127.0.0.1 or [::1]; --tls-cert and --tls-key give it",
            text);
    }
    out->api_address = address;
    out->api_port = port;
    return CMD_GO;
}

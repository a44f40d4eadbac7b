/* console_option.c - where the console is. */
#include "console_option.h"

#include "api_option.h"

#include <string.h>

#define CONSOLE_USUALLY "127.0.0.1:9180"

/* Port 0 stands for a free one, and is none that an authority may have. */
static int read_address(const char *text, char address[START_ADDRESS_MAX], uint16_t *port)
{
    char with_port[START_ADDRESS_MAX];
    size_t len = strlen(text);
    if (len < 2 || len >= sizeof(with_port) || strcmp(text + len - 2, ":0") != 0) {
        return start_address("serve", "console", text, address, port);
    }
    memcpy(with_port, text, len + 1);
    with_port[len - 1] = '1';
    int r = start_address("serve", "console", with_port, address, port);
    *port = 0;
    return r;
}

int console_option_read(const char *text, char address[START_ADDRESS_MAX], struct monitor_options *out)
{
    out->console_address = NULL;
    if (text != NULL && strcmp(text, "off") == 0) {
        return CMD_GO;
    }
    int r = read_address(text != NULL ? text : CONSOLE_USUALLY, address, &out->console_port);
    if (r != CMD_GO) {
        return r;
    }
    if (!api_option_loopback(address) && out->tls_cert_path == NULL) {
        return cmd_wrong_usage(
            "serve", "--console %s: without TLS only on 127.0.0.1 or [::1]; --tls-cert and --tls-key give it",
            text);
    }
    out->console_address = address;
    out->console_optional = text == NULL;
    return CMD_GO;
}

/* fuzz_resolvconf.c - whatever a resolv.conf says, what is taken from it is a short list of addresses and nothing else. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/resolvconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[NET_RESOLVCONF_TEXT];
    char again[NET_RESOLVCONF_TEXT];
    memset(out, 'x', sizeof(out));
    net_resolvconf_read(span_of(data, size), out);
    size_t len = strnlen(out, sizeof(out));
    unsigned commas = 0;
    for (size_t i = 0; i < len; i++) {
        commas += out[i] == ',';
        if (out[i] <= ' ' || out[i] > '~') {
            abort();
        }
    }
    if (len == sizeof(out) || commas >= NET_RESOLVCONF_SERVERS) {
        abort();
    }
    net_resolvconf_read(span_of(data, size), again);
    if (strcmp(out, again) != 0) {
        abort();
    }
    return 0;
}

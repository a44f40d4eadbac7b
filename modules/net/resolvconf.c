/* resolvconf.c - one `nameserver` line after the other. */
#include "net/resolvconf.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of the line. */
static struct span word(struct span *line)
{
    size_t from = 0;
    while (from < line->len && blank(line->ptr[from])) {
        from++;
    }
    size_t to = from;
    while (to < line->len && !blank(line->ptr[to])) {
        to++;
    }
    struct span found = span_sub(*line, from, to - from);
    *line = span_sub(*line, to, SIZE_MAX);
    return found;
}

static bool interface_valid(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == ',' || name[i] == '%') {
            return false;
        }
    }
    return len > 0 && len < IF_NAMESIZE;
}

/* "192.0.2.1", "2001:db8::1" or "fe80::1%eth0", as c-ares wants to have it; false when it is no address. */
static bool server(struct span text, char *out, size_t size)
{
    char address[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    uint8_t binary[16];
    if (text.len == 0 || text.len >= sizeof(address) || memchr(text.ptr, 0, text.len) != NULL) {
        return false;
    }
    memcpy(address, text.ptr, text.len);
    address[text.len] = '\0';
    if (inet_pton(AF_INET, address, binary) == 1) {
        (void)snprintf(out, size, "%s", address);
        return true;
    }
    char *interface = strchr(address, '%');
    if (interface != NULL) {
        *interface++ = '\0';
        if (!interface_valid(interface)) {
            return false;
        }
    }
    if (inet_pton(AF_INET6, address, binary) != 1) {
        return false;
    }
    (void)snprintf(out, size, "[%s]:53%s%s", address, interface != NULL ? "%" : "",
                   interface != NULL ? interface : "");
    return true;
}

void net_resolvconf_read(struct span text, char out[NET_RESOLVCONF_TEXT])
{
    size_t len = 0;
    unsigned count = 0;
    out[0] = '\0';
    while (text.len != 0 && count < NET_RESOLVCONF_SERVERS) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t line_len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        struct span line = span_sub(text, 0, line_len);
        text = span_sub(text, line_len + 1, SIZE_MAX);
        char one[NET_RESOLVCONF_TEXT / NET_RESOLVCONF_SERVERS];
        if (span_eq_str(word(&line), "nameserver") && server(word(&line), one, sizeof(one))) {
            int put = snprintf(out + len, NET_RESOLVCONF_TEXT - len, "%s%s", count != 0 ? "," : "", one);
            len += put > 0 ? (size_t)put : 0;
            count++;
        }
    }
}

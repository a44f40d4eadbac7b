/*
 * address.c - the IANA special-purpose registries as one table (IPv4: RFC 6890 and its updates, as of 2025; IPv6:
 * likewise), and the IPv4 addresses that hide in IPv6 ones.
 *
 * IPv4 is a list of what is refused. IPv6 is the other way round: only 2000::/3 is handed out for global unicast, so
 * everything outside is refused without a list, and the rows for it only give the reason a name.
 */
#include "policy/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct block {
    uint8_t bits;
    uint8_t prefix[16];
    const char *why;
};

static const struct block ipv4_blocks[] = {
    {8, {0}, "0.0.0.0/8 (this network)"},
    {8, {10}, "10.0.0.0/8 (private)"},
    {10, {100, 64}, "100.64.0.0/10 (shared address space)"},
    {8, {127}, "127.0.0.0/8 (loopback)"},
    {32, {168, 63, 129, 16}, "168.63.129.16 (Azure platform)"},
    {16, {169, 254}, "169.254.0.0/16 (link-local, metadata)"},
    {12, {172, 16}, "172.16.0.0/12 (private)"},
    {24, {192, 0, 0}, "192.0.0.0/24 (protocol assignments)"},
    {24, {192, 0, 2}, "192.0.2.0/24 (documentation)"},
    {24, {192, 31, 196}, "192.31.196.0/24 (AS112)"},
    {24, {192, 52, 193}, "192.52.193.0/24 (AMT)"},
    {24, {192, 88, 99}, "192.88.99.0/24 (6to4 relay)"},
    {16, {192, 168}, "192.168.0.0/16 (private)"},
    {24, {192, 175, 48}, "192.175.48.0/24 (AS112)"},
    {15, {198, 18}, "198.18.0.0/15 (benchmarking)"},
    {24, {198, 51, 100}, "198.51.100.0/24 (documentation)"},
    {24, {203, 0, 113}, "203.0.113.0/24 (documentation)"},
    {4, {224}, "224.0.0.0/4 (multicast)"},
    {4, {240}, "240.0.0.0/4 (reserved)"},
};

/* The first row that covers an address names it. */
static const struct block ipv6_blocks[] = {
    {128, {0}, "::/128 (unspecified)"},
    {128, {[15] = 1}, "::1/128 (loopback)"},
    {96, {0}, "::/96 (IPv4-compatible)"},
    {96, {[10] = 0xff, [11] = 0xff}, "::ffff:0:0/96 (IPv4-mapped)"},
    {96, {[8] = 0xff, [9] = 0xff}, "::ffff:0:0:0/96 (IPv4-translated)"},
    {96, {0x00, 0x64, 0xff, 0x9b}, "64:ff9b::/96 (NAT64)"},
    {48, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, "64:ff9b:1::/48 (local NAT64)"},
    {64, {0x01}, "100::/64 (discard)"},
    {64, {0x01, [7] = 0x01}, "100:0:0:1::/64 (dummy prefix)"},
    {32, {0x20, 0x01}, "2001::/32 (Teredo)"},
    {23, {0x20, 0x01}, "2001::/23 (protocol assignments)"},
    {32, {0x20, 0x01, 0x0d, 0xb8}, "2001:db8::/32 (documentation)"},
    {16, {0x20, 0x02}, "2002::/16 (6to4)"},
    {48, {0x26, 0x20, 0x00, 0x4f, 0x80}, "2620:4f:8000::/48 (AS112)"},
    {20, {0x3f, 0xff}, "3fff::/20 (documentation)"},
    {16, {0x5f}, "5f00::/16 (segment routing)"},
    {7, {0xfc}, "fc00::/7 (unique local, metadata)"},
    {10, {0xfe, 0x80}, "fe80::/10 (link-local)"},
    {10, {0xfe, 0xc0}, "fec0::/10 (site-local)"},
    {8, {0xff}, "ff00::/8 (multicast)"},
};

static bool covers(const struct block *block, const uint8_t *address)
{
    size_t bytes = block->bits / 8U;
    unsigned rest = block->bits % 8U;
    if (memcmp(address, block->prefix, bytes) != 0) {
        return false;
    }
    return rest == 0 || ((address[bytes] ^ block->prefix[bytes]) >> (8U - rest)) == 0;
}

static const char *ipv4_special(const uint8_t address[4])
{
    for (size_t i = 0; i < sizeof(ipv4_blocks) / sizeof(ipv4_blocks[0]); i++) {
        if (covers(&ipv4_blocks[i], address)) {
            return ipv4_blocks[i].why;
        }
    }
    return NULL;
}

static const char *ipv6_special(const uint8_t address[16])
{
    for (size_t i = 0; i < sizeof(ipv6_blocks) / sizeof(ipv6_blocks[0]); i++) {
        if (covers(&ipv6_blocks[i], address)) {
            return ipv6_blocks[i].why;
        }
    }
    if (address[0] >> 5 != 1) {
        return "outside 2000::/3 (not global unicast)";
    }
    /* ISATAP (RFC 5214) is found by its interface identifier, under any prefix: a tunnel to the IPv4 address behind it. */
    if ((address[8] & 0xfd) == 0 && address[9] == 0 && address[10] == 0x5e && address[11] == 0xfe &&
        ipv4_special(address + 12) != NULL) {
        return "ISATAP around a special-purpose IPv4 address";
    }
    return NULL;
}

bool policy_address_is_public(const uint8_t *address, size_t len, const char **why)
{
    const char *special = "neither an IPv4 nor an IPv6 address";
    if (len == 4) {
        special = ipv4_special(address);
    } else if (len == 16) {
        special = ipv6_special(address);
    }
    if (why != NULL) {
        *why = special;
    }
    return special == NULL;
}

bool policy_address_exception(bool ipv6, size_t index, char out[POLICY_ADDRESS_PREFIX_SIZE])
{
    const struct block *blocks = ipv6 ? ipv6_blocks : ipv4_blocks;
    size_t count =
        ipv6 ? sizeof(ipv6_blocks) / sizeof(ipv6_blocks[0]) : sizeof(ipv4_blocks) / sizeof(ipv4_blocks[0]);
    for (size_t i = 0; i < count; i++) {
        if (ipv6 && blocks[i].prefix[0] >> 5 != 1) {
            continue; /* outside 2000::/3 */
        }
        if (index-- == 0) {
            char address[INET6_ADDRSTRLEN];
            (void)inet_ntop(ipv6 ? AF_INET6 : AF_INET, blocks[i].prefix, address, sizeof(address));
            (void)snprintf(out, POLICY_ADDRESS_PREFIX_SIZE, "%s/%u", address, blocks[i].bits);
            return true;
        }
    }
    return false;
}

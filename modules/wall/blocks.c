/* blocks.c - the addresses of a NetworkPolicy's ipBlock. */
#include "wall/state.h"

#include <arpa/inet.h>
#include <stdlib.h>

struct block {
    int family;
    uint8_t address[16];
    unsigned bits;
};

static bool read_block(const char *text, struct block *out)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : 0;
    if (len == 0 || len >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    *out = (struct block){.family = inet_pton(AF_INET, address, out->address) == 1 ? AF_INET : AF_INET6};
    char *end = NULL;
    unsigned long bits = strtoul(slash + 1, &end, 10);
    out->bits = (unsigned)bits;
    return inet_pton(out->family, address, out->address) == 1 && *end == '\0' &&
           bits <= (out->family == AF_INET ? 32U : 128U);
}

/* True when everything in `b` is in `a`. */
static bool block_covers(const struct block *a, const struct block *b)
{
    if (a->family != b->family || a->bits > b->bits) {
        return false;
    }
    size_t bytes = a->bits / 8;
    unsigned rest = a->bits % 8;
    return memcmp(a->address, b->address, bytes) == 0 &&
           (rest == 0 || ((a->address[bytes] ^ b->address[bytes]) >> (8 - rest)) == 0);
}

bool wall_is_single(const struct conf_node *peer)
{
    struct block b;
    return read_block(wall_text_at(peer, "ipBlock.cidr", ""), &b) &&
           b.bits == (b.family == AF_INET ? 32U : 128U);
}

const char *wall_inside_of(const struct conf_node *peer)
{
    static const char *const inside[] = {"169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                         "100.64.0.0/10",  "fc00::/7",   "fe80::/10"};
    struct block whole;
    struct block part;
    struct block exception;
    if (!read_block(wall_text_at(peer, "ipBlock.cidr", ""), &whole)) {
        return "addresses that cannot be read";
    }
    const struct conf_node *except = wall_at(peer, "ipBlock.except");
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        bool small = whole.bits >= (whole.family == AF_INET ? 24U : 64U);
        if (!read_block(inside[i], &part) ||
            (!block_covers(&whole, &part) && (small || !block_covers(&part, &whole)))) {
            continue;
        }
        bool excepted = false;
        for (const struct conf_node *e = except != NULL ? except->first : NULL; e != NULL && !excepted;
             e = e->next) {
            excepted = e->text != NULL && read_block(e->text, &exception) && block_covers(&exception, &part);
        }
        if (!excepted) {
            return inside[i];
        }
    }
    return NULL;
}

bool wall_is_wide(const struct conf_node *peer)
{
    struct block b;
    return !read_block(wall_text_at(peer, "ipBlock.cidr", ""), &b) || b.bits < 8;
}

/*
 * resolve.h - the addresses of a name, from DNS or from a cache. Only dial.c uses this.
 *
 * A and AAAA are two questions; each answer is told as it comes and kept by itself, so that an address is never told
 * past its TTL because the other family's answer is late or lives longer. Lookups of a name that overlap share its
 * questions. Kept are: addresses for the smallest TTL of the answer, aliases included, but at least 1 s and at most 5 min;
 * NXDOMAIN and "no such record" for 5 s; failures (no answer, SERVFAIL, nonsense) for 1 s. A lookup may be given up;
 * its questions then go on, and their answers are kept.
 */
#ifndef CB_NET_RESOLVE_H
#define CB_NET_RESOLVE_H

#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one name, half of them for each family. More are not looked at. */
#define NET_ADDRESSES_MAX 32

struct net_resolver;

struct net_address {
    uint8_t bytes[16];
    uint8_t len; /* 4 or 16 */
};

/* `count` addresses became known since the last call, IPv6 before IPv4; `complete` says that no more will come and that
 * this was the last call. The array is to be used or copied before the callback returns. */
typedef void net_lookup_fn(void *arg, const struct net_address *addresses, size_t count, bool complete);

/* In the caller's memory; its members are the resolver's. */
struct net_lookup {
    struct list link;
    struct net_task tell;
    struct net_name *name;
    bool told[2]; /* by question */
    bool failed;  /* an answer did not come, or made no sense */
    net_lookup_fn *on_addresses;
    void *arg;
};

/* `servers` and `timeout_ms` as in dial.h. 0, CB_EINVAL (`servers` cannot be read) or CB_ENOMEM. */
CB_MUST_USE int net_resolver_new(struct net_loop *loop, const char *servers, uint32_t timeout_ms,
                                 struct net_resolver **out);
/* No lookup may be left. NULL is fine. */
void net_resolver_free(struct net_resolver *r);
/* Starts a lookup; the callback comes later, also for a cached answer. 0, CB_EINVAL, CB_ENOMEM, or CB_ELIMIT when
 * every place of the cache is taken by a lookup that is under way. */
CB_MUST_USE int net_resolver_lookup(struct net_resolver *r, const char *host, net_lookup_fn *on_addresses,
                                    void *arg, struct net_lookup *lookup);
/* No callback after this. Fine on a lookup that has ended. */
void net_lookup_cancel(struct net_lookup *lookup);

#endif

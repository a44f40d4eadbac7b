/*
 * dial.h - from a name to a connected socket, through a check of every address.
 *
 * A dialler resolves with c-ares (DNS only: no hosts file, no search domains, never the C library), hands each address
 * to the caller's check, and connects to one that passed: exactly that address is dialled. Both families are raced (RFC 8305:
 * IPv6 first, 250 ms head start, then the next address); an address that failed or was too slow is tried last for 30 s.
 * Of each family at most 16 addresses are looked at. Of a name with addresses of both kinds, those that do not pass are dropped and
 * the others dialled. The result is one callback, never from inside the call.
 */
#ifndef CB_NET_DIAL_H
#define CB_NET_DIAL_H

#include "base/span.h"
#include "net/loop.h"

struct net_dialer;
struct net_dial;

struct net_dialer_options {
    const char
        *servers; /* "127.0.0.1:5353,..." or NULL: what /etc/resolv.conf says when the dialler is made */
    uint32_t resolve_timeout_ms; /* for a whole resolution */
    uint32_t connect_timeout_ms; /* for all attempts together */
};

struct net_peer {
    char text[64]; /* "192.0.2.1:443" or "[2001:db8::1]:443" */
};

/* True when the address (4 or 16 bytes) may be dialled. */
typedef bool net_address_check_fn(void *arg, const uint8_t *address, size_t len);

/* code 0: `fd` is a connected socket that the callee owns, `peer` names it. CB_ENOTFOUND (no such name, or it has no address), CB_EDNS (the
 * name servers have no answer), CB_ETIMEOUT (resolving or connecting: see *stage),
 * CB_EADDRESS (there were addresses and none passed the check), or a negative errno of the last attempt; `fd` is -1 and `peer` NULL then.
 * The dial is gone when this is called: its handle is not to be cancelled from here on. */
enum net_dial_stage { NET_DIAL_RESOLVING, NET_DIAL_CONNECTING };
typedef void net_dial_fn(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer);

/* Reads resolv.conf now, so that no file is needed later. CB_EINVAL when `servers` cannot be read. */
CB_MUST_USE int net_dialer_new(struct net_loop *loop, const struct net_dialer_options *options,
                               struct net_dialer **out);
/* All dials must have ended or been cancelled. */
void net_dialer_free(struct net_dialer *d);
/* Resolves `host` (NUL-terminated canonical name) and connects. Answers are cached for their TTL (at least 1 s, at most 5 min, at most 1,024
 * names), the absence of addresses for 5 s, failures for 1 s; the check runs again on cached answers. *out is the handle to cancel with; it is invalid once the callback ran. */
CB_MUST_USE int net_dial_name(struct net_dialer *d, const char *host, uint16_t port,
                              net_address_check_fn *check, net_dial_fn *on_done, void *arg,
                              struct net_dial **out);
/* Resolves as net_dial_name() does and connects to nothing: `peer` names an address that passed, an IPv4 one if there is, with the port;
 * `fd` is -1. For whoever connects through somebody else. */
CB_MUST_USE int net_dial_resolve(struct net_dialer *d, const char *host, uint16_t port,
                                 net_address_check_fn *check, net_dial_fn *on_done, void *arg,
                                 struct net_dial **out);
/* Connects to a literal address (no brackets), without a check: for addresses that an administrator wrote. */
CB_MUST_USE int net_dial_address(struct net_dialer *d, const char *address, uint16_t port,
                                 net_dial_fn *on_done, void *arg, struct net_dial **out);
/* No callback after this. NULL is fine. */
void net_dial_cancel(struct net_dial *dial);

#endif

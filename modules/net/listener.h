/*
 * listener.h - accepts connections from a listening socket that somebody else opened.
 *
 * When descriptors run out (EMFILE and its kin) accepting stops for a second rather than spin.
 */
#ifndef CB_NET_LISTENER_H
#define CB_NET_LISTENER_H

#include "net/loop.h"

#include <stdbool.h>

struct net_listener;
/* `fd` is the accepted, close-on-exec, non-blocking descriptor; the callee owns it. */
typedef void net_accept_fn(void *arg, int fd);

/* Takes over the listening descriptor; on failure it stays the caller's. */
CB_MUST_USE int net_listener_open(struct net_loop *loop, int fd, net_accept_fn *on_accept, void *arg,
                                  struct net_listener **out);
/* Stops or goes on accepting, for a role that is at its limit of connections. */
void net_listener_pause(struct net_listener *l, bool paused);
void net_listener_close(struct net_listener *l);

/* Where a listening TCP socket is. */
struct net_place {
    char host[48]; /* the address, IPv6 in brackets */
    uint16_t port;
    bool loopback; /* nobody on another machine reaches it */
};

/* Asks the kernel. CB_EINVAL: not a TCP socket; or its error. */
CB_MUST_USE int net_listener_place(int fd, struct net_place *out);

/* Opens a listening Unix socket at `path` (an old socket there is removed first) with the given mode, or a TCP socket on an IPv4 or
 * IPv6 literal; port 0 takes a free one. Returns the descriptor or a negative error; *bound_port tells the port. */
CB_MUST_USE int net_listen_unix(const char *path, unsigned mode);
CB_MUST_USE int net_listen_tcp(const char *address, uint16_t port, uint16_t *bound_port);

#endif

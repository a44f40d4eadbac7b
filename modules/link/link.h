/*
 * link.h - a connection that was accepted, in clear or in TLS, under the loop: the same calls as net/conn.h either way.
 *
 * In TLS nothing reaches the handler before the handshake stands, and nothing can be written before.
 */
#ifndef CB_LINK_LINK_H
#define CB_LINK_LINK_H

#include "base/buf.h"
#include "net/conn.h"

struct link;
struct link_serving;

/* What TLS listeners of a role show: a certificate with those of its issuers behind it, and its key. */

/* From PEM. *why (may be NULL) says for people what is wrong: CB_EINVAL then. */
CB_MUST_USE int link_serving_new(struct span pem, struct link_serving **out, const char **why);
/* The same, of a descriptor with the certificates and of one with the key, which are closed. Where *serving is one already, it shows these to
 * whoever connects from now on; after a failure it shows what it showed before. What is wrong is logged. */
CB_MUST_USE int link_serving_read(int cert_fd, int key_fd, struct link_serving **serving);
/* One of a role's two files: the certificate comes first, and waits in *cert_fd (-1: none) for its key; then link_serving_read(). The
 * descriptor is taken in any case. CB_EPERM: a second certificate, or a key without one. */
CB_MUST_USE int link_serving_take(bool key, int fd, int *cert_fd, struct link_serving **serving);
/* Whether a client that looks for this name or address (IPv6 without brackets) believes the certificate. */
bool link_serves(const struct link_serving *serving, struct span host);

/* Takes over a connected socket as net_conn_open() does, with its handler. `serving` NULL: in clear. Reading is off at first. */
CB_MUST_USE int link_open(struct net_loop *loop, int fd, const struct link_serving *serving,
                          const struct net_conn_handler *handler, void *arg, struct link **out);
void link_read(struct link *l, bool on);
CB_MUST_USE int link_write(struct link *l, struct span data);
bool link_is_full(const struct link *l);
/* As net_conn_close_gently() and net_conn_close(): no callbacks after them, and fine inside of one. NULL is fine. */
void link_close_gently(struct link *l, uint64_t linger_ms);
void link_close(struct link *l);

#endif

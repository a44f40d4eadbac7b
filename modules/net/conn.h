/*
 * conn.h - a connected stream socket (TCP or Unix) under the loop, with back-pressure spelled out.
 *
 * Reading: on_data gets bytes in memory that is shared by the whole loop, so they must be used or copied before it
 * returns; an idle connection therefore holds no read buffer. net_conn_read(c, false) stops reading: do that while what the bytes
 * are forwarded to is full, and start again from its on_drained.
 * Writing: net_conn_write() sends what the kernel takes at once and queues the rest; when the queue grew over the high
 * mark and then empties, on_drained is called.
 * Closing: net_conn_close() ends it at once; no callback comes after it, and the memory is freed in the
 * loop's own time. Half-close: net_conn_shutdown() sends FIN after the queue; on_end tells that the peer sent its FIN.
 */
#ifndef CB_NET_CONN_H
#define CB_NET_CONN_H

#include "base/span.h"
#include "net/loop.h"

#define NET_CONN_HIGH_WATER ((size_t)256 * 1024)
#define NET_READ_SIZE       ((size_t)64 * 1024)
#define NET_LINGERING_MAX   1024

struct net_conn;

struct net_conn_handler {
    void (*on_data)(void *arg, struct span data);
    void (*on_end)(void *arg);             /* the peer will send no more; reading has stopped */
    void (*on_drained)(void *arg);         /* may be NULL */
    void (*on_error)(void *arg, int code); /* the connection is dead; close it */
};

/* Takes over a connected, non-blocking-capable socket (made non-blocking here). On failure the descriptor stays the caller's. TCP_NODELAY is
 * set on TCP sockets. Reading is off at first. */
CB_MUST_USE int net_conn_open(struct net_loop *loop, int fd, const struct net_conn_handler *handler,
                              void *arg, struct net_conn **out);
/* What is read may have secrets in it, as they are: it is wiped from the memory that all connections share. Unix sockets are so already. */
void net_conn_set_plain(struct net_conn *c);
/* Gives the connection to another owner. */
void net_conn_set_handler(struct net_conn *c, const struct net_conn_handler *handler, void *arg);
void net_conn_read(struct net_conn *c, bool on);
/* 0 or an error: CB_ESTATE after net_conn_shutdown(), CB_ELIMIT past 64 MiB in the queue, CB_ENOMEM, or what the kernel said. After an error
 * other than CB_ESTATE nothing more can be written. When the peer is gone (EPIPE, ECONNRESET) what it has sent before is still
 * read, and on_end or on_error tells the end; after any other error the connection is dead, and on_error is not called as well. */
CB_MUST_USE int net_conn_write(struct net_conn *c, struct span data);
/* Bytes that wait in the queue. */
size_t net_conn_queued(const struct net_conn *c);
/* True from when the queue passed the high mark until it is empty. */
bool net_conn_is_full(const struct net_conn *c);
void net_conn_shutdown(struct net_conn *c);
/* Writes the queue, sends FIN, and closes when the peer has sent its FIN too, but after `linger_ms` at the latest (0: at once). No callbacks
 * after the call. While it lingers, what the peer still sends is read and thrown away, so that a reset does not destroy the answer that
 * is on its way. When too many of the loop's connections linger, the one that has done so the longest is closed. NULL is fine. */
void net_conn_close_gently(struct net_conn *c, uint64_t linger_ms);
/* How many connections of this loop may linger (at least 1), instead of NET_LINGERING_MAX: nobody counts them, and each is a descriptor and
 * what the peer has not read. */
void net_loop_set_lingering(struct net_loop *loop, size_t max);
/* NULL is fine. */
void net_conn_close(struct net_conn *c);

#endif

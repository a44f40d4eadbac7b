/*
 * chan.h - a channel between two roles: frames over a Unix stream socket, checked against the message table.
 *
 * A frame is u32 payload length, u16 message, u32 call number, payload; all big-endian. Before a byte of payload is
 * kept, the message must exist, be permitted for this channel and direction, and be within its limit. Whatever is wrong
 * costs the sender its connection: on_closed is called with the reason, and the receiver goes on.
 *
 * Frames that are sent in one turn of the loop leave in one write at its end. Messages that were read have their spans
 * in the channel's buffer, valid until the handler returns.
 */
#ifndef CB_IPC_CHAN_H
#define CB_IPC_CHAN_H

#include "ipc/codec.h"
#include "net/loop.h"

#define IPC_FRAME_HEAD      10
#define IPC_CHAN_HIGH_WATER ((size_t)256 * 1024)

struct ipc_chan;

/* A message as it came. `fd` is the descriptor that travelled with it, or -1; a handler that keeps it sets it to -1,
 * else it is closed when the handler returns. */
struct ipc_in {
    enum ipc_msg msg;
    uint32_t call; /* of a request: to be given back with the answer */
    struct span payload;
    int fd;
};

struct ipc_chan_handler {
    /* An event or request. A result other than 0 drops the peer: on_closed is then called with that code. */
    int (*on_message)(void *arg, struct ipc_in *in);
    /* The channel is dead (CB_ECLOSED: the peer went; else what it did wrong). Pending calls have been answered with
     * CB_ECLOSED before. The owner frees the channel, now or later. */
    void (*on_closed)(void *arg, int code);
    /* The queue passed the high mark and is empty again. May be NULL. */
    void (*on_drained)(void *arg);
};

/* Takes over a connected Unix stream socket. `descriptors` tells whether frames with a descriptor may travel here. On
 * failure the socket stays the caller's. */
CB_MUST_USE int ipc_chan_open(struct net_loop *loop, int fd, enum ipc_channel channel, enum ipc_role self,
                              enum ipc_role peer, bool descriptors, const struct ipc_chan_handler *handler,
                              void *arg, struct ipc_chan **out);
/* Flushes what can be written at once and closes. No callbacks after it. Safe inside the channel's own callbacks. NULL is fine. */
void ipc_chan_free(struct ipc_chan *chan);
/* Stops or goes on reading: back-pressure on the peer. */
void ipc_chan_read(struct ipc_chan *chan, bool on);
/* Bytes waiting; and whether they passed the high mark and have not been written since. */
size_t ipc_chan_queued(const struct ipc_chan *chan);
bool ipc_chan_is_full(const struct ipc_chan *chan);
/* Writes now instead of at the end of the turn. */
void ipc_chan_flush(struct ipc_chan *chan);
enum ipc_role ipc_chan_peer(const struct ipc_chan *chan);

/*
 * Sending: for the message leaf_sign, ipc_send_leaf_sign(chan, call, &fields). Events take call 0; answers take the
 * request's call. For messages with a descriptor ipc_send_connection(chan, 0, &fields, fd): the descriptor is taken
 * over (closed after it was sent, also on failure). 0, CB_ELIMIT, CB_EINVAL, CB_ENOMEM; CB_ECLOSED on a dead channel.
 * Nothing half-written remains after a failure.
 */
typedef int ipc_put_fn(struct buf *out, const void *fields);
CB_MUST_USE int ipc_chan_send(struct ipc_chan *chan, enum ipc_msg msg, uint32_t call, int fd, ipc_put_fn *put,
                              const void *fields);
#define IPC_SENDERS_IPC_NO_FD(NAME, lower) \
    CB_MUST_USE int ipc_send_##lower(struct ipc_chan *chan, uint32_t call, const struct ipc_##lower *fields);
#define IPC_SENDERS_IPC_FD(NAME, lower)                                                                      \
    CB_MUST_USE int ipc_send_##lower(struct ipc_chan *chan, uint32_t call, const struct ipc_##lower *fields, \
                                     int fd);
#define IPC_SENDER(NAME, lower, from, to, channel, kind, fd, limit) IPC_SENDERS_##fd(NAME, lower)
IPC_MESSAGES(IPC_SENDER)
#undef IPC_SENDER

/*
 * Calling: a request whose answer comes to a callback of its own.
 *
 *     r = ipc_call_leaf_sign(chan, &fields, on_leaf, arg, &call);
 *
 * on_answer gets code 0 and the answer, or CB_ECLOSED when the channel died first (never from inside the call). It must check
 * in->msg. A result other than 0 drops the peer. `call` (may be NULL) is for ipc_call_cancel(): after that the answer
 * is thrown away when it comes. At most IPC_CALLS_MAX calls may be open: CB_EBUSY.
 */
#define IPC_CALLS_MAX 4096
typedef int ipc_answer_fn(void *arg, int code, const struct ipc_in *in);
CB_MUST_USE int ipc_chan_call(struct ipc_chan *chan, enum ipc_msg msg, ipc_put_fn *put, const void *fields,
                              ipc_answer_fn *on_answer, void *arg, uint32_t *call);
void ipc_call_cancel(struct ipc_chan *chan, uint32_t number);
#define IPC_CALL_EVENT(lower)
#define IPC_CALL_ANSWER(lower)
#define IPC_CALL_REQUEST(lower)                                                               \
    CB_MUST_USE int ipc_call_##lower(struct ipc_chan *chan, const struct ipc_##lower *fields, \
                                     ipc_answer_fn *on_answer, void *arg, uint32_t *call);
#define IPC_CALLER(NAME, lower, from, to, channel, kind, fd, limit) IPC_CALL_##kind(lower)
IPC_MESSAGES(IPC_CALLER)
#undef IPC_CALLER
#undef IPC_CALL_REQUEST

#endif

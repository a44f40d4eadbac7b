/* chan.c - frames over a Unix stream socket, with descriptors, calls and back-pressure. */
#include "ipc/chan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHAN_READ_SIZE      ((size_t)64 * 1024)
#define CHAN_READS_PER_TURN 4
#define CHAN_OUT_MAX        ((size_t)32 * 1024 * 1024)
#define CHAN_FDS_MAX        16
#define CHAN_SLOT_BITS      12
#define CHAN_SLOT_MASK      ((1U << CHAN_SLOT_BITS) - 1)

_Static_assert(IPC_CALLS_MAX == 1 << CHAN_SLOT_BITS, "a call number holds every slot");

/* An open call. A cancelled one keeps its slot, without a callback, until its answer has come. */
struct chan_call {
    ipc_answer_fn *on_answer;
    void *arg;
    uint32_t generation;
    int next_free;
    bool used;
};

/* A descriptor that leaves with the byte at this position of everything ever sent. */
struct chan_out_fd {
    uint64_t at;
    int fd;
};

struct ipc_chan {
    struct net_loop *loop;
    int fd;
    struct net_watch *watch;
    enum ipc_channel channel;
    enum ipc_role self;
    enum ipc_role peer;
    bool descriptors;
    bool sensitive;
    const struct ipc_chan_handler *handler;
    void *arg;

    struct buf
        in; /* the start of a frame whose rest has not come, or frames that wait while reading is off */
    int in_fds[CHAN_FDS_MAX];
    size_t in_fd_count;
    struct buf out;
    uint64_t sent; /* bytes ever written */
    struct chan_out_fd out_fds[CHAN_FDS_MAX];
    size_t out_fd_count;

    struct chan_call *calls;
    int call_count; /* slots allocated */
    int free_call;  /* first free slot or -1 */

    struct net_task turn; /* flush, resume reading, report a death */
    unsigned depth;       /* callbacks of ours that are on the stack */
    bool reading;
    bool
        read_watched; /* follows `reading`, but is switched off only when something comes that may not be read */
    bool full;
    bool broken; /* the peer takes nothing any more */
    bool dead;   /* on_closed was or will be called, nothing else */
    bool freed;
};

/* All channels of a process read into this: what is read is handled before the loop goes on. */
static uint8_t chan_read_buffer[CHAN_READ_SIZE];

static void chan_update_watch(struct ipc_chan *c)
{
    if (c->dead) {
        return;
    }
    int events = (c->read_watched ? NET_WATCH_READ : 0) | (buf_len(&c->out) != 0 ? NET_WATCH_WRITE : 0);
    if (net_watch_set(c->watch, events) != 0) {
        c->broken = true;
    }
}

static void chan_unwatch(struct ipc_chan *c)
{
    if (c->watch != NULL) {
        net_watch_free(c->watch);
        c->watch = NULL;
    }
}

static void chan_close_fds(struct ipc_chan *c)
{
    for (size_t i = 0; i < c->in_fd_count; i++) {
        (void)close(c->in_fds[i]);
    }
    for (size_t i = 0; i < c->out_fd_count; i++) {
        (void)close(c->out_fds[i].fd);
    }
    c->in_fd_count = c->out_fd_count = 0;
}

static void chan_release(struct ipc_chan *c)
{
    net_task_cancel(&c->turn);
    chan_unwatch(c);
    (void)close(c->fd);
    chan_close_fds(c);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c->calls);
    free(c);
}

static void chan_enter(struct ipc_chan *c)
{
    c->depth++;
}

/* Returns true when the owner freed the channel meanwhile; it must not be touched then. */
static bool chan_leave(struct ipc_chan *c)
{
    c->depth--;
    if (c->depth == 0 && c->freed) {
        chan_release(c);
        return true;
    }
    return c->freed;
}

/* Ends the channel from our side: answers open calls, then tells the owner. The caller has entered. */
static void chan_die(struct ipc_chan *c, int code)
{
    if (c->dead || c->freed) {
        return;
    }
    c->dead = true;
    chan_unwatch(c);
    buf_reset(&c->in);
    buf_reset(&c->out);
    for (int i = 0; i < c->call_count && !c->freed; i++) {
        struct chan_call *call = &c->calls[i];
        if (call->used && call->on_answer != NULL) {
            ipc_answer_fn *on_answer = call->on_answer;
            call->on_answer = NULL;
            /* The peer is gone already, so a complaint about its answer has no addressee. */
            (void)on_answer(call->arg, CB_ECLOSED, NULL);
        }
    }
    if (!c->freed) {
        c->handler->on_closed(c->arg, code);
    }
}

/* ---- reading ---- */

static int chan_answer(struct ipc_chan *c, struct ipc_in *in)
{
    uint32_t slot = in->call & CHAN_SLOT_MASK;
    uint32_t generation = in->call >> CHAN_SLOT_BITS;
    if (slot >= (uint32_t)c->call_count || !c->calls[slot].used || c->calls[slot].generation != generation) {
        return CB_ESTATE; /* an answer that nobody asked for */
    }
    struct chan_call *call = &c->calls[slot];
    ipc_answer_fn *on_answer = call->on_answer;
    void *arg = call->arg;
    call->used = false;
    call->on_answer = NULL;
    call->next_free = c->free_call;
    c->free_call = (int)slot;
    return on_answer != NULL ? on_answer(arg, 0, in) : 0;
}

static int chan_frame(struct ipc_chan *c, unsigned msg, uint32_t call, struct span payload)
{
    const struct ipc_msg_info *info = ipc_msg_info(msg);
    struct ipc_in in = {.msg = (enum ipc_msg)msg, .call = call, .payload = payload, .fd = -1};
    if (info->has_fd) {
        if (c->in_fd_count == 0) {
            return CB_EMALFORMED;
        }
        in.fd = c->in_fds[0];
        c->in_fd_count--;
        memmove(c->in_fds, c->in_fds + 1, c->in_fd_count * sizeof(c->in_fds[0]));
    }
    int r;
    switch (info->kind) {
    case IPC_KIND_ANSWER:
        r = chan_answer(c, &in);
        break;
    case IPC_KIND_REQUEST:
        r = call != 0 ? c->handler->on_message(c->arg, &in) : CB_EMALFORMED;
        break;
    default:
        r = call == 0 ? c->handler->on_message(c->arg, &in) : CB_EMALFORMED;
        break;
    }
    if (in.fd >= 0) {
        (void)close(in.fd);
    }
    return r;
}

/* Handles the whole frames at the start of `data` and returns what is left in *rest. */
static int chan_frames(struct ipc_chan *c, struct span data, struct span *rest)
{
    int r = 0;
    while (data.len >= IPC_FRAME_HEAD && c->reading && !c->dead && !c->freed) {
        struct reader head = reader_of(span_sub(data, 0, IPC_FRAME_HEAD));
        uint32_t len = reader_u32(&head);
        uint16_t msg = reader_u16(&head);
        uint32_t call = reader_u32(&head);
        if (!ipc_msg_permitted(msg, c->channel, c->peer, c->self)) {
            r = CB_EPERM;
            break;
        }
        if (len > ipc_msg_info(msg)->limit) {
            r = CB_ELIMIT;
            break;
        }
        if (data.len - IPC_FRAME_HEAD < len) {
            break;
        }
        struct span payload = span_sub(data, IPC_FRAME_HEAD, len);
        data = span_sub(data, IPC_FRAME_HEAD + len, SIZE_MAX);
        r = chan_frame(c, msg, call, payload);
        if (r != 0) {
            break;
        }
    }
    *rest = data;
    return r;
}

/* Handles what is in `in`. */
static int chan_process_kept(struct ipc_chan *c)
{
    size_t before = buf_len(&c->in);
    struct span rest;
    int r = chan_frames(c, buf_span(&c->in), &rest);
    if (!c->freed && !c->dead) {
        buf_consume(&c->in, before - rest.len);
        if (buf_len(&c->in) == 0 && c->in.capacity > CHAN_READ_SIZE) {
            buf_deinit(&c->in); /* a large message came; idle channels stay small */
        }
    }
    return r;
}

static int chan_process(struct ipc_chan *c, struct span data)
{
    int r;
    if (buf_len(&c->in) == 0) {
        struct span rest;
        r = chan_frames(c, data, &rest);
        if (r == 0 && !c->freed && !c->dead && rest.len != 0) {
            r = buf_append_span(&c->in, rest);
        }
    } else {
        r = buf_append_span(&c->in, data);
        if (r == 0) {
            r = chan_process_kept(c);
        }
    }
    return r;
}

static void chan_take_fds(struct ipc_chan *c, struct msghdr *m, int *error)
{
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(m); cm != NULL; cm = CMSG_NXTHDR(m, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
            if (c->in_fd_count < CHAN_FDS_MAX) {
                c->in_fds[c->in_fd_count++] = fd;
            } else {
                (void)close(fd);
                *error = CB_ELIMIT;
            }
        }
    }
    if ((m->msg_flags & MSG_CTRUNC) != 0) {
        *error = CB_ELIMIT;
    }
}

/* One read. CB_EAGAIN when there is nothing more now. */
static int chan_read_some(struct ipc_chan *c)
{
    struct iovec iov = {.iov_base = chan_read_buffer, .iov_len = sizeof(chan_read_buffer)};
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CHAN_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (c->descriptors) {
        /* Without room for control data the kernel throws descriptors away before they reach us. */
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
    }
    ssize_t got = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? CB_EAGAIN : errno == ECONNRESET ? CB_ECLOSED : -errno;
    }
    int r = 0;
    if (c->descriptors) {
        chan_take_fds(c, &m, &r);
    }
    if (got == 0) {
        return buf_len(&c->in) == 0 ? CB_ECLOSED : CB_ETRUNCATED;
    }
    if (r == 0) {
        r = chan_process(c, span_of(chan_read_buffer, (size_t)got));
    }
    if (c->sensitive) {
        explicit_bzero(chan_read_buffer, (size_t)got);
    }
    if (r == 0 && (size_t)got < sizeof(chan_read_buffer)) {
        return CB_EAGAIN;
    }
    return r;
}

static void chan_on_readable(struct ipc_chan *c)
{
    int r = 0;
    for (int i = 0; i < CHAN_READS_PER_TURN && r == 0 && c->reading && !c->dead && !c->freed; i++) {
        r = chan_read_some(c);
    }
    if (r != 0 && r != CB_EAGAIN) {
        chan_die(c, r);
    }
}

/* ---- writing ---- */

/* Writes as much as the kernel takes. A peer that is gone makes the channel broken; its end is noticed by reading, so
 * that what it said last is still heard. */
static void chan_write_out(struct ipc_chan *c)
{
    while (buf_len(&c->out) != 0 && !c->broken) {
        struct span data = buf_span(&c->out);
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {.bytes = {0}};
        struct iovec iov;
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
        bool with_fd = c->out_fd_count != 0 && c->out_fds[0].at == c->sent;
        size_t next_fd = with_fd ? 1 : 0;
        if (next_fd < c->out_fd_count && c->out_fds[next_fd].at - c->sent < data.len) {
            data.len = (size_t)(c->out_fds[next_fd].at - c->sent);
        }
        if (with_fd) {
            m.msg_control = control.bytes;
            m.msg_controllen = sizeof(control.bytes);
            struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
            cm->cmsg_level = SOL_SOCKET;
            cm->cmsg_type = SCM_RIGHTS;
            cm->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(cm), &c->out_fds[0].fd, sizeof(int));
        }
        iov = (struct iovec){.iov_base = (void *)(uintptr_t)data.ptr, .iov_len = data.len};
        ssize_t put = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno != EAGAIN) {
                c->broken = true;
            }
            break;
        }
        if (with_fd) {
            (void)close(c->out_fds[0].fd);
            c->out_fd_count--;
            memmove(c->out_fds, c->out_fds + 1, c->out_fd_count * sizeof(c->out_fds[0]));
        }
        c->sent += (uint64_t)put;
        buf_consume(&c->out, (size_t)put);
    }
    if (c->broken) {
        buf_reset(&c->out);
    }
    if (buf_len(&c->out) == 0 && c->out.capacity > IPC_CHAN_HIGH_WATER) {
        buf_deinit(&c->out);
    }
    if (buf_len(&c->out) > IPC_CHAN_HIGH_WATER) {
        c->full = true;
    }
}

/* After a write: may tell the owner that there is room again, and notices a dead peer that is not being read. */
static void chan_after_write(struct ipc_chan *c)
{
    if (c->broken && !c->reading) {
        chan_die(c, CB_ECLOSED);
    } else if (c->full && buf_len(&c->out) == 0 && !c->dead) {
        c->full = false;
        if (c->handler->on_drained != NULL) {
            c->handler->on_drained(c->arg);
        }
    }
    if (!c->freed) {
        chan_update_watch(c);
    }
}

static void chan_on_ready(void *arg, int events)
{
    struct ipc_chan *c = arg;
    chan_enter(c);
    if ((events & NET_WATCH_WRITE) != 0 && !c->dead) {
        chan_write_out(c);
        chan_after_write(c);
    }
    if ((events & NET_WATCH_READ) != 0 && !c->dead && !c->freed) {
        if (c->reading) {
            chan_on_readable(c);
        } else {
            c->read_watched = false;
            chan_update_watch(c);
        }
    }
    (void)chan_leave(c);
}

/* The end of a turn: frames that waited while reading was off, then one write for all that was sent. */
static void chan_turn(void *arg)
{
    struct ipc_chan *c = arg;
    chan_enter(c);
    if (c->reading && !c->dead && buf_len(&c->in) >= IPC_FRAME_HEAD) {
        int r = chan_process_kept(c);
        if (r != 0) {
            chan_die(c, r);
        }
    }
    if (!c->dead && !c->freed) {
        chan_write_out(c);
        chan_after_write(c);
    }
    (void)chan_leave(c);
}

/* ---- the interface ---- */

int ipc_chan_open(struct net_loop *loop, int fd, enum ipc_channel channel, enum ipc_role self,
                  enum ipc_role peer, bool descriptors, const struct ipc_chan_handler *handler, void *arg,
                  struct ipc_chan **out)
{
    struct sockaddr_storage address;
    socklen_t address_len = sizeof(address);
    int type = 0;
    socklen_t type_len = sizeof(type);
    if (getsockname(fd, (struct sockaddr *)&address, &address_len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0) {
        return -errno;
    }
    /* A descriptor that came from a less trusted role must be what it is said to be. */
    if (address.ss_family != AF_UNIX || type != SOCK_STREAM) {
        return CB_EINVAL;
    }
    struct ipc_chan *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return CB_ENOMEM;
    }
    *c = (struct ipc_chan){.loop = loop,
                           .fd = fd,
                           .channel = channel,
                           .self = self,
                           .peer = peer,
                           .descriptors = descriptors,
                           .handler = handler,
                           .arg = arg,
                           .free_call = -1,
                           .reading = true,
                           .read_watched = true};
    buf_init(&c->in, IPC_APPLY_MAX + CHAN_READ_SIZE + IPC_FRAME_HEAD);
    buf_init(&c->out, CHAN_OUT_MAX);
    unsigned roles = 1U << self | 1U << peer;
    if (channel == IPC_CHANNEL_PEER && roles == (IPC_VAULT | IPC_EGRESS)) {
        c->sensitive = true; /* the only edge on which a credential travels */
        buf_set_sensitive(&c->in);
        buf_set_sensitive(&c->out);
    }
    net_task_init(&c->turn, chan_turn, c);
    c->watch = net_watch_new(loop, fd, chan_on_ready, c);
    int r = c->watch != NULL ? net_watch_set(c->watch, NET_WATCH_READ) : CB_ENOMEM;
    if (r != 0) {
        chan_unwatch(c);
        free(c);
        return r;
    }
    *out = c;
    return 0;
}

void ipc_chan_free(struct ipc_chan *c)
{
    if (c == NULL || c->freed) {
        return;
    }
    if (!c->dead) {
        chan_write_out(c);
    }
    c->dead = true;
    c->freed = true;
    net_task_cancel(&c->turn);
    chan_unwatch(c);
    if (c->depth == 0) {
        chan_release(c);
    }
}

void ipc_chan_read(struct ipc_chan *c, bool on)
{
    if (c->reading == on || c->dead) {
        return;
    }
    c->reading = on;
    /* Most pauses end before anything comes, so the watch is left as it is, which costs nothing: a request is paused
     * twice. */
    if (on && !c->read_watched) {
        c->read_watched = true;
        chan_update_watch(c);
    }
    if (on && buf_len(&c->in) >= IPC_FRAME_HEAD) {
        net_task_post(c->loop, &c->turn);
    }
}

size_t ipc_chan_queued(const struct ipc_chan *c)
{
    return buf_len(&c->out);
}

bool ipc_chan_is_full(const struct ipc_chan *c)
{
    return c->full;
}

void ipc_chan_flush(struct ipc_chan *c)
{
    if (!c->dead) {
        chan_write_out(c);
        net_task_post(c->loop, &c->turn);
    }
}

enum ipc_role ipc_chan_peer(const struct ipc_chan *c)
{
    return c->peer;
}

/* Appends one frame to the queue, or leaves it as it was. */
static int chan_queue_frame(struct ipc_chan *c, enum ipc_msg msg, uint32_t call, ipc_put_fn *put,
                            const void *fields)
{
    size_t before = buf_len(&c->out);
    struct writer head = writer_to(&c->out);
    writer_u32(&head, 0);
    writer_u16(&head, (uint16_t)msg);
    writer_u32(&head, call);
    int r = writer_finish(&head);
    if (r == 0) {
        r = put(&c->out, fields);
    }
    size_t len = buf_len(&c->out) - before - (r == 0 ? IPC_FRAME_HEAD : 0);
    if (r == 0 && len > ipc_msg_info(msg)->limit) {
        r = CB_ELIMIT;
    }
    if (r != 0) {
        c->out.end = c->out.start + before;
        return r;
    }
    uint8_t *at = c->out.data + c->out.start + before;
    for (size_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(len >> (24 - 8 * i));
    }
    return 0;
}

int ipc_chan_send(struct ipc_chan *c, enum ipc_msg msg, uint32_t call, int fd, ipc_put_fn *put,
                  const void *fields)
{
    int r = 0;
    if (fd >= 0 && c->out_fd_count == CHAN_FDS_MAX && !c->dead) {
        chan_write_out(c); /* many in one turn */
    }
    if (c->dead || c->broken) {
        r = CB_ECLOSED;
    } else if (!ipc_msg_permitted(msg, c->channel, c->self, c->peer)) {
        r = CB_EPERM;
    } else if (fd >= 0 && c->out_fd_count == CHAN_FDS_MAX) {
        r = CB_EBUSY;
    } else {
        uint64_t at = c->sent + buf_len(&c->out);
        r = chan_queue_frame(c, msg, call, put, fields);
        if (r == 0 && fd >= 0) {
            c->out_fds[c->out_fd_count++] = (struct chan_out_fd){.at = at, .fd = fd};
            fd = -1;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (r == 0) {
        if (buf_len(&c->out) >= CHAN_READ_SIZE) {
            chan_write_out(c);
        }
        net_task_post(c->loop, &c->turn);
    }
    return r;
}

static int chan_slot(struct ipc_chan *c, uint32_t *slot)
{
    if (c->free_call >= 0) {
        *slot = (uint32_t)c->free_call;
        return 0;
    }
    if (c->call_count == IPC_CALLS_MAX) {
        return CB_EBUSY;
    }
    int count = c->call_count == 0 ? 8 : c->call_count * 2;
    struct chan_call *calls = reallocarray(c->calls, (size_t)count, sizeof(*calls));
    if (calls == NULL) {
        return CB_ENOMEM;
    }
    for (int i = c->call_count; i < count; i++) {
        calls[i] = (struct chan_call){.next_free = i + 1 < count ? i + 1 : -1};
    }
    c->free_call = c->call_count;
    c->calls = calls;
    c->call_count = count;
    *slot = (uint32_t)c->free_call;
    return 0;
}

int ipc_chan_call(struct ipc_chan *c, enum ipc_msg msg, ipc_put_fn *put, const void *fields,
                  ipc_answer_fn *on_answer, void *arg, uint32_t *call_out)
{
    uint32_t slot;
    int r = c->dead || c->broken ? CB_ECLOSED : chan_slot(c, &slot);
    if (r != 0) {
        return r;
    }
    struct chan_call *call = &c->calls[slot];
    /* Generation 0 is never used, so a call number is never 0. */
    uint32_t generation = (call->generation + 1) & (UINT32_MAX >> CHAN_SLOT_BITS);
    call->generation = generation != 0 ? generation : 1;
    uint32_t number = call->generation << CHAN_SLOT_BITS | slot;
    r = ipc_chan_send(c, msg, number, -1, put, fields);
    if (r != 0) {
        return r;
    }
    c->free_call = call->next_free;
    call->used = true;
    call->on_answer = on_answer;
    call->arg = arg;
    if (call_out != NULL) {
        *call_out = number;
    }
    return 0;
}

void ipc_call_cancel(struct ipc_chan *c, uint32_t number)
{
    uint32_t slot = number & CHAN_SLOT_MASK;
    if (slot < (uint32_t)c->call_count && c->calls[slot].used &&
        c->calls[slot].generation == number >> CHAN_SLOT_BITS) {
        c->calls[slot].on_answer = NULL;
    }
}

/* The typed senders and callers of every message. */
#define CHAN_PUT_ANY(NAME, lower, from, to, channel, kind, fd, limit) \
    static int chan_put_##lower(struct buf *out, const void *fields)  \
    {                                                                 \
        return ipc_put_##lower(out, fields);                          \
    }
IPC_MESSAGES(CHAN_PUT_ANY)

#define CHAN_SEND_IPC_NO_FD(NAME, lower)                                                      \
    int ipc_send_##lower(struct ipc_chan *c, uint32_t call, const struct ipc_##lower *fields) \
    {                                                                                         \
        return ipc_chan_send(c, IPC_MSG_##NAME, call, -1, chan_put_##lower, fields);          \
    }
#define CHAN_SEND_IPC_FD(NAME, lower)                                                                 \
    int ipc_send_##lower(struct ipc_chan *c, uint32_t call, const struct ipc_##lower *fields, int fd) \
    {                                                                                                 \
        return ipc_chan_send(c, IPC_MSG_##NAME, call, fd, chan_put_##lower, fields);                  \
    }
#define CHAN_SENDER(NAME, lower, from, to, channel, kind, fd, limit) CHAN_SEND_##fd(NAME, lower)
IPC_MESSAGES(CHAN_SENDER)

#define CHAN_CALL_EVENT(NAME, lower)
#define CHAN_CALL_ANSWER(NAME, lower)
#define CHAN_CALL_REQUEST(NAME, lower)                                                                   \
    int ipc_call_##lower(struct ipc_chan *c, const struct ipc_##lower *fields, ipc_answer_fn *on_answer, \
                         void *arg, uint32_t *call)                                                      \
    {                                                                                                    \
        return ipc_chan_call(c, IPC_MSG_##NAME, chan_put_##lower, fields, on_answer, arg, call);         \
    }
#define CHAN_CALLER(NAME, lower, from, to, channel, kind, fd, limit) CHAN_CALL_##kind(NAME, lower)
IPC_MESSAGES(CHAN_CALLER)

/* test_chan.c - channels over real socket pairs: order, calls, descriptors, back-pressure, and hostile peers. */
#include "ipc/chan.h"
#include "ipc/pair.h"
#include "support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end of a channel, and what came to it. */
struct end {
    struct net_loop *loop;
    struct ipc_chan *chan;
    int events;
    uint64_t last_total;
    uint64_t bytes;
    int closed_code;
    bool closed;
    bool drained;
    bool free_in_handler;
    int fd;
    int stop_after; /* events */
};

static int on_message(void *arg, struct ipc_in *in)
{
    struct end *e = arg;
    e->events++;
    switch (in->msg) {
    case IPC_MSG_REQUEST_END: {
        struct ipc_request_end m;
        int r = ipc_get_request_end(in->payload, &m);
        if (r != 0) {
            return r;
        }
        e->last_total = m.total;
        break;
    }
    case IPC_MSG_REQUEST_BODY: {
        struct ipc_request_body m;
        int r = ipc_get_request_body(in->payload, &m);
        if (r != 0) {
            return r;
        }
        e->bytes += m.data.len;
        break;
    }
    case IPC_MSG_CONNECTION:
        e->fd = in->fd;
        in->fd = -1;
        break;
    case IPC_MSG_LEAF_SIGN: {
        struct ipc_leaf_sign m;
        int r = ipc_get_leaf_sign(in->payload, &m);
        if (r != 0) {
            return r;
        }
        struct ipc_leaf answer = {.denial = span_eq_str(m.host, "denied.example"), .cert = m.host};
        r = ipc_send_leaf(e->chan, in->call, &answer);
        if (r != 0) {
            return r;
        }
        break;
    }
    default:
        return CB_EPERM;
    }
    if (e->free_in_handler) {
        ipc_chan_free(e->chan);
        e->chan = NULL;
    }
    if (e->events == e->stop_after) {
        net_loop_stop(e->loop);
    }
    return 0;
}

static void on_closed(void *arg, int code)
{
    struct end *e = arg;
    e->closed = true;
    e->closed_code = code;
    net_loop_stop(e->loop);
}

static void on_drained(void *arg)
{
    struct end *e = arg;
    e->drained = true;
    net_loop_stop(e->loop);
}

static const struct ipc_chan_handler handler = {
    .on_message = on_message, .on_closed = on_closed, .on_drained = on_drained};

static bool open_end(struct end *e, struct net_loop *loop, int fd, enum ipc_channel channel,
                     enum ipc_role self, enum ipc_role peer, bool descriptors)
{
    *e = (struct end){.loop = loop, .fd = -1};
    return CHECK_EQ_INT(ipc_chan_open(loop, fd, channel, self, peer, descriptors, &handler, e, &e->chan), 0);
}

/* A gate and an egress with a stream between them. */
struct fixture {
    struct net_loop *loop;
    struct end gate;
    struct end egress;
};

static bool fixture_open(struct fixture *f, enum ipc_channel channel, enum ipc_role a, enum ipc_role b)
{
    int fds[2];
    f->loop = net_loop_new();
    return CHECK(f->loop != NULL) && CHECK_EQ_INT(ipc_pair(fds), 0) &&
           open_end(&f->gate, f->loop, fds[0], channel, a, b, channel == IPC_CHANNEL_PEER) &&
           open_end(&f->egress, f->loop, fds[1], channel, b, a, channel == IPC_CHANNEL_PEER);
}

static void fixture_close(struct fixture *f)
{
    ipc_chan_free(f->gate.chan);
    ipc_chan_free(f->egress.chan);
    net_loop_free(f->loop);
}

TEST(messages_arrive_in_order)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_STREAM, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        CHECK_EQ_INT(ipc_send_request_end(f.gate.chan, 0, &(struct ipc_request_end){.total = i}), 0);
    }
    f.egress.stop_after = 1000;
    net_loop_run(f.loop);
    CHECK_EQ_INT(f.egress.events, 1000);
    CHECK_EQ_INT(f.egress.last_total, 1000);
    fixture_close(&f);
}

TEST(large_bodies_push_back_and_drain)
{
    static uint8_t block[IPC_BODY_MAX];
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_STREAM, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    ipc_chan_read(f.egress.chan, false);
    uint64_t sent = 0;
    while (!ipc_chan_is_full(f.gate.chan) && sent < 64 * sizeof(block)) {
        if (!CHECK_EQ_INT(
                ipc_send_request_body(f.gate.chan, 0,
                                      &(struct ipc_request_body){.data = span_of(block, sizeof(block))}),
                0)) {
            break;
        }
        sent += sizeof(block);
    }
    CHECK(ipc_chan_is_full(f.gate.chan));
    CHECK(ipc_chan_queued(f.gate.chan) > IPC_CHAN_HIGH_WATER);
    ipc_chan_read(f.egress.chan, true);
    net_loop_run(f.loop); /* until drained */
    CHECK(f.gate.drained);
    CHECK(!ipc_chan_is_full(f.gate.chan));
    f.egress.stop_after = (int)(sent / sizeof(block));
    if (f.egress.events < f.egress.stop_after) {
        net_loop_run(f.loop);
    }
    CHECK(f.egress.bytes == sent);
    fixture_close(&f);
}

struct answer {
    struct net_loop *loop;
    int code;
    int count;
    bool denial;
};

static int on_leaf(void *arg, int code, const struct ipc_in *in)
{
    struct answer *a = arg;
    a->code = code;
    a->count++;
    if (code == 0) {
        struct ipc_leaf m;
        int r = in->msg == IPC_MSG_LEAF ? ipc_get_leaf(in->payload, &m) : CB_EMALFORMED;
        if (r != 0) {
            return r;
        }
        a->denial = m.denial;
    }
    net_loop_stop(a->loop);
    return 0;
}

TEST(a_call_is_answered)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_VAULT)) {
        return;
    }
    struct answer a = {.loop = f.loop};
    struct ipc_leaf_sign m = {.host = SPAN_LIT("denied.example")};
    uint32_t call = 0;
    CHECK_EQ_INT(ipc_call_leaf_sign(f.gate.chan, &m, on_leaf, &a, &call), 0);
    CHECK(call != 0);
    net_loop_run(f.loop);
    CHECK_EQ_INT(a.count, 1);
    CHECK_EQ_INT(a.code, 0);
    CHECK(a.denial);
    fixture_close(&f);
}

TEST(a_cancelled_call_stays_silent)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_VAULT)) {
        return;
    }
    struct answer first = {.loop = f.loop};
    struct answer second = {.loop = f.loop};
    struct ipc_leaf_sign m = {.host = SPAN_LIT("a.example")};
    uint32_t call;
    CHECK_EQ_INT(ipc_call_leaf_sign(f.gate.chan, &m, on_leaf, &first, &call), 0);
    CHECK_EQ_INT(ipc_call_leaf_sign(f.gate.chan, &m, on_leaf, &second, NULL), 0);
    ipc_call_cancel(f.gate.chan, call);
    net_loop_run(f.loop);
    CHECK_EQ_INT(first.count, 0);
    CHECK_EQ_INT(second.count, 1);
    fixture_close(&f);
}

TEST(open_calls_are_told_of_the_peers_death)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_VAULT)) {
        return;
    }
    struct answer a[50];
    struct ipc_leaf_sign m = {.host = SPAN_LIT("a.example")};
    for (size_t i = 0; i < 50; i++) {
        a[i] = (struct answer){.loop = f.loop};
        CHECK_EQ_INT(ipc_call_leaf_sign(f.gate.chan, &m, on_leaf, &a[i], NULL), 0);
    }
    ipc_chan_free(f.egress.chan);
    f.egress.chan = NULL;
    while (!f.gate.closed) {
        net_loop_run(f.loop);
    }
    for (size_t i = 0; i < 50; i++) {
        CHECK_EQ_INT(a[i].count, 1);
        CHECK_EQ_INT(a[i].code, CB_ECLOSED);
    }
    CHECK_EQ_INT(ipc_call_leaf_sign(f.gate.chan, &m, on_leaf, &a[0], NULL), CB_ECLOSED);
    fixture_close(&f);
}

TEST(descriptors_travel_with_their_message)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    int pipes[3][2];
    for (int i = 0; i < 3; i++) {
        if (!CHECK_EQ_INT(pipe2(pipes[i], O_CLOEXEC), 0)) {
            return;
        }
        CHECK_EQ_INT(ipc_send_refused(f.gate.chan, 0, &(struct ipc_refused){.request_id = SPAN_EMPTY}), 0);
        CHECK_EQ_INT(ipc_send_connection(f.gate.chan, 0, &(struct ipc_connection){.serial = 1}, pipes[i][1]),
                     0);
    }
    /* The handler refuses REFUSED, so use only what it knows: a fresh pair without it. */
    fixture_close(&f);
    if (!fixture_open(&f, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        (void)close(pipes[i][0]);
        if (!CHECK_EQ_INT(pipe2(pipes[i], O_CLOEXEC), 0)) {
            return;
        }
        f.egress.stop_after = i + 1;
        CHECK_EQ_INT(ipc_send_connection(f.gate.chan, 0, &(struct ipc_connection){.serial = 1}, pipes[i][1]),
                     0);
        net_loop_run(f.loop);
        if (CHECK(f.egress.fd >= 0)) {
            char byte = 0;
            CHECK_EQ_INT(write(f.egress.fd, "!", 1), 1);
            CHECK_EQ_INT(read(pipes[i][0], &byte, 1), 1);
            CHECK_EQ_INT(byte, '!');
            CHECK((fcntl(f.egress.fd, F_GETFD) & FD_CLOEXEC) != 0);
            (void)close(f.egress.fd);
        }
        (void)close(pipes[i][0]);
    }
    fixture_close(&f);
}

TEST(freeing_inside_a_handler)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_STREAM, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    f.egress.free_in_handler = true;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(ipc_send_request_end(f.gate.chan, 0, &(struct ipc_request_end){.total = 7}), 0);
    }
    net_loop_run(f.loop); /* until the gate sees the end */
    CHECK_EQ_INT(f.egress.events, 1);
    CHECK(f.gate.closed);
    fixture_close(&f);
}

/* ---- a hostile peer: raw bytes against a channel ---- */

static int expect_death(enum ipc_channel channel, enum ipc_role self, enum ipc_role peer, const void *bytes,
                        size_t len, bool then_close)
{
    int fds[2];
    struct end e;
    struct net_loop *loop = net_loop_new();
    if (!CHECK(loop != NULL) || !CHECK_EQ_INT(ipc_pair(fds), 0) ||
        !open_end(&e, loop, fds[0], channel, self, peer, false)) {
        return 0;
    }
    CHECK_EQ_INT(write(fds[1], bytes, len), (long)len);
    if (then_close) {
        (void)close(fds[1]);
    }
    net_loop_run(loop);
    CHECK(e.closed);
    ipc_chan_free(e.chan);
    if (!then_close) {
        (void)close(fds[1]);
    }
    net_loop_free(loop);
    return e.closed_code;
}

static size_t frame(uint8_t *out, uint32_t len, unsigned msg, uint32_t call)
{
    uint8_t head[IPC_FRAME_HEAD] = {(uint8_t)(len >> 24),  (uint8_t)(len >> 16),  (uint8_t)(len >> 8),
                                    (uint8_t)len,          (uint8_t)(msg >> 8),   (uint8_t)msg,
                                    (uint8_t)(call >> 24), (uint8_t)(call >> 16), (uint8_t)(call >> 8),
                                    (uint8_t)call};
    memcpy(out, head, sizeof(head));
    return sizeof(head);
}

TEST(a_bad_frame_costs_the_sender_its_connection)
{
    uint8_t bytes[64] = {0};
    const enum ipc_channel stream = IPC_CHANNEL_STREAM;
    /* a number that is no message */
    size_t len = frame(bytes, 0, 60000, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len, false), CB_EPERM);
    /* one for another channel, and one in the wrong direction */
    len = frame(bytes, 0, IPC_MSG_UNSEAL, 1);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len, false), CB_EPERM);
    len = frame(bytes, 8, IPC_MSG_RESPONSE_END, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 8, false), CB_EPERM);
    /* over its limit: refused at the head, before the payload comes */
    len = frame(bytes, 17, IPC_MSG_REQUEST_END, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len, false), CB_ELIMIT);
    len = frame(bytes, UINT32_MAX, IPC_MSG_REQUEST_BODY, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len, false), CB_ELIMIT);
    /* too short for its fields, and too long */
    len = frame(bytes, 3, IPC_MSG_REQUEST_END, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 3, false), CB_ETRUNCATED);
    len = frame(bytes, 9, IPC_MSG_REQUEST_END, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 9, false), CB_ETRAILING);
    /* an event with a call number, a request without one, an answer that nobody asked for */
    len = frame(bytes, 8, IPC_MSG_REQUEST_END, 5);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 8, false), CB_EMALFORMED);
    memset(bytes, 0, sizeof(bytes));
    len = frame(bytes, 8, IPC_MSG_LEAF_SIGN, 0);
    CHECK_EQ_INT(expect_death(IPC_CHANNEL_PEER, IPC_ROLE_VAULT, IPC_ROLE_GATE, bytes, len + 8, false),
                 CB_EMALFORMED);
    len = frame(bytes, 16, IPC_MSG_AUDIT_STORED, 4096);
    CHECK_EQ_INT(expect_death(IPC_CHANNEL_PEER, IPC_ROLE_EGRESS, IPC_ROLE_STORE, bytes, len + 16, false),
                 CB_ESTATE);
    /* a message that must bring a descriptor and brings none */
    len = frame(bytes, 8, IPC_MSG_CONNECTION, 0);
    CHECK_EQ_INT(expect_death(IPC_CHANNEL_PEER, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 8, false),
                 CB_EMALFORMED);
    /* cut in the middle of a frame */
    len = frame(bytes, 8, IPC_MSG_REQUEST_END, 0);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, len + 3, true), CB_ETRUNCATED);
    CHECK_EQ_INT(expect_death(stream, IPC_ROLE_EGRESS, IPC_ROLE_GATE, bytes, 4, true), CB_ETRUNCATED);
}

TEST(what_the_table_forbids_cannot_be_sent)
{
    struct fixture f;
    if (!fixture_open(&f, IPC_CHANNEL_STREAM, IPC_ROLE_GATE, IPC_ROLE_EGRESS)) {
        return;
    }
    CHECK_EQ_INT(ipc_send_response_end(f.gate.chan, 0, &(struct ipc_response_end){.total = 1}), CB_EPERM);
    CHECK_EQ_INT(ipc_send_stop(f.gate.chan, 0, &(struct ipc_stop){.grace_ms = 1}), CB_EPERM);
    CHECK_EQ_INT(ipc_chan_queued(f.gate.chan), 0);
    fixture_close(&f);
}

TEST(only_unix_stream_sockets_are_channels)
{
    struct net_loop *loop = net_loop_new();
    struct ipc_chan *chan = NULL;
    int pipe_fds[2];
    int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int datagrams[2];
    CHECK_EQ_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
    CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams), 0);
    int bad[] = {pipe_fds[0], inet, datagrams[0]};
    for (size_t i = 0; i < 3; i++) {
        CHECK(ipc_chan_open(loop, bad[i], IPC_CHANNEL_STREAM, IPC_ROLE_EGRESS, IPC_ROLE_GATE, false, &handler,
                            NULL, &chan) != 0);
    }
    CHECK(chan == NULL);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    (void)close(inet);
    (void)close(datagrams[0]);
    (void)close(datagrams[1]);
    net_loop_free(loop);
}

TEST_MAIN()

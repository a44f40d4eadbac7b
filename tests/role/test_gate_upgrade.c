/* test_gate_upgrade.c - the rest of test_gate: a connection that becomes a WebSocket, and those that only try to. */
#include "role/gate_stage.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define ASK                                                                                          \
    "GET /chat HTTP/1.1\r\nHost: plain.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n"
#define GIVEN                                                                                         \
    "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " ACCEPT "\r\nConnection: Upgrade\r\n" \
    "Upgrade: websocket\r\n\r\n"

static void give(struct stage_stream *st)
{
    stream_head(st, 101, HTTP_FRAMING_NONE, 0, "Sec-WebSocket-Accept", ACCEPT);
    st->begun++; /* the request is open again */
}

static void expect_bytes(struct client *c, struct span want)
{
    UNTIL(c->stage, buf_len(&c->got) >= want.len || client_is_over(c));
    CHECK_EQ_BYTES(buf_span(&c->got).ptr, buf_len(&c->got), want.ptr, want.len);
    buf_consume(&c->got, buf_len(&c->got));
}

TEST(a_connection_becomes_a_websocket)
{
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < 3; i++) {
        struct client *c = i == 0 ? client_clear(s) : client_unix(s);
        if (i == 1) {
            client_text(c, "GET http://plain.example.com/chat HTTP/1.1" /* in absolute form */);
            client_text(c, &ASK[sizeof("GET /chat HTTP/1.1") - 1]);
        } else if (i == 2) {
            client_tunnel(c, API);
            CHECK(client_tls(c, "api.example.com"));
            client_text(c, "GET /chat HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\n"
                           "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
                           "\r\n\r\n");
        } else {
            client_text(c, ASK);
        }
        client_text(c, "early"); /* frames should not come yet; if they do, they wait */
        struct stage_stream *st = egress_request(s, i, 1);
        CHECK(st->request.websocket);
        CHECK_EQ_STR(request_field(st, "Sec-WebSocket-Key"), KEY);
        CHECK_EQ_UINT(buf_len(&st->body), 0);
        give(st);
        expect_bytes(c, SPAN_LIT(GIVEN));
        UNTIL(s, buf_len(&st->body) == 5);
        stream_body(st, SPAN_LIT("\x81\x02hi"));
        expect_bytes(c, SPAN_LIT("\x81\x02hi"));
        client_text(c, "GET /smuggled HTTP/1.1\r\n\r\n"); /* bytes like others */
        UNTIL(s, buf_len(&st->body) == 5 + 26);
        CHECK_EQ_UINT(st->begun, 2);
        CHECK_EQ_UINT(st->ended, 1);
        stream_end(st, 4);
        UNTIL(s, client_is_over(c) && st->closed);
        CHECK_EQ_UINT(buf_len(&c->got), 0);
        CHECK(i != 2 || c->tls_closed);
        client_free(c);
    }
    CHECK_EQ_UINT(s->egress.refused, 0);
    stage_end(s);
}

/* The agent's end reaches egress, whose end is then the agent's. */
TEST(an_agent_ends_a_websocket)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, ASK);
    struct stage_stream *st = egress_request(s, 0, 1);
    give(st);
    expect_bytes(c, SPAN_LIT(GIVEN));
    client_text(c, "bye");
    net_conn_shutdown(c->conn);
    UNTIL(s, st->ended == 2);
    CHECK_EQ_UINT(st->end_total, 3);
    CHECK(!client_is_over(c));
    stream_end(st, 0);
    UNTIL(s, client_is_over(c) && st->closed);
    client_free(c);
    stage_end(s);
}

TEST(a_websocket_that_is_refused_is_a_request)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, ASK "GET /next HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK(st->request.websocket);
    stream_reply(st, 403, "no");
    expect_answer(c, 403, "no");
    (void)egress_request(s, 0, 2);
    CHECK(!st->request.websocket);
    CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/next", 5);
    stream_reply(st, 200, "yes");
    expect_answer(c, 200, "yes");
    client_free(c);
    stage_end(s);
}

/* What egress may not say: a 101 to somebody who asked for none, or for less than all of it; one with a length; bytes after the end. */
TEST(hostile_switches_cost_one_connection)
{
    static const char *const asks[] = {
        "GET /chat HTTP/1.1\r\nHost: plain.example.com\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: plain.example.com\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: plain.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ASK,
    };
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        struct client *c = client_clear(s);
        client_text(c, asks[i]);
        struct stage_stream *st = egress_request(s, i, 1);
        bool asked = i == 3;
        CHECK_EQ_INT(st->request.websocket, asked);
        if (asked) {
            stream_head(st, 101, HTTP_FRAMING_LENGTH, 5, "Sec-WebSocket-Accept", ACCEPT);
        } else {
            give(st);
        }
        UNTIL(s, st->closed);
        expect_last_answer(c, 503);
        client_free(c);
    }
    stage_end(s);
}

/* Egress takes nothing: neither does the gate, beyond what sockets hold. */
TEST(a_websocket_is_held_up)
{
    enum { TOTAL = 16 * 1024 * 1024 };
    static uint8_t bytes[TOTAL];
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, ASK);
    struct stage_stream *st = egress_request(s, 0, 1);
    give(st);
    expect_bytes(c, SPAN_LIT(GIVEN));
    struct client *other = client_clear(s);
    client_text(other, "GET / HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *by = egress_request(s, 1, 1);
    stream_reply(by, 200, "");
    expect_answer(other, 200, "");
    ipc_chan_read(st->chan, false);
    client_send(c, span_of(bytes, TOTAL));
    size_t moved = SIZE_MAX;
    for (unsigned still = 0; still < 50;) {
        round_trip(other, by);
        size_t now = net_conn_queued(c->conn);
        still = now == moved ? still + 1 : 0;
        moved = now;
    }
    CHECK(moved > TOTAL / 2);
    ipc_chan_read(st->chan, true);
    UNTIL(s, buf_len(&st->body) == TOTAL);
    CHECK(st->largest_part <= IPC_BODY_MAX);
    client_free(c);
    client_free(other);
    stage_end(s);
}

/* test_egress_websocket.c - the rest of test_egress: WebSockets, what only pretends to be one, and how they end. */
#include "egress_stage.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* of RFC 6455, 1.3, and the answer to it */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define SWITCH                                                                          \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n"

static struct egress_ask ask_socket(void)
{
    struct egress_ask q = egress_get("/v1/x");
    q.socket_key = KEY;
    return q;
}

/* One that stands, to the route with a credential or the one without. */
static struct egress_provider *open_socket(struct egress_stage *t, struct egress_stream *st, bool credential)
{
    struct egress_ask q = ask_socket();
    size_t providers = t->provider_count;
    if (!credential) {
        q.host = "open.example.com";
        q.auth = NULL;
    }
    t->answer = SWITCH;
    egress_stream_open(t, st);
    egress_ask(st, &q);
    EGRESS_UNTIL(t, st->status != 0);
    CHECK_EQ_UINT(st->status, 101);
    CHECK_EQ_UINT(t->provider_count, providers + 1);
    return t->providers[providers];
}

static void expect_down(struct egress_stream *st, struct span want)
{
    EGRESS_UNTIL(st->t, st->body_len >= want.len);
    CHECK_EQ_BYTES(buf_span(&st->body).ptr, buf_len(&st->body), want.ptr, want.len);
    buf_reset(&st->body);
    st->body_len = 0;
}

TEST(a_websocket_goes_both_ways)
{
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    for (size_t i = 0; i < 2; i++) {
        bool credential = i == 0;
        struct egress_stream st;
        struct egress_provider *p = open_socket(t, &st, credential);
        CHECK_EQ_STR(t->notes, credential ? "UDSCR" : "DSCR"); /* durable before anybody is connected to */
        CHECK(egress_provider_got(p, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
        CHECK(egress_provider_got(p, "\r\nSec-WebSocket-Key: " KEY "\r\n"));
        CHECK(egress_provider_got(p, BEARER_REAL) == credential);
        CHECK(egress_provider_got(p, "permessage-deflate") == !credential);
        egress_send_bytes(&st, SPAN_LIT("\x81\x82\0\0\0\0hi"));
        egress_send_bytes(&st, SPAN_LIT("\x89\x80\1\2\3\4"));
        EGRESS_UNTIL(t, egress_provider_got(p, "\x89\x80\1\2\3\4"));
        egress_provider_send(p, SPAN_LIT("\x81\x03yes"));
        expect_down(&st, SPAN_LIT("\x81\x03yes"));
        /* The end of either side is the end of both. */
        if (credential) {
            egress_send_end(&st, 0);
        } else {
            egress_provider_close(p);
        }
        EGRESS_UNTIL(t, st.ended && t->outcome_count == i + 1);
        EGRESS_UNTIL(t, !credential || p->closed);
        CHECK_EQ_INT(t->outcomes[i].reason, POLICY_REASON_ROUTE);
        CHECK_EQ_UINT(t->outcomes[i].status, 101);
        CHECK_EQ_UINT(t->outcomes[i].request_bytes, 14);
        CHECK_EQ_UINT(t->outcomes[i].response_bytes, 5);
        egress_stream_close(&st);
        t->note_count = 0;
        memset(t->notes, 0, sizeof(t->notes));
    }
    egress_stage_end(t);
}

TEST(the_credential_is_taken_out_of_frames)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    struct egress_provider *p = open_socket(t, &st, true);
    _Static_assert(sizeof(ALICE_KEY) - 1 == 0x1a, "the length in the frame");
    egress_provider_send(p, SPAN_LIT("\x81\x1a" ALICE_KEY));
    struct buf want;
    buf_init(&want, 64);
    CHECK_EQ_INT(buf_append(&want, "\x81\x1a", 2), 0);
    CHECK_EQ_INT(buf_append(&want, ALICE_PH, 0x1a), 0);
    expect_down(&st, buf_span(&want));
    buf_deinit(&want);
    /* Compressed: it could be in there. */
    egress_provider_send(p, SPAN_LIT("\xc1\x02hi"));
    EGRESS_UNTIL(t, st.aborted && t->outcome_count == 1);
    CHECK_EQ_INT(st.abort_reason, POLICY_REASON_UPSTREAM_RESPONSE);
    CHECK_EQ_UINT(st.body_len, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(an_answer_that_switches_to_something_else_is_refused)
{
    static const char *const bad[] = {
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: " KEY "\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    };
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q = ask_socket();
    egress_stage_serve(t);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct egress_stream st;
        t->answer = bad[i];
        egress_stream_open(t, &st);
        egress_ask(&st, &q);
        egress_expect(&st, POLICY_REASON_UPSTREAM_RESPONSE);
        EGRESS_UNTIL(t, t->outcome_count == i + 1 && t->providers[i]->closed);
        egress_stream_close(&st);
    }
    egress_stage_end(t);
}

/* No other answer opens anything, and the stream and the connection serve on as after any request. */
TEST(an_answer_that_is_no_switch_is_an_answer)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_socket();
    egress_stage_serve(t);
    t->answer = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno";
    egress_stream_open(t, &st);
    for (size_t i = 0; i < 2; i++) {
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended);
        CHECK_EQ_UINT(st.status, 403);
        CHECK_EQ_BYTES(buf_span(&st.body).ptr, buf_len(&st.body), "no", 2);
    }
    CHECK_EQ_UINT(t->provider_count, 1);
    /* The permission to switch was for that request. */
    t->answer = SWITCH;
    q.socket_key = NULL;
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_UPSTREAM_RESPONSE);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* The route to the TLS host does not say so: the request is an ordinary one there. */
TEST(a_route_that_does_not_say_so_asks_for_none)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_socket();
    q.scheme = SPEC_SCHEME_HTTPS;
    q.host = TLS_HOST;
    q.port = 443;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    CHECK(!egress_provider_got(t->providers[0], "Upgrade"));
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_hostile_gate_cannot_ask_for_half_of_it)
{
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    for (size_t i = 0; i < 4; i++) {
        struct egress_stream st;
        struct egress_ask q = ask_socket();
        if (i == 0) {
            q.socket_key = "short";
        } else if (i == 1) {
            q.method = "POST";
        } else if (i == 2) {
            q.framing = HTTP_FRAMING_CHUNKED;
        } else {
            q.extra_name = "Sec-WebSocket-Version";
            q.extra_value = "8";
        }
        egress_stream_open(t, &st);
        egress_ask(&st, &q);
        egress_expect(&st, POLICY_REASON_BAD_REQUEST);
        egress_stream_close(&st);
    }
    CHECK_EQ_UINT(t->provider_count, 0);
    /* Bytes before the switch, and after the end. */
    for (size_t i = 0; i < 2; i++) {
        struct egress_stream st;
        struct egress_ask q = ask_socket();
        t->mode = i == 0 ? PROVIDER_SILENT : PROVIDER_ANSWERS;
        t->answer = SWITCH;
        egress_stream_open(t, &st);
        egress_ask(&st, &q);
        if (i == 0) {
            (void)egress_provider_with(t, 0, 1);
        } else {
            EGRESS_UNTIL(t, st.status == 101);
            egress_send_end(&st, 0);
        }
        egress_send_body(&st, "x");
        EGRESS_UNTIL(t, st.closed);
        egress_stream_close(&st);
    }
    egress_stage_end(t);
}

TEST(a_websocket_that_is_silent_or_not_allowed_any_more_is_cut)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    struct egress_provider *p = open_socket(t, &st, true);
    stage_advance(&t->s, 9 * 60 * 1000);
    egress_provider_send(p, SPAN_LIT("\x89\x00")); /* a ping is enough */
    expect_down(&st, SPAN_LIT("\x89\x00"));
    stage_advance(&t->s, 9 * 60 * 1000);
    egress_send_bytes(&st, SPAN_LIT("\x8a\x80\0\0\0\0"));
    egress_settle(t);
    stage_advance(&t->s, 9 * 60 * 1000);
    egress_settle(t);
    CHECK(!st.aborted);
    stage_advance(&t->s, 60 * 1000);
    egress_settle(t);
    EGRESS_UNTIL(t, st.aborted && p->closed);
    CHECK_EQ_INT(st.abort_reason, POLICY_REASON_UPSTREAM_TIMEOUT);
    egress_stream_close(&st);

    static const enum policy_reason reasons[] = {POLICY_REASON_NO_ROUTE_METHOD,
                                                 POLICY_REASON_CREDENTIAL_NOT_SET, POLICY_REASON_NO_ROUTE};
    for (size_t i = 0; i < 3; i++) {
        t->answer = SWITCH;
        p = open_socket(t, &st, true);
        t->key_version++; /* another value of the credential is no reason */
        egress_reload(t);
        egress_provider_send(p, SPAN_LIT("\x81\x02ok"));
        expect_down(&st, SPAN_LIT("\x81\x02ok"));
        struct spec_route *plain = &t->spec->routes[0];
        uint64_t version = t->key_version;
        if (i == 0) {
            plain->websocket = false;
        } else if (i == 1) {
            t->key_version = 0;
        } else {
            plain->host[0] = 'q';
        }
        egress_reload(t);
        EGRESS_UNTIL(t, st.aborted && p->closed);
        CHECK_EQ_INT(st.abort_reason, reasons[i]);
        CHECK_EQ_INT(t->outcomes[t->outcome_count - 1].reason, reasons[i]);
        egress_stream_close(&st);
        plain->websocket = true;
        plain->host[0] = 'p';
        t->key_version = version;
        egress_reload(t);
    }
    egress_stage_end(t);
}

/* What the provider does not take is not asked of the gate, and the other way round. */
TEST(back_pressure_holds_both_ways)
{
    enum { PART = 60 * 1024, TOTAL = 24 * 1024 * 1024 };
    static uint8_t part[PART];
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    struct egress_provider *p = open_socket(t, &st, false);
    net_conn_read(p->conn, false);
    ipc_chan_read(st.chan, false);
    for (size_t up = 0; up < TOTAL; up += PART) {
        egress_send_bytes(&st, span_of(part, PART));
        CHECK_EQ_INT(net_conn_write(p->conn, span_of(part, PART)), 0);
    }
    size_t moved = SIZE_MAX;
    for (size_t still = 0; still < 5;) {
        egress_settle(t);
        t->decision_count = 0;
        size_t now = ipc_chan_queued(st.chan) + net_conn_queued(p->conn);
        still = now == moved ? still + 1 : 0;
        moved = now;
    }
    CHECK(ipc_chan_queued(st.chan) > TOTAL / 2);
    CHECK(net_conn_queued(p->conn) > TOTAL / 2);
    buf_deinit(&p->in);
    buf_init(&p->in, SIZE_MAX);
    net_conn_read(p->conn, true);
    ipc_chan_read(st.chan, true);
    const size_t whole = (TOTAL + PART - 1) / PART * (size_t)PART;
    EGRESS_UNTIL(t, buf_len(&p->in) == whole && st.body_len == whole);
    egress_stream_close(&st);
    egress_stage_end(t);
}

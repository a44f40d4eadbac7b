/* test_gate_life.c - the role gate when things go slowly, go wrong, or end. */
#include "role/gate_stage.h"

#include <sys/socket.h>
#include <unistd.h>

#define MEBI ((size_t)1024 * 1024)
#define HEAD "GET / HTTP/1.1\r\nHost: plain.example.com\r\n"

/* Makes rounds through another connection until what waits here has not moved for fifty of them: the gate, which served
 * all of these, takes no more. */
#define UNTIL_STILL(waiting_, other_, stream_)                                 \
    do {                                                                       \
        size_t last_ = (waiting_);                                             \
        for (unsigned still_ = 0; still_ < 50 && !(other_)->stage->overdue;) { \
            round_trip((other_), (stream_));                                   \
            still_ = (waiting_) == last_ ? still_ + 1 : 0;                     \
            last_ = (waiting_);                                                \
        }                                                                      \
    } while (0)

/* A second connection and its stream, which is number 0. */
static struct client *bystander(struct stage *s, struct stage_stream **st)
{
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\n");
    *st = egress_request(s, 0, 1);
    stream_reply(*st, 200, "");
    expect_answer(c, 200, "");
    return c;
}

static struct span zeroes(size_t size)
{
    static uint8_t bytes[32 * 1024 * 1024];
    return span_of(bytes, size);
}

/* ---- back-pressure ---- */

TEST(egress_does_not_read)
{
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    s->egress.no_reading = true;
    struct client *c = client_clear(s);
    client_text(c, "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 33554432\r\n\r\n");
    client_send(c, zeroes(32 * MEBI));
    struct stage_stream *st = egress_stream(s, 1);
    UNTIL_STILL(net_conn_queued(c->conn), other, by);
    CHECK(net_conn_queued(c->conn) > 30 * MEBI);
    ipc_chan_read(st->chan, true);
    (void)egress_request(s, 1, 1);
    CHECK_EQ_UINT(st->end_total, 32 * MEBI);
    CHECK_EQ_UINT(buf_len(&st->body), 32 * MEBI);
    stream_reply(st, 200, "all of it");
    expect_answer(c, 200, "all of it");
    client_free(c);
    client_free(other);
    stage_end(s);
}

TEST(the_agent_does_not_read)
{
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    for (unsigned tls = 0; tls < 2; tls++) {
        struct client *c = client_unix(s);
        client_tunnel(c, tls ? API : PLAIN);
        CHECK(!tls || client_tls(c, "api.example.com"));
        client_text(c, tls ? "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n" : HEAD "\r\n");
        struct stage_stream *st = egress_request(s, 1 + tls, 1);
        net_conn_read(c->conn, false);
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 24 * MEBI, NULL, NULL);
        for (size_t sent = 0; sent < 24 * MEBI; sent += IPC_BODY_MAX) {
            stream_body(st, zeroes(IPC_BODY_MAX));
        }
        stream_end(st, 24 * MEBI);
        UNTIL_STILL(ipc_chan_queued(st->chan), other, by);
        CHECK(ipc_chan_queued(st->chan) > 22 * MEBI);
        net_conn_read(c->conn, true);
        struct answer a;
        answer_init(&a);
        client_answer(c, &a);
        CHECK(a.complete);
        CHECK_EQ_UINT(buf_len(&a.body), 24 * MEBI);
        answer_deinit(&a);
        client_free(c);
    }
    client_free(other);
    stage_end(s);
}

/* Refusals are made by the gate itself; who does not read them gets no more of them. */
TEST(refusals_that_nobody_reads)
{
    enum { COUNT = 20000 };
    static const char request[] = "GET / HTTP/1.1\r\nHost: elsewhere.example.com\r\n\r\n";
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    struct client *c = client_clear(s);
    struct buf all;
    buf_init(&all, 4 * MEBI);
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(buf_append_str(&all, request), 0);
    }
    net_conn_read(c->conn, false);
    client_send(c, buf_span(&all));
    UNTIL_STILL(net_conn_queued(c->conn) + s->egress.refused, other, by);
    CHECK(s->egress.refused < COUNT / 4);
    net_conn_read(c->conn, true);
    for (unsigned i = 0; i < COUNT && check_state.failed_checks == 0; i++) {
        expect_answer(c, 421, NULL);
    }
    expect_refused(s, COUNT, POLICY_REASON_AUTHORITY_MISMATCH);
    buf_deinit(&all);
    client_free(c);
    client_free(other);
    stage_end(s);
}

/* Requests that wait behind an answer are not read without end. */
TEST(pipelining_is_bounded)
{
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\n");
    struct stage_stream *st = egress_request(s, 1, 1);
    client_send(c, zeroes(8 * MEBI));
    UNTIL_STILL(net_conn_queued(c->conn), other, by);
    CHECK(net_conn_queued(c->conn) > 6 * MEBI);
    stream_reply(st, 200, "unharmed");
    expect_answer(c, 200, "unharmed");
    struct answer
        a; /* then what the zeroes deserve; the connection may be reset, for nobody reads 8 MiB of them */
    answer_init(&a);
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, 400);
    answer_deinit(&a);
    UNTIL(s, client_is_over(c));
    client_free(c);
    client_free(other);
    stage_end(s);
}

/* ---- agents that go ---- */

TEST(half_close)
{
    struct stage *s = stage_serve();
    /* After a whole request: the answer still comes. */
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\n");
    net_conn_shutdown(c->conn);
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_reply(st, 200, "for a deaf one");
    expect_answer(c, 200, "for a deaf one");
    expect_end(c);
    client_free(c);
    /* After two pipelined ones: both. */
    c = client_clear(s);
    client_text(c, HEAD "\r\n" HEAD "\r\n");
    net_conn_shutdown(c->conn);
    for (unsigned i = 1; i <= 2; i++) {
        stream_reply(egress_request(s, 1, i), 200, "both");
        expect_answer(c, 200, "both");
    }
    expect_end(c);
    client_free(c);
    /* The same by TLS, with a close_notify. */
    c = client_https(s);
    client_text(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    tls_session_close(c->tls);
    client_flush(c);
    net_conn_shutdown(c->conn);
    stream_reply(egress_request(s, 2, 1), 200, "closed");
    expect_answer(c, 200, "closed");
    expect_end(c);
    client_free(c);
    /* In the middle of a body: it can never be whole. */
    c = client_clear(s);
    client_text(c, "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 10\r\n\r\nhalf");
    net_conn_shutdown(c->conn);
    st = egress_stream(s, 3);
    UNTIL(s, st->closed);
    CHECK_EQ_UINT(st->ended, 0);
    expect_end(c);
    client_free(c);
    /* In the middle of a head, and before one. */
    c = client_clear(s);
    client_text(c, HEAD);
    net_conn_shutdown(c->conn);
    expect_end(c);
    client_free(c);
    c = client_clear(s);
    net_conn_shutdown(c->conn);
    expect_end(c);
    client_free(c);
    CHECK_EQ_UINT(s->egress.stream_count, 4);
    stage_end(s);
}

TEST(agents_that_go_at_each_stage)
{
    struct stage *s = stage_serve();
    size_t streams = 0;
    s->vault.hold = true;
    for (unsigned stage = 0; stage <= 9; stage++) {
        bool tls = stage >= 3 && stage <= 4;
        struct client *c = stage == 0 ? client_tcp(s) : client_unix(s);
        struct stage_stream *st = NULL;
        if (stage == 1) {
            client_text(c, "CONNECT " API " HT");
        } else if (stage >= 2) {
            client_tunnel(c, tls ? NOBODY : PLAIN);
        }
        if (tls) {
            client_begin_tls(c, "other.example.net");
            client_flush(c);
            UNTIL(s, s->vault.asked == 1);
            if (stage == 4) {
                vault_release(s);
                UNTIL(s, buf_len(&c->got) != 0 || c->tls_ready);
            }
        }
        if (stage == 5) {
            client_text(c, HEAD);
        } else if (stage >= 6) {
            client_text(c, stage == 6
                               ? "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 9\r\n\r\nhalf"
                               : HEAD "\r\n");
            st = stage == 6 ? egress_stream(s, streams) : egress_request(s, streams, 1);
            streams++;
        }
        if (stage >= 8) {
            stream_head(st, 200, HTTP_FRAMING_CHUNKED, 0, NULL, NULL);
            UNTIL(s, buf_len(&c->got) != 0);
        }
        if (stage == 9) { /* data that the agent has not read: it goes with a reset */
            net_conn_read(c->conn, false);
            stream_body(st, zeroes(IPC_BODY_MAX));
        }
        client_free(c);
        if (st != NULL) {
            /* Who waits for the answer notices at once; the end of the stream is what egress learns of it. */
            if (stage == 7) {
                stream_reply(st, 200, "to nobody");
            } else if (stage >= 8) {
                struct ipc_response_body more = {.data = zeroes(IPC_BODY_MAX)};
                for (unsigned i = 0; i < 4; i++) { /* the gate may have gone in the middle of it */
                    int r = ipc_send_response_body(st->chan, 0, &more);
                    CHECK(r == 0 || r == CB_ECLOSED);
                }
            }
            UNTIL(s, st->closed);
        }
    }
    s->vault.hold = false;
    struct client *c = client_https(s);
    client_free(c);
    stage_end(s);
}

/* ---- egress goes ---- */

TEST(egress_goes_before_the_answer)
{
    struct stage *s = stage_serve();
    struct client *waits = client_https(s);
    struct client *sends = client_clear(s);
    struct client *idle = client_clear(s);
    struct client *asks = client_clear(s);
    client_text(waits, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    (void)egress_request(s, 0, 1);
    client_text(sends, "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 10\r\n\r\nhalf");
    struct stage_stream *st = egress_stream(s, 1);
    UNTIL(s, buf_len(&st->body) == 4);
    client_text(idle, HEAD "\r\n");
    stream_reply(egress_request(s, 2, 1), 200, "");
    expect_answer(idle, 200, "");
    client_text(asks, "HEAD / HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    (void)egress_request(s, 3, 1);

    egress_leave(s);
    expect_last_answer(waits, 503);
    expect_last_answer(sends, 503);
    struct answer a;
    answer_init(&a);
    client_answer_to(asks, true, &a);
    CHECK_EQ_UINT(a.status, 503);
    CHECK(a.complete);
    expect_end(asks); /* no body behind the answer to a HEAD */
    answer_deinit(&a);
    /* Who was not served just then stays, and is told when it asks. */
    client_text(idle, HEAD "\r\n");
    expect_answer(idle, 503, NULL);
    CHECK(!client_is_over(idle));

    egress_join(s);
    egress_configure(s, 2, API " http:" PLAIN);
    unsigned status = 503;
    while (status == 503 && !s->overdue) {
        answer_init(&a);
        client_text(idle, HEAD "\r\n");
        while (s->egress.stream_count == 0 && buf_len(&idle->got) == 0 && !s->overdue) {
            net_loop_run(s->loop);
        }
        if (s->egress.stream_count != 0) {
            stream_reply(egress_request(s, 0, 1), 200, "new");
        }
        client_answer(idle, &a);
        status = a.status;
        answer_deinit(&a);
    }
    CHECK_EQ_UINT(status, 200);
    client_free(waits);
    client_free(sends);
    client_free(idle);
    client_free(asks);
    stage_end(s);
}

TEST(a_request_without_egress)
{
    struct stage *s = stage_serve();
    egress_leave(s);
    struct client *c = client_clear(s);
    client_text(c, "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 4\r\n\r\nbody" HEAD "\r\n");
    expect_last_answer(c, 503); /* the body was not waited for */
    client_free(c);
    stage_end(s);
}

/* ---- egress turns bad ---- */

enum hostile {
    ANSWER_WITHOUT_REQUEST,
    BODY_BEFORE_HEAD,
    END_BEFORE_HEAD,
    TWO_HEADS,
    INTERIM_AFTER_HEAD,
    STATUS_101,
    STATUS_99,
    STATUS_1000,
    INTERIM_IS_FINAL,
    INTERIM_101,
    UNKNOWN_FRAMING,
    BODY_OVER_LENGTH,
    END_BEFORE_LENGTH,
    BODY_WITHOUT_FRAMING,
    FIELD_SPLITS,
    FIELDS_CUT,
    FRAMING_FIELD,
    WRONG_MESSAGE,
    UNKNOWN_MESSAGE,
    OTHER_CHANNEL,
    OVER_LIMIT,
    CUT_PAYLOAD,
    HOSTILE__COUNT
};

static void send_fields(struct stage_stream *st, struct span fields)
{
    struct ipc_response m = {.status = 200, .fields = fields, .framing = HTTP_FRAMING_LENGTH};
    CHECK_EQ_INT(ipc_send_response(st->chan, 0, &m), 0);
}

/* Returns true when an answer had begun, so that the agent's connection can only be cut. */
static bool be_hostile(struct stage_stream *st, enum hostile how)
{
    switch (how) {
    case ANSWER_WITHOUT_REQUEST:
        stream_reply(st, 200, "asked");
        stream_reply(st, 200, "not asked");
        return true;
    case BODY_BEFORE_HEAD:
        stream_body(st, SPAN_LIT("body"));
        return false;
    case END_BEFORE_HEAD:
        stream_end(st, 0);
        return false;
    case TWO_HEADS:
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 4, NULL, NULL);
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 4, NULL, NULL);
        return true;
    case INTERIM_AFTER_HEAD:
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 4, NULL, NULL);
        stream_interim(st, 103, NULL, NULL);
        return true;
    case STATUS_101:
        stream_head(st, 101, HTTP_FRAMING_NONE, 0, NULL, NULL);
        return false;
    case STATUS_99:
        stream_head(st, 99, HTTP_FRAMING_LENGTH, 0, NULL, NULL);
        return false;
    case STATUS_1000:
        stream_head(st, 1000, HTTP_FRAMING_LENGTH, 0, NULL, NULL);
        return false;
    case INTERIM_IS_FINAL:
        stream_interim(st, 200, "Content-Length", "0");
        return false;
    case INTERIM_101:
        stream_interim(st, 101, NULL, NULL);
        return false;
    case UNKNOWN_FRAMING:
        stream_head(st, 200, (enum http_framing)9, 0, NULL, NULL);
        return false;
    case BODY_OVER_LENGTH:
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 2, NULL, NULL);
        stream_body(st, SPAN_LIT("okHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        return true;
    case END_BEFORE_LENGTH:
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 100, NULL, NULL);
        stream_body(st, SPAN_LIT("short"));
        stream_end(st, 5);
        return true;
    case BODY_WITHOUT_FRAMING:
        stream_head(st, 204, HTTP_FRAMING_NONE, 0, NULL, NULL);
        stream_body(st, SPAN_LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        return true;
    case FIELD_SPLITS:
        send_fields(st, SPAN_LIT("\x00\x01\x00\x01X\x00\x00\x00\x07"
                                 "a\r\nY: b"));
        return false;
    case FIELDS_CUT:
        send_fields(st, SPAN_LIT("\x00\x02\x00\x01X\x00\x00\x00\x01"
                                 "a"));
        return false;
    case FRAMING_FIELD:
        send_fields(st, SPAN_LIT("\x00\x01\x00\x0e"
                                 "Content-Length\x00\x00\x00\x01"
                                 "5"));
        return false;
    case WRONG_MESSAGE:
        stream_raw(st, IPC_MSG_REQUEST_BODY, 5, SPAN_LIT("\0\0\0\1a"));
        return false;
    case UNKNOWN_MESSAGE:
        stream_raw(st, 60000, 0, SPAN_EMPTY);
        return false;
    case OTHER_CHANNEL:
        stream_raw(st, IPC_MSG_GATE_CONFIG, 0, SPAN_EMPTY);
        return false;
    case OVER_LIMIT:
        stream_raw(st, IPC_MSG_RESPONSE_BODY, 0x7fffffff, SPAN_EMPTY);
        return false;
    case CUT_PAYLOAD:
    default:
        stream_raw(st, IPC_MSG_RESPONSE, 3, SPAN_LIT("abc"));
        return false;
    }
}

TEST(hostile_answers_cost_one_connection)
{
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    unsigned refused = 0;
    for (unsigned how = 0; how < HOSTILE__COUNT; how++) {
        unsigned before = check_state.failed_checks;
        struct client *c = client_https(s);
        struct answer a;
        answer_init(&a);
        client_text(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        struct stage_stream *st = egress_request(s, how + 1, 1);
        bool begun = be_hostile(st, (enum hostile)how);
        UNTIL(s, st->closed); /* that is what it costs */
        if (how == ANSWER_WITHOUT_REQUEST) {
            expect_answer(c, 200, "asked"); /* and the agent, who has it all, may go on */
            CHECK_EQ_UINT(buf_len(&c->got), 0);
        } else if (begun) {
            client_answer(c, &a);
            CHECK(!a.complete || a.status == 204);
            expect_end(c); /* nothing of what did not belong there */
        } else {
            expect_last_answer(c, 503);
            expect_refused(s, ++refused, POLICY_REASON_NOT_READY);
        }
        round_trip(other, by);
        if (check_state.failed_checks != before) {
            printf("  that was number %u\n", how);
        }
        answer_deinit(&a);
        client_free(c);
    }
    CHECK(!s->egress.closed);
    client_free(other);
    stage_end(s);
}

/* ---- configuration ---- */

TEST(agents_wait_for_the_first_configuration)
{
    struct stage *s = stage_new();
    stage_go(s);
    struct client *c = client_tcp(s);
    struct client *wrong = client_tcp(s);
    client_ask_tunnel(c, API);
    client_text(wrong, "CONNECT " API " HTTP/1.1\r\nHost: " API "\r\n\r\n");
    egress_configure(s, 1, API);
    UNTIL(s, buf_len(&c->got) != 0);
    CHECK(span_starts(buf_span(&c->got), SPAN_LIT("HTTP/1.1 200 ")));
    expect_answer(wrong, 407, NULL);
    client_free(c);
    client_free(wrong);
    stage_end(s);
}

TEST(a_new_configuration_while_connections_wait)
{
    struct stage *s = stage_serve();
    struct stage_stream *by;
    struct client *other = bystander(s, &by);
    struct client *opened = client_clear(s); /* the tunnel stands */
    struct client *waits = client_unix(s);   /* for its certificate */
    s->vault.hold = true;
    client_tunnel(waits, API);
    client_begin_tls(waits, "api.example.com");
    client_flush(waits);
    UNTIL(s, s->vault.asked == 1);

    egress_configure(s, 2, "new.example.com:8443");
    unsigned status = 200;
    while (status == 200 && !s->overdue) { /* until the new one holds */
        struct client *c = client_unix(s);
        client_ask_tunnel(c, PLAIN);
        UNTIL(s, buf_len(&c->got) > 12);
        status = span_starts(buf_span(&c->got), SPAN_LIT("HTTP/1.1 200 ")) ? 200 : 403;
        client_free(c);
    }
    CHECK_EQ_UINT(status, 403);
    struct client *c = client_unix(s);
    client_tunnel(c, "new.example.com:8443");
    client_free(c);
    /* What was open goes on: whether its requests are allowed, egress decides for each. */
    round_trip(other, by);
    client_text(opened, HEAD "\r\n");
    stream_reply(egress_request(s, 1, 1), 403, "no more");
    expect_answer(opened, 403, "no more");
    vault_release(s);
    UNTIL(s, waits->tls_ready || client_is_over(waits));
    CHECK(waits->tls_ready);
    client_free(waits);
    client_free(opened);
    client_free(other);
    stage_end(s);
}

TEST(a_malformed_configuration)
{
    const struct {
        struct span hash;
        struct span hosts;
    } cases[] = {
        {SPAN_LIT("0123456789abcdef0123456789abcde"), SPAN_LIT("\0\0\0\0")},
        {SPAN_LIT(""), SPAN_LIT("\0\0\0\0")},
        {SPAN_LIT("0123456789abcdef0123456789abcdef"), SPAN_LIT("")},
        {SPAN_LIT("0123456789abcdef0123456789abcdef"), SPAN_LIT("\0\0\0\1")},
        {SPAN_LIT("0123456789abcdef0123456789abcdef"), SPAN_LIT("\0\0\0\0!")},
        {SPAN_LIT("0123456789abcdef0123456789abcdef"), SPAN_LIT("\xff\xff\xff\xff")},
        {SPAN_LIT("0123456789abcdef0123456789abcdef"),
         SPAN_LIT("\0\0\0\1\0\0\0\1a\1\xbb\x09")}, /* scheme 9 */
        {SPAN_LIT("0123456789abcdef0123456789abcdef"), SPAN_LIT("\0\0\0\1\0\0\0\1\n\1\xbb\0")},
    };
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    client_tunnel(c, PLAIN);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned before = check_state.failed_checks;
        struct ipc_gate_config m = {.generation = 9, .token_hash = cases[i].hash, .hosts = cases[i].hosts};
        CHECK_EQ_INT(ipc_send_gate_config(s->egress.chan, 0, &m), 0);
        UNTIL(s, s->egress.closed); /* it costs egress its channel */
        /* What was known is still known, and the token still the same. */
        struct client *other = client_tcp(s);
        client_tunnel(other, API);
        client_free(other);
        egress_leave(s);
        egress_join(s);
        if (check_state.failed_checks != before) {
            printf("  that was number %zu\n", i);
        }
    }
    client_free(c);
    stage_end(s);
}

/* ---- the end ---- */

TEST(stop_closes_idle_connections_and_lets_requests_finish)
{
    struct stage *s = stage_serve();
    struct client *fresh = client_tcp(s);
    struct client *tunnel = client_clear(s);
    struct client *idle = client_https(s);
    struct client *busy = client_https(s);
    client_text(busy, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_head(st, 200, HTTP_FRAMING_CHUNKED, 0, NULL, NULL);
    stream_body(st, SPAN_LIT("slowly, "));
    CHECK_EQ_INT(ipc_send_stop(s->life, 0, &(struct ipc_stop){.grace_ms = 30000}), 0);
    expect_end(fresh);
    expect_end(tunnel);
    expect_end(idle);
    CHECK(!client_is_over(busy) && !s->life_closed);
    stream_body(st, SPAN_LIT("but surely"));
    stream_end(st, 18);
    expect_answer(busy, 200, "slowly, but surely");
    CHECK_EQ_INT(stage_wait(s), 0);
    client_free(fresh);
    client_free(tunnel);
    client_free(idle);
    client_free(busy);
    stage_free(s);
}

TEST(stop_ends_with_its_grace)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\n");
    (void)egress_request(s, 0, 1);
    CHECK_EQ_INT(stage_stop(s, 200), 0);
    UNTIL(s, client_is_over(c));
    client_free(c);
    stage_free(s);
}

/* Egress has given all of the answer; the agent has not taken it yet. */
TEST(stop_does_not_cut_an_answer_that_is_on_its_way)
{
    for (unsigned close = 0; close < 2; close++) {
        struct stage *s = stage_serve();
        struct stage_stream *by;
        struct client *other = bystander(s, &by);
        struct client *c = client_clear(s);
        client_text(c, close ? HEAD "Connection: close\r\n\r\n" : HEAD "\r\n");
        struct stage_stream *st = egress_request(s, 1, 1);
        net_conn_read(c->conn, false);
        stream_head(st, 200, HTTP_FRAMING_LENGTH, 8 * IPC_BODY_MAX, NULL, NULL);
        for (unsigned i = 0; i < 8; i++) {
            stream_body(st, zeroes(IPC_BODY_MAX));
        }
        stream_end(st, 8 * IPC_BODY_MAX);
        UNTIL_STILL(ipc_chan_queued(st->chan), other, by);
        CHECK_EQ_INT(ipc_send_stop(s->life, 0, &(struct ipc_stop){.grace_ms = 30000}), 0);
        expect_end(other);
        net_conn_read(c->conn, true);
        struct answer a;
        answer_init(&a);
        client_answer(c, &a);
        CHECK(a.complete);
        CHECK_EQ_UINT(buf_len(&a.body), 8 * IPC_BODY_MAX);
        answer_deinit(&a);
        CHECK_EQ_INT(stage_wait(s), 0);
        client_free(c);
        client_free(other);
        stage_free(s);
    }
}

TEST(the_gate_does_not_outlive_the_monitor)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    ipc_chan_free(s->life);
    s->life = NULL;
    UNTIL(s, client_is_over(c));
    s->life_closed = true;
    CHECK_EQ_INT(stage_wait(s), 1);
    client_free(c);
    stage_free(s);
}

TEST(peers_that_a_gate_must_not_have)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    for (int role = 0; role < IPC_ROLE__COUNT; role++) {
        if (role != IPC_ROLE_VAULT && role != IPC_ROLE_EGRESS) {
            int fds[2];
            char byte;
            CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
            struct ipc_peer peer = {.role = (uint8_t)role, .tenant_id = 7, .tenant = SPAN_LIT("alice")};
            CHECK_EQ_INT(ipc_send_peer(s->life, 0, &peer, fds[1]), 0);
            ipc_chan_flush(s->life);
            CHECK_EQ_INT(read(fds[0], &byte, 1), 0); /* closed */
            (void)close(fds[0]);
        }
    }
    client_text(c, HEAD "\r\n");
    stream_reply(egress_request(s, 0, 1), 200, "");
    expect_answer(c, 200, "");
    client_free(c);
    stage_end(s);
}

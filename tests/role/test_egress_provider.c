/* test_egress_provider.c - the rest of test_egress: bodies, providers that fail, agents that go, TLS. */
#include "egress_stage.h"

/* One GET on a new stream to that host; what the agent sees and what is recorded. */
static void fails(struct egress_stage *t, const char *host, uint16_t port, enum spec_scheme scheme,
                  enum policy_reason reason)
{
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    size_t outcomes = t->outcome_count;
    q.host = host;
    q.port = port;
    q.scheme = (uint8_t)scheme;
    q.auth = NULL;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    egress_expect(&st, reason);
    EGRESS_UNTIL(t, t->outcome_count == outcomes + 1);
    CHECK_EQ_INT(t->decisions[t->decision_count - 1].reason, POLICY_REASON_ROUTE);
    CHECK_EQ_INT(t->outcomes[outcomes].reason, reason);
    CHECK_EQ_UINT(t->outcomes[outcomes].status, policy_reason_status(reason));
    CHECK_EQ_MEM(t->outcomes[outcomes].id, t->decisions[t->decision_count - 1].id, IPC_REQUEST_ID_LEN);
    /* What stands behind it is for the audit and not for the agent. */
    const char *detail = t->outcomes[outcomes].detail;
    CHECK(detail[0] != '\0' &&
          memmem(buf_span(&st.body).ptr, buf_len(&st.body), detail, strlen(detail)) == NULL);
    egress_stream_close(&st);
}

static void last_detail(const struct egress_stage *t, const char *want)
{
    CHECK_EQ_STR(t->outcomes[t->outcome_count - 1].detail, want);
}

static void fails_plain(struct egress_stage *t, enum policy_reason reason)
{
    fails(t, "open.example.com", 80, SPEC_SCHEME_HTTP, reason);
}

static void fails_tls(struct egress_stage *t, enum policy_reason reason)
{
    fails(t, TLS_HOST, 443, SPEC_SCHEME_HTTPS, reason);
}

/* One more than an answer may have. */
#define INTERIM       "HTTP/1.1 103 Early Hints\r\n\r\n"
#define INTERIMS_4    INTERIM INTERIM INTERIM INTERIM
#define INTERIM_FLOOD INTERIMS_4 INTERIMS_4 INTERIMS_4 INTERIMS_4 INTERIM

static struct egress_ask post(uint8_t framing, uint64_t content_length)
{
    struct egress_ask q = egress_get("/v1/x");
    q.method = "POST";
    q.framing = framing;
    q.content_length = content_length;
    return q;
}

/* ---- bodies ---- */

TEST(bodies_go_through_in_their_framing)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    struct egress_ask q = post(HTTP_FRAMING_LENGTH, 10);
    egress_send(&st, &q);
    egress_send_body(&st, "01234");
    egress_send_body(&st, "56789");
    egress_send_end(&st, 10);
    EGRESS_UNTIL(t, st.ended && t->outcome_count == 1);
    CHECK(egress_provider_got(t->providers[0], "Content-Length: 10\r\n\r\n0123456789"));
    CHECK_EQ_UINT(t->outcomes[0].request_bytes, 10);
    egress_stream_reset(&st);
    q = post(HTTP_FRAMING_CHUNKED, 0);
    q.expect_continue = true;
    egress_send(&st, &q);
    EGRESS_UNTIL(t, st.interims == 1);
    egress_send_body(&st, "abc");
    egress_send_body(&st, "defgh");
    egress_send_end(&st, 8);
    EGRESS_UNTIL(t, st.ended && t->outcome_count == 2);
    CHECK(egress_provider_got(t->providers[0],
                              "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"));
    CHECK_EQ_UINT(t->outcomes[1].request_bytes, 8);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_body_over_the_limit_is_refused)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    char part[401];
    memset(part, 'x', 400);
    part[400] = '\0';
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    struct egress_ask q = post(HTTP_FRAMING_LENGTH, 1001); /* announced: nobody is connected to */
    egress_send(&st, &q);
    egress_expect(&st, POLICY_REASON_BODY_TOO_LARGE);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_send_body(&st, part); /* which the gate may still send */
    egress_send_end(&st, 400);
    egress_stream_reset(&st);
    q = post(HTTP_FRAMING_CHUNKED, 0); /* not announced: the provider never sees its end */
    egress_send(&st, &q);
    for (size_t i = 0; i < 3; i++) {
        egress_send_body(&st, part);
    }
    egress_send_end(&st, 1200);
    egress_expect(&st, POLICY_REASON_BODY_TOO_LARGE);
    EGRESS_UNTIL(t, t->outcome_count == 1 && t->provider_count == 1 && t->providers[0]->closed);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_BODY_TOO_LARGE);
    CHECK_EQ_UINT(t->providers[0]->requests, 0);
    /* The stream goes on. */
    t->mode = PROVIDER_ANSWERS;
    egress_stream_reset(&st);
    q = egress_get("/v1/x");
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* A gate that does not keep its word could make two requests of one. */
TEST(a_body_of_another_length_than_announced_costs_the_stream)
{
    static const struct {
        uint8_t framing;
        uint64_t announced;
        const char *body;
        bool end;
    } bad[] = {
        {HTTP_FRAMING_LENGTH, 3, "GET /v1/admin HTTP/1.1\r\n\r\n", false},
        {HTTP_FRAMING_LENGTH, 10, "short", true},
        {HTTP_FRAMING_LENGTH, 10, NULL, true},
        {HTTP_FRAMING_NONE, 0, "GET /v1/admin HTTP/1.1\r\n\r\n", false},
    };
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct egress_stream st;
        struct egress_ask q = post(bad[i].framing, bad[i].announced);
        egress_stream_open(t, &st);
        egress_send(&st, &q);
        if (bad[i].body != NULL) {
            egress_send_body(&st, bad[i].body);
        }
        if (bad[i].end) {
            egress_send_end(&st, bad[i].announced);
        }
        EGRESS_UNTIL(t, st.closed && t->outcome_count == i + 1 && t->provider_count == i + 1 &&
                            t->providers[i]->closed);
        CHECK_EQ_INT(t->outcomes[i].reason, POLICY_REASON_CLIENT_CLOSED);
        CHECK(!egress_provider_got(t->providers[i], "admin"));
        egress_stream_close(&st);
    }
    egress_settle(t);
    egress_stage_end(t);
}

/* ---- providers that fail ---- */

TEST(a_provider_that_fails_is_a_problem_with_an_outcome)
{
    static const char *const garbage[] = {
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n folded\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",
        INTERIM_FLOOD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "\1\2\3",
    };
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    fails(t, "dead.example.com", 80, SPEC_SCHEME_HTTP, POLICY_REASON_CONNECT);
    t->mode = PROVIDER_CLOSES_AT_REQUEST;
    fails_plain(t, POLICY_REASON_UPSTREAM_CLOSED);
    t->mode = PROVIDER_CLOSES_AT_ONCE;
    fails_plain(t, POLICY_REASON_UPSTREAM_CLOSED);
    t->mode = PROVIDER_ANSWERS_CLOSING;
    t->answer = "HTTP/1.1 200 OK\r\nContent-Le";
    fails_plain(t, POLICY_REASON_UPSTREAM_CLOSED);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        t->answer = garbage[i];
        fails_plain(t, POLICY_REASON_UPSTREAM_RESPONSE);
    }
    egress_stage_end(t);
}

/* An address of the machine itself is reached only by a route that says so; this one says nothing. */
TEST(a_special_address_is_not_connected_to)
{
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    fails(t, "127.0.0.1", t->port, SPEC_SCHEME_HTTP, POLICY_REASON_SPECIAL_ADDRESS);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stage_end(t);
}

TEST(an_answer_that_is_cut_is_not_complete)
{
    static const char *const cut[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    };
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    t->mode = PROVIDER_ANSWERS_CLOSING;
    for (size_t i = 0; i < 2; i++) {
        struct egress_stream st;
        struct egress_ask q = egress_get("/v1/x");
        t->answer = cut[i];
        egress_stream_open(t, &st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.aborted && t->outcome_count == i + 1);
        CHECK(!st.ended);
        CHECK_EQ_INT(st.abort_reason, POLICY_REASON_UPSTREAM_CLOSED);
        CHECK_EQ_INT(t->outcomes[i].reason, POLICY_REASON_UPSTREAM_CLOSED);
        CHECK_EQ_UINT(t->outcomes[i].status, 200);
        CHECK_EQ_UINT(t->outcomes[i].response_bytes, 4);
        egress_stream_close(&st);
    }
    egress_stage_end(t);
}

TEST(a_silent_provider_times_out)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 1);
    stage_advance(&t->s, 9 * 60 * 1000); /* a model may think for that long */
    egress_settle(t);
    CHECK_EQ_UINT(st.status, 0);
    stage_advance(&t->s, 60 * 1000);
    egress_settle(t);
    egress_expect(&st, POLICY_REASON_UPSTREAM_TIMEOUT);
    EGRESS_UNTIL(t, p->closed && t->outcome_count == 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_UPSTREAM_TIMEOUT);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* The middle of a body has a limit of its own, which every byte restarts. */
TEST(an_answer_that_stops_in_the_middle_is_cut)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 1);
    EGRESS_UNTIL(t, st.status == 200);
    for (size_t i = 0; i < 3; i++) {
        stage_advance(&t->s, 4 * 60 * 1000);
        egress_provider_write(p, "x");
        EGRESS_UNTIL(t, st.body_len == i + 1);
    }
    stage_advance(&t->s, 4 * 60 * 1000);
    egress_settle(t);
    CHECK(!st.aborted);
    stage_advance(&t->s, 60 * 1000);
    egress_settle(t);
    EGRESS_UNTIL(t, st.aborted && p->closed && t->outcome_count == 1);
    CHECK_EQ_INT(st.abort_reason, POLICY_REASON_UPSTREAM_TIMEOUT);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_UPSTREAM_TIMEOUT);
    CHECK_EQ_UINT(t->outcomes[0].response_bytes, 3);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_request_that_stops_in_the_middle_is_refused)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = post(HTTP_FRAMING_LENGTH, 10);
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_send(&st, &q);
    EGRESS_UNTIL(t, t->provider_count == 1);
    for (size_t i = 0; i < 3; i++) { /* a slow one may take its time */
        stage_advance(&t->s, 4 * 60 * 1000);
        egress_send_body(&st, "x");
        egress_settle(t);
    }
    CHECK_EQ_UINT(st.status, 0);
    stage_advance(&t->s, 5 * 60 * 1000);
    egress_settle(t);
    egress_expect(&st, POLICY_REASON_CLIENT_TIMEOUT);
    EGRESS_UNTIL(t, t->providers[0]->closed && t->outcome_count == 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_TIMEOUT);
    CHECK_EQ_UINT(t->outcomes[0].request_bytes, 3);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(the_answer_to_head_keeps_its_length)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/x");
    q.host = "open.example.com";
    q.auth = NULL;
    q.method = "HEAD";
    egress_stage_serve(t);
    static const struct {
        const char *answer;
        uint8_t framing;
        uint64_t length;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", HTTP_FRAMING_LENGTH, 12345},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP_FRAMING_LENGTH, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_FRAMING_NONE, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_FRAMING_NONE, 0},
    };
    egress_stream_open(t, &st);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t->answer = cases[i].answer;
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended);
        CHECK_EQ_UINT(st.status, 200);
        CHECK_EQ_UINT(st.framing, cases[i].framing);
        CHECK_EQ_UINT(st.content_length, cases[i].length);
        CHECK_EQ_UINT(st.body_len, 0);
    }
    CHECK_EQ_UINT(t->provider_count, 1); /* the connection serves on */
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(an_agent_that_goes_ends_the_exchange)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 1);
    egress_stream_close(&st);
    EGRESS_UNTIL(t, p->closed && t->outcome_count == 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_CLOSED);
    egress_stage_end(t);
}

/* The agent's end is seen when the stream is read again, which is after the record. */
TEST(an_agent_that_goes_while_it_is_recorded_has_an_outcome)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    t->hold_stored = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 1);
    egress_stream_close(&st);
    egress_answer_stored(t, t->held_call, 0);
    EGRESS_UNTIL(t, t->outcome_count == 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_CLOSED);
    CHECK_EQ_MEM(t->outcomes[0].id, t->decisions[0].id, IPC_REQUEST_ID_LEN);
    egress_stage_end(t);
}

/* The decision becomes durable though nobody waits for it any more, so its end is on record as well. */
TEST(a_request_that_is_being_recorded_at_the_end_has_an_outcome)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->hold_stored = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 1);
    CHECK_EQ_INT(ipc_send_stop(t->s.life, 0, &(struct ipc_stop){.grace_ms = 5000}), 0);
    EGRESS_UNTIL(t, t->store_closed && st.closed);
    CHECK_EQ_UINT(t->outcome_count, 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_CLOSED);
    CHECK_EQ_MEM(t->outcomes[0].id, t->decisions[0].id, IPC_REQUEST_ID_LEN);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(an_exchange_under_way_at_the_end_has_an_outcome)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    (void)egress_provider_with(t, 0, 1);
    CHECK_EQ_INT(ipc_send_stop(t->s.life, 0, &(struct ipc_stop){.grace_ms = 5000}), 0);
    EGRESS_UNTIL(t, t->store_closed && st.closed);
    CHECK_EQ_UINT(t->outcome_count, 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_CLOSED);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- TLS ---- */

TEST(a_provider_with_the_routes_ca_is_believed)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    q.host = TLS_HOST;
    q.port = 443;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    for (size_t i = 0; i < 2; i++) {
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended && t->outcome_count == i + 1);
        CHECK_EQ_UINT(st.status, 200);
        CHECK_EQ_BYTES(buf_span(&st.body).ptr, buf_len(&st.body), "hi", 2);
    }
    CHECK_EQ_STR(t->notes, "UDSCRODSRO");
    CHECK(egress_provider_got(t->providers[0], "Host: " TLS_HOST "\r\n"));
    CHECK(egress_provider_got(t->providers[0], BEARER_REAL));
    CHECK(!egress_provider_got(t->providers[0], ALICE_PH));
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_provider_that_is_somebody_else_gets_nothing)
{
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    egress_provider_leaf(t, TLS_HOST, false); /* another CA */
    fails_tls(t, POLICY_REASON_UPSTREAM_CERTIFICATE);
    CHECK(strncmp(t->outcomes[0].detail, "issuer not trusted: ", 20) == 0);
    t->mode = PROVIDER_CLOSES_AT_ONCE;
    fails_tls(t, POLICY_REASON_UPSTREAM_TLS);
    /* Its kernel answers a greeting that it did not read with a reset, which may come before or after the end. */
    const char *detail = t->outcomes[1].detail;
    CHECK(strcmp(detail, "closed during the TLS handshake") == 0 ||
          strcmp(detail, "Connection reset by peer") == 0);
    for (size_t i = 0; i < t->provider_count; i++) {
        CHECK_EQ_UINT(buf_len(&t->providers[i]->in), 0);
    }
    egress_stage_end(t);
}

TEST(a_certificate_for_another_host_gets_nothing)
{
    struct egress_stage *t = egress_stage_new();
    egress_provider_leaf(t, "other.example.com", true);
    egress_stage_serve(t);
    fails_tls(t, POLICY_REASON_UPSTREAM_CERTIFICATE);
    last_detail(t, "name " TLS_HOST " not in certificate");
    CHECK_EQ_UINT(t->provider_count, 1);
    CHECK_EQ_UINT(buf_len(&t->providers[0]->in), 0);
    egress_stage_end(t);
}

TEST(a_provider_that_does_not_speak_tls_is_a_problem)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    q.host = TLS_HOST;
    q.port = 443;
    egress_stage_serve(t);
    t->mode = PROVIDER_NO_HANDSHAKE;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->provider_count == 1 && buf_len(&t->providers[0]->in) != 0);
    egress_provider_write(t->providers[0], "HTTP/1.1 400 Bad Request\r\n\r\n");
    egress_expect(&st, POLICY_REASON_UPSTREAM_TLS);
    /* And one that says nothing at all. */
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->provider_count == 2 && buf_len(&t->providers[1]->in) != 0);
    stage_advance(&t->s, 60 * 1000);
    egress_settle(t);
    egress_expect(&st, POLICY_REASON_CONNECT_TIMEOUT);
    EGRESS_UNTIL(t, t->providers[1]->closed && t->outcome_count == 2);
    CHECK_EQ_INT(t->outcomes[1].reason, POLICY_REASON_CONNECT_TIMEOUT);
    egress_stream_close(&st);
    egress_stage_end(t);
}

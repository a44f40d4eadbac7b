/* test_egress_grants.c - the rest of test_egress: what a grant lets pass, what it does not, what it never carries, and its end. */
#include "egress_stage.h"

#include "base/clock.h"
#include "policy/grants.h"

#define HOUR_MS UINT64_C(3600000)

/* The only grant there is. Not told yet. */
static void grant_as(struct egress_stage *t, const struct policy_grant *grant)
{
    buf_reset(&t->grants);
    struct writer w = writer_to(&t->grants);
    writer_u32(&w, 1);
    policy_grant_write(&w, grant);
    CHECK_EQ_INT(writer_finish(&w), 0);
}

/* That method and path, of http://HOST:80, for so long from now on. */
static void grant(struct egress_stage *t, const char *host, const char *method, const char *path,
                  uint64_t for_ms, uint8_t uses_left)
{
    grant_as(t, &(struct policy_grant){.id = 17,
                                       .scheme = SPEC_SCHEME_HTTP,
                                       .host = span_str(host),
                                       .port = 80,
                                       .method = span_str(method),
                                       .path = span_str(path),
                                       .until_ms = clock_wall_ms() + for_ms,
                                       .uses_left = uses_left});
}

static struct egress_ask ask_for(const char *host, const char *method, const char *path)
{
    return (struct egress_ask){
        .scheme = SPEC_SCHEME_HTTP, .host = host, .port = 80, .method = method, .path = path};
}

/* Asks over the stream, and expects that refusal; or with ROUTE that it passes. */
static void expect(struct egress_stream *st, const struct egress_ask *q, enum policy_reason reason)
{
    egress_stream_reset(st);
    egress_ask(st, q);
    if (reason == POLICY_REASON_ROUTE) {
        EGRESS_UNTIL(st->t, st->ended || st->closed);
        CHECK_EQ_UINT(st->status, 200);
    } else {
        egress_expect(st, reason);
    }
}

TEST(what_is_granted_passes_and_nothing_beside_it)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("plain.example.com", "GET", "/v2/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    expect(&st, &q, POLICY_REASON_NO_ROUTE_PATH);
    grant(t, "plain.example.com", "GET", "/v2/*", HOUR_MS, POLICY_GRANT_ANY);
    egress_reload(t);
    CHECK_EQ_UINT(t->gate_hosts, 7);
    for (unsigned i = 0; i < 2; i++) {
        expect(&st, &q, POLICY_REASON_ROUTE);
        const struct egress_decision_seen *d = &t->decisions[t->decision_count - 1];
        CHECK_EQ_INT(d->reason, POLICY_REASON_ROUTE);
        CHECK_EQ_UINT(d->grant, 17);
        CHECK_EQ_STR(d->route, "grant:17");
        CHECK_EQ_STR(d->credential, "");
    }
    /* It went the way of the host's route, with nothing of what that injects. */
    CHECK_EQ_UINT(t->unseals, 0);
    CHECK(egress_provider_got(t->providers[0], "GET /v2/x HTTP/1.1\r\nHost: plain.example.com\r\n"));
    CHECK(!egress_provider_got(t->providers[0], "Authorization"));
    CHECK(!egress_provider_got(t->providers[0], ALICE_KEY));
    q.method = "POST";
    expect(&st, &q, POLICY_REASON_NO_ROUTE_PATH);
    q = ask_for("plain.example.com", "GET", "/v2/x/y");
    expect(&st, &q, POLICY_REASON_NO_ROUTE_PATH);
    q = ask_for("elsewhere.example.com", "GET", "/v2/x");
    expect(&st, &q, POLICY_REASON_NO_ROUTE);
    q = ask_for("plain.example.com", "GET", "/v2/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    expect(&st, &q, POLICY_REASON_NO_ROUTE_SCHEME);
    CHECK_EQ_UINT(t->decisions[t->decision_count - 1].grant, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* What the routes decide about is theirs: the credential still goes in, and a denial stays one. */
TEST(the_routes_decide_first)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant(t, "plain.example.com", "GET", "/**", HOUR_MS, POLICY_GRANT_ANY);
    egress_reload(t);
    expect(&st, &q, POLICY_REASON_ROUTE);
    CHECK_EQ_STR(t->decisions[0].route, "plain");
    CHECK_EQ_UINT(t->decisions[0].grant, 0);
    CHECK(egress_provider_got(t->providers[0], BEARER_REAL));
    grant(t, "open.example.com", "GET", "/admin/x", HOUR_MS, POLICY_GRANT_ANY);
    egress_reload(t);
    q = ask_for("open.example.com", "GET", "/admin/x");
    expect(&st, &q, POLICY_REASON_ROUTE_DENIES);
    CHECK_EQ_STR(t->decisions[1].route, "denied");
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(no_placeholder_goes_by_a_grant)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v2/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant(t, "plain.example.com", "GET", "/v2/x", HOUR_MS, 1);
    egress_reload(t);
    expect(&st, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    CHECK_EQ_UINT(t->decisions[0].grant, 0); /* no use of it */
    CHECK_EQ_UINT(t->provider_count, 0);
    CHECK_EQ_UINT(t->unseals, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_special_address_stays_refused)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("127.0.0.1", "GET", "/latest/meta-data");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant(t, "127.0.0.1", "GET", "/**", HOUR_MS, POLICY_GRANT_ANY);
    egress_reload(t);
    expect(&st, &q, POLICY_REASON_SPECIAL_ADDRESS);
    CHECK_EQ_UINT(t->decisions[0].grant, 17);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* The egress has no say in how often: the store counts. */
TEST(what_the_store_does_not_count_does_not_pass)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("plain.example.com", "GET", "/v2/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant(t, "plain.example.com", "GET", "/v2/x", HOUR_MS, 1);
    egress_reload(t);
    t->hold_stored = true;
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 1);
    CHECK_EQ_UINT(t->decisions[0].grant, 17);
    t->hold_stored = false;
    egress_answer_stored(t, t->held_call, CB_EPERM);
    egress_expect(&st, POLICY_REASON_NO_ROUTE_PATH);
    /* Nothing was recorded of the pass, so the refusal is. */
    EGRESS_UNTIL(t, t->decision_count == 2);
    CHECK_EQ_INT(t->decisions[1].reason, POLICY_REASON_NO_ROUTE_PATH);
    CHECK_EQ_UINT(t->decisions[1].grant, 0);
    CHECK_EQ_STR(t->decisions[1].route, "");
    CHECK_EQ_UINT(t->provider_count, 0);
    CHECK_EQ_UINT(t->outcome_count, 0);
    /* Used up: it is not even asked about. */
    grant(t, "plain.example.com", "GET", "/v2/x", HOUR_MS, 0);
    egress_reload(t);
    expect(&st, &q, POLICY_REASON_NO_ROUTE_PATH);
    CHECK_EQ_UINT(t->decisions[2].grant, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* Nobody has to tell the egress. */
TEST(it_ends_by_the_clock)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("plain.example.com", "GET", "/v2/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant(t, "plain.example.com", "GET", "/v2/x", 400, POLICY_GRANT_ANY);
    uint64_t until_ms = clock_wall_ms() + 400;
    egress_reload(t);
    unsigned passed = 0;
    do {
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended || st.closed);
        passed += st.status == 200 ? 1 : 0;
    } while (st.status == 200 && t->decision_count < EGRESS_RECORDS_MAX - 1);
    CHECK(passed > 0 || clock_wall_ms() >= until_ms);
    if (t->decision_count < EGRESS_RECORDS_MAX - 1) {
        CHECK_EQ_UINT(st.status, 403);
        CHECK(clock_wall_ms() >= until_ms);
    }
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* What a grant began goes on while it is there, also when it was for once and is used up; and is cut when it is not. */
TEST(its_end_cuts_what_it_began)
{
    for (unsigned taken_back = 0; taken_back < 2; taken_back++) {
        struct egress_stage *t = egress_stage_new();
        struct egress_stream st;
        struct egress_ask q = ask_for("plain.example.com", "GET", "/v2/x");
        egress_stage_serve(t);
        t->mode = PROVIDER_SILENT;
        egress_stream_open(t, &st);
        grant(t, "plain.example.com", "GET", "/v2/x", HOUR_MS, 1);
        egress_reload(t);
        egress_ask(&st, &q);
        (void)egress_provider_with(t, 0, 1);
        grant(t, "plain.example.com", "GET", "/v2/x", HOUR_MS, 0);
        egress_reload(t);
        egress_settle(t);
        CHECK(!st.ended && !st.closed);
        if (taken_back != 0) {
            buf_reset(&t->grants);
        } else {
            grant(t, "plain.example.com", "GET", "/v2/x", 0, 0); /* over */
        }
        egress_reload(t);
        egress_expect(&st, POLICY_REASON_NO_ROUTE_PATH);
        EGRESS_UNTIL(t, t->outcome_count == 1);
        CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_NO_ROUTE_PATH);
        egress_stream_close(&st);
        egress_stage_end(t);
    }
}

/* Only one that says so; it is used up by the handshake, goes on all the same, and is cut by the grant's end. */
TEST(a_websocket_by_a_grant_lives_as_long_as_that)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("plain.example.com", "GET", "/v2/x");
    struct policy_grant g = {.id = 17,
                             .scheme = SPEC_SCHEME_HTTP,
                             .host = span_str(q.host),
                             .port = 80,
                             .method = SPAN_LIT("GET"),
                             .path = span_str(q.path),
                             .until_ms = clock_wall_ms() + HOUR_MS,
                             .uses_left = POLICY_GRANT_ANY};
    q.socket_key = "dGhlIHNhbXBsZSBub25jZQ=="; /* of RFC 6455, 1.3, and the answer to it */
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    grant_as(t, &g);
    egress_reload(t);
    expect(&st, &q, POLICY_REASON_ROUTE);
    CHECK(!egress_provider_got(t->providers[0], "Upgrade"));
    egress_stream_close(&st);
    g.websocket = true;
    g.uses_left = 1;
    grant_as(t, &g);
    egress_reload(t);
    t->answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.status != 0);
    CHECK_EQ_UINT(st.status, 101);
    struct egress_provider *p = t->providers[t->provider_count - 1];
    CHECK(egress_provider_got(p, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
    CHECK(!egress_provider_got(p, "Authorization"));
    g.uses_left = 0;
    grant_as(t, &g);
    egress_reload(t);
    egress_send_bytes(&st, SPAN_LIT("\x81\x82\0\0\0\0hi"));
    EGRESS_UNTIL(t, egress_provider_got(p, "hi"));
    size_t ended = t->outcome_count;
    buf_reset(&t->grants);
    egress_reload(t);
    EGRESS_UNTIL(t, st.aborted && t->outcome_count == ended + 1);
    CHECK_EQ_INT(t->outcomes[ended].reason, POLICY_REASON_NO_ROUTE_PATH);
    EGRESS_UNTIL(t, p->closed);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* A store that was tampered with cannot make routes of them: what is in use stays. */
TEST(a_list_that_is_wrong_is_not_taken)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = ask_for("anywhere.example.com", "GET", "/");
    egress_stage_serve(t);
    t->s.quiet = true;
    egress_stream_open(t, &st);
    grant(t, "*.example.com", "GET", "/**", HOUR_MS, POLICY_GRANT_ANY);
    CHECK_EQ_INT(ipc_send_spec_changed(t->store, 0, &(struct ipc_spec_changed){.generation = 2}), 0);
    egress_settle(t);
    expect(&st, &q, POLICY_REASON_NO_ROUTE);
    CHECK_EQ_UINT(t->gate_configs, 1);
    q = egress_get("/v1/models");
    expect(&st, &q, POLICY_REASON_ROUTE);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* test_egress_reuse.c - the rest of test_egress: reloads, connections that serve again, back-pressure. */
#include "egress_stage.h"

/* ---- reloads ---- */

static void take_route_away(struct egress_stage *t)
{
    t->spec->routes[0].paths[0][2] = '9'; /* "/v9/..." */
    egress_reload(t);
}

TEST(a_reload_ends_what_is_not_allowed_any_more)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream before;
    struct egress_stream within;
    struct egress_stream other;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &before);
    egress_ask(&before, &q);
    (void)egress_provider_with(t, 0, 1);
    egress_stream_open(t, &within);
    egress_ask(&within, &q);
    struct egress_provider *p = egress_provider_with(t, 1, 1);
    egress_provider_write(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    EGRESS_UNTIL(t, within.body_len == 4);
    q.host = "open.example.com";
    q.auth = NULL;
    egress_stream_open(t, &other);
    egress_ask(&other, &q);
    struct egress_provider *kept = egress_provider_with(t, 2, 1);
    egress_provider_write(kept, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    EGRESS_UNTIL(t, other.body_len == 4);

    take_route_away(t);
    egress_expect(&before, POLICY_REASON_NO_ROUTE_PATH);
    EGRESS_UNTIL(t, within.aborted && t->outcome_count == 2 && p->closed && t->providers[0]->closed);
    CHECK_EQ_INT(within.abort_reason, POLICY_REASON_NO_ROUTE_PATH);
    CHECK(!within.ended);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_NO_ROUTE_PATH);
    CHECK_EQ_INT(t->outcomes[1].reason, POLICY_REASON_NO_ROUTE_PATH);
    /* What is still allowed does not notice. */
    egress_provider_write(kept, "-whole");
    EGRESS_UNTIL(t, other.ended);
    CHECK_EQ_UINT(other.body_len, 10);
    egress_stream_close(&before);
    egress_stream_close(&within);
    egress_stream_close(&other);
    egress_stage_end(t);
}

/* While the vault or the store is asked, the answer is for routes that are not in use any more. */
TEST(a_reload_ends_a_request_that_is_being_decided)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_stream early;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->hold_credential = true;
    egress_stream_open(t, &early);
    egress_ask(&early, &q);
    EGRESS_UNTIL(t, t->unseals == 1);
    uint32_t unseal = t->held_unseal;
    t->hold_credential = false;
    t->hold_stored = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 1);
    uint32_t call = t->held_call;
    t->hold_stored = false;
    take_route_away(t);
    egress_expect(&st, POLICY_REASON_NO_ROUTE_PATH);
    egress_expect(&early, POLICY_REASON_NO_ROUTE_PATH);
    egress_answer_stored(t, call, 0);
    egress_answer_credential(t, unseal, 0);
    egress_settle(t);
    CHECK_EQ_UINT(t->provider_count, 0);
    CHECK_EQ_UINT(t->outcome_count, 1); /* of the decision that was on its way */
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_NO_ROUTE_PATH);
    egress_stream_close(&early);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* Routes that cannot be used leave those in use as they are. */
TEST(a_reload_to_nonsense_changes_nothing)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    free(t->spec->routes[2].upstream_ca);
    t->spec->routes[2].upstream_ca =
        make_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    CHECK_EQ_INT(ipc_send_spec_changed(t->store, 0, &(struct ipc_spec_changed){.generation = 2}), 0);
    ipc_chan_flush(t->store);
    egress_settle(t);
    egress_settle(t); /* asked, answered, refused */
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    CHECK_EQ_UINT(t->gate_configs, 1);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- reuse ---- */

TEST(a_connection_serves_again)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream a;
    struct egress_stream b;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    egress_stream_open(t, &a);
    egress_stream_open(t, &b);
    for (size_t i = 0; i < 3; i++) {
        struct egress_stream *st = i % 2 == 0 ? &a : &b;
        egress_stream_reset(st);
        egress_ask(st, &q);
        EGRESS_UNTIL(t, st->ended);
        CHECK_EQ_UINT(st->status, 200);
    }
    CHECK_EQ_UINT(t->provider_count, 1);
    /* Not for another host, though it is the same address. */
    q.host = "open.example.com";
    q.auth = NULL;
    egress_stream_reset(&a);
    egress_ask(&a, &q);
    EGRESS_UNTIL(t, a.ended);
    CHECK_EQ_UINT(t->provider_count, 2);
    /* Not after a reload, and not after a minute. */
    egress_reload(t);
    EGRESS_UNTIL(t, t->providers[0]->closed && t->providers[1]->closed);
    egress_stream_reset(&a);
    egress_ask(&a, &q);
    EGRESS_UNTIL(t, a.ended);
    CHECK_EQ_UINT(t->provider_count, 3);
    stage_advance(&t->s, 60 * 1000);
    egress_settle(t);
    EGRESS_UNTIL(t, t->providers[2]->closed);
    egress_stream_close(&a);
    egress_stream_close(&b);
    egress_stage_end(t);
}

TEST(a_provider_that_speaks_out_of_turn_is_not_used_again)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->answer = ANSWER_OK "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    egress_stream_open(t, &st);
    for (size_t i = 0; i < 2; i++) {
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended && t->provider_count == i + 1 && t->providers[i]->closed);
        CHECK_EQ_BYTES(buf_span(&st.body).ptr, buf_len(&st.body), "hi", 2);
    }
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* An answer that is broken is the provider's answer: asking again would be asking for another one. */
TEST(a_broken_answer_on_a_used_connection_is_not_asked_for_again)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi";
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_UPSTREAM_RESPONSE);
    EGRESS_UNTIL(t, t->providers[0]->closed && t->outcome_count == 2);
    CHECK_EQ_UINT(t->providers[0]->requests, 2);
    CHECK_EQ_UINT(t->provider_count, 1);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* A kept connection may be closed by the provider in the moment in which it is used again. */
TEST(a_stale_connection_is_replaced_for_what_may_be_sent_twice)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    q.host = TLS_HOST;
    q.port = 443;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    t->mode = PROVIDER_SILENT;
    egress_stream_reset(&st);
    egress_send(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 2);
    egress_provider_close(p);
    EGRESS_UNTIL(t, t->provider_count == 2);
    /* The end of the request, while the new connection is being made, is no fault. */
    t->mode = PROVIDER_ANSWERS;
    egress_send_end(&st, 0);
    EGRESS_UNTIL(t, st.ended || st.closed);
    CHECK_EQ_UINT(st.status, 200);
    EGRESS_UNTIL(t, t->outcome_count == 2);
    CHECK_EQ_INT(t->outcomes[1].reason, POLICY_REASON_ROUTE);
    CHECK_EQ_UINT(t->decision_count, 2);

    /* A POST may have been carried out, so it is not sent again. */
    q.method = "POST";
    t->mode = PROVIDER_CLOSES_AT_REQUEST;
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_UPSTREAM_CLOSED);
    CHECK_EQ_UINT(t->provider_count, 2);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* The same with an end that is there in any case before the new connection is. */
TEST(the_end_of_a_request_may_come_while_it_is_sent_anew)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    q.host = TLS_HOST;
    q.port = 443;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    egress_stream_reset(&st);
    t->mode = PROVIDER_SILENT;
    egress_send(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 2);
    t->mode = PROVIDER_NO_HANDSHAKE;
    egress_provider_close(p);
    EGRESS_UNTIL(t, t->provider_count == 2 && buf_len(&t->providers[1]->in) != 0);
    egress_send_end(&st, 0);
    egress_settle(t);
    CHECK(!st.closed);
    egress_provider_close(t->providers[1]);
    egress_expect(&st, POLICY_REASON_UPSTREAM_TLS);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- back-pressure ---- */

static size_t resident(pid_t pid)
{
    char path[64];
    unsigned long all = 0;
    unsigned long pages = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (CHECK(f != NULL)) {
        CHECK_EQ_INT(fscanf(f, "%lu %lu", &all, &pages), 2);
        (void)fclose(f);
    }
    return pages * 4096;
}

TEST(an_agent_that_does_not_read_holds_the_provider_up)
{
    enum { TOTAL = 48 * 1024 * 1024, PART = 64 * 1024 };
    static char part[PART + 1];
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    memset(part, 'x', PART);
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 1);
    size_t before = resident(t->s.pid);
    char head[128];
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", TOTAL);
    ipc_chan_read(st.chan, false);
    egress_provider_write(p, head);
    size_t sent = 0;
    size_t moved = 0;
    /* The provider writes what is taken, until a whole request of somebody else went by without a byte more. */
    for (size_t still = 0; still < 5 && sent < TOTAL;) {
        while (!net_conn_is_full(p->conn) && sent < TOTAL) {
            egress_provider_write(p, part);
            sent += PART;
        }
        t->decision_count = 0;
        egress_settle(t);
        size_t now = sent - net_conn_queued(p->conn);
        still = now == moved ? still + 1 : 0;
        moved = now;
    }
    CHECK(moved < (size_t)24 * 1024 * 1024);
    if (!CHECK(resident(t->s.pid) < before + (size_t)8 * 1024 * 1024)) {
        printf("    it grew by %zu KiB\n", (resident(t->s.pid) - before) / 1024);
    }
    ipc_chan_read(st.chan, true);
    while (!st.ended && !st.closed && !t->s.overdue) {
        while (!net_conn_is_full(p->conn) && sent < TOTAL) {
            egress_provider_write(p, part);
            sent += PART;
        }
        net_loop_run(t->s.loop);
    }
    CHECK(st.ended);
    CHECK_EQ_UINT(st.body_len, TOTAL);
    egress_stream_close(&st);
    egress_stage_end(t);
}

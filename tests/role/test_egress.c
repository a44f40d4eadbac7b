/* test_egress.c - the egress, played against: the order of things, what is refused and how, hostile gates. */
#include "egress_stage.h"

#include <sys/socket.h>

TEST_MAIN()

/* ---- start and end ---- */

TEST(a_stop_before_go_is_an_end_like_others)
{
    for (size_t i = 0; i < 2; i++) {
        struct egress_stage *t = egress_stage_new();
        egress_stage_start(t);
        if (i == 1) {
            egress_join_store(t);
        }
        egress_stage_end(t);
    }
}

TEST(the_gate_hears_which_hosts_there_are)
{
    struct egress_stage *t = egress_stage_new();
    egress_stage_serve(t);
    CHECK_EQ_UINT(t->gate_generation, 1);
    CHECK_EQ_UINT(t->gate_hosts, 6); /* all but the one that denies */
    egress_join_gate(t);             /* a gate that was restarted */
    EGRESS_UNTIL(t, t->gate_configs == 2);
    egress_reload(t);
    CHECK_EQ_UINT(t->gate_configs, 3);
    egress_stage_end(t);
}

TEST(without_routes_nothing_is_ready)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    egress_stage_start(t);
    egress_join_gate(t);
    stage_serve(&t->s);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_NOT_READY);
    egress_join_vault(t);
    egress_join_store(t);
    EGRESS_UNTIL(t, t->gate_configs == 1);
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- the order of things ---- */

TEST(a_request_is_on_record_before_anybody_is_connected_to)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    q.query = "limit=5&after=x";
    egress_stage_serve(t);
    t->hold_credential = t->hold_stored = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->unseals == 1);
    egress_settle(t);
    t->note_count = 0;
    CHECK_EQ_UINT(t->decision_count, 1); /* settle's */
    egress_answer_credential(t, t->held_unseal, 0);
    EGRESS_UNTIL(t, t->decision_count == 2);
    uint32_t call = t->held_call;
    egress_settle(t);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_answer_stored(t, call, 0);
    EGRESS_UNTIL(t, st.ended && t->outcome_count == 1);
    CHECK_EQ_STR(t->notes, "DDSCRO");

    CHECK_EQ_UINT(st.status, 200);
    CHECK_EQ_BYTES(buf_span(&st.body).ptr, buf_len(&st.body), "hi", 2);
    const struct egress_provider *p = t->providers[0];
    CHECK(egress_provider_got(p, "GET /v1/models?limit=5&after=x HTTP/1.1\r\nHost: plain.example.com\r\n"));
    CHECK(egress_provider_got(p, BEARER_REAL));
    CHECK(egress_provider_got(p, "User-Agent: agent/1\r\n"));
    CHECK(!egress_provider_got(p, ALICE_PH));
    const struct egress_decision_seen *d = &t->decisions[1];
    CHECK_EQ_INT(d->reason, POLICY_REASON_ROUTE);
    CHECK_EQ_STR(d->route, "plain");
    CHECK_EQ_STR(d->credential, "key");
    CHECK_EQ_STR(d->path, "/v1/models");
    CHECK_EQ_STR(d->query_keys, "limit&after");
    const struct egress_outcome_seen *o = &t->outcomes[0];
    CHECK_EQ_INT(o->reason, POLICY_REASON_ROUTE);
    CHECK_EQ_UINT(o->status, 200);
    CHECK_EQ_UINT(o->response_bytes, 2);
    CHECK_EQ_MEM(o->id, d->id, sizeof(o->id));
    char peer[64];
    (void)snprintf(peer, sizeof(peer), "127.0.0.1:%u", t->port);
    CHECK_EQ_STR(o->peer, peer);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* A route without a credential asks no vault, and puts nothing in. */
TEST(a_route_without_a_credential_passes_what_it_may)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/x");
    q.host = "open.example.com";
    q.auth = NULL;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended && t->outcome_count == 1);
    CHECK_EQ_STR(t->notes, "DSCRO");
    CHECK_EQ_UINT(st.status, 200);
    CHECK(!egress_provider_got(t->providers[0], "Authorization"));
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_credential_is_unsealed_once_for_each_version)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/a");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    static const size_t unseals[] = {1, 1, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        if (i == 2) {
            egress_reload(t); /* other routes, the same credential */
        } else if (i == 3) {
            t->key_version++;
            egress_reload(t);
        }
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended);
        CHECK_EQ_UINT(st.status, 200);
        CHECK_EQ_UINT(t->unseals, unseals[i]);
    }
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- what is refused ---- */

/* The answer, the record of the decision, and that nobody was connected to. */
static void refused(struct egress_stage *t, const struct egress_ask *q, enum policy_reason reason)
{
    struct egress_stream st;
    size_t decisions = t->decision_count;
    size_t providers = t->provider_count;
    egress_stream_open(t, &st);
    egress_ask(&st, q);
    egress_expect(&st, reason);
    EGRESS_UNTIL(t, t->decision_count == decisions + 1);
    CHECK_EQ_INT(t->decisions[decisions].reason, reason);
    /* The stream can be used on. */
    egress_stream_reset(&st);
    egress_ask(&st, q);
    egress_expect(&st, reason);
    EGRESS_UNTIL(t, t->decision_count == decisions + 2);
    CHECK_EQ_UINT(t->provider_count, providers);
    CHECK(!t->store_closed && !t->gate_closed);
    egress_stream_close(&st);
}

TEST(what_policy_forbids_reaches_nobody)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q;
    egress_stage_serve(t);
    q = egress_get("/v1/x");
    q.host = "elsewhere.example.com";
    refused(t, &q, POLICY_REASON_NO_ROUTE);
    q = egress_get("/v1/x");
    q.port = 81;
    refused(t, &q, POLICY_REASON_NO_ROUTE_PORT);
    q = egress_get("/v1/x");
    q.scheme = SPEC_SCHEME_HTTPS;
    refused(t, &q, POLICY_REASON_NO_ROUTE_SCHEME);
    q = egress_get("/v1/x");
    q.method = "DELETE";
    refused(t, &q, POLICY_REASON_NO_ROUTE_METHOD);
    q = egress_get("/v2/x");
    refused(t, &q, POLICY_REASON_NO_ROUTE_PATH);
    q = egress_get("/admin/x");
    q.host = "open.example.com";
    q.auth = NULL;
    refused(t, &q, POLICY_REASON_ROUTE_DENIES);
    q = egress_get("/v1/x");
    q.method = "TRACE";
    refused(t, &q, POLICY_REASON_METHOD_NEVER);
    CHECK_EQ_UINT(t->unseals + t->outcome_count, 0);
    egress_stage_end(t);
}

TEST(a_credential_that_does_not_belong_reaches_nobody)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q;
    egress_stage_serve(t);
    q = egress_get("/v1/x");
    q.auth = "Bearer sk-of-somebody-else";
    refused(t, &q, POLICY_REASON_FOREIGN_CREDENTIAL);
    q = egress_get("/v1/x");
    q.query = "api_key=1";
    refused(t, &q, POLICY_REASON_FOREIGN_CREDENTIAL);
    q = egress_get("/v1/" ALICE_PH);
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    q = egress_get("/v1/x");
    q.query = "q=" ALICE_PH;
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    q = egress_get("/v1/x");
    q.extra_name = "X-Note";
    q.extra_value = "my key is " ALICE_PH;
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    q = egress_get("/x"); /* the tenant's own placeholder, for a route that has none */
    q.host = "open.example.com";
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    CHECK_EQ_UINT(t->unseals + t->outcome_count, 0);
    egress_stage_end(t);
}

/* Everything that a gate under somebody else's control may say about where a request goes. */
/* ---- suspension ---- */

TEST(a_suspended_tenant_gets_nothing_out)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream held;
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/a");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &held);
    egress_ask(&held, &q);
    struct egress_provider *provider = egress_provider_with(t, 0, 1);
    t->suspended = true;
    egress_reload(t);
    egress_expect(&held, POLICY_REASON_TENANT_SUSPENDED); /* what was under way */
    EGRESS_UNTIL(t, provider->closed && t->outcome_count == 1);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_TENANT_SUSPENDED);
    t->mode = PROVIDER_ANSWERS;
    size_t providers = t->provider_count;
    refused(t, &q, POLICY_REASON_TENANT_SUSPENDED);
    struct egress_ask elsewhere = egress_get("/elsewhere");
    refused(t, &elsewhere, POLICY_REASON_TENANT_SUSPENDED);
    CHECK_EQ_UINT(t->unseals, 1);
    CHECK_EQ_UINT(t->provider_count, providers);
    t->suspended = false;
    egress_reload(t);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    CHECK_EQ_UINT(t->unseals, 2); /* it had been dropped */
    egress_stream_close(&held);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_tripwire_is_told_to_the_store_when_the_tenant_wants_that)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q = egress_get("/v1/a");
    q.auth = "Bearer " UNSET_PH;
    egress_stage_serve(t);
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    egress_settle(t);
    CHECK_EQ_UINT(t->tripwires, 0);
    t->spec->limits.tripwire_suspends = true;
    egress_reload(t);
    refused(t, &q, POLICY_REASON_PLACEHOLDER_MISPLACED);
    EGRESS_UNTIL(t, t->tripwires == 2);
    egress_stage_end(t);
}

TEST(a_hostile_gate_does_not_get_past_the_rules)
{
    static const struct {
        enum policy_reason reason;
        const char *host;
        const char *path;
        const char *query;
    } bad[] = {
        {POLICY_REASON_BAD_AUTHORITY, "Plain.example.com", "/v1/x", NULL},
        {POLICY_REASON_BAD_AUTHORITY, "plain.example.com.", "/v1/x", NULL},
        {POLICY_REASON_BAD_AUTHORITY, "plain.example.com:80", "/v1/x", NULL},
        {POLICY_REASON_BAD_AUTHORITY, "evil@plain.example.com", "/v1/x", NULL},
        {POLICY_REASON_BAD_AUTHORITY, "0x7f.1", "/v1/x", NULL},
        {POLICY_REASON_BAD_AUTHORITY, "", "/v1/x", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/../admin", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/%2e%2e/admin", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/x?y", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/x#y", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/x HTTP/1.1", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "v1/x", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "", NULL},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/x", "a b"},
        {POLICY_REASON_BAD_PATH, "plain.example.com", "/v1/x", "a#b"},
    };
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q;
    egress_stage_serve(t);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        q = egress_get(bad[i].path);
        q.host = bad[i].host;
        q.query = bad[i].query;
        refused(t, &q, bad[i].reason);
        t->decision_count = 0;
    }
    q = egress_get("/v1/x");
    q.scheme = 9; /* must not become a record for which the store drops this egress */
    refused(t, &q, POLICY_REASON_BAD_REQUEST);
    q = egress_get("/v1/x");
    q.port = 0;
    refused(t, &q, POLICY_REASON_BAD_REQUEST);
    q = egress_get("/v1/x");
    q.framing = HTTP_FRAMING_CLOSE;
    refused(t, &q, POLICY_REASON_BAD_REQUEST);
    q = egress_get("/v1/x");
    q.method = "GET /x";
    refused(t, &q, POLICY_REASON_BAD_REQUEST);
    CHECK_EQ_UINT(t->unseals + t->outcome_count, 0);
    egress_stage_end(t);
}

/* What follows the path is a query, or it is nothing: else "/v1/ok" and "/../admin" are together what no rule allows. */
TEST(a_query_without_a_question_mark_is_no_path)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    struct ipc_request m = {.scheme = SPEC_SCHEME_HTTP,
                            .host = SPAN_LIT("plain.example.com"),
                            .port = 80,
                            .method = SPAN_LIT("GET"),
                            .path = SPAN_LIT("/v1/ok"),
                            .query = SPAN_LIT("/../../admin"),
                            .fields = SPAN_LIT("\0\0")};
    CHECK_EQ_INT(ipc_send_request(st.chan, 0, &m), 0);
    egress_send_end(&st, 0);
    egress_expect(&st, POLICY_REASON_BAD_PATH);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* Fields that frame a message or name its destination are the egress's own. */
TEST(a_hostile_gate_cannot_write_the_head)
{
    static const char *const names[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                        "Connection", "Keep-Alive",     "X-HTTP-Method-Override",
                                        "Upgrade",    "Expect"};
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct egress_ask q = egress_get("/v1/x");
        q.extra_name = names[i];
        q.extra_value = "77";
        egress_stream_reset(&st);
        egress_ask(&st, &q);
        EGRESS_UNTIL(t, st.ended || st.closed);
        CHECK_EQ_UINT(st.status, 200);
        CHECK(!egress_provider_got(t->providers[0], "77"));
    }
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- credentials that are not there ---- */

TEST(a_credential_that_cannot_be_had_refuses_the_request)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_ask q = egress_get("/x");
    egress_stage_serve(t);
    q.host = "unset.example.com";
    q.auth = "Bearer " UNSET_PH;
    refused(t, &q, POLICY_REASON_CREDENTIAL_NOT_SET);
    CHECK_EQ_UINT(t->unseals, 0);
    q = egress_get("/v1/x");
    t->credential_code = CB_ENOTFOUND;
    refused(t, &q, POLICY_REASON_CREDENTIAL_NOT_SET);
    t->credential_code = CB_EAUTHENTIC;
    refused(t, &q, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    t->credential_code = 0;
    buf_reset(&t->binding);
    refused(t, &q, POLICY_REASON_BINDING);
    CHECK_EQ_UINT(t->outcome_count, 0);
    egress_stage_end(t);
}

/* Each of these differs from the right binding in one thing. */
TEST(a_binding_that_does_not_cover_the_way_refuses_the_request)
{
    static const char *const bindings[] = {"plain.example.com:80",
                                           "plain.example.com:80 clear",
                                           "plain.example.com:443 clear via 127.0.0.1:%u",
                                           "other.example.com:80 clear via 127.0.0.1:%u",
                                           "plain.example.com:80 clear via 127.0.0.2:%u",
                                           "plain.example.com:80 via 127.0.0.1:%u"};
    for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++) {
        struct egress_stage *t = egress_stage_new();
        struct egress_ask q = egress_get("/v1/x");
        char line[128];
        egress_stage_serve(t);
        buf_reset(&t->binding);
        const char *mark = strstr(bindings[i], "%u");
        (void)snprintf(line, sizeof(line), "%.*s", (int)(mark != NULL ? mark - bindings[i] : 100),
                       bindings[i]);
        CHECK_EQ_INT(buf_append_str(&t->binding, line), 0);
        if (mark != NULL) {
            CHECK_EQ_INT(buf_appendf(&t->binding, "%u", t->port), 0);
        }
        refused(t, &q, POLICY_REASON_BINDING);
        egress_stage_end(t);
    }
}

TEST(a_vault_that_goes_refuses_the_request_and_the_next_one_serves)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->hold_credential = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->unseals == 1);
    ipc_chan_free(t->vault);
    t->vault = NULL;
    egress_expect(&st, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    refused(t, &q, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    t->hold_credential = false;
    egress_join_vault(t);
    egress_stream_reset(&st);
    ipc_chan_flush(t->s.life);
    egress_reload(t); /* the life channel was read before it */
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* ---- records that cannot be made ---- */

TEST(what_cannot_be_recorded_is_not_sent)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    egress_stream_open(t, &st);
    t->stored_code = CB_EFULL;
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_AUDIT_UNAVAILABLE);
    /* The store goes while it is asked, and is away. */
    t->stored_code = 0;
    t->hold_stored = true;
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 2);
    ipc_chan_free(t->store);
    t->store = NULL;
    egress_expect(&st, POLICY_REASON_AUDIT_UNAVAILABLE);
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_AUDIT_UNAVAILABLE);
    CHECK_EQ_UINT(t->provider_count, 0);
    /* The next store is asked for its routes, and serves. */
    t->hold_stored = false;
    egress_join_store(t);
    EGRESS_UNTIL(t, t->gate_configs == 2);
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* A request that was allowed ends while the store is away: the next store hears how. */
TEST(an_outcome_waits_for_the_next_store)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    struct egress_provider *p = egress_provider_with(t, 0, 1);
    if (p != NULL) {
        ipc_chan_free(t->store);
        t->store = NULL;
        egress_provider_write(p, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
        EGRESS_UNTIL(t, st.ended);
        CHECK_EQ_UINT(st.status, 201);
        CHECK_EQ_UINT(t->outcome_count, 0);
        egress_join_store(t);
        EGRESS_UNTIL(t, t->outcome_count == 1);
        CHECK_EQ_UINT(t->outcomes[0].status, 201);
        CHECK(memcmp(t->outcomes[0].id, t->decisions[0].id, IPC_REQUEST_ID_LEN) == 0);
    }
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* The monitor may be quicker with a new peer than the kernel with the end of the old one. */
TEST(a_peer_that_is_replaced_while_it_is_asked_refuses_the_request)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->hold_credential = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->unseals == 1);
    struct ipc_chan *older = t->vault;
    t->vault = NULL;
    egress_join_vault(t);
    egress_expect(&st, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    ipc_chan_free(older);
    t->hold_credential = false;
    t->hold_stored = true;
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 2);
    older = t->store;
    t->store = NULL;
    egress_join_store(t);
    egress_expect(&st, POLICY_REASON_AUDIT_UNAVAILABLE);
    ipc_chan_free(older);
    t->hold_stored = false;
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* What the gate refused by itself is on record, and it cannot put an allowed request there. */
TEST(refusals_of_the_gate_are_recorded)
{
    struct egress_stage *t = egress_stage_new();
    uint8_t id[IPC_REQUEST_ID_LEN] = {1, 2, 3};
    egress_stage_serve(t);
    struct ipc_refused m = {.request_id = span_of(id, sizeof(id)),
                            .reason = POLICY_REASON_PROXY_AUTH,
                            .method = SPAN_LIT("CONNECT"),
                            .host = SPAN_LIT("evil.example.com"),
                            .port = 443};
    CHECK_EQ_INT(ipc_send_refused(t->gate, 0, &m), 0);
    EGRESS_UNTIL(t, t->decision_count == 1);
    CHECK_EQ_INT(t->decisions[0].reason, POLICY_REASON_PROXY_AUTH);
    CHECK_EQ_STR(t->decisions[0].host, "evil.example.com");
    CHECK_EQ_MEM(t->decisions[0].id, id, sizeof(id));
    for (size_t i = 0; i < 4; i++) {
        struct ipc_refused bad = m;
        bad.reason = i == 0 ? POLICY_REASON_ROUTE : i == 1 ? POLICY_REASON__COUNT : bad.reason;
        bad.scheme = i == 2 ? SPEC_SCHEME__COUNT : bad.scheme;
        bad.request_id.len -= i == 3 ? 1 : 0;
        CHECK_EQ_INT(ipc_send_refused(t->gate, 0, &bad), 0);
        EGRESS_UNTIL(t, t->gate_closed);
        size_t configs = t->gate_configs;
        egress_join_gate(t);
        EGRESS_UNTIL(t, t->gate_configs == configs + 1);
    }
    CHECK_EQ_UINT(t->decision_count, 1);
    egress_stage_end(t);
}

/* ---- streams that break the rules ---- */

TEST(a_broken_rule_costs_that_stream_only)
{
    const struct {
        unsigned msg;
        size_t announced;
        struct span payload;
    } bad[] = {
        {IPC_MSG__COUNT, 0, SPAN_LIT("")},
        {IPC_MSG_RESPONSE_END, 0, SPAN_LIT("\0\0\0\0\0\0\0\0")}, /* the wrong way */
        {IPC_MSG_CONNECTION, 0, SPAN_LIT("\0\0\0\0\0\0\0\1")},   /* of another channel */
        {IPC_MSG_REFUSED, 0, SPAN_LIT("")},
        {IPC_MSG_REQUEST, 0, SPAN_LIT("")},
        {IPC_MSG_REQUEST, 0xffffffff, SPAN_LIT("")},
        {IPC_MSG_REQUEST_BODY, IPC_BODY_MAX + 17, SPAN_LIT("")},
        {IPC_MSG_REQUEST_BODY, 0, SPAN_LIT("\0\0\0\1x")},           /* without a request */
        {IPC_MSG_REQUEST_END, 0, SPAN_LIT("\0\0\0\0\0\0\0\0")},     /* likewise */
        {IPC_MSG_REQUEST_END, 0, SPAN_LIT("\0\0\0\0\0\0\0\0more")}, /* too long */
    };
    struct egress_stage *t = egress_stage_new();
    struct egress_stream good;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    egress_stream_open(t, &good);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf bytes;
        buf_init(&bytes, 4096);
        stage_raw_frame(&bytes, bad[i].announced != 0 ? bad[i].announced : bad[i].payload.len, bad[i].msg, 0,
                        bad[i].payload);
        int fd = egress_stream_raw(t);
        stage_raw_write(fd, buf_span(&bytes));
        if (!CHECK(stage_raw_ended(fd))) {
            printf("    bad message %zu\n", i);
        }
        buf_deinit(&bytes);
    }
    egress_ask(&good, &q);
    EGRESS_UNTIL(t, good.ended);
    CHECK_EQ_UINT(good.status, 200);
    CHECK(!t->gate_closed);
    egress_stream_close(&good);
    egress_stage_end(t);
}

/* Two requests at once on one connection is something that no gate says. */
TEST(a_second_request_before_the_answer_costs_the_stream)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/x");
    egress_stage_serve(t);
    t->mode = PROVIDER_SILENT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->provider_count == 1 && t->providers[0]->requests == 1);
    egress_send(&st, &q);
    EGRESS_UNTIL(t, st.closed && t->outcome_count == 1 && t->providers[0]->closed);
    CHECK_EQ_INT(t->outcomes[0].reason, POLICY_REASON_CLIENT_CLOSED);
    egress_stream_close(&st);
    egress_settle(t);
    egress_stage_end(t);
}

TEST(a_gate_cannot_hand_over_something_else_than_a_stream)
{
    struct egress_stage *t = egress_stage_new();
    int fds[2];
    egress_stage_serve(t);
    CHECK_EQ_INT(pipe(fds), 0);
    CHECK_EQ_INT(ipc_send_connection(t->gate, 0, &(struct ipc_connection){.serial = 1}, fds[0]), 0);
    ipc_chan_flush(t->gate);
    struct pollfd p = {.fd = fds[1]};
    CHECK_EQ_INT(poll(&p, 1, STAGE_PATIENCE_MS), 1); /* the other end was closed */
    (void)close(fds[1]);
    egress_settle(t);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(ipc_send_connection(t->gate, 0, &(struct ipc_connection){.serial = 2}, fds[0]), 0);
    EGRESS_UNTIL(t, t->gate_closed);
    egress_join_gate(t);
    EGRESS_UNTIL(t, t->gate_configs == 2);
    egress_settle(t);
    egress_stage_end(t);
}

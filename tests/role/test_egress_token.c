/* test_egress_token.c - the egress fetches a token: the order of things, what is sent where, what does not come back. */
#include "egress_stage.h"

#define TOKEN        "access-token-0123456789abcdef"
#define TOKEN_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 53\r\n\r\n{\"access_token\":\"" TOKEN "\"}      "

/* The route "plain" fetches a token from the TLS provider from now on. */
static void use_token(struct egress_stage *t, bool bound)
{
    struct spec_token *token = &t->spec->routes[0].token;
    token->grant = SPEC_GRANT_CLIENT;
    token->host = make_text(TLS_HOST);
    token->port = 443;
    token->path = make_text("/token");
    token->client_id = make_text("me");
    token->address = make_text("127.0.0.1");
    token->address_port = t->tls_port;
    token->ca = make_or_die(strndup((const char *)buf_span(&t->ca_pem).ptr, buf_len(&t->ca_pem)));
    buf_reset(&t->binding);
    CHECK_EQ_INT(spec_credential_binding(t->spec, SPAN_LIT("key"), digest_sha256_of, &t->binding), 0);
    if (!bound) {
        /* The same, but the endpoint has another host. */
        uint8_t *at =
            memmem(t->binding.data + t->binding.start, buf_len(&t->binding), TLS_HOST ":443 via", 20);
        while (at != NULL) {
            at[0] = 'x';
            at = memmem(t->binding.data + t->binding.start, buf_len(&t->binding), TLS_HOST ":443 via", 20);
        }
    }
    t->answer = TOKEN_ANSWER;
    egress_reload(t);
}

TEST(a_request_for_a_token_is_on_record_before_anybody_is_connected_to)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    egress_stage_serve(t);
    use_token(t, true);
    t->hold_stored = true;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, t->decision_count == 1);
    uint32_t call = t->held_call;
    const struct egress_decision_seen *d = &t->decisions[0];
    CHECK_EQ_INT(d->reason, POLICY_REASON_ROUTE);
    CHECK_EQ_STR(d->route, "plain");
    CHECK_EQ_STR(d->credential, "key");
    CHECK_EQ_STR(d->host, TLS_HOST);
    CHECK_EQ_STR(d->path, "/token");
    egress_settle(t);
    CHECK_EQ_UINT(t->provider_count, 0);
    t->hold_stored = false;
    egress_answer_stored(t, call, 0);
    EGRESS_UNTIL(t, st.ended && t->outcome_count == 2);
    /* The secret went to the endpoint, and the token that came from there to the provider. */
    CHECK(egress_provider_got(t->providers[0], "POST /token HTTP/1.1\r\nHost: " TLS_HOST "\r\n"));
    CHECK(egress_provider_got(t->providers[0], "grant_type=client_credentials"));
    CHECK(!egress_provider_got(t->providers[0], TOKEN));
    CHECK(egress_provider_got(t->providers[1], "GET /v1/models HTTP/1.1\r\n"));
    CHECK(egress_provider_got(t->providers[1], "Authorization: Bearer " TOKEN "\r\n"));
    CHECK(!egress_provider_got(t->providers[1], ALICE_KEY));
    /* The provider said the token back, as it happens. */
    CHECK_EQ_UINT(st.status, 200);
    CHECK_EQ_UINT(buf_len(&st.body), 53);
    CHECK(memmem(buf_span(&st.body).ptr, buf_len(&st.body), TOKEN, strlen(TOKEN)) == NULL);
    /* The next request uses the same. */
    egress_stream_reset(&st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    CHECK_EQ_UINT(st.status, 200);
    CHECK_EQ_UINT(t->providers[0]->requests, 1);
    egress_stream_close(&st);
    egress_stage_end(t);
}

TEST(a_request_for_a_token_that_cannot_be_recorded_is_not_sent)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    egress_stage_serve(t);
    use_token(t, true);
    t->stored_code = CB_ECORRUPT;
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_AUDIT_UNAVAILABLE);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

/* Whoever edits routes cannot have the secret sent to an endpoint of his own. */
TEST(the_endpoint_is_part_of_the_binding)
{
    struct egress_stage *t = egress_stage_new();
    struct egress_stream st;
    struct egress_ask q = egress_get("/v1/models");
    egress_stage_serve(t);
    use_token(t, false);
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    egress_expect(&st, POLICY_REASON_BINDING);
    CHECK_EQ_UINT(t->provider_count, 0);
    egress_stream_close(&st);
    egress_stage_end(t);
}

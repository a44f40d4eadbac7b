/* test_gate_trust.c - the rest of test_gate: GET /ca.pem, who is given the CA's certificates and who is not. */
#include "role/gate_stage.h"
#include "role/gate_world.h"

#include "base/encode.h"

/* A request by TCP with the token, or without. */
static void ask(struct client *c, const char *method, bool token, const char *more)
{
    char text[1024];
    char pair[128];
    struct span login = SPAN_LIT("alice:" STAGE_TOKEN);
    encode_base64(login.ptr, login.len, pair);
    (void)snprintf(text, sizeof(text), "%s /ca.pem HTTP/1.1\r\nHost: whatever.example:8080\r\n%s%s%s%s\r\n",
                   method, token ? "Proxy-Authorization: Basic " : "", token ? pair : "", token ? "\r\n" : "",
                   more);
    client_text(c, text);
}

/* Checks a whole answer: these certificates in PEM, and nothing else. */
static void expect_pem(struct client *c, bool head, bool both)
{
    struct answer a;
    struct buf pem;
    char length[32];
    buf_init(&pem, 65536);
    CHECK_EQ_INT(tls_cert_to_pem(buf_span(&gate_world.ca_der), &pem), 0);
    if (both) {
        CHECK_EQ_INT(tls_cert_to_pem(buf_span(&gate_world.next_der), &pem), 0);
    }
    answer_init(&a);
    client_answer_to(c, head, &a);
    CHECK_EQ_UINT(a.status, 200);
    CHECK(a.complete);
    CHECK_EQ_STR(answer_field(&a, "Content-Type"), "application/x-pem-file");
    (void)snprintf(length, sizeof(length), "%zu", buf_len(&pem));
    CHECK_EQ_STR(answer_field(&a, "Content-Length"), length);
    CHECK_EQ_BYTES(buf_span(&a.body).ptr, buf_len(&a.body), buf_span(&pem).ptr, head ? 0 : buf_len(&pem));
    answer_deinit(&a);
    buf_deinit(&pem);
}

TEST(the_cas_certificates_are_given_to_who_has_the_token)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    ask(c, "GET", true, "");
    expect_pem(c, false, false);
    s->vault.has_next = true; /* from the moment in which there is a successor */
    ask(c, "GET", true, "");
    expect_pem(c, false, true);
    ask(c, "HEAD", true, "");
    expect_pem(c, true, true);
    ask(c, "GET", true, "Sec-Fetch-Site: none\r\n");
    expect_pem(c, false, true);
    CHECK_EQ_UINT(s->vault.trust_asked, 4);
    ask(c, "GET", true, "Connection: close\r\n");
    expect_pem(c, false, true);
    UNTIL(s, client_is_over(c));
    client_free(c);
    /* On the Unix socket the file's mode says who may. */
    c = client_unix(s);
    client_text(c, "GET /ca.pem HTTP/1.0\r\n\r\n");
    expect_pem(c, false, true);
    UNTIL(s, client_is_over(c));
    client_free(c);
    CHECK_EQ_UINT(s->egress.refused, 0);
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

TEST(who_is_not_given_the_cas_certificates)
{
    static const struct {
        const char *method;
        bool token;
        const char *more;
        unsigned status;
        enum policy_reason reason;
    } cases[] = {
        {"GET", false, "", 407, POLICY_REASON_PROXY_AUTH},
        {"POST", false, "Content-Length: 0\r\n", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", false, "Proxy-Authorization: Basic YWxpY2U6d3Jvbmc=\r\n", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", true, "Origin: https://evil.example\r\n", 403, POLICY_REASON_TRUST_FOREIGN},
        {"GET", true, "Origin: null\r\n", 403, POLICY_REASON_TRUST_FOREIGN},
        {"GET", true, "Sec-Fetch-Site: cross-site\r\n", 403, POLICY_REASON_TRUST_FOREIGN},
        {"GET", true, "Sec-Fetch-Site: same-origin\r\n", 403, POLICY_REASON_TRUST_FOREIGN},
        {"POST", true, "", 405, POLICY_REASON_METHOD_NEVER},
        {"OPTIONS", true, "", 405, POLICY_REASON_METHOD_NEVER},
        {"GET", true, "Content-Length: 1\r\n", 400, POLICY_REASON_BAD_REQUEST},
    };
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_tcp(s);
        unsigned before = check_state.failed_checks;
        ask(c, cases[i].method, cases[i].token, cases[i].more);
        expect_answer(c, cases[i].status, NULL);
        expect_refused(s, i + 1, cases[i].reason);
        if (check_state.failed_checks != before) {
            printf("  that was %s %s\n", cases[i].method, cases[i].more);
        }
        client_free(c);
    }
    /* Nothing beside it, and nothing inside of a tunnel. */
    static const char *const others[] = {"/ca.pem?", "/ca.pem/", "/CA.pem", "//ca.pem", "/ca%2epem"};
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char text[256];
        struct client *c = client_unix(s);
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", others[i]);
        client_text(c, text);
        expect_answer(c, 400, NULL);
        client_free(c);
    }
    struct client *c = client_clear(s);
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_reply(st, 200, "the provider's");
    expect_answer(c, 200, "the provider's");
    client_free(c);
    CHECK_EQ_UINT(s->vault.trust_asked, 0);
    stage_end(s);
}

TEST(a_vault_that_cannot_say_it)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    s->vault.trust_code = (uint32_t)-CB_EBUSY;
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(c, 429, NULL);
    client_free(c);
    s->vault.trust_code = (uint32_t)-CB_EDB;
    c = client_unix(s);
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(c, 503, NULL);
    client_free(c);
    expect_refused(s, 2, POLICY_REASON_NOT_READY);
    /* An agent that goes while the vault is asked; one that waits for the vault that comes after; and one that has none. */
    s->vault.trust_code = 0;
    s->vault.hold_trust = true;
    c = client_unix(s);
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(s, s->vault.trust_asked == 3);
    client_free(c);
    vault_answer_trust(s, s->vault.trust_call);
    c = client_unix(s);
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(s, s->vault.trust_asked == 4);
    vault_leave(s);
    expect_answer(c, 503, NULL);
    client_free(c);
    c = client_unix(s);
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(c, 503, NULL);
    client_free(c);
    s->vault.hold_trust = false;
    vault_join(s);
    /* The gate may read an agent's request before the monitor's message. */
    unsigned status = 503;
    for (unsigned i = 0; i < 1000 && status == 503; i++) {
        struct answer a;
        c = client_unix(s);
        client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
        answer_init(&a);
        client_answer(c, &a);
        status = a.status;
        answer_deinit(&a);
        client_free(c);
    }
    CHECK_EQ_UINT(status, 200);
    stage_end(s);
}

TEST(a_vault_that_is_replaced_is_asked_again)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    s->vault.hold_trust = true;
    client_text(c, "GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(s, s->vault.trust_asked == 1);
    struct ipc_chan *older = s->vault.chan;
    s->vault.hold_trust = false;
    vault_join(s); /* while the one before still stands */
    expect_pem(c, false, false);
    CHECK_EQ_UINT(s->vault.trust_asked, 2);
    ipc_chan_free(older);
    client_free(c);
    stage_end(s);
}

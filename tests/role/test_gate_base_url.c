/* test_gate_base_url.c - the rest of test_gate: the base URL, for SDKs that take no proxy, and who may not use it. */
#include "role/gate_stage.h"

#define T "/t/" STAGE_TOKEN

/* A request by TCP; %u in `host` is the listener's port. */
static void ask(struct client *c, const char *method, const char *target, const char *host, const char *more)
{
    char text[1024];
    char at[128];
    const char *mark = strstr(host, "PORT");
    (void)snprintf(at, sizeof(at), "%.*s", mark != NULL ? (int)(mark - host) : (int)strlen(host), host);
    (void)snprintf(text, sizeof(text),
                   mark != NULL ? "%s %s HTTP/1.1\r\nHost: %s%u\r\n%s\r\n"
                                : "%s %s HTTP/1.1\r\nHost: %s%.0u\r\n%s\r\n",
                   method, target, at, mark != NULL ? c->stage->port : 0, more);
    client_text(c, text);
}

TEST(a_base_url_stands_for_its_host)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    ask(c, "GET", T "/https/API.example.com/v1/a/../%62?q=1", "127.0.0.1:PORT", "");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_STR(st->request.host, "api.example.com");
    CHECK_EQ_UINT(st->request.port, 443);
    CHECK_EQ_UINT(st->request.scheme, SPEC_SCHEME_HTTPS);
    CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/v1/b", 5);
    CHECK_EQ_BYTES(buf_span(&st->request.query).ptr, buf_len(&st->request.query), "q=1", 3);
    stream_reply(st, 200, "a");
    expect_answer(c, 200, "a");
    /* Another host on the same connection. */
    ask(c, "GET", T "/https/192.0.2.7:443", "localhost:PORT", "");
    st = egress_request(s, 0, 2);
    CHECK_EQ_STR(st->request.host, "192.0.2.7");
    CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/", 1);
    stream_reply(st, 200, "b");
    expect_answer(c, 200, "b");
    client_free(c);
    c = client_unix(s);
    client_text(c, "GET /https/api.example.com/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    st = egress_request(s, 1, 1);
    CHECK_EQ_STR(st->request.host, "api.example.com");
    stream_reply(st, 200, "c");
    expect_answer(c, 200, "c");
    /* Nobody has to show the token there; who shows one, shows the right one. */
    client_text(c, "GET /t/wrong/https/api.example.com/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_answer(c, 407, NULL);
    client_free(c);
    stage_end(s);
}

TEST(a_base_url_in_absolute_form)
{
    struct stage *s = stage_serve();
    char target[256];
    struct client *c = client_tcp(s);
    (void)snprintf(target, sizeof(target), "http://127.0.0.1:%u" T "/https/api.example.com/v1", s->port);
    ask(c, "GET", target, "127.0.0.1:PORT", "");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_STR(st->request.host, "api.example.com");
    CHECK_EQ_UINT(st->request.scheme, SPEC_SCHEME_HTTPS);
    stream_reply(st, 200, "a");
    expect_answer(c, 200, "a");
    client_free(c);
    /* Another authority is a request to the proxy, which wants its token where proxies have it. */
    c = client_tcp(s);
    ask(c, "GET", "http://127.0.0.1:1" T "/https/api.example.com/v1", "127.0.0.1:PORT", "");
    expect_answer(c, 407, NULL);
    expect_refused(s, 1, POLICY_REASON_PROXY_AUTH);
    client_free(c);
    stage_end(s);
}

TEST(who_may_not_use_a_base_url)
{
    static const struct {
        const char *method, *target, *host, *more;
        unsigned status;
        enum policy_reason reason;
    } cases[] = {
#define OWN "127.0.0.1:PORT"
        {"GET", "/t/wrong/https/api.example.com/", OWN, "", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", T "x/https/api.example.com/", OWN, "", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", "/t//https/api.example.com/", OWN, "", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", "/https/api.example.com/", OWN, "", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", T, OWN, "", 407, POLICY_REASON_PROXY_AUTH},
        {"GET", T "/https/api.example.com/", "evil.example:PORT", "", 403, POLICY_REASON_BASE_URL_FOREIGN},
        {"GET", T "/https/api.example.com/", "api.example.com", "", 403, POLICY_REASON_BASE_URL_FOREIGN},
        {"GET", T "/https/api.example.com/", "127.0.0.1", "", 403, POLICY_REASON_BASE_URL_FOREIGN},
        {"GET", T "/https/api.example.com/", "127.0.0.1:1", "", 403, POLICY_REASON_BASE_URL_FOREIGN},
        {"GET", T "/https/api.example.com/", OWN, "Origin: null\r\n", 403, POLICY_REASON_BASE_URL_FOREIGN},
        {"GET", T "/https/api.example.com/", OWN, "sec-fetch-site: none\r\n", 403,
         POLICY_REASON_BASE_URL_FOREIGN},
        {"OPTIONS", T "/https/api.example.com/", OWN, "", 405, POLICY_REASON_METHOD_NEVER},
        {"GET", T "/http/plain.example.com/", OWN, "", 400, POLICY_REASON_BAD_REQUEST},
        {"GET", T "/HTTPS/api.example.com/", OWN, "", 400, POLICY_REASON_BAD_REQUEST},
        {"GET", T "/https//api.example.com/", OWN, "", 400, POLICY_REASON_BAD_AUTHORITY},
        {"GET", T "/https/api.example.com%2fv1/", OWN, "", 400, POLICY_REASON_BAD_AUTHORITY},
        {"GET", T "/https/a@api.example.com/", OWN, "", 400, POLICY_REASON_BAD_AUTHORITY},
        {"GET", T "/https/../api.example.com/", OWN, "", 400, POLICY_REASON_BAD_AUTHORITY},
        {"GET", T "/https/api.example.com/../x", OWN, "", 400, POLICY_REASON_BAD_PATH},
        {"GET", T "/https/api.example.com/a%2fb", OWN, "", 400, POLICY_REASON_BAD_PATH},
        {"GET", T "/https/api.example.com" T "/https/x", OWN, "", 400, POLICY_REASON_BAD_PATH},
        {"GET", T "/https/api.example.com/", OWN, "Referer: http://x" T "\r\n", 400, POLICY_REASON_BAD_PATH},
    };
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_tcp(s);
        unsigned before = check_state.failed_checks;
        ask(c, cases[i].method, cases[i].target, cases[i].host, cases[i].more);
        expect_answer(c, cases[i].status, NULL);
        expect_refused(s, i + 1, cases[i].reason);
        if (check_state.failed_checks != before) {
            printf("  that was %s %s\n", cases[i].target, cases[i].more);
        }
        client_free(c);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

/* test_gate_rest.c - the role gate of a suspended tenant, and of one that nobody uses. */
#include "role/gate_stage.h"

TEST(a_suspended_tenant_is_told_so_everywhere)
{
    struct stage *s = stage_new();
    unsigned refused = 0;
    s->suspended = true;
    egress_configure(s, 1, "api.example.com:443");
    stage_go(s);
    /* Inside a tunnel, also to a host and a port that no route has, and more than once. */
    static const char *const tunnels[] = {"api.example.com:443", "elsewhere.example.net:8443"};
    for (size_t i = 0; i < 2; i++) {
        struct client *c = client_tcp(s);
        client_tunnel(c, tunnels[i]);
        CHECK(client_tls(c, i == 0 ? "api.example.com" : "elsewhere.example.net"));
        char request[128];
        (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", tunnels[i]);
        for (unsigned k = 0; k < 2; k++) {
            client_text(c, request);
            expect_answer(c, 403, NULL);
            expect_refused(s, ++refused, POLICY_REASON_TENANT_SUSPENDED);
        }
        client_free(c);
    }
    /* In clear text, inside a tunnel and outside of one; and where no tunnel could carry the answer. */
    static const char *const clear[] = {
        ("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n"
         "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        "GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        "CONNECT 192.0.2.8:443 HTTP/1.1\r\nHost: 192.0.2.8:443\r\n\r\n",
    };
    for (size_t i = 0; i < 3; i++) {
        struct client *c = client_unix(s);
        client_text(c, clear[i]);
        if (i == 0) {
            UNTIL(s, buf_len(&c->got) != 0 &&
                         memmem(buf_span(&c->got).ptr, buf_len(&c->got), "tenant_suspended", 16) != NULL);
        } else {
            expect_answer(c, 403, NULL);
        }
        expect_refused(s, ++refused, POLICY_REASON_TENANT_SUSPENDED);
        client_free(c);
    }
    /* Who has no token is not told. */
    struct client *c = client_tcp(s);
    client_text(c, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n");
    expect_answer(c, 407, NULL);
    client_free(c);
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

TEST(a_gate_that_nobody_uses_ends_and_takes_nobody_along)
{
    struct stage *s = stage_new_resting(40);
    egress_configure(s, 1, "api.example.com:443");
    stage_go(s);
    struct client *c = client_tcp(s);
    client_tunnel(c, "api.example.com:443");
    CHECK(client_tls(c, "api.example.com")); /* it does not end while somebody is there, whatever the time */
    client_free(c);
    CHECK_EQ_INT(stage_wait(s), 0);
    stage_free(s);
}

TEST(a_gate_without_an_idle_time_stays)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    client_tunnel(c, "api.example.com:443");
    client_free(c);
    c = client_tcp(s);
    client_tunnel(c, "api.example.com:443");
    CHECK(!s->life_closed);
    client_free(c);
    stage_end(s);
}

TEST(leaves_of_a_ca_that_was_replaced_are_not_shown_any_more)
{
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    unsigned asked = s->vault.asked;
    client_free(c);
    c = client_https(s);
    CHECK_EQ_UINT(s->vault.asked, asked); /* from the cache */
    client_free(c);
    s->ca_ms = 1;
    egress_configure(s, 2, "api.example.com:443");
    /* The configuration and the connection come by different sockets, so either may be first. */
    do {
        c = client_https(s);
        client_free(c);
    } while (s->vault.asked == asked && !s->overdue);
    CHECK_EQ_UINT(s->vault.asked, asked + 1);
    stage_end(s);
}

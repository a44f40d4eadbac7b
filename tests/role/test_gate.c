/* test_gate.c - the role gate up to the first request: the proxy token, tunnels, certificates, TLS. */
#include "base/encode.h"
#include "priv/confine.h"
#include "role/gate_stage.h"

#include <stdlib.h>

static void send_proxy_request(struct client *c, const char *request_line, const char *token)
{
    char text[1024];
    char pair[128];
    char encoded[ENCODE_BASE64_SIZE(sizeof(pair))] = "";
    if (token != NULL) {
        (void)snprintf(pair, sizeof(pair), "x:%s", token);
        (void)encode_base64(pair, strlen(pair), encoded);
    }
    (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: plain.example.com\r\n%s%s%s\r\n", request_line,
                   token != NULL ? "Proxy-Authorization: basic " : "", encoded, token != NULL ? "\r\n" : "");
    client_text(c, text);
}

/* ---- who may speak ---- */

TEST(layers_hold)
{
    struct stage *s = stage_serve();
    CHECK_EQ_UINT(s->layers, PRIV_LAYERS_OWN & ~stage_waived()); /* the others are the monitor's */
    stage_end(s);
}

TEST(tcp_wants_the_token)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    struct answer a;
    const char *wrong[] = {NULL, "", "cbx_wrong-token", STAGE_TOKEN "x", "cbx_right-toke"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        /* On one connection: who asks again with the token need not connect again. */
        send_proxy_request(c, i % 2 == 0 ? "CONNECT " API : "GET http://plain.example.com/", wrong[i]);
        answer_init(&a);
        client_answer(c, &a);
        CHECK_EQ_UINT(a.status, 407);
        CHECK(a.complete && a.keep_alive);
        CHECK_EQ_STR(answer_field(&a, "Proxy-Authenticate"), "Basic realm=\"clawbox\"");
        expect_refused(s, i + 1, POLICY_REASON_PROXY_AUTH);
        answer_deinit(&a);
    }
    send_proxy_request(c, "GET http://plain.example.com/x", STAGE_TOKEN);
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_STR(st->request.host, "plain.example.com");
    CHECK(request_field(st, "Proxy-Authorization") == NULL);
    stream_reply(st, 200, "x");
    expect_answer(c, 200, "x");
    client_tunnel(c, API);
    CHECK(client_tls(c, "api.example.com"));
    CHECK_EQ_UINT(s->egress.refused, 5);
    client_free(c);
    stage_end(s);
}

TEST(a_malformed_token_is_a_wrong_one)
{
    struct stage *s = stage_serve();
    const char *values[] = {"Basic", "Basic ", "Basic !!!!", ("Bearer " STAGE_TOKEN),
                            "Basic Y2J4X3JpZ2h0LXRva2Vu"};
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct client *c = client_tcp(s);
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "CONNECT " API " HTTP/1.1\r\nHost: " API "\r\nProxy-Authorization: %s\r\n\r\n",
                       values[i]);
        client_text(c, text);
        expect_answer(c, 407, NULL);
        client_free(c);
    }
    /* 4 KiB of base64: longer than any token. */
    struct client *c = client_tcp(s);
    char big[4097];
    memset(big, 'A', 4096);
    big[4096] = '\0';
    client_text(c, "CONNECT " API " HTTP/1.1\r\nHost: " API "\r\nProxy-Authorization: Basic ");
    client_text(c, big);
    client_text(c, "\r\n\r\n");
    expect_answer(c, 407, NULL);
    client_free(c);
    stage_end(s);
}

/* A body of a request without token is not waited for, and not taken for the next request. */
TEST(no_token_and_a_body)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    client_text(
        c, "POST http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 37\r\n\r\n"
           "GET http://x.example.com/ HTTP/1.1\r\n\r\n");
    expect_last_answer(c, 407);
    expect_refused(s, 1, POLICY_REASON_PROXY_AUTH);
    client_free(c);
    stage_end(s);
}

TEST(the_unix_socket_wants_no_token)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    client_tunnel(c, API);
    CHECK(client_tls(c, "api.example.com"));
    client_free(c);
    stage_end(s);
}

/* ---- CONNECT ---- */

struct connect_case {
    const char *authority;
    unsigned status;
    enum policy_reason reason;
};

TEST(connect_is_decided_by_host_and_port)
{
    static const struct connect_case cases[] = {
        {API, 200, POLICY_REASON_ROUTE},
        {"API.Example.com:443", 200, POLICY_REASON_ROUTE},
        {PLAIN, 200, POLICY_REASON_ROUTE},
        {LITERAL, 200, POLICY_REASON_ROUTE},
        {"a.wild.example.com:443", 200, POLICY_REASON_ROUTE},
        {NOBODY, 200, POLICY_REASON_ROUTE}, /* to be told inside why not */
        {"api.example.com:444", 403, POLICY_REASON_NO_ROUTE_PORT},
        {"api.example.com:80", 403, POLICY_REASON_NO_ROUTE_PORT},
        {"other.example.net:25", 403, POLICY_REASON_NO_ROUTE_PORT},
        {"192.0.2.8:443", 403, POLICY_REASON_NO_ROUTE},
        {"169.254.169.254:80", 403, POLICY_REASON_NO_ROUTE},
        {"[2001:db8::2]:443", 403, POLICY_REASON_NO_ROUTE},
        {"[::ffff:192.0.2.7]:443", 403, POLICY_REASON_NO_ROUTE},
        {"api.example.com", 400, POLICY_REASON_BAD_AUTHORITY},
        {"api.example.com:", 400, POLICY_REASON_BAD_AUTHORITY},
        {"api.example.com:0", 400, POLICY_REASON_BAD_AUTHORITY},
        {"api.example.com:65536", 400, POLICY_REASON_BAD_AUTHORITY},
        {"api..example.com:443", 400, POLICY_REASON_BAD_AUTHORITY},
        {"user@api.example.com:443", 400, POLICY_REASON_BAD_AUTHORITY},
        {"0300.0.2.7:443", 400, POLICY_REASON_BAD_AUTHORITY},
        {"3221225991:443", 400, POLICY_REASON_BAD_AUTHORITY},
        {"[::1:443", 400, POLICY_REASON_BAD_AUTHORITY},
        {"http://api.example.com/", 400, POLICY_REASON_BAD_AUTHORITY},
    };
    struct stage *s = stage_serve();
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_unix(s);
        unsigned before = check_state.failed_checks;
        if (cases[i].status == 200) {
            client_tunnel(c, cases[i].authority);
        } else {
            client_ask_tunnel(c, cases[i].authority);
            expect_last_answer(c, cases[i].status);
            expect_refused(s, ++refused, cases[i].reason);
            CHECK_EQ_STR(s->egress.refused_method, "CONNECT");
        }
        if (check_state.failed_checks != before) {
            printf("  that was %s\n", cases[i].authority);
        }
        client_free(c);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    CHECK_EQ_UINT(s->vault.asked, 0);
    stage_end(s);
}

TEST(connect_with_a_body)
{
    struct stage *s = stage_serve();
    const char *fields[] = {"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
    for (unsigned i = 0; i < 2; i++) {
        struct client *c = client_unix(s);
        client_text(c, "CONNECT " API " HTTP/1.1\r\nHost: " API "\r\n");
        client_text(c, fields[i]);
        expect_last_answer(c, 400);
        expect_refused(s, i + 1, POLICY_REASON_BAD_REQUEST);
        client_free(c);
    }
    stage_end(s);
}

TEST(a_host_without_a_route_is_told_inside)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    client_tunnel(c, NOBODY);
    CHECK(client_tls(c, "other.example.net"));
    CHECK_EQ_STR(s->vault.last_host, "other.example.net");
    client_text(c, "GET /v1/models HTTP/1.1\r\nHost: other.example.net\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1); /* who decides, and keeps the record */
    CHECK_EQ_STR(st->request.host, "other.example.net");
    CHECK_EQ_UINT(st->request.port, 443);
    stream_reply(st, 403, "no");
    expect_answer(c, 403, "no");
    client_free(c);
    stage_end(s);
}

/* ---- certificates ---- */

TEST(one_signature_for_all_who_wait)
{
    enum { WAITING = 40 };
    struct stage *s = stage_serve();
    struct client *c[WAITING];
    s->vault.hold = true;
    for (size_t i = 0; i < WAITING; i++) {
        c[i] = client_unix(s);
        client_tunnel(c[i], API);
        client_begin_tls(c[i], "api.example.com");
        client_flush(c[i]);
    }
    client_free(c[7]); /* one of them gives up */
    UNTIL(s, s->vault.asked == 1);
    struct client *late = client_unix(s);
    client_tunnel(late, API);
    vault_release(s);
    for (size_t i = 0; i < WAITING; i++) {
        if (i != 7) {
            UNTIL(s, c[i]->tls_ready || client_is_over(c[i]));
            CHECK(c[i]->tls_ready);
            client_free(c[i]);
        }
    }
    CHECK(client_tls(late, "api.example.com"));
    CHECK_EQ_UINT(s->vault.asked, 1);
    client_free(late);
    stage_end(s);
}

TEST(the_vault_says_no)
{
    struct stage *s = stage_serve();
    s->vault.code = (uint32_t)-CB_ELIMIT;
    for (unsigned i = 0; i < 2; i++) {
        struct client *c = client_unix(s);
        client_tunnel(c, NOBODY);
        CHECK(!client_tls(c, "other.example.net"));
        expect_end(c);
        client_free(c);
        CHECK_EQ_UINT(s->vault.asked, i + 1); /* a failure is not remembered */
    }
    s->vault.code = 0;
    struct client *c = client_unix(s);
    client_tunnel(c, NOBODY);
    CHECK(client_tls(c, "other.example.net"));
    client_free(c);
    stage_end(s);
}

/* A wrong answer costs the vault its channel, and those who wait their connection. */
TEST(an_answer_that_is_no_certificate)
{
    struct stage *s = stage_serve();
    s->vault.hold = true;
    struct client *c = client_unix(s);
    client_tunnel(c, API);
    client_begin_tls(c, "api.example.com");
    client_flush(c);
    UNTIL(s, s->vault.held_count == 1);
    struct ipc_leaf junk = {.cert = SPAN_LIT("junk"), .ca = SPAN_LIT("more junk")};
    CHECK_EQ_INT(ipc_send_leaf(s->vault.chan, s->vault.held[0].call, &junk), 0);
    expect_end(c);
    client_free(c);
    /* An answer that nobody asked for. */
    CHECK_EQ_INT(ipc_send_leaf(s->vault.chan, s->vault.held[0].call, &junk), 0);
    UNTIL(s, s->vault.closed);
    vault_leave(s);
    vault_join(s);
    s->vault.hold = false;
    c = client_unix(s);
    client_tunnel(c, API);
    CHECK(client_tls(c, "api.example.com"));
    client_free(c);
    stage_end(s);
}

TEST(the_vault_goes_and_comes_back)
{
    struct stage *s = stage_serve();
    struct client *kept = client_https(s); /* has its certificate */
    s->vault.hold = true;
    struct client *waits = client_unix(s);
    client_tunnel(waits, NOBODY);
    client_begin_tls(waits, "other.example.net");
    client_flush(waits);
    UNTIL(s, s->vault.asked == 2);
    vault_leave(s);
    expect_end(waits);
    client_free(waits);

    /* Known hosts go on, new ones have to wait for a vault. */
    struct client *known = client_https(s);
    struct client *c = client_unix(s);
    client_tunnel(c, NOBODY);
    CHECK(!client_tls(c, "other.example.net"));
    client_free(c);

    s->vault.hold = false;
    vault_join(s);
    do {
        c = client_unix(s);
        client_tunnel(c, NOBODY);
        bool stands = client_tls(c, "other.example.net");
        client_free(c);
        if (stands) {
            break;
        }
    } while (!s->overdue);
    CHECK_EQ_UINT(s->vault.asked, 3);
    client_free(known);
    client_free(kept);
    stage_end(s);
}

/* The new channel comes before the end of the old one is noticed: who waits is served by the new vault. */
TEST(a_new_vault_while_an_answer_is_awaited)
{
    struct stage *s = stage_serve();
    s->vault.hold = true;
    struct client *c = client_unix(s);
    client_tunnel(c, API);
    client_begin_tls(c, "api.example.com");
    client_flush(c);
    UNTIL(s, s->vault.asked == 1);
    struct ipc_chan *old = s->vault.chan;
    s->vault.hold = false;
    vault_join(s);
    UNTIL(s, c->tls_ready || client_is_over(c));
    CHECK(c->tls_ready);
    CHECK_EQ_UINT(s->vault.asked, 2);
    client_free(c);
    c = client_https(s);
    client_free(c);
    ipc_chan_free(old);
    stage_end(s);
}

/* What the vault took for a stranger's may be a route's after the next configuration: it is asked again. */
TEST(a_denial_is_forgotten_with_its_configuration)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    for (unsigned i = 0; i < 2; i++) {
        struct client *other = client_unix(s);
        client_tunnel(other, NOBODY);
        CHECK(client_tls(other, "other.example.net"));
        client_free(other);
        CHECK_EQ_UINT(s->vault.asked, 1);
    }
    client_free(client_https(s));
    CHECK_EQ_UINT(s->vault.asked, 2);
    egress_configure(s, 2, API " http:" PLAIN " " NOBODY);
    client_text(c, "GET / HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"); /* not before the configuration */
    stream_reply(egress_request(s, 0, 1), 200, "");
    expect_answer(c, 200, "");
    do {
        struct client *other = client_unix(s);
        client_tunnel(other, NOBODY);
        CHECK(client_tls(other, "other.example.net"));
        client_free(other);
    } while (s->vault.asked < 3 && !s->overdue);
    client_free(client_https(s));
    CHECK_EQ_UINT(s->vault.asked, 3);
    client_free(c);
    stage_end(s);
}

/* ---- the first flight ---- */

TEST(connect_and_the_first_flight_in_one_piece)
{
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < 2; i++) { /* with the certificate to be signed, and with it at hand */
        struct client *c = client_unix(s);
        struct buf all;
        buf_init(&all, 65536);
        client_begin_tls(c, "api.example.com");
        CHECK_EQ_INT(buf_append_str(&all, "CONNECT " API " HTTP/1.1\r\nHost: " API "\r\n\r\n"), 0);
        CHECK_EQ_INT(buf_append_span(&all, buf_span(tls_session_output(c->tls))), 0);
        buf_reset(tls_session_output(c->tls));
        client_send(c, buf_span(&all));
        UNTIL(s, c->tls_ready || c->tls_error != 0 || client_is_over(c));
        CHECK(c->tls_ready);
        client_text(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        stream_reply(egress_request(s, i, 1), 200, "one piece");
        expect_answer(c, 200, "one piece");
        buf_deinit(&all);
        client_free(c);
    }
    stage_end(s);
}

TEST(byte_by_byte)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    client_text_bytewise(c, SPAN_LIT("CONNECT " API " HTTP/1.1\r\nHost: " API "\r\n\r\n"));
    UNTIL(s,
          buf_len(&c->got) >= 4 && memcmp(buf_span(&c->got).ptr + buf_len(&c->got) - 4, "\r\n\r\n", 4) == 0);
    CHECK(span_starts(buf_span(&c->got), SPAN_LIT("HTTP/1.1 200 ")));
    buf_reset(&c->got);
    c->tunnel_up = true;
    client_begin_tls(c, "api.example.com");
    struct buf first = *tls_session_output(c->tls);
    client_text_bytewise(c, buf_span(&first));
    buf_consume(tls_session_output(c->tls), buf_len(&first));
    UNTIL(s, c->tls_ready || c->tls_error != 0 || client_is_over(c));
    CHECK(c->tls_ready);
    CHECK_EQ_INT(
        tls_session_write(c->tls, SPAN_LIT("POST / HTTP/1.1\r\nHost: api.example.com\r\n"
                                           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")),
        0);
    struct buf request = *tls_session_output(c->tls);
    client_text_bytewise(c, buf_span(&request));
    buf_consume(tls_session_output(c->tls), buf_len(&request));
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_BYTES(buf_span(&st->body).ptr, buf_len(&st->body), "abc", 3);
    stream_reply(st, 200, "bytes");
    expect_answer(c, 200, "bytes");
    client_free(c);
    stage_end(s);
}

/* More than the gate holds comes while the certificate is signed. */
TEST(a_flood_before_the_certificate)
{
    struct stage *s = stage_serve();
    s->vault.hold = true;
    struct client *c = client_unix(s);
    struct client *other = client_clear(s);
    client_tunnel(c, API);
    size_t size = (size_t)8 * 1024 * 1024;
    uint8_t *flood = malloc(size);
    memset(flood, 0x16, size);
    client_send(c, span_of(flood, size));
    UNTIL(s, s->vault.asked == 1);
    client_text(other, "GET /round HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_reply(st, 200, "");
    expect_answer(other, 200, "");
    for (unsigned i = 0; i < 200; i++) {
        round_trip(other, st);
    }
    CHECK(net_conn_queued(c->conn) > size / 2); /* at 64 KiB a turn, it would all be read by now */
    vault_release(s);
    UNTIL(s, client_is_over(c)); /* it was no handshake */
    free(flood);
    client_free(c);
    client_free(other);
    stage_end(s);
}

TEST(garbage_instead_of_a_handshake)
{
    struct stage *s = stage_serve();
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x16", 1},
        {"\x16\x03\x01\xff\xff", 5},
        {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10},
        {"\x16\x00\x00\x00\x00\x16\x00\x00\x00\x00\x16\x00\x00\x00\x00", 15},
        {"\x16GET / HTTP/1.1\r\n\r\n", 19},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_unix(s);
        client_tunnel(c, API);
        client_send(c, span_of(cases[i].bytes, cases[i].len));
        net_conn_shutdown(c->conn);
        UNTIL(s, client_is_over(c));
        client_free(c);
    }
    client_free(client_https(s));
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

/* ---- one host, three times ---- */

TEST(the_server_name_must_be_the_authority)
{
    struct stage *s = stage_serve();
    s->vault.leaf_name = "sneaky.example.com";
    struct client *c = client_unix(s);
    client_tunnel(c, API);
    CHECK(client_tls(c, "sneaky.example.com"));
    CHECK_EQ_STR(s->vault.last_host, "api.example.com"); /* the tunnel says, not the server name */
    client_text(
        c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\nGET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    expect_last_answer(c, 421);
    expect_refused(s, 1, POLICY_REASON_AUTHORITY_MISMATCH);
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    client_free(c);
    stage_end(s);
}

TEST(no_server_name)
{
    struct stage *s = stage_serve();
    s->vault.leaf_name = "192.0.2.99";
    struct client *c = client_unix(s);
    client_tunnel(c, API);
    CHECK(client_tls(c, "192.0.2.99")); /* for an address, none is sent */
    client_text(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_STR(st->request.host, "api.example.com");
    stream_reply(st, 200, "");
    expect_answer(c, 200, "");
    client_free(c);
    stage_end(s);
}

TEST(a_tunnel_to_an_address)
{
    struct stage *s = stage_serve();
    struct client *c = client_tcp(s);
    client_tunnel(c, LITERAL);
    CHECK(client_tls(c, "192.0.2.7"));
    client_text(c, "GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_STR(st->request.host, "192.0.2.7");
    stream_reply(st, 200, "");
    expect_answer(c, 200, "");
    client_free(c);
    stage_end(s);
}

TEST(the_host_field_must_be_the_authority)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"api.example.com", 200},      {"api.example.com:443", 200}, {"API.EXAMPLE.COM", 200},
        {"other.example.com", 421},    {"api.example.com:444", 421}, {"", 400},
        {"api.example.com:http", 400}, {"a@api.example.com", 400},   {"api.example.com.", 400},
    };
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    unsigned requests = 0;
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        unsigned before = check_state.failed_checks;
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
        client_text(c, text);
        if (cases[i].status == 200) {
            struct stage_stream *st = egress_request(s, 0, ++requests);
            CHECK_EQ_STR(st->request.host, "api.example.com");
            stream_reply(st, 200, "");
            expect_answer(c, 200, "");
        } else {
            /* The request was well-formed as HTTP: the connection goes on. */
            expect_answer(c, cases[i].status, NULL);
            expect_refused(s, ++refused,
                           cases[i].status == 421 ? POLICY_REASON_AUTHORITY_MISMATCH
                                                  : POLICY_REASON_BAD_AUTHORITY);
        }
        if (check_state.failed_checks != before) {
            printf("  that was Host: %s\n", cases[i].host);
        }
    }
    client_free(c);
    stage_end(s);
}

TEST(a_target_may_only_repeat_the_tunnel)
{
    static const struct {
        const char *target;
        unsigned status;
        enum policy_reason reason;
    } cases[] = {
        {"https://api.example.com/a?b", 200, POLICY_REASON_ROUTE},
        {"https://api.example.com:443/a?b", 200, POLICY_REASON_ROUTE},
        {"https://other.example.com/a", 421, POLICY_REASON_AUTHORITY_MISMATCH},
        {"https://api.example.com:444/a", 421, POLICY_REASON_AUTHORITY_MISMATCH},
        {"http://api.example.com/a", 400, POLICY_REASON_BAD_REQUEST},
        {"*", 400, POLICY_REASON_BAD_REQUEST},
        {"/%2e%2e/%zz", 400, POLICY_REASON_BAD_PATH},
        {"/a#b", 400, POLICY_REASON_BAD_PATH},
    };
    struct stage *s = stage_serve();
    unsigned refused = 0;
    unsigned streams = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct client *c = client_https(s);
        unsigned before = check_state.failed_checks;
        (void)snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
                       cases[i].target[0] == '*' ? "OPTIONS" : "GET", cases[i].target);
        client_text(c, text);
        if (cases[i].status == 200) {
            struct stage_stream *st = egress_request(s, streams++, 1);
            CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/a", 2);
            CHECK(st->request.has_query);
            CHECK_EQ_BYTES(buf_span(&st->request.query).ptr, buf_len(&st->request.query), "b", 1);
            stream_reply(st, 200, "");
            expect_answer(c, 200, "");
        } else {
            expect_answer(c, cases[i].status, NULL);
            UNTIL(s, s->egress.refused == refused + 1);
            expect_refused(s, ++refused, cases[i].reason);
        }
        if (check_state.failed_checks != before) {
            printf("  that was %s\n", cases[i].target);
        }
        client_free(c);
    }
    /* A tunnel inside a tunnel. */
    struct client *c = client_https(s);
    client_text(c, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
                   "GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    expect_last_answer(c, 405);
    expect_refused(s, refused + 1, POLICY_REASON_METHOD_NEVER);
    client_free(c);
    CHECK_EQ_UINT(s->egress.stream_count, streams);
    stage_end(s);
}

/* ---- without TLS ---- */

TEST(absolute_form)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    client_text(c,
                "GET http://plain.example.com/a/b?c=d HTTP/1.1\r\nHost: plain.example.com\r\nX-Y: z\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_UINT(st->request.scheme, SPEC_SCHEME_HTTP);
    CHECK_EQ_STR(st->request.host, "plain.example.com");
    CHECK_EQ_UINT(st->request.port, 80);
    CHECK_EQ_STR(st->request.method, "GET");
    CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/a/b", 4);
    CHECK_EQ_STR(request_field(st, "x-y"), "z");
    stream_reply(st, 200, "absolute");
    expect_answer(c, 200, "absolute");
    /* The next one may go elsewhere; nobody asks whether there is a route: egress does. */
    client_text(c, "GET http://other.example.net:8080 HTTP/1.1\r\nHost: other.example.net:8080\r\n\r\n");
    (void)egress_request(s, 0, 2);
    CHECK_EQ_STR(st->request.host, "other.example.net");
    CHECK_EQ_UINT(st->request.port, 8080);
    CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), "/", 1);
    stream_reply(st, 403, "no");
    expect_answer(c, 403, "no");
    client_tunnel(c, PLAIN);
    round_trip(c, st);
    client_free(c);
    stage_end(s);
}

TEST(absolute_form_refused)
{
    static const struct {
        const char *head;
        unsigned status;
        enum policy_reason reason;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: plain.example.com", 400, POLICY_REASON_BAD_REQUEST},
        {"GET https://api.example.com/ HTTP/1.1\r\nHost: api.example.com", 400, POLICY_REASON_BAD_REQUEST},
        {"GET ftp://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com", 400, POLICY_REASON_BAD_REQUEST},
        {"GET http:///x HTTP/1.1\r\nHost: plain.example.com", 400, POLICY_REASON_BAD_AUTHORITY},
        {"GET http://a@plain.example.com/x HTTP/1.1\r\nHost: plain.example.com", 400,
         POLICY_REASON_BAD_AUTHORITY},
        {"GET http://plain.example.com/x HTTP/1.1\r\nHost: api.example.com", 421,
         POLICY_REASON_AUTHORITY_MISMATCH},
        {"GET http://plain.example.com/x HTTP/1.1", 400, POLICY_REASON_BAD_REQUEST},
    };
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_unix(s);
        unsigned before = check_state.failed_checks;
        client_text(c, cases[i].head);
        client_text(c, "\r\n\r\n");
        expect_last_answer(c, cases[i].status);
        expect_refused(s, i + 1, cases[i].reason);
        if (check_state.failed_checks != before) {
            printf("  that was %s\n", cases[i].head);
        }
        client_free(c);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

TEST(clear_text_in_a_tunnel)
{
    struct stage *s = stage_serve();
    struct client *c = client_unix(s);
    client_text(c, "CONNECT " PLAIN " HTTP/1.1\r\nHost: " PLAIN "\r\n\r\n"
                   "GET /piece HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"); /* in one piece */
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_UINT(st->request.scheme, SPEC_SCHEME_HTTP);
    CHECK_EQ_STR(st->request.host, "plain.example.com");
    CHECK_EQ_UINT(st->request.port, 80);
    stream_reply(st, 200, "");
    UNTIL(s, buf_len(&c->got) > 39);
    CHECK(span_starts(buf_span(&c->got),
                      SPAN_LIT("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n")));
    client_free(c);

    c = client_unix(s);
    client_tunnel(c, API);
    client_text(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    expect_last_answer(c, 403);
    expect_refused(s, 1, POLICY_REASON_PLAINTEXT_IN_TUNNEL);
    CHECK_EQ_STR(s->egress.refused_host, "api.example.com");
    client_free(c);
    CHECK_EQ_UINT(s->egress.stream_count, 1);
    CHECK_EQ_UINT(s->vault.asked, 0);
    stage_end(s);
}

TEST_MAIN()

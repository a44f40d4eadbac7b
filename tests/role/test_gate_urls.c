/*
 * test_gate_urls.c - the rest of test_gate: every class of host that clawbox refuses (docs/urls.md), in each place where an agent
 * names one: the CONNECT, the target in absolute form, the Host field, the TLS server name.
 */
#include "role/gate_stage.h"

#define LABEL_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each is some reader's spelling of a host that has a route, or of an address inside. */
static const char *const hostile[] = {
    "api.example.com@evil.example",
    "evil.example@api.example.com",
    "a:b@api.example.com",
    "evil.example\\api.example.com",
    "api.example.com\\.evil.example",
    "api%2eexample.com",
    "%61pi.example.com",
    "api.example.com%00.evil.example",
    "api.example.com.",
    "api..example.com",
    ".api.example.com",
    "127.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.0.0.1.",
    "1.2.3",
    LABEL_64 ".example.com",
    "xn--a.example.com",
    "xn--.example.com",
    "-api.example.com",
    "api-.example.com",
    "a!pi.example.com",
    "api.example.com;evil.example",
    "api.example.com,evil.example",
    "{api}.example.com",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::1",
    "::1",
    "[::ffff:127.1]",
    "[127.0.0.1]",
    "[v1.x]",
    "\xef\xbc\xa1pi.example.com",
    "api\u3002example.com",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
    "api.ex\xd0\xb0mple.com",
    "api.example.com\xc2\xa0",
};

#define COUNT (sizeof(hostile) / sizeof(hostile[0]))

/* The last answer on this connection is a refusal of the request as such, and nothing went on. */
static void refused(struct client *c, const char *host)
{
    struct answer a;
    unsigned before = check_state.failed_checks;
    answer_init(&a);
    client_answer(c, &a);
    CHECK(a.complete && (a.status == 400 || a.status == 421));
    CHECK_EQ_UINT(c->stage->egress.stream_count, 0);
    if (check_state.failed_checks != before) {
        printf("  that was %s, answered %u\n", host, a.status);
    }
    answer_deinit(&a);
    client_free(c);
}

TEST(no_tunnel_is_opened_to_any)
{
    static const char *const ports[] = {":443", ":0443", ":+443",  ":443:443", ": 443",
                                        ":",    ":0",    ":65536", ""};
    struct stage *s = stage_serve();
    char text[512];
    for (size_t i = 0; i < COUNT; i++) {
        struct client *c = client_unix(s);
        (void)snprintf(text, sizeof(text), "CONNECT %s:443 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
                       hostile[i]);
        client_text(c, text);
        refused(c, hostile[i]);
    }
    for (size_t i = 1; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct client *c = client_unix(s);
        (void)snprintf(text, sizeof(text),
                       "CONNECT api.example.com%s HTTP/1.1\r\nHost: api.example.com\r\n\r\n", ports[i]);
        client_text(c, text);
        refused(c, ports[i]);
    }
    stage_end(s);
}

TEST(no_target_names_any)
{
    struct stage *s = stage_serve();
    char text[512];
    for (size_t i = 0; i < COUNT; i++) {
        struct client *c = client_unix(s);
        (void)snprintf(text, sizeof(text), "GET http://%s/ HTTP/1.1\r\nHost: plain.example.com\r\n\r\n",
                       hostile[i]);
        client_text(c, text);
        refused(c, hostile[i]);
        c = client_clear(s); /* the same inside of a tunnel */
        client_text(c, text);
        refused(c, hostile[i]);
    }
    stage_end(s);
}

TEST(no_host_field_names_any)
{
    struct stage *s = stage_serve();
    char text[512];
    for (size_t i = 0; i < COUNT; i++) {
        struct client *c = client_clear(s);
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hostile[i]);
        client_text(c, text);
        refused(c, hostile[i]);
    }
    /* Control bytes, which no string literal of C carries. */
    static const struct {
        const char *text;
        size_t len;
    } bytes[] = {
#define BYTES(text_) {(text_), sizeof(text_) - 1}
        BYTES("GET / HTTP/1.1\r\nHost: plain.example.com\0.evil.example\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: plain.\texample.com\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: plain.example.com evil.example\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: plain\x7f.example.com\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    };
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        struct client *c = client_clear(s);
        client_send(c, span_of(bytes[i].text, bytes[i].len));
        refused(c, bytes[i].text + 16);
    }
    stage_end(s);
}

/* The vault signs for whatever name the agent expects, so that its handshake ends where it can. */
TEST(no_server_name_is_any)
{
    struct stage *s = stage_serve();
    size_t answered = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct client *c = client_unix(s);
        s->vault.leaf_name = hostile[i];
        client_tunnel(c, i % 2 == 0 ? API : NOBODY); /* in turns, so that no leaf is remembered */
        if (client_tls(c, hostile[i])) {
            client_text(c, i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
                                      : "GET / HTTP/1.1\r\nHost: other.example.net\r\n\r\n");
            refused(c, hostile[i]);
            answered++;
        } else {
            client_free(c); /* no such certificate, or no such name: no request came of it either */
        }
        CHECK_EQ_UINT(s->egress.stream_count, 0);
    }
    printf("%zu of %zu server names came as far as a request\n", answered, COUNT);
    stage_end(s);
}

/* test_parent.c - what the parent proxy is asked, and what of its answers is a tunnel. */
#include "egress/state.h"
#include "support/check.h"

static void authority(const char *text, int code, const char *host, unsigned port)
{
    struct parent p = {.used = false};
    CHECK_EQ_INT(parent_set(&p, span_str(text)), code);
    CHECK_EQ_INT(p.used, code == 0 && text[0] != '\0');
    if (p.used) {
        CHECK_EQ_STR(p.host.text, host);
        CHECK_EQ_UINT(p.port, port);
    }
}

TEST(where_it_is)
{
    authority("", 0, NULL, 0);
    authority("proxy.corp.example:3128", 0, "proxy.corp.example", 3128);
    authority("10.0.0.1:8080", 0, "10.0.0.1", 8080);
    authority("[fd00::1]:8080", 0, "[fd00::1]", 8080);
    authority("proxy.corp.example", CB_EINVAL, NULL, 0);
    authority("http://proxy:3128", CB_EINVAL, NULL, 0);
    authority("user:password@proxy:3128", CB_EINVAL, NULL, 0);
}

static void asks(const char *login, int code, const char *want)
{
    struct parent p = {.used = true};
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(login != NULL ? parent_login(&p, span_str(login)) : 0, code);
    if (code == 0) {
        CHECK_EQ_INT(parent_ask(&p, "93.184.216.34:443", &out), 0);
        CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, strlen(want));
    }
    secret_free(p.login);
    buf_deinit(&out);
}

#define ASKED "CONNECT 93.184.216.34:443 HTTP/1.1\r\nHost: 93.184.216.34:443\r\n"

TEST(what_it_is_asked)
{
    asks(NULL, 0, ASKED "\r\n");
    asks("user:password\n", 0, ASKED "Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n");
    asks("user:", 0, ASKED "Proxy-Authorization: Basic dXNlcjo=\r\n\r\n");
    asks("", CB_EINVAL, NULL);
    asks("\n", CB_EINVAL, NULL);
    asks("no colon", CB_EINVAL, NULL);
    asks("user:pass\nword", CB_EINVAL, NULL);
    asks("user:pass\r\n", CB_EINVAL, NULL);
}

/* The answer in pieces of `step` bytes. */
static int read_in_steps(const char *answer, size_t step, char why[200])
{
    struct http_parser *parser = http_parser_new_response();
    struct span rest = span_str(answer);
    int r = CB_EAGAIN;
    why[0] = '\0';
    http_parser_set_head_request(parser, true);
    while (r == CB_EAGAIN && rest.len != 0) {
        r = parent_read(parser, span_sub(rest, 0, step), why, 200);
        rest = span_sub(rest, step, SIZE_MAX);
    }
    http_parser_free(parser);
    return r;
}

static void answers(const char *answer, int code, const char *why)
{
    char got[200];
    for (size_t step = 1; step <= strlen(answer); step++) {
        int r = read_in_steps(answer, step, got);
        if (!CHECK_EQ_INT(r, code) || !CHECK(strncmp(got, why, strlen(why)) == 0)) {
            printf("    \"%s\", %zu bytes at a time: %s\n", answer, step, got);
        }
    }
}

TEST(what_it_answers)
{
    char why[200];
    answers("HTTP/1.1 200 OK\r\n\r\n", 0, "");
    answers("HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n", 0, "");
    answers("HTTP/1.1 204 x\r\n\r\n", 0, "");
    answers("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 0, "");
    /* RFC 9110, 9.3.6: framing means nothing there. */
    answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 0, "");
    answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "");
    answers("HTTP/1.1 200 OK\r\n", CB_EAGAIN, "");
    answers("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", CB_EPERM,
            "the parent proxy refuses: 407 Proxy Authentication Required");
    answers("HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n", CB_EPERM,
            "the parent proxy refuses: 302 Found");
    CHECK_EQ_INT(read_in_steps("HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03", 1000, why), CB_EMALFORMED);
    CHECK_EQ_STR(why, "the parent proxy sends bytes before the tunnel is used");
    CHECK_EQ_INT(read_in_steps("SSH-2.0-x\r\n", 1000, why), CB_EMALFORMED);
    CHECK(strncmp(why, "the parent proxy answers with malformed HTTP: ", 46) == 0);
}

TEST_MAIN()

/* test_gate_http.c - the role gate and HTTP: what is refused and how, bodies on their way, answers of every kind. */
#include "role/gate_stage.h"

#include <stdlib.h>

#define HEAD "GET / HTTP/1.1\r\nHost: plain.example.com\r\n"
#define POST "POST / HTTP/1.1\r\nHost: plain.example.com\r\n"

/* ---- what must not be passed on ---- */

struct bad_case {
    const char *bytes;
    unsigned status;
    enum policy_reason reason;
};

static const struct bad_case bad_cases[] = {
    {POST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: 3, 3\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: +3\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: -1\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: 0x3\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: 99999999999999999999999\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     POLICY_REASON_BAD_REQUEST},
    {POST "Transfer-Encoding: identity\r\n\r\nabc", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {HEAD "X-Folded: a\r\n b\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {HEAD "X-Bare: a\nX-Line: feed\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {HEAD "X-Bare: a\rb\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"GET / HTTP/1.1\nHost: plain.example.com\n\n", 505, POLICY_REASON_VERSION}, /* "1.1\n" is none */
    {HEAD "No colon\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {HEAD ": no name\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {HEAD "Host: plain.example.com\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"GET / HTTP/1.1\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"GET  / HTTP/1.1\r\nHost: plain.example.com\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"get / HTTP/1.1\r\nHost: plain.example.com\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"GET / HTTP/1.2\r\nHost: plain.example.com\r\n\r\n", 505, POLICY_REASON_VERSION},
    {"GET / HTTP/2.0\r\nHost: plain.example.com\r\n\r\n", 505, POLICY_REASON_VERSION},
    {"GET / HTTP/0.9\r\nHost: plain.example.com\r\n\r\n", 505, POLICY_REASON_VERSION},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, POLICY_REASON_VERSION},
    {"GET /\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"\x01\x02\x03\x04 garbage \xff\xfe\r\n\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {"SSH-2.0-OpenSSH_9.2\r\n", 400, POLICY_REASON_BAD_REQUEST},
    {POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417, POLICY_REASON_EXPECTATION},
};

static void expect_bad(struct stage *s, struct client *c, const struct bad_case *bad, unsigned number)
{
    unsigned before = check_state.failed_checks;
    expect_last_answer(c, bad->status); /* one answer, and what follows is not looked at */
    expect_refused(s, number, bad->reason);
    if (check_state.failed_checks != before) {
        printf("  that was %.60s\n", bad->bytes);
    }
    client_free(c);
}

#define INNOCENT "GET /smuggled HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"

TEST(malformed_in_a_clear_tunnel)
{
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct client *c = client_clear(s);
        client_text(c, bad_cases[i].bytes);
        client_text(c, INNOCENT);
        expect_bad(s, c, &bad_cases[i], i + 1);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

TEST(malformed_inside_tls)
{
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct client *c = client_https(s);
        client_text(c, bad_cases[i].bytes);
        client_text(c, INNOCENT);
        expect_bad(s, c, &bad_cases[i], i + 1);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

TEST(malformed_for_the_proxy)
{
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct client *c = client_unix(s);
        client_text(c, bad_cases[i].bytes);
        client_text(c, INNOCENT);
        expect_bad(s, c, &bad_cases[i], i + 1);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

static void send_filled(struct client *c, const char *before, size_t count, const char *after)
{
    char *fill = malloc(count);
    memset(fill, 'a', count);
    client_text(c, before);
    client_send(c, span_of(fill, count));
    client_text(c, after);
    free(fill);
}

TEST(too_long)
{
    static const struct bad_case cases[] = {
        {"head of 70 KiB in one field", 431, POLICY_REASON_HEAD_TOO_LARGE},
        {"129 fields", 431, POLICY_REASON_HEAD_TOO_LARGE},
        {"target of 20 KiB", 414, POLICY_REASON_URI_TOO_LONG},
        {"target of 200 KiB", 414, POLICY_REASON_URI_TOO_LONG},
        {"field with a NUL", 400, POLICY_REASON_BAD_REQUEST},
        {"target with a NUL", 400, POLICY_REASON_BAD_REQUEST},
    };
    struct stage *s = stage_serve();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = i % 2 == 0 ? client_https(s) : client_clear(s);
        switch (i) {
        case 0:
            send_filled(c, HEAD "X-Long: ", (size_t)70 * 1024, "\r\n\r\n" INNOCENT);
            break;
        case 1:
            client_text(c, HEAD);
            for (unsigned f = 0; f < 128; f++) {
                client_text(c, "A: b\r\n");
            }
            client_text(c, "\r\n" INNOCENT);
            break;
        case 2:
            send_filled(c, "GET /", (size_t)20 * 1024,
                        " HTTP/1.1\r\nHost: plain.example.com\r\n\r\n" INNOCENT);
            break;
        case 3:
            send_filled(c, "GET /", (size_t)200 * 1024,
                        " HTTP/1.1\r\nHost: plain.example.com\r\n\r\n" INNOCENT);
            break;
        case 4:
            client_send(c, SPAN_LIT(HEAD "X-Nul: a\0b\r\n\r\n" INNOCENT));
            break;
        default:
            client_send(c, SPAN_LIT("GET /a\0b HTTP/1.1\r\nHost: plain.example.com\r\n\r\n" INNOCENT));
            break;
        }
        expect_bad(s, c, &cases[i], i + 1);
    }
    CHECK_EQ_UINT(s->egress.stream_count, 0);
    stage_end(s);
}

/* What is still allowed: a target of 16,000 bytes, 60 KiB of fields. */
TEST(long_but_not_too_long)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    send_filled(c, "GET /", 16000, " HTTP/1.1\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_UINT(buf_len(&st->request.path), 16001);
    stream_reply(st, 200, "");
    expect_answer(c, 200, "");
    send_filled(c, HEAD "X-Long: ", (size_t)60 * 1024, "\r\n\r\n");
    (void)egress_request(s, 0, 2);
    CHECK(buf_len(&st->request.fields) > (size_t)60 * 1024);
    stream_reply(st, 200, "");
    expect_answer(c, 200, "");
    client_free(c);
    stage_end(s);
}

/* The second request of a connection is looked at as the first; the answer to the first is not harmed. */
TEST(malformed_behind_a_good_one)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\nGARBAGE\r\n\r\n" INNOCENT);
    struct stage_stream *st = egress_request(s, 0, 1);
    CHECK_EQ_UINT(s->egress.refused, 0);
    stream_reply(st, 200, "good");
    expect_answer(c, 200, "good");
    expect_last_answer(c, 400);
    expect_refused(s, 1, POLICY_REASON_BAD_REQUEST);
    UNTIL(s, st->closed);
    CHECK_EQ_UINT(st->begun, 1);
    client_free(c);
    stage_end(s);
}

/* A chunk that is none: what egress has of the body must not become a whole request. */
TEST(a_body_that_breaks)
{
    static const char *const chunks[] = {
        "3\r\nabcXX", "zz\r\nabc\r\n",         "3;\r\nab\ncd",
        "3 \r\n",     "FFFFFFFFFFFFFFFFF\r\n", "0\r\nContent-Length: 5\r\n\r\n"};
    struct stage *s = stage_serve();
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        struct client *c = client_clear(s);
        unsigned before = check_state.failed_checks;
        client_text(c, POST "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        client_text(c, chunks[i]);
        client_text(c, INNOCENT);
        struct stage_stream *st = egress_stream(s, i);
        UNTIL(s, st->closed);
        CHECK_EQ_UINT(st->begun, 1);
        CHECK_EQ_UINT(st->ended, 0);
        UNTIL(s, client_is_over(c));
        CHECK_EQ_UINT(buf_len(&c->got), 0);
        if (check_state.failed_checks != before) {
            printf("  that was %s\n", chunks[i]);
        }
        client_free(c);
    }
    stage_end(s);
}

/* ---- requests on their way ---- */

TEST(a_request_arrives_as_fields)
{
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    client_text(
        c, "PATCH /a/%7Eb/../c?x=1&y HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer p\r\n"
           "Proxy-Authorization: Basic eDp5\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Odd: \xc3\xa9\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    struct stage_request *q = &st->request;
    CHECK_EQ_UINT(q->scheme, SPEC_SCHEME_HTTPS);
    CHECK_EQ_STR(q->method, "PATCH");
    CHECK_EQ_STR(q->host, "api.example.com");
    CHECK_EQ_UINT(q->port, 443);
    CHECK_EQ_BYTES(buf_span(&q->path).ptr, buf_len(&q->path), "/a/c", 4);
    CHECK(q->has_query);
    CHECK_EQ_BYTES(buf_span(&q->query).ptr, buf_len(&q->query), "x=1&y", 5);
    CHECK_EQ_UINT(q->framing, HTTP_FRAMING_NONE);
    CHECK(!q->expect_continue);
    CHECK_EQ_STR(request_field(st, "Authorization"), "Bearer p");
    /* Inside a tunnel this is a credential like any other, which egress looks at. */
    CHECK_EQ_STR(request_field(st, "Proxy-Authorization"), "Basic eDp5");
    CHECK_EQ_STR(request_field(st, "X-Odd"), "\xc3\xa9");
    CHECK_EQ_UINT(st->end_total, 0);
    stream_reply(st, 200, "");
    expect_answer(c, 200, "");
    client_free(c);
    stage_end(s);
}

static void check_pattern(const struct buf *body, size_t size)
{
    bool same = CHECK_EQ_UINT(buf_len(body), size);
    for (size_t i = 0; i < size && same; i++) {
        same = buf_span(body).ptr[i] == (uint8_t)(i * 7 + i / 251);
    }
    CHECK(same && "the bytes that were sent");
}

static uint8_t *pattern(size_t size)
{
    uint8_t *p = malloc(size);
    if (!CHECK(p != NULL)) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)(i * 7 + i / 251);
    }
    return p;
}

TEST(bodies_arrive_in_parts)
{
    enum { SIZE = 3 * 1000 * 1000 };
    struct stage *s = stage_serve();
    uint8_t *bytes = pattern(SIZE);
    for (size_t i = 0; i < 4; i++) {
        struct client *c = i % 2 == 0 ? client_https(s) : client_clear(s);
        const char *host = i % 2 == 0 ? "api.example.com" : "plain.example.com";
        bool chunked = i >= 2;
        char text[200];
        (void)snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", host,
                       chunked ? "Transfer-Encoding: chunked" : "Content-Length: 3000000");
        client_text(c, text);
        if (chunked) {
            client_text(c, "1\r\n");
            client_send(c, span_of(bytes, 1));
            client_text(c, "\r\n2DC6BE;x=y\r\n"); /* 2,999,998 */
            client_send(c, span_of(bytes + 1, SIZE - 2));
            client_text(c, "\r\n01\r\n");
            client_send(c, span_of(bytes + SIZE - 1, 1));
            client_text(c, "\r\n0\r\nX-Trailer: t\r\n\r\n");
        } else {
            client_send(c, span_of(bytes, SIZE));
        }
        struct stage_stream *st = egress_request(s, i, 1);
        CHECK_EQ_UINT(st->request.framing, chunked ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_LENGTH);
        CHECK_EQ_UINT(st->request.content_length, chunked ? 0 : SIZE);
        CHECK_EQ_UINT(st->end_total, SIZE);
        CHECK(st->largest_part <= IPC_BODY_MAX);
        check_pattern(&st->body, SIZE);
        stream_reply(st, 201, "made");
        expect_answer(c, 201, "made");
        client_free(c);
    }
    free(bytes);
    stage_end(s);
}

TEST(a_body_waits_for_100_continue)
{
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    struct answer a;
    client_text(
        c, "POST / HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    struct stage_stream *st = egress_stream(s, 0);
    UNTIL(s, st->begun == 1);
    CHECK(st->request.expect_continue);
    stream_interim(st, 100, NULL, NULL);
    UNTIL(s, buf_len(&c->got) != 0);
    CHECK_EQ_BYTES(buf_span(&c->got).ptr, buf_len(&c->got), "HTTP/1.1 100 Continue\r\n\r\n", 25);
    client_text(c, "body");
    (void)egress_request(s, 0, 1);
    stream_interim(st, 103, "Link", "</x>; rel=preload");
    stream_reply(st, 200, "thanks");
    answer_init(&a);
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, 200);
    CHECK_EQ_UINT(a.interim_count, 2);
    CHECK_EQ_UINT(a.interims[0], 100);
    CHECK_EQ_UINT(a.interims[1], 103);
    CHECK(a.complete);
    answer_deinit(&a);
    client_free(c);
    stage_end(s);
}

/* An answer before the end of the body is the last one: where the next request would begin, nobody knows. */
TEST(an_early_answer)
{
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    struct answer a;
    client_text(c, "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1000\r\n\r\nsome");
    struct stage_stream *st = egress_stream(s, 0);
    UNTIL(s, buf_len(&st->body) == 4);
    stream_reply(st, 413, "too much");
    answer_init(&a);
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, 413);
    CHECK(a.complete);
    CHECK_EQ_BYTES(buf_span(&a.body).ptr, buf_len(&a.body), "too much", 8);
    expect_end(c);
    CHECK_EQ_INT(c->error, 0);
    UNTIL(s, st->closed);
    CHECK_EQ_UINT(st->ended, 0);
    answer_deinit(&a);
    client_free(c);
    stage_end(s);
}

/* ---- answers ---- */

struct answer_case {
    const char *request; /* method and version */
    unsigned status;
    enum http_framing from; /* what egress says */
    uint64_t length;
    const char *body;
    enum http_framing to; /* what the agent gets */
    bool keep_alive;
};

static const struct answer_case answer_cases[] = {
    {"GET / HTTP/1.1", 200, HTTP_FRAMING_LENGTH, 5, "hello", HTTP_FRAMING_LENGTH, true},
    {"GET / HTTP/1.1", 200, HTTP_FRAMING_LENGTH, 0, "", HTTP_FRAMING_LENGTH, true},
    {"GET / HTTP/1.1", 200, HTTP_FRAMING_CHUNKED, 0, "hello", HTTP_FRAMING_CHUNKED, true},
    {"GET / HTTP/1.1", 200, HTTP_FRAMING_CHUNKED, 0, "", HTTP_FRAMING_CHUNKED, true},
    {"GET / HTTP/1.1", 200, HTTP_FRAMING_CLOSE, 0, "hello", HTTP_FRAMING_CHUNKED, true},
    {"GET / HTTP/1.0", 200, HTTP_FRAMING_LENGTH, 5, "hello", HTTP_FRAMING_LENGTH, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive", 200, HTTP_FRAMING_LENGTH, 5, "hello", HTTP_FRAMING_LENGTH,
     true},
    {"GET / HTTP/1.0\r\nConnection: keep-alive", 200, HTTP_FRAMING_CHUNKED, 0, "hello", HTTP_FRAMING_CLOSE,
     false},
    {"GET / HTTP/1.0", 200, HTTP_FRAMING_CHUNKED, 0, "hello", HTTP_FRAMING_CLOSE, false},
    {"GET / HTTP/1.0", 200, HTTP_FRAMING_CLOSE, 0, "hello", HTTP_FRAMING_CLOSE, false},
    {"GET / HTTP/1.1\r\nConnection: close", 200, HTTP_FRAMING_LENGTH, 5, "hello", HTTP_FRAMING_LENGTH, false},
    {"GET / HTTP/1.1\r\nConnection: close", 200, HTTP_FRAMING_CHUNKED, 0, "hello", HTTP_FRAMING_CHUNKED,
     false},
    {"HEAD / HTTP/1.1", 200, HTTP_FRAMING_NONE, 5, "", HTTP_FRAMING_NONE, true},
    {"HEAD / HTTP/1.1", 200, HTTP_FRAMING_LENGTH, 5, "", HTTP_FRAMING_NONE, true}, /* of egress itself */
    {"HEAD / HTTP/1.1", 200, HTTP_FRAMING_CHUNKED, 0, "", HTTP_FRAMING_NONE, true},
    {"GET / HTTP/1.1", 204, HTTP_FRAMING_NONE, 0, "", HTTP_FRAMING_NONE, true},
    {"GET / HTTP/1.1", 304, HTTP_FRAMING_NONE, 0, "", HTTP_FRAMING_NONE, true},
    {"GET / HTTP/1.1", 599, HTTP_FRAMING_LENGTH, 2, "hm", HTTP_FRAMING_LENGTH, true},
};

TEST(answers_of_every_kind)
{
    struct stage *s = stage_serve();
    for (size_t i = 0; i < 2 * sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
        const struct answer_case *k = &answer_cases[i / 2];
        bool tls = i % 2 == 0;
        struct client *c = tls ? client_https(s) : client_clear(s);
        unsigned before = check_state.failed_checks;
        struct answer a;
        answer_init(&a);
        client_text(c, k->request);
        client_text(c, tls ? "\r\nHost: api.example.com\r\n\r\n" : "\r\nHost: plain.example.com\r\n\r\n");
        struct stage_stream *st = egress_request(s, i, 1);
        stream_head(st, k->status, k->from, k->length, "X-Case", "yes");
        for (size_t b = 0; k->body[b] != '\0'; b++) {
            stream_body(st, span_of(k->body + b, 1));
        }
        stream_end(st, strlen(k->body));
        client_answer_to(c, k->request[0] == 'H', &a);
        CHECK_EQ_UINT(a.status, k->status);
        CHECK_EQ_INT(a.framing, k->to);
        CHECK(a.complete);
        CHECK_EQ_BYTES(buf_span(&a.body).ptr, buf_len(&a.body), k->body, strlen(k->body));
        CHECK_EQ_STR(answer_field(&a, "X-Case"), "yes");
        if (k->keep_alive) {
            CHECK(a.keep_alive);
            client_text(c, tls ? "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n" : HEAD "\r\n");
            (void)egress_request(s, i, 2);
            stream_reply(st, 200, "again");
            expect_answer(c, 200, "again");
        } else {
            CHECK(!a.keep_alive);
            expect_end(c);
            CHECK(!tls || c->tls_closed); /* so the agent knows that nothing was cut off */
        }
        if (check_state.failed_checks != before) {
            printf("  that was %s, %u, framing %d, %s\n", k->request, k->status, (int)k->from,
                   tls ? "TLS" : "clear");
        }
        answer_deinit(&a);
        client_free(c);
    }
    stage_end(s);
}

/* HTTP/1.0 knows no interim answers. */
TEST(interim_answers_by_version)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    struct answer a;
    answer_init(&a);
    client_text(c, "GET / HTTP/1.0\r\nHost: plain.example.com\r\n\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_interim(st, 103, NULL, NULL);
    stream_reply(st, 200, "old");
    client_answer(c, &a);
    CHECK_EQ_UINT(a.status, 200);
    CHECK_EQ_UINT(a.interim_count, 0);
    CHECK(a.complete);
    answer_deinit(&a);
    client_free(c);
    stage_end(s);
}

/* A cut answer must not look complete, whatever its framing. */
TEST(an_answer_that_is_cut)
{
    static const struct {
        const char *version;
        enum http_framing framing;
    } cases[] = {
        {"1.1", HTTP_FRAMING_LENGTH},
        {"1.1", HTTP_FRAMING_CHUNKED},
        {"1.1", HTTP_FRAMING_CLOSE},
        {"1.0", HTTP_FRAMING_CLOSE},
    };
    struct stage *s = stage_serve();
    size_t streams = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned how = 0; how < 2; how++) { /* said so, or gone */
            struct client *c = client_https(s);
            struct answer a;
            char text[128];
            answer_init(&a);
            (void)snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: api.example.com\r\n\r\n",
                           cases[i].version);
            client_text(c, text);
            struct stage_stream *st = egress_request(s, streams++, 1);
            stream_head(st, 200, cases[i].framing, 10, NULL, NULL);
            stream_body(st, SPAN_LIT("half"));
            if (how == 0) {
                stream_abort(st);
            } else {
                ipc_chan_free(st->chan);
                st->chan = NULL;
            }
            client_answer(c, &a);
            CHECK_EQ_UINT(a.status, 200);
            CHECK_EQ_BYTES(buf_span(&a.body).ptr, buf_len(&a.body), "half", 4);
            CHECK(!a.complete);
            CHECK(client_is_over(c) && !c->tls_closed);
            answer_deinit(&a);
            client_free(c);
        }
    }
    stage_end(s);
}

/* ---- one after the other ---- */

TEST(pipelined_requests_are_answered_in_order)
{
    enum { COUNT = 100 };
    struct stage *s = stage_serve();
    struct client *c = client_https(s);
    struct buf all;
    buf_init(&all, 65536);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ_INT(
            buf_appendf(&all,
                        i % 3 == 1
                            ? "POST /%d HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 2\r\n\r\nhi"
                            : "GET /%d HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
                        i),
            0);
    }
    client_send(c, buf_span(&all));
    buf_deinit(&all);
    for (unsigned i = 0; i < COUNT; i++) {
        char path[16];
        struct stage_stream *st =
            egress_request(s, 0, i + 1); /* no sooner than the one before was answered */
        int len = snprintf(path, sizeof(path), "/%u", i);
        CHECK_EQ_BYTES(buf_span(&st->request.path).ptr, buf_len(&st->request.path), path, (size_t)len);
        CHECK_EQ_UINT(buf_len(&st->body), i % 3 == 1 ? 2 : 0);
        stream_reply(st, 200, path);
        expect_answer(c, 200, path);
    }
    client_free(c);
    stage_end(s);
}

TEST(refusals_keep_their_place)
{
    struct stage *s = stage_serve();
    struct client *c = client_clear(s);
    client_text(c, HEAD "\r\nGET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n"
                        "HEAD / HTTP/1.1\r\nHost: other.example.com\r\n\r\n" HEAD "\r\n");
    struct stage_stream *st = egress_request(s, 0, 1);
    stream_reply(st, 200, "first");
    expect_answer(c, 200, "first");
    expect_answer(c, 421, NULL);
    struct answer a;
    answer_init(&a);
    client_answer_to(c, true, &a);
    CHECK_EQ_UINT(a.status, 421);
    CHECK(a.complete);
    answer_deinit(&a);
    (void)egress_request(s, 0, 2);
    stream_reply(st, 200, "last");
    expect_answer(c, 200, "last");
    expect_refused(s, 2, POLICY_REASON_AUTHORITY_MISMATCH);
    client_free(c);
    stage_end(s);
}

TEST(many_agents_begin_at_once)
{
    enum { COUNT = 60 };
    struct stage *s = stage_serve();
    struct client *c[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        c[i] = client_clear(s);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        client_text(c[i], HEAD "\r\n");
    }
    for (unsigned i = 0; i < COUNT; i++) {
        stream_reply(egress_request(s, i, 1), 200, "one of many");
    }
    for (unsigned i = 0; i < COUNT; i++) {
        expect_answer(c[i], 200, "one of many");
        client_free(c[i]);
    }
    CHECK_EQ_UINT(s->egress.refused, 0);
    stage_end(s);
}

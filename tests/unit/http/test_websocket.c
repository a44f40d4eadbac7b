/* test_websocket.c - which handshakes are one, and the heads of frames. */
#include "http/websocket.h"

#include "support/check.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* of RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GET    "GET /chat HTTP/1.1\r\nHost: a.example\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"

/* Reads one head and asks about it. */
static bool asked(const char *text)
{
    struct http_parser *p = http_parser_new_request();
    struct span in = span_str(text);
    struct http_event event;
    bool yes = CHECK_EQ_INT(http_parser_next(p, &in, &event), 0) && http_websocket_is_asked(event.head);
    http_parser_free(p);
    return yes;
}

static bool given(const char *text)
{
    struct http_parser *p = http_parser_new_response();
    struct span in = span_str(text);
    struct http_event event;
    http_parser_set_upgrade(p, true);
    bool yes = CHECK_EQ_INT(http_parser_next(p, &in, &event), 0) &&
               CHECK_EQ_INT(event.type, HTTP_EVENT_HEAD) &&
               http_websocket_is_given(event.head, SPAN_LIT(ACCEPT));
    http_parser_free(p);
    return yes;
}

#define WISH "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define REST "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"

TEST(a_request_asks_for_it_wholly_or_not_at_all)
{
    static const char *const yes[] = {
        GET WISH REST "\r\n",
        GET "Connection: keep-alive, UPGRADE\r\nUpgrade: WebSocket\r\n" REST "\r\n",
        GET "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" REST "\r\n",
    };
    static const char *const no[] = {
        GET REST "\r\n",
        GET "Upgrade: websocket\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: h2c\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n" REST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: websocket/13\r\n" REST "\r\n",
        GET "Connection: Upgraded\r\nUpgrade: websocket\r\n" REST "\r\n",
        "POST /chat HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n" WISH REST "\r\n",
        "GET /chat HTTP/1.0\r\nHost: a.example\r\n" WISH REST "\r\n",
        GET "Content-Length: 44\r\n" WISH REST "\r\n",
        GET "Content-Length: 0\r\n" WISH REST "\r\n",
        GET "Transfer-Encoding: chunked\r\n" WISH REST "\r\n",
        GET WISH "Sec-WebSocket-Key: " KEY "\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 13\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 13, 8\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 8\r\n" REST "\r\n",
        GET WISH "Sec-WebSocket-Key: " KEY "\r\n" REST "\r\n",
        GET WISH "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXh4\r\n\r\n",
        GET WISH "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        CHECK(asked(yes[i]) || !printf("  %s\n", yes[i]));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        CHECK(!asked(no[i]) || !printf("  %s\n", no[i]));
    }
}

TEST(an_answer_gives_it_wholly_or_not_at_all)
{
    static const char *const no[] = {
        SWITCH "Upgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        SWITCH "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        SWITCH "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        SWITCH WISH "\r\n",
        SWITCH WISH "Sec-WebSocket-Accept: " KEY "\r\n\r\n",
        SWITCH WISH "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        SWITCH WISH "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n\r\n",
        "HTTP/1.0 101 Switching Protocols\r\n" WISH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" WISH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
    };
    CHECK(given(SWITCH WISH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n"));
    CHECK(given(SWITCH "Connection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: " ACCEPT
                       "\r\n\r\n"));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        CHECK(!given(no[i]) || !printf("  %s\n", no[i]));
    }
}

/* The bytes behind a 101 are not the parser's, it is never followed by another answer, and it is asked for each time. */
TEST(a_101_is_the_end_of_http)
{
    static const char text[] = SWITCH WISH "\r\n\x81\x02hi";
    struct http_parser *p = http_parser_new_response();
    struct http_event event;
    struct span in = span_of(text, sizeof(text) - 1);
    http_parser_set_upgrade(p, true);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_HEAD);
    CHECK_EQ_UINT(event.head->status, 101);
    CHECK_EQ_INT(event.head->framing, HTTP_FRAMING_NONE);
    CHECK(!event.head->keep_alive);
    CHECK_EQ_UINT(in.len, 4);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    CHECK_EQ_UINT(in.len, 4);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EMALFORMED);
    http_parser_free(p);

    static const char *const bad[] = {SWITCH WISH "Content-Length: 2\r\n\r\nhi",
                                      SWITCH WISH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        p = http_parser_new_response();
        http_parser_set_upgrade(p, true);
        in = span_str(bad[i]);
        CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EMALFORMED);
        http_parser_free(p);
    }
    /* Another answer to the request that asked uses the permission up. */
    p = http_parser_new_response();
    http_parser_set_upgrade(p, true);
    in = SPAN_LIT("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n" SWITCH WISH "\r\n");
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_UINT(event.head->status, 403);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EMALFORMED);
    http_parser_free(p);
}

TEST(heads_of_frames)
{
    const struct {
        struct span bytes;
        int result;
        struct websocket_frame want;
    } cases[] = {
        {SPAN_LIT("\x81\x05"), 0, {.fin = true, .opcode = WEBSOCKET_TEXT, .len = 5}},
        {SPAN_LIT("\x02\x7d"), 0, {.opcode = WEBSOCKET_BINARY, .len = 125}},
        {SPAN_LIT("\x80\x00"), 0, {.fin = true, .opcode = WEBSOCKET_CONTINUATION}},
        {SPAN_LIT("\x82\x7e\x00\x7e"), 0, {.fin = true, .opcode = WEBSOCKET_BINARY, .len = 126}},
        {SPAN_LIT("\x82\x7e\xff\xff"), 0, {.fin = true, .opcode = WEBSOCKET_BINARY, .len = 65535}},
        {SPAN_LIT("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
         0,
         {.fin = true, .opcode = WEBSOCKET_BINARY, .len = 65536}},
        {SPAN_LIT("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
         0,
         {.fin = true, .opcode = WEBSOCKET_BINARY, .len = INT64_MAX}},
        {SPAN_LIT("\xc1\x85\x01\x02\x03\x04"),
         0,
         {.fin = true, .rsv = 4, .opcode = WEBSOCKET_TEXT, .masked = true, .mask = {1, 2, 3, 4}, .len = 5}},
        {SPAN_LIT("\x81\xfe\x01\x00\x01\x02\x03\x04"),
         0,
         {.fin = true, .opcode = WEBSOCKET_TEXT, .masked = true, .mask = {1, 2, 3, 4}, .len = 256}},
        {SPAN_LIT("\x89\x7d"), 0, {.fin = true, .opcode = WEBSOCKET_PING, .len = 125}},
        {SPAN_LIT("\x88\x00"), 0, {.fin = true, .opcode = WEBSOCKET_CLOSE}},
        {SPAN_LIT("\x83\x00"), CB_EMALFORMED, {.fin = false}}, /* unknown opcodes */
        {SPAN_LIT("\x8b\x00"), CB_EMALFORMED, {.fin = false}},
        {SPAN_LIT("\x82\x7e\x00\x7d"), CB_EMALFORMED, {.fin = false}}, /* longer than they have to be */
        {SPAN_LIT("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), CB_EMALFORMED, {.fin = false}},
        {SPAN_LIT("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), CB_EMALFORMED, {.fin = false}},
        {SPAN_LIT("\x09\x00"), CB_EMALFORMED, {.fin = false}}, /* a control frame in parts, a long one */
        {SPAN_LIT("\x89\x7e\x00\x7e"), CB_EMALFORMED, {.fin = false}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t cut = 0; cut < cases[i].bytes.len; cut++) {
            struct websocket_head head = {.have = 0};
            struct websocket_frame got = {.fin = false};
            struct span first = span_sub(cases[i].bytes, 0, cut);
            struct span rest = span_sub(cases[i].bytes, cut, SIZE_MAX);
            CHECK_EQ_INT(websocket_head_read(&head, &first, &got), CB_EAGAIN);
            CHECK_EQ_INT(websocket_head_read(&head, &rest, &got), cases[i].result);
            CHECK_EQ_UINT(rest.len, 0);
            CHECK_EQ_UINT(head.have, cases[i].bytes.len);
            const struct websocket_frame *want = &cases[i].want;
            if (!CHECK(got.fin == want->fin && got.rsv == want->rsv && got.opcode == want->opcode &&
                       got.masked == want->masked && got.len == want->len &&
                       memcmp(got.mask, want->mask, sizeof(got.mask)) == 0)) {
                printf("  case %zu, cut %zu\n", i, cut);
            }
        }
    }
}

TEST_MAIN()

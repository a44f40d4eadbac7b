/* test_write.c - heads and chunks as bytes, and that nothing can be split by what is put into them. */
#include "http/write.h"

#include "support/check.h"

#define CHECK_TEXT(out_, want_)                                           \
    do {                                                                  \
        struct span text_ = buf_span(&(out_));                            \
        CHECK_EQ_BYTES(text_.ptr, text_.len, (want_), sizeof(want_) - 1); \
        buf_reset(&(out_));                                               \
    } while (0)

TEST(start_lines)
{
    struct buf out;
    buf_init(&out, 1024);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("GET"), SPAN_LIT("/a?b")), 0);
    CHECK_TEXT(out, "GET /a?b HTTP/1.1\r\n");
    CHECK_EQ_INT(http_write_status_line(&out, 200), 0);
    CHECK_TEXT(out, "HTTP/1.1 200 OK\r\n");
    CHECK_EQ_INT(http_write_status_line(&out, 299), 0);
    CHECK_TEXT(out, "HTTP/1.1 299 \r\n");
    static const char *const bad_targets[] = {"", "/ b", "/\t", "/\r\n", "/\x7f", "/\xc3\xa4"};
    for (size_t i = 0; i < sizeof(bad_targets) / sizeof(bad_targets[0]); i++) {
        CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("GET"), span_str(bad_targets[i])), CB_EINVAL);
    }
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("GET"), SPAN_LIT("/a\0b")), CB_EINVAL);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT(""), SPAN_LIT("/")), CB_EINVAL);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("G T"), SPAN_LIT("/")), CB_EINVAL);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("GET\r\n"), SPAN_LIT("/")), CB_EINVAL);
    CHECK_EQ_INT(http_write_status_line(&out, 99), CB_EINVAL);
    CHECK_EQ_INT(http_write_status_line(&out, 600), CB_EINVAL);
    CHECK_EQ_UINT(buf_len(&out), 0);
    buf_deinit(&out);
}

TEST(fields)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X-A"), SPAN_LIT("b \xff")), 0);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_EMPTY), 0);
    CHECK_EQ_INT(http_write_fieldf(&out, "Y", "%d-%s", 7, "z"), 0);
    CHECK_TEXT(out, "X-A: b \xff\r\nX: \r\nY: 7-z\r\n");
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT("a\r\nY: b")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT("a\nb")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT("a\0b")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT(" a")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X:"), SPAN_LIT("a")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X\r\nY"), SPAN_LIT("a")), CB_EINVAL);
    CHECK_EQ_INT(http_write_field(&out, SPAN_EMPTY, SPAN_LIT("a")), CB_EINVAL);
    CHECK_EQ_INT(http_write_fieldf(&out, "X", "%s", "a\rb"), CB_EINVAL);
    CHECK_EQ_INT(http_write_fieldf(&out, "X", "%01023d", 1), 0);
    CHECK_EQ_UINT(buf_len(&out), 1023 + 5);
    CHECK_EQ_INT(http_write_fieldf(&out, "X", "%01024d", 1), CB_ELIMIT);
    CHECK_EQ_UINT(buf_len(&out), 1023 + 5);
    buf_deinit(&out);
}

TEST(framing_and_chunks)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING_LENGTH, UINT64_MAX), 0);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING_CHUNKED, 5), 0);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING_NONE, 5), 0);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING_CLOSE, 5), 0);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING__COUNT, 5), CB_EINVAL);
    CHECK_EQ_INT(http_write_head_end(&out), 0);
    CHECK_TEXT(out, "Content-Length: 18446744073709551615\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_EQ_INT(http_write_chunk(&out, SPAN_EMPTY), 0);
    CHECK_EQ_INT(http_write_chunk(&out, SPAN_LIT("0123456789abcdef")), 0);
    CHECK_EQ_INT(http_write_last_chunk(&out), 0);
    CHECK_TEXT(out, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
    buf_deinit(&out);
}

TEST(all_or_nothing)
{
    struct buf out;
    buf_init(&out, 20);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT("0123456789")), 0);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("X"), SPAN_LIT("0")), CB_ELIMIT);
    CHECK_EQ_INT(http_write_chunk(&out, SPAN_LIT("0")), CB_ELIMIT);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("GET"), SPAN_LIT("/")), CB_ELIMIT);
    CHECK_TEXT(out, "X: 0123456789\r\n");
    buf_deinit(&out);
}

TEST(phrases)
{
    CHECK_EQ_STR(http_phrase(403), "Forbidden");
    CHECK_EQ_STR(http_phrase(421), "Misdirected Request");
    CHECK_EQ_STR(http_phrase(504), "Gateway Timeout");
    CHECK_EQ_STR(http_phrase(418), "");
    CHECK_EQ_STR(http_phrase(0), "");
}

/* What is written is read back as the same message. */
TEST(read_back)
{
    struct buf out;
    struct http_event event;
    buf_init(&out, 4096);
    CHECK_EQ_INT(http_write_request_line(&out, SPAN_LIT("POST"), SPAN_LIT("/v1/x")), 0);
    CHECK_EQ_INT(http_write_field(&out, SPAN_LIT("Host"), SPAN_LIT("a.b")), 0);
    CHECK_EQ_INT(http_write_framing(&out, HTTP_FRAMING_CHUNKED, 0), 0);
    CHECK_EQ_INT(http_write_head_end(&out), 0);
    CHECK_EQ_INT(http_write_chunk(&out, SPAN_LIT("hello")), 0);
    CHECK_EQ_INT(http_write_last_chunk(&out), 0);
    struct http_parser *p = http_parser_new_request();
    struct span in = buf_span(&out);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK(span_eq_str(event.head->target, "/v1/x") && event.head->framing == HTTP_FRAMING_CHUNKED);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK(event.type == HTTP_EVENT_BODY && span_eq_str(event.body, "hello"));
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK(event.type == HTTP_EVENT_END && in.len == 0);
    http_parser_free(p);
    buf_deinit(&out);
}

TEST_MAIN()

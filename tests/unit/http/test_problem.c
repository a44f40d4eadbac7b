/* test_problem.c - our own answers, and JSON strings from any bytes. */
#include "http/write.h"

#include "support/check.h"

static void check_json(struct span text, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(http_json_string(&out, text), 0);
    struct span got = buf_span(&out);
    CHECK_EQ_BYTES(got.ptr, got.len, want, strlen(want));
    buf_deinit(&out);
}

#define BAD "\xef\xbf\xbd"

TEST(json_strings)
{
    check_json(SPAN_EMPTY, "\"\"");
    check_json(SPAN_LIT("a\"b\\c/\n\r\t\b\f"), "\"a\\\"b\\\\c/\\n\\r\\t\\u0008\\u000c\"");
    check_json(SPAN_LIT("\0x\x1f\x7f"), "\"\\u0000x\\u001f\\u007f\"");
    check_json(SPAN_LIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80"),
               "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\"");
}

TEST(json_strings_from_bad_utf8)
{
    static const struct {
        const char *bytes;
        const char *want;
    } table[] = {
        {"\x80", "\"" BAD "\""},
        {"a\xff\xfe"
         "b",
         "\"a" BAD BAD "b\""},
        {"\xc0\xaf", "\"" BAD BAD "\""},                 /* overlong */
        {"\xe0\x80\xaf", "\"" BAD BAD BAD "\""},         /* overlong */
        {"\xf0\x80\x80\xaf", "\"" BAD BAD BAD BAD "\""}, /* overlong */
        {"\xed\xa0\x80", "\"" BAD BAD BAD "\""},         /* surrogate */
        {"\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""}, /* above U+10FFFF */
        {"\xf5\x80", "\"" BAD BAD "\""},
        {"\xe2\x82", "\"" BAD "\""}, /* cut: one for the longest start */
        {"\xf0\x9f\x98", "\"" BAD "\""},
        {"\xe2\x82\"", "\"" BAD "\\\"\""}, /* the byte behind it is not swallowed */
        {"\xf0\x9f\xe2\x82\xac", "\"" BAD "\xe2\x82\xac\""},
        {"\xc3\n", "\"" BAD "\\n\""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check_json(span_str(table[i].bytes), table[i].want);
    }
}

/* True when the bytes are valid UTF-8, by another way than problem.c: decode and compare ranges. */
static bool utf8_valid(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned lead = s[i];
        size_t more = lead < 0x80   ? 0
                      : lead < 0xc0 ? 9
                      : lead < 0xe0 ? 1
                      : lead < 0xf0 ? 2
                      : lead < 0xf8 ? 3
                                    : 9;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (more == 9 || more >= len - i) {
            return false;
        }
        uint32_t c = more == 0 ? lead : lead & (0x3fU >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80) {
                return false;
            }
            c = c << 6 | (s[i + k] & 0x3fU);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

/* Every pair of bytes, and many random strings: the result is valid UTF-8 without bare controls, and the input itself
 * when that needed no change. */
static void check_any(const uint8_t *bytes, size_t len)
{
    struct buf out;
    bool plain = utf8_valid(bytes, len);
    buf_init(&out, 256);
    bool fine = http_json_string(&out, span_of(bytes, len)) == 0;
    struct span got = buf_span(&out);
    fine = fine && got.len >= 2 && got.ptr[0] == '"' && got.ptr[got.len - 1] == '"' &&
           utf8_valid(got.ptr, got.len);
    for (size_t i = 1; fine && i < got.len - 1; i++) {
        fine = got.ptr[i] >= 0x20 && got.ptr[i] != '"';
        i += got.ptr[i] == '\\' ? 1 : 0;
    }
    for (size_t i = 0; i < len; i++) {
        plain = plain && bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\' && bytes[i] != 0x7f;
    }
    fine = fine && (!plain || span_eq(span_sub(got, 1, got.len - 2), span_of(bytes, len)));
    if (!CHECK(fine)) {
        check_print_bytes(bytes, len, 0);
        printf("\n");
    }
    buf_deinit(&out);
}

TEST(json_strings_from_any_bytes)
{
    uint32_t state = 99;
    for (unsigned pair = 0; pair < 65536; pair++) {
        const uint8_t bytes[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        check_any(bytes, 2);
    }
    for (int round = 0; round < 50000; round++) {
        uint8_t bytes[8];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            static const uint8_t likely[] = {0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x8f, 0x90,
                                             0x9f, 0xa0, 0xbf, 0xc2, '"',  0xef, 0x41};
            state = state * 1664525 + 1013904223;
            bytes[i] = (state >> 30) == 0 ? (uint8_t)(state >> 16) : likely[(state >> 16) % sizeof(likely)];
        }
        check_any(bytes, sizeof(bytes));
    }
}

static const struct http_problem denied = {.status = 403,
                                           .verdict = "denied",
                                           .reason = "no_route",
                                           .detail = "No route of this tenant allows \"x\".",
                                           .proxy_error = "http_request_denied",
                                           .request_id = "r-1"};

#define DENIED_BODY                                                                                            \
    "{\"type\":\"urn:clawbox:problem:no_route\",\"title\":\"Forbidden\",\"status\":403,"                       \
    "\"detail\":\"No route of this tenant allows \\\"x\\\".\",\"verdict\":\"denied\",\"reason\":\"no_route\"," \
    "\"request_id\":\"r-1\",\"error\":{\"type\":\"denied\",\"code\":\"no_route\","                             \
    "\"message\":\"No route of this tenant allows \\\"x\\\".\"}}\n"

static void check_response(const struct http_problem *problem, bool close, bool head_only, const char *want)
{
    struct buf out;
    buf_init(&out, 8192);
    CHECK_EQ_INT(http_problem_response(problem, close, head_only, &out), 0);
    struct span got = buf_span(&out);
    CHECK_EQ_BYTES(got.ptr, got.len, want, strlen(want));
    buf_deinit(&out);
}

TEST(problem_responses)
{
    char want[2048];
    const char *head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
                       "Proxy-Status: clawbox; error=http_request_denied; details=\"no_route\"\r\n";
    (void)snprintf(want, sizeof(want), "%sContent-Length: %zu\r\n\r\n%s", head, strlen(DENIED_BODY),
                   DENIED_BODY);
    check_response(&denied, false, false, want);
    (void)snprintf(want, sizeof(want), "%sContent-Length: %zu\r\nConnection: close\r\n\r\n", head,
                   strlen(DENIED_BODY));
    check_response(&denied, true, true, want);
}

TEST(problem_407_asks_for_credentials)
{
    struct http_problem problem = denied;
    struct buf out;
    problem.status = 407;
    problem.request_id = NULL;
    problem.proxy_error = "";
    buf_init(&out, 8192);
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), 0);
    struct http_event event;
    struct http_parser *p = http_parser_new_response();
    struct span in = buf_span(&out);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_UINT(event.head->status, 407);
    CHECK_EQ_UINT(event.head->field_count, 4);
    CHECK(span_eq_str(event.head->fields[1].value, "clawbox; details=\"no_route\""));
    CHECK(span_eq_str(event.head->fields[2].name, "Proxy-Authenticate"));
    CHECK(span_eq_str(event.head->fields[2].value, "Basic realm=\"clawbox\""));
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_BODY);
    CHECK(memmem(event.body.ptr, event.body.len, "request_id", 10) == NULL);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    http_parser_free(p);
    buf_deinit(&out);
}

TEST(problem_with_bad_parts)
{
    struct http_problem problem = denied;
    struct buf out;
    buf_init(&out, 8192);
    problem.status = 200;
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    problem.status = 403;
    problem.reason = "a\r\nb";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    problem.reason = "quo\"te\\";
    CHECK_EQ_INT(http_problem_proxy_status(&problem, &out), 0);
    CHECK(span_eq_str(buf_span(&out), "clawbox; error=http_request_denied; details=\"quo\\\"te\\\\\""));
    buf_reset(&out);
    problem.proxy_error = "no token";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    CHECK_EQ_UINT(buf_len(&out), 0);
    problem = denied;
    problem.request_id = "evil\"\r\n\xff";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), 0);
    CHECK(memmem(out.data, out.end, "\"request_id\":\"evil\\\"\\r\\n" BAD "\"", 27) != NULL);
    buf_deinit(&out);
    buf_init(&out, 64);
    CHECK_EQ_INT(http_problem_response(&denied, false, false, &out), CB_ELIMIT);
    CHECK_EQ_INT(http_problem_body(&denied, &out), CB_ELIMIT);
    buf_deinit(&out);
}

TEST_MAIN()

/* test_json.c - JSON as it is written: strings from any bytes, structure, times, the error that latches. */
#include "base/json.h"
#include "support/check.h"

#include <time.h>

static void check_json(struct span text, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(json_quote(&out, text), 0);
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

/* True when the bytes are valid UTF-8, by another way than json.c: decode and compare ranges. */
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
    bool fine = json_quote(&out, span_of(bytes, len)) == 0;
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

TEST(documents)
{
    struct buf out;
    struct json j;
    buf_init(&out, 4096);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_array(&j, "empty");
    json_array_end(&j);
    json_object(&j, "nothing");
    json_object_end(&j);
    json_array(&j, "list");
    json_text(&j, NULL, SPAN_LIT("a"));
    json_object(&j, NULL);
    json_number(&j, "n", UINT64_MAX);
    json_bool(&j, "yes", true);
    json_bool(&j, "no", false);
    json_object_end(&j);
    json_null(&j, NULL);
    json_array(&j, NULL);
    json_number(&j, NULL, 0);
    json_number(&j, NULL, 1);
    json_array_end(&j);
    json_array_end(&j);
    json_text(&j, "a \"key\"", SPAN_EMPTY);
    json_object_end(&j);
    CHECK_EQ_INT(json_finish(&j), 0);
    CHECK_EQ_INT(buf_append_byte(&out, '\n'), 0);
    json_init(&j, &out);
    json_number(&j, NULL, 7);
    CHECK_EQ_INT(json_finish(&j), 0);
    const char *want =
        "{\"empty\":[],\"nothing\":{},\"list\":[\"a\",{\"n\":18446744073709551615,\"yes\":true,"
        "\"no\":false},null,[0,1]],\"a \\\"key\\\"\":\"\"}\n7";
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, strlen(want));
    buf_deinit(&out);
}

TEST(times)
{
    static const struct {
        uint64_t unix_ms;
        const char *want; /* NULL: refused */
    } table[] = {
        {0, "\"1970-01-01T00:00:00.000Z\""},
        {951782399999, "\"2000-02-28T23:59:59.999Z\""},
        {951782400007, "\"2000-02-29T00:00:00.007Z\""},
        {1795489000042, "\"2026-11-24T02:56:40.042Z\""},
        {4107542400000, "\"2100-03-01T00:00:00.000Z\""}, /* 2100 is no leap year */
        {253402300799999, "\"9999-12-31T23:59:59.999Z\""},
        {253402300800000, NULL},
        {UINT64_MAX, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf out;
        struct json j;
        buf_init(&out, 64);
        json_init(&j, &out);
        json_time(&j, NULL, table[i].unix_ms);
        CHECK_EQ_INT(json_finish(&j), table[i].want != NULL ? 0 : CB_EINVAL);
        const char *want = table[i].want != NULL ? table[i].want : "";
        CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, strlen(want));
        buf_deinit(&out);
    }
}

/* Every day of four centuries, then some of each month up to the last year, against the C library. */
TEST(times_of_every_day)
{
    for (uint64_t day = 0; day < 2932897; day += day < 146097 ? 1 : 13) {
        struct buf out;
        struct json j;
        struct tm tm;
        char want[64];
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        buf_init(&out, 64);
        json_init(&j, &out);
        json_time(&j, NULL, (uint64_t)seconds * 1000 + day % 1000);
        bool fine = json_finish(&j) == 0 && gmtime_r(&seconds, &tm) != NULL;
        size_t len = strftime(want, sizeof(want), "\"%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(want + len, sizeof(want) - len, ".%03uZ\"", (unsigned)(day % 1000));
        fine = fine && span_eq_str(buf_span(&out), want);
        buf_deinit(&out);
        if (!CHECK(fine)) {
            printf("%s\n", want);
            return;
        }
    }
}

TEST(the_first_error_latches)
{
    struct buf out;
    struct json j;
    buf_init(&out, 8);
    json_init(&j, &out);
    json_array(&j, NULL);
    json_text(&j, NULL, SPAN_LIT("too long for it"));
    size_t len = buf_len(&out);
    json_number(&j, NULL, 1);
    json_time(&j, NULL, UINT64_MAX);
    json_array_end(&j);
    CHECK_EQ_INT(json_finish(&j), CB_ELIMIT);
    CHECK_EQ_UINT(buf_len(&out), len);
    buf_deinit(&out);
}

TEST_MAIN()

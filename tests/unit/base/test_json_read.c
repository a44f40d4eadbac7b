/* test_json_read.c - one JSON object read strictly: what is taken, what is refused, what texts and numbers stand for. */
#include "base/json_read.h"

#include "support/check.h"

/* Reads to the end; the members as "name:kind:value " in `out`. The last result. */
static int read_all(const char *text, char *out, size_t size)
{
    struct json_reader r;
    struct json_member m;
    size_t used = 0;
    int result;
    out[0] = '\0';
    json_reader_init(&r, span_str(text));
    while ((result = json_reader_next(&r, &m)) == 1) {
        int len = snprintf(out + used, size - used, "%.*s:%d:%.*s ", SPAN_ARG(m.name), (int)m.kind,
                           SPAN_ARG(m.value));
        used += len > 0 && (size_t)len < size - used ? (size_t)len : 0;
    }
    return result;
}

static void reads(const char *text, const char *want)
{
    char out[512];
    if (!CHECK_EQ_INT(read_all(text, out, sizeof(out)), 0) || !CHECK_EQ_STR(out, want)) {
        printf("    for %s\n", text);
    }
}

static void refuses(const char *text)
{
    char out[512];
    if (!CHECK_EQ_INT(read_all(text, out, sizeof(out)), CB_EMALFORMED)) {
        printf("    for %s\n", text);
    }
}

TEST(objects)
{
    reads("{}", "");
    reads(" \t\r\n{ \n} ", "");
    reads("{\"a\":\"b\"}", "a:0:b ");
    reads("{\"a\" : \"b\" , \"c\":1.5e-3,\"d\":true,\"e\":false,\"f\":null}",
          "a:0:b c:1:1.5e-3 d:2:true e:2:false f:3:null ");
    reads("{\"a\":{\"b\":[1,{}, [ ] ,\"]\"]},\"c\":[[],[{\"x\":0}]]}",
          "a:4:{\"b\":[1,{}, [ ] ,\"]\"]} c:5:[[],[{\"x\":0}]] ");
    reads("{\"a\":1,\"a\":2}", "a:1:1 a:1:2 ");
    reads("{\"a\\u0062\\n\":\"\\\"\"}", "a\\u0062\\n:0:\\\" ");
    reads("{\"a\":-0,\"b\":0.0,\"c\":10}", "a:1:-0 b:1:0.0 c:1:10 ");
}

TEST(what_is_no_object)
{
    static const char *const texts[] = {
        "",
        " ",
        "[]",
        "\"a\"",
        "1",
        "null",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}x",
        "{}{}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{\"a\":TRUE}",
        "{\"a\":nul",
        "{\"a\":\"b}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u123\"}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{\"a\":{]}",
        "{\"a\":[1 2]}",
        "{\"a\":{\"b\"}}",
        "{\"a\":{\"b\":1,}}",
        "{\"a\":1 \"b\":2}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\x80\"}",
        "{\"a\":\"\xc0\xaf\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xe2\x82\"}",
        "{\"a\":NaN}",
        "{\"a\":1}/**/",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refuses(texts[i]);
    }
}

TEST(depth)
{
    char text[128] = "{\"a\":";
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        strcat(text, "[");
    }
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        strcat(text, "]");
    }
    strcat(text, "}");
    char out[512];
    CHECK_EQ_INT(read_all(text, out, sizeof(out)), 0);
    char deeper[160];
    (void)snprintf(deeper, sizeof(deeper), "{\"a\":[%.*s]}", (int)strlen(text) - 6, text + 5);
    refuses(deeper);
}

/* Every cut of a whole document is refused. */
TEST(cuts)
{
    const char text[] = "{\"a\":\"b\\u00e9\xc3\xa9\",\"c\":[1.5e+3,{\"d\":null}],\"e\":true}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct json_reader r;
        struct json_member m;
        int result;
        json_reader_init(&r, span_of(text, len));
        while ((result = json_reader_next(&r, &m)) == 1) {
        }
        CHECK_EQ_INT(result, CB_EMALFORMED);
    }
}

TEST(texts)
{
    static const struct {
        const char *raw, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"\\ud83d", NULL},
        {"\\ud83dx", NULL},
        {"\\ud83d\\u0041", NULL},
        {"\\ude00", NULL},
        {"\\u0000", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, 64);
        int r = json_decode_text(span_str(cases[i].raw), &out);
        if (cases[i].want == NULL) {
            CHECK_EQ_INT(r, CB_EMALFORMED);
        } else if (CHECK_EQ_INT(r, 0)) {
            CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), cases[i].want, strlen(cases[i].want));
        }
        buf_deinit(&out);
    }
    struct buf small;
    buf_init(&small, 2);
    CHECK_EQ_INT(json_decode_text(SPAN_LIT("abc"), &small), CB_ELIMIT);
    buf_deinit(&small);
}

TEST(numbers)
{
    uint64_t n = 7;
    CHECK(json_decode_number(SPAN_LIT("0"), &n) && n == 0);
    CHECK(json_decode_number(SPAN_LIT("3600"), &n) && n == 3600);
    CHECK(json_decode_number(SPAN_LIT("999999999999999999"), &n) && n == UINT64_C(999999999999999999));
    n = 7;
    CHECK(!json_decode_number(SPAN_LIT(""), &n));
    CHECK(!json_decode_number(SPAN_LIT("-1"), &n));
    CHECK(!json_decode_number(SPAN_LIT("1.0"), &n));
    CHECK(!json_decode_number(SPAN_LIT("1e3"), &n));
    CHECK(!json_decode_number(SPAN_LIT("1000000000000000000"), &n));
    CHECK_EQ_UINT(n, 7);
}

TEST_MAIN()

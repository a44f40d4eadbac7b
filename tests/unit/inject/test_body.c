/* test_body.c - the credential in bodies, at every cut; what is refused; and that nothing else changes. */
#include "inject/body.h"

#include "inject_test.h"

#define OWN   "xoxb-1111111111111-2222222222222-PLACEHOLDERaaaaaaaaaaaa"
#define OTHER "sk-proj-OTHERPLACEHOLDER00000000000000"
#define REAL  "xoxb-9876543210987-1234567890123-REALrealREALrealREALreal"

static struct spec_route slack = {.name = TEXT("slack"),
                                  .inject = SPEC_INJECT_BODY,
                                  .parameter = TEXT("token"),
                                  .credential = TEXT("slack")};

/* Feeds the text in two pieces, and gives what came out when it was not refused. */
static enum policy_reason run_cut(enum inject_body_format format, bool same_length, const char *text,
                                  const char *credential, size_t cut, struct buf *out)
{
    const struct inject_placeholder list[] = {{SPAN_LIT("slack"), SPAN_LIT(OWN)},
                                              {SPAN_LIT("openai"), SPAN_LIT(OTHER)}};
    const struct inject_body_setup setup = {.format = format,
                                            .route = &slack,
                                            .placeholders = list,
                                            .placeholder_count = 2,
                                            .same_length = same_length};
    struct inject_body *b = inject_body_new(&setup);
    CHECK(b != NULL);
    buf_init(out, 65536);
    buf_set_sensitive(out);
    struct span all = span_str(text);
    struct span value = span_str(credential);
    enum policy_reason reason = inject_body_feed(b, value, span_sub(all, 0, cut), out);
    reason = reason == POLICY_REASON_ROUTE ? inject_body_feed(b, value, span_sub(all, cut, SIZE_MAX), out)
                                           : reason;
    reason = reason == POLICY_REASON_ROUTE ? inject_body_end(b, value, out) : reason;
    inject_body_free(b);
    return reason;
}

/* The same at every cut. `want` is what comes out, or NULL. */
static void check_with(enum inject_body_format format, bool same_length, const char *text,
                       const char *credential, enum policy_reason reason, const char *want)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct buf out;
        enum policy_reason got = run_cut(format, same_length, text, credential, cut, &out);
        bool good = CHECK_EQ_INT(got, reason);
        if (good && want != NULL) {
            good = CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, strlen(want));
        }
        buf_deinit(&out);
        if (!good) {
            printf("    %s cut at %zu\n", text, cut);
            return;
        }
    }
}

#define FORM(text, want) check_with(INJECT_BODY_FORM, false, text, REAL, POLICY_REASON_ROUTE, want)
#define JSON(text, want) check_with(INJECT_BODY_JSON, false, text, REAL, POLICY_REASON_ROUTE, want)
#define FORM_REFUSED(text, reason) \
    check_with(INJECT_BODY_FORM, false, text, REAL, POLICY_REASON_##reason, NULL)
#define JSON_REFUSED(text, reason) \
    check_with(INJECT_BODY_JSON, false, text, REAL, POLICY_REASON_##reason, NULL)

TEST(forms)
{
    FORM("token=" OWN, "token=" REAL);
    FORM("channel=C1&token=" OWN "&text=a+b%20c%26token%3D",
         "channel=C1&token=" REAL "&text=a+b%20c%26token%3D");
    FORM("t%6Fken=%78oxb%2D1111111111111-2222222222222-PLACEHOLDERaaaaaaaaaaaa&x", "t%6Fken=" REAL "&x");
    FORM("token=&text=x", "token=&text=x");
    FORM("token&text=x", "token&text=x");
    FORM("", "");
    FORM("&&a==b&=&tokens=1&mytoken=2", "&&a==b&=&tokens=1&mytoken=2");
    FORM("a=\xc3\xa9;b", "a=\xc3\xa9;b");
}

TEST(json)
{
    JSON("{\"token\":\"" OWN "\"}", "{\"token\":\"" REAL "\"}");
    JSON(" { \"n\" : 1.50e+3 , \"n\":1.5, \"tok\\u0065n\" : \"" OWN
         "\" ,\"x\":[{\"token\":\"t\"},true,null]}\r\n",
         " { \"n\" : 1.50e+3 , \"n\":1.5, \"tok\\u0065n\" : \"" REAL
         "\" ,\"x\":[{\"token\":\"t\"},true,null]}\r\n");
    JSON("{\"token\":\"\\u0078oxb-1111111111111-2222222222222-PLACEHOLDERaaaaaaaaaaaa\"}",
         "{\"token\":\"" REAL "\"}");
    JSON("{\"token\":null,\"a\":\"token\"}", "{\"token\":null,\"a\":\"token\"}");
    JSON("{\"token\":\"\"}", "{\"token\":\"\"}");
    JSON("[{\"token\":\"t\"},\"token\"]", "[{\"token\":\"t\"},\"token\"]");
    JSON("{\"a\":{\"token\":\"t\"},\"b\":\"\\\"token\\\":\\\"\",\"c\":\"\\uD83D\\uDE00\"}",
         "{\"a\":{\"token\":\"t\"},\"b\":\"\\\"token\\\":\\\"\",\"c\":\"\\uD83D\\uDE00\"}");
    JSON("\"text\"", "\"text\"");
    JSON("", "");
}

TEST(somebody_elses_key)
{
    FORM_REFUSED("token=xoxb-foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("a=b&token=xoxb-foreign&c=d", FOREIGN_CREDENTIAL);
    FORM_REFUSED("token=" OWN "x", PLACEHOLDER_MISPLACED);
    FORM_REFUSED("token=" OWN "&token=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("TOKEN=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("token[]=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("token%5B0%5D=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("+token=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("token%00=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("a=b;token=foreign", FOREIGN_CREDENTIAL);
    FORM_REFUSED("token=;foreign", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"token\":\"foreign\"}", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"token\":\"" OWN "\",\"token\":\"foreign\"}", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"Token\":\"foreign\"}", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"token\": 1}", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"token\": [\"foreign\"]}", FOREIGN_CREDENTIAL);
    JSON_REFUSED("{\"a\":[{}],\"token\":{\"a\":1}}", FOREIGN_CREDENTIAL);
    char large[4096] = "token=";
    memset(large + 6, 'A', 3000);
    FORM_REFUSED(large, FOREIGN_CREDENTIAL);
}

/* In a text it would be posted where everybody reads it. */
TEST(placeholders_where_they_do_not_belong)
{
    FORM_REFUSED("text=" OWN, PLACEHOLDER_MISPLACED);
    FORM_REFUSED("a=b;token=" OWN, PLACEHOLDER_MISPLACED);
    FORM_REFUSED("text=hi%20" OTHER "&a=b", PLACEHOLDER_MISPLACED);
    FORM_REFUSED("text=sk%2dproj%2DOTHERPLACEHOLDER00000000000000", PLACEHOLDER_MISPLACED);
    FORM_REFUSED(OTHER "=1", PLACEHOLDER_MISPLACED);
    FORM_REFUSED("token=" OTHER, PLACEHOLDER_MISPLACED);
    FORM_REFUSED("token=" OWN "&token=" OWN, PLACEHOLDER_MISPLACED);
    JSON_REFUSED("{\"text\":\"" OWN "\"}", PLACEHOLDER_MISPLACED);
    JSON_REFUSED("{\"text\":\"say \\u0073k-proj-OTHERPLACEHOLDER00000000000000\"}", PLACEHOLDER_MISPLACED);
    JSON_REFUSED("{\"a\":{\"token\":\"" OWN "\"}}", PLACEHOLDER_MISPLACED);
    JSON_REFUSED("[{\"token\":\"" OWN "\"}]", PLACEHOLDER_MISPLACED);
    JSON_REFUSED("{\"" OTHER "\":1}", PLACEHOLDER_MISPLACED);
    JSON_REFUSED("{\"token\":\"Bearer " OWN "\"}", PLACEHOLDER_MISPLACED);
}

TEST(a_placeholder_across_the_window)
{
    for (size_t before = 3980; before < 4110; before += 3) {
        struct buf text;
        struct buf out;
        buf_init(&text, 65536);
        CHECK_EQ_INT(buf_append_str(&text, "text="), 0);
        for (size_t i = 0; i < before; i++) {
            CHECK_EQ_INT(buf_append_byte(&text, 'z'), 0);
        }
        CHECK_EQ_INT(buf_append_str(&text, OTHER "&a=b"), 0);
        CHECK_EQ_INT(buf_append_byte(&text, '\0'), 0);
        const char *all = (const char *)buf_span(&text).ptr;
        CHECK_EQ_INT(run_cut(INJECT_BODY_FORM, false, all, REAL, before + 9, &out),
                     POLICY_REASON_PLACEHOLDER_MISPLACED);
        buf_deinit(&out);
        CHECK_EQ_INT(run_cut(INJECT_BODY_FORM, false, all, REAL, 0, &out),
                     POLICY_REASON_PLACEHOLDER_MISPLACED);
        buf_deinit(&out);
        buf_deinit(&text);
    }
}

TEST(what_two_readers_might_read_differently)
{
    static const char *const bad_json[] = {"{\"a\":1 /*\"*/,\"token\":\"foreign\"}",
                                           "{'token':'foreign'}",
                                           "{token:\"foreign\"",
                                           "{\"a\":\"\\x\"}",
                                           "{\"a\":\"\\u00g0\"}",
                                           "{\"token\" \"foreign\"}",
                                           "{\"a\":\"\x01\"}",
                                           "{\"a\":1}}",
                                           "{\"a\":\"b",
                                           "{\"token\"",
                                           "{\"token\":",
                                           "\xef\xbb\xbf{}",
                                           "# a\n{}"};
    for (size_t i = 0; i < sizeof(bad_json) / sizeof(bad_json[0]); i++) {
        check_with(INJECT_BODY_JSON, false, bad_json[i], REAL, POLICY_REASON_BODY_FORMAT, NULL);
    }
    static const char *const bad_forms[] = {"a=100%", "a=%zz", "a=%1", "a=\x02", "token=%"};
    for (size_t i = 0; i < sizeof(bad_forms) / sizeof(bad_forms[0]); i++) {
        check_with(INJECT_BODY_FORM, false, bad_forms[i], REAL, POLICY_REASON_BODY_FORMAT, NULL);
    }
}

TEST(the_credential_is_written_as_the_body_needs_it)
{
    check_with(INJECT_BODY_FORM, false, "token=" OWN, "a&b=c d+%/\"", POLICY_REASON_ROUTE,
               "token=a%26b%3Dc%20d%2B%25%2F%22");
    check_with(INJECT_BODY_JSON, false, "{\"token\":\"" OWN "\"}", "a\"b\\c/\xc3\xa9", POLICY_REASON_ROUTE,
               "{\"token\":\"a\\\"b\\\\c/\xc3\xa9\"}");
    check_with(INJECT_BODY_FORM, false, "token=" OWN, "a\nb", POLICY_REASON_CREDENTIAL_UNAVAILABLE, NULL);
    check_with(INJECT_BODY_FORM, false, "token=" OWN, "", POLICY_REASON_CREDENTIAL_UNAVAILABLE, NULL);
}

/* With a Content-Length that has been sent, what is shorter is made longer by escapes, where that comes out even. */
TEST(lengths_that_stay)
{
    CHECK_EQ_UINT(strlen(OWN), 56);
    const char *const shorter = "xoxb-987654321098-123456789012-REALrealREALrealREALreal"; /* 55 */
    CHECK_EQ_UINT(inject_body_len(INJECT_BODY_FORM, SPAN_LIT("a:b c~")), 12);
    CHECK_EQ_UINT(inject_body_len(INJECT_BODY_JSON, SPAN_LIT("a:b\"c\\/")), 9);
    check_with(INJECT_BODY_FORM, true, "token=" OWN "&a=b", shorter, POLICY_REASON_BODY_BUFFER, NULL);
    check_with(INJECT_BODY_FORM, true, "token=" OWN "&a=b", REAL "abcd", POLICY_REASON_BODY_BUFFER, NULL);
    check_with(INJECT_BODY_FORM, true, "token=%78oxb-1111111111111-2222222222222-PLACEHOLDERaaaaaaaaaaaa",
               "Xoxb-9876543210987-1234567890123-REALrealREALrealREALrea", POLICY_REASON_ROUTE,
               "token=%58oxb-9876543210987-1234567890123-REALrealREALrealREALrea");
    check_with(INJECT_BODY_JSON, true,
               "{\"token\":\"xoxb-1111111111111-2222222222222-PLACEHOLDERaaaaaaaaaaaa\"}",
               "Xoxb-9876543210987-1234567890123-REALrealREALrealRE", POLICY_REASON_ROUTE,
               "{\"token\":\"\\u0058oxb-9876543210987-1234567890123-REALrealREALrealRE\"}");
}

static enum inject_body_format type_of(const char *type, const char *coding)
{
    struct http_field fields[2] = {{SPAN_LIT("content-type"), span_str(type)},
                                   {SPAN_LIT("content-encoding"), span_str(coding)}};
    return inject_body_format(fields, coding != NULL ? 2 : 1);
}

TEST(types)
{
    static const char *const json_types[] = {"application/json", "Application/JSON; charset=UTF-8",
                                             "application/scim+json;charset=\"utf-8\"",
                                             "application/vnd.x+JSON ; v=1", "application/json;"};
    static const char *const form_types[] = {"application/x-www-form-urlencoded",
                                             "application/x-www-form-urlencoded; charset=utf8"};
    static const char *const others[] = {"",
                                         "text/plain",
                                         "multipart/form-data; boundary=x",
                                         "application/json; charset=utf-16",
                                         "application/json; charset = utf-16",
                                         "application/json; a=b; charset=iso-8859-1",
                                         "application/json, application/json",
                                         "application/jsonx",
                                         "json"};
    for (size_t i = 0; i < sizeof(json_types) / sizeof(json_types[0]); i++) {
        CHECK_EQ_INT(type_of(json_types[i], NULL), INJECT_BODY_JSON);
    }
    for (size_t i = 0; i < sizeof(form_types) / sizeof(form_types[0]); i++) {
        CHECK_EQ_INT(type_of(form_types[i], "identity"), INJECT_BODY_FORM);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_EQ_INT(type_of(others[i], NULL), INJECT_BODY_UNKNOWN);
    }
    CHECK_EQ_INT(type_of("application/json", "gzip"), INJECT_BODY_UNKNOWN);
    struct http_field twice[2] = {{SPAN_LIT("Content-Type"), SPAN_LIT("application/json")},
                                  {SPAN_LIT("Content-Type"), SPAN_LIT("application/json")}};
    CHECK_EQ_INT(inject_body_format(twice, 2), INJECT_BODY_UNKNOWN);
    CHECK_EQ_INT(inject_body_format(NULL, 0), INJECT_BODY_UNKNOWN);
}

TEST_MAIN()

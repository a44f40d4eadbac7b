/* test_aws.c - signatures: the values that AWS publishes (its SigV4 test suite), what an agent sends, and what is covered. */
#include "inject/aws.h"

#include "inject_test.h"

#define KEY_ID     "AKIDEXAMPLE"
#define SECRET     "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define CREDENTIAL KEY_ID ":" SECRET
#define EMPTY      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define TIME_MS    UINT64_C(1440938160000) /* 2015-08-30T12:36:00Z */

static struct spec_field aws_fields[] = {{TEXT("Authorization"), TEXT("AWS4-HMAC-SHA256 ")}};
static struct spec_route service = {.name = TEXT("aws"),
                                    .inject = SPEC_INJECT_AWS,
                                    .headers = aws_fields,
                                    .header_count = 1,
                                    .service = TEXT("service"),
                                    .region = TEXT("us-east-1"),
                                    .credential = TEXT("openai")};

struct shot {
    const char *method;
    const char *path;
    const char *query;
    const char *type; /* Content-Type */
    const char *payload;
    const char *credential;
};

/* What is written for the request, and its signature. */
static int sign(const struct spec_route *route, const struct shot *shot, struct buf *out)
{
    struct http_field fields[] = {{SPAN_LIT("Content-Type"), span_str(shot->type)}};
    struct inject_request request = {.path = span_str(shot->path),
                                     .query = span_str(shot->query),
                                     .has_query = shot->query != NULL,
                                     .fields = fields,
                                     .field_count = shot->type != NULL ? 1 : 0};
    struct inject_aws_call call = {.method = span_str(shot->method),
                                   .host = SPAN_LIT("example.amazonaws.com"),
                                   .time_ms = TIME_MS,
                                   .payload = span_str(shot->payload != NULL ? shot->payload : EMPTY)};
    struct inject_aws signing = {.time = ""};
    const char *credential = shot->credential != NULL ? shot->credential : CREDENTIAL;
    buf_init(out, 8192);
    buf_set_sensitive(out);
    int r = inject_aws_write(route, &request, &call, span_str(credential), &signing, out);
    inject_aws_forget(&signing);
    return r;
}

static void check_signature(const struct spec_route *route, const struct shot *shot, const char *fields,
                            const char *signature)
{
    struct buf out;
    char want[512];
    CHECK_EQ_INT(sign(route, shot, &out), 0);
    (void)snprintf(want, sizeof(want),
                   "Authorization: AWS4-HMAC-SHA256 Credential=" KEY_ID
                   "/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, Signature=%s\r\n",
                   fields, signature);
    struct span got = buf_span(&out);
    const uint8_t *line = memmem(got.ptr, got.len, "Authorization", 13);
    if (CHECK(line != NULL)) {
        size_t at = (size_t)(line - got.ptr);
        if (!CHECK_EQ_BYTES(line, got.len - at, want, strlen(want))) {
            printf("    %s %s?%s\n", shot->method, shot->path, shot->query);
        }
    }
    buf_deinit(&out);
}

TEST(published_signatures)
{
    static const struct {
        struct shot shot;
        const char *fields;
        const char *signature;
    } cases[] = {
        {{.method = "GET", .path = "/"},
         "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {{.method = "GET", .path = "/", .query = "Param2=value2&Param1=value1"},
         "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {{.method = "GET", .path = "/", .query = "Param1=value1"},
         "host;x-amz-date",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {{.method = "GET", .path = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
         "host;x-amz-date",
         "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {{.method = "GET", .path = "/\xe1\x88\xb4"},
         "host;x-amz-date",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {{.method = "GET", .path = "/", .query = "\xe1\x88\xb4=bar"},
         "host;x-amz-date",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {{.method = "POST", .path = "/"},
         "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {{.method = "POST", .path = "/", .query = "Param1=value1"},
         "host;x-amz-date",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
        {{.method = "POST",
          .path = "/",
          .type = "application/x-www-form-urlencoded",
          .payload = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
         "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_signature(&service, &cases[i].shot, cases[i].fields, cases[i].signature);
    }
}

TEST(a_session_token_is_signed)
{
#define TOKEN                                                                                                 \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTfl" \
    "fKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvl" \
    "Rd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4r"  \
    "vx3iSIlTJabIQwj2ICCR/oLxBA=="
    struct shot shot = {.method = "POST", .path = "/", .credential = CREDENTIAL ":" TOKEN};
    check_signature(&service, &shot, "host;x-amz-date;x-amz-security-token",
                    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

/* Host, type and every X-Amz-* field, whoever sends it; order, blanks and doubles as AWS has them. */
TEST(what_a_signature_covers)
{
    struct http_field fields[] = {{SPAN_LIT("X-Amz-Target"), SPAN_LIT("  a   b ")},
                                  {SPAN_LIT("Accept"), SPAN_LIT("*/*")},
                                  {SPAN_LIT("x-amz-meta-b"), SPAN_LIT("2")},
                                  {SPAN_LIT("X-AMZ-Meta-B"), SPAN_LIT("1")},
                                  {SPAN_LIT("X-Amz-Date"), SPAN_LIT("20000101T000000Z")},
                                  {SPAN_LIT("X-Amz-Security-Token"), SPAN_LIT("agents")},
                                  {SPAN_LIT("Authorization"), SPAN_LIT("AWS4-HMAC-SHA256 x")},
                                  {SPAN_LIT("X-Amzn-Trace"), SPAN_LIT("t")},
                                  {SPAN_LIT("X-Amz-Content-Sha256"), SPAN_LIT("UNSIGNED-PAYLOAD")}};
    struct inject_request request = {.path = SPAN_LIT("/"), .fields = fields, .field_count = 9};
    struct inject_aws_call call = {.method = SPAN_LIT("GET"),
                                   .host = SPAN_LIT("example.amazonaws.com:8443"),
                                   .time_ms = TIME_MS,
                                   .payload = SPAN_LIT("UNSIGNED-PAYLOAD")};
    struct inject_aws signing = {.time = ""};
    struct buf out;
    buf_init(&out, 8192);
    buf_set_sensitive(&out);
    CHECK_EQ_INT(inject_aws_write(&service, &request, &call, SPAN_LIT(CREDENTIAL), &signing, &out), 0);
    struct span got = buf_span(&out);
    CHECK(memmem(got.ptr, got.len,
                 "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-b;x-amz-target, ",
                 78) != NULL);
    CHECK(span_starts(
        got, SPAN_LIT("X-Amz-Date: 20150830T123600Z\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n")));
    CHECK(memmem(got.ptr, got.len, "agents", 6) == NULL && memmem(got.ptr, got.len, "20000101", 8) == NULL);
    CHECK(memmem(got.ptr, got.len, SECRET, strlen(SECRET)) == NULL);
    static const char *const travel[] = {"Y", "Y", "Y", "Y", "", "", "", "Y", ""};
    for (size_t i = 0; i < 9; i++) {
        CHECK_EQ_INT(inject_field_passes(&service, &request, &fields[i]), *travel[i] != '\0');
    }
    buf_deinit(&out);
}

/* Paths are escaped twice, for S3 once; a query is sorted by its names, then by its values. */
TEST(spellings)
{
    static const struct {
        bool s3;
        struct shot one, other;
    } same[] = {
        {false,
         {.method = "GET", .path = "/", .query = "a-b=1&a=%7e&b=x+y&a=2&c"},
         {.method = "GET", .path = "/", .query = "a=2&a=~&a-b=1&b=x%20y&c="}},
        {true, {.method = "GET", .path = "/a%2Bb:c'd"}, {.method = "GET", .path = "/a+b%3Ac%27d"}},
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct spec_route route = service;
        struct buf one;
        struct buf other;
        route.service = same[i].s3 ? TEXT("s3") : TEXT("bedrock");
        CHECK_EQ_INT(sign(&route, &same[i].one, &one), 0);
        CHECK_EQ_INT(sign(&route, &same[i].other, &other), 0);
        CHECK_EQ_BYTES(buf_span(&one).ptr, buf_len(&one), buf_span(&other).ptr, buf_len(&other));
        buf_deinit(&one);
        buf_deinit(&other);
    }
    struct shot escaped = {.method = "GET", .path = "/a%2Bb"};
    struct shot plain = {.method = "GET", .path = "/a+b"};
    struct buf one;
    struct buf other;
    CHECK_EQ_INT(sign(&service, &escaped, &one), 0);
    CHECK_EQ_INT(sign(&service, &plain, &other), 0);
    CHECK(!span_eq(buf_span(&one), buf_span(&other)));
    buf_deinit(&one);
    buf_deinit(&other);
}

TEST(credentials)
{
    struct inject_aws_credential c;
    CHECK(inject_aws_credential(SPAN_LIT("AKIAIOSFODNN7EXAMPLE:se/cr+et"), &c));
    CHECK(span_eq_str(c.key_id, "AKIAIOSFODNN7EXAMPLE") && span_eq_str(c.secret, "se/cr+et") &&
          c.token.len == 0);
    CHECK(inject_aws_credential(SPAN_LIT("ASIAIOSFODNN7EXAMPLE:secret:tok/en=="), &c));
    CHECK(span_eq_str(c.secret, "secret") && span_eq_str(c.token, "tok/en=="));
    static const char *const bad[] = {"",
                                      "AKIAIOSFODNN7EXAMPLE",
                                      "AKIAIOSFODNN7EXAMPLE:",
                                      ":secret",
                                      "short:secret",
                                      "AKIAIOSFODNN7EXAMPLE:a:",
                                      "AKIAIOSFODNN7EXAMPLE:a:b:c",
                                      "AKIA/OSFODNN7EXAMPLE:a",
                                      "AKIAIOSFODNN7EXAMPLE:a b",
                                      "AKIAIOSFODNN7EXAMPLE:a\nb"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct shot shot = {.method = "GET", .path = "/", .credential = bad[i]};
        struct buf out;
        if (!CHECK(!inject_aws_credential(span_str(bad[i]), &c))) {
            printf("    %s\n", bad[i]);
        }
        CHECK_EQ_INT(sign(&service, &shot, &out), CB_EINVAL);
        CHECK_EQ_UINT(buf_len(&out), 0);
        buf_deinit(&out);
    }
}

TEST(what_an_agent_may_carry)
{
#define AGENT(id_)                     \
    "AWS4-HMAC-SHA256 Credential=" id_ \
    "/20261127/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    static const struct {
        const char *name, *value, *query;
        enum policy_reason reason;
    } cases[] = {
        {NULL, NULL, "", POLICY_REASON_ROUTE},
        {"Authorization", AGENT(OPENAI_PLACEHOLDER), "", POLICY_REASON_ROUTE},
        {"Authorization", AGENT("AKIASOMEBODYELSE0000"), "", POLICY_REASON_FOREIGN_CREDENTIAL},
        {"Authorization", AGENT(OTHER_PLACEHOLDER), "", POLICY_REASON_PLACEHOLDER_MISPLACED},
        {"Authorization", AGENT(OPENAI_PLACEHOLDER "x"), "", POLICY_REASON_PLACEHOLDER_MISPLACED},
        {"Authorization", AGENT(OPENAI_PLACEHOLDER) ", Credential=AKIASOMEBODYELSE0000/x", "",
         POLICY_REASON_PLACEHOLDER_MISPLACED},
        {"Authorization", "Bearer foreign", "", POLICY_REASON_FOREIGN_CREDENTIAL},
        {"Authorization", "Bearer " OPENAI_PLACEHOLDER, "", POLICY_REASON_PLACEHOLDER_MISPLACED},
        {"X-Amz-Date", "20261127T000000Z", "", POLICY_REASON_ROUTE},
        {"X-Amz-Target", "DynamoDB_20120810.ListTables", "", POLICY_REASON_ROUTE},
        {"X-Amz-Content-Sha256", EMPTY, "", POLICY_REASON_ROUTE},
        {"X-Amz-Security-Token", "somebodys", "", POLICY_REASON_FOREIGN_CREDENTIAL},
        {"X-Amz-Security-Token", "", "", POLICY_REASON_ROUTE},
        {"X-Amz-Meta", OTHER_PLACEHOLDER, "", POLICY_REASON_PLACEHOLDER_MISPLACED},
        {"Cookie", "a=b", "", POLICY_REASON_FOREIGN_CREDENTIAL},
        {NULL, NULL, "X-Amz-Signature=0123", POLICY_REASON_FOREIGN_CREDENTIAL},
        {NULL, NULL, "a=b&x-amz-credenti%61l=AKIA", POLICY_REASON_FOREIGN_CREDENTIAL},
        {NULL, NULL, "X-Amz-Security-Token=t", POLICY_REASON_FOREIGN_CREDENTIAL},
        {NULL, NULL, "AWSAccessKeyId=AKIA&Signature=x&Expires=1", POLICY_REASON_FOREIGN_CREDENTIAL},
        {NULL, NULL, "list-type=2&prefix=a", POLICY_REASON_ROUTE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(screen(&service, cases[i].name, cases[i].value, cases[i].query), cases[i].reason)) {
            printf("    %s: %s ?%s\n", cases[i].name, cases[i].value, cases[i].query);
        }
    }
}

TEST(payloads)
{
    static const struct {
        const char *service, *said;
        bool has_body;
        enum inject_aws_payload how;
        const char *value;
    } cases[] = {
        {"bedrock", NULL, false, INJECT_AWS_SAID, EMPTY},
        {"bedrock", NULL, true, INJECT_AWS_HASH, ""},
        {"s3", NULL, true, INJECT_AWS_SAID, "UNSIGNED-PAYLOAD"},
        {"s3-object-lambda", NULL, true, INJECT_AWS_SAID, "UNSIGNED-PAYLOAD"},
        {"s3tables", NULL, true, INJECT_AWS_HASH, ""},
        {"bedrock", EMPTY, true, INJECT_AWS_SAID, EMPTY},
        {"bedrock", "UNSIGNED-PAYLOAD", true, INJECT_AWS_SAID, "UNSIGNED-PAYLOAD"},
        {"s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", true, INJECT_AWS_SAID,
         "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
        {"s3", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, INJECT_AWS_CHUNKS,
         "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
        {"s3", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, INJECT_AWS_CHUNKS,
         "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"},
        {"s3", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false, INJECT_AWS_REFUSED, NULL},
        {"s3", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", true, INJECT_AWS_REFUSED, NULL},
        {"transcribe", "STREAMING-AWS4-HMAC-SHA256-EVENTS", true, INJECT_AWS_REFUSED, NULL},
        {"s3", "e3b0", true, INJECT_AWS_REFUSED, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];
        struct spec_route route = service;
        struct http_field field = {SPAN_LIT("x-amz-content-SHA256"), span_str(cases[i].said)};
        struct inject_request request = {.fields = &field, .field_count = cases[i].said != NULL ? 1 : 0};
        struct span value;
        (void)snprintf(name, sizeof(name), "%s", cases[i].service);
        route.service = name;
        CHECK_EQ_INT(inject_aws_payload(&route, &request, cases[i].has_body, &value), cases[i].how);
        CHECK(cases[i].value == NULL || span_eq_str(value, cases[i].value));
    }
    struct http_field twice[] = {{SPAN_LIT("X-Amz-Content-Sha256"), SPAN_LIT(EMPTY)},
                                 {SPAN_LIT("X-Amz-Content-Sha256"), SPAN_LIT(EMPTY)}};
    struct inject_request request = {.fields = twice, .field_count = 2};
    struct span value;
    CHECK_EQ_INT(inject_aws_payload(&service, &request, true, &value), INJECT_AWS_REFUSED);
}

TEST_MAIN()

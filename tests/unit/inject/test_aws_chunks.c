/* test_aws_chunks.c - bodies that are signed chunk by chunk: the values that AWS publishes, at many cuts, and what is no such body. */
#include "inject/aws.h"

#include <stdlib.h>

#include "inject_test.h"

/* The examples of "Transferring Payload in Multiple Chunks": key, day and first signature; 64 KiB and 1 KiB of 'a'. */
#define SECRET       "AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SEED         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define FIRST        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
#define SECOND       "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
#define LAST         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
#define TRAILER_SEED "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
#define T_FIRST      "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
#define T_SECOND     "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
#define T_LAST       "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
#define T_TRAILER    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
#define AGENTS       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

static struct inject_aws make_signing(const char *seed)
{
    struct inject_aws signing = {.time = "20130524T000000Z", .scope = "20130524/us-east-1/s3/aws4_request"};
    const struct span steps[] = {SPAN_LIT("20130524"), SPAN_LIT("us-east-1"), SPAN_LIT("s3"),
                                 SPAN_LIT("aws4_request")};
    uint8_t key[DIGEST_LEN];
    digest_hmac_sha256(SPAN_LIT(SECRET), &steps[0], 1, key);
    for (size_t i = 1; i < 4; i++) {
        digest_hmac_sha256(span_of(key, sizeof(key)), &steps[i], 1, signing.key);
        memcpy(key, signing.key, sizeof(key));
    }
    (void)snprintf(signing.signature, sizeof(signing.signature), "%s", seed);
    return signing;
}

static enum policy_reason run(const char *seed, bool trailer, struct span text, size_t step, struct buf *out)
{
    struct inject_aws signing = make_signing(seed);
    struct inject_aws_chunks *c = inject_aws_chunks_new(&signing, trailer);
    enum policy_reason reason = POLICY_REASON_ROUTE;
    CHECK(c != NULL);
    buf_init(out, 4 * INJECT_AWS_CHUNK_MAX);
    for (size_t at = 0; reason == POLICY_REASON_ROUTE && at < text.len; at += step) {
        reason = inject_aws_chunks_feed(c, span_sub(text, at, step), out);
    }
    reason = reason == POLICY_REASON_ROUTE ? inject_aws_chunks_end(c) : reason;
    inject_aws_chunks_free(c);
    return reason;
}

static void put(struct buf *out, const char *size, const char *signature, size_t letters)
{
    CHECK_EQ_INT(buf_appendf(out, "%s;chunk-signature=%s\r\n", size, signature), 0);
    for (size_t i = 0; i < letters; i++) {
        CHECK_EQ_INT(buf_append_byte(out, 'a'), 0);
    }
}

static void make_body(struct buf *out, const char *const signatures[3], const char *trailer)
{
    buf_init(out, 4 * INJECT_AWS_CHUNK_MAX);
    put(out, "10000", signatures[0], 65536);
    CHECK_EQ_INT(buf_append_str(out, "\r\n"), 0);
    put(out, "400", signatures[1], 1024);
    CHECK_EQ_INT(buf_append_str(out, "\r\n"), 0);
    put(out, "0", signatures[2], 0);
    if (trailer != NULL) {
        CHECK_EQ_INT(
            buf_appendf(out, "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n", trailer), 0);
    }
    CHECK_EQ_INT(buf_append_str(out, "\r\n"), 0);
}

static void check_published(const char *seed, const char *const want_signatures[3], const char *trailer)
{
    static const char *const agents[3] = {AGENTS, AGENTS, AGENTS};
    static const size_t steps[] = {1, 7, 83, 65536, SIZE_MAX / 2};
    struct buf in;
    struct buf want;
    make_body(&in, agents, trailer != NULL ? AGENTS : NULL);
    make_body(&want, want_signatures, trailer);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf out;
        CHECK_EQ_INT(run(seed, trailer != NULL, buf_span(&in), steps[i], &out), POLICY_REASON_ROUTE);
        CHECK_EQ_UINT(buf_len(&out), buf_len(&in));
        CHECK(span_eq(buf_span(&out), buf_span(&want)));
        buf_deinit(&out);
    }
    buf_deinit(&in);
    buf_deinit(&want);
}

TEST(published_signatures)
{
    static const char *const plain[3] = {FIRST, SECOND, LAST};
    check_published(SEED, plain, NULL);
}

TEST(published_signatures_with_a_trailer)
{
    static const char *const trailing[3] = {T_FIRST, T_SECOND, T_LAST};
    check_published(TRAILER_SEED, trailing, T_TRAILER);
}

TEST(what_is_no_such_body)
{
#define HEAD "3;chunk-signature=" AGENTS "\r\n"
#define END  "0;chunk-signature=" AGENTS "\r\n"
    static const struct {
        bool trailer;
        const char *text;
        enum policy_reason reason;
    } cases[] = {
        {false, HEAD "abc\r\n" END "\r\n", POLICY_REASON_ROUTE},
        {false, END "\r\n", POLICY_REASON_ROUTE},
        {true, END "a: b \r\nx-amz-trailer-signature:" AGENTS "\r\n\r\n", POLICY_REASON_ROUTE},
        {false, "", POLICY_REASON_BODY_FORMAT},
        {false, HEAD "abc\r\n", POLICY_REASON_BODY_FORMAT},
        {false, HEAD "ab", POLICY_REASON_BODY_FORMAT},
        {false, HEAD "abcd\r\n" END "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, HEAD "abc\n" END "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, HEAD "abc\r\n" END "\r\nmore", POLICY_REASON_BODY_FORMAT},
        {false, "3\r\nabc\r\n", POLICY_REASON_BODY_FORMAT},
        {false, "3;chunk-signature=01\r\nabc\r\n", POLICY_REASON_BODY_FORMAT},
        {false, ";chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, "3;chunk-signature=" AGENTS "x\r\nabc\r\n", POLICY_REASON_BODY_FORMAT},
        {false, "3;chunk-signature=" AGENTS "\n", POLICY_REASON_BODY_FORMAT},
        {false, "3;x=1;chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, "-3;chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, "ffffffff;chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_BUFFER},
        {false, "100001;chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_BUFFER},
        {false, "000000003;chunk-signature=" AGENTS "\r\n", POLICY_REASON_BODY_FORMAT},
        {false, END "a:b\r\n\r\n", POLICY_REASON_BODY_FORMAT},
        {true, END "\r\n", POLICY_REASON_BODY_FORMAT},
        {true, END "a b:c\r\nx-amz-trailer-signature:" AGENTS "\r\n\r\n", POLICY_REASON_BODY_FORMAT},
        {true, END "x-amz-trailer-signature:01\r\n\r\n", POLICY_REASON_BODY_FORMAT},
        {true, END "a:b\r\nx-amz-trailer-signature:" AGENTS "\r\nc:d\r\n\r\n", POLICY_REASON_BODY_FORMAT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step < 200; step += 66) {
            struct buf out;
            if (!CHECK_EQ_INT(run(SEED, cases[i].trailer, span_str(cases[i].text), step, &out),
                              cases[i].reason)) {
                printf("    %s\n", cases[i].text);
            }
            buf_deinit(&out);
        }
    }
    char line[600];
    struct buf out;
    memset(line, 'a', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    CHECK_EQ_INT(run(SEED, false, span_str(line), 10, &out), POLICY_REASON_BODY_FORMAT);
    buf_deinit(&out);
}

TEST_MAIN()

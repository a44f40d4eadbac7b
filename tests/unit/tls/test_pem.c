/* test_pem.c - a text that is to be trusted: the certificates of CAs, and nothing else. */
#include "support/check.h"
#include "tls/cert.h"
#include "tls/seal.h"

#define NOW_MS  ((uint64_t)1800000000000)
#define YEAR_MS ((uint64_t)365 * 24 * 3600 * 1000)

static struct buf ca;    /* PEM */
static struct buf other; /* of another CA */
static struct buf leaf;

static void make(void)
{
    struct buf der;
    struct buf key_der;
    struct buf leaf_der;
    uint64_t ends_ms;
    if (ca.max != 0) {
        return;
    }
    CHECK_EQ_INT(tls_init(), 0);
    struct tls_key *key = tls_key_new();
    buf_init(&ca, 8192);
    buf_init(&other, 8192);
    buf_init(&leaf, 8192);
    buf_init(&der, 8192);
    buf_init(&leaf_der, 8192);
    buf_init(&key_der, 8192);
    CHECK_EQ_INT(tls_ca_create(key, "bob", NOW_MS, &der), 0);
    CHECK_EQ_INT(tls_cert_to_pem(buf_span(&der), &other), 0);
    buf_reset(&der);
    CHECK_EQ_INT(tls_ca_create(key, "alice", NOW_MS, &der), 0);
    CHECK_EQ_INT(tls_cert_to_pem(buf_span(&der), &ca), 0);
    CHECK_EQ_INT(tls_key_public(key, &key_der), 0);
    CHECK_EQ_INT(tls_ca_issue(key, buf_span(&der), SPAN_LIT("a.example"), buf_span(&key_der), NOW_MS, 3600,
                              &leaf_der, &ends_ms),
                 0);
    CHECK_EQ_INT(tls_cert_to_pem(buf_span(&leaf_der), &leaf), 0);
    buf_deinit(&der);
    buf_deinit(&leaf_der);
    buf_deinit(&key_der);
    tls_key_free(key);
}

/* Checks the parts together; the count when they are accepted, else -1. */
static int check_at(uint64_t now_ms, struct span a, struct span b, struct span c)
{
    struct buf text;
    const char *why = NULL;
    size_t count = 99;
    buf_init(&text, 256 * 1024);
    CHECK_EQ_INT(buf_append_span(&text, a), 0);
    CHECK_EQ_INT(buf_append_span(&text, b), 0);
    CHECK_EQ_INT(buf_append_span(&text, c), 0);
    int r = tls_pem_check_cas(buf_span(&text), now_ms, &count, &why);
    CHECK((r == 0) == (why == NULL));
    buf_deinit(&text);
    return r == 0 ? (int)count : -1;
}

TEST(certificates_of_cas_are_taken)
{
    make();
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), SPAN_EMPTY, SPAN_EMPTY), 1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), buf_span(&other), SPAN_EMPTY), 2);
    CHECK_EQ_INT(check_at(NOW_MS + YEAR_MS - 1000, buf_span(&ca), SPAN_EMPTY, SPAN_EMPTY), 1);
}

TEST(what_is_something_else_is_not)
{
    make();
    struct span half = span_sub(buf_span(&ca), 0, buf_len(&ca) / 2);
    struct span unended = span_sub(buf_span(&ca), 0, buf_len(&ca) - 1);
    CHECK_EQ_INT(check_at(NOW_MS, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, SPAN_LIT("hello\n"), SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, SPAN_LIT("# a remark\n"), buf_span(&ca), SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), SPAN_LIT("\n"), SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), SPAN_LIT("x"), buf_span(&other)), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), half, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), half, buf_span(&other)), -1);
    CHECK_EQ_INT(check_at(NOW_MS, half, SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, unended, SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), SPAN_LIT("\0"), SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&leaf), SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS, buf_span(&ca), buf_span(&leaf), SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS - 3600 * 1000, buf_span(&ca), SPAN_EMPTY, SPAN_EMPTY), -1);
    CHECK_EQ_INT(check_at(NOW_MS + YEAR_MS + 1000, buf_span(&ca), SPAN_EMPTY, SPAN_EMPTY), -1);
}

TEST(a_certificate_says_from_when_until_when)
{
    struct buf der;
    uint64_t from_ms;
    uint64_t to_ms;
    make();
    buf_init(&der, 8192);
    struct tls_key *key = tls_key_new();
    CHECK_EQ_INT(tls_ca_create(key, "alice", NOW_MS, &der), 0);
    CHECK_EQ_INT(tls_cert_validity(buf_span(&der), &from_ms, &to_ms), 0);
    CHECK_EQ_UINT(from_ms, NOW_MS - UINT64_C(300) * 1000);
    CHECK_EQ_UINT(to_ms, NOW_MS + YEAR_MS);
    CHECK_EQ_INT(tls_cert_validity(span_sub(buf_span(&der), 0, buf_len(&der) - 1), &from_ms, &to_ms),
                 CB_ECERT);
    CHECK_EQ_UINT(from_ms, 0);
    CHECK_EQ_UINT(to_ms, 0);
    tls_key_free(key);
    buf_deinit(&der);
}

TEST(a_text_that_is_too_long_is_not_read)
{
    make();
    struct buf much;
    const char *why = NULL;
    size_t count;
    buf_init(&much, 256 * 1024);
    while (buf_len(&much) <= 64 * 1024) {
        CHECK_EQ_INT(buf_append_span(&much, buf_span(&ca)), 0);
    }
    CHECK_EQ_INT(tls_pem_check_cas(buf_span(&much), NOW_MS, &count, &why), CB_ELIMIT);
    buf_deinit(&much);
    buf_deinit(&ca);
    buf_deinit(&other);
    buf_deinit(&leaf);
}

TEST_MAIN()

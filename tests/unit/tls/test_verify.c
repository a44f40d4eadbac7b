/* test_verify.c - each check of a single certificate that mbedTLS leaves open: one that is good, and what spoils it. */
#include <mbedtls/oid.h>
#include <stdlib.h>

#include "support/check.h"
#include "tls/internal.h"
#include "tls/seal.h"

#define HOST "api.example.com"

/* How a certificate differs from the good one. */
struct recipe {
    const char *subject; /* NULL: one with a name */
    const char *san;     /* DER of the extension; NULL: HOST */
    size_t san_len;
    bool san_critical;
    bool is_ca;
    unsigned key_usage;
    const char *purpose; /* OID; NULL: no extended key usage */
    size_t purpose_len;
    uint8_t extra; /* last byte of 2.5.29.x; 0: none more */
    bool extra_critical;
};

#define SERVER_AUTH MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)
#define MAIL        MBEDTLS_OID_EMAIL_PROTECTION, MBEDTLS_OID_SIZE(MBEDTLS_OID_EMAIL_PROTECTION)
#define ANY         MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE)

static const char san_host[] = "\x30\x11\x82\x0f" HOST;

static bool add_extensions(mbedtls_x509write_cert *w, const struct recipe *recipe)
{
    struct mbedtls_asn1_sequence purpose = {.buf = {.tag = MBEDTLS_ASN1_OID}};
    char oid[] = {0x55, 0x1d, (char)recipe->extra};
    static const uint8_t subject_id[] = {4, 1, 0};
    static const uint8_t authority_id[] = {0x30, 3, 0x80, 1, 0};
    static const uint8_t other[] = {0x30, 0}; /* nobody looks into them */
    struct span extra = recipe->extra == 14   ? span_of(subject_id, sizeof(subject_id))
                        : recipe->extra == 35 ? span_of(authority_id, sizeof(authority_id))
                                              : span_of(other, sizeof(other));
    const char *san = recipe->san != NULL ? recipe->san : san_host;
    size_t san_len = recipe->san != NULL ? recipe->san_len : sizeof(san_host) - 1;
    bool ok = mbedtls_x509write_crt_set_basic_constraints(w, recipe->is_ca, -1) == 0 &&
              mbedtls_x509write_crt_set_extension(
                  w, MBEDTLS_OID_SUBJECT_ALT_NAME, MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
                  recipe->san_critical, (const unsigned char *)san, san_len) == 0;
    if (ok && recipe->key_usage != 0) {
        ok = mbedtls_x509write_crt_set_key_usage(w, recipe->key_usage) == 0;
    }
    if (ok && recipe->purpose != NULL) {
        purpose.buf.p = (unsigned char *)(uintptr_t)recipe->purpose;
        purpose.buf.len = recipe->purpose_len;
        ok = mbedtls_x509write_crt_set_ext_key_usage(w, &purpose) == 0;
    }
    if (ok && recipe->extra != 0) {
        ok = mbedtls_x509write_crt_set_extension(w, oid, sizeof(oid), recipe->extra_critical, extra.ptr,
                                                 extra.len) == 0;
    }
    return ok;
}

/* A self-signed certificate after the recipe. */
static bool make(const struct recipe *recipe, mbedtls_x509_crt *out)
{
    static struct tls_key *key;
    static const uint8_t serial[] = {1};
    mbedtls_x509write_cert w;
    uint8_t der[2048];
    const char *subject = recipe->subject != NULL ? recipe->subject : "CN=somebody";
    if (key == NULL) {
        CHECK_EQ_INT(tls_init(), 0);
        key = tls_key_new();
    }
    mbedtls_x509write_crt_init(&w);
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, &key->pk);
    mbedtls_x509write_crt_set_issuer_key(&w, &key->pk);
    int len = -1;
    if (mbedtls_x509write_crt_set_serial_raw(&w, (unsigned char *)(uintptr_t)serial, sizeof(serial)) == 0 &&
        mbedtls_x509write_crt_set_validity(&w, "20200101000000", "20400101000000") == 0 &&
        mbedtls_x509write_crt_set_issuer_name(&w, "CN=CA") == 0 &&
        (subject[0] == '\0' || mbedtls_x509write_crt_set_subject_name(&w, subject) == 0) &&
        add_extensions(&w, recipe)) {
        len = mbedtls_x509write_crt_der(&w, der, sizeof(der), tls_random, NULL);
    }
    mbedtls_x509write_crt_free(&w);
    mbedtls_x509_crt_init(out);
    return CHECK(len > 0) &&
           CHECK_EQ_INT(mbedtls_x509_crt_parse_der(out, der + sizeof(der) - len, (size_t)len), 0);
}

static struct tls_verify verify;

static uint32_t flags_at(int depth, const char *host, const struct recipe *recipe)
{
    mbedtls_x509_crt crt;
    uint32_t flags = 0;
    tls_verify_begin(&verify, host, NULL);
    if (make(recipe, &crt)) {
        CHECK_EQ_INT(tls_verify_more(&verify, &crt, depth, &flags), 0);
        CHECK((verify.why[0] != '\0') == (flags != 0));
    } else {
        flags = UINT32_MAX;
    }
    mbedtls_x509_crt_free(&crt);
    return flags;
}

static uint32_t leaf(struct recipe recipe)
{
    return flags_at(0, HOST, &recipe);
}

static uint32_t issuer(struct recipe recipe)
{
    recipe.is_ca = true;
    return flags_at(1, HOST, &recipe);
}

TEST(leaves)
{
    CHECK_EQ_UINT(leaf((struct recipe){0}), 0);
    CHECK_EQ_UINT(leaf((struct recipe){.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE}), 0);
    CHECK_EQ_UINT(leaf((struct recipe){.is_ca = true}), MBEDTLS_X509_BADCERT_OTHER);
    CHECK_EQ_UINT(
        leaf((struct recipe){.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE | MBEDTLS_X509_KU_KEY_CERT_SIGN}),
        MBEDTLS_X509_BADCERT_KEY_USAGE);
    CHECK_EQ_UINT(leaf((struct recipe){.subject = ""}), MBEDTLS_X509_BADCERT_CN_MISMATCH);
    CHECK_EQ_UINT(leaf((struct recipe){.subject = "", .san_critical = true}), 0);
}

TEST(issuers)
{
    CHECK_EQ_UINT(issuer((struct recipe){0}), 0);
    CHECK_EQ_UINT(issuer((struct recipe){.key_usage = MBEDTLS_X509_KU_KEY_CERT_SIGN}), 0);
    CHECK_EQ_UINT(issuer((struct recipe){.key_usage = MBEDTLS_X509_KU_CRL_SIGN}),
                  MBEDTLS_X509_BADCERT_KEY_USAGE);
    CHECK_EQ_UINT(flags_at(1, HOST, &(struct recipe){0}), MBEDTLS_X509_BADCERT_NOT_TRUSTED);
}

static struct recipe with_purpose(const char *oid, size_t len)
{
    return (struct recipe){.purpose = oid, .purpose_len = len};
}

TEST(purposes)
{
    CHECK_EQ_UINT(leaf(with_purpose(SERVER_AUTH)), 0);
    CHECK_EQ_UINT(leaf(with_purpose(MAIL)), MBEDTLS_X509_BADCERT_EXT_KEY_USAGE);
    CHECK_EQ_UINT(leaf(with_purpose(ANY)), MBEDTLS_X509_BADCERT_EXT_KEY_USAGE);
    CHECK_EQ_UINT(issuer(with_purpose(SERVER_AUTH)), 0);
    CHECK_EQ_UINT(issuer(with_purpose(MAIL)), MBEDTLS_X509_BADCERT_EXT_KEY_USAGE);
    CHECK_EQ_UINT(issuer(with_purpose(ANY)), 0);
}

/* Critical constraints of policies are not here: mbedTLS does not parse such a certificate. */
TEST(extensions)
{
    static const uint8_t constraints[] = {36, 54};
    static const uint8_t ids[] = {14, 35};
    for (size_t i = 0; i < sizeof(constraints); i++) {
        CHECK_EQ_UINT(leaf((struct recipe){.extra = constraints[i]}), MBEDTLS_X509_BADCERT_OTHER);
        CHECK_EQ_UINT(issuer((struct recipe){.extra = constraints[i]}), MBEDTLS_X509_BADCERT_OTHER);
    }
    CHECK_EQ_UINT(leaf((struct recipe){.extra = 30}),
                  MBEDTLS_X509_BADCERT_OTHER);             /* of names: for CAs only */
    CHECK_EQ_UINT(issuer((struct recipe){.extra = 9}), 0); /* subjectDirectoryAttributes */
    for (size_t i = 0; i < sizeof(ids); i++) {
        CHECK_EQ_UINT(issuer((struct recipe){.extra = ids[i]}), 0);
        CHECK_EQ_UINT(issuer((struct recipe){.extra = ids[i], .extra_critical = true}),
                      MBEDTLS_X509_BADCERT_OTHER);
        CHECK_EQ_UINT(leaf((struct recipe){.extra = ids[i], .extra_critical = true}),
                      MBEDTLS_X509_BADCERT_OTHER);
    }
}

static uint32_t name(const char *host, const char *san, size_t san_len)
{
    return flags_at(0, host, &(struct recipe){.san = san, .san_len = san_len});
}

#define NAME(host_, san_) name((host_), (san_), sizeof(san_) - 1)

TEST(names)
{
    static const uint32_t no = MBEDTLS_X509_BADCERT_CN_MISMATCH;
    CHECK_EQ_UINT(NAME("a.example.com", "\x30\x0f\x82\x0d"
                                        "*.example.com"),
                  0);
    CHECK_EQ_UINT(NAME("A.EXAMPLE.com", "\x30\x0f\x82\x0d"
                                        "*.example.com"),
                  0);
    CHECK_EQ_UINT(NAME("example.com", "\x30\x0f\x82\x0d"
                                      "*.example.com"),
                  no);
    CHECK_EQ_UINT(NAME("a.b.example.com", "\x30\x0f\x82\x0d"
                                          "*.example.com"),
                  no);
    CHECK_EQ_UINT(NAME("example.com", "\x30\x07\x82\x05"
                                      "*.com"),
                  no);
    CHECK_EQ_UINT(NAME("example.co.uk", "\x30\x09\x82\x07"
                                        "*.co.uk"),
                  no);
    CHECK_EQ_UINT(NAME("me.openai.azure.com", "\x30\x14\x82\x12"
                                              "*.openai.azure.com"),
                  0);
    CHECK_EQ_UINT(NAME("ab.example.com", "\x30\x10\x82\x0e"
                                         "a*.example.com"),
                  no);
    CHECK_EQ_UINT(NAME("a.example.com", "\x30\x0f\x82\x0d"
                                        "a.*xample.com"),
                  no);
    CHECK_EQ_UINT(NAME("a.example.com", "\x30\x11\x82\x0f"
                                        "a.example.com\0x"),
                  no);
    CHECK_EQ_UINT(NAME("a.example.com", "\x30\x0f\x82\x0d"
                                        "a.example.co\0"),
                  no);
    CHECK_EQ_UINT(NAME("a.example.com", "\x30\x02\x82\x00"), no);
    CHECK_EQ_UINT(NAME("192.0.2.1", "\x30\x06\x87\x04\xc0\x00\x02\x01"), 0);
    CHECK_EQ_UINT(NAME("192.0.2.2", "\x30\x06\x87\x04\xc0\x00\x02\x01"), no);
    CHECK_EQ_UINT(NAME("192.0.2.1", "\x30\x0b\x82\x09"
                                    "192.0.2.1"),
                  no);
    CHECK_EQ_UINT(NAME("::1", "\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 0);
    CHECK_EQ_UINT(NAME("::1", "\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"), no);
}

/* What is said about each failure. */
TEST(reasons)
{
    CHECK_EQ_UINT(leaf((struct recipe){0}), 0);
    CHECK_EQ_STR(verify.why, "");
    CHECK(NAME("b.example.com", "\x30\x09\x82\x07"
                                "*.co.uk") != 0);
    CHECK_EQ_STR(verify.why, "name b.example.com not in certificate");
    CHECK(leaf((struct recipe){.is_ca = true}) != 0);
    CHECK_EQ_STR(verify.why, "certificate: that of a CA, not of a server");
    CHECK(leaf(with_purpose(MAIL)) != 0);
    CHECK_EQ_STR(verify.why, "certificate: not for servers");
    CHECK(issuer(with_purpose(MAIL)) != 0);
    CHECK_EQ_STR(verify.why, "issuer: not for servers");
    CHECK(issuer((struct recipe){.extra = 36}) != 0);
    CHECK_EQ_STR(verify.why, "issuer: has policy constraints, which are not supported");
}

/* What mbedTLS has found, in words: of all that is wrong, the first. */
TEST(reasons_of_mbedtls)
{
    static const struct {
        uint32_t flags;
        const char *why;
    } cases[] = {
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "issuer not trusted: CN=CA"},
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED | MBEDTLS_X509_BADCERT_EXPIRED, "issuer not trusted: CN=CA"},
        {MBEDTLS_X509_BADCERT_EXPIRED, "certificate: expired 2040-01-01"},
        {MBEDTLS_X509_BADCERT_FUTURE, "certificate: not valid before 2020-01-01"},
        {MBEDTLS_X509_BADCERT_CN_MISMATCH, "name " HOST " not in certificate"},
        {MBEDTLS_X509_BADCERT_BAD_MD, "certificate: signed by an algorithm that is not accepted"},
        {MBEDTLS_X509_BADCERT_BAD_KEY, "certificate: key is too short"},
        {MBEDTLS_X509_BADCERT_MISSING, "certificate: Certificate was missing"},
        {0x80000000, "certificate: Unknown reason (this should not happen)"},
    };
    mbedtls_x509_crt crt;
    if (!make(&(struct recipe){0}, &crt)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t flags = cases[i].flags;
        tls_verify_begin(&verify, HOST, NULL);
        CHECK_EQ_INT(tls_verify_more(&verify, &crt, 0, &flags), 0);
        CHECK_EQ_UINT(flags, cases[i].flags);
        CHECK_EQ_STR(verify.why, cases[i].why);
    }
    mbedtls_x509_crt_free(&crt);
}

TEST_MAIN()

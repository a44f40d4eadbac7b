/* test_passphrase.c - a master key from a passphrase: the same again, another with anything changed, bounded costs. */
#include "tls/passphrase.h"

#include "support/check.h"
#include "tls/seal.h"

static struct passphrase_kdf cheap(uint8_t salt)
{
    struct passphrase_kdf kdf = {.passes = 1, .kib = 8192};
    memset(kdf.salt, salt, sizeof(kdf.salt));
    return kdf;
}

TEST(every_part_counts)
{
    struct passphrase_kdf kdf = cheap('s');
    struct secret *a = NULL;
    struct secret *b = NULL;
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(passphrase_master(SPAN_LIT("a passphrase"), &kdf, &a), 0);
    CHECK_EQ_INT(passphrase_master(SPAN_LIT("a passphrase"), &kdf, &b), 0);
    CHECK_EQ_UINT(secret_len(a), SEAL_MASTER_LEN);
    CHECK(secret_eq(secret_span(a), secret_span(b)));
    secret_free(b);
    static const struct {
        const char *text;
        uint8_t salt;
        uint32_t passes;
        uint32_t kib;
    } others[] = {{"a passphrasf", 's', 1, 8192},
                  {"a passphrase", 't', 1, 8192},
                  {"a passphrase", 's', 2, 8192},
                  {"a passphrase", 's', 1, 9216}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        kdf = cheap(others[i].salt);
        kdf.passes = others[i].passes;
        kdf.kib = others[i].kib;
        CHECK_EQ_INT(passphrase_master(span_str(others[i].text), &kdf, &b), 0);
        CHECK(!secret_eq(secret_span(a), secret_span(b)));
        secret_free(b);
    }
    secret_free(a);
}

TEST(what_is_stored_is_read_back_and_nothing_else)
{
    struct passphrase_kdf kdf;
    struct passphrase_kdf other;
    struct passphrase_kdf back;
    uint8_t bytes[PASSPHRASE_KDF_LEN + 1] = {0};
    passphrase_kdf_new(&kdf);
    passphrase_kdf_new(&other);
    CHECK(memcmp(kdf.salt, other.salt, sizeof(kdf.salt)) != 0);
    CHECK(kdf.kib >= 65536 && kdf.passes >= 3);
    passphrase_kdf_write(&kdf, bytes);
    CHECK_EQ_INT(passphrase_kdf_read(span_of(bytes, PASSPHRASE_KDF_LEN), &back), 0);
    CHECK(memcmp(&kdf, &back, sizeof(kdf)) == 0);
    for (size_t len = 0; len < PASSPHRASE_KDF_LEN; len++) {
        CHECK_EQ_INT(passphrase_kdf_read(span_of(bytes, len), &back), CB_EMALFORMED);
    }
    CHECK_EQ_INT(passphrase_kdf_read(span_of(bytes, sizeof(bytes)), &back), CB_EMALFORMED);
    static const struct {
        uint32_t passes;
        uint32_t kib;
    } bad[] = {{0, 65536}, {17, 65536}, {4, 8191}, {4, 1048577}, {4, 0}, {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        kdf.passes = bad[i].passes;
        kdf.kib = bad[i].kib;
        passphrase_kdf_write(&kdf, bytes);
        CHECK_EQ_INT(passphrase_kdf_read(span_of(bytes, PASSPHRASE_KDF_LEN), &back), CB_ELIMIT);
    }
    bytes[0] = 2;
    CHECK_EQ_INT(passphrase_kdf_read(span_of(bytes, PASSPHRASE_KDF_LEN), &back), CB_EMALFORMED);
}

TEST_MAIN()

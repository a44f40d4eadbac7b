/* test_seal.c - sealed credentials open only with their key, only unchanged, and only as what they are. */
#include "support/check.h"
#include "tls/seal.h"

static struct secret *master_of(uint8_t fill)
{
    struct secret *master = secret_new(SEAL_MASTER_LEN);
    memset(secret_ptr(master), fill, SEAL_MASTER_LEN);
    return master;
}

TEST(a_credential_comes_back_whole)
{
    uint8_t public_key[SEAL_PUBLIC_LEN];
    struct secret *key = NULL;
    struct secret *opened = NULL;
    struct secret *master = master_of(7);
    struct buf box;
    buf_init(&box, 65536);
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(seal_keypair(master, SPAN_EMPTY, public_key, &key), 0);
    struct seal_credential c = {.tenant_id = 42,
                                .tenant = SPAN_LIT("alice"),
                                .name = SPAN_LIT("openai"),
                                .binding = SPAN_LIT("api.openai.com:443"),
                                .value = SPAN_LIT("sk-real")};
    struct seal_credential got;
    CHECK_EQ_INT(seal_credential(public_key, &c, &box), 0);
    CHECK(memmem(buf_span(&box).ptr, buf_len(&box), "sk-real", 7) == NULL);
    CHECK_EQ_INT(seal_open(public_key, key, buf_span(&box), &opened), 0);
    CHECK_EQ_INT(seal_credential_read(secret_span(opened), &got), 0);
    CHECK(got.tenant_id == 42 && span_eq(got.tenant, c.tenant) && span_eq(got.name, c.name));
    CHECK(span_eq(got.binding, c.binding) && span_eq(got.value, c.value));
    for (size_t len = 0; len < secret_len(opened); len++) {
        CHECK_EQ_INT(seal_credential_read(span_sub(secret_span(opened), 0, len), &got), CB_EMALFORMED);
    }
    secret_free(opened);
    /* every byte of the box counts */
    for (size_t i = 0; i < buf_len(&box); i++) {
        struct secret *none = NULL;
        box.data[box.start + i] ^= 1;
        CHECK_EQ_INT(seal_open(public_key, key, buf_span(&box), &none), CB_EAUTHENTIC);
        box.data[box.start + i] ^= 1;
    }
    secret_free(key);
    secret_free(master);
    buf_deinit(&box);
}

TEST(another_master_key_opens_nothing)
{
    uint8_t a_public[SEAL_PUBLIC_LEN];
    uint8_t b_public[SEAL_PUBLIC_LEN];
    struct secret *a = NULL;
    struct secret *b = NULL;
    struct secret *opened = NULL;
    struct secret *a_master = master_of(1);
    struct secret *b_master = master_of(2);
    struct buf box;
    buf_init(&box, 4096);
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(seal_keypair(a_master, SPAN_EMPTY, a_public, &a), 0);
    CHECK_EQ_INT(seal_keypair(b_master, SPAN_EMPTY, b_public, &b), 0);
    CHECK(memcmp(a_public, b_public, SEAL_PUBLIC_LEN) != 0);
    CHECK_EQ_INT(seal_box(a_public, SPAN_LIT("x"), &box), 0);
    CHECK_EQ_INT(seal_open(b_public, b, buf_span(&box), &opened), CB_EAUTHENTIC);
    CHECK_EQ_INT(seal_open(a_public, b, buf_span(&box), &opened), CB_EAUTHENTIC);
    CHECK(opened == NULL);
    /* the same master gives the same pair, or nothing could be opened after a restart */
    uint8_t again_public[SEAL_PUBLIC_LEN];
    struct secret *again = NULL;
    CHECK_EQ_INT(seal_keypair(a_master, SPAN_EMPTY, again_public, &again), 0);
    CHECK_EQ_INT(seal_open(again_public, again, buf_span(&box), &opened), 0);
    secret_free(opened);
    secret_free(a);
    secret_free(b);
    secret_free(again);
    secret_free(a_master);
    secret_free(b_master);
    buf_deinit(&box);
}

TEST(another_database_under_the_same_master_key_opens_nothing)
{
    const struct span ids[] = {SPAN_EMPTY, SPAN_LIT("0123456789abcdef"), SPAN_LIT("0123456789abcdeg")};
    uint8_t public_keys[3][SEAL_PUBLIC_LEN];
    struct secret *keys[3] = {NULL};
    struct secret *master = master_of(1);
    static const uint8_t long_id[65];
    CHECK_EQ_INT(tls_init(), 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ_INT(seal_keypair(master, ids[i], public_keys[i], &keys[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        struct buf box;
        buf_init(&box, 4096);
        CHECK_EQ_INT(seal_box(public_keys[i], SPAN_LIT("x"), &box), 0);
        for (size_t k = 0; k < 3; k++) {
            struct secret *opened = NULL;
            CHECK_EQ_INT(seal_open(public_keys[k], keys[k], buf_span(&box), &opened),
                         i == k ? 0 : CB_EAUTHENTIC);
            secret_free(opened);
        }
        buf_deinit(&box);
    }
    struct secret *none = NULL;
    CHECK_EQ_INT(seal_keypair(master, span_of(long_id, 65), public_keys[0], &none), CB_EINVAL);
    for (size_t i = 0; i < 3; i++) {
        secret_free(keys[i]);
    }
    secret_free(master);
}

TEST(too_large_is_refused_when_it_is_sealed)
{
    static uint8_t large[16 * 1024 + 1];
    uint8_t public_key[SEAL_PUBLIC_LEN] = {9};
    struct buf box;
    buf_init(&box, 1 << 20);
    struct seal_credential c = {.value = span_of(large, sizeof(large))};
    CHECK_EQ_INT(seal_credential(public_key, &c, &box), CB_ELIMIT);
    CHECK_EQ_INT(buf_len(&box), 0);
    buf_deinit(&box);
}

TEST(sha_256_of_fips_180)
{
    static const uint8_t abc[DIGEST_LEN] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                            0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                            0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct span parts[2] = {SPAN_LIT("a"), SPAN_LIT("bc")};
    uint8_t out[DIGEST_LEN];
    digest_sha256(parts, 2, out);
    CHECK(memcmp(out, abc, sizeof(abc)) == 0);
}

TEST_MAIN()

/*
 * test_alt.c - the primitives that libsodium does for mbedTLS (modules/tls/alt), by published vectors: whole messages, the
 * same in pieces, in place, changed, and with the sizes that go back to mbedTLS's own code.
 */
#include "base/encode.h"
#include "base/secret.h"
#include "support/check.h"
#include "tls/seal.h"

#include <mbedtls/cipher.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/gcm.h>
#include <psa/crypto.h>
#include <stdlib.h>

#define TEXT_MAX 128

struct bytes {
    uint8_t data[TEXT_MAX];
    size_t len;
};

static struct bytes hex(const char *text)
{
    struct bytes b = {.len = strlen(text) / 2};
    CHECK(b.len <= sizeof(b.data));
    CHECK_EQ_INT(decode_hex(span_str(text), b.data, b.len), 0);
    return b;
}

struct vector {
    const char *name;
    mbedtls_cipher_type_t type;
    const char *key;
    const char *nonce;
    const char *aad;
    const char *plain;
    const char *text;
    const char *tag;
};

#define GCM_KEY_128 "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed" \
    "f5aa0de657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define ZERO_16 "00000000000000000000000000000000"

/* "The Galois/Counter Mode of Operation" (submission to NIST), appendix B, cases 4, 13, 14, 16, 17; RFC 8439, 2.8.2. */
static const struct vector vectors[] = {
    {"GCM 4", MBEDTLS_CIPHER_AES_128_GCM, GCM_KEY_128, "cafebabefacedbaddecaf888", GCM_AAD, GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b"
     "396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM 13", MBEDTLS_CIPHER_AES_256_GCM, ZERO_16 ZERO_16, "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM 14", MBEDTLS_CIPHER_AES_256_GCM, ZERO_16 ZERO_16, "000000000000000000000000", "", ZERO_16,
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM 16", MBEDTLS_CIPHER_AES_256_GCM, GCM_KEY_128 GCM_KEY_128, "cafebabefacedbaddecaf888", GCM_AAD,
     GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
     "6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"GCM 17", MBEDTLS_CIPHER_AES_256_GCM, GCM_KEY_128 GCM_KEY_128, "cafebabefacedbad", GCM_AAD, GCM_PLAIN,
     "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f7862ac43"
     "0e64abe499f47c9b1f",
     "3a337dbf46a792c45e454913fe2ea8f2"},
    {"RFC 8439", MBEDTLS_CIPHER_CHACHA20_POLY1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c"
     "64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20"
     "776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de"
     "0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b"
     "7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

struct parsed {
    struct bytes key, nonce, aad, plain, text, tag;
    mbedtls_cipher_context_t ctx;
};

static bool open_cipher(const struct vector *v, mbedtls_operation_t operation, struct parsed *p)
{
    CHECK_EQ_INT(tls_init(), 0);
    p->key = hex(v->key);
    p->nonce = hex(v->nonce);
    p->aad = hex(v->aad);
    p->plain = hex(v->plain);
    p->text = hex(v->text);
    p->tag = hex(v->tag);
    mbedtls_cipher_init(&p->ctx);
    return CHECK_EQ_INT(mbedtls_cipher_setup(&p->ctx, mbedtls_cipher_info_from_type(v->type)), 0) &&
           CHECK_EQ_INT(mbedtls_cipher_setkey(&p->ctx, p->key.data, (int)p->key.len * 8, operation), 0);
}

/* The call that mbedTLS's records make, with the input in place. 0, or mbedTLS's error. */
static int decrypt(struct parsed *p, uint8_t *message, size_t tag_len)
{
    size_t len = 0;
    return mbedtls_cipher_auth_decrypt_ext(&p->ctx, p->nonce.data, p->nonce.len, p->aad.data, p->aad.len,
                                           message, p->text.len + tag_len, message, TEXT_MAX, &len, tag_len);
}

TEST(whole_messages)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct parsed p;
        size_t len = 0;
        uint8_t message[TEXT_MAX + 16];
        if (open_cipher(&vectors[i], MBEDTLS_ENCRYPT, &p)) {
            memcpy(message, p.plain.data, p.plain.len);
            CHECK_EQ_INT(mbedtls_cipher_auth_encrypt_ext(&p.ctx, p.nonce.data, p.nonce.len, p.aad.data,
                                                         p.aad.len, message, p.plain.len, message,
                                                         sizeof(message), &len, 16),
                         0);
            CHECK_EQ_INT(len, p.text.len + 16);
            CHECK_EQ_MEM(message, p.text.data, p.text.len);
            CHECK_EQ_MEM(message + p.text.len, p.tag.data, 16);
        }
        mbedtls_cipher_free(&p.ctx);
        if (open_cipher(&vectors[i], MBEDTLS_DECRYPT, &p)) {
            CHECK_EQ_INT(decrypt(&p, message, 16), 0);
            CHECK_EQ_MEM(message, p.plain.data, p.plain.len);
        }
        mbedtls_cipher_free(&p.ctx);
    }
}

/* Every single bit of text, tag, nonce and associated data counts, and nothing of a refused message is left to see. */
TEST(changed_messages)
{
    static const uint8_t zeros[TEXT_MAX];
    for (size_t i = 0; i < VECTORS; i++) {
        struct parsed p;
        if (!open_cipher(&vectors[i], MBEDTLS_DECRYPT, &p)) {
            return;
        }
        size_t message_bits = (p.text.len + 16) * 8;
        size_t bits = message_bits + (p.nonce.len + p.aad.len) * 8;
        for (size_t bit = 0; bit < bits; bit++) {
            uint8_t message[TEXT_MAX + 16];
            memcpy(message, p.text.data, p.text.len);
            memcpy(message + p.text.len, p.tag.data, 16);
            size_t at = bit / 8;
            uint8_t *changed = at < p.text.len + 16 ? &message[at]
                               : at < p.text.len + 16 + p.nonce.len
                                   ? &p.nonce.data[at - p.text.len - 16]
                                   : &p.aad.data[at - p.text.len - 16 - p.nonce.len];
            *changed ^= (uint8_t)(1U << (bit % 8));
            CHECK_EQ_INT(decrypt(&p, message, 16), MBEDTLS_ERR_CIPHER_AUTH_FAILED);
            CHECK_EQ_MEM(message, zeros, p.text.len);
            if (bit >= message_bits) {
                *changed ^= (uint8_t)(1U << (bit % 8));
            }
        }
        mbedtls_cipher_free(&p.ctx);
    }
}

/* A message in pieces gives the same, whatever the cut, also on a context that has just done a whole one. */
TEST(messages_in_pieces)
{
    for (size_t i = 0; i < VECTORS; i++) {
        for (size_t piece = 1; piece < 40; piece++) {
            struct parsed p;
            uint8_t text[TEXT_MAX];
            uint8_t tag[16];
            size_t done = 0;
            size_t len = 0;
            if (!open_cipher(&vectors[i], MBEDTLS_ENCRYPT, &p)) {
                return;
            }
            if (piece % 2 != 0) {
                uint8_t whole[TEXT_MAX + 16];
                CHECK_EQ_INT(mbedtls_cipher_auth_encrypt_ext(&p.ctx, p.nonce.data, p.nonce.len, p.aad.data,
                                                             p.aad.len, p.plain.data, p.plain.len, whole,
                                                             sizeof(whole), &len, 16),
                             0);
            }
            CHECK_EQ_INT(mbedtls_cipher_set_iv(&p.ctx, p.nonce.data, p.nonce.len), 0);
            CHECK_EQ_INT(mbedtls_cipher_reset(&p.ctx), 0);
            CHECK_EQ_INT(mbedtls_cipher_update_ad(&p.ctx, p.aad.data, p.aad.len), 0);
            while (done < p.plain.len) {
                size_t left = p.plain.len - done;
                CHECK_EQ_INT(mbedtls_cipher_update(&p.ctx, p.plain.data + done, left < piece ? left : piece,
                                                   text + done, &len),
                             0);
                done += len;
            }
            CHECK_EQ_INT(mbedtls_cipher_finish(&p.ctx, text + done, &len), 0);
            CHECK_EQ_INT(mbedtls_cipher_write_tag(&p.ctx, tag, sizeof(tag)), 0);
            CHECK_EQ_MEM(text, p.text.data, p.text.len);
            CHECK_EQ_MEM(tag, p.tag.data, 16);
            mbedtls_cipher_free(&p.ctx);
        }
    }
}

/* What libsodium cannot do is done all the same. */
TEST(gcm_beyond_records)
{
    struct bytes key = hex(GCM_KEY_128 GCM_KEY_128);
    struct bytes nonce = hex("cafebabefacedbaddecaf888");
    struct bytes aad = hex(GCM_AAD);
    struct bytes plain = hex(GCM_PLAIN);
    struct bytes text = hex(vectors[3].text);
    struct bytes tag = hex(vectors[3].tag);
    uint8_t out[TEXT_MAX];
    uint8_t out_tag[16];
    mbedtls_gcm_context ctx;
    mbedtls_gcm_init(&ctx);
    size_t len = 0;
    CHECK(mbedtls_gcm_starts(&ctx, MBEDTLS_GCM_ENCRYPT, nonce.data, 12) != 0); /* no key yet */
    CHECK(mbedtls_gcm_update(&ctx, plain.data, 1, out, 1, &len) != 0);
    CHECK(mbedtls_gcm_setkey(&ctx, MBEDTLS_CIPHER_ID_AES, key.data, 255) != 0);
    CHECK_EQ_INT(mbedtls_gcm_setkey(&ctx, MBEDTLS_CIPHER_ID_AES, key.data, 256), 0);
    /* a short tag */
    CHECK_EQ_INT(mbedtls_gcm_crypt_and_tag(&ctx, MBEDTLS_GCM_ENCRYPT, plain.len, nonce.data, 12, aad.data,
                                           aad.len, plain.data, out, 12, out_tag),
                 0);
    CHECK_EQ_MEM(out, text.data, text.len);
    CHECK_EQ_MEM(out_tag, tag.data, 12);
    CHECK_EQ_INT(mbedtls_gcm_auth_decrypt(&ctx, text.len, nonce.data, 12, aad.data, aad.len, tag.data, 12,
                                          text.data, out),
                 0);
    CHECK_EQ_MEM(out, plain.data, plain.len);
    out_tag[0] ^= 1;
    CHECK_EQ_INT(mbedtls_gcm_auth_decrypt(&ctx, text.len, nonce.data, 12, aad.data, aad.len, out_tag, 12,
                                          text.data, out),
                 MBEDTLS_ERR_GCM_AUTH_FAILED);
    /* decryption that tells the tag */
    CHECK_EQ_INT(mbedtls_gcm_crypt_and_tag(&ctx, MBEDTLS_GCM_DECRYPT, text.len, nonce.data, 12, aad.data,
                                           aad.len, text.data, out, 16, out_tag),
                 0);
    CHECK_EQ_MEM(out, plain.data, plain.len);
    CHECK_EQ_MEM(out_tag, tag.data, 16);
    /* output behind the input, which overlaps it */
    memcpy(out + 8, plain.data, plain.len);
    CHECK_EQ_INT(mbedtls_gcm_crypt_and_tag(&ctx, MBEDTLS_GCM_ENCRYPT, plain.len, nonce.data, 12, aad.data,
                                           aad.len, out + 8, out, 16, out_tag),
                 0);
    CHECK_EQ_MEM(out, text.data, text.len);
    CHECK_EQ_MEM(out_tag, tag.data, 16);
    /* a context takes another key, of another size */
    struct bytes text_128 = hex(vectors[0].text);
    CHECK_EQ_INT(mbedtls_gcm_setkey(&ctx, MBEDTLS_CIPHER_ID_AES, key.data, 128), 0);
    CHECK_EQ_INT(mbedtls_gcm_crypt_and_tag(&ctx, MBEDTLS_GCM_ENCRYPT, plain.len, nonce.data, 12, aad.data,
                                           aad.len, plain.data, out, 16, out_tag),
                 0);
    CHECK_EQ_MEM(out, text_128.data, text_128.len);
    mbedtls_gcm_free(&ctx);
    mbedtls_gcm_free(NULL);
}

/* Lengths around every block and stride: whole messages by libsodium equal the same messages in pieces by mbedTLS. */
TEST(lengths_agree)
{
    static uint8_t plain[1200];
    static uint8_t a[1200];
    static uint8_t b[1200];
    static const mbedtls_cipher_type_t types[] = {MBEDTLS_CIPHER_AES_256_GCM,
                                                  MBEDTLS_CIPHER_CHACHA20_POLY1305};
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * 13 + i / 256);
    }
    for (size_t t = 0; t < 2; t++) {
        for (size_t len = 0; len < 1100; len++) {
            mbedtls_cipher_context_t ctx;
            uint8_t tag[16];
            size_t n = 0;
            mbedtls_cipher_init(&ctx);
            CHECK_EQ_INT(mbedtls_cipher_setup(&ctx, mbedtls_cipher_info_from_type(types[t])), 0);
            CHECK_EQ_INT(mbedtls_cipher_setkey(&ctx, plain, 256, MBEDTLS_ENCRYPT), 0);
            CHECK_EQ_INT(mbedtls_cipher_auth_encrypt_ext(&ctx, plain + 50, 12, plain, len % 70, plain, len, a,
                                                         sizeof(a), &n, 16),
                         0);
            CHECK_EQ_INT(n, len + 16);
            CHECK_EQ_INT(mbedtls_cipher_set_iv(&ctx, plain + 50, 12), 0);
            CHECK_EQ_INT(mbedtls_cipher_reset(&ctx), 0);
            CHECK_EQ_INT(mbedtls_cipher_update_ad(&ctx, plain, len % 70), 0);
            CHECK_EQ_INT(mbedtls_cipher_update(&ctx, plain, len, b, &n), 0);
            CHECK_EQ_INT(mbedtls_cipher_write_tag(&ctx, tag, 16), 0);
            if (!CHECK(memcmp(a, b, len) == 0) || !CHECK(memcmp(a + len, tag, 16) == 0)) {
                return;
            }
            mbedtls_cipher_free(&ctx);
        }
    }
}

static int random_bytes(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    secret_random(out, len);
    return 0;
}

/* The shared secret as TLS 1.3 makes it. A negative status of PSA on failure. */
static psa_status_t agree(const struct bytes *secret, const struct bytes *theirs, uint8_t out[32],
                          uint8_t public_key[32])
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    mbedtls_svc_key_id_t key = MBEDTLS_SVC_KEY_ID_INIT;
    size_t len = 0;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
    psa_status_t r = psa_import_key(&attributes, secret->data, secret->len, &key);
    if (CHECK_EQ_INT(r, PSA_SUCCESS) &&
        CHECK_EQ_INT(psa_export_public_key(key, public_key, 32, &len), PSA_SUCCESS)) {
        CHECK_EQ_INT(len, 32);
        r = psa_raw_key_agreement(PSA_ALG_ECDH, key, theirs->data, theirs->len, out, 32, &len);
    }
    CHECK_EQ_INT(psa_destroy_key(key), PSA_SUCCESS);
    return r;
}

/* RFC 7748, 6.1, and the first vector of 5.2. */
TEST(x25519_vectors)
{
    struct bytes alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    struct bytes alice_public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    struct bytes bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    struct bytes bob_public = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    struct bytes shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    struct bytes scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    struct bytes u = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    struct bytes product = hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    uint8_t out[32];
    uint8_t public_key[32];
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(agree(&alice, &bob_public, out, public_key), PSA_SUCCESS);
    CHECK_EQ_MEM(public_key, alice_public.data, 32);
    CHECK_EQ_MEM(out, shared.data, 32);
    CHECK_EQ_INT(agree(&bob, &alice_public, out, public_key), PSA_SUCCESS);
    CHECK_EQ_MEM(public_key, bob_public.data, 32);
    CHECK_EQ_MEM(out, shared.data, 32);
    CHECK_EQ_INT(agree(&scalar, &u, out, public_key), PSA_SUCCESS);
    CHECK_EQ_MEM(out, product.data, 32);
}

/* RFC 7748, 6.1: a peer's point of low order gives no secret. The zero, one, and two points of order 8. */
TEST(x25519_low_order)
{
    static const char *points[] = {
        ZERO_16 ZERO_16,
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct bytes alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    CHECK_EQ_INT(tls_init(), 0);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct bytes point = hex(points[i]);
        uint8_t out[32];
        uint8_t public_key[32];
        CHECK(agree(&alice, &point, out, public_key) != PSA_SUCCESS);
    }
}

/* As TLS 1.2 does it, on every curve: both sides come to the same secret, and on X25519 to that of mbedtls_ecp_mul(). */
TEST(ecdh_both_sides)
{
    static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1,
                                                  MBEDTLS_ECP_DP_SECP384R1};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        mbedtls_ecp_group grp;
        mbedtls_mpi d[2], z[2];
        mbedtls_ecp_point q[2], check;
        mbedtls_ecp_group_init(&grp);
        mbedtls_ecp_point_init(&check);
        CHECK_EQ_INT(mbedtls_ecp_group_load(&grp, curves[i]), 0);
        for (int side = 0; side < 2; side++) {
            mbedtls_mpi_init(&d[side]);
            mbedtls_mpi_init(&z[side]);
            mbedtls_ecp_point_init(&q[side]);
            CHECK_EQ_INT(mbedtls_ecdh_gen_public(&grp, &d[side], &q[side], random_bytes, NULL), 0);
            CHECK_EQ_INT(mbedtls_ecp_mul(&grp, &check, &d[side], &grp.G, random_bytes, NULL), 0);
            CHECK_EQ_INT(mbedtls_ecp_point_cmp(&check, &q[side]), 0);
        }
        for (int side = 0; side < 2; side++) {
            CHECK_EQ_INT(
                mbedtls_ecdh_compute_shared(&grp, &z[side], &q[1 - side], &d[side], random_bytes, NULL), 0);
        }
        CHECK_EQ_INT(mbedtls_mpi_cmp_mpi(&z[0], &z[1]), 0);
        CHECK(mbedtls_mpi_bitlen(&z[0]) > 200);
        for (int side = 0; side < 2; side++) {
            mbedtls_mpi_free(&d[side]);
            mbedtls_mpi_free(&z[side]);
            mbedtls_ecp_point_free(&q[side]);
        }
        mbedtls_ecp_point_free(&check);
        mbedtls_ecp_group_free(&grp);
    }
}

TEST_MAIN()

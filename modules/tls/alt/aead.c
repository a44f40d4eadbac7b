/*
 * aead.c - AES-256-GCM and ChaCha20-Poly1305 by libsodium, as mbedTLS's alternatives (MBEDTLS_GCM_ALT,
 * MBEDTLS_CHACHAPOLY_ALT).
 *
 * TLS encrypts and decrypts whole records, and those go to libsodium. Everything that libsodium does not offer goes to
 * mbedTLS's own code (soft.h), which is made when first needed: AES-128, tags that are not 16 bytes, nonces that are not
 * 12, buffers that overlap in part, messages in pieces, and AES on processors where libsodium has none.
 */
#include "tls/alt/soft.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/cipher.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <sodium/crypto_aead_chacha20poly1305.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define AEAD_TAG_LEN   16
#define AEAD_NONCE_LEN 12

/* The same place, or nothing in common. */
static bool buffers_fit(const unsigned char *input, const unsigned char *output, size_t len)
{
    uintptr_t in = (uintptr_t)input;
    uintptr_t out = (uintptr_t)output;
    return in == out || (in < out ? out - in : in - out) >= len;
}

/* libsodium wants no null pointers, even for nothing. */
static unsigned char aead_nothing[1];

static const unsigned char *or_nothing(const unsigned char *p)
{
    return p != NULL ? p : aead_nothing;
}

/* ---- AES-GCM ---- */

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
    if (ctx != NULL) {
        tls_soft_gcm_delete(ctx->soft);
        mbedtls_platform_zeroize(ctx, sizeof(*ctx));
    }
}

static int gcm_soft(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key,
                    unsigned int key_bits)
{
    ctx->soft = tls_soft_gcm_new();
    if (ctx->soft == NULL) {
        return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
    }
    int r = tls_soft_gcm_set(ctx->soft, (int)cipher, key, key_bits);
    if (r != 0) {
        tls_soft_gcm_delete(ctx->soft);
        ctx->soft = NULL;
    }
    return r;
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key,
                       unsigned int keybits)
{
    mbedtls_gcm_free(ctx);
    if (cipher != MBEDTLS_CIPHER_ID_AES || keybits != 256 || crypto_aead_aes256gcm_is_available() == 0) {
        return gcm_soft(ctx, cipher, key, keybits);
    }
    memcpy(ctx->key, key, sizeof(ctx->key));
    ctx->has_fast = 1;
    return crypto_aead_aes256gcm_beforenm(&ctx->fast, key) == 0 ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}

/* Sees to it that there is a context of mbedTLS's own. */
static int gcm_need_soft(mbedtls_gcm_context *ctx)
{
    if (ctx->soft != NULL) {
        return 0;
    }
    return ctx->has_fast != 0 ? gcm_soft(ctx, MBEDTLS_CIPHER_ID_AES, ctx->key, 256)
                              : MBEDTLS_ERR_GCM_BAD_INPUT;
}

static bool gcm_is_fast(const mbedtls_gcm_context *ctx, size_t len, size_t iv_len, size_t tag_len,
                        const unsigned char *input, const unsigned char *output)
{
    return ctx->has_fast != 0 && iv_len == AEAD_NONCE_LEN && tag_len == AEAD_TAG_LEN &&
           len <= crypto_aead_aes256gcm_MESSAGEBYTES_MAX && buffers_fit(input, output, len);
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length, const unsigned char *iv,
                              size_t iv_len, const unsigned char *add, size_t add_len,
                              const unsigned char *input, unsigned char *output, size_t tag_len,
                              unsigned char *tag)
{
    /* MBEDTLS_GCM_DECRYPT here means: decrypt and tell the tag, unchecked. libsodium offers no such thing. */
    if (mode == MBEDTLS_GCM_ENCRYPT && gcm_is_fast(ctx, length, iv_len, tag_len, input, output)) {
        unsigned char *to = output != NULL ? output : aead_nothing;
        return crypto_aead_aes256gcm_encrypt_detached_afternm(to, tag, NULL, or_nothing(input), length, add,
                                                              add_len, NULL, iv, &ctx->fast) == 0
                   ? 0
                   : MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    int r = gcm_need_soft(ctx);
    return r != 0 ? r
                  : tls_soft_gcm_crypt_and_tag(ctx->soft, mode, length, iv, iv_len, add, add_len, input,
                                               output, tag_len, tag);
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv, size_t iv_len,
                             const unsigned char *add, size_t add_len, const unsigned char *tag,
                             size_t tag_len, const unsigned char *input, unsigned char *output)
{
    if (gcm_is_fast(ctx, length, iv_len, tag_len, input, output)) {
        unsigned char *to = output != NULL ? output : aead_nothing;
        if (crypto_aead_aes256gcm_decrypt_detached_afternm(to, NULL, or_nothing(input), length, tag, add,
                                                           add_len, iv, &ctx->fast) != 0) {
            mbedtls_platform_zeroize(to, length);
            return MBEDTLS_ERR_GCM_AUTH_FAILED;
        }
        return 0;
    }
    int r = gcm_need_soft(ctx);
    return r != 0 ? r
                  : tls_soft_gcm_auth_decrypt(ctx->soft, length, iv, iv_len, add, add_len, tag, tag_len,
                                              input, output);
}

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
    int r = gcm_need_soft(ctx);
    return r != 0 ? r : tls_soft_gcm_starts(ctx->soft, mode, iv, iv_len);
}

/* The rest of a message in pieces. Without mbedtls_gcm_starts() before it there is nothing to go on with. */

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
    return ctx->soft != NULL ? tls_soft_gcm_update_ad(ctx->soft, add, add_len) : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length,
                       unsigned char *output, size_t output_size, size_t *output_length)
{
    return ctx->soft != NULL
               ? tls_soft_gcm_update(ctx->soft, input, input_length, output, output_size, output_length)
               : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size,
                       size_t *output_length, unsigned char *tag, size_t tag_len)
{
    return ctx->soft != NULL
               ? tls_soft_gcm_finish(ctx->soft, output, output_size, output_length, tag, tag_len)
               : MBEDTLS_ERR_GCM_BAD_INPUT;
}

/* ---- ChaCha20-Poly1305 (RFC 8439) ---- */

void mbedtls_chachapoly_init(mbedtls_chachapoly_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_chachapoly_free(mbedtls_chachapoly_context *ctx)
{
    if (ctx != NULL) {
        tls_soft_chachapoly_delete(ctx->soft);
        mbedtls_platform_zeroize(ctx, sizeof(*ctx));
    }
}

int mbedtls_chachapoly_setkey(mbedtls_chachapoly_context *ctx, const unsigned char key[32])
{
    mbedtls_chachapoly_free(ctx);
    memcpy(ctx->key, key, sizeof(ctx->key));
    return 0;
}

/* Sees to it that there is a context of mbedTLS's own, with the key. */
static int chachapoly_need_soft(mbedtls_chachapoly_context *ctx)
{
    if (ctx->soft == NULL) {
        ctx->soft = tls_soft_chachapoly_new();
    }
    return ctx->soft != NULL ? tls_soft_chachapoly_setkey(ctx->soft, ctx->key)
                             : MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
}

static bool chachapoly_is_fast(size_t len, const unsigned char *input, const unsigned char *output)
{
    return len <= crypto_aead_chacha20poly1305_ietf_MESSAGEBYTES_MAX && buffers_fit(input, output, len);
}

int mbedtls_chachapoly_encrypt_and_tag(mbedtls_chachapoly_context *ctx, size_t length,
                                       const unsigned char nonce[12], const unsigned char *aad,
                                       size_t aad_len, const unsigned char *input, unsigned char *output,
                                       unsigned char tag[16])
{
    if (chachapoly_is_fast(length, input, output)) {
        unsigned char *to = output != NULL ? output : aead_nothing;
        return crypto_aead_chacha20poly1305_ietf_encrypt_detached(to, tag, NULL, or_nothing(input), length,
                                                                  aad, aad_len, NULL, nonce, ctx->key) == 0
                   ? 0
                   : MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    }
    int r = chachapoly_need_soft(ctx);
    return r != 0 ? r
                  : tls_soft_chachapoly_encrypt_and_tag(ctx->soft, length, nonce, aad, aad_len, input, output,
                                                        tag);
}

int mbedtls_chachapoly_auth_decrypt(mbedtls_chachapoly_context *ctx, size_t length,
                                    const unsigned char nonce[12], const unsigned char *aad, size_t aad_len,
                                    const unsigned char tag[16], const unsigned char *input,
                                    unsigned char *output)
{
    if (chachapoly_is_fast(length, input, output)) {
        unsigned char *to = output != NULL ? output : aead_nothing;
        if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(to, NULL, or_nothing(input), length, tag, aad,
                                                               aad_len, nonce, ctx->key) != 0) {
            mbedtls_platform_zeroize(to, length);
            return MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED;
        }
        return 0;
    }
    int r = chachapoly_need_soft(ctx);
    return r != 0
               ? r
               : tls_soft_chachapoly_auth_decrypt(ctx->soft, length, nonce, aad, aad_len, tag, input, output);
}

int mbedtls_chachapoly_starts(mbedtls_chachapoly_context *ctx, const unsigned char nonce[12],
                              mbedtls_chachapoly_mode_t mode)
{
    int r = chachapoly_need_soft(ctx);
    return r != 0 ? r : tls_soft_chachapoly_begin(ctx->soft, nonce, mode == MBEDTLS_CHACHAPOLY_ENCRYPT);
}

int mbedtls_chachapoly_update_aad(mbedtls_chachapoly_context *ctx, const unsigned char *aad, size_t aad_len)
{
    return ctx->soft != NULL ? tls_soft_chachapoly_update_aad(ctx->soft, aad, aad_len)
                             : MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
}

int mbedtls_chachapoly_update(mbedtls_chachapoly_context *ctx, size_t len, const unsigned char *input,
                              unsigned char *output)
{
    return ctx->soft != NULL ? tls_soft_chachapoly_update(ctx->soft, len, input, output)
                             : MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
}

int mbedtls_chachapoly_finish(mbedtls_chachapoly_context *ctx, unsigned char mac[16])
{
    return ctx->soft != NULL ? tls_soft_chachapoly_finish(ctx->soft, mac) : MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
}

/* soft.c - compiles mbedTLS's gcm.c and chachapoly.c under the names of soft.h. */
#define TLS_ALT_SOFT /* tells our configuration header to configure no alternative for this file */

#define mbedtls_gcm_context       tls_soft_gcm_context
#define mbedtls_gcm_init          tls_soft_gcm_init
#define mbedtls_gcm_setkey        tls_soft_gcm_setkey
#define mbedtls_gcm_starts        tls_soft_gcm_starts
#define mbedtls_gcm_update_ad     tls_soft_gcm_update_ad
#define mbedtls_gcm_update        tls_soft_gcm_update
#define mbedtls_gcm_finish        tls_soft_gcm_finish
#define mbedtls_gcm_crypt_and_tag tls_soft_gcm_crypt_and_tag
#define mbedtls_gcm_auth_decrypt  tls_soft_gcm_auth_decrypt
#define mbedtls_gcm_free          tls_soft_gcm_free

#define mbedtls_chachapoly_context         tls_soft_chachapoly_context
#define mbedtls_chachapoly_init            tls_soft_chachapoly_init
#define mbedtls_chachapoly_setkey          tls_soft_chachapoly_setkey
#define mbedtls_chachapoly_starts          tls_soft_chachapoly_starts
#define mbedtls_chachapoly_update_aad      tls_soft_chachapoly_update_aad
#define mbedtls_chachapoly_update          tls_soft_chachapoly_update
#define mbedtls_chachapoly_finish          tls_soft_chachapoly_finish
#define mbedtls_chachapoly_encrypt_and_tag tls_soft_chachapoly_encrypt_and_tag
#define mbedtls_chachapoly_auth_decrypt    tls_soft_chachapoly_auth_decrypt
#define mbedtls_chachapoly_free            tls_soft_chachapoly_free

/* The library's own source, compiled once more under the names above: that is the point of this file. */
#include "gcm.c" /* NOLINT(bugprone-suspicious-include) */

#include "chachapoly.c" /* NOLINT(bugprone-suspicious-include) */

#include "tls/alt/soft.h"

struct tls_soft_gcm_context *tls_soft_gcm_new(void)
{
    struct tls_soft_gcm_context *ctx = mbedtls_calloc(1, sizeof(*ctx));
    if (ctx != NULL) {
        tls_soft_gcm_init(ctx);
    }
    return ctx;
}

int tls_soft_gcm_set(struct tls_soft_gcm_context *ctx, int cipher, const unsigned char *key,
                     unsigned int key_bits)
{
    return tls_soft_gcm_setkey(ctx, (mbedtls_cipher_id_t)cipher, key, key_bits);
}

void tls_soft_gcm_delete(struct tls_soft_gcm_context *ctx)
{
    tls_soft_gcm_free(ctx);
    mbedtls_free(ctx);
}

struct tls_soft_chachapoly_context *tls_soft_chachapoly_new(void)
{
    struct tls_soft_chachapoly_context *ctx = mbedtls_calloc(1, sizeof(*ctx));
    if (ctx != NULL) {
        tls_soft_chachapoly_init(ctx);
    }
    return ctx;
}

int tls_soft_chachapoly_begin(struct tls_soft_chachapoly_context *ctx, const unsigned char nonce[12],
                              int encrypt)
{
    return tls_soft_chachapoly_starts(ctx, nonce,
                                      encrypt ? MBEDTLS_CHACHAPOLY_ENCRYPT : MBEDTLS_CHACHAPOLY_DECRYPT);
}

void tls_soft_chachapoly_delete(struct tls_soft_chachapoly_context *ctx)
{
    tls_soft_chachapoly_free(ctx);
    mbedtls_free(ctx);
}

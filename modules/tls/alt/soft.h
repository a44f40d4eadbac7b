/*
 * soft.h - mbedTLS's own AES-GCM and ChaCha20-Poly1305 under other names, beside what replaces them.
 *
 * mbedTLS leaves a primitive out when an alternative for it is configured. The alternatives here (aead.c) are fast for a
 * whole message and have nothing for the rest: other key sizes, short tags, a message in pieces. So soft.c compiles
 * mbedTLS's two sources once more, each function with the prefix tls_soft_ instead of mbedtls_. Their documentation is that
 * of <mbedtls/gcm.h> and <mbedtls/chachapoly.h>.
 */
#ifndef CB_TLS_ALT_SOFT_H
#define CB_TLS_ALT_SOFT_H

#include <stddef.h>

struct tls_soft_gcm_context;

/* On the heap, without a key. NULL when out of memory. Wiped when freed. */
struct tls_soft_gcm_context *tls_soft_gcm_new(void);
void tls_soft_gcm_delete(struct tls_soft_gcm_context *ctx);
/* `cipher` is a mbedtls_cipher_id_t. */
int tls_soft_gcm_set(struct tls_soft_gcm_context *ctx, int cipher, const unsigned char *key,
                     unsigned int key_bits);
int tls_soft_gcm_starts(struct tls_soft_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len);
int tls_soft_gcm_update_ad(struct tls_soft_gcm_context *ctx, const unsigned char *add, size_t add_len);
int tls_soft_gcm_update(struct tls_soft_gcm_context *ctx, const unsigned char *input, size_t input_length,
                        unsigned char *output, size_t output_size, size_t *output_length);
int tls_soft_gcm_finish(struct tls_soft_gcm_context *ctx, unsigned char *output, size_t output_size,
                        size_t *output_length, unsigned char *tag, size_t tag_len);
int tls_soft_gcm_crypt_and_tag(struct tls_soft_gcm_context *ctx, int mode, size_t length,
                               const unsigned char *iv, size_t iv_len, const unsigned char *add,
                               size_t add_len, const unsigned char *input, unsigned char *output,
                               size_t tag_len, unsigned char *tag);
int tls_soft_gcm_auth_decrypt(struct tls_soft_gcm_context *ctx, size_t length, const unsigned char *iv,
                              size_t iv_len, const unsigned char *add, size_t add_len,
                              const unsigned char *tag, size_t tag_len, const unsigned char *input,
                              unsigned char *output);

struct tls_soft_chachapoly_context;

struct tls_soft_chachapoly_context *tls_soft_chachapoly_new(void);
void tls_soft_chachapoly_delete(struct tls_soft_chachapoly_context *ctx);
int tls_soft_chachapoly_setkey(struct tls_soft_chachapoly_context *ctx, const unsigned char key[32]);
/* `encrypt`: 0 or 1. */
int tls_soft_chachapoly_begin(struct tls_soft_chachapoly_context *ctx, const unsigned char nonce[12],
                              int encrypt);
int tls_soft_chachapoly_update_aad(struct tls_soft_chachapoly_context *ctx, const unsigned char *aad,
                                   size_t aad_len);
int tls_soft_chachapoly_update(struct tls_soft_chachapoly_context *ctx, size_t len,
                               const unsigned char *input, unsigned char *output);
int tls_soft_chachapoly_finish(struct tls_soft_chachapoly_context *ctx, unsigned char mac[16]);
int tls_soft_chachapoly_encrypt_and_tag(struct tls_soft_chachapoly_context *ctx, size_t length,
                                        const unsigned char nonce[12], const unsigned char *aad,
                                        size_t aad_len, const unsigned char *input, unsigned char *output,
                                        unsigned char tag[16]);
int tls_soft_chachapoly_auth_decrypt(struct tls_soft_chachapoly_context *ctx, size_t length,
                                     const unsigned char nonce[12], const unsigned char *aad, size_t aad_len,
                                     const unsigned char tag[16], const unsigned char *input,
                                     unsigned char *output);

#endif

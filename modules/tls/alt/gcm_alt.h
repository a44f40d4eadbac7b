/* gcm_alt.h - the context of AES-GCM that <mbedtls/gcm.h> takes instead of its own (MBEDTLS_GCM_ALT; see aead.c). */
#ifndef CB_TLS_ALT_GCM_ALT_H
#define CB_TLS_ALT_GCM_ALT_H

#include <sodium/crypto_aead_aes256gcm.h>

struct tls_soft_gcm_context;

typedef struct mbedtls_gcm_context {
    crypto_aead_aes256gcm_state fast;  /* the expanded key, when `has_fast` */
    unsigned char key[32];             /* for `soft`, when that is needed after all */
    struct tls_soft_gcm_context *soft; /* mbedTLS's own: NULL until it is needed */
    unsigned char has_fast;
} mbedtls_gcm_context;

#endif

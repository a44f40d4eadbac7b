/* chachapoly_alt.h - the context that <mbedtls/chachapoly.h> takes instead of its own (MBEDTLS_CHACHAPOLY_ALT; see aead.c). */
#ifndef CB_TLS_ALT_CHACHAPOLY_ALT_H
#define CB_TLS_ALT_CHACHAPOLY_ALT_H

struct tls_soft_chachapoly_context;

typedef struct mbedtls_chachapoly_context {
    unsigned char key[32];
    struct tls_soft_chachapoly_context
        *soft; /* mbedTLS's own, for messages in pieces: NULL until it is needed */
} mbedtls_chachapoly_context;

#endif

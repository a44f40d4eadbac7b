/* identity.c - a client's own certificate and key. */
#include "tls/internal.h"

#include <stdlib.h>

void tls_identity_free(struct tls_identity *identity)
{
    if (identity != NULL) {
        mbedtls_x509_crt_free(&identity->chain);
        mbedtls_pk_free(&identity->key); /* wipes the key */
        free(identity);
    }
}

static bool has(struct span pem, const char *text)
{
    return memmem(pem.ptr, pem.len, text, strlen(text)) != NULL;
}

/* NULL when certificate and key are there and belong together. */
static const char *identity_read(struct tls_identity *identity, struct span text)
{
    int parsed = -1;
    struct span pem = span_sub(text, 0, text.len - 1); /* without its NUL */
    if (tls_chain_parse(pem, &identity->chain, &parsed) != 0 || parsed < 0) {
        return has(pem, "-----BEGIN CERTIFICATE-----") ? "the certificate cannot be read"
                                                       : "it has no certificate in PEM form";
    }
    if (parsed != 0) {
        return "one of the certificates cannot be read";
    }
    if (has(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(pem, "Proc-Type: 4,ENCRYPTED")) {
        return "the private key is encrypted: write it without a passphrase";
    }
    if (!has(pem, "PRIVATE KEY-----")) {
        return "it has no private key in PEM form";
    }
    if (mbedtls_pk_parse_key(&identity->key, text.ptr, text.len, NULL, 0, tls_random, NULL) != 0) {
        return "the private key cannot be read";
    }
    if (!mbedtls_pk_can_do(&identity->key, MBEDTLS_PK_RSA) &&
        !mbedtls_pk_can_do(&identity->key, MBEDTLS_PK_ECDSA)) {
        return "the private key cannot sign: it has to be RSA or ECDSA";
    }
    if (mbedtls_pk_check_pair(&identity->chain.pk, &identity->key, tls_random, NULL) != 0) {
        return "the private key is not that of the first certificate";
    }
    return NULL;
}

int tls_identity_new(struct span pem, struct tls_identity **out, const char **why)
{
    struct tls_identity *identity = calloc(1, sizeof(*identity));
    struct buf text; /* mbedTLS wants a NUL at its end */
    buf_init(&text, pem.len + 1);
    buf_set_sensitive(&text);
    const char *wrong = NULL;
    int r = identity != NULL ? buf_append_span(&text, pem) : CB_ENOMEM;
    if (r == 0 && (r = buf_append_byte(&text, 0)) == 0) {
        mbedtls_x509_crt_init(&identity->chain);
        mbedtls_pk_init(&identity->key);
        wrong = identity_read(identity, buf_span(&text));
        r = wrong == NULL ? 0 : CB_EINVAL;
    }
    buf_deinit(&text);
    if (why != NULL) {
        *why = wrong;
    }
    if (r != 0) {
        tls_identity_free(identity);
        return r;
    }
    *out = identity;
    return 0;
}

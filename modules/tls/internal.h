/*
 * internal.h - what the files of this module share. Nothing outside of it includes this.
 */
#ifndef CB_TLS_INTERNAL_H
#define CB_TLS_INTERNAL_H

#include "tls/cert.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

struct tls_key {
    mbedtls_pk_context pk;
};

struct tls_leaf {
    unsigned refs;
    mbedtls_x509_crt chain;
    struct tls_key *key; /* borrowed */
};

struct tls_root {
    uint8_t *der;
    size_t der_len;
    struct span subject; /* raw, within der */
};

struct tls_roots {
    struct tls_root *roots;
    size_t count;
    mbedtls_ssl_config conf; /* of the clients that trust them: mbedTLS ties trust to a configuration */
    bool conf_ready;
};

/* mbedTLS's callback for random bytes: the kernel's. */
int tls_random(void *unused, unsigned char *out, size_t len);
/* mbedTLS's callback for trust anchors: `arg`'s roots (struct tls_roots) whose subject is the issuer of `child`. */
int tls_roots_find(void *arg, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates);
/*
 * What mbedTLS leaves open, checked on each certificate of a verified chain (0 is the leaf): version 3; names from
 * subjectAltName only; a leaf that is no CA and is for servers; issuers that are; keys that are long enough; no name
 * constraints that nobody evaluates. Adds to *flags.
 */
void tls_verify_more(const mbedtls_x509_crt *crt, int depth, const char *host, uint32_t *flags);

#endif

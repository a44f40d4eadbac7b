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

#define TLS_HOST_MAX 256 /* with its NUL */

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
    struct tls_tickets *tickets; /* of servers that were verified with these roots; NULL before the first */
};

/* When a server was verified, and how long its certificate says that it may be believed. */
struct tls_trust {
    uint64_t verified_s; /* of tls_trust_now_s() */
    mbedtls_x509_time valid_to;
};

/* Gives back the memory of the established session's input buffer when no part of a record is in it (idle.c). */
void tls_idle_release(mbedtls_ssl_context *ssl);

/* ---- resume.c ---- */

uint64_t tls_trust_now_s(void);
/* Keeps the ticket that `ssl` has just received, made on the first use of *all. Without memory nothing is kept. */
void tls_tickets_keep(struct tls_tickets **all, const char *host, const mbedtls_ssl_context *ssl,
                      const struct tls_trust *trust);
/* Has `ssl`, not started yet, offer the host's ticket. False when there is none that still holds; else *trust is what it
 * stands for. `all` may be NULL here and below. */
bool tls_tickets_offer(struct tls_tickets *all, const char *host, mbedtls_ssl_context *ssl,
                       struct tls_trust *trust);
void tls_tickets_forget(struct tls_tickets *all, const char *host);
void tls_tickets_free(struct tls_tickets *all);

/* mbedTLS's callback for random bytes: the kernel's. */
int tls_random(void *unused, unsigned char *out, size_t len);
/* mbedTLS's callback for trust anchors: `arg`'s roots (struct tls_roots) whose subject is the issuer of `child`. */
int tls_roots_find(void *arg, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates);
/*
 * What mbedTLS leaves open, checked on each certificate of a verified chain (0 is the leaf): version 3; names from
 * subjectAltName only; a leaf that is no CA and is for servers; issuers that are CAs and not for something else; keys that
 * are long enough; no constraints that nobody evaluates. Adds to *flags.
 */
void tls_verify_more(const mbedtls_x509_crt *crt, int depth, const char *host, uint32_t *flags);

#endif

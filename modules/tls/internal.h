/*
 * internal.h - what the files of this module share. Nothing outside of it includes this.
 */
#ifndef CB_TLS_INTERNAL_H
#define CB_TLS_INTERNAL_H

#include "tls/cert.h"
#include "tls/constraints.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

struct tls_key {
    mbedtls_pk_context pk;
};

struct tls_leaf {
    unsigned refs;
    mbedtls_x509_crt chain;
    struct tls_key *key;           /* borrowed */
    struct tls_identity *identity; /* instead of both, of somebody's own certificate; owned */
};

/* What a leaf presents, and with which key. */
mbedtls_x509_crt *tls_leaf_chain(struct tls_leaf *leaf);
mbedtls_pk_context *tls_leaf_key(struct tls_leaf *leaf);

#define TLS_HOST_MAX 256 /* with its NUL */
#define TLS_WHY_MAX  192

struct tls_root {
    uint8_t *der;
    size_t der_len;
    struct span subject; /* raw, within der */
};

/* The certificates themselves, which several struct tls_roots may share. */
struct tls_anchors {
    unsigned refs;
    struct tls_root *roots;
    size_t count;
};

struct tls_identity {
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
};

struct tls_roots {
    struct tls_anchors *anchors;
    uint8_t pins[TLS_PINS_MAX][TLS_PIN_LEN];
    size_t pin_count;              /* 0: any key that is verified */
    struct tls_identity *identity; /* what a client shows of itself, or NULL */
    mbedtls_ssl_config conf;       /* of the clients that trust them: mbedTLS ties trust to a configuration */
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
/* A certificate in DER, appended to a chain; as mbedtls_x509_crt_parse_der(), but name constraints may be critical (alt/x509.c). */
int tls_alt_crt_parse_der(mbedtls_x509_crt *chain, const unsigned char *der, size_t len);
/* All certificates of a PEM text. 0 or CB_ENOMEM; *result is that of mbedtls_x509_crt_parse(). */
CB_MUST_USE int tls_chain_parse(struct span pem, mbedtls_x509_crt *chain, int *result);

/* ---- verify.c ---- */

/* Whether a certificate is for a host: a name, or an address without brackets. */
bool tls_name_matches(const mbedtls_x509_crt *crt, const char *host);

#define TLS_CHAIN_MAX (MBEDTLS_X509_MAX_INTERMEDIATE_CA + 2)

/* The verification of one chain, from its trust anchor down to its leaf. */
struct tls_verify {
    const char *host;
    const struct tls_roots *roots;
    struct span constraints[TLS_CHAIN_MAX]; /* of the issuers so far */
    size_t constraint_count;
    unsigned budget;       /* of comparisons with constraints */
    bool pinned;           /* a certificate so far has a pinned key */
    char why[TLS_WHY_MAX]; /* what was found first, for people: printable ASCII; empty when nothing was */
};

void tls_verify_begin(struct tls_verify *v, const char *host, const struct tls_roots *roots);
/*
 * What mbedTLS leaves open, as its callback: for each certificate of the chain that it found, the trust anchor first and the
 * leaf (depth 0) last. Version 3; names from subjectAltName only; a leaf that is no CA and is for servers; issuers that
 * are CAs and not for something else; keys that are long enough; names within the name constraints of every issuer; no
 * constraints on policies, which nobody evaluates; in the end a pinned key, where there are pins. Adds to *flags.
 */
int tls_verify_more(void *verify, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

#endif

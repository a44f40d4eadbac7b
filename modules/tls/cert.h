/*
 * cert.h - keys, certificates and trust: the tenant's CA (vault), leaves (gate), roots (egress).
 */
#ifndef CB_TLS_CERT_H
#define CB_TLS_CERT_H

#include "base/buf.h"
#include "base/secret.h"

#define TLS_CERT_DER_MAX   4096
#define TLS_PUBLIC_KEY_MAX 256

/* ---- a P-256 key pair ---- */

struct tls_key;

/* A fresh key. NULL on failure. */
struct tls_key *tls_key_new(void);
/* From the DER of tls_key_export(). */
CB_MUST_USE int tls_key_parse(struct span der, struct tls_key **out);
/* The private key as DER in locked memory. */
CB_MUST_USE int tls_key_export(const struct tls_key *key, struct secret **out);
/* SubjectPublicKeyInfo as DER, appended to `out`. */
CB_MUST_USE int tls_key_public(const struct tls_key *key, struct buf *out);
void tls_key_free(struct tls_key *key);

/* ---- the tenant's certificate authority ---- */

/* A self-signed CA certificate (P-256, path length 0, keyCertSign and cRLSign, key identifiers) for one year from now, named
 * "clawbox CA for NAME". DER is appended to `out`. */
CB_MUST_USE int tls_ca_create(const struct tls_key *key, const char *tenant, uint64_t now_ms,
                              struct buf *out);
/* The same with critical name constraints: those of tls_constraints_write(), or SPAN_EMPTY for none. */
CB_MUST_USE int tls_ca_create_for(const struct tls_key *key, const char *tenant, struct span constraints,
                                  uint64_t now_ms, struct buf *out);
/*
 * Appends name constraints (the value of the extension) that permit these names, one per line: host names, each with all that
 * is below it, since RFC 5280 has no other form, and addresses without brackets. A kind without a name is excluded as a whole.
 * The same names give the same bytes. CB_EINVAL for what is no name, CB_ELIMIT when they are too many.
 */
CB_MUST_USE int tls_constraints_write(struct span names, struct buf *out);
/* Appends the value of a certificate's name constraints; nothing when it has none. CB_ECERT when it is no certificate. */
CB_MUST_USE int tls_cert_constraints(struct span der, struct buf *out);
/*
 * Signs a leaf for one host (name or address literal without brackets) and a public key (SubjectPublicKeyInfo, which must be a P-256 key;
 * anything else is CB_EINVAL). serverAuth only, subjectAltName only, random serial of 16 bytes, valid from five minutes ago until
 * `lifetime_s` from now or the CA's end, whichever is first. *not_after_ms says until when.
 */
CB_MUST_USE int tls_ca_issue(const struct tls_key *ca_key, struct span ca_der, struct span host,
                             struct span public_key, uint64_t now_ms, uint32_t lifetime_s, struct buf *out,
                             uint64_t *not_after_ms);
/* When a certificate begins and when it ends. CB_ECERT when it is none. */
CB_MUST_USE int tls_cert_validity(struct span der, uint64_t *not_before_ms, uint64_t *not_after_ms);
CB_MUST_USE int tls_cert_not_after(struct span der, uint64_t *not_after_ms);
/* DER to PEM ("CERTIFICATE"), appended. */
CB_MUST_USE int tls_cert_to_pem(struct span der, struct buf *out);
/* Checks that a PEM text holds at least one certificate and every one of them parses; the count in *count. */
CB_MUST_USE int tls_pem_check(struct span pem, size_t *count);

/* Checks that a text is certificates in PEM and not one byte else, and that each is a CA's that may sign and is valid at that time.
 * CB_ECERT or CB_ELIMIT otherwise, and *why says which. The count in *count. */
CB_MUST_USE int tls_pem_check_cas(struct span pem, uint64_t now_ms, size_t *count, const char **why);

/* ---- a leaf that a server presents ---- */

struct tls_leaf;

/* Certificate chain (leaf DER, CA DER) with its key (borrowed, must outlive the leaf). Reference counted: starts at 1. */
CB_MUST_USE int tls_leaf_new(struct span leaf_der, struct span ca_der, struct tls_key *key,
                             struct tls_leaf **out);
/* Somebody's own: a certificate, those of its issuers behind it, and its private key, as tls_identity_new() takes them. */
CB_MUST_USE int tls_leaf_serving(struct span pem, struct tls_leaf **out, const char **why);
/* Whether it is for that host: a name, or an address without brackets. */
bool tls_leaf_is_for(struct tls_leaf *leaf, const char *host);
struct tls_leaf *tls_leaf_ref(struct tls_leaf *leaf);
void tls_leaf_unref(struct tls_leaf *leaf);

/* ---- what a client shows of itself ---- */

struct tls_identity;

/*
 * A client certificate, those of its issuers behind it, and its private key, all in PEM and in any order but that. *why (may be
 * NULL) says for people what is wrong: CB_EINVAL then. The key is held unlocked, and wiped when it is freed.
 */
CB_MUST_USE int tls_identity_new(struct span pem, struct tls_identity **out, const char **why);
void tls_identity_free(struct tls_identity *identity);

/* ---- trust anchors ---- */

#define TLS_PINS_MAX 16
#define TLS_PIN_LEN  32 /* SHA-256 of a SubjectPublicKeyInfo */

struct tls_roots;

/* From PEM, one or many. Certificates that do not parse are counted in *skipped (may be NULL) and left out, as real
 * bundles have some; none at all is CB_EINVAL. Memory per root is small: the DER is kept and parsed when needed. */
CB_MUST_USE int tls_roots_new(struct span pem, struct tls_roots **out, size_t *skipped);
/* The same trust anchors, which are shared, for connections of another kind: nothing else is carried over. */
CB_MUST_USE int tls_roots_share(const struct tls_roots *from, struct tls_roots **out);
/* From now on a chain that was verified must also have a certificate whose public key has this digest, or that of another
 * pin. Before the first session. CB_ELIMIT for more than TLS_PINS_MAX. */
CB_MUST_USE int tls_roots_pin(struct tls_roots *roots, const uint8_t digest[TLS_PIN_LEN]);
/* What to show to servers that ask for a certificate; the roots' from now on. Before the first session. */
void tls_roots_identify(struct tls_roots *roots, struct tls_identity *identity);
void tls_roots_free(struct tls_roots *roots);

#endif

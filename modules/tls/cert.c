/* cert.c - P-256 keys, the tenant's CA, and leaves. */
#include "tls/cert.h"

#include "tls/internal.h"

#include <arpa/inet.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CERT_YEAR_S     ((uint64_t)365 * 24 * 3600)
#define CERT_BACKDATE_S 300 /* clocks differ */
#define CERT_SERIAL_LEN 16

int tls_random(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    secret_random(out, len);
    return 0;
}

/* ---- keys ---- */

struct tls_key *tls_key_new(void)
{
    struct tls_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        return NULL;
    }
    mbedtls_pk_init(&key->pk);
    if (mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0 ||
        mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key->pk), tls_random, NULL) != 0) {
        tls_key_free(key);
        return NULL;
    }
    return key;
}

static bool is_p256(const mbedtls_pk_context *pk)
{
    return mbedtls_pk_get_type(pk) == MBEDTLS_PK_ECKEY &&
           mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*pk)) == MBEDTLS_ECP_DP_SECP256R1;
}

int tls_key_parse(struct span der, struct tls_key **out)
{
    struct tls_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        return CB_ENOMEM;
    }
    mbedtls_pk_init(&key->pk);
    if (mbedtls_pk_parse_key(&key->pk, der.ptr, der.len, NULL, 0, tls_random, NULL) != 0 ||
        !is_p256(&key->pk)) {
        tls_key_free(key);
        return CB_EINVAL;
    }
    *out = key;
    return 0;
}

int tls_key_export(const struct tls_key *key, struct secret **out)
{
    uint8_t der[512];
    /* mbedTLS writes DER from the end of the buffer. */
    int len = mbedtls_pk_write_key_der(&key->pk, der, sizeof(der));
    struct secret *s = len > 0 ? secret_from(span_of(der + sizeof(der) - (size_t)len, (size_t)len)) : NULL;
    secret_wipe(der, sizeof(der));
    if (s == NULL) {
        return len > 0 ? CB_ENOMEM : CB_ECRYPTO;
    }
    *out = s;
    return 0;
}

int tls_key_public(const struct tls_key *key, struct buf *out)
{
    uint8_t der[TLS_PUBLIC_KEY_MAX];
    int len = mbedtls_pk_write_pubkey_der(&key->pk, der, sizeof(der));
    return len > 0 ? buf_append(out, der + sizeof(der) - (size_t)len, (size_t)len) : CB_ECRYPTO;
}

void tls_key_free(struct tls_key *key)
{
    if (key != NULL) {
        mbedtls_pk_free(&key->pk); /* wipes the key */
        free(key);
    }
}

/* ---- certificates ---- */

static void time_text(uint64_t seconds, char out[16])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    (void)strftime(out, 16, "%Y%m%d%H%M%S", &tm);
}

static int set_times_and_serial(mbedtls_x509write_cert *w, uint64_t from_s, uint64_t to_s)
{
    char from[16];
    char to[16];
    uint8_t serial[CERT_SERIAL_LEN];
    time_text(from_s, from);
    time_text(to_s, to);
    secret_random(serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and of full length */
    if (mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof(serial)) != 0 ||
        mbedtls_x509write_crt_set_validity(w, from, to) != 0) {
        return CB_ECRYPTO;
    }
    return 0;
}

static int write_der(mbedtls_x509write_cert *w, struct buf *out)
{
    uint8_t der[TLS_CERT_DER_MAX];
    int len = mbedtls_x509write_crt_der(w, der, sizeof(der), tls_random, NULL);
    return len > 0 ? buf_append(out, der + sizeof(der) - (size_t)len, (size_t)len) : CB_ECRYPTO;
}

/* The library takes non-const keys that it only reads. */
static mbedtls_pk_context *writable(const struct tls_key *key)
{
    return (mbedtls_pk_context *)(uintptr_t)&key->pk;
}

int tls_ca_create(const struct tls_key *key, const char *tenant, uint64_t now_ms, struct buf *out)
{
    return tls_ca_create_for(key, tenant, SPAN_EMPTY, now_ms, out);
}

int tls_ca_create_for(const struct tls_key *key, const char *tenant, struct span constraints, uint64_t now_ms,
                      struct buf *out)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "O=clawbox,CN=clawbox CA for %s", tenant);
    mbedtls_x509write_cert w;
    mbedtls_x509write_crt_init(&w);
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, writable(key));
    mbedtls_x509write_crt_set_issuer_key(&w, writable(key));
    uint64_t now_s = now_ms / 1000;
    int r = set_times_and_serial(&w, now_s - CERT_BACKDATE_S, now_s + CERT_YEAR_S);
    if (r == 0 && (mbedtls_x509write_crt_set_subject_name(&w, name) != 0 ||
                   mbedtls_x509write_crt_set_issuer_name(&w, name) != 0 ||
                   mbedtls_x509write_crt_set_basic_constraints(&w, 1, 0) != 0 ||
                   mbedtls_x509write_crt_set_key_usage(&w, MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                               MBEDTLS_X509_KU_CRL_SIGN) != 0 ||
                   mbedtls_x509write_crt_set_subject_key_identifier(&w) != 0 ||
                   mbedtls_x509write_crt_set_authority_key_identifier(&w) != 0)) {
        r = CB_ECRYPTO;
    }
    if (r == 0 && constraints.len != 0 &&
        mbedtls_x509write_crt_set_extension(&w, MBEDTLS_OID_NAME_CONSTRAINTS,
                                            MBEDTLS_OID_SIZE(MBEDTLS_OID_NAME_CONSTRAINTS), 1,
                                            constraints.ptr, constraints.len) != 0) {
        r = CB_ECRYPTO;
    }
    if (r == 0) {
        r = write_der(&w, out);
    }
    mbedtls_x509write_crt_free(&w);
    return r;
}

static uint64_t seconds_of(const mbedtls_x509_time *t)
{
    struct tm tm = {.tm_year = t->year - 1900,
                    .tm_mon = t->mon - 1,
                    .tm_mday = t->day,
                    .tm_hour = t->hour,
                    .tm_min = t->min,
                    .tm_sec = t->sec};
    time_t s = timegm(&tm);
    return s > 0 ? (uint64_t)s : 0;
}

int tls_cert_validity(struct span der, uint64_t *not_before_ms, uint64_t *not_after_ms)
{
    mbedtls_x509_crt cert;
    mbedtls_x509_crt_init(&cert);
    int r = tls_alt_crt_parse_der(&cert, der.ptr, der.len) == 0 ? 0 : CB_ECERT;
    *not_before_ms = r == 0 ? seconds_of(&cert.valid_from) * 1000 : 0;
    *not_after_ms = r == 0 ? seconds_of(&cert.valid_to) * 1000 : 0;
    mbedtls_x509_crt_free(&cert);
    return r;
}

int tls_cert_not_after(struct span der, uint64_t *not_after_ms)
{
    uint64_t not_before_ms;
    return tls_cert_validity(der, &not_before_ms, not_after_ms);
}

static int set_subject_alt_name(mbedtls_x509write_cert *w, struct span host)
{
    char text[256];
    uint8_t address[16];
    if (host.len == 0 || host.len >= sizeof(text)) {
        return CB_EINVAL;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    size_t address_len = inet_pton(AF_INET, text, address) == 1    ? 4
                         : inet_pton(AF_INET6, text, address) == 1 ? 16
                                                                   : 0;
    mbedtls_x509_san_list san = {.next = NULL};
    san.node.type = address_len != 0 ? MBEDTLS_X509_SAN_IP_ADDRESS : MBEDTLS_X509_SAN_DNS_NAME;
    san.node.san.unstructured_name.p = address_len != 0 ? address : (uint8_t *)text;
    san.node.san.unstructured_name.len = address_len != 0 ? address_len : host.len;
    return mbedtls_x509write_crt_set_subject_alternative_name(w, &san) == 0 ? 0 : CB_ECRYPTO;
}

static int set_leaf(mbedtls_x509write_cert *w, const mbedtls_x509_crt *ca, struct span host)
{
    char issuer[512];
    if (mbedtls_x509_dn_gets(issuer, sizeof(issuer), &ca->subject) <= 0) {
        return CB_ECRYPTO;
    }
    char oid[] = MBEDTLS_OID_SERVER_AUTH;
    mbedtls_asn1_sequence usage = {.buf = {.tag = MBEDTLS_ASN1_OID,
                                           .len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
                                           .p = (uint8_t *)oid}};
    if (mbedtls_x509write_crt_set_issuer_name(w, issuer) != 0 ||
        mbedtls_x509write_crt_set_subject_name(w, "O=clawbox") != 0 ||
        mbedtls_x509write_crt_set_basic_constraints(w, 0, -1) != 0 ||
        mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0 ||
        mbedtls_x509write_crt_set_ext_key_usage(w, &usage) != 0 ||
        mbedtls_x509write_crt_set_subject_key_identifier(w) != 0 ||
        mbedtls_x509write_crt_set_authority_key_identifier(w) != 0) {
        return CB_ECRYPTO;
    }
    return set_subject_alt_name(w, host);
}

int tls_ca_issue(const struct tls_key *ca_key, struct span ca_der, struct span host, struct span public_key,
                 uint64_t now_ms, uint32_t lifetime_s, struct buf *out, uint64_t *not_after_ms)
{
    mbedtls_pk_context subject;
    mbedtls_x509_crt ca;
    mbedtls_x509write_cert w;
    mbedtls_pk_init(&subject);
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509write_crt_init(&w);
    int r = CB_EINVAL;
    if (mbedtls_pk_parse_public_key(&subject, public_key.ptr, public_key.len) != 0 || !is_p256(&subject) ||
        tls_alt_crt_parse_der(&ca, ca_der.ptr, ca_der.len) != 0) {
        goto out;
    }
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, &subject);
    mbedtls_x509write_crt_set_issuer_key(&w, writable(ca_key));
    uint64_t now_s = now_ms / 1000;
    uint64_t end_s = seconds_of(&ca.valid_to);
    uint64_t to_s = now_s + lifetime_s < end_s ? now_s + lifetime_s : end_s;
    if ((r = set_times_and_serial(&w, now_s - CERT_BACKDATE_S, to_s)) == 0 &&
        (r = set_leaf(&w, &ca, host)) == 0 && (r = write_der(&w, out)) == 0) {
        *not_after_ms = to_s * 1000;
    }
out:
    mbedtls_x509write_crt_free(&w);
    mbedtls_x509_crt_free(&ca);
    mbedtls_pk_free(&subject);
    return r;
}

int tls_cert_to_pem(struct span der, struct buf *out)
{
    unsigned char pem[2 * TLS_CERT_DER_MAX];
    size_t len = 0;
    if (mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", der.ptr,
                                 der.len, pem, sizeof(pem), &len) != 0 ||
        len == 0) {
        return CB_EINVAL;
    }
    return buf_append(out, pem, len - 1); /* without its NUL */
}

int tls_pem_check(struct span pem, size_t *count)
{
    mbedtls_x509_crt chain;
    mbedtls_x509_crt_init(&chain);
    int result = -1;
    int r = tls_chain_parse(pem, &chain, &result);
    *count = 0;
    for (const mbedtls_x509_crt *crt = &chain; r == 0 && result == 0 && crt != NULL; crt = crt->next) {
        *count += crt->raw.len != 0;
    }
    mbedtls_x509_crt_free(&chain);
    return r != 0 ? r : result == 0 && *count != 0 ? 0 : CB_EINVAL;
}

/* ---- leaves ---- */

int tls_leaf_new(struct span leaf_der, struct span ca_der, struct tls_key *key, struct tls_leaf **out)
{
    struct tls_leaf *leaf = calloc(1, sizeof(*leaf));
    if (leaf == NULL) {
        return CB_ENOMEM;
    }
    leaf->refs = 1;
    leaf->key = key;
    mbedtls_x509_crt_init(&leaf->chain);
    if (mbedtls_x509_crt_parse_der(&leaf->chain, leaf_der.ptr, leaf_der.len) != 0 ||
        tls_alt_crt_parse_der(&leaf->chain, ca_der.ptr, ca_der.len) != 0) {
        tls_leaf_unref(leaf);
        return CB_EINVAL;
    }
    *out = leaf;
    return 0;
}

struct tls_leaf *tls_leaf_ref(struct tls_leaf *leaf)
{
    leaf->refs++;
    return leaf;
}

void tls_leaf_unref(struct tls_leaf *leaf)
{
    if (leaf != NULL && --leaf->refs == 0) {
        mbedtls_x509_crt_free(&leaf->chain);
        tls_identity_free(leaf->identity);
        free(leaf);
    }
}

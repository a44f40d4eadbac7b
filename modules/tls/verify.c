/* verify.c - the checks of a server's chain that mbedTLS does not make by itself. */
#include "tls/internal.h"

#include <arpa/inet.h>
#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>

#define SAN_DNS      2 /* RFC 5280, 4.2.1.6: the context tags of GeneralName */
#define SAN_IP       7
#define SERIAL_MAX   20 /* RFC 5280, 4.1.2.2: octets, before the one that keeps a number positive */
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN  256

/* RFC 6125: exact, or "*" as the whole first label for exactly one label, above at least two more: nobody owns all of
 * "*.com". Which longer suffixes are public is not known here. */
static bool dns_matches(struct span pattern, struct span host)
{
    if (pattern.len > 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.') {
        if (memchr(pattern.ptr + 2, '.', pattern.len - 2) == NULL) {
            return false;
        }
        const uint8_t *dot = memchr(host.ptr, '.', host.len);
        if (dot == NULL || dot == host.ptr) {
            return false;
        }
        host = span_of(dot, host.len - (size_t)(dot - host.ptr));
        pattern = span_sub(pattern, 1, SIZE_MAX);
    }
    return span_eq_nocase(pattern, host);
}

static bool name_matches(const mbedtls_x509_crt *crt, const char *host)
{
    uint8_t address[16];
    size_t address_len = inet_pton(AF_INET, host, address) == 1    ? 4
                         : inet_pton(AF_INET6, host, address) == 1 ? 16
                                                                   : 0;
    if (!mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME)) {
        return false;
    }
    for (const mbedtls_x509_sequence *san = &crt->subject_alt_names; san != NULL; san = san->next) {
        unsigned tag = (unsigned)san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        struct span value = span_of(san->buf.p, san->buf.len);
        if (address_len != 0) {
            if (tag == SAN_IP && span_eq(value, span_of(address, address_len))) {
                return true;
            }
        } else if (tag == SAN_DNS && dns_matches(value, span_str(host))) {
            return true;
        }
    }
    return false;
}

/* What matters of the extensions that mbedTLS skips, or whose "critical" it does not keep. */
struct extensions {
    bool constraints; /* of names or policies, which nobody here evaluates */
    bool
        critical_ids; /* key identifiers that claim to be critical, which RFC 5280, 4.2.1.1 and 4.2.1.2, forbids */
    bool critical_alt_name;
};

static void note_extension(struct span oid, bool critical, struct extensions *out)
{
    if (oid.len != 3 || oid.ptr[0] != 0x55 || oid.ptr[1] != 0x1d) {
        return; /* not of id-ce, 2.5.29 */
    }
    switch (oid.ptr[2]) {
    case 14: /* subjectKeyIdentifier */
    case 35: /* authorityKeyIdentifier */
        out->critical_ids = out->critical_ids || critical;
        break;
    case 17: /* subjectAltName */
        out->critical_alt_name = critical;
        break;
    case 30: /* nameConstraints */
    case 36: /* policyConstraints */
    case 54: /* inhibitAnyPolicy */
        out->constraints = true;
        break;
    default:
        break;
    }
}

/* Goes through the extensions; false when they are not what mbedTLS has read already. */
static bool read_extensions(const mbedtls_x509_crt *crt, struct extensions *out)
{
    const int sequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    unsigned char *at = crt->v3_ext.p;
    const unsigned char *end = at + crt->v3_ext.len;
    size_t len = 0;
    *out = (struct extensions){0};
    if (crt->v3_ext.len == 0) {
        return true;
    }
    if (mbedtls_asn1_get_tag(&at, end, &len, sequence) != 0) {
        return false;
    }
    while (at < end) {
        if (mbedtls_asn1_get_tag(&at, end, &len, sequence) != 0) {
            return false;
        }
        unsigned char *next = at + len;
        if (mbedtls_asn1_get_tag(&at, next, &len, MBEDTLS_ASN1_OID) != 0) {
            return false;
        }
        struct span oid = span_of(at, len);
        int critical = 0;
        at += len;
        if (mbedtls_asn1_get_bool(&at, next, &critical) != 0) {
            critical = 0; /* left out, as DER has it for FALSE */
        }
        note_extension(oid, critical != 0, out);
        at = next;
    }
    return true;
}

static bool serial_is_short(const mbedtls_x509_crt *crt)
{
    size_t sign = crt->serial.len != 0 && crt->serial.p[0] == 0 ? 1 : 0;
    return crt->serial.len - sign <= SERIAL_MAX;
}

static bool key_is_good(const mbedtls_x509_crt *crt)
{
    size_t bits = mbedtls_pk_get_bitlen(&crt->pk);
    return mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_RSA) ? bits >= RSA_BITS_MIN && bits % 8 == 0
                                                       : bits >= EC_BITS_MIN;
}

static bool has_purpose(const mbedtls_x509_crt *crt, const char *oid, size_t oid_len)
{
    return mbedtls_x509_crt_check_extended_key_usage(crt, oid, oid_len) == 0;
}

static bool may_sign_certificates(const mbedtls_x509_crt *crt)
{
    return mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0;
}

static void verify_leaf(const mbedtls_x509_crt *crt, const struct extensions *extensions, const char *host,
                        uint32_t *flags)
{
    if (crt->version != 3 || crt->private_ca_istrue != 0) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
    }
    if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_KEY_USAGE) && may_sign_certificates(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
    }
    /* RFC 5280, 4.2.1.6: where there is no subject, the alternative names are one and have to be understood. */
    bool no_subject = crt->subject_raw.len <= 2;
    if (!name_matches(crt, host) || (no_subject && !extensions->critical_alt_name)) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    /* Public CAs always say serverAuth. Private ones often say nothing, which RFC 5280 reads as any use; what is
     * said must be serverAuth itself: anyExtendedKeyUsage is for no purpose that a server has. */
    bool any = has_purpose(crt, MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE,
                           MBEDTLS_OID_SIZE(MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE));
    bool server = has_purpose(crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
    if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) && (!server || any)) {
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    }
}

static void verify_issuer(const mbedtls_x509_crt *crt, uint32_t *flags)
{
    if (crt->version != 3 || crt->private_ca_istrue == 0) {
        *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    }
    if (!may_sign_certificates(crt)) { /* true without the extension */
        *flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
    }
    /* A CA that is for mail, say, is for no server, whatever its certificates claim. */
    if (!has_purpose(crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH))) {
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    }
}

void tls_verify_more(const mbedtls_x509_crt *crt, int depth, const char *host, uint32_t *flags)
{
    struct extensions extensions;
    if (!key_is_good(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_BAD_KEY;
    }
    /* Constraints that are not evaluated are not ignored either: such a chain is refused. */
    if (!read_extensions(crt, &extensions) || extensions.constraints || extensions.critical_ids ||
        !serial_is_short(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
    }
    if (depth == 0) {
        verify_leaf(crt, &extensions, host, flags);
    } else {
        verify_issuer(crt, flags);
    }
}

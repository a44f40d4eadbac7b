/* verify.c - the checks of a server's chain that mbedTLS does not make by itself. */
#include "tls/internal.h"

#include <arpa/inet.h>
#include <mbedtls/oid.h>

#define SAN_DNS      2 /* RFC 5280, 4.2.1.6: the context tags of GeneralName */
#define SAN_IP       7
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN  256

/* RFC 6125: exact, or "*" as the whole first label for exactly one label. */
static bool dns_matches(struct span pattern, struct span host)
{
    if (pattern.len > 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.') {
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

/* True when the extensions hold the OID of nameConstraints. Searching for its bytes may also find them inside another
 * extension; then a good chain is refused, never a bad one accepted. */
static bool has_name_constraints(const mbedtls_x509_crt *crt)
{
    static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x1d, 0x1e};
    return crt->v3_ext.len >= sizeof(oid) && memmem(crt->v3_ext.p, crt->v3_ext.len, oid, sizeof(oid)) != NULL;
}

static bool key_is_long_enough(const mbedtls_x509_crt *crt)
{
    size_t bits = mbedtls_pk_get_bitlen(&crt->pk);
    return mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_RSA) ? bits >= RSA_BITS_MIN : bits >= EC_BITS_MIN;
}

void tls_verify_more(const mbedtls_x509_crt *crt, int depth, const char *host, uint32_t *flags)
{
    bool is_ca = crt->private_ca_istrue != 0;
    if (!key_is_long_enough(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_BAD_KEY;
    }
    if (depth == 0) {
        if (crt->version != 3 || is_ca) {
            *flags |= MBEDTLS_X509_BADCERT_OTHER;
        }
        if (!name_matches(crt, host)) {
            *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
        /* Public CAs always say serverAuth. Private ones often say nothing, which RFC 5280 reads as any use; what is
         * said must be serverAuth itself: anyExtendedKeyUsage is for no purpose that a server has. */
        bool has_eku = mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) != 0;
        bool any = mbedtls_x509_crt_check_extended_key_usage(
                       crt, MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE,
                       MBEDTLS_OID_SIZE(MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE)) == 0;
        bool server = mbedtls_x509_crt_check_extended_key_usage(
                          crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) == 0;
        if (has_eku && (!server || any)) {
            *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
        }
        return;
    }
    if (crt->version == 3) {
        if (!is_ca) {
            *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
        }
        if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_KEY_USAGE) &&
            mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0) {
            *flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
        }
    } else {
        *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    }
    /* Constraints that are not evaluated are not ignored either: such a chain is refused. */
    if (has_name_constraints(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
    }
}

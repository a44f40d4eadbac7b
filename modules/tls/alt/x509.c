/*
 * x509.c - certificates with critical name constraints can be read.
 *
 * mbedTLS refuses a certificate with a critical extension that it does not know, and has a callback by which a program
 * says that it does; but where a handshake reads the peer's certificates there is no way to give one. So ssl_tls.c and
 * ssl_tls13_generic.c are compiled with their call renamed to this one (cmake/mbedtls.cmake). The constraints
 * themselves are evaluated on the verified chain (modules/tls/verify.c).
 */
#include <mbedtls/x509_crt.h>
#include <string.h>

int tls_alt_crt_parse_der(mbedtls_x509_crt *chain, const unsigned char *der, size_t len);

static int on_extension(void *unused, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid, int critical,
                        const unsigned char *p, const unsigned char *end)
{
    static const unsigned char name_constraints[] = {0x55, 0x1d, 30};
    (void)unused;
    (void)crt;
    (void)critical;
    (void)p;
    (void)end;
    return oid->len == sizeof(name_constraints) && memcmp(oid->p, name_constraints, oid->len) == 0
               ? 0
               : MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
}

int tls_alt_crt_parse_der(mbedtls_x509_crt *chain, const unsigned char *der, size_t len)
{
    return mbedtls_x509_crt_parse_der_with_ext_cb(chain, der, len, 1, on_extension, NULL);
}

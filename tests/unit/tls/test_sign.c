/* test_sign.c - signatures of assertions: what verifies, which keys are taken. */
#include "tls/sign.h"

#include "base/secret.h"
#include "support/check.h"
#include "tls/seal.h"

#include <mbedtls/ecp.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <stdlib.h>

/* Made for this test; our mbedTLS makes no RSA keys. */
static const char rsa_2048[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC2F6xdi+id24vx\n"
                               "/u04qNFVnx/Oyay/6u69uJC+UksBW8xjM6m+JW/TJQZra0EVSGVnZjF2qXkIFXAL\n"
                               "yEDpW8kxpgu1DJyAN896FQa9fMgEQ80xDlo1V0WS4CteF2QXXF/LfWF3RMx08Dsv\n"
                               "Hz276rJD8RnOwcVBNwmYqpLm3mU5TSBKJKiKxEwl3kBoRxL02wmK5a/37zAigaJR\n"
                               "X8NxjH0WvS5OvKNrTMxNbgw4tSvf20zk3ahsNEb9a6na95xEGVQuHCzPXYEo9Umr\n"
                               "c/O+bo6p4IjKZ0m8eRd/S4cQV3cIDVm8FZ5sxnou0K76F2IQJYZ7seZQQbwbsL/l\n"
                               "Y2fjULpDAgMBAAECggEAHLW80n8FrSX5ea1E/8L2RnaxUCxSFWxYOgeIoslc1BkC\n"
                               "L73sjHNgnzzeNz+Q4mcovdXKBLiRwamHogPv4Bs9rJtOizwyzLCAAPKhvmyXKLz7\n"
                               "9DkcFf7tlEvN6qbrfBdvbykUnfZ1+hYKbtKRLDjD5Jx2Ajhg/nhMBgsW4Fm+QftX\n"
                               "/rfO0QxKh2oQbaTWRayW8KnKmumik9n+ye3ZhnoXREFkqmtecefJKFeGWKDMAOb/\n"
                               "g1xvSLYVCg8808YFbsIHK0yJ+O72/rmHHvWUA8ODDtHV5iKcj2lxaHwt9kEYngVg\n"
                               "nlS5BogP7HEZ7BKoAvjivPv8gQwUJ14d+TMYuRmiMQKBgQDaDbZfFqisbif41us1\n"
                               "9Icrww2IVYytYDDqeJ20cC/zQ5N38IFYKuCP3otOVJaYAy9Ax6usZmtL6Ev4ZQJ2\n"
                               "s9lYbUeaAxquqzYIpVlb8i+KjCkVzYzU7NehRjA4/j7dGkzxIChsQky/JejyFHMT\n"
                               "M2HscFeK2PjVoYgMFgt/djp0+wKBgQDVx+Tldxpe8DWHH3YtKRX86qKVqtoWZ+wE\n"
                               "R4k2qXgk4glPAu9WUbwb7NmCJ6C0eSz3UaUsFRyaQiITDJfjeCHoi2XfPefM+VyB\n"
                               "NCsE+Qa7UaXKpHGKr9HNYh6Wxkh+mVfkUV7BdUs3d5MSnTwm4n1Y1vxGSFJb/6or\n"
                               "BPRp2Ib9WQKBgG/BuWew4FBHwPrbg//KTQET3jqyxgASHd/+Y62YFitSxiEhxdkf\n"
                               "WKrD/5fs6KYOc8h6zbT1ZSapb05mzsVx1gJpN9pqnuFI5M+3lz31uYID5gbDq9tx\n"
                               "a+6/X3XGcQe3NBodRjp+HIGXd3WjH3uGyTh6N5P1Mkujl2vCXLA+MyXDAoGAD1TS\n"
                               "mZI9FensLNCYzQxRQ14gYtNp6IlzZ6spr/3fW+XJ/RycxXf/IZGO18K3x7mY+/Oj\n"
                               "ANJSxs1PXEZe7jVDWUYF/EiYQx7u/2UaYLTrQqvMVAgPDH8ncK9EulNmB44/u2QK\n"
                               "g51B06yDo6YbFj7P9nsUhIXTQj3HmmY0kRKyO6ECgYB3yb2UJHdLxU2LpLKf0PV2\n"
                               "RBQwEPKpBb/Wn94nwxI2EqJwlqMibJJBFoOq/Ak2XGSCZsNi02K2bmeshlxLc34D\n"
                               "jFgIl39JHt+cS160lllzM8OZMLYdr0uyMVrbdQG7NM3VSEqW0Ra+ly2EMQXGQsie\n"
                               "7Sx/FG/ex1zu5rFGdW+iaw==\n"
                               "-----END PRIVATE KEY-----\n";
static const char rsa_1024[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBANgvJggLixIrQWdi\n"
                               "h9S4IIKRjIhz6ehP0a03145iBoAo2/2f/xyuHJQWXhAZAiETKNXQByr7BNxP9mMS\n"
                               "U/t8XwaiAUJ93XgzCzjKKhAXCwxaXghwB9QYrKvlSE3f+nmxfBd4CqrDuisUeWkI\n"
                               "pQfgXN9mp+4746/N+WwNq+yaxiNvAgMBAAECgYEArktlGDtmRqHFO3s/FAvXei2q\n"
                               "5iC+R2SDImrRSaRSpWVL6HHkltTxiZt2/veKteviknAEN2zmgFGfzkRqnWmqmgzE\n"
                               "TYJBzx8cVAhZI1DNrVoGJTryJ1EgebqrnqgsJckg3Jqr0EQCyLevLSi12zTk5obc\n"
                               "XP1HMGHw8gAwm3UUlmECQQD0wlMT2RYC0Fftcuta8+2x028Ueqnd2tB6j46Whies\n"
                               "MFiwAQMWuAxFhUpYCCjlJa//WRC+RBqo+K4VsuoAlkIHAkEA4hzdJVF/4j9g8PY6\n"
                               "HHPXszFx7HpddtmsOxHFwExb6u0frIaaWlj33ypcQrull/DoDC3VLa4XFPgeRaKT\n"
                               "vZWZWQJAW/o6phbKQrxwjnbFIyTPiifecl+2Pfzgo24XM1GuzvJMIbf/pSX81pNE\n"
                               "YNiQJayH+vlJZXbKXf01zkmxzg6pOQJBALI8JmZgU/o4E2Zd8Xi0J/dspmzOGBaz\n"
                               "hvwZClSG3H3W5PzOLaXCM8GKVqeT2vhmQcQ37K7RaAhzfQlPGj57SiECQD2vzInH\n"
                               "vEQRGyAg156SxBM/DK1OeK3fqc2zTho6MnUQPWX893e2a+pvYW4XXWeEirWU63V1\n"
                               "aHWf2+I5eYcte4Y=\n"
                               "-----END PRIVATE KEY-----\n";

static int kernel_random(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    secret_random(out, len);
    return 0;
}

/* A key of the group, and its PEM. */
static void make_key(mbedtls_pk_context *pk, mbedtls_ecp_group_id group, char *pem, size_t size)
{
    mbedtls_pk_init(pk);
    CHECK_EQ_INT(mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    CHECK_EQ_INT(mbedtls_ecp_gen_key(group, mbedtls_pk_ec(*pk), kernel_random, NULL), 0);
    CHECK_EQ_INT(mbedtls_pk_write_key_pem(pk, (unsigned char *)pem, size), 0);
}

/* What openssl or a server would do with it: the digest of the message, and r and s as DER again. */
static bool verifies(mbedtls_pk_context *pk, struct span message, struct span signature)
{
    uint8_t digest[DIGEST_LEN];
    uint8_t der[128];
    size_t len = 0;
    digest_sha256(&message, 1, digest);
    if (mbedtls_pk_get_type(pk) == MBEDTLS_PK_ECKEY) {
        CHECK_EQ_UINT(signature.len, 64);
        CHECK_EQ_INT(mbedtls_ecdsa_raw_to_der(256, signature.ptr, signature.len, der, sizeof(der), &len), 0);
        signature = span_of(der, len);
    }
    return mbedtls_pk_verify(pk, MBEDTLS_MD_SHA256, digest, sizeof(digest), signature.ptr, signature.len) ==
           0;
}

static void signs(mbedtls_pk_context *pk, const char *pem, const char *algorithm)
{
    struct tls_signer *signer = NULL;
    struct buf out;
    buf_init(&out, TLS_SIGNATURE_MAX);
    if (CHECK_EQ_INT(tls_signer_new(span_str(pem), &signer), 0)) {
        CHECK_EQ_STR(tls_signer_algorithm(signer), algorithm);
        /* Often enough for an r or an s that begins with a zero. */
        for (int i = 0; i < 50; i++) {
            buf_reset(&out);
            CHECK_EQ_INT(tls_signer_sign(signer, SPAN_LIT("a.b"), &out), 0);
            CHECK(verifies(pk, SPAN_LIT("a.b"), buf_span(&out)));
            CHECK(!verifies(pk, SPAN_LIT("a.c"), buf_span(&out)));
        }
    }
    tls_signer_free(signer);
    mbedtls_pk_free(pk);
    buf_deinit(&out);
}

TEST(es256)
{
    mbedtls_pk_context pk;
    char pem[512];
    make_key(&pk, MBEDTLS_ECP_DP_SECP256R1, pem, sizeof(pem));
    signs(&pk, pem, "ES256");
}

TEST(rs256)
{
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    CHECK_EQ_INT(mbedtls_pk_parse_key(&pk, (const unsigned char *)rsa_2048, sizeof(rsa_2048), NULL, 0,
                                      kernel_random, NULL),
                 0);
    signs(&pk, rsa_2048, "RS256");
}

static void refuses(const char *pem)
{
    struct tls_signer *signer = NULL;
    CHECK_EQ_INT(tls_signer_new(span_str(pem), &signer), CB_EINVAL);
    CHECK(signer == NULL);
}

TEST(what_is_not_taken)
{
    static const char *const texts[] = {
        "", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    mbedtls_pk_context pk;
    char pem[512];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refuses(texts[i]);
    }
    make_key(&pk, MBEDTLS_ECP_DP_SECP384R1, pem, sizeof(pem));
    refuses(pem);
    mbedtls_pk_free(&pk);
    refuses(rsa_1024);
}

int main(int argc, char **argv)
{
    return tls_init() == 0 ? check_main(argc, argv) : 1;
}

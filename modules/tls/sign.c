/* sign.c - signing with a private key in PEM. */
#include "tls/sign.h"

#include "base/secret.h"
#include "tls/internal.h"
#include "tls/seal.h"

#include <mbedtls/ecp.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <stdlib.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define P256_BITS    256

struct tls_signer {
    mbedtls_pk_context pk;
    bool rsa;
};

static bool is_usable(struct tls_signer *signer)
{
    const mbedtls_pk_context *pk = &signer->pk;
    size_t bits = mbedtls_pk_get_bitlen(pk);
    signer->rsa = mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA;
    if (signer->rsa) {
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    }
    return mbedtls_pk_get_type(pk) == MBEDTLS_PK_ECKEY &&
           mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*pk)) == MBEDTLS_ECP_DP_SECP256R1;
}

int tls_signer_new(struct span pem, struct tls_signer **out)
{
    struct tls_signer *signer = calloc(1, sizeof(*signer));
    struct secret *text = secret_new(pem.len + 1); /* mbedTLS knows PEM by the NUL at its end */
    int r = signer != NULL && text != NULL ? 0 : CB_ENOMEM;
    if (r == 0) {
        mbedtls_pk_init(&signer->pk);
        if (pem.len != 0) {
            memcpy(secret_ptr(text), pem.ptr, pem.len);
        }
        if (mbedtls_pk_parse_key(&signer->pk, secret_ptr(text), pem.len + 1, NULL, 0, tls_random, NULL) !=
                0 ||
            !is_usable(signer)) {
            r = CB_EINVAL;
        }
    }
    secret_free(text);
    if (r != 0) {
        tls_signer_free(signer);
        return r;
    }
    *out = signer;
    return 0;
}

const char *tls_signer_algorithm(const struct tls_signer *signer)
{
    return signer->rsa ? "RS256" : "ES256";
}

int tls_signer_sign(struct tls_signer *signer, struct span message, struct buf *out)
{
    uint8_t digest[DIGEST_LEN];
    uint8_t signature[TLS_SIGNATURE_MAX];
    uint8_t raw[2 * P256_BITS / 8];
    size_t len = 0;
    digest_sha256(&message, 1, digest);
    if (mbedtls_pk_sign(&signer->pk, MBEDTLS_MD_SHA256, digest, sizeof(digest), signature, sizeof(signature),
                        &len, tls_random, NULL) != 0) {
        return CB_ECRYPTO;
    }
    if (signer->rsa) {
        return buf_append(out, signature, len);
    }
    size_t raw_len = 0;
    if (mbedtls_ecdsa_der_to_raw(P256_BITS, signature, len, raw, sizeof(raw), &raw_len) != 0 ||
        raw_len != sizeof(raw)) {
        return CB_ECRYPTO;
    }
    return buf_append(out, raw, raw_len);
}

void tls_signer_free(struct tls_signer *signer)
{
    if (signer != NULL) {
        mbedtls_pk_free(&signer->pk); /* wipes the key */
        free(signer);
    }
}

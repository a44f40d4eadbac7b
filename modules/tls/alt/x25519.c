/*
 * x25519.c - X25519 (RFC 7748) by libsodium inside mbedTLS's elliptic-curve Diffie-Hellman. The other curves stay mbedTLS's.
 *
 * TLS 1.2 makes its key shares by mbedtls_ecdh_gen_public(). TLS 1.3 makes them through PSA, which multiplies by
 * itself when a public key is exported: psa_crypto_ecp.c is compiled with that call renamed to tls_alt_ecp_mul()
 * (cmake/mbedtls.cmake). Both come to mbedtls_ecdh_compute_shared() for the shared secret.
 */
#include <mbedtls/ecdh.h>
#include <mbedtls/ecp.h>
#include <mbedtls/platform_util.h>
#include <sodium/crypto_scalarmult_curve25519.h>

#define X25519_LEN 32

typedef int (*random_fn)(void *, unsigned char *, size_t);

int tls_alt_ecp_mul(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
                    const mbedtls_ecp_point *P, random_fn f_rng, void *p_rng);

/* R = m * P on Curve25519, after the checks of mbedtls_ecp_mul(). P is the base point when it is `grp`'s. */
static int x25519_mul(const mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
                      const mbedtls_ecp_point *P)
{
    unsigned char scalar[X25519_LEN];
    unsigned char u[X25519_LEN];
    unsigned char product[X25519_LEN];
    int r = mbedtls_ecp_check_privkey(grp, m);
    if (r != 0 || (r = mbedtls_mpi_write_binary_le(m, scalar, sizeof(scalar))) != 0) {
        goto out;
    }
    if (P == &grp->G) {
        r = crypto_scalarmult_curve25519_base(product, scalar);
    } else {
        if ((r = mbedtls_ecp_check_pubkey(grp, P)) != 0 ||
            (r = mbedtls_mpi_write_binary_le(&P->MBEDTLS_PRIVATE(X), u, sizeof(u))) != 0) {
            goto out;
        }
        r = crypto_scalarmult_curve25519(product, scalar,
                                         u); /* fails for a product of zero: a point of low order */
    }
    if (r != 0) {
        r = MBEDTLS_ERR_ECP_INVALID_KEY;
        goto out;
    }
    if ((r = mbedtls_mpi_read_binary_le(&R->MBEDTLS_PRIVATE(X), product, sizeof(product))) == 0 &&
        (r = mbedtls_mpi_lset(&R->MBEDTLS_PRIVATE(Z), 1)) == 0) {
        mbedtls_mpi_free(&R->MBEDTLS_PRIVATE(Y));
    }
out:
    mbedtls_platform_zeroize(scalar, sizeof(scalar));
    mbedtls_platform_zeroize(product, sizeof(product));
    return r;
}

int tls_alt_ecp_mul(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
                    const mbedtls_ecp_point *P, random_fn f_rng, void *p_rng)
{
    return grp->id == MBEDTLS_ECP_DP_CURVE25519 ? x25519_mul(grp, R, m, P)
                                                : mbedtls_ecp_mul(grp, R, m, P, f_rng, p_rng);
}

int mbedtls_ecdh_gen_public(mbedtls_ecp_group *grp, mbedtls_mpi *d, mbedtls_ecp_point *Q, random_fn f_rng,
                            void *p_rng)
{
    int r = mbedtls_ecp_gen_privkey(grp, d, f_rng, p_rng);
    return r != 0 ? r : tls_alt_ecp_mul(grp, Q, d, &grp->G, f_rng, p_rng);
}

int mbedtls_ecdh_compute_shared(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                                const mbedtls_mpi *d, random_fn f_rng, void *p_rng)
{
    mbedtls_ecp_point product;
    mbedtls_ecp_point_init(&product);
    int r = tls_alt_ecp_mul(grp, &product, d, Q, f_rng, p_rng);
    if (r == 0 && mbedtls_ecp_is_zero(&product) != 0) {
        r = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    }
    if (r == 0) {
        r = mbedtls_mpi_copy(z, &product.MBEDTLS_PRIVATE(X));
    }
    mbedtls_ecp_point_free(&product);
    return r;
}

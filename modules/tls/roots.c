/* roots.c - whom a client trusts: certificates in PEM, trust anchors, pins. */
#include "tls/internal.h"

#include <mbedtls/pem.h>
#include <stdlib.h>

#define ROOTS_PEM_MAX ((size_t)8 * 1024 * 1024)

/* ---- PEM ---- */

/* The certificates of a text that ends in NUL. As mbedtls_x509_crt_parse() counts: those that do not parse, or the first
 * error when none does. */
static int parse_all(const unsigned char *at, mbedtls_x509_crt *chain)
{
    int parsed = 0;
    int failed = 0;
    int first = 0;
    for (;;) {
        mbedtls_pem_context pem;
        size_t used = 0;
        mbedtls_pem_init(&pem);
        int r = mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", at,
                                        NULL, 0, &used);
        if (r == MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT || r == MBEDTLS_ERR_PEM_BAD_INPUT_DATA ||
            (r != 0 && used == 0)) {
            mbedtls_pem_free(&pem);
            break;
        }
        if (r == 0) {
            size_t len = 0;
            const unsigned char *der = mbedtls_pem_get_buffer(&pem, &len);
            r = tls_alt_crt_parse_der(chain, der, len);
        }
        mbedtls_pem_free(&pem);
        if (r == MBEDTLS_ERR_X509_ALLOC_FAILED) {
            return r;
        }
        parsed += r == 0;
        failed += r != 0;
        first = first != 0 ? first : r;
        at += used;
    }
    if (parsed != 0) {
        return failed;
    }
    return first != 0 ? first : MBEDTLS_ERR_X509_CERT_UNKNOWN_FORMAT;
}

int tls_chain_parse(struct span pem, mbedtls_x509_crt *chain, int *result)
{
    struct buf text;
    buf_init(&text, ROOTS_PEM_MAX + 1);
    int r;
    if ((r = buf_append_span(&text, pem)) == 0 && (r = buf_append_byte(&text, 0)) == 0) {
        *result = parse_all(buf_span(&text).ptr, chain);
    }
    buf_deinit(&text);
    return r;
}

/* ---- trust anchors ---- */

static void anchors_unref(struct tls_anchors *anchors)
{
    if (anchors == NULL || --anchors->refs != 0) {
        return;
    }
    for (size_t i = 0; i < anchors->count; i++) {
        free(anchors->roots[i].der);
    }
    free(anchors->roots);
    free(anchors);
}

static int anchors_add(struct tls_anchors *anchors, const mbedtls_x509_crt *crt)
{
    struct tls_root *root = &anchors->roots[anchors->count];
    root->der = malloc(crt->raw.len);
    if (root->der == NULL) {
        return CB_ENOMEM;
    }
    memcpy(root->der, crt->raw.p, crt->raw.len);
    root->der_len = crt->raw.len;
    root->subject = span_of(root->der + (crt->subject_raw.p - crt->raw.p), crt->subject_raw.len);
    anchors->count++;
    return 0;
}

static int anchors_new(const mbedtls_x509_crt *chain, struct tls_anchors **out)
{
    size_t count = 0;
    for (const mbedtls_x509_crt *crt = chain; crt != NULL; crt = crt->next) {
        count += crt->raw.len != 0;
    }
    if (count == 0) {
        return CB_EINVAL;
    }
    struct tls_anchors *anchors = calloc(1, sizeof(*anchors));
    if (anchors == NULL) {
        return CB_ENOMEM;
    }
    anchors->refs = 1;
    anchors->roots = calloc(count, sizeof(*anchors->roots));
    int r = anchors->roots != NULL ? 0 : CB_ENOMEM;
    for (const mbedtls_x509_crt *crt = chain; r == 0 && crt != NULL; crt = crt->next) {
        r = crt->raw.len != 0 ? anchors_add(anchors, crt) : 0;
    }
    if (r != 0) {
        anchors_unref(anchors);
        return r;
    }
    *out = anchors;
    return 0;
}

int tls_roots_new(struct span pem, struct tls_roots **out, size_t *skipped)
{
    mbedtls_x509_crt chain;
    mbedtls_x509_crt_init(&chain);
    int result = -1;
    struct tls_roots *roots = calloc(1, sizeof(*roots));
    int r = roots != NULL ? tls_chain_parse(pem, &chain, &result) : CB_ENOMEM;
    if (r == 0) {
        /* A positive result counts the certificates that did not parse; the others are in the chain. */
        r = result >= 0 ? anchors_new(&chain, &roots->anchors) : CB_EINVAL;
    }
    mbedtls_x509_crt_free(&chain);
    if (r != 0) {
        free(roots);
        return r;
    }
    if (skipped != NULL) {
        *skipped = (size_t)result;
    }
    *out = roots;
    return 0;
}

int tls_roots_share(const struct tls_roots *from, struct tls_roots **out)
{
    struct tls_roots *roots = calloc(1, sizeof(*roots));
    if (roots == NULL) {
        return CB_ENOMEM;
    }
    roots->anchors = from->anchors;
    roots->anchors->refs++;
    *out = roots;
    return 0;
}

int tls_roots_pin(struct tls_roots *roots, const uint8_t digest[TLS_PIN_LEN])
{
    if (roots->pin_count == TLS_PINS_MAX) {
        return CB_ELIMIT;
    }
    memcpy(roots->pins[roots->pin_count++], digest, TLS_PIN_LEN);
    return 0;
}

void tls_roots_identify(struct tls_roots *roots, struct tls_identity *identity)
{
    tls_identity_free(roots->identity);
    roots->identity = identity;
}

void tls_roots_free(struct tls_roots *roots)
{
    if (roots == NULL) {
        return;
    }
    tls_tickets_free(roots->tickets);
    if (roots->conf_ready) {
        mbedtls_ssl_config_free(&roots->conf);
    }
    tls_identity_free(roots->identity);
    anchors_unref(roots->anchors);
    free(roots);
}

int tls_roots_find(void *arg, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates)
{
    const struct tls_roots *trust = arg;
    const struct tls_anchors *roots = trust->anchors;
    struct span issuer = span_of(child->issuer_raw.p, child->issuer_raw.len);
    mbedtls_x509_crt *list = NULL;
    for (size_t i = 0; i < roots->count; i++) {
        if (!span_eq(roots->roots[i].subject, issuer)) {
            continue;
        }
        if (list == NULL) {
            list = calloc(1, sizeof(*list)); /* mbedTLS frees it with free() */
            if (list == NULL) {
                return MBEDTLS_ERR_X509_ALLOC_FAILED;
            }
            mbedtls_x509_crt_init(list);
        }
        if (tls_alt_crt_parse_der(list, roots->roots[i].der, roots->roots[i].der_len) != 0) {
            mbedtls_x509_crt_free(list);
            free(list);
            return MBEDTLS_ERR_X509_INVALID_FORMAT;
        }
    }
    *candidates = list;
    return 0;
}

/*
 * constrain.c - name constraints written (RFC 5280, 4.2.1.10), and taken out of a certificate again. constraints.c evaluates them.
 */
#include "tls/internal.h"

#include "tls/der.h"

#include <arpa/inet.h>
#include <mbedtls/asn1write.h>
#include <stdlib.h>

#define TAG_DNS   (DER_CONTEXT | 2)
#define TAG_IP    (DER_CONTEXT | 7)
#define TEXT_MAX  254
#define BLOCK_MAX 32 /* an IPv6 address and its mask */

/* mbedTLS writes DER from the end of a buffer; `at` goes down, and the first failure stays. */
struct back {
    uint8_t bytes[TLS_CERT_DER_MAX];
    uint8_t *at;
    bool failed;
};

static size_t written(const struct back *b)
{
    return (size_t)(b->bytes + sizeof(b->bytes) - b->at);
}

/* Puts a tag and the length of what was written since `before` in front of it. */
static void wrap(struct back *b, size_t before, uint8_t tag)
{
    b->failed = b->failed || mbedtls_asn1_write_len(&b->at, b->bytes, written(b) - before) < 0 ||
                mbedtls_asn1_write_tag(&b->at, b->bytes, tag) < 0;
}

static void put_subtree(struct back *b, uint8_t tag, const void *value, size_t len)
{
    size_t before = written(b);
    b->failed = b->failed || (len != 0 && mbedtls_asn1_write_raw_buffer(&b->at, b->bytes, value, len) < 0);
    wrap(b, before, tag);
    wrap(b, before, DER_SEQUENCE);
}

static int put_name(struct back *b, struct span name, bool *any_dns, bool *any_ip)
{
    char text[TEXT_MAX];
    uint8_t block[BLOCK_MAX];
    if (name.len == 0 || name.len >= sizeof(text)) {
        return CB_EINVAL;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    size_t len = inet_pton(AF_INET, text, block) == 1 ? 4 : inet_pton(AF_INET6, text, block) == 1 ? 16 : 0;
    if (len != 0) {
        memset(block + len, 0xff, len);
        put_subtree(b, TAG_IP, block, 2 * len);
        *any_ip = true;
    } else {
        put_subtree(b, TAG_DNS, text, name.len);
        *any_dns = true;
    }
    return 0;
}

int tls_constraints_write(struct span names, struct buf *out)
{
    static const uint8_t everywhere[BLOCK_MAX]; /* 0.0.0.0/0, or ::/0 */
    bool any_dns = false;
    bool any_ip = false;
    struct back *b = calloc(1, sizeof(*b));
    struct back *permitted = calloc(1, sizeof(*permitted));
    int r = b != NULL && permitted != NULL ? 0 : CB_ENOMEM;
    if (r != 0) {
        goto out;
    }
    b->at = b->bytes + sizeof(b->bytes);
    permitted->at = permitted->bytes + sizeof(permitted->bytes);
    for (struct span rest = names; r == 0 && rest.len != 0;) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        r = put_name(permitted, span_sub(rest, 0, len), &any_dns, &any_ip);
        rest = span_sub(rest, len + 1, rest.len);
    }
    if (r != 0) {
        goto out;
    }
    if (!any_ip) {
        put_subtree(b, TAG_IP, everywhere, 32);
        put_subtree(b, TAG_IP, everywhere, 8);
    }
    if (!any_dns) {
        put_subtree(b, TAG_DNS, NULL, 0); /* every name */
    }
    if (written(b) != 0) {
        wrap(b, 0, DER_CONTEXT | DER_CONSTRUCTED | 1);
    }
    size_t before = written(b);
    if (any_dns || any_ip) {
        b->failed = b->failed ||
                    mbedtls_asn1_write_raw_buffer(&b->at, b->bytes, permitted->at, written(permitted)) < 0;
        wrap(b, before, DER_CONTEXT | DER_CONSTRUCTED | 0);
    }
    wrap(b, 0, DER_SEQUENCE);
    r = b->failed || permitted->failed ? CB_ELIMIT : buf_append(out, b->at, written(b));
out:
    free(permitted);
    free(b);
    return r;
}

int tls_cert_constraints(struct span der, struct buf *out)
{
    static const uint8_t name_constraints[] = {0x55, 0x1d, 30};
    mbedtls_x509_crt cert;
    mbedtls_x509_crt_init(&cert);
    int r = tls_alt_crt_parse_der(&cert, der.ptr, der.len) == 0 ? 0 : CB_ECERT;
    struct span rest = r == 0 ? span_of(cert.v3_ext.p, cert.v3_ext.len) : SPAN_EMPTY;
    struct span list = SPAN_EMPTY;
    if (rest.len != 0 && !der_expect(&rest, DER_SEQUENCE, &list)) {
        r = CB_ECERT;
    }
    while (r == 0 && list.len != 0) {
        struct span extension;
        struct span oid;
        struct span value;
        if (!der_expect(&list, DER_SEQUENCE, &extension) || !der_expect(&extension, DER_OID, &oid)) {
            r = CB_ECERT;
            break;
        }
        (void)der_expect(&extension, DER_BOOLEAN, &value); /* critical or not */
        if (!der_expect(&extension, DER_OCTETS, &value)) {
            r = CB_ECERT;
        } else if (span_eq(oid, span_of(name_constraints, sizeof(name_constraints)))) {
            r = buf_append_span(out, value);
            break;
        }
    }
    mbedtls_x509_crt_free(&cert);
    return r;
}

/*
 * pem.c - whether a text is nothing but the certificates of CAs, before somebody is told to trust what is in it.
 *
 * mbedTLS skips what stands between the blocks of a PEM text, and a block that it cannot read; other readers skip other things. So the text is
 * compared with what its certificates give when they are written again: then everybody reads the same.
 */
#include "tls/internal.h"

#include <time.h>

#define PEM_MAX ((size_t)64 * 1024)

static bool is_time_between(const mbedtls_x509_crt *crt, uint64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) {
        return false;
    }
    const mbedtls_x509_time now = {.year = tm.tm_year + 1900,
                                   .mon = tm.tm_mon + 1,
                                   .day = tm.tm_mday,
                                   .hour = tm.tm_hour,
                                   .min = tm.tm_min,
                                   .sec = tm.tm_sec};
    return mbedtls_x509_time_cmp(&crt->valid_from, &now) <= 0 &&
           mbedtls_x509_time_cmp(&now, &crt->valid_to) <= 0;
}

static const char *wrong_with(const mbedtls_x509_crt *crt, uint64_t now_ms)
{
    if (!mbedtls_x509_crt_get_ca_istrue(crt)) {
        return "one of them is not a CA's";
    }
    if (mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0) {
        return "one of them may not sign certificates";
    }
    return is_time_between(crt, now_ms) ? NULL
                                        : "one of them is not valid at this time (is the clock right?)";
}

static const char *check(struct span pem, const mbedtls_x509_crt *chain, uint64_t now_ms, size_t *count)
{
    struct buf again;
    const char *wrong = NULL;
    buf_init(&again, PEM_MAX);
    for (const mbedtls_x509_crt *crt = chain; wrong == NULL && crt != NULL; crt = crt->next) {
        wrong = wrong_with(crt, now_ms);
        if (wrong == NULL && tls_cert_to_pem(span_of(crt->raw.p, crt->raw.len), &again) != 0) {
            wrong = "they are too large";
        }
        (*count)++;
    }
    if (wrong == NULL && !span_eq(buf_span(&again), pem)) {
        wrong = "there is something else between them";
    }
    buf_deinit(&again);
    return wrong;
}

int tls_pem_check_cas(struct span pem, uint64_t now_ms, size_t *count, const char **why)
{
    mbedtls_x509_crt chain;
    int result = -1;
    mbedtls_x509_crt_init(&chain);
    *count = 0;
    *why = "there is none in it that can be read";
    int r = pem.len <= PEM_MAX ? tls_chain_parse(pem, &chain, &result) : CB_ELIMIT;
    if (r == 0 && result == 0 && chain.raw.len != 0) {
        *why = check(pem, &chain, now_ms, count);
        r = *why == NULL ? 0 : CB_ECERT;
    } else {
        r = r != 0 ? r : CB_ECERT;
    }
    mbedtls_x509_crt_free(&chain);
    return r;
}

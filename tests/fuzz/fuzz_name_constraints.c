/*
 * fuzz_name_constraints.c - any bytes as a CA's name constraints and the names of a certificate below it.
 *
 * The input is three pieces, each behind a length of two bytes: the constraints, the subject, the alternative names. Checked: the
 * work stays within its budget; and a certificate with one more excluded subtree is never accepted where it was refused
 * before (constraints only ever take away).
 */
#include <stdlib.h>

#include "tls/constraints.h"
#include "tls/der.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct span piece(struct span *rest)
{
    size_t len = rest->len >= 2 ? (size_t)rest->ptr[0] << 8 | rest->ptr[1] : 0;
    struct span out = span_sub(*rest, 2, len);
    *rest = span_sub(*rest, 2 + len, SIZE_MAX);
    return out;
}

/* The same constraints without what they exclude: DER with the second list cut off. */
static size_t without_excluded(struct span constraints, uint8_t *out)
{
    struct span sequence;
    struct span permitted;
    if (!der_expect(&constraints, DER_SEQUENCE, &sequence)) {
        return 0;
    }
    struct span rest = sequence;
    if (!der_expect(&rest, 0xa0, &permitted) || rest.len == 0) {
        return 0;
    }
    size_t len = sequence.len - rest.len;
    if (len >= 0x80) {
        return 0;
    }
    out[0] = DER_SEQUENCE;
    out[1] = (uint8_t)len;
    memcpy(out + 2, sequence.ptr, len);
    return len + 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct span constraints = piece(&rest);
    struct tls_names names = {.subject = piece(&rest)};
    names.alt_names = piece(&rest);
    unsigned budget = 1000;
    const char *why = tls_constraints_check(constraints, &names, &budget);
    must(budget <= 1000);
    uint8_t fewer[2 + 0x80];
    size_t len = why == NULL ? without_excluded(constraints, fewer) : 0;
    if (len != 0) {
        budget = 1000;
        must(tls_constraints_check(span_of(fewer, len), &names, &budget) == NULL);
    }
    budget = 0;
    (void)tls_constraints_check(constraints, &names, &budget);
    must(budget == 0);
    return 0;
}

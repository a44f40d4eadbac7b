/* fuzz_aws_chunks.c - bodies of signed chunks: cuts change nothing, what comes out is as long as what went in, and differs only in
 * signatures. The first byte says whether there are trailers, the second how long the pieces are. */
#include <stdlib.h>

#include "inject/aws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static enum policy_reason run(bool trailer, struct span text, size_t step, struct buf *out)
{
    const struct inject_aws signing = {.time = "20130524T000000Z", .scope = "scope", .signature = "0"};
    struct inject_aws_chunks *c = inject_aws_chunks_new(&signing, trailer);
    enum policy_reason reason = POLICY_REASON_ROUTE;
    require(c != NULL);
    for (size_t at = 0; reason == POLICY_REASON_ROUTE && at < text.len; at += step) {
        reason = inject_aws_chunks_feed(c, span_sub(text, at, step), out);
        require(buf_len(out) <= at + step);
    }
    reason = reason == POLICY_REASON_ROUTE ? inject_aws_chunks_end(c) : reason;
    require(reason != POLICY_REASON_INTERNAL);
    inject_aws_chunks_free(c);
    return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct span text = span_of(data + 2, size - 2);
    bool trailer = (data[0] & 1) != 0;
    struct buf whole;
    struct buf pieces;
    struct buf again;
    buf_init(&whole, SIZE_MAX);
    buf_init(&pieces, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    enum policy_reason reason = run(trailer, text, SIZE_MAX / 2, &whole);
    require(run(trailer, text, data[1] % 64 + 1U, &pieces) == reason);
    if (reason == POLICY_REASON_ROUTE) {
        require(span_eq(buf_span(&whole), buf_span(&pieces)) && buf_len(&whole) == text.len);
        /* What was signed is signed the same once more. */
        require(run(trailer, buf_span(&whole), SIZE_MAX / 2, &again) == POLICY_REASON_ROUTE);
        require(span_eq(buf_span(&whole), buf_span(&again)));
    }
    buf_deinit(&whole);
    buf_deinit(&pieces);
    buf_deinit(&again);
    return 0;
}

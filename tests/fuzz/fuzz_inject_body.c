/*
 * fuzz_inject_body.c - bodies with the credential's place: whatever the bytes are, how they are cut changes nothing, the
 * credential stands in what comes out at most once, and all else is as it was.
 *
 * The first byte says the format and whether the length must stay, the second how long the pieces are.
 */
#include <stdlib.h>

#include "inject/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OWN   "xoxb-PLACEHOLDER"
#define OTHER "sk-PLACEHOLDER"
#define REAL  "xoxb-REAL~credent"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static enum policy_reason run(enum inject_body_format format, bool same_length, struct span text, size_t step,
                              struct buf *out)
{
    static char parameter[] = "token";
    static char name[] = "slack";
    static struct spec_route route = {.inject = SPEC_INJECT_BODY, .parameter = parameter, .credential = name};
    const struct inject_placeholder list[] = {{SPAN_LIT("slack"), SPAN_LIT(OWN)},
                                              {SPAN_LIT("openai"), SPAN_LIT(OTHER)}};
    const struct inject_body_setup setup = {.format = format,
                                            .route = &route,
                                            .placeholders = list,
                                            .placeholder_count = 2,
                                            .same_length = same_length};
    struct inject_body *b = inject_body_new(&setup);
    enum policy_reason reason = POLICY_REASON_ROUTE;
    require(b != NULL);
    for (size_t at = 0; reason == POLICY_REASON_ROUTE && at < text.len; at += step) {
        struct span part = span_sub(text, at, step);
        size_t before = buf_len(out);
        reason = inject_body_feed(b, SPAN_LIT(REAL), part, out);
        require(buf_len(out) - before <= part.len + INJECT_BODY_GROWTH(sizeof(REAL) - 1));
    }
    if (reason == POLICY_REASON_ROUTE) {
        reason = inject_body_end(b, SPAN_LIT(REAL), out);
    }
    require(reason != POLICY_REASON_INTERNAL);
    inject_body_free(b);
    return reason;
}

/* Where two texts have the same beginning and the same end, what lies between. */
static void check_difference(struct span in, struct span out)
{
    size_t start = 0;
    size_t end = 0;
    while (start < in.len && start < out.len && in.ptr[start] == out.ptr[start]) {
        start++;
    }
    while (end < in.len - start && end < out.len - start &&
           in.ptr[in.len - 1 - end] == out.ptr[out.len - 1 - end]) {
        end++;
    }
    /* No longer than the placeholder and the credential, all escapes. */
    require(in.len - start - end <= 6 * (sizeof(OWN) - 1));
    require(out.len - start - end <= 6 * (sizeof(REAL) - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    enum inject_body_format format = (data[0] & 1) != 0 ? INJECT_BODY_JSON : INJECT_BODY_FORM;
    bool same_length = (data[0] & 2) != 0;
    struct span text = span_of(data + 2, size - 2);
    struct buf whole;
    struct buf pieces;
    buf_init(&whole, SIZE_MAX);
    buf_init(&pieces, SIZE_MAX);
    enum policy_reason reason = run(format, same_length, text, SIZE_MAX / 2, &whole);
    require(run(format, same_length, text, data[1] % 64 + 1U, &pieces) == reason);
    if (reason == POLICY_REASON_ROUTE) {
        require(span_eq(buf_span(&whole), buf_span(&pieces)));
        require(!same_length || buf_len(&whole) == text.len);
        check_difference(text, buf_span(&whole));
    }
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}

/*
 * fuzz_usage.c - reports of use in hostile answers: whatever the cuts, the same is found, and only what may be.
 *
 * The input: a byte with the media type and the seed of the cuts, then the answer.
 */
#include "egress/usage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct usage whole;
    struct usage parts;
    if (size == 0) {
        return 0;
    }
    unsigned seed = data[0];
    struct span in = span_of(data + 1, size - 1);
    struct span type = (seed & 1) != 0 ? SPAN_LIT("text/event-stream") : SPAN_LIT("application/json");
    usage_begin(&whole, type, false);
    usage_begin(&parts, type, false);
    usage_feed(&whole, in);
    for (size_t at = 0; at < in.len;) {
        seed = seed * 1103515245U + 12345U;
        struct span part = span_sub(in, at, 1 + (seed >> 16) % 17);
        usage_feed(&parts, part);
        at += part.len;
    }
    must(strcmp(whole.model, parts.model) == 0 && usage_input(&whole) == usage_input(&parts) &&
         usage_output(&whole) == usage_output(&parts));
    must(usage_input(&whole) <= 3 * USAGE_TOKENS_MAX && usage_output(&whole) <= 2 * USAGE_TOKENS_MAX);
    must(strlen(whole.model) <= USAGE_MODEL_MAX);
    for (const char *c = whole.model; *c != '\0'; c++) {
        must(*c > 0x20 && *c < 0x7f && *c != '"' && *c != '\\');
    }
    /* What is reported stands in the answer. */
    must(whole.model[0] == '\0' || memmem(in.ptr, in.len, whole.model, strlen(whole.model)) != NULL);
    return 0;
}

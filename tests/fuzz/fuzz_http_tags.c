/* fuzz_http_tags.c - whatever stands in If-Match: one answer, the same for a list that has the tag once more, and weak finds no less. */
#include "http/tags.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char more[] = ", \"tag\"";
    bool strong = true;
    bool weak = true;
    bool any = true;
    int r = http_tags_have(span_of(data, size), SPAN_LIT("\"tag\""), false, &strong);
    if (http_tags_have(span_of(data, size), SPAN_LIT("\"tag\""), true, &weak) != r ||
        http_tags_have(span_of(data, size), SPAN_EMPTY, false, &any) != r) {
        abort();
    }
    if (r != 0) {
        return 0;
    }
    bool star = size == 1 && data[0] == '*';
    if ((strong && !weak) || any != star) {
        abort();
    }
    uint8_t *longer = malloc(size + sizeof(more) - 1);
    if (longer == NULL || star) {
        free(longer);
        return 0;
    }
    memcpy(longer, data, size);
    memcpy(longer + size, more, sizeof(more) - 1);
    if (http_tags_have(span_of(longer, size + sizeof(more) - 1), SPAN_LIT("\"tag\""), false, &strong) != 0 ||
        !strong) {
        abort();
    }
    free(longer);
    return 0;
}

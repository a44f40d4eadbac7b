/* bench_scan.c - how fast answers are searched for a credential: GB/s in pieces of 16 KiB, by the kind of text. */
#include "inject/scan.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define SIZE  ((size_t)64 * 1024 * 1024)
#define PIECE ((size_t)16384)
#define KEY   "sk-proj-Jx81kQpZ5m0TnW3vRb7uYcE2oLaHd9GsFiNtXeBzMwVqKrPjSyUhCgOl"

static int swallow(void *arg, struct span clean)
{
    *(size_t *)arg += clean.len;
    return 0;
}

static void measure(const char *name, const uint8_t *text)
{
    struct inject_scan *scan;
    struct inject_scanner s;
    size_t out = 0;
    if (inject_scan_new(span_str(KEY), &scan) != 0) {
        return;
    }
    inject_scanner_init(&s, scan, span_str("sk-proj-placeholder"));
    uint64_t start = clock_mono_us();
    for (size_t at = 0; at < SIZE; at += PIECE) {
        if (inject_scanner_feed(&s, span_of(text + at, PIECE), swallow, &out) != 0) {
            return;
        }
    }
    uint64_t us = clock_mono_us() - start;
    (void)printf("%-28s %6.2f GB/s, %llu found\n", name, (double)SIZE / 1000.0 / (double)us,
                 (unsigned long long)s.found);
    inject_scanner_deinit(&s);
    inject_scan_unref(scan);
}

int main(void)
{
    static const char json[] =
        "data: {\"id\":\"chatcmpl-9x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" the quick"
        " brown fox \\\"jumps\\\"\\n over\"}}],\"usage\":null}\n\n";
    uint8_t *text = malloc(SIZE);
    if (text == NULL) {
        return 1;
    }
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (uint8_t)random();
    }
    measure("random bytes", text);
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (uint8_t)json[i % (sizeof(json) - 1)];
    }
    measure("server-sent events", text);
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (uint8_t) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random() & 63];
    }
    measure("base64 of random bytes", text);
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (uint8_t)KEY[i % (sizeof(KEY) - 8)];
    }
    measure("the key without its end", text);
    free(text);
    return 0;
}

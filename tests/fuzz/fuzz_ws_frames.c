/*
 * fuzz_ws_frames.c - any bytes as what a provider sends on a WebSocket.
 *
 * The first byte chooses the length of the pieces. Checked: what comes out, and whether it is refused, does not depend on the cuts;
 * it is never more than came in, has the same frames, and after the end of a message nothing is held back; and the credential
 * never stands in a whole message.
 */
#include <stdlib.h>

#include "inject/frames.h"

#define KEY "sk-real1"
#define PH  "sk-fake-placeholder"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static int run(const struct inject_scan *scan, struct span in, size_t step, struct buf *out)
{
    struct inject_scanner s;
    inject_scanner_init(&s, scan, SPAN_LIT(PH));
    struct inject_frames *f = inject_frames_new(&s);
    must(f != NULL);
    int r = 0;
    while (r == 0 && in.len != 0) {
        struct span part = span_sub(in, 0, step);
        in = span_sub(in, part.len, SIZE_MAX);
        r = inject_frames_feed(f, part, out);
    }
    must(r == 0 || r == CB_EMALFORMED || r == CB_ELIMIT);
    inject_frames_free(f);
    inject_scanner_deinit(&s);
    return r;
}

/* Walks both; the heads have to be the same. Each whole single-frame message of the output is clean. */
static void same_frames(struct span in, struct span out)
{
    while (out.len != 0) {
        struct websocket_head a = {.have = 0};
        struct websocket_head b = {.have = 0};
        struct websocket_frame frame;
        struct websocket_frame other;
        if (websocket_head_read(&b, &out, &other) != 0) {
            return;
        }
        must(websocket_head_read(&a, &in, &frame) == 0 && a.have == b.have &&
             memcmp(a.bytes, b.bytes, a.have) == 0);
        struct span payload = span_sub(out, 0, (size_t)frame.len);
        must(memmem(payload.ptr, payload.len, KEY, strlen(KEY)) == NULL);
        in = span_sub(in, (size_t)frame.len, SIZE_MAX);
        out = span_sub(out, (size_t)frame.len, SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inject_scan *scan;
    if (size < 1) {
        return 0;
    }
    must(scan != NULL || inject_scan_new(SPAN_LIT(KEY), &scan) == 0);
    struct span in = span_of(data + 1, size - 1);
    struct buf whole;
    struct buf cut;
    buf_init(&whole, size + 64);
    buf_init(&cut, size + 64);
    int r = run(scan, in, in.len + 1, &whole);
    int again = run(scan, in, 1 + data[0] % 32, &cut);
    must(r == again);
    must(buf_len(&whole) <= in.len && span_eq(buf_span(&whole), buf_span(&cut)));
    same_frames(in, buf_span(&whole));
    buf_deinit(&whole);
    buf_deinit(&cut);
    return 0;
}

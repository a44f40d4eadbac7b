/* test_frames.c - the credential in messages of a WebSocket: in one frame, over frames, beside control frames, at every cut. */
#include "inject/frames.h"

#include "support/check.h"

#define KEY "sk-real-0123456789"
#define PH  "sk-fake-abcdefghijklmnopqrstuvwxyz"
#define OUR "sk-fake-abcdefghij" /* as long as the key */

#define BYTES(text_)               \
    {                              \
        (text_), sizeof(text_) - 1 \
    }

struct bytes {
    const char *ptr;
    size_t len;
};

static struct inject_scan *scan;

/* Feeds in pieces of `step`, the first of `first`; the result of the last feed, what was found, and what came out. */
static int run(struct span in, size_t first, size_t step, struct buf *out, uint64_t *found)
{
    struct inject_scanner s;
    inject_scanner_init(&s, scan, SPAN_LIT(PH));
    struct inject_frames *f = inject_frames_new(&s);
    int r = f != NULL ? 0 : CB_ENOMEM;
    for (size_t take = first; r == 0 && in.len != 0; take = step) {
        struct span part = span_sub(in, 0, take);
        in = span_sub(in, part.len, SIZE_MAX);
        r = inject_frames_feed(f, part, out);
    }
    *found = s.found;
    inject_frames_free(f);
    inject_scanner_deinit(&s);
    return r;
}

static void start(void)
{
    if (scan == NULL) {
        CHECK_EQ_INT(inject_scan_new(SPAN_LIT(KEY), &scan), 0);
    }
}

TEST(messages_at_every_cut)
{
    static const struct {
        struct bytes in;
        struct bytes out;
        uint64_t found;
    } cases[] = {
        {BYTES("\x81\x05hello"), BYTES("\x81\x05hello"), 0},
        {BYTES("\x81\x00"), BYTES("\x81\x00"), 0},
        {BYTES("\x81\x12" KEY), BYTES("\x81\x12" OUR), 1},
        {BYTES("\x82\x14<" KEY ">"), BYTES("\x82\x14<" OUR ">"), 1},
        /* over two frames, over three with an empty one, with a ping between */
        {BYTES("\x01\x07sk-real\x80\x0b-0123456789"), BYTES("\x01\x07sk-fake\x80\x0b-abcdefghij"), 1},
        {BYTES("\x01\x07sk-real\x00\x00\x80\x0b-0123456789"),
         BYTES("\x01\x07sk-fake\x00\x00\x80\x0b-abcdefghij"), 1},
        {BYTES("\x01\x07sk-real\x89\x02hi\x00\x01-\x8a\x00\x80\x0a"
               "0123456789"),
         BYTES("\x01\x07sk-fake\x89\x02hi\x00\x01-\x8a\x00\x80\x0a"
               "abcdefghij"),
         1},
        /* a message ends: what looks like the start of the key belongs to it */
        {BYTES("\x81\x07sk-real\x81\x0b-0123456789"), BYTES("\x81\x07sk-real\x81\x0b-0123456789"), 0},
        {BYTES("\x01\x07sk-real\x80\x00\x81\x01x"), BYTES("\x01\x07sk-real\x80\x00\x81\x01x"), 0},
        /* in a control frame, and in its neighbour */
        {BYTES("\x89\x12" KEY "\x81\x12" KEY), BYTES("\x89\x12" OUR "\x81\x12" OUR), 2},
        {BYTES("\x88\x14\x03\xe8" KEY), BYTES("\x88\x14\x03\xe8" OUR), 1},
    };
    start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span in = span_of(cases[i].in.ptr, cases[i].in.len);
        for (size_t first = 1; first <= in.len; first++) {
            for (size_t step = 1; step <= in.len; step += step < 4 ? 1 : in.len) {
                struct buf out;
                uint64_t found = 0;
                buf_init(&out, 4096);
                CHECK_EQ_INT(run(in, first, step, &out, &found), 0);
                CHECK_EQ_UINT(found, cases[i].found);
                if (!CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), cases[i].out.ptr, cases[i].out.len)) {
                    printf("  case %zu, first %zu, step %zu\n", i, first, step);
                }
                buf_deinit(&out);
            }
        }
    }
}

/* Nothing that ends a message waits for what comes after it, whatever it looks like. */
TEST(a_whole_message_goes_on_at_once)
{
    static const char text[] = "\x81\x07sk-real";
    start();
    for (size_t len = 1; len < sizeof(text); len++) {
        struct buf out;
        uint64_t found;
        buf_init(&out, 4096);
        CHECK_EQ_INT(run(span_of(text, len), SIZE_MAX, SIZE_MAX, &out, &found), 0);
        CHECK_EQ_UINT(buf_len(&out), len == sizeof(text) - 1 ? len : len < 2 ? 0 : 2);
        buf_deinit(&out);
    }
}

TEST(what_cannot_be_searched_is_refused)
{
    static const struct bytes bad[] = {
        BYTES("\xc1\x05hello"),                                              /* compressed */
        BYTES("\x91\x00"),                                                   /* other reserved bits */
        BYTES("\xa1\x00"),           BYTES("\x81\x85\x01\x02\x03\x04hello"), /* masked */
        BYTES("\x80\x01x"),                                                  /* a continuation of nothing */
        BYTES("\x01\x01x\x81\x01x"),                                         /* a message inside a message */
        BYTES("\x83\x01x"),          BYTES("\x09\x01x"),
    };
    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf out;
        uint64_t found;
        buf_init(&out, 4096);
        CHECK_EQ_INT(run(span_of(bad[i].ptr, bad[i].len), SIZE_MAX, SIZE_MAX, &out, &found), CB_EMALFORMED);
        buf_deinit(&out);
    }
}

/* Heads that pile up between the bytes of what may be the key are bounded; where nothing is held back, there is no bound. */
TEST(a_flood_between_two_bytes_is_refused)
{
    struct buf in;
    struct buf out;
    uint64_t found;
    start();
    for (size_t held = 0; held < 2; held++) {
        buf_init(&in, 4096);
        buf_init(&out, 4096);
        CHECK_EQ_INT(buf_append_str(&in, held != 0 ? "\x01\x02sk" : "\x01\x02hi"), 0);
        for (size_t i = 0; i < 40; i++) {
            CHECK_EQ_INT(buf_append(&in, "\x89\x00", 2), 0);
        }
        CHECK_EQ_INT(run(buf_span(&in), SIZE_MAX, SIZE_MAX, &out, &found), held != 0 ? CB_ELIMIT : 0);
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

TEST(the_scan_is_let_go)
{
    inject_scan_unref(scan);
    CHECK(true);
}

TEST_MAIN()

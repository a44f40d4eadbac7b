/*
 * frames.c - the search in a WebSocket's messages.
 *
 * Bytes of payload are counted as they go into the scanner and as they come out of it. What stands between them (the head of a
 * frame, a control frame) waits with the count at which it was read, and goes on when as many bytes have come out. Mostly that is
 * at once; only while the scanner holds back the start of what may be the credential do heads queue up.
 */
#include "inject/frames.h"

#include <stdlib.h>

#define FRAMES_WAITING_MAX 32
#define FRAMES_OPAQUE_MAX  (WEBSOCKET_HEAD_MAX + WEBSOCKET_CONTROL_MAX)

/* Bytes that are no payload of a message. */
struct opaque {
    uint64_t at; /* bytes of payload before it */
    size_t len;
    uint8_t bytes[FRAMES_OPAQUE_MAX];
};

struct inject_frames {
    struct inject_scanner *scanner;
    struct websocket_head head;
    struct websocket_frame frame;
    bool in_frame;   /* `head` is complete, `left` bytes of payload are to come */
    bool in_message; /* a frame without FIN came, its continuation has not */
    uint64_t left;
    struct opaque control; /* the control frame that is being read */
    uint64_t taken;        /* bytes of payload that went into the scanner */
    uint64_t passed;       /* that came out */
    struct buf *out;       /* during a feed */
    struct opaque waiting[FRAMES_WAITING_MAX];
    size_t waiting_count;
};

struct inject_frames *inject_frames_new(struct inject_scanner *scanner)
{
    struct inject_frames *f = calloc(1, sizeof(*f));
    if (f != NULL) {
        f->scanner = scanner;
    }
    return f;
}

void inject_frames_free(struct inject_frames *f)
{
    free(f);
}

/* What waits for no more payload goes on. */
static int pass_waiting(struct inject_frames *f)
{
    size_t done = 0;
    int r = 0;
    while (r == 0 && done < f->waiting_count && f->waiting[done].at == f->passed) {
        r = buf_append(f->out, f->waiting[done].bytes, f->waiting[done].len);
        done++;
    }
    f->waiting_count -= done;
    memmove(f->waiting, f->waiting + done, f->waiting_count * sizeof(f->waiting[0]));
    return r;
}

static int add_opaque(struct inject_frames *f, const uint8_t *bytes, size_t len)
{
    if (f->taken == f->passed) {
        return buf_append(f->out, bytes, len);
    }
    if (f->waiting_count == FRAMES_WAITING_MAX) {
        return CB_ELIMIT;
    }
    struct opaque *o = &f->waiting[f->waiting_count++];
    o->at = f->taken;
    o->len = len;
    memcpy(o->bytes, bytes, len);
    return 0;
}

/* Payload that the scanner lets go, with what stands between its bytes. */
static int pass_payload(void *arg, struct span clean)
{
    struct inject_frames *f = arg;
    int r = 0;
    while (r == 0 && clean.len != 0) {
        uint64_t until = f->waiting_count != 0 ? f->waiting[0].at - f->passed : UINT64_MAX;
        if (until == 0) {
            r = pass_waiting(f);
            continue;
        }
        struct span part = span_sub(clean, 0, clean.len < until ? clean.len : (size_t)until);
        r = buf_append_span(f->out, part);
        f->passed += part.len;
        clean = span_sub(clean, part.len, SIZE_MAX);
    }
    return r == 0 ? pass_waiting(f) : r;
}

/* A control frame is whole: searched by itself, it goes where it was. */
static int finish_control(struct inject_frames *f)
{
    struct buf clean;
    buf_init(&clean, FRAMES_OPAQUE_MAX);
    size_t head = f->head.have;
    int r = buf_append(&clean, f->control.bytes, head);
    if (r == 0) {
        r = inject_scan_text(f->scanner->scan, f->scanner->placeholder,
                             span_of(f->control.bytes + head, f->control.len - head), &clean,
                             &f->scanner->found);
    }
    if (r == 0) {
        r = add_opaque(f, buf_span(&clean).ptr, buf_len(&clean));
    }
    buf_deinit(&clean);
    return r;
}

static int finish_frame(struct inject_frames *f)
{
    int r;
    if (websocket_is_control(f->frame.opcode)) {
        r = finish_control(f);
    } else {
        f->in_message = !f->frame.fin;
        r = f->frame.fin ? inject_scanner_end(f->scanner, pass_payload, f) : 0;
    }
    f->head.have = 0;
    f->in_frame = false;
    return r;
}

static int begin_frame(struct inject_frames *f)
{
    const struct websocket_frame *frame = &f->frame;
    if (frame->rsv != 0 || frame->masked) {
        return CB_EMALFORMED;
    }
    f->in_frame = true;
    f->left = frame->len;
    if (websocket_is_control(frame->opcode)) {
        memcpy(f->control.bytes, f->head.bytes, f->head.have);
        f->control.len = f->head.have;
        return 0;
    }
    if ((frame->opcode == WEBSOCKET_CONTINUATION) != f->in_message) {
        return CB_EMALFORMED;
    }
    return add_opaque(f, f->head.bytes, f->head.have);
}

static int take_payload(struct inject_frames *f, struct span *in)
{
    struct span part = span_sub(*in, 0, in->len < f->left ? in->len : (size_t)f->left);
    *in = span_sub(*in, part.len, SIZE_MAX);
    f->left -= part.len;
    if (part.len == 0) {
        return 0;
    }
    if (websocket_is_control(f->frame.opcode)) {
        memcpy(f->control.bytes + f->control.len, part.ptr, part.len);
        f->control.len += part.len;
        return 0;
    }
    f->taken += part.len;
    return inject_scanner_feed(f->scanner, part, pass_payload, f);
}

int inject_frames_feed(struct inject_frames *f, struct span in, struct buf *out)
{
    int r = 0;
    f->out = out;
    while (r == 0 && (in.len != 0 || (f->in_frame && f->left == 0))) {
        if (!f->in_frame) {
            r = websocket_head_read(&f->head, &in, &f->frame);
            r = r == 0 ? begin_frame(f) : r;
        } else {
            r = take_payload(f, &in);
            if (r == 0 && f->left == 0) {
                r = finish_frame(f);
            }
        }
    }
    f->out = NULL;
    return r == CB_EAGAIN ? 0 : r;
}

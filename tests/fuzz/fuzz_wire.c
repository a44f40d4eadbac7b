/*
 * fuzz_wire.c - any bytes as the payload of any message between roles.
 *
 * The first byte selects the message (modulo their number); the rest is its payload. Checked: what decodes encodes to
 * the same bytes, so a message has one form only; its spans lie within the payload and its fields within the limits of
 * msgs.h; and what does not decode has one of the four codes that codec.h names.
 */
#include <stdlib.h>

#include "ipc/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAYLOAD_MAX ((size_t)16 * 1024 * 1024)

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_span(struct span s, struct span payload, size_t limit)
{
    must(s.len <= limit);
    must(s.len == 0 || (s.ptr >= payload.ptr && s.ptr + s.len <= payload.ptr + payload.len));
}

static void check_text(struct span s, struct span payload, size_t limit)
{
    check_span(s, payload, limit);
    for (size_t i = 0; i < s.len; i++) {
        must(s.ptr[i] >= ' ' && s.ptr[i] <= '~');
    }
}

#define CHECK_BOOL(name, limit)
#define CHECK_U8(name, limit)
#define CHECK_U16(name, limit)
#define CHECK_U32(name, limit)
#define CHECK_U64(name, limit)
#define CHECK_ENUM(name, limit)   must(m.name < (limit));
#define CHECK_TEXT(name, limit)   check_text(m.name, payload, limit);
#define CHECK_BYTES(name, limit)  check_span(m.name, payload, limit);
#define CHECK_SECRET(name, limit) check_span(m.name, payload, limit);

#define CHECK_FIELD(kind, name, limit) CHECK_##kind(name, limit)
#define CHECK_MESSAGE(NAME, lower, from, to, channel, kind, fd, limit)                             \
    static bool check_##lower(struct span payload, struct buf *again)                              \
    {                                                                                              \
        struct ipc_##lower m;                                                                      \
        int r = ipc_get_##lower(payload, &m);                                                      \
        if (r != 0) {                                                                              \
            must(r == CB_ETRUNCATED || r == CB_ETRAILING || r == CB_EMALFORMED || r == CB_ELIMIT); \
            return false;                                                                          \
        }                                                                                          \
        IPC_FIELDS_##lower(CHECK_FIELD) must(ipc_put_##lower(again, &m) == 0);                     \
        return true;                                                                               \
    }
/* clang-format off */
IPC_MESSAGES(CHECK_MESSAGE)
/* clang-format on */

typedef bool check_fn(struct span payload, struct buf *again);

static check_fn *const checks[IPC_MSG__COUNT] = {
#define CHECK_ROW(NAME, lower, from, to, channel, kind, fd, limit) [IPC_MSG_##NAME] = check_##lower,
    IPC_MESSAGES(CHECK_ROW)
#undef CHECK_ROW
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > PAYLOAD_MAX) {
        return 0;
    }
    struct buf again;
    struct span payload = span_of(data + 1, size - 1);
    buf_init(&again, PAYLOAD_MAX);
    if (checks[data[0] % IPC_MSG__COUNT](payload, &again)) {
        must(span_eq(buf_span(&again), payload));
    }
    buf_deinit(&again);
    return 0;
}

/*
 * test_codec.c - every message of the table: round trip, cut at each byte, one byte too many, a field over its limit,
 * and who may send it. A new row is covered on the day it is added, because the tests are made from the same table.
 */
#include "ipc/codec.h"
#include "support/check.h"

#include <stdlib.h>

/* A value for each kind of field that differs from field to field, and fits. */
static uint8_t sample_bytes[64];
static unsigned sample_counter;

static struct span sample_span(size_t limit)
{
    size_t len = 1 + sample_counter++ % 23;
    return span_of(sample_bytes, len < limit ? len : limit);
}

static uint64_t sample_number(void)
{
    return 0x0102030405060708U * (1 + sample_counter++ % 13);
}

#define SAMPLE_BOOL(limit)              (sample_counter++ % 2 == 1)
#define SAMPLE_U8(limit)                (uint8_t) sample_number()
#define SAMPLE_U16(limit)               (uint16_t) sample_number()
#define SAMPLE_U32(limit)               (uint32_t) sample_number()
#define SAMPLE_U64(limit)               sample_number()
#define SAMPLE_ENUM(limit)              (uint8_t)(sample_counter++ % (limit))
#define SAMPLE_TEXT(limit)              sample_span(limit)
#define SAMPLE_BYTES(limit)             sample_span(limit)
#define SAMPLE_SECRET(limit)            sample_span(limit)
#define SAMPLE_FIELD(kind, name, limit) m->name = SAMPLE_##kind(limit);

#define SAME_NUMBER(a, b)             CHECK((a) == (b))
#define SAME_SPAN(a, b)               CHECK(span_eq(a, b))
#define SAME_BOOL                     SAME_NUMBER
#define SAME_U8                       SAME_NUMBER
#define SAME_U16                      SAME_NUMBER
#define SAME_U32                      SAME_NUMBER
#define SAME_U64                      SAME_NUMBER
#define SAME_ENUM                     SAME_NUMBER
#define SAME_TEXT                     SAME_SPAN
#define SAME_BYTES                    SAME_SPAN
#define SAME_SECRET                   SAME_SPAN
#define SAME_FIELD(kind, name, limit) SAME_##kind(got.name, m.name);

/* For the limit test: each TEXT, BYTES or SECRET field one byte over its limit, each ENUM at its count. */
static uint8_t *big;
#define BIG_SIZE ((size_t)9 * 1024 * 1024)

#define OVER_BOOL(name, limit, put)
#define OVER_U8(name, limit, put)
#define OVER_U16(name, limit, put)
#define OVER_U32(name, limit, put)
#define OVER_U64(name, limit, put)
#define OVER_SPAN(name, limit, put)                  \
    {                                                \
        struct span kept = m->name;                  \
        m->name = span_of(big, (size_t)(limit) + 1); \
        buf_reset(out);                              \
        CHECK_EQ_INT(put(out, m), CB_ELIMIT);        \
        m->name = kept;                              \
    }
#define OVER_TEXT(name, limit, put)                          \
    OVER_SPAN(name, limit, put)                              \
    {                                                        \
        struct span kept = m->name;                          \
        m->name = SPAN_LIT("line\nbreak");                   \
        buf_reset(out);                                      \
        int refused = put(out, m);                           \
        CHECK(refused == CB_EINVAL || refused == CB_ELIMIT); \
        m->name = kept;                                      \
    }
#define OVER_BYTES  OVER_SPAN
#define OVER_SECRET OVER_SPAN
#define OVER_ENUM(name, limit, put)           \
    {                                         \
        uint8_t kept = m->name;               \
        m->name = (uint8_t)(limit);           \
        buf_reset(out);                       \
        CHECK_EQ_INT(put(out, m), CB_EINVAL); \
        m->name = kept;                       \
    }
#define OVER_FIELD(kind, name, limit) OVER_##kind(name, limit, put)

#define CODEC_TEST(NAME, lower, from, to, channel, kind, fd, limit_)                          \
    static void sample_##lower(struct ipc_##lower *m){IPC_FIELDS_##lower(SAMPLE_FIELD)} TEST( \
        round_trip_##lower)                                                                   \
    {                                                                                         \
        for (int round = 0; round < 20; round++) {                                            \
            struct ipc_##lower m;                                                             \
            struct ipc_##lower got;                                                           \
            struct buf out;                                                                   \
            sample_##lower(&m);                                                               \
            buf_init(&out, limit_);                                                           \
            if (CHECK_EQ_INT(ipc_put_##lower(&out, &m), 0) &&                                 \
                CHECK_EQ_INT(ipc_get_##lower(buf_span(&out), &got), 0)) {                     \
                IPC_FIELDS_##lower(SAME_FIELD)                                                \
            }                                                                                 \
            buf_deinit(&out);                                                                 \
        }                                                                                     \
    }                                                                                         \
    TEST(cut_##lower)                                                                         \
    {                                                                                         \
        struct ipc_##lower m;                                                                 \
        struct ipc_##lower got;                                                               \
        struct buf out;                                                                       \
        sample_##lower(&m);                                                                   \
        buf_init(&out, (limit_) + 1);                                                         \
        CHECK_EQ_INT(ipc_put_##lower(&out, &m), 0);                                           \
        for (size_t len = 0; len < buf_len(&out); len++) {                                    \
            CHECK(ipc_get_##lower(span_sub(buf_span(&out), 0, len), &got) != 0);              \
        }                                                                                     \
        CHECK_EQ_INT(buf_append_byte(&out, 0), 0);                                            \
        CHECK_EQ_INT(ipc_get_##lower(buf_span(&out), &got), CB_ETRAILING);                    \
        buf_deinit(&out);                                                                     \
    }                                                                                         \
    static void over_##lower(struct ipc_##lower *m, struct buf *out);                         \
    TEST(over_limit_##lower)                                                                  \
    {                                                                                         \
        struct ipc_##lower m;                                                                 \
        struct buf out;                                                                       \
        sample_##lower(&m);                                                                   \
        buf_init(&out, BIG_SIZE + 4096);                                                      \
        over_##lower(&m, &out);                                                               \
        buf_reset(&out);                                                                      \
        CHECK_EQ_INT(ipc_put_##lower(&out, &m), 0);                                           \
        buf_deinit(&out);                                                                     \
    }
IPC_MESSAGES(CODEC_TEST)

#define OVER_BODY(NAME, lower, from, to, channel, kind, fd, limit_)             \
    static void over_##lower(struct ipc_##lower *m, struct buf *out)            \
    {                                                                           \
        int (*put)(struct buf *, const struct ipc_##lower *) = ipc_put_##lower; \
        (void)put;                                                              \
        (void)m;                                                                \
        (void)out;                                                              \
        IPC_FIELDS_##lower(OVER_FIELD)                                          \
    }
IPC_MESSAGES(OVER_BODY)

TEST(random_bytes_never_break_a_reader)
{
    /* A fixed sequence: the test does the same every time. */
    uint64_t state = 88172645463325252U;
    uint8_t bytes[256];
    size_t read = 0;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            /* Mostly small bytes, or no length would ever fit. */
            bytes[i] = (uint8_t)((state & 3) != 0 ? 0 : state >> 8);
        }
        struct span s = span_of(bytes, (size_t)(state % sizeof(bytes)));
#define READ_ANY(NAME, lower, from, to, channel, kind, fd, limit_) \
    {                                                              \
        struct ipc_##lower m;                                      \
        read += ipc_get_##lower(s, &m) == 0;                       \
    }
        IPC_MESSAGES(READ_ANY)
    }
    CHECK(read > 0);
}

TEST(permissions_are_the_table)
{
    unsigned allowed = 0;
    for (unsigned msg = 0; msg < IPC_MSG__COUNT; msg++) {
        const struct ipc_msg_info *info = ipc_msg_info(msg);
        for (unsigned from = 0; from < IPC_ROLE__COUNT; from++) {
            for (unsigned to = 0; to < IPC_ROLE__COUNT; to++) {
                for (unsigned channel = IPC_CHANNEL_LIFE; channel <= IPC_CHANNEL_STREAM; channel++) {
                    bool ok = ipc_msg_permitted(msg, channel, from, to);
                    CHECK(ok ==
                          (channel == info->channel && (info->from & 1U << from) && (info->to & 1U << to)));
                    allowed += ok;
                }
            }
        }
        CHECK(info->from != 0 && info->to != 0 && (info->from & info->to) == 0);
    }
    CHECK(allowed > IPC_MSG__COUNT / 2);
    CHECK(!ipc_msg_permitted(IPC_MSG__COUNT, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_VAULT));
}

TEST(nobody_but_egress_is_given_a_credential)
{
    for (unsigned to = 0; to < IPC_ROLE__COUNT; to++) {
        for (unsigned from = 0; from < IPC_ROLE__COUNT; from++) {
            bool ok = ipc_msg_permitted(IPC_MSG_CREDENTIAL, IPC_CHANNEL_PEER, from, to);
            CHECK(ok == (from == IPC_ROLE_VAULT && to == IPC_ROLE_EGRESS));
        }
    }
}

TEST(digest_is_stable_within_a_build)
{
    CHECK(ipc_table_digest() == ipc_table_digest());
    CHECK(ipc_table_digest() != 0);
}

TEST(lists)
{
    struct buf out;
    buf_init(&out, 1024);
    struct writer w = writer_to(&out);
    size_t at = ipc_list_begin(&w);
    ipc_write_text(&w, SPAN_LIT("one"), 10);
    ipc_write_text(&w, SPAN_LIT("two"), 10);
    ipc_list_end(&w, at, 2);
    CHECK_EQ_INT(writer_finish(&w), 0);
    struct reader r = reader_of(buf_span(&out));
    CHECK_EQ_INT(ipc_list_read(&r, 2), 2);
    CHECK(span_eq_str(ipc_read_text(&r, 10), "one"));
    CHECK(span_eq_str(ipc_read_text(&r, 10), "two"));
    CHECK_EQ_INT(reader_finish(&r), 0);
    r = reader_of(buf_span(&out));
    CHECK_EQ_INT(ipc_list_read(&r, 1), 0);
    CHECK_EQ_INT(reader_finish(&r), CB_ELIMIT);
    buf_deinit(&out);
}

__attribute__((constructor)) static void prepare(void)
{
    memset(sample_bytes, 'x', sizeof(sample_bytes));
    big = malloc(BIG_SIZE);
    if (big == NULL) {
        abort();
    }
    memset(big, 'y', BIG_SIZE);
}

TEST_MAIN()

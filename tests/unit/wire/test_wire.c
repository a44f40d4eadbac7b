/* test_wire.c - the latched reader and writer at every boundary. */
#include "support/check.h"
#include "wire/reader.h"
#include "wire/writer.h"

TEST(round_trip)
{
    struct buf b;
    buf_init(&b, 256);
    struct writer w = writer_to(&b);
    writer_u8(&w, 0xab);
    writer_u16(&w, 0x1234);
    writer_u32(&w, 0xdeadbeef);
    writer_u64(&w, 0x0102030405060708U);
    writer_bool(&w, true);
    writer_bytes(&w, SPAN_LIT("text"), 4);
    CHECK_EQ_INT(writer_finish(&w), 0);
    CHECK_EQ_INT(buf_len(&b), 1 + 2 + 4 + 8 + 1 + 4 + 4);
    CHECK_EQ_INT(buf_span(&b).ptr[1], 0x12); /* big-endian */
    for (size_t len = 0; len <= buf_len(&b); len++) {
        struct reader r = reader_of(span_sub(buf_span(&b), 0, len));
        uint8_t a = reader_u8(&r);
        uint16_t c = reader_u16(&r);
        uint32_t d = reader_u32(&r);
        uint64_t e = reader_u64(&r);
        bool f = reader_bool(&r);
        struct span g = reader_bytes(&r, 4);
        if (len < buf_len(&b)) {
            CHECK_EQ_INT(reader_finish(&r), CB_ETRUNCATED);
            CHECK_EQ_INT(g.len, 0);
        } else {
            CHECK_EQ_INT(reader_finish(&r), 0);
            CHECK(a == 0xab && c == 0x1234 && d == 0xdeadbeef && e == 0x0102030405060708U && f);
            CHECK(span_eq_str(g, "text"));
        }
    }
    buf_deinit(&b);
}

TEST(the_first_error_stays)
{
    struct reader r = reader_of(SPAN_LIT("\x02\x01\x01\x01"));
    CHECK(!reader_bool(&r));
    CHECK_EQ_INT(r.error, CB_EMALFORMED);
    CHECK_EQ_INT(reader_u64(&r), 0);
    CHECK_EQ_INT(reader_u8(&r), 0);
    CHECK_EQ_INT(reader_finish(&r), CB_EMALFORMED);
}

TEST(bytes_over_their_limit)
{
    struct reader r = reader_of(SPAN_LIT("\0\0\0\5hello"));
    CHECK_EQ_INT(reader_bytes(&r, 4).len, 0);
    CHECK_EQ_INT(reader_finish(&r), CB_ELIMIT);
    r = reader_of(SPAN_LIT("\xff\xff\xff\xffhello"));
    CHECK_EQ_INT(reader_bytes(&r, SIZE_MAX).len, 0);
    CHECK_EQ_INT(reader_finish(&r), CB_ETRUNCATED);
}

TEST(leftovers_are_an_error)
{
    struct reader r = reader_of(SPAN_LIT("\1\2"));
    CHECK_EQ_INT(reader_u8(&r), 1);
    CHECK_EQ_INT(reader_finish(&r), CB_ETRAILING);
}

TEST(writer_limits)
{
    struct buf b;
    buf_init(&b, 10);
    struct writer w = writer_to(&b);
    writer_bytes(&w, SPAN_LIT("toolong"), 6);
    CHECK_EQ_INT(writer_finish(&w), CB_ELIMIT);
    w = writer_to(&b);
    writer_u64(&w, 1);
    writer_u32(&w, 1);
    CHECK_EQ_INT(writer_finish(&w), CB_ELIMIT);
    buf_deinit(&b);
}

TEST_MAIN()

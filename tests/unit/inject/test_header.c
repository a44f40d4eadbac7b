/* test_header.c - bearer and header. */
#include "inject_test.h"

TEST(the_credential_goes_in)
{
    CHECK_WRITTEN(inject_header_write(&bearer, SPAN_LIT("sk-real"), &out), 0,
                  "Authorization: Bearer sk-real\r\n");
    CHECK_WRITTEN(inject_header_write(&header, SPAN_LIT("k"), &out), 0,
                  "X-Other-Key: k\r\nX-Other-Sign: key=k\r\n");
}

TEST(what_no_header_carries)
{
    CHECK_WRITTEN(inject_header_write(&bearer, SPAN_LIT("a\r\nX-Evil: b"), &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_header_write(&bearer, SPAN_LIT("a\n"), &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_header_write(&bearer, span_of("a\0b", 3), &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_header_write(&bearer, SPAN_EMPTY, &out), CB_EINVAL, "");
}

TEST(no_room)
{
    struct buf out;
    buf_init(&out, 20);
    CHECK_EQ_INT(inject_header_write(&bearer, SPAN_LIT("sk-real"), &out), CB_ELIMIT);
    buf_deinit(&out);
}

TEST(which_header_and_what_it_holds)
{
    CHECK_EQ_UINT(inject_header_find(&header, SPAN_LIT("x-other-sign")), 1);
    CHECK_EQ_UINT(inject_header_find(&header, SPAN_LIT("x-other")), SIZE_MAX);
    CHECK(inject_header_holds(bearer_fields, SPAN_LIT("bEARER ph"), SPAN_LIT("ph")));
    CHECK(inject_header_holds(bearer_fields, SPAN_LIT("token ph"), SPAN_LIT("ph")));
    CHECK(!inject_header_holds(bearer_fields, SPAN_LIT("Bearer  ph"), SPAN_LIT("ph")));
    CHECK(!inject_header_holds(bearer_fields, SPAN_LIT("Bearer PH"), SPAN_LIT("ph")));
    CHECK(!inject_header_holds(bearer_fields, SPAN_LIT("Bear"), SPAN_LIT("ph")));
    CHECK(!inject_header_holds(&header_fields[1], SPAN_LIT("token ph"), SPAN_LIT("ph")));
}

TEST_MAIN()

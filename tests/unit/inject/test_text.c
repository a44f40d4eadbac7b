/* test_text.c - percent-escapes. */
#include "inject_test.h"

TEST(decoded_as_a_server_would)
{
    CHECK(inject_text_is(SPAN_LIT("k%65y"), SPAN_LIT("key")));
    CHECK(inject_text_is(SPAN_LIT("%6B%65%79"), SPAN_LIT("key")));
    CHECK(!inject_text_is(SPAN_LIT("keys"), SPAN_LIT("key")) &&
          !inject_text_is(SPAN_LIT("ke"), SPAN_LIT("key")));
    CHECK(inject_text_is(SPAN_LIT("100%"), SPAN_LIT("100%")) &&
          inject_text_is(SPAN_LIT("%zz%1"), SPAN_LIT("%zz%1")));
}

TEST(found_in_the_middle)
{
    CHECK(inject_text_contains(SPAN_LIT("ab%63d"), SPAN_LIT("bcd")));
    CHECK(inject_text_contains(SPAN_LIT("aab%63"), SPAN_LIT("abc")));
    CHECK(inject_text_contains(SPAN_LIT("x%3Ay"), SPAN_LIT(":")));
    CHECK(!inject_text_contains(SPAN_LIT("ab%6"), SPAN_LIT("abc")));
    CHECK(!inject_text_contains(SPAN_LIT("abc"), SPAN_EMPTY) &&
          !inject_text_contains(SPAN_EMPTY, SPAN_LIT("a")));
}

TEST(escaped)
{
    CHECK_WRITTEN(inject_text_escape(SPAN_LIT("aZ09-._~ :/%"), ":", &out), 0, "aZ09-._~%20:%2F%25");
}

TEST_MAIN()

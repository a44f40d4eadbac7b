/* test_query.c - the credential as a parameter. */
#include "inject_test.h"

TEST(set_or_replaced)
{
    static const struct {
        const char *before, *after;
    } cases[] = {{"", "key=K"},
                 {"a=b", "a=b&key=K"},
                 {"key=ph", "key=K"},
                 {"key=ph&a=b", "a=b&key=K"},
                 {"a=b&key=ph&c", "a=b&c&key=K"},
                 {"key&a=b", "a=b&key=K"},
                 {"key=&k%65y=ph", "key=K"},
                 {"keys=1&KEY=2", "keys=1&KEY=2&key=K"},
                 {"a=b&", "a=b&key=K"},
                 {"a=%2f+x", "a=%2f+x&key=K"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_WRITTEN(inject_query_write(&query, span_str(cases[i].before), SPAN_LIT("K"), &out), 0,
                      cases[i].after);
    }
}

TEST(every_byte_of_the_credential_arrives)
{
    CHECK_WRITTEN(inject_query_write(&query, SPAN_EMPTY, SPAN_LIT("a&b=c d+e%f#g/h?i;j"), &out), 0,
                  "key=a%26b%3Dc%20d%2Be%25f%23g%2Fh%3Fi%3Bj");
    CHECK_WRITTEN(inject_query_write(&query, SPAN_EMPTY, SPAN_LIT("\xc3\xa9~-._"), &out), 0,
                  "key=%C3%A9~-._");
    CHECK_WRITTEN(inject_query_write(&query, SPAN_EMPTY, SPAN_LIT("a\nb"), &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_query_write(&query, SPAN_EMPTY, SPAN_EMPTY, &out), CB_EINVAL, "");
}

TEST(pairs)
{
    struct span text = SPAN_LIT("a=b=c&&d");
    struct inject_pair pair;
    CHECK(inject_query_next(&text, &pair) && span_eq_str(pair.name, "a") && span_eq_str(pair.value, "b=c"));
    CHECK(inject_query_next(&text, &pair) && pair.whole.len == 0);
    CHECK(inject_query_next(&text, &pair) && span_eq_str(pair.name, "d") && pair.value.len == 0);
    CHECK(!inject_query_next(&text, &pair));
}

TEST_MAIN()

/* test_tags.c - entity tags in If-Match and If-None-Match. */
#include "http/tags.h"

#include "support/check.h"

TEST(lists)
{
    static const struct {
        const char *value;
        int result;
        bool strong;
        bool weak;
    } table[] = {
        {"*", 0, true, true},
        {"\"a\"", 0, true, true},
        {"\"b\"", 0, false, false},
        {"W/\"a\"", 0, false, true},
        {"\"b\", \"a\"", 0, true, true},
        {"\"b\",\"a\"", 0, true, true},
        {" , \"b\"\t,,W/\"a\" ,", 0, false, true},
        {"W/\"a\", \"a\"", 0, true, true},
        {"\"a,b\"", 0, false, false},
        {"\"A\"", 0, false, false},
        {"\"\"", 0, false, false},
        {"\"\xc3\xa4\"", 0, false, false},
        {"", CB_EMALFORMED, false, false},
        {" ", CB_EMALFORMED, false, false},
        {",", CB_EMALFORMED, false, false},
        {"a", CB_EMALFORMED, false, false},
        {"\"a", CB_EMALFORMED, false, false},
        {"\"a b\"", CB_EMALFORMED, false, false},
        {"\"a\" \"b\"", CB_EMALFORMED, false, false},
        {"\"a\"x", CB_EMALFORMED, false, false},
        {"w/\"a\"", CB_EMALFORMED, false, false},
        {"W/ \"a\"", CB_EMALFORMED, false, false},
        {"*, \"a\"", CB_EMALFORMED, false, false},
        {"\"a\", *", CB_EMALFORMED, false, false},
        {"**", CB_EMALFORMED, false, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        bool has;
        bool fine = CHECK_EQ_INT(http_tags_have(span_str(table[i].value), SPAN_LIT("\"a\""), false, &has),
                                 table[i].result) &&
                    (table[i].result != 0 || CHECK_EQ_INT(has, table[i].strong)) &&
                    CHECK_EQ_INT(http_tags_have(span_str(table[i].value), SPAN_LIT("\"a\""), true, &has),
                                 table[i].result) &&
                    (table[i].result != 0 || CHECK_EQ_INT(has, table[i].weak));
        if (!fine) {
            printf("that was %s\n", table[i].value);
        }
    }
}

TEST(no_tag_is_in_no_list)
{
    bool has = true;
    CHECK_EQ_INT(http_tags_have(SPAN_LIT("\"a\", \"\""), SPAN_EMPTY, true, &has), 0);
    CHECK(!has);
}

TEST_MAIN()

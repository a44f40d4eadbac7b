/* test_placeholder.c - shapes, strength, and that the letters are drawn evenly. */
#include "policy/placeholder.h"

#include "support/check.h"

static void good(const char *shape, size_t len, const char *head, const char *tail)
{
    char a[PLACEHOLDER_MAX];
    char b[PLACEHOLDER_MAX];
    char why[128] = "";
    CHECK_EQ_INT(placeholder_shape_check(span_str(shape), why, sizeof(why)), 0);
    if (!CHECK_EQ_INT(placeholder_make(span_str(shape), a), 0) ||
        !CHECK_EQ_INT(placeholder_make(span_str(shape), b), 0)) {
        return;
    }
    CHECK_EQ_UINT(strlen(a), len);
    CHECK(span_starts(span_str(a), span_str(head)));
    CHECK(span_ends(span_str(a), span_str(tail)));
    CHECK(strcmp(a, b) != 0);
    for (size_t i = strlen(head); i < len - strlen(tail); i++) {
        CHECK((a[i] >= '0' && a[i] <= '9') || (a[i] >= 'a' && a[i] <= 'z') || (a[i] >= 'A' && a[i] <= 'Z'));
    }
}

TEST(shapes)
{
    good("{22}", 22, "", "");
    good("sk-proj-{48}", 56, "sk-proj-", "");
    good("sk-ant-api03-{93}AA", 108, "sk-ant-api03-", "AA");
    good("AIza{35}", 39, "AIza", "");
    good("{255}", 255, "", "");
    char out[PLACEHOLDER_MAX];
    CHECK_EQ_INT(placeholder_make(SPAN_LIT("xoxb-{12}-{12}-{24}"), out), 0);
    CHECK_EQ_UINT(strlen(out), 55);
    CHECK(out[17] == '-' && out[30] == '-');
    CHECK_EQ_INT(placeholder_make(SPAN_LIT("a{11}{11}b"), out), 0);
    CHECK_EQ_UINT(strlen(out), 24);
}

TEST(bad_shapes)
{
    static const char *const bad[][2] = {
        {"", "22"},
        {"sk-proj", "22"},
        {"{21}", "22"},
        {"{10}-{11}", "22"},
        {"{0}{22}", "braces"},
        {"{}{22}", "braces"},
        {"{", "braces"},
        {"{22", "braces"},
        {"a{", "braces"},
        {"}{22}", "visible"},
        {"{022}", "braces"},
        {"{+22}", "braces"},
        {"{-1}", "braces"},
        {"{22}}", "visible"},
        {"{{22}}", "braces"},
        {"{256}", "255"},
        {"{257}", "braces"},
        {"{99999999999999999999}", "braces"},
        {"a{255}", "255"},
        {"{200}{200}", "255"},
        {"a b{22}", "visible"},
        {"\"{22}", "visible"},
        {"a\\{22}", "visible"},
        {"a,{22}", "visible"},
        {"a;{22}", "visible"},
        {"\n{22}", "visible"},
        {"\xc3\xbc{22}", "visible"},
        {"'{22}", "visible"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char why[128] = "";
        char out[PLACEHOLDER_MAX] = "x";
        CHECK_EQ_INT(placeholder_shape_check(span_str(bad[i][0]), why, sizeof(why)), CB_EINVAL);
        if (!CHECK(strstr(why, bad[i][1]) != NULL)) {
            printf("    %s: %s\n", bad[i][0], why);
        }
        CHECK_EQ_INT(placeholder_make(span_str(bad[i][0]), out), CB_EINVAL);
        CHECK_EQ_STR(out, "");
    }
    char out[PLACEHOLDER_MAX];
    CHECK_EQ_INT(placeholder_make(SPAN_EMPTY, out), CB_EINVAL);
    CHECK_EQ_INT(placeholder_make(span_of("a\0{22}", 6), out), CB_EINVAL);
}

/* 62,000 letters: each of the 62 about 1,000 times. A modulo bias (4 against 5 of 256) would give 242 letters of excess
 * to eight of them; six standard deviations are 190. */
TEST(unbiased)
{
    unsigned counts[256] = {0};
    char out[PLACEHOLDER_MAX];
    for (size_t i = 0; i < 248; i++) {
        CHECK_EQ_INT(placeholder_make(SPAN_LIT("{250}"), out), 0);
        for (size_t j = 0; j < 250; j++) {
            counts[(unsigned char)out[j]]++;
        }
    }
    unsigned letters = 0;
    for (size_t c = 0; c < 256; c++) {
        letters += counts[c] != 0 ? 1 : 0;
        CHECK(counts[c] == 0 || (counts[c] > 810 && counts[c] < 1190));
    }
    CHECK_EQ_UINT(letters, 62);
}

TEST(values_that_people_bring)
{
    char made[PLACEHOLDER_MAX];
    static const char *const shapes[] = {"{22}", "sk-proj-{48}", "xoxb-{13}-{13}-{24}", "1234567890:AA{33}",
                                         "x{200}"};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        CHECK_EQ_INT(placeholder_make(span_str(shapes[i]), made), 0);
        CHECK(placeholder_is_valid(span_str(made)));
    }
    CHECK(!placeholder_is_valid(SPAN_LIT("abcdefghijklmnopqrstu"))); /* 21 */
    CHECK(!placeholder_is_valid(SPAN_LIT("---------------------------------")));
    CHECK(!placeholder_is_valid(SPAN_LIT("abcdefghijklmnopqrstuv ")));
    CHECK(!placeholder_is_valid(SPAN_LIT("abcdefghijklmnopqrstuv\n")));
    CHECK(!placeholder_is_valid(SPAN_LIT("abcdefghijklmnopqrstuv\0")));
    CHECK(!placeholder_is_valid(SPAN_LIT("abcdefghijklmnopqrstuv\xc3\xa9")));
    CHECK(!placeholder_is_valid(SPAN_EMPTY));
    char longest[PLACEHOLDER_MAX];
    memset(longest, 'a', sizeof(longest));
    CHECK(placeholder_is_valid(span_of(longest, PLACEHOLDER_MAX - 1)));
    CHECK(!placeholder_is_valid(span_of(longest, PLACEHOLDER_MAX)));
}

TEST_MAIN()

/* test_path.c - the credential in a segment of the path. */
#include "inject_test.h"

static int write_path(const char *from, struct span credential, struct buf *out)
{
    struct inject_place place;
    return inject_path_find(&path, span_str(from), &place) ? inject_path_write(&place, credential, out)
                                                           : CB_ENOTFOUND;
}

TEST(where_the_patterns_say)
{
    static const struct {
        const char *from, *to;
    } cases[] = {{"/bot" OTHER_PLACEHOLDER "/send", "/bot12:K/send"},
                 {"/bot/send", "/bot12:K/send"},
                 {"/file/botx/a/b.txt", "/file/bot12:K/a/b.txt"},
                 {"/file/bot", "/file/bot12:K"},
                 {"/file/bot/", "/file/bot12:K/"},
                 {"/x/ph", "/x/12:K"},
                 {"/in/aphz/y", "/in/a12:Kz/y"},
                 {"/in/az/y", "/in/a12:Kz/y"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_WRITTEN(write_path(cases[i].from, SPAN_LIT("12:K"), &out), 0, cases[i].to);
    }
    static const char *const none_of_them[] = {"/",   "/bot",    "/bot/sendx", "/x",
                                               "/x/", "/in/a/y", "/xbot/send"};
    for (size_t i = 0; i < sizeof(none_of_them) / sizeof(none_of_them[0]); i++) {
        CHECK_WRITTEN(write_path(none_of_them[i], SPAN_LIT("12:K"), &out), CB_ENOTFOUND, "");
    }
    struct inject_place place;
    CHECK(!inject_path_find(&bearer, SPAN_LIT("/bot/send"), &place));
}

TEST(the_credential_stays_in_its_segment)
{
    static const char *const bad[] = {"", "a/b", "a\\b", ".", "..", "..;x", "a\r\nb", "../x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_WRITTEN(write_path("/x/ph", span_str(bad[i]), &out), CB_EINVAL, "");
    }
    CHECK_WRITTEN(write_path("/x/ph", SPAN_LIT("a?b#c%d e"), &out), 0, "/x/a%3Fb%23c%25d%20e");
}

TEST(records_never_show_it)
{
    CHECK_WRITTEN(inject_shown_path(&path, SPAN_LIT("/bot" OTHER_PLACEHOLDER "/send"), &out), 0,
                  "/bot{credential}/send");
    CHECK_WRITTEN(inject_shown_path(&path, SPAN_LIT("/botstolen/send"), &out), 0, "/bot{credential}/send");
    CHECK_WRITTEN(inject_shown_path(&path, SPAN_LIT("/bot/send"), &out), 0, "/bot{credential}/send");
    CHECK_WRITTEN(inject_shown_path(&path, SPAN_LIT("/other"), &out), 0, "/other");
    CHECK_WRITTEN(inject_shown_path(&bearer, SPAN_LIT("/v1"), &out), 0, "/v1");
    CHECK_WRITTEN(inject_shown_path(NULL, SPAN_LIT("/v1"), &out), 0, "/v1");
}

TEST_MAIN()

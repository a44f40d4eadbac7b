/* test_basic.c - Basic authentication. The pairs are the ones of RFC 7617, 2, and 2.1. */
#include "inject_test.h"

TEST(a_user_of_the_route)
{
    CHECK_WRITTEN(inject_basic_write(&basic, SPAN_LIT("tok"), &out), 0,
                  "Authorization: Basic eC1hY2Nlc3MtdG9rZW46dG9r\r\n");
    /* A colon belongs to the password then. */
    CHECK_WRITTEN(inject_basic_write(&basic, SPAN_LIT("a:b"), &out), 0,
                  "Authorization: Basic eC1hY2Nlc3MtdG9rZW46YTpi\r\n");
}

TEST(a_credential_with_its_user)
{
    struct spec_route whole = basic;
    whole.user = NULL;
    CHECK_WRITTEN(inject_basic_write(&whole, SPAN_LIT("Aladdin:open sesame"), &out), 0,
                  "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    CHECK_WRITTEN(inject_basic_write(&whole, SPAN_LIT("test:123\xc2\xa3"), &out), 0,
                  "Authorization: Basic dGVzdDoxMjPCow==\r\n");
    CHECK_WRITTEN(inject_basic_write(&whole, SPAN_LIT("no-colon"), &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_basic_write(&whole, SPAN_EMPTY, &out), CB_EINVAL, "");
    CHECK_WRITTEN(inject_basic_write(&basic, SPAN_LIT("a\nb"), &out), CB_EINVAL, "");
}

TEST(no_room)
{
    for (size_t room = 0; room < 46; room++) {
        struct buf out;
        buf_init(&out, room);
        CHECK_EQ_INT(inject_basic_write(&basic, SPAN_LIT("tok"), &out), CB_ELIMIT);
        buf_deinit(&out);
    }
}

TEST(what_the_agent_may_write)
{
    static const struct {
        const char *value;
        bool holds;
    } cases[] = {{"Basic cGg=", true},      /* ph */
                 {"Basic cGg6", true},      /* ph: */
                 {"basic dTpwaA==", true},  /* u:ph */
                 {"Basic OnBo", true},      /* :ph */
                 {"Basic cGg6eA==", false}, /* ph:x */
                 {"Basic dTpwaHg=", false}, /* u:phx */
                 {"Basic dTpwaA", false},   /* no padding */
                 {"Basic", false},          {"Basic ", false}, {"Bearer ph", false}, {"Basic ph!=", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(inject_basic_holds(span_str(cases[i].value), SPAN_LIT("ph")), cases[i].holds)) {
            printf("%s\n", cases[i].value);
        }
    }
    char large[2000] = "Basic ";
    memset(large + 6, 'A', 1992);
    uint8_t bytes[INJECT_BASIC_MAX];
    struct span decoded;
    CHECK(!inject_basic_decode(span_of(large, 1998), bytes, &decoded));
}

TEST_MAIN()

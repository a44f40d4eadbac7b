/* test_verdict.c - the closed lists: complete, distinct, and safe to ask with any value. */
#include "policy/verdict.h"

#include "support/check.h"

TEST(every_reason_has_its_row)
{
    for (int i = 0; i < POLICY_REASON__COUNT; i++) {
        enum policy_reason reason = (enum policy_reason)i;
        unsigned status = policy_reason_status(reason);
        CHECK(policy_reason_name(reason)[0] != '\0');
        CHECK(policy_reason_detail(reason)[0] != '\0');
        CHECK((unsigned)policy_reason_verdict(reason) < POLICY_VERDICT__COUNT);
        CHECK(status == 200 || (status >= 400 && status <= 599));
        /* No error for Proxy-Status where nothing failed, and where nobody is left to read it. */
        CHECK_EQ_INT(policy_reason_proxy_error(reason)[0] == '\0',
                     reason == POLICY_REASON_ROUTE || reason == POLICY_REASON_CLIENT_CLOSED);
        CHECK_EQ_INT(policy_reason_verdict(reason) == POLICY_VERDICT_ALLOWED, reason == POLICY_REASON_ROUTE);
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(policy_reason_name(reason), policy_reason_name((enum policy_reason)j)) != 0);
        }
    }
}

TEST(names_are_tokens)
{
    for (int i = 0; i < POLICY_REASON__COUNT; i++) {
        for (const char *p = policy_reason_name((enum policy_reason)i); *p != '\0'; p++) {
            CHECK((*p >= 'a' && *p <= 'z') || *p == '_');
        }
        /* The detail goes into JSON and a header: nothing there needs an escape. */
        for (const char *p = policy_reason_detail((enum policy_reason)i); *p != '\0'; p++) {
            CHECK(*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\');
        }
    }
}

TEST(known_rows)
{
    CHECK_EQ_STR(policy_reason_name(POLICY_REASON_NO_ROUTE), "no_route");
    CHECK_EQ_UINT(policy_reason_status(POLICY_REASON_NO_ROUTE), 403);
    CHECK_EQ_UINT(policy_reason_status(POLICY_REASON_AUTHORITY_MISMATCH), 421);
    CHECK_EQ_UINT(policy_reason_status(POLICY_REASON_PROXY_AUTH), 407);
    CHECK_EQ_INT(policy_reason_verdict(POLICY_REASON_PLACEHOLDER_MISPLACED), POLICY_VERDICT_TRIPWIRE);
    CHECK_EQ_STR(policy_reason_proxy_error(POLICY_REASON_SPECIAL_ADDRESS), "destination_ip_prohibited");
    CHECK_EQ_STR(policy_verdict_name(POLICY_VERDICT_ALLOWED), "allowed");
    CHECK_EQ_STR(policy_verdict_name(POLICY_VERDICT_TRIPWIRE), "tripwire");
}

TEST(values_out_of_range)
{
    static const int values[] = {POLICY_REASON__COUNT, 1000, -1, INT32_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        enum policy_reason reason = (enum policy_reason)values[i];
        CHECK_EQ_STR(policy_reason_name(reason), "internal");
        CHECK_EQ_UINT(policy_reason_status(reason), 500);
        CHECK_EQ_INT(policy_reason_verdict(reason), POLICY_VERDICT_FAILED);
        CHECK_EQ_STR(policy_reason_proxy_error(reason), "proxy_internal_error");
        CHECK_EQ_STR(policy_reason_detail(reason), policy_reason_detail(POLICY_REASON_INTERNAL));
        CHECK_EQ_STR(policy_verdict_name((enum policy_verdict)values[i]), "failed");
    }
}

TEST_MAIN()

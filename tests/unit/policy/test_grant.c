/* What may be granted, and which requests are what was granted. */
#include "policy/grant.h"
#include "support/check.h"

#define NOW_MS UINT64_C(1800000000000)

static struct policy_grant grant(const char *host, const char *method, const char *path)
{
    return (struct policy_grant){.id = 17,
                                 .scheme = SPEC_SCHEME_HTTPS,
                                 .host = span_str(host),
                                 .port = 443,
                                 .method = span_str(method),
                                 .path = span_str(path),
                                 .until_ms = NOW_MS + 1000,
                                 .uses_left = POLICY_GRANT_ANY};
}

static int check(const char *host, const char *method, const char *path)
{
    char why[256] = "";
    struct policy_grant g = grant(host, method, path);
    int r = policy_grant_check(&g, why, sizeof(why));
    CHECK((r == 0) == (why[0] == '\0'));
    return r;
}

TEST(what_a_route_could_allow_may_be_granted)
{
    char long_path[SPEC_PATH_MAX + 2];
    CHECK_EQ_INT(check("a.example", "GET", "/"), 0);
    CHECK_EQ_INT(check("192.0.2.1", "M-SEARCH", "/v1/*/x/**"), 0);
    CHECK_EQ_INT(check("[2001:db8::1]", "POST", "/**"), 0);
    static const char *const hosts[] = {"",           "*.example", "A.example",    "a.example.",
                                        "a..example", "a b",       "a.example:443"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        CHECK_EQ_INT(check(hosts[i], "GET", "/"), CB_EINVAL);
    }
    static const char *const methods[] = {"",      "get", "CONNECT", "TRACE",
                                          "TRACK", "G T", "GET\n",   "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        CHECK_EQ_INT(check("a.example", methods[i], "/"), CB_EINVAL);
    }
    static const char *const paths[] = {"", "x", "/a/../b", "/a//b", "/%2e", "/a?b", "/a b", "/**/x"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CHECK_EQ_INT(check("a.example", "GET", paths[i]), CB_EINVAL);
    }
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[SPEC_PATH_MAX] = '\0';
    CHECK_EQ_INT(check("a.example", "GET", long_path), 0);
    long_path[SPEC_PATH_MAX] = 'a';
    long_path[SPEC_PATH_MAX + 1] = '\0';
    CHECK_EQ_INT(check("a.example", "GET", long_path), CB_EINVAL);
    char why[64];
    struct policy_grant g = grant("a.example", "GET", "/");
    g.port = 0;
    CHECK_EQ_INT(policy_grant_check(&g, why, sizeof(why)), CB_EINVAL);
    g.port = 443;
    g.scheme = SPEC_SCHEME__COUNT;
    CHECK_EQ_INT(policy_grant_check(&g, why, sizeof(why)), CB_EINVAL);
    g.scheme = SPEC_SCHEME_HTTPS;
    g.websocket = true;
    CHECK_EQ_INT(policy_grant_check(&g, why, sizeof(why)), 0);
    g.method = SPAN_LIT("POST");
    CHECK_EQ_INT(policy_grant_check(&g, why, sizeof(why)), CB_EINVAL);
}

TEST(a_request_is_what_was_granted_in_every_part_of_it)
{
    struct policy_grant g = grant("a.example", "POST", "/v1/*");
    const struct policy_query same = {.scheme = SPEC_SCHEME_HTTPS,
                                      .host = SPAN_LIT("a.example"),
                                      .port = 443,
                                      .method = SPAN_LIT("POST"),
                                      .path = SPAN_LIT("/v1/x")};
    CHECK(policy_grant_matches(&g, &same, NOW_MS));
    struct policy_query other = same;
    other.scheme = SPEC_SCHEME_HTTP;
    CHECK(!policy_grant_matches(&g, &other, NOW_MS));
    other = same;
    other.host = SPAN_LIT("x.a.example");
    CHECK(!policy_grant_matches(&g, &other, NOW_MS));
    other = same;
    other.port = 8443;
    CHECK(!policy_grant_matches(&g, &other, NOW_MS));
    other = same;
    other.method = SPAN_LIT("post");
    CHECK(!policy_grant_matches(&g, &other, NOW_MS));
    other = same;
    other.path = SPAN_LIT("/v1/x/y");
    CHECK(!policy_grant_matches(&g, &other, NOW_MS));
}

TEST(it_ends_by_the_clock_and_by_its_use)
{
    struct policy_grant g = grant("a.example", "GET", "/");
    const struct policy_query q = {
        .host = SPAN_LIT("a.example"), .port = 443, .method = SPAN_LIT("GET"), .path = SPAN_LIT("/")};
    CHECK(policy_grant_matches(&g, &q, NOW_MS + 999));
    CHECK(!policy_grant_matches(&g, &q, NOW_MS + 1000));
    g.uses_left = 1;
    CHECK(policy_grant_matches(&g, &q, NOW_MS));
    g.uses_left = 0;
    CHECK(!policy_grant_matches(&g, &q, NOW_MS));
}

/* Whatever the specification decides, it decides alone. */
TEST(only_where_no_route_decides_may_a_grant)
{
    unsigned count = 0;
    for (unsigned i = 0; i < POLICY_REASON__COUNT; i++) {
        count += policy_grant_may((enum policy_reason)i) ? 1 : 0;
    }
    CHECK_EQ_UINT(count, 5);
    CHECK(policy_grant_may(POLICY_REASON_NO_ROUTE) && policy_grant_may(POLICY_REASON_NO_ROUTE_PATH));
    CHECK(!policy_grant_may(POLICY_REASON_ROUTE) && !policy_grant_may(POLICY_REASON_ROUTE_DENIES) &&
          !policy_grant_may(POLICY_REASON_KUBERNETES_RULE) && !policy_grant_may(POLICY_REASON_METHOD_NEVER) &&
          !policy_grant_may(POLICY_REASON_FOREIGN_CREDENTIAL));
}

TEST(its_name_is_no_routes)
{
    char name[POLICY_GRANT_NAME_SIZE];
    policy_grant_name(UINT64_MAX, name);
    CHECK_EQ_STR(name, "grant:18446744073709551615");
    CHECK(!spec_name_valid(span_str(name)));
}

TEST_MAIN()

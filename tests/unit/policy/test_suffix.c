/* test_suffix.c - the tables are in order, and the rules mean what their comment says. */
#include "policy/suffix.h"

#include "policy/host.h"
#include "support/check.h"

TEST(tables_are_sorted_and_canonical)
{
    size_t total = 0;
    for (int deep = 0; deep <= 1; deep++) {
        const char *before = "";
        for (size_t i = 0; policy_suffix_at(i, deep != 0) != NULL; i++, total++) {
            const char *suffix = policy_suffix_at(i, deep != 0);
            struct policy_host host;
            CHECK(strcmp(before, suffix) < 0);
            CHECK_EQ_INT(policy_host_parse(span_str(suffix), &host), 0);
            CHECK_EQ_STR(host.text, suffix);
            CHECK(strchr(suffix, '.') != NULL);
            CHECK(policy_suffix_is_public(span_str(suffix)));
            before = suffix;
        }
    }
    CHECK(total >= 150);
}

TEST(rules)
{
    static const char *const yes[] = {
        "com",
        "io",
        "localhost",
        "co.uk",
        "com.au",
        "co.jp",
        "com.br",
        "ac.nz",
        "gov.uk",
        "or.at",
        "go.kr",
        "github.io",
        "windows.net",
        "core.windows.net",
        "blob.core.windows.net",
        "azure.com",
        "s3.amazonaws.com",
        "s3.eu-west-1.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "a.run.app",
        "lambda-url.us-east-1.on.aws",
        "10-0-0-1.nip.io",
        "nyc3.digitaloceanspaces.com",
        "openai.azure.com",
        "googleapis.com",
        "",
    };
    static const char *const no[] = {
        "example.com",
        "openai.com",
        "t.co",
        "g.co",
        "id.me",
        "go.com",
        "user.github.io",
        "account.blob.core.windows.net",
        "example.co.uk",
        "google.com",
        "xgithub.io",
        "github.io.example.com",
        "cluster.local",
        "x.co.example",
        "name.openai.azure.com",
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!CHECK(policy_suffix_is_public(span_str(yes[i])))) {
            printf("    %s\n", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (!CHECK(!policy_suffix_is_public(span_str(no[i])))) {
            printf("    %s\n", no[i]);
        }
    }
}

/* Whoever runs a platform has a certificate for everything below its suffix; nobody has one below a registry's. */
TEST(registries)
{
    CHECK(policy_suffix_is_registry(SPAN_LIT("com")));
    CHECK(policy_suffix_is_registry(SPAN_LIT("co.uk")));
    CHECK(policy_suffix_is_registry(SPAN_LIT("com.au")));
    CHECK(policy_suffix_is_registry(SPAN_EMPTY));
    CHECK(!policy_suffix_is_registry(SPAN_LIT("openai.azure.com")));
    CHECK(!policy_suffix_is_registry(SPAN_LIT("s3.amazonaws.com")));
    CHECK(!policy_suffix_is_registry(SPAN_LIT("github.io")));
    CHECK(!policy_suffix_is_registry(SPAN_LIT("example.co.uk")));
}

TEST_MAIN()

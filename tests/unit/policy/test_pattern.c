/* test_pattern.c - hosts of a configuration: what passes, and that a refusal says what would be right. */
#include "policy/host.h"

#include "support/check.h"

static void good(const char *text)
{
    char why[256] = "";
    if (!CHECK_EQ_INT(policy_host_pattern_check(span_str(text), why, sizeof(why)), 0)) {
        printf("    %s: %s\n", text, why);
    }
}

/* The message has to contain `part`, nothing unprintable, and its full text. */
static void bad(const char *text, const char *part)
{
    char why[256] = "";
    if (!CHECK_EQ_INT(policy_host_pattern_check(span_str(text), why, sizeof(why)), CB_EINVAL)) {
        printf("    accepted: %s\n", text);
        return;
    }
    if (!CHECK(strstr(why, part) != NULL)) {
        printf("    %s: \"%s\" does not say \"%s\"\n", text, why, part);
    }
    CHECK(strlen(why) < sizeof(why) - 1);
    for (const char *p = why; *p != '\0'; p++) {
        CHECK(*p >= ' ' && *p <= '~');
    }
}

TEST(canonical)
{
    good("api.openai.com");
    good("*.example.com");
    good("*.example.co.uk");
    good("*.my-bucket.github.io");
    good("github.io");
    good("localhost");
    good("192.0.2.1");
    good("[2001:db8::1]");
    good("xn--bcher-kva.example");
    good("*.xn--bcher-kva.example");
    good("*.svc.cluster.local");
    good("*.t.co");
}

TEST(suggestions)
{
    bad("API.OpenAI.com", "write \"api.openai.com\"");
    bad("*.Example.com", "write \"*.example.com\"");
    bad("api.openai.com.", "write \"api.openai.com\"");
    bad("*.example.com.", "write \"*.example.com\"");
    bad("API.example.com.", "write \"api.example.com\"");
    bad("b\xc3\xbc"
        "cher.example",
        "write \"xn--bcher-kva.example\"");
    bad("*.B\xc3\xbc"
        "cher.example",
        "write \"*.xn--bcher-kva.example\"");
    bad("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
        "write \"xn--e1afmkfd.xn--p1ai\"");
    bad("https://api.openai.com/v1", "write \"api.openai.com\"");
    bad("https://api.openai.com:8443", "write \"api.openai.com\"");
    bad("http://", "the host name alone");
    bad("https://user@host/", "the host name alone");
    bad("api.openai.com:8443", "write \"api.openai.com\" and port 8443");
    bad("[::1]:80", "write \"[::1]\" and port 80");
    bad(".example.com", "\"*.example.com\"");
    bad("2001:db8::1", "write \"[2001:db8::1]\"");
    bad("::1", "write \"[::1]\"");
    bad("[2001:DB8:0::1]", "write \"[2001:db8::1]\"");
    bad("[::ffff:102:304]", "write \"[::ffff:1.2.3.4]\"");
    bad("example.com/v1", "a path does not belong here");
}

TEST(refused)
{
    bad("", "needed");
    bad("*", "*.example.com");
    bad("*.", "*.example.com");
    bad("*.*.example.com", "whole labels in front");
    bad("api.*.example.com", "whole labels in front");
    bad("api*.example.com", "whole labels in front");
    bad("*api.example.com", "whole labels in front");
    bad("127.1", "four numbers");
    bad("0x7f.0.0.1", "four numbers");
    bad("2130706433", "four numbers");
    bad("010.0.0.1", "four numbers");
    bad("a.0X1", "four numbers");
    bad("*.1.2.3.4", "no names below");
    bad("*.[::1]", "no names below");
    bad("a..b", "not a host name");
    bad("-a.example", "not a host name");
    bad("a b.example", "not a host name");
    bad("a\x01\x1b[31m", "not a host name");
    bad("a%2e.example", "not a host name");
    /* Characters that IDNA maps to others, and bytes that are not UTF-8, get no guess. */
    bad("B\xc3\x9c"
        "CHER.example",
        "A-labels");
    bad("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "A-labels");
    bad("127\xe3\x80\x82"
        "0\xe3\x80\x82"
        "0\xe3\x80\x82"
        "1",
        "A-labels");
    bad("a\xff.example", "A-labels");
    bad("a\xed\xa0\x80.example", "A-labels");
    char why[8];
    CHECK_EQ_INT(policy_host_pattern_check(SPAN_LIT("API.openai.com"), why, sizeof(why)), CB_EINVAL);
    CHECK_EQ_UINT(strlen(why), 7);
}

TEST(long_texts)
{
    char text[5000];
    char why[256];
    for (size_t len = 1; len < sizeof(text); len = len * 3 / 2 + 1) {
        static const char fills[] = "a.:[*\xc3/%";
        for (size_t f = 0; f < sizeof(fills) - 1; f++) {
            memset(text, fills[f], len);
            why[0] = '\0';
            int r = policy_host_pattern_check(span_of(text, len), why, sizeof(why));
            CHECK_EQ_INT(r == 0, fills[f] == 'a' && len <= 63);
            CHECK_EQ_INT(why[0] != '\0', r != 0);
        }
    }
}

TEST(public_suffixes)
{
    static const char *const suffixes[] = {
        "com",       "uk",          "co.uk",         "com.au",      "github.io",
        "pages.dev", "workers.dev", "amazonaws.com", "windows.net", "blob.core.windows.net",
        "run.app",   "dev"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char pattern[64];
        (void)snprintf(pattern, sizeof(pattern), "*.%s", suffixes[i]);
        bad(pattern, suffixes[i]);
        bad(pattern, "public suffix");
        good(suffixes[i]);
    }
}

TEST_MAIN()

/* test_glob.c - path patterns: check, matching, specificity, overlap (the last against brute force). */
#include "policy/glob.h"

#include <stdlib.h>
#include <time.h>

#include "policy/path.h"
#include "policy/spec.h"
#include "support/check.h"

TEST(patterns_accepted)
{
    static const char *const good[] = {
        "/",        "/v1",
        "/v1/",     "/v1/chat/completions",
        "/v1/**",   "/**",
        "/*",       "/v1/*",
        "/v1/*/x",  "/bot*/sendMessage",
        "/*a*b*/c", "/v1/*.json",
        "/a:b",     "/a%3Ab",
        "/%2A",     "/v1beta/models/*:generateContent",
        "/*/*/**",  "/a/*/",
    };
    char why[256];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!CHECK_EQ_INT(policy_path_pattern_check(span_str(good[i]), why, sizeof(why)), 0)) {
            printf("    %s: %s\n", good[i], why);
        }
    }
}

TEST(patterns_refused)
{
    static const char *const bad[][2] = {
        {"", "starts with"},
        {"v1", "starts with"},
        {"*", "starts with"},
        {"**", "starts with"},
        {"https://x/v1", "starts with"},
        {"/v1/./x", "write \"/v1/x\""},
        {"/v1/../x", "write \"/x\""},
        {"/%61", "write \"/a\""},
        {"/a%3ab", "write \"/a%3Ab\""},
        {"/%7Euser", "write \"/~user\""},
        {"/v1?x=1", "write \"/v1\""},
        {"/v1?", "write \"/v1\""},
        {"/..", "not a path"},
        {"//", "not a path"},
        {"/v1//x", "not a path"},
        {"/a b", "not a path"},
        {"/a#b", "not a path"},
        {"/a%2Fb", "not a path"},
        {"/a\\b", "not a path"},
        {"/a%", "not a path"},
        {"/\xc3\xbc", "not a path"},
        {"/..;x", "not a path"},
        {"/**/x", "last segment"},
        {"/a/**/b", "last segment"},
        {"/**/", "last segment"},
        {"/a**", "whole segment"},
        {"/**a", "whole segment"},
        {"/***", "whole segment"},
        {"/a/b**c/d", "whole segment"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char why[256] = "";
        CHECK_EQ_INT(policy_path_pattern_check(span_str(bad[i][0]), why, sizeof(why)), CB_EINVAL);
        if (!CHECK(strstr(why, bad[i][1]) != NULL)) {
            printf("    %s: %s\n", bad[i][0], why);
        }
    }
    char pattern[SPEC_PATH_MAX + 2];
    char why[64];
    memset(pattern, 'a', sizeof(pattern));
    pattern[0] = '/';
    CHECK_EQ_INT(policy_path_pattern_check(span_of(pattern, SPEC_PATH_MAX), why, sizeof(why)), 0);
    CHECK_EQ_INT(policy_path_pattern_check(span_of(pattern, SPEC_PATH_MAX + 1), why, sizeof(why)), CB_EINVAL);
    CHECK(strstr(why, "1024") != NULL);
}

TEST(matching)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {
        {"/", "/", true},
        {"/", "/a", false},
        {"/v1", "/v1", true},
        {"/v1", "/v1/", false},
        {"/v1", "/v1x", false},
        {"/v1", "/V1", false},
        {"/v1/", "/v1", false},
        {"/v1/", "/v1/", true},
        {"/v1/**", "/v1", true},
        {"/v1/**", "/v1/", true},
        {"/v1/**", "/v1/x", true},
        {"/v1/**", "/v1/x/y/z", true},
        {"/v1/**", "/v1x", false},
        {"/v1/**", "/v2", false},
        {"/v1/**", "/", false},
        {"/**", "/", true},
        {"/**", "/a/b", true},
        {"/*", "/", false},
        {"/*", "/a", true},
        {"/*", "/a/", false},
        {"/*", "/a/b", false},
        {"/v1/*", "/v1/", false},
        {"/v1/*", "/v1/x", true},
        {"/v1/*", "/v1/x/y", false},
        {"/v1/*/x", "/v1/a/x", true},
        {"/v1/*/x", "/v1//x", false},
        {"/v1/*/x", "/v1/x", false},
        {"/v1/*/x", "/v1/a/b/x", false},
        {"/bot*/sendMessage", "/bot123/sendMessage", true},
        {"/bot*/sendMessage", "/bot/sendMessage", true},
        {"/bot*/sendMessage", "/xbot1/sendMessage", false},
        {"/bot*/sendMessage", "/bot1/sendmessage", false},
        {"/bot*/sendMessage", "/bot1/x/sendMessage", false},
        {"/*.json", "/a.json", true},
        {"/*.json", "/.json", true},
        {"/*.json", "/a.jsonx", false},
        {"/*.json", "/a.json.json", true},
        {"/a*b*c", "/abc", true},
        {"/a*b*c", "/axxbyyc", true},
        {"/a*b*c", "/acb", false},
        {"/a*b*c", "/abbc", true},
        {"/a*b*c", "/ab", false},
        {"/*a*", "/a", true},
        {"/*a*", "/xay", true},
        {"/*a*", "/xy", false},
        {"/*/**", "/", false},
        {"/*/**", "/a", true},
        {"/*/**", "/a/", true},
        {"/m/*:generate", "/m/x:generate", true},
        {"/m/*:generate", "/m/x%3Agenerate", false},
        {"/%2A", "/x", false},
        {"/%2A", "/%2A", true},
        {"/a", "/a/b", false},
        {"/a/b", "/a", false},
        {"/*b", "/ab/b", false},
        {"/*0", "/%C0", false},
        {"/*%C0", "/a%C0", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(policy_path_matches(span_str(cases[i].pattern), span_str(cases[i].path)),
                          cases[i].matches)) {
            printf("    %s on %s\n", cases[i].pattern, cases[i].path);
        }
    }
    CHECK(!policy_path_matches(SPAN_LIT("/a"), SPAN_EMPTY));
}

TEST(decoded_matching)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {
        {"/m/*:delete", "/m/x%3Adelete", true},
        {"/m/*:delete", "/m/x:delete", true},
        {"/m/*:delete", "/m/x%3Ddelete", false},
        {"/m/*%3Adelete", "/m/x:delete", true},
        {"/a@b", "/a%40b", true},
        {"/a%40b", "/a@b", true},
        {"/%2A", "/*", true},
        {"/%2A", "/x", false},
        {"/%25", "/%25", true},
        {"/%253A", "/:", false},
        {"/:", "/%253A", false},
        {"/a*", "/a%20%20", true},
        {"/a*:", "/a%3B", false},
        {"/a/**", "/a/%3A", true},
        {"/a", "/b", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(policy_glob_matches_decoded(span_str(cases[i].pattern), span_str(cases[i].path)),
                          cases[i].matches)) {
            printf("    %s on %s\n", cases[i].pattern, cases[i].path);
        }
    }
}

TEST(rank)
{
    /* Each is more specific than the one after it. */
    static const char *const order[] = {
        "/v1/chat/completions",
        "/v1/chat/comp",
        "/v1/chat/",
        "/v1/*/completions",
        "/v1/chat",
        "/v1/chat/*",
        "/v1/chat/**",
        "/v1/c*",
        "/v1/*",
        "/v1/**",
        "/",
        "/completions*",
        "/*a*",
        "/*",
        "/**",
    };
    const size_t count = sizeof(order) / sizeof(order[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct policy_glob_rank a = policy_glob_rank(span_str(order[i]));
            struct policy_glob_rank b = policy_glob_rank(span_str(order[j]));
            int got = policy_glob_rank_compare(&a, &b);
            if (!CHECK_EQ_INT((got > 0) - (got < 0), (i > j) - (i < j))) {
                printf("    %s and %s\n", order[i], order[j]);
            }
        }
    }
    struct policy_glob_rank every = policy_glob_rank(SPAN_EMPTY);
    struct policy_glob_rank deep = policy_glob_rank(SPAN_LIT("/**"));
    CHECK_EQ_INT(policy_glob_rank_compare(&every, &deep), 0);
}

/* Every pattern and every path of up to two segments over a small alphabet: policy_glob_overlap() says yes exactly when
 * some path is matched by both. */
TEST(overlap_is_exact)
{
    static const char *const segments[] = {"",   "a",  "b",   "ab",  "*",   "a*",
                                           "*a", "*b", "a*b", "b*a", "*a*", "**"};
    static char patterns[200][16];
    static char paths[1000][16];
    size_t pattern_count = 0;
    size_t path_count = 0;
    char why[256];
    for (size_t i = 0; i < 12; i++) {
        (void)snprintf(patterns[pattern_count], 16, "/%s", segments[i]);
        pattern_count +=
            policy_path_pattern_check(span_str(patterns[pattern_count]), why, sizeof(why)) == 0 ? 1 : 0;
        for (size_t j = 0; j < 12; j++) {
            (void)snprintf(patterns[pattern_count], 16, "/%s/%s", segments[i], segments[j]);
            pattern_count +=
                policy_path_pattern_check(span_str(patterns[pattern_count]), why, sizeof(why)) == 0 ? 1 : 0;
        }
    }
    /* Segments of up to four letters from {a, b}, and the empty one. */
    static const char *const words[] = {"",    "a",   "b",   "aa",  "ab",  "ba",   "bb",   "aab",  "aba",
                                        "bab", "abb", "baa", "aaa", "bbb", "abab", "baba", "abba", "baab"};
    for (size_t i = 0; i < 18; i++) {
        (void)snprintf(paths[path_count++], 16, "/%s", words[i]);
        for (size_t j = 0; words[i][0] != '\0' && j < 18; j++) {
            (void)snprintf(paths[path_count++], 16, "/%s/%s", words[i], words[j]);
        }
    }
    CHECK(pattern_count > 120);
    for (size_t i = 0; i < pattern_count; i++) {
        for (size_t j = 0; j < pattern_count; j++) {
            bool both = false;
            for (size_t k = 0; !both && k < path_count; k++) {
                both = policy_path_matches(span_str(patterns[i]), span_str(paths[k])) &&
                       policy_path_matches(span_str(patterns[j]), span_str(paths[k]));
            }
            if (policy_glob_overlap(span_str(patterns[i]), span_str(patterns[j])) != both) {
                CHECK_EQ_STR(patterns[i], patterns[j]);
            }
        }
    }
    CHECK(policy_glob_overlap(SPAN_EMPTY, SPAN_LIT("/a")));
    CHECK(policy_glob_overlap(SPAN_LIT("/a"), SPAN_EMPTY));
}

TEST(hostile_paths_are_bounded)
{
    char pattern[SPEC_PATH_MAX];
    static char path[16384];
    memset(pattern, 'a', sizeof(pattern));
    pattern[0] = '/';
    for (size_t i = 1; i < sizeof(pattern) - 1; i += 2) {
        pattern[i] = '*';
    }
    pattern[sizeof(pattern) - 1] = 'b';
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    clock_t before = clock();
    CHECK(!policy_path_matches(span_of(pattern, sizeof(pattern)), span_of(path, sizeof(path))));
    CHECK(!policy_glob_matches_decoded(span_of(pattern, sizeof(pattern)), span_of(path, sizeof(path))));
    CHECK((double)(clock() - before) / (double)CLOCKS_PER_SEC < 5.0);
}

TEST_MAIN()

/* test_path.c - request targets: canonical forms, refusals, and time that hostile paths cannot stretch. */
#include "policy/path.h"

#include <stdlib.h>
#include <time.h>

#include "support/check.h"

static void becomes(const char *target, const char *path, const char *query)
{
    struct buf out;
    struct span q = SPAN_LIT("unset");
    bool has_query = false;
    buf_init(&out, 4096);
    if (!CHECK_EQ_INT(policy_path_parse(span_str(target), &out, &q, &has_query), 0)) {
        printf("    refused: %s\n", target);
    } else {
        CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), path, strlen(path));
        CHECK_EQ_INT(has_query, query != NULL);
        CHECK_EQ_BYTES(q.ptr != NULL ? (const char *)q.ptr : "", q.len, query != NULL ? query : "",
                       query != NULL ? strlen(query) : 0);
        /* Canonical means that a second pass changes nothing. */
        struct buf again;
        buf_init(&again, 4096);
        CHECK_EQ_INT(policy_path_parse(buf_span(&out), &again, &q, &has_query), 0);
        CHECK(span_eq(buf_span(&out), buf_span(&again)));
        buf_deinit(&again);
    }
    buf_deinit(&out);
}

static void refuses_bytes(const char *target, size_t len)
{
    struct buf out;
    struct span q;
    bool has_query;
    buf_init(&out, 4096);
    CHECK_EQ_INT(buf_append_str(&out, "before"), 0);
    if (!CHECK_EQ_INT(policy_path_parse(span_of(target, len), &out, &q, &has_query), CB_EMALFORMED)) {
        printf("    accepted: %.*s\n", (int)len, target);
    }
    CHECK(span_eq_str(buf_span(&out), "before"));
    buf_deinit(&out);
}

static void refuses(const char *target)
{
    refuses_bytes(target, strlen(target));
}

TEST(canonical)
{
    becomes("/", "/", NULL);
    becomes("/v1", "/v1", NULL);
    becomes("/v1/", "/v1/", NULL);
    becomes("/v1/chat/completions", "/v1/chat/completions", NULL);
    becomes("/~user/a-b_c.d", "/~user/a-b_c.d", NULL);
    becomes("/a:b@c!$&'()*+,;=d", "/a:b@c!$&'()*+,;=d", NULL);
    becomes("/a|b^c`d{e}\"<f>[g]", "/a|b^c`d{e}\"<f>[g]", NULL);
    becomes("/V1/x", "/V1/x", NULL);
    becomes("/...", "/...", NULL);
    becomes("/.hidden/..also/a../b.", "/.hidden/..also/a../b.", NULL);
}

TEST(escapes)
{
    becomes("/%61%62%63", "/abc", NULL);
    becomes("/%41%7a%30%2D%2e%5F%7E", "/Az0-._~", NULL);
    becomes("/a%3ab", "/a%3Ab", NULL);
    becomes("/a%20b", "/a%20b", NULL);
    becomes("/%252e%252e/x", "/%252e%252e/x", NULL);
    becomes("/%25252e", "/%25252e", NULL);
    becomes("/%2525", "/%2525", NULL);
    becomes("/%c0%ae%c0%ae/admin", "/%C0%AE%C0%AE/admin", NULL);
    becomes("/%e0%80%af", "/%E0%80%AF", NULL);
    becomes("/%ff%80", "/%FF%80", NULL);
    becomes("/%3f%23", "/%3F%23", NULL);
    becomes("/%2a", "/%2A", NULL);
}

TEST(dot_segments)
{
    becomes("/.", "/", NULL);
    becomes("/./", "/", NULL);
    becomes("/./a", "/a", NULL);
    becomes("/a/.", "/a/", NULL);
    becomes("/a/./b", "/a/b", NULL);
    becomes("/a/..", "/", NULL);
    becomes("/a/../", "/", NULL);
    becomes("/a/../b", "/b", NULL);
    becomes("/v1/../admin", "/admin", NULL);
    becomes("/v1/%2e%2e/admin", "/admin", NULL);
    becomes("/v1/%2E%2E/admin", "/admin", NULL);
    becomes("/v1/.%2e/admin", "/admin", NULL);
    becomes("/v1/%2e/admin", "/v1/admin", NULL);
    becomes("/a/b/c/./../../g", "/a/g", NULL);
    becomes("/a/b/..", "/a/", NULL);
    becomes("/a/b/../", "/a/", NULL);
    becomes("/a/b/../..", "/", NULL);
    becomes("/a/b/../../c/..", "/", NULL);
    becomes("/a/.../b", "/a/.../b", NULL);
    refuses("/..");
    refuses("/../");
    refuses("/../a");
    refuses("/./../a");
    refuses("/a/../..");
    refuses("/a/../../b");
    refuses("/%2e%2e/a");
    refuses("/a/b/../../../c/d");
}

TEST(disguised_dots)
{
    static const char *const bad[] = {
        "/v1/..;/admin",     "/v1/..;jsessionid=x/admin",
        "/v1/%2e%2e;/admin", "/v1/..%3b/admin",
        "/v1/..%3B/admin",   "/v1/.;/admin",
        "/v1/.;a",           "/v1/..;",
        "/v1/%2e;x",         "/.;",
        "/..;a=b",           "/.%2e%3bx/y",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i]);
    }
    becomes("/a;x=1/b", "/a;x=1/b", NULL);
    becomes("/...;x", "/...;x", NULL);
    becomes("/.a;x", "/.a;x", NULL);
}

TEST(refused)
{
    static const char *const bad[] = {
        "",
        "a",
        "*",
        "v1/x",
        "?a",
        "http://evil.test/",
        "//",
        "//admin",
        "///v1/x",
        "/v1//x",
        "/v1//",
        "/v1/x//",
        "//evil.test/v1/x",
        "/a//../b",
        "/./%2e//a",
        "/a%2fb",
        "/a%2Fb",
        "/v1/%2e%2e%2fadmin",
        "/..%2f",
        "/a%5cb",
        "/a%5Cb",
        "/v1/..%5cadmin",
        "/v1/..\\admin",
        "/v1\\..\\admin",
        "/\\",
        "/a\\b",
        "/x%00y",
        "/%0d%0aX:1",
        "/%0a",
        "/%09",
        "/%1f",
        "/%7f",
        "/%7F",
        "/a b",
        "/a\tb",
        "/a\r\nb",
        "/a\x7f",
        "/a\x80",
        "/a\xff",
        "/\xc3\xbc",
        "/a#b",
        "/a#",
        "/#",
        "/v1/x#/../../admin",
        "/%",
        "/%4",
        "/%zz",
        "/%4z",
        "/%z4",
        "/a%",
        "/a%2",
        "/%u002e%u002e/admin",
        "/%%41",
        "/%-1",
        "/%+1",
        "/% 1",
        "/a?b#c",
        "/a?#",
        "/a?b c",
        "/a?b\tc",
        "/a?\r\n",
        "/a?\x7f",
        "/a?\xc3\xbc",
        "/a?b\x01",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i]);
    }
    refuses_bytes("/a\0b", 4);
    refuses_bytes("/a\0", 3);
    refuses_bytes("/a?\0", 4);
}

TEST(every_byte_raw_and_escaped)
{
    for (unsigned c = 0; c < 256; c++) {
        char raw[] = "/a?b";
        char escaped[8];
        struct buf out;
        struct span q;
        bool has_query;
        buf_init(&out, 64);
        raw[2] = (char)c;
        bool good = c > 0x20 && c < 0x7f && c != '#' && c != '\\' && c != '%';
        CHECK_EQ_INT(policy_path_parse(span_of(raw, 4), &out, &q, &has_query) == 0, good);
        buf_reset(&out);
        (void)snprintf(escaped, sizeof(escaped), "/a%%%02xb", c);
        good = c >= 0x20 && c != 0x7f && c != '/' && c != '\\';
        if (CHECK_EQ_INT(policy_path_parse(span_str(escaped), &out, &q, &has_query) == 0, good) && good) {
            bool unreserved = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c < 128 && strchr("-._~", (int)c) != NULL);
            CHECK_EQ_UINT(buf_len(&out), unreserved ? 4 : 6);
        }
        buf_deinit(&out);
    }
}

TEST(queries)
{
    becomes("/x?", "/x", "");
    becomes("/x?a=b&c=d", "/x", "a=b&c=d");
    becomes("/x??", "/x", "?");
    becomes("/x?a/../b//c%2f%zz%", "/x", "a/../b//c%2f%zz%");
    becomes("/?\\|{}", "/", "\\|{}");
    becomes("/a/..?x", "/", "x");
}

TEST(limits)
{
    struct buf out;
    struct span q;
    bool has_query;
    buf_init(&out, 8);
    CHECK_EQ_INT(policy_path_parse(SPAN_LIT("/1234567"), &out, &q, &has_query), 0);
    CHECK_EQ_UINT(buf_len(&out), 8);
    buf_reset(&out);
    CHECK_EQ_INT(policy_path_parse(SPAN_LIT("/12345678"), &out, &q, &has_query), CB_ELIMIT);
    CHECK_EQ_UINT(buf_len(&out), 0);
    CHECK_EQ_INT(policy_path_parse(SPAN_LIT("/1234567?a-query-that-is-long"), &out, &q, &has_query), 0);
    buf_deinit(&out);
}

/* A megabyte of each of these takes about as long as a megabyte of letters. */
TEST(hostile_paths_are_linear)
{
    static const struct {
        const char *unit;
        const char *start;
        bool good;
    } cases[] = {{"a", "/", true},         {"../", "/", false}, {"%2e%2e/", "/", false}, {"a/../", "/", true},
                 {"./", "/", true},        {"a/", "/", true},   {"%61", "/", true},      {"%2e", "/", true},
                 {"/a/b/../..", "", true}, {"/", "/", false},   {"..;/", "/", false},    {"%c3", "/", true}};
    size_t size = (size_t)1 << 20;
    char *target = malloc(size);
    struct buf out;
    struct span q;
    bool has_query;
    buf_init(&out, size);
    if (!CHECK(target != NULL)) {
        return;
    }
    clock_t before = clock();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t unit = strlen(cases[i].unit);
        size_t len = strlen(cases[i].start);
        memcpy(target, cases[i].start, len);
        while (len + unit <= size) {
            memcpy(target + len, cases[i].unit, unit);
            len += unit;
        }
        buf_reset(&out);
        int r = policy_path_parse(span_of(target, len), &out, &q, &has_query);
        if (!CHECK_EQ_INT(r, cases[i].good ? 0 : CB_EMALFORMED)) {
            printf("    %s%s...\n", cases[i].start, cases[i].unit);
        }
    }
    /* 12 MiB in all: a quadratic walk would need hours of processor time, so a generous bound still tells. */
    CHECK((double)(clock() - before) / (double)CLOCKS_PER_SEC < 5.0);
    free(target);
    buf_deinit(&out);
}

/* All short targets over the interesting bytes: a result is canonical and stays so, and nothing crashes. */
TEST(all_short_targets)
{
    static const char alphabet[] = "/.%2e;a?5cf";
    const size_t base = sizeof(alphabet) - 1;
    char target[8] = "/";
    unsigned accepted = 0;
    for (size_t n = 0; n < base * base * base * base * base; n++) {
        size_t rest = n;
        for (size_t i = 1; i <= 5; i++, rest /= base) {
            target[i] = alphabet[rest % base];
        }
        struct buf out;
        struct span q;
        bool has_query;
        buf_init(&out, 64);
        if (policy_path_parse(span_of(target, 6), &out, &q, &has_query) == 0) {
            struct span s = buf_span(&out);
            accepted++;
            bool clean = s.len >= 1 && s.ptr[0] == '/' && memmem(s.ptr, s.len, "//", 2) == NULL &&
                         memmem(s.ptr, s.len, "/./", 3) == NULL && memmem(s.ptr, s.len, "/../", 4) == NULL &&
                         memmem(s.ptr, s.len, "/..;", 4) == NULL && !span_ends(s, SPAN_LIT("/..")) &&
                         !span_ends(s, SPAN_LIT("/.")) && memmem(s.ptr, s.len, "%2", 2) != s.ptr;
            if (!clean) {
                CHECK_EQ_STR(target, "a canonical path");
            }
            struct buf again;
            buf_init(&again, 64);
            if (policy_path_parse(s, &again, &q, &has_query) != 0 || !span_eq(s, buf_span(&again))) {
                CHECK_EQ_STR(target, "a fixed point");
            }
            buf_deinit(&again);
        }
        buf_deinit(&out);
    }
    CHECK(accepted > 10000);
}

TEST_MAIN()

/*
 * check.h - a small unit test helper, header only.
 *
 *     #include "support/check.h"
 *
 *     TEST(numbers_add_up) {
 *         CHECK(1 + 1 == 2);
 *         CHECK_EQ_INT(add(1, 1), 2);
 *     }
 *
 *     TEST_MAIN()
 *
 * A test has passed when it returned and none of its checks failed. A failed check prints one line with file, line and
 * both values, and the test goes on; every check is an expression of type bool, so a test that cannot go on says
 * `if (!CHECK(p != NULL)) return;`. Values are given as (what came out, what should have).
 *
 * `program` runs all, `program PART` the tests whose name contains PART, `-v` before it prints the names as they run,
 * `-l` lists them. The last line is `N passed, N failed, N skipped`; the exit code is 1 when something failed, or when
 * nothing was there to run. Several source files may make one program; one of them has TEST_MAIN().
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct check_test {
    const char *name;
    void (*run)(void);
    struct check_test *next;
};

/* Shared by the files of one program: the linker keeps one of the weak definitions. */
__attribute__((weak)) struct {
    struct check_test *first;
    struct check_test **end;
    unsigned failed_checks; /* of the running test */
    const char *skip_reason;
} check_state;

static inline void check_register(struct check_test *test)
{
    if (check_state.end == NULL) {
        check_state.end = &check_state.first;
    }
    *check_state.end = test;
    check_state.end = &test->next;
}

#define TEST(name_)                                                                          \
    static void test_##name_(void);                                                          \
    __attribute__((constructor)) static void test_register_##name_(void)                     \
    {                                                                                        \
        static struct check_test test = {.name = #name_, .run = test_##name_, .next = NULL}; \
        check_register(&test);                                                               \
    }                                                                                        \
    static void test_##name_(void)

#define TEST_MAIN()                    \
    int main(int argc, char **argv)    \
    {                                  \
        return check_main(argc, argv); \
    }

/* Counts the running test as skipped, unless a check fails. It does not return: `SKIP("no IPv6 here"); return;` */
#define SKIP(reason_) ((void)(check_state.skip_reason = (reason_)))

#define CHECK(condition_) check_true((condition_), #condition_, __FILE__, __LINE__)
/* Any integers that fit into 64 bits; compared as such, so -1 and UINT64_MAX are the same. */
#define CHECK_EQ_INT(got_, want_) check_eq_int((int64_t)(got_), (int64_t)(want_), #got_, __FILE__, __LINE__)
#define CHECK_EQ_UINT(got_, want_) \
    check_eq_uint((uint64_t)(got_), (uint64_t)(want_), #got_, __FILE__, __LINE__)
/* Strings; NULL equals only NULL. */
#define CHECK_EQ_STR(got_, want_) check_eq_str((got_), (want_), #got_, __FILE__, __LINE__)
/* The same number of bytes on both sides. */
#define CHECK_EQ_MEM(got_, want_, size_) \
    check_eq_bytes((got_), (size_), (want_), (size_), #got_, __FILE__, __LINE__)
/* Bytes with a length of their own on both sides. */
#define CHECK_EQ_BYTES(got_, got_size_, want_, want_size_) \
    check_eq_bytes((got_), (got_size_), (want_), (want_size_), #got_, __FILE__, __LINE__)
/* Always fails: a place that should not be reached, with a text of its own. */
#define FAIL(text_) check_true(false, (text_), __FILE__, __LINE__)

static inline bool check_true(bool condition, const char *text, const char *file, int line)
{
    if (!condition) {
        check_state.failed_checks++;
        printf("%s:%d: failed: %s\n", file, line, text);
    }
    return condition;
}

static inline bool check_eq_int(int64_t got, int64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        check_state.failed_checks++;
        printf("%s:%d: failed: %s is %" PRId64 ", should be %" PRId64 "\n", file, line, text, got, want);
    }
    return got == want;
}

static inline bool check_eq_uint(uint64_t got, uint64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        check_state.failed_checks++;
        printf("%s:%d: failed: %s is %" PRIu64 ", should be %" PRIu64 "\n", file, line, text, got, want);
    }
    return got == want;
}

/* Prints bytes so that a terminal survives them; the middle of long ones is left out around `where`. */
static inline void check_print_bytes(const void *bytes, size_t size, size_t where)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t start = where > 32 ? where - 32 : 0;
    size_t end = size - start > 96 ? start + 96 : size;

    printf("%s\"", start > 0 ? "..." : "");
    for (size_t i = start; i < end; i++) {
        if (p[i] == '"' || p[i] == '\\') {
            printf("\\%c", p[i]);
        } else if (p[i] >= 0x20 && p[i] < 0x7f) {
            putchar(p[i]);
        } else {
            printf("\\x%02x", p[i]);
        }
    }
    printf("\"%s (%zu bytes)", end < size ? "..." : "", size);
}

static inline bool check_eq_bytes(const void *got, size_t got_size, const void *want, size_t want_size,
                                  const char *text, const char *file, int line)
{
    const unsigned char *a = (const unsigned char *)got;
    const unsigned char *b = (const unsigned char *)want;
    size_t same = 0;

    while (same < got_size && same < want_size && a[same] == b[same]) {
        same++;
    }
    if (same == got_size && same == want_size) {
        return true;
    }
    check_state.failed_checks++;
    printf("%s:%d: failed: %s differs at byte %zu: is ", file, line, text, same);
    check_print_bytes(got, got_size, same);
    printf(", should be ");
    check_print_bytes(want, want_size, same);
    putchar('\n');
    return false;
}

static inline bool check_eq_str(const char *got, const char *want, const char *text, const char *file,
                                int line)
{
    if (got != NULL && want != NULL) {
        return check_eq_bytes(got, strlen(got), want, strlen(want), text, file, line);
    }
    if (got != want) {
        check_state.failed_checks++;
        printf("%s:%d: failed: %s is %s, should be %s\n", file, line, text, got == NULL ? "NULL" : got,
               want == NULL ? "NULL" : want);
    }
    return got == want;
}

static inline int check_main(int argc, char **argv)
{
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int rest = list || verbose ? 2 : 1;
    const char *part = argc > rest ? argv[rest] : "";

    /* Line by line, so that the lines before a crash are not lost and a child does not print them again. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct check_test *test = check_state.first; test != NULL; test = test->next) {
        if (strstr(test->name, part) == NULL) {
            continue;
        }
        if (list || verbose) {
            printf("%s\n", test->name);
        }
        if (list) {
            continue;
        }
        check_state.failed_checks = 0;
        check_state.skip_reason = NULL;
        test->run();
        if (check_state.failed_checks > 0) {
            failed++;
            printf("FAILED %s\n", test->name);
        } else if (check_state.skip_reason != NULL) {
            skipped++;
            printf("skipped %s: %s\n", test->name, check_state.skip_reason);
        } else {
            passed++;
        }
    }
    if (list) {
        return 0;
    }
    if (passed + failed + skipped == 0) {
        printf("no test has \"%s\" in its name\n", part);
        failed++;
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed > 0;
}

#endif

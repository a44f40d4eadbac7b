/*
 * fuzz_policy_path.c - request targets, path patterns, and the two against each other.
 *
 * The input up to the first line feed is a target, the rest is a pattern.
 */
#include <stdlib.h>

#include "policy/glob.h"
#include "policy/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_canonical(struct span path)
{
    struct buf again;
    struct span query;
    bool has_query;
    buf_init(&again, 65536);
    require(path.len > 0 && path.ptr[0] == '/');
    for (size_t i = 0; i < path.len; i++) {
        require(path.ptr[i] > 0x20 && path.ptr[i] < 0x7f && memchr("?#\\", path.ptr[i], 3) == NULL);
    }
    static const char *const never[] = {"//", "/./", "/../", "/..;", "/.;", "%2F", "%5C", "%00", "%2E"};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        require(memmem(path.ptr, path.len, never[i], strlen(never[i])) == NULL);
    }
    require(!span_ends(path, SPAN_LIT("/.")) && !span_ends(path, SPAN_LIT("/..")));
    require(policy_path_parse(path, &again, &query, &has_query) == 0 && !has_query);
    require(span_eq(path, buf_span(&again)));
    buf_deinit(&again);
}

static void check_pattern(struct span pattern, struct span path)
{
    char why[256] = "";
    if (policy_path_pattern_check(pattern, why, sizeof(why)) != 0) {
        require(why[0] != '\0');
        return;
    }
    struct policy_glob_rank rank = policy_glob_rank(pattern);
    require(policy_glob_rank_compare(&rank, &rank) == 0);
    require(policy_glob_overlap(pattern, pattern));
    bool matches = policy_path_matches(pattern, path);
    require(!matches || policy_glob_matches_decoded(pattern, path));
    /* The path itself, where it can stand as a pattern, overlaps with what matches it. */
    if (matches && memchr(path.ptr, '*', path.len) == NULL) {
        require(policy_path_matches(path, path));
        require(policy_glob_overlap(pattern, path) && policy_glob_overlap(path, pattern));
        struct policy_glob_rank exact = policy_glob_rank(path);
        require(policy_glob_rank_compare(&exact, &rank) <= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span target = span_of(data, size);
    struct span pattern = SPAN_EMPTY;
    const uint8_t *end = size != 0 ? memchr(data, '\n', size) : NULL;
    struct buf path;
    struct span query;
    bool has_query;
    if (end != NULL) {
        target.len = (size_t)(end - data);
        pattern = span_sub(span_of(data, size), target.len + 1, size);
    }
    buf_init(&path, 65536);
    if (policy_path_parse(target, &path, &query, &has_query) == 0) {
        check_canonical(buf_span(&path));
        check_pattern(pattern, buf_span(&path));
    } else {
        require(buf_len(&path) == 0);
        check_pattern(pattern, SPAN_LIT("/"));
    }
    buf_deinit(&path);
    return 0;
}

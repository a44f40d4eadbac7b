/* glob.c - path patterns: the check, matching, specificity, overlap. */
#include "policy/glob.h"

#include <stdio.h>

#include "policy/path.h"
#include "policy/spec.h"

/* The segment that starts behind the '/' at *at; *at moves to the next '/' or the end. */
static struct span next_segment(struct span path, size_t *at)
{
    size_t start = *at + 1;
    size_t end = start;
    while (end < path.len && path.ptr[end] != '/') {
        end++;
    }
    *at = end;
    return span_sub(path, start, end - start);
}

static bool has_star(struct span segment)
{
    return segment.len != 0 && memchr(segment.ptr, '*', segment.len) != NULL;
}

static bool is_deep(struct span segment)
{
    return span_eq_str(segment, "**");
}

/* One byte of a segment, or one escape, which is never cut: "*0" does not match "%C0". When `decode` is set an escape is
 * the byte that it stands for, else it is a thing of its own. Canonical text has only whole escapes in upper case. */
static size_t unit_at(struct span s, size_t at, bool decode, unsigned *out)
{
    *out = s.ptr[at];
    if (*out != '%' || s.len - at < 3) {
        return 1;
    }
    unsigned value = 0;
    for (size_t i = 1; i <= 2; i++) {
        unsigned c = s.ptr[at + i];
        value = value * 16 + (c <= '9' ? c - '0' : c - 'A' + 10);
    }
    *out = decode ? value : 0x100 | value;
    return 3;
}

/* A segment against a segment pattern. The last star is the only one that has to be tried again: bounded by the product
 * of the lengths. */
static bool segment_matches(struct span pattern, struct span text, bool decode)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* behind the last star, if there was one */
    size_t retry = 0;       /* where its run of bytes ends at least */
    unsigned want;
    unsigned got;
    if (text.len == 0) {
        /* "*" alone stands for a segment, and there is none. */
        return pattern.len == 0;
    }
    while (t < text.len) {
        size_t step = unit_at(text, t, decode, &got);
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            retry = t;
            continue;
        }
        if (p < pattern.len) {
            size_t pattern_step = unit_at(pattern, p, decode, &want);
            if (want == got) {
                p += pattern_step;
                t += step;
                continue;
            }
        }
        if (star == SIZE_MAX) {
            return false;
        }
        retry += unit_at(text, retry, decode, &got);
        p = star;
        t = retry;
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

static bool matches(struct span pattern, struct span path, bool decode)
{
    size_t p = 0;
    size_t t = 0;
    while (p < pattern.len) {
        struct span want = next_segment(pattern, &p);
        if (is_deep(want)) {
            return true;
        }
        if (t >= path.len || !segment_matches(want, next_segment(path, &t), decode)) {
            return false;
        }
    }
    return t >= path.len;
}

bool policy_path_matches(struct span pattern, struct span path)
{
    return matches(pattern, path, false);
}

bool policy_glob_matches_decoded(struct span pattern, struct span path)
{
    return matches(pattern, path, true);
}

struct policy_glob_rank policy_glob_rank(struct span pattern)
{
    struct policy_glob_rank rank = {.kind = POLICY_GLOB_EXACT};
    if (pattern.len == 0) {
        rank.kind = POLICY_GLOB_DEEP;
    }
    for (size_t at = 0; at < pattern.len;) {
        struct span segment = next_segment(pattern, &at);
        if (is_deep(segment)) {
            rank.kind = POLICY_GLOB_DEEP;
            break;
        }
        if (has_star(segment)) {
            rank.kind = POLICY_GLOB_STAR;
        } else {
            rank.literal_segments++;
        }
        for (size_t i = 0; i < segment.len; i++) {
            rank.literal_bytes += segment.ptr[i] != '*' ? 1 : 0;
        }
    }
    return rank;
}

int policy_glob_rank_compare(const struct policy_glob_rank *a, const struct policy_glob_rank *b)
{
    if (a->literal_segments != b->literal_segments) {
        return a->literal_segments > b->literal_segments ? -1 : 1;
    }
    if (a->literal_bytes != b->literal_bytes) {
        return a->literal_bytes > b->literal_bytes ? -1 : 1;
    }
    return (int)a->kind - (int)b->kind;
}

/* Bytes before the first star. */
static size_t head_len(struct span segment)
{
    size_t len = 0;
    while (segment.ptr[len] != '*') {
        len++;
    }
    return len;
}

/* Bytes behind the last star. */
static size_t tail_len(struct span segment)
{
    size_t len = 0;
    while (segment.ptr[segment.len - 1 - len] != '*') {
        len++;
    }
    return len;
}

/* With a star on both sides there is always room between head and tail for what each wants in its middle, so only the
 * ends decide: one head has to start with the other, one tail to end with the other. */
static bool segments_overlap(struct span a, struct span b)
{
    if (!has_star(a)) {
        return segment_matches(b, a, false);
    }
    if (!has_star(b)) {
        return segment_matches(a, b, false);
    }
    size_t head_a = head_len(a);
    size_t head_b = head_len(b);
    size_t head = head_a < head_b ? head_a : head_b;
    size_t tail_a = tail_len(a);
    size_t tail_b = tail_len(b);
    size_t tail = tail_a < tail_b ? tail_a : tail_b;
    return span_eq(span_sub(a, 0, head), span_sub(b, 0, head)) &&
           span_eq(span_sub(a, a.len - tail, tail), span_sub(b, b.len - tail, tail));
}

bool policy_glob_overlap(struct span a, struct span b)
{
    size_t i = 0;
    size_t j = 0;
    if (a.len == 0 || b.len == 0) {
        return true;
    }
    while (i < a.len && j < b.len) {
        struct span left = next_segment(a, &i);
        struct span right = next_segment(b, &j);
        if (is_deep(left) || is_deep(right)) {
            return true;
        }
        if (!segments_overlap(left, right)) {
            return false;
        }
    }
    /* What is left over on one side may only be a "**", which also stands for nothing. */
    struct span rest = i < a.len ? span_sub(a, i, a.len) : j < b.len ? span_sub(b, j, b.len) : SPAN_EMPTY;
    return rest.len == 0 || span_eq_str(rest, "/**");
}

/* The canonical form of the pattern read as a path ("*" is an ordinary byte there) goes into the message. */
static int explain_form(struct span pattern, char *why, size_t why_size)
{
    struct buf canonical;
    struct span query;
    bool has_query;
    buf_init(&canonical, SPEC_PATH_MAX);
    int r = policy_path_parse(pattern, &canonical, &query, &has_query);
    if (r == CB_ENOMEM) {
        (void)snprintf(why, why_size, "out of memory");
    } else if (r != 0) {
        (void)snprintf(
            why, why_size,
            "not a path that can be requested: visible ASCII in segments joined by single slashes, without "
            "\"#\", \"\\\", \"%%2F\", \"%%5C\" or escaped control bytes");
        r = CB_EINVAL;
    } else if (has_query) {
        (void)snprintf(why, why_size, "a query is not matched: write \"%.*s\"",
                       SPAN_ARG(buf_span(&canonical)));
        r = CB_EINVAL;
    } else if (!span_eq(pattern, buf_span(&canonical))) {
        (void)snprintf(why, why_size, "not in canonical form: write \"%.*s\"",
                       SPAN_ARG(buf_span(&canonical)));
        r = CB_EINVAL;
    }
    buf_deinit(&canonical);
    return r;
}

int policy_path_pattern_check(struct span pattern, char *why, size_t why_size)
{
    if (pattern.len == 0 || pattern.ptr[0] != '/') {
        (void)snprintf(why, why_size, "a path starts with \"/\"");
        return CB_EINVAL;
    }
    if (pattern.len > SPEC_PATH_MAX) {
        (void)snprintf(why, why_size, "longer than %d bytes", SPEC_PATH_MAX);
        return CB_EINVAL;
    }
    int r = explain_form(pattern, why, why_size);
    if (r != 0) {
        return r;
    }
    for (size_t at = 0; at < pattern.len;) {
        struct span segment = next_segment(pattern, &at);
        if (is_deep(segment) && at < pattern.len) {
            (void)snprintf(why, why_size,
                           "\"**\" stands only for the last segment: use \"*\" for a single one");
            return CB_EINVAL;
        }
        if (!is_deep(segment) && segment.len != 0 && memmem(segment.ptr, segment.len, "**", 2) != NULL) {
            (void)snprintf(why, why_size, "\"**\" stands only for a whole segment: write \"*\" inside one");
            return CB_EINVAL;
        }
    }
    return 0;
}

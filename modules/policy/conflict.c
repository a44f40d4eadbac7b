/*
 * conflict.c - finds two rules of a host that could both win for one request, without asking every pair.
 *
 * Rules of one group (equal rank, equal action) are sorted into shapes: which of their segments are literal. Patterns of
 * two shapes overlap only when they agree in each segment that is literal in both, so those segments, with scheme and
 * port, are the key by which the patterns of the two are brought together; only what has the same key is compared. Real
 * policies have a handful of shapes. What is left for pairs is made cheap: the segment with a star inside is compared by
 * its ends before anything is taken apart.
 */
#include "policy/conflict.h"

#include <stdlib.h>

#define SHAPE_SEGMENTS 64 /* that count for the shape; segments behind them are never part of a key */
#define FEW_PAIRS      16 /* per pattern: up to here asking each pair is cheaper than bringing them together */
#define END_BYTES      8

/* What is known of a rule without looking at its pattern again. */
struct item {
    size_t index;           /* among the rules */
    uint64_t literal;       /* bit i: segment i has no star */
    uint64_t methods;       /* one bit per method, several methods may share it */
    uint64_t ground;        /* hash of scheme and port */
    const uint64_t *hashes; /* of its segments */
    size_t segments;        /* without a "**" at the end */
    /* The segment with a star whose ends are the longest: what stands before its first and behind its last star. */
    size_t mixed_at; /* SIZE_MAX when there is none */
    struct span head;
    struct span tail;
    uint64_t head_bytes; /* the first of them, and the bits that they fill */
    uint64_t head_mask;
    uint64_t tail_bytes; /* the last ones */
    uint64_t tail_mask;
};

struct keyed {
    uint64_t key;
    const struct item *item;
};

struct finder {
    const struct policy_rule *rules;
    struct item *items;
    uint64_t *hashes;
    struct keyed *left;
    struct keyed *right;
    bool deep;    /* the patterns of this group end in "**" */
    size_t first; /* of the best pair so far; SIZE_MAX: none yet */
    size_t second;
};

/* ---- two rules ---- */

static bool has_method(const struct spec_route *route, const char *method)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (strcmp(method, route->methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *policy_conflict(const struct policy_rule *a, const struct policy_rule *b)
{
    if (a->route == b->route || a->route->scheme != b->route->scheme || a->route->port != b->route->port ||
        !policy_glob_overlap(a->path, b->path)) {
        return NULL;
    }
    for (size_t i = 0; i < a->route->method_count; i++) {
        if (has_method(b->route, a->route->methods[i])) {
            return a->route->methods[i];
        }
    }
    return NULL;
}

/* ---- items ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_bytes(struct span text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Takes the ends of a segment with a star, unless those of an earlier one are as long. */
static void item_offer_ends(struct item *item, struct span segment)
{
    size_t head = 0;
    size_t tail = 0;
    while (segment.ptr[head] != '*') {
        head++;
    }
    while (segment.ptr[segment.len - 1 - tail] != '*') {
        tail++;
    }
    if (head + tail > item->head.len + item->tail.len) {
        item->mixed_at = item->segments;
        item->head = span_sub(segment, 0, head);
        item->tail = span_sub(segment, segment.len - tail, tail);
    }
}

static void item_pack_ends(struct item *item)
{
    for (size_t i = 0; i < item->head.len && i < END_BYTES; i++) {
        item->head_bytes |= (uint64_t)item->head.ptr[i] << 8 * i;
        item->head_mask |= UINT64_C(0xff) << 8 * i;
    }
    for (size_t i = 0; i < item->tail.len && i < END_BYTES; i++) {
        item->tail_bytes |= (uint64_t)item->tail.ptr[item->tail.len - 1 - i] << 8 * i;
        item->tail_mask |= UINT64_C(0xff) << 8 * i;
    }
}

static void item_init(struct item *item, const struct policy_rule *rules, size_t index, uint64_t *hashes)
{
    const struct policy_rule *rule = &rules[index];
    *item = (struct item){.index = index, .hashes = hashes, .mixed_at = SIZE_MAX};
    item->ground = mix(rule->route->port, (uint64_t)rule->route->scheme);
    for (size_t i = 0; i < rule->route->method_count; i++) {
        item->methods |= UINT64_C(1) << (mix(0, hash_bytes(span_str(rule->route->methods[i]))) & 63);
    }
    for (size_t at = 0; at < rule->path.len;) {
        size_t start = at + 1;
        for (at = start; at < rule->path.len && rule->path.ptr[at] != '/'; at++) {
        }
        struct span segment = span_sub(rule->path, start, at - start);
        if (span_eq_str(segment, "**")) {
            break;
        }
        bool star = segment.len != 0 && memchr(segment.ptr, '*', segment.len) != NULL;
        if (star) {
            item_offer_ends(item, segment);
        }
        if (!star && item->segments < SHAPE_SEGMENTS) {
            item->literal |= UINT64_C(1) << item->segments;
        }
        hashes[item->segments++] = hash_bytes(segment);
    }
    item_pack_ends(item);
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    if (a->segments != b->segments) {
        return a->segments < b->segments ? -1 : 1;
    }
    if (a->literal != b->literal) {
        return a->literal < b->literal ? -1 : 1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

/* ---- pairs ---- */

/* False when the two cannot overlap by the ends of their mixed segments. */
static bool ends_agree(const struct item *a, const struct item *b)
{
    if (a->mixed_at != b->mixed_at || a->mixed_at == SIZE_MAX) {
        return true;
    }
    if (((a->head_bytes ^ b->head_bytes) & a->head_mask & b->head_mask) != 0 ||
        ((a->tail_bytes ^ b->tail_bytes) & a->tail_mask & b->tail_mask) != 0) {
        return false;
    }
    size_t head = a->head.len < b->head.len ? a->head.len : b->head.len;
    size_t tail = a->tail.len < b->tail.len ? a->tail.len : b->tail.len;
    return span_eq(span_sub(a->head, 0, head), span_sub(b->head, 0, head)) &&
           span_eq(span_sub(a->tail, a->tail.len - tail, tail), span_sub(b->tail, b->tail.len - tail, tail));
}

static bool literals_agree(const struct item *a, const struct item *b)
{
    for (uint64_t used = a->literal & b->literal; used != 0; used &= used - 1) {
        int segment = __builtin_ctzll(used);
        if (a->hashes[segment] != b->hashes[segment]) {
            return false;
        }
    }
    return true;
}

/* Notes the pair when it conflicts; `a` stands before `b`. Answers whether it does. */
static bool try_pair(struct finder *f, const struct item *a, const struct item *b)
{
    if ((a->methods & b->methods) == 0 || a->ground != b->ground || !ends_agree(a, b)) {
        return false;
    }
    const struct policy_rule *first = &f->rules[a->index];
    const struct policy_rule *second = &f->rules[b->index];
    if (first->route == second->route || !literals_agree(a, b) || policy_conflict(first, second) == NULL) {
        return false;
    }
    if (a->index < f->first || (a->index == f->first && b->index < f->second)) {
        f->first = a->index;
        f->second = b->index;
    }
    return true;
}

/* Pairs within a list that is in the rules' order. The first conflict is the list's best. */
static void try_within(struct finder *f, const struct keyed *list, size_t count)
{
    bool mixed_routes = false;
    for (size_t i = 1; i < count && !mixed_routes; i++) {
        mixed_routes = f->rules[list[i].item->index].route != f->rules[list[0].item->index].route;
    }
    for (size_t i = 0; mixed_routes && i < count && list[i].item->index <= f->first; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (try_pair(f, list[i].item, list[j].item)) {
                return;
            }
        }
    }
}

/* Pairs between the two lists whose first is `from` (by its place, in one of them), with those behind it in `others`. */
static bool try_behind(struct finder *f, const struct item *from, const struct keyed *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (try_pair(f, from, others[i].item)) {
            return true;
        }
    }
    return false;
}

static void try_between(struct finder *f, const struct keyed *a, size_t a_count, const struct keyed *b,
                        size_t b_count)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a_count && j < b_count) {
        bool from_a = a[i].item->index < b[j].item->index;
        const struct item *from = from_a ? a[i++].item : b[j++].item;
        if (from->index > f->first ||
            (from_a ? try_behind(f, from, b + j, b_count - j) : try_behind(f, from, a + i, a_count - i))) {
            return;
        }
    }
}

/* ---- shapes ---- */

static int compare_keyed(const void *left, const void *right)
{
    const struct keyed *a = left;
    const struct keyed *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->item->index > b->item->index) - (a->item->index < b->item->index);
}

/* The items of a shape with the hash of the segments in `used`, sorted when `keys` are wanted at all. */
static void make_keys(const struct item *items, size_t count, uint64_t used, bool keys, struct keyed *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t key = keys ? items[i].ground : 0;
        for (uint64_t rest = keys ? used : 0; rest != 0; rest &= rest - 1) {
            key = mix(key, items[i].hashes[__builtin_ctzll(rest)]);
        }
        out[i] = (struct keyed){.key = key, .item = &items[i]};
    }
    if (keys) {
        qsort(out, count, sizeof(*out), compare_keyed);
    }
}

static size_t run_len(const struct keyed *list, size_t count)
{
    size_t len = count != 0 ? 1 : 0;
    while (len < count && list[len].key == list[0].key) {
        len++;
    }
    return len;
}

static void join_itself(struct finder *f, const struct item *a, size_t count)
{
    make_keys(a, count, a->literal, count > FEW_PAIRS, f->left);
    for (size_t i = 0; i < count;) {
        size_t run = run_len(f->left + i, count - i);
        try_within(f, f->left + i, run);
        i += run;
    }
}

static void join_shapes(struct finder *f, const struct item *a, size_t a_count, const struct item *b,
                        size_t b_count)
{
    bool keys = a_count > FEW_PAIRS && b_count > FEW_PAIRS;
    uint64_t used = a->literal & b->literal;
    make_keys(a, a_count, used, keys, f->left);
    make_keys(b, b_count, used, keys, f->right);
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        size_t a_run = run_len(f->left + i, a_count - i);
        size_t b_run = run_len(f->right + j, b_count - j);
        if (f->left[i].key == f->right[j].key) {
            try_between(f, f->left + i, a_run, f->right + j, b_run);
        }
        bool a_behind = f->left[i].key <= f->right[j].key;
        bool b_behind = f->right[j].key <= f->left[i].key;
        i += a_behind ? a_run : 0;
        j += b_behind ? b_run : 0;
    }
}

static size_t shape_len(const struct item *items, size_t count)
{
    size_t len = 1;
    while (len < count && items[len].segments == items[0].segments &&
           items[len].literal == items[0].literal) {
        len++;
    }
    return len;
}

/* Each shape with itself and with every later one. Without a "**" only patterns of as many segments overlap. */
static void join_group(struct finder *f, const struct item *items, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t a_count = shape_len(items + i, count - i);
        join_itself(f, items + i, a_count);
        for (size_t j = i + a_count; j < count && (f->deep || items[j].segments == items[i].segments);) {
            size_t b_count = shape_len(items + j, count - j);
            join_shapes(f, items + i, a_count, items + j, b_count);
            j += b_count;
        }
        i += a_count;
    }
}

/* Rules that rank equal and do the same, from `start` on. */
static size_t group_len(const struct policy_rule *rules, size_t start, size_t count)
{
    size_t end = start + 1;
    while (end < count && rules[end].route->action == rules[start].route->action &&
           policy_glob_rank_compare(&rules[end].rank, &rules[start].rank) == 0) {
        end++;
    }
    return end - start;
}

static void search_group(struct finder *f, size_t start, size_t count)
{
    uint64_t *hashes = f->hashes;
    f->deep = f->rules[start].rank.kind == POLICY_GLOB_DEEP;
    for (size_t i = 0; i < count; i++) {
        item_init(&f->items[i], f->rules, start + i, hashes);
        hashes += f->items[i].segments;
    }
    qsort(f->items, count, sizeof(*f->items), compare_items);
    join_group(f, f->items, count);
}

int policy_conflict_find(const struct policy_rule *rules, size_t count, size_t *first, size_t *second)
{
    struct finder f = {.rules = rules, .first = SIZE_MAX, .second = SIZE_MAX};
    size_t largest = 0;
    size_t slashes = 0;
    for (size_t i = 0; i < count; i += group_len(rules, i, count)) {
        size_t group = group_len(rules, i, count);
        largest = group > largest ? group : largest;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < rules[i].path.len; at++) {
            slashes += rules[i].path.ptr[at] == '/' ? 1 : 0;
        }
    }
    if (largest < 2) {
        return 0;
    }
    int r = CB_ENOMEM;
    f.items = calloc(largest, sizeof(*f.items));
    f.hashes = calloc(slashes + 1, sizeof(*f.hashes));
    f.left = calloc(largest, sizeof(*f.left));
    f.right = calloc(largest, sizeof(*f.right));
    if (f.items == NULL || f.hashes == NULL || f.left == NULL || f.right == NULL) {
        goto out;
    }
    r = 0;
    /* A conflict of an earlier group comes before all of later ones. */
    for (size_t i = 0; i < count && f.first == SIZE_MAX;) {
        size_t group = group_len(rules, i, count);
        if (group > 1) {
            search_group(&f, i, group);
        }
        i += group;
    }
    if (f.first != SIZE_MAX) {
        *first = f.first;
        *second = f.second;
        r = CB_ECONFLICT;
    }
out:
    free(f.items);
    free(f.hashes);
    free(f.left);
    free(f.right);
    return r;
}

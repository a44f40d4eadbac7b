/* test_conflict.c - the search for conflicts finds what asking every pair finds, and stays quick where that would not. */
#include "policy/conflict.h"

#include <stdlib.h>
#include <time.h>

#include "support/check.h"
#include "support/spec_make.h"

#define ROUTES_MAX   24
#define PATTERNS_MAX 400

static uint32_t random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

/* What the answer has to be: every rule with every later one of its group, in order. */
static int ask_every_pair(const struct policy_rule *rules, size_t count, size_t *first, size_t *second)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (policy_glob_rank_compare(&rules[i].rank, &rules[j].rank) == 0 &&
                rules[i].route->action == rules[j].route->action &&
                policy_conflict(&rules[i], &rules[j]) != NULL) {
                *first = i;
                *second = j;
                return CB_ECONFLICT;
            }
        }
    }
    return 0;
}

static int compare_rules(const void *left, const void *right)
{
    const struct policy_rule *a = left;
    const struct policy_rule *b = right;
    int order = policy_glob_rank_compare(&a->rank, &b->rank);
    return order != 0 ? order : (int)b->route->action - (int)a->route->action;
}

/* ---- random rules ---- */

struct field {
    struct spec_route routes[ROUTES_MAX];
    char *methods[ROUTES_MAX][2];
    char paths[PATTERNS_MAX][128];
    struct policy_rule rules[PATTERNS_MAX];
};

/* Few words collide often, many seldom; `kind` decides what stars there are. */
static size_t random_segment(char *out, unsigned words, unsigned stars)
{
    char word[16];
    char other[16];
    if (stars == 0) { /* nearly all rank equal, in many shapes */
        return (size_t)sprintf(out, random_below(2) == 0 ? "*" : "w%u", random_below(words));
    }
    (void)snprintf(word, sizeof(word), "w%0*u", random_below(2) == 0 ? 1 : 9, random_below(words));
    (void)snprintf(other, sizeof(other), random_below(4) == 0 ? "%%%02X" : "%u", 0xc0 + random_below(words));
    switch (random_below(stars)) {
    case 0:
        return (size_t)sprintf(out, "*");
    case 1:
        return (size_t)sprintf(out, "%s*", word);
    case 2:
        return (size_t)sprintf(out, "*%s", word);
    case 3:
        return (size_t)sprintf(out, "%s*%s", word, other);
    case 4:
        return (size_t)sprintf(out, "%s*%s*%s", word, other, word);
    default:
        return (size_t)sprintf(out, "%s%s", word, random_below(3) == 0 ? other : "");
    }
}

static void random_path(char *out, unsigned words, unsigned stars, unsigned depth)
{
    unsigned segments = random_below(depth) + 1;
    out[0] = '\0';
    for (unsigned i = 0; i < segments; i++) {
        *out++ = '/';
        if (i + 1 == segments && random_below(4) == 0) {
            out += sprintf(out, "%s", random_below(2) == 0 ? "**" : "");
        } else {
            out += random_segment(out, words, stars);
        }
    }
    *out = '\0';
}

/* With `apart` no two routes share a method, but for a few. */
static size_t random_field(struct field *f)
{
    static char names[][8] = {"GET", "PUT", "POST", "HEAD", "PATCH", "DELETE"};
    static char own[ROUTES_MAX][16];
    static char host[] = "a.example";
    static const unsigned word_counts[] = {2, 5, 40, 1000};
    bool apart = random_below(3) != 0;
    unsigned words = word_counts[random_below(4)];
    unsigned stars = random_below(3) == 0 ? 0 : 5 + random_below(2) * 7;
    unsigned depth = 1 + random_below(5);
    unsigned routes = 1 + random_below(ROUTES_MAX);
    size_t count = 1 + random_below(random_below(3) == 0 ? PATTERNS_MAX : 40);
    for (unsigned i = 0; i < routes; i++) {
        (void)snprintf(own[i], sizeof(own[i]), "M%u", i);
        f->methods[i][0] = apart && random_below(60) != 0 ? own[i] : names[random_below(6)];
        f->methods[i][1] = names[random_below(6)];
        f->routes[i] =
            (struct spec_route){.host = host,
                                .scheme = random_below(9) == 0 ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS,
                                .port = random_below(9) == 0 ? 8443 : 443,
                                .action = random_below(3) == 0 ? SPEC_ACTION_DENY : SPEC_ACTION_ALLOW,
                                .methods = f->methods[i],
                                .method_count = apart ? 1 : 1 + random_below(2)};
    }
    for (size_t i = 0; i < count; i++) {
        struct policy_rule *rule = &f->rules[i];
        random_path(f->paths[i], words, stars, depth);
        rule->route = &f->routes[random_below(routes)];
        rule->path = random_below(40) == 0 ? SPAN_EMPTY : span_str(f->paths[i]);
        rule->rank = policy_glob_rank(rule->path);
    }
    qsort(f->rules, count, sizeof(f->rules[0]), compare_rules);
    return count;
}

TEST(answers_as_every_pair_does)
{
    static struct field f;
    unsigned conflicts = 0;
    unsigned large_and_free = 0;
    for (uint32_t seed = 1; seed <= 4000; seed++) {
        size_t want[2] = {0, 0};
        size_t got[2] = {0, 0};
        random_state = seed;
        size_t count = random_field(&f);
        int expected = ask_every_pair(f.rules, count, &want[0], &want[1]);
        bool same = CHECK_EQ_INT(policy_conflict_find(f.rules, count, &got[0], &got[1]), expected);
        if (!CHECK_EQ_UINT(got[0], want[0]) || !CHECK_EQ_UINT(got[1], want[1]) || !same) {
            printf("    seed %u, %zu rules\n", seed, count);
            return;
        }
        conflicts += expected == CB_ECONFLICT ? 1 : 0;
        large_and_free += expected == 0 && count > 100 ? 1 : 0;
    }
    CHECK(conflicts > 400);
    CHECK(large_and_free > 500);
}

/* ---- cost ---- */

static double find_seconds(const char *format, unsigned modulus, size_t count)
{
    struct spec_route *routes = (struct spec_route *)make_or_die(calloc(count / 64 + 1, sizeof(*routes)));
    struct policy_rule *rules = (struct policy_rule *)make_or_die(calloc(count, sizeof(*rules)));
    char(*paths)[64] = (char(*)[64])make_or_die(calloc(count, sizeof(*paths)));
    char method[] = "GET";
    char *methods[] = {method};
    size_t first;
    size_t second;
    for (unsigned i = 0; i < count; i++) {
        routes[i / 64] = (struct spec_route){.port = 443, .methods = methods, .method_count = 1};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(paths[i], sizeof(paths[i]), format, i / modulus, i % modulus);
#pragma GCC diagnostic pop
        rules[i] =
            (struct policy_rule){&routes[i / 64], span_str(paths[i]), policy_glob_rank(span_str(paths[i]))};
    }
    clock_t before = clock();
    CHECK_EQ_INT(policy_conflict_find(rules, count, &first, &second), 0);
    double seconds = (double)(clock() - before) / (double)CLOCKS_PER_SEC;
    free(routes);
    free(rules);
    free(paths);
    return seconds;
}

/* The shapes of real interfaces. Sixteen times the patterns may take a little more than sixteen times as long, not 256
 * times; asking every pair of the larger number takes seconds. */
TEST(cost_of_ordinary_patterns)
{
    static const struct {
        const char *format;
        unsigned modulus;
    } families[] = {
        {"/v1/projects/p%05u-%05u/**", 64},
        {"/v1/users/*/things/t%05u-%05u", 64},
        {"/r%05u/*/x%05u/*/log", 64},
        {"/*/*/issues/n%05u-%05u/**", 64},
        {"/p%05u-%05u/*", 1},
    };
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        double small = find_seconds(families[i].format, families[i].modulus, 2048);
        double large = find_seconds(families[i].format, families[i].modulus, 32768);
        if (!CHECK(large < 60 * small + 0.05)) {
            printf("    %s: %.4f s and %.4f s\n", families[i].format, small, large);
        }
    }
}

TEST_MAIN()

/*
 * table.c - routes compiled for matching.
 *
 * Three arrays: `rules`, one per route and path pattern, those of one host together and the most specific first;
 * `hosts`, one per host form with its stretch of the rules; and `slots`, an open-addressing hash table from a host form
 * to its host. A wildcard's form is its suffix with the leading dot (".example.com"), which no exact host looks like.
 * The hash runs from the last byte to the first, so one pass over a host gives the hash of each of its suffixes.
 */
#include "policy/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/conflict.h"
#include "policy/kube.h"
#include "policy/path.h"

#define LABELS_MAX 128
#define EMPTY_SLOT UINT32_MAX

struct host {
    struct span form;
    size_t first;
    size_t count;
};

struct policy_table {
    struct policy_rule *rules;
    size_t rule_count;
    struct host *hosts;
    size_t host_count;
    uint32_t *slots;
    size_t slot_mask;
};

/* FNV-1a, back to front. Only configured hosts are ever put in, so nobody from outside can crowd a slot. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_step(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static uint64_t hash_of(struct span text)
{
    uint64_t hash = HASH_START;
    for (size_t i = text.len; i > 0; i--) {
        hash = hash_step(hash, text.ptr[i - 1]);
    }
    return hash;
}

static struct span host_form(const char *pattern)
{
    struct span text = span_str(pattern);
    return span_starts(text, SPAN_LIT("*.")) ? span_sub(text, 1, text.len) : text;
}

/* The slot of the form, or the empty one where it would go. At most half of the slots are ever used. */
static size_t slot_of(const struct policy_table *table, uint64_t hash, struct span form)
{
    size_t slot = (size_t)(hash ^ hash >> 32) & table->slot_mask;
    while (table->slots[slot] != EMPTY_SLOT && !span_eq(table->hosts[table->slots[slot]].form, form)) {
        slot = (slot + 1) & table->slot_mask;
    }
    return slot;
}

static const struct host *find_host(const struct policy_table *table, uint64_t hash, struct span form)
{
    uint32_t index = table->slots[slot_of(table, hash, form)];
    return index != EMPTY_SLOT ? &table->hosts[index] : NULL;
}

static int compare_spans(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len != 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Hosts together; then the most specific first; then deny before allow; then equal patterns side by side. */
static int compare_rules(const void *left, const void *right)
{
    const struct policy_rule *a = left;
    const struct policy_rule *b = right;
    int order = strcmp(a->route->host, b->route->host);
    if (order == 0) {
        order = policy_glob_rank_compare(&a->rank, &b->rank);
    }
    if (order == 0) {
        order = (int)(b->route->action == SPEC_ACTION_DENY) - (int)(a->route->action == SPEC_ACTION_DENY);
    }
    if (order == 0) {
        order = compare_spans(a->path, b->path);
    }
    if (order == 0) {
        order = (a->route > b->route) - (a->route < b->route);
    }
    return order;
}

static int collect_rules(struct policy_table *table, const struct spec *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->route_count; i++) {
        count += spec->routes[i].path_count != 0 ? spec->routes[i].path_count : 1;
    }
    table->rules = calloc(count + 1, sizeof(*table->rules));
    if (table->rules == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        size_t j = 0;
        do {
            struct policy_rule *rule = &table->rules[table->rule_count++];
            rule->route = route;
            rule->path = route->path_count != 0 ? span_str(route->paths[j]) : SPAN_EMPTY;
            rule->rank = policy_glob_rank(rule->path);
        } while (++j < route->path_count);
    }
    qsort(table->rules, table->rule_count, sizeof(*table->rules), compare_rules);
    return 0;
}

static int index_hosts(struct policy_table *table)
{
    size_t slots = 2;
    table->hosts = calloc(table->rule_count + 1, sizeof(*table->hosts));
    if (table->hosts == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < table->rule_count; i++) {
        struct span form = host_form(table->rules[i].route->host);
        if (table->host_count == 0 || !span_eq(table->hosts[table->host_count - 1].form, form)) {
            table->hosts[table->host_count++] = (struct host){.form = form, .first = i, .count = 0};
        }
        table->hosts[table->host_count - 1].count++;
    }
    while (slots < 2 * table->host_count + 2) {
        slots *= 2;
    }
    table->slots = malloc(slots * sizeof(*table->slots));
    if (table->slots == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < slots; i++) {
        table->slots[i] = EMPTY_SLOT;
    }
    table->slot_mask = slots - 1;
    for (size_t i = 0; i < table->host_count; i++) {
        struct span form = table->hosts[i].form;
        table->slots[slot_of(table, hash_of(form), form)] = (uint32_t)i;
    }
    return 0;
}

static bool has_method(const struct spec_route *route, struct span method)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (span_eq_str(method, route->methods[i])) {
            return true;
        }
    }
    return false;
}

static const char *path_text(struct span path)
{
    return path.len != 0 ? (const char *)path.ptr : "/**";
}

static void explain_conflict(const struct policy_rule *a, const struct policy_rule *b, char *why,
                             size_t why_size)
{
    const char *method = policy_conflict(a, b);
    const struct policy_rule *first = a->route < b->route ? a : b;
    const struct policy_rule *second = first == a ? b : a;
    bool same = span_eq(a->path, b->path);
    (void)snprintf(
        why, why_size,
        "routes \"%s\" and \"%s\" could both win for %s %s://%s:%u%s%s%s: make one more specific, or take the "
        "method out of one",
        first->route->name, second->route->name, method,
        first->route->scheme == SPEC_SCHEME_HTTP ? "http" : "https", first->route->host, first->route->port,
        path_text(first->path), same ? "" : " and ", same ? "" : path_text(second->path));
}

static int find_conflict(const struct policy_table *table, const struct host *host, char *why,
                         size_t why_size)
{
    const struct policy_rule *rules = &table->rules[host->first];
    size_t first;
    size_t second;
    int r = policy_conflict_find(rules, host->count, &first, &second);
    if (r == CB_ECONFLICT) {
        explain_conflict(&rules[first], &rules[second], why, why_size);
    }
    return r;
}

int policy_table_new(const struct spec *spec, struct policy_table **out, char *why, size_t why_size)
{
    if (why_size != 0) {
        why[0] = '\0';
    }
    struct policy_table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return CB_ENOMEM;
    }
    int r = collect_rules(table, spec);
    if (r == 0) {
        r = index_hosts(table);
    }
    for (size_t i = 0; r == 0 && i < table->host_count; i++) {
        r = find_conflict(table, &table->hosts[i], why, why_size);
    }
    if (r != 0) {
        policy_table_free(table);
        return r;
    }
    *out = table;
    return 0;
}

void policy_table_free(struct policy_table *table)
{
    if (table == NULL) {
        return;
    }
    free(table->rules);
    free(table->hosts);
    free(table->slots);
    free(table);
}

/* How far a route came; the reason of the one that came farthest is the reason of the denial. */
enum nearness { NEAR_HOST, NEAR_PORT, NEAR_SCHEME, NEAR_METHOD, NEAR_PATH, NEAR_MATCH };

static bool is_default_port(enum spec_scheme scheme, uint16_t port)
{
    return port == (scheme == SPEC_SCHEME_HTTP ? 80 : 443);
}

static bool path_is_covered(const struct policy_rule *rule, struct span path)
{
    if (rule->path.len == 0) {
        return true;
    }
    if (rule->route->action == SPEC_ACTION_DENY) {
        return policy_glob_matches_decoded(rule->path, path);
    }
    return policy_path_matches(rule->path, path);
}

static enum nearness nearness(const struct policy_rule *rule, const struct policy_query *query)
{
    const struct spec_route *route = rule->route;
    if (route->scheme != query->scheme) {
        bool defaults =
            is_default_port(route->scheme, route->port) && is_default_port(query->scheme, query->port);
        return route->port == query->port || defaults ? NEAR_SCHEME : NEAR_PORT;
    }
    if (route->port != query->port) {
        return NEAR_PORT;
    }
    if (!has_method(route, query->method)) {
        return NEAR_METHOD;
    }
    return path_is_covered(rule, query->path) ? NEAR_MATCH : NEAR_PATH;
}

/* Looks through the rules of one host. The first that matches is the winner. Otherwise *best and *route become the
 * allow rule that came nearest, unless an earlier (more specific) host has set them. */
static const struct spec_route *search_host(const struct policy_table *table, const struct host *host,
                                            const struct policy_query *query, enum nearness *best,
                                            const struct spec_route **route)
{
    bool open = *route == NULL;
    for (size_t i = host->first; i < host->first + host->count; i++) {
        const struct policy_rule *rule = &table->rules[i];
        enum nearness near = nearness(rule, query);
        if (near == NEAR_MATCH) {
            return rule->route;
        }
        if (open && rule->route->action == SPEC_ACTION_ALLOW && near > *best) {
            *best = near;
            *route = rule->route;
        }
    }
    return NULL;
}

/* The host forms of the table that cover a host, from the least to the most specific. */
static size_t find_forms(const struct policy_table *table, struct span host,
                         const struct host *found[LABELS_MAX])
{
    size_t count = 0;
    uint64_t hash = HASH_START;
    if (host.len == 0 || host.ptr[0] == '.') {
        return 0; /* not a host, but it could look like a wildcard's form */
    }
    for (size_t i = host.len; i > 0; i--) {
        hash = hash_step(hash, host.ptr[i - 1]);
        bool exact = i == 1;
        if ((!exact && host.ptr[i - 1] != '.') || count == LABELS_MAX) {
            continue;
        }
        const struct host *form = find_host(table, hash, span_sub(host, i - 1, host.len));
        if (form != NULL) {
            found[count++] = form;
        }
    }
    return count;
}

static bool is_never_forwarded(struct span method)
{
    static const char *const never[] = {"CONNECT", "TRACE", "TRACK"};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (span_eq_nocase(method, span_str(never[i]))) {
            return true;
        }
    }
    return false;
}

enum policy_reason policy_table_match(const struct policy_table *table, const struct policy_query *query,
                                      const struct spec_route **route)
{
    static const enum policy_reason reasons[] = {
        [NEAR_HOST] = POLICY_REASON_NO_ROUTE,          [NEAR_PORT] = POLICY_REASON_NO_ROUTE_PORT,
        [NEAR_SCHEME] = POLICY_REASON_NO_ROUTE_SCHEME, [NEAR_METHOD] = POLICY_REASON_NO_ROUTE_METHOD,
        [NEAR_PATH] = POLICY_REASON_NO_ROUTE_PATH,
    };
    const struct host *forms[LABELS_MAX];
    enum nearness best = NEAR_HOST;
    *route = NULL;
    if (is_never_forwarded(query->method)) {
        return POLICY_REASON_METHOD_NEVER;
    }
    for (size_t i = find_forms(table, query->host, forms); i > 0; i--) {
        const struct spec_route *winner = search_host(table, forms[i - 1], query, &best, route);
        if (winner != NULL) {
            *route = winner;
            return winner->action == SPEC_ACTION_DENY
                       ? POLICY_REASON_ROUTE_DENIES
                       : policy_kube_judge(winner, query->method, query->path, query->query);
        }
    }
    return reasons[best];
}

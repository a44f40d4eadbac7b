/* diff.c - the requests that a change of policy newly allows and refuses. */
#include "review/diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/glob.h"
#include "policy/host.h"
#include "policy/path.h"

#define LINE_LEN 1024

const char *review_effect_name(enum review_effect effect)
{
    static const char *const names[] = {
#define REVIEW_EFFECT(id_, name_, text_) [REVIEW_EFFECT_##id_] = (name_),
        REVIEW_EFFECTS(REVIEW_EFFECT)
#undef REVIEW_EFFECT
    };
    return names[effect];
}

const char *review_effect_heading(enum review_effect effect)
{
    static const char *const texts[] = {
#define REVIEW_EFFECT(id_, name_, text_) [REVIEW_EFFECT_##id_] = (text_),
        REVIEW_EFFECTS(REVIEW_EFFECT)
#undef REVIEW_EFFECT
    };
    return texts[effect];
}

/* ---- the list of changes ---- */

void review_diff_add(struct review_diff *diff, enum review_effect effect, const char *route, const char *fmt,
                     ...)
{
    char text[LINE_LEN];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < diff->count; i++) {
        const struct review_change *c = &diff->changes[i];
        if (c->effect == effect && strcmp(c->text, text) == 0 &&
            strcmp(c->route != NULL ? c->route : "", route != NULL ? route : "") == 0) {
            return;
        }
    }
    struct review_change *more =
        diff->error == 0 ? realloc(diff->changes, (diff->count + 1) * sizeof(*diff->changes)) : NULL;
    if (more == NULL) {
        diff->error = CB_ENOMEM;
        return;
    }
    diff->changes = more;
    struct review_change change = {
        .effect = effect, .route = route != NULL ? strdup(route) : NULL, .text = strdup(text)};
    if (change.text == NULL || (route != NULL && change.route == NULL)) {
        free(change.route);
        free(change.text);
        diff->error = CB_ENOMEM;
        return;
    }
    size_t at = diff->count++;
    while (at > 0 && diff->changes[at - 1].effect > effect) {
        diff->changes[at] = diff->changes[at - 1];
        at--;
    }
    diff->changes[at] = change;
}

void review_diff_deinit(struct review_diff *diff)
{
    for (size_t i = 0; i < diff->count; i++) {
        free(diff->changes[i].route);
        free(diff->changes[i].text);
    }
    free(diff->changes);
    *diff = (struct review_diff){.count = 0};
}

/* ---- routes with one path, as sets of requests ---- */

struct rule {
    const struct spec_route *route;
    struct span path;
};

static size_t rule_count(const struct spec_route *route)
{
    return route->path_count != 0 ? route->path_count : 1;
}

static struct rule rule_at(const struct spec_route *route, size_t i)
{
    return (struct rule){.route = route,
                         .path = route->path_count != 0 ? span_str(route->paths[i]) : SPAN_LIT("/**")};
}

static bool has_method(const struct spec_route *route, const char *method)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (strcmp(route->methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

static struct span take_segment(struct span *pattern)
{
    struct span rest = span_sub(*pattern, 1, pattern->len);
    const uint8_t *slash = rest.len != 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
    struct span segment = span_sub(rest, 0, slash != NULL ? (size_t)(slash - rest.ptr) : rest.len);
    *pattern = span_sub(rest, segment.len, rest.len);
    return segment;
}

/* True when every path of `narrow` is one of `wide`, as far as that can be seen segment by segment. */
static bool path_covers(struct span wide, struct span narrow)
{
    if (span_eq(wide, narrow) || memchr(narrow.ptr, '*', narrow.len) == NULL) {
        return span_eq(wide, narrow) || policy_path_matches(wide, narrow);
    }
    while (wide.len != 0) {
        struct span want = take_segment(&wide);
        if (span_eq_str(want, "**")) {
            return true;
        }
        if (narrow.len == 0) {
            return false;
        }
        struct span segment = take_segment(&narrow);
        bool single = segment.len != 0 && !span_eq_str(segment, "**");
        if (!span_eq(want, segment) && !(span_eq_str(want, "*") && single)) {
            return false;
        }
    }
    return narrow.len == 0;
}

/* Patterns too: "*.example.com" covers "*.api.example.com". */
static bool host_covers(const char *wide, const char *narrow)
{
    return strcmp(wide, narrow) == 0 || policy_host_matches(span_str(wide), span_str(narrow));
}

static bool same_door(const struct spec_route *a, const struct spec_route *b)
{
    return a->scheme == b->scheme && a->port == b->port;
}

static bool covers(const struct rule *wide, const struct rule *narrow, const char *method)
{
    return same_door(wide->route, narrow->route) && has_method(wide->route, method) &&
           host_covers(wide->route->host, narrow->route->host) && path_covers(wide->path, narrow->path);
}

static bool overlaps(const struct rule *a, const struct rule *b, const char *method)
{
    return same_door(a->route, b->route) && has_method(a->route, method) && has_method(b->route, method) &&
           (host_covers(a->route->host, b->route->host) || host_covers(b->route->host, a->route->host)) &&
           policy_glob_overlap(a->path, b->path);
}

static bool same_set(const struct rule *a, const struct rule *b)
{
    return same_door(a->route, b->route) && strcmp(a->route->host, b->route->host) == 0 &&
           span_eq(a->path, b->path);
}

/* Below 0 when `a` decides before `b` where both match (table.h). A deny wins over an allow that ranks equal. */
static int precedence(const struct rule *a, const struct rule *b)
{
    bool wild_a = a->route->host[0] == '*';
    bool wild_b = b->route->host[0] == '*';
    if (wild_a != wild_b) {
        return wild_a ? 1 : -1;
    }
    size_t len_a = strlen(a->route->host);
    size_t len_b = strlen(b->route->host);
    if (len_a != len_b) {
        return len_a > len_b ? -1 : 1;
    }
    struct policy_glob_rank rank_a = policy_glob_rank(a->path);
    struct policy_glob_rank rank_b = policy_glob_rank(b->path);
    int order = policy_glob_rank_compare(&rank_a, &rank_b);
    if (order != 0) {
        return order;
    }
    return (b->route->action == SPEC_ACTION_DENY) - (a->route->action == SPEC_ACTION_DENY);
}

/* The rule of that action which covers all of it and decides first among those. */
static bool find_cover(const struct spec *spec, enum spec_action action, const struct rule *wanted,
                       const char *method, struct rule *out)
{
    bool found = false;
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        for (size_t k = 0; route->action == action && k < rule_count(route); k++) {
            struct rule rule = rule_at(route, k);
            if (covers(&rule, wanted, method) && (!found || precedence(&rule, out) < 0)) {
                *out = rule;
                found = true;
            }
        }
    }
    return found;
}

/* ---- words ---- */

/* What is said of one route: paths by the methods that they have in common. */
struct listing {
    char lines[SPEC_PATHS_MAX + 1][LINE_LEN / 2];
    char methods[SPEC_PATHS_MAX + 1][256];
    size_t count;
};

static void append(char *text, size_t size, const char *separator, struct span more)
{
    size_t len = strlen(text);
    (void)snprintf(text + len, size - len, "%s%.*s", len != 0 ? separator : "", SPAN_ARG(more));
}

static void listing_add(struct listing *l, struct span path, const char *methods)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->methods[i], methods) == 0 && strlen(l->lines[i]) + path.len + 2 < sizeof(l->lines[i])) {
            append(l->lines[i], sizeof(l->lines[i]), " ", path);
            return;
        }
    }
    if (l->count <= SPEC_PATHS_MAX) {
        l->lines[l->count][0] = '\0';
        append(l->lines[l->count], sizeof(l->lines[0]), " ", path);
        (void)snprintf(l->methods[l->count], sizeof(l->methods[0]), "%s", methods);
        l->count++;
    }
}

static void listing_tell(const struct listing *l, struct review_diff *diff, enum review_effect effect,
                         const struct spec_route *route, const char *note)
{
    for (size_t i = 0; i < l->count; i++) {
        review_diff_add(diff, effect, route->name, "%s %s://%s:%u %s%s", l->methods[i],
                        route->scheme == SPEC_SCHEME_HTTP ? "http" : "https", route->host,
                        (unsigned)route->port, l->lines[i], note);
    }
}

/* ---- one direction ---- */

struct direction {
    struct review_diff *diff;
    const struct spec *from;
    const struct spec *to;
    enum review_effect effect; /* of what `to` allows and `from` does not */
};

/* A deny route of `from` which the rule of `to` stands before, although nothing of `from` did. */
static const struct spec_route *overruled_deny(const struct direction *d, const struct rule *rule,
                                               const char *method)
{
    for (size_t i = 0; i < d->from->route_count; i++) {
        const struct spec_route *allow = &d->from->routes[i];
        for (size_t k = 0; allow->action == SPEC_ACTION_ALLOW && k < rule_count(allow); k++) {
            struct rule same = rule_at(allow, k);
            if (same_set(&same, rule) && has_method(allow, method)) {
                return NULL; /* it was there, and stood before the same ones */
            }
        }
    }
    for (size_t i = 0; i < d->from->route_count; i++) {
        const struct spec_route *deny = &d->from->routes[i];
        for (size_t k = 0; deny->action == SPEC_ACTION_DENY && k < rule_count(deny); k++) {
            struct rule hole = rule_at(deny, k);
            if (overlaps(&hole, rule, method) && precedence(rule, &hole) < 0) {
                return deny;
            }
        }
    }
    return NULL;
}

static void compare_allow(const struct direction *d, const struct spec_route *route)
{
    struct listing *fresh = calloc(2, sizeof(*fresh)); /* not covered; covered but for a deny */
    const struct spec_route *deny = NULL;
    if (fresh == NULL) {
        d->diff->error = CB_ENOMEM;
        return;
    }
    for (size_t i = 0; i < rule_count(route); i++) {
        struct rule rule = rule_at(route, i);
        char uncovered[256] = "";
        char holes[256] = "";
        for (size_t m = 0; m < route->method_count; m++) {
            struct rule cover;
            struct span method = span_str(route->methods[m]);
            const struct spec_route *overruled = overruled_deny(d, &rule, route->methods[m]);
            if (!find_cover(d->from, SPEC_ACTION_ALLOW, &rule, route->methods[m], &cover)) {
                append(uncovered, sizeof(uncovered), " ", method);
            } else if (overruled != NULL) {
                deny = overruled;
                append(holes, sizeof(holes), " ", method);
            }
        }
        if (uncovered[0] != '\0') {
            listing_add(&fresh[0], rule.path, uncovered);
        }
        if (holes[0] != '\0') {
            listing_add(&fresh[1], rule.path, holes);
        }
    }
    char note[128];
    listing_tell(&fresh[0], d->diff, d->effect, route, "");
    if (deny != NULL) {
        (void)snprintf(note, sizeof(note), ", of which the deny route \"%s\" %s a part", deny->name,
                       d->effect == REVIEW_EFFECT_ALLOWS ? "forbade" : "forbids");
        listing_tell(&fresh[1], d->diff, d->effect, route, note);
    }
    free(fresh);
}

/* True when `to` still refuses what the hole of `from` took out of its allow routes: a rule that covers it and stands before the
 * same allow routes. */
static bool hole_holds(const struct direction *d, const struct rule *hole, const char *method)
{
    struct rule cover;
    if (!find_cover(d->to, SPEC_ACTION_DENY, hole, method, &cover)) {
        return false;
    }
    for (size_t i = 0; i < d->to->route_count; i++) {
        const struct spec_route *allow = &d->to->routes[i];
        for (size_t k = 0; allow->action == SPEC_ACTION_ALLOW && k < rule_count(allow); k++) {
            struct rule rule = rule_at(allow, k);
            if (overlaps(&rule, hole, method) && precedence(&rule, &cover) < 0 &&
                precedence(&rule, hole) > 0) {
                return false;
            }
        }
    }
    return true;
}

/* True when `from` allows this set of requests too, and before the hole: then the hole took nothing out of it. */
static bool stood_before(const struct spec *from, const struct rule *rule, const struct rule *hole,
                         const char *method)
{
    struct rule same;
    return find_cover(from, SPEC_ACTION_ALLOW, rule, method, &same) && same_set(&same, rule) &&
           precedence(&same, hole) < 0;
}

/* True when some allow route of `to` takes a part of what the hole of `from` kept back. */
static bool is_wanted(const struct direction *d, const struct rule *hole, const char *method)
{
    for (size_t i = 0; i < d->to->route_count; i++) {
        const struct spec_route *allow = &d->to->routes[i];
        for (size_t k = 0; allow->action == SPEC_ACTION_ALLOW && k < rule_count(allow); k++) {
            struct rule rule = rule_at(allow, k);
            if (overlaps(&rule, hole, method) && !stood_before(d->from, &rule, hole, method)) {
                return true;
            }
        }
    }
    return false;
}

/* A deny route of `from` that `to` does not have any more. */
static void compare_deny(const struct direction *d, const struct spec_route *route)
{
    struct listing *gone = calloc(1, sizeof(*gone));
    if (gone == NULL) {
        d->diff->error = CB_ENOMEM;
        return;
    }
    for (size_t i = 0; i < rule_count(route); i++) {
        struct rule hole = rule_at(route, i);
        char methods[256] = "";
        for (size_t m = 0; m < route->method_count; m++) {
            if (is_wanted(d, &hole, route->methods[m]) && !hole_holds(d, &hole, route->methods[m])) {
                append(methods, sizeof(methods), " ", span_str(route->methods[m]));
            }
        }
        if (methods[0] != '\0') {
            listing_add(gone, hole.path, methods);
        }
    }
    listing_tell(gone, d->diff, d->effect, route,
                 d->effect == REVIEW_EFFECT_ALLOWS ? ", which this deny route forbade"
                                                   : ", which this deny route forbids");
    free(gone);
}

static void compare_direction(const struct direction *d)
{
    for (size_t i = 0; i < d->to->route_count; i++) {
        if (d->to->routes[i].action == SPEC_ACTION_ALLOW) {
            compare_allow(d, &d->to->routes[i]);
        }
    }
    for (size_t i = 0; i < d->from->route_count; i++) {
        if (d->from->routes[i].action == SPEC_ACTION_DENY) {
            compare_deny(d, &d->from->routes[i]);
        }
    }
}

/* Routes of both that decide about the same requests are compared in what they do with them. */
static void compare_settings(struct review_diff *diff, const struct spec *old, const struct spec *new)
{
    struct rule cover;
    for (size_t i = 0; i < new->route_count; i++) {
        const struct spec_route *route = &new->routes[i];
        for (size_t k = 0; route->action == SPEC_ACTION_ALLOW && k < rule_count(route); k++) {
            struct rule rule = rule_at(route, k);
            for (size_t m = 0; m < route->method_count; m++) {
                if (find_cover(old, SPEC_ACTION_ALLOW, &rule, route->methods[m], &cover)) {
                    review_diff_routes(diff, cover.route, new, route);
                }
            }
        }
    }
    for (size_t i = 0; i < old->route_count; i++) {
        const struct spec_route *route = &old->routes[i];
        for (size_t k = 0; route->action == SPEC_ACTION_ALLOW && k < rule_count(route); k++) {
            struct rule rule = rule_at(route, k);
            for (size_t m = 0; m < route->method_count; m++) {
                if (find_cover(new, SPEC_ACTION_ALLOW, &rule, route->methods[m], &cover)) {
                    review_diff_routes(diff, route, new, cover.route);
                }
            }
        }
    }
}

int review_diff(const struct spec *old, const struct spec *new, struct review_diff *out)
{
    *out = (struct review_diff){.count = 0};
    struct spec *nothing = NULL;
    if (old == NULL) {
        nothing = spec_new();
        old = nothing;
        if (nothing == NULL) {
            return CB_ENOMEM;
        }
    }
    review_diff_tenant(out, old, new);
    struct direction wider = {.diff = out, .from = old, .to = new, .effect = REVIEW_EFFECT_ALLOWS};
    compare_direction(&wider);
    compare_settings(out, old, new);
    struct direction narrower = {.diff = out, .from = new, .to = old, .effect = REVIEW_EFFECT_REFUSES};
    compare_direction(&narrower);
    spec_free(nothing);
    int r = out->error;
    if (r != 0) {
        review_diff_deinit(out);
    }
    return r;
}

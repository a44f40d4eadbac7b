/*
 * conflict.h - finds two rules of a host that could both win for one request. For table.c.
 */
#ifndef CB_POLICY_CONFLICT_H
#define CB_POLICY_CONFLICT_H

#include "policy/glob.h"
#include "policy/spec.h"

/* A route with one of its path patterns. */
struct policy_rule {
    const struct spec_route *route;
    struct span path; /* empty: every path */
    struct policy_glob_rank rank;
};

/* The method of a request that both rules would take, or NULL. */
const char *policy_conflict(const struct policy_rule *a, const struct policy_rule *b);
/*
 * Two of `count` rules of one host conflict when they belong to different routes, rank equal, have the same action, scheme
 * and port, share a method, and some path matches both. Rules that rank equal and do the same have to stand together.
 * 0 when there are none; CB_ECONFLICT with the lowest *first, and the lowest *second for it; CB_ENOMEM.
 */
CB_MUST_USE int policy_conflict_find(const struct policy_rule *rules, size_t count, size_t *first,
                                     size_t *second);

#endif

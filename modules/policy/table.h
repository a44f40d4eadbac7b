/*
 * table.h - a tenant's routes compiled for matching. The whole table is made at once and never changed.
 *
 * Finding is a hash lookup per candidate host form (exact, then each wildcard suffix from the longest), so the cost
 * does not grow with the number of routes. Within a host: scheme and port must be equal, then method and path; the
 * most specific path pattern wins (more literal segments, then longer literal text; exact before "*" before "**"); an
 * exact host wins over any wildcard; a deny wins over an allow of equal specificity. Routes of all covering host forms
 * are looked at, so a wildcard route may allow what an exact host's routes say nothing about.
 * A deny route's paths also match with escapes read as the bytes they stand for (glob.h): "/x:y" also holds off "/x%3Ay".
 *
 * A route with rules for Kubernetes (kube.h) that wins, and none of whose rules allows the request, refuses it.
 *
 * A denial's reason is the nearest miss among the allow routes of the most specific host form that has any: path, else
 * method, else scheme (same port, or both on their default ports), else port.
 */
#ifndef CB_POLICY_TABLE_H
#define CB_POLICY_TABLE_H

#include "policy/spec.h"
#include "policy/verdict.h"

struct policy_table;

/* Compiles a spec, which must outlive the table. CB_ECONFLICT with a message naming both routes when two could win. */
CB_MUST_USE int policy_table_new(const struct spec *spec, struct policy_table **out, char *why,
                                 size_t why_size);
void policy_table_free(struct policy_table *table);

struct policy_query {
    enum spec_scheme scheme;
    struct span host; /* canonical */
    uint16_t port;
    struct span method; /* as sent */
    struct span path;   /* canonical */
    struct span query;  /* as sent, without "?": rules for Kubernetes look at it */
};

/* Decides. On POLICY_REASON_ROUTE *route is the winner (borrowed from the spec); on a denial it is the route that
 * came nearest or NULL. CONNECT and TRACE (also TRACK) are METHOD_NEVER. */
enum policy_reason policy_table_match(const struct policy_table *table, const struct policy_query *query,
                                      const struct spec_route **route);

#endif

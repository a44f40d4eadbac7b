/* decide.c - the decision about a request: which route or grant, and whether what it carries may be there. */
#include "inject/inject.h"

struct inject_decision inject_decide(const struct inject_rules *rules, const struct policy_query *query,
                                     const struct inject_request *request, uint64_t now_ms)
{
    struct inject_decision d = {.route = NULL};
    d.reason = policy_table_match(rules->table, query, &d.route);
    d.grant = policy_grants_find(rules->grants, d.reason, query, now_ms);
    if (d.grant != NULL) {
        d.ungranted = d.reason;
        d.reason = POLICY_REASON_ROUTE;
        d.route = policy_grants_route(rules->grants, d.grant);
    }
    if (d.reason == POLICY_REASON_ROUTE) {
        d.reason = inject_screen(d.route, request, rules->placeholders, rules->placeholder_count);
    }
    return d;
}

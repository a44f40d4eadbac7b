/* decide.c - the decision about a request: which route, and whether what it carries may be there. */
#include "inject/inject.h"

enum policy_reason inject_decide(const struct policy_table *table, const struct policy_query *query,
                                 const struct inject_request *request,
                                 const struct inject_placeholder *placeholders, size_t placeholder_count,
                                 const struct spec_route **route)
{
    enum policy_reason reason = policy_table_match(table, query, route);
    return reason == POLICY_REASON_ROUTE ? inject_screen(*route, request, placeholders, placeholder_count)
                                         : reason;
}

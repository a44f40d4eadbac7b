/* test_decide.c - the routes decide first, then what the request carries. */
#include "inject_test.h"

#include "support/spec_make.h"

static enum policy_reason decide(const struct policy_table *table, const char *method, const char *where,
                                 const char *authorization, const struct spec_route **route)
{
    struct policy_query asked = {.scheme = SPEC_SCHEME_HTTPS,
                                 .host = SPAN_LIT("api.openai.com"),
                                 .port = 443,
                                 .method = span_str(method),
                                 .path = span_str(where)};
    struct http_field field = {SPAN_LIT("Authorization"), span_str(authorization)};
    struct inject_request request = {.path = asked.path, .fields = &field, .field_count = 1};
    return inject_decide(table, &asked, &request, placeholders(), 2, route);
}

TEST(the_routes_then_what_is_carried)
{
    struct spec *spec = make_spec("alice");
    make_bearer(make_route(spec, "openai", "https://api.openai.com:443", "GET", "/v1/**"), "openai");
    struct policy_table *table = NULL;
    const struct spec_route *route;
    char why[128];
    if (!CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), 0)) {
        spec_free(spec);
        return;
    }
    CHECK_EQ_INT(decide(table, "GET", "/v1/models", "Bearer " OPENAI_PLACEHOLDER, &route),
                 POLICY_REASON_ROUTE);
    CHECK(route == &spec->routes[0]);
    CHECK_EQ_INT(decide(table, "GET", "/v1/models", "Bearer sk-own", &route),
                 POLICY_REASON_FOREIGN_CREDENTIAL);
    CHECK(route == &spec->routes[0]);
    CHECK_EQ_INT(decide(table, "GET", "/v1/models", "Bearer " OTHER_PLACEHOLDER, &route),
                 POLICY_REASON_PLACEHOLDER_MISPLACED);
    /* What a refused request carries is not looked at: the routes have said no. */
    CHECK_EQ_INT(decide(table, "PUT", "/v1/models", "Bearer sk-own", &route), POLICY_REASON_NO_ROUTE_METHOD);
    CHECK_EQ_INT(decide(table, "GET", "/v2", "", &route), POLICY_REASON_NO_ROUTE_PATH);
    policy_table_free(table);
    spec_free(spec);
}

TEST_MAIN()

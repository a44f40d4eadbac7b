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
    const struct policy_grants no_grants = {.count = 0};
    struct inject_rules rules = {
        .table = table, .grants = &no_grants, .placeholders = placeholders(), .placeholder_count = 2};
    struct inject_decision d = inject_decide(&rules, &asked, &request, 0);
    CHECK(d.grant == NULL);
    *route = d.route;
    return d.reason;
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

/* A grant says no more than that this may be asked; what it carries is judged as on a route without a credential. */
TEST(a_grant_decides_where_no_route_does)
{
    struct spec *spec = make_spec("alice");
    make_bearer(make_route(spec, "openai", "https://api.openai.com:443", "GET", "/v1/**"), "openai");
    make_route(spec, "no", "https://api.openai.com:443", "GET", "/v2/secret/**")->action = SPEC_ACTION_DENY;
    const struct policy_grant grant = {.id = 5,
                                       .host = SPAN_LIT("api.openai.com"),
                                       .port = 443,
                                       .method = SPAN_LIT("GET"),
                                       .path = SPAN_LIT("/**"),
                                       .until_ms = 1000,
                                       .uses_left = POLICY_GRANT_ANY};
    struct buf list;
    buf_init(&list, 4096);
    struct writer w = writer_to(&list);
    writer_u32(&w, 1);
    policy_grant_write(&w, &grant);
    struct policy_grants grants;
    struct policy_table *table = NULL;
    char why[128];
    CHECK_EQ_INT(policy_grants_take(&grants, spec, buf_span(&list)), 0);
    CHECK_EQ_INT(policy_grants_table(&grants, &table, why, sizeof(why)), 0);
    struct inject_rules rules = {
        .table = table, .grants = &grants, .placeholders = placeholders(), .placeholder_count = 2};
    static const struct {
        const char *path, *authorization;
        uint64_t now_ms;
        enum policy_reason reason;
        const char *route;
        bool granted;
    } cases[] = {
        {"/v1/x", "Bearer " OPENAI_PLACEHOLDER, 0, POLICY_REASON_ROUTE, "openai", false},
        {"/v2/x", "", 999, POLICY_REASON_ROUTE, "grant:5", true},
        {"/v2/x", "", 1000, POLICY_REASON_NO_ROUTE_PATH, "openai", false},
        {"/v2/secret/x", "", 0, POLICY_REASON_ROUTE_DENIES, "no", false},
        {"/v2/x", "Bearer " OPENAI_PLACEHOLDER, 0, POLICY_REASON_PLACEHOLDER_MISPLACED, "grant:5", true},
    };
    for (size_t i = 0; table != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_query asked = {.scheme = SPEC_SCHEME_HTTPS,
                                     .host = SPAN_LIT("api.openai.com"),
                                     .port = 443,
                                     .method = SPAN_LIT("GET"),
                                     .path = span_str(cases[i].path)};
        struct http_field field = {SPAN_LIT("Authorization"), span_str(cases[i].authorization)};
        struct inject_request request = {.path = asked.path, .fields = &field, .field_count = 1};
        struct inject_decision d = inject_decide(&rules, &asked, &request, cases[i].now_ms);
        CHECK_EQ_INT(d.reason, cases[i].reason);
        CHECK_EQ_STR(d.route->name, cases[i].route);
        CHECK_EQ_INT(d.grant != NULL, cases[i].granted);
        CHECK(d.grant == NULL || d.ungranted == POLICY_REASON_NO_ROUTE_PATH);
    }
    policy_table_free(table);
    policy_grants_free(&grants);
    buf_deinit(&list);
    spec_free(spec);
}

TEST_MAIN()

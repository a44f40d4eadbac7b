/* test_token.c - routes whose credential is what a token is fetched with, and the agent's way to the token endpoint. */
#include "conf_test.h"
#include "policy/table.h"

#define ROUTE(text_)       HEAD text_ TAIL
#define OAUTH2(fields_)    ROUTE("{host: a.example, credential: c, inject: {oauth2: {" fields_ "}}}")
#define URL                "tokenUrl: https://login.example/token"
#define AT(column_, text_) "t.yaml:5:" #column_ ": spec.routes[0]" text_ "\n"

TEST(every_field)
{
    struct conf_tenants tenants;
    struct buf errors;
    if (CHECK_EQ_INT(
            test_load(
                OAUTH2("tokenUrl: \"https://login.example:8443/a/token\", grant: jwtBearer, clientId: me, "
                       "scopes: [read, \"https://x/write\"], audience: aud, subject: sub, answer: true"),
                &tenants, &errors),
            0)) {
        const struct spec *spec = tenants.specs[0];
        CHECK_EQ_UINT(spec->route_count, 2);
        const struct spec_route *route = &spec->routes[0];
        CHECK_EQ_INT(route->inject, SPEC_INJECT_BEARER);
        CHECK_EQ_STR(route->headers[0].name, "Authorization");
        CHECK_EQ_STR(route->headers[0].value, "Bearer ");
        CHECK_EQ_INT(route->token.grant, SPEC_GRANT_JWT);
        CHECK_EQ_STR(route->token.host, "login.example");
        CHECK_EQ_UINT(route->token.port, 8443);
        CHECK_EQ_STR(route->token.path, "/a/token");
        CHECK_EQ_STR(route->token.client_id, "me");
        CHECK_EQ_STR(route->token.scope, "read https://x/write");
        CHECK_EQ_STR(route->token.audience, "aud");
        CHECK_EQ_STR(route->token.subject, "sub");
        CHECK(route->token.answers);
        route = &spec->routes[1];
        CHECK_EQ_STR(route->name, "a-example-token");
        CHECK_EQ_STR(route->host, "login.example");
        CHECK_EQ_UINT(route->port, 8443);
        CHECK_EQ_UINT(route->method_count, 1);
        CHECK_EQ_STR(route->methods[0], "POST");
        CHECK_EQ_UINT(route->path_count, 1);
        CHECK_EQ_STR(route->paths[0], "/a/token");
        CHECK_EQ_INT(route->inject, SPEC_INJECT_NONE);
        CHECK(route->credential == NULL);
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(defaults)
{
    struct conf_tenants tenants;
    struct buf errors;
    if (CHECK_EQ_INT(
            test_load(ROUTE("{host: a.example, credential: c, inject: {header: X-Token, oauth2: {" URL "}}}"),
                      &tenants, &errors),
            0)) {
        const struct spec *spec = tenants.specs[0];
        CHECK_EQ_UINT(spec->route_count, 1);
        CHECK_EQ_INT(spec->routes[0].inject, SPEC_INJECT_HEADER);
        CHECK_EQ_STR(spec->routes[0].headers[0].name, "X-Token");
        CHECK_EQ_INT(spec->routes[0].token.grant, SPEC_GRANT_CLIENT);
        CHECK_EQ_UINT(spec->routes[0].token.port, 443);
        CHECK(!spec->routes[0].token.client_in_body);
        CHECK(!spec->routes[0].token.answers);
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    if (CHECK_EQ_INT(test_load(ROUTE("{host: a.example, credential: c, inject: {gcp: true}, "
                                     "tokenUpstream: {address: 192.0.2.1, caFile: /ca.pem}}"),
                               &tenants, &errors),
                     0)) {
        const struct spec_token *token = &tenants.specs[0]->routes[0].token;
        CHECK_EQ_INT(token->grant, SPEC_GRANT_GCP);
        CHECK_EQ_STR(token->host, "oauth2.googleapis.com");
        CHECK_EQ_STR(token->path, "/token");
        CHECK_EQ_STR(token->scope, "https://www.googleapis.com/auth/cloud-platform");
        CHECK_EQ_STR(token->address, "192.0.2.1");
        CHECK_EQ_UINT(token->address_port, 443);
        CHECK(token->ca != NULL);
        CHECK(token->answers);
        CHECK_EQ_UINT(tenants.specs[0]->route_count, 2);
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

/* Of the token endpoint's host the agent reaches the one path, and no other. */
TEST(only_the_endpoint)
{
    struct conf_tenants tenants;
    struct buf errors;
    struct policy_table *table = NULL;
    const struct spec_route *route;
    char why[256];
    CHECK_EQ_INT(test_load(ROUTE("{provider: vertex, credential: c},"
                                 "{provider: vertex, name: eu, host: europe-west1-aiplatform.googleapis.com, "
                                 "credential: c}"),
                           &tenants, &errors),
                 0);
    CHECK_EQ_UINT(tenants.specs[0]->route_count, 3);
    CHECK_EQ_STR(tenants.specs[0]->routes[0].host, "aiplatform.googleapis.com");
    if (CHECK_EQ_INT(policy_table_new(tenants.specs[0], &table, why, sizeof(why)), 0)) {
        struct policy_query q = {.scheme = SPEC_SCHEME_HTTPS,
                                 .host = SPAN_LIT("oauth2.googleapis.com"),
                                 .port = 443,
                                 .method = SPAN_LIT("POST"),
                                 .path = SPAN_LIT("/token")};
        CHECK_EQ_INT(policy_table_match(table, &q, &route), POLICY_REASON_ROUTE);
        CHECK_EQ_STR(route->name, "vertex-token");
        q.path = SPAN_LIT("/tokeninfo");
        CHECK_EQ_INT(policy_table_match(table, &q, &route), POLICY_REASON_NO_ROUTE_PATH);
        q.path = SPAN_LIT("/token");
        q.method = SPAN_LIT("GET");
        CHECK_EQ_INT(policy_table_match(table, &q, &route), POLICY_REASON_NO_ROUTE_METHOD);
    }
    policy_table_free(table);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(what_is_wrong)
{
    CHECK_ERRORS(OAUTH2(""), AT(51, ".inject.oauth2: names no endpoint: write tokenUrl: https://HOST/PATH"));
    static const char *const urls[] = {"http://login.example/token",  "https://login.example",
                                       "https://*.example/token",     "https://u@login.example/token",
                                       "https://login.example/a/../", "https://login.example/token?x",
                                       "https://login.example/a#b",   "https://login.example:0/token"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), OAUTH2("tokenUrl: \"%s\""), urls[i]);
        CHECK_ERRORS(text, AT(62, ".inject.oauth2.tokenUrl: should be https://HOST/PATH or "
                                  "https://HOST:PORT/PATH, in the canonical form and without a query"));
    }
    CHECK_ERRORS(OAUTH2(URL ", grant: password"),
                 AT(98, ".inject.oauth2.grant: should be clientCredentials, refreshToken or jwtBearer"));
    CHECK_ERRORS(OAUTH2(URL ", subject: x"),
                 AT(91, ".inject.oauth2.subject: means nothing for clientCredentials: remove it"));
    CHECK_ERRORS(OAUTH2(URL ", grant: refreshToken, audience: x"),
                 AT(112, ".inject.oauth2.audience: means nothing for refreshToken: remove it"));
    CHECK_ERRORS(OAUTH2(URL ", clientAuth: none"),
                 AT(103, ".inject.oauth2.clientAuth: should be basic or body"));
    CHECK_ERRORS(OAUTH2(URL ", scopes: []"),
                 AT(99, ".inject.oauth2.scopes: should have entries, or be left out"));
    CHECK_ERRORS(OAUTH2(URL ", scopes: [\"a b\"]"),
                 AT(100, ".inject.oauth2.scopes[0]: not a scope: visible ASCII without blanks, quotes and "
                         "backslashes"));
    CHECK_ERRORS(OAUTH2(URL ", clientId: \" x\""),
                 AT(101, ".inject.oauth2.clientId: should be 1 to 512 printable ASCII characters without a "
                         "blank at an end"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {prefix: x, oauth2: {" URL "}}}"),
                 AT(43, ".inject.prefix: stands before what goes into a header: write header too"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {gcp: false}}"),
                 AT(48, ".inject.gcp: should be true, or {scopes: [...]}"));
    CHECK_ERRORS(
        ROUTE(
            "{host: a.example, credential: c, inject: {bearer: true}, tokenUpstream: {address: 192.0.2.1}}"),
        AT(58, ".tokenUpstream: is for the endpoint that tokens are fetched from: this route fetches "
               "none"));
}

TEST(several_routes)
{
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {gcp: true}},\n"
                       "{host: b.example, credential: c, inject: {gcp: true}}"),
                 "");
    CHECK_ERRORS(
        ROUTE("{host: a.example, credential: c, inject: {gcp: true}},\n"
              "{host: b.example, credential: d, inject: {gcp: true}}"),
        "t.yaml:6:1: spec.routes[1]: the agent's own requests to https://oauth2.googleapis.com/token are "
        "answered for credential \"c\" already: use that one, or write the injection out with answer: "
        "false\n");
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {gcp: true}},\n"
                       "{host: b.example, credential: d, inject: {gcp: {answer: false}}}"),
                 "");
    CHECK_ERRORS(
        ROUTE("{host: a.example, credential: c, inject: {bearer: true}},\n"
              "{host: b.example, credential: c, inject: {gcp: true}}"),
        "t.yaml:6:1: spec.routes[1]: credential \"c\" goes in itself in an earlier route, and is Google's "
        "JSON here: use two credentials\n");
}

TEST_MAIN()

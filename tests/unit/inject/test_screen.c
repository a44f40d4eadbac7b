/* test_screen.c - which credentials and placeholders a request may carry, and where. */
#include "inject/places.h"
#include "inject_test.h"

TEST(the_routes_own_placeholder_may_come_or_not)
{
    CHECK_EQ_INT(screen(&bearer, "Authorization", "Bearer " OPENAI_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, "authorization", "bearer " OPENAI_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, NULL, NULL, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, "Authorization", "", ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&header, "x-other-key", OTHER_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
}

/* Every way in, every place: a foreign key, the own placeholder, another route's. */
TEST(every_place_by_every_route)
{
    static const struct {
        const struct spec_route *route;
        const char *at, *name, *value, *query;
        enum policy_reason want;
    } cases[] = {
#define OK      POLICY_REASON_ROUTE
#define FOREIGN POLICY_REASON_FOREIGN_CREDENTIAL
#define TRIP    POLICY_REASON_PLACEHOLDER_MISPLACED
        /* bearer */
        {&bearer, "/v1", "Authorization", "token " OPENAI_PLACEHOLDER, "", OK},
        {&bearer, "/v1", "Authorization", "Bearer sk-foreign", "", FOREIGN},
        {&bearer, "/v1", "Authorization", "Bearer " OTHER_PLACEHOLDER, "", TRIP},
        {&bearer, "/v1", "Authorization",
         "Basic c2stcHJvai1QTEFDRUhPTERFUmFsaWNlMDAwMDAwMDAwMDAwMDAwMDAwOg==", "", TRIP},
        {&bearer, "/v1", NULL, NULL, "key=" OPENAI_PLACEHOLDER, TRIP},
        {&bearer, "/v1/" OPENAI_PLACEHOLDER, NULL, NULL, "", TRIP},
        {&bearer, "/v1/sk%2Dproj-PLACEHOLDERalice000000000000000000", NULL, NULL, "", TRIP},
        /* headers */
        {&header, "/v1", "X-Other-Sign", "key=" OTHER_PLACEHOLDER, "", OK},
        {&header, "/v1", "X-Other-Sign", OTHER_PLACEHOLDER, "", TRIP},
        {&header, "/v1", "X-Other-Sign", "key=foreign", "", FOREIGN},
        {&header, "/v1", "Authorization", OTHER_PLACEHOLDER, "", TRIP},
        /* basic: "x:PH", "PH", "PH:", "x:foreign", "x:OTHER" */
        {&basic, "/v1", "Authorization", "Basic eDoxMjM0NTpBQVBMQUNFSE9MREVSYWxpY2UwMDAwMDAwMDAwMDAwMDAwMDAw",
         "", OK},
        {&basic, "/v1", "Authorization",
         "basic MTIzNDU6QUFQTEFDRUhPTERFUmFsaWNlMDAwMDAwMDAwMDAwMDAwMDAwMA==", "", OK},
        {&basic, "/v1", "Authorization", "Basic eDpmb3JlaWdu", "", FOREIGN},
        {&basic, "/v1", "Authorization", "Bearer foreign", "", FOREIGN},
        {&basic, "/v1", "Authorization", "Bearer " OTHER_PLACEHOLDER, "", TRIP},
        {&basic, "/v1", "Authorization",
         "Basic eDpzay1wcm9qLVBMQUNFSE9MREVSYWxpY2UwMDAwMDAwMDAwMDAwMDAwMDA=", "", TRIP},
        {&basic, "/v1", NULL, NULL, "", OK},
        /* query */
        {&query, "/v1", NULL, NULL, "a=1&key=" OTHER_PLACEHOLDER, OK},
        {&query, "/v1", NULL, NULL, "k%65y=12345%3AAAPLACEHOLDERalice0000000000000000000", OK},
        {&query, "/v1", NULL, NULL, "key=&a=b", OK},
        {&query, "/v1", NULL, NULL, "key=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "key=" OTHER_PLACEHOLDER "&key=" OTHER_PLACEHOLDER, FOREIGN},
        {&query, "/v1", NULL, NULL, "key=" OTHER_PLACEHOLDER "&key=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "key=" OPENAI_PLACEHOLDER, TRIP},
        {&query, "/v1", NULL, NULL, "KEY=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "key[]=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "a=1;key=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "token=foreign", FOREIGN},
        {&query, "/v1", NULL, NULL, "key=" OTHER_PLACEHOLDER ";token=x", TRIP},
        {&query, "/v1", NULL, NULL, "q=" OTHER_PLACEHOLDER, TRIP},
        {&query, "/v1", "Authorization", "Bearer foreign", "", FOREIGN},
        /* path */
        {&path, "/bot" OTHER_PLACEHOLDER "/send", NULL, NULL, "", OK},
        {&path, "/bot12345%3AAAPLACEHOLDERalice0000000000000000000/send", NULL, NULL, "", OK},
        {&path, "/bot/send", NULL, NULL, "", OK},
        {&path, "/file/bot" OTHER_PLACEHOLDER "/a/b", NULL, NULL, "", OK},
        {&path, "/botforeign/send", NULL, NULL, "", FOREIGN},
        {&path, "/bot" OTHER_PLACEHOLDER "x/send", NULL, NULL, "", TRIP},
        {&path, "/bot" OPENAI_PLACEHOLDER "/send", NULL, NULL, "", TRIP},
        {&path, "/file/bot/" OTHER_PLACEHOLDER, NULL, NULL, "", TRIP},
        {&path, "/bot/send", "Authorization", "Bearer " OTHER_PLACEHOLDER, "", TRIP},
        {&path, "/bot/send", "X-Api-Key", "foreign", "", FOREIGN},
        /* none */
        {&none, "/v1", "Authorization", "Basic eDoxMjM0NTpBQVBMQUNFSE9MREVSYWxpY2UwMDAwMDAwMDAwMDAwMDAwMDAw",
         "", TRIP},
        {&none, "/v1", NULL, NULL, "token=foreign", FOREIGN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(
                screen_at(cases[i].route, cases[i].at, cases[i].name, cases[i].value, cases[i].query),
                cases[i].want)) {
            printf("case %zu: %s %s?%s %s\n", i, cases[i].route->name, cases[i].at, cases[i].query,
                   cases[i].value != NULL ? cases[i].value : "");
        }
    }
}

static bool is_place(const struct spec_route *route, const char *name, const char *value)
{
    const struct http_field field = {span_str(name), span_str(value)};
    return inject_is_place(route, &field);
}

/* The table itself: foreign on each route that injects, a tripwire everywhere, taken out where nothing is injected. */
TEST(the_table_of_headers)
{
    static const char *const names[] = {
#define NAME(text_) text_,
        INJECT_HEADER_PLACES(NAME)};
    static const struct spec_route *const routes[] = {&bearer, &header, &basic, &query, &path};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s", names[i]);
        size_t len = strlen(name);
        if (name[len - 1] == '*') {
            (void)snprintf(name + len - 1, sizeof(name) - len, "Security-Token");
        }
        for (size_t k = 0; k < sizeof(routes) / sizeof(routes[0]); k++) {
            CHECK_EQ_INT(screen(routes[k], name, "foreign", ""), FOREIGN);
            CHECK_EQ_INT(screen(routes[k], name, "x " OPENAI_PLACEHOLDER, ""), TRIP);
        }
        CHECK_EQ_INT(screen(&none, name, "foreign", ""), OK);
        CHECK_EQ_INT(screen(&none, name, OPENAI_PLACEHOLDER, ""), TRIP);
        CHECK(is_place(&none, name, "foreign"));
    }
    CHECK(!is_place(&none, "X-Amz", "v") && !is_place(&none, "Accept", "v"));
}

TEST(subprotocols_that_carry_a_credential)
{
    static const char *const bad[] = {"base64url.bearer.authorization.k8s.io.QUJD, v4.channel.k8s.io",
                                      "realtime, openai-insecure-api-key.sk-foreign", "Bearer, sk-foreign",
                                      "access_token, x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ_INT(screen(&bearer, "Sec-WebSocket-Protocol", bad[i], ""), FOREIGN);
        CHECK(is_place(&none, "sec-websocket-protocol", bad[i]));
    }
    CHECK_EQ_INT(screen(&bearer, "Sec-WebSocket-Protocol", "v4.channel.k8s.io, graphql-ws", ""), OK);
    CHECK_EQ_INT(screen(&none, "Sec-WebSocket-Protocol", "x." OPENAI_PLACEHOLDER, ""), TRIP);
}

TEST(a_route_adds_places_and_lets_others_through)
{
    char *more_headers[] = {TEXT("x-sign-*"), TEXT("x-key")};
    char *more_query[] = {TEXT("sig")};
    char *pass_headers[] = {TEXT("cookie"), TEXT("x-key")};
    char *pass_query[] = {TEXT("token")};
    struct spec_route own = bearer;
    own.place_headers = (struct spec_list){more_headers, 2};
    own.place_query = (struct spec_list){more_query, 1};
    own.pass_headers = (struct spec_list){pass_headers, 2};
    own.pass_query = (struct spec_list){pass_query, 1};
    CHECK_EQ_INT(screen(&own, "X-Sign-A", "v", ""), FOREIGN);
    CHECK_EQ_INT(screen(&bearer, "X-Sign-A", "v", ""), OK);
    CHECK_EQ_INT(screen(&own, NULL, NULL, "sig=v"), FOREIGN);
    CHECK_EQ_INT(screen(&bearer, NULL, NULL, "sig=v"), OK);
    CHECK_EQ_INT(screen(&own, "Cookie", "a=b", "token=v"), OK);
    CHECK_EQ_INT(screen(&own, "X-Key", "v", ""), OK);
    CHECK_EQ_INT(screen(&own, NULL, NULL, "token=v&key=v"), FOREIGN);
    CHECK_EQ_INT(screen(&own, "Cookie", OPENAI_PLACEHOLDER, ""), TRIP);
    CHECK_EQ_INT(screen(&own, NULL, NULL, "token=" OTHER_PLACEHOLDER), TRIP);
    struct spec_route open = none;
    open.pass_headers = own.pass_headers;
    open.pass_query = own.pass_query;
    CHECK_EQ_INT(screen(&open, "Authorization", "v", "token=v"), OK);
    CHECK_EQ_INT(screen(&open, NULL, NULL, "access_token=v"), FOREIGN);
}

TEST(a_foreign_credential_in_the_query)
{
    static const char *const bad[] = {"key=x",       "a=1&key=x", "ACCESS_TOKEN=x", "k%65y=x", "api_key",
                                      "token=x&a=b", "key[]=x",   "a;key=x",        "%6bey=x", "&&token"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ_INT(screen(&bearer, NULL, NULL, bad[i]), POLICY_REASON_FOREIGN_CREDENTIAL);
    }
    static const char *const good[] = {"", "keys=x", "monkey=1", "a=key", "max_tokens=5", "q=token%3dx"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_EQ_INT(screen(&bearer, NULL, NULL, good[i]), POLICY_REASON_ROUTE);
    }
}

TEST(a_misplaced_placeholder_is_a_tripwire)
{
    const enum policy_reason trip = POLICY_REASON_PLACEHOLDER_MISPLACED;
    CHECK_EQ_INT(screen(&bearer, "Authorization", "Bearer " OTHER_PLACEHOLDER, ""), trip);
    CHECK_EQ_INT(screen(&bearer, "Authorization", "Basic " OPENAI_PLACEHOLDER, ""), trip);
    CHECK_EQ_INT(screen(&bearer, "Authorization", "Bearer " OPENAI_PLACEHOLDER "x", ""), trip);
    CHECK_EQ_INT(screen(&bearer, "X-Api-Key", OPENAI_PLACEHOLDER, ""), trip);
    CHECK_EQ_INT(screen(&bearer, "X-Note", "see " OPENAI_PLACEHOLDER " here", ""), trip);
    CHECK_EQ_INT(screen(&bearer, NULL, NULL, "q=" OPENAI_PLACEHOLDER), trip);
    CHECK_EQ_INT(screen(&none, "Authorization", "Bearer " OPENAI_PLACEHOLDER, ""), trip);
    CHECK_EQ_INT(screen(&none, "X-Note", OTHER_PLACEHOLDER, ""), trip);
    struct inject_request request = {.path = SPAN_LIT("/v1/" OPENAI_PLACEHOLDER)};
    CHECK_EQ_INT(inject_screen(&none, &request, placeholders(), 2), trip);
}

TEST(twice_the_own_place_is_one_too_many)
{
    struct http_field fields[2] = {{SPAN_LIT("Authorization"), SPAN_LIT("Bearer " OPENAI_PLACEHOLDER)},
                                   {SPAN_LIT("authorization"), SPAN_LIT("Bearer " OPENAI_PLACEHOLDER)}};
    struct inject_request request = {.path = SPAN_LIT("/"), .fields = fields, .field_count = 2};
    CHECK_EQ_INT(inject_screen(&bearer, &request, placeholders(), 2), POLICY_REASON_FOREIGN_CREDENTIAL);
}

TEST(placeholder_required)
{
    struct spec_route strict = bearer;
    strict.placeholder_required = true;
    CHECK_EQ_INT(screen(&strict, NULL, NULL, ""), POLICY_REASON_PLACEHOLDER_REQUIRED);
    CHECK_EQ_INT(screen(&strict, "Authorization", "Bearer " OPENAI_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
}

TEST(placeholder_required_elsewhere)
{
    struct spec_route strict = path;
    strict.placeholder_required = true;
    CHECK_EQ_INT(screen_at(&strict, "/bot/send", NULL, NULL, ""), POLICY_REASON_PLACEHOLDER_REQUIRED);
    CHECK_EQ_INT(screen_at(&strict, "/bot" OTHER_PLACEHOLDER "/send", NULL, NULL, ""), OK);
    strict = query;
    strict.placeholder_required = true;
    CHECK_EQ_INT(screen(&strict, NULL, NULL, "a=b"), POLICY_REASON_PLACEHOLDER_REQUIRED);
    CHECK_EQ_INT(screen(&strict, NULL, NULL, "key=" OTHER_PLACEHOLDER), OK);
}

TEST_MAIN()

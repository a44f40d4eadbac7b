/* test_spec.c - a specification in memory. */
#include "policy/spec.h"

#include "support/check.h"
#include "support/spec_make.h"

TEST(names)
{
    static const char *const good[] = {
        "a", "0", "alice", "a-b", "a--b", "0-0", "abcdefghijabcdefghijabcdefghijabcdefghij"};
    static const char *const bad[] = {"",
                                      "-",
                                      "-a",
                                      "a-",
                                      "A",
                                      "aB",
                                      "a_b",
                                      "a.b",
                                      "a b",
                                      "a/b",
                                      "a\n",
                                      "a\xc3\xbc",
                                      "abcdefghijabcdefghijabcdefghijabcdefghijk"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(spec_name_valid(span_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!spec_name_valid(span_str(bad[i])));
    }
    CHECK(!spec_name_valid(SPAN_EMPTY));
    CHECK(!spec_name_valid(span_of("a\0b", 3)));
}

TEST(grows_to_its_limit)
{
    struct spec *spec = make_spec("alice");
    for (size_t i = 0; i < SPEC_ROUTES_MAX; i++) {
        struct spec_route *route = NULL;
        struct spec_credential *credential = NULL;
        if (!CHECK_EQ_INT(spec_add_route(spec, &route), 0) ||
            !CHECK_EQ_INT(spec_add_credential(spec, &credential), 0)) {
            break;
        }
        CHECK(route == &spec->routes[i] && credential == &spec->credentials[i]);
        CHECK(route->name == NULL && route->port == 0 && route->methods == NULL &&
              route->action == SPEC_ACTION_ALLOW);
        char name[16];
        (void)snprintf(name, sizeof(name), "n%zu", i);
        route->name = make_text(name);
        credential->name = make_text(name);
    }
    struct spec_route *route = NULL;
    struct spec_credential *credential = NULL;
    CHECK_EQ_INT(spec_add_route(spec, &route), CB_ELIMIT);
    CHECK_EQ_INT(spec_add_credential(spec, &credential), CB_ELIMIT);
    CHECK(route == NULL && credential == NULL);
    CHECK_EQ_STR(spec->routes[300].name, "n300");
    CHECK(spec_find_credential(spec, SPAN_LIT("n511")) == &spec->credentials[511]);
    CHECK(spec_find_credential(spec, SPAN_LIT("n512")) == NULL);
    CHECK(spec_find_credential(spec, SPAN_LIT("n51")) == &spec->credentials[51]);
    CHECK(spec_find_credential(spec, SPAN_EMPTY) == NULL);
    spec_free(spec);
}

TEST(freeing)
{
    spec_free(NULL);
    struct spec *spec = spec_new();
    CHECK(spec != NULL && spec->route_count == 0 && spec->tenant == NULL);
    spec_free(spec);
    /* Half-made: what conf leaves when it finds a fault. */
    spec = make_spec("alice");
    struct spec_route *route;
    struct spec_credential *credential;
    CHECK_EQ_INT(spec_add_route(spec, &route), 0);
    CHECK_EQ_INT(spec_add_credential(spec, &credential), 0);
    CHECK(spec_find_credential(spec, SPAN_LIT("x")) == NULL);
    make_list("GET POST", &route->methods, &route->method_count);
    spec_free(spec);
}

TEST_MAIN()

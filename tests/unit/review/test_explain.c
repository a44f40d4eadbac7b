/* test_explain.c - the verdict of a request, what it rests on, and what would be sent. */
#include "review_test.h"

#define R(name_) POLICY_REASON_##name_

/* "Name: value" or NULL; placeholders are put in. */
struct explained {
    struct review_explanation e;
    struct http_field field;
    struct review_request request;
    struct buf text;
};

static void explain(const struct review_policy *policy, const char *method, const char *url, const char *name,
                    const char *value, struct explained *out)
{
    char why[128];
    uint8_t *room;
    *out = (struct explained){.field = {span_str(name), SPAN_EMPTY}};
    buf_init(&out->text, 8192);
    CHECK_EQ_INT(buf_reserve(&out->text, 8192, &room), 0);
    CHECK_EQ_INT(review_policy_expand(policy, span_str(url), &out->text, why, sizeof(why)), 0);
    struct span at = buf_span(&out->text);
    CHECK_EQ_INT(review_policy_expand(policy, span_str(value), &out->text, why, sizeof(why)), 0);
    out->field.value = span_sub(buf_span(&out->text), at.len, SIZE_MAX);
    out->request = (struct review_request){
        .method = span_str(method), .url = at, .fields = &out->field, .field_count = name != NULL ? 1 : 0};
    CHECK_EQ_INT(review_explain(policy, &out->request, &out->e), 0);
}

static void explained_deinit(struct explained *x)
{
    review_explanation_deinit(&x->e);
    buf_deinit(&x->text);
}

TEST(verdicts)
{
    static const struct {
        const char *method, *url, *name, *value;
        enum policy_reason reason;
        const char *route; /* NULL: none */
        const char *target;
        const char *detail;
    } cases[] = {
        {"POST", "https://api.openai.com/v1/x?a=b", NULL, NULL, R(ROUTE), "openai", "/v1/x?a=b", ""},
        {"POST", "HTTPS://API.openai.com/v1/./%78", NULL, NULL, R(ROUTE), "openai", "/v1/x", ""},
        {"GET", "https://api.openai.com/other", NULL, NULL, R(ROUTE), "wide", "/other", ""},
        {"GET", "https://llm.example.com", NULL, NULL, R(ROUTE), "inside", "/", ""},
        {"GET", "https://api.telegram.org/bot{placeholder:tg}/getMe", NULL, NULL, R(ROUTE), "telegram",
         "/bot{credential}/getMe", ""},
        {"GET", "https://maps.example.com/a?key={placeholder:maps}&q=1", NULL, NULL, R(ROUTE), "maps",
         "/a?q=1&key={credential}", ""},
        {"GET", "https://api.openai.com/v1/x", "Authorization", "Bearer {placeholder:openai}", R(ROUTE),
         "openai", "/v1/x", ""},
        {"GET", "https://api.openai.com/v1/x", "Authorization", "Bearer {placeholder:maps}",
         R(PLACEHOLDER_MISPLACED), "openai", "", "what stands in the header Authorization"},
        {"GET", "https://api.openai.com/v1/x", "X-Api-Key", "own", R(FOREIGN_CREDENTIAL), "openai", "",
         "what stands in the header X-Api-Key"},
        {"GET", "https://api.openai.com/v1/x?api_key=own", NULL, NULL, R(FOREIGN_CREDENTIAL), "openai", "",
         "what stands in the query"},
        {"GET", "https://api.telegram.org/botown/getMe", NULL, NULL, R(FOREIGN_CREDENTIAL), "telegram", "",
         "what stands in the path"},
        {"GET", "https://api.openai.com/v1/files/x", NULL, NULL, R(ROUTE_DENIES), "no-files", "", ""},
        {"PUT", "https://api.openai.com/v1/x", NULL, NULL, R(NO_ROUTE_METHOD), "openai", "", ""},
        {"GET", "https://evil.example/", NULL, NULL, R(NO_ROUTE), NULL, "", ""},
        {"GET", "http://api.openai.com/v1/x", NULL, NULL, R(NO_ROUTE_SCHEME), "openai", "", ""},
        {"TRACE", "https://api.openai.com/v1/x", NULL, NULL, R(METHOD_NEVER), NULL, "", ""},
        {"GET", "https://api.openai.com:8443/v1/x", NULL, NULL, R(NO_ROUTE_PORT), "openai", "", ""},
        {"GET", "https://10.0.0.1/", NULL, NULL, R(SPECIAL_ADDRESS), "literal", "", NULL},
        {"GET", "https://api.openai.com/v1/%2fx", NULL, NULL, R(BAD_PATH), NULL, "",
         "the path and query, from byte 4 on: \"%2fx\""},
        {"GET", "https://api.openai.com/v1/../../x", NULL, NULL, R(BAD_PATH), NULL, "", NULL},
        {"GET", "https://a@api.openai.com/", NULL, NULL, R(BAD_AUTHORITY), NULL, "", NULL},
        {"GET", "https://api.openai.com:0443x/", NULL, NULL, R(BAD_AUTHORITY), NULL, "",
         "the port is not a plain number from 1 to 65535"},
        {"GET", "https://127.1/", NULL, NULL, R(BAD_AUTHORITY), NULL, "", NULL},
        {"GET", "ws://api.openai.com/", NULL, NULL, R(BAD_REQUEST), NULL, "",
         "a URL starts with https:// or http://"},
        {"G T", "https://api.openai.com/", NULL, NULL, R(BAD_REQUEST), NULL, "", NULL},
        {"GET", "https://api.openai.com/v1/x", "X y", "v", R(BAD_REQUEST), NULL, "", NULL},
        {"GET", "https://api.openai.com/v1/x", "Host", "evil.example", R(AUTHORITY_MISMATCH), NULL, "", NULL},
        {"GET", "https://api.openai.com/v1/x", "Host", "api.openai.com:443", R(ROUTE), "openai", "/v1/x", ""},
    };
    struct review_policy *policy = policy_of(ALICE);
    for (size_t i = 0; policy != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct explained x;
        explain(policy, cases[i].method, cases[i].url, cases[i].name, cases[i].value, &x);
        if (!CHECK_EQ_INT(x.e.reason, cases[i].reason)) {
            printf("    %s %s\n", cases[i].method, cases[i].url);
        }
        CHECK_EQ_STR(x.e.route != NULL ? x.e.route->name : NULL, cases[i].route);
        struct span target = buf_span(&x.e.target);
        CHECK_EQ_BYTES(target.ptr, target.len, cases[i].target, strlen(cases[i].target));
        if (cases[i].detail != NULL) {
            CHECK_EQ_STR(x.e.detail, cases[i].detail);
        } else {
            CHECK(x.e.detail[0] != '\0');
        }
        explained_deinit(&x);
    }
    review_policy_free(policy);
}

TEST(the_routes_that_lose_are_named_in_their_order)
{
    struct review_policy *policy = policy_of(ALICE);
    struct explained x;
    if (policy == NULL) {
        return;
    }
    explain(policy, "GET", "https://api.openai.com/v1/files/x", NULL, NULL, &x);
    CHECK(x.e.decides);
    if (CHECK_EQ_INT(x.e.rival_count, 2)) {
        CHECK_EQ_STR(x.e.rivals[0].route->name, "openai");
        CHECK_EQ_STR(x.e.rivals[0].why, "its path /v1/files/** is more specific than /v1/**");
        CHECK_EQ_STR(x.e.rivals[1].route->name, "wide");
        CHECK_EQ_STR(x.e.rivals[1].why, "its host api.openai.com is more specific than *.openai.com");
    }
    explained_deinit(&x);
    explain(policy, "GET", "https://api.openai.com:8443/v1/x", NULL, NULL, &x);
    CHECK(!x.e.decides);
    CHECK_EQ_INT(x.e.rival_count, 0);
    explained_deinit(&x);
    review_policy_free(policy);
}

TEST(a_deny_route_as_specific_wins)
{
    struct review_policy *policy =
        policy_of("apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec: {routes: [\n"
                  "{name: a, host: a.example, paths: [/x]},\n"
                  "{name: b, host: a.example, action: deny, paths: [/x]}]}\n");
    struct explained x;
    if (policy == NULL) {
        return;
    }
    explain(policy, "GET", "https://a.example/x", NULL, NULL, &x);
    CHECK_EQ_INT(x.e.reason, POLICY_REASON_ROUTE_DENIES);
    if (CHECK_EQ_INT(x.e.rival_count, 1)) {
        CHECK_EQ_STR(x.e.rivals[0].why, "a deny route wins over an allow route that is as specific");
    }
    explained_deinit(&x);
    review_policy_free(policy);
}

TEST(what_goes_in)
{
    static const struct {
        const char *route;
        const char *want;
    } cases[] = {
        {"openai", "header Authorization: Bearer {credential}\n"},
        {"wide", ""},
        {"telegram", "path /bot{credential}/**\npath /file/bot{credential}/**\n"},
        {"maps", "query parameter key={credential}\n"},
        {"git", "header Authorization: Basic base64(u:{credential})\n"},
    };
    struct review_policy *policy = policy_of(ALICE);
    for (size_t i = 0; policy != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < policy->spec->route_count; k++) {
            struct buf out;
            if (strcmp(policy->spec->routes[k].name, cases[i].route) != 0) {
                continue;
            }
            buf_init(&out, 4096);
            CHECK_EQ_INT(review_injected(&policy->spec->routes[k], &out), 0);
            CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), cases[i].want, strlen(cases[i].want));
            buf_deinit(&out);
        }
    }
    review_policy_free(policy);
}

TEST(a_credential_that_is_not_set_or_bound_elsewhere)
{
    struct review_policy *policy = policy_of(ALICE);
    struct explained x;
    if (policy == NULL) {
        return;
    }
    struct review_credential *c = &policy->credentials[0];
    CHECK_EQ_STR(c->name, "openai");
    c->set = false;
    explain(policy, "GET", "https://api.openai.com/v1/x", NULL, NULL, &x);
    CHECK_EQ_INT(x.e.reason, POLICY_REASON_CREDENTIAL_NOT_SET);
    explained_deinit(&x);
    c->set = true;
    c->binding[0] = 'x';
    explain(policy, "GET", "https://api.openai.com/v1/x", NULL, NULL, &x);
    CHECK_EQ_INT(x.e.reason, POLICY_REASON_BINDING);
    CHECK(!x.e.bound);
    explained_deinit(&x);
    review_policy_free(policy);
}

/* Allowed by it until it ends; nothing that a route decides is its; and what it lets pass goes without a credential. */
TEST(a_grant_is_named_with_what_would_be_without_it)
{
    static const struct {
        const char *url, *name, *value;
        enum policy_reason reason;
        const char *route;
        bool granted;
    } cases[] = {
        {"https://api.openai.com/v2/x", NULL, NULL, R(ROUTE), "wide", false}, /* a route allows GET */
        {"https://llm.example.com:444/v2/x", NULL, NULL, R(NO_ROUTE_PORT), "inside", false},
        {"https://new.example/v2/x", NULL, NULL, R(ROUTE), "grant:3", true},
        {"https://new.example/v2/x", "Authorization", "Bearer {placeholder:openai}", R(PLACEHOLDER_MISPLACED),
         "grant:3", true},
        {"https://10.0.0.2/v2/x", NULL, NULL, R(SPECIAL_ADDRESS), "grant:4", true},
        {"https://new.example/v3", NULL, NULL, R(NO_ROUTE), NULL, false},
    };
    static const char *const hosts[] = {"api.openai.com", "llm.example.com", "new.example", "10.0.0.2"};
    struct buf list;
    buf_init(&list, 4096);
    struct writer w = writer_to(&list);
    writer_u32(&w, 4);
    for (size_t i = 0; i < 4; i++) {
        policy_grant_write(&w, &(struct policy_grant){.id = i + 1,
                                                      .host = span_str(hosts[i]),
                                                      .port = 443,
                                                      .method = SPAN_LIT("GET"),
                                                      .path = SPAN_LIT("/v2/*"),
                                                      .until_ms = 1000,
                                                      .uses_left = POLICY_GRANT_ANY});
    }
    struct review_policy *policy = policy_with(ALICE, buf_span(&list));
    for (size_t i = 0; policy != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct explained x;
        policy->now_ms = 999;
        explain(policy, "GET", cases[i].url, cases[i].name, cases[i].value, &x);
        CHECK_EQ_INT(x.e.reason, cases[i].reason);
        CHECK_EQ_STR(x.e.route != NULL ? x.e.route->name : NULL, cases[i].route);
        CHECK_EQ_INT(x.e.grant != NULL, cases[i].granted);
        CHECK_EQ_UINT(x.e.rival_count, 0);
        if (cases[i].granted) {
            CHECK(x.e.decides && x.e.ungranted == R(NO_ROUTE));
        }
        bool by_grant = cases[i].granted && cases[i].reason == R(ROUTE);
        CHECK_EQ_INT(strstr(review_explanation_text(&x.e), "allowed it for a time") != NULL, by_grant);
        explained_deinit(&x);
        policy->now_ms = 1000;
        explain(policy, "GET", cases[i].url, cases[i].name, cases[i].value, &x);
        CHECK(x.e.grant == NULL);
        CHECK_EQ_INT(x.e.reason, cases[i].granted ? R(NO_ROUTE) : cases[i].reason);
        explained_deinit(&x);
    }
    /* To a host with a way of its own it goes that way. */
    if (policy != NULL) {
        CHECK_EQ_STR(policy->spec->routes[policy->grants.own + 1].upstream_address, "10.1.2.3");
    }
    review_policy_free(policy);
    buf_deinit(&list);
}

TEST(placeholders_by_name)
{
    struct review_policy *policy = policy_of(ALICE);
    struct buf out;
    char why[128] = "";
    if (policy == NULL) {
        return;
    }
    buf_init(&out, 4096);
    CHECK_EQ_INT(review_policy_expand(policy, SPAN_LIT("a{placeholder:tg}b{}"), &out, why, sizeof(why)), 0);
    const char *tg = review_policy_find(policy, "tg")->placeholder;
    CHECK_EQ_INT(buf_len(&out), strlen(tg) + 4);
    CHECK(memcmp(buf_span(&out).ptr + 1, tg, strlen(tg)) == 0);
    static const char *const bad[] = {"{placeholder}", "{placeholder", "{placeholder:nobody}",
                                      "{placeholders}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why[0] = '\0';
        CHECK_EQ_INT(review_policy_expand(policy, span_str(bad[i]), &out, why, sizeof(why)), CB_ENOTFOUND);
        CHECK(why[0] != '\0');
    }
    buf_deinit(&out);
    review_policy_free(policy);
}

TEST_MAIN()

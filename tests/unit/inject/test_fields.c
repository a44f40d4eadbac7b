/* test_fields.c - which fields travel, and what a route writes. */
#include "inject_test.h"

TEST(why_a_field_stays)
{
    static const struct {
        const char *name;
        enum inject_fate fate;
    } cases[] = {
        {"Accept", INJECT_FATE_PASSES},
        {"Host", INJECT_FATE_OURS},
        {"X-Method-Override", INJECT_FATE_OVERRIDE},
        {"Authorization", INJECT_FATE_ROUTE},
        {"X-Api-Key", INJECT_FATE_PLACE},
        {"TE", INJECT_FATE_HOP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_field field = {span_str(cases[i].name), SPAN_LIT("v")};
        struct inject_request request = {.path = SPAN_LIT("/"), .fields = &field, .field_count = 1};
        CHECK_EQ_INT(inject_field_fate(&bearer, &request, &field), cases[i].fate);
        CHECK(inject_fate_text(cases[i].fate)[0] != '\0');
    }
}

TEST(which_fields_travel)
{
    static const char *const stay[] = {"Host",
                                       "Content-Length",
                                       "Transfer-Encoding",
                                       "Connection",
                                       "Keep-Alive",
                                       "TE",
                                       "Upgrade",
                                       "Expect",
                                       "Cookie",
                                       "X-Listed",
                                       "X-HTTP-Method-Override",
                                       "Authorization",
                                       "Proxy-Connection"};
    static const char *const go[] = {"Accept", "User-Agent", "Content-Type", "X-Stainless-Lang",
                                     "anthropic-version"};
    struct http_field fields[2] = {{SPAN_LIT("Connection"), SPAN_LIT("close, x-listed")},
                                   {SPAN_EMPTY, SPAN_LIT("v")}};
    struct inject_request request = {.path = SPAN_LIT("/"), .fields = fields, .field_count = 2};
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
        fields[1].name = span_str(stay[i]);
        CHECK(!inject_field_passes(&bearer, &request, &fields[1]));
    }
    for (size_t i = 0; i < sizeof(go) / sizeof(go[0]); i++) {
        fields[1].name = span_str(go[i]);
        CHECK(inject_field_passes(&bearer, &request, &fields[1]));
    }
    fields[1].name = SPAN_LIT("x-version"); /* the route's own word, instead of the agent's */
    CHECK(!inject_field_passes(&header, &request, &fields[1]));
    fields[1].name = SPAN_LIT("x-other-sign");
    CHECK(!inject_field_passes(&header, &request, &fields[1]));
    fields[1].name = SPAN_LIT("x-other-key");
    CHECK(!inject_field_passes(&header, &request, &fields[1]));
    CHECK(inject_field_passes(&bearer, &request, &fields[1]));
}

TEST(which_answer_fields_come_back)
{
    struct http_field cookie = {SPAN_LIT("Set-Cookie"), SPAN_LIT("session=1")};
    struct http_field alt = {SPAN_LIT("Alt-Svc"), SPAN_LIT("h3=\":443\"")};
    struct http_field type = {SPAN_LIT("Content-Type"), SPAN_LIT("text/plain")};
    CHECK(!inject_answer_field_passes(&bearer, &cookie, 1, &cookie));
    CHECK(inject_answer_field_passes(&none, &cookie, 1, &cookie));
    CHECK(!inject_answer_field_passes(&none, &alt, 1, &alt));
    CHECK(inject_answer_field_passes(&bearer, &type, 1, &type));
}

TEST(what_a_route_passes_travels)
{
    char *names[] = {TEXT("cookie"), TEXT("authorization")};
    struct spec_route open = none;
    struct http_field field = {SPAN_LIT("Authorization"), SPAN_LIT("Bearer own")};
    struct inject_request request = {.path = SPAN_LIT("/"), .fields = &field, .field_count = 1};
    CHECK(!inject_field_passes(&open, &request, &field));
    open.pass_headers = (struct spec_list){names, 2};
    CHECK(inject_field_passes(&open, &request, &field));
    field.name = SPAN_LIT("Proxy-Authorization");
    CHECK(!inject_field_passes(&open, &request, &field));
}

TEST(extra_headers_come_after_the_credential)
{
    CHECK_WRITTEN(inject_write(&header, SPAN_LIT("k"), &out), 0,
                  "X-Other-Key: k\r\nX-Other-Sign: key=k\r\nX-Version: 2026-11\r\n");
    struct spec_route plain = none;
    plain.extras = extra_fields;
    plain.extra_count = 1;
    CHECK_WRITTEN(inject_write(&plain, SPAN_EMPTY, &out), 0, "X-Version: 2026-11\r\n");
    CHECK_WRITTEN(inject_write(&none, SPAN_EMPTY, &out), 0, "");
    CHECK_WRITTEN(inject_write(&query, SPAN_LIT("k"), &out), 0, "");
}

TEST(targets)
{
    struct inject_request request = {.path = SPAN_LIT("/v1/x"), .query = SPAN_LIT("a=b"), .has_query = true};
    CHECK_WRITTEN(inject_write_target(&bearer, &request, SPAN_LIT("k"), &out), 0, "/v1/x?a=b");
    CHECK_WRITTEN(inject_write_target(&query, &request, SPAN_LIT("k"), &out), 0, "/v1/x?a=b&key=k");
    request.query = SPAN_EMPTY;
    CHECK_WRITTEN(inject_write_target(&bearer, &request, SPAN_LIT("k"), &out), 0, "/v1/x?");
    request.has_query = false;
    CHECK_WRITTEN(inject_write_target(&bearer, &request, SPAN_LIT("k"), &out), 0, "/v1/x");
    CHECK_WRITTEN(inject_write_target(&query, &request, SPAN_LIT("k"), &out), 0, "/v1/x?key=k");
    CHECK_WRITTEN(inject_write_target(&path, &request, SPAN_LIT("k"), &out), CB_EINTERNAL, "");
}

TEST_MAIN()

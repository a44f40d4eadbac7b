/* test_inject.c - what a request may carry, what is taken out, what goes in. */
#include "inject/inject.h"
#include "support/check.h"

#define OPENAI_PLACEHOLDER "sk-proj-PLACEHOLDERalice000000000000000000"
#define OTHER_PLACEHOLDER  "sk-ant-PLACEHOLDERalice0000000000000000000"

/* Writable copies, as a spec owns them. */
#define TEXT(literal) ((char[]){literal})

static struct spec_route bearer = {.name = TEXT("openai"),
                                   .host = TEXT("api.openai.com"),
                                   .inject = SPEC_INJECT_BEARER,
                                   .header = TEXT("Authorization"),
                                   .prefix = TEXT("Bearer "),
                                   .credential = TEXT("openai")};
static struct spec_route header = {.name = TEXT("other"),
                                   .host = TEXT("api.other.example"),
                                   .inject = SPEC_INJECT_HEADER,
                                   .header = TEXT("X-Other-Key"),
                                   .prefix = TEXT(""),
                                   .credential = TEXT("other")};
static struct spec_route none = {
    .name = TEXT("docs"), .host = TEXT("docs.example.com"), .inject = SPEC_INJECT_NONE};

static const struct inject_placeholder *placeholders(void)
{
    static struct inject_placeholder list[2];
    list[0] = (struct inject_placeholder){span_str("openai"), span_str(OPENAI_PLACEHOLDER)};
    list[1] = (struct inject_placeholder){span_str("other"), span_str(OTHER_PLACEHOLDER)};
    return list;
}

static enum policy_reason screen(const struct spec_route *route, const char *name, const char *value,
                                 const char *query)
{
    struct http_field field = {span_str(name), span_str(value)};
    struct inject_request request = {.path = SPAN_LIT("/v1/models"),
                                     .query = span_str(query),
                                     .fields = &field,
                                     .field_count = name != NULL ? 1 : 0};
    return inject_screen(route, &request, placeholders(), 2);
}

TEST(the_routes_own_placeholder_may_come_or_not)
{
    CHECK_EQ_INT(screen(&bearer, "Authorization", "Bearer " OPENAI_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, "authorization", "bearer " OPENAI_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, NULL, NULL, ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&bearer, "Authorization", "", ""), POLICY_REASON_ROUTE);
    CHECK_EQ_INT(screen(&header, "x-other-key", OTHER_PLACEHOLDER, ""), POLICY_REASON_ROUTE);
}

TEST(a_foreign_credential_is_refused_in_every_place)
{
    static const char *const names[] = {
        "Authorization",       "Proxy-Authorization", "Cookie",       "X-Api-Key",  "Api-Key",
        "X-Goog-Api-Key",      "Private-Token",       "X-Auth-Token", "X-Amz-Date", "X-Amz-Security-Token",
        "X-Subscription-Token"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_EQ_INT(screen(&bearer, names[i], "Bearer sk-attacker-key", ""),
                     POLICY_REASON_FOREIGN_CREDENTIAL);
        CHECK_EQ_INT(screen(&header, names[i], "sk-attacker-key", ""), POLICY_REASON_FOREIGN_CREDENTIAL);
        /* Without a credential of ours there is nothing to mix it up with: it is taken out, and the request goes on. */
        CHECK_EQ_INT(screen(&none, names[i], "sk-attacker-key", ""), POLICY_REASON_ROUTE);
        CHECK(inject_is_place(span_str(names[i])));
    }
    CHECK_EQ_INT(screen(&header, "X-Other-Key", "sk-attacker-key", ""), POLICY_REASON_FOREIGN_CREDENTIAL);
    CHECK(!inject_is_place(SPAN_LIT("X-Amz")));
    CHECK(!inject_is_place(SPAN_LIT("Accept")));
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

TEST(the_credential_goes_in)
{
    struct buf out;
    buf_init(&out, 4096);
    buf_set_sensitive(&out);
    CHECK_EQ_INT(inject_write(&bearer, SPAN_LIT("sk-real"), &out), 0);
    CHECK(span_eq_str(buf_span(&out), "Authorization: Bearer sk-real\r\n"));
    buf_reset(&out);
    CHECK_EQ_INT(inject_write(&header, SPAN_LIT("k"), &out), 0);
    CHECK(span_eq_str(buf_span(&out), "X-Other-Key: k\r\n"));
    buf_reset(&out);
    CHECK_EQ_INT(inject_write(&bearer, SPAN_LIT("a\r\nX-Evil: b"), &out), CB_EINVAL);
    CHECK_EQ_INT(buf_len(&out), 0);
    buf_deinit(&out);
}

TEST_MAIN()

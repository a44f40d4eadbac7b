/* inject_test.h - routes of every kind, two placeholders, and one request at a time. */
#ifndef TESTS_UNIT_INJECT_TEST_H
#define TESTS_UNIT_INJECT_TEST_H

#include "inject/internal.h"
#include "support/check.h"

#define OPENAI_PLACEHOLDER "sk-proj-PLACEHOLDERalice000000000000000000"
#define OTHER_PLACEHOLDER  "12345:AAPLACEHOLDERalice0000000000000000000"

/* Writable copies, as a spec owns them. */
#define TEXT(literal) ((char[]){literal})

static struct spec_field bearer_fields[] = {{TEXT("Authorization"), TEXT("Bearer ")}};
static struct spec_field header_fields[] = {{TEXT("X-Other-Key"), TEXT("")},
                                            {TEXT("X-Other-Sign"), TEXT("key=")}};
static struct spec_field basic_fields[] = {{TEXT("Authorization"), TEXT("Basic ")}};
static struct spec_field extra_fields[] = {{TEXT("X-Version"), TEXT("2026-11")}};
static char *path_patterns[] = {TEXT("/bot*/send"), TEXT("/file/bot*/**"), TEXT("/x/*"), TEXT("/in/a*z/y")};
static uint16_t path_marks[] = {4, 9, 3, 5};

__attribute__((unused)) static struct spec_route bearer = {.name = TEXT("openai"),
                                                           .host = TEXT("api.openai.com"),
                                                           .inject = SPEC_INJECT_BEARER,
                                                           .headers = bearer_fields,
                                                           .header_count = 1,
                                                           .credential = TEXT("openai")};
__attribute__((unused)) static struct spec_route header = {.name = TEXT("other"),
                                                           .host = TEXT("api.other.example"),
                                                           .inject = SPEC_INJECT_HEADER,
                                                           .headers = header_fields,
                                                           .header_count = 2,
                                                           .extras = extra_fields,
                                                           .extra_count = 1,
                                                           .credential = TEXT("other")};
__attribute__((unused)) static struct spec_route basic = {.name = TEXT("git"),
                                                          .host = TEXT("github.com"),
                                                          .inject = SPEC_INJECT_BASIC,
                                                          .headers = basic_fields,
                                                          .header_count = 1,
                                                          .user = TEXT("x-access-token"),
                                                          .credential = TEXT("other")};
__attribute__((unused)) static struct spec_route query = {.name = TEXT("maps"),
                                                          .host = TEXT("maps.example.com"),
                                                          .inject = SPEC_INJECT_QUERY,
                                                          .parameter = TEXT("key"),
                                                          .credential = TEXT("other")};
__attribute__((unused)) static struct spec_route path = {.name = TEXT("bot"),
                                                         .host = TEXT("api.telegram.org"),
                                                         .inject = SPEC_INJECT_PATH,
                                                         .paths = path_patterns,
                                                         .path_count = 4,
                                                         .path_marks = path_marks,
                                                         .credential = TEXT("other")};
__attribute__((unused)) static struct spec_route none = {
    .name = TEXT("docs"), .host = TEXT("docs.example.com"), .inject = SPEC_INJECT_NONE};

static inline const struct inject_placeholder *placeholders(void)
{
    static struct inject_placeholder list[2];
    list[0] = (struct inject_placeholder){span_str("openai"), span_str(OPENAI_PLACEHOLDER)};
    list[1] = (struct inject_placeholder){span_str("other"), span_str(OTHER_PLACEHOLDER)};
    return list;
}

/* One field (or none), a query and a path. */
static inline enum policy_reason screen_at(const struct spec_route *route, const char *at, const char *name,
                                           const char *value, const char *text)
{
    struct http_field field = {span_str(name), span_str(value)};
    struct inject_request request = {.path = span_str(at),
                                     .query = span_str(text),
                                     .has_query = *text != '\0',
                                     .fields = &field,
                                     .field_count = name != NULL ? 1 : 0};
    return inject_screen(route, &request, placeholders(), 2);
}

static inline enum policy_reason screen(const struct spec_route *route, const char *name, const char *value,
                                        const char *text)
{
    return screen_at(route, route->inject == SPEC_INJECT_PATH ? "/bot/send" : "/v1/models", name, value,
                     text);
}

/* What is written for a target or for the header fields; r is the result that is wanted. */
#define CHECK_WRITTEN(call_, want_result_, want_)                                    \
    do {                                                                             \
        struct buf out;                                                              \
        buf_init(&out, 4096);                                                        \
        buf_set_sensitive(&out);                                                     \
        CHECK_EQ_INT(call_, want_result_);                                           \
        if ((want_result_) == 0) {                                                   \
            CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want_, strlen(want_)); \
        }                                                                            \
        buf_deinit(&out);                                                            \
    } while (0)

#endif

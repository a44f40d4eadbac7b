/* test_spec_check.c - one fault at a time in a specification that is right. */
#include "policy/spec_check.h"

#include "support/check.h"
#include "support/spec_make.h"

static void set(char **field, const char *text)
{
    free(*field);
    *field = make_text(text);
}

static void set_long(char **field, size_t len)
{
    free(*field);
    *field = (char *)make_or_die(malloc(len + 1));
    memset(*field, 'a', len);
    (*field)[len] = '\0';
}

/* Applies one change to a fresh spec (s; its routes are r) and says whether that is still valid; encoding must agree. */
#define EXPECT(valid_, change_)                                           \
    do {                                                                  \
        struct spec *s = make_full_spec();                                \
        struct spec_route *r = s->routes;                                 \
        struct buf encoded;                                               \
        (void)r;                                                          \
        buf_init(&encoded, SPEC_ENCODED_MAX);                             \
        change_;                                                          \
        CHECK_EQ_INT(spec_is_valid(s), valid_);                           \
        CHECK_EQ_INT(spec_encode(s, &encoded), (valid_) ? 0 : CB_EINVAL); \
        CHECK_EQ_INT(buf_len(&encoded) != 0, valid_);                     \
        buf_deinit(&encoded);                                             \
        spec_free(s);                                                     \
    } while (0)

TEST(valid)
{
    EXPECT(true, (void)0);
    EXPECT(true, s->limits = (struct spec_limits){0});
    EXPECT(true, set(&r[2].upstream_address, "10.0.0.1"));
    EXPECT(true, set(&r[2].upstream_address, NULL));
    EXPECT(true, r[2].upstream_port = 0);
    EXPECT(true, set(&r[0].provider, NULL));
    EXPECT(true, set_long(&r[2].upstream_ca, SPEC_CA_MAX));
    EXPECT(true, set(&r[0].headers[0].value, ""));
    EXPECT(true, r[1].insecure = false);
    EXPECT(true, r[1].websocket = true);
    EXPECT(false, (r[1].websocket = true, r[1].methods[0][0] = 'S'));
    EXPECT(false, r[3].websocket = true); /* it denies */
    struct spec *empty = make_spec("a");
    CHECK(spec_is_valid(empty));
    spec_free(empty);
}

TEST(tenant_and_credentials)
{
    EXPECT(false, set(&s->tenant, NULL));
    EXPECT(false, set(&s->tenant, ""));
    EXPECT(false, set(&s->tenant, "Alice"));
    EXPECT(false, set(&s->tenant, "../etc"));
    EXPECT(false, set(&s->credentials[0].name, NULL));
    EXPECT(false, set(&s->credentials[0].name, "a b"));
    EXPECT(false, set(&s->credentials[1].name, "openai"));
    EXPECT(false, set(&s->credentials[0].env, ""));
    EXPECT(false, set(&s->credentials[0].env, "1A"));
    EXPECT(false, set(&s->credentials[0].env, "A=B"));
    EXPECT(false, set(&s->credentials[0].env, "A;rm"));
    EXPECT(false, set(&s->credentials[0].env, "A\nB"));
    EXPECT(false, set_long(&s->credentials[0].env, SPEC_ENV_MAX + 1));
    EXPECT(true, set(&s->credentials[0].env, "_a_1"));
    EXPECT(true, set(&s->credentials[0].env, "A,B"));
    EXPECT(false, set(&s->credentials[0].env, "A,"));
    EXPECT(false, set(&s->credentials[0].env, ",A"));
    EXPECT(false, set(&s->credentials[0].env, "A,,B"));
    EXPECT(false, set(&s->credentials[0].env, "A, B"));
    EXPECT(false, set(&s->credentials[0].shape, "sk-{21}"));
    EXPECT(false, set(&s->credentials[0].shape, ""));
}

TEST(routes)
{
    EXPECT(false, set(&r[0].name, NULL));
    EXPECT(false, set(&r[0].name, "docs"));
    EXPECT(false, set(&r[0].name, "Docs"));
    EXPECT(false, set(&r[0].provider, "Open AI"));
    EXPECT(false, r[0].action = SPEC_ACTION__COUNT);
    EXPECT(false, r[0].action = (enum spec_action) - 1);
    EXPECT(false, r[0].scheme = SPEC_SCHEME__COUNT);
    EXPECT(false, r[0].inject = SPEC_INJECT__COUNT);
    EXPECT(false, r[0].port = 0);
    EXPECT(false, set(&r[0].host, NULL));
    EXPECT(false, set(&r[0].host, ""));
    EXPECT(false, set(&r[0].host, "API.openai.com"));
    EXPECT(false, set(&r[0].host, "api.openai.com."));
    EXPECT(false, set(&r[0].host, "127.1"));
    EXPECT(false, set(&r[0].host, "*.com"));
    EXPECT(false, set(&r[0].host, "[2001:DB8::1]"));
    EXPECT(true, set(&r[0].host, "[2001:db8::1]"));
}

TEST(methods_and_paths)
{
    EXPECT(false, set(&r[0].methods[0], ""));
    EXPECT(false, set(&r[0].methods[0], "get"));
    EXPECT(false, set(&r[0].methods[0], "GeT"));
    EXPECT(false, set(&r[0].methods[0], "G ET"));
    EXPECT(false, set(&r[0].methods[0], "GET\r\n"));
    EXPECT(false, set_long(&r[0].methods[0], 33));
    EXPECT(true, set(&r[0].methods[0], "PROPFIND"));
    EXPECT(true, set(&r[0].methods[0], "X!#$%&'*+-.^_`|~1"));
    EXPECT(false, free(r[0].methods[0]); free(r[0].methods[1]); free(r[0].methods[2]); r[0].method_count = 0);
    EXPECT(false, set(&r[0].paths[0], ""));
    EXPECT(false, set(&r[0].paths[0], "v1"));
    EXPECT(false, set(&r[0].paths[0], "/a//b"));
    EXPECT(false, set(&r[0].paths[0], "/%61"));
    EXPECT(false, set(&r[0].paths[0], "/**/a"));
}

/* The routes of make_full_spec(). */
enum { BEARER, HEADER, PLAIN, DENY, PATH, BASIC, QUERY, CLUSTER, BODY, TOKENS, AWS };

TEST(injection)
{
    EXPECT(false, set(&r[BEARER].headers[0].name, NULL));
    EXPECT(false, set(&r[BEARER].headers[0].name, ""));
    EXPECT(false, set(&r[BEARER].headers[0].name, "X Y"));
    EXPECT(false, set(&r[BEARER].headers[0].name, "X:"));
    EXPECT(false, set(&r[BEARER].headers[0].name, "X\r\nY"));
    EXPECT(false, set_long(&r[BEARER].headers[0].name, SPEC_HEADER_MAX + 1));
    EXPECT(false, set(&r[BEARER].headers[0].value, NULL));
    EXPECT(false, set(&r[BEARER].headers[0].value, "Bearer\r\n"));
    EXPECT(false, set(&r[BEARER].headers[0].value, "B\x7f"));
    EXPECT(false, set(&r[BEARER].headers[0].value, " B"));
    EXPECT(false, set_long(&r[BEARER].headers[0].value, SPEC_PREFIX_MAX + 1));
    EXPECT(false, set(&r[BEARER].credential, NULL));
    EXPECT(false, set(&r[BEARER].credential, "unknown"));
    EXPECT(false, set(&r[PLAIN].credential, "openai"));
    EXPECT(false, r[BEARER].inject = SPEC_INJECT_NONE);
    EXPECT(false, r[BEARER].action = SPEC_ACTION_DENY);
    EXPECT(false, make_header(&r[BEARER], "X-Other", ""));
    EXPECT(false, make_header(&r[PLAIN], "X-Other", ""));
    EXPECT(false, make_header(&r[HEADER], "x-api-key", ""));
    EXPECT(true, make_header(&r[HEADER], "X-Third", ""));
    EXPECT(false, set(&r[HEADER].headers[1].name, "Transfer-Encoding"));
    EXPECT(false, set(&r[HEADER].headers[1].name, "host"));
    EXPECT(false, set(&r[HEADER].headers[1].name, "Content-Length"));
}

TEST(what_each_way_of_injecting_needs)
{
    EXPECT(true, set(&r[BASIC].user, NULL));
    EXPECT(false, set(&r[BASIC].user, ""));
    EXPECT(false, set(&r[BASIC].user, "a:b"));
    EXPECT(false, set(&r[BASIC].user, "a\n"));
    EXPECT(false, set_long(&r[BASIC].user, SPEC_USER_MAX + 1));
    EXPECT(false, set(&r[BEARER].user, "a"));
    EXPECT(false, r[BASIC].inject = SPEC_INJECT_BEARER);
    EXPECT(false, set(&r[QUERY].parameter, NULL));
    EXPECT(false, set(&r[QUERY].parameter, ""));
    EXPECT(false, set(&r[QUERY].parameter, "a=b"));
    EXPECT(false, set(&r[QUERY].parameter, "a%20"));
    EXPECT(false, set_long(&r[QUERY].parameter, SPEC_PARAMETER_MAX + 1));
    EXPECT(false, set(&r[BEARER].parameter, "key"));
    EXPECT(false, make_header(&r[QUERY], "X", ""));
    EXPECT(false, set(&r[AWS].service, NULL));
    EXPECT(false, set(&r[AWS].region, NULL));
    EXPECT(false, set(&r[AWS].service, "S3"));
    EXPECT(false, set(&r[AWS].region, "eu/central"));
    EXPECT(false, set(&r[AWS].region, ""));
    EXPECT(false, set_long(&r[AWS].service, SPEC_AWS_NAME_MAX + 1));
    EXPECT(false, make_header(&r[AWS], "X", ""));
    EXPECT(false, set(&r[BODY].service, "s3"));
    EXPECT(false, set(&r[BODY].parameter, NULL));
    EXPECT(false, set(&r[BODY].parameter, "a b"));
    EXPECT(true, make_header(&r[BODY], "X", ""));
    EXPECT(true, set(&r[BODY].headers[0].value, ""));
    EXPECT(false, r[BODY].placeholder_required = true);
    EXPECT(false, r[PATH].path_marks[0] = 3);
    EXPECT(false, r[PATH].path_marks[1] = 11);
    EXPECT(false, r[PATH].path_marks[1] = 200);
    EXPECT(false, set(&r[PATH].paths[0], "/bot**/send"));
    EXPECT(false, set(&r[PATH].paths[0], "/bot*x*/send"));
    EXPECT(true, set(&r[PATH].paths[0], "/bot*x/*"));
    EXPECT(false, free(r[PATH].path_marks); r[PATH].path_marks = NULL);
    EXPECT(false, r[PATH].inject = SPEC_INJECT_NONE; set(&r[PATH].credential, NULL));
}

#define TOKEN r[9].token

TEST(tokens)
{
    EXPECT(true, r[9].inject = SPEC_INJECT_HEADER);
    EXPECT(true, set(&TOKEN.client_id, NULL));
    EXPECT(true, set(&TOKEN.scope, NULL));
    EXPECT(true, set(&TOKEN.audience, NULL));
    EXPECT(true, set(&TOKEN.subject, NULL));
    EXPECT(true, set(&TOKEN.address, NULL));
    EXPECT(true, set(&TOKEN.ca, NULL));
    EXPECT(true, set(&TOKEN.host, "192.0.2.7"));
    EXPECT(true, set_long(&TOKEN.client_id, SPEC_CLAIM_MAX));
    EXPECT(false, set_long(&TOKEN.client_id, SPEC_CLAIM_MAX + 1));
    EXPECT(false, TOKEN.grant = SPEC_GRANT_NONE);
    EXPECT(false, TOKEN.grant = SPEC_GRANT__COUNT);
    EXPECT(false, set(&TOKEN.host, NULL));
    EXPECT(false, set(&TOKEN.host, "*.example.com"));
    EXPECT(false, set(&TOKEN.host, "Login.example.com"));
    EXPECT(false, TOKEN.port = 0);
    EXPECT(false, set(&TOKEN.path, NULL));
    EXPECT(false, set(&TOKEN.path, "token"));
    EXPECT(false, set(&TOKEN.path, "/a/../token"));
    EXPECT(false, set(&TOKEN.path, "/token?x=1"));
    EXPECT(false, set(&TOKEN.path, "/token#"));
    EXPECT(false, set(&TOKEN.client_id, ""));
    EXPECT(false, set(&TOKEN.client_id, " x"));
    EXPECT(false, set(&TOKEN.client_id, "x "));
    EXPECT(false, set(&TOKEN.client_id, "x\r\ny"));
    EXPECT(false, set(&TOKEN.audience, "x\n"));
    EXPECT(false, set(&TOKEN.subject, ""));
    EXPECT(false, set(&TOKEN.scope, ""));
    EXPECT(false, set(&TOKEN.scope, "a  b"));
    EXPECT(false, set(&TOKEN.scope, "a "));
    EXPECT(false, set(&TOKEN.scope, "a\\b"));
    EXPECT(false, set_long(&TOKEN.scope, SPEC_SCOPE_MAX + 1));
    EXPECT(false, set(&TOKEN.address, "login.example.com"));
    EXPECT(false, set_long(&TOKEN.ca, SPEC_CA_MAX + 1));
    EXPECT(false, r[6].token.grant = SPEC_GRANT_CLIENT);
    EXPECT(false, set(&r[0].token.scope, "a"));
}

TEST(extra_headers_and_lists)
{
    EXPECT(false, set(&r[HEADER].extras[0].name, "X-Api-Key"));
    EXPECT(false, set(&r[HEADER].extras[0].name, "x-second"));
    EXPECT(false, set(&r[HEADER].extras[0].name, "Connection"));
    EXPECT(false, set(&r[HEADER].extras[0].name, "TE"));
    EXPECT(false, set(&r[HEADER].extras[0].value, ""));
    EXPECT(false, set(&r[HEADER].extras[0].value, "a\r\nX: y"));
    EXPECT(false, set(&r[HEADER].extras[0].value, "a "));
    EXPECT(false, make_extra(&r[HEADER], "x-VERSION", "1"));
    EXPECT(true, make_extra(&r[PLAIN], "X-Version", "1"));
    EXPECT(false, make_extra(&r[DENY], "X-Version", "1"));
    EXPECT(false, set(&r[PATH].place_headers.items[0], "X-Key"));
    EXPECT(false, set(&r[PATH].place_headers.items[0], "x-sign-*"));
    EXPECT(false, set(&r[PATH].place_headers.items[0], "x-*-y"));
    EXPECT(false, set(&r[PATH].place_headers.items[0], "*"));
    EXPECT(false, set(&r[PATH].place_headers.items[0], "te"));
    EXPECT(false, set(&r[PATH].place_query.items[0], "a b"));
    EXPECT(false, set(&r[PATH].pass_headers.items[0], "connection"));
    EXPECT(false, set(&r[PATH].pass_query.items[0], ""));
    EXPECT(false, make_list("authorization", &r[BASIC].pass_headers.items, &r[BASIC].pass_headers.count));
    EXPECT(false, make_list("auth*", &r[BASIC].pass_headers.items, &r[BASIC].pass_headers.count));
    EXPECT(true, make_list("authorization", &r[QUERY].pass_headers.items, &r[QUERY].pass_headers.count));
    EXPECT(false, make_list("key", &r[QUERY].pass_query.items, &r[QUERY].pass_query.count));
    EXPECT(false, make_list("key", &r[DENY].pass_query.items, &r[DENY].pass_query.count));
}

TEST(upstream)
{
    EXPECT(false, set(&r[2].upstream_address, ""));
    EXPECT(false, set(&r[2].upstream_address, "host.example"));
    EXPECT(false, set(&r[2].upstream_address, "2001:db8::1"));
    EXPECT(false, set(&r[2].upstream_address, "[2001:DB8::1]"));
    EXPECT(false, set(&r[2].upstream_address, "[fe80::1%1]"));
    EXPECT(false, set(&r[2].upstream_address, "127.1"));
    EXPECT(false, set_long(&r[2].upstream_ca, SPEC_CA_MAX + 1));
    EXPECT(true, set(&r[2].upstream_credential, NULL));
    EXPECT(false, set(&r[2].upstream_credential, "unknown"));
    EXPECT(false, set(&r[2].upstream_credential, "docs"));   /* it goes into requests */
    EXPECT(false, set(&r[1].upstream_credential, "client")); /* plain http */
    EXPECT(false, set(&r[3].upstream_credential, "client")); /* a deny route */
    EXPECT(false, r[2].scheme = SPEC_SCHEME_HTTP);
    EXPECT(false, set(&r[2].upstream_pins.items[0], "sha256/AAAA"));
    EXPECT(false, set(&r[2].upstream_pins.items[0], "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    EXPECT(false, set(&r[2].upstream_pins.items[0], "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    EXPECT(false, set(&r[2].upstream_pins.items[0], r[2].upstream_pins.items[1]));
}

TEST_MAIN()

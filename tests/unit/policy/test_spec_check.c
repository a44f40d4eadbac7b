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
    EXPECT(true, set(&r[0].prefix, ""));
    EXPECT(true, r[1].insecure = false);
    EXPECT(true, set(&r[2].prefix, ""));
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

TEST(injection)
{
    EXPECT(false, set(&r[0].header, NULL));
    EXPECT(false, set(&r[0].header, ""));
    EXPECT(false, set(&r[0].header, "X Y"));
    EXPECT(false, set(&r[0].header, "X:"));
    EXPECT(false, set(&r[0].header, "X\r\nY"));
    EXPECT(false, set_long(&r[0].header, SPEC_HEADER_MAX + 1));
    EXPECT(false, set(&r[0].prefix, NULL));
    EXPECT(false, set(&r[0].prefix, "Bearer\r\n"));
    EXPECT(false, set(&r[0].prefix, "B\x7f"));
    EXPECT(false, set_long(&r[0].prefix, SPEC_PREFIX_MAX + 1));
    EXPECT(false, set(&r[0].credential, NULL));
    EXPECT(false, set(&r[0].credential, "unknown"));
    EXPECT(false, set(&r[2].credential, "openai"));
    EXPECT(false, r[0].inject = SPEC_INJECT_NONE);
    EXPECT(false, r[0].action = SPEC_ACTION_DENY);
    EXPECT(false, set(&r[2].header, "X Y"));
    EXPECT(false, set(&r[2].prefix, "\n"));
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
}

TEST_MAIN()

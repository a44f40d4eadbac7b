/* test_token.c - what a credential for tokens holds, what an endpoint is asked, what it answers. */
#include "inject/token.h"

#include "base/encode.h"
#include "support/check.h"

#define PEM      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
#define PEM_JSON "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n"
#define ACCOUNT                                                                                                      \
    "{\"type\": \"service_account\", \"project_id\": \"p\", \"private_key_id\": \"9\", \"private_key\": \"" PEM_JSON \
    "\", \"client_email\": \"a@p.example\", \"client_id\": \"1\", \"token_uri\": \"https://login.example/token\"}"
#define USER \
    "{\"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"se/cret\", \"refresh_token\": \"1//r\"}"

static char host[] = "login.example";
static char path[] = "/token";

static struct spec_token token_of(enum spec_grant grant)
{
    return (struct spec_token){.grant = grant, .host = host, .port = 443, .path = path};
}

static void holds(enum spec_grant grant, const char *credential, const struct inject_grant *want)
{
    struct inject_grant g;
    const char *why = "";
    if (CHECK_EQ_INT(inject_grant_read(grant, span_str(credential), &g, &why), 0)) {
        CHECK_EQ_STR(why, "");
        CHECK_EQ_INT(g.kind, want->kind);
        CHECK_EQ_INT(g.google, want->google);
        CHECK_EQ_INT(g.json, want->json);
        CHECK(span_eq(g.client_id, want->client_id));
        CHECK(span_eq(g.client_secret, want->client_secret));
        CHECK(span_eq(g.refresh_token, want->refresh_token));
        CHECK(span_eq(g.private_key, want->private_key));
        CHECK(span_eq(g.key_id, want->key_id));
        CHECK(span_eq(g.token_uri, want->token_uri));
    } else {
        printf("    %s: %s\n", credential, why);
    }
    inject_grant_deinit(&g);
}

static void refuses(enum spec_grant grant, const char *credential)
{
    struct inject_grant g;
    const char *why = "";
    if (!CHECK_EQ_INT(inject_grant_read(grant, span_str(credential), &g, &why), CB_EINVAL) ||
        !CHECK(*why != '\0')) {
        printf("    for %s\n", credential);
    }
    inject_grant_deinit(&g);
}

TEST(credentials)
{
    holds(SPEC_GRANT_CLIENT, "secret",
          &(struct inject_grant){.kind = SPEC_GRANT_CLIENT, .client_secret = SPAN_LIT("secret")});
    holds(SPEC_GRANT_CLIENT, " {\"client_id\": \"me\", \"client_secret\": \"s\\u0065cret\"}\n",
          &(struct inject_grant){.kind = SPEC_GRANT_CLIENT,
                                 .json = true,
                                 .client_id = SPAN_LIT("me"),
                                 .client_secret = SPAN_LIT("secret")});
    holds(SPEC_GRANT_REFRESH, "1//refresh",
          &(struct inject_grant){.kind = SPEC_GRANT_REFRESH, .refresh_token = SPAN_LIT("1//refresh")});
    holds(SPEC_GRANT_JWT, PEM, &(struct inject_grant){.kind = SPEC_GRANT_JWT, .private_key = SPAN_LIT(PEM)});
    holds(SPEC_GRANT_JWT, "{\"private_key\": \"" PEM_JSON "\", \"private_key_id\": \"7\"}",
          &(struct inject_grant){
              .kind = SPEC_GRANT_JWT, .json = true, .private_key = SPAN_LIT(PEM), .key_id = SPAN_LIT("7")});
    holds(SPEC_GRANT_GCP, ACCOUNT,
          &(struct inject_grant){.kind = SPEC_GRANT_JWT,
                                 .google = true,
                                 .json = true,
                                 .client_id = SPAN_LIT("a@p.example"),
                                 .private_key = SPAN_LIT(PEM),
                                 .key_id = SPAN_LIT("9"),
                                 .token_uri = SPAN_LIT("https://login.example/token")});
    holds(SPEC_GRANT_GCP, USER,
          &(struct inject_grant){.kind = SPEC_GRANT_REFRESH,
                                 .google = true,
                                 .json = true,
                                 .client_id = SPAN_LIT("id"),
                                 .client_secret = SPAN_LIT("se/cret"),
                                 .refresh_token = SPAN_LIT("1//r")});
}

TEST(credentials_that_do_not_fit)
{
    refuses(SPEC_GRANT_CLIENT, "");
    refuses(SPEC_GRANT_CLIENT, "two words");
    refuses(SPEC_GRANT_CLIENT, "line\nbreak");
    refuses(SPEC_GRANT_CLIENT, "{");
    refuses(SPEC_GRANT_CLIENT, "{}");
    refuses(SPEC_GRANT_CLIENT, "{\"client_id\": \"me\"}");
    refuses(SPEC_GRANT_CLIENT, "{\"client_secret\": 1}");
    refuses(SPEC_GRANT_CLIENT, "{\"client_secret\": \"a\", \"client_secret\": \"b\"}");
    refuses(SPEC_GRANT_CLIENT, "{\"client_secret\": \"a\", \"secret\": \"b\"}");
    refuses(SPEC_GRANT_CLIENT, "{\"client_secret\": \"a\\nb\"}");
    refuses(SPEC_GRANT_REFRESH, "{\"client_secret\": \"a\"}");
    refuses(SPEC_GRANT_JWT, "secret");
    refuses(SPEC_GRANT_JWT, "-----BEGIN CERTIFICATE-----\nAAAA\n");
    refuses(SPEC_GRANT_GCP, "");
    refuses(SPEC_GRANT_GCP, "ya29.token");
    refuses(SPEC_GRANT_GCP, "{}");
    refuses(SPEC_GRANT_GCP, "{\"type\": \"external_account\"}");
    refuses(SPEC_GRANT_GCP,
            "{\"type\": \"authorized_user\", \"client_id\": \"a\", \"client_secret\": \"b\"}");
    refuses(SPEC_GRANT_GCP, "{\"type\": \"service_account\", \"client_email\": \"a\"}");
    refuses(SPEC_GRANT_GCP, "{\"type\": \"authorized_user\", \"type\": \"service_account\"}");
}

TEST(a_replaced_refresh_token)
{
    static const struct {
        const char *before, *after;
    } cases[] = {{"old", "new"},
                 {"{\"refresh_token\":\"old\"}", "{\"refresh_token\":\"new\"}"},
                 {"{\"client_secret\":\"s\",\"refresh_token\":\"old\",\"client_id\":\"i\"}",
                  "{\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"new\"}"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inject_grant g;
        const char *why;
        struct buf out;
        buf_init(&out, 1024);
        buf_set_sensitive(&out);
        CHECK_EQ_INT(inject_grant_read(SPEC_GRANT_REFRESH, span_str(cases[i].before), &g, &why), 0);
        CHECK_EQ_INT(inject_grant_replace(&g, SPAN_LIT("new"), &out), 0);
        CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), cases[i].after, strlen(cases[i].after));
        inject_grant_deinit(&g);
        buf_deinit(&out);
    }
}

TEST(what_the_route_has_to_say)
{
    struct inject_grant g;
    const char *why = "";
    char other[] = "/other";
    char me[] = "me";
    struct spec_token token = token_of(SPEC_GRANT_CLIENT);
    CHECK_EQ_INT(inject_grant_read(SPEC_GRANT_CLIENT, SPAN_LIT("secret"), &g, &why), 0);
    CHECK_EQ_INT(inject_grant_check(&token, &g, &why), CB_EINVAL);
    token.client_id = me;
    CHECK_EQ_INT(inject_grant_check(&token, &g, &why), 0);
    inject_grant_deinit(&g);
    token = token_of(SPEC_GRANT_GCP);
    CHECK_EQ_INT(inject_grant_read(SPEC_GRANT_GCP, SPAN_LIT(ACCOUNT), &g, &why), 0);
    CHECK_EQ_INT(inject_grant_check(&token, &g, &why), 0);
    token.path = other;
    CHECK_EQ_INT(inject_grant_check(&token, &g, &why), CB_EINVAL);
    token.path = path;
    token.port = 8443;
    CHECK_EQ_INT(inject_grant_check(&token, &g, &why), CB_EINVAL);
    inject_grant_deinit(&g);
}

static void asks(const struct spec_token *token, const char *credential, struct span assertion,
                 const char *want)
{
    struct inject_grant g;
    const char *why;
    struct buf out;
    buf_init(&out, 65536);
    buf_set_sensitive(&out);
    CHECK_EQ_INT(inject_grant_read(token->grant, span_str(credential), &g, &why), 0);
    CHECK_EQ_INT(inject_token_request(token, &g, assertion, &out), 0);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, strlen(want));
    inject_grant_deinit(&g);
    buf_deinit(&out);
}

#define HEAD(host_, rest_)                                                                                 \
    "POST /token HTTP/1.1\r\nHost: " host_ "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n" \
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " rest_

TEST(requests)
{
    char id[] = "my id:1";
    char scope[] = "read https://x/y";
    char audience[] = "a&b";
    struct spec_token token = token_of(SPEC_GRANT_CLIENT);
    token.client_id = id;
    token.scope = scope;
    token.audience = audience;
    /* "my%20id%3A1:s%2B%2Fe" */
    asks(&token, "s+/e", SPAN_EMPTY,
         HEAD("login.example",
              "77\r\nAuthorization: Basic bXklMjBpZCUzQTE6cyUyQiUyRmU=\r\n\r\n"
              "grant_type=client_credentials&scope=read%20https%3A%2F%2Fx%2Fy&audience=a%26b"));
    token = token_of(SPEC_GRANT_REFRESH);
    token.port = 8443;
    asks(&token, "{\"client_id\":\"i\",\"refresh_token\":\"1//r\"}", SPAN_EMPTY,
         HEAD("login.example:8443", "59\r\n\r\ngrant_type=refresh_token&refresh_token=1%2F%2Fr&client_id=i"));
    token.client_in_body = true;
    asks(&token, "{\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}", SPAN_EMPTY,
         HEAD("login.example:8443",
              "68\r\n\r\ngrant_type=refresh_token&refresh_token=r&client_id=i&client_secret=s"));
    token = token_of(SPEC_GRANT_JWT);
    token.scope = scope;
    asks(&token, PEM, SPAN_LIT("a.b.c"),
         HEAD("login.example",
              "113\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c"
              "&scope=read%20https%3A%2F%2Fx%2Fy"));
    token = token_of(SPEC_GRANT_GCP);
    token.scope = scope;
    asks(
        &token, USER, SPAN_EMPTY,
        HEAD(
            "login.example",
            "84\r\n\r\ngrant_type=refresh_token&refresh_token=1%2F%2Fr&client_id=id&client_secret=se%2Fcret"));
}

/* The parts of an assertion, decoded. */
static void claims_are(const struct spec_token *token, const char *credential, const char *header,
                       const char *claims)
{
    struct inject_grant g;
    const char *why;
    struct buf out;
    char expected[1024];
    char part[1024];
    buf_init(&out, 65536);
    CHECK_EQ_INT(inject_grant_read(token->grant, span_str(credential), &g, &why), 0);
    CHECK_EQ_INT(inject_jwt_unsigned(token, &g, "RS256", 1000, SPAN_LIT("id"), &out), 0);
    size_t len = encode_base64url(header, strlen(header), part);
    int at = snprintf(expected, sizeof(expected), "%.*s.", (int)len, part);
    len = encode_base64url(claims, strlen(claims), part);
    (void)snprintf(expected + at, sizeof(expected) - (size_t)at, "%.*s", (int)len, part);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), expected, strlen(expected));
    size_t before = buf_len(&out);
    CHECK_EQ_INT(inject_jwt_sign(SPAN_LIT("\xff\xff"), &out), 0);
    CHECK(span_eq_str(span_sub(buf_span(&out), before, SIZE_MAX), ".__8"));
    inject_grant_deinit(&g);
    buf_deinit(&out);
}

TEST(assertions)
{
    char id[] = "me";
    char subject[] = "you";
    char audience[] = "there";
    char scope[] = "read";
    struct spec_token token = token_of(SPEC_GRANT_JWT);
    token.client_id = id;
    token.scope = scope;
    claims_are(
        &token, PEM, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"iss\":\"me\",\"sub\":\"me\",\"aud\":\"https://login.example/token\",\"iat\":1000,\"exp\":1300,\"jti\":\"id\"}");
    token.subject = subject;
    token.audience = audience;
    claims_are(&token, "{\"private_key\":\"" PEM_JSON "\",\"private_key_id\":\"7\"}",
               "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"7\"}",
               "{\"iss\":\"me\",\"sub\":\"you\",\"aud\":\"there\",\"iat\":1000,\"exp\":1300,\"jti\":\"id\"}");
    token = token_of(SPEC_GRANT_GCP);
    token.scope = scope;
    claims_are(
        &token, ACCOUNT, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"9\"}",
        "{\"iss\":\"a@p.example\",\"aud\":\"https://login.example/token\",\"iat\":1000,\"exp\":4600,\"jti\":\"id\","
        "\"scope\":\"read\"}");
}

static int answer_of(const char *body, char *out, size_t size)
{
    struct inject_token_answer a;
    struct buf memory;
    buf_init(&memory, INJECT_TOKEN_ANSWER_MAX);
    buf_set_sensitive(&memory);
    int r = inject_token_answer_read(span_str(body), &memory, &a);
    if (r == 0) {
        (void)snprintf(out, size, "%.*s %.*s %llu", SPAN_ARG(a.access_token), SPAN_ARG(a.refresh_token),
                       (unsigned long long)a.lifetime_s);
    }
    buf_deinit(&memory);
    return r;
}

TEST(answers)
{
    static const struct {
        const char *body, *want; /* NULL: refused */
    } cases[] = {
        {"{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"expires_in\":3600}", "abc  3600"},
        {"{\"access_token\":\"abc\"}", "abc  0"},
        {"{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":\"60\",\"refresh_token\":\"r\",\"scope\":\"x\"}",
         "abc r 60"},
        {"{\"access_token\":\"a\\u0062c\",\"refresh_token\":null,\"expires_in\":null}", "abc  0"},
        {"{\"access_token\":\"abc\",\"expires_in\":99999999}", "abc  86400"},
        {"{\"access_token\":\"abc\",\"x\":{\"access_token\":\"y\"}}", "abc  0"},
        {"", NULL},
        {"{}", NULL},
        {"{\"access_token\":\"\"}", NULL},
        {"{\"access_token\":1}", NULL},
        {"{\"access_token\":\"a b\"}", NULL},
        {"{\"access_token\":\"a\\nb\"}", NULL},
        {"{\"access_token\":\"a\\u00e9\"}", NULL},
        {"{\"access_token\":\"abc\",\"access_token\":\"def\"}", NULL},
        {"{\"access_token\":\"abc\",\"token_type\":\"mac\"}", NULL},
        {"{\"access_token\":\"abc\",\"expires_in\":-1}", NULL},
        {"{\"access_token\":\"abc\",\"expires_in\":1.5}", NULL},
        {"{\"access_token\":\"abc\",\"expires_in\":1,\"expires_in\":2}", NULL},
        {"{\"access_token\":\"abc\",\"expires_in\":{}}", NULL},
        {"{\"access_token\":\"abc\",\"refresh_token\":\"a b\"}", NULL},
        {"{\"access_token\":\"abc\"}}", NULL},
        {"access_token=abc", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[256] = "";
        int r = answer_of(cases[i].body, out, sizeof(out));
        if (cases[i].want == NULL ? !CHECK_EQ_INT(r, CB_EMALFORMED)
                                  : !CHECK_EQ_INT(r, 0) || !CHECK_EQ_STR(out, cases[i].want)) {
            printf("    for %s\n", cases[i].body);
        }
    }
}

/* What an endpoint writes into its error goes to the log: nothing but letters of it. */
TEST(errors)
{
    char out[64];
    inject_token_error_read(
        SPAN_LIT("{\"error\":\"invalid_client\",\"error_description\":\"the secret is x\"}"), out);
    CHECK_EQ_STR(out, "invalid_client");
    inject_token_error_read(SPAN_LIT("{\"error\":\"a\\n1\"}"), out);
    CHECK_EQ_STR(out, "a?n?");
    inject_token_error_read(SPAN_LIT("{\"error\":{}}"), out);
    CHECK_EQ_STR(out, "");
    inject_token_error_read(SPAN_LIT("<html>"), out);
    CHECK_EQ_STR(out, "");
    inject_token_error_read(
        SPAN_LIT("{\"error\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"), out);
    CHECK_EQ_STR(out, "");
}

TEST(what_the_agent_gets)
{
    const char answer[] = "{\"access_token\":\"PH\",\"token_type\":\"Bearer\",\"expires_in\":3600}";
    struct inject_grant g;
    const char *why;
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(inject_token_answer_write(SPAN_LIT("PH"), &out), 0);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), answer, sizeof(answer) - 1);
    buf_reset(&out);
    CHECK_EQ_INT(inject_gcp_write_stub(SPAN_LIT("PH"), &out), 0);
    CHECK_EQ_INT(inject_grant_read(SPEC_GRANT_GCP, buf_span(&out), &g, &why), 0);
    CHECK(span_eq_str(g.refresh_token, "PH"));
    inject_grant_deinit(&g);
    buf_deinit(&out);
}

TEST_MAIN()

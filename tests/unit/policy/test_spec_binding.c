/* test_spec_binding.c - to where a credential may go, and that editing routes does not widen it. */
#include "policy/spec.h"

#include "support/check.h"
#include "support/spec_make.h"

/* Stands for SHA-256. */
static void first_bytes(struct span bytes, uint8_t out[SPEC_DIGEST_LEN])
{
    memset(out, 0, SPEC_DIGEST_LEN);
    memcpy(out, bytes.ptr, bytes.len < SPEC_DIGEST_LEN ? bytes.len : SPEC_DIGEST_LEN);
}

static void binding_is(const struct spec *spec, const char *credential, const char *want)
{
    struct buf out;
    buf_init(&out, 65536);
    int r = spec_credential_binding(spec, span_str(credential), first_bytes, &out);
    CHECK_EQ_INT(r, want != NULL ? 0 : CB_ENOTFOUND);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want != NULL ? want : "",
                   want != NULL ? strlen(want) : 0);
    buf_deinit(&out);
}

TEST(lines)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "k", NULL, NULL);
    make_credential(spec, "other", NULL, NULL);
    binding_is(spec, "k", NULL);
    make_bearer(make_route(spec, "a", "https://b.example.com:443", "GET", "/x"), "k");
    binding_is(spec, "k", "b.example.com:443");
    make_bearer(make_route(spec, "b", "https://b.example.com:443", "POST", "/y"), "k");
    make_bearer(make_route(spec, "c", "https://a.example.com:8443", "GET", ""), "k");
    make_bearer(make_route(spec, "d", "https://*.example.org:443", "GET", ""), "k");
    make_bearer(make_route(spec, "e", "https://other.example.com:443", "GET", ""), "other");
    make_route(spec, "f", "https://none.example.com:443", "GET", "");
    make_route(spec, "g", "https://denied.example.com:443", "GET", "")->action = SPEC_ACTION_DENY;
    binding_is(spec, "k", "*.example.org:443\na.example.com:8443\nb.example.com:443");
    binding_is(spec, "other", "other.example.com:443");
    binding_is(spec, "o", NULL);
    binding_is(spec, "", NULL);
    spec_free(spec);
}

TEST(what_stands_behind_the_name)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "k", NULL, NULL);
    struct spec_route *route = make_route(spec, "a", "http://a.example:80", "GET", "");
    make_bearer(route, "k");
    binding_is(spec, "k", "a.example:80 clear");
    route->upstream_address = make_text("10.0.0.1");
    binding_is(spec, "k", "a.example:80 clear via 10.0.0.1:80");
    route->upstream_port = 8080;
    route->upstream_ca = make_text("PEM");
    binding_is(spec, "k", "a.example:80 clear via 10.0.0.1:8080 own-ca:50454d00000000000000000000000000");
    route->scheme = SPEC_SCHEME_HTTPS;
    binding_is(spec, "k", "a.example:80 via 10.0.0.1:8080 own-ca:50454d00000000000000000000000000");
    spec_free(spec);
}

/* A client certificate is bound to where it is shown. */
TEST(client_certificates)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "k", NULL, NULL);
    make_credential(spec, "cert", NULL, NULL);
    struct spec_route *route = make_route(spec, "a", "https://a.example:443", "GET", "");
    make_bearer(route, "k");
    route->upstream_credential = make_text("cert");
    route = make_route(spec, "b", "https://b.example:8443", "GET", "");
    route->upstream_credential = make_text("cert");
    binding_is(spec, "cert", "a.example:443\nb.example:8443");
    binding_is(spec, "k", "a.example:443");
    CHECK(spec_credential_is_client(spec, SPAN_LIT("cert")));
    CHECK(!spec_credential_is_client(spec, SPAN_LIT("k")));
    CHECK(!spec_credential_is_client(spec, SPAN_LIT("other")));
    spec_free(spec);
}

TEST(tokens)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "k", NULL, NULL);
    struct spec_route *route = make_route(spec, "a", "https://api.example:443", "GET", "");
    make_token(route, "k", SPEC_GRANT_CLIENT, "login.example");
    binding_is(spec, "k", "api.example:443 token\nlogin.example:443 token-endpoint");
    CHECK_EQ_INT(spec_credential_grant(spec, SPAN_LIT("k")), SPEC_GRANT_CLIENT);
    CHECK_EQ_INT(spec_credential_grant(spec, SPAN_LIT("l")), SPEC_GRANT_NONE);
    route->token.grant = SPEC_GRANT_REFRESH;
    route->token.address = make_text("10.0.0.1");
    route->token.ca = make_text("PEM");
    route->upstream_ca = make_text("PEM");
    binding_is(
        spec, "k",
        "api.example:443 own-ca:50454d00000000000000000000000000 token\n"
        "login.example:443 via 10.0.0.1:443 own-ca:50454d00000000000000000000000000 token-endpoint rotates");
    spec_free(spec);
}

/* What was set for tokens does not go anywhere itself but to its endpoint; and the other way round. */
TEST(a_token_is_not_the_credential)
{
    struct spec *spec = make_spec("alice");
    struct spec_route *route = make_route(spec, "a", "https://api.example:443", "GET", "");
    const struct span api = SPAN_LIT("api.example");
    make_token(route, "k", SPEC_GRANT_REFRESH, "login.example");
    struct span bound = SPAN_LIT("api.example:443 token\nlogin.example:443 token-endpoint rotates");
    CHECK(spec_binding_allows_route(bound, route, api, first_bytes));
    CHECK(spec_binding_allows_token(bound, route, first_bytes));
    CHECK(spec_binding_rotates(bound));
    CHECK(!spec_binding_allows_route(bound, route, SPAN_LIT("login.example"), first_bytes));
    CHECK(!spec_binding_rotates(SPAN_LIT("api.example:443 token\nlogin.example:443 token-endpoint")));
    CHECK(!spec_binding_rotates(SPAN_LIT("api.example:443")));
    CHECK(!spec_binding_allows_token(SPAN_LIT("api.example:443 token\nlogin.example:443 token-endpoint"),
                                     route, first_bytes));
    CHECK(!spec_binding_allows_token(SPAN_LIT("login.example:443"), route, first_bytes));
    CHECK(!spec_binding_allows_token(SPAN_LIT("login.example:443 token"), route, first_bytes));
    CHECK(!spec_binding_allows_route(SPAN_LIT("api.example:443"), route, api, first_bytes));
    route->token.port = 8443;
    CHECK(!spec_binding_allows_token(bound, route, first_bytes));
    route->token.port = 443;
    route->token.address = make_text("10.0.0.1");
    CHECK(!spec_binding_allows_token(bound, route, first_bytes));
    route->token.grant = SPEC_GRANT_NONE;
    CHECK(!spec_binding_allows_route(bound, route, api, first_bytes));
    spec_free(spec);
}

TEST(covers)
{
    static const struct {
        const char *bound;
        const char *wanted;
        bool covers;
    } cases[] = {
        {"a.com:443", "a.com:443", true},
        {"a.com:443", "b.com:443", false},
        {"a.com:443", "a.com:80", false},
        {"a.com:443", "a.com:4433", false},
        {"a.com:4433", "a.com:443", false},
        {"a.com:443\nb.com:443", "b.com:443", true},
        {"a.com:443\nb.com:443", "b.com:443\na.com:443", true},
        {"a.com:443", "a.com:443\nb.com:443", false},
        {"*.a.com:443", "x.a.com:443", true},
        {"*.a.com:443", "x.y.a.com:443", true},
        {"*.a.com:443", "a.com:443", false},
        {"*.a.com:443", "xa.com:443", false},
        {"*.a.com:443", "x.a.com:80", false},
        {"*.a.com:443", "*.a.com:443", true},
        {"*.a.com:443", "*.x.a.com:443", true},
        {"*.x.a.com:443", "*.a.com:443", false},
        {"x.a.com:443", "*.a.com:443", false},
        {"[::1]:443", "[::1]:443", true},
        {"[::1]:443", "[::2]:443", false},
        {"a.com:443", "a.com:443 own-ca", false},
        {"a.com:443 own-ca", "a.com:443", false},
        {"a.com:443 own-ca:01", "a.com:443 own-ca:01", true},
        {"a.com:443 own-ca:01", "a.com:443 own-ca:02", false},
        {"a.com:443", "a.com:443 via 6.6.6.6:443", false},
        {"a.com:443 via 6.6.6.6:443", "a.com:443 via 6.6.6.7:443", false},
        {"a.com:443", "a.com:443 clear", false},
        {"*.a.com:443 clear", "x.a.com:443 clear", true},
        {"", "a.com:443", false},
        {"a.com:443", "", true},
        {"\n\n", "\n", false},
        {"a.com", "a.com", false},
        {":443", ":443", false},
        {"a.com:443\n", "a.com:443", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_INT(spec_binding_covers(span_str(cases[i].bound), span_str(cases[i].wanted)),
                          cases[i].covers)) {
            printf("    %zu: %s | %s\n", i, cases[i].bound, cases[i].wanted);
        }
    }
    CHECK(!spec_binding_covers(SPAN_EMPTY, SPAN_LIT("a.com:443")));
}

TEST(allows)
{
    struct span bound = SPAN_LIT("*.b.com:443\na.com:443\nc.com:8443 via 10.0.0.1:9 own-ca");
    CHECK(spec_binding_allows(bound, SPAN_LIT("a.com"), 443));
    CHECK(!spec_binding_allows(bound, SPAN_LIT("a.com"), 80));
    CHECK(!spec_binding_allows(bound, SPAN_LIT("a.com"), 44));
    CHECK(!spec_binding_allows(bound, SPAN_LIT("a.com"), 4430));
    CHECK(!spec_binding_allows(bound, SPAN_LIT("x.a.com"), 443));
    CHECK(spec_binding_allows(bound, SPAN_LIT("x.b.com"), 443));
    CHECK(!spec_binding_allows(bound, SPAN_LIT("b.com"), 443));
    CHECK(spec_binding_allows(bound, SPAN_LIT("c.com"), 8443));
    CHECK(!spec_binding_allows(bound, SPAN_EMPTY, 443));
    CHECK(!spec_binding_allows(SPAN_EMPTY, SPAN_LIT("a.com"), 443));
    CHECK(!spec_binding_allows(SPAN_LIT("\n:443\n443"), SPAN_EMPTY, 443));
}

/* Whoever may edit routes but not read the credential tries to send it elsewhere: each edit is refused. */
TEST(a_route_cannot_be_bent)
{
    struct spec *spec = make_spec("alice");
    struct buf bound;
    buf_init(&bound, 4096);
    make_credential(spec, "k", NULL, NULL);
    struct spec_route *route = make_route(spec, "a", "https://a.com:443", "GET", "");
    make_bearer(route, "k");
    CHECK_EQ_INT(spec_credential_binding(spec, SPAN_LIT("k"), first_bytes, &bound), 0);
    struct span b = buf_span(&bound);
    CHECK(spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("b.com"), first_bytes));
    route->upstream_ca = make_text("PEM");
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    free(route->upstream_ca);
    route->upstream_ca = NULL;
    route->upstream_address = make_text("6.6.6.6");
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    free(route->upstream_address);
    route->upstream_address = NULL;
    route->scheme = SPEC_SCHEME_HTTP;
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    route->scheme = SPEC_SCHEME_HTTPS;
    route->port = 8443;
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    route->port = 443;
    CHECK(spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));

    /* One CA of its own for another. */
    route->upstream_ca = make_text("PEM");
    buf_reset(&bound);
    CHECK_EQ_INT(spec_credential_binding(spec, SPAN_LIT("k"), first_bytes, &bound), 0);
    b = buf_span(&bound);
    CHECK(spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    free(route->upstream_ca);
    route->upstream_ca = make_text("EVIL");
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    free(route->upstream_ca);
    route->upstream_ca = NULL;
    CHECK(!spec_binding_allows_route(b, route, SPAN_LIT("a.com"), first_bytes));
    buf_deinit(&bound);
    spec_free(spec);
}

TEST_MAIN()

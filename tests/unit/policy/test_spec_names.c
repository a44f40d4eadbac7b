/* test_spec_names.c - the names to which a CA is constrained. */
#include "policy/spec_check.h"

#include "support/check.h"
#include "support/spec_make.h"

TEST(of_allow_routes_sorted_and_once)
{
    struct buf names;
    buf_init(&names, SPEC_CA_NAMES_MAX);
    struct spec *s = make_spec("alice");
    CHECK_EQ_INT(spec_ca_names(s, &names), 0);
    CHECK_EQ_UINT(buf_len(&names), 0);
    (void)make_route(s, "a", "https://b.example:443", "GET", "/**");
    (void)make_route(s, "b", "https://*.a.example:443", "GET", "/**");
    (void)make_route(s, "c", "https://a.example:443", "GET", "/**");
    (void)make_route(s, "d", "https://b.example:8443", "GET", "/**");
    (void)make_route(s, "e", "https://[2001:db8::1]:443", "GET", "/**");
    (void)make_route(s, "f", "https://192.0.2.1:443", "GET", "/**");
    make_route(s, "g", "https://no.example:443", "GET", "/**")->action = SPEC_ACTION_DENY;
    make_credential(s, "key", NULL, NULL);
    struct spec_route *token = make_route(s, "h", "https://c.example:443", "GET", "/**");
    make_token(token, "key", SPEC_GRANT_GCP, "token.example");
    CHECK_EQ_INT(spec_ca_names(s, &names), 0);
    CHECK(span_eq_str(buf_span(&names), "192.0.2.1\n2001:db8::1\na.example\nb.example\nc.example\n"));
    buf_reset(&names);
    token->token.answers = true; /* the agent speaks with that host too, and is answered here */
    CHECK_EQ_INT(spec_ca_names(s, &names), 0);
    CHECK(span_eq_str(buf_span(&names),
                      "192.0.2.1\n2001:db8::1\na.example\nb.example\nc.example\ntoken.example\n"));
    buf_deinit(&names);
    spec_free(s);
}

TEST(more_than_a_certificate_holds)
{
    struct buf names;
    struct buf encoded;
    char name[16];
    char destination[64];
    buf_init(&names, SPEC_CA_NAMES_MAX);
    buf_init(&encoded, SPEC_ENCODED_MAX);
    struct spec *s = make_spec("alice");
    for (unsigned i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof(name), "r%u", i);
        (void)snprintf(destination, sizeof(destination), "https://host-%03u.example:443", i);
        (void)make_route(s, name, destination, "GET", "/**");
    }
    CHECK_EQ_INT(spec_ca_names(s, &names), CB_ELIMIT);
    CHECK(spec_is_valid(s)); /* as long as nobody wants the CA constrained */
    s->name_constraints = true;
    CHECK(!spec_is_valid(s));
    CHECK_EQ_INT(spec_encode(s, &encoded), CB_EINVAL);
    for (unsigned i = 100; i < 150; i++) {
        s->routes[i].action = SPEC_ACTION_DENY;
    }
    CHECK(spec_is_valid(s));
    buf_reset(&names);
    CHECK_EQ_INT(spec_ca_names(s, &names), 0);
    buf_deinit(&encoded);
    buf_deinit(&names);
    spec_free(s);
}

TEST_MAIN()

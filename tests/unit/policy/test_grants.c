/* test_grants.c - grants as routes behind a specification's own: what is read, which way they go, when they end. */
#include "policy/grants.h"
#include "support/check.h"
#include "support/spec_make.h"

#define UNTIL_MS UINT64_C(1800000000000)

static struct policy_grant grant(uint64_t id, const char *host, uint16_t port)
{
    return (struct policy_grant){.id = id,
                                 .scheme = SPEC_SCHEME_HTTPS,
                                 .host = span_str(host),
                                 .port = port,
                                 .method = SPAN_LIT("GET"),
                                 .path = SPAN_LIT("/v1/*"),
                                 .until_ms = UNTIL_MS,
                                 .uses_left = POLICY_GRANT_ANY};
}

static void write_list(struct buf *out, const struct policy_grant *grants, uint32_t count)
{
    buf_init(out, 1024 * 1024);
    struct writer w = writer_to(out);
    writer_u32(&w, count);
    for (uint32_t i = 0; i < count; i++) {
        policy_grant_write(&w, &grants[i]);
    }
    CHECK_EQ_INT(writer_finish(&w), 0);
}

static int take(struct spec *spec, const struct policy_grant *list, uint32_t count,
                struct policy_grants *grants)
{
    struct buf bytes;
    write_list(&bytes, list, count);
    int r = policy_grants_take(grants, spec, buf_span(&bytes));
    buf_deinit(&bytes); /* the texts are the routes' */
    return r;
}

static struct policy_query query(const char *host, const char *path)
{
    return (struct policy_query){.scheme = SPEC_SCHEME_HTTPS,
                                 .host = span_str(host),
                                 .port = 443,
                                 .method = SPAN_LIT("GET"),
                                 .path = span_str(path)};
}

TEST(each_is_a_route_behind_the_specifications_own)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "own", "https://a.example:443", "POST", "/v2/**");
    struct policy_grants grants;
    struct policy_table *table = NULL;
    char why[128];
    struct policy_grant list[] = {grant(17, "a.example", 443), grant(18, "b.example", 443)};
    list[0].websocket = true;
    CHECK_EQ_INT(take(spec, list, 2, &grants), 0);
    CHECK(spec->routes[1].websocket);
    CHECK_EQ_UINT(grants.own, 1);
    CHECK_EQ_UINT(grants.count, 2);
    CHECK_EQ_UINT(spec->route_count, 3);
    const struct policy_query asked = query("b.example", "/v1/x");
    const struct policy_grant *found =
        policy_grants_find(&grants, POLICY_REASON_NO_ROUTE, &asked, UNTIL_MS - 1);
    if (CHECK(found != NULL)) {
        const struct spec_route *route = policy_grants_route(&grants, found);
        CHECK_EQ_UINT(found->id, 18);
        CHECK_EQ_STR(route->name, "grant:18");
        CHECK_EQ_STR(route->host, "b.example");
        CHECK_EQ_INT(route->inject, SPEC_INJECT_NONE);
        CHECK(route->credential == NULL && !route->websocket);
    }
    CHECK(policy_grants_find(&grants, POLICY_REASON_NO_ROUTE, &asked, UNTIL_MS) == NULL);
    CHECK(policy_grants_find(&grants, POLICY_REASON_ROUTE_DENIES, &asked, 0) == NULL);
    CHECK(policy_grants_find(&grants, POLICY_REASON_ROUTE, &asked, 0) == NULL);
    CHECK(policy_grants_still(&grants, 17, UNTIL_MS - 1) && !policy_grants_still(&grants, 17, UNTIL_MS));
    CHECK(!policy_grants_still(&grants, 19, 0));
    /* The table has the others alone. */
    const struct spec_route *route;
    CHECK_EQ_INT(policy_grants_table(&grants, &table, why, sizeof(why)), 0);
    CHECK_EQ_INT(policy_table_match(table, &asked, &route), POLICY_REASON_NO_ROUTE);
    policy_table_free(table);
    policy_grants_free(&grants);
    spec_free(spec);
}

/* An exact host's way before a pattern's, the longest pattern's before another's, and no other port's. */
TEST(it_goes_the_way_of_the_host)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "wide", "https://*.example:443", "GET", "/")->upstream_address = make_text("10.0.0.1");
    make_route(spec, "near", "https://*.b.example:443", "GET", "/")->upstream_address = make_text("10.0.0.2");
    struct spec_route *exact = make_route(spec, "exact", "https://a.b.example:443", "GET", "/");
    exact->upstream_address = make_text("10.0.0.3");
    exact->upstream_port = 8443;
    exact->upstream_ca = make_text("pem");
    make_list("sha256/x sha256/y", &exact->upstream_pins.items, &exact->upstream_pins.count);
    make_bearer(exact, "key");
    make_route(spec, "no", "https://c.example:443", "GET", "/")->action = SPEC_ACTION_DENY;
    static const struct {
        const char *host;
        uint16_t port;
        const char *address; /* NULL: by the name */
    } cases[] = {{"a.b.example", 443, "10.0.0.3"},
                 {"x.b.example", 443, "10.0.0.2"},
                 {"c.example", 443, "10.0.0.1"},
                 {"a.b.example", 444, NULL},
                 {"elsewhere", 443, NULL}};
    struct policy_grant list[5];
    for (size_t i = 0; i < 5; i++) {
        list[i] = grant(i + 1, cases[i].host, cases[i].port);
    }
    struct policy_grants grants;
    CHECK_EQ_INT(take(spec, list, 5, &grants), 0);
    for (size_t i = 0; i < grants.count; i++) {
        const struct spec_route *route = policy_grants_route(&grants, &grants.items[i]);
        CHECK_EQ_STR(route->upstream_address, cases[i].address);
        CHECK_EQ_UINT(route->upstream_pins.count, i == 0 ? 2 : 0);
        CHECK_EQ_STR(route->upstream_ca, i == 0 ? "pem" : NULL);
        CHECK_EQ_UINT(route->upstream_port, i == 0 ? 8443 : 0);
        CHECK(route->credential == NULL && route->header_count == 0);
    }
    policy_grants_free(&grants);
    spec_free(spec);
}

TEST(what_nobody_could_have_granted_is_not_taken)
{
    struct policy_grant wrong[] = {grant(1, "*.example", 443), grant(1, "a.example", 0),
                                   grant(1, "a.example", 443), grant(1, "a.example", 443)};
    wrong[2].method = SPAN_LIT("CONNECT");
    wrong[3].path = SPAN_LIT("/\n");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct spec *spec = make_spec("alice");
        struct policy_grants grants;
        CHECK_EQ_INT(take(spec, &wrong[i], 1, &grants), CB_EINVAL);
        CHECK_EQ_UINT(grants.count, 0);
        policy_grants_free(&grants);
        spec_free(spec);
    }
}

TEST(lists_are_read_to_their_end_and_no_further)
{
    struct policy_grant many[POLICY_GRANTS_MAX + 1];
    struct buf bytes;
    for (size_t i = 0; i <= POLICY_GRANTS_MAX; i++) {
        many[i] = grant(i + 1, "a.example", 443);
    }
    write_list(&bytes, many, 2);
    for (size_t len = 0; len <= buf_len(&bytes); len++) {
        struct spec *spec = make_spec("alice");
        struct policy_grants grants;
        int r = policy_grants_take(&grants, spec, span_sub(buf_span(&bytes), 0, len));
        CHECK_EQ_INT(r == 0, len == 0 || len == buf_len(&bytes));
        policy_grants_free(&grants);
        spec_free(spec);
    }
    CHECK_EQ_INT(buf_append_byte(&bytes, 0), 0);
    struct spec *spec = make_spec("alice");
    struct policy_grants grants;
    CHECK_EQ_INT(policy_grants_take(&grants, spec, buf_span(&bytes)), CB_ETRAILING);
    policy_grants_free(&grants);
    CHECK_EQ_INT(take(spec, many, POLICY_GRANTS_MAX + 1, &grants), CB_ELIMIT);
    policy_grants_free(&grants);
    buf_deinit(&bytes);
    spec_free(spec);
}

/* A document that has grown since leaves no room: then they are refused, and the document's routes work. */
TEST(what_has_no_room_is_left_out)
{
    struct spec *spec = make_spec("alice");
    for (size_t i = 0; i < SPEC_ROUTES_MAX - 1; i++) {
        make_route(spec, "r", "https://r.example:443", "GET", "/");
    }
    const struct policy_grant list[] = {grant(1, "a.example", 443), grant(2, "b.example", 443)};
    struct policy_grants grants;
    CHECK_EQ_INT(take(spec, list, 2, &grants), 0);
    CHECK_EQ_UINT(grants.count, 1);
    CHECK_EQ_UINT(spec->route_count, SPEC_ROUTES_MAX);
    policy_grants_free(&grants);
    spec_free(spec);
}

TEST_MAIN()

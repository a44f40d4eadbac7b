/* test_table.c - which route decides, the reason when none does, conflicts, and that size does not matter. */
#include "policy/table.h"

#include <time.h>

#include "support/check.h"
#include "support/spec_make.h"

static struct policy_table *compile(const struct spec *spec)
{
    struct policy_table *table = NULL;
    char why[512] = "";
    if (!CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), 0)) {
        printf("    %s\n", why);
    }
    return table;
}

/* Asks for "METHOD https://host:port/path"; the route's name has to be `route` (NULL: none). */
static void ask(const struct policy_table *table, const char *request, enum policy_reason reason,
                const char *route)
{
    struct policy_query query = {.scheme = SPEC_SCHEME_HTTPS};
    const struct spec_route *got = NULL;
    const char *blank = strchr(request, ' ');
    const char *host = strstr(request, "://") + 3;
    const char *path = strchr(host, '/');
    const char *colon = path;
    while (*colon != ':') {
        colon--;
    }
    query.scheme = strncmp(blank + 1, "https:", 6) == 0 ? SPEC_SCHEME_HTTPS : SPEC_SCHEME_HTTP;
    query.method = span_of(request, (size_t)(blank - request));
    query.host = span_of(host, (size_t)(colon - host));
    query.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    query.path = span_str(path);
    enum policy_reason r = policy_table_match(table, &query, &got);
    bool same = CHECK_EQ_STR(policy_reason_name(r), policy_reason_name(reason));
    if (!CHECK_EQ_STR(got != NULL ? got->name : NULL, route) || !same) {
        printf("    %s\n", request);
    }
}

#define ROUTE  POLICY_REASON_ROUTE
#define NONE   POLICY_REASON_NO_ROUTE
#define PORT   POLICY_REASON_NO_ROUTE_PORT
#define SCHEME POLICY_REASON_NO_ROUTE_SCHEME
#define METHOD POLICY_REASON_NO_ROUTE_METHOD
#define PATH   POLICY_REASON_NO_ROUTE_PATH
#define DENIES POLICY_REASON_ROUTE_DENIES
#define NEVER  POLICY_REASON_METHOD_NEVER

TEST(allowed_and_nearest_reasons)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "chat", "https://api.example.com:443", "GET POST", "/v1/chat/** /v1/models");
    make_route(spec, "plain", "http://plain.example.com:80", "GET", "");
    make_route(spec, "high", "https://high.example.com:8443", "GET", "");
    struct policy_table *t = compile(spec);
    ask(t, "GET https://api.example.com:443/v1/models", ROUTE, "chat");
    ask(t, "POST https://api.example.com:443/v1/chat/completions", ROUTE, "chat");
    ask(t, "POST https://api.example.com:443/v1/chat", ROUTE, "chat");
    ask(t, "GET http://plain.example.com:80/any/thing", ROUTE, "plain");
    ask(t, "GET https://api.example.com:443/v1/models/", PATH, "chat");
    ask(t, "GET https://api.example.com:443/v2", PATH, "chat");
    ask(t, "GET https://api.example.com:443/V1/models", PATH, "chat");
    ask(t, "DELETE https://api.example.com:443/v1/models", METHOD, "chat");
    ask(t, "get https://api.example.com:443/v1/models", METHOD, "chat");
    ask(t, "HEAD https://api.example.com:443/v1/models", METHOD, "chat");
    ask(t, "GE https://api.example.com:443/v1/models", METHOD, "chat");
    ask(t, " https://api.example.com:443/v1/models", METHOD, "chat");
    ask(t, "GET https://api.example.com:8443/v1/models", PORT, "chat");
    ask(t, "GET http://api.example.com:80/v1/models", SCHEME, "chat");
    ask(t, "GET http://api.example.com:443/v1/models", SCHEME, "chat");
    ask(t, "GET http://api.example.com:8080/v1/models", PORT, "chat");
    ask(t, "GET https://plain.example.com:443/", SCHEME, "plain");
    ask(t, "GET https://plain.example.com:80/", SCHEME, "plain");
    ask(t, "GET http://high.example.com:8443/", SCHEME, "high");
    ask(t, "GET https://high.example.com:443/", PORT, "high");
    ask(t, "GET http://high.example.com:80/", PORT, "high");
    ask(t, "GET https://example.com:443/", NONE, NULL);
    ask(t, "GET https://xapi.example.com:443/", NONE, NULL);
    ask(t, "GET https://api.example.com.evil.test:443/v1/models", NONE, NULL);
    ask(t, "GET https://api.example.co:443/v1/models", NONE, NULL);
    ask(t, "GET https://:443/v1/models", NONE, NULL);
    policy_table_free(t);
    spec_free(spec);
}

TEST(methods_never_forwarded)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "all", "https://a.example:443", "GET TRACE CONNECT TRACK", "");
    struct policy_table *t = compile(spec);
    ask(t, "CONNECT https://a.example:443/", NEVER, NULL);
    ask(t, "TRACE https://a.example:443/", NEVER, NULL);
    ask(t, "TRACK https://a.example:443/", NEVER, NULL);
    ask(t, "trace https://a.example:443/", NEVER, NULL);
    ask(t, "TRACE https://b.example:443/", NEVER, NULL);
    ask(t, "TRACED https://a.example:443/", METHOD, "all");
    ask(t, "GET https://a.example:443/", ROUTE, "all");
    policy_table_free(t);
    spec_free(spec);
}

TEST(most_specific_path_wins)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "everything", "https://a.example:443", "GET", "");
    make_route(spec, "v1", "https://a.example:443", "GET", "/v1/**");
    make_route(spec, "v1-star", "https://a.example:443", "GET", "/v1/*");
    make_route(spec, "models", "https://a.example:443", "GET", "/v1/models");
    make_route(spec, "models-deep", "https://a.example:443", "GET", "/v1/models/**");
    make_route(spec, "any-x", "https://a.example:443", "GET", "/v1/*/x");
    struct policy_table *t = compile(spec);
    ask(t, "GET https://a.example:443/", ROUTE, "everything");
    ask(t, "GET https://a.example:443/v2/models", ROUTE, "everything");
    ask(t, "GET https://a.example:443/v1", ROUTE, "v1");
    ask(t, "GET https://a.example:443/v1/", ROUTE, "v1");
    ask(t, "GET https://a.example:443/v1/other", ROUTE, "v1-star");
    ask(t, "GET https://a.example:443/v1/other/deep", ROUTE, "v1");
    ask(t, "GET https://a.example:443/v1/models", ROUTE, "models");
    ask(t, "GET https://a.example:443/v1/models/m", ROUTE, "models-deep");
    ask(t, "GET https://a.example:443/v1/models/x", ROUTE, "models-deep");
    ask(t, "GET https://a.example:443/v1/other/x", ROUTE, "any-x");
    policy_table_free(t);
    spec_free(spec);
}

TEST(hosts_from_exact_to_wide)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "wide", "https://*.example.com:443", "GET POST", "");
    make_route(spec, "narrow", "https://*.eu.example.com:443", "GET", "/eu/**");
    make_route(spec, "exact", "https://api.eu.example.com:443", "GET", "/v1/**");
    make_route(spec, "apex", "https://example.com:443", "GET", "/apex");
    struct policy_table *t = compile(spec);
    ask(t, "GET https://api.eu.example.com:443/v1/x", ROUTE, "exact");
    ask(t, "GET https://api.eu.example.com:443/eu/x", ROUTE, "narrow");
    ask(t, "GET https://api.eu.example.com:443/other", ROUTE, "wide");
    ask(t, "POST https://api.eu.example.com:443/v1/x", ROUTE, "wide");
    ask(t, "GET https://x.eu.example.com:443/eu/x", ROUTE, "narrow");
    ask(t, "GET https://a.b.c.example.com:443/", ROUTE, "wide");
    ask(t, "GET https://eu.example.com:443/eu/x", ROUTE, "wide");
    ask(t, "GET https://example.com:443/apex", ROUTE, "apex");
    ask(t, "GET https://example.com:443/", PATH, "apex");
    ask(t, "GET https://xexample.com:443/", NONE, NULL);
    /* The nearest miss is told for the most specific host that has a route. */
    ask(t, "PUT https://api.eu.example.com:443/v1/x", METHOD, "exact");
    ask(t, "GET https://api.eu.example.com:444/v1/x", PORT, "exact");
    ask(t, "PUT https://x.eu.example.com:443/", METHOD, "narrow");
    ask(t, "PUT https://x.example.com:443/", METHOD, "wide");
    /* Something that is no host does not find a wildcard by its form. */
    ask(t, "GET https://.example.com:443/", NONE, NULL);
    policy_table_free(t);
    spec_free(spec);
}

TEST(addresses)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "v4", "https://192.0.2.1:443", "GET", "");
    make_route(spec, "v6", "https://[2001:db8::1]:443", "GET", "");
    struct policy_table *t = compile(spec);
    ask(t, "GET https://192.0.2.1:443/", ROUTE, "v4");
    ask(t, "GET https://192.0.2.2:443/", NONE, NULL);
    ask(t, "GET https://[2001:db8::1]:443/", ROUTE, "v6");
    ask(t, "GET https://[2001:db8::2]:443/", NONE, NULL);
    policy_table_free(t);
    spec_free(spec);
}

TEST(deny)
{
    struct spec *spec = make_spec("alice");
    make_route(spec, "files", "https://a.example:443", "GET POST DELETE", "/files/**");
    make_route(spec, "no-delete", "https://a.example:443", "DELETE", "/files/**")->action = SPEC_ACTION_DENY;
    make_route(spec, "no-secrets", "https://a.example:443", "GET POST", "/files/secret/**")->action =
        SPEC_ACTION_DENY;
    make_route(spec, "but-this", "https://a.example:443", "GET", "/files/secret/public");
    make_route(spec, "no-verb", "https://a.example:443", "POST", "/files/*:purge")->action = SPEC_ACTION_DENY;
    make_route(spec, "wide", "https://*.b.example:443", "GET", "");
    make_route(spec, "hole", "https://x.b.example:443", "GET", "/admin/**")->action = SPEC_ACTION_DENY;
    make_route(spec, "wide-hole", "https://*.b.example:443", "GET", "/internal/**")->action =
        SPEC_ACTION_DENY;
    make_route(spec, "exact", "https://y.b.example:443", "GET", "/**");
    make_route(spec, "only-deny", "https://c.example:443", "GET", "/x")->action = SPEC_ACTION_DENY;
    struct policy_table *t = compile(spec);
    ask(t, "GET https://a.example:443/files/a", ROUTE, "files");
    ask(t, "DELETE https://a.example:443/files/a", DENIES, "no-delete");
    ask(t, "GET https://a.example:443/files/secret/a", DENIES, "no-secrets");
    ask(t, "GET https://a.example:443/files/secret", DENIES, "no-secrets");
    ask(t, "GET https://a.example:443/files/secret/public", ROUTE, "but-this");
    ask(t, "POST https://a.example:443/files/secret/public", DENIES, "no-secrets");
    /* A hole holds for the other spelling of its path too. */
    ask(t, "POST https://a.example:443/files/a:purge", DENIES, "no-verb");
    ask(t, "POST https://a.example:443/files/a%3Apurge", DENIES, "no-verb");
    ask(t, "POST https://a.example:443/files/a%3Bpurge", ROUTE, "files");
    ask(t, "GET https://x.b.example:443/a", ROUTE, "wide");
    ask(t, "GET https://x.b.example:443/admin/a", DENIES, "hole");
    ask(t, "GET https://z.b.example:443/admin/a", ROUTE, "wide");
    ask(t, "GET https://z.b.example:443/internal/a", DENIES, "wide-hole");
    /* An exact host wins over any wildcard, also an allow over a deny. */
    ask(t, "GET https://y.b.example:443/internal/a", ROUTE, "exact");
    /* A host that only has a hole is no host that a route allows. */
    ask(t, "GET https://c.example:443/x", DENIES, "only-deny");
    ask(t, "GET https://c.example:443/y", NONE, NULL);
    ask(t, "PUT https://x.b.example:443/admin/a", METHOD, "wide");
    policy_table_free(t);
    spec_free(spec);
}

/* Two routes; `clash` is a part of the message, or NULL when there must be none. */
static void pair(const char *destination_a, const char *methods_a, const char *paths_a,
                 const char *destination_b, const char *methods_b, const char *paths_b, const char *clash)
{
    struct spec *spec = make_spec("alice");
    struct policy_table *table = NULL;
    char why[512] = "unset";
    make_route(spec, "first", destination_a, methods_a, paths_a);
    make_route(spec, "second", destination_b, methods_b, paths_b);
    int r = policy_table_new(spec, &table, why, sizeof(why));
    if (!CHECK_EQ_INT(r, clash != NULL ? CB_ECONFLICT : 0)) {
        printf("    %s %s | %s %s: %s\n", methods_a, paths_a, methods_b, paths_b, why);
    } else if (clash != NULL) {
        CHECK(table == NULL);
        CHECK(strstr(why, "\"first\" and \"second\"") != NULL);
        if (!CHECK(strstr(why, clash) != NULL)) {
            printf("    %s\n", why);
        }
    }
    policy_table_free(table);
    /* A hole of equal rank is no conflict; two equal holes are. */
    if (clash != NULL) {
        spec->routes[1].action = SPEC_ACTION_DENY;
        CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), 0);
        policy_table_free(table);
        table = NULL;
        spec->routes[0].action = SPEC_ACTION_DENY;
        CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), CB_ECONFLICT);
    }
    spec_free(spec);
}

TEST(conflicts)
{
    static const char a[] = "https://a.example:443";
    pair(a, "GET", "/v1", a, "GET", "/v1", "GET https://a.example:443/v1:");
    pair(a, "GET POST", "/v1", a, "POST PUT", "/v1", "for POST https://a.example:443/v1:");
    pair(a, "GET", "/v1", a, "POST", "/v1", NULL);
    pair(a, "GET", "/v1", a, "GET", "/v2", NULL);
    pair(a, "GET", "", a, "GET", "", "https://a.example:443/**:");
    pair(a, "GET", "", a, "GET", "/**", "/**");
    pair(a, "GET", "/v1/**", a, "GET", "/v1/*", NULL);
    pair(a, "GET", "/v1/**", a, "GET", "/v1/**", "/v1/**");
    pair(a, "GET", "/v1/**", a, "GET", "/v2/**", NULL);
    pair(a, "GET", "/*/b", a, "GET", "/a/*", "/*/b and /a/*");
    pair(a, "GET", "/*/bb", a, "GET", "/a/*", NULL);
    pair(a, "GET", "/a*", a, "GET", "/*a", "/a* and /*a");
    pair(a, "GET", "/a*", a, "GET", "/b*", NULL);
    pair(a, "GET", "/a* /b*", a, "GET", "/c* /*b", " and /*b");
    pair(a, "GET", "/*/x/**", a, "GET", "/y/*/**", "/*/x/** and /y/*/**");
    pair(a, "GET", "/1 /2 /3 /4", a, "GET", "/5 /6 /3", "/3");
    pair(a, "GET", "/x /x", a, "GET", "/y", NULL);
    pair(a, "GET", "/v1", "https://b.example:443", "GET", "/v1", NULL);
    pair(a, "GET", "/v1", "https://a.example:8443", "GET", "/v1", NULL);
    pair(a, "GET", "/v1", "http://a.example:443", "GET", "/v1", NULL);
    pair("https://*.a.example:443", "GET", "", "https://x.a.example:443", "GET", "", NULL);
    pair("https://*.a.example:443", "GET", "/v1", "https://*.a.example:443", "GET", "/v1",
         "https://*.a.example:443/v1");
    pair("https://*.a.example:443", "GET", "", "https://*.x.a.example:443", "GET", "", NULL);
}

/* The message survives any size of its buffer. */
TEST(short_message)
{
    struct spec *spec = make_spec("alice");
    struct policy_table *table = NULL;
    char why[8] = "1234567";
    make_route(spec, "a", "https://a.example:443", "GET", "");
    make_route(spec, "b", "https://a.example:443", "GET", "");
    CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), CB_ECONFLICT);
    CHECK_EQ_UINT(strlen(why), 7);
    CHECK_EQ_INT(policy_table_new(spec, &table, NULL, 0), CB_ECONFLICT);
    spec_free(spec);
}

TEST(empty)
{
    struct spec *spec = make_spec("alice");
    struct policy_table *t = compile(spec);
    ask(t, "GET https://a.example:443/", NONE, NULL);
    policy_table_free(t);
    policy_table_free(NULL);
    spec_free(spec);
}

static double match_seconds(const struct policy_table *table, size_t hosts, size_t rounds)
{
    struct timespec from;
    struct timespec to;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (size_t i = 0; i < rounds; i++) {
        char host[64];
        int len = snprintf(host, sizeof(host), "h%zu.sub.example.com", i % hosts);
        struct policy_query query = {SPEC_SCHEME_HTTPS, span_of(host, (size_t)len), 443,
                                     SPAN_LIT("GET"),   SPAN_LIT("/v1/x"),          SPAN_EMPTY};
        const struct spec_route *route;
        if (policy_table_match(table, &query, &route) != POLICY_REASON_ROUTE) {
            (void)FAIL("a route was not found");
            break;
        }
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

TEST(cost_does_not_grow_with_routes)
{
    double seconds[2];
    static const size_t hosts[2] = {4, SPEC_ROUTES_MAX};
    for (size_t n = 0; n < 2; n++) {
        struct spec *spec = make_spec("alice");
        for (size_t i = 0; i < hosts[n]; i++) {
            char name[32];
            char destination[64];
            (void)snprintf(name, sizeof(name), "h%zu", i);
            (void)snprintf(destination, sizeof(destination), "https://h%zu.sub.example.com:443", i);
            make_route(spec, name, destination, "GET", "/v1/**");
        }
        struct policy_table *table = compile(spec);
        (void)match_seconds(table, hosts[n], 1000);
        seconds[n] = match_seconds(table, hosts[n], 20000);
        policy_table_free(table);
        spec_free(spec);
    }
    /* 128 times the routes: a walk through them would take a hundred times as long. */
    CHECK(seconds[1] < 10 * seconds[0] + 0.001);
}

/* The largest spec of patterns that all rank equal: compiling stays bearable. */
TEST(worst_compile)
{
    struct spec *spec = make_spec("alice");
    for (unsigned i = 0; i < SPEC_ROUTES_MAX; i++) {
        char name[32];
        char *paths = (char *)make_or_die(malloc(SPEC_PATHS_MAX * 16));
        size_t len = 0;
        for (unsigned j = 0; j < SPEC_PATHS_MAX; j++) {
            len += (size_t)sprintf(paths + len, "%s/p%03u%02u", j == 0 ? "" : " ", i, j);
        }
        (void)snprintf(name, sizeof(name), "r%u", i);
        make_route(spec, name, "https://a.example:443", "GET", paths);
        free(paths);
    }
    clock_t before = clock();
    struct policy_table *table = compile(spec);
    CHECK((double)(clock() - before) / (double)CLOCKS_PER_SEC < 2.0);
    ask(table, "GET https://a.example:443/p51163", ROUTE, "r511");
    ask(table, "GET https://a.example:443/p00000", ROUTE, "r0");
    policy_table_free(table);
    spec_free(spec);
}

TEST(rules_for_kubernetes_are_part_of_the_match)
{
    struct spec *spec = make_spec("alice");
    struct policy_table *table = NULL;
    const struct spec_route *route = NULL;
    char why[256];
    make_kube_rule(make_route(spec, "k", "https://k.example:443", "GET", ""), "dev", "list", "pods");
    if (CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), 0)) {
        struct policy_query query = {.host = SPAN_LIT("k.example"),
                                     .port = 443,
                                     .method = SPAN_LIT("GET"),
                                     .path = SPAN_LIT("/api/v1/namespaces/dev/pods")};
        CHECK_EQ_INT(policy_table_match(table, &query, &route), POLICY_REASON_ROUTE);
        query.query = SPAN_LIT("watch=1");
        CHECK_EQ_INT(policy_table_match(table, &query, &route), POLICY_REASON_KUBERNETES_RULE);
        CHECK(route == &spec->routes[0]);
    }
    policy_table_free(table);
    spec_free(spec);
}

TEST_MAIN()

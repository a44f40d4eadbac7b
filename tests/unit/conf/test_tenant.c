/* test_tenant.c - whole files: the example of the documentation, several tenants, all or none. */
#include "conf/tenant.h"

#include "conf_test.h"

static const char example[] =
    "apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n  routes:\n"
    "    - provider: openai\n      credential: openai\n      paths: [/v1/models]\n"
    "    - host: docs.example.com\n      methods: [GET]\n      paths: [/api/**]\n      inject: {header: X-Api-Key}\n"
    "      credential: my-docs\n"
    "    - name: model\n      host: llm.internal.example\n      upstream: {address: \"10.20.30.40:8443\", caFile: /ca.pem}\n"
    "      inject: {bearer: true}\n      credential: internal\n      placeholder: required\n"
    "    - host: llm.internal.example\n      name: hole\n      action: deny\n      paths: [/admin/**]\n"
    "    - host: a.very-long-name-of-a-host-that-does-not-fit.example\n      methods: [PROPFIND]\n"
    "  limits: {requestsPerMinute: 600, concurrent: 64, requestBytes: 64MiB}\n";

TEST(the_example_becomes_a_spec)
{
    struct conf_tenants tenants;
    struct buf errors;
    if (!CHECK_EQ_INT(test_load(example, &tenants, &errors), 0) || !CHECK_EQ_UINT(tenants.count, 1)) {
        return;
    }
    const struct spec *spec = tenants.specs[0];
    CHECK_EQ_STR(spec->tenant, "alice");
    CHECK_EQ_UINT(spec->route_count, 5);
    CHECK_EQ_UINT(spec->routes[0].path_count, 1);
    CHECK_EQ_STR(spec->routes[0].paths[0], "/v1/models");
    CHECK_EQ_UINT(spec->routes[0].method_count, 4);
    CHECK_EQ_STR(spec->routes[1].name, "docs-example-com");
    CHECK_EQ_STR(spec->routes[1].headers[0].name, "X-Api-Key");
    CHECK_EQ_STR(spec->routes[1].headers[0].value, "");
    CHECK_EQ_UINT(spec->routes[1].port, 443);
    CHECK_EQ_STR(spec->routes[2].upstream_address, "10.20.30.40");
    CHECK_EQ_UINT(spec->routes[2].upstream_port, 8443);
    CHECK(strstr(spec->routes[2].upstream_ca, "BEGIN CERTIFICATE") != NULL);
    CHECK_EQ_STR(spec->routes[2].headers[0].name, "Authorization");
    CHECK_EQ_STR(spec->routes[2].headers[0].value, "Bearer ");
    CHECK(spec->routes[2].placeholder_required && !spec->routes[1].placeholder_required);
    CHECK_EQ_UINT(spec->routes[2].method_count, 3);
    CHECK_EQ_INT(spec->routes[3].action, SPEC_ACTION_DENY);
    CHECK_EQ_UINT(spec->routes[3].method_count, 8);
    CHECK_EQ_STR(spec->routes[3].methods[7], "PROPFIND");
    CHECK_EQ_STR(spec->routes[4].name, "a-very-long-name-of-a-host-that-does-not");
    CHECK_EQ_UINT(spec->credential_count, 3);
    CHECK_EQ_STR(spec->credentials[1].env, "CLAWBOX_MY_DOCS");
    CHECK_EQ_STR(spec->credentials[1].shape, "cbx_{40}");
    CHECK_EQ_UINT(spec->limits.requests_per_minute, 600);
    CHECK_EQ_UINT(spec->limits.concurrent, 64);
    CHECK_EQ_UINT(spec->limits.request_bytes, 64U << 20);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

#define TENANT(name_, routes_) \
    "{apiVersion: clawbox/v1, kind: Tenant, metadata: {name: " name_ "}, spec: {routes: " routes_ "}}\n"

TEST(several_documents_are_several_tenants)
{
    struct conf_tenants tenants;
    struct buf errors;
    if (CHECK_EQ_INT(
            test_load(TENANT("a", "[]") "---\n" TENANT("b", "[{host: b.example}]"), &tenants, &errors), 0) &&
        CHECK_EQ_UINT(tenants.count, 2)) {
        CHECK_EQ_STR(tenants.specs[0]->tenant, "a");
        CHECK_EQ_STR(tenants.specs[1]->routes[0].host, "b.example");
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    CHECK_ERRORS(TENANT("a", "[]") "---\n" TENANT("b", "7"),
                 "t.yaml:3:76: spec.routes: should be a list, not a single value\n");
    CHECK_ERRORS(
        TENANT("a", "[]") "---\n" TENANT("a", "[]"),
        "t.yaml:3:57: metadata.name: an earlier document has the name \"a\" too: write another name\n");
}

TEST(the_frame_is_checked)
{
    CHECK_ERRORS("", "t.yaml:1:1: there is no tenant in this file: write apiVersion: clawbox/v1, ...\n");
    CHECK_ERRORS("x\n", "t.yaml:1:1: should be a map, not a single value\n");
    CHECK_ERRORS("apiVersion: v1\nkind: Pod\nmore: 1\nmetadata: {}\n",
                 "t.yaml:3:1: more: unknown key; known here: apiVersion, kind, metadata, spec\n"
                 "t.yaml:1:13: apiVersion: should be clawbox/v1\n"
                 "t.yaml:2:7: kind: should be Tenant\n"
                 "t.yaml:4:11: metadata: \"name\" is missing\n"
                 "t.yaml:1:1: \"spec\" is missing\n");
    CHECK_ERRORS("a: 1\na: 2\n", "t.yaml:2:1: a: this key stands twice in one map (first in line 1)\n");
    CHECK_ERRORS(
        "a: &b [*b]\n",
        "t.yaml:1:4: a: anchors and aliases (&, *) are not accepted: write the value out, or in quotes\n");
}

TEST(limits_are_checked)
{
    CHECK_ERRORS(
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  routes: []\n  limits:\n"
        "    requestsPerMinute: 0\n    concurrent: x\n    requestBytes: 1TiB\n    other: 1\n",
        "t.yaml:10:5: spec.limits.other: unknown key; known here: requestsPerMinute, concurrent, requestBytes\n"
        "t.yaml:7:24: spec.limits.requestsPerMinute: should be a whole number from 1 to 1000000, without quotes\n"
        "t.yaml:8:17: spec.limits.concurrent: should be a whole number from 1 to 65536, without quotes\n"
        "t.yaml:9:19: spec.limits.requestBytes: should be a size from 1 to 1099511627776 bytes such as 64MiB "
        "(KiB, MiB or GiB)\n");
}

TEST(what_a_tripwire_does)
{
    const struct {
        const char *word;
        bool suspends;
    } words[] = {{"  tripwire: suspend\n", true}, {"  tripwire: refuse\n", false}, {"", false}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char text[256];
        struct conf_tenants tenants;
        struct buf errors;
        buf_init(&errors, 4096);
        (void)snprintf(text, sizeof(text),
                       "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  routes: []\n%s",
                       words[i].word);
        if (CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", NULL, &tenants, &errors), 0)) {
            CHECK_EQ_INT(tenants.specs[0]->limits.tripwire_suspends, words[i].suspends);
            conf_tenants_deinit(&tenants);
        }
        buf_deinit(&errors);
    }
    CHECK_ERRORS(
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  routes: []\n  tripwire: kill\n",
        "t.yaml:6:13: spec.tripwire: should be refuse or suspend\n");
}

TEST(routes_must_not_conflict)
{
    CHECK_ERRORS(
        HEAD "{host: a.example},\n{host: b.example, name: a-example}" TAIL,
        "t.yaml:6:25: spec.routes[1].name: the route in line 5 has the name \"a-example\" too: write another name\n");
    CHECK_ERRORS(
        HEAD "{host: a.example},\n{host: a.example}" TAIL,
        "t.yaml:6:1: spec.routes[1]: the route in line 5 has the name \"a-example\" too: write a name of its own, "
        "name: NAME\n"
        "t.yaml:6:1: spec.routes[1]: lines 5 and 6: routes \"a-example\" and \"a-example\" could both win for GET "
        "https://a.example:443/**: make one more specific, or take the method out of one\n");
    CHECK_ERRORS(
        HEAD "{name: one, host: a.example},\n{name: two, host: a.example, paths: [/x*]},\n"
             "{name: three, host: b.example},\n{name: four, host: a.example, methods: [POST, PUT]},\n"
             "{name: five, host: c.example, port: 0},\n{name: six, host: a.example, paths: [/*y]}" TAIL,
        "t.yaml:9:37: spec.routes[4].port: should be a whole number from 1 to 65535, without quotes\n"
        "t.yaml:8:1: spec.routes[3]: lines 5 and 8: routes \"one\" and \"four\" could both win for POST "
        "https://a.example:443/**: make one more specific, or take the method out of one\n"
        "t.yaml:10:1: spec.routes[5]: lines 6 and 10: routes \"two\" and \"six\" could both win for GET "
        "https://a.example:443/x* and /*y: make one more specific, or take the method out of one\n");
    CHECK_ERRORS(
        HEAD "{name: one, host: a.example},\n{name: two, host: a.example, port: 8443},\n"
             "{name: three, host: a.example, methods: [PUT]},\n{name: four, host: \"*.a.example\"},\n"
             "{name: five, host: a.example, paths: [/x]},\n{name: six, host: a.example, action: deny}" TAIL,
        "");
}

/* Appends a text as often as needed, with numbers in it. */
static char *many_routes(size_t routes, size_t paths)
{
    static char text[200000];
    size_t used = (size_t)snprintf(text, sizeof(text), HEAD);
    for (size_t i = 0; i < routes; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "{name: r%zu, host: a.example, paths: [", i);
        for (size_t j = 0; j < paths; j++) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "/%zu-%zu,", i, j);
        }
        used += (size_t)snprintf(text + used, sizeof(text) - used, "]},\n");
    }
    (void)snprintf(text + used, sizeof(text) - used, TAIL);
    return text;
}

TEST(counts_are_bounded)
{
    CHECK_ERRORS(many_routes(512, 1), "");
    CHECK_ERRORS(many_routes(514, 1), "t.yaml:517:1: spec.routes[512]: a tenant has at most 512 routes\n");
    CHECK_ERRORS(many_routes(64, 64), "");
    CHECK_ERRORS(many_routes(66, 64),
                 "t.yaml:69:1: spec.routes[64]: a tenant has at most 4096 path patterns in all "
                 "its routes: join some of them with * or **\n");
    CHECK_ERRORS(many_routes(1, 65), "t.yaml:5:36: spec.routes[0].paths: should have 1 to 64 entries\n");
}

TEST(a_spec_that_is_too_large_is_refused)
{
    static char pem[60000] = "-----BEGIN CERTIFICATE-----\n";
    struct conf_tenants tenants;
    struct buf errors;
    char text[8192];
    size_t used = (size_t)snprintf(text, sizeof(text), HEAD);
    const struct conf_files files = {.read = test_read, .arg = pem};
    memset(pem + strlen(pem), 'A', sizeof(pem) - 1 - strlen(pem));
    for (int i = 0; i < 40; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "{host: h%d.example, upstream: {caFile: /ca.pem}},\n", i);
    }
    (void)snprintf(text + used, sizeof(text) - used, TAIL);
    buf_init(&errors, 4096);
    CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), CB_ECONFIG);
    static const char want[] =
        "t.yaml:1:1: the tenant is too large: fewer or shorter routes and certificates\n";
    CHECK_EQ_BYTES(buf_span(&errors).ptr, buf_len(&errors), want, sizeof(want) - 1);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(twenty_errors_are_shown)
{
    char text[2048] = HEAD;
    struct conf_tenants tenants;
    struct buf errors;
    for (int i = 0; i < 25; i++) {
        strcat(text, "{host: A.b},\n");
    }
    strcat(text, TAIL);
    CHECK_EQ_INT(test_load(text, &tenants, &errors), CB_ECONFIG);
    struct span got = buf_span(&errors);
    size_t lines = 0;
    for (size_t i = 0; i < got.len; i++) {
        lines += got.ptr[i] == '\n';
    }
    CHECK_EQ_UINT(lines, 21);
    CHECK(span_ends(got, SPAN_LIT("\nt.yaml: 5 more errors are not shown\n")));
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(a_ca_is_constrained_to_the_hosts_of_allow_routes)
{
    static const char text[] =
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  ca: {nameConstraints: true}\n"
        "  routes:\n  - {host: b.example}\n  - {host: '*.a.example'}\n  - {host: a.example, name: apex}\n"
        "  - {host: no.example, action: deny}\n";
    struct conf_tenants tenants;
    struct buf errors;
    struct buf names;
    buf_init(&errors, 4096);
    buf_init(&names, 4096);
    if (CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", NULL, &tenants, &errors), 0)) {
        CHECK(tenants.specs[0]->name_constraints);
        CHECK_EQ_INT(spec_ca_names(tenants.specs[0], &names), 0);
        CHECK(span_eq_str(buf_span(&names), "a.example\nb.example\n"));
        conf_tenants_deinit(&tenants);
    }
    buf_deinit(&errors);
    buf_deinit(&names);
    CHECK_ERRORS(
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n  routes: []\n  ca: {nameConstraints: 1}\n",
        "t.yaml:6:25: spec.ca.nameConstraints: should be true or false, without quotes\n");
}

TEST(placeholders)
{
    struct conf_tenants tenants;
    struct buf errors;
    static const char start[] = "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n"
                                "  routes: [{host: a.example, credential: a, inject: {bearer: true}},"
                                " {host: b.example, credential: b, inject: {bearer: true}}]\n";
    char text[1024];
    (void)snprintf(text, sizeof(text), "%s  placeholders: {a: abcdefghijklmnopqrstuv}\n", start);
    CHECK_EQ_INT(test_load(text, &tenants, &errors), 0);
    CHECK_EQ_UINT(tenants.placeholders[0].count, 1);
    CHECK_EQ_STR(tenants.placeholders[0].items[0].name, "a");
    CHECK_EQ_STR(tenants.placeholders[0].items[0].value, "abcdefghijklmnopqrstuv");
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    static const struct {
        const char *map, *error;
    } wrong[] = {
        {"{c: abcdefghijklmnopqrstuv}",
         "6:18: spec.placeholders.c: no route has a credential of this name: remove it"},
        {"{a: abcdefghijklmnopqrstu}",
         "6:21: spec.placeholders.a: should have 22 letters and digits at least and 255 bytes at most, and no blanks, "
         "quotes, braces, commas, semicolons or backslashes"},
        {"{a: 'abcdefghijklm nopqrstuv'}",
         "6:21: spec.placeholders.a: should have 22 letters and digits at least and 255 bytes at most, and no blanks, "
         "quotes, braces, commas, semicolons or backslashes"},
        {"{a: 'abcdefghijklmnopqrstuv;'}",
         "6:21: spec.placeholders.a: should have 22 letters and digits at least and 255 bytes at most, and no blanks, "
         "quotes, braces, commas, semicolons or backslashes"},
        {"{a: abcdefghijklmnopqrstuv, b: abcdefghijklmnopqrstuv}",
         "6:48: spec.placeholders.b: is another credential's too: each has its own"},
        {"[]", "6:17: spec.placeholders: should be a map, not a list"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char want[512];
        (void)snprintf(text, sizeof(text), "%s  placeholders: %s\n", start, wrong[i].map);
        (void)snprintf(want, sizeof(want), "t.yaml:%s\n", wrong[i].error);
        CHECK_ERRORS(text, want);
    }
}

TEST_MAIN()

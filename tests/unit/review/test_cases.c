/* test_cases.c - policy tests as files: what is read, what is refused, what a failure says. */
#include <stdlib.h>

#include "review/cases.h"
#include "review_test.h"

#define HEAD "apiVersion: clawbox/v1\nkind: PolicyTest\nspec: {tests: [\n"

static int load(const char *text, struct review_cases *out, struct buf *errors)
{
    buf_init(errors, (size_t)64 * 1024);
    return review_cases_load(span_str(text), "t.yaml", out, errors);
}

TEST(what_comes_of_each)
{
    static const struct {
        const char *text;
        const char *why; /* "" when it passes */
    } cases[] = {
        {"{request: POST https://api.openai.com/v1/x, expect: allow}", ""},
        {"{request: POST https://api.openai.com/v1/x, expect: allow, route: openai, reason: route}", ""},
        {"{request: POST https://api.openai.com/v1/x, expect: allow, route: wide}",
         "expected route wide to decide, but it is openai"},
        {"{request: POST https://api.openai.com/v1/x, expect: deny}",
         "expected deny, but it is allowed (route) by route openai"},
        {"{request: GET https://evil.example/, expect: deny, reason: no_route}", ""},
        {"{request: GET https://evil.example/, expect: deny, reason: no_route_path}",
         "expected deny (no_route_path), but it is denied (no_route)"},
        {"{request: GET https://evil.example/, expect: allow, route: x}",
         "expected allow, but it is denied (no_route)"},
        {"{request: {url: 'https://api.openai.com/v1/x', headers: {X-Api-Key: own}}, expect: allow}",
         "expected allow, but it is denied (foreign_credential) by route openai: what stands in the header "
         "X-Api-Key"},
        {"{request: {url: 'https://api.openai.com/v1/x', headers: {Authorization: 'Bearer {placeholder:openai}'}}, "
         "expect: allow}",
         ""},
        {"{request: 'GET https://maps.example.com/?key={placeholder:maps}', expect: allow, route: maps}", ""},
        {"{request: 'GET https://maps.example.com/?key={placeholder:nobody}', expect: allow}",
         "no route uses a credential of the name in {placeholder:NAME}"},
        {"{request: GET https://api.openai.com/v1/%2f, expect: deny, reason: bad_path}", ""},
        {"{request: {method: DELETE, url: 'https://api.openai.com/v1/files/x'}, expect: deny, route: no-files}",
         ""},
    };
    struct review_policy *policy = policy_of(ALICE);
    for (size_t i = 0; policy != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        struct review_cases loaded;
        struct review_result result;
        struct buf errors;
        (void)snprintf(text, sizeof(text), HEAD "%s]}\n", cases[i].text);
        if (CHECK_EQ_INT(load(text, &loaded, &errors), 0) && CHECK_EQ_INT(loaded.count, 1) &&
            CHECK_EQ_INT(review_case_run(policy, &loaded.list[0], &result), 0)) {
            CHECK_EQ_STR(result.why, cases[i].why);
            CHECK(result.passed == (cases[i].why[0] == '\0'));
            CHECK_EQ_INT(loaded.list[0].line, 4);
        }
        printf("%.*s", SPAN_ARG(buf_span(&errors)));
        review_cases_deinit(&loaded);
        buf_deinit(&errors);
    }
    review_policy_free(policy);
}

TEST(what_is_refused_says_where)
{
    static const struct {
        const char *text;
        const char *errors;
    } cases[] = {
        {"", "t.yaml:1:1: there is no test in this file\n"},
        {HEAD "]}\n", "t.yaml:1:1: there is no test in this file\n"},
        {HEAD "{request: x, expect: allow}]}",
         "t.yaml:4:11: spec.tests[0].request: should be METHOD URL, or a map "
         "with method, url and headers\n"},
        {HEAD "{request: GET x, expect: maybe}]}",
         "t.yaml:4:26: spec.tests[0].expect: should be allow or deny\n"},
        {HEAD "{request: GET x}]}", "t.yaml:4:1: spec.tests[0]: \"expect\" is missing\n"},
        {HEAD "{expect: deny}]}", "t.yaml:4:1: spec.tests[0]: \"request\" is missing\n"},
        {HEAD "{request: GET x, expect: deny, reason: route}]}",
         "t.yaml:4:40: spec.tests[0].reason: does not go with the \"expect\" of this test\n"},
        {HEAD "{request: GET x, expect: allow, reason: no_route}]}",
         "t.yaml:4:41: spec.tests[0].reason: does not go with the \"expect\" of this test\n"},
        {HEAD "{request: GET x, expect: deny, reason: nope}]}",
         "t.yaml:4:40: spec.tests[0].reason: no such reason: no_route, no_route_path, foreign_credential, ... (as "
         "clawbox explain and the audit name them)\n"},
        {HEAD "{request: {url: x, header: {}}, expect: deny}]}",
         "t.yaml:4:20: spec.tests[0].request.header: unknown key; known here: method, url, headers\n"},
        {HEAD "{request: {url: x, headers: {'a b': c}}, expect: deny}]}",
         "t.yaml:4:37: spec.tests[0].request.headers.a b: not a header that HTTP can carry\n"},
        {"apiVersion: clawbox/v1\nkind: Tenant\nspec: {tests: []}\n",
         "t.yaml:2:7: kind: should be PolicyTest\n"},
        {"a: [", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct review_cases loaded;
        struct buf errors;
        CHECK_EQ_INT(load(cases[i].text, &loaded, &errors), CB_ECONFIG);
        CHECK_EQ_INT(loaded.count, 0);
        struct span got = buf_span(&errors);
        if (cases[i].errors != NULL) {
            CHECK_EQ_BYTES(got.ptr, got.len, cases[i].errors, strlen(cases[i].errors));
        } else {
            CHECK(got.len != 0);
        }
        buf_deinit(&errors);
    }
}

TEST(several_documents_and_their_tenants)
{
    struct review_cases loaded;
    struct buf errors;
    CHECK_EQ_INT(load("apiVersion: clawbox/v1\nkind: PolicyTest\nspec:\n  tenant: alice\n  tests:\n"
                      "    - {name: one, request: GET https://a/, expect: deny}\n"
                      "    - {request: GET https://b/, expect: deny}\n---\n"
                      "apiVersion: clawbox/v1\nkind: PolicyTest\nspec:\n  tests:\n"
                      "    - {request: GET https://c/, expect: deny}\n",
                      &loaded, &errors),
                 0);
    if (CHECK_EQ_INT(loaded.count, 3)) {
        CHECK_EQ_STR(loaded.list[0].name, "one");
        CHECK_EQ_STR(loaded.list[1].tenant, "alice");
        CHECK_EQ_STR(loaded.list[2].tenant, NULL);
        CHECK_EQ_INT(loaded.list[2].line, 13);
    }
    review_cases_deinit(&loaded);
    buf_deinit(&errors);
}

/* The schema for editors has the keys that the reader has. */
TEST(the_schema_has_the_same_keys)
{
    static const struct {
        const char *path[3]; /* below "$defs" or the top */
        const char *keys;
    } maps[] = {{{"test", NULL}, "name request expect reason route "},
                {{"request", NULL}, "method url headers "}};
    struct conf_tree tree;
    struct conf_tree_error error;
    struct buf text;
    char piece[4096];
    FILE *file = fopen("schema/policy-test.schema.json", "rb");
    if (!CHECK(file != NULL)) {
        return;
    }
    buf_init(&text, CONF_TREE_BYTES_MAX);
    for (size_t n = fread(piece, 1, sizeof(piece), file); n > 0; n = fread(piece, 1, sizeof(piece), file)) {
        CHECK_EQ_INT(buf_append(&text, piece, n), 0);
    }
    (void)fclose(file);
    if (CHECK_EQ_INT(conf_tree_read(buf_span(&text), &tree, &error), 0)) {
        for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
            char keys[128] = "";
            const struct conf_node *properties = conf_node_get(
                conf_node_get(conf_node_get(tree.documents, "$defs"), maps[i].path[0]), "properties");
            for (const struct conf_node *n = properties != NULL ? properties->first : NULL; n != NULL;
                 n = n->next) {
                (void)snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s ", n->key);
            }
            CHECK_EQ_STR(keys, maps[i].keys);
        }
        conf_tree_deinit(&tree);
    }
    buf_deinit(&text);
}

TEST_MAIN()

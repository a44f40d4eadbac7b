/* test_schema.c - schema/tenant.schema.json says what the loader does: the same keys, the same bounds. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/preset.h"
#include "conf_test.h"
#include "policy/spec_check.h"

#define SCHEMA "schema/tenant.schema.json"
#define START  "{apiVersion: clawbox/v1, kind: Tenant, metadata: {name: t}, "

static struct conf_tree schema;

static bool schema_ready(void)
{
    struct conf_tree_error error;
    struct buf text;
    char piece[4096];
    if (schema.documents != NULL) {
        return true;
    }
    FILE *file = fopen(SCHEMA, "rb");
    if (!CHECK(file != NULL)) {
        return false;
    }
    buf_init(&text, CONF_TREE_BYTES_MAX);
    for (size_t n = fread(piece, 1, sizeof(piece), file); n > 0; n = fread(piece, 1, sizeof(piece), file)) {
        CHECK_EQ_INT(buf_append(&text, piece, n), 0);
    }
    (void)fclose(file);
    bool good = CHECK_EQ_INT(conf_tree_read(buf_span(&text), &schema, &error), 0);
    buf_deinit(&text);
    return good;
}

/* The value at a path of keys, "a/b/c"; a number is a place in a list. */
static const struct conf_node *at(const char *path)
{
    char copy[256];
    char *rest = NULL;
    const struct conf_node *node = schema.documents;
    (void)snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, "/", &rest); node != NULL && key != NULL;
         key = strtok_r(NULL, "/", &rest)) {
        if (node->kind == CONF_KIND_MAP) {
            node = conf_node_get(node, key);
            continue;
        }
        size_t index = strtoul(key, NULL, 10);
        for (node = node->first; node != NULL && node->index != index; node = node->next) {
        }
    }
    if (node == NULL) {
        printf("%s has no %s\n", SCHEMA, path);
    }
    CHECK(node != NULL);
    return node;
}

static void check_number(const char *path, uint64_t want)
{
    const struct conf_node *node = at(path);
    if (node != NULL && !CHECK_EQ_UINT(strtoull(node->text, NULL, 10), want)) {
        printf("at %s\n", path);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted and joined, so that two sets can be compared as texts. */
static void join_sorted(const char **words, size_t count, char *out, size_t size)
{
    size_t used = 0;
    qsort(words, count, sizeof(*words), compare_texts);
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int len = snprintf(out + used, size - used, "%s ", words[i]);
        used += len > 0 ? (size_t)len : 0;
    }
}

/* Compares the properties of one object of the schema with the keys that the loader names when it finds "zzz" there. */
static void check_keys(const char *path, const char *text)
{
    const char *words[64];
    size_t count = 0;
    char want[512];
    char got[512];
    char message[1024];
    char properties[256];
    struct conf_tenants tenants;
    struct buf errors;
    CHECK_EQ_INT(test_load(text, &tenants, &errors), CB_ECONFIG);
    (void)snprintf(message, sizeof(message), "%.*s", (int)buf_len(&errors),
                   (const char *)buf_span(&errors).ptr);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    char *list = strstr(message, "zzz: unknown key; known here: ");
    if (!CHECK(list != NULL)) {
        return;
    }
    char *rest = NULL;
    list += strlen("zzz: unknown key; known here: ");
    list[strcspn(list, "\n")] = '\0';
    for (char *word = strtok_r(list, ", ", &rest); word != NULL && count < 64;
         word = strtok_r(NULL, ", ", &rest)) {
        words[count++] = word;
    }
    join_sorted(words, count, want, sizeof(want));

    (void)snprintf(properties, sizeof(properties), "%s/properties", path);
    const struct conf_node *map = at(properties);
    count = 0;
    for (const struct conf_node *node = map != NULL ? map->first : NULL; node != NULL && count < 64;
         node = node->next) {
        words[count++] = node->key;
    }
    join_sorted(words, count, got, sizeof(got));
    CHECK_EQ_STR(got, want);
    (void)snprintf(properties, sizeof(properties), "%s/additionalProperties", path);
    const struct conf_node *more = at(properties);
    CHECK(more != NULL && strcmp(more->text, "false") == 0);
}

TEST(keys_are_the_same)
{
    if (!schema_ready()) {
        return;
    }
    check_keys("", "{zzz: 1}");
    check_keys("properties/metadata", "{metadata: {zzz: 1}}");
    check_keys("properties/spec", "{spec: {zzz: 1}}");
    check_keys("$defs/limits", START "spec: {routes: [], limits: {zzz: 1}}}");
    check_keys("$defs/kubernetes", START "spec: {routes: [], kubernetes: {zzz: 1}}}");
    check_keys("$defs/kubernetes/properties/workspace",
               START "spec: {routes: [], kubernetes: {workspace: {zzz: 1}}}}");
    check_keys("$defs/kubernetes/properties/secretStore",
               START "spec: {routes: [], kubernetes: {secrets: external, secretStore: {name: a, zzz: 1}}}}");
    check_keys("$defs/route", START "spec: {routes: [{zzz: 1}]}}");
    check_keys("$defs/route/properties/upstream",
               START "spec: {routes: [{host: a.example, upstream: {zzz: 1}}]}}");
}

/* The forms of inject are objects for the schema and one list of keys for the loader. */
TEST(injections_are_the_same)
{
    const char *words[32];
    size_t count = 0;
    char got[256];
    if (!schema_ready()) {
        return;
    }
    for (int i = 0; i < 10; i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "$defs/route/properties/inject/oneOf/%d/properties", i);
        const struct conf_node *map = at(path);
        for (const struct conf_node *node = map != NULL ? map->first : NULL; node != NULL && count < 32;
             node = node->next) {
            words[count++] = node->key;
        }
    }
    join_sorted(words, count, got, sizeof(got));
    CHECK_EQ_STR(
        got,
        "aws basic bearer bearer body gcp header header header header headers oauth2 path prefix prefix prefix prefix "
        "query user ");
    CHECK_ERRORS(HEAD "{host: a.example, credential: c, inject: {zzz: 1}}" TAIL,
                 "t.yaml:5:43: spec.routes[0].inject.zzz: unknown key; known here: bearer, header, prefix, "
                 "headers, basic, user, query, path, body, aws, oauth2, gcp\n");
    check_keys("$defs/names", START "spec: {routes: [{host: a.example, pass: {zzz: 1}}]}}");
    check_keys("$defs/names", START "spec: {routes: [{host: a.example, places: {zzz: 1}}]}}");
    check_keys("$defs/route/properties/inject/oneOf/2/properties/headers/items",
               START "spec: {routes: [{host: a.example, credential: c, inject: {headers: [{zzz: 1}]}}]}}");
    check_keys("$defs/route/properties/inject/oneOf/8",
               START "spec: {routes: [{host: a.example, credential: c, inject: {oauth2: {}, zzz: 1}}]}}");
    check_keys("$defs/route/properties/inject/oneOf/8/properties/oauth2",
               START "spec: {routes: [{host: a.example, credential: c, inject: {oauth2: {zzz: 1}}}]}}");
    check_keys("$defs/route/properties/inject/oneOf/9/properties/gcp/oneOf/1",
               START "spec: {routes: [{host: a.example, credential: c, inject: {gcp: {zzz: 1}}}]}}");
    check_keys("$defs/route/properties/tokenUpstream",
               START "spec: {routes: [{host: a.example, credential: c, inject: {gcp: true}, "
                     "tokenUpstream: {zzz: 1}}]}}");
}

TEST(providers_are_the_same)
{
    const char *words[64];
    size_t count = 0;
    char want[1024];
    char got[1024];
    struct conf_presets presets;
    if (!schema_ready() || !CHECK_EQ_INT(conf_presets_load(&presets), 0)) {
        return;
    }
    for (const struct conf_node *node = presets.tree.documents->first; node != NULL && count < 64;
         node = node->next) {
        words[count++] = node->key;
    }
    join_sorted(words, count, want, sizeof(want));
    const struct conf_node *list = at("$defs/route/properties/provider/enum");
    count = 0;
    for (const struct conf_node *node = list != NULL ? list->first : NULL; node != NULL && count < 64;
         node = node->next) {
        words[count++] = node->text;
    }
    join_sorted(words, count, got, sizeof(got));
    CHECK_EQ_STR(got, want);
    conf_presets_deinit(&presets);
}

/* A key that one schema rule forbids beside provider has to be refused by the loader, and the other way round. */
TEST(what_a_provider_excludes_is_the_same)
{
    static const struct {
        const char *key, *rest;
    } keys[] = {{"host", "host: a.example"},
                {"port", "port: 443"},
                {"scheme", "scheme: https"},
                {"insecure", "insecure: true"},
                {"inject", "inject: {bearer: true}"},
                {"methods", "methods: [GET]"},
                {"paths", "paths: [/v1/models]"},
                {"name", "name: x"},
                {"placeholder", "placeholder: required"},
                {"upstream", "upstream: {address: \"192.0.2.1\"}"},
                {"env", "env: X"},
                {"shape", "shape: \"k-{30}\""},
                {"headers", "headers: {X-Version: \"1\"}"},
                {"places", "places: {query: [sig]}"},
                {"pass", "pass: {headers: [cookie]}"},
                {"action", "action: allow"}};
    if (!schema_ready()) {
        return;
    }
    /* A host is for the providers whose customers have hosts of their own. */
    const struct conf_node *usually = at("$defs/route/dependentSchemas/provider/else/properties");
    const struct conf_node *excluded = at("$defs/route/dependentSchemas/provider/properties");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[512];
        struct conf_tenants tenants;
        struct buf errors;
        (void)snprintf(text, sizeof(text), HEAD "{provider: xai, credential: c, %s}" TAIL, keys[i].rest);
        bool refused = test_load(text, &tenants, &errors) != 0;
        const struct conf_node *rule = conf_node_get(excluded, keys[i].key);
        if (rule == NULL) {
            rule = conf_node_get(usually, keys[i].key);
        }
        bool forbidden = rule != NULL && strcmp(rule->text, "false") == 0;
        if (!CHECK(refused == forbidden)) {
            printf("%s: %s\n", keys[i].key, refused ? "only the loader refuses it" : "only the schema does");
        }
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
}

TEST(bounds_are_the_same)
{
    if (!schema_ready()) {
        return;
    }
    check_number("properties/spec/properties/routes/maxItems", SPEC_ROUTES_MAX);
    check_number("$defs/route/properties/methods/maxItems", SPEC_METHODS_MAX);
    check_number("$defs/route/properties/paths/maxItems", SPEC_PATHS_MAX);
    check_number("$defs/route/properties/paths/items/maxLength", SPEC_PATH_MAX);
    check_number("$defs/route/properties/shape/maxLength", SPEC_SHAPE_MAX);
    check_number("$defs/route/properties/upstream/properties/ca/maxLength", SPEC_CA_MAX);
    check_number("$defs/route/properties/inject/oneOf/2/properties/headers/maxItems", SPEC_HEADERS_MAX);
    check_number("$defs/route/properties/headers/maxProperties", SPEC_EXTRAS_MAX);
    check_number("$defs/names/properties/headers/maxItems", SPEC_LIST_MAX);
    check_number("$defs/names/properties/query/maxItems", SPEC_LIST_MAX);
    check_number("$defs/endpoints/maxItems", CONF_KUBE_ENDPOINTS_MAX);
    check_number("$defs/labels/maxProperties", CONF_KUBE_LABELS_MAX);
    check_number("$defs/image/maxLength", CONF_KUBE_IMAGE_MAX);
    check_number("$defs/kubernetes/properties/model/maxLength", CONF_KUBE_MODEL_MAX);
    check_number("$defs/kubernetes/properties/origins/maxItems", CONF_KUBE_ORIGINS_MAX);
    check_number("$defs/kubernetes/properties/workspace/properties/registries/maxItems",
                 CONF_KUBE_REGISTRIES_MAX);
    check_number("$defs/limits/properties/requestsPerMinute/maximum", 1000000);
    check_number("$defs/limits/properties/concurrent/maximum", 65536);
    /* The loader says its own bounds. */
    CHECK_ERRORS(START "spec: {routes: [], limits: {requestsPerMinute: 1000001, concurrent: 65537}}}",
                 "t.yaml:1:108: spec.limits.requestsPerMinute: should be a whole number from 1 to 1000000, "
                 "without quotes\n"
                 "t.yaml:1:129: spec.limits.concurrent: should be a whole number from 1 to 65536, without "
                 "quotes\n");
}

TEST(the_schema_is_let_go)
{
    conf_tree_deinit(&schema);
    CHECK(schema.documents == NULL);
}

TEST_MAIN()

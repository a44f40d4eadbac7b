/* test_write.c - a tenant file made of a specification is read as the same one, for every provider and every form of a route. */
#include "conf/write.h"

#include <stdlib.h>

#include "conf/preset.h"
#include "conf_test.h"

static int read_any(void *arg, const char *path, struct buf *out)
{
    (void)path;
    return buf_append_str(out, arg);
}

static void check_text(const char *text, const char *what)
{
    static char pem[] = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const struct conf_files files = {.read = read_any, .arg = pem};
    struct conf_tenants tenants;
    struct buf errors;
    buf_init(&errors, (size_t)64 * 1024);
    if (!CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), 0)) {
        printf("%s: %.*s", what, (int)buf_len(&errors), (const char *)buf_span(&errors).ptr);
    }
    for (size_t i = 0; i < tenants.count; i++) {
        if (!CHECK_EQ_INT(conf_tenant_write_check(tenants.specs[i]), 0)) {
            printf("%s\n", what);
        }
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(every_provider)
{
    struct conf_presets presets;
    if (!CHECK_EQ_INT(conf_presets_load(&presets), 0)) {
        return;
    }
    for (const struct conf_node *node = presets.tree.documents->first; node != NULL; node = node->next) {
        struct conf_preset preset;
        char text[1024];
        char host[128] = "";
        if (!CHECK_EQ_INT(conf_presets_find(&presets, node->key, &preset), 0)) {
            continue;
        }
        if (preset.host == NULL) {
            (void)snprintf(host, sizeof(host), ", host: %s%s%s", preset.prefix != NULL ? preset.prefix : "",
                           preset.prefix != NULL ? "eu-central-1" : "mine", preset.suffix);
        }
        (void)snprintf(
            text, sizeof(text), HEAD "{provider: %s%s%s%s}" TAIL, node->key, host,
            preset.inject != NULL ? ", credential: c" : "",
            preset.kubernetes ? ", kubernetes: [{namespaces: [a], verbs: [get], resources: [pods]}]" : "");
        check_text(text, node->key);
    }
    conf_presets_deinit(&presets);
}

/* The files that the search for crashes starts from have every form of a route in them. */
TEST(every_form)
{
    static const char *const files[] = {"forms.yaml", "full.yaml", "kubernetes.yaml", "two.yaml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];
        static char text[65536];
        (void)snprintf(path, sizeof(path), "tests/fuzz/corpus/tenant_yaml/%s", files[i]);
        FILE *file = fopen(path, "rb");
        if (!CHECK(file != NULL)) {
            continue;
        }
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        (void)fclose(file);
        check_text(text, files[i]);
    }
}

TEST(what_stands_beside_the_specification)
{
    struct conf_tenants tenants;
    struct buf errors;
    struct buf out;
    buf_init(&out, 65536);
    CHECK_EQ_INT(
        test_load(HEAD "{host: a.example, credential: a, inject: {bearer: true}}" TAIL, &tenants, &errors),
        0);
    const struct conf_write_placeholder placeholders[] = {{"a", "true"}};
    const struct conf_write with = {.placeholders = placeholders,
                                    .placeholder_count = 1,
                                    .relocated = &tenants.specs[0]->routes[0],
                                    .address = "in-cluster",
                                    .ca_file = "/ca.crt"};
    CHECK_EQ_INT(conf_tenant_write(tenants.specs[0], &with, &out), 0);
    static const char want[] = "    upstream:\n"
                               "      address: in-cluster\n"
                               "      caFile: /ca.crt\n"
                               "  placeholders:\n"
                               "    a: \"true\"\n";
    struct span got = buf_span(&out);
    CHECK(span_ends(got, span_str(want)));
    buf_deinit(&out);
    buf_init(&out, 100); /* too small */
    CHECK_EQ_INT(conf_tenant_write(tenants.specs[0], &with, &out), CB_ELIMIT);
    buf_deinit(&out);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

/* A provider that a later version would no longer have is an error, and not another policy. */
TEST(a_provider_that_is_unknown)
{
    struct conf_tenants tenants;
    struct buf errors;
    CHECK_EQ_INT(test_load(HEAD "{provider: xai, credential: a}" TAIL, &tenants, &errors), 0);
    free(tenants.specs[0]->routes[0].provider);
    tenants.specs[0]->routes[0].provider = strdup("gone");
    CHECK_EQ_INT(conf_tenant_write_check(tenants.specs[0]), CB_EINTERNAL);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST_MAIN()

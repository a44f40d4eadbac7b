/* test_preset.c - the embedded providers: what the SDKs expect, and that each works in all pure parts of the program. */
#include "conf/preset.h"

#include <stdlib.h>

#include "conf_test.h"
#include "inject/aws.h"
#include "policy/path.h"
#include "policy/placeholder.h"
#include "policy/table.h"

#define REAL "REAL-1234567890:secret"

TEST(presets_are_what_the_sdks_expect)
{
    static const struct {
        const char *name, *host, *header, *prefix, *env;
    } want[] = {
        {"openai", "api.openai.com", "Authorization", "Bearer ", "OPENAI_API_KEY"},
        {"anthropic", "api.anthropic.com", "x-api-key", "", "ANTHROPIC_API_KEY"},
        {"google", "generativelanguage.googleapis.com", "x-goog-api-key", "", "GEMINI_API_KEY"},
        {"discord", "discord.com", "Authorization", "Bot ", "DISCORD_BOT_TOKEN"},
        {"brave", "api.search.brave.com", "X-Subscription-Token", "", "BRAVE_API_KEY"},
        {"gitlab", "gitlab.com", "PRIVATE-TOKEN", "", "GITLAB_TOKEN"},
        {"github-git", "github.com", "Authorization", "Basic ", "GITHUB_TOKEN"},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        char text[512];
        struct conf_tenants tenants;
        struct buf errors;
        (void)snprintf(text, sizeof(text), HEAD "{provider: %s, credential: k}" TAIL, want[i].name);
        if (CHECK_EQ_INT(test_load(text, &tenants, &errors), 0)) {
            const struct spec *spec = tenants.specs[0];
            CHECK_EQ_UINT(spec->route_count, 1);
            CHECK_EQ_STR(spec->routes[0].name, want[i].name);
            CHECK_EQ_STR(spec->routes[0].provider, want[i].name);
            CHECK_EQ_STR(spec->routes[0].host, want[i].host);
            CHECK_EQ_UINT(spec->routes[0].header_count, 1);
            CHECK_EQ_STR(spec->routes[0].headers[0].name, want[i].header);
            CHECK_EQ_STR(spec->routes[0].headers[0].value, want[i].prefix);
            CHECK_EQ_STR(spec->credentials[0].env, want[i].env);
        }
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
}

/* A preset's example with its placeholder, or with nothing, where the credential stands in the path. */
static void make_target(const char *example, const char *value, char *host, char *target, size_t size)
{
    const char *start = strstr(example, "://") + 3;
    size_t len = strcspn(start, "/");
    (void)snprintf(host, size, "%.*s", (int)len, start);
    const char *path = start + len;
    const char *mark = strstr(path, "{credential}");
    size_t before = mark != NULL ? (size_t)(mark - path) : strlen(path);
    (void)snprintf(target, size, "%.*s%s%s", (int)before, path, mark != NULL ? value : "",
                   mark != NULL ? mark + strlen("{credential}") : "");
}

static int write_fields(const struct spec_route *route, const struct inject_request *request, struct buf *out)
{
    struct inject_aws signing;
    struct inject_aws_call call = {
        .method = SPAN_LIT("POST"), .host = SPAN_LIT("x"), .payload = SPAN_LIT("UNSIGNED-PAYLOAD")};
    return route->inject == SPEC_INJECT_AWS
               ? inject_aws_write(route, request, &call, SPAN_LIT("AKIAREAL1234567890:secret"), &signing, out)
               : inject_write(route, SPAN_LIT(REAL), out);
}

/* Matches, screens and injects one request of the example. */
static void send_example(const struct spec *spec, const char *example, const char *placeholder,
                         const char *sent, enum policy_reason want)
{
    char host[512];
    char target[512];
    struct buf path;
    struct buf out;
    struct policy_query query = {.port = 443, .host = SPAN_EMPTY};
    struct inject_request request = {.has_query = false};
    struct policy_table *table = NULL;
    const struct spec_route *route = NULL;
    char why[256];
    buf_init(&path, 4096);
    buf_init(&out, 65536);
    buf_set_sensitive(&out);
    make_target(example, sent, host, target, sizeof(target));
    CHECK_EQ_INT(policy_path_parse(span_str(target), &path, &request.query, &request.has_query), 0);
    request.path = buf_span(&path);
    query.host = span_str(host);
    query.path = request.path;
    query.method = span_str(spec->routes[0].methods[spec->routes[0].method_count - 1]);
    CHECK_EQ_INT(policy_table_new(spec, &table, why, sizeof(why)), 0);
    if (CHECK_EQ_INT(policy_table_match(table, &query, &route), POLICY_REASON_ROUTE)) {
        struct inject_placeholder own = {span_str("k"), span_str(placeholder)};
        CHECK_EQ_INT(inject_screen(route, &request, &own, 1), want);
        CHECK_EQ_INT(inject_write_target(route, &request, SPAN_LIT(REAL), &out), 0);
        CHECK_EQ_INT(write_fields(route, &request, &out), 0);
        struct span written = buf_span(&out);
        bool basic = route->inject == SPEC_INJECT_BASIC;
        bool aws = route->inject == SPEC_INJECT_AWS;
        const char *look_for = aws ? "Credential=AKIAREAL1234567890/" : basic ? "Basic " : REAL;
        CHECK(memmem(written.ptr, written.len, look_for, strlen(look_for)) != NULL);
        CHECK(*sent == '\0' || memmem(written.ptr, written.len, sent, strlen(sent)) == NULL);
    } else {
        printf("example %s\n", example);
    }
    policy_table_free(table);
    buf_deinit(&path);
    buf_deinit(&out);
}

static void walk(const struct conf_preset *preset)
{
    char text[768];
    char host[300] = "";
    char placeholder[PLACEHOLDER_MAX];
    struct conf_tenants tenants;
    struct buf errors;
    struct buf encoded;
    struct spec *spec = NULL;
    if (preset->kubernetes) {
        (void)snprintf(host, sizeof(host),
                       ", kubernetes: [{namespaces: [alice-dev], verbs: [\"*\"], resources: [pods]}]");
    }
    if (preset->host == NULL) {
        (void)snprintf(host, sizeof(host), ", host: %s%s%s", preset->prefix != NULL ? preset->prefix : "",
                       preset->prefix != NULL ? "eu-central-1" : "myname", preset->suffix);
    }
    (void)snprintf(text, sizeof(text), HEAD "{provider: %s%s%s}" TAIL, preset->name,
                   preset->inject != NULL ? ", credential: k" : "", host);
    buf_init(&encoded, SPEC_ENCODED_MAX);
    if (CHECK_EQ_INT(test_load(text, &tenants, &errors), 0) &&
        CHECK_EQ_INT(spec_encode(tenants.specs[0], &encoded), 0) &&
        CHECK_EQ_INT(spec_decode(buf_span(&encoded), &spec), 0) && preset->inject == NULL) {
        CHECK_EQ_UINT(spec->credential_count, 0);
        CHECK_EQ_INT(spec->routes[0].inject, SPEC_INJECT_NONE);
        CHECK_EQ_INT(spec->routes[0].websocket, preset->websocket);
    } else if (spec != NULL) {
        CHECK_EQ_STR(spec->credentials[0].env, preset->env);
        CHECK_EQ_INT(placeholder_make(span_str(spec->credentials[0].shape), placeholder), 0);
        bool in_path = spec->routes[0].inject == SPEC_INJECT_PATH;
        send_example(spec, preset->example, placeholder, "", POLICY_REASON_ROUTE);
        send_example(spec, preset->example, placeholder, in_path ? placeholder : "", POLICY_REASON_ROUTE);
        send_example(spec, preset->example, placeholder, in_path ? "1:foreign" : "",
                     in_path ? POLICY_REASON_FOREIGN_CREDENTIAL : POLICY_REASON_ROUTE);
    } else {
        printf("preset %s: %.*s\n", preset->name, SPAN_ARG(buf_span(&errors)));
    }
    spec_free(spec);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    buf_deinit(&encoded);
}

TEST(every_preset_loads_encodes_matches_screens_and_injects)
{
    struct conf_presets presets;
    struct conf_preset preset;
    size_t count = 0;
    if (!CHECK_EQ_INT(conf_presets_load(&presets), 0)) {
        return;
    }
    for (const struct conf_node *node = presets.tree.documents->first; node != NULL; node = node->next) {
        if (CHECK_EQ_INT(conf_presets_find(&presets, node->key, &preset), 0)) {
            walk(&preset);
            count++;
        }
    }
    CHECK_EQ_UINT(count, 32);
    conf_presets_deinit(&presets);
}

TEST(presets_are_found_and_cover_what_is_below)
{
    struct conf_presets presets;
    struct conf_preset preset;
    char names[640];
    if (!CHECK_EQ_INT(conf_presets_load(&presets), 0)) {
        return;
    }
    conf_presets_names(&presets, names, sizeof(names));
    CHECK(strncmp(names, "openai, anthropic, google, vertex, xai, openrouter, mistral, ", 61) == 0);
    CHECK(strlen(names) < sizeof(names) - 1);
    CHECK_EQ_INT(conf_presets_find(&presets, "nobody", &preset), CB_ENOTFOUND);
    if (CHECK_EQ_INT(conf_presets_find(&presets, "google", &preset), 0)) {
        CHECK(conf_preset_has_method(&preset, "PATCH") && !conf_preset_has_method(&preset, "PUT"));
        CHECK(conf_preset_covers_path(&preset, "/v1beta/models/*") &&
              conf_preset_covers_path(&preset, "/v1/**"));
        CHECK(conf_preset_covers_path(&preset, "/v1"));
        CHECK(!conf_preset_covers_path(&preset, "/**") && !conf_preset_covers_path(&preset, "/v*/models"));
    }
    if (CHECK_EQ_INT(conf_presets_find(&presets, "github-git", &preset), 0)) {
        CHECK(conf_preset_covers_path(&preset, "/me/repo.git/info/refs") &&
              conf_preset_covers_path(&preset, "/me/*/git-upload-pack"));
        CHECK(!conf_preset_covers_path(&preset, "/me/**") &&
              !conf_preset_covers_path(&preset, "/me/repo/info/*") &&
              !conf_preset_covers_path(&preset, "/**"));
    }
    if (CHECK_EQ_INT(conf_presets_find(&presets, "telegram", &preset), 0)) {
        CHECK(conf_preset_covers_path(&preset, "/bot{credential}/sendMessage") &&
              !conf_preset_covers_path(&preset, "/bot*/sendMessage"));
    }
    conf_presets_deinit(&presets);
}

TEST(a_preset_of_customers_hosts_needs_one)
{
    CHECK_ERRORS(HEAD "{provider: azure-openai, credential: k}" TAIL,
                 "t.yaml:5:1: spec.routes[0]: provider azure-openai needs your host: write host: "
                 "NAME.openai.azure.com\n");
    CHECK_ERRORS(
        HEAD "{provider: azure-openai, credential: k, host: \"*.openai.azure.com\"}" TAIL,
        "t.yaml:5:47: spec.routes[0].host: anybody can get a name below \"openai.azure.com\" (it is a "
        "public suffix): name the hosts you mean\n");
    CHECK_ERRORS(HEAD "{provider: azure-openai, credential: k, host: my.openai.azure.com.evil.example}" TAIL,
                 "t.yaml:5:47: spec.routes[0].host: is not a host of provider azure-openai: write "
                 "NAME.openai.azure.com\n");
    CHECK_ERRORS(HEAD "{provider: azure-openai, credential: k, host: my.openai.azure.com}" TAIL, "");
    static const char *const not_of_bedrock[] = {
        "bedrock-runtime.s3.amazonaws.com", "bedrock-runtime.s3-us-west-2.amazonaws.com",
        "bedrock-runtime.x.us-east-1.amazonaws.com", "bedrock.us-east-1.amazonaws.com",
        "bedrock-runtime.amazonaws.com"};
    for (size_t i = 0; i < sizeof(not_of_bedrock) / sizeof(not_of_bedrock[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), HEAD "{provider: bedrock, credential: k, host: %s}" TAIL,
                       not_of_bedrock[i]);
        CHECK_ERRORS(text, "t.yaml:5:42: spec.routes[0].host: is not a host of provider bedrock: write "
                           "bedrock-runtime.REGION.amazonaws.com\n");
    }
    CHECK_ERRORS(HEAD
                 "{provider: bedrock, credential: k, host: bedrock-runtime.us-gov-west-1.amazonaws.com}" TAIL,
                 "");
    CHECK_ERRORS(
        HEAD "{provider: xai, credential: k, host: api.x.ai}" TAIL,
        "t.yaml:5:32: spec.routes[0].host: the provider has its own hosts: remove host, or provider\n");
}

TEST_MAIN()

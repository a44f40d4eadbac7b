/* test_preset.c - the embedded providers, and that each makes a valid tenant. */
#include "conf/preset.h"

#include "conf_test.h"
#include "policy/table.h"

TEST(presets_are_what_the_sdks_expect)
{
    static const struct {
        const char *name, *host, *header, *prefix, *shape, *env;
    } want[] = {
        {"openai", "api.openai.com", "Authorization", "Bearer ", "sk-proj-{48}", "OPENAI_API_KEY"},
        {"anthropic", "api.anthropic.com", "x-api-key", "", "sk-ant-api03-{93}AA", "ANTHROPIC_API_KEY"},
        {"google", "generativelanguage.googleapis.com", "x-goog-api-key", "", "AIza{35}", "GEMINI_API_KEY"},
        {"xai", "api.x.ai", "Authorization", "Bearer ", "xai-{80}", "XAI_API_KEY"},
        {"openrouter", "openrouter.ai", "Authorization", "Bearer ", "sk-or-v1-{64}", "OPENROUTER_API_KEY"},
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
            CHECK_EQ_STR(spec->routes[0].header, want[i].header);
            CHECK_EQ_STR(spec->routes[0].prefix, want[i].prefix);
            CHECK_EQ_INT(spec->routes[0].inject,
                         want[i].prefix[0] != '\0' ? SPEC_INJECT_BEARER : SPEC_INJECT_HEADER);
            CHECK_EQ_STR(spec->credentials[0].shape, want[i].shape);
            CHECK_EQ_STR(spec->credentials[0].env, want[i].env);
        }
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
}

TEST(presets_are_found_and_cover_what_is_below)
{
    struct conf_presets presets;
    struct conf_preset preset;
    char names[128];
    if (!CHECK_EQ_INT(conf_presets_load(&presets), 0)) {
        return;
    }
    conf_presets_names(&presets, names, sizeof(names));
    CHECK_EQ_STR(names, "openai, anthropic, google, xai, openrouter");
    CHECK_EQ_INT(conf_presets_find(&presets, "nobody", &preset), CB_ENOTFOUND);
    if (CHECK_EQ_INT(conf_presets_find(&presets, "google", &preset), 0)) {
        CHECK(conf_preset_has_method(&preset, "PATCH") && !conf_preset_has_method(&preset, "PUT"));
        CHECK(conf_preset_covers_path(&preset, "/v1beta/models/*") &&
              conf_preset_covers_path(&preset, "/v1/**"));
        CHECK(!conf_preset_covers_path(&preset, "/**") && !conf_preset_covers_path(&preset, "/v*/models"));
    }
    conf_presets_deinit(&presets);
}

TEST_MAIN()

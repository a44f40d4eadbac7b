/*
 * openclaw.c - the gateway's configuration: what OpenClaw needs of its own keys, and an entry for each provider and channel that
 * the tenant's routes have. Addresses are the providers' own, keys are placeholders.
 */
#include "base/json.h"
#include "kube/internal.h"

#include <string.h>

/* A provider that OpenClaw has a way to talk to. Its name there is that of the preset, but for where it says otherwise. */
struct provider {
    const char *preset;
    const char *name;
    const char *url;
    const char *api;
    bool plugin;       /* not in its image: its models have to be named */
    const char *model; /* that it starts with; NULL: the settings have to say */
};

static const struct provider providers[] = {
    {"openai", "openai", "https://api.openai.com/v1", "openai-responses", false, "openai/gpt-5.5"},
    {"anthropic", "anthropic", "https://api.anthropic.com", "anthropic-messages", false,
     "anthropic/claude-sonnet-4-6"},
    {"google", "google", "https://generativelanguage.googleapis.com/v1beta", "google-generative-ai", false,
     "google/gemini-3.5-flash"},
    {"openrouter", "openrouter", "https://openrouter.ai/api/v1", "openai-completions", false,
     "openrouter/anthropic/claude-sonnet-4-6"},
    {"xai", "xai", "https://api.x.ai/v1", "openai-responses", false, NULL},
    {"together", "together", "https://api.together.xyz/v1", "openai-completions", false, NULL},
    {"huggingface", "huggingface", "https://router.huggingface.co/v1", "openai-completions", false, NULL},
    {"nvidia", "nvidia", "https://integrate.api.nvidia.com/v1", "openai-completions", false, NULL},
    {"ollama-cloud", "ollama-cloud", "https://ollama.com", "ollama", false, NULL},
    {"mistral", "mistral", "https://api.mistral.ai/v1", "openai-completions", true, NULL},
    {"groq", "groq", "https://api.groq.com/openai/v1", "openai-completions", true, NULL},
    {"deepseek", "deepseek", "https://api.deepseek.com", "openai-completions", true, NULL},
    {"fireworks", "fireworks", "https://api.fireworks.ai/inference/v1", "openai-completions", true, NULL},
};

/* The credential of the first route that allows this preset, or NULL. */
static const char *credential_of(const struct kube_work *w, const char *preset)
{
    for (size_t i = 0; i < w->spec->route_count; i++) {
        const struct spec_route *route = &w->spec->routes[i];
        if (route->action == SPEC_ACTION_ALLOW && route->provider != NULL && route->credential != NULL &&
            strcmp(route->provider, preset) == 0) {
            return route->credential;
        }
    }
    return NULL;
}

/* Writes the placeholder of the preset's credential. */
static void key_of(const struct kube_work *w, struct json *j, const char *key, const char *preset)
{
    json_text(j, key, span_str(kube_placeholder_of(w, credential_of(w, preset))));
}

const char *kube_openclaw_model(const struct kube_work *w)
{
    if (w->settings->model != NULL) {
        return w->settings->model;
    }
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (providers[i].model != NULL && credential_of(w, providers[i].preset) != NULL) {
            return providers[i].model;
        }
    }
    return NULL;
}

/* What stands behind "PROVIDER/" in the model's name; NULL when it is another provider's. */
static const char *model_of(const struct kube_work *w, const char *provider)
{
    const char *model = kube_openclaw_model(w);
    size_t len = strlen(provider);
    return model != NULL && strncmp(model, provider, len) == 0 && model[len] == '/' ? model + len + 1 : NULL;
}

/* Otherwise models of OpenAI run in another program, which speaks with other hosts and by a WebSocket. */
static void plain_runtime(struct json *j)
{
    json_object(j, "agentRuntime");
    json_text(j, "id", SPAN_LIT("openclaw"));
    json_object_end(j);
}

static void write_provider(const struct kube_work *w, struct json *j, const struct provider *p)
{
    const char *model = model_of(w, p->name);
    json_object(j, p->name);
    json_text(j, "baseUrl", span_str(p->url));
    json_text(j, "api", span_str(p->api));
    key_of(w, j, "apiKey", p->preset);
    if (strcmp(p->preset, "openai") == 0) {
        plain_runtime(j);
    }
    json_array(j, "models");
    if (p->plugin && model != NULL) {
        json_object(j, NULL);
        json_text(j, "id", span_str(model));
        json_text(j, "name", span_str(model));
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static void write_models(const struct kube_work *w, struct json *j)
{
    const char *model = kube_openclaw_model(w);
    json_object(j, "models");
    json_text(j, "mode", SPAN_LIT("merge"));
    json_object(j, "catalogRefresh");
    json_bool(j, "enabled", false);
    json_object_end(j);
    json_object(j, "providers");
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (credential_of(w, providers[i].preset) != NULL) {
            write_provider(w, j, &providers[i]);
        }
    }
    json_object_end(j);
    json_object_end(j);
    if (model == NULL) {
        return;
    }
    json_object(j, "agents");
    json_object(j, "defaults");
    json_object(j, "model");
    json_text(j, "primary", span_str(model));
    json_object_end(j);
    if (model_of(w, "openai") != NULL) {
        json_object(j, "models");
        json_object(j, model);
        plain_runtime(j);
        json_object_end(j);
        json_object_end(j);
    }
    json_object_end(j);
    json_object_end(j);
}

static void write_gateway(const struct kube_work *w, struct json *j)
{
    json_object(j, "gateway");
    json_text(j, "mode", SPAN_LIT("local"));
    json_text(j, "bind", SPAN_LIT("lan"));
    json_number(j, "port", KUBE_GATEWAY_PORT);
    json_object(j, "auth");
    json_text(j, "mode", SPAN_LIT("token"));
    json_object(j, "token");
    json_text(j, "source", SPAN_LIT("env"));
    json_text(j, "provider", SPAN_LIT("default"));
    json_text(j, "id", SPAN_LIT("OPENCLAW_GATEWAY_TOKEN"));
    json_object_end(j);
    json_object_end(j);
    json_object(j, "controlUi");
    json_bool(j, "enabled", true);
    json_array(j, "allowedOrigins");
    if (w->settings->origins.count == 0) { /* kubectl port-forward */
        json_text(j, NULL, SPAN_LIT("http://localhost:18789"));
    }
    for (size_t i = 0; i < w->settings->origins.count; i++) {
        json_text(j, NULL, span_str(w->settings->origins.items[i]));
    }
    json_array_end(j);
    json_bool(j, "automaticallyFetchFavicons", false);
    json_object_end(j);
    json_object(j, "terminal");
    json_bool(j, "enabled", false);
    json_object_end(j);
    json_object(j, "reload");
    json_text(j, "mode", SPAN_LIT("off"));
    json_object_end(j);
    json_object_end(j);
}

/* ---- channels and searches ---- */

static void channel(struct json *j, const char *name)
{
    json_object(j, name);
    json_bool(j, "enabled", true);
    json_bool(j, "configWrites", false);
}

static void write_channels(const struct kube_work *w, struct json *j)
{
    bool telegram = credential_of(w, "telegram") != NULL;
    bool discord = credential_of(w, "discord") != NULL;
    bool slack = credential_of(w, "slack") != NULL;
    if (!telegram && !discord && !slack) {
        return;
    }
    json_object(j, "channels");
    if (telegram) {
        channel(j, "telegram");
        key_of(w, j, "botToken", "telegram");
        json_text(j, "dmPolicy", SPAN_LIT("pairing"));
        json_object_end(j);
    }
    if (discord) {
        channel(j, "discord");
        key_of(w, j, "token", "discord");
        json_object_end(j);
    }
    if (slack) {
        channel(j, "slack");
        key_of(w, j, "botToken", "slack");
        if (credential_of(w, "slack-app") != NULL) {
            key_of(w, j, "appToken", "slack-app");
        }
        json_object_end(j);
    }
    json_object_end(j);
}

/* The search that a route is for; NULL: none. */
static const char *search_of(const struct kube_work *w)
{
    static const char *const searches[] = {"brave", "tavily"};
    for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
        if (credential_of(w, searches[i]) != NULL) {
            return searches[i];
        }
    }
    return NULL;
}

static void plugin(struct json *j, const char *name)
{
    json_object(j, name);
    json_bool(j, "enabled", true);
}

static void write_plugins(const struct kube_work *w, struct json *j)
{
    static const char *const channels[] = {"discord", "slack"};
    const char *search = search_of(w);
    json_object(j, "plugins");
    json_object(j, "entries");
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        if (credential_of(w, channels[i]) != NULL) {
            plugin(j, channels[i]);
            json_object_end(j);
        }
    }
    if (search != NULL) {
        plugin(j, search);
        json_object(j, "config");
        json_object(j, "webSearch");
        key_of(w, j, "apiKey", search);
        json_object_end(j);
        json_object_end(j);
        json_object_end(j);
    }
    json_object_end(j);
    json_object_end(j);
}

/* Without a search of its own, OpenClaw asks the provider to search: a way out that no proxy sees. And the model gets no tool
 * with which it could change the gateway. */
static void write_tools(const struct kube_work *w, struct json *j)
{
    static const char *const denied[] = {"openclaw", "gateway"};
    const char *search = search_of(w);
    json_object(j, "tools");
    json_array(j, "deny");
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        json_text(j, NULL, span_str(denied[i]));
    }
    json_array_end(j);
    json_object(j, "web");
    json_object(j, "search");
    json_bool(j, "enabled", search != NULL);
    if (search != NULL) {
        json_text(j, "provider", span_str(search));
    }
    json_object_end(j);
    json_object_end(j);
    json_object_end(j);
}

static void write_switches(struct json *j)
{
    json_object(j, "proxy");
    json_bool(j, "enabled", true);
    json_text(j, "proxyUrl", SPAN_LIT("${OPENCLAW_PROXY_URL}"));
    json_object_end(j);
    json_object(j, "update");
    json_bool(j, "checkOnStart", false);
    json_object_end(j);
    json_object(j, "discovery");
    json_object(j, "mdns");
    json_text(j, "mode", SPAN_LIT("off"));
    json_object_end(j);
    json_object_end(j);
    json_object(j, "commands");
    json_bool(j, "config", false);
    json_bool(j, "restart", false);
    json_object_end(j);
    json_object(j, "logging");
    json_text(j, "consoleStyle", SPAN_LIT("json"));
    json_object_end(j);
}

/* ---- in lines, so that a change is one in a repository too ---- */

static int indent(struct buf *out, size_t depth)
{
    int r = buf_append_byte(out, '\n');
    for (size_t i = 0; r == 0 && i < depth; i++) {
        r = buf_append_str(out, "  ");
    }
    return r;
}

/* `text` is what json.h wrote: no blanks but inside strings. */
static int write_lines(struct span text, struct buf *out)
{
    size_t depth = 0;
    bool quoted = false;
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool empty = i + 1 < text.len && (text.ptr[i + 1] == '}' || text.ptr[i + 1] == ']');
        bool opens = !quoted && (c == '{' || c == '[');
        bool closes = !quoted && (c == '}' || c == ']');
        bool was_empty = closes && (text.ptr[i - 1] == '{' || text.ptr[i - 1] == '[');
        if (closes && !was_empty) {
            r = indent(out, --depth);
        }
        r = r == 0 ? buf_append_byte(out, c) : r;
        if (quoted && c == '\\' && r == 0) {
            r = buf_append_byte(out, text.ptr[++i]);
        } else if (c == '"') {
            quoted = !quoted;
        } else if (r == 0 && opens && !empty) {
            r = indent(out, ++depth);
        } else if (r == 0 && !quoted && c == ',') {
            r = indent(out, depth);
        } else if (r == 0 && !quoted && c == ':') {
            r = buf_append_byte(out, ' ');
        }
    }
    return r == 0 ? buf_append_byte(out, '\n') : r;
}

int kube_openclaw(struct kube_work *w, struct buf *out)
{
    struct buf compact;
    struct json j;
    buf_init(&compact, KUBE_OBJECT_MAX);
    json_init(&j, &compact);
    json_object(&j, NULL);
    write_gateway(w, &j);
    write_models(w, &j);
    write_channels(w, &j);
    write_plugins(w, &j);
    write_tools(w, &j);
    write_switches(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    if (r == 0) {
        r = write_lines(buf_span(&compact), out);
    }
    buf_deinit(&compact);
    return r;
}

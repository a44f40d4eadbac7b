/* test_gateway.c - the gateway's environment and configuration: placeholders in single values, whatever they are. */
#include <stdlib.h>

#include "kube_test.h"

#define GATEWAY "claw/51-deployment-gateway.yaml"
#define CONFIG  "claw/22-configmap-gateway.yaml"

/* The gateway's container of the Deployment. */
static const struct conf_node *container_of(struct made *m, struct conf_tree *tree)
{
    struct conf_tree_error error;
    if (!CHECK_EQ_INT(conf_tree_read(span_str(file_of(m, GATEWAY)), tree, &error), 0)) {
        return NULL;
    }
    const struct conf_node *spec = conf_node_get(tree->documents, "spec");
    spec = conf_node_get(conf_node_get(spec, "template"), "spec");
    return conf_node_get(spec, "containers")->first;
}

static const struct conf_node *find_env(const struct conf_node *container, const char *name)
{
    for (const struct conf_node *env = conf_node_get(container, "env")->first; env != NULL; env = env->next) {
        if (strcmp(conf_node_get(env, "name")->text, name) == 0) {
            return env;
        }
    }
    return NULL;
}

static const char *value_of(const struct conf_node *container, const char *name)
{
    const struct conf_node *env = find_env(container, name);
    const struct conf_node *value = conf_node_get(env, "value");
    return value != NULL ? value->text : "";
}

/* The gateway's configuration as a tree: JSON is YAML. */
static const struct conf_node *config_of(struct made *m, struct conf_tree *map, struct conf_tree *config)
{
    struct conf_tree_error error;
    *config = (struct conf_tree){0};
    if (!CHECK_EQ_INT(conf_tree_read(span_str(file_of(m, CONFIG)), map, &error), 0)) {
        return NULL;
    }
    const struct conf_node *json = conf_node_get(conf_node_get(map->documents, "data"), "openclaw.json");
    if (!CHECK_EQ_INT(conf_tree_read(span_of(json->text, json->len), config, &error), 0)) {
        printf("%zu:%zu %s\n%s\n", error.line, error.column, error.message, json->text);
    }
    return config->documents;
}

/* "a.b.c", or "" when it is not there. */
static const char *at(const struct conf_node *node, const char *path)
{
    char copy[128];
    char *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, " ", &rest); key != NULL; key = strtok_r(NULL, " ", &rest)) {
        node = conf_node_get(node, key);
    }
    return node == NULL ? "" : node->text != NULL ? node->text : "(node)";
}

TEST(the_environment)
{
    struct made *m = make(KUBE_HEAD KUBE_OPENAI "  kubernetes: {}\n");
    struct conf_tree tree;
    const struct conf_node *container = container_of(m, &tree);
    static const char *const proxies[] = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
                                          "OPENCLAW_PROXY_URL"};
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
        CHECK_EQ_STR(value_of(container, proxies[i]), "$(CLAWBOX_PROXY_URL)");
    }
    CHECK_EQ_STR(value_of(container, "CLAWBOX_PROXY_URL"),
                 "http://alice:$(PROXY_TOKEN)@$(PROXY_SERVICE_HOST):8080");
    CHECK_EQ_STR(value_of(container, "NODE_EXTRA_CA_CERTS"), KUBE_TRUST_FILE);
    CHECK_EQ_STR(value_of(container, "OPENCLAW_CONFIG_READONLY"), "1");
    CHECK_EQ_STR(value_of(container, "OPENAI_API_KEY"), "placeholder-of-openai");
    CHECK_EQ_STR(value_of(container, "KUBE_TOKEN"), "placeholder-of-workspace");
    CHECK_EQ_STR(value_of(container, "KUBECONFIG"), "/etc/kube/config");
    /* A variable that stands there twice would be the later one, and what it refers to has to stand before it. */
    size_t count = 0;
    const struct conf_node *list = conf_node_get(container, "env");
    for (const struct conf_node *a = list->first; a != NULL; a = a->next) {
        for (const struct conf_node *b = a->next; b != NULL; b = b->next) {
            CHECK(strcmp(conf_node_get(a, "name")->text, conf_node_get(b, "name")->text) != 0);
        }
        count++;
    }
    CHECK(count > 30);
    CHECK(find_env(container, "PROXY_TOKEN")->index < find_env(container, "CLAWBOX_PROXY_URL")->index);
    CHECK(find_env(container, "CLAWBOX_PROXY_URL")->index < find_env(container, "HTTP_PROXY")->index);
    conf_tree_deinit(&tree);
    made_free(m);
}

TEST(variables_that_are_its_own_are_refused)
{
    static const char *const names[] = {"HTTPS_PROXY",     "no_proxy",    "NODE_OPTIONS", "OPENCLAW_ANYTHING",
                                        "KUBERNETES_PORT", "PROXY_TOKEN", "PATH",         "A,HOME",
                                        "LD_PRELOAD",      "KUBECONFIG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       KUBE_HEAD "  - {host: a.example, credential: a, inject: {bearer: true}, env: '%s'}\n",
                       names[i]);
        struct made *m = make(text);
        CHECK_EQ_INT(m->r, CB_EINVAL);
        CHECK_EQ_UINT(m->manifests.file_count, 0);
        CHECK(span_starts(buf_span(&m->why), SPAN_LIT("the variable ")));
        made_free(m);
    }
}

/* Texts that would be something else in YAML, in JSON or in Kubernetes' own substitution. */
TEST(hostile_placeholders)
{
    static const struct {
        const char *value, *in_env;
    } cases[] = {{"a: b\n- c", "a: b\n- c"},
                 {"true", "true"},
                 {"$(PROXY_TOKEN)", "$$(PROXY_TOKEN)"},
                 {"$$", "$$$$"},
                 {"\",\"x\":\"", "\",\"x\":\""},
                 {"\\", "\\"},
                 {"---\n", "---\n"},
                 {"null", "null"},
                 {"}", "}"},
                 {"\xc3\xa9", "\xc3\xa9"},
                 {"0x10", "0x10"},
                 {"* &a !b", "* &a !b"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct conf_tree tree;
        struct conf_tree map;
        struct conf_tree config;
        struct made *m = make(KUBE_HEAD KUBE_OPENAI);
        kube_manifests_deinit(&m->manifests);
        m->placeholders[0].value = cases[i].value;
        CHECK_EQ_INT(kube_manifests_make(&m->tenant, &m->manifests, &m->why), 0);
        const struct conf_node *container = container_of(m, &tree);
        CHECK_EQ_STR(value_of(container, "OPENAI_API_KEY"), cases[i].in_env);
        CHECK_EQ_STR(at(config_of(m, &map, &config), "models providers openai apiKey"), cases[i].value);
        conf_tree_deinit(&config);
        conf_tree_deinit(&map);
        conf_tree_deinit(&tree);
        made_free(m);
    }
}

TEST(the_configuration)
{
    struct conf_tree map;
    struct conf_tree config;
    struct made *m = make(KUBE_HEAD "  - {provider: anthropic, credential: a}\n"
                                    "  - {provider: groq, credential: g}\n"
                                    "  - {provider: telegram, credential: t}\n"
                                    "  - {provider: slack, credential: s}\n"
                                    "  - {provider: slack-app, credential: sa}\n"
                                    "  - {provider: brave, credential: b}\n"
                                    "  kubernetes: {model: groq/llama-4}\n");
    const struct conf_node *c = config_of(m, &map, &config);
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"gateway mode", "local"},
        {"gateway auth token id", "OPENCLAW_GATEWAY_TOKEN"},
        {"gateway terminal enabled", "false"},
        {"gateway reload mode", "off"},
        {"update checkOnStart", "false"},
        {"models catalogRefresh enabled", "false"},
        {"commands config", "false"},
        {"proxy proxyUrl", "${OPENCLAW_PROXY_URL}"},
        {"models providers anthropic apiKey", "placeholder-of-a"},
        {"models providers anthropic baseUrl", "https://api.anthropic.com"},
        {"models providers groq apiKey", "placeholder-of-g"},
        {"models providers openai", ""},
        {"agents defaults model primary", "groq/llama-4"},
        {"channels telegram botToken", "placeholder-of-t"},
        {"channels telegram configWrites", "false"},
        {"channels slack botToken", "placeholder-of-s"},
        {"channels slack appToken", "placeholder-of-sa"},
        {"channels discord", ""},
        {"plugins entries slack enabled", "true"},
        {"plugins entries brave config webSearch apiKey", "placeholder-of-b"},
        {"tools web search provider", "brave"},
        {"tools web search enabled", "true"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!CHECK_EQ_STR(at(c, cases[i].path), cases[i].want)) {
            printf("%s\n", cases[i].path);
        }
    }
    const struct conf_node *models = conf_node_get(
        conf_node_get(conf_node_get(conf_node_get(c, "models"), "providers"), "groq"), "models");
    if (CHECK(models != NULL && models->count == 1)) {
        CHECK_EQ_STR(conf_node_get(models->first, "id")->text, "llama-4");
    }
    conf_tree_deinit(&config);
    conf_tree_deinit(&map);
    made_free(m);
}

/* Without a search of its own it would ask the provider to search. */
TEST(no_search_without_a_route)
{
    struct conf_tree map;
    struct conf_tree config;
    struct made *m = make(KUBE_HEAD KUBE_OPENAI);
    const struct conf_node *c = config_of(m, &map, &config);
    CHECK_EQ_STR(at(c, "tools web search enabled"), "false");
    CHECK_EQ_STR(at(c, "agents defaults model primary"), "openai/gpt-5.5");
    CHECK_EQ_STR(at(c, "models providers openai agentRuntime id"), "openclaw");
    CHECK_EQ_STR(at(c, "channels"), "");
    conf_tree_deinit(&config);
    conf_tree_deinit(&map);
    made_free(m);
}

/* Google's SDKs want a file. */
TEST(a_file_for_google)
{
    struct conf_tree tree;
    struct made *m = make(KUBE_HEAD "  - {provider: vertex, credential: v}\n");
    const struct conf_node *container = container_of(m, &tree);
    CHECK_EQ_STR(value_of(container, "GOOGLE_APPLICATION_CREDENTIALS"), "/etc/openclaw/google-v.json");
    CHECK(strstr(file_of(m, CONFIG), "\n  google-v.json: ") != NULL);
    CHECK(strstr(file_of(m, CONFIG), "placeholder-of-v") != NULL);
    conf_tree_deinit(&tree);
    made_free(m);
}

/* A Deployment whose configuration changes has another annotation, or the gateway would go on with the old one. */
TEST(another_configuration_is_another_pod)
{
    struct made *a = make(KUBE_HEAD KUBE_OPENAI);
    struct made *b = make(KUBE_HEAD KUBE_OPENAI "  - {host: a.example}\n");
    struct made *c = make(KUBE_HEAD KUBE_OPENAI "  - {provider: xai, credential: x}\n");
    const char *x = strstr(file_of(a, GATEWAY), "clawbox/configuration: ");
    const char *y = strstr(file_of(b, GATEWAY), "clawbox/configuration: ");
    const char *z = strstr(file_of(c, GATEWAY), "clawbox/configuration: ");
    if (CHECK(x != NULL && y != NULL && z != NULL)) {
        CHECK(strncmp(x, y, 60) == 0);
        CHECK(strncmp(x, z, 60) != 0);
    }
    made_free(a);
    made_free(b);
    made_free(c);
}

TEST_MAIN()

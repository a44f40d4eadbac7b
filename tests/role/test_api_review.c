/* test_api_review.c - documents looked at by the api: of whose policy it speaks, that nothing is kept, and JSON that becomes YAML. */
#include "api_world.h"

TEST_MAIN()

#define HEAD  "apiVersion: clawbox/v1\\nkind: Tenant\\nmetadata: {name: alice}\\nspec:\\n  routes:\\n"
#define OTHER HEAD "  - {name: other, host: other.example, methods: [GET]}\\n"

/* The store is asked for what is given, and for nothing else. */
static void ask(struct client *c, const char *path, const char *body, unsigned status, const char *part,
                const char *seen)
{
    c->w->seen[0] = '\0';
    CHECK(client_ask(c, "POST", path, body));
    if (!CHECK_EQ_UINT(c->status, status) || !CHECK(client_body_has(c, part))) {
        printf("%s: %.*s\n", body, SPAN_ARG(buf_span(&c->body)));
    }
    CHECK_EQ_STR(c->w->seen, seen);
}

static void explain(struct client *c, const char *body, unsigned status, const char *part)
{
    ask(c, "/v1/tenants/alice:explain", body, status, part, "grants alice\nget alice\n");
}

static void diff(struct client *c, const char *body, unsigned status, const char *part)
{
    ask(c, "/v1/tenants/alice:diff", body, status, part, "get alice\n");
}

TEST(the_policy_in_force_is_explained)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    explain(&c, "{\"method\":\"POST\",\"url\":\"https://api.openai.com/v1/x\"}", 200,
            "\"verdict\":\"allowed\",\"reason\":\"route\"");
    CHECK(client_body_has(&c, "\"credential\":{\"name\":\"openai\",\"set\":true,\"bound\":true}"));
    CHECK(client_body_has(&c, "\"put_in\":[\"header Authorization"));
    explain(&c, "{\"method\":\"GET\",\"url\":\"http://docs.example.com/\"}", 200,
            "\"credential\":{\"name\":\"docs\",\"set\":false,\"bound\":false}");
    explain(&c, "{\"method\":\"GET\",\"url\":\"https://evil.example/\"}", 200, "\"route\":null");
    explain(&c, "{\"method\":\"GET\",\"url\":\"https://x/{placeholder:openai}\"}", 200,
            "\"path\":\"/sk-proj-PLACEHOLDER\"");
    explain(&c, "{\"method\":\"GET\",\"url\":\"nothing\"}", 200, "\"verdict\":\"invalid\"");
    end(&w, &c);
}

TEST(what_is_granted_counts_beside_either)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    const char *request = "{\"method\":\"GET\",\"url\":\"https://granted.example/a/b\"}";
    explain(&c, request, 200, "\"verdict\":\"denied\",\"reason\":\"no_route\"");
    CHECK(!client_body_has(&c, "\"grant\""));
    w.granted = true;
    explain(&c, request, 200, "\"verdict\":\"allowed\",\"reason\":\"route\"");
    CHECK(client_body_has(
        &c, "\"route\":\"grant:17\",\"decides\":true,\"before\":[],\"grant\":{\"id\":17,\"until\":\""));
    CHECK(client_body_has(&c, "\"uses_left\":1,\"without\":\"no_route\",\"without_text\":\"No route"));
    explain(&c, "{\"method\":\"POST\",\"url\":\"https://granted.example/a/b\"}", 200,
            "\"verdict\":\"denied\"");
    /* Of a document that reaches the host in its own way, the grant goes that way. */
    explain(
        &c,
        "{\"method\":\"GET\",\"url\":\"https://granted.example/a/b\",\"document\":\"" HEAD
        "  - {name: other, host: granted.example, paths: [/x], upstream: {address: '10.1.2.3:444'}}\\n\"}",
        200, "\"to\":\"10.1.2.3:444, without asking for the name");
    CHECK(client_body_has(&c, "\"route\":\"grant:17\""));
    CHECK(client_body_has(&c, "\"without\":\"no_route_path\""));
    explain(&c,
            "{\"method\":\"GET\",\"url\":\"https://granted.example/a/b\",\"document\":\"" HEAD
            "  - {name: no, host: granted.example, action: deny}\\n\"}",
            200, "\"reason\":\"route_denies\"");
    CHECK(!client_body_has(&c, "\"grant\""));
    end(&w, &c);
}

TEST(a_document_is_explained_with_what_is_known_of_credentials)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    explain(&c, "{\"method\":\"GET\",\"url\":\"https://other.example/\",\"document\":\"" OTHER "\"}", 200,
            "\"route\":\"other\"");
    explain(&c, "{\"method\":\"POST\",\"url\":\"https://api.openai.com/v1/x\",\"document\":\"" OTHER "\"}",
            200, "\"verdict\":\"denied\"");
    explain(&c,
            "{\"method\":\"GET\",\"url\":\"https://api.openai.com/v1/x\",\"document\":\"" HEAD
            "  - {provider: openai, credential: openai}\\n\"}",
            200, "\"set\":true,\"bound\":true");
    explain(&c,
            "{\"method\":\"GET\",\"url\":\"https://api.openai.com/v1/x\",\"document\":\"" HEAD
            "  - {provider: openai, credential: another}\\n\"}",
            200, "\"credential\":{\"name\":\"another\",\"set\":false,\"bound\":false}");
    w.absent = true;
    explain(&c,
            "{\"method\":\"GET\",\"url\":\"https://api.openai.com/v1/x\",\"document\":\"" HEAD
            "  - {provider: openai, credential: another}\\n\"}",
            200, "\"credential\":{\"name\":\"another\",\"set\":null,\"bound\":null}");
    explain(&c, "{\"method\":\"GET\",\"url\":\"https://x/\"}", 404, "no \\\"document\\\" of it");
    end(&w, &c);
}

TEST(a_document_is_compared_with_what_is_there)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    diff(&c, "{\"document\":\"" OTHER "\"}", 200,
         "{\"effect\":\"allows\",\"heading\":\"newly allowed\",\"route\":\"other\",");
    CHECK(client_body_has(&c, "{\"new\":false,"));
    CHECK(client_body_has(&c, "\"not_bound\":[]}"));
    diff(&c,
         "{\"document\":\"" HEAD "  - {host: other.example, inject: {bearer: true}, credential: old}\\n\"}",
         200, "\"not_bound\":[\"old\"]}");
    w.absent = true;
    diff(&c, "{\"document\":\"" OTHER "\"}", 200, "{\"new\":true,");
    end(&w, &c);
}

TEST(what_is_wrong_is_said_at_its_place)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"{}", 422, "\\\"document\\\" should be a string"},
        {"{\"document\":5}", 422, "\\\"document\\\" should be a string"},
        {"{\"files\":{}}", 422, "there is none"},
        {"{\"document\":\"x\",\"files\":[]}", 422, "contents by path"},
        {"{\"document\":\"x\",\"more\":1}", 422, "no member"},
        {"{\"document\":\"" HEAD "  - {host: X}\\n\"}", 422,
         "\"errors\":[{\"file\":\"document\",\"line\":6,\"column\":12,\"field\":\"spec.routes[0].host\""},
        {"{\"document\":\"a: [\"}", 422, "\"line\":2,\"column\":1,\"detail\":\"not valid YAML"},
        {"[]", 400, "one JSON object"},
    };
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        diff(&c, cases[i].body, cases[i].status, cases[i].part);
    }
    explain(&c, "{\"method\":\"GET\"}", 422, "\\\"url\\\" should be a string");
    explain(&c, "{\"url\":\"https://x/\"}", 422, "\\\"method\\\" should be a string");
    explain(&c, "{\"method\":\"GET\",\"url\":\"https://{placeholder}/\"}", 422, "say which one");
    w.code = (uint32_t)-CB_EDB;
    ask(&c, "/v1/tenants/alice:explain", "{\"method\":\"GET\",\"url\":\"https://x/\"}", 503,
        "problem:unavailable", "grants alice\n");
    end(&w, &c);
}

TEST(the_document_is_json_with_the_tag_of_the_tenant)
{
    struct world w;
    struct client c;
    char tag[64];
    char fields[128];
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(&c, "GET", "/v1/tenants/alice", NULL));
    (void)snprintf(tag, sizeof(tag), "%s", c.tag);
    CHECK(client_ask(&c, "GET", "/v1/tenants/alice/document", NULL));
    CHECK_EQ_UINT(c.status, 200);
    CHECK_EQ_BYTES(buf_span(&c.body).ptr, buf_len(&c.body), "{\"name\":\"x\"}\n", 13);
    CHECK_EQ_STR(c.tag, tag);
    (void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", tag);
    CHECK(client_ask_with(&c, "GET", "/v1/tenants/alice/document", fields, NULL));
    CHECK_EQ_UINT(c.status, 304);
    CHECK(client_ask_with(&c, "GET", "/v1/tenants/alice/document", "If-Match: \"x\"\r\n", NULL));
    CHECK_EQ_UINT(c.status, 412);
    w.absent = true;
    CHECK(client_ask(&c, "GET", "/v1/tenants/alice/document", NULL));
    CHECK_EQ_UINT(c.status, 404);
    end(&w, &c);
}

TEST(json_is_kept_as_yaml)
{
    static const char body[] =
        "{\"apiVersion\":\"clawbox/v1\",\"kind\":\"Tenant\",\"metadata\":{\"name\":\"alice\"},"
        "\"spec\":{\"routes\":[{\"host\":\"other.example\",\"port\":8443,\"methods\":[\"GET\"]}]}}";
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask_with(&c, "PUT", "/v1/tenants/alice?dry_run=1", "Content-Type: application/json\r\n",
                          body));
    CHECK_EQ_UINT(c.status, 200);
    CHECK(strstr(w.seen, "[apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n") != NULL);
    CHECK(strstr(w.seen, "port: 8443\n") != NULL);
    w.seen[0] = '\0';
    CHECK(client_ask_with(&c, "PUT", "/v1/tenants/alice?dry_run=1", "Content-Type: application/yaml\r\n",
                          body));
    CHECK(strstr(w.seen, "[{\"apiVersion\"") != NULL);
    end(&w, &c);
}

TEST(providers_and_the_description_are_served)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(&c, "GET", "/v1/presets", NULL));
    CHECK(client_body_has(&c, "{\"name\":\"openai\",\"title\":\"OpenAI\",\"hosts\":[\"api.openai.com\"],"));
    CHECK(client_body_has(&c, "\"hosts\":[],\"host_prefix\":null,\"host_suffix\":\".openai.azure.com\""));
    CHECK(client_ask(&c, "GET", "/v1/openapi.yaml", NULL));
    CHECK_EQ_STR(c.type, "application/yaml");
    CHECK(client_body_has(&c, "openapi: 3."));
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

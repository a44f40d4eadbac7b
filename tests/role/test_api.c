/* test_api.c - the role `api`: every row of its table, and everything that is refused. */
#include "api_world.h"

#include "base/encode.h"

/* ---- every row of the table ---- */

/* With what is said of their last use, in the list alone. */
#define CREDENTIALS(openai, docs, old)                                                                                            \
    "\"credentials\":[{\"name\":\"openai\",\"used\":true,\"placeholder\":\"sk-proj-PLACEHOLDER\",\"env\":\"OPENAI_API_KEY\","     \
    "\"version\":3,\"set\":\"2000-02-29T00:00:00.007Z\"," openai                                                                  \
    "\"bound_to\":[\"api.openai.com:443\",\"*.openai.com:443\"]},"                                                                \
    "{\"name\":\"docs\",\"used\":true,\"placeholder\":\"PLACEHOLDER2\",\"env\":\"CLAWBOX_DOCS\",\"version\":0,\"set\":null," docs \
    "\"bound_to\":[]},{\"name\":\"old\",\"used\":false,\"placeholder\":\"PLACEHOLDER3\",\"env\":null,\"version\":1,"              \
    "\"set\":\"1970-01-01T00:00:01.000Z\"," old "\"bound_to\":[\"old.example.com:443\"]}]"

static const struct {
    const char *method;
    const char *path;
    const char *body;
    const char *asked; /* of store and vault */
    unsigned status;
    const char *type;
    const char *answer;
} rows[] = {
    {"GET", "/v1/tenants", NULL, "list after= limit=100\n", 200, "application/json",
     "{\"tenants\":[{\"name\":\"alice\",\"id\":7,\"port\":4711,\"routes\":3,\"credentials_used\":2,"
     "\"credentials_set\":1,\"created\":\"1970-01-01T00:00:00.000Z\",\"updated\":\"2000-02-29T00:00:00.007Z\","
     "\"suspended\":\"2000-02-29T00:00:00.008Z\",\"requests_24h\":12,\"denied_24h\":3,"
     "\"last_request\":\"2000-02-29T00:00:00.009Z\",\"grants\":4}],"
     "\"next\":\"/v1/tenants?limit=100&after=alice\"}\n"},
    {"GET", "/v1/tenants?after=al&limit=7", NULL, "list after=al limit=7\n", 200, "application/json", NULL},
    {"GET", "/v1/tenants?after=&limit=1000", NULL, "list after= limit=1000\n", 200, "application/json", NULL},
    {"GET", "/v1/tenants/alice", NULL, "get alice\n", 200, "application/json",
     "{\"name\":\"alice\",\"id\":7,\"generation\":9,\"port\":4711,\"address\":null,\"suspended\":null,\"yaml\":\"# mine\\nname: \\\"x\\\"\\n\",\"routes\":["
     "{\"name\":\"openai\",\"action\":\"allow\",\"scheme\":\"https\",\"host\":\"api.openai.com\",\"port\":443,"
     "\"methods\":[\"GET\",\"POST\"],\"paths\":[\"/v1/**\"],\"provider\":null,\"credential\":\"openai\",\"upstream\":null},"
     "{\"name\":\"inside\",\"action\":\"allow\",\"scheme\":\"http\",\"host\":\"docs.example.com\",\"port\":80,"
     "\"methods\":[\"GET\"],\"paths\":[],\"provider\":null,\"credential\":\"docs\",\"upstream\":\"10.0.0.1:8080\"},"
     "{\"name\":\"no-admin\",\"action\":\"deny\",\"scheme\":\"https\",\"host\":\"api.openai.com\",\"port\":443,"
     "\"methods\":[\"DELETE\"],\"paths\":[\"/v1/admin\"],\"provider\":null,\"credential\":null,\"upstream\":null}]," CREDENTIALS(
         "", "", "") "}\n"},
    {"DELETE", "/v1/tenants/alice", NULL, "delete alice\n", 204, "", ""},
    {"GET", "/v1/tenants/alice/ca", NULL, "get alice\nca 7\n", 500, "application/problem+json",
     "{\"type\":\"urn:clawbox:problem:internal\",\"title\":\"Internal Server Error\",\"status\":500,\"detail\":\"The "
     "certificate of this tenant's CA cannot be read.\"}\n"},
    {"GET", "/v1/tenants/alice/env", NULL, "get alice\nca 7\n", 200, "application/json",
     "{\"tenant\":\"alice\",\"id\":7,\"port\":4711,\"token\":\"tok\",\"variables\":{\"OPENAI_API_KEY\":"
     "\"sk-proj-PLACEHOLDER\",\"CLAWBOX_DOCS\":\"PLACEHOLDER2\"},\"google_files\":{},\"ca_pem\":\"-----BEGIN CERTIFICATE-----\\nMAEC\\n"
     "-----END CERTIFICATE-----\\n\"}\n"},
    {"GET", "/v1/tenants/alice/policy", NULL, "grants alice\nget alice\n", 200, "application/json", NULL},
    {"GET", "/v1/tenants/alice/credentials", NULL, "get alice\n", 200, "application/json",
     "{" CREDENTIALS("\"last_used\":\"2000-02-29T00:01:00.007Z\",", "\"last_used\":null,",
                     "\"last_used\":\"1970-01-01T00:01:01.000Z\",") ",\"next\":null}\n"},
    {"GET", "/v1/tenants/alice/credentials/openai:prepare", NULL, "get alice\nseal key\n", 200,
     "application/json",
     "{\"tenant_id\":7,\"grant\":\"none\",\"forms\":[],\"binding\":[\"api.openai.com:443\"],"
     "\"public_key\":\"abcd0000000000000000000000000000000000000000000000000000000000ef\"}\n"},
    {"GET", "/v1/tenants/alice/credentials/openia:prepare", NULL, "get alice\n", 404,
     "application/problem+json",
     "{\"type\":\"urn:clawbox:problem:not_found\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"No route of "
     "tenant \\\"alice\\\" uses a credential \\\"openia\\\". Its routes use \\\"openai\\\", \\\"docs\\\".\"}\n"},
    {"PUT", "/v1/tenants/alice/credentials/openai",
     "{\"tenant_id\":7,\"binding\":[\"api.openai.com:443\",\"docs.example.com:80 clear\"],\"box\":\"c2VhbGVk\"}",
     "put alice/openai id=7 binding=[api.openai.com:443\ndocs.example.com:80 clear] box=[sealed]\n", 200,
     "application/json", "{\"bound_to\":[\"api.openai.com:443\",\"docs.example.com:80 clear\"]}\n"},
    {"DELETE", "/v1/tenants/alice/credentials/openai", NULL, "delete alice/openai\n", 204, "", ""},
    {"GET", "/v1/audit", NULL, "audit tenant= after=0 since=0 denied=0 newest=0 limit=100\n", 200,
     "application/jsonl",
     "{\"seq\":5,\"time\":\"2000-02-29T00:00:00.007Z\",\"kind\":\"decision\",\"tenant\":\"alice\","
     "\"request_id\":\"303132333435363738396162\",\"verdict\":\"denied\",\"reason\":\"no_route\",\"route\":null,"
     "\"credential\":null,\"method\":\"GET\",\"scheme\":\"https\",\"host\":\"evil.example\",\"port\":443,"
     "\"path\":\"/\\\"quoted\\\"\",\"query_keys\":[\"a\",\"b\"],"
     "\"hash\":\"1100000000000000000000000000000000000000000000000000000000000000\"}\n"
     "{\"seq\":6,\"time\":\"2000-02-29T00:00:00.008Z\",\"kind\":\"outcome\",\"tenant\":\"alice\","
     "\"request_id\":\"303132333435363738396162\",\"verdict\":\"allowed\",\"reason\":\"route\",\"status\":200,"
     "\"request_bytes\":10,\"response_bytes\":20,\"first_byte_us\":30,\"duration_us\":40,\"scrubs\":2,\"peer\":\"192.0.2.1:443\","
     "\"detail\":\"a \\\"detail\\\"\",\"model\":\"m-1\",\"input_tokens\":7,\"output_tokens\":8,"
     "\"hash\":\"1100000000000000000000000000000000000000000000000000000000000000\"}\n"},
    {"GET", "/v1/audit?tenant=alice&after=4&since=1795489000042&denied=1&limit=10000&newest=1", NULL,
     "audit tenant=alice after=4 since=1795489000042 denied=1 newest=1 limit=10000\n", 200,
     "application/jsonl", NULL},
    {"GET",
     "/v1/audit:search?tenant=alice&kind=change&verdict=tripwire&reason=no_route&route=main&host=Evil.example&since=4&until=5"
     "&request=303132333435363738396162&text=a%20B%25&limit=2",
     NULL,
     "search tenant=alice kind=3 verdict=3 reason=2 route=main host=Evil.example request=12 text=a B% since=4 until=5 limit=2\n"
     "search tenant=alice kind=3 verdict=3 reason=2 route=main host=Evil.example request=12 text=a B% since=4 until=5 before=6 limit=1\n",
     200, "application/json",
     "{\"records\":[{\"seq\":6,\"time\":\"2000-02-29T00:00:00.008Z\",\"kind\":\"change\",\"tenant\":\"alice\","
     "\"request_id\":\"303132333435363738396162\",\"verdict\":\"allowed\",\"reason\":\"route\",\"change\":\"resumed\","
     "\"by\":\"socket\",\"detail\":null,\"hash\":\"1100000000000000000000000000000000000000000000000000000000000000\"},"
     "{\"seq\":5,\"time\":\"2000-02-29T00:00:00.008Z\",\"kind\":\"change\",\"tenant\":\"alice\","
     "\"request_id\":\"303132333435363738396162\",\"verdict\":\"allowed\",\"reason\":\"route\",\"change\":\"resumed\","
     "\"by\":\"socket\",\"detail\":null,\"hash\":\"1100000000000000000000000000000000000000000000000000000000000000\"}],\"next\":null}\n"},
    {"GET", "/v1/audit:search?tenant=&before=&limit=1", NULL, "", 400, "application/problem+json", NULL},
    {"GET", "/v1/series", NULL, "series tenant= for=86400 step=300\n", 200, "application/json", NULL},
    {"GET", "/v1/series?tenant=alice&from=1000&to=86401000&step=3600", NULL,
     "series tenant=alice for=86400 step=3600\n", 200, "application/json",
     "{\"step\":3600,\"points\":[[1000,2,3,4,5,6,7,8,9],[10000,11,12,13,14,15,16,17,18]]}\n"},
    {"GET", "/v1/series?tenant=nobody&from=0&to=60000", NULL, "series tenant=nobody for=60 step=300\n", 404,
     "application/problem+json", NULL},
    {"GET", "/v1/audit:verify", NULL,
     "verify after=0 hash=0 limit=2000\nverify after=2000 hash=32 limit=2000\nverify after=4000 hash=32 limit=2000\n",
     200, "application/json",
     "{\"ok\":true,\"rows\":4500,\"last_seq\":4500,"
     "\"hash\":\"1100000000000000000000000000000000000000000000000000000000000000\"}\n"},
};

/* What there is more of is asked for by the target that the answer says. */
TEST(a_search_goes_on)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(&c, "GET", "/v1/audit:search?before=9&text=%2F&limit=1", NULL));
    CHECK(client_body_has(&c, "\"seq\":5,") && client_body_has(&c, "\"next\":null}"));
    CHECK(client_ask(&c, "GET", "/v1/audit:search?text=%2F&before=&limit=1", NULL));
    CHECK_EQ_INT(c.status, 400);
    CHECK(client_ask(&c, "GET", "/v1/audit:search?text=%2F&limit=1&host=", NULL));
    CHECK(client_body_has(&c, "\"next\":\"/v1/audit:search?text=%2F&limit=1&host=&before=6\"}"));
    /* A store that does not go on is not asked for ever. */
    CHECK(client_ask(&c, "GET", "/v1/audit:search?before=1", NULL));
    CHECK_EQ_INT(c.status, 503);
    end(&w, &c);
}

TEST(every_row_of_the_table)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w.seen[0] = '\0';
        if (!client_ask(&c, rows[i].method, rows[i].path, rows[i].body)) {
            break;
        }
        bool fine = CHECK_EQ_INT(c.status, rows[i].status) && CHECK_EQ_STR(c.type, rows[i].type) &&
                    CHECK_EQ_STR(w.seen, rows[i].asked);
        struct span body = buf_span(&c.body);
        if (rows[i].answer != NULL) {
            fine = CHECK_EQ_BYTES(body.ptr, body.len, rows[i].answer, strlen(rows[i].answer)) && fine;
        }
        if (!fine) {
            printf("that was %s %s\n", rows[i].method, rows[i].path);
        }
    }
    CHECK(!c.closed);
    end(&w, &c);
}

/* ---- tenants:apply ---- */

TEST(apply_sends_each_document_as_it_was_written)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(
        &c, "POST", "/v1/tenants:apply",
        "{\"file\":\"two.yaml\",\"text\":\"# first\\n---\\napiVersion: clawbox/v1\\nkind: Tenant\\n"
        "metadata: {name: alice}\\nspec:\\n  routes:\\n    - provider: openai\\n      credential: openai\\n"
        "---   # second\\napiVersion: clawbox/v1\\nkind: Tenant\\nmetadata: {name: bob}\\nspec: {routes: []}\\n"
        "...\\n# third \\u00e4\\n--- {apiVersion: clawbox/v1, kind: Tenant, metadata: {name: carol}, spec: {routes: []}}"
        "\"}"));
    CHECK_EQ_INT(c.status, 200);
    CHECK(client_body_has(&c, "{\"tenants\":[{\"name\":\"alice\",\"result\":\"unchanged\"},{\"name\":\"bob\","
                              "\"result\":\"created\"},{\"name\":\"carol\",\"result\":\"updated\"}]}\n"));
    CHECK_EQ_STR(
        w.seen,
        "apply alice [# first\n---\napiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec:\n"
        "  routes:\n    - provider: openai\n      credential: openai\n] openai=sk-(56) ca=0\n"
        "apply bob [---   # second\napiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: bob}\n"
        "spec: {routes: []}\n...\n] ca=0\n"
        "apply carol [# third \xc3\xa4\n--- {apiVersion: clawbox/v1, kind: Tenant, metadata: {name: carol}, "
        "spec: {routes: []}}] ca=0\n");
    end(&w, &c);
}

TEST(apply_takes_placeholders_of_the_file)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(
        &c, "POST", "/v1/tenants:apply",
        "{\"file\":\"a.yaml\",\"text\":\"apiVersion: clawbox/v1\\nkind: Tenant\\nmetadata: {name: alice}\\n"
        "spec: {routes: [{provider: openai, credential: o}, {provider: xai, credential: x}], "
        "placeholders: {x: abcdefghijklmnopqrstuv0123}}\"}"));
    CHECK_EQ_INT(c.status, 200);
    CHECK(strstr(w.seen, "] o=sk-(56) x=abc(26) fixed ca=0\n") != NULL);
    end(&w, &c);
}

#define ONE_TENANT(inside)                                                                                   \
    "{\"file\":\"alice.yaml\",\"text\":\"apiVersion: clawbox/v1\\nkind: Tenant\\nmetadata: {name: alice}\\n" \
    "spec:\\n  routes:\\n    - " inside "\\n\""

TEST(apply_reports_every_error)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(&c, "POST", "/v1/tenants:apply",
                     ONE_TENANT("{name: x, host: UPPER.example, pahts: [/]}") "}"));
    CHECK_EQ_INT(c.status, 422);
    CHECK_EQ_STR(c.type, "application/problem+json");
    CHECK(client_body_has(
        &c,
        "\"detail\":\"The tenant file is not valid.\",\"errors\":[{\"file\":\"alice.yaml\",\"line\":6,\"column\":"));
    CHECK(client_body_has(&c, "pahts"));
    CHECK_EQ_STR(w.seen, "");
    /* Not YAML at all. */
    CHECK(client_ask(&c, "POST", "/v1/tenants:apply", "{\"file\":\"a.yaml\",\"text\":\"a: [\"}"));
    CHECK_EQ_INT(c.status, 422);
    CHECK(client_body_has(&c, "\"errors\":[{\"file\":\"a.yaml\",\"line\":"));
    CHECK(client_ask(&c, "POST", "/v1/tenants:apply", "{\"file\":\"a.yaml\",\"text\":\"\"}"));
    CHECK_EQ_INT(c.status, 422);
    end(&w, &c);
}

TEST(apply_reads_named_files_from_the_body_only)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    static const char route[] =
        ONE_TENANT("{name: x, host: llm.example, upstream: {address: \\\"10.1.2.3:8443\\\", "
                   "caFile: /etc/passwd}}");
    char *body = NULL;
    CHECK(asprintf(&body, "%s}", route) > 0 && client_ask(&c, "POST", "/v1/tenants:apply", body));
    free(body);
    CHECK_EQ_INT(c.status, 422);
    CHECK(client_body_has(&c, "not found"));
    CHECK(
        asprintf(
            &body,
            "%s,\"files\":{\"/etc/passwd\":\"-----BEGIN CERTIFICATE-----\\nMAEC\\n-----END CERTIFICATE-----\\n\"}}",
            route) > 0 &&
        client_ask(&c, "POST", "/v1/tenants:apply", body));
    free(body);
    CHECK_EQ_INT(c.status, 200);
    CHECK(strstr(w.seen, "ca=0") == NULL && strstr(w.seen, "ca=") != NULL);
    end(&w, &c);
}

TEST(codes_of_the_store_become_statuses)
{
    static const struct {
        int code;
        unsigned status;
        const char *word;
    } table[] = {
        {CB_ENOTFOUND, 404, "not_found"},   {CB_ECONFLICT, 409, "conflict"},
        {CB_EPERM, 409, "conflict"},        {CB_EINVAL, 422, "unprocessable"},
        {CB_ECONFIG, 422, "unprocessable"}, {CB_EMALFORMED, 422, "unprocessable"},
        {CB_EFULL, 503, "unavailable"},     {CB_EDB, 503, "unavailable"},
        {CB_ECLOSED, 503, "unavailable"},   {CB_EINTERNAL, 500, "internal"},
    };
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char type[96];
        (void)snprintf(type, sizeof(type), "\"urn:clawbox:problem:%s\"", table[i].word);
        w.code = (uint32_t)-table[i].code;
        w.why = "because of \"this\"";
        CHECK(client_ask(&c, "POST", "/v1/tenants:apply", ONE_TENANT("{name: x, host: a.example}") "}"));
        CHECK_EQ_INT(c.status, table[i].status);
        CHECK(client_body_has(&c, type) && client_body_has(&c, "\"detail\":\"because of \\\"this\\\"\""));
        CHECK(client_ask(&c, "DELETE", "/v1/tenants/alice", NULL));
        CHECK_EQ_INT(c.status, table[i].status);
        CHECK(client_ask(&c, "PUT", "/v1/tenants/alice/credentials/openai",
                         "{\"tenant_id\":7,\"binding\":[\"a.example:443\"],\"box\":\"c2VhbGVk\"}"));
        CHECK_EQ_INT(c.status, table[i].status);
        CHECK(client_ask(&c, "GET", "/v1/tenants/alice", NULL));
        CHECK_EQ_INT(c.status, table[i].status);
    }
    w.code = -CB_ECORRUPT;
    w.why = "record 4017 was changed";
    CHECK(client_ask(&c, "GET", "/v1/audit:verify", NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK(client_body_has(
        &c, "{\"ok\":false,\"rows\":4017,\"last_seq\":4500,\"detail\":\"record 4017 was changed\"}"));
    end(&w, &c);
}

/* ---- what is refused ---- */

static const struct {
    const char *method;
    const char *path;
    const char *body;
    unsigned status;
    const char *allow;
    const char *detail;
} refusals[] = {
    {"GET", "/", NULL, 404, "", "\"There is no such thing here. GET /v1/openapi.yaml lists what there is.\""},
    {"GET", "/v1/tenants/", NULL, 404, "", "There is no such thing"},
    {"GET", "/v1/tenants/alice/envy", NULL, 404, "", "There is no such thing"},
    {"GET", "/v1/tenants/alice/credentials/openai", NULL, 405, "PUT, DELETE, OPTIONS",
     "GET is not possible here."},
    {"GET", "/v1/tenants/alice/credentials/openai:prepared", NULL, 404, "", "There is no such thing"},
    {"GET", "/v1/tenants/Alice", NULL, 404, "", "cannot be the name of a tenant"},
    {"GET", "/v1/tenants/al%69ce", NULL, 404, "", "cannot be the name of a tenant"},
    {"GET", "/v1/tenants/..", NULL, 404, "", "cannot be the name of a tenant"},
    {"DELETE", "/v1/tenants/alice/credentials/-x", NULL, 404, "", "cannot be the name of a credential"},
    {"GET", "http://x/v1/tenants", NULL, 404, "", "There is no such thing"},
    {"POST", "/v1/tenants/alice", "{}", 405, "GET, HEAD, PUT, DELETE, OPTIONS", "POST is not possible here."},
    {"PUT", "/v1/audit", "{}", 405, "GET, HEAD, OPTIONS", "PUT is not possible here."},
    {"GET", "/v1/tenants:apply", NULL, 405, "POST, OPTIONS", "GET is not possible here."},
    {"DELETE", "/v1/tenants/alice", "{}", 400, "", "takes no body"},
    {"GET", "/v1/tenants?limit=0", NULL, 400, "", "limit should be a number from 1 to 1000"},
    {"GET", "/v1/tenants?limit=1001", NULL, 400, "", "limit should be a number from 1 to 1000"},
    {"GET", "/v1/tenants?limit=1&limit=2", NULL, 400, "", "limit stands twice"},
    {"GET", "/v1/tenants?after=a%62", NULL, 400, "", "after should be a name"},
    {"GET", "/v1/tenants?befor=a", NULL, 400, "",
     "\\\"befor\\\" is no parameter of this. Known are after, limit."},
    {"GET", "/v1/tenants/alice?x=1", NULL, 400, "", "it has none"},
    {"GET", "/v1/audit?denied=yes", NULL, 400, "", "denied should be a number from 0 to 1"},
    {"GET", "/v1/audit:search?verdict=no", NULL, 400, "", "is no verdict that a record can have"},
    {"GET", "/v1/audit:search?reason=denied", NULL, 400, "", "is no reason that a record can have"},
    {"GET", "/v1/audit:search?kind=x", NULL, 400, "", "is no kind that a record can have"},
    {"GET", "/v1/audit:search?text=%0a", NULL, 400, "",
     "text should be at most 128 printable ASCII characters"},
    {"GET", "/v1/audit:search?text=%2", NULL, 400, "",
     "text should be at most 128 printable ASCII characters"},
    {"GET", "/v1/audit:search?request=30", NULL, 400, "", "request should be the request_id of a record"},
    {"GET", "/v1/audit:search?limit=1001", NULL, 400, "", "limit should be a number from 1 to 1000"},
    {"GET", "/v1/series?step=90", NULL, 400, "", "in at most 9999 steps of whole minutes"},
    {"GET", "/v1/series?from=60000&to=59999", NULL, 400, "", "from an earlier time to a later one"},
    {"GET", "/v1/series?from=0&to=600000000&step=60", NULL, 400, "", "in at most 9999 steps"},
    {"GET", "/v1/audit?after=-1", NULL, 400, "", "after should be a number"},
    {"POST", "/v1/tenants:apply", NULL, 400, "", "one JSON object"},
    {"POST", "/v1/tenants:apply", "[1,2]", 400, "", "one JSON object"},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\"", 400, "", "The body should be JSON; line "},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\",\"file\":\"b\"}", 400, "", "stands twice"},
    {"POST", "/v1/tenants:apply", "{\"file\":&x \"a\"}", 400, "", "anchors"},
    {"POST", "/v1/tenants:apply", "\xff", 400, "", "UTF-8"},
    {"POST", "/v1/tenants:apply", "{\"text\":\"\"}", 422, "", "\\\"file\\\" should be a string"},
    {"POST", "/v1/tenants:apply", "{\"file\":1,\"text\":\"\"}", 422, "", "\\\"file\\\" should be a string"},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\\nb\",\"text\":\"\"}", 422, "", "one line"},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\",\"text\":\"\",\"files\":[]}", 422, "",
     "object of strings"},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\",\"text\":\"\",\"files\":{\"x\":{}}}", 422, "",
     "object of strings"},
    {"POST", "/v1/tenants:apply", "{\"file\":\"a\",\"text\":\"\",\"fiels\":{}}", 422, "",
     "\\\"fiels\\\" is no member"},
    {"PUT", "/v1/tenants/alice/credentials/openai", "{}", 422, "",
     "\\\"tenant_id\\\" should be a whole number"},
    {"PUT", "/v1/tenants/alice/credentials/openai", "{\"tenant_id\":\"7\"}", 422, "",
     "should be a whole number"},
    {"PUT", "/v1/tenants/alice/credentials/openai", "{\"tenant_id\":7,\"binding\":[]}", 422, "",
     "list of strings"},
    {"PUT", "/v1/tenants/alice/credentials/openai", "{\"tenant_id\":7,\"binding\":[\"a\\nb\"]}", 422, "",
     "list of"},
    {"PUT", "/v1/tenants/alice/credentials/openai",
     "{\"tenant_id\":7,\"binding\":[\"a:1\"],\"box\":\"c2Vh=\"}", 422, "", "base64"},
    {"PUT", "/v1/tenants/alice/credentials/openai", "{\"tenant_id\":7,\"binding\":[\"a:1\"],\"box\":\"\"}",
     422, "", "base64"},
};

TEST(refusals_say_what_is_wrong)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (!client_ask(&c, refusals[i].method, refusals[i].path, refusals[i].body)) {
            break;
        }
        bool fine = CHECK_EQ_INT(c.status, refusals[i].status) && CHECK_EQ_STR(c.allow, refusals[i].allow) &&
                    CHECK_EQ_STR(c.type, "application/problem+json");
        if (!CHECK(client_body_has(&c, refusals[i].detail)) || !fine) {
            printf("that was %s %s %s\n", refusals[i].method, refusals[i].path,
                   refusals[i].body != NULL ? refusals[i].body : "");
        }
    }
    CHECK(!c.closed); /* none of these is a reason to end the connection */
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

static void check_broken(const char *request, size_t len, unsigned status)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK_EQ_INT(net_conn_write(c.conn, span_of(request, len)), 0);
    CHECK(client_wait(&c, 1));
    CHECK_EQ_INT(c.status, status);
    CHECK(c.close_said);
    CHECK(client_wait_closed(&c));
    CHECK_EQ_INT(c.answers, 1);
    end(&w, &c);
}

TEST(malformed_http_is_answered_and_closed)
{
    static const struct {
        const char *request;
        unsigned status;
    } table[] = {
        {"hello\r\n\r\n", 400},
        {"GET /v1/tenants HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET /v1/tenants HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET /v1/tenants HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417},
        {"POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {"POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413},
        {"POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n",
         413},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check_broken(table[i].request, strlen(table[i].request), table[i].status);
    }
}

TEST(bodies_up_to_their_limit)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    /* Exactly 1 MiB is read: its text is what is refused. */
    size_t size = API_BODY_MAX;
    char *body = malloc(size + 1);
    if (!CHECK(body != NULL)) {
        return;
    }
    memset(body, ' ', size);
    body[size] = '\0';
    static const char head[] = "{\"file\":\"a\",\"text\":\"";
    memcpy(body, head, strlen(head));
    memset(body + strlen(head), '#', size - strlen(head) - 2);
    memcpy(body + size - 2, "\"}", 2);
    CHECK(client_ask(&c, "POST", "/v1/tenants:apply", body));
    CHECK_EQ_INT(c.status, 422);
    CHECK(client_body_has(&c, "there is no tenant in this file"));
    /* A box of the largest size arrives whole. */
    size_t box = ENCODE_BASE64_SIZE(IPC_BOX_MAX);
    uint8_t *bytes = calloc(1, IPC_BOX_MAX);
    int at = snprintf(body, size, "{\"tenant_id\":1,\"binding\":[\"a:1\"],\"box\":\"");
    CHECK(bytes != NULL && box + (size_t)at < size);
    at += (int)encode_base64(bytes, IPC_BOX_MAX, body + at);
    (void)snprintf(body + at, size - (size_t)at, "\"}");
    CHECK(client_ask(&c, "PUT", "/v1/tenants/alice/credentials/openai", body));
    CHECK_EQ_INT(c.status, 200);
    free(bytes);
    /* One byte too many, in chunks, so that only the bytes themselves tell. */
    client_send(&c,
                "POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n");
    memset(body, 'x', size);
    CHECK_EQ_INT(net_conn_write(c.conn, span_of(body, size)), 0);
    client_send(&c, "x\r\n0\r\n\r\n");
    CHECK(client_wait(&c, 3));
    CHECK_EQ_INT(c.status, 413);
    CHECK(client_wait_closed(&c));
    free(body);
    end(&w, &c);
}

TEST_MAIN()

/* test_route.c - every key of a route: what it becomes, and the exact message for each mistake. */
#include "conf/route.h"

#include "conf_test.h"
#include "policy/path.h"

#define ROUTE(text_)    HEAD text_ TAIL
#define AT(col_, rest_) "t.yaml:5:" #col_ ": spec.routes[0]" rest_ "\n"
#define INJECT_FORMS                                                                                    \
    "should be {bearer: true}, {header: NAME, prefix: TEXT}, {headers: [{name: NAME, prefix: TEXT}]}, " \
    "{basic: true, user: NAME}, {query: NAME}, {path: true}, {body: NAME, bearer: true}, {aws: {service: NAME, region: NAME}}, {oauth2: {...}} or {gcp: true}"
#define BEARER "{host: a.example, credential: c, inject: {bearer: true}"

TEST(targets)
{
    CHECK_ERRORS(ROUTE("{name: x}"), AT(1, ": names no destination: write provider or host"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, bogus: 1}"),
        AT(19,
           ".bogus: unknown key; known here: provider, host, name, credential, port, scheme, methods, "
           "paths, inject, action, placeholder, insecure, upstream, env, shape, headers, places, pass, kubernetes, websocket, tokenUpstream"));
    CHECK_ERRORS(ROUTE("{host: API.Example.com}"),
                 AT(8, ".host: not in canonical form: write \"api.example.com\""));
    CHECK_ERRORS(ROUTE("{host: a.example, provider: xai, credential: c}"),
                 AT(2, ".host: the provider has its own hosts: remove host, or provider"));
    CHECK_ERRORS(
        ROUTE("{provider: acme, credential: c}"),
        AT(12,
           ".provider: unknown provider; known are openai, anthropic, google, vertex, xai, openrouter, mistral, groq, deepseek, together, fireworks, cohere, perplexity, huggingface, huggingface-hub, nvidia, ollama-cloud, azure-openai, bedrock, github, github-git, gitlab, slack, slack-app, slack-socket, discord, telegram, brave, tavily, npm, pypi, kubernetes-workspace: else write a host"));
    CHECK_ERRORS(ROUTE("{host: a.example, name: A}"),
                 AT(25, ".name: not a name: 1 to 40 of a-z, 0-9 and \"-\", no \"-\" at an end"));
    CHECK_ERRORS(ROUTE("x"), AT(1, ": should be a map, not a single value"));
}

TEST(websockets)
{
    static const struct {
        const char *route;
        bool websocket;
    } good[] = {
        {"{host: a.example}", false},
        {"{host: a.example, websocket: true}", true},
        {"{host: a.example, websocket: false}", false},
        {"{provider: openai, credential: c}", true},
        {"{provider: openai, credential: c, websocket: false}", false},
        {"{provider: openai, credential: c, methods: [POST]}", false},
        {"{provider: anthropic, credential: c}", false},
        {"{provider: openai, action: deny}", false},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct conf_tenants tenants;
        struct buf errors;
        char text[256];
        (void)snprintf(text, sizeof(text), HEAD "%s" TAIL, good[i].route);
        if (CHECK_EQ_INT(test_load(text, &tenants, &errors), 0)) {
            CHECK_EQ_INT(tenants.specs[0]->routes[0].websocket, good[i].websocket);
        }
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
    CHECK_ERRORS(ROUTE("{host: a.example, websocket: yes}"),
                 AT(30, ".websocket: should be true or false, without quotes"));
    CHECK_ERRORS(ROUTE("{host: a.example, methods: [POST], websocket: true}"),
                 AT(47, ".websocket: begins with a GET: add it to methods"));
    CHECK_ERRORS(
        ROUTE("{provider: anthropic, credential: c, websocket: true}"),
        AT(49, ".websocket: provider anthropic has no WebSockets: remove it, or write a route with a host"));
    CHECK_ERRORS(ROUTE("{provider: slack-socket}"), "");
    CHECK_ERRORS(ROUTE("{provider: slack-socket, credential: c}"),
                 AT(26, ".credential: provider slack-socket takes none: remove it"));
    CHECK_ERRORS(ROUTE("{provider: slack-socket, shape: \"{30}\"}"),
                 AT(26, ".shape: means something only with a credential: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, action: deny, websocket: true}"),
                 AT(33, ".websocket: a deny route injects and sends nothing: remove it"));
}

TEST(types)
{
    CHECK_ERRORS(ROUTE("{host: [a]}"), AT(8, ".host: should be a single value, not a list"));
    CHECK_ERRORS(ROUTE("{host: 12}"), AT(8, ".host: should be a text: write it in quotes, \"12\""));
    CHECK_ERRORS(ROUTE("{host: }"), AT(8, ".host: has no value: write a text, or remove the key"));
    CHECK_ERRORS(ROUTE("{host: a.example, port: 0}"),
                 AT(25, ".port: should be a whole number from 1 to 65535, without quotes"));
    CHECK_ERRORS(ROUTE("{host: a.example, port: \"443\"}"),
                 AT(25, ".port: should be a whole number from 1 to 65535, without quotes"));
    CHECK_ERRORS(ROUTE(BEARER ", insecure: yes}"),
                 AT(68, ".insecure: should be true or false, without quotes"));
    CHECK_ERRORS(ROUTE("{host: a.example, scheme: ftp}"), AT(27, ".scheme: should be https or http"));
    CHECK_ERRORS(ROUTE("{host: a.example, action: drop}"), AT(27, ".action: should be allow or deny"));
    CHECK_ERRORS(ROUTE(BEARER ", placeholder: no}"), AT(71, ".placeholder: should be optional or required"));
}

TEST(methods_and_paths)
{
    CHECK_ERRORS(ROUTE("{host: a.example, methods: GET}"),
                 AT(28, ".methods: should be a list, not a single value"));
    CHECK_ERRORS(ROUTE("{host: a.example, methods: []}"),
                 AT(28, ".methods: should have 1 to 16 entries: leave the key out for the default"));
    CHECK_ERRORS(ROUTE("{host: a.example, methods: [GET, get]}"),
                 AT(34, ".methods[1]: not a method: write it in capitals, as in GET"));
    CHECK_ERRORS(ROUTE("{host: a.example, methods: [CONNECT]}"),
                 AT(29, ".methods[0]: CONNECT is never forwarded: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, paths: [/a, /a]}"),
                 AT(31, ".paths[1]: stands in this list already: remove it"));
    CHECK_ERRORS(
        ROUTE("{provider: xai, credential: c, methods: [PUT]}"),
        AT(42,
           ".methods[0]: a route may only narrow what provider xai allows: remove it, or write a route with a host"));
    CHECK_ERRORS(
        ROUTE("{provider: xai, credential: c, paths: [/v2]}"),
        AT(40, ".paths[0]: a route may only narrow what provider xai allows: write a path below /v1/**"));
}

TEST(bad_path_patterns_have_the_message_of_policy)
{
    struct conf_tenants tenants;
    struct buf errors;
    char why[320];
    char want[512];
    CHECK_EQ_INT(policy_path_pattern_check(SPAN_LIT("/a/../b"), why, sizeof(why)), CB_EINVAL);
    (void)snprintf(want, sizeof(want), "t.yaml:5:27: spec.routes[0].paths[0]: %s\n", why);
    CHECK_ERRORS(ROUTE("{host: a.example, paths: [/a/../b]}"), want);
    CHECK_EQ_INT(test_load(ROUTE("{host: a.example, paths: [a]}"), &tenants, &errors), CB_ECONFIG);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(injection)
{
    CHECK_ERRORS(
        ROUTE("{host: a.example, credential: c}"),
        AT(31,
           ".credential: no allow route injects it: write inject: {bearer: true} or inject: {header: NAME}"));
    CHECK_ERRORS(ROUTE("{host: a.example, action: deny, credential: c}"),
                 AT(33, ".credential: a deny route injects and sends nothing: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, inject: {bearer: true}}"),
                 AT(27, ".inject: no credential is named: write credential: NAME"));
    CHECK_ERRORS(ROUTE("{provider: xai}"), AT(1, ": no credential is named: write credential: NAME"));
    CHECK_ERRORS(ROUTE("{provider: xai, credential: c, inject: {bearer: true}}"),
                 AT(32, ".inject: the provider says how its credential goes in: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, env: X}"),
                 AT(19, ".env: means something only with a credential: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {}}"), AT(42, ".inject: " INJECT_FORMS));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {bearer: false}}"),
                 AT(51, ".inject.bearer: should be true; for no injection remove inject and credential"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {header: \"a b\"}}"),
                 AT(51, ".inject.header: not a header name: write one such as X-Api-Key"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, credential: c, inject: {header: X, prefix: \" x\"}}"),
        AT(62, ".inject.prefix: should be at most 64 printable ASCII characters without a blank in front"));
    CHECK_ERRORS(ROUTE("{host: a.example, scheme: http, credential: c, inject: {bearer: true}}"),
                 AT(45, ".credential: would go over plain http: use scheme https, or say insecure: true"));
}

TEST(reserved_headers)
{
    static const char *const names[] = {"Host",           "connection",          "TE",
                                        "Trailer",        "Transfer-Encoding",   "Upgrade",
                                        "Keep-Alive",     "Proxy-Authorization", "Proxy-Connection",
                                        "Content-Length", "content-type"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[512];
        char want[512];
        (void)snprintf(text, sizeof(text), ROUTE("{host: a.example, credential: c, inject: {header: %s}}"),
                       names[i]);
        (void)snprintf(
            want, sizeof(want),
            AT(51, ".inject.header: \"%s\" belongs to the proxy or to the message itself: write the header "
                   "that the provider reads, such as X-Api-Key"),
            names[i]);
        CHECK_ERRORS(text, want);
    }
}

TEST(ways_of_injecting)
{
#define WITH(inject_) ROUTE("{host: a.example, credential: c, inject: {" inject_ "}}")
    CHECK_ERRORS(WITH("headers: [{name: X-Id, prefix: \"k \"}, {name: X-Key}]"), "");
    CHECK_ERRORS(WITH("headers: []"), AT(52, ".inject.headers: should have 1 to 4 entries"));
    CHECK_ERRORS(WITH("headers: [{name: X}, {name: x}]"),
                 AT(71, ".inject.headers[1].name: stands in this list already: remove it"));
    CHECK_ERRORS(WITH("headers: [{prefix: x}]"),
                 AT(53, ".inject.headers[0]: names no header: write {name: NAME, prefix: TEXT}"));
    CHECK_ERRORS(WITH("bearer: true, prefix: x"), AT(42, ".inject: " INJECT_FORMS));
    CHECK_ERRORS(WITH("basic: true"), "");
    CHECK_ERRORS(WITH("basic: true, user: x-access-token"), "");
    CHECK_ERRORS(WITH("basic: true, user: \"a:b\""),
                 AT(62, ".inject.user: should be 1 to 64 printable ASCII characters without \":\""));
    CHECK_ERRORS(WITH("query: key"), "");
    CHECK_ERRORS(WITH("query: \"a=b\""),
                 AT(50, ".inject.query: not a parameter's name: 1 to 64 letters, digits, "
                        "\"-\", \".\", \"_\" or \"~\""));
    CHECK_ERRORS(WITH("body: token"), "");
    CHECK_ERRORS(WITH("body: token, bearer: true"), "");
    CHECK_ERRORS(WITH("body: token, header: X-Key, prefix: \"k \""), "");
    CHECK_ERRORS(WITH("body: token, bearer: false"),
                 AT(64, ".inject.bearer: should be true; for no header remove it"));
    CHECK_ERRORS(WITH("body: token, bearer: true, header: X"),
                 AT(70, ".inject.header: bearer is a header already: remove one of them"));
    CHECK_ERRORS(WITH("body: token, prefix: x"),
                 AT(56, ".inject.prefix: means something only with a header: remove it"));
    CHECK_ERRORS(WITH("body: token, user: x"),
                 AT(56, ".inject.user: unknown key; known here: body, bearer, header, prefix"));
    CHECK_ERRORS(WITH("body: \"a b\""), AT(49, ".inject.body: not a field's name: 1 to 64 letters, digits, "
                                               "\"-\", \".\", \"_\" or \"~\""));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {body: token}, placeholder: required}"),
                 AT(57, ".placeholder: the body is seen only while it is sent, too late to require something "
                        "of it: remove it"));
#define AWS(host_, aws_) ROUTE("{host: " host_ ", credential: c, inject: {aws: {" aws_ "}}}")
    CHECK_ERRORS(AWS("b.s3.eu-central-1.amazonaws.com", "service: s3"), "");
    CHECK_ERRORS(AWS("b.s3.cn-north-1.amazonaws.com.cn", "service: s3"), "");
    CHECK_ERRORS(AWS("minio.example", "service: s3, region: us-east-1"), "");
    CHECK_ERRORS(AWS("s3.amazonaws.com", "service: s3"),
                 AT(55, ".inject.aws: the host names no region: write region: NAME"));
    CHECK_ERRORS(AWS("b.s3-us-west-2.amazonaws.com", "service: s3"),
                 AT(67, ".inject.aws: the host names no region: write region: NAME"));
    CHECK_ERRORS(AWS("minio.example", "region: us-east-1"),
                 AT(52, ".inject.aws: names no service: write {service: s3, region: eu-central-1}"));
    CHECK_ERRORS(AWS("minio.example", "service: S3, region: x"),
                 AT(62, ".inject.aws.service: should be 1 to 32 of a-z, 0-9 and \"-\", such as bedrock or "
                        "eu-central-1"));
    CHECK_ERRORS(WITH("aws: true"), AT(48, ".inject.aws: should be a map, not a single value"));
#undef AWS
    CHECK_ERRORS(WITH("path: true"),
                 AT(42, ".inject: needs paths that say where: write paths: [/bot{credential}/**]"));
#undef WITH
}

TEST(the_credential_in_a_path)
{
#define PATHS(paths_) ROUTE("{host: a.example, credential: c, inject: {path: true}, paths: [" paths_ "]}")
    CHECK_ERRORS(PATHS("\"/bot{credential}/x\", \"/file/bot{credential}/**\""), "");
    CHECK_ERRORS(PATHS("\"/x\""), AT(64, ".paths[0]: does not say where the credential stands: write "
                                         "{credential} there, as in /bot{credential}/sendMessage"));
    CHECK_ERRORS(PATHS("\"/{credential}/{credential}\""),
                 AT(64, ".paths[0]: {credential} stands once, in a segment without \"*\""));
    CHECK_ERRORS(PATHS("\"/a*{credential}/x\""),
                 AT(64, ".paths[0]: \"**\" stands only for a whole segment: write \"*\" inside one"));
    CHECK_ERRORS(ROUTE("{host: a.example, paths: [\"/bot{credential}/x\"]}"),
                 AT(27, ".paths[0]: {credential} means something only with inject: {path: true}"));
    CHECK_ERRORS(ROUTE("{host: a.example, action: deny, paths: [\"/bot{credential}/x\"]}"), "");
#undef PATHS
    struct conf_tenants tenants;
    struct buf errors;
    if (CHECK_EQ_INT(
            test_load(ROUTE("{provider: telegram, credential: c, paths: [\"/bot{credential}/sendMessage\"]}"),
                      &tenants, &errors),
            0)) {
        CHECK_EQ_STR(tenants.specs[0]->routes[0].paths[0], "/bot*/sendMessage");
        CHECK_EQ_UINT(tenants.specs[0]->routes[0].path_marks[0], 4);
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(headers_places_and_what_passes)
{
    CHECK_ERRORS(ROUTE(BEARER ", headers: {X-Version: \"1\"}, places: {headers: [X-Sign-*], query: [sig]}, "
                              "pass: {headers: [Cookie], query: [token]}}"),
                 "");
    CHECK_ERRORS(ROUTE("{host: a.example, headers: {Host: b}}"),
                 AT(29, ".headers.Host: belongs to the proxy or to the message itself: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, headers: {X-A: b, x-a: c}}"),
                 AT(37, ".headers.x-a: stands here already, in other letters: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, headers: {Authorization: b}}"),
                 AT(29, ".headers.Authorization: carries a credential: write credential and inject instead"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {header: X-K}, headers: {x-k: b}}"),
                 AT(67, ".headers.x-k: is the header that the credential goes into: remove it"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, headers: {X-A: \"b \"}}"),
        AT(34, ".headers.X-A: should be 1 to 1024 printable ASCII characters without a blank at an end"));
    CHECK_ERRORS(ROUTE("{host: a.example, pass: {}}"),
                 AT(25, ".pass: is empty: write headers or query, or remove it"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, pass: {headers: [TE]}}"),
        AT(36, ".pass.headers[0]: not a header that can be named here: one such as X-Api-Key or X-Amz-*, and "
               "none of the message itself"));
    CHECK_ERRORS(ROUTE("{host: a.example, credential: c, inject: {query: key}, pass: {query: [key]}}"),
                 AT(62, ".pass: names the place that the credential goes into: remove it there"));
    CHECK_ERRORS(ROUTE("{host: a.example, action: deny, pass: {query: [key]}}"),
                 AT(33, ".pass: a deny route injects and sends nothing: remove it"));
}

TEST(upstream)
{
    CHECK_ERRORS(
        ROUTE("{host: a.example, upstream: {}}"),
        AT(29,
           ".upstream: is empty: write what of it is another one, such as address or caFile, or remove it"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, upstream: {address: b.example}}"),
        AT(39,
           ".upstream.address: should be an address, with a port or without: \"192.0.2.1:443\" or \"[2001:db8::1]\""));
    CHECK_ERRORS(ROUTE("{host: a.example, upstream: {caFile: /none}}"),
                 AT(38, ".upstream.caFile: \"/none\" could not be read: not found"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, upstream: {ca: x}}"),
        AT(34, ".upstream.ca: should be at most 64 KiB of certificates, and of nothing else, in PEM form"));
    CHECK_ERRORS(ROUTE("{host: a.example, scheme: http, upstream: {caFile: /ca.pem}}"),
                 AT(44, ".upstream.caFile: plain http has no certificates: remove it"));
    CHECK_ERRORS(ROUTE("{host: a.example, upstream: {caFile: /ca.pem, address: \"10.0.0.1\"}}"), "");
}

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

TEST(pins_and_client_certificates)
{
    CHECK_ERRORS(ROUTE("{host: a.example, upstream: {pins: []}}"),
                 AT(36, ".upstream.pins: should have 1 to 16 entries"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, upstream: {pins: [sha256/AAAA]}}"),
        AT(37, ".upstream.pins[0]: should be \"sha256/\" and the base64 of the digest of a public key"));
    CHECK_ERRORS(ROUTE("{host: a.example, upstream: {pins: [" PIN ", " PIN "]}}"),
                 AT(90, ".upstream.pins[1]: is there twice: remove one of them"));
    CHECK_ERRORS(
        ROUTE("{host: a.example, upstream: {clientCredential: A}}"),
        AT(48, ".upstream.clientCredential: not a name: 1 to 40 of a-z, 0-9 and \"-\", no \"-\" at an end"));
    CHECK_ERRORS(ROUTE("{host: a.example, scheme: http, upstream: {clientCredential: c}}"),
                 AT(44, ".upstream.clientCredential: plain http has no certificates: remove it"));
    CHECK_ERRORS(
        ROUTE("{provider: xai, credential: c, upstream: {clientCredential: c}}"),
        AT(61,
           ".upstream.clientCredential: the route in line 5 puts \"c\" into requests: write another name"));
    struct conf_tenants tenants;
    struct buf errors;
    if (CHECK_EQ_INT(test_load(ROUTE("{provider: xai, credential: c, upstream: {pins: [" PIN
                                     "], clientCredential: corp}}"),
                               &tenants, &errors),
                     0)) {
        const struct spec *spec = tenants.specs[0];
        CHECK_EQ_UINT(spec->routes[0].upstream_pins.count, 1);
        CHECK_EQ_STR(spec->routes[0].upstream_pins.items[0], PIN);
        CHECK_EQ_STR(spec->routes[0].upstream_credential, "corp");
        const struct spec_credential *corp = spec_find_credential(spec, SPAN_LIT("corp"));
        CHECK(corp != NULL && corp->env == NULL); /* no variable of the agent */
        CHECK(spec_credential_is_client(spec, SPAN_LIT("corp")));
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(files_of_certificates)
{
    static char large[70000] = "-----BEGIN CERTIFICATE-----\n";
    const char *text =
        ROUTE("{provider: xai, credential: c, upstream: {address: \"[::1]:8443\", caFile: /ca.pem}}");
    struct conf_files files = {.read = test_read, .arg = large};
    struct conf_tenants tenants;
    struct buf errors;
    memset(large + strlen(large), 'A', sizeof(large) - 1 - strlen(large));
    buf_init(&errors, 4096);
    CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), CB_ECONFIG);
    CHECK(buf_append_byte(&errors, 0) == 0);
    CHECK_EQ_STR((const char *)buf_span(&errors).ptr,
                 AT(74, ".upstream.caFile: \"/ca.pem\" could not be read: it is larger than 64 KiB"));
    buf_reset(&errors);
    static char empty[] = "no certificate";
    files.arg = empty;
    CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), CB_ECONFIG);
    CHECK(buf_append_byte(&errors, 0) == 0);
    CHECK_EQ_STR((const char *)buf_span(&errors).ptr,
                 AT(74, ".upstream.caFile: \"/ca.pem\" has no certificate in PEM form"));
    buf_reset(&errors);
    /* A client certificate with its key: whoever edits routes shall not get it into what is shown. */
    static char identity[] = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
                             "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";
    files.arg = identity;
    CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), CB_ECONFIG);
    CHECK(buf_append_byte(&errors, 0) == 0);
    CHECK_EQ_STR(
        (const char *)buf_span(&errors).ptr,
        AT(74, ".upstream.caFile: \"/ca.pem\" has a private key in it: name a file of certificates alone"));
    buf_reset(&errors);
    CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", NULL, &tenants, &errors), CB_ECONFIG);
    CHECK(buf_append_byte(&errors, 0) == 0);
    CHECK_EQ_STR((const char *)buf_span(&errors).ptr,
                 AT(66, ".upstream.caFile: files cannot be read here: write the PEM text itself as ca"));
    buf_deinit(&errors);
    if (CHECK_EQ_INT(test_load(text, &tenants, &errors), 0)) {
        const struct spec_route *route = &tenants.specs[0]->routes[0];
        CHECK_EQ_STR(route->upstream_address, "[::1]");
        CHECK_EQ_UINT(route->upstream_port, 8443);
        CHECK(strstr(route->upstream_ca, "BEGIN CERTIFICATE") != NULL);
        CHECK_EQ_STR(route->host, "api.x.ai");
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(a_provider_is_not_widened)
{
    static const char *const keys[] = {"scheme: https", "port: 443", "insecure: true"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[512];
        char want[512];
        (void)snprintf(text, sizeof(text), ROUTE("{provider: xai, credential: c, %s}"), keys[i]);
        (void)snprintf(want, sizeof(want),
                       AT(32, ".%.*s: a provider is reached by https on port 443: remove it"),
                       (int)strcspn(keys[i], ":"), keys[i]);
        CHECK_ERRORS(text, want);
    }
    CHECK_ERRORS(
        ROUTE("{provider: xai, credential: c, paths: [/**]}"),
        AT(40, ".paths[0]: a route may only narrow what provider xai allows: write a path below /v1/**"));
    CHECK_ERRORS(
        ROUTE("{provider: xai, credential: c, paths: [/v1*]}"),
        AT(40, ".paths[0]: a route may only narrow what provider xai allows: write a path below /v1/**"));
    CHECK_ERRORS(ROUTE("{provider: xai, credential: c, paths: [/v1/models, /v1/chat/*], methods: [POST]}"),
                 "");
    CHECK_ERRORS(
        ROUTE(
            "{provider: xai, credential: c},\n{provider: xai, action: deny, name: hole, paths: [/v1/files/**]}"),
        "");
}

TEST(names_come_from_hosts)
{
    CHECK_ERRORS(ROUTE("{host: \"[::]\"}"), AT(8, ".host: gives no name: write name: NAME"));
    CHECK_ERRORS(ROUTE("{host: \"[::]\", name: any}"), "");
}

TEST(credentials_of_several_routes)
{
    CHECK_ERRORS(
        ROUTE(BEARER ", env: 1X}"),
        AT(63,
           ".env: not a name for an environment variable: letters, digits and \"_\", no digit in front; several are joined by commas"));
    CHECK_ERRORS(
        ROUTE(BEARER ", env: X},\n{host: b.example, credential: c, inject: {bearer: true}, env: Y}"),
        "t.yaml:6:63: spec.routes[1].env: another route says \"X\" for this credential: write the same, or leave it out\n");
    CHECK_ERRORS(
        ROUTE(BEARER ", env: X},\n{host: b.example, credential: d, inject: {bearer: true}, env: X}"),
        "t.yaml:6:31: spec.routes[1].credential: its variable X is the one of credential \"c\" too: write another env\n");
    CHECK_ERRORS(ROUTE(BEARER "},\n{host: b.example, credential: c, inject: {bearer: true}, env: Y}"), "");
}

TEST_MAIN()

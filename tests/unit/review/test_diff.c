/* test_diff.c - what a change of policy newly allows and refuses, in words. */
#include "conf/tenant.h"
#include "review/diff.h"
#include "support/check.h"

#define HEAD "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec:\n"

static int read_file(void *arg, const char *path, struct buf *out)
{
    (void)arg;
    return buf_appendf(out, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", path);
}

static struct spec *load(const char *spec)
{
    char text[4096];
    struct conf_tenants tenants;
    struct buf errors;
    struct spec *out = NULL;
    const struct conf_files files = {.read = read_file};
    buf_init(&errors, (size_t)64 * 1024);
    (void)snprintf(text, sizeof(text), HEAD "  %s\n", spec);
    if (CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &tenants, &errors), 0)) {
        out = tenants.specs[0];
        tenants.specs[0] = NULL;
    }
    printf("%.*s", SPAN_ARG(buf_span(&errors)));
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    return out;
}

/* "effect route: text" a line. */
static void check(const char *old_text, const char *new_text, const char *want, int line)
{
    struct spec *old = old_text != NULL ? load(old_text) : NULL;
    struct spec *new = load(new_text);
    struct review_diff diff;
    struct buf out;
    buf_init(&out, (size_t)64 * 1024);
    if (CHECK_EQ_INT(review_diff(old, new, &diff), 0)) {
        for (size_t i = 0; i < diff.count; i++) {
            const struct review_change *c = &diff.changes[i];
            CHECK_EQ_INT(buf_appendf(&out, "%s %s: %s\n", review_effect_name(c->effect),
                                     c->route != NULL ? c->route : "-", c->text),
                         0);
        }
        check_eq_bytes(buf_span(&out).ptr, buf_len(&out), want, strlen(want), "changes", __FILE__, line);
        review_diff_deinit(&diff);
    }
    buf_deinit(&out);
    spec_free(old);
    spec_free(new);
}
#define CHECK_DIFF(old_, new_, want_) check((old_), (new_), (want_), __LINE__)

#define A "{name: a, host: a.example, methods: [GET], paths: [/v1/**]}"

TEST(nothing_changes)
{
    CHECK_DIFF("routes: [" A "]", "routes: [" A "]", "");
    /* Another name, another order, one route as two. */
    CHECK_DIFF(
        "routes: [{name: b, host: b.example}, {name: a, host: a.example, methods: [GET, PUT], paths: [/v1/**, /x]}]",
        "routes: [{name: c, host: a.example, methods: [PUT, GET], paths: [/x, /v1/**]}, {name: b, host: b.example}]",
        "");
    CHECK_DIFF(
        "routes: [{name: a, host: a.example, methods: [GET, PUT]}]",
        "routes: [{name: a, host: a.example, methods: [GET]}, {name: b, host: a.example, methods: [PUT]}]",
        "");
}

TEST(newly_allowed_and_refused)
{
    CHECK_DIFF(NULL, "routes: [" A "]", "allows a: GET https://a.example:443 /v1/**\n");
    CHECK_DIFF("routes: [" A "]", "routes: [" A ", {name: b, host: b.example}]",
               "allows b: GET HEAD POST https://b.example:443 /**\n");
    CHECK_DIFF("routes: [" A "]",
               "routes: [{name: a, host: a.example, methods: [GET, DELETE], paths: [/v1/**]}]",
               "allows a: DELETE https://a.example:443 /v1/**\n");
    CHECK_DIFF(
        "routes: [" A "]", "routes: [{name: a, host: a.example, methods: [GET], paths: [/v1/x, /v2/*, /v3]}]",
        "allows a: GET https://a.example:443 /v2/* /v3\nrefuses a: GET https://a.example:443 /v1/**\n");
    CHECK_DIFF("routes: [{name: a, host: a.b.example, methods: [GET]}]",
               "routes: [{name: a, host: '*.b.example', methods: [GET]}]",
               "allows a: GET https://*.b.example:443 /**\n");
    CHECK_DIFF("routes: [" A "]",
               "routes: [{name: a, host: a.example, port: 8443, methods: [GET], paths: [/v1/**]}]",
               "allows a: GET https://a.example:8443 /v1/**\nrefuses a: GET https://a.example:443 /v1/**\n");
    CHECK_DIFF("routes: [{name: w, host: '*.b.example', methods: [GET]}]",
               "routes: [{name: w, host: x.b.example, methods: [GET], paths: [/a]}]",
               "refuses w: GET https://*.b.example:443 /**\n");
}

TEST(deny_routes)
{
#define HOLE "{name: hole, host: a.example, action: deny, paths: [/v1/files/**]}"
    CHECK_DIFF("routes: [" A "," HOLE "]", "routes: [" A "]",
               "allows hole: GET https://a.example:443 /v1/files/**, which this deny route forbade\n");
    CHECK_DIFF("routes: [" A "]", "routes: [" A "," HOLE "]",
               "refuses hole: GET https://a.example:443 /v1/files/**, which this deny route forbids\n");
    /* More specific than the hole, so it goes around it, though the wider route covered it before. */
    CHECK_DIFF(
        "routes: [" A "," HOLE "]",
        "routes: [" A "," HOLE ", {name: x, host: a.example, methods: [GET], paths: [/v1/files/x]}]",
        "allows x: GET https://a.example:443 /v1/files/x, of which the deny route \"hole\" forbade a part\n");
    /* A wider hole still holds; one on a wildcard stands behind the exact host. */
    CHECK_DIFF("routes: [" A "," HOLE "]",
               "routes: [" A ", {name: hole, host: a.example, action: deny, paths: [/v1/*/**]}]",
               "refuses hole: GET https://a.example:443 /v1/*/**, which this deny route forbids\n");
    CHECK_DIFF(
        "routes: [{name: a, host: a.b.example, methods: [GET]}, {name: h, host: a.b.example, action: deny, paths: [/x]}]",
        "routes: [{name: a, host: a.b.example, methods: [GET]}, {name: h, host: '*.b.example', action: deny, paths: [/x]}]",
        "allows h: GET https://a.b.example:443 /x, which this deny route forbade\n");
}

TEST(credentials_first)
{
#define KEY(host_, more_) "{name: k, host: " host_ ", inject: {bearer: true}, credential: key" more_ "}"
    CHECK_DIFF(
        "routes: [" KEY("a.example", "") "]",
        "routes: [" KEY("a.example",
                        "") ", {name: e, host: evil.example, inject: {header: X-Key}, credential: key}]",
        "credential -: credential \"key\" goes to evil.example:443\n"
        "allows e: GET HEAD POST https://evil.example:443 /**\n");
    CHECK_DIFF(
        "routes: [" KEY("a.example", "") "]",
        "routes: [" KEY("a.example", ", upstream: {address: '10.0.0.1:8443', caFile: /own.pem}") "]",
        "credential -: credential \"key\" goes to a.example:443 via 10.0.0.1:8443, checked against a CA of the route's own\n"
        "transport k: a.example is reached at 10.0.0.1:8443 instead of what the name resolves to\n"
        "transport k: the certificate of a.example is checked against a CA of the route's own instead of the system's roots\n"
        "stricter -: credential \"key\" does not go any more to a.example:443\n");
    CHECK_DIFF("routes: [{name: k, host: a.example}]", "routes: [" KEY("a.example", "") "]",
               "credential -: credential \"key\" goes to a.example:443\n"
               "credential k: requests to a.example get the credential \"key\"; before they got none\n");
    CHECK_DIFF(
        "routes: [" KEY("a.example", "") "]", "routes: [{name: k, host: a.example}]",
        "weaker k: requests to a.example do not get the credential \"key\" any more, so what the agent writes there is only taken out\n"
        "stricter -: credential \"key\" does not go any more to a.example:443\n");
    CHECK_DIFF(
        "routes: [" KEY("a.example", "") "]",
        "routes: [{name: k, host: a.example, inject: {header: X-Key}, credential: key}]",
        "credential k: the credential goes in as header X-Key: {credential} instead of header Authorization: Bearer {credential}\n");
    CHECK_DIFF(
        "routes: [{name: k, host: a.example, upstream: {caFile: /1.pem}}]",
        "routes: [{name: k, host: a.example, upstream: {caFile: /2.pem}}]",
        "transport k: the certificate of a.example is checked against another CA instead of the route's own before\n");
}

TEST(settings_and_limits)
{
    CHECK_DIFF("routes: [" KEY("a.example", ", placeholder: required") "]",
               "routes: [" KEY("a.example", "") "]",
               "weaker k: a request gets the credential without the placeholder too\n");
    CHECK_DIFF("routes: [" KEY("a.example", "") "]",
               "routes: [" KEY("a.example", ", placeholder: required") "]",
               "stricter k: the agent has to send the placeholder\n");
    CHECK_DIFF("routes: [{name: o, host: a.example, places: {headers: [X-S], query: [s]}}]",
               "routes: [{name: o, host: a.example, pass: {headers: [Cookie], query: [token]}}]",
               "weaker o: passes whatever credential the agent writes into the header cookie\n"
               "weaker o: passes whatever credential the agent writes into the parameter token\n"
               "weaker o: takes for no credential any more what stands in the header x-s\n"
               "weaker o: takes for no credential any more what stands in the parameter s\n");
    CHECK_DIFF(
        "routes: [{name: o, host: a.example, headers: {X-V: '1', X-W: '1'}}]",
        "routes: [{name: o, host: a.example, headers: {X-V: '2', X-N: '1'}}]",
        "weaker o: adds the header X-V: 2 instead of 1\nweaker o: adds the header X-N: 1\nother o: does not add any more the header X-W\n");
    CHECK_DIFF("routes: [" A "]\n  limits: {requestsPerMinute: 60, concurrent: 5}",
               "routes: [" A "]\n  limits: {concurrent: 2, requestBytes: 1MiB}",
               "limit -: requests per minute: no limit instead of 60\n"
               "stricter -: requests at the same time: 2 instead of 5\n"
               "stricter -: bytes of a request's body: 1048576 instead of no limit\n");
    CHECK_DIFF("routes: [" A "]",
               "routes: [{name: a, host: a.example, methods: [GET], paths: [/v1/**], websocket: true}]",
               "allows a: WebSockets to a.example\n");
    CHECK_DIFF("routes: [" A "]", "routes: [" A "]\n  tripwire: suspend",
               "stricter -: a placeholder where it does not belong suspends the tenant\n");
    CHECK_DIFF("routes: [" A "]\n  tripwire: suspend", "routes: [" A "]",
               "weaker -: a placeholder where it does not belong does not suspend the tenant any more\n");
    /* Where a token is fetched is said with the credential, and with the route. */
#define OAUTH(url_)                                                                           \
    "routes: [{name: o, host: a.example, credential: key, inject: {oauth2: {tokenUrl: '" url_ \
    "', clientId: me}}}]"
    CHECK_DIFF(
        OAUTH("https://id.example/token"), OAUTH("https://evil.example/token"),
        "credential -: credential \"key\" goes to evil.example:443, which gives out tokens for it\n"
        "transport o: the token for a.example is fetched by client credentials at https://evil.example:443/token, client me; "
        "before: by client credentials at https://id.example:443/token, client me\n"
        "stricter -: credential \"key\" does not go any more to id.example:443, which gives out tokens for it\n");
    /* The routes are others, but they decide about the same requests. */
    CHECK_DIFF(
        "routes: [" KEY("a.example", ", placeholder: required") "]",
        "routes: [{name: other, host: a.example, inject: {bearer: true}, credential: key, paths: [/x/**]}]",
        "weaker other: a request gets the credential without the placeholder too\nrefuses k: GET HEAD POST https://a.example:443 /**\n");
}

TEST(a_constrained_ca)
{
#define CA      "\n  ca: {nameConstraints: true}"
#define NOT_YET ": `clawbox env` gives it to agents, and `clawbox tenant rotate-ca --finish` lets it sign\n"
    CHECK_DIFF("routes: [" A "]" CA, "routes: [" A "]" CA, "");
    CHECK_DIFF("routes: [" A "]" CA, "routes: [" A ", {name: b, host: a.example, paths: [/v2]}]" CA,
               "allows b: GET HEAD POST https://a.example:443 /v2\n");
    CHECK_DIFF("routes: [" A "]", "routes: [" A "]\n  ca: {nameConstraints: false}", "");
    CHECK_DIFF(
        "routes: [" A "]", "routes: [" A "]" CA,
        "stricter -: the CA gets a successor that may sign for the hosts of the routes only; for any other the agent "
        "then sees a TLS error instead of a readable 403" NOT_YET);
    CHECK_DIFF("routes: [" A "]" CA, "routes: [" A "]",
               "weaker -: the CA gets a successor that may sign for any host" NOT_YET);
    CHECK_DIFF(
        "routes: [" A "]" CA, "routes: [" A ", {name: b, host: b.example, paths: [/x]}]" CA,
        "allows b: GET HEAD POST https://b.example:443 /x\n"
        "other -: the CA gets a successor for the hosts as they are now; new ones fail in the agent's TLS until "
        "then" NOT_YET);
}

TEST_MAIN()

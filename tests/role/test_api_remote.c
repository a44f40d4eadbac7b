/*
 * test_api_remote.c - the API over TCP: what is asked of the store for whom, and that nothing is for whom nobody knows. The whole table of
 * scopes stands here a second time.
 */
#include "api_world.h"

#include "tls/seal.h"

#define FILL         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
#define ADMIN_TOKEN  "cbxt_" FILL "1"
#define VIEWER_TOKEN "cbxt_" FILL "2"
#define TENANT_TOKEN "cbxt_" FILL "3"
#define WRONG_TOKEN  "cbxt_" FILL "4"

static const char *const tokens[IPC_SCOPE__COUNT] = {
    [IPC_SCOPE_ADMIN] = ADMIN_TOKEN, [IPC_SCOPE_VIEWER] = VIEWER_TOKEN, [IPC_SCOPE_TENANT] = TENANT_TOKEN};

static uint64_t said_id = 7; /* the tenant's of TENANT_TOKEN; that of TENANT is 7 */

static struct ipc_token token_of(struct span hash)
{
    uint8_t known[DIGEST_LEN];
    for (unsigned i = 0; i < IPC_SCOPE__COUNT; i++) {
        digest_sha256_of(span_str(tokens[i]), known);
        if (span_eq(hash, span_of(known, sizeof(known)))) {
            bool tenant = i == IPC_SCOPE_TENANT;
            return (struct ipc_token){.name = SPAN_LIT("one"),
                                      .scope = (uint8_t)i,
                                      .tenant_id = tenant ? said_id : 0,
                                      .tenant = tenant ? SPAN_LIT("alice") : SPAN_EMPTY,
                                      .tenant_created_ms = tenant ? 5000 : 0};
        }
    }
    return (struct ipc_token){.code = ipc_code(CB_ENOTFOUND)};
}

/* Knows the three tokens; w->code is the answer of the lookup when it is one. */
static int play_tokens(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_token_check check;
    struct ipc_token_create create;
    struct ipc_token_delete gone;
    int r;
    switch (in->msg) {
    case IPC_MSG_TOKEN_CHECK:
        r = ipc_get_token_check(in->payload, &check);
        world_note(w, "token\n");
        if (r == 0) {
            struct ipc_token m = token_of(check.hash);
            m.code = w->code != 0 ? w->code : m.code;
            r = ipc_send_token(chan, in->call, &m);
        }
        return r;
    case IPC_MSG_TOKEN_LIST:
        world_note(w, "tokens\n");
        return ipc_send_tokens(chan, in->call, &(struct ipc_tokens){.tokens = SPAN_LIT("\0\0\0\0")});
    case IPC_MSG_TOKEN_CREATE:
        r = ipc_get_token_create(in->payload, &create);
        world_note(w, "create %.*s %u %.*s %d\n", SPAN_ARG(create.name), (unsigned)create.scope,
                   SPAN_ARG(create.tenant), create.expires_ms != 0);
        return r == 0 ? ipc_send_done(chan, in->call, &(struct ipc_done){.code = 0}) : r;
    case IPC_MSG_TOKEN_DELETE:
        r = ipc_get_token_delete(in->payload, &gone);
        world_note(w, "delete token %.*s\n", SPAN_ARG(gone.name));
        return r == 0 ? ipc_send_done(chan, in->call, &(struct ipc_done){.code = 0}) : r;
    case IPC_MSG_GRANTS_GET:
        return ipc_send_grants(chan, in->call, &(struct ipc_grants){.grants = SPAN_LIT("\0\0\0\0")});
    case IPC_MSG_DENIALS_GET:
        return ipc_send_denials(chan, in->call, &(struct ipc_denials){.denials = SPAN_LIT("\0\0\0\0")});
    case IPC_MSG_CHANGES_GET:
        return ipc_send_changes(chan, in->call, &(struct ipc_changes){.changes = SPAN_LIT("\0\0\0\0")});
    case IPC_MSG_REVISION_GET:
        return ipc_send_revision(chan, in->call, &(struct ipc_revision){.code = 0});
    case IPC_MSG_ADMINISTRATOR_LIST:
        return ipc_send_administrators(chan, in->call,
                                       &(struct ipc_administrators){.administrators = SPAN_LIT("\0\0\0\0")});
    case IPC_MSG_ADMINISTRATOR_DELETE:
    case IPC_MSG_LINK_CREATE:
    case IPC_MSG_GRANT_DELETE:
    case IPC_MSG_TENANT_SUSPEND:
        return ipc_send_done(chan, in->call, &(struct ipc_done){.code = 0});
    case IPC_MSG_CA_ROTATE:
        return ipc_send_ca_cert(chan, in->call, &(struct ipc_ca_cert){.code = 0});
    default:
        return play_script(w, chan, in);
    }
}

/* As the real one, with times that a test can wait for. */
static int quick_main(void)
{
    static struct api api = {.idle_ms = 20000,
                             .deadline_ms = 20000,
                             .head_ms = 20000,
                             .wrong_ms = 20,
                             .tick_ms = 1,
                             .follow_ms = 1};
    return api_run(&api);
}

static int hasty_main(void)
{
    static struct api api = {.idle_ms = 20000, .deadline_ms = 20000, .head_ms = 50, .wrong_ms = 20};
    return api_run(&api);
}

static bool remote_open(struct client *c, struct world *w)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(w->remote_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return client_connect(c, w, (const struct sockaddr *)&to, sizeof(to));
}

/* One request with these fields, Host included; the status. */
static unsigned send_fields(struct client *c, const char *method, const char *path, const char *fields)
{
    struct buf out;
    buf_init(&out, 65536);
    http_parser_set_head_request(c->parser, strcmp(method, "HEAD") == 0);
    CHECK_EQ_INT(buf_appendf(&out, "%s %s HTTP/1.1\r\n%s\r\n", method, path, fields), 0);
    CHECK_EQ_INT(net_conn_write(c->conn, buf_span(&out)), 0);
    buf_deinit(&out);
    return client_wait(c, c->answers + 1) ? c->status : 0;
}

/* The same over a connection of its own, with a token (NULL: none). */
static unsigned ask(struct world *w, const char *token, const char *method, const char *path)
{
    struct client c;
    char fields[512];
    unsigned status = 0;
    (void)snprintf(fields, sizeof(fields), "Host: 127.0.0.1:%u\r\n%s%s%s", (unsigned)w->remote_port,
                   token != NULL ? "Authorization: Bearer " : "", token != NULL ? token : "",
                   token != NULL ? "\r\n" : "");
    if (remote_open(&c, w)) {
        status = send_fields(&c, method, path, fields);
    }
    client_close(&c);
    return status;
}

enum { A = 1 << IPC_SCOPE_ADMIN, V = 1 << IPC_SCOPE_VIEWER, T = 1 << IPC_SCOPE_TENANT };

static const struct {
    const char *method;
    const char *own;   /* about alice, or about nobody in particular */
    const char *other; /* about bob; NULL: there is no such thing */
    unsigned scopes;
} expected[] = {
    {"POST", "/v1/tenants:apply", NULL, A},
    {"GET", "/v1/tenants", NULL, A | V | T},
    {"GET", "/v1/tenants/alice", "/v1/tenants/bob", A | V | T},
    {"PUT", "/v1/tenants/alice", "/v1/tenants/bob", A | T},
    {"DELETE", "/v1/tenants/alice", "/v1/tenants/bob", A},
    {"POST", "/v1/tenants/alice:suspend", "/v1/tenants/bob:suspend", A | T},
    {"POST", "/v1/tenants/alice:resume", "/v1/tenants/bob:resume", A},
    {"POST", "/v1/tenants/alice:rotate-ca", "/v1/tenants/bob:rotate-ca", A | T},
    {"POST", "/v1/tenants/alice:finish-ca", "/v1/tenants/bob:finish-ca", A | T},
    {"PUT", "/v1/tenants/alice/proxy-token", "/v1/tenants/bob/proxy-token", A | T},
    {"GET", "/v1/tenants/alice/routes", "/v1/tenants/bob/routes", A | V | T},
    {"GET", "/v1/tenants/alice/manifests", "/v1/tenants/bob/manifests", A | T},
    {"POST", "/v1/tenants/alice/manifests:preview", "/v1/tenants/bob/manifests:preview", A | T},
    {"GET", "/v1/tenants/alice/ca", "/v1/tenants/bob/ca", A | T},
    {"GET", "/v1/tenants/alice/env", "/v1/tenants/bob/env", A | T},
    {"GET", "/v1/tenants/alice/policy", "/v1/tenants/bob/policy", A | T},
    {"GET", "/v1/tenants/alice/document", "/v1/tenants/bob/document", A | T},
    {"POST", "/v1/tenants/alice:explain", "/v1/tenants/bob:explain", A | T},
    {"POST", "/v1/tenants/alice:diff", "/v1/tenants/bob:diff", A | T},
    {"GET", "/v1/tenants/alice/credentials", "/v1/tenants/bob/credentials", A | V | T},
    {"GET", "/v1/tenants/alice/credentials/openai:prepare", "/v1/tenants/bob/credentials/openai:prepare",
     A | T},
    {"PUT", "/v1/tenants/alice/credentials/openai", "/v1/tenants/bob/credentials/openai", A | T},
    {"DELETE", "/v1/tenants/alice/credentials/openai", "/v1/tenants/bob/credentials/openai", A | T},
    {"GET", "/v1/denials", NULL, A | V},
    {"GET", "/v1/denials?tenant=alice", "/v1/denials?tenant=bob", A | V | T},
    {"POST", "/v1/tenants/alice/denials:mute", "/v1/tenants/bob/denials:mute", A | T},
    {"POST", "/v1/tenants/alice/grants", "/v1/tenants/bob/grants", A | T},
    {"GET", "/v1/tenants/alice/grants", "/v1/tenants/bob/grants", A | V | T},
    {"DELETE", "/v1/tenants/alice/grants/17", "/v1/tenants/bob/grants/17", A | T},
    {"GET", "/v1/audit", NULL, A | V},
    {"GET", "/v1/audit?tenant=alice", "/v1/audit?tenant=bob", A | V | T},
    {"GET", "/v1/audit:follow", NULL, A | V},
    {"GET", "/v1/audit:follow?tenant=alice", "/v1/audit:follow?tenant=bob", A | V | T},
    {"GET", "/v1/audit:search", NULL, A | V},
    {"GET", "/v1/audit:search?tenant=alice", "/v1/audit:search?tenant=bob", A | V | T},
    {"GET", "/v1/audit:verify", NULL, A | V},
    {"GET", "/v1/series", NULL, A | V},
    {"GET", "/v1/series?tenant=alice", "/v1/series?tenant=bob", A | V | T},
    {"GET", "/v1/status", NULL, A | V},
    {"GET", "/v1/presets", NULL, A | V | T},
    {"GET", "/v1/openapi.yaml", NULL, A | V | T},
    {"GET", "/v1/tokens", NULL, A},
    {"POST", "/v1/tokens", NULL, A},
    {"DELETE", "/v1/tokens/one", NULL, A},
    {"GET", "/v1/tenants/alice/history", "/v1/tenants/bob/history", A | V | T},
    {"GET", "/v1/tenants/alice/history/1", "/v1/tenants/bob/history/1", A | T},
    {"GET", "/v1/changes", NULL, A | V},
    {"GET", "/v1/administrators", NULL, A},
    {"PUT", "/v1/administrators/ada", NULL, A},
    {"DELETE", "/v1/administrators/ada", NULL, A},
    {"POST", "/v1/sign-in-links", NULL, A},
};

/* What was refused has asked the store whose token it is, and nothing else. */
static void check_scope(struct world *w, unsigned scope, const char *method, const char *path, bool allowed)
{
    w->seen[0] = '\0';
    unsigned status = ask(w, tokens[scope], method, path);
    bool fine = status != 0 && status != 401 && (status != 403) == allowed;
    if (!CHECK(fine) || (!allowed && !CHECK_EQ_STR(w->seen, "token\n"))) {
        printf("%s %s, scope %u: %u\n", method, path, scope, status);
    }
}

TEST(a_scope_may_do_what_the_table_says)
{
    struct world w;
    if (!world_start(&w, play_tokens, quick_main)) {
        return;
    }
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        for (unsigned scope = 0; scope < IPC_SCOPE__COUNT; scope++) {
            bool allowed = (expected[i].scopes & (1U << scope)) != 0;
            check_scope(&w, scope, expected[i].method, expected[i].own, allowed);
            if (expected[i].other != NULL) {
                check_scope(&w, scope, expected[i].method, expected[i].other,
                            allowed && scope != IPC_SCOPE_TENANT);
            }
            if (strcmp(expected[i].method, "GET") == 0) {
                check_scope(&w, scope, "HEAD", expected[i].own, allowed);
            }
        }
        w.seen[0] = '\0';
        CHECK_EQ_UINT(ask(&w, NULL, expected[i].method, expected[i].own), 401);
        CHECK_EQ_UINT(ask(&w, "cbxt_short", expected[i].method, expected[i].own), 401);
        CHECK_EQ_STR(w.seen, "");
        CHECK_EQ_UINT(ask(&w, WRONG_TOKEN, expected[i].method, expected[i].own), 401);
        CHECK_EQ_STR(w.seen, "token\n");
    }
    world_end(&w);
}

/* They are the console's, and the console comes on no listener. */
TEST(what_is_the_consoles_is_not_there)
{
    static const char *const paths[] = {"/v1/sign-in/ada", "/v1/sessions", "/v1/session",
                                        "/v1/session:rotate", "/v1/session/key"};
    struct world w;
    if (!world_start(&w, play_tokens, quick_main)) {
        return;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "GET", paths[i]), 404);
        CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "POST", paths[i]), 404);
        CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "OPTIONS", paths[i]), 404);
    }
    world_end(&w);
}

TEST(a_tenants_statements_carry_the_tenant)
{
    struct world w;
    if (!world_start(&w, play_tokens, quick_main)) {
        return;
    }
    CHECK_EQ_UINT(ask(&w, TENANT_TOKEN, "GET", "/v1/tenants?limit=5"), 200);
    CHECK_EQ_STR(w.seen, "token\nlist after= limit=5\nonly alice\n");
    w.seen[0] = '\0';
    CHECK_EQ_UINT(ask(&w, TENANT_TOKEN, "GET", "/v1/audit?tenant=alice&since=4000&limit=5"), 200);
    CHECK_EQ_STR(w.seen, "token\naudit tenant=alice after=0 since=5000 denied=0 newest=0 limit=5\n");
    w.seen[0] = '\0';
    CHECK_EQ_UINT(ask(&w, TENANT_TOKEN, "GET", "/v1/audit?tenant=alice&since=6000&limit=5"), 200);
    CHECK_EQ_STR(w.seen, "token\naudit tenant=alice after=0 since=6000 denied=0 newest=0 limit=5\n");
    w.seen[0] = '\0';
    CHECK_EQ_UINT(ask(&w, TENANT_TOKEN, "GET", "/v1/audit:search?tenant=alice&since=4000&limit=1"), 200);
    CHECK_EQ_STR(w.seen, "token\nsearch tenant=alice since=5000 limit=1\n");
    w.seen[0] = '\0';
    CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "GET", "/v1/tenants?limit=5"), 200);
    CHECK_EQ_STR(w.seen, "token\nlist after= limit=5\n");
    world_end(&w);
}

/* The whole of a PUT over a connection of its own. */
static unsigned put(struct world *w, const char *token, const char *more)
{
    static const char document[] = "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\n"
                                   "spec: {routes: [{name: a, host: a.example.com}]}\n";
    struct client c;
    char request[2048];
    unsigned status = 0;
    (void)snprintf(request, sizeof(request),
                   "PUT /v1/tenants/alice HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n"
                   "Connection: close\r\nContent-Length: %zu\r\n%s\r\n%s",
                   (unsigned)w->remote_port, token, strlen(document), more, document);
    if (remote_open(&c, w)) {
        client_send(&c, request);
        status = client_wait(&c, 1) ? c.status : 0;
    }
    client_close(&c);
    return status;
}

TEST(a_tenants_token_is_nothing_to_a_later_tenant_of_that_name)
{
    static const char *const paths[] = {"/v1/tenants/alice",
                                        "/v1/tenants/alice/routes",
                                        "/v1/tenants/alice/ca",
                                        "/v1/tenants/alice/env",
                                        "/v1/tenants/alice/policy",
                                        "/v1/tenants/alice/manifests",
                                        "/v1/tenants/alice/credentials",
                                        "/v1/tenants/alice/credentials/openai:prepare"};
    struct world w;
    if (!world_start(&w, play_tokens, quick_main)) {
        return;
    }
    CHECK_EQ_UINT(put(&w, TENANT_TOKEN, ""), 200);
    CHECK(strstr(w.seen, "expect=2 id=7 generation=9") != NULL);
    CHECK_EQ_UINT(put(&w, TENANT_TOKEN, "If-None-Match: *\r\n"), 412);
    CHECK_EQ_UINT(put(&w, ADMIN_TOKEN, ""), 200);
    said_id = 6;
    w.seen[0] = '\0';
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CHECK_EQ_UINT(ask(&w, TENANT_TOKEN, "GET", paths[i]), 404);
    }
    CHECK_EQ_UINT(put(&w, TENANT_TOKEN, ""), 404);
    w.absent = true;
    CHECK_EQ_UINT(put(&w, TENANT_TOKEN, ""), 404);
    CHECK(strstr(w.seen, "expect=") == NULL && strstr(w.seen, "ca ") == NULL);
    said_id = 7;
    world_end(&w);
}

TEST(every_request_is_asked_about_and_a_lookup_that_fails_lets_nobody_in)
{
    struct world w;
    struct client c;
    char fields[512];
    if (!world_start(&w, play_tokens, quick_main) || !remote_open(&c, &w)) {
        return;
    }
    (void)snprintf(fields, sizeof(fields), "Host: localhost:%u\r\nauthorization: bearer %s\r\n",
                   (unsigned)w.remote_port, ADMIN_TOKEN);
    CHECK_EQ_UINT(send_fields(&c, "GET", "/v1/tokens", fields), 200);
    CHECK_EQ_UINT(send_fields(&c, "GET", "/v1/tokens", fields), 200);
    CHECK_EQ_STR(w.seen, "token\ntokens\ntoken\ntokens\n");
    w.code = ipc_code(CB_EDB);
    w.seen[0] = '\0';
    CHECK_EQ_UINT(send_fields(&c, "GET", "/v1/tokens", fields), 503);
    CHECK(c.close_said && client_wait_closed(&c));
    CHECK_EQ_STR(w.seen, "token\n");
    client_close(&c);
    w.code = 0;
    CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "GET", "/v1/tokens"), 200);
    ipc_chan_free(w.store);
    w.store = NULL;
    CHECK_EQ_UINT(ask(&w, ADMIN_TOKEN, "GET", "/v1/tokens"), 503);
    world_end(&w);
}

TEST(another_host_and_a_page_in_a_browser_ask_nothing)
{
    static const struct {
        const char *fields; /* %u: the port */
        unsigned status;
    } cases[] = {
        {"Host: 127.0.0.1:%u\r\n", 200},
        {"Host: LOCALHOST:%u\r\n", 200},
        {"Host: 127.0.0.1\r\n", 421},
        {"Host: 127.0.0.1:%u0\r\n", 421},
        {"Host: 127.0.0.1:0%u\r\n", 421},
        {"Host: clawbox:%u\r\n", 421},
        {"Host: localhost.evil.example:%u\r\n", 421},
        {"Host: [::1]:%u\r\n", 421},
        {"Host: :%u\r\n", 421},
        {"Host: localhost:%u\r\nOrigin: http://localhost:%u\r\n", 403},
        {"Host: localhost:%u\r\nOrigin: null\r\n", 403},
        {"Host: localhost:%u\r\nSec-Fetch-Site: cross-site\r\n", 403},
        {"Host: localhost:%u\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n", 403},
        {"Host: localhost:%u\r\nSec-Fetch-Site: none\r\n", 200},
        {"Host: localhost:%u\r\nSec-Fetch-Site: same-origin\r\n", 200},
        {"Host: localhost:%u\r\nAuthorization: Bearer " ADMIN_TOKEN "\r\n", 401},
    };
    struct world w;
    if (!world_start(&w, play_tokens, quick_main)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client c;
        char port[8];
        char fields[512] = "Authorization: Bearer " ADMIN_TOKEN "\r\n";
        size_t len = strlen(fields);
        (void)snprintf(port, sizeof(port), "%u", (unsigned)w.remote_port);
        for (const char *at = cases[i].fields; *at != '\0'; at++) {
            bool number = at[0] == '%' && at[1] == 'u';
            len += (size_t)snprintf(fields + len, sizeof(fields) - len, "%.*s", number ? 7 : 1,
                                    number ? port : at);
            at += number ? 1 : 0;
        }
        w.seen[0] = '\0';
        if (remote_open(&c, &w) &&
            !CHECK_EQ_UINT(send_fields(&c, "GET", "/v1/tokens", fields), cases[i].status)) {
            printf("%s", cases[i].fields);
        }
        CHECK_EQ_STR(w.seen, cases[i].status == 200 ? "token\ntokens\n" : "");
        client_close(&c);
    }
    world_end(&w);
}

TEST(places_are_taken_from_those_who_have_shown_nothing)
{
    struct world w;
    struct client first;
    struct client idle[API_REMOTE_MAX];
    char fields[512];
    if (!world_start(&w, play_tokens, quick_main) || !remote_open(&first, &w)) {
        return;
    }
    (void)snprintf(fields, sizeof(fields), "Host: localhost:%u\r\nAuthorization: Bearer %s\r\n",
                   (unsigned)w.remote_port, ADMIN_TOKEN);
    CHECK_EQ_UINT(send_fields(&first, "GET", "/v1/tokens", fields), 200);
    /* Who has shown nothing keeps a place for some time, and then makes place for the next. */
    for (size_t i = 0; i < API_REMOTE_MAX; i++) {
        CHECK(remote_open(&idle[i], &w));
    }
    CHECK(client_wait_closed(&idle[0]));
    CHECK_EQ_UINT(send_fields(&first, "GET", "/v1/tokens", fields), 200);
    CHECK_EQ_UINT(send_fields(&idle[API_REMOTE_MAX - 1], "GET", "/v1/tokens", fields), 200);
    CHECK(!idle[API_REMOTE_MAX / 2].closed);
    for (size_t i = 0; i < API_REMOTE_MAX; i++) {
        client_close(&idle[i]);
    }
    client_close(&first);
    world_end(&w);
}

TEST(a_head_has_its_time_as_a_whole)
{
    struct world w;
    struct client c;
    if (!world_start(&w, play_tokens, hasty_main) || !remote_open(&c, &w)) {
        return;
    }
    client_send(&c, "GET /v1/tokens HTTP/1.1\r\nHost: ");
    CHECK(client_wait_closed(&c));
    CHECK_EQ_STR(w.seen, "");
    client_close(&c);
    world_end(&w);
}

TEST(a_token_is_shown_once_and_the_store_gets_its_hash)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *seen;
    } cases[] = {
        {"{\"name\":\"a\",\"scope\":\"admin\"}", 201, "create a 0  0\n"},
        {"{\"name\":\"a\",\"scope\":\"viewer\",\"expires_days\":3650}", 201, "create a 1  1\n"},
        {"{\"name\":\"a\",\"scope\":\"tenant:alice\",\"expires_days\":1}", 201, "create a 2 alice 1\n"},
        {"{\"name\":\"A\",\"scope\":\"admin\"}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"tenant:\"}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"tenant:A\"}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"Admin\"}", 422, ""},
        {"{\"name\":\"a\"}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"admin\",\"expires_days\":0}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"admin\",\"expires_days\":3651}", 422, ""},
        {"{\"name\":\"a\",\"scope\":\"admin\",\"more\":1}", 422, ""},
    };
    struct world w;
    struct client c;
    if (!world_start(&w, play_tokens, quick_main) || !client_open(&c, &w)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w.seen[0] = '\0';
        CHECK(client_ask(&c, "POST", "/v1/tokens", cases[i].body));
        if (!CHECK_EQ_UINT(c.status, cases[i].status)) {
            printf("%s\n", cases[i].body);
        }
        CHECK_EQ_STR(w.seen, cases[i].seen);
        CHECK_EQ_STR(c.location, c.status == 201 ? "/v1/tokens/a" : "");
        CHECK(client_body_has(&c, c.status == 201 ? "\"token\":\"cbxt_" : "urn:clawbox:problem:"));
    }
    CHECK(client_ask(&c, "DELETE", "/v1/tokens/one", NULL));
    CHECK_EQ_UINT(c.status, 204);
    CHECK(client_ask(&c, "DELETE", "/v1/tokens/One", NULL));
    CHECK_EQ_UINT(c.status, 404);
    CHECK_EQ_STR(w.seen, "delete token one\n");
    client_close(&c);
    world_end(&w);
}

TEST_MAIN()

/*
 * test_api_sessions.c - requests on the console's streams: who is nobody, who is an administrator, a token, a link; signing in, and how often that
 * can be tried.
 */
#include "api_world.h"

#include "tls/seal.h"

#define FILL   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
#define ADMIN  "cbxs_" FILL "1"
#define VIEWER "cbxs_" FILL "2"
#define TENANT "cbxs_" FILL "3"
#define LINK   "cbxs_" FILL "4"
#define OVER   "cbxs_" FILL "5"
#define DEVICE_DIGITS \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DEVICE "cbxd_" DEVICE_DIGITS
#define KEY    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define KDF                            \
    "01"                               \
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" \
    "00000004"                         \
    "00010000"

/* Whose sessions those are. */
static const struct {
    const char *session;
    struct ipc_session is;
} known[] = {
    {ADMIN, {.kind = IPC_SIGN_IN_PASSWORD, .scope = IPC_SCOPE_ADMIN}},
    {VIEWER, {.kind = IPC_SIGN_IN_PASSWORD, .scope = IPC_SCOPE_VIEWER}},
    {TENANT,
     {.kind = IPC_SIGN_IN_TOKEN, .scope = IPC_SCOPE_TENANT, .tenant_id = 7, .tenant_created_ms = 5000}},
    {LINK, {.kind = IPC_SIGN_IN_LINK, .scope = IPC_SCOPE_ADMIN}},
};

static bool wrong; /* what is shown at a sign-in */

static struct ipc_session session_of(struct span hash)
{
    uint8_t of[DIGEST_LEN];
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        digest_sha256_of(span_str(known[i].session), of);
        if (span_eq(hash, span_of(of, sizeof(of)))) {
            struct ipc_session m = known[i].is;
            m.name = m.kind == IPC_SIGN_IN_LINK ? SPAN_EMPTY : SPAN_LIT("ada");
            m.tenant = m.kind == IPC_SIGN_IN_TOKEN ? SPAN_LIT("alice") : SPAN_EMPTY;
            m.made_ms = 951782400007;
            m.ends_ms = 951782400008;
            return m;
        }
    }
    return (struct ipc_session){.code = ipc_code(CB_ENOTFOUND), .scope = IPC_SCOPE_VIEWER};
}

static int answer_created(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    static const uint8_t device[IPC_DEVICE_LEN] = {0xaa};
    struct ipc_session_create m;
    int r = ipc_get_session_create(in->payload, &m);
    world_note(w, "sign in %u %.*s %zu %zu\n", m.kind, SPAN_ARG(m.name), m.shown.len, m.hash.len);
    struct ipc_session answer = {.code = ipc_code(CB_EAUTHENTIC), .scope = IPC_SCOPE_VIEWER};
    if (!wrong) {
        answer = (struct ipc_session){.kind = m.kind,
                                      .name = m.kind == IPC_SIGN_IN_LINK ? SPAN_EMPTY : SPAN_LIT("ada"),
                                      .scope = IPC_SCOPE_ADMIN};
        answer.device = span_of(device, m.kind == IPC_SIGN_IN_PASSWORD ? sizeof(device) : 0);
    }
    return r == 0 ? ipc_send_session(chan, in->call, &answer) : r;
}

static int answer_how(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    static const uint8_t kdf[IPC_KDF_LEN] = {1};
    struct ipc_sign_in_get m;
    int r = ipc_get_sign_in_get(in->payload, &m);
    world_note(w, "how %.*s %zu\n", SPAN_ARG(m.name), m.device.len);
    struct ipc_sign_in_how answer = {.kdf = span_of(kdf, sizeof(kdf)), .known = m.device.len != 0};
    return r == 0 ? ipc_send_sign_in_how(chan, in->call, &answer) : r;
}

static int play_people(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_session_check check;
    struct ipc_session_delete gone;
    struct ipc_session_key key;
    struct ipc_administrator_put put;
    struct ipc_session m;
    struct ipc_done done = {.code = w->code};
    int r;
    switch (in->msg) {
    case IPC_MSG_SESSION_CHECK:
        r = ipc_get_session_check(in->payload, &check);
        m = session_of(check.hash);
        return r == 0 ? ipc_send_session(chan, in->call, &m) : r;
    case IPC_MSG_SESSION_CREATE:
        return answer_created(w, chan, in);
    case IPC_MSG_SIGN_IN_GET:
        return answer_how(w, chan, in);
    case IPC_MSG_SESSION_ROTATE:
        world_note(w, "rotate\n");
        return ipc_send_done(chan, in->call, &done);
    case IPC_MSG_SESSION_DELETE:
        r = ipc_get_session_delete(in->payload, &gone);
        world_note(w, "end all=%d\n", gone.all);
        return r == 0 ? ipc_send_done(chan, in->call, &done) : r;
    case IPC_MSG_SESSION_KEY:
        r = ipc_get_session_key(in->payload, &key);
        world_note(w, "key %zu %zu %zu %zu by %.*s\n", key.hash.len, key.current.len, key.kdf.len,
                   key.key.len, SPAN_ARG(key.by));
        return r == 0 ? ipc_send_done(chan, in->call, &done) : r;
    case IPC_MSG_ADMINISTRATOR_PUT:
        r = ipc_get_administrator_put(in->payload, &put);
        world_note(w, "put %.*s %u %zu %zu link=%zu by %.*s\n", SPAN_ARG(put.name), put.scope, put.kdf.len,
                   put.key.len, put.link.len, SPAN_ARG(put.by));
        return r == 0 ? ipc_send_done(chan, in->call, &done) : r;
    case IPC_MSG_LINK_CREATE:
        world_note(w, "link\n");
        return ipc_send_done(chan, in->call, &done);
    case IPC_MSG_TENANT_SUSPEND:
    case IPC_MSG_TOKEN_DELETE:
        return ipc_send_done(chan, in->call, &done);
    default:
        return play_script(w, chan, in);
    }
}

static int quick_main(void)
{
    static struct api api = {.idle_ms = 20000, .deadline_ms = 20000, .head_ms = 20000, .wrong_ms = 20};
    return api_run(&api);
}

/* ---- the console ---- */

static struct ipc_chan *console;

static int on_console(void *arg, struct ipc_in *in)
{
    (void)arg;
    (void)in;
    return CB_EPERM;
}

static void on_console_closed(void *arg, int code)
{
    (void)arg;
    (void)code;
}

static const struct ipc_chan_handler console_handler = {.on_message = on_console,
                                                        .on_closed = on_console_closed};

static bool people_start(struct world *w)
{
    int fds[2];
    wrong = false;
    if (!world_start(w, play_people, quick_main) || !CHECK_EQ_INT(ipc_pair(fds), 0)) {
        return false;
    }
    CHECK_EQ_INT(ipc_chan_open(w->loop, fds[0], IPC_CHANNEL_PEER, IPC_ROLE_CONSOLE, IPC_ROLE_API, false,
                               &console_handler, w, &console),
                 0);
    struct ipc_peer peer = {.role = IPC_ROLE_CONSOLE};
    return CHECK_EQ_INT(ipc_send_peer(w->life, 0, &peer, fds[1]), 0);
}

static void people_end(struct world *w)
{
    ipc_chan_free(console);
    console = NULL;
    world_end(w);
}

/* A stream as the console makes one. */
static bool stream_open(struct client *c, struct world *w)
{
    int fds[2];
    if (!CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0)) {
        return false;
    }
    *c = (struct client){.w = w, .parser = http_parser_new_response()};
    buf_init(&c->held, (size_t)64 << 20);
    buf_init(&c->body, (size_t)64 << 20);
    CHECK_EQ_INT(ipc_send_console_stream(console, 0, &(struct ipc_console_stream){.serial = 1}, fds[1]), 0);
    if (!CHECK_EQ_INT(net_conn_open(w->loop, fds[0], &client_handler, c, &c->conn), 0)) {
        return false;
    }
    net_conn_read(c->conn, true);
    return true;
}

/* One request with that session (NULL: none); the status. */
static unsigned ask(struct client *c, const char *session, const char *method, const char *path,
                    const char *body)
{
    char fields[128];
    (void)snprintf(fields, sizeof(fields), "%s%s%s", session != NULL ? "Authorization: Bearer " : "",
                   session != NULL ? session : "", session != NULL ? "\r\n" : "");
    return client_ask_with(c, method, path, fields, body) ? c->status : 0;
}

#define PASSWORD "{\"kind\":\"password\",\"name\":\"ada\",\"key\":\"" KEY "\"}"

TEST(nobody_may_sign_in_and_nothing_else)
{
    static const char *const paths[] = {"/v1/tenants", "/v1/tenants/alice", "/v1/session",       "/v1/tokens",
                                        "/v1/audit",   "/v1/status",        "/v1/administrators"};
    struct world w;
    struct client c;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CHECK_EQ_UINT(ask(&c, NULL, "GET", paths[i], NULL), 401);
    }
    CHECK_EQ_UINT(ask(&c, NULL, "DELETE", "/v1/session", NULL), 401);
    CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sign-in-links", NULL), 401);
    CHECK_EQ_UINT(ask(&c, NULL, "PUT", "/v1/administrators/ada", "{}"), 401);
    CHECK_EQ_STR(w.seen, "");
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/sign-in/ada", NULL), 200);
    CHECK(client_body_has(&c, "\"kdf\":\"01000000"));
    CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sessions", PASSWORD), 201);
    CHECK_EQ_STR(w.seen, "how ada 0\nsign in 0 ada 32 32\n");
    CHECK(client_body_has(&c, "\"session\":\"cbxs_"));
    CHECK(client_body_has(&c, "\"device\":\"cbxd_aa00"));
    CHECK(client_body_has(&c, "\"name\":\"ada\",\"by\":\"admin:ada\",\"scope\":\"admin\",\"first\":false"));
    client_close(&c);
    people_end(&w);
}

TEST(a_session_that_is_none_is_refused_before_the_request_is_read)
{
    static const char *const sessions[] = {OVER, "cbxs_short", "cbxt_" FILL "1", "x"};
    struct world w;
    struct client c;
    if (!people_start(&w)) {
        return;
    }
    for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        if (stream_open(&c, &w)) {
            CHECK_EQ_UINT(ask(&c, sessions[i], "GET", "/v1/sign-in/ada", NULL), 401);
            client_close(&c);
        }
    }
    CHECK_EQ_STR(w.seen, "");
    people_end(&w);
}

TEST(whose_session_it_is_decides_what_may_be_done)
{
    static const struct {
        const char *session;
        const char *method;
        const char *path;
        unsigned status;
    } cases[] = {
        {ADMIN, "GET", "/v1/tenants/alice", 200},
        {ADMIN, "POST", "/v1/tenants/alice:suspend", 204},
        {ADMIN, "POST", "/v1/sign-in-links", 201},
        {ADMIN, "GET", "/v1/session", 200},
        {VIEWER, "GET", "/v1/tenants/alice", 200},
        {VIEWER, "POST", "/v1/tenants/alice:suspend", 403},
        {VIEWER, "GET", "/v1/administrators", 403},
        {VIEWER, "POST", "/v1/sign-in-links", 403},
        {VIEWER, "GET", "/v1/session", 200},
        {VIEWER, "DELETE", "/v1/session", 204},
        {TENANT, "GET", "/v1/tenants/alice", 200},
        {TENANT, "GET", "/v1/tenants/bob", 403},
        {TENANT, "GET", "/v1/administrators", 403},
        {TENANT, "GET", "/v1/session", 200},
        {TENANT, "DELETE", "/v1/sessions", 204},
        {LINK, "GET", "/v1/tenants/alice", 403},
        {LINK, "GET", "/v1/administrators", 403},
        {LINK, "POST", "/v1/sign-in-links", 403},
        {LINK, "DELETE", "/v1/administrators/ada", 403},
        {LINK, "DELETE", "/v1/sessions", 403},
        {LINK, "GET", "/v1/session", 200},
        {LINK, "DELETE", "/v1/session", 204},
    };
    struct world w;
    struct client c;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* One after the other on the same connection: nothing of one is left for the next. */
        if (!CHECK_EQ_UINT(ask(&c, cases[i].session, cases[i].method, cases[i].path, NULL),
                           cases[i].status)) {
            printf("    %s %s\n", cases[i].method, cases[i].path);
        }
    }
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/session", NULL), 401);
    CHECK_EQ_UINT(ask(&c, LINK, "GET", "/v1/session", NULL), 200);
    CHECK(client_body_has(&c, "{\"name\":\"\",\"by\":\"link\",\"scope\":\"admin\",\"first\":true,"));
    CHECK_EQ_UINT(ask(&c, TENANT, "GET", "/v1/session", NULL), 200);
    CHECK(client_body_has(
        &c, "{\"name\":\"ada\",\"by\":\"token:ada\",\"scope\":\"tenant:alice\",\"first\":false,"));
    client_close(&c);
    people_end(&w);
}

TEST(who_does_it_goes_to_the_store)
{
    static const char body[] = "{\"scope\":\"viewer\",\"kdf\":\"" KDF "\",\"key\":\"" KEY "\"}";
    static const char key[] = "{\"current\":\"" KEY "\",\"kdf\":\"" KDF "\",\"key\":\"" KEY "\"}";
    struct world w;
    struct client c;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    CHECK_EQ_UINT(ask(&c, ADMIN, "PUT", "/v1/administrators/val", body), 204);
    CHECK_EQ_UINT(ask(&c, LINK, "PUT", "/v1/administrators/val", body), 204);
    CHECK_EQ_UINT(ask(&c, VIEWER, "PUT", "/v1/administrators/val", body), 403);
    CHECK_EQ_UINT(ask(&c, VIEWER, "PUT", "/v1/session/key", key), 204);
    CHECK_EQ_UINT(ask(&c, LINK, "PUT", "/v1/session/key", key), 403);
    CHECK_EQ_UINT(ask(&c, TENANT, "POST", "/v1/session:rotate", NULL), 201);
    CHECK(client_body_has(&c, "{\"session\":\"cbxs_"));
    CHECK_EQ_UINT(ask(&c, TENANT, "DELETE", "/v1/sessions", NULL), 204);
    CHECK_EQ_STR(w.seen, "put val 1 25 32 link=0 by admin:ada\nput val 1 25 32 link=32 by link\n"
                         "key 32 32 25 32 by admin:ada\nrotate\nend all=1\n");
    w.code = ipc_code(CB_EAUTHENTIC);
    CHECK_EQ_UINT(ask(&c, VIEWER, "PUT", "/v1/session/key", key), 403);
    CHECK(client_body_has(&c, "The current password is another one."));
    w.code = ipc_code(CB_ECONFLICT);
    CHECK_EQ_UINT(ask(&c, VIEWER, "POST", "/v1/session:rotate", NULL), 409);
    client_close(&c);
    people_end(&w);
}

TEST(what_is_shown_is_looked_at_first)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *seen;
    } cases[] = {
        {"{\"kind\":\"token\",\"token\":\"cbxt_" FILL "1\"}", 201, "sign in 1  32 32\n"},
        {"{\"kind\":\"link\",\"link\":\"cbxl_" FILL "1\"}", 201, "sign in 2  32 32\n"},
        {"{\"kind\":\"token\",\"token\":\"cbxl_" FILL "1\"}", 401, ""},
        {"{\"kind\":\"link\",\"link\":\"x\"}", 401, ""},
        {"{\"kind\":\"link\"}", 422, ""},
        {"{\"kind\":\"sesame\"}", 422, ""},
        {"{\"name\":\"ada\"}", 422, ""},
        {"{\"kind\":\"password\",\"name\":\"Ada\",\"key\":\"" KEY "\"}", 422, ""},
        {"{\"kind\":\"password\",\"name\":\"ada\",\"key\":\"00\"}", 422, ""},
        {"{\"kind\":\"password\",\"name\":\"ada\",\"key\":\"" KEY "\",\"device\":\"x\"}", 400, ""},
        {"[]", 400, ""},
    };
    struct world w;
    struct client c;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w.seen[0] = '\0';
        if (!CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sessions", cases[i].body), cases[i].status) ||
            !CHECK_EQ_STR(w.seen, cases[i].seen)) {
            printf("    %s\n", cases[i].body);
        }
    }
    client_close(&c);
    people_end(&w);
}

TEST(strangers_run_out_of_tries_and_the_administrators_device_does_not)
{
    static const char with_device[] =
        "{\"kind\":\"password\",\"name\":\"ada\",\"key\":\"" KEY "\",\"device\":\"" DEVICE "\"}";
    struct world w;
    struct client c;
    unsigned tries = 0;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    wrong = true;
    while (tries < 100 && ask(&c, NULL, "POST", "/v1/sessions", PASSWORD) == 401) {
        tries++;
    }
    CHECK_EQ_UINT(c.status, 429);
    CHECK(tries >= 10 && tries <= 12); /* some seconds may pass meanwhile */
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/sign-in/ada", NULL), 429);
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/sign-in/bob", NULL), 200);
    wrong = false;
    CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sessions", PASSWORD), 429);
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/sign-in/ada?device=" DEVICE, NULL), 200);
    CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sessions", with_device), 201);
    CHECK_EQ_UINT(ask(&c, NULL, "GET", "/v1/sign-in/ada?device=cbxd_00", NULL), 400);
    /* Tokens and links have nothing that could be guessed. */
    CHECK_EQ_UINT(ask(&c, NULL, "POST", "/v1/sessions", "{\"kind\":\"link\",\"link\":\"cbxl_" FILL "1\"}"),
                  201);
    client_close(&c);
    people_end(&w);
}

/* Who has a session gets another one for the asking: it is the administrator whose password is guessed. */
TEST(another_session_has_no_tries_of_its_own)
{
    static const char change[] = "{\"current\":\"" KEY "\",\"kdf\":\"" KDF "\",\"key\":\"" KEY "\"}";
    struct world w;
    struct client c;
    unsigned tries = 0;
    if (!people_start(&w) || !stream_open(&c, &w)) {
        return;
    }
    w.code = ipc_code(CB_EAUTHENTIC);
    while (tries < 100 && ask(&c, ADMIN, "PUT", "/v1/session/key", change) == 403) {
        tries++;
    }
    CHECK_EQ_UINT(c.status, 429);
    CHECK(tries >= 10 && tries <= 12);
    CHECK_EQ_UINT(ask(&c, VIEWER, "PUT", "/v1/session/key", change), 429); /* hers as well */
    client_close(&c);
    people_end(&w);
}

TEST_MAIN()

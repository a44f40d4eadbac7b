/* test_api_life.c - connections of the role `api` over their life, and peers and clients that go away. */
#include "api_world.h"

/* ---- HTTP ---- */

TEST(pipelined_requests_are_answered_in_order)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    client_send(
        &c,
        "GET /v1/tenants HTTP/1.1\r\nHost: x\r\n\r\nDELETE /v1/tenants/alice HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client_wait(&c, 2));
    CHECK_EQ_INT(c.status, 204);
    CHECK_EQ_STR(w.seen, "list after= limit=100\ndelete alice\n");
    client_close(&c);
    CHECK(client_open(&c, &w));
    http_parser_set_head_request(c.parser, true);
    client_send(&c, "HEAD /v1/audit HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client_wait(&c, 1));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(c.type, "application/jsonl");
    CHECK(client_ask(&c, "GET", "/v1/audit", NULL)); /* no body was left in the way */
    CHECK_EQ_INT(c.status, 200);
    end(&w, &c);
}

TEST(connections_end_when_the_client_says_so)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    client_send(&c, "GET /v1/tenants HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(client_wait(&c, 1) && client_wait_closed(&c));
    CHECK(c.status == 200 && c.close_said);
    client_close(&c);
    CHECK(client_open(&c, &w));
    client_send(&c, "GET /v1/tenants HTTP/1.0\r\n\r\n");
    CHECK(client_wait(&c, 1) && client_wait_closed(&c));
    CHECK_EQ_INT(c.status, 200);
    client_close(&c);
    CHECK(client_open(&c, &w));
    client_send(
        &c,
        "POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    while (c.interims == 0 && !c.closed && !w.late) {
        net_loop_run(w.loop);
    }
    client_send(&c, "{}");
    CHECK(client_wait(&c, 1));
    CHECK_EQ_INT(c.status, 422);
    end(&w, &c);
}

static int run_impatient(void)
{
    static struct api api = {.idle_ms = 20};
    return api_run(&api);
}

TEST(idle_connections_are_closed)
{
    struct world w;
    struct client c;
    if (!world_start(&w, play_silent, run_impatient) || !client_open(&c, &w)) {
        return;
    }
    CHECK(client_wait_closed(&c));
    CHECK_EQ_INT(c.answers, 0);
    client_close(&c);
    /* Half a request is idle too. */
    CHECK(client_open(&c, &w));
    client_send(&c, "GET /v1/ten");
    CHECK(client_wait_closed(&c));
    CHECK_EQ_INT(c.answers, 0);
    end(&w, &c);
}

TEST(at_most_64_connections)
{
    struct world w;
    static struct client clients[API_CONNS_MAX];
    struct client late;
    if (!world_start(&w, play_script, api_main)) {
        return;
    }
    for (size_t i = 0; i < API_CONNS_MAX; i++) {
        CHECK(client_open(&clients[i], &w) && client_ask(&clients[i], "GET", "/v1/audit", NULL));
    }
    CHECK(client_open(&late, &w));
    client_send(&late, "GET /v1/audit HTTP/1.1\r\nHost: x\r\n\r\n");
    for (size_t i = 0; i < API_CONNS_MAX; i++) {
        CHECK(client_ask(&clients[i], "GET", "/v1/audit", NULL));
    }
    CHECK_EQ_INT(late.answers, 0);
    client_close(&clients[17]);
    CHECK(client_wait(&late, 1));
    CHECK_EQ_INT(late.status, 200);
    for (size_t i = 0; i < API_CONNS_MAX; i++) {
        client_close(&clients[i]);
    }
    end(&w, &late);
}

TEST(other_users_are_refused)
{
    struct world w;
    if (getuid() != 0) {
        SKIP("only root can become somebody else");
        return;
    }
    if (!world_start(&w, play_script, api_main)) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char answer[4096];
        size_t len = 0;
        ssize_t got;
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", w.path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (setuid(65534) != 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
            _exit(1);
        }
        (void)!write(fd, "GET /v1/tenants HTTP/1.1\r\nHost: x\r\n\r\n", 38);
        while (len < sizeof(answer) - 1 && (got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0) {
            len += (size_t)got;
        }
        answer[len] = '\0';
        _exit(strncmp(answer, "HTTP/1.1 403 Forbidden\r\n", 24) == 0 && strstr(answer, "for root") != NULL
                  ? 0
                  : 2);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ_INT(status, 0);
    CHECK_EQ_STR(w.seen, "");
    world_end(&w);
}

/* ---- peers and clients that go away ---- */

/* Asks until a peer that was just given has arrived: nothing tells when it has. */
static void check_served_again(struct client *c, const char *path)
{
    unsigned tries = 0;
    do {
        tries++;
    } while (CHECK(client_ask(c, "GET", path, NULL)) && c->status == 503 && tries < 100000);
    CHECK_EQ_INT(c->status, 200);
}

TEST(without_store_or_vault)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    ipc_chan_free(w.store);
    w.store = NULL;
    CHECK(client_ask(&c, "GET", "/v1/tenants", NULL));
    CHECK_EQ_INT(c.status, 503);
    CHECK(client_body_has(&c, "The store is not available"));
    world_give_peer(&w, IPC_ROLE_STORE);
    check_served_again(&c, "/v1/tenants");
    ipc_chan_free(w.vault);
    w.vault = NULL;
    CHECK(client_ask(&c, "GET", "/v1/tenants/alice/env", NULL));
    CHECK_EQ_INT(c.status, 503);
    CHECK(client_body_has(&c, "The vault is not available"));
    CHECK(client_ask(&c, "GET", "/v1/tenants/alice/credentials/openai:prepare", NULL));
    CHECK_EQ_INT(c.status, 503);
    world_give_peer(&w, IPC_ROLE_VAULT);
    check_served_again(&c, "/v1/tenants/alice/env");
    end(&w, &c);
}

TEST(a_store_that_dies_or_is_replaced_during_a_call)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (int round = 0; round < 2; round++) {
        w.play = play_silent;
        w.asked = false;
        client_send(&c, "GET /v1/tenants HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(world_wait(&w, &w.asked));
        if (round == 0) {
            ipc_chan_free(w.store);
            w.store = NULL;
        } else {
            world_give_peer(&w, IPC_ROLE_STORE);
        }
        CHECK(client_wait(&c, c.answers + 1));
        CHECK_EQ_INT(c.status, 503);
        if (round == 0) {
            world_give_peer(&w, IPC_ROLE_STORE);
        }
        w.play = play_script;
        check_served_again(&c, "/v1/tenants");
    }
    end(&w, &c);
}

/* Answers with something else than was asked for. */
static int play_wrong(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_audit_verified verified = {
        .last_seq = 0, .more = true, .hash = span_of(hash_one, IPC_HASH_LEN)};
    struct ipc_tenant_page page = {.tenants = SPAN_LIT("\0\0\0\1garbage")};
    (void)w;
    switch (in->msg) {
    case IPC_MSG_AUDIT_VERIFY: /* a slice that does not go on */
        return ipc_send_audit_verified(chan, in->call, &verified);
    case IPC_MSG_TENANT_LIST: /* a list that is none */
        return ipc_send_tenant_page(chan, in->call, &page);
    default: /* another message */
        return ipc_send_tenants_applied(chan, in->call, &(struct ipc_tenants_applied){.code = 0});
    }
}

TEST(a_store_that_answers_nonsense_is_dropped)
{
    static const char *const paths[] = {"/v1/audit:verify", "/v1/tenants", "/v1/tenants/alice"};
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        w.play = play_wrong;
        w.store_closed = false;
        CHECK(client_ask(&c, "GET", paths[i], NULL));
        CHECK_EQ_INT(c.status, 503);
        CHECK(world_wait(&w, &w.store_closed));
        world_give_peer(&w, IPC_ROLE_STORE);
        w.play = play_script;
        check_served_again(&c, paths[i]);
    }
    end(&w, &c);
}

TEST(a_client_that_goes_during_a_call)
{
    struct world w;
    struct client gone;
    struct client c;
    if (!begin(&w, &gone)) {
        return;
    }
    w.play = play_silent;
    client_send(&gone, "GET /v1/tenants HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/ten");
    CHECK(world_wait(&w, &w.asked));
    uint32_t call = w.pending_call;
    client_close(&gone);
    /* Somebody else is served meanwhile; then the answer comes that nobody waits for. */
    w.play = play_script;
    CHECK(client_open(&c, &w) && client_ask(&c, "GET", "/v1/audit", NULL));
    CHECK_EQ_INT(c.status, 200);
    struct ipc_in in = {.call = call};
    CHECK_EQ_INT(answer_page(w.store, &in), 0);
    CHECK(client_ask(&c, "GET", "/v1/tenants", NULL));
    CHECK_EQ_INT(c.status, 200);
    /* And one that goes in the middle of its body. */
    CHECK(client_open(&gone, &w));
    client_send(&gone, "POST /v1/tenants:apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    client_close(&gone);
    CHECK(client_ask(&c, "GET", "/v1/tenants", NULL));
    CHECK_EQ_INT(c.status, 200);
    end(&w, &c);
}

TEST(a_request_under_way_is_finished_before_the_stop)
{
    struct world w;
    struct client c;
    struct client idle;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_open(&idle, &w) && client_ask(&idle, "GET", "/v1/audit", NULL));
    w.play = play_silent;
    client_send(&c, "GET /v1/tenants HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(world_wait(&w, &w.asked));
    CHECK_EQ_INT(ipc_send_stop(w.life, 0, &(struct ipc_stop){.grace_ms = 20000}), 0);
    CHECK(client_wait_closed(&idle));
    struct ipc_in in = {.call = w.pending_call};
    CHECK_EQ_INT(answer_page(w.store, &in), 0);
    CHECK(client_wait(&c, 1));
    CHECK(c.status == 200 && c.close_said);
    CHECK(world_wait(&w, &w.life_closed));
    client_close(&idle);
    end(&w, &c);
}

/* test_api_grants.c - the rest of test_api_denials: what a grant is asked for with, what is never asked of the store, and the list. */
#include "api_world.h"

#include "policy/grants.h"

#define PATH "/v1/tenants/alice/grants"

static int play_grants(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_grant_create create;
    struct ipc_grants_get get;
    struct ipc_grant_delete gone;
    struct buf list;
    int r = CB_EPERM;
    buf_init(&list, IPC_GRANTS_MAX);
    if (in->msg == IPC_MSG_GRANT_CREATE && (r = ipc_get_grant_create(in->payload, &create)) == 0) {
        world_note(w, "grant %.*s %u %.*s:%u %.*s %.*s for %llu once %d%s by %.*s\n", SPAN_ARG(create.tenant),
                   create.scheme, SPAN_ARG(create.host), create.port, SPAN_ARG(create.method),
                   SPAN_ARG(create.path), (unsigned long long)create.for_ms, create.once,
                   create.websocket ? " websocket" : "", SPAN_ARG(create.by));
        r = ipc_send_grant_created(
            chan, in->call,
            &(struct ipc_grant_created){
                .code = w->code, .grant = 17, .until_ms = 951782400007, .why = span_str(w->why)});
    } else if (in->msg == IPC_MSG_GRANTS_GET && (r = ipc_get_grants_get(in->payload, &get)) == 0) {
        world_note(w, "grants %.*s\n", SPAN_ARG(get.tenant));
        struct writer out = writer_to(&list);
        size_t at = ipc_list_begin(&out);
        for (uint8_t i = 0; i < 2; i++) {
            policy_grant_write(&out, &(struct policy_grant){.id = (uint64_t)17 + i,
                                                            .scheme = (enum spec_scheme)i,
                                                            .host = SPAN_LIT("x.example"),
                                                            .port = 443,
                                                            .method = SPAN_LIT("GET"),
                                                            .path = SPAN_LIT("/a/*"),
                                                            .until_ms = 951782400007,
                                                            .uses_left = i == 0 ? POLICY_GRANT_ANY : 1,
                                                            .websocket = i != 0});
            writer_u64(&out, 951782400006);
            ipc_write_text(&out, SPAN_LIT("admin:root"), IPC_BY_MAX);
        }
        ipc_list_end(&out, at, 2);
        r = ipc_send_grants(chan, in->call, &(struct ipc_grants){.code = w->code, .grants = buf_span(&list)});
    } else if (in->msg == IPC_MSG_GRANT_DELETE && (r = ipc_get_grant_delete(in->payload, &gone)) == 0) {
        world_note(w, "take back %.*s %llu by %.*s\n", SPAN_ARG(gone.tenant), (unsigned long long)gone.grant,
                   SPAN_ARG(gone.by));
        r = ipc_send_done(chan, in->call, &(struct ipc_done){.code = w->code, .why = span_str(w->why)});
    }
    buf_deinit(&list);
    return r;
}

TEST(a_grant_says_what_and_for_how_long)
{
    struct world w;
    struct client c;
    if (!world_start(&w, play_grants, api_main) || !client_open(&c, &w)) {
        return;
    }
    CHECK(client_ask(&c, "POST", PATH,
                     "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/a/*\",\"seconds\":3600}"));
    CHECK_EQ_INT(c.status, 201);
    CHECK_EQ_STR(c.location, PATH "/17");
    CHECK(client_body_has(&c, "{\"id\":17,\"until\":\"2000-02-29T00:00:00.007Z\"}\n"));
    CHECK(client_ask(
        &c, "POST", PATH,
        "{\"scheme\":\"http\",\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1}"));
    CHECK_EQ_INT(c.status, 201);
    CHECK(client_ask(
        &c, "POST", PATH,
        "{\"host\":\"x.example\",\"port\":8443,\"method\":\"GET\",\"path\":\"/**\",\"uses\":1,\"seconds\":60,\"websocket\":true}"));
    CHECK_EQ_INT(c.status, 201);
    CHECK_EQ_STR(w.seen, "grant alice 0 x.example:443 GET /a/* for 3600000 once 0 by socket\n"
                         "grant alice 1 x.example:80 GET / for 86400000 once 1 by socket\n"
                         "grant alice 0 x.example:8443 GET /** for 60000 once 1 websocket by socket\n");
    w.code = (uint32_t)-CB_ELIMIT;
    w.why = "too many";
    CHECK(client_ask(&c, "POST", PATH,
                     "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1}"));
    CHECK_EQ_INT(c.status, 422);
    CHECK(client_body_has(&c, "too many"));
    end(&w, &c);
}

TEST(what_cannot_be_granted_is_not_asked_for)
{
    struct world w;
    struct client c;
    if (!world_start(&w, play_grants, api_main) || !client_open(&c, &w)) {
        return;
    }
    static const char *const wrong[] = {
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"seconds\":0}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"seconds\":604801}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"seconds\":18446744073709551615}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"seconds\":\"5\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":2}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":0}",
        "{\"host\":\"*.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1}",
        "{\"host\":\"X.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1}",
        "{\"host\":\"x.example\",\"method\":\"CONNECT\",\"path\":\"/\",\"uses\":1}",
        "{\"host\":\"x.example\",\"method\":\"get\",\"path\":\"/\",\"uses\":1}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"\",\"uses\":1}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/a/../b\",\"uses\":1}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1,\"port\":0}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1,\"credential\":\"key\"}",
        "{\"host\":\"x.example\",\"method\":\"POST\",\"path\":\"/\",\"uses\":1,\"websocket\":true}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1,\"websocket\":\"true\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"uses\":1,\"websocket\":{}}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(client_ask(&c, "POST", PATH, wrong[i]));
        if (!CHECK_EQ_INT(c.status, 422)) {
            printf("%s\n", wrong[i]);
        }
    }
    static const char *const numbers[] = {"0", "x", "-1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), PATH "/%s", numbers[i]);
        CHECK(client_ask(&c, "DELETE", target, NULL));
        CHECK_EQ_INT(c.status, 404);
    }
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

TEST(grants_are_listed_and_taken_back)
{
    struct world w;
    struct client c;
    if (!world_start(&w, play_grants, api_main) || !client_open(&c, &w)) {
        return;
    }
    CHECK(client_ask(&c, "GET", PATH, NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK(client_body_has(
        &c,
        "{\"grants\":[{\"id\":17,\"scheme\":\"https\",\"host\":\"x.example\",\"port\":443,\"method\":\"GET\","
        "\"path\":\"/a/*\",\"websocket\":false,\"until\":\"2000-02-29T00:00:00.007Z\",\"uses_left\":null,"
        "\"created\":\"2000-02-29T00:00:00.006Z\",\"by\":\"admin:root\"},{\"id\":18,\"scheme\":\"http\","));
    CHECK(client_body_has(&c, "\"websocket\":true,\"until\":\"2000-02-29T00:00:00.007Z\",\"uses_left\":1,"));
    CHECK(client_ask(&c, "DELETE", PATH "/17", NULL));
    CHECK_EQ_INT(c.status, 204);
    CHECK_EQ_STR(w.seen, "grants alice\ntake back alice 17 by socket\n");
    w.code = (uint32_t)-CB_ENOTFOUND;
    w.why = "no grant";
    CHECK(client_ask(&c, "GET", PATH, NULL));
    CHECK_EQ_INT(c.status, 404);
    CHECK(client_ask(&c, "DELETE", PATH "/17", NULL));
    CHECK_EQ_INT(c.status, 404);
    end(&w, &c);
}

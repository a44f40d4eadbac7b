/* test_api_health.c - the health listener: what it answers, what it says is missing, and what cannot be reached by it. */
#include "api_world.h"

#include "base/clock.h"
#include "policy/verdict.h"
#include "store/client.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

/* What store and monitor say; each test changes what it is about. */
static struct {
    uint32_t audit_code;
    const char *missing; /* of alice's two credentials */
    uint64_t ca_ends_ms;
    struct ipc_status status;
    uint32_t vaults;
} said;

static void say_all_is_well(void)
{
    said.audit_code = 0;
    said.missing = "";
    said.ca_ends_ms = clock_wall_ms() + 100 * DAY_MS;
    said.vaults = 1;
    said.status = (struct ipc_status){.version = SPAN_LIT("1.2\"3"),
                                      .started_ms = 951782400007,
                                      .tenants = 1,
                                      .active = 1,
                                      .wanted = 1,
                                      .loaded = true};
}

static int send_status(struct world *w)
{
    struct buf roles;
    buf_init(&roles, 512);
    struct writer out = writer_to(&roles);
    size_t at = ipc_list_begin(&out);
    for (unsigned i = 0; i < 2; i++) {
        writer_u8(&out, i == 0 ? IPC_ROLE_STORE : IPC_ROLE_VAULT);
        writer_u32(&out, i == 0 ? 1 : said.vaults);
        writer_u32(&out, 7);
        writer_u32(&out, 0);
        writer_u64(&out, 5 * (uint64_t)i);
    }
    ipc_list_end(&out, at, 2);
    said.status.roles = buf_span(&roles);
    int r = ipc_send_status(w->life, 0, &said.status);
    ipc_chan_flush(w->life);
    buf_deinit(&roles);
    return r;
}

static int answer_health(struct ipc_chan *chan, const struct ipc_in *in)
{
    struct buf list;
    buf_init(&list, 4096);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    bool lacks = said.missing[0] != '\0';
    ipc_write_text(&out, SPAN_LIT("alice"), IPC_NAME_MAX);
    writer_u32(&out, 2);
    writer_u32(&out, lacks ? 1 : 2);
    ipc_write_text(&out, span_str(said.missing), IPC_NAME_MAX);
    writer_u64(&out, said.ca_ends_ms);
    writer_u64(&out, 0);
    ipc_list_end(&out, at, 1);
    struct ipc_health m = {.audit_code = said.audit_code,
                           .audit_seq = 41,
                           .audit_failures = 2,
                           .audit_lost = 1,
                           .tenants = buf_span(&list)};
    int r = ipc_send_health(chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

static int answer_counters(struct ipc_chan *chan, const struct ipc_in *in)
{
    struct buf list;
    buf_init(&list, 4096);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    ipc_write_text(&out, SPAN_LIT("alice"), IPC_NAME_MAX);
    size_t reasons = ipc_list_begin(&out);
    writer_u8(&out, POLICY_REASON_ROUTE);
    writer_u64(&out, 3);
    writer_u8(&out, POLICY_REASON_NO_ROUTE);
    writer_u64(&out, 2);
    ipc_list_end(&out, reasons, 2);
    writer_u64(&out, 100);
    writer_u64(&out, 200);
    writer_u64(&out, 6);
    writer_u64(&out, 1900);
    writer_u64(&out, 77);
    for (size_t i = 0; i < STORE_COUNT_BOUNDS; i++) {
        writer_u64(&out, i == 0 || i == 2 ? 1 : 0);
    }
    writer_u64(&out, 61500000);
    writer_u64(&out, 3);
    ipc_list_end(&out, at, 1);
    struct ipc_counters m = {.counters = buf_span(&list)};
    int r = ipc_send_counters(chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

static int play_health(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    return in->msg == IPC_MSG_HEALTH_GET     ? answer_health(chan, in)
           : in->msg == IPC_MSG_COUNTERS_GET ? answer_counters(chan, in)
                                             : play_script(w, chan, in);
}

/* One request over a connection of its own. */
static unsigned ask(struct world *w, struct client *c, const char *method, const char *path)
{
    if (!client_open_health(c, w) || !client_ask(c, method, path, NULL) || !client_wait_closed(c)) {
        return 0;
    }
    CHECK(c->close_said);
    return c->status;
}

/* Asks until the role has read the monitor's message too. */
static bool ready_becomes(struct world *w, unsigned status, const char *part)
{
    struct client c;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned got = ask(w, &c, "GET", "/readyz");
        struct span body = buf_span(&c.body);
        bool found = got == status && memmem(body.ptr, body.len, part, strlen(part)) != NULL;
        client_close(&c);
        if (found || got == 0) {
            return found;
        }
    }
    return false;
}

TEST(what_is_missing_is_said)
{
    struct world w;
    say_all_is_well();
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    CHECK(ready_becomes(&w, 503, "\"starting\""));
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 200, "{\"problems\":[],\"ready\":true}\n"));
    said.missing = "openai";
    CHECK(ready_becomes(&w, 503,
                        "{\"problems\":[{\"what\":\"credential\",\"tenant\":\"alice\",\"detail\":\"the "
                        "credential openai is not set\"}],\"ready\":false}\n"));
    say_all_is_well();
    said.ca_ends_ms = clock_wall_ms() - 1000;
    CHECK(ready_becomes(&w, 503, "the CA has expired"));
    said.ca_ends_ms = clock_wall_ms() + DAY_MS / 2;
    CHECK(ready_becomes(&w, 503, "the CA expires within a day"));
    said.ca_ends_ms = 0; /* none yet: it is made with the first request */
    CHECK(ready_becomes(&w, 200, "\"ready\":true"));
    said.audit_code = (uint32_t)-CB_EFULL;
    CHECK(ready_becomes(&w, 503, "the audit takes no records"));
    say_all_is_well();
    said.status.draining = true;
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 503, "\"draining\""));
    say_all_is_well();
    said.status.tenants = 0;
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 503, "there is no tenant yet"));
    say_all_is_well();
    said.vaults = 0;
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 503, "the process `vault` does not run"));
    world_end(&w);
}

/* With a thousand tenants, one that lacks something is no reason to send nobody's requests here. */
TEST(a_server_for_many_is_ready_whatever_one_lacks)
{
    struct world w;
    say_all_is_well();
    said.status.wanted = 0;
    said.missing = "openai";
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 200, "openai is not set\"}],\"ready\":true}"));
    world_end(&w);
}

TEST(without_a_store_it_is_alive_and_not_ready)
{
    struct world w;
    struct client c;
    say_all_is_well();
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 200, "\"ready\":true"));
    ipc_chan_free(w.store);
    w.store = NULL;
    CHECK(ready_becomes(&w, 503, "the store does not answer"));
    CHECK_EQ_UINT(ask(&w, &c, "GET", "/healthz"), 200);
    client_close(&c);
    CHECK_EQ_UINT(ask(&w, &c, "GET", "/metrics"), 503);
    client_close(&c);
    world_end(&w);
}

TEST(the_metrics)
{
    struct world w;
    struct client c;
    say_all_is_well();
    said.missing = "openai";
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    CHECK_EQ_INT(send_status(&w), 0);
    CHECK(ready_becomes(&w, 503, "openai"));
    CHECK_EQ_UINT(ask(&w, &c, "GET", "/metrics"), 200);
    CHECK_EQ_STR(c.type, "text/plain; version=0.0.4; charset=utf-8");
    static const char *const parts[] = {
        "# HELP clawbox_build_info The version that runs.\n# TYPE clawbox_build_info gauge\n"
        "clawbox_build_info{version=\"1.2\\\"3\"} 1\n",
        "\nclawbox_start_time_seconds 951782400.007\n",
        "\nclawbox_active_tenants 1\n",
        "\nclawbox_process_failures_total{role=\"vault\"} 5\n",
        "\nclawbox_audit_writable 1\n",
        "\nclawbox_audit_sequence 41\n",
        "\nclawbox_credentials{tenant=\"alice\",state=\"set\"} 1\n"
        "clawbox_credentials{tenant=\"alice\",state=\"missing\"} 1\n",
        "\nclawbox_requests_total{tenant=\"alice\",verdict=\"allowed\",reason=\"route\"} 3\n"
        "clawbox_requests_total{tenant=\"alice\",verdict=\"denied\",reason=\"no_route\"} 2\n",
        "\nclawbox_response_bytes_total{tenant=\"alice\"} 200\n",
        "\nclawbox_input_tokens_total{tenant=\"alice\"} 1900\n",
        "\nclawbox_output_tokens_total{tenant=\"alice\"} 77\n",
        "\nclawbox_request_duration_seconds_bucket{tenant=\"alice\",le=\"0.01\"} 1\n"
        "clawbox_request_duration_seconds_bucket{tenant=\"alice\",le=\"0.05\"} 1\n"
        "clawbox_request_duration_seconds_bucket{tenant=\"alice\",le=\"0.1\"} 2\n",
        "\nclawbox_request_duration_seconds_bucket{tenant=\"alice\",le=\"+Inf\"} 3\n"
        "clawbox_request_duration_seconds_sum{tenant=\"alice\"} 61.500000\n"
        "clawbox_request_duration_seconds_count{tenant=\"alice\"} 3\n",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        CHECK(client_body_has(&c, parts[i]));
    }
    client_close(&c);
    CHECK_EQ_UINT(ask(&w, &c, "HEAD", "/metrics"), 200);
    CHECK_EQ_UINT(buf_len(&c.body), 0);
    client_close(&c);
    world_end(&w);
}

TEST(nothing_else_is_there)
{
    static const struct {
        const char *method, *path;
        unsigned status;
    } cases[] = {
        {"GET", "/", 404},
        {"GET", "/v1/tenants", 404},
        {"GET", "/v1/tenants/alice/env", 404},
        {"POST", "/v1/tenants:apply", 404},
        {"PUT", "/v1/tenants/alice/credentials/openai", 404},
        {"GET", "/v1/status", 404},
        {"GET", "/healthz/", 404},
        {"GET", "/healthz?x", 404},
        {"GET", "//healthz", 404},
        {"GET", "/healthz/../v1/tenants", 404},
        {"GET", "http://x/v1/tenants", 404},
        {"POST", "/healthz", 405},
        {"DELETE", "/metrics", 405},
        {"OPTIONS", "/readyz", 405},
    };
    struct world w;
    struct client c;
    say_all_is_well();
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ_UINT(ask(&w, &c, cases[i].method, cases[i].path), cases[i].status);
        CHECK_EQ_STR(c.allow, cases[i].status == 405 ? "GET, HEAD" : "");
        client_close(&c);
    }
    CHECK_EQ_STR(w.seen, ""); /* store and vault were asked nothing */
    CHECK(client_open_health(&c, &w) && client_ask(&c, "GET", "/healthz", "{}"));
    CHECK_EQ_UINT(c.status, 400);
    client_close(&c);
    /* Nor the other way around. */
    CHECK(client_open(&c, &w) && client_ask(&c, "GET", "/healthz", NULL));
    CHECK_EQ_UINT(c.status, 404);
    client_close(&c);
    world_end(&w);
}

static int run_impatient(void)
{
    static struct api api = {.idle_ms = 60000, .deadline_ms = 200};
    return api_run(&api);
}

TEST(a_slow_client_is_not_waited_for)
{
    struct world w;
    struct client c;
    say_all_is_well();
    if (!world_start(&w, play_silent, run_impatient)) {
        return;
    }
    CHECK(client_open_health(&c, &w));
    client_send(&c, "GET /heal");
    CHECK(client_wait_closed(&c));
    CHECK_EQ_UINT(c.answers, 0);
    client_close(&c);
    /* A store that does not answer is not waited for longer either. */
    CHECK(client_open_health(&c, &w));
    client_send(&c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client_wait_closed(&c));
    CHECK_EQ_UINT(c.answers, 0);
    client_close(&c);
    world_end(&w);
}

TEST(at_most_16_connections_and_none_of_the_control_sockets)
{
    struct world w;
    static struct client clients[HEALTH_CONNS_MAX];
    struct client late;
    struct client control;
    say_all_is_well();
    if (!world_start(&w, play_health, api_main)) {
        return;
    }
    for (size_t i = 0; i < HEALTH_CONNS_MAX; i++) {
        CHECK(client_open_health(&clients[i], &w));
        client_send(&clients[i], "GET /healthz HTTP/1.1\r\n");
    }
    CHECK(client_open_health(&late, &w));
    client_send(&late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client_open(&control, &w) && client_ask(&control, "GET", "/v1/tenants", NULL));
    CHECK_EQ_UINT(control.status, 200);
    CHECK_EQ_UINT(late.answers, 0);
    client_send(&clients[3], "Host: x\r\n\r\n");
    CHECK(client_wait(&clients[3], 1) && client_wait(&late, 1));
    CHECK_EQ_UINT(late.status, 200);
    for (size_t i = 0; i < HEALTH_CONNS_MAX; i++) {
        client_close(&clients[i]);
    }
    client_close(&late);
    client_close(&control);
    world_end(&w);
}

TEST_MAIN()

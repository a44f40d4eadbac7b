/* test_api_follow.c - the audit as a stream: what comes when, for whom, how fast, and how it ends. */
#include "api_world.h"

#include "policy/verdict.h"
#include "store/client.h"

#define TENANT_TOKEN "cbxt_TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"

/* ---- a store whose audit has as many records as the test says ---- */

static struct {
    uint64_t last;   /* records that there are */
    uint64_t told;   /* by AUDIT_GREW */
    size_t path_len; /* of each */
    unsigned pages;  /* that were asked for */
    unsigned page;   /* records in one at most */
    uint64_t match;  /* only every so many fit; 0: each */
} audit;

static int add_row(struct writer *out, uint64_t seq)
{
    static char path[IPC_AUDIT_PATH_MAX];
    static const uint8_t hash[IPC_HASH_LEN];
    struct buf encoded;
    memset(path, 'x', sizeof(path));
    const struct store_audit_row row = {.seq = seq,
                                        .kind = STORE_AUDIT_DECISION,
                                        .tenant = SPAN_LIT("alice"),
                                        .tenant_id = 7,
                                        .request_id = SPAN_LIT("0123456789ab"),
                                        .time_ms = 951782400007,
                                        .reason = POLICY_REASON_ROUTE,
                                        .method = SPAN_LIT("GET"),
                                        .host = SPAN_LIT("a.example"),
                                        .port = 443,
                                        .path = span_of(path, audit.path_len)};
    buf_init(&encoded, STORE_AUDIT_ROW_MAX);
    int r = store_audit_row_encode(&row, &encoded);
    writer_bytes(out, buf_span(&encoded), STORE_AUDIT_ROW_MAX);
    writer_raw(out, hash, sizeof(hash));
    buf_deinit(&encoded);
    return r;
}

static int answer_rows(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_audit_page m;
    struct buf list;
    int r = ipc_get_audit_page(in->payload, &m);
    if (r != 0) {
        return r;
    }
    audit.pages++;
    world_note(w, "page tenant=%.*s after=%llu since=%llu denied=%d newest=%d\n", SPAN_ARG(m.tenant),
               (unsigned long long)m.after_seq, (unsigned long long)m.since_ms, m.denied_only, m.newest);
    buf_init(&list, IPC_PAGE_MAX);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    struct ipc_audit_rows a = {.code = w->code, .last_seq = m.after_seq};
    uint32_t count = 0;
    for (uint64_t seq = m.newest ? audit.last : m.after_seq + 1; r == 0 && seq != 0 && seq <= audit.last;
         seq++) {
        if (audit.match != 0 && seq % audit.match != 0) {
            continue;
        }
        a.more = count == (audit.page < m.limit ? audit.page : m.limit);
        if (a.more) {
            break;
        }
        r = add_row(&out, seq);
        a.last_seq = seq;
        count++;
    }
    ipc_list_end(&out, at, count);
    a.rows = buf_span(&list);
    r = r == 0 ? ipc_send_audit_rows(chan, in->call, &a) : r;
    buf_deinit(&list);
    return r;
}

static int play_audit(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_token token = {.name = SPAN_LIT("ci"),
                              .scope = IPC_SCOPE_TENANT,
                              .tenant_id = 7,
                              .tenant = SPAN_LIT("alice"),
                              .tenant_created_ms = 5000};
    switch (in->msg) {
    case IPC_MSG_AUDIT_PAGE:
        return answer_rows(w, chan, in);
    case IPC_MSG_TOKEN_CHECK:
        return ipc_send_token(chan, in->call, &token);
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
                             .tick_ms = 10,
                             .follow_ms = 30};
    return api_run(&api);
}

/* One that ends no stream and says nothing in between. */
static int steady_main(void)
{
    static struct api api = {.idle_ms = 20000,
                             .deadline_ms = 20000,
                             .head_ms = 20000,
                             .wrong_ms = 20,
                             .tick_ms = 3600000,
                             .follow_ms = 3600000};
    return api_run(&api);
}

static bool start(struct world *w, struct client *c, uint64_t records, int (*run)(void))
{
    memset(&audit, 0, sizeof(audit));
    audit.last = records;
    audit.page = 200;
    audit.path_len = 10;
    return world_start(w, play_audit, run) && client_open(c, w);
}

static void tell(struct world *w, uint64_t last)
{
    audit.last = audit.told = last;
    CHECK_EQ_INT(ipc_send_audit_grew(w->store, 0, &(struct ipc_audit_grew){.seq = last}), 0);
}

static bool body_has(const struct client *c, const char *part)
{
    struct span body = buf_span(&c->body);
    return body.ptr != NULL && memmem(body.ptr, body.len, part, strlen(part)) != NULL;
}

/* Runs the loop until the body has that. */
static bool until(struct client *c, const char *part)
{
    world_wait_begin(c->w);
    while (!body_has(c, part) && !c->closed && !c->w->late) {
        net_loop_run(c->w->loop);
    }
    return world_wait_end(c->w) && client_body_has(c, part);
}

static size_t events_in(const struct client *c)
{
    size_t count = 0;
    struct span rest = buf_span(&c->body);
    while (rest.len != 0) {
        const uint8_t *at = memmem(rest.ptr, rest.len, "data: ", 6);
        if (at == NULL) {
            break;
        }
        count++;
        rest = span_sub(rest, (size_t)(at - rest.ptr) + 6, SIZE_MAX);
    }
    return count;
}

/* ---- what comes ---- */

TEST(from_now_on)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 6, steady_main)) {
        return;
    }
    client_send(&c, "GET /v1/audit:follow HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "retry: 500\nid: 6\n\n"));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(c.type, "text/event-stream");
    CHECK_EQ_UINT(events_in(&c), 0);
    CHECK_EQ_STR(w.seen, "page tenant= after=0 since=0 denied=0 newest=1\n");
    w.seen[0] = '\0';
    tell(&w, 8);
    CHECK(until(&c, "id: 8\ndata: {\"seq\":8,\"time\":"));
    CHECK(
        body_has(&c, "id: 7\ndata: {\"seq\":7,\"time\":\"2000-02-29T00:00:00.007Z\",\"kind\":\"decision\","));
    CHECK(span_ends(buf_span(&c.body), SPAN_LIT("}\n\n")));
    CHECK_EQ_UINT(events_in(&c), 2);
    tell(&w, 9);
    CHECK(until(&c, "id: 9\ndata: "));
    CHECK_EQ_UINT(events_in(&c), 3);
    CHECK_EQ_STR(
        w.seen,
        "page tenant= after=6 since=0 denied=0 newest=0\npage tenant= after=8 since=0 denied=0 newest=0\n");
    CHECK(!c.closed && c.answers == 0);
    end(&w, &c);
}

TEST(from_a_record_on_and_again_where_it_was)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 450, steady_main)) {
        return;
    }
    tell(&w, 450);
    client_send(&c, "GET /v1/audit:follow?after=0&tenant=alice&denied=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "id: 450\ndata: "));
    CHECK_EQ_UINT(events_in(&c), 450);
    CHECK_EQ_STR(
        w.seen,
        "page tenant=alice after=0 since=0 denied=1 newest=0\npage tenant=alice after=200 since=0 denied=1 newest=0\n"
        "page tenant=alice after=400 since=0 denied=1 newest=0\n");
    client_close(&c);
    w.seen[0] = '\0';
    CHECK(client_open(&c, &w));
    client_send(&c, "GET /v1/audit:follow?after=0 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 448\r\n\r\n");
    CHECK(until(&c, "id: 450\ndata: "));
    CHECK_EQ_UINT(events_in(&c), 2);
    CHECK_EQ_STR(w.seen, "page tenant= after=448 since=0 denied=0 newest=0\n");
    end(&w, &c);
}

/* What does not fit is not looked at again and again. */
TEST(what_was_passed_over_is_not_asked_for_again)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 10, steady_main)) {
        return;
    }
    audit.match = 7;
    tell(&w, 10);
    client_send(&c, "GET /v1/audit:follow?after=0&denied=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "id: 7\ndata: "));
    w.seen[0] = '\0';
    tell(&w, 14);
    CHECK(until(&c, "id: 14\ndata: "));
    CHECK_EQ_STR(w.seen, "page tenant= after=10 since=0 denied=1 newest=0\n");
    end(&w, &c);
}

TEST(http_1_0_has_no_chunks)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 3, steady_main)) {
        return;
    }
    tell(&w, 3);
    client_send(&c, "GET /v1/audit:follow?after=1 HTTP/1.0\r\n\r\n");
    CHECK(until(&c, "id: 3\ndata: "));
    CHECK(c.close_said);
    CHECK_EQ_UINT(events_in(&c), 2);
    end(&w, &c);
}

TEST(a_head_alone_and_what_is_refused)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 3, steady_main)) {
        return;
    }
    CHECK(client_ask(&c, "HEAD", "/v1/audit:follow", NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(c.type, "text/event-stream");
    CHECK(client_ask(&c, "GET", "/v1/audit:follow?newest=1", NULL));
    CHECK_EQ_INT(c.status, 400);
    CHECK(client_ask_with(&c, "GET", "/v1/audit:follow", "Last-Event-ID: seven\r\n", NULL));
    CHECK_EQ_INT(c.status, 400);
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

/* ---- how fast ---- */

TEST(a_client_that_does_not_read_holds_nothing_up)
{
    struct world w;
    struct client c;
    struct client other;
    if (!start(&w, &c, UINT32_MAX, steady_main)) {
        return;
    }
    audit.path_len = 2000;
    tell(&w, UINT32_MAX);
    client_send(&c, "GET /v1/audit:follow?after=0 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "id: 1\ndata: "));
    net_conn_read(c.conn, false);
    /* It is asked for no more, though there is more: others are answered all the time. */
    CHECK(client_open(&other, &w));
    unsigned before = 0;
    unsigned turns = 0;
    while (before != audit.pages && turns < 1000) {
        before = audit.pages;
        for (unsigned i = 0; i < 20; i++) {
            CHECK(client_ask(&other, "GET", "/v1/tenants", NULL));
        }
        turns++;
    }
    CHECK(turns < 1000);
    CHECK(audit.pages < 40);
    size_t seen = events_in(&c);
    net_conn_read(c.conn, true);
    world_wait_begin(&w);
    while (audit.pages < before + 20 && !w.late) {
        net_loop_run(w.loop);
    }
    CHECK(world_wait_end(&w));
    CHECK(events_in(&c) > seen);
    client_close(&other);
    end(&w, &c);
}

/* ---- how it ends ---- */

TEST(it_ends_with_the_store_and_the_connection_goes_on)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 3, steady_main)) {
        return;
    }
    client_send(&c, "GET /v1/audit:follow HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "id: 3\n\n"));
    w.code = 5;
    tell(&w, 4);
    CHECK(client_wait(&c, 1));
    CHECK(!c.closed && c.status == 200);
    w.code = 0;
    CHECK(client_ask(&c, "GET", "/v1/tenants", NULL));
    CHECK_EQ_INT(c.status, 200);
    end(&w, &c);
}

TEST(it_ends_when_the_role_stops)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, 3, steady_main)) {
        return;
    }
    client_send(&c, "GET /v1/audit:follow HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&c, "id: 3\n\n"));
    CHECK_EQ_INT(ipc_send_stop(w.life, 0, &(struct ipc_stop){.grace_ms = 10000}), 0);
    CHECK(client_wait(&c, 1) && client_wait_closed(&c));
    end(&w, &c);
}

TEST(the_client_may_go_at_any_time)
{
    struct world w;
    struct client c;
    if (!start(&w, &c, UINT32_MAX, quick_main)) {
        return;
    }
    tell(&w, UINT32_MAX);
    for (unsigned i = 0; i < 20; i++) {
        client_send(&c, "GET /v1/audit:follow?after=0 HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(until(&c, "id: 1\ndata: "));
        client_close(&c);
        CHECK(client_open(&c, &w));
    }
    CHECK(client_ask(&c, "GET", "/v1/tenants", NULL));
    end(&w, &c);
}

/* ---- whose it is ---- */

static bool follow_remote(struct client *c, struct world *w, const char *query)
{
    char text[512];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(w->remote_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)snprintf(
        text, sizeof(text),
        "GET /v1/audit:follow%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer " TENANT_TOKEN
        "\r\n\r\n",
        query, (unsigned)w->remote_port);
    if (!client_connect(c, w, (const struct sockaddr *)&to, sizeof(to))) {
        return false;
    }
    client_send(c, text);
    return true;
}

/* It says where it is from time to time, and ends after a while, so that a token that was removed sees no more. */
TEST(a_tenants_stream_carries_the_tenant_and_ends)
{
    struct world w;
    struct client c;
    struct client local;
    if (!start(&w, &local, 3, quick_main)) {
        return;
    }
    tell(&w, 3);
    client_send(&local, "GET /v1/audit:follow?after=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(until(&local, "id: 3\ndata: "));
    w.seen[0] = '\0';
    CHECK(follow_remote(&c, &w, "?tenant=alice&after=1"));
    CHECK(until(&c, "id: 3\ndata: "));
    CHECK_EQ_STR(w.seen, "page tenant=alice after=1 since=5000 denied=0 newest=0\n");
    CHECK(until(&c, "}\n\nid: 3\n\n"));
    CHECK(client_wait(&c, 1));
    CHECK(!c.closed);
    client_close(&c);
    CHECK(follow_remote(&c, &w, ""));
    CHECK(client_wait(&c, 1));
    CHECK_EQ_INT(c.status, 403);
    client_close(&c);
    /* Nobody has to be asked again who is at the control socket. */
    CHECK(local.answers == 0 && !local.closed);
    end(&w, &local);
}

TEST_MAIN()

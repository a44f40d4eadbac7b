/* test_api_denials.c - refusals as the api shows them: the smallest route for each, what there is to know, pages, muting. */
#include "api_world.h"

#include "policy/grant.h"
#include "policy/verdict.h"

TEST_MAIN()

#define NOW_MS UINT64_C(951782400007)

/* One row of DENIALS, and what is shown of it. */
static const struct {
    const char *host;
    uint16_t port;
    uint8_t scheme;
    const char *method;
    const char *path;
    enum policy_reason reason;
    const char *detail;
    const char *route;
    const char *credential;
    const char *suggestion; /* behind its name; NULL: there is none */
    const char *why;        /* part of it */
} rows[] = {
    {"new.example", 443, 0, "POST", "/v1/x", POLICY_REASON_NO_ROUTE, "", "", "",
     "\"host\":\"new.example\",\"methods\":[\"POST\"],\"paths\":[\"/v1/x\"]}", "without a credential"},
    {"new.example", 8080, 1, "GET", "/", POLICY_REASON_NO_ROUTE_SCHEME, "", "docs", "",
     "\"host\":\"new.example\",\"scheme\":\"http\",\"port\":8080,\"methods\":[\"GET\"],\"paths\":[\"/\"]}",
     "another scheme"},
    {"api.example", 443, 0, "GET", "/v2", POLICY_REASON_NO_ROUTE_PATH, "", "openai", "key",
     "\"host\":\"api.example\",\"methods\":[\"GET\"],\"paths\":[\"/v2\"]}",
     "credential \\\"key\\\" is to go in"},
    {"api.example", 443, 0, "GET", "/a*b", POLICY_REASON_NO_ROUTE_PATH, "", "openai", "", NULL, "by hand"},
    {"api.example", 443, 0, "GET", "/{credential}/x", POLICY_REASON_NO_ROUTE_METHOD, "", "bot", "", NULL,
     "by hand"},
    {"api.example", 443, 0, "get", "/a", POLICY_REASON_NO_ROUTE_METHOD, "", "openai", "", NULL, "by hand"},
    {"api.example", 8443, 0, "CONNECT", "", POLICY_REASON_NO_ROUTE_PORT, "", "", "",
     "\"host\":\"api.example\",\"port\":8443,\"methods\":[\"HEAD\"],\"paths\":[\"/\"]}", "opens the tunnel"},
    {"api.example", 80, 0, "CONNECT", "", POLICY_REASON_NO_ROUTE_PORT, "", "", "",
     "\"host\":\"api.example\",\"scheme\":\"http\",\"methods\":[\"HEAD\"],\"paths\":[\"/\"]}", "clear text"},
    {"10.0.0.1", 8443, 0, "CONNECT", "", POLICY_REASON_NO_ROUTE, "", "", "", NULL, "The address is in "},
    {"in.example", 443, 0, "GET", "/x", POLICY_REASON_SPECIAL_ADDRESS, "10.0.0.1 is private", "docs", "key",
     NULL,
     "\\\"docs\\\" allows it, but the name leads to an address that is not public: 10.0.0.1 is private."},
    {"in.example", 443, 0, "GET", "/x", POLICY_REASON_SPECIAL_ADDRESS, "", "grant:17", "", NULL,
     "\\\"grant:17\\\" allows it, but the name leads to an address that is not public."},
    {"10.0.0.1", 443, 0, "GET", "/x", POLICY_REASON_SPECIAL_ADDRESS, "10.0.0.1 is private", "docs", "", NULL,
     "The address is in "},
    {"169.254.169.254", 80, 1, "GET", "/latest", POLICY_REASON_NO_ROUTE, "", "", "", NULL,
     "The address is in "},
    {"api.example", 443, 0, "GET", "/a", POLICY_REASON_ROUTE_DENIES, "", "no", "", NULL,
     "A deny route forbids"},
    {"api.example", 443, 0, "GET", "/a", POLICY_REASON_FOREIGN_CREDENTIAL, "", "openai", "key", NULL,
     "placeholder"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void write_row(struct writer *w, size_t i)
{
    ipc_write_text(w, SPAN_LIT("alice"), IPC_NAME_MAX);
    writer_u64(w, 100 + i);
    writer_u8(w, rows[i].scheme);
    ipc_write_text(w, span_str(rows[i].host), IPC_HOST_MAX);
    writer_u16(w, rows[i].port);
    ipc_write_text(w, span_str(rows[i].method), 32);
    ipc_write_text(w, span_str(rows[i].path), IPC_AUDIT_PATH_MAX);
    writer_u8(w, (uint8_t)rows[i].reason);
    ipc_write_text(w, span_str(rows[i].detail), IPC_AUDIT_DETAIL_MAX);
    ipc_write_text(w, span_str(rows[i].route), IPC_NAME_MAX);
    ipc_write_text(w, span_str(rows[i].credential), IPC_NAME_MAX);
    writer_u64(w, 3);
    writer_u64(w, NOW_MS);
    writer_u64(w, NOW_MS + 1);
    writer_u8(w, 0);
}

/* Answers with one row, whose number the test gives. */
static int play_denials(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_denials_get get;
    struct ipc_denial_mute mute;
    struct buf list;
    int r = CB_EPERM;
    buf_init(&list, IPC_PAGE_MAX);
    if (in->msg == IPC_MSG_DENIALS_GET && (r = ipc_get_denials_get(in->payload, &get)) == 0) {
        world_note(w, "denials tenant=%.*s muted=%d before=%llu-%llu limit=%u\n", SPAN_ARG(get.tenant),
                   get.muted, (unsigned long long)get.before_ms, (unsigned long long)get.before_id,
                   get.limit);
        struct writer out = writer_to(&list);
        size_t at = ipc_list_begin(&out);
        write_row(&out, *(const size_t *)w->arg);
        ipc_list_end(&out, at, 1);
        struct ipc_denials m = {.code = w->code, .more = true, .denials = buf_span(&list)};
        r = ipc_send_denials(chan, in->call, &m);
    } else if (in->msg == IPC_MSG_DENIAL_MUTE && (r = ipc_get_denial_mute(in->payload, &mute)) == 0) {
        world_note(w, "mute %.*s %u %.*s:%u %.*s [%.*s] %d\n", SPAN_ARG(mute.tenant), mute.scheme,
                   SPAN_ARG(mute.host), mute.port, SPAN_ARG(mute.method), SPAN_ARG(mute.path), mute.muted);
        r = ipc_send_done(chan, in->call, &(struct ipc_done){.code = w->code, .why = span_str(w->why)});
    }
    buf_deinit(&list);
    return r;
}

TEST(each_has_the_smallest_route_or_why_there_is_none)
{
    struct world w;
    struct client c;
    size_t row = 0;
    if (!world_start(&w, play_denials, api_main) || !client_open(&c, &w)) {
        return;
    }
    w.arg = &row;
    for (row = 0; row < ROW_COUNT; row++) {
        CHECK(client_ask(&c, "GET", "/v1/denials", NULL));
        CHECK_EQ_INT(c.status, 200);
        CHECK(client_body_has(
            &c, "\"first\":\"2000-02-29T00:00:00.007Z\",\"last\":\"2000-02-29T00:00:00.008Z\""));
        CHECK(client_body_has(&c, policy_reason_name(rows[row].reason)));
        bool fine = rows[row].suggestion != NULL ? client_body_has(&c, "\"suggestion\":{\"name\":\"allow-") &&
                                                       client_body_has(&c, rows[row].suggestion)
                                                 : client_body_has(&c, "\"suggestion\":null,\"why\":\"");
        bool grantable = client_body_has(&c, "\"grantable\":true");
        fine = fine &&
               grantable == (policy_grant_may(rows[row].reason) && strstr(rows[row].why, "address") == NULL);
        if (!CHECK(fine && client_body_has(&c, rows[row].why))) {
            printf("row %zu: %.*s\n", row, SPAN_ARG(buf_span(&c.body)));
        }
    }
    end(&w, &c);
}

TEST(pages_go_on_where_the_last_one_ended)
{
    struct world w;
    struct client c;
    size_t row = 0;
    if (!world_start(&w, play_denials, api_main) || !client_open(&c, &w)) {
        return;
    }
    w.arg = &row;
    CHECK(client_ask(&c, "GET", "/v1/denials?tenant=alice&muted=1&limit=7", NULL));
    CHECK(
        client_body_has(&c, "\"next\":\"/v1/denials?tenant=alice&muted=1&limit=7&after=951782400008-100\"}"));
    CHECK(client_ask(&c, "GET", "/v1/denials?tenant=alice&muted=1&limit=7&after=951782400008-100", NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(w.seen, "denials tenant=alice muted=1 before=0-0 limit=7\n"
                         "denials tenant=alice muted=1 before=951782400008-100 limit=7\n");
    w.seen[0] = '\0';
    static const char *const wrong[] = {"after=5",    "after=5-0", "after=x-5", "limit=0",
                                        "limit=1001", "muted=2",   "x=1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/denials?%s", wrong[i]);
        CHECK(client_ask(&c, "GET", target, NULL));
        CHECK_EQ_INT(c.status, 400);
    }
    CHECK_EQ_STR(w.seen, "");
    w.code = (uint32_t)-CB_EDB;
    CHECK(client_ask(&c, "GET", "/v1/denials", NULL));
    CHECK_EQ_INT(c.status, 503);
    end(&w, &c);
}

TEST(muting_says_exactly_what)
{
    struct world w;
    struct client c;
    const char *path = "/v1/tenants/alice/denials:mute";
    if (!world_start(&w, play_denials, api_main) || !client_open(&c, &w)) {
        return;
    }
    CHECK(client_ask(&c, "POST", path,
                     "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/a b\",\"muted\":true}"));
    CHECK_EQ_INT(c.status, 204);
    CHECK(client_ask(&c, "POST", path,
                     "{\"scheme\":\"http\",\"host\":\"x.example\",\"port\":81,\"method\":\"CONNECT\","
                     "\"path\":\"\",\"muted\":false}"));
    CHECK_EQ_INT(c.status, 204);
    CHECK_EQ_STR(w.seen, "mute alice 0 x.example:443 GET [/a b] 1\nmute alice 1 x.example:81 CONNECT [] 0\n");
    w.seen[0] = '\0';
    static const char *const wrong[] = {
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"muted\":\"true\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"muted\":[]}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"muted\":true,\"port\":65536}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":\"/\",\"muted\":true,\"scheme\":\"ftp\"}",
        "{\"host\":\"x.example\",\"method\":\"GET\",\"path\":5,\"muted\":true}",
        "{\"host\":\"x.\\u00e4\",\"method\":\"GET\",\"path\":\"/\",\"muted\":true}",
        "{\"host\":\"x.example\",\"method\":\"GETGETGETGETGETGETGETGETGETGETGET\",\"path\":\"/\",\"muted\":true}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(client_ask(&c, "POST", path, wrong[i]));
        if (!CHECK_EQ_INT(c.status, 422)) {
            printf("%s\n", wrong[i]);
        }
    }
    CHECK_EQ_STR(w.seen, "");
    w.code = (uint32_t)-CB_ENOTFOUND;
    w.why = "nothing of the kind";
    CHECK(client_ask(&c, "POST", path, "{\"host\":\"x\",\"method\":\"GET\",\"path\":\"/\",\"muted\":true}"));
    CHECK_EQ_INT(c.status, 404);
    end(&w, &c);
}

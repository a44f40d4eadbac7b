/* test_store_health.c - the rest of test_store: what it tells the health listener. */
#include "store/client.h"
#include "store_stage.h"

#include <sys/resource.h>

TEST(tenants_and_what_they_lack)
{
    struct store_friend api;
    struct store_answer a;
    struct ipc_health m;
    struct store_stage *t = store_stage_new();
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, "");
    store_ask_health(&api, &a, &m);
    struct reader r = reader_of(m.tenants);
    CHECK(m.code == 0 && m.audit_code == 0 && m.audit_seq == 0 && m.audit_failures == 0 && !m.more);
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 0);
    buf_deinit(&a.payload);

    (void)store_create(t, &api, "alice");
    (void)store_create(t, &api, "bob");
    struct ipc_credential_put put = {.tenant = SPAN_LIT("bob"),
                                     .tenant_id = 2,
                                     .credential = SPAN_LIT("key"),
                                     .binding = SPAN_LIT("api.example.com:443"),
                                     .box = SPAN_LIT("sealed")};
    struct ipc_done done;
    CHECK_EQ_INT(ipc_call_credential_put(api.chan, &put, store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, DONE, done, &done);
    CHECK_EQ_UINT(done.code, 0);
    buf_deinit(&a.payload);

    store_ask_health(&api, &a, &m);
    CHECK_EQ_UINT(m.code, 0);
    r = reader_of(m.tenants);
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 2);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "alice"));
    CHECK_EQ_UINT(reader_u32(&r), 1);
    CHECK_EQ_UINT(reader_u32(&r), 0);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "key"));
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "bob"));
    CHECK_EQ_UINT(reader_u32(&r), 1);
    CHECK_EQ_UINT(reader_u32(&r), 1);
    CHECK_EQ_UINT(ipc_read_text(&r, IPC_NAME_MAX).len, 0);
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&a.payload);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    free(t);
}

static off_t size_of(const struct store_stage *t, const char *end)
{
    char path[300];
    struct stat st;
    store_stage_file(t, end, path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Trying to write is one row, whatever often it is done, and no record. */
TEST(a_try_adds_nothing)
{
    struct store_friend api;
    struct store_answer a;
    struct ipc_health m;
    struct store_stage *t = store_stage_new();
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, "");
    for (unsigned i = 0; i < 300; i++) {
        store_ask_health(&api, &a, &m);
        CHECK(m.code == 0 && m.audit_code == 0 && m.audit_seq == 0);
        buf_deinit(&a.payload);
        stage_advance(&t->s, 6000);
    }
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    CHECK_EQ_UINT(store_find(t).rows, 0);
    CHECK(size_of(t, "") < 512 * 1024);
    free(t);
}

/* No file of the store's may become larger than that. */
static void set_room(struct store_stage *t, rlim_t bytes)
{
    struct rlimit now;
    CHECK_EQ_INT(prlimit(t->s.pid, RLIMIT_FSIZE, NULL, &now), 0);
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    CHECK_EQ_INT(prlimit(t->s.pid, RLIMIT_FSIZE, &now, NULL), 0);
}

TEST(a_disk_that_becomes_full_is_noticed_without_a_request)
{
    struct store_friend api;
    struct store_answer a;
    struct ipc_health m;
    struct store_stage *t = store_stage_new();
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, "");
    (void)store_create(t, &api, "alice");
    store_ask_health(&api, &a, &m);
    CHECK_EQ_UINT(m.audit_code, 0);
    buf_deinit(&a.payload);
    set_room(t, 1);
    stage_advance(&t->s, 6000); /* a success does not stand for ever */
    store_ask_health(&api, &a, &m);
    CHECK(m.code == 0 && m.audit_code != 0);
    CHECK_EQ_UINT(m.audit_failures, 1);
    buf_deinit(&a.payload);
    set_room(t, RLIM_INFINITY);
    store_ask_health(&api, &a, &m);
    CHECK(m.audit_code != 0); /* nor is a failure forgotten at once */
    buf_deinit(&a.payload);
    stage_advance(&t->s, 31000);
    store_ask_health(&api, &a, &m);
    CHECK_EQ_UINT(m.audit_code, 0);
    CHECK_EQ_UINT(m.audit_failures, 1);
    buf_deinit(&a.payload);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    free(t);
}

TEST(requests_are_counted_by_tenant_and_reason)
{
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend api;
    struct store_answer a;
    struct store_tally y = {0};
    struct ipc_counters m;
    struct store_count c;
    struct span tenant;
    struct store_stage *t = store_stage_new();
    store_stage_serve(t);
    store_join(t, &alice, IPC_ROLE_EGRESS, 1, "alice");
    store_join(t, &bob, IPC_ROLE_EGRESS, 2, "bob");
    store_join(t, &api, IPC_ROLE_API, 0, "");
    for (uint64_t n = 0; n < 10; n++) {
        store_decide(&alice, n, &y); /* every other one is refused */
    }
    struct ipc_audit_outcome o = store_outcome(2);
    o.request_bytes = 7;
    o.model = SPAN_LIT("gpt-5.5");
    o.input_tokens = 100;
    o.output_tokens = 3;
    for (unsigned i = 0; i < 3; i++) {
        o.duration_us = i == 0 ? 10000 : i == 1 ? 10001 : UINT32_MAX;
        CHECK_EQ_INT(ipc_send_audit_outcome(alice.chan, 0, &o), 0);
    }
    o.reason = POLICY_REASON_UPSTREAM_TIMEOUT;
    o.scrubs = 4;
    CHECK_EQ_INT(ipc_send_audit_outcome(alice.chan, 0, &o), 0);
    store_decide(&bob, 1, &y);
    STAGE_UNTIL(&t->s, y.stored == 11);
    store_settle(&api);
    CHECK_EQ_INT(ipc_call_counters_get(api.chan, &(struct ipc_counters_get){.version = 1}, store_on_answer,
                                       store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, COUNTERS, counters, &m);
    CHECK_EQ_UINT(m.code, 0);
    struct reader r = reader_of(m.counters);
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 2);
    CHECK_EQ_INT(store_count_read(&r, &tenant, &c), 0);
    CHECK(span_eq_str(tenant, "alice"));
    CHECK(c.reasons[POLICY_REASON_NO_ROUTE] == 5 && c.reasons[POLICY_REASON_ROUTE] == 3 &&
          c.reasons[POLICY_REASON_UPSTREAM_TIMEOUT] == 1);
    CHECK(c.request_bytes == 28 && c.response_bytes == 8 && c.scrubs == 4 && c.ended == 4);
    CHECK(c.input_tokens == 400 && c.output_tokens == 12);
    CHECK(c.durations[0] == 1 && c.durations[1] == 1);
    CHECK_EQ_UINT(c.duration_us, 20001 + 2 * (uint64_t)UINT32_MAX);
    CHECK_EQ_INT(store_count_read(&r, &tenant, &c), 0);
    CHECK(span_eq_str(tenant, "bob") && c.reasons[POLICY_REASON_NO_ROUTE] == 1 && c.ended == 0);
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&a.payload);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    free(t);
}

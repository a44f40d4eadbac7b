/* test_store_denials.c - the rest of test_store: refusals are counted with their records, and for the tenant whose channel it is. */
#include "store_stage.h"

/* "TENANT HOST xCOUNT;" of each. */
static void ask_denials(struct store_friend *api, const char *tenant, char out[256])
{
    struct store_answer a;
    struct ipc_denials m;
    size_t len = 0;
    out[0] = '\0';
    struct ipc_denials_get get = {.tenant = span_str(tenant), .limit = 10};
    CHECK_EQ_INT(ipc_call_denials_get(api->chan, &get, store_on_answer, store_answer_init(api, &a), NULL), 0);
    STORE_GET(&a, DENIALS, denials, &m);
    CHECK_EQ_UINT(m.code, 0);
    struct reader r = reader_of(m.denials);
    uint32_t count = ipc_list_read(&r, 10);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        (void)reader_take(&r, 8 + 1);
        struct span host = ipc_read_text(&r, IPC_HOST_MAX);
        (void)reader_u16(&r);
        (void)ipc_read_text(&r, 32);
        (void)ipc_read_text(&r, IPC_AUDIT_PATH_MAX);
        (void)reader_u8(&r);
        (void)ipc_read_text(&r, IPC_AUDIT_DETAIL_MAX);
        (void)ipc_read_text(&r, IPC_NAME_MAX);
        (void)ipc_read_text(&r, IPC_NAME_MAX);
        len += (size_t)snprintf(out + len, 256 - len, "%.*s %.*s x%" PRIu64 ";", SPAN_ARG(name),
                                SPAN_ARG(host), reader_u64(&r));
        (void)reader_take(&r, 8 + 8 + 1);
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&a.payload);
}

TEST(refusals_are_counted_with_their_records)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend stranger;
    char text[256];
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t alice_id = store_create(t, &api, "alice");
    uint64_t bob_id = store_create(t, &api, "bob");
    store_join(t, &alice, IPC_ROLE_EGRESS, alice_id, "alice");
    store_join(t, &bob, IPC_ROLE_EGRESS, bob_id, "bob");
    store_join(t, &stranger, IPC_ROLE_EGRESS, 77, "stranger"); /* a tenant that is gone */
    CHECK_EQ_INT(store_decide_one(&alice, 1), 0);
    CHECK_EQ_INT(store_decide_one(&alice, 2), 0); /* allowed */
    CHECK_EQ_INT(store_decide_one(&alice, 3), 0);
    CHECK_EQ_INT(store_decide_one(&bob, 1), 0);
    CHECK_EQ_INT(store_decide_one(&stranger, 1), 0);
    ask_denials(&api, "alice", text);
    CHECK_EQ_STR(text, "alice api.example.com x2;");
    ask_denials(&api, "bob", text);
    CHECK_EQ_STR(text, "bob api.example.com x1;");
    ask_denials(&api, "stranger", text);
    CHECK_EQ_STR(text, "");
    /* What was answered is durable. */
    CHECK_EQ_INT(kill(t->s.pid, SIGKILL), 0);
    CHECK_EQ_INT(stage_wait(&t->s), 1000 + SIGKILL);
    store_leave(&api);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&stranger);
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    ask_denials(&api, "alice", text);
    CHECK_EQ_STR(text, "alice api.example.com x2;");
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* An outcome waits for company, and nobody who looks has to. */
TEST(what_is_refused_on_its_way_is_there_for_who_looks)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    char text[256];
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    store_join(t, &alice, IPC_ROLE_EGRESS, store_create(t, &api, "alice"), "alice");
    CHECK_EQ_INT(store_decide_one(&alice, 2), 0); /* allowed */
    ask_denials(&api, "alice", text);
    CHECK_EQ_STR(text, "");
    for (unsigned i = 0; i < 2; i++) {
        struct ipc_audit_outcome m = store_outcome(2);
        m.reason = POLICY_REASON_SPECIAL_ADDRESS;
        CHECK_EQ_INT(ipc_send_audit_outcome(alice.chan, 0, &m), 0);
    }
    CHECK_EQ_INT(store_decide_one(&alice, 4), 0); /* the outcomes are there */
    ask_denials(&api, "alice", text);
    CHECK_EQ_STR(text, "alice api.example.com x2;");
    store_leave(&api);
    store_leave(&alice);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

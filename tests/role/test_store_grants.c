/*
 * test_store_grants.c - the rest of test_store: grants with the records that use them, who hears of what, and that once is once whoever is
 * killed in between.
 */
#include "store_stage.h"

#include "base/clock.h"
#include "policy/grants.h"

#define HOUR_MS UINT64_C(3600000)

/* As store_decision() has it. Answers 0 or the refusal's code; *id is the new grant's. */
static int ask_grant(struct store_friend *api, const char *tenant, uint64_t for_ms, bool once, uint64_t *id)
{
    struct store_answer a;
    struct ipc_grant_created m;
    struct ipc_grant_create create = {.tenant = span_str(tenant),
                                      .host = SPAN_LIT("api.example.com"),
                                      .port = 443,
                                      .method = SPAN_LIT("POST"),
                                      .path = SPAN_LIT("/v1/*"),
                                      .for_ms = for_ms,
                                      .once = once,
                                      .by = SPAN_LIT("socket")};
    CHECK_EQ_INT(ipc_call_grant_create(api->chan, &create, store_on_answer, store_answer_init(api, &a), NULL),
                 0);
    STORE_GET(&a, GRANT_CREATED, grant_created, &m);
    *id = m.grant;
    int code = ipc_result(m.code);
    buf_deinit(&a.payload);
    return code;
}

/* A decision that the grant makes, waited for. */
static int use(struct store_friend *egress, uint64_t n, uint64_t grant)
{
    struct store_tally y = {.stage = &egress->stage->s};
    struct ipc_audit_decision m = store_decision(2 * n); /* allowed */
    m.grant = grant;
    CHECK_EQ_INT(ipc_call_audit_decision(egress->chan, &m, store_on_stored, &y, NULL), 0);
    STAGE_UNTIL(y.stage, y.stored + y.refused + y.lost == 1);
    CHECK_EQ_UINT(y.lost, 0);
    return y.refused != 0 ? y.code : 0;
}

/* The uses left of each in SPEC, as letters: '0', '1' or '*'. */
static void spec_grants(struct store_friend *egress, char out[16])
{
    struct store_answer a;
    struct ipc_spec m;
    size_t len = 0;
    CHECK_EQ_INT(ipc_call_spec_get(egress->chan, &(struct ipc_spec_get){.known_generation = 0},
                                   store_on_answer, store_answer_init(egress, &a), NULL),
                 0);
    STORE_GET(&a, SPEC, spec, &m);
    CHECK_EQ_UINT(m.code, 0);
    struct reader r = reader_of(m.grants);
    uint32_t count = ipc_list_read(&r, 15);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        uint8_t left = policy_grant_read(&r).uses_left;
        out[len++] = left == POLICY_GRANT_ANY ? '*' : (char)('0' + left);
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    out[len] = '\0';
    buf_deinit(&a.payload);
}

static size_t events(const struct store_friend *f, enum ipc_msg msg)
{
    size_t count = 0;
    for (size_t i = 0; i < f->event_count; i++) {
        count += f->events[i].msg == msg ? 1 : 0;
    }
    return count;
}

static void check_spec(struct store_friend *egress, const char *want)
{
    char text[16];
    spec_grants(egress, text);
    CHECK_EQ_STR(text, want);
}

TEST(once_is_once_whoever_is_killed_in_between)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend vault;
    uint64_t grant = 0;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t alice_id = store_create(t, &api, "alice");
    uint64_t bob_id = store_create(t, &api, "bob");
    store_join(t, &vault, IPC_ROLE_VAULT, 0, NULL);
    store_join(t, &alice, IPC_ROLE_EGRESS, alice_id, "alice");
    store_join(t, &bob, IPC_ROLE_EGRESS, bob_id, "bob");
    check_spec(&alice, "");
    check_spec(&bob, "");
    CHECK_EQ_INT(ask_grant(&api, "alice", HOUR_MS, true, &grant), 0);
    STAGE_UNTIL(&t->s, events(&alice, IPC_MSG_SPEC_CHANGED) == 1 && events(&vault, IPC_MSG_FORGET) == 1);
    CHECK_EQ_UINT(vault.events[0].value, alice_id);
    check_spec(&alice, "1");
    check_spec(&bob, "");
    CHECK_EQ_UINT(events(&bob, IPC_MSG_SPEC_CHANGED), 0);
    CHECK_EQ_INT(use(&bob, 1, grant), CB_EPERM);
    CHECK_EQ_INT(use(&alice, 1, grant), 0);
    STAGE_UNTIL(&t->s, events(&alice, IPC_MSG_SPEC_CHANGED) == 2);
    check_spec(&alice, "0");
    CHECK_EQ_INT(use(&alice, 2, grant), CB_EPERM);
    /* As from a power switch, and with another egress after it. */
    CHECK_EQ_INT(kill(t->s.pid, SIGKILL), 0);
    CHECK_EQ_INT(stage_wait(&t->s), 1000 + SIGKILL);
    store_leave(&api);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&vault);
    store_stage_serve(t);
    store_join(t, &alice, IPC_ROLE_EGRESS, alice_id, "alice");
    CHECK_EQ_INT(use(&alice, 3, grant), CB_EPERM);
    check_spec(&alice, "0");
    store_leave(&alice);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[alice_id], 1);
    CHECK_EQ_UINT(found.decisions[bob_id], 0);
    free(t);
}

/* Two at the same time share a batch, and still only one of them passes. */
TEST(of_two_in_one_batch_one_passes)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    uint64_t grant = 0;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t id = store_create(t, &api, "alice");
    store_join(t, &alice, IPC_ROLE_EGRESS, id, "alice");
    CHECK_EQ_INT(ask_grant(&api, "alice", HOUR_MS, true, &grant), 0);
    struct store_tally y = {.stage = &t->s};
    for (uint64_t n = 0; n < 50; n++) {
        struct ipc_audit_decision m = store_decision(2 * n);
        m.grant = grant;
        CHECK_EQ_INT(ipc_call_audit_decision(alice.chan, &m, store_on_stored, &y, NULL), 0);
    }
    STAGE_UNTIL(&t->s, y.stored + y.refused == 50);
    CHECK_EQ_UINT(y.stored, 1);
    CHECK_EQ_INT(y.code, CB_EPERM);
    store_leave(&alice);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(it_ends_by_itself_and_the_egress_hears_of_it)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    uint64_t grant = 0;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t id = store_create(t, &api, "alice");
    store_join(t, &alice, IPC_ROLE_EGRESS, id, "alice");
    CHECK_EQ_INT(ask_grant(&api, "alice", HOUR_MS, false, &grant), 0);
    uint64_t before = clock_wall_ms();
    CHECK_EQ_INT(ask_grant(&api, "alice", 300, false, &grant),
                 0); /* ends before the one that the timer waits for */
    STAGE_UNTIL(&t->s, events(&alice, IPC_MSG_SPEC_CHANGED) == 3);
    CHECK(clock_wall_ms() - before >= 300);
    check_spec(&alice, "*");
    CHECK_EQ_INT(use(&alice, 1, grant), CB_EPERM);
    store_leave(&alice);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(taking_back_is_told)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    struct store_answer a;
    struct ipc_grants list;
    struct ipc_done done;
    uint64_t grant = 0;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t id = store_create(t, &api, "alice");
    store_join(t, &alice, IPC_ROLE_EGRESS, id, "alice");
    CHECK_EQ_INT(ask_grant(&api, "nobody", HOUR_MS, false, &grant), CB_ENOTFOUND);
    CHECK_EQ_INT(ask_grant(&api, "alice", HOUR_MS, false, &grant), 0);
    CHECK_EQ_INT(ipc_call_grants_get(api.chan, &(struct ipc_grants_get){.tenant = SPAN_LIT("nobody")},
                                     store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, GRANTS, grants, &list);
    CHECK_EQ_INT(ipc_result(list.code), CB_ENOTFOUND);
    buf_deinit(&a.payload);
    struct ipc_grant_delete m = {.tenant = SPAN_LIT("alice"), .grant = grant, .by = SPAN_LIT("socket")};
    CHECK_EQ_INT(ipc_call_grant_delete(api.chan, &m, store_on_answer, store_answer_init(&api, &a), NULL), 0);
    STORE_GET(&a, DONE, done, &done);
    CHECK_EQ_UINT(done.code, 0);
    buf_deinit(&a.payload);
    STAGE_UNTIL(&t->s, events(&alice, IPC_MSG_SPEC_CHANGED) == 2);
    check_spec(&alice, "");
    CHECK_EQ_INT(use(&alice, 1, grant), CB_EPERM);
    store_leave(&alice);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* A refusal by a grant is none. */
TEST(a_decision_that_makes_no_sense_costs_the_channel)
{
    struct store_stage *t = store_stage_new();
    struct store_friend alice;
    struct store_tally y = {.stage = &t->s};
    store_stage_serve(t);
    store_join(t, &alice, IPC_ROLE_EGRESS, 1, "alice");
    struct ipc_audit_decision m = store_decision(1); /* refused */
    m.grant = 1;
    t->s.quiet = true;
    CHECK_EQ_INT(ipc_call_audit_decision(alice.chan, &m, store_on_stored, &y, NULL), 0);
    STAGE_UNTIL(&t->s, alice.closed && y.lost == 1);
    store_leave(&alice);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

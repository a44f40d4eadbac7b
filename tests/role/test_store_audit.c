/* test_store_audit.c - the rest of test_store: records that share commits, a full disk, ends, and those who disturb. */
#include "store_stage.h"

#include "base/json.h"

#include <sys/resource.h>

enum { ALICE = 1, BOB = 2 };

/* A store that serves two egresses. */
static struct store_stage *serve_two(struct store_friend *alice, struct store_friend *bob)
{
    struct store_stage *t = store_stage_new();
    store_stage_serve(t);
    store_join(t, alice, IPC_ROLE_EGRESS, ALICE, "alice");
    store_join(t, bob, IPC_ROLE_EGRESS, BOB, "bob");
    return t;
}

static off_t log_size(const struct store_stage *t)
{
    char path[300];
    struct stat st;
    store_stage_file(t, "-wal", path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void on_look(void *arg)
{
    net_loop_stop(arg);
}

/* Something was written into the database. Nothing tells that, so it is looked at again and again. */
static void until_log_grows(struct store_stage *t, off_t from)
{
    struct net_timer *look = net_timer_new(t->s.loop, on_look, t->s.loop);
    net_timer_start(look, 1, 1);
    STAGE_UNTIL(&t->s, log_size(t) > from);
    net_timer_free(look);
}

/* As from a power switch. */
static void kill_store(struct store_stage *t)
{
    CHECK_EQ_INT(kill(t->s.pid, SIGKILL), 0);
    CHECK_EQ_INT(stage_wait(&t->s), 1000 + SIGKILL);
}

TEST(many_records_in_one_write_are_all_stored)
{
    enum { EACH = 3000 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_stage *t = serve_two(&alice, &bob);
    struct store_tally a = {0};
    struct store_tally b = {0};
    for (uint64_t n = 0; n < EACH; n++) {
        store_decide(&alice, n, &a);
        store_decide(&bob, n, &b);
        if (n % 10 == 0) {
            store_send_outcome(&alice, n);
        }
    }
    STAGE_UNTIL(&t->s, a.stored == EACH && b.stored == EACH);
    CHECK_EQ_UINT(a.refused + a.lost + b.refused + b.lost, 0);
    CHECK_EQ_UINT(a.first_seq < b.first_seq ? a.first_seq : b.first_seq, 1);
    /* Answered is durable: nothing of that is lost when it is killed now. */
    kill_store(t);
    store_leave(&alice);
    store_leave(&bob);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[ALICE], EACH);
    CHECK_EQ_UINT(found.decisions[BOB], EACH);
    CHECK_EQ_UINT(found.decisions[0], 0);
    CHECK(found.rows >= (uint64_t)2 * EACH);
    free(t);
}

/* The page of a record that was just answered has it, and what waited is in front of it. */
TEST(the_api_sees_outcomes_that_wait)
{
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend api;
    struct store_stage *t = serve_two(&alice, &bob);
    struct store_answer a;
    struct ipc_audit_rows m;
    CHECK_EQ_INT(store_decide_one(&alice, 2), 0);
    store_send_outcome(&alice, 2);
    ipc_chan_flush(alice.chan);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    CHECK_EQ_INT(ipc_call_audit_page(api.chan,
                                     &(struct ipc_audit_page){.tenant = SPAN_LIT("alice"), .limit = 10},
                                     store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, AUDIT_ROWS, audit_rows, &m);
    CHECK_EQ_UINT(m.code, 0);
    CHECK_EQ_UINT(m.last_seq, 2);
    buf_deinit(&a.payload);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* The api hears that there are records, once for many, and asks which. */
TEST(the_api_hears_that_the_audit_grew)
{
    enum { MANY = 500 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend api;
    struct store_friend next;
    struct store_stage *t = serve_two(&alice, &bob);
    struct store_tally y = {0};
    struct store_answer a;
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    for (uint64_t n = 0; n < MANY; n++) {
        store_decide(&alice, n, &y);
    }
    STAGE_UNTIL(&t->s, api.grew == MANY);
    CHECK(api.grew_count < MANY / 10);
    /* An outcome alone, which waits for company. */
    store_send_outcome(&bob, 1);
    STAGE_UNTIL(&t->s, api.grew == MANY + 1);
    /* Reading records nothing, and a change does. */
    size_t count = api.grew_count;
    store_settle(&api);
    store_apply(&api, "carol", "https://c.example:443", &a);
    STAGE_UNTIL(&t->s, a.done);
    buf_deinit(&a.payload);
    CHECK_EQ_INT(ipc_call_tenant_suspend(
                     api.chan, &(struct ipc_tenant_suspend){.tenant = SPAN_LIT("carol"), .suspend = true},
                     store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STAGE_UNTIL(&t->s, a.done);
    buf_deinit(&a.payload);
    STAGE_UNTIL(&t->s, api.grew == MANY + 3); /* "created", "suspended" */
    CHECK(api.grew_count > count);
    /* Another api knows nothing, and is told. */
    store_join(t, &next, IPC_ROLE_API, 0, NULL);
    STAGE_UNTIL(&t->s, next.grew == api.grew);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&api);
    store_leave(&next);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(an_outcome_becomes_durable_without_a_decision)
{
    struct store_friend alice;
    struct store_friend bob;
    struct store_stage *t = serve_two(&alice, &bob);
    off_t before = log_size(t);
    store_send_outcome(&alice, 77);
    until_log_grows(t, before);
    /* The frames are there before the commit is; the next one is answered after it. */
    CHECK_EQ_INT(store_decide_one(&bob, 1), 0);
    kill_store(t);
    store_leave(&alice);
    store_leave(&bob);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.outcomes[ALICE], 1);
    CHECK_EQ_UINT(found.last_outcome, 77);
    free(t);
}

/* ---- the end ---- */

TEST(what_peers_said_last_is_stored_at_the_end)
{
    enum { EACH = 300 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_stage *t = serve_two(&alice, &bob);
    struct store_tally y = {0};
    CHECK_EQ_INT(store_decide_one(&alice, 0), 0);
    /* All of it is in the sockets when the store hears that it should stop. */
    CHECK_EQ_INT(kill(t->s.pid, SIGSTOP), 0);
    CHECK_EQ_INT(ipc_send_stop(t->s.life, 0, &(struct ipc_stop){.grace_ms = 20000}), 0);
    ipc_chan_flush(t->s.life);
    for (uint64_t n = 1; n <= EACH; n++) {
        store_decide(&alice, n, &y);
        store_send_outcome(&bob, n);
    }
    store_leave(&alice);
    store_leave(&bob);
    CHECK_EQ_INT(kill(t->s.pid, SIGCONT), 0);
    CHECK_EQ_INT(stage_wait(&t->s), 0);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[ALICE], EACH + 1);
    CHECK_EQ_UINT(found.outcomes[BOB], EACH);
    CHECK_EQ_UINT(log_size(t), 0); /* the log was written back */
    free(t);
}

TEST(a_peer_that_stays_does_not_hold_the_end_up)
{
    struct store_friend alice;
    struct store_friend bob;
    struct store_stage *t = serve_two(&alice, &bob);
    CHECK_EQ_INT(store_decide_one(&alice, 0), 0);
    store_send_outcome(&alice, 5);
    ipc_chan_flush(alice.chan);
    CHECK_EQ_INT(ipc_send_stop(t->s.life, 0, &(struct ipc_stop){.grace_ms = 100}), 0);
    STAGE_UNTIL(&t->s, alice.closed && bob.closed);
    store_leave(&alice);
    store_leave(&bob);
    CHECK_EQ_INT(stage_wait(&t->s), 0);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.outcomes[ALICE], 1);
    free(t);
}

/* ---- a full disk ---- */

static void set_room(struct store_stage *t, rlim_t bytes)
{
    struct rlimit now;
    CHECK_EQ_INT(prlimit(t->s.pid, RLIMIT_FSIZE, NULL, &now), 0);
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    CHECK_EQ_INT(prlimit(t->s.pid, RLIMIT_FSIZE, &now, NULL), 0);
}

static struct store_stage *serve_full(struct store_friend *alice, struct store_friend *bob, uint64_t *n)
{
    struct store_stage *t = store_stage_new();
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, alice, IPC_ROLE_EGRESS, ALICE, "alice");
    store_join(t, bob, IPC_ROLE_EGRESS, BOB, "bob");
    CHECK_EQ_INT(store_decide_one(alice, 0), 0);
    set_room(t, (rlim_t)log_size(t));
    *n = 1;
    /* A log that starts anew has room for some more. */
    while (*n < 1000 && store_decide_one(alice, *n) == 0) {
        (*n)++;
    }
    return t;
}

TEST(a_full_disk_refuses_and_then_goes_on)
{
    enum { KEPT = 200 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_tally y = {0};
    uint64_t stored;
    struct store_stage *t = serve_full(&alice, &bob, &stored);
    for (uint64_t n = 0; n < 100; n++) {
        store_decide(&bob, n, &y);
    }
    for (uint64_t n = 0; n < KEPT; n++) {
        store_send_outcome(&alice, n);
    }
    STAGE_UNTIL(&t->s, y.refused == 100);
    CHECK_EQ_INT(y.code, CB_EFULL);
    stage_advance(&t->s, 1000); /* past the pause: it is tried again */
    CHECK_EQ_INT(store_decide_one(&bob, 1), CB_EFULL);
    CHECK(!alice.closed && !bob.closed);

    set_room(t, RLIM_INFINITY);
    CHECK_EQ_INT(store_decide_one(&bob, 1), CB_EFULL); /* as long as the pause lasts */
    stage_advance(&t->s, 1000);
    CHECK_EQ_INT(store_decide_one(&bob, 2), 0);
    kill_store(t);
    store_leave(&alice);
    store_leave(&bob);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[ALICE], stored);
    CHECK_EQ_UINT(found.decisions[BOB], 1);
    CHECK_EQ_UINT(found.outcomes[ALICE], KEPT); /* with the decision that was the first */
    free(t);
}

/* Nobody asks for anything any more; the outcome is written all the same when there is room. */
TEST(an_outcome_after_a_refusal_is_tried_again_by_itself)
{
    struct store_friend alice;
    struct store_friend bob;
    uint64_t stored;
    struct store_stage *t = serve_full(&alice, &bob, &stored);
    set_room(t, RLIM_INFINITY);
    off_t before = log_size(t);
    store_send_outcome(&alice, 9);
    until_log_grows(t, before);
    store_leave(&alice);
    store_leave(&bob);
    kill_store(t);
    CHECK_EQ_UINT(store_find(t).outcomes[ALICE], 1);
    free(t);
}

/* The last try is at the end, whenever the one before it was. */
TEST(an_end_within_the_pause_loses_nothing)
{
    struct store_friend alice;
    struct store_friend bob;
    uint64_t stored;
    struct store_stage *t = serve_full(&alice, &bob, &stored);
    set_room(t, RLIM_INFINITY);
    CHECK_EQ_INT(store_decide_one(&alice, 0), CB_EFULL); /* the pause has not ended */
    store_send_outcome(&alice, 9);
    store_leave(&alice);
    store_leave(&bob);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    CHECK_EQ_UINT(store_find(t).outcomes[ALICE], 1);
    free(t);
}

/* ---- those who disturb ---- */

static void bad_decision(size_t which, struct ipc_audit_decision *m)
{
    switch (which) {
    case 0:
        m->reason = POLICY_REASON__COUNT;
        break;
    case 1:
        m->time_ms = JSON_TIME_MAX_MS + 1;
        break;
    case 2:
        m->request_id.len--;
        break;
    case 3:
        m->request_id = SPAN_EMPTY;
        break;
    default:
        m->scheme = SPEC_SCHEME__COUNT;
        break;
    }
}

static void bad_outcome(size_t which, struct ipc_audit_outcome *m)
{
    switch (which) {
    case 0:
        m->reason = 255;
        break;
    case 1:
        m->time_ms = JSON_TIME_MAX_MS + 1;
        break;
    case 2:
        m->input_tokens = UINT64_MAX;
        break;
    default:
        m->request_id.len = 1;
        break;
    }
}

TEST(a_hostile_egress_cannot_spoil_the_records_of_others)
{
    enum { DECISIONS = 5, OUTCOMES = 4 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_stage *t = store_stage_new();
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, &alice, IPC_ROLE_EGRESS, ALICE, "alice");
    for (size_t i = 0; i < DECISIONS + OUTCOMES; i++) {
        struct store_tally good = {0};
        struct store_tally bad = {0};
        store_join(t, &bob, IPC_ROLE_EGRESS, BOB, "bob");
        /* The store finds all of it when it wakes up: one batch. */
        CHECK_EQ_INT(kill(t->s.pid, SIGSTOP), 0);
        store_decide(&alice, i, &good);
        store_decide(&bob, i, &bad);
        if (i < DECISIONS) {
            struct ipc_audit_decision m = store_decision(i);
            bad_decision(i, &m);
            CHECK_EQ_INT(ipc_call_audit_decision(bob.chan, &m, store_on_stored, &bad, NULL), 0);
        } else {
            struct ipc_audit_outcome m = store_outcome(i);
            bad_outcome(i - DECISIONS, &m);
            CHECK_EQ_INT(ipc_send_audit_outcome(bob.chan, 0, &m), 0);
        }
        ipc_chan_flush(t->s.life);
        ipc_chan_flush(alice.chan);
        ipc_chan_flush(bob.chan);
        CHECK_EQ_INT(kill(t->s.pid, SIGCONT), 0);
        STAGE_UNTIL(&t->s, bob.closed && good.stored == 1);
        CHECK_EQ_UINT(bad.stored + bad.lost, i < DECISIONS ? 2 : 1);
        store_leave(&bob);
    }
    CHECK(!alice.closed);
    store_leave(&alice);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[ALICE], DECISIONS + OUTCOMES);
    CHECK_EQ_UINT(found.decisions[BOB], DECISIONS + OUTCOMES); /* what it said before is on record */
    CHECK_EQ_UINT(found.outcomes[BOB], 0);
    free(t);
}

TEST(a_peer_may_go_while_its_decision_is_in_the_batch)
{
    struct store_friend alice;
    struct store_friend bob;
    struct store_tally a = {0};
    struct store_tally b = {0};
    struct store_stage *t = serve_two(&alice, &bob);
    CHECK_EQ_INT(store_decide_one(&alice, 0), 0);
    CHECK_EQ_INT(store_decide_one(&bob, 0), 0);
    for (size_t i = 1; i <= 20; i++) {
        CHECK_EQ_INT(kill(t->s.pid, SIGSTOP), 0);
        store_decide(&bob, i, &b);
        store_decide(&alice, i, &a);
        ipc_chan_flush(alice.chan);
        store_leave(&bob);
        CHECK_EQ_INT(kill(t->s.pid, SIGCONT), 0);
        STAGE_UNTIL(&t->s, a.stored == i);
        store_join(t, &bob, IPC_ROLE_EGRESS, BOB, "bob");
    }
    CHECK_EQ_INT(store_decide_one(&bob, 21), 0);
    store_leave(&alice);
    store_leave(&bob);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    struct store_found found = store_find(t);
    CHECK_EQ_UINT(found.decisions[ALICE], 21);
    CHECK_EQ_UINT(found.decisions[BOB], 22);
    free(t);
}

/* A peer that asks and does not read its answers is not read any more; others are, and its answers wait for it. */
TEST(a_peer_that_does_not_read_is_waited_for)
{
    enum { MANY = 4000 };
    struct store_friend alice;
    struct store_friend bob;
    struct store_friend api;
    struct store_tally y = {0};
    struct store_stage *t = serve_two(&alice, &bob);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    (void)store_create(t, &api, "alice"); /* gets the id 1 */
    ipc_chan_read(alice.chan, false);
    struct store_answer *specs = make_or_die(calloc(MANY, sizeof(*specs)));
    for (size_t i = 0; i < MANY; i++) {
        CHECK_EQ_INT(ipc_call_spec_get(alice.chan, &(struct ipc_spec_get){.known_generation = 0},
                                       store_on_answer, store_answer_init(&alice, &specs[i]), NULL),
                     0);
    }
    for (size_t i = 0; i < 100; i++) {
        store_decide(&bob, i, &y);
    }
    STAGE_UNTIL(&t->s, y.stored == 100);
    ipc_chan_read(alice.chan, true);
    STAGE_UNTIL(&t->s, specs[MANY - 1].done);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(specs[i].done && specs[i].channel == 0);
        buf_deinit(&specs[i].payload);
    }
    free(specs);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 5000), 0);
    free(t);
}

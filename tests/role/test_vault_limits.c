/* test_vault_limits.c - the role vault when one channel asks without end: the others do not notice. */
#include "role/vault_stage.h"

#include "base/clock.h"

/* More than is full at once; how many of them were refused. */
static unsigned refused_of(struct stage *s, struct stage_answer *answers, size_t count)
{
    unsigned refused = 0;
    for (size_t i = 0; i < count; i++) {
        STAGE_UNTIL(s, answers[i].done);
        CHECK_EQ_INT(answers[i].channel, 0);
        CHECK(answers[i].result == 0 || answers[i].result == CB_EBUSY);
        refused += answers[i].result != 0;
        stage_answer_deinit(&answers[i]);
    }
    return refused;
}

TEST(unsealing_is_limited_for_each_channel)
{
    enum { ASKED = 4400, FULL = 4096, PER_S = 64 };
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct stage_answer *answers = calloc(ASKED, sizeof(*answers));
    if (!CHECK(answers != NULL)) {
        return;
    }
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &bob, IPC_ROLE_EGRESS, BOB);
    store_box(s, ALICE, "openai", "sk-real");
    uint64_t started_us = clock_mono_us();
    for (size_t i = 0; i < ASKED; i++) {
        stage_ask_unseal(&alice, "openai", &answers[i]);
        if (i % 64 == 63) {
            STAGE_UNTIL(s, answers[i - 63].done); /* the channel does not fill up */
        }
    }
    unsigned refused = refused_of(s, answers, ASKED);
    uint64_t seconds = (clock_mono_us() - started_us) / 1000000;
    CHECK(refused <= ASKED - FULL);
    CHECK(refused + FULL + PER_S * (seconds + 1) >= ASKED);
    CHECK(s->store.asked[IPC_MSG_SEALED_GET] ==
          ASKED - refused); /* what is refused costs nobody else anything */
    store_box(s, BOB, "openai", "sk-real");
    CHECK_EQ_INT(unseal(&bob, "openai"), 0);
    free(answers);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(leaves_are_limited_for_each_channel)
{
    enum { ASKED = 2200, FULL = 2048, PER_S = 20 };
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct gate_key k = gate_key_new();
    struct stage_answer *answers = calloc(ASKED, sizeof(*answers));
    bool denial;
    if (!CHECK(answers != NULL)) {
        return;
    }
    s->store.hosts = HOSTS;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_GATE, ALICE);
    stage_join(s, &bob, IPC_ROLE_GATE, BOB);
    uint64_t started_us = clock_mono_us();
    for (size_t i = 0; i < ASKED; i++) {
        char host[64];
        (void)snprintf(host, sizeof(host), "host%zu.example.com", i); /* a wildcard of the tenant's */
        stage_ask_leaf(&alice, host, buf_span(&k.public_key), &answers[i]);
        if (i % 32 == 31) {
            STAGE_UNTIL(s, answers[i - 31].done);
        }
    }
    unsigned refused = refused_of(s, answers, ASKED);
    uint64_t seconds = (clock_mono_us() - started_us) / 1000000;
    CHECK(refused <= ASKED - FULL);
    CHECK(refused + FULL + PER_S * (seconds + 1) >= ASKED);
    CHECK_EQ_INT(leaf_result(&bob, &k, "api.openai.com", &denial), 0);
    CHECK(!denial);
    free(answers);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(the_cas_certificate_is_limited_for_each_channel)
{
    enum { ASKED = 150, FULL = 100, PER_S = 10 };
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct stage_answer answers[ASKED];
    struct stage_answer a;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_GATE, ALICE);
    stage_join(s, &bob, IPC_ROLE_GATE, BOB);
    uint64_t started_us = clock_mono_us();
    for (size_t i = 0; i < ASKED; i++) {
        stage_ask_trust(&alice, &answers[i]);
    }
    unsigned refused = refused_of(s, answers, ASKED);
    uint64_t seconds = (clock_mono_us() - started_us) / 1000000;
    CHECK(refused <= ASKED - FULL);
    CHECK(refused + FULL + PER_S * (seconds + 1) >= ASKED);
    stage_ask_trust(&bob, &a);
    STAGE_UNTIL(s, a.done);
    CHECK_EQ_INT(a.result, 0);
    stage_answer_deinit(&a);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

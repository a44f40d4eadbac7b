/* test_vault_refresh.c - a refresh token that its endpoint replaced: who may have what sealed again, and what stays. */
#include "role/vault_stage.h"

#define ROTATES "api.example:443 token\nlogin.example:443 token-endpoint rotates"

struct rotated {
    struct stage *stage;
    bool done;
    int channel;
    int result;
};

static int on_rotated(void *arg, int code, const struct ipc_in *in)
{
    struct rotated *x = arg;
    struct ipc_credential_rotated m = {0};
    x->done = true;
    x->channel = code;
    if (code == 0) {
        CHECK_EQ_INT(in->msg, IPC_MSG_CREDENTIAL_ROTATED);
        CHECK_EQ_INT(ipc_get_credential_rotated(in->payload, &m), 0);
        x->result = ipc_result(m.code);
    }
    net_loop_stop(x->stage->loop);
    return 0;
}

static void ask(struct stage_peer *p, const char *name, const char *old, const char *value, struct rotated *x)
{
    uint8_t hash[DIGEST_LEN];
    struct span text = span_str(old);
    digest_sha256(&text, 1, hash);
    *x = (struct rotated){.stage = p->stage};
    struct ipc_credential_rotate m = {
        .credential = span_str(name), .old_hash = span_of(hash, sizeof(hash)), .value = span_str(value)};
    CHECK_EQ_INT(ipc_call_credential_rotate(p->chan, &m, on_rotated, x, NULL), 0);
}

static int rotate(struct stage_peer *p, const char *name, const char *old, const char *value)
{
    struct rotated x;
    ask(p, name, old, value, &x);
    STAGE_UNTIL(p->stage, x.done);
    CHECK_EQ_INT(x.channel, 0);
    return x.result;
}

static void value_is(struct stage_peer *p, const char *name, const char *value)
{
    struct stage_answer a;
    stage_ask_unseal(p, name, &a);
    STAGE_UNTIL(p->stage, a.done);
    CHECK_EQ_INT(a.result, 0);
    CHECK(span_eq_str(buf_span(&a.a), value));
    CHECK(span_eq_str(buf_span(&a.b), ROTATES));
    stage_answer_deinit(&a);
}

TEST(a_rotated_value_takes_the_old_ones_place)
{
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &bob, IPC_ROLE_EGRESS, BOB);
    store_box_for(s, ALICE, "google", "old", ROTATES);
    value_is(&alice, "google", "old");
    CHECK_EQ_INT(rotate(&alice, "google", "old", "new"), 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_REPLACE], 1);
    value_is(&alice, "google", "new");
    /* The answer was lost: the same again is done already. */
    CHECK_EQ_INT(rotate(&alice, "google", "old", "new"), 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_REPLACE], 1);
    /* Who does not know what is there changes nothing: not with an old value, not of another tenant or name. */
    CHECK_EQ_INT(rotate(&alice, "google", "old", "newer"), CB_ECONFLICT);
    CHECK_EQ_INT(rotate(&bob, "google", "new", "newer"), CB_EAUTHENTIC);
    CHECK_EQ_INT(rotate(&alice, "other", "new", "newer"), CB_EAUTHENTIC);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_REPLACE], 1);
    value_is(&alice, "google", "new");
    CHECK_EQ_INT(rotate(&alice, "google", "new", "newer"), 0);
    value_is(&alice, "google", "newer");
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(what_was_not_bound_to_a_rotating_endpoint_stays)
{
    static const char *const bindings[] = {
        "api.openai.com:443", "api.example:443 token\nlogin.example:443 token-endpoint",
        "rotates.example:443", "api.example:443 token-endpoint rotates not", ""};
    struct stage *s = stage_new();
    struct stage_peer alice;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++) {
        store_box_for(s, ALICE, "google", "old", bindings[i]);
        CHECK_EQ_INT(rotate(&alice, "google", "old", "new"), CB_EPERM);
    }
    CHECK_EQ_INT(rotate(&alice, "@ca", "old", "new"), CB_EINVAL);
    CHECK_EQ_INT(rotate(&alice, "google", "old", ""), CB_EINVAL);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_REPLACE], 0);
    stage_leave(&alice);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(what_the_store_says_is_passed_on)
{
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct rotated x;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    store_box_for(s, ALICE, "google", "old", ROTATES);
    s->store.replace_code = (uint32_t)-CB_ECONFLICT;
    CHECK_EQ_INT(rotate(&alice, "google", "old", "new"), CB_ECONFLICT);
    s->store.replace_code = 0;
    s->store.sealed_code = (uint32_t)-CB_ENOTFOUND;
    CHECK_EQ_INT(rotate(&alice, "google", "old", "new"), CB_ENOTFOUND);
    s->store.sealed_code = 0;
    /* A store that goes in the middle. */
    s->store.hold[IPC_MSG_SEALED_REPLACE] = true;
    ask(&alice, "google", "old", "new", &x);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_REPLACE] == 2);
    stage_drop_store(s);
    STAGE_UNTIL(s, x.done);
    CHECK_EQ_INT(x.result, CB_ECLOSED);
    stage_leave(&alice);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* Nobody but an egress has anything sealed, though the message is well-formed. */
TEST(only_an_egress_rotates)
{
    static const enum ipc_role roles[] = {IPC_ROLE_GATE, IPC_ROLE_API};
    struct stage *s = stage_new();
    struct stage_peer bad;
    struct rotated x;
    stage_serve(s);
    store_box_for(s, ALICE, "google", "old", ROTATES);
    for (size_t i = 0; i < 2; i++) {
        stage_join_as(s, &bad, roles[i], IPC_ROLE_EGRESS, roles[i] == IPC_ROLE_API ? 0 : ALICE);
        ask(&bad, "google", "old", "new", &x);
        STAGE_UNTIL(s, bad.closed);
        CHECK(x.done && x.channel == CB_ECLOSED);
        stage_leave(&bad);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 0);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* test_vault_peers.c - the rest of test_vault: CAs, what is remembered and forgotten, and peers that fail or attack. */
#include "vault_stage.h"

static void same_bytes(const struct buf *got, const struct buf *want)
{
    CHECK(buf_len(want) != 0);
    CHECK_EQ_BYTES(buf_span(got).ptr, buf_len(got), buf_span(want).ptr, buf_len(want));
}

static int ca_result(struct stage_peer *api, uint64_t tenant_id)
{
    struct stage_answer a;
    stage_ask_ca(api, tenant_id, &a);
    STAGE_UNTIL(api->stage, a.done);
    CHECK_EQ_INT(a.channel, 0);
    if (a.result == 0) {
        same_bytes(&a.a, &api->stage->store.ca_cert[tenant_id]);
    }
    stage_answer_deinit(&a);
    return a.result;
}

static void forget(struct stage *s, uint64_t tenant_id)
{
    CHECK_EQ_INT(ipc_send_forget(s->store.chan, 0, &(struct ipc_forget){.tenant_id = tenant_id}), 0);
}

/* The vault has read what came before on other channels when it answers this. */
static void settle(struct stage_peer *api)
{
    struct stage_answer a;
    ipc_chan_flush(api->stage->store.chan);
    stage_ask_key(api, &a);
    STAGE_UNTIL(api->stage, a.done);
    stage_answer_deinit(&a);
}

/* ---- the tenant's CA ---- */

TEST(a_ca_is_made_once)
{
    enum { LEAVES = 20, CAS = 5 };
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct stage_peer api;
    struct stage_answer leaves[LEAVES];
    struct stage_answer cas[CAS];
    struct gate_key k = gate_key_new();
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    for (size_t i = 0; i < LEAVES; i++) {
        stage_ask_leaf(&gate, "api.openai.com", buf_span(&k.public_key), &leaves[i]);
    }
    for (size_t i = 0; i < CAS; i++) {
        stage_ask_ca(&api, ALICE, &cas[i]);
    }
    for (size_t i = 0; i < LEAVES; i++) {
        STAGE_UNTIL(s, leaves[i].done);
        CHECK_EQ_INT(leaves[i].result, 0);
        CHECK(!leaves[i].denial);
        same_bytes(&leaves[i].b, &s->store.ca_cert[ALICE]);
        stage_answer_deinit(&leaves[i]);
    }
    for (size_t i = 0; i < CAS; i++) {
        STAGE_UNTIL(s, cas[i].done);
        CHECK_EQ_INT(cas[i].result, 0);
        same_bytes(&cas[i].a, &s->store.ca_cert[ALICE]);
        stage_answer_deinit(&cas[i]);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_HOSTS_GET], 1);
    stage_leave(&gate);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    /* After a restart it is loaded. */
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    CHECK_EQ_INT(ca_result(&api, ALICE), 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 2);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(a_ca_that_the_store_refuses_is_not_used)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct stage_peer api;
    struct gate_key k = gate_key_new();
    bool denial;
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    s->store.ca_put_code = (uint32_t)-CB_EFULL;
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), CB_EFULL);
    CHECK_EQ_INT(ca_result(&api, ALICE), CB_EFULL);
    CHECK_EQ_INT(ca_result(&api, STAGE_TENANTS), CB_ENOTFOUND);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 3);
    CHECK_EQ_INT(ca_result(&api, 0), CB_ENOTFOUND);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 3);
    s->store.ca_put_code = 0;
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), 0);
    CHECK_EQ_INT(ca_result(&api, ALICE), 0);
    stage_leave(&gate);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(a_ca_of_another_tenant_or_a_changed_one_is_not_used)
{
    struct stage *s = stage_new();
    struct stage_peer api;
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    CHECK_EQ_INT(ca_result(&api, ALICE), 0);
    CHECK_EQ_INT(buf_append_span(&s->store.ca_cert[BOB], buf_span(&s->store.ca_cert[ALICE])), 0);
    CHECK_EQ_INT(buf_append_span(&s->store.ca_key[BOB], buf_span(&s->store.ca_key[ALICE])), 0);
    CHECK_EQ_INT(ca_result(&api, BOB), CB_EAUTHENTIC);
    /* A credential of the tenant in the place of its CA's key. */
    store_box(s, BOB, "openai", "sk-real");
    buf_reset(&s->store.ca_key[BOB]);
    CHECK_EQ_INT(buf_append_span(&s->store.ca_key[BOB], buf_span(&s->store.box)), 0);
    CHECK_EQ_INT(ca_result(&api, BOB), CB_EAUTHENTIC);
    forget(s, ALICE);
    settle(&api);
    s->store.ca_key[ALICE].data[s->store.ca_key[ALICE].start + 50] ^= 1;
    CHECK_EQ_INT(ca_result(&api, ALICE), CB_EAUTHENTIC);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(only_so_many_ca_keys_are_kept)
{
    enum { FIRST = 100, MORE = 70 };
    struct stage *s = stage_new();
    struct stage_peer api;
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    for (uint64_t i = 0; i < MORE; i++) {
        CHECK_EQ_INT(ca_result(&api, FIRST + i), 0);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], MORE);
    CHECK_EQ_INT(ca_result(&api, FIRST + MORE - 1), 0); /* still there */
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], MORE);
    CHECK_EQ_INT(ca_result(&api, FIRST), 0); /* loaded again */
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], MORE + 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], MORE);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* ---- FORGET ---- */

TEST(after_forget_everything_is_asked_again)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct stage_peer api;
    struct gate_key k = gate_key_new();
    bool denial;
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    CHECK_EQ_INT(leaf_result(&gate, &k, "new.org", &denial), 0);
    CHECK(denial);
    s->store.hosts = "new.org";
    CHECK_EQ_INT(leaf_result(&gate, &k, "new.org", &denial), 0);
    CHECK(denial);
    forget(s, BOB); /* unknown, and nobody's business */
    forget(s, 0);
    forget(s, ALICE);
    settle(&api);
    CHECK_EQ_INT(leaf_result(&gate, &k, "new.org", &denial), 0);
    CHECK(!denial);
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), 0);
    CHECK(denial);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_HOSTS_GET], 2);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 2);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
    stage_leave(&gate);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

/* An answer that left before a FORGET and one after it, for each request that the vault remembers the answer of. */
TEST(an_answer_from_before_a_forget_is_not_kept)
{
    static const enum ipc_msg held[] = {IPC_MSG_HOSTS_GET, IPC_MSG_CA_GET, IPC_MSG_CA_PUT};
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        struct stage *s = stage_new();
        struct stage_peer gate;
        struct gate_key k = gate_key_new();
        struct stage_answer a;
        stage_serve(s);
        s->store.hosts = "old.org";
        s->store.hold[held[i]] = true;
        stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
        stage_ask_leaf(&gate, "new.org", buf_span(&k.public_key), &a);
        STAGE_UNTIL(s, s->store.asked[held[i]] == 1 && s->store.asked[IPC_MSG_HOSTS_GET] == 1);
        forget(s, ALICE);
        stage_release(s, held[i]);
        s->store.hosts = "new.org";
        STAGE_UNTIL(s, a.done);
        CHECK_EQ_INT(a.result, 0);
        CHECK(!a.denial);
        same_bytes(&a.b, &s->store.ca_cert[ALICE]);
        CHECK_EQ_INT(s->store.asked[IPC_MSG_HOSTS_GET], 2);
        CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
        stage_answer_deinit(&a);
        stage_leave(&gate);
        CHECK_EQ_INT(stage_stop(s), 0);
        gate_key_free(&k);
        stage_free(s);
    }
}

/* ---- the store dies ---- */

TEST(a_store_that_dies_fails_what_waits_and_may_come_back)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_peer gate;
    struct stage_peer api;
    struct stage_answer waiting[3];
    struct stage_answer later[2];
    struct gate_key k = gate_key_new();
    bool denial;
    stage_serve(s);
    s->store.hosts = HOSTS;
    store_box(s, ALICE, "openai", "sk-real");
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), 0);
    CHECK_EQ_INT(unseal(&egress, "openai"), 0);
    /* Bob has nothing in memory. */
    struct stage_peer bob;
    stage_join(s, &bob, IPC_ROLE_GATE, BOB);
    s->store.hold[IPC_MSG_SEALED_GET] = s->store.hold[IPC_MSG_HOSTS_GET] = s->store.hold[IPC_MSG_CA_GET] =
        true;
    stage_ask_unseal(&egress, "openai", &waiting[0]);
    stage_ask_leaf(&bob, "api.openai.com", buf_span(&k.public_key), &waiting[1]);
    stage_ask_ca(&api, BOB + 1, &waiting[2]);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_GET] == 2 && s->store.asked[IPC_MSG_HOSTS_GET] == 2 &&
                       s->store.asked[IPC_MSG_CA_GET] == 3);
    stage_drop_store(s);
    for (size_t i = 0; i < 3; i++) {
        STAGE_UNTIL(s, waiting[i].done);
        CHECK_EQ_INT(waiting[i].channel, 0);
        CHECK_EQ_INT(waiting[i].result, CB_ECLOSED);
        stage_answer_deinit(&waiting[i]);
    }
    /* What is asked now waits for the next store, and for its key. */
    stage_ask_unseal(&egress, "openai", &later[0]);
    stage_ask_leaf(&gate, "api.openai.com", buf_span(&k.public_key), &later[1]);
    memset(s->store.hold, 0, sizeof(s->store.hold));
    s->store.hold[IPC_MSG_VAULT_KEY_GET] = true;
    s->store.hosts = "another.org";
    stage_add_store(s);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_VAULT_KEY_GET] == 2);
    CHECK(!later[0].done && !later[1].done);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 2);
    stage_release(s, IPC_MSG_VAULT_KEY_GET);
    STAGE_UNTIL(s, later[0].done && later[1].done);
    CHECK_EQ_INT(later[0].result, 0);
    CHECK(span_eq_str(buf_span(&later[0].a), "sk-real"));
    CHECK_EQ_INT(later[1].result, 0);
    CHECK(later[1].denial); /* a FORGET may have been lost, so hosts were asked again */
    same_bytes(&later[1].b, &s->store.ca_cert[ALICE]);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 1);
    stage_answer_deinit(&later[0]);
    stage_answer_deinit(&later[1]);
    stage_leave(&egress);
    stage_leave(&gate);
    stage_leave(&bob);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(a_new_channel_to_the_store_replaces_the_old_one)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_answer a;
    stage_serve(s);
    store_box(s, ALICE, "openai", "sk-real");
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    s->store.hold[IPC_MSG_SEALED_GET] = true;
    stage_ask_unseal(&egress, "openai", &a);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_GET] == 1);
    struct ipc_chan *old = s->store.chan;
    stage_add_store(s);
    STAGE_UNTIL(s, a.done && s->store.closed && s->store.asked[IPC_MSG_VAULT_KEY_GET] == 2);
    CHECK_EQ_INT(a.result, CB_ECLOSED);
    stage_answer_deinit(&a);
    ipc_chan_free(old);
    s->store.hold[IPC_MSG_SEALED_GET] = false;
    CHECK_EQ_INT(unseal(&egress, "openai"), 0);
    stage_leave(&egress);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(a_store_that_comes_back_as_another_database_ends_the_vault)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_answer a;
    stage_serve(s);
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    stage_drop_store(s);
    s->store.key[0] ^= 1;
    stage_ask_unseal(&egress, "openai", &a);
    stage_add_store(s);
    STAGE_UNTIL(s, a.done && s->store.closed);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 0);
    stage_answer_deinit(&a);
    stage_leave(&egress);
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    stage_free(s);
}

/* ---- peers that go, and peers that were broken into ---- */

TEST(a_peer_that_goes_leaves_nothing_behind)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_peer gate;
    struct stage_peer api;
    struct stage_peer again;
    struct stage_answer a[3];
    struct gate_key k = gate_key_new();
    stage_serve(s);
    s->store.hosts = HOSTS;
    store_box(s, ALICE, "openai", "sk-real");
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    s->store.hold[IPC_MSG_SEALED_GET] = s->store.hold[IPC_MSG_HOSTS_GET] = s->store.hold[IPC_MSG_CA_GET] =
        true;
    stage_ask_unseal(&egress, "openai", &a[0]);
    stage_ask_leaf(&gate, "api.openai.com", buf_span(&k.public_key), &a[1]);
    stage_ask_ca(&api, BOB, &a[2]);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_GET] == 1 && s->store.asked[IPC_MSG_HOSTS_GET] == 1 &&
                       s->store.asked[IPC_MSG_CA_GET] == 2);
    /* A gate and an api that end; an egress that is replaced. */
    stage_leave(&gate);
    stage_leave(&api);
    stage_join(s, &again, IPC_ROLE_EGRESS, ALICE);
    STAGE_UNTIL(s, egress.closed);
    CHECK(a[0].done && a[0].channel == CB_ECLOSED);
    CHECK(!a[1].done && !a[2].done);
    stage_release(s, IPC_MSG_SEALED_GET);
    stage_release(s, IPC_MSG_HOSTS_GET);
    stage_release(s, IPC_MSG_CA_GET);
    CHECK_EQ_INT(unseal(&again, "openai"), 0);
    for (size_t i = 0; i < 3; i++) {
        stage_answer_deinit(&a[i]);
    }
    stage_leave(&egress);
    stage_leave(&again);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(who_breaks_the_protocol_loses_its_channel_and_nobody_else_does)
{
    static const uint8_t unknown[IPC_FRAME_HEAD] = {0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 1};
    static const uint8_t huge[IPC_FRAME_HEAD] = {0x7f, 0xff, 0xff, 0xff, 0, IPC_MSG_LEAF_SIGN, 0, 0, 0, 1};
    static const uint8_t empty[IPC_FRAME_HEAD] = {0, 0, 0, 0, 0, IPC_MSG_LEAF_SIGN, 0, 0, 0, 1};
    static const uint8_t answer[IPC_FRAME_HEAD] = {0, 0, 0, 0, 0, IPC_MSG_HOSTS, 0, 0, 0, 1};
    static const uint8_t *const frames[] = {unknown, huge, empty, answer};
    struct stage *s = stage_new();
    struct stage_peer good;
    struct stage_peer bad;
    struct stage_peer api;
    struct stage_answer a;
    stage_serve(s);
    store_box(s, ALICE, "openai", "sk-real");
    stage_join(s, &good, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        int fd = stage_wire(s, IPC_ROLE_GATE, ALICE);
        CHECK_EQ_INT(write(fd, frames[i], IPC_FRAME_HEAD), IPC_FRAME_HEAD);
        CHECK_EQ_INT(ipc_chan_open(s->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_GATE, IPC_ROLE_VAULT, false,
                                   &stage_peer_handler, &bad, &bad.chan),
                     0);
        bad.stage = s;
        bad.closed = false;
        STAGE_UNTIL(s, bad.closed);
        stage_leave(&bad);
    }
    /* A gate or the api that wants a credential, though the messages themselves are well-formed. */
    static const enum ipc_role thieves[] = {IPC_ROLE_GATE, IPC_ROLE_API};
    for (size_t i = 0; i < 2; i++) {
        stage_join_as(s, &bad, thieves[i], IPC_ROLE_EGRESS, thieves[i] == IPC_ROLE_API ? 0 : ALICE);
        stage_ask_unseal(&bad, "openai", &a);
        STAGE_UNTIL(s, bad.closed);
        CHECK(a.done && a.channel == CB_ECLOSED);
        stage_answer_deinit(&a);
        stage_leave(&bad);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 0);
    CHECK(!good.closed);
    CHECK_EQ_INT(unseal(&good, "openai"), 0);
    CHECK(api.closed); /* the second thief came in its place */
    stage_leave(&good);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(a_store_that_breaks_the_protocol_is_dropped_too)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    stage_serve(s);
    store_box(s, ALICE, "openai", "sk-real");
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    CHECK_EQ_INT(unseal(&egress, "openai"), 0);
    /* An answer that nobody asked for. */
    CHECK_EQ_INT(ipc_send_sealed(s->store.chan, 12345, &(struct ipc_sealed){.code = 0}), 0);
    STAGE_UNTIL(s, s->store.closed);
    CHECK(!egress.closed);
    stage_drop_store(s);
    stage_add_store(s);
    CHECK_EQ_INT(unseal(&egress, "openai"), 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_GET], 2);
    stage_leave(&egress);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

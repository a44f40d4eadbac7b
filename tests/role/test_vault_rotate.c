/* test_vault_rotate.c - the role vault and a CA's successor: made once, given out in time, signing when it is its turn. */
#include "role/vault_stage.h"

#include "base/clock.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

/* A CA of ALICE's in the store that has so many days to live. */
static void ca_with_days(struct stage *s, unsigned days)
{
    uint8_t public_key[SEAL_PUBLIC_LEN];
    struct secret *der = NULL;
    struct tls_key *key = tls_key_new();
    public_key_of(STAGE_KEY, public_key);
    buf_reset(&s->store.ca_cert[ALICE]);
    buf_reset(&s->store.ca_key[ALICE]);
    uint64_t made_ms = clock_wall_ms() + days * DAY_MS - 365 * DAY_MS;
    CHECK_EQ_INT(tls_ca_create(key, "alice", made_ms, &s->store.ca_cert[ALICE]), 0);
    CHECK_EQ_INT(tls_key_export(key, &der), 0);
    struct seal_credential c = {
        .tenant_id = ALICE, .tenant = SPAN_LIT("alice"), .name = SPAN_LIT("@ca"), .value = secret_span(der)};
    CHECK_EQ_INT(seal_credential(public_key, &c, &s->store.ca_key[ALICE]), 0);
    secret_free(der);
    tls_key_free(key);
}

static int ca_result(struct stage_peer *api, struct stage_answer *a)
{
    STAGE_UNTIL(api->stage, a->done);
    CHECK_EQ_INT(a->channel, 0);
    return a->result;
}

static void rotate(struct stage_peer *api, bool finish, struct stage_answer *a)
{
    struct ipc_ca_rotate m = {.tenant_id = ALICE, .finish = finish, .by = SPAN_LIT("admin:ada")};
    CHECK_EQ_INT(ipc_call_ca_rotate(api->chan, &m, stage_on_answer, stage_answer_init(api, a), NULL), 0);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return span_eq(buf_span(a), buf_span(b));
}

TEST(a_successor_is_made_once_and_signs_when_it_is_told_to)
{
    struct stage *s = stage_new();
    struct stage_peer api;
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    struct stage_answer a;
    struct stage_answer b;
    struct buf old;
    s->store.hosts = HOSTS;
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    rotate(&api, true, &a);
    CHECK_EQ_INT(ca_result(&api, &a), CB_ENOTFOUND);
    stage_answer_deinit(&a);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_FINISH], 0);
    /* Two at the same time are one. */
    rotate(&api, false, &a);
    rotate(&api, false, &b);
    CHECK_EQ_INT(ca_result(&api, &a), 0);
    CHECK_EQ_INT(ca_result(&api, &b), 0);
    CHECK(same(&a.a, &s->store.ca_cert[ALICE]) && same(&a.b, &s->store.next_cert));
    CHECK(same(&b.a, &a.a) && same(&b.b, &a.b));
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 2); /* the CA, and its successor */
    CHECK_EQ_STR(s->store.ca_by, "admin:ada");
    s->store.ca_by[0] = '\0';
    buf_init(&old, IPC_CERT_MAX);
    CHECK_EQ_INT(buf_append_span(&old, buf_span(&a.a)), 0);
    stage_answer_deinit(&a);
    stage_answer_deinit(&b);
    get_leaf(&gate, &k, "api.openai.com", &a);
    CHECK(same(&a.b, &old)); /* the present one signs */
    stage_answer_deinit(&a);
    rotate(&api, true, &a);
    CHECK_EQ_INT(ca_result(&api, &a), 0);
    CHECK(!same(&a.a, &old) && buf_len(&a.b) == 0);
    get_leaf(&gate, &k, "api.openai.com", &b);
    CHECK(same(&b.b, &a.a)); /* now the new one does */
    stage_answer_deinit(&a);
    stage_answer_deinit(&b);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_FINISH], 1);
    CHECK_EQ_STR(s->store.ca_by, "admin:ada");
    buf_deinit(&old);
    gate_key_free(&k);
    stage_leave(&api);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* How often the store is asked when a leaf is wanted of a CA with so many days to live. */
static void at_days(unsigned days, bool has_successor, unsigned puts, unsigned finishes)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    struct stage_answer a;
    CHECK_EQ_INT(tls_init(), 0);
    s->store.hosts = HOSTS;
    if (has_successor) {
        ca_with_days(s, 365);
        CHECK_EQ_INT(buf_append_span(&s->store.next_cert, buf_span(&s->store.ca_cert[ALICE])), 0);
        CHECK_EQ_INT(buf_append_span(&s->store.next_key, buf_span(&s->store.ca_key[ALICE])), 0);
    }
    ca_with_days(s, days);
    stage_serve(s);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    for (unsigned i = 0; i < 3; i++) {
        get_leaf(&gate, &k, "api.openai.com", &a);
        CHECK_EQ_INT(a.result, 0);
        stage_answer_deinit(&a);
    }
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_CA_PUT] >= puts && s->store.asked[IPC_MSG_CA_FINISH] >= finishes);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], puts);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_FINISH], finishes);
    CHECK_EQ_STR(s->store.ca_by, puts + finishes != 0 ? "vault" : "");
    gate_key_free(&k);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(ahead_of_its_end_a_ca_is_replaced_without_being_asked)
{
    at_days(31, false, 0, 0);
    at_days(29, false, 1, 0);
    at_days(29, true, 0, 0);
    at_days(8, true, 0, 0);
    at_days(6, true, 0, 1);
}

TEST(a_store_that_takes_no_successor_costs_nobody_a_leaf)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct stage_peer api;
    struct gate_key k = gate_key_new();
    struct stage_answer a;
    CHECK_EQ_INT(tls_init(), 0);
    s->store.hosts = HOSTS;
    s->store.ca_put_code = (uint32_t)-CB_EFULL;
    ca_with_days(s, 20);
    stage_serve(s);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    for (unsigned i = 0; i < 5; i++) {
        get_leaf(&gate, &k, "api.openai.com", &a);
        CHECK_EQ_INT(a.result, 0);
        stage_answer_deinit(&a);
    }
    CHECK(s->store.asked[IPC_MSG_CA_PUT] == 1); /* not again with every leaf */
    rotate(&api, false, &a);
    CHECK_EQ_INT(ca_result(&api, &a), CB_EFULL);
    stage_answer_deinit(&a);
    gate_key_free(&k);
    stage_leave(&gate);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(while_the_successor_takes_the_place_nobody_signs)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct stage_peer api;
    struct gate_key k = gate_key_new();
    struct stage_answer successor;
    struct stage_answer finished;
    struct stage_answer leaf;
    s->store.hosts = HOSTS;
    stage_serve(s);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    rotate(&api, false, &successor);
    CHECK_EQ_INT(ca_result(&api, &successor), 0);
    s->store.hold[IPC_MSG_CA_FINISH] = true;
    rotate(&api, true, &finished);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_CA_FINISH] == 1);
    stage_ask_leaf(&gate, "api.openai.com", buf_span(&k.public_key), &leaf);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_HOSTS_GET] == 1);
    stage_release(s, IPC_MSG_CA_FINISH);
    CHECK_EQ_INT(ca_result(&api, &finished), 0);
    STAGE_UNTIL(s, leaf.done);
    CHECK_EQ_INT(leaf.result, 0);
    CHECK(same(&leaf.b, &successor.b)); /* what the gate presents beside it is the new one */
    stage_answer_deinit(&successor);
    stage_answer_deinit(&finished);
    stage_answer_deinit(&leaf);
    gate_key_free(&k);
    stage_leave(&gate);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

static bool is_constrained_to(const struct buf *cert, const char *names)
{
    struct buf has;
    struct buf wanted;
    buf_init(&has, IPC_CERT_MAX);
    buf_init(&wanted, IPC_CERT_MAX);
    CHECK_EQ_INT(tls_cert_constraints(buf_span(cert), &has), 0);
    CHECK_EQ_INT(names != NULL ? tls_constraints_write(span_str(names), &wanted) : 0, 0);
    bool same_bytes = same(&has, &wanted);
    buf_deinit(&has);
    buf_deinit(&wanted);
    return same_bytes;
}

static void change_names(struct stage *s, const char *names)
{
    s->store.names = names;
    CHECK_EQ_INT(ipc_send_forget(s->store.chan, 0, &(struct ipc_forget){.tenant_id = ALICE}), 0);
}

static void ask_ca(struct stage_peer *api, struct stage_answer *a)
{
    struct ipc_ca_cert_get m = {.tenant_id = ALICE};
    CHECK_EQ_INT(ipc_call_ca_cert_get(api->chan, &m, stage_on_answer, stage_answer_init(api, a), NULL), 0);
    CHECK_EQ_INT(ca_result(api, a), 0);
}

TEST(when_the_names_change_a_constrained_ca_gets_a_successor_at_once)
{
    struct stage *s = stage_new();
    struct stage_peer api;
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    struct stage_answer a;
    struct stage_answer b;
    const char *names[] = {"a.example\n", "a.example\nb.example\n", "c.example\n"};
    s->store.hosts = HOSTS;
    s->store.names = names[0];
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    ask_ca(&api, &a);
    CHECK(is_constrained_to(&a.a, names[0]) && buf_len(&a.b) == 0);
    for (size_t i = 1; i < 3;
         i++) { /* the second takes the place of the first, which nobody needs any more */
        change_names(s, names[i]);
        ask_ca(&api, &b);
        CHECK(same(&b.a, &a.a) && is_constrained_to(&b.b, names[i]));
        CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], i + 1);
        stage_answer_deinit(&b);
    }
    get_leaf(&gate, &k, "api.openai.com", &b);
    CHECK(same(&b.b, &a.a)); /* the present one signs until it is told otherwise */
    stage_answer_deinit(&b);
    rotate(&api, true, &b);
    CHECK_EQ_INT(ca_result(&api, &b), 0);
    CHECK(is_constrained_to(&b.a, names[2]) && buf_len(&b.b) == 0);
    stage_answer_deinit(&b);
    change_names(s, NULL); /* the option is taken back */
    ask_ca(&api, &b);
    CHECK(is_constrained_to(&b.a, names[2]) && is_constrained_to(&b.b, NULL) && buf_len(&b.b) != 0);
    stage_answer_deinit(&a);
    stage_answer_deinit(&b);
    gate_key_free(&k);
    stage_leave(&api);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(a_gate_is_told_of_its_own_ca_and_of_the_successor)
{
    struct stage *s = stage_new();
    struct stage_peer api;
    struct stage_peer gate;
    struct stage_answer a;
    s->store.hosts = HOSTS;
    stage_serve(s);
    stage_join(s, &api, IPC_ROLE_API, 0);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    stage_ask_trust(&gate, &a); /* makes it */
    CHECK_EQ_INT(ca_result(&gate, &a), 0);
    CHECK(same(&a.a, &s->store.ca_cert[ALICE]) && buf_len(&a.a) != 0 && buf_len(&a.b) == 0);
    stage_answer_deinit(&a);
    rotate(&api, false, &a);
    CHECK_EQ_INT(ca_result(&api, &a), 0);
    stage_answer_deinit(&a);
    stage_ask_trust(&gate, &a);
    CHECK_EQ_INT(ca_result(&gate, &a), 0);
    CHECK(same(&a.a, &s->store.ca_cert[ALICE]) && same(&a.b, &s->store.next_cert) && buf_len(&a.b) != 0);
    stage_answer_deinit(&a);
    stage_leave(&api);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* test_vault.c - the vault, played against: keys, credentials, leaves, CAs, and what happens when others fail. */
#include "vault_stage.h"

#include "base/clock.h"
#include "tls/session.h"

#include <fcntl.h>

#define HOUR_MS ((uint64_t)3600 * 1000)

/* ---- what a client says to a leaf ---- */

static void carry(struct tls_session *from, struct tls_session *to)
{
    struct buf *out = tls_session_output(from);
    if (buf_len(out) != 0) {
        CHECK_EQ_INT(tls_session_feed(to, buf_span(out)), 0);
        buf_consume(out, buf_len(out));
    }
}

/* What a client that trusts `ca_der` says about the leaf: 0, CB_ECERT, ... */
static int client_verdict(const struct stage_answer *leaf, struct span ca_der, const struct gate_key *k,
                          const char *host)
{
    struct buf pem;
    buf_init(&pem, 16384);
    struct tls_roots *roots = NULL;
    struct tls_leaf *served = NULL;
    struct tls_session *there = NULL;
    struct tls_session *here = NULL;
    struct tls_server *server = tls_server_new();
    struct tls_client *client = tls_client_new();
    CHECK_EQ_INT(tls_cert_to_pem(ca_der, &pem), 0);
    CHECK_EQ_INT(tls_roots_new(buf_span(&pem), &roots, NULL), 0);
    CHECK_EQ_INT(tls_leaf_new(buf_span(&leaf->a), buf_span(&leaf->b), k->key, &served), 0);
    CHECK_EQ_INT(tls_session_new_server(server, served, &there), 0);
    CHECK_EQ_INT(tls_session_new_client(client, roots, host, &here), 0);
    int r = CB_EAGAIN;
    for (size_t i = 0; i < 20 && r == CB_EAGAIN; i++) {
        r = tls_session_handshake(here);
        carry(here, there);
        int theirs = tls_session_handshake(there);
        CHECK(theirs == 0 || theirs == CB_EAGAIN || (theirs == CB_ETLS && r == CB_ECERT));
        carry(there, here);
    }
    tls_session_free(here);
    tls_session_free(there);
    tls_leaf_unref(served);
    tls_roots_free(roots);
    tls_client_free(client);
    tls_server_free(server);
    buf_deinit(&pem);
    return r;
}

/* ---- the key ---- */

TEST(the_first_start_stores_the_key)
{
    struct stage *s = stage_new();
    struct stage_peer api;
    struct stage_answer a;
    uint8_t want[SEAL_PUBLIC_LEN];
    public_key_of(STAGE_KEY, want);
    stage_serve(s);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_GET], 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 1);
    CHECK_EQ_BYTES(s->store.key, s->store.key_len, want, sizeof(want));
    CHECK_EQ_UINT(s->layers, PRIV_LAYERS_OWN & ~STAGE_WAIVED);
    stage_join(s, &api, IPC_ROLE_API, 0);
    stage_ask_key(&api, &a);
    STAGE_UNTIL(s, a.done);
    CHECK_EQ_BYTES(buf_span(&a.a).ptr, buf_len(&a.a), want, sizeof(want));
    stage_answer_deinit(&a);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    /* The second start finds it. */
    stage_serve(s);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_GET], 2);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 1);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(another_databases_key_ends_the_vault_before_it_serves)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_answer a;
    stage_start(s);
    memset(s->store.key, 9, sizeof(s->store.key));
    s->store.key_len = sizeof(s->store.key);
    stage_send_key(s, STAGE_KEY);
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    stage_ask_unseal(&egress, "openai", &a);
    stage_add_store(s);
    stage_go(s);
    STAGE_UNTIL(s, a.done && s->store.closed);
    CHECK_EQ_INT(a.channel, CB_ECLOSED);
    CHECK(!s->ready);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 0);
    stage_answer_deinit(&a);
    stage_leave(&egress);
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    stage_free(s);
}

TEST(a_store_that_does_not_keep_the_key_ends_the_vault)
{
    struct stage *s = stage_new();
    stage_start(s);
    s->store.key_put_code = (uint32_t)-CB_ECONFLICT;
    stage_send_key(s, STAGE_KEY);
    stage_add_store(s);
    stage_go(s);
    CHECK_EQ_INT(stage_wait(s), 1);
    CHECK(!s->ready);
    stage_free(s);
}

TEST(a_master_key_is_64_digits)
{
    static const char *const bad[] = {
        "",
        "\n",
        "00",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n",
        STAGE_KEY "0",
        STAGE_KEY "\n\n",
        STAGE_KEY "\r\n",
        STAGE_KEY " ",
        " " STAGE_KEY,
        "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        STAGE_KEY "\n" STAGE_KEY "\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stage *s = stage_new();
        stage_start(s);
        stage_send_key(s, bad[i]);
        CHECK_EQ_INT(stage_wait(s), 1);
        stage_free(s);
    }
    static const char *const good[] = {STAGE_KEY, STAGE_KEY "\n"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct stage *s = stage_new();
        stage_start(s);
        stage_send_key(s, good[i]);
        stage_add_store(s);
        stage_go(s);
        STAGE_UNTIL(s, s->ready || s->life_closed);
        CHECK(s->ready);
        CHECK_EQ_INT(stage_stop(s), 0);
        stage_free(s);
    }
}

TEST(without_a_master_key_there_is_no_vault)
{
    struct stage *s = stage_new();
    stage_start(s);
    stage_add_store(s);
    stage_go(s);
    CHECK_EQ_INT(stage_wait(s), 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_GET], 0);
    stage_free(s);
}

TEST(a_gate_of_nobody_is_not_taken)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    stage_start(s);
    stage_join(s, &gate, IPC_ROLE_GATE, 0);
    STAGE_UNTIL(s, gate.closed);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_wait(s), 1);
    stage_free(s);
}

TEST(the_store_may_come_after_go)
{
    struct stage *s = stage_new();
    stage_start(s);
    stage_send_key(s, STAGE_KEY);
    stage_go(s);
    stage_add_store(s);
    STAGE_UNTIL(s, s->ready || s->life_closed);
    CHECK(s->ready);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* ---- credentials ---- */

TEST(a_credential_comes_to_its_tenant_only)
{
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct stage_answer a;
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &bob, IPC_ROLE_EGRESS, BOB);
    store_box(s, ALICE, "openai", "sk-real");
    stage_ask_unseal(&alice, "openai", &a);
    STAGE_UNTIL(s, a.done);
    CHECK_EQ_INT(a.channel, 0);
    CHECK_EQ_INT(a.result, 0);
    CHECK(span_eq_str(buf_span(&a.a), "sk-real"));
    CHECK(span_eq_str(buf_span(&a.b), "api.openai.com:443"));
    CHECK_EQ_INT(s->store.sealed_tenant, ALICE);
    CHECK_EQ_STR(s->store.sealed_name, "openai");
    stage_answer_deinit(&a);
    /* The store gives out the wrong row: of another tenant, of another name. */
    CHECK_EQ_INT(unseal(&bob, "openai"), CB_EAUTHENTIC);
    CHECK_EQ_INT(s->store.sealed_tenant, BOB);
    CHECK_EQ_INT(unseal(&alice, "anthropic"), CB_EAUTHENTIC);
    CHECK_EQ_INT(unseal(&alice, "openai"), 0);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(a_changed_or_missing_box_gives_nothing)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    uint8_t public_key[SEAL_PUBLIC_LEN];
    public_key_of(STAGE_KEY, public_key);
    stage_serve(s);
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    store_box(s, ALICE, "openai", "sk-real");
    for (size_t i = 0; i < buf_len(&s->store.box); i += 7) {
        s->store.box.data[s->store.box.start + i] ^= 1;
        CHECK_EQ_INT(unseal(&egress, "openai"), CB_EAUTHENTIC);
        s->store.box.data[s->store.box.start + i] ^= 1;
    }
    s->store.box.end--;
    CHECK_EQ_INT(unseal(&egress, "openai"), CB_EAUTHENTIC);
    buf_reset(&s->store.box);
    CHECK_EQ_INT(unseal(&egress, "openai"), CB_EAUTHENTIC);
    CHECK_EQ_INT(seal_box(public_key, SPAN_LIT("a box of something else"), &s->store.box), 0);
    CHECK_EQ_INT(unseal(&egress, "openai"), CB_EAUTHENTIC);
    uint8_t other[SEAL_PUBLIC_LEN] = {9};
    buf_reset(&s->store.box);
    CHECK_EQ_INT(seal_box(other, SPAN_LIT("a box of somebody else"), &s->store.box), 0);
    CHECK_EQ_INT(unseal(&egress, "openai"), CB_EAUTHENTIC);
    buf_reset(&s->store.box);
    s->store.sealed_code = (uint32_t)-CB_ENOTFOUND;
    CHECK_EQ_INT(unseal(&egress, "openai"), CB_ENOTFOUND);
    stage_leave(&egress);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* The CA's key is sealed under a name that is none, and the store may hand it out as a credential. */
TEST(the_ca_key_is_no_credential)
{
    struct stage *s = stage_new();
    struct stage_peer egress;
    struct stage_peer api;
    struct stage_answer a;
    stage_serve(s);
    stage_join(s, &egress, IPC_ROLE_EGRESS, ALICE);
    stage_join(s, &api, IPC_ROLE_API, 0);
    stage_ask_ca(&api, ALICE, &a);
    STAGE_UNTIL(s, a.done);
    stage_answer_deinit(&a);
    CHECK_EQ_INT(buf_append_span(&s->store.box, buf_span(&s->store.ca_key[ALICE])), 0);
    CHECK_EQ_INT(unseal(&egress, "ca"), CB_EAUTHENTIC);
    static const char *const names[] = {"@ca", "", "-a", "A", "a b"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_EQ_INT(unseal(&egress, names[i]), CB_EINVAL);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_SEALED_GET], 1);
    stage_leave(&egress);
    stage_leave(&api);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(one_channel_cannot_fill_the_vault)
{
    enum { CALLS = 300, WAITS = 256 };
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct stage_answer bobs;
    struct stage_answer *answers = calloc(CALLS, sizeof(*answers));
    if (!CHECK(answers != NULL)) {
        return;
    }
    stage_serve(s);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    store_box(s, ALICE, "openai", "sk-real");
    s->store.hold[IPC_MSG_SEALED_GET] = true;
    for (size_t i = 0; i < CALLS; i++) {
        stage_ask_unseal(&alice, "openai", &answers[i]);
    }
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_GET] == WAITS);
    /* Another channel is served meanwhile, and nothing more of the first one comes before. */
    stage_join(s, &bob, IPC_ROLE_EGRESS, BOB);
    stage_ask_unseal(&bob, "openai", &bobs);
    STAGE_UNTIL(s, s->store.asked[IPC_MSG_SEALED_GET] > WAITS);
    CHECK_EQ_INT(s->store.sealed_tenant, BOB);
    stage_release(s, IPC_MSG_SEALED_GET);
    STAGE_UNTIL(s, bobs.done);
    CHECK_EQ_INT(bobs.result, CB_EAUTHENTIC);
    for (size_t i = 0; i < CALLS; i++) {
        STAGE_UNTIL(s, answers[i].done);
        CHECK_EQ_INT(answers[i].channel, 0);
        CHECK_EQ_INT(answers[i].result, 0);
        stage_answer_deinit(&answers[i]);
    }
    stage_answer_deinit(&bobs);
    free(answers);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

/* ---- leaves ---- */

TEST(a_leaf_is_for_its_host)
{
    static const struct {
        const char *host;
        const char *name; /* as a client checks it */
        bool denial;
    } rows[] = {
        {"api.openai.com", "api.openai.com", false},
        {"a.example.com", "a.example.com", false},
        {"b.a.example.com", "b.a.example.com", false},
        {"[2001:db8::1]", "2001:db8::1", false},
        {"192.0.2.7", "192.0.2.7", false},
        {"example.com", "example.com", true},
        {"badexample.com", "badexample.com", true},
        {"evil.org", "evil.org", true},
        {"openai.com", "openai.com", true},
        {"x.api.openai.com", "x.api.openai.com", true},
        {"[2001:db8::2]", "2001:db8::2", true},
        {"192.0.2.8", "192.0.2.8", true},
    };
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage_answer a;
        uint64_t before_ms = clock_wall_ms();
        get_leaf(&gate, &k, rows[i].host, &a);
        uint64_t lifetime_ms = (rows[i].denial ? 1 : 24) * HOUR_MS;
        CHECK_EQ_INT(a.result, 0);
        CHECK_EQ_INT(a.denial, rows[i].denial);
        CHECK(a.not_after_ms + 1000 > before_ms + lifetime_ms); /* a certificate counts seconds */
        CHECK(a.not_after_ms <= clock_wall_ms() + lifetime_ms);
        CHECK_EQ_BYTES(buf_span(&a.b).ptr, buf_len(&a.b), buf_span(&s->store.ca_cert[ALICE]).ptr,
                       buf_len(&s->store.ca_cert[ALICE]));
        CHECK_EQ_INT(client_verdict(&a, buf_span(&a.b), &k, rows[i].name), 0);
        CHECK_EQ_INT(client_verdict(&a, buf_span(&a.b), &k, "other.invalid"), CB_ECERT);
        stage_answer_deinit(&a);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_HOSTS_GET], 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_GET], 1);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_CA_PUT], 1);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(a_leaf_is_refused_for_what_is_no_host_or_no_key)
{
    static const char *const hosts[] = {"",
                                        "API.openai.com",
                                        "api.openai.com.",
                                        "*.example.com",
                                        "2001:db8::1",
                                        "[2001:DB8::1]",
                                        "192.0.2.07",
                                        "a b",
                                        "api.openai.com:443"};
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    struct stage_answer a;
    bool denial;
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        CHECK_EQ_INT(leaf_result(&gate, &k, hosts[i], &denial), CB_EINVAL);
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_HOSTS_GET], 0);
    stage_ask_leaf(&gate, "api.openai.com", SPAN_LIT("not a key"), &a);
    STAGE_UNTIL(s, a.done);
    CHECK_EQ_INT(a.result, CB_EINVAL);
    stage_answer_deinit(&a);
    stage_ask_leaf(&gate, "api.openai.com", SPAN_EMPTY, &a);
    STAGE_UNTIL(s, a.done);
    CHECK_EQ_INT(a.result, CB_EINVAL);
    stage_answer_deinit(&a);
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), 0);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST(denials_are_limited_and_others_are_not)
{
    enum { ASKED = 250, BURST = 120, PER_S = 2 };
    struct stage *s = stage_new();
    struct stage_peer alice;
    struct stage_peer bob;
    struct gate_key k = gate_key_new();
    struct stage_answer *answers = calloc(ASKED, sizeof(*answers));
    bool denial;
    if (!CHECK(answers != NULL)) {
        return;
    }
    int log_fds[2]; /* not a file: the vault may not write one */
    CHECK_EQ_INT(pipe2(log_fds, O_CLOEXEC | O_NONBLOCK), 0);
    s->log_fd = log_fds[1];
    stage_serve(s);
    s->store.hosts = HOSTS;
    stage_join(s, &alice, IPC_ROLE_GATE, ALICE);
    stage_join(s, &bob, IPC_ROLE_GATE, BOB);
    uint64_t started_us = clock_mono_us();
    for (size_t i = 0; i < ASKED; i++) {
        char host[64];
        (void)snprintf(host, sizeof(host), "host%zu.invalid", i);
        stage_ask_leaf(&alice, host, buf_span(&k.public_key), &answers[i]);
    }
    unsigned made = 0;
    unsigned refused = 0;
    for (size_t i = 0; i < ASKED; i++) {
        STAGE_UNTIL(s, answers[i].done);
        CHECK_EQ_INT(answers[i].channel, 0);
        CHECK(answers[i].result == 0 ? answers[i].denial : answers[i].result == CB_EBUSY);
        made += answers[i].result == 0;
        refused += answers[i].result != 0;
        stage_answer_deinit(&answers[i]);
    }
    uint64_t seconds = (clock_mono_us() - started_us) / 1000000;
    CHECK(made >= BURST);
    CHECK(made <= BURST + PER_S * (seconds + 1));
    CHECK(refused > 0);
    CHECK_EQ_INT(leaf_result(&alice, &k, "api.openai.com", &denial), 0);
    CHECK(!denial);
    CHECK_EQ_INT(leaf_result(&bob, &k, "host1.invalid", &denial), 0);
    CHECK(denial);
    free(answers);
    stage_leave(&alice);
    stage_leave(&bob);
    CHECK_EQ_INT(stage_stop(s), 0);
    /* One warning, however many there were. */
    char log[4096];
    ssize_t len = read(log_fds[0], log, sizeof(log) - 1);
    log[len > 0 ? len : 0] = '\0';
    const char *warning =
        strstr(log, "tenant 7 asks for too many certificates for hosts that no route names");
    CHECK(warning != NULL && strstr(warning + 1, "tenant 7 asks") == NULL);
    (void)close(log_fds[0]);
    (void)close(log_fds[1]);
    gate_key_free(&k);
    stage_free(s);
}

TEST(without_hosts_there_is_no_leaf)
{
    struct stage *s = stage_new();
    struct stage_peer gate;
    struct gate_key k = gate_key_new();
    bool denial;
    stage_serve(s);
    stage_join(s, &gate, IPC_ROLE_GATE, ALICE);
    s->store.hosts_code = (uint32_t)-CB_EDB;
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), CB_EDB);
    s->store.hosts_code = UINT32_MAX; /* no code at all */
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), CB_EMALFORMED);
    /* It is asked again: an error is not remembered. */
    s->store.hosts_code = 0;
    s->store.hosts = HOSTS;
    CHECK_EQ_INT(leaf_result(&gate, &k, "api.openai.com", &denial), 0);
    CHECK(!denial);
    stage_leave(&gate);
    CHECK_EQ_INT(stage_stop(s), 0);
    gate_key_free(&k);
    stage_free(s);
}

TEST_MAIN()

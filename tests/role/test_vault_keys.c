/* test_vault_keys.c - the role vault: whose key it is, from where, the successor of a key, and everything sealed anew. */
#include "role/vault_stage.h"
#include "tls/passphrase.h"

#define OTHER_KEY "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ID        SPAN_LIT("0123456789abcdef")
#define OTHER_ID  SPAN_LIT("0123456789abcdeg")

static void public_of(const char *key, struct span id, uint8_t out[SEAL_PUBLIC_LEN])
{
    struct secret *secret_key = NULL;
    struct secret *master = master_of(key);
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(seal_keypair(master, id, out, &secret_key), 0);
    secret_free(secret_key);
    secret_free(master);
}

static void box_for(const char *key, struct span id, uint64_t tenant_id, const char *name, struct buf *out)
{
    uint8_t public_key[SEAL_PUBLIC_LEN];
    public_of(key, id, public_key);
    struct seal_credential c = {.tenant_id = tenant_id,
                                .tenant = SPAN_LIT("alice"),
                                .name = span_str(name),
                                .binding = SPAN_LIT("api.openai.com:443"),
                                .value = SPAN_LIT("sk-real")};
    buf_reset(out);
    CHECK_EQ_INT(seal_credential(public_key, &c, out), 0);
}

static bool opens(const char *key, struct span id, const struct buf *box)
{
    uint8_t public_key[SEAL_PUBLIC_LEN];
    struct secret *secret_key = NULL;
    struct secret *opened = NULL;
    struct secret *master = master_of(key);
    CHECK_EQ_INT(seal_keypair(master, id, public_key, &secret_key), 0);
    int r = seal_open(public_key, secret_key, buf_span(box), &opened);
    secret_free(opened);
    secret_free(secret_key);
    secret_free(master);
    return r == 0;
}

static void begin(struct stage *s, const char *key, const char *next)
{
    s->key_said = 0;
    stage_start(s);
    stage_send_key(s, key);
    if (next != NULL) {
        stage_send_file(s, IPC_FILE_MASTER_KEY_NEXT, next);
    }
    stage_add_store(s);
    stage_go(s);
    STAGE_UNTIL(s, s->ready || s->life_closed);
}

TEST(a_box_of_another_database_does_not_open)
{
    struct stage *s = stage_new();
    struct stage_peer alice;
    s->store.database_id = ID;
    begin(s, STAGE_KEY, NULL);
    stage_join(s, &alice, IPC_ROLE_EGRESS, ALICE);
    box_for(STAGE_KEY, ID, ALICE, "openai", &s->store.box);
    CHECK_EQ_INT(unseal(&alice, "openai"), 0);
    box_for(STAGE_KEY, OTHER_ID, ALICE, "openai", &s->store.box); /* the same master key */
    CHECK_EQ_INT(unseal(&alice, "openai"), CB_EAUTHENTIC);
    box_for(OTHER_KEY, ID, ALICE, "openai", &s->store.box);
    CHECK_EQ_INT(unseal(&alice, "openai"), CB_EAUTHENTIC);
    box_for(STAGE_KEY, ID, BOB, "openai", &s->store.box);
    CHECK_EQ_INT(unseal(&alice, "openai"), CB_EAUTHENTIC);
    box_for(STAGE_KEY, ID, ALICE, "other", &s->store.box);
    CHECK_EQ_INT(unseal(&alice, "openai"), CB_EAUTHENTIC);
    stage_leave(&alice);
    CHECK_EQ_INT(stage_stop(s), 0);
    stage_free(s);
}

TEST(of_two_keys_the_databases_own_is_used)
{
    struct stage *s = stage_new();
    s->store.database_id = ID;
    begin(s, STAGE_KEY, NULL);
    CHECK(s->ready && s->key_said == 0); /* the first key of a database: there was no choice */
    CHECK_EQ_INT(stage_stop(s), 0);
    begin(s, STAGE_KEY, OTHER_KEY);
    CHECK(s->ready && s->key_said == 1 && !s->key_is_next);
    CHECK_EQ_INT(stage_stop(s), 0);
    begin(s, OTHER_KEY, STAGE_KEY);
    CHECK(s->ready && s->key_said == 1 && s->key_is_next);
    CHECK_EQ_INT(stage_stop(s), 0);
    begin(s, OTHER_KEY, OTHER_KEY);
    CHECK(!s->ready && s->key_said == 0);
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    s->store.database_id = OTHER_ID; /* the file of another database under the same key */
    begin(s, STAGE_KEY, NULL);
    CHECK(!s->ready);
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    stage_free(s);
}

static int with_passphrase(struct stage *s, const char *text)
{
    stage_start(s);
    stage_send_file(s, IPC_FILE_PASSPHRASE, text);
    stage_add_store(s);
    stage_go(s);
    STAGE_UNTIL(s, s->ready || s->life_closed);
    return s->ready ? stage_stop(s) : stage_wait(s);
}

TEST(a_key_from_a_passphrase)
{
    struct stage *s = stage_new();
    s->store.database_id = ID;
    CHECK_EQ_INT(with_passphrase(s, "correct horse battery\n"), 0);
    CHECK_EQ_UINT(s->store.kdf_len, PASSPHRASE_KDF_LEN);
    CHECK_EQ_INT(with_passphrase(s, "correct horse battery"), 0);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 1);
    CHECK_EQ_INT(with_passphrase(s, "correct horse batterz"), VAULT_EXIT_WRONG_KEY);
    CHECK_EQ_INT(with_passphrase(s, "too short\n"), 1);
    CHECK_EQ_INT(with_passphrase(s, ""), 1);
    begin(s, STAGE_KEY, NULL); /* a key file, where a passphrase belongs */
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    s->store.kdf[20] ^= 0xff; /* costs that nobody would choose */
    CHECK_EQ_INT(with_passphrase(s, "correct horse battery"), VAULT_EXIT_WRONG_KEY);
    s->store.kdf_len = 0; /* a passphrase, where a key file belongs */
    CHECK_EQ_INT(with_passphrase(s, "correct horse battery"), VAULT_EXIT_WRONG_KEY);
    stage_free(s);
}

/* ---- rekey ---- */

static struct stage *rekey_stage(void)
{
    struct stage *s = stage_new();
    s->rekey = true;
    s->store.database_id = ID;
    public_of(STAGE_KEY, ID, s->store.key);
    s->store.key_len = SEAL_PUBLIC_LEN;
    s->store.row_count = 3;
    for (size_t i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        box_for(STAGE_KEY, ID, ALICE, name, &s->store.rows[i]);
    }
    return s;
}

TEST(everything_is_sealed_anew)
{
    struct stage *s = rekey_stage();
    uint8_t want[SEAL_PUBLIC_LEN];
    begin(s, STAGE_KEY, OTHER_KEY "\n");
    CHECK_EQ_INT(stage_wait(s), 0);
    CHECK(!s->ready && s->store.committed);
    CHECK(s->key_said == 1 && s->key_is_next && s->key_rows == 3);
    public_of(OTHER_KEY, ID, want);
    CHECK_EQ_BYTES(s->store.key, SEAL_PUBLIC_LEN, want, SEAL_PUBLIC_LEN);
    for (size_t i = 0; i < 3; i++) {
        CHECK(opens(OTHER_KEY, ID, &s->store.rows[i]) && !opens(STAGE_KEY, ID, &s->store.rows[i]));
    }
    CHECK_EQ_INT(s->store.asked[IPC_MSG_VAULT_KEY_PUT], 0);
    /* It was cut off before the monitor heard of it: the same command finds it done. */
    s->store.rows_asked = 0;
    s->store.committed = false;
    begin(s, STAGE_KEY, OTHER_KEY);
    CHECK_EQ_INT(stage_wait(s), 0);
    CHECK(s->key_said == 1 && s->key_is_next && !s->store.committed && s->store.rows_asked == 0);
    stage_free(s);
}

TEST(a_box_that_is_not_its_rows_stops_it)
{
    static const struct {
        const char *key;
        uint64_t tenant_id;
        const char *name;
    } bad[] = {{STAGE_KEY, BOB, "b"}, {STAGE_KEY, ALICE, "a"}, {OTHER_KEY, ALICE, "b"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stage *s = rekey_stage();
        box_for(bad[i].key, ID, bad[i].tenant_id, bad[i].name, &s->store.rows[1]);
        begin(s, STAGE_KEY, OTHER_KEY);
        CHECK_EQ_INT(stage_wait(s), 1);
        CHECK(!s->store.committed && s->key_said == 0 && s->store.rows_back == 1);
        stage_free(s);
    }
}

TEST(a_rekey_with_the_wrong_key_changes_nothing)
{
    struct stage *s = rekey_stage();
    begin(s, OTHER_KEY, "a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    CHECK_EQ_INT(stage_wait(s), VAULT_EXIT_WRONG_KEY);
    CHECK_EQ_INT(s->store.asked[IPC_MSG_REKEY_NEXT], 0);
    stage_free(s);
    s = rekey_stage();
    begin(s, STAGE_KEY, NULL);
    CHECK_EQ_INT(stage_wait(s), 1);
    stage_free(s);
}

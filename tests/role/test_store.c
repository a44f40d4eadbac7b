/* test_store.c - the store, played against: its start and end, tenants, who is told what, peers that break the rules. */
#include "store_stage.h"

#include "tls/seal.h"

TEST_MAIN()
STAGE_CLOCK

/* ---- start and end ---- */

TEST(an_empty_folder_becomes_a_store)
{
    struct store_stage *t = store_stage_new();
    char path[300];
    struct stat st;
    store_stage_serve(t);
    CHECK_EQ_UINT(t->life_count, 1);
    CHECK_EQ_INT(t->life[0].msg, IPC_MSG_TENANTS_LOADED);
    CHECK_EQ_UINT(t->life[0].tenant_id, 0);
    store_stage_file(t, "", path);
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(tenants_are_named_again_with_their_ports)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t bob = store_create(t, &api, "bob");
    uint64_t alice = store_create(t, &api, "alice");
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);

    store_stage_serve(t);
    CHECK_EQ_UINT(t->life_count, 3);
    CHECK_EQ_INT(t->life[0].msg, IPC_MSG_TENANT_UP);
    CHECK_EQ_STR(t->life[0].tenant, "alice");
    CHECK_EQ_UINT(t->life[0].tenant_id, alice);
    CHECK_EQ_UINT(t->life[0].port, 40000 + alice);
    CHECK_EQ_UINT(t->life[1].tenant_id, bob);
    CHECK_EQ_UINT(t->life[1].port, 40000 + bob);
    CHECK_EQ_INT(t->life[2].msg, IPC_MSG_TENANTS_LOADED);
    CHECK_EQ_UINT(t->life[2].tenant_id, 2);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* A monitor that changes its mind while roles start. */
TEST(a_stop_before_go_is_an_end_like_others)
{
    for (size_t i = 0; i < 2; i++) {
        struct store_stage *t = store_stage_new();
        struct store_friend api;
        stage_start(&t->s);
        if (i == 1) {
            store_join(t, &api, IPC_ROLE_API, 0, NULL);
            store_leave(&api);
        }
        CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
        free(t);
    }
}

TEST(a_store_does_not_outlive_its_monitor)
{
    struct store_stage *t = store_stage_new();
    store_stage_serve(t);
    ipc_chan_free(t->s.life);
    t->s.life = NULL;
    t->s.life_closed = true;
    CHECK_EQ_INT(stage_wait(&t->s), 1);
    free(t);
}

TEST(a_file_that_is_no_database_ends_the_start_and_stays)
{
    struct store_stage *t = store_stage_new();
    char path[300];
    store_stage_file(t, "", path);
    test_file_write(path, "dear diary", 10);
    t->s.quiet = true;
    stage_start(&t->s);
    stage_go(&t->s);
    CHECK_EQ_INT(stage_wait(&t->s), 1);
    CHECK(!t->s.ready);
    struct test_file f = test_file_read(path);
    CHECK_EQ_BYTES(f.bytes, f.len, "dear diary", 10);
    free(f.bytes);
    free(t);
}

/* What peers ask before GO waits for the database. */
TEST(requests_before_go_are_answered_after_it)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_answer a;
    struct ipc_tenant m;
    stage_start(&t->s);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    CHECK_EQ_INT(ipc_call_tenant_get(api.chan, &(struct ipc_tenant_get){.tenant = SPAN_LIT("alice")},
                                     store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    ipc_chan_flush(api.chan);
    stage_serve(&t->s);
    STORE_GET(&a, TENANT, tenant, &m);
    CHECK_EQ_INT(ipc_result(m.code), CB_ENOTFOUND);
    buf_deinit(&a.payload);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* ---- applying ---- */

TEST(an_apply_is_answered_when_every_new_tenant_has_a_listener)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_answer a;
    struct test_apply apply;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    test_apply_init(&apply);
    test_apply_add(&apply, "alice", "a: 1", test_spec("alice", "https://a.example.com:443", "key"), NULL);
    test_apply_add(&apply, "bob", "b: 1", test_spec("bob", "https://b.example.com:443", NULL), NULL);
    struct writer w = writer_to(&apply.list);
    ipc_list_end(&w, apply.at, apply.count);
    struct ipc_tenants_apply m = {.tenants = buf_span(&apply.list)};
    CHECK_EQ_INT(ipc_call_tenants_apply(api.chan, &m, store_on_answer, store_answer_init(&api, &a), NULL), 0);
    buf_deinit(&apply.list);

    STAGE_UNTIL(&t->s, t->life_count == 3);
    CHECK_EQ_INT(t->life[1].msg, IPC_MSG_TENANT_UP);
    CHECK_EQ_STR(t->life[1].tenant, "alice");
    CHECK_EQ_UINT(t->life[1].port, 0);
    CHECK_EQ_STR(t->life[2].tenant, "bob");
    store_listening(t, t->life[1].tenant_id, 40001);
    store_listening(t, 4711, 40009); /* nobody's */
    store_settle(&api);
    CHECK(!a.done);
    store_listening(t, t->life[2].tenant_id, 40002);
    struct ipc_tenants_applied applied;
    STORE_GET(&a, TENANTS_APPLIED, tenants_applied, &applied);
    CHECK_EQ_UINT(applied.code, 0);
    struct reader r = reader_of(applied.results);
    CHECK_EQ_UINT(ipc_list_read(&r, 9), 2);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "alice"));
    CHECK_EQ_INT(reader_u8(&r), STORE_APPLIED_CREATED);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "bob"));
    CHECK_EQ_INT(reader_u8(&r), STORE_APPLIED_CREATED);
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&a.payload);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(an_apply_does_not_wait_for_ever)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_answer a;
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    store_apply(&api, "alice", "https://api.example.com:443", &a);
    STAGE_UNTIL(&t->s, t->life_count == 2);
    store_settle(&api);
    CHECK(!a.done);
    stage_advance(&t->s, 3000);
    store_settle(&api);
    CHECK_EQ_INT(store_applied_what(&a), STORE_APPLIED_CREATED);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* The answer that nobody waits for any more must not go to the next api, which counts its calls anew. */
TEST(an_api_that_went_is_not_answered)
{
    struct store_stage *t = store_stage_new();
    struct store_friend first;
    struct store_friend second;
    struct store_answer a;
    store_stage_serve(t);
    store_join(t, &first, IPC_ROLE_API, 0, NULL);
    store_apply(&first, "alice", "https://api.example.com:443", &a);
    STAGE_UNTIL(&t->s, t->life_count == 2);
    store_join(t, &second, IPC_ROLE_API, 0, NULL); /* replaces it */
    STAGE_UNTIL(&t->s, first.closed);
    CHECK_EQ_INT(a.channel, CB_ECLOSED);
    buf_deinit(&a.payload);
    store_leave(&first);
    store_listening(t, t->life[1].tenant_id, 40001);
    store_settle(&second);
    CHECK(!second.closed);
    store_leave(&second);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(a_changed_tenant_is_told_to_its_egress_and_to_the_vault)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend vault;
    struct store_friend alice;
    struct store_friend bob;
    struct store_answer a;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    store_join(t, &vault, IPC_ROLE_VAULT, 0, NULL);
    uint64_t alice_id = store_create(t, &api, "alice");
    uint64_t bob_id = store_create(t, &api, "bob");
    store_join(t, &alice, IPC_ROLE_EGRESS, alice_id, "alice");
    store_join(t, &bob, IPC_ROLE_EGRESS, bob_id, "bob");
    store_settle(&api);

    store_apply(&api, "alice", "https://api.example.com:443", &a);
    CHECK_EQ_INT(store_applied_what(&a), STORE_APPLIED_UNCHANGED);
    store_apply(&api, "alice", "https://api.example.com:8443", &a);
    CHECK_EQ_INT(store_applied_what(&a), STORE_APPLIED_UPDATED);
    STAGE_UNTIL(&t->s, alice.event_count == 1 && vault.event_count == 1);
    CHECK_EQ_INT(alice.events[0].msg, IPC_MSG_SPEC_CHANGED);
    CHECK_EQ_UINT(alice.events[0].value, 2);
    CHECK_EQ_INT(vault.events[0].msg, IPC_MSG_FORGET);
    CHECK_EQ_UINT(vault.events[0].value, alice_id);

    struct ipc_credential_put put = {.tenant = SPAN_LIT("bob"),
                                     .tenant_id = bob_id,
                                     .credential = SPAN_LIT("key"),
                                     .binding = SPAN_LIT("api.example.com:443"),
                                     .box = SPAN_LIT("sealed")};
    struct ipc_done done;
    CHECK_EQ_INT(ipc_call_credential_put(api.chan, &put, store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, DONE, done, &done);
    CHECK_EQ_UINT(done.code, 0);
    buf_deinit(&a.payload);
    STAGE_UNTIL(&t->s, bob.event_count == 1);
    CHECK_EQ_UINT(bob.events[0].value, 2);
    CHECK_EQ_INT(ipc_call_credential_delete(api.chan,
                                            &(struct ipc_credential_delete){.tenant = SPAN_LIT("bob"),
                                                                            .credential = SPAN_LIT("key")},
                                            store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, DONE, done, &done);
    CHECK_EQ_UINT(done.code, 0);
    buf_deinit(&a.payload);
    STAGE_UNTIL(&t->s, bob.event_count == 2);
    CHECK_EQ_UINT(bob.events[1].value, 3);
    CHECK_EQ_UINT(alice.event_count, 1);

    CHECK_EQ_INT(ipc_call_tenant_delete(api.chan, &(struct ipc_tenant_delete){.tenant = SPAN_LIT("alice")},
                                        store_on_answer, store_answer_init(&api, &a), NULL),
                 0);
    STORE_GET(&a, DONE, done, &done);
    CHECK_EQ_UINT(done.code, 0);
    buf_deinit(&a.payload);
    STAGE_UNTIL(&t->s, t->life_count == 4 && vault.event_count == 2);
    CHECK_EQ_INT(t->life[3].msg, IPC_MSG_TENANT_DOWN);
    CHECK_EQ_UINT(t->life[3].tenant_id, alice_id);
    CHECK_EQ_UINT(vault.events[1].value, alice_id);
    store_leave(&alice);
    store_leave(&bob);
    store_leave(&vault);
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* ---- whose routes ---- */

static void get_spec(struct store_friend *egress, int want, const char *tenant)
{
    struct store_answer a;
    struct ipc_spec m;
    CHECK_EQ_INT(ipc_call_spec_get(egress->chan, &(struct ipc_spec_get){.known_generation = 0},
                                   store_on_answer, store_answer_init(egress, &a), NULL),
                 0);
    STORE_GET(&a, SPEC, spec, &m);
    CHECK_EQ_INT(ipc_result(m.code), want);
    struct spec *spec = NULL;
    if (want == 0 && CHECK_EQ_INT(spec_decode(m.spec, &spec), 0)) {
        CHECK_EQ_STR(spec->tenant, tenant);
        CHECK_EQ_UINT(m.token_hash.len, IPC_HASH_LEN);
        struct reader r = reader_of(m.credentials);
        char placeholder[64];
        (void)snprintf(placeholder, sizeof(placeholder), "sk-key-of-%s", tenant);
        CHECK_EQ_UINT(ipc_list_read(&r, 9), 1);
        CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "key"));
        CHECK(span_eq_str(ipc_read_text(&r, 256), placeholder));
        CHECK_EQ_UINT(reader_u64(&r), 0);
        CHECK_EQ_INT(reader_finish(&r), 0);
    } else {
        CHECK_EQ_UINT(m.spec.len, 0);
    }
    spec_free(spec);
    buf_deinit(&a.payload);
}

TEST(an_egress_gets_the_routes_of_its_channel)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend egress[3];
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t alice = store_create(t, &api, "alice");
    uint64_t bob = store_create(t, &api, "bob");
    store_join(t, &egress[0], IPC_ROLE_EGRESS, alice, "alice");
    store_join(t, &egress[1], IPC_ROLE_EGRESS, bob, "bob");
    store_join(t, &egress[2], IPC_ROLE_EGRESS, 4711, "mallory");
    get_spec(&egress[0], 0, "alice");
    get_spec(&egress[1], 0, "bob");
    get_spec(&egress[2], CB_ENOTFOUND, NULL);
    get_spec(&egress[0], 0, "alice");
    for (size_t i = 0; i < 3; i++) {
        store_leave(&egress[i]);
    }
    store_leave(&api);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* ---- the vault's rows ---- */

static int put_key(struct store_friend *vault, uint8_t byte, size_t len)
{
    struct store_answer a;
    struct ipc_done done;
    uint8_t key[32];
    memset(key, byte, sizeof(key));
    CHECK_EQ_INT(ipc_call_vault_key_put(vault->chan,
                                        &(struct ipc_vault_key_put){.public_key = span_of(key, len)},
                                        store_on_answer, store_answer_init(vault, &a), NULL),
                 0);
    STAGE_UNTIL(a.stage, a.done);
    int r = a.channel;
    if (r == 0) {
        CHECK_EQ_INT(ipc_get_done(buf_span(&a.payload), &done), 0);
        r = ipc_result(done.code);
    }
    buf_deinit(&a.payload);
    return r;
}

TEST(the_vaults_key_is_stored_once)
{
    struct store_stage *t = store_stage_new();
    struct store_friend vault;
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, &vault, IPC_ROLE_VAULT, 0, NULL);
    CHECK_EQ_INT(put_key(&vault, 7, 32), 0);
    CHECK(put_key(&vault, 8, 32) < 0);
    struct store_answer a;
    struct ipc_vault_key key;
    CHECK_EQ_INT(ipc_call_vault_key_get(vault.chan, &(struct ipc_vault_key_get){.version = 1},
                                        store_on_answer, store_answer_init(&vault, &a), NULL),
                 0);
    STORE_GET(&a, VAULT_KEY, vault_key, &key);
    CHECK_EQ_UINT(key.public_key.len, 32);
    CHECK(key.public_key.len == 32 && key.public_key.ptr[31] == 7);
    buf_deinit(&a.payload);
    CHECK_EQ_INT(put_key(&vault, 7, 31), CB_ECLOSED);
    store_leave(&vault);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* ---- suspending ---- */

static int store_suspend(struct store_friend *api, const char *tenant, bool suspend)
{
    struct store_answer a;
    struct ipc_done done;
    struct ipc_tenant_suspend m = {.tenant = span_str(tenant), .suspend = suspend};
    CHECK_EQ_INT(ipc_call_tenant_suspend(api->chan, &m, store_on_answer, store_answer_init(api, &a), NULL),
                 0);
    STORE_GET(&a, DONE, done, &done);
    int code = ipc_result(done.code);
    buf_deinit(&a.payload);
    return code;
}

static bool store_is_suspended(struct store_friend *egress)
{
    struct store_answer a;
    struct ipc_spec spec;
    CHECK_EQ_INT(ipc_call_spec_get(egress->chan, &(struct ipc_spec_get){0}, store_on_answer,
                                   store_answer_init(egress, &a), NULL),
                 0);
    STORE_GET(&a, SPEC, spec, &spec);
    bool suspended = spec.suspended;
    buf_deinit(&a.payload);
    return suspended;
}

static int store_sealed(struct store_friend *vault, uint64_t tenant_id)
{
    struct store_answer a;
    struct ipc_sealed sealed;
    struct ipc_sealed_get get = {.tenant_id = tenant_id, .credential = SPAN_LIT("key")};
    CHECK_EQ_INT(ipc_call_sealed_get(vault->chan, &get, store_on_answer, store_answer_init(vault, &a), NULL),
                 0);
    STORE_GET(&a, SEALED, sealed, &sealed);
    int code = ipc_result(sealed.code);
    buf_deinit(&a.payload);
    return code;
}

TEST(a_suspended_tenants_credentials_are_not_handed_out)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend vault;
    struct store_friend alice;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    store_join(t, &vault, IPC_ROLE_VAULT, 0, NULL);
    uint64_t id = store_create(t, &api, "alice");
    uint64_t bob = store_create(t, &api, "bob");
    store_join(t, &alice, IPC_ROLE_EGRESS, id, "alice");
    CHECK_EQ_INT(store_sealed(&vault, id), CB_ENOTFOUND); /* not set; but it was looked for */
    CHECK(!store_is_suspended(&alice));
    size_t before = t->life_count;
    CHECK_EQ_INT(store_suspend(&api, "alice", true), 0);
    STAGE_UNTIL(&t->s, t->life_count == before + 1 && alice.event_count == 1);
    CHECK_EQ_INT(t->life[before].msg, IPC_MSG_TENANT_RESTART);
    CHECK_EQ_UINT(t->life[before].tenant_id, id);
    CHECK_EQ_INT(alice.events[0].msg, IPC_MSG_SPEC_CHANGED);
    CHECK_EQ_INT(store_sealed(&vault, id), CB_EPERM);
    CHECK_EQ_INT(store_sealed(&vault, bob), CB_ENOTFOUND);
    CHECK(store_is_suspended(&alice));
    CHECK_EQ_INT(store_suspend(&api, "alice", true), 0); /* again: nothing happens */
    CHECK_EQ_INT(store_suspend(&api, "nobody", true), CB_ENOTFOUND);
    CHECK_EQ_INT(store_suspend(&api, "alice", false), 0);
    CHECK(!store_is_suspended(&alice));
    CHECK_EQ_UINT(alice.event_count, 2);
    CHECK_EQ_INT(store_sealed(&vault, id), CB_ENOTFOUND);
    CHECK_EQ_UINT(t->life_count, before + 1);
    store_leave(&api);
    store_leave(&vault);
    store_leave(&alice);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(a_tripwire_suspends_only_the_tenant_of_its_channel)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend alice;
    struct store_friend bob;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t id = store_create(t, &api, "alice");
    uint64_t bob_id = store_create(t, &api, "bob");
    store_join(t, &alice, IPC_ROLE_EGRESS, id, "alice");
    store_join(t, &bob, IPC_ROLE_EGRESS, bob_id, "bob");
    size_t before = t->life_count;
    CHECK_EQ_INT(store_decide_one(&alice, 1), 0);
    struct ipc_tripwire m = {.request_id = store_request_id(1)};
    CHECK_EQ_INT(ipc_send_tripwire(alice.chan, 0, &m), 0);
    CHECK_EQ_INT(ipc_send_tripwire(alice.chan, 0, &m), 0);
    STAGE_UNTIL(&t->s, t->life_count == before + 1);
    CHECK_EQ_UINT(t->life[before].tenant_id, id);
    CHECK(store_is_suspended(&alice));
    CHECK(!store_is_suspended(&bob));
    CHECK_EQ_INT(store_decide_one(&bob, 2), 0);
    store_leave(&api);
    store_leave(&alice);
    store_leave(&bob);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* ---- peers that break the rules ---- */

TEST(a_broken_rule_costs_that_channel_only)
{
    const struct {
        enum ipc_role as;
        unsigned msg;
        size_t announced; /* 0: what there is */
        struct span payload;
    } bad[] = {
        {IPC_ROLE_EGRESS, IPC_MSG__COUNT, 0, SPAN_LIT("")},                  /* no such message */
        {IPC_ROLE_EGRESS, 65535, 0, SPAN_LIT("")},                           /* nor this */
        {IPC_ROLE_EGRESS, IPC_MSG_TENANT_GET, 0, SPAN_LIT("\0\0\0\5alice")}, /* the api's */
        {IPC_ROLE_EGRESS, IPC_MSG_SEALED_GET, 0, SPAN_LIT("\0\0\0\0\0\0\0\1\0\0\0\3key")}, /* the vault's */
        {IPC_ROLE_EGRESS, IPC_MSG_SPEC, 0, SPAN_LIT("")},                                  /* the wrong way */
        {IPC_ROLE_EGRESS, IPC_MSG_AUDIT_STORED, 0, SPAN_LIT("")},  /* an answer to nothing */
        {IPC_ROLE_EGRESS, IPC_MSG_READY, 0, SPAN_LIT("\0\0\0\0")}, /* of another channel */
        {IPC_ROLE_EGRESS, IPC_MSG_SPEC_GET, 17, SPAN_LIT("")},     /* over the limit */
        {IPC_ROLE_EGRESS, IPC_MSG_SPEC_GET, 0xffffffff, SPAN_LIT("")},
        {IPC_ROLE_EGRESS, IPC_MSG_SPEC_GET, 0, SPAN_LIT("\0\0\0\0\0\0\0")},    /* too short */
        {IPC_ROLE_EGRESS, IPC_MSG_SPEC_GET, 0, SPAN_LIT("\0\0\0\0\0\0\0\0!")}, /* too long */
        {IPC_ROLE_EGRESS, IPC_MSG_TRIPWIRE, 0, SPAN_LIT("\0\0\0\3abc")},       /* not the id of a request */
        {IPC_ROLE_EGRESS, IPC_MSG_TENANT_SUSPEND, 0, SPAN_LIT("\0\0\0\3bob\1")},
        {IPC_ROLE_EGRESS, IPC_MSG_AUDIT_DECISION, 0, SPAN_LIT("\377\377\377\377")},
        {IPC_ROLE_VAULT, IPC_MSG_SPEC_GET, 0, SPAN_LIT("\0\0\0\0\0\0\0\0")},
        {IPC_ROLE_VAULT, IPC_MSG_REKEY_NEXT, 0,
         SPAN_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0")}, /* not in this life */
        {IPC_ROLE_VAULT, IPC_MSG_TENANT_DELETE, 0, SPAN_LIT("\0\0\0\5alice")},
        {IPC_ROLE_VAULT, IPC_MSG_CA_PUT, 16385, SPAN_LIT("")},
        {IPC_ROLE_API, IPC_MSG_SEALED_GET, 0, SPAN_LIT("\0\0\0\0\0\0\0\1\0\0\0\3key")},
        {IPC_ROLE_API, IPC_MSG_AUDIT_OUTCOME, 0, SPAN_LIT("")},
        {IPC_ROLE_API, IPC_MSG_TENANT_GET, 0, SPAN_LIT("\0\0\0\5al\1ce")}, /* not printable */
        {IPC_ROLE_API, IPC_MSG_TENANTS_APPLY, IPC_APPLY_MAX + 1, SPAN_LIT("")},
    };
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_friend bob;
    t->s.quiet = true;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    uint64_t id = store_create(t, &api, "bob");
    store_join(t, &bob, IPC_ROLE_EGRESS, id, "bob");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf bytes;
        buf_init(&bytes, 4096);
        stage_raw_frame(&bytes, bad[i].announced != 0 ? bad[i].announced : bad[i].payload.len, bad[i].msg, 1,
                        bad[i].payload);
        int fd = stage_wire(&t->s, bad[i].as, bad[i].as == IPC_ROLE_EGRESS ? 99 : 0,
                            bad[i].as == IPC_ROLE_EGRESS ? "mallory" : NULL);
        ipc_chan_flush(t->s.life);
        stage_raw_write(fd, buf_span(&bytes));
        if (!CHECK(stage_raw_ended(fd))) {
            printf("    bad message %zu\n", i);
        }
        buf_deinit(&bytes);
        CHECK_EQ_INT(store_decide_one(&bob, i), 0);
    }
    CHECK(!bob.closed);
    STAGE_UNTIL(&t->s, api.closed); /* replaced by the bad ones */
    store_leave(&api);
    store_leave(&bob);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

/* A peer that the store has no business with is not let in. */
TEST(a_gate_is_no_peer_of_the_store)
{
    struct store_stage *t = store_stage_new();
    t->s.quiet = true;
    store_stage_serve(t);
    int fd = stage_wire(&t->s, IPC_ROLE_GATE, 1, "alice");
    ipc_chan_flush(t->s.life);
    CHECK(stage_raw_ended(fd));
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

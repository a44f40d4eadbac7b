/* test_store_rekey.c - the store's part of `clawbox rekey`: in order, all of it, or nothing. */
#include "role/store_stage.h"

#define NEW_KEY "the new public key, 32 bytes ..."

static int answer_code(struct store_answer *a)
{
    struct ipc_done done;
    STORE_GET(a, DONE, done, &done);
    int code = ipc_result(done.code);
    buf_deinit(&a->payload);
    return code;
}

static int put_credential(struct store_friend *api, uint64_t id, const char *tenant, const char *name,
                          const char *box)
{
    struct store_answer a;
    struct ipc_credential_put put = {.tenant = span_str(tenant),
                                     .tenant_id = id,
                                     .credential = span_str(name),
                                     .binding = SPAN_LIT("api.example.com:443"),
                                     .box = span_str(box)};
    CHECK_EQ_INT(ipc_call_credential_put(api->chan, &put, store_on_answer, store_answer_init(api, &a), NULL),
                 0);
    return answer_code(&a);
}

/* Two tenants with three boxes, and a CA; then a store that was started to seal all that anew. */
static struct store_stage *rekey_stage(struct store_friend *vault)
{
    struct store_stage *t = store_stage_new();
    struct store_friend api;
    struct store_answer a;
    store_stage_serve(t);
    store_join(t, &api, IPC_ROLE_API, 0, NULL);
    store_join(t, vault, IPC_ROLE_VAULT, 0, NULL);
    uint64_t alice = store_create(t, &api, "alice");
    uint64_t bob = store_create(t, &api, "bob");
    CHECK_EQ_INT(put_credential(&api, alice, "alice", "b", "alice-b"), 0);
    CHECK_EQ_INT(put_credential(&api, alice, "alice", "a", "alice-a"), 0);
    CHECK_EQ_INT(put_credential(&api, bob, "bob", "key", "bob-key"), 0);
    struct ipc_ca_put ca = {.tenant_id = bob, .cert = SPAN_LIT("cert"), .sealed_key = SPAN_LIT("bob-ca")};
    CHECK_EQ_INT(ipc_call_ca_put(vault->chan, &ca, store_on_answer, store_answer_init(vault, &a), NULL), 0);
    CHECK_EQ_INT(answer_code(&a), 0);
    store_leave(&api);
    store_leave(vault);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    t->s.rekey = true;
    store_stage_serve(t);
    CHECK_EQ_UINT(t->life_count, 0); /* nobody is named: there are no listeners */
    store_join(t, vault, IPC_ROLE_VAULT, 0, NULL);
    return t;
}

/* Asks for the box after *row and puts its description there, "kind tenant name box"; false after the last. */
static bool next(struct store_friend *vault, struct ipc_rekey_put *row, char name[64], char text[128])
{
    struct store_answer a;
    struct ipc_rekey_box box;
    struct ipc_rekey_next m = {.kind = row->kind, .tenant_id = row->tenant_id, .name = row->name};
    CHECK_EQ_INT(ipc_call_rekey_next(vault->chan, &m, store_on_answer, store_answer_init(vault, &a), NULL),
                 0);
    STORE_GET(&a, REKEY_BOX, rekey_box, &box);
    bool more = box.code == 0;
    if (more) {
        (void)snprintf(text, 128, "%u %llu %.*s %.*s", box.kind, (unsigned long long)box.tenant_id,
                       SPAN_ARG(box.name), SPAN_ARG(box.box));
        (void)snprintf(name, 64, "%.*s", SPAN_ARG(box.name));
        *row = (struct ipc_rekey_put){.kind = box.kind, .tenant_id = box.tenant_id, .name = span_str(name)};
    } else {
        CHECK_EQ_INT(ipc_result(box.code), CB_ENOTFOUND);
    }
    buf_deinit(&a.payload);
    return more;
}

static int put(struct store_friend *vault, const struct ipc_rekey_put *row)
{
    struct store_answer a;
    CHECK_EQ_INT(ipc_call_rekey_put(vault->chan, row, store_on_answer, store_answer_init(vault, &a), NULL),
                 0);
    return answer_code(&a);
}

static int commit(struct store_friend *vault, uint64_t rows)
{
    struct store_answer a;
    struct ipc_rekey_commit m = {.public_key = SPAN_LIT(NEW_KEY), .kdf = SPAN_LIT("kdf"), .rows = rows};
    CHECK_EQ_INT(ipc_call_rekey_commit(vault->chan, &m, store_on_answer, store_answer_init(vault, &a), NULL),
                 0);
    STAGE_UNTIL(&vault->stage->s, a.done);
    return a.channel != 0 ? a.channel : answer_code(&a);
}

static void end(struct store_stage *t, struct store_friend *vault)
{
    store_leave(vault);
    CHECK_EQ_INT(stage_stop(&t->s, 1000), 0);
    free(t);
}

TEST(every_box_once_then_all_together)
{
    static const char *const want[] = {"0 1 a alice-a", "0 1 b alice-b", "0 2 key bob-key", "1 2  bob-ca"};
    struct store_friend vault;
    struct store_stage *t = rekey_stage(&vault);
    for (unsigned round = 0; round < 2; round++) {
        struct ipc_rekey_put row = {.kind = IPC_SEALED_CREDENTIAL};
        char name[64] = "";
        char text[128];
        uint64_t count = 0;
        while (next(&vault, &row, name, text)) {
            char sealed[160];
            if (CHECK(count < 4)) {
                (void)snprintf(sealed, sizeof(sealed), "%s%s", want[count], round == 0 ? "" : "!");
                CHECK_EQ_STR(text, sealed);
            }
            (void)snprintf(sealed, sizeof(sealed), "%s!", strrchr(text, ' ') + 1);
            row.box = span_str(sealed);
            CHECK_EQ_INT(put(&vault, &row), 0);
            count++;
        }
        CHECK_EQ_UINT(count, 4);
        if (round == 0) {
            CHECK_EQ_INT(commit(&vault, 4), 0);
        }
    }
    end(t, &vault); /* the second round was not committed */
}

TEST(what_is_not_whole_is_not_committed)
{
    struct store_friend vault;
    struct store_stage *t = rekey_stage(&vault);
    struct ipc_rekey_put row = {.kind = IPC_SEALED_CREDENTIAL};
    char name[64] = "";
    char text[128];
    CHECK(next(&vault, &row, name, text));
    row.box = SPAN_LIT("new");
    CHECK_EQ_INT(put(&vault, &row), 0);
    CHECK_EQ_INT(commit(&vault, 1), CB_ECONFLICT); /* three are missing */
    /* That rolled everything back. */
    row = (struct ipc_rekey_put){.kind = IPC_SEALED_CREDENTIAL};
    CHECK(next(&vault, &row, name, text));
    CHECK_EQ_STR(text, "0 1 a alice-a");
    end(t, &vault);
}

TEST(a_vault_that_goes_leaves_everything_as_it_was)
{
    struct store_friend vault;
    struct store_stage *t = rekey_stage(&vault);
    struct ipc_rekey_put row = {.kind = IPC_SEALED_CREDENTIAL};
    char name[64] = "";
    char text[128];
    CHECK(next(&vault, &row, name, text));
    row.box = SPAN_LIT("new");
    CHECK_EQ_INT(put(&vault, &row), 0);
    store_leave(&vault);
    store_join(t, &vault, IPC_ROLE_VAULT, 0, NULL);
    row = (struct ipc_rekey_put){.kind = IPC_SEALED_CREDENTIAL};
    CHECK(next(&vault, &row, name, text));
    CHECK_EQ_STR(text, "0 1 a alice-a");
    end(t, &vault);
}

TEST(out_of_order_costs_the_channel)
{
    const struct {
        enum ipc_msg msg;
        struct span payload;
    } bad[] = {
        /* A box that was not handed out, a commit before anything, and what belongs to another life. */
        {IPC_MSG_REKEY_PUT, SPAN_LIT("\0\0\0\0\0\0\0\0\1\0\0\0\1a\0\0\0\3box")},
        {IPC_MSG_REKEY_COMMIT, SPAN_LIT("\0\0\0\x20" NEW_KEY "\0\0\0\0\0\0\0\0\0\0\0\0")},
        {IPC_MSG_SEALED_GET, SPAN_LIT("\0\0\0\0\0\0\0\1\0\0\0\1a")},
        {IPC_MSG_CA_GET, SPAN_LIT("\0\0\0\0\0\0\0\1")},
        {IPC_MSG_VAULT_KEY_PUT, SPAN_LIT("\0\0\0\x20" NEW_KEY "\0\0\0\0")},
    };
    struct store_friend vault;
    struct store_stage *t = rekey_stage(&vault);
    t->s.quiet = true;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf bytes;
        buf_init(&bytes, 4096);
        stage_raw_frame(&bytes, bad[i].payload.len, bad[i].msg, 1, bad[i].payload);
        int fd = stage_wire(&t->s, IPC_ROLE_VAULT, 0, NULL);
        ipc_chan_flush(t->s.life);
        stage_raw_write(fd, buf_span(&bytes));
        if (!CHECK(stage_raw_ended(fd))) {
            printf("    bad message %zu\n", i);
        }
        buf_deinit(&bytes);
    }
    end(t, &vault);
}

/* Tokens for the API: whose a hash is, until when, and what becomes of them with their tenant. */
#include "store/tokens.h"
#include "store_test.h"
#include "tls/seal.h"

#define DAY_MS UINT64_C(86400000)

/* A database with the tenants alice (1) and bob (2). */
static struct store_db *open_two(const char *name)
{
    struct store_db *db = test_open_new(name);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://b.example:443", "key", TEST_NOW_MS, NULL), 0);
    return db;
}

static int create(struct store_db *db, const char *name, const char *token, enum ipc_scope scope,
                  const char *tenant, uint64_t expires_ms)
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256_of(span_str(token), hash);
    struct ipc_token_create m = {.name = span_str(name),
                                 .hash = span_of(hash, sizeof(hash)),
                                 .scope = (uint8_t)scope,
                                 .tenant = span_str(tenant),
                                 .expires_ms = expires_ms};
    return store_token_create(db, &m, TEST_NOW_MS);
}

static int find(struct store_db *db, const char *token, uint64_t now_ms, struct store_token *out)
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256_of(span_str(token), hash);
    return store_token_find(db, span_of(hash, sizeof(hash)), now_ms, out);
}

/* "name scope tenant created expires used\n" of each, the times from TEST_NOW_MS on. */
static void check_list(struct store_db *db, const char *want)
{
    struct buf list;
    char text[1024] = "";
    size_t len = 0;
    buf_init(&list, IPC_TOKENS_MAX - 64);
    CHECK_EQ_INT(store_token_list(db, &list), 0);
    struct reader r = reader_of(buf_span(&list));
    uint32_t count = ipc_list_read(&r, STORE_TOKENS_MAX);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        unsigned scope = reader_u8(&r);
        struct span tenant = ipc_read_text(&r, IPC_NAME_MAX);
        uint64_t created = reader_u64(&r);
        uint64_t expires = reader_u64(&r);
        uint64_t used = reader_u64(&r);
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%.*s %u %.*s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", SPAN_ARG(name), scope,
                                SPAN_ARG(tenant), created - TEST_NOW_MS,
                                expires != 0 ? expires - TEST_NOW_MS : 0, used != 0 ? used - TEST_NOW_MS : 0);
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_STR(text, want);
    buf_deinit(&list);
}

static int delete_token(struct store_db *db, struct span name)
{
    return store_token_delete(db, &(struct ipc_token_delete){.name = name}, TEST_NOW_MS);
}

TEST(a_token_is_found_by_its_hash_alone)
{
    struct store_token t;
    struct store_db *db = open_two("found.db");
    check_list(db, "");
    CHECK_EQ_INT(create(db, "root", "one", IPC_SCOPE_ADMIN, "", 0), 0);
    CHECK_EQ_INT(create(db, "looks", "two", IPC_SCOPE_VIEWER, "", TEST_NOW_MS + DAY_MS), 0);
    CHECK_EQ_INT(create(db, "hers", "three", IPC_SCOPE_TENANT, "alice", 0), 0);
    check_list(db, "hers 2 alice 0 0 0\nlooks 1  0 86400000 0\nroot 0  0 0 0\n");
    CHECK_EQ_INT(find(db, "one", TEST_NOW_MS, &t), 0);
    CHECK_EQ_STR(t.name, "root");
    CHECK_EQ_INT(t.scope, IPC_SCOPE_ADMIN);
    CHECK_EQ_STR(t.tenant, "");
    CHECK_EQ_UINT(t.tenant_id, 0);
    CHECK_EQ_INT(find(db, "three", TEST_NOW_MS, &t), 0);
    CHECK_EQ_STR(t.name, "hers");
    CHECK_EQ_INT(t.scope, IPC_SCOPE_TENANT);
    CHECK_EQ_STR(t.tenant, "alice");
    CHECK_EQ_UINT(t.tenant_id, 1);
    CHECK_EQ_UINT(t.tenant_created_ms, TEST_NOW_MS);
    CHECK_EQ_INT(find(db, "One", TEST_NOW_MS, &t), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "", TEST_NOW_MS, &t), CB_ENOTFOUND);
    CHECK_EQ_INT(store_token_find(db, SPAN_EMPTY, TEST_NOW_MS, &t), CB_ENOTFOUND);
    store_db_free(db);
}

TEST(a_token_ends)
{
    struct store_token t;
    struct store_db *db = open_two("ends.db");
    CHECK_EQ_INT(create(db, "short", "one", IPC_SCOPE_ADMIN, "", TEST_NOW_MS + DAY_MS), 0);
    CHECK_EQ_INT(create(db, "hers", "two", IPC_SCOPE_TENANT, "alice", 0), 0);
    CHECK_EQ_INT(create(db, "his", "three", IPC_SCOPE_TENANT, "bob", 0), 0);
    CHECK_EQ_INT(find(db, "one", TEST_NOW_MS + DAY_MS - 1, &t), 0);
    CHECK_EQ_INT(find(db, "one", TEST_NOW_MS + DAY_MS, &t), CB_ENOTFOUND);
    CHECK_EQ_INT(store_token_used(db, SPAN_LIT("his"), TEST_NOW_MS + 5), 0);
    CHECK_EQ_INT(delete_token(db, SPAN_LIT("short")), 0);
    CHECK_EQ_INT(delete_token(db, SPAN_LIT("short")), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "one", TEST_NOW_MS, &t), CB_ENOTFOUND);
    /* With its tenant; a later one of that name has nothing to do with it. */
    uint64_t id = 0;
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_INT(find(db, "two", TEST_NOW_MS, &t), CB_ENOTFOUND);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(find(db, "two", TEST_NOW_MS, &t), CB_ENOTFOUND);
    check_list(db, "his 2 bob 0 0 5\n");
    store_db_free(db);
}

TEST(what_is_no_token_is_refused)
{
    char name[IPC_NAME_MAX + 1];
    struct store_db *db = open_two("refused.db");
    CHECK_EQ_INT(create(db, "one", "one", IPC_SCOPE_ADMIN, "", 0), 0);
    CHECK_EQ_INT(create(db, "one", "two", IPC_SCOPE_ADMIN, "", 0), CB_EEXIST);
    CHECK_EQ_INT(create(db, "One", "two", IPC_SCOPE_ADMIN, "", 0), CB_EINVAL);
    CHECK_EQ_INT(create(db, "", "two", IPC_SCOPE_ADMIN, "", 0), CB_EINVAL);
    CHECK_EQ_INT(create(db, "two", "two", IPC_SCOPE_TENANT, "nobody", 0), CB_ENOTFOUND);
    CHECK_EQ_INT(create(db, "two", "two", IPC_SCOPE_TENANT, "", 0), CB_EINVAL);
    CHECK_EQ_INT(create(db, "two", "two", IPC_SCOPE_ADMIN, "alice", 0), CB_EINVAL);
    struct ipc_token_create cut = {.name = SPAN_LIT("two"), .hash = SPAN_LIT("short")};
    CHECK_EQ_INT(store_token_create(db, &cut, TEST_NOW_MS), CB_EINVAL);
    check_list(db, "one 0  0 0 0\n");
    for (unsigned i = 1; i < STORE_TOKENS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "%039u", i); /* the longest list */
        CHECK_EQ_INT(create(db, name, name, IPC_SCOPE_TENANT, "alice", 0), 0);
    }
    CHECK_EQ_INT(create(db, "more", "more", IPC_SCOPE_ADMIN, "", 0), CB_ELIMIT);
    struct buf list;
    buf_init(&list, IPC_TOKENS_MAX - 64);
    CHECK_EQ_INT(store_token_list(db, &list), 0);
    CHECK_EQ_UINT(buf_len(&list) + STORE_TOKENS_MAX * (IPC_NAME_MAX - 5 + 1) < IPC_TOKENS_MAX - 64, 1);
    buf_deinit(&list);
    store_db_free(db);
}

TEST_MAIN()

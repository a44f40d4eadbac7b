/* Sealed credentials and certificate authorities. */
#include "store_test.h"
#include "tls/seal.h"

/* A database with the tenants alice (1) and bob (2); alice's routes send `openai` to api.openai.com. */
static struct store_db *open_two(const char *name)
{
    struct store_db *db = test_open_new(name);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://api.openai.com:443", "openai", TEST_NOW_MS, NULL),
                 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://api.openai.com:443", "openai", TEST_NOW_MS, NULL),
                 0);
    return db;
}

static void check_box(struct store_db *db, uint64_t tenant_id, const char *credential, const char *want)
{
    struct buf box;
    buf_init(&box, IPC_BOX_MAX);
    CHECK_EQ_INT(store_credential_box(db, tenant_id, span_str(credential), &box),
                 want != NULL ? 0 : CB_ENOTFOUND);
    CHECK_EQ_BYTES(buf_span(&box).ptr, buf_len(&box), want, want != NULL ? strlen(want) : 0);
    buf_deinit(&box);
}

static void check_generation(struct store_db *db, const char *tenant, uint64_t want)
{
    struct store_tenant t;
    CHECK_EQ_INT(store_tenant_get(db, span_str(tenant), &t), 0);
    CHECK_EQ_UINT(t.generation, want);
    store_tenant_deinit(&t);
}

/* The list for egress, as text: "name placeholder version\n". */
static void check_for_egress(struct store_db *db, uint64_t tenant_id, const char *want)
{
    struct buf list;
    char text[1024] = "";
    size_t len = 0;
    buf_init(&list, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_credentials_for_egress(db, tenant_id, &list), 0);
    struct reader r = reader_of(buf_span(&list));
    uint32_t count = ipc_list_read(&r, 100);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        struct span placeholder = ipc_read_text(&r, 255);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s %.*s %" PRIu64 "\n", SPAN_ARG(name),
                                SPAN_ARG(placeholder), reader_u64(&r));
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_STR(text, want);
    buf_deinit(&list);
}

/* The list for people: "name placeholder [binding] version set_ms\n". */
static void check_for_people(struct store_db *db, uint64_t tenant_id, const char *want)
{
    struct buf list;
    char text[1024] = "";
    size_t len = 0;
    buf_init(&list, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_credentials_for_people(db, tenant_id, &list), 0);
    struct reader r = reader_of(buf_span(&list));
    uint32_t count = ipc_list_read(&r, 100);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        struct span placeholder = ipc_read_text(&r, 255);
        struct span binding = reader_bytes(&r, IPC_BINDING_MAX);
        uint64_t version = reader_u64(&r);
        uint64_t set_ms = reader_u64(&r);
        CHECK_EQ_UINT(reader_u64(&r), 0); /* when it was used: test_series.c */
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s %.*s [%.*s] %" PRIu64 " %" PRIu64 "\n",
                                SPAN_ARG(name), SPAN_ARG(placeholder), SPAN_ARG(binding), version,
                                set_ms != 0 ? set_ms - TEST_NOW_MS : 0);
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_STR(text, want);
    buf_deinit(&list);
}

TEST(put_replace_delete)
{
    struct store_db *db = open_two("put.db");
    uint64_t generation = 0;
    uint64_t id = 0;
    check_box(db, 1, "openai", NULL);
    check_for_egress(db, 1, "openai sk-openai-of-alice 0\n");
    check_for_people(db, 1, "openai sk-openai-of-alice [] 0 0\n");
    CHECK_EQ_INT(test_credential_delete(db, "alice", "openai", &id, &generation), CB_ENOTFOUND);
    CHECK(!store_db_in_transaction(db));
    check_generation(db, "alice", 1);

    CHECK_EQ_INT(
        test_put(db, "alice", 1, "openai", "api.openai.com:443", "box 1", TEST_NOW_MS + 1, &generation), 0);
    CHECK_EQ_UINT(generation, 2);
    check_generation(db, "alice", 2);
    check_box(db, 1, "openai", "box 1");
    check_for_egress(db, 1, "openai sk-openai-of-alice 1\n");
    check_for_people(db, 1, "openai sk-openai-of-alice [api.openai.com:443] 1 1\n");

    CHECK_EQ_INT(
        test_put(db, "alice", 1, "openai", "*.openai.com:443", "box 2", TEST_NOW_MS + 2, &generation), 0);
    CHECK_EQ_UINT(generation, 3);
    check_box(db, 1, "openai", "box 2");
    check_for_people(db, 1, "openai sk-openai-of-alice [*.openai.com:443] 2 2\n");

    CHECK_EQ_INT(test_credential_delete(db, "alice", "openai", &id, &generation), 0);
    CHECK_EQ_UINT(id, 1);
    CHECK_EQ_UINT(generation, 4);
    check_generation(db, "alice", 4);
    check_box(db, 1, "openai", NULL);
    check_for_egress(db, 1, "openai sk-openai-of-alice 0\n");
    check_for_people(db, 1, "openai sk-openai-of-alice [] 0 0\n");
    CHECK_EQ_INT(test_credential_delete(db, "alice", "openai", &id, &generation), CB_ENOTFOUND);

    /* The version does not come back: who remembers an older one sees that it is another. */
    CHECK_EQ_INT(
        test_put(db, "alice", 1, "openai", "api.openai.com:443", "box 3", TEST_NOW_MS + 3, &generation), 0);
    check_for_egress(db, 1, "openai sk-openai-of-alice 4\n");
    /* Nobody else has seen anything of it. */
    check_generation(db, "bob", 1);
    check_box(db, 2, "openai", NULL);
    check_for_egress(db, 2, "openai sk-openai-of-bob 0\n");
    store_db_free(db);

    db = test_open(test_path("put.db"));
    check_box(db, 1, "openai", "box 3");
    store_db_free(db);
}

TEST(what_put_refuses)
{
    struct store_db *db = open_two("refuse.db");
    uint64_t generation;
    uint64_t id;
    const char *bound = "api.openai.com:443";
    CHECK_EQ_INT(test_put(db, "nobody", 1, "openai", bound, "box", TEST_NOW_MS, &generation), CB_ENOTFOUND);
    CHECK_EQ_INT(test_put(db, "alice", 2, "openai", bound, "box", TEST_NOW_MS, &generation), CB_ECONFLICT);
    CHECK(strstr(store_db_why(db), "made again") != NULL);
    CHECK_EQ_INT(test_put(db, "alice", 0, "openai", bound, "box", TEST_NOW_MS, &generation), CB_ECONFLICT);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", "api.openai.com:8443", "box", TEST_NOW_MS, &generation),
                 CB_ECONFLICT);
    CHECK(strstr(store_db_why(db), "seal it again") != NULL);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", "x", "box", TEST_NOW_MS, &generation), CB_ECONFLICT);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", "", "box", TEST_NOW_MS, &generation), CB_EINVAL);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", bound, "", TEST_NOW_MS, &generation), CB_EINVAL);
    CHECK_EQ_INT(test_put(db, "alice", 1, "", bound, "box", TEST_NOW_MS, &generation), CB_EINVAL);
    CHECK_EQ_INT(test_put(db, "alice", 1, "Open AI", bound, "box", TEST_NOW_MS, &generation), CB_EINVAL);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", bound, "box", UINT64_MAX, &generation), CB_ECONFLICT);
    CHECK_EQ_INT(test_credential_delete(db, "nobody", "openai", &id, &generation), CB_ENOTFOUND);
    CHECK(!store_db_in_transaction(db));
    check_box(db, 1, "openai", NULL);
    check_generation(db, "alice", 1);
    check_for_people(db, 1, "openai sk-openai-of-alice [] 0 0\n");

    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", bound, "box", TEST_NOW_MS, &generation), CB_ESTATE);
    CHECK_EQ_INT(test_credential_delete(db, "alice", "openai", &id, &generation), CB_ESTATE);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert"), SPAN_LIT("key"), TEST_NOW_MS), CB_ESTATE);
    CHECK(store_db_in_transaction(db));
    store_db_rollback(db);
    store_db_free(db);
}

static int replace_box(struct store_db *db, uint64_t tenant_id, const char *credential, const char *old,
                       const char *box)
{
    uint8_t hash[DIGEST_LEN];
    struct span text = span_str(old);
    digest_sha256(&text, 1, hash);
    struct ipc_sealed_replace m = {.tenant_id = tenant_id,
                                   .credential = span_str(credential),
                                   .old_box_hash = span_of(hash, sizeof(hash)),
                                   .box = span_str(box)};
    return store_credential_replace(db, &m);
}

/* The same credential in the same version: nobody is told, and nothing else changes. */
TEST(a_box_in_the_place_of_another)
{
    struct store_db *db = open_two("replace.db");
    uint64_t generation = 0;
    CHECK_EQ_INT(replace_box(db, 1, "openai", "one", "two"), CB_ENOTFOUND);
    CHECK_EQ_INT(test_put(db, "alice", 1, "openai", "api.openai.com:443", "one", TEST_NOW_MS, &generation),
                 0);
    CHECK_EQ_INT(replace_box(db, 1, "openai", "one", "two"), 0);
    check_box(db, 1, "openai", "two");
    check_generation(db, "alice", generation);
    CHECK_EQ_INT(replace_box(db, 1, "openai", "one", "three"), CB_ECONFLICT);
    CHECK_EQ_INT(replace_box(db, 2, "openai", "two", "three"), CB_ENOTFOUND);
    CHECK_EQ_INT(replace_box(db, 1, "other", "two", "three"), CB_ENOTFOUND);
    CHECK_EQ_INT(replace_box(db, 1, "openai", "two", ""), CB_EINVAL);
    check_box(db, 1, "openai", "two");
    store_db_free(db);
}

TEST(the_largest_box)
{
    struct store_db *db = open_two("large.db");
    uint64_t generation;
    uint8_t *bytes = make_or_die(calloc(1, IPC_BOX_MAX + 1));
    uint8_t *binding = make_or_die(malloc(IPC_BINDING_MAX + 1));
    memset(binding, 'x', IPC_BINDING_MAX + 1);
    struct ipc_credential_put put = {.tenant = SPAN_LIT("alice"),
                                     .tenant_id = 1,
                                     .credential = SPAN_LIT("large"),
                                     .binding = span_of(binding, IPC_BINDING_MAX),
                                     .box = span_of(bytes, IPC_BOX_MAX)};
    CHECK_EQ_INT(store_credential_put(db, &put, TEST_NOW_MS, &generation), 0);
    struct buf box;
    buf_init(&box, IPC_BOX_MAX);
    CHECK_EQ_INT(store_credential_box(db, 1, SPAN_LIT("large"), &box), 0);
    CHECK_EQ_BYTES(buf_span(&box).ptr, buf_len(&box), bytes, IPC_BOX_MAX);
    buf_deinit(&box);
    buf_init(&box, IPC_BOX_MAX - 1);
    CHECK_EQ_INT(store_credential_box(db, 1, SPAN_LIT("large"), &box), CB_ELIMIT);
    buf_deinit(&box);
    put.box.len++;
    CHECK_EQ_INT(store_credential_put(db, &put, TEST_NOW_MS, &generation), CB_EINVAL);
    put.box.len--;
    put.binding.len++;
    CHECK_EQ_INT(store_credential_put(db, &put, TEST_NOW_MS, &generation), CB_EINVAL);
    free(bytes);
    free(binding);
    store_db_free(db);
}

/* Used or not, set or not: who sees what. */
TEST(lists)
{
    struct store_db *db = test_open_new("lists.db");
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    uint64_t generation;
    test_apply_init(&list);
    test_apply_add(&list, "alice", "a", make_full_spec(), NULL);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    free(applied);
    CHECK_EQ_INT(
        test_put(db, "alice", 1, "openai", "api.openai.com:443", "box", TEST_NOW_MS + 1, &generation), 0);
    CHECK_EQ_INT(test_put(db, "alice", 1, "spare", "a.example:443\nb.example:443", "box", TEST_NOW_MS + 2,
                          &generation),
                 0);
    check_for_egress(db, 1,
                     "client sk-client-of-alice 0\n"
                     "docs sk-docs-of-alice 0\nopenai sk-openai-of-alice 1\n");
    check_for_people(db, 1,
                     "client sk-client-of-alice [] 0 0\n"
                     "docs sk-docs-of-alice [] 0 0\n"
                     "openai sk-openai-of-alice [api.openai.com:443] 1 1\n"
                     "spare  [a.example:443\nb.example:443] 1 2\n");
    /* Only one is used from now on. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "a2", "https://docs.example.com:443", "docs", TEST_NOW_MS, NULL),
                 0);
    check_for_egress(db, 1, "docs sk-docs-of-alice 0\n");
    check_for_people(db, 1,
                     "docs sk-docs-of-alice [] 0 0\n"
                     "openai sk-openai-of-alice [api.openai.com:443] 1 1\n"
                     "spare  [a.example:443\nb.example:443] 1 2\n");
    uint64_t id;
    CHECK_EQ_INT(test_credential_delete(db, "alice", "openai", &id, &generation), 0);
    check_for_people(db, 1,
                     "docs sk-docs-of-alice [] 0 0\n"
                     "spare  [a.example:443\nb.example:443] 1 2\n");
    check_for_egress(db, 4711, "");
    check_for_people(db, 4711, "");
    struct buf small;
    buf_init(&small, 60);
    CHECK_EQ_INT(store_credentials_for_people(db, 1, &small), CB_ELIMIT);
    buf_deinit(&small);
    store_db_free(db);
}

TEST(certificate_authorities)
{
    struct store_db *db = open_two("ca.db");
    uint8_t *large = make_or_die(calloc(1, IPC_CERT_MAX + 1));
    struct buf cert;
    struct buf key;
    buf_init(&cert, 100);
    buf_init(&key, 100);
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &key), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_put(db, 3, SPAN_LIT("cert"), SPAN_LIT("key"), TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_put(db, 0, SPAN_LIT("cert"), SPAN_LIT("key"), TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_EMPTY, SPAN_LIT("key"), TEST_NOW_MS), CB_ECONFLICT);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert"), SPAN_EMPTY, TEST_NOW_MS), CB_ECONFLICT);
    CHECK_EQ_INT(store_ca_put(db, 1, span_of(large, IPC_CERT_MAX + 1), SPAN_LIT("key"), TEST_NOW_MS),
                 CB_ECONFLICT);
    CHECK(!store_db_in_transaction(db));
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &key), CB_ENOTFOUND);

    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert 1"), SPAN_LIT("key 1"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_ca_put(db, 2, SPAN_LIT("cert 2"), SPAN_LIT("key 2"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert 3"), SPAN_LIT("key 3"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &key), 0);
    CHECK_EQ_BYTES(buf_span(&cert).ptr, buf_len(&cert), "cert 3", 6);
    CHECK_EQ_BYTES(buf_span(&key).ptr, buf_len(&key), "key 3", 5);
    buf_reset(&cert);
    buf_reset(&key);
    CHECK_EQ_INT(store_ca_get(db, 2, &cert, &key), 0);
    CHECK_EQ_BYTES(buf_span(&cert).ptr, buf_len(&cert), "cert 2", 6);
    CHECK_EQ_INT(store_ca_put(db, 2, span_of(large, IPC_CERT_MAX), span_of(large, IPC_CERT_MAX), TEST_NOW_MS),
                 0);
    CHECK_EQ_INT(store_ca_get(db, 2, &cert, &key), CB_ELIMIT);
    buf_deinit(&cert);
    buf_deinit(&key);
    free(large);
    store_db_free(db);
}

static int next_add(struct store_db *db, struct span cert, struct span key, uint64_t now_ms)
{
    struct ipc_ca_put m = {
        .tenant_id = 1, .next = true, .cert = cert, .sealed_key = key, .by = SPAN_LIT("admin:ada")};
    return store_ca_next_add(db, &m, now_ms);
}

TEST(a_ca_and_its_successor)
{
    struct store_db *db = test_open_new("successor.db");
    struct store_applied a;
    struct buf cert;
    struct buf key;
    uint64_t made_ms = 1;
    uint64_t generation = 0;
    buf_init(&cert, IPC_CERT_MAX);
    buf_init(&key, IPC_CERT_MAX);
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(store_ca_made(db, 1, &made_ms), 0);
    CHECK_EQ_UINT(made_ms, 0);
    CHECK_EQ_INT(next_add(db, SPAN_LIT("next"), SPAN_LIT("k"), TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("first"), SPAN_LIT("first key"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_ca_finish(db, 1, SPAN_LIT("admin:ada"), TEST_NOW_MS, &generation), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_next_get(db, 1, &cert), 0);
    CHECK_EQ_UINT(buf_len(&cert), 0);
    CHECK_EQ_INT(next_add(db, SPAN_LIT("next"), SPAN_LIT("next key"), TEST_NOW_MS + 5), 0);
    CHECK_EQ_INT(next_add(db, SPAN_LIT("other"), SPAN_LIT("k"), TEST_NOW_MS), CB_EEXIST);
    CHECK_EQ_INT(store_ca_next_get(db, 1, &cert), 0);
    CHECK(span_eq_str(buf_span(&cert), "next"));
    buf_reset(&cert);
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &key), 0);
    CHECK(span_eq_str(buf_span(&cert), "first"));
    CHECK_EQ_INT(store_ca_finish(db, 1, SPAN_LIT("admin:ada"), TEST_NOW_MS + 9, &generation), 0);
    CHECK_EQ_UINT(generation, 2);
    buf_reset(&cert);
    buf_reset(&key);
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &key), 0);
    CHECK(span_eq_str(buf_span(&cert), "next") && span_eq_str(buf_span(&key), "next key"));
    CHECK_EQ_INT(store_ca_made(db, 1, &made_ms), 0);
    CHECK_EQ_UINT(made_ms, TEST_NOW_MS + 5);
    CHECK_EQ_INT(store_ca_finish(db, 1, SPAN_LIT("admin:ada"), TEST_NOW_MS, &generation), CB_ENOTFOUND);
    /* It goes with its tenant. */
    CHECK_EQ_INT(next_add(db, SPAN_LIT("third"), SPAN_LIT("k"), TEST_NOW_MS), 0);
    uint64_t id;
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    buf_reset(&cert);
    CHECK_EQ_INT(store_ca_next_get(db, 1, &cert), 0);
    CHECK_EQ_UINT(buf_len(&cert), 0);
    buf_deinit(&cert);
    buf_deinit(&key);
    store_db_free(db);
}

TEST_MAIN()

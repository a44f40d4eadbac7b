/* Tenants: applied all or none, never sending a credential where it is not bound, never inheriting anything. */
#include "store_test.h"

/* What is stored of a tenant, next to what should be. */
static void check_tenant(struct store_db *db, const char *name, uint64_t id, uint64_t generation,
                         const char *yaml)
{
    struct store_tenant t;
    if (CHECK_EQ_INT(store_tenant_get(db, span_str(name), &t), 0)) {
        CHECK_EQ_UINT(t.id, id);
        CHECK_EQ_UINT(t.generation, generation);
        CHECK_EQ_STR(t.name, name);
        CHECK_EQ_BYTES(buf_span(&t.yaml).ptr, buf_len(&t.yaml), yaml, strlen(yaml));
        CHECK_EQ_UINT(strlen(t.token), 43);
        struct spec *spec = NULL;
        CHECK_EQ_INT(spec_decode(buf_span(&t.spec), &spec), 0);
        CHECK(spec != NULL && strcmp(spec->tenant, name) == 0);
        spec_free(spec);
    }
    store_tenant_deinit(&t);
}

static void check_absent(struct store_db *db, const char *name)
{
    struct store_tenant t;
    CHECK_EQ_INT(store_tenant_get(db, span_str(name), &t), CB_ENOTFOUND);
    store_tenant_deinit(&t);
}

struct credential {
    char name[64];
    char placeholder[256];
    char binding[256];
    uint64_t version;
    uint64_t set_ms;
};

static size_t credentials_of(struct store_db *db, uint64_t id, struct credential *out, size_t max)
{
    struct buf list;
    buf_init(&list, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_credentials_for_people(db, id, &list), 0);
    struct reader r = reader_of(buf_span(&list));
    uint32_t count = ipc_list_read(&r, (uint32_t)max);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        struct span placeholder = ipc_read_text(&r, 255);
        struct span binding = reader_bytes(&r, IPC_BINDING_MAX);
        (void)snprintf(out[i].name, sizeof(out[i].name), "%.*s", SPAN_ARG(name));
        (void)snprintf(out[i].placeholder, sizeof(out[i].placeholder), "%.*s", SPAN_ARG(placeholder));
        (void)snprintf(out[i].binding, sizeof(out[i].binding), "%.*s", SPAN_ARG(binding));
        out[i].version = reader_u64(&r);
        out[i].set_ms = reader_u64(&r);
        (void)reader_u64(&r); /* when it was used */
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&list);
    return count;
}

TEST(created_unchanged_updated)
{
    struct store_db *db = test_open_new("apply.db");
    struct store_applied a = {.tenant_id = 0};
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK(a.what == STORE_APPLIED_CREATED && a.tenant_id == 1 && a.generation == 1 && a.port == 0);
    CHECK_EQ_STR(a.name, "alice");
    check_tenant(db, "alice", 1, 1, "v1");
    struct store_tenant first;
    CHECK_EQ_INT(store_tenant_get_by_id(db, 1, &first), 0);

    CHECK_EQ_INT(store_tenant_set_port(db, 1, 4711), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS + 5, &a), 0);
    CHECK(a.what == STORE_APPLIED_UNCHANGED && a.tenant_id == 1 && a.generation == 1 && a.port == 4711);
    check_tenant(db, "alice", 1, 1, "v1");

    /* Another text with the same meaning, then the same text with another meaning. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "v2", "https://a.example:443", "key", TEST_NOW_MS + 5, &a), 0);
    CHECK(a.what == STORE_APPLIED_UPDATED && a.tenant_id == 1 && a.generation == 2 && a.port == 4711);
    check_tenant(db, "alice", 1, 2, "v2");
    CHECK_EQ_INT(test_apply_one(db, "alice", "v2", "https://b.example:443", "key", TEST_NOW_MS + 5, &a), 0);
    CHECK(a.what == STORE_APPLIED_UPDATED && a.generation == 3);
    check_tenant(db, "alice", 1, 3, "v2");
    /* A clock that went back. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "v3", "https://b.example:443", "key", 5, &a), 0);

    struct store_tenant last;
    CHECK_EQ_INT(store_tenant_get_by_id(db, 1, &last), 0);
    CHECK_EQ_STR(last.token, first.token);
    CHECK_EQ_UINT(last.port, 4711);
    store_tenant_deinit(&first);
    store_tenant_deinit(&last);
    store_db_free(db);
}

TEST(several_at_once_in_their_order)
{
    struct store_db *db = test_open_new("several.db");
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    struct buf written;
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://a.example:443", NULL, TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(test_apply_one(db, "carol", "c", "https://a.example:443", NULL, TEST_NOW_MS, NULL), 0);
    test_apply_init(&list);
    test_apply_add(&list, "zoe", "z", test_spec("zoe", "https://a.example:443", "key"), NULL);
    test_apply_add(&list, "bob", "b2", test_spec("bob", "https://a.example:443", NULL), NULL);
    test_apply_add(&list, "alice", "a", make_full_spec(), NULL);
    test_apply_add(&list, "carol", "c", test_spec("carol", "https://a.example:443", NULL), NULL);
    if (!CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0) ||
        !CHECK_EQ_UINT(count, 4)) {
        printf("    %s\n", store_db_why(db));
        store_db_free(db);
        return;
    }
    CHECK(applied[0].what == STORE_APPLIED_CREATED && applied[0].tenant_id == 3);
    CHECK(applied[1].what == STORE_APPLIED_UPDATED && applied[1].tenant_id == 1);
    CHECK(applied[2].what == STORE_APPLIED_CREATED && applied[2].tenant_id == 4);
    CHECK(applied[3].what == STORE_APPLIED_UNCHANGED && applied[3].tenant_id == 2);
    buf_init(&written, 1000);
    CHECK_EQ_INT(store_applied_write(applied, count, &written), 0);
    static const char want[] = "\0\0\0\4\0\0\0\3zoe\1\0\0\0\3bob\2\0\0\0\5"
                               "alice\1\0\0\0\5"
                               "carol\0";
    CHECK_EQ_BYTES(buf_span(&written).ptr, buf_len(&written), want, sizeof(want) - 1);
    buf_deinit(&written);
    free(applied);

    /* Nothing to apply is fine. */
    test_apply_init(&list);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    CHECK_EQ_UINT(count, 0);
    free(applied);
    store_db_free(db);
}

/* Applies a good tenant and then one that is not: nothing of it happens. */
static void check_refused(struct store_db *db, struct test_apply *list, int code, const char *why)
{
    struct store_applied *applied;
    size_t count;
    CHECK_EQ_INT(test_apply_run(db, list, TEST_NOW_MS + 9, &applied, &count), code);
    CHECK(applied == NULL);
    if (!CHECK(strstr(store_db_why(db), why) != NULL)) {
        printf("    \"%s\" is not in \"%s\"\n", why, store_db_why(db));
    }
    CHECK(!store_db_in_transaction(db));
    check_tenant(db, "alice", 1, 1, "a");
    check_absent(db, "new");
    struct credential c[4];
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 1);
    CHECK_EQ_STR(c[0].placeholder, "sk-key-of-alice");
}

static void begin_good(struct test_apply *list)
{
    test_apply_init(list);
    test_apply_add(list, "new", "n", test_spec("new", "https://a.example:443", "key"), NULL);
    test_apply_add(list, "alice", "a2", test_spec("alice", "https://other.example:443", NULL), NULL);
}

TEST(all_or_none)
{
    struct store_db *db = test_open_new("none.db");
    struct test_apply list;
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);

    begin_good(&list);
    test_apply_add(&list, "new", "n", test_spec("new", "https://a.example:443", NULL), NULL);
    check_refused(db, &list, CB_EINVAL, "tenant new is there more than once");
    begin_good(&list);
    test_apply_add(&list, "bob", "b", test_spec("carol", "https://a.example:443", NULL), NULL);
    check_refused(db, &list, CB_EINVAL, "tenant bob: the specification is another tenant's");
    begin_good(&list);
    test_apply_add(&list, "Bob", "b", test_spec("bob", "https://a.example:443", NULL), NULL);
    check_refused(db, &list, CB_EINVAL, "name is not valid");
    begin_good(&list);
    test_apply_add(&list, "bob", "b", test_spec("bob", "https://a.example:443", "key"), "");
    check_refused(db, &list, CB_EINVAL, "tenant bob: credential key has no placeholder");
    begin_good(&list);
    test_apply_add(&list, "bob", "b", test_spec("bob", "https://a.example:443", "key"), "other sk-1");
    check_refused(db, &list, CB_EINVAL, "tenant bob: credential key has no placeholder");

    /* A specification that is none. */
    begin_good(&list);
    struct writer w = writer_to(&list.list);
    ipc_write_text(&w, SPAN_LIT("bob"), IPC_NAME_MAX);
    writer_bytes(&w, SPAN_LIT("b"), 10);
    writer_bytes(&w, SPAN_LIT("\1garbage"), 10);
    writer_u32(&w, 0);
    list.count++;
    struct spec *spec;
    check_refused(db, &list, spec_decode(SPAN_LIT("\1garbage"), &spec),
                  "tenant bob: the specification is not valid");

    /* A byte too many. */
    begin_good(&list);
    CHECK_EQ_INT(buf_append_byte(&list.list, 0), 0);
    check_refused(db, &list, CB_ETRAILING, "malformed");
    /* A count that is not true. */
    begin_good(&list);
    list.count++;
    check_refused(db, &list, CB_ETRUNCATED, "malformed");
    begin_good(&list);
    list.count = STORE_APPLY_TENANTS_MAX + 1;
    check_refused(db, &list, CB_ELIMIT, "too long");
    store_db_free(db);
}

TEST(a_list_cut_at_every_byte)
{
    struct store_db *db = test_open_new("cut.db");
    struct test_apply list;
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    begin_good(&list);
    struct writer w = writer_to(&list.list);
    ipc_list_end(&w, list.at, list.count);
    for (size_t len = 0; len < buf_len(&list.list); len++) {
        struct store_applied *applied = NULL;
        size_t count;
        uint8_t *copy = make_or_die(malloc(len + 1));
        memcpy(copy, buf_span(&list.list).ptr, len);
        int r = store_tenants_apply(db, &(struct ipc_tenants_apply){.tenants = span_of(copy, len)},
                                    TEST_NOW_MS, &applied, &count);
        free(copy);
        if (!CHECK_EQ_INT(r, CB_ETRUNCATED) || !CHECK(!store_db_in_transaction(db))) {
            free(applied);
            break;
        }
    }
    check_absent(db, "new");
    check_tenant(db, "alice", 1, 1, "a");
    buf_deinit(&list.list);
    store_db_free(db);
}

TEST(inside_a_transaction_nothing_is_applied)
{
    struct store_db *db = test_open_new("state.db");
    uint64_t id;
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", NULL, TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://a.example:443", NULL, TEST_NOW_MS, NULL), CB_ESTATE);
    CHECK_EQ_INT(test_delete(db, "alice", &id), CB_ESTATE);
    CHECK_EQ_INT(store_tenant_set_port(db, 1, 7), CB_ESTATE);
    CHECK(store_db_in_transaction(db));
    CHECK_EQ_INT(store_db_commit(db), 0);
    check_tenant(db, "alice", 1, 1, "a");
    check_absent(db, "bob");
    store_db_free(db);
}

/* ---- bindings ---- */

TEST(a_credential_that_is_set_stays_where_it_is_bound)
{
    struct store_db *db = test_open_new("binding.db");
    struct store_applied a = {.tenant_id = 0};
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    uint64_t generation;
    CHECK_EQ_INT(test_apply_one(db, "alice", "1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    /* Not set yet: the routes may go anywhere. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "2", "https://b.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(
        test_put(db, "alice", 1, "key", "b.example:443\n*.c.example:443", "box", TEST_NOW_MS, &generation),
        0);
    CHECK_EQ_UINT(generation, 3);

    static const char *const no[] = {"https://evil.example:443", "https://b.example:8443",
                                     "http://b.example:443", "https://c.example:443",
                                     "https://*.b.example:443"};
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        test_apply_init(&list);
        test_apply_add(&list, "bob", "b", test_spec("bob", "https://x.example:443", "key"), NULL);
        struct spec *spec = test_spec("alice", no[i], "key");
        spec->routes[0].insecure = strncmp(no[i], "http:", 5) == 0;
        test_apply_add(&list, "alice", "evil", spec, NULL);
        CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), CB_EPERM);
        CHECK(strstr(store_db_why(db), "tenant alice: credential key is not bound") != NULL);
        check_tenant(db, "alice", 1, 3, "2");
        check_absent(db, "bob");
    }
    /* By the same name to a server of somebody else's. */
    struct spec *spec = test_spec("alice", "https://b.example:443", "key");
    spec->routes[0].upstream_address = make_text("203.0.113.66");
    test_apply_init(&list);
    test_apply_add(&list, "alice", "evil", spec, NULL);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), CB_EPERM);
    /* A second route that goes too far. */
    spec = test_spec("alice", "https://b.example:443", "key");
    make_bearer(make_route(spec, "more", "https://d.example:443", "GET", "/v1/**"), "key");
    test_apply_init(&list);
    test_apply_add(&list, "alice", "evil", spec, NULL);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), CB_EPERM);
    check_tenant(db, "alice", 1, 3, "2");

    /* What is covered, another credential elsewhere, and the same name at another tenant. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "3", "https://x.c.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "4", "https://evil.example:443", "other", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://evil.example:443", "key", TEST_NOW_MS, &a), 0);
    /* Out of use for a while: still bound when it comes back. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "5", "https://evil.example:443", "key", TEST_NOW_MS, &a),
                 CB_EPERM);
    CHECK_EQ_INT(test_apply_one(db, "alice", "5", "https://b.example:443", "key", TEST_NOW_MS, &a), 0);
    /* Taken away: free again. */
    uint64_t id;
    CHECK_EQ_INT(test_credential_delete(db, "alice", "key", &id, &generation), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "6", "https://evil.example:443", "key", TEST_NOW_MS, &a), 0);
    store_db_free(db);
}

TEST(placeholders_are_kept)
{
    struct store_db *db = test_open_new("placeholder.db");
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    struct credential c[4];
    static const char *const given[] = {"key first", "key second", "key third"};
    for (unsigned i = 0; i < 3; i++) {
        char yaml[8];
        (void)snprintf(yaml, sizeof(yaml), "v%u", i);
        test_apply_init(&list);
        test_apply_add(&list, "alice", yaml, test_spec("alice", "https://a.example:443", "key"), given[i]);
        CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
        free(applied);
        CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 1);
        CHECK_EQ_STR(c[0].placeholder, "first");
    }
    /* What the file says is used in place of what was there. */
    test_apply_init(&list);
    test_apply_add(&list, "alice", "fixed", test_spec("alice", "https://a.example:443", "key"), "key =fixed");
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    free(applied);
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 1);
    CHECK_EQ_STR(c[0].placeholder, "fixed");
    test_apply_init(&list);
    test_apply_add(&list, "alice", "back", test_spec("alice", "https://a.example:443", "key"), "key =first");
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    free(applied);
    /* Out of use and back. */
    CHECK_EQ_INT(test_apply_one(db, "alice", "without", "https://a.example:443", NULL, TEST_NOW_MS, NULL), 0);
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "with", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 1);
    CHECK_EQ_STR(c[0].placeholder, "first");

    /* Set before any spec used it: the placeholder comes with the spec. */
    uint64_t generation;
    CHECK_EQ_INT(test_put(db, "alice", 1, "early", "a.example:443", "box", TEST_NOW_MS, &generation), 0);
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 2);
    CHECK_EQ_STR(c[0].name, "early");
    CHECK_EQ_STR(c[0].placeholder, "");
    CHECK_EQ_INT(test_apply_one(db, "alice", "early", "https://a.example:443", "early", TEST_NOW_MS, NULL),
                 0);
    CHECK_EQ_UINT(credentials_of(db, 1, c, 4), 1);
    CHECK_EQ_STR(c[0].placeholder, "sk-early-of-alice");
    CHECK_EQ_UINT(c[0].version, 1);
    store_db_free(db);
}

/* ---- deleting ---- */

TEST(a_tenant_that_is_made_again_inherits_nothing)
{
    const char *path = test_path("again.db");
    struct store_db *db = test_open_new("again.db");
    struct store_applied a = {.tenant_id = 0};
    struct store_tenant old;
    struct store_tenant fresh;
    struct buf box;
    struct buf cert;
    struct credential c[4];
    uint64_t generation;
    uint64_t id = 99;
    buf_init(&box, 1000);
    buf_init(&cert, 1000);
    CHECK_EQ_INT(test_delete(db, "alice", &id), CB_ENOTFOUND);
    CHECK_EQ_UINT(id, 99);
    CHECK_EQ_INT(test_apply_one(db, "alice", "1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(
        test_put(db, "alice", 1, "key", "a.example:443", "box of the first", TEST_NOW_MS, &generation), 0);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert"), SPAN_LIT("key"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_tenant_set_port(db, 1, 4711), 0);
    CHECK_EQ_INT(test_append(db, 1, 4), 0);
    CHECK_EQ_INT(store_tenant_get_by_id(db, 1, &old), 0);

    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_UINT(id, 1);
    check_absent(db, "alice");
    CHECK_EQ_INT(store_credential_box(db, 1, SPAN_LIT("key"), &box), CB_ENOTFOUND);
    CHECK_EQ_INT(store_ca_get(db, 1, &cert, &cert), CB_ENOTFOUND);
    CHECK_EQ_INT(store_tenant_set_port(db, 1, 1), CB_ENOTFOUND);
    CHECK(!store_db_in_transaction(db));

    /* Made again, also after a new start: another id, token and placeholder, no credential, no port. */
    store_db_free(db);
    db = test_open(path);
    CHECK_EQ_INT(test_apply_one(db, "alice", "1", "https://evil.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK(a.what == STORE_APPLIED_CREATED && a.tenant_id == 2 && a.generation == 1 && a.port == 0);
    CHECK_EQ_INT(store_tenant_get_by_id(db, 2, &fresh), 0);
    CHECK(strcmp(fresh.token, old.token) != 0);
    CHECK_EQ_UINT(credentials_of(db, 2, c, 4), 1);
    CHECK_EQ_UINT(c[0].version, 0);
    CHECK_EQ_STR(c[0].binding, "");
    CHECK_EQ_INT(store_credential_box(db, 2, SPAN_LIT("key"), &box), CB_ENOTFOUND);
    CHECK_EQ_INT(test_put(db, "alice", 1, "key", "evil.example:443", "late box", TEST_NOW_MS, &generation),
                 CB_ECONFLICT);
    CHECK_EQ_INT(store_ca_put(db, 1, SPAN_LIT("cert"), SPAN_LIT("key"), TEST_NOW_MS), CB_ENOTFOUND);
    /* The audit stays. */
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 8); /* four of the changes */
    for (uint64_t want = 2; want < 6; want++) {
        CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
        CHECK_EQ_UINT(id, want);
        CHECK_EQ_INT(test_apply_one(db, "alice", "1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    }
    store_tenant_deinit(&old);
    store_tenant_deinit(&fresh);
    buf_deinit(&box);
    buf_deinit(&cert);
    store_db_free(db);
}

/* One tenant, alice, only when she is as `how` says. */
static int apply_expecting(struct store_db *db, const char *yaml, struct ipc_tenants_apply how,
                           enum store_applied_what *what)
{
    struct test_apply a;
    struct store_applied *applied;
    size_t count;
    test_apply_init(&a);
    a.how = how;
    test_apply_add(&a, "alice", yaml, test_spec("alice", "https://a.example:443", "key"), NULL);
    int r = test_apply_run(db, &a, TEST_NOW_MS, &applied, &count);
    if (r == 0) {
        *what = applied[0].what;
    }
    free(applied);
    CHECK(!store_db_in_transaction(db));
    return r;
}

TEST(only_a_tenant_that_is_as_expected_changes)
{
    const struct ipc_tenants_apply absent = {.expect = IPC_EXPECT_ABSENT};
    const struct ipc_tenants_apply first = {.expect = IPC_EXPECT_GENERATION, .tenant_id = 1, .generation = 1};
    const struct ipc_tenants_apply other = {.expect = IPC_EXPECT_GENERATION, .tenant_id = 2, .generation = 1};
    struct store_db *db = test_open_new("expected.db");
    enum store_applied_what what = STORE_APPLIED_UNCHANGED;
    CHECK_EQ_INT(apply_expecting(db, "v1", first, &what), CB_ECONFLICT);
    check_absent(db, "alice");
    CHECK_EQ_INT(apply_expecting(db, "v1", absent, &what), 0);
    CHECK_EQ_INT(what, STORE_APPLIED_CREATED);
    CHECK_EQ_INT(apply_expecting(db, "v2", absent, &what), CB_EEXIST);
    CHECK(strstr(store_db_why(db), "there is a tenant alice already") != NULL);
    CHECK_EQ_INT(apply_expecting(db, "v2", other, &what), CB_ECONFLICT);
    check_tenant(db, "alice", 1, 1, "v1");
    CHECK_EQ_INT(apply_expecting(db, "v2", first, &what), 0);
    CHECK_EQ_INT(what, STORE_APPLIED_UPDATED);
    CHECK_EQ_INT(apply_expecting(db, "v3", first, &what), CB_ECONFLICT);
    CHECK(strstr(store_db_why(db), "changed meanwhile") != NULL);
    check_tenant(db, "alice", 1, 2, "v2");

    /* Said of two tenants at once it means nothing. */
    struct test_apply two;
    struct store_applied *applied;
    size_t count;
    test_apply_init(&two);
    two.how = absent;
    test_apply_add(&two, "bob", "b", test_spec("bob", "https://a.example:443", NULL), NULL);
    test_apply_add(&two, "carol", "c", test_spec("carol", "https://a.example:443", NULL), NULL);
    CHECK_EQ_INT(test_apply_run(db, &two, TEST_NOW_MS, &applied, &count), CB_EINVAL);
    check_absent(db, "bob");

    uint64_t id = 0;
    struct ipc_tenant_delete gone = {.tenant = SPAN_LIT("alice"), .tenant_id = 1, .generation = 1};
    CHECK_EQ_INT(store_tenant_delete(db, &gone, TEST_NOW_MS, &id), CB_ECONFLICT);
    gone.tenant_id = 2;
    gone.generation = 2;
    CHECK_EQ_INT(store_tenant_delete(db, &gone, TEST_NOW_MS, &id), CB_ECONFLICT);
    check_tenant(db, "alice", 1, 2, "v2");
    gone.tenant_id = 1;
    CHECK_EQ_INT(store_tenant_delete(db, &gone, TEST_NOW_MS, &id), 0);
    check_absent(db, "alice");
    store_db_free(db);
}

TEST(a_dry_run_checks_everything_and_keeps_nothing)
{
    const struct ipc_tenants_apply dry = {.dry_run = true};
    struct store_db *db = test_open_new("dry.db");
    enum store_applied_what what = STORE_APPLIED_UNCHANGED;
    uint64_t generation;
    CHECK_EQ_INT(apply_expecting(db, "v1", dry, &what), 0);
    CHECK_EQ_INT(what, STORE_APPLIED_CREATED);
    check_absent(db, "alice");
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(apply_expecting(db, "v2", dry, &what), 0);
    CHECK_EQ_INT(what, STORE_APPLIED_UPDATED);
    CHECK_EQ_INT(apply_expecting(db, "v1", dry, &what), 0);
    CHECK_EQ_INT(what, STORE_APPLIED_UNCHANGED);
    check_tenant(db, "alice", 1, 1, "v1");
    /* A binding that does not cover the routes is found as well. */
    struct store_tenant now;
    CHECK_EQ_INT(store_tenant_get(db, SPAN_LIT("alice"), &now), 0);
    CHECK_EQ_INT(test_put(db, "alice", now.id, "key", "a.example:443", "box", TEST_NOW_MS, &generation), 0);
    store_tenant_deinit(&now);
    struct test_apply wide;
    struct store_applied *applied;
    size_t count;
    test_apply_init(&wide);
    wide.how = dry;
    test_apply_add(&wide, "alice", "v3", test_spec("alice", "https://evil.example:443", "key"), NULL);
    CHECK_EQ_INT(test_apply_run(db, &wide, TEST_NOW_MS, &applied, &count), CB_EPERM);
    store_db_free(db);
}

/* A rolled-back creation may give its id again: nobody has seen it. A deleted one may not. */
TEST(what_is_deleted_is_gone_from_the_file)
{
    const char *path = test_path("wiped.db");
    static const char secret[] = "PATTERN-THAT-IS-NOWHERE-ELSE";
    struct store_db *db = test_open_new("wiped.db");
    uint64_t generation;
    uint64_t id;
    CHECK_EQ_INT(test_apply_one(db, "alice", secret, "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(test_put(db, "alice", 1, "key", "a.example:443", secret, TEST_NOW_MS, &generation), 0);
    store_db_free(db);
    struct test_file f = test_file_read(path);
    CHECK(memmem(f.bytes, f.len, secret, strlen(secret)) != NULL);
    free(f.bytes);
    db = test_open(path);
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    store_db_free(db);
    f = test_file_read(path);
    CHECK(memmem(f.bytes, f.len, secret, strlen(secret)) == NULL);
    free(f.bytes);
}

/* ---- lists, ports ---- */

/* Reads one page into names; the number of rows. */
static uint32_t list_page(struct store_db *db, const char *after, uint32_t limit, size_t room,
                          char names[][64], bool *more)
{
    struct buf page;
    buf_init(&page, room);
    int r = store_tenant_list(db, SPAN_EMPTY, span_str(after), limit, TEST_NOW_MS, &page, more);
    CHECK_EQ_INT(r, 0);
    struct reader reader = reader_of(buf_span(&page));
    uint32_t count = ipc_list_read(&reader, 1000);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&reader, IPC_NAME_MAX);
        (void)snprintf(names[i], 64, "%.*s", SPAN_ARG(name));
        CHECK(reader_u64(&reader) > 0);
        (void)reader_take(&reader, 2 + 3 * 4 + 6 * 8 + 4);
    }
    CHECK_EQ_INT(reader_finish(&reader), 0);
    buf_deinit(&page);
    return count;
}

TEST(paging_through_the_list)
{
    struct store_db *db = test_open_new("list.db");
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    char names[100][64];
    bool more = true;
    CHECK_EQ_UINT(list_page(db, "", 10, 1000, names, &more), 0);
    CHECK(!more);
    test_apply_init(&list);
    for (unsigned i = 0; i < 50; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "t%02u%s", i * 7 % 50,
                       i % 2 ? "-with-a-name-as-long-as-it-can-be-abc" : "");
        test_apply_add(&list, name, "y", test_spec(name, "https://a.example:443", NULL), NULL);
    }
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    free(applied);
    static const size_t rooms[] = {1 << 20, 600, 132};
    static const uint32_t limits[] = {1, 7, 49, 50, 51, 100};
    for (size_t k = 0; k < sizeof(rooms) / sizeof(rooms[0]); k++) {
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            char after[64] = "";
            unsigned seen = 0;
            for (more = true; more && seen < 100;) {
                uint32_t n = list_page(db, after, limits[i], rooms[k], names, &more);
                if (!CHECK(n > 0 && n <= limits[i])) {
                    break;
                }
                for (uint32_t j = 0; j < n; j++) {
                    char prefix[8];
                    (void)snprintf(prefix, sizeof(prefix), "t%02u", seen++);
                    CHECK(strncmp(names[j], prefix, 3) == 0);
                }
                memcpy(after, names[n - 1], sizeof(after));
            }
            CHECK_EQ_UINT(seen, 50);
        }
    }
    struct buf small;
    buf_init(&small, 131);
    CHECK_EQ_INT(store_tenant_list(db, SPAN_EMPTY, SPAN_EMPTY, 10, TEST_NOW_MS, &small, &more), CB_ELIMIT);
    buf_deinit(&small);
    store_db_free(db);
}

TEST(a_row_of_the_list)
{
    struct store_db *db = test_open_new("row.db");
    struct test_apply list;
    struct store_applied *applied;
    size_t count;
    struct buf page;
    uint64_t generation;
    bool more;
    test_apply_init(&list);
    test_apply_add(&list, "alice", "a", make_full_spec(), NULL);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS, &applied, &count), 0);
    free(applied);
    CHECK_EQ_INT(test_put(db, "alice", 1, "unused", "a.example:443", "box", TEST_NOW_MS, &generation), 0);
    CHECK_EQ_INT(store_tenant_set_port(db, 1, 65535), 0);
    test_apply_init(&list);
    test_apply_add(&list, "alice", "a2", make_full_spec(), NULL);
    CHECK_EQ_INT(test_apply_run(db, &list, TEST_NOW_MS + 1000, &applied, &count), 0);
    free(applied);
    buf_init(&page, 1000);
    CHECK_EQ_INT(store_tenant_list(db, SPAN_EMPTY, SPAN_EMPTY, 10, TEST_NOW_MS, &page, &more), 0);
    struct reader r = reader_of(buf_span(&page));
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 1);
    CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "alice"));
    CHECK_EQ_UINT(reader_u64(&r), 1);
    CHECK_EQ_UINT(reader_u16(&r), 65535);
    CHECK_EQ_UINT(reader_u32(&r), 11); /* routes */
    CHECK_EQ_UINT(reader_u32(&r), 3);  /* credentials used */
    CHECK_EQ_UINT(reader_u32(&r), 1);  /* credentials set */
    CHECK_EQ_UINT(reader_u64(&r), TEST_NOW_MS);
    CHECK_EQ_UINT(reader_u64(&r), TEST_NOW_MS + 1000);
    CHECK_EQ_UINT(reader_u64(&r), 0); /* not suspended */
    CHECK_EQ_UINT(reader_u64(&r), 0); /* no request, none refused, and so no last one: see test_series.c */
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK_EQ_UINT(reader_u64(&r), 0);
    CHECK_EQ_UINT(reader_u32(&r), 0); /* grants: see test_grants.c */
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&page);
    store_db_free(db);
}

TEST(suspended_once_with_a_record)
{
    struct store_db *db = test_open_new("suspend.db");
    struct store_applied a;
    struct store_brief brief;
    struct store_audit_row row;
    struct store_audit_page page;
    struct store_tenant t;
    uint64_t generation = 0;
    static const uint8_t id[IPC_REQUEST_ID_LEN] = "0123456789a";
    struct span request = span_of(id, sizeof(id));
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(store_tenant_suspend(db, 1, false, SPAN_LIT("x"), SPAN_EMPTY, TEST_NOW_MS, &generation),
                 CB_EEXIST);
    CHECK_EQ_INT(store_tenant_suspend(db, 2, true, SPAN_LIT("x"), SPAN_EMPTY, TEST_NOW_MS, &generation),
                 CB_ENOTFOUND);
    CHECK_EQ_INT(
        store_tenant_suspend(db, 1, true, SPAN_LIT("tripwire"), request, TEST_NOW_MS + 7, &generation), 0);
    CHECK_EQ_UINT(generation, 2);
    CHECK_EQ_INT(store_tenant_suspend(db, 1, true, SPAN_LIT("x"), SPAN_EMPTY, TEST_NOW_MS, &generation),
                 CB_EEXIST);
    CHECK_EQ_INT(store_tenant_brief(db, 1, &brief), 0);
    CHECK_EQ_UINT(brief.suspended_ms, TEST_NOW_MS + 7);
    CHECK_EQ_STR(brief.name, "alice");
    CHECK_EQ_INT(store_tenant_brief(db, 2, &brief), CB_ENOTFOUND);
    if (CHECK_EQ_INT(store_tenant_get_by_id(db, 1, &t), 0)) {
        CHECK_EQ_UINT(t.suspended_ms, TEST_NOW_MS + 7);
        CHECK_EQ_STR(t.suspended_by, "tripwire");
        store_tenant_deinit(&t);
    }
    struct buf rows;
    buf_init(&rows, IPC_PAGE_MAX);
    struct store_audit_query last = {.limit = 10, .after_seq = 1}; /* that it was created */
    CHECK_EQ_INT(store_audit_page(db, &last, &rows, &page), 0);
    struct reader r = reader_of(buf_span(&rows));
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 1);
    if (CHECK_EQ_INT(store_audit_row_read(&r, &row), 0)) {
        CHECK_EQ_INT(row.kind, STORE_AUDIT_CHANGE);
        CHECK(span_eq(row.request_id, request));
        CHECK(span_eq_str(row.change, "suspended"));
        CHECK(span_eq_str(row.by, "tripwire"));
    }
    buf_deinit(&rows);
    CHECK_EQ_INT(
        store_tenant_suspend(db, 1, false, SPAN_LIT("administrator"), SPAN_EMPTY, TEST_NOW_MS, &generation),
        0);
    CHECK_EQ_INT(store_tenant_brief(db, 1, &brief), 0);
    CHECK_EQ_UINT(brief.suspended_ms, 0);
    store_db_free(db);
}

TEST(tokens_differ)
{
    struct store_db *db = test_open_new("token.db");
    char tokens[8][IPC_TOKEN_MAX + 1];
    for (unsigned i = 0; i < 8; i++) {
        char name[8];
        struct store_tenant t;
        (void)snprintf(name, sizeof(name), "t%u", i);
        CHECK_EQ_INT(test_apply_one(db, name, "y", "https://a.example:443", NULL, TEST_NOW_MS, NULL), 0);
        CHECK_EQ_INT(store_tenant_get(db, span_str(name), &t), 0);
        memcpy(tokens[i], t.token, sizeof(tokens[i]));
        store_tenant_deinit(&t);
        for (unsigned k = 0; k < i; k++) {
            CHECK(strcmp(tokens[k], tokens[i]) != 0);
        }
    }
    store_db_free(db);
}

static int set_token(struct store_db *db, const char *tenant, const char *token, uint64_t *id,
                     uint64_t *generation)
{
    struct ipc_tenant_token m = {.tenant = span_str(tenant), .token = span_str(token)};
    return store_tenant_set_token(db, &m, TEST_NOW_MS, id, generation);
}

TEST(a_tenant_gets_a_proxy_token_from_outside)
{
    static const char token[] = "0123456789-abcdef._~ABCDEF";
    struct store_db *db = test_open_new("token.db");
    struct store_applied a;
    struct store_tenant t;
    uint64_t id = 0;
    uint64_t generation = 0;
    CHECK_EQ_INT(test_apply_one(db, "alice", "v1", "https://a.example:443", "key", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(store_tenant_get(db, SPAN_LIT("alice"), &t), 0);
    uint64_t before = t.generation;
    store_tenant_deinit(&t);
    CHECK_EQ_INT(set_token(db, "alice", token, &id, &generation), 0);
    CHECK_EQ_INT(store_tenant_get(db, SPAN_LIT("alice"), &t), 0);
    CHECK_EQ_STR(t.token, token);
    CHECK_EQ_UINT(t.generation, before + 1);
    CHECK_EQ_UINT(generation, before + 1);
    CHECK_EQ_UINT(id, t.id);
    store_tenant_deinit(&t);
    CHECK_EQ_INT(set_token(db, "alice", token, &id, &generation), CB_EEXIST);
    CHECK_EQ_INT(set_token(db, "bob", token, &id, &generation), CB_ENOTFOUND);
    static const char *const wrong[] = {"", "0123456789-abcdef._~A", "0123456789 abcdef._~ABCDEF",
                                        "0123456789/abcdef._~ABCDEF",
                                        "0123456789012345678901234567890123456789012345678901234567890123x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ_INT(set_token(db, "alice", wrong[i], &id, &generation), CB_EINVAL);
    }
    CHECK_EQ_INT(store_tenant_get(db, SPAN_LIT("alice"), &t), 0);
    CHECK_EQ_UINT(t.generation, before + 1);
    store_tenant_deinit(&t);
    store_db_free(db);
}

TEST_MAIN()

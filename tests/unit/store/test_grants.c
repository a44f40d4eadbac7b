/* What somebody allowed for a time, or once: whose it is, its use in the transaction of a record, its end, its place in the audit. */
#include "store/grants.h"
#include "store/tenants.h"
#include "store_test.h"

enum { ALICE = 1, BOB = 2 };

#define HOUR_MS UINT64_C(3600000)

/* A database with the tenants alice (1) and bob (2). */
static struct store_db *open_two(const char *name)
{
    struct store_db *db = test_open_new(name);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://b.example:443", "key", TEST_NOW_MS, NULL), 0);
    return db;
}

static struct ipc_grant_create wish(const char *tenant, const char *path, bool once)
{
    return (struct ipc_grant_create){.tenant = span_str(tenant),
                                     .host = SPAN_LIT("x.example"),
                                     .port = 443,
                                     .method = SPAN_LIT("POST"),
                                     .path = span_str(path),
                                     .for_ms = HOUR_MS,
                                     .once = once,
                                     .by = SPAN_LIT("admin:root")};
}

static uint64_t create(struct store_db *db, const char *tenant, const char *path, bool once)
{
    struct store_granted g = {.id = 0};
    struct ipc_grant_create m = wish(tenant, path, once);
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), 0);
    CHECK_EQ_UINT(g.until_ms, TEST_NOW_MS + HOUR_MS);
    return g.id;
}

static struct store_audit_row request(uint64_t tenant_id, const char *path)
{
    return (struct store_audit_row){.kind = STORE_AUDIT_DECISION,
                                    .tenant_id = tenant_id,
                                    .reason = POLICY_REASON_ROUTE,
                                    .method = SPAN_LIT("POST"),
                                    .host = SPAN_LIT("x.example"),
                                    .port = 443,
                                    .path = span_str(path)};
}

/* One use in a transaction of its own; *last as store_grant_use() has it. */
static int use_row(struct store_db *db, uint64_t id, const struct store_audit_row *row, uint64_t now_ms,
                   bool *last)
{
    CHECK_EQ_INT(store_db_begin(db), 0);
    int r = store_grant_use(db, id, row, now_ms, last);
    CHECK_EQ_INT(store_db_commit(db), 0);
    return r;
}

static int use(struct store_db *db, uint64_t tenant_id, uint64_t id, const char *path, uint64_t now_ms)
{
    bool last;
    struct store_audit_row row = request(tenant_id, path);
    return use_row(db, id, &row, now_ms, &last);
}

/* "ID PATH USES;" of each, in the list for people or for the egress. */
static void check_list(struct store_db *db, uint64_t tenant_id, uint64_t now_ms, const char *want)
{
    for (int people = 0; people < 2; people++) {
        struct buf list;
        char text[512] = "";
        size_t len = 0;
        buf_init(&list, IPC_GRANTS_MAX);
        CHECK_EQ_INT(store_grants_list(db, tenant_id, now_ms, people != 0, &list), 0);
        struct reader r = reader_of(buf_span(&list));
        uint32_t count = ipc_list_read(&r, POLICY_GRANTS_MAX);
        for (uint32_t i = 0; i < count && r.error == 0; i++) {
            struct policy_grant g = policy_grant_read(&r);
            CHECK(span_eq_str(g.host, "x.example"));
            CHECK_EQ_UINT(g.port, 443);
            CHECK(span_eq_str(g.method, g.websocket ? "GET" : "POST"));
            CHECK_EQ_UINT(g.until_ms, TEST_NOW_MS + HOUR_MS);
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%" PRIu64 " %.*s %u%s;", g.id,
                                    SPAN_ARG(g.path), (unsigned)g.uses_left, g.websocket ? " websocket" : "");
            if (people != 0) {
                CHECK_EQ_UINT(reader_u64(&r), TEST_NOW_MS);
                CHECK(span_eq_str(ipc_read_text(&r, IPC_BY_MAX), "admin:root"));
            }
        }
        CHECK_EQ_INT(reader_finish(&r), 0);
        CHECK_EQ_STR(text, want);
        buf_deinit(&list);
    }
}

/* "CHANGE TENANT;" of each record of a change. */
static void check_changes(struct store_db *db, const char *want)
{
    struct store_audit_page page;
    struct buf rows;
    char text[512] = "";
    size_t len = 0;
    buf_init(&rows, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_audit_page(db, &(struct store_audit_query){.limit = 100}, &rows, &page), 0);
    struct reader r = reader_of(buf_span(&rows));
    uint32_t count = ipc_list_read(&r, 100);
    for (uint32_t i = 0; i < count; i++) {
        struct store_audit_row row;
        CHECK_EQ_INT(store_audit_row_read(&r, &row), 0);
        if (row.kind == STORE_AUDIT_CHANGE && span_starts(row.change, SPAN_LIT("grant"))) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s %.*s by %.*s;",
                                    SPAN_ARG(row.change), SPAN_ARG(row.tenant), SPAN_ARG(row.by));
        }
    }
    CHECK_EQ_STR(text, want);
    buf_deinit(&rows);
}

/* How many grants the list of tenants has for each, at that time. */
static void check_counts(struct store_db *db, uint64_t now_ms, uint32_t alice, uint32_t bob)
{
    struct buf page;
    bool more;
    buf_init(&page, 1000);
    CHECK_EQ_INT(store_tenant_list(db, SPAN_EMPTY, SPAN_EMPTY, 10, now_ms, &page, &more), 0);
    struct reader r = reader_of(buf_span(&page));
    CHECK_EQ_UINT(ipc_list_read(&r, 10), 2);
    (void)ipc_read_text(&r, IPC_NAME_MAX);
    (void)reader_take(&r, 8 + 2 + 3 * 4 + 6 * 8);
    CHECK_EQ_UINT(reader_u32(&r), alice);
    (void)ipc_read_text(&r, IPC_NAME_MAX);
    (void)reader_take(&r, 8 + 2 + 3 * 4 + 6 * 8);
    CHECK_EQ_UINT(reader_u32(&r), bob);
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&page);
}

TEST(the_list_of_tenants_counts_what_is_not_over)
{
    struct store_db *db = open_two("counted.db");
    check_counts(db, TEST_NOW_MS, 0, 0);
    CHECK(create(db, "bob", "/one", true) != 0);
    CHECK(create(db, "bob", "/two", false) != 0);
    check_counts(db, TEST_NOW_MS, 0, 2);
    check_counts(db, TEST_NOW_MS + HOUR_MS - 1, 0, 2);
    check_counts(db, TEST_NOW_MS + HOUR_MS, 0, 0);
    store_db_free(db);
}

TEST(a_grant_for_a_time_is_used_until_it_ends)
{
    struct store_db *db = open_two("timed.db");
    uint64_t id = create(db, "alice", "/v1/*", false);
    check_list(db, ALICE, TEST_NOW_MS, "1 /v1/* 255;");
    check_list(db, BOB, TEST_NOW_MS, "");
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ_INT(use(db, ALICE, id, "/v1/x", TEST_NOW_MS), 0);
    }
    check_list(db, ALICE, TEST_NOW_MS, "1 /v1/* 255;");
    CHECK_EQ_INT(use(db, ALICE, id, "/v1/x", TEST_NOW_MS + HOUR_MS - 1), 0);
    CHECK_EQ_INT(use(db, ALICE, id, "/v1/x", TEST_NOW_MS + HOUR_MS), CB_EPERM);
    check_list(db, ALICE, TEST_NOW_MS + HOUR_MS, "");
    store_db_free(db);
}

TEST(a_websocket_is_kept)
{
    struct store_db *db = open_two("websocket.db");
    struct store_granted granted;
    struct ipc_grant_create m = wish("alice", "/ws", true);
    m.websocket = true;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &granted), CB_EINVAL); /* a POST */
    m.method = SPAN_LIT("GET");
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &granted), 0);
    check_list(db, ALICE, TEST_NOW_MS, "1 /ws 1 websocket;");
    store_db_free(db);
}

TEST(a_use_has_to_be_what_was_granted)
{
    bool last;
    struct store_db *db = open_two("what.db");
    uint64_t id = create(db, "alice", "/v1/*", true);
    CHECK_EQ_INT(use(db, BOB, id, "/v1/x", TEST_NOW_MS), CB_EPERM); /* another tenant has nothing of it */
    CHECK_EQ_INT(use(db, ALICE, id + 1, "/v1/x", TEST_NOW_MS), CB_EPERM);
    CHECK_EQ_INT(use(db, ALICE, id, "/v2", TEST_NOW_MS), CB_EPERM);
    struct store_audit_row row = request(ALICE, "/v1/x");
    row.host = SPAN_LIT("y.example");
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    row = request(ALICE, "/v1/x");
    row.scheme = SPEC_SCHEME_HTTP;
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    row = request(ALICE, "/v1/x");
    row.port = 444;
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    row = request(ALICE, "/v1/x");
    row.method = SPAN_LIT("GET");
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    row = request(ALICE, "/v1/x");
    CHECK_EQ_INT(store_grant_use(db, id, &row, TEST_NOW_MS, &last), CB_ESTATE);
    check_list(db, ALICE, TEST_NOW_MS, "1 /v1/* 1;");
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), 0);
    CHECK(last);
    store_db_free(db);
}

TEST(once_is_once_and_with_the_record_or_not_at_all)
{
    bool last;
    struct store_db *db = open_two("once.db");
    uint64_t id = create(db, "alice", "/a", true);
    struct store_audit_row row = request(ALICE, "/a");
    /* The record did not become durable, so the use has not happened. */
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(store_grant_use(db, id, &row, TEST_NOW_MS, &last), 0);
    CHECK(last);
    CHECK_EQ_INT(store_grant_use(db, id, &row, TEST_NOW_MS, &last), CB_EPERM); /* in the same batch */
    CHECK(!last);
    store_db_rollback(db);
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), 0);
    CHECK(last);
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    check_list(db, ALICE, TEST_NOW_MS, "1 /a 0;"); /* for what it began */
    store_db_free(db);
    db = test_open(test_path("once.db"));
    CHECK_EQ_INT(use_row(db, id, &row, TEST_NOW_MS, &last), CB_EPERM);
    store_db_free(db);
}

TEST(what_is_over_is_forgotten_one_after_the_other)
{
    uint64_t tenant_id;
    uint64_t next;
    struct store_granted g;
    struct store_db *db = open_two("over.db");
    CHECK_EQ_INT(store_grants_next(db, &next), 0);
    CHECK_EQ_UINT(next, 0);
    (void)create(db, "alice", "/a", false);
    struct ipc_grant_create m = wish("bob", "/b", true);
    m.for_ms = 1000;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), 0);
    CHECK_EQ_INT(store_grants_next(db, &next), 0);
    CHECK_EQ_UINT(next, TEST_NOW_MS + 1000);
    CHECK_EQ_INT(store_grants_prune(db, TEST_NOW_MS + 999, &tenant_id), 0);
    CHECK_EQ_INT(store_grants_prune(db, TEST_NOW_MS + 1000, &tenant_id), 1);
    CHECK_EQ_UINT(tenant_id, BOB);
    CHECK_EQ_INT(store_grants_prune(db, TEST_NOW_MS + 1000, &tenant_id), 0);
    CHECK_EQ_INT(store_grants_prune(db, TEST_NOW_MS + HOUR_MS, &tenant_id), 1);
    CHECK_EQ_UINT(tenant_id, ALICE);
    CHECK_EQ_INT(store_grants_next(db, &next), 0);
    CHECK_EQ_UINT(next, 0);
    store_db_free(db);
}

TEST(taking_back_ends_it_and_is_on_record)
{
    uint64_t tenant_id = 0;
    struct store_db *db = open_two("back.db");
    uint64_t id = create(db, "alice", "/a", false);
    struct ipc_grant_delete m = {.tenant = SPAN_LIT("bob"), .grant = id, .by = SPAN_LIT("socket")};
    CHECK_EQ_INT(store_grant_delete(db, &m, TEST_NOW_MS, &tenant_id), CB_ENOTFOUND);
    m.tenant = SPAN_LIT("nobody");
    CHECK_EQ_INT(store_grant_delete(db, &m, TEST_NOW_MS, &tenant_id), CB_ENOTFOUND);
    m.tenant = SPAN_LIT("alice");
    CHECK_EQ_INT(store_grant_delete(db, &m, TEST_NOW_MS + HOUR_MS, &tenant_id), CB_ENOTFOUND); /* over */
    CHECK_EQ_INT(store_grant_delete(db, &m, TEST_NOW_MS, &tenant_id), 0);
    CHECK_EQ_UINT(tenant_id, ALICE);
    CHECK_EQ_INT(use(db, ALICE, id, "/a", TEST_NOW_MS), CB_EPERM);
    CHECK_EQ_INT(store_grant_delete(db, &m, TEST_NOW_MS, &tenant_id), CB_ENOTFOUND);
    CHECK_EQ_UINT(create(db, "alice", "/a", false), id + 1); /* numbers are never given twice */
    check_changes(db, "granted alice by admin:root;grant-ended alice by socket;granted alice by admin:root;");
    store_db_free(db);
}

TEST(what_cannot_be_granted_changes_nothing)
{
    struct store_granted g;
    struct store_db *db = open_two("refused.db");
    struct ipc_grant_create m = wish("nobody", "/a", false);
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_ENOTFOUND);
    m = wish("alice", "no path", false);
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    m = wish("alice", "/a", false);
    m.host = SPAN_LIT("*.example");
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    m = wish("alice", "/a", false);
    m.scheme = 7;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    m = wish("alice", "/a", false);
    m.for_ms = POLICY_GRANT_MS_MAX + 1;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    m.for_ms = 0;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    m = wish("alice", "/a", false);
    m.by = SPAN_EMPTY;
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_EINVAL);
    check_list(db, ALICE, TEST_NOW_MS, "");
    check_changes(db, "");
    store_db_free(db);
}

TEST(a_tenant_has_so_many_and_they_go_with_it)
{
    uint64_t id;
    struct store_granted g;
    char path[1100];
    struct store_db *db = open_two("many.db");
    /* The longest there can be, so that a full list is shown to fit its message. */
    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[SPEC_PATH_MAX] = '\0';
    char host[SPEC_HOST_MAX + 1];
    for (size_t i = 0; i < SPEC_HOST_MAX; i++) {
        host[i] = i % 62 == 61 ? '.' : 'h';
    }
    host[SPEC_HOST_MAX] = '\0';
    struct ipc_grant_create m = wish("alice", path, false);
    m.host = span_str(host);
    m.by = SPAN_LIT("0123456789012345678901234567890123456789012345678901234567890123");
    m.method = SPAN_LIT("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF");
    for (unsigned i = 0; i < POLICY_GRANTS_MAX; i++) {
        CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), 0);
    }
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS, &g), CB_ELIMIT);
    struct buf list;
    buf_init(&list, IPC_GRANTS_MAX);
    CHECK_EQ_INT(store_grants_list(db, ALICE, TEST_NOW_MS, true, &list), 0);
    buf_deinit(&list);
    (void)create(db, "bob", "/b", false);
    CHECK_EQ_INT(store_grant_create(db, &m, TEST_NOW_MS + HOUR_MS, &g), 0); /* those are over */
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    check_list(db, 3, TEST_NOW_MS, "");
    uint64_t next;
    CHECK_EQ_INT(store_grants_next(db, &next), 0);
    CHECK_EQ_UINT(next, TEST_NOW_MS + HOUR_MS); /* bob's */
    store_db_free(db);
}

TEST_MAIN()

/* Who changed what: a row beside the record in the audit, in the same transaction; and what documents were. */
#include "store/change.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store_test.h"
#include "tls/passphrase.h"

/* "seq tenant generation by change detail\n" of each, newest first. */
static void check_changes(struct store_db *db, uint64_t tenant_id, uint64_t before, uint32_t limit, bool more,
                          const char *want)
{
    struct buf list;
    bool has_more = !more;
    char text[2048] = "";
    size_t len = 0;
    buf_init(&list, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_change_list(db, tenant_id, before, limit, &list, &has_more), 0);
    CHECK_EQ_INT(has_more, more);
    struct reader r = reader_of(buf_span(&list));
    uint32_t count = ipc_list_read(&r, STORE_CHANGES_LIMIT);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        uint64_t seq = reader_u64(&r);
        struct span tenant = ipc_read_text(&r, IPC_NAME_MAX);
        uint64_t generation = reader_u64(&r);
        uint64_t time_ms = reader_u64(&r);
        struct span by = ipc_read_text(&r, IPC_BY_MAX);
        struct span change = ipc_read_text(&r, STORE_AUDIT_WORD_MAX);
        struct span detail = ipc_read_text(&r, IPC_AUDIT_DETAIL_MAX);
        CHECK_EQ_UINT(time_ms, TEST_NOW_MS);
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%" PRIu64 " %.*s %" PRIu64 " %.*s %.*s %.*s\n", seq, SPAN_ARG(tenant),
                                generation, SPAN_ARG(by), SPAN_ARG(change), SPAN_ARG(detail));
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_STR(text, want);
    buf_deinit(&list);
}

static int apply(struct store_db *db, const char *tenant, const char *yaml, const char *by)
{
    struct test_apply a;
    struct store_applied *applied;
    size_t count;
    test_apply_init(&a);
    a.how.by = span_str(by);
    test_apply_add(&a, tenant, yaml, test_spec(tenant, "https://a.example:443", "key"), NULL);
    int r = test_apply_run(db, &a, TEST_NOW_MS, &applied, &count);
    free(applied);
    return r;
}

TEST(every_change_says_who_made_it)
{
    static const uint8_t hash[IPC_HASH_LEN] = {1};
    struct store_db *db = test_open_new("changes.db");
    uint64_t id = 0;
    uint64_t generation = 0;
    CHECK_EQ_INT(apply(db, "alice", "one", "admin:ada"), 0);
    CHECK_EQ_INT(apply(db, "alice", "two", "socket"), 0);
    CHECK_EQ_INT(apply(db, "alice", "two", "nobody"), 0); /* no change */
    struct ipc_credential_put put = {.tenant = SPAN_LIT("alice"),
                                     .tenant_id = 1,
                                     .credential = SPAN_LIT("key"),
                                     .binding = SPAN_LIT("a.example:443"),
                                     .box = SPAN_LIT("box"),
                                     .by = SPAN_LIT("token:ci")};
    CHECK_EQ_INT(store_credential_put(db, &put, TEST_NOW_MS, &generation), 0);
    struct ipc_credential_delete clear = {
        .tenant = SPAN_LIT("alice"), .credential = SPAN_LIT("key"), .by = SPAN_LIT("admin:ada")};
    CHECK_EQ_INT(store_credential_delete(db, &clear, TEST_NOW_MS, &id, &generation), 0);
    CHECK_EQ_INT(store_credential_delete(db, &clear, TEST_NOW_MS, &id, &generation), CB_ENOTFOUND);
    CHECK_EQ_INT(store_tenant_suspend(db, 1, true,
                                      SPAN_LIT("admin:a-name-of-forty-letters-as-long-as-it-can"), SPAN_EMPTY,
                                      TEST_NOW_MS, &generation),
                 0);
    struct ipc_tenant_token token = {.tenant = SPAN_LIT("alice"),
                                     .token = SPAN_LIT("0123456789012345678901"),
                                     .by = SPAN_LIT("admin:ada")};
    CHECK_EQ_INT(store_tenant_set_token(db, &token, TEST_NOW_MS, &id, &generation), 0);
    struct ipc_token_create made = {.name = SPAN_LIT("ci"),
                                    .hash = span_of(hash, sizeof(hash)),
                                    .scope = IPC_SCOPE_VIEWER,
                                    .by = SPAN_LIT("socket")};
    CHECK_EQ_INT(store_token_create(db, &made, TEST_NOW_MS), 0);
    struct ipc_token_delete gone = {.name = SPAN_LIT("ci"), .by = SPAN_LIT("admin:ada")};
    CHECK_EQ_INT(store_token_delete(db, &gone, TEST_NOW_MS), 0);
    struct ipc_link_create link = {.hash = span_of(hash, sizeof(hash)),
                                   .ends_ms = TEST_NOW_MS + STORE_LINK_MS,
                                   .by = SPAN_LIT("socket")};
    CHECK_EQ_INT(store_link_create(db, &link, TEST_NOW_MS), 0);
    struct ipc_tenant_delete last = {.tenant = SPAN_LIT("alice"), .by = SPAN_LIT("admin:ada")};
    CHECK_EQ_INT(store_tenant_delete(db, &last, TEST_NOW_MS, &id), 0);
    check_changes(db, 1, 0, 100, false,
                  "10 alice 0 admin:ada deleted \n"
                  "6 alice 0 admin:ada proxy-token \n"
                  "5 alice 0 admin:a-name-of-forty-letters-as-long-as-it-can suspended \n"
                  "4 alice 0 admin:ada credential-removed key\n"
                  "3 alice 0 token:ci credential-set key\n"
                  "2 alice 2 socket updated \n"
                  "1 alice 1 admin:ada created \n");
    check_changes(db, 0, 10, 3, true,
                  "9  0 socket link-made \n"
                  "8  0 admin:ada token-removed ci\n"
                  "7  0 socket token-created ci\n");
    check_changes(db, 0, 2, 3, false, "1 alice 1 admin:ada created \n");
    /* The audit has the same, and what is of no tenant under a name that is none. */
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 10);
    store_db_free(db);
}

static void check_revision(struct store_db *db, uint64_t generation, const char *yaml, const char *by,
                           bool before)
{
    struct store_revision revision;
    if (CHECK_EQ_INT(store_revision_get(db, 1, generation, &revision), 0)) {
        CHECK(span_eq_str(buf_span(&revision.yaml), yaml));
        CHECK_EQ_STR(revision.by, by);
        CHECK(buf_len(&revision.spec) != 0);
        CHECK_EQ_INT(buf_len(&revision.before) != 0, before);
        store_revision_deinit(&revision);
    }
}

TEST(documents_are_kept)
{
    struct store_revision revision;
    struct store_db *db = test_open_new("revisions.db");
    uint64_t generation = 0;
    char yaml[16];
    CHECK_EQ_INT(apply(db, "alice", "one", "admin:ada"), 0);
    CHECK_EQ_INT(store_tenant_suspend(db, 1, true, SPAN_LIT("x"), SPAN_EMPTY, TEST_NOW_MS, &generation), 0);
    CHECK_EQ_INT(apply(db, "alice", "three", "admin:bea"), 0);
    check_revision(db, 1, "one", "admin:ada", false);
    CHECK_EQ_INT(store_revision_get(db, 1, 2, &revision), CB_ENOTFOUND); /* no document's */
    check_revision(db, 3, "three", "admin:bea", true);
    CHECK_EQ_INT(store_revision_get(db, 1, 4, &revision), CB_ENOTFOUND);
    CHECK_EQ_INT(store_revision_get(db, 2, 1, &revision), CB_ENOTFOUND);
    for (unsigned i = 4; i <= STORE_REVISIONS_MAX + 2; i++) {
        (void)snprintf(yaml, sizeof(yaml), "%u", i);
        CHECK_EQ_INT(apply(db, "alice", yaml, "socket"), 0);
    }
    CHECK_EQ_INT(store_revision_get(db, 1, 1, &revision), CB_ENOTFOUND);
    check_revision(db, 3, "three", "admin:bea", false);
    check_revision(db, STORE_REVISIONS_MAX + 2, yaml, "socket", true);
    CHECK_EQ_INT(test_delete(db, "alice", &generation), 0);
    CHECK_EQ_INT(store_revision_get(db, 1, 3, &revision), CB_ENOTFOUND);
    store_db_free(db);
}

TEST_MAIN()

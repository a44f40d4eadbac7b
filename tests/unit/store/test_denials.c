/* What was refused, counted: what counts, what makes room, whose it is, and muting. */
#include "store/audit.h"
#include "store/denials.h"
#include "store_test.h"

enum { ALICE = 1, BOB = 2 };

/* A database with the tenants alice (1) and bob (2). */
static struct store_db *open_two(const char *name)
{
    struct store_db *db = test_open_new(name);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://b.example:443", "key", TEST_NOW_MS, NULL), 0);
    return db;
}

static struct store_audit_row refusal(uint64_t tenant_id, const char *host, const char *path)
{
    return (struct store_audit_row){.kind = STORE_AUDIT_DECISION,
                                    .tenant_id = tenant_id,
                                    .reason = POLICY_REASON_NO_ROUTE_PATH,
                                    .route = SPAN_LIT("main"),
                                    .credential = SPAN_LIT("key"),
                                    .method = SPAN_LIT("POST"),
                                    .host = span_str(host),
                                    .port = 443,
                                    .path = span_str(path)};
}

static int note(struct store_db *db, const struct store_audit_row *row, uint64_t now_ms)
{
    int r = store_db_begin(db);
    if (r == 0 && (r = store_denial_note(db, row, now_ms)) == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

static int note_one(struct store_db *db, uint64_t tenant_id, const char *host, const char *path,
                    uint64_t now_ms)
{
    struct store_audit_row row = refusal(tenant_id, host, path);
    return note(db, &row, now_ms);
}

/* What a page has, and where the next one begins. */
struct page {
    char text
        [2048]; /* "TENANT METHOD HOST PATH xCOUNT FIRST-LAST DETAIL\n" of each, the times from TEST_NOW_MS on */
    uint32_t count;
    bool more;
    uint64_t last_ms;
    uint64_t last_id;
};

static void ask(struct store_db *db, const struct ipc_denials_get *m, struct page *out)
{
    struct buf list;
    size_t len = 0;
    *out = (struct page){.count = 0};
    buf_init(&list, IPC_PAGE_MAX);
    CHECK_EQ_INT(store_denials_list(db, m, &list, &out->more), 0);
    struct reader r = reader_of(buf_span(&list));
    out->count = ipc_list_read(&r, 2000);
    for (uint32_t i = 0; i < out->count && r.error == 0; i++) {
        struct span tenant = ipc_read_text(&r, IPC_NAME_MAX);
        out->last_id = reader_u64(&r);
        CHECK_EQ_UINT(reader_u8(&r), 0);
        struct span host = ipc_read_text(&r, IPC_HOST_MAX);
        CHECK_EQ_UINT(reader_u16(&r), 443);
        struct span method = ipc_read_text(&r, 32);
        struct span path = ipc_read_text(&r, IPC_AUDIT_PATH_MAX);
        (void)reader_u8(&r);
        struct span detail = ipc_read_text(&r, IPC_AUDIT_DETAIL_MAX);
        CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "main"));
        CHECK(span_eq_str(ipc_read_text(&r, IPC_NAME_MAX), "key"));
        uint64_t count = reader_u64(&r);
        uint64_t first = reader_u64(&r);
        out->last_ms = reader_u64(&r);
        CHECK_EQ_UINT(reader_u8(&r), m->muted ? 1 : 0);
        if (len < sizeof(out->text)) {
            len += (size_t)snprintf(out->text + len, sizeof(out->text) - len,
                                    "%.*s %.*s %.*s %.*s x%" PRIu64 " %" PRIu64 "-%" PRIu64 "%s%.*s\n",
                                    SPAN_ARG(tenant), SPAN_ARG(method), SPAN_ARG(host), SPAN_ARG(path), count,
                                    first - TEST_NOW_MS, out->last_ms - TEST_NOW_MS,
                                    detail.len != 0 ? " " : "", SPAN_ARG(detail));
        }
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&list);
}

static void check_list(struct store_db *db, const char *tenant, bool muted, const char *want)
{
    struct page page;
    ask(db, &(struct ipc_denials_get){.tenant = span_str(tenant), .muted = muted, .limit = 100}, &page);
    CHECK_EQ_STR(page.text, want);
    CHECK(!page.more);
}

static int mute(struct store_db *db, const char *tenant, const char *host, const char *path, bool muted)
{
    return store_denial_mute(db,
                             &(struct ipc_denial_mute){.tenant = span_str(tenant),
                                                       .host = span_str(host),
                                                       .port = 443,
                                                       .method = SPAN_LIT("POST"),
                                                       .path = span_str(path),
                                                       .muted = muted,
                                                       .by = SPAN_LIT("socket")},
                             TEST_NOW_MS);
}

TEST(what_is_asked_for_again_is_counted)
{
    struct store_db *db = open_two("counted.db");
    check_list(db, "", false, "");
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS + 1), 0);
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/b", TEST_NOW_MS + 2), 0);
    CHECK_EQ_INT(note_one(db, BOB, "x.example", "/a", TEST_NOW_MS + 3), 0);
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS + 4), 0);
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS), 0); /* the clock went back */
    check_list(
        db, "", false,
        "alice POST x.example /a x3 1-4\nbob POST x.example /a x1 3-3\nalice POST x.example /b x1 2-2\n");
    check_list(db, "alice", false, "alice POST x.example /a x3 1-4\nalice POST x.example /b x1 2-2\n");
    check_list(db, "nobody", false, "");
    store_db_free(db);
}

TEST(only_what_somebody_could_want_to_allow_counts)
{
    struct store_db *db = open_two("reasons.db");
    static const uint8_t none[] = {POLICY_REASON_ROUTE,
                                   POLICY_REASON_PROXY_AUTH,
                                   POLICY_REASON_RATE,
                                   POLICY_REASON_BAD_REQUEST,
                                   POLICY_REASON_UPSTREAM_CLOSED,
                                   POLICY_REASON_TENANT_SUSPENDED,
                                   POLICY_REASON_BASE_URL_FOREIGN,
                                   POLICY_REASON_TRUST_FOREIGN};
    struct store_audit_row row = refusal(ALICE, "x.example", "/a");
    for (size_t i = 0; i < sizeof(none); i++) {
        row.reason = none[i];
        CHECK_EQ_INT(note(db, &row, TEST_NOW_MS), 0);
    }
    row.reason = POLICY_REASON_NO_ROUTE;
    row.host = SPAN_EMPTY;
    CHECK_EQ_INT(note(db, &row, TEST_NOW_MS), 0);
    row = refusal(99, "x.example", "/a"); /* no such tenant any more */
    CHECK_EQ_INT(note(db, &row, TEST_NOW_MS), 0);
    check_list(db, "", false, "");
    row = refusal(ALICE, "x.example", "/a");
    row.reason = POLICY_REASON_PLACEHOLDER_MISPLACED;
    CHECK_EQ_INT(note(db, &row, TEST_NOW_MS), 0);
    check_list(db, "", false, "alice POST x.example /a x1 0-0\n");
    CHECK_EQ_INT(store_denial_note(db, &row, TEST_NOW_MS), CB_ESTATE);
    store_db_free(db);
}

/* An allowed request of that number, and how it ended. */
static void pass(struct store_db *db, uint8_t n, uint64_t tenant_id, const char *path)
{
    const uint8_t id[IPC_REQUEST_ID_LEN] = {n};
    struct store_audit_row row = refusal(tenant_id, "x.example", path);
    uint64_t seq;
    row.reason = POLICY_REASON_ROUTE;
    row.tenant = tenant_id == BOB ? SPAN_LIT("bob") : SPAN_LIT("alice");
    row.request_id = span_of(id, sizeof(id));
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_INT(store_denial_note(db, &row, TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_db_commit(db), 0);
}

static void end(struct store_db *db, uint8_t n, uint64_t tenant_id, enum policy_reason reason)
{
    const uint8_t id[IPC_REQUEST_ID_LEN] = {n};
    struct store_audit_row row = {.kind = STORE_AUDIT_OUTCOME,
                                  .tenant = SPAN_LIT("alice"),
                                  .tenant_id = tenant_id,
                                  .request_id = span_of(id, sizeof(id)),
                                  .time_ms = TEST_NOW_MS,
                                  .reason = (uint8_t)reason,
                                  .detail = SPAN_LIT("10.0.0.1 is private")};
    uint64_t seq;
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_INT(store_denial_note(db, &row, TEST_NOW_MS + n), 0);
    CHECK_EQ_INT(store_db_commit(db), 0);
}

TEST(what_was_refused_on_its_way_is_what_the_decision_says)
{
    struct store_db *db = open_two("late.db");
    pass(db, 1, ALICE, "/one");
    pass(db, 2, ALICE, "/two");
    pass(db, 3, BOB, "/three");
    end(db, 1, ALICE, POLICY_REASON_SPECIAL_ADDRESS);
    check_list(db, "", false, "alice POST x.example /one x1 1-1 10.0.0.1 is private\n");
    end(db, 2, ALICE, POLICY_REASON_ROUTE);
    end(db, 2, ALICE, POLICY_REASON_NO_ROUTE_PATH); /* a route was taken away: nobody asked anew */
    end(db, 2, ALICE, POLICY_REASON_TENANT_SUSPENDED);
    end(db, 3, ALICE, POLICY_REASON_SPECIAL_ADDRESS); /* not hers */
    end(db, 9, ALICE, POLICY_REASON_SPECIAL_ADDRESS); /* no decision */
    end(db, 1, 77, POLICY_REASON_SPECIAL_ADDRESS);    /* an earlier tenant of that name */
    check_list(db, "", false, "alice POST x.example /one x1 1-1 10.0.0.1 is private\n");
    end(db, 2, ALICE, POLICY_REASON_PLACEHOLDER_MISPLACED);
    check_list(db, "", false,
               "alice POST x.example /two x1 2-2 10.0.0.1 is private\n"
               "alice POST x.example /one x1 1-1 10.0.0.1 is private\n");
    /* Refused at once the next time: there is nothing behind that. */
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/one", TEST_NOW_MS + 5), 0);
    check_list(db, "", false,
               "alice POST x.example /one x2 1-5\nalice POST x.example /two x1 2-2 10.0.0.1 is private\n");
    store_db_free(db);
}

/* An outcome has to be written whatever is found; and looking for its decision has an end. */
TEST(a_decision_that_is_far_back_is_not_looked_for)
{
    struct store_db *db = open_two("far.db");
    pass(db, 1, ALICE, "/one");
    for (unsigned i = 0; i < STORE_DENIALS_BACK - 2; i++) {
        pass(db, 2, ALICE, "/two");
    }
    end(db, 1, ALICE, POLICY_REASON_SPECIAL_ADDRESS); /* the decision is the last one that is looked at */
    check_list(db, "", false, "alice POST x.example /one x1 1-1 10.0.0.1 is private\n");
    end(db, 1, ALICE, POLICY_REASON_SPECIAL_ADDRESS);
    check_list(db, "", false, "alice POST x.example /one x1 1-1 10.0.0.1 is private\n");
    store_db_free(db);
}

TEST(the_oldest_make_room_and_the_muted_last)
{
    struct store_db *db = open_two("room.db");
    char path[32];
    struct page page;
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/muted", TEST_NOW_MS), 0);
    CHECK_EQ_INT(mute(db, "alice", "x.example", "/muted", true), 0);
    CHECK_EQ_INT(note_one(db, BOB, "x.example", "/bob", TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_db_begin(db), 0);
    for (unsigned i = 1; i <= STORE_DENIALS_MAX + 10; i++) {
        (void)snprintf(path, sizeof(path), "/%u", i);
        struct store_audit_row row = refusal(ALICE, "x.example", path);
        CHECK_EQ_INT(store_denial_note(db, &row, TEST_NOW_MS + i), 0);
    }
    CHECK_EQ_INT(store_db_commit(db), 0);
    ask(db, &(struct ipc_denials_get){.tenant = SPAN_LIT("alice"), .limit = 2000}, &page);
    CHECK_EQ_UINT(page.count, STORE_DENIALS_MAX - 1);
    CHECK_EQ_UINT(page.last_ms, TEST_NOW_MS + 12);
    check_list(db, "alice", true, "alice POST x.example /muted x1 0-0\n");
    check_list(db, "bob", false, "bob POST x.example /bob x1 0-0\n");
    store_db_free(db);
}

TEST(pages_follow_each_other)
{
    struct store_db *db = open_two("pages.db");
    struct page page;
    char path[16];
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof(path), "/%u", i);
        CHECK_EQ_INT(note_one(db, i % 2 == 0 ? ALICE : BOB, "x.example", path, TEST_NOW_MS),
                     0); /* at one time */
    }
    struct ipc_denials_get m = {.limit = 2};
    ask(db, &m, &page);
    CHECK_EQ_STR(page.text, "alice POST x.example /4 x1 0-0\nbob POST x.example /3 x1 0-0\n");
    CHECK(page.more);
    m.before_ms = page.last_ms;
    m.before_id = page.last_id;
    ask(db, &m, &page);
    CHECK_EQ_STR(page.text, "alice POST x.example /2 x1 0-0\nbob POST x.example /1 x1 0-0\n");
    CHECK(page.more);
    m.before_ms = page.last_ms;
    m.before_id = page.last_id;
    ask(db, &m, &page);
    CHECK_EQ_STR(page.text, "alice POST x.example /0 x1 0-0\n");
    CHECK(!page.more);
    store_db_free(db);
}

TEST(what_is_muted_stays_so_and_is_still_counted)
{
    struct store_db *db = open_two("muted.db");
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS + 1), 0);
    CHECK_EQ_INT(mute(db, "alice", "x.example", "/b", true), CB_ENOTFOUND);
    CHECK_EQ_INT(mute(db, "bob", "x.example", "/a", true), CB_ENOTFOUND);
    CHECK_EQ_INT(mute(db, "nobody", "x.example", "/a", true), CB_ENOTFOUND);
    CHECK_EQ_INT(mute(db, "alice", "x.example", "/a", true), 0);
    check_list(db, "", false, "");
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS + 5), 0);
    check_list(db, "", false, "");
    check_list(db, "", true, "alice POST x.example /a x2 1-5\n");
    CHECK_EQ_INT(mute(db, "alice", "x.example", "/a", false), 0);
    check_list(db, "", false, "alice POST x.example /a x2 1-5\n");
    store_db_free(db);
}

TEST(they_go_with_their_tenant)
{
    uint64_t id;
    struct store_db *db = open_two("gone.db");
    CHECK_EQ_INT(note_one(db, ALICE, "x.example", "/a", TEST_NOW_MS), 0);
    CHECK_EQ_INT(note_one(db, BOB, "x.example", "/b", TEST_NOW_MS), 0);
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    check_list(db, "", false, "bob POST x.example /b x1 0-0\n");
    store_db_free(db);
}

TEST_MAIN()

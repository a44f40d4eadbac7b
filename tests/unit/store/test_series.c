/* Sums of the audit: what a loop over all records adds up to, in every step, and for how long they are kept. */
#include "store/series.h"

#include "base/embed.h"
#include "store_test.h"

extern const struct embed_file embed_store[];

#define MANY 2000
#define STEP UINT64_C(97000) /* ms between two records */

/* The n-th ends in one of the ways, for one of two tenants. */
static struct store_audit_row series_row(uint64_t n)
{
    static const uint8_t reasons[] = {POLICY_REASON_ROUTE,
                                      POLICY_REASON_NO_ROUTE,
                                      POLICY_REASON_DNS,
                                      POLICY_REASON_RATE,
                                      POLICY_REASON_PLACEHOLDER_MISPLACED,
                                      POLICY_REASON_ROUTE,
                                      POLICY_REASON_BAD_PATH};
    struct store_audit_row row = test_row(n);
    row.reason = reasons[n % 7];
    row.time_ms = TEST_NOW_MS + n * STEP;
    return row;
}

static int append_rows(struct store_db *db, uint64_t first, uint64_t last)
{
    uint64_t seq;
    int r = store_db_begin(db);
    for (uint64_t n = first; r == 0 && n <= last; n++) {
        struct store_audit_row row = series_row(n);
        r = store_audit_append(db, &row, &seq);
    }
    return r == 0 ? store_db_commit(db) : r;
}

struct point {
    uint64_t numbers[9];
};

/* What the point that begins at that second has to say. */
static struct point expected(uint64_t tenant_id, uint64_t start, uint64_t step)
{
    struct point p = {.numbers = {start}};
    for (uint64_t n = 1; n <= MANY; n++) {
        struct store_audit_row row = series_row(n);
        uint64_t second = row.time_ms / 1000;
        enum policy_verdict verdict = policy_reason_verdict((enum policy_reason)row.reason);
        bool ends = row.kind == STORE_AUDIT_OUTCOME || verdict != POLICY_VERDICT_ALLOWED;
        if (!ends || second < start || second >= start + step ||
            (tenant_id != 0 && tenant_id != row.tenant_id)) {
            continue;
        }
        p.numbers[verdict == POLICY_VERDICT_ALLOWED    ? 1
                  : verdict == POLICY_VERDICT_FAILED   ? 3
                  : verdict == POLICY_VERDICT_TRIPWIRE ? 4
                                                       : 2]++;
        p.numbers[5] += row.request_bytes;
        p.numbers[6] += row.response_bytes;
    }
    return p;
}

static bool is_empty(const struct point *p)
{
    return p->numbers[1] + p->numbers[2] + p->numbers[3] + p->numbers[4] == 0;
}

static bool check_series(struct store_db *db, const char *tenant, uint64_t tenant_id, uint64_t from,
                         uint64_t to, uint32_t step)
{
    struct buf points;
    buf_init(&points, IPC_PAGE_MAX);
    const struct ipc_series_get q = {.tenant = span_str(tenant), .from_s = from, .to_s = to, .step_s = step};
    bool ok = CHECK_EQ_INT(store_series_read(db, &q, &points), 0);
    struct reader r = reader_of(buf_span(&points));
    uint32_t left = ipc_list_read(&r, IPC_SERIES_POINTS);
    for (uint64_t start = from - from % step; ok && start < to; start += step) {
        struct point want = expected(tenant_id, start, step);
        if (is_empty(&want)) {
            continue;
        }
        ok = CHECK(left-- > 0);
        for (unsigned i = 0; ok && i < 9; i++) {
            ok = CHECK_EQ_UINT(reader_u64(&r), want.numbers[i]);
        }
    }
    ok = ok && CHECK_EQ_UINT(left, 0) && CHECK_EQ_INT(reader_finish(&r), 0);
    if (!ok) {
        printf("    tenant %s from %" PRIu64 " to %" PRIu64 " step %u\n", tenant, from, to, step);
    }
    buf_deinit(&points);
    return ok;
}

static struct store_db *open_two(const char *name)
{
    struct store_applied a = {.tenant_id = 0};
    struct store_applied b = {.tenant_id = 0};
    struct store_db *db = test_open_new(name);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b", "https://b.example:443", "key", TEST_NOW_MS, &b), 0);
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "openai-key", TEST_NOW_MS, &a), 0);
    CHECK(b.tenant_id == 1 && a.tenant_id == 2); /* as test_row() has it */
    return db;
}

static bool check_all(struct store_db *db)
{
    static const uint32_t steps[] = {60, 300, 3600, 86400};
    const uint64_t begin = TEST_NOW_MS / 1000;
    const uint64_t end = begin + MANY * STEP / 1000 + 1;
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t to = steps[i] < 3600 ? begin + 30000 : end; /* not more points than there may be */
        ok = check_series(db, "", 0, begin, to, steps[i]) &&
             check_series(db, "alice", 2, begin, to, steps[i]) &&
             check_series(db, "bob", 1, begin + 12345, begin + 34567, steps[i]);
    }
    return ok;
}

TEST(every_step_adds_up)
{
    struct store_db *db = open_two("steps.db");
    CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
    CHECK(check_all(db));
    store_db_free(db);
}

TEST(what_is_no_series)
{
    struct store_db *db = open_two("none.db");
    struct buf points;
    buf_init(&points, IPC_PAGE_MAX);
    const struct ipc_series_get wrong[] = {{.to_s = 100, .step_s = 0},
                                           {.to_s = 100, .step_s = 61},
                                           {.from_s = 200, .to_s = 100, .step_s = 60},
                                           {.to_s = UINT64_MAX, .step_s = 60},
                                           {.to_s = (uint64_t)IPC_SERIES_POINTS * 60, .step_s = 60}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ_INT(store_series_read(db, &wrong[i], &points), CB_EINVAL);
    }
    const struct ipc_series_get nobody = {.tenant = SPAN_LIT("carol"), .to_s = 60, .step_s = 60};
    CHECK_EQ_INT(store_series_read(db, &nobody, &points), CB_ENOTFOUND);
    buf_deinit(&points);
    store_db_free(db);
}

/* An egress that lies about its bytes spoils its own sums, and nobody's records. */
TEST(absurd_numbers_are_taken)
{
    struct store_db *db = open_two("absurd.db");
    struct store_audit_row row = test_row(3);
    uint64_t seq;
    row.request_bytes = row.response_bytes = UINT64_MAX;
    CHECK_EQ_INT(store_db_begin(db), 0);
    for (unsigned i = 0; i < 20000; i++) {
        if (!CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0)) {
            break;
        }
    }
    CHECK_EQ_INT(store_db_commit(db), 0);
    struct store_recent recent;
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    CHECK_EQ_INT(store_series_recent(db, row.tenant_id, row.time_ms, &recent), 0);
    CHECK_EQ_UINT(recent.requests, 20000);
    store_db_free(db);
}

TEST(the_last_day)
{
    const uint64_t now_ms = TEST_NOW_MS + (MANY + 1) * STEP;
    struct store_db *db = open_two("day.db");
    CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    for (uint64_t id = 1; id <= 2; id++) {
        struct store_recent want = {.requests = 0};
        struct store_recent got;
        uint64_t from = (now_ms / 1000 - 86400) / 60 * 60;
        from += now_ms / 1000 % 60 != 0 ? 60 : 0; /* whole minutes */
        for (uint64_t n = 1; n <= MANY; n++) {
            struct store_audit_row row = series_row(n);
            enum policy_verdict verdict = policy_reason_verdict((enum policy_reason)row.reason);
            bool ends = row.kind == STORE_AUDIT_OUTCOME || verdict != POLICY_VERDICT_ALLOWED;
            if (ends && row.tenant_id == id && row.time_ms / 1000 >= from) {
                want.requests++;
                want.denied += verdict != POLICY_VERDICT_ALLOWED && verdict != POLICY_VERDICT_FAILED ? 1 : 0;
            }
            want.last_ms = ends && row.tenant_id == id ? row.time_ms : want.last_ms;
        }
        CHECK_EQ_INT(store_series_recent(db, id, now_ms, &got), 0);
        CHECK(want.requests > 100 && want.denied > 10);
        CHECK_EQ_UINT(got.requests, want.requests);
        CHECK_EQ_UINT(got.denied, want.denied);
        CHECK_EQ_UINT(got.last_ms, want.last_ms);
    }
    store_db_free(db);
}

static int64_t number(struct store_db *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    CHECK_EQ_INT(sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL), SQLITE_OK);
    CHECK_EQ_INT(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

TEST(minutes_go_after_some_days_and_hours_stay)
{
    struct store_db *db = open_two("prune.db");
    bool more = true;
    unsigned turns = 0;
    CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    int64_t hours = number(db, "SELECT count(*) FROM series WHERE span = 3600");
    CHECK_EQ_INT(store_series_prune(db, TEST_NOW_MS, &more), 0);
    CHECK(!more);
    CHECK(check_all(db));
    uint64_t half_ms = TEST_NOW_MS + MANY / 2 * STEP;
    while (more || turns == 0) {
        CHECK_EQ_INT(store_series_prune(db, half_ms + STORE_SERIES_MINUTES_MS, &more), 0);
        if (!CHECK(++turns < 1000)) {
            break;
        }
    }
    CHECK(turns > 10); /* a little at a time */
    CHECK(number(db, "SELECT min(start) FROM series WHERE span = 60") >= (int64_t)(half_ms / 1000));
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM series WHERE span = 3600"), hours);
    CHECK(check_series(db, "", 0, TEST_NOW_MS / 1000, TEST_NOW_MS / 1000 + MANY * STEP / 1000, 3600));
    store_db_free(db);
}

TEST(a_tenants_sums_go_with_it)
{
    struct store_db *db = open_two("gone.db");
    uint64_t id = 0;
    CHECK_EQ_INT(append_rows(db, 1, 100), 0);
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_UINT(id, 2);
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM series WHERE tenant_id = 2"), 0);
    CHECK(number(db, "SELECT count(*) FROM series WHERE tenant_id = 1") > 0);
    CHECK(number(db, "SELECT count(*) FROM series WHERE tenant_id = 0") > 0);
    /* Its egress may still say how a request ended. */
    CHECK_EQ_INT(append_rows(db, 101, 110), 0);
    store_db_free(db);
}

/* As after each end of the store: what was not added yet is added at the start, and nothing twice. */
TEST(what_was_not_added_yet_is_added_once)
{
    struct store_db *db = open_two("older.db");
    CHECK_EQ_INT(append_rows(db, 1, 700), 0);
    int64_t added =
        number(db, "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'series_seq'");
    CHECK(added > 0 && added % 256 == 0 && added < 700);
    store_db_free(db);
    db = test_open(test_path("older.db"));
    CHECK_EQ_INT(store_series_complete(db, TEST_NOW_MS), 0);
    CHECK_EQ_INT(
        number(db, "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'series_seq'"),
        added); /* a start alone writes nothing */
    CHECK_EQ_INT(append_rows(db, 701, MANY), 0);
    CHECK_EQ_INT(store_series_complete(db, TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_series_complete(db, TEST_NOW_MS), 0);
    CHECK(check_all(db));
    store_db_free(db);
}

/* More records than one slice, and of days whose minutes are not kept. */
TEST(a_database_without_sums_gets_them_and_no_minutes_that_are_too_old)
{
    struct store_db *db = open_two("without.db");
    CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
    store_db_free(db);
    test_sql(test_path("without.db"),
             "DELETE FROM series; UPDATE meta SET value = CAST('0' AS BLOB) WHERE name = 'series_seq'");
    db = test_open(test_path("without.db"));
    uint64_t half_ms = TEST_NOW_MS + MANY / 2 * STEP;
    CHECK_EQ_INT(store_series_complete(db, half_ms + STORE_SERIES_MINUTES_MS), 0);
    CHECK(number(db, "SELECT min(start) FROM series WHERE span = 60") >= (int64_t)(half_ms / 1000 - 60));
    CHECK(check_series(db, "", 0, TEST_NOW_MS / 1000, TEST_NOW_MS / 1000 + MANY * STEP / 1000, 3600));
    store_db_free(db);
}

/* Version 11 wrote sums with each record, and had added all records that were there before only when "series_left" was 0. The migration
 * that ends this is run here by itself, so that later ones do not matter. */
TEST(sums_of_version_11_are_kept_when_they_are_whole)
{
    static const char *const left[] = {"0", "500"};
    const struct embed_file *migration = &embed_store[11];
    CHECK_EQ_STR(migration->name, "0012_series_seq.sql");
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        char sql[256];
        struct store_db *db = open_two(i == 0 ? "whole.db" : "half.db");
        CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
        CHECK_EQ_INT(store_series_catch_up(db), 0);
        (void)snprintf(sql, sizeof(sql),
                       "DELETE FROM meta WHERE name = 'series_seq'; INSERT INTO meta (name, value) VALUES"
                       " ('series_left', CAST('%s' AS BLOB))",
                       left[i]);
        CHECK_EQ_INT(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
        CHECK_EQ_INT(sqlite3_exec(db->sqlite, (const char *)migration->data, NULL, NULL, NULL), SQLITE_OK);
        CHECK((number(db, "SELECT count(*) FROM series") > 0) == (i == 0));
        CHECK_EQ_INT(
            number(db, "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'series_seq'"),
            i == 0 ? MANY + 2 : 0); /* and the two changes that made the tenants */
        CHECK_EQ_INT(store_series_complete(db, TEST_NOW_MS), 0);
        CHECK(check_all(db));
        store_db_free(db);
    }
}

/* A batch that is taken back takes back what it added. */
TEST(what_is_rolled_back_is_in_no_sum)
{
    struct store_db *db = open_two("back.db");
    uint64_t seq = 0;
    CHECK_EQ_INT(store_db_begin(db), 0);
    for (uint64_t n = 1; n <= MANY; n++) {
        struct store_audit_row row = series_row(n + 7000);
        CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    }
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    CHECK(store_db_in_transaction(db));
    store_db_rollback(db);
    CHECK_EQ_INT(append_rows(db, 1, MANY), 0);
    CHECK(check_all(db));
    store_db_free(db);
}

TEST(a_credentials_last_use_is_known)
{
    static const char used[] = "SELECT used_ms FROM credential WHERE tenant_id = 2 AND name = 'openai-key'";
    struct store_db *db = open_two("used.db");
    uint64_t seq;
    struct store_audit_row row = test_row(1); /* alice's, allowed */
    const uint64_t first_ms = row.time_ms;
    CHECK_EQ_INT(number(db, used), 0);
    CHECK_EQ_INT(store_db_begin(db), 0);
    row.reason = POLICY_REASON_NO_ROUTE;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    CHECK_EQ_INT(number(db, used), 0);
    row.reason = POLICY_REASON_ROUTE;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    row.time_ms = first_ms + 60000;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    row.time_ms = first_ms + 30000; /* clocks are set back */
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    CHECK_EQ_INT(number(db, used), (int64_t)first_ms + 60000);
    row.credential = SPAN_LIT("not-there");
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    /* More credentials than are kept in mind. */
    char name[8];
    row.time_ms = first_ms + 90000;
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "c%u", i);
        row.credential = i == 20 ? SPAN_LIT("openai-key") : span_str(name);
        CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    }
    CHECK_EQ_INT(store_series_catch_up(db), 0);
    CHECK_EQ_INT(number(db, used), (int64_t)first_ms + 90000);
    CHECK_EQ_INT(store_db_commit(db), 0);
    store_db_free(db);
}

TEST_MAIN()

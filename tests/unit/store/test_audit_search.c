/* The search of the audit: what a loop over all records finds, with every filter, however it is cut into pages and slices. */
#include "store/audit_block.h"
#include "store/audit_search.h"

#include "store_test.h"

#define MANY 3000 /* eleven blocks, and some records behind them */

/* ---- records with something to search for ---- */

static const char *const hosts[] = {"api.openai.com", "api.github.com", "www.example.org", "Evil.Example"};

static bool is_rare(uint64_t n)
{
    return n == 5 || n == 777 || n == 2900;
}

/* The n-th: tenants, hosts and routes take turns, a reason and a change are rare, and times go backwards once in a while. */
static struct store_audit_row search_row(uint64_t n)
{
    struct store_audit_row row = test_row(n);
    row.time_ms -= n % 100 == 0 ? 5000 : 0;
    if (is_rare(n)) {
        row.kind = STORE_AUDIT_CHANGE;
        row.route = row.credential = row.method = row.host = row.path = row.query_keys = row.peer =
            SPAN_EMPTY;
        row.status = 0;
        row.port = 0;
        row.request_bytes = row.response_bytes = row.first_byte_us = row.duration_us = 0;
        row.reason = POLICY_REASON_TENANT_SUSPENDED;
        row.change = SPAN_LIT("suspended");
        row.by = SPAN_LIT("tripwire");
    } else if (row.kind == STORE_AUDIT_DECISION) {
        row.host = span_str(hosts[n % 41 == 0 ? 3 : n % 3]);
        row.route = n % 7 == 0 ? SPAN_LIT("github") : row.route;
    }
    return row;
}

static struct store_db *open_searchable(const char *name, uint64_t count)
{
    struct store_db *db = test_open_new(name);
    uint64_t seq;
    CHECK_EQ_INT(store_db_begin(db), 0);
    for (uint64_t n = 1; n <= count; n++) {
        struct store_audit_row row = search_row(n);
        if (!CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0)) {
            break;
        }
    }
    CHECK_EQ_INT(store_db_commit(db), 0);
    return db;
}

/* ---- what is expected ---- */

static bool contains(struct span in, struct span part)
{
    for (size_t i = 0; i + part.len <= in.len; i++) {
        if (span_eq_nocase(span_sub(in, i, part.len), part)) {
            return true;
        }
    }
    return false;
}

static bool has_text(const struct store_audit_row *row, struct span text)
{
    return text.len == 0 || contains(row->path, text) || contains(row->host, text) ||
           contains(row->change, text) || contains(row->by, text) || contains(row->peer, text) ||
           contains(row->query_keys, text) || contains(row->method, text) || contains(row->route, text) ||
           contains(row->credential, text) || contains(row->tenant, text);
}

static bool wanted(const struct ipc_audit_search *q, uint64_t n)
{
    struct store_audit_row row = search_row(n);
    return (q->before_seq == 0 || n < q->before_seq) &&
           (q->tenant.len == 0 || span_eq(q->tenant, row.tenant)) && (q->kind == 0 || q->kind == row.kind) &&
           (q->reason == 0 || q->reason == row.reason + 1U) &&
           (q->verdict == 0 || q->verdict == policy_reason_verdict((enum policy_reason)row.reason) + 1U) &&
           (q->route.len == 0 || span_eq(q->route, row.route)) &&
           (q->host.len == 0 || span_eq_nocase(q->host, row.host)) &&
           (q->request_id.len == 0 || span_eq(q->request_id, row.request_id)) && row.time_ms >= q->since_ms &&
           (q->until_ms == 0 || row.time_ms <= q->until_ms) && has_text(&row, q->text);
}

/* Goes on until there is no more, and compares all of it. */
static bool check_search(struct store_db *db, struct ipc_audit_search q)
{
    uint64_t n = q.before_seq == 0 || q.before_seq > MANY ? MANY : q.before_seq - 1;
    uint64_t next = 1;
    bool ok = true;
    const struct ipc_audit_search asked = q;
    for (unsigned turns = 0; ok && next != 0; turns++) {
        struct buf rows;
        buf_init(&rows, 4 * 1024);
        ok = CHECK_EQ_INT(store_audit_search(db, &q, &rows, &next), 0) && CHECK(turns < 2 * MANY);
        struct reader r = reader_of(buf_span(&rows));
        uint32_t count = ipc_list_read(&r, q.limit);
        for (uint32_t i = 0; ok && i < count; i++) {
            struct store_audit_row got;
            while (n > 0 && !wanted(&asked, n)) {
                n--;
            }
            ok = CHECK_EQ_INT(store_audit_row_read(&r, &got), 0) && CHECK_EQ_UINT(got.seq, n);
            n -= n > 0 ? 1 : 0;
        }
        ok = ok && CHECK_EQ_INT(reader_finish(&r), 0);
        q.before_seq = next;
        buf_deinit(&rows);
    }
    while (ok && n > 0) {
        ok = CHECK(!wanted(&asked, n));
        n--;
    }
    if (!ok) {
        printf("    tenant %.*s kind %u verdict %u reason %u route %.*s host %.*s text %.*s before %" PRIu64
               "\n",
               SPAN_ARG(asked.tenant), asked.kind, asked.verdict, asked.reason, SPAN_ARG(asked.route),
               SPAN_ARG(asked.host), SPAN_ARG(asked.text), asked.before_seq);
    }
    return ok;
}

/* ---- searches ---- */

TEST(every_filter_finds_what_a_loop_finds)
{
    static const char *const tenants[] = {"", "alice", "nobody"};
    static const uint8_t verdicts[] = {0, POLICY_VERDICT_ALLOWED + 1, POLICY_VERDICT_DENIED + 1,
                                       POLICY_VERDICT_TRIPWIRE + 1};
    static const uint8_t reasons[] = {0, POLICY_REASON_TENANT_SUSPENDED + 1, POLICY_REASON_NO_ROUTE_PATH + 1,
                                      POLICY_REASON_RATE + 1};
    static const char *const names[] = {"", "github", "none"};
    static const char *const places[] = {"", "evil.example", "api.github.com"};
    struct store_db *db = open_searchable("filters.db", MANY);
    bool ok = true;
    for (unsigned i = 0; ok && i < 3 * 4 * 4 * 4 * 3 * 3; i++) {
        unsigned left = i;
        struct ipc_audit_search q = {.limit = 100};
        q.tenant = span_str(tenants[left % 3]), left /= 3;
        q.verdict = verdicts[left % 4], left /= 4;
        q.reason = reasons[left % 4], left /= 4;
        q.kind = (uint8_t)(left % 4), left /= 4;
        q.route = span_str(names[left % 3]), left /= 3;
        q.host = span_str(places[left % 3]);
        ok = check_search(db, q);
    }
    store_db_free(db);
}

TEST(times_texts_requests_and_pages)
{
    static const uint64_t befores[] = {0, 1, 2, 256, 257, 258, 2817, MANY, MANY + 1, INT64_MAX};
    static const uint16_t limits[] = {1, 7, 1000};
    static const char *const texts[] = {"", "TRIPWIRE", "chat/comp", "evil.ex", "no such text", "github"};
    struct store_db *db = open_searchable("times.db", MANY);
    bool ok = true;
    for (size_t b = 0; b < sizeof(befores) / sizeof(befores[0]); b++) {
        for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
            for (size_t l = 0; ok && l < sizeof(limits) / sizeof(limits[0]); l++) {
                struct ipc_audit_search q = {
                    .text = span_str(texts[t]), .before_seq = befores[b], .limit = limits[l]};
                ok = check_search(db, q);
                q.since_ms = TEST_NOW_MS + 700000;
                q.until_ms = TEST_NOW_MS + 1400000;
                ok = ok && check_search(db, q);
            }
        }
    }
    for (uint64_t n = 1; ok && n <= MANY; n += 599) {
        uint8_t id[IPC_REQUEST_ID_LEN];
        memcpy(id, search_row(n).request_id.ptr, sizeof(id)); /* every row has the same place for it */
        ok =
            check_search(db, (struct ipc_audit_search){.request_id = span_of(id, sizeof(id)), .limit = 10}) &&
            check_search(db, (struct ipc_audit_search){.request_id = span_of(id, sizeof(id)),
                                                       .tenant = SPAN_LIT("bob"),
                                                       .limit = 10});
    }
    store_db_free(db);
}

TEST(what_a_search_refuses)
{
    struct store_db *db = open_searchable("refuse.db", 10);
    struct buf rows;
    uint64_t next;
    buf_init(&rows, 64);
    const struct ipc_audit_search wrong[] = {{.kind = 4, .limit = 1},
                                             {.verdict = POLICY_VERDICT__COUNT + 1, .limit = 1},
                                             {.reason = POLICY_REASON__COUNT + 1, .limit = 1},
                                             {.request_id = SPAN_LIT("short"), .limit = 1}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ_INT(store_audit_search(db, &wrong[i], &rows, &next), CB_EINVAL);
    }
    /* There is room for no record. */
    CHECK_EQ_INT(store_audit_search(db, &(struct ipc_audit_search){.limit = 1}, &rows, &next), CB_ELIMIT);
    buf_deinit(&rows);
    store_db_free(db);
}

/* ---- summaries ---- */

/* A rare reason is found without reading what is between. */
TEST(a_slice_passes_over_blocks)
{
    struct store_db *db = open_searchable("pass.db", MANY);
    struct buf rows;
    uint64_t next = 0;
    buf_init(&rows, 4096);
    const struct ipc_audit_search q = {.kind = STORE_AUDIT_CHANGE, .before_seq = 2817, .limit = 10};
    sqlite3_stmt *down = db->stmts[STORE_STMT_AUDIT_DOWN];
    (void)sqlite3_stmt_status(down, SQLITE_STMTSTATUS_RUN, 1);
    CHECK_EQ_INT(store_audit_search(db, &q, &rows, &next), 0);
    CHECK_EQ_UINT(next, 0);
    /* Of eleven blocks two have one. */
    CHECK_EQ_INT(sqlite3_stmt_status(down, SQLITE_STMTSTATUS_RUN, 0), 2);
    buf_deinit(&rows);
    store_db_free(db);
}

TEST(a_database_without_summaries_gets_them)
{
    struct store_db *db = open_searchable("older.db", MANY);
    store_db_free(db);
    test_sql(test_path("older.db"), "DELETE FROM audit_block WHERE block >= 4");
    db = test_open(test_path("older.db"));
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, MANY, &v), CB_ECORRUPT);
    CHECK_EQ_UINT(v.last_seq, 5 * STORE_BLOCK_ROWS);
    /* Nothing is missed meanwhile. */
    CHECK(check_search(db, (struct ipc_audit_search){.kind = STORE_AUDIT_CHANGE, .limit = 10}));
    CHECK_EQ_INT(store_blocks_complete(db), 0);
    CHECK_EQ_INT(store_blocks_complete(db), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, MANY, &v), 0);
    CHECK(check_search(db, (struct ipc_audit_search){.kind = STORE_AUDIT_CHANGE, .limit = 10}));
    store_db_free(db);
}

/* Whoever could edit a summary could hide a record from the search; the verification sees that. */
TEST(an_edited_summary_is_found)
{
    static const char *const edits[] = {
        "UPDATE audit_block SET keys = zeroblob(1024) WHERE block = 2",
        "UPDATE audit_block SET min_ms = min_ms + 1 WHERE block = 2",
        "UPDATE audit_block SET max_ms = max_ms + 1 WHERE block = 2",
        "DELETE FROM audit_block WHERE block = 2",
    };
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct store_db *db = open_searchable("edited.db", MANY);
        struct store_audit_verified v;
        store_db_free(db);
        test_sql(test_path("edited.db"), edits[i]);
        db = test_open(test_path("edited.db"));
        CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, MANY, &v), CB_ECORRUPT);
        CHECK_EQ_UINT(v.last_seq, 3 * STORE_BLOCK_ROWS);
        CHECK(strstr(store_db_why(db), "summary") != NULL);
        store_db_free(db);
    }
}

TEST(a_damaged_record_is_said)
{
    struct store_db *db = open_searchable("damaged.db", 600);
    struct buf rows;
    uint64_t next;
    store_db_free(db);
    test_tamper(test_path("damaged.db"), "UPDATE audit SET row = x'0102' WHERE seq = 300");
    db = test_open(test_path("damaged.db"));
    buf_init(&rows, 1024 * 1024);
    CHECK_EQ_INT(store_audit_search(db, &(struct ipc_audit_search){.limit = 1000}, &rows, &next),
                 CB_ECORRUPT);
    buf_deinit(&rows);
    store_db_free(db);
}

TEST_MAIN()

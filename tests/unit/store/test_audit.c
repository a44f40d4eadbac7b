/* The audit: what is appended comes back in every kind of page, and every edit behind our back is found where it is. */
#include "tls/seal.h"

#include "store_test.h"

#define MANY 1000

/* ---- pages ---- */

static bool wanted(const struct store_audit_query *q, uint64_t n)
{
    struct store_audit_row row = test_row(n);
    return n > q->after_seq && row.time_ms >= q->since_ms &&
           (q->tenant.len == 0 || span_eq(q->tenant, row.tenant)) &&
           (!q->denied_only || row.reason != POLICY_REASON_ROUTE);
}

/* Compares a page with what a loop over all records gives. */
static bool check_page(struct store_db *db, const struct store_audit_query *q)
{
    uint64_t want[MANY];
    size_t matches = 0;
    for (uint64_t n = 1; n <= MANY; n++) {
        if (wanted(q, n)) {
            want[matches++] = n;
        }
    }
    size_t count = matches < q->limit ? matches : q->limit;
    const uint64_t *first = q->newest ? want + (matches - count) : want;

    struct buf rows;
    struct store_audit_page page;
    buf_init(&rows, 4 * 1024 * 1024);
    bool ok = CHECK_EQ_INT(store_audit_page(db, q, &rows, &page), 0);
    struct reader r = reader_of(buf_span(&rows));
    ok = ok && CHECK_EQ_UINT(ipc_list_read(&r, UINT32_MAX), count);
    for (size_t i = 0; ok && i < count; i++) {
        struct store_audit_row got;
        struct store_audit_row row = test_row(first[i]);
        ok = CHECK_EQ_INT(store_audit_row_read(&r, &got), 0) && CHECK_EQ_UINT(got.seq, first[i]) &&
             CHECK(span_eq(got.tenant, row.tenant)) && CHECK_EQ_UINT(got.time_ms, row.time_ms) &&
             CHECK(span_eq(got.path, row.path)) && CHECK_EQ_UINT(got.response_bytes, row.response_bytes);
    }
    ok = ok && CHECK_EQ_INT(reader_finish(&r), 0) && CHECK_EQ_INT(page.more, matches > count) &&
         CHECK_EQ_UINT(page.last_seq, count > 0 ? first[count - 1] : q->after_seq);
    if (!ok) {
        printf("    tenant \"%.*s\" after %" PRIu64 " since %" PRIu64 " denied %d newest %d limit %u\n",
               SPAN_ARG(q->tenant), q->after_seq, q->since_ms, q->denied_only, q->newest, q->limit);
    }
    buf_deinit(&rows);
    return ok;
}

TEST(pages_with_every_filter)
{
    static const char *const tenants[] = {"", "alice", "bob", "nobody", "ALICE"};
    static const uint64_t afters[] = {0, 1, 499, 998, 999, 1000, 5000, INT64_MAX, UINT64_MAX};
    static const uint64_t sinces[] = {0, TEST_NOW_MS + 500500, TEST_NOW_MS + 1000000, TEST_NOW_MS + 1000001,
                                      UINT64_MAX};
    static const uint32_t limits[] = {0, 1, 7, 250, 999, 1000, UINT32_MAX};
    struct store_db *db = test_open_new("pages.db");
    CHECK_EQ_INT(test_append(db, 1, MANY), 0);
    unsigned pages = 0;
    for (size_t t = 0; t < sizeof(tenants) / sizeof(tenants[0]); t++) {
        for (size_t a = 0; a < sizeof(afters) / sizeof(afters[0]); a++) {
            for (size_t s = 0; s < sizeof(sinces) / sizeof(sinces[0]); s++) {
                for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
                    for (unsigned flags = 0; flags < 4; flags++) {
                        const struct store_audit_query q = {.tenant = span_str(tenants[t]),
                                                            .after_seq = afters[a],
                                                            .since_ms = sinces[s],
                                                            .denied_only = (flags & 1) != 0,
                                                            .newest = (flags & 2) != 0,
                                                            .limit = limits[l]};
                        pages++;
                        if (!check_page(db, &q)) {
                            store_db_free(db);
                            return;
                        }
                    }
                }
            }
        }
    }
    CHECK_EQ_UINT(pages, 5 * 9 * 5 * 7 * 4);
    store_db_free(db);
}

/* Page after page until there is no more. */
TEST(walking_through)
{
    struct store_db *db = test_open_new("walk.db");
    struct store_audit_query q = {.tenant = SPAN_LIT("bob"), .limit = 7};
    struct store_audit_page page = {.more = true};
    uint64_t seen = 0;
    CHECK_EQ_INT(test_append(db, 1, MANY), 0);
    while (page.more && seen <= MANY) {
        struct buf rows;
        buf_init(&rows, 1000); /* fewer than seven records */
        if (!CHECK_EQ_INT(store_audit_page(db, &q, &rows, &page), 0)) {
            break;
        }
        struct reader r = reader_of(buf_span(&rows));
        uint32_t count = ipc_list_read(&r, 7);
        CHECK(count > 0);
        for (uint32_t i = 0; i < count; i++) {
            struct store_audit_row row;
            CHECK_EQ_INT(store_audit_row_read(&r, &row), 0);
            seen += 1;
            CHECK_EQ_UINT(row.seq, seen * 2);
        }
        CHECK_EQ_INT(reader_finish(&r), 0);
        q.after_seq = page.last_seq;
        buf_deinit(&rows);
    }
    CHECK_EQ_UINT(seen, MANY / 2);
    store_db_free(db);
}

TEST(no_more_bytes_than_there_is_room_for)
{
    struct store_db *db = test_open_new("room.db");
    CHECK_EQ_INT(test_append(db, 1, 10), 0);
    for (unsigned newest = 0; newest < 2; newest++) {
        uint32_t before = 0;
        for (size_t room = 0; room < 2500; room++) {
            const struct store_audit_query q = {.limit = 100, .newest = newest != 0};
            struct store_audit_page page;
            struct buf rows;
            buf_init(&rows, room + 3);
            CHECK_EQ_INT(buf_append_str(&rows, "abc"), 0); /* the list comes behind it */
            int r = store_audit_page(db, &q, &rows, &page);
            if (before == 0 && r != 0) {
                CHECK_EQ_INT(r, CB_ELIMIT);
                CHECK_EQ_UINT(buf_len(&rows), 3);
                buf_deinit(&rows);
                continue;
            }
            CHECK_EQ_INT(r, 0);
            CHECK(span_starts(buf_span(&rows), SPAN_LIT("abc")) && buf_len(&rows) <= room + 3);
            struct reader reader = reader_of(span_sub(buf_span(&rows), 3, room));
            uint32_t count = ipc_list_read(&reader, 10);
            CHECK(count == before || count == before + 1);
            CHECK_EQ_INT(page.more, count < 10);
            for (uint32_t i = 0; i < count; i++) {
                struct store_audit_row row;
                CHECK_EQ_INT(store_audit_row_read(&reader, &row), 0);
                CHECK_EQ_UINT(row.seq, newest != 0 ? 10 - count + 1 + i : 1 + i);
            }
            CHECK_EQ_INT(reader_finish(&reader), 0);
            CHECK_EQ_UINT(page.last_seq, newest != 0 ? 10 : count);
            before = count;
            buf_deinit(&rows);
        }
        CHECK_EQ_UINT(before, 10);
    }
    store_db_free(db);
}

TEST(an_empty_audit)
{
    struct store_db *db = test_open_new("none.db");
    struct store_audit_verified v;
    struct store_audit_page page;
    struct buf rows;
    buf_init(&rows, 4);
    const struct store_audit_query q = {.limit = 10, .newest = true};
    CHECK_EQ_INT(store_audit_page(db, &q, &rows, &page), 0);
    CHECK_EQ_BYTES(buf_span(&rows).ptr, buf_len(&rows), "\0\0\0\0", 4);
    CHECK(!page.more && page.last_seq == 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 10, &v), 0);
    CHECK(v.rows == 0 && v.last_seq == 0 && !v.more);
    buf_deinit(&rows);
    store_db_free(db);
}

/* A page must cost what it shows: found by a key, sorted by nothing. */
TEST(pages_use_an_index)
{
    struct store_db *db = test_open_new("plan.db");
    static const enum store_stmt which[] = {
        STORE_STMT_AUDIT_LAST,          STORE_STMT_AUDIT_WALK,    STORE_STMT_AUDIT_HASH,
        STORE_STMT_AUDIT_DOWN,          STORE_STMT_AUDIT_BLOCKS,  STORE_STMT_AUDIT_BLOCK_ROWS,
        STORE_STMT_SERIES_READ,         STORE_STMT_SERIES_OLDEST, STORE_STMT_SERIES_PRUNE,
        STORE_STMT_AUDIT_PAGE,          STORE_STMT_AUDIT_NEWEST,  STORE_STMT_AUDIT_PAGE_TENANT,
        STORE_STMT_AUDIT_NEWEST_TENANT, STORE_STMT_TENANT_LIST,   STORE_STMT_CREDENTIAL_LIST,
        STORE_STMT_CREDENTIAL_GET,      STORE_STMT_TENANT_BY_NAME};
    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        char sql[2048];
        char plan[2048] = "";
        size_t len = 0;
        sqlite3_stmt *stmt = NULL;
        (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sqlite3_sql(db->stmts[which[i]]));
        CHECK_EQ_INT(sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            len += (size_t)snprintf(plan + len, sizeof(plan) - len, "%s; ",
                                    (const char *)sqlite3_column_text(stmt, 3));
        }
        (void)sqlite3_finalize(stmt);
        bool is_last =
            which[i] == STORE_STMT_AUDIT_LAST || which[i] == STORE_STMT_SERIES_OLDEST; /* one row of a scan */
        bool of_tenant =
            which[i] == STORE_STMT_AUDIT_PAGE_TENANT || which[i] == STORE_STMT_AUDIT_NEWEST_TENANT;
        if (!CHECK(strstr(plan, "TEMP B-TREE") == NULL) || !CHECK(is_last || strstr(plan, "SCAN") == NULL) ||
            !CHECK(!of_tenant || strstr(plan, "INDEX audit_tenant (tenant=? AND") != NULL)) {
            printf("    %s\n    %s\n", sql, plan);
        }
    }
    store_db_free(db);
}

/* ---- appending ---- */

TEST(append_needs_a_transaction_and_numbers_without_gaps)
{
    struct store_db *db = test_open_new("append.db");
    struct store_audit_row row = test_row(1);
    uint64_t seq = 99;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), CB_ESTATE);
    CHECK_EQ_UINT(seq, 99);
    CHECK_EQ_INT(test_append(db, 1, 5), 0);

    /* Rolled back: the numbers are given again. */
    CHECK_EQ_INT(store_db_begin(db), 0);
    row.seq = 4711; /* not read */
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_UINT(seq, 6);
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    CHECK_EQ_UINT(seq, 7);
    store_db_rollback(db);
    CHECK_EQ_INT(test_append(db, 6, 10), 0);
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 10);
    store_db_free(db);

    /* After a new start as well. */
    db = test_open(test_path("append.db"));
    CHECK_EQ_INT(test_append(db, 11, 12), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 12);
    store_db_free(db);
}

TEST(what_append_refuses)
{
    struct store_db *db = test_open_new("refuse.db");
    const struct store_audit_row good = test_row(1);
    struct store_audit_row row;
    uint64_t seq = 99;
    CHECK_EQ_INT(store_db_begin(db), 0);
    row = good, row.kind = (enum store_audit_kind)9;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), CB_EINVAL);
    row = good, row.reason = POLICY_REASON__COUNT;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), CB_EINVAL);
    row = good, row.time_ms = (uint64_t)INT64_MAX + 1;
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), CB_ECONFLICT);
    row = good, row.tenant = SPAN_LIT("a-name-that-is-longer-than-forty-characters");
    CHECK_EQ_INT(store_audit_append(db, &row, &seq), CB_ELIMIT);
    CHECK_EQ_UINT(seq, 99);
    /* None of it has left anything. */
    CHECK_EQ_INT(store_audit_append(db, &good, &seq), 0);
    CHECK_EQ_UINT(seq, 1);
    CHECK_EQ_INT(store_db_commit(db), 0);
    store_db_free(db);
}

TEST(our_own_sql_cannot_change_a_record)
{
    struct store_db *db = test_open_new("guard.db");
    CHECK_EQ_INT(test_append(db, 1, 3), 0);
    CHECK_EQ_INT(sqlite3_exec(db->sqlite, "UPDATE audit SET time_ms = 0", NULL, NULL, NULL) & 0xff,
                 SQLITE_CONSTRAINT);
    CHECK_EQ_INT(sqlite3_exec(db->sqlite, "DELETE FROM audit WHERE seq = 3", NULL, NULL, NULL) & 0xff,
                 SQLITE_CONSTRAINT);
    CHECK_EQ_INT(sqlite3_exec(db->sqlite, "DELETE FROM audit", NULL, NULL, NULL) & 0xff, SQLITE_CONSTRAINT);
    CHECK_EQ_INT(sqlite3_exec(db->sqlite, "REPLACE INTO audit SELECT * FROM audit", NULL, NULL, NULL) & 0xff,
                 SQLITE_CONSTRAINT);
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 3);
    store_db_free(db);
}

/* ---- the chain ---- */

/* Whoever has the rows can compute the chain without us. */
TEST(the_chain_is_what_the_header_says)
{
    struct store_db *db = test_open_new("chain.db");
    struct buf rows;
    struct store_audit_page page;
    struct store_audit_verified v;
    uint8_t hash[DIGEST_LEN] = {0};
    buf_init(&rows, 1024 * 1024);
    CHECK_EQ_INT(test_append(db, 1, 20), 0);
    const struct store_audit_query q = {.limit = 100};
    CHECK_EQ_INT(store_audit_page(db, &q, &rows, &page), 0);
    struct reader r = reader_of(buf_span(&rows));
    CHECK_EQ_UINT(ipc_list_read(&r, 100), 20);
    for (unsigned i = 0; i < 20; i++) {
        struct span encoded = reader_bytes(&r, STORE_AUDIT_ROW_MAX);
        struct span stored = reader_take(&r, DIGEST_LEN);
        const struct span parts[] = {span_of(hash, sizeof(hash)), encoded};
        uint8_t next[DIGEST_LEN];
        digest_sha256(parts, 2, next);
        CHECK_EQ_BYTES(stored.ptr, stored.len, next, sizeof(next));
        memcpy(hash, next, sizeof(hash));
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 100, &v), 0);
    CHECK_EQ_MEM(v.hash, hash, sizeof(hash));
    buf_deinit(&rows);
    store_db_free(db);
}

TEST(verify_in_slices)
{
    static const uint32_t limits[] = {1, 7, 100, 999, 1000, 1001, UINT32_MAX};
    struct store_db *db = test_open_new("slices.db");
    struct store_audit_verified whole;
    CHECK_EQ_INT(test_append(db, 1, MANY), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, MANY, &whole), 0);
    CHECK_EQ_UINT(whole.rows, MANY);
    CHECK(!whole.more);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct store_audit_verified v = {.more = true};
        uint64_t rows = 0;
        while (v.more && rows <= MANY) {
            uint8_t hash[IPC_HASH_LEN];
            memcpy(hash, v.hash, sizeof(hash));
            struct span before = v.last_seq == 0 ? SPAN_EMPTY : span_of(hash, sizeof(hash));
            if (!CHECK_EQ_INT(store_audit_verify(db, v.last_seq, before, limits[i], &v), 0)) {
                break;
            }
            CHECK(v.rows <= limits[i]);
            rows += v.rows;
        }
        CHECK_EQ_UINT(rows, MANY);
        CHECK_EQ_UINT(v.last_seq, MANY);
        CHECK_EQ_MEM(v.hash, whole.hash, sizeof(v.hash));
    }
    store_db_free(db);
}

TEST(what_verify_is_given)
{
    struct store_db *db = test_open_new("given.db");
    struct store_audit_verified v;
    uint8_t zeroes[IPC_HASH_LEN] = {0};
    uint8_t last[IPC_HASH_LEN];
    CHECK_EQ_INT(test_append(db, 1, 10), 0);
    CHECK_EQ_INT(store_audit_verify(db, 5, SPAN_EMPTY, 100, &v), CB_EINVAL);
    CHECK_EQ_INT(store_audit_verify(db, 5, span_of(zeroes, 31), 100, &v), CB_EINVAL);
    CHECK_EQ_INT(store_audit_verify(
                     db, 0,
                     span_of("\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10", 32), 100,
                     &v),
                 CB_EINVAL);
    CHECK_EQ_INT(store_audit_verify(db, 0, span_of(zeroes, 32), 100, &v), 0);
    CHECK_EQ_UINT(v.rows, 10);
    memcpy(last, v.hash, sizeof(last));
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 0, &v), 0);
    CHECK(v.rows == 0 && v.more && v.last_seq == 0);
    CHECK_EQ_INT(store_audit_verify(db, 10, span_of(last, sizeof(last)), 100, &v), 0);
    CHECK(v.rows == 0 && !v.more && v.last_seq == 10);
    CHECK_EQ_MEM(v.hash, last, sizeof(last));
    /* Another hash than ours, and a record that is not there. */
    CHECK_EQ_INT(store_audit_verify(db, 10, span_of(zeroes, 32), 100, &v), CB_ECORRUPT);
    CHECK_EQ_UINT(v.last_seq, 10);
    CHECK(strstr(store_db_why(db), "record 10 ") != NULL);
    CHECK_EQ_INT(store_audit_verify(db, 11, span_of(last, 32), 100, &v), CB_ECORRUPT);
    CHECK_EQ_INT(store_audit_verify(db, UINT64_MAX, span_of(last, 32), 100, &v), CB_ECORRUPT);
    CHECK_EQ_INT(test_append(db, 11, 12), 0);
    CHECK_EQ_INT(store_audit_verify(db, 10, span_of(last, 32), 100, &v), 0);
    CHECK(v.rows == 2 && v.last_seq == 12);
    store_db_free(db);
}

/* ---- edits ---- */

struct edit {
    const char *sql;
    uint64_t found_at; /* 0: only a remembered hash shows it */
    const char *how;
};

static const struct edit edits[] = {
    {"UPDATE audit SET row = cast(substr(row, 1, 60) || x'00' || substr(row, 62) AS BLOB) WHERE seq = 20", 20,
     "hash does not fit"},
    {"UPDATE audit SET row = cast(row || x'00' AS BLOB) WHERE seq = 1", 1, "hash does not fit"},
    {"UPDATE audit SET row = (SELECT row FROM audit WHERE seq = 4) WHERE seq = 5", 5, "hash does not fit"},
    {"UPDATE audit SET (row, hash) = (SELECT row, hash FROM audit WHERE seq = 4) WHERE seq = 5", 5,
     "hash does not fit"},
    {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 33", 33, "hash does not fit"},
    {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 100", 100, "hash does not fit"},
    /* Removed: the first one, one, the middle. */
    {"DELETE FROM audit WHERE seq = 1", 2, "the record before it is missing"},
    {"DELETE FROM audit WHERE seq = 50", 51, "the record before it is missing"},
    {"DELETE FROM audit WHERE seq BETWEEN 10 AND 90", 91, "the record before it is missing"},
    /* Removed and the gap closed. */
    {"DELETE FROM audit WHERE seq = 50; UPDATE audit SET seq = seq - 1 WHERE seq > 50", 50,
     "hash does not fit"},
    /* Two exchanged. */
    {"UPDATE audit SET seq = 1000 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 8;"
     "UPDATE audit SET seq = 8 WHERE seq = 1000",
     7, "hash does not fit"},
    /* One moved to the end. */
    {"UPDATE audit SET seq = 101 WHERE seq = 60", 61, "the record before it is missing"},
    /* One added in the middle, one at the end. */
    {"INSERT INTO audit SELECT 1000, tenant, time_ms, denied, row, hash FROM audit WHERE seq = 3;", 1000,
     "the record before it is missing"},
    {"INSERT INTO audit SELECT 101, tenant, time_ms, denied, row, hash FROM audit WHERE seq = 100;", 101,
     "hash does not fit"},
    /* The columns for searching: hidden from a search, while the chain is whole. */
    {"UPDATE audit SET tenant = 'bob' WHERE seq = 41", 41, "columns"},
    {"UPDATE audit SET tenant = 'Alice' WHERE seq = 41", 41, "columns"},
    {"UPDATE audit SET time_ms = time_ms - 1 WHERE seq = 42", 42, "columns"},
    {"UPDATE audit SET time_ms = 0 WHERE seq = 42", 42, "columns"},
    {"UPDATE audit SET denied = 0 WHERE seq = 44", 44, "columns"},
    {"UPDATE audit SET denied = 1 WHERE seq = 43", 43, "columns"},
    /* The end cut off, all of it gone. */
    {"DELETE FROM audit WHERE seq > 70", 0, "missing"},
    {"DELETE FROM audit WHERE seq = 100", 0, "missing"},
    {"DELETE FROM audit", 0, "missing"},
};

static void check_found(struct store_db *db, const struct edit *edit, uint64_t after, struct span hash,
                        uint64_t seq)
{
    struct store_audit_verified v;
    bool ok = CHECK_EQ_INT(store_audit_verify(db, after, hash, 10000, &v), CB_ECORRUPT);
    ok = CHECK_EQ_UINT(v.last_seq, seq) && ok;
    ok = CHECK(strstr(store_db_why(db), edit->how) != NULL) && ok;
    if (!ok) {
        printf("    %s\n    %s\n", edit->sql, store_db_why(db));
    }
}

TEST(every_edit_is_found_where_it_is)
{
    const char *path = test_path("edit.db");
    struct store_audit_verified v;
    struct store_db *db = test_open_new("edit.db");
    CHECK_EQ_INT(test_append(db, 1, 100), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000, &v), 0);
    uint8_t remembered[IPC_HASH_LEN];
    memcpy(remembered, v.hash, sizeof(remembered));
    store_db_free(db);
    struct test_image image = test_image_read(path);

    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        const struct edit *edit = &edits[i];
        test_image_write(path, &image);
        test_tamper(path, edit->sql);
        db = test_open(path);
        if (db == NULL) {
            printf("    %s\n", edit->sql);
            continue;
        }
        if (edit->found_at != 0) {
            check_found(db, edit, 0, SPAN_EMPTY, edit->found_at);
            /* In slices of one, too: the good ones before it count. */
            struct store_audit_verified s = {.more = true};
            int r = 0;
            uint64_t good = 0;
            while (r == 0 && s.more) {
                uint8_t hash[IPC_HASH_LEN];
                memcpy(hash, s.hash, sizeof(hash));
                r = store_audit_verify(db, s.last_seq, good == 0 ? SPAN_EMPTY : span_of(hash, sizeof(hash)),
                                       1, &s);
                good += s.rows;
            }
            CHECK_EQ_INT(r, CB_ECORRUPT);
            CHECK_EQ_UINT(s.last_seq, edit->found_at);
        } else {
            CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000, &v), 0);
            CHECK(v.rows < 100);
            check_found(db, edit, 100, span_of(remembered, sizeof(remembered)), 100);
        }
        store_db_free(db);
    }
    test_image_free(&image);
}

/* Somebody who can compute the chain anew is found by whoever remembers a hash of it. */
TEST(a_chain_that_was_computed_anew)
{
    struct store_audit_verified v;
    struct store_db *db = test_open_new("anew.db");
    CHECK_EQ_INT(test_append(db, 1, 50), 0);
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000, &v), 0);
    store_db_free(db);
    test_tamper(test_path("anew.db"), "DELETE FROM audit WHERE seq >= 30");
    db = test_open(test_path("anew.db"));
    CHECK_EQ_INT(store_db_begin(db), 0);
    for (unsigned i = 30; i <= 60; i++) {
        uint64_t seq;
        struct store_audit_row row = test_row(i + 1);
        CHECK_EQ_INT(store_audit_append(db, &row, &seq), 0);
    }
    CHECK_EQ_INT(store_db_commit(db), 0);
    struct store_audit_verified again;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000, &again), 0);
    CHECK_EQ_UINT(again.rows, 60);
    CHECK_EQ_INT(store_audit_verify(db, 50, span_of(v.hash, sizeof(v.hash)), 1000, &again), CB_ECORRUPT);
    CHECK_EQ_UINT(again.last_seq, 50);
    store_db_free(db);
}

/* A damaged record is named, and not a byte of it is handed on. */
TEST(a_page_with_a_damaged_record)
{
    static const char *const damage[] = {
        "UPDATE audit SET row = x'00' WHERE seq = 5",
        "UPDATE audit SET row = cast(substr(row, 1, length(row) - 1) AS BLOB) WHERE seq = 5",
        "UPDATE audit SET row = (SELECT row FROM audit WHERE seq = 4) WHERE seq = 5",
    };
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        struct store_db *db = test_open_new("damaged.db");
        struct store_audit_page page;
        struct buf rows;
        CHECK_EQ_INT(test_append(db, 1, 10), 0);
        store_db_free(db);
        test_tamper(test_path("damaged.db"), damage[i]);
        db = test_open(test_path("damaged.db"));
        buf_init(&rows, 1024 * 1024);
        struct store_audit_query q = {.limit = 100};
        CHECK_EQ_INT(store_audit_page(db, &q, &rows, &page), CB_ECORRUPT);
        CHECK_EQ_UINT(buf_len(&rows), 0);
        CHECK(strstr(store_db_why(db), "record 5 ") != NULL);
        q.after_seq = 5;
        CHECK_EQ_INT(store_audit_page(db, &q, &rows, &page), 0);
        buf_deinit(&rows);
        store_db_free(db);
    }
}

TEST_MAIN()

/* The database file: made, opened again, refused without being touched, shared with nobody, full, killed. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "store_test.h"

/* Opens what must be refused: the code, a text that has `part` in it, and not a byte changed. */
static bool refused(const char *path, int code, const char *part)
{
    struct test_image before = test_image_read(path);
    struct store_db *db = NULL;
    char why[1024] = "";
    int r = store_db_open(path, &db, why, sizeof(why));
    bool ok = CHECK_EQ_INT(r, code);
    ok = CHECK(strstr(why, part) != NULL) && ok;
    if (!ok) {
        printf("    %s: \"%s\"\n", path, why);
    }
    store_db_free(r == 0 ? db : NULL);
    ok = CHECK(test_image_unchanged(path, &before)) && ok;
    test_image_free(&before);
    return ok;
}

/* What is in the audit of it: three changes, and sixty records. */
#define FILLED_CHANGES 3
#define FILLED_ROWS    63

/* Two tenants, a credential, a CA, a few records. */
static void fill(struct store_db *db)
{
    struct store_applied a = {.tenant_id = 0};
    uint64_t generation;
    CHECK_EQ_INT(
        test_apply_one(db, "alice", "a: 1\n", "https://api.openai.com:443", "openai", TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(test_put(db, "alice", a.tenant_id, "openai", "api.openai.com:443", "sealed for alice",
                          TEST_NOW_MS, &generation),
                 0);
    CHECK_EQ_INT(store_ca_put(db, a.tenant_id, SPAN_LIT("cert"), SPAN_LIT("sealed key"), TEST_NOW_MS), 0);
    CHECK_EQ_INT(test_apply_one(db, "bob", "b: 1\n", "https://example.com:443", NULL, TEST_NOW_MS, &a), 0);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("vault_key"), SPAN_LIT("0123456789abcdef0123456789abcdef")), 0);
    CHECK_EQ_INT(test_append(db, 1, 60), 0);
}

/* Everything that can be read, as text; the first error. */
static int dump(struct store_db *db, struct buf *out)
{
    bool more;
    struct store_audit_page page;
    const struct store_audit_query query = {.limit = 1000};
    buf_init(out, 4 * 1024 * 1024);
    int r = store_tenant_list(db, SPAN_EMPTY, SPAN_EMPTY, 100, TEST_NOW_MS, out, &more);
    for (uint64_t id = 1; r == 0 && id <= 2; id++) {
        struct store_tenant tenant;
        r = store_tenant_get_by_id(db, id, &tenant);
        if (r == 0) {
            r = buf_append_str(out, tenant.token);
        }
        if (r == 0) {
            r = buf_append_span(out, buf_span(&tenant.yaml));
        }
        if (r == 0) {
            r = buf_append_span(out, buf_span(&tenant.spec));
        }
        store_tenant_deinit(&tenant);
        if (r == 0) {
            r = store_credentials_for_people(db, id, out);
        }
    }
    if (r == 0) {
        r = store_credential_box(db, 1, SPAN_LIT("openai"), out);
    }
    if (r == 0) {
        r = store_ca_get(db, 1, out, out);
    }
    if (r == 0) {
        r = store_meta_get(db, SPAN_LIT("vault_key"), out);
    }
    if (r == 0) {
        r = store_audit_page(db, &query, out, &page);
    }
    return r;
}

TEST(create_and_reopen)
{
    const char *path = test_path("create.db");
    struct stat st;
    struct buf first;
    struct buf second;
    mode_t mask = umask(0);
    struct store_db *db = test_open_new("create.db");
    (void)umask(mask);
    if (db == NULL) {
        return;
    }
    fill(db);
    CHECK_EQ_INT(dump(db, &first), 0);
    char log[300];
    test_log_path(path, log);
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    CHECK_EQ_INT(stat(log, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    store_db_free(db);
    CHECK(stat(log, &st) != 0); /* written back */

    db = test_open(path);
    if (db == NULL) {
        return;
    }
    CHECK_EQ_INT(dump(db, &second), 0);
    CHECK_EQ_BYTES(buf_span(&second).ptr, buf_len(&second), buf_span(&first).ptr, buf_len(&first));
    CHECK(buf_len(&first) > 5000);
    buf_deinit(&first);
    buf_deinit(&second);
    store_db_free(db);
}

TEST(an_empty_file_becomes_a_database_with_mode_0600)
{
    const char *path = test_path("empty.db");
    struct stat st;
    test_file_write(path, "", 0);
    CHECK_EQ_INT(chmod(path, 0644), 0);
    store_db_free(test_open(path));
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    CHECK(st.st_size > 0);
}

TEST(a_folder_may_be_a_link_but_the_file_may_not)
{
    CHECK_EQ_INT(mkdir(test_path("real"), 0700), 0);
    store_db_free(test_open(test_path("real/a.db")));
    CHECK_EQ_INT(symlink(test_path("real/a.db"), test_path("link.db")), 0);
    CHECK(refused(test_path("link.db"), -ELOOP, "link.db"));
    CHECK_EQ_INT(symlink(test_path("real"), test_path("link")), 0);
    store_db_free(test_open(test_path("link/a.db")));
}

TEST(a_relative_path)
{
    char old[512];
    if (!CHECK(getcwd(old, sizeof(old)) != NULL) || !CHECK_EQ_INT(chdir(test_path("link")), 0)) {
        return;
    }
    store_db_free(test_open("relative.db"));
    struct store_db *db = NULL;
    char why[1024];
    /* A name that means something else to sqlite. */
    CHECK(store_db_open(":memory:", &db, why, sizeof(why)) == CB_ECORRUPT);
    CHECK(strstr(why, "cannot have a log") != NULL);
    CHECK_EQ_INT(chdir(old), 0);
    store_db_free(test_open(test_path("real/relative.db")));
}

TEST(what_is_no_file_is_refused)
{
    struct store_db *db = NULL;
    char why[1024];
    CHECK_EQ_INT(store_db_open(test_path("no/such/folder.db"), &db, why, sizeof(why)), -ENOENT);
    CHECK(strstr(why, "folder.db: No such file") != NULL);
    CHECK_EQ_INT(mkdir(test_path("folder"), 0700), 0);
    CHECK_EQ_INT(store_db_open(test_path("folder"), &db, why, sizeof(why)), -EISDIR);
    CHECK_EQ_INT(mkfifo(test_path("fifo"), 0600), 0);
    CHECK_EQ_INT(store_db_open(test_path("fifo"), &db, why, sizeof(why)), CB_EINVAL);
    CHECK(strstr(why, "not a regular file") != NULL);
    CHECK(db == NULL);
}

TEST(a_foreign_file_is_refused)
{
    char text[8192];
    memset(text, 'x', sizeof(text));
    const char *path = test_path("foreign.db");
    test_file_write(path, text, sizeof(text));
    CHECK(refused(path, CB_ECORRUPT, "not a database"));
    test_file_write(path, text, 99);
    CHECK(refused(path, CB_ECORRUPT, "truncated"));
    test_file_write(path, "SQLite format 3", 16);
    CHECK(refused(path, CB_ECORRUPT, "truncated"));
    /* A header and nothing true behind it. */
    memcpy(text, "SQLite format 3", 16);
    test_file_write(path, text, sizeof(text));
    CHECK(refused(path, CB_ECORRUPT, "header"));
}

TEST(a_database_of_another_program_is_refused)
{
    const char *path = test_path("other.db");
    test_sql(path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    CHECK(refused(path, CB_ECORRUPT, "some other program"));
    test_sql(path, "PRAGMA application_id = 7");
    CHECK(refused(path, CB_ECORRUPT, "some other program"));
    test_sql(path, "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2)");
    CHECK(refused(path, CB_ECORRUPT, "some other program"));
    /* One that says it is ours and is not. */
    test_sql(path, "PRAGMA application_id = 0x434c4258; PRAGMA user_version = 1");
    CHECK(refused(path, CB_ECORRUPT, "schema"));
    test_sql(path, "PRAGMA user_version = 0");
    CHECK(refused(path, CB_ECORRUPT, "version"));
    test_sql(path, "PRAGMA user_version = -1");
    CHECK(refused(path, CB_ECORRUPT, "version"));
}

/* A child that does this and then dies without closing leaves the file and its log as a power cut would. */
static void leave_log(const char *path, void (*run)(const char *path))
{
    pid_t pid = fork();
    if (pid == 0) {
        run(path);
        (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    CHECK_EQ_INT(test_wait(pid), -1);
}

static void other_program_in_log(const char *path)
{
    sqlite3 *s;
    (void)sqlite3_open(path, &s);
    (void)sqlite3_exec(s, "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)", NULL,
                       NULL, NULL);
}

static void fill_and_hold(const char *path)
{
    struct store_db *db = test_open(path);
    if (db != NULL) {
        fill(db);
    }
}

TEST(a_database_of_another_program_that_is_still_in_its_log_is_refused)
{
    const char *path = test_path("other-log.db");
    leave_log(path, other_program_in_log);
    struct test_image image = test_image_read(path);
    CHECK(image.log.len > 4096);
    test_image_free(&image);
    CHECK(refused(path, CB_ECORRUPT, "some other program"));
}

TEST(a_newer_schema_is_refused)
{
    const char *path = test_path("newer.db");
    store_db_free(test_open_new("newer.db"));
    test_sql(path, "PRAGMA user_version = 99");
    CHECK(refused(path, CB_EUNSUPPORTED, "newer clawbox (schema 99)"));
}

TEST(a_changed_schema_is_refused)
{
    static const char *const changes[] = {
        "DROP TRIGGER audit_no_update",
        "DROP INDEX audit_tenant",
        "DROP TABLE ca",
        "ALTER TABLE tenant ADD COLUMN more TEXT",
        "CREATE TRIGGER spy AFTER UPDATE ON credential BEGIN UPDATE tenant SET yaml = x''; END",
        "CREATE VIEW v AS SELECT 1",
    };
    const char *path = test_path("schema.db");
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        store_db_free(test_open_new("schema.db"));
        test_sql(path, changes[i]);
        if (!refused(path, CB_ECORRUPT, "schema")) {
            printf("    %s\n", changes[i]);
        }
    }
    /* What a maintainer may do. */
    store_db_free(test_open_new("schema.db"));
    test_sql(path, "ANALYZE; VACUUM");
    store_db_free(test_open(path));
}

TEST(a_truncated_file_is_refused)
{
    const char *path = test_path("short.db");
    struct store_db *db = test_open_new("short.db");
    fill(db);
    store_db_free(db);
    struct test_image image = test_image_read(path);
    size_t pages = image.file.len / 4096;
    CHECK(pages > 5);
    for (size_t cut = 1; cut < image.file.len; cut += cut < 200 ? 1 : 509) {
        struct test_image part = {{image.file.bytes, cut}, {0}};
        test_image_write(path, &part);
        if (!refused(path, CB_ECORRUPT, "truncated")) {
            printf("    cut at %zu\n", cut);
            break;
        }
    }
    /* Empty is the same as gone. */
    test_image_write(path, &image);
    CHECK_EQ_INT(truncate(path, 0), 0);
    store_db_free(test_open(path));
    test_image_free(&image);
}

TEST(a_log_without_its_file_is_kept)
{
    const char *path = test_path("log.db");
    char log[300];
    test_log_path(path, log);
    leave_log(path, fill_and_hold);
    struct test_image image = test_image_read(path);
    CHECK(image.log.len > 20000);

    CHECK_EQ_INT(truncate(path, 0), 0);
    CHECK(refused(path, CB_ECORRUPT, "has a log"));
    CHECK_EQ_INT(unlink(path), 0);
    CHECK(refused(path, CB_ECORRUPT, "log"));
    CHECK(access(path, F_OK) != 0);

    /* With the file back nothing is lost. */
    struct buf out;
    test_image_write(path, &image);
    struct store_db *db = test_open(path);
    if (db != NULL) {
        CHECK_EQ_INT(dump(db, &out), 0);
        buf_deinit(&out);
        store_db_free(db);
    }
    test_image_free(&image);
}

TEST(a_log_that_nobody_can_read_is_kept)
{
    const char *path = test_path("badlog.db");
    leave_log(path, fill_and_hold);
    struct test_image image = test_image_read(path);
    /* sqlite takes a log with a bad head for an empty one, and writes over it. */
    for (size_t i = 0; i < 32; i++) {
        image.log.bytes[i] ^= 0xff;
        test_image_write(path, &image);
        if (!refused(path, CB_ECORRUPT, "log")) {
            printf("    byte %zu\n", i);
        }
        image.log.bytes[i] ^= 0xff;
    }
    test_image_free(&image);
}

TEST(a_stale_journal_is_not_played_back)
{
    const char *path = test_path("journal.db");
    char journal[300];
    struct store_db *db = test_open_new("journal.db");
    fill(db);
    store_db_free(db);
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
    test_file_write(journal, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and the rest", 20);
    CHECK(refused(path, CB_ECORRUPT, "journal"));
    CHECK_EQ_INT(unlink(journal), 0);
    store_db_free(test_open(path));
}

/* The power went while the log was written back for the first time: pages of the file came to the disk, its first one did not. */
TEST(a_file_that_was_half_written_back_is_whole_with_its_log)
{
    const char *path = test_path("half.db");
    static const size_t sizes[] = {4096, 8192, 12388, 40960};
    leave_log(path, fill_and_hold);
    struct test_image image = test_image_read(path);
    CHECK_EQ_UINT(image.file.len, 4096);
    uint8_t *grown = make_or_die(calloc(1, 40960));
    memcpy(grown, image.file.bytes, image.file.len);
    free(image.file.bytes);
    image.file.bytes = grown;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf out;
        image.file.len = sizes[i];
        test_image_write(path, &image);
        struct store_db *db = test_open(path);
        if (db != NULL) {
            CHECK_EQ_INT(dump(db, &out), 0);
            buf_deinit(&out);
            CHECK_EQ_INT(test_append(db, 61, 70), 0);
            store_db_free(db);
            store_db_free(test_open(path));
        }
    }
    test_image_free(&image);
}

/* Whether the audit says by itself that it was damaged. */
static bool audit_is_damaged(struct store_db *db)
{
    struct store_audit_verified v;
    int r = store_audit_verify(db, 0, SPAN_EMPTY, 1000, &v);
    return r != 0 || v.rows != FILLED_ROWS;
}

/* Flips bytes of a closed database one at a time. Structure and audit: found or without effect. What tenants and credentials hold
 * is opaque here (a box is authenticated by the vault, a spec is checked when it is read), so there a change may only show. */
TEST(a_flipped_byte_is_found_or_harmless)
{
    const char *path = test_path("flip.db");
    struct buf want;
    struct store_db *db = test_open_new("flip.db");
    fill(db);
    CHECK_EQ_INT(dump(db, &want), 0);
    store_db_free(db);
    struct test_image image = test_image_read(path);
    unsigned found = 0;
    unsigned harmless = 0;
    unsigned by_audit = 0;
    unsigned shown = 0;
    for (size_t at = 0; at < image.file.len; at += at < 112 ? 1 : 475) {
        struct buf got;
        char why[1024] = "";
        db = NULL;
        image.file.bytes[at] ^= 0x55;
        test_image_write(path, &image);
        int r = store_db_open(path, &db, why, sizeof(why));
        if (r != 0) {
            bool known = r == CB_ECORRUPT || r == CB_EUNSUPPORTED;
            if (!CHECK(known && test_image_unchanged(path, &image) && strlen(why) > strlen(path) + 4)) {
                printf("    byte %zu: %s (%d)\n", at, why, r);
            }
            found++;
        } else {
            int dumped = dump(db, &got);
            if (dumped == 0 && span_eq(buf_span(&got), buf_span(&want)) && !audit_is_damaged(db)) {
                harmless++;
                if (!CHECK_EQ_INT(test_append(db, 61, 61), 0)) {
                    printf("    byte %zu: %s\n", at, store_db_why(db));
                }
            } else if (audit_is_damaged(db)) {
                by_audit++;
            } else {
                shown++;
            }
            buf_deinit(&got);
            store_db_free(db);
        }
        image.file.bytes[at] ^= 0x55;
    }
    printf("    of %zu bytes: %u refused, %u harmless, %u found by the audit, %u only show\n", image.file.len,
           found, harmless, by_audit, shown);
    CHECK(found > 30 && harmless > 10 && by_audit > 5 && shown < 20);
    buf_deinit(&want);
    test_image_free(&image);
}

/* The same with a log beside it: whatever sqlite takes of a damaged log, it is a state that once was. */
TEST(a_flipped_byte_of_the_log_gives_an_older_state_or_an_error)
{
    const char *path = test_path("fliplog.db");
    store_db_free(test_open_new("fliplog.db"));
    leave_log(path, fill_and_hold);
    struct test_image image = test_image_read(path);
    unsigned opened = 0;
    unsigned found = 0;
    for (size_t at = 32; at < image.log.len; at += 512) {
        char why[1024] = "";
        struct store_db *db = NULL;
        image.log.bytes[at] ^= 0x55;
        test_image_write(path, &image);
        int r = store_db_open(path, &db, why, sizeof(why));
        if (r == 0) {
            struct store_audit_verified v;
            CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000, &v), 0);
            CHECK(v.rows <= FILLED_CHANGES || v.rows == FILLED_ROWS);
            opened++;
            store_db_free(db);
        } else {
            CHECK(r == CB_ECORRUPT && test_image_unchanged(path, &image));
            found++;
        }
        image.log.bytes[at] ^= 0x55;
    }
    CHECK(opened + found > 50);
    test_image_free(&image);
}

/* ---- one process at a time ---- */

static int holder_pipe[2];

static void hold(const char *path)
{
    struct store_db *db = test_open(path);
    uint8_t byte = db != NULL;
    if (write(holder_pipe[1], &byte, 1) != 1) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
}

TEST(a_second_process_is_told_that_it_is_busy)
{
    const char *path = test_path("busy.db");
    uint8_t byte = 0;
    if (!CHECK_EQ_INT(pipe2(holder_pipe, O_CLOEXEC), 0)) {
        return;
    }
    /* Once while the holder has just made it, once while it has opened an old one. */
    for (int round = 0; round < 2; round++) {
        /* The child opens, not this process: sqlite would know of its own handle without asking the kernel. */
        pid_t pid = fork();
        if (pid == 0) {
            hold(path);
        }
        CHECK_EQ_INT(read(holder_pipe[0], &byte, 1), 1);
        CHECK_EQ_INT(byte, 1);
        CHECK(refused(path, CB_EBUSY, "another process has the database open"));
        CHECK_EQ_INT(kill(pid, SIGKILL), 0);
        CHECK_EQ_INT(test_wait(pid), -1);
        store_db_free(test_open(path));
    }
    (void)close(holder_pipe[0]);
    (void)close(holder_pipe[1]);
}

/* ---- kill -9 ---- */

/* Commits three records at a time and says so each time, for ever. */
static void commit_for_ever(const char *path, int report)
{
    struct store_audit_verified v;
    struct store_db *db = test_open(path);
    if (db == NULL || store_audit_verify(db, 0, SPAN_EMPTY, UINT32_MAX - 1, &v) != 0) {
        _exit(1);
    }
    for (uint64_t n = v.last_seq + 1;; n += 3) {
        uint64_t last = n + 2;
        if (test_append(db, n, last) != 0 || write(report, &last, sizeof(last)) != sizeof(last)) {
            _exit(1);
        }
    }
}

TEST(kill_9_loses_nothing_that_was_committed)
{
    const char *path = test_path("kill.db");
    unsigned rounds = 12;
    uint64_t last = 0;
    for (unsigned round = 0; round < rounds; round++) {
        int report[2];
        uint64_t committed;
        if (!CHECK_EQ_INT(pipe2(report, O_CLOEXEC), 0)) {
            return;
        }
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(report[0]);
            commit_for_ever(path, report[1]);
        }
        (void)close(report[1]);
        /* It goes on meanwhile: the signal meets it anywhere. */
        for (unsigned i = 0; i < round * 7 + 1; i++) {
            CHECK_EQ_INT(read(report[0], &committed, sizeof(committed)), sizeof(committed));
            last = committed;
        }
        CHECK_EQ_INT(kill(pid, SIGKILL), 0);
        CHECK_EQ_INT(test_wait(pid), -1);
        while (read(report[0], &committed, sizeof(committed)) == sizeof(committed)) {
            last = committed;
        }
        (void)close(report[0]);

        struct store_audit_verified v;
        struct store_db *db = test_open(path);
        if (db == NULL) {
            return;
        }
        CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, UINT32_MAX - 1, &v), 0);
        CHECK(v.last_seq >= last && v.last_seq <= last + 3 && v.last_seq % 3 == 0);
        store_db_free(db);
    }
    CHECK(last > 1000);
}

/* Kills at every moment of the making: whatever is left becomes a database the next time. */
TEST(kill_9_while_the_file_is_made)
{
    const char *path = test_path("making.db");
    for (unsigned round = 0; round < 40; round++) {
        char log[300];
        uint8_t byte = 0;
        test_log_path(path, log);
        (void)unlink(path);
        (void)unlink(log);
        int go[2];
        if (!CHECK_EQ_INT(pipe2(go, O_CLOEXEC), 0)) {
            return;
        }
        pid_t pid = fork();
        if (pid == 0) {
            struct store_db *db = NULL;
            char why[1024];
            bool told = write(go[1], &byte, 1) == 1;
            _exit(told && store_db_open(path, &db, why, sizeof(why)) == 0 ? 0 : 1);
        }
        CHECK_EQ_INT(read(go[0], &byte, 1), 1);
        for (volatile unsigned spin = 0; spin < round * 20000; spin++) {
        }
        (void)kill(pid, SIGKILL);
        (void)test_wait(pid);
        (void)close(go[0]);
        (void)close(go[1]);
        struct store_db *db = test_open(path);
        if (db == NULL) {
            return;
        }
        CHECK_EQ_INT(test_append(db, 1, 3), 0);
        store_db_free(db);
    }
}

/* ---- no space ---- */

/* Fills it up in transactions of ten records until it says no, and then of one; then everything that was committed is there, and reading
 * goes on. */
static void fill_up(struct store_db *db, uint64_t *committed)
{
    int r = 0;
    *committed = 0;
    for (uint64_t each = 10; each > 0; each = each == 10 ? 1 : 0) {
        r = 0;
        while (r == 0 && *committed < 100000) {
            r = test_append(db, *committed + 1, *committed + each);
            *committed += r == 0 ? each : 0;
        }
        CHECK_EQ_INT(r, CB_EFULL);
    }
    CHECK(strlen(store_db_why(db)) > 0);
    CHECK(!store_db_in_transaction(db));
    CHECK(*committed > 0);
    struct store_audit_verified v;
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000000, &v), 0);
    CHECK_EQ_UINT(v.last_seq, *committed);
    /* Others fail in the same way. */
    struct store_applied a = {.tenant_id = 0};
    CHECK_EQ_INT(test_apply_one(db, "alice", "a: 1\n", "https://a.example:443", NULL, TEST_NOW_MS, &a),
                 CB_EFULL);
    CHECK(!store_db_in_transaction(db));
}

static void check_after_full(const char *path, uint64_t committed)
{
    struct store_audit_verified v;
    struct store_db *db = test_open(path);
    if (db != NULL) {
        CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, 1000000, &v), 0);
        CHECK_EQ_UINT(v.last_seq, committed);
        CHECK_EQ_INT(test_append(db, committed + 1, committed + 10), 0);
        store_db_free(db);
    }
}

static void full_by_limit(void)
{
    const char *path = test_path("limit.db");
    struct rlimit old;
    uint64_t committed;
    struct store_db *db = test_open_new("limit.db");
    CHECK_EQ_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
    /* Not a multiple of the page: the last write is cut in the middle. */
    struct rlimit tight = {.rlim_cur = 300 * 1024 + 77, .rlim_max = old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (db == NULL || !CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &tight), 0)) {
        return;
    }
    fill_up(db, &committed);
    store_db_free(db);
    struct store_db *again = test_open(path);
    store_db_free(again);
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
    check_after_full(path, committed);
}

TEST(full_by_a_limit_on_files)
{
    (void)test_path("");
    (void)test_in_child(full_by_limit);
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

/* Mounts of our own: root's right, or anybody's in a user namespace. */
static bool may_mount(void)
{
    char uids[64];
    char gids[64];
    if (unshare(CLONE_NEWNS) == 0) {
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    }
    (void)snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)getuid());
    (void)snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", uids) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", gids);
}

static void full_by_disk(void)
{
    const char *folder = test_path("tiny");
    uint64_t committed;
    if (mkdir(folder, 0700) != 0 || !may_mount() ||
        mount("tiny", folder, "tmpfs", 0, "size=600k,mode=0777") != 0) {
        SKIP("no file system of our own can be mounted here");
        return;
    }
    struct store_db *db = test_open(test_path("tiny/a.db"));
    if (db == NULL) {
        return;
    }
    fill_up(db, &committed);
    store_db_free(db);
    CHECK_EQ_INT(mount("tiny", folder, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    check_after_full(test_path("tiny/a.db"), committed);
}

TEST(full_disk)
{
    (void)test_path("");
    if (!test_in_child(full_by_disk)) {
        SKIP("no file system of our own can be mounted here");
    }
}

/* ---- transactions and meta ---- */

TEST(transactions)
{
    struct store_db *db = test_open_new("tx.db");
    struct buf out;
    buf_init(&out, 100);
    CHECK(!store_db_in_transaction(db));
    CHECK_EQ_INT(store_db_commit(db), CB_ESTATE);
    store_db_rollback(db);
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK(store_db_in_transaction(db));
    CHECK_EQ_INT(store_db_begin(db), CB_ESTATE);
    CHECK(store_db_in_transaction(db));
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("a"), SPAN_LIT("1")), 0);
    store_db_rollback(db);
    CHECK(!store_db_in_transaction(db));
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("a"), &out), CB_ENOTFOUND);
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("a"), SPAN_LIT("1")), 0);
    CHECK_EQ_INT(store_db_commit(db), 0);
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("a"), &out), 0);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), "1", 1);
    /* Closing in the middle of one is a rollback. */
    CHECK_EQ_INT(store_db_begin(db), 0);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("b"), SPAN_LIT("2")), 0);
    store_db_free(db);
    db = test_open(test_path("tx.db"));
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("b"), &out), CB_ENOTFOUND);
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("a"), &out), 0);
    buf_deinit(&out);
    store_db_free(db);
    store_db_free(NULL);
}

TEST(meta_is_written_once)
{
    struct store_db *db = test_open_new("meta.db");
    struct buf out;
    buf_init(&out, 100);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("key"), span_of("\0\xff\0", 3)), 0);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("key"), SPAN_LIT("other")), CB_EEXIST);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("key"), span_of("\0\xff\0", 3)), CB_EEXIST);
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("key"), &out), 0);
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), "\0\xff\0", 3);
    CHECK_EQ_INT(store_meta_add(db, SPAN_EMPTY, SPAN_LIT("x")), CB_ECONFLICT);
    CHECK_EQ_INT(store_meta_add(db, SPAN_LIT("nothing"), SPAN_EMPTY), 0);
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("nothing"), &out), 0);
    CHECK_EQ_UINT(buf_len(&out), 3);
    buf_deinit(&out);
    buf_init(&out, 2);
    CHECK_EQ_INT(store_meta_get(db, SPAN_LIT("key"), &out), CB_ELIMIT);
    buf_deinit(&out);
    store_db_free(db);
}

TEST_MAIN()

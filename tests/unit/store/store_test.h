/*
 * store_test.h - what the tests of the store share: a folder that goes away again, whole files, children, sample content.
 *
 * A file must not be read or copied in the process that has it open as a database: closing a descriptor drops the locks that
 * sqlite holds.
 */
#ifndef TESTS_UNIT_STORE_STORE_TEST_H
#define TESTS_UNIT_STORE_STORE_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/codec.h"
#include "policy/verdict.h"
#include "store/audit.h"
#include "store/credentials.h"
#include "store/tenants.h"
#include "support/check.h"
#include "support/spec_make.h"

#define TEST_NOW_MS UINT64_C(1800000000000)

/* ---- files ---- */

static char test_folder[128];
static pid_t test_folder_owner;

static int test_remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
    (void)st;
    (void)what;
    (void)ftw;
    return remove(path);
}

static void test_folder_remove(void)
{
    if (getpid() == test_folder_owner) {
        (void)nftw(test_folder, test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* The path of a file in this program's own folder; lives until eight more were asked for. */
static inline const char *test_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    if (test_folder[0] == '\0') {
        const char *base = getenv("TMPDIR");
        (void)snprintf(test_folder, sizeof(test_folder), "%s/clawbox-store-XXXXXX",
                       base != NULL ? base : "/tmp");
        make_or_die(mkdtemp(test_folder));
        test_folder_owner = getpid();
        (void)atexit(test_folder_remove);
    }
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", test_folder, name);
    return path;
}

struct test_file {
    uint8_t *bytes; /* NULL: there is no such file */
    size_t len;
};

static inline struct test_file test_file_read(const char *path)
{
    struct test_file f = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return f;
    }
    if (fstat(fd, &st) != 0) {
        make_or_die(NULL);
    }
    f.len = (size_t)st.st_size;
    f.bytes = (uint8_t *)make_or_die(malloc(f.len + 1));
    if (pread(fd, f.bytes, f.len, 0) != (ssize_t)f.len) {
        make_or_die(NULL);
    }
    (void)close(fd);
    return f;
}

static inline void test_file_write(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len || close(fd) != 0) {
        fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static inline bool test_file_same(struct test_file a, struct test_file b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

/* A database and its log. */
struct test_image {
    struct test_file file;
    struct test_file log;
};

static inline void test_log_path(const char *path, char out[300])
{
    (void)snprintf(out, 300, "%s-wal", path);
}

static inline struct test_image test_image_read(const char *path)
{
    char log[300];
    test_log_path(path, log);
    return (struct test_image){test_file_read(path), test_file_read(log)};
}

static inline void test_image_free(struct test_image *image)
{
    free(image->file.bytes);
    free(image->log.bytes);
    *image = (struct test_image){0};
}

/* Puts both down as they were; an empty log is as good as none. */
static inline void test_image_write(const char *path, const struct test_image *image)
{
    char log[300];
    test_log_path(path, log);
    (void)unlink(log);
    if (image->log.len > 0) {
        test_file_write(log, image->log.bytes, image->log.len);
    }
    test_file_write(path, image->file.bytes, image->file.len);
}

static inline bool test_image_unchanged(const char *path, const struct test_image *before)
{
    struct test_image now = test_image_read(path);
    bool same = test_file_same(now.file, before->file) && test_file_same(now.log, before->log);
    test_image_free(&now);
    return same;
}

/* ---- children ---- */

/* Waits for a child; its exit status, or -1 when a signal ended it. */
static inline int test_wait(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define TEST_CHILD_SKIPPED 77

/* Runs checks in a process of their own; they count here. False when the child said SKIP(). */
static inline bool test_in_child(void (*run)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        check_state.failed_checks = 0;
        check_state.skip_reason = NULL;
        run();
        _exit(check_state.failed_checks > 0 ? 1 : check_state.skip_reason != NULL ? TEST_CHILD_SKIPPED : 0);
    }
    int status = pid > 0 ? test_wait(pid) : -1;
    if (status != TEST_CHILD_SKIPPED) {
        CHECK_EQ_INT(status, 0);
    }
    return status != TEST_CHILD_SKIPPED;
}

/* ---- content ---- */

static inline struct store_db *test_open(const char *path)
{
    struct store_db *db = NULL;
    char why[STORE_WHY_MAX + 512] = "";
    int r = store_db_open(path, &db, why, sizeof(why));
    if (!CHECK_EQ_INT(r, 0)) {
        printf("    %s\n", why);
        return NULL;
    }
    return db;
}

/* Opens a database that is not there yet. */
static inline struct store_db *test_open_new(const char *name)
{
    const char *path = test_path(name);
    char log[300];
    test_log_path(path, log);
    (void)unlink(log);
    (void)unlink(path);
    return test_open(path);
}

/* The n-th record: every third is an outcome, every fourth denied, tenants take turns. */
static inline struct store_audit_row test_row(uint64_t n)
{
    static uint8_t request_id[IPC_REQUEST_ID_LEN];
    for (size_t i = 0; i < sizeof(request_id); i++) {
        request_id[i] = (uint8_t)(n >> (i % 8 * 8));
    }
    struct store_audit_row row = {.kind = n % 3 == 0 ? STORE_AUDIT_OUTCOME : STORE_AUDIT_DECISION,
                                  .tenant = n % 2 == 0 ? SPAN_LIT("bob") : SPAN_LIT("alice"),
                                  .tenant_id = n % 2 + 1,
                                  .request_id = span_of(request_id, sizeof(request_id)),
                                  .time_ms = TEST_NOW_MS + n * 1000,
                                  .reason = n % 4 == 0 ? POLICY_REASON_NO_ROUTE_PATH : POLICY_REASON_ROUTE};
    if (row.kind == STORE_AUDIT_DECISION) {
        row.route = SPAN_LIT("openai");
        row.credential = SPAN_LIT("openai-key");
        row.method = SPAN_LIT("POST");
        row.host = SPAN_LIT("api.openai.com");
        row.port = 443;
        row.path = SPAN_LIT("/v1/chat/completions");
        row.query_keys = SPAN_LIT("stream,limit");
    } else {
        row.status = 200;
        row.request_bytes = n;
        row.response_bytes = n * 1000;
        row.first_byte_us = 1234;
        row.duration_us = 56789;
        row.peer = SPAN_LIT("203.0.113.7:443");
    }
    return row;
}

/* Appends the records first..last in one transaction. */
static inline int test_append(struct store_db *db, uint64_t first, uint64_t last)
{
    uint64_t seq = 0;
    uint64_t before = 0; /* records that are there for other reasons */
    int r = store_db_begin(db);
    for (uint64_t n = first; r == 0 && n <= last; n++) {
        struct store_audit_row row = test_row(n);
        r = store_audit_append(db, &row, &seq);
        before = n == first ? seq - n : before;
        if (r == 0) {
            CHECK_EQ_UINT(seq, before + n);
        }
    }
    if (r == 0) {
        return store_db_commit(db);
    }
    store_db_rollback(db);
    return r;
}

/* Puts the list of TENANTS_APPLY together. */
struct test_apply {
    struct buf list;
    size_t at;
    uint32_t count;
    struct ipc_tenants_apply how; /* what is expected; `tenants` is set at the end */
};

static inline void test_apply_init(struct test_apply *a)
{
    a->how = (struct ipc_tenants_apply){.expect = IPC_EXPECT_ANY};
    buf_init(&a->list, IPC_APPLY_MAX);
    struct writer w = writer_to(&a->list);
    a->at = ipc_list_begin(&w);
    a->count = 0;
}

/* Adds and frees the spec. `placeholders` is "NAME PLACEHOLDER NAME =PLACEHOLDER", the second fixed, or NULL for one of each
 * credential. */
static inline void test_apply_add(struct test_apply *a, const char *name, const char *yaml, struct spec *spec,
                                  const char *placeholders)
{
    struct buf encoded;
    char all[4096] = "";
    buf_init(&encoded, SPEC_ENCODED_MAX);
    CHECK_EQ_INT(spec_encode(spec, &encoded), 0);
    struct writer w = writer_to(&a->list);
    ipc_write_text(&w, span_str(name), IPC_NAME_MAX);
    writer_bytes(&w, span_str(yaml), IPC_PAGE_MAX);
    writer_bytes(&w, buf_span(&encoded), IPC_SPEC_MAX);
    if (placeholders == NULL) {
        size_t len = 0;
        for (size_t i = 0; i < spec->credential_count; i++) {
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s sk-%s-of-%s", len > 0 ? " " : "",
                                    spec->credentials[i].name, spec->credentials[i].name, name);
        }
        placeholders = all;
    }
    char **words;
    size_t count;
    make_list(placeholders, &words, &count);
    size_t at = ipc_list_begin(&w);
    for (size_t i = 0; i < count; i++) {
        bool fixed = words[i][0] == '=';
        ipc_write_text(&w, span_str(words[i] + fixed), 255);
        if (i % 2 == 1) {
            writer_u8(&w, fixed);
        }
        free(words[i]);
    }
    free(words);
    ipc_list_end(&w, at, (uint32_t)(count / 2));
    CHECK_EQ_INT(writer_finish(&w), 0);
    a->count++;
    buf_deinit(&encoded);
    spec_free(spec);
}

/* Applies and forgets the list. `*applied` may be NULL after a failure; free() it. */
static inline int test_apply_run(struct store_db *db, struct test_apply *a, uint64_t now_ms,
                                 struct store_applied **applied, size_t *count)
{
    struct writer w = writer_to(&a->list);
    ipc_list_end(&w, a->at, a->count);
    *applied = NULL;
    *count = 0;
    a->how.tenants = buf_span(&a->list);
    int r = store_tenants_apply(db, &a->how, now_ms, applied, count);
    buf_deinit(&a->list);
    return r;
}

static inline int test_delete(struct store_db *db, const char *tenant, uint64_t *id)
{
    return store_tenant_delete(db, &(struct ipc_tenant_delete){.tenant = span_str(tenant)}, TEST_NOW_MS, id);
}

static inline int test_credential_delete(struct store_db *db, const char *tenant, const char *credential,
                                         uint64_t *id, uint64_t *generation)
{
    struct ipc_credential_delete m = {.tenant = span_str(tenant), .credential = span_str(credential)};
    return store_credential_delete(db, &m, TEST_NOW_MS, id, generation);
}

/* One tenant with one route that sends `credential` (or none when NULL) to `destination`. */
static inline struct spec *test_spec(const char *tenant, const char *destination, const char *credential)
{
    struct spec *spec = make_spec(tenant);
    struct spec_route *route = make_route(spec, "main", destination, "GET POST", "/v1/**");
    if (credential != NULL) {
        make_credential(spec, credential, "API_KEY", "sk-{32}");
        make_bearer(route, credential);
    }
    return spec;
}

static inline int test_apply_one(struct store_db *db, const char *tenant, const char *yaml,
                                 const char *destination, const char *credential, uint64_t now_ms,
                                 struct store_applied *out)
{
    struct test_apply a;
    struct store_applied *applied;
    size_t count;
    test_apply_init(&a);
    test_apply_add(&a, tenant, yaml, test_spec(tenant, destination, credential), NULL);
    int r = test_apply_run(db, &a, now_ms, &applied, &count);
    if (r == 0 && CHECK_EQ_UINT(count, 1) && out != NULL) {
        *out = applied[0];
    }
    free(applied);
    return r;
}

static inline int test_put(struct store_db *db, const char *tenant, uint64_t tenant_id,
                           const char *credential, const char *binding, const char *box, uint64_t now_ms,
                           uint64_t *generation)
{
    struct ipc_credential_put put = {.tenant = span_str(tenant),
                                     .tenant_id = tenant_id,
                                     .credential = span_str(credential),
                                     .binding = span_str(binding),
                                     .box = span_str(box)};
    return store_credential_put(db, &put, now_ms, generation);
}

/* Runs SQL in a file that no store has open, as somebody with a shell would. */
static inline void test_sql(const char *path, const char *sql)
{
    sqlite3 *s = NULL;
    char *error = NULL;
    if (CHECK_EQ_INT(sqlite3_open_v2(path, &s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                     SQLITE_OK)) {
        if (!CHECK_EQ_INT(sqlite3_exec(s, sql, NULL, NULL, &error), SQLITE_OK)) {
            printf("    %s: %s\n", sql, error);
        }
    }
    sqlite3_free(error);
    (void)sqlite3_close(s);
}

/* The same for what is guarded against our own mistakes: the triggers are away meanwhile, and then back word for word. */
static inline void test_tamper(const char *path, const char *sql)
{
    struct sqlite3_stmt *stmt = NULL;
    sqlite3 *s = NULL;
    char triggers[2048] = "";
    size_t len = 0;
    if (!CHECK_EQ_INT(sqlite3_open_v2(path, &s, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK) ||
        !CHECK_EQ_INT(
            sqlite3_prepare_v2(s, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'", -1, &stmt, NULL),
            SQLITE_OK)) {
        return;
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        len += (size_t)snprintf(triggers + len, sizeof(triggers) - len, "%s;\n",
                                (const char *)sqlite3_column_text(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(s);
    test_sql(path, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete");
    test_sql(path, sql);
    test_sql(path, triggers);
}

#endif

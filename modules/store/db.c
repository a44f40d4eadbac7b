/* db.c - opening the database file, migrations, statements, transactions. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embed.h"
#include "store/file.h"
#include "store/version.h"

extern const struct embed_file embed_store[];
extern const size_t embed_store_count;

static const char *const store_sql[STORE_STMT__COUNT] = {
#define STORE_STMT_SQL(name, sql) sql,
    STORE_STATEMENTS(STORE_STMT_SQL)
#undef STORE_STMT_SQL
};

/* The code of ours for one of sqlite's. */
static int store_code(sqlite3 *sqlite, int r)
{
    switch (r & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_FULL:
        return CB_EFULL;
    case SQLITE_IOERR:
        switch (sqlite3_system_errno(sqlite)) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG: /* RLIMIT_FSIZE */
            return CB_EFULL;
        default:
            return CB_EDB;
        }
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return CB_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CB_EBUSY;
    case SQLITE_NOMEM:
        return CB_ENOMEM;
    case SQLITE_CONSTRAINT:
        return CB_ECONFLICT;
    case SQLITE_TOOBIG:
        return CB_ELIMIT;
    default:
        return CB_EDB;
    }
}

static int store_sqlite_fail(struct store_db *db, int r)
{
    return store_db_fail(db, store_code(db->sqlite, r), "%s", sqlite3_errmsg(db->sqlite));
}

int store_db_fail(struct store_db *db, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(db->why, sizeof(db->why), fmt, args);
    va_end(args);
    return code;
}

const char *store_db_why(const struct store_db *db)
{
    return db->why;
}

/* ---- opening ---- */

/* For SQL that is known to be right: what sqlite does not like then is the file ("unsupported file format"). */
static int store_file_fail(struct store_db *db, int r)
{
    int code = store_sqlite_fail(db, r);
    return (r & 0xff) == SQLITE_ERROR || r == SQLITE_DONE ? CB_ECORRUPT : code;
}

static int store_exec(struct store_db *db, const char *sql)
{
    int r = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return r == SQLITE_OK ? 0 : store_file_fail(db, r);
}

/* Runs one of the constant queries about the file, up to its first row. The caller finalizes. */
static int store_query(struct store_db *db, const char *sql, sqlite3_stmt **stmt)
{
    int r = sqlite3_prepare_v2(db->sqlite, sql, -1, stmt, NULL);
    if (r == SQLITE_OK) {
        r = sqlite3_step(*stmt);
    }
    return r == SQLITE_ROW ? 0 : store_file_fail(db, r);
}

static int store_query_number(struct store_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int r = store_query(db, sql, &stmt);
    if (r == 0) {
        *out = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    return r;
}

/* The answer must be this text. */
static int store_query_expect(struct store_db *db, const char *sql, const char *answer, const char *complaint)
{
    sqlite3_stmt *stmt = NULL;
    int r = store_query(db, sql, &stmt);
    if (r == 0 && !span_eq_str(store_column_span(stmt, 0), answer)) {
        struct span got = store_column_span(stmt, 0);
        r = store_db_fail(db, CB_ECORRUPT, "%s: %.*s", complaint, SPAN_ARG(got));
    }
    (void)sqlite3_finalize(stmt);
    return r;
}

/* Whose file it is, and how old its schema. Runs before anything is written. */
static int store_check_owner(struct store_db *db, int64_t *version)
{
    int64_t application = 0;
    int64_t objects = 0;
    int code = store_query_number(db, "PRAGMA application_id", &application);
    if (code == 0) {
        code = store_query_number(db, "PRAGMA user_version", version);
    }
    if (code == 0) {
        code = store_query_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
    }
    if (code != 0) {
        return code;
    }
    bool fresh = application == 0 && *version == 0 && objects == 0;
    if (!fresh && application != STORE_APPLICATION_ID) {
        return store_db_fail(db, CB_ECORRUPT, "the file is a database of some other program");
    }
    if (*version < 0 || (!fresh && *version == 0)) {
        return store_db_fail(db, CB_ECORRUPT, "the schema has no valid version");
    }
    if ((uint64_t)*version > embed_store_count) {
        return store_db_fail(db, CB_EUNSUPPORTED, "the database was made by a newer clawbox (schema %lld)",
                             (long long)*version);
    }
    /* What sqlite only reads (the header asks for a newer one), we cannot serve from. */
    if (sqlite3_db_readonly(db->sqlite, "main") != 0) {
        return store_db_fail(db, CB_ECORRUPT, "the header of the database is damaged: it can only be read");
    }
    return 0;
}

/* Both give the same rows, column for column. */
static int store_compare_rows(struct store_db *db, sqlite3_stmt *ours, sqlite3_stmt *theirs)
{
    for (;;) {
        int a = sqlite3_step(ours);
        int b = sqlite3_step(theirs);
        if ((a != SQLITE_ROW && a != SQLITE_DONE) || (b != SQLITE_ROW && b != SQLITE_DONE)) {
            return store_file_fail(db, b);
        }
        bool same = a == b;
        for (int i = 0; same && a == SQLITE_ROW && i < sqlite3_column_count(ours); i++) {
            same = span_eq(store_column_span(ours, i), store_column_span(theirs, i));
        }
        if (!same) {
            return store_db_fail(db, CB_ECORRUPT, "the schema of the database was changed");
        }
        if (a == SQLITE_DONE) {
            return 0;
        }
    }
}

/* A missing trigger or an added one is as bad as a damaged page, so the schema has to be, word for word, what the migrations make
 * in memory. What ANALYZE leaves may stay. */
static int store_check_schema(struct store_db *db, int64_t version)
{
    static const char sql[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
                              " WHERE name NOT GLOB 'sqlite_stat[0-9]' ORDER BY type, name";
    sqlite3 *memory = NULL;
    sqlite3_stmt *ours = NULL;
    sqlite3_stmt *theirs = NULL;
    int r = sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    for (size_t i = 0; r == SQLITE_OK && i < (size_t)version; i++) {
        r = sqlite3_exec(memory, (const char *)embed_store[i].data, NULL, NULL, NULL);
    }
    if (r == SQLITE_OK) {
        r = sqlite3_prepare_v2(memory, sql, -1, &ours, NULL);
    }
    int code;
    if (r != SQLITE_OK) {
        code = store_db_fail(db, store_code(memory, r), "the schema cannot be made: %s",
                             memory != NULL ? sqlite3_errmsg(memory) : "out of memory");
    } else if ((r = sqlite3_prepare_v2(db->sqlite, sql, -1, &theirs, NULL)) != SQLITE_OK) {
        code = store_file_fail(db, r);
    } else {
        code = store_compare_rows(db, ours, theirs);
    }
    (void)sqlite3_finalize(ours);
    (void)sqlite3_finalize(theirs);
    (void)sqlite3_close(memory);
    return code;
}

static int store_migrate(struct store_db *db, int64_t version)
{
    if ((uint64_t)version == embed_store_count) {
        return 0;
    }
    char sql[128];
    int r = store_exec(db, "BEGIN IMMEDIATE");
    for (size_t i = (size_t)version; r == 0 && i < embed_store_count; i++) {
        r = store_exec(db, (const char *)embed_store[i].data);
    }
    if (r == 0) {
        (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %zu",
                       STORE_APPLICATION_ID, embed_store_count);
        r = store_exec(db, sql);
    }
    if (r == 0) {
        r = store_exec(db, "COMMIT");
    }
    if (r != 0 && sqlite3_get_autocommit(db->sqlite) == 0) {
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return r;
}

/* Settings of the connection that touch nothing in the file. */
static int store_configure(struct store_db *db)
{
    sqlite3 *s = db->sqlite;
    if (sqlite3_db_config(s, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(s, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(s, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(s, SQLITE_DBCONFIG_DQS_DML, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(s, SQLITE_DBCONFIG_DQS_DDL, 0, NULL) != SQLITE_OK ||
        /* Until the file turns out to be ours, closing must not write into it. */
        sqlite3_db_config(s, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK) {
        return store_db_fail(db, CB_EDB, "this sqlite lacks a setting that is needed");
    }
    (void)sqlite3_limit(s, SQLITE_LIMIT_ATTACHED, 0);
    return store_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                          "PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
                          /* Else REPLACE deletes without asking the triggers that forbid it. */
                          "PRAGMA recursive_triggers = ON");
}

static int store_prepare(struct store_db *db)
{
    for (size_t i = 0; i < STORE_STMT__COUNT; i++) {
        int r =
            sqlite3_prepare_v3(db->sqlite, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[i], NULL);
        if (r != SQLITE_OK) {
            int code = store_code(db->sqlite, r);
            /* Our own SQL does not fit: then somebody changed the schema. */
            return store_db_fail(db, code == CB_EDB ? CB_ECORRUPT : code, "the schema is not ours: %s",
                                 sqlite3_errmsg(db->sqlite));
        }
    }
    return 0;
}

/* Paths stay as they are given. sqlite would make them absolute, and above the store's directory, which is its working
 * directory, the store's uid may not have a way. */
static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    int len = snprintf(out, (size_t)size, "%s", name);
    return len > 0 && len < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *store_vfs(void)
{
    static sqlite3_vfs vfs;
    if (vfs.zName == NULL) {
        const sqlite3_vfs *base = sqlite3_vfs_find(NULL);
        if (base == NULL) {
            return NULL;
        }
        vfs = *base;
        vfs.zName = "clawbox";
        vfs.pNext = NULL;
        vfs.xFullPathname = vfs_full_pathname;
        if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
            vfs.zName = NULL;
        }
    }
    return vfs.zName;
}

static int store_open_checked(struct store_db *db, const char *path)
{
    int r = sqlite3_open_v2(path, &db->sqlite,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                SQLITE_OPEN_EXRESCODE,
                            store_vfs());
    if (r != SQLITE_OK) {
        return store_db_fail(db, store_code(db->sqlite, r), "cannot open: %s",
                             db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : "out of memory");
    }
    int64_t version = 0;
    int code = store_configure(db);
    if (code == 0) {
        code = store_check_owner(db, &version);
    }
    if (code == 0) {
        code = store_query_expect(db, "PRAGMA quick_check(1)", "ok", "the database is damaged");
    }
    if (code == 0) {
        code = store_check_schema(db, version);
    }
    /* From here on the file is written to. */
    if (code == 0) {
        code = store_query_expect(db, "PRAGMA journal_mode = WAL", "wal", "the file cannot have a log");
    }
    if (code == 0) {
        code = store_migrate(db, version);
    }
    if (code == 0) {
        code = store_prepare(db);
    }
    if (code == 0) {
        (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }
    return code;
}

int store_db_open(const char *path, struct store_db **out, char *why, size_t why_size)
{
    struct store_db *db = calloc(1, sizeof(*db));
    if (db == NULL) {
        (void)snprintf(why, why_size, "%s", cb_strerror(CB_ENOMEM));
        return CB_ENOMEM;
    }
    int r = store_file_check(path, STORE_APPLICATION_ID, db->why, sizeof(db->why));
    if (r == 0) {
        r = store_open_checked(db, path);
    }
    if (r == CB_EBUSY) {
        (void)store_db_fail(db, r, "another process has the database open");
    }
    if (r != 0) {
        (void)snprintf(why, why_size, "%s: %s", path, db->why);
        store_db_free(db);
        return r;
    }
    *out = db;
    return 0;
}

void store_db_free(struct store_db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_STMT__COUNT; i++) {
        (void)sqlite3_finalize(db->stmts[i]);
    }
    (void)sqlite3_close(db->sqlite);
    free(db);
}

/* ---- transactions ---- */

bool store_db_in_transaction(const struct store_db *db)
{
    return sqlite3_get_autocommit(db->sqlite) == 0;
}

int store_db_begin(struct store_db *db)
{
    if (store_db_in_transaction(db)) {
        return store_db_fail(db, CB_ESTATE, "a transaction is open");
    }
    db->appended = false;
    return store_stmt_run(db, store_stmt(db, STORE_STMT_BEGIN));
}

int store_db_commit(struct store_db *db)
{
    if (!store_db_in_transaction(db)) {
        return store_db_fail(db, CB_ESTATE, "no transaction is open");
    }
    int r = store_stmt_run(db, store_stmt(db, STORE_STMT_COMMIT));
    if (r != 0) {
        store_db_rollback(db);
    }
    return r;
}

void store_db_rollback(struct store_db *db)
{
    /* After some failures (no space, for one) sqlite has rolled back itself. */
    if (store_db_in_transaction(db)) {
        sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_ROLLBACK);
        (void)sqlite3_step(stmt);
        store_stmt_done(stmt);
    }
}

/* ---- statements ---- */

sqlite3_stmt *store_stmt(struct store_db *db, enum store_stmt which)
{
    store_stmt_done(db->stmts[which]);
    return db->stmts[which];
}

void store_stmt_done(sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
}

int store_stmt_step(struct store_db *db, sqlite3_stmt *stmt)
{
    int r = sqlite3_step(stmt);
    if (r == SQLITE_ROW) {
        return 1;
    }
    return r == SQLITE_DONE ? 0 : store_sqlite_fail(db, r);
}

int store_stmt_run(struct store_db *db, sqlite3_stmt *stmt)
{
    int r = store_stmt_step(db, stmt);
    store_stmt_done(stmt);
    return r > 0 ? CB_EINTERNAL : r;
}

void store_bind_u64(sqlite3_stmt *stmt, int index, uint64_t value)
{
    if (value <= INT64_MAX) {
        (void)sqlite3_bind_int64(stmt, index, (int64_t)value);
    }
}

void store_bind_text(sqlite3_stmt *stmt, int index, struct span value)
{
    (void)sqlite3_bind_text64(stmt, index, value.len > 0 ? (const char *)value.ptr : "", value.len,
                              SQLITE_STATIC, SQLITE_UTF8);
}

void store_bind_blob(sqlite3_stmt *stmt, int index, struct span value)
{
    (void)sqlite3_bind_blob64(stmt, index, value.len > 0 ? (const void *)value.ptr : "", value.len,
                              SQLITE_STATIC);
}

uint64_t store_column_u64(sqlite3_stmt *stmt, int index)
{
    int64_t value = sqlite3_column_int64(stmt, index);
    return value > 0 ? (uint64_t)value : 0;
}

struct span store_column_span(sqlite3_stmt *stmt, int index)
{
    const void *ptr = sqlite3_column_blob(stmt, index);
    int len = sqlite3_column_bytes(stmt, index);
    return ptr != NULL && len > 0 ? span_of(ptr, (size_t)len) : SPAN_EMPTY;
}

/* ---- meta ---- */

int store_meta_get(struct store_db *db, struct span name, struct buf *out)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_META_GET);
    store_bind_text(stmt, 1, name);
    int r = store_stmt_step(db, stmt);
    if (r == 1) {
        r = buf_append_span(out, store_column_span(stmt, 0));
    } else if (r == 0) {
        r = CB_ENOTFOUND;
    }
    store_stmt_done(stmt);
    return r;
}

int store_meta_add(struct store_db *db, struct span name, struct span value)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_META_ADD);
    store_bind_text(stmt, 1, name);
    store_bind_blob(stmt, 2, value);
    int r = store_stmt_run(db, stmt);
    return r == CB_ECONFLICT && sqlite3_extended_errcode(db->sqlite) == SQLITE_CONSTRAINT_PRIMARYKEY
               ? CB_EEXIST
               : r;
}

int store_meta_put(struct store_db *db, struct span name, struct span value)
{
    sqlite3_stmt *stmt = store_stmt(db, STORE_STMT_META_PUT);
    store_bind_text(stmt, 1, name);
    store_bind_blob(stmt, 2, value);
    return store_stmt_run(db, stmt);
}

const char *store_sqlite_version(void)
{
    return sqlite3_libversion();
}

/*
 * db.h - the database file: opening it without ever harming it, its statements, its transactions.
 *
 * One process has the file, for as long as it is open (WAL without shared memory). What was committed survives kill -9 and a
 * loss of power (synchronous=FULL). Nothing here knows about other roles: tenants.h, credentials.h and audit.h have the
 * functions, client.h the messages.
 */
#ifndef CB_STORE_DB_H
#define CB_STORE_DB_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/stmts.h"
#include "tls/seal.h"

#define STORE_APPLICATION_ID 0x434c4258 /* "CLBX" */
#define STORE_WHY_MAX        512

struct store_db {
    sqlite3 *sqlite;
    sqlite3_stmt *stmts[STORE_STMT__COUNT];
    char why[STORE_WHY_MAX]; /* for people: what the last failure was about */
    /* The last record that the open transaction has appended, for audit.c; of no meaning when it has appended none. */
    bool appended;
    uint64_t last_seq;
    uint8_t last_hash[DIGEST_LEN];
};

/*
 * Opens the file, makes it (mode 0600) when it is not there or empty, and brings it to the newest schema in one transaction.
 *
 * A file that is not ours, shorter than it says, damaged, with another schema than our migrations make, or with a log
 * that cannot be read is left as it is: CB_ECORRUPT. One of a newer clawbox: CB_EUNSUPPORTED. Held by another process:
 * CB_EBUSY; a process opens a file once (file.h says why). `why` then has a text for people. The whole file is checked
 * (quick_check), which takes time in proportion to its size; it finds a damaged structure, not every changed value.
 */
CB_MUST_USE int store_db_open(const char *path, struct store_db **out, char *why, size_t why_size);
/* Rolls back what is open, writes the log back into the file and closes. NULL is fine. */
void store_db_free(struct store_db *db);

/* A transaction. begin: CB_ESTATE inside another one. commit: CB_EFULL and others, and then nothing of it has happened.
 * rollback: harmless when nothing is open. */
CB_MUST_USE int store_db_begin(struct store_db *db);
CB_MUST_USE int store_db_commit(struct store_db *db);
void store_db_rollback(struct store_db *db);
bool store_db_in_transaction(const struct store_db *db);

/* The text for the last failure; never NULL. */
const char *store_db_why(const struct store_db *db);
/* Keeps a text of our own and returns `code`. */
int store_db_fail(struct store_db *db, int code, const char *fmt, ...) CB_PRINTF(3, 4);

/*
 * Running a statement: take it (reset, nothing bound), bind, then step. store_stmt_step() gives 1 for a row, 0 at the end, or an
 * error. Spans of columns live until the statement is stepped or finished. A statement is finished (reset) by
 * store_stmt_done(), which every path must reach: an open one would hold its transaction open.
 */
sqlite3_stmt *store_stmt(struct store_db *db, enum store_stmt which);
void store_stmt_done(sqlite3_stmt *stmt);
CB_MUST_USE int store_stmt_step(struct store_db *db, sqlite3_stmt *stmt);
/* Runs one that gives no row to the end and finishes it. */
CB_MUST_USE int store_stmt_run(struct store_db *db, sqlite3_stmt *stmt);
/* Binding; `index` counts from 1. The bytes must live until the statement is done. A number above INT64_MAX, or no memory, makes
 * the value NULL, which the schema refuses. */
void store_bind_u64(sqlite3_stmt *stmt, int index, uint64_t value);
void store_bind_text(sqlite3_stmt *stmt, int index, struct span value);
void store_bind_blob(sqlite3_stmt *stmt, int index, struct span value);
/* Columns; `index` counts from 0. A negative number cannot be there (CHECKs) and reads as 0. */
uint64_t store_column_u64(sqlite3_stmt *stmt, int index);
struct span store_column_span(sqlite3_stmt *stmt, int index);

#define STORE_META_VAULT_KEY   SPAN_LIT("vault_key")
#define STORE_META_VAULT_KDF   SPAN_LIT("vault_kdf")
#define STORE_META_DATABASE_ID SPAN_LIT("database_id")

/* One value per name. get: appends; CB_ENOTFOUND. add: CB_EEXIST when there is one; never replaces. put: replaces. */
CB_MUST_USE int store_meta_get(struct store_db *db, struct span name, struct buf *out);
CB_MUST_USE int store_meta_add(struct store_db *db, struct span name, struct span value);
CB_MUST_USE int store_meta_put(struct store_db *db, struct span name, struct span value);

#endif

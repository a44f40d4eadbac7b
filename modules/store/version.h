/*
 * version.h - which SQLite is inside, for those who may not see its header.
 */
#ifndef CB_STORE_VERSION_H
#define CB_STORE_VERSION_H

/* Library version for `clawbox version`. */
const char *store_sqlite_version(void);

#endif

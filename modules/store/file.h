/*
 * file.h - a look at the database file before sqlite gets it, because sqlite repairs, and a repair of a file that is not
 * ours or was cut short destroys what could still be saved.
 */
#ifndef CB_STORE_FILE_H
#define CB_STORE_FILE_H

#include "base/err.h"
#include "base/span.h"

/*
 * Makes the file (mode 0600, empty) when it is not there; an empty one gets that mode. Otherwise it has to be a regular file
 * with the header of a database of this application, and as long as the header says. A write-ahead log beside it must
 * have a good header, and there must be no rollback journal. CB_ECORRUPT or another code or a negative errno, with a text in
 * `why`; nothing is changed then.
 *
 * Not for a file that this process has open as a database: closing a descriptor drops the locks of the whole process.
 */
CB_MUST_USE int store_file_check(const char *path, uint32_t application_id, char *why, size_t why_size);

#endif

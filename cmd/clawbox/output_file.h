/* output_file.h - a file that is there whole or not at all. */
#ifndef CB_CLAWBOX_OUTPUT_FILE_H
#define CB_CLAWBOX_OUTPUT_FILE_H

#include "cmd.h"

#include <sys/types.h>

/*
 * Writes a file of that mode under another name in the same folder, and renames it when it is complete and on disk. Who reads
 * `file` (in `folder`, without '/') sees what was there before or what is there now. 0 or a negative errno; then
 * nothing has changed.
 */
CB_MUST_USE int output_file_replace(int folder, const char *file, struct span content, mode_t mode);
/* The same for a path; -EISDIR when it names a folder, and -ENAMETOOLONG. */
CB_MUST_USE int output_file_write(const char *path, struct span content, mode_t mode);

#endif

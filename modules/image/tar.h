/*
 * tar.h - the few entries that an image needs, as a tar archive (POSIX ustar, IEEE 1003.1-1988): folders and files with names that fit the
 * header. The same entries give the same bytes: times and owners are the caller's.
 */
#ifndef CB_IMAGE_TAR_H
#define CB_IMAGE_TAR_H

#include "base/buf.h"

#define TAR_NAME_MAX 100
#define TAR_BLOCK    512

struct tar_entry {
    const char *name; /* without a leading slash; of a folder with a slash at its end */
    unsigned mode;    /* permissions */
    unsigned uid;
    unsigned gid;
    uint64_t mtime_s;
    struct span content; /* of a file */
};

/* Appends one entry. CB_EINVAL for a name that is empty, absolute or too long, and for numbers that have no room. */
CB_MUST_USE int tar_add(struct buf *out, const struct tar_entry *entry);
/* Appends the end of the archive. */
CB_MUST_USE int tar_end(struct buf *out);

#endif

/*
 * file.c - the header of a database file and of its write-ahead log (https://sqlite.org/fileformat2.html, sections 1.3
 * and 4.1).
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/reader.h"

#define HEADER_LEN     100
#define LOG_HEADER_LEN 32
#define LOG_MAGIC      0x377f0682 /* its last bit: whether the checksums read words with the high byte first */

static uint32_t header_u32(const uint8_t *header, size_t at)
{
    struct reader r = reader_of(span_of(header + at, 4));
    return reader_u32(&r);
}

static int refuse(int code, const char *text, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "%s", text);
    return code;
}

/* The path of what sqlite keeps beside the file. False when it is too long, and then sqlite refuses it as well. */
static bool path_beside(const char *path, const char *end, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s%s", path, end);
    return len > 0 && len < PATH_MAX;
}

/* Whether something is in it. */
static bool store_beside_exists(const char *path, const char *end)
{
    char beside[PATH_MAX];
    struct stat st;
    return path_beside(path, end, beside) && stat(beside, &st) == 0 && st.st_size > 0;
}

static bool log_header_valid(const uint8_t *header)
{
    uint32_t magic = header_u32(header, 0);
    uint32_t sum[2] = {0, 0};
    for (size_t at = 0; at < 24; at += 8) {
        uint32_t words[2] = {header_u32(header, at), header_u32(header, at + 4)};
        if (magic == LOG_MAGIC) {
            words[0] = __builtin_bswap32(words[0]);
            words[1] = __builtin_bswap32(words[1]);
        }
        sum[0] += words[0] + sum[1];
        sum[1] += words[1] + sum[0];
    }
    return (magic | 1) == (LOG_MAGIC | 1) && sum[0] == header_u32(header, 24) &&
           sum[1] == header_u32(header, 28);
}

/*
 * sqlite takes a log with a damaged header for an empty one and writes over it, together with all that was committed since
 * the file was written last. A header that a power cut left unfinished has nothing behind it, because it is synchronised before
 * the first frame is written.
 */
static int store_log_check(const char *path, char *why, size_t why_size)
{
    char log[PATH_MAX];
    uint8_t header[LOG_HEADER_LEN];
    struct stat st;
    int r = 0;
    if (!path_beside(path, "-wal", log)) {
        return 0;
    }
    int fd = open(log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        r = errno == ENOENT ? 0 : -errno;
        (void)refuse(r, "the database's log cannot be opened", why, why_size);
    } else if (st.st_size > LOG_HEADER_LEN &&
               (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
                !log_header_valid(header))) {
        r = refuse(CB_ECORRUPT, "the database's log is damaged: its header is not valid", why, why_size);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

static int store_header_check(const uint8_t *header, uint64_t file_size, bool has_log, bool has_journal,
                              uint32_t application_id, char *why, size_t why_size)
{
    if (memcmp(header, "SQLite format 3", 16) != 0) {
        return refuse(CB_ECORRUPT, "the file is not a database", why, why_size);
    }
    uint32_t page_size = (uint32_t)header[16] << 8 | header[17];
    page_size = page_size == 1 ? 65536 : page_size;
    if (page_size < 512 || (page_size & (page_size - 1)) != 0) {
        return refuse(CB_ECORRUPT, "the header of the database is damaged", why, why_size);
    }
    /* A process that died while it made the file leaves one page that nobody has signed yet. With a log there may be more of
     * them, if the power went while the log was written back for the first time; then db.c asks again. */
    uint32_t application = header_u32(header, 68);
    bool unsigned_yet =
        application == 0 && header_u32(header, 60) == 0 && (has_log || file_size <= page_size);
    if (application != application_id && !unsigned_yet) {
        return refuse(CB_ECORRUPT, "the file is a database of some other program", why, why_size);
    }
    /* Once the file is signed we never write one; sqlite would play it back over whatever is there. */
    if (has_journal && !unsigned_yet) {
        return refuse(CB_ECORRUPT, "a rollback journal lies beside the database, and it is not ours", why,
                      why_size);
    }
    /* With a log the file may rightly be short, even by a part of a page when a disk was full: the log has the rest. */
    bool count_valid = header_u32(header, 24) == header_u32(header, 92);
    if (!has_log && (file_size % page_size != 0 ||
                     (count_valid && file_size < (uint64_t)header_u32(header, 28) * page_size))) {
        return refuse(CB_ECORRUPT, "the database is truncated: the file is shorter than its header says", why,
                      why_size);
    }
    return 0;
}

/* Opens the file, or makes it when nothing says that there was one. Not blocking: a fifo must not hold us up. */
static int store_file_open(const char *path, bool has_log, int *fd, char *why, size_t why_size)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    *fd = open(path, flags);
    if (*fd < 0 && errno == ENOENT) {
        if (has_log) {
            return refuse(CB_ECORRUPT, "the database is gone, but its log is there", why, why_size);
        }
        *fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    }
    return *fd >= 0 ? 0 : refuse(-errno, cb_strerror(-errno), why, why_size);
}

int store_file_check(const char *path, uint32_t application_id, char *why, size_t why_size)
{
    uint8_t header[HEADER_LEN];
    struct stat st;
    int fd = -1;
    bool has_log = store_beside_exists(path, "-wal");
    int r = store_file_open(path, has_log, &fd, why, why_size);
    if (r != 0) {
        goto out;
    }
    if (fstat(fd, &st) != 0) {
        r = refuse(-errno, cb_strerror(-errno), why, why_size);
    } else if (!S_ISREG(st.st_mode)) {
        r = refuse(CB_EINVAL, "not a regular file", why, why_size);
    } else if (st.st_size == 0 && has_log) {
        /* sqlite would delete that log, and with it the last that is left. */
        r = refuse(CB_ECORRUPT, "the database is truncated: the file is empty, but has a log", why, why_size);
    } else if (st.st_size == 0) {
        r = fchmod(fd, 0600) == 0 ? 0 : refuse(-errno, cb_strerror(-errno), why, why_size);
    } else if (st.st_size < HEADER_LEN) {
        r = refuse(CB_ECORRUPT, "the file is not a database, or is truncated", why, why_size);
    } else if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        r = refuse(CB_EDB, "cannot read the header of the database", why, why_size);
    } else {
        r = store_header_check(header, (uint64_t)st.st_size, has_log, store_beside_exists(path, "-journal"),
                               application_id, why, why_size);
    }
    if (r == 0) {
        r = store_log_check(path, why, why_size);
    }
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

/* output_file.c - writing to another name first, then renaming. */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        content = span_sub(content, n > 0 ? (size_t)n : 0, content.len);
    }
    return 0;
}

int output_file_replace(int folder, const char *file, struct span content, mode_t mode)
{
    char name[NAME_MAX + 1];
    int len = snprintf(name, sizeof(name), "%s.%ld", file, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(name)) {
        return -ENAMETOOLONG;
    }
    /* One of ours that a crash left behind; O_EXCL below takes nobody else's. */
    (void)unlinkat(folder, name, 0);
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return -errno;
    }
    int r = write_all(fd, content);
    r = r == 0 && fchmod(fd, mode) != 0 ? -errno : r; /* the umask may have taken something away */
    r = r == 0 && fsync(fd) != 0 ? -errno : r;
    if (close(fd) != 0 && r == 0) {
        r = -errno;
    }
    r = r == 0 && renameat(folder, name, folder, file) != 0 ? -errno : r;
    if (r != 0) {
        (void)unlinkat(folder, name, 0);
    }
    return r;
}

int output_file_write(const char *path, struct span content, mode_t mode)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (file[0] == '\0' || strcmp(file, ".") == 0 || strcmp(file, "..") == 0) {
        return -EISDIR;
    }
    if (len >= sizeof(folder)) {
        return -ENAMETOOLONG;
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)len, path);
    const char *where = slash == NULL ? "." : len == 0 ? "/" : folder;
    int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = output_file_replace(fd, file, content, mode);
    (void)close(fd);
    return r;
}

/* provision_diff.c - what would change, shown by diff(1), as kubectl diff does it. */
#include "provision.h"

#include <errno.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LABEL_MAX (PROVISION_PATH_MAX + 16)

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

/* A file in memory, which the child reads as /dev/fd/N. The descriptor, or -1 with errno. */
static int in_memory(struct span content)
{
    int fd = memfd_create("clawbox", 0);
    int r = fd >= 0 ? write_all(fd, content) : -errno;
    if (r != 0 && fd >= 0) {
        (void)close(fd);
        errno = -r;
        fd = -1;
    }
    return fd;
}

/* The name of one side. */
static void label(char out[LABEL_MAX], bool there, const char *side, const char *path)
{
    (void)snprintf(out, LABEL_MAX, "%s%s", there ? side : "/dev/null", there ? path : "");
}

static int run_diff(const struct provision_file *file, int now, int next)
{
    char program[] = "diff";
    char unified[] = "-u";
    char labelled[] = "--label";
    char now_path[32];
    char next_path[32];
    char now_label[LABEL_MAX];
    char next_label[LABEL_MAX];
    (void)snprintf(now_path, sizeof(now_path), "/dev/fd/%d", now);
    (void)snprintf(next_path, sizeof(next_path), "/dev/fd/%d", next);
    label(now_label, file->change != PROVISION_NEW, "a/", file->path);
    label(next_label, file->change != PROVISION_GONE, "b/", file->path);
    char *arguments[] = {program,    unified,  labelled,  now_label, labelled,
                         next_label, now_path, next_path, NULL};
    pid_t pid;
    int status = 0;
    int r = -posix_spawnp(&pid, "diff", NULL, NULL, arguments, environ);
    if (r != 0) {
        return r;
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? 0 : CB_EINTERNAL;
}

static int diff_one(const struct provision_file *file)
{
    int now = in_memory(buf_span(&file->now));
    int next = now >= 0 ? in_memory(buf_span(&file->next)) : -1;
    int r = next >= 0 ? run_diff(file, now, next) : -errno;
    if (now >= 0) {
        (void)close(now);
    }
    if (next >= 0) {
        (void)close(next);
    }
    return r;
}

int provision_files_diff(const struct provision_files *files)
{
    (void)fflush(stdout); /* the child writes there too */
    for (size_t i = 0; i < files->count; i++) {
        int r = files->items[i].change != PROVISION_SAME ? diff_one(&files->items[i]) : 0;
        if (r == -ENOENT) {
            return cmd_fail("the program diff is not here, which --diff shows differences with");
        }
        if (r != 0) {
            return cmd_fail_r(r, "diff of %s failed", files->items[i].path);
        }
    }
    return CMD_GO;
}

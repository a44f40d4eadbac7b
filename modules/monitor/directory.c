/* directory.c - the state directory. Whatever is not as it must be is said and left as it is. */
#include "monitor/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_path(const struct monitor *m, const char *name, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", m->options->state_dir, name);
    return len > 0 && len < PATH_MAX ? 0 : CB_ELIMIT;
}

/* Owned by us, and written by nobody else: or somebody else decides what we run with. */
static int check_owner(const char *path, const struct stat *st, uid_t owner, mode_t forbidden)
{
    if (st->st_uid != owner) {
        log_error("%s belongs to uid %u, but must belong to uid %u: `chown %u %s`", path, st->st_uid, owner,
                  owner, path);
        return CB_EPERM;
    }
    if ((st->st_mode & forbidden) != 0) {
        log_error("%s has mode %04o, which lets others in: `chmod %s %s`", path,
                  (unsigned)(st->st_mode & 07777), (forbidden & 055) != 0 ? "go-rwx" : "go-w", path);
        return CB_EPERM;
    }
    return 0;
}

static int prepare_one(const char *path, mode_t mode, uid_t owner, mode_t forbidden)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        if (chmod(path, mode) != 0 || (owner != geteuid() && chown(path, owner, owner) != 0)) {
            int r = -errno;
            log_error_r(r, "%s cannot be given to uid %u", path, owner);
            return r;
        }
        return 0;
    }
    int r = errno == EEXIST ? 0 : -errno;
    if (r == 0 && lstat(path, &st) != 0) {
        r = -errno;
    }
    if (r != 0) {
        log_error_r(r, "the directory %s cannot be made", path);
        return r;
    }
    if (!S_ISDIR(st.st_mode)) {
        log_error("%s is not a directory", path);
        return CB_EINVAL;
    }
    return check_owner(path, &st, owner, forbidden);
}

static int take_lock(struct monitor *m)
{
    char path[PATH_MAX];
    int r = make_path(m, "lock", path);
    if (r != 0) {
        return r;
    }
    m->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->lock_fd < 0) {
        r = -errno;
        log_error_r(r, "%s", path);
        return r;
    }
    char pid[32] = "";
    if (flock(m->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t len = read(m->lock_fd, pid, sizeof(pid) - 1);
        log_error(
            "another `clawbox serve` (pid %.*s) uses %s: stop it, or give this one a --state of its own",
            len > 0 ? (int)strcspn(pid, "\n") : 1, len > 0 ? pid : "?", m->options->state_dir);
        return CB_EBUSY;
    }
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(m->lock_fd, 0) != 0 || write(m->lock_fd, pid, (size_t)len) != len) {
        r = -errno;
        log_error_r(r, "%s", path);
    }
    return r;
}

/* The root of roles without files, where there are no mount namespaces. Nobody but us could put something there. */
static int prepare_empty(struct monitor *m)
{
    char path[PATH_MAX];
    int r = make_path(m, "empty", path);
    if (r != 0 || (r = prepare_one(path, 0555, geteuid(), 0222)) != 0) {
        return r;
    }
    m->empty_fd = open(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
    if (m->empty_fd < 0) {
        r = -errno;
        log_error_r(r, "%s", path);
    }
    return r;
}

int directory_prepare(struct monitor *m)
{
    char store[PATH_MAX];
    char run[PATH_MAX];
    int r;
    if ((r = make_path(m, "store", store)) != 0 || (r = make_path(m, "run", run)) != 0) {
        return r;
    }
    /* Roles with uids of their own must get through, but not see what is in it. */
    uid_t store_uid = geteuid();
    for (size_t i = 0; m->has_uids && i < m->options->role_count; i++) {
        if (m->options->roles[i].profile->root == PRIV_ROOT_DIRECTORY) {
            store_uid = m->options->uid_base + m->options->roles[i].uid_offset;
        }
    }
    if ((r = prepare_one(m->options->state_dir, m->is_root ? 0711 : 0700, geteuid(), 022)) != 0 ||
        (r = take_lock(m)) != 0 || (r = prepare_one(store, 0700, store_uid, 077)) != 0 ||
        (r = prepare_one(run, 0711, geteuid(), 022)) != 0) {
        return r;
    }
    m->store_dir_fd = open(store, O_DIRECTORY | O_PATH | O_CLOEXEC);
    if (m->store_dir_fd < 0) {
        r = -errno;
        log_error_r(r, "%s", store);
        return r;
    }
    r = m->cage.by_chroot ? prepare_empty(m) : 0;
    return r == 0 ? keys_prepare(m) : r;
}

/*
 * keys.c - where the vault's master key comes from, and its successor's: files and descriptors that are checked and handed over,
 * never read.
 *
 * A rekey of the state directory's own key goes in this order, so that it may be cut off anywhere: the new key is written
 * beside the old one (master.key.new, durable under its name), the store commits all boxes together with the new public
 * key, and the new file takes the old one's name. When the server starts and both files are there, the vault says which of
 * the two the database is sealed for, and the other one goes.
 */
#include "base/encode.h"
#include "base/secret.h"
#include "monitor/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASTER_KEY_LEN 32
#define STORE_DATABASE "clawbox.db"
#define KEY_FILE       "master.key"
#define KEY_FILE_NEW   "master.key.new"
#define KEY_FILE_PART  "master.key.part"

static int own_path(const struct monitor *m, const char *name, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", m->options->state_dir, name);
    return len > 0 && len < PATH_MAX ? 0 : CB_ELIMIT;
}

static bool is_own(const struct monitor_key *key)
{
    return key->path == NULL && key->fd < 0;
}

/* ---- opening ---- */

/* The state directory's own key: a file of ours that nobody else may read. */
static int check_own(const char *path, const struct stat *st)
{
    if (st->st_uid != geteuid()) {
        log_error("%s belongs to uid %u, but must belong to uid %u: `chown %u %s`", path, st->st_uid,
                  geteuid(), geteuid(), path);
        return CB_EPERM;
    }
    if ((st->st_mode & 077) != 0) {
        log_error("%s has mode %04o, which lets others in: `chmod go-rwx %s`", path,
                  (unsigned)(st->st_mode & 07777), path);
        return CB_EPERM;
    }
    return 0;
}

/*
 * One that somebody named. It may be a link, and another user's who is root: a mounted Kubernetes Secret is a link to a
 * file of root's, and with fsGroup the only way for a process that is not root to read it is its group (0440); systemd's
 * credentials are 0400 or 0440. So a group may read it. Nobody else may, and nobody but the owner may write it.
 */
static int check_given(const char *path, const struct stat *st)
{
    if (st->st_uid != geteuid() && st->st_uid != 0) {
        log_error("%s belongs to uid %u: it must belong to uid %u or to root", path, st->st_uid, geteuid());
        return CB_EPERM;
    }
    if ((st->st_mode & 037) != 0) {
        log_error(
            "%s has mode %04o: others may not have it, and its group may read it at most: `chmod 0400 %s`, "
            "or 0440 (defaultMode: 0400 in Kubernetes)",
            path, (unsigned)(st->st_mode & 07777), path);
        return CB_EPERM;
    }
    return 0;
}

/* Looked at through the descriptor, so that it is the same file. A fifo would wait for a writer without O_NONBLOCK. */
static int open_checked(const char *path, bool own)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (own ? O_NOFOLLOW : 0));
    int r = fd >= 0 ? 0 : -errno;
    struct stat st;
    if (r == -ELOOP && own) {
        log_error("the master key %s is not a regular file", path);
        return CB_EINVAL;
    }
    if (r == 0 && fstat(fd, &st) != 0) {
        r = -errno;
    }
    if (r != 0) {
        log_error_r(r, "%s", path);
    } else if (!S_ISREG(st.st_mode)) {
        log_error("the master key %s is not a regular file", path);
        r = CB_EINVAL;
    } else {
        r = own ? check_own(path, &st) : check_given(path, &st);
    }
    if (r != 0 && fd >= 0) {
        (void)close(fd);
    }
    return r != 0 ? r : fd;
}

static int open_key(const struct monitor *m, const struct monitor_key *key, const char *own_name)
{
    char path[PATH_MAX];
    if (key->fd >= 0) {
        int copy = fcntl(key->fd, F_DUPFD_CLOEXEC, 3);
        return copy >= 0 ? copy : -errno;
    }
    if (key->path != NULL) {
        return open_checked(key->path, false);
    }
    int r = own_path(m, own_name, path);
    return r != 0 ? r : open_checked(path, true);
}

static bool own_exists(const struct monitor *m, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    return own_path(m, name, path) == 0 && lstat(path, &st) == 0;
}

/* ---- making, moving ---- */

static int sync_directory(const struct monitor *m)
{
    int fd = open(m->options->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

static int write_random_key(const char *path)
{
    uint8_t key[MASTER_KEY_LEN];
    char text[2 * MASTER_KEY_LEN + 2];
    secret_random(key, sizeof(key));
    encode_hex(key, sizeof(key), text);
    text[2 * MASTER_KEY_LEN] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd >= 0 ? 0 : -errno;
    if (r == 0 && (write(fd, text, 2 * MASTER_KEY_LEN + 1) != 2 * MASTER_KEY_LEN + 1 || fsync(fd) != 0)) {
        r = errno != 0 ? -errno : CB_EFULL;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    secret_wipe(key, sizeof(key));
    secret_wipe(text, sizeof(text));
    return r;
}

/* Made here because the vault has no files, and forgotten at once. Under its name it is whole and durable, or not there. */
static int make_own(const struct monitor *m, const char *name)
{
    char part[PATH_MAX];
    char path[PATH_MAX];
    int r;
    if ((r = own_path(m, KEY_FILE_PART, part)) != 0 || (r = own_path(m, name, path)) != 0) {
        return r;
    }
    if ((r = write_random_key(part)) == 0) {
        r = rename(part, path) == 0 ? sync_directory(m) : -errno;
    }
    if (r != 0) {
        log_error_r(r, "the master key %s cannot be made", path);
        (void)unlink(part);
    }
    return r;
}

/* ---- before the start ---- */

static int check_opens(const struct monitor *m, const struct monitor_key *key, const char *own_name)
{
    int fd = open_key(m, key, own_name);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd < 0 ? fd : 0;
}

static int prepare_current(const struct monitor *m)
{
    const struct monitor_key *key = &m->options->key;
    if (!is_own(key) || own_exists(m, KEY_FILE)) {
        return check_opens(m, key, KEY_FILE);
    }
    if (faccessat(m->store_dir_fd, STORE_DATABASE, F_OK, 0) == 0) {
        log_error(
            "the master key %s/%s is missing, and without it the credentials in this database cannot be opened: "
            "put it back, or name it (--master-key-file, --passphrase-file)",
            m->options->state_dir, KEY_FILE);
        return CB_ENOTFOUND;
    }
    return make_own(m, KEY_FILE);
}

static int prepare_next(const struct monitor *m)
{
    const struct monitor_key *next = &m->options->next_key;
    if (!is_own(next)) {
        return check_opens(m, next, NULL);
    }
    if (!is_own(&m->options->key) && own_exists(m, KEY_FILE)) {
        log_error(
            "%s/%s is there but not in use, and the new key would take its place: move it away, or name a file for "
            "the new key (--new-master-key-file)",
            m->options->state_dir, KEY_FILE);
        return CB_EEXIST;
    }
    /* One that is there is of a rekey that was cut off: it is gone on with. */
    return own_exists(m, KEY_FILE_NEW) ? check_opens(m, next, KEY_FILE_NEW) : make_own(m, KEY_FILE_NEW);
}

/* Half a key, of a start or a rekey that was cut off: nothing was ever sealed for it. */
static int clear_part(const struct monitor *m)
{
    char part[PATH_MAX];
    int r = own_path(m, KEY_FILE_PART, part);
    return r != 0 || unlink(part) == 0 || errno == ENOENT ? r : -errno;
}

int keys_prepare(struct monitor *m)
{
    int r = clear_part(m);
    if (r != 0) {
        log_error_r(r, "%s/" KEY_FILE_PART, m->options->state_dir);
        return r;
    }
    if (m->options->rekey && faccessat(m->store_dir_fd, STORE_DATABASE, F_OK, 0) != 0) {
        log_error("there is no database in %s: nothing is sealed here", m->options->state_dir);
        return CB_ENOTFOUND;
    }
    r = prepare_current(m);
    return r == 0 && m->options->rekey ? prepare_next(m) : r;
}

/* ---- handing over ---- */

static int send_key(struct process *p, const struct monitor_key *key, const char *own_name, bool next)
{
    enum ipc_file_kind what = key->passphrase ? next ? IPC_FILE_PASSPHRASE_NEXT : IPC_FILE_PASSPHRASE
                              : next          ? IPC_FILE_MASTER_KEY_NEXT
                                              : IPC_FILE_MASTER_KEY;
    int fd = open_key(p->monitor, key, own_name);
    return fd < 0 ? fd : ipc_send_file(p->life, 0, &(struct ipc_file){.what = (uint8_t)what}, fd);
}

int keys_hand_over(struct process *p)
{
    const struct monitor *m = p->monitor;
    const struct monitor_options *o = m->options;
    int r = send_key(p, &o->key, KEY_FILE, false);
    if (r == 0 && o->rekey) {
        r = send_key(p, &o->next_key, KEY_FILE_NEW, true);
    } else if (r == 0 && is_own(&o->key) && own_exists(m, KEY_FILE_NEW)) {
        r = send_key(p, &o->key, KEY_FILE_NEW, true);
    }
    return r;
}

/* ---- which one it was ---- */

static int take_the_name(const struct monitor *m)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    int r;
    if ((r = own_path(m, KEY_FILE_NEW, from)) != 0 || (r = own_path(m, KEY_FILE, to)) != 0) {
        return r;
    }
    return rename(from, to) == 0 ? sync_directory(m) : -errno;
}

int keys_in_use(struct monitor *m, bool next, uint64_t rows)
{
    const struct monitor_options *o = m->options;
    char path[PATH_MAX];
    int r = 0;
    if (next && is_own(o->rekey ? &o->next_key : &o->key)) {
        r = take_the_name(m);
        if (r != 0) {
            log_error_r(
                r, "the credentials are sealed for %s/" KEY_FILE_NEW ", which cannot take the name " KEY_FILE,
                o->state_dir);
        } else if (!o->rekey) {
            log_info("the rekey that was cut off is finished: its new key is in " KEY_FILE);
        }
    } else if (!next && !o->rekey && is_own(&o->key) && own_exists(m, KEY_FILE_NEW)) {
        r = own_path(m, KEY_FILE_NEW, path);
        if (r == 0 && unlink(path) == 0) {
            log_info("a rekey was cut off before it changed anything: its new key is removed");
        }
    }
    m->rekeyed = next && r == 0;
    m->rekeyed_rows = rows;
    return r;
}

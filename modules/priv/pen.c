/*
 * pen.c - making the namespaces, from the inside, and executing the program in them.
 *
 *   the caller ── clone ──▶ first process of the pen ── fork ──▶ the program
 *               ◀─ outcome, listener ─┘  (waits, passes signals on, ends with the caller)
 *
 * The first process has every capability of its user namespace until all is mounted, and none when it starts the program. What it
 * mounted belongs to a namespace in which the program can unmount nothing.
 */
#include "priv/pen.h"

#include "priv/drop.h"
#include "priv/pen_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEN_BACKLOG      128
#define PEN_WRITABLE_MAX 32
#define PEN_NAMESPACES   (CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC)

/* A step and how it went, as it travels to the caller. */
struct outcome {
    int code; /* 0 or a negative errno */
    char step[96];
};

static int step(struct outcome *o, const char *name, long result)
{
    if (result >= 0) {
        return 0;
    }
    o->code = -errno;
    (void)snprintf(o->step, sizeof(o->step), "%s", name);
    return o->code;
}

static int step_at(struct outcome *o, const char *name, const char *path, long result)
{
    int r = step(o, name, result);
    if (r != 0) {
        (void)snprintf(o->step, sizeof(o->step), "%s %s", name, path);
    }
    return r;
}

/* ---- the user ---- */

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t put = fd >= 0 ? write(fd, text, strlen(text)) : -1;
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return put == (ssize_t)strlen(text) ? 0 : -1;
}

/* There is one user, with the same number as outside; asked for before the namespace existed, because in it nobody has a number yet. */
static int map_user(uid_t uid, gid_t gid, struct outcome *o)
{
    char users[64];
    char groups[64];
    (void)snprintf(users, sizeof(users), "%u %u 1\n", uid, uid);
    (void)snprintf(groups, sizeof(groups), "%u %u 1\n", gid, gid);
    int r = step(o, "/proc/self/setgroups", write_file("/proc/self/setgroups", "deny"));
    r = r == 0 ? step(o, "/proc/self/uid_map", write_file("/proc/self/uid_map", users)) : r;
    return r == 0 ? step(o, "/proc/self/gid_map", write_file("/proc/self/gid_map", groups)) : r;
}

/* ---- the network ---- */

static int make_listener(uint16_t port, struct outcome *o, int *out)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = step(o, "socket", fd);
    r = r == 0 ? step(o, "the loopback", ioctl(fd, SIOCSIFFLAGS, &lo)) : r;
    r = r == 0 ? step(o, "bind", bind(fd, (const struct sockaddr *)&at, sizeof(at))) : r;
    r = r == 0 ? step(o, "listen", listen(fd, PEN_BACKLOG)) : r;
    *out = fd;
    return r;
}

/* ---- files ---- */

static int restrict_tree(int tree, const char *path, unsigned flags, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};
    return mount_setattr(tree, path, flags, &attr, sizeof(attr));
}

/* An empty directory of its own at `path`. */
static int mount_empty(const char *path, const char *options, unsigned long flags, struct outcome *o)
{
    return step_at(o, "mount", path, mount("tmpfs", path, "tmpfs", flags | MS_NOSUID | MS_NODEV, options));
}

/* Makes the directories from `base` to `path`, which is below it. */
static int make_folders(const char *base, const char *path)
{
    char text[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof(text)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(text, path, len + 1);
    for (size_t i = strlen(base) + 1; i <= len; i++) {
        if (text[i] == '/' || text[i] == '\0') {
            text[i] = '\0';
            if (mkdir(text, 0755) != 0 && errno != EEXIST) {
                return -1;
            }
            text[i] = path[i];
        }
    }
    return 0;
}

static bool is_below(const char *path, const char *base)
{
    size_t len = strlen(base);
    return strncmp(path, base, len) == 0 && path[len] == '/';
}

/* A directory becomes empty, anything else an empty file. `shown` is a copy of the mount of pen->shown, or -1. */
static int hide(const struct priv_pen *pen, const char *path, int shown, struct outcome *o)
{
    struct stat st;
    bool shows = shown >= 0 && is_below(pen->shown, path);
    if (lstat(path, &st) != 0 && errno == ENOENT) {
        /* It lies below /tmp or its kin, where nothing is any more. */
        if (!shows) {
            return 0;
        }
        (void)make_folders("", path); /* when that fails, the next step says so */
    }
    int r = step_at(o, "hide", path, lstat(path, &st));
    if (r != 0) {
        return r;
    }
    if (!S_ISDIR(st.st_mode)) {
        return step_at(o, "hide", path, mount("/dev/null", path, NULL, MS_BIND, NULL));
    }
    r = mount_empty(path, "mode=0755,size=64k", MS_NOEXEC, o);
    if (r == 0 && shows) {
        r = step_at(o, "make", pen->shown, make_folders(path, pen->shown));
        r = r == 0 ? step_at(o, "show", pen->shown,
                             move_mount(shown, "", AT_FDCWD, pen->shown, MOVE_MOUNT_F_EMPTY_PATH))
                   : r;
    }
    return r == 0
               ? step_at(o, "restrict", path,
                         restrict_tree(AT_FDCWD, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC))
               : r;
}

static int copy_tree(const char *path, struct outcome *o, int *out)
{
    *out = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    return step_at(o, "open", path, *out);
}

/* What can be written: /tmp and its kin, which begin empty, and what is named. */
static int open_up(const struct priv_pen *pen, const int *trees, struct outcome *o)
{
    static const char *const own[] = {"/tmp", "/var/tmp", "/dev/shm"};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(own) / sizeof(own[0]); i++) {
        r = access(own[i], F_OK) == 0 ? mount_empty(own[i], "mode=1777", 0, o) : 0;
    }
    for (size_t i = 0; r == 0 && i < pen->writable_count; i++) {
        /* It may be below /tmp, which is empty now. */
        r = step_at(o, "make", pen->writable[i], make_folders("", pen->writable[i]));
        r = r == 0 ? step_at(o, "mount", pen->writable[i],
                             move_mount(trees[i], "", AT_FDCWD, pen->writable[i], MOVE_MOUNT_F_EMPTY_PATH))
                   : r;
    }
    return r;
}

/* In a container whose /proc is masked the kernel gives no new one. The old one shows the processes outside, and their files there are
 * closed to another user namespace. Neither can be written to: to root's number, which root has in here too, settings of the whole
 * machine would be open. */
static int own_proc(struct outcome *o)
{
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) == 0 ||
        errno == EPERM) {
        return 0;
    }
    return step(o, "mount /proc", -1);
}

/* ---- devices: those that every program needs, and no disk, no memory, no machine ---- */

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
#define DEVICE_COUNT (sizeof(devices) / sizeof(devices[0]))

/* Copies of the mounts, while the whole /dev is still there. */
struct device_trees {
    int nodes[DEVICE_COUNT];
};

static int copy_devices(struct device_trees *d, struct outcome *o)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < DEVICE_COUNT; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/dev/%s", devices[i]);
        r = copy_tree(path, o, &d->nodes[i]);
    }
    return r;
}

static int put_device(int tree, const char *path, struct outcome *o)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r = step_at(o, "make", path, fd);
    if (r == 0) {
        (void)close(fd);
        r = step_at(o, "mount", path, move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
    }
    return r;
}

/* New terminals are the program's own; that of the caller it has as descriptors. */
static int own_terminals(struct outcome *o)
{
    int r = step(o, "make /dev/pts", mkdir("/dev/pts", 0755));
    return r == 0 ? step(o, "mount /dev/pts",
                         mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                               "newinstance,ptmxmode=0666,mode=0620"))
                  : r;
}

static int own_devices(const struct device_trees *d, struct outcome *o)
{
    static const struct {
        const char *to;
        const char *path;
    } links[] = {{"pts/ptmx", "/dev/ptmx"},
                 {"/proc/self/fd", "/dev/fd"},
                 {"/proc/self/fd/0", "/dev/stdin"},
                 {"/proc/self/fd/1", "/dev/stdout"},
                 {"/proc/self/fd/2", "/dev/stderr"}};
    int r =
        step(o, "mount /dev", mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k"));
    for (size_t i = 0; r == 0 && i < DEVICE_COUNT; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/dev/%s", devices[i]);
        r = put_device(d->nodes[i], path, o);
    }
    r = r == 0 ? own_terminals(o) : r;
    for (size_t i = 0; r == 0 && i < sizeof(links) / sizeof(links[0]); i++) {
        r = step_at(o, "link", links[i].path, symlink(links[i].to, links[i].path));
    }
    r = r == 0 ? step(o, "make /dev/shm", mkdir("/dev/shm", 01777)) : r;
    return r == 0 ? step(o, "restrict /dev", restrict_tree(AT_FDCWD, "/dev", 0, MOUNT_ATTR_RDONLY)) : r;
}

static int arrange_files(const struct priv_pen *pen, struct outcome *o)
{
    int trees[PEN_WRITABLE_MAX];
    struct device_trees kept;
    char at[PATH_MAX];
    int shown = -1;
    if (pen->writable_count > PEN_WRITABLE_MAX) {
        errno = E2BIG;
        return step(o, "the directories to write to", -1);
    }
    /* Nothing that happens here travels to the namespace from which this one was copied. */
    int r = step(o, "mount(MS_PRIVATE)", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    r = r == 0 ? step(o, "the working directory", getcwd(at, sizeof(at)) != NULL ? 0 : -1) : r;
    for (size_t i = 0; r == 0 && i < pen->writable_count; i++) {
        r = copy_tree(pen->writable[i], o, &trees[i]);
    }
    if (r == 0 && pen->shown != NULL) {
        r = copy_tree(pen->shown, o, &shown);
    }
    r = r == 0 ? copy_devices(&kept, o) : r;
    for (size_t i = 0; r == 0 && i < pen->writable_count; i++) {
        r = step_at(
            o, "restrict", pen->writable[i],
            restrict_tree(trees[i], "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    }
    r = r == 0 ? step(o, "restrict /",
                      restrict_tree(AT_FDCWD, "/", AT_RECURSIVE,
                                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
               : r;
    r = r == 0 ? own_devices(&kept, o) : r;
    r = r == 0 ? own_proc(o) : r;
    r = r == 0 ? open_up(pen, trees, o) : r;
    /* Last, so that what is hidden stays hidden below what was opened. */
    for (size_t i = 0; r == 0 && i < pen->hidden_count; i++) {
        r = hide(pen, pen->hidden[i], shown, o);
    }
    return r == 0 ? step_at(o, "chdir", at, chdir(at)) : r;
}

/* ---- the first process ---- */

static pid_t program = -1; /* for the handler */

static void pass_on(int signum)
{
    int error = errno;
    if (program > 0) {
        (void)kill(program, signum);
    }
    errno = error;
}

/* Those of a terminal reach the program without help. */
static const int passed[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

static int give_up(struct outcome *o)
{
    int r = step(o, "no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (r == 0 && (r = priv_capabilities_keep(0)) != 0) {
        errno = -r;
        r = step(o, "capabilities", -1);
    }
    return r;
}

static _Noreturn void execute(const struct priv_pen *pen)
{
    int r = pen_filter_load();
    if (r == 0 && close_range(3, UINT32_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
        r = -errno;
    }
    if (r == 0) {
        environ = pen->environment;
        (void)execvp(pen->run[0], pen->run);
        r = -errno;
    }
    (void)dprintf(STDERR_FILENO, "clawbox: %s cannot be executed: %s\n", pen->run[0], cb_strerror(r));
    _exit(r == -ENOENT ? 127 : 126);
}

/* Waits for the program, and meanwhile for all that lost its parent. */
static int reap(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == program) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (pid < 0 && errno != EINTR) {
            return 126;
        }
    }
}

static int send_outcome(int to, const struct outcome *o, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec bytes = {.iov_base = (void *)(uintptr_t)o, .iov_len = sizeof(*o)};
    struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(to, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(*o) ? 0 : -1;
}

static _Noreturn void first_process(const struct priv_pen *pen, uid_t uid, gid_t gid, int to)
{
    struct outcome o = {.code = 0};
    int listener = -1;
    int r = step(&o, "prctl", prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    r = r == 0 ? map_user(uid, gid, &o) : r;
    r = r == 0 ? make_listener(pen->port, &o, &listener) : r;
    r = r == 0 ? arrange_files(pen, &o) : r;
    r = r == 0 ? give_up(&o) : r;
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        (void)sigaction(passed[i], &action, NULL);
    }
    if (r == 0) {
        program = fork();
        if (program == 0) {
            /* Until the caller knows that all holds, nothing runs. */
            char byte;
            action.sa_handler = SIG_DFL;
            for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
                (void)sigaction(passed[i], &action, NULL);
            }
            if (read(to, &byte, 1) == 1) {
                execute(pen);
            }
            _exit(126);
        }
        r = step(&o, "fork", program);
    }
    if (send_outcome(to, &o, r == 0 ? listener : -1) != 0 || r != 0) {
        _exit(126);
    }
    (void)close(listener);
    (void)close(to);
    _exit(reap());
}

/* ---- the caller ---- */

static int receive_outcome(int from, struct outcome *o, int *fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec bytes = {.iov_base = o, .iov_len = sizeof(*o)};
    struct msghdr m = {.msg_iov = &bytes,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do {
        n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*o)) {
        return CB_EPERM; /* some filter around us did not refuse a call, but ended the process for it */
    }
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(fd, CMSG_DATA(c), sizeof(*fd));
    }
    return o->code != 0 || *fd >= 0 ? o->code : CB_EINTERNAL;
}

int priv_pen_start(const struct priv_pen *pen, pid_t *pid, int *listener, const char **what)
{
    static struct outcome o;
    int pair[2];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    o = (struct outcome){.step = "clone"};
    *what = o.step;
    *listener = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -errno;
    }
    /* As fork(), but for the namespaces; nothing here has threads. */
    *pid = (pid_t)syscall(SYS_clone, (unsigned long)PEN_NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (*pid == 0) {
        (void)close(pair[0]);
        first_process(pen, uid, gid, pair[1]);
    }
    int r = *pid > 0 ? 0 : -errno;
    (void)close(pair[1]);
    if (r == 0) {
        r = receive_outcome(pair[0], &o, listener);
        if (r == 0 && send(pair[0], "", 1, MSG_NOSIGNAL) != 1) {
            r = -errno;
        }
        if (r != 0) {
            (void)kill(*pid, SIGKILL);
            while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
            }
        }
    }
    (void)close(pair[0]);
    return r;
}

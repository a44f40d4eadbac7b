/*
 * cage.c - a child makes the namespaces, the parent opens them in /proc while it waits, and then it ends.
 *
 * Paths are avoided: a mount is attached to the working directory and becomes the root from there, as pivot_root(2) describes
 * under "pivot_root(".", ".")".
 */
#include "priv/cage.h"

#include "priv/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *file; /* in /proc/PID/ns */
    int type;
} kinds[PRIV_CAGE__COUNT] = {
    [PRIV_CAGE_USER] = {"user", CLONE_NEWUSER}, [PRIV_CAGE_NET] = {"net", CLONE_NEWNET},
    [PRIV_CAGE_IPC] = {"ipc", CLONE_NEWIPC},    [PRIV_CAGE_UTS] = {"uts", CLONE_NEWUTS},
    [PRIV_CAGE_MOUNT] = {"mnt", CLONE_NEWNS},
};

/* A step and how it went, as it travels from the child. */
struct outcome {
    int code; /* 0 or a negative errno */
    char step[48];
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

/* ---- roots ---- */

/* Nothing in it is executed, no device opened, no set-id bit looked at. */
static int restrict_mount(int tree)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    /* The kernels 5.2 to 5.11 cannot say it of a copied mount; it is one more lock on doors that are closed twice. */
    return mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0 || errno == ENOSYS ? 0 : -errno;
}

/* Makes the detached mount the root of this process, and nothing else is left to see. The mount namespace is its own. */
static int become_root(int tree, struct outcome *o)
{
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r;
    if ((r = step(o, "open(/)", old)) == 0 &&
        /* Nothing that happens here travels to the namespace from which this one was copied. */
        (r = step(o, "mount(MS_PRIVATE)", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))) == 0 &&
        (r = step(o, "move_mount", move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH))) == 0 &&
        (r = step(o, "fchdir", fchdir(tree))) == 0 &&
        (r = step(o, "pivot_root", syscall(SYS_pivot_root, ".", "."))) == 0 &&
        (r = step(o, "fchdir", fchdir(old))) == 0 && (r = step(o, "umount", umount2(".", MNT_DETACH))) == 0) {
        r = step(o, "chdir", chdir("/"));
    }
    if (old >= 0) {
        (void)close(old);
    }
    return r;
}

static int empty_root(struct outcome *o)
{
    int r = step(o, "unshare(CLONE_NEWNS)", unshare(CLONE_NEWNS));
    if (r != 0) {
        return r;
    }
    int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    int tree = -1;
    if ((r = step(o, "fsopen(tmpfs)", fs)) == 0 &&
        (r = step(o, "fsconfig", fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0))) == 0 &&
        (r = step(o, "fsconfig", fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))) == 0) {
        tree = fsmount(fs, FSMOUNT_CLOEXEC,
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
        r = step(o, "fsmount", tree);
    }
    if (r == 0 && (r = step(o, "chdir", chdir("/"))) == 0) {
        r = become_root(tree, o);
    }
    if (tree >= 0) {
        (void)close(tree);
    }
    if (fs >= 0) {
        (void)close(fs);
    }
    return r;
}

static int directory_root(int directory, struct outcome *o)
{
    /* The working directory follows into the new namespace, which a descriptor does not. */
    int r;
    int tree = -1;
    if ((r = step(o, "fchdir", fchdir(directory))) == 0 &&
        (r = step(o, "unshare(CLONE_NEWNS)", unshare(CLONE_NEWNS))) == 0) {
        tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        r = step(o, "open_tree", tree);
    }
    if (r == 0 && (r = step(o, "mount_setattr", restrict_mount(tree))) == 0) {
        r = become_root(tree, o);
    }
    if (tree >= 0) {
        (void)close(tree);
    }
    return r;
}

/* ---- making ---- */

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

/* In it there is one user, who has the same number as outside. */
static int user_namespace(struct outcome *o)
{
    char users[64];
    char groups[64];
    (void)snprintf(users, sizeof(users), "%u %u 1\n", geteuid(), geteuid());
    (void)snprintf(groups, sizeof(groups), "%u %u 1\n", getegid(), getegid());
    int r;
    if ((r = step(o, "unshare(CLONE_NEWUSER)", unshare(CLONE_NEWUSER))) == 0 &&
        (r = step(o, "/proc/self/setgroups", write_file("/proc/self/setgroups", "deny"))) == 0 &&
        (r = step(o, "/proc/self/uid_map", write_file("/proc/self/uid_map", users))) == 0) {
        r = step(o, "/proc/self/gid_map", write_file("/proc/self/gid_map", groups));
    }
    return r;
}

struct report {
    struct outcome namespaces;
    struct outcome root;
};

static _Noreturn void maker(uint32_t wanted, int to, int from)
{
    struct report report;
    char byte;
    memset(&report, 0, sizeof(report));
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (geteuid() != 0 && user_namespace(&report.namespaces) != 0) {
        report.root = report.namespaces;
    } else {
        if ((wanted & PRIV_LAYER_NAMESPACES) != 0) {
            (void)step(&report.namespaces, "unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)",
                       unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS));
        }
        /* The report is written by an open pipe, and /proc is read by the parent: both outlive the root. */
        if ((wanted & PRIV_LAYER_ROOT) != 0) {
            (void)empty_root(&report.root);
        }
    }
    if (write(to, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
        (void)!read(from, &byte, 1); /* until the parent has opened what it needs */
    }
    _exit(0);
}

static int open_namespace(pid_t pid, unsigned kind, struct priv_cage *cage)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kinds[kind].file);
    cage->fds[kind] = open(path, O_RDONLY | O_CLOEXEC);
    return cage->fds[kind] >= 0 ? 0 : -errno;
}

static void explain(char why[PRIV_CAGE_WHY], const char *what, int code)
{
    (void)snprintf(why, PRIV_CAGE_WHY, "%s: %s", what, cb_strerror(code));
}

static void fail(bool namespaces, bool root, const char *what, int code, struct priv_cage *cage)
{
    if (namespaces) {
        explain(cage->why_namespaces, what, code);
    }
    if (root) {
        explain(cage->why_root, what, code);
    }
}

/* Which layers the namespaces of this child give; opens them. */
static void take(pid_t pid, uint32_t wanted, const struct report *report, struct priv_cage *cage)
{
    bool namespaces = (wanted & PRIV_LAYER_NAMESPACES) != 0;
    bool root = (wanted & PRIV_LAYER_ROOT) != 0;
    int r = 0;
    if (namespaces && report->namespaces.code != 0) {
        explain(cage->why_namespaces, report->namespaces.step, report->namespaces.code);
        namespaces = false;
    }
    if (root && report->root.code != 0) {
        explain(cage->why_root, report->root.step, report->root.code);
        root = false;
    }
    if ((namespaces || root) && geteuid() != 0) {
        r = open_namespace(pid, PRIV_CAGE_USER, cage);
    }
    for (unsigned kind = PRIV_CAGE_NET; r == 0 && namespaces && kind <= PRIV_CAGE_UTS; kind++) {
        r = open_namespace(pid, kind, cage);
    }
    if (r == 0 && root) {
        r = open_namespace(pid, PRIV_CAGE_MOUNT, cage);
    }
    if (r == 0) {
        cage->layers =
            (namespaces ? (uint32_t)PRIV_LAYER_NAMESPACES : 0) | (root ? (uint32_t)PRIV_LAYER_ROOT : 0);
        return;
    }
    priv_cage_free(cage);
    fail(namespaces, root, "/proc", r, cage);
}

/* Runs the child until its namespaces are open here. What went wrong in *what. */
static int make(uint32_t wanted, const int to_parent[2], const int to_child[2], struct priv_cage *cage,
                const char **what)
{
    struct report report;
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(to_child[1]);
        maker(wanted, to_parent[1], to_child[0]);
    }
    int r = pid > 0 ? 0 : -errno;
    *what = "fork";
    (void)close(to_parent[1]);
    (void)close(to_child[0]);
    if (r == 0 && read(to_parent[0], &report, sizeof(report)) != (ssize_t)sizeof(report)) {
        r = CB_EPERM; /* some filter around us did not refuse a call, but ended the process for it */
        *what = "unshare";
    }
    if (r == 0) {
        take(pid, wanted, &report, cage);
    }
    (void)close(to_parent[0]);
    (void)close(to_child[1]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return r;
}

void priv_cage_make(uint32_t wanted, struct priv_cage *cage)
{
    *cage = (struct priv_cage){.fds = {-1, -1, -1, -1, -1}};
    wanted &= PRIV_LAYER_NAMESPACES | PRIV_LAYER_ROOT;
    if (wanted == 0) {
        return;
    }
    int to_parent[2];
    int to_child[2];
    const char *what = "pipe";
    int r = pipe2(to_parent, O_CLOEXEC) == 0 ? 0 : -errno;
    if (r == 0 && pipe2(to_child, O_CLOEXEC) != 0) {
        r = -errno;
        (void)close(to_parent[0]);
        (void)close(to_parent[1]);
    }
    if (r == 0) {
        r = make(wanted, to_parent, to_child, cage, &what);
    }
    if (r != 0) {
        fail((wanted & PRIV_LAYER_NAMESPACES) != 0, (wanted & PRIV_LAYER_ROOT) != 0, what, r, cage);
    }
    if ((wanted & ~cage->layers & PRIV_LAYER_ROOT) != 0 && priv_capability_has(CAP_SYS_CHROOT)) {
        cage->by_chroot = true;
        cage->layers |= PRIV_LAYER_ROOT;
    }
}

void priv_cage_free(struct priv_cage *cage)
{
    for (unsigned kind = 0; kind < PRIV_CAGE__COUNT; kind++) {
        if (cage->fds[kind] >= 0) {
            (void)close(cage->fds[kind]);
            cage->fds[kind] = -1;
        }
    }
    cage->layers = 0;
    cage->by_chroot = false;
}

/* ---- entering ---- */

static int enter_root(const struct priv_cage *cage, const struct priv_profile *profile, int directory,
                      struct outcome *o)
{
    if (cage->by_chroot) {
        int r = step(o, "fchdir", fchdir(directory));
        return r == 0 ? step(o, "chroot", chroot(".")) : r;
    }
    if (profile->root == PRIV_ROOT_DIRECTORY) {
        return directory_root(directory, o);
    }
    return step(o, "setns(mount)", setns(cage->fds[PRIV_CAGE_MOUNT], CLONE_NEWNS));
}

int priv_cage_enter(const struct priv_cage *cage, const struct priv_profile *profile, int directory,
                    const char **what)
{
    static struct outcome o;
    int r = 0;
    for (unsigned kind = PRIV_CAGE_USER; r == 0 && kind <= PRIV_CAGE_UTS; kind++) {
        if (cage->fds[kind] >= 0 && !(kind == PRIV_CAGE_NET && profile->network)) {
            r = step(&o, kinds[kind].file, setns(cage->fds[kind], kinds[kind].type));
        }
    }
    if (r == 0 && (cage->layers & PRIV_LAYER_ROOT) != 0) {
        r = enter_root(cage, profile, directory, &o);
    } else if (r == 0) {
        r = step(&o, "working directory",
                 profile->root == PRIV_ROOT_DIRECTORY ? fchdir(directory) : chdir("/"));
    }
    *what = o.step;
    return r;
}

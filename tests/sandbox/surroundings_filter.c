/*
 * surroundings_filter.c - `surroundings_filter KIND[,KIND...] COMMAND ARGUMENT...`: runs a command as if on another kernel, or in a container:
 * a filter gives the errors that would come there. For surroundings.py.
 *
 *   no-landlock   a kernel without Landlock
 *   no-seccomp    a kernel without filters (but for this one)
 *   no-users      user namespaces are for root only (kernel.unprivileged_userns_clone=0)
 *   old-mount     a kernel before 5.2, without the calls for mounts that have no path
 *   container     what a container's usual filter refuses, and the capabilities that it usually leaves to root
 *   open-files    descriptors 3 to 59 are open, as a careless parent leaves them
 *   deadly        a filter that ends a process for unshare(2) instead of refusing
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES_MAX 128
#define ALWAYS    0U

struct rule {
    const char *kind;
    long number;
    unsigned argument;
    unsigned bits;  /* in that argument; ALWAYS: whatever it is */
    unsigned error; /* 0: ends the process */
};

static const struct rule rules[] = {
    {"no-landlock", SYS_landlock_create_ruleset, 0, ALWAYS, ENOSYS},
    {"no-landlock", SYS_landlock_add_rule, 0, ALWAYS, ENOSYS},
    {"no-landlock", SYS_landlock_restrict_self, 0, ALWAYS, ENOSYS},
    {"no-seccomp", SYS_seccomp, 0, ALWAYS, ENOSYS},
    {"no-seccomp", SYS_prctl, 0, PR_SET_SECCOMP,
     EINVAL}, /* every option that has these bits, which is this one here */
    {"no-users", SYS_unshare, 0, CLONE_NEWUSER, EPERM},
    {"no-users", SYS_clone, 0, CLONE_NEWUSER, EPERM},
    {"no-users", SYS_clone3, 0, ALWAYS, ENOSYS},
    {"old-mount", SYS_fsopen, 0, ALWAYS, ENOSYS},
    {"old-mount", SYS_open_tree, 0, ALWAYS, ENOSYS},
    {"old-mount", SYS_move_mount, 0, ALWAYS, ENOSYS},
    {"container", SYS_unshare, 0, ALWAYS, EPERM},
    {"container", SYS_setns, 0, ALWAYS, EPERM},
    {"container", SYS_clone, 0, CLONE_NEWUSER, EPERM},
    {"container", SYS_clone3, 0, ALWAYS, ENOSYS},
    {"container", SYS_mount, 0, ALWAYS, EPERM},
    {"container", SYS_umount2, 0, ALWAYS, EPERM},
    {"container", SYS_pivot_root, 0, ALWAYS, EPERM},
    {"container", SYS_fsopen, 0, ALWAYS, EPERM},
    {"container", SYS_open_tree, 0, ALWAYS, EPERM},
    {"container", SYS_move_mount, 0, ALWAYS, EPERM},
    {"container", SYS_keyctl, 0, ALWAYS, EPERM},
    {"container", SYS_bpf, 0, ALWAYS, EPERM},
    {"container", SYS_ptrace, 0, ALWAYS, EPERM},
    {"deadly", SYS_unshare, 0, ALWAYS, 0},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* What container engines leave to root. */
static const unsigned container_capabilities[] = {
    CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,     CAP_MKNOD,
    CAP_NET_RAW,    CAP_SETGID,       CAP_SETUID,           CAP_SETFCAP,    CAP_SETPCAP,
    CAP_SYS_CHROOT, CAP_KILL,         CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE};

static int fail(const char *what)
{
    perror(what);
    return 125;
}

static int wanted(const char *kinds, const char *kind)
{
    size_t len = strlen(kind);
    for (const char *at = kinds; (at = strstr(at, kind)) != NULL; at += len) {
        if ((at == kinds || at[-1] == ',') && (at[len] == ',' || at[len] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static int load_filter(const char *kinds)
{
    static struct sock_filter code[RULES_MAX * 6];
    unsigned short n = 0;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct rule *r = &rules[i];
        if (!wanted(kinds, r->kind)) {
            continue;
        }
        /* number? bits? answer */
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)r->number, 0,
                                                 r->bits != ALWAYS ? 4 : 1);
        if (r->bits != ALWAYS) {
            code[n++] = (struct sock_filter)BPF_STMT(
                BPF_LD | BPF_W | BPF_ABS,
                (unsigned)(offsetof(struct seccomp_data, args) + r->argument * sizeof(__u64)));
            code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->bits);
            code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->bits, 0, 1);
        }
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, r->error != 0 ? SECCOMP_RET_ERRNO | r->error
                                                                                : SECCOMP_RET_KILL_PROCESS);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = n, .filter = code};
    if (n == 1 && !wanted(kinds, "open-files")) {
        (void)fprintf(stderr, "no such surroundings: %s\n", kinds);
        return -1;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -1
                                                       : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int leave_capabilities(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        int left = 0;
        for (size_t i = 0; i < sizeof(container_capabilities) / sizeof(container_capabilities[0]); i++) {
            left = left || container_capabilities[i] == capability;
        }
        if (!left && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

static int leave_open(void)
{
    int fd = open("/etc/passwd", O_RDONLY); /* to be inherited: no O_CLOEXEC */
    for (int copy = 3; copy < 60; copy++) {
        if (copy != fd && dup2(fd, copy) < 0) {
            return -1;
        }
    }
    return fd < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: surroundings_filter KIND[,KIND...] COMMAND ARGUMENT...\n");
        return 125;
    }
    if (wanted(argv[1], "container") && geteuid() == 0 && leave_capabilities() != 0) {
        return fail("capabilities");
    }
    if (wanted(argv[1], "open-files") && leave_open() != 0) {
        return fail("/etc/passwd");
    }
    if (load_filter(argv[1]) != 0) {
        return fail("filter");
    }
    (void)execv(argv[2], argv + 2);
    return fail(argv[2]);
}

/* seccomp.c - a default-deny filter made from lists of calls; some calls are allowed only with certain arguments. */
#include "priv/seccomp.h"

#include "priv/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#error "the filter knows x86-64 and arm64"
#endif

#define FILTER_MAX     512
#define FILTER_X32_BIT 0x40000000U /* calls of the x32 interface, which nobody here makes */

/* Memory, time, waiting, and descriptors that the role already has. */
static const int base_calls[] = {
    SYS_read,           SYS_write,         SYS_readv,
    SYS_writev,         SYS_close,         SYS_epoll_ctl,
    SYS_epoll_pwait,    SYS_epoll_create1, SYS_eventfd2,
    SYS_munmap,         SYS_mremap,        SYS_madvise,
    SYS_mlock,          SYS_munlock,       SYS_brk,
    SYS_futex,          SYS_clock_gettime, SYS_clock_nanosleep,
    SYS_gettimeofday,   SYS_getrandom,     SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn,  SYS_sigaltstack,
    SYS_exit,           SYS_exit_group,    SYS_getpid,
    SYS_gettid,         SYS_getuid,        SYS_geteuid,
    SYS_getgid,         SYS_getegid,       SYS_restart_syscall,
    SYS_recvmsg,        SYS_sendmsg,       SYS_recvfrom,
    SYS_sendto,         SYS_shutdown,      SYS_getsockopt,
    SYS_setsockopt,     SYS_getsockname,   SYS_getpeername,
    SYS_fcntl,          SYS_fstat,         SYS_lseek,
    SYS_ppoll,          SYS_pipe2,         SYS_dup,
    SYS_tgkill,         SYS_sched_yield,
#if defined(SYS_poll)
    SYS_poll,
#endif
#if defined(SYS_epoll_wait)
    SYS_epoll_wait,
#endif
};

/* The store's database lives in files. Nothing of this executes anything. */
static const int file_calls[] = {
    SYS_openat,   SYS_newfstatat, SYS_pread64,   SYS_pwrite64,  SYS_ftruncate, SYS_fsync,      SYS_fdatasync,
    SYS_unlinkat, SYS_fchmod,     SYS_fallocate, SYS_faccessat, SYS_getcwd,    SYS_readlinkat, SYS_fchown,
#if defined(SYS_open)
    SYS_open,     SYS_stat,       SYS_lstat,     SYS_access,    SYS_unlink,    SYS_readlink,
#endif
};

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short len;
};

static void add(struct filter *f, struct sock_filter instruction)
{
    if (f->len < FILTER_MAX) {
        f->code[f->len] = instruction;
    }
    f->len++;
}

static void load_field(struct filter *f, size_t offset)
{
    add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct filter *f, uint32_t action)
{
    add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void allow(struct filter *f, int call)
{
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1));
    answer(f, SECCOMP_RET_ALLOW);
}

/* The low half of argument `n`; both machines are little-endian. */
static size_t argument(unsigned n)
{
    return offsetof(struct seccomp_data, args) + n * sizeof(uint64_t);
}

/* Allows the call when none of these bits is set in an argument. */
static void allow_without_bits(struct filter *f, int call, unsigned n, uint32_t bits)
{
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4));
    load_field(f, argument(n));
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0));
    answer(f, SECCOMP_RET_ALLOW);
    answer(f, SECCOMP_RET_KILL_PROCESS);
}

/* Allows the call when an argument has this value; another one is looked at by the rules that follow. */
static void allow_with_value(struct filter *f, int call, unsigned n, uint32_t value)
{
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4));
    load_field(f, argument(n));
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    answer(f, SECCOMP_RET_ALLOW);
    load_field(f, offsetof(struct seccomp_data, nr));
}

static void allow_list(struct filter *f, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        allow(f, calls[i]);
    }
}

static void build(struct filter *f, unsigned needs)
{
    load_field(f, offsetof(struct seccomp_data, arch));
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0));
    answer(f, SECCOMP_RET_KILL_PROCESS);
    load_field(f, offsetof(struct seccomp_data, nr));
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_X32_BIT, 0, 1));
    answer(f, SECCOMP_RET_KILL_PROCESS);
    allow_list(f, base_calls, sizeof(base_calls) / sizeof(base_calls[0]));
    /* Memory that can be written is never memory that can be executed. */
    allow_without_bits(f, SYS_mmap, 2, PROT_EXEC);
    allow_without_bits(f, SYS_mprotect, 2, PROT_EXEC);
    allow_with_value(f, SYS_ioctl, 1, FIONBIO);
    allow_with_value(f, SYS_ioctl, 1, FIONREAD);
    if ((needs & PRIV_NEED_ACCEPT) != 0) {
        allow(f, SYS_accept4);
    }
    if ((needs & PRIV_NEED_CONNECT) != 0) {
        allow_with_value(f, SYS_socket, 0, AF_INET);
        allow_with_value(f, SYS_socket, 0, AF_INET6);
        allow(f, SYS_connect);
        allow(f, SYS_bind);
    }
    if ((needs & PRIV_NEED_SOCKETPAIR) != 0) {
        allow_with_value(f, SYS_socketpair, 0, AF_UNIX);
    }
    if ((needs & PRIV_NEED_FILES) != 0) {
        allow_list(f, file_calls, sizeof(file_calls) / sizeof(file_calls[0]));
    }
    answer(f, SECCOMP_RET_KILL_PROCESS);
}

int priv_seccomp_load(unsigned needs)
{
    struct filter f = {.len = 0};
    build(&f, needs);
    if (f.len > FILTER_MAX) {
        return CB_EINTERNAL;
    }
    struct sock_fprog program = {.len = f.len, .filter = f.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : -errno;
}

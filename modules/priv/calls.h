/*
 * calls.h - every system call that a role may make, with what its arguments must be. Whatever is not here ends the process.
 *
 * A row is allowed to a role that has its need (0: every role). Rows of the same call are alternatives. filter.h says what
 * conditions are.
 *
 * Not here, so that nobody has to search: execve, fork and clone in any form, kill, ptrace, process_vm_*, pidfd_*, prctl,
 * seccomp, setuid and its kin, capset, unshare, setns, mount, chroot, pivot_root, listen, bind, sendmmsg, memfd_create,
 * io_uring_*, userfaultfd, bpf, perf_event_open, keyctl, shm*, msg*, sem*, mq_*, prlimit, open_by_handle_at, sendfile, splice.
 */
#ifndef CB_PRIV_CALLS_H
#define CB_PRIV_CALLS_H

#include "priv/confine.h"
#include "priv/filter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* What the store may ask of open(): neither paths without a file (O_PATH), nor nameless files, nor signals (O_ASYNC). */
#define CALLS_OPEN_FLAGS \
    ((uint32_t)(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_LARGEFILE))

#define CALLS_READ_FLAGS \
    ((uint32_t)(O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_LARGEFILE | O_DIRECTORY))

static const struct call_rule call_rules[] = {
    /* ---- what is asked most stands first: a condition costs a walk through the rows before it ---- */
    {PRIV_NEED_CONNECT, SYS_sendto, {IS(5, 0)}}, /* on a connected socket: without an address */
    {0, SYS_ioctl, {IS(1, FIONBIO)}},
    {0, SYS_getsockopt, {IS(1, SOL_SOCKET), IS(2, SO_TYPE)}},
    {0, SYS_getsockopt, {IS(1, SOL_SOCKET), IS(2, SO_DOMAIN)}},
    {0, SYS_getsockopt, {IS(1, SOL_SOCKET), IS(2, SO_ERROR)}},
    {PRIV_NEED_ACCEPT, SYS_getsockopt, {IS(1, SOL_SOCKET), IS(2, SO_PEERCRED)}},
    {PRIV_NEED_TCP, SYS_setsockopt, {IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)}},
    {PRIV_NEED_CONNECT, SYS_setsockopt, {IS(1, IPPROTO_TCP), IS(2, TCP_FASTOPEN_CONNECT)}},
    {PRIV_NEED_ACCEPT, SYS_accept4, {IS(3, SOCK_NONBLOCK | SOCK_CLOEXEC)}},
    {PRIV_NEED_SOCKETPAIR, SYS_socketpair, {IS(0, AF_UNIX), TYPE(1, SOCK_STREAM), IS(2, 0)}},

    /* ---- memory: what can be written is never executed ---- */
    {0, SYS_mmap, {LACKS(2, PROT_EXEC)}},
    {0, SYS_mprotect, {LACKS(2, PROT_EXEC)}},
    {0, SYS_madvise, {IS(2, MADV_DONTNEED)}},
    {0, SYS_madvise, {IS(2, MADV_FREE)}},
    {0, SYS_madvise, {IS(2, MADV_DONTDUMP)}},
    {0, SYS_madvise, {IS(2, MADV_WIPEONFORK)}},
    {0, SYS_munmap, ALWAYS},
    {0, SYS_mremap, ALWAYS},
    {0, SYS_brk, ALWAYS},
    {0, SYS_mlock, ALWAYS},
    {0, SYS_munlock, ALWAYS},

    /* ---- descriptors that the role has ---- */
    {0, SYS_read, ALWAYS},
    {0, SYS_write, ALWAYS},
    {0, SYS_readv, ALWAYS},
    {0, SYS_writev, ALWAYS},
    {0, SYS_recvmsg, ALWAYS},
    {0, SYS_sendmsg, ALWAYS},
    {0, SYS_recvfrom, ALWAYS},
    {0, SYS_shutdown, ALWAYS},
    {0, SYS_close, ALWAYS},
    {0, SYS_fstat, ALWAYS},
    {0, SYS_getsockname, ALWAYS},
    {0, SYS_getpeername, ALWAYS},
    {0, SYS_epoll_ctl, ALWAYS},
    {0, SYS_epoll_pwait, ALWAYS},
    {0, SYS_fcntl, {IS(1, F_GETFL)}},
    {0, SYS_fcntl, {IS(1, F_GETFD)}},
    {0, SYS_fcntl, {IS(1, F_SETFD)}},
    {0,
     SYS_fcntl,
     {IS(1, F_SETFL), LACKS(2, O_ASYNC)}}, /* F_SETOWN and F_SETSIG would send signals to others */

    /* ---- the process itself ---- */
    {0, SYS_futex, ALWAYS},
    {0, SYS_clock_gettime, ALWAYS},
    {0, SYS_clock_nanosleep, ALWAYS},
    {0, SYS_gettimeofday, ALWAYS},
    {0, SYS_getrandom, ALWAYS},
    {0, SYS_rt_sigaction, ALWAYS},
    {0, SYS_rt_sigprocmask, ALWAYS},
    {0, SYS_rt_sigreturn, ALWAYS},
    {0, SYS_restart_syscall, ALWAYS},
    {0, SYS_getpid, ALWAYS},
    {0, SYS_gettid, ALWAYS},
    {0, SYS_getuid, ALWAYS},
    {0, SYS_geteuid, ALWAYS},
    {0, SYS_exit, ALWAYS},
    {0, SYS_exit_group, ALWAYS},
    /* and tgkill to itself, which is abort(): seccomp.c, because the process has to be known */

    /* ---- who asks at the control socket ---- */
    {PRIV_NEED_CONTROL, SYS_socket, {IS(0, AF_UNIX), TYPE(1, SOCK_STREAM), IS(2, 0)}},
    {PRIV_NEED_CONTROL, SYS_connect, ALWAYS},
    {PRIV_NEED_CONTROL, SYS_setsockopt, {IS(1, SOL_SOCKET), IS(2, SO_SNDTIMEO)}},
    {PRIV_NEED_CONTROL, SYS_sendto, {IS(5, 0)}},
#ifdef SYS_poll
    {PRIV_NEED_CONTROL, SYS_poll, ALWAYS},
#endif
    {PRIV_NEED_CONTROL, SYS_ppoll, ALWAYS},
    {PRIV_NEED_CONTROL, SYS_newfstatat,
     ALWAYS}, /* fstat() of the C library; Landlock or the root says of which files */
    {PRIV_NEED_READ, SYS_openat, {LACKS(2, ~CALLS_READ_FLAGS)}},
    {PRIV_NEED_READ, SYS_newfstatat, ALWAYS},
    {PRIV_NEED_POSITION, SYS_pwrite64, ALWAYS},

    /* ---- egress ---- */
    {PRIV_NEED_CONNECT, SYS_socket, {IS(0, AF_INET), TYPE(1, SOCK_STREAM), IS(2, 0)}},
    {PRIV_NEED_CONNECT, SYS_socket, {IS(0, AF_INET6), TYPE(1, SOCK_STREAM), IS(2, 0)}},
    {PRIV_NEED_CONNECT, SYS_socket, {IS(0, AF_INET), TYPE(1, SOCK_DGRAM), IS(2, 0)}},
    {PRIV_NEED_CONNECT, SYS_socket, {IS(0, AF_INET6), TYPE(1, SOCK_DGRAM), IS(2, 0)}},
    {PRIV_NEED_CONNECT, SYS_connect, ALWAYS},

    /* ---- the store ---- */
    {PRIV_NEED_FILES, SYS_pread64, ALWAYS},
    {PRIV_NEED_FILES, SYS_pwrite64, ALWAYS},
    {PRIV_NEED_FILES, SYS_fdatasync, ALWAYS},
    {PRIV_NEED_FILES, SYS_fsync, ALWAYS},
    {PRIV_NEED_FILES, SYS_lseek, ALWAYS},
    {PRIV_NEED_FILES, SYS_ftruncate, ALWAYS},
    {PRIV_NEED_FILES, SYS_fallocate, ALWAYS},
    {PRIV_NEED_FILES, SYS_openat, {LACKS(2, ~CALLS_OPEN_FLAGS)}},
    {PRIV_NEED_FILES, SYS_newfstatat, ALWAYS},
    {PRIV_NEED_FILES, SYS_faccessat, ALWAYS},
    {PRIV_NEED_FILES, SYS_readlinkat, ALWAYS},
    {PRIV_NEED_FILES, SYS_unlinkat, {IS(2, 0)}}, /* files, not directories */
    {PRIV_NEED_FILES, SYS_getcwd, ALWAYS},
    {PRIV_NEED_FILES, SYS_fchmod, {LACKS(1, 07111)}}, /* no execution, no set-id */
    {PRIV_NEED_FILES, SYS_fchown,
     ALWAYS}, /* sqlite, as uid 0, gives a log to the database's owner; no capability, no effect */
    {PRIV_NEED_FILES, SYS_fcntl, {IS(1, F_SETLK)}},
    {PRIV_NEED_FILES, SYS_fcntl, {IS(1, F_GETLK)}},
#if defined(SYS_unlink) /* x86-64 has these older forms, and the C library takes them there */
    {PRIV_NEED_FILES, SYS_unlink, ALWAYS},
    {PRIV_NEED_FILES, SYS_access, ALWAYS},
    {PRIV_NEED_FILES, SYS_readlink, ALWAYS},
#endif
};

#define CALL_RULE_COUNT (sizeof(call_rules) / sizeof(call_rules[0]))

#endif

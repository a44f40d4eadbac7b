/*
 * test_profiles.c - each role's own profile, tried call by call: what it may make, and that everything else ends it.
 *
 * Each attempt is one system call of a child that has confined itself as the role does; whether the call would succeed does not
 * matter. Calls are made by number, so that no library stands between.
 */
#include "api/api.h"
#include "console/assets.h"
#include "console/console.h"
#include "egress/egress.h"
#include "gate/gate.h"
#include "store/store.h"
#include "support/check.h"
#include "vault/vault.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORE = 1, VAULT = 2, GATE = 4, EGRESS = 8, API = 16, CONSOLE = 32, NONE = 0, ALL = 63 };

static const struct {
    const char *name;
    int bit;
    const struct priv_profile *profile;
} roles[] = {{"store", STORE, &store_profile}, {"vault", VAULT, &vault_profile},
             {"gate", GATE, &gate_profile},    {"egress", EGRESS, &egress_profile},
             {"api", API, &api_profile},       {"console", CONSOLE, &console_profile}};

const struct console_asset console_assets[] = {{.path = ""}};
const size_t console_asset_count = 0;

#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

struct attempt {
    const char *name;
    int allowed; /* to these roles */
    long number;
    long arguments[6];
};

static int run(const struct priv_profile *profile, const struct attempt *a)
{
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t held;
        if (priv_confine(profile, 0, &held) != 0) {
            _exit(99);
        }
        (void)syscall(a->number, a->arguments[0], a->arguments[1], a->arguments[2], a->arguments[3],
                      a->arguments[4], a->arguments[5]);
        _exit(0);
    }
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void try_all(const struct attempt *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < ROLE_COUNT; k++) {
            int status = run(roles[k].profile, &attempts[i]);
            bool dead = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
            bool lives = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            bool allowed = (attempts[i].allowed & roles[k].bit) != 0;
            if (!CHECK(allowed ? lives : dead)) {
                (void)fprintf(stderr, "  %s in %s: status %#x\n", attempts[i].name, roles[k].name,
                              (unsigned)status);
            }
        }
    }
}

#define TRY(attempts) try_all(attempts, sizeof(attempts) / sizeof((attempts)[0]))

/* A sanitizer's own calls do not pass the filter. */
#if defined(__SANITIZE_ADDRESS__)
#define NEEDS_FILTER()                                      \
    SKIP("a sanitizer's own calls do not pass the filter"); \
    return
#else
#define NEEDS_FILTER() (void)0
#endif

TEST(programs_processes_and_other_processes)
{
    NEEDS_FILTER();
    char *const none[] = {NULL};
    const struct attempt attempts[] = {
        {"execve", NONE, SYS_execve, {(long)"/bin/sh", (long)none, (long)none}},
        {"execveat", NONE, SYS_execveat, {AT_FDCWD, (long)"/bin/sh", (long)none, (long)none}},
        {"clone", NONE, SYS_clone, {SIGCHLD}},
        {"clone of a thread", NONE, SYS_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}},
        {"clone3", NONE, SYS_clone3, {0}},
#if defined(SYS_fork)
        {"fork", NONE, SYS_fork, {0}},
        {"vfork", NONE, SYS_vfork, {0}},
#endif
        {"ptrace", NONE, SYS_ptrace, {PTRACE_ATTACH, getpid()}},
        {"process_vm_readv", NONE, SYS_process_vm_readv, {getpid()}},
        {"process_vm_writev", NONE, SYS_process_vm_writev, {getpid()}},
        {"process_madvise", NONE, SYS_process_madvise, {-1}},
        {"kcmp", NONE, SYS_kcmp, {getpid(), getpid()}},
        {"pidfd_open", NONE, SYS_pidfd_open, {getpid()}},
        {"pidfd_getfd", NONE, SYS_pidfd_getfd, {-1}},
        {"pidfd_send_signal", NONE, SYS_pidfd_send_signal, {-1}},
        {"kill the parent", NONE, SYS_kill, {getpid(), 0}},
        {"tkill the parent", NONE, SYS_tkill, {getpid(), 0}},
        {"tgkill the parent", NONE, SYS_tgkill, {getpid(), getpid(), 0}},
        {"rt_sigqueueinfo", NONE, SYS_rt_sigqueueinfo, {getpid(), 0}},
        {"setpriority", NONE, SYS_setpriority, {PRIO_PROCESS, getpid(), 0}},
        {"sched_setaffinity", NONE, SYS_sched_setaffinity, {getpid()}},
        {"prlimit64", NONE, SYS_prlimit64, {0, RLIMIT_CORE}},
    };
    TRY(attempts);
}

TEST(rights)
{
    NEEDS_FILTER();
    const struct attempt attempts[] = {
        {"setuid", NONE, SYS_setuid, {0}},
        {"setresuid", NONE, SYS_setresuid, {0, 0, 0}},
        {"setgroups", NONE, SYS_setgroups, {0}},
        {"capset", NONE, SYS_capset, {0}},
        {"prctl to be dumpable", NONE, SYS_prctl, {PR_SET_DUMPABLE, 1}},
        {"prctl to read it", NONE, SYS_prctl, {PR_GET_DUMPABLE}},
        {"seccomp", NONE, SYS_seccomp, {0}},
        {"unshare a user namespace", NONE, SYS_unshare, {CLONE_NEWUSER}},
        {"setns", NONE, SYS_setns, {-1}},
        {"mount", NONE, SYS_mount, {0}},
        {"umount2", NONE, SYS_umount2, {0}},
        {"fsopen", NONE, SYS_fsopen, {0}},
        {"open_tree", NONE, SYS_open_tree, {0}},
        {"move_mount", NONE, SYS_move_mount, {-1}},
        {"pivot_root", NONE, SYS_pivot_root, {0}},
        {"chroot", NONE, SYS_chroot, {(long)"/"}},
        {"keyctl", NONE, SYS_keyctl, {0}},
        {"add_key", NONE, SYS_add_key, {0}},
        {"request_key", NONE, SYS_request_key, {0}},
        {"bpf", NONE, SYS_bpf, {0}},
        {"perf_event_open", NONE, SYS_perf_event_open, {0}},
        {"userfaultfd", NONE, SYS_userfaultfd, {0}},
        {"io_uring_setup", NONE, SYS_io_uring_setup, {1}},
        {"io_uring_enter", NONE, SYS_io_uring_enter, {-1}},
        {"io_uring_register", NONE, SYS_io_uring_register, {-1}},
        {"init_module", NONE, SYS_init_module, {0}},
        {"finit_module", NONE, SYS_finit_module, {-1}},
        {"kexec_load", NONE, SYS_kexec_load, {0}},
        {"reboot", NONE, SYS_reboot, {0}},
        {"settimeofday", NONE, SYS_settimeofday, {0}},
        {"sethostname", NONE, SYS_sethostname, {0}},
        {"personality", NONE, SYS_personality, {0xffffffff}},
        {"syslog", NONE, SYS_syslog, {0}},
#if defined(__x86_64__)
        {"modify_ldt", NONE, SYS_modify_ldt, {0}},
        {"arch_prctl", NONE, SYS_arch_prctl, {0}},
        {"a call of the x32 interface", NONE, 0x40000000 + SYS_getpid, {0}},
#endif
    };
    TRY(attempts);
}

TEST(memory)
{
    NEEDS_FILTER();
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    const struct attempt attempts[] = {
        {"mmap", ALL, SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
        {"mmap to execute", NONE, SYS_mmap, {0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
        {"mmap to write and execute",
         NONE,
         SYS_mmap,
         {0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
        {"mprotect", ALL, SYS_mprotect, {(long)page, 4096, PROT_READ}},
        {"mprotect to execute", NONE, SYS_mprotect, {(long)page, 4096, PROT_READ | PROT_EXEC}},
        {"pkey_mprotect", NONE, SYS_pkey_mprotect, {(long)page, 4096, PROT_READ, -1}},
        {"madvise that keeps a page out of dumps", ALL, SYS_madvise, {(long)page, 4096, MADV_DONTDUMP}},
        {"madvise that takes it back", NONE, SYS_madvise, {(long)page, 4096, MADV_DODUMP}},
        {"mlock", ALL, SYS_mlock, {(long)page, 4096}},
        {"mlockall", NONE, SYS_mlockall, {0}},
        {"memfd_create", NONE, SYS_memfd_create, {(long)"x", 0}},
        {"memfd_secret", NONE, SYS_memfd_secret, {0}},
        {"shmget", NONE, SYS_shmget, {0, 4096, 0600}},
        {"shmat", NONE, SYS_shmat, {0}},
        {"msgget", NONE, SYS_msgget, {0}},
        {"semget", NONE, SYS_semget, {0}},
        {"mq_open", NONE, SYS_mq_open, {(long)"x"}},
    };
    TRY(attempts);
    (void)munmap(page, 4096);
}

TEST(sockets)
{
    NEEDS_FILTER();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct attempt attempts[] = {
        {"socket: TCP, IPv4", EGRESS, SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0}},
        {"socket: TCP, IPv6", EGRESS, SYS_socket, {AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0}},
        {"socket: UDP, IPv4", EGRESS, SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
        {"socket: UDP, IPv6", EGRESS, SYS_socket, {AF_INET6, SOCK_DGRAM, 0}},
        {"socket: raw", NONE, SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_ICMP}},
        {"socket: ICMP without rights", NONE, SYS_socket, {AF_INET, SOCK_DGRAM, IPPROTO_ICMP}},
        {"socket: SCTP", NONE, SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}},
        {"socket: MPTCP", NONE, SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_MPTCP}},
        {"socket: Unix", NONE, SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
        {"socket: netlink", NONE, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
        {"socket: packet", NONE, SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
        {"socket: vsock", NONE, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
        {"socket: kernel crypto", NONE, SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
        {"socketpair: Unix", GATE | CONSOLE, SYS_socketpair, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0}},
        {"socketpair: datagrams", NONE, SYS_socketpair, {AF_UNIX, SOCK_DGRAM, 0, 0}},
        {"socketpair: TIPC", NONE, SYS_socketpair, {AF_TIPC, SOCK_STREAM, 0, 0}},
        {"connect", EGRESS, SYS_connect, {-1, (long)&address, sizeof(address)}},
        {"bind", NONE, SYS_bind, {-1, (long)&address, sizeof(address)}},
        {"listen", NONE, SYS_listen, {-1, 1}},
        {"accept4", GATE | API | CONSOLE, SYS_accept4, {-1, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC}},
        {"accept4 of what would be inherited", NONE, SYS_accept4, {-1, 0, 0, 0}},
        {"sendto without an address", EGRESS, SYS_sendto, {-1, 0, 0, MSG_NOSIGNAL, 0, 0}},
        {"sendto an address", NONE, SYS_sendto, {-1, 0, 0, MSG_NOSIGNAL, (long)&address, sizeof(address)}},
        {"sendmmsg", NONE, SYS_sendmmsg, {-1}},
        {"recvmmsg", NONE, SYS_recvmmsg, {-1}},
        {"setsockopt: no delay",
         GATE | EGRESS | API | CONSOLE,
         SYS_setsockopt,
         {-1, IPPROTO_TCP, TCP_NODELAY}},
        {"setsockopt: a device", NONE, SYS_setsockopt, {-1, SOL_SOCKET, SO_BINDTODEVICE}},
        {"setsockopt: a mark", NONE, SYS_setsockopt, {-1, SOL_SOCKET, SO_MARK}},
        {"setsockopt: a filter", NONE, SYS_setsockopt, {-1, SOL_SOCKET, SO_ATTACH_FILTER}},
        {"setsockopt: a protocol over TCP", NONE, SYS_setsockopt, {-1, IPPROTO_TCP, TCP_ULP}},
        {"setsockopt: repairing", NONE, SYS_setsockopt, {-1, IPPROTO_TCP, TCP_REPAIR}},
        {"getsockopt: its type", ALL, SYS_getsockopt, {-1, SOL_SOCKET, SO_TYPE}},
        {"getsockopt: who is there", GATE | API | CONSOLE, SYS_getsockopt, {-1, SOL_SOCKET, SO_PEERCRED}},
        {"getsockopt: a handle of who is there", NONE, SYS_getsockopt, {-1, SOL_SOCKET, 77}},
        {"sendmsg", ALL, SYS_sendmsg, {-1}},
        {"recvmsg", ALL, SYS_recvmsg, {-1}},
    };
    TRY(attempts);
}

TEST(files_and_descriptors)
{
    NEEDS_FILTER();
    const long path = (long)"/nothing/here";
    const struct attempt attempts[] = {
        {"open to read", STORE, SYS_openat, {AT_FDCWD, path, O_RDONLY | O_CLOEXEC}},
        {"open to make", STORE, SYS_openat, {AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600}},
        {"open a path only", NONE, SYS_openat, {AT_FDCWD, path, O_PATH}},
        {"open without a name", NONE, SYS_openat, {AT_FDCWD, path, O_TMPFILE | O_RDWR, 0600}},
        {"open with signals", NONE, SYS_openat, {AT_FDCWD, path, O_RDWR | O_ASYNC}},
        {"openat2", NONE, SYS_openat2, {AT_FDCWD, path}},
        {"open by handle", NONE, SYS_open_by_handle_at, {-1}},
        {"unlink", STORE, SYS_unlinkat, {AT_FDCWD, path, 0}},
        {"remove a directory", NONE, SYS_unlinkat, {AT_FDCWD, path, AT_REMOVEDIR}},
        {"mkdir", NONE, SYS_mkdirat, {AT_FDCWD, path, 0700}},
        {"mknod", NONE, SYS_mknodat, {AT_FDCWD, path, 0600}},
        {"symlink", NONE, SYS_symlinkat, {path, AT_FDCWD, path}},
        {"link", NONE, SYS_linkat, {AT_FDCWD, path, AT_FDCWD, path, 0}},
        {"rename", NONE, SYS_renameat2, {AT_FDCWD, path, AT_FDCWD, path, 0}},
        {"fchmod", STORE, SYS_fchmod, {-1, 0600}},
        {"fchmod to be executed", NONE, SYS_fchmod, {-1, 0700}},
        {"fchmod to be set-uid", NONE, SYS_fchmod, {-1, 04600}},
        {"fchmodat", NONE, SYS_fchmodat, {AT_FDCWD, path, 0600}},
        {"chdir", NONE, SYS_chdir, {(long)"/"}},
        {"fchdir", NONE, SYS_fchdir, {-1}},
        {"truncate", STORE, SYS_ftruncate, {-1, 0}},
        {"getdents64", NONE, SYS_getdents64, {-1}},
        {"setxattr", NONE, SYS_fsetxattr, {-1}},
        {"inotify", NONE, SYS_inotify_init1, {0}},
        {"fanotify", NONE, SYS_fanotify_init, {0}},
        {"sendfile", NONE, SYS_sendfile, {-1}},
        {"splice", NONE, SYS_splice, {-1}},
        {"copy_file_range", NONE, SYS_copy_file_range, {-1}},
        {"dup", NONE, SYS_dup, {0}},
        {"dup3", NONE, SYS_dup3, {0, 9, 0}},
        {"fcntl: flags", ALL, SYS_fcntl, {0, F_GETFL}},
        {"fcntl: another descriptor", NONE, SYS_fcntl, {0, F_DUPFD, 9}},
        {"fcntl: signals to somebody", NONE, SYS_fcntl, {0, F_SETOWN, getpid()}},
        {"fcntl: which signal", NONE, SYS_fcntl, {0, F_SETSIG, SIGKILL}},
        {"fcntl: signals on", NONE, SYS_fcntl, {0, F_SETFL, O_ASYNC}},
        {"fcntl: a lock", STORE, SYS_fcntl, {-1, F_SETLK}},
        {"fcntl: a lease", NONE, SYS_fcntl, {-1, F_SETLEASE}},
        {"ioctl: not blocking", ALL, SYS_ioctl, {-1, FIONBIO}},
        {"ioctl: typing into the terminal", NONE, SYS_ioctl, {STDERR_FILENO, TIOCSTI}},
        {"ioctl: signals on", NONE, SYS_ioctl, {-1, FIOASYNC}},
        {"ioctl: asking a terminal", NONE, SYS_ioctl, {-1, TCGETS}},
    };
    TRY(attempts);
}

/* abort() must end a role as what it is. */
static int aborts(const struct priv_profile *profile)
{
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t held;
        if (priv_confine(profile, 0, &held) != 0) {
            _exit(99);
        }
        abort();
    }
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

TEST(a_role_may_abort)
{
    NEEDS_FILTER();
    for (size_t k = 0; k < ROLE_COUNT; k++) {
        CHECK_EQ_INT(aborts(roles[k].profile), SIGABRT);
    }
}

/* What a profile says beside its calls. */
TEST(only_egress_has_a_network_and_only_the_store_has_files)
{
    for (size_t k = 0; k < ROLE_COUNT; k++) {
        const struct priv_profile *p = roles[k].profile;
        CHECK_EQ_INT(p->network, roles[k].bit == EGRESS);
        CHECK_EQ_INT(p->root, roles[k].bit == STORE ? PRIV_ROOT_DIRECTORY : PRIV_ROOT_EMPTY);
        CHECK_EQ_INT(p->max_file_bytes != 0, roles[k].bit == STORE);
        CHECK(p->max_memory != 0 && p->max_descriptors != 0);
    }
}

TEST_MAIN()

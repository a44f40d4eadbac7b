/* test_confine.c - what a confined process can still do, and what ends it. Each attempt is made in a child of its own. */
#include "priv/confine.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers need calls that the filter forbids; then only the other layers are tried. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_SECCOMP false
#else
#define WITH_SECCOMP true
#endif

enum { ENDED_WELL = 0, ENDED_BY_FILTER = 1000, ENDED_UNCONFINED = 99 };

/* Runs `attempt` in a child under a profile; its exit status, or ENDED_BY_FILTER. */
static int try_under(unsigned needs, uint32_t waived, int (*attempt)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct priv_profile profile = {.needs = needs, .max_descriptors = 64};
        uint32_t held;
        if (priv_confine(&profile, waived, &held) != 0) {
            _exit(ENDED_UNCONFINED);
        }
        _exit(attempt());
    }
    int status = 0;
    if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid)) {
        return -1;
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? ENDED_BY_FILTER : WEXITSTATUS(status);
}

static int work(void)
{
    char *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return 1;
    }
    memory[0] = 1;
    return munmap(memory, 65536) == 0 && write(STDOUT_FILENO, "", 0) == 0 ? 0 : 2;
}

static int run_shell(void)
{
    char *const arguments[] = {(char[]){"/bin/sh"}, NULL};
    return execve("/bin/sh", arguments, NULL) == 0 ? 0 : 1;
}

static int make_child(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 ? 0 : 1;
}

static int open_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 1;
}

static int inet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 1;
}

static int netlink_socket(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 ? 0 : 1;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 1;
}

static int unix_pair(void)
{
    int fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : 1;
}

static int trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 0 : 1;
}

static int executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                   MAP_FAILED
               ? 0
               : 1;
}

static int io_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0 ? 0 : 1;
}

static int layers_hold(void)
{
    struct rlimit core;
    struct rlimit files;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                   getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
                   getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max == 64
               ? 0
               : 1;
}

TEST(the_layers_without_a_filter_hold)
{
    CHECK_EQ_INT(try_under(0, PRIV_LAYER_SECCOMP, layers_hold), ENDED_WELL);
}

TEST(what_every_role_needs_works)
{
    if (!WITH_SECCOMP) {
        SKIP("a sanitizer's own calls do not pass the filter");
    }
    CHECK_EQ_INT(try_under(0, 0, work), ENDED_WELL);
}

TEST(what_no_role_may_do_ends_it)
{
    if (!WITH_SECCOMP) {
        SKIP("a sanitizer's own calls do not pass the filter");
    }
    const unsigned all = PRIV_NEED_ACCEPT | PRIV_NEED_CONNECT | PRIV_NEED_FILES | PRIV_NEED_SOCKETPAIR;
    CHECK_EQ_INT(try_under(all, 0, run_shell), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, make_child), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, netlink_socket), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, unix_socket), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, trace_parent), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, executable_memory), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(all, 0, io_ring), ENDED_BY_FILTER);
}

TEST(needs_open_exactly_what_they_name)
{
    if (!WITH_SECCOMP) {
        SKIP("a sanitizer's own calls do not pass the filter");
    }
    CHECK_EQ_INT(try_under(0, 0, open_file), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(PRIV_NEED_FILES, 0, open_file), ENDED_WELL);
    CHECK_EQ_INT(try_under(0, 0, inet_socket), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(PRIV_NEED_FILES, 0, inet_socket), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(PRIV_NEED_CONNECT, 0, inet_socket), ENDED_WELL);
    CHECK_EQ_INT(try_under(PRIV_NEED_CONNECT, 0, unix_pair), ENDED_BY_FILTER);
    CHECK_EQ_INT(try_under(PRIV_NEED_SOCKETPAIR, 0, unix_pair), ENDED_WELL);
    CHECK_EQ_INT(try_under(PRIV_NEED_SOCKETPAIR, 0, inet_socket), ENDED_BY_FILTER);
}

/* `clawbox serve 2>log` makes the log a file, and a warning must not end the role that has it. */
static int write_log(void)
{
    return write(STDERR_FILENO, "x", 1) == 1 ? 0 : 1;
}

TEST(the_log_may_be_a_file)
{
    char path[] = "/tmp/clawbox-test-log-XXXXXX";
    int log = mkostemp(path, O_CLOEXEC);
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    CHECK(log >= 0 && saved >= 0 && dup2(log, STDERR_FILENO) >= 0);
    int ended = try_under(0, PRIV_LAYER_SECCOMP, write_log);
    CHECK(dup2(saved, STDERR_FILENO) >= 0);
    CHECK_EQ_INT(ended, ENDED_WELL);
    (void)close(saved);
    (void)close(log);
    CHECK(unlink(path) == 0);
}

TEST(layers_have_names)
{
    CHECK_EQ_STR(priv_layer_name(PRIV_LAYER_SECCOMP), "seccomp");
    CHECK_EQ_INT(priv_layer_parse("seccomp"), PRIV_LAYER_SECCOMP);
    CHECK_EQ_INT(priv_layer_parse("nonsense"), 0);
    CHECK(priv_layer_name((enum priv_layer)3) == NULL);
}

TEST_MAIN()

/* test_confine.c - the layers that a process puts on itself, as far as they can be asked for: names, waivers, limits. */
#include "priv/confine.h"
#include "support/check.h"
#include "support/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const struct priv_profile small = {
    .max_descriptors = 64, .max_memory = (uint64_t)1 << 46, .max_locked = 4096};

/* What the filter would forbid to ask. */
#define NO_FILTER ((uint32_t)PRIV_LAYER_SECCOMP)

static bool limit_is(__rlimit_resource_t what, uint64_t value)
{
    struct rlimit limit;
    return getrlimit(what, &limit) == 0 && limit.rlim_cur == value && limit.rlim_max == value;
}

static int limits_hold(void)
{
    return limit_is(RLIMIT_CORE, 0) && limit_is(RLIMIT_NOFILE, 64) && limit_is(RLIMIT_NPROC, 0) &&
                   limit_is(RLIMIT_MSGQUEUE, 0) && limit_is(RLIMIT_MEMLOCK, 4096) &&
                   limit_is(RLIMIT_AS, (uint64_t)1 << 46)
               ? 0
               : 1;
}

static int is_closed(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                   syscall(SYS_capget, &header, data) == 0 && data[0].permitted == 0 &&
                   data[1].permitted == 0 && data[0].effective == 0 && data[0].inheritable == 0
               ? 0
               : 1;
}

static int is_dumpable(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static int limits_are_as_they_were(void)
{
    return limit_is(RLIMIT_NPROC, 0) ? 1 : 0;
}

TEST(the_layers_without_a_filter_hold)
{
    CHECK_EQ_INT(confined(&small, NO_FILTER, limits_hold), 0);
    CHECK_EQ_INT(confined(&small, NO_FILTER, is_closed), 0);
}

TEST(a_waived_layer_is_not_put_on_and_the_others_are)
{
    CHECK_EQ_INT(confined(&small, NO_FILTER | PRIV_LAYER_DUMPABLE, is_dumpable), 0);
    CHECK_EQ_INT(confined(&small, NO_FILTER | PRIV_LAYER_DUMPABLE, limits_hold), 0);
    CHECK_EQ_INT(confined(&small, NO_FILTER | PRIV_LAYER_LIMITS, limits_are_as_they_were), 0);
    CHECK_EQ_INT(confined(&small, NO_FILTER | PRIV_LAYER_LIMITS, is_closed), 0);
}

/* Without no_new_privs an ordinary user may load neither: the start must end, not go on without. */
static int held_by_an_ordinary_user(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t held;
        if (getuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)) {
            _exit(1);
        }
        _exit(priv_confine(&small, PRIV_LAYER_NO_NEW_PRIVS, &held) != 0 ? 0 : 2);
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_layer_that_does_not_load_ends_the_start)
{
    CHECK_EQ_INT(held_by_an_ordinary_user(), 0);
}

/* A role that is not confined yet is closed to others all the same. */
static int closed_early(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        priv_close_memory();
        _exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

TEST(memory_is_closed_from_the_first_moment)
{
    CHECK_EQ_INT(closed_early(), 0);
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
    int ended = confined(&small, NO_FILTER, write_log);
    CHECK(dup2(saved, STDERR_FILENO) >= 0);
    CHECK_EQ_INT(ended, 0);
    (void)close(saved);
    (void)close(log);
    CHECK(unlink(path) == 0);
}

TEST(layers_have_names)
{
    uint32_t all = 0;
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        const char *name = priv_layer_name((enum priv_layer)bit);
        if (CHECK(name != NULL)) {
            CHECK_EQ_INT(priv_layer_parse(name), bit);
        }
        all |= bit;
    }
    CHECK_EQ_UINT(all, PRIV_LAYERS_ALL);
    CHECK_EQ_STR(priv_layer_name(PRIV_LAYER_SECCOMP), "seccomp");
    CHECK_EQ_INT(priv_layer_parse("nonsense"), 0);
    CHECK(priv_layer_name((enum priv_layer)3) == NULL);
}

TEST_MAIN()

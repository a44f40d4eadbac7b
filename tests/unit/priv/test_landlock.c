/* test_landlock.c - what Landlock alone keeps a process from, without the filter of calls. Each attempt is a child of its own. */
#include "priv/landlock.h"
#include "support/check.h"
#include "support/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ONLY (PRIV_LAYERS_OWN & ~(uint32_t)(PRIV_LAYER_LANDLOCK | PRIV_LAYER_NO_NEW_PRIVS)) /* waived */

static const struct priv_profile no_files = {.max_descriptors = 64};
static const struct priv_profile with_network = {.network = true, .max_descriptors = 64};
static const struct priv_profile one_directory = {.root = PRIV_ROOT_DIRECTORY, .max_descriptors = 64};

static int result(long r)
{
    return r >= 0 ? 0 : errno;
}

static int read_file(void)
{
    return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int list_root(void)
{
    return result(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int read_other_memory(void)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
    return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int make_and_remove(void)
{
    int fd = open("inside", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? errno : result(write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 ? unlink("inside") : -1);
}

static int make_directory(void)
{
    return result(mkdir("deeper", 0700));
}

static int make_symlink(void)
{
    return result(symlink("/etc/passwd", "link"));
}

static int make_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return result(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static int leave_directory(void)
{
    return result(open("../outside", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static int run_program(void)
{
    char *const arguments[] = {(char[]){"program"}, NULL};
    (void)execve("program", arguments, NULL);
    return errno;
}

static int tcp(int (*what)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = 0, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return result(what(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static int bind_tcp(void)
{
    return tcp(bind);
}

static int connect_tcp(void)
{
    return tcp(connect);
}

static int signal_parent(void)
{
    return result(kill(getppid(), 0));
}

static int abstract_listener = -1;
static char abstract_name[64];

static int connect_abstract(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, abstract_name, strlen(abstract_name));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract_name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return result(connect(fd, (const struct sockaddr *)&address, size));
}

static int needs(int version)
{
    return priv_landlock_version() >= version;
}

TEST(a_role_without_files_opens_none)
{
    if (!needs(1)) {
        SKIP("this kernel has no Landlock");
        return;
    }
    CHECK_EQ_INT(confined(&no_files, ONLY, read_file), EACCES);
    CHECK_EQ_INT(confined(&no_files, ONLY, list_root), EACCES);
    CHECK_EQ_INT(confined(&no_files, ONLY, read_other_memory), EACCES);
    CHECK_EQ_INT(confined(&with_network, ONLY, read_file), EACCES);
}

TEST(the_store_has_its_directory_and_nothing_else)
{
    if (!needs(3)) {
        SKIP("this kernel's Landlock does not know truncation");
        return;
    }
    char folder[] = "/tmp/clawbox-test-landlock-XXXXXX";
    char program[64];
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0 && mkdir("own", 0700) == 0 && chdir("own") == 0);
    (void)snprintf(program, sizeof(program), "%s/own/program", folder);
    int fd = open("program", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    CHECK(fd >= 0 && write(fd, "#!/bin/sh\n", 10) == 10 && close(fd) == 0);
    CHECK_EQ_INT(confined(&one_directory, ONLY, make_and_remove), 0);
    CHECK_EQ_INT(confined(&one_directory, ONLY, make_directory), EACCES);
    CHECK_EQ_INT(confined(&one_directory, ONLY, make_symlink), EACCES);
    CHECK_EQ_INT(confined(&one_directory, ONLY, make_socket), EACCES);
    CHECK_EQ_INT(confined(&one_directory, ONLY, leave_directory), EACCES);
    CHECK_EQ_INT(confined(&one_directory, ONLY, read_file), EACCES);
    CHECK_EQ_INT(confined(&one_directory, ONLY, run_program), EACCES);
    CHECK(unlink("program") == 0 && chdir("/") == 0);
    (void)snprintf(program, sizeof(program), "%s/own", folder);
    CHECK(rmdir(program) == 0 && rmdir(folder) == 0);
}

TEST(tcp_is_for_egress_and_a_port_of_its_own_for_nobody)
{
    if (!needs(4)) {
        SKIP("this kernel's Landlock does not know TCP");
        return;
    }
    CHECK_EQ_INT(confined(&no_files, ONLY, connect_tcp), EACCES);
    CHECK_EQ_INT(confined(&no_files, ONLY, bind_tcp), EACCES);
    CHECK_EQ_INT(confined(&with_network, ONLY, bind_tcp), EACCES);
    CHECK(confined(&with_network, ONLY, connect_tcp) != EACCES);
}

TEST(other_processes_are_out_of_reach)
{
    if (!needs(6)) {
        SKIP("this kernel's Landlock has no scopes");
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(abstract_name, sizeof(abstract_name), "clawbox-test-%d", (int)getpid());
    memcpy(address.sun_path + 1, abstract_name, strlen(abstract_name));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract_name));
    abstract_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(abstract_listener, (const struct sockaddr *)&address, size) == 0 &&
          listen(abstract_listener, 8) == 0);
    CHECK_EQ_INT(connect_abstract(), 0);
    CHECK_EQ_INT(confined(&no_files, ONLY, connect_abstract), EPERM);
    CHECK_EQ_INT(confined(&no_files, ONLY, signal_parent), EPERM);
    (void)close(abstract_listener);
}

TEST_MAIN()

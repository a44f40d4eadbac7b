/*
 * test_cage.c - what a process has in the cage: no network, no file, nobody's queues. As root, and as an ordinary user.
 *
 * A test makes its cage in a child, as the user that it is about, and enters it in a child of that one.
 */
#include "priv/cage.h"
#include "priv/drop.h"
#include "support/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define BOTH   ((uint32_t)(PRIV_LAYER_NAMESPACES | PRIV_LAYER_ROOT))

static const struct priv_profile alone = {.root = PRIV_ROOT_EMPTY};
static const struct priv_profile networked = {.root = PRIV_ROOT_EMPTY, .network = true};
static const struct priv_profile store = {.root = PRIV_ROOT_DIRECTORY};

enum { PASSED = 0, NOT_ENTERED = 90, NOT_GIVEN = 91, NOT_SETUP = 92, NO_NAMESPACES = 93 };

struct scene {
    uid_t user;
    uint32_t wanted;
    const struct priv_profile *profile;
    int directory; /* of the store */
    int (*attempt)(void);
};

static int wait_for(pid_t pid)
{
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int enter(const struct scene *s, const struct priv_cage *cage)
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *what;
        int r = priv_cage_enter(cage, s->profile, s->directory, &what);
        if (r == 0) {
            r = priv_capabilities_keep(0);
        }
        if (r != 0) {
            (void)fprintf(stderr, "%s: %s\n", what, cb_strerror(r));
            _exit(NOT_ENTERED);
        }
        _exit(s->attempt());
    }
    return wait_for(pid);
}

/* Whether this kernel lets an ordinary user have a namespace: what the cage is to find out by itself. */
static bool user_may(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    }
    return wait_for(pid) == 0;
}

static int play(const struct scene *s)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() != s->user &&
            (setresgid(s->user, s->user, s->user) != 0 || setresuid(s->user, s->user, s->user) != 0 ||
             prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)) {
            _exit(NOT_SETUP);
        }
        if (s->user != 0 && !user_may()) {
            _exit(NO_NAMESPACES);
        }
        struct priv_cage cage;
        priv_cage_make(s->wanted, &cage);
        if (cage.layers != s->wanted || cage.by_chroot) {
            (void)fprintf(stderr, "%s; %s\n", cage.why_namespaces, cage.why_root);
            _exit(NOT_GIVEN);
        }
        int r = enter(s, &cage);
        priv_cage_free(&cage);
        _exit(r);
    }
    return wait_for(pid);
}

/* As root, when this is root, and as an ordinary user. */
static void both(struct scene s)
{
    if (getuid() == 0) {
        s.user = 0;
        CHECK_EQ_INT(play(&s), PASSED);
    }
    s.user = getuid() == 0 ? NOBODY : getuid();
    int r = play(&s);
    if (r == NO_NAMESPACES) {
        SKIP("this kernel gives no namespaces to an ordinary user");
    } else {
        CHECK_EQ_INT(r, PASSED);
    }
}

/* ---- attempts: 0 when it is as it should be ---- */

static int tcp_to(in_addr_t host, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

static uint16_t listening_port;

static int listen_here(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (const struct sockaddr *)&address, size) == 0 && listen(fd, 8) == 0 &&
          getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    listening_port = ntohs(address.sin_port);
    return fd;
}

static int no_network(void)
{
    return tcp_to(INADDR_LOOPBACK, listening_port) == ENETUNREACH && tcp_to(0xC0000201, 80) == ENETUNREACH
               ? 0
               : 1;
}

static int has_network(void)
{
    return tcp_to(INADDR_LOOPBACK, listening_port);
}

static size_t entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return count;
}

static int nothing_to_see(void)
{
    char here[256];
    if (entries("/") != 2 || getcwd(here, sizeof(here)) == NULL || strcmp(here, "/") != 0) {
        return 1;
    }
    if (chdir("..") != 0 || entries(".") != 2 || chroot(".") == 0) {
        return 2;
    }
    if (mkdir("/new", 0700) == 0 || open("/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0 ||
        errno != EROFS) {
        return 3;
    }
    return open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0
               ? 0
               : 4;
}

static int only_its_directory(void)
{
    if (entries("/") != 3 || access("/database", R_OK | W_OK) != 0 || access("/../database", R_OK) != 0) {
        return 1;
    }
    int fd = open("written", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, "#!/bin/sh\n", 10) != 10 || close(fd) != 0) {
        return 2;
    }
    char *const arguments[] = {(char[]){"written"}, NULL};
    (void)execv("/written", arguments);
    return errno == EACCES && unlink("written") == 0 ? 0 : 3;
}

static int segment = -1;

static int no_segment(void)
{
    struct shmid_ds info;
    return shmctl(segment, IPC_STAT, &info) != 0 && errno == EINVAL ? 0 : 1;
}

static int is_without_rights(void)
{
    return unshare(CLONE_NEWNS) != 0 && sethostname("x", 1) != 0 ? 0 : 1;
}

/* ---- tests ---- */

TEST(there_is_no_network)
{
    int fd = listen_here();
    both((struct scene){.wanted = BOTH, .profile = &alone, .directory = -1, .attempt = no_network});
    (void)close(fd);
}

TEST(egress_keeps_the_network)
{
    int fd = listen_here();
    both((struct scene){.wanted = BOTH, .profile = &networked, .directory = -1, .attempt = has_network});
    both((struct scene){.wanted = BOTH, .profile = &networked, .directory = -1, .attempt = nothing_to_see});
    (void)close(fd);
}

TEST(the_root_is_empty_and_cannot_be_written)
{
    both((struct scene){.wanted = BOTH, .profile = &alone, .directory = -1, .attempt = nothing_to_see});
    both((struct scene){
        .wanted = PRIV_LAYER_ROOT, .profile = &alone, .directory = -1, .attempt = nothing_to_see});
}

TEST(the_stores_root_is_its_directory)
{
    char folder[] = "/tmp/clawbox-test-cage-XXXXXX";
    char path[64];
    CHECK(mkdtemp(folder) != NULL && chmod(folder, 0777) == 0);
    (void)snprintf(path, sizeof(path), "%s/database", folder);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    CHECK(fd >= 0 && fchmod(fd, 0666) == 0 && close(fd) == 0);
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    both((struct scene){
        .wanted = BOTH, .profile = &store, .directory = directory, .attempt = only_its_directory});
    (void)close(directory);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

TEST(nobodys_memory_is_shared)
{
    segment = shmget(IPC_PRIVATE, 4096, 0666);
    CHECK(segment >= 0);
    both((struct scene){.wanted = BOTH, .profile = &alone, .directory = -1, .attempt = no_segment});
    CHECK(shmctl(segment, IPC_RMID, NULL) == 0);
}

TEST(what_the_namespaces_gave_is_gone)
{
    both((struct scene){.wanted = BOTH, .profile = &alone, .directory = -1, .attempt = is_without_rights});
}

TEST(nothing_wanted_is_nothing_made)
{
    struct priv_cage cage;
    priv_cage_make(0, &cage);
    CHECK_EQ_UINT(cage.layers, 0);
    for (unsigned i = 0; i < PRIV_CAGE__COUNT; i++) {
        CHECK_EQ_INT(cage.fds[i], -1);
    }
    priv_cage_free(&cage);
}

TEST_MAIN()

/*
 * attacker.c - somebody's code inside a role: executes the system calls that the tests send, in the role's own process.
 *
 * It is linked into a program of its own beside the objects of the real one (tests/sandbox/CMakeLists.txt) and comes in by
 * the linker's --wrap: nothing in the real program knows of it, and the real program has none of it. A role of that
 * program has a socket of the tests in the place of /dev/null as its standard output. Once the role is ready, confined
 * and serving, the first order that comes over the socket takes the process over; ATTACK_RELEASE gives it back.
 *
 * Whoever runs code in a process can make any system call with any arguments and read its memory: that is what the
 * orders are. What an attack does is written in Python (attacks.py).
 */
#include "sandbox/attacker.h"

#include "ipc/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_VARIABLE "CLAWBOX_ATTACKER_SOCKET"
#define CHANNELS_MAX    256

/* What the tests may ask for by name; numbers differ between machines. */
/* clang-format off */
#define CALLS(C) \
    C(add_key) C(bind) C(bpf) C(chroot) C(clone) C(close) C(connect) C(execve) C(execveat) C(fcntl) \
    C(getdents64) C(getpid) C(io_uring_setup) C(kill) C(listen) C(memfd_create) C(mmap) C(mount) C(mprotect) \
    C(name_to_handle_at) C(openat) C(perf_event_open) C(personality) C(pidfd_getfd) C(pidfd_open) \
    C(pidfd_send_signal) C(prctl) C(prlimit64) C(process_vm_readv) C(process_vm_writev) C(ptrace) C(read) \
    C(recvmsg) C(sendmsg) C(sendto) C(setns) C(setuid) C(socket) C(socketpair) C(tgkill) C(unshare) \
    C(userfaultfd) C(write)
/* clang-format on */

static const struct {
    const char *name;
    long number;
} calls[] = {
#define CALL_ROW(name) {#name, SYS_##name},
    CALLS(CALL_ROW)
#undef CALL_ROW
};

/* A channel that the role has opened, by its descriptor: what an attacker would learn from the role's memory. */
static struct attack_channel channels[CHANNELS_MAX];
static size_t channel_count;

/* Where orders put what their arguments point to. */
static uint8_t scratch[ATTACK_SCRATCH];

/* ---- how it comes in ---- */

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
void __real_ipc_role_ready(uint32_t layers);
void __wrap_ipc_role_ready(uint32_t layers);
int __real_ipc_chan_open(struct net_loop *loop, int fd, enum ipc_channel channel, enum ipc_role self,
                         enum ipc_role peer, bool descriptors, const struct ipc_chan_handler *handler,
                         void *arg, struct ipc_chan **out);
int __wrap_ipc_chan_open(struct net_loop *loop, int fd, enum ipc_channel channel, enum ipc_role self,
                         enum ipc_role peer, bool descriptors, const struct ipc_chan_handler *handler,
                         void *arg, struct ipc_chan **out);

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int connect_to_tests(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The monitor's child opens /dev/null for its standard input and output, before anything is taken from it. */
int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    const char *socket_path = getenv(SOCKET_VARIABLE);
    if (socket_path != NULL && strcmp(path, "/dev/null") == 0) {
        return connect_to_tests(socket_path);
    }
    return __real_open(path, flags, mode);
}

int __wrap_ipc_chan_open(struct net_loop *loop, int fd, enum ipc_channel channel, enum ipc_role self,
                         enum ipc_role peer, bool descriptors, const struct ipc_chan_handler *handler,
                         void *arg, struct ipc_chan **out)
{
    int r = __real_ipc_chan_open(loop, fd, channel, self, peer, descriptors, handler, arg, out);
    if (r == 0 && channel_count < CHANNELS_MAX) {
        channels[channel_count++] =
            (struct attack_channel){.fd = fd, .channel = (uint16_t)channel, .peer = (uint16_t)peer};
    }
    return r;
}

/* ---- orders ---- */

static void read_all(void *to, size_t len)
{
    uint8_t *at = to;
    while (len != 0) {
        ssize_t got = read(STDOUT_FILENO, at, len);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            _exit(ATTACK_EXIT_ORPHAN);
        }
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

static void write_all(const void *from, size_t len)
{
    const uint8_t *at = from;
    while (len != 0) {
        ssize_t put = write(STDOUT_FILENO, at, len);
        if (put < 0 && errno != EINTR) {
            _exit(ATTACK_EXIT_ORPHAN);
        }
        if (put > 0) {
            at += put;
            len -= (size_t)put;
        }
    }
}

static int64_t do_call(const struct attack_order *o)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strncmp(o->name, calls[i].name, sizeof(o->name)) == 0) {
            long r = syscall(calls[i].number, o->args[0], o->args[1], o->args[2], o->args[3], o->args[4],
                             o->args[5]);
            if (r == 0 && calls[i].number == SYS_clone) {
                _exit(0); /* the new process has shown that it can be */
            }
            return r >= 0 ? r : -errno;
        }
    }
    return ATTACK_NO_SUCH_CALL;
}

/* The same kernel through its other door, whose numbers mean other calls. */
static int64_t do_compat(const struct attack_order *o)
{
#if defined(__x86_64__)
    int64_t r;
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(o->args[0]), "b"(o->args[1]), "c"(o->args[2]), "d"(o->args[3])
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int32_t)r;
#else
    (void)o;
    return ATTACK_NO_SUCH_CALL;
#endif
}

/* Jumps into memory: what an attacker's payload would do. */
static int64_t do_jump(const struct attack_order *o)
{
    int (*code)(void) = (int (*)(void))(uintptr_t)o->args[0];
    return code();
}

static void obey(const struct attack_order *o)
{
    struct attack_result result = {.value = 0};
    if (o->in_len > sizeof(scratch) || o->out_len > sizeof(scratch)) {
        _exit(ATTACK_EXIT_ORPHAN);
    }
    read_all(scratch, o->in_len);
    const void *out = scratch;
    switch (o->op) {
    case ATTACK_CALL:
        result.value = do_call(o);
        break;
    case ATTACK_COMPAT:
        result.value = do_compat(o);
        break;
    case ATTACK_JUMP:
        result.value = do_jump(o);
        break;
    case ATTACK_PEEK:
        out = (const void *)(uintptr_t)o->args[0];
        break;
    case ATTACK_CHANNELS:
        result.value = (int64_t)channel_count;
        memcpy(scratch, channels, sizeof(channels));
        break;
    default:
        break;
    }
    write_all(&result, sizeof(result));
    write_all(out, o->out_len);
}

/* Keeps the role from everything else until it is given back. */
void attack_obey(void)
{
    struct attack_order order;
    (void)fcntl(STDOUT_FILENO, F_SETFL, 0); /* the role's loop does not block */
    do {
        read_all(&order, sizeof(order));
        obey(&order);
    } while (order.op != ATTACK_RELEASE);
    (void)fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
}

void attack_hello(const char *role, const char *tenant)
{
    struct attack_hello hello = {.scratch = (uintptr_t)scratch};
    (void)snprintf(hello.role, sizeof(hello.role), "%s", role);
    (void)snprintf(hello.tenant, sizeof(hello.tenant), "%s", tenant);
    write_all(&hello, sizeof(hello));
}

static void on_order(void *arg, int events)
{
    (void)arg;
    (void)events;
    attack_obey();
}

void __wrap_ipc_role_ready(uint32_t layers)
{
    static struct net_watch *watch;
    __real_ipc_role_ready(layers);
    int type;
    socklen_t len = sizeof(type);
    if (watch != NULL || getsockopt(STDOUT_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) != 0) {
        return; /* started without the tests' socket */
    }
    watch = net_watch_new(ipc_role()->loop, STDOUT_FILENO, on_order, NULL);
    if (watch == NULL || net_watch_set(watch, NET_WATCH_READ) != 0) {
        _exit(ATTACK_EXIT_ORPHAN);
    }
    attack_hello(ipc_role_name(ipc_role()->role), ipc_role()->tenant);
}

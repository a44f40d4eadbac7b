/*
 * role_stage.h - a monitor for one role: a child runs the role's main function on descriptor 3, the test does what the
 * monitor does, and is everybody whom the role talks to.
 *
 * The child's forward-only clock is the test's to move (stage_advance()), so that what waits for minutes is tested in
 * none: one source file of the program has STAGE_CLOCK.
 */
#ifndef TESTS_ROLE_ROLE_STAGE_H
#define TESTS_ROLE_ROLE_STAGE_H

#include "base/log.h"
#include "ipc/pair.h"
#include "ipc/role.h"
#include "priv/confine.h"
#include "support/check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAGE_PATIENCE_MS 40000 /* a test that waits that long for an event has failed */

/* Sanitizers need calls that the filter forbids, and more memory than the limits give. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STAGE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define STAGE_SANITIZED 1
#endif
#ifdef STAGE_SANITIZED
#define STAGE_WAIVED ((uint32_t)(PRIV_LAYER_SECCOMP | PRIV_LAYER_LIMITS))
#else
#define STAGE_WAIVED 0U
#endif
#define STAGE_LAYERS (PRIV_LAYERS_OWN & ~STAGE_WAIVED)

/* ---- the clock ---- */

/* Milliseconds by which the child's forward-only clock is ahead; shared with it. NULL in a process whose clock is true. */
extern const volatile uint64_t *stage_clock_ahead_ms;

#define STAGE_CLOCK                                                              \
    const volatile uint64_t *stage_clock_ahead_ms;                               \
    int clock_gettime(clockid_t which, struct timespec *out)                     \
    {                                                                            \
        int r = (int)syscall(SYS_clock_gettime, which, out);                     \
        if (r == 0 && which != CLOCK_REALTIME && stage_clock_ahead_ms != NULL) { \
            uint64_t ahead_ms = *stage_clock_ahead_ms;                           \
            out->tv_sec += (time_t)(ahead_ms / 1000);                            \
        }                                                                        \
        return r;                                                                \
    }

/* ---- the stage ---- */

struct stage {
    /* set by the test before stage_start() */
    enum ipc_role role;
    int (*role_main)(void);
    const char *folder; /* where the role works, or NULL */
    uint64_t tenant_id; /* of gate and egress */
    const char *tenant;
    bool quiet;                                   /* the role's complaints are expected */
    int (*on_life)(void *arg, struct ipc_in *in); /* messages other than READY */
    void *arg;

    struct net_loop *loop;
    struct net_timer *patience;
    volatile uint64_t *ahead_ms;
    bool overdue;
    struct ipc_chan *life;
    bool life_closed;
    bool ready;
    uint32_t layers;
    pid_t pid;
    bool rekey; /* what START says */
};

/* Runs the loop until the condition holds; fails when nothing makes it true. */
#define STAGE_UNTIL(stage_, condition_)                    \
    do {                                                   \
        while (!(condition_) && !(stage_)->overdue) {      \
            net_loop_run((stage_)->loop);                  \
        }                                                  \
        CHECK((condition_) && "before the patience ends"); \
    } while (0)

static inline int stage_on_life_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct ipc_ready ready;
    int r;
    if (in->msg == IPC_MSG_READY) {
        r = ipc_get_ready(in->payload, &ready);
        CHECK(!s->ready);
        s->ready = true;
        s->layers = r == 0 ? ready.layers : 0;
    } else {
        r = s->on_life != NULL ? s->on_life(s->arg, in) : CB_EPERM;
    }
    CHECK_EQ_INT(r, 0);
    net_loop_stop(s->loop);
    return r;
}

static inline void stage_on_life_closed(void *arg, int code)
{
    struct stage *s = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    s->life_closed = true;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler stage_life_handler = {.on_message = stage_on_life_message,
                                                           .on_closed = stage_on_life_closed};

static inline void stage_on_patience(void *arg)
{
    struct stage *s = arg;
    s->overdue = true;
    net_loop_stop(s->loop);
}

static inline void stage_child(struct stage *s, int fd)
{
    /* As after an exec: the channel on its descriptor, nothing else. */
    stage_clock_ahead_ms = s->ahead_ms;
    if (s->quiet && freopen("/dev/null", "w", stderr) == NULL) {
        _exit(100);
    }
    if (fd != IPC_ROLE_LIFE_FD && dup2(fd, IPC_ROLE_LIFE_FD) < 0) {
        _exit(101);
    }
    if (close_range(IPC_ROLE_LIFE_FD + 1, ~0U, 0) != 0 || (s->folder != NULL && chdir(s->folder) != 0)) {
        _exit(102);
    }
    _exit(s->role_main());
}

/* Starts the child and says START. */
static inline void stage_start(struct stage *s)
{
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    s->ready = s->life_closed = s->overdue = false;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!CHECK(page != MAP_FAILED)) {
        abort();
    }
    s->ahead_ms = page;
    s->pid = fork();
    if (s->pid == 0) {
        stage_child(s, fds[1]);
    }
    (void)close(fds[1]);
    s->loop = net_loop_new();
    s->patience = net_timer_new(s->loop, stage_on_patience, s);
    net_timer_start(s->patience, STAGE_PATIENCE_MS, 0);
    CHECK(s->pid > 0);
    CHECK_EQ_INT(ipc_chan_open(s->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR, s->role, true,
                               &stage_life_handler, s, &s->life),
                 0);
    struct ipc_start start = {.tenant_id = s->tenant_id,
                              .rekey = s->rekey,
                              .tenant = span_str(s->tenant),
                              .log_level = LOG_LEVEL_ERROR,
                              .dns_servers = SPAN_LIT("127.0.0.1:9")};
    CHECK_EQ_INT(ipc_send_start(s->life, 0, &start), 0);
}

/* One end of a new channel goes to the role as that peer's, the other one is returned. */
static inline int stage_wire(struct stage *s, enum ipc_role role, uint64_t tenant_id, const char *tenant)
{
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    struct ipc_peer peer = {.role = (uint8_t)role, .tenant_id = tenant_id, .tenant = span_str(tenant)};
    CHECK_EQ_INT(ipc_send_peer(s->life, 0, &peer, fds[1]), 0);
    return fds[0];
}

static inline void stage_go(struct stage *s)
{
    CHECK_EQ_INT(ipc_send_go(s->life, 0, &(struct ipc_go){.waived = STAGE_WAIVED}), 0);
}

/* Says GO and waits for READY. */
static inline void stage_serve(struct stage *s)
{
    stage_go(s);
    STAGE_UNTIL(s, s->ready || s->life_closed);
    CHECK(s->ready);
    CHECK_EQ_UINT(s->layers, STAGE_LAYERS);
}

/* The child's clock goes forward by so many milliseconds (whole seconds); it sees that when it next wakes up. */
static inline void stage_advance(struct stage *s, uint64_t ms)
{
    *s->ahead_ms += ms;
}

/* Waits for the end of the child; its exit status, or 1000 and the signal. */
static inline int stage_wait(struct stage *s)
{
    int status = -1;
    STAGE_UNTIL(s, s->life_closed);
    if (!s->life_closed) {
        (void)kill(s->pid, SIGKILL);
    }
    ipc_chan_free(s->life); /* nor does a role that is stuck outlive its monitor */
    CHECK(waitpid(s->pid, &status, 0) == s->pid);
    net_timer_free(s->patience);
    net_loop_free(s->loop);
    (void)munmap((void *)(uintptr_t)s->ahead_ms, 4096);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int stage_stop(struct stage *s, uint32_t grace_ms)
{
    CHECK_EQ_INT(ipc_send_stop(s->life, 0, &(struct ipc_stop){.grace_ms = grace_ms}), 0);
    return stage_wait(s);
}

/* ---- bytes that no sender of ours would send ---- */

static inline void stage_raw_frame(struct buf *out, size_t announced, unsigned msg, uint32_t call,
                                   struct span payload)
{
    struct writer w = writer_to(out);
    writer_u32(&w, (uint32_t)announced);
    writer_u16(&w, (uint16_t)msg);
    writer_u32(&w, call);
    writer_raw(&w, payload.ptr, payload.len);
    CHECK_EQ_INT(writer_finish(&w), 0);
}

static inline void stage_raw_write(int fd, struct span bytes)
{
    CHECK_EQ_INT(write(fd, bytes.ptr, bytes.len), bytes.len);
}

/* Reads until the role closes its end (what it says before is thrown away), and closes ours. */
static inline bool stage_raw_ended(int fd)
{
    char bytes[65536];
    ssize_t got = 1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (got > 0 && poll(&p, 1, STAGE_PATIENCE_MS) == 1) {
        got = read(fd, bytes, sizeof(bytes));
    }
    int error = errno;
    (void)close(fd);
    return got == 0 || (got < 0 && error == ECONNRESET);
}

#endif

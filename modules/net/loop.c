/*
 * loop.c - the event loop over libuv: timers, signals, watched descriptors, tasks.
 *
 * Two facts about libuv shape this file. A handle's memory belongs to libuv until its close callback ran, so every
 * handle here is on the heap and is freed there. And libuv 1.50 sets up an io_uring in every loop, with no switch to
 * keep it from doing so; the ring would be a way around a role's seccomp filter, so it is refused here (see
 * net_uv_syscall() below).
 */
#include "net/loop.h"
#include "net/conn.h"
#include "net/loop_uv.h"

#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tasks may post tasks; after this many rounds the rest waits until descriptors were looked at. */
#define LOOP_TASK_ROUNDS 16

/* ---- libuv's system calls ---- */

long net_uv_syscall(long number, ...);

/* The build redirects libuv's calls of syscall() to this function (cmake/thirdparty.cmake). Without a ring libuv talks
 * to epoll directly, as it does on a kernel that has no io_uring. */
long net_uv_syscall(long number, ...)
{
    if (number == SYS_io_uring_setup || number == SYS_io_uring_enter || number == SYS_io_uring_register) {
        errno = ENOSYS;
        return -1;
    }
    /* The kernel takes six arguments at most; those that were not given are whatever the registers hold, as in the
     * C library's own syscall(). */
    va_list ap;
    va_start(ap, number);
    long a = va_arg(ap, long);
    long b = va_arg(ap, long);
    long c = va_arg(ap, long);
    long d = va_arg(ap, long);
    long e = va_arg(ap, long);
    long f = va_arg(ap, long);
    va_end(ap);
    return syscall(number, a, b, c, d, e, f);
}

/* ---- the loop ---- */

static void loop_run_tasks(struct net_loop *loop)
{
    for (int round = 0; round < LOOP_TASK_ROUNDS && !list_empty(&loop->tasks); round++) {
        /* Moves this round's tasks to a list of their own: what they post belongs to the next round. */
        struct list now;
        list_push_back(&loop->tasks, &now);
        list_remove(&loop->tasks);
        while (!list_empty(&now)) {
            struct net_task *task = LIST_ENTRY(now.next, struct net_task, link);
            list_remove(&task->link);
            task->run(task->arg);
        }
    }
}

static void loop_ignore_idle(uv_idle_t *handle)
{
    (void)handle;
}

static void loop_before_wait(uv_prepare_t *handle)
{
    struct net_loop *loop = handle->data;
    loop_run_tasks(loop);
    if (list_empty(&loop->tasks)) {
        (void)uv_idle_stop(&loop->do_not_wait);
    } else {
        (void)uv_idle_start(&loop->do_not_wait, loop_ignore_idle);
    }
}

/* libuv opens a spare descriptor when its first stream is made. Done here, because a confined role may not open. */
static int loop_open_spare(struct net_loop *loop)
{
    uv_tcp_t stream;
    int r = uv_tcp_init(&loop->uv, &stream);
    if (r != 0) {
        return r;
    }
    uv_close((uv_handle_t *)&stream, NULL);
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    return 0;
}

struct net_loop *net_loop_new(void)
{
    struct net_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return NULL;
    }
    list_init(&loop->tasks);
    list_init(&loop->lingering);
    loop->lingering_max = NET_LINGERING_MAX;
    loop->read_memory = malloc(NET_READ_SIZE);
    if (loop->read_memory == NULL || uv_loop_init(&loop->uv) != 0) {
        free(loop->read_memory);
        free(loop);
        return NULL;
    }
    /* libuv writes with write(2), which has no MSG_NOSIGNAL: a peer that is gone has to be an error code. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* These three only fill in memory; their results are always 0. */
    (void)uv_prepare_init(&loop->uv, &loop->before_wait);
    (void)uv_idle_init(&loop->uv, &loop->do_not_wait);
    loop->before_wait.data = loop;
    (void)uv_prepare_start(&loop->before_wait, loop_before_wait);
    if (loop_open_spare(loop) != 0) {
        net_loop_free(loop);
        return NULL;
    }
    return loop;
}

void net_loop_free(struct net_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    net_conn_end_lingering(loop);
    loop_run_tasks(loop); /* some only free memory */
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    uv_close((uv_handle_t *)&loop->do_not_wait, NULL);
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    int r = uv_loop_close(&loop->uv);
    if (r != 0) {
        /* A handle is still open, and libuv would write to its memory: better to leak than to free under it. */
        log_error_r(net_uv_error(r), "the event loop was freed before what uses it");
        return;
    }
    secret_wipe(loop->read_memory, NET_READ_SIZE);
    free(loop->read_memory);
    free(loop);
}

void net_loop_run(struct net_loop *loop)
{
    loop->running = true;
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->running = false;
    /* The turn that called stop has an end as well. */
    loop_run_tasks(loop);
}

void net_loop_stop(struct net_loop *loop)
{
    uv_stop(&loop->uv);
}

uint64_t net_loop_now_ms(const struct net_loop *loop)
{
    return uv_now(&loop->uv);
}

/* ---- timers ---- */

struct net_timer {
    uv_timer_t uv;
    struct net_loop *loop;
    net_timer_fn *on_timer;
    void *arg;
};

struct net_timer *net_timer_new(struct net_loop *loop, net_timer_fn *on_timer, void *arg)
{
    struct net_timer *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->loop = loop;
    t->on_timer = on_timer;
    t->arg = arg;
    (void)uv_timer_init(&loop->uv, &t->uv);
    t->uv.data = t;
    return t;
}

static void timer_fired(uv_timer_t *handle)
{
    struct net_timer *t = handle->data;
    t->on_timer(t->arg);
}

void net_timer_start(struct net_timer *t, uint64_t delay_ms, uint64_t repeat_ms)
{
    if (!t->loop->running) {
        /* The loop's clock stood still since it last ran. */
        uv_update_time(&t->loop->uv);
    }
    (void)uv_timer_start(&t->uv, timer_fired, delay_ms, repeat_ms);
}

void net_timer_stop(struct net_timer *t)
{
    (void)uv_timer_stop(&t->uv);
}

/* A handle is the first member of what it belongs to, and its `data` points there. */
static void loop_free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

void net_timer_free(struct net_timer *t)
{
    if (t != NULL) {
        uv_close((uv_handle_t *)&t->uv, loop_free_handle);
    }
}

/* ---- signals ---- */

struct net_signal {
    uv_signal_t uv;
    net_signal_fn *on_signal;
    void *arg;
};

static void signal_caught(uv_signal_t *handle, int signum)
{
    struct net_signal *s = handle->data;
    s->on_signal(s->arg, signum);
}

struct net_signal *net_signal_new(struct net_loop *loop, int signum, net_signal_fn *on_signal, void *arg)
{
    struct net_signal *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->on_signal = on_signal;
    s->arg = arg;
    if (uv_signal_init(&loop->uv, &s->uv) != 0) {
        free(s);
        return NULL;
    }
    s->uv.data = s;
    if (uv_signal_start(&s->uv, signal_caught, signum) != 0) {
        net_signal_free(s);
        return NULL;
    }
    return s;
}

void net_signal_free(struct net_signal *s)
{
    if (s != NULL) {
        uv_close((uv_handle_t *)&s->uv, loop_free_handle);
    }
}

/* ---- watched descriptors ---- */

struct net_watch {
    uv_poll_t uv;
    net_watch_fn *on_ready;
    void *arg;
    int events; /* what the owner wants to hear of */
};

struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_watch_fn *on_ready, void *arg)
{
    struct net_watch *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    w->on_ready = on_ready;
    w->arg = arg;
    if (uv_poll_init(&loop->uv, &w->uv, fd) != 0) {
        free(w);
        return NULL;
    }
    w->uv.data = w;
    return w;
}

static int watch_start(struct net_watch *w);

static void watch_ready(uv_poll_t *handle, int status, int uv_events)
{
    struct net_watch *w = handle->data;
    int events = ((uv_events & UV_READABLE) != 0 ? NET_WATCH_READ : 0) |
                 ((uv_events & UV_WRITABLE) != 0 ? NET_WATCH_WRITE : 0);
    if (status != 0 || events == 0) {
        /* An error or a hang-up: whatever the owner wanted to do will tell it more. */
        events = w->events;
    }
    w->on_ready(w->arg, events);
    /* libuv stops watching when it sees an error. An owner who still wants to hear has read it off by now. The
     * memory is valid until the close callback, also if the owner freed the watch just now. */
    if (status != 0 && w->events != 0 && uv_is_active((uv_handle_t *)handle) == 0) {
        int r = watch_start(w);
        if (r != 0) {
            log_error_r(r, "a descriptor cannot be watched any more");
        }
    }
}

static int watch_start(struct net_watch *w)
{
    int wanted = ((w->events & NET_WATCH_READ) != 0 ? UV_READABLE : 0) |
                 ((w->events & NET_WATCH_WRITE) != 0 ? UV_WRITABLE : 0);
    return net_uv_error(uv_poll_start(&w->uv, wanted, watch_ready));
}

int net_watch_set(struct net_watch *w, int events)
{
    if (events == w->events && (events == 0 || uv_is_active((uv_handle_t *)&w->uv) != 0)) {
        return 0;
    }
    w->events = events;
    return events != 0 ? watch_start(w) : net_uv_error(uv_poll_stop(&w->uv));
}

void net_watch_free(struct net_watch *w)
{
    if (w != NULL) {
        w->events = 0;
        uv_close((uv_handle_t *)&w->uv, loop_free_handle);
    }
}

/* ---- tasks ---- */

void net_task_init(struct net_task *task, void (*run)(void *arg), void *arg)
{
    list_init(&task->link);
    task->run = run;
    task->arg = arg;
}

void net_task_post(struct net_loop *loop, struct net_task *task)
{
    if (list_empty(&task->link)) {
        list_push_back(&loop->tasks, &task->link);
    }
}

void net_task_cancel(struct net_task *task)
{
    list_remove(&task->link);
}

/* ---- version (of c-ares: resolve.c) ---- */

const char *net_libuv_version(void)
{
    return uv_version_string();
}

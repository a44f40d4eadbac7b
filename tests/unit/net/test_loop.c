/* test_loop.c - timers, signals, watched descriptors, tasks; and what a loop must not leave behind. */
#include "net_test.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

struct note {
    struct net_loop *loop;
    struct net_timer *timer;
    struct net_task *task;
    int count;
    int stop_at;
    uint64_t at_us;
    char letter;
};

static char trace[64];

static void trace_letter(char letter)
{
    size_t len = strlen(trace);
    if (len + 1 < sizeof(trace)) {
        trace[len] = letter;
        trace[len + 1] = '\0';
    }
}

static void note_it(void *arg)
{
    struct note *n = arg;
    n->count++;
    n->at_us = clock_mono_us();
    if (n->letter != '\0') {
        trace_letter(n->letter);
    }
    if (n->count == n->stop_at) {
        net_loop_stop(n->loop);
    }
}

/* ---- the loop itself ---- */

TEST(loop_leaves_no_descriptor)
{
    int before = net_test_count_fds();
    struct net_loop *loop = net_loop_new(); /* opens libuv's lock for signals, once per process */
    net_loop_free(loop);
    before = net_test_count_fds();
    for (int i = 0; i < 3; i++) {
        loop = net_loop_new();
        if (!CHECK(loop != NULL)) {
            return;
        }
        CHECK(net_test_count_fds() > before);
        net_test_run_for(loop, 1);
        net_loop_free(loop);
    }
    CHECK_EQ_INT(net_test_count_fds(), before);
    net_loop_free(NULL);
}

static bool inherited[1024];

__attribute__((constructor)) static void find_inherited(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    }
}

TEST(loop_has_private_descriptors_no_thread_and_no_ring)
{
    struct net_loop *loop = net_loop_new();
    net_test_run_for(loop, 1);
    DIR *dir = opendir("/proc/self/fd");
    if (!CHECK(dir != NULL)) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd >= 1024 || inherited[fd]) {
            continue;
        }
        char target[128] = "";
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        CHECK(len > 0);
        CHECK(strstr(target, "io_uring") == NULL);
        CHECK(net_test_is_private(fd));
    }
    (void)closedir(dir);
    CHECK_EQ_INT(net_test_count_dir("/proc/self/task"), 3); /* ".", ".." and one */
    net_loop_free(loop);
}

TEST(loop_ignores_sigpipe)
{
    (void)signal(SIGPIPE, SIG_DFL);
    struct net_loop *loop = net_loop_new();
    struct sigaction now;
    CHECK_EQ_INT(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_IGN);
    net_loop_free(loop);
}

TEST(loop_waits_until_it_is_stopped_though_nothing_is_open)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 1};
    struct net_timer *t = net_timer_new(loop, note_it, &n);
    net_timer_start(t, 20, 0);
    net_loop_run(loop);
    CHECK_EQ_INT(n.count, 1);
    /* It can be run again. */
    n.count = 0;
    net_timer_start(t, 1, 0);
    net_loop_run(loop);
    CHECK_EQ_INT(n.count, 1);
    net_timer_free(t);
    net_loop_free(loop);
}

/* ---- timers ---- */

TEST(timer_fires_once_and_not_early)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 1};
    struct net_timer *t = net_timer_new(loop, note_it, &n);
    /* The loop's clock stands still now; the delay counts from the call nevertheless. */
    uint64_t hold_us = clock_mono_us() + 30000;
    while (clock_mono_us() < hold_us) {
    }
    uint64_t start_us = clock_mono_us();
    uint64_t start_ms = net_loop_now_ms(loop);
    net_timer_start(t, 40, 0);
    CHECK_EQ_INT(n.count, 0);
    net_test_run(loop);
    CHECK(n.at_us - start_us >= 38000);
    CHECK(net_loop_now_ms(loop) >= start_ms + 40);
    net_test_run_for(loop, 60);
    CHECK_EQ_INT(n.count, 1);
    net_timer_free(t);
    net_timer_free(NULL);
    net_loop_free(loop);
}

TEST(timer_repeats_restarts_and_stops)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 3};
    struct net_timer *t = net_timer_new(loop, note_it, &n);
    net_timer_start(t, 10000, 0);
    net_timer_start(t, 1, 2);
    net_test_run(loop);
    CHECK_EQ_INT(n.count, 3);
    net_timer_stop(t);
    net_test_run_for(loop, 20);
    CHECK_EQ_INT(n.count, 3);
    net_timer_free(t);
    net_loop_free(loop);
}

static void free_own_timer(void *arg)
{
    struct note *n = arg;
    net_timer_free(n->timer);
    note_it(n);
}

TEST(timer_may_be_freed_by_its_callback)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 1};
    n.timer = net_timer_new(loop, free_own_timer, &n);
    net_timer_start(n.timer, 1, 1);
    net_test_run(loop);
    net_test_run_for(loop, 10);
    CHECK_EQ_INT(n.count, 1);
    net_loop_free(loop);
}

/* ---- signals ---- */

static void note_signal(void *arg, int signum)
{
    CHECK_EQ_INT(signum, SIGUSR1);
    note_it(arg);
}

TEST(signal_is_told)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 1};
    struct net_signal *s = net_signal_new(loop, SIGUSR1, note_signal, &n);
    if (!CHECK(s != NULL)) {
        return;
    }
    CHECK_EQ_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ_INT(n.count, 0);
    net_test_run(loop);
    CHECK_EQ_INT(n.count, 1);
    net_signal_free(s);
    net_signal_free(NULL);
    CHECK(net_signal_new(loop, SIGKILL, note_signal, &n) == NULL);
    net_loop_free(loop);
}

/* ---- watched descriptors ---- */

struct watcher {
    struct note note;
    struct net_watch *watch;
    int fd;
    int events;
    bool free_it;
};

static void watcher_ready(void *arg, int events)
{
    struct watcher *w = arg;
    w->events |= events;
    if ((events & NET_WATCH_READ) != 0) {
        char byte;
        (void)!read(w->fd, &byte, 1);
    }
    if (w->free_it) {
        net_watch_free(w->watch);
    }
    note_it(&w->note);
}

TEST(watch_tells_reading_and_writing)
{
    struct net_loop *loop = net_loop_new();
    int fds[2];
    if (!net_test_pair(AF_UNIX, fds)) {
        return;
    }
    struct watcher w = {.note = {.loop = loop, .stop_at = 1}, .fd = fds[0]};
    w.watch = net_watch_new(loop, fds[0], watcher_ready, &w);
    CHECK_EQ_INT(net_watch_set(w.watch, NET_WATCH_READ), 0);
    CHECK_EQ_INT(write(fds[1], "xy", 2), 2);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    /* Still one byte: it is told again. */
    w.note.count = w.events = 0;
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    /* Nothing. */
    CHECK_EQ_INT(write(fds[1], "z", 1), 1);
    CHECK_EQ_INT(net_watch_set(w.watch, 0), 0);
    w.note.count = w.events = 0;
    net_test_run_for(loop, 10);
    CHECK_EQ_INT(w.note.count, 0);
    /* Writing, and freed from inside. */
    w.free_it = true;
    CHECK_EQ_INT(net_watch_set(w.watch, NET_WATCH_WRITE), 0);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_WRITE);
    /* The descriptor is the caller's, and free to be watched anew. */
    w.free_it = false;
    w.note.count = w.events = 0;
    w.watch = net_watch_new(loop, fds[0], watcher_ready, &w);
    CHECK_EQ_INT(net_watch_set(w.watch, NET_WATCH_READ), 0);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    net_watch_free(w.watch);
    net_watch_free(NULL);
    (void)close(fds[0]);
    (void)close(fds[1]);
    CHECK(net_watch_new(loop, fds[0], watcher_ready, &w) == NULL);
    net_loop_free(loop);
}

TEST(watch_tells_hang_up_as_reading)
{
    struct net_loop *loop = net_loop_new();
    int fds[2];
    CHECK_EQ_INT(pipe2(fds, O_CLOEXEC), 0);
    struct watcher w = {.note = {.loop = loop, .stop_at = 1}, .fd = fds[0]};
    w.watch = net_watch_new(loop, fds[0], watcher_ready, &w);
    CHECK_EQ_INT(net_watch_set(w.watch, NET_WATCH_READ), 0);
    (void)close(fds[1]);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    net_watch_free(w.watch);
    (void)close(fds[0]);
    net_loop_free(loop);
}

TEST(watch_tells_an_error_and_goes_on)
{
    /* UDP to a closed port: the error is read once, then the socket is as good as before. */
    struct net_loop *loop = net_loop_new();
    int a = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int b = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = to;
    socklen_t size = sizeof(to);
    CHECK_EQ_INT(bind(b, (struct sockaddr *)&to, size), 0);
    CHECK_EQ_INT(getsockname(b, (struct sockaddr *)&to, &size), 0);
    CHECK_EQ_INT(bind(a, (struct sockaddr *)&from, size), 0);
    CHECK_EQ_INT(getsockname(a, (struct sockaddr *)&from, &size), 0);
    CHECK_EQ_INT(connect(a, (struct sockaddr *)&to, size), 0);
    (void)close(b);
    struct watcher w = {.note = {.loop = loop, .stop_at = 1}, .fd = a};
    w.watch = net_watch_new(loop, a, watcher_ready, &w);
    CHECK_EQ_INT(net_watch_set(w.watch, NET_WATCH_READ), 0);
    CHECK_EQ_INT(send(a, "x", 1, 0), 1);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    w.note.count = w.events = 0;
    b = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(bind(b, (struct sockaddr *)&to, size), 0);
    CHECK_EQ_INT(sendto(b, "y", 1, 0, (struct sockaddr *)&from, size), 1);
    net_test_run(loop);
    CHECK_EQ_INT(w.events, NET_WATCH_READ);
    net_watch_free(w.watch);
    (void)close(a);
    (void)close(b);
    net_loop_free(loop);
}

/* ---- tasks ---- */

TEST(task_runs_once_in_order_and_never_inside_the_call)
{
    struct net_loop *loop = net_loop_new();
    struct note a = {.loop = loop, .letter = 'a'};
    struct note b = {.loop = loop, .letter = 'b'};
    struct note c = {.loop = loop, .letter = 'c', .stop_at = 1};
    struct net_task ta;
    struct net_task tb;
    struct net_task tc;
    struct net_task cancelled;
    trace[0] = '\0';
    net_task_init(&ta, note_it, &a);
    net_task_init(&tb, note_it, &b);
    net_task_init(&tc, note_it, &c);
    net_task_init(&cancelled, note_it, &a);
    net_task_post(loop, &ta);
    net_task_post(loop, &cancelled);
    net_task_post(loop, &tb);
    net_task_post(loop, &ta);
    net_task_post(loop, &tc);
    net_task_cancel(&cancelled);
    net_task_cancel(&cancelled);
    CHECK_EQ_STR(trace, "");
    net_test_run(loop);
    CHECK_EQ_STR(trace, "abc");
    net_loop_free(loop);
}

static void post_next(void *arg)
{
    struct note *n = arg;
    note_it(n);
    if (n->task != NULL) {
        net_task_post(n->loop, n->task);
    }
}

static void letter_ready(void *arg, int events)
{
    (void)events;
    note_it(arg);
}

TEST(task_posted_by_a_callback_runs_before_the_next_wait)
{
    /* A timer posts a task which posts another; a descriptor is ready all the time. Both tasks run before the
     * descriptor's next callback. */
    struct net_loop *loop = net_loop_new();
    int fds[2];
    if (!net_test_pair(AF_UNIX, fds)) {
        return;
    }
    struct net_task first;
    struct net_task second;
    struct note second_note = {.loop = loop, .letter = '2'};
    struct note first_note = {.loop = loop, .letter = '1', .task = &second};
    struct note timer_note = {.loop = loop, .letter = 't', .task = &first};
    struct note ready_note = {.loop = loop, .letter = 'r', .stop_at = 2};
    trace[0] = '\0';
    net_task_init(&first, post_next, &first_note);
    net_task_init(&second, note_it, &second_note);
    struct net_timer *t = net_timer_new(loop, post_next, &timer_note);
    net_timer_start(t, 0, 0);
    struct net_watch *w = net_watch_new(loop, fds[0], letter_ready, &ready_note);
    CHECK_EQ_INT(net_watch_set(w, NET_WATCH_WRITE), 0);
    net_test_run(loop);
    CHECK_EQ_STR(trace, "t12rr");
    net_watch_free(w);
    net_timer_free(t);
    (void)close(fds[0]);
    (void)close(fds[1]);
    net_loop_free(loop);
}

TEST(task_that_posts_itself_for_ever_does_not_starve_timers)
{
    struct net_loop *loop = net_loop_new();
    struct net_task task;
    struct note endless = {.loop = loop, .task = &task};
    struct note end = {.loop = loop, .stop_at = 1};
    net_task_init(&task, post_next, &endless);
    net_task_post(loop, &task);
    struct net_timer *t = net_timer_new(loop, note_it, &end);
    net_timer_start(t, 5, 0);
    net_test_run(loop);
    CHECK(endless.count > 16);
    net_task_cancel(&task);
    /* And the loop sleeps again afterwards: far fewer turns than a spinning loop would make. */
    int so_far = endless.count;
    struct timespec cpu_before;
    struct timespec cpu_after;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_before);
    net_test_run_for(loop, 100);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_after);
    int64_t cpu_us =
        (cpu_after.tv_sec - cpu_before.tv_sec) * 1000000 + (cpu_after.tv_nsec - cpu_before.tv_nsec) / 1000;
    CHECK(cpu_us < 50000);
    CHECK_EQ_INT(endless.count, so_far);
    net_timer_free(t);
    net_loop_free(loop);
}

struct heap_task {
    struct net_task task;
    struct note *note;
};

static void free_own_task(void *arg)
{
    struct heap_task *h = arg;
    struct note *n = h->note;
    free(h);
    note_it(n);
}

TEST(task_may_free_itself_and_cancel_others)
{
    struct net_loop *loop = net_loop_new();
    struct note n = {.loop = loop, .stop_at = 1};
    struct heap_task *h = calloc(1, sizeof(*h));
    if (!CHECK(h != NULL)) {
        return;
    }
    h->note = &n;
    net_task_init(&h->task, free_own_task, h);
    net_task_post(loop, &h->task);
    net_test_run(loop);
    CHECK_EQ_INT(n.count, 1);
    net_loop_free(loop);
}

static void stop_and_post(void *arg)
{
    struct note *n = arg;
    net_loop_stop(n->loop);
    net_task_post(n->loop, n->task);
}

TEST(task_of_the_turn_that_stops_still_runs)
{
    struct net_loop *loop = net_loop_new();
    struct net_task task;
    struct note last = {.loop = loop};
    struct note n = {.loop = loop, .task = &task};
    net_task_init(&task, note_it, &last);
    struct net_timer *t = net_timer_new(loop, stop_and_post, &n);
    net_timer_start(t, 1, 0);
    net_test_run(loop);
    CHECK_EQ_INT(last.count, 1);
    net_timer_free(t);
    net_loop_free(loop);
}

TEST(versions_are_told)
{
    CHECK(strncmp(net_libuv_version(), "1.", 2) == 0);
    CHECK(strncmp(net_cares_version(), "1.", 2) == 0);
}

TEST_MAIN()

/*
 * loop.h - the event loop of a role: timers, signals, watched descriptors, and work put off to the end of a turn.
 *
 * Each role has exactly one loop. Callbacks never run from inside the call that arms them.
 */
#ifndef CB_NET_LOOP_H
#define CB_NET_LOOP_H

#include "base/err.h"
#include "base/list.h"

#include <stdint.h>

struct net_loop;

struct net_loop *net_loop_new(void);
/* Frees a loop whose handles are all closed; runs pending close callbacks first. */
void net_loop_free(struct net_loop *loop);
/* Runs until net_loop_stop(). */
void net_loop_run(struct net_loop *loop);
void net_loop_stop(struct net_loop *loop);
/* Milliseconds on the loop's forward-only clock, as of the start of this turn. */
uint64_t net_loop_now_ms(const struct net_loop *loop);

/* ---- timers ---- */

struct net_timer;
typedef void net_timer_fn(void *arg);

/* A stopped timer; NULL when out of memory. */
struct net_timer *net_timer_new(struct net_loop *loop, net_timer_fn *on_timer, void *arg);
/* (Re)starts; fires once after `delay_ms`, then every `repeat_ms` unless that is 0. */
void net_timer_start(struct net_timer *t, uint64_t delay_ms, uint64_t repeat_ms);
void net_timer_stop(struct net_timer *t);
/* NULL is fine. No callback after this. */
void net_timer_free(struct net_timer *t);

/* ---- signals ---- */

struct net_signal;
typedef void net_signal_fn(void *arg, int signum);
struct net_signal *net_signal_new(struct net_loop *loop, int signum, net_signal_fn *on_signal, void *arg);
void net_signal_free(struct net_signal *s);

/* ---- a watched descriptor (borrowed: the caller closes it after net_watch_free) ---- */

struct net_watch;
enum { NET_WATCH_READ = 1, NET_WATCH_WRITE = 2 };
typedef void net_watch_fn(void *arg, int events);
struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_watch_fn *on_ready, void *arg);
/* `events` 0 stops watching. */
CB_MUST_USE int net_watch_set(struct net_watch *w, int events);
void net_watch_free(struct net_watch *w);

/* ---- work put off to the end of this turn, before the loop waits again: lets many small writes become one ---- */

struct net_task {
    struct list link;
    void (*run)(void *arg);
    void *arg;
};

/* Prepares a task in the caller's memory. */
void net_task_init(struct net_task *task, void (*run)(void *arg), void *arg);
/* Runs it once at the end of the turn; posting twice is the same as once. */
void net_task_post(struct net_loop *loop, struct net_task *task);
/* After this it will not run. */
void net_task_cancel(struct net_task *task);

/* Library versions for `clawbox version`. */
const char *net_libuv_version(void);
const char *net_cares_version(void);

#endif

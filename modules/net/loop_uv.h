/*
 * loop_uv.h - the inside of a loop, for the files of this module only.
 */
#ifndef CB_NET_LOOP_UV_H
#define CB_NET_LOOP_UV_H

#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct net_loop {
    uv_loop_t uv;
    uv_prepare_t before_wait; /* runs the tasks; always active, so that the loop runs until it is stopped */
    uv_idle_t do_not_wait;    /* active while tasks are left over for the next turn */
    struct list tasks;
    struct list
        lingering; /* connections that close gently: nobody else knows them any more; the oldest first */
    size_t lingering_count;
    size_t lingering_max;
    uint8_t *read_memory; /* NET_READ_SIZE bytes that every connection reads into */
    bool running;
};

/* libuv's error codes are negative errno values; a few numbers of its own stand for things that cannot be here. */
static inline int net_uv_error(int status)
{
    return status > -1000 ? status : CB_EINTERNAL;
}

/* conn.c: closes what still lingers, because the loop ends. */
void net_conn_end_lingering(struct net_loop *loop);

#endif

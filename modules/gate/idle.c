/*
 * idle.c - the end of a gate that nobody uses.
 *
 * The monitor holds the listening sockets too, so a connection that comes after they were closed here waits for the next
 * gate. None is lost in between: accepting happens in this process's one thread, so when there is no agent at the
 * moment in which the listeners are closed, nobody was taken who is not served.
 */
#include "base/log.h"
#include "gate/state.h"
#include "ipc/role.h"

static void on_idle(void *arg)
{
    struct gate *g = arg;
    if (g->agent_count != 0 || g->stopping) {
        return;
    }
    g->stopping = true;
    for (size_t i = 0; i < 2; i++) {
        net_listener_close(g->listeners[i]);
        g->listeners[i] = NULL;
    }
    log_debug("nobody has been here for %u ms", ipc_role()->idle_ms);
    if (g->egress != NULL) {
        ipc_chan_flush(g->egress); /* refusals, for the audit */
    }
    net_loop_stop(g->loop); /* with status 0: the monitor ends the egress, and watches the listeners */
}

void idle_update(struct gate *g)
{
    if (g->idle_timer == NULL || g->stopping) {
        return;
    }
    if (g->agent_count == 0) {
        net_timer_start(g->idle_timer, ipc_role()->idle_ms, 0);
    } else {
        net_timer_stop(g->idle_timer);
    }
}

int idle_begin(struct gate *g)
{
    if (ipc_role()->idle_ms == 0) {
        return 0;
    }
    g->idle_timer = net_timer_new(g->loop, on_idle, g);
    if (g->idle_timer == NULL) {
        return CB_ENOMEM;
    }
    idle_update(g);
    return 0;
}

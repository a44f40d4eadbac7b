/*
 * room.c - who keeps a place when all are taken.
 *
 * Whoever reaches the listener can connect, and hold a connection for as long as the time for a head. Places are taken from those who
 * have shown no session or device that the api knows, from who has asked for nothing before who waits for an answer, the oldest first, so
 * that somebody who opens many keeps no administrator out.
 */
#include "console/state.h"

static struct browser *least(struct console *console)
{
    struct browser *waits = NULL;
    LIST_FOR_EACH (node, safe, &console->browsers) { /* the oldest first */
        struct browser *b = LIST_ENTRY(node, struct browser, link);
        bool new = net_loop_now_ms(console->loop) - b->since_ms < CONSOLE_GRACE_MS;
        if (b->admitted || b->dropped || new) {
            continue;
        }
        if (!b->busy) {
            return b;
        }
        waits = waits == NULL ? b : waits;
    }
    return waits;
}

void room_make(struct console *console)
{
    if (console->listener == NULL) {
        return;
    }
    if (console->count < CONSOLE_BROWSERS_MAX) {
        net_listener_pause(console->listener, false);
        return;
    }
    struct browser *b = least(console);
    net_listener_pause(console->listener, true);
    if (b != NULL) {
        browser_drop(b); /* and when it is gone, this is called again */
    } else {
        net_timer_start(console->room_timer, CONSOLE_GRACE_MS, 0);
    }
}

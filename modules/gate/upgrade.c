/*
 * upgrade.c - a connection that has become a WebSocket: bytes in both directions, in parts as egress takes them.
 *
 * Nothing of it is looked at here. What came before the 101 was held, as any pipelined bytes are, and is passed on now: before, it
 * would have been the next request.
 */
#include "base/log.h"
#include "gate/state.h"
#include "http/write.h"

int upgrade_begin(struct agent *a, struct buf *out)
{
    if (!a->asks_websocket || a->in_request) {
        return CB_ESTATE;
    }
    int r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("Upgrade"));
    if (r == 0) {
        r = http_write_field(out, SPAN_LIT("Upgrade"), SPAN_LIT("websocket"));
    }
    if (r == 0) {
        a->mode = AGENT_WEBSOCKET;
        a->in_request = true; /* it goes on, until one side says its end */
        a->keep_alive = false;
        a->request_total = 0;
        agent_wake(a); /* for what is held */
    }
    return r;
}

void upgrade_pass(struct agent *a, struct span *in)
{
    while (in->len != 0 && a->in_request && a->stream != NULL && !agent_is_pushed_back(a)) {
        struct span part = span_sub(*in, 0, IPC_BODY_MAX);
        if (ipc_send_request_body(a->stream, 0, &(struct ipc_request_body){.data = part}) != 0) {
            return; /* the end of the channel is reported by itself */
        }
        a->request_total += part.len;
        *in = span_sub(*in, part.len, SIZE_MAX);
    }
}

void upgrade_agent_ended(struct agent *a)
{
    a->in_request = false;
    int r = a->stream != NULL
                ? ipc_send_request_end(a->stream, 0, &(struct ipc_request_end){.total = a->request_total})
                : CB_ECLOSED;
    if (r != 0) {
        agent_close(a);
    }
}

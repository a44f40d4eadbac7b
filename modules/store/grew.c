/*
 * grew.c - telling the api that there are new records, so that whoever follows the audit sees them: once for all that came within GREW_MS.
 * Which records they are it asks for.
 */
#include "base/log.h"
#include "store/state.h"

#define GREW_MS 100

static void on_grew(void *arg)
{
    struct store *s = arg;
    uint64_t seq = 0;
    batch_commit(s); /* what is not durable may be taken back, and its number given again */
    s->grew.pending = false;
    struct store_peer *api = peer_find(s, IPC_ROLE_API, 0);
    int r = store_audit_last_seq(s->db, &seq);
    if (r == 0 && api != NULL && seq > s->grew.told) {
        s->grew.told = seq;
        r = ipc_send_audit_grew(api->chan, 0, &(struct ipc_audit_grew){.seq = seq});
    }
    if (r != 0 && r != CB_ECLOSED) {
        log_warn_r(r, "the api cannot be told that the audit grew");
    }
}

int grew_init(struct store *s)
{
    s->grew.timer = net_timer_new(s->loop, on_grew, s);
    if (s->grew.timer == NULL) {
        return CB_ENOMEM;
    }
    grew_maybe(s);
    return 0;
}

void grew_deinit(struct store *s)
{
    net_timer_free(s->grew.timer);
    s->grew.timer = NULL;
}

void grew_maybe(struct store *s)
{
    if (s->grew.timer != NULL && !s->grew.pending && !s->stopping) {
        s->grew.pending = true;
        net_timer_start(s->grew.timer, GREW_MS, 0);
    }
}

void grew_forget_api(struct store *s)
{
    s->grew.told = 0;
    grew_maybe(s);
}

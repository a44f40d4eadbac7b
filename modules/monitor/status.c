/*
 * status.c - tells the api what runs and what it is confined by, whenever that has changed: for `clawbox status`.
 *
 * The api cannot ask for it: whoever has taken it over can make the monitor do nothing.
 */
#include "ipc/codec.h"
#include "monitor/state.h"
#include "priv/landlock.h"

#define STATUS_ROLES_MAX 512

/* Counts one process of the role that the writer is at. */
static void count_process(const struct process *p, uint32_t *running, uint32_t *layers, uint32_t *pid)
{
    if (p->pid != 0 && p->ready) {
        (*running)++;
        *layers &= p->layers;
        *pid = p->tenant == NULL ? (uint32_t)p->pid : 0;
    }
}

static void write_role(struct monitor *m, const struct monitor_role *role, struct writer *w)
{
    uint32_t running = 0;
    uint32_t layers = PRIV_LAYERS_ALL;
    uint32_t pid = 0;
    for (size_t i = 0; i < m->fixed_count; i++) {
        if (m->fixed[i].role == role) {
            count_process(&m->fixed[i], &running, &layers, &pid);
        }
    }
    LIST_FOR_EACH (node, safe, &m->tenants) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, link);
        for (size_t i = 0; i < TENANT_ROLES; i++) {
            if (t->processes[i].role == role) {
                count_process(&t->processes[i], &running, &layers, &pid);
            }
        }
    }
    writer_u8(w, (uint8_t)role->role);
    writer_u32(w, running);
    writer_u32(w, pid);
    writer_u32(w, running != 0 ? layers : 0);
    writer_u64(w, m->failures[role->role]);
}

static void send_status(struct monitor *m, struct process *api)
{
    struct buf roles;
    buf_init(&roles, STATUS_ROLES_MAX);
    struct writer w = writer_to(&roles);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    for (size_t i = 0; i < m->options->role_count; i++) {
        if (!m->options->roles[i].gets_console_listener || m->console_fd >= 0) {
            write_role(m, &m->options->roles[i], &w);
            count++;
        }
    }
    ipc_list_end(&w, at, count);
    uint32_t tenants = 0;
    uint32_t active = 0;
    LIST_FOR_EACH (node, safe, &m->tenants) {
        tenants++;
        active += LIST_ENTRY(node, struct tenant, link)->state == TENANT_RUNNING;
    }
    int landlock = priv_landlock_version();
    struct ipc_status status = {.version = span_str(m->options->version),
                                .started_ms = m->started_ms,
                                .waived = m->options->waived,
                                .lacking = m->lacking,
                                .landlock = (uint8_t)(landlock > 0 ? landlock : 0),
                                .tenants = tenants,
                                .active = active,
                                .wanted = m->options->health_tenants,
                                .loaded = m->loaded,
                                .draining = m->draining,
                                .listens_on = span_str(m->options->listen_address),
                                .roles = buf_span(&roles)};
    int r = writer_finish(&w);
    if (r == 0) {
        r = ipc_send_status(api->life, 0, &status);
    }
    buf_deinit(&roles);
    if (r != 0) {
        log_warn_r(r, "the api cannot be told what runs");
    }
}

/* At the end of the loop's turn, so that a thousand tenants that are named at once are one message. */
static void on_changed(void *arg)
{
    struct monitor *m = arg;
    for (size_t i = 0; i < m->fixed_count; i++) {
        struct process *p = &m->fixed[i];
        if (p->role->role == IPC_ROLE_API && p->ready && p->life != NULL) {
            send_status(m, p);
        }
    }
}

void status_init(struct monitor *m)
{
    net_task_init(&m->status_task, on_changed, m);
}

void status_changed(struct monitor *m)
{
    net_task_post(m->loop, &m->status_task);
}

/* tenant.c - a tenant costs a listening socket; the first connection starts its gate and egress. */
#include "base/secret.h"
#include "monitor/state.h"
#include "net/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENANT_BACKOFF_FIRST_MS 100
#define TENANT_BACKOFF_MAX_MS   5000
#define TENANT_STEADY_MS        10000
/* A tenant's first port is one of these, by chance, so that two servers on one machine do not want the same. They are below what the
 * kernel takes for outgoing connections (32768): one of those would have the port when the server is started again, and the
 * agent would look for its proxy in the wrong place. */
#define TENANT_PORT_FIRST       20000
#define TENANT_PORTS            7000
#define TENANT_PORT_TRIES       8
#define TENANT_DESCRIPTORS_KEPT 256
#define TENANT_GATE_GRACE_MS    1000 /* for answers that are on their way */
#define TENANT_EGRESS_GRACE_MS  1000 /* for outcomes that are not with the store yet */

static struct list *tenant_bucket(struct monitor *m, uint64_t id)
{
    return &m->tenants_by_id[id % MONITOR_BUCKETS]; /* the store counts ids up, so they spread */
}

static struct tenant *tenant_find(struct monitor *m, uint64_t id)
{
    struct list *bucket = tenant_bucket(m, id);
    LIST_FOR_EACH (node, safe, bucket) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, by_id);
        if (t->id == id) {
            return t;
        }
    }
    return NULL;
}

/* The store said it, but a name that becomes a file's must be one. */
static bool name_is_safe(struct span name)
{
    if (name.len == 0 || name.len > IPC_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool edge = i == 0 || i == name.len - 1;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && !edge))) {
            return false;
        }
    }
    return true;
}

static bool socket_path(const struct tenant *t, char *out, size_t size)
{
    int len = snprintf(out, size, "%s/run/%s.sock", t->monitor->options->state_dir, t->name);
    return len > 0 && (size_t)len < size;
}

/* ---- watching ---- */

static void tenant_watch(struct tenant *t, bool on)
{
    for (size_t i = 0; i < 2; i++) {
        if (t->watches[i] != NULL && net_watch_set(t->watches[i], on ? NET_WATCH_READ : 0) != 0) {
            log_error("the listener of %s cannot be watched", t->name);
        }
    }
}

static void tenant_close(struct tenant *t)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (t->fds[0] >= 0 && socket_path(t, path, sizeof(path))) {
        (void)unlink(path);
    }
    for (size_t i = 0; i < 2; i++) {
        if (t->watches[i] != NULL) {
            net_watch_free(t->watches[i]);
            t->watches[i] = NULL;
        }
        if (t->fds[i] >= 0) {
            (void)close(t->fds[i]);
            t->fds[i] = -1;
        }
    }
}

static void tenant_free(struct tenant *t)
{
    tenant_close(t);
    net_timer_free(t->timer);
    list_remove(&t->link);
    list_remove(&t->by_id);
    status_changed(t->monitor);
    free(t);
}

static bool tenant_has_processes(const struct tenant *t)
{
    for (size_t i = 0; i < TENANT_ROLES; i++) {
        if (t->processes[i].pid != 0) {
            return true;
        }
    }
    return false;
}

static void tenant_end(struct tenant *t)
{
    t->state = TENANT_ENDING;
    for (size_t i = 0; i < TENANT_ROLES; i++) {
        process_kill(&t->processes[i]);
    }
}

static struct process *tenant_process(struct tenant *t, enum ipc_role role)
{
    for (size_t i = 0; i < TENANT_ROLES; i++) {
        if (t->processes[i].role != NULL && t->processes[i].role->role == role) {
            return &t->processes[i];
        }
    }
    return NULL;
}

/* The gate has its time, then the egress: so what was answered is recorded. Who takes longer is ended by the timer. */
static void tenant_retire(struct tenant *t)
{
    struct process *gate = tenant_process(t, IPC_ROLE_GATE);
    struct process *egress = tenant_process(t, IPC_ROLE_EGRESS);
    bool gate_runs = gate != NULL && gate->pid != 0;
    uint32_t grace_ms = gate_runs ? TENANT_GATE_GRACE_MS : TENANT_EGRESS_GRACE_MS;
    t->state = TENANT_RETIRING;
    if (gate_runs) {
        process_stop(gate, grace_ms);
    } else if (egress != NULL) {
        process_stop(egress, grace_ms);
    }
    net_timer_start(t->timer, grace_ms + 100, 0);
}

void tenant_restart(struct monitor *m, uint64_t id)
{
    struct tenant *t = tenant_find(m, id);
    if (t != NULL && t->state == TENANT_RUNNING && m->stop_stage == 0) {
        tenant_retire(t);
    }
}

/* Both processes are gone. */
static void tenant_rest(struct tenant *t)
{
    struct monitor *m = t->monitor;
    slot_give_back(m, t);
    if (t->removed) {
        tenant_free(t);
        return;
    }
    if (m->stop_stage != 0) {
        return;
    }
    if (t->state == TENANT_RETIRING) {
        /* Connections that came meanwhile wait in the listeners, and are seen now. */
        net_timer_free(t->timer);
        t->timer = NULL;
        t->state = TENANT_WATCHED;
        tenant_watch(t, true);
        return;
    }
    if (net_loop_now_ms(m->loop) - t->started_ms >= TENANT_STEADY_MS) {
        t->backoff_ms = 0;
    }
    t->backoff_ms = t->backoff_ms == 0 ? TENANT_BACKOFF_FIRST_MS : t->backoff_ms * 2;
    if (t->backoff_ms > TENANT_BACKOFF_MAX_MS) {
        t->backoff_ms = TENANT_BACKOFF_MAX_MS;
    }
    t->state = TENANT_WAITING;
    net_timer_start(t->timer, t->backoff_ms, 0);
}

static void on_rested(void *arg);

static void tenant_start(struct tenant *t)
{
    struct monitor *m = t->monitor;
    if (t->timer == NULL && (t->timer = net_timer_new(m->loop, on_rested, t)) == NULL) {
        log_error("there is no memory left");
        monitor_give_up(m);
        return;
    }
    t->state = TENANT_RUNNING;
    t->started_ms = net_loop_now_ms(t->monitor->loop);
    tenant_watch(t, false);
    int r = slot_take(t->monitor, t);
    if (r != 0) {
        log_error_r(r, "tenant %s is not started: every uid has an active tenant", t->name);
    }
    for (size_t i = 0; r == 0 && i < TENANT_ROLES; i++) {
        if (process_start(&t->processes[i]) != 0) {
            tenant_end(t);
            break;
        }
    }
    if (!tenant_has_processes(t)) {
        tenant_rest(t);
    }
}

static void on_connection_waits(void *arg, int events)
{
    struct tenant *t = arg;
    (void)events;
    if (t->state == TENANT_WATCHED && t->monitor->stop_stage == 0) {
        tenant_start(t);
    }
}

static void on_rested(void *arg)
{
    struct tenant *t = arg;
    if (t->monitor->stop_stage != 0) {
        return;
    }
    if (t->state == TENANT_WAITING) {
        t->state = TENANT_WATCHED;
        tenant_watch(t, true);
    } else if (t->state == TENANT_RETIRING) {
        for (size_t i = 0; i < TENANT_ROLES; i++) {
            process_kill(&t->processes[i]);
        }
    }
}

/* A gate that nobody has used for the idle time ends by itself. One that says so earlier died like any other. */
static bool tenant_is_idle(const struct process *p, int status)
{
    const struct tenant *t = p->tenant;
    uint32_t idle_ms = t->monitor->options->idle_ms;
    return t->state == TENANT_RUNNING && p->role->role == IPC_ROLE_GATE && idle_ms != 0 &&
           WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           net_loop_now_ms(t->monitor->loop) - t->started_ms >= idle_ms;
}

bool tenant_end_is_right(const struct process *p, int status)
{
    return p->tenant->removed || p->tenant->state == TENANT_RETIRING || p->tenant->state == TENANT_ENDING ||
           tenant_is_idle(p, status);
}

void tenant_process_ended(struct process *p, int status)
{
    struct tenant *t = p->tenant;
    if (t->monitor->stop_stage != 0) {
        /* The stop goes its own way. */
    } else if (tenant_is_idle(p, status) || (t->state == TENANT_RETIRING && tenant_has_processes(t))) {
        tenant_retire(t);
    } else if (t->state == TENANT_RUNNING) {
        tenant_end(t);
    }
    if (!tenant_has_processes(t)) {
        tenant_rest(t);
    }
}

/* ---- coming and going ---- */

/*
 * Descriptors are handed out from below, so the number of one says how many there are. Some are kept for starting processes, or
 * nobody could be served any more; and the upper half is for TCP listeners alone, which every tenant needs.
 */
static bool descriptor_is_spare(const struct monitor *m, int fd, bool tcp)
{
    return fd < (int)(tcp ? m->descriptors - TENANT_DESCRIPTORS_KEPT : m->descriptors / 2);
}

static void tenant_listen_unix(struct tenant *t)
{
    struct monitor *m = t->monitor;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (!descriptor_is_spare(m, t->fds[1], false)) {
        if (!m->descriptors_short) {
            log_warn(
                "with %u descriptors, tenant %s and those that come after it have no Unix socket: raise the "
                "limit (ulimit -n, LimitNOFILE=)",
                m->descriptors, t->name);
        }
        m->descriptors_short = true;
        return;
    }
    if (!socket_path(t, path, sizeof(path))) {
        log_warn("tenant %s has no Unix socket: the path of the state directory is too long for one",
                 t->name);
        return;
    }
    t->fds[0] = net_listen_unix(path, 0600);
    if (t->fds[0] < 0) {
        log_warn_r(t->fds[0], "tenant %s has no Unix socket at %s", t->name, path);
    }
}

static int tenant_listen_anywhere(const char *address, uint16_t *port)
{
    for (int i = 0; i < TENANT_PORT_TRIES; i++) {
        uint16_t random;
        secret_random(&random, sizeof(random));
        int fd = net_listen_tcp(address, (uint16_t)(TENANT_PORT_FIRST + random % TENANT_PORTS), port);
        if (fd != -EADDRINUSE) {
            return fd;
        }
    }
    return net_listen_tcp(address, 0, port); /* whichever is free */
}

static int tenant_listen(struct tenant *t, uint16_t port)
{
    const char *address = t->monitor->options->listen_address;
    uint16_t fixed = t->monitor->options->tenant_port;
    if (fixed != 0) {
        t->fds[1] = net_listen_tcp(address, fixed, &t->port);
    } else if (port == 0) {
        t->fds[1] = tenant_listen_anywhere(address, &t->port);
    } else if ((t->fds[1] = net_listen_tcp(address, port, &t->port)) == -EADDRINUSE) {
        log_warn(
            "port %u of tenant %s is taken by another program: a new one is chosen, and `clawbox env %s` prints it",
            port, t->name, t->name);
        t->fds[1] = tenant_listen_anywhere(address, &t->port);
    }
    if (t->fds[1] < 0) {
        int r = t->fds[1];
        log_error_r(r, "tenant %s cannot listen on %s", t->name, address);
        return r;
    }
    if (!descriptor_is_spare(t->monitor, t->fds[1], true)) {
        log_error(
            "tenant %s has no listener, because there are only %u descriptors: raise the limit (ulimit -n, "
            "LimitNOFILE=)",
            t->name, t->monitor->descriptors);
        return CB_ELIMIT;
    }
    tenant_listen_unix(t);
    for (size_t i = 0; i < 2; i++) {
        if (t->fds[i] >= 0 &&
            (t->watches[i] = net_watch_new(t->monitor->loop, t->fds[i], on_connection_waits, t)) == NULL) {
            return CB_ENOMEM;
        }
    }
    return 0;
}

static struct tenant *tenant_new(struct monitor *m, uint64_t id, struct span name)
{
    struct tenant *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->monitor = m;
    t->id = id;
    t->slot = SLOT_NONE;
    t->fds[0] = t->fds[1] = -1;
    (void)snprintf(t->name, sizeof(t->name), "%.*s", SPAN_ARG(name));
    size_t used = 0;
    for (size_t i = 0; i < m->options->role_count && used < TENANT_ROLES; i++) {
        if (m->options->roles[i].per_tenant) {
            process_init(&t->processes[used++], m, &m->options->roles[i], t);
        }
    }
    list_push_back(&m->tenants, &t->link);
    list_push_back(tenant_bucket(m, id), &t->by_id);
    status_changed(m);
    return t;
}

static void tell_store(struct monitor *m, const struct tenant *t)
{
    for (size_t i = 0; i < m->fixed_count; i++) {
        struct process *p = &m->fixed[i];
        if (p->role->role == IPC_ROLE_STORE && p->life != NULL &&
            ipc_send_listening(p->life, 0, &(struct ipc_listening){.tenant_id = t->id, .port = t->port}) !=
                0) {
            log_warn("the store cannot be told the port of %s", t->name);
        }
    }
}

void tenant_up(struct monitor *m, uint64_t id, struct span name, uint16_t port)
{
    struct tenant *t = tenant_find(m, id);
    if (t != NULL && !t->removed) {
        t->seen = true; /* the store was restarted and names everybody again */
        tell_store(m, t);
        return;
    }
    if (m->stop_stage != 0) {
        return; /* the store was still starting when the stop began */
    }
    if (!name_is_safe(name) || (t = tenant_new(m, id, name)) == NULL) {
        log_error("tenant %llu cannot be listened for", (unsigned long long)id);
        return;
    }
    t->seen = true;
    if (tenant_listen(t, port) != 0) {
        tenant_free(t);
        return;
    }
    tenant_watch(t, true);
    tell_store(m, t);
}

static void tenant_remove(struct tenant *t)
{
    t->removed = true;
    tenant_watch(t, false);
    if (tenant_has_processes(t)) {
        tenant_end(t);
    } else {
        tenant_free(t);
    }
}

void tenant_down(struct monitor *m, uint64_t id)
{
    struct tenant *t = tenant_find(m, id);
    if (t != NULL) {
        tenant_remove(t);
    }
}

void tenants_unsee(struct monitor *m)
{
    LIST_FOR_EACH (node, safe, &m->tenants) {
        LIST_ENTRY(node, struct tenant, link)->seen = false;
    }
}

void tenants_sweep(struct monitor *m)
{
    LIST_FOR_EACH (node, safe, &m->tenants) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, link);
        if (!t->seen) {
            tenant_remove(t);
        }
    }
}

void tenants_stop_listening(struct monitor *m)
{
    LIST_FOR_EACH (node, safe, &m->tenants) {
        tenant_close(LIST_ENTRY(node, struct tenant, link));
    }
}

/*
 * monitor.c - starts the fixed roles, says when all of it serves, and ends it in the order in which nothing is lost.
 *
 * Holds      the listening sockets, the pids of its children, one life channel to each.
 * May never  parse anything that came from a network, relay a message, or keep a secret. (A new master key is made here,
 *            written to its file and wiped, because the vault has no files: keys.c.)
 */
#include "monitor/monitor.h"

#include "base/clock.h"
#include "monitor/state.h"
#include "net/listener.h"
#include "priv/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

/* For each of the stages behind the gates'. */
#define STOP_OTHERS_MS 400

enum { STOP_NO, STOP_GATES, STOP_EGRESS_AND_API, STOP_VAULT, STOP_STORE, STOP_DONE };

static unsigned stop_stage_of(enum ipc_role role)
{
    switch (role) {
    case IPC_ROLE_GATE:
        return STOP_GATES;
    case IPC_ROLE_EGRESS:
    case IPC_ROLE_API:
    case IPC_ROLE_CONSOLE:
        return STOP_EGRESS_AND_API;
    case IPC_ROLE_VAULT:
        return STOP_VAULT;
    default:
        return STOP_STORE; /* last, so that every outcome is recorded */
    }
}

static void for_each_process(struct monitor *m, void (*visit)(struct process *p, void *arg), void *arg)
{
    for (size_t i = 0; i < m->fixed_count; i++) {
        visit(&m->fixed[i], arg);
    }
    LIST_FOR_EACH (node, safe, &m->tenants) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, link);
        for (size_t i = 0; i < TENANT_ROLES; i++) {
            visit(&t->processes[i], arg);
        }
    }
}

/* ---- ready ---- */

static void say_layers(const struct process *p)
{
    char text[128] = "";
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        if ((p->layers & bit) != 0) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof(text) - len, " %s", priv_layer_name((enum priv_layer)bit));
        }
    }
    log_info("%s holds:%s", ipc_role_name(p->role->role), text);
}

void monitor_progress(struct monitor *m)
{
    if (m->announced || !m->loaded || m->stop_stage != STOP_NO) {
        return;
    }
    for (size_t i = 0; i < m->fixed_count; i++) {
        if (!m->fixed[i].ready) {
            return;
        }
    }
    for (size_t i = 0; i < m->fixed_count; i++) {
        say_layers(&m->fixed[i]);
    }
    m->announced = true;
    (void)printf("clawbox: ready\n");
    if (fflush(stdout) != 0) {
        log_warn_r(-errno, "standard output");
    }
}

/* ---- stopping ---- */

struct stop_visit {
    unsigned stage;
    size_t alive;
    bool kill;
    uint32_t grace_ms;
};

static void visit_stop(struct process *p, void *arg)
{
    struct stop_visit *v = arg;
    if (p->pid == 0 || stop_stage_of(p->role->role) != v->stage) {
        return;
    }
    v->alive++;
    if (v->kill) {
        process_kill(p);
    } else if (v->grace_ms != 0) {
        process_stop(p, v->grace_ms);
    }
}

void monitor_stop_progress(struct monitor *m)
{
    for (;;) {
        if (m->stop_stage == STOP_DONE) {
            net_loop_stop(m->loop);
            return;
        }
        struct stop_visit count = {.stage = m->stop_stage};
        for_each_process(m, visit_stop, &count);
        if (count.alive != 0) {
            return;
        }
        m->stop_stage++;
        struct stop_visit ask = {.stage = m->stop_stage, .grace_ms = STOP_OTHERS_MS};
        for_each_process(m, visit_stop, &ask);
        net_timer_start(m->stop_timer, STOP_OTHERS_MS + 50, 0);
    }
}

static void on_stop_timeout(void *arg)
{
    struct monitor *m = arg;
    struct stop_visit v = {.stage = m->stop_stage, .kill = true};
    for_each_process(m, visit_stop, &v);
}

static void stop_begin(struct monitor *m)
{
    uint32_t grace_ms = m->options->drain_ms != 0 ? m->options->drain_ms : MONITOR_DRAIN_MS;
    if (m->stop_stage != STOP_NO) {
        return;
    }
    tenants_stop_listening(m);
    m->stop_stage = STOP_GATES;
    m->draining = true;
    status_changed(m);
    struct stop_visit ask = {.stage = STOP_GATES, .grace_ms = grace_ms};
    for_each_process(m, visit_stop, &ask);
    net_timer_start(m->stop_timer, grace_ms + 50, 0);
    monitor_stop_progress(m);
}

void monitor_finish(struct monitor *m)
{
    stop_begin(m);
}

void monitor_give_up(struct monitor *m)
{
    m->status = 1;
    stop_begin(m);
}

static void on_signal(void *arg, int signum)
{
    struct monitor *m = arg;
    if (signum == SIGCHLD) {
        process_reap(m);
    } else if (signum == SIGHUP) {
        log_info("reading the certificate again");
        for (size_t i = 0; i < m->fixed_count; i++) {
            process_renew(&m->fixed[i]);
        }
    } else if (m->stop_stage == STOP_GATES) {
        log_info("stopping at once (signal %d)", signum);
        on_stop_timeout(m);
    } else if (m->stop_stage == STOP_NO) {
        log_info("stopping (signal %d)", signum);
        stop_begin(m);
    }
}

/* ---- starting ---- */

/* Known before anything is made in the directory. */
static int control_socket_path(const struct monitor *m, char *path, size_t size)
{
    int len = snprintf(path, size, "%s/control.sock", m->options->state_dir);
    if (len <= 0 || (size_t)len >= size) {
        log_error("the path of the state directory is too long for a socket in it (at most %zu bytes in all)",
                  size - 1);
        return CB_ELIMIT;
    }
    return 0;
}

static int open_control_socket(struct monitor *m, const char *path)
{
    m->control_fd = net_listen_unix(path, 0600);
    if (m->control_fd < 0) {
        log_error_r(m->control_fd, "%s", path);
        return m->control_fd;
    }
    return 0;
}

static int open_health_listener(struct monitor *m)
{
    const char *address = m->options->health_address;
    uint16_t port = m->options->health_port;
    if (address == NULL) {
        return 0;
    }
    m->health_fd = net_listen_tcp(address, port, &port);
    if (m->health_fd < 0) {
        log_error_r(m->health_fd, "the health listener at %s, port %u", address, (unsigned)port);
        return m->health_fd;
    }
    log_info("health at http://%s%s%s:%u/readyz", strchr(address, ':') != NULL ? "[" : "", address,
             strchr(address, ':') != NULL ? "]" : "", (unsigned)port);
    return 0;
}

/* Of the listeners for people. */
static const char *scheme(const struct monitor *m)
{
    return m->options->tls_cert_path != NULL ? "https" : "http";
}

static int open_api_listener(struct monitor *m)
{
    const char *address = m->options->api_address;
    uint16_t port = m->options->api_port;
    if (address == NULL) {
        return 0;
    }
    m->api_fd = net_listen_tcp(address, port, &port);
    if (m->api_fd < 0) {
        log_error_r(m->api_fd, "the API at %s, port %u", address, (unsigned)port);
        return m->api_fd;
    }
    bool brackets = strchr(address, ':') != NULL;
    log_info("api at %s://%s%s%s:%u/v1/", scheme(m), brackets ? "[" : "", address, brackets ? "]" : "",
             (unsigned)port);
    return 0;
}

/* What links have where nobody can connect to the address that is listened at: whoever reads it knows what the server is called. */
#define SERVER_NAME "SERVER"

static bool is_every_address(const char *address)
{
    static const struct in6_addr six_any = IN6ADDR_ANY_INIT;
    struct in_addr four;
    struct in6_addr six;
    return (inet_pton(AF_INET, address, &four) == 1 && four.s_addr == htonl(INADDR_ANY)) ||
           (inet_pton(AF_INET6, address, &six) == 1 && memcmp(&six, &six_any, sizeof(six)) == 0);
}

static int open_console_listener(struct monitor *m)
{
    const char *address = m->options->console_address;
    uint16_t port = m->options->console_port;
    if (address == NULL) {
        return 0;
    }
    m->console_fd = net_listen_tcp(address, port, &port);
    if (m->console_fd == -EADDRINUSE && m->options->console_optional) {
        log_warn("there is no console: its port %u is taken (--console ADDRESS:PORT takes another)",
                 (unsigned)port);
        return 0;
    }
    if (m->console_fd < 0) {
        log_error_r(m->console_fd, "the console at %s, port %u", address, (unsigned)port);
        return m->console_fd;
    }
    bool brackets = strchr(address, ':') != NULL;
    (void)snprintf(m->console, sizeof(m->console), "%s://%s%s%s:%u", scheme(m), brackets ? "[" : "", address,
                   brackets ? "]" : "", (unsigned)port);
    log_info("console at %s/", m->console);
    if (is_every_address(address)) {
        (void)snprintf(m->console, sizeof(m->console), "%s://" SERVER_NAME ":%u", scheme(m), (unsigned)port);
        log_info("in links to it, " SERVER_NAME " stands for a name that its certificate is for");
    }
    return 0;
}

static int start_fixed(struct monitor *m)
{
    for (size_t i = 0; i < m->options->role_count; i++) {
        bool unwanted = m->options->roles[i].gets_console_listener && m->console_fd < 0;
        if (m->options->roles[i].per_tenant || unwanted) {
            continue;
        }
        if (m->fixed_count == MONITOR_FIXED_MAX) {
            return CB_ELIMIT;
        }
        process_init(&m->fixed[m->fixed_count++], m, &m->options->roles[i], NULL);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->fixed_count; i++) {
        r = process_start(&m->fixed[i]);
    }
    return r;
}

#define LOCKED_MEMORY_WANTED ((rlim_t)64 << 20)
#define LOCKED_MEMORY_LITTLE ((rlim_t)1 << 20)

/* Secrets live in locked memory. The usual limit is small; who may raise it does, and else as far as it goes. */
static void raise_locked_memory(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= LOCKED_MEMORY_WANTED) {
        return;
    }
    struct rlimit raised = {.rlim_cur = LOCKED_MEMORY_WANTED,
                            .rlim_max = limit.rlim_max > LOCKED_MEMORY_WANTED ? limit.rlim_max
                                                                              : LOCKED_MEMORY_WANTED};
    if (setrlimit(RLIMIT_MEMLOCK, &raised) == 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_max < LOCKED_MEMORY_LITTLE) {
        log_warn(
            "only %llu KiB of memory may be locked, and each credential in use needs some: raise the limit"
            " (ulimit -l, LimitMEMLOCK=)",
            (unsigned long long)limit.rlim_cur / 1024);
    }
}

/* For some sixty thousand tenants. */
#define DESCRIPTORS_WANTED ((rlim_t)1 << 17)

/* A tenant costs the monitor two descriptors, and the store and the vault one or two while it is active: more than the usual
 * limits. Who may raise the hard one does, and else as far as it goes. */
static void raise_descriptors(struct monitor *m)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* it cannot fail */
    if (limit.rlim_cur < DESCRIPTORS_WANTED) {
        rlim_t most = limit.rlim_max > DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
        struct rlimit raised = {.rlim_cur = DESCRIPTORS_WANTED, .rlim_max = most};
        struct rlimit full = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        } else if (setrlimit(RLIMIT_NOFILE, &full) == 0) {
            limit = full;
        }
    }
    m->descriptors =
        limit.rlim_cur < DESCRIPTORS_WANTED ? (unsigned)limit.rlim_cur : (unsigned)DESCRIPTORS_WANTED;
}

static int monitor_start(struct monitor *m)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int r = control_socket_path(m, path, sizeof(path));
    if (r != 0) {
        return r;
    }
    m->exe_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (m->exe_fd < 0) {
        r = -errno;
        log_error_r(r, "/proc/self/exe: the program must be able to execute itself");
        return r;
    }
    if ((r = surround_prepare(m)) != 0 || (r = directory_prepare(m)) != 0 ||
        (!m->options->rekey &&
         ((r = open_control_socket(m, path)) != 0 || (r = open_health_listener(m)) != 0 ||
          (r = open_api_listener(m)) != 0 || (r = open_console_listener(m)) != 0))) {
        return r;
    }
    raise_locked_memory();
    raise_descriptors(m);
    if ((r = surround_confine_monitor(m)) != 0) {
        return r;
    }
    return start_fixed(m);
}

int monitor_run(const struct monitor_options *options)
{
    struct monitor m = {.options = options,
                        .exe_fd = -1,
                        .store_dir_fd = -1,
                        .lock_fd = -1,
                        .empty_fd = -1,
                        .control_fd = -1,
                        .health_fd = -1,
                        .api_fd = -1,
                        .console_fd = -1,
                        .cage = {.fds = {-1, -1, -1, -1, -1}},
                        .is_root = geteuid() == 0,
                        .started_ms = clock_wall_ms()};
    log_init("monitor", options->log_level);
    list_init(&m.tenants);
    for (size_t i = 0; i < MONITOR_BUCKETS; i++) {
        list_init(&m.tenants_by_id[i]);
    }
    m.loop = net_loop_new();
    if (m.loop == NULL) {
        log_error("no event loop");
        return 1;
    }
    /* Without a certificate there is nothing to read again, and a terminal that goes takes the server along. */
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    const size_t signal_count = options->tls_cert_path != NULL ? 4 : 3;
    struct net_signal *handlers[4] = {NULL};
    status_init(&m);
    m.stop_timer = net_timer_new(m.loop, on_stop_timeout, &m);
    bool armed = m.stop_timer != NULL;
    for (size_t i = 0; i < signal_count; i++) {
        handlers[i] = net_signal_new(m.loop, signals[i], on_signal, &m);
        armed = armed && handlers[i] != NULL;
    }
    int r = armed ? monitor_start(&m) : CB_ENOMEM;
    if (r != 0) {
        m.status = 1;
        if (m.fixed_count != 0) {
            stop_begin(&m);
        }
    }
    if (r == 0 || (m.fixed_count != 0 && m.stop_stage != STOP_DONE)) {
        net_loop_run(m.loop);
    }
    /* The sockets' files go with the server; what is in the state directory stays. */
    LIST_FOR_EACH (node, safe, &m.tenants) {
        tenant_down(&m, LIST_ENTRY(node, struct tenant, link)->id);
    }
    if (m.control_fd >= 0) {
        char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
        (void)snprintf(path, sizeof(path), "%s/control.sock", options->state_dir);
        (void)unlink(path);
    }
    if (options->rekey && m.status == 0 && m.rekeyed) {
        (void)printf(
            "%llu sealed values are sealed for the new master key; the old one opens nothing any more\n",
            (unsigned long long)m.rekeyed_rows);
    } else if (options->rekey) {
        m.status = 1;
    }
    return m.status;
}

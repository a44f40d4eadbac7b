/* process.c - one place of a role: fork, execute with a fresh address space, hand over, wire, notice its end. */
#include "ipc/pair.h"
#include "ipc/role.h"
#include "monitor/state.h"
#include "priv/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESS_BACKOFF_FIRST_MS 100
#define PROCESS_BACKOFF_MAX_MS   5000
#define PROCESS_STEADY_MS        10000 /* who lived this long does not pay for earlier deaths */
#define PROCESS_RESOLV_CONF      "/etc/resolv.conf"
#define PROCESS_WRONG_KEY        3 /* exit status of a vault whose key is another database's */

static const char *process_name(const struct process *p)
{
    static char name[96];
    (void)snprintf(name, sizeof(name), p->tenant != NULL ? "%s(%s)" : "%s%s", ipc_role_name(p->role->role),
                   p->tenant != NULL ? p->tenant->name : "");
    return name;
}

static uint32_t process_uid(const struct process *p)
{
    const struct monitor *m = p->monitor;
    return (p->tenant != NULL ? slot_uid(m, p->tenant) : m->options->uid_base) + p->role->uid_offset;
}

void process_init(struct process *p, struct monitor *m, const struct monitor_role *role,
                  struct tenant *tenant)
{
    *p = (struct process){.monitor = m, .role = role, .tenant = tenant};
}

/* ---- the child's side of the fork, until it is somebody else ---- */

#define CHILD_EXE_FD (IPC_ROLE_LIFE_FD + 1)

static _Noreturn void child_fail(int code, const char *what)
{
    log_error_r(code, "starting a role: %s", what);
    _exit(126);
}

static void child_check(bool ok, const char *what)
{
    if (!ok) {
        child_fail(-errno, what);
    }
}

/* Its life channel, /dev/null, standard error, and the program until it is executed. Nothing else, whoever opened it. */
static void child_keep_descriptors(const struct monitor *m, int life_fd, int null)
{
    int exe = fcntl(m->exe_fd, F_DUPFD_CLOEXEC, 10);
    child_check(exe >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0, "descriptors");
    child_check(life_fd == IPC_ROLE_LIFE_FD ? fcntl(life_fd, F_SETFD, 0) == 0
                                            : dup2(life_fd, IPC_ROLE_LIFE_FD) >= 0,
                "life channel");
    child_check(dup3(exe, CHILD_EXE_FD, O_CLOEXEC) >= 0 &&
                    syscall(SYS_close_range, CHILD_EXE_FD + 1, ~0U, 0U) == 0,
                "closing descriptors");
}

/* Namespaces, root directory, uid, capabilities: what a role cannot do itself any more once it has them. */
static void child_confine(const struct process *p)
{
    const struct monitor *m = p->monitor;
    const struct priv_profile *profile = p->role->profile;
    const char *what;
    int r = priv_cage_enter(&m->cage, profile,
                            profile->root == PRIV_ROOT_DIRECTORY ? m->store_dir_fd : m->empty_fd, &what);
    if (r != 0) {
        child_fail(r, what);
    }
    if (m->has_uids && (r = priv_drop(process_uid(p))) != 0) {
        child_fail(r, "becoming a uid of its own (see --uid-base)");
    }
    if ((m->options->waived & PRIV_LAYER_CAPABILITIES) == 0 && (r = priv_capabilities_keep(0)) != 0) {
        child_fail(r, "capabilities");
    }
}

static _Noreturn void child_become(const struct process *p, int life_fd)
{
    /* Opened before the root is another, closed after it was entered by a descriptor. */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    child_check(null >= 0, "/dev/null");
    child_confine(p);
    child_keep_descriptors(p->monitor, life_fd, null);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* After the change of uid, which clears it. */
    child_check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal");
    char title[32];
    (void)snprintf(title, sizeof(title), "@%s", ipc_role_name(p->role->role));
    char *const arguments[] = {(char[]){"clawbox"}, title, p->tenant != NULL ? p->tenant->name : NULL, NULL};
    char *const environment[] = {NULL};
    (void)syscall(SYS_execveat, CHILD_EXE_FD, "", arguments, environment, AT_EMPTY_PATH);
    child_fail(-errno, "execute");
}

/* ---- wiring ---- */

static int hand_over(struct process *p, int fd, int (*send)(struct process *p, int fd))
{
    if (fd < 0) {
        return fd;
    }
    return send(p, fd);
}

static int send_roots(struct process *p, int fd)
{
    return ipc_send_file(p->life, 0, &(struct ipc_file){.what = IPC_FILE_ROOTS}, fd);
}

static int send_parent_login(struct process *p, int fd)
{
    return ipc_send_file(p->life, 0, &(struct ipc_file){.what = IPC_FILE_PARENT_LOGIN}, fd);
}

static int send_tls_cert(struct process *p, int fd)
{
    return ipc_send_file(p->life, 0, &(struct ipc_file){.what = IPC_FILE_TLS_CERT}, fd);
}

static int send_tls_key(struct process *p, int fd)
{
    return ipc_send_file(p->life, 0, &(struct ipc_file){.what = IPC_FILE_TLS_KEY}, fd);
}

static int send_control(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_CONTROL}, fd);
}

static int send_health(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_HEALTH}, fd);
}

static int send_api(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_API}, fd);
}

static int send_console(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_CONSOLE}, fd);
}

static int send_unix(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_UNIX}, fd);
}

static int send_tcp(struct process *p, int fd)
{
    return ipc_send_listener(p->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_TCP}, fd);
}

static int duplicate(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy >= 0 ? copy : -errno;
}

static int send_resolv_conf(struct process *p, int fd)
{
    return ipc_send_file(p->life, 0, &(struct ipc_file){.what = IPC_FILE_RESOLV_CONF}, fd);
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? fd : -errno;
    if (r < 0) {
        log_error_r(r, "%s", path);
    }
    return r;
}

/* Whoever has a listener for people gets the certificate and its key, when there are such. */
static int send_tls_files(struct process *p)
{
    const struct monitor_options *o = p->monitor->options;
    bool listens =
        p->role->gets_console_listener || (p->role->gets_control_socket && p->monitor->api_fd >= 0);
    if (!listens || o->tls_cert_path == NULL) {
        return 0;
    }
    int cert_fd = open_file(o->tls_cert_path);
    int key_fd = cert_fd >= 0 ? open_file(o->tls_key_path) : cert_fd;
    if (key_fd < 0) { /* one without the other is of no use */
        if (cert_fd >= 0) {
            (void)close(cert_fd);
        }
        return key_fd;
    }
    int r = hand_over(p, cert_fd, send_tls_cert);
    if (r != 0) {
        (void)close(key_fd);
        return r;
    }
    return hand_over(p, key_fd, send_tls_key);
}

void process_renew(struct process *p)
{
    if (p->ready && send_tls_files(p) != 0) {
        log_error("%s goes on with the certificate that it has", process_name(p));
    }
}

static int send_descriptors(struct process *p)
{
    struct monitor *m = p->monitor;
    int r = 0;
    if (r == 0 && p->role->gets_master_key) {
        r = keys_hand_over(p);
    }
    if (r == 0 && p->role->gets_roots && m->options->roots_path != NULL) {
        r = hand_over(p, open_file(m->options->roots_path), send_roots);
    }
    if (r == 0 && p->role->gets_roots && m->options->parent_login_path != NULL) {
        r = hand_over(p, open_file(m->options->parent_login_path), send_parent_login);
    }
    if (r == 0 && p->role->gets_resolv_conf && m->options->dns_servers[0] == '\0') {
        int fd = open(PROCESS_RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        r = fd >= 0 ? send_resolv_conf(p, fd)
                    : 0; /* without it the resolver asks this machine, as every program does */
    }
    r = r == 0 ? send_tls_files(p) : r;
    if (r == 0 && p->role->gets_control_socket) {
        r = hand_over(p, duplicate(m->control_fd), send_control);
    }
    if (r == 0 && p->role->gets_control_socket && m->health_fd >= 0) {
        r = hand_over(p, duplicate(m->health_fd), send_health);
    }
    if (r == 0 && p->role->gets_control_socket && m->api_fd >= 0) {
        r = hand_over(p, duplicate(m->api_fd), send_api);
    }
    if (r == 0 && p->role->gets_console_listener) {
        r = hand_over(p, duplicate(m->console_fd), send_console);
    }
    if (r == 0 && p->role->gets_tenant_listeners && p->tenant->fds[0] >= 0) {
        r = hand_over(p, duplicate(p->tenant->fds[0]), send_unix);
    }
    if (r == 0 && p->role->gets_tenant_listeners) {
        r = hand_over(p, duplicate(p->tenant->fds[1]), send_tcp);
    }
    return r;
}

static int send_start(struct process *p)
{
    const struct monitor_options *o = p->monitor->options;
    struct ipc_start start = {.tenant_id = p->tenant != NULL ? p->tenant->id : 0,
                              .tenant = p->tenant != NULL ? span_str(p->tenant->name) : SPAN_EMPTY,
                              .log_level = (uint8_t)o->log_level,
                              .rekey = o->rekey,
                              .idle_ms = p->tenant != NULL ? o->idle_ms : 0,
                              .dns_servers = span_str(o->dns_servers),
                              .parent = span_str(o->parent)};
    if (p->role->role == IPC_ROLE_API || p->role->role == IPC_ROLE_CONSOLE) {
        start.console = span_str(p->monitor->console);
    }
    return ipc_send_start(p->life, 0, &start);
}

static int send_peer(struct process *to, const struct process *other, int fd)
{
    const struct tenant *tenant = to->tenant != NULL ? to->tenant : other->tenant;
    struct ipc_peer peer = {.role = (uint8_t)other->role->role,
                            .tenant_id = tenant != NULL ? tenant->id : 0,
                            .tenant = tenant != NULL ? span_str(tenant->name) : SPAN_EMPTY};
    return ipc_send_peer(to->life, 0, &peer, fd);
}

static int connect_two(struct process *a, struct process *b)
{
    int fds[2];
    int r = ipc_pair(fds);
    if (r != 0) {
        return r;
    }
    r = send_peer(a, b, fds[0]);
    if (r != 0) {
        (void)close(fds[1]);
        return r;
    }
    return send_peer(b, a, fds[1]);
}

static bool has_edge(const struct monitor_options *o, enum ipc_role a, enum ipc_role b)
{
    for (size_t i = 0; i < o->edge_count; i++) {
        if ((o->edges[i].a == a && o->edges[i].b == b) || (o->edges[i].a == b && o->edges[i].b == a)) {
            return true;
        }
    }
    return false;
}

/* Wires two places when they may talk and both run. Processes of two tenants never may. */
static int maybe_connect(struct process *p, struct process *other)
{
    if (other == p || other->life == NULL ||
        !has_edge(p->monitor->options, p->role->role, other->role->role) ||
        (p->tenant != NULL && other->tenant != NULL && p->tenant != other->tenant)) {
        return 0;
    }
    return connect_two(p, other);
}

static int connect_all(struct process *p)
{
    struct monitor *m = p->monitor;
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->fixed_count; i++) {
        r = maybe_connect(p, &m->fixed[i]);
    }
    if (p->tenant != NULL) {
        for (size_t i = 0; r == 0 && i < TENANT_ROLES; i++) {
            r = maybe_connect(p, &p->tenant->processes[i]);
        }
        return r;
    }
    LIST_FOR_EACH (node, safe, &m->tenants) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, link);
        for (size_t i = 0; r == 0 && i < TENANT_ROLES; i++) {
            r = maybe_connect(p, &t->processes[i]);
        }
    }
    return r;
}

/* ---- the life channel ---- */

static int on_tenant_message(struct process *p, struct ipc_in *in)
{
    struct monitor *m = p->monitor;
    int r;
    if (in->msg == IPC_MSG_TENANT_UP) {
        struct ipc_tenant_up up;
        if ((r = ipc_get_tenant_up(in->payload, &up)) == 0) {
            tenant_up(m, up.tenant_id, up.tenant, up.port);
        }
    } else if (in->msg == IPC_MSG_TENANT_DOWN) {
        struct ipc_tenant_down down;
        if ((r = ipc_get_tenant_down(in->payload, &down)) == 0) {
            tenant_down(m, down.tenant_id);
        }
    } else if (in->msg == IPC_MSG_TENANT_RESTART) {
        struct ipc_tenant_restart restart;
        if ((r = ipc_get_tenant_restart(in->payload, &restart)) == 0) {
            tenant_restart(m, restart.tenant_id);
        }
    } else if (in->msg == IPC_MSG_TENANTS_LOADED) {
        struct ipc_tenants_loaded loaded;
        if ((r = ipc_get_tenants_loaded(in->payload, &loaded)) == 0) {
            tenants_sweep(m);
            m->loaded = true;
            status_changed(m);
            monitor_progress(m);
        }
    } else {
        r = CB_EPERM;
    }
    return r;
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct process *p = arg;
    if (in->msg == IPC_MSG_KEY_IN_USE) {
        struct ipc_key_in_use key;
        int bad = ipc_get_key_in_use(in->payload, &key);
        if (bad == 0 && keys_in_use(p->monitor, key.next, key.rows) != 0 && p->monitor->options->rekey) {
            p->monitor->status = 1;
        }
        return bad;
    }
    if (in->msg != IPC_MSG_READY) {
        return on_tenant_message(p, in);
    }
    struct ipc_ready ready;
    int r = ipc_get_ready(in->payload, &ready);
    if (r == 0 && p->ready) {
        r = CB_ESTATE;
    }
    if (r == 0) {
        p->ready = p->was_ready = true;
        p->layers = (ready.layers & PRIV_LAYERS_OWN) | p->monitor->imposed;
        log_debug("%s is ready", process_name(p));
        status_changed(p->monitor);
        monitor_progress(p->monitor);
    }
    return r;
}

static void on_closed(void *arg, int code)
{
    struct process *p = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "%s broke the protocol and is ended", process_name(p));
    }
    /* A role without its life channel is of no use, whatever it still does. SIGCHLD tells of its end. */
    process_kill(p);
}

static const struct ipc_chan_handler life_handler = {.on_message = on_message, .on_closed = on_closed};

int process_start(struct process *p)
{
    struct monitor *m = p->monitor;
    int fds[2];
    int r = ipc_pair(fds);
    if (r != 0) {
        return r;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_become(p, fds[1]);
    }
    (void)close(fds[1]);
    if (pid < 0) {
        r = -errno;
        (void)close(fds[0]);
        return r;
    }
    p->pid = pid;
    p->ready = false;
    p->started_ms = net_loop_now_ms(m->loop);
    r = ipc_chan_open(m->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR, p->role->role, true, &life_handler,
                      p, &p->life);
    if (r != 0) {
        (void)close(fds[0]);
        process_kill(p);
        return r;
    }
    if ((r = send_start(p)) == 0 && (r = send_descriptors(p)) == 0 && (r = connect_all(p)) == 0) {
        r = ipc_send_go(p->life, 0, &(struct ipc_go){.waived = m->options->waived});
    }
    if (r != 0) {
        log_error_r(r, "%s cannot be set up", process_name(p));
        process_kill(p);
    }
    return r;
}

void process_kill(struct process *p)
{
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL);
    }
}

void process_stop(struct process *p, uint32_t grace_ms)
{
    if (p->pid > 0 &&
        (p->life == NULL || ipc_send_stop(p->life, 0, &(struct ipc_stop){.grace_ms = grace_ms}) != 0)) {
        process_kill(p);
    }
}

/* ---- ends ---- */

static void on_restart(void *arg)
{
    struct process *p = arg;
    if (p->monitor->stop_stage == 0 && p->pid == 0 && process_start(p) != 0 && p->pid == 0) {
        net_timer_start(p->restart, PROCESS_BACKOFF_MAX_MS, 0);
    }
}

static void fixed_ended(struct process *p, int status)
{
    struct monitor *m = p->monitor;
    bool wrong_key = WIFEXITED(status) && WEXITSTATUS(status) == PROCESS_WRONG_KEY;
    if (m->options->rekey && p->role->role == IPC_ROLE_VAULT && m->rekeyed) {
        monitor_finish(m);
        return;
    }
    if (!p->was_ready || wrong_key || m->options->rekey) {
        /* What does not even start once will not start the next time: the message above says why. */
        monitor_give_up(m);
        return;
    }
    if (net_loop_now_ms(m->loop) - p->started_ms >= PROCESS_STEADY_MS) {
        p->backoff_ms = 0;
    }
    p->backoff_ms = p->backoff_ms == 0 ? PROCESS_BACKOFF_FIRST_MS : p->backoff_ms * 2;
    if (p->backoff_ms > PROCESS_BACKOFF_MAX_MS) {
        p->backoff_ms = PROCESS_BACKOFF_MAX_MS;
    }
    if (p->role->role == IPC_ROLE_STORE) {
        tenants_unsee(m);
    }
    if (p->restart == NULL && (p->restart = net_timer_new(m->loop, on_restart, p)) == NULL) {
        monitor_give_up(m);
        return;
    }
    net_timer_start(p->restart, p->backoff_ms, 0);
}

static void process_ended(struct process *p, int status)
{
    struct monitor *m = p->monitor;
    p->pid = 0;
    p->ready = false;
    ipc_chan_free(p->life);
    p->life = NULL;
    status_changed(m);
    if (m->stop_stage == 0 && !(m->options->rekey && status == 0) &&
        (p->tenant == NULL || !tenant_end_is_right(p, status))) {
        m->failures[p->role->role]++;
        if (WIFSIGNALED(status)) {
            log_error("%s was ended by signal %d%s", process_name(p), WTERMSIG(status),
                      WTERMSIG(status) == SIGSYS ? " (it made a system call that it may not make)" : "");
        } else {
            log_error("%s ended with status %d", process_name(p), WEXITSTATUS(status));
        }
    }
    if (p->tenant != NULL) {
        tenant_process_ended(p, status);
    } else if (m->stop_stage == 0) {
        fixed_ended(p, status);
    }
    if (m->stop_stage != 0) {
        monitor_stop_progress(m);
    }
}

static struct process *process_find(struct monitor *m, pid_t pid)
{
    for (size_t i = 0; i < m->fixed_count; i++) {
        if (m->fixed[i].pid == pid) {
            return &m->fixed[i];
        }
    }
    LIST_FOR_EACH (node, safe, &m->tenants) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, link);
        for (size_t i = 0; i < TENANT_ROLES; i++) {
            if (t->processes[i].pid == pid) {
                return &t->processes[i];
            }
        }
    }
    return NULL;
}

void process_reap(struct monitor *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *p = process_find(m, pid);
        if (p != NULL) {
            process_ended(p, status);
        }
    }
}

/*
 * cmd_proxy.c - `clawbox proxy`: the appliance for one tenant, in a pod, from files.
 *
 *   clawbox proxy ─┬─ the monitor and its roles, as `clawbox serve` runs them
 *                  ├─ loader        the tenant's document, the proxy token, the credentials (loader.c)
 *                  └─ audit stream  records on standard output (audit_stream.c)
 *
 * This process starts them, passes signals on and waits. The tenant's name is read by a process that is confined for it; the document
 * itself is the loader's, so that one that is wrong leaves the routes as they were.
 */
#include "cmd.h"
#include "companion.h"
#include "control.h"
#include "health_option.h"
#include "key_options.h"
#include "tenant_file.h"

#include "base/strnum.h"
#include "conf/tree.h"
#include "policy/spec.h"
#include "priv/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROXY_LISTEN     "0.0.0.0:8080"
#define PROXY_READ_MAX   16
#define PROXY_DRAIN_MS   25000
#define PROXY_ASK_MS     50 /* how often it is asked whether the control socket is there yet */
#define PROXY_TREE_BYTES CONF_TREE_BYTES_MAX

struct proxy_options {
    struct key_options key;
    const char *file;
    const char *credentials;
    const char *token;
    const char *listen;
    const char *health;
    const char *roots;
    const char *dns;
    const char *log_level;
    const char *drain;
    const char *read[PROXY_READ_MAX];
    size_t read_count;
    const char *waived[CLAWBOX_WAIVED_MAX];
    size_t waived_count;
};

struct proxy {
    const struct proxy_options *given;
    char tenant[SPEC_NAME_MAX + 1];
    char state[PATH_MAX];
    char address[START_ADDRESS_MAX];
    char health[START_ADDRESS_MAX];
    struct monitor_options monitor;
    pid_t monitor_pid;
    pid_t loader_pid;
    pid_t audit_pid;
    bool stopping;
    int status;
};

/* ---- what is given ---- */

/* The directory in which the file is. */
static void directory_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(out, size, "%.*s",
                   slash == NULL   ? 1
                   : slash == path ? 1
                                   : (int)(slash - path),
                   slash == NULL ? "." : path);
}

/* Writes the tenant's name to a pipe. */
static int write_name(const struct proxy *p, int out)
{
    struct buf text;
    struct conf_tree tree = {0};
    struct conf_tree_error error;
    buf_init(&text, PROXY_TREE_BYTES);
    struct stat st;
    int r = stat(p->given->file, &st) != 0 ? -errno
            : S_ISREG(st.st_mode)          ? tenant_file_slurp(p->given->file, &text)
                                           : CB_EINVAL; /* a pipe would be waited for */
    if (r != 0) {
        r = cmd_fail_r(r, "the tenant file %s", p->given->file);
        goto out;
    }
    if (conf_tree_read(buf_span(&text), &tree, &error) != 0) {
        r = cmd_fail("%s:%zu:%zu: %s", p->given->file, error.line, error.column, error.message);
        goto out;
    }
    const struct conf_node *name = conf_node_get(conf_node_get(tree.documents, "metadata"), "name");
    if (tree.documents->next != NULL) {
        r = cmd_fail("%s has more than one document: a proxy is for one tenant", p->given->file);
    } else if (name == NULL || name->kind != CONF_KIND_SCALAR ||
               !spec_name_valid(span_of(name->text, name->len))) {
        r = cmd_fail("%s names no tenant (metadata.name)", p->given->file);
    } else {
        r = write(out, name->text, name->len) == (ssize_t)name->len ? CMD_GO : cmd_fail_r(-errno, "a pipe");
    }
out:
    conf_tree_deinit(&tree);
    buf_deinit(&text);
    return r;
}

/* Whoever edits the routes writes that file, and this process has a way to everything: so one that has not reads it. */
static _Noreturn void run_reader(const struct proxy *p, int out)
{
    char directory[PATH_MAX];
    const char *const readable[] = {directory, NULL};
    const struct priv_profile profile = {.needs = PRIV_NEED_READ,
                                         .root = PRIV_ROOT_EMPTY,
                                         .readable = readable,
                                         .max_descriptors = 64,
                                         .max_memory = (uint64_t)1 << 30,
                                         .max_locked = 65536};
    uint32_t held;
    directory_of(p->given->file, directory, sizeof(directory));
    int r = priv_confine(&profile, p->monitor.waived & PRIV_LAYERS_OWN, &held);
    _exit(r == 0 && write_name(p, out) == CMD_GO ? 0 : 1);
}

static int read_name(struct proxy *p)
{
    int fds[2];
    int status = 1;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return cmd_fail_r(-errno, "the tenant file cannot be read");
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_reader(p, fds[1]);
    }
    int error = pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ssize_t len = read(fds[0], p->tenant, sizeof(p->tenant) - 1);
    (void)close(fds[0]);
    if (error == 0 && WIFSIGNALED(status)) {
        return cmd_fail("who read the tenant file was ended by signal %d", WTERMSIG(status));
    }
    if (error != 0 || status != 0) {
        return error != 0 ? cmd_fail_r(error, "the tenant file cannot be read") : CMD_FAILED;
    }
    p->tenant[len > 0 ? len : 0] = '\0';
    return spec_name_valid(span_str(p->tenant)) ? CMD_GO : cmd_fail("the tenant file names no tenant");
}

/*
 * A volume that Kubernetes mounts belongs to root, and its group may write: no place for a state directory, but for one below it.
 */
static int choose_state(struct proxy *p, const char *given)
{
    struct stat st;
    bool own = stat(given, &st) != 0 || (st.st_uid == geteuid() && (st.st_mode & 022) == 0);
    int len = snprintf(p->state, sizeof(p->state), own ? "%s" : "%s/appliance", given);
    return len > 0 && (size_t)len < sizeof(p->state)
               ? CMD_GO
               : cmd_fail("the path of the state directory is too long");
}

/* What the loader may read is settled when it starts, so it has to be there; the files in it may come later. */
static int check_directory(const char *what, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return cmd_fail_r(-errno, "%s %s", what, path);
    }
    return S_ISDIR(st.st_mode) ? CMD_GO : cmd_fail("%s %s is not a directory", what, path);
}

static int read_options(struct proxy *p, const char *state)
{
    const struct proxy_options *given = p->given;
    struct monitor_options *o = &p->monitor;
    if (given->file == NULL || given->credentials == NULL) {
        return cmd_wrong_usage("proxy", "%s is missing",
                               given->file == NULL ? "-f FILE" : "--credentials DIR");
    }
    char directory[PATH_MAX];
    directory_of(given->file, directory, sizeof(directory));
    if (strcmp(directory, "/") == 0) {
        return cmd_wrong_usage(
            "proxy", "-f %s: give it a directory of its own, because who reads it may read all of that",
            given->file);
    }
    int r = check_directory("--credentials", given->credentials);
    if (r == CMD_GO && given->token != NULL) {
        directory_of(given->token, directory, sizeof(directory));
        r = check_directory("the directory of --token-file:", directory);
    }
    r = r == CMD_GO ? choose_state(p, state) : r;
    start_options_init(o, p->state);
    r = r == CMD_GO ? start_roots(given->roots, o) : r;
    r = r == CMD_GO ? start_dns("proxy", given->dns, o) : r;
    r = r == CMD_GO ? start_log_level("proxy", given->log_level, &o->log_level) : r;
    r = r == CMD_GO ? health_option_read("proxy", given->health, p->health, o) : r;
    r = r == CMD_GO ? start_address("proxy", "listen", given->listen != NULL ? given->listen : PROXY_LISTEN,
                                    p->address, &o->tenant_port)
                    : r;
    o->listen_address = p->address;
    o->health_tenants = 1;
    o->drain_ms = PROXY_DRAIN_MS;
    r = r == CMD_GO ? start_drain("proxy", given->drain, &o->drain_ms) : r;
    r = r == CMD_GO ? key_waive("proxy", given->waived, given->waived_count, &o->waived) : r;
    r = r == CMD_GO ? key_uid_base("proxy", NULL, &o->uid_base) : r;
    r = r == CMD_GO ? key_options_read("proxy", &given->key, false, false, &o->key) : r;
    return r == CMD_GO ? read_name(p) : r;
}

/* ---- starting ---- */

static void child_begins(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    /* What a terminal sends to all at once comes here by stop() alone: the monitor would take the same signal, twice, for two. */
    (void)setpgid(0, 0);
}

static int start_monitor(struct proxy *p)
{
    p->monitor_pid = fork();
    if (p->monitor_pid == 0) {
        child_begins();
        /* Standard output is the audit's. */
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
            _exit(CMD_FAILED);
        }
        _exit(monitor_run(&p->monitor));
    }
    return p->monitor_pid > 0 ? CMD_GO : cmd_fail_r(-errno, "the appliance cannot be started");
}

/* The program anew, so with an address space of its own; of the environment it gets what Kubernetes says about the API server. */
static _Noreturn void execute(const char *const argv[])
{
    char host[300];
    char port[64];
    char *environment[3] = {NULL, NULL, NULL};
    const char *known = getenv("KUBERNETES_SERVICE_HOST");
    if (known != NULL && getenv("KUBERNETES_SERVICE_PORT") != NULL) {
        (void)snprintf(host, sizeof(host), "KUBERNETES_SERVICE_HOST=%s", known);
        (void)snprintf(port, sizeof(port), "KUBERNETES_SERVICE_PORT=%s", getenv("KUBERNETES_SERVICE_PORT"));
        environment[0] = host;
        environment[1] = port;
    }
    (void)execve("/proc/self/exe", (char *const *)(uintptr_t)argv, environment);
    (void)cmd_fail_r(-errno, "%s cannot be started", argv[1]);
    _exit(CMD_FAILED);
}

static _Noreturn void run_loader(const struct proxy *p, const char *waived)
{
    const struct proxy_options *given = p->given;
    char file_dir[PATH_MAX];
    char token_dir[PATH_MAX];
    const char *argv[16 + PROXY_READ_MAX] = {"clawbox",
                                             COMPANION_LOADER,
                                             p->state,
                                             p->tenant,
                                             given->file,
                                             given->credentials,
                                             (given->token != NULL ? given->token : ""),
                                             waived,
                                             file_dir,
                                             given->credentials};
    size_t n = 10;
    directory_of(given->file, file_dir, sizeof(file_dir));
    if (given->token != NULL) {
        directory_of(given->token, token_dir, sizeof(token_dir));
        argv[n++] = token_dir;
    }
    for (size_t i = 0; i < given->read_count; i++) {
        if (access(given->read[i], F_OK) == 0) { /* what is not there needs no rule */
            argv[n++] = given->read[i];
        }
    }
    execute(argv);
}

static _Noreturn void run_audit(const struct proxy *p, const char *waived)
{
    char path[PATH_MAX + 32];
    const char *argv[] = {"clawbox", COMPANION_AUDIT, p->state, waived, NULL};
    (void)snprintf(path, sizeof(path), "%s/audit.position", p->state);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || (fd != COMPANION_POSITION_FD && dup2(fd, COMPANION_POSITION_FD) < 0) ||
        fcntl(COMPANION_POSITION_FD, F_SETFD, 0) != 0) {
        (void)cmd_fail_r(-errno, "%s", path);
        _exit(CMD_FAILED);
    }
    execute(argv);
}

/* Both, when there is a server to ask. */
static int start_companions(struct proxy *p)
{
    char waived[16];
    (void)snprintf(waived, sizeof(waived), "%u", p->monitor.waived);
    p->audit_pid = fork();
    if (p->audit_pid == 0) {
        child_begins();
        run_audit(p, waived);
    }
    p->loader_pid = fork();
    if (p->loader_pid == 0) {
        child_begins();
        run_loader(p, waived);
    }
    return p->audit_pid > 0 && p->loader_pid > 0 ? CMD_GO
                                                 : cmd_fail_r(-errno, "the pod's files cannot be followed");
}

/* ---- waiting ---- */

static void stop(struct proxy *p)
{
    if (p->monitor_pid > 0) {
        (void)kill(p->monitor_pid, SIGTERM); /* a second one ends what the first lets go on */
    }
    /* What was to be brought in is brought in by the next one. */
    if (p->loader_pid > 0 && !p->stopping) {
        (void)kill(p->loader_pid, SIGTERM);
    }
    p->stopping = true;
}

static void reap(struct proxy *p)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == p->monitor_pid) {
            p->monitor_pid = 0;
            p->status = WIFEXITED(status) && p->status == CMD_DONE ? WEXITSTATUS(status) : CMD_FAILED;
        } else if (pid == p->loader_pid || pid == p->audit_pid) {
            bool loader = pid == p->loader_pid;
            *(loader ? &p->loader_pid : &p->audit_pid) = 0;
            if (!p->stopping) {
                p->status =
                    cmd_fail("%s has ended, so this does", loader ? "the loader" : "the audit's stream");
                stop(p);
            }
        }
    }
}

static int wait_to_the_end(struct proxy *p, const sigset_t *signals)
{
    bool started = false;
    while (p->monitor_pid > 0) {
        const struct timespec soon = {.tv_nsec = PROXY_ASK_MS * 1000L * 1000L};
        int signum = started ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &soon);
        if (signum == SIGTERM || signum == SIGINT) {
            stop(p);
        }
        reap(p);
        if (!started && !p->stopping && p->monitor_pid > 0 && control_is_reachable(p->state)) {
            started = true;
            if (start_companions(p) != CMD_GO) {
                p->status = CMD_FAILED;
                stop(p);
            }
        }
    }
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = i == 0 ? p->loader_pid : p->audit_pid;
        if (pid > 0) {
            (void)kill(pid, SIGTERM);
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
            }
        }
    }
    return p->status;
}

int cmd_proxy(int argc, char **argv)
{
    struct proxy_options given = {.waived_count = 0};
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = &given.file},
        {.name = "credentials", .value = &given.credentials},
        {.name = "token-file", .value = &given.token},
        {.name = "master-key-file", .value = &given.key.file},
        {.name = "listen", .value = &given.listen},
        {.name = "health", .value = &given.health},
        {.name = "read", .value = given.read, .count = &given.read_count, .max = PROXY_READ_MAX},
        {.name = "roots", .value = &given.roots},
        {.name = "dns", .value = &given.dns},
        {.name = "drain", .value = &given.drain},
        {.name = "log-level", .value = &given.log_level},
        {.name = "waive", .value = given.waived, .count = &given.waived_count, .max = CLAWBOX_WAIVED_MAX},
    };
    const struct cmd_usage usage = {.command = "proxy",
                                    .line = "proxy -f TENANT.yaml --credentials DIR [options]",
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct proxy p = {.given = &given};
    struct cmd_line line;
    sigset_t signals;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? read_options(&p, line.state) : r;
    if (r != CMD_GO) {
        return r;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    r = start_monitor(&p);
    priv_close_memory(); /* the monitor's own files in /proc are needed for its namespaces, so this comes after it */
    return r == CMD_GO ? wait_to_the_end(&p, &signals) : r;
}

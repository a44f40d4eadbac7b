/*
 * verify_cluster.c - Kubernetes objects for `clawbox verify`, from a cluster by kubectl: it is a program of whoever asks, with that
 * person's rights, and only reads. Secrets are not asked for.
 */
#include "verify_read.h"

#include "cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16
#define KINDS_TEXT    2048
#define ERRORS_MAX    ((size_t)16 * 1024)
#define ERRORS_TOLD   8

struct cluster {
    const char *kubeconfig;
    const char *context;
    struct wall *wall;
    struct verify_trees *trees;
    struct buf known; /* the kinds that the cluster has, one a line */
};

struct output {
    struct buf out;
    struct buf err;
    int status; /* of kubectl: 0 when all went well */
};

static void output_init(struct output *o)
{
    *o = (struct output){.status = -1};
    buf_init(&o->out, CONF_TREE_LARGE_BYTES_MAX);
    buf_init(&o->err, ERRORS_MAX);
}

static void output_deinit(struct output *o)
{
    buf_deinit(&o->out);
    buf_deinit(&o->err);
}

/* What is there to read. Of complaints the first count, and the rest is let go of. */
static int drain(struct pollfd *p, struct buf *into, bool all)
{
    char bytes[65536];
    ssize_t n = read(p->fd, bytes, sizeof(bytes));
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        return -errno;
    }
    if (n == 0) {
        p->fd = -1; /* poll() passes over it */
    }
    size_t len = n > 0 ? (size_t)n : 0;
    return buf_append(into, bytes, all || len < buf_room(into) ? len : buf_room(into));
}

static int read_both(int out, int err, struct output *o)
{
    struct pollfd fds[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    int r = 0;
    while (r == 0 && (fds[0].fd >= 0 || fds[1].fd >= 0)) {
        if (poll(fds, 2, -1) < 0) {
            r = errno == EINTR ? 0 : -errno;
            continue;
        }
        if (fds[0].fd >= 0 && fds[0].revents != 0) {
            r = drain(&fds[0], &o->out, true);
        }
        if (r == 0 && fds[1].fd >= 0 && fds[1].revents != 0) {
            r = drain(&fds[1], &o->err, false);
        }
    }
    return r;
}

static int spawn(const char *const *argv, const int out[2], const int err[2], pid_t *pid)
{
    *pid = fork();
    if (*pid == 0) {
        if (dup2(out[1], STDOUT_FILENO) >= 0 && dup2(err[1], STDERR_FILENO) >= 0) {
            (void)close(out[0]);
            (void)close(out[1]);
            (void)close(err[0]);
            (void)close(err[1]);
            (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
            (void)dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
        }
        _exit(127);
    }
    return *pid > 0 ? 0 : -errno;
}

static int run(const char *const *argv, struct output *o)
{
    int out[2];
    int err[2];
    pid_t pid = -1;
    if (pipe(out) != 0) {
        return -errno;
    }
    if (pipe(err) != 0) {
        int r = -errno;
        (void)close(out[0]);
        (void)close(out[1]);
        return r;
    }
    int r = spawn(argv, out, err, &pid);
    (void)close(out[1]);
    (void)close(err[1]);
    r = r == 0 ? read_both(out[0], err[0], o) : r;
    (void)close(out[0]);
    (void)close(err[0]);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    o->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return r;
}

/* kubectl with what it needs to find the cluster, and then `rest`, ended by NULL. */
static int kubectl(const struct cluster *c, const char *const *rest, struct output *o)
{
    char kubeconfig[PATH_MAX + 16];
    char context[300];
    const char *argv[ARGUMENTS_MAX] = {"kubectl", "--request-timeout=60s"};
    size_t count = 2;
    if (c->kubeconfig != NULL) {
        (void)snprintf(kubeconfig, sizeof(kubeconfig), "--kubeconfig=%s", c->kubeconfig);
        argv[count++] = kubeconfig;
    }
    if (c->context != NULL) {
        (void)snprintf(context, sizeof(context), "--context=%s", c->context);
        argv[count++] = context;
    }
    for (size_t i = 0; rest[i] != NULL && count < ARGUMENTS_MAX - 1; i++) {
        argv[count++] = rest[i];
    }
    argv[count] = NULL;
    return run(argv, o);
}

static bool next_line(struct span *text, struct span *line)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    *line = span_sub(*text, 0, end != NULL ? (size_t)(end - text->ptr) : text->len);
    *text = span_sub(*text, line->len + 1, text->len);
    return true;
}

/* Each complaint is one thing that could not be read. */
static int tell_errors(const struct cluster *c, const struct output *o, const char *what)
{
    struct span text = buf_span(&o->err);
    struct span line;
    int r = 0;
    size_t told = 0;
    while (r == 0 && told < ERRORS_TOLD && next_line(&text, &line)) {
        if (line.len != 0 && !span_starts(line, SPAN_LIT("Warning:"))) {
            char why[400];
            (void)snprintf(why, sizeof(why), "%.*s", (int)(line.len < 350 ? line.len : 350),
                           (const char *)line.ptr);
            r = wall_unreadable(c->wall, what, why);
            told++;
        }
    }
    return r == 0 && told == 0 ? wall_unreadable(c->wall, what, "kubectl failed and did not say why") : r;
}

/* One question. What comes counts, also when a part of it was refused. */
static int ask(const struct cluster *c, const char *const *arguments, const char *what)
{
    char why[256] = "";
    struct output o;
    const struct conf_tree *tree = NULL;
    output_init(&o);
    int r = kubectl(c, arguments, &o);
    int status = r == 0 ? CMD_GO : cmd_fail_r(r, "%s cannot be read", what);
    if (status == CMD_GO && buf_len(&o.out) != 0) {
        status = verify_read_text(buf_span(&o.out), what, c->trees, &tree);
    }
    for (const struct conf_node *d = tree != NULL ? tree->documents : NULL; d != NULL && r == 0;
         d = d->next) {
        r = wall_add(c->wall, d, why, sizeof(why));
    }
    if (status == CMD_GO && r == 0 && o.status != 0) {
        r = tell_errors(c, &o, what);
    }
    output_deinit(&o);
    if (status == CMD_GO && r != 0) {
        status = why[0] != '\0' ? cmd_fail("%s: %s", what, why) : cmd_fail_r(r, "%s", what);
    }
    return status;
}

static bool is_known(const struct cluster *c, const char *resource)
{
    struct span text = buf_span(&c->known);
    struct span line;
    while (next_line(&text, &line)) {
        if (span_eq_str(line, resource)) {
            return true;
        }
    }
    return false;
}

/* "roles.rbac...,rolebindings.rbac..." of the kinds that are asked for there and that the cluster has. */
static void kinds_of(const struct cluster *c, int where, char out[KINDS_TEXT])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < wall_kind_count; i++) {
        const struct wall_kind *kind = &wall_kinds[i];
        if ((int)kind->where == where && is_known(c, kind->resource)) {
            int n = snprintf(out + used, KINDS_TEXT - used, "%s%s", used != 0 ? "," : "", kind->resource);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

/* A cluster may be without some kinds. Without another one it could not work, so it is kept from whoever asks. */
static int tell_unknown(const struct cluster *c)
{
    int r = 0;
    for (size_t i = 0; i < wall_kind_count && r == 0; i++) {
        if (!wall_kinds[i].optional && !is_known(c, wall_kinds[i].resource)) {
            r = wall_unreadable(c->wall, wall_kinds[i].resource,
                                "the cluster does not say that it has this kind");
        }
    }
    return r;
}

static int find_kinds(struct cluster *c)
{
    static const char *const arguments[] = {"api-resources", "-o", "name", "--verbs=list", NULL};
    struct output o;
    output_init(&o);
    int r = kubectl(c, arguments, &o);
    r = r == 0 ? buf_append_span(&c->known, buf_span(&o.out)) : r;
    int status = r == 0 ? CMD_GO : cmd_fail_r(r, "kubectl cannot be run");
    struct span text = buf_span(&o.err);
    struct span line = SPAN_EMPTY;
    if (status == CMD_GO && !is_known(c, "pods")) {
        while (next_line(&text, &line) && text.len != 0) { /* the last one says it for people */
        }
        status = cmd_fail("kubectl cannot ask the cluster: %.*s", SPAN_ARG(line));
    }
    if (status == CMD_GO && o.status != 0) {
        r = tell_errors(c, &o, "kinds of the cluster");
    }
    r = status == CMD_GO && r == 0 ? tell_unknown(c) : r;
    if (status == CMD_GO && r != 0) {
        status = cmd_fail_r(r, "the kinds of the cluster");
    }
    output_deinit(&o);
    return status;
}

static int ask_all(const struct cluster *c, const char *tenant)
{
    char kinds[KINDS_TEXT];
    char spaces[2][80];
    char what[120];
    (void)snprintf(spaces[0], sizeof(spaces[0]), "%s-claw", tenant);
    (void)snprintf(spaces[1], sizeof(spaces[1]), "%s-dev", tenant);
    const char *const named[] = {"get", "namespaces", spaces[0], spaces[1], "--ignore-not-found",
                                 "-o",  "yaml",       NULL};
    int status = ask(c, named, "the namespaces");
    kinds_of(c, WALL_IN_BOTH, kinds);
    for (size_t i = 0; status == CMD_GO && i < 2; i++) {
        const char *const within[] = {"get", kinds, "-n", spaces[i], "-o", "yaml", NULL};
        (void)snprintf(what, sizeof(what), "namespace %s", spaces[i]);
        status = ask(c, within, what);
    }
    kinds_of(c, WALL_EVERYWHERE, kinds);
    const char *const everywhere[] = {"get", kinds, "--all-namespaces", "-o", "yaml", NULL};
    return status == CMD_GO ? ask(c, everywhere, "the cluster") : status;
}

int verify_read_cluster(struct wall *wall, const char *tenant, const char *kubeconfig, const char *context,
                        struct verify_trees *trees)
{
    struct cluster c = {.kubeconfig = kubeconfig, .context = context, .wall = wall, .trees = trees};
    if ((kubeconfig != NULL && strlen(kubeconfig) >= PATH_MAX) ||
        (context != NULL && strlen(context) >= 256)) {
        return cmd_fail("the path of the kubeconfig, or the name of the context, is too long");
    }
    buf_init(&c.known, (size_t)1024 * 1024);
    int status = find_kinds(&c);
    status = status == CMD_GO ? ask_all(&c, tenant) : status;
    buf_deinit(&c.known);
    return status;
}

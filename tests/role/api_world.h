/*
 * api_world.h - the world around the role `api` in its tests: a child runs the role; this process is its monitor, its store,
 * its vault, and the clients of its control socket, all under one loop.
 */
#ifndef TESTS_ROLE_API_WORLD_H
#define TESTS_ROLE_API_WORLD_H

#include "api/api.h"
#include "api/state.h"
#include "ipc/pair.h"
#include "ipc/role.h"
#include "priv/confine.h"
#include "support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORLD_DEADLINE_MS 30000

struct world;
/* Plays store or vault: answers the request, or keeps it in mind. */
typedef int world_play_fn(struct world *w, struct ipc_chan *chan, struct ipc_in *in);

struct world {
    struct net_loop *loop;
    struct net_timer *deadline;
    struct ipc_chan *life;
    struct ipc_chan *store;
    struct ipc_chan *vault;
    pid_t pid;
    char folder[64];
    char path[96];
    uint16_t health_port;
    uint16_t remote_port;
    bool ready;
    uint32_t waived; /* confinement layers */
    uint32_t layers; /* that hold */
    bool life_closed;
    bool store_closed;
    bool late; /* the deadline passed */

    world_play_fn *play;
    void *arg;           /* of the test */
    char seen[65536];    /* what store and vault were asked, a line each */
    uint32_t code;       /* that store and vault answer */
    uint32_t apply_code; /* the same, of TENANTS_APPLY alone */
    uint8_t result;      /* of the first tenant that is applied */
    bool absent;         /* TENANT_GET finds nobody */
    bool granted; /* there is a grant: GET https://granted.example/a/..., with the number 17, for an hour */
    uint64_t generation;   /* that TENANT says; 0: 9 */
    const char *why;       /* with the code */
    bool asked;            /* set by a play that does not answer */
    uint32_t pending_call; /* of that */
    enum ipc_msg pending;
};

/* One connection to the control socket. */
struct client {
    struct world *w;
    struct net_conn *conn;
    struct http_parser *parser;
    struct buf held;
    unsigned answers; /* complete ones */
    unsigned interims;
    bool closed;
    /* the last answer */
    unsigned status;
    char type[64];
    char allow[64];
    char tag[64];
    char location[64];
    bool close_said;
    struct buf body;
};

static inline void world_note(struct world *w, const char *fmt, ...) CB_PRINTF(2, 3);
static inline void world_note(struct world *w, const char *fmt, ...)
{
    size_t len = strlen(w->seen);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(w->seen + len, sizeof(w->seen) - len, fmt, ap);
    va_end(ap);
}

/* ---- api_script.c ---- */

extern const uint8_t hash_one[IPC_HASH_LEN];
/* Answers everything about a tenant "alice", or w->code, and notes what was asked. */
world_play_fn play_script;
/* Remembers the request, and does not answer it. */
world_play_fn play_silent;
/* Answers TENANT_LIST. */
int answer_page(struct ipc_chan *chan, const struct ipc_in *in);

/* ---- the monitor ---- */

static int world_on_life(void *arg, struct ipc_in *in)
{
    struct world *w = arg;
    struct ipc_ready m;
    int r = in->msg == IPC_MSG_READY ? ipc_get_ready(in->payload, &m) : CB_EPERM;
    w->ready = r == 0;
    w->layers = r == 0 ? m.layers : 0;
    net_loop_stop(w->loop);
    return r;
}

static void world_on_life_closed(void *arg, int code)
{
    struct world *w = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    w->life_closed = true;
    net_loop_stop(w->loop);
}

static const struct ipc_chan_handler world_life = {.on_message = world_on_life,
                                                   .on_closed = world_on_life_closed};

/* ---- store and vault ---- */

static int world_on_store(void *arg, struct ipc_in *in)
{
    struct world *w = arg;
    net_loop_stop(w->loop);
    return w->play(w, w->store, in);
}

static int world_on_vault(void *arg, struct ipc_in *in)
{
    struct world *w = arg;
    net_loop_stop(w->loop);
    return w->play(w, w->vault, in);
}

static void world_on_store_closed(void *arg, int code)
{
    struct world *w = arg;
    (void)code;
    w->store_closed = true;
    net_loop_stop(w->loop);
}

static void world_on_vault_closed(void *arg, int code)
{
    (void)arg;
    (void)code;
}

static const struct ipc_chan_handler world_store = {.on_message = world_on_store,
                                                    .on_closed = world_on_store_closed};
static const struct ipc_chan_handler world_vault = {.on_message = world_on_vault,
                                                    .on_closed = world_on_vault_closed};

static inline void world_give_peer(struct world *w, enum ipc_role role)
{
    int fds[2];
    struct ipc_chan **slot = role == IPC_ROLE_STORE ? &w->store : &w->vault;
    struct ipc_chan *old = *slot;
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        return;
    }
    CHECK_EQ_INT(ipc_chan_open(w->loop, fds[0], IPC_CHANNEL_PEER, role, IPC_ROLE_API, false,
                               role == IPC_ROLE_STORE ? &world_store : &world_vault, w, slot),
                 0);
    struct ipc_peer peer = {.role = (uint8_t)role};
    CHECK_EQ_INT(ipc_send_peer(w->life, 0, &peer, fds[1]), 0);
    ipc_chan_free(old);
}

/* ---- the loop: every callback here stops it, so that what is waited for can be looked at ---- */

static void world_late(void *arg)
{
    struct world *w = arg;
    w->late = true;
    net_loop_stop(w->loop);
}

static inline void world_wait_begin(struct world *w)
{
    w->late = false;
    net_timer_start(w->deadline, WORLD_DEADLINE_MS, 0);
}

static inline bool world_wait_end(struct world *w)
{
    net_timer_stop(w->deadline);
    return CHECK(!w->late);
}

/* Runs the loop until *what, or the deadline, which fails the test. */
static inline bool world_wait(struct world *w, const bool *what)
{
    world_wait_begin(w);
    while (!*what && !w->late) {
        net_loop_run(w->loop);
    }
    return world_wait_end(w);
}

/* ---- start and end ---- */

static inline int world_listen(struct world *w)
{
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/clawbox-test-XXXXXX");
    if (!CHECK(mkdtemp(w->folder) != NULL)) {
        return -1;
    }
    (void)chmod(w->folder, 0755);
    (void)snprintf(w->path, sizeof(w->path), "%s/control.sock", w->folder);
    return net_listen_unix(w->path, 0666);
}

/* `run` is the child's main. */
static inline bool world_start(struct world *w, world_play_fn *play, int (*run)(void))
{
    int fds[2];
    *w = (struct world){.pid = -1, .play = play, .why = ""};
    int listener = world_listen(w);
    if (!CHECK(listener >= 0) || !CHECK_EQ_INT(ipc_pair(fds), 0)) {
        return false;
    }
    w->pid = fork();
    if (w->pid == 0) {
        (void)close(fds[0]);
        (void)close(listener);
        if (fds[1] != IPC_ROLE_LIFE_FD && dup2(fds[1], IPC_ROLE_LIFE_FD) < 0) {
            _exit(100);
        }
        _exit(run());
    }
    (void)close(fds[1]);
    w->loop = net_loop_new();
    w->deadline = net_timer_new(w->loop, world_late, w);
    if (!CHECK(w->pid > 0) || !CHECK_EQ_INT(ipc_chan_open(w->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR,
                                                          IPC_ROLE_API, true, &world_life, w, &w->life),
                                            0)) {
        return false;
    }
    CHECK_EQ_INT(ipc_send_start(w->life, 0, &(struct ipc_start){.log_level = 0}), 0);
    CHECK_EQ_INT(
        ipc_send_listener(w->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_CONTROL}, listener), 0);
    int health = net_listen_tcp("127.0.0.1", 0, &w->health_port);
    CHECK(health >= 0);
    CHECK_EQ_INT(ipc_send_listener(w->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_HEALTH}, health),
                 0);
    int remote = net_listen_tcp("127.0.0.1", 0, &w->remote_port);
    CHECK(remote >= 0);
    CHECK_EQ_INT(ipc_send_listener(w->life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_API}, remote), 0);
    world_give_peer(w, IPC_ROLE_STORE);
    world_give_peer(w, IPC_ROLE_VAULT);
    /* Sanitizers need calls that the filter forbids, and more memory than the limits give; without them the filter holds here too. */
    w->waived = 0;
#if defined(__SANITIZE_ADDRESS__)
    w->waived |= PRIV_LAYER_SECCOMP | PRIV_LAYER_LIMITS;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    w->waived |= PRIV_LAYER_SECCOMP | PRIV_LAYER_LIMITS;
#endif
#endif
    CHECK_EQ_INT(ipc_send_go(w->life, 0, &(struct ipc_go){.waived = w->waived}), 0);
    return world_wait(w, &w->ready) && CHECK_EQ_UINT(w->layers, PRIV_LAYERS_OWN & ~w->waived);
}

static inline void world_free(struct world *w)
{
    ipc_chan_free(w->life);
    ipc_chan_free(w->store);
    ipc_chan_free(w->vault);
    net_timer_free(w->deadline);
    net_loop_free(w->loop);
    (void)unlink(w->path);
    (void)rmdir(w->folder);
}

/* Stops the role, which has to end well. */
static inline void world_end(struct world *w)
{
    int status = -1;
    if (!w->life_closed) {
        CHECK_EQ_INT(ipc_send_stop(w->life, 0, &(struct ipc_stop){.grace_ms = 10000}), 0);
        (void)world_wait(w, &w->life_closed);
    }
    CHECK(waitpid(w->pid, &status, 0) == w->pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    world_free(w);
}

/* ---- clients ---- */

static inline void client_head(struct client *c, const struct http_head *head)
{
    c->status = head->status;
    c->type[0] = c->allow[0] = c->tag[0] = c->location[0] = '\0';
    c->close_said = !head->keep_alive;
    buf_reset(&c->body);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *f = &head->fields[i];
        char *to = span_eq_nocase(f->name, SPAN_LIT("Content-Type")) ? c->type
                   : span_eq_nocase(f->name, SPAN_LIT("Allow"))      ? c->allow
                   : span_eq_nocase(f->name, SPAN_LIT("ETag"))       ? c->tag
                   : span_eq_nocase(f->name, SPAN_LIT("Location"))   ? c->location
                                                                     : NULL;
        if (to != NULL) {
            (void)snprintf(to, sizeof(c->type), "%.*s", SPAN_ARG(f->value));
        }
    }
}

static void client_on_data(void *arg, struct span data)
{
    struct client *c = arg;
    struct http_event event;
    int r;
    CHECK_EQ_INT(buf_append_span(&c->held, data), 0);
    struct span in = buf_span(&c->held);
    size_t before = in.len;
    while ((r = http_parser_next(c->parser, &in, &event)) == 0) {
        if (event.type == HTTP_EVENT_HEAD) {
            client_head(c, event.head);
        } else if (event.type == HTTP_EVENT_BODY) {
            CHECK_EQ_INT(buf_append_span(&c->body, event.body), 0);
        } else if (event.type == HTTP_EVENT_INTERIM) {
            c->interims++;
        } else {
            c->answers++;
        }
    }
    CHECK_EQ_INT(r, CB_EAGAIN);
    net_loop_stop(c->w->loop);
    buf_consume(&c->held, before - in.len);
}

static void client_on_end(void *arg)
{
    struct client *c = arg;
    c->closed = true;
    net_loop_stop(c->w->loop);
}

static void client_on_error(void *arg, int code)
{
    struct client *c = arg;
    (void)code;
    c->closed = true;
    net_loop_stop(c->w->loop);
}

static const struct net_conn_handler client_handler = {
    .on_data = client_on_data, .on_end = client_on_end, .on_error = client_on_error};

static inline bool client_connect(struct client *c, struct world *w, const struct sockaddr *to, socklen_t len)
{
    *c = (struct client){.w = w, .parser = http_parser_new_response()};
    buf_init(&c->held, (size_t)64 << 20);
    buf_init(&c->body, (size_t)64 << 20);
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!CHECK(fd >= 0) || !CHECK(connect(fd, to, len) == 0) ||
        !CHECK_EQ_INT(net_conn_open(w->loop, fd, &client_handler, c, &c->conn), 0)) {
        return false;
    }
    net_conn_read(c->conn, true);
    return true;
}

/* To the health listener. */
static inline bool client_open_health(struct client *c, struct world *w)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(w->health_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return client_connect(c, w, (const struct sockaddr *)&to, sizeof(to));
}

static inline bool client_open(struct client *c, struct world *w)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", w->path);
    return client_connect(c, w, (const struct sockaddr *)&to, sizeof(to));
}

static inline void client_close(struct client *c)
{
    net_conn_close(c->conn);
    http_parser_free(c->parser);
    buf_deinit(&c->held);
    buf_deinit(&c->body);
    *c = (struct client){.w = c->w};
}

static inline void client_send(struct client *c, const char *text)
{
    CHECK_EQ_INT(net_conn_write(c->conn, span_str(text)), 0);
}

/* Runs the loop until so many answers have come or the connection ended. */
static inline bool client_wait(struct client *c, unsigned answers)
{
    world_wait_begin(c->w);
    while (c->answers < answers && !c->closed && !c->w->late) {
        net_loop_run(c->w->loop);
    }
    return world_wait_end(c->w) && CHECK(c->answers >= answers);
}

static inline bool client_wait_closed(struct client *c)
{
    return world_wait(c->w, &c->closed);
}

static inline bool client_body_has(const struct client *c, const char *part)
{
    struct span body = buf_span(&c->body);
    bool has = body.ptr != NULL && memmem(body.ptr, body.len, part, strlen(part)) != NULL;
    if (!has) {
        printf("the body is: %.*s\nwithout: %s\n", SPAN_ARG(body), part);
    }
    return has;
}

/* Sends one request with more fields ("Name: value\r\n...") and an optional body, and waits for its answer. */
static inline bool client_ask_with(struct client *c, const char *method, const char *path, const char *fields,
                                   const char *body)
{
    struct buf out;
    buf_init(&out, (size_t)4 << 20);
    http_parser_set_head_request(c->parser, strcmp(method, "HEAD") == 0);
    int r = buf_appendf(&out, "%s %s HTTP/1.1\r\nHost: clawbox\r\n%s", method, path, fields);
    if (r == 0 && body != NULL) {
        r = buf_appendf(&out, "Content-Length: %zu\r\n", strlen(body));
    }
    if (r == 0) {
        r = buf_append_str(&out, "\r\n");
    }
    if (r == 0 && body != NULL) {
        r = buf_append_str(&out, body);
    }
    CHECK_EQ_INT(r, 0);
    CHECK_EQ_INT(net_conn_write(c->conn, buf_span(&out)), 0);
    buf_deinit(&out);
    return client_wait(c, c->answers + 1);
}

static inline bool client_ask(struct client *c, const char *method, const char *path, const char *body)
{
    return client_ask_with(c, method, path, "", body);
}

/* The usual beginning and end of a test. */
static inline bool begin(struct world *w, struct client *c)
{
    return world_start(w, play_script, api_main) && client_open(c, w);
}

static inline void end(struct world *w, struct client *c)
{
    client_close(c);
    world_end(w);
}

#endif

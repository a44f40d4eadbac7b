/*
 * attack_origin.c - the witness: it accepts on several ports of loopback, reports each connection before it looks at it, and
 * reports and answers one request on each.
 *
 * Reports are lines on a pipe: "C" a connection, "B" one to the barrier port, "R" and the head of a request in hexadecimal, "E"
 * its end. The
 * barrier is accepted last among those that wait, so whoever connects there and then reads "B" knows of all before.
 */
#include "attack.h"
#include "demo_wire.h"

#include "base/clock.h"
#include "base/encode.h"
#include "http/parser.h"
#include "http/write.h"
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTS_MAX     (ORIGIN_ROUTES + ATTACK_ROUTES_MAX)
#define CERTIFICATE_S 86400
#define HEAD_REPORTED 1900 /* bytes; twice that and some fit into one write to a pipe */
#define PATIENCE_S    10

static int append_chunk(struct buf *out, struct span data)
{
    int r = buf_appendf(out, "%zx\r\n", data.len);
    r = r == 0 ? buf_append_span(out, data) : r;
    return r == 0 ? buf_append_str(out, "\r\n") : r;
}

/* The answer to /attack/echo/N. *cut is where it is to be sent in two. */
static int write_echo(const struct attack_echo *echo, struct span credential, struct buf *out, size_t *cut)
{
    struct buf said;
    struct buf body;
    buf_init(&said, 4096);
    buf_init(&body, 8192);
    int r = attack_echo_write(echo->form, credential, &said);
    bool in_body = strcmp(echo->place, "body") == 0 || strcmp(echo->place, "cut") == 0;
    bool chunked = strcmp(echo->place, "chunked") == 0 || strcmp(echo->place, "trailer") == 0;
    r = r == 0 ? buf_appendf(&body, ATTACK_MARK " {\"echo\": \"") : r;
    if (r == 0 && (in_body || strcmp(echo->place, "chunked") == 0)) {
        r = buf_append_span(&body, buf_span(&said));
    }
    r = r == 0 ? buf_append_str(&body, "\"}\n") : r;
    const char *field = strcmp(echo->place, "header") == 0     ? "X-Echo: "
                        : strcmp(echo->place, "location") == 0 ? "Location: https://elsewhere.invalid/?k="
                        : strcmp(echo->place, "cookie") == 0   ? "Set-Cookie: s="
                                                               : NULL;
    r = r == 0 ? buf_appendf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n",
                             strcmp(echo->place, "location") == 0 ? "302 Found" : "200 OK")
               : r;
    if (r == 0 && field != NULL) {
        r = buf_appendf(out, "%s%.*s\r\n", field, SPAN_ARG(buf_span(&said)));
    }
    if (r == 0 && chunked) {
        r = buf_append_str(out, "Transfer-Encoding: chunked\r\nTrailer: X-Echo\r\n\r\n");
        for (size_t i = 0; r == 0 && i < buf_len(&body); i++) {
            r = append_chunk(out, span_sub(buf_span(&body), i, 1));
        }
        r = r == 0 ? buf_append_str(out, "0\r\n") : r;
        if (r == 0 && strcmp(echo->place, "trailer") == 0) {
            r = buf_appendf(out, "X-Echo: %.*s\r\n", SPAN_ARG(buf_span(&said)));
        }
        r = r == 0 ? buf_append_str(out, "\r\n") : r;
    } else if (r == 0) {
        r = buf_appendf(out, "Content-Length: %zu\r\n\r\n", buf_len(&body));
        size_t head = buf_len(out);
        r = r == 0 ? buf_append_span(out, buf_span(&body)) : r;
        *cut = strcmp(echo->place, "cut") == 0 ? head + buf_len(&body) / 2 : 0;
    }
    buf_deinit(&said);
    buf_deinit(&body);
    return r;
}

/* "/attack/redirect" sends elsewhere: to the clear port of this origin. */
static int write_answer(struct span target, struct span credential, uint16_t inside, struct buf *out,
                        size_t *cut)
{
    static const char echo[] = "/attack/echo/";
    static const char plain[] = ATTACK_MARK " ok\n";
    *cut = 0;
    if (span_starts(target, SPAN_LIT("/attack/echo/"))) {
        char number[8] = "";
        (void)snprintf(number, sizeof(number), "%.*s", SPAN_ARG(span_sub(target, sizeof(echo) - 1, 6)));
        size_t index = strtoul(number, NULL, 10);
        if (index < attack_echo_count) {
            return write_echo(&attack_echoes[index], credential, out, cut);
        }
    }
    if (span_starts(target, SPAN_LIT("/attack/redirect"))) {
        return buf_appendf(out,
                           "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%u/followed\r\n"
                           "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                           (unsigned)inside, sizeof(plain) - 1, plain);
    }
    return buf_appendf(out, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                       sizeof(plain) - 1, plain);
}

/* ---- one connection ---- */

static int report(int fd, const struct http_head *head)
{
    struct buf text;
    char line[2 * HEAD_REPORTED + 8] = "R";
    buf_init(&text, HTTP_HEAD_MAX * 2);
    int r = buf_appendf(&text, "%.*s %.*s\n", SPAN_ARG(head->method), SPAN_ARG(head->target));
    for (size_t i = 0; r == 0 && i < head->field_count; i++) {
        r = buf_appendf(&text, "%.*s: %.*s\n", SPAN_ARG(head->fields[i].name),
                        SPAN_ARG(head->fields[i].value));
    }
    if (r == 0) {
        struct span shown = span_sub(buf_span(&text), 0, HEAD_REPORTED);
        encode_hex(shown.ptr, shown.len, line + 1);
        (void)snprintf(line + strlen(line), 2, "\n");
        r = write(fd, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -errno;
    }
    buf_deinit(&text);
    return r;
}

static int send_answer(struct demo_wire *w, struct span target, struct span credential, uint16_t inside)
{
    struct buf out;
    size_t cut;
    buf_init(&out, (size_t)64 * 1024);
    int r = write_answer(target, credential, inside, &out, &cut);
    if (r == 0 && cut != 0) {
        r = demo_wire_send(w, span_sub(buf_span(&out), 0, cut));
    }
    r = r == 0 ? demo_wire_send(w, span_sub(buf_span(&out), cut, SIZE_MAX)) : r;
    buf_deinit(&out);
    return r;
}

static void serve(struct demo_wire *w, int events_fd, struct span credential, uint16_t inside)
{
    struct http_parser *parser = http_parser_new_request();
    char target[1024] = "";
    int r = parser != NULL ? 0 : CB_ENOMEM;
    for (bool done = false; r == 0 && !done;) {
        struct span in;
        r = demo_wire_receive(w, &in);
        while (r == 0 && !done) {
            struct http_event event;
            r = http_parser_next(parser, &in, &event);
            if (r == 0 && event.type == HTTP_EVENT_HEAD) {
                (void)snprintf(target, sizeof(target), "%.*s", SPAN_ARG(event.head->target));
                r = report(events_fd, event.head);
            } else if (r == 0 && event.type == HTTP_EVENT_END) {
                r = write(events_fd, "E\n", 2) == 2 ? 0 : -errno;
                r = r == 0 ? send_answer(w, span_str(target), credential, inside) : r;
                done = true;
            }
        }
        r = r == CB_EAGAIN ? 0 : r;
    }
    http_parser_free(parser);
}

/* ---- the process ---- */

struct origin_process {
    int listeners[PORTS_MAX];
    struct tls_key *key;                /* of all leaves */
    struct tls_leaf *leaves[PORTS_MAX]; /* NULL: clear text */
    uint16_t inside;
    size_t count;
    int events_fd;
    struct span credential;
};

static void serve_one(const struct origin_process *p, size_t index, int fd)
{
    struct demo_wire w = {.fd = fd};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int r = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (r == 0 && p->leaves[index] != NULL) {
        struct tls_server *server = tls_server_new();
        r = server != NULL ? tls_session_new_server(server, p->leaves[index], &w.tls) : CB_ENOMEM;
        r = r == 0 ? demo_wire_handshake(&w) : r;
    }
    if (r == 0) {
        serve(&w, p->events_fd, p->credential, p->inside);
    }
    demo_wire_close(&w);
    _exit(0);
}

static void accept_one(const struct origin_process *p, size_t index)
{
    int fd = accept4(p->listeners[index], NULL, NULL, SOCK_CLOEXEC);
    const char *line = index == ORIGIN_BARRIER ? "B\n" : "C\n";
    if (fd < 0) {
        return;
    }
    if (write(p->events_fd, line, 2) != 2) {
        _exit(1);
    }
    if (index != ORIGIN_BARRIER && fork() == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_one(p, index, fd);
    }
    (void)close(fd);
}

static void run(const struct origin_process *p)
{
    (void)signal(SIGCHLD, SIG_IGN); /* nobody asks how they ended */
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct pollfd fds[PORTS_MAX];
        for (size_t i = 0; i < p->count; i++) {
            fds[i] = (struct pollfd){.fd = p->listeners[i], .events = POLLIN};
        }
        if (poll(fds, p->count, -1) < 0 && errno != EINTR) {
            _exit(1);
        }
        /* From the last to the first: the barrier after all that came before it. */
        for (size_t i = p->count; i > 0; i--) {
            if (i - 1 != ORIGIN_BARRIER) {
                while (poll(&fds[i - 1], 1, 0) > 0) {
                    accept_one(p, i - 1);
                }
            } else if ((fds[0].revents & POLLIN) != 0) {
                accept_one(p, ORIGIN_BARRIER);
            }
        }
    }
}

static int issue(const struct tls_key *ca_key, struct span ca, const char *host, struct tls_key *key,
                 struct tls_leaf **out)
{
    struct buf leaf;
    struct buf public_key;
    uint64_t not_after_ms;
    buf_init(&leaf, TLS_CERT_DER_MAX);
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    struct span name = span_str(host);
    if (name.len > 2 && name.ptr[0] == '[') {
        name = span_sub(name, 1, name.len - 2);
    }
    int r = tls_key_public(key, &public_key);
    r = r == 0 ? tls_ca_issue(ca_key, ca, name, buf_span(&public_key), clock_wall_ms(), CERTIFICATE_S, &leaf,
                              &not_after_ms)
               : r;
    r = r == 0 ? tls_leaf_new(buf_span(&leaf), ca, key, out) : r;
    buf_deinit(&leaf);
    buf_deinit(&public_key);
    return r;
}

static int prepare(const struct attack_route *routes, size_t count, struct origin_process *p,
                   struct attack_origin *out)
{
    struct tls_key *ca_key = tls_key_new();
    p->key = tls_key_new();
    struct buf ca;
    buf_init(&ca, TLS_CERT_DER_MAX);
    int r = ca_key != NULL && p->key != NULL ? 0 : CB_ECRYPTO;
    r = r == 0 ? tls_ca_create(ca_key, "attack-origin", clock_wall_ms(), &ca) : r;
    r = r == 0 ? tls_cert_to_pem(buf_span(&ca), &out->ca_pem) : r;
    for (size_t i = 0; r == 0 && i < ORIGIN_ROUTES + count; i++) {
        const char *host = i == ORIGIN_ECHO    ? ATTACK_ECHO_HOST
                           : i < ORIGIN_ROUTES ? NULL
                           : routes[i - ORIGIN_ROUTES].route->scheme == SPEC_SCHEME_HTTP
                               ? NULL
                               : routes[i - ORIGIN_ROUTES].host;
        p->listeners[i] = net_listen_tcp("127.0.0.1", 0, &out->ports[i]);
        p->count = i + 1;
        r = p->listeners[i] < 0 ? p->listeners[i] : 0;
        if (r == 0 && host != NULL) {
            r = issue(ca_key, buf_span(&ca), host, p->key, &p->leaves[i]);
        }
    }
    tls_key_free(ca_key);
    buf_deinit(&ca);
    return r;
}

int attack_origin_start(const struct attack_route *routes, size_t count, struct span credential,
                        struct attack_origin *out)
{
    struct origin_process p = {.credential = credential};
    int events[2] = {-1, -1};
    *out = (struct attack_origin){.events_fd = -1};
    buf_init(&out->ca_pem, (size_t)2 * TLS_CERT_DER_MAX);
    buf_init(&out->head, (size_t)64 * 1024);
    int r = prepare(routes, count, &p, out);
    p.inside = out->ports[ORIGIN_INSIDE];
    if (r == 0 && pipe2(events, O_CLOEXEC) != 0) {
        r = -errno;
    }
    p.events_fd = events[1];
    if (r == 0 && (out->pid = fork()) < 0) {
        r = -errno;
    }
    if (r == 0 && out->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(&p);
    }
    for (size_t i = 0; i < p.count; i++) {
        if (p.listeners[i] >= 0) {
            (void)close(p.listeners[i]);
        }
        tls_leaf_unref(p.leaves[i]);
    }
    tls_key_free(p.key);
    if (events[1] >= 0) {
        (void)close(events[1]);
    }
    out->events_fd = events[0];
    return r;
}

void attack_origin_stop(struct attack_origin *o)
{
    if (o->pid > 0) {
        (void)kill(o->pid, SIGKILL);
        (void)waitpid(o->pid, NULL, 0);
        o->pid = 0;
    }
    if (o->events_fd > 0) {
        (void)close(o->events_fd);
        o->events_fd = -1;
    }
    buf_deinit(&o->ca_pem);
    buf_deinit(&o->head);
}

/* ---- reading the reports ---- */

/* The next report: its letter in *kind. */
static int next_report(struct attack_origin *o, char *kind)
{
    char line[2 * HEAD_REPORTED + 16];
    size_t len = 0;
    for (;;) {
        struct pollfd ready = {.fd = o->events_fd, .events = POLLIN};
        int n = poll(&ready, 1, ATTACK_WAIT_MS);
        if (n == 0) {
            return CB_ETIMEOUT;
        }
        if (n < 0 || read(o->events_fd, &line[len], 1) != 1) {
            return CB_ECLOSED;
        }
        if (line[len] == '\n' || ++len == sizeof(line)) {
            break;
        }
    }
    *kind = line[0];
    o->connections += line[0] == 'C' ? 1 : 0;
    o->completed += line[0] == 'E' ? 1 : 0;
    if (line[0] == 'R') {
        uint8_t *room;
        size_t bytes = (len - 1) / 2;
        buf_reset(&o->head);
        int r = buf_reserve(&o->head, bytes, &room);
        r = r == 0 ? decode_hex(span_of(line + 1, len - 1), room, bytes) : r;
        if (r == 0) {
            buf_commit(&o->head, bytes);
        }
        return r;
    }
    return 0;
}

int attack_origin_settle(struct attack_origin *o, size_t *connections)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(o->ports[ORIGIN_BARRIER]),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char kind = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : -errno;
    while (r == 0 && kind != 'B') {
        r = next_report(o, &kind);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    *connections = o->connections;
    o->connections = 0;
    o->ended = o->completed;
    o->completed = 0;
    return r;
}

int attack_origin_drain(struct attack_origin *o)
{
    size_t ignored;
    int r = attack_origin_settle(o, &ignored);
    buf_reset(&o->head);
    return r;
}

int attack_origin_wait(struct attack_origin *o)
{
    char kind = 0;
    int r = 0;
    while (r == 0 && kind != 'R') {
        r = next_report(o, &kind);
    }
    return r;
}

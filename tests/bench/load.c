/*
 * load.c - a load generator: HTTP/1.1 over TLS, directly or through a CONNECT proxy, one thread, latencies kept one by one.
 *
 *   load MODE --to ADDRESS:PORT --ca FILE --authority HOST[:PORT] [options]
 *
 *   requests   each connection sends one request after the other; or, with --rate, requests start at fixed times and
 *              latency counts from the time at which each was due, so that a stall is not hidden
 *   connects   every request has a connection of its own: TCP, CONNECT, TLS handshake, request, close
 *   sse        events of origin's /sse/N; the latency is that of each event, from its time stamp to its arrival
 *   idle       every connection sends one request, and stays
 *
 * Connections are made first, and tried with one request (--warm); then it prints "ready" and waits for a line on standard
 * input, so that the caller can look at the CPU clocks of what is measured just before and just after. One JSON object is
 * the result. `idle` prints it when its standard input gives the line, and ends.
 */
#include "answer.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define REQUEST_MAX 8192
#define BUFFER_SIZE 65536
#define ERRORS_MAX  50
#define NS          UINT64_C(1000000000)

enum phase {
    PHASE_TCP,
    PHASE_PROXY_SEND,
    PHASE_PROXY_ANSWER,
    PHASE_TLS,
    PHASE_READY, /* connected, nothing under way */
    PHASE_SEND,
    PHASE_ANSWER,
};

struct client {
    int fd; /* -1: none */
    SSL *ssl;
    enum phase phase;
    uint32_t interest;
    bool warm; /* the request that is under way is the one that tries the connection */
    uint64_t start_ns;
    size_t sent;
    uint64_t body_to_send;
    struct answer answer; /* to the request, or to CONNECT */
    char line[64];        /* of the event stream */
    size_t line_length;
};

static struct options options;

static struct {
    char request[REQUEST_MAX];
    size_t request_length;
    char warm[REQUEST_MAX];
    size_t warm_length;
    char connect[REQUEST_MAX];
    size_t connect_length;
    char host[256]; /* of the authority: the name in the certificate */
} text;

static struct {
    SSL_CTX *context;
    int epoll_fd;
    int timer_fd;
    struct client *clients;
    struct client **idle; /* with --rate: those without a request */
    int idle_count;
    bool running;
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t last_ns; /* of the last completion */
    uint64_t started;
    uint64_t completed;
    uint64_t settled; /* connections that are past their first request, before the run */
    int under_way;
    int errors;
    uint64_t reconnects;
    uint64_t body_seen; /* also before the run */
    uint64_t bytes_down;
    uint64_t bytes_up;
    uint64_t *samples; /* ns */
    size_t sample_count;
    size_t sample_room;
    char tls[128];
} run;

static char filler[BUFFER_SIZE];

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void sample(uint64_t ns)
{
    if (run.sample_count == run.sample_room) {
        run.sample_room = run.sample_room == 0 ? 65536 : run.sample_room * 2;
        run.samples = realloc(run.samples, run.sample_room * sizeof(*run.samples));
        if (run.samples == NULL) {
            die("out of memory");
        }
    }
    run.samples[run.sample_count++] = ns;
}

/* ---- connections ---- */

static void client_want(struct client *c, uint32_t interest)
{
    if (c->interest == interest) {
        return;
    }
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(run.epoll_fd, c->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &event) != 0) {
        die("epoll_ctl");
    }
    c->interest = interest;
}

static void client_close(struct client *c)
{
    if (c->ssl != NULL) {
        if (c->phase > PHASE_TLS) {
            SSL_shutdown(c->ssl);
        }
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    ERR_clear_error();
}

static void client_open(struct client *c)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("socket");
    }
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->interest = 0;
    c->phase = PHASE_TCP;
    const struct sockaddr *to = (const struct sockaddr *)&options.to;
    if (connect(c->fd, to, sizeof(options.to)) != 0 && errno != EINPROGRESS) {
        die("connect");
    }
    client_want(c, EPOLLOUT);
}

static void client_start(struct client *c, uint64_t start_ns)
{
    c->phase = PHASE_SEND;
    c->start_ns = start_ns;
    c->sent = 0;
    c->line_length = 0;
    answer_reset(&c->answer);
    c->body_to_send = c->warm ? 0 : options.body;
    run.under_way++;
}

static void failure(struct client *c, const char *what)
{
    if (++run.errors <= 3) {
        char first[80];
        snprintf(first, sizeof(first), "%.*s", (int)c->answer.head_length, c->answer.head);
        first[strcspn(first, "\r\n")] = '\0';
        fprintf(stderr, "load: %s (phase %d) %s\n", what, (int)c->phase, first);
        ERR_print_errors_fp(stderr);
    }
    if (run.errors > ERRORS_MAX) {
        fprintf(stderr, "load: more than %d errors\n", ERRORS_MAX);
        exit(1);
    }
}

/* True while more requests may start. */
static bool more(uint64_t now)
{
    return now < run.end_ns && (options.requests == 0 || run.started < options.requests);
}

/* A connection has nothing to do: gives it its next request, or another life. */
static void client_next(struct client *c, uint64_t now)
{
    c->phase = PHASE_READY;
    if (!run.running) {
        run.settled++;
    } else if (options.rate > 0) {
        run.idle[run.idle_count++] = c;
    } else if (more(now)) {
        run.started++;
        if (options.mode == MODE_CONNECTS) {
            client_close(c);
            client_open(c);
            c->start_ns = now;
            return;
        }
        client_start(c, now);
        return;
    }
    client_want(c, EPOLLIN);
}

/* The connection broke, or was refused. */
static void client_lost(struct client *c, const char *what)
{
    failure(c, what);
    if (c->phase >= PHASE_SEND) {
        run.under_way--;
    }
    client_close(c);
    if (!run.running) {
        exit(1); /* what does not work once is not measured */
    }
    run.reconnects++;
    c->warm = true;
    client_open(c);
}

static void client_done(struct client *c)
{
    uint64_t now = now_ns();
    run.under_way--;
    if (run.running && !c->warm) {
        run.completed++;
        run.bytes_up += options.body;
        run.last_ns = now;
        if (options.mode != MODE_SSE) {
            sample(now - c->start_ns);
        }
    }
    bool reopen = c->answer.last && options.mode != MODE_CONNECTS;
    bool was_warm = c->warm;
    c->warm = false;
    if (reopen) {
        client_close(c);
        run.reconnects++;
        c->warm = true;
        client_open(c);
        if (!run.running && was_warm) {
            fprintf(stderr, "load: the server closes its connections after each answer\n");
            exit(1);
        }
        return;
    }
    client_next(c, now);
}

/* ---- answers ---- */

static void event_line(struct client *c)
{
    c->line[c->line_length] = '\0';
    if (run.running && options.mode == MODE_SSE && strncmp(c->line, "data: ", 6) == 0) {
        sample(now_ns() - strtoull(c->line + 6, NULL, 10));
    }
    c->line_length = 0;
}

static void body_bytes(void *arg, const char *data, size_t length)
{
    struct client *c = arg;
    run.body_seen += length;
    run.bytes_down += run.running ? length : 0;
    if (options.print && run.running) {
        fwrite(data, 1, length, stdout);
        putchar('\n');
    }
    if (options.mode != MODE_SSE) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n') {
            event_line(c);
        } else if (c->line_length < sizeof(c->line) - 1) {
            c->line[c->line_length++] = data[i];
        }
    }
}

/* ---- a connection's steps: 1 to go on, 0 to wait, -1 when it was lost (and taken care of) ---- */

static int tls_wait(struct client *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        client_want(c, EPOLLIN);
        return 0;
    case SSL_ERROR_WANT_WRITE:
        client_want(c, EPOLLOUT);
        return 0;
    default:
        if (c->phase == PHASE_ANSWER && c->answer.head_complete && c->answer.framing == ANSWER_CLOSE) {
            client_done(c);
        } else if (c->phase == PHASE_READY && run.running) {
            /* An idle connection may be closed by the server; the next request then needs another one. */
            for (int i = 0; i < run.idle_count; i++) {
                if (run.idle[i] == c) {
                    run.idle[i] = run.idle[--run.idle_count];
                    break;
                }
            }
            client_close(c);
            run.reconnects++;
            c->warm = true;
            client_open(c);
        } else {
            client_lost(c, "the connection ended");
        }
        return -1;
    }
}

static int tls_start(struct client *c)
{
    c->ssl = SSL_new(run.context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, text.host) != 1 || SSL_set1_host(c->ssl, text.host) != 1) {
        die("a TLS session");
    }
    SSL_set_connect_state(c->ssl);
    c->phase = PHASE_TLS;
    return 1;
}

static int step_tcp(struct client *c)
{
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
        errno = error;
        die("connect");
    }
    if (options.proxy) {
        c->phase = PHASE_PROXY_SEND;
        return 1;
    }
    return tls_start(c);
}

static int step_proxy_send(struct client *c)
{
    ssize_t n = send(c->fd, text.connect, text.connect_length, MSG_NOSIGNAL);
    if (n != (ssize_t)text.connect_length) {
        client_lost(c, "CONNECT was not sent");
        return -1;
    }
    answer_reset(&c->answer);
    c->phase = PHASE_PROXY_ANSWER;
    client_want(c, EPOLLIN);
    return 0;
}

static int step_proxy_answer(struct client *c)
{
    char buffer[2048];
    ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EAGAIN) {
        return 0;
    }
    if (n <= 0 || answer_head(&c->answer, buffer, (size_t)n) != (size_t)n) {
        client_lost(c, "CONNECT was refused");
        return -1;
    }
    return c->answer.head_complete ? tls_start(c) : 0;
}

static int step_tls(struct client *c)
{
    int n = SSL_do_handshake(c->ssl);
    if (n != 1) {
        return tls_wait(c, n);
    }
    if (run.tls[0] == '\0') {
        snprintf(run.tls, sizeof(run.tls), "%s %s", SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl));
    }
    client_start(c, options.mode == MODE_CONNECTS && !c->warm ? c->start_ns : now_ns());
    return 1;
}

static int step_send(struct client *c)
{
    bool first = c->warm && options.mode != MODE_IDLE;
    const char *request = first ? text.warm : text.request;
    size_t length = first ? text.warm_length : text.request_length;
    while (c->sent < length) {
        int n = SSL_write(c->ssl, request + c->sent, (int)(length - c->sent));
        if (n <= 0) {
            return tls_wait(c, n);
        }
        c->sent += (size_t)n;
    }
    while (c->body_to_send > 0) {
        int n =
            SSL_write(c->ssl, filler, (int)(c->body_to_send < BUFFER_SIZE ? c->body_to_send : BUFFER_SIZE));
        if (n <= 0) {
            return tls_wait(c, n);
        }
        c->body_to_send -= (uint64_t)n;
    }
    c->phase = PHASE_ANSWER;
    client_want(c, EPOLLIN);
    return 0; /* the answer is not here yet */
}

static int step_read(struct client *c)
{
    static char buffer[BUFFER_SIZE];
    int n = SSL_read(c->ssl, buffer, sizeof(buffer));
    if (n <= 0) {
        return tls_wait(c, n);
    }
    if (c->phase == PHASE_READY) {
        client_lost(c, "an answer to nothing");
        return -1;
    }
    uint64_t before = run.body_seen;
    int r = answer_take(&c->answer, buffer, (size_t)n, body_bytes, c);
    if (r < 0) {
        client_lost(c, "not a good answer");
        return -1;
    }
    if (r > 0) {
        client_done(c);
        return c->phase == PHASE_SEND ? 1 : 0;
    }
    if (options.mode == MODE_IDLE && c->warm && run.body_seen > before) {
        c->warm = false; /* a stream that has begun is settled too */
        run.settled++;
    }
    return 1;
}

static void client_drive(struct client *c)
{
    int go = 1;
    while (go > 0) {
        switch (c->phase) {
        case PHASE_TCP:
            go = step_tcp(c);
            break;
        case PHASE_PROXY_SEND:
            go = step_proxy_send(c);
            break;
        case PHASE_PROXY_ANSWER:
            go = step_proxy_answer(c);
            break;
        case PHASE_TLS:
            go = step_tls(c);
            break;
        case PHASE_SEND:
            go = step_send(c);
            break;
        case PHASE_READY:
        case PHASE_ANSWER:
            go = step_read(c);
            break;
        }
    }
}

/* ---- the loop ---- */

static uint64_t due_ns(void)
{
    return run.start_ns + (uint64_t)((double)run.started * (double)NS / options.rate);
}

/* With --rate: starts what is due on the connections that are free, and sets the clock for the next. */
static void start_due(void)
{
    uint64_t now = now_ns();
    while (run.idle_count > 0 && due_ns() <= now && now < run.end_ns) {
        struct client *c = run.idle[--run.idle_count];
        client_start(c, due_ns());
        run.started++;
        client_drive(c);
    }
    uint64_t due = due_ns();
    if (run.idle_count > 0 && due < run.end_ns) {
        struct itimerspec spec = {.it_value = {(time_t)(due / NS), (long)(due % NS)}};
        timerfd_settime(run.timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    }
}

static void turn(int timeout_ms)
{
    struct epoll_event events[256];
    int count = epoll_wait(run.epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &run.timer_fd) {
            uint64_t expirations;
            if (read(run.timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN) {
                die("timerfd");
            }
        } else {
            client_drive(events[i].data.ptr);
        }
    }
    if (run.running && options.rate > 0) {
        start_due();
    }
}

static void set_up(void)
{
    run.clients = calloc((size_t)options.connections, sizeof(*run.clients));
    run.idle = calloc((size_t)options.connections, sizeof(struct client *));
    if (run.clients == NULL || run.idle == NULL) {
        die("out of memory");
    }
    run.end_ns = now_ns() + 30u * NS;
    for (int i = 0; i < options.connections; i++) {
        run.clients[i].warm = true;
        client_open(&run.clients[i]);
        /* A few at a time: a benchmark of a full listen queue is another one. */
        while (run.settled + 16 <= (uint64_t)i) {
            turn(1000);
            if (now_ns() > run.end_ns) {
                die("the connections were not ready within 30 s");
            }
        }
    }
    while (run.settled < (uint64_t)options.connections) {
        turn(1000);
        if (now_ns() > run.end_ns) {
            die("the connections were not ready within 30 s");
        }
    }
}

static void measure(void)
{
    run.start_ns = run.last_ns = now_ns();
    run.end_ns = run.start_ns + (uint64_t)(options.seconds * (double)NS);
    run.running = true;
    for (int i = 0; i < options.connections; i++) {
        client_next(&run.clients[i], run.start_ns);
        if (run.clients[i].phase == PHASE_SEND) {
            client_drive(&run.clients[i]);
        }
    }
    if (options.rate > 0) {
        start_due();
    }
    /* Requests that have begun are finished, so that what the proxy spent belongs to what is counted. */
    uint64_t give_up = run.end_ns + 20u * NS;
    for (;;) {
        uint64_t now = now_ns();
        bool connecting = options.mode == MODE_CONNECTS && run.completed + (uint64_t)run.errors < run.started;
        if (!more(now) && run.under_way == 0 && !connecting) {
            return;
        }
        if (now > give_up) {
            die("requests were not finished 20 s after the end");
        }
        turn(run.under_way == 0 && !connecting ? 1 : 1000);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(double part)
{
    if (run.sample_count == 0) {
        return 0;
    }
    return (double)run.samples[(size_t)(part * (double)(run.sample_count - 1))] / 1e3;
}

static void report(void)
{
    if (run.sample_count > 0) {
        qsort(run.samples, run.sample_count, sizeof(*run.samples), compare);
    }
    double seconds = (double)(run.last_ns - run.start_ns) / 1e9;
    double sum = 0;
    for (size_t i = 0; i < run.sample_count; i++) {
        sum += (double)run.samples[i] / 1e3;
    }
    printf(
        "{\"connections\":%d,\"requests\":%" PRIu64 ",\"errors\":%d,\"reconnects\":%" PRIu64
        ",\"seconds\":%.6f,"
        "\"per_second\":%.1f,\"bytes_down\":%" PRIu64 ",\"bytes_up\":%" PRIu64 ",\"mb_per_second\":%.1f,"
        "\"samples\":%zu,\"latency_us\":{\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f},\"tls\":\"%s\"}\n",
        options.connections, run.completed, run.errors, run.reconnects, seconds,
        seconds > 0 ? (double)run.completed / seconds : 0, run.bytes_down, run.bytes_up,
        seconds > 0 ? (double)(run.bytes_down + run.bytes_up) / seconds / 1e6 : 0, run.sample_count,
        run.sample_count > 0 ? sum / (double)run.sample_count : 0, percentile_us(0.5), percentile_us(0.99),
        percentile_us(1), run.tls);
    fflush(stdout);
}

/* ---- start ---- */

/* The Host header leaves the default port out, as clients do. */
static size_t request_text(char *out, size_t size, const char *path, uint64_t body)
{
    size_t length = strlen(options.authority);
    const char *port = strrchr(options.authority, ':');
    if (port != NULL && strcmp(port, ":443") == 0) {
        length -= 4;
    }
    char framing[64] = "";
    if (body > 0) {
        snprintf(framing, sizeof(framing), "Content-Length: %" PRIu64 "\r\n", body);
    }
    int n = snprintf(out, size, "%s %s HTTP/1.1\r\nHost: %.*s\r\nAccept: */*\r\n%s%s%s\r\n",
                     body > 0 ? "POST" : "GET", path, (int)length, options.authority, framing,
                     options.header != NULL ? options.header : "", options.header != NULL ? "\r\n" : "");
    if (n < 0 || (size_t)n >= size) {
        die("the request is too long");
    }
    return (size_t)n;
}

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    memset(filler, 'x', sizeof(filler));
    snprintf(text.host, sizeof(text.host), "%.*s", (int)strcspn(options.authority, ":"), options.authority);
    text.request_length = request_text(text.request, sizeof(text.request), options.path, options.body);
    text.warm_length = request_text(text.warm, sizeof(text.warm), options.warm, 0);
    const char *target = options.connect != NULL ? options.connect : options.authority;
    int n = snprintf(text.connect, sizeof(text.connect), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
                     target, target, options.proxy_auth != NULL ? "Proxy-Authorization: Basic " : "",
                     options.proxy_auth != NULL ? options.proxy_auth : "",
                     options.proxy_auth != NULL ? "\r\n" : "");
    text.connect_length = (size_t)n;
    run.context = SSL_CTX_new(TLS_client_method());
    if (run.context == NULL || SSL_CTX_load_verify_locations(run.context, options.ca, NULL) != 1) {
        die("the CA file");
    }
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(run.context, alpn, sizeof(alpn) - 1);
    SSL_CTX_set_verify(run.context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(run.context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    run.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &run.timer_fd};
    if (run.epoll_fd < 0 || run.timer_fd < 0 ||
        epoll_ctl(run.epoll_fd, EPOLL_CTL_ADD, run.timer_fd, &event) != 0) {
        die("epoll");
    }
}

int main(int argc, char **argv)
{
    options_parse(&options, argc, argv);
    prepare();
    set_up();
    puts("ready");
    fflush(stdout);
    char line[64];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return 1;
    }
    if (options.mode != MODE_IDLE) {
        measure();
    }
    report();
    return run.errors > 0 ? 1 : 0;
}

/*
 * origin.c - a fast fake provider: HTTP/1.1 over TLS on loopback, one thread. It shares no code with what is measured.
 *
 *   origin CERTIFICATE KEY      prints its port on a line of its own, and serves until its standard input ends
 *
 * What it answers, the path says:
 *   GET /small      a JSON object of a few hundred bytes
 *   GET /bulk/N     N bytes of text
 *   POST /sink      reads the body, answers with its length
 *   GET /sse/N      N server-sent events, one every millisecond: "data: " and CLOCK_MONOTONIC in ns, when it was written
 *   GET /hold       one such event, and then nothing until the client goes away
 *   GET /auth       a hash of the Authorization header, so that the benchmark can check which one arrived
 * Everything else is 404. A client that breaks the protocol is disconnected.
 */
#include "chunked.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define HEAD_MAX  16384
#define BULK_SIZE 65536
#define TICK_NS   1000000

enum conn_state {
    CONN_HANDSHAKE,
    CONN_HEAD,
    CONN_BODY,
    CONN_ANSWER,
    CONN_STREAM, /* between server-sent events */
};

struct conn {
    int fd;
    SSL *ssl;
    enum conn_state state;
    uint32_t interest;
    bool closing; /* after this answer */
    char in[HEAD_MAX];
    size_t in_length;
    /* the request's body */
    bool is_chunked;
    struct chunked chunked;
    uint64_t body_left; /* when not chunked */
    uint64_t body_bytes;
    /* the answer */
    char out[1024];
    size_t out_length;
    size_t out_sent;
    uint64_t bulk_left;
    /* a stream of events */
    bool streaming;
    bool holding;
    uint64_t events_left;
    struct conn *next;
    struct conn *previous;
};

static char bulk[BULK_SIZE];
static struct conn *streams;
static int epoll_fd;
static int timer_fd;
static SSL_CTX *context;

static void die(const char *what)
{
    fprintf(stderr, "origin: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the connections' list, the clock of the streams ---- */

static void tick(bool on)
{
    struct itimerspec spec = {{0, on ? TICK_NS : 0}, {0, on ? TICK_NS : 0}};
    if (timerfd_settime(timer_fd, 0, &spec, NULL) != 0) {
        die("timerfd_settime");
    }
}

static void stream_add(struct conn *c)
{
    if (streams == NULL) {
        tick(true);
    } else {
        streams->previous = c;
    }
    c->next = streams;
    c->previous = NULL;
    streams = c;
    c->streaming = true;
}

static void stream_remove(struct conn *c)
{
    if (!c->streaming) {
        return;
    }
    c->streaming = false;
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        streams = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (streams == NULL) {
        tick(false);
    }
}

static void conn_free(struct conn *c)
{
    stream_remove(c);
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void conn_want(struct conn *c, uint32_t interest)
{
    if (c->interest == interest) {
        return;
    }
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event) != 0) {
        die("epoll_ctl");
    }
    c->interest = interest;
}

/* What a TLS call wants before it is called again. False: nothing, the connection is over. */
static bool conn_wait(struct conn *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        conn_want(c, EPOLLIN);
        return true;
    case SSL_ERROR_WANT_WRITE:
        conn_want(c, EPOLLOUT);
        return true;
    default:
        ERR_clear_error();
        return false;
    }
}

/* ---- answers ---- */

static void answer(struct conn *c, const char *status, const char *type, const char *body)
{
    c->out_length = (size_t)snprintf(
        c->out, sizeof(c->out), "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
        type, strlen(body), c->closing ? "Connection: close\r\n" : "", body);
    c->state = CONN_ANSWER;
}

static void answer_bulk(struct conn *c, uint64_t length)
{
    c->out_length = (size_t)snprintf(
        c->out, sizeof(c->out),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %" PRIu64 "\r\n\r\n", length);
    c->bulk_left = length;
    c->state = CONN_ANSWER;
}

static void put_event(struct conn *c)
{
    char event[48];
    int length = snprintf(event, sizeof(event), "data: %" PRIu64 "\n\n", now_ns());
    c->out_length += (size_t)snprintf(c->out + c->out_length, sizeof(c->out) - c->out_length, "%x\r\n%s\r\n",
                                      (unsigned)length, event);
}

static void answer_stream(struct conn *c, uint64_t events, bool hold)
{
    c->out_length = (size_t)snprintf(c->out, sizeof(c->out),
                                     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                     "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    c->holding = hold;
    c->events_left = events;
    if (hold) {
        put_event(c);
    } else {
        stream_add(c);
    }
    c->state = CONN_ANSWER;
}

static const char SMALL[] =
    "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"bench-1\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The quick brown fox jumps over the lazy "
    "dog.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":9,\"total_tokens\":21}}";

/* ---- requests ---- */

/* The value of a header in the head of `length` bytes, which ends with an empty line. */
static const char *header(const char *head, size_t length, const char *name, size_t *value_length)
{
    size_t name_length = strlen(name);
    const char *end = head + length;
    const char *line = head;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL && ++line < end) {
        if ((size_t)(end - line) > name_length && line[name_length] == ':' &&
            strncasecmp(line, name, name_length) == 0) {
            const char *value = line + name_length + 1;
            value += strspn(value, " \t");
            const char *stop = memchr(value, '\r', (size_t)(end - value));
            *value_length = stop == NULL ? 0 : (size_t)(stop - value);
            return value;
        }
    }
    return NULL;
}

static void answer_auth(struct conn *c, size_t length)
{
    size_t value_length = 0;
    const char *value = header(c->in, length, "Authorization", &value_length);
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; value != NULL && i < value_length; i++) {
        hash = (hash ^ (unsigned char)value[i]) * 0x100000001b3u;
    }
    char body[64];
    snprintf(body, sizeof(body), "{\"authorization\":\"%016" PRIx64 "\"}", hash);
    answer(c, "200 OK", "application/json", body);
}

static bool request_is(const char *head, const char *start)
{
    return strncmp(head, start, strlen(start)) == 0;
}

/* Takes the head of `length` bytes off the input. False: not a request. */
static bool conn_request(struct conn *c, size_t length)
{
    size_t value_length = 0;
    c->in[length - 1] = '\0'; /* the last newline: every search below ends there */
    const char *value = header(c->in, length, "Connection", &value_length);
    c->closing = value != NULL && strncasecmp(value, "close", 5) == 0;
    if (request_is(c->in, "GET /small ")) {
        answer(c, "200 OK", "application/json", SMALL);
    } else if (request_is(c->in, "GET /bulk/")) {
        answer_bulk(c, strtoull(c->in + strlen("GET /bulk/"), NULL, 10));
    } else if (request_is(c->in, "GET /sse/")) {
        answer_stream(c, strtoull(c->in + strlen("GET /sse/"), NULL, 10), false);
    } else if (request_is(c->in, "GET /hold ")) {
        answer_stream(c, 0, true);
    } else if (request_is(c->in, "GET /auth ")) {
        answer_auth(c, length);
    } else if (request_is(c->in, "POST /sink ")) {
        value = header(c->in, length, "Transfer-Encoding", &value_length);
        c->is_chunked = value != NULL && strncasecmp(value, "chunked", 7) == 0;
        value = header(c->in, length, "Content-Length", &value_length);
        if (value == NULL && !c->is_chunked) {
            return false;
        }
        c->body_left = c->is_chunked ? 0 : strtoull(value, NULL, 10);
        c->chunked = (struct chunked){CHUNKED_SIZE, 0};
        c->body_bytes = 0;
        c->state = CONN_BODY;
    } else {
        c->closing = true;
        answer(c, "404 Not Found", "text/plain", "no such path\n");
    }
    c->in_length -= length;
    memmove(c->in, c->in + length, c->in_length);
    return true;
}

/* ---- bodies ---- */

/* Consumes body bytes. Returns how many; *finished after the body's last. SIZE_MAX: not a body. */
static size_t body_take(struct conn *c, const char *data, size_t length, bool *finished)
{
    size_t i = 0;
    if (!c->is_chunked) {
        i = length < c->body_left ? length : (size_t)c->body_left;
        c->body_left -= i;
        c->body_bytes += i;
        *finished = c->body_left == 0;
        return i;
    }
    while (i < length && !*finished) {
        size_t n = chunked_skip(&c->chunked, data + i, length - i, finished);
        if (n == SIZE_MAX) {
            return SIZE_MAX;
        }
        i += n;
        n = length - i < c->chunked.left ? length - i : (size_t)c->chunked.left;
        if (n > 0 && c->chunked.state == CHUNKED_DATA) {
            chunked_used(&c->chunked, n);
            c->body_bytes += n;
            i += n;
        }
    }
    return i;
}

/* ---- a connection's steps: each is 1 to go on, 0 to wait for the socket, -1 when the connection is over ---- */

static int step_head(struct conn *c)
{
    char *end = c->in_length == 0 ? NULL : memmem(c->in, c->in_length, "\r\n\r\n", 4);
    if (end != NULL) {
        c->out_length = c->out_sent = 0;
        return conn_request(c, (size_t)(end - c->in) + 4) ? 1 : -1;
    }
    if (c->in_length == sizeof(c->in)) {
        return -1;
    }
    int n = SSL_read(c->ssl, c->in + c->in_length, (int)(sizeof(c->in) - c->in_length));
    if (n <= 0) {
        return conn_wait(c, n) ? 0 : -1;
    }
    c->in_length += (size_t)n;
    return 1;
}

static int step_body(struct conn *c)
{
    static char scratch[BULK_SIZE];
    bool finished = false;
    if (c->in_length > 0 || (!c->is_chunked && c->body_left == 0)) {
        size_t n = body_take(c, c->in, c->in_length, &finished);
        if (n == SIZE_MAX) {
            return -1;
        }
        c->in_length -= n;
        memmove(c->in, c->in + n, c->in_length);
    } else {
        int n = SSL_read(c->ssl, scratch, sizeof(scratch));
        if (n <= 0) {
            return conn_wait(c, n) ? 0 : -1;
        }
        size_t used = body_take(c, scratch, (size_t)n, &finished);
        if (used == SIZE_MAX || (size_t)n - used > sizeof(c->in)) {
            return -1;
        }
        c->in_length = (size_t)n - used;
        memcpy(c->in, scratch + used, c->in_length);
    }
    if (finished) {
        char body[64];
        snprintf(body, sizeof(body), "{\"bytes\":%" PRIu64 "}", c->body_bytes);
        answer(c, "200 OK", "application/json", body);
    }
    return 1;
}

static int step_answer(struct conn *c)
{
    while (c->out_sent < c->out_length) {
        int n = SSL_write(c->ssl, c->out + c->out_sent, (int)(c->out_length - c->out_sent));
        if (n <= 0) {
            return conn_wait(c, n) ? 0 : -1;
        }
        c->out_sent += (size_t)n;
    }
    while (c->bulk_left > 0) {
        int n = SSL_write(c->ssl, bulk, (int)(c->bulk_left < BULK_SIZE ? c->bulk_left : BULK_SIZE));
        if (n <= 0) {
            return conn_wait(c, n) ? 0 : -1;
        }
        c->bulk_left -= (uint64_t)n;
    }
    c->out_length = c->out_sent = 0;
    if (c->streaming || c->holding) {
        c->state = CONN_STREAM;
        return 1;
    }
    if (c->closing) {
        SSL_shutdown(c->ssl);
        return -1;
    }
    c->state = CONN_HEAD;
    return 1;
}

/* Between events only the client's going away is of interest. */
static int step_stream(struct conn *c)
{
    char byte;
    int n = SSL_read(c->ssl, &byte, 1);
    return n <= 0 && conn_wait(c, n) ? 0 : -1;
}

static void conn_drive(struct conn *c)
{
    int go = 1;
    while (go > 0) {
        switch (c->state) {
        case CONN_HANDSHAKE: {
            int n = SSL_accept(c->ssl);
            go = n == 1 ? 1 : conn_wait(c, n) ? 0 : -1;
            c->state = n == 1 ? CONN_HEAD : CONN_HANDSHAKE;
            break;
        }
        case CONN_HEAD:
            go = step_head(c);
            break;
        case CONN_BODY:
            go = step_body(c);
            break;
        case CONN_ANSWER:
            go = step_answer(c);
            break;
        case CONN_STREAM:
            go = step_stream(c);
            break;
        }
    }
    if (go < 0) {
        conn_free(c);
    }
}

/* ---- the loop ---- */

static void streams_tick(void)
{
    uint64_t expirations;
    if (read(timer_fd, &expirations, sizeof(expirations)) < 0) {
        return; /* the timer was stopped meanwhile */
    }
    struct conn *next;
    for (struct conn *c = streams; c != NULL; c = next) {
        next = c->next;
        if (c->state != CONN_STREAM) {
            continue; /* the last event has not gone yet */
        }
        if (c->events_left > 0) {
            c->events_left--;
            put_event(c);
        } else {
            c->out_length = (size_t)snprintf(c->out, sizeof(c->out), "0\r\n\r\n");
            stream_remove(c);
        }
        c->state = CONN_ANSWER;
        conn_drive(c);
    }
}

static void accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL || (c->ssl = SSL_new(context)) == NULL || SSL_set_fd(c->ssl, fd) != 1) {
        die("a new connection");
    }
    c->fd = fd;
    c->interest = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static int listen_on_loopback(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *generic = (struct sockaddr *)&address;
    socklen_t length = sizeof(address);
    if (fd < 0 || bind(fd, generic, length) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, generic, &length) != 0) {
        die("listen");
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void prepare(const char *certificate, const char *key)
{
    signal(SIGPIPE, SIG_IGN);
    const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof(bulk); i++) {
        state = state * 1664525u + 1013904223u;
        bulk[i] = alphabet[state >> 26];
    }
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        die("the certificate and its key");
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (epoll_fd < 0 || timer_fd < 0) {
        die("epoll");
    }
}

int main(int argc, char **argv)
{
    static int listener;
    static int input = STDIN_FILENO;
    if (argc != 3) {
        fprintf(stderr, "usage: origin CERTIFICATE KEY\n");
        return 2;
    }
    prepare(argv[1], argv[2]);
    listener = listen_on_loopback();
    watch(listener, &listener);
    watch(timer_fd, &timer_fd);
    watch(input, &input);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll_fd, events, 256, -1);
        bool ticked = false;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &listener) {
                accept_one(listener);
            } else if (events[i].data.ptr == &timer_fd) {
                ticked = true;
            } else if (events[i].data.ptr == &input) {
                char line[64];
                if (read(input, line, sizeof(line)) <= 0) {
                    return 0;
                }
            } else {
                conn_drive(events[i].data.ptr);
            }
        }
        if (ticked) {
            streams_tick(); /* after the others: it may free connections that still had an event */
        }
    }
}

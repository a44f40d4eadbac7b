/* dns_server.c - RFC 1035 as far as the tests need it. */
#include "dns_server.h"

#include "net/conn.h"
#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_HEADER 12

struct dns_server {
    struct net_loop *loop;
    dns_answer_fn *answer;
    void *arg;
    struct net_watch *watch;
    struct net_listener *listener;
    struct list clients;
    struct list delayed;
    int fd;
    char address[32];
    int asked_a;
    int asked_aaaa;
};

struct dns_client {
    struct list link;
    struct dns_server *server;
    struct net_conn *conn;
    uint8_t question[600];
    size_t len;
};

/* An answer by UDP that waits for its time. */
struct dns_delayed {
    struct list link;
    struct dns_server *server;
    struct net_timer *timer;
    struct sockaddr_in to;
    size_t len;
    uint8_t message[];
};

/* ---- messages ---- */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void reply_bytes(struct dns_reply *r, const void *bytes, size_t len)
{
    if (r->len + len <= sizeof(r->message)) {
        memcpy(r->message + r->len, bytes, len);
        r->len += len;
    }
}

static void reply_u16(struct dns_reply *r, unsigned value)
{
    uint8_t bytes[2];
    put16(bytes, value);
    reply_bytes(r, bytes, 2);
}

static void reply_name(struct dns_reply *r, const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, ".");
        uint8_t byte = (uint8_t)len;
        reply_bytes(r, &byte, 1);
        reply_bytes(r, name, len);
        name += len + (name[len] == '.' ? 1 : 0);
    }
    reply_bytes(r, "", 1);
}

static void reply_record(struct dns_reply *r, const char *owner, int type, uint32_t ttl)
{
    if (owner != NULL) {
        reply_name(r, owner);
    } else {
        reply_u16(r, 0xc000 | DNS_HEADER);
    }
    reply_u16(r, (unsigned)type);
    reply_u16(r, 1);
    reply_u16(r, ttl >> 16);
    reply_u16(r, ttl & 0xffff);
    r->records++;
}

void dns_reply_a(struct dns_reply *r, const char *owner, uint32_t ttl, const char *address)
{
    struct in_addr in;
    (void)inet_pton(AF_INET, address, &in);
    reply_record(r, owner, DNS_TYPE_A, ttl);
    reply_u16(r, 4);
    reply_bytes(r, &in, 4);
}

void dns_reply_aaaa(struct dns_reply *r, const char *owner, uint32_t ttl, const char *address)
{
    struct in6_addr in;
    (void)inet_pton(AF_INET6, address, &in);
    reply_record(r, owner, DNS_TYPE_AAAA, ttl);
    reply_u16(r, 16);
    reply_bytes(r, &in, 16);
}

void dns_reply_cname(struct dns_reply *r, const char *owner, uint32_t ttl, const char *target)
{
    reply_record(r, owner, DNS_TYPE_CNAME, ttl);
    reply_u16(r, (unsigned)strlen(target) + 2);
    reply_name(r, target);
}

/* Reads the question, asks the test, and completes the reply. False when nothing is to be sent. */
static bool server_reply(struct dns_server *s, const uint8_t *question, size_t len, struct dns_reply *r)
{
    char name[256] = "";
    size_t at = DNS_HEADER;
    if (len < DNS_HEADER) {
        return false;
    }
    while (at < len && question[at] != 0) {
        size_t label = question[at];
        if (label > 63 || at + 1 + label >= len || strlen(name) + label + 2 > sizeof(name)) {
            return false;
        }
        if (name[0] != '\0') {
            (void)strcat(name, ".");
        }
        (void)strncat(name, (const char *)question + at + 1, label);
        at += 1 + label;
    }
    if (at + 5 > len) {
        return false;
    }
    int type = question[at + 1] << 8 | question[at + 2];
    at += 5;
    s->asked_a += type == DNS_TYPE_A;
    s->asked_aaaa += type == DNS_TYPE_AAAA;

    reply_bytes(r, question, at);
    size_t end_of_question = r->len;
    s->answer(s->arg, name, type, r);
    if (r->drop) {
        return false;
    }
    if (r->truncated) {
        r->len = end_of_question;
        r->records = 0;
    }
    r->message[2] = (uint8_t)(0x80 | (question[2] & 1) | (r->truncated ? 2 : 0));
    r->message[3] = (uint8_t)(0x80 | r->rcode);
    put16(r->message + 4, 1);
    put16(r->message + 6, r->records);
    memset(r->message + 8, 0, 4);
    if (r->spoil != NULL) {
        r->spoil(r->message, &r->len);
    }
    return true;
}

/* ---- UDP ---- */

static void delayed_free(struct dns_delayed *d)
{
    list_remove(&d->link);
    net_timer_free(d->timer);
    free(d);
}

static void delayed_send(void *arg)
{
    struct dns_delayed *d = arg;
    (void)!sendto(d->server->fd, d->message, d->len, 0, (struct sockaddr *)&d->to, sizeof(d->to));
    delayed_free(d);
}

static void server_ready(void *arg, int events)
{
    struct dns_server *s = arg;
    uint8_t question[1500];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    (void)events;
    ssize_t n = recvfrom(s->fd, question, sizeof(question), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (n <= 0) {
        return;
    }
    struct dns_reply *r = calloc(1, sizeof(*r));
    if (r != NULL && server_reply(s, question, (size_t)n, r)) {
        struct dns_delayed *d = malloc(sizeof(*d) + r->len);
        *d = (struct dns_delayed){.server = s, .to = from, .len = r->len};
        memcpy(d->message, r->message, r->len);
        list_push_back(&s->delayed, &d->link);
        if (r->delay_ms == 0) {
            delayed_send(d);
        } else {
            d->timer = net_timer_new(s->loop, delayed_send, d);
            net_timer_start(d->timer, r->delay_ms, 0);
        }
    }
    free(r);
}

/* ---- TCP ---- */

static void client_free(struct dns_client *c)
{
    list_remove(&c->link);
    net_conn_close(c->conn);
    free(c);
}

static void client_data(void *arg, struct span data)
{
    struct dns_client *c = arg;
    if (data.len > sizeof(c->question) - c->len) {
        client_free(c);
        return;
    }
    memcpy(c->question + c->len, data.ptr, data.len);
    c->len += data.len;
    while (c->len >= 2) {
        size_t need = 2 + (size_t)(c->question[0] << 8 | c->question[1]);
        if (c->len < need) {
            return;
        }
        struct dns_reply *r = calloc(1, sizeof(*r));
        r->over_tcp = true;
        if (server_reply(c->server, c->question + 2, need - 2, r)) {
            uint8_t length[2];
            put16(length, (unsigned)r->len);
            if (net_conn_write(c->conn, span_of(length, 2)) != 0 ||
                net_conn_write(c->conn, span_of(r->message, r->len)) != 0) {
                free(r);
                client_free(c);
                return;
            }
        }
        free(r);
        memmove(c->question, c->question + need, c->len - need);
        c->len -= need;
    }
}

static void client_end(void *arg)
{
    client_free(arg);
}

static void client_error(void *arg, int code)
{
    (void)code;
    client_free(arg);
}

static const struct net_conn_handler client_handler = {
    .on_data = client_data, .on_end = client_end, .on_error = client_error};

static void server_accept(void *arg, int fd)
{
    struct dns_server *s = arg;
    struct dns_client *c = calloc(1, sizeof(*c));
    c->server = s;
    if (net_conn_open(s->loop, fd, &client_handler, c, &c->conn) != 0) {
        (void)close(fd);
        free(c);
        return;
    }
    list_push_back(&s->clients, &c->link);
    net_conn_read(c->conn, true);
}

/* ---- the server ---- */

/* Binds the UDP socket and makes the TCP one, on the same port. The port comes from the kernel for TCP and may be taken
 * for UDP; then another one is asked for. */
static int server_bind(struct dns_server *s)
{
    for (int i = 0; i < 100; i++) {
        uint16_t port = 0;
        int listening = net_listen_tcp("127.0.0.1", 0, &port);
        struct sockaddr_in at = {
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
        if (listening >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
            (void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", (unsigned)port);
            return listening;
        }
        if (listening >= 0) {
            (void)close(listening);
        }
    }
    return -1;
}

struct dns_server *dns_server_new(struct net_loop *loop, dns_answer_fn *answer, void *arg)
{
    struct dns_server *s = calloc(1, sizeof(*s));
    s->loop = loop;
    s->answer = answer;
    s->arg = arg;
    list_init(&s->clients);
    list_init(&s->delayed);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->watch = net_watch_new(loop, s->fd, server_ready, s);
    int listening = server_bind(s);
    if (listening < 0 || s->watch == NULL || net_watch_set(s->watch, NET_WATCH_READ) != 0 ||
        net_listener_open(loop, listening, server_accept, s, &s->listener) != 0) {
        perror("the test's DNS server");
        abort();
    }
    return s;
}

void dns_server_free(struct dns_server *s)
{
    while (!list_empty(&s->clients)) {
        client_free(LIST_ENTRY(s->clients.next, struct dns_client, link));
    }
    while (!list_empty(&s->delayed)) {
        delayed_free(LIST_ENTRY(s->delayed.next, struct dns_delayed, link));
    }
    net_listener_close(s->listener);
    net_watch_free(s->watch);
    (void)close(s->fd);
    free(s);
}

const char *dns_server_address(const struct dns_server *s)
{
    return s->address;
}

int dns_server_asked(const struct dns_server *s, int type)
{
    return type == DNS_TYPE_A ? s->asked_a : s->asked_aaaa;
}

/* dial_world.c - the stage for the tests of dial.c and resolve.c. */
#include "dial_world.h"

void on_done(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct result *r = arg;
    r->calls++;
    r->code = code;
    r->stage = stage;
    r->fd = fd;
    r->dial = NULL;
    if (code == 0 && stage == NET_DIAL_CONNECTING) {
        CHECK(net_test_is_private(fd));
        CHECK(net_test_is_nonblocking(fd));
    } else {
        CHECK_EQ_INT(fd, -1);
    }
    if (code == 0) {
        (void)snprintf(r->peer, sizeof(r->peer), "%s", peer->text);
    } else {
        CHECK(peer == NULL);
    }
    if (r->left == NULL || --*r->left == 0) {
        net_loop_stop(r->world->loop);
    }
}

bool allow_all(void *arg, const uint8_t *address, size_t len)
{
    struct result *r = arg;
    (void)address;
    CHECK(len == 4 || len == 16);
    r->checks++;
    return true;
}

bool refuse_all(void *arg, const uint8_t *address, size_t len)
{
    (void)allow_all(arg, address, len);
    return false;
}

/* Only 127.0.0.1. */
bool allow_one(void *arg, const uint8_t *address, size_t len)
{
    static const uint8_t one[4] = {127, 0, 0, 1};
    (void)allow_all(arg, address, len);
    return len == 4 && memcmp(address, one, 4) == 0;
}

bool world_open_with(struct world *w, dns_answer_fn *answer, void *arg, uint32_t resolve_ms,
                     uint32_t connect_ms)
{
    *w = (struct world){.loop = net_loop_new(), .listening = -1, .closed = -1};
    w->listening = net_listen_tcp("127.0.0.1", 0, &w->port);
    w->dns = dns_server_new(w->loop, answer, arg);
    struct net_dialer_options options = {.servers = dns_server_address(w->dns),
                                         .resolve_timeout_ms = resolve_ms,
                                         .connect_timeout_ms = connect_ms};
    return CHECK(w->listening >= 0) && CHECK_EQ_INT(net_dialer_new(w->loop, &options, &w->dialer), 0);
}

bool world_open(struct world *w, dns_answer_fn *answer, void *arg)
{
    return world_open_with(w, answer, arg, RESOLVE_MS, CONNECT_MS);
}

void world_close(struct world *w)
{
    net_dialer_free(w->dialer);
    dns_server_free(w->dns);
    (void)close(w->listening);
    if (w->closed >= 0) {
        (void)close(w->closed);
    }
    net_test_run_for(w->loop, 1);
    net_loop_free(w->loop);
}

/* Starts, waits, closes the socket: most tests look at the result only. */
struct result dial(struct world *w, const char *host, uint16_t port, net_address_check_fn *check)
{
    struct result r = {.world = w, .fd = -1};
    if (CHECK_EQ_INT(net_dial_name(w->dialer, host, port, check, on_done, &r, &r.dial), 0)) {
        CHECK_EQ_INT(r.calls, 0);
        net_test_run(w->loop);
    }
    CHECK_EQ_INT(r.calls, 1);
    if (r.fd >= 0) {
        (void)close(r.fd);
    }
    return r;
}

const char *peer_at(const char *address, uint16_t port)
{
    static char room[64];
    (void)snprintf(room, sizeof(room), strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address,
                   (unsigned)port);
    return room;
}

/* A port of 127.0.0.1 that is taken, so that nobody else gets it, and where nobody listens. */
uint16_t closed_port(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    if (w->closed < 0) {
        w->closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ_INT(bind(w->closed, (struct sockaddr *)&at, size), 0);
    }
    CHECK_EQ_INT(getsockname(w->closed, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

/* A listener at `address` whose queue is full: whoever connects waits. The sockets that fill it are in `fillers`. */
int black_hole(const char *address, uint16_t port, int fillers[FILLERS])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    (void)inet_pton(AF_INET, address, &at.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_EQ_INT(listen(fd, 0), 0);
    for (int i = 0; i < FILLERS; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&at, sizeof(at));
    }
    return fd;
}

void black_hole_close(int fd, int fillers[FILLERS])
{
    (void)close(fd);
    for (int i = 0; i < FILLERS; i++) {
        (void)close(fillers[i]);
    }
}

bool have_ipv6(void)
{
    int fd = net_listen_tcp("::1", 0, NULL);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* ---- answers ---- */

void answer_loopback(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, NULL, 60, "127.0.0.1");
    }
}

void answer_script(void *arg, const char *name, int type, struct dns_reply *r)
{
    const struct script *s = arg;
    (void)name;
    for (const char *const *a = s->addresses; *a != NULL; a++) {
        bool v6 = strchr(*a, ':') != NULL;
        if (v6 && type == DNS_TYPE_AAAA) {
            dns_reply_aaaa(r, NULL, s->ttl, *a);
        } else if (!v6 && type == DNS_TYPE_A) {
            dns_reply_a(r, NULL, s->ttl, *a);
        }
    }
    if (type == DNS_TYPE_AAAA) {
        r->delay_ms = s->delay_v6_ms;
        r->drop = s->drop_v6;
    }
}

void answer_nxdomain(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->rcode = DNS_RCODE_NXDOMAIN;
}

void answer_silence(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->drop = true;
}

/*
 * test_dial.c - resolving, checking, racing, caching. Every address that is contacted is a loopback one; the DNS server
 * is part of the test.
 */
#include "dns_server.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net_test.h"

#include "base/clock.h"

#include <stdio.h>

#define CONNECT_MS 5000
#define RESOLVE_MS 5000

struct world {
    struct net_loop *loop;
    struct dns_server *dns;
    struct net_dialer *dialer;
    uint16_t port; /* somebody listens there on 127.0.0.1 */
    int listening;
    int closed; /* closed_port() */
};

/* What one dial came to. */
struct result {
    struct world *world;
    struct net_dial *dial;
    int calls;
    int code;
    enum net_dial_stage stage;
    int fd;
    char peer[64];
    int checks;
    int *left; /* dials that have not ended, when a test starts several */
};

static void on_done(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct result *r = arg;
    r->calls++;
    r->code = code;
    r->stage = stage;
    r->fd = fd;
    r->dial = NULL;
    if (code == 0) {
        CHECK(net_test_is_private(fd));
        CHECK(net_test_is_nonblocking(fd));
        (void)snprintf(r->peer, sizeof(r->peer), "%s", peer->text);
    } else {
        CHECK(peer == NULL);
        CHECK_EQ_INT(fd, -1);
    }
    if (r->left == NULL || --*r->left == 0) {
        net_loop_stop(r->world->loop);
    }
}

static bool allow_all(void *arg, const uint8_t *address, size_t len)
{
    struct result *r = arg;
    (void)address;
    CHECK(len == 4 || len == 16);
    r->checks++;
    return true;
}

static bool refuse_all(void *arg, const uint8_t *address, size_t len)
{
    (void)allow_all(arg, address, len);
    return false;
}

/* Only 127.0.0.1. */
static bool allow_one(void *arg, const uint8_t *address, size_t len)
{
    static const uint8_t one[4] = {127, 0, 0, 1};
    (void)allow_all(arg, address, len);
    return len == 4 && memcmp(address, one, 4) == 0;
}

static bool world_open_with(struct world *w, dns_answer_fn *answer, void *arg, uint32_t resolve_ms,
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

static bool world_open(struct world *w, dns_answer_fn *answer, void *arg)
{
    return world_open_with(w, answer, arg, RESOLVE_MS, CONNECT_MS);
}

static void world_close(struct world *w)
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
static struct result dial(struct world *w, const char *host, uint16_t port, net_address_check_fn *check)
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

static const char *peer_at(const char *address, uint16_t port)
{
    static char room[64];
    (void)snprintf(room, sizeof(room), strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address,
                   (unsigned)port);
    return room;
}

/* A port of 127.0.0.1 that is taken, so that nobody else gets it, and where nobody listens. */
static uint16_t closed_port(struct world *w)
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
#define FILLERS 8
static int black_hole(const char *address, uint16_t port, int fillers[FILLERS])
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

static void black_hole_close(int fd, int fillers[FILLERS])
{
    (void)close(fd);
    for (int i = 0; i < FILLERS; i++) {
        (void)close(fillers[i]);
    }
}

static bool have_ipv6(void)
{
    int fd = net_listen_tcp("::1", 0, NULL);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* ---- answers ---- */

static void answer_loopback(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, NULL, 60, "127.0.0.1");
    }
}

/* The addresses that a test names, in order, both families mixed. */
struct script {
    const char *const *addresses;
    uint32_t ttl;
    uint64_t delay_v6_ms;
    bool drop_v6;
};

static void answer_script(void *arg, const char *name, int type, struct dns_reply *r)
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

/* ---- literal addresses ---- */

static void echo_data(void *arg, struct span data)
{
    size_t *received = arg;
    *received += data.len;
}

static void echo_end(void *arg)
{
    (void)arg;
}

static void echo_error(void *arg, int code)
{
    (void)arg;
    CHECK_EQ_INT(code, 0);
}

TEST(an_address_is_dialled_and_its_socket_is_fit_for_a_connection)
{
    static const struct net_conn_handler handler = {
        .on_data = echo_data, .on_end = echo_end, .on_error = echo_error};
    struct world w;
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    struct result r = {.world = &w};
    CHECK_EQ_INT(net_dial_address(w.dialer, "127.0.0.1", w.port, on_done, &r, &r.dial), 0);
    CHECK_EQ_INT(r.calls, 0);
    net_test_run(w.loop);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 0);

    struct net_conn *conn = NULL;
    size_t received = 0;
    int far = accept4(w.listening, NULL, NULL, SOCK_CLOEXEC);
    CHECK(far >= 0);
    CHECK_EQ_INT(net_conn_open(w.loop, r.fd, &handler, &received, &conn), 0);
    net_conn_read(conn, true);
    CHECK_EQ_INT(net_conn_write(conn, SPAN_LIT("ping")), 0);
    char room[8];
    CHECK_EQ_INT(read(far, room, sizeof(room)), 4);
    CHECK_EQ_INT(write(far, "pong!", 5), 5);
    net_test_run_for(w.loop, 20);
    CHECK_EQ_UINT(received, 5);
    net_conn_close(conn);
    (void)close(far);
    world_close(&w);
}

TEST(an_address_that_refuses_and_what_is_no_address)
{
    struct world w;
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    struct result r = {.world = &w};
    CHECK_EQ_INT(net_dial_address(w.dialer, "127.0.0.1", closed_port(&w), on_done, &r, &r.dial), 0);
    net_test_run(w.loop);
    CHECK_EQ_INT(r.code, -ECONNREFUSED);
    CHECK_EQ_INT(r.stage, NET_DIAL_CONNECTING);
    static const char *const wrong[] = {"",      "localhost", "127.1",        "0x7f.1",
                                        "[::1]", "::1%lo",    "127.0.0.1:80", NULL};
    for (const char *const *a = wrong; *a != NULL; a++) {
        CHECK_EQ_INT(net_dial_address(w.dialer, *a, w.port, on_done, &r, &r.dial), CB_EINVAL);
    }
    if (have_ipv6()) {
        uint16_t port = 0;
        int fd = net_listen_tcp("::1", 0, &port);
        CHECK_EQ_INT(net_dial_address(w.dialer, "::1", port, on_done, &r, &r.dial), 0);
        net_test_run(w.loop);
        CHECK_EQ_INT(r.code, 0);
        CHECK_EQ_STR(r.peer, peer_at("::1", port));
        (void)close(r.fd);
        (void)close(fd);
    }
    world_close(&w);
}

/* ---- names ---- */

TEST(a_name_is_resolved_checked_and_dialled)
{
    struct world w;
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    struct result r = dial(&w, "api.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK_EQ_INT(r.checks, 1);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_AAAA), 1);
    /* From the cache, and the check is asked again. */
    r = dial(&w, "api.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_INT(r.checks, 1);
    r = dial(&w, "api.example.com", w.port, refuse_all);
    CHECK_EQ_INT(r.code, CB_EADDRESS);
    CHECK_EQ_INT(r.checks, 1);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
    world_close(&w);
}

static void answer_chain(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    dns_reply_cname(r, NULL, 300, "one.example.net");
    dns_reply_cname(r, "one.example.net", 300, "two.example.org");
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, "two.example.org", 300, "127.0.0.1");
    }
}

TEST(a_chain_of_aliases_is_followed)
{
    struct world w;
    if (!world_open(&w, answer_chain, NULL)) {
        return;
    }
    struct result r = dial(&w, "alias.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK_EQ_INT(r.checks, 1);
    world_close(&w);
}

static void answer_truncated(void *arg, const char *name, int type, struct dns_reply *r)
{
    answer_loopback(arg, name, type, r);
    r->truncated = !r->over_tcp;
}

TEST(a_truncated_answer_is_asked_for_over_tcp)
{
    struct world w;
    if (!world_open(&w, answer_truncated, NULL)) {
        return;
    }
    struct result r = dial(&w, "long.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 2);
    world_close(&w);
}

static void answer_nxdomain(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->rcode = DNS_RCODE_NXDOMAIN;
}

static void answer_nothing(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    (void)r;
}

TEST(a_name_that_is_not_there)
{
    struct world w;
    if (!world_open(&w, answer_nxdomain, NULL)) {
        return;
    }
    struct result r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    CHECK_EQ_INT(r.stage, NET_DIAL_RESOLVING);
    CHECK_EQ_INT(r.checks, 0);
    int asked = dns_server_asked(w.dns, DNS_TYPE_A);
    /* Remembered for a second. */
    r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), asked);
    net_test_run_for(w.loop, 1050);
    r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    CHECK(dns_server_asked(w.dns, DNS_TYPE_A) > asked);
    world_close(&w);

    if (!world_open(&w, answer_nothing, NULL)) {
        return;
    }
    r = dial(&w, "empty.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    world_close(&w);
}

static void answer_silence(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->drop = true;
}

TEST(a_server_that_is_silent)
{
    struct world w;
    if (!world_open_with(&w, answer_silence, NULL, 200, CONNECT_MS)) {
        return;
    }
    uint64_t start_us = clock_mono_us();
    struct result r = dial(&w, "silent.example.com", w.port, allow_all);
    uint64_t took_us = clock_mono_us() - start_us;
    CHECK(r.code == CB_ETIMEOUT || r.code == CB_EDNS); /* c-ares may have used up its tries a moment before */
    CHECK_EQ_INT(r.stage, NET_DIAL_RESOLVING);
    CHECK(took_us >= 140000 && took_us < 2000000);
    /* The next dial of the name does not wait for the question of the first. */
    r = dial(&w, "silent.example.com", w.port, allow_all);
    CHECK(r.code == CB_ETIMEOUT || r.code == CB_EDNS);
    world_close(&w);
}

TEST(names_that_no_server_needs_to_see)
{
    struct world w;
    struct net_dial *d = NULL;
    char longest[300];
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    struct result r = {.world = &w};
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CHECK_EQ_INT(net_dial_name(w.dialer, "", w.port, allow_all, on_done, &r, &d), CB_EINVAL);
    CHECK_EQ_INT(net_dial_name(w.dialer, longest, w.port, allow_all, on_done, &r, &d), CB_EINVAL);
    longest[100] = '\0'; /* a label of 100 */
    r = dial(&w, longest, w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    /* c-ares never asks for these (RFC 6761), and there is no hosts file to look into. */
    r = dial(&w, "localhost", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    r = dial(&w, "a.localhost", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    r = dial(&w, "a.onion", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_EDNS);
    /* A literal does not get around the check. */
    r = dial(&w, "127.0.0.1", w.port, refuse_all);
    CHECK_EQ_INT(r.code, CB_EADDRESS);
    CHECK(r.checks > 0);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 0);
    world_close(&w);
}

TEST(a_wrong_list_of_servers_is_refused)
{
    struct net_loop *loop = net_loop_new();
    struct net_dialer *d = NULL;
    struct net_dialer_options options = {
        .servers = "not a server", .resolve_timeout_ms = 100, .connect_timeout_ms = 100};
    CHECK_EQ_INT(net_dialer_new(loop, &options, &d), CB_EINVAL);
    net_dialer_free(NULL);
    /* What the system says; only made, not used. */
    options.servers = NULL;
    CHECK_EQ_INT(net_dialer_new(loop, &options, &d), 0);
    net_dialer_free(d);
    net_loop_free(loop);
}

/* ---- the check ---- */

TEST(only_addresses_that_pass_are_dialled)
{
    static const char *const addresses[] = {"127.0.0.2", "::1", "127.0.0.3", "127.0.0.1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    /* Somebody listens at the addresses that must not be dialled; nobody comes. */
    int two = net_listen_tcp("127.0.0.2", w.port, NULL);
    int three = net_listen_tcp("127.0.0.3", w.port, NULL);
    CHECK(two >= 0 && three >= 0);
    struct result r = dial(&w, "mixed.example.com", w.port, allow_one);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK_EQ_INT(r.checks, 4);
    CHECK(accept(two, NULL, NULL) < 0 && errno == EAGAIN);
    CHECK(accept(three, NULL, NULL) < 0 && errno == EAGAIN);
    (void)close(two);
    (void)close(three);
    world_close(&w);
}

struct rebinding {
    int answers;
};

static void answer_rebinding(void *arg, const char *name, int type, struct dns_reply *r)
{
    struct rebinding *b = arg;
    (void)name;
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, NULL, 0, b->answers++ == 0 ? "127.0.0.1" : "127.0.0.2");
    }
}

TEST(an_answer_that_changes_is_checked_anew)
{
    struct rebinding b = {0};
    struct world w;
    if (!world_open(&w, answer_rebinding, &b)) {
        return;
    }
    int two = net_listen_tcp("127.0.0.2", w.port, NULL);
    struct result r = dial(&w, "rebind.example.com", w.port, allow_one);
    CHECK_EQ_INT(r.code, 0);
    /* TTL 0 is kept for a second: one answer for a burst of dials. */
    r = dial(&w, "rebind.example.com", w.port, allow_one);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_INT(b.answers, 1);
    net_test_run_for(w.loop, 1050);
    r = dial(&w, "rebind.example.com", w.port, allow_one);
    CHECK_EQ_INT(r.code, CB_EADDRESS);
    CHECK_EQ_INT(b.answers, 2);
    CHECK(accept(two, NULL, NULL) < 0 && errno == EAGAIN);
    (void)close(two);
    world_close(&w);
}

static void answer_many(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    r->truncated = !r->over_tcp;
    for (int i = 1; i <= 200; i++) {
        char address[32];
        if (type == DNS_TYPE_A) {
            (void)snprintf(address, sizeof(address), "127.1.0.%d", i);
            dns_reply_a(r, NULL, 60, address);
        } else {
            (void)snprintf(address, sizeof(address), "fd00::%x", i);
            dns_reply_aaaa(r, NULL, 60, address);
        }
    }
}

TEST(of_many_addresses_thirty_two_are_looked_at)
{
    struct world w;
    if (!world_open(&w, answer_many, NULL)) {
        return;
    }
    struct result r = dial(&w, "many.example.com", w.port, refuse_all);
    CHECK_EQ_INT(r.code, CB_EADDRESS);
    CHECK_EQ_INT(r.checks, 32);
    world_close(&w);
}

/* ---- the race ---- */

TEST(the_next_address_is_tried_when_one_refuses)
{
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.3", "127.0.0.1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    uint64_t start_us = clock_mono_us();
    struct result r = dial(&w, "two.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK(clock_mono_us() - start_us < 240000);
    /* All refuse: the last one's reason. */
    r = dial(&w, "two.example.com", closed_port(&w), allow_all);
    CHECK_EQ_INT(r.code, -ECONNREFUSED);
    CHECK_EQ_INT(r.stage, NET_DIAL_CONNECTING);
    world_close(&w);
}

TEST(a_black_hole_costs_its_head_start_and_then_comes_last)
{
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    int fillers[FILLERS];
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    int hole = black_hole("127.0.0.2", w.port, fillers);
    int open = net_test_count_fds();
    uint64_t start_us = clock_mono_us();
    struct result r = dial(&w, "hole.example.com", w.port, allow_all);
    uint64_t took_us = clock_mono_us() - start_us;
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK(took_us >= 240000);
    start_us = clock_mono_us();
    r = dial(&w, "hole.example.com", w.port, allow_all);
    took_us = clock_mono_us() - start_us;
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    CHECK(took_us < 200000);
    /* The loser's socket is closed. c-ares may hold none either after its answers. */
    CHECK(net_test_count_fds() <= open);
    black_hole_close(hole, fillers);
    world_close(&w);
}

TEST(connecting_has_a_time_limit)
{
    static const char *const addresses[] = {"127.0.0.2", NULL};
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    int fillers[FILLERS];
    if (!world_open_with(&w, answer_script, &s, RESOLVE_MS, 150)) {
        return;
    }
    int hole = black_hole("127.0.0.2", w.port, fillers);
    uint64_t start_us = clock_mono_us();
    struct result r = dial(&w, "hole.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_ETIMEOUT);
    CHECK_EQ_INT(r.stage, NET_DIAL_CONNECTING);
    CHECK(clock_mono_us() - start_us >= 140000);
    black_hole_close(hole, fillers);
    world_close(&w);
}

TEST(ipv6_goes_first_and_ipv4_steps_in)
{
    static const char *const addresses[] = {"127.0.0.1", "::1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    if (!have_ipv6()) {
        SKIP("no IPv6 here");
        return;
    }
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    /* Nobody at ::1: at once to the other. */
    struct result r = dial(&w, "both.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", w.port));
    world_close(&w);

    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    int six = net_listen_tcp("::1", w.port, NULL);
    if (six >= 0) {
        r = dial(&w, "both.example.com", w.port, allow_all);
        CHECK_EQ_STR(r.peer, peer_at("::1", w.port));
        (void)close(six);
    }
    world_close(&w);
}

TEST(a_missing_ipv6_answer_delays_little)
{
    static const char *const addresses[] = {"127.0.0.1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60, .drop_v6 = true};
    struct world w;
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    uint64_t start_us = clock_mono_us();
    struct result r = dial(&w, "v4.example.com", w.port, allow_all);
    uint64_t took_us = clock_mono_us() - start_us;
    CHECK_EQ_INT(r.code, 0);
    CHECK(took_us >= 45000 && took_us < 1000000);
    world_close(&w);
}

TEST(a_late_ipv6_address_joins_the_race)
{
    static const char *const addresses[] = {"127.0.0.2", "::1", NULL};
    struct script s = {.addresses = addresses, .ttl = 60, .delay_v6_ms = 150};
    struct world w;
    if (!have_ipv6()) {
        SKIP("no IPv6 here");
        return;
    }
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    uint16_t port = 0;
    int six = net_listen_tcp("::1", 0, &port);
    /* 127.0.0.2 refuses long before the AAAA answer is there. */
    struct result r = dial(&w, "late.example.com", port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("::1", port));
    (void)close(six);
    world_close(&w);
}

/* ---- the cache ---- */

TEST(dials_of_one_name_share_a_question)
{
    struct world w;
    int left = 5;
    struct result r[5];
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    for (int i = 0; i < 5; i++) {
        r[i] = (struct result){.world = &w, .left = &left};
        CHECK_EQ_INT(
            net_dial_name(w.dialer, "same.example.com", w.port, allow_all, on_done, &r[i], &r[i].dial), 0);
    }
    net_test_run(w.loop);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(r[i].calls, 1);
        CHECK_EQ_INT(r[i].code, 0);
        (void)close(r[i].fd);
    }
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_AAAA), 1);
    world_close(&w);
}

TEST(the_cache_is_bounded_and_forgets_the_longest_unused)
{
    struct world w;
    char name[64];
    if (!world_open(&w, answer_loopback, NULL)) {
        return;
    }
    for (int i = 0; i < 1100; i++) {
        (void)snprintf(name, sizeof(name), "host%d.example.com", i);
        struct result r = dial(&w, name, w.port, refuse_all);
        CHECK_EQ_INT(r.code, CB_EADDRESS);
        if (i % 100 == 0) {
            r = dial(&w, "host0.example.com", w.port, refuse_all);
        }
    }
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1100);
    (void)dial(&w, "host0.example.com", w.port, refuse_all);
    (void)dial(&w, "host1099.example.com", w.port, refuse_all);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1100);
    (void)dial(&w, "host1.example.com", w.port, refuse_all);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1101);
    world_close(&w);
}

TEST(more_open_questions_than_places_are_refused)
{
    struct world w;
    static struct net_dial *dials[1025];
    struct result r = {.world = &w};
    char name[64];
    if (!world_open(&w, answer_silence, NULL)) {
        return;
    }
    for (int i = 0; i < 1024; i++) {
        (void)snprintf(name, sizeof(name), "host%d.example.com", i);
        CHECK_EQ_INT(net_dial_name(w.dialer, name, w.port, allow_all, on_done, &r, &dials[i]), 0);
    }
    CHECK_EQ_INT(net_dial_name(w.dialer, "more.example.com", w.port, allow_all, on_done, &r, &dials[1024]),
                 CB_ELIMIT);
    for (int i = 0; i < 1024; i++) {
        net_dial_cancel(dials[i]);
    }
    CHECK_EQ_INT(r.calls, 0);
    world_close(&w);
}

/* ---- cancelling ---- */

static void cancel_it(void *arg)
{
    struct result *r = arg;
    net_dial_cancel(r->dial);
    r->dial = NULL;
    net_loop_stop(r->world->loop);
}

/* Starts a dial, cancels it after some time, and sees that nothing comes. */
static void cancel_after(struct world *w, const char *host, uint64_t ms)
{
    struct result r = {.world = w};
    CHECK_EQ_INT(net_dial_name(w->dialer, host, w->port, allow_all, on_done, &r, &r.dial), 0);
    struct net_timer *t = net_timer_new(w->loop, cancel_it, &r);
    net_timer_start(t, ms, 0);
    net_test_run(w->loop);
    net_test_run_for(w->loop, 30);
    CHECK_EQ_INT(r.calls, 0);
    net_timer_free(t);
}

TEST(cancel_at_each_stage)
{
    static const char *const addresses[] = {"127.0.0.2", NULL};
    struct script s = {.addresses = addresses, .ttl = 60, .delay_v6_ms = 20};
    struct world w;
    int fillers[FILLERS];
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    int hole = black_hole("127.0.0.2", w.port, fillers);
    int open = net_test_count_fds();
    net_dial_cancel(NULL);
    /* At once, before anything was sent. */
    struct result r = {.world = &w};
    CHECK_EQ_INT(net_dial_name(w.dialer, "a.example.com", w.port, allow_all, on_done, &r, &r.dial), 0);
    net_dial_cancel(r.dial);
    CHECK_EQ_INT(net_dial_address(w.dialer, "127.0.0.1", w.port, on_done, &r, &r.dial), 0);
    net_dial_cancel(r.dial);
    net_test_run_for(w.loop, 60);
    CHECK_EQ_INT(r.calls, 0);
    /* With one answer of two; while connecting; from the cache. */
    cancel_after(&w, "b.example.com", 5);
    cancel_after(&w, "c.example.com", 100);
    cancel_after(&w, "c.example.com", 100);
    CHECK_EQ_INT(net_test_count_fds(), open);
    black_hole_close(hole, fillers);
    world_close(&w);

    /* While the server is silent; and the dialler goes while c-ares still waits. */
    if (world_open(&w, answer_silence, NULL)) {
        cancel_after(&w, "d.example.com", 20);
        world_close(&w);
    }
}

static void dial_again(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct result *r = arg;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (++r->calls < 5) {
        CHECK_EQ_INT(net_dial_name(r->world->dialer, r->calls % 2 != 0 ? "x.example.com" : "y.example.com",
                                   r->world->port, r->calls == 3 ? refuse_all : allow_all, dial_again, r,
                                   &r->dial),
                     0);
    } else {
        r->calls--;
        on_done(arg, code, stage, code == 0 ? -1 : fd, peer);
    }
}

static void dial_again_start(struct world *w, struct result *r)
{
    *r = (struct result){.world = w};
    CHECK_EQ_INT(net_dial_name(w->dialer, "x.example.com", w->port, allow_all, dial_again, r, &r->dial), 0);
}

TEST(a_dial_may_start_the_next_from_its_callback)
{
    struct world w;
    struct result r;
    if (!world_open(&w, answer_nxdomain, NULL)) {
        return;
    }
    dial_again_start(&w, &r);
    net_test_run(w.loop);
    CHECK_EQ_INT(r.calls, 5);
    CHECK_EQ_INT(r.code, CB_EDNS);
    world_close(&w);
}

TEST(no_thread_was_started)
{
    CHECK_EQ_INT(net_test_count_dir("/proc/self/task"), 3);
}

TEST_MAIN()

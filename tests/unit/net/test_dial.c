/* test_dial.c - literal addresses, the race between addresses, giving up. */
#include "dial_world.h"

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

TEST(a_late_address_does_not_wait_for_a_black_hole)
{
    static const char *const addresses[] = {"127.0.0.2", "::1", NULL};
    /* Later than the head start of the only IPv4 address, when no timer runs any more. */
    struct script s = {.addresses = addresses, .ttl = 60, .delay_v6_ms = 500};
    struct world w;
    int fillers[FILLERS];
    uint16_t port = 0;
    if (!have_ipv6()) {
        SKIP("no IPv6 here");
        return;
    }
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    int six = net_listen_tcp("::1", 0, &port);
    int hole = black_hole("127.0.0.2", port, fillers);
    struct result r = dial(&w, "late.example.com", port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("::1", port));
    black_hole_close(hole, fillers);
    (void)close(six);
    world_close(&w);
}

TEST(families_take_turns)
{
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.3", "::1", NULL};
    /* The first IPv4 address swallows; IPv6 comes while that one has its head start. Who wins shows who was next. */
    struct script s = {.addresses = addresses, .ttl = 60, .delay_v6_ms = 120};
    struct world w;
    int fillers[FILLERS];
    uint16_t port = 0;
    if (!have_ipv6()) {
        SKIP("no IPv6 here");
        return;
    }
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    int six = net_listen_tcp("::1", 0, &port);
    int three = net_listen_tcp("127.0.0.3", port, NULL);
    int two = black_hole("127.0.0.2", port, fillers);
    struct result r = dial(&w, "turns.example.com", port, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("::1", port));
    black_hole_close(two, fillers);
    (void)close(three);
    (void)close(six);
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

static struct result resolve(struct world *w, net_address_check_fn *check)
{
    struct result r = {.world = w, .fd = -1};
    if (CHECK_EQ_INT(net_dial_resolve(w->dialer, "both.example.com", 443, check, on_done, &r, &r.dial), 0)) {
        CHECK_EQ_INT(r.calls, 0);
        net_test_run(w->loop);
    }
    CHECK_EQ_INT(r.calls, 1);
    CHECK_EQ_INT(r.stage, NET_DIAL_RESOLVING);
    CHECK_EQ_INT(r.fd, -1);
    return r;
}

/* For whoever connects through somebody else: an address that passed, and no connection. */
TEST(a_name_can_be_resolved_alone)
{
    static const char *const addresses[] = {"::1", "127.0.0.2", "127.0.0.1", NULL};
    struct world w;
    struct script s = {.addresses = addresses, .ttl = 60};
    if (!world_open(&w, answer_script, &s)) {
        return;
    }
    struct result r = resolve(&w, allow_all);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, "127.0.0.2:443");
    CHECK_EQ_INT(r.checks, 3);
    r = resolve(&w, allow_one); /* again, of the answer that is kept */
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, "127.0.0.1:443");
    r = resolve(&w, refuse_all);
    CHECK_EQ_INT(r.code, CB_EADDRESS);
    world_close(&w);
    if (world_open(&w, answer_nxdomain, NULL)) {
        r = resolve(&w, allow_all);
        CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    }
    world_close(&w);
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
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    world_close(&w);
}

TEST(no_thread_was_started)
{
    CHECK_EQ_INT(net_test_count_dir("/proc/self/task"), 3);
}

TEST_MAIN()

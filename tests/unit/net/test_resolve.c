/* test_resolve.c - names, their addresses and the check of each, and what is kept of answers. */
#include "dial_world.h"

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
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    CHECK_EQ_INT(r.stage, NET_DIAL_RESOLVING);
    CHECK_EQ_INT(r.checks, 0);
    int asked = dns_server_asked(w.dns, DNS_TYPE_A);
    /* Remembered for five seconds. */
    r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), asked);
    net_test_run_for(w.loop, 4800);
    r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), asked);
    net_test_run_for(w.loop, 250);
    r = dial(&w, "missing.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    CHECK(dns_server_asked(w.dns, DNS_TYPE_A) > asked);
    world_close(&w);

    if (!world_open(&w, answer_nothing, NULL)) {
        return;
    }
    r = dial(&w, "empty.example.com", w.port, allow_all);
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
    world_close(&w);
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
    CHECK_EQ_INT(r.code, CB_ENOTFOUND);
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
    /* On a machine that is busy a question may have been asked again. */
    int asked = dns_server_asked(w.dns, DNS_TYPE_A);
    CHECK(asked >= 1100 && asked < 1110);
    (void)dial(&w, "host0.example.com", w.port, refuse_all);
    (void)dial(&w, "host1099.example.com", w.port, refuse_all);
    CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), asked);
    (void)dial(&w, "host1.example.com", w.port, refuse_all);
    CHECK(dns_server_asked(w.dns, DNS_TYPE_A) > asked);
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

/* A lives for a second; what AAAA does is the script's. */
static void answer_short_a(void *arg, const char *name, int type, struct dns_reply *r)
{
    const bool *v6_is_silent = arg;
    (void)name;
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, NULL, 1, "127.0.0.1");
    } else {
        r->drop = *v6_is_silent;
        dns_reply_aaaa(r, NULL, 300, "fd00::1");
    }
}

TEST(each_family_is_kept_for_its_own_time)
{
    struct world w;
    bool silent = false;
    if (world_open(&w, answer_short_a, &silent)) {
        (void)dial(&w, "short.example.com", w.port, allow_one);
        net_test_run_for(w.loop, 1050);
        struct result r = dial(&w, "short.example.com", w.port, allow_one);
        CHECK_EQ_INT(r.code, 0);
        CHECK_EQ_INT(r.checks, 2);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 2);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_AAAA), 1);
    }
    world_close(&w);
}

TEST(an_address_is_not_told_past_its_time_while_the_other_answer_is_awaited)
{
    struct world w;
    bool silent = true;
    if (world_open(&w, answer_short_a, &silent)) {
        struct result r = dial(&w, "short.example.com", w.port, allow_one);
        CHECK_EQ_INT(r.code, 0);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
        net_test_run_for(w.loop, 1050);
        r = dial(&w, "short.example.com", w.port, allow_one);
        CHECK_EQ_INT(r.code, 0);
        CHECK_EQ_INT(r.checks, 1);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 2);
    }
    world_close(&w);
}

static void answer_short_alias(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    dns_reply_cname(r, NULL, 1, "long.example.net");
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, "long.example.net", 300, "127.0.0.1");
    }
}

TEST(an_alias_that_ends_ends_its_address)
{
    struct world w;
    if (world_open(&w, answer_short_alias, NULL)) {
        (void)dial(&w, "alias.example.com", w.port, allow_one);
        (void)dial(&w, "alias.example.com", w.port, allow_one);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
        net_test_run_for(w.loop, 1050);
        struct result r = dial(&w, "alias.example.com", w.port, allow_one);
        CHECK_EQ_INT(r.code, 0);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 2);
    }
    world_close(&w);
}

static void answer_broken_server(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->rcode = DNS_RCODE_SERVFAIL;
}

TEST(a_failure_is_forgotten_sooner_than_a_no)
{
    struct world w;
    if (world_open(&w, answer_broken_server, NULL)) {
        struct result r = dial(&w, "failed.example.com", w.port, allow_all);
        CHECK_EQ_INT(r.code, CB_EDNS);
        int asked = dns_server_asked(w.dns, DNS_TYPE_A);
        (void)dial(&w, "failed.example.com", w.port, allow_all);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), asked);
        net_test_run_for(w.loop, 1050);
        (void)dial(&w, "failed.example.com", w.port, allow_all);
        CHECK(dns_server_asked(w.dns, DNS_TYPE_A) > asked);
    }
    world_close(&w);
}

TEST(who_asked_first_may_leave_the_others_waiting)
{
    struct world w;
    struct result first = {.world = &w};
    struct result second = {.world = &w, .fd = -1};
    if (world_open(&w, answer_loopback, NULL) &&
        CHECK_EQ_INT(
            net_dial_name(w.dialer, "same.example.com", w.port, allow_all, on_done, &first, &first.dial),
            0) &&
        CHECK_EQ_INT(
            net_dial_name(w.dialer, "same.example.com", w.port, allow_all, on_done, &second, &second.dial),
            0)) {
        net_dial_cancel(first.dial);
        net_test_run(w.loop);
        CHECK_EQ_INT(first.calls, 0);
        CHECK_EQ_INT(second.calls, 1);
        CHECK_EQ_INT(second.code, 0);
        CHECK_EQ_INT(dns_server_asked(w.dns, DNS_TYPE_A), 1);
        (void)close(second.fd);
    }
    world_close(&w);
}

TEST_MAIN()

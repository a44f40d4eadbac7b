/*
 * test_resolve_hostile.c - DNS answers that somebody made to get inside, too many, too large or broken; servers that do
 * not answer. The check is the one that egress uses: policy/address.h.
 */
#include "dial_world.h"
#include "policy/address.h"

static bool allow_public(void *arg, const uint8_t *address, size_t len)
{
    (void)allow_all(arg, address, len);
    return policy_address_is_public(address, len, NULL);
}

/* As egress, but for the test's own listener on 127.0.0.1. */
static bool allow_public_or_one(void *arg, const uint8_t *address, size_t len)
{
    return allow_one(arg, address, len) || policy_address_is_public(address, len, NULL);
}

static struct result dial_script(const char *const *addresses, uint16_t *port, net_address_check_fn *check)
{
    struct script s = {.addresses = addresses, .ttl = 60};
    struct world w;
    struct result r = {.code = -1};
    if (world_open(&w, answer_script, &s)) {
        *port = w.port;
        r = dial(&w, "hostile.example.com", w.port, check);
    }
    world_close(&w);
    return r;
}

/* ---- addresses that are somewhere else than they look ---- */

TEST(no_special_address_is_dialled_in_any_disguise)
{
    static const char *const disguises[] = {
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::127.0.0.1", /* compatible */
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8", /* mapped, the public too */
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe", /* NAT64 */
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",                     /* 6to4 */
        "2001:0:4136:e378:8000:63bf:5601:5601", /* Teredo, its client at 169.254.169.254 */
        "2001:db8::1",
        NULL};
    for (const char *const *a = disguises; *a != NULL; a++) {
        const char *const one[] = {*a, NULL};
        uint16_t port;
        struct result r = dial_script(one, &port, allow_public);
        if (!CHECK_EQ_INT(r.code, CB_EADDRESS) || !CHECK_EQ_INT(r.checks, 1)) {
            printf("    the address was %s\n", *a);
        }
    }
}

TEST(of_a_mixed_name_the_special_addresses_are_dropped_and_the_others_dialled)
{
    static const char *const mixed[] = {"169.254.169.254", "::1",       "::ffff:127.0.0.1",
                                        "10.1.2.3",        "127.0.0.1", NULL};
    uint16_t port = 0;
    struct result r = dial_script(mixed, &port, allow_public_or_one);
    CHECK_EQ_INT(r.code, 0);
    CHECK_EQ_STR(r.peer, peer_at("127.0.0.1", port));
    CHECK_EQ_INT(r.checks, 5);
}

static void answer_metadata_alias(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    dns_reply_cname(r, NULL, 300, "metadata.google.internal");
    if (type == DNS_TYPE_A) {
        dns_reply_a(r, "metadata.google.internal", 300, "169.254.169.254");
    } else {
        dns_reply_aaaa(r, "metadata.google.internal", 300, "fd20:ce::254");
    }
}

TEST(an_alias_of_the_metadata_server_is_refused)
{
    struct world w;
    if (world_open(&w, answer_metadata_alias, NULL)) {
        struct result r = dial(&w, "assets.example.com", w.port, allow_public);
        CHECK_EQ_INT(r.code, CB_EADDRESS);
        CHECK_EQ_INT(r.checks, 2);
    }
    world_close(&w);
}

static void answer_alias_circle(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)type;
    dns_reply_cname(r, NULL, 300, "round.example.com");
    dns_reply_cname(r, "round.example.com", 300, name);
}

TEST(aliases_in_a_circle_are_no_address)
{
    struct world w;
    if (world_open(&w, answer_alias_circle, NULL)) {
        struct result r = dial(&w, "circle.example.com", w.port, allow_all);
        CHECK_EQ_INT(r.code, CB_ENOTFOUND);
        CHECK_EQ_INT(r.checks, 0);
    }
    world_close(&w);
}

/* ---- too much ---- */

static void answer_four_thousand(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    r->truncated = !r->over_tcp;
    for (int i = 0; type == DNS_TYPE_A && i < 4000; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "127.2.%d.%d", i / 250, i % 250);
        dns_reply_a(r, NULL, 60, address);
    }
}

TEST(of_four_thousand_addresses_sixteen_are_looked_at)
{
    struct world w;
    if (world_open(&w, answer_four_thousand, NULL)) {
        struct result r = dial(&w, "huge.example.com", w.port, refuse_all);
        CHECK_EQ_INT(r.code, CB_EADDRESS);
        CHECK_EQ_INT(r.checks, 16);
    }
    world_close(&w);
}

/* ---- broken ---- */

static void spoil_cut(uint8_t *message, size_t *len)
{
    (void)message;
    *len -= 3;
}

static void spoil_header_only(uint8_t *message, size_t *len)
{
    (void)message;
    *len = 12;
}

static void spoil_nothing_left(uint8_t *message, size_t *len)
{
    (void)message;
    *len = 1;
}

/* Says that there are more records than there are. */
static void spoil_counts(uint8_t *message, size_t *len)
{
    (void)len;
    memset(message + 6, 0xff, 6);
}

/* The owner's name points at itself. */
static void spoil_pointer(uint8_t *message, size_t *len)
{
    size_t owner = *len - 16;
    message[owner] = (uint8_t)(0xc0 | owner >> 8);
    message[owner + 1] = (uint8_t)owner;
}

/* An A record of 5 bytes. */
static void spoil_length(uint8_t *message, size_t *len)
{
    message[*len - 5] = 5;
    message[(*len)++] = 1;
}

static void spoil_id(uint8_t *message, size_t *len)
{
    (void)len;
    message[0] ^= 0x55;
}

/* An answer to a question that nobody asked. */
static void spoil_question(uint8_t *message, size_t *len)
{
    (void)len;
    message[13] ^= 1;
}

static void spoil_not_an_answer(uint8_t *message, size_t *len)
{
    (void)len;
    message[2] &= 0x7f;
}

typedef void spoil_fn(uint8_t *message, size_t *len);

static void answer_spoiled(void *arg, const char *name, int type, struct dns_reply *r)
{
    answer_loopback(NULL, name, type, r);
    if (type == DNS_TYPE_A) {
        r->spoil = *(spoil_fn **)arg;
    }
}

TEST(no_address_comes_out_of_a_broken_answer)
{
    static spoil_fn *const spoils[] = {spoil_cut,     spoil_header_only, spoil_nothing_left, spoil_counts,
                                       spoil_pointer, spoil_id,          spoil_question};
    for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
        struct world w;
        spoil_fn *spoil = spoils[i];
        if (world_open_with(&w, answer_spoiled, &spoil, 300, CONNECT_MS)) {
            struct result r = dial(&w, "broken.example.com", w.port, allow_all);
            if (!CHECK(r.code == CB_EDNS || r.code == CB_ETIMEOUT) || !CHECK_EQ_INT(r.checks, 0)) {
                printf("    the answer was number %zu\n", i);
            }
        }
        world_close(&w);
    }
}

TEST(what_c_ares_tolerates_is_checked_too)
{
    /* Bytes after an address, and an answer that says it is a question. */
    static spoil_fn *const spoils[] = {spoil_length, spoil_not_an_answer};
    for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
        struct world w;
        spoil_fn *spoil = spoils[i];
        if (world_open_with(&w, answer_spoiled, &spoil, 300, CONNECT_MS)) {
            struct result r = dial(&w, "odd.example.com", w.port, allow_public);
            CHECK(r.code != 0);
            CHECK_EQ_INT(r.checks, r.code == CB_EADDRESS ? 1 : 0);
        }
        world_close(&w);
    }
}

/* ---- servers ---- */

static void answer_servfail(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->rcode = DNS_RCODE_SERVFAIL;
}

static void answer_refused(void *arg, const char *name, int type, struct dns_reply *r)
{
    (void)arg;
    (void)name;
    (void)type;
    r->rcode = DNS_RCODE_REFUSED;
}

TEST(the_second_server_answers_when_the_first_does_not)
{
    static dns_answer_fn *const firsts[] = {answer_silence, answer_servfail, answer_refused};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct world w;
        char servers[80];
        if (!world_open(&w, answer_loopback, NULL)) {
            return;
        }
        struct dns_server *first = dns_server_new(w.loop, firsts[i], NULL);
        (void)snprintf(servers, sizeof(servers), "%s,%s", dns_server_address(first),
                       dns_server_address(w.dns));
        net_dialer_free(w.dialer);
        w.dialer = NULL;
        struct net_dialer_options options = {
            .servers = servers, .resolve_timeout_ms = 2000, .connect_timeout_ms = CONNECT_MS};
        if (CHECK_EQ_INT(net_dialer_new(w.loop, &options, &w.dialer), 0)) {
            struct result r = dial(&w, "a.example.com", w.port, allow_all);
            CHECK_EQ_INT(r.code, 0);
            CHECK(dns_server_asked(first, DNS_TYPE_A) > 0);
            /* From now on the one that answers is asked first. */
            uint64_t start_us = clock_mono_us();
            r = dial(&w, "b.example.com", w.port, allow_all);
            CHECK_EQ_INT(r.code, 0);
            CHECK(clock_mono_us() - start_us < 500000);
        }
        dns_server_free(first);
        world_close(&w);
    }
}

TEST_MAIN()

/* test_session.c - clients and servers in memory: both versions, every cut, wrong names, wrong roots, closing. */
#include "support/check.h"
#include "tls/seal.h"
#include "tls/session.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define HOST "api.openai.com"

/* A CA with a leaf for HOST, made once. */
static struct {
    struct tls_key *ca_key;
    struct tls_key *leaf_key;
    struct buf ca_der;
    struct tls_roots *roots;
    struct tls_roots *other_roots;
    struct tls_server *server;
    struct tls_client *client;
} world;

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000;
}

static struct tls_roots *roots_of(struct span der)
{
    struct buf pem;
    struct tls_roots *roots = NULL;
    buf_init(&pem, 65536);
    CHECK_EQ_INT(tls_cert_to_pem(der, &pem), 0);
    CHECK_EQ_INT(tls_roots_new(buf_span(&pem), &roots, NULL), 0);
    buf_deinit(&pem);
    return roots;
}

static bool world_ready(void)
{
    if (world.client != NULL) {
        return true;
    }
    CHECK_EQ_INT(tls_init(), 0);
    world.ca_key = tls_key_new();
    world.leaf_key = tls_key_new();
    struct tls_key *other = tls_key_new();
    struct buf other_der;
    buf_init(&world.ca_der, TLS_CERT_DER_MAX);
    buf_init(&other_der, TLS_CERT_DER_MAX);
    if (!CHECK(world.ca_key != NULL && world.leaf_key != NULL && other != NULL) ||
        !CHECK_EQ_INT(tls_ca_create(world.ca_key, "alice", now_ms(), &world.ca_der), 0) ||
        !CHECK_EQ_INT(tls_ca_create(other, "alice", now_ms(), &other_der), 0)) {
        return false;
    }
    world.roots = roots_of(buf_span(&world.ca_der));
    world.other_roots = roots_of(buf_span(&other_der));
    world.server = tls_server_new();
    world.client = tls_client_new();
    buf_deinit(&other_der);
    tls_key_free(other);
    return CHECK(world.server != NULL && world.client != NULL && world.roots != NULL);
}

static struct tls_leaf *leaf_for(const char *host, uint64_t at_ms, uint32_t lifetime_s)
{
    struct buf public_key;
    struct buf der;
    struct tls_leaf *leaf = NULL;
    uint64_t until = 0;
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    buf_init(&der, TLS_CERT_DER_MAX);
    CHECK_EQ_INT(tls_key_public(world.leaf_key, &public_key), 0);
    if (CHECK_EQ_INT(tls_ca_issue(world.ca_key, buf_span(&world.ca_der), span_str(host),
                                  buf_span(&public_key), at_ms, lifetime_s, &der, &until),
                     0)) {
        CHECK_EQ_INT(tls_leaf_new(buf_span(&der), buf_span(&world.ca_der), world.leaf_key, &leaf), 0);
    }
    buf_deinit(&public_key);
    buf_deinit(&der);
    return leaf;
}

struct pair {
    struct tls_session *client;
    struct tls_session *server;
    int client_result;
    int server_result;
};

/* Moves at most `step` bytes at a time from one session to the other. */
static size_t carry(struct tls_session *from, struct tls_session *to, size_t step)
{
    struct buf *out = tls_session_output(from);
    size_t len = buf_len(out) < step ? buf_len(out) : step;
    if (len != 0) {
        CHECK_EQ_INT(tls_session_feed(to, span_sub(buf_span(out), 0, len)), 0);
        buf_consume(out, len);
    }
    return len;
}

static bool pair_open(struct pair *p, const char *host, const struct tls_roots *roots, struct tls_leaf *leaf,
                      size_t step)
{
    *p = (struct pair){.client_result = CB_EAGAIN, .server_result = CB_EAGAIN};
    if (!CHECK(leaf != NULL) || !CHECK_EQ_INT(tls_session_new_server(world.server, leaf, &p->server), 0) ||
        !CHECK_EQ_INT(tls_session_new_client(world.client, roots, host, &p->client), 0)) {
        return false;
    }
    tls_leaf_unref(leaf);
    size_t moved;
    do {
        if (p->client_result == CB_EAGAIN) {
            p->client_result = tls_session_handshake(p->client);
        }
        moved = carry(p->client, p->server, step);
        if (p->server_result == CB_EAGAIN) {
            p->server_result = tls_session_handshake(p->server);
        }
        moved += carry(p->server, p->client, step);
    } while (moved != 0);
    return true;
}

static void pair_close(struct pair *p)
{
    tls_session_free(p->client);
    tls_session_free(p->server);
}

TEST(handshake_at_every_cut)
{
    static const size_t steps[] = {1, 2, 7, 100, 1460, 65536};
    if (!world_ready()) {
        return;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct pair p;
        if (pair_open(&p, HOST, world.roots, leaf_for(HOST, now_ms(), 3600), steps[i])) {
            CHECK_EQ_INT(p.client_result, 0);
            CHECK_EQ_INT(p.server_result, 0);
            CHECK_EQ_STR(tls_session_version(p.client), "TLSv1.3");
            CHECK(span_eq_str(tls_session_sni(p.server), HOST));
        }
        pair_close(&p);
    }
}

TEST(ten_mebibytes_both_ways)
{
    if (!world_ready()) {
        return;
    }
    struct pair p;
    if (!pair_open(&p, HOST, world.roots, leaf_for(HOST, now_ms(), 3600), 65536)) {
        return;
    }
    static uint8_t block[65536];
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (uint8_t)(i * 7);
    }
    struct tls_session *ends[2] = {p.client, p.server};
    for (int way = 0; way < 2; way++) {
        struct tls_session *from = ends[way];
        struct tls_session *to = ends[1 - way];
        size_t got = 0;
        for (int round = 0; round < 160; round++) {
            CHECK_EQ_INT(tls_session_write(from, span_of(block, sizeof(block))), 0);
            while (carry(from, to, 30000) != 0) {
                struct span plain;
                while (tls_session_read(to, &plain) == 0) {
                    if (!CHECK(memcmp(plain.ptr, block + got % sizeof(block), plain.len) == 0)) {
                        return;
                    }
                    got += plain.len;
                }
            }
        }
        CHECK_EQ_INT(got, (size_t)160 * sizeof(block));
        CHECK_EQ_INT(tls_session_pending(to), 0);
    }
    pair_close(&p);
}

/* Records that come in parts, with a look for data after each: what is there of the next one must survive the pause. */
TEST(records_in_parts)
{
    static const size_t steps[] = {1, 3, 700, 2100, 4096, 5000};
    static uint8_t block[12000];
    if (!world_ready()) {
        return;
    }
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (uint8_t)(i * 11 + i / 256);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct pair p;
        struct span plain;
        size_t got = 0;
        if (!pair_open(&p, HOST, world.roots, leaf_for(HOST, now_ms(), 3600), 65536)) {
            return;
        }
        for (int round = 0; round < 5; round++) {
            CHECK_EQ_INT(tls_session_write(p.server, span_of(block, sizeof(block))), 0);
            while (carry(p.server, p.client, steps[i]) != 0) {
                int r;
                while ((r = tls_session_read(p.client, &plain)) == 0) {
                    CHECK_EQ_MEM(plain.ptr, block + got % sizeof(block), plain.len);
                    got += plain.len;
                }
                CHECK_EQ_INT(r, CB_EAGAIN);
            }
        }
        CHECK_EQ_INT(got, 5 * sizeof(block));
        pair_close(&p);
    }
}

TEST(closing_and_truncation)
{
    if (!world_ready()) {
        return;
    }
    struct pair p;
    if (!pair_open(&p, HOST, world.roots, leaf_for(HOST, now_ms(), 3600), 65536)) {
        return;
    }
    struct span plain;
    CHECK_EQ_INT(tls_session_write(p.server, SPAN_LIT("last words")), 0);
    tls_session_close(p.server);
    CHECK(tls_session_write(p.server, SPAN_LIT("more")) != 0);
    while (carry(p.server, p.client, 5) != 0) {
    }
    CHECK_EQ_INT(tls_session_read(p.client, &plain), 0);
    CHECK(span_eq_str(plain, "last words"));
    CHECK_EQ_INT(tls_session_read(p.client, &plain), CB_ECLOSED);
    CHECK_EQ_INT(tls_session_read(p.server, &plain), CB_EAGAIN); /* nothing said is not the end */
    pair_close(&p);
}

TEST(a_changed_record_is_refused)
{
    if (!world_ready()) {
        return;
    }
    struct pair p;
    if (!pair_open(&p, HOST, world.roots, leaf_for(HOST, now_ms(), 3600), 65536)) {
        return;
    }
    struct span plain;
    CHECK_EQ_INT(tls_session_write(p.client, SPAN_LIT("hello")), 0);
    struct buf *out = tls_session_output(p.client);
    out->data[out->end - 1] ^= 1;
    (void)carry(p.client, p.server, 65536);
    CHECK_EQ_INT(tls_session_read(p.server, &plain), CB_ETLS);
    CHECK(buf_len(tls_session_output(p.server)) != 0); /* the alert */
    pair_close(&p);
}

/* What a client says to a leaf that it should not accept. The roots hold no ticket for the host yet. */
static int client_of(const char *wanted, const struct tls_roots *roots, const char *leaf_host, uint64_t at_ms,
                     uint32_t lifetime_s)
{
    struct pair p;
    int result = 0;
    if (pair_open(&p, wanted, roots, leaf_for(leaf_host, at_ms, lifetime_s), 65536)) {
        result = p.client_result;
        if (result != 0) {
            CHECK(tls_session_why(p.client)[0] != '\0');
        }
    }
    pair_close(&p);
    return result;
}

TEST(certificates_that_must_not_be_accepted)
{
    if (!world_ready()) {
        return;
    }
    const uint64_t hour_ms = 3600U * 1000;
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    CHECK_EQ_INT(client_of(HOST, roots, "api.anthropic.com", now_ms(), 3600), CB_ECERT);
    CHECK_EQ_INT(client_of(HOST, world.other_roots, HOST, now_ms(), 3600), CB_ECERT);
    CHECK_EQ_INT(client_of(HOST, roots, HOST, now_ms() - 48 * hour_ms, 3600), CB_ECERT);
    CHECK_EQ_INT(client_of(HOST, roots, HOST, now_ms() + 48 * hour_ms, 3600), CB_ECERT);
    CHECK_EQ_INT(client_of("192.0.2.2", roots, "192.0.2.1", now_ms(), 3600), CB_ECERT);
    CHECK_EQ_INT(client_of("192.0.2.1", roots, "192.0.2.1", now_ms(), 3600), 0);
    CHECK_EQ_INT(client_of("2001:db8::1", roots, "2001:db8::1", now_ms(), 3600), 0);
    tls_roots_free(roots);
}

/* Opens a pair, takes the ticket that came, says whether the client believed an earlier one. */
static bool resumes(const char *host, const struct tls_roots *roots, struct tls_leaf *leaf)
{
    struct pair p;
    struct span plain;
    bool resumed = false;
    if (pair_open(&p, host, roots, leaf, 65536) && CHECK_EQ_INT(p.client_result, 0) &&
        CHECK_EQ_INT(p.server_result, 0)) {
        resumed = tls_session_is_resumed(p.client);
        CHECK_EQ_STR(tls_session_version(p.client), "TLSv1.3");
        CHECK(span_eq_str(tls_session_sni(p.server), host));
        CHECK_EQ_INT(tls_session_read(p.client, &plain), CB_EAGAIN);
        CHECK_EQ_INT(tls_session_write(p.client, SPAN_LIT("request")), 0);
        (void)carry(p.client, p.server, 65536);
        CHECK_EQ_INT(tls_session_read(p.server, &plain), 0);
        CHECK(span_eq_str(plain, "request"));
        CHECK_EQ_INT(tls_session_write(p.server, SPAN_LIT("response")), 0);
        (void)carry(p.server, p.client, 65536);
        CHECK_EQ_INT(tls_session_read(p.client, &plain), 0);
        CHECK(span_eq_str(plain, "response"));
    }
    pair_close(&p);
    return resumed;
}

TEST(tickets_are_for_one_host_and_its_roots)
{
    if (!world_ready()) {
        return;
    }
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    struct tls_roots *same = roots_of(buf_span(&world.ca_der));
    CHECK(!resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    CHECK(resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    CHECK(resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    CHECK(!resumes("api.anthropic.com", roots, leaf_for("api.anthropic.com", now_ms(), 3600)));
    CHECK(!resumes(HOST, same, leaf_for(HOST, now_ms(), 3600)));
    /* More hosts than there are places: the oldest go. */
    for (int i = 0; i < 40; i++) {
        char host[32];
        (void)snprintf(host, sizeof(host), "host%d.example.com", i);
        CHECK(!resumes(host, roots, leaf_for(host, now_ms(), 3600)));
    }
    CHECK(resumes("host39.example.com", roots, leaf_for("host39.example.com", now_ms(), 3600)));
    CHECK(resumes("host20.example.com", roots, leaf_for("host20.example.com", now_ms(), 3600)));
    tls_roots_free(roots);
    tls_roots_free(same);
}

/* The digest of the leaf key of this world, or of the CA's. */
static void pin_of(const struct tls_key *key, uint8_t out[TLS_PIN_LEN])
{
    struct buf public_key;
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    CHECK_EQ_INT(tls_key_public(key, &public_key), 0);
    struct span part = buf_span(&public_key);
    digest_sha256(&part, 1, out);
    buf_deinit(&public_key);
}

/* What a client with these pins says, and why. */
static int pinned(const struct tls_roots *from, uint8_t pins[][TLS_PIN_LEN], size_t count,
                  const char *leaf_host, char why[200])
{
    struct tls_roots *roots = NULL;
    struct pair p;
    int result = 0;
    CHECK_EQ_INT(tls_roots_share(from, &roots), 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ_INT(tls_roots_pin(roots, pins[i]), 0);
    }
    if (pair_open(&p, HOST, roots, leaf_for(leaf_host, now_ms(), 3600), 65536)) {
        result = p.client_result;
        (void)snprintf(why, 200, "%s", result != 0 ? tls_session_why(p.client) : "");
    }
    pair_close(&p);
    tls_roots_free(roots);
    return result;
}

TEST(pins)
{
    uint8_t pins[3][TLS_PIN_LEN] = {{0}};
    char why[200];
    if (!world_ready()) {
        return;
    }
    pin_of(world.leaf_key, pins[0]);
    pin_of(world.ca_key, pins[1]);
    CHECK_EQ_INT(pinned(world.roots, NULL, 0, HOST, why), 0);
    CHECK_EQ_INT(pinned(world.roots, &pins[0], 1, HOST, why), 0);
    CHECK_EQ_INT(pinned(world.roots, &pins[1], 1, HOST, why), 0);
    CHECK_EQ_INT(pinned(world.roots, &pins[2], 1, HOST, why), CB_ECERT);
    CHECK_EQ_STR(why, "pin mismatch: no key of the chain is pinned");
    CHECK_EQ_INT(pinned(world.roots, pins, 3, HOST, why), 0);
    /* Pins come after verification, never instead of it. */
    CHECK_EQ_INT(pinned(world.other_roots, &pins[0], 1, HOST, why), CB_ECERT);
    CHECK(strncmp(why, "issuer not trusted: ", 20) == 0);
    CHECK_EQ_INT(pinned(world.roots, &pins[0], 1, "api.anthropic.com", why), CB_ECERT);
    CHECK_EQ_STR(why, "name " HOST " not in certificate");
}

/* A ticket stands for a verification without pins, so who has pins does not offer it. */
TEST(tickets_are_not_shared_with_the_roots)
{
    if (!world_ready()) {
        return;
    }
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    struct tls_roots *shared = NULL;
    uint8_t pin[TLS_PIN_LEN];
    pin_of(world.leaf_key, pin);
    CHECK(!resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    CHECK_EQ_INT(tls_roots_share(roots, &shared), 0);
    CHECK_EQ_INT(tls_roots_pin(shared, pin), 0);
    tls_roots_free(roots); /* the trust anchors stay */
    CHECK(!resumes(HOST, shared, leaf_for(HOST, now_ms(), 3600)));
    CHECK(resumes(HOST, shared, leaf_for(HOST, now_ms(), 3600)));
    for (int i = 1; i < TLS_PINS_MAX; i++) {
        CHECK_EQ_INT(tls_roots_pin(shared, pin), 0);
    }
    CHECK_EQ_INT(tls_roots_pin(shared, pin), CB_ELIMIT);
    tls_roots_free(shared);
}

TEST(a_ticket_ends_with_the_certificate)
{
    if (!world_ready()) {
        return;
    }
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    uint64_t start_ms = now_ms();
    CHECK(!resumes(HOST, roots, leaf_for(HOST, start_ms, 2)));
    while (now_ms() <= start_ms + 2000) { /* the certificate's clock is the wall's: no event tells */
        (void)usleep(100000);
    }
    CHECK(!resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    tls_roots_free(roots);
}

/* A server that does not know the ticket shows its certificate, which is verified as ever. */
TEST(a_foreign_ticket_means_a_full_handshake)
{
    if (!world_ready()) {
        return;
    }
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    struct tls_server *first = world.server;
    CHECK(!resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    world.server = tls_server_new();
    if (CHECK(world.server != NULL)) {
        CHECK_EQ_INT(client_of(HOST, roots, "api.anthropic.com", now_ms(), 3600), CB_ECERT);
        CHECK(!resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
        CHECK(resumes(HOST, roots, leaf_for(HOST, now_ms(), 3600)));
    }
    tls_server_free(world.server);
    world.server = first;
    tls_roots_free(roots);
}

/* Tickets and data that arrive together: the data is not left lying. */
TEST(data_behind_a_ticket)
{
    if (!world_ready()) {
        return;
    }
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    struct tls_leaf *leaf = leaf_for(HOST, now_ms(), 3600);
    struct tls_session *client = NULL;
    struct tls_session *server = NULL;
    struct span plain;
    if (CHECK_EQ_INT(tls_session_new_client(world.client, roots, HOST, &client), 0) &&
        CHECK_EQ_INT(tls_session_new_server(world.server, leaf, &server), 0)) {
        CHECK_EQ_INT(tls_session_handshake(client), CB_EAGAIN);
        (void)carry(client, server, 65536);
        CHECK_EQ_INT(tls_session_handshake(server), CB_EAGAIN);
        (void)carry(server, client, 65536);
        CHECK_EQ_INT(tls_session_handshake(client), 0);
        (void)carry(client, server, 65536);
        CHECK_EQ_INT(tls_session_handshake(server), 0); /* its ticket is in the output now */
        CHECK_EQ_INT(tls_session_write(server, SPAN_LIT("behind it")), 0);
        (void)carry(server, client, 65536);
        CHECK_EQ_INT(tls_session_read(client, &plain), 0);
        CHECK(span_eq_str(plain, "behind it"));
    }
    tls_session_free(client);
    tls_session_free(server);
    tls_leaf_unref(leaf);
    tls_roots_free(roots);
}

TEST(a_ca_is_no_leaf)
{
    if (!world_ready()) {
        return;
    }
    struct tls_leaf *leaf = NULL;
    struct tls_roots *roots = roots_of(buf_span(&world.ca_der));
    struct pair p;
    CHECK_EQ_INT(tls_leaf_new(buf_span(&world.ca_der), buf_span(&world.ca_der), world.ca_key, &leaf), 0);
    if (pair_open(&p, HOST, roots, leaf, 65536)) {
        /* Our own server will not even present it; in no case does the client go on. */
        CHECK(p.client_result != 0);
    }
    pair_close(&p);
    tls_roots_free(roots);
}

/* A ClientHello of TLS 1.2 that asks for the `len` bytes of a name. */
static void make_hello(struct buf *out, const uint8_t *name, size_t len)
{
    static const uint8_t before[] = {0,    0, 2, 0xc0,
                                     0x2b, 1, 0}; /* session, ECDHE_ECDSA_AES_128_GCM, compression */
    static const uint8_t behind[] = {0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3};
    uint8_t bytes[1024] = {0x16, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    size_t at = 11 + 32; /* behind the random bytes, which are zero */
    memcpy(bytes + at, before, sizeof(before));
    at += sizeof(before);
    size_t lengths[][2] = {
        {at, len + 9 + sizeof(behind)}, {at + 4, len + 5}, {at + 6, len + 3}, {at + 9, len}};
    memcpy(bytes + at + 11, name, len);
    memcpy(bytes + at + 11 + len, behind, sizeof(behind));
    size_t size = at + 11 + len + sizeof(behind);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        bytes[lengths[i][0]] = (uint8_t)(lengths[i][1] >> 8);
        bytes[lengths[i][0] + 1] = (uint8_t)lengths[i][1];
    }
    bytes[3] = (uint8_t)((size - 5) >> 8);
    bytes[4] = (uint8_t)(size - 5);
    bytes[7] = (uint8_t)((size - 9) >> 8);
    bytes[8] = (uint8_t)(size - 9);
    CHECK_EQ_INT(buf_append(out, bytes, size), 0);
}

/* A server's session takes the name as it is, or fails: no other name is made of it. */
TEST(server_names_that_no_host_has)
{
    static const struct {
        size_t len;
        size_t nul_at; /* SIZE_MAX: nowhere */
        bool taken;
    } cases[] = {{5, SIZE_MAX, true}, {255, SIZE_MAX, true}, {256, SIZE_MAX, false}, {600, SIZE_MAX, false},
                 {5, 0, false},       {5, 3, false},         {5, 4, false}};
    if (!world_ready()) {
        return;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t name[600];
        struct buf hello;
        struct tls_session *s = NULL;
        struct tls_leaf *leaf = leaf_for(HOST, now_ms(), 3600);
        memset(name, 'a', sizeof(name));
        if (cases[i].nul_at != SIZE_MAX) {
            name[cases[i].nul_at] = 0;
        }
        buf_init(&hello, 4096);
        make_hello(&hello, name, cases[i].len);
        if (CHECK_EQ_INT(tls_session_new_server(world.server, leaf, &s), 0)) {
            CHECK_EQ_INT(tls_session_feed(s, buf_span(&hello)), 0);
            CHECK_EQ_INT(tls_session_handshake(s), cases[i].taken ? CB_EAGAIN : CB_ETLS);
            struct span sni = tls_session_sni(s);
            CHECK_EQ_BYTES(sni.ptr, sni.len, name, cases[i].taken ? cases[i].len : 0);
        }
        tls_session_free(s);
        tls_leaf_unref(leaf);
        buf_deinit(&hello);
    }
}

TEST(random_bytes_are_no_client_hello)
{
    if (!world_ready()) {
        return;
    }
    uint64_t state = 88172645463325252U;
    for (int round = 0; round < 200; round++) {
        struct tls_session *s = NULL;
        struct tls_leaf *leaf = leaf_for(HOST, now_ms(), 3600);
        if (!CHECK_EQ_INT(tls_session_new_server(world.server, leaf, &s), 0)) {
            return;
        }
        tls_leaf_unref(leaf);
        uint8_t bytes[512] = {0x16, 3, 1, 1, 0xfb, 1, 0, 1, 0xf7, 3, 3};
        for (size_t i = 11; i < sizeof(bytes); i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i] = (uint8_t)state;
        }
        CHECK_EQ_INT(tls_session_feed(s, span_of(bytes, sizeof(bytes))), 0);
        CHECK(tls_session_handshake(s) != 0);
        tls_session_free(s);
    }
}

TEST(only_p256_keys_are_signed)
{
    if (!world_ready()) {
        return;
    }
    struct buf der;
    uint64_t until = 0;
    buf_init(&der, TLS_CERT_DER_MAX);
    CHECK_EQ_INT(tls_ca_issue(world.ca_key, buf_span(&world.ca_der), SPAN_LIT(HOST), SPAN_LIT("not a key"),
                              now_ms(), 60, &der, &until),
                 CB_EINVAL);
    CHECK_EQ_INT(buf_len(&der), 0);
    buf_deinit(&der);
}

TEST(keys_travel_as_der)
{
    if (!world_ready()) {
        return;
    }
    struct secret *der = NULL;
    struct tls_key *again = NULL;
    struct buf a;
    struct buf b;
    buf_init(&a, TLS_PUBLIC_KEY_MAX);
    buf_init(&b, TLS_PUBLIC_KEY_MAX);
    CHECK_EQ_INT(tls_key_export(world.ca_key, &der), 0);
    CHECK_EQ_INT(tls_key_parse(secret_span(der), &again), 0);
    CHECK_EQ_INT(tls_key_public(world.ca_key, &a), 0);
    CHECK_EQ_INT(tls_key_public(again, &b), 0);
    CHECK(span_eq(buf_span(&a), buf_span(&b)));
    struct tls_key *none = NULL;
    CHECK_EQ_INT(tls_key_parse(SPAN_LIT("garbage"), &none), CB_EINVAL);
    secret_free(der);
    tls_key_free(again);
    buf_deinit(&a);
    buf_deinit(&b);
}

TEST_MAIN()

/* test_link.c - the same bytes in clear and in TLS, ends and errors, and what is taken for a certificate. */
#include "link/link.h"

#include "support/check.h"
#include "tls/internal.h"
#include "tls/seal.h"
#include "tls/session.h"
#include "unit/net/net_test.h"

#include <time.h>

#define HOST "console.example.com"

static struct {
    struct tls_key *ca_key;
    struct tls_key *key;
    struct buf ca_pem;
    struct buf pem; /* certificate and key */
} world;

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000;
}

static bool world_ready(void)
{
    struct buf ca;
    struct buf leaf;
    struct buf public_key;
    unsigned char key[2048];
    uint64_t ends_ms;
    if (world.ca_key != NULL) {
        return true;
    }
    buf_init(&ca, 65536);
    buf_init(&leaf, 65536);
    buf_init(&public_key, 65536);
    buf_init(&world.ca_pem, 65536);
    buf_init(&world.pem, 65536);
    CHECK_EQ_INT(tls_init(), 0);
    world.ca_key = tls_key_new();
    world.key = tls_key_new();
    bool fine = CHECK(world.ca_key != NULL && world.key != NULL) &&
                CHECK_EQ_INT(tls_ca_create(world.ca_key, "test", now_ms(), &ca), 0) &&
                CHECK_EQ_INT(tls_cert_to_pem(buf_span(&ca), &world.ca_pem), 0) &&
                CHECK_EQ_INT(tls_key_public(world.key, &public_key), 0) &&
                CHECK_EQ_INT(tls_ca_issue(world.ca_key, buf_span(&ca), SPAN_LIT(HOST), buf_span(&public_key),
                                          now_ms(), 86400, &leaf, &ends_ms),
                             0) &&
                CHECK_EQ_INT(tls_cert_to_pem(buf_span(&leaf), &world.pem), 0) &&
                CHECK_EQ_INT(mbedtls_pk_write_key_pem(&world.key->pk, key, sizeof(key)), 0) &&
                CHECK_EQ_INT(buf_append_str(&world.pem, (const char *)key), 0);
    buf_deinit(&ca);
    buf_deinit(&leaf);
    buf_deinit(&public_key);
    return fine;
}

/* ---- both ends ---- */

struct pair {
    struct net_loop *loop;
    /* the link: what it has heard */
    struct link *link;
    char heard[256];
    size_t heard_len;
    int ends;
    int errors;
    bool close_on_data;
    /* the client */
    struct net_conn *conn;
    struct tls_session *tls; /* NULL: in clear */
    char said[256];          /* to it */
    size_t said_len;
    int client_ends;
};

static void link_data(void *arg, struct span data)
{
    struct pair *p = arg;
    CHECK(p->heard_len + data.len < sizeof(p->heard));
    memcpy(p->heard + p->heard_len, data.ptr, data.len);
    p->heard_len += data.len;
    if (p->close_on_data) {
        link_close_gently(p->link, 1000);
        p->link = NULL;
    }
    net_loop_stop(p->loop);
}

static void link_end(void *arg)
{
    struct pair *p = arg;
    p->ends++;
    net_loop_stop(p->loop);
}

static void link_error(void *arg, int code)
{
    struct pair *p = arg;
    CHECK(code != 0);
    p->errors++;
    net_loop_stop(p->loop);
}

static const struct net_conn_handler link_handler = {
    .on_data = link_data, .on_end = link_end, .on_error = link_error};

static void client_flush(struct pair *p)
{
    struct buf *out = tls_session_output(p->tls);
    if (buf_len(out) != 0) {
        CHECK_EQ_INT(net_conn_write(p->conn, buf_span(out)), 0);
    }
    buf_consume(out, buf_len(out));
}

static void client_take(struct pair *p, struct span data)
{
    memcpy(p->said + p->said_len, data.ptr, data.len);
    p->said_len += data.len;
}

static void client_data(void *arg, struct span data)
{
    struct pair *p = arg;
    net_loop_stop(p->loop);
    if (p->tls == NULL) {
        client_take(p, data);
        return;
    }
    CHECK_EQ_INT(tls_session_feed(p->tls, data), 0);
    int r = tls_session_handshake(p->tls);
    while (r == 0) {
        struct span plain;
        r = tls_session_read(p->tls, &plain);
        if (r == 0) {
            client_take(p, plain);
        }
    }
    p->client_ends += r == CB_ECLOSED;
    client_flush(p);
}

static void client_end(void *arg)
{
    struct pair *p = arg;
    p->client_ends++;
    net_loop_stop(p->loop);
}

static void client_error(void *arg, int code)
{
    (void)code;
    client_end(arg);
}

static const struct net_conn_handler client_handler = {
    .on_data = client_data, .on_end = client_end, .on_error = client_error};

struct tls_world {
    struct tls_client *client;
    struct tls_roots *roots;
    struct link_serving *serving;
};

/* Made once, for all tests: a role keeps what it serves with until its end. */
static bool tls_world_ready(struct tls_world *t)
{
    static struct tls_world made;
    bool ready = made.serving != NULL;
    if (!ready) {
        made.client = tls_client_new();
        ready = world_ready() && CHECK_EQ_INT(tls_roots_new(buf_span(&world.ca_pem), &made.roots, NULL), 0) &&
                CHECK_EQ_INT(link_serving_new(buf_span(&world.pem), &made.serving, NULL), 0);
    }
    *t = made;
    return ready;
}

static bool open_pair(struct pair *p, const struct tls_world *t)
{
    int fds[2];
    *p = (struct pair){.loop = net_loop_new()};
    if (!CHECK(p->loop != NULL) || !net_test_pair(AF_INET, fds) ||
        !CHECK_EQ_INT(link_open(p->loop, fds[0], t != NULL ? t->serving : NULL, &link_handler, p, &p->link),
                      0) ||
        !CHECK_EQ_INT(net_conn_open(p->loop, fds[1], &client_handler, p, &p->conn), 0)) {
        return false;
    }
    link_read(p->link, true);
    net_conn_read(p->conn, true);
    if (t != NULL) {
        CHECK_EQ_INT(tls_session_new_client(t->client, t->roots, HOST, &p->tls), 0);
        CHECK_EQ_INT(tls_session_handshake(p->tls), CB_EAGAIN);
        client_flush(p);
    }
    return true;
}

static void client_say(struct pair *p, const char *text)
{
    if (p->tls == NULL) {
        CHECK_EQ_INT(net_conn_write(p->conn, span_str(text)), 0);
        return;
    }
    while (tls_session_handshake(p->tls) != 0) {
        net_test_run(p->loop);
    }
    CHECK_EQ_INT(tls_session_write(p->tls, span_str(text)), 0);
    client_flush(p);
}

static void close_pair(struct pair *p)
{
    link_close(p->link);
    net_conn_close(p->conn);
    tls_session_free(p->tls);
    net_loop_free(p->loop);
}

static void both_ways(const struct tls_world *t)
{
    struct pair p;
    if (!open_pair(&p, t)) {
        return;
    }
    if (t != NULL) {
        CHECK_EQ_INT(link_write(p.link, SPAN_LIT("too early")), CB_ESTATE);
    }
    client_say(&p, "a question");
    while (p.heard_len < 10) {
        net_test_run(p.loop);
    }
    CHECK(memcmp(p.heard, "a question", 10) == 0);
    CHECK_EQ_INT(link_write(p.link, SPAN_LIT("an answer")), 0);
    while (p.said_len < 9) {
        net_test_run(p.loop);
    }
    CHECK(memcmp(p.said, "an answer", 9) == 0);
    CHECK(!link_is_full(p.link));
    link_close_gently(p.link, 1000);
    p.link = NULL;
    while (p.client_ends == 0) {
        net_test_run(p.loop);
    }
    close_pair(&p);
}

TEST(bytes_go_both_ways_in_clear)
{
    both_ways(NULL);
}

TEST(bytes_go_both_ways_in_tls)
{
    struct tls_world t;
    if (tls_world_ready(&t)) {
        both_ways(&t);
    }
}

TEST(it_may_be_closed_inside_of_its_own_callback)
{
    struct tls_world t;
    if (!tls_world_ready(&t)) {
        return;
    }
    for (int in_tls = 0; in_tls < 2; in_tls++) {
        struct pair p;
        if (!open_pair(&p, in_tls ? &t : NULL)) {
            return;
        }
        p.close_on_data = true;
        client_say(&p, "x");
        while (p.client_ends == 0) {
            net_test_run(p.loop);
        }
        CHECK_EQ_INT(p.heard_len, 1);
        CHECK_EQ_INT(p.ends + p.errors, 0);
        close_pair(&p);
    }
}

TEST(the_clients_end_is_told_once)
{
    struct tls_world t;
    if (!tls_world_ready(&t)) {
        return;
    }
    for (int in_tls = 0; in_tls < 2; in_tls++) {
        struct pair p;
        if (!open_pair(&p, in_tls ? &t : NULL)) {
            return;
        }
        client_say(&p, "x");
        while (p.heard_len == 0) {
            net_test_run(p.loop);
        }
        if (in_tls) {
            tls_session_close(p.tls);
            client_flush(&p);
        }
        net_conn_shutdown(p.conn);
        while (p.ends == 0) {
            net_test_run(p.loop);
        }
        CHECK_EQ_INT(p.ends, 1);
        CHECK_EQ_INT(p.errors, 0);
        close_pair(&p);
    }
}

TEST(what_is_no_tls_reaches_nobody)
{
    static const char *const nonsense[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "\x16\x03\x01\x00\x02\x01\x00", "\x80\x2e\x01\x03\x01"};
    struct tls_world t;
    if (!tls_world_ready(&t)) {
        return;
    }
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        struct pair p;
        if (!open_pair(&p, &t)) {
            return;
        }
        buf_reset(tls_session_output(p.tls));
        tls_session_free(p.tls);
        p.tls = NULL;
        close_pair(&p); /* the client's first flight has gone already: begin again without one */

        int fds[2];
        p = (struct pair){.loop = net_loop_new()};
        if (!net_test_pair(AF_INET, fds) ||
            !CHECK_EQ_INT(link_open(p.loop, fds[0], t.serving, &link_handler, &p, &p.link), 0)) {
            return;
        }
        link_read(p.link, true);
        CHECK(write(fds[1], nonsense[i], i == 1 ? 7 : strlen(nonsense[i])) > 0);
        (void)shutdown(fds[1], SHUT_WR);
        while (p.errors + p.ends == 0) {
            net_test_run(p.loop);
        }
        CHECK_EQ_INT(p.heard_len, 0);
        (void)close(fds[1]);
        link_close(p.link);
        net_loop_free(p.loop);
    }
}

TEST(a_certificate_is_for_its_names)
{
    struct tls_world t;
    if (!tls_world_ready(&t)) {
        return;
    }
    CHECK(link_serves(t.serving, SPAN_LIT(HOST)));
    CHECK(link_serves(t.serving, SPAN_LIT("CONSOLE.example.com")));
    CHECK(!link_serves(t.serving, SPAN_LIT("x.console.example.com")));
    CHECK(!link_serves(t.serving, SPAN_LIT("example.com")));
    CHECK(!link_serves(t.serving, SPAN_LIT("console.example.com.")));
    CHECK(!link_serves(t.serving, SPAN_LIT("127.0.0.1")));
    CHECK(!link_serves(t.serving, SPAN_EMPTY));
    CHECK(!link_serves(t.serving, span_of("console.example.com\0.evil", 24)));
}

TEST(what_is_no_certificate_with_its_key_is_refused_with_words)
{
    struct link_serving *serving = NULL;
    const char *why = NULL;
    if (!world_ready()) {
        return;
    }
    CHECK_EQ_INT(link_serving_new(buf_span(&world.ca_pem), &serving, &why), CB_EINVAL);
    CHECK(why != NULL && strstr(why, "private key") != NULL);
    CHECK_EQ_INT(link_serving_new(SPAN_LIT("nothing"), &serving, &why), CB_EINVAL);
    CHECK(why != NULL && serving == NULL);
}

TEST_MAIN()

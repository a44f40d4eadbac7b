/*
 * bench_tls.c - how fast and how large TLS is here: ciphers, records, handshakes of either side, bytes per session.
 *
 *     bench_tls [seconds per line]
 *
 * One line per figure. The peer of a measured session is mbedTLS with a configuration of this file, which chooses version and
 * suite; only the measured side's time counts.
 */
#include "tls/seal.h"
#include "tls/session.h"

#include <malloc.h>
#include <mbedtls/cipher.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define HOST       "api.openai.com"
#define RECORD_LEN ((size_t)16384)
#define PAIRS      500

static double seconds = 1.0;

static double cpu_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_tls: %s\n", what);
        exit(1);
    }
}

static int random_bytes(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    secret_random(out, len);
    return 0;
}

/* ---- ciphers, by the calls that mbedTLS's record layer makes ---- */

static void bench_cipher(const char *name, mbedtls_cipher_type_t type, bool decrypt, size_t len)
{
    static unsigned char plain[RECORD_LEN + 16];
    static unsigned char text[RECORD_LEN + 16];
    static unsigned char again[RECORD_LEN + 16];
    unsigned char key[32] = {1};
    unsigned char nonce[12] = {2};
    unsigned char head[13] = {3};
    mbedtls_cipher_context_t ctx;
    const mbedtls_cipher_info_t *info = mbedtls_cipher_info_from_type(type);
    mbedtls_cipher_init(&ctx);
    must(info != NULL && mbedtls_cipher_setup(&ctx, info) == 0 &&
             mbedtls_cipher_setkey(&ctx, key, (int)mbedtls_cipher_info_get_key_bitlen(info),
                                   decrypt ? MBEDTLS_DECRYPT : MBEDTLS_ENCRYPT) == 0,
         name);
    size_t out = 0;
    must(mbedtls_cipher_auth_encrypt_ext(&ctx, nonce, 12, head, 13, plain, len, text, len + 16, &out, 16) ==
             0,
         "encryption");
    double start = cpu_now();
    double took = 0;
    size_t n = 0;
    while ((took = cpu_now() - start) < seconds) {
        for (int i = 0; i < 64; i++, n++) {
            int r = decrypt ? mbedtls_cipher_auth_decrypt_ext(&ctx, nonce, 12, head, 13, text, len + 16,
                                                              again, len + 16, &out, 16)
                            : mbedtls_cipher_auth_encrypt_ext(&ctx, nonce, 12, head, 13, plain, len, text,
                                                              len + 16, &out, 16);
            must(r == 0, "cipher");
        }
    }
    mbedtls_cipher_free(&ctx);
    printf("%-18s %s %6zu B   %7.3f GB/s  %8.0f ns/record\n", name, decrypt ? "open" : "seal", len,
           (double)n * (double)len / took / 1e9, took / (double)n * 1e9);
}

/* ---- public keys ---- */

static void bench_sign(void)
{
    struct tls_key *key = tls_key_new();
    struct secret *der = NULL;
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    must(key != NULL && tls_key_export(key, &der) == 0, "key");
    must(mbedtls_pk_parse_key(&pk, secret_span(der).ptr, secret_span(der).len, NULL, 0, random_bytes, NULL) ==
             0,
         "key");
    unsigned char hash[32] = {7};
    unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t len = 0;
    for (int verify = 0; verify < 2; verify++) {
        double start = cpu_now();
        double took = 0;
        size_t n = 0;
        for (; (took = cpu_now() - start) < seconds; n++) {
            must((verify != 0 ? mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, 32, signature, len)
                              : mbedtls_pk_sign(&pk, MBEDTLS_MD_SHA256, hash, 32, signature,
                                                sizeof(signature), &len, random_bytes, NULL)) == 0,
                 "signature");
        }
        printf("P-256 %-28s %9.0f /s\n", verify != 0 ? "verify" : "sign", (double)n / took);
    }
    mbedtls_pk_free(&pk);
    secret_free(der);
    tls_key_free(key);
}

/* ---- sessions ---- */

static struct {
    struct tls_key *ca_key;
    struct tls_key *leaf_key;
    struct buf ca_der;
    struct tls_leaf *leaf;
    struct tls_roots *roots;
    struct buf roots_pem;
    struct tls_server *server;
    struct tls_client *client;
} world;

static void world_make(void)
{
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;
    uint64_t until = 0;
    struct buf public_key;
    struct buf der;
    buf_init(&world.ca_der, TLS_CERT_DER_MAX);
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    buf_init(&der, TLS_CERT_DER_MAX);
    buf_init(&world.roots_pem, 65536);
    world.ca_key = tls_key_new();
    world.leaf_key = tls_key_new();
    must(world.ca_key != NULL && world.leaf_key != NULL &&
             tls_ca_create(world.ca_key, "bench", now_ms, &world.ca_der) == 0 &&
             tls_key_public(world.leaf_key, &public_key) == 0 &&
             tls_ca_issue(world.ca_key, buf_span(&world.ca_der), SPAN_LIT(HOST), buf_span(&public_key),
                          now_ms, 3600, &der, &until) == 0 &&
             tls_leaf_new(buf_span(&der), buf_span(&world.ca_der), world.leaf_key, &world.leaf) == 0 &&
             tls_cert_to_pem(buf_span(&world.ca_der), &world.roots_pem) == 0 &&
             tls_roots_new(buf_span(&world.roots_pem), &world.roots, NULL) == 0,
         "certificates");
    world.server = tls_server_new();
    world.client = tls_client_new();
    must(world.server != NULL && world.client != NULL, "sessions");
    buf_deinit(&public_key);
    buf_deinit(&der);
}

/* The other side: mbedTLS as this file configures it. */
struct peer {
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_session saved;
    int suites[2];
    bool has_saved;
    struct buf in;
    struct buf out;
};

static int peer_send(void *arg, const unsigned char *data, size_t len)
{
    struct peer *p = arg;
    return buf_append(&p->out, data, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

static int peer_recv(void *arg, unsigned char *to, size_t len)
{
    struct peer *p = arg;
    size_t have = buf_len(&p->in);
    if (have == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    len = have < len ? have : len;
    memcpy(to, buf_span(&p->in).ptr, len);
    buf_consume(&p->in, len);
    return (int)len;
}

static void peer_configure(struct peer *p, int suite, bool tls12)
{
    *p = (struct peer){.suites = {suite, 0}};
    mbedtls_ssl_config_init(&p->conf);
    mbedtls_ssl_session_init(&p->saved);
    must(mbedtls_ssl_config_defaults(&p->conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT) == 0,
         "configuration");
    mbedtls_ssl_conf_rng(&p->conf, random_bytes, NULL);
    mbedtls_ssl_conf_authmode(&p->conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_ciphersuites(&p->conf, p->suites);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &p->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    if (tls12) {
        mbedtls_ssl_conf_max_tls_version(&p->conf, MBEDTLS_SSL_VERSION_TLS1_2);
    }
}

static void peer_start(struct peer *p)
{
    buf_init(&p->in, (size_t)1 << 24);
    buf_init(&p->out, (size_t)1 << 24);
    mbedtls_ssl_init(&p->ssl);
    must(mbedtls_ssl_setup(&p->ssl, &p->conf) == 0 && mbedtls_ssl_set_hostname(&p->ssl, HOST) == 0, "setup");
    mbedtls_ssl_set_bio(&p->ssl, p, peer_send, peer_recv, NULL);
    if (p->has_saved) {
        must(mbedtls_ssl_set_session(&p->ssl, &p->saved) == 0, "saved session");
    }
}

static void peer_stop(struct peer *p)
{
    mbedtls_ssl_free(&p->ssl);
    buf_deinit(&p->in);
    buf_deinit(&p->out);
}

static void pour(struct buf *from, struct tls_session *to)
{
    must(tls_session_feed(to, buf_span(from)) == 0, "feed");
    buf_consume(from, buf_len(from));
}

/* A whole handshake with our server; the time of the server's part is added to *took. */
static struct tls_session *serve(struct peer *p, double *took)
{
    struct tls_session *s = NULL;
    double start = cpu_now();
    must(tls_session_new_server(world.server, world.leaf, &s) == 0, "server");
    *took += cpu_now() - start;
    int mine = CB_EAGAIN;
    int theirs = MBEDTLS_ERR_SSL_WANT_READ;
    while (mine != 0 || theirs != 0) {
        if (theirs != 0) {
            theirs = mbedtls_ssl_handshake(&p->ssl);
            must(theirs == 0 || theirs == MBEDTLS_ERR_SSL_WANT_READ, "peer's handshake");
        }
        start = cpu_now();
        pour(&p->out, s);
        if (mine != 0) {
            mine = tls_session_handshake(s);
            must(mine == 0 || mine == CB_EAGAIN, "server's handshake");
        }
        *took += cpu_now() - start;
        struct buf *out = tls_session_output(s);
        must(buf_append_span(&p->in, buf_span(out)) == 0, "memory");
        buf_consume(out, buf_len(out));
    }
    return s;
}

static void bench_server(const char *name, int suite, bool tls12, bool resume)
{
    struct peer p;
    peer_configure(&p, suite, tls12);
    if (resume) {
        double unused = 0;
        peer_start(&p);
        struct tls_session *s = serve(&p, &unused);
        unsigned char byte;
        for (int i = 0; i < 4; i++) {
            (void)mbedtls_ssl_read(&p.ssl, &byte, 1); /* TLS 1.3: takes the tickets */
        }
        p.has_saved = mbedtls_ssl_get_session(&p.ssl, &p.saved) == 0;
        must(p.has_saved, "ticket");
        tls_session_free(s);
        peer_stop(&p);
    }
    double took = 0;
    size_t n = 0;
    for (; took < seconds; n++) {
        peer_start(&p);
        struct tls_session *s = serve(&p, &took);
        double start = cpu_now();
        tls_session_free(s);
        took += cpu_now() - start;
        peer_stop(&p);
    }
    printf("server %-22s %-7s %9.0f handshakes/s  %7.0f us\n", name, resume ? "resumed" : "full",
           (double)n / took, took / (double)n * 1e6);
    mbedtls_ssl_session_free(&p.saved);
    mbedtls_ssl_config_free(&p.conf);
}

struct pair {
    struct tls_session *client;
    struct tls_session *server;
};

static void pair_carry(struct tls_session *from, struct tls_session *to)
{
    pour(tls_session_output(from), to);
}

static struct pair pair_open(double *client_took)
{
    struct pair pair = {0};
    must(tls_session_new_server(world.server, world.leaf, &pair.server) == 0, "server");
    double start = cpu_now();
    must(tls_session_new_client(world.client, world.roots, HOST, &pair.client) == 0, "client");
    int mine = CB_EAGAIN;
    int theirs = CB_EAGAIN;
    while (mine != 0 || theirs != 0) {
        if (mine != 0) {
            mine = tls_session_handshake(pair.client);
        }
        *client_took += cpu_now() - start;
        must(mine == 0 || mine == CB_EAGAIN, "client's handshake");
        pair_carry(pair.client, pair.server);
        if (theirs != 0) {
            theirs = tls_session_handshake(pair.server);
            must(theirs == 0 || theirs == CB_EAGAIN, "server's handshake");
        }
        start = cpu_now();
        pair_carry(pair.server, pair.client);
    }
    struct span plain;
    start = cpu_now();
    must(tls_session_read(pair.client, &plain) == CB_EAGAIN, "tickets");
    *client_took += cpu_now() - start;
    return pair;
}

static void bench_client(bool resume)
{
    double took = 0;
    size_t n = 0;
    for (; took < seconds; n++) {
        if (!resume) {
            tls_roots_free(world.roots); /* tickets hang on the roots */
            must(tls_roots_new(buf_span(&world.roots_pem), &world.roots, NULL) == 0, "roots");
        }
        struct pair pair = pair_open(&took);
        must(n == 0 || tls_session_is_resumed(pair.client) == resume, "resumption");
        double start = cpu_now();
        tls_session_free(pair.client);
        took += cpu_now() - start;
        tls_session_free(pair.server);
    }
    printf("client %-22s %-7s %9.0f handshakes/s  %7.0f us\n", "TLSv1.3", resume ? "resumed" : "full",
           (double)n / took, took / (double)n * 1e6);
}

static void bench_records(void)
{
    static uint8_t block[RECORD_LEN];
    double unused = 0;
    struct pair pair = pair_open(&unused);
    double start = cpu_now();
    double took = 0;
    size_t bytes = 0;
    while ((took = cpu_now() - start) < seconds) {
        for (int i = 0; i < 16; i++) {
            must(tls_session_write(pair.server, span_of(block, sizeof(block))) == 0, "write");
            pair_carry(pair.server, pair.client);
            struct span plain;
            while (tls_session_read(pair.client, &plain) == 0) {
                bytes += plain.len;
            }
        }
    }
    printf("records written and read, %-11s %9.3f GB/s\n", tls_session_version(pair.client),
           (double)bytes / took / 1e9);
    tls_session_free(pair.client);
    tls_session_free(pair.server);
}

static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    must(f != NULL && fscanf(f, "%*d %ld", &pages) == 1, "statm");
    (void)fclose(f);
    return pages * 4096;
}

/* What PAIRS idle pairs hold, after each has moved `len` bytes to its client. */
static void bench_memory(size_t len)
{
    static struct pair pairs[PAIRS];
    static uint8_t block[RECORD_LEN];
    double unused = 0;
    struct pair warm = pair_open(&unused);
    tls_session_free(warm.client);
    tls_session_free(warm.server);
    size_t before = mallinfo2().uordblks;
    long resident_before = resident();
    for (size_t i = 0; i < PAIRS; i++) {
        struct pair *p = &pairs[i];
        *p = pair_open(&unused);
        struct span plain;
        for (size_t done = 0; done < len; done += sizeof(block)) {
            must(tls_session_write(p->server, span_of(block, sizeof(block))) == 0, "write");
            pair_carry(p->server, p->client);
            while (tls_session_read(p->client, &plain) == 0) {
            }
        }
        must(tls_session_read(p->server, &plain) == CB_EAGAIN, "read");
        (void)tls_session_output(p->server);
        (void)tls_session_output(p->client);
    }
    printf("a client and a server after %6zu B: %6zu bytes allocated, %6ld resident\n", len,
           (mallinfo2().uordblks - before) / PAIRS, (resident() - resident_before) / PAIRS);
    for (size_t i = 0; i < PAIRS; i++) {
        tls_session_free(pairs[i].client);
        tls_session_free(pairs[i].server);
    }
    (void)malloc_trim(0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        seconds = strtod(argv[1], NULL);
    }
    must(tls_init() == 0, "tls_init");
    for (int decrypt = 0; decrypt < 2; decrypt++) {
        for (size_t len = 256; len <= RECORD_LEN; len *= 64) {
            bench_cipher("AES-128-GCM", MBEDTLS_CIPHER_AES_128_GCM, decrypt != 0, len);
            bench_cipher("AES-256-GCM", MBEDTLS_CIPHER_AES_256_GCM, decrypt != 0, len);
            bench_cipher("ChaCha20-Poly1305", MBEDTLS_CIPHER_CHACHA20_POLY1305, decrypt != 0, len);
        }
    }
    bench_sign();
    world_make();
    bench_server("TLSv1.3 AES-256-GCM", MBEDTLS_TLS1_3_AES_256_GCM_SHA384, false, false);
    bench_server("TLSv1.3 AES-256-GCM", MBEDTLS_TLS1_3_AES_256_GCM_SHA384, false, true);
    bench_server("TLSv1.2 AES-256-GCM", MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true, false);
    bench_client(false);
    bench_client(true);
    bench_records();
    bench_memory(0);
    bench_memory(4 * RECORD_LEN);
    return 0;
}

/* test_identity.c - a client's own certificate: what is taken for one, and that a server that asks for it gets it. */
#include <stdlib.h>
#include <time.h>

#include "support/check.h"
#include "tls/internal.h"
#include "tls/seal.h"
#include "tls/session.h"

#define HOST "api.example.com"

/* A CA, a server's key, and a client's certificate with its key, made once. */
static struct {
    struct tls_key *ca_key;
    struct tls_key *server_key;
    struct tls_key *client_key;
    struct buf ca_der;
    struct buf ca_pem;
    struct buf client_pem;
    struct buf key_pem;
} world;

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000;
}

/* A certificate for clients, which says no purpose. */
static bool make_client(struct buf *pem)
{
    static const uint8_t serial[] = {7};
    mbedtls_x509write_cert w;
    uint8_t der[2048];
    mbedtls_x509write_crt_init(&w);
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, &world.client_key->pk);
    mbedtls_x509write_crt_set_issuer_key(&w, &world.ca_key->pk);
    int len = -1;
    if (mbedtls_x509write_crt_set_serial_raw(&w, (unsigned char *)(uintptr_t)serial, sizeof(serial)) == 0 &&
        mbedtls_x509write_crt_set_validity(&w, "20200101000000", "20400101000000") == 0 &&
        mbedtls_x509write_crt_set_issuer_name(&w, "O=clawbox,CN=clawbox CA for test") == 0 &&
        mbedtls_x509write_crt_set_subject_name(&w, "CN=the client") == 0) {
        len = mbedtls_x509write_crt_der(&w, der, sizeof(der), tls_random, NULL);
    }
    mbedtls_x509write_crt_free(&w);
    return CHECK(len > 0) &&
           CHECK_EQ_INT(tls_cert_to_pem(span_of(der + sizeof(der) - len, (size_t)len), pem), 0);
}

static bool world_ready(void)
{
    if (world.ca_key != NULL) {
        return true;
    }
    unsigned char key[2048];
    CHECK_EQ_INT(tls_init(), 0);
    world.ca_key = tls_key_new();
    world.server_key = tls_key_new();
    world.client_key = tls_key_new();
    struct buf *bufs[] = {&world.ca_der, &world.ca_pem, &world.client_pem, &world.key_pem};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        buf_init(bufs[i], 65536);
    }
    return CHECK(world.ca_key != NULL && world.server_key != NULL && world.client_key != NULL) &&
           CHECK_EQ_INT(tls_ca_create(world.ca_key, "test", now_ms(), &world.ca_der), 0) &&
           CHECK_EQ_INT(tls_cert_to_pem(buf_span(&world.ca_der), &world.ca_pem), 0) &&
           make_client(&world.client_pem) &&
           CHECK_EQ_INT(mbedtls_pk_write_key_pem(&world.client_key->pk, key, sizeof(key)), 0) &&
           CHECK_EQ_INT(buf_append_str(&world.key_pem, (const char *)key), 0);
}

/* ---- what is taken for one ---- */

/* NULL when the pieces, one behind the other, are an identity; else why not. */
static const char *wrong_with(const struct span *pieces, size_t count)
{
    struct buf pem;
    struct tls_identity *identity = NULL;
    const char *why = "not set";
    buf_init(&pem, 65536);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ_INT(buf_append_span(&pem, pieces[i]), 0);
    }
    int r = tls_identity_new(buf_span(&pem), &identity, &why);
    CHECK((r == 0) == (why == NULL) && (r == 0) == (identity != NULL));
    tls_identity_free(identity);
    buf_deinit(&pem);
    return why;
}

TEST(pem)
{
    if (!world_ready()) {
        return;
    }
    struct span crt = buf_span(&world.client_pem);
    struct span ca = buf_span(&world.ca_pem);
    struct span key = buf_span(&world.key_pem);
    CHECK(wrong_with((struct span[]){crt, key}, 2) == NULL);
    CHECK(wrong_with((struct span[]){key, crt, ca}, 3) == NULL);
    CHECK(wrong_with((struct span[]){crt, ca, key}, 3) == NULL);
    CHECK_EQ_STR(wrong_with((struct span[]){ca, crt, key}, 3),
                 "the private key is not that of the first certificate");
    CHECK_EQ_STR(wrong_with((struct span[]){ca, key}, 2),
                 "the private key is not that of the first certificate");
    CHECK_EQ_STR(wrong_with((struct span[]){key}, 1), "it has no certificate in PEM form");
    CHECK_EQ_STR(wrong_with((struct span[]){crt}, 1), "it has no private key in PEM form");
    CHECK_EQ_STR(wrong_with(NULL, 0), "it has no certificate in PEM form");
    CHECK_EQ_STR(wrong_with((struct span[]){SPAN_LIT("sk-not-a-certificate")}, 1),
                 "it has no certificate in PEM form");
    CHECK_EQ_STR(wrong_with((struct span[]){crt, SPAN_LIT("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                                                          "-----END PRIVATE KEY-----\n")},
                            2),
                 "the private key cannot be read");
    CHECK_EQ_STR(wrong_with((struct span[]){crt, SPAN_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                                                          "-----END ENCRYPTED PRIVATE KEY-----\n")},
                            2),
                 "the private key is encrypted: write it without a passphrase");
    CHECK_EQ_STR(wrong_with((struct span[]){crt,
                                            SPAN_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                                     "-----END CERTIFICATE-----\n"),
                                            key},
                            3),
                 "one of the certificates cannot be read");
    CHECK_EQ_STR(wrong_with((struct span[]){SPAN_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                                     "-----END CERTIFICATE-----\n"),
                                            key},
                            2),
                 "the certificate cannot be read");
}

/* ---- shown to a server ---- */

struct server {
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt chain;
    mbedtls_x509_crt ca;
    struct tls_session *client;
    struct buf out;
};

static int on_server_send(void *arg, const unsigned char *data, size_t len)
{
    struct server *s = arg;
    return buf_append(&s->out, data, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

static int on_server_recv(void *arg, unsigned char *to, size_t len)
{
    struct server *s = arg;
    struct buf *from = tls_session_output(s->client);
    size_t take = buf_len(from) < len ? buf_len(from) : len;
    if (take == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    memcpy(to, buf_span(from).ptr, take);
    buf_consume(from, take);
    return (int)take;
}

static bool server_ready(struct server *s, int version)
{
    struct buf public_key;
    struct buf der;
    uint64_t until;
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    buf_init(&der, TLS_CERT_DER_MAX);
    bool ok =
        CHECK_EQ_INT(tls_key_public(world.server_key, &public_key), 0) &&
        CHECK_EQ_INT(tls_ca_issue(world.ca_key, buf_span(&world.ca_der), span_str(HOST),
                                  buf_span(&public_key), now_ms(), 3600, &der, &until),
                     0) &&
        CHECK_EQ_INT(mbedtls_x509_crt_parse_der(&s->chain, buf_span(&der).ptr, buf_len(&der)), 0) &&
        CHECK_EQ_INT(mbedtls_x509_crt_parse_der(&s->ca, buf_span(&world.ca_der).ptr, buf_len(&world.ca_der)),
                     0) &&
        CHECK_EQ_INT(mbedtls_ssl_config_defaults(&s->conf, MBEDTLS_SSL_IS_SERVER,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    buf_deinit(&public_key);
    buf_deinit(&der);
    if (!ok) {
        return false;
    }
    mbedtls_ssl_conf_rng(&s->conf, tls_random, NULL);
    mbedtls_ssl_conf_authmode(&s->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&s->conf, &s->ca, NULL);
    mbedtls_ssl_conf_max_tls_version(&s->conf, (mbedtls_ssl_protocol_version)version);
    return CHECK_EQ_INT(mbedtls_ssl_conf_own_cert(&s->conf, &s->chain, &world.server_key->pk), 0) &&
           CHECK_EQ_INT(mbedtls_ssl_setup(&s->ssl, &s->conf), 0);
}

/* Both in turns. What the server says in the end. */
static int shake_hands(struct server *s)
{
    int r = MBEDTLS_ERR_SSL_WANT_READ;
    for (int round = 0; round < 20 && r == MBEDTLS_ERR_SSL_WANT_READ; round++) {
        int client = tls_session_handshake(s->client);
        CHECK(client == 0 || client == CB_EAGAIN || client == CB_ETLS);
        r = mbedtls_ssl_handshake(&s->ssl);
        CHECK_EQ_INT(tls_session_feed(s->client, buf_span(&s->out)), 0);
        buf_consume(&s->out, buf_len(&s->out));
    }
    return r;
}

/* What a server that requires a certificate says to a client with or without one. */
static int server_result(bool identify, int version, char subject[64])
{
    struct server s = {.client = NULL};
    struct tls_client *client = tls_client_new();
    struct tls_roots *roots = NULL;
    struct buf pem;
    int r = -1;
    buf_init(&s.out, (size_t)1024 * 1024);
    buf_init(&pem, 65536);
    mbedtls_ssl_config_init(&s.conf);
    mbedtls_ssl_init(&s.ssl);
    mbedtls_x509_crt_init(&s.chain);
    mbedtls_x509_crt_init(&s.ca);
    subject[0] = '\0';
    if (!server_ready(&s, version) ||
        !CHECK_EQ_INT(tls_roots_new(buf_span(&world.ca_pem), &roots, NULL), 0)) {
        goto out;
    }
    if (identify) {
        struct tls_identity *identity = NULL;
        if (!CHECK_EQ_INT(buf_append_span(&pem, buf_span(&world.client_pem)), 0) ||
            !CHECK_EQ_INT(buf_append_span(&pem, buf_span(&world.key_pem)), 0) ||
            !CHECK_EQ_INT(tls_identity_new(buf_span(&pem), &identity, NULL), 0)) {
            goto out;
        }
        tls_roots_identify(roots, identity);
    }
    if (CHECK_EQ_INT(tls_session_new_client(client, roots, HOST, &s.client), 0)) {
        mbedtls_ssl_set_bio(&s.ssl, &s, on_server_send, on_server_recv, NULL);
        r = shake_hands(&s);
        const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&s.ssl);
        if (peer != NULL) {
            CHECK(mbedtls_x509_dn_gets(subject, 64, &peer->subject) > 0);
        }
    }
out:
    tls_session_free(s.client);
    tls_client_free(client);
    tls_roots_free(roots);
    mbedtls_ssl_free(&s.ssl);
    mbedtls_ssl_config_free(&s.conf);
    mbedtls_x509_crt_free(&s.chain);
    mbedtls_x509_crt_free(&s.ca);
    buf_deinit(&s.out);
    buf_deinit(&pem);
    return r;
}

TEST(shown_to_a_server_that_asks)
{
    static const int versions[] = {MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3};
    char subject[64];
    if (!world_ready()) {
        return;
    }
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        CHECK_EQ_INT(server_result(true, versions[i], subject), 0);
        CHECK_EQ_STR(subject, "CN=the client");
        CHECK(server_result(false, versions[i], subject) != 0);
        CHECK_EQ_STR(subject, "");
    }
}

TEST_MAIN()

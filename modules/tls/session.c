/* session.c - TLS over memory, by mbedTLS. */
#include "tls/session.h"

#include "tls/internal.h"

#include <mbedtls/error.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl_ticket.h>
#include <stdio.h>
#include <stdlib.h>

#define SESSION_PENDING_MAX ((size_t)1024 * 1024)
#define SESSION_OUT_MAX     ((size_t)64 * 1024 * 1024)
#define SESSION_KEEP        ((size_t)8 * 1024) /* buffers larger than this are given back when they are empty */
#define SESSION_TICKET_S    3600 /* lifetime of a ticket, and of the key that encrypts tickets */
#define SESSION_SHORT       2000 /* a record up to here is not worth giving its pages back */
#define SESSION_PLAIN_MAX   MBEDTLS_SSL_IN_CONTENT_LEN

struct tls_server {
    mbedtls_ssl_config conf;
    mbedtls_ssl_ticket_context tickets;
};

struct tls_client {
    int unused; /* what clients share hangs on the roots that they trust */
};

struct tls_session {
    mbedtls_ssl_context ssl;
    bool is_server;
    bool established;
    bool failed;
    bool sent_close;
    bool spread;  /* a long message has filled pages of mbedTLS's input buffer since they were given back */
    size_t burst; /* bytes read since there was nothing to read */
    bool offered; /* client: a ticket, which `trust` stands behind */
    bool resumed;
    struct tls_leaf *leaf;   /* server */
    struct tls_roots *roots; /* client */
    struct tls_trust trust;
    struct tls_verify verify; /* client */
    struct buf in;
    struct buf out;
    char name[TLS_HOST_MAX]; /* client: whom we want; server: whom the client wants */
    char why[TLS_WHY_MAX];
};

/* Decrypted bytes of the session that was read last. A process handles one piece at a time. */
static unsigned char session_plain[SESSION_PLAIN_MAX];

static const int session_suites[] = {
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    0,
};

static const uint16_t session_groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

static const char *session_alpn[] = {"http/1.1", NULL};

static int configure(mbedtls_ssl_config *conf, int endpoint)
{
    mbedtls_ssl_config_init(conf);
    if (mbedtls_ssl_config_defaults(conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        return CB_ECRYPTO;
    }
    mbedtls_ssl_conf_rng(conf, tls_random, NULL);
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_ciphersuites(conf, session_suites);
    mbedtls_ssl_conf_groups(conf, session_groups);
    return mbedtls_ssl_conf_alpn_protocols(conf, session_alpn) == 0 ? 0 : CB_ECRYPTO;
}

/* ---- shared configurations ---- */

/* Called when the ClientHello has been read: notes the server name and gives the leaf. */
static int on_client_hello(mbedtls_ssl_context *ssl)
{
    struct tls_session *s = mbedtls_ssl_get_user_data_p(ssl);
    size_t len = 0;
    const unsigned char *name = mbedtls_ssl_get_hs_sni(ssl, &len);
    if (name != NULL) {
        /* No host has such a name, and shortened it would be another one's. */
        if (len >= sizeof(s->name) || memchr(name, 0, len) != NULL) {
            return MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER;
        }
        memcpy(s->name, name, len);
        s->name[len] = '\0';
    }
    return mbedtls_ssl_set_hs_own_cert(ssl, tls_leaf_chain(s->leaf), tls_leaf_key(s->leaf));
}

/* Tickets of TLS 1.2 would give up forward secrecy for as long as their key lives. An empty ticket is none. */
static int on_ticket_write(void *tickets, const mbedtls_ssl_session *session, unsigned char *start,
                           const unsigned char *end, size_t *len, uint32_t *lifetime_s)
{
    if (session->MBEDTLS_PRIVATE(tls_version) != MBEDTLS_SSL_VERSION_TLS1_3) {
        return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
    }
    return mbedtls_ssl_ticket_write(tickets, session, start, end, len, lifetime_s);
}

struct tls_server *tls_server_new(void)
{
    struct tls_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    mbedtls_ssl_ticket_init(&server->tickets);
    if (configure(&server->conf, MBEDTLS_SSL_IS_SERVER) != 0 ||
        mbedtls_ssl_ticket_setup(&server->tickets, tls_random, NULL, MBEDTLS_CIPHER_AES_256_GCM,
                                 SESSION_TICKET_S) != 0) {
        tls_server_free(server);
        return NULL;
    }
    mbedtls_ssl_conf_authmode(&server->conf, MBEDTLS_SSL_VERIFY_NONE); /* agents have no certificates */
    mbedtls_ssl_conf_cert_cb(&server->conf, on_client_hello);
    mbedtls_ssl_conf_session_tickets_cb(&server->conf, on_ticket_write, mbedtls_ssl_ticket_parse,
                                        &server->tickets);
    return server;
}

void tls_server_free(struct tls_server *server)
{
    if (server != NULL) {
        mbedtls_ssl_config_free(&server->conf);
        mbedtls_ssl_ticket_free(&server->tickets);
        free(server);
    }
}

struct tls_client *tls_client_new(void)
{
    return calloc(1, sizeof(struct tls_client));
}

void tls_client_free(struct tls_client *client)
{
    free(client);
}

static int roots_configure(struct tls_roots *roots)
{
    if (roots->conf_ready) {
        return 0;
    }
    int r = configure(&roots->conf, MBEDTLS_SSL_IS_CLIENT);
    if (r != 0) {
        mbedtls_ssl_config_free(&roots->conf);
        return r;
    }
    mbedtls_ssl_conf_authmode(&roots->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_cb(&roots->conf, tls_roots_find, roots);
    if (roots->identity != NULL &&
        mbedtls_ssl_conf_own_cert(&roots->conf, &roots->identity->chain, &roots->identity->key) != 0) {
        mbedtls_ssl_config_free(&roots->conf);
        return CB_ENOMEM;
    }
    mbedtls_ssl_conf_session_tickets(&roots->conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED); /* of TLS 1.2 */
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &roots->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    roots->conf_ready = true;
    return 0;
}

/* ---- memory on both sides ---- */

static void shrink(struct buf *b)
{
    if (buf_len(b) == 0 && b->capacity > SESSION_KEEP) {
        buf_deinit(b);
    }
}

static int on_send(void *arg, const unsigned char *data, size_t len)
{
    struct tls_session *s = arg;
    return buf_append(&s->out, data, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

static int on_recv(void *arg, unsigned char *to, size_t len)
{
    struct tls_session *s = arg;
    struct span have = buf_span(&s->in);
    if (have.len == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t take = have.len < len ? have.len : len;
    memcpy(to, have.ptr, take);
    buf_consume(&s->in, take);
    shrink(&s->in);
    return (int)take;
}

static int session_new(const mbedtls_ssl_config *conf, struct tls_session **out)
{
    struct tls_session *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return CB_ENOMEM;
    }
    buf_init(&s->in, SESSION_PENDING_MAX);
    buf_init(&s->out, SESSION_OUT_MAX);
    mbedtls_ssl_init(&s->ssl);
    if (mbedtls_ssl_setup(&s->ssl, conf) != 0) {
        tls_session_free(s);
        return CB_ENOMEM;
    }
    mbedtls_ssl_set_user_data_p(&s->ssl, s);
    mbedtls_ssl_set_bio(&s->ssl, s, on_send, on_recv, NULL);
    *out = s;
    return 0;
}

int tls_session_new_server(struct tls_server *server, struct tls_leaf *leaf, struct tls_session **out)
{
    int r = session_new(&server->conf, out);
    if (r == 0) {
        (*out)->is_server = true;
        (*out)->leaf = tls_leaf_ref(leaf);
    }
    return r;
}

int tls_session_new_client(struct tls_client *client, const struct tls_roots *roots, const char *host,
                           struct tls_session **out)
{
    (void)client;
    if (strlen(host) >= sizeof((*out)->name)) {
        return CB_ELIMIT;
    }
    /* The configuration that belongs to the roots is made on first use; nothing else of them changes. */
    struct tls_roots *own = (struct tls_roots *)(uintptr_t)roots;
    struct tls_session *s = NULL;
    int r = roots_configure(own);
    if (r == 0) {
        r = session_new(&own->conf, &s);
    }
    if (r != 0) {
        return r;
    }
    (void)snprintf(s->name, sizeof(s->name), "%s", host);
    s->roots = own;
    tls_verify_begin(&s->verify, s->name, own);
    mbedtls_ssl_set_verify(&s->ssl, tls_verify_more, &s->verify);
    /* RFC 6066, 3: no server name for addresses; on_verify() compares them with the certificate all the same. */
    bool is_address = strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host);
    if (mbedtls_ssl_set_hostname(&s->ssl, is_address ? NULL : host) != 0) {
        tls_session_free(s);
        return CB_ENOMEM;
    }
    s->offered = tls_tickets_offer(own->tickets, host, &s->ssl, &s->trust);
    *out = s;
    return 0;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL) {
        return;
    }
    mbedtls_ssl_free(&s->ssl);
    tls_leaf_unref(s->leaf);
    buf_deinit(&s->in);
    buf_deinit(&s->out);
    free(s);
}

struct span tls_session_sni(const struct tls_session *s)
{
    return span_str(s->is_server ? s->name : "");
}

/* ---- the work ---- */

int tls_session_feed(struct tls_session *s, struct span ciphertext)
{
    return buf_append_span(&s->in, ciphertext);
}

/* Keeps what mbedTLS says about a failure, for logs. */
static int session_fail(struct tls_session *s, int code)
{
    s->failed = true;
    if (s->offered && !s->established) {
        tls_tickets_forget(s->roots->tickets, s->name); /* the next attempt shall be a full one */
    }
    uint32_t flags = mbedtls_ssl_get_verify_result(&s->ssl);
    if (!s->is_server && !s->established && flags != 0 && flags != UINT32_MAX) {
        (void)snprintf(s->why, sizeof(s->why), "%s",
                       s->verify.why[0] != '\0' ? s->verify.why : "certificate: not accepted");
        return CB_ECERT;
    }
    mbedtls_strerror(code, s->why, sizeof(s->why));
    return CB_ETLS;
}

/*
 * A client's handshake is over. The server's certificates were verified just now, or it knows the key of a ticket that we
 * offered, which stands for an earlier verification; a third way there is not. The certificates are given back: they
 * are the larger part of an idle session's memory, and nobody looks at them again.
 */
static int on_server_known(struct tls_session *s)
{
    mbedtls_ssl_session *session = s->ssl.MBEDTLS_PRIVATE(session);
    mbedtls_x509_crt *peer = session->MBEDTLS_PRIVATE(peer_cert);
    if (peer == NULL) {
        s->resumed = s->offered;
        return s->resumed ? 0 : CB_ECERT;
    }
    s->trust = (struct tls_trust){.verified_s = tls_trust_now_s(), .valid_to = peer->valid_to};
    mbedtls_x509_crt_free(peer);
    mbedtls_free(peer);
    session->MBEDTLS_PRIVATE(peer_cert) = NULL;
    return 0;
}

int tls_session_handshake(struct tls_session *s)
{
    if (s->established) {
        return 0;
    }
    if (s->failed) {
        return CB_ETLS;
    }
    int r = mbedtls_ssl_handshake(&s->ssl);
    if (r == 0 && !s->is_server && on_server_known(s) != 0) {
        return session_fail(s, MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE);
    }
    if (r == 0) {
        s->established = true;
        s->spread = true;
        return 0;
    }
    return r == MBEDTLS_ERR_SSL_WANT_READ ? CB_EAGAIN : session_fail(s, r);
}

/* All is read. After a full record more of them are likely, so only what comes after less is taken for a pause. */
static void on_idle(struct tls_session *s)
{
    if (s->spread && s->burst < SESSION_PLAIN_MAX) {
        s->spread = false;
        tls_idle_release(&s->ssl);
    }
    s->burst = 0;
}

int tls_session_read(struct tls_session *s, struct span *plain)
{
    if (s->failed || !s->established) {
        return s->failed ? CB_ETLS : CB_EAGAIN;
    }
    for (;;) {
        int r = mbedtls_ssl_read(&s->ssl, session_plain, sizeof(session_plain));
        if (r > 0) {
            s->spread = s->spread || r > SESSION_SHORT;
            s->burst += (size_t)r;
            *plain = span_of(session_plain, (size_t)r);
            return 0;
        }
        switch (r) {
        case MBEDTLS_ERR_SSL_WANT_READ:
            /* mbedTLS says so after every message that is no data, whatever came behind it. */
            if (buf_len(&s->in) != 0 || mbedtls_ssl_check_pending(&s->ssl) != 0) {
                continue;
            }
            on_idle(s);
            return CB_EAGAIN;
        case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:
            tls_tickets_keep(&s->roots->tickets, s->name, &s->ssl, &s->trust);
            continue;
        case 0:
        case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
            return CB_ECLOSED;
        default:
            return session_fail(s, r);
        }
    }
}

int tls_session_write(struct tls_session *s, struct span plain)
{
    if (s->failed || !s->established || s->sent_close) {
        return CB_ETLS;
    }
    while (plain.len != 0) {
        int r = mbedtls_ssl_write(&s->ssl, plain.ptr, plain.len);
        if (r <= 0) {
            return session_fail(s, r);
        }
        plain = span_sub(plain, (size_t)r, SIZE_MAX);
    }
    return 0;
}

void tls_session_close(struct tls_session *s)
{
    if (s->established && !s->failed && !s->sent_close) {
        s->sent_close = true;
        if (mbedtls_ssl_close_notify(&s->ssl) != 0) {
            s->failed = true;
        }
    }
}

struct buf *tls_session_output(struct tls_session *s)
{
    shrink(&s->out);
    return &s->out;
}

size_t tls_session_pending(const struct tls_session *s)
{
    return buf_len(&s->in);
}

bool tls_session_is_resumed(const struct tls_session *s)
{
    return s->resumed;
}

const char *tls_session_why(const struct tls_session *s)
{
    return s->why;
}

const char *tls_session_version(const struct tls_session *s)
{
    return s->established ? mbedtls_ssl_get_version(&s->ssl) : "";
}

/*
 * session.h - one TLS connection, as a machine between memory and memory: no sockets.
 *
 * The caller feeds ciphertext that arrived and takes ciphertext that is to be sent from the output buffer:
 *
 *     tls_session_feed(s, bytes)                 ciphertext in (copied while it cannot be used yet)
 *     tls_session_handshake(s)                   until 0; CB_EAGAIN: send the output, feed more
 *     tls_session_read(s, &plain)                plaintext out, CB_EAGAIN, CB_ECLOSED after close_notify
 *     tls_session_write(s, plain)                plaintext in; ciphertext goes to the output
 *     tls_session_output(s)                      a buf: send its content, then buf_consume()
 *
 * TLS 1.2 and 1.3, AEAD suites with forward secrecy only, no renegotiation, no compression, no early data. Sessions of
 * TLS 1.3 are resumed by tickets (with a fresh key exchange), on both sides; a server's tickets end with its process.
 */
#ifndef CB_TLS_SESSION_H
#define CB_TLS_SESSION_H

#include "base/buf.h"
#include "tls/cert.h"

struct tls_session;

/* What connections share: configuration, random generator state, session tickets. One per role and purpose. */
struct tls_server;
struct tls_client;

/* For gate. ALPN: http/1.1 only (a client that offers only others is refused by TLS). NULL when out of memory. */
struct tls_server *tls_server_new(void);
void tls_server_free(struct tls_server *server);
/* A connection that presents `leaf` with the server's key (both borrowed until the session is freed: sessions hold a
 * reference on the leaf). */
CB_MUST_USE int tls_session_new_server(struct tls_server *server, struct tls_leaf *leaf,
                                       struct tls_session **out);
/* Server name that the client sent, empty when none; valid after the handshake. Only as text: the caller compares. */
struct span tls_session_sni(const struct tls_session *s);

/* For egress. */
struct tls_client *tls_client_new(void);
void tls_client_free(struct tls_client *client);
/* A connection to `host` (canonical name, or an address literal without brackets, checked against iPAddress names) that trusts `roots` (borrowed,
 * must outlive the session). ALPN http/1.1. */
CB_MUST_USE int tls_session_new_client(struct tls_client *client, const struct tls_roots *roots,
                                       const char *host, struct tls_session **out);

void tls_session_free(struct tls_session *s);

CB_MUST_USE int tls_session_feed(struct tls_session *s, struct span ciphertext);
/* 0 when done (stays 0), CB_EAGAIN, CB_ECERT (client: the peer's certificate; see tls_session_why), CB_ETLS. An alert
 * for the peer is in the output then: send it before closing. */
CB_MUST_USE int tls_session_handshake(struct tls_session *s);
/*
 * Decrypts the next bytes. *plain is a span into memory of the session, valid until the next call on it. 0, CB_EAGAIN,
 * CB_ECLOSED (close_notify received), CB_ETLS.
 */
CB_MUST_USE int tls_session_read(struct tls_session *s, struct span *plain);
/* Encrypts all of `plain` into the output. 0, CB_ETLS, CB_ENOMEM. The caller bounds what it lets pile up. */
CB_MUST_USE int tls_session_write(struct tls_session *s, struct span plain);
/* Puts a close_notify into the output; further writes fail. */
void tls_session_close(struct tls_session *s);
struct buf *tls_session_output(struct tls_session *s);
/* Ciphertext that was fed and not used yet: lets a caller stop reading its socket. */
size_t tls_session_pending(const struct tls_session *s);
/* Client: true when the server was believed for a ticket of an earlier session with the same roots and host. */
bool tls_session_is_resumed(const struct tls_session *s);
/* For logs and the audit: what failed ("certificate expired"), or the protocol version once established. Static or session storage. */
const char *tls_session_why(const struct tls_session *s);
const char *tls_session_version(const struct tls_session *s);

#endif

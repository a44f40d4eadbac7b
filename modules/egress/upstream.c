/* upstream.c - one connection to a provider: dialling a checked address, TLS, HTTP answers. */
#include "base/log.h"
#include "egress/state.h"
#include "net/conn.h"
#include "policy/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UPSTREAM_PLAIN_MAX ((size_t)16 * 1024 * 1024)

static void upstream_release(struct upstream *u)
{
    net_task_cancel(&u->flush);
    net_conn_close(u->conn);
    tls_session_free(u->tls);
    http_parser_free(u->parser);
    http_parser_free(u->tunnel);
    buf_deinit(&u->plain_out);
    config_unref(u->config);
    free(u->host);
    free(u->address);
    free(u);
}

static void upstream_leave(struct upstream *u)
{
    if (--u->depth == 0 && u->freed) {
        upstream_release(u);
    }
}

/* Says what stands behind the failure that follows. */
static void CB_PRINTF(2, 3) upstream_say(struct upstream *u, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(u->detail, sizeof(u->detail), fmt, args);
    va_end(args);
}

/* Reports a failure once. The caller has entered. */
static void upstream_fail(struct upstream *u, enum policy_reason reason)
{
    if (u->failed || u->freed) {
        return;
    }
    u->failed = true;
    u->keep_alive = false;
    bool stale = u->served && u->answering && !u->got_bytes;
    u->handler->on_fail(u->arg, reason, stale);
}

static void upstream_flush(struct upstream *u)
{
    struct buf *out = u->tls != NULL ? tls_session_output(u->tls) : &u->plain_out;
    if (u->conn == NULL || u->failed || buf_len(out) == 0) {
        return;
    }
    int r = net_conn_write(u->conn, buf_span(out));
    buf_consume(out, buf_len(out));
    if (r != 0) {
        /* What the provider said before it went may still be unread, so its end is left to the reading side. */
        log_debug_r(r, "writing to %s", u->peer);
    }
}

static void upstream_flush_task(void *arg)
{
    struct upstream *u = arg;
    u->depth++;
    upstream_flush(u);
    upstream_leave(u);
}

/* ---- the answer ---- */

static void upstream_end(struct upstream *u)
{
    u->answering = false;
    u->served = true;
    u->handler->on_end(u->arg);
}

static void upstream_event(struct upstream *u, const struct http_event *event)
{
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        u->keep_alive = event->head->keep_alive && event->head->framing != HTTP_FRAMING_CLOSE;
        u->handler->on_head(u->arg, event->head, false);
        break;
    case HTTP_EVENT_INTERIM:
        u->handler->on_head(u->arg, event->head, true);
        break;
    case HTTP_EVENT_BODY:
        u->handler->on_body(u->arg, event->body);
        break;
    case HTTP_EVENT_END:
        upstream_end(u);
        break;
    }
}

/* Parses bytes of an answer. A byte without a request is a protocol violation (or a smuggled answer). */
static void upstream_parse(struct upstream *u, struct span bytes)
{
    while (bytes.len != 0 && !u->failed && !u->freed) {
        if (!u->answering) {
            upstream_say(u, "bytes that no request asked for");
            upstream_fail(u, POLICY_REASON_UPSTREAM_RESPONSE);
            return;
        }
        if (u->raw) {
            u->handler->on_body(u->arg, bytes);
            return;
        }
        u->got_bytes = true; /* an answer that is broken is no reason to ask again */
        struct http_event event;
        int r = http_parser_next(u->parser, &bytes, &event);
        if (r == CB_EAGAIN) {
            return;
        }
        if (r != 0) {
            log_debug("%s answers with malformed HTTP: %s", u->peer, http_parser_why(u->parser));
            upstream_say(u, "malformed HTTP: %s", http_parser_why(u->parser));
            upstream_fail(u, POLICY_REASON_UPSTREAM_RESPONSE);
            return;
        }
        upstream_event(u, &event);
        /* An event of no bytes (END after the last body byte) may still wait inside the parser. */
    }
}

/* Asks for an event that needs no more bytes: the END of a body whose last byte was just read. */
static void upstream_parse_rest(struct upstream *u)
{
    while (u->answering && !u->raw && !u->failed && !u->freed) {
        struct span none = SPAN_EMPTY;
        struct http_event event;
        if (http_parser_next(u->parser, &none, &event) != 0) {
            return;
        }
        upstream_event(u, &event);
    }
}

static void upstream_ended(struct upstream *u)
{
    if (u->raw) {
        upstream_end(u);
        return;
    }
    if (u->answering && u->ready) {
        struct http_event event;
        int r = http_parser_eof(u->parser, &event);
        if (r == 0) {
            u->keep_alive = false;
            upstream_event(u, &event);
            return;
        }
    }
    upstream_fail(u, u->ready ? POLICY_REASON_UPSTREAM_CLOSED : POLICY_REASON_UPSTREAM_TLS);
}

static void upstream_handshake(struct upstream *u)
{
    int r = tls_session_handshake(u->tls);
    upstream_flush(u);
    if (r == 0) {
        u->ready = true;
        u->handler->on_ready(u->arg);
    } else if (r != CB_EAGAIN) {
        log_info("TLS with %s (%s): %s", u->host, u->peer, tls_session_why(u->tls));
        upstream_say(u, "%s", tls_session_why(u->tls));
        upstream_fail(u, r == CB_ECERT ? POLICY_REASON_UPSTREAM_CERTIFICATE : POLICY_REASON_UPSTREAM_TLS);
    }
}

static void upstream_decrypt(struct upstream *u)
{
    while (!u->failed && !u->freed) {
        struct span plain;
        int r = tls_session_read(u->tls, &plain);
        if (r == 0) {
            upstream_parse(u, plain);
        } else if (r == CB_EAGAIN) {
            break;
        } else if (r == CB_ECLOSED) {
            upstream_ended(u);
            return;
        } else {
            upstream_say(u, "%s", tls_session_why(u->tls));
            upstream_fail(u, u->answering ? POLICY_REASON_UPSTREAM_TLS : POLICY_REASON_UPSTREAM_CLOSED);
            return;
        }
    }
    if (!u->freed && !u->failed) {
        upstream_flush(u);
    }
}

static void upstream_tunnel(struct upstream *u, struct span data);

static void on_data(void *arg, struct span data)
{
    struct upstream *u = arg;
    u->depth++;
    if (u->tunnel != NULL) {
        upstream_tunnel(u, data);
    } else if (u->tls == NULL) {
        upstream_parse(u, data);
    } else if (tls_session_feed(u->tls, data) != 0) {
        upstream_fail(u, POLICY_REASON_UPSTREAM_TLS);
    } else {
        if (!u->ready) {
            upstream_handshake(u);
        }
        if (u->ready && !u->freed && !u->failed) {
            upstream_decrypt(u);
        }
    }
    if (!u->freed && !u->failed) {
        upstream_parse_rest(u);
    }
    upstream_leave(u);
}

static void on_end(void *arg)
{
    struct upstream *u = arg;
    u->depth++;
    if (u->tunnel != NULL) {
        upstream_say(u, "the parent proxy closed before it answered");
        upstream_fail(u, POLICY_REASON_CONNECT);
        upstream_leave(u);
        return;
    }
    upstream_say(u, "closed %s", u->ready ? "without a sign of its end" : "during the TLS handshake");
    /* Without a close_notify an answer that ends with the connection may have been cut by somebody on the way. */
    if (u->tls != NULL) {
        upstream_fail(u, u->ready ? POLICY_REASON_UPSTREAM_CLOSED : POLICY_REASON_UPSTREAM_TLS);
    } else {
        upstream_ended(u);
    }
    upstream_leave(u);
}

static void on_drained(void *arg)
{
    struct upstream *u = arg;
    u->depth++;
    if (!u->failed && u->handler->on_drained != NULL) {
        u->handler->on_drained(u->arg);
    }
    upstream_leave(u);
}

static void on_error(void *arg, int code)
{
    struct upstream *u = arg;
    u->depth++;
    log_debug_r(code, "connection to %s", u->peer);
    upstream_say(u, "%s%s", u->tunnel != NULL ? "the parent proxy: " : "", cb_strerror(code));
    upstream_fail(u, u->tunnel != NULL ? POLICY_REASON_CONNECT
                     : u->ready        ? POLICY_REASON_UPSTREAM_CLOSED
                                       : POLICY_REASON_UPSTREAM_TLS);
    upstream_leave(u);
}

static const struct net_conn_handler conn_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

/* ---- connecting ---- */

static enum policy_reason dial_reason(int code, enum net_dial_stage stage)
{
    if (code == CB_EADDRESS) {
        return POLICY_REASON_SPECIAL_ADDRESS;
    }
    if (stage == NET_DIAL_RESOLVING) {
        return code == CB_ETIMEOUT ? POLICY_REASON_DNS_TIMEOUT : POLICY_REASON_DNS;
    }
    return code == CB_ETIMEOUT ? POLICY_REASON_CONNECT_TIMEOUT : POLICY_REASON_CONNECT;
}

static void say_dial_failure(struct upstream *u, int code, enum net_dial_stage stage)
{
    if (code == CB_EADDRESS) {
        return; /* address_allowed() has said which */
    }
    if (stage != NET_DIAL_RESOLVING) {
        upstream_say(u, "connecting: %s", cb_strerror(code));
    } else if (code == CB_ENOTFOUND) {
        upstream_say(u, "DNS: no such name, or it has no address");
    } else {
        upstream_say(u, "DNS: %s", code == CB_ETIMEOUT ? "no answer in time" : "the name servers failed");
    }
}

/* IPv6 literals stand in brackets in an authority, and without them in a certificate and a socket address. */
static void without_brackets(const char *host, char *out, size_t size)
{
    size_t len = strlen(host);
    bool bracketed = host[0] == '[' && len > 2;
    (void)snprintf(out, size, "%.*s", (int)(bracketed ? len - 2 : len), host + (bracketed ? 1 : 0));
}

static int upstream_start_tls(struct upstream *u)
{
    if (u->key.roots == NULL) {
        return CB_ECERT; /* nothing to verify against is not a reason to believe */
    }
    char name[256];
    without_brackets(u->host, name, sizeof(name));
    return tls_session_new_client(u->egress->tls, u->key.roots, name, &u->tls);
}

/* There are bytes between the provider and us: TLS begins, or plain http is ready. */
static void upstream_connected(struct upstream *u)
{
    int r = u->key.scheme == SPEC_SCHEME_HTTPS ? upstream_start_tls(u) : 0;
    if (r == CB_ECERT) {
        upstream_say(u, "there are no root certificates");
        upstream_fail(u, POLICY_REASON_UPSTREAM_CERTIFICATE);
    } else if (r != 0) {
        log_error_r(r, "setting up the connection to %s", u->peer);
        upstream_fail(u, POLICY_REASON_INTERNAL);
    } else if (u->tls != NULL) {
        upstream_handshake(u);
    } else {
        u->ready = true;
        u->handler->on_ready(u->arg);
    }
}

/* The parent proxy has said something. */
static void upstream_tunnel(struct upstream *u, struct span data)
{
    int r = parent_read(u->tunnel, data, u->detail, sizeof(u->detail));
    if (r == CB_EAGAIN) {
        return;
    }
    if (r != 0) {
        log_info("%s: %s", u->host, u->detail);
        upstream_fail(u, POLICY_REASON_CONNECT);
        return;
    }
    http_parser_free(u->tunnel);
    u->tunnel = NULL;
    upstream_connected(u);
}

static int upstream_ask_parent(struct upstream *u)
{
    struct buf head;
    u->tunnel = http_parser_new_response();
    if (u->tunnel == NULL) {
        return CB_ENOMEM;
    }
    http_parser_set_head_request(u->tunnel, true); /* what follows a tunnel's head is no body */
    buf_init(&head, 4096);
    buf_set_sensitive(&head);
    int r = parent_ask(&u->egress->parent, u->peer, &head);
    if (r == 0) {
        r = net_conn_write(u->conn, buf_span(&head));
    }
    buf_deinit(&head);
    return r;
}

static bool upstream_has_parent(const struct upstream *u)
{
    return u->egress->parent.used && u->key.address == NULL;
}

static void upstream_not_dialled(struct upstream *u, int code, enum net_dial_stage stage)
{
    log_info("connecting to %s:%u: %s", u->host, u->key.port, cb_strerror(code));
    say_dial_failure(u, code, stage);
    upstream_fail(u, dial_reason(code, stage));
}

static void on_dialled(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct upstream *u = arg;
    u->dial = NULL;
    u->depth++;
    if (code != 0) {
        upstream_not_dialled(u, code, stage);
        upstream_leave(u);
        return;
    }
    if (!upstream_has_parent(u)) {
        (void)snprintf(u->peer, sizeof(u->peer), "%s", peer->text);
    }
    u->detail[0] = '\0'; /* other addresses may have been refused */
    int r = net_conn_open(u->egress->loop, fd, &conn_handler, u, &u->conn);
    if (r != 0) {
        (void)close(fd);
    }
    if (r == 0 && upstream_has_parent(u)) {
        r = upstream_ask_parent(u);
    }
    if (r != 0) {
        log_error_r(r, "setting up the connection to %s", u->peer);
        upstream_fail(u, POLICY_REASON_INTERNAL);
    } else {
        net_conn_read(u->conn, true);
        if (u->tunnel == NULL) {
            upstream_connected(u);
        }
    }
    upstream_leave(u);
}

/* The address is known and checked; now the parent proxy, which will connect to it. */
static void on_resolved(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct upstream *u = arg;
    (void)fd;
    u->dial = NULL;
    u->depth++;
    if (code == 0) {
        (void)snprintf(u->peer, sizeof(u->peer), "%s", peer->text);
        code = parent_dial(&u->egress->parent, u->egress->dialer, on_dialled, u, &u->dial);
        stage = NET_DIAL_CONNECTING;
    }
    if (code != 0) {
        upstream_not_dialled(u, code, stage);
    }
    upstream_leave(u);
}

static bool address_allowed(void *arg, const uint8_t *address, size_t len)
{
    struct upstream *u = arg;
    const char *why;
    bool allowed = policy_address_is_public(address, len, &why);
    if (!allowed) {
        char text[INET6_ADDRSTRLEN] = "";
        (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
        log_info("%s has an address in %s: not dialled", u->host, why);
        upstream_say(u, "%s is in %s", text, why);
    }
    return allowed;
}

static int upstream_dial(struct upstream *u)
{
    struct net_dialer *dialer = u->egress->dialer;
    if (u->key.address != NULL) {
        char address[64];
        without_brackets(u->key.address, address, sizeof(address));
        return net_dial_address(dialer, address, u->key.address_port, on_dialled, u, &u->dial);
    }
    if (upstream_has_parent(u)) {
        return net_dial_resolve(dialer, u->host, u->key.port, address_allowed, on_resolved, u, &u->dial);
    }
    return net_dial_name(dialer, u->host, u->key.port, address_allowed, on_dialled, u, &u->dial);
}

int upstream_open(struct egress *e, const struct upstream_key *key, struct egress_config *config,
                  const struct upstream_handler *handler, void *arg, struct upstream **out)
{
    struct upstream *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        return CB_ENOMEM;
    }
    list_init(&u->link);
    u->egress = e;
    u->handler = handler;
    u->arg = arg;
    u->key = *key;
    u->config = config_ref(config);
    net_task_init(&u->flush, upstream_flush_task, u);
    buf_init(&u->plain_out, UPSTREAM_PLAIN_MAX);
    buf_set_sensitive(&u->plain_out);
    u->depth = 1; /* for upstream_leave() below */
    u->host = strdup(key->host);
    u->address = key->address != NULL ? strdup(key->address) : NULL;
    u->parser = http_parser_new_response();
    int r = CB_ENOMEM;
    if (u->host != NULL && (key->address == NULL || u->address != NULL) && u->parser != NULL) {
        u->key.host = u->host;
        u->key.address = u->address;
        r = upstream_dial(u);
    }
    if (r != 0) {
        u->freed = true;
        upstream_leave(u);
        return r;
    }
    u->depth = 0;
    *out = u;
    return 0;
}

void upstream_set_handler(struct upstream *u, const struct upstream_handler *handler, void *arg)
{
    u->handler = handler;
    u->arg = arg;
}

void upstream_begin(struct upstream *u, bool is_head)
{
    http_parser_set_head_request(u->parser, is_head);
    u->answering = true;
    u->got_bytes = false;
    u->keep_alive = false;
}

void upstream_allow_upgrade(struct upstream *u)
{
    http_parser_set_upgrade(u->parser, true);
}

void upstream_become_raw(struct upstream *u)
{
    u->raw = true;
    u->keep_alive = false;
}

int upstream_write(struct upstream *u, struct span data)
{
    if (u->failed) {
        return CB_ECLOSED;
    }
    int r = u->tls != NULL ? tls_session_write(u->tls, data) : buf_append_span(&u->plain_out, data);
    if (r == 0) {
        net_task_post(u->egress->loop, &u->flush);
    }
    return r;
}

bool upstream_is_full(const struct upstream *u)
{
    return u->conn != NULL && net_conn_is_full(u->conn);
}

void upstream_pause(struct upstream *u, bool paused)
{
    if (u->paused != paused && u->conn != NULL && !u->failed) {
        u->paused = paused;
        net_conn_read(u->conn, !paused);
    }
}

void upstream_close(struct upstream *u)
{
    if (u == NULL || u->freed) {
        return;
    }
    u->freed = true;
    if (u->dial != NULL) {
        net_dial_cancel(u->dial);
        u->dial = NULL;
    }
    if (u->tls != NULL && u->conn != NULL && !u->failed) {
        tls_session_close(u->tls);
        upstream_flush(u);
    }
    net_conn_close(u->conn);
    u->conn = NULL;
    if (u->depth == 0) {
        upstream_release(u);
    }
}

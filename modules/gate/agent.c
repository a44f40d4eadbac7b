/*
 * agent.c - one connection of an agent: bytes to TLS to HTTP events, with back-pressure in both directions.
 *
 * Bytes are parsed as they come. They are held, at most AGENT_HELD_MAX of them, while they may not be parsed: the next
 * pipelined request while an answer is under way, a body that egress cannot take now, the first flight of TLS while
 * its certificate is signed. When more is held, the socket is not read.
 */
#include "base/log.h"
#include "gate/state.h"

#include <stdlib.h>

#define AGENT_HELD_MAX      ((size_t)256 * 1024)
#define AGENT_HELD_STOP     ((size_t)64 * 1024)
#define AGENT_OUT_MAX       ((size_t)64 * 1024 * 1024)
#define AGENT_FIRST_MS      60000
#define AGENT_LINGER_MS     2000
#define AGENT_DRAIN_MS      60000 /* for what is queued when a connection ends */
#define AGENT_DRAIN_LOOK_MS 20

static void agent_release(struct agent *a)
{
    net_task_cancel(&a->turn);
    net_timer_free(a->timer);
    trust_cancel(a);
    ipc_chan_free(a->stream);
    tls_session_free(a->tls);
    http_parser_free(a->parser);
    buf_deinit(&a->held);
    buf_deinit(&a->out);
    list_remove(&a->link);
    struct gate *g = a->gate;
    g->agent_count--;
    idle_update(g);
    for (size_t i = 0; i < 2 && !g->stopping; i++) {
        if (g->listeners[i] != NULL && g->agent_count == GATE_AGENTS_MAX - 1) {
            net_listener_pause(g->listeners[i], false);
        }
    }
    free(a);
}

void agent_enter(struct agent *a)
{
    a->depth++;
}

void agent_leave(struct agent *a)
{
    if (--a->depth == 0 && a->closed) {
        agent_release(a);
    }
}

void agent_close(struct agent *a)
{
    if (a->closed) {
        return;
    }
    a->closed = true;
    if (a->mode == AGENT_TUNNEL_LEAF) {
        leaf_cancel(a->gate->leaves, a);
    }
    net_conn_close(a->conn);
    a->conn = NULL;
    if (a->depth == 0) {
        agent_release(a);
    }
}

static void agent_flush_buf(struct agent *a, struct buf *out)
{
    if (a->conn == NULL || buf_len(out) == 0) {
        return;
    }
    int r = net_conn_write(a->conn, buf_span(out));
    buf_consume(out, buf_len(out));
    if (r != 0) {
        agent_close(a);
    } else if (a->stream != NULL && net_conn_is_full(a->conn)) {
        ipc_chan_read(a->stream, false);
    }
}

/* Clear bytes first: with TLS under way, they are the answer to the CONNECT that it followed at once. */
static void agent_flush(struct agent *a)
{
    agent_flush_buf(a, &a->out);
    if (a->tls != NULL) {
        agent_flush_buf(a, tls_session_output(a->tls));
    }
}

int agent_write(struct agent *a, struct span data)
{
    if (a->closed) {
        return CB_ECLOSED;
    }
    int r = a->tls != NULL && a->tls_ready ? tls_session_write(a->tls, data) : buf_append_span(&a->out, data);
    net_task_post(a->gate->loop, &a->turn);
    return r;
}

void agent_wake(struct agent *a)
{
    net_task_post(a->gate->loop, &a->turn);
}

void agent_finish(struct agent *a)
{
    a->closing = true;
    agent_wake(a);
}

void agent_expect_more(struct agent *a, uint64_t within_ms)
{
    net_timer_start(a->timer, within_ms, 0);
}

/* ---- HTTP ---- */

bool agent_is_pushed_back(const struct agent *a)
{
    return a->in_request && a->stream != NULL && ipc_chan_is_full(a->stream);
}

/* True while bytes of the agent may not be parsed. */
static bool agent_is_blocked(const struct agent *a)
{
    if (a->closed || a->closing || !a->gate->routes.known) {
        return true;
    }
    if (a->mode == AGENT_TUNNEL_LEAF) {
        return true;
    }
    if (net_conn_is_full(a->conn) && !a->in_request) {
        return true; /* what does not read its answers gets no more of them: refusals are made here, without egress */
    }
    if (a->in_answer && !a->in_request) {
        return true; /* the next request has to wait for the end of this answer */
    }
    return agent_is_pushed_back(a);
}

static void agent_broken_http(struct agent *a)
{
    static const enum policy_reason reasons[] = {
        [HTTP_ERROR_NONE] = POLICY_REASON_INTERNAL,
        [HTTP_ERROR_SYNTAX] = POLICY_REASON_BAD_REQUEST,
        [HTTP_ERROR_TARGET_TOO_LONG] = POLICY_REASON_URI_TOO_LONG,
        [HTTP_ERROR_HEAD_TOO_LARGE] = POLICY_REASON_HEAD_TOO_LARGE,
        [HTTP_ERROR_EXPECTATION] = POLICY_REASON_EXPECTATION,
        [HTTP_ERROR_VERSION] = POLICY_REASON_VERSION,
    };
    log_debug("malformed request: %s", http_parser_why(a->parser));
    if (a->in_answer) {
        /* The answer to the first half of a broken request is on its way already; nothing sane can follow it. */
        agent_close(a);
        return;
    }
    struct span host = a->mode == AGENT_PROXY ? SPAN_EMPTY : span_of(a->host.text, a->host.len);
    enum spec_scheme scheme = a->mode == AGENT_TUNNEL_TLS ? SPEC_SCHEME_HTTPS : SPEC_SCHEME_HTTP;
    a->keep_alive = false;
    answer_refuse(a, reasons[http_parser_error(a->parser)], NULL, host, a->port, scheme);
}

static void agent_event(struct agent *a, const struct http_event *event)
{
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        net_timer_stop(a->timer);
        a->in_request = true;
        a->in_answer = true;
        if (a->mode == AGENT_PROXY) {
            connect_head(a, event->head);
        } else {
            request_head(a, event->head);
        }
        break;
    case HTTP_EVENT_BODY:
        request_body(a, event->body);
        break;
    case HTTP_EVENT_END:
        a->in_request = false;
        request_end(a);
        break;
    case HTTP_EVENT_INTERIM:
        break; /* a request parser has none */
    }
}

/* Parses as much as may be parsed now; what is left stays in *in. */
static void agent_parse(struct agent *a, struct span *in)
{
    if (a->mode == AGENT_WEBSOCKET && !agent_is_blocked(a)) {
        upgrade_pass(a, in);
        return;
    }
    while (!agent_is_blocked(a) && (a->mode == AGENT_PROXY || a->mode >= AGENT_TUNNEL_TLS)) {
        struct http_event event;
        int r = http_parser_next(a->parser, in, &event);
        if (r == 0) {
            agent_event(a, &event);
        } else {
            if (r != CB_EAGAIN) {
                agent_broken_http(a);
            }
            return;
        }
    }
}

/* Bytes of HTTP, or of a tunnel whose content is not known yet. */
static void agent_clear_bytes(struct agent *a, struct span bytes)
{
    if (buf_len(&a->held) == 0) {
        agent_parse(a, &bytes);
        if (bytes.len != 0 && a->mode == AGENT_TUNNEL_OPEN && !a->closed) {
            connect_first_bytes(a, bytes);
            return;
        }
    }
    if (bytes.len != 0 && !a->closed && !a->closing && buf_append_span(&a->held, bytes) != 0) {
        agent_close(a);
    }
}

static void agent_held_bytes(struct agent *a)
{
    if (buf_len(&a->held) == 0 || a->closed) {
        /* The end of a message may still be inside the parser. */
        struct span none = SPAN_EMPTY;
        if (!a->closed && a->in_request) {
            agent_parse(a, &none);
        }
        return;
    }
    struct span rest = buf_span(&a->held);
    size_t before = rest.len;
    agent_parse(a, &rest);
    if (!a->closed) {
        buf_consume(&a->held, before - rest.len);
    }
    if (!a->closed && a->mode == AGENT_TUNNEL_OPEN && buf_len(&a->held) != 0) {
        struct buf first = a->held;
        buf_init(&a->held, AGENT_HELD_MAX);
        connect_first_bytes(a, buf_span(&first));
        buf_deinit(&first);
    }
}

/* ---- TLS ---- */

static void agent_handshaken(struct agent *a)
{
    a->tls_ready = true;
    struct span sni = tls_session_sni(a->tls);
    struct policy_host host;
    a->mismatch =
        sni.len != 0 && (policy_host_parse(sni, &host) != 0 ||
                         !span_eq(span_of(host.text, host.len), span_of(a->host.text, a->host.len)));
}

static void agent_tls_bytes(struct agent *a, struct span bytes)
{
    int r = tls_session_feed(a->tls, bytes);
    if (r == 0 && !a->tls_ready) {
        r = tls_session_handshake(a->tls);
        if (r == 0) {
            agent_handshaken(a);
        }
    }
    while (r == 0 && !a->closed) {
        struct span plain;
        r = tls_session_read(a->tls, &plain);
        if (r == 0) {
            agent_clear_bytes(a, plain);
        }
    }
    if (a->closed) {
        return;
    }
    agent_wake(a);
    if (r == CB_ECLOSED) {
        a->end_seen = true;
    } else if (r != CB_EAGAIN) {
        log_debug("TLS with the agent for %s: %s", a->host.text, tls_session_why(a->tls));
        agent_flush(a); /* the alert */
        agent_close(a);
    }
}

/* ---- the socket ---- */

static void agent_update_reading(struct agent *a)
{
    if (a->closing && a->conn != NULL) {
        net_conn_read(a->conn, !a->end_seen); /* and throw it away */
    } else if (a->conn != NULL) {
        bool held = buf_len(&a->held) >= AGENT_HELD_STOP;
        net_conn_read(a->conn, !a->end_seen && !held && !agent_is_pushed_back(a) && a->gate->routes.known);
    }
}

/* After the agent's last byte: a request that was cut can never be whole, and without an answer under way there is
 * nothing left to do. */
static void agent_check_over(struct agent *a)
{
    if (a->end_seen && buf_len(&a->held) == 0 && !a->closed && !a->closing) {
        if (a->in_request && a->mode == AGENT_WEBSOCKET) {
            upgrade_agent_ended(a);
        } else if (a->in_request) {
            agent_close(a);
        } else if (!a->in_answer) {
            a->closing = true;
        }
    }
}

/* Sends what is queued, says goodbye unless the answer was cut, and closes. An agent that reads slowly has its time: until the
 * kernel has taken everything, this is called again and again. */
static void agent_end(struct agent *a)
{
    uint64_t now_ms = net_loop_now_ms(a->gate->loop);
    if (a->end_by_ms == 0) {
        a->end_by_ms = now_ms + AGENT_DRAIN_MS;
        ipc_chan_free(a->stream);
        a->stream = NULL;
        buf_deinit(&a->held);
        if (a->tls != NULL && a->tls_ready && !a->answer_cut) {
            tls_session_close(a->tls);
        }
    }
    agent_flush(a);
    struct net_conn *conn = a->conn;
    if (conn != NULL && net_conn_queued(conn) != 0 && now_ms < a->end_by_ms) {
        net_timer_start(a->timer, AGENT_DRAIN_LOOK_MS, 0);
        return;
    }
    a->conn = NULL;
    if (conn != NULL) {
        net_conn_close_gently(conn, AGENT_LINGER_MS);
    }
    agent_close(a);
}

static void agent_turn(void *arg)
{
    struct agent *a = arg;
    agent_enter(a);
    agent_held_bytes(a);
    if (!a->closed) {
        agent_flush(a);
    }
    agent_check_over(a);
    if (!a->closed && a->closing) {
        agent_end(a);
    }
    if (!a->closed) {
        agent_update_reading(a);
    }
    agent_leave(a);
}

void agent_received(struct agent *a, struct span data)
{
    agent_enter(a);
    if (a->tls != NULL) {
        agent_tls_bytes(a, data);
    } else {
        agent_clear_bytes(a, data);
    }
    if (!a->closed) {
        agent_update_reading(a);
        agent_wake(a);
    }
    agent_leave(a);
}

static void on_data(void *arg, struct span data)
{
    agent_received(arg, data);
}

static void on_end(void *arg)
{
    struct agent *a = arg;
    a->end_seen = true;
    agent_wake(a);
}

static void on_drained(void *arg)
{
    struct agent *a = arg;
    if (a->stream != NULL) {
        ipc_chan_read(a->stream, true);
    }
    agent_wake(a);
}

static void on_error(void *arg, int code)
{
    log_debug_r(code, "connection of an agent");
    agent_close(arg);
}

static const struct net_conn_handler agent_handler = {
    .on_data = on_data, .on_end = on_end, .on_drained = on_drained, .on_error = on_error};

static void on_timeout(void *arg)
{
    struct agent *a = arg;
    if (a->closing) {
        agent_wake(a);
    } else {
        agent_close(a);
    }
}

int agent_open(struct gate *g, int fd, bool needs_token)
{
    struct agent *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return CB_ENOMEM;
    }
    a->gate = g;
    a->needs_token = needs_token;
    buf_init(&a->held, AGENT_HELD_MAX);
    buf_init(&a->out, AGENT_OUT_MAX);
    net_task_init(&a->turn, agent_turn, a);
    a->parser = http_parser_new_request();
    a->timer = net_timer_new(g->loop, on_timeout, a);
    int r = a->parser != NULL && a->timer != NULL ? net_conn_open(g->loop, fd, &agent_handler, a, &a->conn)
                                                  : CB_ENOMEM;
    if (r != 0) {
        net_timer_free(a->timer);
        http_parser_free(a->parser);
        free(a);
        return r;
    }
    list_push_back(&g->agents, &a->link);
    g->agent_count++;
    idle_update(g);
    agent_expect_more(a, AGENT_FIRST_MS);
    agent_update_reading(a);
    return 0;
}

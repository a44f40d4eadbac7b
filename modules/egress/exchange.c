/*
 * exchange.c - the part of a stream after its decision is durable: connect, write the head with the credential in it,
 * pass the bodies both ways, record how it ended.
 */
#include "base/clock.h"
#include "base/log.h"
#include "egress/state.h"
#include "http/fields.h"
#include "http/write.h"

#include <stdio.h>

#define EXCHANGE_CONNECT_MS 30000U            /* name, connection and TLS handshake together */
#define EXCHANGE_ANSWER_MS  (10U * 60 * 1000) /* until the head of the answer; a model may think for minutes */
#define EXCHANGE_SOCKET_MS \
    (10U * 60 * 1000) /* without a byte on a WebSocket; those who use one ping more often */
#define EXCHANGE_IDLE_MS (5U * 60 * 1000) /* without a byte in the middle of a body, whoever's fault */
/* The agent's path and query, and a credential that is all escapes. */
#define EXCHANGE_TARGET_MAX (2 * IPC_TARGET_MAX + 1 + 3 * IPC_SECRET_MAX)
/* The target, the agent's fields, the credential in as many headers as a route may name, and what else a route writes. */
#define EXCHANGE_HEAD_MAX \
    (EXCHANGE_TARGET_MAX + IPC_FIELDS_MAX + (SPEC_HEADERS_MAX + 1) * IPC_SECRET_MAX + (size_t)32 * 1024)

static const struct upstream_handler exchange_handler;

void exchange_release(struct stream *s, bool reusable)
{
    struct upstream *u = s->upstream;
    s->upstream = NULL;
    if (u == NULL) {
        return;
    }
    if (reusable) {
        pool_put(s->egress, u);
    } else {
        upstream_close(u);
    }
}

static void exchange_fail(struct stream *s, enum policy_reason reason)
{
    if (s->upstream != NULL) {
        record_detail(&s->record, s->upstream->detail);
    }
    exchange_release(s, false);
    stream_refuse(s, reason);
}

/* ---- patience ---- */

/* From now on, the exchange ends when nothing moves for that long. */
static void exchange_wait(struct stream *s, uint64_t patience_ms)
{
    s->patience_ms = patience_ms;
    s->moved_ms = net_loop_now_ms(s->egress->loop);
    net_timer_start(s->timer, patience_ms, 0);
}

/* Something moved. The timer is not touched: bytes are many and timeouts are few, so it looks here when it fires. */
static void exchange_moved(struct stream *s)
{
    s->moved_ms = net_loop_now_ms(s->egress->loop);
}

/* Who was waited for: the agent, when its request is not complete although the provider takes it, or when the answer waits
 * for it to be read. */
static enum policy_reason exchange_who_waits(const struct stream *s)
{
    if (s->state == STREAM_CONNECTING) {
        return POLICY_REASON_CONNECT_TIMEOUT;
    }
    if (s->state == STREAM_HOLDING) {
        return POLICY_REASON_CLIENT_TIMEOUT;
    }
    bool unread = s->upstream != NULL && s->upstream->paused;
    bool unsent =
        !s->answered && !s->request_complete && s->upstream != NULL && !upstream_is_full(s->upstream);
    return unread || unsent ? POLICY_REASON_CLIENT_TIMEOUT : POLICY_REASON_UPSTREAM_TIMEOUT;
}

static void on_timeout(void *arg)
{
    struct stream *s = arg;
    uint64_t quiet_ms = net_loop_now_ms(s->egress->loop) - s->moved_ms;
    if (quiet_ms < s->patience_ms) {
        net_timer_start(s->timer, s->patience_ms - quiet_ms, 0);
        return;
    }
    stream_enter(s);
    exchange_fail(s, exchange_who_waits(s));
    stream_leave(s);
}

/* ---- the request ---- */

void exchange_host(const struct ipc_request *q, char out[EXCHANGE_HOST_MAX])
{
    bool usual = q->port == (q->scheme == SPEC_SCHEME_HTTPS ? 443 : 80);
    char port[8] = "";
    if (!usual) {
        (void)snprintf(port, sizeof(port), ":%u", q->port);
    }
    (void)snprintf(out, EXCHANGE_HOST_MAX, "%.*s%s", SPAN_ARG(q->host), port);
}

static int write_host(const struct ipc_request *q, struct buf *out)
{
    char host[EXCHANGE_HOST_MAX];
    exchange_host(q, host);
    return http_write_field(out, SPAN_LIT("Host"), span_str(host));
}

static bool is_coding_wish(const struct stream *s, const struct http_field *field)
{
    return s->scan != NULL && span_eq_nocase(field->name, SPAN_LIT("Accept-Encoding"));
}

/* What goes in: the credential, or the token that was fetched with it. Never the one for the other. */
static struct span exchange_value(const struct stream *s)
{
    if (s->route->token.grant != SPEC_GRANT_NONE) {
        return s->token.access != NULL ? secret_span(s->token.access->value) : SPAN_EMPTY;
    }
    return config_value(s->config, s->route);
}

/* The head as the provider gets it: made from fields, never from the agent's bytes. */
static int write_head(struct stream *s, struct buf *out)
{
    const struct ipc_request *q = &s->request;
    const struct spec_route *route = s->route;
    struct span credential = SPAN_EMPTY;
    struct buf target;
    buf_init(&target, EXCHANGE_TARGET_MAX);
    buf_set_sensitive(&target);
    struct inject_request request = {.path = q->path,
                                     .query = q->query,
                                     .has_query = q->has_query,
                                     .fields = s->fields,
                                     .field_count = s->field_count};
    int r;
    if (route->inject != SPEC_INJECT_NONE) {
        credential = exchange_value(s);
        if (credential.len == 0) {
            r = CB_EINTERNAL;
            goto out;
        }
    }
    if ((r = inject_write_target(route, &request, credential, &target)) != 0 ||
        (r = http_write_request_line(out, q->method, buf_span(&target))) != 0 ||
        (r = write_host(q, out)) != 0) {
        goto out;
    }
    for (size_t i = 0; i < s->field_count; i++) {
        if (inject_field_passes(route, &request, &s->fields[i]) && !is_coding_wish(s, &s->fields[i]) &&
            websocket_field_passes(s, &s->fields[i]) &&
            (r = http_write_field(out, s->fields[i].name, s->fields[i].value)) != 0) {
            goto out;
        }
    }
    /* The search has to see what the agent will see. */
    if (s->scan != NULL &&
        (r = http_write_field(out, SPAN_LIT("Accept-Encoding"), SPAN_LIT("identity"))) != 0) {
        goto out;
    }
    if ((r = body_write_fields(s, &request, credential, out)) != 0 ||
        (s->asks_websocket && (r = websocket_write_wish(s, out)) != 0)) {
        goto out;
    }
    if ((r = http_write_framing(out, (enum http_framing)q->framing, q->content_length)) == 0) {
        r = http_write_head_end(out);
    }
out:
    buf_deinit(&target);
    return r;
}

/* On a route with a credential the answer is searched for it. */
static void exchange_scan_begin(struct stream *s)
{
    const struct egress_credential *c =
        s->route->inject != SPEC_INJECT_NONE ? config_credential(s->config, s->route->credential) : NULL;
    inject_scanner_deinit(&s->scanner);
    inject_scan_unref(s->scan);
    struct inject_scan *scan = s->token.access != NULL ? s->token.access->scan : c != NULL ? c->scan : NULL;
    s->scan = scan != NULL ? inject_scan_ref(scan) : NULL;
    if (s->scan != NULL) {
        inject_scanner_init(&s->scanner, s->scan, span_str(c->placeholder));
    }
}

/* The body is welcome now. */
static int send_continue(struct stream *s)
{
    if (!s->request.expect_continue) {
        return 0;
    }
    s->request.expect_continue = false;
    return ipc_send_response_interim(
        s->chan, 0, &(struct ipc_response_interim){.status = 100, .fields = SPAN_LIT("\0\0")});
}

static void exchange_send(struct stream *s)
{
    struct upstream *u = s->upstream;
    (void)snprintf(s->record.peer, sizeof(s->record.peer), "%s", u->peer);
    exchange_scan_begin(s);
    struct buf head;
    buf_init(&head, EXCHANGE_HEAD_MAX);
    buf_set_sensitive(&head);
    int r = write_head(s, &head);
    if (r == 0) {
        upstream_begin(u, span_eq_str(s->request.method, "HEAD"));
        if (s->asks_websocket) {
            upstream_allow_upgrade(u);
        }
        r = upstream_write(u, buf_span(&head));
    }
    buf_deinit(&head);
    r = r == 0 ? send_continue(s) : r;
    if (r != 0) {
        log_error_r(r, "request %s could not be written", s->record.id_text);
        /* Bytes that its place cannot carry, or a Basic credential without a colon. */
        exchange_fail(s, r == CB_EINVAL ? POLICY_REASON_CREDENTIAL_UNAVAILABLE : POLICY_REASON_INTERNAL);
        return;
    }
    exchange_wait(s, s->request_complete ? EXCHANGE_ANSWER_MS : EXCHANGE_IDLE_MS);
    s->state = STREAM_EXCHANGING;
    body_send(s);
    ipc_chan_read(s->chan, true);
}

/* False when there is no such connection, and the request has been refused for it. */
static bool exchange_key(struct stream *s, char host[256], struct upstream_key *key)
{
    const char *why = NULL;
    const struct tls_roots *roots = NULL;
    int r = trust_of(s->egress, s->config, s->route, &roots, &why);
    if (r != 0) {
        char detail[128];
        (void)snprintf(detail, sizeof(detail), "client certificate: %s", why != NULL ? why : cb_strerror(r));
        record_detail(&s->record, detail);
        stream_refuse(s, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
        return false;
    }
    (void)snprintf(host, 256, "%.*s", SPAN_ARG(s->request.host));
    *key = (struct upstream_key){
        .host = host,
        .port = s->request.port,
        .scheme = (enum spec_scheme)s->request.scheme,
        .address = s->route->upstream_address,
        .address_port = s->route->upstream_port != 0 ? s->route->upstream_port : s->request.port,
        .roots = roots,
    };
    return true;
}

static bool timer_ready(struct stream *s)
{
    if (s->timer == NULL && (s->timer = net_timer_new(s->egress->loop, on_timeout, s)) == NULL) {
        stream_refuse(s, POLICY_REASON_INTERNAL);
        return false;
    }
    return true;
}

static void exchange_connect(struct stream *s, bool fresh)
{
    char host[256];
    struct upstream_key key;
    if (!exchange_key(s, host, &key)) {
        return;
    }
    s->state = STREAM_CONNECTING;
    /* On a second attempt it was on already, and there is nobody to take what comes. */
    ipc_chan_read(s->chan, false);
    if (!timer_ready(s)) {
        return;
    }
    exchange_wait(s, EXCHANGE_CONNECT_MS);
    struct upstream *u = fresh ? NULL : pool_take(s->egress, &key);
    if (u != NULL) {
        upstream_set_handler(u, &exchange_handler, s);
        s->upstream = u;
        exchange_send(s);
        return;
    }
    int r = upstream_open(s->egress, &key, s->config, &exchange_handler, s, &s->upstream);
    if (r != 0) {
        log_warn_r(r, "connecting to %s", key.host);
        stream_refuse(s, POLICY_REASON_CONNECT);
    }
}

void exchange_begin(struct stream *s)
{
    enum policy_reason reason = body_begin(s);
    if (reason != POLICY_REASON_ROUTE) {
        stream_refuse(s, reason);
    } else if (!body_is_held(s)) {
        exchange_connect(s, false);
    } else if (timer_ready(s)) {
        s->state = STREAM_HOLDING;
        exchange_wait(s, EXCHANGE_IDLE_MS);
        if (send_continue(s) != 0) {
            exchange_fail(s, POLICY_REASON_CLIENT_CLOSED);
            return;
        }
        ipc_chan_read(s->chan, true);
    }
}

/* What the body holds ends the request. */
static void exchange_refuse_body(struct stream *s, enum policy_reason reason)
{
    exchange_fail(s, reason);
    if (reason == POLICY_REASON_PLACEHOLDER_MISPLACED) {
        log_warn("tripwire: a placeholder where it does not belong, in the body of request %s",
                 s->record.id_text);
        record_tripwire(s->egress, &s->record);
    }
}

/* All of the body is there: now its length is known, and the request can be sent. */
static void exchange_held(struct stream *s)
{
    enum policy_reason reason = body_end(s, &s->body.held);
    if (reason != POLICY_REASON_ROUTE) {
        exchange_refuse_body(s, reason);
        return;
    }
    body_complete(s);
    exchange_connect(s, false);
}

/* Writes what may leave of the body, framed as the head has said. */
static int write_body(struct stream *s, struct span data)
{
    if (data.len == 0 || s->request.framing != HTTP_FRAMING_CHUNKED) {
        return data.len != 0 ? upstream_write(s->upstream, data) : 0;
    }
    struct buf chunk;
    buf_init(&chunk, data.len + 64);
    buf_set_sensitive(&chunk);
    int r = http_write_chunk(&chunk, data);
    if (r == 0) {
        r = upstream_write(s->upstream, buf_span(&chunk));
    }
    buf_deinit(&chunk);
    return r;
}

/* A piece of the body, or its end when `data` is NULL, that is looked through or signed while it is sent. */
static int exchange_change(struct stream *s, const struct span *data)
{
    struct buf out;
    buf_init(&out, IPC_BODY_MAX + INJECT_AWS_CHUNK_MAX + INJECT_BODY_GROWTH(IPC_SECRET_MAX));
    buf_set_sensitive(&out);
    enum policy_reason reason = data != NULL ? body_take(s, *data, &out) : body_end(s, &out);
    int r = 0;
    if (reason != POLICY_REASON_ROUTE) {
        exchange_refuse_body(s, reason);
        r = CB_EPERM;
    } else if (write_body(s, buf_span(&out)) != 0) {
        log_debug("the provider took no more of the body of request %s", s->record.id_text);
    }
    buf_deinit(&out);
    return r;
}

int exchange_body(struct stream *s, struct span data)
{
    uint64_t max = s->config->spec->limits.request_bytes;
    exchange_moved(s);
    s->record.request_bytes += data.len;
    if (s->is_websocket) {
        return websocket_up(s, data);
    }
    if (max != 0 && s->record.request_bytes > max) {
        exchange_fail(s, POLICY_REASON_BODY_TOO_LARGE);
        return 0;
    }
    if (s->request.framing != HTTP_FRAMING_CHUNKED &&
        (s->request.framing != HTTP_FRAMING_LENGTH || s->record.request_bytes > s->request.content_length)) {
        return CB_EMALFORMED; /* the gate sends more than it announced */
    }
    if (s->state == STREAM_HOLDING) {
        enum policy_reason reason = body_take(s, data, &s->body.held);
        if (reason != POLICY_REASON_ROUTE) {
            exchange_refuse_body(s, reason);
        }
        return 0;
    }
    int r = body_is_changed(s) ? exchange_change(s, &data) : write_body(s, data);
    if (r == CB_EPERM) {
        return 0; /* refused, and answered */
    }
    if (r != 0) {
        /* The provider took no more; its answer, if it gave one, is still on its way to be read. */
        log_debug_r(r, "body of request %s", s->record.id_text);
        return 0;
    }
    if (upstream_is_full(s->upstream)) {
        ipc_chan_read(s->chan, false);
    }
    return 0;
}

/* The end of a body, or of a WebSocket. */
static void exchange_end(struct stream *s, bool reusable)
{
    int r = ipc_send_response_end(s->chan, 0, &(struct ipc_response_end){.total = s->record.response_bytes});
    if (r == 0) {
        exchange_release(s, reusable);
        stream_finish(s, POLICY_REASON_ROUTE);
    } else {
        exchange_fail(s, POLICY_REASON_CLIENT_CLOSED);
    }
}

int exchange_request_end(struct stream *s)
{
    if (s->is_websocket) {
        exchange_end(s, false); /* neither side of a WebSocket goes on without the other */
        return 0;
    }
    if (s->request.framing == HTTP_FRAMING_LENGTH && s->record.request_bytes != s->request.content_length) {
        return CB_EMALFORMED;
    }
    if (s->state == STREAM_HOLDING) {
        exchange_held(s);
        return 0;
    }
    if (body_is_changed(s) && exchange_change(s, NULL) != 0) {
        return 0;
    }
    if (!s->answered) {
        exchange_wait(s, EXCHANGE_ANSWER_MS);
    }
    if (s->request.framing != HTTP_FRAMING_CHUNKED) {
        return 0;
    }
    struct buf last;
    buf_init(&last, 16);
    int r = http_write_last_chunk(&last);
    if (r == 0 && upstream_write(s->upstream, buf_span(&last)) != 0) {
        log_debug("the provider closed before the end of request %s", s->record.id_text);
    }
    buf_deinit(&last);
    return r;
}

/* ---- the answer ---- */

static void on_ready(void *arg)
{
    struct stream *s = arg;
    stream_enter(s);
    exchange_send(s);
    stream_leave(s);
}

/* Whether the body is in a coding that the search cannot look into. */
static bool is_encoded(const struct http_head *head)
{
    const struct http_field *field = http_field_find(head->fields, head->field_count, "Content-Encoding");
    return field != NULL && field->value.len != 0 && !span_eq_nocase(field->value, SPAN_LIT("identity"));
}

/* The fields that go back, searched. `text` holds what was changed and must live as long as they are used. */
static int keep_fields(struct stream *s, const struct http_head *head, struct http_field *kept, size_t *count,
                       struct buf *text)
{
    size_t total = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        total += head->fields[i].name.len + head->fields[i].value.len;
    }
    buf_init(text, total);
    uint8_t *room; /* all of it now, so that nothing moves later */
    int r = s->scan != NULL && total != 0 ? buf_reserve(text, total, &room) : 0;
    *count = 0;
    for (size_t i = 0; r == 0 && i < head->field_count && *count < HTTP_FIELDS_MAX; i++) {
        struct http_field field = head->fields[i];
        if (!inject_answer_field_passes(s->route, head->fields, head->field_count, &field)) {
            continue;
        }
        if (s->scan != NULL) {
            uint64_t in_name = 0;
            uint64_t in_value = 0;
            struct span placeholder = s->scanner.placeholder;
            r = inject_scan_text(s->scan, placeholder, field.name, text, &in_name);
            size_t at = buf_len(text);
            if (r == 0) {
                r = inject_scan_text(s->scan, placeholder, field.value, text, &in_value);
            }
            s->record.scrubs += (uint32_t)(in_name + in_value);
            field.value = span_sub(buf_span(text), at, SIZE_MAX);
            if (in_name != 0) {
                continue; /* a name that is not a name any more */
            }
        }
        kept[(*count)++] = field;
    }
    return r;
}

/* The answer to a HEAD says how long a body would be (RFC 9110, 9.3.2); the gate knows that none follows. */
static enum http_framing answer_framing(const struct stream *s, const struct http_head *head)
{
    bool tells_length = span_eq_str(s->request.method, "HEAD") &&
                        http_field_find(head->fields, head->field_count, "Content-Length") != NULL;
    return tells_length ? HTTP_FRAMING_LENGTH : head->framing;
}

static int send_head(struct stream *s, const struct http_head *head, bool interim)
{
    struct http_field kept[HTTP_FIELDS_MAX];
    size_t count = 0;
    struct buf fields;
    struct buf text;
    buf_init(&fields, IPC_FIELDS_MAX);
    int r = keep_fields(s, head, kept, &count, &text);
    if (r == 0) {
        r = http_fields_encode(kept, count, &fields);
    }
    if (r == 0 && interim) {
        r = ipc_send_response_interim(
            s->chan, 0,
            &(struct ipc_response_interim){.status = (uint16_t)head->status, .fields = buf_span(&fields)});
    } else if (r == 0) {
        r = ipc_send_response(s->chan, 0,
                              &(struct ipc_response){.status = (uint16_t)head->status,
                                                     .fields = buf_span(&fields),
                                                     .framing = (uint8_t)answer_framing(s, head),
                                                     .content_length = head->content_length});
    }
    buf_deinit(&fields);
    buf_deinit(&text);
    return r;
}

/* What is looked at for a report is what the agent gets: a credential has been taken out of it. */
static void begin_usage(struct stream *s, const struct http_head *head)
{
    const struct http_field *type = http_field_find(head->fields, head->field_count, "Content-Type");
    if (type != NULL && head->status >= 200 && head->status < 300) {
        usage_begin(&s->record.usage, type->value, is_encoded(head));
    }
}

static void on_head(void *arg, const struct http_head *head, bool interim)
{
    struct stream *s = arg;
    stream_enter(s);
    if (interim && (head->status == 100 || s->answered)) {
        /* Our own 100 was sent when the body became welcome. */
        stream_leave(s);
        return;
    }
    if (!interim && s->scan != NULL && is_encoded(head)) {
        log_warn("request %s: the answer is in a coding that was not asked for, and cannot be searched",
                 s->record.id_text);
        exchange_fail(s, POLICY_REASON_UPSTREAM_RESPONSE);
        stream_leave(s);
        return;
    }
    int r = head->status == 101 ? websocket_begin(s, head) : 0;
    if (r == 0) {
        r = send_head(s, head, interim);
    }
    if (!interim && head->status == 401 && s->token.access != NULL) {
        token_reject(s->egress, s->token.access);
    }
    if (!interim) {
        exchange_wait(s, s->is_websocket ? EXCHANGE_SOCKET_MS : EXCHANGE_IDLE_MS);
        s->record.first_byte_us = clock_mono_us() - s->record.start_us;
        s->record.status = head->status;
        begin_usage(s, head);
        s->answered = r == 0;
    }
    if (r != 0) {
        log_warn_r(r, "the answer to request %s could not be passed on", s->record.id_text);
        exchange_fail(s, POLICY_REASON_UPSTREAM_RESPONSE);
    }
    stream_leave(s);
}

int exchange_pass(void *arg, struct span body)
{
    struct stream *s = arg;
    int r = 0;
    usage_feed(&s->record.usage, body);
    while (body.len != 0 && r == 0) {
        struct span part = span_sub(body, 0, IPC_BODY_MAX);
        r = ipc_send_response_body(s->chan, 0, &(struct ipc_response_body){.data = part});
        body = span_sub(body, part.len, SIZE_MAX);
    }
    return r;
}

static void on_body(void *arg, struct span body)
{
    struct stream *s = arg;
    stream_enter(s);
    exchange_moved(s);
    s->record.response_bytes += body.len;
    int r = s->is_websocket   ? websocket_down(s, body)
            : s->scan != NULL ? inject_scanner_feed(&s->scanner, body, exchange_pass, s)
                              : exchange_pass(s, body);
    if (r != 0) {
        exchange_fail(s, r == CB_EMALFORMED || r == CB_ELIMIT ? POLICY_REASON_UPSTREAM_RESPONSE
                                                              : POLICY_REASON_CLIENT_CLOSED);
    } else if (ipc_chan_is_full(s->chan)) {
        upstream_pause(s->upstream, true);
    }
    stream_leave(s);
}

static void on_end(void *arg)
{
    struct stream *s = arg;
    stream_enter(s);
    int r = s->scan != NULL && !s->is_websocket ? inject_scanner_end(&s->scanner, exchange_pass, s) : 0;
    if (r == 0) {
        /* An answer before the end of the request's body leaves the connection in the middle of a request. */
        bool sent = s->request_complete && buf_len(&s->body.held) == 0;
        exchange_end(s, sent || s->request.framing == HTTP_FRAMING_NONE);
    } else {
        exchange_fail(s, POLICY_REASON_CLIENT_CLOSED);
    }
    stream_leave(s);
}

static void on_drained(void *arg)
{
    struct stream *s = arg;
    exchange_moved(s);
    if (s->state == STREAM_EXCHANGING) {
        body_send(s);
        ipc_chan_read(s->chan, true);
    }
}

/* RFC 9110, 9.2.2: only an idempotent request may be sent again on our own account, and only one without a body, since
 * that is gone. */
static bool may_retry(const struct stream *s)
{
    static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++) {
        if (span_eq_str(s->request.method, idempotent[i])) {
            return s->request.framing == HTTP_FRAMING_NONE && !s->retried && !s->answered;
        }
    }
    return false;
}

static void on_fail(void *arg, enum policy_reason reason, bool stale)
{
    struct stream *s = arg;
    stream_enter(s);
    if (stale && may_retry(s)) {
        exchange_release(s, false);
        s->retried = true;
        exchange_connect(s, true);
    } else {
        exchange_fail(s, reason);
    }
    stream_leave(s);
}

static const struct upstream_handler exchange_handler = {
    .on_ready = on_ready,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_fail = on_fail,
};

void exchange_resume(struct stream *s)
{
    if (s->upstream != NULL && s->state == STREAM_EXCHANGING) {
        exchange_moved(s);
        upstream_pause(s->upstream, false);
    }
}

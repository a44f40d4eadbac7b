/*
 * stream.c - one agent connection as it comes from the gate: a request in fields, a decision, an answer.
 *
 * The gate may be hostile, so every field is checked here as if nobody had looked at it before. The order is the
 * promise of the whole program: match, screen, open the credential, make the decision durable, and only then connect
 * and inject (exchange.c).
 */
#include "base/clock.h"
#include "base/log.h"
#include "egress/state.h"
#include "http/write.h"
#include "policy/host.h"
#include "policy/path.h"

#include <stdlib.h>

static void stream_drop_call(struct stream *s)
{
    if (s->call_chan != NULL) {
        ipc_call_cancel(s->call_chan, s->call);
        s->call_chan = NULL;
    }
}

/* A decision that is on its way to the store becomes durable whether or not anybody waits for it, so what ends the
 * request now is its outcome. */
static void stream_own_decision(struct stream *s)
{
    if (s->call_chan != NULL && s->call_chan == s->egress->store) {
        s->record.decided = true;
    }
}

static void stream_record_outcome(struct stream *s, enum policy_reason reason)
{
    s->record.scrubs += (uint32_t)s->scanner.found;
    s->scanner.found = 0;
    record_outcome(s->egress, &s->record, reason);
}

/* Everything of the request is let go of; the connection stays. */
static void stream_forget_request(struct stream *s)
{
    stream_drop_call(s);
    exchange_release(s, false);
    if (s->counted) {
        s->counted = false;
        limits_leave(&s->egress->limits);
    }
    if (s->timer != NULL) {
        net_timer_stop(s->timer);
    }
    websocket_forget(s);
    inject_scanner_deinit(&s->scanner);
    inject_scan_unref(s->scan);
    s->scan = NULL;
    token_wait_cancel(&s->token);
    s->answering = NULL;
    body_forget(s);
    buf_deinit(&s->request_bytes);
    free(s->fields);
    s->fields = NULL;
    s->field_count = 0;
    s->route = NULL;
    s->grant = 0;
    config_unref(s->config);
    s->config = NULL;
}

static void stream_release(struct stream *s)
{
    stream_forget_request(s);
    net_timer_free(s->timer);
    ipc_chan_free(s->chan);
    list_remove(&s->link);
    s->egress->stream_count--;
    free(s);
}

void stream_enter(struct stream *s)
{
    s->depth++;
}

void stream_leave(struct stream *s)
{
    if (--s->depth == 0 && s->closed) {
        stream_release(s);
    }
}

void stream_close(struct stream *s)
{
    if (s->closed) {
        return;
    }
    s->closed = true;
    if (s->state != STREAM_IDLE && s->state != STREAM_DRAINING) {
        stream_own_decision(s);
        stream_record_outcome(s, POLICY_REASON_CLIENT_CLOSED);
    }
    stream_drop_call(s);
    if (s->depth == 0) {
        stream_release(s);
    }
}

void stream_finish(struct stream *s, enum policy_reason reason)
{
    stream_record_outcome(s, reason);
    stream_forget_request(s);
    s->state = s->request_complete ? STREAM_IDLE : STREAM_DRAINING;
    if (!s->closed) {
        ipc_chan_read(s->chan, true);
    }
}

/* ---- answers of our own ---- */

static int send_problem(struct stream *s, const struct http_problem *problem)
{
    struct buf body;
    struct buf proxy_status;
    struct buf fields;
    buf_init(&body, 8192);
    buf_init(&proxy_status, 1024);
    buf_init(&fields, IPC_FIELDS_MAX);
    int r;
    if ((r = http_problem_body(problem, &body)) != 0 ||
        (r = http_problem_proxy_status(problem, &proxy_status)) != 0) {
        goto out;
    }
    struct http_field list[] = {
        {SPAN_LIT("Content-Type"), SPAN_LIT("application/problem+json")},
        {SPAN_LIT("Proxy-Status"), buf_span(&proxy_status)},
        {SPAN_LIT("Cache-Control"), SPAN_LIT("no-store")},
    };
    if ((r = http_fields_encode(list, sizeof(list) / sizeof(list[0]), &fields)) != 0) {
        goto out;
    }
    struct ipc_response head = {.status = (uint16_t)problem->status,
                                .fields = buf_span(&fields),
                                .framing = HTTP_FRAMING_LENGTH,
                                .content_length = buf_len(&body)};
    if ((r = ipc_send_response(s->chan, 0, &head)) != 0) {
        goto out;
    }
    if (!span_eq_str(s->request.method, "HEAD")) {
        struct ipc_response_body m = {.data = buf_span(&body)};
        r = ipc_send_response_body(s->chan, 0, &m);
    }
    if (r == 0) {
        r = ipc_send_response_end(s->chan, 0, &(struct ipc_response_end){.total = buf_len(&body)});
    }
out:
    buf_deinit(&body);
    buf_deinit(&proxy_status);
    buf_deinit(&fields);
    return r;
}

void stream_refuse(struct stream *s, enum policy_reason reason)
{
    struct egress *e = s->egress;
    if (!s->record.decided && limits_refusal(&e->limits, net_loop_now_ms(e->loop))) {
        int r = record_decision(e, &s->record, reason, s->route, &s->request, 0, NULL, NULL, NULL);
        if (r != 0) {
            log_warn_r(r, "the refusal of request %s is not recorded", s->record.id_text);
        }
    }
    if (s->answered) {
        /* Too late for an answer: what the agent has must not look complete. */
        int r = ipc_send_response_abort(s->chan, 0, &(struct ipc_response_abort){.reason = (uint8_t)reason});
        if (r != 0) {
            stream_close(s);
            return;
        }
    } else {
        struct http_problem problem = {
            .status = policy_reason_status(reason),
            .verdict = policy_verdict_name(policy_reason_verdict(reason)),
            .reason = policy_reason_name(reason),
            .detail = policy_reason_detail(reason),
            .proxy_error = policy_reason_proxy_error(reason),
            .request_id = s->record.id_text,
        };
        s->record.status = problem.status;
        s->answered = true;
        int r = send_problem(s, &problem);
        if (r != 0) {
            log_warn_r(r, "the answer to request %s could not be given", s->record.id_text);
            stream_close(s);
            return;
        }
    }
    stream_finish(s, reason);
}

/* ---- deciding ---- */

static int on_decision_stored(void *arg, int code, const struct ipc_in *in)
{
    struct stream *s = arg;
    s->call_chan = NULL;
    stream_enter(s);
    struct ipc_audit_stored m = {0};
    int r = code;
    int bad = 0;
    if (r == 0) {
        bad = in->msg == IPC_MSG_AUDIT_STORED ? ipc_get_audit_stored(in->payload, &m) : CB_EMALFORMED;
        r = bad != 0 ? bad : ipc_result(m.code);
    }
    if (r == CB_EPERM && s->grant != 0) {
        s->route = NULL; /* the grant was used up or ended meanwhile, so nothing was recorded */
        stream_refuse(s, s->ungranted);
    } else if (r != 0) {
        log_warn_r(r, "request %s is refused, because it could not be recorded", s->record.id_text);
        s->record.decided = true; /* no second try to record it */
        stream_refuse(s, POLICY_REASON_AUDIT_UNAVAILABLE);
    } else {
        s->record.decided = true;
        if (s->answering != NULL) {
            token_answer(s);
        } else {
            exchange_begin(s);
        }
    }
    stream_leave(s);
    return bad;
}

static void stream_record(struct stream *s)
{
    struct egress *e = s->egress;
    int r = record_decision(e, &s->record, POLICY_REASON_ROUTE, s->route, &s->request, s->grant,
                            on_decision_stored, s, &s->call);
    if (r != 0) {
        log_warn_r(r, "request %s is refused, because it could not be recorded", s->record.id_text);
        s->record.decided = true;
        stream_refuse(s, POLICY_REASON_AUDIT_UNAVAILABLE);
        return;
    }
    s->call_chan = e->store;
}

static void on_token(struct token_wait *wait, enum policy_reason reason)
{
    struct stream *s = LIST_ENTRY(wait, struct stream, token);
    stream_enter(s);
    if (reason == POLICY_REASON_ROUTE) {
        stream_record(s);
    } else {
        stream_refuse(s, reason);
    }
    stream_leave(s);
}

/* The credentials are open. With some routes what goes in is not the credential, but a token. */
static void stream_take_token(struct stream *s)
{
    enum policy_reason reason = POLICY_REASON_ROUTE;
    if (s->route->token.grant != SPEC_GRANT_NONE) {
        s->token.done = on_token;
        reason = token_get(s->egress, s->config, s->route, &s->token);
    }
    if (reason == POLICY_REASON_ROUTE) {
        stream_record(s);
    } else if (reason != POLICY_REASON__COUNT) {
        stream_refuse(s, reason);
    }
}

/* The credentials that the route needs: that which goes into the request, and that which the connection shows. */
static const char *stream_needs(const struct stream *s, size_t i)
{
    if (i == 0) {
        return s->route->inject != SPEC_INJECT_NONE ? s->route->credential : NULL;
    }
    return s->route->upstream_credential;
}

static bool stream_is_bound(const struct stream *s, const char *name)
{
    const struct egress_credential *credential = config_credential(s->config, name);
    return credential != NULL && config_is_bound(s->config, credential, s->route, s->request.host);
}

static void stream_unseal(struct stream *s);

static int on_unsealed(void *arg, int code, const struct ipc_in *in)
{
    struct stream *s = arg;
    s->call_chan = NULL;
    stream_enter(s);
    struct egress_credential *credential = config_credential(s->config, s->unsealing);
    int r = code;
    if (r == 0) {
        r = credential != NULL ? config_take_credential(s->config, credential, in) : CB_EINTERNAL;
    }
    if (r == 0) {
        stream_unseal(s);
    } else {
        if (r != CB_ENOTFOUND) {
            log_error_r(r, "credential \"%s\" cannot be opened", s->unsealing);
        }
        stream_refuse(s, r == CB_ENOTFOUND ? POLICY_REASON_CREDENTIAL_NOT_SET
                                           : POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    }
    stream_leave(s);
    return 0;
}

static void stream_ask_for(struct stream *s, const char *name)
{
    struct egress *e = s->egress;
    struct ipc_unseal m = {.credential = span_str(name)};
    s->unsealing = name;
    int r = e->vault != NULL ? ipc_call_unseal(e->vault, &m, on_unsealed, s, &s->call) : CB_ECLOSED;
    if (r != 0) {
        log_warn_r(r, "credential \"%s\" cannot be asked for", name);
        stream_refuse(s, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
        return;
    }
    s->call_chan = e->vault;
}

/* Asks for what is not open yet, one after the other; then each has to be bound to this host. */
static void stream_unseal(struct stream *s)
{
    for (size_t i = 0; i < 2; i++) {
        const char *name = stream_needs(s, i);
        const struct egress_credential *credential = name != NULL ? config_credential(s->config, name) : NULL;
        if (name != NULL && (credential == NULL || credential->version == 0)) {
            stream_refuse(s, POLICY_REASON_CREDENTIAL_NOT_SET);
            return;
        }
        if (name != NULL && credential->value == NULL) {
            stream_ask_for(s, credential->name);
            return;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name = stream_needs(s, i);
        if (name != NULL && !stream_is_bound(s, name)) {
            stream_refuse(s, POLICY_REASON_BINDING);
            return;
        }
    }
    stream_take_token(s);
}

/* Checks every field that the gate sent. */
static enum policy_reason stream_check_fields(struct stream *s)
{
    const struct ipc_request *q = &s->request;
    struct policy_host host;
    if (q->scheme >= SPEC_SCHEME__COUNT || q->framing > HTTP_FRAMING_CHUNKED || q->port == 0) {
        return POLICY_REASON_BAD_REQUEST;
    }
    if (policy_host_parse(q->host, &host) != 0 || !span_eq(q->host, span_of(host.text, host.len))) {
        return POLICY_REASON_BAD_AUTHORITY;
    }
    struct buf path;
    buf_init(&path, IPC_TARGET_MAX);
    struct span query;
    bool has_query;
    int r = policy_path_parse(q->path, &path, &query, &has_query);
    bool canonical = r == 0 && !has_query && span_eq(buf_span(&path), q->path);
    buf_deinit(&path);
    if (!canonical) {
        return POLICY_REASON_BAD_PATH;
    }
    if (!q->has_query && q->query.len != 0) {
        return POLICY_REASON_BAD_PATH; /* it would be sent as more of the path */
    }
    for (size_t i = 0; i < q->query.len; i++) {
        if (q->query.ptr[i] <= 0x20 || q->query.ptr[i] == '#') {
            return POLICY_REASON_BAD_PATH;
        }
    }
    if (!http_name_valid(q->method)) {
        return POLICY_REASON_BAD_REQUEST;
    }
    s->fields = calloc(HTTP_FIELDS_MAX, sizeof(*s->fields));
    if (s->fields == NULL) {
        return POLICY_REASON_INTERNAL;
    }
    r = http_fields_decode(q->fields, s->fields, HTTP_FIELDS_MAX, &s->field_count);
    struct span key;
    bool websocket_fine =
        r == 0 &&
        (!q->websocket || (span_eq_str(q->method, "GET") && q->framing == HTTP_FRAMING_NONE &&
                           !q->expect_continue && http_websocket_key(s->fields, s->field_count, &key)));
    return websocket_fine ? POLICY_REASON_ROUTE : POLICY_REASON_BAD_REQUEST;
}

static enum policy_reason stream_match(struct stream *s)
{
    struct egress *e = s->egress;
    const struct ipc_request *q = &s->request;
    enum policy_reason reason = stream_check_fields(s);
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    if (e->config == NULL || e->tls == NULL) {
        return POLICY_REASON_NOT_READY;
    }
    if (e->config->suspended) {
        return POLICY_REASON_TENANT_SUSPENDED;
    }
    s->config = config_ref(e->config);
    reason = limits_enter(&e->limits, &s->config->spec->limits, net_loop_now_ms(e->loop));
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    s->counted = true;
    struct policy_query query = {.scheme = (enum spec_scheme)q->scheme,
                                 .host = q->host,
                                 .port = q->port,
                                 .method = q->method,
                                 .path = q->path,
                                 .query = q->query};
    struct inject_request request = {.path = q->path,
                                     .query = q->query,
                                     .has_query = q->has_query,
                                     .fields = s->fields,
                                     .field_count = s->field_count};
    struct inject_rules rules = {.table = s->config->table,
                                 .grants = &s->config->grants,
                                 .placeholders = s->config->placeholders,
                                 .placeholder_count = s->config->credential_count};
    struct inject_decision decision = inject_decide(&rules, &query, &request, clock_wall_ms());
    reason = decision.reason;
    s->route = decision.route;
    if (decision.grant != NULL) {
        s->grant = decision.grant->id;
        s->ungranted = decision.ungranted;
    }
    s->asks_websocket = reason == POLICY_REASON_ROUTE && q->websocket && s->route->websocket;
    s->answering = s->route != NULL ? token_answer_find(s->config, q) : NULL;
    if (s->answering != NULL &&
        (reason == POLICY_REASON_FOREIGN_CREDENTIAL || reason == POLICY_REASON_PLACEHOLDER_MISPLACED ||
         reason == POLICY_REASON_PLACEHOLDER_REQUIRED)) {
        return POLICY_REASON_ROUTE; /* what it carries goes nowhere */
    }
    uint64_t max = s->config->spec->limits.request_bytes;
    if (reason == POLICY_REASON_ROUTE && max != 0 && q->framing == HTTP_FRAMING_LENGTH &&
        q->content_length > max) {
        return POLICY_REASON_BODY_TOO_LARGE;
    }
    if (reason == POLICY_REASON_PLACEHOLDER_MISPLACED) {
        log_warn("tripwire: a placeholder where it does not belong, in request %s", s->record.id_text);
    }
    return reason == POLICY_REASON_ROUTE ? body_screen(s) : reason;
}

static void stream_decide(struct stream *s)
{
    s->state = STREAM_DECIDING;
    /* Nothing of the body is taken from the gate before there is somewhere to put it. */
    ipc_chan_read(s->chan, false);
    enum policy_reason reason = stream_match(s);
    if (reason != POLICY_REASON_ROUTE) {
        stream_refuse(s, reason);
        if (reason == POLICY_REASON_PLACEHOLDER_MISPLACED) {
            record_tripwire(s->egress, &s->record);
        }
    } else if (s->answering != NULL) {
        stream_record(s); /* nothing is sent, so nothing has to be opened */
    } else {
        stream_unseal(s);
    }
}

static int on_request(struct stream *s, struct ipc_in *in)
{
    if (s->state != STREAM_IDLE) {
        return CB_ESTATE;
    }
    /* The spans of a message die with its handler, and the decision takes longer: keep a copy. */
    int r = buf_append_span(&s->request_bytes, in->payload);
    if (r == 0) {
        r = ipc_get_request(buf_span(&s->request_bytes), &s->request);
    }
    if (r != 0) {
        return r;
    }
    record_begin(&s->record);
    s->request_complete = false;
    s->answered = false;
    s->retried = false;
    stream_decide(s);
    return 0;
}

static int on_request_body(struct stream *s, struct ipc_in *in)
{
    struct ipc_request_body m;
    int r = ipc_get_request_body(in->payload, &m);
    if (r != 0 || s->state == STREAM_DRAINING) {
        return r;
    }
    if ((s->state != STREAM_EXCHANGING && s->state != STREAM_HOLDING) || s->request_complete) {
        return CB_ESTATE;
    }
    return exchange_body(s, m.data);
}

static int on_request_end(struct stream *s, struct ipc_in *in)
{
    struct ipc_request_end m;
    int r = ipc_get_request_end(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (s->state == STREAM_DRAINING) {
        s->state = STREAM_IDLE;
        s->request_complete = true;
        return 0;
    }
    if ((s->state != STREAM_EXCHANGING && s->state != STREAM_HOLDING) || s->request_complete) {
        return CB_ESTATE;
    }
    s->request_complete = true;
    return exchange_request_end(s);
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct stream *s = arg;
    stream_enter(s);
    int r = CB_EPERM;
    switch (in->msg) {
    case IPC_MSG_REQUEST:
        r = on_request(s, in);
        break;
    case IPC_MSG_REQUEST_BODY:
        r = on_request_body(s, in);
        break;
    case IPC_MSG_REQUEST_END:
        r = on_request_end(s, in);
        break;
    default:
        break;
    }
    stream_leave(s);
    return r;
}

static void on_closed(void *arg, int code)
{
    struct stream *s = arg;
    if (code != CB_ECLOSED) {
        log_warn_r(code, "the gate broke the protocol on a connection");
    }
    stream_close(s);
}

static void on_drained(void *arg)
{
    struct stream *s = arg;
    stream_enter(s);
    exchange_resume(s);
    stream_leave(s);
}

static const struct ipc_chan_handler stream_handler = {
    .on_message = on_message, .on_closed = on_closed, .on_drained = on_drained};

/* Whether the new configuration still lets this request have what it has: the way, the WebSocket, the credential. Another value
 * of the same credential is no reason to end it. */
static enum policy_reason stream_may_go_on(struct stream *s, const struct policy_query *query)
{
    struct egress_config *now = s->egress->config;
    const struct spec_route *route;
    enum policy_reason reason =
        now->suspended ? POLICY_REASON_TENANT_SUSPENDED : policy_table_match(now->table, query, &route);
    if (s->grant != 0 && policy_grant_may(reason)) {
        return policy_grants_still(&now->grants, s->grant, clock_wall_ms()) ? POLICY_REASON_ROUTE : reason;
    }
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    if (s->asks_websocket && !route->websocket) {
        return POLICY_REASON_NO_ROUTE_METHOD;
    }
    if (s->route == NULL || s->route->credential == NULL) {
        return POLICY_REASON_ROUTE;
    }
    const struct egress_credential *c = config_credential(now, s->route->credential);
    bool same = route->credential != NULL && strcmp(route->credential, s->route->credential) == 0;
    return same && c != NULL && c->version != 0 ? POLICY_REASON_ROUTE : POLICY_REASON_CREDENTIAL_NOT_SET;
}

void stream_recheck(struct stream *s)
{
    if (s->state == STREAM_IDLE || s->state == STREAM_DRAINING || s->config == NULL) {
        return;
    }
    struct policy_query query = {.scheme = (enum spec_scheme)s->request.scheme,
                                 .host = s->request.host,
                                 .port = s->request.port,
                                 .method = s->request.method,
                                 .path = s->request.path,
                                 .query = s->request.query};
    enum policy_reason reason = stream_may_go_on(s, &query);
    if (reason != POLICY_REASON_ROUTE) {
        stream_enter(s);
        stream_own_decision(s);
        exchange_release(s, false);
        stream_refuse(s, reason);
        stream_leave(s);
    }
}

void stream_lose_call(struct stream *s, const struct ipc_chan *chan)
{
    if (s->call_chan != chan) {
        return;
    }
    bool unsealing = ipc_chan_peer(chan) == IPC_ROLE_VAULT;
    stream_drop_call(s);
    stream_enter(s);
    s->record.decided = !unsealing; /* no second try to record it */
    stream_refuse(s, unsealing ? POLICY_REASON_CREDENTIAL_UNAVAILABLE : POLICY_REASON_AUDIT_UNAVAILABLE);
    stream_leave(s);
}

int stream_open(struct egress *e, int fd)
{
    if (e->stream_count >= EGRESS_STREAMS_MAX) {
        return CB_ELIMIT;
    }
    struct stream *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return CB_ENOMEM;
    }
    s->egress = e;
    s->request_complete = true;
    body_init(s);
    list_init(&s->token.link);
    buf_init(&s->request_bytes, ipc_msg_info(IPC_MSG_REQUEST)->limit);
    int r = ipc_chan_open(e->loop, fd, IPC_CHANNEL_STREAM, IPC_ROLE_EGRESS, IPC_ROLE_GATE, false,
                          &stream_handler, s, &s->chan);
    if (r != 0) {
        free(s);
        return r;
    }
    list_push_back(&e->streams, &s->link);
    e->stream_count++;
    return 0;
}

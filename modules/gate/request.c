/* request.c - a request becomes fields: one target, one host, a canonical path, and on to egress. */
#include "base/log.h"
#include "gate/state.h"
#include "http/fields.h"
#include "http/websocket.h"
#include "ipc/pair.h"
#include "policy/path.h"

#include <unistd.h>

void request_split_authority(struct span target, struct span *authority, struct span *rest)
{
    size_t len = 0;
    while (len < target.len && target.ptr[len] != '/' && target.ptr[len] != '?' && target.ptr[len] != '#') {
        len++;
    }
    *authority = span_sub(target, 0, len);
    *rest = span_sub(target, len, SIZE_MAX);
    if (rest->len == 0) {
        *rest = SPAN_LIT("/");
    }
}

bool request_split_absolute(struct span target, struct span scheme, struct span *authority, struct span *rest)
{
    if (target.len < scheme.len || !span_eq_nocase(span_sub(target, 0, scheme.len), scheme)) {
        return false;
    }
    request_split_authority(span_sub(target, scheme.len, SIZE_MAX), authority, rest);
    return true;
}

static bool same_authority(const struct destination *d, const struct policy_host *host, uint16_t port)
{
    return port == d->port && span_eq(span_of(host->text, host->len), span_of(d->host.text, d->host.len));
}

/* The destination of a request inside a tunnel is the tunnel's; the target may only repeat it. */
static enum policy_reason destination_in_tunnel(const struct agent *a, const struct http_head *head,
                                                struct destination *d)
{
    bool tls = a->mode == AGENT_TUNNEL_TLS;
    d->scheme = tls ? SPEC_SCHEME_HTTPS : SPEC_SCHEME_HTTP;
    d->host = a->host;
    d->port = a->port;
    d->path_and_query = head->target;
    if (a->mismatch) {
        return POLICY_REASON_AUTHORITY_MISMATCH;
    }
    if (head->target.len != 0 && head->target.ptr[0] == '/') {
        return POLICY_REASON_ROUTE;
    }
    struct span authority;
    struct policy_host host;
    uint16_t port;
    if (!request_split_absolute(head->target, tls ? SPAN_LIT("https://") : SPAN_LIT("http://"), &authority,
                                &d->path_and_query)) {
        return POLICY_REASON_BAD_REQUEST;
    }
    if (policy_authority_parse(authority, tls ? 443 : 80, &host, &port) != 0) {
        return POLICY_REASON_BAD_AUTHORITY;
    }
    return same_authority(d, &host, port) ? POLICY_REASON_ROUTE : POLICY_REASON_AUTHORITY_MISMATCH;
}

static enum policy_reason destination_absolute(const struct http_head *head, struct destination *d)
{
    struct span authority;
    d->scheme = SPEC_SCHEME_HTTP;
    if (!request_split_absolute(head->target, SPAN_LIT("http://"), &authority, &d->path_and_query)) {
        return POLICY_REASON_BAD_REQUEST;
    }
    return policy_authority_parse(authority, 80, &d->host, &d->port) == 0 ? POLICY_REASON_ROUTE
                                                                          : POLICY_REASON_BAD_AUTHORITY;
}

/* The Host field must name the same authority. Agents leave its port out of habit, also where it is not the usual one. */
static enum policy_reason check_host_field(const struct http_head *head, const struct destination *d)
{
    const struct http_field *field = http_field_find(head->fields, head->field_count, "Host");
    struct policy_host host;
    uint16_t port;
    if (field == NULL) {
        return POLICY_REASON_ROUTE; /* HTTP/1.0; the parser demands it of HTTP/1.1 */
    }
    if (policy_authority_parse(field->value, d->port, &host, &port) != 0) {
        return POLICY_REASON_BAD_AUTHORITY;
    }
    return same_authority(d, &host, port) ? POLICY_REASON_ROUTE : POLICY_REASON_AUTHORITY_MISMATCH;
}

/* Makes the channel of this connection and hands its other end to egress. */
static int open_stream(struct agent *a)
{
    struct gate *g = a->gate;
    if (a->stream != NULL) {
        return 0;
    }
    if (g->egress == NULL) {
        return CB_ECLOSED;
    }
    int fds[2];
    int r = ipc_pair(fds);
    if (r != 0) {
        return r;
    }
    r = ipc_chan_open(g->loop, fds[0], IPC_CHANNEL_STREAM, IPC_ROLE_GATE, IPC_ROLE_EGRESS, false,
                      &answer_handler, a, &a->stream);
    if (r != 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return r;
    }
    r = ipc_send_connection(g->egress, 0, &(struct ipc_connection){.serial = ++g->next_serial}, fds[1]);
    if (r != 0) {
        ipc_chan_free(a->stream);
        a->stream = NULL;
    }
    return r;
}

/* The proxy's own token was for the gate; inside a tunnel such a field is a credential like any other, and egress sees it. */
static int encode_fields(const struct agent *a, const struct http_head *head, struct buf *out)
{
    struct http_field kept[HTTP_FIELDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (a->mode != AGENT_PROXY ||
            !span_eq_nocase(head->fields[i].name, SPAN_LIT("Proxy-Authorization"))) {
            kept[count++] = head->fields[i];
        }
    }
    return http_fields_encode(kept, count, out);
}

static int send_request(struct agent *a, const struct http_head *head, const struct destination *d,
                        struct span path, struct span query, bool has_query)
{
    struct buf fields;
    buf_init(&fields, IPC_FIELDS_MAX);
    int r = encode_fields(a, head, &fields);
    if (r == 0) {
        struct ipc_request m = {
            .scheme = (uint8_t)d->scheme,
            .host = span_of(d->host.text, d->host.len),
            .port = d->port,
            .method = head->method,
            .path = path,
            .has_query = has_query,
            .query = query,
            .fields = buf_span(&fields),
            .framing = (uint8_t)head->framing,
            .content_length = head->content_length,
            .expect_continue = head->expect_continue,
            .websocket = a->asks_websocket,
        };
        r = ipc_send_request(a->stream, 0, &m);
    }
    buf_deinit(&fields);
    return r;
}

static enum policy_reason pass_on(struct agent *a, const struct http_head *head, struct destination *d)
{
    if (span_eq_str(head->method, "CONNECT")) {
        return POLICY_REASON_METHOD_NEVER; /* inside of a tunnel */
    }
    enum policy_reason reason;
    if (base_url_is_asked(a, head)) {
        reason = base_url_destination(a, head, d); /* the Host field names the listener */
    } else {
        reason = a->mode == AGENT_PROXY ? destination_absolute(head, d) : destination_in_tunnel(a, head, d);
        reason = reason == POLICY_REASON_ROUTE ? check_host_field(head, d) : reason;
    }
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    if (a->gate->routes.suspended) {
        return POLICY_REASON_TENANT_SUSPENDED;
    }
    struct buf path;
    buf_init(&path, IPC_TARGET_MAX);
    struct span query;
    bool has_query;
    int r = policy_path_parse(d->path_and_query, &path, &query, &has_query);
    if (r != 0) {
        reason = r == CB_ELIMIT ? POLICY_REASON_URI_TOO_LONG : POLICY_REASON_BAD_PATH;
    } else if ((r = open_stream(a)) != 0 ||
               (r = send_request(a, head, d, buf_span(&path), query, has_query)) != 0) {
        log_warn_r(r, "a request cannot be passed on");
        reason = r == CB_ELIMIT ? POLICY_REASON_HEAD_TOO_LARGE : POLICY_REASON_NOT_READY;
    }
    buf_deinit(&path);
    return reason;
}

void request_head(struct agent *a, const struct http_head *head)
{
    a->keep_alive = head->keep_alive && !a->gate->stopping;
    a->minor = head->minor;
    a->is_head = span_eq_str(head->method, "HEAD");
    a->asks_websocket = http_websocket_is_asked(head);
    a->request_failed = false;
    a->request_total = 0;
    a->answer_begun = false;
    struct destination d = {.port = 0};
    enum policy_reason reason = pass_on(a, head, &d);
    if (reason != POLICY_REASON_ROUTE) {
        struct http_head shown = *head;
        shown.target = base_url_is_asked(a, head) ? d.path_and_query : head->target;
        answer_refuse(a, reason, &shown, span_of(d.host.text, d.host.len), d.port, d.scheme);
    }
}

void request_body(struct agent *a, struct span body)
{
    while (body.len != 0 && !a->request_failed && a->stream != NULL) {
        struct span part = span_sub(body, 0, IPC_BODY_MAX);
        body = span_sub(body, part.len, SIZE_MAX);
        a->request_total += part.len;
        if (ipc_send_request_body(a->stream, 0, &(struct ipc_request_body){.data = part}) != 0) {
            a->request_failed = true; /* the end of the channel is reported by itself */
        }
    }
}

void request_end(struct agent *a)
{
    if (a->request_failed || a->stream == NULL) {
        return;
    }
    if (ipc_send_request_end(a->stream, 0, &(struct ipc_request_end){.total = a->request_total}) != 0) {
        a->request_failed = true;
    }
}

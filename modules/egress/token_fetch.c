/*
 * token_fetch.c - one request to a token endpoint.
 *
 * It is a request like those of the agent: with a record of its own, which is durable before the credential is used; to the
 * host that the credential is bound to; over an address that was checked and a certificate that was verified. What is
 * answered is read here and goes nowhere else: a redirect is no token.
 */
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "egress/state.h"
#include "tls/seal.h"
#include "tls/sign.h"

#include <stdio.h>
#include <stdlib.h>

#define FETCH_MS    30000U
#define REQUEST_MAX ((size_t)256 * 1024)
#define ID_LEN      16

struct fetch {
    struct egress *egress;
    struct egress_config *config;
    const struct spec_route *route; /* of config */
    fetch_done_fn *done;
    void *arg;
    struct inject_grant grant;
    struct record record;
    struct ipc_chan *call_chan; /* where `call` is open, or NULL */
    uint32_t call;
    struct upstream *upstream;
    struct net_timer *timer;
    struct buf request;
    struct buf body;
};

static void fetch_free(struct fetch *f)
{
    if (f->call_chan != NULL) {
        ipc_call_cancel(f->call_chan, f->call);
    }
    upstream_close(f->upstream);
    net_timer_free(f->timer);
    buf_deinit(&f->request);
    buf_deinit(&f->body);
    inject_grant_deinit(&f->grant);
    config_unref(f->config);
    free(f);
}

/* The end: `outcome` is for the record, `reason` for those who wait. */
static void fetch_end(struct fetch *f, enum policy_reason outcome, enum policy_reason reason,
                      const struct inject_token_answer *answer)
{
    fetch_done_fn *done = f->done;
    void *arg = f->arg;
    struct inject_grant grant = f->grant;
    f->grant = (struct inject_grant){.kind = SPEC_GRANT_NONE};
    record_outcome(f->egress, &f->record, outcome);
    fetch_free(f);
    done(arg, reason, answer, &grant);
    inject_grant_deinit(&grant);
}

static void fetch_fail(struct fetch *f, enum policy_reason outcome, enum policy_reason reason)
{
    log_warn("no token for credential \"%s\": %s", f->route->credential, policy_reason_name(outcome));
    fetch_end(f, outcome, reason, NULL);
}

void fetch_cancel(struct fetch *f)
{
    if (f->call_chan != NULL) {
        f->record.decided = true; /* it becomes durable all the same */
    }
    record_outcome(f->egress, &f->record, POLICY_REASON_CLIENT_CLOSED);
    fetch_free(f);
}

static void on_timeout(void *arg)
{
    fetch_fail(arg, POLICY_REASON_UPSTREAM_TIMEOUT, POLICY_REASON_TOKEN_UNAVAILABLE);
}

/* ---- the answer ---- */

static void on_head(void *arg, const struct http_head *head, bool interim)
{
    struct fetch *f = arg;
    if (interim) {
        return;
    }
    f->record.status = head->status;
    f->record.first_byte_us = clock_mono_us() - f->record.start_us;
    const struct http_field *coding = http_field_find(head->fields, head->field_count, "Content-Encoding");
    if (coding != NULL && coding->value.len != 0 && !span_eq_nocase(coding->value, SPAN_LIT("identity"))) {
        fetch_fail(f, POLICY_REASON_UPSTREAM_RESPONSE, POLICY_REASON_TOKEN_REFUSED);
    }
}

static void on_body(void *arg, struct span body)
{
    struct fetch *f = arg;
    f->record.response_bytes += body.len;
    if (buf_append_span(&f->body, body) != 0) {
        fetch_fail(f, POLICY_REASON_UPSTREAM_RESPONSE, POLICY_REASON_TOKEN_REFUSED);
    }
}

static void on_end(void *arg)
{
    struct fetch *f = arg;
    struct inject_token_answer answer;
    struct buf memory;
    char error[64];
    char detail[128];
    if (f->record.status != 200) {
        bool later = f->record.status >= 500 || f->record.status == 429;
        inject_token_error_read(buf_span(&f->body), error);
        (void)snprintf(detail, sizeof(detail), "the endpoint answers %u%s%s", f->record.status,
                       error[0] != '\0' ? ", " : "", error);
        record_detail(&f->record, detail);
        log_warn("no token for credential \"%s\": %s", f->route->credential, detail);
        fetch_end(f, POLICY_REASON_TOKEN_REFUSED,
                  later ? POLICY_REASON_TOKEN_UNAVAILABLE : POLICY_REASON_TOKEN_REFUSED, NULL);
        return;
    }
    buf_init(&memory, INJECT_TOKEN_ANSWER_MAX);
    buf_set_sensitive(&memory);
    int r = inject_token_answer_read(buf_span(&f->body), &memory, &answer);
    if (r != 0) {
        record_detail(&f->record, "the endpoint's answer is no token");
        log_warn_r(r, "no token for credential \"%s\": the answer of %s is not one", f->route->credential,
                   f->route->token.host);
        fetch_end(f, POLICY_REASON_TOKEN_REFUSED, POLICY_REASON_TOKEN_REFUSED, NULL);
    } else {
        fetch_end(f, POLICY_REASON_ROUTE, POLICY_REASON_ROUTE, &answer);
    }
    buf_deinit(&memory);
}

static void on_fail(void *arg, enum policy_reason reason, bool stale)
{
    struct fetch *f = arg;
    (void)stale; /* the connection is new */
    record_detail(&f->record, f->upstream->detail);
    fetch_fail(f, reason, POLICY_REASON_TOKEN_UNAVAILABLE);
}

/* ---- the request ---- */

static void on_ready(void *arg)
{
    struct fetch *f = arg;
    struct upstream *u = f->upstream;
    (void)snprintf(f->record.peer, sizeof(f->record.peer), "%s", u->peer);
    f->record.request_bytes = buf_len(&f->request);
    upstream_begin(u, false);
    int r = upstream_write(u, buf_span(&f->request));
    buf_deinit(&f->request);
    if (r != 0) {
        fetch_fail(f, POLICY_REASON_INTERNAL, POLICY_REASON_TOKEN_UNAVAILABLE);
    }
}

static const struct upstream_handler fetch_handler = {
    .on_ready = on_ready, .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

static int make_assertion(const struct fetch *f, struct buf *out)
{
    const struct inject_grant *grant = &f->grant;
    uint8_t random[ID_LEN];
    char id[2 * ID_LEN + 1];
    struct tls_signer *signer = NULL;
    struct buf signature;
    buf_init(&signature, TLS_SIGNATURE_MAX);
    secret_random(random, sizeof(random));
    encode_hex(random, sizeof(random), id);
    int r = tls_signer_new(grant->private_key, &signer);
    if (r == 0 &&
        (r = inject_jwt_unsigned(&f->route->token, grant, tls_signer_algorithm(signer),
                                 clock_wall_ms() / 1000, span_str(id), out)) == 0 &&
        (r = tls_signer_sign(signer, buf_span(out), &signature)) == 0) {
        r = inject_jwt_sign(buf_span(&signature), out);
    }
    tls_signer_free(signer);
    buf_deinit(&signature);
    return r;
}

static int make_request(struct fetch *f)
{
    struct buf assertion;
    buf_init(&assertion, (size_t)64 * 1024);
    buf_set_sensitive(&assertion);
    int r = f->grant.kind == SPEC_GRANT_JWT ? make_assertion(f, &assertion) : 0;
    if (r == 0) {
        r = inject_token_request(&f->route->token, &f->grant, buf_span(&assertion), &f->request);
    }
    buf_deinit(&assertion);
    return r;
}

static int fetch_connect(struct fetch *f)
{
    const struct spec_token *token = &f->route->token;
    struct upstream_key key = {
        .host = token->host,
        .port = token->port,
        .scheme = SPEC_SCHEME_HTTPS,
        .address = token->address,
        .address_port = token->address_port != 0 ? token->address_port : token->port,
        .roots = trust_of_token(f->egress, f->config, f->route),
    };
    return upstream_open(f->egress, &key, f->config, &fetch_handler, f, &f->upstream);
}

static int on_decision_stored(void *arg, int code, const struct ipc_in *in)
{
    struct fetch *f = arg;
    struct ipc_audit_stored m = {0};
    f->call_chan = NULL;
    int bad = code == 0 && in->msg != IPC_MSG_AUDIT_STORED ? CB_EMALFORMED : 0;
    if (code == 0 && bad == 0) {
        bad = ipc_get_audit_stored(in->payload, &m);
    }
    if (code != 0 || bad != 0 || m.code != 0) {
        fetch_fail(f, POLICY_REASON_AUDIT_UNAVAILABLE, POLICY_REASON_AUDIT_UNAVAILABLE);
        return bad;
    }
    f->record.decided = true;
    int r = make_request(f);
    if (r != 0) {
        log_error_r(r, "the request for a token with credential \"%s\" cannot be made", f->route->credential);
        fetch_fail(f, POLICY_REASON_CREDENTIAL_UNAVAILABLE, POLICY_REASON_CREDENTIAL_UNAVAILABLE);
    } else if (fetch_connect(f) != 0) {
        fetch_fail(f, POLICY_REASON_CONNECT, POLICY_REASON_TOKEN_UNAVAILABLE);
    } else {
        net_timer_start(f->timer, FETCH_MS, 0);
    }
    return 0;
}

void fetch_lose_call(struct fetch *f, const struct ipc_chan *chan)
{
    if (f->call_chan == chan) {
        ipc_call_cancel(f->call_chan, f->call);
        f->call_chan = NULL;
        fetch_fail(f, POLICY_REASON_AUDIT_UNAVAILABLE, POLICY_REASON_AUDIT_UNAVAILABLE);
    }
}

static enum policy_reason fetch_check(struct fetch *f)
{
    const struct spec_route *route = f->route;
    const struct egress_credential *c = config_credential(f->config, route->credential);
    const char *why = "";
    if (c == NULL || c->value == NULL) {
        return POLICY_REASON_CREDENTIAL_UNAVAILABLE;
    }
    if (!spec_binding_allows_token(span_str(c->binding), route, digest_sha256_of)) {
        return POLICY_REASON_BINDING;
    }
    int r = inject_grant_read(route->token.grant, secret_span(c->value), &f->grant, &why);
    if (r == 0) {
        r = inject_grant_check(&route->token, &f->grant, &why);
    }
    if (r != 0) {
        log_error("credential \"%s\" is not what its route needs: %s", route->credential, why);
        return POLICY_REASON_CREDENTIAL_UNAVAILABLE;
    }
    return POLICY_REASON_ROUTE;
}

static enum policy_reason fetch_record(struct fetch *f)
{
    const struct spec_token *token = &f->route->token;
    struct ipc_request q = {.scheme = SPEC_SCHEME_HTTPS,
                            .host = span_str(token->host),
                            .port = token->port,
                            .method = SPAN_LIT("POST"),
                            .path = span_str(token->path)};
    record_begin(&f->record);
    int r = record_decision(f->egress, &f->record, POLICY_REASON_ROUTE, f->route, &q, 0, on_decision_stored,
                            f, &f->call);
    if (r != 0) {
        log_warn_r(r, "a request for a token cannot be recorded");
        return POLICY_REASON_AUDIT_UNAVAILABLE;
    }
    f->call_chan = f->egress->store;
    return POLICY_REASON_ROUTE;
}

enum policy_reason fetch_start(struct egress *e, struct egress_config *config, const struct spec_route *route,
                               fetch_done_fn *done, void *arg, struct fetch **out)
{
    struct fetch *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return POLICY_REASON_INTERNAL;
    }
    f->egress = e;
    f->config = config_ref(config);
    f->route = route;
    f->done = done;
    f->arg = arg;
    buf_init(&f->request, REQUEST_MAX);
    buf_set_sensitive(&f->request);
    buf_init(&f->body, INJECT_TOKEN_ANSWER_MAX);
    buf_set_sensitive(&f->body);
    f->timer = net_timer_new(e->loop, on_timeout, f);
    enum policy_reason reason = f->timer != NULL ? fetch_check(f) : POLICY_REASON_INTERNAL;
    if (reason == POLICY_REASON_ROUTE) {
        reason = fetch_record(f);
    }
    if (reason != POLICY_REASON_ROUTE) {
        fetch_free(f);
        return reason;
    }
    *out = f;
    return POLICY_REASON_ROUTE;
}

/* egress_stage.c - the monitor, store, vault and gate that test_egress plays; egress_provider.c has the providers. */
#include "egress_stage.h"

#include <netinet/in.h>
#include <sys/socket.h>

STAGE_CLOCK

enum { ALICE = 7 };

void egress_note(struct egress_stage *t, char what)
{
    if (t->note_count + 1 < EGRESS_NOTES_MAX) {
        t->notes[t->note_count++] = what;
    }
    net_loop_stop(t->s.loop);
}

static void keep(char *out, size_t size, struct span text)
{
    (void)snprintf(out, size, "%.*s", SPAN_ARG(text));
}

/* ---- the store ---- */

static int send_spec(struct egress_stage *t, uint32_t call)
{
    struct buf spec;
    struct buf credentials;
    uint8_t hash[IPC_HASH_LEN];
    memset(hash, 0x11, sizeof(hash));
    buf_init(&spec, SPEC_ENCODED_MAX);
    buf_init(&credentials, IPC_PAGE_MAX / 2);
    CHECK_EQ_INT(spec_encode(t->spec, &spec), 0);
    struct writer w = writer_to(&credentials);
    size_t at = ipc_list_begin(&w);
    ipc_write_text(&w, SPAN_LIT("key"), IPC_NAME_MAX);
    ipc_write_text(&w, SPAN_LIT(ALICE_PH), 256);
    writer_u64(&w, t->key_version);
    ipc_write_text(&w, SPAN_LIT("unset"), IPC_NAME_MAX);
    ipc_write_text(&w, SPAN_LIT(UNSET_PH), 256);
    writer_u64(&w, 0);
    ipc_list_end(&w, at, 2);
    struct ipc_spec m = {.generation = t->generation,
                         .spec = buf_span(&spec),
                         .credentials = buf_span(&credentials),
                         .grants = buf_len(&t->grants) != 0 ? buf_span(&t->grants) : SPAN_LIT("\0\0\0\0"),
                         .token_hash = span_of(hash, sizeof(hash)),
                         .suspended = t->suspended};
    int r = ipc_send_spec(t->store, call, &m);
    buf_deinit(&spec);
    buf_deinit(&credentials);
    return r;
}

void egress_answer_stored(struct egress_stage *t, uint32_t call, int code)
{
    egress_note(t, 'S');
    struct ipc_audit_stored m = {.code = ipc_code(code), .seq = code == 0 ? t->decision_count : 0};
    CHECK_EQ_INT(ipc_send_audit_stored(t->store, call, &m), 0);
}

static int on_decision(struct egress_stage *t, const struct ipc_in *in)
{
    struct ipc_audit_decision m;
    int r = ipc_get_audit_decision(in->payload, &m);
    if (r != 0 || !CHECK(t->decision_count < EGRESS_RECORDS_MAX) ||
        !CHECK_EQ_UINT(m.request_id.len, IPC_REQUEST_ID_LEN)) {
        return r;
    }
    /* As the real store has it: a record that breaks the rules would cost the egress its channel. */
    CHECK(m.reason < POLICY_REASON__COUNT && m.scheme < SPEC_SCHEME__COUNT && m.time_ms < INT64_MAX);
    struct egress_decision_seen *d = &t->decisions[t->decision_count++];
    d->reason = m.reason;
    d->grant = m.grant;
    d->scheme = m.scheme;
    memcpy(d->id, m.request_id.ptr, sizeof(d->id));
    keep(d->route, sizeof(d->route), m.route);
    keep(d->credential, sizeof(d->credential), m.credential);
    keep(d->host, sizeof(d->host), m.host);
    keep(d->path, sizeof(d->path), m.path);
    keep(d->query_keys, sizeof(d->query_keys), m.query_keys);
    egress_note(t, 'D');
    if (t->hold_stored) {
        t->held_call = in->call;
    } else {
        egress_answer_stored(t, in->call, t->stored_code);
    }
    return 0;
}

static int on_outcome(struct egress_stage *t, const struct ipc_in *in)
{
    struct ipc_audit_outcome m;
    int r = ipc_get_audit_outcome(in->payload, &m);
    if (r != 0 || !CHECK(t->outcome_count < EGRESS_RECORDS_MAX) ||
        !CHECK_EQ_UINT(m.request_id.len, IPC_REQUEST_ID_LEN)) {
        return r;
    }
    struct egress_outcome_seen *o = &t->outcomes[t->outcome_count++];
    *o = (struct egress_outcome_seen){.reason = m.reason,
                                      .status = m.status,
                                      .request_bytes = m.request_bytes,
                                      .response_bytes = m.response_bytes,
                                      .input_tokens = m.input_tokens,
                                      .output_tokens = m.output_tokens};
    memcpy(o->id, m.request_id.ptr, sizeof(o->id));
    keep(o->peer, sizeof(o->peer), m.peer);
    keep(o->detail, sizeof(o->detail), m.detail);
    keep(o->model, sizeof(o->model), m.model);
    egress_note(t, 'O');
    return 0;
}

static int on_store_message(void *arg, struct ipc_in *in)
{
    struct egress_stage *t = arg;
    int r = CB_EPERM;
    if (in->msg == IPC_MSG_SPEC_GET) {
        r = send_spec(t, in->call);
    } else if (in->msg == IPC_MSG_AUDIT_DECISION) {
        r = on_decision(t, in);
    } else if (in->msg == IPC_MSG_AUDIT_OUTCOME) {
        r = on_outcome(t, in);
    } else if (in->msg == IPC_MSG_TRIPWIRE) {
        struct ipc_tripwire m;
        r = ipc_get_tripwire(in->payload, &m);
        CHECK(r == 0 &&
              span_eq(m.request_id, span_of(t->decisions[t->decision_count - 1].id, IPC_REQUEST_ID_LEN)));
        t->tripwires++;
    }
    CHECK_EQ_INT(r, 0);
    return r;
}

/* ---- the vault ---- */

void egress_answer_credential(struct egress_stage *t, uint32_t call, int code)
{
    struct ipc_credential m = {.code = ipc_code(code)};
    if (code == 0) {
        m.binding = buf_span(&t->binding);
        m.value = SPAN_LIT(ALICE_KEY);
    }
    CHECK_EQ_INT(ipc_send_credential(t->vault, call, &m), 0);
}

static int on_vault_message(void *arg, struct ipc_in *in)
{
    struct egress_stage *t = arg;
    struct ipc_unseal m;
    int r = in->msg == IPC_MSG_UNSEAL ? ipc_get_unseal(in->payload, &m) : CB_EPERM;
    CHECK_EQ_INT(r, 0);
    if (r == 0) {
        CHECK(span_eq_str(m.credential, "key"));
        t->unseals++;
        egress_note(t, 'U');
        if (t->hold_credential) {
            t->held_unseal = in->call;
        } else {
            egress_answer_credential(t, in->call, t->credential_code);
        }
    }
    return r;
}

/* ---- the gate ---- */

static int on_gate_message(void *arg, struct ipc_in *in)
{
    struct egress_stage *t = arg;
    struct ipc_gate_config m;
    int r = in->msg == IPC_MSG_GATE_CONFIG ? ipc_get_gate_config(in->payload, &m) : CB_EPERM;
    CHECK_EQ_INT(r, 0);
    if (r == 0) {
        struct reader reader = reader_of(m.hosts);
        t->gate_configs++;
        t->gate_generation = m.generation;
        t->gate_hosts = ipc_list_read(&reader, SPEC_ROUTES_MAX);
        CHECK(m.token_hash.len == IPC_HASH_LEN && m.token_hash.ptr[31] == 0x11);
        net_loop_stop(t->s.loop);
    }
    return r;
}

static void ended(struct egress_stage *t, bool *flag, int code)
{
    CHECK_EQ_INT(code, CB_ECLOSED);
    *flag = true;
    net_loop_stop(t->s.loop);
}

static void on_store_closed(void *arg, int code)
{
    struct egress_stage *t = arg;
    ended(t, &t->store_closed, code);
}

static void on_vault_closed(void *arg, int code)
{
    struct egress_stage *t = arg;
    ended(t, &t->vault_closed, code);
}

static void on_gate_closed(void *arg, int code)
{
    struct egress_stage *t = arg;
    ended(t, &t->gate_closed, code);
}

static const struct ipc_chan_handler store_handler = {.on_message = on_store_message,
                                                      .on_closed = on_store_closed};
static const struct ipc_chan_handler vault_handler = {.on_message = on_vault_message,
                                                      .on_closed = on_vault_closed};
static const struct ipc_chan_handler gate_handler = {.on_message = on_gate_message,
                                                     .on_closed = on_gate_closed};

static void join(struct egress_stage *t, enum ipc_role role, const struct ipc_chan_handler *handler,
                 struct ipc_chan **chan)
{
    bool gate = role == IPC_ROLE_GATE;
    int fd = stage_wire(&t->s, role, gate ? ALICE : 0, gate ? "alice" : NULL);
    CHECK_EQ_INT(
        ipc_chan_open(t->s.loop, fd, IPC_CHANNEL_PEER, role, IPC_ROLE_EGRESS, gate, handler, t, chan), 0);
}

void egress_join_store(struct egress_stage *t)
{
    ipc_chan_free(t->store);
    t->store_closed = false;
    join(t, IPC_ROLE_STORE, &store_handler, &t->store);
}

void egress_join_vault(struct egress_stage *t)
{
    ipc_chan_free(t->vault);
    t->vault_closed = false;
    join(t, IPC_ROLE_VAULT, &vault_handler, &t->vault);
}

void egress_join_gate(struct egress_stage *t)
{
    ipc_chan_free(t->gate);
    t->gate_closed = false;
    join(t, IPC_ROLE_GATE, &gate_handler, &t->gate);
}

/* ---- the stage ---- */

static struct spec_route *upstream(struct spec_route *route, uint16_t port)
{
    route->upstream_address = make_text("127.0.0.1");
    route->upstream_port = port;
    return route;
}

static struct spec *stage_spec(const struct egress_stage *t)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "key", "API_KEY", "sk-proj-{32}");
    make_credential(spec, "unset", "UNSET_KEY", "sk-{32}");
    spec->limits.request_bytes = 1000;
    struct spec_route *r =
        upstream(make_route(spec, "plain", "http://plain.example.com:80", "GET POST", "/v1/**"), t->port);
    make_bearer(r, "key");
    r->insecure = true;
    r->websocket = true;
    r = upstream(make_route(spec, "open", "http://open.example.com:80", "GET POST PUT HEAD", ""), t->port);
    r->websocket = true;
    r = upstream(make_route(spec, "tls", "https://" TLS_HOST ":443", "GET POST", "/v1/**"), t->tls_port);
    make_bearer(r, "key");
    r->upstream_ca = make_or_die(strndup((const char *)buf_span(&t->ca_pem).ptr, buf_len(&t->ca_pem)));
    r = upstream(make_route(spec, "unset", "http://unset.example.com:80", "GET", ""), t->port);
    make_bearer(r, "unset");
    r->insecure = true;
    upstream(make_route(spec, "dead", "http://dead.example.com:80", "GET", ""), t->dead_port);
    r = upstream(make_route(spec, "denied", "http://open.example.com:80", "GET", "/admin/**"), t->port);
    r->action = SPEC_ACTION_DENY;
    free(r->upstream_address);
    r->upstream_address = NULL;
    r->upstream_port = 0;
    char here[64];
    (void)snprintf(here, sizeof(here), "http://127.0.0.1:%u", t->port);
    make_route(spec, "here", here, "GET", "");
    return spec;
}

/* A port that was free a moment ago and that nobody but us gets: bound, and not listened on. */
static uint16_t bound_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* stays open until the end of the program */
    CHECK_EQ_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    CHECK_EQ_INT(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

struct egress_stage *egress_stage_new(void)
{
    struct egress_stage *t = make_or_die(calloc(1, sizeof(*t)));
    CHECK_EQ_INT(tls_init(), 0);
    t->s = (struct stage){.role = IPC_ROLE_EGRESS,
                          .role_main = egress_main,
                          .tenant_id = ALICE,
                          .tenant = "alice",
                          .quiet = true,
                          .arg = t};
    t->generation = t->key_version = 1;
    t->answer = ANSWER_OK;
    buf_init(&t->binding, IPC_BINDING_MAX);
    buf_init(&t->ca_pem, 16384);
    buf_init(&t->grants, IPC_GRANTS_MAX);
    t->server = tls_server_new();
    t->key = tls_key_new();
    egress_provider_leaf(t, TLS_HOST, true);
    t->dead_port = bound_port();
    return t;
}

void egress_stage_start(struct egress_stage *t)
{
    stage_start(&t->s);
    egress_providers_open(t);
    t->spec = stage_spec(t);
    CHECK_EQ_INT(spec_credential_binding(t->spec, SPAN_LIT("key"), digest_sha256_of, &t->binding), 0);
}

void egress_stage_serve(struct egress_stage *t)
{
    egress_stage_start(t);
    egress_join_store(t);
    egress_join_vault(t);
    egress_join_gate(t);
    stage_serve(&t->s);
    EGRESS_UNTIL(t, t->gate_configs == 1);
}

void egress_stage_free(struct egress_stage *t)
{
    for (size_t i = 0; i < t->provider_count; i++) {
        tls_session_free(t->providers[i]->tls);
        buf_deinit(&t->providers[i]->in);
        free(t->providers[i]);
    }
    tls_leaf_unref(t->leaf);
    tls_key_free(t->key);
    tls_server_free(t->server);
    buf_deinit(&t->ca_pem);
    buf_deinit(&t->binding);
    buf_deinit(&t->grants);
    spec_free(t->spec);
    free(t);
}

static void close_all(struct egress_stage *t)
{
    egress_providers_close(t);
    ipc_chan_free(t->store);
    ipc_chan_free(t->vault);
    ipc_chan_free(t->gate);
}

void egress_stage_end(struct egress_stage *t)
{
    if (!t->s.life_closed) {
        CHECK_EQ_INT(ipc_send_stop(t->s.life, 0, &(struct ipc_stop){.grace_ms = 5000}), 0);
    }
    EGRESS_UNTIL(t, t->s.life_closed && (t->store == NULL || t->store_closed));
    close_all(t);
    CHECK_EQ_INT(stage_wait(&t->s), 0);
    egress_stage_free(t);
}

void egress_reload(struct egress_stage *t)
{
    size_t configs = t->gate_configs;
    t->generation++;
    CHECK_EQ_INT(ipc_send_spec_changed(t->store, 0, &(struct ipc_spec_changed){.generation = t->generation}),
                 0);
    EGRESS_UNTIL(t, t->gate_configs > configs);
    CHECK_EQ_UINT(t->gate_generation, t->generation);
}

/* A refused request on a stream of its own goes all the way through. */
void egress_settle(struct egress_stage *t)
{
    struct egress_stream st;
    struct egress_ask q = egress_get("/nowhere");
    egress_stream_open(t, &st);
    egress_ask(&st, &q);
    EGRESS_UNTIL(t, st.ended);
    egress_stream_close(&st);
}

/* ---- streams ---- */

static int on_stream_message(void *arg, struct ipc_in *in)
{
    struct egress_stream *st = arg;
    struct ipc_response head;
    struct ipc_response_interim interim;
    struct ipc_response_body body;
    struct ipc_response_end end;
    struct ipc_response_abort aborted;
    int r = CB_EPERM;
    if (in->msg == IPC_MSG_RESPONSE && (r = ipc_get_response(in->payload, &head)) == 0) {
        CHECK_EQ_UINT(st->status, 0);
        st->status = head.status;
        st->framing = head.framing;
        st->content_length = head.content_length;
        r = buf_append_span(&st->fields, head.fields);
    } else if (in->msg == IPC_MSG_RESPONSE_INTERIM &&
               (r = ipc_get_response_interim(in->payload, &interim)) == 0) {
        st->interims++;
    } else if (in->msg == IPC_MSG_RESPONSE_BODY && (r = ipc_get_response_body(in->payload, &body)) == 0) {
        st->body_len += body.data.len;
        r = buf_append_span(&st->body, span_sub(body.data, 0, buf_room(&st->body)));
    } else if (in->msg == IPC_MSG_RESPONSE_END && (r = ipc_get_response_end(in->payload, &end)) == 0) {
        CHECK(!st->ended && st->status != 0);
        st->ended = true;
    } else if (in->msg == IPC_MSG_RESPONSE_ABORT &&
               (r = ipc_get_response_abort(in->payload, &aborted)) == 0) {
        CHECK(!st->ended && st->status != 0);
        st->aborted = true;
        st->abort_reason = aborted.reason;
    }
    CHECK_EQ_INT(r, 0);
    net_loop_stop(st->t->s.loop);
    return r;
}

static void on_stream_closed(void *arg, int code)
{
    struct egress_stream *st = arg;
    ended(st->t, &st->closed, code);
}

static const struct ipc_chan_handler stream_handler = {.on_message = on_stream_message,
                                                       .on_closed = on_stream_closed};

int egress_stream_raw(struct egress_stage *t)
{
    static uint64_t serial;
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    CHECK_EQ_INT(ipc_send_connection(t->gate, 0, &(struct ipc_connection){.serial = ++serial}, fds[1]), 0);
    ipc_chan_flush(t->gate);
    return fds[0];
}

void egress_stream_open(struct egress_stage *t, struct egress_stream *st)
{
    *st = (struct egress_stream){.t = t};
    buf_init(&st->fields, IPC_FIELDS_MAX);
    buf_init(&st->body, 65536);
    CHECK_EQ_INT(ipc_chan_open(t->s.loop, egress_stream_raw(t), IPC_CHANNEL_STREAM, IPC_ROLE_GATE,
                               IPC_ROLE_EGRESS, false, &stream_handler, st, &st->chan),
                 0);
}

void egress_stream_close(struct egress_stream *st)
{
    ipc_chan_free(st->chan);
    st->chan = NULL;
    buf_deinit(&st->fields);
    buf_deinit(&st->body);
}

void egress_stream_reset(struct egress_stream *st)
{
    st->status = st->interims = 0;
    st->ended = st->aborted = false;
    st->body_len = 0;
    buf_reset(&st->fields);
    buf_reset(&st->body);
}

void egress_send(struct egress_stream *st, const struct egress_ask *ask)
{
    struct http_field list[6] = {{SPAN_LIT("User-Agent"), SPAN_LIT("agent/1")}};
    size_t count = 1;
    struct buf fields;
    buf_init(&fields, IPC_FIELDS_MAX);
    if (ask->auth != NULL) {
        list[count++] = (struct http_field){SPAN_LIT("Authorization"), span_str(ask->auth)};
    }
    if (ask->extra_name != NULL) {
        list[count++] = (struct http_field){span_str(ask->extra_name), span_str(ask->extra_value)};
    }
    if (ask->socket_key != NULL) {
        list[count++] = (struct http_field){SPAN_LIT("Sec-WebSocket-Key"), span_str(ask->socket_key)};
        list[count++] = (struct http_field){SPAN_LIT("Sec-WebSocket-Version"), SPAN_LIT("13")};
        list[count++] =
            (struct http_field){SPAN_LIT("Sec-WebSocket-Extensions"), SPAN_LIT("permessage-deflate")};
    }
    CHECK_EQ_INT(http_fields_encode(list, count, &fields), 0);
    struct ipc_request m = {.scheme = ask->scheme,
                            .host = span_str(ask->host),
                            .port = ask->port,
                            .method = span_str(ask->method),
                            .path = span_str(ask->path),
                            .has_query = ask->query != NULL,
                            .query = span_str(ask->query),
                            .fields = buf_span(&fields),
                            .framing = ask->framing,
                            .content_length = ask->content_length,
                            .expect_continue = ask->expect_continue,
                            .websocket = ask->socket_key != NULL};
    CHECK_EQ_INT(ipc_send_request(st->chan, 0, &m), 0);
    buf_deinit(&fields);
}

void egress_send_bytes(struct egress_stream *st, struct span bytes)
{
    CHECK_EQ_INT(ipc_send_request_body(st->chan, 0, &(struct ipc_request_body){.data = bytes}), 0);
}

void egress_send_body(struct egress_stream *st, const char *text)
{
    egress_send_bytes(st, span_str(text));
}

void egress_send_end(struct egress_stream *st, uint64_t total)
{
    CHECK_EQ_INT(ipc_send_request_end(st->chan, 0, &(struct ipc_request_end){.total = total}), 0);
}

void egress_ask(struct egress_stream *st, const struct egress_ask *ask)
{
    egress_send(st, ask);
    egress_send_end(st, 0);
}

void egress_expect(struct egress_stream *st, enum policy_reason reason)
{
    char want[64];
    (void)snprintf(want, sizeof(want), "\"%s\"", policy_reason_name(reason));
    EGRESS_UNTIL(st->t, st->ended || st->closed);
    CHECK_EQ_UINT(st->status, policy_reason_status(reason));
    struct span body = buf_span(&st->body);
    if (!CHECK(body.len != 0 && memmem(body.ptr, body.len, want, strlen(want)) != NULL)) {
        printf("    %s is not in %.*s\n", want, SPAN_ARG(body));
    }
}

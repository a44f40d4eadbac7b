/* gate_stage.c - the gate's child, its monitor, its vault and its egress (gate_stage.h). */
#include "role/gate_stage.h"

#include "base/log.h"
#include "gate/gate.h"
#include "http/fields.h"
#include "ipc/pair.h"
#include "ipc/role.h"
#include "net/listener.h"
#include "priv/confine.h"
#include "role/gate_world.h"
#include "tls/seal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sanitizers need calls that the filter forbids, and more memory than the limits give. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STAGE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(STAGE_SANITIZED)
#define STAGE_WAIVED ((uint32_t)(PRIV_LAYER_SECCOMP | PRIV_LAYER_LIMITS))
#else
#define STAGE_WAIVED 0U
#endif

#define LEAF_LIFETIME_S 3600

struct gate_world gate_world;

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000;
}

/* A CA for all tests of the program. */
static void world_make(void)
{
    struct buf pem;
    if (gate_world.client != NULL) {
        return;
    }
    CHECK_EQ_INT(tls_init(), 0);
    gate_world.ca_key = tls_key_new();
    buf_init(&gate_world.ca_der, TLS_CERT_DER_MAX);
    buf_init(&gate_world.next_der, TLS_CERT_DER_MAX);
    buf_init(&pem, 65536);
    CHECK_EQ_INT(tls_ca_create(gate_world.ca_key, "alice", now_ms(), &gate_world.ca_der), 0);
    CHECK_EQ_INT(tls_ca_create(gate_world.ca_key, "alice", now_ms(), &gate_world.next_der), 0);
    CHECK_EQ_INT(tls_cert_to_pem(buf_span(&gate_world.ca_der), &pem), 0);
    CHECK_EQ_INT(tls_roots_new(buf_span(&pem), &gate_world.roots, NULL), 0);
    gate_world.client = tls_client_new();
    buf_deinit(&pem);
}

static void copy_text(char *out, size_t size, struct span text)
{
    (void)snprintf(out, size, "%.*s", SPAN_ARG(text));
}

static void copy_buf(struct buf *out, struct span data)
{
    buf_reset(out);
    CHECK_EQ_INT(buf_append_span(out, data), 0);
}

/* ---- the vault ---- */

static void vault_answer(struct stage *s, const struct stage_ask *ask)
{
    struct stage_vault *v = &s->vault;
    struct ipc_leaf m = {.code = v->code};
    struct buf der;
    buf_init(&der, TLS_CERT_DER_MAX);
    if (v->code == 0) {
        const char *name = v->leaf_name != NULL ? v->leaf_name : ask->host;
        m.denial = strcmp(ask->host, "other.example.net") == 0;
        CHECK_EQ_INT(tls_ca_issue(gate_world.ca_key, buf_span(&gate_world.ca_der), span_str(name),
                                  buf_span(&ask->public_key), now_ms(), LEAF_LIFETIME_S, &der,
                                  &m.not_after_ms),
                     0);
        m.cert = buf_span(&der);
        m.ca = buf_span(&gate_world.ca_der);
    }
    CHECK_EQ_INT(ipc_send_leaf(v->chan, ask->call, &m), 0);
    buf_deinit(&der);
}

void vault_answer_trust(struct stage *s, uint32_t call)
{
    struct ipc_trust m = {.code = s->vault.trust_code};
    if (m.code == 0) {
        m.cert = buf_span(&gate_world.ca_der);
        m.next = s->vault.has_next ? buf_span(&gate_world.next_der) : SPAN_EMPTY;
    }
    CHECK_EQ_INT(ipc_send_trust(s->vault.chan, call, &m), 0);
}

static int on_trust_get(struct stage *s, const struct ipc_in *in)
{
    struct ipc_trust_get m;
    CHECK_EQ_INT(ipc_get_trust_get(in->payload, &m), 0);
    s->vault.trust_asked++;
    if (s->vault.hold_trust) {
        s->vault.trust_call = in->call;
    } else {
        vault_answer_trust(s, in->call);
    }
    net_loop_stop(s->loop);
    return 0;
}

static int on_vault_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct stage_vault *v = &s->vault;
    struct ipc_leaf_sign m;
    if (in->msg == IPC_MSG_TRUST_GET) {
        return on_trust_get(s, in);
    }
    if (!CHECK_EQ_INT(in->msg, IPC_MSG_LEAF_SIGN) || !CHECK_EQ_INT(ipc_get_leaf_sign(in->payload, &m), 0) ||
        !CHECK(v->held_count < STAGE_ASKS)) {
        return CB_EPERM;
    }
    v->asked++;
    copy_text(v->last_host, sizeof(v->last_host), m.host);
    struct stage_ask *ask = &v->held[v->held_count];
    ask->call = in->call;
    copy_text(ask->host, sizeof(ask->host), m.host);
    buf_init(&ask->public_key, TLS_PUBLIC_KEY_MAX);
    copy_buf(&ask->public_key, m.public_key);
    if (v->hold) {
        v->held_count++;
    } else {
        vault_answer(s, ask);
        buf_deinit(&ask->public_key);
    }
    net_loop_stop(s->loop);
    return 0;
}

static void on_vault_closed(void *arg, int code)
{
    struct stage *s = arg;
    s->vault.closed = true;
    s->vault.closed_code = code;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler vault_handler = {.on_message = on_vault_message,
                                                      .on_closed = on_vault_closed};

/* One end of a new channel goes to the gate as that role's, the other one is returned. */
static int stage_wire(struct stage *s, enum ipc_role role)
{
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    struct ipc_peer peer = {.role = (uint8_t)role, .tenant_id = 7, .tenant = SPAN_LIT("alice")};
    CHECK_EQ_INT(ipc_send_peer(s->life, 0, &peer, fds[1]), 0);
    return fds[0];
}

void vault_join(struct stage *s)
{
    s->vault.closed = false;
    CHECK_EQ_INT(ipc_chan_open(s->loop, stage_wire(s, IPC_ROLE_VAULT), IPC_CHANNEL_PEER, IPC_ROLE_VAULT,
                               IPC_ROLE_GATE, false, &vault_handler, s, &s->vault.chan),
                 0);
}

static void vault_forget(struct stage *s)
{
    for (size_t i = 0; i < s->vault.held_count; i++) {
        buf_deinit(&s->vault.held[i].public_key);
    }
    s->vault.held_count = 0;
}

void vault_leave(struct stage *s)
{
    ipc_chan_free(s->vault.chan);
    s->vault.chan = NULL;
    vault_forget(s);
}

void vault_release(struct stage *s)
{
    s->vault.hold = false;
    for (size_t i = 0; i < s->vault.held_count; i++) {
        vault_answer(s, &s->vault.held[i]);
    }
    vault_forget(s);
}

/* ---- egress: streams ---- */

static int read_request(struct stage_stream *st, struct span payload)
{
    struct ipc_request m;
    struct stage_request *q = &st->request;
    int r = ipc_get_request(payload, &m);
    if (r == 0) {
        q->scheme = m.scheme;
        copy_text(q->host, sizeof(q->host), m.host);
        q->port = m.port;
        copy_text(q->method, sizeof(q->method), m.method);
        copy_buf(&q->path, m.path);
        q->has_query = m.has_query;
        copy_buf(&q->query, m.query);
        copy_buf(&q->fields, m.fields);
        q->framing = m.framing;
        q->content_length = m.content_length;
        q->expect_continue = m.expect_continue;
        q->websocket = m.websocket;
        buf_reset(&st->body);
        st->begun++;
    }
    return r;
}

static int on_stream_message(void *arg, struct ipc_in *in)
{
    struct stage_stream *st = arg;
    struct ipc_request_body body;
    struct ipc_request_end end;
    int r = CB_EPERM;
    if (in->msg == IPC_MSG_REQUEST) {
        CHECK_EQ_UINT(st->begun, st->ended);
        r = read_request(st, in->payload);
    } else if (in->msg == IPC_MSG_REQUEST_BODY) {
        CHECK_EQ_UINT(st->begun, st->ended + 1);
        r = ipc_get_request_body(in->payload, &body);
        if (r == 0) {
            CHECK(body.data.len != 0 && body.data.len <= IPC_BODY_MAX);
            st->largest_part = body.data.len > st->largest_part ? body.data.len : st->largest_part;
            r = buf_append_span(&st->body, body.data);
        }
    } else if (in->msg == IPC_MSG_REQUEST_END) {
        CHECK_EQ_UINT(st->begun, st->ended + 1);
        r = ipc_get_request_end(in->payload, &end);
        st->ended++;
        st->end_total = r == 0 ? end.total : 0;
    }
    CHECK_EQ_INT(r, 0);
    net_loop_stop(st->stage->loop);
    return r;
}

static void on_stream_closed(void *arg, int code)
{
    struct stage_stream *st = arg;
    st->closed = true;
    st->closed_code = code;
    net_loop_stop(st->stage->loop);
}

static void on_stream_drained(void *arg)
{
    struct stage_stream *st = arg;
    net_loop_stop(st->stage->loop);
}

static const struct ipc_chan_handler stream_handler = {
    .on_message = on_stream_message, .on_closed = on_stream_closed, .on_drained = on_stream_drained};

static int stream_open(struct stage *s, struct ipc_in *in)
{
    struct ipc_connection m;
    struct stage_stream *st = calloc(1, sizeof(*st));
    if (!CHECK(st != NULL && s->egress.stream_count < STAGE_STREAMS)) {
        abort();
    }
    st->stage = s;
    st->fd = in->fd;
    buf_init(&st->body, (size_t)64 * 1024 * 1024);
    buf_init(&st->request.path, IPC_TARGET_MAX);
    buf_init(&st->request.query, IPC_TARGET_MAX);
    buf_init(&st->request.fields, IPC_FIELDS_MAX);
    CHECK_EQ_INT(ipc_get_connection(in->payload, &m), 0);
    CHECK_EQ_INT(ipc_chan_open(s->loop, in->fd, IPC_CHANNEL_STREAM, IPC_ROLE_EGRESS, IPC_ROLE_GATE, false,
                               &stream_handler, st, &st->chan),
                 0);
    in->fd = -1;
    ipc_chan_read(st->chan, !s->egress.no_reading);
    s->egress.streams[s->egress.stream_count++] = st;
    return 0;
}

/* ---- egress: the role ---- */

static int on_egress_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct stage_egress *e = &s->egress;
    struct ipc_refused m;
    int r = CB_EPERM;
    if (in->msg == IPC_MSG_CONNECTION) {
        r = stream_open(s, in);
    } else if (in->msg == IPC_MSG_REFUSED && (r = ipc_get_refused(in->payload, &m)) == 0) {
        CHECK_EQ_UINT(m.request_id.len, IPC_REQUEST_ID_LEN);
        e->refused++;
        e->reason = (enum policy_reason)m.reason;
        copy_text(e->refused_method, sizeof(e->refused_method), m.method);
        copy_text(e->refused_host, sizeof(e->refused_host), m.host);
        e->refused_port = m.port;
    }
    CHECK_EQ_INT(r, 0);
    net_loop_stop(s->loop);
    return r;
}

static void on_egress_closed(void *arg, int code)
{
    struct stage *s = arg;
    (void)code;
    s->egress.closed = true;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler egress_handler = {.on_message = on_egress_message,
                                                       .on_closed = on_egress_closed};

void egress_join(struct stage *s)
{
    s->egress.closed = false;
    CHECK_EQ_INT(ipc_chan_open(s->loop, stage_wire(s, IPC_ROLE_EGRESS), IPC_CHANNEL_PEER, IPC_ROLE_EGRESS,
                               IPC_ROLE_GATE, true, &egress_handler, s, &s->egress.chan),
                 0);
}

void egress_leave(struct stage *s)
{
    ipc_chan_free(s->egress.chan);
    s->egress.chan = NULL;
    for (size_t i = 0; i < s->egress.stream_count; i++) {
        struct stage_stream *st = s->egress.streams[i];
        ipc_chan_free(st->chan);
        buf_deinit(&st->body);
        buf_deinit(&st->request.path);
        buf_deinit(&st->request.query);
        buf_deinit(&st->request.fields);
        free(st);
    }
    s->egress.stream_count = 0;
}

void egress_configure(struct stage *s, uint64_t generation, const char *hosts)
{
    struct buf list;
    struct span token = SPAN_LIT(STAGE_TOKEN);
    uint8_t hash[DIGEST_LEN];
    buf_init(&list, 65536);
    struct writer w = writer_to(&list);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    for (const char *p = hosts; *p != '\0'; p += strspn(p, " ")) {
        struct span word = span_of(p, strcspn(p, " "));
        bool http = span_starts(word, SPAN_LIT("http:"));
        p += word.len;
        word = span_sub(word, http ? 5 : 0, SIZE_MAX);
        size_t colon = word.len;
        while (word.ptr[colon - 1] != ':') {
            colon--;
        }
        ipc_write_text(&w, span_sub(word, 0, colon - 1), IPC_HOST_MAX);
        writer_u16(&w, (uint16_t)strtoul((const char *)word.ptr + colon, NULL, 10));
        writer_u8(&w, http ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS);
        count++;
    }
    ipc_list_end(&w, at, count);
    CHECK_EQ_INT(writer_finish(&w), 0);
    digest_sha256(&token, 1, hash);
    struct ipc_gate_config m = {.generation = generation,
                                .suspended = s->suspended,
                                .ca_ms = s->ca_ms,
                                .token_hash = span_of(hash, sizeof(hash)),
                                .hosts = buf_span(&list)};
    CHECK_EQ_INT(ipc_send_gate_config(s->egress.chan, 0, &m), 0);
    buf_deinit(&list);
}

struct stage_stream *egress_stream(struct stage *s, size_t number)
{
    UNTIL(s, s->egress.stream_count > number);
    if (s->egress.stream_count <= number) {
        abort(); /* nothing after this makes sense */
    }
    return s->egress.streams[number];
}

struct stage_stream *egress_request(struct stage *s, size_t number, unsigned requests)
{
    struct stage_stream *st = egress_stream(s, number);
    UNTIL(s, st->ended >= requests || st->closed);
    CHECK_EQ_UINT(st->ended, requests);
    return st;
}

const char *request_field(struct stage_stream *st, const char *name)
{
    static char text[1024];
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t count = 0;
    CHECK_EQ_INT(http_fields_decode(buf_span(&st->request.fields), fields, HTTP_FIELDS_MAX, &count), 0);
    const struct http_field *f = http_field_find(fields, count, name);
    if (f == NULL) {
        return NULL;
    }
    copy_text(text, sizeof(text), f->value);
    return text;
}

/* ---- egress: answers ---- */

static void encode_one(struct buf *out, const char *name, const char *value)
{
    buf_init(out, IPC_FIELDS_MAX);
    struct http_field field = {.name = span_str(name != NULL ? name : ""), .value = span_str(value)};
    CHECK_EQ_INT(http_fields_encode(&field, name != NULL ? 1 : 0, out), 0);
}

void stream_head(struct stage_stream *st, unsigned status, enum http_framing framing, uint64_t length,
                 const char *name, const char *value)
{
    struct buf fields;
    encode_one(&fields, name, value != NULL ? value : "");
    struct ipc_response m = {.status = (uint16_t)status,
                             .fields = buf_span(&fields),
                             .framing = (uint8_t)framing,
                             .content_length = length};
    CHECK_EQ_INT(ipc_send_response(st->chan, 0, &m), 0);
    buf_deinit(&fields);
}

void stream_interim(struct stage_stream *st, unsigned status, const char *name, const char *value)
{
    struct buf fields;
    encode_one(&fields, name, value != NULL ? value : "");
    struct ipc_response_interim m = {.status = (uint16_t)status, .fields = buf_span(&fields)};
    CHECK_EQ_INT(ipc_send_response_interim(st->chan, 0, &m), 0);
    buf_deinit(&fields);
}

void stream_body(struct stage_stream *st, struct span data)
{
    /* Where the agent goes in the middle, the gate may have closed the stream already. What arrived, tests look at. */
    int r = ipc_send_response_body(st->chan, 0, &(struct ipc_response_body){.data = data});
    CHECK(r == 0 || r == CB_ECLOSED);
}

void stream_end(struct stage_stream *st, uint64_t total)
{
    CHECK_EQ_INT(ipc_send_response_end(st->chan, 0, &(struct ipc_response_end){.total = total}), 0);
}

void stream_abort(struct stage_stream *st)
{
    struct ipc_response_abort m = {.reason = POLICY_REASON_UPSTREAM_CLOSED};
    CHECK_EQ_INT(ipc_send_response_abort(st->chan, 0, &m), 0);
}

void stream_reply(struct stage_stream *st, unsigned status, const char *body)
{
    stream_head(st, status, HTTP_FRAMING_LENGTH, strlen(body), "Content-Type", "text/plain");
    if (body[0] != '\0') {
        stream_body(st, span_str(body));
    }
    stream_end(st, strlen(body));
}

void stream_raw(struct stage_stream *st, unsigned msg, uint32_t len, struct span payload)
{
    struct buf frame;
    buf_init(&frame, IPC_FRAME_HEAD + IPC_BODY_MAX);
    struct writer w = writer_to(&frame);
    writer_u32(&w, len);
    writer_u16(&w, (uint16_t)msg);
    writer_u32(&w, 0);
    writer_raw(&w, payload.ptr, payload.len);
    CHECK_EQ_INT(writer_finish(&w), 0);
    ipc_chan_flush(st->chan);
    CHECK_EQ_UINT(ipc_chan_queued(st->chan), 0);
    CHECK_EQ_INT(send(st->fd, buf_span(&frame).ptr, buf_len(&frame), MSG_NOSIGNAL), buf_len(&frame));
    buf_deinit(&frame);
}

void expect_refused(struct stage *s, unsigned count, enum policy_reason reason)
{
    UNTIL(s, s->egress.refused >= count);
    CHECK_EQ_UINT(s->egress.refused, count);
    CHECK_EQ_STR(policy_reason_name(s->egress.reason), policy_reason_name(reason));
}

/* ---- the monitor ---- */

static int on_life_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct ipc_ready ready;
    int r = in->msg == IPC_MSG_READY ? ipc_get_ready(in->payload, &ready) : CB_EPERM;
    if (CHECK_EQ_INT(r, 0)) {
        CHECK(!s->ready);
        s->ready = true;
        s->layers = ready.layers;
        net_loop_stop(s->loop);
    }
    return r;
}

static void on_life_closed(void *arg, int code)
{
    struct stage *s = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    s->life_closed = true;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler life_handler = {.on_message = on_life_message,
                                                     .on_closed = on_life_closed};

static void on_patience(void *arg)
{
    struct stage *s = arg;
    s->overdue = true;
    net_loop_stop(s->loop);
}

static void send_listener(struct stage *s, enum ipc_listener_kind kind, int fd)
{
    if (CHECK(fd >= 0)) {
        CHECK_EQ_INT(ipc_send_listener(s->life, 0, &(struct ipc_listener){.kind = (uint8_t)kind}, fd), 0);
    }
}

struct stage *stage_new_resting(uint32_t idle_ms)
{
    int fds[2];
    world_make();
    struct stage *s = calloc(1, sizeof(*s));
    if (!CHECK(s != NULL) || !CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    s->pid = fork();
    if (s->pid == 0) {
        /* As after an exec: the channel on its descriptor, the monitor's end gone. */
        (void)close(fds[0]);
        if (fds[1] != IPC_ROLE_LIFE_FD && dup2(fds[1], IPC_ROLE_LIFE_FD) < 0) {
            _exit(100);
        }
        _exit(gate_main());
    }
    (void)close(fds[1]);
    CHECK(s->pid > 0);
    s->loop = net_loop_new();
    s->patience = net_timer_new(s->loop, on_patience, s);
    net_timer_start(s->patience, STAGE_PATIENCE_MS, 0);
    CHECK_EQ_INT(ipc_chan_open(s->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR, IPC_ROLE_GATE, true,
                               &life_handler, s, &s->life),
                 0);
    struct ipc_start start = {
        .tenant_id = 7, .tenant = SPAN_LIT("alice"), .log_level = LOG_LEVEL_ERROR, .idle_ms = idle_ms};
    CHECK_EQ_INT(ipc_send_start(s->life, 0, &start), 0);

    (void)snprintf(s->folder, sizeof(s->folder), "/tmp/test_gate.XXXXXX");
    CHECK(mkdtemp(s->folder) != NULL);
    (void)snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
    send_listener(s, IPC_LISTENER_UNIX, net_listen_unix(s->path, 0600));
    send_listener(s, IPC_LISTENER_TCP, net_listen_tcp("127.0.0.1", 0, &s->port));
    vault_join(s);
    egress_join(s);
    return s;
}

struct stage *stage_new(void)
{
    return stage_new_resting(0);
}

uint32_t stage_waived(void)
{
    return STAGE_WAIVED;
}

void stage_go(struct stage *s)
{
    CHECK_EQ_INT(ipc_send_go(s->life, 0, &(struct ipc_go){.waived = STAGE_WAIVED}), 0);
    UNTIL(s, s->ready || s->life_closed);
    CHECK(s->ready);
}

struct stage *stage_serve(void)
{
    struct stage *s = stage_new();
    egress_configure(s, 1, API " http:" PLAIN " " LITERAL " *.wild.example.com:443");
    stage_go(s);
    return s;
}

int stage_wait(struct stage *s)
{
    int status = -1;
    UNTIL(s, s->life_closed);
    if (!s->life_closed) {
        (void)kill(s->pid, SIGKILL);
    }
    CHECK(waitpid(s->pid, &status, 0) == s->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int stage_stop(struct stage *s, uint32_t grace_ms)
{
    CHECK_EQ_INT(ipc_send_stop(s->life, 0, &(struct ipc_stop){.grace_ms = grace_ms}), 0);
    return stage_wait(s);
}

void stage_free(struct stage *s)
{
    vault_leave(s);
    egress_leave(s);
    ipc_chan_free(s->life);
    net_timer_free(s->patience);
    net_loop_free(s->loop);
    (void)unlink(s->path);
    CHECK_EQ_INT(rmdir(s->folder), 0);
    free(s);
}

void stage_end(struct stage *s)
{
    CHECK_EQ_INT(stage_stop(s, 0), 0);
    stage_free(s);
}

/* answer.c - what the agent gets back: the provider's answer from egress, or a problem document of our own. */
#include "base/encode.h"
#include "base/log.h"
#include "base/secret.h"
#include "gate/state.h"
#include "http/fields.h"
#include "http/write.h"

#define ANSWER_NEXT_MS  120000 /* how long a connection may wait for its next request */
#define ANSWER_HEAD_MAX ((size_t)160 * 1024)

/* The answer is complete: the connection waits for the next request, or ends. */
static void answer_done(struct agent *a)
{
    a->in_answer = false;
    a->request_failed = true; /* what may still come of the request's body is thrown away */
    if (!a->keep_alive || a->in_request || a->gate->stopping) {
        agent_finish(a);
    } else {
        agent_expect_more(a, ANSWER_NEXT_MS);
        agent_wake(a);
    }
}

/* ---- refusals ---- */

/* Text for the audit: what is not printable becomes '?', what is too long is cut. */
static struct span printable(struct span text, char *out, size_t size)
{
    size_t len = text.len < size ? text.len : size;
    for (size_t i = 0; i < len; i++) {
        out[i] = text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7e ? (char)text.ptr[i] : '?';
    }
    return span_of(out, len);
}

static void report(struct agent *a, enum policy_reason reason, const struct http_head *head, struct span host,
                   uint16_t port, enum spec_scheme scheme)
{
    char method[32];
    char path[512];
    bool is_connect = head != NULL && span_eq_str(head->method, "CONNECT");
    struct ipc_refused m = {
        .request_id = span_of(a->id, sizeof(a->id)),
        .reason = (uint8_t)reason,
        .method = printable(head != NULL ? head->method : SPAN_EMPTY, method, sizeof(method)),
        .scheme = (uint8_t)scheme,
        .host = host,
        .port = port,
        .path = printable(head != NULL && !is_connect ? head->target : SPAN_EMPTY, path, sizeof(path)),
    };
    int r = a->gate->egress != NULL ? ipc_send_refused(a->gate->egress, 0, &m) : CB_ECLOSED;
    if (r != 0) {
        log_warn_r(r, "a refusal (%s) is not recorded", policy_reason_name(reason));
    }
}

void answer_refuse(struct agent *a, enum policy_reason reason, const struct http_head *head, struct span host,
                   uint16_t port, enum spec_scheme scheme)
{
    char id[2 * IPC_REQUEST_ID_LEN + 1];
    secret_random(a->id, sizeof(a->id));
    encode_hex(a->id, sizeof(a->id), id);
    report(a, reason, head, host, port, scheme);
    /* Only a request whose end is known for certain leaves the connection usable; what follows a CONNECT that was meant
     * for somebody behind us is no request. */
    bool is_connect = head != NULL && span_eq_str(head->method, "CONNECT");
    a->keep_alive = head != NULL && head->keep_alive && head->framing == HTTP_FRAMING_NONE && !a->mismatch &&
                    (a->mode == AGENT_PROXY ? reason == POLICY_REASON_PROXY_AUTH : !is_connect);
    struct http_problem problem = {
        .status = policy_reason_status(reason),
        .verdict = policy_verdict_name(policy_reason_verdict(reason)),
        .reason = policy_reason_name(reason),
        .detail = policy_reason_detail(reason),
        .proxy_error = policy_reason_proxy_error(reason),
        .request_id = id,
    };
    struct buf out;
    buf_init(&out, ANSWER_HEAD_MAX);
    bool head_only = head != NULL ? span_eq_str(head->method, "HEAD") : a->in_answer && a->is_head;
    int r = http_problem_response(&problem, !a->keep_alive, head_only, &out);
    if (r == 0) {
        r = agent_write(a, buf_span(&out));
    }
    buf_deinit(&out);
    if (r != 0) {
        agent_close(a);
        return;
    }
    a->in_answer = false;
    a->request_failed = true;
    if (!a->keep_alive) {
        agent_finish(a);
    } else {
        agent_expect_more(a, ANSWER_NEXT_MS);
    }
}

void answer_content(struct agent *a, struct span content_type, struct span content)
{
    struct buf out;
    buf_init(&out, ANSWER_HEAD_MAX);
    int r = http_write_status_line(&out, 200);
    r = r == 0 ? http_write_field(&out, SPAN_LIT("Content-Type"), content_type) : r;
    r = r == 0 ? http_write_framing(&out, HTTP_FRAMING_LENGTH, content.len) : r;
    if (r == 0 && (!a->keep_alive || a->minor == 0)) {
        r = http_write_field(&out, SPAN_LIT("Connection"),
                             a->keep_alive ? SPAN_LIT("keep-alive") : SPAN_LIT("close"));
    }
    r = r == 0 ? http_write_head_end(&out) : r;
    r = r == 0 && !a->is_head ? buf_append_span(&out, content) : r;
    r = r == 0 ? agent_write(a, buf_span(&out)) : r;
    buf_deinit(&out);
    if (r != 0) {
        agent_close(a);
    } else {
        answer_done(a);
    }
}

/* ---- the provider's answer ---- */

/* How an answer is framed is not for its fields to say: egress leaves these out. */
static bool is_framing(struct span name)
{
    return span_eq_nocase(name, SPAN_LIT("Content-Length")) ||
           span_eq_nocase(name, SPAN_LIT("Transfer-Encoding")) ||
           span_eq_nocase(name, SPAN_LIT("Connection"));
}

static int write_fields(struct span encoded, struct buf *out)
{
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t count;
    int r = http_fields_decode(encoded, fields, HTTP_FIELDS_MAX, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = is_framing(fields[i].name) ? CB_EMALFORMED
                                       : http_write_field(out, fields[i].name, fields[i].value);
    }
    return r;
}

static int on_interim(struct agent *a, struct ipc_in *in)
{
    struct ipc_response_interim m;
    int r = ipc_get_response_interim(in->payload, &m);
    if (r != 0 || !a->in_answer || a->answer_begun) {
        return r != 0 ? r : CB_ESTATE;
    }
    if (m.status < 100 || m.status >= 200 || m.status == 101) {
        return CB_EMALFORMED;
    }
    if (a->minor == 0) {
        return 0; /* RFC 9110, 15.2: HTTP/1.0 has no interim responses */
    }
    struct buf out;
    buf_init(&out, ANSWER_HEAD_MAX);
    if ((r = http_write_status_line(&out, m.status)) == 0 && (r = write_fields(m.fields, &out)) == 0 &&
        (r = http_write_head_end(&out)) == 0 && agent_write(a, buf_span(&out)) != 0) {
        agent_close(a);
    }
    buf_deinit(&out);
    return r;
}

/* An answer of unknown length is chunked for who knows chunks, and else ends with the connection. */
static void choose_framing(struct agent *a, enum http_framing framing)
{
    a->answer_framing = framing;
    if (framing == HTTP_FRAMING_CHUNKED || framing == HTTP_FRAMING_CLOSE) {
        a->answer_framing = a->minor == 1 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
    }
    if (a->answer_framing == HTTP_FRAMING_CLOSE) {
        a->keep_alive = false;
    }
}

static int write_head(struct agent *a, const struct ipc_response *m, struct buf *out)
{
    int r;
    if ((r = http_write_status_line(out, m->status)) != 0 || (r = write_fields(m->fields, out)) != 0 ||
        (r = http_write_framing(out, a->answer_framing, m->content_length)) != 0) {
        return r;
    }
    if (m->status == 101) {
        r = upgrade_begin(a, out);
    } else if (!a->keep_alive || a->gate->stopping) {
        a->keep_alive = false; /* the gate ends: there is no next request */
        r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("close"));
    } else if (a->minor == 0) {
        r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("keep-alive"));
    }
    return r == 0 ? http_write_head_end(out) : r;
}

static int on_response(struct agent *a, struct ipc_in *in)
{
    struct ipc_response m;
    int r = ipc_get_response(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (!a->in_answer || a->answer_begun || m.framing >= HTTP_FRAMING__COUNT ||
        (m.status < 200 && m.status != 101)) {
        return CB_ESTATE;
    }
    bool bodyless = a->is_head || m.status == 101 || m.status == 204 || m.status == 304;
    if ((m.framing == HTTP_FRAMING_NONE && !bodyless) ||
        (m.framing != HTTP_FRAMING_NONE && m.status == 101)) {
        return CB_EMALFORMED;
    }
    choose_framing(a, (enum http_framing)m.framing);
    struct buf out;
    buf_init(&out, ANSWER_HEAD_MAX);
    r = write_head(a, &m, &out);
    a->answer_begun = r == 0;
    a->answer_left = m.content_length;
    if (r == 0 && agent_write(a, buf_span(&out)) != 0) {
        agent_close(a);
    }
    buf_deinit(&out);
    return r;
}

static int on_response_body(struct agent *a, struct ipc_in *in)
{
    struct ipc_response_body m;
    int r = ipc_get_response_body(in->payload, &m);
    if (r != 0 || !a->answer_begun || !a->in_answer) {
        return r != 0 ? r : CB_ESTATE;
    }
    if (m.data.len == 0 || a->is_head) {
        return 0;
    }
    /* What is longer than announced would be read as the next answer. */
    if ((a->answer_framing == HTTP_FRAMING_NONE && a->mode != AGENT_WEBSOCKET) ||
        (a->answer_framing == HTTP_FRAMING_LENGTH && m.data.len > a->answer_left)) {
        return CB_EMALFORMED;
    }
    a->answer_left -= a->answer_framing == HTTP_FRAMING_LENGTH ? m.data.len : 0;
    int w;
    if (a->answer_framing == HTTP_FRAMING_CHUNKED) {
        struct buf chunk;
        buf_init(&chunk, IPC_BODY_MAX + 64);
        w = http_write_chunk(&chunk, m.data);
        if (w == 0) {
            w = agent_write(a, buf_span(&chunk));
        }
        buf_deinit(&chunk);
    } else {
        w = agent_write(a, m.data);
    }
    if (w != 0) {
        agent_close(a);
    }
    return 0;
}

static int on_response_end(struct agent *a, struct ipc_in *in)
{
    struct ipc_response_end m;
    int r = ipc_get_response_end(in->payload, &m);
    if (r != 0 || !a->answer_begun || !a->in_answer) {
        return r != 0 ? r : CB_ESTATE;
    }
    if (a->answer_framing == HTTP_FRAMING_LENGTH && !a->is_head && a->answer_left != 0) {
        return CB_ETRUNCATED;
    }
    if (a->answer_framing == HTTP_FRAMING_CHUNKED && !a->is_head) {
        struct buf last;
        buf_init(&last, 16);
        if (http_write_last_chunk(&last) != 0 || agent_write(a, buf_span(&last)) != 0) {
            agent_close(a);
        }
        buf_deinit(&last);
    }
    if (!a->closed) {
        answer_done(a);
    }
    return 0;
}

static int on_response_abort(struct agent *a, struct ipc_in *in)
{
    struct ipc_response_abort m;
    int r = ipc_get_response_abort(in->payload, &m);
    if (r == 0) {
        a->answer_cut = true;
        agent_finish(a);
    }
    return r;
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct agent *a = arg;
    if (a->closed || a->closing) {
        return 0;
    }
    agent_enter(a);
    int r = CB_EPERM;
    switch (in->msg) {
    case IPC_MSG_RESPONSE_INTERIM:
        r = on_interim(a, in);
        break;
    case IPC_MSG_RESPONSE:
        r = on_response(a, in);
        break;
    case IPC_MSG_RESPONSE_BODY:
        r = on_response_body(a, in);
        break;
    case IPC_MSG_RESPONSE_END:
        r = on_response_end(a, in);
        break;
    case IPC_MSG_RESPONSE_ABORT:
        r = on_response_abort(a, in);
        break;
    default:
        break;
    }
    agent_leave(a);
    return r;
}

static void on_closed(void *arg, int code)
{
    struct agent *a = arg;
    agent_enter(a);
    ipc_chan_free(a->stream);
    a->stream = NULL;
    if (code != CB_ECLOSED) {
        log_warn_r(code, "egress broke the protocol on a connection");
    }
    if (a->in_answer && !a->answer_begun && !a->closed) {
        answer_refuse(a, POLICY_REASON_NOT_READY, NULL, SPAN_EMPTY, 0, SPEC_SCHEME_HTTPS);
    } else if (a->in_answer && !a->closed) {
        a->answer_cut = true;
        agent_finish(a);
    }
    agent_leave(a);
}

static void on_drained(void *arg)
{
    agent_wake(arg);
}

const struct ipc_chan_handler answer_handler = {
    .on_message = on_message, .on_closed = on_closed, .on_drained = on_drained};

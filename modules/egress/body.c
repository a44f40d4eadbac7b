/*
 * body.c - a request's body on its way to the provider: as it is, looked through for the place of the credential, signed chunk by
 * chunk, or held until its end because the head depends on it; and what the head says with the credential, which may depend on
 * the body.
 *
 * Held is a body whose length changes with the credential while the head promises one (a length that is not said, Transfer-Encoding
 * in its place, is refused by some providers), and one that is signed and whose hash the agent has not said. What is held has a
 * limit for each request, and one for all of the tenant.
 */
#include "inject/body.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "egress/state.h"
#include "http/write.h"

#include <stdlib.h>

#define BODY_HELD_MAX   ((size_t)1024 * 1024)
#define BODY_HASHED_MAX ((size_t)32 * 1024 * 1024) /* a model reads images */
#define BODY_HASHED_CHUNKED \
    ((size_t)8 * 1024 * 1024) /* the same where no length is said: all of that is reserved */
#define BODY_HELD_TOTAL_MAX ((size_t)64 * 1024 * 1024)
#define BODY_PIECE          ((size_t)64 * 1024) /* of what was held, in one write */

static bool has_body(const struct ipc_request *q)
{
    return q->framing == HTTP_FRAMING_CHUNKED ||
           (q->framing == HTTP_FRAMING_LENGTH && q->content_length != 0);
}

static struct inject_request request_of(const struct stream *s)
{
    return (struct inject_request){.path = s->request.path,
                                   .query = s->request.query,
                                   .has_query = s->request.has_query,
                                   .fields = s->fields,
                                   .field_count = s->field_count};
}

enum policy_reason body_screen(const struct stream *s)
{
    if (s->route->inject == SPEC_INJECT_AWS) {
        struct inject_request request = request_of(s);
        struct span value;
        return inject_aws_payload(s->route, &request, has_body(&s->request), &value) == INJECT_AWS_REFUSED
                   ? POLICY_REASON_BODY_FORMAT
                   : POLICY_REASON_ROUTE;
    }
    bool searched = s->route->inject == SPEC_INJECT_BODY && has_body(&s->request);
    return searched && inject_body_format(s->fields, s->field_count) == INJECT_BODY_UNKNOWN
               ? POLICY_REASON_BODY_FORMAT
               : POLICY_REASON_ROUTE;
}

/* Room for a whole body of at most `max` bytes before the credential stands in it. */
static enum policy_reason hold(struct stream *s, size_t max, size_t growth)
{
    struct egress *e = s->egress;
    if (max + growth > BODY_HELD_TOTAL_MAX - e->held_bodies) {
        log_warn("request %s: too many bodies are being held", s->record.id_text);
        return POLICY_REASON_CONCURRENCY;
    }
    s->body.room = max + growth;
    e->held_bodies += s->body.room;
    buf_init(&s->body.held, s->body.room);
    buf_set_sensitive(&s->body.held);
    return POLICY_REASON_ROUTE;
}

/* Prepares the search, and decides whether the body can be sent while it comes. */
static enum policy_reason begin_search(struct stream *s)
{
    const struct ipc_request *q = &s->request;
    struct span credential = config_value(s->config, s->route);
    struct span placeholder = SPAN_EMPTY;
    for (size_t i = 0; i < s->config->credential_count; i++) {
        if (span_eq_str(s->config->placeholders[i].credential, s->route->credential)) {
            placeholder = s->config->placeholders[i].value;
        }
    }
    struct inject_body_setup setup = {.format = inject_body_format(s->fields, s->field_count),
                                      .route = s->route,
                                      .placeholders = s->config->placeholders,
                                      .placeholder_count = s->config->credential_count};
    bool holdable = q->framing == HTTP_FRAMING_LENGTH && q->content_length <= BODY_HELD_MAX;
    /* A credential that is as long as its placeholder changes no length. */
    setup.same_length = q->framing == HTTP_FRAMING_LENGTH &&
                        (!holdable || inject_body_len(setup.format, credential) == placeholder.len);
    s->body.search = inject_body_new(&setup);
    if (s->body.search == NULL) {
        return POLICY_REASON_INTERNAL;
    }
    return holdable && !setup.same_length
               ? hold(s, (size_t)q->content_length, INJECT_BODY_GROWTH(credential.len))
               : POLICY_REASON_ROUTE;
}

static enum policy_reason begin_signature(struct stream *s)
{
    const struct ipc_request *q = &s->request;
    struct inject_request request = request_of(s);
    s->body.payload = inject_aws_payload(s->route, &request, has_body(q), &s->body.signed_payload);
    if (s->body.payload != INJECT_AWS_HASH) {
        return POLICY_REASON_ROUTE;
    }
    digest_begin(&s->body.digest);
    if (q->framing == HTTP_FRAMING_CHUNKED) {
        return hold(s, BODY_HASHED_CHUNKED, 0);
    }
    return q->content_length <= BODY_HASHED_MAX ? hold(s, (size_t)q->content_length, 0)
                                                : POLICY_REASON_BODY_BUFFER;
}

enum policy_reason body_begin(struct stream *s)
{
    if (s->route->inject == SPEC_INJECT_AWS) {
        return begin_signature(s);
    }
    return s->route->inject == SPEC_INJECT_BODY && has_body(&s->request) ? begin_search(s)
                                                                         : POLICY_REASON_ROUTE;
}

void body_complete(struct stream *s)
{
    s->request.framing = HTTP_FRAMING_LENGTH;
    s->request.content_length = buf_len(&s->body.held);
    if (s->body.payload == INJECT_AWS_HASH) {
        uint8_t hash[DIGEST_LEN];
        digest_end(&s->body.digest, hash);
        encode_hex(hash, sizeof(hash), s->body.hash);
        s->body.signed_payload = span_str(s->body.hash);
    }
}

static int write_signature(struct stream *s, const struct inject_request *request, struct span credential,
                           struct buf *out)
{
    char host[EXCHANGE_HOST_MAX];
    struct inject_aws signing = {.time = ""};
    exchange_host(&s->request, host);
    const struct inject_aws_call call = {.method = s->request.method,
                                         .host = span_str(host),
                                         .time_ms = clock_wall_ms(),
                                         .payload = s->body.signed_payload};
    int r = inject_aws_write(s->route, request, &call, credential, &signing, out);
    if (r == 0 && s->body.payload == INJECT_AWS_CHUNKS) {
        inject_aws_chunks_free(s->body.chunks); /* of an attempt that failed before it took any of the body */
        s->body.chunks =
            inject_aws_chunks_new(&signing, span_ends(s->body.signed_payload, SPAN_LIT("-TRAILER")));
        r = s->body.chunks != NULL ? 0 : CB_ENOMEM;
    }
    inject_aws_forget(&signing);
    return r;
}

int body_write_fields(struct stream *s, const struct inject_request *request, struct span credential,
                      struct buf *out)
{
    return s->route->inject == SPEC_INJECT_AWS ? write_signature(s, request, credential, out)
                                               : inject_write(s->route, credential, out);
}

bool body_is_changed(const struct stream *s)
{
    return s->body.search != NULL || s->body.chunks != NULL;
}

bool body_is_held(const struct stream *s)
{
    return s->body.room != 0;
}

enum policy_reason body_take(struct stream *s, struct span data, struct buf *out)
{
    if (s->body.search != NULL) {
        return inject_body_feed(s->body.search, config_value(s->config, s->route), data, out);
    }
    if (s->body.chunks != NULL) {
        return inject_aws_chunks_feed(s->body.chunks, data, out);
    }
    /* Piece by piece, because all of it at once would keep everybody else waiting. */
    digest_add(&s->body.digest, data);
    return buf_append_span(out, data) == 0 ? POLICY_REASON_ROUTE : POLICY_REASON_BODY_BUFFER;
}

enum policy_reason body_end(struct stream *s, struct buf *out)
{
    if (s->body.chunks != NULL) {
        return inject_aws_chunks_end(s->body.chunks);
    }
    return s->body.search != NULL ? inject_body_end(s->body.search, config_value(s->config, s->route), out)
                                  : POLICY_REASON_ROUTE;
}

/* Sends a piece of what was held; the rest follows when the connection has taken it. */
static void body_pump(void *arg)
{
    struct stream *s = arg;
    stream_enter(s);
    struct span piece = span_sub(buf_span(&s->body.held), 0, BODY_PIECE);
    if (s->state == STREAM_EXCHANGING && s->upstream != NULL && piece.len != 0 &&
        !upstream_is_full(s->upstream)) {
        int r = upstream_write(s->upstream, piece);
        if (r == 0) {
            buf_consume(&s->body.held, piece.len);
            body_send(s);
        } else {
            /* The provider took no more; its answer, if it gave one, is still on its way to be read. */
            log_debug_r(r, "body of request %s", s->record.id_text);
            buf_reset(&s->body.held);
        }
    }
    stream_leave(s);
}

void body_send(struct stream *s)
{
    if (buf_len(&s->body.held) != 0) {
        net_task_post(s->egress->loop, &s->body.pump);
    }
}

void body_init(struct stream *s)
{
    net_task_init(&s->body.pump, body_pump, s);
}

void body_forget(struct stream *s)
{
    net_task_cancel(&s->body.pump);
    inject_body_free(s->body.search);
    s->body.search = NULL;
    inject_aws_chunks_free(s->body.chunks);
    s->body.chunks = NULL;
    s->body.payload = INJECT_AWS_SAID;
    buf_deinit(&s->body.held);
    s->egress->held_bodies -= s->body.room;
    s->body.room = 0;
}

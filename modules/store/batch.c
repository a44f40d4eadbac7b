/*
 * batch.c - audit records: all that came in one turn of the loop become durable in one commit, and are answered after it.
 * Outcomes wait a moment for a decision to share its commit with.
 *
 * While the database takes nothing (a full disk), decisions are refused at once: so no request is sent unrecorded.
 * Outcomes of requests that were sent before are kept and written when it takes records again.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "policy/spec.h"
#include "policy/verdict.h"
#include "store/denials.h"
#include "store/grants.h"
#include "store/state.h"

#include <stdlib.h>

#define BATCH_RETRY_MS   500
#define BATCH_OUTCOME_MS 50 /* how long an outcome may wait for a decision to share a commit with */

static void batch_answer(struct store_peer *p, uint32_t call, int code, uint64_t seq)
{
    struct ipc_audit_stored m = {.code = ipc_code(code), .seq = seq};
    int r = ipc_send_audit_stored(p->chan, call, &m);
    if (r != 0 && r != CB_ECLOSED) {
        log_error_r(r, "the egress of %s cannot be told that its record is durable", p->tenant);
    }
}

/* The end of the batch in one way or the other: everybody hears, and outcomes that are not durable stay. */
static void batch_end(struct store *s, int code)
{
    struct batch *b = &s->batch;
    for (size_t i = 0; i < b->decision_count; i++) {
        if (b->decisions[i].peer != NULL) {
            batch_answer(b->decisions[i].peer, b->decisions[i].call, code,
                         code == 0 ? b->decisions[i].seq : 0);
        }
    }
    size_t ended = b->decision_count;
    b->decision_count = 0;
    b->open = false;
    if (code == 0) {
        health_written(s);
        grew_maybe(s);
        b->outcome_count -= b->outcome_written;
        if (b->outcome_count != 0) {
            memmove(b->outcomes, b->outcomes + b->outcome_written, b->outcome_count * sizeof(*b->outcomes));
        }
        if (b->failed_ms != 0) {
            log_info("the audit takes records again");
        }
        b->failed_ms = 0;
    } else {
        if (b->failed_ms == 0) {
            log_error_r(code, "the audit takes no records, so requests are refused (%s)",
                        store_db_why(s->db));
        }
        b->failed_ms = net_loop_now_ms(s->loop);
        b->failed_code = code;
        health_failed(s, code);
    }
    b->outcome_written = 0;
    if (b->outcome_count != 0) {
        net_timer_start(b->retry, BATCH_RETRY_MS, 0);
    }
    for (size_t i = 0; code == 0 && i < ended; i++) {
        if (b->decisions[i].used_up_of != 0) {
            grants_tell(s, b->decisions[i].used_up_of);
        }
    }
}

static void batch_fail(struct store *s, int code)
{
    store_db_rollback(s->db);
    batch_end(s, code);
}

static int write_outcome(struct store *s, const struct batch_outcome *o)
{
    struct store_audit_row row = {
        .kind = STORE_AUDIT_OUTCOME,
        .tenant = span_str(o->tenant),
        .tenant_id = o->tenant_id,
        .request_id = span_of(o->request_id, sizeof(o->request_id)),
        .time_ms = o->m.time_ms,
        .reason = o->m.reason,
        .status = o->m.status,
        .request_bytes = o->m.request_bytes,
        .response_bytes = o->m.response_bytes,
        .first_byte_us = o->m.first_byte_us,
        .duration_us = o->m.duration_us,
        .scrubs = o->m.scrubs,
        .peer = span_of(o->peer, o->peer_len),
        .detail = span_of(o->detail, o->detail_len),
        .model = span_of(o->model, o->model_len),
        .input_tokens = o->m.input_tokens,
        .output_tokens = o->m.output_tokens,
    };
    uint64_t seq;
    int r = store_audit_append(s->db, &row, &seq);
    return r == 0 ? store_denial_note(s->db, &row, clock_wall_ms()) : r;
}

/* Outcomes that wait go first, in the order in which they came. */
static int batch_write_outcomes(struct store *s)
{
    struct batch *b = &s->batch;
    int r = 0;
    while (r == 0 && b->outcome_written < b->outcome_count) {
        r = write_outcome(s, &b->outcomes[b->outcome_written]);
        b->outcome_written += r == 0 ? 1 : 0;
    }
    return r;
}

static int batch_open(struct store *s)
{
    struct batch *b = &s->batch;
    if (b->open) {
        return 0;
    }
    int r = store_db_begin(s->db);
    if (r != 0) {
        batch_end(s, r);
        return r;
    }
    b->open = true;
    net_task_post(s->loop, &b->commit);
    r = batch_write_outcomes(s);
    if (r != 0) {
        batch_fail(s, r);
    }
    return r;
}

void batch_commit(struct store *s)
{
    struct batch *b = &s->batch;
    if (!b->open) {
        return;
    }
    int r = batch_write_outcomes(s);
    if (r == 0) {
        r = store_db_commit(s->db);
    }
    if (r != 0) {
        batch_fail(s, r);
        return;
    }
    batch_end(s, 0);
}

static bool batch_is_failing(const struct store *s)
{
    return s->batch.failed_ms != 0 && net_loop_now_ms(s->loop) - s->batch.failed_ms < BATCH_RETRY_MS;
}

/* The record and, when a grant allows the request, the grant's use. CB_EPERM: there is no such grant any more, and nothing is written. */
static int decision_write(struct store_peer *p, const struct store_audit_row *decision, uint64_t grant,
                          struct batch_decision *out)
{
    struct store_db *db = p->store->db;
    struct store_audit_row row = *decision;
    char name[POLICY_GRANT_NAME_SIZE];
    uint64_t now_ms = clock_wall_ms();
    bool last = false;
    int r = grant != 0 ? store_grant_use(db, grant, &row, now_ms, &last) : 0;
    if (r != 0) {
        return r;
    }
    if (grant != 0) {
        policy_grant_name(grant, name);
        row.route = span_str(name);
    }
    out->used_up_of = last ? p->tenant_id : 0;
    r = store_audit_append(db, &row, &out->seq);
    return r == 0 ? store_denial_note(db, &row, now_ms) : r;
}

int batch_decision(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct batch *b = &s->batch;
    struct ipc_audit_decision m;
    int r = ipc_get_audit_decision(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.request_id.len != IPC_REQUEST_ID_LEN || m.reason >= POLICY_REASON__COUNT ||
        m.scheme >= SPEC_SCHEME__COUNT || m.time_ms > JSON_TIME_MAX_MS ||
        (m.grant != 0 && (m.reason != POLICY_REASON_ROUTE || m.grant > INT64_MAX))) {
        return CB_EMALFORMED; /* what cannot be stored would cost everybody in the batch theirs; what cannot be shown, a page */
    }
    if (batch_is_failing(s)) {
        batch_answer(p, in->call, b->failed_code, 0);
        return 0;
    }
    if ((r = batch_open(s)) != 0) {
        batch_answer(p, in->call, r, 0);
        return 0;
    }
    struct store_audit_row row = {
        .kind = STORE_AUDIT_DECISION,
        .tenant = span_str(p->tenant),
        .tenant_id = p->tenant_id,
        .request_id = m.request_id,
        .time_ms = m.time_ms,
        .reason = m.reason,
        .route = m.route,
        .credential = m.credential,
        .method = m.method,
        .scheme = m.scheme,
        .host = m.host,
        .port = m.port,
        .path = m.path,
        .query_keys = m.query_keys,
    };
    struct batch_decision decision = {.peer = p, .call = in->call};
    r = decision_write(p, &row, m.grant, &decision);
    if (r == CB_EPERM && m.grant != 0) {
        batch_answer(p, in->call, r, 0);
        return 0;
    }
    if (r != 0) {
        batch_fail(s, r);
        batch_answer(p, in->call, r, 0);
        return 0;
    }
    count_decision(p, m.reason);
    b->decisions[b->decision_count++] = decision;
    if (b->decision_count == BATCH_DECISIONS_MAX) {
        batch_commit(s);
    }
    return 0;
}

/* Room for one more outcome; false when the limit is reached. */
static bool batch_outcome_room(struct batch *b)
{
    if (b->outcome_count < b->outcome_room) {
        return true;
    }
    size_t room = b->outcome_room == 0 ? 64 : b->outcome_room * 2;
    room = room > BATCH_OUTCOMES_MAX ? BATCH_OUTCOMES_MAX : room;
    struct batch_outcome *more = room > b->outcome_count ? realloc(b->outcomes, room * sizeof(*more)) : NULL;
    if (more == NULL) {
        return false;
    }
    b->outcomes = more;
    b->outcome_room = room;
    return true;
}

int batch_outcome(struct store_peer *p, const struct ipc_in *in)
{
    struct store *s = p->store;
    struct batch *b = &s->batch;
    struct ipc_audit_outcome m;
    int r = ipc_get_audit_outcome(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.request_id.len != IPC_REQUEST_ID_LEN || m.reason >= POLICY_REASON__COUNT ||
        m.peer.len > sizeof(b->outcomes->peer) || m.detail.len > sizeof(b->outcomes->detail) ||
        m.model.len > sizeof(b->outcomes->model) || m.time_ms > JSON_TIME_MAX_MS ||
        m.input_tokens > INT64_MAX || m.output_tokens > INT64_MAX) {
        return CB_EMALFORMED;
    }
    count_outcome(p, &m);
    if (!batch_outcome_room(b)) {
        b->lost++;
        log_error("%llu outcomes are lost: the audit takes no records, and no more can be kept",
                  (unsigned long long)b->lost);
        return 0;
    }
    struct batch_outcome *o = &b->outcomes[b->outcome_count++];
    *o = (struct batch_outcome){.tenant_id = p->tenant_id,
                                .m = m,
                                .peer_len = (uint8_t)m.peer.len,
                                .detail_len = (uint8_t)m.detail.len,
                                .model_len = (uint8_t)m.model.len};
    memcpy(o->tenant, p->tenant, sizeof(o->tenant));
    memcpy(o->request_id, m.request_id.ptr, sizeof(o->request_id));
    if (m.peer.len != 0) {
        memcpy(o->peer, m.peer.ptr, m.peer.len);
    }
    if (m.detail.len != 0) {
        memcpy(o->detail, m.detail.ptr, m.detail.len);
    }
    if (m.model.len != 0) {
        memcpy(o->model, m.model.ptr, m.model.len);
    }
    /* Nobody waits for it: the next decision takes it along, or else the timer. */
    if (!b->open && b->outcome_count == 1) {
        net_timer_start(b->retry, BATCH_OUTCOME_MS, 0);
    }
    return 0;
}

void batch_forget_peer(struct store *s, const struct store_peer *p)
{
    for (size_t i = 0; i < s->batch.decision_count; i++) {
        if (s->batch.decisions[i].peer == p) {
            s->batch.decisions[i].peer = NULL;
        }
    }
}

static void on_commit(void *arg)
{
    batch_commit(arg);
}

void batch_flush(struct store *s)
{
    if (s->batch.outcome_count != 0 && !batch_is_failing(s)) {
        (void)batch_open(s); /* a failure keeps them for the timer */
    }
    batch_commit(s);
}

static void on_retry(void *arg)
{
    struct store *s = arg;
    if (batch_is_failing(s)) {
        /* Started by an outcome that came while the database was refusing, so it is too early. */
        net_timer_start(s->batch.retry, BATCH_RETRY_MS, 0);
        return;
    }
    batch_flush(s);
}

int batch_init(struct store *s)
{
    struct batch *b = &s->batch;
    net_task_init(&b->commit, on_commit, s);
    b->retry = net_timer_new(s->loop, on_retry, s);
    b->decisions = calloc(BATCH_DECISIONS_MAX, sizeof(*b->decisions));
    return b->retry != NULL && b->decisions != NULL ? 0 : CB_ENOMEM;
}

void batch_deinit(struct store *s)
{
    struct batch *b = &s->batch;
    if (b->retry == NULL) {
        return; /* stopped before it began */
    }
    b->failed_ms = 0; /* it is the last chance, so it is taken whatever was a moment ago */
    batch_flush(s);
    if (b->outcome_count != 0) {
        log_error("%zu outcomes are lost: the audit takes no records", b->outcome_count);
    }
    net_task_cancel(&b->commit);
    net_timer_free(b->retry);
    free(b->decisions);
    free(b->outcomes);
    *b = (struct batch){0};
}

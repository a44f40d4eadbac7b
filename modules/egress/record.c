/* record.c - what goes into the audit about a request. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "egress/state.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORD_IDS      64
#define RECORD_KEPT_MAX 4096

_Static_assert(USAGE_MODEL_MAX <= IPC_MODEL_MAX, "a model's name must fit into the message");

/* Ids are only to be unlike each other, so they are fetched by the dozen: one call for many requests. */
static void record_new_id(uint8_t out[IPC_REQUEST_ID_LEN])
{
    static uint8_t ids[RECORD_IDS][IPC_REQUEST_ID_LEN];
    static size_t left;
    if (left == 0) {
        secret_random(ids, sizeof(ids));
        left = RECORD_IDS;
    }
    memcpy(out, ids[--left], IPC_REQUEST_ID_LEN);
}

void record_begin(struct record *r)
{
    *r = (struct record){.start_us = clock_mono_us()};
    record_new_id(r->id);
    encode_hex(r->id, sizeof(r->id), r->id_text);
}

void record_query_keys(struct span query, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i <= query.len; i++) {
        if (i < query.len && query.ptr[i] != '&') {
            continue;
        }
        struct span pair = span_sub(query, from, i - from);
        from = i + 1;
        size_t len = 0;
        while (len < pair.len && pair.ptr[len] != '=') {
            len++;
        }
        if (len == 0) {
            continue;
        }
        /* Keys that do not fit are left out: the record is about what was asked for, not a copy of it. */
        if (len + 1 > buf_room(out) || (buf_len(out) != 0 && buf_append_byte(out, '&') != 0) ||
            buf_append(out, pair.ptr, len) != 0) {
            return;
        }
    }
}

int record_decision(struct egress *e, const struct record *r, enum policy_reason reason,
                    const struct spec_route *route, const struct ipc_request *request, uint64_t grant,
                    ipc_answer_fn *on_stored, void *arg, uint32_t *call)
{
    if (e->store == NULL) {
        return CB_ECLOSED;
    }
    struct buf keys;
    buf_init(&keys, IPC_AUDIT_QUERY_MAX);
    record_query_keys(request->query, &keys);
    /* Where a credential belongs, the record says so and not what the agent wrote there. */
    struct buf path;
    buf_init(&path, IPC_TARGET_MAX + sizeof(INJECT_SHOWN));
    int result = inject_shown_path(route, request->path, &path);
    if (result != 0) {
        goto out;
    }
    struct ipc_audit_decision m = {
        .request_id = span_of(r->id, sizeof(r->id)),
        .time_ms = clock_wall_ms(),
        .reason = (uint8_t)reason,
        .route = route != NULL ? span_str(route->name) : SPAN_EMPTY,
        .credential = route != NULL ? span_str(route->credential) : SPAN_EMPTY,
        .method = request->method,
        /* The store drops an egress that sends it anything else, and a gate may have said anything. */
        .scheme = request->scheme < SPEC_SCHEME__COUNT ? request->scheme : (uint8_t)SPEC_SCHEME_HTTPS,
        .host = request->host,
        .port = request->port,
        .path = span_sub(buf_span(&path), 0, IPC_AUDIT_PATH_MAX),
        .query_keys = buf_span(&keys),
        .grant = grant,
    };
    result = ipc_call_audit_decision(e->store, &m, on_stored, arg, call);
out:
    buf_deinit(&path);
    buf_deinit(&keys);
    return result;
}

void record_tripwire(struct egress *e, const struct record *r)
{
    if (e->config == NULL || !e->config->spec->limits.tripwire_suspends) {
        return;
    }
    struct ipc_tripwire m = {.request_id = span_of(r->id, sizeof(r->id))};
    int result = e->store != NULL ? ipc_send_tripwire(e->store, 0, &m) : CB_ECLOSED;
    if (result != 0) {
        log_error_r(result, "the tenant is not suspended, although request %s was a tripwire", r->id_text);
    }
}

/* Requests that were under way end while the store is being started again. */
static int outcome_keep(struct egress *e, const struct ipc_audit_outcome *m)
{
    if (e->kept == NULL && (e->kept = calloc(RECORD_KEPT_MAX, sizeof(*e->kept))) == NULL) {
        return CB_ENOMEM;
    }
    if (e->kept_count == RECORD_KEPT_MAX) {
        return CB_ELIMIT;
    }
    struct kept_outcome *k = &e->kept[e->kept_count++];
    k->m = *m;
    memcpy(k->request_id, m->request_id.ptr, sizeof(k->request_id));
    (void)snprintf(k->peer, sizeof(k->peer), "%.*s", SPAN_ARG(m->peer));
    (void)snprintf(k->detail, sizeof(k->detail), "%.*s", SPAN_ARG(m->detail));
    (void)snprintf(k->model, sizeof(k->model), "%.*s", SPAN_ARG(m->model));
    return 0;
}

void record_detail(struct record *r, const char *text)
{
    (void)snprintf(r->detail, sizeof(r->detail), "%s", text);
    for (char *c = r->detail; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            *c = '?';
        }
    }
}

void record_outcome(struct egress *e, struct record *r, enum policy_reason reason)
{
    if (!r->decided) {
        return;
    }
    r->decided = false;
    uint64_t now = clock_mono_us();
    struct ipc_audit_outcome m = {
        .request_id = span_of(r->id, sizeof(r->id)),
        .time_ms = clock_wall_ms(),
        .reason = (uint8_t)reason,
        .status = (uint16_t)r->status,
        .request_bytes = r->request_bytes,
        .response_bytes = r->response_bytes,
        .first_byte_us = r->first_byte_us,
        .duration_us = now - r->start_us,
        .scrubs = r->scrubs,
        .peer = span_str(r->peer),
        .detail = reason != POLICY_REASON_ROUTE ? span_str(r->detail) : SPAN_EMPTY,
        .model = span_str(r->usage.model),
        .input_tokens = usage_input(&r->usage),
        .output_tokens = usage_output(&r->usage),
    };
    int result = e->store != NULL ? ipc_send_audit_outcome(e->store, 0, &m) : CB_ECLOSED;
    if (result == CB_ECLOSED) {
        result = outcome_keep(e, &m);
    }
    if (result != 0) {
        log_warn_r(result, "the outcome of request %s is not recorded", r->id_text);
    }
}

void record_tell_kept(struct egress *e)
{
    for (size_t i = 0; i < e->kept_count; i++) {
        struct kept_outcome *k = &e->kept[i];
        k->m.request_id = span_of(k->request_id, sizeof(k->request_id));
        k->m.peer = span_str(k->peer);
        k->m.detail = span_str(k->detail);
        k->m.model = span_str(k->model);
        int r = ipc_send_audit_outcome(e->store, 0, &k->m);
        if (r != 0) {
            log_warn_r(r, "an outcome from the time without a store is not recorded");
        }
    }
    e->kept_count = 0;
    free(e->kept);
    e->kept = NULL;
}

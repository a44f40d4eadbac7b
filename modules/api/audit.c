/* audit.c - the audit: pages as JSON lines, and the verification of its chain. */
#include "api/state.h"

#include "base/encode.h"
#include "policy/verdict.h"
#include "store/client.h"

#define PAGE_LIMIT_DEFAULT 100
#define PAGE_LIMIT_MAX     10000

/* ---- pages ---- */

static void write_hex(struct json *j, const char *key, struct span bytes)
{
    char hex[2 * IPC_HASH_LEN + 1];
    struct span part = span_sub(bytes, 0, IPC_HASH_LEN);
    encode_hex(part.ptr, part.len, hex);
    json_text(j, key, span_str(hex));
}

/* Absent names are empty in the store. */
static void write_name(struct json *j, const char *key, struct span name)
{
    if (name.len != 0) {
        json_text(j, key, name);
    } else {
        json_null(j, key);
    }
}

static void write_decision(struct json *j, const struct store_audit_row *row)
{
    write_name(j, "route", row->route);
    write_name(j, "credential", row->credential);
    json_text(j, "method", row->method);
    json_text(j, "scheme", span_str(row->scheme == SPEC_SCHEME_HTTP ? "http" : "https"));
    json_text(j, "host", row->host);
    json_number(j, "port", row->port);
    json_text(j, "path", row->path);
    json_array(j, "query_keys");
    for (struct span rest = row->query_keys; rest.len != 0;) {
        const uint8_t *end = memchr(rest.ptr, '&', rest.len);
        struct span key = span_sub(rest, 0, end != NULL ? (size_t)(end - rest.ptr) : rest.len);
        json_text(j, NULL, key);
        rest = span_sub(rest, key.len + 1, SIZE_MAX);
    }
    json_array_end(j);
}

static void write_outcome(struct json *j, const struct store_audit_row *row)
{
    json_number(j, "status", row->status);
    json_number(j, "request_bytes", row->request_bytes);
    json_number(j, "response_bytes", row->response_bytes);
    json_number(j, "first_byte_us", row->first_byte_us);
    json_number(j, "duration_us", row->duration_us);
    json_number(j, "scrubs", row->scrubs);
    write_name(j, "peer", row->peer);
    write_name(j, "detail", row->detail);
    write_name(j, "model", row->model);
    json_number(j, "input_tokens", row->input_tokens);
    json_number(j, "output_tokens", row->output_tokens);
}

const char *api_audit_kind_name(unsigned kind)
{
    static const char *const kinds[] = {[STORE_AUDIT_DECISION] = "decision",
                                        [STORE_AUDIT_OUTCOME] = "outcome",
                                        [STORE_AUDIT_CHANGE] = "change"};
    return kinds[kind];
}

void api_audit_row_write(struct json *j, const struct store_audit_row *row)
{
    enum policy_reason reason = (enum policy_reason)row->reason;
    json_object(j, NULL);
    json_number(j, "seq", row->seq);
    json_time(j, "time", row->time_ms);
    json_text(j, "kind", span_str(api_audit_kind_name(row->kind)));
    json_text(j, "tenant", row->tenant);
    write_hex(j, "request_id", row->request_id);
    json_text(j, "verdict", span_str(policy_verdict_name(policy_reason_verdict(reason))));
    json_text(j, "reason", span_str(policy_reason_name(reason)));
    if (row->kind == STORE_AUDIT_DECISION) {
        write_decision(j, row);
    } else if (row->kind == STORE_AUDIT_CHANGE) {
        json_text(j, "change", row->change);
        json_text(j, "by", row->by);
        write_name(j, "detail", row->detail);
    } else {
        write_outcome(j, row);
    }
    write_hex(j, "hash", row->hash);
    json_object_end(j);
}

static int write_row(struct buf *out, const struct store_audit_row *row)
{
    struct json j;
    json_init(&j, out);
    api_audit_row_write(&j, row);
    int r = json_finish(&j);
    return r == 0 ? buf_append_byte(out, '\n') : r;
}

static int on_page(struct api_request *q, struct span payload)
{
    struct ipc_audit_rows m;
    int error = ipc_get_audit_rows(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the audit cannot be read; the server's log says why"));
        return 0;
    }
    struct reader r = reader_of(m.rows);
    uint32_t count = ipc_list_read(&r, UINT16_MAX);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct store_audit_row row;
        if (store_audit_row_read(&r, &row) != 0) {
            break;
        }
        int written = write_row(&q->out, &row);
        if (written != 0) {
            api_refuse_code(q, written, SPAN_EMPTY);
            return 0;
        }
    }
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_text(q, "application/jsonl");
    }
    return error;
}

bool api_audit_scope(struct api_request *q, struct span tenant, uint64_t *since_ms)
{
    if (q->who.scope != IPC_SCOPE_TENANT) {
        return true;
    }
    if (!span_eq_str(tenant, q->who.tenant)) {
        api_refuse(q, 403, "This token is for tenant \"%s\" alone: ask for tenant=%s.", q->who.tenant,
                   q->who.tenant);
        return false;
    }
    /* Records are kept by name, and outlive a tenant: those of an earlier one of that name are not this one's. */
    *since_ms = *since_ms > q->who.since_ms ? *since_ms : q->who.since_ms;
    return true;
}

void api_audit_page(struct api_request *q)
{
    struct span tenant = SPAN_EMPTY;
    uint64_t after = 0;
    uint64_t since = 0;
    uint64_t denied = 0;
    uint64_t newest = 0;
    uint64_t limit = PAGE_LIMIT_DEFAULT;
    const struct api_param params[] = {{.name = "tenant", .text = &tenant},
                                       {.name = "after", .number = &after, .max = INT64_MAX},
                                       {.name = "since", .number = &since, .max = INT64_MAX},
                                       {.name = "denied", .number = &denied, .max = 1},
                                       {.name = "newest", .number = &newest, .max = 1},
                                       {.name = "limit", .number = &limit, .min = 1, .max = PAGE_LIMIT_MAX}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0]))) {
        return;
    }
    if (!api_audit_scope(q, tenant, &since)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_audit_page m = {.tenant = tenant,
                               .after_seq = after,
                               .since_ms = since,
                               .denied_only = denied != 0,
                               .newest = newest != 0,
                               .limit = (uint16_t)limit};
    api_wait(q, store, API_CALL(q, store, audit_page, &m), IPC_MSG_AUDIT_ROWS, on_page);
}

/* ---- verification, slice by slice, so that the store has time for others in between ---- */

static void answer_verified(struct api_request *q, const struct ipc_audit_verified *m)
{
    struct json *j = api_json_begin(q);
    json_bool(j, "ok", m->code == 0);
    json_number(j, "rows", q->verified);
    json_number(j, "last_seq", m->last_seq);
    if (m->code == 0) {
        write_hex(j, "hash", m->hash);
    } else {
        json_text(j, "detail", m->why);
    }
    api_answer_json(q);
}

static int on_verified(struct api_request *q, struct span payload);

static void verify_slice(struct api_request *q, uint64_t after, struct span hash)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_audit_verify m = {.after_seq = after, .hash = hash, .limit = API_VERIFY_SLICE};
    api_wait(q, store, API_CALL(q, store, audit_verify, &m), IPC_MSG_AUDIT_VERIFIED, on_verified);
}

static int on_verified(struct api_request *q, struct span payload)
{
    struct ipc_audit_verified m;
    int r = ipc_get_audit_verified(payload, &m);
    if (r != 0) {
        return r;
    }
    q->verified += m.rows;
    if (m.code != 0 && m.code != -CB_ECORRUPT) {
        api_refuse_answer(q, m.code, m.why);
    } else if (m.code != 0 || !m.more) {
        answer_verified(q, &m);
    } else if (m.last_seq <= q->verified_seq || m.hash.len != IPC_HASH_LEN) {
        return CB_EMALFORMED; /* a slice that does not go on would never end */
    } else {
        q->verified_seq = m.last_seq;
        verify_slice(q, m.last_seq, m.hash);
    }
    return 0;
}

void api_audit_verify(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        verify_slice(q, 0, SPAN_EMPTY);
    }
}

/* audit_row.c - the canonical encoding of a record. */
#include "store/audit_row.h"

#include "policy/spec.h"
#include "policy/verdict.h"
#include "wire/writer.h"

/* The second has a detail at its end; the third that, which may be empty, and the use that the provider reported. Each is only for records that have
 * such a thing: so each record has one encoding. */
#define ROW_VERSION        1
#define ROW_VERSION_DETAIL 2
#define ROW_VERSION_USE    3

static bool has_use(const struct store_audit_row *row)
{
    return row->model.len != 0 || row->input_tokens != 0 || row->output_tokens != 0;
}

static uint8_t version_of(const struct store_audit_row *row)
{
    return has_use(row) ? ROW_VERSION_USE : row->detail.len != 0 ? ROW_VERSION_DETAIL : ROW_VERSION;
}

static bool store_audit_row_is_valid(const struct store_audit_row *row)
{
    return row->kind >= STORE_AUDIT_DECISION && row->kind <= STORE_AUDIT_CHANGE && row->seq > 0 &&
           row->tenant.len > 0 && row->request_id.len == IPC_REQUEST_ID_LEN &&
           row->reason < POLICY_REASON__COUNT && row->scheme < SPEC_SCHEME__COUNT &&
           (row->detail.len == 0 || row->kind != STORE_AUDIT_DECISION) &&
           (!has_use(row) || row->kind == STORE_AUDIT_OUTCOME);
}

int store_audit_row_encode(const struct store_audit_row *row, struct buf *out)
{
    if (!store_audit_row_is_valid(row)) {
        return CB_EINVAL;
    }
    struct writer w = writer_to(out);
    uint8_t version = version_of(row);
    writer_u8(&w, version);
    writer_u8(&w, (uint8_t)row->kind);
    writer_u64(&w, row->seq);
    writer_bytes(&w, row->tenant, IPC_NAME_MAX);
    writer_u64(&w, row->tenant_id);
    writer_raw(&w, row->request_id.ptr, row->request_id.len);
    writer_u64(&w, row->time_ms);
    writer_u8(&w, row->reason);
    if (row->kind == STORE_AUDIT_DECISION) {
        writer_bytes(&w, row->route, IPC_NAME_MAX);
        writer_bytes(&w, row->credential, IPC_NAME_MAX);
        writer_bytes(&w, row->method, 32);
        writer_u8(&w, row->scheme);
        writer_bytes(&w, row->host, IPC_HOST_MAX);
        writer_u16(&w, row->port);
        writer_bytes(&w, row->path, IPC_AUDIT_PATH_MAX);
        writer_bytes(&w, row->query_keys, IPC_AUDIT_QUERY_MAX);
    } else if (row->kind == STORE_AUDIT_CHANGE) {
        writer_bytes(&w, row->change, STORE_AUDIT_WORD_MAX);
        writer_bytes(&w, row->by, STORE_AUDIT_BY_MAX);
    } else {
        writer_u16(&w, row->status);
        writer_u64(&w, row->request_bytes);
        writer_u64(&w, row->response_bytes);
        writer_u64(&w, row->first_byte_us);
        writer_u64(&w, row->duration_us);
        writer_u32(&w, row->scrubs);
        writer_bytes(&w, row->peer, 64);
    }
    if (version >= ROW_VERSION_DETAIL) {
        writer_bytes(&w, row->detail, IPC_AUDIT_DETAIL_MAX);
    }
    if (version == ROW_VERSION_USE) {
        writer_bytes(&w, row->model, IPC_MODEL_MAX);
        writer_u64(&w, row->input_tokens);
        writer_u64(&w, row->output_tokens);
    }
    return writer_finish(&w);
}

int store_audit_row_decode(struct span encoded, struct store_audit_row *out)
{
    struct reader r = reader_of(encoded);
    struct store_audit_row row = {0};
    uint8_t version = reader_u8(&r);
    row.kind = (enum store_audit_kind)reader_u8(&r);
    if (r.error == 0 && (version < ROW_VERSION || version > ROW_VERSION_USE)) {
        return CB_EUNSUPPORTED;
    }
    row.seq = reader_u64(&r);
    row.tenant = reader_bytes(&r, IPC_NAME_MAX);
    row.tenant_id = reader_u64(&r);
    row.request_id = reader_take(&r, IPC_REQUEST_ID_LEN);
    row.time_ms = reader_u64(&r);
    row.reason = reader_u8(&r);
    if (row.kind == STORE_AUDIT_DECISION) {
        row.route = reader_bytes(&r, IPC_NAME_MAX);
        row.credential = reader_bytes(&r, IPC_NAME_MAX);
        row.method = reader_bytes(&r, 32);
        row.scheme = reader_u8(&r);
        row.host = reader_bytes(&r, IPC_HOST_MAX);
        row.port = reader_u16(&r);
        row.path = reader_bytes(&r, IPC_AUDIT_PATH_MAX);
        row.query_keys = reader_bytes(&r, IPC_AUDIT_QUERY_MAX);
    } else if (row.kind == STORE_AUDIT_CHANGE) {
        row.change = reader_bytes(&r, STORE_AUDIT_WORD_MAX);
        row.by = reader_bytes(&r, STORE_AUDIT_BY_MAX);
    } else {
        row.status = reader_u16(&r);
        row.request_bytes = reader_u64(&r);
        row.response_bytes = reader_u64(&r);
        row.first_byte_us = reader_u64(&r);
        row.duration_us = reader_u64(&r);
        row.scrubs = reader_u32(&r);
        row.peer = reader_bytes(&r, 64);
    }
    if (version >= ROW_VERSION_DETAIL) {
        row.detail = reader_bytes(&r, IPC_AUDIT_DETAIL_MAX);
    }
    if (version == ROW_VERSION_USE) {
        row.model = reader_bytes(&r, IPC_MODEL_MAX);
        row.input_tokens = reader_u64(&r);
        row.output_tokens = reader_u64(&r);
    }
    int error = reader_finish(&r);
    if (error != 0) {
        return error;
    }
    if (!store_audit_row_is_valid(&row) || version != version_of(&row)) {
        return CB_EMALFORMED;
    }
    *out = row;
    return 0;
}

int store_audit_row_read(struct reader *r, struct store_audit_row *out)
{
    struct span encoded = reader_bytes(r, STORE_AUDIT_ROW_MAX);
    struct span hash = reader_take(r, IPC_HASH_LEN);
    if (r->error == 0) {
        r->error = store_audit_row_decode(encoded, out);
    }
    if (r->error == 0) {
        out->hash = hash;
    }
    return r->error;
}

/*
 * follow.c - the audit as it grows: server-sent events (the HTML standard's), for as long as the client reads.
 *
 * The store says that there are new records, and this asks for those that fit: page after page, and none while the client does not read.
 * Each event has its record's number as its id, and from time to time there is one with the number alone: so a client that comes back
 * with `Last-Event-ID` misses nothing and has nothing twice.
 *
 * Whoever is known by a token or a session is asked for it again after API_FOLLOW_MS: the stream ends, and the client comes back.
 */
#include "api/state.h"

#include "base/strnum.h"
#include "http/fields.h"
#include "store/client.h"

#define FOLLOW_PAGE  200
#define FOLLOW_RETRY "retry: 500\n"

static int on_rows(struct api_request *q, struct span payload);

static bool is_over(const struct api_request *q)
{
    return q->conn->kind != API_CONN_CONTROL &&
           net_loop_now_ms(q->api->loop) - q->follow.began_ms >= q->api->follow_ms;
}

void api_follow_pump(struct api_request *q)
{
    struct api_follow *f = &q->follow;
    if (q->answered || q->chan != NULL || !api_stream_has_room(q) ||
        (f->begun && f->after >= q->api->audit_seq)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_audit_page m = {.tenant = f->tenant,
                               .after_seq = f->after,
                               .since_ms = f->since_ms,
                               .denied_only = f->denied,
                               .limit = FOLLOW_PAGE};
    if (!f->begun) {
        m = (struct ipc_audit_page){.newest = true, .limit = 1}; /* where the end is */
    }
    f->upto = q->api->audit_seq;
    api_wait(q, store, API_CALL(q, store, audit_page, &m), IPC_MSG_AUDIT_ROWS, on_rows);
}

/* One event, or with an empty record only its number. */
static int write_event(struct buf *out, uint64_t seq, const struct store_audit_row *row)
{
    int r = buf_appendf(out, "id: %llu\n", (unsigned long long)seq);
    if (r == 0 && row != NULL) {
        struct json j;
        r = buf_append_str(out, "data: ");
        json_init(&j, out);
        api_audit_row_write(&j, row);
        r = r == 0 ? json_finish(&j) : r;
        r = r == 0 ? buf_append_byte(out, '\n') : r;
    }
    return r == 0 ? buf_append_byte(out, '\n') : r;
}

static int write_rows(struct span rows, struct buf *out)
{
    struct reader r = reader_of(rows);
    uint32_t count = ipc_list_read(&r, FOLLOW_PAGE);
    int written = 0;
    for (uint32_t i = 0; i < count && r.error == 0 && written == 0; i++) {
        struct store_audit_row row;
        if (store_audit_row_read(&r, &row) == 0) {
            written = write_event(out, row.seq, &row);
        }
    }
    return written != 0 ? written : reader_finish(&r);
}

static int on_rows(struct api_request *q, struct span payload)
{
    struct api_follow *f = &q->follow;
    struct ipc_audit_rows m;
    int r = ipc_get_audit_rows(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_stream_end(q); /* it has begun: the end is all that can be said, and the log says more */
        return 0;
    }
    buf_reset(&q->out);
    if (!f->begun) {
        f->begun = true;
        f->after = m.last_seq;
        r = buf_append_str(&q->out, FOLLOW_RETRY);
        r = r == 0 ? write_event(&q->out, f->after, NULL) : r;
    } else {
        r = write_rows(m.rows, &q->out);
        f->after = m.last_seq > f->after ? m.last_seq : f->after;
        /* Nothing before what the store had told when it was asked is left. */
        f->after = !m.more && f->upto > f->after ? f->upto : f->after;
    }
    if (r != 0) {
        return r;
    }
    api_stream_write(q, buf_span(&q->out));
    api_follow_pump(q);
    return 0;
}

void api_follow_tick(struct api_request *q)
{
    if (is_over(q)) {
        api_stream_end(q);
        return;
    }
    buf_reset(&q->out);
    int r = q->follow.begun ? write_event(&q->out, q->follow.after, NULL) : buf_append_str(&q->out, ":\n\n");
    if (r != 0) {
        api_stream_end(q);
    } else {
        api_stream_write(q, buf_span(&q->out));
    }
}

void api_follow_grown(struct api *api)
{
    LIST_FOR_EACH (node, safe, &api->conns) {
        struct api_conn *c = LIST_ENTRY(node, struct api_conn, link);
        if (c->streaming) {
            api_follow_pump(&c->request);
        }
    }
}

/* What a client has seen that comes back. False when it refused the request. */
static bool read_last_id(struct api_request *q, uint64_t *after, bool *given)
{
    const struct http_field *field = http_field_find(q->head->fields, q->head->field_count, "Last-Event-ID");
    uint64_t seen = 0;
    if (field == NULL || field->value.len == 0) {
        return true;
    }
    if (strnum_u64(field->value, INT64_MAX, &seen) != 0) {
        api_refuse(q, 400, "Last-Event-ID should be the number of a record.");
        return false;
    }
    *after = !*given || seen > *after ? seen : *after;
    *given = true;
    return true;
}

void api_audit_follow(struct api_request *q)
{
    struct api_follow *f = &q->follow;
    uint64_t after = UINT64_MAX;
    uint64_t denied = 0;
    struct span tenant = SPAN_EMPTY;
    const struct api_param params[] = {{.name = "tenant", .text = &tenant},
                                       {.name = "denied", .number = &denied, .max = 1},
                                       {.name = "after", .number = &after, .max = INT64_MAX}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0])) ||
        !api_audit_scope(q, tenant, &f->since_ms)) {
        return;
    }
    f->begun = after != UINT64_MAX;
    if (!read_last_id(q, &after, &f->begun)) {
        return;
    }
    f->after = f->begun ? after : 0;
    f->denied = denied != 0;
    f->tenant = tenant;
    f->began_ms = net_loop_now_ms(q->api->loop);
    if (span_eq_str(q->head->method, "HEAD")) {
        api_answer_text(q, "text/event-stream");
        return;
    }
    api_stream_begin(q, "text/event-stream");
    if (f->begun) {
        api_stream_write(q, SPAN_LIT(FOLLOW_RETRY "\n"));
    }
    api_follow_pump(q);
}

/* history.c - who changed what, of one tenant or of everything; and what a tenant's document was, with what it changed. */
#include "api/state.h"

#include "base/strnum.h"
#include "review/json.h"

#include <stdio.h>

#define PAGE_LIMIT_DEFAULT 50
#define PAGE_LIMIT_MAX     500 /* STORE_CHANGES_LIMIT */

/* ---- changes ---- */

static void write_text(struct json *j, const char *key, struct span text)
{
    if (text.len != 0) {
        json_text(j, key, text);
    } else {
        json_null(j, key);
    }
}

/* Of a tenant's own history its name needs not be said. */
static uint64_t write_change(struct json *j, struct reader *r, bool all)
{
    uint64_t seq = reader_u64(r);
    struct span tenant = ipc_read_text(r, IPC_NAME_MAX);
    uint64_t generation = reader_u64(r);
    json_object(j, NULL);
    json_number(j, "seq", seq);
    if (all) {
        write_text(j, "tenant", tenant);
    }
    if (generation != 0) {
        json_number(j, "generation", generation);
    } else {
        json_null(j, "generation");
    }
    json_time(j, "time", reader_u64(r));
    write_text(j, "by", ipc_read_text(r, IPC_BY_MAX));
    json_text(j, "change", ipc_read_text(r, IPC_NAME_MAX));
    write_text(j, "detail", ipc_read_text(r, IPC_AUDIT_DETAIL_MAX));
    json_object_end(j);
    return seq;
}

static void write_next(struct api_request *q, uint64_t before)
{
    char next[256];
    if (q->tenant.len != 0) {
        (void)snprintf(next, sizeof(next), "/v1/tenants/%.*s/history?limit=%llu&before=%llu",
                       SPAN_ARG(q->tenant), (unsigned long long)q->page.limit, (unsigned long long)before);
    } else {
        (void)snprintf(next, sizeof(next), "/v1/changes?limit=%llu&before=%llu",
                       (unsigned long long)q->page.limit, (unsigned long long)before);
    }
    json_text(&q->json, "next", span_str(next));
}

static int on_changes(struct api_request *q, struct span payload)
{
    struct ipc_changes m;
    int error = ipc_get_changes(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        ipc_result(m.code) == CB_ENOTFOUND ? SPAN_LIT("There is no such tenant.")
                                                           : SPAN_EMPTY);
        return 0;
    }
    bool all = q->tenant.len == 0;
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.changes);
    uint32_t count = ipc_list_read(&r, PAGE_LIMIT_MAX);
    uint64_t last = 0;
    json_array(j, all ? "changes" : "history");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        last = write_change(j, &r, all);
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error != 0) {
        return error;
    }
    if (m.more && last != 0) {
        write_next(q, last);
    } else {
        json_null(j, "next");
    }
    api_answer_json(q);
    return 0;
}

static void ask_changes(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    uint64_t before = 0;
    q->page.limit = PAGE_LIMIT_DEFAULT;
    const struct api_param params[] = {
        {.name = "before", .number = &before, .max = INT64_MAX},
        {.name = "limit", .number = &q->page.limit, .min = 1, .max = PAGE_LIMIT_MAX}};
    if (api_query_read(q, params, sizeof(params) / sizeof(params[0]))) {
        struct ipc_changes_get m = {.tenant = q->tenant,
                                    .tenant_id = q->who.tenant_id,
                                    .before = before,
                                    .limit = (uint16_t)q->page.limit};
        api_wait(q, store, API_CALL(q, store, changes_get, &m), IPC_MSG_CHANGES, on_changes);
    }
}

void api_changes_list(struct api_request *q)
{
    ask_changes(q);
}

void api_history_list(struct api_request *q)
{
    ask_changes(q);
}

/* ---- one revision ---- */

/* What it changed; null when what was before, or its meaning, cannot be known any more. */
static int write_diff(struct json *j, const struct ipc_revision *m, bool first)
{
    struct spec *before = NULL;
    struct spec *after = NULL;
    struct review_diff diff;
    /* What an older version encoded may not be read by this one. */
    bool known = (first || m->before.len != 0) && spec_decode(m->spec, &after) == 0 &&
                 (first || spec_decode(m->before, &before) == 0);
    int r = known ? review_diff(before, after, &diff) : 0;
    if (known && r == 0) {
        review_diff_write(j, &diff);
        review_diff_deinit(&diff);
    } else {
        json_null(j, "changes");
    }
    spec_free(before);
    spec_free(after);
    return r;
}

static int on_revision(struct api_request *q, struct span payload)
{
    struct ipc_revision m;
    int r = ipc_get_revision(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        ipc_result(m.code) == CB_ENOTFOUND
                            ? SPAN_LIT("There is no such tenant, or that revision is not kept.")
                            : SPAN_EMPTY);
        return 0;
    }
    struct json *j = api_json_begin(q);
    json_number(j, "generation", q->revision);
    json_time(j, "time", m.time_ms);
    write_text(j, "by", m.by);
    json_text(j, "yaml", m.yaml);
    r = write_diff(j, &m, q->revision == 1);
    if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else {
        api_answer_json(q);
    }
    return 0;
}

void api_revision_show(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    if (strnum_u64(q->generation, INT64_MAX, &q->revision) != 0 || q->revision == 0) {
        api_refuse(q, 404, "\"%.*s\" cannot be a generation.", API_SHORT(q->generation));
        return;
    }
    struct ipc_revision_get m = {
        .tenant = q->tenant, .tenant_id = q->who.tenant_id, .generation = q->revision};
    api_wait(q, store, API_CALL(q, store, revision_get, &m), IPC_MSG_REVISION, on_revision);
}

/* series.c - sums of the requests over time, for charts. */
#include "api/state.h"

#include "base/clock.h"

#define MINUTE        60
#define STEP_MAX      (UINT64_C(7) * 24 * 3600)
#define STEP_DEFAULT  300
#define SPAN_DEFAULT  (UINT64_C(24) * 3600 * 1000)
#define POINT_NUMBERS 8 /* behind its time */

static int on_series(struct api_request *q, struct span payload)
{
    struct ipc_series m;
    int error = ipc_get_series(payload, &m);
    if (error != 0) {
        return error;
    }
    if (ipc_result(m.code) == CB_ENOTFOUND) {
        api_refuse(q, 404, "There is no such tenant.");
        return 0;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the series cannot be read; the server's log says why"));
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.points);
    uint32_t count = ipc_list_read(&r, IPC_SERIES_POINTS + 1);
    json_number(j, "step", q->step_s);
    json_array(j, "points");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        json_array(j, NULL);
        json_number(j, NULL, reader_u64(&r) * 1000);
        for (unsigned n = 0; n < POINT_NUMBERS; n++) {
            json_number(j, NULL, reader_u64(&r));
        }
        json_array_end(j);
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_json(q);
    }
    return error;
}

void api_series(struct api_request *q)
{
    struct span tenant = SPAN_EMPTY;
    uint64_t to = clock_wall_ms() / 1000 * 1000 + 1000;
    uint64_t from = UINT64_MAX;
    uint64_t step = STEP_DEFAULT;
    const struct api_param params[] = {{.name = "tenant", .text = &tenant},
                                       {.name = "from", .number = &from, .max = INT64_MAX},
                                       {.name = "to", .number = &to, .max = INT64_MAX},
                                       {.name = "step", .number = &step, .min = MINUTE, .max = STEP_MAX}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0]))) {
        return;
    }
    from = from != UINT64_MAX ? from : to - (to < SPAN_DEFAULT ? to : SPAN_DEFAULT);
    if (q->who.scope == IPC_SCOPE_TENANT && !span_eq_str(tenant, q->who.tenant)) {
        api_refuse(q, 403, "This token is for tenant \"%s\" alone: ask for tenant=%s.", q->who.tenant,
                   q->who.tenant);
        return;
    }
    if (step % MINUTE != 0 || from > to || (to - from) / 1000 / step >= IPC_SERIES_POINTS - 1) {
        api_refuse(q, 400,
                   "A series goes from an earlier time to a later one, in at most %d steps of whole minutes.",
                   IPC_SERIES_POINTS - 1);
        return;
    }
    q->step_s = step;
    struct ipc_chan *store = q->api->store;
    struct ipc_series_get m = {
        .tenant = tenant, .from_s = from / 1000, .to_s = (to + 999) / 1000, .step_s = (uint32_t)step};
    api_wait(q, store, API_CALL(q, store, series_get, &m), IPC_MSG_SERIES, on_series);
}

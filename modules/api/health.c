/*
 * health.c - the health listener: `/healthz`, `/readyz`, `/metrics`, for a kubelet and for Prometheus.
 *
 * A table of its own: nothing of the control API can be reached here, whatever is asked. Who connects is not known, so a connection is
 * for one request without a body, and all of it has HEALTH_DEADLINE_MS, an answer that nobody takes included.
 */
#include "api/health.h"

#include "api/state.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The monitor's last STATUS, or NULL. */
static const struct ipc_status *status_of(const struct api *api, struct ipc_status *out)
{
    return buf_len(&api->status) != 0 && ipc_get_status(buf_span(&api->status), out) == 0 ? out : NULL;
}

static void health_alive(struct api_request *q)
{
    struct json *j = api_json_begin(q);
    json_bool(j, "alive", true);
    api_answer_json(q);
}

/* ---- /readyz ---- */

static int answer_ready(struct api_request *q, const struct ipc_health *health)
{
    struct ipc_status status;
    bool ready = false;
    struct json *j = api_json_begin(q);
    int r = health_write_ready(j, status_of(q->api, &status), health, clock_wall_ms(), &ready);
    if (r == 0) {
        api_answer_json(q);
        q->status = q->status == 200 && !ready ? 503 : q->status;
    }
    return r;
}

static int on_ready(struct api_request *q, struct span payload)
{
    struct ipc_health m;
    int r = ipc_get_health(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        log_error_r(ipc_result(m.code), "the store cannot say what tenants lack");
        return answer_ready(q, NULL);
    }
    return answer_ready(q, &m);
}

static void health_ready(struct api_request *q)
{
    struct ipc_health_get get = {.version = 1};
    int r = API_CALL(q, q->api->store, health_get, &get);
    if (r == 0) {
        api_wait(q, q->api->store, r, IPC_MSG_HEALTH, on_ready);
    } else if (answer_ready(q, NULL) != 0) {
        api_refuse(q, 500, "What the monitor said cannot be read.");
    }
}

/* ---- /metrics ---- */

static int on_counters(struct api_request *q, struct span payload)
{
    struct ipc_counters m;
    int r = ipc_get_counters(payload, &m);
    if (r == 0 && m.code != 0) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
        return 0;
    }
    r = r == 0 ? health_write_counters(&q->out, &m) : r;
    if (r == 0) {
        api_answer_text(q, PROMETHEUS_TYPE);
    }
    return r;
}

static int on_state(struct api_request *q, struct span payload)
{
    struct ipc_health m;
    struct ipc_status status;
    int r = ipc_get_health(payload, &m);
    if (r == 0 && m.code != 0) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
        return 0;
    }
    buf_reset(&q->out);
    r = r == 0 ? health_write_state(&q->out, status_of(q->api, &status), &m) : r;
    if (r == 0) {
        struct ipc_counters_get get = {.version = 1};
        api_wait(q, q->api->store, API_CALL(q, q->api->store, counters_get, &get), IPC_MSG_COUNTERS,
                 on_counters);
    }
    return r;
}

static void health_metrics(struct api_request *q)
{
    struct ipc_health_get get = {.version = 1};
    api_wait(q, q->api->store, API_CALL(q, q->api->store, health_get, &get), IPC_MSG_HEALTH, on_state);
}

/* ---- the table ---- */

static const struct {
    const char *path;
    api_handler_fn *handle;
} table[] = {{"/healthz", health_alive}, {"/readyz", health_ready}, {"/metrics", health_metrics}};

void api_health_dispatch(struct api_request *q)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!span_eq_str(q->head->target, table[i].path)) {
            continue;
        }
        if (span_eq_str(q->head->method, "GET") || span_eq_str(q->head->method, "HEAD")) {
            table[i].handle(q);
        } else {
            (void)snprintf(q->allow, sizeof(q->allow), "GET, HEAD");
            api_refuse(q, 405, "Only GET and HEAD are possible here.");
        }
        return;
    }
    api_refuse(q, 404, "There are /healthz, /readyz and /metrics here.");
}

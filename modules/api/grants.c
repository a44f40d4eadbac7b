/* grants.c - what somebody allows a tenant for a time, or once: grant, list, take back. */
#include "api/state.h"

#include "base/strnum.h"
#include "policy/grants.h"
#include "policy/spec_check.h"

#include <stdio.h>

#define SECOND_MS UINT64_C(1000)

/* ---- granting ---- */

static int on_created(struct api_request *q, struct span payload)
{
    struct ipc_grant_created m;
    int error = ipc_get_grant_created(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
        return 0;
    }
    struct json *j = api_json_begin(q);
    json_number(j, "id", m.grant);
    json_time(j, "until", m.until_ms);
    (void)snprintf(q->location, sizeof(q->location), "/v1/tenants/%.*s/grants/%llu", SPAN_ARG(q->tenant),
                   (unsigned long long)m.grant);
    api_answer_json(q);
    return 0;
}

/* "seconds", "uses": 1, or both. False when it refused the request. */
static bool read_end(struct api_request *q, const struct conf_tree *body, struct ipc_grant_create *m)
{
    uint64_t seconds = POLICY_GRANT_MS_ONCE / SECOND_MS;
    uint64_t uses = 0;
    bool timed = conf_node_get(body->documents, "seconds") != NULL;
    m->once = conf_node_get(body->documents, "uses") != NULL;
    if (!timed && !m->once) {
        api_refuse(q, 422, "A grant ends: say \"seconds\", or \"uses\": 1.");
        return false;
    }
    if ((timed && !api_member_number(q, body, "seconds", &seconds)) ||
        (m->once && !api_member_number(q, body, "uses", &uses))) {
        return false;
    }
    if (m->once && uses != 1) {
        api_refuse(q, 422, "\"uses\" is 1.");
        return false;
    }
    if (seconds == 0 || seconds > POLICY_GRANT_MS_MAX / SECOND_MS) {
        api_refuse(q, 422,
                   "\"seconds\" is a number from 1 to %llu. What is to stay is a route of the tenant's file.",
                   (unsigned long long)(POLICY_GRANT_MS_MAX / SECOND_MS));
        return false;
    }
    m->for_ms = seconds * SECOND_MS;
    return true;
}

static bool read_what(struct api_request *q, const struct conf_tree *body, struct ipc_grant_create *m)
{
    char why[256] = "";
    struct api_what what;
    if (!api_what_read(q, body, &what)) {
        return false;
    }
    struct policy_grant grant = {.scheme = what.scheme,
                                 .host = what.host,
                                 .port = what.port,
                                 .method = what.method,
                                 .path = what.path};
    if (conf_node_get(body->documents, "websocket") != NULL &&
        !api_member_bool(q, body, "websocket", &grant.websocket)) {
        return false;
    }
    if (policy_grant_check(&grant, why, sizeof(why)) != 0) {
        api_refuse(q, 422, "This cannot be granted: %s.", why);
        return false;
    }
    m->scheme = (uint8_t)what.scheme;
    m->host = what.host;
    m->port = what.port;
    m->method = what.method;
    m->path = what.path;
    m->websocket = grant.websocket;
    return true;
}

void api_grant_create(struct api_request *q)
{
    static const char *const known[] = {"scheme",  "host", "port",      "method", "path",
                                        "seconds", "uses", "websocket", NULL};
    struct ipc_chan *store = q->api->store;
    struct ipc_grant_create m = {.tenant = q->tenant, .by = api_by(q)};
    struct conf_tree body;
    if (!api_query_read(q, NULL, 0) || !api_body_read(q, known, &body)) {
        return;
    }
    if (read_what(q, &body, &m) && read_end(q, &body, &m)) {
        api_wait(q, store, API_CALL(q, store, grant_create, &m), IPC_MSG_GRANT_CREATED, on_created);
    }
    conf_tree_deinit(&body);
}

/* ---- list ---- */

/* An element of the list of GRANTS. */
struct listed {
    struct policy_grant grant;
    uint64_t created_ms;
    struct span by;
};

static struct listed read_listed(struct reader *r)
{
    char why[256];
    struct listed l = {.grant = policy_grant_read(r)};
    l.created_ms = reader_u64(r);
    l.by = ipc_read_text(r, IPC_BY_MAX);
    if (r->error == 0 && policy_grant_check(&l.grant, why, sizeof(why)) != 0) {
        r->error = CB_EMALFORMED;
    }
    return l;
}

static void write_listed(struct json *j, const struct listed *l)
{
    const struct policy_grant *g = &l->grant;
    struct api_what what = {
        .scheme = g->scheme, .host = g->host, .port = g->port, .method = g->method, .path = g->path};
    json_object(j, NULL);
    json_number(j, "id", g->id);
    api_what_write(j, &what);
    json_bool(j, "websocket", g->websocket);
    json_time(j, "until", g->until_ms);
    if (g->uses_left == POLICY_GRANT_ANY) {
        json_null(j, "uses_left");
    } else {
        json_number(j, "uses_left", g->uses_left);
    }
    json_time(j, "created", l->created_ms);
    json_text(j, "by", l->by);
    json_object_end(j);
}

static int on_grants(struct api_request *q, struct span payload)
{
    struct ipc_grants m;
    int error = ipc_get_grants(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        char why[128];
        (void)snprintf(why, sizeof(why), "There is no tenant \"%.*s\".", SPAN_ARG(q->tenant));
        api_refuse_answer(q, m.code, ipc_result(m.code) == CB_ENOTFOUND ? span_str(why) : SPAN_EMPTY);
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.grants);
    uint32_t count = ipc_list_read(&r, POLICY_GRANTS_MAX);
    json_array(j, "grants");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct listed l = read_listed(&r);
        if (r.error == 0) {
            write_listed(j, &l);
        }
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_json(q);
    }
    return error;
}

void api_grants_list(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_grants_get m = {.tenant = q->tenant};
    if (api_query_read(q, NULL, 0)) {
        api_wait(q, store, API_CALL(q, store, grants_get, &m), IPC_MSG_GRANTS, on_grants);
    }
}

/* ---- beside a policy ---- */

static int append_grants(struct api_request *q, struct span list)
{
    struct reader r = reader_of(list);
    struct writer w = writer_to(&q->list);
    uint32_t count = ipc_list_read(&r, POLICY_GRANTS_MAX);
    writer_u32(&w, count);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct listed l = read_listed(&r);
        policy_grant_write(&w, &l.grant);
    }
    int error = reader_finish(&r);
    return error != 0 ? error : writer_finish(&w);
}

/* A tenant that is not there has none; what that means for the request, TENANT says. */
static int on_granted(struct api_request *q, struct span payload)
{
    struct ipc_grants m;
    int error = ipc_get_grants(payload, &m);
    if (error != 0) {
        return error;
    }
    buf_reset(&q->list);
    if (m.code == 0) {
        error = append_grants(q, m.grants);
    } else if (ipc_result(m.code) != CB_ENOTFOUND) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
        return 0;
    }
    if (error == 0) {
        api_tenant_get(q, q->tenant_next);
    }
    return error;
}

void api_tenant_get_with_grants(struct api_request *q, api_answer_fn *next)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_grants_get m = {.tenant = q->tenant};
    q->tenant_next = next;
    api_wait(q, store, API_CALL(q, store, grants_get, &m), IPC_MSG_GRANTS, on_granted);
}

/* ---- taking back ---- */

void api_grant_delete(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_grant_delete m = {.tenant = q->tenant, .by = api_by(q)};
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    if (strnum_u64(q->grant, INT64_MAX, &m.grant) != 0 || m.grant == 0) {
        api_refuse(q, 404, "\"%.*s\" cannot be the number of a grant.", API_SHORT(q->grant));
        return;
    }
    api_wait(q, store, API_CALL(q, store, grant_delete, &m), IPC_MSG_DONE, api_on_done);
}

/* status.c - what the monitor said last about what runs, as JSON. */
#include "api/state.h"

#include "base/log.h"
#include "ipc/role.h"
#include "priv/confine.h"

int api_status_take(struct api *api, struct span payload)
{
    struct ipc_status m;
    int r = ipc_get_status(payload, &m);
    if (r == 0) {
        buf_reset(&api->status);
        r = buf_append_span(&api->status, payload);
    }
    return r;
}

static void write_layers(struct json *j, const char *key, uint32_t layers)
{
    json_array(j, key);
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        if ((layers & bit) != 0) {
            json_text(j, NULL, span_str(priv_layer_name((enum priv_layer)bit)));
        }
    }
    json_array_end(j);
}

static int write_roles(struct json *j, struct span roles)
{
    struct reader r = reader_of(roles);
    uint32_t count = ipc_list_read(&r, IPC_ROLE__COUNT);
    json_array(j, "roles");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        uint8_t role = reader_u8(&r);
        json_object(j, NULL);
        json_text(j, "role", span_str(role < IPC_ROLE__COUNT ? ipc_role_name((enum ipc_role)role) : "?"));
        json_number(j, "running", reader_u32(&r));
        uint32_t pid = reader_u32(&r);
        if (pid != 0) {
            json_number(j, "pid", pid);
        } else {
            json_null(j, "pid");
        }
        write_layers(j, "layers", reader_u32(&r));
        (void)reader_u64(&r); /* how many ended that should not have: for /metrics */
        json_object_end(j);
    }
    json_array_end(j);
    return reader_finish(&r);
}

void api_status(struct api_request *q)
{
    struct ipc_status m;
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    if (buf_len(&q->api->status) == 0 || ipc_get_status(buf_span(&q->api->status), &m) != 0) {
        api_refuse(q, 503, "The monitor has not said yet what runs: try again.");
        return;
    }
    struct json *j = api_json_begin(q);
    json_text(j, "version", m.version);
    json_time(j, "started", m.started_ms);
    json_number(j, "tenants", m.tenants);
    json_number(j, "active", m.active);
    json_number(j, "landlock", m.landlock);
    write_layers(j, "waived", m.waived);
    write_layers(j, "lacking", m.lacking);
    int r = write_roles(j, m.roles);
    if (r != 0) {
        log_error_r(r, "what the monitor said of its roles cannot be read");
        api_refuse(q, 500, "What the monitor said cannot be read.");
        return;
    }
    api_answer_json(q);
}

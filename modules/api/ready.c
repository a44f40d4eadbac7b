/* ready.c - `/readyz`: what is missing, in words. */
#include "api/health.h"

#include <stdarg.h>
#include <stdio.h>

#define READY_TENANTS_MAX 1000
#define READY_DAY_MS      ((uint64_t)24 * 3600 * 1000)
#define READY_DETAIL_MAX  256

struct ready {
    struct json *j;
    bool ok;
};

/* One more of "problems". `tenant` may be empty. */
static void problem(struct ready *r, bool matters, const char *what, struct span tenant, const char *fmt, ...)
    CB_PRINTF(5, 6);
static void problem(struct ready *r, bool matters, const char *what, struct span tenant, const char *fmt, ...)
{
    char detail[READY_DETAIL_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    json_object(r->j, NULL);
    json_text(r->j, "what", span_str(what));
    if (tenant.len != 0) {
        json_text(r->j, "tenant", tenant);
    }
    json_text(r->j, "detail", span_str(detail));
    json_object_end(r->j);
    r->ok = r->ok && !matters;
}

static int look_at_roles(struct ready *r, struct span roles)
{
    struct reader reader = reader_of(roles);
    uint32_t count = ipc_list_read(&reader, IPC_ROLE__COUNT);
    for (uint32_t i = 0; i < count && reader.error == 0; i++) {
        uint8_t role = reader_u8(&reader);
        uint32_t running = reader_u32(&reader);
        (void)reader_u32(&reader);
        (void)reader_u32(&reader);
        (void)reader_u64(&reader);
        if (reader.error == 0 && running == 0 && (role == IPC_ROLE_STORE || role == IPC_ROLE_VAULT)) {
            problem(r, true, "role", SPAN_EMPTY, "the process `%s` does not run", ipc_role_name(role));
        }
    }
    return reader_finish(&reader);
}

static int look_at_status(struct ready *r, const struct ipc_status *status)
{
    if (status == NULL || !status->loaded) {
        problem(r, true, "starting", SPAN_EMPTY, "the tenants are not loaded yet");
        return 0;
    }
    if (status->draining) {
        problem(r, true, "draining", SPAN_EMPTY, "this server is about to end");
    }
    if (status->tenants < status->wanted) {
        problem(r, true, "tenant", SPAN_EMPTY, "there is no tenant yet");
    }
    return look_at_roles(r, status->roles);
}

static int look_at_tenants(struct ready *r, bool matters, const struct ipc_health *health, uint64_t now_ms)
{
    struct reader reader = reader_of(health->tenants);
    uint32_t count = ipc_list_read(&reader, READY_TENANTS_MAX);
    for (uint32_t i = 0; i < count && reader.error == 0; i++) {
        struct span name = ipc_read_text(&reader, IPC_NAME_MAX);
        uint32_t used = reader_u32(&reader);
        uint32_t set = reader_u32(&reader);
        struct span missing = ipc_read_text(&reader, IPC_NAME_MAX);
        uint64_t ends_ms = reader_u64(&reader);
        (void)reader_u64(&reader);
        if (reader.error != 0) {
            break;
        }
        if (set < used && used - set == 1) {
            problem(r, matters, "credential", name, "the credential %.*s is not set", SPAN_ARG(missing));
        } else if (set < used) {
            problem(r, matters, "credential", name, "the credential %.*s and %u more are not set",
                    SPAN_ARG(missing), (unsigned)(used - set - 1));
        }
        if (ends_ms != 0 && ends_ms <= now_ms) {
            problem(r, matters, "ca", name, "the CA has expired");
        } else if (ends_ms != 0 && ends_ms - now_ms < READY_DAY_MS) {
            problem(r, matters, "ca", name, "the CA expires within a day");
        }
    }
    return reader_finish(&reader);
}

int health_write_ready(struct json *j, const struct ipc_status *status, const struct ipc_health *health,
                       uint64_t now_ms, bool *ready)
{
    struct ready r = {.j = j, .ok = true};
    json_array(j, "problems");
    int error = look_at_status(&r, status);
    if (health == NULL) {
        problem(&r, true, "store", SPAN_EMPTY, "the store does not answer");
    } else if (health->audit_code != 0) {
        problem(&r, true, "audit", SPAN_EMPTY, "the audit takes no records (%s), so every request is refused",
                cb_strerror(ipc_result(health->audit_code)));
    }
    if (error == 0 && health != NULL) {
        error = look_at_tenants(&r, status != NULL && status->wanted != 0, health, now_ms);
    }
    json_array_end(j);
    json_bool(j, "ready", r.ok);
    *ready = r.ok;
    return error;
}

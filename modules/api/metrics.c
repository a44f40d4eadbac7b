/*
 * metrics.c - `/metrics`: Prometheus' text format 0.0.4. All samples of a metric stand together, so the lists are walked once for each.
 *
 * Labels have values from closed lists (verdicts, reasons, roles, states) or are names of tenants, of whom the messages have only so
 * many. What has no name of its own has the tenant "".
 */
#include "api/health.h"
#include "store/client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define TENANTS_MAX 1000

/* The text that is written; the first error latches. */
struct metrics {
    struct buf *out;
    int error;
};

static void add(struct metrics *m, const char *fmt, ...) CB_PRINTF(2, 3);
static void add(struct metrics *m, const char *fmt, ...)
{
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (m->error == 0) {
        m->error = len >= 0 && (size_t)len < sizeof(line) ? buf_append(m->out, line, (size_t)len) : CB_ELIMIT;
    }
}

static void metric(struct metrics *m, const char *name, const char *type, const char *help)
{
    add(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void value_of(struct metrics *m, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\n') {
            add(m, "\\n");
        } else {
            add(m, c == '\\' || c == '"' ? "\\%c" : "%c", c);
        }
    }
}

/* name{tenant="..." and then comes the rest. */
static void of_tenant(struct metrics *m, const char *name, struct span tenant)
{
    add(m, "%s{tenant=\"", name);
    value_of(m, tenant);
    add(m, "\"");
}

static void tenant_sample(struct metrics *m, const char *name, struct span tenant, uint64_t value)
{
    of_tenant(m, name, tenant);
    add(m, "} %" PRIu64 "\n", value);
}

static void single(struct metrics *m, const char *name, const char *type, const char *help, uint64_t value)
{
    metric(m, name, type, help);
    add(m, "%s %" PRIu64 "\n", name, value);
}

/* ---- what the monitor says ---- */

enum role_metric { ROLE_RUNNING, ROLE_FAILURES };

static int add_roles(struct metrics *m, const char *name, enum role_metric which, struct span roles)
{
    struct reader r = reader_of(roles);
    uint32_t count = ipc_list_read(&r, IPC_ROLE__COUNT);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        uint8_t role = reader_u8(&r);
        uint64_t running = reader_u32(&r);
        (void)reader_u32(&r);
        (void)reader_u32(&r);
        uint64_t failures = reader_u64(&r);
        if (r.error == 0 && role < IPC_ROLE__COUNT) {
            add(m, "%s{role=\"%s\"} %" PRIu64 "\n", name, ipc_role_name(role),
                which == ROLE_RUNNING ? running : failures);
        }
    }
    return reader_finish(&r);
}

static int add_status(struct metrics *m, const struct ipc_status *s)
{
    metric(m, "clawbox_build_info", "gauge", "The version that runs.");
    add(m, "clawbox_build_info{version=\"");
    value_of(m, s->version);
    add(m, "\"} 1\n");
    metric(m, "clawbox_start_time_seconds", "gauge", "When this server started.");
    add(m, "clawbox_start_time_seconds %" PRIu64 ".%03u\n", s->started_ms / 1000,
        (unsigned)(s->started_ms % 1000));
    single(m, "clawbox_tenants", "gauge", "Tenants that have a listener.", s->tenants);
    single(m, "clawbox_active_tenants", "gauge", "Tenants whose gate and egress run.", s->active);
    single(m, "clawbox_draining", "gauge", "1 while the server is about to end.", s->draining);
    metric(m, "clawbox_processes", "gauge", "Processes that serve, by role.");
    int r = add_roles(m, "clawbox_processes", ROLE_RUNNING, s->roles);
    metric(m, "clawbox_process_failures_total", "counter",
           "Processes that ended and should not have, by role.");
    return r == 0 ? add_roles(m, "clawbox_process_failures_total", ROLE_FAILURES, s->roles) : r;
}

/* ---- what the store says of its tenants ---- */

struct tenant_state {
    struct span name;
    uint32_t used;
    uint32_t set;
    uint64_t ca_ends_ms;
    uint64_t suspended_ms;
};

static void read_tenant(struct reader *r, struct tenant_state *t)
{
    t->name = ipc_read_text(r, IPC_NAME_MAX);
    t->used = reader_u32(r);
    t->set = reader_u32(r);
    (void)ipc_read_text(r, IPC_NAME_MAX);
    t->ca_ends_ms = reader_u64(r);
    t->suspended_ms = reader_u64(r);
}

static void add_credentials(struct metrics *m, const struct tenant_state *t)
{
    of_tenant(m, "clawbox_credentials", t->name);
    add(m, ",state=\"set\"} %u\n", (unsigned)t->set);
    of_tenant(m, "clawbox_credentials", t->name);
    add(m, ",state=\"missing\"} %u\n", (unsigned)(t->used > t->set ? t->used - t->set : 0));
}

static void add_ca(struct metrics *m, const struct tenant_state *t)
{
    if (t->ca_ends_ms != 0) {
        tenant_sample(m, "clawbox_ca_expiry_time_seconds", t->name, t->ca_ends_ms / 1000);
    }
}

static void add_suspended(struct metrics *m, const struct tenant_state *t)
{
    tenant_sample(m, "clawbox_tenant_suspended", t->name, t->suspended_ms != 0);
}

static int each_tenant(struct metrics *m, struct span tenants,
                       void (*each)(struct metrics *m, const struct tenant_state *t))
{
    struct reader r = reader_of(tenants);
    uint32_t count = ipc_list_read(&r, TENANTS_MAX);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct tenant_state t;
        read_tenant(&r, &t);
        if (r.error == 0) {
            each(m, &t);
        }
    }
    return reader_finish(&r);
}

static int add_health(struct metrics *m, const struct ipc_health *h)
{
    single(m, "clawbox_audit_writable", "gauge", "1 when a record could be written just now.",
           h->audit_code == 0);
    single(m, "clawbox_audit_sequence", "counter", "The number of the last record.", h->audit_seq);
    single(m, "clawbox_audit_failures_total", "counter", "Times that records could not be written.",
           h->audit_failures);
    single(m, "clawbox_audit_lost_total", "counter", "Outcomes of requests that could not be kept.",
           h->audit_lost);
    metric(m, "clawbox_credentials", "gauge", "Credentials that the tenant's routes use.");
    int r = each_tenant(m, h->tenants, add_credentials);
    metric(m, "clawbox_ca_expiry_time_seconds", "gauge", "When the tenant's CA ends.");
    r = r == 0 ? each_tenant(m, h->tenants, add_ca) : r;
    metric(m, "clawbox_tenant_suspended", "gauge", "1 when the tenant is suspended.");
    return r == 0 ? each_tenant(m, h->tenants, add_suspended) : r;
}

int health_write_state(struct buf *out, const struct ipc_status *status, const struct ipc_health *health)
{
    struct metrics m = {.out = out};
    int r = status != NULL ? add_status(&m, status) : 0;
    r = r == 0 ? add_health(&m, health) : r;
    return r != 0 ? r : m.error;
}

/* ---- what the store has counted ---- */

typedef void count_fn(struct metrics *m, struct span tenant, const struct store_count *c);

static void add_requests(struct metrics *m, struct span tenant, const struct store_count *c)
{
    for (unsigned i = 0; i < POLICY_REASON__COUNT; i++) {
        enum policy_reason reason = (enum policy_reason)i;
        if (c->reasons[i] != 0) {
            of_tenant(m, "clawbox_requests_total", tenant);
            add(m, ",verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                policy_verdict_name(policy_reason_verdict(reason)), policy_reason_name(reason),
                c->reasons[i]);
        }
    }
}

static void add_request_bytes(struct metrics *m, struct span tenant, const struct store_count *c)
{
    tenant_sample(m, "clawbox_request_bytes_total", tenant, c->request_bytes);
}

static void add_response_bytes(struct metrics *m, struct span tenant, const struct store_count *c)
{
    tenant_sample(m, "clawbox_response_bytes_total", tenant, c->response_bytes);
}

static void add_scrubs(struct metrics *m, struct span tenant, const struct store_count *c)
{
    tenant_sample(m, "clawbox_scrubs_total", tenant, c->scrubs);
}

static void add_input_tokens(struct metrics *m, struct span tenant, const struct store_count *c)
{
    tenant_sample(m, "clawbox_input_tokens_total", tenant, c->input_tokens);
}

static void add_output_tokens(struct metrics *m, struct span tenant, const struct store_count *c)
{
    tenant_sample(m, "clawbox_output_tokens_total", tenant, c->output_tokens);
}

static void add_durations(struct metrics *m, struct span tenant, const struct store_count *c)
{
    uint64_t so_far = 0;
    for (size_t i = 0; i < STORE_COUNT_BOUNDS; i++) {
        so_far += c->durations[i];
        of_tenant(m, "clawbox_request_duration_seconds_bucket", tenant);
        add(m, ",le=\"%g\"} %" PRIu64 "\n", (double)store_count_bounds_us[i] / 1e6, so_far);
    }
    of_tenant(m, "clawbox_request_duration_seconds_bucket", tenant);
    add(m, ",le=\"+Inf\"} %" PRIu64 "\n", c->ended);
    of_tenant(m, "clawbox_request_duration_seconds_sum", tenant);
    add(m, "} %" PRIu64 ".%06u\n", c->duration_us / 1000000, (unsigned)(c->duration_us % 1000000));
    tenant_sample(m, "clawbox_request_duration_seconds_count", tenant, c->ended);
}

static int each_count(struct metrics *m, struct span counters, count_fn *each)
{
    struct reader r = reader_of(counters);
    uint32_t count = ipc_list_read(&r, STORE_COUNT_TENANTS + 1);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct store_count c;
        struct span tenant;
        if (store_count_read(&r, &tenant, &c) == 0) {
            each(m, tenant, &c);
        }
    }
    return reader_finish(&r);
}

int health_write_counters(struct buf *out, const struct ipc_counters *counters)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        count_fn *each;
    } table[] = {
        {"clawbox_requests_total", "counter", "Requests that were refused, or have ended.", add_requests},
        {"clawbox_request_bytes_total", "counter", "Bytes of bodies to providers.", add_request_bytes},
        {"clawbox_response_bytes_total", "counter", "Bytes of bodies from providers.", add_response_bytes},
        {"clawbox_scrubs_total", "counter", "Times that a credential was taken out of an answer.",
         add_scrubs},
        {"clawbox_input_tokens_total", "counter", "Tokens that went in, as providers reported them.",
         add_input_tokens},
        {"clawbox_output_tokens_total", "counter", "Tokens that came out, as providers reported them.",
         add_output_tokens},
        {"clawbox_request_duration_seconds", "histogram", "How long requests took that a route allowed.",
         add_durations},
    };
    struct metrics m = {.out = out};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(table) / sizeof(table[0]); i++) {
        metric(&m, table[i].name, table[i].type, table[i].help);
        r = each_count(&m, counters->counters, table[i].each);
    }
    return r != 0 ? r : m.error;
}

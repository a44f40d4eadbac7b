/* count.c - counting requests by tenant and reason, as their records come by. */
#include "base/log.h"
#include "store/state.h"

#include <stdio.h>
#include <stdlib.h>

struct count_tenant {
    char name[IPC_NAME_MAX + 1];
    struct store_count count;
};

/* A tenant's own, or NULL: it shares. Found once for each channel. */
static struct store_count *find(struct store_counts *c, const char *tenant)
{
    for (size_t i = 0; i < c->tenant_count; i++) {
        if (strcmp(c->tenants[i]->name, tenant) == 0) {
            return &c->tenants[i]->count;
        }
    }
    struct count_tenant *own = c->tenant_count < STORE_COUNT_TENANTS ? calloc(1, sizeof(*own)) : NULL;
    if (own == NULL) {
        return NULL;
    }
    (void)snprintf(own->name, sizeof(own->name), "%s", tenant);
    c->tenants[c->tenant_count++] = own;
    return &own->count;
}

static struct store_count *count_of(struct store_peer *p)
{
    if (p->count == NULL) {
        struct store_counts *c = &p->store->counts;
        struct store_count *own = find(c, p->tenant);
        p->count = own != NULL ? own : &c->others;
    }
    return p->count;
}

void count_decision(struct store_peer *p, uint8_t reason)
{
    if (policy_reason_verdict((enum policy_reason)reason) != POLICY_VERDICT_ALLOWED) {
        count_of(p)->reasons[reason]++; /* what is allowed is counted when it has ended */
    }
}

void count_outcome(struct store_peer *p, const struct ipc_audit_outcome *m)
{
    struct store_count *c = count_of(p);
    c->reasons[m->reason]++;
    c->request_bytes += m->request_bytes;
    c->response_bytes += m->response_bytes;
    c->scrubs += m->scrubs;
    c->input_tokens += m->input_tokens;
    c->output_tokens += m->output_tokens;
    c->duration_us += m->duration_us;
    c->ended++;
    for (size_t i = 0; i < STORE_COUNT_BOUNDS; i++) {
        if (m->duration_us <= store_count_bounds_us[i]) {
            c->durations[i]++;
            break;
        }
    }
}

void counts_free(struct store_counts *c)
{
    for (size_t i = 0; i < c->tenant_count; i++) {
        free(c->tenants[i]);
    }
    *c = (struct store_counts){.tenant_count = 0};
}

/* ---- the list ---- */

static void write_one(struct writer *w, struct span tenant, const struct store_count *c)
{
    uint32_t reasons = 0;
    ipc_write_text(w, tenant, IPC_NAME_MAX);
    size_t at = ipc_list_begin(w);
    for (size_t i = 0; i < POLICY_REASON__COUNT; i++) {
        if (c->reasons[i] != 0) {
            writer_u8(w, (uint8_t)i);
            writer_u64(w, c->reasons[i]);
            reasons++;
        }
    }
    ipc_list_end(w, at, reasons);
    writer_u64(w, c->request_bytes);
    writer_u64(w, c->response_bytes);
    writer_u64(w, c->scrubs);
    writer_u64(w, c->input_tokens);
    writer_u64(w, c->output_tokens);
    for (size_t i = 0; i < STORE_COUNT_BOUNDS; i++) {
        writer_u64(w, c->durations[i]);
    }
    writer_u64(w, c->duration_us);
    writer_u64(w, c->ended);
}

int counts_write(const struct store_counts *c, struct buf *out)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    for (size_t i = 0; i < c->tenant_count; i++) {
        write_one(&w, span_str(c->tenants[i]->name), &c->tenants[i]->count);
    }
    bool shared = c->tenant_count == STORE_COUNT_TENANTS;
    if (shared) {
        write_one(&w, SPAN_EMPTY, &c->others);
    }
    ipc_list_end(&w, at, (uint32_t)c->tenant_count + (shared ? 1 : 0));
    return writer_finish(&w);
}

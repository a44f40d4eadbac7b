/*
 * ca.c - a tenant's certificate authority: loaded from the store and unsealed, or made when the tenant has none. The
 * key is sealed like a credential, under a name that no credential can have. A few stay unsealed in memory.
 */
#include "vault/state.h"

#include "base/clock.h"

#include <stdio.h>

#define CA_NAME SPAN_LIT("@ca")

static void ca_clear(struct vault_ca *ca)
{
    tls_key_free(ca->key);
    ca->key = NULL;
    buf_deinit(&ca->cert);
}

void ca_drop(struct vault_tenant *t)
{
    if (t->ca.key != NULL) {
        list_remove(&t->ca_age);
        t->vault->ca_count--;
    }
    ca_clear(&t->ca);
    ca_clear(&t->making);
}

void ca_touch(struct vault_tenant *t)
{
    list_remove(&t->ca_age);
    list_push_front(&t->vault->cas, &t->ca_age);
}

/* What was loaded or made is the tenant's CA from now on; the one that was used least recently goes. */
static void ca_keep(struct vault_tenant *t)
{
    struct vault *v = t->vault;
    struct vault_ca ca = t->making;
    t->making = (struct vault_ca){.key = NULL};
    buf_init(&t->making.cert, IPC_CERT_MAX);
    ca_drop(t);
    if (v->ca_count == VAULT_CA_KEPT) {
        struct vault_tenant *oldest = LIST_ENTRY(v->cas.prev, struct vault_tenant, ca_age);
        struct vault_ca *old = &oldest->ca;
        list_remove(&oldest->ca_age);
        v->ca_count--;
        ca_clear(old);
        tenant_settle(oldest);
    }
    t->ca = ca;
    list_push_front(&v->cas, &t->ca_age);
    v->ca_count++;
}

/* The end of a fetch: with a CA, without one for a reason, or to be begun again because of a FORGET meanwhile. */
static void ca_done(struct vault_tenant *t, int r)
{
    t->ca_asked = false;
    bool stale = t->ca_epoch != t->epoch;
    if (r == 0 && !stale) {
        ca_keep(t);
    } else {
        ca_clear(&t->making);
    }
    if (r != 0 && !stale) {
        leaf_fail(t, r, false);
    } else {
        leaf_advance(t);
    }
    tenant_settle(t);
}

int ca_look(struct vault_tenant *t, struct span cert)
{
    struct buf has;
    buf_init(&has, IPC_CERT_MAX);
    int r = tls_cert_constraints(cert, &has);
    t->successor_due = r == 0 && !span_eq(buf_span(&has), buf_span(&t->constraints));
    buf_deinit(&has);
    return r;
}

static int ca_unseal(struct vault_tenant *t, const struct ipc_ca_row *row)
{
    struct secret *opened = NULL;
    struct seal_credential c;
    int r = seal_open(t->vault->pair.public_key, t->vault->pair.secret_key, row->sealed_key, &opened);
    if (r != 0) {
        return r;
    }
    if (seal_credential_read(secret_span(opened), &c) != 0 || c.tenant_id != t->id ||
        !span_eq(c.name, CA_NAME)) {
        r = CB_EAUTHENTIC;
    } else if ((r = tls_key_parse(c.value, &t->making.key)) == 0 &&
               (r = buf_append_span(&t->making.cert, row->cert)) == 0 &&
               (r = tls_cert_not_after(row->cert, &t->making.not_after_ms)) == 0) {
        buf_reset(&t->next_cert);
        r = buf_append_span(&t->next_cert, row->next_cert);
        r = r == 0 ? ca_look(t, row->next_cert.len != 0 ? row->next_cert : row->cert) : r;
    }
    secret_free(opened);
    return r;
}

static int on_ca_stored(void *arg, int code, const struct ipc_in *in)
{
    struct vault_tenant *t = arg;
    if (code != 0) {
        return 0; /* waits_fail_all() cleans up when the channel is gone */
    }
    struct ipc_done m;
    int bad = in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, &m) : CB_EMALFORMED;
    ca_done(t, bad != 0 ? bad : ipc_result(m.code));
    return bad;
}

int ca_create(struct vault_tenant *t, struct span tenant, struct tls_key *key, struct buf *cert,
              struct buf *sealed)
{
    char name[IPC_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_ARG(tenant));
    struct secret *der = NULL;
    int r = tls_ca_create_for(key, name, buf_span(&t->constraints), clock_wall_ms(), cert);
    if (r == 0 && (r = tls_key_export(key, &der)) == 0) {
        struct seal_credential c = {.tenant_id = t->id,
                                    .tenant = tenant,
                                    .name = CA_NAME,
                                    .binding = SPAN_EMPTY,
                                    .value = secret_span(der)};
        r = seal_credential(t->vault->pair.public_key, &c, sealed);
    }
    secret_free(der);
    return r;
}

/* A new CA is used only once the store has it: what it signed would else be worthless after a restart. */
static int ca_make(struct vault_tenant *t, const struct ipc_ca_row *row)
{
    struct buf sealed;
    buf_init(&sealed, IPC_CERT_MAX);
    int r = (t->making.key = tls_key_new()) != NULL ? 0 : CB_ECRYPTO;
    if (r == 0 && (r = ca_create(t, row->tenant, t->making.key, &t->making.cert, &sealed)) == 0 &&
        (r = tls_cert_not_after(buf_span(&t->making.cert), &t->making.not_after_ms)) == 0) {
        struct ipc_ca_put put = {
            .tenant_id = t->id, .cert = buf_span(&t->making.cert), .sealed_key = buf_span(&sealed)};
        buf_reset(&t->next_cert);
        r = ipc_call_ca_put(t->vault->store, &put, on_ca_stored, t, NULL);
    }
    buf_deinit(&sealed);
    return r;
}

static int on_ca_row(void *arg, int code, const struct ipc_in *in)
{
    struct vault_tenant *t = arg;
    if (code != 0) {
        return 0; /* waits_fail_all() cleans up when the channel is gone */
    }
    struct ipc_ca_row m;
    int bad = in->msg == IPC_MSG_CA_ROW ? ipc_get_ca_row(in->payload, &m) : CB_EMALFORMED;
    int r = bad != 0 ? bad : ipc_result(m.code);
    if (r == 0) {
        (void)snprintf(t->name, sizeof(t->name), "%.*s", SPAN_ARG(m.tenant));
        buf_reset(&t->constraints);
        t->successor_due = false;
        r = m.constrained ? tls_constraints_write(m.names, &t->constraints) : 0;
    }
    if (r == 0 && m.cert.len == 0 && t->ca_epoch == t->epoch) {
        r = ca_make(t, &m);
        if (r == 0) {
            return 0; /* on_ca_stored() goes on */
        }
    } else if (r == 0 && m.cert.len != 0) {
        r = ca_unseal(t, &m);
    }
    ca_done(t, r);
    return bad;
}

int ca_fetch(struct vault_tenant *t)
{
    struct ipc_ca_get get = {.tenant_id = t->id};
    int r = t->vault->store != NULL ? ipc_call_ca_get(t->vault->store, &get, on_ca_row, t, NULL) : CB_ECLOSED;
    t->ca_asked = r == 0;
    t->ca_epoch = t->epoch;
    return r;
}

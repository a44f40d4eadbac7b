/*
 * leaf.c - LEAF_SIGN, TRUST_GET and CA_CERT_GET: what waits for a tenant's hosts and CA, and the answers.
 *
 * A host that a route names gets a leaf for a day. Any other host gets one for an hour, with which the gate can say no
 * inside TLS, and only so many of these: every one costs a signature, and an agent can make up hosts without end.
 */
#include "vault/state.h"

#include "base/clock.h"
#include "policy/host.h"

#define LEAF_S   (24 * 3600)
#define DENIAL_S 3600

/* ---- answers ---- */

void leaf_refuse(struct vault_peer *p, uint32_t call, int r)
{
    peer_sent(p, ipc_send_leaf(p->chan, call, &(struct ipc_leaf){.code = ipc_code(r)}));
}

void leaf_refuse_trust(struct vault_peer *p, uint32_t call, int r)
{
    peer_sent(p, ipc_send_trust(p->chan, call, &(struct ipc_trust){.code = ipc_code(r)}));
}

void leaf_refuse_ca_cert(struct vault_peer *p, uint32_t call, int r)
{
    peer_sent(p, ipc_send_ca_cert(p->chan, call, &(struct ipc_ca_cert){.code = ipc_code(r)}));
}

static bool hosts_cover(struct span hosts, struct span host)
{
    while (hosts.len != 0) {
        const uint8_t *end = memchr(hosts.ptr, '\n', hosts.len);
        size_t len = end != NULL ? (size_t)(end - hosts.ptr) : hosts.len;
        if (policy_host_matches(span_sub(hosts, 0, len), host)) {
            return true;
        }
        hosts = span_sub(hosts, len + 1, hosts.len);
    }
    return false;
}

/* A certificate has an address without the brackets that an authority needs. */
static struct span without_brackets(struct span host)
{
    return host.ptr[0] == '[' ? span_sub(host, 1, host.len - 2) : host;
}

static int leaf_issue(struct vault_tenant *t, const struct vault_wait *w)
{
    struct span host = span_of(w->text, w->text_len);
    bool denial = !hosts_cover(buf_span(&t->hosts), host);
    if (denial && !limit_take(&t->denials, VAULT_LIMIT_DENIAL, net_loop_now_ms(t->vault->loop), t->id)) {
        return CB_EBUSY;
    }
    struct buf cert;
    buf_init(&cert, IPC_CERT_MAX);
    uint64_t not_after_ms = 0;
    int r = tls_ca_issue(t->ca.key, buf_span(&t->ca.cert), without_brackets(host),
                         span_of(w->public_key, w->public_key_len), clock_wall_ms(),
                         denial ? DENIAL_S : LEAF_S, &cert, &not_after_ms);
    if (r == 0) {
        struct ipc_leaf m = {.code = 0,
                             .denial = denial,
                             .not_after_ms = not_after_ms,
                             .cert = buf_span(&cert),
                             .ca = buf_span(&t->ca.cert)};
        peer_sent(w->peer, ipc_send_leaf(w->peer->chan, w->call, &m));
    }
    buf_deinit(&cert);
    return r;
}

/* Of TRUST_GET, CA_CERT_GET and CA_ROTATE. */
static int send_certificates(const struct vault_tenant *t, const struct vault_wait *w)
{
    struct span cert = buf_span(&t->ca.cert);
    struct span next = buf_span(&t->next_cert);
    if (w->kind == VAULT_WAIT_TRUST) {
        struct ipc_trust m = {.code = 0, .cert = cert, .next = next};
        return ipc_send_trust(w->peer->chan, w->call, &m);
    }
    struct ipc_ca_cert m = {.code = 0, .cert = cert, .next = next};
    return ipc_send_ca_cert(w->peer->chan, w->call, &m);
}

static void wait_answer(struct vault_tenant *t, struct vault_wait *w)
{
    int r = 0;
    if (w->kind == VAULT_WAIT_LEAF) {
        r = leaf_issue(t, w);
    } else if (w->kind == VAULT_WAIT_ROTATE) {
        r = rotate_advance(t, w);
    }
    if ((w->kind == VAULT_WAIT_CA_CERT || w->kind == VAULT_WAIT_TRUST) && t->successor_due && t->rotating) {
        r = 1; /* whoever asks is to have that one too */
    }
    if (r > 0) {
        return; /* it waits for something else now */
    }
    if (r == 0 && w->kind != VAULT_WAIT_LEAF) {
        peer_sent(w->peer, send_certificates(t, w));
    }
    if (r != 0) {
        wait_fail(w, r);
    } else {
        wait_free(w);
    }
}

/* ---- the tenant's hosts ---- */

static int on_hosts(void *arg, int code, const struct ipc_in *in)
{
    struct vault_tenant *t = arg;
    if (code != 0) {
        return 0; /* waits_fail_all() cleans up when the channel is gone */
    }
    struct ipc_hosts m;
    int bad = in->msg == IPC_MSG_HOSTS ? ipc_get_hosts(in->payload, &m) : CB_EMALFORMED;
    int r = bad != 0 ? bad : ipc_result(m.code);
    t->hosts_asked = false;
    bool stale = t->hosts_epoch != t->epoch;
    if (r == 0 && !stale) {
        buf_reset(&t->hosts);
        r = buf_append_span(&t->hosts, m.hosts);
        t->hosts_known = r == 0;
    }
    if (r != 0 && !stale) {
        leaf_fail(t, r, true);
    } else {
        leaf_advance(t); /* asks again when a FORGET came meanwhile */
    }
    tenant_settle(t);
    return bad;
}

static int hosts_fetch(struct vault_tenant *t)
{
    struct ipc_hosts_get get = {.tenant_id = t->id};
    int r =
        t->vault->store != NULL ? ipc_call_hosts_get(t->vault->store, &get, on_hosts, t, NULL) : CB_ECLOSED;
    t->hosts_asked = r == 0;
    t->hosts_epoch = t->epoch;
    return r;
}

/* ---- waiting ---- */

void leaf_fail(struct vault_tenant *t, int r, bool only_leaves)
{
    LIST_FOR_EACH (node, safe, &t->waits) {
        struct vault_wait *w = LIST_ENTRY(node, struct vault_wait, of_tenant);
        if (!only_leaves || w->kind == VAULT_WAIT_LEAF) {
            wait_fail(w, r);
        }
    }
}

static bool leaves_wait(const struct vault_tenant *t)
{
    LIST_FOR_EACH (node, safe, &t->waits) {
        if (LIST_ENTRY(node, struct vault_wait, of_tenant)->kind == VAULT_WAIT_LEAF) {
            return true;
        }
    }
    return false;
}

void leaf_advance(struct vault_tenant *t)
{
    if (list_empty(&t->waits)) {
        return;
    }
    int r = t->ca.key == NULL && !t->ca_asked ? ca_fetch(t) : 0;
    if (r != 0) {
        leaf_fail(t, r, false);
        return;
    }
    r = !t->hosts_known && !t->hosts_asked && leaves_wait(t) ? hosts_fetch(t) : 0;
    if (r != 0) {
        leaf_fail(t, r, true);
    }
    if (t->ca.key == NULL) {
        return;
    }
    ca_touch(t);
    rotate_care(t);
    LIST_FOR_EACH (node, safe, &t->waits) {
        struct vault_wait *w = LIST_ENTRY(node, struct vault_wait, of_tenant);
        if (w->kind != VAULT_WAIT_LEAF || (t->hosts_known && !t->switching)) {
            wait_answer(t, w);
        }
    }
}

/* ---- requests ---- */

int leaf_sign(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_leaf_sign m;
    struct policy_host host;
    int r = ipc_get_leaf_sign(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (policy_host_parse(m.host, &host) != 0 || !span_eq(m.host, span_of(host.text, host.len))) {
        leaf_refuse(p, in->call, CB_EINVAL);
        return 0;
    }
    if (!limit_take(&p->asked, VAULT_LIMIT_LEAF, net_loop_now_ms(p->vault->loop), p->tenant->id)) {
        leaf_refuse(p, in->call, CB_EBUSY);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_LEAF, in->call, m.host, m.public_key);
    if (w == NULL) {
        leaf_refuse(p, in->call, CB_ENOMEM);
        return 0;
    }
    list_push_back(&p->tenant->waits, &w->of_tenant);
    leaf_advance(p->tenant);
    return 0;
}

int leaf_trust(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_trust_get m;
    int r = ipc_get_trust_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (!limit_take(&p->trust, VAULT_LIMIT_TRUST, net_loop_now_ms(p->vault->loop), p->tenant->id)) {
        leaf_refuse_trust(p, in->call, CB_EBUSY);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_TRUST, in->call, SPAN_EMPTY, SPAN_EMPTY);
    if (w == NULL) {
        leaf_refuse_trust(p, in->call, CB_ENOMEM);
        return 0;
    }
    list_push_back(&p->tenant->waits, &w->of_tenant);
    leaf_advance(p->tenant);
    return 0;
}

/* The api speaks for every tenant: this one request names which. What it gets is public. */
int leaf_ca_cert(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_ca_cert_get m;
    int r = ipc_get_ca_cert_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.tenant_id == 0) {
        leaf_refuse_ca_cert(p, in->call, CB_ENOTFOUND);
        return 0;
    }
    struct vault_tenant *t = tenant_get(p->vault, m.tenant_id);
    if (t == NULL) {
        leaf_refuse_ca_cert(p, in->call, CB_ENOMEM);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_CA_CERT, in->call, SPAN_EMPTY, SPAN_EMPTY);
    if (w != NULL) {
        list_push_back(&t->waits, &w->of_tenant);
        leaf_advance(t);
    } else {
        leaf_refuse_ca_cert(p, in->call, CB_ENOMEM);
    }
    tenant_settle(t);
    return 0;
}

/* What waits goes on: it waits for an answer of the store, and when that comes it is asked again. */
void leaf_forget(struct vault_tenant *t)
{
    t->epoch++;
    t->hosts_known = false;
    buf_deinit(&t->hosts);
    ca_drop(t);
    tenant_settle(t);
}

/* peer.c - tenants, their channels, and the requests that wait for the store. */
#include "vault/state.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- tenants ---- */

static struct list *tenant_bucket(struct vault *v, uint64_t id)
{
    return &v->tenants[id % VAULT_TENANT_BUCKETS]; /* the store counts ids up, so they spread */
}

struct vault_tenant *tenant_find(struct vault *v, uint64_t id)
{
    struct list *bucket = tenant_bucket(v, id);
    LIST_FOR_EACH (node, safe, bucket) {
        struct vault_tenant *t = LIST_ENTRY(node, struct vault_tenant, link);
        if (t->id == id) {
            return t;
        }
    }
    return NULL;
}

struct vault_tenant *tenant_get(struct vault *v, uint64_t id)
{
    struct vault_tenant *t = tenant_find(v, id);
    if (t != NULL) {
        return t;
    }
    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->vault = v;
    t->id = id;
    list_init(&t->peers);
    list_init(&t->waits);
    list_init(&t->ca_age);
    buf_init(&t->hosts, IPC_PAGE_MAX);
    buf_init(&t->ca.cert, IPC_CERT_MAX);
    buf_init(&t->making.cert, IPC_CERT_MAX);
    buf_init(&t->next_cert, IPC_CERT_MAX);
    buf_init(&t->next_making, IPC_CERT_MAX);
    buf_init(&t->constraints, IPC_CERT_MAX);
    list_push_back(tenant_bucket(v, id), &t->link);
    return t;
}

void tenant_settle(struct vault_tenant *t)
{
    if (!list_empty(&t->peers) || !list_empty(&t->waits) || t->hosts_asked || t->ca_asked || t->rotating ||
        t->ca.key != NULL) {
        return;
    }
    list_remove(&t->link);
    ca_drop(t);
    buf_deinit(&t->hosts);
    buf_deinit(&t->next_cert);
    buf_deinit(&t->next_making);
    buf_deinit(&t->constraints);
    free(t);
}

void tenant_each(struct vault *v, void (*each)(struct vault_tenant *t))
{
    for (size_t i = 0; i < VAULT_TENANT_BUCKETS; i++) {
        LIST_FOR_EACH (node, safe, &v->tenants[i]) {
            each(LIST_ENTRY(node, struct vault_tenant, link));
        }
    }
}

/* ---- waiting requests ---- */

struct vault_wait *wait_new(struct vault_peer *p, enum vault_wait_kind kind, uint32_t call, struct span text,
                            struct span public_key)
{
    struct vault_wait *w =
        text.len <= sizeof(w->text) && public_key.len <= sizeof(w->public_key) ? calloc(1, sizeof(*w)) : NULL;
    if (w == NULL) {
        return NULL;
    }
    w->peer = p;
    w->kind = kind;
    w->call = call;
    w->text_len = text.len;
    w->public_key_len = public_key.len;
    if (text.len != 0) {
        memcpy(w->text, text.ptr, text.len);
    }
    if (public_key.len != 0) {
        memcpy(w->public_key, public_key.ptr, public_key.len);
    }
    list_init(&w->of_tenant);
    list_push_back(&p->waits, &w->of_peer);
    p->wait_count++;
    peer_flow(p);
    return w;
}

void wait_free(struct vault_wait *w)
{
    list_remove(&w->of_peer);
    list_remove(&w->of_tenant);
    w->peer->wait_count--;
    peer_flow(w->peer);
    secret_free(w->value);
    free(w);
}

void wait_fail(struct vault_wait *w, int r)
{
    switch (w->kind) {
    case VAULT_WAIT_UNSEAL:
        credential_refuse(w->peer, w->call, r);
        break;
    case VAULT_WAIT_REFRESH:
        refresh_answer(w->peer, w->call, r);
        break;
    case VAULT_WAIT_LEAF:
        leaf_refuse(w->peer, w->call, r);
        break;
    case VAULT_WAIT_TRUST:
        leaf_refuse_trust(w->peer, w->call, r);
        break;
    case VAULT_WAIT_CA_CERT:
    case VAULT_WAIT_ROTATE:
        leaf_refuse_ca_cert(w->peer, w->call, r);
        break;
    }
    wait_free(w);
}

static void peers_fail_waits(struct vault_tenant *t)
{
    LIST_FOR_EACH (node, safe, &t->peers) {
        struct vault_peer *p = LIST_ENTRY(node, struct vault_peer, link);
        LIST_FOR_EACH (waiting, next, &p->waits) {
            wait_fail(LIST_ENTRY(waiting, struct vault_wait, of_peer), CB_ECLOSED);
        }
    }
}

/* No answer to what was asked will come any more. */
static void tenant_unask(struct vault_tenant *t)
{
    t->hosts_asked = t->ca_asked = t->rotating = t->switching = false;
    tls_key_free(t->making.key);
    t->making.key = NULL;
    buf_deinit(&t->making.cert);
    tenant_settle(t);
}

void waits_fail_all(struct vault *v)
{
    tenant_each(v, peers_fail_waits);
    tenant_each(v, tenant_unask);
}

/* ---- channels ---- */

/* The tenant's record is kept: the caller settles it. */
static void peer_free(struct vault_peer *p)
{
    LIST_FOR_EACH (node, safe, &p->waits) {
        struct vault_wait *w = LIST_ENTRY(node, struct vault_wait, of_peer);
        if (w->kind == VAULT_WAIT_UNSEAL || w->kind == VAULT_WAIT_REFRESH) {
            ipc_call_cancel(p->vault->store, w->store_call); /* it waits, so there is a store */
        }
        wait_free(w);
    }
    list_remove(&p->link);
    ipc_chan_free(p->chan);
    free(p);
}

static void peer_end(struct vault_peer *p)
{
    struct vault_tenant *t = p->tenant;
    peer_free(p);
    tenant_settle(t);
}

static void reap(void *arg)
{
    struct vault *v = arg;
    while (!list_empty(&v->doomed)) {
        peer_end(LIST_ENTRY(v->doomed.next, struct vault_peer, link));
    }
}

void peer_sent(struct vault_peer *p, int r)
{
    if (r == 0 || r == CB_ECLOSED || p->doomed) {
        return; /* of a channel that closed we hear anyway */
    }
    log_error_r(r, "an answer to the %s of tenant %" PRIu64 " cannot be sent", ipc_role_name(p->role),
                p->tenant->id);
    /* Not now: somebody may be walking over what waits. */
    p->doomed = true;
    list_remove(&p->link);
    list_push_back(&p->vault->doomed, &p->link);
    peer_flow(p);
    net_task_post(p->vault->loop, &p->vault->reap);
}

void peer_flow(struct vault_peer *p)
{
    ipc_chan_read(p->chan, p->vault->serving && !p->doomed && p->wait_count < VAULT_WAITS_MAX &&
                               !ipc_chan_is_full(p->chan));
}

static int on_message(void *arg, struct ipc_in *in)
{
    struct vault_peer *p = arg;
    int r;
    switch (in->msg) {
    case IPC_MSG_UNSEAL:
        r = credential_unseal(p, in);
        break;
    case IPC_MSG_CREDENTIAL_ROTATE:
        r = credential_rotate(p, in);
        break;
    case IPC_MSG_LEAF_SIGN:
        r = leaf_sign(p, in);
        break;
    case IPC_MSG_TRUST_GET:
        r = leaf_trust(p, in);
        break;
    case IPC_MSG_CA_ROTATE:
        r = rotate_ask(p, in);
        break;
    case IPC_MSG_CA_CERT_GET:
        r = leaf_ca_cert(p, in);
        break;
    case IPC_MSG_SEAL_KEY_GET: {
        struct ipc_seal_key_get m;
        r = ipc_get_seal_key_get(in->payload, &m);
        if (r == 0) {
            struct ipc_seal_key key = {.public_key = span_of(p->vault->pair.public_key, SEAL_PUBLIC_LEN)};
            peer_sent(p, ipc_send_seal_key(p->chan, in->call, &key));
        }
        break;
    }
    default:
        r = CB_EPERM;
        break;
    }
    if (r == 0) {
        peer_flow(p);
    }
    return r;
}

static void on_closed(void *arg, int code)
{
    struct vault_peer *p = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "the %s of tenant %" PRIu64 " broke the protocol", ipc_role_name(p->role),
                    p->tenant->id);
    }
    peer_end(p);
}

static void on_drained(void *arg)
{
    peer_flow(arg);
}

static const struct ipc_chan_handler peer_handler = {
    .on_message = on_message, .on_closed = on_closed, .on_drained = on_drained};

int peer_add(struct vault *v, enum ipc_role role, uint64_t tenant_id, int fd)
{
    struct vault_tenant *t = tenant_get(v, tenant_id);
    if (t == NULL) {
        return CB_ENOMEM;
    }
    struct vault_peer *p = calloc(1, sizeof(*p));
    int r = p != NULL ? ipc_chan_open(v->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_VAULT, role, false,
                                      &peer_handler, p, &p->chan)
                      : CB_ENOMEM;
    if (r != 0) {
        free(p);
        tenant_settle(t);
        return r;
    }
    p->vault = v;
    p->tenant = t;
    p->role = role;
    list_init(&p->waits);
    LIST_FOR_EACH (node, safe, &t->peers) {
        struct vault_peer *older = LIST_ENTRY(node, struct vault_peer, link);
        if (older->role == role) {
            peer_free(older);
        }
    }
    list_push_back(&t->peers, &p->link);
    peer_flow(p);
    return 0;
}

void vault_init(struct vault *v)
{
    for (size_t i = 0; i < VAULT_TENANT_BUCKETS; i++) {
        list_init(&v->tenants[i]);
    }
    list_init(&v->cas);
    list_init(&v->doomed);
    net_task_init(&v->reap, reap, v);
}

/* credential.c - UNSEAL: a credential of the tenant whose egress asks, opened and checked against what it is bound to. */
#include "vault/state.h"

#include "policy/spec.h"

void credential_refuse(struct vault_peer *p, uint32_t call, int r)
{
    peer_sent(p, ipc_send_credential(p->chan, call, &(struct ipc_credential){.code = ipc_code(r)}));
}

/*
 * Whoever has the public key can make a box, and the store can hand out any box that it has. So what is inside decides:
 * the tenant's id, which is never used again, and the name. The owner of the channel gets nothing else.
 */
static int credential_open(struct vault_wait *w, struct span box)
{
    struct vault_peer *p = w->peer;
    struct secret *opened = NULL;
    struct seal_credential c;
    int r = seal_open(p->vault->pair.public_key, p->vault->pair.secret_key, box, &opened);
    if (r != 0) {
        return r;
    }
    if (seal_credential_read(secret_span(opened), &c) != 0 || c.tenant_id != p->tenant->id ||
        !span_eq(c.name, span_of(w->text, w->text_len))) {
        r = CB_EAUTHENTIC;
    } else {
        struct ipc_credential m = {.code = 0, .binding = c.binding, .value = c.value};
        peer_sent(p, ipc_send_credential(p->chan, w->call, &m));
    }
    secret_free(opened);
    return r;
}

static int on_sealed(void *arg, int code, const struct ipc_in *in)
{
    struct vault_wait *w = arg;
    if (code != 0) {
        return 0; /* waits_fail_all() answers when the channel is gone */
    }
    struct ipc_sealed m;
    int bad = in->msg == IPC_MSG_SEALED ? ipc_get_sealed(in->payload, &m) : CB_EMALFORMED;
    int r = bad != 0 ? bad : m.code != 0 ? ipc_result(m.code) : credential_open(w, m.box);
    if (r != 0) {
        wait_fail(w, r);
    } else {
        wait_free(w);
    }
    return bad;
}

int credential_unseal(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_unseal m;
    int r = ipc_get_unseal(in->payload, &m);
    if (r != 0) {
        return r;
    }
    /* Names that no credential can have are the vault's own: the CA's key is sealed in the same way. */
    if (!spec_name_valid(m.credential)) {
        credential_refuse(p, in->call, CB_EINVAL);
        return 0;
    }
    if (!limit_take(&p->asked, VAULT_LIMIT_UNSEAL, net_loop_now_ms(p->vault->loop), p->tenant->id)) {
        credential_refuse(p, in->call, CB_EBUSY);
        return 0;
    }
    if (p->vault->store == NULL) {
        credential_refuse(p, in->call, CB_ECLOSED);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_UNSEAL, in->call, m.credential, SPAN_EMPTY);
    if (w == NULL) {
        credential_refuse(p, in->call, CB_ENOMEM);
        return 0;
    }
    struct ipc_sealed_get get = {.tenant_id = p->tenant->id, .credential = m.credential};
    r = ipc_call_sealed_get(p->vault->store, &get, on_sealed, w, &w->store_call);
    if (r != 0) {
        wait_fail(w, r);
    }
    return 0;
}

/*
 * refresh.c - CREDENTIAL_ROTATE: a refresh token that its endpoint has replaced, sealed again in the old one's place.
 *
 * This is the one way in which an egress can have something written, so it is a narrow one: for a credential of its own tenant;
 * that was bound, by whoever set it, to an endpoint that replaces it; while its value is one that the egress knows. Tenant, name
 * and binding are those of the old box. The store takes the new box only in the place of the old one.
 */
#include "vault/state.h"

#include "policy/spec.h"

void refresh_answer(struct vault_peer *p, uint32_t call, int r)
{
    peer_sent(
        p, ipc_send_credential_rotated(p->chan, call, &(struct ipc_credential_rotated){.code = ipc_code(r)}));
}

static int on_replaced(void *arg, int code, const struct ipc_in *in)
{
    struct vault_wait *w = arg;
    if (code != 0) {
        return 0; /* waits_fail_all() answers when the channel is gone */
    }
    struct ipc_done m;
    int bad = in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, &m) : CB_EMALFORMED;
    refresh_answer(w->peer, w->call, bad != 0 ? bad : ipc_result(m.code));
    wait_free(w);
    return bad;
}

static bool has_hash(struct span value, const uint8_t hash[DIGEST_LEN])
{
    uint8_t own[DIGEST_LEN];
    digest_sha256(&value, 1, own);
    return secret_eq(span_of(own, sizeof(own)), span_of(hash, DIGEST_LEN));
}

/* Whether this credential may get the new value. *done when it has it: an answer was lost. */
static int may_rotate(const struct vault_wait *w, const struct seal_credential *c, bool *done)
{
    if (c->tenant_id != w->peer->tenant->id || !span_eq(c->name, span_of(w->text, w->text_len))) {
        return CB_EAUTHENTIC;
    }
    if (!spec_binding_rotates(c->binding)) {
        return CB_EPERM;
    }
    *done = secret_eq(c->value, secret_span(w->value));
    return *done || has_hash(c->value, w->old_hash) ? 0 : CB_ECONFLICT;
}

static int replace(struct vault_wait *w, struct span old_box, const struct seal_credential *old)
{
    struct vault *v = w->peer->vault;
    struct seal_credential c = *old;
    uint8_t hash[DIGEST_LEN];
    struct buf box;
    buf_init(&box, IPC_BOX_MAX);
    c.value = secret_span(w->value);
    digest_sha256(&old_box, 1, hash);
    int r = seal_credential(v->pair.public_key, &c, &box);
    if (r == 0) {
        struct ipc_sealed_replace m = {.tenant_id = c.tenant_id,
                                       .credential = c.name,
                                       .old_box_hash = span_of(hash, sizeof(hash)),
                                       .box = buf_span(&box)};
        r = ipc_call_sealed_replace(v->store, &m, on_replaced, w, &w->store_call);
    }
    buf_deinit(&box);
    return r;
}

static int on_sealed(void *arg, int code, const struct ipc_in *in)
{
    struct vault_wait *w = arg;
    struct vault *v = w->peer->vault;
    struct secret *opened = NULL;
    struct seal_credential c;
    struct ipc_sealed m;
    bool done = false;
    if (code != 0) {
        return 0; /* waits_fail_all() answers when the channel is gone */
    }
    int bad = in->msg == IPC_MSG_SEALED ? ipc_get_sealed(in->payload, &m) : CB_EMALFORMED;
    int r = bad != 0 ? bad : ipc_result(m.code);
    if (r == 0) {
        r = seal_open(v->pair.public_key, v->pair.secret_key, m.box, &opened);
    }
    if (r == 0) {
        r = seal_credential_read(secret_span(opened), &c) == 0 ? may_rotate(w, &c, &done) : CB_EAUTHENTIC;
    }
    if (r == 0 && !done) {
        r = replace(w, m.box, &c);
    }
    secret_free(opened);
    if (r != 0 || done) {
        refresh_answer(w->peer, w->call, r);
        wait_free(w);
    }
    return bad;
}

int credential_rotate(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_credential_rotate m;
    int r = ipc_get_credential_rotate(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (!spec_name_valid(m.credential) || m.old_hash.len != DIGEST_LEN || m.value.len == 0) {
        refresh_answer(p, in->call, CB_EINVAL);
        return 0;
    }
    if (!limit_take(&p->asked, VAULT_LIMIT_UNSEAL, net_loop_now_ms(p->vault->loop), p->tenant->id)) {
        refresh_answer(p, in->call, CB_EBUSY);
        return 0;
    }
    if (p->vault->store == NULL) {
        refresh_answer(p, in->call, CB_ECLOSED);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_REFRESH, in->call, m.credential, SPAN_EMPTY);
    if (w == NULL) {
        refresh_answer(p, in->call, CB_ENOMEM);
        return 0;
    }
    memcpy(w->old_hash, m.old_hash.ptr, DIGEST_LEN);
    w->value = secret_from(m.value);
    struct ipc_sealed_get get = {.tenant_id = p->tenant->id, .credential = m.credential};
    r = w->value != NULL ? ipc_call_sealed_get(p->vault->store, &get, on_sealed, w, &w->store_call)
                         : CB_ENOMEM;
    if (r != 0) {
        wait_fail(w, r);
    }
    return 0;
}

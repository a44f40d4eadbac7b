/*
 * rotate.c - a CA and its successor. The successor is made and given to agents beside the present one; only when they have had time
 * to learn of it does it take the place, and sign from then on. An administrator does either when he wants to; ahead of the
 * CA's end it is done here. When the hosts of a tenant change whose CA is constrained to them, a successor that is constrained to
 * the new ones is made at once, in the place of one that is not; the present CA signs on for the hosts that it covers.
 */
#include "vault/state.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>

#define DAY_MS       ((uint64_t)24 * 3600 * 1000)
#define SUCCESSOR_MS (30 * DAY_MS) /* so long before the CA's end there is a successor */
#define SWITCH_MS    (7 * DAY_MS)  /* and so long before it, it takes the place */
#define AGAIN_MS     ((uint64_t)3600 * 1000)
#define OF_ITSELF    SPAN_LIT("vault") /* who asked, when nobody did */

/* What a CA_ROTATE waits for: the first byte of its text, behind which stands who asked. */
enum { ROTATE_SUCCESSOR, ROTATE_FINISH, ROTATE_FINISHING, ROTATE_DONE };

static void rotate_fail(struct vault_tenant *t, int r)
{
    log_error_r(r, "the CA of tenant %s is not replaced", t->name);
    t->rotate_again_ms = clock_wall_ms() + AGAIN_MS;
    LIST_FOR_EACH (node, safe, &t->waits) {
        struct vault_wait *w = LIST_ENTRY(node, struct vault_wait, of_tenant);
        if (w->kind == VAULT_WAIT_ROTATE) {
            wait_fail(w, r);
        }
    }
}

static int done_result(const struct ipc_in *in, int *result)
{
    struct ipc_done m;
    int bad = in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, &m) : CB_EMALFORMED;
    *result = bad != 0 ? bad : ipc_result(m.code);
    return bad;
}

static int on_successor_stored(void *arg, int code, const struct ipc_in *in)
{
    struct vault_tenant *t = arg;
    int r;
    if (code != 0) {
        return 0; /* waits_fail_all() cleans up when the channel is gone */
    }
    int bad = done_result(in, &r);
    t->rotating = false;
    if (r == 0) {
        log_info("the CA of tenant %s has a successor: agents are given both from now on", t->name);
        buf_reset(&t->next_cert);
        r = buf_append_span(&t->next_cert, buf_span(&t->next_making));
        r = r == 0 ? ca_look(t, buf_span(&t->next_cert)) : r;
    }
    buf_deinit(&t->next_making);
    if (r != 0) {
        rotate_fail(t, r);
    }
    leaf_advance(t); /* also then: whoever asked for certificates is given what there is */
    tenant_settle(t);
    return bad;
}

/* Its key is not kept: it is opened when it signs. */
static int successor_make(struct vault_tenant *t, struct span by)
{
    struct buf sealed;
    buf_init(&sealed, IPC_CERT_MAX);
    buf_reset(&t->next_making);
    struct tls_key *key = t->vault->store != NULL ? tls_key_new() : NULL;
    int r = key != NULL ? ca_create(t, span_str(t->name), key, &t->next_making, &sealed) : CB_ECRYPTO;
    if (r == 0) {
        struct ipc_ca_put put = {.tenant_id = t->id,
                                 .next = true,
                                 .replace = t->successor_due,
                                 .by = by,
                                 .cert = buf_span(&t->next_making),
                                 .sealed_key = buf_span(&sealed)};
        r = ipc_call_ca_put(t->vault->store, &put, on_successor_stored, t, NULL);
    }
    t->rotating = r == 0;
    tls_key_free(key);
    buf_deinit(&sealed);
    return r;
}

static int on_finished(void *arg, int code, const struct ipc_in *in)
{
    struct vault_tenant *t = arg;
    int r;
    if (code != 0) {
        return 0; /* waits_fail_all() cleans up when the channel is gone */
    }
    int bad = done_result(in, &r);
    if (r == 0) {
        log_info("the successor of tenant %s's CA signs from now on", t->name);
        LIST_FOR_EACH (node, safe, &t->waits) {
            struct vault_wait *w = LIST_ENTRY(node, struct vault_wait, of_tenant);
            if (w->kind == VAULT_WAIT_ROTATE && w->text[0] == ROTATE_FINISHING) {
                w->text[0] = ROTATE_DONE;
            }
        }
        leaf_forget(t); /* it is read anew; the record stays, since this is still under way */
    }
    t->rotating = t->switching = false;
    if (r != 0) {
        rotate_fail(t, r);
    }
    leaf_advance(t);
    tenant_settle(t);
    return bad;
}

static int successor_switch(struct vault_tenant *t, struct span by)
{
    struct ipc_ca_finish m = {.tenant_id = t->id, .by = by};
    int r =
        t->vault->store != NULL ? ipc_call_ca_finish(t->vault->store, &m, on_finished, t, NULL) : CB_ECLOSED;
    t->rotating = t->switching = r == 0;
    return r;
}

int rotate_advance(struct vault_tenant *t, struct vault_wait *w)
{
    bool there = buf_len(&t->next_cert) != 0 && !t->successor_due;
    struct span by = span_of((const uint8_t *)w->text + 1, w->text_len - 1);
    int r = 0;
    switch (w->text[0]) {
    case ROTATE_SUCCESSOR:
        r = there || t->rotating ? 0 : successor_make(t, by);
        return r == 0 && !there ? 1 : r;
    case ROTATE_FINISH:
        if (t->successor_due && t->rotating) {
            return 1; /* one for the hosts of today is being made */
        }
        if (!there) {
            return CB_ENOTFOUND;
        }
        r = t->rotating ? 0 : successor_switch(t, by);
        w->text[0] = r == 0 ? ROTATE_FINISHING : ROTATE_FINISH;
        return r == 0 ? 1 : r;
    case ROTATE_FINISHING:
        return 1;
    default:
        return 0;
    }
}

void rotate_care(struct vault_tenant *t)
{
    uint64_t now = clock_wall_ms();
    uint64_t left = t->ca.not_after_ms > now ? t->ca.not_after_ms - now : 0;
    if (t->rotating || (left >= SUCCESSOR_MS && !t->successor_due) || now < t->rotate_again_ms) {
        return;
    }
    int r = 0;
    if (t->successor_due || buf_len(&t->next_cert) == 0) {
        r = successor_make(t, OF_ITSELF);
    } else if (left < SWITCH_MS) {
        r = successor_switch(t, OF_ITSELF);
    }
    if (r != 0) {
        rotate_fail(t, r);
    }
}

/* The api speaks for every tenant: this request names which, as CA_CERT_GET does. */
int rotate_ask(struct vault_peer *p, const struct ipc_in *in)
{
    struct ipc_ca_rotate m;
    int r = ipc_get_ca_rotate(in->payload, &m);
    if (r != 0) {
        return r;
    }
    char text[1 + IPC_BY_MAX];
    _Static_assert(sizeof(text) <= IPC_HOST_MAX, "the text of a wait");
    text[0] = m.finish ? ROTATE_FINISH : ROTATE_SUCCESSOR;
    if (m.by.len != 0) {
        memcpy(text + 1, m.by.ptr, m.by.len);
    }
    struct vault_tenant *t = m.tenant_id != 0 ? tenant_get(p->vault, m.tenant_id) : NULL;
    if (t == NULL) {
        leaf_refuse_ca_cert(p, in->call, m.tenant_id != 0 ? CB_ENOMEM : CB_EINVAL);
        return 0;
    }
    struct vault_wait *w = wait_new(p, VAULT_WAIT_ROTATE, in->call, span_of(text, 1 + m.by.len), SPAN_EMPTY);
    if (w != NULL) {
        list_push_back(&t->waits, &w->of_tenant);
        leaf_advance(t);
    } else {
        leaf_refuse_ca_cert(p, in->call, CB_ENOMEM);
    }
    tenant_settle(t);
    return 0;
}

/*
 * token_rotate.c - a refresh token that the endpoint replaced, on its way to the vault.
 *
 * The old one may be worth nothing from the moment of the answer on, so the new one is used at once, and is kept trying to
 * be stored: the vault seals it anew with what the old one was bound to, and the store puts it in the old one's place. Both
 * agree only while what they have is what it was fetched with, so a value that somebody has set meanwhile stays.
 */
#include "base/log.h"
#include "egress/state.h"
#include "tls/seal.h"

#include <stdlib.h>

#define RETRY_MS_MIN 500
#define RETRY_MS_MAX 30000

struct rotation {
    struct list link; /* egress.rotations */
    struct egress *egress;
    char *credential;
    uint64_t version;           /* of the credential */
    uint8_t stored[DIGEST_LEN]; /* of the value that the store has */
    uint8_t sent[DIGEST_LEN];   /* of the one that is on its way */
    struct secret *value;       /* the one that it is to have */
    struct ipc_chan *call_chan; /* where `call` is open, or NULL */
    uint32_t call;
    struct net_timer *timer;
    uint64_t pause_ms;
};

static void digest_of(struct span value, uint8_t out[DIGEST_LEN])
{
    digest_sha256(&value, 1, out);
}

static void rotation_free(struct rotation *x)
{
    list_remove(&x->link);
    if (x->call_chan != NULL) {
        ipc_call_cancel(x->call_chan, x->call);
    }
    net_timer_free(x->timer);
    secret_free(x->value);
    free(x->credential);
    free(x);
}

static void rotation_retry_later(struct rotation *x)
{
    x->pause_ms = x->pause_ms == 0 ? RETRY_MS_MIN : 2 * x->pause_ms;
    x->pause_ms = x->pause_ms < RETRY_MS_MAX ? x->pause_ms : RETRY_MS_MAX;
    net_timer_start(x->timer, x->pause_ms, 0);
}

static void rotation_send(struct rotation *x);

static int on_rotated(void *arg, int code, const struct ipc_in *in)
{
    struct rotation *x = arg;
    struct ipc_credential_rotated m = {0};
    uint8_t wanted[DIGEST_LEN];
    x->call_chan = NULL;
    int bad = code == 0 && in->msg != IPC_MSG_CREDENTIAL_ROTATED ? CB_EMALFORMED : 0;
    if (code == 0 && bad == 0) {
        bad = ipc_get_credential_rotated(in->payload, &m);
    }
    int r = code != 0 ? code : bad != 0 ? bad : ipc_result(m.code);
    if (r == CB_ECONFLICT || r == CB_ENOTFOUND || r == CB_EPERM) {
        log_warn_r(r, "the new refresh token of credential \"%s\" is not kept", x->credential);
        rotation_free(x);
        return bad;
    }
    if (r != 0) {
        log_warn_r(
            r, "the new refresh token of credential \"%s\" is not stored yet: it is used, and stored later",
            x->credential);
        rotation_retry_later(x);
        return bad;
    }
    memcpy(x->stored, x->sent, sizeof(x->stored));
    x->pause_ms = 0;
    digest_of(secret_span(x->value), wanted);
    if (memcmp(wanted, x->stored, sizeof(wanted)) == 0) {
        log_info("the new refresh token of credential \"%s\" is stored", x->credential);
        rotation_free(x);
    } else {
        rotation_send(x); /* there was another one meanwhile */
    }
    return 0;
}

static void rotation_send(struct rotation *x)
{
    struct ipc_chan *vault = x->egress->vault;
    digest_of(secret_span(x->value), x->sent);
    struct ipc_credential_rotate m = {.credential = span_str(x->credential),
                                      .old_hash = span_of(x->stored, sizeof(x->stored)),
                                      .value = secret_span(x->value)};
    int r = vault != NULL ? ipc_call_credential_rotate(vault, &m, on_rotated, x, &x->call) : CB_ECLOSED;
    if (r == 0) {
        x->call_chan = vault;
    } else {
        log_warn_r(
            r, "the new refresh token of credential \"%s\" is not stored yet: it is used, and stored later",
            x->credential);
        rotation_retry_later(x);
    }
}

static void on_timer(void *arg)
{
    struct rotation *x = arg;
    if (x->call_chan == NULL) {
        rotation_send(x);
    }
}

static struct rotation *rotation_of(struct egress *e, const char *credential)
{
    LIST_FOR_EACH (node, safe, &e->rotations) {
        struct rotation *x = LIST_ENTRY(node, struct rotation, link);
        if (strcmp(x->credential, credential) == 0) {
            return x;
        }
    }
    return NULL;
}

/* From now on every fetch uses the new one, in whichever configuration. */
static int replace_in_memory(struct egress_config *config, const char *credential, uint64_t version,
                             struct span value)
{
    struct egress_credential *c = config != NULL ? config_credential(config, credential) : NULL;
    if (c == NULL || c->version != version || c->value == NULL) {
        return 0;
    }
    struct secret *copy = secret_from(value);
    if (copy == NULL) {
        return CB_ENOMEM;
    }
    secret_free(c->value);
    c->value = copy;
    return 0;
}

int rotation_begin(struct egress *e, struct egress_config *config, const char *credential, struct span old,
                   struct span value)
{
    uint64_t version = config_credential(config, credential)->version;
    struct rotation *x = rotation_of(e, credential);
    struct secret *copy = secret_from(value);
    if (x != NULL && x->version != version) {
        rotation_free(x); /* of a value that somebody has replaced meanwhile */
        x = NULL;
    }
    bool fresh = x == NULL;
    if (fresh && copy != NULL && (x = calloc(1, sizeof(*x))) != NULL) {
        list_init(&x->link);
        x->egress = e;
        x->version = version;
        x->credential = strdup(credential);
        x->timer = net_timer_new(e->loop, on_timer, x);
        digest_of(old, x->stored);
        if (x->credential == NULL || x->timer == NULL) {
            rotation_free(x);
            x = NULL;
        } else {
            list_push_back(&e->rotations, &x->link);
        }
    }
    if (x == NULL || copy == NULL) {
        secret_free(copy);
        return CB_ENOMEM;
    }
    secret_free(x->value);
    x->value = copy;
    /* `old` may be the memory that is replaced here. */
    int r = replace_in_memory(config, credential, version, value);
    if (r == 0 && e->config != config) {
        r = replace_in_memory(e->config, credential, version, value);
    }
    if (x->call_chan == NULL) {
        net_timer_stop(x->timer);
        rotation_send(x);
    }
    return r;
}

void rotations_retry(struct egress *e)
{
    LIST_FOR_EACH (node, safe, &e->rotations) {
        struct rotation *x = LIST_ENTRY(node, struct rotation, link);
        if (x->call_chan == NULL) {
            net_timer_stop(x->timer);
            rotation_send(x);
        }
    }
}

void rotations_lose_call(struct egress *e, const struct ipc_chan *chan)
{
    LIST_FOR_EACH (node, safe, &e->rotations) {
        struct rotation *x = LIST_ENTRY(node, struct rotation, link);
        if (x->call_chan == chan) {
            ipc_call_cancel(x->call_chan, x->call);
            x->call_chan = NULL;
            rotation_retry_later(x);
        }
    }
}

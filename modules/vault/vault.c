/*
 * vault.c - the role `vault`: opens sealed credentials and signs certificates.
 *
 * Holds      the key that opens what is sealed, in locked memory; some tenants' CA keys. The master key, from which the
 *            first comes, only until it is derived.
 * Answers    an egress: its tenant's credentials. A gate: leaves of its tenant's CA. The api: public keys and CAs.
 * Asks       the store, for sealed rows, CAs and hosts. Nobody else: the vault only ever answers.
 * May never  open a file or a socket, or give one tenant's secret to the channel of another.
 * Calls      what every role may (priv/calls.h), and nothing else.
 */
#include "vault/vault.h"

#include "base/encode.h"
#include "base/log.h"
#include "ipc/role.h"
#include "vault/state.h"

#include <errno.h>
#include <unistd.h>

#define KEY_DIGITS ((size_t)2 * SEAL_MASTER_LEN)

const struct priv_profile vault_profile = {
    .needs = 0,
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors = 65536,          /* two channels for every active tenant */
    .max_memory = (uint64_t)4 << 30,   /* answers that wait for 60,000 channels */
    .max_locked = (uint64_t)64 << 20}; /* CA keys of active tenants, and a credential at a time */

static void vault_end(struct vault *v, int status)
{
    v->status = status;
    net_loop_stop(v->loop);
}

/* ---- whose database this is ---- */

static void tenant_flow(struct vault_tenant *t)
{
    LIST_FOR_EACH (node, safe, &t->peers) {
        peer_flow(LIST_ENTRY(node, struct vault_peer, link));
    }
}

/* While the vault does not serve, requests wait in the sockets. */
static void vault_serve(struct vault *v, bool serving)
{
    v->serving = serving;
    tenant_each(v, tenant_flow);
    if (serving) {
        ipc_role_ready(v->held); /* only the first time says something */
    }
}

/* A call that could not be sent. When the channel is dead, on_store_closed() hears of it. */
static void key_call_sent(struct vault *v, int r)
{
    if (r != 0 && r != CB_ECLOSED) {
        log_error_r(r, "the store cannot be asked for the vault's key");
        vault_end(v, 1);
    }
}

static int on_key_stored(void *arg, int code, const struct ipc_in *in)
{
    struct vault *v = arg;
    if (code != 0) {
        return 0; /* on_store_closed() comes next */
    }
    struct ipc_done m;
    int r = in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, &m) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        log_error_r(ipc_result(m.code), "the store does not keep the vault's key");
        vault_end(v, 1);
        return 0;
    }
    vault_serve(v, true);
    return 0;
}

static int on_key(void *arg, int code, const struct ipc_in *in)
{
    struct vault *v = arg;
    if (code != 0) {
        return 0; /* on_store_closed() comes next */
    }
    struct ipc_vault_key m;
    int r = in->msg == IPC_MSG_VAULT_KEY ? ipc_get_vault_key(in->payload, &m) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    struct span own = span_of(v->public_key, SEAL_PUBLIC_LEN);
    if (m.public_key.len == 0) {
        struct ipc_vault_key_put put = {.public_key = own};
        key_call_sent(v, ipc_call_vault_key_put(v->store, &put, on_key_stored, v, NULL));
    } else if (m.public_key.len != SEAL_PUBLIC_LEN) {
        return CB_EMALFORMED;
    } else if (span_eq(m.public_key, own)) {
        vault_serve(v, true);
    } else {
        log_error("this master key is not the one that the credentials in this database are sealed for: "
                  "put the right one in its place");
        vault_end(v, VAULT_EXIT_WRONG_KEY);
    }
    return 0;
}

static void key_check(struct vault *v)
{
    if (v->going && v->store != NULL) {
        struct ipc_vault_key_get get = {.version = 1};
        key_call_sent(v, ipc_call_vault_key_get(v->store, &get, on_key, v, NULL));
    }
}

/* ---- the store ---- */

/* What is remembered goes too: the next FORGET may have been lost with the channel. */
static void store_drop(struct vault *v)
{
    ipc_chan_free(v->store);
    v->store = NULL;
    vault_serve(v, false);
    waits_fail_all(v);
    tenant_each(v, leaf_forget);
}

static int on_store_message(void *arg, struct ipc_in *in)
{
    struct vault *v = arg;
    struct ipc_forget m;
    int r = in->msg == IPC_MSG_FORGET ? ipc_get_forget(in->payload, &m) : CB_EPERM;
    struct vault_tenant *t = r == 0 ? tenant_find(v, m.tenant_id) : NULL;
    if (t != NULL) {
        leaf_forget(t);
    }
    return r;
}

static void on_store_closed(void *arg, int code)
{
    if (code != CB_ECLOSED) {
        log_error_r(code, "the store broke the protocol");
    }
    store_drop(arg);
}

static const struct ipc_chan_handler store_handler = {.on_message = on_store_message,
                                                      .on_closed = on_store_closed};

static int store_take(struct vault *v, int fd)
{
    struct ipc_chan *chan;
    int r = ipc_chan_open(v->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_VAULT, IPC_ROLE_STORE, false,
                          &store_handler, v, &chan);
    if (r != 0) {
        return r;
    }
    if (v->store != NULL) {
        store_drop(v);
    }
    v->store = chan;
    key_check(v);
    return 0;
}

/* ---- the role ---- */

static int on_peer(void *arg, enum ipc_role role, uint64_t tenant_id, struct span tenant, int fd)
{
    struct vault *v = arg;
    v->loop = ipc_role()->loop;
    (void)tenant;
    int r;
    switch (role) {
    case IPC_ROLE_STORE:
        r = store_take(v, fd);
        break;
    case IPC_ROLE_GATE:
    case IPC_ROLE_EGRESS:
        r = tenant_id != 0 ? peer_add(v, role, tenant_id, fd) : CB_EINVAL;
        break;
    case IPC_ROLE_API:
        r = peer_add(v, role, 0, fd);
        break;
    default:
        r = CB_EPERM;
        break;
    }
    if (r != 0) {
        (void)close(fd);
    }
    return r;
}

/* Reads up to the end, or until `text` is full. */
static int read_all(int fd, struct secret *text, size_t *len)
{
    *len = 0;
    while (*len < secret_len(text)) {
        ssize_t got = read(fd, secret_ptr(text) + *len, secret_len(text) - *len);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            *len += (size_t)got;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* The master key is text: its digits, and the newline that an editor adds. */
static int read_master_key(int fd, struct secret **out)
{
    size_t len;
    struct secret *text = secret_new(KEY_DIGITS + 2); /* one more than can be right */
    struct secret *key = secret_new(SEAL_MASTER_LEN);
    int r = text != NULL && key != NULL ? read_all(fd, text, &len) : CB_ENOMEM;
    if (r == 0) {
        struct span digits = span_sub(secret_span(text), 0, len);
        if (len == KEY_DIGITS + 1 && digits.ptr[KEY_DIGITS] == '\n') {
            digits.len = KEY_DIGITS;
        }
        if (digits.len != KEY_DIGITS || decode_hex(digits, secret_ptr(key), SEAL_MASTER_LEN) != 0) {
            log_error("the master key is not %zu hexadecimal digits, with at most a newline after them",
                      KEY_DIGITS);
            r = CB_EINVAL;
        }
    }
    secret_free(text);
    if (r != 0) {
        secret_free(key);
        return r;
    }
    *out = key;
    return 0;
}

static int on_file(void *arg, enum ipc_file_kind what, int fd)
{
    struct vault *v = arg;
    int r = what != IPC_FILE_MASTER_KEY ? CB_EPERM
            : v->master != NULL         ? CB_EEXIST
                                        : read_master_key(fd, &v->master);
    (void)close(fd);
    return r;
}

static int on_go(void *arg, uint32_t waived)
{
    struct vault *v = arg;
    v->loop = ipc_role()->loop;
    if (v->master == NULL) {
        log_error("there is no master key");
        return CB_ENOTFOUND;
    }
    int r = tls_init();
    if (r == 0) {
        r = seal_keypair(v->master, v->public_key, &v->secret_key);
    }
    secret_free(v->master);
    v->master = NULL;
    if (r == 0) {
        r = priv_confine(&vault_profile, waived, &v->held);
    }
    if (r == 0) {
        v->going = true;
        key_check(v); /* or when a store comes */
    }
    return r;
}

/* Without on_stop: nothing is under way here that another role would not be told of by its channel's end. */
static const struct ipc_role_handler vault_role = {.on_file = on_file, .on_peer = on_peer, .on_go = on_go};

int vault_main(void)
{
    static struct vault v;
    vault_init(&v);
    int status = ipc_role_run(IPC_ROLE_VAULT, &vault_role, &v);
    tenant_each(&v, leaf_forget); /* wipes the CA keys */
    secret_free(v.master);
    secret_free(v.secret_key);
    return v.status != 0 ? v.status : status;
}

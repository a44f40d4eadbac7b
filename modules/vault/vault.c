/*
 * vault.c - the role `vault`: opens sealed credentials and signs certificates.
 *
 * Holds      the key that opens what is sealed, in locked memory; some tenants' CA keys. The master key, from which the
 *            first comes, or the passphrase, only until the store has said whose database it is.
 * Answers    an egress: its tenant's credentials, and it seals one again whose endpoint has replaced it. A gate: leaves of its
 *            tenant's CA. The api: public keys and CAs.
 * Asks       the store, for sealed rows, CAs and hosts. Nobody else: the vault only ever answers.
 *            Started by `clawbox rekey` it has nobody but the store, and does that one thing (rekey.c).
 * May never  open a file or a socket, or give one tenant's secret to the channel of another.
 * Calls      what every role may (priv/calls.h), and nothing else.
 */
#include "vault/vault.h"

#include "base/log.h"
#include "ipc/role.h"
#include "vault/state.h"

#include <unistd.h>

const struct priv_profile vault_profile = {
    .needs = 0,
    .root = PRIV_ROOT_EMPTY,
    .max_descriptors = 65536,          /* two channels for every active tenant */
    .max_memory = (uint64_t)4 << 30,   /* answers that wait for 60,000 channels */
    .max_locked = (uint64_t)64 << 20}; /* CA keys of active tenants, and a credential at a time */

void vault_end(struct vault *v, int status)
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

void vault_say_key(bool next, uint64_t rows)
{
    struct ipc_key_in_use m = {.next = next, .rows = rows};
    if (ipc_send_key_in_use(ipc_role()->life, 0, &m) != 0) {
        log_error("the monitor cannot be told which master key is in use");
    }
}

static void sources_forget(struct vault *v)
{
    source_forget(&v->source);
    source_forget(&v->next_source);
}

static void key_put(struct vault *v)
{
    struct ipc_vault_key_put put = {.public_key = span_of(v->pair.public_key, SEAL_PUBLIC_LEN),
                                    .kdf = span_of(v->first_kdf.bytes, v->first_kdf.len)};
    key_call_sent(v, ipc_call_vault_key_put(v->store, &put, on_key_stored, v, NULL));
}

/* The first key of a new database. When the store goes before it has kept it, the same one is put again. */
static void key_first(struct vault *v, const struct ipc_vault_key *m)
{
    int r = source_new_pair(&v->source, m->database_id, &v->first_kdf, &v->pair);
    sources_forget(v);
    if (r == 0) {
        key_put(v);
    } else {
        log_error_r(r, "the key pair cannot be made");
        vault_end(v, 1);
    }
}

/* Whether the database's key comes from that source; then the pair is there. */
static bool key_fits(const struct vault_source *s, const struct ipc_vault_key *m, struct vault_pair *pair)
{
    int r = source_is_there(s) ? source_pair(s, m->database_id, m->kdf, pair) : CB_ENOTFOUND;
    if (r == 0 && span_eq(m->public_key, span_of(pair->public_key, SEAL_PUBLIC_LEN))) {
        return true;
    }
    if (r != 0 && r != CB_ENOTFOUND && r != CB_EINVAL) {
        log_error_r(r, "a key pair cannot be derived");
    }
    pair_forget(pair);
    return false;
}

static void key_is_wrong(struct vault *v, const struct ipc_vault_key *m)
{
    bool passphrase = v->source.passphrase != NULL;
    if (m->kdf.len != 0 && !passphrase) {
        log_error("the credentials in this database are sealed for a passphrase: give it (--passphrase-file, "
                  "--passphrase)");
    } else if (m->kdf.len == 0 && passphrase) {
        log_error(
            "the credentials in this database are sealed for a key file, not for a passphrase: leave the "
            "passphrase out, or name the file (--master-key-file)");
    } else {
        log_error("this %s is not the one that the credentials in this database are sealed for: "
                  "put the right one in its place",
                  passphrase ? "passphrase" : "master key");
    }
    vault_end(v, VAULT_EXIT_WRONG_KEY);
}

static void key_rekey(struct vault *v, const struct ipc_vault_key *m)
{
    int r = source_new_pair(&v->next_source, m->database_id, &v->rekey.kdf, &v->rekey.pair);
    sources_forget(v);
    if (r == 0) {
        rekey_begin(v);
    } else {
        log_error_r(r, "the new key pair cannot be made");
        vault_end(v, 1);
    }
}

/* One of the sources has to be the database's. */
static void key_choose(struct vault *v, const struct ipc_vault_key *m)
{
    bool old = key_fits(&v->source, m, &v->pair);
    if (old && ipc_role()->rekey) {
        key_rekey(v, m);
        return;
    }
    if (!old && !key_fits(&v->next_source, m, &v->pair)) {
        key_is_wrong(v, m);
        return;
    }
    sources_forget(v);
    vault_say_key(!old, 0); /* the next one: a rekey was cut off after its commit */
    if (ipc_role()->rekey) {
        vault_end(v, 0);
    } else {
        vault_serve(v, true);
    }
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
    bool known = v->pair.secret_key != NULL;
    if (m.public_key.len != 0 && m.public_key.len != SEAL_PUBLIC_LEN) {
        return CB_EMALFORMED;
    }
    if (m.public_key.len == 0 && ipc_role()->rekey) {
        log_error("nothing is sealed in this database yet");
        vault_end(v, 1);
    } else if (m.public_key.len == 0 && known) {
        key_put(v);
    } else if (m.public_key.len == 0) {
        key_first(v, &m);
    } else if (!known) {
        key_choose(v, &m);
    } else if (span_eq(m.public_key, span_of(v->pair.public_key, SEAL_PUBLIC_LEN))) {
        vault_serve(v, true);
    } else {
        log_error("the database has another key than before: it was exchanged while it was in use");
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

static int on_file(void *arg, enum ipc_file_kind what, int fd)
{
    struct vault *v = arg;
    bool next = what == IPC_FILE_MASTER_KEY_NEXT || what == IPC_FILE_PASSPHRASE_NEXT;
    bool passphrase = what == IPC_FILE_PASSPHRASE || what == IPC_FILE_PASSPHRASE_NEXT;
    int r = next || passphrase || what == IPC_FILE_MASTER_KEY
                ? source_read(next ? &v->next_source : &v->source, passphrase, fd)
                : CB_EPERM;
    (void)close(fd);
    return r;
}

static int on_go(void *arg, uint32_t waived)
{
    struct vault *v = arg;
    v->loop = ipc_role()->loop;
    if (!source_is_there(&v->source) || (ipc_role()->rekey && !source_is_there(&v->next_source))) {
        log_error("there is no %smaster key", source_is_there(&v->source) ? "new " : "");
        return CB_ENOTFOUND;
    }
    int r = tls_init();
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
    sources_forget(&v);
    pair_forget(&v.pair);
    pair_forget(&v.rekey.pair);
    return v.status != 0 ? v.status : status;
}

/* rows.c - what a tenant's egress and the vault ask: routes, sealed rows, certificate authorities, hosts. */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "policy/spec.h"
#include "store/credentials.h"
#include "store/grants.h"
#include "store/state.h"
#include "store/tenants.h"
#include "tls/seal.h"

#define VAULT_KEY_LEN 32

/* ---- egress ---- */

static int rows_spec(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_spec_get get;
    int bad = ipc_get_spec_get(in->payload, &get);
    if (bad != 0) {
        return bad;
    }
    struct store_tenant t;
    struct buf credentials;
    struct buf grants;
    uint8_t hash[DIGEST_LEN] = {0};
    buf_init(&credentials, IPC_PAGE_MAX / 2);
    buf_init(&grants, IPC_GRANTS_MAX);
    struct ipc_spec m = {.token_hash = span_of(hash, sizeof(hash))};
    int r = store_tenant_get_by_id(p->store->db, p->tenant_id, &t);
    if (r == 0) {
        const struct span token = span_str(t.token);
        digest_sha256(&token, 1, hash);
        m.generation = t.generation;
        m.suspended = t.suspended_ms != 0;
        r = store_ca_made(p->store->db, p->tenant_id, &m.ca_ms);
        r = r == 0 ? store_credentials_for_egress(p->store->db, p->tenant_id, &credentials) : r;
        r = r == 0 ? store_grants_list(p->store->db, p->tenant_id, clock_wall_ms(), false, &grants) : r;
        m.spec = r == 0 ? buf_span(&t.spec) : SPAN_EMPTY;
        m.grants = r == 0 ? buf_span(&grants) : SPAN_EMPTY;
        m.credentials = r == 0 ? buf_span(&credentials) : SPAN_EMPTY;
    }
    m.code = ipc_code(r);
    int sent = ipc_send_spec(p->chan, in->call, &m);
    store_tenant_deinit(&t);
    buf_deinit(&credentials);
    buf_deinit(&grants);
    return sent;
}

int rows_egress(struct store_peer *p, const struct ipc_in *in)
{
    switch (in->msg) {
    case IPC_MSG_AUDIT_DECISION:
        return batch_decision(p, in);
    case IPC_MSG_AUDIT_OUTCOME:
        return batch_outcome(p, in);
    case IPC_MSG_TRIPWIRE:
        batch_commit(p->store);
        return suspend_by_tripwire(p, in);
    case IPC_MSG_SPEC_GET:
        batch_commit(p->store);
        return rows_spec(p, in);
    default:
        return CB_EPERM;
    }
}

/* ---- vault ---- */

int rows_done(struct store_peer *p, uint32_t call, int r)
{
    struct ipc_done m = {.code = ipc_code(r),
                         .why = r != 0 ? span_str(store_db_why(p->store->db)) : SPAN_EMPTY};
    return ipc_send_done(p->chan, call, &m);
}

static int meta_or_nothing(struct store_db *db, struct span name, struct buf *out)
{
    int r = store_meta_get(db, name, out);
    return r == CB_ENOTFOUND ? 0 : r;
}

static int rows_vault_key(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_vault_key_get get;
    struct buf key;
    struct buf id;
    struct buf kdf;
    buf_init(&key, VAULT_KEY_LEN);
    buf_init(&id, VAULT_KEY_LEN);
    buf_init(&kdf, VAULT_KEY_LEN);
    int r = ipc_get_vault_key_get(in->payload, &get);
    if (r == 0 && (r = meta_or_nothing(db, STORE_META_VAULT_KEY, &key)) == 0 &&
        (r = meta_or_nothing(db, STORE_META_DATABASE_ID, &id)) == 0 &&
        (r = meta_or_nothing(db, STORE_META_VAULT_KDF, &kdf)) == 0) {
        struct ipc_vault_key m = {
            .public_key = buf_span(&key), .database_id = buf_span(&id), .kdf = buf_span(&kdf)};
        r = ipc_send_vault_key(p->chan, in->call, &m);
    }
    buf_deinit(&key);
    buf_deinit(&id);
    buf_deinit(&kdf);
    return r;
}

static int rows_vault_key_put(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_vault_key_put put;
    int r = ipc_get_vault_key_put(in->payload, &put);
    if (r != 0) {
        return r;
    }
    if (put.public_key.len != VAULT_KEY_LEN) {
        return CB_EMALFORMED;
    }
    int code = store_db_begin(db);
    if (code == 0 && (code = store_meta_add(db, STORE_META_VAULT_KEY, put.public_key)) == 0 &&
        (code = store_meta_put(db, STORE_META_VAULT_KDF, put.kdf)) == 0) {
        code = store_db_commit(db);
    } else {
        store_db_rollback(db);
    }
    return rows_done(p, in->call, code);
}

static int rows_sealed(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_sealed_get get;
    int r = ipc_get_sealed_get(in->payload, &get);
    if (r != 0) {
        return r;
    }
    struct buf box;
    buf_init(&box, IPC_BOX_MAX);
    struct store_brief t;
    int code = store_tenant_brief(p->store->db, get.tenant_id, &t);
    if (code == 0 && t.suspended_ms != 0) {
        code = CB_EPERM; /* while it is suspended, nothing of it is opened, whatever its egress believes */
    }
    if (code == 0) {
        code = store_credential_box(p->store->db, get.tenant_id, get.credential, &box);
    }
    struct ipc_sealed m = {.code = ipc_code(code), .box = buf_span(&box)};
    r = ipc_send_sealed(p->chan, in->call, &m);
    buf_deinit(&box);
    return r;
}

static int rows_sealed_replace(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_sealed_replace m;
    int r = ipc_get_sealed_replace(in->payload, &m);
    if (r != 0) {
        return r;
    }
    r = store_credential_replace(p->store->db, &m);
    if (r == 0) {
        log_info("the token endpoint of credential %.*s of tenant %llu has replaced it",
                 SPAN_ARG(m.credential), (unsigned long long)m.tenant_id);
    }
    return rows_done(p, in->call, r);
}

static int rows_ca(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_ca_get get;
    int r = ipc_get_ca_get(in->payload, &get);
    if (r != 0) {
        return r;
    }
    struct store_tenant t;
    struct buf cert;
    struct buf sealed_key;
    struct buf next_cert;
    struct buf names;
    struct spec *spec = NULL;
    buf_init(&cert, IPC_CERT_MAX);
    buf_init(&sealed_key, IPC_CERT_MAX);
    buf_init(&next_cert, IPC_CERT_MAX);
    buf_init(&names, IPC_CA_NAMES_MAX);
    int code = store_tenant_get_by_id(p->store->db, get.tenant_id, &t);
    if (code == 0) {
        code = store_ca_get(p->store->db, get.tenant_id, &cert, &sealed_key);
        code = code == CB_ENOTFOUND ? 0 : code; /* no CA yet */
    }
    if (code == 0) {
        code = store_ca_next_get(p->store->db, get.tenant_id, &next_cert);
    }
    if (code == 0 && (code = spec_decode(buf_span(&t.spec), &spec)) == 0 && spec->name_constraints) {
        code = spec_ca_names(spec, &names);
    }
    struct ipc_ca_row m = {.code = ipc_code(code),
                           .tenant = code == 0 ? span_str(t.name) : SPAN_EMPTY,
                           .cert = code == 0 ? buf_span(&cert) : SPAN_EMPTY,
                           .sealed_key = code == 0 ? buf_span(&sealed_key) : SPAN_EMPTY,
                           .next_cert = code == 0 ? buf_span(&next_cert) : SPAN_EMPTY,
                           .constrained = code == 0 && spec->name_constraints,
                           .names = code == 0 ? buf_span(&names) : SPAN_EMPTY};
    r = ipc_send_ca_row(p->chan, in->call, &m);
    store_tenant_deinit(&t);
    buf_deinit(&cert);
    buf_deinit(&sealed_key);
    buf_deinit(&next_cert);
    buf_deinit(&names);
    spec_free(spec);
    return r;
}

static int rows_ca_put(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_ca_put put;
    int r = ipc_get_ca_put(in->payload, &put);
    if (r != 0) {
        return r;
    }
    r = put.next ? store_ca_next_add(p->store->db, &put, clock_wall_ms())
                 : store_ca_put(p->store->db, put.tenant_id, put.cert, put.sealed_key, clock_wall_ms());
    return rows_done(p, in->call, r);
}

static int rows_ca_finish(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_ca_finish m;
    uint64_t generation = 0;
    int r = ipc_get_ca_finish(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_ca_finish(p->store->db, m.tenant_id, m.by, clock_wall_ms(), &generation);
    if (code == 0) {
        /* The gate has leaves of the one before. */
        peer_tell_spec_changed(p->store, m.tenant_id, generation);
    }
    return rows_done(p, in->call, code);
}

/* The host patterns of the tenant's allow routes: for which the vault signs leaves. */
static int hosts_collect(const struct spec *spec, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < spec->route_count; i++) {
        if (spec->routes[i].action == SPEC_ACTION_ALLOW) {
            r = buf_appendf(out, "%s\n", spec->routes[i].host);
        }
    }
    return r;
}

static int rows_hosts(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_hosts_get get;
    int r = ipc_get_hosts_get(in->payload, &get);
    if (r != 0) {
        return r;
    }
    struct store_tenant t;
    struct spec *spec = NULL;
    struct buf hosts;
    buf_init(&hosts, IPC_PAGE_MAX - 64);
    int code = store_tenant_get_by_id(p->store->db, get.tenant_id, &t);
    if (code == 0) {
        code = spec_decode(buf_span(&t.spec), &spec);
    }
    if (code == 0) {
        code = hosts_collect(spec, &hosts);
    }
    if (code == 0) {
        code = store_grants_hosts(p->store->db, get.tenant_id, clock_wall_ms(), &hosts);
    }
    struct ipc_hosts m = {.code = ipc_code(code), .hosts = code == 0 ? buf_span(&hosts) : SPAN_EMPTY};
    r = ipc_send_hosts(p->chan, in->call, &m);
    spec_free(spec);
    store_tenant_deinit(&t);
    buf_deinit(&hosts);
    return r;
}

int rows_vault(struct store_peer *p, const struct ipc_in *in)
{
    batch_commit(p->store);
    if (in->msg == IPC_MSG_VAULT_KEY_GET) {
        return rows_vault_key(p, in);
    }
    /* Two kinds of a store's life, and what belongs to the one is refused in the other. */
    if (ipc_role()->rekey) {
        return rekey_message(p, in);
    }
    switch (in->msg) {
    case IPC_MSG_VAULT_KEY_PUT:
        return rows_vault_key_put(p, in);
    case IPC_MSG_SEALED_GET:
        return rows_sealed(p, in);
    case IPC_MSG_SEALED_REPLACE:
        return rows_sealed_replace(p, in);
    case IPC_MSG_CA_GET:
        return rows_ca(p, in);
    case IPC_MSG_CA_PUT:
        return rows_ca_put(p, in);
    case IPC_MSG_CA_FINISH:
        return rows_ca_finish(p, in);
    case IPC_MSG_HOSTS_GET:
        return rows_hosts(p, in);
    default:
        return CB_EPERM;
    }
}

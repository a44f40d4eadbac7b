/*
 * state.h - what the files of this role share. Nothing outside of it includes this.
 *
 *   vault.c        the role: whose database it is, the store's channel, setup
 *   keys.c         the master keys, and the pair that is derived from one
 *   rekey.c        everything sealed anew, for `clawbox rekey`
 *   peer.c         tenants, their channels, and the requests that wait for the store
 *   credential.c   UNSEAL
 *   refresh.c      CREDENTIAL_ROTATE
 *   ca.c           a tenant's CA: loaded, or made once; the few that are kept unsealed
 *   limit.c        how often one channel may ask
 *   rotate.c       CA_ROTATE, and what is done ahead of a CA's end
 *   leaf.c         LEAF_SIGN and CA_CERT_GET: what waits for hosts and CA, and the answers
 *
 * Requests are answered in the call that brings them or wait for the store. What waits is a struct vault_wait that
 * hangs on its channel, so it ends with it; a tenant's record lives as long as anything hangs on it.
 */
#ifndef CB_VAULT_STATE_H
#define CB_VAULT_STATE_H

#include "base/list.h"
#include "base/secret.h"
#include "ipc/chan.h"
#include "tls/cert.h"
#include "tls/seal.h"
#include "vault/keys.h"

#define VAULT_TENANT_BUCKETS 1024
#define VAULT_CA_KEPT        64  /* CA keys in memory at once */
#define VAULT_WAITS_MAX      256 /* requests of one channel that wait; with more it is not read */

struct vault_ca {
    struct tls_key *key; /* NULL: not there */
    struct buf cert;     /* DER */
    uint64_t not_after_ms;
};

/* What may still be asked for: a bucket that fills with time. */
struct vault_bucket {
    uint64_t at_ms; /* when `thousandths` was right; 0: never used, full */
    uint64_t thousandths;
    uint64_t refused; /* since the last warning */
    uint64_t warned_ms;
};

/* What is known of one tenant. The api's channel hangs on the record with id 0, which is nobody's. */
struct vault_tenant {
    struct list link; /* in its bucket of vault.tenants */
    struct vault *vault;
    uint64_t id;
    char name[IPC_NAME_MAX + 1]; /* as the store says it; empty until the CA was asked for */
    struct list peers;           /* struct vault_peer */
    struct list waits;           /* struct vault_wait: for hosts or CA */
    uint32_t epoch;              /* counts FORGETs, so that an answer from before one is not kept */

    struct buf hosts; /* patterns, one per line */
    bool hosts_known;
    bool hosts_asked;
    uint32_t hosts_epoch; /* when they were asked for */

    struct vault_ca ca;
    struct list ca_age;     /* in vault.cas while there is a key */
    struct vault_ca making; /* until the store has it */
    struct buf next_cert;   /* of the CA's successor; empty: none */
    struct buf next_making;
    struct buf constraints; /* that the newest of its CAs is to have; empty: none */
    bool successor_due;     /* it has others: the tenant's hosts have changed */
    bool rotating;          /* the store is asked to keep a successor, or to let it take the place */
    bool switching; /* the latter: a leaf would be signed by a CA that may be gone already, so it waits */
    uint64_t rotate_again_ms; /* when it failed: not before that time is it tried of our own accord */
    bool ca_asked;
    uint32_t ca_epoch;

    struct vault_bucket denials;
};

struct vault_peer {
    struct list link; /* tenant.peers, or vault.doomed */
    struct vault *vault;
    struct vault_tenant *tenant; /* whose channel this is; from the monitor, never from a message */
    enum ipc_role role;
    struct ipc_chan *chan;
    struct list waits;
    size_t wait_count;
    struct vault_bucket asked; /* unseals of an egress, leaves of a gate */
    struct vault_bucket trust; /* a gate's questions for the CA */
    bool doomed;               /* could not be answered: freed at the end of the turn */
};

enum vault_wait_kind {
    VAULT_WAIT_UNSEAL,
    VAULT_WAIT_LEAF,
    VAULT_WAIT_CA_CERT,
    VAULT_WAIT_TRUST,
    VAULT_WAIT_ROTATE,
    VAULT_WAIT_REFRESH
};

/* A request that waits for the store. */
struct vault_wait {
    struct list of_peer;
    struct list of_tenant; /* linked for all but UNSEAL */
    struct vault_peer *peer;
    enum vault_wait_kind kind;
    uint32_t call;       /* of the peer's request */
    uint32_t store_call; /* UNSEAL, REFRESH: of ours */
    size_t text_len;
    size_t public_key_len;
    char text[IPC_HOST_MAX]; /* the credential's name, or the canonical host */
    uint8_t public_key[TLS_PUBLIC_KEY_MAX];
    struct secret *value;         /* REFRESH: the new one */
    uint8_t old_hash[DIGEST_LEN]; /* REFRESH: of the one that it replaces */
};

/* `clawbox rekey`: what everything is sealed for, and the row that is in work. */
struct vault_rekey {
    struct vault_pair pair;
    struct vault_kdf kdf;
    enum ipc_sealed_kind kind;
    uint64_t tenant_id;
    char name[IPC_NAME_MAX + 1];
    uint64_t rows;
};

struct vault {
    struct net_loop *loop;
    struct ipc_chan *store;     /* NULL while it is down */
    struct vault_source source; /* until the store has said whose database this is */
    struct vault_source next_source;
    struct vault_pair pair;     /* from then on */
    struct vault_kdf first_kdf; /* of the first key of a new database */
    struct vault_rekey rekey;
    uint32_t held; /* confinement layers */
    bool going;    /* confined: the store may be asked */
    bool serving;  /* the key belongs to the database: channels are read */
    int status;
    struct list tenants[VAULT_TENANT_BUCKETS];
    struct list cas; /* tenants with an unsealed key, most recently used first */
    size_t ca_count;
    struct list doomed;
    struct net_task reap;
};

/* ---- vault.c ---- */

/* Ends the process with that status. */
void vault_end(struct vault *v, int status);
/* Tells the monitor which master key the database is sealed for. */
void vault_say_key(bool next, uint64_t rows);

/* ---- rekey.c ---- */

/* Seals everything anew, then ends the process. */
void rekey_begin(struct vault *v);

/* ---- peer.c ---- */

void vault_init(struct vault *v);
/* The tenant's record, or NULL. */
struct vault_tenant *tenant_find(struct vault *v, uint64_t id);
/* The same, made when it is missing; NULL when out of memory. tenant_settle() must follow. */
struct vault_tenant *tenant_get(struct vault *v, uint64_t id);
/* Frees the record when nothing hangs on it any more. Call last: the record may be gone. */
void tenant_settle(struct vault_tenant *t);
/* Calls `each` for all tenants; it may settle its tenant. */
void tenant_each(struct vault *v, void (*each)(struct vault_tenant *t));

/* Adds a channel in the place of an older one of the same role and tenant. On failure the descriptor stays the caller's. */
CB_MUST_USE int peer_add(struct vault *v, enum ipc_role role, uint64_t tenant_id, int fd);
/* Reads the channel or not, as is right now. */
void peer_flow(struct vault_peer *p);
/* Takes the result of sending an answer: a peer that cannot be given its answer is dropped. */
void peer_sent(struct vault_peer *p, int r);

/* A request that is going to wait; NULL when out of memory. */
struct vault_wait *wait_new(struct vault_peer *p, enum vault_wait_kind kind, uint32_t call, struct span text,
                            struct span public_key);
/* Forgets it, without an answer. */
void wait_free(struct vault_wait *w);
/* Answers it with an error (negative code) and forgets it. */
void wait_fail(struct vault_wait *w, int r);
/* Answers everything that waits for the store with CB_ECLOSED. */
void waits_fail_all(struct vault *v);

/* ---- limit.c ---- */

enum vault_limit {
    VAULT_LIMIT_DENIAL,
    VAULT_LIMIT_LEAF,
    VAULT_LIMIT_TRUST,
    VAULT_LIMIT_UNSEAL,
    VAULT_LIMIT__COUNT
};

/* Takes one out of the bucket; false when it is empty, which is counted and said. */
bool limit_take(struct vault_bucket *b, enum vault_limit which, uint64_t now_ms, uint64_t tenant_id);

/* ---- credential.c ---- */

/* UNSEAL. The result is for the channel: other than 0 drops it. */
CB_MUST_USE int credential_unseal(struct vault_peer *p, const struct ipc_in *in);
/* Answers UNSEAL with an error. */
void credential_refuse(struct vault_peer *p, uint32_t call, int r);

/* ---- refresh.c ---- */

/* CREDENTIAL_ROTATE. The result is for the channel. */
CB_MUST_USE int credential_rotate(struct vault_peer *p, const struct ipc_in *in);
void refresh_answer(struct vault_peer *p, uint32_t call, int r);

/* ---- ca.c ---- */

/* Asks the store for the tenant's CA, and makes one when there is none; leaf_advance() is called at the end, or
 * leaf_fail(). */
CB_MUST_USE int ca_fetch(struct vault_tenant *t);
/* A certificate for the key, and the key sealed; both appended. */
CB_MUST_USE int ca_create(struct vault_tenant *t, struct span tenant, struct tls_key *key, struct buf *cert,
                          struct buf *sealed);
/* Sees whether the newest CA has the constraints that it should have. */
CB_MUST_USE int ca_look(struct vault_tenant *t, struct span cert);
/* Marks the tenant's CA as just used. */
void ca_touch(struct vault_tenant *t);
/* Wipes the unsealed key, and what was being made. */
void ca_drop(struct vault_tenant *t);

/* ---- rotate.c ---- */

/* CA_ROTATE. The result is for the channel. */
CB_MUST_USE int rotate_ask(struct vault_peer *p, const struct ipc_in *in);
/* The CA is there: goes on with a CA_ROTATE that waits. 0 when it can be answered, 1 when it has to wait, or an error. */
CB_MUST_USE int rotate_advance(struct vault_tenant *t, struct vault_wait *w);
/* Makes a successor, or lets it take the place, when the CA's end is near. */
void rotate_care(struct vault_tenant *t);

/* ---- leaf.c ---- */

/* LEAF_SIGN, TRUST_GET and CA_CERT_GET. The result is for the channel. */
CB_MUST_USE int leaf_sign(struct vault_peer *p, const struct ipc_in *in);
CB_MUST_USE int leaf_trust(struct vault_peer *p, const struct ipc_in *in);
CB_MUST_USE int leaf_ca_cert(struct vault_peer *p, const struct ipc_in *in);
/* Answers what can be answered, asks for what is missing. */
void leaf_advance(struct vault_tenant *t);
/* Fails what waits for the tenant's hosts or CA; or only what waits for its hosts. */
void leaf_fail(struct vault_tenant *t, int r, bool only_leaves);
void leaf_refuse(struct vault_peer *p, uint32_t call, int r);
void leaf_refuse_trust(struct vault_peer *p, uint32_t call, int r);
void leaf_refuse_ca_cert(struct vault_peer *p, uint32_t call, int r);
/* FORGET. */
void leaf_forget(struct vault_tenant *t);

#endif

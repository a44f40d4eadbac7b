/*
 * state.h - what the files of the role share. Nothing outside of the module includes this.
 *
 *   store.c    the role: channels, setup, stop
 *   batch.c    audit records: one commit per turn of the loop, answers after it
 *   rows.c     what egress and vault ask: routes, sealed rows, hosts
 *   rekey.c    `clawbox rekey`: every box, sealed anew by the vault
 *   admin.c    what the api asks: tenants, credentials, pages of the audit
 *   grew.c     telling the api that there are new records
 *   count.c    what is counted of the requests
 *   health.c   whether records can be written, what tenants lack
 *   tokens.c   tokens for the API over TCP
 *   history.c  who changed what, and what documents were
 *   people.c   administrators, and who is signed in at the console
 *   denials.c  what was refused, counted; denials.h has what it does without messages
 *   granting.c what somebody allows for a time, or once; grants.h has what it does without messages
 *   suspend.c  suspending a tenant, and who has to hear of it
 * Below them, and without messages: db.c, file.c, tenants.c, credentials.c, audit.c, audit_row.c, audit_block.c,
 * audit_search.c, series.c, administrators.c, sessions.c.
 */
#ifndef CB_STORE_STATE_H
#define CB_STORE_STATE_H

#include "base/list.h"
#include "ipc/chan.h"
#include "store/audit.h"
#include "store/count.h"
#include "store/db.h"

struct store;

/* One channel. For an egress the tenant is what the monitor said, never what a message says. */
struct store_peer {
    struct list link;
    struct store *store;
    enum ipc_role role;
    uint64_t tenant_id;
    char tenant[IPC_NAME_MAX + 1];
    struct ipc_chan *chan;
    struct store_count *count; /* its tenant's; NULL: not looked for yet */
    bool superseded;           /* its egress was restarted; what it said before is still read */
};

/* A decision that is in the open transaction. */
struct batch_decision {
    struct store_peer *peer; /* NULL: it went meanwhile */
    uint32_t call;
    uint64_t seq;
    uint64_t used_up_of; /* the tenant whose grant is used up by it; 0: none */
};

/* An outcome that is not known to be durable yet. */
struct batch_outcome {
    uint64_t tenant_id;
    char tenant[IPC_NAME_MAX + 1];
    struct ipc_audit_outcome m; /* its spans are set anew from the arrays below */
    uint8_t request_id[IPC_REQUEST_ID_LEN];
    char peer[64];
    uint8_t peer_len;
    char detail[IPC_AUDIT_DETAIL_MAX];
    uint8_t detail_len;
    char model[IPC_MODEL_MAX];
    uint8_t model_len;
};
_Static_assert(IPC_AUDIT_DETAIL_MAX <= UINT8_MAX, "detail_len");

#define BATCH_DECISIONS_MAX 4096  /* with so many the batch is committed at once */
#define BATCH_OUTCOMES_MAX  10000 /* kept while the database takes nothing; more are lost, and that is said */

struct batch {
    struct batch_decision *decisions;
    size_t decision_count;
    struct batch_outcome *outcomes;
    size_t outcome_count;   /* all that wait */
    size_t outcome_room;    /* allocated */
    size_t outcome_written; /* the first so many are in the open transaction */
    bool open;
    uint64_t failed_ms; /* when the database last refused; 0: it takes records */
    int failed_code;
    uint64_t lost;
    struct net_task commit;
    struct net_timer *retry;
};

/* What was counted; each tenant's own stays where it is. */
struct store_counts {
    struct count_tenant *tenants[STORE_COUNT_TENANTS];
    size_t tenant_count;
    struct store_count others;
};

/* Whether records can be written, as far as is known. */
struct store_health {
    uint64_t written_ms; /* the last commit */
    uint64_t failed_ms;
    int failed_code; /* 0: the last one did not fail */
    uint64_t failures;
};

/* How far a rekey is. */
struct rekey {
    bool open; /* the transaction */
    bool out;  /* a box was handed out and has not come back: this one */
    enum ipc_sealed_kind kind;
    uint64_t tenant_id;
    char name[IPC_NAME_MAX + 1];
    uint64_t rows; /* that came back */
};

struct store {
    struct net_loop *loop;
    struct store_db *db;
    struct list peers;
    struct batch batch;
    struct store_counts counts;
    struct store_health health;
    struct rekey rekey;
    struct list applies; /* answers to TENANTS_APPLY that wait for listeners */
    struct net_timer *apply_timer;
    struct net_timer *grant_timer;
    struct net_timer *stop_timer;
    struct net_timer *prune_timer; /* of the sums */
    struct store_grew {
        struct net_timer *timer;
        bool pending;
        uint64_t told; /* to the api; 0: nothing */
    } grew;
    bool stopping;
};

/* ---- store.c ---- */

/* The channel to a role; for egress that of the tenant. NULL while it is down. */
struct store_peer *peer_find(struct store *s, enum ipc_role role, uint64_t tenant_id);
/* Tells a tenant's egress that its routes or credentials changed, if it runs. */
void peer_tell_spec_changed(struct store *s, uint64_t tenant_id, uint64_t generation);

/* ---- grew.c ---- */

CB_MUST_USE int grew_init(struct store *s);
void grew_deinit(struct store *s);
/* Something may have been recorded: the api hears of it in a moment. */
void grew_maybe(struct store *s);
/* There is another api, which knows nothing. */
void grew_forget_api(struct store *s);

/* ---- batch.c ---- */

CB_MUST_USE int batch_init(struct store *s);
void batch_deinit(struct store *s);
/* AUDIT_DECISION and AUDIT_OUTCOME. The result is for the channel: other than 0 drops it. */
CB_MUST_USE int batch_decision(struct store_peer *p, const struct ipc_in *in);
CB_MUST_USE int batch_outcome(struct store_peer *p, const struct ipc_in *in);
/* Commits what is open, and answers. Everything else that writes the database calls this first. */
void batch_commit(struct store *s);
/* The same, with the outcomes that still wait: before the audit is read, and at the end. */
void batch_flush(struct store *s);
void batch_forget_peer(struct store *s, const struct store_peer *p);

/* ---- rows.c ---- */

CB_MUST_USE int rows_egress(struct store_peer *p, const struct ipc_in *in);
CB_MUST_USE int rows_vault(struct store_peer *p, const struct ipc_in *in);
/* Answers with DONE. */
CB_MUST_USE int rows_done(struct store_peer *p, uint32_t call, int r);

/* ---- rekey.c ---- */

/* REKEY_NEXT, REKEY_PUT, REKEY_COMMIT; only of a store that was started for it. */
CB_MUST_USE int rekey_message(struct store_peer *p, const struct ipc_in *in);
/* The vault is gone: what is open is rolled back. */
void rekey_abandon(struct store *s);

/* ---- suspend.c ---- */

/* TENANT_SUSPEND of the api, and TRIPWIRE of an egress about its own tenant. The batch has been committed. */
CB_MUST_USE int suspend_by_admin(struct store_peer *p, const struct ipc_in *in);
CB_MUST_USE int suspend_by_tripwire(struct store_peer *p, const struct ipc_in *in);

/* ---- count.c ---- */

/* A decision has been taken into the audit; an outcome has come. */
void count_decision(struct store_peer *p, uint8_t reason);
void count_outcome(struct store_peer *p, const struct ipc_audit_outcome *m);
/* Appends the list of COUNTERS. */
CB_MUST_USE int counts_write(const struct store_counts *c, struct buf *out);
void counts_free(struct store_counts *c);

/* ---- health.c ---- */

/* Records were committed, or could not be. */
void health_written(struct store *s);
void health_failed(struct store *s, int code);
/* HEALTH_GET and COUNTERS_GET. The batch has been committed. */
CB_MUST_USE int health_message(struct store_peer *p, const struct ipc_in *in);
/* ---- tokens.c ---- */

/* Whose token a request has shown. It does not end the open transaction: whoever tries tokens shall not force writes. */
CB_MUST_USE int tokens_check(struct store_peer *p, const struct ipc_in *in);
/* The other requests about tokens. */
CB_MUST_USE int tokens_message(struct store_peer *p, const struct ipc_in *in);

/* ---- history.c ---- */

/* CHANGES_GET and REVISION_GET. */
CB_MUST_USE int history_message(struct store_peer *p, const struct ipc_in *in);

/* ---- people.c ---- */

/* Whether it is one of the messages about administrators, sessions and links; and what becomes of it. */
bool people_is(enum ipc_msg msg);
CB_MUST_USE int people_message(struct store_peer *p, const struct ipc_in *in);

/* ---- denials.c ---- */

/* DENIALS_GET and DENIAL_MUTE. The batch has been committed. */
CB_MUST_USE int denials_message(struct store_peer *p, const struct ipc_in *in);

/* ---- granting.c ---- */

CB_MUST_USE int grants_init(struct store *s);
void grants_deinit(struct store *s);
/* Forgets those that are over, and comes again when the next one ends. */
void grants_look(struct store *s);
/* The grants of a tenant are others now: everybody whom that concerns hears of it. */
void grants_tell(struct store *s, uint64_t tenant_id);
/* GRANT_CREATE, GRANTS_GET, GRANT_DELETE. The batch has been committed. */
CB_MUST_USE int grants_message(struct store_peer *p, const struct ipc_in *in);

/* ---- admin.c ---- */

/* What changed of a tenant must be seen by the vault, which remembers it. */
void admin_tell_vault(struct store *s, uint64_t tenant_id);

CB_MUST_USE int admin_message(struct store_peer *p, const struct ipc_in *in);
/* A tenant's listener is there: the apply that made the tenant may be answered. */
void admin_listening(struct store *s, uint64_t tenant_id);
/* Drops answers that nobody waits for any more. */
void admin_forget_api(struct store *s);

#endif

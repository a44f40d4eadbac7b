/*
 * sessions.h - who is signed in at the console, and links that sign somebody in once: as hashes only.
 *
 * A session ends with whom it is of (administrator, token, the token's tenant), STORE_SESSION_IDLE_MS after its last use and
 * STORE_SESSION_MS after the sign-in. A hash is looked up, not compared: it is of 256 random bits, so nobody can make one that is near it.
 */
#ifndef CB_STORE_SESSIONS_H
#define CB_STORE_SESSIONS_H

#include "ipc/codec.h"
#include "store/db.h"

#define STORE_SESSION_MS      UINT64_C(604800000)
#define STORE_SESSION_IDLE_MS UINT64_C(43200000)
#define STORE_SESSION_USED_MS UINT64_C(600000) /* how old the time of the last use may be */
#define STORE_SESSION_OVER_MS UINT64_C(60000)  /* so long a replaced one goes on */
#define STORE_SESSIONS_MAX \
    32 /* of one administrator or token; of more the one goes that was not used for longest */
#define STORE_LINKS_MAX 16
#define STORE_LINK_MS   UINT64_C(600000)

struct store_session {
    enum ipc_sign_in kind;
    char name[IPC_NAME_MAX + 1]; /* of the administrator or token; empty: a link's */
    enum ipc_scope scope;
    uint64_t tenant_id; /* 0 and "": not of one tenant */
    char tenant[IPC_NAME_MAX + 1];
    uint64_t tenant_created_ms;
    uint64_t made_ms;
    uint64_t used_ms;
    uint64_t ends_ms;
    bool replaced;
};

/* Whether what is shown signs in whom it should; writes nothing. `out` is that one's name. CB_EAUTHENTIC: it does not. */
CB_MUST_USE int store_sign_in_check(struct store_db *db, const struct ipc_session_create *m, uint64_t now_ms,
                                    char name[IPC_NAME_MAX + 1]);
/* Makes the session of whoever that is, and takes the link away if it is one's. */
CB_MUST_USE int store_session_add(struct store_db *db, const struct ipc_session_create *m, const char *name,
                                  uint64_t now_ms);
/* CB_ENOTFOUND: there is none, or it is over. */
CB_MUST_USE int store_session_find(struct store_db *db, struct span hash, uint64_t now_ms,
                                   struct store_session *out);
/* Remembers that it is used now; within the transaction that is open, if there is one. */
CB_MUST_USE int store_session_used(struct store_db *db, struct span hash, uint64_t now_ms);
/* Another hash takes its place. CB_ENOTFOUND; CB_ECONFLICT: one has before. */
CB_MUST_USE int store_session_rotate(struct store_db *db, struct span hash, struct span next,
                                     uint64_t now_ms);
/* Ends it, or all of whom it is of. CB_ENOTFOUND. */
CB_MUST_USE int store_session_delete(struct store_db *db, struct span hash, bool all, uint64_t now_ms);
/* CB_EEXIST: with `first`, when there is an administrator. */
CB_MUST_USE int store_link_create(struct store_db *db, const struct ipc_link_create *m, uint64_t now_ms);

#endif

/*
 * tokens.h - tokens for the API over TCP, in the database: as hashes only.
 *
 * A failure leaves everything as it was, and store_db_why() has a text for people.
 */
#ifndef CB_STORE_TOKENS_H
#define CB_STORE_TOKENS_H

#include "ipc/codec.h"
#include "store/db.h"

#define STORE_TOKENS_MAX 256
/* How old the time of the last use may be: it is not written with every request. */
#define STORE_TOKEN_USED_MS UINT64_C(600000)

/* Whom a token is of. */
struct store_token {
    char name[IPC_NAME_MAX + 1];
    enum ipc_scope scope;
    uint64_t tenant_id;            /* 0 and "": not of one tenant */
    char tenant[IPC_NAME_MAX + 1]; /* as it is called now */
    uint64_t tenant_created_ms;
    uint64_t created_ms;
    uint64_t expires_ms; /* 0: never */
    uint64_t used_ms;    /* 0: never */
};

/* CB_EEXIST: there is a token of that name. CB_ENOTFOUND: no such tenant. CB_ELIMIT: there are STORE_TOKENS_MAX. CB_EINVAL. */
CB_MUST_USE int store_token_create(struct store_db *db, const struct ipc_token_create *m, uint64_t now_ms);
/* Appends the list of the message TOKENS. */
CB_MUST_USE int store_token_list(struct store_db *db, struct buf *out);
/* CB_ENOTFOUND. */
CB_MUST_USE int store_token_delete(struct store_db *db, const struct ipc_token_delete *m, uint64_t now_ms);
/* The token with that hash. All are compared, each in constant time. CB_ENOTFOUND: there is none, or it has expired. */
CB_MUST_USE int store_token_find(struct store_db *db, struct span hash, uint64_t now_ms,
                                 struct store_token *out);
/* Remembers that it is used now; within the transaction that is open, if there is one. */
CB_MUST_USE int store_token_used(struct store_db *db, struct span name, uint64_t now_ms);

#endif

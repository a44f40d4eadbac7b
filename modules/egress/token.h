/*
 * token.h - access tokens: fetched once for all who wait, kept in locked memory, fetched anew ahead of their end.
 *
 *   token.c         which tokens there are, who waits for one, when one is fetched
 *   token_fetch.c   one request to a token endpoint: recorded, checked and dialled like any other
 *   token_rotate.c  a refresh token that the endpoint replaced, on its way to the vault and the store
 *   token_answer.c  the answer that the agent gets to its own requests for tokens
 */
#ifndef CB_EGRESS_TOKEN_H
#define CB_EGRESS_TOKEN_H

#include "base/list.h"
#include "base/secret.h"
#include "inject/scan.h"
#include "inject/token.h"
#include "ipc/chan.h"
#include "policy/verdict.h"

struct egress;
struct egress_config;
struct stream;

/* A token and what is looked for in answers to requests that carried it. Reference counted, because such a request may
 * outlive the token's place here. */
struct access {
    unsigned refs;
    struct secret *value;
    struct inject_scan *scan;
};

/* Wipes with the last reference. NULL is fine. */
void access_unref(struct access *access);

/* ---- token.c ---- */

struct token;

/* Somebody who waits for a token; zeroed and list_init()ed before the first use. */
struct token_wait {
    struct list link;
    /* The token is there (`access` holds a reference), or why there is none. Never called from inside token_get(). */
    void (*done)(struct token_wait *wait, enum policy_reason reason);
    struct access *access;
};

/*
 * The token for a route, whose credential is unsealed in `config`. POLICY_REASON_ROUTE: wait->access is it. Another reason:
 * there is none now. POLICY_REASON__COUNT: `done` will be called, unless token_wait_cancel() comes first.
 */
enum policy_reason token_get(struct egress *e, struct egress_config *config, const struct spec_route *route,
                             struct token_wait *wait);
void token_wait_cancel(struct token_wait *wait);
/* The provider has refused this token with a 401: unless it is quite new, it is not used again. */
void token_reject(struct egress *e, const struct access *access);
/* The configuration was replaced: tokens whose routes or credentials are gone go too. */
void tokens_recheck(struct egress *e);
/* Nobody waits any more: what is under way ends, and what is to be stored is tried at once. */
void tokens_stop(struct egress *e);
/* The store or vault is another one: what was asked there gets no answer. */
void tokens_lose_call(struct egress *e, const struct ipc_chan *chan);

/* ---- token_fetch.c ---- */

struct fetch;
/* The end of a fetch, which is freed already. The spans of `answer` (only for POLICY_REASON_ROUTE) and `grant` live until this
 * returns. */
typedef void fetch_done_fn(void *arg, enum policy_reason reason, const struct inject_token_answer *answer,
                           const struct inject_grant *grant);
/* Starts one. POLICY_REASON_ROUTE: fetch_done_fn will be called, never from inside. Else why it cannot. */
enum policy_reason fetch_start(struct egress *e, struct egress_config *config, const struct spec_route *route,
                               fetch_done_fn *done, void *arg, struct fetch **out);
/* Ends it without a call. Its record gets an outcome. */
void fetch_cancel(struct fetch *f);
/* fetch_done_fn is called when it waits for that channel. */
void fetch_lose_call(struct fetch *f, const struct ipc_chan *chan);

/* ---- token_rotate.c ---- */

/* The credential's value is another one from now on: in the memory of this process at once, and at the vault as soon as that
 * can be. `old` is what it was. CB_ENOMEM. */
CB_MUST_USE int rotation_begin(struct egress *e, struct egress_config *config, const char *credential,
                               struct span old, struct span value);
/* There is a vault again. */
void rotations_retry(struct egress *e);
void rotations_lose_call(struct egress *e, const struct ipc_chan *chan);

/* ---- token_answer.c ---- */

/* The route whose token endpoint this request of the agent goes to; NULL when it goes to none. */
const struct spec_route *token_answer_find(const struct egress_config *config, const struct ipc_request *q);
/* Answers the stream's request, whose record is durable, with the placeholder. */
void token_answer(struct stream *s);

#endif

/*
 * denials.h - what was refused, counted by what was asked for: beside the audit, and in its transactions.
 *
 * It is for people who look through refusals, not evidence: that is the audit. An agent can ask for ever new things, so a tenant has
 * STORE_DENIALS_MAX at most, and the ones that were refused the longest ago make room; those that somebody muted last.
 */
#ifndef CB_STORE_DENIALS_H
#define CB_STORE_DENIALS_H

#include "ipc/codec.h"
#include "store/audit_row.h"
#include "store/db.h"

#define STORE_DENIALS_MAX  1000
#define STORE_DENIALS_BACK 256

/* Whether a decision for that reason is one that somebody could want to allow. Not those about the proxy itself: its token, a tenant that is
 * suspended, a page in a browser. */
bool store_denial_counts(uint8_t reason);
/* Whether it is a reason that a request can be refused for when it was on its way already: where its host leads, what its body has. Not a change of
 * the routes: nobody asked for anything anew. */
bool store_denial_comes_late(uint8_t reason);
/*
 * Counts a decision, if store_denial_counts() its reason; or an outcome, if its reason store_denial_comes_late(): what was asked for then says the
 * decision, which is looked for among the last STORE_DENIALS_BACK records of the tenant: no more, because an agent can make it be looked for with
 * every request. Only inside a transaction (CB_ESTATE else). A tenant that is gone is no error.
 */
CB_MUST_USE int store_denial_note(struct store_db *db, const struct store_audit_row *row, uint64_t now_ms);
/* Appends the list of the message DENIALS: as many of what is asked for as there is room. CB_ELIMIT when there is not room for one. */
CB_MUST_USE int store_denials_list(struct store_db *db, const struct ipc_denials_get *m, struct buf *out,
                                   bool *more);
/* With a record in the audit. CB_ENOTFOUND: no such tenant, or nothing of the kind was refused. */
CB_MUST_USE int store_denial_mute(struct store_db *db, const struct ipc_denial_mute *m, uint64_t now_ms);

#endif

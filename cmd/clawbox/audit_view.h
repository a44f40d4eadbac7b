/*
 * audit_view.h - audit records for people: one line per request, with what was decided and what came of it.
 *
 * The audit has a decision and, later, an outcome for a request. The view joins them by the request's id.
 */
#ifndef CB_CLAWBOX_AUDIT_VIEW_H
#define CB_CLAWBOX_AUDIT_VIEW_H

#include "cmd.h"

struct audit_view;

/* `with_tenant`: a column for the tenant, where several may come. Decisions before the last `keep` are forgotten without being
 * printed (0: none is). NULL when out of memory. */
struct audit_view *audit_view_new(bool with_tenant, size_t keep);
void audit_view_free(struct audit_view *view);
/* Changes `keep`. */
void audit_view_keep(struct audit_view *view, size_t keep);
/* Takes one record, a line of JSON. CMD_GO or CMD_FAILED. */
CB_MUST_USE int audit_view_add(struct audit_view *view, struct span line);
/* Prints the requests that have come since the last time, and again those whose outcome has. CMD_GO or CMD_FAILED. */
CB_MUST_USE int audit_view_print(struct audit_view *view);

#endif

/*
 * route.h - one entry of spec.routes: checked, and made into routes of a specification.
 */
#ifndef CB_CONF_ROUTE_H
#define CB_CONF_ROUTE_H

#include "conf/preset.h"
#include "conf/report.h"
#include "conf/tenant.h"

/* What belongs to the tenant that is being read. */
struct conf_draft {
    struct conf_report *report;
    const struct conf_files *files; /* may be NULL */
    const struct conf_presets *presets;
    struct spec *spec;
    struct conf_kubernetes *kubernetes; /* filled while it is read, as the next */
    struct conf_placeholders *placeholders;
    /* Beside the spec's routes and credentials: what they came from, and what was said there in so many words. */
    const struct conf_node *route_nodes[SPEC_ROUTES_MAX];
    bool route_good[SPEC_ROUTES_MAX]; /* read without an error */
    const struct conf_node *credential_nodes[SPEC_ROUTES_MAX];
    bool env_said[SPEC_ROUTES_MAX];
    bool shape_said[SPEC_ROUTES_MAX];
};

/* Adds the entry's routes and its credential to the draft's spec. What is wrong goes to the report; the routes of such an
 * entry are incomplete, and the spec is only fit for being freed. 0 also then; CB_ENOMEM, or CB_EINTERNAL. */
CB_MUST_USE int conf_route_read(struct conf_draft *draft, const struct conf_node *node);
/* Notes that the entry uses a credential: adds it, or compares env and shape with what is there. credential.c. */
CB_MUST_USE int conf_credential_use(struct conf_draft *draft, const struct conf_node *route_node,
                                    const char *name, const struct conf_preset *preset);
/* Reports routes that take the same credential for different things. route_token.c. */
void conf_check_grants(const struct conf_draft *draft);
/* Notes that a route shows a credential as its client certificate: adds it, without a variable for the agent. */
CB_MUST_USE int conf_credential_show(struct conf_draft *draft, const struct conf_node *node,
                                     const char *name);
/* When all entries are read: names and variables are unique, no two routes could both win, and deny routes without
 * methods get all that the others allow. What is wrong goes to the report. 0, CB_ENOMEM or CB_EINTERNAL. cross.c. */
CB_MUST_USE int conf_routes_cross_check(const struct conf_draft *draft);

#endif

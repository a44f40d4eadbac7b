/*
 * kube_route.h - spec.kubernetes while a tenant file is read. Private to modules/conf.
 */
#ifndef CB_CONF_KUBE_ROUTE_H
#define CB_CONF_KUBE_ROUTE_H

#include "conf/kubernetes.h"
#include "conf/route.h"

/* Reads the map, which may be NULL. What is wrong goes to the report. 0 also then, or CB_ENOMEM. kubernetes.c. */
CB_MUST_USE int conf_kubernetes_read(struct conf_report *report, const struct conf_node *node,
                                     struct conf_kubernetes *out);
/* Adds the assistant's route to its workspace, when the settings want one. 0, CB_ENOMEM or CB_EINTERNAL. kube_route.c. */
CB_MUST_USE int conf_kubernetes_add_route(struct conf_draft *draft, const struct conf_node *node,
                                          const struct conf_kubernetes *kubernetes);

#endif

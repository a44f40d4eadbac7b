/*
 * kube_route.c - the assistant's route to its workspace: what it may do there, in the words of RBAC.
 *
 * The table is all there is: the route's rules, which egress checks, are made of it, and so is the Role, which the API server
 * checks. It names every resource. What is not here: Secrets, everything of RBAC, tokens, and what publishes something.
 */
#include "conf/kube_route.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/entry.h"

#define PRESET "kubernetes-workspace"

#define READ  "get list watch"
#define WRITE READ " create update patch delete deletecollection"

/* For whom a rule is. */
enum audience { EVERYBODY, EDITORS, EXECUTORS };

struct rule {
    enum audience audience;
    const char *verbs; /* viewers get READ of a rule of EVERYBODY */
    const char *resources;
};

static const struct rule rules[] = {
    {EVERYBODY, WRITE, "pods services configmaps persistentvolumeclaims"},
    {EVERYBODY, WRITE,
     "deployments.apps statefulsets.apps jobs.batch cronjobs.batch horizontalpodautoscalers.autoscaling"},
    {EVERYBODY, READ,
     "pods/log pods/status events events.events.k8s.io replicasets.apps endpoints endpointslices.discovery.k8s.io "
     "resourcequotas limitranges networkpolicies.networking.k8s.io pods.metrics.k8s.io"},
    {EDITORS, "get update patch", "deployments.apps/scale statefulsets.apps/scale"},
    {EXECUTORS, "get create", "pods/exec pods/attach pods/portforward"},
};

static bool is_for(const struct conf_kubernetes *kubernetes, const struct rule *rule)
{
    switch (rule->audience) {
    case EVERYBODY:
        return true;
    case EDITORS:
        return kubernetes->access == CONF_KUBE_ACCESS_EDIT;
    case EXECUTORS:
        return kubernetes->exec;
    }
    return false;
}

static int add_text(struct spec_list *list, const char *text, size_t len)
{
    char **grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
    if (grown == NULL) {
        return CB_ENOMEM;
    }
    list->items = grown;
    grown[list->count] = strndup(text, len);
    return grown[list->count] != NULL ? (list->count++, 0) : CB_ENOMEM;
}

static int add_words(struct spec_list *list, const char *words)
{
    int r = 0;
    while (r == 0 && *words != '\0') {
        size_t len = strcspn(words, " ");
        r = add_text(list, words, len);
        words += len + (words[len] == ' ');
    }
    return r;
}

static int add_rule(struct conf_draft *draft, struct spec_route *route,
                    const struct conf_kubernetes *kubernetes, const struct rule *rule)
{
    struct spec_kube_rule *out = NULL;
    char space[SPEC_NAME_MAX + sizeof(CONF_KUBE_SUFFIX_DEV)];
    bool view = kubernetes->access == CONF_KUBE_ACCESS_VIEW;
    (void)snprintf(space, sizeof(space), "%s" CONF_KUBE_SUFFIX_DEV, draft->spec->tenant);
    int r = spec_add_kube_rule(route, &out);
    if (r == 0) {
        r = add_words(&out->namespaces, space);
    }
    if (r == 0) {
        r = add_words(&out->verbs, view ? READ : rule->verbs);
    }
    return r != 0 ? r : add_words(&out->resources, rule->resources);
}

static int copy_texts(const struct conf_node *from, char ***items, size_t *count)
{
    struct spec_list list = {0};
    int r = 0;
    for (const struct conf_node *node = from->first; r == 0 && node != NULL; node = node->next) {
        r = add_text(&list, node->text, node->len);
    }
    *items = list.items;
    *count = list.count;
    return r;
}

static int fill(struct conf_draft *draft, struct spec_route *route, const struct conf_preset *preset,
                const struct conf_kubernetes *kubernetes)
{
    route->port = 443;
    route->inject = SPEC_INJECT_BEARER;
    route->websocket = kubernetes->exec; /* that is how kubectl's exec speaks */
    int r;
    if ((r = conf_copy_text(&route->name, CONF_KUBE_WORKSPACE)) != 0 ||
        (r = conf_copy_text(&route->provider, PRESET)) != 0 ||
        (r = conf_copy_text(&route->host, preset->host)) != 0 ||
        (r = conf_copy_text(&route->credential, CONF_KUBE_WORKSPACE)) != 0 ||
        (r = copy_texts(preset->methods, &route->methods, &route->method_count)) != 0 ||
        (r = copy_texts(preset->paths, &route->paths, &route->path_count)) != 0 ||
        (r = spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, "Authorization",
                            "Bearer ")) != 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (is_for(kubernetes, &rules[i])) {
            r = add_rule(draft, route, kubernetes, &rules[i]);
        }
    }
    return r;
}

/* The Secret's name, and with it who may set it, would be the workspace token's. */
static bool is_free(struct conf_draft *draft)
{
    for (size_t i = 0; i < draft->spec->credential_count; i++) {
        if (strcmp(draft->spec->credentials[i].name, CONF_KUBE_WORKSPACE) == 0) {
            conf_report_node(
                draft->report, draft->credential_nodes[i],
                "is the credential of the assistant's workspace (spec.kubernetes): write another name");
            return false;
        }
    }
    return true;
}

int conf_kubernetes_add_route(struct conf_draft *draft, const struct conf_node *node,
                              const struct conf_kubernetes *kubernetes)
{
    struct conf_preset preset;
    struct spec_route *route = NULL;
    if (!kubernetes->present || kubernetes->access == CONF_KUBE_ACCESS_NONE || draft->spec->tenant == NULL ||
        !is_free(draft)) {
        return 0;
    }
    int r = conf_presets_find(draft->presets, PRESET, &preset);
    if (r == 0) {
        r = spec_add_route(draft->spec, &route);
    }
    if (r == CB_ELIMIT) {
        conf_report_node(draft->report, node, "needs a route to the workspace, and a tenant has at most %d",
                         SPEC_ROUTES_MAX);
        return 0;
    }
    if (r != 0) {
        return r == CB_ENOTFOUND ? CB_EINTERNAL : r;
    }
    size_t index = draft->spec->route_count - 1;
    draft->route_nodes[index] = node;
    r = fill(draft, route, &preset, kubernetes);
    draft->route_good[index] = r == 0;
    return r != 0 ? r : conf_credential_use(draft, node, CONF_KUBE_WORKSPACE, &preset);
}

/* route_kubernetes.c - what a route allows of a Kubernetes API: verbs on resources in namespaces. */
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/kube.h"
#include "policy/spec_check.h"

typedef bool word_check(struct span word);

static bool is_in(const struct spec_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static int read_words(struct conf_report *report, const struct conf_node *node, word_check *check,
                      const char *wrong, struct spec_list *out)
{
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (node->count == 0 || node->count > SPEC_LIST_MAX) {
        conf_report_node(report, node, "should have 1 to %d entries", SPEC_LIST_MAX);
        return 0;
    }
    out->items = calloc(node->count, sizeof(*out->items));
    if (out->items == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            continue;
        }
        if (!check(span_str(text))) {
            conf_report_node(report, item, "%s", wrong);
        } else if (is_in(out, text)) {
            conf_report_node(report, item, "stands in this list already: remove it");
        } else if ((out->items[out->count] = strdup(text)) == NULL) {
            return CB_ENOMEM;
        } else {
            out->count++;
        }
    }
    return 0;
}

static int read_rule(struct conf_report *report, const struct conf_node *node, struct spec_kube_rule *rule)
{
    static const char *const keys[] = {"namespaces", "verbs", "resources", NULL};
    if (!conf_read_keys(report, node, keys)) {
        return 0;
    }
    if (conf_node_get(node, "verbs") == NULL || conf_node_get(node, "resources") == NULL) {
        conf_report_node(report, node,
                         "should be {namespaces: [NAME], verbs: [get, list], resources: [pods, pods/log]}");
        return 0;
    }
    int r = read_words(report, conf_node_get(node, "namespaces"), policy_kube_namespace_is_valid,
                       "not a namespace's name: a-z, 0-9 and \"-\"", &rule->namespaces);
    if (r == 0) {
        r = read_words(report, conf_node_get(node, "verbs"), policy_kube_verb_is_valid,
                       "should be get, list, watch, create, update, patch, delete, deletecollection or \"*\"",
                       &rule->verbs);
    }
    if (r == 0) {
        r = read_words(report, conf_node_get(node, "resources"), policy_kube_resource_is_valid,
                       "should be as in pods, pods/log, deployments.apps, \"*.apps\" or \"*\"",
                       &rule->resources);
    }
    if (r == 0 && conf_node_get(node, "namespaces") == NULL && spec_kube_rule_is_too_wide(rule)) {
        conf_report_node(
            report, conf_node_get(node, "resources"),
            "\"*\" without namespaces would be everybody's: name the namespaces, or the resources");
    }
    return r;
}

int conf_entry_read_kubernetes(struct conf_entry *entry)
{
    struct conf_report *report = entry->draft->report;
    const struct conf_node *list = conf_entry_get(entry, "kubernetes");
    if (list == NULL) {
        if (entry->has_preset && entry->preset.kubernetes && entry->route->action == SPEC_ACTION_ALLOW) {
            conf_report_node(
                report, entry->node,
                "provider %s needs rules: write kubernetes: [{namespaces: [NAME], verbs: [get, list], "
                "resources: [\"*\"]}]",
                entry->preset.name);
        }
        return 0;
    }
    if (entry->route->action == SPEC_ACTION_DENY) {
        return 0; /* conf_entry_read_credential() has refused the key */
    }
    if (!conf_read_kind(report, list, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (list->count == 0 || list->count > SPEC_KUBE_RULES_MAX) {
        conf_report_node(report, list, "should have 1 to %d entries", SPEC_KUBE_RULES_MAX);
        return 0;
    }
    for (const struct conf_node *item = list->first; item != NULL; item = item->next) {
        struct spec_kube_rule *rule;
        int r = spec_add_kube_rule(entry->route, &rule);
        if (r == 0) {
            r = read_rule(report, item, rule);
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

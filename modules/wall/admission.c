/*
 * admission.c - what the API server refuses: Pod Security's levels of the two namespaces, and the ValidatingAdmissionPolicy without which
 * the right to start a pod in the workspace is a right to its Secrets.
 */
#include "wall/state.h"

#define LEVEL "pod-security.kubernetes.io/enforce"

/* ---- Pod Security ---- */

static void judge_level(struct wall *wall, const char *space, bool workspace)
{
    const struct wall_object *object = wall_find(wall, "Namespace", "", space);
    if (object == NULL) {
        return; /* which is said already */
    }
    const struct conf_node *labels = wall_at(object->node, "metadata.labels");
    const struct conf_node *level = conf_node_get(labels, LEVEL);
    if (wall_is_text(level, "restricted")) {
        return;
    }
    const struct conf_node *at = level != NULL ? level : labels;
    if (wall_is_text(level, "baseline")) {
        if (workspace && wall->makes_pods) {
            wall_found(
                wall, WALL_ELSEWHERE, WALL_HOLE, object, at,
                "Pod Security at \"baseline\" admits pods that have a node mount volumes of any server (nfs, iscsi): "
                "label " LEVEL ": restricted");
        }
        return;
    }
    wall_found(wall, WALL_SECRETS, WALL_HOLE, object, at,
               "Pod Security admits pods that take the node over: label " LEVEL ": restricted");
}

/* ---- the policy ---- */

/* What pods are made from, as a policy has to name it. */
static const struct {
    const char *group;
    const char *resource;
} makers[] = {
    {"", "pods"},           {"", "replicationcontrollers"}, {"apps", "deployments"}, {"apps", "statefulsets"},
    {"apps", "daemonsets"}, {"apps", "replicasets"},        {"batch", "jobs"},       {"batch", "cronjobs"},
};

static bool list_has_any(const struct conf_node *list, const char *word)
{
    return wall_list_has(list, word) || wall_list_has(list, "*");
}

static bool rule_takes(const struct conf_node *rule, const char *group, const char *resource)
{
    const struct conf_node *resources = wall_at(rule, "resources");
    const struct conf_node *operations = wall_at(rule, "operations");
    const struct conf_node *names = wall_at(rule, "resourceNames");
    const char *scope = wall_text_at(rule, "scope", "*");
    return list_has_any(wall_at(rule, "apiGroups"), group) &&
           (list_has_any(resources, resource) || wall_list_has(resources, "*/*")) &&
           list_has_any(operations, "CREATE") && list_has_any(operations, "UPDATE") &&
           strcmp(scope, "Cluster") != 0 && (names == NULL || names->count == 0);
}

static bool rules_take(const struct conf_node *rules, const char *group, const char *resource)
{
    for (const struct conf_node *r = rules != NULL ? rules->first : NULL; r != NULL; r = r->next) {
        if (rule_takes(r, group, resource)) {
            return true;
        }
    }
    return false;
}

/* Takes the namespace, as far as its labels say that. */
static bool takes_space(const struct wall *wall, const struct conf_node *selector)
{
    const struct wall_object *space = wall_find(wall, "Namespace", "", wall->dev);
    if (selector == NULL || wall_selects_all(selector)) {
        return true;
    }
    /* The API server puts this label there; a file need not have it. */
    const struct conf_node *match = wall_at(selector, "matchLabels");
    bool by_name = wall_selects_only(selector, wall->dev);
    bool only = wall_at(selector, "matchExpressions") == NULL && match != NULL && match->count == 1;
    return (by_name && only) ||
           (space != NULL && wall_selects(selector, wall_at(space->node, "metadata.labels")));
}

/* Rules or labels by which something is left out. */
static const struct conf_node *exception_of(const struct conf_node *constraints)
{
    const struct conf_node *excluded = wall_at(constraints, "excludeResourceRules");
    const struct conf_node *objects = wall_at(constraints, "objectSelector");
    if (excluded != NULL && excluded->count != 0) {
        return excluded;
    }
    return objects != NULL && !wall_selects_all(objects) ? objects : NULL;
}

/* The same texts under `key` in two lists, in the same order. */
static bool same_texts(const struct conf_node *a, const struct conf_node *b, const char *key)
{
    const struct conf_node *x = a != NULL ? a->first : NULL;
    const struct conf_node *y = b != NULL ? b->first : NULL;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (strcmp(wall_text_at(x, key, ""), wall_text_at(y, key, "")) != 0) {
            return false;
        }
    }
    return x == NULL && y == NULL;
}

static bool is_ours(const struct wall *wall, const struct conf_node *policy)
{
    static const char *const parts[][2] = {{"spec.validations", "expression"},
                                           {"spec.matchConditions", "expression"},
                                           {"spec.variables", "name"},
                                           {"spec.variables", "expression"}};
    for (size_t i = 0; wall->policy != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!same_texts(wall_at(policy, parts[i][0]), wall_at(wall->policy, parts[i][0]), parts[i][1])) {
            return false;
        }
    }
    return wall->policy != NULL;
}

/* What is wrong with a policy and its binding, and where; NULL: nothing is. */
struct fault {
    const struct wall_object *object;
    const struct conf_node *node;
    const char *text;
};

static struct fault fault_of_binding(const struct wall *wall, const struct wall_object *binding)
{
    const struct conf_node *resources = wall_at(binding->node, "spec.matchResources");
    const struct conf_node *rules = wall_at(resources, "resourceRules");
    if (!wall_list_has(wall_at(binding->node, "spec.validationActions"), "Deny")) {
        return (struct fault){binding, wall_at(binding->node, "spec.validationActions"), "does not deny"};
    }
    if (!takes_space(wall, wall_at(resources, "namespaceSelector"))) {
        return (struct fault){binding, wall_at(resources, "namespaceSelector"),
                              "does not take the workspace's namespace"};
    }
    const struct conf_node *exception = exception_of(resources);
    if (exception != NULL || (rules != NULL && rules->count != 0)) {
        return (struct fault){binding, exception != NULL ? exception : rules, "leaves objects out"};
    }
    return (struct fault){.text = NULL};
}

static struct fault fault_of_policy(const struct wall *wall, const struct wall_object *policy)
{
    const struct conf_node *constraints = wall_at(policy->node, "spec.matchConstraints");
    const struct conf_node *validations = wall_at(policy->node, "spec.validations");
    const struct conf_node *fails = wall_at(policy->node, "spec.failurePolicy");
    if (fails != NULL && !wall_is_text(fails, "Fail")) {
        return (struct fault){policy, fails,
                              "lets everything through when it cannot be evaluated (failurePolicy)"};
    }
    if (!takes_space(wall, wall_at(constraints, "namespaceSelector"))) {
        return (struct fault){policy, wall_at(constraints, "namespaceSelector"),
                              "does not take the workspace's namespace"};
    }
    const struct conf_node *exception = exception_of(constraints);
    if (exception != NULL) {
        return (struct fault){policy, exception, "leaves objects out"};
    }
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        const struct conf_node *rules = wall_at(constraints, "resourceRules");
        if (!rules_take(rules, makers[i].group, makers[i].resource)) {
            return (struct fault){policy, rules, makers[i].resource};
        }
    }
    if (validations == NULL || validations->count == 0) {
        return (struct fault){policy, validations, "refuses nothing: it has no validations"};
    }
    return (struct fault){.text = NULL};
}

static void tell_fault(struct wall *wall, struct fault fault)
{
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        if (fault.text == makers[i].resource) {
            wall_found(wall, WALL_SECRETS, WALL_HOLE, fault.object, fault.node,
                       "does not look at what creates and updates %s, and the assistant may start pods in %s",
                       fault.text, wall->dev);
            return;
        }
    }
    wall_found(wall, WALL_SECRETS, WALL_HOLE, fault.object, fault.node,
               "%s, and the assistant may start pods in %s", fault.text, wall->dev);
}

/* One good policy is enough: others can only refuse more. What is wrong is told of the tenant's own. */
static void judge_policy(struct wall *wall)
{
    char own[100];
    struct fault worst = {.text = NULL};
    const struct wall_object *unknown = NULL;
    (void)snprintf(own, sizeof(own), "clawbox-%s", wall->dev);
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *binding = &wall->objects[i];
        if (strcmp(binding->kind, "ValidatingAdmissionPolicyBinding") != 0) {
            continue;
        }
        const struct wall_object *policy = wall_find(wall, "ValidatingAdmissionPolicy", "",
                                                     wall_text_at(binding->node, "spec.policyName", ""));
        struct fault fault = {binding, wall_at(binding->node, "spec.policyName"),
                              "is for a policy that is not there"};
        if (policy != NULL) {
            fault = fault_of_binding(wall, binding);
            fault = fault.text == NULL ? fault_of_policy(wall, policy) : fault;
        }
        if (fault.text == NULL && is_ours(wall, policy->node)) {
            return;
        }
        unknown = fault.text == NULL ? policy : unknown;
        worst = fault.text != NULL && strcmp(binding->name, own) == 0 ? fault : worst;
    }
    if (unknown != NULL) {
        wall_found(
            wall, WALL_SECRETS, WALL_UNSURE, unknown, wall_at(unknown->node, "spec.validations"),
            "is not the policy that this version of clawbox writes, so what its expressions refuse is not known here: "
            "provision %s again",
            wall->tenant);
    } else if (worst.text != NULL) {
        tell_fault(wall, worst);
    } else {
        wall_missing(
            wall, WALL_SECRETS, WALL_HOLE, "ValidatingAdmissionPolicyBinding", "", own,
            "there is neither this nor another one with a policy that refuses pods with Secrets or other identities, and the assistant may start "
            "pods in %s",
            wall->dev);
    }
}

void wall_judge_admission(struct wall *wall)
{
    judge_level(wall, wall->claw, false);
    judge_level(wall, wall->dev, true);
    if (wall->makes_pods) {
        judge_policy(wall);
        wall_missing(
            wall, WALL_ELSEWHERE, WALL_ASSUMED, "Namespace", "", wall->dev,
            "its nodes pull images from registries that you trust: the name of an image that the assistant starts goes to one");
    }
}

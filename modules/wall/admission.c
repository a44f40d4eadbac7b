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
    const struct conf_node *versions = wall_at(rule, "apiVersions");
    return list_has_any(wall_at(rule, "apiGroups"), group) && list_has_any(versions, "v1") &&
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

/* Every item of `wanted` is in `list` with the same texts under both keys. */
static bool has_all(const struct conf_node *list, const struct conf_node *wanted, const char *key,
                    const char *other)
{
    for (const struct conf_node *w = wanted != NULL ? wanted->first : NULL; w != NULL; w = w->next) {
        bool found = false;
        for (const struct conf_node *l = list != NULL ? list->first : NULL; l != NULL && !found;
             l = l->next) {
            found = strcmp(wall_text_at(l, key, ""), wall_text_at(w, key, "")) == 0 &&
                    strcmp(wall_text_at(l, other, ""), wall_text_at(w, other, "")) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* It refuses what one of ours does: validations beside them can only refuse more, but conditions and parameters let things pass. */
static bool is_ours(const struct wall *wall, const struct conf_node *policy)
{
    const struct conf_node *conditions = wall_at(policy, "spec.matchConditions");
    bool always = wall_at(policy, "spec.paramKind") == NULL && (conditions == NULL || conditions->count == 0);
    for (size_t i = 0; always && i < wall->policy_count; i++) {
        const struct conf_node *ours = wall->policies[i];
        if (has_all(wall_at(policy, "spec.validations"), wall_at(ours, "spec.validations"), "expression",
                    "expression") &&
            has_all(wall_at(policy, "spec.variables"), wall_at(ours, "spec.variables"), "name",
                    "expression")) {
            return true;
        }
    }
    return false;
}

/* True when one of the validations is the one that `registries` of a workspace makes (kube, 30-validatingadmissionpolicy.yaml). */
static bool limits_images(const struct conf_node *policy)
{
    static const char start[] = "variables.containers.all(c, has(c.image) && [";
    static const char end[] = "].exists(r, c.image.startsWith(r)))";
    const struct conf_node *list = wall_at(policy, "spec.validations");
    for (const struct conf_node *v = list != NULL ? list->first : NULL; v != NULL; v = v->next) {
        struct span text = span_str(wall_text_at(v, "expression", ""));
        if (span_starts(text, span_str(start)) && span_ends(text, span_str(end))) {
            size_t taken = strlen(start) + strlen(end);
            struct span names = span_sub(text, strlen(start), text.len > taken ? text.len - taken : 0);
            if (names.len != 0 && memchr(names.ptr, ']', names.len) == NULL) {
                return true;
            }
        }
    }
    return false;
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

/* One good policy is enough: others can only refuse more. What is wrong is told of the tenant's own.
 * True when a good one says from which registries images may come, too. */
static bool judge_policy(struct wall *wall)
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
            return limits_images(policy->node);
        }
        unknown = fault.text == NULL ? policy : unknown;
        worst = fault.text != NULL && strcmp(binding->name, own) == 0 ? fault : worst;
    }
    if (worst.text != NULL) {
        tell_fault(wall, worst);
    } else if (unknown != NULL) {
        wall_found(
            wall, WALL_SECRETS, WALL_UNSURE, unknown, wall_at(unknown->node, "spec.validations"),
            "is not the policy that this version of clawbox writes, so what its expressions refuse is not known here: "
            "provision %s again",
            wall->tenant);
    } else {
        wall_missing(
            wall, WALL_SECRETS, WALL_HOLE, "ValidatingAdmissionPolicyBinding", "", own,
            "there is neither this nor another one with a policy that refuses pods with Secrets or other identities, "
            "and the assistant may start pods in %s",
            wall->dev);
    }
    return false;
}

void wall_judge_admission(struct wall *wall)
{
    judge_level(wall, wall->claw, false);
    judge_level(wall, wall->dev, true);
    if (wall->makes_pods && !judge_policy(wall)) {
        wall_missing(
            wall, WALL_ELSEWHERE, WALL_ASSUMED, "Namespace", "", wall->dev,
            "its nodes pull images from registries that you trust: the name of an image that the assistant starts goes to one");
    }
    if (wall->writes) {
        wall_missing(
            wall, WALL_ELSEWHERE, WALL_ASSUMED, "Namespace", "", wall->dev,
            "no controller of the cluster carries out what the assistant writes into objects there, such as a name in an "
            "annotation that external-dns publishes");
    }
}

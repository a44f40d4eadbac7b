/* wall.c - the objects, the order of the judgement, and the answers. */
#include "wall/state.h"

#include <stdlib.h>

const struct wall_kind wall_kinds[] = {
    {"namespaces", "Namespace", WALL_NAMED, false, false},
    {"pods", "Pod", WALL_IN_BOTH, true, false},
    {"deployments.apps", "Deployment", WALL_IN_BOTH, true, false},
    {"statefulsets.apps", "StatefulSet", WALL_IN_BOTH, true, false},
    {"replicasets.apps", "ReplicaSet", WALL_IN_BOTH, true, false},
    {"replicationcontrollers", "ReplicationController", WALL_IN_BOTH, true, false},
    {"jobs.batch", "Job", WALL_IN_BOTH, true, false},
    {"cronjobs.batch", "CronJob", WALL_IN_BOTH, true, false},
    {"serviceaccounts", "ServiceAccount", WALL_IN_BOTH, true, false},
    {"networkpolicies.networking.k8s.io", "NetworkPolicy", WALL_IN_BOTH, true, false},
    {"daemonsets.apps", "DaemonSet", WALL_EVERYWHERE, true, false},
    {"roles.rbac.authorization.k8s.io", "Role", WALL_EVERYWHERE, true, false},
    {"rolebindings.rbac.authorization.k8s.io", "RoleBinding", WALL_EVERYWHERE, true, false},
    {"clusterroles.rbac.authorization.k8s.io", "ClusterRole", WALL_EVERYWHERE, false, false},
    {"clusterrolebindings.rbac.authorization.k8s.io", "ClusterRoleBinding", WALL_EVERYWHERE, false, false},
    {"validatingadmissionpolicies.admissionregistration.k8s.io", "ValidatingAdmissionPolicy", WALL_EVERYWHERE,
     false, true},
    {"validatingadmissionpolicybindings.admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding",
     WALL_EVERYWHERE, false, true},
    {"adminnetworkpolicies.policy.networking.k8s.io", "AdminNetworkPolicy", WALL_EVERYWHERE, false, true},
    {"clusternetworkpolicies.policy.networking.k8s.io", "ClusterNetworkPolicy", WALL_EVERYWHERE, false, true},
    {"ciliumclusterwidenetworkpolicies.cilium.io", "CiliumClusterwideNetworkPolicy", WALL_EVERYWHERE, false,
     true},
    {"ciliumnetworkpolicies.cilium.io", "CiliumNetworkPolicy", WALL_IN_BOTH, true, true},
    {"globalnetworkpolicies.crd.projectcalico.org", "GlobalNetworkPolicy", WALL_EVERYWHERE, false, true},
    {"networkpolicies.crd.projectcalico.org", "NetworkPolicy", WALL_IN_BOTH, true, true},
};
const size_t wall_kind_count = sizeof(wall_kinds) / sizeof(wall_kinds[0]);

struct wall *wall_new(const char *tenant, enum wall_source source)
{
    struct wall *wall = calloc(1, sizeof(*wall));
    struct wall_finding *findings = calloc(WALL_FINDINGS_MAX, sizeof(*findings));
    if (wall == NULL || findings == NULL) {
        free(wall);
        free(findings);
        return NULL;
    }
    wall->tenant = tenant;
    wall->source = source;
    wall->findings = findings;
    (void)snprintf(wall->claw, sizeof(wall->claw), "%.60s-claw", tenant);
    (void)snprintf(wall->dev, sizeof(wall->dev), "%.60s-dev", tenant);
    return wall;
}

void wall_free(struct wall *wall)
{
    if (wall == NULL) {
        return;
    }
    for (size_t i = 0; i < wall->finding_count; i++) {
        wall_finding_deinit(&wall->findings[i]);
    }
    free(wall->findings);
    free(wall->objects);
    free(wall->pods);
    free(wall);
}

/* ---- what is judged ---- */

static int keep(struct wall *wall, struct wall_object object)
{
    if (wall->object_count == WALL_OBJECTS_MAX) {
        return CB_ELIMIT;
    }
    if (wall->object_count == wall->object_room) {
        size_t room = wall->object_room != 0 ? 2 * wall->object_room : 256;
        struct wall_object *grown = realloc(wall->objects, room * sizeof(*grown));
        if (grown == NULL) {
            return CB_ENOMEM;
        }
        wall->objects = grown;
        wall->object_room = room;
    }
    wall->objects[wall->object_count++] = object;
    return 0;
}

static int no_object(const struct conf_node *node, const char *what, char *why, size_t why_size)
{
    char path[CONF_PATH_MAX];
    conf_node_path(node, path);
    (void)snprintf(why, why_size, "line %zu%s%s: %s", node->line, path[0] != '\0' ? ", " : "", path, what);
    return CB_EMALFORMED;
}

/* "rbac.authorization.k8s.io/v1" becomes the group, in place; the core has none. */
static const char *group_of(const char *api_version)
{
    static const struct {
        const char *prefix;
        const char *group;
    } groups[] = {{"apps/", "apps"},
                  {"batch/", "batch"},
                  {"networking.k8s.io/", "networking.k8s.io"},
                  {"rbac.authorization.k8s.io/", "rbac.authorization.k8s.io"},
                  {"admissionregistration.k8s.io/", "admissionregistration.k8s.io"},
                  {"policy.networking.k8s.io/", "policy.networking.k8s.io"},
                  {"cilium.io/", "cilium.io"},
                  {"crd.projectcalico.org/", "crd.projectcalico.org"},
                  {"projectcalico.org/", "crd.projectcalico.org"}};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strncmp(api_version, groups[i].prefix, strlen(groups[i].prefix)) == 0) {
            return groups[i].group;
        }
    }
    return strchr(api_version, '/') == NULL ? "" : "?";
}

int wall_add(struct wall *wall, const struct conf_node *document, char *why, size_t why_size)
{
    const struct conf_node *items = wall_at(document, "items");
    if (document->kind == CONF_KIND_SCALAR && document->len == 0) {
        return 0; /* nothing between two "---" */
    }
    const char *kind = wall_text_at(document, "kind", "");
    if (kind[0] == '\0' || wall_text_at(document, "apiVersion", "")[0] == '\0') {
        return no_object(document, "no Kubernetes object: it has no kind or no apiVersion", why, why_size);
    }
    if (items != NULL && items->kind == CONF_KIND_SEQUENCE && span_ends(span_str(kind), SPAN_LIT("List"))) {
        int r = 0;
        for (const struct conf_node *item = items->first; r == 0 && item != NULL; item = item->next) {
            r = wall_at(item, "items") != NULL ? no_object(item, "a list in a list", why, why_size)
                                               : wall_add(wall, item, why, why_size);
        }
        return r;
    }
    struct wall_object object = {.kind = kind,
                                 .group = group_of(wall_text_at(document, "apiVersion", "")),
                                 .space = wall_text_at(document, "metadata.namespace", ""),
                                 .name = wall_text_at(document, "metadata.name", ""),
                                 .node = document};
    if (object.name[0] == '\0' && strcmp(kind, "Kustomization") != 0) {
        return no_object(document, "the object has no metadata.name", why, why_size);
    }
    return keep(wall, object);
}

int wall_unreadable(struct wall *wall, const char *what, const char *why)
{
    wall->incomplete = true;
    wall_missing(wall, WALL_SECRETS, WALL_UNSURE, "", "", what, "cannot be read: %s", why);
    wall_missing(wall, WALL_ELSEWHERE, WALL_UNSURE, "", "", what, "cannot be read: %s", why);
    return wall->error;
}

void wall_expect_policy(struct wall *wall, const struct conf_node *policy)
{
    if (wall->policy_count < WALL_POLICIES_MAX) {
        wall->policies[wall->policy_count++] = policy;
    }
}

void wall_network_enforces(struct wall *wall)
{
    wall->enforces = true;
}

/* ---- judging ---- */

static void judge_text(struct wall *wall, const struct wall_object *o, const char *text)
{
    wall_found(wall, WALL_SECRETS, WALL_UNSURE, o, NULL, "%s", text);
    wall_found(wall, WALL_ELSEWHERE, WALL_UNSURE, o, NULL, "%s", text);
}

/* What a cluster never has: an object twice, and one of a namespace without saying which. */
static void judge_files(struct wall *wall)
{
    for (size_t i = 0; wall->source == WALL_FILES && i < wall->object_count; i++) {
        const struct wall_object *o = &wall->objects[i];
        bool about =
            o->space[0] == '\0' || strcmp(o->space, wall->claw) == 0 || strcmp(o->space, wall->dev) == 0;
        const struct wall_object *first = about ? wall_find(wall, o->kind, o->space, o->name) : o;
        if (first != o && strcmp(first->group, o->group) == 0) {
            judge_text(wall, o, "stands in the files twice, and which one counts is not known");
        }
        for (size_t k = 0; k < wall_kind_count && o->space[0] == '\0'; k++) {
            if (wall_kinds[k].in_namespace && strcmp(wall_kinds[k].kind, o->kind) == 0) {
                judge_text(wall, o, "has no namespace in the file, so where it goes is not known");
                break;
            }
        }
    }
}

/* Without these the rest would be about nothing. */
static void judge_presence(struct wall *wall)
{
    const char *spaces[] = {wall->claw, wall->dev};
    for (size_t i = 0; i < 2; i++) {
        if (wall_find(wall, "Namespace", "", spaces[i]) == NULL) {
            wall_missing(wall, WALL_SECRETS, WALL_UNSURE, "Namespace", "", spaces[i],
                         "there is none of this name");
            wall_missing(wall, WALL_ELSEWHERE, WALL_UNSURE, "Namespace", "", spaces[i],
                         "there is none of this name");
        }
    }
    bool proxy = false;
    bool assistant = false;
    for (size_t i = 0; i < wall->pod_count; i++) {
        proxy = proxy || wall->pods[i].proxy;
        assistant = assistant || (!wall->pods[i].proxy && !wall->pods[i].workspace);
    }
    if (!proxy) {
        wall_missing(wall, WALL_ELSEWHERE, WALL_UNSURE, "Deployment", wall->claw, WALL_PROXY,
                     "there is none, so it is not known which pod is the proxy");
    }
    if (!assistant) {
        wall_missing(wall, WALL_SECRETS, WALL_UNSURE, "Deployment", wall->claw, "gateway",
                     "there is no pod of the assistant that could be judged");
    }
}

static int by_weight(const void *a, const void *b)
{
    const struct wall_finding *x = a;
    const struct wall_finding *y = b;
    int order = (int)x->weight - (int)y->weight;
    order = order != 0 ? order : (int)x->question - (int)y->question;
    order = order != 0 ? order : strcmp(x->space, y->space);
    order = order != 0 ? order : strcmp(x->kind, y->kind);
    order = order != 0 ? order : strcmp(x->name, y->name);
    order = order != 0 ? order : strcmp(x->field, y->field);
    return order != 0 ? order : strcmp(x->text, y->text);
}

int wall_judge(struct wall *wall)
{
    wall_collect_pods(wall);
    if (wall->error == 0) {
        judge_files(wall);
        judge_presence(wall);
        wall_judge_rights(wall);
        wall_judge_pods(wall);
        wall_judge_policies(wall);
        wall_judge_network(wall);
        wall_judge_admission(wall);
    }
    qsort(wall->findings, wall->finding_count, sizeof(*wall->findings), by_weight);
    return wall->error;
}

enum wall_weight wall_answer(const struct wall *wall, enum wall_question question)
{
    enum wall_weight answer = wall->more ? WALL_UNSURE : WALL_WEIGHT__COUNT;
    for (size_t i = 0; i < wall->finding_count; i++) {
        const struct wall_finding *f = &wall->findings[i];
        answer = f->question == question && f->weight < answer ? f->weight : answer;
    }
    return answer;
}

const char *wall_answer_text(enum wall_weight weight)
{
    return weight == WALL_HOLE ? "yes" : weight == WALL_UNSURE ? "unsure" : "no";
}

const struct wall_finding *wall_findings(const struct wall *wall, size_t *count)
{
    *count = wall->finding_count;
    return wall->findings;
}

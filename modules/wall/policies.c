/*
 * policies.c - what NetworkPolicies let through: from the assistant's pods, from any pod that it can start in its workspace (with
 * whatever labels it likes), from and to the proxy, and to the assistant, since what answers a stranger sends, too.
 */
#include "wall/state.h"

enum way { INGRESS, EGRESS };

static const char *const way_type[] = {"Ingress", "Egress"};
static const char *const way_rules[] = {"spec.ingress", "spec.egress"};
static const char *const way_peers[] = {"from", "to"};

/* ---- policies ---- */

static bool is_policy(const struct wall_object *o, const char *space)
{
    return strcmp(o->kind, "NetworkPolicy") == 0 && strcmp(o->group, "networking.k8s.io") == 0 &&
           strcmp(o->space, space) == 0;
}

/* Without policyTypes a policy is about Ingress, and about Egress when it has rules for that. */
static bool is_about(const struct wall_object *policy, enum way way)
{
    const struct conf_node *types = wall_at(policy->node, "spec.policyTypes");
    if (types != NULL && types->count != 0) {
        return wall_list_has(types, way_type[way]);
    }
    return way == INGRESS || wall_at(policy->node, "spec.egress") != NULL;
}

static bool takes_pod(const struct wall_object *policy, const struct wall_pod *pod)
{
    const struct conf_node *selector = wall_at(policy->node, "spec.podSelector");
    return selector == NULL || wall_selects(selector, pod->labels);
}

/* ---- peers and ports ---- */

static bool ports_are(const struct conf_node *rule, const char *const *allowed)
{
    const struct conf_node *ports = wall_at(rule, "ports");
    for (const struct conf_node *p = ports != NULL ? ports->first : NULL; p != NULL; p = p->next) {
        const char *port = wall_text_at(p, "port", "");
        bool found = false;
        for (size_t i = 0; allowed[i] != NULL; i++) {
            found = found || strcmp(allowed[i], port) == 0;
        }
        if (!found || wall_at(p, "endPort") != NULL) {
            return false;
        }
    }
    return ports != NULL && ports->count != 0;
}

static bool is_dns(const struct conf_node *rule)
{
    static const char *const ports[] = {"53", "5353", "dns", "dns-tcp", NULL};
    return ports_are(rule, ports);
}

/* Pods of this namespace only. */
static bool is_within(const struct conf_node *peer, const char *space)
{
    const struct conf_node *selector = wall_at(peer, "namespaceSelector");
    return wall_at(peer, "ipBlock") == NULL && (selector == NULL || wall_selects_only(selector, space));
}

/* The DNS servers of the cluster, as Kubernetes and OpenShift have them. */
static bool is_dns_pod(const struct conf_node *peer)
{
    const struct conf_node *spaces = wall_at(peer, "namespaceSelector");
    return (wall_selects_only(spaces, "kube-system") || wall_selects_only(spaces, "openshift-dns")) &&
           !wall_selects_all(wall_at(peer, "podSelector"));
}

/* ---- what a rule lets through ---- */

struct judging {
    struct wall *wall;
    const struct wall_object *policy;
    const struct conf_node *rule;
    const struct conf_node *peer; /* NULL: the rule has none, and means everybody */
    enum way way;
};

static const struct conf_node *place(const struct judging *j)
{
    return j->peer != NULL ? j->peer : j->rule;
}

static void found(const struct judging *j, enum wall_question question, enum wall_weight weight,
                  const char *text)
{
    wall_found(j->wall, question, weight, j->policy, place(j), "%s", text);
}

/* Of the pods of the claw namespace it takes the proxy's, and no other that is there. */
static bool is_the_proxy(const struct judging *j)
{
    const struct conf_node *selector = wall_at(j->peer, "podSelector");
    bool any = false;
    for (size_t i = 0; i < j->wall->pod_count; i++) {
        const struct wall_pod *pod = &j->wall->pods[i];
        if (!pod->workspace && wall_selects(selector, pod->labels)) {
            if (!pod->proxy) {
                return false;
            }
            any = true;
        }
    }
    return any && !wall_selects_all(selector);
}

static void judge_assistant_egress(const struct judging *j)
{
    static const char *const proxy[] = {WALL_PROXY_PORT, WALL_PROXY, NULL};
    if (j->peer == NULL) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets the assistant send anywhere");
    } else if (is_dns(j->rule)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE,
              "lets the assistant ask name servers, and a question carries data out");
    } else if (!is_within(j->peer, j->wall->claw) || !is_the_proxy(j)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets the assistant send to others than the proxy");
    } else if (!ports_are(j->rule, proxy)) {
        wall_found(j->wall, WALL_ELSEWHERE, WALL_HOLE, j->policy, j->rule,
                   "lets the assistant reach ports of the proxy's pod beside " WALL_PROXY_PORT);
    }
}

static void judge_workspace_egress(const struct judging *j)
{
    if (j->peer == NULL) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets pods that the assistant starts send anywhere");
    } else if (is_dns(j->rule) && (is_dns_pod(j->peer) || wall_is_single(j->peer))) {
        if (j->wall->makes_pods || j->wall->runs_inside) {
            found(
                j, WALL_ELSEWHERE, WALL_ASSUMED,
                "the cluster's DNS carries nothing out: pods that the assistant starts may ask it (`workspace: {egress: "
                "sealed}` forbids that)");
        }
    } else if (is_dns(j->rule)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE,
              "lets pods that the assistant starts reach others than the cluster's DNS by its port");
    } else if (!is_within(j->peer, j->wall->dev)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets pods that the assistant starts send out of the workspace");
    }
}

static void judge_proxy_egress(const struct judging *j)
{
    if (j->peer == NULL) {
        found(j, WALL_ELSEWHERE, WALL_HOLE,
              "lets the proxy reach every address, those inside the cluster too");
        return;
    }
    if (wall_at(j->peer, "ipBlock") != NULL) {
        const char *inside = wall_inside_of(j->peer);
        if (inside != NULL) {
            wall_found(j->wall, WALL_ELSEWHERE, WALL_HOLE, j->policy, j->peer,
                       "lets the proxy reach addresses inside the cluster or its cloud: %s", inside);
        }
        return;
    }
    const struct conf_node *spaces = wall_at(j->peer, "namespaceSelector");
    if (spaces != NULL && wall_selects_all(spaces)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets the proxy reach pods of every namespace");
    } else if (wall_at(j->rule, "ports") == NULL) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets the proxy reach every port of these pods");
    }
}

static void judge_proxy_ingress(const struct judging *j)
{
    static const char *const health[] = {WALL_HEALTH_PORT, "health", NULL};
    if (ports_are(j->rule, health)) {
        return;
    }
    if (j->peer == NULL) {
        found(j, WALL_SECRETS, WALL_HOLE,
              "lets everybody use the proxy, and with it the assistant's credentials");
    } else if (!is_within(j->peer, j->wall->claw)) {
        found(j, WALL_SECRETS, WALL_HOLE,
              "lets others than the assistant use the proxy, and with it its credentials");
    }
}

static void judge_pod_ingress(const struct judging *j, const char *space)
{
    const struct conf_node *spaces = wall_at(j->peer, "namespaceSelector");
    if (j->peer == NULL) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets everybody fetch what the assistant offers");
    } else if (wall_at(j->peer, "ipBlock") != NULL) {
        bool all = wall_is_wide(j->peer);
        found(
            j, WALL_ELSEWHERE, all ? WALL_HOLE : WALL_ASSUMED,
            all ? "lets everybody fetch what the assistant offers"
                : "whoever has these addresses carries nothing out: they may fetch what the assistant offers");
    } else if (spaces != NULL && wall_selects_all(spaces)) {
        found(j, WALL_ELSEWHERE, WALL_HOLE, "lets pods of every namespace fetch what the assistant offers");
    } else if (!is_within(j->peer, space)) {
        found(j, WALL_ELSEWHERE, WALL_ASSUMED,
              "pods of these namespaces carry nothing out: they may fetch what the assistant offers");
    }
}

/* What a policy is about: it may take several kinds of pods at the same time. */
static void judge_peer(const struct judging *j, bool proxy, bool assistant, bool workspace)
{
    if (proxy && j->way == EGRESS) {
        judge_proxy_egress(j);
    } else if (proxy) {
        judge_proxy_ingress(j);
    }
    if (assistant && j->way == EGRESS) {
        judge_assistant_egress(j);
    } else if (assistant) {
        judge_pod_ingress(j, j->wall->claw);
    }
    if (workspace && j->way == EGRESS) {
        judge_workspace_egress(j);
    } else if (workspace) {
        judge_pod_ingress(j, j->wall->dev);
    }
}

static void judge_policy(struct wall *wall, const struct wall_object *policy, enum way way)
{
    bool workspace = strcmp(policy->space, wall->dev) == 0; /* where the assistant chooses the labels */
    bool proxy = false;
    bool assistant = false;
    for (size_t i = 0; i < wall->pod_count && !workspace; i++) {
        const struct wall_pod *pod = &wall->pods[i];
        bool taken = !pod->workspace && takes_pod(policy, pod);
        proxy = proxy || (taken && pod->proxy);
        assistant = assistant || (taken && !pod->proxy);
    }
    const struct conf_node *rules = wall_at(policy->node, way_rules[way]);
    for (const struct conf_node *r = rules != NULL ? rules->first : NULL; r != NULL; r = r->next) {
        struct judging j = {.wall = wall, .policy = policy, .rule = r, .way = way};
        const struct conf_node *peers = wall_at(r, way_peers[way]);
        if (peers == NULL || peers->count == 0) {
            judge_peer(&j, proxy, assistant, workspace);
        }
        for (j.peer = peers != NULL ? peers->first : NULL; j.peer != NULL; j.peer = j.peer->next) {
            judge_peer(&j, proxy, assistant, workspace);
        }
    }
}

/* ---- what no policy takes ---- */

/* A policy for every pod of a namespace, without which one that no other takes is free. */
static void judge_default(struct wall *wall, const char *space, enum way way)
{
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *o = &wall->objects[i];
        if (is_policy(o, space) && is_about(o, way) &&
            wall_selects_all(wall_at(o->node, "spec.podSelector"))) {
            return;
        }
    }
    wall_missing(wall, WALL_ELSEWHERE, WALL_HOLE, "NetworkPolicy", space, "default-deny",
                 "there is none that takes every pod of the namespace and denies %s", way_type[way]);
}

static void judge_isolation(struct wall *wall, const struct wall_pod *pod, enum way way)
{
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *o = &wall->objects[i];
        if (is_policy(o, pod->object->space) && is_about(o, way) && takes_pod(o, pod)) {
            return;
        }
    }
    if (!wall->incomplete) {
        wall_found(wall, pod->proxy && way == INGRESS ? WALL_SECRETS : WALL_ELSEWHERE, WALL_HOLE, pod->object,
                   NULL, "no NetworkPolicy about %s takes it", way_type[way]);
    }
}

void wall_judge_policies(struct wall *wall)
{
    const char *spaces[] = {wall->claw, wall->dev};
    for (int way = INGRESS; way <= EGRESS; way++) {
        for (size_t i = 0; i < 2; i++) {
            if (wall_find(wall, "Namespace", "", spaces[i]) !=
                NULL) { /* that it is not there is said already */
                judge_default(wall, spaces[i], (enum way)way);
            }
        }
        for (size_t i = 0; i < wall->pod_count; i++) {
            judge_isolation(wall, &wall->pods[i], (enum way)way);
        }
        for (size_t i = 0; i < wall->object_count; i++) {
            const struct wall_object *o = &wall->objects[i];
            if ((is_policy(o, wall->claw) || is_policy(o, wall->dev)) && is_about(o, (enum way)way)) {
                judge_policy(wall, o, (enum way)way);
            }
        }
    }
}

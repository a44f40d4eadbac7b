/* network.c - whether anything enforces the NetworkPolicies, and what could go past them. */
#include "wall/state.h"

/* Networks that enforce NetworkPolicies, by their DaemonSets. */
static bool enforces(const char *name)
{
    static const char *const names[] = {
        "calico-node",  "cilium", "canal",     "rke2-canal",   "antrea-agent",          "kube-router",
        "ovnkube-node", "anetd",  "azure-npm", "kube-ovn-cni", "kube-network-policies", "weave-net"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Kinds beside NetworkPolicy that can let through what NetworkPolicies deny. */
static bool overrides(const struct wall_object *o)
{
    static const char *const kinds[] = {"AdminNetworkPolicy", "ClusterNetworkPolicy",
                                        "CiliumClusterwideNetworkPolicy", "CiliumNetworkPolicy",
                                        "GlobalNetworkPolicy"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i], o->kind) == 0) {
            return true;
        }
    }
    return strcmp(o->kind, "NetworkPolicy") == 0 && strcmp(o->group, "networking.k8s.io") != 0;
}

void wall_judge_network(struct wall *wall)
{
    static const char how[] =
        "ask who runs the cluster, or start a pod in a namespace with a default-deny policy and see whether it "
        "reaches anything; then: --network-enforces";
    const struct wall_object *flannel = NULL;
    bool known = wall->enforces;
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *o = &wall->objects[i];
        if (overrides(o)) {
            wall_found(wall, WALL_ELSEWHERE, WALL_UNSURE, o, NULL,
                       "may let through what NetworkPolicies deny; what it says is not known here");
        }
        known = known || (strcmp(o->kind, "DaemonSet") == 0 && enforces(o->name));
        flannel =
            strcmp(o->kind, "DaemonSet") == 0 && strncmp(o->name, "kube-flannel", 12) == 0 ? o : flannel;
    }
    if (known) {
        return;
    }
    if (flannel != NULL) {
        wall_found(wall, WALL_ELSEWHERE, WALL_HOLE, flannel, NULL,
                   "is the cluster's network, and enforces no NetworkPolicy by itself");
    } else if (wall->source == WALL_FILES) {
        wall_missing(wall, WALL_ELSEWHERE, WALL_ASSUMED, "", "", "network",
                     "the cluster's network enforces NetworkPolicies, which files cannot show");
    } else {
        wall_missing(wall, WALL_ELSEWHERE, WALL_UNSURE, "", "", "network",
                     "no DaemonSet of a network that is known to enforce NetworkPolicies is there: %s", how);
    }
}

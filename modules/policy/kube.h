/*
 * kube.h - what a request asks of a Kubernetes API server, read from its method, path and query, and whether rules allow it.
 *
 * Paths alone cannot say it: "watch" is a parameter, a namespace is in the middle of a path, and a wildcard over names would
 * let "secrets" through. The rules use the words of RBAC, and the path is read as the server's own RequestInfo reads it;
 * what that would read in a way that is not sure (escapes, empty segments, the old "watch/" and "proxy/" prefixes) is refused.
 */
#ifndef CB_POLICY_KUBE_H
#define CB_POLICY_KUBE_H

#include "policy/spec.h"
#include "policy/verdict.h"

/*
 * What "*" does not stand for: it gives away a credential, or a way to get one, or a way around the rules. A rule has to
 * name it: "secrets", "pods/exec", "roles.rbac.authorization.k8s.io", or "*.rbac.authorization.k8s.io".
 * An entry without a subresource is for all of them.
 */
#define POLICY_KUBE_GUARDED(G)             \
    G("secrets")                           \
    G("serviceaccounts/token")             \
    G("pods/exec")                         \
    G("pods/attach")                       \
    G("pods/portforward")                  \
    G("pods/proxy")                        \
    G("pods/ephemeralcontainers")          \
    G("services/proxy")                    \
    G("nodes/proxy")                       \
    G("resourcequotas")                    \
    G("limitranges")                       \
    G("networkpolicies.networking.k8s.io") \
    G("namespaces")                        \
    G("*.rbac.authorization.k8s.io")       \
    G("*.certificates.k8s.io")             \
    G("*.admissionregistration.k8s.io")    \
    G("*.apiregistration.k8s.io")          \
    G("*.authentication.k8s.io")

/* Spans of the path that was read, or of constants. */
struct policy_kube_request {
    bool discovery; /* which APIs and versions there are, and whether the server is well: no resource */
    struct span verb;
    struct span group; /* empty: the core group */
    struct span space; /* namespace; empty: the resource has none, or all of them are meant */
    struct span resource;
    struct span subresource; /* empty: none */
};

/* Reads a request with a canonical path (path.h). CB_EMALFORMED when it is none that is understood. */
CB_MUST_USE int policy_kube_read(struct span method, struct span path, struct span query,
                                 struct policy_kube_request *out);
/* POLICY_REASON_ROUTE when the route has no rules or one of them allows the request, or it is discovery by GET or HEAD;
 * else POLICY_REASON_KUBERNETES_RULE. */
enum policy_reason policy_kube_judge(const struct spec_route *route, struct span method, struct span path,
                                     struct span query);

/* The words of a rule, for conf and for what comes from a database. */
bool policy_kube_verb_is_valid(struct span verb);
/* "*", "RESOURCE", "RESOURCE.GROUP", "*.GROUP", or one of the middle two with "/SUBRESOURCE" behind. */
bool policy_kube_resource_is_valid(struct span resource);
bool policy_kube_namespace_is_valid(struct span name);

#endif

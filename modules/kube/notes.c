/* notes.c - what people have to know: what the files cannot do by themselves, and what they leave open. */
#include "kube/internal.h"

#include <stdlib.h>
#include <string.h>

/* `kubectl apply` keeps a copy of the object in an annotation, and all annotations together have at most 256 KiB. */
#define CLIENT_APPLY_MAX ((size_t)200 * 1024)

static int note(struct kube_work *w, const char *text)
{
    struct kube_manifests *m = w->out;
    char **grown = reallocarray(m->notes, m->note_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return CB_ENOMEM;
    }
    m->notes = grown;
    grown[m->note_count] = strdup(text);
    return grown[m->note_count] != NULL ? (m->note_count++, 0) : CB_ENOMEM;
}

static bool uses_preset(const struct kube_work *w, const char *preset)
{
    for (size_t i = 0; i < w->spec->route_count; i++) {
        const struct spec_route *route = &w->spec->routes[i];
        if (route->action == SPEC_ACTION_ALLOW && route->provider != NULL &&
            strcmp(route->provider, preset) == 0) {
            return true;
        }
    }
    return false;
}

/* What OpenClaw's image does not have in it. */
static bool uses_plugin(const struct kube_work *w)
{
    static const char *const plugins[] = {"slack",   "discord", "brave",    "tavily",
                                          "mistral", "groq",    "deepseek", "fireworks"};
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
        if (uses_preset(w, plugins[i])) {
            return true;
        }
    }
    return false;
}

static bool has_own_address(const struct kube_work *w)
{
    for (size_t i = 0; i < w->spec->route_count; i++) {
        const struct spec_route *route = &w->spec->routes[i];
        if (route->upstream_address != NULL || route->token.address != NULL) {
            return true;
        }
    }
    return false;
}

int kube_notes(struct kube_work *w)
{
    const struct conf_kubernetes *s = w->settings;
    const struct {
        bool holds;
        const char *text;
    } notes[] = {
        {true,
         "The network policies are worth what enforces them: the cluster needs a network plugin that does "
         "(Calico, Cilium, OVN-Kubernetes, ...)."},
        {s->image == NULL,
         "No image is set: load clawbox's own into the cluster under the name in the Deployments, or set "
         "spec.kubernetes.image to one in a registry, best with its digest."},
        {w->workspace == NULL, "The assistant has no rights in its workspace: the tenant has no route to it "
                               "(spec.kubernetes)."},
        {w->workspace != NULL && s->api_server.count == 0,
         "The proxy may not reach the API server yet, because its address is not known here: set "
         "spec.kubernetes.apiServer to what `kubectl get endpointslices --namespace default --selector "
         "kubernetes.io/service-name=kubernetes` shows, as ADDRESS/32:PORT."},
        {w->workspace != NULL && s->egress == CONF_KUBE_EGRESS_CLOSED,
         "Pods of the workspace may ask the cluster's DNS, which asks the world's: slow, but a way out for who controls a "
         "domain. spec.kubernetes.workspace.egress: sealed closes it."},
        {w->workspace != NULL && s->egress == CONF_KUBE_EGRESS_OPEN,
         "Pods of the workspace reach the internet: what the assistant can read, it can send there."},
        {w->workspace != NULL && s->registries.count == 0,
         "Nodes pull the images that pods of the workspace name, from any registry, and a name can carry something out: "
         "set spec.kubernetes.workspace.registries."},
        {w->workspace != NULL,
         "Pods in the workspace's namespace mount no Secret, whoever made them: run what needs one in "
         "another namespace."},
        {w->workspace != NULL,
         "OpenClaw's image has no kubectl: with a gateway image that has it, it finds its "
         "configuration in $KUBECONFIG."},
        {w->tenant->suspended, "The tenant is suspended: its Deployments have no pods."},
        {s->ingress_from.count == 0, "Nobody reaches the gateway's page but by `kubectl port-forward`: set "
                                     "spec.kubernetes.ingressFrom and origins for an ingress."},
        {s->ingress_from.count != 0 && s->origins.count == 0,
         "The gateway answers pages of http://localhost:18789 only: set spec.kubernetes.origins to the address under "
         "which people open it."},
        {s->flavor == CONF_KUBE_OPENSHIFT,
         "On OpenShift the namespace's range gives the user ids: the service accounts need no more than restricted-v2."},
        {s->secrets == CONF_KUBE_SECRETS_EXTERNAL,
         "The ExternalSecrets read NAMESPACE/SECRET with the properties of the listed keys from the store; hosts is the "
         "list of where a credential may go, and belongs to whoever has the credential."},
        {has_own_address(w),
         "A route with an address of its own has a rule for exactly this address; when it is that of a "
         "Service, most network plugins want the addresses of its pods instead."},
        {uses_plugin(w),
         "Slack, Discord, Brave, Tavily and some providers of models are plugins of OpenClaw: the gateway's image has to have "
         "them (spec.kubernetes.gatewayImage), because its configuration is read-only."},
        {kube_openclaw_model(w) == NULL,
         "No model is known for the gateway to start with: set spec.kubernetes.model, as PROVIDER/MODEL."},
        {buf_len(&w->document) > CLIENT_APPLY_MAX,
         "The tenant's file is larger than what kubectl keeps in an annotation: apply with --server-side."},
        {true,
         "A new proxy token, or a new address of the Service proxy, reaches the gateway when it restarts: kubectl "
         "rollout restart deployment/gateway. Everything else is followed without a restart."},
        {true,
         "The volumes stay when these files are removed; they go with the namespace. What is kept after that, the "
         "StorageClass's reclaimPolicy says."},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(notes) / sizeof(notes[0]); i++) {
        r = notes[i].holds ? note(w, notes[i].text) : 0;
    }
    return r;
}

/*
 * pods.c - what stands in the pods themselves: Secrets, tokens, the node. The assistant's own pods are those of NAME-claw but the
 * proxy's; pods of the workspace count when the assistant may run commands in them.
 */
#include "wall/state.h"

#include <stdlib.h>

/* The assistant is given these two: what makes it the proxy's client, and what its own page asks for. */
static bool may_have(const char *secret)
{
    return strcmp(secret, WALL_PROXY_TOKEN) == 0 || strcmp(secret, WALL_GATEWAY_TOKEN) == 0;
}

struct looking {
    struct wall *wall;
    const struct wall_pod *pod;
};

static void hole(const struct looking *l, const struct conf_node *node, const char *what, const char *name)
{
    wall_found(l->wall, WALL_SECRETS, WALL_HOLE, l->pod->object, node, "%s%s%.120s", what,
               name[0] != '\0' ? ": " : "", name);
}

static void look_at_secret(const struct looking *l, const struct conf_node *node, const char *name,
                           const char *what)
{
    if (node != NULL && (l->pod->workspace || !may_have(name))) {
        hole(l, node, what, name);
    }
}

/* ---- volumes ---- */

/* True when a pod that is not the assistant's has this claim, too. */
static bool is_the_proxys(const struct looking *l, const char *claim)
{
    for (size_t i = 0; i < l->wall->pod_count; i++) {
        const struct conf_node *volumes = wall_at(l->wall->pods[i].spec, "volumes");
        for (const struct conf_node *v = l->wall->pods[i].proxy && volumes != NULL ? volumes->first : NULL;
             v != NULL; v = v->next) {
            if (wall_is_text(wall_at(v, "persistentVolumeClaim.claimName"), claim)) {
                return true;
            }
        }
    }
    return false;
}

static void look_at_projected(const struct looking *l, const struct conf_node *sources)
{
    for (const struct conf_node *s = sources != NULL ? sources->first : NULL; s != NULL; s = s->next) {
        look_at_secret(l, wall_at(s, "secret"), wall_text_at(s, "secret.name", ""), "mounts a Secret");
        if (wall_at(s, "serviceAccountToken") != NULL) {
            hole(l, wall_at(s, "serviceAccountToken"), "mounts a token of its ServiceAccount",
                 wall_account_of(l->pod));
        }
    }
}

static void look_at_volume(const struct looking *l, const struct conf_node *v)
{
    look_at_secret(l, wall_at(v, "secret"), wall_text_at(v, "secret.secretName", ""), "mounts a Secret");
    look_at_projected(l, wall_at(v, "projected.sources"));
    if (wall_at(v, "hostPath") != NULL) {
        hole(l, wall_at(v, "hostPath"), "mounts files of the node", wall_text_at(v, "hostPath.path", ""));
    }
    const struct conf_node *csi = wall_at(v, "csi");
    if (csi != NULL) {
        const char *driver = wall_text_at(csi, "driver", "");
        bool secrets = strstr(driver, "secret") != NULL;
        wall_found(l->wall, WALL_SECRETS, secrets ? WALL_HOLE : WALL_UNSURE, l->pod->object, csi,
                   secrets ? "mounts secrets by the driver %.120s"
                           : "mounts what the driver %.120s gives, which is not known here",
                   driver);
    }
    const char *claim = wall_text_at(v, "persistentVolumeClaim.claimName", "");
    if (!l->pod->workspace && claim[0] != '\0' && is_the_proxys(l, claim)) {
        hole(l, wall_at(v, "persistentVolumeClaim"), "has the proxy's own volume", claim);
    }
}

/* ---- containers ---- */

static void look_at_environment(const struct looking *l, const struct conf_node *container)
{
    const struct conf_node *env = wall_at(container, "env");
    const struct conf_node *from = wall_at(container, "envFrom");
    for (const struct conf_node *e = env != NULL ? env->first : NULL; e != NULL; e = e->next) {
        look_at_secret(l, wall_at(e, "valueFrom.secretKeyRef"),
                       wall_text_at(e, "valueFrom.secretKeyRef.name", ""), "has a Secret in its environment");
    }
    for (const struct conf_node *e = from != NULL ? from->first : NULL; e != NULL; e = e->next) {
        look_at_secret(l, wall_at(e, "secretRef"), wall_text_at(e, "secretRef.name", ""),
                       "has a Secret in its environment");
    }
}

static void look_at_rights(const struct looking *l, const struct conf_node *container)
{
    const struct conf_node *context = wall_at(container, "securityContext");
    const struct conf_node *added = wall_at(context, "capabilities.add");
    const char *name = wall_text_at(container, "name", "");
    if (wall_is_true(wall_at(context, "privileged"))) {
        hole(l, wall_at(context, "privileged"), "is privileged, so it can read all of the node", name);
    }
    for (const struct conf_node *c = added != NULL ? added->first : NULL; c != NULL; c = c->next) {
        if (!wall_is_text(c, "NET_BIND_SERVICE")) {
            hole(l, c, "has a capability", c->text != NULL ? c->text : "");
        }
    }
    const struct conf_node *non_root = wall_at(context, "runAsNonRoot");
    const struct conf_node *user = wall_at(context, "runAsUser");
    non_root = non_root != NULL ? non_root : wall_at(l->pod->spec, "securityContext.runAsNonRoot");
    user = user != NULL ? user : wall_at(l->pod->spec, "securityContext.runAsUser");
    if (!l->pod->workspace && (!wall_is_true(non_root) || wall_is_text(user, "0"))) {
        const struct conf_node *at = wall_is_text(user, "0") ? user : non_root != NULL ? non_root : container;
        hole(
            l, at,
            "may run as root (runAsNonRoot is not true), and what leaves the container then is root on the node",
            name);
    }
}

static void look_at_containers(const struct looking *l, const char *list)
{
    const struct conf_node *containers = wall_at(l->pod->spec, list);
    for (const struct conf_node *c = containers != NULL ? containers->first : NULL; c != NULL; c = c->next) {
        look_at_environment(l, c);
        look_at_rights(l, c);
    }
}

/* ---- the pod ---- */

static void look_at_identity(const struct looking *l)
{
    const struct wall *wall = l->wall;
    const char *account = wall_account_of(l->pod);
    const struct conf_node *node = wall_at(l->pod->spec, "serviceAccountName");
    for (size_t i = 0; !l->pod->workspace && i < wall->pod_count; i++) {
        if (wall->pods[i].proxy && strcmp(wall_account_of(&wall->pods[i]), account) == 0) {
            hole(l, node, "runs as the proxy's ServiceAccount", account);
            break;
        }
    }
    if (!l->pod->workspace && wall_has_token(wall, l->pod)) {
        const struct conf_node *says = wall_at(l->pod->spec, "automountServiceAccountToken");
        hole(l, says != NULL ? says : l->pod->spec,
             "gets a token (automountServiceAccountToken is not false) of its ServiceAccount", account);
    }
}

static void look_at_node(const struct looking *l)
{
    const struct conf_node *spec = l->pod->spec;
    if (wall_is_true(wall_at(spec, "hostPID"))) {
        hole(l, wall_at(spec, "hostPID"), "sees the processes of the node", "");
    }
    if (wall_is_true(wall_at(spec, "hostIPC"))) {
        hole(l, wall_at(spec, "hostIPC"), "shares memory with the node", "");
    }
    if (wall_is_true(wall_at(spec, "hostNetwork"))) {
        wall_found(l->wall, WALL_ELSEWHERE, WALL_HOLE, l->pod->object, wall_at(spec, "hostNetwork"),
                   "has the node's network, where no NetworkPolicy holds");
    }
}

static void look_at_pod(struct wall *wall, const struct wall_pod *pod)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    const struct looking l = {.wall = wall, .pod = pod};
    const struct conf_node *volumes = wall_at(pod->spec, "volumes");
    for (const struct conf_node *v = volumes != NULL ? volumes->first : NULL; v != NULL; v = v->next) {
        look_at_volume(&l, v);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        look_at_containers(&l, lists[i]);
    }
    look_at_identity(&l);
    look_at_node(&l);
}

/* A second container beside the proxy has its volumes within reach; what it is, the objects do not say. */
static void look_at_proxy(struct wall *wall, const struct wall_pod *pod)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct conf_node *containers = wall_at(pod->spec, lists[i]);
        for (const struct conf_node *c = containers != NULL ? containers->first : NULL; c != NULL;
             c = c->next) {
            if (strcmp(wall_text_at(c, "name", ""), WALL_PROXY) != 0) {
                wall_found(wall, WALL_SECRETS, WALL_UNSURE, pod->object, c,
                           "runs in the proxy's pod, and what it is is not known here: container %.120s",
                           wall_text_at(c, "name", ""));
            }
        }
    }
}

void wall_judge_pods(struct wall *wall)
{
    for (size_t i = 0; i < wall->pod_count; i++) {
        const struct wall_pod *pod = &wall->pods[i];
        if (pod->proxy) {
            look_at_proxy(wall, pod);
        } else if (!pod->workspace || wall->runs_inside) {
            look_at_pod(wall, pod);
        }
    }
}

/*
 * rights.c - what a rule of RBAC means in the hands of the assistant, as one table.
 *
 * A right that is in no row is harmless when it only reads, and when it writes things of the workspace that are known to be; any
 * other right to write is "unsure": somebody has made it up whom this table does not know.
 */
#include "wall/state.h"

#define ANYWHERE \
    (1U << WALL_SCOPE_DEV | 1U << WALL_SCOPE_CLAW | 1U << WALL_SCOPE_OTHER | 1U << WALL_SCOPE_CLUSTER)
#define OUTSIDE (1U << WALL_SCOPE_CLAW | 1U << WALL_SCOPE_OTHER | 1U << WALL_SCOPE_CLUSTER)
#define DEV     (1U << WALL_SCOPE_DEV)

#define WRITES "create update patch delete deletecollection"
#define MAKES  "create update patch"

/* What a row does besides being told: the workspace's wall has to hold it. */
enum effect { TOLD, MAKES_PODS, RUNS_INSIDE };

struct row {
    const char *group; /* "*": whatever group */
    const char *resources;
    const char *verbs;
    unsigned scopes;
    enum effect effect;
    int question; /* WALL_QUESTION__COUNT: both */
    const char *what;
};

static const struct row rows[] = {
    {"", "secrets", "get list watch", ANYWHERE, TOLD, WALL_SECRETS, "read Secrets"},
    {"", "secrets", "update patch delete deletecollection", ANYWHERE, TOLD, WALL_SECRETS,
     "change Secrets, and the answer shows what was in them"},
    {"", "serviceaccounts/token", "create", ANYWHERE, TOLD, WALL_SECRETS, "mint tokens of ServiceAccounts"},
    {"", "pods/exec pods/attach", "create get", OUTSIDE, TOLD, WALL_SECRETS,
     "run commands in pods, such as the proxy's"},
    {"", "pods/ephemeralcontainers", "update patch", OUTSIDE, TOLD, WALL_SECRETS,
     "add containers to pods, such as the proxy's"},
    {"", "pods/portforward pods/proxy", "create get update patch delete", OUTSIDE, TOLD, WALL_ELSEWHERE,
     "reach pods through the API server"},
    {"", "pods/exec pods/attach", "create get", DEV, RUNS_INSIDE, WALL_SECRETS,
     "run commands in the workspace's pods"},
    {"", "pods/ephemeralcontainers", "update patch", DEV, RUNS_INSIDE, WALL_SECRETS,
     "add containers to the workspace's pods"},
    {"", "nodes/proxy nodes/exec nodes/run nodes/attach", "*", ANYWHERE, TOLD, WALL_SECRETS,
     "speak with the kubelet, which runs commands in every pod of a node"},
    {"", "services/proxy", "*", ANYWHERE, TOLD, WALL_ELSEWHERE,
     "have the API server send requests to a Service's addresses"},
    {"rbac.authorization.k8s.io", "roles clusterroles", MAKES, ANYWHERE, TOLD, WALL_SECRETS, "write roles"},
    {"rbac.authorization.k8s.io", "rolebindings clusterrolebindings", MAKES, ANYWHERE, TOLD, WALL_SECRETS,
     "bind roles to itself"},
    {"rbac.authorization.k8s.io", "roles clusterroles", "bind escalate", ANYWHERE, TOLD, WALL_SECRETS,
     "give rights that it does not have (bind, escalate)"},
    {"", "users groups serviceaccounts", "impersonate", ANYWHERE, TOLD, WALL_SECRETS, "impersonate others"},
    {"authentication.k8s.io", "uids", "impersonate", ANYWHERE, TOLD, WALL_SECRETS, "impersonate others"},
    {"certificates.k8s.io", "certificatesigningrequests/approval certificatesigningrequests/status",
     "update patch", ANYWHERE, TOLD, WALL_SECRETS, "have certificates issued for other identities"},
    {"certificates.k8s.io", "signers", "approve sign", ANYWHERE, TOLD, WALL_SECRETS,
     "have certificates issued for other identities"},
    {"admissionregistration.k8s.io",
     "validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations "
     "mutatingwebhookconfigurations mutatingadmissionpolicies mutatingadmissionpolicybindings",
     WRITES, ANYWHERE, TOLD, WALL_SECRETS, "change what admission refuses, or have every object shown to it"},
    {"", "namespaces", "update patch delete", ANYWHERE, TOLD, WALL_SECRETS,
     "change a namespace, and so take Pod Security's labels off"},
    {"", "namespaces", "create", ANYWHERE, TOLD, WALL_ELSEWHERE, "make namespaces, in which no wall stands"},
    {"", "persistentvolumes", MAKES, ANYWHERE, TOLD, WALL_SECRETS,
     "make volumes of a node's files, or of another server's"},
    {"security.openshift.io", "securitycontextconstraints", "use create update patch", ANYWHERE, TOLD,
     WALL_SECRETS, "start privileged pods"},
    {"apiregistration.k8s.io", "apiservices", WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE,
     "have the API server send requests to another server"},
    {"networking.k8s.io", "networkpolicies", WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE,
     "change NetworkPolicies"},
    {"extensions", "networkpolicies", WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE, "change NetworkPolicies"},
    {"policy.networking.k8s.io", "adminnetworkpolicies baselineadminnetworkpolicies clusternetworkpolicies",
     WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE, "change the cluster's NetworkPolicies"},
    {"cilium.io", "ciliumnetworkpolicies ciliumclusterwidenetworkpolicies ciliumegressgatewaypolicies",
     WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE, "change NetworkPolicies of Cilium"},
    {"crd.projectcalico.org", "networkpolicies globalnetworkpolicies", WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE,
     "change NetworkPolicies of Calico"},
    {"projectcalico.org", "networkpolicies globalnetworkpolicies", WRITES, ANYWHERE, TOLD, WALL_ELSEWHERE,
     "change NetworkPolicies of Calico"},
    {"k8s.ovn.org", "egressfirewalls egressips adminpolicybasedexternalroutes", WRITES, ANYWHERE, TOLD,
     WALL_ELSEWHERE, "change the cluster's egress"},
    {"", "configmaps", WRITES, 1U << WALL_SCOPE_CLAW | 1U << WALL_SCOPE_CLUSTER, TOLD, WALL_ELSEWHERE,
     "change the proxy's routes"},
    {"", "pods replicationcontrollers podtemplates", MAKES, OUTSIDE, TOLD, WALL_QUESTION__COUNT,
     "start pods outside of its workspace"},
    {"apps", "deployments statefulsets daemonsets replicasets", MAKES, OUTSIDE, TOLD, WALL_QUESTION__COUNT,
     "start pods outside of its workspace"},
    {"batch", "jobs cronjobs", MAKES, OUTSIDE, TOLD, WALL_QUESTION__COUNT,
     "start pods outside of its workspace"},
    {"", "pods replicationcontrollers podtemplates", MAKES, DEV, MAKES_PODS, WALL_SECRETS,
     "start pods in the workspace"},
    {"apps", "deployments statefulsets daemonsets replicasets", MAKES, DEV, MAKES_PODS, WALL_SECRETS,
     "start pods in the workspace"},
    {"batch", "jobs cronjobs", MAKES, DEV, MAKES_PODS, WALL_SECRETS, "start pods in the workspace"},
};

/* What the assistant may write, in its workspace or anywhere, without any harm that the other walls would not stop. */
static const struct {
    const char *group;
    const char *resources;
    bool anywhere;
} harmless[] = {
    {"",
     "bindings configmaps endpoints limitranges persistentvolumeclaims persistentvolumeclaims/* pods/* replicationcontrollers/* "
     "secrets serviceaccounts services services/status",
     false},
    {"", "events pods/eviction", true},
    {"apps", "controllerrevisions deployments/* statefulsets/* daemonsets/* replicasets/*", false},
    {"batch", "jobs/* cronjobs/*", false},
    {"autoscaling", "*", true},
    {"policy", "poddisruptionbudgets poddisruptionbudgets/status", true},
    {"coordination.k8s.io", "leases", true},
    {"events.k8s.io", "events", true},
    {"discovery.k8s.io", "endpointslices", false},
};
/* And anywhere: questions about oneself, and what OpenShift lets everybody do. */
static const char everybodys[] =
    "selfsubjectaccessreviews selfsubjectrulesreviews selfsubjectreviews subjectaccessreviews "
    "localsubjectaccessreviews tokenreviews userextras/scopes.authorization.openshift.io "
    "buildconfigs/webhooks";

/* The next of the words that a blank parts. */
static bool next_word(const char **rest, char out[96])
{
    *rest += strspn(*rest, " ");
    size_t len = strcspn(*rest, " ");
    if (len == 0 || len >= 96) {
        return false;
    }
    memcpy(out, *rest, len);
    out[len] = '\0';
    *rest += len;
    return true;
}

/* As the API server's authorizer: everything, or all subresources of this name ("*" before the slash); "pods/" and a star is here only
 * in our own lists. */
static bool resource_covers(const char *rule, const char *resource)
{
    const char *slash = strchr(resource, '/');
    if (strcmp(rule, "*") == 0 || strcmp(rule, resource) == 0) {
        return true;
    }
    return slash != NULL && strncmp(rule, "*/", 2) == 0 && strcmp(rule + 1, slash) == 0;
}

static bool list_covers(const struct conf_node *list, const char *word, bool resource)
{
    for (const struct conf_node *item = list != NULL ? list->first : NULL; item != NULL; item = item->next) {
        if (item->text != NULL &&
            (resource ? resource_covers(item->text, word)
                      : strcmp(item->text, "*") == 0 || strcmp(item->text, word) == 0)) {
            return true;
        }
    }
    return false;
}

static bool any_covered(const struct conf_node *list, const char *words, bool resource)
{
    char word[96];
    while (next_word(&words, word)) {
        if (strcmp(word, "*") == 0 ? list != NULL && list->count != 0 : list_covers(list, word, resource)) {
            return true;
        }
    }
    return false;
}

static bool row_applies(const struct row *row, const struct conf_node *rule, enum wall_scope scope)
{
    return (row->scopes & 1U << scope) != 0 && list_covers(wall_at(rule, "apiGroups"), row->group, false) &&
           any_covered(wall_at(rule, "resources"), row->resources, true) &&
           any_covered(wall_at(rule, "verbs"), row->verbs, false);
}

/* ---- what no row knows ---- */

static bool is_read(const char *verb)
{
    return strcmp(verb, "get") == 0 || strcmp(verb, "list") == 0 || strcmp(verb, "watch") == 0;
}

static bool word_in(const char *words, const char *wanted)
{
    char word[96];
    while (next_word(&words, word)) {
        size_t len = strlen(word);
        bool below = len > 2 && strcmp(word + len - 2, "/*") == 0 && strncmp(word, wanted, len - 1) == 0;
        if (strcmp(word, "*") == 0 || strcmp(word, wanted) == 0 || below) {
            return true;
        }
    }
    return false;
}

/* True when a row names the resource, whatever the verb: then it is judged, and what is left of it is harmless. */
static bool is_judged(const char *group, const char *resource)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].group, group) == 0 && word_in(rows[i].resources, resource)) {
            return true;
        }
    }
    return false;
}

static bool is_harmless(const char *group, const char *resource, enum wall_scope scope)
{
    if (word_in(everybodys, resource)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if ((scope == WALL_SCOPE_DEV || harmless[i].anywhere) && strcmp(harmless[i].group, group) == 0 &&
            word_in(harmless[i].resources, resource)) {
            return true;
        }
    }
    return scope == WALL_SCOPE_DEV && is_judged(group, resource);
}

/* The last verb that is no reading; NULL: it only reads. */
static const char *write_of(const struct conf_node *rule)
{
    const struct conf_node *verbs = wall_at(rule, "verbs");
    const char *verb = NULL;
    for (const struct conf_node *v = verbs != NULL ? verbs->first : NULL; v != NULL; v = v->next) {
        verb = v->text != NULL && !is_read(v->text) ? v->text : verb;
    }
    return verb;
}

static void weigh_rest(const struct conf_node *rule, enum wall_scope scope, wall_say_fn *say, void *arg)
{
    const struct conf_node *groups = wall_at(rule, "apiGroups");
    const struct conf_node *resources = wall_at(rule, "resources");
    const char *verb = write_of(rule);
    for (const struct conf_node *g = groups != NULL && verb != NULL ? groups->first : NULL; g != NULL;
         g = g->next) {
        for (const struct conf_node *r = resources != NULL ? resources->first : NULL; r != NULL;
             r = r->next) {
            char what[200];
            if (g->text == NULL || r->text == NULL || is_harmless(g->text, r->text, scope)) {
                continue;
            }
            (void)snprintf(what, sizeof(what),
                           "%s %.60s%s%.60s, and what follows from that is not known here", verb, r->text,
                           g->text[0] != '\0' ? " of " : "", g->text);
            say(arg, WALL_SECRETS, WALL_UNSURE, what);
            say(arg, WALL_ELSEWHERE, WALL_UNSURE, what);
        }
    }
}

/* ---- the rule ---- */

void wall_weigh_rule(struct wall *wall, const struct conf_node *rule, enum wall_scope scope, wall_say_fn *say,
                     void *arg)
{
    bool any = false;
    wall->writes = wall->writes || (scope == WALL_SCOPE_DEV && write_of(rule) != NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (!row_applies(row, rule, scope)) {
            continue;
        }
        any = true;
        wall->makes_pods = wall->makes_pods || row->effect == MAKES_PODS;
        wall->runs_inside = wall->runs_inside || row->effect == RUNS_INSIDE;
        for (int q = 0; row->effect == TOLD && q < WALL_QUESTION__COUNT; q++) {
            if (row->question == q || row->question == WALL_QUESTION__COUNT) {
                say(arg, (enum wall_question)q, WALL_HOLE, row->what);
            }
        }
    }
    if (!any) {
        weigh_rest(rule, scope, say, arg);
    }
}

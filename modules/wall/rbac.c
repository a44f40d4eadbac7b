/*
 * rbac.c - which rights reach the assistant: every binding that names the proxy's ServiceAccount, one of its own pods', the
 * workspace's default one, or a group that they are in.
 */
#include "wall/state.h"

#include <stdlib.h>

/* An account whose rights the assistant has. */
struct account {
    const char *space;
    const char *name;
};

struct accounts {
    struct account *items;
    size_t count;
};

/* Roles that every cluster has, for files, in which they are not. */
enum known { KNOWN_NOT, KNOWN_HARMLESS, KNOWN_EDIT, KNOWN_ALL };

static enum known known_role(const char *name)
{
    static const struct {
        const char *name;
        enum known known;
    } roles[] = {{"cluster-admin", KNOWN_ALL},
                 {"admin", KNOWN_EDIT},
                 {"edit", KNOWN_EDIT},
                 {"view", KNOWN_HARMLESS},
                 {"system:basic-user", KNOWN_HARMLESS},
                 {"system:discovery", KNOWN_HARMLESS},
                 {"system:public-info-viewer", KNOWN_HARMLESS},
                 {"system:service-account-issuer-discovery", KNOWN_HARMLESS}};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return roles[i].known;
        }
    }
    return KNOWN_NOT;
}

/* ---- who ---- */

static void add_account(struct accounts *accounts, const char *space, const char *name)
{
    for (size_t i = 0; i < accounts->count; i++) {
        if (strcmp(accounts->items[i].space, space) == 0 && strcmp(accounts->items[i].name, name) == 0) {
            return;
        }
    }
    accounts->items[accounts->count++] = (struct account){space, name};
}

/* There are at most three more than pods. */
static void collect(const struct wall *wall, bool inside, struct accounts *accounts)
{
    add_account(accounts, wall->claw, WALL_PROXY);
    add_account(accounts, wall->dev, "default");
    for (size_t i = 0; i < wall->pod_count; i++) {
        const struct wall_pod *pod = &wall->pods[i];
        if (!pod->workspace || (inside && wall_has_token(wall, pod))) {
            add_account(accounts, pod->object->space, wall_account_of(pod));
        }
    }
}

static bool group_has(const char *group, const struct account *a)
{
    static const char all[] = "system:serviceaccounts";
    return strcmp(group, "system:authenticated") == 0 || strcmp(group, "system:unauthenticated") == 0 ||
           strcmp(group, all) == 0 ||
           (strncmp(group, all, sizeof(all) - 1) == 0 && group[sizeof(all) - 1] == ':' &&
            strcmp(group + sizeof(all), a->space) == 0);
}

static bool user_is(const char *user, const struct account *a)
{
    char name[400];
    (void)snprintf(name, sizeof(name), "system:serviceaccount:%.120s:%.250s", a->space, a->name);
    return strcmp(user, name) == 0 || strcmp(user, "system:anonymous") == 0;
}

static bool subject_is(const struct wall_object *binding, const struct conf_node *subject,
                       const struct account *a)
{
    const char *kind = wall_text_at(subject, "kind", "");
    const char *name = wall_text_at(subject, "name", "");
    if (strcmp(kind, "Group") == 0) {
        return group_has(name, a);
    }
    if (strcmp(kind, "User") == 0) {
        return user_is(name, a);
    }
    return strcmp(kind, "ServiceAccount") == 0 && strcmp(name, a->name) == 0 &&
           strcmp(wall_text_at(subject, "namespace", binding->space), a->space) == 0;
}

/* ---- what ---- */

struct telling {
    struct wall *wall;
    const struct wall_object *binding;
    const struct conf_node *subject;
    const struct wall_object *role;
    const struct conf_node *rule;
};

static const char *where_of(const struct telling *t, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s", t->binding->space[0] != '\0' ? " in " : " in the whole cluster",
                   t->binding->space);
    return out;
}

/* A Role is the tenant's own, and its rule is to be mended; a ClusterRole is not, and the binding is. */
static void tell(void *arg, enum wall_question question, enum wall_weight weight, const char *what)
{
    const struct telling *t = arg;
    char where[120];
    const char *kind = wall_text_at(t->subject, "kind", "");
    const char *name = wall_text_at(t->subject, "name", "");
    (void)where_of(t, where, sizeof(where));
    if (t->role != NULL && strcmp(t->role->kind, "Role") == 0) {
        wall_found(t->wall, question, weight, t->role, t->rule, "lets %s %.120s %s%s (by RoleBinding %.120s)",
                   kind, name, what, where, t->binding->name);
    } else {
        wall_found(t->wall, question, weight, t->binding, wall_at(t->binding->node, "roleRef"),
                   "lets %s %.120s %s%s (by ClusterRole %.120s)", kind, name, what, where,
                   wall_text_at(t->binding->node, "roleRef.name", ""));
    }
}

static enum wall_scope scope_of(const struct wall *wall, const struct wall_object *binding)
{
    if (strcmp(binding->kind, "ClusterRoleBinding") == 0) {
        return WALL_SCOPE_CLUSTER;
    }
    return strcmp(binding->space, wall->dev) == 0    ? WALL_SCOPE_DEV
           : strcmp(binding->space, wall->claw) == 0 ? WALL_SCOPE_CLAW
                                                     : WALL_SCOPE_OTHER;
}

static void weigh_rules(struct telling *t, const struct conf_node *rules)
{
    for (t->rule = rules != NULL ? rules->first : NULL; t->rule != NULL; t->rule = t->rule->next) {
        wall_weigh_rule(t->wall, t->rule, scope_of(t->wall, t->binding), tell, t);
    }
}

/* A role that is put together of others has their rules; a cluster has written them into it, a file has not. */
static void weigh_role(struct telling *t)
{
    const struct conf_node *selectors = wall_at(t->role->node, "aggregationRule.clusterRoleSelectors");
    weigh_rules(t, wall_at(t->role->node, "rules"));
    for (const struct conf_node *s = selectors != NULL ? selectors->first : NULL; s != NULL; s = s->next) {
        for (size_t i = 0; i < t->wall->object_count; i++) {
            const struct wall_object *o = &t->wall->objects[i];
            if (strcmp(o->kind, "ClusterRole") == 0 && wall_selects(s, wall_at(o->node, "metadata.labels"))) {
                weigh_rules(t, wall_at(o->node, "rules"));
            }
        }
    }
}

/* The role is not among the objects. In a cluster it then gives nothing; beside files there may be one. */
static void weigh_unseen(struct telling *t, const char *kind, const char *name)
{
    enum known known = strcmp(kind, "ClusterRole") == 0 ? known_role(name) : KNOWN_NOT;
    if (t->wall->source == WALL_CLUSTER || known == KNOWN_HARMLESS) {
        return;
    }
    if (known == KNOWN_NOT) {
        tell(t, WALL_SECRETS, WALL_UNSURE, "do what a role says that is not here");
        tell(t, WALL_ELSEWHERE, WALL_UNSURE, "do what a role says that is not here");
        return;
    }
    tell(t, WALL_SECRETS, WALL_HOLE,
         known == KNOWN_ALL ? "do everything" : "read Secrets, run commands in pods and mint tokens");
    tell(t, WALL_ELSEWHERE, WALL_HOLE,
         known == KNOWN_ALL ? "do everything"
                            : "change NetworkPolicies, or reach pods through the API server");
}

static void weigh_binding(struct wall *wall, const struct wall_object *binding,
                          const struct conf_node *subject)
{
    const char *kind = wall_text_at(binding->node, "roleRef.kind", "");
    const char *name = wall_text_at(binding->node, "roleRef.name", "");
    struct telling t = {.wall = wall, .binding = binding, .subject = subject};
    t.role = wall_find(wall, kind, strcmp(kind, "Role") == 0 ? binding->space : "", name);
    if (t.role != NULL) {
        weigh_role(&t);
    } else {
        weigh_unseen(&t, kind, name);
    }
}

static void weigh_bindings(struct wall *wall, const struct accounts *accounts)
{
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *b = &wall->objects[i];
        if (strcmp(b->kind, "RoleBinding") != 0 && strcmp(b->kind, "ClusterRoleBinding") != 0) {
            continue;
        }
        const struct conf_node *subjects = wall_at(b->node, "subjects");
        for (const struct conf_node *s = subjects != NULL ? subjects->first : NULL; s != NULL; s = s->next) {
            for (size_t a = 0; a < accounts->count; a++) {
                if (subject_is(b, s, &accounts->items[a])) {
                    weigh_binding(wall, b, s);
                    break;
                }
            }
        }
    }
}

void wall_judge_rights(struct wall *wall)
{
    struct accounts accounts = {.items = calloc(2 * wall->pod_count + 4, sizeof(*accounts.items))};
    if (accounts.items == NULL) {
        wall->error = CB_ENOMEM;
        return;
    }
    collect(wall, false, &accounts);
    weigh_bindings(wall, &accounts);
    if (wall->runs_inside) { /* then it has the tokens of the pods that are there already, too */
        collect(wall, true, &accounts);
        weigh_bindings(wall, &accounts);
    }
    free(accounts.items);
    if (wall->source == WALL_FILES) {
        wall_missing(
            wall, WALL_SECRETS, WALL_ASSUMED, "", "", "rights",
            "nothing else in the cluster gives rights to the ServiceAccounts of %s and %s, or to all of them, which files "
            "cannot show",
            wall->claw, wall->dev);
    }
}

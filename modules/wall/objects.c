/* objects.c - looking things up in objects, and among them. */
#include "wall/state.h"

#include <stdlib.h>

const struct conf_node *wall_at(const struct conf_node *node, const char *path)
{
    char key[64];
    while (node != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        if (len >= sizeof(key)) {
            return NULL;
        }
        memcpy(key, path, len);
        key[len] = '\0';
        node = conf_node_get(node, key);
        path += len + (path[len] == '.');
    }
    bool null = node != NULL && node->kind == CONF_KIND_SCALAR && node->plain &&
                (node->len == 0 || strcmp(node->text, "null") == 0 || strcmp(node->text, "~") == 0);
    return null ? NULL : node;
}

const char *wall_text_at(const struct conf_node *node, const char *path, const char *other)
{
    node = wall_at(node, path);
    return node != NULL && node->kind == CONF_KIND_SCALAR ? node->text : other;
}

bool wall_is_text(const struct conf_node *node, const char *text)
{
    return node != NULL && node->kind == CONF_KIND_SCALAR && strcmp(node->text, text) == 0;
}

bool wall_is_true(const struct conf_node *node)
{
    return wall_is_text(node, "true") && node->plain;
}

bool wall_list_has(const struct conf_node *list, const char *text)
{
    for (const struct conf_node *item = list != NULL ? list->first : NULL; item != NULL; item = item->next) {
        if (wall_is_text(item, text)) {
            return true;
        }
    }
    return false;
}

const struct wall_object *wall_find(const struct wall *wall, const char *kind, const char *space,
                                    const char *name)
{
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *o = &wall->objects[i];
        if (strcmp(o->name, name) == 0 && strcmp(o->kind, kind) == 0 && strcmp(o->space, space) == 0) {
            return o;
        }
    }
    return NULL;
}

const struct wall_object *wall_root(const struct wall *wall, const struct wall_object *object)
{
    for (unsigned depth = 0; depth < 4; depth++) {
        const struct conf_node *owners = wall_at(object->node, "metadata.ownerReferences");
        const struct wall_object *maker = NULL;
        for (const struct conf_node *o = owners != NULL ? owners->first : NULL; o != NULL && maker == NULL;
             o = o->next) {
            if (wall_is_true(wall_at(o, "controller"))) {
                maker =
                    wall_find(wall, wall_text_at(o, "kind", ""), object->space, wall_text_at(o, "name", ""));
            }
        }
        if (maker == NULL) {
            return object;
        }
        object = maker;
    }
    return object;
}

/* Where the pod stands in an object of a kind that makes pods; NULL for any other kind. */
static const char *pod_path(const struct wall_object *object)
{
    static const struct {
        const char *group;
        const char *kind;
        const char *path;
    } kinds[] = {
        {"", "Pod", ""},
        {"apps", "Deployment", "spec.template"},
        {"apps", "StatefulSet", "spec.template"},
        {"apps", "DaemonSet", "spec.template"},
        {"apps", "ReplicaSet", "spec.template"},
        {"", "ReplicationController", "spec.template"},
        {"batch", "Job", "spec.template"},
        {"batch", "CronJob", "spec.jobTemplate.spec.template"},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(object->kind, kinds[i].kind) == 0 && strcmp(object->group, kinds[i].group) == 0) {
            return kinds[i].path;
        }
    }
    return NULL;
}

/* What a Deployment has left behind of an earlier version of itself makes no pods any more, and a pod that has ended runs nothing. */
static bool is_over(const struct wall_object *object)
{
    const struct conf_node *phase = wall_at(object->node, "status.phase");
    if (strcmp(object->kind, "ReplicaSet") == 0) {
        return wall_is_text(wall_at(object->node, "spec.replicas"), "0");
    }
    return strcmp(object->kind, "Pod") == 0 &&
           (wall_is_text(phase, "Succeeded") || wall_is_text(phase, "Failed"));
}

void wall_collect_pods(struct wall *wall)
{
    wall->pods = calloc(wall->object_count + 1, sizeof(*wall->pods));
    if (wall->pods == NULL) {
        wall->error = CB_ENOMEM;
        return;
    }
    for (size_t i = 0; i < wall->object_count; i++) {
        const struct wall_object *object = &wall->objects[i];
        bool claw = strcmp(object->space, wall->claw) == 0;
        const char *path = claw || strcmp(object->space, wall->dev) == 0 ? pod_path(object) : NULL;
        if (path == NULL || is_over(object)) {
            continue;
        }
        const struct conf_node *template = wall_at(object->node, path);
        const struct wall_object *root = wall_root(wall, object);
        wall->pods[wall->pod_count++] = (struct wall_pod){
            .object = object,
            .spec = wall_at(template, "spec"),
            .labels = wall_at(template, "metadata.labels"),
            .proxy = claw && strcmp(root->kind, "Deployment") == 0 && strcmp(root->name, WALL_PROXY) == 0,
            .workspace = !claw};
    }
}

const char *wall_account_of(const struct wall_pod *pod)
{
    const char *name = wall_text_at(pod->spec, "serviceAccountName", "");
    name = name[0] != '\0' ? name : wall_text_at(pod->spec, "serviceAccount", "");
    return name[0] != '\0' ? name : "default";
}

bool wall_has_token(const struct wall *wall, const struct wall_pod *pod)
{
    const struct conf_node *says = wall_at(pod->spec, "automountServiceAccountToken");
    if (says == NULL) {
        const struct wall_object *account =
            wall_find(wall, "ServiceAccount", pod->object->space, wall_account_of(pod));
        says = account != NULL ? wall_at(account->node, "automountServiceAccountToken") : NULL;
    }
    return !wall_is_text(says, "false");
}

/* selector.c - label selectors. */
#include "wall/state.h"

#define OWN_NAME "kubernetes.io/metadata.name"

/* Keys have dots in them, so no path will do. */
static const struct conf_node *label(const struct conf_node *labels, const char *key)
{
    return conf_node_get(labels, key);
}

static bool expression_holds(const struct conf_node *e, const struct conf_node *labels)
{
    const char *op = wall_text_at(e, "operator", "");
    const struct conf_node *value = label(labels, wall_text_at(e, "key", ""));
    bool in = value != NULL && value->text != NULL && wall_list_has(wall_at(e, "values"), value->text);
    if (strcmp(op, "In") == 0) {
        return in;
    }
    if (strcmp(op, "NotIn") == 0) {
        return !in;
    }
    if (strcmp(op, "Exists") == 0) {
        return value != NULL;
    }
    return strcmp(op, "DoesNotExist") == 0 ? value == NULL : true;
}

bool wall_selects(const struct conf_node *selector, const struct conf_node *labels)
{
    if (selector == NULL) {
        return false;
    }
    const struct conf_node *match = wall_at(selector, "matchLabels");
    for (const struct conf_node *m = match != NULL ? match->first : NULL; m != NULL; m = m->next) {
        const struct conf_node *value = label(labels, m->key);
        if (value == NULL || m->text == NULL || !wall_is_text(value, m->text)) {
            return false;
        }
    }
    const struct conf_node *expressions = wall_at(selector, "matchExpressions");
    for (const struct conf_node *e = expressions != NULL ? expressions->first : NULL; e != NULL;
         e = e->next) {
        if (!expression_holds(e, labels)) {
            return false;
        }
    }
    return true;
}

bool wall_selects_all(const struct conf_node *selector)
{
    const struct conf_node *match = wall_at(selector, "matchLabels");
    const struct conf_node *expressions = wall_at(selector, "matchExpressions");
    return (match == NULL || match->count == 0) && (expressions == NULL || expressions->count == 0);
}

bool wall_selects_only(const struct conf_node *selector, const char *space)
{
    if (wall_is_text(label(wall_at(selector, "matchLabels"), OWN_NAME), space)) {
        return true;
    }
    const struct conf_node *expressions = wall_at(selector, "matchExpressions");
    for (const struct conf_node *e = expressions != NULL ? expressions->first : NULL; e != NULL;
         e = e->next) {
        const struct conf_node *values = wall_at(e, "values");
        if (strcmp(wall_text_at(e, "key", ""), OWN_NAME) == 0 &&
            strcmp(wall_text_at(e, "operator", ""), "In") == 0 && values != NULL && values->count == 1 &&
            wall_is_text(values->first, space)) {
            return true;
        }
    }
    return false;
}

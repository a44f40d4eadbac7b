/* finding.c - the list of findings. */
#include "wall/state.h"

#include <stdarg.h>
#include <stdlib.h>

#define TEXT_MAX  600
#define FIELD_MAX 256

/* The path from the object, not from the List around it. */
static void field_of(const struct wall_object *object, const struct conf_node *node, char out[FIELD_MAX])
{
    const struct conf_node *chain[CONF_TREE_DEPTH_MAX + 1];
    size_t depth = 0;
    size_t used = 0;
    out[0] = '\0';
    for (; node != NULL && node != object->node && depth <= CONF_TREE_DEPTH_MAX; node = node->parent) {
        chain[depth++] = node;
    }
    while (depth > 0 && used < FIELD_MAX - 1) {
        node = chain[--depth];
        int len = node->key != NULL
                      ? snprintf(out + used, FIELD_MAX - used, "%s%.60s", used != 0 ? "." : "", node->key)
                      : snprintf(out + used, FIELD_MAX - used, "[%zu]", node->index);
        used += len > 0 ? (size_t)len : 0;
    }
}

void wall_finding_deinit(struct wall_finding *f)
{
    free(f->kind);
    free(f->space);
    free(f->name);
    free(f->field);
    free(f->text);
}

static bool says(const struct wall_finding *f, const struct wall_finding *other)
{
    return f->question == other->question && f->weight == other->weight && strcmp(f->text, other->text) == 0;
}

static bool is_about(const struct wall_finding *f, const char *kind, const char *space, const char *name)
{
    return strcmp(f->kind, kind) == 0 && strcmp(f->space, space) == 0 && strcmp(f->name, name) == 0;
}

/* True when it is there, or is there of the object that made this one. */
static bool is_known(const struct wall *wall, const struct wall_finding *f, const struct wall_object *root)
{
    for (size_t i = 0; i < wall->finding_count; i++) {
        const struct wall_finding *other = &wall->findings[i];
        bool same_field = is_about(other, f->kind, f->space, f->name) && strcmp(other->field, f->field) == 0;
        bool of_root = root != NULL && is_about(other, root->kind, root->space, root->name);
        if (says(f, other) && (same_field || of_root)) {
            return true;
        }
    }
    return false;
}

static void add(struct wall *wall, struct wall_finding f, const struct wall_object *root)
{
    if (f.kind == NULL || f.space == NULL || f.name == NULL || f.field == NULL || f.text == NULL) {
        wall->error = CB_ENOMEM;
    }
    bool known = wall->error != 0 || is_known(wall, &f, root);
    wall->more = wall->more || (!known && wall->finding_count == WALL_FINDINGS_MAX);
    if (known || wall->more) {
        wall_finding_deinit(&f);
        return;
    }
    wall->findings[wall->finding_count++] = f;
}

void wall_found(struct wall *wall, enum wall_question question, enum wall_weight weight,
                const struct wall_object *object, const struct conf_node *node, const char *fmt, ...)
{
    char text[TEXT_MAX];
    char field[FIELD_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    field_of(object, node, field);
    const struct wall_object *root = wall_root(wall, object);
    add(wall,
        (struct wall_finding){.question = question,
                              .weight = weight,
                              .kind = strdup(object->kind),
                              .space = strdup(object->space),
                              .name = strdup(object->name),
                              .field = strdup(field),
                              .text = strdup(text)},
        root != object ? root : NULL);
}

void wall_missing(struct wall *wall, enum wall_question question, enum wall_weight weight, const char *kind,
                  const char *space, const char *name, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    weight =
        weight == WALL_HOLE && wall->incomplete ? WALL_UNSURE : weight; /* it may be what could not be read */
    add(wall,
        (struct wall_finding){.question = question,
                              .weight = weight,
                              .kind = strdup(kind),
                              .space = strdup(space),
                              .name = strdup(name),
                              .field = strdup(""),
                              .text = strdup(text)},
        NULL);
}

/*
 * template.c - an object's template made into its text.
 *
 * A template is YAML, read by conf's strict reader and written value by value:
 *
 *   key: "${name} and text"   a text with values in it; stays one text, whatever they hold
 *   key: $name                what a generator writes
 *   $name: argument           members that a generator writes where it stands; in a list, `- $name` for items
 *   key?condition: value      only when the condition holds
 *   $if: condition            the same for the map in which it stands, or for the whole object
 *
 * The comment at its start goes along: it says why the object is there.
 */
#include "conf/tree.h"
#include "kube/internal.h"

#include <stdio.h>

#define KEY_SIZE  128
#define TEXT_SIZE 2048

struct expansion {
    struct kube_work *w;
    struct emit *e;
};

static void write_node(struct expansion *x, const char *key, const struct conf_node *node);

static void latch(struct kube_work *w, int code)
{
    if (w->error == 0) {
        w->error = code;
    }
}

/* The text with its values put in. */
static void write_text(struct expansion *x, const char *key, struct span text)
{
    char out[TEXT_SIZE];
    size_t used = 0;
    while (text.len != 0) {
        struct span piece = span_sub(text, 0, 1);
        size_t taken = 1;
        const uint8_t *end = NULL;
        if (span_starts(text, SPAN_LIT("${"))) {
            end = memchr(text.ptr, '}', text.len);
        }
        if (end != NULL) {
            taken = (size_t)(end - text.ptr) + 1;
            piece = span_str(kube_value(x->w, span_sub(text, 2, taken - 3)));
        }
        if (piece.len > sizeof(out) - used) {
            latch(x->w, CB_ELIMIT);
            return;
        }
        if (piece.len != 0) {
            memcpy(out + used, piece.ptr, piece.len);
        }
        used += piece.len;
        text = span_sub(text, taken, SIZE_MAX);
    }
    emit_span(x->e, key, span_of(out, used));
}

/* "$name" in a value: not quoted, or it would be a text. */
static bool is_generator(const struct conf_node *node)
{
    return node->kind == CONF_KIND_SCALAR && node->plain && node->len > 1 && node->text[0] == '$' &&
           node->text[1] != '{';
}

static void write_scalar(struct expansion *x, const char *key, const struct conf_node *node)
{
    struct span text = span_of(node->text, node->len);
    if (is_generator(node)) {
        kube_generate(x->w, x->e, node->text + 1, key, "");
    } else if (node->plain && memchr(text.ptr, '$', text.len) == NULL) {
        emit_plain(x->e, key, text);
    } else if (memchr(text.ptr, '$', text.len) == NULL) {
        emit_span(x->e, key, text);
    } else {
        write_text(x, key, text);
    }
}

static bool is_wanted(struct kube_work *w, const struct conf_node *node)
{
    const struct conf_node *condition = conf_node_get(node, "$if");
    return condition == NULL || kube_condition(w, span_str(condition->text));
}

static void write_member(struct expansion *x, const struct conf_node *child)
{
    char key[KEY_SIZE];
    const char *mark = strchr(child->key, '?');
    if (strcmp(child->key, "$if") == 0) {
        return;
    }
    if (child->key[0] == '$') {
        kube_generate(x->w, x->e, child->key + 1, NULL, child->text != NULL ? child->text : "");
        return;
    }
    if (mark != NULL && !kube_condition(x->w, span_str(mark + 1))) {
        return;
    }
    (void)snprintf(key, sizeof(key), "%.*s", mark != NULL ? (int)(mark - child->key) : (int)sizeof(key) - 1,
                   child->key);
    if (is_wanted(x->w, child)) {
        write_node(x, key, child);
    }
}

/* Recursion is bounded by CONF_TREE_DEPTH_MAX. */
static void write_node(struct expansion *x, const char *key, const struct conf_node *node)
{
    switch (node->kind) {
    case CONF_KIND_SCALAR:
        write_scalar(x, key, node);
        return;
    case CONF_KIND_MAP:
        emit_map(x->e, key);
        for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
            write_member(x, child);
        }
        emit_map_end(x->e);
        return;
    case CONF_KIND_SEQUENCE:
        emit_list(x->e, key);
        for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
            if (is_wanted(x->w, item)) {
                write_node(x, NULL, item);
            }
        }
        emit_list_end(x->e);
        return;
    case CONF_KIND__COUNT:
        break;
    }
    latch(x->w, CB_EINTERNAL);
}

/* The lines at the start that are comments. */
static struct span reason_of(struct span template)
{
    size_t at = 0;
    while (at < template.len && template.ptr[at] == '#') {
        const uint8_t *end = memchr(template.ptr + at, '\n', template.len - at);
        at = end != NULL ? (size_t)(end - template.ptr) + 1 : template.len;
    }
    return span_sub(template, 0, at);
}

static int write_object(struct kube_work *w, const struct conf_node *object, struct span reason,
                        struct buf *out)
{
    if (!is_wanted(w, object)) {
        return w->error;
    }
    int r = buf_append_span(out, reason);
    struct expansion x = {.w = w, .e = r == 0 ? emit_new(out) : NULL};
    if (r == 0 && x.e != NULL) {
        write_node(&x, NULL, object);
    }
    if (r == 0) {
        r = emit_finish(x.e);
    }
    return r != 0 ? r : w->error;
}

int kube_template_write(struct kube_work *w, struct span template, struct buf *out)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(template, &tree, &error);
    if (r == 0) {
        const struct conf_node *object = tree.documents;
        bool one = object != NULL && object->next == NULL && object->kind == CONF_KIND_MAP;
        r = one ? write_object(w, object, reason_of(template), out) : CB_EINTERNAL;
    }
    conf_tree_deinit(&tree);
    return r == CB_EMALFORMED ? CB_EINTERNAL : r;
}

/* convert.c - a tree written out again. Its depth is bounded where it was read, so it is walked by recursion. */
#include "conf/convert.h"

#include "base/strnum.h"

static void scalar_to_json(struct json *j, const struct conf_node *node)
{
    uint64_t number;
    struct span text = span_of(node->text, node->len);
    if (!node->plain) {
        json_text(j, node->key, text);
    } else if (text.len == 0 || span_eq_str(text, "~") || span_eq_str(text, "null")) {
        json_null(j, node->key);
    } else if (span_eq_str(text, "true") || span_eq_str(text, "false")) {
        json_bool(j, node->key, span_eq_str(text, "true"));
    } else if (strnum_u64(text, UINT64_MAX, &number) == 0) {
        json_number(j, node->key, number);
    } else {
        json_text(j, node->key, text);
    }
}

void conf_node_to_json(struct json *j, const struct conf_node *node)
{
    if (node->kind == CONF_KIND_SCALAR) {
        scalar_to_json(j, node);
        return;
    }
    bool map = node->kind == CONF_KIND_MAP;
    map ? json_object(j, node->key) : json_array(j, node->key);
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        conf_node_to_json(j, child);
    }
    map ? json_object_end(j) : json_array_end(j);
}

void conf_node_to_yaml(struct emit *e, const struct conf_node *node)
{
    if (node->kind == CONF_KIND_SCALAR) {
        struct span text = span_of(node->text, node->len);
        node->plain ? emit_plain(e, node->key, text) : emit_span(e, node->key, text);
        return;
    }
    bool map = node->kind == CONF_KIND_MAP;
    map ? emit_map(e, node->key) : emit_list(e, node->key);
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        conf_node_to_yaml(e, child);
    }
    map ? emit_map_end(e) : emit_list_end(e);
}

/*
 * convert.h - a tree written out again: as JSON, and as YAML.
 *
 * Comments and the way in which something was written are lost; what it means is not.
 */
#ifndef CB_CONF_CONVERT_H
#define CB_CONF_CONVERT_H

#include "base/json.h"
#include "conf/emit.h"
#include "conf/tree.h"

/* Writes the node under its own key. A plain scalar that reads as true, false, null or a whole number is one; what else is plain is a text, which
 * is what tenant files take it for. The writer's errors latch in it. */
void conf_node_to_json(struct json *j, const struct conf_node *node);
/* The same as YAML; a document when the node is one. */
void conf_node_to_yaml(struct emit *e, const struct conf_node *node);

#endif

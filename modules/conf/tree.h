/*
 * tree.h - strict YAML as a bounded tree. JSON is a subset and is read by it too, but for one thing: a character beyond
 * U+FFFF is written as such; two \u escapes that together make one ("\ud83d\ude00") are refused.
 *
 * What is left out of YAML on purpose: anchors, aliases, explicit tags and directives for them, keys that are not plain
 * text, a key twice in one map, NUL, and everything past the bounds below. So a text cannot be larger in memory than it
 * is on disk by more than a constant factor, and it means to clawbox what it means to the person who reads it.
 */
#ifndef CB_CONF_TREE_H
#define CB_CONF_TREE_H

#include "base/err.h"
#include "base/span.h"

#define CONF_TREE_BYTES_MAX ((size_t)1024 * 1024)
#define CONF_TREE_NODES_MAX 20000 /* of all documents together; a key counts as one */
#define CONF_TREE_DEPTH_MAX 32    /* maps and sequences inside each other */
#define CONF_PATH_MAX       256   /* bytes of a path in a message, with the NUL */
/* For what a program wrote, such as all roles of a cluster. */
#define CONF_TREE_LARGE_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define CONF_TREE_LARGE_NODES_MAX 1000000

enum conf_kind { CONF_KIND_SCALAR, CONF_KIND_MAP, CONF_KIND_SEQUENCE, CONF_KIND__COUNT };

struct conf_node {
    enum conf_kind kind;
    size_t line; /* where the value starts, counted from 1; a column is a character, not a byte */
    size_t column;
    const struct conf_node *parent; /* NULL for a document */
    const char *key;                /* the key in the parent, when that is a map; without NUL bytes inside */
    size_t key_line;
    size_t key_column;
    size_t index;            /* position in the parent */
    struct conf_node *first; /* children in the order of the text */
    struct conf_node *last;
    struct conf_node *next; /* sibling, or the next document */
    size_t count;           /* children */
    const char *text;       /* a scalar's content, ended by a NUL and without one inside; else NULL */
    size_t len;             /* of text */
    bool plain;             /* a scalar without quotes and not a block: may be a number, a boolean or null */
};

struct conf_tree {
    struct conf_node *documents; /* NULL for an empty text */
    size_t node_count;
    struct conf_block *blocks; /* the memory of it all */
};

struct conf_tree_error {
    size_t line; /* counted from 1; 0 when the error has no place (out of memory) */
    size_t column;
    char path[CONF_PATH_MAX]; /* where in the tree, or "" */
    char message[200];        /* printable ASCII */
};

/* Reads a text. 0; CB_EMALFORMED or CB_ELIMIT with a place and a message in *error; CB_ENOMEM. After a failure the tree
 * is empty. Free with conf_tree_deinit(). */
CB_MUST_USE int conf_tree_read(struct span text, struct conf_tree *out, struct conf_tree_error *error);
/* The same within the bounds for what a program wrote. */
CB_MUST_USE int conf_tree_read_large(struct span text, struct conf_tree *out, struct conf_tree_error *error);
/* Frees the nodes. A zeroed struct is fine. */
void conf_tree_deinit(struct conf_tree *tree);
/* Writes the path from the document to the node, as in "spec.routes[1].host"; "" for a document. A long one loses its
 * end, a long key too. Keys stand there as they are: whoever shows the path has to make them printable. */
void conf_node_path(const struct conf_node *node, char out[CONF_PATH_MAX]);
/* The value of a map's key, or NULL: also when the node is NULL or no map. */
const struct conf_node *conf_node_get(const struct conf_node *map, const char *key);

/* Library version for `clawbox version`. */
const char *conf_libyaml_version(void);

#endif

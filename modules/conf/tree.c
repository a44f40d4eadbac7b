/* tree.c - libyaml's events made into a tree, with everything refused that tree.h leaves out. */
#include "conf/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define BLOCK_BYTES ((size_t)16 * 1024)

/* Nodes and texts live in blocks that are freed together. */
struct conf_block {
    struct conf_block *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct reader {
    yaml_parser_t parser;
    struct conf_tree *tree;
    struct conf_tree_error *error;
    size_t nodes_max;
    struct conf_node *last_document;
    struct conf_node *open[CONF_TREE_DEPTH_MAX]; /* the maps and sequences around the current place */
    size_t depth;
    const char *key; /* read, and its value is still to come */
    size_t key_line;
    size_t key_column;
};

static void *tree_alloc(struct conf_tree *tree, size_t size)
{
    size_t align = _Alignof(max_align_t);
    size = (size + align - 1) / align * align;
    struct conf_block *block = tree->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = malloc(sizeof(*block) + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct conf_block){.next = tree->blocks, .size = room};
        tree->blocks = block;
    }
    void *out = block->bytes + block->used;
    block->used += size;
    return out;
}

void conf_tree_deinit(struct conf_tree *tree)
{
    for (struct conf_block *block = tree->blocks; block != NULL;) {
        struct conf_block *next = block->next;
        free(block);
        block = next;
    }
    *tree = (struct conf_tree){0};
}

static int fail(struct reader *reader, int code, size_t line, size_t column, const char *message)
{
    reader->error->line = line;
    reader->error->column = column;
    (void)snprintf(reader->error->message, sizeof(reader->error->message), "%s", message);
    return code;
}

static int fail_at(struct reader *reader, const yaml_mark_t *mark, const char *message)
{
    return fail(reader, CB_EMALFORMED, mark->line + 1, mark->column + 1, message);
}

/* Says where in the tree the reader stands, in the path of the error. */
static void note_path(struct reader *reader)
{
    if (reader->depth == 0) {
        return;
    }
    const struct conf_node *parent = reader->open[reader->depth - 1];
    if (parent->kind == CONF_KIND_MAP && reader->key == NULL) {
        conf_node_path(parent, reader->error->path);
        return;
    }
    const struct conf_node here = {.parent = parent, .key = reader->key, .index = parent->count};
    conf_node_path(&here, reader->error->path);
}

/* As fail_at(), with the path of the value that the event starts. */
static int fail_here(struct reader *reader, int code, const yaml_event_t *event, const char *message)
{
    note_path(reader);
    return fail(reader, code, event->start_mark.line + 1, event->start_mark.column + 1, message);
}

/* Length of the well-formed UTF-8 sequence at `p` (RFC 3629), or 0. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len > left) {
        return 0;
    }
    uint32_t value = p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (p[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < least[len] || value > 0x10ffff || surrogate ? 0 : len;
}

/* libyaml guesses an encoding and reports offsets; this is stricter, and knows lines. */
static int check_bytes(struct reader *reader, struct span text)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_length(text.ptr + i, text.len - i);
        if (len == 0) {
            return fail(reader, CB_EMALFORMED, line, column, "not valid UTF-8: save the file as UTF-8");
        }
        if (text.ptr[i] == 0) {
            return fail(reader, CB_EMALFORMED, line, column, "a NUL byte has no place in a text file");
        }
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
        i += len;
    }
    return 0;
}

static int count_node(struct reader *reader, const yaml_event_t *event)
{
    if (reader->tree->node_count >= reader->nodes_max) {
        char message[80];
        (void)snprintf(message, sizeof(message), "more than %zu values in one file: split the file",
                       reader->nodes_max);
        return fail_here(reader, CB_ELIMIT, event, message);
    }
    reader->tree->node_count++;
    return 0;
}

static int copy_text(struct reader *reader, const yaml_event_t *event, const char **out)
{
    const unsigned char *value = event->data.scalar.value;
    size_t len = event->data.scalar.length;
    char *copy = tree_alloc(reader->tree, len + 1);
    if (copy == NULL) {
        return CB_ENOMEM;
    }
    memcpy(copy, value, len);
    copy[len] = '\0';
    *out = copy;
    return 0;
}

static void append_child(struct conf_node *parent, struct conf_node *node)
{
    node->parent = parent;
    node->index = parent->count++;
    if (parent->last != NULL) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
}

/* Hangs a new node where the reader stands. */
static int add_node(struct reader *reader, enum conf_kind kind, const yaml_event_t *event,
                    struct conf_node **out)
{
    int r = count_node(reader, event);
    if (r != 0) {
        return r;
    }
    struct conf_node *node = tree_alloc(reader->tree, sizeof(*node));
    if (node == NULL) {
        return CB_ENOMEM;
    }
    *node = (struct conf_node){
        .kind = kind, .line = event->start_mark.line + 1, .column = event->start_mark.column + 1};
    if (reader->depth > 0) {
        node->key = reader->key;
        node->key_line = reader->key_line;
        node->key_column = reader->key_column;
        reader->key = NULL;
        append_child(reader->open[reader->depth - 1], node);
    } else if (reader->last_document != NULL) {
        node->index = reader->last_document->index + 1;
        reader->last_document->next = node;
        reader->last_document = node;
    } else {
        reader->tree->documents = node;
        reader->last_document = node;
    }
    *out = node;
    return 0;
}

static bool key_is_next(const struct reader *reader)
{
    return reader->depth > 0 && reader->open[reader->depth - 1]->kind == CONF_KIND_MAP && reader->key == NULL;
}

static int on_scalar(struct reader *reader, const yaml_event_t *event)
{
    const yaml_char_t *tag = event->data.scalar.tag;
    if (tag != NULL) {
        return fail_here(reader, CB_EMALFORMED, event,
                         "explicit tags (!...) are not accepted: remove the tag");
    }
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length) != NULL) {
        return fail_here(reader, CB_EMALFORMED, event, "a text with a NUL (\"\\0\") in it is not accepted");
    }
    if (key_is_next(reader)) {
        reader->key_line = event->start_mark.line + 1;
        reader->key_column = event->start_mark.column + 1;
        int r = count_node(reader, event);
        return r != 0 ? r : copy_text(reader, event, &reader->key);
    }
    struct conf_node *node = NULL;
    int r = add_node(reader, CONF_KIND_SCALAR, event, &node);
    if (r != 0) {
        return r;
    }
    node->len = event->data.scalar.length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return copy_text(reader, event, &node->text);
}

static int on_open(struct reader *reader, const yaml_event_t *event, enum conf_kind kind,
                   const yaml_char_t *tag)
{
    if (tag != NULL) {
        return fail_here(reader, CB_EMALFORMED, event,
                         "explicit tags (!...) are not accepted: remove the tag");
    }
    if (key_is_next(reader)) {
        return fail_here(reader, CB_EMALFORMED, event, "a key has to be a text");
    }
    if (reader->depth == CONF_TREE_DEPTH_MAX) {
        return fail_here(reader, CB_ELIMIT, event,
                         "maps and lists are nested too deeply (at most 32 levels)");
    }
    struct conf_node *node = NULL;
    int r = add_node(reader, kind, event, &node);
    if (r == 0) {
        reader->open[reader->depth++] = node;
    }
    return r;
}

static int compare_keys(const void *a, const void *b)
{
    const struct conf_node *x = *(const struct conf_node *const *)a;
    const struct conf_node *y = *(const struct conf_node *const *)b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* Sorting keeps a map of thousands of keys from taking quadratic time. The first double of the text is reported. */
static int check_doubles(struct reader *reader, const struct conf_node *map)
{
    if (map->count < 2) {
        return 0;
    }
    const struct conf_node **sorted = calloc(map->count, sizeof(const struct conf_node *));
    if (sorted == NULL) {
        return CB_ENOMEM;
    }
    size_t count = 0;
    for (const struct conf_node *node = map->first; node != NULL; node = node->next) {
        sorted[count++] = node;
    }
    qsort(sorted, count, sizeof(const struct conf_node *), compare_keys);
    const struct conf_node *earlier = NULL;
    const struct conf_node *twice = NULL;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 &&
            (twice == NULL || sorted[i]->index < twice->index)) {
            earlier = sorted[i - 1];
            twice = sorted[i];
        }
    }
    free(sorted);
    if (twice == NULL) {
        return 0;
    }
    char message[120];
    (void)snprintf(message, sizeof(message), "this key stands twice in one map (first in line %zu)",
                   earlier->key_line);
    conf_node_path(twice, reader->error->path);
    return fail(reader, CB_EMALFORMED, twice->key_line, twice->key_column, message);
}

static int on_close(struct reader *reader)
{
    const struct conf_node *node = reader->open[--reader->depth];
    return node->kind == CONF_KIND_MAP ? check_doubles(reader, node) : 0;
}

static int on_event(struct reader *reader, const yaml_event_t *event)
{
    static const char anchor[] =
        "anchors and aliases (&, *) are not accepted: write the value out, or in quotes";
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return fail_here(reader, CB_EMALFORMED, event, anchor);
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL ? fail_here(reader, CB_EMALFORMED, event, anchor)
                                                 : on_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL
                   ? fail_here(reader, CB_EMALFORMED, event, anchor)
                   : on_open(reader, event, CONF_KIND_SEQUENCE, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL
                   ? fail_here(reader, CB_EMALFORMED, event, anchor)
                   : on_open(reader, event, CONF_KIND_MAP, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(reader);
    case YAML_DOCUMENT_START_EVENT:
        return event->data.document_start.tag_directives.start !=
                       event->data.document_start.tag_directives.end
                   ? fail_here(reader, CB_EMALFORMED, event, "%TAG is not accepted: remove the line")
                   : 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    }
    return CB_EINTERNAL;
}

/* libyaml's own finding: its texts are fixed English phrases. */
static int parser_failure(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return CB_ENOMEM;
    }
    /* The reader below the scanner knows only where the scanner is. */
    const yaml_mark_t *mark = parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark;
    char message[180];
    (void)snprintf(message, sizeof(message), "not valid YAML: %s%s%s",
                   parser->problem != NULL ? parser->problem : "unknown problem",
                   parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
    return fail_at(reader, mark, message);
}

static int read_events(struct reader *reader, struct span text)
{
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, text.len != 0 ? text.ptr : (const uint8_t *)"", text.len);
    int r = 0;
    for (bool end = false; r == 0 && !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            return parser_failure(reader);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        r = on_event(reader, &event);
        yaml_event_delete(&event);
    }
    return r;
}

static int read_within(struct span text, size_t bytes_max, size_t nodes_max, struct conf_tree *out,
                       struct conf_tree_error *error)
{
    struct reader reader = {.tree = out, .error = error, .nodes_max = nodes_max};
    *out = (struct conf_tree){0};
    *error = (struct conf_tree_error){0};
    if (text.len > bytes_max) {
        char message[80];
        (void)snprintf(message, sizeof(message), "the file is larger than %zu MiB: split it",
                       bytes_max >> 20);
        return fail(&reader, CB_ELIMIT, 1, 1, message);
    }
    int r = check_bytes(&reader, text);
    if (r != 0) {
        return r;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        return CB_ENOMEM;
    }
    r = read_events(&reader, text);
    yaml_parser_delete(&reader.parser);
    if (r != 0) {
        conf_tree_deinit(out);
    }
    return r;
}

int conf_tree_read(struct span text, struct conf_tree *out, struct conf_tree_error *error)
{
    return read_within(text, CONF_TREE_BYTES_MAX, CONF_TREE_NODES_MAX, out, error);
}

int conf_tree_read_large(struct span text, struct conf_tree *out, struct conf_tree_error *error)
{
    return read_within(text, CONF_TREE_LARGE_BYTES_MAX, CONF_TREE_LARGE_NODES_MAX, out, error);
}

void conf_node_path(const struct conf_node *node, char out[CONF_PATH_MAX])
{
    const struct conf_node *chain[CONF_TREE_DEPTH_MAX + 1];
    size_t depth = 0;
    for (; node->parent != NULL && depth < CONF_TREE_DEPTH_MAX + 1; node = node->parent) {
        chain[depth++] = node;
    }
    size_t used = 0;
    out[0] = '\0';
    while (depth > 0 && used < CONF_PATH_MAX - 1) {
        node = chain[--depth];
        int len = node->key != NULL
                      ? snprintf(out + used, CONF_PATH_MAX - used, "%s%.60s", used != 0 ? "." : "", node->key)
                      : snprintf(out + used, CONF_PATH_MAX - used, "[%zu]", node->index);
        used += len > 0 ? (size_t)len : 0;
    }
}

const struct conf_node *conf_node_get(const struct conf_node *map, const char *key)
{
    if (map == NULL || map->kind != CONF_KIND_MAP) {
        return NULL;
    }
    for (const struct conf_node *node = map->first; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0) {
            return node;
        }
    }
    return NULL;
}

const char *conf_libyaml_version(void)
{
    return yaml_get_version_string();
}

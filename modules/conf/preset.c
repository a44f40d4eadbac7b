/* preset.c - the embedded list of providers. */
#include "conf/preset.h"

#include <stdio.h>

#include "base/embed.h"

extern const struct embed_file embed_providers[];
extern const size_t embed_providers_count;

static const char *text_of(const struct conf_node *map, const char *key)
{
    const struct conf_node *node = conf_node_get(map, key);
    return node != NULL ? node->text : NULL;
}

static bool is_text_list(const struct conf_node *node)
{
    if (node == NULL || node->kind != CONF_KIND_SEQUENCE || node->count == 0) {
        return false;
    }
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        if (child->kind != CONF_KIND_SCALAR) {
            return false;
        }
    }
    return true;
}

static bool preset_read(const struct conf_node *node, struct conf_preset *out)
{
    *out = (struct conf_preset){
        .name = node->key,
        .title = text_of(node, "title"),
        .host = text_of(node, "host"),
        .prefix = text_of(node, "prefix"),
        .suffix = text_of(node, "suffix"),
        .methods = conf_node_get(node, "methods"),
        .paths = conf_node_get(node, "paths"),
        .inject = conf_node_get(node, "inject"),
        .kubernetes = conf_node_get(node, "kubernetes") != NULL,
        .websocket = conf_node_get(node, "websocket") != NULL,
        .shape = text_of(node, "shape"),
        .env = text_of(node, "env"),
        .example = text_of(node, "example"),
    };
    bool whole = is_text_list(out->methods) && is_text_list(out->paths) && out->title != NULL &&
                 out->example != NULL && out->host != NULL;
    /* What belongs to a credential is all there, or it takes none. */
    bool credential = out->inject != NULL;
    whole = whole && (out->shape != NULL) == credential && (out->env != NULL) == credential;
    /* "host: required" stands beside a suffix. With another host that one is meant when the route names none. */
    bool required = whole && strcmp(out->host, "required") == 0;
    if (required) {
        out->host = NULL;
    }
    return whole && (!required || out->suffix != NULL) && (out->prefix == NULL || out->suffix != NULL);
}

int conf_presets_load(struct conf_presets *out)
{
    struct conf_tree_error error;
    *out = (struct conf_presets){0};
    if (embed_providers_count != 1) {
        return CB_EINTERNAL;
    }
    int r = conf_tree_read(span_of(embed_providers[0].data, embed_providers[0].size), &out->tree, &error);
    if (r != 0) {
        return r == CB_ENOMEM ? r : CB_EINTERNAL;
    }
    if (out->tree.documents == NULL || out->tree.documents->kind != CONF_KIND_MAP) {
        r = CB_EINTERNAL;
        goto out;
    }
    for (const struct conf_node *node = out->tree.documents->first; node != NULL; node = node->next) {
        struct conf_preset preset;
        if (!preset_read(node, &preset)) {
            r = CB_EINTERNAL;
            goto out;
        }
    }
out:
    if (r != 0) {
        conf_presets_deinit(out);
    }
    return r;
}

void conf_presets_deinit(struct conf_presets *presets)
{
    conf_tree_deinit(&presets->tree);
}

int conf_presets_find(const struct conf_presets *presets, const char *name, struct conf_preset *out)
{
    const struct conf_node *node = conf_node_get(presets->tree.documents, name);
    return node != NULL && preset_read(node, out) ? 0 : CB_ENOTFOUND;
}

void conf_presets_names(const struct conf_presets *presets, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct conf_node *node = presets->tree.documents->first; node != NULL && used < size;
         node = node->next) {
        int len = snprintf(out + used, size - used, "%s%s", used != 0 ? ", " : "", node->key);
        used += len > 0 ? (size_t)len : 0;
    }
}

/* Takes the first segment off a pattern that starts with '/'. */
static struct span next_segment(struct span *pattern)
{
    struct span rest = span_sub(*pattern, 1, pattern->len);
    const uint8_t *slash = rest.len != 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
    struct span segment = span_sub(rest, 0, slash != NULL ? (size_t)(slash - rest.ptr) : rest.len);
    *pattern = span_sub(rest, segment.len, rest.len);
    return segment;
}

/* Segment by segment: the same, or any one under "*", or what is left under "**". */
static bool covers(struct span allowed, struct span pattern)
{
    while (allowed.len != 0) {
        struct span want = next_segment(&allowed);
        if (span_eq_str(want, "**")) {
            return true;
        }
        if (pattern.len == 0) {
            return false;
        }
        struct span segment = next_segment(&pattern);
        bool single = segment.len != 0 && !span_eq_str(segment, "**");
        if (!span_eq(want, segment) && !(span_eq_str(want, "*") && single)) {
            return false;
        }
    }
    return pattern.len == 0;
}

bool conf_preset_covers_path(const struct conf_preset *preset, const char *text)
{
    for (const struct conf_node *node = preset->paths->first; node != NULL; node = node->next) {
        if (text[0] == '/' && covers(span_of(node->text, node->len), span_str(text))) {
            return true;
        }
    }
    return false;
}

bool conf_preset_has_method(const struct conf_preset *preset, const char *method)
{
    for (const struct conf_node *node = preset->methods->first; node != NULL; node = node->next) {
        if (strcmp(node->text, method) == 0) {
            return true;
        }
    }
    return false;
}

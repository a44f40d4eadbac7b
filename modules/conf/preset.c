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
    const struct conf_node *inject = conf_node_get(node, "inject");
    *out = (struct conf_preset){
        .name = node->key,
        .host = text_of(node, "host"),
        .methods = conf_node_get(node, "methods"),
        .paths = conf_node_get(node, "paths"),
        .header = text_of(inject, "header"),
        .prefix = text_of(inject, "prefix"),
        .shape = text_of(node, "shape"),
        .env = text_of(node, "env"),
    };
    return out->host != NULL && is_text_list(out->methods) && is_text_list(out->paths) &&
           out->header != NULL && out->prefix != NULL && out->shape != NULL && out->env != NULL;
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

bool conf_preset_covers_path(const struct conf_preset *preset, const char *text)
{
    struct span pattern = span_str(text);
    for (const struct conf_node *node = preset->paths->first; node != NULL; node = node->next) {
        struct span allowed = span_of(node->text, node->len);
        if (span_eq(allowed, pattern)) {
            return true;
        }
        if (span_ends(allowed, SPAN_LIT("/**"))) {
            /* A literal start: "/v1/" and whatever follows, and "/v1" itself. */
            struct span start = span_sub(allowed, 0, allowed.len - 2);
            if (span_starts(pattern, start) || span_eq(pattern, span_sub(start, 0, start.len - 1))) {
                return true;
            }
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

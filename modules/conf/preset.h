/*
 * preset.h - the providers that a route may name: schema/providers.yaml, which is part of the program.
 */
#ifndef CB_CONF_PRESET_H
#define CB_CONF_PRESET_H

#include "conf/tree.h"

struct conf_presets {
    struct conf_tree tree;
};

/* Texts live as long as the presets that they came from. */
struct conf_preset {
    const char *name;
    const char *title; /* for people */
    const char *host;  /* NULL when the route has to name it */
    const char *
        prefix; /* which the route's host then begins with; one label stands between it and the suffix; or NULL */
    const char *suffix; /* which the route's host then ends with, ".openai.azure.com"; else NULL */
    const struct conf_node *methods; /* lists of texts */
    const struct conf_node *paths;
    const struct conf_node *inject; /* as in a route; NULL, as are shape and env: it takes no credential */
    bool kubernetes;                /* the route has to say what of a Kubernetes API it allows */
    bool websocket;                 /* its routes may become WebSockets */
    const char *shape;
    const char *env;
    const char
        *example; /* a URL that its routes allow, with {credential} where the credential stands in a path */
};

/* Reads the embedded file. CB_EINTERNAL when it is not as it should be, CB_ENOMEM. */
CB_MUST_USE int conf_presets_load(struct conf_presets *out);
/* A zeroed struct is fine. */
void conf_presets_deinit(struct conf_presets *presets);
/* 0; CB_ENOTFOUND when there is no provider of that name. */
CB_MUST_USE int conf_presets_find(const struct conf_presets *presets, const char *name,
                                  struct conf_preset *out);
/* "anthropic, google, ...": for messages. Cut when it does not fit. */
void conf_presets_names(const struct conf_presets *presets, char *out, size_t size);
/* True when every path that the checked `pattern` matches is one of the preset. */
bool conf_preset_covers_path(const struct conf_preset *preset, const char *pattern);
bool conf_preset_has_method(const struct conf_preset *preset, const char *method);

#endif

/* credential.c - the credentials that routes name: the agent's variable and the placeholder's shape. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/route.h"
#include "policy/placeholder.h"
#include "policy/spec_check.h"

#define DEFAULT_SHAPE "cbx_{40}"

/* CLAWBOX_ and the name in capitals, '-' written as '_'. */
static void default_env(const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "CLAWBOX_%s", name);
    for (char *p = out; *p != '\0'; p++) {
        *p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
}

/* Reads the optional key; *out stays NULL when it is absent or wrong. */
static void read_env(struct conf_report *report, const struct conf_node *node, const char **out)
{
    const char *text = NULL;
    if (node == NULL || !conf_read_text(report, node, &text)) {
        return;
    }
    if (!spec_env_is_valid(span_str(text))) {
        conf_report_node(
            report, node,
            "not a name for an environment variable: letters, digits and \"_\", no digit in front; several "
            "are joined by commas");
        return;
    }
    *out = text;
}

static void read_shape(struct conf_report *report, const struct conf_node *node, const char **out)
{
    const char *text = NULL;
    char why[256] = "";
    if (node == NULL || !conf_read_text(report, node, &text)) {
        return;
    }
    if (strlen(text) > SPEC_SHAPE_MAX || placeholder_shape_check(span_str(text), why, sizeof(why)) != 0) {
        conf_report_node(report, node, "%s", why[0] != '\0' ? why : "a shape has at most 255 bytes");
        return;
    }
    *out = text;
}

/* Sets a text, or compares it with the one that another route has said. */
static int settle(struct conf_draft *draft, const struct conf_node *node, const char *said, char **value,
                  bool *value_said)
{
    if (said == NULL || (*value_said && strcmp(*value, said) == 0)) {
        return 0;
    }
    if (*value_said) {
        conf_report_node(draft->report, node,
                         "another route says \"%.100s\" for this credential: write the same, or leave it out",
                         *value);
        return 0;
    }
    char *copy = strdup(said);
    if (copy == NULL) {
        return CB_ENOMEM;
    }
    free(*value);
    *value = copy;
    *value_said = true;
    return 0;
}

static int add_credential(struct conf_draft *draft, const struct conf_node *route_node, const char *name,
                          const struct conf_preset *preset)
{
    struct spec_credential *credential = NULL;
    char env[SPEC_NAME_MAX + 16];
    int r = spec_add_credential(draft->spec, &credential);
    if (r != 0) {
        return r;
    }
    default_env(name, env, sizeof(env));
    draft->credential_nodes[draft->spec->credential_count - 1] = conf_node_get(route_node, "credential");
    credential->name = strdup(name);
    credential->env = strdup(preset != NULL ? preset->env : env);
    credential->shape = strdup(preset != NULL ? preset->shape : DEFAULT_SHAPE);
    bool whole = credential->name != NULL && credential->env != NULL && credential->shape != NULL;
    return whole ? 0 : CB_ENOMEM;
}

int conf_credential_show(struct conf_draft *draft, const struct conf_node *node, const char *name)
{
    struct spec_credential *credential = NULL;
    if (spec_find_credential(draft->spec, span_str(name)) != NULL) {
        return 0;
    }
    int r = spec_add_credential(draft->spec, &credential);
    if (r != 0) {
        return r;
    }
    draft->credential_nodes[draft->spec->credential_count - 1] = node;
    credential->name = strdup(name);
    credential->shape = strdup(DEFAULT_SHAPE);
    return credential->name != NULL && credential->shape != NULL ? 0 : CB_ENOMEM;
}

int conf_credential_use(struct conf_draft *draft, const struct conf_node *route_node, const char *name,
                        const struct conf_preset *preset)
{
    const struct conf_node *env_node = conf_node_get(route_node, "env");
    const struct conf_node *shape_node = conf_node_get(route_node, "shape");
    const char *env = NULL;
    const char *shape = NULL;
    read_env(draft->report, env_node, &env);
    read_shape(draft->report, shape_node, &shape);
    size_t i = 0;
    while (i < draft->spec->credential_count && strcmp(draft->spec->credentials[i].name, name) != 0) {
        i++;
    }
    int r = i == draft->spec->credential_count ? add_credential(draft, route_node, name, preset) : 0;
    if (r != 0) {
        return r;
    }
    struct spec_credential *credential = &draft->spec->credentials[i];
    r = settle(draft, env_node, env, &credential->env, &draft->env_said[i]);
    return r != 0 ? r : settle(draft, shape_node, shape, &credential->shape, &draft->shape_said[i]);
}

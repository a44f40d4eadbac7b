/*
 * provision_document.c - a tenant's document for the server: a file's, or one that is put together from providers.
 *
 * Routes are added to the text of the document that the server has, so that its comments and everything else in it stay; and with the
 * entity tag of what was read, so that a change that somebody else makes meanwhile is not lost.
 */
#include "provision.h"

#include "control.h"
#include "tenant_file.h"

#include "base/json.h"
#include "conf/preset.h"

#include <stdlib.h>

#define DOCUMENT_MAX ((size_t)1024 * 1024)

/* ---- the arguments ---- */

static int read_pair(const struct conf_presets *presets, const char *argument, struct provision_route *out)
{
    struct conf_preset preset;
    char known[512];
    size_t len = strcspn(argument, "=");
    (void)snprintf(out->provider, sizeof(out->provider), "%.*s", (int)len, argument);
    int r = len < sizeof(out->provider) ? conf_presets_find(presets, out->provider, &preset) : CB_ENOTFOUND;
    if (r != 0) {
        conf_presets_names(presets, known, sizeof(known));
        return cmd_wrong_usage("provision", "there is no provider \"%.60s\": there are %s", out->provider,
                               known);
    }
    const char *credential = argument[len] == '=' ? argument + len + 1 : NULL;
    if (preset.inject == NULL && credential != NULL) {
        return cmd_wrong_usage("provision", "the provider %s takes no credential", out->provider);
    }
    if (credential != NULL && cmd_check_name("credential", credential) != CMD_GO) {
        return CMD_USAGE;
    }
    const char *name = credential != NULL ? credential : preset.inject != NULL ? argument : "";
    (void)snprintf(out->credential, sizeof(out->credential), "%.*s",
                   (int)(name == argument ? len : strlen(name)), name);
    return CMD_GO;
}

/* ---- adding routes ---- */

static bool has_text(const struct conf_node *map, const char *key, const char *text)
{
    return strcmp(control_text(map, key), text) == 0;
}

static bool has_route(const struct conf_node *routes, const char *provider, const char *credential)
{
    for (const struct conf_node *route = routes != NULL ? routes->first : NULL; route != NULL;
         route = route->next) {
        if (has_text(route, "provider", provider) && has_text(route, "credential", credential)) {
            return true;
        }
    }
    return false;
}

/* Names have nothing that would have to be escaped; the quotes keep `null`, `true` and `0x10` texts. */
static int append_route(struct buf *out, struct span indent, const char *provider, const char *credential)
{
    int r = buf_appendf(out, "%.*s- provider: \"%s\"\n", SPAN_ARG(indent), provider);
    return r == 0 && credential[0] != '\0'
               ? buf_appendf(out, "%.*s  credential: \"%s\"\n", SPAN_ARG(indent), credential)
               : r;
}

/* Where the line with this number (from 1) begins. */
static size_t line_at(struct span text, size_t number)
{
    size_t at = 0;
    for (size_t line = 1; line < number && at < text.len; line++) {
        const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
        at = end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
    }
    return at;
}

int provision_add_routes(struct span text, const struct provision_route *pairs, size_t count, struct buf *out)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(text, &tree, &error);
    if (r != 0) {
        return r;
    }
    const struct conf_node *routes = conf_node_get(conf_node_get(tree.documents, "spec"), "routes");
    const struct conf_node *first =
        routes != NULL && routes->kind == CONF_KIND_SEQUENCE ? routes->first : NULL;
    size_t at = first != NULL ? line_at(text, first->line) : 0;
    size_t indent = at;
    while (indent < text.len && text.ptr[indent] == ' ') {
        indent++;
    }
    bool missing = false;
    for (size_t i = 0; i < count; i++) {
        missing = missing || !has_route(routes, pairs[i].provider, pairs[i].credential);
    }
    /* The first route begins on a line of its own, behind nothing but "- ". */
    bool block = first != NULL && indent + 1 < text.len && text.ptr[indent] == '-' &&
                 text.ptr[indent + 1] == ' ' && first->column == indent - at + 3;
    r = block || !missing ? buf_append_span(out, span_sub(text, 0, at)) : CB_ENOTFOUND;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!has_route(routes, pairs[i].provider, pairs[i].credential)) {
            r = append_route(out, span_sub(text, at, indent - at), pairs[i].provider, pairs[i].credential);
        }
    }
    conf_tree_deinit(&tree);
    return r == 0 ? buf_append_span(out, span_sub(text, at, SIZE_MAX)) : r;
}

/* ---- documents ---- */

static int new_document(const char *name, const struct provision_route *pairs, size_t count, struct buf *out)
{
    int r = buf_appendf(out,
                        "# Made by clawbox provision; schema/tenant.schema.json has every key.\n"
                        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: \"%s\"\nspec:\n  routes:\n",
                        name);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = append_route(out, SPAN_LIT("    "), pairs[i].provider, pairs[i].credential);
    }
    return r == 0 ? buf_append_str(out, "  kubernetes: {}\n") : r;
}

static bool names_files(struct span text)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    bool found = false;
    if (conf_tree_read(text, &tree, &error) != 0) {
        return false; /* the server will say what is wrong with it */
    }
    const struct conf_node *routes = conf_node_get(conf_node_get(tree.documents, "spec"), "routes");
    for (const struct conf_node *route = routes != NULL ? routes->first : NULL; route != NULL;
         route = route->next) {
        found = found || conf_node_get(conf_node_get(route, "upstream"), "caFile") != NULL;
    }
    conf_tree_deinit(&tree);
    return found;
}

static int fail_by_hand(const char *name, const char *why)
{
    return cmd_fail(
        "%s: write it to a file with `clawbox tenant show %s --yaml`, add the routes there, and give "
        "that with -f",
        why, name);
}

/* The document that the server has, with more routes. */
static int extend(const char *name, struct span text, const struct provision_route *pairs, size_t count,
                  struct buf *out)
{
    char why[160];
    int r = provision_add_routes(text, pairs, count, out);
    if (r == CB_ENOTFOUND) {
        (void)snprintf(why, sizeof(why), "the routes of tenant %s are not written one below the other", name);
        return fail_by_hand(name, why);
    }
    if (r != 0) {
        return cmd_fail_r(r, "the document of tenant %s cannot be read", name);
    }
    if (!span_eq(buf_span(out), text) && names_files(text)) {
        (void)snprintf(why, sizeof(why),
                       "the document of tenant %s names files (caFile) that the server does not have", name);
        return fail_by_hand(name, why);
    }
    return CMD_GO;
}

static int write_body(const char *name, struct span text, struct buf *body)
{
    struct json j;
    char file[64];
    (void)snprintf(file, sizeof(file), "%s.yaml", name);
    json_init(&j, body);
    json_object(&j, NULL);
    json_text(&j, "file", span_str(file));
    json_text(&j, "text", text);
    json_object_end(&j);
    int r = json_finish(&j);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the document of tenant %s cannot be sent", name);
}

/* From what the server has, or anew. */
static int compose(const char *state, const char *name, const struct provision_route *pairs, size_t count,
                   struct provision_document *out)
{
    char target[128];
    struct control_answer answer;
    struct buf text;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", name);
    struct control_request request = {.method = "GET", .target = target, .absent_is_fine = true};
    int status = control_ask(state, &request, &answer);
    if (status != CMD_GO) {
        return status;
    }
    buf_init(&text, DOCUMENT_MAX);
    bool present = answer.status != 404;
    struct span old = SPAN_EMPTY;
    status = present ? control_answer_read(&answer) : CMD_GO;
    if (status == CMD_GO && present) {
        old = span_str(control_text(control_answer_root(&answer), "yaml"));
        status = extend(name, old, pairs, count, &text);
    } else if (status == CMD_GO) {
        int r = new_document(name, pairs, count, &text);
        status = r == 0 ? CMD_GO : cmd_fail_r(r, "the document of tenant %s cannot be put together", name);
    }
    /* When all of it is there already, the tenant stays as it is. */
    if (status == CMD_GO && !(present && span_eq(old, buf_span(&text)))) {
        (void)snprintf(out->if_match, sizeof(out->if_match), "%s", present ? answer.tag : "");
        out->if_none_match = !present;
        status = write_body(name, buf_span(&text), &out->body);
    }
    buf_deinit(&text);
    control_answer_deinit(&answer);
    return status;
}

static int compose_from(const char *state, const char *name, const struct provision_providers *providers,
                        struct provision_document *out)
{
    struct conf_presets presets;
    struct provision_route *pairs = calloc(PROVISION_PROVIDERS_MAX, sizeof(*pairs));
    int r = pairs != NULL ? conf_presets_load(&presets) : CB_ENOMEM;
    if (r != 0) {
        free(pairs);
        return cmd_fail_r(r, "the providers cannot be read");
    }
    int status = CMD_GO;
    for (size_t i = 0; status == CMD_GO && i < providers->count; i++) {
        status = read_pair(&presets, providers->items[i], &pairs[i]);
    }
    if (status == CMD_GO) {
        status = compose(state, name, pairs, providers->count, out);
    }
    conf_presets_deinit(&presets);
    free(pairs);
    return status;
}

int provision_document_make(const char *state, const char *name, const char *file,
                            const struct provision_providers *providers, struct provision_document *out)
{
    *out = (struct provision_document){.if_match = ""};
    if (file != NULL) {
        return tenant_file_read(file, &out->body);
    }
    buf_init(&out->body, DOCUMENT_MAX);
    return providers->count != 0 ? compose_from(state, name, providers, out) : CMD_GO;
}

void provision_document_deinit(struct provision_document *document)
{
    buf_deinit(&document->body);
}

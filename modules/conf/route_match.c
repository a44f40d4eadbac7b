/* route_match.c - the methods and paths of a route. */
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/path.h"
#include "policy/spec_check.h"

static bool method_is_token(const char *method)
{
    return strlen(method) <= SPEC_METHOD_MAX && method[0] != '\0' &&
           method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_!#$%&'*+.^`|~")] == '\0';
}

static bool check_method(const struct conf_entry *entry, const struct conf_node *node, const char *method)
{
    struct conf_report *report = entry->draft->report;
    if (!method_is_token(method)) {
        conf_report_node(report, node, "not a method: write it in capitals, as in GET");
    } else if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0 ||
               strcmp(method, "TRACK") == 0) {
        conf_report_node(report, node, "%s is never forwarded: remove it", method);
    } else if (entry->has_preset && entry->route->action == SPEC_ACTION_ALLOW &&
               !conf_preset_has_method(&entry->preset, method)) {
        conf_report_node(
            report, node,
            "a route may only narrow what provider %s allows: remove it, or write a route with a host",
            entry->preset.name);
    } else {
        return true;
    }
    return false;
}

/* The pattern as it is matched: "*" for the mark. Returns where the mark was, or SIZE_MAX. */
static size_t replace_mark(char *pattern)
{
    const size_t len = strlen(CONF_CREDENTIAL_MARK);
    char *mark = strstr(pattern, CONF_CREDENTIAL_MARK);
    if (mark == NULL) {
        return SIZE_MAX;
    }
    *mark = '*';
    memmove(mark + 1, mark + len, strlen(mark + len) + 1);
    return (size_t)(mark - pattern);
}

/* What is wrong with the place of the credential in a pattern, or NULL. */
static const char *check_mark(const struct conf_entry *entry, const char *pattern, size_t mark)
{
    bool wanted = entry->route->inject == SPEC_INJECT_PATH;
    if (wanted && mark == SIZE_MAX) {
        return "does not say where the credential stands: write " CONF_CREDENTIAL_MARK
               " there, as in /bot" CONF_CREDENTIAL_MARK "/sendMessage";
    }
    if (!wanted && mark != SIZE_MAX && entry->route->action == SPEC_ACTION_ALLOW) {
        return CONF_CREDENTIAL_MARK " means something only with inject: {path: true}";
    }
    if (mark != SIZE_MAX &&
        (strstr(pattern, CONF_CREDENTIAL_MARK) != NULL || !spec_mark_is_valid(span_str(pattern), mark))) {
        return CONF_CREDENTIAL_MARK " stands once, in a segment without \"*\"";
    }
    return NULL;
}

static bool check_path(const struct conf_entry *entry, const struct conf_node *node, const char *path)
{
    char why[320] = "a path pattern has at most 1024 bytes";
    struct conf_report *report = entry->draft->report;
    char pattern[SPEC_PATH_MAX + 1] = "";
    if (node->len <= SPEC_PATH_MAX) {
        memcpy(pattern, path, node->len + 1);
    }
    size_t mark = replace_mark(pattern);
    const char *misplaced = check_mark(entry, pattern, mark);
    if (node->len > SPEC_PATH_MAX || policy_path_pattern_check(span_str(pattern), why, sizeof(why)) != 0) {
        conf_report_node(report, node, "%s", why);
    } else if (misplaced != NULL) {
        conf_report_node(report, node, "%s", misplaced);
    } else if (entry->has_preset && entry->route->action == SPEC_ACTION_ALLOW &&
               !conf_preset_covers_path(&entry->preset, path)) {
        conf_report_node(report, node,
                         "a route may only narrow what provider %s allows: write a path below %s",
                         entry->preset.name, entry->preset.paths->first->text);
    } else {
        return true;
    }
    return false;
}

typedef bool check_fn(const struct conf_entry *entry, const struct conf_node *node, const char *text);

static bool is_in(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads a list of texts of the tenant's file, or copies one of a preset (check NULL). */
static int read_list(const struct conf_entry *entry, const struct conf_node *list, size_t max,
                     check_fn *check, char ***out, size_t *out_count)
{
    struct conf_report *report = entry->draft->report;
    if (!conf_read_kind(report, list, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (list->count == 0 || list->count > max) {
        conf_report_node(report, list, "should have 1 to %zu entries%s", max,
                         list->count == 0 ? ": leave the key out for the default" : "");
        return 0;
    }
    *out = calloc(list->count, sizeof(**out));
    if (*out == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = list->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text) || (check != NULL && !check(entry, item, text))) {
            continue;
        }
        if (is_in(*out, *out_count, text)) {
            conf_report_node(report, item, "stands in this list already: remove it");
            continue;
        }
        (*out)[*out_count] = strdup(text);
        if ((*out)[*out_count] == NULL) {
            return CB_ENOMEM;
        }
        ++*out_count;
    }
    return 0;
}

static int default_methods(struct spec_route *route)
{
    /* What a deny route does not say, it denies: so it starts with more, and conf_tenants_load() adds what others allow. */
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    size_t count = route->action == SPEC_ACTION_DENY ? sizeof(methods) / sizeof(methods[0]) : 3;
    route->methods = calloc(SPEC_METHODS_MAX, sizeof(*route->methods));
    if (route->methods == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        route->methods[i] = strdup(methods[i]);
        if (route->methods[i] == NULL) {
            return CB_ENOMEM;
        }
        route->method_count++;
    }
    return 0;
}

/* Writes the patterns as they are matched, and keeps where the credential stands in them. */
static int place_marks(struct spec_route *route)
{
    if (route->inject == SPEC_INJECT_PATH && route->path_count != 0) {
        route->path_marks = calloc(route->path_count, sizeof(*route->path_marks));
        if (route->path_marks == NULL) {
            return CB_ENOMEM;
        }
    }
    for (size_t i = 0; i < route->path_count; i++) {
        size_t mark = replace_mark(route->paths[i]);
        if (route->path_marks != NULL) {
            route->path_marks[i] = (uint16_t)mark;
        }
    }
    return 0;
}

int conf_entry_read_match(struct conf_entry *entry)
{
    struct spec_route *route = entry->route;
    bool preset = entry->has_preset && route->action == SPEC_ACTION_ALLOW;
    const struct conf_node *methods = conf_entry_get(entry, "methods");
    const struct conf_node *paths = conf_entry_get(entry, "paths");
    check_fn *method_check = methods != NULL ? check_method : NULL;
    check_fn *path_check = paths != NULL ? check_path : NULL;
    methods = methods == NULL && preset ? entry->preset.methods : methods;
    paths = paths == NULL && preset ? entry->preset.paths : paths;
    int r = methods != NULL ? read_list(entry, methods, SPEC_METHODS_MAX, method_check, &route->methods,
                                        &route->method_count)
                            : default_methods(route);
    if (r == 0 && paths != NULL) {
        r = read_list(entry, paths, SPEC_PATHS_MAX, path_check, &route->paths, &route->path_count);
    }
    if (paths == NULL && route->inject == SPEC_INJECT_PATH) {
        conf_report_node(entry->draft->report, conf_entry_get(entry, "inject"),
                         "needs paths that say where: write paths: [/bot" CONF_CREDENTIAL_MARK "/**]");
    }
    return r != 0 ? r : place_marks(route);
}

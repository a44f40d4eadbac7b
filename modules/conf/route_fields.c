/* route_fields.c - headers that every request of a route gets; what else is a credential's place; what passes although. */
#include <stdlib.h>

#include "conf/entry.h"
#include "policy/spec_check.h"

/* A header whose value every request gets is public: it stands in the tenant's file. */
static bool is_secret(struct span name)
{
    return span_eq_nocase(name, SPAN_LIT("authorization")) || span_eq_nocase(name, SPAN_LIT("cookie"));
}

static bool has_field(const struct spec_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_eq_nocase(span_str(fields[i].name), span_str(name))) {
            return true;
        }
    }
    return false;
}

static bool check_extra(struct conf_entry *entry, const struct conf_node *node, const char *value)
{
    struct conf_report *report = entry->draft->report;
    const struct spec_route *route = entry->route;
    struct span name = span_str(node->key);
    struct span text = span_str(value);
    if (spec_header_is_reserved(name)) {
        conf_report_key(report, node, "belongs to the proxy or to the message itself: remove it");
    } else if (!spec_header_is_valid(name)) {
        conf_report_key(report, node, "not a header name: write one such as X-Version");
    } else if (is_secret(name)) {
        conf_report_key(report, node, "carries a credential: write credential and inject instead");
    } else if (has_field(route->headers, route->header_count, node->key)) {
        conf_report_key(report, node, "is the header that the credential goes into: remove it");
    } else if (has_field(route->extras, route->extra_count, node->key)) {
        conf_report_key(report, node, "stands here already, in other letters: remove it");
    } else if (text.len == 0 || text.ptr[text.len - 1] == ' ' || !spec_value_is_valid(text, SPEC_VALUE_MAX)) {
        conf_report_node(report, node,
                         "should be 1 to %d printable ASCII characters without a blank at an end",
                         SPEC_VALUE_MAX);
    } else {
        return true;
    }
    return false;
}

static int read_extras(struct conf_entry *entry, const struct conf_node *map)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    if (!conf_read_kind(report, map, CONF_KIND_MAP)) {
        return 0;
    }
    if (map->count == 0 || map->count > SPEC_EXTRAS_MAX) {
        conf_report_node(report, map, "should have 1 to %d entries", SPEC_EXTRAS_MAX);
        return 0;
    }
    for (const struct conf_node *node = map->first; node != NULL; node = node->next) {
        const char *value = NULL;
        if (!conf_read_text(report, node, &value) || !check_extra(entry, node, value)) {
            continue;
        }
        int r = spec_add_field(&route->extras, &route->extra_count, SPEC_EXTRAS_MAX, node->key, value);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* Names without case, so they are kept in lower case. */
static char *lower(const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; p != NULL && *p != '\0'; p++) {
        *p = (char)ascii_lower((uint8_t)*p);
    }
    return copy;
}

static bool is_listed(const struct spec_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_eq_nocase(span_str(list->items[i]), span_str(text))) {
            return true;
        }
    }
    return false;
}

static int read_names(struct conf_entry *entry, const struct conf_node *node, bool headers,
                      struct spec_list *out)
{
    struct conf_report *report = entry->draft->report;
    if (node == NULL || !conf_read_kind(report, node, CONF_KIND_SEQUENCE)) {
        return 0;
    }
    if (node->count == 0 || node->count > SPEC_LIST_MAX) {
        conf_report_node(report, node, "should have 1 to %d entries", SPEC_LIST_MAX);
        return 0;
    }
    out->items = calloc(node->count, sizeof(*out->items));
    if (out->items == NULL) {
        return CB_ENOMEM;
    }
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        const char *text = NULL;
        if (!conf_read_text(report, item, &text)) {
            continue;
        }
        if (is_listed(out, text)) {
            conf_report_node(report, item, "stands in this list already: remove it");
            continue;
        }
        char *name = lower(text);
        if (name == NULL) {
            return CB_ENOMEM;
        }
        if (headers ? !spec_place_header_is_valid(span_str(name))
                    : !spec_place_parameter_is_valid(span_str(name))) {
            conf_report_node(report, item, "%s",
                             headers
                                 ? "not a header that can be named here: one such as X-Api-Key or X-Amz-*, "
                                   "and none of the message itself"
                                 : "not a parameter's name: letters, digits, \"-\", \".\", \"_\" or \"~\"");
            free(name);
            continue;
        }
        out->items[out->count++] = name;
    }
    return 0;
}

static int read_lists(struct conf_entry *entry, const char *key, struct spec_list *headers,
                      struct spec_list *query)
{
    static const char *const keys[] = {"headers", "query", NULL};
    const struct conf_node *node = conf_entry_get(entry, key);
    if (node == NULL || !conf_read_keys(entry->draft->report, node, keys)) {
        return 0;
    }
    if (node->count == 0) {
        conf_report_node(entry->draft->report, node, "is empty: write headers or query, or remove it");
    }
    int r = read_names(entry, conf_node_get(node, "headers"), true, headers);
    return r != 0 ? r : read_names(entry, conf_node_get(node, "query"), false, query);
}

int conf_entry_read_fields(struct conf_entry *entry)
{
    struct spec_route *route = entry->route;
    if (route->action == SPEC_ACTION_DENY) {
        return 0; /* conf_entry_read_credential() has refused the keys */
    }
    const struct conf_node *extras = conf_entry_get(entry, "headers");
    int r = extras != NULL ? read_extras(entry, extras) : 0;
    if (r == 0) {
        r = read_lists(entry, "places", &route->place_headers, &route->place_query);
    }
    if (r == 0) {
        r = read_lists(entry, "pass", &route->pass_headers, &route->pass_query);
    }
    if (r == 0 && spec_route_passes_own(route)) {
        conf_report_node(entry->draft->report, conf_entry_get(entry, "pass"),
                         "names the place that the credential goes into: remove it there");
    }
    return r;
}

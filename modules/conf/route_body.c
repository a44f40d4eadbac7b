/* route_body.c - a credential that goes into the body: {body: NAME}, with {bearer: true} or {header: NAME, prefix: TEXT} beside. */
#include "conf/entry.h"
#include "policy/spec_check.h"

/* Many APIs that read the credential from the body read it from a header too, and their SDKs do one or the other. */
static int read_header(struct conf_entry *entry, const struct conf_node *map)
{
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const struct conf_node *bearer = conf_node_get(map, "bearer");
    const struct conf_node *header = conf_node_get(map, "header");
    const struct conf_node *prefix = conf_node_get(map, "prefix");
    bool yes = false;
    if (bearer != NULL && header != NULL) {
        conf_report_key(report, header, "bearer is a header already: remove one of them");
        return 0;
    }
    if (prefix != NULL && header == NULL) {
        conf_report_key(report, prefix, "means something only with a header: remove it");
        return 0;
    }
    if (header != NULL) {
        return conf_entry_add_header(entry, header, prefix);
    }
    if (bearer == NULL || !conf_read_bool(report, bearer, &yes)) {
        return 0;
    }
    if (!yes) {
        conf_report_node(report, bearer, "should be true; for no header remove it");
        return 0;
    }
    return spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, "Authorization",
                          "Bearer ");
}

int conf_entry_read_body(struct conf_entry *entry, const struct conf_node *map)
{
    static const char *const keys[] = {"body", "bearer", "header", "prefix", NULL};
    struct conf_report *report = entry->draft->report;
    const struct conf_node *name = conf_node_get(map, "body");
    const char *text = NULL;
    if (!conf_read_keys(report, map, keys) || !conf_read_text(report, name, &text)) {
        return 0;
    }
    if (!spec_parameter_is_valid(span_str(text))) {
        conf_report_node(report, name,
                         "not a field's name: 1 to %d letters, digits, \"-\", \".\", \"_\" or \"~\"",
                         SPEC_PARAMETER_MAX);
        return 0;
    }
    if (entry->route->placeholder_required) {
        conf_report_key(
            report, conf_entry_get(entry, "placeholder"),
            "the body is seen only while it is sent, too late to require something of it: remove it");
    }
    entry->route->inject = SPEC_INJECT_BODY;
    int r = conf_copy_text(&entry->route->parameter, text);
    return r == 0 ? read_header(entry, map) : r;
}

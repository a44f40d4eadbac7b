/* kube.c - requests to a Kubernetes API server, and the rules for them. */
#include "policy/kube.h"

#define KUBE_SEGMENTS_MAX 64

/* ---- reading ---- */

struct kube_path {
    struct span segments[KUBE_SEGMENTS_MAX];
    size_t count;
};

static bool is_label_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_word(struct span s, bool dots)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_label_byte(s.ptr[i]) && !(dots && s.ptr[i] == '.')) {
            return false;
        }
    }
    return s.len != 0 && s.len <= SPEC_KUBE_WORD_MAX;
}

/* An escape would be decoded by the server into something that was not looked at here, and an empty segment moves the
 * others. A path that ends in "/" has one. */
static bool split(struct span path, struct kube_path *out)
{
    out->count = 0;
    if (path.len == 0 || memchr(path.ptr, '%', path.len) != NULL) {
        return false;
    }
    for (size_t at = 1; at <= path.len;) {
        size_t end = at;
        while (end < path.len && path.ptr[end] != '/') {
            end++;
        }
        if (end == at || out->count == KUBE_SEGMENTS_MAX) {
            return false;
        }
        out->segments[out->count++] = span_sub(path, at, end - at);
        at = end + 1;
    }
    return out->count != 0;
}

static bool segment_is(const struct kube_path *p, size_t i, const char *text)
{
    return i < p->count && span_eq_str(p->segments[i], text);
}

/* Whether a "watch" parameter says yes. False in *sure: the server may take it for something else than is seen here. */
static bool wants_watch(struct span query, bool *sure)
{
    bool watch = false;
    size_t found = 0;
    *sure = query.len == 0 || memchr(query.ptr, ';', query.len) == NULL;
    for (size_t at = 0; at < query.len;) {
        size_t end = at;
        size_t equals = SIZE_MAX;
        while (end < query.len && query.ptr[end] != '&') {
            equals = query.ptr[end] == '=' && equals == SIZE_MAX ? end : equals;
            end++;
        }
        size_t name_end = equals != SIZE_MAX ? equals : end;
        struct span name = span_sub(query, at, name_end - at);
        struct span value = span_sub(query, name_end + 1, end > name_end ? end - name_end - 1 : 0);
        *sure = *sure && (name.len == 0 || memchr(name.ptr, '%', name.len) == NULL);
        if (span_eq_str(name, "watch")) {
            /* As the server converts a text to a bool: everything but these is yes. */
            watch = !span_eq_nocase(value, SPAN_LIT("false")) && !span_eq_str(value, "0");
            *sure = *sure && found++ == 0 && (value.len == 0 || memchr(value.ptr, '%', value.len) == NULL);
        }
        at = end + 1;
    }
    return watch;
}

static struct span verb_of(struct span method, bool named, bool watch)
{
    static const struct {
        const char *method;
        const char *one;
        const char *many;
    } verbs[] = {
        {"GET", "get", "list"},      {"HEAD", "get", "list"},     {"POST", "create", "create"},
        {"PUT", "update", "update"}, {"PATCH", "patch", "patch"}, {"DELETE", "delete", "deletecollection"},
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (span_eq_str(method, verbs[i].method)) {
            bool reads = strcmp(verbs[i].one, "get") == 0;
            return watch && reads ? SPAN_LIT("watch") : span_str(named ? verbs[i].one : verbs[i].many);
        }
    }
    return SPAN_EMPTY;
}

static bool is_discovery(const struct kube_path *p)
{
    static const char *const roots[] = {"version", "api", "apis", "openapi", "healthz", "livez", "readyz"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (segment_is(p, 0, roots[i])) {
            return p->count == 1 || i == 3 || (i == 1 && p->count == 2) || (i == 2 && p->count <= 3);
        }
    }
    return false;
}

/* What stands behind /api/VERSION or /apis/GROUP/VERSION. */
static int read_resource(const struct kube_path *p, size_t at, struct policy_kube_request *out, bool *named)
{
    /* "namespaces/NAME" alone, and with these behind, is about the namespace itself. */
    bool inside = segment_is(p, at, "namespaces") && p->count > at + 2 && !segment_is(p, at + 2, "status") &&
                  !segment_is(p, at + 2, "finalize");
    if (segment_is(p, at, "watch") || segment_is(p, at, "proxy")) {
        return CB_EMALFORMED;
    }
    if (segment_is(p, at, "namespaces") && p->count > at + 1) {
        out->space = p->segments[at + 1];
    }
    at += inside ? 2 : 0;
    out->resource = p->segments[at];
    *named = p->count > at + 1;
    if (p->count > at + 2) {
        out->subresource = p->segments[at + 2];
    }
    /* Behind "proxy" comes a path of somebody else's; nothing else has more segments. */
    bool odd = p->count > at + 3 && !span_eq_str(out->subresource, "proxy");
    /* Namespaces themselves are the core group's. */
    odd = odd || (out->group.len != 0 && span_eq_str(out->resource, "namespaces"));
    return odd || !is_word(out->resource, false) ||
                   (out->subresource.len != 0 && !is_word(out->subresource, false)) ||
                   (out->space.len != 0 && !policy_kube_namespace_is_valid(out->space))
               ? CB_EMALFORMED
               : 0;
}

int policy_kube_read(struct span method, struct span path, struct span query, struct policy_kube_request *out)
{
    struct kube_path p;
    bool sure;
    bool named = false;
    *out = (struct policy_kube_request){.discovery = false};
    bool watch = wants_watch(query, &sure);
    if (!split(path, &p) || !sure) {
        return CB_EMALFORMED;
    }
    if (is_discovery(&p)) {
        out->discovery = true;
        out->verb = verb_of(method, true, false);
        return out->verb.len != 0 ? 0 : CB_EMALFORMED;
    }
    bool core = segment_is(&p, 0, "api");
    if (!core && !segment_is(&p, 0, "apis")) {
        return CB_EMALFORMED;
    }
    out->group = core ? SPAN_EMPTY : p.segments[1];
    int r = core || is_word(out->group, true) ? read_resource(&p, core ? 2 : 3, out, &named) : CB_EMALFORMED;
    out->verb = verb_of(method, named, watch);
    return r != 0 || out->verb.len == 0 ? CB_EMALFORMED : 0;
}

/* ---- rules ---- */

/* RESOURCE[.GROUP][/SUBRESOURCE] in its parts. */
static void take_apart(struct span text, struct span *resource, struct span *group, struct span *subresource)
{
    const uint8_t *slash = text.len != 0 ? memchr(text.ptr, '/', text.len) : NULL;
    size_t main_len = slash != NULL ? (size_t)(slash - text.ptr) : text.len;
    struct span name = span_sub(text, 0, main_len);
    const uint8_t *dot = name.len != 0 ? memchr(name.ptr, '.', name.len) : NULL;
    size_t resource_len = dot != NULL ? (size_t)(dot - name.ptr) : name.len;
    *resource = span_sub(name, 0, resource_len);
    *group = span_sub(name, resource_len + 1, name.len);
    *subresource = span_sub(text, main_len + 1, text.len);
}

/* `any_sub`: an entry without a subresource stands for all of them. */
static bool covers(struct span entry, const struct policy_kube_request *q, bool any_sub)
{
    struct span resource;
    struct span group;
    struct span subresource;
    take_apart(entry, &resource, &group, &subresource);
    bool star = span_eq_str(resource, "*");
    return (star || span_eq(resource, q->resource)) && span_eq(group, q->group) &&
           (span_eq(subresource, q->subresource) || ((any_sub || star) && subresource.len == 0));
}

static bool is_guarded(const struct policy_kube_request *q)
{
#define KUBE_TEXT(text_) text_,
    static const char *const guarded[] = {POLICY_KUBE_GUARDED(KUBE_TEXT)};
#undef KUBE_TEXT
    for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
        if (covers(span_str(guarded[i]), q, true)) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct spec_list *list, struct span word, bool star)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_eq_str(word, list->items[i]) || (star && strcmp(list->items[i], "*") == 0)) {
            return true;
        }
    }
    return false;
}

static bool rule_allows(const struct spec_kube_rule *rule, const struct policy_kube_request *q, bool guarded)
{
    bool here =
        q->space.len == 0 ? rule->namespaces.count == 0 : is_listed(&rule->namespaces, q->space, false);
    if (!here || !is_listed(&rule->verbs, q->verb, true)) {
        return false;
    }
    for (size_t i = 0; i < rule->resources.count; i++) {
        const char *entry = rule->resources.items[i];
        if (strcmp(entry, "*") == 0 ? !guarded : covers(span_str(entry), q, false)) {
            return true;
        }
    }
    return false;
}

enum policy_reason policy_kube_judge(const struct spec_route *route, struct span method, struct span path,
                                     struct span query)
{
    struct policy_kube_request q;
    if (route->kube_rule_count == 0) {
        return POLICY_REASON_ROUTE;
    }
    if (policy_kube_read(method, path, query, &q) != 0) {
        return POLICY_REASON_KUBERNETES_RULE;
    }
    if (q.discovery) {
        return span_eq_str(q.verb, "get") ? POLICY_REASON_ROUTE : POLICY_REASON_KUBERNETES_RULE;
    }
    bool guarded = is_guarded(&q);
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        if (rule_allows(&route->kube_rules[i], &q, guarded)) {
            return POLICY_REASON_ROUTE;
        }
    }
    return POLICY_REASON_KUBERNETES_RULE;
}

bool policy_kube_verb_is_valid(struct span verb)
{
    static const char *const verbs[] = {"*",      "get",   "list",   "watch",           "create",
                                        "update", "patch", "delete", "deletecollection"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (span_eq_str(verb, verbs[i])) {
            return true;
        }
    }
    return false;
}

bool policy_kube_resource_is_valid(struct span text)
{
    struct span resource;
    struct span group;
    struct span subresource;
    take_apart(text, &resource, &group, &subresource);
    bool star = span_eq_str(resource, "*");
    /* What was taken apart, put together again, has to be all there was: "pods/" and "pods." are mistakes. */
    size_t whole = resource.len + (group.len != 0 ? group.len + 1 : 0) +
                   (subresource.len != 0 ? subresource.len + 1 : 0);
    return whole == text.len && (star ? subresource.len == 0 : is_word(resource, false)) &&
           (group.len == 0 || is_word(group, true)) && (subresource.len == 0 || is_word(subresource, false));
}

bool policy_kube_namespace_is_valid(struct span name)
{
    return name.len <= 63 && is_word(name, false) && name.ptr[0] != '-' && name.ptr[name.len - 1] != '-';
}

/* access.c - what the assistant may do in its workspace, and how it gets there. */
#include "kube/internal.h"

#include <stdio.h>

/* ---- the Role ---- */

/* "RESOURCE.GROUP/SUBRESOURCE", the words of a route's rules. */
struct resource {
    struct span group;
    char name[SPEC_KUBE_RESOURCE_MAX + 1]; /* as RBAC writes it: "pods/log" */
};

static void split(const char *text, struct resource *out)
{
    struct span whole = span_str(text);
    const uint8_t *slash = memchr(whole.ptr, '/', whole.len);
    struct span object = span_sub(whole, 0, slash != NULL ? (size_t)(slash - whole.ptr) : whole.len);
    struct span rest = span_sub(whole, object.len, whole.len); /* with its slash */
    const uint8_t *dot = object.len != 0 ? memchr(object.ptr, '.', object.len) : NULL;
    size_t name = dot != NULL ? (size_t)(dot - object.ptr) : object.len;
    out->group = dot != NULL ? span_sub(object, name + 1, object.len) : SPAN_EMPTY;
    (void)snprintf(out->name, sizeof(out->name), "%.*s%.*s", (int)name, (const char *)object.ptr,
                   SPAN_ARG(rest));
}

/* One rule of RBAC for each group that the route's rule names, in the order in which it names them. */
static void write_rule(struct emit *e, const struct spec_kube_rule *rule)
{
    bool written[SPEC_LIST_MAX] = {false};
    for (size_t i = 0; i < rule->resources.count && i < SPEC_LIST_MAX; i++) {
        struct resource first;
        if (written[i]) {
            continue;
        }
        split(rule->resources.items[i], &first);
        emit_map(e, NULL);
        emit_list(e, "apiGroups");
        emit_span(e, NULL, first.group);
        emit_list_end(e);
        emit_list(e, "resources");
        for (size_t j = i; j < rule->resources.count && j < SPEC_LIST_MAX; j++) {
            struct resource other;
            split(rule->resources.items[j], &other);
            if (span_eq(other.group, first.group)) {
                emit_text(e, NULL, other.name);
                written[j] = true;
            }
        }
        emit_list_end(e);
        emit_list(e, "verbs");
        for (size_t j = 0; j < rule->verbs.count; j++) {
            emit_text(e, NULL, rule->verbs.items[j]);
        }
        emit_list_end(e);
        emit_map_end(e);
    }
}

void kube_role_rules(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    for (size_t i = 0; i < w->workspace->kube_rule_count; i++) {
        write_rule(e, &w->workspace->kube_rules[i]);
    }
}

/* ---- the kubeconfig ---- */

static void named(struct emit *e, const char *list, const char *name, const char *what)
{
    emit_list(e, list);
    emit_map(e, NULL);
    emit_text(e, "name", name);
    emit_map(e, what);
}

static void named_end(struct emit *e)
{
    emit_map_end(e);
    emit_map_end(e);
    emit_list_end(e);
}

void kube_kubeconfig(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    struct buf text;
    (void)argument;
    buf_init(&text, KUBE_OBJECT_MAX);
    struct emit *config = emit_new(&text);
    if (config != NULL) {
        emit_map(config, NULL);
        emit_text(config, "apiVersion", "v1");
        emit_text(config, "kind", "Config");
        named(config, "clusters", "cluster", "cluster");
        emit_textf(config, "server", "https://%s", w->workspace->host);
        emit_text(config, "certificate-authority", KUBE_TRUST_FILE);
        named_end(config);
        named(config, "users", "assistant", "user");
        emit_text(config, "token", kube_placeholder_of(w, w->workspace->credential));
        named_end(config);
        named(config, "contexts", CONF_KUBE_WORKSPACE, "context");
        emit_text(config, "cluster", "cluster");
        emit_text(config, "user", "assistant");
        emit_text(config, "namespace", w->dev);
        named_end(config);
        emit_text(config, "current-context", CONF_KUBE_WORKSPACE);
        emit_map_end(config);
    }
    int r = emit_finish(config);
    if (r != 0 && w->error == 0) {
        w->error = r;
    }
    emit_span(e, key, buf_span(&text));
    buf_deinit(&text);
}

/* ---- where its token may go ---- */

/* The address of the API server and the cluster's CA are known in the pod only: its loader puts them in place of the word. */
void kube_workspace_hosts(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)argument;
    emit_textf(e, key, "%s:%u via " KUBE_IN_CLUSTER " own-ca:" KUBE_IN_CLUSTER "\n", w->workspace->host,
               (unsigned)w->workspace->port);
}

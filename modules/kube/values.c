/* values.c - the names that templates use: conditions, texts and generators. */
#include "kube/internal.h"

#include <stdio.h>

#define URL_PREFIX "https://"

/* ---- conditions ---- */

static bool is_ingress(const struct kube_work *w)
{
    return w->settings->ingress_from.count != 0;
}

static bool is_metrics(const struct kube_work *w)
{
    return w->settings->metrics_from.count != 0;
}

static bool is_workspace(const struct kube_work *w)
{
    return w->workspace != NULL;
}

static bool is_storage_class(const struct kube_work *w)
{
    return w->settings->storage_class != NULL;
}

static bool is_openshift(const struct kube_work *w)
{
    return w->settings->flavor == CONF_KUBE_OPENSHIFT;
}

static bool is_kubernetes(const struct kube_work *w)
{
    return !is_openshift(w);
}

static bool is_route(const struct kube_work *w)
{
    return is_openshift(w) && is_ingress(w);
}

static bool is_origin(const struct kube_work *w)
{
    return w->settings->origins.count != 0;
}

static bool is_suspended(const struct kube_work *w)
{
    return w->tenant->suspended;
}

static bool is_running(const struct kube_work *w)
{
    return !w->tenant->suspended;
}

static bool is_registries(const struct kube_work *w)
{
    return w->settings->registries.count != 0;
}

bool kube_condition(struct kube_work *w, struct span name)
{
    static const struct {
        const char *name;
        bool (*holds)(const struct kube_work *w);
    } conditions[] = {{"ingress", is_ingress},       {"metrics", is_metrics},
                      {"workspace", is_workspace},   {"storage-class", is_storage_class},
                      {"kubernetes", is_kubernetes}, {"openshift", is_openshift},
                      {"route", is_route},           {"origin", is_origin},
                      {"registries", is_registries}, {"suspended", is_suspended},
                      {"running", is_running}};
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        if (span_eq_str(name, conditions[i].name)) {
            return conditions[i].holds(w);
        }
    }
    w->error = w->error != 0 ? w->error : CB_EINTERNAL;
    return false;
}

/* ---- texts ---- */

/* The host of the first origin: behind "https://", and without a port. */
static const char *origin_host(struct kube_work *w)
{
    const char *text = w->settings->origins.items[0];
    size_t start = strncmp(text, URL_PREFIX, strlen(URL_PREFIX)) == 0 ? strlen(URL_PREFIX) : 0;
    (void)snprintf(w->text, sizeof(w->text), "%s", text + start);
    w->text[strcspn(w->text, ":/")] = '\0';
    return w->text;
}

/* The registries with a slash behind: in CEL's quotes, or for people. What they consist of is checked where they are read. */
static const char *registries(struct kube_work *w, const char *quote)
{
    const struct spec_list *list = &w->settings->registries;
    size_t used = 0;
    w->text[0] = '\0';
    for (size_t i = 0; i < list->count && used < sizeof(w->text); i++) {
        int len = snprintf(w->text + used, sizeof(w->text) - used, "%s%s%s/%s", i != 0 ? ", " : "", quote,
                           list->items[i], quote);
        used += len > 0 ? (size_t)len : 0;
    }
    if (used >= sizeof(w->text)) {
        w->error = CB_ELIMIT;
    }
    return w->text;
}

static const char *own_image(struct kube_work *w)
{
    (void)snprintf(w->text, sizeof(w->text), "clawbox:%s", w->tenant->version);
    return w->settings->image != NULL ? w->settings->image : w->text;
}

const char *kube_value(struct kube_work *w, struct span name)
{
    const struct conf_kubernetes *s = w->settings;
    if (span_eq_str(name, "tenant")) {
        return w->spec->tenant;
    }
    if (span_eq_str(name, "claw")) {
        return w->claw;
    }
    if (span_eq_str(name, "dev")) {
        return w->dev;
    }
    if (span_eq_str(name, "image")) {
        return own_image(w);
    }
    if (span_eq_str(name, "gateway-image")) {
        return s->gateway_image != NULL ? s->gateway_image : KUBE_GATEWAY_IMAGE;
    }
    if (span_eq_str(name, "storage-class") && s->storage_class != NULL) {
        return s->storage_class;
    }
    if (span_eq_str(name, "storage")) {
        return s->storage != NULL ? s->storage : KUBE_STORAGE;
    }
    if (span_eq_str(name, "origin-host") && s->origins.count != 0) {
        return origin_host(w);
    }
    if (span_eq_str(name, "registries")) {
        return registries(w, "'");
    }
    if (span_eq_str(name, "registry-names")) {
        return registries(w, "");
    }
    if (span_eq_str(name, "configuration-digest")) {
        return w->openclaw_digest;
    }
    w->error = w->error != 0 ? w->error : CB_EINTERNAL;
    return "";
}

/* ---- generators ---- */

static void select_pods(struct kube_work *w, struct emit *e, const char *key, const char *component)
{
    (void)key;
    emit_text(e, "app.kubernetes.io/name", component);
    emit_text(e, "app.kubernetes.io/instance", w->spec->tenant);
}

void kube_labels(struct emit *e, const struct kube_work *w, const char *component)
{
    emit_text(e, "app.kubernetes.io/name", component[0] != '\0' ? component : "clawbox");
    emit_text(e, "app.kubernetes.io/instance", w->spec->tenant);
    emit_text(e, "app.kubernetes.io/part-of", "clawbox");
    emit_text(e, "app.kubernetes.io/managed-by", "clawbox");
    emit_text(e, "clawbox/tenant", w->spec->tenant);
}

static void labels(struct kube_work *w, struct emit *e, const char *key, const char *component)
{
    (void)key;
    kube_labels(e, w, component);
}

/* Each tool that removes what is gone from a repository has a word for leaving something alone. */
static void keep(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)w;
    (void)key;
    (void)argument;
    emit_text(e, "argocd.argoproj.io/sync-options", "Prune=false,Delete=false");
    emit_text(e, "helm.sh/resource-policy", "keep");
    emit_text(e, "kustomize.toolkit.fluxcd.io/prune", "disabled");
}

static void selector(struct emit *e, const struct conf_kube_labels *of)
{
    for (size_t i = 0; i < of->count; i++) {
        emit_text(e, of->items[i].name, of->items[i].value);
    }
}

static void ingress_from(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    selector(e, &w->settings->ingress_from);
}

static void metrics_from(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    selector(e, &w->settings->metrics_from);
}

static void tenant_document(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)argument;
    emit_span(e, key, buf_span(&w->document));
}

static void gateway_files(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    emit_span(e, "openclaw.json", buf_span(&w->openclaw));
    kube_google_files(w, e);
}

void kube_generate(struct kube_work *w, struct emit *e, const char *name, const char *key,
                   const char *argument)
{
    static const struct {
        const char *name;
        kube_generator *write;
    } generators[] = {{"labels", labels},
                      {"select", select_pods},
                      {"keep", keep},
                      {"ingress-from", ingress_from},
                      {"metrics-from", metrics_from},
                      {"tenant-document", tenant_document},
                      {"gateway-files", gateway_files},
                      {"dns", kube_dns},
                      {"proxy-egress", kube_proxy_egress},
                      {"workspace-dns", kube_workspace_dns},
                      {"workspace-open", kube_workspace_open},
                      {"role-rules", kube_role_rules},
                      {"kubeconfig", kube_kubeconfig},
                      {"workspace-hosts", kube_workspace_hosts},
                      {"credential-mounts", kube_credential_mounts},
                      {"credential-volumes", kube_credential_volumes},
                      {"proxy-env", kube_proxy_env},
                      {"gateway-env", kube_gateway_env},
                      {"placeholder-env", kube_placeholder_env}};
    for (size_t i = 0; i < sizeof(generators) / sizeof(generators[0]); i++) {
        if (strcmp(name, generators[i].name) == 0) {
            generators[i].write(w, e, key, argument);
            return;
        }
    }
    w->error = w->error != 0 ? w->error : CB_EINTERNAL;
}

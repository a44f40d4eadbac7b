/* manifests.c - the tenant checked, and every file of it written in its order. */
#include "kube/kube.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/encode.h"
#include "kube/internal.h"
#include "tls/seal.h"

extern const struct embed_file embed_kube[];
extern const size_t embed_kube_count;

/* Name of an object, and where the ExternalSecrets stand among the files. */
#define EXTERNAL_SECRET_NUMBER "35"

_Static_assert(SPEC_NAME_MAX + sizeof(CONF_KUBE_SUFFIX_CLAW) - 1 <= CONF_KUBE_NAMESPACE_MAX &&
                   SPEC_NAME_MAX + sizeof(CONF_KUBE_SUFFIX_DEV) - 1 <= CONF_KUBE_NAMESPACE_MAX,
               "every tenant's name has room for the suffixes of its namespaces");

static int refuse(struct kube_work *w, int code, const char *fmt, ...) CB_PRINTF(3, 4);
static int refuse(struct kube_work *w, int code, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    int r = buf_append_str(w->why, text);
    return r != 0 ? r : code;
}

/* ---- files ---- */

/* A file that is to be written; its buffer is valid until the next one is added. */
static int add_file(struct kube_work *w, struct buf **content, const char *fmt, ...) CB_PRINTF(3, 4);
static int add_file(struct kube_work *w, struct buf **content, const char *fmt, ...)
{
    struct kube_manifests *m = w->out;
    struct kube_file *grown = reallocarray(m->files, m->file_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return CB_ENOMEM;
    }
    m->files = grown;
    struct kube_file *file = &grown[m->file_count++];
    *file = (struct kube_file){0};
    buf_init(&file->content, KUBE_OBJECT_MAX);
    *content = &file->content;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&file->path, fmt, args);
    va_end(args);
    if (len < 0) {
        file->path = NULL;
        return CB_ENOMEM;
    }
    return 0;
}

static void drop_file(struct kube_work *w)
{
    struct kube_file *file = &w->out->files[--w->out->file_count];
    free(file->path);
    buf_deinit(&file->content);
}

static int too_large(struct kube_work *w)
{
    char *path = w->out->files[w->out->file_count - 1].path;
    return refuse(w, CB_ELIMIT,
                  "%s would be larger than an API server takes (1 MiB): fewer routes or certificates", path);
}

static int write_object(struct kube_work *w, const struct embed_file *template)
{
    struct buf *content = NULL;
    int r = add_file(w, &content, "%s/%s", w->spec->tenant, template->name);
    if (r == 0) {
        r = kube_template_write(w, span_of(template->data, template->size), content);
    }
    if (r == CB_ELIMIT) {
        return too_large(w);
    }
    if (r == 0 && buf_len(content) == 0) {
        drop_file(w);
    }
    return r;
}

static int write_external_secrets(struct kube_work *w)
{
    for (size_t i = 0; i < w->out->secret_count; i++) {
        struct buf *content = NULL;
        const struct kube_secret *secret = &w->out->secrets[i];
        int r = add_file(w, &content, "%s/claw/" EXTERNAL_SECRET_NUMBER "-externalsecret-%s.yaml",
                         w->spec->tenant, secret->name);
        if (r == 0) {
            r = kube_external_secret(w, secret, content);
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct kube_file *)a)->path, ((const struct kube_file *)b)->path);
}

/* ---- kustomization.yaml ---- */

static void begin_kustomization(struct emit *e)
{
    emit_map(e, NULL);
    emit_text(e, "apiVersion", "kustomize.config.k8s.io/v1beta1");
    emit_text(e, "kind", "Kustomization");
    emit_list(e, "resources");
}

static int end_kustomization(struct emit *e)
{
    if (e != NULL) {
        emit_list_end(e);
        emit_map_end(e);
    }
    return emit_finish(e);
}

/* Of one namespace's folder: its files in their order. */
static int write_kustomization(struct kube_work *w, const char *folder)
{
    struct buf *content = NULL;
    char prefix[SPEC_NAME_MAX + 16];
    size_t count = w->out->file_count;
    int len = snprintf(prefix, sizeof(prefix), "%s/%s/", w->spec->tenant, folder);
    int r = add_file(w, &content, "%skustomization.yaml", prefix);
    struct emit *e = r == 0 ? emit_new(content) : NULL;
    if (e == NULL) {
        return r != 0 ? r : CB_ENOMEM;
    }
    begin_kustomization(e);
    for (size_t i = 0; i < count; i++) {
        const char *path = w->out->files[i].path;
        if (strncmp(path, prefix, (size_t)len) == 0) {
            emit_text(e, NULL, path + len);
        }
    }
    return end_kustomization(e);
}

/* The workspace first: the proxy's rights are there before the proxy is. */
static int write_top(struct kube_work *w)
{
    struct buf *content = NULL;
    int r = add_file(w, &content, "%s/kustomization.yaml", w->spec->tenant);
    struct emit *e = r == 0 ? emit_new(content) : NULL;
    if (e == NULL) {
        return r != 0 ? r : CB_ENOMEM;
    }
    begin_kustomization(e);
    emit_text(e, NULL, "dev");
    emit_text(e, NULL, "claw");
    return end_kustomization(e);
}

/* ---- the tenant ---- */

static int check_placeholders(struct kube_work *w)
{
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const char *name = w->spec->credentials[i].name;
        if (kube_placeholder_of(w, name) == NULL) {
            return refuse(w, CB_EINVAL, "credential \"%s\" has no placeholder", name);
        }
    }
    return 0;
}

/* The route that conf has added, by what makes it one: the credential's name and rules. */
static const struct spec_route *find_workspace(const struct spec *spec)
{
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (route->action == SPEC_ACTION_ALLOW && route->kube_rule_count != 0 && route->credential != NULL &&
            strcmp(route->credential, CONF_KUBE_WORKSPACE) == 0) {
            return route;
        }
    }
    return NULL;
}

static int prepare(struct kube_work *w)
{
    uint8_t digest[DIGEST_LEN];
    w->workspace = find_workspace(w->spec);
    int r = check_placeholders(w);
    if (r == 0) {
        r = kube_check_variables(w);
    }
    if (r == 0) {
        r = kube_document(w);
    }
    if (r == 0) {
        r = kube_openclaw(w, &w->openclaw);
    }
    if (r == 0) {
        digest_sha256_of(buf_span(&w->openclaw), digest);
        encode_hex(digest, sizeof(w->openclaw_digest) / 2, w->openclaw_digest);
        r = kube_secrets_list(w);
    }
    return r == 0 ? kube_notes(w) : r;
}

static int write_all(struct kube_work *w)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < embed_kube_count; i++) {
        r = write_object(w, &embed_kube[i]);
    }
    if (r == 0 && w->settings->secrets == CONF_KUBE_SECRETS_EXTERNAL) {
        r = write_external_secrets(w);
    }
    if (r == 0) {
        qsort(w->out->files, w->out->file_count, sizeof(*w->out->files), compare_files);
        r = write_kustomization(w, "claw");
    }
    if (r == 0) {
        r = write_kustomization(w, "dev");
    }
    return r == 0 ? write_top(w) : r;
}

int kube_manifests_make(const struct kube_tenant *tenant, struct kube_manifests *out, struct buf *why)
{
    *out = (struct kube_manifests){0};
    struct kube_work *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return CB_ENOMEM;
    }
    *w = (struct kube_work){
        .tenant = tenant, .settings = tenant->settings, .spec = tenant->spec, .out = out, .why = why};
    buf_init(&w->document, KUBE_OBJECT_MAX);
    buf_init(&w->openclaw, KUBE_OBJECT_MAX);
    (void)snprintf(w->claw, sizeof(w->claw), "%s" CONF_KUBE_SUFFIX_CLAW, tenant->spec->tenant);
    (void)snprintf(w->dev, sizeof(w->dev), "%s" CONF_KUBE_SUFFIX_DEV, tenant->spec->tenant);
    int r = prepare(w);
    if (r == 0) {
        r = write_all(w);
    }
    if (r == CB_ELIMIT && buf_len(why) == 0) {
        r = refuse(w, CB_ELIMIT, "the tenant is too large for an object of Kubernetes (1 MiB)");
    }
    buf_deinit(&w->document);
    buf_deinit(&w->openclaw);
    free(w);
    if (r != 0) {
        kube_manifests_deinit(out);
    }
    return r;
}

void kube_manifests_deinit(struct kube_manifests *manifests)
{
    for (size_t i = 0; i < manifests->file_count; i++) {
        free(manifests->files[i].path);
        buf_deinit(&manifests->files[i].content);
    }
    for (size_t i = 0; i < manifests->secret_count; i++) {
        struct kube_secret *secret = &manifests->secrets[i];
        free(secret->space);
        free(secret->name);
        free(secret->about);
        free(secret->command);
        for (size_t j = 0; j < secret->key_count; j++) {
            free(secret->keys[j].text);
        }
    }
    for (size_t i = 0; i < manifests->note_count; i++) {
        free(manifests->notes[i]);
    }
    free(manifests->files);
    free(manifests->secrets);
    free(manifests->notes);
    *manifests = (struct kube_manifests){0};
}

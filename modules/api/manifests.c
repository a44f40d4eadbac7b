/*
 * manifests.c - a tenant's Kubernetes manifests: of what the store has, or of a document that nobody has applied yet.
 *
 * modules/kube makes them and is pure. What it needs is all here: the specification, spec.kubernetes of the document, the
 * placeholders. No value of a Secret is in any of it, nor known to this process.
 */
#include "api/state.h"

#include "conf/tenant.h"
#include "kube/kube.h"
#include "policy/placeholder.h"

#include <stdio.h>
#include <stdlib.h>

#define ERRORS_MAX ((size_t)64 * 1024)
#define WHY_MAX    2048

/* ---- the query: what it says instead of the document ---- */

static bool read_query(struct api_request *q)
{
    struct api_manifests *m = &q->manifests;
    const struct api_param params[] = {{.name = "flavor", .word = &m->flavor},
                                       {.name = "gateway_image", .word = &m->gateway_image},
                                       {.name = "image", .word = &m->image},
                                       {.name = "secrets", .word = &m->secrets}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0]))) {
        return false;
    }
    const struct span images[] = {m->image, m->gateway_image};
    for (size_t i = 0; i < 2; i++) {
        if (images[i].len != 0 && !conf_kube_image_valid(images[i])) {
            api_refuse(q, 400, "\"%.*s\" is no reference to an image, such as registry.example/clawbox:1.",
                       API_SHORT(images[i]));
            return false;
        }
    }
    if (m->flavor.len != 0 && conf_kube_flavor_of(m->flavor) == CONF_KUBE_FLAVOR__COUNT) {
        api_refuse(q, 400, "flavor should be kubernetes or openshift, not \"%.*s\".", API_SHORT(m->flavor));
        return false;
    }
    if (m->secrets.len != 0 && conf_kube_secrets_of(m->secrets) == CONF_KUBE_SECRETS__COUNT) {
        api_refuse(q, 400, "secrets should be reference, external or file, not \"%.*s\".",
                   API_SHORT(m->secrets));
        return false;
    }
    return true;
}

static int set_text(char **to, struct span text)
{
    if (text.len == 0) {
        return 0;
    }
    free(*to);
    *to = strndup((const char *)text.ptr, text.len);
    return *to != NULL ? 0 : CB_ENOMEM;
}

static int override(const struct api_manifests *m, struct conf_kubernetes *settings)
{
    int r = set_text(&settings->image, m->image);
    r = r == 0 ? set_text(&settings->gateway_image, m->gateway_image) : r;
    if (m->flavor.len != 0) {
        settings->flavor = conf_kube_flavor_of(m->flavor);
    }
    if (m->secrets.len != 0) {
        settings->secrets = conf_kube_secrets_of(m->secrets);
    }
    return r;
}

/* ---- placeholders ---- */

struct held {
    char name[SPEC_NAME_MAX + 1];
    char value[PLACEHOLDER_MAX];
};

struct holding {
    struct held *held;
    struct kube_placeholder *list; /* points into `held` */
    size_t count;
};

static void holding_deinit(struct holding *h)
{
    free(h->held);
    free(h->list);
    *h = (struct holding){0};
}

/* What the store has for the credential. False when it has none. */
static bool find_stored(const struct api_tenant *tenant, const char *name, struct held *out)
{
    struct reader r;
    uint32_t count = tenant != NULL ? api_credentials_begin(tenant, &r) : 0;
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct api_credential credential = api_credential_read(&r);
        if (r.error == 0 && span_eq_str(credential.name, name)) {
            (void)snprintf(out->value, sizeof(out->value), "%.*s", SPAN_ARG(credential.placeholder));
            return true;
        }
    }
    return false;
}

/* What the document says, as it would be applied. */
static bool find_given(const struct conf_placeholders *given, const char *name, struct held *out)
{
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        if (strcmp(given->items[i].name, name) == 0) {
            (void)snprintf(out->value, sizeof(out->value), "%s", given->items[i].value);
            return true;
        }
    }
    return false;
}

/* One for each credential: the document's, the store's, or where it has none yet one like those that it would make. */
static int hold(const struct spec *spec, const struct conf_placeholders *given,
                const struct api_tenant *stored, struct holding *out)
{
    *out = (struct holding){.count = spec->credential_count};
    out->held = calloc(out->count + 1, sizeof(*out->held));
    out->list = calloc(out->count + 1, sizeof(*out->list));
    int r = out->held != NULL && out->list != NULL ? 0 : CB_ENOMEM;
    for (size_t i = 0; r == 0 && i < out->count; i++) {
        struct held *held = &out->held[i];
        (void)snprintf(held->name, sizeof(held->name), "%s", spec->credentials[i].name);
        if (!find_given(given, held->name, held) && !find_stored(stored, held->name, held)) {
            r = placeholder_make(span_str(spec->credentials[i].shape), held->value);
        }
        out->list[i] = (struct kube_placeholder){.credential = held->name, .value = held->value};
    }
    return r;
}

/* ---- the answer ---- */

static void write_secret(struct json *j, const struct kube_secret *secret)
{
    static const char *const sources[KUBE_VALUE__COUNT] = {
        [KUBE_VALUE_GIVEN] = "given", [KUBE_VALUE_RANDOM] = "random", [KUBE_VALUE_TEXT] = "text"};
    json_object(j, NULL);
    json_text(j, "namespace", span_str(secret->space));
    json_text(j, "name", span_str(secret->name));
    json_text(j, "about", span_str(secret->about));
    json_array(j, "keys");
    for (size_t i = 0; i < secret->key_count; i++) {
        json_object(j, NULL);
        json_text(j, "name", span_str(secret->keys[i].name));
        json_text(j, "value", span_str(sources[secret->keys[i].value]));
        if (secret->keys[i].value == KUBE_VALUE_TEXT) {
            json_text(j, "text", span_str(secret->keys[i].text));
        }
        json_object_end(j);
    }
    json_array_end(j);
    json_text(j, "command", span_str(secret->command));
    json_object_end(j);
}

static void answer(struct api_request *q, const struct kube_manifests *manifests,
                   enum conf_kube_secrets source)
{
    struct json *j = api_json_begin(q);
    json_array(j, "files");
    for (size_t i = 0; i < manifests->file_count; i++) {
        json_object(j, NULL);
        json_text(j, "path", span_str(manifests->files[i].path));
        json_text(j, "content", buf_span(&manifests->files[i].content));
        json_object_end(j);
    }
    json_array_end(j);
    json_array(j, "secrets");
    for (size_t i = 0; i < manifests->secret_count; i++) {
        write_secret(j, &manifests->secrets[i]);
    }
    json_array_end(j);
    json_text(j, "secrets_from", span_str(conf_kube_secrets_name(source)));
    json_array(j, "notes");
    for (size_t i = 0; i < manifests->note_count; i++) {
        json_text(j, NULL, span_str(manifests->notes[i]));
    }
    json_array_end(j);
    api_answer_json(q);
}

static void make(struct api_request *q, const struct kube_tenant *tenant)
{
    struct kube_manifests manifests;
    struct buf why;
    buf_init(&why, WHY_MAX);
    int r = kube_manifests_make(tenant, &manifests, &why);
    if (r == 0) {
        answer(q, &manifests, tenant->settings->secrets);
    } else {
        api_refuse_code(q, r, buf_span(&why));
    }
    kube_manifests_deinit(&manifests);
    buf_deinit(&why);
}

/* `given`, `stored`: what a document says, and the tenant as the store has it, for their placeholders; or NULL. */
static int make_of(struct api_request *q, const struct spec *spec, struct conf_kubernetes *settings,
                   const struct conf_placeholders *given, const struct api_tenant *stored)
{
    struct ipc_status status;
    struct holding holding = {.count = 0};
    char version[40];
    if (buf_len(&q->api->status) == 0 || ipc_get_status(buf_span(&q->api->status), &status) != 0) {
        api_refuse(q, 503, "The monitor has not said yet which version runs: try again.");
        return 0;
    }
    (void)snprintf(version, sizeof(version), "%.*s", SPAN_ARG(status.version));
    int r = override(&q->manifests, settings);
    if (settings->secrets == CONF_KUBE_SECRETS_EXTERNAL && settings->secret_store == NULL) {
        api_refuse(q, 422, "Secrets from an external store need its name: spec.kubernetes.secretStore.");
        return 0;
    }
    r = r == 0 ? hold(spec, given, stored, &holding) : r;
    if (r == 0) {
        make(q, &(struct kube_tenant){.spec = spec,
                                      .settings = settings,
                                      .placeholders = holding.list,
                                      .placeholder_count = holding.count,
                                      .version = version,
                                      .suspended = stored != NULL && stored->row.suspended_ms != 0});
    } else {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    holding_deinit(&holding);
    return 0;
}

/* ---- of what the store has ---- */

static int on_tenant(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    struct conf_kubernetes settings;
    struct buf errors;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    buf_init(&errors, ERRORS_MAX);
    r = conf_kubernetes_load(tenant.row.yaml, NULL, &settings, &errors);
    if (r == CB_ECONFIG) {
        api_refuse_errors(q, "spec.kubernetes of the stored document is not valid: apply it again.", "stored",
                          buf_span(&errors));
        r = 0;
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
        r = 0;
    } else {
        r = make_of(q, tenant.spec, &settings, NULL, &tenant);
    }
    conf_kubernetes_deinit(&settings);
    buf_deinit(&errors);
    api_tenant_deinit(&tenant);
    return r;
}

void api_manifests_get(struct api_request *q)
{
    if (read_query(q)) {
        api_tenant_get(q, on_tenant);
    }
}

/* ---- of a document ---- */

static int on_preview(struct api_request *q, struct span payload)
{
    struct api_tenant stored = {.spec = NULL};
    struct ipc_tenant row;
    struct conf_tenants document;
    int r = ipc_get_tenant(payload, &row);
    if (r != 0) {
        return r;
    }
    bool exists = ipc_result(row.code) != CB_ENOTFOUND;
    r = exists ? api_tenant_read(q, payload, &stored) : 0;
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    if (api_document_load(q, &document)) {
        r = make_of(q, document.specs[0], &document.kubernetes[0], &document.placeholders[0],
                    exists ? &stored : NULL);
        conf_tenants_deinit(&document);
    }
    api_tenant_deinit(&stored);
    return r;
}

void api_manifests_preview(struct api_request *q)
{
    if (read_query(q)) {
        api_tenant_get(q, on_preview);
    }
}
